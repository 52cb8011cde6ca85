//! How far results are from the f64 oracle: the map of a GPU's errors, and three ways to compute the same head in one
//! format. Made by workers.

use std::sync::Arc;

use ndarray::{Array2, Zip};

use crate::app::run::gpu::outcome::Outcome;
use crate::app::run::job::Signals;
use crate::app::run::refusal::MOST_STEPS;
use crate::app::run::scene::FinishedRun;
use crate::attention::error_rule::{self, max_error};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Real, naive};
use crate::machine::{Fault, Run};
use crate::schedule::{Plan, Schedule, algorithm};
use crate::sentence::Sentence;

/// `|O - exact|` over (query, column).
pub struct ErrorMap {
    /// NaN where either is not a number, or an infinity stands against something else.
    pub errors: Array2<f64>,
    pub exact: Arc<Output>,
    /// The largest error and where; `None` where no number is left.
    pub largest: Option<(f64, (usize, usize))>,
    /// The smallest that is not 0.
    pub smallest: Option<f64>,
    /// Places that are exact to the last bit of an f64.
    pub zeros: usize,
    pub nans: usize,
    /// What the error rule allows.
    pub bound: f64,
}

impl ErrorMap {
    /// Errors when the shapes differ.
    pub fn new(outcome: &Outcome, exact: &Arc<Output>, bound: f64) -> Result<Self, Sentence> {
        if outcome.o.dim() != exact.o.dim() {
            let said = Sentence::new("the GPU gave O of {0}, and it is {1}");
            return Err(said.with(format!("{:?}", outcome.o.dim())).with(format!("{:?}", exact.o.dim())));
        }
        let errors = Zip::from(&outcome.o).and(&exact.o).map_collect(|&got, &want| max_error([&got], [&want]));
        let mut map = Self { errors, exact: exact.clone(), largest: None, smallest: None, zeros: 0, nans: 0, bound };
        for (at, &error) in map.errors.indexed_iter() {
            map.nans += usize::from(error.is_nan());
            map.zeros += usize::from(error == 0.0);
            if error.is_finite() && map.largest.is_none_or(|(largest, _)| error > largest) {
                map.largest = Some((error, at));
            }
            if error > 0.0 && map.smallest.is_none_or(|smallest| error < smallest) {
                map.smallest = Some(error);
            }
        }
        Ok(map)
    }

    /// The decades that the colours cover: whole ones, at most eight below the largest error.
    pub fn decades(&self) -> (i32, i32) {
        let largest = self.largest.map_or(0.0, |(largest, _)| largest);
        if largest <= 0.0 {
            return (-8, 0);
        }
        let high = largest.log10().ceil() as i32;
        let low = self.smallest.map_or(high - 1, |smallest| smallest.log10().floor() as i32);
        (low.clamp(high - 8, high - 1), high)
    }
}

/// Largest errors of O of one head in one format, by three ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bars {
    pub format: Precision,
    /// flash2 as the stepper computes it, with the run's blocks.
    pub flash: f64,
    /// Plain attention: S and P stored whole.
    pub plain: f64,
    /// The exact result, stored in the format: what no kernel can be better than.
    pub rounding: f64,
    /// What the error rule allows.
    pub bound: f64,
    /// The bound is taken from f32: scores are so large that plain attention means nothing in this format.
    pub is_bound_of_f32: bool,
}

impl Bars {
    /// Errors in a sentence, and when it is cancelled.
    pub fn of(scene: &FinishedRun, format: Precision, signals: &Signals) -> Result<Self, Sentence> {
        let settings = &scene.settings;
        let problem = scene.problem_with_values()?;
        let (batch, head) = (settings.run.batch(), settings.run.head());
        let go_on = || if signals.is_cancelled() { Err(Sentence::new("cancelled")) } else { Ok(()) };
        let reference = error_rule::reference(problem, batch, head, format);
        go_on()?;
        let plain = naive::attention(&problem.head::<f32>(batch, head, format), format);
        go_on()?;
        let flash2 = algorithm::by_name("flash2").ok_or("flash2 is missing")?;
        let plan = Plan::of_heads(problem, (batch, head..head + 1), settings.tiling(), format);
        let len = flash2.step_count(&plan);
        if len > MOST_STEPS {
            return Err(Sentence::new("{0} steps are too many to carry out; choose larger blocks").with(len));
        }
        let schedule = Schedule::new(flash2, plan);
        let flash = Run::new(schedule, problem, batch, head, |done| {
            signals.report(done, len);
            !signals.is_cancelled()
        });
        let stopped = |fault: Fault| if fault == Fault::Stopped { "cancelled".into() } else { fault.sentence() };
        let flash = flash.map_err(stopped)?;
        let flash = flash.output().ok_or("flash2 is missing")?;
        let exact = &reference.exact.o;
        let plain = max_error(&plain.o, exact);
        Ok(Self {
            format,
            flash: max_error(&flash.o, exact),
            plain,
            rounding: max_error(&stored(exact, format), exact),
            bound: reference.bound.o,
            is_bound_of_f32: reference.bound != reference.bound_of_stored,
        })
    }
}

/// What is left of `values` when they are stored in `format`.
fn stored(values: &Array2<f64>, format: Precision) -> Vec<f64> {
    if format == Precision::F64 {
        return values.iter().copied().collect();
    }
    let mut narrow: Vec<f32> = values.iter().map(|x| f32::narrow(*x)).collect();
    f32::store_as(&mut narrow, format.of_output());
    narrow.into_iter().map(Real::widen).collect()
}
