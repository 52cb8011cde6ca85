//! Exact gradients of a problem, and how far those of a kernel in f32 may be off.

use ndarray::{Array2, Array4, Axis, s};

use crate::attention::error_rule::{self, max_error};
use crate::attention::{Precision, Problem};
use crate::gpu::GpuGradients;
use crate::machine::{Fault, Run};
use crate::schedule::{Plan, Schedule, Setting, Tiling, algorithm};

/// dQ, dK and dV.
pub const NAMES: [&str; 3] = ["dQ", "dK", "dV"];

/// What a kernel's gradients are held against.
pub struct Gradients {
    /// `[batch, heads, n_q, d_v]`.
    pub d_o: Array4<f64>,
    /// Of dQ, dK and dV, in the shapes of Q, K and V.
    exact: [Array4<f64>; 3],
    bounds: [f64; 3],
}

impl Gradients {
    /// By the error rule, given how far plain attention in f32 is off.
    pub fn new(d_o: Array4<f64>, exact: [Array4<f64>; 3], baseline: [f64; 3], max_abs_score: f64) -> Self {
        let bound = |at: usize| {
            let largest = exact[at].iter().filter(|x| x.is_finite()).fold(0.0, |most: f64, x| most.max(x.abs()));
            error_rule::bound_of_gradient(baseline[at], largest, max_abs_score)
        };
        let bounds = [bound(0), bound(1), bound(2)];
        Self { d_o, exact, bounds }
    }

    /// By the text of plain attention's backward pass, in f64, and for the error rule in f32. Between keys that are tied dO
    /// decides, so it is no constant.
    pub fn of(problem: &Problem) -> Result<Self, Fault> {
        let shape = problem.shape;
        let value =
            |(b, h, i, c): (usize, usize, usize, usize)| ((b * 31 + h * 17 + i * 7 + c * 5) % 64) as f64 / 32.0 - 1.0;
        let d_o = Array4::from_shape_fn((shape.batch, shape.heads, shape.n_q, shape.d_v), value);
        let exact = plain(problem, &d_o, Precision::F64)?;
        let in_f32 = plain(problem, &d_o, Precision::F32)?;
        let error = |at: usize| {
            let pairs = exact[at].iter().zip(&in_f32[at]);
            pairs.map(|(exact, got)| (exact - got).abs()).filter(|error| error.is_finite()).fold(0.0, f64::max)
        };
        let heads = (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head)));
        let largest = heads.map(|(batch, head)| error_rule::max_abs_score(&problem.head(batch, head, Precision::F64)));
        let (baseline, largest) = ([error(0), error(1), error(2)], largest.fold(0.0, f64::max));
        Ok(Self::new(d_o, exact, baseline, largest))
    }

    /// The gradient that comes closest to its bound, its error and the bound; a NaN before all others.
    pub fn closest(&self, got: &GpuGradients) -> (&'static str, f64, f64) {
        let got = [&got.dq, &got.dk, &got.dv];
        let of = |at: usize| (NAMES[at], max_error(got[at], &self.exact[at]), self.bounds[at]);
        let worse = |a: (&'static str, f64, f64), b: (&'static str, f64, f64)| {
            if a.1.is_nan() || a.1 / a.2 >= b.1 / b.2 { a } else { b }
        };
        worse(worse(of(0), of(1)), of(2))
    }
}

/// dQ, dK and dV of plain attention in a format, dK and dV summed over the heads that share them.
fn plain(problem: &Problem, d_o: &Array4<f64>, precision: Precision) -> Result<[Array4<f64>; 3], Fault> {
    let shape = problem.shape;
    let mut all = [&problem.q, &problem.k, &problem.v].map(|like| Array4::<f64>::zeros(like.raw_dim()));
    let Some(text) = algorithm::by_name("standard-backward") else { return Ok(all) };
    let tiling = Tiling { br: shape.n_q, bc: shape.n_k };
    for (batch, head) in (0..shape.batch).flat_map(|batch| (0..shape.heads).map(move |head| (batch, head))) {
        let setting = Setting::new(Plan::of_problem(problem, batch, tiling, precision));
        let of_batch = d_o.index_axis(Axis(0), batch);
        let run = Run::with_gradient(Schedule::of(text, setting), problem, Some(of_batch), batch, head, |_| true)?;
        for (name, to) in NAMES.into_iter().zip(&mut all) {
            let at = if name == "dQ" { head } else { head / shape.group() };
            let mut to = to.slice_mut(s![batch, at, .., ..]);
            let made: Option<&Array2<f64>> = run.results().get(name);
            made.into_iter().for_each(|made| to += made);
        }
    }
    Ok(all)
}
