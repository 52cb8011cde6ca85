//! When a result counts as right: at most twice as far from the exact one as plain attention in the same format.
//!
//! The factor is that of flash-attention's own tests. A NaN or an infinity of the exact result must stand at the same
//! place of a right one, and nowhere else: any other place of it makes the error NaN, and every test is `error <= bound`.

use super::naive;
use super::oracle::{self, Output};
use super::precision::Precision;
use super::problem::{Head, Problem};
use crate::sentence::Sentence;

/// Scores above this are off by whole units where they are stored in f16 or bf16. An algorithm that keeps them on chip in
/// f32 does better, and is held against plain attention that does so too.
const LARGE_SCORE: f64 = 5e3;

/// Largest difference of two results, position by position. NaN must meet NaN, and an infinity itself; one of them
/// beside anything else, or a difference in length, gives NaN, which no bound accepts.
pub fn max_error<'a>(got: impl IntoIterator<Item = &'a f64>, want: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (mut got, mut want) = (got.into_iter(), want.into_iter());
    let mut worst = 0.0;
    loop {
        match (got.next(), want.next()) {
            (None, None) => return worst,
            (Some(&g), Some(&w)) if g == w || g.is_nan() && w.is_nan() => {}
            (Some(&g), Some(&w)) if (g - w).is_finite() => worst = f64::max(worst, (g - w).abs()),
            _ => return f64::NAN,
        }
    }
}

/// Errors of one result: of O, m, l and L. One that the result lacks is NaN, which no bound accepts; but an algorithm may
/// tell neither m nor l, which is no error.
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
        let of_statistic = |got: &[f64], want| if got.is_empty() { 0.0 } else { max_error(got, want) };
        Self {
            o: max_error(&got.o, &want.o),
            m: of_statistic(&got.m, &want.m),
            l: of_statistic(&got.l, &want.l),
            lse: of_statistic(&got.lse, &want.lse),
        }
    }

    /// How far `got` is from `want` where both are finite.
    fn of_finite(got: &Output, want: &Output) -> Self {
        let error = |got: &mut dyn Iterator<Item = &f64>, want: &mut dyn Iterator<Item = &f64>| {
            got.zip(want).map(|(g, w)| (g - w).abs()).filter(|error| error.is_finite()).fold(0.0, f64::max)
        };
        Self {
            o: error(&mut got.o.iter(), &mut want.o.iter()),
            m: error(&mut got.m.iter(), &mut want.m.iter()),
            l: error(&mut got.l.iter(), &mut want.l.iter()),
            lse: error(&mut got.lse.iter(), &mut want.lse.iter()),
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

/// What the rule allows a gradient in f32: three times the error of plain attention, as flash-attention's tests have it, and a
/// floor relative to the largest exact value. P = exp(S - L) carries the rounding of L, which is as large as the scores, and
/// plain attention keeps its P.
pub fn bound_of_gradient(baseline: f64, largest: f64, max_abs_score: f64) -> f64 {
    let floor = f64::max(2e-6, f64::from(f32::EPSILON) * max_abs_score);
    3.0 * baseline + floor * largest.max(1.0)
}

/// The largest score of any pair that is seen, without its sign.
pub fn max_abs_score(head: &Head<f64>) -> f64 {
    let scores = (0..head.n_q()).flat_map(|i| oracle::row(head, i).s).filter(|s| s.is_finite());
    scores.fold(0.0, |most, s| f64::max(most, s.abs()))
}

/// The exact result of one head and what the rule allows around it.
pub struct Reference {
    pub exact: Output,
    /// For an algorithm that keeps its scores on chip.
    pub bound: Errors,
    /// For one that stores them, in the format of the problem.
    pub bound_of_stored: Errors,
    /// How far plain attention in the same format is off, as `bound` has it.
    pub baseline: Errors,
}

impl Reference {
    /// What the rule allows an algorithm that stores its scores, or does not.
    pub fn bound_for(&self, stores_scores: bool) -> &Errors {
        if stores_scores { &self.bound_of_stored } else { &self.bound }
    }
}

/// Computes the exact result of one head, and the bound for results in `precision`.
pub fn reference(problem: &Problem, batch: usize, head: usize, precision: Precision) -> Reference {
    let inputs = problem.head::<f64>(batch, head, Precision::F64);
    let exact = oracle::attention(&inputs);
    let max_abs_score = max_abs_score(&inputs);
    // What plain attention makes of the inputs in this format, with its scores and weights stored in another.
    let plain = |stored: Precision| match precision {
        Precision::F64 => Errors::ZERO,
        _ => Errors::of_finite(&naive::attention(&problem.head::<f32>(batch, head, precision), stored), &exact),
    };
    let stored = plain(precision);
    let keeps_apart = max_abs_score > LARGE_SCORE && precision.element_bytes() == 2;
    let baseline = if keeps_apart { plain(Precision::F32) } else { stored };
    let largest = |values: &[f64]| values.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()));
    let sizes = Errors {
        o: largest(exact.o.as_slice().expect("a new matrix is contiguous")),
        m: largest(&exact.m),
        l: largest(&exact.l),
        lse: largest(&exact.lse),
    };
    Reference {
        bound: bounds(precision, &baseline, &sizes, max_abs_score),
        bound_of_stored: bounds(precision, &stored, &sizes, max_abs_score),
        exact,
        baseline,
    }
}

