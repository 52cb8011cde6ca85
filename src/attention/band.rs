//! Which keys a query sees, of one batch entry, and the exact classes of tiles that follow.
//!
//! What rows see is a list of runs of keys: one for causal masks and windows, more with sink keys, a prefix or documents.
//! Nothing here visits pairs: each answer takes as many steps as it has runs, or as rows have documents. Where an array of
//! the input has its say, each row is asked.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::mask::Mask;
use super::pairs::{Heads, PairsOfHeads};
use super::runs::{Runs, common};
use super::sequences::Sequences;
use super::shape::Shape;

/// Stands for "no bound"; far from overflow when added to an index.
pub const UNBOUNDED: i64 = i64::MAX / 4;

/// The mask of one batch entry. With `distance = j - i - offset`, query `i` sees key `j` iff the key exists
/// (`padding <= j < kv`), both are of one document, and one of these holds: `-left <= distance <= right`; it is a sink
/// (`j < sinks`) and `distance <= right`; it is of the prefix (`j < prefix`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    pub n_q: usize,
    pub n_k: usize,
    pub offset: i64,
    pub left: i64,
    pub right: i64,
    pub kv: usize,
    /// Keys before it do not exist.
    pub padding: usize,
    pub prefix: usize,
    pub sinks: usize,
    /// Where each document ends, of as many queries as keys.
    pub documents: Option<Arc<[usize]>>,
    /// What an array leaves of all this, of the rows where queries are several each.
    pub array: Option<PairsOfHeads>,
    /// ALiBi's distance of a pair is `|i + ahead - j|`.
    pub ahead: i64,
    /// Sequences one after the other, which have masks of their own in place of all this.
    pub sequences: Option<Arc<Sequences>>,
    /// Each query is so many rows, one for each of its heads, which see what it does: the mask of the queries.
    pub packed: Option<(usize, Arc<Self>)>,
}

/// What a mask leaves of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TileClass {
    /// Every pair is visible: no mask needed.
    Full,
    /// Some pairs are visible: the mask is applied element by element.
    Partial,
    /// No pair is visible.
    Skipped,
}

impl TileClass {
    pub fn name(self) -> &'static str {
        match self {
            TileClass::Full => "full",
            TileClass::Partial => "partial",
            TileClass::Skipped => "skipped",
        }
    }
}

impl Band {
    /// Every pair visible.
    pub fn open(n_q: usize, n_k: usize) -> Self {
        Mask::default().band(&Shape::single(n_q, n_k, 1), 0)
    }

    /// Each query sees one run of keys, and each key is seen by one run of queries.
    #[inline]
    fn is_one_run(&self) -> bool {
        self.prefix == 0
            && self.sinks == 0
            && self.documents.is_none()
            && self.array.is_none()
            && self.sequences.is_none()
            && self.packed.is_none()
    }

    /// Of several heads under an array, some of them sees the key.
    pub fn keeps(&self, i: usize, j: usize) -> bool {
        self.array.as_ref().is_none_or(|pairs| pairs.keeps(i, j)) && self.keeps_by_index(i, j)
    }

    fn keeps_by_index(&self, i: usize, j: usize) -> bool {
        if let Some((heads, of)) = &self.packed {
            return of.keeps(i / heads, j);
        }
        if let Some(sequences) = &self.sequences {
            return sequences.keeps(i, j);
        }
        let distance = j as i64 - i as i64 - self.offset;
        let is_near = distance <= self.right && (-self.left <= distance || j < self.sinks);
        self.padding <= j && j < self.kv && (is_near || j < self.prefix) && self.is_one_document(i, j)
    }

    fn is_one_document(&self, i: usize, j: usize) -> bool {
        self.documents.as_ref().is_none_or(|ends| {
            let of = |token: usize| ends.partition_point(|&end| end <= token);
            of(i) == of(j) && of(i) < ends.len()
        })
    }

    /// The keys that query `i` sees.
    #[inline]
    pub fn keys_of(&self, i: usize) -> Runs {
        self.keys_of_rows(i..i + 1)
    }

