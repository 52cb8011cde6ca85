//! Cards of operations and loops to a schedule: the learner's own program, carried out by the machine.

use super::super::engine::Engine;
use super::super::error::Result;
use super::super::fields::Field;
use super::super::scene::{Scene, Stage};
use super::cards::CardOp;
use super::execute::execute;
use super::grade::{Finding, Grade, Why, empty_hole};
use super::{Build, Card, Filled, Graded};
use crate::attention::Runs;
use crate::schedule::{Place, Plan};
use crate::sentence::Sentence;

/// What a card does at a place, with the card that it came from.
pub(super) struct CardStep {
    pub op: CardOp,
    pub place: Place,
    pub card: usize,
}

/// `load Q, scores, store S`, `for i`, `end`, `kernel`
pub(super) fn parse_ops(field: &Field) -> Result<Vec<CardOp>> {
    let op =
        |name: &str| CardOp::parse(name).ok_or_else(|| field.fault(Sentence::new("`{0}` is no operation").with(name)));
    field.value.split(',').map(|name| op(name.trim())).collect()
}

pub(super) fn grade(build: &Build, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Graded {
    if let Some(hole) = empty_hole(build, filling) {
        return Ok(Grade::of(Finding::Empty { hole }));
    }
    let stage = engine.stage(scene)?;
    let cards: Vec<&Card> = build
        .filled(filling)
        .into_iter()
        .flat_map(|(_, parts)| parts)
        .filter_map(|part| match part {
            Filled::Card(card) => Some(card),
            Filled::Text(_) => None,
        })
        .collect();
    let impossible = |card: usize, why: Why| -> Graded {
        let text = cards.get(card).map(|card| card.text.fill(engine, scene)).transpose();
        let card = text.map_err(|error| error.what)?.unwrap_or_default();
        Ok(Grade::of(Finding::Impossible { card, why }))
    };
    let ops: Vec<(usize, CardOp)> =
        cards.iter().enumerate().flat_map(|(at, card)| card.ops.iter().map(move |&op| (at, op))).collect();
    match compile(&ops, &stage.plan).and_then(|programs| execute(&stage, scene, &programs)) {
        Err((card, why)) => impossible(card, why),
        Ok(outcome) => {
            let findings = outcome.first_difference(&stage, scene).into_iter().collect();
            Ok(Grade { findings, moved: Some(outcome.moved), on_chip: Some(outcome.on_chip), thought: None })
        }
    }
}

/// A card and why it cannot be carried out.
pub(super) type Impossible = (usize, Why);

/// More steps than this are no exercise.
const MOST_STEPS: usize = 20_000;

/// The steps of each kernel.
fn compile(ops: &[(usize, CardOp)], plan: &Plan) -> std::result::Result<Vec<Vec<CardStep>>, Impossible> {
    let mut programs = Vec::new();
    for kernel in ops.split(|(_, op)| *op == CardOp::Kernel) {
        let mut writer = Writer { plan, steps: Vec::new() };
        // An axis of one block needs no loop.
        let (i, j) = ((plan.t_r() == 1).then_some(0), (plan.t_c() == 1).then_some(0));
        let rest = writer.body(kernel, i, j, 0)?;
        if let Some((card, _)) = rest.first() {
            return Err((*card, Why::Brackets));
        }
        if !writer.steps.is_empty() {
            programs.push(writer.steps);
        }
    }
    Ok(programs)
}

struct Writer<'a> {
    plan: &'a Plan,
    steps: Vec<CardStep>,
}

type Rest<'o> = &'o [(usize, CardOp)];

impl Writer<'_> {
    /// Writes `ops` up to the end of this loop, and gives what comes from there on.
    fn body<'o>(
        &mut self,
        mut ops: Rest<'o>,
        i: Option<usize>,
        j: Option<usize>,
        depth: usize,
    ) -> std::result::Result<Rest<'o>, Impossible> {
        while let Some((&(card, op), rest)) = ops.split_first() {
            ops = match op {
                CardOp::End => return Ok(ops),
                CardOp::Kernel => return Err((card, Why::Brackets)),
                CardOp::For(axis) => self.repeat(card, axis, rest, i, j, depth)?,
                op => {
                    if self.steps.len() >= MOST_STEPS {
                        return Err((card, Why::TooLong));
                    }
                    self.steps.push(CardStep { op, place: Place::new(i, j), card });
                    rest
                }
            };
        }
        Ok(ops)
    }

    fn repeat<'o>(
        &mut self,
        card: usize,
        axis: char,
        body: Rest<'o>,
        i: Option<usize>,
        j: Option<usize>,
        depth: usize,
    ) -> std::result::Result<Rest<'o>, Impossible> {
        // Two loops at most, one over each axis; an axis of one block may have its loop too.
        let (plan, is_rows) = (self.plan, axis == 'i');
        let (blocks, known) = if is_rows { (plan.t_r(), i) } else { (plan.t_c(), j) };
        if depth >= 2 || (known.is_some() && blocks > 1) {
            return Err((card, Why::TwiceTheSameLoop(axis)));
        }
        let runs = match (is_rows, i, j) {
            (true, _, Some(j)) => plan.visible_query_blocks(j),
            (false, Some(i), _) => plan.visible_key_blocks(i),
            _ => Runs::One(0..blocks),
        };
        let mut after = None;
        for block in runs.indices() {
            let (i, j) = if is_rows { (Some(block), j) } else { (i, Some(block)) };
            after = Some(self.body(body, i, j, depth + 1)?);
        }
        let rest = match after {
            Some(rest) => rest,
            // Not a single turn: the end is found without writing anything.
            None => skip(body),
        };
        match rest.split_first() {
            Some(((_, CardOp::End), rest)) => Ok(rest),
            _ => Err((card, Why::Brackets)),
        }
    }
}

/// From the end of the loop whose body begins here.
fn skip(body: Rest<'_>) -> Rest<'_> {
    let mut depth = 0;
    for (at, (_, op)) in body.iter().enumerate() {
        match op {
            CardOp::For(_) => depth += 1,
            CardOp::End if depth == 0 => return &body[at..],
            CardOp::End => depth -= 1,
            _ => {}
        }
    }
    &[]
}

impl super::execute::Outcome {
    /// The first number of O that is not within the error rule.
    pub(super) fn first_difference(&self, stage: &Stage, scene: &Scene) -> Option<Finding> {
        let reference = crate::attention::error_rule::reference(
            &stage.input.problem,
            scene.run.batch(),
            scene.run.head(),
            stage.plan.precision,
        );
        self.output.o.indexed_iter().zip(&reference.exact.o).find_map(|(((row, place), &got), &want)| {
            let is_within = got == want || (got - want).abs() <= reference.bound.o;
            (!is_within).then_some(Finding::Number { of: "O", row, place, got, want })
        })
    }
}
