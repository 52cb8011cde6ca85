//! What an algorithm stores between its steps in a narrow format, and what that may add to its error.

use super::error_rule::{Errors, Reference};
use super::format::Format;
use super::oracle;
use super::precision::Precision;
use super::problem::Head;

/// What goes to HBM and comes back before a result is done, in the format of the problem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// S, as plain attention stores it.
    pub scores: bool,
    /// O after each block of this many keys.
    pub output_every: Option<usize>,
    /// dQ after each block of this many keys.
    pub d_q_every: Option<usize>,
}

impl Stored {
    /// What the error rule allows a result of `precision` that was made with these stores: the bound of plain attention
    /// that stores the same, and what rounding O at each visit may add.
    pub fn bound(self, reference: &Reference, head: &Head<f64>, precision: Precision) -> Errors {
        let bound = *reference.bound_for(self.scores);
        Errors { o: bound.o + self.of_output(head, precision), ..bound }
    }

    /// What rounding O when it is stored after each block of keys may add to its error, to first order.
    ///
    /// Let `N(t)` be the sum of `p_j v_j` over the keys of the first `t` blocks that the row sees, with the final weights
    /// `p`. After visit `t` the kernel holds the average `O(t) = N(t) / w(t)`, where `w(t)` is the final weight of those
    /// keys, and stores it rounded: off by at most `u |O(t)|`, with `u` half the spacing of the format at 1. Every later
    /// visit keeps the share `l alpha / l_new` of it, and the product of these shares is `w(t)`. So what is left of this
    /// rounding at the end is at most `u w(t) |O(t)| = u |N(t)|`, and all of them together at most `u` times the sum of
    /// `|N(t)|`. The last visit's rounding is not in it: plain attention stores its O once, too.
    pub fn of_output(self, head: &Head<f64>, precision: Precision) -> f64 {
        let (Some(keys), Some(u)) = (self.output_every, half_spacing(precision.format_of("O"))) else { return 0.0 };
        (0..head.n_q()).map(|i| u * stored_sums(head, i, keys)).fold(0.0, f64::max)
    }
}

/// Half the spacing at 1 of a format that is stored in fewer bits than it is computed in.
fn half_spacing(format: Format) -> Option<f64> {
    format.is_narrow().then(|| format.spacing() / 2.0)
}

/// The largest component of the sum of `|N(t)|` over all visits of query `i` but the last: see [`Stored::of_output`].
fn stored_sums(head: &Head<f64>, i: usize, keys: usize) -> f64 {
    let seen = head.band.keys_of(i);
    let weights = oracle::row(head, i).p;
    let (mut partial, mut sums) = (vec![0.0; head.v.ncols()], vec![0.0; head.v.ncols()]);
    let mut seen = seen.indices().peekable();
    while let Some(j) = seen.next() {
        let weight = weights[j] * head.dropout_factor(i, j);
        if weight != 0.0 {
            partial.iter_mut().zip(head.v.row(j)).for_each(|(n, v)| *n += weight * v);
        }
        let ends_block = seen.peek().is_some_and(|next| next / keys != j / keys);
        if ends_block {
            sums.iter_mut().zip(&partial).for_each(|(sum, n): (&mut f64, &f64)| *sum += n.abs());
        }
    }
    sums.into_iter().filter(|sum| sum.is_finite()).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Problem;
    use ndarray::Array4;

    fn head(values: &[f64]) -> Head<f64> {
        let n = values.len();
        let column = |value: &dyn Fn(usize) -> f64| Array4::from_shape_fn((1, 1, n, 1), |(_, _, j, _)| value(j));
        let q = Array4::zeros((1, 1, 1, 1));
        let problem = Problem::new(q, column(&|_| 0.0), column(&|j| values[j])).unwrap();
        problem.head(0, 0, Precision::F64)
    }

    /// Equal scores: each key weighs 1/4, and the sums after the first and second block of one key and of two are known.
    #[test]
    fn the_sums_that_are_stored_are_rounded_once_each() {
        let head = head(&[4.0, -8.0, 12.0, 100.0]);
        let of =
            |keys| Stored { output_every: Some(keys), ..Stored::default() }.of_output(&head, Precision::F16) * 2048.0;
        assert_eq!(of(1), 1.0 + 1.0 + 2.0, "1, then 1 - 2, then 1 - 2 + 3");
        assert_eq!(of(2), 1.0);
        assert_eq!(of(3), 2.0);
        assert_eq!([of(4), of(7)], [0.0, 0.0], "stored once, as plain attention does");
    }

    #[test]
    fn wider_formats_and_outputs_that_stay_on_chip_are_allowed_nothing() {
        let head = head(&[4.0, -8.0, 12.0, 100.0]);
        let stored = Stored { output_every: Some(1), ..Stored::default() };
        assert_eq!([Precision::F32, Precision::F64].map(|precision| stored.of_output(&head, precision)), [0.0, 0.0]);
        assert_eq!(Stored::default().of_output(&head, Precision::BF16), 0.0);
        assert_eq!(stored.of_output(&head, Precision::BF16), 8.0 * stored.of_output(&head, Precision::F16));
    }
}
