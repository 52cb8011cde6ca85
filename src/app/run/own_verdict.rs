//! What a file says that it computed, held against exact attention: where it is wrong first, and which known bug gives it.

use std::sync::Arc;

use crate::app::run::exact;
use crate::app::run::remembered::Remembered;
use crate::attention::Input;
use crate::attention::diagnosis::{OfTensor, WrongGradient};
use crate::attention::expected::{FORWARD, SINKS, place};
use crate::attention::input::{OwnOutput, judged_gradients, judged_sinks};
use crate::number::{apart, short};
use crate::schedule::spec::ALGORITHM;
use crate::schedule::{RunSpec, algorithm};
use crate::sentence::Sentence;

/// The first number of a file's own that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnWrong {
    /// O, dQ, dK or dV.
    pub tensor: &'static str,
    pub batch: usize,
    /// A query head; of dK and dV the first that takes their key/value head.
    pub head: usize,
    /// A query, or of dK and dV a key.
    pub row: usize,
    pub is_of_key: bool,
    /// The number, and what it should be.
    pub what: Sentence,
}

/// Of a file that has an output or gradients of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnVerdict {
    /// Each tensor in a sentence, and whether it is right.
    pub told: Vec<(Sentence, bool)>,
    /// The first of the output; else that of the gradients.
    pub wrong: Option<OwnWrong>,
}

impl OwnVerdict {
    /// [`Self::of_run`], worked out once.
    pub fn known_of_run(run: &RunSpec, source: &Arc<Input>) -> Option<Self> {
        type Asked = (RunSpec, Arc<Input>);
        static KNOWN: Remembered<Asked, Option<OwnVerdict>> = Remembered::new();
        let numbers = 2 * exact::numbers(&source.problem);
        let known = KNOWN.get((run.clone(), source.clone()), numbers, |(run, source)| Self::of_run(run, source));
        (*known).clone()
    }

    /// Of `source` under what `run` chooses of it, in the places of that run. `None` of a file that has neither.
    fn of_run(run: &RunSpec, source: &Input) -> Option<Self> {
        // One schedule changes no number: sequences are held against attention one by one.
        let apart = RunSpec { varlen: None, ..run.clone() };
        let text = algorithm::by_name(ALGORITHM)?;
        let all = run.setting(text, source, 0).plan.band.sequences.filter(|_| run.is_varlen());
        Self::of(&apart.on_whole(source), |batch, row, is_of_key| {
            let Some(all) = &all else { return (batch, row) };
            let starts = if is_of_key { all.key_starts() } else { all.query_starts() };
            let at = starts[batch] + row;
            // Beyond the tokens of its sequence that are run: after all of them.
            (0, if at < starts[batch + 1] { at } else { starts[starts.len() - 1] })
        })
    }

    /// `None` of a file that has neither.
    ///
    /// `place` is where a run has a row of a batch entry, or a key.
    fn of(input: &Input, place: impl Fn(usize, usize, bool) -> (usize, usize)) -> Option<Self> {
        let mut found = Self::default();
        if let Some(own) = OwnOutput::of(input) {
            found.told.push((own.warning().unwrap_or_else(|| own.sentence()), own.agrees));
            found.wrong = own.first.map(|first| {
                let (batch, row) = place(first.at.batch, first.at.query, false);
                let (head, component) = (first.at.head, first.at.component);
                OwnWrong::new(FORWARD[0], (batch, head), (row, component), [first.got, first.exact])
            });
        }
        match judged_gradients(input) {
            None => {}
            Some(Err(why)) => found.told.push((why, true)),
            Some(Ok(gradients)) => {
                found.told.extend(gradients.tensors.iter().map(of_tensor));
                let cause = gradients
                    .causes
                    .first()
                    .map(|cause| Sentence::new("it is what this gives: {0}").and(cause.sentence()));
                found.told.extend(cause.map(|cause| (cause, false)));
                found.wrong = found.wrong.or_else(|| gradients.first.map(|first| of_gradient(&first, input, place)));
            }
        }
        match judged_sinks(input) {
            None => {}
            Some(Err(why)) => found.told.push((why, true)),
            Some(Ok(sinks)) => {
                found.told.push(of_tensor(&OfTensor { name: SINKS, off: sinks.off }));
                let cause = sinks.causes.first();
                let cause = cause.map(|cause| Sentence::new("it is what this gives: {0}").and(cause.sentence()));
                found.told.extend(cause.map(|cause| (cause, false)));
            }
        }
        (!found.told.is_empty()).then_some(found)
    }
}

impl OwnWrong {
    fn new(
        tensor: &'static str,
        (batch, head): (usize, usize),
        (row, component): (usize, Option<usize>),
        [got, exact]: [f64; 2],
    ) -> Self {
        let is_of_key = matches!(tensor, "dK" | "dV");
        let [got, exact] = apart(got, exact);
        let what = Sentence::new("{0} is {1}, the exact one {2}").and(place(tensor, row, component, is_of_key));
        Self { tensor, batch, head, row, is_of_key, what: what.with(got).with(exact) }
    }
}

fn of_tensor(OfTensor { name, off }: &OfTensor) -> (Sentence, bool) {
    let pattern = if off.is_right() {
        "its own {0} is right: off by {1}"
    } else {
        "its own {0} is off by {1}, and {2} is allowed"
    };
    (Sentence::new(pattern).with(name).with(short(off.error)).with(short(off.bound)), off.is_right())
}

fn of_gradient(first: &WrongGradient, input: &Input, place: impl Fn(usize, usize, bool) -> (usize, usize)) -> OwnWrong {
    let is_of_key = first.is_of_key();
    let head = if is_of_key { first.head * input.problem.shape.group() } else { first.head };
    let (batch, row) = place(first.batch, first.row, is_of_key);
    OwnWrong::new(first.tensor, (batch, head), (row, Some(first.component)), [first.got, first.exact])
}
