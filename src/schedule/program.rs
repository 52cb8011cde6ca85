//! The writer that an algorithm calls: it turns loads, tile operations and buffers into steps.

use super::plan::{DropoutCost, Plan};
use super::step::{Max, OnChip, Op, Place, Step, Tensor};
use crate::attention::TileClass;

/// Memory of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    Shared,
    Registers,
}

/// A buffer on chip, as an algorithm declares it. Blocks are allocated whole, also for a ragged edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// What it holds, such as `Q_i` or `S, P`.
    pub name: &'static str,
    pub rows: usize,
    pub cols: usize,
    pub element_bytes: u64,
    pub space: Space,
    /// Copies, for a load that runs ahead.
    pub stages: u64,
}

impl Buffer {
    /// A tile of an input in shared memory, in the format of HBM.
    pub fn shared(name: &'static str, plan: &Plan, rows: usize, cols: usize) -> Self {
        let element_bytes = plan.precision.element_bytes();
        Self { name, rows, cols, element_bytes, space: Space::Shared, stages: 1 }
    }

    /// An accumulator in registers.
    pub fn registers(name: &'static str, plan: &Plan, rows: usize, cols: usize) -> Self {
        let element_bytes = plan.precision.accumulator_bytes();
        Self { name, rows, cols, element_bytes, space: Space::Registers, stages: 1 }
    }

    pub fn bytes(&self) -> u64 {
        self.rows as u64 * self.cols as u64 * self.element_bytes * self.stages
    }
}

impl OnChip {
    /// Buffers that are alive together.
    pub fn of(buffers: &[Buffer]) -> Self {
        buffers.iter().fold(Self::default(), Self::with)
    }

    fn with(mut self, buffer: &Buffer) -> Self {
        match buffer.space {
            Space::Shared => self.shared += buffer.bytes(),
            Space::Registers => self.registers += buffer.bytes(),
        }
        self
    }
}

/// An event of the ledger, before the step with this index in the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BufferEvent {
    Allocate { before: usize, buffer: Buffer },
    FreeAll { before: usize },
}

/// One section of a program being written: an iteration of its outer loop, or all of it.
pub struct Program<'a> {
    plan: &'a Plan,
    place: Place,
    live: OnChip,
    pub(super) steps: Vec<Step>,
    pub(super) buffers: Vec<BufferEvent>,
}

impl<'a> Program<'a> {
    pub(super) fn new(plan: &'a Plan, live: OnChip, mut steps: Vec<Step>) -> Self {
        steps.clear();
        Self { plan, place: Place::default(), live, steps, buffers: Vec::new() }
    }

    pub(super) fn live(&self) -> OnChip {
        self.live
    }

    /// Declares a buffer, alive until the program frees its buffers.
    pub fn allocate(&mut self, buffer: Buffer) {
        self.live = self.live.with(&buffer);
        self.buffers.push(BufferEvent::Allocate { before: self.steps.len(), buffer });
    }

    /// Ends the life of every buffer, as the end of a thread block does.
    pub fn free_all(&mut self) {
        self.live = OnChip::default();
        self.buffers.push(BufferEvent::FreeAll { before: self.steps.len() });
    }

    /// The steps that follow belong to query block `i`.
    pub fn at_rows(&mut self, i: usize) {
        self.place = Place::new(Some(i), None);
    }

    /// The steps that follow belong to key block `j`.
    pub fn at_cols(&mut self, j: usize) {
        self.place = Place::new(None, Some(j));
    }

    /// The steps that follow belong to tile (i, j).
    pub fn at_tile(&mut self, i: usize, j: usize) {
        self.place = Place::new(Some(i), Some(j));
    }

    pub fn load(&mut self, tensor: Tensor) {
        self.push(Op::Load(tensor), false);
    }

    /// Loads a block that costs HBM traffic only the first time this kernel reads it.
    pub fn load_once(&mut self, tensor: Tensor, first_time: bool) {
        self.push(Op::Load(tensor), !first_time);
    }

    pub fn store(&mut self, tensor: Tensor) {
        self.push(Op::Store(tensor), false);
    }

    /// Writes a starting value to HBM.
    pub fn initialise(&mut self, tensor: Tensor) {
        self.push(Op::Initialise(tensor), false);
    }

    /// An operation without choices.
    pub fn step(&mut self, op: Op) {
        self.push(op, false);
    }

    /// S of the tile, with the bias that it may need.
    pub fn scores(&mut self) {
        if self.plan.bias {
            self.load(Tensor::Bias);
        }
        self.step(Op::Scores);
    }

    /// Hides keys where the tile needs it; a full tile needs no step.
    pub fn mask_if_needed(&mut self) {
        let (i, j) = self.place.tile().expect("a mask is applied to a tile");
        if self.plan.class(i, j) != TileClass::Full {
            self.step(Op::Mask);
        }
    }

    pub fn row_max(&mut self, max: Max) {
        self.step(Op::RowMax(max));
    }

    pub fn exponentiate(&mut self, max: Max) {
        self.step(Op::Exponentiate(max));
    }

    /// Drops weights after their sum was taken: the softmax itself is of all of them.
    pub fn dropout(&mut self) {
        match self.plan.dropout {
            DropoutCost::None => {}
            DropoutCost::Regenerated => self.step(Op::Dropout),
            DropoutCost::Materialised => {
                self.load(Tensor::Keep);
                self.step(Op::Dropout);
            }
        }
    }

    fn push(&mut self, op: Op, free: bool) {
        self.steps.push(Step { op, place: self.place, free, live: self.live });
    }
}
