//! What one program holds on chip, and which of its buffers hold something yet.

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::attention::Real;
use crate::schedule::{Plan, Span, Tensor};

/// A place on chip. The bits of a [`Slots`] set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Slot {
    Q = 1 << 0,
    K = 1 << 1,
    V = 1 << 2,
    Bias = 1 << 3,
    Keep = 1 << 4,
    S = 1 << 5,
    P = 1 << 6,
    O = 1 << 7,
    M = 1 << 8,
    Sum = 1 << 9,
    Lse = 1 << 10,
    TileMax = 1 << 11,
    TileSum = 1 << 12,
    Alpha = 1 << 13,
    Beta = 1 << 14,
    NewSum = 1 << 15,
    NewMax = 1 << 16,
}

impl From<Tensor> for Slot {
    /// The place that a load of `tensor` fills.
    fn from(tensor: Tensor) -> Self {
        match tensor {
            Tensor::Q => Slot::Q,
            Tensor::K => Slot::K,
            Tensor::V => Slot::V,
            Tensor::O => Slot::O,
            Tensor::S => Slot::S,
            Tensor::P => Slot::P,
            Tensor::M => Slot::M,
            Tensor::Sum => Slot::Sum,
            Tensor::Lse => Slot::Lse,
            Tensor::Bias => Slot::Bias,
            Tensor::Keep => Slot::Keep,
        }
    }
}

/// A set of places on chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots(u32);

impl Slots {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(u32::MAX);

    pub const fn of(slots: &[Slot]) -> Self {
        let (mut bits, mut n) = (0, 0);
        while n < slots.len() {
            bits |= slots[n] as u32;
            n += 1;
        }
        Self(bits)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn contains(self, slot: Slot) -> bool {
        self.0 & slot as u32 != 0
    }

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// The buffers of one program. Blocks of inputs are held by their index: an input never changes in HBM.
#[derive(Clone, Debug)]
pub struct Chip<T> {
    pub q: usize,
    pub k: usize,
    pub v: usize,
    /// Scores, `[br, width]`; `width` is `bc`, or `n_k` in a kernel that works on whole rows.
    pub s: Array2<T>,
    /// Weights, `[br, width]`. The ledger counts S and P as one buffer; both are kept here to be looked at.
    pub p: Array2<T>,
    /// `[br, d_v]`
    pub o: Array2<T>,
    /// The row statistics, each `[br]`.
    pub m: Vec<T>,
    pub l: Vec<T>,
    pub lse: Vec<T>,
    pub tile_max: Vec<T>,
    pub tile_sum: Vec<T>,
    pub alpha: Vec<T>,
    pub beta: Vec<T>,
    pub new_sum: Vec<T>,
    pub new_max: Vec<T>,
    /// Places that this program has written.
    pub written: Slots,
}

impl<T: Real> Chip<T> {
    pub fn new(plan: &Plan, span: Span) -> Self {
        let width = width(plan, span);
        let rows = || vec![T::zero(); plan.br];
        Self {
            q: 0,
            k: 0,
            v: 0,
            s: Array2::zeros((plan.br, width)),
            p: Array2::zeros((plan.br, width)),
            o: Array2::zeros((plan.br, plan.d_v)),
            m: rows(),
            l: rows(),
            lse: rows(),
            tile_max: rows(),
            tile_sum: rows(),
            alpha: rows(),
            beta: rows(),
            new_sum: rows(),
            new_max: rows(),
            written: Slots::NONE,
        }
    }

    /// An empty chip for the next program; keeps its memory where the kernel has the same buffers.
    pub fn restart(&mut self, plan: &Plan, span: Span) {
        if self.s.ncols() == width(plan, span) {
            self.written = Slots::NONE;
        } else {
            *self = Self::new(plan, span);
        }
    }

    /// Bytes of its arrays.
    pub fn bytes(plan: &Plan, span: Span) -> usize {
        (plan.br * (2 * width(plan, span) + plan.d_v + 9)) * size_of::<T>()
    }
}

fn width(plan: &Plan, span: Span) -> usize {
    match span {
        Span::Tile => plan.bc,
        Span::WholeRows => plan.n_k,
    }
}

/// The first `rows` rows of a buffer, and its columns from `start`.
pub fn part<T>(buffer: &Array2<T>, rows: usize, start: usize, cols: usize) -> ArrayView2<'_, T> {
    buffer.slice(s![..rows, start..start + cols])
}

/// The same, to write to.
pub fn part_mut<T>(buffer: &mut Array2<T>, rows: usize, start: usize, cols: usize) -> ArrayViewMut2<'_, T> {
    buffer.slice_mut(s![..rows, start..start + cols])
}
