//! One finished run with all that is shown of it: made on a worker thread, then only read.

use std::borrow::Cow;
use std::sync::Arc;

use crate::attention::error_rule::{self, Errors, Fault as Wrong};
use crate::attention::oracle::Output;
use crate::attention::{Input, Precision};
use crate::machine::{Fault, Run};
use crate::schedule::{Algorithm, Plan, Schedule, Setting, Traffic, algorithm};
use crate::sentence::Sentence;

use super::job::Signals;
use super::map::ScheduleMap;
use super::refusal;
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
    /// What the un-fused algorithm moves on the same problem, by its formula: see [`Self::baseline`].
    pub standard: Traffic,
}

/// Queries or keys above which no exact result is computed: it costs O(N^2 d) in f64.
pub const LONGEST_CHECKED: usize = 4096;

impl Scene {
    /// Runs `settings` on `source` once. Errors in a sentence when it would need too much or does not fit.
    pub fn build(source: Arc<Input>, settings: Settings, signals: &Signals) -> Result<Self, Sentence> {
        let input = settings.run.apply(Cow::Borrowed(&source)).map_err(|error| error.sentence())?;
        let mut settings = settings;
        settings.clamp(&input.problem.shape);
        let setting = settings.setting(&input);
        refusal::too_large(&settings, &setting)?;
        let heads = setting.heads;
        let schedule = Schedule::of(&settings.text(), setting);
        let map = ScheduleMap::new(&schedule, settings.run.head());
        let plan = schedule.plan();
        let closed_form = schedule.algorithm.closed_form_of(&schedule.setting);
        let standard = baseline(&schedule.algorithm).closed_form_of(&Setting { heads, ..Setting::new(plan.clone()) });
        let len = schedule.len();
        let go_on = |done| {
            signals.report(done, len);
            !signals.is_cancelled()
        };
        let (batch, head) = (settings.run.batch(), settings.run.head());
        let d_o = input.d_o.as_ref().map(|d_o| d_o.slice(ndarray::s![batch, .., .., ..]));
        let run = Run::with_gradient(schedule, &input.problem, d_o, batch, head, go_on);
        let run = run.map_err(|fault| if fault == Fault::Stopped { "cancelled".into() } else { fault.sentence() })?;
        Ok(Self { source, input, settings, run, map, closed_form, standard })
    }

    /// The algorithm that this one is held against.
    pub fn baseline(&self) -> &'static Algorithm {
        baseline(&self.settings.algorithm)
    }

    /// This is the algorithm that the others are held against.
    pub fn is_baseline(&self) -> bool {
        self.settings.algorithm.name() == self.baseline().name()
    }

    pub fn schedule(&self) -> &Schedule {
        &self.run.schedule
    }

    pub fn plan(&self) -> &Plan {
        self.run.schedule.plan()
    }

    /// The query of a head sees the key: neither a mask nor a bias of -inf hides the pair.
    pub fn sees(&self, head: usize, query: usize, key: usize) -> bool {
        let batch = self.settings.run.batch();
        self.plan().band.keeps(query, key) && !self.input.problem.is_hidden_by_bias(batch, head, query, key)
    }

    /// The token of a key, where the input names it.
    pub fn key_token(&self, key: usize) -> Option<&str> {
        Some(self.input.about.tokens.get(self.settings.run.batch())?.get(key)?.as_str())
    }

    /// The token of a query: queries are tokens too where there are as many as keys.
    pub fn query_token(&self, query: usize) -> Option<&str> {
        (self.plan().n_q == self.plan().n_k).then(|| self.key_token(query)).flatten()
    }

    /// Bytes between HBM and chip of every head of every batch entry, by the closed form: the run is of some of them.
    pub fn bytes_of_all(&self) -> u64 {
        let shape = self.input.problem.shape;
        let (heads, of_run) = (shape.heads as u64, self.schedule().setting.heads.max(1) as u64);
        let of_entry = |batch: usize| {
            let setting = self.settings.run.setting(&self.schedule().algorithm, &self.input, batch);
            self.schedule().algorithm.closed_form_of(&setting).hbm_bytes()
        };
        // Entries differ in their lengths alone.
        let differ = self.input.problem.mask.key_lengths.is_some() || self.input.problem.bias.is_some();
        let entries = if differ {
            (0..shape.batch).map(of_entry).sum()
        } else {
            shape.batch as u64 * self.closed_form.hbm_bytes()
        };
        entries * heads / of_run
    }

    /// Floating-point operations of the whole run: what any look at it can cost at most.
    pub fn flops(&self) -> u64 {
        self.closed_form.flops.total()
    }
}

/// The un-fused forward pass, or the un-fused backward pass.
fn baseline(algorithm: &Algorithm) -> &'static Algorithm {
    let name = if algorithm.is_backward() { "standard-backward" } else { "standard" };
    algorithm::by_name(name).expect("it comes with the program")
}

/// How far the stepper is from exact attention.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    Done {
        errors: Errors,
        bound: Errors,
        /// Where the result is not within the bound.
        fault: Option<Wrong>,
        exact: Arc<Output>,
    },
    /// Nothing to compare, and why.
    NotComputed(Sentence),
}

impl Check {
    /// Compares the run's results with the f64 oracle.
    pub fn of(scene: &Scene) -> Self {
        let plan = scene.plan();
        if plan.n_q.max(plan.n_k) > LONGEST_CHECKED {
            return Check::NotComputed(Sentence::new("Not computed for more than {0} tokens.").with(LONGEST_CHECKED));
        }
        let Some(got) = scene.run.output() else {
            let name = scene.settings.algorithm.name();
            return Check::NotComputed(Sentence::new("{0} gives no O to compare.").with(name));
        };
        let run = &scene.settings.run;
        let (batch, head, precision) = (run.batch(), run.head(), run.precision());
        let reference = error_rule::reference(&scene.input.problem, batch, head, precision);
        let stored = algorithm::stored(&scene.schedule().algorithm, plan);
        let exact_inputs = scene.input.problem.head(batch, head, Precision::F64);
        let bound = stored.bound(&reference, &exact_inputs, precision);
        let errors = Errors::between(got, &reference.exact);
        let fault = Wrong::of(got, &reference.exact, &bound);
        Check::Done { errors, bound, fault, exact: Arc::new(reference.exact) }
    }
}
