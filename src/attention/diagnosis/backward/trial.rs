//! Every suspect beside the gradients that are to be explained.

use std::collections::BTreeMap;

use ndarray::{ArrayView2, s};

use super::super::Batch;
use super::super::batch::{DIAGONALS, LEAKS, Leak, OtherDiagonal};
use super::super::blocks::SIZES;
use super::super::conventions::{ANOTHER, Another, of_kv_head};
use super::super::trial::{explains, share};
use super::head::HeadParts;
use super::slips::{OF_BLOCKS, OfBlocks, OfHead, SLIPS, SUMS, Sum};
use super::{Cause, Judged, MyGradients, OfGroup, Off};
use crate::attention::error_rule::{largest, max_error};
use crate::attention::gradients::Gradients;
use crate::attention::{Head, Precision, Problem};

/// Problems that differ in more than what one head is: their dK and dV are of other heads, or of other tensors.
const OF_OTHER_HEADS: [&str; 4] = ["head-by-rest", "first-kv-head", "keys-for-values", "queries-for-keys"];

/// Groups that suspects make of one group.
pub const SUSPECTS: usize =
    ANOTHER.len() + DIAGONALS.len() + SLIPS.len() + SUMS.len() + 2 + OF_BLOCKS.len() * SIZES.len();

/// The key/value head that a query head takes.
type TakesHead = fn(usize, &Problem) -> usize;

/// What makes gradients that may be those.
#[derive(Clone, Copy)]
enum Suspect {
    Problem(Another),
    Diagonal(OtherDiagonal),
    /// Queries see keys of other sequences, and add to their gradients.
    Leak(Leak),
    Slip(OfHead),
    Blocks(OfBlocks, usize),
    Sum(Sum),
    /// The key/value head that a query head takes, and adds to.
    Heads(TakesHead),
}

/// Groups to be explained, and the parts of their heads.
pub struct Trial<'p> {
    batch: &'p Batch<'p>,
    problem: &'p Problem,
    mine: MyGradients<'p>,
    groups: Vec<Judged>,
    parts: BTreeMap<(usize, usize), HeadParts>,
}

impl<'p> Trial<'p> {
    pub fn new(batch: &'p Batch<'p>, mine: MyGradients<'p>, groups: Vec<Judged>) -> Self {
        let problem = batch.problem;
        let mut parts = BTreeMap::new();
        let group = problem.shape.group();
        for judged in &groups {
            for head in judged.kv_head * group..(judged.kv_head + 1) * group {
                let view = problem.head(judged.batch, head, Precision::F64);
                parts.insert((judged.batch, head), parts_of(view, batch, &mine, head));
            }
        }
        Self { batch, problem, mine, groups, parts }
    }

    /// Those that give the numbers, the closest first; and the others, with the share of the error that each leaves.
    pub fn suspects(&self) -> (Vec<Cause>, Vec<(Cause, f64)>) {
        let mut all: Vec<Tried> = Vec::new();
        let of_problems = ANOTHER.into_iter().filter(|(name, ..)| !OF_OTHER_HEADS.contains(name));
        all.extend(
            of_problems.filter_map(|(name, what, make)| self.tried(Cause::new(name, what), Suspect::Problem(make))),
        );
        let diagonals = DIAGONALS.into_iter();
        all.extend(
            diagonals.filter_map(|(name, what, make)| self.tried(Cause::new(name, what), Suspect::Diagonal(make))),
        );
        let leaks = LEAKS.into_iter().filter(|_| self.can_leak());
        all.extend(leaks.filter_map(|(name, what, make)| self.tried(Cause::new(name, what), Suspect::Leak(make))));
        all.extend(
            SLIPS.into_iter().filter_map(|(name, what, make)| self.tried(Cause::new(name, what), Suspect::Slip(make))),
        );
        all.extend(
            SUMS.into_iter().filter_map(|(sum, name, what)| self.tried(Cause::new(name, what), Suspect::Sum(sum))),
        );
        let heads: [(&str, TakesHead); 2] =
            [("head-by-rest", |head, problem| head % problem.shape.kv_heads), ("first-kv-head", |_, _| 0)];
        for (name, of_head) in heads {
            let what = ANOTHER.iter().find_map(|(of, what, _)| (*of == name).then_some(*what)).unwrap_or_default();
            all.extend(self.tried(Cause::new(name, what), Suspect::Heads(of_head)));
        }
        for (name, what, make) in OF_BLOCKS {
            let of_size = |size: &usize| {
                self.tried(Cause { block: Some(*size), ..Cause::new(name, what) }, Suspect::Blocks(make, *size))
            };
            all.extend(SIZES.iter().filter_map(of_size));
        }
        all.sort_by(|a, b| a.share.total_cmp(&b.share));
        let (fits, others): (Vec<Tried>, Vec<Tried>) = all.into_iter().partition(|tried| tried.fits);
        let others = others.into_iter().map(|tried| (tried.cause, tried.left)).collect();
        (fits.into_iter().map(|tried| tried.cause).collect(), others)
    }

