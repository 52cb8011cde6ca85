//! The output of another program beside exact attention, row by row, and what rounding explains.

use ndarray::s;
use serde::Serialize;

use super::told::Told;
use super::{At, Batch, Mine, Wrong};
use crate::attention::error_rule::{finite_error, floor, max_error, size_of_output};
use crate::attention::{Head, Precision, naive, oracle};

/// What a file's numbers are rounded to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rounding {
    format: Precision,
    /// How much coarser its numbers lie than those of `format`.
    coarser: f64,
}

impl Rounding {
    /// Of an element kind as files name it. What is in f64 is held to f32, in which programs compute.
    pub fn of_element(element: &str) -> Self {
        match element {
            "f16" => Self::of(Precision::F16),
            "bf16" => Self::of(Precision::BF16),
            "f8 (e5m2)" => Self { coarser: 2.0, ..Self::of(Precision::E4M3) },
            name if name.starts_with("f8") => Self::of(Precision::E4M3),
            _ => Self::of(Precision::F32),
        }
    }

    /// Of a format; of f64, that of f32.
    pub fn of(format: Precision) -> Self {
        let format = if format == Precision::F64 { Precision::F32 } else { format };
        Self { format, coarser: 1.0 }
    }

    /// The coarsest of some element kinds.
    pub fn coarsest<'e>(elements: impl IntoIterator<Item = &'e str>) -> Self {
        let coarser = |a: Self, b: Self| if b.floor() > a.floor() { b } else { a };
        elements.into_iter().map(Self::of_element).fold(Self::of(Precision::F32), coarser)
    }

    /// The least error allowed for a value of 1.
    pub fn floor(self) -> f64 {
        floor(self.format) * self.coarser
    }

    /// It, and the formats that are coarser.
    fn and_coarser(self) -> impl Iterator<Item = Self> {
        let formats = [Precision::F16, Precision::BF16].map(Self::of).into_iter();
        std::iter::once(self).chain(formats.filter(move |format| format.floor() > self.floor()))
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
    /// The format of the file, then those that are coarser.
    plain: Vec<Plain>,
    sizes: Sizes,
    /// Of all rows, those that were compared among them.
    pub of_rows: usize,
}

/// The largest of what rounding grows with.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    o: f64,
    lse: f64,
    /// What the floor of O is relative to.
    output: f64,
}

/// How far plain attention is off that rounds all it stores.
#[derive(Clone, Copy, Debug)]
struct Plain {
    rounding: Rounding,
    o: f64,
    lse: f64,
}

