//! When a result counts as right: at most twice as far from the exact one as plain attention in the same format.
//!
//! The factor is that of flash-attention's own tests. NaN fails: every test is `error <= bound`.

use super::naive;
use super::oracle::{self, Output};
use super::precision::Precision;
use super::problem::Problem;

/// Scores above this are off by whole units in f16 and bf16, so that the plain baseline means nothing there.
const LARGE_SCORE: f64 = 5e3;

/// Largest difference of two results, position by position. `-inf` must meet `-inf`; a NaN on either side,
/// an infinity on one, or a difference in length gives NaN, which no bound accepts.
pub fn max_error<'a>(got: impl IntoIterator<Item = &'a f64>, want: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut got, mut want) = (got.into_iter(), want.into_iter());
    let mut worst = 0.0;
    loop {
        match (got.next(), want.next()) {
            (None, None) => return worst,
            (Some(&g), Some(&w)) if g == w => {}
            (Some(&g), Some(&w)) if (g - w).is_finite() => worst = f64::max(worst, (g - w).abs()),
            _ => return f64::NAN,
        }
    }
}

/// Errors of one result: of O, m, l and L. One that the result lacks is NaN, which no bound accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    pub o: f64,
    pub m: f64,
    pub l: f64,
    pub lse: f64,
}

impl Errors {
    /// How far `got` is from `want`.
    pub fn between(got: &Output, want: &Output) -> Self {
        Self {
            o: max_error(&got.o, &want.o),
            m: max_error(&got.m, &want.m),
            l: max_error(&got.l, &want.l),
            lse: max_error(&got.lse, &want.lse),
        }
    }

    /// Each error is within its bound.
    pub fn within(&self, bound: &Errors) -> bool {
        self.o <= bound.o && self.m <= bound.m && self.l <= bound.l && self.lse <= bound.lse
    }

    /// The larger of each, NaN if either is.
    pub fn max(self, other: Self) -> Self {
        let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
        Self {
            o: larger(self.o, other.o),
            m: larger(self.m, other.m),
            l: larger(self.l, other.l),
            lse: larger(self.lse, other.lse),
        }
    }

    pub const ZERO: Self = Self { o: 0.0, m: 0.0, l: 0.0, lse: 0.0 };
}

/// What the rule allows a result of `precision`, given how far plain attention is off (`baseline`), the largest finite
/// value of each exact tensor, and the largest score.
pub fn bounds(precision: Precision, baseline: &Errors, largest: &Errors, max_abs_score: f64) -> Errors {
    // The least error allowed for a value of 1, and the spacing of the format around 1.
    let (floor, epsilon) = match precision {
        Precision::F64 => (1e-11, 0.0),
        Precision::F32 => (2e-6, f64::from(f32::EPSILON)),
        Precision::F16 => (1e-3, 1.0 / 1024.0),
        Precision::Bf16 => (8e-3, 1.0 / 128.0),
    };
    let bound = |baseline: f64, largest: f64| 2.0 * baseline + floor * largest.max(1.0);
    // l carries the rounding of the scores: of their computation in f32, of their storage in f16 and bf16.
    let l = (2.0 * baseline.lse + 2.0 * epsilon * max_abs_score + floor) * largest.l.max(1.0);
    Errors {
        o: bound(baseline.o, largest.o),
        m: bound(baseline.lse, largest.m),
        l,
        lse: bound(baseline.lse, largest.lse),
    }
}

/// The exact result of one head and what the rule allows around it.
pub struct Reference {
    pub exact: Output,
    pub bound: Errors,
    /// How far plain attention in the same format is off.
    pub baseline: Errors,
}

/// Computes the exact result of one head, and the bound for results in `precision`.
pub fn reference(problem: &Problem, batch: usize, head: usize, precision: Precision) -> Reference {
    let inputs = problem.head::<f64>(batch, head, Precision::F64);
    let exact = oracle::attention(&inputs);
    let max_abs_score = (0..inputs.n_q())
        .flat_map(|i| oracle::row(&inputs, i).s)
        .filter(|s| s.is_finite())
        .fold(0.0, |most, s| f64::max(most, s.abs()));
    let low = if max_abs_score > LARGE_SCORE && precision != Precision::F64 { Precision::F32 } else { precision };
    let plain = match low {
        Precision::F64 => exact.clone(),
        _ => naive::attention(&problem.head::<f32>(batch, head, low), low),
    };
    let baseline = Errors::between(&plain, &exact);
    let largest = |values: &[f64]| values.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()));
    let sizes = Errors {
        o: largest(exact.o.as_slice().expect("a new matrix is contiguous")),
        m: largest(&exact.m),
        l: largest(&exact.l),
        lse: largest(&exact.lse),
    };
    let bound = bounds(precision, &baseline, &sizes, max_abs_score);
    Reference { exact, bound, baseline }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_and_misplaced_infinities_fail() {
        let inf = f64::NEG_INFINITY;
        assert_eq!(max_error(&[1.0, inf], &[1.5, inf]), 0.5);
        for (got, want) in [([1.0, f64::NAN], [1.0, 2.0]), ([1.0, 2.0], [1.0, f64::NAN]), ([1.0, 0.0], [1.0, inf])] {
            let error = max_error(&got, &want);
            assert!(error.is_nan());
            let errors = Errors { o: error, ..Errors::ZERO };
            assert!(!errors.within(&Errors { o: 1e9, m: 1e9, l: 1e9, lse: 1e9 }));
        }
        assert!(max_error(&[1.0], &[1.0, 2.0]).is_nan());
    }
}
