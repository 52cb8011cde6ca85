//! The exact results that a run is held against: worked out once for all runs of one problem.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use crate::app::run::remembered::Remembered;
use crate::attention::error_rule::{Errors, Reference};
use crate::attention::{Expected, Precision, Problem, expected, stored};
use crate::sentence::Sentence;

/// [`expected::forward`], worked out once for each problem.
pub fn forward(
    problem: &Problem,
    at: (usize, usize),
    precision: Precision,
    stores: stored::Stored,
) -> Arc<(Reference, Errors)> {
    type Asked = (Problem, (usize, usize), Precision, stored::Stored);
    static KNOWN: Remembered<Asked, (Reference, Errors)> = Remembered::new();
    KNOWN.get((problem.clone(), at, precision, stores), 2 * numbers(problem), |(problem, at, precision, stores)| {
        expected::forward(problem, *at, *precision, *stores)
    })
}

/// dQ of each head, then dK and dV of all; or why no rule says how far they may be off.
type Gradients = Result<(Vec<Expected>, [Expected; 2]), Sentence>;

/// [`expected::backward`], worked out once for each problem and gradient of its output.
pub fn backward(
    problem: &Problem,
    at: (usize, Range<usize>),
    d_o: &[ArrayView2<'_, f64>],
    precision: Precision,
    stores: stored::Stored,
) -> Arc<Gradients> {
    type Asked = (Problem, (usize, Range<usize>), Vec<Array2<f64>>, Precision, stored::Stored);
    static KNOWN: Remembered<Asked, Gradients> = Remembered::new();
    let asked = (problem.clone(), at, d_o.iter().map(ArrayView2::to_owned).collect(), precision, stores);
    KNOWN.get(asked, 3 * numbers(problem), |(problem, at, d_o, precision, stores)| {
        let d_o: Vec<ArrayView2<'_, f64>> = d_o.iter().map(|d_o| d_o.view()).collect();
        expected::backward(problem, at.clone(), &d_o, *precision, *stores)
    })
}

/// The numbers that a problem is made of.
pub fn numbers(problem: &Problem) -> usize {
    let pairs = problem.bias.as_ref().map_or(0, ndarray::ArrayBase::len);
    problem.q.len() + problem.k.len() + problem.v.len() + pairs
}
