//! Sequences one after the other on the axes of queries and keys, as a varlen kernel works on a batch: each has a mask of
//! its own in its own indices, and none sees the keys of another.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::band::{Band, TileClass};
use super::runs::Runs;

/// One of the sequences of a packed batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Sequence {
    pub queries: usize,
    pub keys: usize,
    /// Keys before the first query, where the diagonal aligns bottom-right; ALiBi's distances are measured from there.
    pub ahead: i64,
}

/// The masks of sequences, and where each begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequences {
    bands: Vec<Band>,
    /// First query of each, then the end of the last.
    queries: Vec<usize>,
    /// First key of each, then the end of the last.
    keys: Vec<usize>,
}

impl Sequences {
    pub fn new(bands: Vec<Band>) -> Self {
        let starts = |of: fn(&Band) -> usize| {
            let ends = bands.iter().scan(0, |end, band| {
                *end += of(band);
                Some(*end)
            });
            std::iter::once(0).chain(ends).collect()
        };
        Self { queries: starts(|band| band.n_q), keys: starts(|band| band.n_k), bands }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.bands.len()
    }

    /// The first query of each, then the end of the last.
    pub fn query_starts(&self) -> &[usize] {
        &self.queries
    }

    /// The first key of each, then the end of the last.
    pub fn key_starts(&self) -> &[usize] {
        &self.keys
    }

    /// The sequence of query `i`, with `i` and `j` as they are numbered in it; `None` where `j` is of another.
    pub fn place(&self, i: usize, j: usize) -> Option<(usize, usize, usize)> {
        let n = of(&self.queries, i);
        self.keys_of(n).contains(&j).then(|| (n, i - self.queries[n], j - self.keys[n]))
    }

    /// Each with another mask.
    pub(super) fn map(&self, change: impl Fn(&Band) -> Band) -> Self {
        Self { bands: self.bands.iter().map(change).collect(), ..self.clone() }
    }

    pub(super) fn band(&self, n: usize) -> &Band {
        &self.bands[n]
    }

    pub(super) fn keeps(&self, i: usize, j: usize) -> bool {
        self.place(i, j).is_some_and(|(n, i, j)| self.bands[n].keeps(i, j))
    }

    pub(super) fn keys_of_rows(&self, rows: Range<usize>) -> Runs {
        let of_each = met(&self.queries, rows).map(|(n, rows)| moved(self.bands[n].keys_of_rows(rows), self.keys[n]));
        Runs::of(of_each.flatten().collect())
    }

    /// No key is of two sequences.
    pub(super) fn keys_of_all_rows(&self, rows: Range<usize>) -> Runs {
        let mut parts = met(&self.queries, rows);
        match (parts.next(), parts.next()) {
            (Some((n, rows)), None) => Runs::of(moved(self.bands[n].keys_of_all_rows(rows), self.keys[n]).collect()),
            _ => Runs::NONE,
        }
    }

    pub(super) fn rows_of_keys(&self, cols: Range<usize>) -> Runs {
        let of_each = met(&self.keys, cols).map(|(n, cols)| moved(self.bands[n].rows_of_keys(cols), self.queries[n]));
        Runs::of(of_each.flatten().collect())
    }

    pub(super) fn class(&self, rows: &Range<usize>, cols: &Range<usize>) -> TileClass {
        let (mut is_seen, mut is_full) = (false, true);
        for (n, rows) in met(&self.queries, rows.clone()) {
            let own = self.keys_of(n);
            let of = own.start.max(cols.start)..own.end.min(cols.end);
            let class = match of.is_empty() {
                true => TileClass::Skipped,
                false => self.bands[n].class(rows, of.start - own.start..of.end - own.start),
            };
            is_seen |= class != TileClass::Skipped;
            is_full &= class == TileClass::Full && of == *cols;
        }
        match (is_seen, is_full) {
            (false, _) => TileClass::Skipped,
            (true, true) => TileClass::Full,
            (true, false) => TileClass::Partial,
        }
    }

    fn keys_of(&self, n: usize) -> Range<usize> {
        self.keys[n]..self.keys[n + 1]
    }
}

/// The sequence that token `at` is of, by where each begins; the last for any beyond.
pub fn of(starts: &[usize], at: usize) -> usize {
    // Empty ones share their start with the next.
    starts.partition_point(|&start| start <= at).clamp(1, starts.len() - 1) - 1
}

/// The sequences that tokens are of, each with those of them as they are numbered in it.
fn met(starts: &[usize], tokens: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> + '_ {
    let sequences = starts.windows(2).enumerate().skip(of(starts, tokens.start));
    sequences.take_while(move |(_, own)| own[0] < tokens.end).filter_map(move |(n, own)| {
        let part = tokens.start.max(own[0])..tokens.end.min(own[1]);
        (!part.is_empty()).then(|| (n, part.start - own[0]..part.end - own[0]))
    })
}

fn moved(runs: Runs, by: usize) -> impl Iterator<Item = Range<usize>> {
    runs.into_vec().into_iter().map(move |run| run.start + by..run.end + by)
}
