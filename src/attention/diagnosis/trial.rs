//! Every suspect beside the numbers that are to be explained.

use std::collections::HashMap;

use super::blocks::{self, SIZES, SLIPS};
use super::comparison::{Comparison, Off, Row};
use super::conventions::{ANOTHER, OTHER_ROW};
use super::told::Told;
use super::{Cause, NEAR};
use crate::attention::{Head, Precision, Problem};

/// Rows that suspects make of one row, at most.
pub const SUSPECTS: usize = ANOTHER.len() + OTHER_ROW.len() + SLIPS.len() * SIZES.len();

/// Rows to be explained, with their heads.
pub struct Trial<'p> {
    problem: &'p Problem,
    pub compared: Comparison,
    heads: HashMap<(usize, usize), Head<f64>>,
}

impl<'p> Trial<'p> {
    pub fn new(problem: &'p Problem, compared: Comparison) -> Self {
        let mut heads = HashMap::new();
        for &(batch, head, _) in &compared.rows {
            heads.entry((batch, head)).or_insert_with(|| problem.head(batch, head, Precision::F64));
        }
        Self { problem, compared, heads }
    }

    /// Those that give the numbers, and the others: the closest first. What gives what exact attention gives is neither.
    pub fn suspects(&self) -> (Vec<Cause>, Vec<Cause>) {
        let mut all = Vec::new();
        for (name, what, make) in ANOTHER {
            let mut made: HashMap<(usize, usize), Option<Head<f64>>> = HashMap::new();
            let row = |row: &Row, head: &Head<f64>| {
                let other = made.entry((row.0, row.1)).or_insert_with(|| make(self.problem, row.1, head));
                other.as_ref().map(|other| Told::exact(other, row.2))
            };
            all.extend(self.tried(Cause::new(name, what), row));
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
        let names: Vec<(&str, &str)> =
            others.chain(OTHER_ROW.iter().map(|(name, what, _)| (*name, *what))).chain(blocks).collect();
        for (n, (name, what)) in names.iter().enumerate() {
            assert!(names[..n].iter().all(|(other, said)| other != name && said != what), "{name} twice");
        }
        assert!(TEXTS.iter().all(|(of, _)| names.iter().any(|(name, _)| name == of)));
    }
}
