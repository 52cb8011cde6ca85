//! What an algorithm needs to know to write its schedule: sizes, blocks, the mask of a batch entry. No values.

use std::ops::{AddAssign, Range};
use std::sync::Arc;

use crate::attention::{Band, BiasOf, Head, Pages, Precision, Problem, Real, Runs, TileClass};

use super::cuts::{Cut, Cuts};
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
    /// Entries of the block table, where K and V lie in pages.
    pub entries: u64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        *self = Self {
            rc: self.rc + other.rc,
            r: self.r + other.r,
            c: self.c + other.c,
            entries: self.entries + other.entries,
        };
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
    /// Of several sequences, blocks begin anew at each: made with the band, by [`Plan::with_band`].
    pub cuts: Option<Arc<Cuts>>,
    pub precision: Precision,
    /// Score modifiers, which cost arithmetic and, for a bias, traffic.
    pub softcap: bool,
    pub alibi: bool,
    pub bias: bool,
    /// The arrays that the bias is read from.
    pub bias_of: BiasOf,
    /// A learned sink takes part in the softmax of each row: one number of a head, which costs no traffic.
    pub sinks: bool,
    pub dropout: DropoutCost,
    /// Where K and V lie, if in pages: a load of a block of theirs reads its entries of the table.
    pub pages: Option<PagesOfBatch>,
}