    /// The keys that at least one query of `rows` sees.
    #[inline]
    pub fn keys_of_rows(&self, rows: Range<usize>) -> Runs {
        if self.is_one_run() {
            return Runs::One(self.near_keys(&rows, &(self.padding..self.kv)));
        }
        match &self.array {
            Some(_) => Runs::of(rows.flat_map(|i| self.keys_of_row(i, Heads::Some).into_vec()).collect()),
            None => self.keys_by_index(rows),
        }
    }

    /// The keys that at least one query of `rows` sees, whatever the array hides.
    fn keys_by_index(&self, rows: Range<usize>) -> Runs {
        if let Some((heads, of)) = &self.packed {
            return of.keys_of_rows(queries(&rows, *heads));
        }
        if let Some(sequences) = &self.sequences {
            return sequences.keys_of_rows(rows);
        }
        let parts = self.parts(rows);
        Runs::of(parts.flat_map(|(rows, keys)| self.keys_of_part(&rows, &keys)).collect())
    }

    /// The keys of one query, array and all.
    fn keys_of_row(&self, i: usize, by: Heads) -> Runs {
        let keys = self.keys_by_index(i..i + 1);
        self.array.as_ref().map_or(keys.clone(), |pairs| pairs.of_row(i, &keys, by))
    }

    /// The keys that every query of `rows` sees.
    pub fn keys_of_all_rows(&self, rows: Range<usize>) -> Runs {
        if self.array.is_some() {
            let each = rows.map(|i| self.keys_of_row(i, Heads::Every));
            return each.reduce(|a, b| common(a.as_slice(), b.as_slice())).unwrap_or(Runs::NONE);
        }
        if let Some(sequences) = &self.sequences {
            return sequences.keys_of_all_rows(rows);
        }
        if let Some((heads, of)) = &self.packed {
            return of.keys_of_all_rows(queries(&rows, *heads));
        }
        let mut parts = self.parts(rows);
        match (parts.next(), parts.next()) {
            // No key is of two documents.
            (Some((rows, keys)), None) => self.keys_of_whole_part(&rows, &keys),
            _ => Runs::NONE,
        }
    }

    /// The queries that see at least one key of `cols`.
    pub fn rows_of_keys(&self, cols: Range<usize>) -> Runs {
        self.rows_by(cols, Heads::Some)
    }

    fn rows_by(&self, cols: Range<usize>, by: Heads) -> Runs {
        let rows = self.rows_by_index(cols.clone());
        if self.array.is_none() {
            return rows;
        }
        let sees = |i: &usize| !common(self.keys_of_row(*i, by).as_slice(), slice::from_ref(&cols)).is_empty();
        Runs::of(rows.indices().filter(sees).map(|i| i..i + 1).collect())
    }

    /// The queries that see every key of `cols`.
    pub fn rows_of_all_keys(&self, cols: Range<usize>) -> Runs {
        let each = cols.map(|key| self.rows_by(key..key + 1, Heads::Every));
        each.reduce(|a, b| common(a.as_slice(), b.as_slice())).unwrap_or(Runs::NONE)
    }

    fn rows_by_index(&self, cols: Range<usize>) -> Runs {
        if let Some(sequences) = &self.sequences {
            return sequences.rows_of_keys(cols);
        }
        if let Some((heads, of)) = &self.packed {
            let rows = |run: Range<usize>| run.start * heads..run.end * heads;
            return Runs::of(of.rows_of_keys(cols).into_vec().into_iter().map(rows).collect());
        }
        let exist = cols.start.max(self.padding)..cols.end.min(self.kv);
        if exist.is_empty() {
            return Runs::NONE;
        }
        if self.is_one_run() {
            return Runs::One(self.near_rows(&exist, &(0..self.n_q)));
        }
        let documents = self.documents_of(exist).map(|(document, keys)| {
            let rows = if self.documents.is_some() { document } else { 0..self.n_q };
            if keys.start < self.prefix {
                return rows;
            }
            let near = self.near_rows(&keys, &rows);
            // From the first that has reached the sink on, all see it.
            let sink = keys.start as i64 - self.offset - self.right;
            if keys.start < self.sinks { between(sink, rows.end as i64, &rows) } else { near }
        });
        Runs::of(documents.collect())
    }

