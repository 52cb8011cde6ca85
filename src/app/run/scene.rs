//! One finished run with all that is shown of it: made on a worker thread, then only read.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use ndarray::{Array2, ArrayView2};

use crate::app::run::exact;
use crate::app::run::job::Signals;
use crate::app::run::overview::Overview;
use crate::app::run::own_verdict::{OwnVerdict, OwnWrong};
use crate::app::run::refusal;
use crate::app::run::settings::Settings;
use crate::attention::error_rule::{Errors, max_error};
use crate::attention::expected::{FORWARD, GRADIENTS};
use crate::attention::oracle::Output;
use crate::attention::{Compared, Expected, Input, Problem, conversion};
use crate::machine::{self, Fault, FirstWrong, Group, Judged, Run};
use crate::schedule::{Algorithm, Plan, Schedule, Setting, Traffic, algorithm};
use crate::sentence::Sentence;

/// What the panels read.
pub struct FinishedRun {
    /// As it was opened, whole.
    pub source: Arc<Input>,
    /// What was run: the prefix, under the mask that was chosen.
    pub input: Input,
    pub settings: Settings,
    pub run: Run,
    /// Why the run is counted alone, without a number.
    pub counted_alone: Option<Sentence>,
    pub map: Overview,
    /// What this algorithm moves by its formula.
    pub closed_form: Traffic,
    /// What the un-fused algorithm moves on the same problem, by its formula: see [`Self::baseline`].
    pub standard: Traffic,
    /// Of what the file holds that was computed elsewhere; found when the run is checked.
    pub own: OnceLock<Option<OwnVerdict>>,
}

/// What the run's heads of a batch entry move, and those of the baseline.
pub struct EntryMoved {
    pub own: Traffic,
    pub standard: Traffic,
    /// So many groups of heads move it.
    pub times: u64,
}

/// Operations of a first pass that is done before the first picture: a moment.
const AT_ONCE: u64 = 1 << 30;
/// Operations of a first pass that is done at all, beside the picture: a minute or so. Of a longer run, what is looked at
/// is computed and nothing else.
const BESIDE: u64 = 1 << 41;

/// A run with fewer operations and steps is looked at within the frame.
const CHEAP_FLOPS: u64 = 4_000_000;
const CHEAP_STEPS: u64 = 20_000;

/// Queries or keys above which no exact result is computed: it costs O(N^2 d) in f64.
pub const LONGEST_CHECKED: usize = 4096;

impl FinishedRun {
    /// Makes `settings` on `source` ready to be looked at. A short run is carried out at once, and so is one by a text of
    /// the person's own, which may not be possible. Errors in a sentence when it does not fit.
    pub fn build(source: Arc<Input>, settings: Settings, signals: &Signals) -> Result<Self, Sentence> {
        let input = settings.run.apply(Cow::Borrowed(&source)).map_err(|error| error.sentence())?;
        let mut settings = settings;
        settings.clamp(&input.problem.shape);
        let setting = settings.setting(&input);
        refusal::too_large(&settings, &setting)?;
        let heads = setting.heads;
        let schedule = Schedule::of(&settings.text(), setting);
        let map = Overview::new(&schedule, settings.run.head());
        let plan = schedule.plan();
        let closed_form = schedule.algorithm.closed_form_of(&schedule.setting);
        let standard = baseline(&schedule.algorithm).closed_form_of(&Setting { heads, ..Setting::new(plan.clone()) });
        let (batch, head) = (settings.run.batch(), settings.run.head());
        let counted_alone = counted_alone(&input, &schedule);
        let run = match counted_alone {
            Some(_) => Run::counted(schedule, batch, head),
            None => {
                let d_o = input.d_o.as_ref().map(|d_o| d_o.slice(ndarray::s![batch, .., .., ..]));
                Run::ready(schedule, &input.problem, d_o, batch, head).map_err(told)?
            }
        };
        let own = OnceLock::new();
        let scene = Self { source, input, settings, run, counted_alone, map, closed_form, standard, own };
        if scene.flops() <= AT_ONCE || !algorithm::is_of_program(&scene.settings.algorithm) {
            scene.carry_out(signals).map_err(told)?;
        }
        Ok(scene)
    }

    /// Carries out the first pass, where that was not done and does not take too long.
    pub fn carry_out(&self, signals: &Signals) -> Result<(), Fault> {
        if !self.has_first_pass() {
            return Ok(());
        }
        let len = self.schedule().len();
        self.run.carry_out(|done| {
            signals.report(done, len);
            !signals.is_cancelled()
        })
    }

    /// It is carried out whole at some time.
    pub fn has_first_pass(&self) -> bool {
        self.flops() <= BESIDE
    }

    /// A look at it is made within the frame.
    pub fn is_cheap(&self) -> bool {
        self.flops() < CHEAP_FLOPS && self.schedule().len() < CHEAP_STEPS
    }