/// A block table, and the row of it that a plan is of.
#[derive(Clone, Debug, PartialEq)]
pub struct PagesOfBatch {
    pub pages: Arc<Pages>,
    /// The row, of a plan of one sequence; of several, each has its own.
    pub batch: usize,
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
            cuts: None,
            precision,
            softcap: false,
            alibi: false,
            bias: false,
            bias_of: BiasOf::default(),
            sinks: false,
            dropout: DropoutCost::None,
            pages: None,
        }
    }

    /// The plan of one batch entry of a problem, for all its heads: where an array hides other pairs from one than from
    /// another, a tile of which any of them sees something is computed.
    pub fn of_problem(problem: &Problem, batch: usize, tiling: Tiling, precision: Precision) -> Self {
        Self::under(problem, problem.mask.band(&problem.shape, batch), batch, tiling, precision)
    }

    /// The plan of some heads of a batch entry.
    pub fn of_heads(
        problem: &Problem,
        (batch, heads): (usize, Range<usize>),
        tiling: Tiling,
        precision: Precision,
    ) -> Self {
        Self::under(problem, problem.mask.band_of(&problem.shape, batch, heads), batch, tiling, precision)
    }

    fn under(problem: &Problem, band: Band, batch: usize, tiling: Tiling, precision: Precision) -> Self {
        let shape = problem.shape;
        Self {
            d_v: shape.d_v,
            softcap: problem.softcap.is_some(),
            alibi: problem.alibi_slopes.is_some(),
            bias: problem.bias.is_some(),
            bias_of: problem.bias_of,
            sinks: problem.sinks.is_some(),
            dropout: match &problem.dropout {
                None => DropoutCost::None,
                Some(dropout) if dropout.is_materialised() => DropoutCost::Materialised,
                Some(_) => DropoutCost::Regenerated,
            },
            pages: problem.pages.clone().map(|pages| PagesOfBatch { pages, batch }),
            ..Self::new(shape.n_q, shape.n_k, shape.d, tiling, precision).with_band(band)
        }
    }

    /// It under another mask, with blocks that begin anew at each of its sequences.
    pub fn with_band(self, band: Band) -> Self {
        let cuts = band.sequences.as_ref().map(|all| {
            let (queries, keys) = (Cut::new(all.query_starts(), self.br), Cut::new(all.key_starts(), self.bc));
            Arc::new(Cuts { queries, keys })
        });
        Self { band, cuts, ..self }
    }

    /// It in other blocks.
    pub fn with_blocks(self, tiling: Tiling) -> Self {
        let (br, bc) = (tiling.br.clamp(1, self.n_q), tiling.bc.clamp(1, self.n_k));
        let band = self.band.clone();
        Self { br, bc, ..self }.with_band(band)
    }

    /// What (batch, head) of `problem` computes, in the formats and the blocks of the plan.
    ///
    /// Panics if `batch` or `head` is out of range.
    pub fn head<T: Real>(&self, problem: &Problem, batch: usize, head: usize) -> Head<T> {
        let queries: Vec<usize> = (0..self.t_r()).map(|i| self.rows(i).end).collect();
        let keys: Vec<usize> = (0..self.t_c()).map(|j| self.cols(j).end).collect();
        problem.head_in_blocks(batch, head, self.precision, [&queries, &keys])
    }

    /// Query blocks.
    pub fn t_r(&self) -> usize {
        self.cuts.as_ref().map_or(self.n_q.div_ceil(self.br), |cuts| cuts.queries.blocks())
    }

    /// Key blocks.
    pub fn t_c(&self) -> usize {
        self.cuts.as_ref().map_or(self.n_k.div_ceil(self.bc), |cuts| cuts.keys.blocks())
    }

    /// Queries of block `i`; the last block, of each sequence, may be ragged.
    #[inline]
    pub fn rows(&self, i: usize) -> Range<usize> {
        match &self.cuts {
            None => i * self.br..((i + 1) * self.br).min(self.n_q),
            Some(cuts) => cuts.queries.block(i),
        }
    }

    /// Keys of block `j`; the last block, of each sequence, may be ragged.
    #[inline]
    pub fn cols(&self, j: usize) -> Range<usize> {
        match &self.cuts {
            None => j * self.bc..((j + 1) * self.bc).min(self.n_k),
            Some(cuts) => cuts.keys.block(j),
        }
    }

    /// The block that query `i` is in.
    pub fn query_block(&self, i: usize) -> usize {
        self.cuts.as_ref().map_or(i / self.br, |cuts| cuts.queries.block_of(i))
    }

    /// The block that key `j` is in.
    pub fn key_block(&self, j: usize) -> usize {
        self.cuts.as_ref().map_or(j / self.bc, |cuts| cuts.keys.block_of(j))
    }

    /// The keys beside query block `i`: of its sequence, or all.
    pub fn keys_beside(&self, i: usize) -> Range<usize> {
        self.cuts.as_ref().map_or(0..self.n_k, |cuts| cuts.keys.indices(cuts.queries.sequence_of(i)))
    }

    /// The queries beside key block `j`: of its sequence, or all.
    pub fn queries_beside(&self, j: usize) -> Range<usize> {
        self.cuts.as_ref().map_or(0..self.n_q, |cuts| cuts.queries.indices(cuts.keys.sequence_of(j)))
    }

    /// The key blocks beside query block `i`.
    pub fn key_blocks_beside(&self, i: usize) -> Range<usize> {
        self.cuts.as_ref().map_or(0..self.t_c(), |cuts| cuts.keys.blocks_of(cuts.queries.sequence_of(i)))
    }

    /// The query blocks beside key block `j`.
    pub fn query_blocks_beside(&self, j: usize) -> Range<usize> {
        self.cuts.as_ref().map_or(0..self.t_r(), |cuts| cuts.queries.blocks_of(cuts.keys.sequence_of(j)))
    }

    /// The key blocks of each sequence; of one alone, all.
    pub fn key_blocks_by_sequence(&self) -> Vec<Range<usize>> {
        match (&self.cuts, &self.band.sequences) {
            (Some(cuts), Some(all)) => (0..all.count()).map(|n| cuts.keys.blocks_of(n)).collect(),
            _ => std::iter::once(0..self.t_c()).collect(),
        }
    }

    /// Every tile, masked or not; between sequences there are none.
    pub fn tiles(&self) -> u64 {
        (0..self.t_r()).map(|i| self.key_blocks_beside(i).len() as u64).sum()
    }

    /// The keys of a whole row at a place: of its sequence, or all.
    pub fn whole_row(&self, place: Place) -> Range<usize> {
        match (place.i(), place.j(), &self.cuts) {
            (None, Some(j), Some(cuts)) => cuts.keys.indices(cuts.keys.sequence_of(j)),
            (Some(i), ..) => self.keys_beside(i),
            _ => 0..self.n_k,
        }
    }

    /// The most keys that stand beside a query block.
    pub fn most_keys_beside(&self) -> usize {
        self.cuts.as_ref().map_or(self.n_k, |cuts| cuts.keys.longest())
    }

    /// Pairs, queries and keys at a place; `None` stands for the whole axis, of the sequence where the place is of one.
    pub fn counts_at(&self, place: Place) -> Counts {
        let (rows, cols) = self.spans(place);
        let entries = place.j().map_or(0, |j| self.entries_in(&(j..j + 1)));
        Counts { entries, ..Counts::place(rows.len(), cols.len()) }
    }

    /// Entries of the block table that loads of these key blocks, all of one sequence, read; 0 where K and V lie in no
    /// pages.
    pub(super) fn entries_in(&self, blocks: &Range<usize>) -> u64 {
        let Some(PagesOfBatch { pages, .. }) = self.pages.as_ref().filter(|_| !blocks.is_empty()) else { return 0 };
        let first = self.cuts.as_ref().map_or(0, |cuts| cuts.keys.indices(cuts.keys.sequence_of(blocks.start)).start);
        let [start, end] = [self.cols(blocks.start).start, self.cols(blocks.end - 1).end];
        pages.entries(start - first..end - first, self.bc)
    }

    /// Entries of the block table that stand for the keys of these blocks, each once.
    pub fn entries_of_all(&self, blocks: &Range<usize>) -> u64 {
        self.pages.as_ref().map_or(0, |of| self.keys_in(blocks).div_ceil(of.pages.size as u64))
    }

    /// The pages that key block `j` lies in, in order, `None` for an entry of the table that names none; where K and V lie in
    /// pages.
    pub fn pages_of(&self, j: usize) -> Option<Vec<Option<usize>>> {
        let PagesOfBatch { pages, batch } = self.pages.as_ref()?;
        let (first, row) = self.cuts.as_ref().map_or((0, *batch), |cuts| {
            let sequence = cuts.keys.sequence_of(j);
            (cuts.keys.indices(sequence).start, sequence)
        });
        let keys = self.cols(j);
        Some(pages.of(row, keys.start - first..keys.end - first))
    }

    /// The queries and the keys of a place: of its blocks, or of the whole axis beside them.
    pub fn spans(&self, place: Place) -> (Range<usize>, Range<usize>) {
        let rows = match (place.i(), place.j()) {
            (Some(i), _) => self.rows(i),
            (None, Some(j)) => self.queries_beside(j),
            (None, None) => 0..self.n_q,
        };
        let cols = match (place.j(), place.i()) {
            (Some(j), _) => self.cols(j),
            (None, Some(i)) => self.keys_beside(i),
            (None, None) => 0..self.n_k,
        };
        (rows, cols)
    }

    pub fn class(&self, i: usize, j: usize) -> TileClass {
        self.band.class(self.rows(i), self.cols(j))
    }

    /// Key blocks of which query block `i` sees something.
    pub fn visible_key_blocks(&self, i: usize) -> Runs {
        blocks(self.band.keys_of_rows(self.rows(i)), |key| self.key_block(key))
    }

    /// Query blocks that see something of key block `j`.
    pub fn visible_query_blocks(&self, j: usize) -> Runs {
        blocks(self.band.rows_of_keys(self.cols(j)), |query| self.query_block(query))
    }

    /// Key blocks that query block `i` sees whole, in runs of which some may be empty.
    pub(super) fn full_key_blocks(&self, i: usize) -> Vec<Range<usize>> {
        let block = |key: usize| (self.key_block(key), self.cols(self.key_block(key)));
        whole_blocks(self.band.keys_of_all_rows(self.rows(i)), block)
    }

    /// Query blocks that see all of key block `j`, in runs of which some may be empty.
    pub(super) fn full_query_blocks(&self, j: usize) -> Vec<Range<usize>> {
        let block = |query: usize| (self.query_block(query), self.rows(self.query_block(query)));
        whole_blocks(self.band.rows_of_all_keys(self.cols(j)), block)
    }

    pub(super) fn keys_in(&self, blocks: &Range<usize>) -> u64 {
        if blocks.is_empty() { 0 } else { (self.cols(blocks.end - 1).end - self.cols(blocks.start).start) as u64 }
    }

    pub(super) fn rows_in(&self, blocks: &Range<usize>) -> u64 {
        if blocks.is_empty() { 0 } else { (self.rows(blocks.end - 1).end - self.rows(blocks.start).start) as u64 }
    }

    /// The sums of `reference` traffic formulas over the tiles of each kind, in O(t_r) for a mask of indices, visiting no
    /// tile.
    pub fn tile_sums(&self) -> TileSums {
        let mut sums = TileSums::default();
        for i in 0..self.t_r() {
            let rows = self.rows(i).len() as u64;
            let add = |to: &mut Sums, count: &mut u64, blocks: &Range<usize>| {
                let keys = self.keys_in(blocks);
                *to +=
                    Sums { rc: rows * keys, r: rows * blocks.len() as u64, c: keys, entries: self.entries_in(blocks) };
                *count += blocks.len() as u64;
            };
            for run in self.visible_key_blocks(i).as_slice() {
                add(&mut sums.active, &mut sums.active_tiles, run);
            }
            for run in self.full_key_blocks(i) {
                add(&mut sums.full, &mut sums.full_tiles, &run);
            }
        }
        sums.all_tiles = self.tiles();
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

/// The blocks that `runs` meet.
fn blocks(runs: Runs, block_of: impl Fn(usize) -> usize) -> Runs {
    let met = |run: Range<usize>| block_of(run.start)..block_of(run.end - 1) + 1;
    match runs {
        Runs::One(run) => Runs::One(if run.is_empty() { run } else { met(run) }),
        Runs::Many(runs) => Runs::of(runs.into_iter().map(met).collect()),
    }
}

/// The blocks that lie in one of `runs`, by the block of an index and what that spans.
fn whole_blocks(runs: Runs, block: impl Fn(usize) -> (usize, Range<usize>)) -> Vec<Range<usize>> {
    let whole = |run: Range<usize>| {
        let ((first, start), (last, end)) = (block(run.start), block(run.end - 1));
        let first = if start.start == run.start { first } else { first + 1 };
        first..if end.end == run.end { last + 1 } else { last }
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
    /// Every tile, masked or not; between sequences there are none.
    pub all_tiles: u64,
}
