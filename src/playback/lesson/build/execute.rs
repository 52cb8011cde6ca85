//! Carries out a schedule that a learner wrote, on the real machine. What a chip could not do is told, not done.

use std::collections::HashSet;

use super::super::scene::{Scene, Stage};
use super::cards::{TEXT, axes_of, effects, is_input, names, needs, step};
use super::grade::Why;
use super::order::{CardStep, Impossible};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Real};
use crate::machine::{Block, Given, Machine, Program, Results};
use crate::schedule::language::{Axis, Names, Setting};
use crate::schedule::{Amounts, Buffer, Effects, Plan, Schedule, Step, Traffic};

use super::cards::CardOp;

/// What a schedule gave and what it cost.
pub(in super::super) struct Outcome {
    pub output: Output,
    /// Elements between HBM and chip.
    pub moved: u64,
    /// Bytes on chip at most.
    pub on_chip: u64,
}

/// Carries out `programs`, each on an empty chip.
pub(super) fn execute(stage: &Stage, scene: &Scene, programs: &[Vec<CardStep>]) -> Result<Outcome, Impossible> {
    match stage.plan.precision {
        Precision::F64 => execute_in::<f64>(stage, scene, programs),
        _ => execute_in::<f32>(stage, scene, programs),
    }
}

fn execute_in<T: Real>(stage: &Stage, scene: &Scene, programs: &[Vec<CardStep>]) -> Result<Outcome, Impossible> {
    let plan = &stage.plan;
    let schedule = Schedule::new(&TEXT, plan.clone());
    let given = [Given::new(plan.head::<T>(&stage.input.problem, scene.run.batch(), scene.run.head()))];
    let program = Program::new(&TEXT);
    let too_large = |_| (0, Why::TooLong);
    let mut machine = Machine::new(&program, &schedule.setting, &given).map_err(too_large)?;
    let (mut traffic, mut on_chip) = (Traffic::default(), 0);
    let mut stored = HashSet::new();
    for (number, cards) in programs.iter().enumerate() {
        let mut chip = Held::default();
        for CardStep { op, place, card } in cards {
            let at = |why| (*card, why);
            let line = match op {
                CardOp::Line(line) => *line,
                CardOp::StoresInput(tensor) if is_input(tensor.name()) => {
                    return Err(at(Why::StoresInput(tensor.name())));
                }
                CardOp::NoStart(tensor) => return Err(at(Why::NoStart(tensor.name()))),
                _ => return Err(at(Why::Brackets)),
            };
            let step = step(line, *place, number, &schedule.setting);
            let effects = effects(&step);
            chip.check(&step, &effects, &stored).map_err(at)?;
            machine.execute(&step).map_err(|_| at(Why::TooLong))?;
            chip.note(&step, &effects);
            stored.extend(effects.hbm_write.map(|tensor| Block::of(&TEXT, tensor, step.place, 0)));
            let tensor = TEXT.line(line).tensor().map(|tensor| TEXT.hbm_tensor(tensor, plan));
            let amounts = Amounts::of(&TEXT.cost(line, step.held, plan), plan.counts_at(step.place));
            traffic.add(tensor, &amounts, false);
        }
        on_chip = on_chip.max(chip.bytes(plan));
    }
    let output = Results::of(&machine, &schedule, 0).output().ok_or((0, Why::TooLong))?;
    Ok(Outcome { output, moved: traffic.hbm_elements(), on_chip })
}

/// What the chip holds, as far as it is needed to refuse what makes no sense.
#[derive(Default)]
struct Held {
    written: Names,
    /// Blocks that values on chip belong to: by rows, by keys.
    rows: Vec<(&'static str, usize)>,
    keys: Vec<(&'static str, usize)>,
}

impl Held {
    /// Why a step cannot be carried out now, if it cannot.
    fn check(&self, step: &Step, effects: &Effects, stored: &HashSet<Block>) -> Result<(), Why> {
        let needs = needs(TEXT.line(step.line));
        for (axis, letter) in [(Axis::I, 'i'), (Axis::J, 'j')] {
            if needs.has(axis) && step.place.at(axis).is_none() {
                return Err(Why::NoLoop(letter));
            }
        }
        if let Some(name) = names(effects.reads.without(self.written)).next() {
            return Err(Why::NeverWritten(name));
        }
        let read = effects.hbm_read.map(|tensor| Block::of(&TEXT, tensor, step.place, 0));
        if let Some(block) = read.filter(|block| !stored.contains(block)) {
            return Err(Why::NotInHbm(TEXT.tensor(block.tensor).name()));
        }
        let other = |held: &[(&'static str, usize)], needed: Option<usize>| {
            let mut reads = names(effects.reads);
            let other =
                reads.find_map(|name| held.iter().find(|(known, block)| *known == name && Some(*block) != needed));
            other.zip(needed).map(|(&(tensor, held), needed)| Why::OtherBlock { tensor, held, needed })
        };
        // Only what has an axis is held by it.
        match other(&self.rows, step.place.i()).or_else(|| other(&self.keys, step.place.j())) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Remembers what the step left on chip.
    fn note(&mut self, step: &Step, effects: &Effects) {
        self.written = self.written.with(effects.writes);
        for name in names(effects.writes) {
            let axes = axes_of(name);
            let hold = |held: &mut Vec<(&'static str, usize)>, block: Option<usize>| {
                held.retain(|(known, _)| *known != name);
                held.extend(block.map(|block| (name, block)));
            };
            if axes.has(Axis::I) {
                hold(&mut self.rows, step.place.i());
            }
            if axes.has(Axis::J) {
                hold(&mut self.keys, step.place.j());
            }
        }
    }

    /// Bytes of the buffers that the program has used: those that the ledger of a fused kernel counts.
    fn bytes(&self, plan: &Plan) -> u64 {
        let has = |name: &str| TEXT.text().name(name).is_some_and(|name| self.written.has(name));
        let buffers = TEXT.buffers(0, &Setting::new(plan.clone()));
        let is_used = |names: &[String]| match names {
            // flash2 keeps no statistics of a tile beside those of the row.
            [name] if name.ends_with("_tile") => has("m_tile"),
            names => names.iter().any(|name| has(name)),
        };
        buffers.iter().filter(|buffer| is_used(&buffer.names)).map(Buffer::bytes).sum()
    }
}
