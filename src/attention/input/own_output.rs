//! The output that a file holds beside Q, K and V, held against attention computed here in f64. Where they differ by more
//! than rounding, something of the model is missing.

use serde::Serialize;

use super::{Input, Packed};
use crate::attention::diagnosis::{
    Batch, Cause, Comparison, Diagnosis, Mine, MyGradients, MySinks, OfGradients, OfSinks, Rounding, Wrong,
};
use crate::attention::dropout::{Dropout, Keep};
use crate::number::short;
use crate::sentence::Sentence;

/// Products of two numbers that a comparison may take: a few hundredths of a second.
const BUDGET: usize = 16 << 20;
/// And the search for a cause, where there is one to look for.
const CAUSE_BUDGET: usize = 256 << 20;

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
    /// What gives these numbers, where they are wrong and a known bug or another convention does.
    pub cause: Option<Cause>,
    /// In the order of the output.
    #[serde(skip)]
    pub first: Option<Wrong>,
}

impl Input {
    /// How its batch entries lie: one after the other where the file packs them.
    pub fn batch(&self) -> Batch<'_> {
        match self.packed.as_ref().filter(|_| self.varlen.is_none()) {
            Some(Packed { queries, keys }) => {
                let sequences = queries.iter().zip(keys).map(|(&queries, &keys)| [queries, keys]);
                Batch::packed(&self.problem, sequences.collect())
            }
            None => Batch::of(&self.problem),
        }
    }

    /// The gradients of the file, where it has some and the gradient of the output.
    pub fn own_gradients(&self) -> Option<MyGradients<'_>> {
        let (d_o, [d_q, d_k, d_v]) = (self.d_o.as_ref()?, &self.about.gradients);
        let tensors = [d_q.as_ref(), d_k.as_ref(), d_v.as_ref()];
        tensors.iter().any(Option::is_some).then_some(())?;
        let of_inputs = self.told.arrays.iter().map(|(_, element)| *element);
        let elements = of_inputs.chain(self.told.gradients.iter().copied());
        Some(MyGradients { d_o, tensors, precision: MyGradients::coarsest(elements) })
    }

    /// The gradient of learned sinks of the file, where it has that and the gradient of the output.
    pub fn own_sinks(&self) -> Option<MySinks<'_>> {
        let (d_o, d_sinks) = (self.d_o.as_ref()?, self.about.d_sinks.as_ref()?);
        let of_inputs = self.told.arrays.iter().map(|(_, element)| *element);
        let elements = of_inputs.chain(self.told.gradients.iter().copied());
        Some(MySinks { d_o, d_sinks, precision: MyGradients::coarsest(elements) })
    }
}

/// Gradients that a file holds beside dO, held against exact ones: a window has no time for many.
pub fn judged_gradients(input: &Input) -> Option<Result<OfGradients, Sentence>> {
    if input.problem.dropout.as_ref().is_some_and(|dropout| !dropout.is_materialised()) {
        return None;
    }
    Some(OfGradients::of(&input.batch(), input.own_gradients()?, CAUSE_BUDGET))
}

/// The same of the gradient of learned sinks.
pub fn judged_sinks(input: &Input) -> Option<Result<OfSinks, Sentence>> {
    let is_known = input.problem.dropout.as_ref().is_none_or(Dropout::is_materialised);
    let mine = input.own_sinks().filter(|_| is_known && !input.has_packed_heads)?;
    Some(OfSinks::of(&input.batch(), mine, CAUSE_BUDGET))
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
        let elements = input.told.arrays.iter().map(|(_, element)| *element).chain([element]);
        let mine = Mine { o, lse: None, rounding: Rounding::coarsest(elements) };
        let batch = input.batch();
        let compared = Comparison::of(&batch, mine, BUDGET);
        let off = compared.o();
        let cause = (!off.is_right() && Diagnosis::cost(&batch) <= CAUSE_BUDGET)
            .then(|| Diagnosis::of(&batch, &compared, CAUSE_BUDGET).causes.into_iter().next())
            .flatten();
        Some(Self {
            name,
            max_error: off.error,
            bound: off.bound,
            rows: compared.len(),
            of_rows: compared.of_rows,
            agrees: off.is_right(),
            cause,
            first: compared.apart().0.first().and_then(|&n| compared.first_wrong(n)),
        })
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
        if let Some(cause) = &self.cause {
            let warning = "{0}: it is what this gives: {1}";
            return Some(Sentence::new(warning).and(self.sentence()).and(cause.sentence()).on_one_line());
        }
        if self.max_error.is_nan() {
            return Some(Sentence::new("{0}: a mask or modifier is missing").and(self.sentence()));
        }
        let warning = "the model's own output differs by {0}: a mask or modifier is missing, or the layout is another \
            (array {1}; rounding explains {2})";
        Some(Sentence::new(warning).with(short(self.max_error)).with(&self.name).with(short(self.bound)).on_one_line())
    }
}
