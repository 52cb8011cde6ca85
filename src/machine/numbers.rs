//! The machine: turns steps into numbers, in the precision asked for.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, s};

use crate::attention::not_finite::{add_weighted, larger, scaled};
use crate::attention::rows::{row_max, row_sum, scale_row};
use crate::attention::{Head, Precision, Real};
use crate::schedule::{Max, Op, Plan, Schedule, Span, Step, Tensor};

use super::chip::{Chip, Slot, part, part_mut};
use super::effects::Effects;
use super::memory::{Memory, Reported, logsumexp};

/// What an operation means. `RIGHT` is the paper's; the others are bugs, for lessons and for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// l and O shrink by alpha when the maximum rises.
    pub rescales: bool,
    /// A row that has seen no key subtracts 0 instead of its maximum of -inf.
    pub guards_empty_rows: bool,
    /// Scores lose their maximum before the exponential.
    pub subtracts_max: bool,
    /// The 0 that a guard subtracts in place of -inf is kept as the row's maximum.
    pub keeps_guard: bool,
    pub hidden: Hidden,
}

/// What the mask makes of the score of a hidden key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hidden {
    MinusInfinity,
    /// A "large enough" negative number.
    Minus1000,
    Zero,
}

impl Hidden {
    fn score<T: Real>(self) -> T {
        match self {
            Hidden::MinusInfinity => T::neg_infinity(),
            Hidden::Minus1000 => T::narrow(-1000.0),
            Hidden::Zero => T::zero(),
        }
    }
}

impl Meaning {
    pub const RIGHT: Self = Self {
        rescales: true,
        guards_empty_rows: true,
        subtracts_max: true,
        keeps_guard: false,
        hidden: Hidden::MinusInfinity,
    };

    /// The maximum that a row keeps.
    fn kept_max<T: Real>(self, max: T) -> T {
        if self.keeps_guard && max == T::neg_infinity() { T::zero() } else { max }
    }
}

/// One (batch, query head) being computed: HBM, the chip of the current program, the inputs.
pub struct Machine<'a, T> {
    pub plan: &'a Plan,
    pub head: &'a Head<T>,
    pub meaning: Meaning,
    pub memory: Memory<T>,
    pub chip: Chip<T>,
    pub reported: Reported<T>,
    span: Span,
    precision: Precision,
    /// P V of the tile at hand, before it joins O; `[br, d_v]`.
    product: Array2<T>,
}

/// Rows and columns of a step, and where they lie in the buffers of the chip.
struct Tile {
    /// First query and number of queries.
    row: usize,
    rows: usize,
    /// First key and number of keys.
    col: usize,
    cols: usize,
    /// First column in the buffer of S and P.
    start: usize,
}

impl<'a, T: Real> Machine<'a, T> {
    /// An empty machine.
    pub fn new(plan: &'a Plan, head: &'a Head<T>, meaning: Meaning) -> Self {
        let span = Span::Tile;
        Self {
            plan,
            head,
            meaning,
            memory: Memory::new(plan),
            chip: Chip::new(plan, span),
            reported: Reported::new(plan.n_q),
            span,
            precision: plan.precision,
            product: Array2::zeros((plan.br, plan.d_v)),
        }
    }

    /// Begins a program: a chip with nothing on it.
    pub fn start_program(&mut self, span: Span) {
        self.span = span;
        self.chip.restart(self.plan, span);
    }

