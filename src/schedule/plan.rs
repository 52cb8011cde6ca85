//! What an algorithm needs to know to write its schedule: sizes, blocks, the mask of a batch entry. No values.

use std::ops::{AddAssign, Range};

use crate::attention::{Band, Head, Precision, Problem, Real, Runs, TileClass};

use super::language::Counts;
use super::step::Place;
use super::tiling::Tiling;

/// Rows, columns and pairs of tiles, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Pairs (query, key).
    pub rc: u64,
    /// Queries.
    pub r: u64,
    /// Keys.
    pub c: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        *self = Self { rc: self.rc + other.rc, r: self.r + other.r, c: self.c + other.c };
    }
}

/// One (batch, query head) cut into blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub n_q: usize,
    pub n_k: usize,
    pub d: usize,
    pub d_v: usize,
    /// Rows of a query block.
    pub br: usize,
    /// Keys of a key block.
    pub bc: usize,
    pub band: Band,
    pub precision: Precision,
    /// Score modifiers, which cost arithmetic and, for a bias, traffic.
    pub softcap: bool,
    pub alibi: bool,
    pub bias: bool,
    /// A learned sink takes part in the softmax of each row: one number of a head, which costs no traffic.
    pub sinks: bool,
    pub dropout: DropoutCost,
}

/// What dropout costs a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DropoutCost {
    #[default]
    None,
    /// Regenerated on chip: arithmetic only.
    Regenerated,
    /// A mask of one byte an element is read from HBM.
    Materialised,
}

impl Plan {
    /// No masks, no modifiers.
    pub fn new(n_q: usize, n_k: usize, d: usize, tiling: Tiling, precision: Precision) -> Self {
        Self {
            n_q,
            n_k,
            d,
            d_v: d,
            br: tiling.br.clamp(1, n_q),
            bc: tiling.bc.clamp(1, n_k),
            band: Band::open(n_q, n_k),
            precision,
            softcap: false,
            alibi: false,
            bias: false,
            sinks: false,
            dropout: DropoutCost::None,
        }
    }

    /// The plan of one batch entry of a problem (all its heads have the same).
    pub fn of_problem(problem: &Problem, batch: usize, tiling: Tiling, precision: Precision) -> Self {
        let shape = problem.shape;
        Self {
            d_v: shape.d_v,
            band: problem.mask.band(&shape, batch),
            softcap: problem.softcap.is_some(),
            alibi: problem.alibi_slopes.is_some(),
            bias: problem.bias.is_some(),
            sinks: problem.sinks.is_some(),
            dropout: match &problem.dropout {
                None => DropoutCost::None,
                Some(dropout) if dropout.is_materialised() => DropoutCost::Materialised,
                Some(_) => DropoutCost::Regenerated,
            },
            ..Self::new(shape.n_q, shape.n_k, shape.d, tiling, precision)
        }
    }

    /// What (batch, head) of `problem` computes, in the formats and the blocks of the plan.
    ///
    /// Panics if `batch` or `head` is out of range.
    pub fn head<T: Real>(&self, problem: &Problem, batch: usize, head: usize) -> Head<T> {
        problem.head_in_blocks(batch, head, self.precision, [self.br, self.bc])
    }

    /// Query blocks.
    pub fn t_r(&self) -> usize {
        self.n_q.div_ceil(self.br)
    }

    /// Key blocks.
    pub fn t_c(&self) -> usize {
        self.n_k.div_ceil(self.bc)
    }

    /// Queries of block `i`; the last block may be ragged.
    pub fn rows(&self, i: usize) -> Range<usize> {
        i * self.br..((i + 1) * self.br).min(self.n_q)
    }

    /// Keys of block `j`; the last block may be ragged.
    pub fn cols(&self, j: usize) -> Range<usize> {
        j * self.bc..((j + 1) * self.bc).min(self.n_k)
    }

    /// Pairs, queries and keys at a place; `None` stands for the whole axis.
    pub fn counts_at(&self, place: Place) -> Counts {
        let rows = place.i().map_or(self.n_q, |i| self.rows(i).len());
        let cols = place.j().map_or(self.n_k, |j| self.cols(j).len());
        Counts::place(rows, cols)
    }

    pub fn class(&self, i: usize, j: usize) -> TileClass {
        self.band.class(self.rows(i), self.cols(j))
    }

