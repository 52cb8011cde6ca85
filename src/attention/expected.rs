//! What a run should give: the exact values of its results by name, what the error rule allows around each, and the first
//! number that is wrong.

use std::cmp::Ordering;
use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use super::error_rule::{self, Errors, LARGE_SCORE, Reference, max_error, size_of_gradient};
use super::gradients::{self, Gradients};
use super::oracle;
use super::precision::Precision;
use super::problem::Problem;
use super::stored::Stored;
use crate::number;
use crate::sentence::Sentence;

/// The exact values of one result and how far one of them may be off.
#[derive(Clone, Debug)]
pub struct Expected {
    /// O, m, l, L, dQ, dK or dV.
    pub name: &'static str,
    /// `[n, width]`; `[n, 1]` for a value per row.
    pub exact: Array2<f64>,
    pub bound: f64,
    /// How far plain attention in the same format is off; `None` where that is not known.
    pub plain: Option<f64>,
}

/// The results of a forward pass.
pub const FORWARD: [&str; 4] = ["O", "m", "l", "L"];
/// Those of a backward pass.
pub const GRADIENTS: [&str; 3] = ["dQ", "dK", "dV"];

/// The gradient of learned sinks.
pub const SINKS: &str = "dSinks";

/// A result of a run beside what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    pub name: &'static str,
    /// The largest of its errors; NaN where no bound accepts one.
    pub error: f64,
    pub bound: f64,
    /// The error of plain attention in the same format; `None` where that is not known.
    pub plain: Option<f64>,
    /// The first number that is not within the bound, row by row.
    pub wrong: Option<WrongNumber>,
}

/// A number of a result that is not within the bound of its tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct WrongNumber {
    pub tensor: &'static str,
    /// A query, or of dK and dV a key.
    pub row: usize,
    /// `None` of a value per row.
    pub component: Option<usize>,
    pub got: f64,
    pub want: f64,
    pub bound: f64,
}

impl Expected {
    /// O, m, l and L of one head, with the bounds of [`error_rule`].
    pub fn of_forward(reference: &Reference, bound: &Errors) -> Vec<Self> {
        let (exact, plain) = (&reference.exact, &reference.plain);
        let column = |values: &[f64]| Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        let [o, m, l, lse] = [exact.o.clone(), column(&exact.m), column(&exact.l), column(&exact.lse)];
        let all = [(o, bound.o, plain.o), (m, bound.m, plain.m), (l, bound.l, plain.l), (lse, bound.lse, plain.lse)];
        let expected = |(name, (exact, bound, plain))| Self { name, exact, bound, plain: Some(plain) };
        FORWARD.into_iter().zip(all).map(expected).collect()
    }

    /// How far `got` is from it. A result of another size is as wrong as one can be.
    pub fn compare(&self, got: ArrayView2<'_, f64>) -> Compared {
        let Self { name, exact, bound, plain } = self;
        let (name, bound, plain) = (*name, *bound, *plain);
        let error = if got.dim() == exact.dim() { max_error(got, exact) } else { f64::NAN };
        Compared { name, error, bound, plain, wrong: self.wrong_numbers(got).next() }
    }

    /// How far the result of this name in `output` is from it; a statistic that `output` lacks is as wrong as one can be.
    pub fn compare_output(&self, output: &oracle::Output) -> Compared {
        let column = |values: &[f64]| Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row]);
        match self.name {
            "O" => self.compare(output.o.view()),
            "m" => self.compare(column(&output.m).view()),
            "l" => self.compare(column(&output.l).view()),
            _ => self.compare(column(&output.lse).view()),
        }
    }

    /// The numbers of `got` that are not within the bound, row by row.
    pub fn wrong_numbers<'a>(&'a self, got: ArrayView2<'a, f64>) -> impl Iterator<Item = WrongNumber> + 'a {
        let Self { name, exact, bound, .. } = self;
        let component = |column| (!matches!(*name, "m" | "l" | "L")).then_some(column);
        let numbers = exact.indexed_iter().map(move |(at, &want)| (at, got.get(at).copied().unwrap_or(f64::NAN), want));
        // Written so that a NaN is wrong.
        let is_wrong =
            |&(_, got, want): &(_, f64, f64)| max_error([&got], [&want]).partial_cmp(bound).is_none_or(Ordering::is_gt);
        numbers.filter(is_wrong).map(move |((row, column), got, want)| WrongNumber {
            tensor: name,
            row,
            component: component(column),
            got,
            want,
            bound: *bound,
        })
    }
}

impl Compared {
    /// Written so that a NaN is not right.
    pub fn is_right(&self) -> bool {
        self.error <= self.bound
    }

    /// The share of its bound that its error takes; a NaN is more than any.
    pub fn share(&self) -> f64 {
        let share = if self.error == 0.0 { 0.0 } else { self.error / self.bound };
        if share.is_nan() { f64::INFINITY } else { share }
    }
}

impl WrongNumber {
    /// Its row is that of a key.
    pub fn is_of_key(&self) -> bool {
        matches!(self.tensor, "dK" | "dV")
    }

    /// It with its place: `O of query 3, component 1`.
    pub fn place(&self) -> Sentence {
        place(self.tensor, self.row, self.component, self.is_of_key())
    }

    pub fn sentence(&self) -> Sentence {
        let [got, want] = number::apart(self.got, self.want);
        Sentence::new("{0} is {1}, the exact one {2}, and {3} is allowed")
            .and(self.place())
            .with(got)
            .with(want)
            .with(number::short(self.bound))
    }
}

