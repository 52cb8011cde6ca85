//! Which keys each query sees by an array of an input: booleans, or -inf among what is added to the scores. The array is
//! data and moves; from these runs the classes of its tiles are as exact as those of masks of indices.

use std::ops::Range;
use std::sync::Arc;

use ndarray::{Array4, ArrayView1, ArrayView2, ArrayView3};

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
}

/// Runs of keys of each query, or of all queries alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(Vec<Vec<Range<usize>>>);

impl Rows {
    fn row(&self, i: usize) -> &[Range<usize>] {
        &self.0[if self.0.len() == 1 { 0 } else { i }]
    }

    /// Of each query, or of all alike.
    pub fn as_slice(&self) -> &[Vec<Range<usize>>] {
        &self.0
    }

    /// Each row with that of `other`, of the same input.
    fn with(&self, other: &Self, both: impl Fn(&[Range<usize>], &[Range<usize>]) -> Runs) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| both(a, b).into_vec()).collect())
    }
}

/// Runs of keys by batch entry, head and query; one batch entry or head stands for all where the array has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs {
    entries: Vec<Vec<Arc<Rows>>>,
}

/// What the heads of one schedule see of a batch entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairsOfHeads {
    /// What at least one of them sees.
    pub some: Arc<Rows>,
    /// What all of them see: the same, of one head.
    pub every: Arc<Rows>,
}

impl Pairs {
    /// Where `bias` `[batch, heads, n_q, n_k]`, any axis of which may be 1, is not -inf on `n_k` keys. `None` where it
    /// hides nothing.
    pub fn of_bias(bias: &Array4<f64>, n_k: usize) -> Option<Self> {
        let hides = |x: &f64| *x == f64::NEG_INFINITY;
        if !bias.iter().any(hides) {
            return None;
        }
        let row = |values: ArrayView1<'_, f64>| match values.len() {
            // One value for all keys.
            1 if hides(&values[0]) => Vec::new(),
            1 => std::iter::once(0..n_k).collect(),
            _ => seen(values.iter().map(|x| !hides(x))),
        };
        let of_head = |head: ArrayView2<'_, f64>| Rows(head.rows().into_iter().map(row).collect());
        let of_batch = |entry: ArrayView3<'_, f64>| shared(entry.outer_iter().map(of_head));
        Some(Self { entries: bias.outer_iter().map(of_batch).collect() })
    }

    /// Of one batch entry and each of these heads, the runs of each query, or of all alike; `None` where they are no rising
    /// runs, or not of as many queries.
    pub fn of_heads(heads: Vec<Vec<Vec<Range<usize>>>>) -> Option<Self> {
        let rise = |row: &Vec<Range<usize>>| {
            row.iter().all(|run| run.start < run.end) && row.windows(2).all(|two| two[0].end < two[1].start)
        };
        let queries = heads.first()?.len();
        let is_whole = queries > 0 && heads.iter().all(|rows| rows.len() == queries && rows.iter().all(rise));
        is_whole.then(|| Self { entries: vec![shared(heads.into_iter().map(Rows))] })
    }

    fn entry(&self, batch: usize) -> &[Arc<Rows>] {
        &self.entries[if self.entries.len() == 1 { 0 } else { batch }]
    }

    /// What these heads of a batch entry see; of all its heads where it has none of these.
    pub fn of(&self, batch: usize, heads: Range<usize>) -> PairsOfHeads {
        let entry = self.entry(batch);
        together(entry.get(heads).filter(|heads| !heads.is_empty()).unwrap_or(entry))
    }

    /// What all heads of a batch entry see.
    pub fn of_all(&self, batch: usize) -> PairsOfHeads {
        together(self.entry(batch))
    }

    /// Some head sees other pairs than another of its batch entry.
    pub fn differ_by_head(&self) -> bool {
        self.entries.iter().any(|entry| entry.windows(2).any(|two| !Arc::ptr_eq(&two[0], &two[1])))
    }

    /// Those of `n_q` queries with the heads of each group as rows of their query, one after the other.
    pub fn packed(&self, group: usize, n_q: usize) -> Self {
        let of_group = |heads: &[Arc<Rows>]| {
            let row = |at: usize| heads[at % group % heads.len()].row(at / group).to_vec();
            let is_one = heads.len() == 1 && heads[0].0.len() == 1;
            Rows((0..if is_one { 1 } else { n_q * group }).map(row).collect())
        };
        let entries = self.entries.iter().map(|entry| shared(entry.chunks(group).map(of_group)));
        Self { entries: entries.collect() }
    }

    /// Those of the first `tokens` keys; `None` where no run ends after them.
    pub fn cut(&self, tokens: usize) -> Option<Self> {
        let is_past = |row: &Vec<Range<usize>>| row.last().is_some_and(|run| run.end > tokens);
        if !self.entries.iter().flatten().any(|rows| rows.0.iter().any(is_past)) {
            return None;
        }
        let run = |run: &Range<usize>| (run.start < tokens).then(|| run.start..run.end.min(tokens));
        let row = |row: &Vec<Range<usize>>| row.iter().filter_map(run).collect();
        let rows = |rows: &Arc<Rows>| Rows(rows.0.iter().map(row).collect());
        Some(Self { entries: self.entries.iter().map(|entry| shared(entry.iter().map(rows))).collect() })
    }
}

impl PairsOfHeads {
    /// The keys of query `i` among `keys` that some head sees, or that every head does.
    pub fn of_row(&self, i: usize, keys: &Runs, by: Heads) -> Runs {
        common(keys.as_slice(), self.by(by).row(i))
    }

    pub fn keeps(&self, i: usize, j: usize) -> bool {
        let row = self.some.row(i);
        row.get(row.partition_point(|run| run.end <= j)).is_some_and(|run| run.start <= j)
    }

    fn by(&self, by: Heads) -> &Rows {
        match by {
            Heads::Some => &self.some,
            Heads::Every => &self.every,
        }
    }
}

/// Whose pairs are meant, of the heads of one schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heads {
    Some,
    Every,
}

/// Heads that see the same share their rows.
fn shared(heads: impl Iterator<Item = Rows>) -> Vec<Arc<Rows>> {
    let mut all: Vec<Arc<Rows>> = Vec::new();
    for rows in heads {
        let known = all.iter().find(|known| ***known == rows).cloned();
        all.push(known.unwrap_or_else(|| Arc::new(rows)));
    }
    all
}

fn together(heads: &[Arc<Rows>]) -> PairsOfHeads {
    let [first, others @ ..] = heads else { unreachable!("an array has at least one head") };
    let mut both = PairsOfHeads { some: Arc::clone(first), every: Arc::clone(first) };
    for rows in others.iter().filter(|rows| !Arc::ptr_eq(rows, first)) {
        both.some = Arc::new(both.some.with(rows, |a, b| Runs::of([a, b].concat())));
        both.every = Arc::new(both.every.with(rows, common));
    }
    both
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
