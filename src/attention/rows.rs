//! Reductions over a row, in a fixed order of additions and on the widest vector unit of the processor.

use super::not_finite::larger;
use super::precision::Real;

/// Lanes that sums and maxima run in: wide enough for any vector unit, and the same order on each.
const LANES: usize = 16;

/// The largest of `start` and the values, NaN if one of them is.
pub fn row_max<T: Real>(row: &[T], start: T) -> T {
    pulp::Arch::new().dispatch(|| {
        let mut lanes = [start; LANES];
        let (chunks, rest) = row.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] = larger(lanes[lane], chunk[lane]);
            }
        }
        rest.iter().chain(&lanes).copied().fold(start, larger)
    })
}

/// The sum of the values.
pub fn row_sum<T: Real>(row: &[T]) -> T {
    pulp::Arch::new().dispatch(|| {
        let mut lanes = [T::zero(); LANES];
        let (chunks, rest) = row.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                lanes[lane] += chunk[lane];
            }
        }
        // Halves are added pairwise: fewer roundings than one lane after another.
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            for lane in 0..width {
                let other = lanes[lane + width];
                lanes[lane] += other;
            }
        }
        rest.iter().fold(lanes[0], |sum, &x| sum + x)
    })
}

/// `x <- factor x` for each value.
pub fn scale_row<T: Real>(row: &mut [T], factor: T) {
    pulp::Arch::new().dispatch(|| row.iter_mut().for_each(|x| *x *= factor));
}
