//! Matrix products on chip: operands rounded as copies in 16-bit runs, hidden pairs left out.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::attention::{Precision, Real};

use super::hbm::{Input, round};

/// One side of a product.
pub struct Side<'a, T: Real> {
    pub values: ArrayView2<'a, T>,
    /// Of each element: the mask hides the pair. `None` where it hides none.
    pub hidden: Option<Array2<bool>>,
    /// 0 stands at hidden pairs already.
    pub is_clean: bool,
    /// Its elements are ones of the format of the tensors.
    pub is_rounded: bool,
    /// The input that it is a block of, which may be known to be finite.
    pub input: Option<&'a Input<'a, T>>,
}

/// `into = scale * a @ b + keep * into`, where `keep` is 1 or 0. Pairs that are hidden add nothing, whatever they meet: an
/// ordinary product would make NaN of 0 and an infinity.
pub fn product<'v, T: Real>(
    a: &Side<'v, T>,
    b: &Side<'v, T>,
    scale: T,
    keep: T,
    precision: Precision,
    into: &mut ArrayViewMut2<'_, T>,
) {
    let copies = [a, b].map(|side| operand(side, precision));
    let view = |n: usize, side: &Side<'v, T>| match &copies[n] {
        Some(copy) => copy.view(),
        None => side.values,
    };
    let (left, right) = (view(0, a), view(1, b));
    let leaks = |side: &Side<'v, T>, other: &Side<'v, T>, values: &ArrayView2<'_, T>| {
        side.hidden.is_some()
            && !other.input.is_some_and(Input::is_finite)
            && values.iter().any(|value| !value.is_finite())
    };
    if leaks(a, b, &right) || leaks(b, a, &left) {
        pair_by_pair([a, b], &left, &right, scale, keep, into);
    } else {
        general_mat_mul(scale, &left, &right, keep, into);
    }
}

/// What takes part: rounded, and 0 at hidden pairs. `None` where that changes nothing.
pub fn operand<T: Real>(side: &Side<'_, T>, precision: Precision) -> Option<Array2<T>> {
    let rounds = precision.element_bytes() < 4 && !side.is_rounded;
    let hidden = side.hidden.as_ref().filter(|_| !side.is_clean);
    if !rounds && hidden.is_none() {
        return None;
    }
    let mut copy = side.values.to_owned();
    if rounds {
        round(copy.view_mut(), precision);
    }
    if let Some(hidden) = hidden {
        copy.zip_mut_with(hidden, |value, &hidden| {
            if hidden {
                *value = T::zero();
            }
        });
    }
    Some(copy)
}

fn pair_by_pair<T: Real>(
    [a, b]: [&Side<'_, T>; 2],
    left: &ArrayView2<'_, T>,
    right: &ArrayView2<'_, T>,
    scale: T,
    keep: T,
    into: &mut ArrayViewMut2<'_, T>,
) {
    let is_hidden = |side: &Side<'_, T>, at: [usize; 2]| side.hidden.as_ref().is_some_and(|hidden| hidden[at]);
    for ((row, col), into) in into.indexed_iter_mut() {
        let mut sum = T::zero();
        for k in 0..left.ncols() {
            if !is_hidden(a, [row, k]) && !is_hidden(b, [k, col]) {
                sum += left[[row, k]] * right[[k, col]];
            }
        }
        let before = if keep == T::zero() { T::zero() } else { *into };
        *into = scale * sum + before;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Hidden pairs add nothing, whatever they meet, on either side and transposed; other NaN stay.
    #[test]
    fn hidden_pairs_meet_nothing() {
        let p = array![[0.5, f64::NAN], [0.25, 0.75]];
        let hidden = array![[false, true], [false, false]];
        let v = array![[2.0, 4.0], [f64::INFINITY, 8.0]];
        let mut o = array![[1.0, 1.0], [1.0, 1.0]];
        let open = |values| Side { values, hidden: None, is_clean: false, is_rounded: false, input: None };
        let (left, right) = (Side { hidden: Some(hidden.clone()), ..open(p.view()) }, open(v.view()));
        product(&left, &right, 2.0, 1.0, Precision::F64, &mut o.view_mut());
        assert_eq!(o, array![[3.0, 5.0], [f64::INFINITY, 15.0]]);
        let turned = hidden.t().to_owned();
        let left = Side { hidden: Some(turned), ..open(p.t()) };
        product(&left, &right, 1.0, 0.0, Precision::F64, &mut o.view_mut());
        assert_eq!(o.row(1), array![f64::INFINITY, 6.0]);
        assert_eq!(o.row(0), array![f64::INFINITY, 4.0]);
        product(&open(v.view()), &open(p.view()), 1.0, 0.0, Precision::F64, &mut o.view_mut());
        assert!(o[[0, 1]].is_nan(), "nothing is hidden here");
    }

    /// Operands of 16-bit runs are rounded; the values themselves are not.
    #[test]
    fn operands_are_rounded_as_copies() {
        let a = array![[1.0f32 + 1.0 / 4096.0]];
        let one = array![[1.0f32]];
        let mut c = array![[0.0f32]];
        let side = |values| Side { values, hidden: None, is_clean: false, is_rounded: false, input: None };
        for (precision, expected) in [(Precision::F32, a[[0, 0]]), (Precision::F16, 1.0), (Precision::Bf16, 1.0)] {
            product(&side(a.view()), &side(one.view()), 1.0, 0.0, precision, &mut c.view_mut());
            assert_eq!(c[[0, 0]], expected, "{}", precision.name());
        }
    }
}
