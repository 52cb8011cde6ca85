//! Where the blocks of an axis of several sequences begin: anew at each, so that none is of two.

use std::ops::Range;

use crate::attention::sequences;

/// An axis of sequences cut into blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Indices of a block that is whole.
    size: usize,
    /// First index of each sequence, then the end of the last.
    starts: Vec<usize>,
    /// First block of each, then the end of the last.
    first: Vec<usize>,
}

impl Cut {
    pub fn new(starts: &[usize], size: usize) -> Self {
        let ends = starts.windows(2).scan(0, |end, own| {
            *end += (own[1] - own[0]).div_ceil(size);
            Some(*end)
        });
        Self { size, starts: starts.to_vec(), first: std::iter::once(0).chain(ends).collect() }
    }

    /// Blocks in all.
    pub fn blocks(&self) -> usize {
        self.first.last().copied().unwrap_or(0)
    }

    /// The indices of a block; none, at the end, for any beyond the last.
    pub fn block(&self, block: usize) -> Range<usize> {
        let n = self.sequence_of(block);
        let [start, end] = [self.starts[n], self.starts[n + 1]];
        let first = start.saturating_add((block - self.first[n]).saturating_mul(self.size)).min(end);
        first..first.saturating_add(self.size).min(end)
    }

    /// The block that an index is in.
    pub fn block_of(&self, index: usize) -> usize {
        let n = sequences::of(&self.starts, index);
        self.first[n] + (index - self.starts[n]) / self.size
    }

    /// The sequence that a block is of.
    pub fn sequence_of(&self, block: usize) -> usize {
        sequences::of(&self.first, block)
    }

    /// The indices of a sequence.
    pub fn indices(&self, sequence: usize) -> Range<usize> {
        self.starts[sequence]..self.starts[sequence + 1]
    }

    /// The blocks of a sequence.
    pub fn blocks_of(&self, sequence: usize) -> Range<usize> {
        self.first[sequence]..self.first[sequence + 1]
    }

    /// Indices of the longest sequence.
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|own| own[1] - own[0]).max().unwrap_or(0)
    }
}

/// Both axes of a plan of several sequences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cuts {
    pub queries: Cut,
    pub keys: Cut,
}
