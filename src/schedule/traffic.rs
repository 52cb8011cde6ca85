//! Totals of a schedule or of a part of it: elements moved per tensor, SRAM traffic, FLOPs, tiles.

use crate::attention::{BiasOf, Pages, TileClass};

use super::language::{Cost, Counts, MOST_TENSORS, SCALE_BYTES};
use super::plan::Plan;
use super::tensor::Tensor;

/// Elements of tensors, in the order of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerTensor {
    moved: [Option<Moved>; MOST_TENSORS + 3],
}

/// Elements of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moved {
    of: HbmTensor,
    elements: u64,
}

/// A tensor with the bytes of one of its elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HbmTensor {
    pub tensor: Tensor,
    pub element_bytes: u64,
}

impl HbmTensor {
    pub const BLOCK_TABLE: Self = Self { tensor: Tensor::BLOCK_TABLE, element_bytes: Pages::ENTRY_BYTES };
    pub const SCALES: Self = Self { tensor: Tensor::SCALES, element_bytes: SCALE_BYTES };
    pub const MASK: Self = Self { tensor: Tensor::MASK, element_bytes: BiasOf::BOOLEAN_BYTES };
}

impl PerTensor {
    pub fn get(&self, tensor: Tensor) -> u64 {
        self.moved.iter().flatten().find(|moved| moved.of.tensor == tensor).map_or(0, |moved| moved.elements)
    }

    /// A text has at most [`MOST_TENSORS`] tensors, and a run a block table, scales and a mask beside them.
    pub fn add(&mut self, of: HbmTensor, elements: u64) {
        if elements == 0 {
            return;
        }
        let is_behind = |moved: &Option<Moved>| moved.is_none_or(|moved| moved.of.tensor >= of.tensor);
        let Some(at) = self.moved.iter().position(is_behind) else { return };
        match &mut self.moved[at] {
            Some(moved) if moved.of.tensor == of.tensor => moved.elements += elements,
            _ => {
                self.moved[at..].rotate_right(1);
                self.moved[at] = Some(Moved { of, elements });
            }
        }
    }

    /// The tensors that moved at all, with their elements.
    pub fn iter(&self) -> impl Iterator<Item = (Tensor, u64)> + '_ {
        self.moved.iter().flatten().map(|moved| (moved.of.tensor, moved.elements))
    }

    /// The same, in bytes.
    pub fn iter_bytes(&self) -> impl Iterator<Item = (Tensor, u64)> + '_ {
        self.moved.iter().flatten().map(|moved| (moved.of.tensor, moved.elements * moved.of.element_bytes))
    }

    pub fn elements(&self) -> u64 {
        self.iter().map(|(_, elements)| elements).sum()
    }

    /// Bytes in HBM, each tensor in its own element size.
    pub fn bytes(&self) -> u64 {
        self.iter_bytes().map(|(_, bytes)| bytes).sum()
    }

    /// Bytes of one tensor.
    pub fn bytes_of(&self, tensor: Tensor) -> u64 {
        self.iter_bytes().find(|(known, _)| *known == tensor).map_or(0, |(_, bytes)| bytes)
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
    /// Entries of the block table, and scales of blocks.
    table_read: u64,
    scales_read: u64,
    /// Elements of a mask of booleans.
    mask_read: u64,
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
            table_read: cost.lookups * counts.entries,
            scales_read: cost.scales * counts.one,
            mask_read: cost.mask_read.at(counts),
            sram_read: cost.sram_read.at(counts),
            sram_write: cost.sram_write.at(counts),
            flops: Flops { matmul: cost.matmul.at(counts), exp: cost.exp.at(counts), other: cost.other.at(counts) },
        }
    }

    /// What so many such steps come to.
    pub fn times(&self, steps: u64) -> Self {
        let Flops { matmul, exp, other } = self.flops;
        Self {
            hbm_read: steps * self.hbm_read,
            hbm_write: steps * self.hbm_write,
            table_read: steps * self.table_read,
            scales_read: steps * self.scales_read,
            mask_read: steps * self.mask_read,
            sram_read: steps * self.sram_read,
            sram_write: steps * self.sram_write,
            flops: Flops { matmul: steps * matmul, exp: steps * exp, other: steps * other },
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
    /// Adds what one step moves, of `tensor` if it moves one, and computes. A `free` load moves nothing from HBM.
    pub fn add(&mut self, tensor: Option<HbmTensor>, amounts: &Amounts, free: bool) {
        if let (Some(tensor), false) = (tensor, free) {
            self.read.add(tensor, amounts.hbm_read);
            self.write.add(tensor, amounts.hbm_write);
            self.read.add(HbmTensor::BLOCK_TABLE, amounts.table_read);
            self.read.add(HbmTensor::SCALES, amounts.scales_read);
            self.read.add(HbmTensor::MASK, amounts.mask_read);
        }
        self.sram_read += amounts.sram_read;
        self.sram_write += amounts.sram_write;
        self.flops.matmul += amounts.flops.matmul;
        self.flops.exp += amounts.flops.exp;
        self.flops.other += amounts.flops.other;
    }

    /// The tensors that were read or written, in the order of their names.
    pub fn tensors(&self) -> Vec<Tensor> {
        let mut tensors: Vec<Tensor> = self.read.iter().chain(self.write.iter()).map(|(tensor, _)| tensor).collect();
        tensors.sort();
        tensors.dedup();
        tensors
    }

    /// Elements moved between HBM and chip, both ways.
    pub fn hbm_elements(&self) -> u64 {
        self.read.elements() + self.write.elements()
    }

    /// Bytes moved between HBM and chip, both ways.
    pub fn hbm_bytes(&self) -> u64 {
        self.read.bytes() + self.write.bytes()
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
        self.add(class, 1);
    }

    /// Tiles of one class.
    pub fn add(&mut self, class: TileClass, tiles: u64) {
        match class {
            TileClass::Full => self.full += tiles,
            TileClass::Partial => self.partial += tiles,
            TileClass::Skipped => self.skipped += tiles,
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
