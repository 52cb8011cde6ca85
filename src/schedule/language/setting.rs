//! What a text meets in a run: sizes and mask, splits, heads; which blocks its loops then visit.

use std::ops::Range;

use crate::attention::TileClass;
use crate::schedule::{Arrival, DropoutCost, Place, Plan};

use super::cost::Counts;
use super::text::{Line, Statement};
use super::words::{Over, Test};

/// A plan for a group of query heads that share one key/value head.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub plan: Plan,
    /// Parts that the key blocks are cut into; some are empty where there are more parts than blocks.
    pub splits: usize,
    pub heads: usize,
    /// Of the thread blocks of a kernel that adds to what is in HBM.
    pub arrival: Arrival,
}

impl Setting {
    /// One head, no splits.
    pub fn new(plan: Plan) -> Self {
        Self { plan, splits: 1, heads: 1, arrival: Arrival::InOrder }
    }

    /// The place of a query head among those of its group.
    pub fn picked(&self, head: usize) -> usize {
        head % self.heads.max(1)
    }

    /// The runs of blocks that a loop visits from `place`.
    pub fn runs(&self, over: Over, place: Place) -> Vec<Range<usize>> {
        let plan = &self.plan;
        match over {
            Over::QueryBlocks => not_empty(place.j().map_or(0..plan.t_r(), |j| plan.query_blocks_beside(j))),
            Over::KeyBlocks => not_empty(place.i().map_or(0..plan.t_c(), |i| plan.key_blocks_beside(i))),
            Over::Splits => not_empty(0..self.splits),
            Over::Heads => not_empty(0..self.heads),
            Over::QueryBlocksThatSee => place.j().map_or(Vec::new(), |j| self.query_runs(j)),
            Over::KeyBlocksSeen => place.i().map_or(Vec::new(), |i| self.key_runs(i)),
            Over::KeyBlocksOfSplit => match (place.i(), place.s()) {
                (Some(i), Some(s)) => not_empty(self.split(i, s)),
                (None, Some(s)) => self.split_of_all(s),
                (_, None) => Vec::new(),
            },
            Over::KeyBlocksOfSplitSeen => match (place.i(), place.s()) {
                (Some(i), Some(s)) => within(self.key_runs(i), &self.split(i, s)),
                _ => Vec::new(),
            },
            Over::KeyBlocksSomeQuerySees => {
                let beside = place.i().map_or(0..plan.t_c(), |i| plan.key_blocks_beside(i));
                let seen = beside.filter(|&j| !self.query_runs(j).is_empty());
                joined(seen)
            }
        }
    }

    /// Key blocks that query block `i` sees, in rising runs without gaps between them.
    pub fn key_runs(&self, i: usize) -> Vec<Range<usize>> {
        self.plan.visible_key_blocks(i).into_vec()
    }

    /// Query blocks that see key block `j`.
    pub fn query_runs(&self, j: usize) -> Vec<Range<usize>> {
        self.plan.visible_query_blocks(j).into_vec()
    }

    /// Key blocks of a split beside query block `i`: each sequence has splits of its own.
    pub fn split(&self, i: usize, s: usize) -> Range<usize> {
        self.split_of(&self.plan.key_blocks_beside(i), s)
    }

    /// The same of every sequence.
    pub(super) fn split_of_all(&self, s: usize) -> Vec<Range<usize>> {
        let of_each = self.plan.key_blocks_by_sequence().into_iter().map(|blocks| self.split_of(&blocks, s));
        of_each.filter(|split| !split.is_empty()).collect()
    }

    fn split_of(&self, blocks: &Range<usize>, s: usize) -> Range<usize> {
        let each = self.blocks_of_split(blocks);
        let at = |s: usize| blocks.start.saturating_add(s.saturating_mul(each)).min(blocks.end);
        at(s)..at(s + 1)
    }

    /// How many of the key blocks of a sequence a split has that is full.
    pub(super) fn blocks_of_split(&self, blocks: &Range<usize>) -> usize {
        blocks.len().div_ceil(self.splits.max(1))
    }