/// A number of a tensor of queries or keys, in words.
pub fn place(tensor: &str, row: usize, component: Option<usize>, is_of_key: bool) -> Sentence {
    let pattern = match (is_of_key, component.is_some()) {
        (false, true) => "{0} of query {1}, component {2}",
        (false, false) => "{0} of query {1}",
        (true, true) => "{0} of key {1}, component {2}",
        (true, false) => "{0} of key {1}",
    };
    let sentence = Sentence::new(pattern).with(tensor).with(row);
    component.into_iter().fold(sentence, Sentence::with)
}

/// The exact result of a forward pass of one head, and what the rule allows one that was made with these stores.
pub fn forward(
    problem: &Problem,
    (batch, head): (usize, usize),
    precision: Precision,
    stored: Stored,
) -> (Reference, Errors) {
    let reference = error_rule::reference(problem, batch, head, precision);
    let bound = stored.bound(&reference, &problem.head(batch, head, Precision::F64), precision);
    (reference, bound)
}

/// The exact gradients of query heads that share one key/value head: dQ of each of `heads`, then dK and dV of all.
///
/// `d_o` is the gradient of the output of each, `[n_q, d_v]`; `stored` what is rounded on the way to them. Errors with why
/// no rule says how far gradients may be off.
pub fn backward(
    problem: &Problem,
    (batch, heads): (usize, Range<usize>),
    d_o: &[ArrayView2<'_, f64>],
    precision: Precision,
    stored: Stored,
) -> Result<(Vec<Expected>, [Expected; 2]), Sentence> {
    let exact = ExactGradients::of(problem, (batch, heads.clone()), d_o, stored, precision)?;
    refuse_gradients(precision, exact.largest_score)?;
    let plain: Option<Vec<Gradients>> = (precision != Precision::F64).then(|| {
        let head = |head: usize| problem.head::<f32>(batch, head, precision);
        heads.zip(d_o).map(|(at, d_o)| gradients::plain(&head(at), *d_o, precision)).collect()
    });
    let expected = |name, exact_of: &Array2<f64>, plain: Option<&Array2<f64>>, size: f64| {
        let baseline = plain.map_or(0.0, |plain| error_rule::finite_error(plain, exact_of));
        let bound = error_rule::bound_of_gradient(precision, baseline, size, exact.largest_score);
        Expected { name, exact: exact_of.clone(), bound, plain: Some(baseline) }
    };
    let (sizes, [of_k, of_v]) = exact.sizes();
    let of_query = |(at, size): (usize, f64)| {
        expected("dQ", &exact.heads[at].d_q, plain.as_ref().map(|plain| &plain[at].d_q), size)
    };
    let (sum, plain_sum) = (summed(&exact.heads), plain.as_deref().map(summed));
    let of_keys = [
        expected("dK", &sum.d_k, plain_sum.as_ref().map(|plain| &plain.d_k), of_k),
        expected("dV", &sum.d_v, plain_sum.as_ref().map(|plain| &plain.d_v), of_v),
    ];
    Ok((sizes.into_iter().enumerate().map(of_query).collect(), of_keys))
}

/// The exact gradients of each query head of a group, and what roundings make of them.
pub struct ExactGradients {
    heads: Vec<Gradients>,
    squares: Vec<Gradients>,
    largest_score: f64,
}

impl ExactGradients {
    /// Errors where the input is not finite.
    pub fn of(
        problem: &Problem,
        (batch, heads): (usize, Range<usize>),
        d_o: &[ArrayView2<'_, f64>],
        stored: Stored,
        precision: Precision,
    ) -> Result<Self, Sentence> {
        if !problem.not_finite().is_empty() {
            return Err("no rule for gradients of an input that is not finite".into());
        }
        let inputs: Vec<_> = heads.map(|head| problem.head::<f64>(batch, head, Precision::F64)).collect();
        let largest_score = inputs.iter().map(error_rule::largest_score).fold(0.0, f64::max);
        let each =
            inputs.iter().zip(d_o).map(|(head, d_o)| gradients::with_squares(head, *d_o, stored, precision.coarsest()));
        let (heads, squares) = each.unzip();
        Ok(Self { heads, squares, largest_score })
    }

    /// What floors are relative to: of dQ of each head, and of dK and dV of all.
    pub fn sizes(&self) -> (Vec<f64>, [f64; 2]) {
        let of_query = |(exact, squares): (&Gradients, &Gradients)| size_of_gradient(&exact.d_q, &squares.d_q);
        let (sum, squares) = (summed(&self.heads), summed(&self.squares));
        let of_keys = [size_of_gradient(&sum.d_k, &squares.d_k), size_of_gradient(&sum.d_v, &squares.d_v)];
        (self.heads.iter().zip(&self.squares).map(of_query).collect(), of_keys)
    }
}

/// Why no rule says how far gradients of 16 bits may be off, if none does: of scores that are off by whole units.
pub fn refuse_gradients(precision: Precision, largest_score: f64) -> Result<(), Sentence> {
    if precision.coarsest().is_narrow() && largest_score > LARGE_SCORE {
        let what = "no rule for gradients of scores above {0} in {1}";
        return Err(Sentence::new(what).with(LARGE_SCORE).with(precision.name()));
    }
    Ok(())
}

/// The gradients of the first head, with dK and dV those of all.
fn summed(heads: &[Gradients]) -> Gradients {
    let (first, others) = heads.split_first().expect("a group has a head");
    others.iter().fold(first.clone(), |mut sum, head| {
        sum.add_keys_of(head);
        sum
    })
}
