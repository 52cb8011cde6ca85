//! The output of another program beside exact attention, row by row, and what rounding explains.

use ndarray::s;
use serde::Serialize;

use super::told::Told;
use super::{At, Batch, Mine, Wrong};
use crate::attention::error_rule::{floor, max_error};
use crate::attention::{Head, Precision, oracle};

/// What a format does to a number: the least error allowed for a value of 1, and half the spacing of numbers around 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    pub floor: f64,
    pub unit: f64,
}

impl Rounding {
    /// Of an element kind as files name it. What is in f64 is held to f32, in which programs compute.
    pub fn of_element(element: &str) -> Self {
        match element {
            "f16" => Self::of(Precision::F16),
            "bf16" => Self::of(Precision::BF16),
            name if name.starts_with("f8") => Self { floor: 8e-2, unit: 2f64.powi(-4) },
            _ => Self::of(Precision::F32),
        }
    }

    /// Of a format; of f64, that of f32.
    pub fn of(format: Precision) -> Self {
        let format = if format == Precision::F64 { Precision::F32 } else { format };
        Self { floor: floor(format), unit: format.coarsest().spacing() / 2.0 }
    }

    /// The coarsest of some element kinds.
    pub fn coarsest<'e>(elements: impl IntoIterator<Item = &'e str>) -> Self {
        let coarser = |a: Self, b: Self| if b.floor > a.floor { b } else { a };
        elements.into_iter().map(Self::of_element).fold(Self::of(Precision::F32), coarser)
    }
}

/// How far a tensor is off, and what rounding explains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Off {
    /// NaN where one of the two is not finite and the other is.
    pub error: f64,
    pub bound: f64,
}

impl Off {
    pub fn is_right(self) -> bool {
        self.error <= self.bound
    }
}

/// Batch entry, query head, query.
pub type Row = (usize, usize, usize);

/// Rows of an output and of exact attention.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub rows: Vec<Row>,
    pub exact: Vec<Told>,
    pub got: Vec<Told>,
    has_lse: bool,
    rounding: Rounding,
    sizes: Sizes,
    /// Of all rows, those that were compared among them.
    pub of_rows: usize,
}

/// The largest of what rounding grows with.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    o: f64,
    lse: f64,
    /// Of scores that weigh something: others may be anything, a mask of -1e4, say.
    score: f64,
    v: f64,
}

/// Numbers below `count`, at most `most` of them: evenly, the first and the last among them.
pub fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let most = most.min(count);
    let at = move |n: usize| (n as u128 * (count - 1) as u128 / (most - 1) as u128) as usize;
    (0..most).map(move |n| if most < 2 { 0 } else { at(n) })
}

impl Comparison {
    /// Of `mine` beside the problem of `batch`, in about `budget` multiply-adds.
    ///
    /// Panics if the shapes do not fit, which whoever reads the file has made sure of.
    pub fn of(batch: &Batch<'_>, mine: Mine<'_>, budget: usize) -> Self {
        let (problem, queries) = (batch.problem, |at: usize| batch.queries(at));
        let shape = problem.shape;
        // The rows before each batch entry, and all. What packed sequences are padded with is none of them.
        let mut before = vec![0];
        before.extend((0..shape.batch).scan(0, |rows, batch| {
            *rows += shape.heads * queries(batch);
            Some(*rows)
        }));
        let of_rows = before[shape.batch];
        let place = |row: usize| {
            let batch = before.partition_point(|&rows| rows <= row) - 1;
            (batch, (row - before[batch]) / queries(batch), (row - before[batch]) % queries(batch))
        };
        let finite = |most: f64, x: f64| if x.is_finite() { most.max(x.abs()) } else { most };
        // The view of a head costs about as much as one of its rows.
        let affordable = (budget / (shape.n_k * (shape.d + shape.d_v))).max(2);
        let mut compared = Self {
            rows: spread(of_rows, affordable).map(place).collect(),
            exact: Vec::new(),
            got: Vec::new(),
            has_lse: mine.lse.is_some(),
            rounding: mine.rounding,
            sizes: Sizes { v: problem.v.iter().copied().fold(0.0, finite), ..Sizes::default() },
            of_rows,
        };
        let mut view: Option<((usize, usize), Head<f64>)> = None;
        for &(batch, head, i) in &compared.rows {
            let view = match &mut view {
                Some((of, view)) if *of == (batch, head) => view,
                view => &mut view.insert(((batch, head), problem.head(batch, head, Precision::F64))).1,
            };
            let row = oracle::row(view, i);
            let sizes = &mut compared.sizes;
            sizes.o = row.o.iter().copied().fold(sizes.o, finite);
            sizes.lse = finite(sizes.lse, row.lse);
            let seen = row.s.iter().zip(&row.p).filter(|(_, p)| **p > 1e-9);
            sizes.score = seen.map(|(s, _)| *s).fold(sizes.score, finite);
            compared.exact.push(Told { o: row.o, lse: row.lse });
            let o = mine.o.slice(s![batch, head, i, ..]).to_vec();
            compared.got.push(Told { o, lse: mine.lse.map_or(0.0, |lse| lse[[batch, head, i]]) });
        }
        compared
    }

