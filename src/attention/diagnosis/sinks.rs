//! Whose bug is it, of the gradient of learned sinks: one number a head, `-sum exp(sink - L) D` over the rows of all batch
//! entries, against the error rule and what known bugs make of the same rows.

use ndarray::{Array1, Array4, s};
use serde::Serialize;

use super::blocks::SIZES;
use super::trial::{explains, share};
use super::{Batch, Cause, MOST_NEAR, NEAR, Off};
use crate::attention::error_rule::{self, largest, max_error};
use crate::attention::expected::refuse_gradients;
use crate::attention::{Head, Precision, gradients, oracle};
use crate::sentence::Sentence;

/// A gradient that is not within the bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WrongSink {
    pub head: usize,
    pub got: f64,
    pub exact: f64,
}

/// The verdict.
#[derive(Clone, Debug, Serialize)]
pub struct OfSinks {
    #[serde(flatten)]
    pub off: Off,
    pub first: Option<WrongSink>,
    /// What gives these numbers, the closest first.
    pub causes: Vec<Cause>,
    /// Where nothing does: what comes nearer than exact gradients.
    pub near: Vec<Cause>,
}

/// What the gradient of one head's sink is a sum of, row by row.
struct Rows {
    /// `exp(sink - L)`, which the sink takes of each row.
    weights: Vec<f64>,
    /// `rowsum(dO * O)`
    delta: Vec<f64>,
    /// `exp(sink - m)`, and the weight beside an L without the sink.
    undivided: Vec<f64>,
    beside: Vec<f64>,
}

/// Of every head of every batch entry.
struct Parts {
    rows: Vec<Vec<Rows>>,
    group: usize,
}

/// What a bug makes of the sum of one head. `None` where it has nothing to act on.
type Slip = fn(&Parts, usize) -> Option<f64>;

/// Slips by their name and what they are.
const SLIPS: [(&str, &str, Slip); 11] = [
    ("sink-gradient-sign", "dSinks has the other sign", |parts, head| Some(-parts.sum(head, Rows::right))),
    ("sink-weight-left-out", "the weight of the sink is left out of dSinks: it is the sum of -D", |parts, head| {
        Some(parts.sum(head, |rows, i| -rows.delta[i]))
    }),
    ("sink-gradient-zero", "dSinks is 0: the sink is taken for a constant", |_, _| Some(0.0)),
    (
        "sink-weight-not-divided",
        "the weight of the sink is exp(sink - m) in dSinks: it is not divided by l",
        |parts, head| Some(parts.sum(head, |rows, i| -rows.undivided[i] * rows.delta[i])),
    ),
    ("sink-beside-lse", "the weight of the sink in dSinks is beside an L without it", |parts, head| {
        Some(parts.sum(head, |rows, i| -rows.beside[i] * rows.delta[i]))
    }),
    ("sink-gradient-of-first-batch", "dSinks is of the first batch entry alone", |parts, head| parts.of_one(head, 0)),
    (
        "sink-gradient-of-last-batch",
        "dSinks is of the last batch entry: each overwrites the one before",
        |parts, head| parts.of_one(head, parts.rows.len() - 1),
    ),
    ("sink-gradient-mean-of-batch", "dSinks is averaged over the batch, and not summed", |parts, head| {
        (parts.rows.len() > 1).then(|| parts.sum(head, Rows::right) / parts.rows.len() as f64)
    }),
    ("sink-gradient-mean-of-queries", "dSinks is averaged over the queries, and not summed", |parts, head| {
        let of = |rows: &[Rows]| {
            rows[head].sum(0..rows[head].delta.len(), Rows::right) / rows[head].delta.len().max(1) as f64
        };
        Some(parts.rows.iter().map(|rows| of(rows)).sum())
    }),
    (
        "sink-gradient-of-group",
        "dSinks is summed over the query heads of a group, of which each has a sink of its own",
        |parts, head| {
            let first = head / parts.group * parts.group;
            let all = (first..first + parts.group).map(|head| parts.sum(head, Rows::right));
            (parts.group > 1).then(|| all.sum())
        },
    ),
    (
        "sink-gradient-of-first-head",
        "dSinks is of the first query head of a group alone: the others have 0",
        |parts, head| {
            let is_first = head.is_multiple_of(parts.group);
            (parts.group > 1).then(|| if is_first { parts.sum(head, Rows::right) } else { 0.0 })
        },
    ),
];

