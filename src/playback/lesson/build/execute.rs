//! Carries out a schedule that a learner wrote, on the real machine. What a chip could not do is told, not done.

use std::collections::HashSet;

use super::super::scene::{Scene, Stage};
use super::grade::Why;
use super::order::{CardStep, Impossible};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Real};
use crate::machine::{Block, Effects, Machine, Slot, Slots, output};
use crate::schedule::step::Extent;
use crate::schedule::{Max, Op, Place, Plan, Span, Step, Tensor, Traffic, algorithm};

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
    let head = stage.input.problem.head::<T>(scene.batch, scene.head, plan.precision);
    let mut machine = Machine::new(plan, &head, stage.meaning);
    let (mut traffic, mut on_chip) = (Traffic::default(), 0);
    let mut stored = HashSet::new();
    for program in programs {
        machine.start_program(Span::Tile);
        let mut chip = Held::default();
        for CardStep { op, place, card } in program {
            let step = Step::alone(*op, *place);
            let effects = Effects::of(&step, Span::Tile);
            chip.check(*op, *place, &effects, plan, &stored).map_err(|why| (*card, why))?;
            machine.execute(&step);
            chip.note(*op, *place, &effects);
            stored.extend(effects.hbm_write);
            traffic.add(*op, &algorithm::cost_of(*op, plan), plan.counts_at(*place), false);
        }
        on_chip = on_chip.max(chip.bytes(plan));
    }
    Ok(Outcome { output: output(&machine), moved: traffic.hbm_elements(), on_chip })
}

/// What the chip holds, as far as it is needed to refuse what makes no sense.
#[derive(Default)]
struct Held {
    written: Slots,
    /// Blocks that tiles on chip belong to: by rows, by keys.
    rows: Vec<(Tensor, usize)>,
    keys: Vec<(Tensor, usize)>,
    has_tile_statistics: bool,
}

/// Every place on chip.
const SLOTS: [Slot; 17] = [
    Slot::Q,
    Slot::K,
    Slot::V,
    Slot::Bias,
    Slot::Keep,
    Slot::S,
    Slot::P,
    Slot::O,
    Slot::M,
    Slot::Sum,
    Slot::Lse,
    Slot::TileMax,
    Slot::TileSum,
    Slot::Alpha,
    Slot::Beta,
    Slot::NewSum,
    Slot::NewMax,
];

impl Held {
    /// Why `op` cannot be carried out now, if it cannot.
    fn check(&self, op: Op, place: Place, effects: &Effects, plan: &Plan, stored: &HashSet<Block>) -> Result<(), Why> {
        let (needs_rows, needs_keys) = axes(op);
        if needs_rows && place.i().is_none() {
            return Err(Why::NoLoop('i'));
        }
        if needs_keys && place.j().is_none() {
            return Err(Why::NoLoop('j'));
        }
        match op {
            Op::Store(tensor) if tensor.is_input() => return Err(Why::StoresInput(tensor.name())),
            Op::Initialise(tensor) if !matches!(tensor, Tensor::O | Tensor::M | Tensor::Sum) => {
                return Err(Why::NoStart(tensor.name()));
            }
            _ => {}
        }
        let is_missing = |slot: &Slot| effects.reads.contains(*slot) && !self.written.contains(*slot);
        // Without a bias or a stored dropout mask there is nothing to load.
        let is_needed = |slot: &Slot| match slot {
            Slot::Bias => plan.bias,
            Slot::Keep => false,
            _ => true,
        };
        if let Some(slot) = SLOTS.into_iter().find(|slot| is_needed(slot) && is_missing(slot)) {
            return Err(Why::NeverWritten(slot));
        }
        if let Some(block) = effects.hbm_read.filter(|block| !stored.contains(block)) {
            return Err(Why::NotInHbm(block.tensor.name()));
        }
        let other = |held: &[(Tensor, usize)], needed: Option<usize>| {
            let reads = |tensor: Tensor| effects.reads.contains(Slot::from(tensor));
            let other = held.iter().find(|(tensor, block)| reads(*tensor) && Some(*block) != needed);
            other.zip(needed).map(|((tensor, held), needed)| Why::OtherBlock {
                tensor: tensor.name(),
                held: *held,
                needed,
            })
        };
        // Only what has an axis is held by it.
        match other(&self.rows, place.i()).or_else(|| other(&self.keys, place.j())) {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }

    /// Remembers what the step left on chip.
    fn note(&mut self, op: Op, place: Place, effects: &Effects) {
        self.written = self.written.with(effects.writes);
        self.has_tile_statistics |= matches!(op, Op::RowMax(Max::Tile));
        for tensor in Tensor::ALL.into_iter().filter(|tensor| effects.writes.contains(Slot::from(*tensor))) {
            let (has_rows, has_keys) = axes_of(tensor);
            let hold = |held: &mut Vec<(Tensor, usize)>, block: Option<usize>| {
                held.retain(|(known, _)| *known != tensor);
                held.extend(block.map(|block| (tensor, block)));
            };
            if has_rows {
                hold(&mut self.rows, place.i());
            }
            if has_keys {
                hold(&mut self.keys, place.j());
            }
        }
    }

    /// Bytes of the buffers that the program has used: those that the ledger of a fused kernel counts.
    fn bytes(&self, plan: &Plan) -> u64 {
        let (e, a) = (plan.precision.element_bytes(), plan.precision.accumulator_bytes());
        let (br, bc, d, d_v) = (plan.br as u64, plan.bc as u64, plan.d as u64, plan.d_v as u64);
        let has = |slots: &[Slot]| self.written.meets(Slots::of(slots));
        let mut bytes = 0;
        for (slots, size) in [
            (&[Slot::Q][..], e * br * d),
            (&[Slot::K], e * bc * d),
            (&[Slot::V], e * bc * d_v),
            (&[Slot::O], a * br * d_v),
            (&[Slot::S, Slot::P], a * br * bc),
            (&[Slot::M], a * br),
            (&[Slot::Sum], a * br),
        ] {
            bytes += if has(slots) { size } else { 0 };
        }
        // flash2 keeps no statistics of a tile beside those of the row.
        bytes + if self.has_tile_statistics { 2 * a * br } else { 0 }
    }
}

/// Whether a tensor is cut along the queries, and along the keys.
fn axes_of(tensor: Tensor) -> (bool, bool) {
    match tensor.extent() {
        Extent::RowsByCols => (true, true),
        Extent::RowsByD | Extent::RowsByDv | Extent::Rows => (true, false),
        Extent::ColsByD | Extent::ColsByDv => (false, true),
    }
}

/// Whether an operation needs to know its query block, and its key block.
fn axes(op: Op) -> (bool, bool) {
    match op {
        Op::Load(tensor) | Op::Store(tensor) | Op::Initialise(tensor) => axes_of(tensor),
        Op::StartRows | Op::StartOutput | Op::Normalise | Op::Rescale | Op::MergeStats => (true, false),
        Op::Scores
        | Op::Mask
        | Op::RowMax(_)
        | Op::Exponentiate(_)
        | Op::RowSum
        | Op::Dropout
        | Op::Accumulate
        | Op::Product
        | Op::MergeOutput
        | Op::DivideRows => (true, true),
    }
}
