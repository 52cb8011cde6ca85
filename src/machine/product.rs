//! Matrix products on chip: operands rounded as copies to narrow formats, hidden pairs left out.

use ndarray::{Array2, ArrayView2, ArrayViewMut2};

use crate::attention::product::{Grid, multiply};
use crate::attention::{Format, Real};

use super::chip::view;
use super::hbm::{Input, round};
use super::rows::Spare;
use super::write::Part;

/// One side of a product.
pub struct Side<'a, T: Real> {
    /// As it lies on chip.
    pub values: Grid<'a, T>,
    /// Its columns stand as rows in the product.
    pub is_turned: bool,
    /// Where its columns lie as rows, one behind the other.
    pub turned: Option<&'a [T]>,
    /// Of each element, as it stands in the product: the mask hides the pair. `None` where it hides none.
    pub hidden: Option<Array2<bool>>,
    /// 0 stands at hidden pairs already.
    pub is_clean: bool,
    /// What it is rounded to.
    pub format: Format,
    /// Its elements are ones of that format.
    pub is_rounded: bool,
    /// The input that it is a block of, which may be known to be finite.
    pub input: Option<&'a Input<'a, T>>,
}

impl<'a, T: Real> Side<'a, T> {
    /// As it stands in the product.
    pub fn view(&self) -> ArrayView2<'a, T> {
        let view = view(self.values);
        if self.is_turned { view.reversed_axes() } else { view }
    }

    /// As it stands in the product, with rows that are contiguous; in `memory` where it does not lie so.
    fn grid<'m>(&self, memory: &'m mut Vec<T>) -> Grid<'m, T>
    where
        'a: 'm,
    {
        if !self.is_turned {
            return self.values;
        }
        let Grid { rows, cols, .. } = self.values;
        let data = self.turned.unwrap_or_else(|| {
            self.values.turned_into(memory);
            memory
        });
        Grid { data, stride: rows, rows: cols, cols: rows }
    }
}

/// `into = scale * a @ b + keep * into`, where `keep` is 1 or 0. Pairs that are hidden add nothing, whatever they meet: an
/// ordinary product would make NaN of 0 and an infinity. Gives how many elements of each operand saturate.
pub fn product<T: Real>(
    a: &Side<'_, T>,
    b: &Side<'_, T>,
    scale: T,
    keep: T,
    mut into: Part<'_, T>,
    spare: &mut Spare<T>,
) -> [u64; 2] {
    let [(left, of_left), (right, of_right)] = [a, b].map(operand);
    let (copies, saturated) = ([left, right], [of_left, of_right]);
    if [(a, b, &copies[1]), (b, a, &copies[0])].into_iter().any(|(side, other, copy)| leaks(side, other, copy)) {
        let [left, right] = [(&copies[0], a), (&copies[1], b)]
            .map(|(copy, side)| copy.as_ref().map_or_else(|| side.view(), |copy| copy.view()));
        pair_by_pair([a, b], &left, &right, scale, keep, &mut into.view());
        return saturated;
    }
    let mut memory = [spare.pop().unwrap_or_default(), spare.pop().unwrap_or_default()];
    let [of_left, of_right] = &mut memory;
    let left = copies[0].as_ref().map_or_else(|| a.grid(of_left), whole);
    let right = copies[1].as_ref().map_or_else(|| b.grid(of_right), whole);
    multiply(scale, left, right, keep, &mut into.data[into.window.start..], into.stride);
    spare.extend(memory);
    saturated
}

/// What is not finite in `other` would get through a hidden pair of `side`.
fn leaks<T: Real>(side: &Side<'_, T>, other: &Side<'_, T>, copy: &Option<Array2<T>>) -> bool {
    let is_finite = || match copy {
        Some(copy) => copy.iter().all(|value| value.is_finite()),
        None => other.view().iter().all(|value| value.is_finite()),
    };
    side.hidden.is_some() && !other.input.is_some_and(Input::is_finite) && !is_finite()
}