    /// Carries out one step.
    pub fn execute(&mut self, step: &Step) {
        let tile = self.tile(step);
        match step.op {
            Op::Load(tensor) => self.load(tensor, step, &tile),
            Op::Store(tensor) => self.store(tensor, step, &tile),
            Op::Initialise(tensor) => self.initialise(tensor, &tile),
            Op::StartRows => {
                self.chip.o.fill(T::zero());
                self.chip.l.fill(T::zero());
                self.chip.m.fill(T::neg_infinity());
            }
            Op::StartOutput => self.chip.o.fill(T::zero()),
            Op::Scores => self.scores(&tile),
            Op::Mask => self.mask(&tile),
            Op::RowMax(max) => self.row_max(max, &tile),
            Op::Exponentiate(max) => self.exponentiate(max, &tile),
            Op::RowSum => self.row_sum(&tile),
            Op::Dropout => self.dropout(&tile),
            Op::Rescale => self.rescale(&tile),
            Op::Accumulate => {
                self.add_product(&tile);
                for row in 0..tile.rows {
                    let sum = self.chip.l[row] + self.chip.tile_sum[row];
                    self.chip.l[row] = self.sum_so_far(&tile, row, self.chip.m[row], sum);
                }
            }
            Op::Product => self.add_product(&tile),
            Op::Normalise => self.normalise(&tile),
            Op::MergeStats => self.merge_stats(&tile),
            Op::MergeOutput => self.merge_output(&tile),
            Op::DivideRows => self.divide_rows(&tile),
        }
        self.chip.written = self.chip.written.with(Effects::of(step, self.span).writes);
    }

    fn tile(&self, step: &Step) -> Tile {
        let rows = step.place.i().map_or(0..self.plan.n_q, |i| self.plan.rows(i));
        let cols = step.place.j().map_or(0..self.plan.n_k, |j| self.plan.cols(j));
        let start = if self.span == Span::WholeRows { cols.start } else { 0 };
        Tile { row: rows.start, rows: rows.len(), col: cols.start, cols: cols.len(), start }
    }

    /// What `step` leaves on chip holds a NaN: scores, weights, O or a statistic of its rows.
    pub(super) fn left_nan(&self, step: &Step) -> bool {
        let (tile, chip) = (self.tile(step), &self.chip);
        let writes = Effects::of(step, self.span).writes;
        // What a ragged tile leaves of a buffer is of an earlier one.
        let matrices = [
            (Slot::S, &chip.s, tile.start..tile.start + tile.cols),
            (Slot::P, &chip.p, tile.start..tile.start + tile.cols),
            (Slot::O, &chip.o, 0..self.plan.d_v),
        ];
        let columns = [
            (Slot::M, &chip.m),
            (Slot::Sum, &chip.l),
            (Slot::Lse, &chip.lse),
            (Slot::TileMax, &chip.tile_max),
            (Slot::TileSum, &chip.tile_sum),
            (Slot::Alpha, &chip.alpha),
            (Slot::Beta, &chip.beta),
            (Slot::NewSum, &chip.new_sum),
            (Slot::NewMax, &chip.new_max),
        ];
        let is_nan = |x: &T| x.widen().is_nan();
        matrices.into_iter().any(|(slot, buffer, cols)| {
            writes.contains(slot) && part(buffer, tile.rows, cols.start, cols.len()).iter().any(is_nan)
        }) || columns.into_iter().any(|(slot, values)| writes.contains(slot) && values[..tile.rows].iter().any(is_nan))
    }

    fn load(&mut self, tensor: Tensor, step: &Step, tile: &Tile) {
        let (rows, chip) = (tile.row..tile.row + tile.rows, &mut self.chip);
        match tensor {
            Tensor::Q => chip.q = rows.start,
            Tensor::K => chip.k = tile.col,
            Tensor::V => chip.v = tile.col,
            Tensor::Bias | Tensor::Keep => {}
            Tensor::O => part_mut(&mut chip.o, tile.rows, 0, self.plan.d_v).assign(&self.memory.o.slice(s![rows, ..])),
            Tensor::M => chip.m[..tile.rows].copy_from_slice(&self.memory.m[rows]),
            Tensor::Sum => chip.l[..tile.rows].copy_from_slice(&self.memory.l[rows]),
            Tensor::Lse => chip.lse[..tile.rows].copy_from_slice(&self.memory.lse[rows]),
            Tensor::S | Tensor::P => {
                let place = step.place.tile().expect("S and P are loaded by tiles");
                let buffer = if tensor == Tensor::S { &mut chip.s } else { &mut chip.p };
                let stored = self.memory.tiles(tensor).load(place);
                part_mut(buffer, tile.rows, tile.start, tile.cols).assign(&stored);
            }
        }
    }

