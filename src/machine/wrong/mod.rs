//! The first wrong number of a run, and the step that made it so.
//!
//! Results are looked through in the order in which they are stored. Then the text is carried out beside a right one, for
//! the block of that number alone, and the first value that differs is told ([`divergence`]); where there is no right text
//! to walk beside, the step that stored the number is.

mod divergence;
mod order;
mod recorder;
mod right;

pub use divergence::Divergence;

use std::ops::Range;

use ndarray::{Array2, Array4, ArrayView2, ArrayView4, s};

use crate::attention::{Expected, Precision, Problem, WrongNumber};
use crate::schedule::language::Axis;
use crate::schedule::{Algorithm, Schedule, Step};
use crate::sentence::Sentence;

/// A result of one query head of the group, beside what it should be.
pub struct Judged<'a> {
    pub head: usize,
    pub expected: &'a Expected,
    pub got: ArrayView2<'a, f64>,
}

/// What a run is of: some query heads of one batch entry that share a key/value head.
#[derive(Clone)]
pub struct Group<'a> {
    pub problem: &'a Problem,
    /// The gradient of the output, `[batch, heads, n_q, d_v]`; ones where there is none.
    pub d_o: Option<ArrayView4<'a, f64>>,
    pub batch: usize,
    pub heads: Range<usize>,
}

/// The first number that is wrong, in the order in which results are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstWrong {
    pub number: WrongNumber,
    /// Of the group, from 0.
    pub head: usize,
    pub cause: Cause,
}

/// What made a number wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// The first step whose value is not that of a right text.
    Differs(Divergence),
    /// There is no right text to walk beside: the step that stored it, which need not be the one that made it wrong.
    Stored(At),
    /// No step stores it.
    NeverStored,
}

/// A step with its place in the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At {
    /// Steps done when it is: a cursor.
    pub cursor: u64,
    pub step: Step,
}

impl<'a> Group<'a> {
    /// Those that a run of `schedule` for `head` is of.
    pub fn of(
        schedule: &Schedule,
        problem: &'a Problem,
        d_o: Option<&'a Array4<f64>>,
        batch: usize,
        head: usize,
    ) -> Self {
        let first = head - schedule.setting.picked(head);
        Self { problem, d_o: d_o.map(|d_o| d_o.view()), batch, heads: first..first + schedule.setting.heads }
    }

    /// The gradient of the output of each, as a text is given it: `[n_q, d_v]`.
    pub fn gradients_of_output(&self) -> Vec<Array2<f64>> {
        let ones = || Array2::ones((self.problem.shape.n_q, self.problem.shape.d_v));
        let of = |at| self.d_o_of(at).map_or_else(ones, |d_o| d_o.to_owned());
        (0..self.heads.len()).map(of).collect()
    }

    /// The gradient of the output of the head with this number in the group.
    fn d_o_of(&self, head: usize) -> Option<ArrayView2<'_, f64>> {
        self.d_o.as_ref().map(|d_o| d_o.slice(s![self.batch, self.heads.start + head, .., ..]))
    }
}

/// The first number of `results` that is not within its bound; `None` where all are right.
pub fn first_wrong(schedule: &Schedule, group: &Group<'_>, results: &[Judged<'_>]) -> Option<FirstWrong> {
    let wrong: Vec<(usize, WrongNumber)> = results
        .iter()
        .flat_map(|result| result.expected.wrong_numbers(result.got).map(|number| (result.head, number)))
        .collect();
    if wrong.is_empty() {
        return None;
    }
    let (number, head, stored) = order::first_stored(schedule, wrong)?;
    let cause = match stored {
        None => Cause::NeverStored,
        Some(at) => {
            let find = |right, head| match schedule.plan().precision {
                Precision::F64 => divergence::find::<f64>(schedule, right, group, &number, head),
                _ => divergence::find::<f32>(schedule, right, group, &number, head),
            };
            // What is of a key may be the sum of what all heads of the group make.
            let heads = if number.is_of_key() { 0..group.heads.len() } else { head..head + 1 };
            let found =
                right::of(&schedule.algorithm).and_then(|right| heads.into_iter().find_map(|head| find(right, head)));
            found.map_or(Cause::Stored(at), Cause::Differs)
        }
    };
    Some(FirstWrong { number, head, cause })
}

impl FirstWrong {
    /// Where to look: the state after the step that is at fault.
    pub fn at(&self) -> Option<At> {
        match &self.cause {
            Cause::Differs(divergence) => Some(divergence.at),
            Cause::Stored(at) => Some(*at),
            Cause::NeverStored => None,
        }
    }

    /// The cause, in words.
    pub fn cause(&self, algorithm: &Algorithm) -> Sentence {
        match &self.cause {
            Cause::Differs(divergence) => divergence.sentence(algorithm),
            Cause::Stored(at) => {
                let pattern = "step {0}, {1}, left it so; which step made it wrong is not known: there is no right text to walk beside, or no step of it differs";
                Sentence::new(pattern).with(at.cursor).and(at.said(algorithm))
            }
            Cause::NeverStored => "no step stores it".into(),
        }
    }

    /// The number and its cause.
    pub fn sentence(&self, algorithm: &Algorithm) -> Sentence {
        Sentence::new("{0}; {1}").and(self.number.sentence()).and(self.cause(algorithm))
    }
}

impl At {
    /// The step by its line and its place: `rescale at query block 0, key block 1 (line 17)`.
    pub fn said(&self, algorithm: &Algorithm) -> Sentence {
        let line = algorithm.line(self.step.line);
        let (operation, line) = (algorithm.operation(self.step.line), line.span.line);
        match place(&self.step) {
            Some(place) => Sentence::new("{0} at {1} (line {2})").with(operation).and(place).with(line),
            None => Sentence::new("{0} (line {1})").with(operation).with(line),
        }
    }
}

/// Where a step stands, in words; `None` where it stands in no loop.
fn place(step: &Step) -> Option<Sentence> {
    let axes = [
        (Axis::I, "query block {0}"),
        (Axis::J, "key block {0}"),
        (Axis::S, "split {0}"),
        (Axis::H, "query head {0} of the group"),
    ];
    let parts = axes.into_iter().filter_map(|(axis, pattern)| Some(Sentence::new(pattern).with(step.place.at(axis)?)));
    parts.reduce(|all, part| Sentence::new("{0}, {1}").and(all).and(part))
}