/// A head as it is, and as each format has it.
struct Views {
    exact: Head<f64>,
    narrow: Vec<Head<f32>>,
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
            plain: mine.rounding.and_coarser().map(|rounding| Plain { rounding, o: 0.0, lse: 0.0 }).collect(),
            sizes: Sizes::default(),
            of_rows,
        };
        let mut view: Option<((usize, usize), Views)> = None;
        let formats: Vec<Precision> = compared.plain.iter().map(|plain| plain.rounding.format).collect();
        for &(batch, head, i) in &compared.rows {
            let view = match &mut view {
                Some((of, view)) if *of == (batch, head) => view,
                view => {
                    let narrow = formats.iter().map(|&format| problem.head(batch, head, format)).collect();
                    let exact = problem.head(batch, head, Precision::F64);
                    &mut view.insert(((batch, head), Views { exact, narrow })).1
                }
            };
            let row = oracle::row(&view.exact, i);
            let sizes = &mut compared.sizes;
            sizes.o = row.o.iter().copied().fold(sizes.o, finite);
            sizes.lse = finite(sizes.lse, row.lse);
            sizes.output = sizes.output.max(size_of_output(&view.exact, i, &row));
            for (plain, view) in compared.plain.iter_mut().zip(&view.narrow) {
                let rounded = naive::attention_of(view, i..i + 1, plain.rounding.format);
                plain.o = plain.o.max(finite_error(&rounded.o, &row.o));
                plain.lse = plain.lse.max(finite_error(&rounded.lse, [&row.lse]));
            }
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
        Off { error: off(&self.got, &self.exact).0, bound: self.o_bound() }
    }

    pub fn lse(&self) -> Option<Off> {
        self.has_lse.then(|| Off { error: off(&self.got, &self.exact).1, bound: self.lse_bound() })
    }

    /// By the error rule: twice as far as plain attention in the same format, and a floor.
    fn o_bound(&self) -> f64 {
        self.o_bound_of(&self.plain[0])
    }

    fn o_bound_of(&self, plain: &Plain) -> f64 {
        2.0 * plain.o * plain.rounding.coarser + plain.rounding.floor() * self.sizes.output
    }

    fn lse_bound(&self) -> f64 {
        let Plain { rounding, lse, .. } = self.plain[0];
        2.0 * lse * rounding.coarser + rounding.floor() * self.sizes.lse.max(1.0)
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
        (Off { error: o, bound: self.o_bound() * growth }, self.has_lse.then_some(of_lse))
    }

    /// The numbers of the rows that are wrong, and of those that are right.
    pub fn apart(&self) -> (Vec<usize>, Vec<usize>) {
        let is_right = |n: usize| {
            let (o, lse) = off(&self.got[n..=n], &self.exact[n..=n]);
            o <= self.o_bound() && (!self.has_lse || lse <= self.lse_bound())
        };
        (0..self.len()).partition(|&n| !is_right(n))
    }

    /// The first wrong number of row `n`.
    pub fn first_wrong(&self, n: usize) -> Option<Wrong> {
        let ((batch, head, query), got, exact) = (self.rows[n], &self.got[n], &self.exact[n]);
        let is_right = |got: f64, exact: f64| max_error(&[got], &[exact]) <= self.o_bound();
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
        let explains = |plain: &&Plain| error <= self.o_bound_of(plain);
        self.plain[1..].iter().find(explains).map(|plain| plain.rounding.format)
    }

    /// Some of its rows.
    pub fn only(&self, numbers: &[usize]) -> Self {
        let pick = |of: &[Told]| numbers.iter().map(|&n| of[n].clone()).collect();
        let rows = numbers.iter().map(|&n| self.rows[n]).collect();
        let plain = self.plain.clone();
        Self { rows, exact: pick(&self.exact), got: pick(&self.got), plain, ..*self }
    }
}

/// The largest distances of O and of L.
fn off(got: &[Told], want: &[Told]) -> (f64, f64) {
    let o = max_error(got.iter().flat_map(|told| &told.o), want.iter().flat_map(|told| &told.o));
    let lse = max_error(got.iter().map(|told| &told.lse), want.iter().map(|told| &told.lse));
    (o, lse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Input;
    use crate::attention::input::random;
    use ndarray::Array4;

    fn compared(input: &Input, o: &Array4<f64>, element: &str) -> Off {
        let mine = Mine { o, lse: None, rounding: Rounding::of_element(element) };
        Comparison::of(&Batch::of(&input.problem), mine, 1 << 30).o()
    }

    /// Among many keys O is a small mean of large values: what is no larger than the bound must still be tellable from it.
    #[test]
    fn a_wrong_output_of_many_keys_is_wrong() {
        let input = random::read("random:16,4096,16", 1).expect("an input");
        for (element, format) in [("f16", Precision::F16), ("bf16", Precision::BF16)] {
            let plain = naive::attention(&input.problem.head::<f32>(0, 0, format), format).o;
            let plain = plain.into_shape_with_order((1, 1, 16, 16)).expect("one head");
            let is_right = |o: &Array4<f64>| compared(&input, o, element).is_right();
            assert!(is_right(&plain), "{element}");
            let wrong = [-&plain, &plain * 0.0, &plain * 1.5];
            assert!(!wrong.iter().any(is_right), "{element}: {:?}", compared(&input, &wrong[2], element));
        }
    }
}