    /// The exact class of the tile `rows` x `cols`.
    pub fn class(&self, rows: Range<usize>, cols: Range<usize>) -> TileClass {
        if self.is_one_run() {
            return self.class_of_run(&rows, &cols);
        }
        if self.array.is_some() {
            let pairs = |by: Heads| {
                let seen = |i| common(self.keys_of_row(i, by).as_slice(), slice::from_ref(&cols)).len();
                rows.clone().map(seen).sum::<usize>()
            };
            return match (pairs(Heads::Some), pairs(Heads::Every)) {
                (0, _) => TileClass::Skipped,
                (_, all) if all == rows.len() * cols.len() => TileClass::Full,
                _ => TileClass::Partial,
            };
        }
        if let Some(sequences) = &self.sequences {
            return sequences.class(&rows, &cols);
        }
        if let Some((heads, of)) = &self.packed {
            return of.class(queries(&rows, *heads), cols);
        }
        let (mut is_seen, mut is_full) = (false, true);
        for (rows, keys) in self.parts(rows) {
            let meets = |run: &Range<usize>| run.start < cols.end && cols.start < run.end;
            is_seen |= self.keys_of_part(&rows, &keys).iter().any(|run| !run.is_empty() && meets(run));
            let whole = self.keys_of_whole_part(&rows, &keys);
            is_full &= whole.as_slice().iter().any(|run| run.start <= cols.start && cols.end <= run.end);
        }
        match (is_seen, is_full) {
            (false, _) => TileClass::Skipped,
            (true, true) => TileClass::Full,
            (true, false) => TileClass::Partial,
        }
    }

    /// The distance `j - i - offset` takes every integer between its least and its greatest value on a rectangle, so
    /// comparing those two is enough.
    fn class_of_run(&self, rows: &Range<usize>, cols: &Range<usize>) -> TileClass {
        let exist = cols.start.max(self.padding)..cols.end.min(self.kv);
        let least = exist.start as i64 - (rows.end as i64 - 1) - self.offset;
        let greatest = exist.end as i64 - 1 - rows.start as i64 - self.offset;
        if exist.is_empty() || least > self.right || greatest < -self.left {
            TileClass::Skipped
        } else if exist == *cols && greatest <= self.right && least >= -self.left {
            TileClass::Full
        } else {
            TileClass::Partial
        }
    }

    /// How far key `j` is from the diagonal in the row of query `i`, as ALiBi has it; 0 between sequences.
    #[inline]
    pub fn distance(&self, i: usize, j: usize) -> u64 {
        if let Some((heads, of)) = &self.packed {
            return of.distance(i / heads, j);
        }
        let of = |ahead: i64, i: usize, j: usize| (i as i64 + ahead - j as i64).unsigned_abs();
        match &self.sequences {
            None => of(self.ahead, i, j),
            Some(all) => all.place(i, j).map_or(0, |(n, i, j)| of(all.band(n).ahead, i, j)),
        }
    }

    /// It, or each of its sequences, with another diagonal.
    pub fn with_offset(&self, offset: impl Fn(&Self) -> i64) -> Self {
        if let Some((heads, of)) = &self.packed {
            return Self { array: self.array.clone(), ..of.with_offset(offset).packed(*heads) };
        }
        match &self.sequences {
            None => Self { offset: offset(self), ..self.clone() },
            Some(all) => {
                let moved = all.map(|band| Self { offset: offset(band), ..band.clone() });
                Self { sequences: Some(Arc::new(moved)), ..self.clone() }
            }
        }
    }

    /// It with each query as so many rows, one for each of its heads. An array is of the rows, and stands in the mask of these.
    pub fn packed(self, heads: usize) -> Self {
        Self { n_q: self.n_q * heads, packed: Some((heads, Arc::new(self.clone()))), ..self }
    }

    /// True when no pair is masked anywhere.
    pub fn is_open(&self) -> bool {
        self.class(0..self.n_q, 0..self.n_k) == TileClass::Full
    }

    /// Queries that see no key at all.
    pub fn dead_rows(&self) -> usize {
        (0..self.n_q).filter(|&i| self.keys_of(i).is_empty()).count()
    }

    /// `rows` by the documents that they are of, each with the keys of its own that exist.
    fn parts(&self, rows: Range<usize>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        self.documents_of(rows)
            .map(|(document, rows)| (rows, document.start.max(self.padding)..document.end.min(self.kv)))
    }