    fn tried(&self, cause: Cause, suspect: Suspect) -> Option<Tried> {
        let (mut fits, mut differs, mut worst, mut left, mut off) = (true, false, 0.0, 0.0, 0.0);
        for judged in &self.groups {
            let told = self.told(suspect, judged).map(|told| self.of_tokens(told, judged));
            for n in 0..3 {
                let group = self.problem.shape.group();
                let Some(got) = self.mine.of_group(n, judged.batch, judged.kv_head, group) else { continue };
                let exact = judged.exact.tensor(n);
                let told = told.as_ref().map_or(exact, |told| told.tensor(n));
                let bound = judged.bounds[n] * growth(told, exact);
                let from_exact = Off { error: distance(told.iter().map(|x| x.view()), exact), bound };
                let from_mine = Off { error: distance(got.into_iter(), told), bound };
                let own = judged.offs[n].unwrap_or(Off { error: 0.0, bound });
                differs |= !from_exact.is_right();
                fits &= share(from_mine) <= 1.0 && explains(from_mine, own);
                worst = f64::max(worst, share(from_mine));
                if !own.is_right() {
                    left = f64::max(left, if own.error.is_finite() { from_mine.error / own.error } else { 1.0 });
                }
                off = if from_mine.error.is_nan() { f64::NAN } else { f64::max(off, from_mine.error) };
            }
        }
        differs.then_some(Tried { cause: Cause { off, ..cause }, fits, share: worst, left })
    }

    /// Without what lies beyond the keys of a sequence, which no array of a packed batch has.
    fn of_tokens(&self, mut told: OfGroup, judged: &Judged) -> OfGroup {
        if self.batch.is_packed() {
            let keys = self.batch.keys(judged.batch).len();
            told.d_k.slice_mut(s![keys.., ..]).fill(0.0);
            told.d_v.slice_mut(s![keys.., ..]).fill(0.0);
        }
        told
    }

    /// What the suspect makes of a group; `None` where it is the exact one.
    fn told(&self, suspect: Suspect, judged: &Judged) -> Option<OfGroup> {
        let (batch, shape) = (judged.batch, self.problem.shape);
        let heads = || judged.kv_head * shape.group()..(judged.kv_head + 1) * shape.group();
        let own = |head: usize| right(&self.parts[&(batch, head)]);
        match suspect {
            Suspect::Problem(make) => of_heads(heads(), judged, own, |head| {
                let other = make(self.problem, head, &self.parts[&(batch, head)].head)?;
                let parts = parts_of(other, self.batch, &self.mine, head);
                Some(parts.gradients(&parts.right()))
            }),
            Suspect::Diagonal(make) => of_heads(heads(), judged, own, |head| {
                let other = make(self.batch, &self.parts[&(batch, head)].head)?;
                let parts = parts_of(other, self.batch, &self.mine, head);
                Some(parts.gradients(&parts.right()))
            }),
            Suspect::Leak(make) => self.of_leak(make, judged),
            Suspect::Slip(make) => of_heads(heads(), judged, own, |head| make(&self.parts[&(batch, head)])),
            Suspect::Blocks(make, size) => {
                of_heads(heads(), judged, own, |head| make(&self.parts[&(batch, head)], size))
            }
            Suspect::Sum(Sum::Rest) => {
                // Each with its own keys, summed with those of other groups.
                let is_another = shape.kv_heads > 1 && shape.group() > 1;
                let all =
                    is_another.then(|| (0..shape.heads).filter(|head| head % shape.kv_heads == judged.kv_head))?;
                let own = all.map(|head| self.gradients(self.problem.head(batch, head, Precision::F64), head));
                let (d_k, d_v) = summed(own, judged);
                Some(OfGroup { d_q: judged.exact.d_q.clone(), d_k, d_v })
            }
            Suspect::Sum(sum) => {
                (shape.group() > 1).then_some(())?;
                let last = shape.group() - 1;
                let picked = heads().enumerate().filter(|(at, _)| match sum {
                    Sum::First => *at == 0,
                    Sum::Last => *at == last,
                    Sum::Mean | Sum::Rest => true,
                });
                let own = picked.map(|(_, head)| right(&self.parts[&(batch, head)]));
                let (mut d_k, mut d_v) = summed(own, judged);
                if sum == Sum::Mean {
                    d_k /= shape.group() as f64;
                    d_v /= shape.group() as f64;
                }
                Some(OfGroup { d_q: judged.exact.d_q.clone(), d_k, d_v })
            }
            Suspect::Heads(of_head) => {
                let takes = |head: usize| of_head(head, self.problem);
                let is_another = (0..shape.heads).any(|head| takes(head) != shape.kv_head(head));
                is_another.then_some(())?;
                let made = |head: usize| {
                    let own = self.problem.head(batch, head, Precision::F64);
                    let other = of_kv_head(self.problem, takes(head), head, &own).unwrap_or(own);
                    self.gradients(other, head)
                };
                let adding = (0..shape.heads).filter(|head| takes(*head) == judged.kv_head);
                let (d_k, d_v) = summed(adding.map(made), judged);
                Some(OfGroup { d_q: heads().map(|head| made(head).d_q).collect(), d_k, d_v })
            }
        }
    }

