//! Which keys each query sees by an array of an input: booleans, or -inf among what is added to the scores. The array is
//! data and moves; from these runs the classes of its tiles are as exact as those of masks of indices.

use std::ops::Range;

use ndarray::{Array4, Axis};

use super::runs::{Runs, common};

/// Which arrays of an input the bias of a problem was made of. Each moves by its own size: of booleans one byte a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BiasOf {
    /// What is added to the scores.
    #[default]
    Numbers,
    /// Booleans, of which false became -inf.
    Booleans,
    /// One of each.
    Both,
}

impl BiasOf {
    /// Bytes of an element of a mask of booleans.
    pub const BOOLEAN_BYTES: u64 = 1;

    pub fn has_numbers(self) -> bool {
        self != Self::Booleans
    }

    pub fn has_booleans(self) -> bool {
        self != Self::Numbers
    }

    /// Bytes of a pair of all its arrays, where a number has so many.
    pub fn bytes(self, of_number: u64) -> u64 {
        let bytes = |is_there, bytes| if is_there { bytes } else { 0 };
        bytes(self.has_numbers(), of_number) + bytes(self.has_booleans(), Self::BOOLEAN_BYTES)
    }
}

/// Runs of keys by batch entry and query; one entry stands for all where the array has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    rows: Vec<Vec<Vec<Range<usize>>>>,
}

impl Pairs {
    /// Where `bias` `[batch, heads, n_q, n_k]`, any axis of which may be 1, is not -inf on `n_k` keys. `None` where it
    /// hides nothing, and where it hides other pairs from one head than from another: the heads of a group are one
    /// schedule.
    pub fn of_bias(bias: &Array4<f64>, n_k: usize) -> Option<Self> {
        let hides = |x: &f64| *x == f64::NEG_INFINITY;
        let first = bias.index_axis(Axis(1), 0);
        let is_one = bias.axis_iter(Axis(1)).all(|head| head.iter().zip(&first).all(|(a, b)| hides(a) == hides(b)));
        if !is_one || !first.iter().any(hides) {
            return None;
        }
        let row = |values: ndarray::ArrayView1<'_, f64>| match values.len() {
            // One value for all keys.
            1 if hides(&values[0]) => Vec::new(),
            1 => std::iter::once(0..n_k).collect(),
            _ => seen(values.iter().map(|x| !hides(x))),
        };
        let of_batch = |entry: ndarray::ArrayView2<'_, f64>| entry.rows().into_iter().map(row).collect();
        Some(Self { rows: first.outer_iter().map(of_batch).collect() })
    }

    /// Of one batch entry, the runs of each query, or of all alike; `None` where they are no rising runs.
    pub fn of_rows(rows: Vec<Vec<Range<usize>>>) -> Option<Self> {
        let rise = |row: &Vec<Range<usize>>| {
            row.iter().all(|run| run.start < run.end) && row.windows(2).all(|two| two[0].end < two[1].start)
        };
        (!rows.is_empty() && rows.iter().all(rise)).then(|| Self { rows: vec![rows] })
    }

    /// Of a batch entry: the runs of each query, or of all alike.
    pub fn rows(&self, batch: usize) -> &[Vec<Range<usize>>] {
        &self.rows[if self.rows.len() == 1 { 0 } else { batch }]
    }

    fn row(&self, batch: usize, i: usize) -> &[Range<usize>] {
        let rows = self.rows(batch);
        &rows[if rows.len() == 1 { 0 } else { i }]
    }

    /// The keys of query `i` among `keys`.
    pub fn of_row(&self, batch: usize, i: usize, keys: &Runs) -> Runs {
        common(keys.as_slice(), self.row(batch, i))
    }

    pub fn keeps(&self, batch: usize, i: usize, j: usize) -> bool {
        let row = self.row(batch, i);
        row.get(row.partition_point(|run| run.end <= j)).is_some_and(|run| run.start <= j)
    }

    /// Those of the first `tokens` keys; `None` where no run ends after them.
    pub fn cut(&self, tokens: usize) -> Option<Self> {
        let is_past = |row: &Vec<Range<usize>>| row.last().is_some_and(|run| run.end > tokens);
        if !self.rows.iter().flatten().any(is_past) {
            return None;
        }
        let run = |run: &Range<usize>| (run.start < tokens).then(|| run.start..run.end.min(tokens));
        let row = |row: &Vec<Range<usize>>| row.iter().filter_map(run).collect();
        Some(Self { rows: self.rows.iter().map(|rows| rows.iter().map(row).collect()).collect() })
    }
}

/// The runs of what is seen.
fn seen(keys: impl Iterator<Item = bool>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (j, _) in keys.enumerate().filter(|(_, is_seen)| *is_seen) {
        match runs.last_mut() {
            Some(run) if run.end == j => run.end += 1,
            _ => runs.push(j..j + 1),
        }
    }
    runs
}