    /// The documents that `tokens` are of, each with those of them; without documents, one without an end.
    fn documents_of(&self, tokens: Range<usize>) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        let ends = self.documents.as_deref().unwrap_or(&[usize::MAX]);
        let first = ends.partition_point(|&end| end <= tokens.start);
        let documents = (first..ends.len()).map(|n| if n == 0 { 0 } else { ends[n - 1] }..ends[n]);
        let end = tokens.end;
        documents.take_while(move |document| document.start < end).filter_map(move |document| {
            let of = tokens.start.max(document.start)..tokens.end.min(document.end);
            (!of.is_empty()).then_some((document, of))
        })
    }

    /// Of `keys`, those near enough to some query of `rows`, which are one run.
    #[inline]
    fn near_keys(&self, rows: &Range<usize>, keys: &Range<usize>) -> Range<usize> {
        let start = rows.start as i64 + self.offset - self.left;
        let end = rows.end as i64 + self.offset + self.right;
        between(start, end, keys)
    }

    /// Of `rows`, those near enough to some key of `keys`, which are one run.
    fn near_rows(&self, keys: &Range<usize>, rows: &Range<usize>) -> Range<usize> {
        let start = keys.start as i64 - self.offset - self.right;
        let end = keys.end as i64 - self.offset + self.left;
        between(start, end, rows)
    }

    /// Of `keys`, those that some query of `rows`, of the same document, sees; the runs may meet.
    fn keys_of_part(&self, rows: &Range<usize>, keys: &Range<usize>) -> [Range<usize>; 2] {
        [self.kept_keys(rows.end - 1, keys), self.near_keys(rows, keys)]
    }

    /// Of `keys`, those that all queries of `rows`, of the same document, see.
    fn keys_of_whole_part(&self, rows: &Range<usize>, keys: &Range<usize>) -> Runs {
        let start = rows.end as i64 - 1 + self.offset - self.left;
        let end = rows.start as i64 + 1 + self.offset + self.right;
        Runs::of(vec![self.kept_keys(rows.start, keys), between(start, end, keys)])
    }

    /// Of `keys`, those of the prefix, and the sinks that query `i` has reached.
    fn kept_keys(&self, i: usize, keys: &Range<usize>) -> Range<usize> {
        let reached = i as i64 + 1 + self.offset + self.right;
        let sinks = reached.clamp(0, self.sinks as i64);
        between(0, sinks.max(self.prefix as i64), keys)
    }
}

/// The queries that these rows are of.
fn queries(rows: &Range<usize>, heads: usize) -> Range<usize> {
    rows.start / heads..rows.end.div_ceil(heads)
}

