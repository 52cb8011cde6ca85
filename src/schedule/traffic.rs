//! Totals of a schedule or of a part of it: elements moved per tensor, SRAM traffic, FLOPs, tiles.

use std::ops::AddAssign;

use crate::attention::TileClass;

use super::language::{Cost, Counts};
use super::plan::Plan;
use super::step::{Op, Tensor};

/// Elements of each tensor, by its place in [`Tensor::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerTensor([u64; Tensor::ALL.len()]);

impl PerTensor {
    pub fn get(&self, tensor: Tensor) -> u64 {
        self.0[tensor as usize]
    }

    pub fn add(&mut self, tensor: Tensor, elements: u64) {
        self.0[tensor as usize] += elements;
    }

    /// The tensors that moved at all, with their elements.
    pub fn iter(&self) -> impl Iterator<Item = (Tensor, u64)> + '_ {
        Tensor::ALL.into_iter().map(|tensor| (tensor, self.get(tensor))).filter(|(_, elements)| *elements > 0)
    }

    pub fn elements(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Bytes in HBM, each tensor in its own element size.
    pub fn bytes(&self, plan: &Plan) -> u64 {
        self.iter().map(|(tensor, elements)| elements * plan.bytes_of(tensor)).sum()
    }
}

/// Floating-point operations by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flops {
    pub matmul: u64,
    pub exp: u64,
    pub other: u64,
}

impl Flops {
    pub fn total(self) -> u64 {
        self.matmul + self.exp + self.other
    }
}

/// What one step moves and computes: elements, and operations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    hbm_read: u64,
    hbm_write: u64,
    sram_read: u64,
    sram_write: u64,
    flops: Flops,
}

impl Amounts {
    /// A cost over the rows, keys and pairs of `counts`.
    pub fn of(cost: &Cost, counts: Counts) -> Self {
        Self {
            hbm_read: cost.hbm_read.at(counts),
            hbm_write: cost.hbm_write.at(counts),
            sram_read: cost.sram_read.at(counts),
            sram_write: cost.sram_write.at(counts),
            flops: Flops { matmul: cost.matmul.at(counts), exp: cost.exp.at(counts), other: cost.other.at(counts) },
        }
    }
}

/// What moved and what was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// HBM elements.
    pub read: PerTensor,
    pub write: PerTensor,
    /// Elements on chip.
    pub sram_read: u64,
    pub sram_write: u64,
    pub flops: Flops,
}

impl Traffic {
    /// Adds `op` over the rows, keys and pairs of `counts`. A `free` load moves nothing from HBM.
    pub fn add(&mut self, op: Op, cost: &Cost, counts: Counts, free: bool) {
        self.add_amounts(op, &Amounts::of(cost, counts), free);
    }

    /// Adds what one step of `op` moves and computes.
    pub fn add_amounts(&mut self, op: Op, amounts: &Amounts, free: bool) {
        if let (Some(tensor), false) = (op.tensor(), free) {
            self.read.add(tensor, amounts.hbm_read);
            self.write.add(tensor, amounts.hbm_write);
        }
        self.sram_read += amounts.sram_read;
        self.sram_write += amounts.sram_write;
        self.flops.matmul += amounts.flops.matmul;
        self.flops.exp += amounts.flops.exp;
        self.flops.other += amounts.flops.other;
    }

    /// Elements moved between HBM and chip, both ways.
    pub fn hbm_elements(&self) -> u64 {
        self.read.elements() + self.write.elements()
    }

    /// Bytes moved between HBM and chip, both ways.
    pub fn hbm_bytes(&self, plan: &Plan) -> u64 {
        self.read.bytes(plan) + self.write.bytes(plan)
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Self) {
        for tensor in Tensor::ALL {
            self.read.add(tensor, other.read.get(tensor));
            self.write.add(tensor, other.write.get(tensor));
        }
        self.sram_read += other.sram_read;
        self.sram_write += other.sram_write;
        self.flops.matmul += other.flops.matmul;
        self.flops.exp += other.flops.exp;
        self.flops.other += other.flops.other;
    }
}

/// Tiles by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TileCounts {
    pub full: u64,
    pub partial: u64,
    pub skipped: u64,
}

impl TileCounts {
    pub fn count(&mut self, class: TileClass) {
        match class {
            TileClass::Full => self.full += 1,
            TileClass::Partial => self.partial += 1,
            TileClass::Skipped => self.skipped += 1,
        }
    }

    /// From the closed sums, visiting no tile.
    pub fn of_plan(plan: &Plan) -> Self {
        let sums = plan.tile_sums();
        Self {
            full: sums.full_tiles,
            partial: sums.active_tiles - sums.full_tiles,
            skipped: sums.all_tiles - sums.active_tiles,
        }
    }
}
