//! Row statistics as a kernel had them after every key block, to be held against the stepper's.

use ndarray::Array2;

/// What a kernel recorded of one run.
#[derive(Clone, Debug)]
pub struct Taps {
    /// Queries and keys of the kernel's blocks: the stepper must use the same.
    pub br: usize,
    pub bc: usize,
    /// One per query head, batch by batch.
    pub heads: Vec<HeadTaps>,
}

/// m and l of every query of one head after each key block, `[t_c, n_q]`. NaN where the query's block did not visit the
/// key block, and where m is NaN: [`HeadTaps::visited`] tells them apart.
#[derive(Clone, Debug)]
pub struct HeadTaps {
    pub m: Array2<f64>,
    pub l: Array2<f64>,
    /// Every tile that was visited, by query block and then key block; empty where the device does not tell.
    pub tiles: Vec<TileVisit>,
}

impl HeadTaps {
    /// The key blocks that `query` visited, in order. `is_nan` says of a key block whether m of the query is NaN after it:
    /// there a NaN is what a visit leaves.
    pub fn visited(&self, query: usize, is_nan: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
        let is_empty = move |j: usize| self.m[[j, query]].is_nan() && self.l[[j, query]].is_nan();
        (0..self.m.nrows()).filter(move |&j| !is_empty(j) || is_nan(j))
    }
}

/// Where and when a tile was worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TileVisit {
    /// Query block and key block.
    pub i: usize,
    pub j: usize,
    /// The multiprocessor.
    pub sm: u32,
    /// By a clock that all multiprocessors share; only differences mean something.
    pub begin_ns: u64,
    pub end_ns: u64,
}