    /// Whether a condition holds at `place`.
    pub fn holds(&self, test: Test, place: Place) -> bool {
        match test {
            Test::Full => self.class(place) == Some(TileClass::Full),
            Test::Seen => match (place.i(), place.j(), place.s()) {
                (Some(_), Some(_), _) => self.class(place) != Some(TileClass::Skipped),
                (Some(i), None, Some(s)) => !within(self.key_runs(i), &self.split(i, s)).is_empty(),
                (Some(i), None, None) => !self.key_runs(i).is_empty(),
                (None, Some(j), _) => !self.query_runs(j).is_empty(),
                (None, None, _) => true,
            },
            _ => self.of_run(test),
        }
    }

    /// Whether a condition that does not depend on the place holds.
    pub fn of_run(&self, test: Test) -> bool {
        let plan = &self.plan;
        match test {
            Test::Bias => plan.bias,
            Test::Softcap => plan.softcap,
            Test::Alibi => plan.alibi,
            Test::Sinks => plan.sinks,
            Test::Dropout => plan.dropout != DropoutCost::None,
            Test::KeepGiven => plan.dropout == DropoutCost::Materialised,
            Test::Causal => plan.band.right <= 0 && plan.band.prefix == 0,
            Test::Full | Test::Seen => false,
        }
    }

    fn class(&self, place: Place) -> Option<TileClass> {
        Some(self.plan.class(place.i()?, place.j()?))
    }

    /// The statements of `line` that are carried out at `place`, as bits; no step where there are none.
    pub fn held(&self, line: &Line, place: Place) -> u32 {
        self.held_where(line, |test| self.holds(test, place))
    }

    /// The statements that are carried out at some place of the run, as bits.
    pub fn held_in_run(&self, line: &Line) -> u32 {
        let may_hold = |&(test, wanted): &(Test, bool)| test.is_of_place() || self.of_run(test) == wanted;
        let statements = line.statements.iter().enumerate();
        statements.filter(|(_, s)| s.conditions.iter().all(may_hold)).fold(0, |held, (n, _)| held | 1 << n)
    }

    /// The same, for a place of which only its conditions are known.
    pub(super) fn held_where(&self, line: &Line, holds: impl Fn(Test) -> bool) -> u32 {
        let all = |statement: &Statement| statement.conditions.iter().all(|&(test, wanted)| holds(test) == wanted);
        let bits = line.statements.iter().enumerate().map(|(n, statement)| u32::from(all(statement)) << n);
        bits.fold(0, |bits, bit| bits | bit)
    }

    /// Pairs, queries and keys of a place; an axis that it does not stand on counts whole, of its sequence.
    pub fn counts(&self, place: Place) -> Counts {
        self.plan.counts_at(place)
    }
}

fn not_empty(run: Range<usize>) -> Vec<Range<usize>> {
    if run.is_empty() { Vec::new() } else { vec![run] }
}

/// The parts of `runs` inside `bounds`.
fn within(runs: Vec<Range<usize>>, bounds: &Range<usize>) -> Vec<Range<usize>> {
    let cut = |run: Range<usize>| run.start.max(bounds.start)..run.end.min(bounds.end);
    runs.into_iter().map(cut).filter(|run| !run.is_empty()).collect()
}

/// Rising indices as runs.
fn joined(indices: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for index in indices {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::Tiling;

    /// Every key block is in one split, however many there are.
    #[test]
    fn splits_are_a_partition() {
        for (n_k, splits) in [(1, 1), (1, 7), (10, 3), (9, 9), (23, 4), (7, 40)] {
            let setting =
                Setting { splits, ..Setting::new(Plan::new(3, n_k, 1, Tiling { br: 2, bc: 1 }, Precision::F32)) };
            let blocks: Vec<usize> = (0..splits).flat_map(|s| setting.split(0, s)).collect();
            assert_eq!(blocks, (0..n_k).collect::<Vec<_>>(), "{n_k} in {splits}");
        }
    }

    #[test]
    fn runs_are_cut_and_joined() {
        assert_eq!(within(vec![0..3, 5..9], &(2..6)), [2..3, 5..6]);
        assert!(within(vec![0..3, 7..8], &(3..6)).is_empty());
        assert_eq!(joined([1, 2, 4, 7, 8].into_iter()), [1..3, 4..5, 7..9]);
    }
}
