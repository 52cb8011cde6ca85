//! Every suspect beside the numbers that are to be explained.

use std::collections::HashMap;

use super::batch::{DIAGONALS, LEAKS};
use super::blocks::{self, SIZES, SLIPS};
use super::comparison::{Comparison, Off, Row};
use super::conventions::{ANOTHER, OTHER_ROW};
use super::told::Told;
use super::{Batch, Cause, NEAR, OtherKey};
use crate::attention::{Head, Precision};

/// Rows that suspects make of one row, at most, of keys of its own.
pub const SUSPECTS: usize = ANOTHER.len() + DIAGONALS.len() + OTHER_ROW.len() + SLIPS.len() * SIZES.len();

/// The head of another problem; where it has keys of all sequences, with the number of the first.
type OtherHead = (Head<f64>, Option<usize>);

/// Rows to be explained, with their heads.
pub struct Trial<'p> {
    batch: &'p Batch<'p>,
    pub compared: Comparison,
    heads: HashMap<(usize, usize), Head<f64>>,
}

impl<'p> Trial<'p> {
    pub fn new(of: &'p Batch<'p>, compared: Comparison) -> Self {
        let mut heads = HashMap::new();
        for &(batch, head, _) in &compared.rows {
            heads.entry((batch, head)).or_insert_with(|| of.problem.head(batch, head, Precision::F64));
        }
        Self { batch: of, compared, heads }
    }

    /// Those that give the numbers, and the others: the closest first. What gives what exact attention gives is neither.
    pub fn suspects(&self) -> (Vec<Cause>, Vec<Cause>) {
        let mut all = Vec::new();
        for (name, what, make) in ANOTHER {
            let make = |h: usize, head: &Head<f64>| Some((make(self.batch.problem, h, head)?, None));
            all.extend(self.of_heads(Cause::new(name, what), make));
        }
        for (name, what, make) in DIAGONALS {
            all.extend(self.of_heads(Cause::new(name, what), |_, head| Some((make(self.batch, head)?, None))));
        }
        for (name, what, make) in LEAKS {
            let make = |h: usize, head: &Head<f64>| make(self.batch, h, head).map(|(head, first)| (head, Some(first)));
            all.extend(self.of_heads(Cause::new(name, what), make));
        }
        for (name, what, make) in OTHER_ROW {
            all.extend(self.tried(Cause::new(name, what), |row, head| make(head, row.2)));
        }
        for (slip, name, what, text) in SLIPS {
            let of_size = |size: &usize| {
                let cause = Cause { text, block: Some(*size), ..Cause::new(name, what) };
                self.tried(cause, |row, head| blocks::row(head, row.2, *size, slip))
            };
            all.extend(SIZES.iter().filter_map(of_size));
        }
        all.sort_by(|a, b| a.share.total_cmp(&b.share));
        let (fits, others): (Vec<Tried>, Vec<Tried>) = all.into_iter().partition(|tried| tried.fits);
        (fits.into_iter().map(|tried| tried.cause).collect(), others.into_iter().map(|tried| tried.cause).collect())
    }

    /// `make` gives the head of another problem.
    fn of_heads(&self, cause: Cause, make: impl Fn(usize, &Head<f64>) -> Option<OtherHead>) -> Option<Tried> {
        let mut made: HashMap<(usize, usize), Option<OtherHead>> = HashMap::new();
        let row = |row: &Row, head: &Head<f64>| {
            let other = made.entry((row.0, row.1)).or_insert_with(|| make(row.1, head));
            other.as_ref().map(|(other, _)| Told::exact(other, row.2))
        };
        let mut tried = self.tried(cause, row)?;
        let first = self.compared.rows.first()?;
        let other = made.get(&(first.0, first.1)).and_then(Option::as_ref);
        tried.cause.key = other.and_then(|(other, start)| self.other_key(first, other, *start));
        Some(tried)
    }

