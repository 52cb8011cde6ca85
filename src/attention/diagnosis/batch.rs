//! The batch entries of a problem as sequences: what of each is there, what lies beside it where they are one array, and
//! what comes of a program that takes the tokens of one for those of another.

use std::ops::Range;

use ndarray::{Array2, Array4, Axis, concatenate, s};

use super::conventions::moved;
use crate::attention::not_finite::OddValues;
use crate::attention::{Align, Head, Problem};

/// A problem, and how its batch entries lie in the arrays of whoever computed its numbers.
#[derive(Clone, Debug)]
pub struct Batch<'p> {
    pub problem: &'p Problem,
    /// Queries and keys of each batch entry; what is beyond them is padding.
    sequences: Vec<[usize; 2]>,
    /// They lie one after the other, without padding.
    is_one_array: bool,
}

impl<'p> Batch<'p> {
    /// Each batch entry in an array of its own, padded to the longest: its key lengths say what is there.
    pub fn of(problem: &'p Problem) -> Self {
        let shape = problem.shape;
        let of = |batch: usize| [shape.n_q, problem.mask.band(&shape, batch).kv];
        Self { problem, sequences: (0..shape.batch).map(of).collect(), is_one_array: false }
    }

    /// Batch entries of so many queries and keys, one after the other in one array.
    ///
    /// Panics if there are not as many as batch entries, which whoever reads the file has made sure of.
    pub fn packed(problem: &'p Problem, sequences: Vec<[usize; 2]>) -> Self {
        assert_eq!(sequences.len(), problem.shape.batch, "a sequence for each batch entry");
        Self { problem, sequences, is_one_array: true }
    }

    /// Queries of a batch entry.
    pub fn queries(&self, batch: usize) -> usize {
        self.sequences[batch][0]
    }

    /// The sequences lie one after the other in one array.
    pub fn is_packed(&self) -> bool {
        self.is_one_array
    }

    /// Queries, or keys, of all sequences before this one.
    pub fn start(&self, batch: usize) -> [usize; 2] {
        [0, 1].map(|side| self.sequences[..batch].iter().map(|of| of[side]).sum())
    }

    /// The keys of a sequence as they are numbered among those of all.
    pub fn keys(&self, batch: usize) -> Range<usize> {
        let start = self.start(batch)[1];
        start..start + self.sequences[batch][1]
    }

    /// Queries and keys of all sequences.
    pub fn all(&self) -> [usize; 2] {
        self.start(self.sequences.len())
    }

    /// The batch entry of a key of all, and its number there.
    pub fn place_of_key(&self, key: usize) -> (usize, usize) {
        let batch = (0..self.sequences.len()).find(|&batch| self.keys(batch).contains(&key)).unwrap_or_default();
        (batch, key - self.start(batch)[1])
    }

    /// Some sequence is padded.
    fn has_lengths(&self) -> bool {
        self.has_padded_queries() || self.sequences.iter().any(|of| of[1] != self.problem.shape.n_k)
    }

    /// Some sequence has fewer queries than the longest.
    fn has_padded_queries(&self) -> bool {
        self.sequences.iter().any(|of| of[0] != self.problem.shape.n_q)
    }

    /// Where the diagonal of the padded batch ends.
    fn padded(&self) -> i64 {
        let shape = self.problem.shape;
        shape.n_k as i64 - shape.n_q as i64
    }

    /// `[n, width]` of these keys of all.
    fn gather(&self, tensor: &Array4<f64>, head: usize, keys: &Range<usize>) -> Array2<f64> {
        let parts = (0..self.sequences.len()).filter_map(|batch| {
            let own = self.keys(batch);
            let of = own.start.max(keys.start)..own.end.min(keys.end);
            (!of.is_empty()).then(|| tensor.slice(s![batch, head, of.start - own.start..of.end - own.start, ..]))
        });
        concatenate(Axis(0), &parts.collect::<Vec<_>>()).expect("they differ in their lengths alone")
    }

    /// The head with these keys of all in place of its own, and the diagonal at the same key, moved by so many.
    fn with_keys(&self, h: usize, head: &Head<f64>, keys: Range<usize>, by: i64) -> Option<OfKeys> {
        let own = self.keys(head.batch);
        let is_simple = head.bias.is_none() && head.dropout.is_none() && head.band.packed.is_none();
        (is_simple && self.is_one_array && keys != own && !keys.is_empty()).then_some(())?;
        let kv_head = self.problem.shape.kv_head(h);
        let (k, v) = (self.gather(&self.problem.k, kv_head, &keys), self.gather(&self.problem.v, kv_head, &keys));
        let (count, shift) = (keys.len(), own.start as i64 - keys.start as i64);
        let mut other = Head { odd_values: OddValues::of(&v), k, v, ..head.clone() };
        let band = &mut other.band;
        (band.n_k, band.kv, band.padding) = (count, count, 0);
        (band.documents, band.array) = (None, None);
        band.offset += shift + by;
        band.ahead += shift + by;
        Some((other, keys.start))
    }

    /// All tokens as one sequence, whose diagonal ends at the last key, or begins at the first.
    fn as_one(&self, h: usize, head: &Head<f64>, align: Align) -> Option<OfKeys> {
        let ([queries, keys], [first, _]) = (self.all(), self.start(head.batch));
        let (mut other, start) = self.with_keys(h, head, 0..keys, 0)?;
        other.band.ahead = first as i64 + keys as i64 - queries as i64;
        other.band.offset = if align == Align::BottomRight { other.band.ahead } else { first as i64 };
        Some((other, start))
    }
}