    /// Stores a block; f16 and bf16 round what is stored, not what stays on chip.
    fn store(&mut self, tensor: Tensor, step: &Step, tile: &Tile) {
        let (rows, chip) = (tile.row..tile.row + tile.rows, &self.chip);
        match tensor {
            Tensor::O => {
                let mut block = self.memory.o.slice_mut(s![rows, ..]);
                block.assign(&part(&chip.o, tile.rows, 0, self.plan.d_v));
                T::store_as(block.as_slice_mut().expect("whole rows are contiguous"), self.precision);
            }
            Tensor::M => self.memory.m[rows].copy_from_slice(&chip.m[..tile.rows]),
            Tensor::Sum => self.memory.l[rows].copy_from_slice(&chip.l[..tile.rows]),
            Tensor::Lse => self.memory.lse[rows].copy_from_slice(&chip.lse[..tile.rows]),
            Tensor::S | Tensor::P => {
                let place = step.place.tile().expect("S and P are stored by tiles");
                let buffer = if tensor == Tensor::S { &chip.s } else { &chip.p };
                let values = part(buffer, tile.rows, tile.start, tile.cols);
                let tiles = if tensor == Tensor::S { &mut self.memory.s } else { &mut self.memory.p };
                let kept = tiles.store(place, values);
                T::store_as(kept.as_slice_mut().expect("a kept tile is contiguous"), self.precision);
            }
            Tensor::Q | Tensor::K | Tensor::V | Tensor::Bias | Tensor::Keep => {
                unreachable!("{tensor:?} is an input: no forward algorithm stores it")
            }
        }
    }

    fn initialise(&mut self, tensor: Tensor, tile: &Tile) {
        let rows = tile.row..tile.row + tile.rows;
        match tensor {
            Tensor::O => self.memory.o.slice_mut(s![rows, ..]).fill(T::zero()),
            Tensor::M => self.memory.m[rows].fill(T::neg_infinity()),
            _ => self.memory.rows_mut(tensor)[rows].fill(T::zero()),
        }
    }

    fn scores(&mut self, tile: &Tile) {
        let head = self.head;
        let q: ArrayView2<'_, T> = head.q.slice(s![self.chip.q..self.chip.q + tile.rows, ..]);
        let k = head.k.slice(s![self.chip.k..self.chip.k + tile.cols, ..]);
        let mut s = part_mut(&mut self.chip.s, tile.rows, tile.start, tile.cols);
        general_mat_mul(head.scale, &q, &k.t(), T::zero(), &mut s);
        if let Some(cap) = head.softcap {
            s.mapv_inplace(|s| cap * (s / cap).tanh());
        }
        if head.alibi_slope.is_some() || head.bias.is_some() {
            for ((i, j), s) in s.indexed_iter_mut() {
                let (i, j) = (tile.row + i, tile.col + j);
                *s = head.biased(*s, i, j);
            }
        }
    }

    fn mask(&mut self, tile: &Tile) {
        let band = &self.head.band;
        let hidden = self.meaning.hidden.score();
        for row in 0..tile.rows {
            let keys = band.keys_of(tile.row + row);
            let (first, last) = (keys.start.max(tile.col), keys.end.min(tile.col + tile.cols));
            let s = row_mut(&mut self.chip.s, row, tile);
            if first >= last {
                s.fill(hidden);
            } else {
                s[..first - tile.col].fill(hidden);
                s[last - tile.col..].fill(hidden);
            }
        }
    }

    fn row_max(&mut self, max: Max, tile: &Tile) {
        for row in 0..tile.rows {
            let s = row_of(&self.chip.s, row, tile);
            match max {
                Max::Tile => self.chip.tile_max[row] = self.meaning.kept_max(row_max(s, T::neg_infinity())),
                Max::Running => {
                    let old = self.chip.m[row];
                    let new = self.meaning.kept_max(row_max(s, old));
                    self.chip.alpha[row] = factor(old, new);
                    self.chip.m[row] = new;
                }
            }
        }
    }

