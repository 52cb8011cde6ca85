//! What was moved and computed, by line and by tensor.

use std::ops::AddAssign;

use crate::schedule::Flops;

use super::cost::{Cost, Counts};
use super::text::{Algorithm, TensorId};

/// The totals of one line, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub steps: u64,
    /// Elements between HBM and chip.
    pub hbm_read: u64,
    pub hbm_write: u64,
    /// Entries of the block table, and scales of blocks.
    pub table_read: u64,
    pub scales_read: u64,
    /// Elements of a mask of booleans.
    pub mask_read: u64,
    /// Elements on chip.
    pub sram_read: u64,
    pub sram_write: u64,
    pub flops: Flops,
}

impl Totals {
    /// Adds `cost` over the places of `counts`; what was `free` came from HBM before.
    pub fn add(&mut self, cost: &Cost, counts: Counts, free: bool) {
        self.steps += counts.one;
        self.hbm_read += if free { 0 } else { cost.hbm_read.at(counts) };
        self.hbm_write += cost.hbm_write.at(counts);
        self.table_read += if free { 0 } else { cost.lookups * counts.entries };
        self.scales_read += if free { 0 } else { cost.scales * counts.one };
        self.mask_read += if free { 0 } else { cost.mask_read.at(counts) };
        self.sram_read += cost.sram_read.at(counts);
        self.sram_write += cost.sram_write.at(counts);
        self.flops.matmul += cost.matmul.at(counts);
        self.flops.exp += cost.exp.at(counts);
        self.flops.other += cost.other.at(counts);
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.hbm_read += other.hbm_read;
        self.hbm_write += other.hbm_write;
        self.table_read += other.table_read;
        self.scales_read += other.scales_read;
        self.mask_read += other.mask_read;
        self.sram_read += other.sram_read;
        self.sram_write += other.sram_write;
        self.flops.matmul += other.flops.matmul;
        self.flops.exp += other.flops.exp;
        self.flops.other += other.flops.other;
    }
}

/// The totals of each line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// In the order of [`Algorithm::lines`].
    pub lines: Vec<Totals>,
}

impl Tally {
    pub fn new(algorithm: &Algorithm) -> Self {
        Self { lines: vec![Totals::default(); algorithm.lines.len()] }
    }

    pub fn total(&self) -> Totals {
        self.of(|_| true)
    }

    fn of(&self, keep: impl Fn(usize) -> bool) -> Totals {
        let mut total = Totals::default();
        self.lines.iter().enumerate().filter(|(line, _)| keep(*line)).for_each(|(_, line)| total += *line);
        total
    }

    /// HBM elements read and written of a tensor.
    pub fn of_tensor(&self, algorithm: &Algorithm, tensor: TensorId) -> (u64, u64) {
        let total = self.of(|line| algorithm.lines[line].tensor() == Some(tensor));
        (total.hbm_read, total.hbm_write)
    }

    /// HBM elements read and written of the tensor of this name; none where the text has no such tensor.
    pub fn of_name(&self, algorithm: &Algorithm, name: &str) -> (u64, u64) {
        algorithm.tensor(name).map_or((0, 0), |tensor| self.of_tensor(algorithm, tensor))
    }
}
