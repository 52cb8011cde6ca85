//! Indices in rising runs: what a query sees of the keys, and what sees a key of the queries. Tested with the masks that they
//! come from (`band.rs`).

use std::ops::Range;
use std::slice;

/// Indices in rising runs, none of which is empty and between which there are gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// One run, or none where it is empty: what most masks leave, without a list.
    One(Range<usize>),
    Many(Vec<Range<usize>>),
}

impl Runs {
    pub const NONE: Self = Self::One(0..0);

    /// Of runs in any order, which may meet, overlap and be empty.
    pub fn of(mut runs: Vec<Range<usize>>) -> Self {
        runs.retain(|run| !run.is_empty());
        runs.sort_unstable_by_key(|run| run.start);
        runs.dedup_by(|next, run| {
            let meets = next.start <= run.end;
            if meets {
                run.end = run.end.max(next.end);
            }
            meets
        });
        match &runs[..] {
            [] => Self::NONE,
            [run] => Self::One(run.clone()),
            _ => Self::Many(runs),
        }
    }

    pub fn as_slice(&self) -> &[Range<usize>] {
        match self {
            Self::One(run) if run.is_empty() => &[],
            Self::One(run) => slice::from_ref(run),
            Self::Many(runs) => runs,
        }
    }

    pub fn into_vec(self) -> Vec<Range<usize>> {
        match self {
            Self::One(run) if run.is_empty() => Vec::new(),
            Self::One(run) => vec![run],
            Self::Many(runs) => runs,
        }
    }

    /// Indices in all runs.
    pub fn len(&self) -> usize {
        self.as_slice().iter().map(Range::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    #[inline]
    pub fn contains(&self, index: usize) -> bool {
        match self {
            Self::One(run) => run.contains(&index),
            Self::Many(runs) => {
                let at = runs.partition_point(|run| run.end <= index);
                runs.get(at).is_some_and(|run| run.start <= index)
            }
        }
    }

    /// From the first index to the last.
    pub fn hull(&self) -> Range<usize> {
        match self.as_slice() {
            [] => 0..0,
            [first, .., last] => first.start..last.end,
            [run] => run.clone(),
        }
    }

    pub fn indices(&self) -> impl DoubleEndedIterator<Item = usize> + '_ {
        self.as_slice().iter().cloned().flatten()
    }

    /// What of `within` is in no run, in rising order; some of it may be empty.
    pub fn gaps(&self, within: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
        let clamp = move |index: usize| index.clamp(within.start, within.end);
        let runs = self.as_slice();
        (0..=runs.len()).map(move |n| {
            let start = if n == 0 { within.start } else { clamp(runs[n - 1].end) };
            let end = runs.get(n).map_or(within.end, |run| clamp(run.start));
            start..end
        })
    }
}

/// What is in both lists of rising runs.
pub(super) fn common(a: &[Range<usize>], b: &[Range<usize>]) -> Runs {
    let mut both = Vec::new();
    for run in a {
        let first = b.partition_point(|other| other.end <= run.start);
        let met = b[first..].iter().take_while(|other| other.start < run.end);
        both.extend(met.map(|other| run.start.max(other.start)..run.end.min(other.end)));
    }
    Runs::of(both)
}