    /// The matrices of all queries and keys of a head are not too large.
    fn can_leak(&self) -> bool {
        let ([_, keys], shape) = (self.batch.all(), self.problem.shape);
        self.batch.is_packed() && shape.group() * shape.batch * shape.n_q * keys <= super::MOST_PAIRS
    }

    /// Of all sequences, whose queries see keys of this one: dQ of its own queries, dK and dV of its own keys.
    fn of_leak(&self, make: Leak, judged: &Judged) -> Option<OfGroup> {
        let shape = self.problem.shape;
        let (mut group, mut differs) = (judged.exact.clone(), false);
        group.d_k.fill(0.0);
        group.d_v.fill(0.0);
        let keys = self.batch.keys(judged.batch);
        for batch in 0..shape.batch {
            for (at, h) in (judged.kv_head * shape.group()..(judged.kv_head + 1) * shape.group()).enumerate() {
                let own: Head<f64> = self.problem.head(batch, h, Precision::F64);
                let leak = make(self.batch, h, &own);
                differs |= leak.is_some();
                // Its own keys alone, where it has no others.
                let (head, first) = leak.unwrap_or((own, self.batch.keys(batch).start));
                let made = self.gradients(head, h);
                let of = keys.start.max(first)..keys.end.min(first + made.d_k.nrows());
                if batch == judged.batch {
                    group.d_q[at].assign(&made.d_q);
                }
                for (sum, own) in [(&mut group.d_k, &made.d_k), (&mut group.d_v, &made.d_v)] {
                    if !of.is_empty() {
                        let mut sum = sum.slice_mut(s![of.start - keys.start..of.end - keys.start, ..]);
                        sum += &own.slice(s![of.start - first..of.end - first, ..]);
                    }
                }
            }
        }
        differs.then_some(group)
    }

    fn gradients(&self, head: Head<f64>, at: usize) -> Gradients {
        right(&parts_of(head, self.batch, &self.mine, at))
    }
}

fn right(parts: &HeadParts) -> Gradients {
    parts.gradients(&parts.right())
}

fn parts_of(head: Head<f64>, of: &Batch<'_>, mine: &MyGradients<'_>, at: usize) -> HeadParts {
    let d_o = mine.d_o.slice(s![head.batch, at, .., ..]).to_owned();
    let queries = of.queries(head.batch);
    HeadParts::new(head, queries, d_o)
}

/// Of all heads of a group what `make` gives, and its `own` where that is nothing; `None` where it is nothing of all.
fn of_heads(
    heads: std::ops::Range<usize>,
    judged: &Judged,
    own: impl Fn(usize) -> Gradients,
    make: impl Fn(usize) -> Option<Gradients>,
) -> Option<OfGroup> {
    let made: Vec<Option<Gradients>> = heads.clone().map(make).collect();
    made.iter().any(Option::is_some).then_some(())?;
    let made: Vec<Gradients> = heads.zip(made).map(|(head, made)| made.unwrap_or_else(|| own(head))).collect();
    let (d_k, d_v) = summed(made.iter().cloned(), judged);
    Some(OfGroup { d_q: made.into_iter().map(|made| made.d_q).collect(), d_k, d_v })
}

fn summed(heads: impl Iterator<Item = Gradients>, judged: &Judged) -> (ndarray::Array2<f64>, ndarray::Array2<f64>) {
    let OfGroup { d_k, d_v, .. } = &judged.exact;
    let zeros = (ndarray::Array2::zeros(d_k.raw_dim()), ndarray::Array2::zeros(d_v.raw_dim()));
    heads.fold(zeros, |(d_k, d_v), head| (d_k + head.d_k, d_v + head.d_v))
}

struct Tried {
    cause: Cause,
    /// It gives the numbers: they are within its bounds, and it takes away the most of what is wrong with them.
    fits: bool,
    /// The largest of its bounds.
    share: f64,
    /// What it leaves of the error.
    left: f64,
}

/// How much larger than exact numbers these are, which are rounded more coarsely then; at least 1.
fn growth(told: &[ndarray::Array2<f64>], exact: &[ndarray::Array2<f64>]) -> f64 {
    let [told, exact] = [told, exact].map(|all| largest(all.iter().flatten()));
    if exact > 0.0 { (told / exact.max(1.0)).max(1.0) } else { 1.0 }
}

fn distance<'a>(got: impl Iterator<Item = ArrayView2<'a, f64>>, want: &[ndarray::Array2<f64>]) -> f64 {
    let errors = got.zip(want).map(|(got, want)| max_error(got.iter(), want));
    errors.fold(0.0, |most, error| if error.is_nan() || f64::is_nan(most) { f64::NAN } else { f64::max(most, error) })
}
