//! The output that a file holds beside Q, K and V, held against attention computed here in f64. Where they differ by more
//! than rounding, something of the model is missing.

use serde::Serialize;

use super::Input;
use crate::attention::dropout::Keep;
use crate::attention::error_rule::floor;
use crate::attention::oracle;
use crate::attention::{Precision, Shape};
use crate::number::short;
use crate::sentence::Sentence;

/// Products of two numbers that a comparison may take: a few hundredths of a second.
const BUDGET: usize = 16 << 20;

/// How far the file's own output is from attention in f64.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OwnOutput {
    /// What the file calls it.
    pub name: String,
    /// Largest difference. NaN where one of the two is NaN, or infinite, and the other is not; in JSON that is `null`.
    pub max_error: f64,
    /// What rounding in the coarsest format of the file's tensors may do.
    pub bound: f64,
    /// Rows (of every batch entry and head) that were compared, of all.
    pub rows: usize,
    pub of_rows: usize,
    pub agrees: bool,
}

impl OwnOutput {
    /// Compares the output of `input` as its problem stands. `None` where there is none, or where weights are dropped that
    /// the file does not name.
    ///
    /// Large inputs are compared in rows spread evenly, the first and the last among them.
    pub fn of(input: &Input) -> Option<Self> {
        let (o, (name, element)) = (input.about.o.as_ref()?, input.told.output.clone()?);
        if input.problem.dropout.as_ref().is_some_and(|dropout| matches!(dropout.keep, Keep::Seed(_))) {
            return None;
        }
        let format = coarsest(input.told.arrays.iter().map(|(_, element)| *element).chain([element]));
        let Shape { batch, heads, n_k, d, d_v, .. } = input.problem.shape;
        // The rows before each batch entry, and all. What packed sequences are padded with is none of them.
        let mut before = vec![0];
        before.extend((0..batch).scan(0, |rows, batch| {
            *rows += heads * input.queries(batch);
            Some(*rows)
        }));
        let of_rows = before[batch];
        // The view of a head costs about as much as one of its rows.
        let affordable = (BUDGET / (n_k * (d + d_v))).clamp(2, of_rows.max(2)).min(of_rows);
        let mut worst = Worst::default();
        let mut view: Option<((usize, usize), crate::attention::Head<f64>)> = None;
        for n in 0..affordable {
            let row = if affordable < 2 {
                0
            } else {
                (n as u128 * (of_rows - 1) as u128 / (affordable - 1) as u128) as usize
            };
            let batch = before.partition_point(|&rows| rows <= row) - 1;
            let (head, i) =
                ((row - before[batch]) / input.queries(batch), (row - before[batch]) % input.queries(batch));
            if view.as_ref().is_none_or(|(of, _)| *of != (batch, head)) {
                view = Some(((batch, head), input.problem.head(batch, head, Precision::F64)));
            }
            let Some((_, view)) = &view else { continue };
            let own = o.slice(ndarray::s![batch, head, i, ..]);
            worst.add(&oracle::row(view, i), own.iter().copied());
        }
        let (floor, unit) = format;
        // A score is off by a unit of itself, a weight by as much, and O by both times the largest value.
        let largest_v = input.problem.v.iter().filter(|v| v.is_finite()).fold(0.0, |most: f64, v| most.max(v.abs()));
        let bound = floor * worst.largest.max(1.0) + 4.0 * unit * (worst.score + 1.0) * largest_v;
        let agrees = worst.error <= bound;
        Some(Self { name, max_error: worst.error, bound, rows: affordable, of_rows, agrees })
    }

    /// How it compares, in a clause.
    pub fn sentence(&self) -> Sentence {
        let sentence = if self.agrees {
            Sentence::new("its own output {0} agrees to {1}").with(&self.name).with(short(self.max_error))
        } else if self.max_error.is_nan() {
            Sentence::new("its own output {0} is NaN or infinite where attention is not, or the other way round")
                .with(&self.name)
        } else {
            Sentence::new("its own output {0} differs by {1}").with(&self.name).with(short(self.max_error))
        };
        if self.rows < self.of_rows {
            return Sentence::new("{0} (compared in {1} of {2} {2|row|rows})")
                .and(sentence)
                .with(self.rows)
                .with(self.of_rows);
        }
        sentence
    }

    /// What a person should know, where it does not agree.
    pub fn warning(&self) -> Option<Sentence> {
        if self.agrees {
            return None;
        }
        if self.max_error.is_nan() {
            return Some(Sentence::new("{0}: a mask or modifier is missing").and(self.sentence()));
        }
        let warning = "the model's own output differs by {0}: a mask or modifier is missing, or the layout is another \
            (array {1}; rounding explains {2})";
        Some(Sentence::new(warning).with(short(self.max_error)).with(&self.name).with(short(self.bound)).on_one_line())
    }
}

/// The largest of what matters to a comparison.
#[derive(Default)]
struct Worst {
    error: f64,
    largest: f64,
    score: f64,
}

impl Worst {
    fn add(&mut self, exact: &oracle::Row, own: impl Iterator<Item = f64>) {
        for (&exact, own) in exact.o.iter().zip(own) {
            let error = if exact == own || (exact.is_nan() && own.is_nan()) { 0.0 } else { (exact - own).abs() };
            // Not `max`, which would lose a NaN; an infinity is one.
            self.error = if error.is_finite() && !self.error.is_nan() { self.error.max(error) } else { f64::NAN };
            if exact.is_finite() {
                self.largest = self.largest.max(exact.abs());
            }
        }
        // Scores of keys without weight may be anything: a mask of -1e4, say.
        let seen = exact.s.iter().zip(&exact.p).filter(|(s, p)| s.is_finite() && **p > 1e-9);
        self.score = seen.fold(self.score, |most, (s, _)| most.max(s.abs()));
    }
}

/// Of the coarsest element kind: the least error allowed for a value of 1, and half the spacing of numbers around 1.
/// Files in f64 are held to f32, in which models compute.
fn coarsest(elements: impl Iterator<Item = &'static str>) -> (f64, f64) {
    let of = |element: &str| match element {
        "f16" => (floor(Precision::F16), 2f64.powi(-11)),
        "bf16" => (floor(Precision::Bf16), 2f64.powi(-8)),
        name if name.starts_with("f8") => (8e-2, 2f64.powi(-4)),
        _ => (floor(Precision::F32), 2f64.powi(-24)),
    };
    elements.map(of).fold(of("f32"), |worst, next| if next.0 > worst.0 { next } else { worst })
}