    /// Rows that were compared.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn o(&self) -> Off {
        Off { error: off(&self.got, &self.exact).0, bound: self.o_bound(self.rounding) }
    }

    pub fn lse(&self) -> Option<Off> {
        self.has_lse.then(|| Off { error: off(&self.got, &self.exact).1, bound: self.lse_bound() })
    }

    /// A score is off by a unit of itself, a weight by as much, and O by both times the largest value.
    fn o_bound(&self, rounding: Rounding) -> f64 {
        let Sizes { o, score, v, .. } = self.sizes;
        rounding.floor * o.max(1.0) + 4.0 * rounding.unit * (score + 1.0) * v
    }

    fn lse_bound(&self) -> f64 {
        let Rounding { floor, unit } = self.rounding;
        floor * self.sizes.lse.max(1.0) + 4.0 * unit * (self.sizes.score + 1.0)
    }

    /// How far `told` is from what was `got` or is `exact`: of O, and of L where that is compared. What is larger than the
    /// exact O is rounded more coarsely, too.
    pub fn from(&self, beside: &[Told], told: &[Told]) -> (Off, Option<Off>) {
        let (o, lse) = off(beside, told);
        let largest = told.iter().flat_map(|told| &told.o).filter(|o| o.is_finite());
        let largest = largest.fold(self.sizes.o, |most, o| most.max(o.abs()));
        let growth = if self.sizes.o > 0.0 { largest / self.sizes.o } else { 1.0 };
        let largest_lse = told.iter().map(|told| told.lse).filter(|lse| lse.is_finite());
        let largest_lse = largest_lse.fold(self.sizes.lse, |most, lse| most.max(lse.abs()));
        let lse_growth = largest_lse.max(1.0) / self.sizes.lse.max(1.0);
        let of_lse = Off { error: lse, bound: self.lse_bound() * lse_growth };
        (Off { error: o, bound: self.o_bound(self.rounding) * growth }, self.has_lse.then_some(of_lse))
    }

    /// The numbers of the rows that are wrong, and of those that are right.
    pub fn apart(&self) -> (Vec<usize>, Vec<usize>) {
        let is_right = |n: usize| {
            let (o, lse) = off(&self.got[n..=n], &self.exact[n..=n]);
            o <= self.o_bound(self.rounding) && (!self.has_lse || lse <= self.lse_bound())
        };
        (0..self.len()).partition(|&n| !is_right(n))
    }

    /// The first wrong number of row `n`.
    pub fn first_wrong(&self, n: usize) -> Option<Wrong> {
        let ((batch, head, query), got, exact) = (self.rows[n], &self.got[n], &self.exact[n]);
        let is_right = |got: f64, exact: f64| max_error(&[got], &[exact]) <= self.o_bound(self.rounding);
        let component = (0..exact.o.len()).find(|&c| !is_right(got.o[c], exact.o[c]));
        let at = At { batch, head, query, component };
        match component {
            Some(c) => Some(Wrong { at, got: got.o[c], exact: exact.o[c] }),
            None => self.has_lse.then_some(Wrong { at, got: got.lse, exact: exact.lse }),
        }
    }

    /// The coarser format whose rounding explains O, if one does.
    pub fn as_rounded_to(&self) -> Option<Precision> {
        let error = self.o().error;
        let coarser = [Precision::F16, Precision::BF16].into_iter();
        let coarser = coarser.filter(|format| Rounding::of(*format).unit > self.rounding.unit);
        coarser.into_iter().find(|&format| error <= self.o_bound(Rounding::of(format)))
    }

    /// Some of its rows.
    pub fn only(&self, numbers: &[usize]) -> Self {
        let pick = |of: &[Told]| numbers.iter().map(|&n| of[n].clone()).collect();
        let rows = numbers.iter().map(|&n| self.rows[n]).collect();
        Self { rows, exact: pick(&self.exact), got: pick(&self.got), ..*self }
    }
}

/// The largest distances of O and of L.
fn off(got: &[Told], want: &[Told]) -> (f64, f64) {
    let o = max_error(got.iter().flat_map(|told| &told.o), want.iter().flat_map(|told| &told.o));
    let lse = max_error(got.iter().map(|told| &told.lse), want.iter().map(|told| &told.lse));
    (o, lse)
}