/// What a loop over blocks of this many queries makes of the sum of one head.
type OfBlocks = fn(&Parts, usize, usize) -> Option<f64>;

const OF_BLOCKS: [(&str, &str, OfBlocks); 2] = [
    (
        "sink-gradient-overwritten",
        "dSinks is of the last block of queries: each overwrites the one before",
        |parts, head, size| parts.of_blocks(head, |n| (n > size).then(|| (n - 1) / size * size..n)),
    ),
    (
        "sink-gradient-last-block-lost",
        "dSinks leaves out the last block of queries where it is not whole",
        |parts, head, size| {
            parts.of_blocks(head, |n| (n > size && !n.is_multiple_of(size)).then(|| 0..n / size * size))
        },
    ),
];

impl Rows {
    fn new(head: &Head<f64>, queries: usize, d_o: &ndarray::ArrayView2<'_, f64>) -> Option<Self> {
        let mut all = Self { weights: vec![], delta: vec![], undivided: vec![], beside: vec![] };
        for i in 0..queries {
            let (row, sink) = (oracle::row(head, i), head.sink_at(i)?);
            let weight = (sink - row.lse).exp();
            all.delta.push(d_o.row(i).iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum());
            all.weights.push(weight);
            all.undivided.push((sink - row.m).exp());
            // A row that sees nothing else has no L without it.
            all.beside.push(if weight < 1.0 { weight / (1.0 - weight) } else { 0.0 });
        }
        Some(all)
    }

    fn right(&self, i: usize) -> f64 {
        -self.weights[i] * self.delta[i]
    }

    fn sum(&self, rows: std::ops::Range<usize>, of: impl Fn(&Self, usize) -> f64) -> f64 {
        rows.map(|i| of(self, i)).sum()
    }
}

impl Parts {
    fn sum(&self, head: usize, of: impl Fn(&Rows, usize) -> f64) -> f64 {
        self.rows.iter().map(|rows| rows[head].sum(0..rows[head].delta.len(), &of)).sum()
    }

    /// Of one of several batch entries.
    fn of_one(&self, head: usize, batch: usize) -> Option<f64> {
        let rows = &self.rows[batch][head];
        (self.rows.len() > 1).then(|| rows.sum(0..rows.delta.len(), Rows::right))
    }

    /// `kept` are the rows of so many that count; `None` where all do.
    fn of_blocks(&self, head: usize, kept: impl Fn(usize) -> Option<std::ops::Range<usize>>) -> Option<f64> {
        let all = self.rows.iter().map(|rows| (&rows[head], kept(rows[head].delta.len())));
        let all: Vec<_> = all.collect();
        all.iter().any(|(_, kept)| kept.is_some()).then_some(())?;
        Some(all.into_iter().map(|(rows, kept)| rows.sum(kept.unwrap_or(0..rows.delta.len()), Rows::right)).sum())
    }
}

/// What another program has for the gradient of learned sinks.
#[derive(Clone, Copy, Debug)]
pub struct MySinks<'a> {
    /// The gradient of the output, `[batch, heads, n_q, d_v]`.
    pub d_o: &'a Array4<f64>,
    /// `[heads]`
    pub d_sinks: &'a Array1<f64>,
    /// The coarsest format of inputs and gradients; f64 is held to f32, in which programs compute.
    pub precision: Precision,
}

