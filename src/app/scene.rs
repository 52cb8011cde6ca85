//! One finished run with all that is shown of it: made on a worker thread, then only read.

use std::sync::Arc;

use crate::attention::Input;
use crate::attention::error_rule::{self, Errors, Fault};
use crate::attention::oracle::Output;
use crate::machine::Run;
use crate::schedule::{Plan, Schedule, Span, Traffic, algorithm};
use crate::sentence::Sentence;

use super::job::Signals;
use super::map::ScheduleMap;
use super::settings::Settings;

/// What the panels read.
pub struct Scene {
    /// As it was opened, whole.
    pub source: Arc<Input>,
    /// What was run: the prefix, under the mask that was chosen.
    pub input: Input,
    pub settings: Settings,
    pub run: Run,
    pub map: ScheduleMap,
    /// What this algorithm moves by its formula.
    pub closed_form: Traffic,
    /// What standard attention moves on the same problem, by its formula.
    pub standard: Traffic,
}

/// Bytes that a run may take for S and P in HBM.
pub const MOST_BYTES: u64 = 4 << 30;
/// Steps that one run may have: a first pass of a minute or so.
pub const MOST_STEPS: u64 = 50_000_000;
/// Queries or keys above which no exact result is computed: it costs O(N^2 d) in f64.
pub const LONGEST_CHECKED: usize = 4096;

impl Scene {
    /// Runs `settings` on `source` once. Errors in a sentence when it would need too much or does not fit.
    pub fn build(source: Arc<Input>, settings: Settings, signals: &Signals) -> Result<Self, Sentence> {
        let input = settings.apply(&source).map_err(|error| error.sentence())?;
        let mut settings = settings;
        settings.clamp(&input.problem.shape);
        let plan = settings.plan(&input.problem);
        refuse_too_large(&settings, &plan)?;
        let schedule = Schedule::new(settings.algorithm(), plan);
        if schedule.len() > MOST_STEPS {
            let fault = "{0} steps are too many to carry out (at most {1}); choose larger blocks";
            return Err(Sentence::new(fault).with(schedule.len()).with(MOST_STEPS));
        }
        let map = ScheduleMap::new(&schedule);
        let plan = &schedule.plan;
        let closed_form = schedule.algorithm.closed_form(plan);
        let standard = algorithm::ALL[0].closed_form(plan);
        let len = schedule.len();
        let go_on = |done| {
            signals.report(done, len);
            !signals.is_cancelled()
        };
        let run = Run::new(schedule, &input.problem, settings.batch, settings.head, settings.meaning(), go_on)
            .ok_or("cancelled")?;
        Ok(Self { source, input, settings, run, map, closed_form, standard })
    }

    /// This is the algorithm that the others are held against.
    pub fn is_baseline(&self) -> bool {
        self.settings.algorithm == algorithm::ALL[0].name()
    }

    pub fn schedule(&self) -> &Schedule {
        &self.run.schedule
    }

    pub fn plan(&self) -> &Plan {
        &self.run.schedule.plan
    }

    /// The token of a key, where the input names it.
    pub fn key_token(&self, key: usize) -> Option<&str> {
        Some(self.input.about.tokens.get(self.settings.batch)?.get(key)?.as_str())
    }

    /// The token of a query: queries are tokens too where there are as many as keys.
    pub fn query_token(&self, query: usize) -> Option<&str> {
        (self.plan().n_q == self.plan().n_k).then(|| self.key_token(query)).flatten()
    }

    /// Floating-point operations of the whole run: what any look at it can cost at most.
    pub fn flops(&self) -> u64 {
        self.closed_form.flops.total()
    }
}

/// A schedule that keeps its scores in HBM needs memory for all of them, twice.
fn refuse_too_large(settings: &Settings, plan: &Plan) -> Result<(), Sentence> {
    let in_hbm = settings.algorithm().kernels(plan).iter().any(|kernel| kernel.span == Span::WholeRows);
    let bytes =
        2 * (plan.n_q as u64).saturating_mul(plan.n_k as u64).saturating_mul(plan.precision.accumulator_bytes());
    if in_hbm && bytes > MOST_BYTES {
        let gib = bytes as f64 / (1u64 << 30) as f64;
        let fault =
            "{0} would keep S and P of {1} x {2} in memory, {3} GiB, and 4 GiB is the limit here; flash2 needs neither";
        let fault = Sentence::new(fault).with(settings.algorithm).with(plan.n_q).with(plan.n_k);
        return Err(fault.with(format!("{gib:.1}")));
    }
    Ok(())
}

/// How far the stepper is from exact attention.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    Done {
        errors: Errors,
        bound: Errors,
        /// Where the result is not within the bound.
        fault: Option<Fault>,
        exact: Arc<Output>,
    },
    /// Too long for an exact result.
    NotComputed,
}

impl Check {
    /// Compares the run's results with the f64 oracle.
    pub fn of(scene: &Scene) -> Self {
        let plan = scene.plan();
        if plan.n_q.max(plan.n_k) > LONGEST_CHECKED {
            return Check::NotComputed;
        }
        let Settings { batch, head, precision, .. } = scene.settings;
        let reference = error_rule::reference(&scene.input.problem, batch, head, precision);
        let (got, bound) = (scene.run.output(), *reference.bound_for(scene.schedule().stores_scores()));
        let errors = Errors::between(got, &reference.exact);
        let fault = Fault::of(got, &reference.exact, &bound);
        Check::Done { errors, bound, fault, exact: Arc::new(reference.exact) }
    }
}
