//! Pages of K and V, as KV caches keep them (vLLM; flash-attn's `block_table`): which keys lie in which page of a pool. A run
//! computes on the keys in order; what the table adds is where each block comes from, and the reads of the table itself.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{Mask, ProblemError};
use crate::sentence::Sentence;

/// Which pages of the pool each sequence has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Pages {
    /// Pages in the pool.
    pub pool: usize,
    /// Keys of a page.
    pub size: usize,
    /// Of each batch entry, the numbers of its pages in the order of its keys; as far as it has any.
    pub table: Vec<Vec<usize>>,
    /// Entries of a row of the table: pages that the longest sequence has room for.
    pub width: usize,
}

impl Pages {
    /// Bytes of an entry of the table: an int32.
    pub const ENTRY_BYTES: u64 = 4;

    /// Keys that the pages of a batch entry hold.
    fn keys(&self, batch: usize) -> usize {
        self.table.get(batch).map_or(0, |pages| pages.len() * self.size)
    }

    /// The keys of each batch entry, where some have fewer pages than others.
    pub(super) fn lengths(&self) -> Option<Vec<usize>> {
        let lengths: Vec<usize> = (0..self.table.len()).map(|batch| self.keys(batch)).collect();
        lengths.iter().any(|&keys| keys != self.width * self.size).then_some(lengths)
    }

    /// Errors where `mask` on `n_k` keys would show a query what lies in no page.
    pub fn check(&self, n_k: usize, mask: &Mask) -> Result<(), ProblemError> {
        let seen = |batch: usize| mask.key_lengths.as_ref().and_then(|all| all.get(batch)).map_or(n_k, |&keys| keys);
        match (0..self.table.len()).find(|&batch| seen(batch).min(n_k) > self.keys(batch)) {
            Some(batch) => {
                let need = "the pages of batch entry {0} hold {1} {1|key|keys}, and {2} would be seen: give it no larger \
                    key length";
                let need = Sentence::new(need).with(batch).with(self.keys(batch)).with(seen(batch));
                Err(ProblemError::Packed(need))
            }
            None => Ok(()),
        }
    }

    /// The keys, counted from the first of their sequence, that a row of the table has entries for.
    fn with_entries(&self, keys: Range<usize>) -> Range<usize> {
        keys.start..keys.end.min(self.width.saturating_mul(self.size))
    }

    /// Entries of the table that a load of each of these blocks reads: as many as pages that its keys lie in. `keys` are
    /// those of blocks one after the other, of `block` keys but for the last, counted from the first of their sequence.
    ///
    /// Each block has one entry, and one more for each page that begins inside it: of the pages that begin among `keys`,
    /// all but those that begin where a block does.
    pub fn entries(&self, keys: Range<usize>, block: usize) -> u64 {
        let Range { start, end } = self.with_entries(keys);
        if start >= end {
            return 0;
        }
        let begin = |size: usize| (end - 1) / size - start / size;
        let common = (self.size / greatest_common_divisor(self.size, block)).checked_mul(block);
        ((end - start).div_ceil(block) + begin(self.size) - common.map_or(0, begin)) as u64
    }

    /// The pages of a batch entry that `keys` lie in, in order; `None` for an entry of the table that names no page.
    pub fn of(&self, batch: usize, keys: Range<usize>) -> Vec<Option<usize>> {
        let Range { start, end } = self.with_entries(keys);
        let pages = self.table.get(batch).map_or(&[][..], Vec::as_slice);
        (start / self.size..end.div_ceil(self.size)).filter(|_| start < end).map(|at| pages.get(at).copied()).collect()
    }

    /// In a clause.
    pub(super) fn sentence(&self) -> Sentence {
        let said = "K and V from {0} {0|page|pages} of {1} {1|key|keys}, by a block table";
        Sentence::new(said).with(self.pool).with(self.size)
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Page by page and key by key, for every size of page and block.
    #[test]
    fn entries_are_the_pages_that_each_block_lies_in() {
        for (size, block, width) in (1..8).flat_map(|a| (1..8).flat_map(move |b| (1..5).map(move |c| (a, b, c)))) {
            let pages = Pages { pool: 9, size, table: vec![(0..width - 1).collect()], width };
            // A few keys may lie beyond the table.
            let n_k = width * size + 2;
            for (first, last) in (0..n_k.div_ceil(block)).flat_map(|a| (a..n_k.div_ceil(block)).map(move |b| (a, b))) {
                let keys = |j: usize| j * block..((j + 1) * block).min(n_k);
                let pages_of = |j: usize| {
                    let mut met: Vec<usize> = keys(j).map(|key| key / size).filter(|&page| page < width).collect();
                    met.dedup();
                    met
                };
                let wanted: u64 = (first..=last).map(|j| pages_of(j).len() as u64).sum();
                assert_eq!(pages.entries(keys(first).start..keys(last).end, block), wanted, "{size}, {block}, {width}");
                let named: Vec<_> = pages_of(first).into_iter().map(|at| (at < width - 1).then_some(at)).collect();
                assert_eq!(pages.of(0, keys(first)), named, "{size}, {block}, {width}");
            }
        }
    }
}