    /// It is short enough to be compared with an exact result.
    pub fn is_compared(&self) -> bool {
        self.plan().n_q.max(self.plan().n_k) <= LONGEST_CHECKED
    }

    /// The problem as something to compute. Errors where it is a shape alone.
    pub fn problem_with_values(&self) -> Result<&Problem, Sentence> {
        let problem = &self.input.problem;
        problem.has_values().then_some(problem).ok_or_else(|| "the input is a shape alone, without numbers".into())
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

    /// What is wrong first of the file's own, where that is of the heads and tokens that are shown.
    pub fn own_wrong(&self) -> Option<&OwnWrong> {
        let wrong = self.own.get()?.as_ref()?.wrong.as_ref()?;
        let (shape, head) = (self.input.problem.shape, self.settings.run.head());
        let same = if wrong.is_of_key { shape.kv_head(wrong.head) == shape.kv_head(head) } else { wrong.head == head };
        (wrong.batch == self.settings.run.batch() && same && self.has_row(wrong)).then_some(wrong)
    }

    /// The row is of a token that is run.
    pub fn has_row(&self, wrong: &OwnWrong) -> bool {
        wrong.row < if wrong.is_of_key { self.plan().n_k } else { self.plan().n_q }
    }

    /// The query heads that the run is of.
    fn group(&self) -> Group<'_> {
        let (batch, head) = (self.settings.run.batch(), self.settings.run.head());
        Group::of(self.schedule(), &self.input.problem, self.input.d_o.as_ref(), batch, head)
    }

    /// The place of the head that is shown among them.
    fn picked(&self) -> usize {
        self.schedule().setting.picked(self.settings.run.head())
    }

    /// The query of a head sees the key: neither the mask that the text has nor a bias of -inf hides the pair.
    pub fn sees(&self, head: usize, query: usize, key: usize) -> bool {
        let batch = self.settings.run.batch();
        self.schedule().algorithm.keeps(self.plan(), query, key)
            && !self.input.problem.is_hidden_by_bias(batch, head, query, key)
    }

    /// The token of a key, where the input names it.
    pub fn key_token(&self, key: usize) -> Option<&str> {
        Some(self.input.about.tokens.get(self.settings.run.batch())?.get(key)?.as_str())
    }

    /// The token of a query: queries are tokens too where there are as many as keys.
    pub fn query_token(&self, query: usize) -> Option<&str> {
        let heads = self.input.problem.heads_as_rows();
        (self.plan().n_q == self.plan().n_k * heads).then(|| self.key_token(query / heads)).flatten()
    }

    /// The run is of every head of every batch entry.
    pub fn is_of_all_heads(&self) -> bool {
        let shape = self.input.problem.shape;
        shape.heads * shape.batch == self.schedule().setting.heads
    }

    /// Bytes between HBM and chip of every head of every batch entry, by the closed form: the run is of some of them.
    pub fn bytes_of_all(&self) -> u64 {
        self.of_all_heads().iter().map(|entry| entry.times * entry.own.hbm_bytes()).sum()
    }

    /// What every head of every batch entry moves, and what the baseline does, by their closed forms.
    pub fn of_all_heads(&self) -> Vec<EntryMoved> {
        let (shape, heads) = (self.input.problem.shape, self.schedule().setting.heads.max(1));
        let groups = (shape.heads / heads) as u64;
        let mask = &self.input.problem.mask;
        // Entries differ in their lengths alone, and heads in what an array hides.
        let differ = mask.key_lengths.is_some() || self.input.problem.bias.is_some();
        let by_head = mask.array.as_ref().is_some_and(|pairs| pairs.differ_by_head());
        if !differ {
            let (own, standard) = (self.closed_form, self.standard);
            return vec![EntryMoved { own, standard, times: shape.batch as u64 * groups }];
        }
        let algorithm = &self.schedule().algorithm;
        let (firsts, times) = if by_head { (groups as usize, 1) } else { (1, groups) };
        let of_entry = |(batch, first): (usize, usize)| {
            let setting = self.settings.run.setting_of(algorithm, &self.input, (batch, first));
            let plain = Setting { heads, ..Setting::new(setting.plan.clone()) };
            let (own, standard) = (algorithm.closed_form_of(&setting), self.baseline().closed_form_of(&plain));
            EntryMoved { own, standard, times }
        };
        (0..shape.batch).flat_map(|batch| (0..firsts).map(move |n| (batch, n * heads))).map(of_entry).collect()
    }

    /// Floating-point operations of the whole run: what any look at it can cost at most.
    pub fn flops(&self) -> u64 {
        self.closed_form.flops.total()
    }
}