    /// The first key of a row that `other` shows and its head does not, or the other way round; one of another sequence
    /// before all.
    fn other_key(&self, row: &Row, other: &Head<f64>, start: Option<usize>) -> Option<OtherKey> {
        let &(batch, h, i) = row;
        let (own, keys) = (&self.heads[&(batch, h)], self.batch.keys(batch));
        let place = |key: usize| match start {
            Some(start) => self.batch.place_of_key(start + key),
            None => (batch, key),
        };
        let added = (0..other.n_k()).filter(|&key| other.sees(i, key)).map(place);
        let added = added.filter(|&(of, at)| of != batch || !own.sees(i, at)).min_by_key(|&(of, _)| of == batch);
        if let Some((of, key)) = added.filter(|&(of, _)| of != batch) {
            return Some(OtherKey { batch: of, key, is_seen: true });
        }
        let added = added.map(|(_, key)| OtherKey { batch, key, is_seen: true });
        let lost = (0..own.n_k()).find_map(|key| {
            let at = start.map_or(Some(key), |start| (keys.start + key).checked_sub(start));
            let is_other = at.is_some_and(|at| at < other.n_k() && other.sees(i, at));
            (own.sees(i, key) && !is_other).then_some(OtherKey { batch, key, is_seen: false })
        });
        added.into_iter().chain(lost).min_by_key(|found| found.key)
    }

    /// `make` gives what the suspect tells of a row; `None` where it is the exact one.
    fn tried(&self, cause: Cause, mut make: impl FnMut(&Row, &Head<f64>) -> Option<Told>) -> Option<Tried> {
        let Comparison { rows, exact, got, .. } = &self.compared;
        let told = rows.iter().zip(exact).map(|(row, exact)| {
            let head = &self.heads[&(row.0, row.1)];
            make(row, head).unwrap_or_else(|| exact.clone())
        });
        let told: Vec<Told> = told.collect();
        let (o, lse) = self.compared.from(exact, &told);
        if o.is_right() && lse.is_none_or(Off::is_right) {
            return None;
        }
        let (o, lse) = self.compared.from(got, &told);
        let share = share(o).max(lse.map_or(0.0, share));
        let (own, own_lse) = (self.compared.o(), self.compared.lse());
        let explains_lse = lse.zip(own_lse).is_none_or(|(lse, own)| explains(lse, own));
        let fits = share <= 1.0 && explains(o, own) && explains_lse;
        Some(Tried { fits, cause: Cause { off: o.error, lse_off: lse.map(|lse| lse.error), ..cause }, share })
    }
}

struct Tried {
    cause: Cause,
    /// Of its bound.
    share: f64,
    /// It gives the numbers: they are within its bound, and it takes away the most of what is wrong with them.
    fits: bool,
}

/// Where bounds are wide, what is a little beyond one of them is within another's, too, and comes of neither.
pub(super) fn explains(off: Off, own: Off) -> bool {
    own.is_right() || !own.error.is_finite() || off.error <= NEAR * own.error
}

/// A NaN is more than any.
pub(super) fn share(off: Off) -> f64 {
    let share = off.error / off.bound;
    if share.is_nan() { f64::INFINITY } else { share }
}

#[cfg(test)]
mod tests {
    use super::super::conventions::TEXTS;
    use super::*;

    #[test]
    fn what_is_a_little_off_is_explained_by_what_is_much_nearer() {
        let off = |error: f64| Off { error, bound: 1.0 };
        assert!(explains(off(0.1), off(1.2)) && explains(off(0.6), off(1.2)));
        assert!(!explains(off(0.9), off(1.2)) && !explains(off(f64::NAN), off(1.2)));
        assert!(explains(off(0.9), off(0.5)), "a tensor that is right needs no cause");
        assert!(explains(off(0.0), off(f64::NAN)) && explains(off(0.9), off(f64::INFINITY)));
    }

    #[test]
    fn suspects_have_names_of_their_own_and_texts_that_there_are() {
        let blocks = SLIPS.iter().map(|(_, name, what, _)| (*name, *what));
        let others = ANOTHER.iter().map(|(name, what, _)| (*name, *what));
        let others = others.chain(DIAGONALS.iter().map(|(name, what, _)| (*name, *what)));
        let others = others.chain(LEAKS.iter().map(|(name, what, _)| (*name, *what)));
        let names: Vec<(&str, &str)> =
            others.chain(OTHER_ROW.iter().map(|(name, what, _)| (*name, *what))).chain(blocks).collect();
        for (n, (name, what)) in names.iter().enumerate() {
            assert!(names[..n].iter().all(|(other, said)| other != name && said != what), "{name} twice");
        }
        assert!(TEXTS.iter().all(|(of, _)| names.iter().any(|(name, _)| name == of)));
    }
}
