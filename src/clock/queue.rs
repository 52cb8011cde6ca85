//! Thread blocks over slots: a block that ends frees its slot for the next of the queue, as the hardware's own scheduler
//! hands them out.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// The order in which blocks are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As the grid numbers them.
    #[default]
    InOrder,
    Reversed,
    LongestFirst,
}

impl Order {
    pub const ALL: [Order; 3] = [Order::InOrder, Order::Reversed, Order::LongestFirst];

    pub fn name(self) -> &'static str {
        match self {
            Order::InOrder => "in-order",
            Order::Reversed => "reversed",
            Order::LongestFirst => "longest-first",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.name() == name)
    }

    /// The blocks of these durations, by their numbers.
    fn of(self, durations: &[f64]) -> Vec<usize> {
        let mut blocks: Vec<usize> = (0..durations.len()).collect();
        match self {
            Order::InOrder => {}
            Order::Reversed => blocks.reverse(),
            Order::LongestFirst => blocks.sort_by(|&a, &b| durations[b].total_cmp(&durations[a])),
        }
        blocks
    }

    /// The first `most` blocks of a grid that has `copies` of blocks of these durations, one set behind the other.
    pub(super) fn of_copies(self, durations: &[f64], copies: usize, most: usize) -> Vec<usize> {
        let (each, all) = (durations.len(), durations.len() * copies);
        match self {
            Order::InOrder => (0..all.min(most)).collect(),
            Order::Reversed => (all - all.min(most)..all).rev().collect(),
            Order::LongestFirst => {
                let by_length = self.of(durations).into_iter();
                by_length.flat_map(|block| (0..copies).map(move |copy| copy * each + block)).take(most).collect()
            }
        }
    }
}

/// A block in its slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slotted {
    /// Its number in the grid.
    pub block: usize,
    pub slot: usize,
    pub start: f64,
    pub end: f64,
}

/// A slot that is free from some time on. The earliest comes first; of several, the one with the lowest number.
#[derive(PartialEq)]
struct Free(f64, usize);

impl Eq for Free {}

impl Ord for Free {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Free {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Calls `visit` with every block in the order in which they start.
fn each(durations: &[f64], order: Order, slots: usize, mut visit: impl FnMut(Slotted)) {
    // More slots than blocks stay empty.
    let mut free: BinaryHeap<Reverse<Free>> =
        (0..slots.min(durations.len())).map(|slot| Reverse(Free(0.0, slot))).collect();
    for block in order.of(durations) {
        let Some(Reverse(Free(start, slot))) = free.pop() else { return };
        let end = start + durations[block];
        visit(Slotted { block, slot, start, end });
        free.push(Reverse(Free(end, slot)));
    }
}

/// Every block in its slot, in the order in which they start; none where there is no slot.
pub fn place(durations: &[f64], order: Order, slots: usize) -> Vec<Slotted> {
    let mut placed = Vec::with_capacity(durations.len());
    each(durations, order, slots, |block| placed.push(block));
    placed
}

/// When the last block ends; infinite where there are blocks and no slot.
pub fn makespan(durations: &[f64], order: Order, slots: usize) -> f64 {
    if slots == 0 && !durations.is_empty() {
        return f64::INFINITY;
    }
    let mut last = 0.0;
    each(durations, order, slots, |block| last = f64::max(last, block.end));
    last
}

/// Times that `blocks` fill `slots`; the last time perhaps in part. `None` where there is no slot.
pub fn waves(blocks: u64, slots: u64) -> Option<f64> {
    (slots > 0).then(|| blocks as f64 / slots as f64)
}

/// The share of slots at work, on average, while `blocks` that take equally long run: the last wave takes as long as a full
/// one.
pub fn share_of_waves(blocks: u64, slots: u64) -> Option<f64> {
    let waves = waves(blocks, slots)?;
    Some(if blocks == 0 { 0.0 } else { waves / waves.ceil() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn causal(blocks: u32) -> Vec<f64> {
        (1..=blocks).map(f64::from).collect()
    }

    /// Blocks of 1 to 8 tiles on four SMs. In order: 1, 5 | 2, 6 | 3, 7 | 4, 8. Longest first: 8, 1 | 7, 2 | 6, 3 | 5, 4.
    #[test]
    fn causal_blocks_in_three_orders() {
        let spans = |blocks| Order::ALL.map(|order| makespan(&causal(blocks), order, 4));
        assert_eq!(spans(8), [12.0, 9.0, 9.0]);
        // 4 + 8 + 12 + 16; a quarter of 136.
        assert_eq!(spans(16), [40.0, 34.0, 34.0]);
        let placed = place(&causal(8), Order::InOrder, 4);
        let of = |slot| placed.iter().filter(|p| p.slot == slot).map(|p| p.block).collect::<Vec<_>>();
        assert_eq!((0..4).map(of).collect::<Vec<_>>(), [[0, 4], [1, 5], [2, 6], [3, 7]]);
    }

    /// FlashAttention's grid of batch x heads on 108 SMs, and FlashAttention-2's of query blocks as well.
    #[test]
    fn waves_and_their_tails() {
        let share = |blocks| (100.0 * share_of_waves(blocks, 108).expect("slots")).round();
        // 1 x 12 heads; times four query blocks of 128 rows at 512 tokens.
        assert_eq!([share(12), share(48)], [11.0, 44.0]);
        // 64 x 16, 1024 tokens: 9.5 and 75.9 waves.
        assert_eq!([share(1024), share(8192)], [95.0, 100.0]);
        // 8 x 16: 1.19 waves.
        assert_eq!([share(128), share(1024)], [59.0, 95.0]);
        assert_eq!((waves(128, 108).map(|w| (100.0 * w).round()), waves(1, 0)), (Some(119.0), None));
        assert_eq!(share_of_waves(0, 4), Some(0.0));
    }

    #[test]
    fn nothing_is_placed_where_there_is_no_slot() {
        assert_eq!((makespan(&[1.0], Order::InOrder, 0), makespan(&[], Order::InOrder, 0)), (f64::INFINITY, 0.0));
        assert!(place(&[1.0], Order::InOrder, 0).is_empty());
    }

    proptest! {
        /// Any order keeps to Graham's bounds (1969): no less than the mean load and the longest block, and at most the mean
        /// load and one block more; every block runs once, and no two at once in a slot.
        #[test]
        fn any_order_is_within_grahams_bounds(tiles in prop::collection::vec(1u32..50, 1..60), slots in 1usize..12) {
            let durations: Vec<f64> = tiles.iter().map(|&tiles| f64::from(tiles)).collect();
            let (sum, longest) = (durations.iter().sum::<f64>(), durations.iter().copied().fold(0.0, f64::max));
            for order in Order::ALL {
                let span = makespan(&durations, order, slots);
                prop_assert!(span >= (sum / slots as f64).max(longest));
                prop_assert!(span <= sum / slots as f64 + longest);
                let mut placed = place(&durations, order, slots);
                prop_assert_eq!(placed.iter().map(|p| p.end).fold(0.0, f64::max), span);
                placed.sort_by(|a, b| a.slot.cmp(&b.slot).then(a.start.total_cmp(&b.start)));
                prop_assert!(placed.windows(2).all(|p| p[0].slot != p[1].slot || p[0].end <= p[1].start));
                let mut blocks: Vec<usize> = placed.iter().map(|p| p.block).collect();
                blocks.sort_unstable();
                prop_assert_eq!(blocks, (0..durations.len()).collect::<Vec<_>>());
            }
        }
    }
}
