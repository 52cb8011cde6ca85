//! Classes of tiles as the learner paints them: skipped tiles are left out, partial ones masked, and flash2 runs so.

use super::super::engine::Engine;
use super::super::scene::{Scene, Stage};
use super::cards::{CardOp, line};
use super::execute::execute;
use super::grade::{Finding, Grade};
use super::order::CardStep;
use super::{Build, Graded};
use crate::attention::{Band, TileClass};
use crate::schedule::{Plan, Schedule, algorithm};
use crate::sentence::Sentence;

const CLASSES: [TileClass; 3] = [TileClass::Full, TileClass::Partial, TileClass::Skipped];

/// The right painting of a plan: for each tile, row by row, the card of its class. `None` where a class has no card.
pub(super) fn classes_as_cards(build: &Build, plan: &Plan) -> Option<Vec<Option<usize>>> {
    let card = |class: TileClass| build.cards.iter().position(|card| card.writes == class.name());
    tiles(plan).map(|(i, j)| card(plan.class(i, j)).map(Some)).collect()
}

fn tiles(plan: &Plan) -> impl Iterator<Item = (usize, usize)> {
    let t_c = plan.t_c();
    (0..plan.t_r()).flat_map(move |i| (0..t_c).map(move |j| (i, j)))
}

pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Graded {
    let stage = engine.stage(scene)?;
    let plan = &stage.plan;
    let class_of = |card: usize| {
        let card = build.cards.get(card)?;
        CLASSES.into_iter().find(|class| class.name() == card.writes)
    };
    let mut painted = Vec::new();
    for (at, (i, j)) in tiles(plan).enumerate() {
        match filling.get(at).copied().flatten().and_then(class_of) {
            Some(class) => painted.push(((i, j), class)),
            None => return Ok(Grade::of(Finding::Empty { hole: at })),
        }
    }
    let mut grade = carry_out(&stage, scene, &painted)?;
    for &((i, j), got) in &painted {
        let want = plan.class(i, j);
        if got != want {
            let is_needless = (got, want) == (TileClass::Partial, TileClass::Full);
            let finding = if is_needless { Finding::NeedlessMask { i, j } } else { Finding::Class { i, j, got, want } };
            grade.findings.insert(0, finding);
            break;
        }
    }
    Ok(grade)
}

/// Runs flash2's schedule for no mask, changed as it was painted.
fn carry_out(stage: &Stage, scene: &Scene, painted: &[((usize, usize), TileClass)]) -> Graded {
    let flash2 = algorithm::by_name("flash2").ok_or("there is no flash2")?;
    let plan = &stage.plan;
    let open = plan.clone().with_band(Band::open(plan.n_q, plan.n_k));
    if painted.len() > 256 {
        return Err("so many tiles are too many to paint".into());
    }
    let schedule = Schedule::new(flash2, open);
    let class = |tile| painted.iter().find(|(known, _)| *known == tile).map_or(TileClass::Full, |(_, class)| *class);
    let (mut programs, mut steps) = (Vec::new(), Vec::new());
    for index in 0..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        let mut program = Vec::new();
        for step in &steps {
            let class = step.place.tile().map_or(TileClass::Full, class);
            if class == TileClass::Skipped {
                continue;
            }
            let card = |operation: &str| {
                let op = line(operation).map(CardOp::Line).ok_or("a line has no card")?;
                Ok::<_, Sentence>(CardStep { op, place: step.place, card: 0 })
            };
            program.push(card(&schedule.algorithm.operation(step.line))?);
            if schedule.facts(step).makes_scores && class == TileClass::Partial {
                program.push(card("mask")?);
            }
        }
        programs.push(program);
    }
    let outcome = execute(stage, scene, &programs).map_err(|_| "this painting cannot be carried out")?;
    let mut findings: Vec<Finding> = outcome.first_difference(stage, scene).into_iter().collect();
    let want = flash2.closed_form(plan).hbm_elements();
    if outcome.moved != want {
        findings.push(Finding::Moved { got: outcome.moved, want });
    }
    Ok(Grade { findings, moved: Some(outcome.moved), on_chip: Some(outcome.on_chip), thought: None })
}
