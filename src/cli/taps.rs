//! m and l as a GPU's kernel has them after every key block, held against the stepper with the same blocks.

use std::sync::atomic::AtomicBool;

use crate::attention::error_rule::{self, Errors};
use crate::attention::{Precision, Problem};
use crate::gpu::{Backend, GpuError, HeadTaps, Refusal};
use crate::machine::Run;
use crate::schedule::{Algorithm, Part, Plan, Schedule, Tiling};

/// The value that comes closest to its bound; a NaN before all others.
#[derive(Clone, Copy, Debug)]
pub struct Closest {
    pub tensor: &'static str,
    pub error: f64,
    pub bound: f64,
}

impl Closest {
    fn or(self, other: Self) -> Self {
        let share = |of: &Self| of.error / of.bound;
        if share(&self).is_nan() || share(&self) >= share(&other) { self } else { other }
    }
}

/// Runs a kernel with taps and compares each visit of each head. A tile that only one of the two visits is off by NaN.
///
/// Errors as [`Backend::taps`] does.
pub fn compare(
    problem: &Problem,
    device: &mut dyn Backend,
    algorithm: &Algorithm,
    precision: Precision,
) -> Result<Closest, GpuError> {
    let rounded = rounded(problem, precision);
    let taps = device.taps(&rounded, algorithm.name(), precision, &AtomicBool::new(false))?;
    let heads = problem.shape.heads;
    let mut worst = Closest { tensor: Part::Max.symbol(), error: 0.0, bound: 1.0 };
    for (at, recorded) in taps.heads.iter().enumerate() {
        let (of, tiling) = ((at / heads, at % heads..at % heads + 1), Tiling { br: taps.br, bc: taps.bc });
        let plan = Plan::of_heads(&rounded, of, tiling, Precision::F32);
        let bounds = bounds(&rounded, (at / heads, at % heads), precision, &plan);
        let schedule = Schedule::new(algorithm, plan);
        let run = Run::new(schedule, &rounded, at / heads, at % heads, |_| true)
            .map_err(|_| Refusal::Taps("the stepper did not run"))?;
        worst = of_head(&run, recorded, &bounds).or(worst);
    }
    Ok(worst)
}

/// Kernel and stepper get the same numbers: scores and their statistics are sums in f32 in every format.
fn rounded(problem: &Problem, precision: Precision) -> Problem {
    let mut problem = problem.clone();
    let round = |x: f64| match precision {
        Precision::F16 => half::f16::from_f64(x).to_f64(),
        Precision::BF16 => half::bf16::from_f64(x).to_f64(),
        _ => x,
    };
    for tensor in [&mut problem.q, &mut problem.k, &mut problem.v].into_iter().chain(&mut problem.bias) {
        tensor.mapv_inplace(round);
    }
    problem
}

/// What the error rule allows m and l of one head when the keys end after each key block.
fn bounds(problem: &Problem, (batch, head): (usize, usize), precision: Precision, plan: &Plan) -> Vec<Errors> {
    let up_to = |keys: usize| {
        let prefix = Problem { mask: problem.mask.until_key(&problem.shape, keys), ..problem.clone() };
        error_rule::reference(&prefix, batch, head, precision).bound
    };
    (0..plan.t_c()).map(|j| up_to(plan.cols(j).end)).collect()
}

fn of_head(run: &Run, taps: &HeadTaps, bounds: &[Errors]) -> Closest {
    let plan = run.schedule.plan();
    let missing = Closest { tensor: Part::Max.symbol(), error: f64::NAN, bound: 0.0 };
    if taps.m.dim() != (plan.t_c(), plan.n_q) || taps.l.dim() != taps.m.dim() {
        return missing;
    }
    let mut worst = Closest { tensor: Part::Max.symbol(), error: 0.0, bound: 1.0 };
    for block in 0..plan.t_r() {
        for (row, history) in plan.rows(block).zip(run.history(block)) {
            let is_nan = |j: usize| history.iter().any(|visit| visit.j == j && visit.m.is_nan());
            if !taps.visited(row, is_nan).eq(history.iter().map(|visit| visit.j)) {
                return missing;
            }
            for visit in history {
                let (got, bound) = ((taps.m[[visit.j, row]], taps.l[[visit.j, row]]), &bounds[visit.j]);
                let of = |tensor, got: f64, want: f64, bound| Closest {
                    tensor,
                    error: error_rule::max_error(&[got], &[want]),
                    bound,
                };
                worst = of(Part::Max.symbol(), got.0, visit.m, bound.m)
                    .or(of(Part::Sum.symbol(), got.1, visit.l, bound.l))
                    .or(worst);
            }
        }
    }
    worst
}
