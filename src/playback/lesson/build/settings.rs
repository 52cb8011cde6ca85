//! Properties of the scene as the learner sets them: block sizes to fit a chip, an algorithm to meet a count.

use super::super::engine::Engine;
use super::super::fields::Field;
use super::super::scene::{At, Scene};
use super::execute::Outcome;
use super::grade::{Finding, Grade, empty_hole};
use super::{Build, Card, Filled, Graded, Kind, Line, written};
use crate::schedule::tiling::footprint;
use crate::sentence::Sentence;

/// The first card that is a value of another setting than that of its line.
fn misfit<'a>(build: &'a Build, filling: &[Option<usize>]) -> Option<(&'a Card, &'a Line)> {
    let misfits = |line: &'a Line, parts: Vec<Filled<'a>>| {
        parts.into_iter().find_map(|part| match part {
            Filled::Card(card) if !card.of.is_empty() && card.of != line.name => Some((card, line)),
            _ => None,
        })
    };
    build.filled(filling).into_iter().find_map(|(line, parts)| misfits(line, parts))
}

/// The scene with the settings that were built. Errors with what no scene can have.
fn built(build: &Build, filling: &[Option<usize>], scene: &Scene) -> Result<Scene, Sentence> {
    let mut built = scene.clone();
    for (line, parts) in build.filled(filling) {
        let field = Field { line: line.line, column: 1, key: line.name.clone(), value: written(&parts) };
        built.set(&field).map_err(|error| error.what)?;
    }
    Ok(built)
}

impl Build {
    /// The run that was built from settings, at its end: its blocks may be others than those of the beat's step.
    pub fn built(&self, filling: &[Option<usize>], scene: &Scene) -> Option<Scene> {
        let is_whole = self.kind == Kind::Settings && empty_hole(self, filling).is_none();
        let run = is_whole.then(|| built(self, filling, scene).ok()).flatten()?;
        // Another input leaves what is looked at.
        Some(Scene { step: At::End, view: scene.view, selection: scene.selection, ..run })
    }
}

pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Graded {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    if let Some((card, line)) = misfit(build, filling) {
        let card_text = card.text.fill(engine, scene).map_err(|error| error.what)?;
        return Ok(Grade::of(Finding::Misfit { card: card_text, of: card.of.clone(), line: line.name.clone() }));
    }
    let built = match built(build, filling, scene) {
        Ok(built) => built,
        Err(fault) => return Ok(Grade::of(Finding::Setting(fault))),
    };
    let stage = engine.stage(&built)?;
    let run = engine.run(&built, &stage.algorithm.with_bug(&built.bug))?;
    let (moved, on_chip) =
        (run.meters().total().traffic.hbm_elements(), footprint(&stage.algorithm, &stage.plan).total());
    let output = run.output().ok_or_else(|| Sentence::new("{0} makes no O").with(stage.algorithm.name()))?.clone();
    let outcome = Outcome { output, moved, on_chip };
    let mut findings: Vec<Finding> = outcome.first_difference(&stage, &built).into_iter().collect();
    let holds = build.goal.as_ref().map_or(Ok(true), |goal| engine.holds(goal, &built));
    let hardware = stage.run.hardware();
    let limit = hardware.shared_bytes_per_block;
    if stage.algorithm.is_budgeted() && !footprint(&stage.algorithm, &stage.plan).fits(&hardware) {
        findings.push(Finding::OnChip { got: on_chip, limit });
    } else if !holds.map_err(|error| error.what)? {
        findings.push(Finding::Goal);
    }
    Ok(Grade { findings, moved: Some(moved), on_chip: Some(on_chip), thought: None })
}