fn told(fault: Fault) -> Sentence {
    if fault == Fault::Stopped { "cancelled".into() } else { fault.sentence() }
}

/// Why a run is counted alone: its input is a shape, its scores would not fit in memory, or what it is given would be long
/// in the making.
fn counted_alone(input: &Input, schedule: &Schedule) -> Option<Sentence> {
    if !input.problem.has_values() {
        return Some("The input is a shape alone, without numbers.".into());
    }
    if schedule.algorithm.is_backward() && schedule.algorithm.closed_form_of(&schedule.setting).flops.total() > BESIDE {
        return Some("A backward pass needs all of its forward pass, which is too long here.".into());
    }
    machine::check_scores(&schedule.algorithm, schedule.plan()).err()
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
        /// Errors of O: of plain attention in the same formats, and of the exact result rounded once to the format of O.
        plain: f64,
        rounding: f64,
        /// The first number that is not within its bound, and the step that made it so.
        wrong: Option<FirstWrong>,
        exact: Arc<Output>,
    },
    /// Of a backward pass.
    Gradients { compared: Vec<Compared>, wrong: Option<FirstWrong> },
    /// Nothing to compare, and why.
    NotComputed(Sentence),
}

impl Check {
    /// Compares the run's results with the f64 oracle.
    pub fn of(scene: &FinishedRun) -> Self {
        if let Some(why) = &scene.counted_alone {
            return Check::NotComputed(why.clone());
        }
        if !scene.is_compared() {
            return Check::NotComputed(Sentence::new("Not computed for more than {0} tokens.").with(LONGEST_CHECKED));
        }
        if !scene.run.is_carried_out() {
            return Check::NotComputed("cancelled".into());
        }
        match scene.run.output() {
            Some(got) => Self::of_output(scene, got),
            None => Self::of_gradients(scene).unwrap_or_else(Check::NotComputed),
        }
    }

    fn of_output(scene: &FinishedRun, got: &Output) -> Self {
        let (batch, head, plan) = (scene.settings.run.batch(), scene.settings.run.head(), scene.plan());
        let stored = algorithm::stored(&scene.schedule().algorithm, plan);
        let (reference, bound) = &*exact::forward(&scene.input.problem, (batch, head), plan.precision, stored);
        let errors = Errors::between(got, &reference.exact);
        let (_, wrong) = Self::compare(scene, &scene.group(), &Expected::of_forward(reference, bound));
        let (plain, exact) = (reference.plain.o, &reference.exact);
        let rounded = exact.o.mapv(|x| conversion::stored(x, plan.precision.of_output()));
        let rounding = max_error(&rounded, &exact.o);
        Check::Done { errors, bound: *bound, plain, rounding, wrong, exact: Arc::new(exact.clone()) }
    }

    /// Errors with why there is nothing to hold the results against.
    fn of_gradients(scene: &FinishedRun) -> Result<Self, Sentence> {
        let (algorithm, plan) = (&scene.schedule().algorithm, scene.plan());
        if GRADIENTS.into_iter().all(|name| scene.run.results().get(name).is_none()) {
            let [names, others] = [&FORWARD[..], &GRADIENTS].map(|names| names.join(", "));
            let what = "{0} gives none of {1}, {2} to compare.";
            return Err(Sentence::new(what).with(algorithm.name()).with(names).with(others));
        }
        let group = scene.group();
        let d_o = group.gradients_of_output();
        let d_o: Vec<ArrayView2<'_, f64>> = d_o.iter().map(|d_o| d_o.view()).collect();
        let stored = algorithm::stored_for_gradients(algorithm, plan);
        let at = (group.batch, group.heads.clone());
        let exact = exact::backward(group.problem, at, &d_o, plan.precision, stored);
        let (of_queries, of_keys) = (*exact).as_ref().map_err(Clone::clone)?;
        let expected: Vec<Expected> = std::iter::once(&of_queries[scene.picked()]).chain(of_keys).cloned().collect();
        let (compared, wrong) = Self::compare(scene, &group, &expected);
        Ok(Check::Gradients { compared, wrong })
    }

    /// The results of the head that is shown beside what they should be.
    fn compare(scene: &FinishedRun, group: &Group<'_>, expected: &[Expected]) -> (Vec<Compared>, Option<FirstWrong>) {
        let results = scene.run.results();
        let found = expected.iter().filter_map(|expected| Some((expected, results.called(expected.name)?)));
        let found: Vec<(&Expected, Cow<'_, Array2<f64>>)> = found.collect();
        let judged = found.iter().map(|(expected, got)| Judged { head: scene.picked(), expected, got: got.view() });
        let judged: Vec<Judged<'_>> = judged.collect();
        let compared = judged.iter().map(|judged| judged.expected.compare(judged.got)).collect();
        (compared, machine::first_wrong(scene.schedule(), group, &judged))
    }
}
