//! What one expression may cost, so that none can hang: about a second of multiplications.

use std::cell::Cell;

use crate::sentence::Sentence;

/// Multiplications that are left to one expression.
pub struct Budget(Cell<u64>);

/// Of one expression.
const MOST: u64 = 1 << 28;

/// What looking at one part of an expression costs, in multiplications: a list has no more than a million numbers.
pub(super) const OF_A_PART: u64 = 256;

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl Budget {
    /// Takes `cost` off it. Errors where that is not left.
    pub fn spend(&self, cost: u64) -> Result<(), Sentence> {
        let left = self.0.get().checked_sub(cost);
        self.0.set(left.unwrap_or(0));
        left.map(drop)
            .ok_or_else(|| "this expression is too much work; ask for fewer rows, or for shorter lists".into())
    }

    /// The same for a list of so many numbers, which takes room as well.
    pub fn spend_list(&self, length: usize) -> Result<(), Sentence> {
        self.spend((length as u64).saturating_mul(OF_A_PART))
    }
}