/// What of `within` lies from `start` up to `end`.
#[inline]
fn between(start: i64, end: i64, within: &Range<usize>) -> Range<usize> {
    let (start, end) = (start.max(within.start as i64), end.min(within.end as i64));
    if start < end { start as usize..end as usize } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Align, Pairs, mask::Diagonal};
    use proptest::prelude::*;

    fn bands() -> impl Strategy<Value = Band> {
        let sizes = (1usize..20, 1usize..20, any::<bool>(), -1i64..6, -1i64..6);
        let keys = (0usize..22, any::<bool>(), any::<bool>(), prop_oneof![Just(0), 0usize..6]);
        let kept = (prop_oneof![Just(0), 0usize..9], prop_oneof![Just(0), 0usize..9]);
        let documents = prop::option::of(prop::collection::vec(0usize..7, 1..6));
        let array = prop::option::of((1usize..4, any::<u64>(), any::<bool>()));
        let heads = prop_oneof![2 => Just(None), 1 => (1usize..5).prop_map(Some)];
        (sizes, keys, kept, documents, (array, heads)).prop_map(
            |(sizes, keys, (prefix_keys, sink_keys), documents, more)| {
                let (array, heads) = more;
                let ((n_q, n_k, top_left, left, right), (kv, causal, moves, padding)) = (sizes, keys);
                let mut n = (n_q, n_k);
                // Documents are of as many queries as keys.
                let sum = documents.iter().flatten().sum::<usize>();
                let documents = documents.filter(|_| sum > 0).inspect(|_| n = (sum, sum));
                let mask = Mask {
                    causal,
                    align: if top_left { Align::TopLeft } else { Align::BottomRight },
                    window_left: usize::try_from(left).ok(),
                    window_right: usize::try_from(right).ok(),
                    key_lengths: Some(vec![kv.min(n.1)]),
                    diagonal: if moves { Diagonal::Lengths } else { Diagonal::Whole },
                    left_padding: Some(vec![padding.min(n.1)]),
                    prefix_keys,
                    sink_keys,
                    documents,
                    sequences: None,
                    varlen: None,
                    heads_as_rows: None,
                    array: array.and_then(|(share, seed, is_one_row)| {
                        // Hashed: a pair is hidden by its place and the seed.
                        let hides = |h: usize, i: usize, j: usize| {
                            (seed.rotate_left(h as u32 * 17) >> ((i * 7 + j * 3) % 61)) % 4 < share as u64
                        };
                        let rows = if is_one_row { 1 } else { n.0 };
                        let value = |h, i, j| if hides(h, i, j) { f64::NEG_INFINITY } else { 0.5 };
                        let size = (1, heads.unwrap_or(2), rows, n.1);
                        let bias = ndarray::Array4::from_shape_fn(size, |(_, h, i, j)| value(h, i, j));
                        Pairs::of_bias(&bias, n.1).map(Arc::new)
                    }),
                };
                mask.check(&Shape::single(n.0, n.1, 1)).unwrap();
                let of_head = |head: usize| mask.band_of(&Shape::single(n.0, n.1, 1), 0, head..head + 1);
                let Some(heads) = heads else { return of_head(kv % 2) };
                let array = mask.array.as_ref().map(|pairs| Arc::new(pairs.packed(heads, n.0)));
                let of_rows = Mask { heads_as_rows: Some(heads), array, ..mask.clone() };
                let packed = of_rows.band(&Shape::single(n.0 * heads, n.1, 1), 0);
                let own: Vec<Band> = (0..heads).map(of_head).collect();
                for (row, j) in (0..packed.n_q).flat_map(|row| (0..n.1).map(move |j| (row, j))) {
                    assert_eq!(packed.keeps(row, j), own[row % heads].keeps(row / heads, j));
                    assert_eq!(packed.distance(row, j), own[row % heads].distance(row / heads, j));
                }
                packed
            },
        )
    }

    fn indices(runs: &Runs) -> Vec<usize> {
        let slice = runs.as_slice();
        assert!(slice.iter().all(|run| !run.is_empty()) && slice.windows(2).all(|two| two[0].end < two[1].start));
        runs.indices().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn class_counts_the_pairs(band in bands(), r0 in 0usize..30, r in 1usize..9, c0 in 0usize..30, c in 1usize..9) {
            let (r0, c0) = (r0 % band.n_q, c0 % band.n_k);
            let (rows, cols) = (r0..(r0 + r).min(band.n_q), c0..(c0 + c).min(band.n_k));
            let kept = rows.clone().map(|i| cols.clone().filter(|&j| band.keeps(i, j)).count()).sum::<usize>();
            let expected = match kept {
                0 => TileClass::Skipped,
                n if n == rows.len() * cols.len() => TileClass::Full,
                _ => TileClass::Partial,
            };
            prop_assert_eq!(band.class(rows, cols), expected);
        }

        #[test]
        fn runs_are_the_kept_keys_and_rows(band in bands(), r0 in 0usize..30, r in 1usize..9) {
            let r0 = r0 % band.n_q;
            let rows = r0..(r0 + r).min(band.n_q);
            let cols = r0 % band.n_k..(r0 % band.n_k + r).min(band.n_k);
            let some: Vec<usize> = (0..band.n_k).filter(|&j| rows.clone().any(|i| band.keeps(i, j))).collect();
            let all: Vec<usize> = (0..band.n_k).filter(|&j| rows.clone().all(|i| band.keeps(i, j))).collect();
            let see: Vec<usize> = (0..band.n_q).filter(|&i| cols.clone().any(|j| band.keeps(i, j))).collect();
            prop_assert_eq!(some, indices(&band.keys_of_rows(rows.clone())));
            prop_assert_eq!(all, indices(&band.keys_of_all_rows(rows)));
            prop_assert_eq!(see, indices(&band.rows_of_keys(cols)));
            for i in 0..band.n_q {
                let kept: Vec<usize> = (0..band.n_k).filter(|&j| band.keeps(i, j)).collect();
                let keys = band.keys_of(i);
                prop_assert!((0..band.n_k).all(|j| keys.contains(j) == band.keeps(i, j)));
                let gaps: Vec<usize> = keys.gaps(0..band.n_k).flatten().collect();
                prop_assert_eq!(gaps, (0..band.n_k).filter(|&j| !band.keeps(i, j)).collect::<Vec<_>>());
                prop_assert_eq!(keys.hull(), kept.first().map_or(0..0, |first| *first..kept[kept.len() - 1] + 1));
                prop_assert_eq!(kept, indices(&keys));
            }
        }
    }

    /// Of several heads a tile is skipped where none of them sees anything of it, and full where each sees all.
    #[test]
    fn a_tile_of_several_heads_is_that_of_all() {
        let (heads, n_q, n_k) = (3, 11, 13);
        let sees = |h: usize, i: usize, j: usize| !(i / 3 + j / 4 + h).is_multiple_of(4) && (h != 1 || j != 6);
        let value = |(_, h, i, j)| if sees(h, i, j) { 0.0 } else { f64::NEG_INFINITY };
        let bias = ndarray::Array4::from_shape_fn((1, heads, n_q, n_k), value);
        let pairs = Pairs::of_bias(&bias, n_k).expect("it hides some");
        assert!(pairs.differ_by_head());
        let mask = Mask { causal: true, array: Some(Arc::new(pairs)), ..Mask::default() };
        let shape = Shape { heads, ..Shape::single(n_q, n_k, 1) };
        for of in [0..1, 1..2, 0..2, 1..3, 0..3] {
            let band = mask.band_of(&shape, 0, of.clone());
            let keeps = |h: usize, i: usize, j: usize| j <= i + n_k - n_q && sees(h, i, j);
            let mut classes = std::collections::HashSet::new();
            for (r0, c0) in (0..n_q).step_by(2).flat_map(|r0| (0..n_k).step_by(3).map(move |c0| (r0, c0))) {
                let (rows, cols) = (r0..(r0 + 2).min(n_q), c0..(c0 + 3).min(n_k));
                let pairs = || of.clone().flat_map(|h| rows.clone().flat_map(move |i| [(h, i)]));
                let kept = pairs().map(|(h, i)| cols.clone().filter(|&j| keeps(h, i, j)).count()).sum::<usize>();
                let expected = match kept {
                    0 => TileClass::Skipped,
                    n if n == of.len() * rows.len() * cols.len() => TileClass::Full,
                    _ => TileClass::Partial,
                };
                let class = band.class(rows.clone(), cols.clone());
                assert_eq!(class, expected, "{of:?}, {rows:?} x {cols:?}");
                classes.insert(class.name());
                let whole = |runs: Runs, of: &Range<usize>| of.clone().all(|index| runs.contains(index));
                let is_full = class == TileClass::Full;
                assert_eq!(whole(band.keys_of_all_rows(rows.clone()), &cols), is_full);
                assert_eq!(whole(band.rows_of_all_keys(cols.clone()), &rows), is_full);
                let some = common(band.keys_of_rows(rows.clone()).as_slice(), slice::from_ref(&cols));
                assert_eq!(some.is_empty(), class == TileClass::Skipped);
            }
            assert_eq!(classes.len(), 3, "{of:?}");
        }
    }

    #[test]
    fn both_alignments_of_a_causal_mask() {
        let shape = Shape::single(5, 2, 1);
        let seen = |align| {
            let band = Mask { causal: true, align, ..Mask::default() }.band(&shape, 0);
            (0..5).map(|i| band.keys_of(i).len()).collect::<Vec<_>>()
        };
        assert_eq!(seen(Align::BottomRight), [0, 0, 0, 1, 2]);
        assert_eq!(seen(Align::TopLeft), [1, 2, 2, 2, 2]);
    }
}