    fn exponentiate(&mut self, max: Max, tile: &Tile) {
        let shifts = if max == Max::Tile { &self.chip.tile_max } else { &self.chip.m };
        for (row, &shift) in shifts.iter().enumerate().take(tile.rows) {
            let p = row_mut(&mut self.chip.p, row, tile);
            p.copy_from_slice(row_of(&self.chip.s, row, tile));
            let guarded = self.meaning.guards_empty_rows && shift == T::neg_infinity();
            T::exp_minus(p, if guarded || !self.meaning.subtracts_max { T::zero() } else { shift });
            if shift.is_nan() {
                // What is hidden weighs nothing, also in a row of NaN.
                let s = row_of(&self.chip.s, row, tile);
                p.iter_mut().zip(s).filter(|(_, s)| **s == T::neg_infinity()).for_each(|(p, _)| *p = T::zero());
            }
        }
    }

    fn row_sum(&mut self, tile: &Tile) {
        for row in 0..tile.rows {
            let sum = row_sum(row_of(&self.chip.p, row, tile));
            let is_whole = self.span == Span::WholeRows;
            self.chip.tile_sum[row] =
                if is_whole { self.sum_so_far(tile, row, self.chip.tile_max[row], sum) } else { sum };
        }
    }

    /// The sum `l` of a row with maximum `m`: NaN once the row has seen all its keys, each at a score of -inf. No weights
    /// follow from those; 0 is what a row has that sees no key.
    fn sum_so_far(&self, tile: &Tile, row: usize, m: T, l: T) -> T {
        let is_empty = m == T::neg_infinity() && l == T::zero();
        if is_empty && self.head.has_seen_all(tile.row + row, tile.col + tile.cols) { T::nan() } else { l }
    }

    fn dropout(&mut self, tile: &Tile) {
        for row in 0..tile.rows {
            for (col, p) in row_mut(&mut self.chip.p, row, tile).iter_mut().enumerate() {
                *p *= self.head.dropout_factor(tile.row + row, tile.col + col);
            }
        }
    }

    fn rescale(&mut self, tile: &Tile) {
        if !self.meaning.rescales {
            return;
        }
        for row in 0..tile.rows {
            let alpha = self.chip.alpha[row];
            // A factor of 1 changes no bit: most rows of most tiles.
            if alpha != T::one() {
                self.chip.l[row] *= alpha;
                let o = self.chip.o.row_mut(row).into_slice().expect("rows are contiguous");
                if self.head.odd_values.is_some() {
                    o.iter_mut().for_each(|o| *o = scaled(*o, alpha));
                } else {
                    scale_row(o, alpha);
                }
            }
        }
    }

    /// O = O + P V, with P rounded to the format of the product.
    fn add_product(&mut self, tile: &Tile) {
        self.round_weights(tile);
        let p = part(&self.chip.p, tile.rows, tile.start, tile.cols);
        let mut o = part_mut(&mut self.chip.o, tile.rows, 0, self.plan.d_v);
        add_weighted(self.head, &p, (tile.row, self.chip.v), T::one(), &mut o);
    }

    fn round_weights(&mut self, tile: &Tile) {
        if self.precision.element_bytes() < 4 {
            for row in 0..tile.rows {
                T::store_as(row_mut(&mut self.chip.p, row, tile), self.precision);
            }
        }
    }

    fn normalise(&mut self, tile: &Tile) {
        for row in 0..tile.rows {
            let (m, l) = (self.chip.m[row], self.chip.l[row]);
            // A row that saw no key has O = 0 already, and 0 / 0 would make it NaN.
            if l != T::zero() {
                self.chip.o.row_mut(row).mapv_inplace(|o| o / l);
            }
            self.chip.lse[row] = logsumexp(m, l);
            self.reported.set(tile.row + row, m, l);
        }
    }

    fn merge_stats(&mut self, tile: &Tile) {
        for row in 0..tile.rows {
            let chip = &mut self.chip;
            let (old, of_tile) = (chip.m[row], chip.tile_max[row]);
            let new = larger(old, of_tile);
            chip.alpha[row] = factor(old, new);
            chip.beta[row] = factor(of_tile, new);
            if !self.meaning.rescales {
                chip.alpha[row] = T::one();
            }
            let sum = chip.alpha[row] * chip.l[row] + chip.beta[row] * chip.tile_sum[row];
            chip.new_max[row] = new;
            let sum = self.sum_so_far(tile, row, new, sum);
            self.chip.new_sum[row] = sum;
            self.reported.set(tile.row + row, new, sum);
        }
    }