impl OfSinks {
    /// Of `mine` for the right problem of `batch`, which has sinks, in at most `budget` products of two numbers.
    ///
    /// Errors with why nothing tells: an input that is not finite, scores without a rule, a problem that is too large.
    /// Panics if the shapes do not fit, which whoever reads the file has made sure of.
    pub fn of(batch: &Batch<'_>, mine: MySinks<'_>, budget: usize) -> Result<Self, Sentence> {
        let (problem, shape) = (batch.problem, batch.problem.shape);
        let rows = shape.batch.saturating_mul(shape.heads).saturating_mul(shape.n_q);
        if rows.saturating_mul(shape.n_k).saturating_mul(2 * (shape.d + shape.d_v)) > budget {
            let fault = "gradients of {0} queries and {1} keys are too many to be checked in a short time";
            return Err(Sentence::new(fault).with(shape.n_q).with(shape.n_k));
        }
        if !problem.not_finite().is_empty() {
            return Err("no rule for gradients of an input that is not finite".into());
        }
        let mut parts = Parts { rows: Vec::new(), group: shape.group() };
        let (mut plain, mut squares, mut largest_score) = (vec![0.0; shape.heads], vec![0.0; shape.heads], 0.0_f64);
        for at in 0..shape.batch {
            let mut heads = Vec::new();
            for h in 0..shape.heads {
                let (head, d_o) = (problem.head::<f64>(at, h, Precision::F64), mine.d_o.slice(s![at, h, .., ..]));
                let Some(rows) = Rows::new(&head, batch.queries(at), &d_o) else {
                    return Err("the input has no learned sinks".into());
                };
                largest_score = largest_score.max(error_rule::largest_score(&head));
                plain[h] += gradients::plain_of_sink(&problem.head(at, h, mine.precision), d_o, mine.precision);
                squares[h] += gradients::squares_of_sink(&head, d_o);
                heads.push(rows);
            }
            parts.rows.push(heads);
        }
        refuse_gradients(mine.precision, largest_score)?;
        let exact: Vec<f64> = (0..shape.heads).map(|head| parts.sum(head, Rows::right)).collect();
        let size = largest(&exact).max(largest(&squares).sqrt());
        let baseline = error_rule::finite_error(&plain, &exact);
        let bound = error_rule::bound_of_gradient(mine.precision, baseline, size, largest_score);
        let got: Vec<f64> = mine.d_sinks.to_vec();
        let off = Off { error: max_error(&got, &exact), bound };
        let of_head = |head: usize| Off { error: max_error(&got[head..=head], &exact[head..=head]), bound };
        let first = (0..shape.heads).find(|&head| !of_head(head).is_right());
        let first = first.map(|head| WrongSink { head, got: got[head], exact: exact[head] });
        let mut found = Self { off, first, causes: vec![], near: vec![] };
        if !off.is_right() {
            found.search(&parts, &got, &exact);
        }
        Ok(found)
    }

    fn search(&mut self, parts: &Parts, got: &[f64], exact: &[f64]) {
        let all = |make: &dyn Fn(usize) -> Option<f64>| -> Option<Vec<f64>> {
            let made: Vec<Option<f64>> = (0..exact.len()).map(make).collect();
            made.iter().any(Option::is_some).then_some(())?;
            Some(made.into_iter().zip(exact).map(|(made, exact)| made.unwrap_or(*exact)).collect())
        };
        let mut tried: Vec<(Cause, Vec<f64>)> = Vec::new();
        for (name, what, make) in SLIPS {
            tried.extend(all(&|head| make(parts, head)).map(|told| (Cause::new(name, what), told)));
        }
        for (name, what, make) in OF_BLOCKS {
            for size in SIZES {
                let cause = Cause { block: Some(size), ..Cause::new(name, what) };
                tried.extend(all(&|head| make(parts, head, size)).map(|told| (cause, told)));
            }
        }
        let judged = tried.into_iter().filter_map(|(cause, told)| {
            let growth = (largest(&told) / largest(exact).max(f64::MIN_POSITIVE)).max(1.0);
            let bound = self.off.bound * growth;
            let differs = Off { error: max_error(&told, exact), bound: self.off.bound };
            let off = Off { error: max_error(got, &told), bound };
            (!differs.is_right()).then_some((Cause { off: off.error, ..cause }, off))
        });
        let mut judged: Vec<(Cause, Off)> = judged.collect();
        judged.sort_by(|a, b| share(a.1).total_cmp(&share(b.1)));
        let fits = |off: Off| off.is_right() && explains(off, self.off);
        let (fitting, others): (Vec<_>, Vec<_>) = judged.into_iter().partition(|(_, off)| fits(*off));
        self.causes = fitting.into_iter().map(|(cause, _)| cause).collect();
        if self.causes.is_empty() {
            let is_near = |(_, off): &(Cause, Off)| off.error < NEAR * self.off.error;
            self.near = others.into_iter().filter(is_near).map(|(cause, _)| cause).take(MOST_NEAR).collect();
        }
    }
}