    /// Key blocks of which query block `i` sees something.
    pub fn visible_key_blocks(&self, i: usize) -> Runs {
        blocks(self.band.keys_of_rows(self.rows(i)), self.bc)
    }

    /// Query blocks that see something of key block `j`.
    pub fn visible_query_blocks(&self, j: usize) -> Runs {
        blocks(self.band.rows_of_keys(self.cols(j)), self.br)
    }

    /// Key blocks that query block `i` sees whole, in runs of which some may be empty.
    pub(super) fn full_key_blocks(&self, i: usize) -> Vec<Range<usize>> {
        whole_blocks(self.band.keys_of_all_rows(self.rows(i)), self.bc, self.n_k)
    }

    /// Query blocks that see all of key block `j`, in runs of which some may be empty.
    pub(super) fn full_query_blocks(&self, j: usize) -> Vec<Range<usize>> {
        whole_blocks(self.band.rows_of_all_keys(self.cols(j)), self.br, self.n_q)
    }

    pub(super) fn keys_in(&self, blocks: &Range<usize>) -> u64 {
        if blocks.is_empty() { 0 } else { ((blocks.end * self.bc).min(self.n_k) - blocks.start * self.bc) as u64 }
    }

    pub(super) fn rows_in(&self, blocks: &Range<usize>) -> u64 {
        if blocks.is_empty() { 0 } else { ((blocks.end * self.br).min(self.n_q) - blocks.start * self.br) as u64 }
    }

    /// The sums of `reference` traffic formulas over the tiles of each kind, in O(t_r) for a mask of indices, visiting no
    /// tile.
    pub fn tile_sums(&self) -> TileSums {
        let mut sums = TileSums::default();
        for i in 0..self.t_r() {
            let rows = self.rows(i).len() as u64;
            let add = |to: &mut Sums, count: &mut u64, blocks: &Range<usize>| {
                let keys = self.keys_in(blocks);
                *to += Sums { rc: rows * keys, r: rows * blocks.len() as u64, c: keys };
                *count += blocks.len() as u64;
            };
            for run in self.visible_key_blocks(i).as_slice() {
                add(&mut sums.active, &mut sums.active_tiles, run);
            }
            for run in self.full_key_blocks(i) {
                add(&mut sums.full, &mut sums.full_tiles, &run);
            }
        }
        sums.all_tiles = self.t_r() as u64 * self.t_c() as u64;
        sums
    }

    /// No total of any algorithm on this plan, in elements, bytes, operations or steps, is above this.
    ///
    /// Per pair a step does at most `2 (d + d_v)` operations of products and a few others; per row or key of a tile it
    /// moves at most a few vectors of `d` or `d_v` elements, of 8 bytes at most. A property test holds every total to it.
    pub fn most(&self) -> u128 {
        let [n_q, n_k, d, d_v] = [self.n_q, self.n_k, self.d, self.d_v].map(|size| size as u128);
        let (t_r, t_c) = (self.t_r() as u128, self.t_c() as u128);
        let (pairs, edges) = (n_q * n_k, n_q * (t_c + 1) + n_k * (t_r + 1));
        (2 * (d + d_v) + 64) * pairs + 8 * (3 * (d + d_v) + 32) * edges
    }
}

/// The blocks of `size` indices that `runs` meet.
fn blocks(runs: Runs, size: usize) -> Runs {
    let met = |run: Range<usize>| run.start / size..run.end.div_ceil(size);
    match runs {
        Runs::One(run) => Runs::One(if run.is_empty() { run } else { met(run) }),
        Runs::Many(runs) => Runs::of(runs.into_iter().map(met).collect()),
    }
}

/// The blocks of `size` indices that lie in one of `runs`, of `all` indices.
fn whole_blocks(runs: Runs, size: usize, all: usize) -> Vec<Range<usize>> {
    let whole = |run: Range<usize>| {
        let end = if run.end >= all { all.div_ceil(size) } else { run.end / size };
        run.start.div_ceil(size)..end
    };
    runs.into_vec().into_iter().map(whole).collect()
}

/// Sums over tiles: A_r = sum of rows, A_c = sum of columns, A = sum of pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TileSums {
    /// Over tiles of which something is visible: A (`rc`), A_r (`r`), A_c (`c`).
    pub active: Sums,
    pub full: Sums,
    pub active_tiles: u64,
    pub full_tiles: u64,
    /// Every tile, masked or not.
    pub all_tiles: u64,
}
