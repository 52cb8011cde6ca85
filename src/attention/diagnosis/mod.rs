//! Whose bug is it? The output of another program, held against exact attention and against what known bugs and other
//! conventions make of the same inputs: the cause is the one that gives these very numbers.

mod backward;
mod batch;
mod blocks;
mod comparison;
mod conventions;
mod sinks;
mod told;
mod trial;

use ndarray::{Array3, Array4};
use serde::Serialize;

use super::Precision;
use crate::sentence::Sentence;
pub use backward::{MyGradients, OfGradients, OfTensor, WrongGradient};
pub use batch::Batch;
use batch::LEAKS;
use comparison::spread;
pub use comparison::{Comparison, Off, Rounding};
pub use sinks::{MySinks, OfSinks, WrongSink};
use trial::{SUSPECTS, Trial};

/// What another program computed.
#[derive(Clone, Copy, Debug)]
pub struct Mine<'a> {
    /// `[batch, heads, n_q, d_v]`
    pub o: &'a Array4<f64>,
    /// The logsumexp of each row, `[batch, heads, n_q]`.
    pub lse: Option<&'a Array3<f64>>,
    /// Of the coarsest format of its inputs and outputs.
    pub rounding: Rounding,
}

/// The place of a number in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct At {
    pub batch: usize,
    pub head: usize,
    pub query: usize,
    /// `None` of a logsumexp.
    pub component: Option<usize>,
}

/// The first wrong number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Wrong {
    pub at: At,
    pub got: f64,
    pub exact: f64,
}

/// What gives other numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    pub name: &'static str,
    #[serde(serialize_with = "as_text")]
    pub what: Sentence,
    /// The text of the program that has this bug.
    pub text: Option<&'static str>,
    /// Keys of a block, where they matter.
    pub block: Option<usize>,
    /// Of another mask: the first key that it changes in the row of the first wrong number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<OtherKey>,
    /// The largest distance of O, and of L, from what it gives.
    pub off: f64,
    pub lse_off: Option<f64>,
}

/// A key that a row sees and should not, or the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OtherKey {
    pub batch: usize,
    pub key: usize,
    pub is_seen: bool,
}

/// The verdict.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    pub o: Off,
    pub lse: Option<Off>,
    /// In the order of the output.
    pub first: Option<Wrong>,
    /// Rows that are wrong, of those that were compared, of all.
    pub wrong_rows: usize,
    pub compared: usize,
    pub rows: usize,
    /// Where nothing gives these numbers: a format whose rounding is as large as the error.
    pub as_rounded_to: Option<Precision>,
    /// What gives these numbers, the closest first.
    pub causes: Vec<Cause>,
    /// Where nothing does: what comes nearer than exact attention.
    pub near: Vec<Cause>,
}

fn as_text<S: serde::Serializer>(sentence: &Sentence, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(sentence)
}

/// Names under which files have the logsumexp of each row.
pub const LSE: [&str; 5] = ["lse", "softmax_lse", "logsumexp", "LSE", "L"];

/// Multiply-adds that a diagnosis may take where a person waits for it: a few seconds.
pub const BUDGET: usize = 1 << 31;
/// Rows that suspects are tried on, at most and at least.
const MOST_ROWS: usize = 256;
const LEAST_ROWS: usize = 6;
/// What explains less than a half of the error is not near.
const NEAR: f64 = 0.5;
const MOST_NEAR: usize = 3;

impl Diagnosis {
    /// Multiply-adds that the least of them takes.
    pub fn cost(batch: &Batch<'_>) -> usize {
        LEAST_ROWS * per_row(batch)
    }

    pub fn is_right(&self) -> bool {
        self.o.is_right() && self.lse.is_none_or(Off::is_right)
    }

    /// Of what was compared, in about `budget` multiply-adds.
    pub fn of(batch: &Batch<'_>, compared: &Comparison, budget: usize) -> Self {
        let (wrong, right) = compared.apart();
        let mut diagnosis = Self {
            o: compared.o(),
            lse: compared.lse(),
            first: wrong.first().and_then(|&n| compared.first_wrong(n)),
            wrong_rows: wrong.len(),
            compared: compared.len(),
            rows: compared.of_rows,
            as_rounded_to: None,
            causes: Vec::new(),
            near: Vec::new(),
        };
        if diagnosis.is_right() {
            return diagnosis;
        }
        // Rows that are wrong tell what it is; rows that are right tell what it is not.
        let most = (budget / per_row(batch)).clamp(LEAST_ROWS, MOST_ROWS);
        let mut tried = spread(wrong.len(), most - most / 3).map(|n| wrong[n]).collect::<Vec<_>>();
        tried.extend(spread(right.len(), most / 3).map(|n| right[n]));
        let trial = Trial::new(batch, compared.only(&tried));
        let (fits, others) = trial.suspects();
        diagnosis.causes = fits;
        if diagnosis.causes.is_empty() {
            diagnosis.as_rounded_to = compared.as_rounded_to();
            let of_tried = trial.compared.o().error;
            let is_near = |cause: &Cause| cause.off < NEAR * of_tried;
            diagnosis.near = others.into_iter().filter(is_near).take(MOST_NEAR).collect();
        }
        diagnosis
    }
}

/// Of all suspects; a leak is of the keys of all sequences.
fn per_row(batch: &Batch<'_>) -> usize {
    let shape = batch.problem.shape;
    let of_leaks = if batch.is_packed() { LEAKS.len() * batch.all()[1] } else { 0 };
    (SUSPECTS * shape.n_k + of_leaks) * (shape.d + shape.d_v)
}

impl Cause {
    fn new(name: &'static str, what: &'static str) -> Self {
        let text = conventions::TEXTS.into_iter().find_map(|(of, text)| (of == name).then_some(text));
        Self { name, what: Sentence::new(what), text, block: None, key: None, off: 0.0, lse_off: None }
    }

    /// What it is, with the size of its blocks.
    pub fn sentence(&self) -> Sentence {
        match self.block {
            Some(block) => Sentence::new("{0} (blocks of {1} {1|key|keys})").and(self.what.clone()).with(block),
            None => self.what.clone(),
        }
    }
}
