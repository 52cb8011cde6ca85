//! HBM: the tensors that a schedule writes, and what it reports of the row statistics.

use ndarray::{Array2, ArrayView2};

use crate::attention::Real;
use crate::schedule::{Plan, Tensor};

/// The tensors that programs write. Inputs stay in the problem.
#[derive(Clone, Debug)]
pub struct Memory<T> {
    /// `[n_q, d_v]`
    pub o: Array2<T>,
    /// Each `[n_q]`.
    pub m: Vec<T>,
    pub l: Vec<T>,
    pub lse: Vec<T>,
    /// Tiles of S and P of the algorithms that store them.
    pub s: Tiles<T>,
    pub p: Tiles<T>,
}

impl<T: Real> Memory<T> {
    pub fn new(plan: &Plan) -> Self {
        let rows = || vec![T::zero(); plan.n_q];
        Self {
            o: Array2::zeros((plan.n_q, plan.d_v)),
            m: rows(),
            l: rows(),
            lse: rows(),
            s: Tiles::default(),
            p: Tiles::default(),
        }
    }

    /// A tensor of one value per row.
    pub fn rows_mut(&mut self, tensor: Tensor) -> &mut Vec<T> {
        match tensor {
            Tensor::M => &mut self.m,
            Tensor::Sum => &mut self.l,
            Tensor::Lse => &mut self.lse,
            _ => unreachable!("{tensor:?} has no row vector in HBM"),
        }
    }

    pub fn rows(&self, tensor: Tensor) -> &[T] {
        match tensor {
            Tensor::M => &self.m,
            Tensor::Sum => &self.l,
            Tensor::Lse => &self.lse,
            _ => unreachable!("{tensor:?} has no row vector in HBM"),
        }
    }

    pub fn tiles(&mut self, tensor: Tensor) -> &mut Tiles<T> {
        match tensor {
            Tensor::S => &mut self.s,
            Tensor::P => &mut self.p,
            _ => unreachable!("{tensor:?} is not stored in tiles"),
        }
    }
}

/// A matrix of N x N, kept as the tiles that were stored: a look at one tile needs no others.
#[derive(Clone, Debug)]
pub struct Tiles<T>(std::collections::HashMap<(usize, usize), Array2<T>>);

impl<T> Default for Tiles<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T: Real> Tiles<T> {
    pub fn store(&mut self, tile: (usize, usize), values: ArrayView2<'_, T>) -> &mut Array2<T> {
        let kept = self.0.entry(tile).or_insert_with(|| Array2::zeros(values.dim()));
        kept.assign(&values);
        kept
    }

    pub fn load(&self, tile: (usize, usize)) -> ArrayView2<'_, T> {
        self.0.get(&tile).expect("a tile is stored before it is loaded").view()
    }
}

/// What an algorithm reports of each row, whether or not it stores it: m, l and L.
#[derive(Clone, Debug)]
pub struct Reported<T> {
    pub m: Vec<T>,
    pub l: Vec<T>,
    pub lse: Vec<T>,
}

impl<T: Real> Reported<T> {
    pub fn new(n_q: usize) -> Self {
        // What a row that is never reached has: no key seen.
        Self { m: vec![T::neg_infinity(); n_q], l: vec![T::zero(); n_q], lse: vec![T::neg_infinity(); n_q] }
    }

    /// Reports row `row`.
    pub fn set(&mut self, row: usize, m: T, l: T) {
        self.m[row] = m;
        self.l[row] = l;
        self.lse[row] = logsumexp(m, l);
    }
}

/// `L = m + ln l`; `-inf` for a row that sees no key, since `-inf + ln 0` is.
pub fn logsumexp<T: Real>(m: T, l: T) -> T {
    m + l.ln()
}