/// Where a result is furthest from right.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// O, m, l or L.
    pub tensor: &'static str,
    pub query: usize,
    /// The component of O.
    pub component: Option<usize>,
    pub got: f64,
    pub want: f64,
    pub bound: f64,
}

impl Fault {
    /// The first place that no bound accepts, or else the one furthest beyond its bound; `None` where all is right.
    pub fn of(got: &Output, exact: &Output, bound: &Errors) -> Option<Self> {
        let d_v = exact.o.ncols().max(1);
        let (got_o, exact_o) = (got.o.iter().copied().collect::<Vec<_>>(), exact.o.iter().copied().collect::<Vec<_>>());
        let mut worst: Option<(f64, Self)> = None;
        for (tensor, got, want, bound) in [
            ("O", &got_o, &exact_o, bound.o),
            ("m", &got.m, &exact.m, bound.m),
            ("l", &got.l, &exact.l, bound.l),
            ("L", &got.lse, &exact.lse, bound.lse),
        ] {
            for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
                let error = max_error([&got], [&want]);
                // Beyond any finite share where no bound accepts it.
                let share = if error.is_nan() { f64::INFINITY } else { error / bound };
                let is_right = error <= bound;
                let is_worst = worst.as_ref().is_none_or(|(known, _)| share > *known);
                if !is_right && is_worst {
                    let (query, component) = if tensor == "O" { (at / d_v, Some(at % d_v)) } else { (at, None) };
                    worst = Some((share, Self { tensor, query, component, got, want, bound }));
                }
            }
        }
        worst.map(|(_, fault)| fault)
    }

    pub fn sentence(&self) -> Sentence {
        let value = |sentence: Sentence| sentence.with(self.got).with(self.want).with(format!("{:.3e}", self.bound));
        match self.component {
            Some(component) => value(
                Sentence::new("O of query {0}, component {1} is {2}, the exact one {3}, and {4} is allowed")
                    .with(self.query)
                    .with(component),
            ),
            None => value(
                Sentence::new("{0} of query {1} is {2}, the exact one {3}, and {4} is allowed")
                    .with(self.tensor)
                    .with(self.query),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nan_and_an_infinity_pass_beside_themselves_and_nowhere_else() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        let values = [2.0, nan, inf, -inf];
        for (n, &want) in values.iter().enumerate() {
            for (other, &got) in values.iter().enumerate() {
                let error = max_error(&[1.0, got, 1.5], &[1.0, want, 1.0]);
                let errors = |error| Errors { o: error, ..Errors::ZERO };
                let passes = errors(error).within(&Errors { o: 1e9, m: 1e9, l: 1e9, lse: 1e9 });
                assert_eq!(passes, n == other, "{got} for {want}");
                assert!(n != other || error == 0.5, "what is beside it counts: {error}");
            }
        }
        assert!(max_error(&[1.0], &[1.0, 2.0]).is_nan());
        assert!(max_error(&[1e308], &[-1e308]).is_nan(), "further than any bound");
    }
}
