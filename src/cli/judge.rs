//! A text carried out on every head of a problem, and its results held against exact ones.

use std::borrow::Cow;

use ndarray::{Array2, Array4, ArrayView2, s};

use crate::attention::expected::{self, Expected, FORWARD, GRADIENTS};
use crate::attention::{Compared, Precision, Problem, Real, Stored, naive};
use crate::machine::{self, Fault, FirstWrong, Given, Group, Judged, Machine, Program, Results, carry_out, inputs};
use crate::schedule::language::{Setting, visits};
use crate::schedule::{Algorithm, Schedule, algorithm};
use crate::sentence::Sentence;

/// Where lines stand at more places than this, a run is refused before its first step.
const MOST_STEPPED: u64 = 200_000_000;

/// Carries out a text on the query heads that share a key/value head, group by group; `settings` are of each batch entry.
/// `go_on` is called after each step, `each` gets every group with its machine at the end.
pub fn each_group<T: Real>(
    algorithm: &Algorithm,
    settings: &[Setting],
    problem: &Problem,
    d_o: Option<&Array4<f64>>,
    mut go_on: impl FnMut(),
    mut each: impl FnMut(&Group<'_>, &Schedule, &Machine<'_, T>),
) -> Result<(), Fault> {
    let program = Program::new(algorithm);
    let shape = problem.shape;
    for (batch, setting) in settings.iter().enumerate() {
        let steps = visits(algorithm.text(), setting);
        if steps > MOST_STEPPED {
            return Err(Fault::TooManySteps { steps, most: MOST_STEPPED });
        }
        let schedule = Schedule::of(algorithm, setting.clone());
        for kv_head in 0..shape.kv_heads {
            let heads = kv_head * shape.group()..(kv_head + 1) * shape.group();
            let given = heads.clone().map(|head| {
                let d_o = d_o.map(|d_o| d_o.slice(s![batch, head, .., ..]));
                inputs::<T>(&schedule, problem, d_o, batch, head)
            });
            let given: Vec<Given<T>> = given.collect::<Result<_, _>>()?;
            let machine = carry_out(&schedule, &program, &given, |_, _, _| {
                go_on();
                true
            })?;
            let group = Group { problem, d_o: d_o.map(|d_o| d_o.view()), batch, heads };
            each(&group, &schedule, &machine);
        }
    }
    Ok(())
}

/// Says what a result should be: exact values, and how far from them it may be.
pub trait Rule {
    /// O, m, l and L of one head. Errors with why no rule tells.
    fn forward(&self, at: (usize, usize), precision: Precision, stored: Stored) -> Result<Vec<Expected>, Sentence>;

    /// dQ of each head of the group, and dK and dV of all. `stored` is what the forward pass stored on its way.
    fn backward(&self, group: &Group<'_>, precision: Precision, stored: Stored) -> Result<Gradients, Sentence>;
}

/// dQ of each head, then dK and dV.
pub type Gradients = (Vec<Expected>, [Expected; 2]);

/// The oracle, and the error rule.
pub struct Oracle<'a>(pub &'a Problem);

impl Rule for Oracle<'_> {
    fn forward(
        &self,
        (batch, head): (usize, usize),
        precision: Precision,
        stored: Stored,
    ) -> Result<Vec<Expected>, Sentence> {
        let (reference, bound) = expected::forward(self.0, (batch, head), precision, stored);
        if stored.scores && precision.element_bytes() < 4 {
            let plain = naive::attention(&self.0.head::<f32>(batch, head, precision), precision);
            let is_lost = |(got, exact): (&f64, &f64)| exact.is_finite() && !got.is_finite();
            if plain.o.iter().zip(&reference.exact.o).any(is_lost) {
                return Err(cannot_hold(precision));
            }
        }
        Ok(Expected::of_forward(&reference, &bound))
    }

    fn backward(&self, group: &Group<'_>, precision: Precision, stored: Stored) -> Result<Gradients, Sentence> {
        let d_o = group.gradients_of_output();
        let d_o: Vec<ArrayView2<'_, f64>> = d_o.iter().map(|d_o| d_o.view()).collect();
        expected::backward(self.0, (group.batch, group.heads.clone()), &d_o, precision, stored)
    }
}

/// Why a format has no result to compare.
pub fn cannot_hold(precision: Precision) -> Sentence {
    let what = "{0} cannot hold the scores: plain attention that stores them has no result either";
    Sentence::new(what).with(precision.name())
}

/// The results of one group beside what they should be, and the first wrong number of them.
pub struct Verdict {
    pub compared: Vec<Compared>,
    pub first: Option<FirstWrong>,
}

/// Holds the results of a group against a rule. Errors with why nothing tells whether they are right.
pub fn judge<T: Real>(
    rule: &impl Rule,
    group: &Group<'_>,
    schedule: &Schedule,
    machine: &Machine<'_, T>,
) -> Result<Verdict, Sentence> {
    let (algorithm, plan) = (&schedule.algorithm, schedule.plan());
    let results: Vec<Results> = (0..group.heads.len()).map(|head| Results::of(machine, schedule, head)).collect();
    let has = |names: &[&str]| names.iter().any(|name| results[0].called(name).is_some());
    let mut expected: Vec<(usize, Expected)> = Vec::new();
    if has(&FORWARD) {
        let stored = algorithm::stored(algorithm, plan);
        for (at, head) in group.heads.clone().enumerate() {
            expected.extend(rule.forward((group.batch, head), plan.precision, stored)?.into_iter().map(|of| (at, of)));
        }
    }
    if has(&GRADIENTS) {
        let (of_queries, of_keys) =
            rule.backward(group, plan.precision, algorithm::stored_for_gradients(algorithm, plan))?;
        // What is of keys is the sum of the group.
        expected.extend(of_queries.into_iter().enumerate().chain(of_keys.into_iter().map(|of| (0, of))));
    }
    let found = expected.iter().filter_map(|(head, of)| Some((*head, of, results[*head].called(of.name)?)));
    let found: Vec<(usize, &Expected, Cow<'_, Array2<f64>>)> = found.collect();
    if found.is_empty() {
        return Err(Sentence::new("it puts out none of {0}").with([&FORWARD[..], &GRADIENTS].concat().join(", ")));
    }
    let judged = found.iter().map(|(head, expected, got)| Judged { head: *head, expected, got: got.view() });
    let judged: Vec<Judged<'_>> = judged.collect();
    let compared = judged.iter().map(|judged| judged.expected.compare(judged.got)).collect();
    Ok(Verdict { compared, first: machine::first_wrong(schedule, group, &judged) })
}