    /// O = (l alpha O + beta P V) / l_new, after which l is l_new and m is m_new.
    fn merge_output(&mut self, tile: &Tile) {
        self.round_weights(tile);
        let chip = &mut self.chip;
        let p = part(&chip.p, tile.rows, tile.start, tile.cols);
        let mut product = part_mut(&mut self.product, tile.rows, 0, self.plan.d_v);
        add_weighted(self.head, &p, (tile.row, chip.v), T::zero(), &mut product);
        let has_odd = self.head.odd_values.is_some();
        for row in 0..tile.rows {
            let (kept, beta, new_sum) = (chip.l[row] * chip.alpha[row], chip.beta[row], chip.new_sum[row]);
            // A row that has seen no key keeps its O of 0: 0 / 0 would make it NaN.
            let divisor = if new_sum == T::zero() { T::one() } else { new_sum };
            let row_of_o = chip.o.row_mut(row).into_slice().expect("rows are contiguous");
            for (o, &added) in row_of_o.iter_mut().zip(product.row(row)) {
                *o = if has_odd {
                    (scaled(*o, kept) + scaled(added, beta)) / divisor
                } else {
                    (kept * *o + beta * added) / divisor
                };
            }
            (chip.l[row], chip.m[row]) = (new_sum, chip.new_max[row]);
        }
    }

    fn divide_rows(&mut self, tile: &Tile) {
        for row in 0..tile.rows {
            let (m, l) = (self.chip.tile_max[row], self.chip.tile_sum[row]);
            let (query, head) = (tile.row + row, self.head);
            let p = row_mut(&mut self.chip.p, row, tile);
            if l.is_nan() {
                // 0 / NaN would give a weight to what is hidden.
                let is_weighed = |col: usize, p: T| p != T::zero() || head.sees(query, tile.col + col);
                p.iter_mut().enumerate().filter(|(col, p)| is_weighed(*col, **p)).for_each(|(_, p)| *p /= l);
            } else if l != T::zero() {
                p.iter_mut().for_each(|p| *p /= l);
            }
            self.reported.set(tile.row + row, m, l);
        }
    }
}

/// Carries out every step of `schedule`. `each` sees the number of steps done, the last of them, and the machine after it;
/// when it says `false`, the walk stops and there is no result.
pub fn carry_out<'a, T: Real>(
    schedule: &'a Schedule,
    head: &'a Head<T>,
    meaning: Meaning,
    mut each: impl FnMut(u64, &Step, &Machine<'a, T>) -> bool,
) -> Option<Machine<'a, T>> {
    let mut machine = Machine::new(&schedule.plan, head, meaning);
    let (mut steps, mut done) = (Vec::new(), 0);
    for index in 0..schedule.section_count() {
        let section = schedule.section(index);
        if section.section == 0 {
            machine.start_program(schedule.kernels[section.kernel].span);
        }
        schedule.write_section(index, &mut steps);
        for step in &steps {
            machine.execute(step);
            done += 1;
            if !each(done, step, &machine) {
                return None;
            }
        }
    }
    Some(machine)
}

/// `exp(old - new)`: what earlier keys are worth after the maximum rose. 0 where there were none.
fn factor<T: Real>(old: T, new: T) -> T {
    if old == T::neg_infinity() { T::zero() } else { (old - new).exp() }
}

fn row_of<'b, T>(buffer: &'b Array2<T>, row: usize, tile: &Tile) -> &'b [T] {
    let width = buffer.ncols();
    let values = buffer.as_slice().expect("buffers are contiguous");
    &values[row * width + tile.start..][..tile.cols]
}

fn row_mut<'b, T>(buffer: &'b mut Array2<T>, row: usize, tile: &Tile) -> &'b mut [T] {
    let width = buffer.ncols();
    let values = buffer.as_slice_mut().expect("buffers are contiguous");
    &mut values[row * width + tile.start..][..tile.cols]
}
