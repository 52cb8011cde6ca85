//! What each operation reads, writes and computes: the table that every meter and every closed form sums.

use std::ops::{Add, AddAssign, Mul, Sub};

use super::plan::{DropoutCost, Plan};
use super::step::{Extent, Max, Op, Tensor};

/// Rows, columns and pairs of one tile, or their sums over many. Costs are linear in these three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Pairs (query, key).
    pub rc: u64,
    /// Queries.
    pub r: u64,
    /// Keys.
    pub c: u64,
}

impl Sums {
    /// One tile.
    pub fn tile(rows: usize, cols: usize) -> Self {
        Self { rc: rows as u64 * cols as u64, r: rows as u64, c: cols as u64 }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        *self = Self { rc: self.rc + other.rc, r: self.r + other.r, c: self.c + other.c };
    }
}

impl Sub for Sums {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { rc: self.rc - other.rc, r: self.r - other.r, c: self.c - other.c }
    }
}

/// A cost as a linear form: so much per pair, per query and per key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linear {
    rc: u64,
    r: u64,
    c: u64,
}

impl Linear {
    fn of(extent: Extent, plan: &Plan) -> Self {
        let (d, d_v) = (plan.d as u64, plan.d_v as u64);
        match extent {
            Extent::RowsByCols => Self { rc: 1, ..Self::default() },
            Extent::RowsByD => Self { r: d, ..Self::default() },
            Extent::RowsByDv => Self { r: d_v, ..Self::default() },
            Extent::ColsByD => Self { c: d, ..Self::default() },
            Extent::ColsByDv => Self { c: d_v, ..Self::default() },
            Extent::Rows => Self { r: 1, ..Self::default() },
        }
    }

    pub fn at(self, sums: Sums) -> u64 {
        self.rc * sums.rc + self.r * sums.r + self.c * sums.c
    }
}

impl Add for Linear {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { rc: self.rc + other.rc, r: self.r + other.r, c: self.c + other.c }
    }
}

impl Mul<Linear> for u64 {
    type Output = Linear;
    fn mul(self, cost: Linear) -> Linear {
        Linear { rc: self * cost.rc, r: self * cost.r, c: self * cost.c }
    }
}

/// The cost of one operation, per element of the tile it works on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Elements moved between HBM and chip.
    pub hbm_read: Linear,
    pub hbm_write: Linear,
    /// Elements that the operation reads from and writes to memory on chip: each operand once.
    pub sram_read: Linear,
    pub sram_write: Linear,
    /// Floating-point operations of matrix products (a multiply and an add count as two).
    pub matmul: Linear,
    /// Exponentials (and the tanh of a softcap).
    pub exp: Linear,
    pub other: Linear,
}

impl Cost {
    /// The cost of `op` under `plan`.
    pub fn of(op: Op, plan: &Plan) -> Self {
        let [pairs, rows, q, k, v, o] =
            [Extent::RowsByCols, Extent::Rows, Extent::RowsByD, Extent::ColsByD, Extent::ColsByDv, Extent::RowsByDv]
                .map(|extent| Linear::of(extent, plan));
        let product = |width: usize| 2 * width as u64 * pairs;
        let none = Linear::default();
        let (sram_read, sram_write) = match op {
            Op::Load(tensor) => (none, Linear::of(tensor.extent(), plan)),
            Op::Store(tensor) => (Linear::of(tensor.extent(), plan), none),
            Op::Initialise(_) => (none, none),
            Op::StartRows => (none, o + 2 * rows),
            Op::Scores => (q + k + u64::from(plan.bias) * pairs, pairs),
            Op::Mask => (pairs, pairs),
            Op::RowMax(Max::Running) => (pairs + rows, 2 * rows),
            Op::RowMax(Max::Tile) => (pairs, rows),
            Op::Exponentiate(_) => (pairs + rows, pairs),
            Op::RowSum => (pairs, rows),
            Op::Dropout => (pairs + u64::from(plan.dropout == DropoutCost::Materialised) * pairs, pairs),
            Op::Rescale => (o + 2 * rows, o + rows),
            Op::Accumulate => (pairs + v + o + 2 * rows, o + rows),
            Op::StartOutput => (none, o),
            Op::Product => (pairs + v + o, o),
            Op::Normalise => (o + 2 * rows, o + rows),
            Op::MergeStats => (4 * rows, 4 * rows),
            Op::MergeOutput => (pairs + v + o + 4 * rows, o),
            Op::DivideRows => (pairs + rows, pairs),
        };
        let (matmul, exp, other) = match op {
            Op::Load(_) | Op::Store(_) | Op::Initialise(_) | Op::StartRows | Op::StartOutput => (none, none, none),
            Op::Scores => {
                let (cap, alibi, bias) = (u64::from(plan.softcap), u64::from(plan.alibi), u64::from(plan.bias));
                (product(plan.d), cap * pairs, (1 + 2 * cap + 2 * alibi + bias) * pairs)
            }
            Op::Mask | Op::RowMax(Max::Tile) | Op::RowSum | Op::Dropout | Op::DivideRows => (none, none, pairs),
            Op::RowMax(Max::Running) => (none, rows, pairs + 2 * rows),
            Op::Exponentiate(_) => (none, pairs, pairs),
            Op::Rescale => (none, none, o + rows),
            Op::Accumulate => (product(plan.d_v), none, rows),
            Op::Product => (product(plan.d_v), none, none),
            Op::Normalise => (none, none, o + 2 * rows),
            Op::MergeStats => (none, 2 * rows, 6 * rows),
            Op::MergeOutput => (product(plan.d_v), none, 3 * o + rows),
        };
        let moved = |tensor: Option<Tensor>| tensor.map_or(none, |tensor| Linear::of(tensor.extent(), plan));
        let (hbm_read, hbm_write) = match op {
            Op::Load(tensor) => (moved(Some(tensor)), none),
            Op::Store(tensor) | Op::Initialise(tensor) => (none, moved(Some(tensor))),
            _ => (none, none),
        };
        Self { hbm_read, hbm_write, sram_read, sram_write, matmul, exp, other }
    }
}