fn whole<T>(matrix: &Array2<T>) -> Grid<'_, T> {
    let data = matrix.as_slice().expect("a copy is made row by row");
    Grid { data, stride: matrix.ncols(), rows: matrix.nrows(), cols: matrix.ncols() }
}

/// What takes part: rounded, and 0 at hidden pairs; `None` where that changes nothing. And how many of its elements
/// saturate.
pub fn operand<T: Real>(side: &Side<'_, T>) -> (Option<Array2<T>>, u64) {
    let rounds = side.format.is_narrow() && !side.is_rounded;
    let hidden = side.hidden.as_ref().filter(|_| !side.is_clean);
    if !rounds && hidden.is_none() {
        return (None, 0);
    }
    let mut copy = side.view().as_standard_layout().into_owned();
    let saturated = if rounds { round(copy.view_mut(), side.format) } else { 0 };
    if let Some(hidden) = hidden {
        copy.zip_mut_with(hidden, |value, &hidden| {
            if hidden {
                *value = T::zero();
            }
        });
    }
    (Some(copy), saturated)
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

    use super::super::chip::Window;
    use super::*;

    fn side<T: Real>(values: &Array2<T>) -> Side<'_, T> {
        let values = whole(values);
        let format = Format::F32;
        Side {
            values,
            is_turned: false,
            turned: None,
            hidden: None,
            is_clean: false,
            format,
            is_rounded: false,
            input: None,
        }
    }

    fn into<T>(values: &mut Array2<T>) -> Part<'_, T> {
        let (rows, cols) = values.dim();
        Part { data: values.as_slice_mut().unwrap(), stride: cols, window: Window { rows, cols, start: 0 } }
    }

    /// Hidden pairs add nothing, whatever they meet, on either side and transposed; other NaN stay.
    #[test]
    fn hidden_pairs_meet_nothing() {
        let p = array![[0.5, f64::NAN], [0.25, 0.75]];
        let hidden = array![[false, true], [false, false]];
        let v = array![[2.0, 4.0], [f64::INFINITY, 8.0]];
        let mut o = array![[1.0, 1.0], [1.0, 1.0]];
        let (left, right) = (Side { hidden: Some(hidden.clone()), ..side(&p) }, side(&v));
        product(&left, &right, 2.0, 1.0, into(&mut o), &mut Vec::new());
        assert_eq!(o, array![[3.0, 5.0], [f64::INFINITY, 15.0]]);
        let turned = hidden.t().to_owned();
        let left = Side { hidden: Some(turned), is_turned: true, ..side(&p) };
        product(&left, &right, 1.0, 0.0, into(&mut o), &mut Vec::new());
        assert_eq!(o.row(1), array![f64::INFINITY, 6.0]);
        assert_eq!(o.row(0), array![f64::INFINITY, 4.0]);
        product(&side(&v), &side(&p), 1.0, 0.0, into(&mut o), &mut Vec::new());
        assert!(o[[0, 1]].is_nan(), "nothing is hidden here");
    }

    /// Operands of 16-bit runs are rounded; the values themselves are not.
    #[test]
    fn operands_are_rounded_as_copies() {
        let a = array![[1.0f32 + 1.0 / 4096.0]];
        let one = array![[1.0f32]];
        let mut c = array![[0.0f32]];
        for (format, expected) in
            [(Format::F32, a[[0, 0]]), (Format::F16, 1.0), (Format::Bf16, 1.0), (Format::E4m3, 1.0)]
        {
            let left = Side { format, ..side(&a) };
            assert_eq!(product(&left, &side(&one), 1.0, 0.0, into(&mut c), &mut Vec::new()), [0, 0]);
            assert_eq!(c[[0, 0]], expected, "{}", format.name());
        }
        let large = array![[4096.0f32]];
        let left = Side { format: Format::E4m3, ..side(&large) };
        assert_eq!(product(&left, &side(&one), 1.0, 0.0, into(&mut c), &mut Vec::new()), [1, 0], "saturates");
        assert_eq!(c[[0, 0]], 448.0);
    }
}