/// A head with keys of all sequences, and the number of the first of them among those of all.
pub type OfKeys = (Head<f64>, usize);
/// What makes the row of a sequence with keys of others. `None` where it has none.
pub type Leak = fn(&Batch<'_>, usize, &Head<f64>) -> Option<OfKeys>;
/// A diagonal that is of another length; `None` where it is the right one.
pub type OtherDiagonal = fn(&Batch<'_>, &Head<f64>) -> Option<Head<f64>>;

/// To `offset`, where that is elsewhere.
fn diagonal_at(head: &Head<f64>, offset: i64) -> Option<Head<f64>> {
    (offset != head.band.offset).then(|| moved(head, offset - head.band.offset))?
}

/// Diagonals by their name and what they are.
pub const DIAGONALS: [(&str, &str, OtherDiagonal); 7] = [
    (
        "diagonal-by-lengths",
        "the diagonal ends at the length of each sequence, as libraries with a KV cache have it",
        |batch, head| {
            batch.has_lengths().then_some(())?;
            diagonal_at(head, head.band.kv as i64 - batch.queries(head.batch) as i64)
        },
    ),
    (
        "diagonal-by-padding",
        "the diagonal ends at the padded length, and not at that of each sequence",
        |batch, head| batch.has_lengths().then(|| diagonal_at(head, batch.padded()))?,
    ),
    (
        "diagonal-by-padded-keys",
        "the diagonal takes the padded length of the keys, and that of each sequence of the queries",
        |batch, head| {
            let queries = batch.has_padded_queries().then(|| batch.queries(head.batch))?;
            diagonal_at(head, batch.problem.shape.n_k as i64 - queries as i64)
        },
    ),
    (
        "diagonal-by-padded-queries",
        "the diagonal takes the padded length of the queries, and that of each sequence of the keys",
        |batch, head| {
            batch.has_padded_queries().then_some(())?;
            diagonal_at(head, head.band.kv as i64 - batch.problem.shape.n_q as i64)
        },
    ),
    (
        "diagonal-of-all-tokens",
        "one diagonal for all tokens, which ends at the last key of the last sequence",
        |batch, head| {
            let (sequence, [queries, keys]) = (batch.start(head.batch), batch.all());
            batch.is_one_array.then_some(())?;
            let [first_query, first_key] = sequence.map(|start| start as i64);
            diagonal_at(head, first_query - first_key + keys as i64 - queries as i64)
        },
    ),
    (
        "diagonal-of-all-from-start",
        "one diagonal for all tokens, which begins at the first key of the first sequence",
        |batch, head| {
            let [first_query, first_key] = batch.start(head.batch).map(|start| start as i64);
            batch.is_one_array.then(|| diagonal_at(head, first_query - first_key))?
        },
    ),
    (
        "lengths-ignored",
        "the lengths are ignored: all keys of the padded batch are there, and the diagonal ends at the last",
        |batch, head| {
            let band = &head.band;
            let is_own = |at: usize| batch.problem.mask.band(&batch.problem.shape, at).offset != batch.padded();
            let has_own = (0..batch.sequences.len()).any(is_own);
            (has_own && (band.kv < band.n_k || band.offset != batch.padded())).then_some(())?;
            let mut all = head.clone();
            (all.band.kv, all.band.offset, all.band.ahead) = (all.band.n_k, batch.padded(), batch.padded());
            Some(all)
        },
    ),
];

/// Leaks from one sequence into another by their name and what they are.
pub const LEAKS: [(&str, &str, Leak); 6] = [
    (
        "sequences-ignored",
        "the sequences are ignored: all tokens are one, and queries see keys of others",
        |batch, h, head| batch.as_one(h, head, batch.problem.mask.align),
    ),
    (
        "sequences-ignored-from-start",
        "the sequences are ignored: all tokens are one, whose diagonal begins at the first key",
        |batch, h, head| {
            let [queries, keys] = batch.all();
            let is_another = batch.problem.mask.align == Align::BottomRight && queries != keys;
            is_another.then(|| batch.as_one(h, head, Align::TopLeft))?
        },
    ),
    ("next-sequence", "the keys of the next sequence are seen as well", |batch, h, head| {
        let own = batch.keys(head.batch);
        let next = (head.batch + 1 < batch.sequences.len()).then(|| batch.keys(head.batch + 1))?;
        batch.with_keys(h, head, own.start..next.end, 0)
    }),
    ("previous-sequence", "the keys of the sequence before are seen as well", |batch, h, head| {
        let own = batch.keys(head.batch);
        batch.with_keys(h, head, batch.keys(head.batch.checked_sub(1)?).start..own.end, 0)
    }),
    ("ends-one-late", "each sequence ends one key late: the first key of the next is its last", |batch, h, head| {
        let own = batch.keys(head.batch);
        (own.end < batch.all()[1]).then_some(())?;
        // A diagonal that ends at the last key goes with it.
        let by = i64::from(batch.problem.mask.align == Align::BottomRight);
        batch.with_keys(h, head, own.start..own.end + 1, by)
    }),
    (
        "begins-one-early",
        "each sequence begins one key early: the last key of the one before is its first",
        |batch, h, head| {
            let own = batch.keys(head.batch);
            // One that begins at the first key, too.
            let by = -i64::from(batch.problem.mask.align == Align::TopLeft);
            batch.with_keys(h, head, own.start.checked_sub(1)?..own.end, by)
        },
    ),
];
