//! Operations on rows, in a fixed order of additions and on the widest vector unit of the processor.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::Lanes;
use super::not_finite::larger;
use super::precision::Real;
use super::product::Grid;

/// Lanes that sums and maxima run in: wide enough for any vector unit, and the same order on each.
const LANES: usize = 16;

/// The largest of `start` and the values, NaN if one of them is.
pub fn row_max<T: Real>(row: &[T], start: T) -> T {
    let mut largest = [start];
    Arch::new().dispatch(Maxima(of_one(row), &mut largest));
    larger(start, largest[0])
}

/// The sum of the values.
pub fn row_sum<T: Real>(row: &[T]) -> T {
    let mut sum = [T::zero()];
    row_sums(of_one(row), &mut sum);
    sum[0]
}

/// `x <- factor x` for each value.
pub fn scale_row<T: Real>(row: &mut [T], factor: T) {
    let cols = row.len();
    Arch::new().dispatch(Scaled { data: row, stride: cols, cols, factors: &[factor] });
}

/// [`row_max`] of each row, from -inf.
pub fn row_maxima<T: Real>(rows: Grid<'_, T>, into: &mut [T]) {
    Arch::new().dispatch(Maxima(rows, into));
}

/// [`row_sum`] of each row.
pub fn row_sums<T: Real>(rows: Grid<'_, T>, into: &mut [T]) {
    Arch::new().dispatch(Sums(rows, into));
}

/// [`scale_row`] of rows of `cols` values that begin `stride` apart, each by its factor; one of 1 changes nothing.
pub fn scale_rows<T: Real>(data: &mut [T], stride: usize, cols: usize, factors: &[T]) {
    Arch::new().dispatch(Scaled { data, stride, cols, factors });
}

fn of_one<T>(row: &[T]) -> Grid<'_, T> {
    Grid { data: row, stride: row.len(), rows: 1, cols: row.len() }
}

// Each a type of its own, not a closure: only what is always inlined is compiled for the processor at hand.

struct Maxima<'a, T>(Grid<'a, T>, &'a mut [T]);

struct Sums<'a, T>(Grid<'a, T>, &'a mut [T]);

struct Scaled<'a, T> {
    data: &'a mut [T],
    stride: usize,
    cols: usize,
    factors: &'a [T],
}

/// Two values into one, also vectors of them.
trait Reduction<T: Lanes> {
    fn two(a: T, b: T) -> T;
    fn vectors<S: Simd>(simd: S, a: T::Vector<S>, b: T::Vector<S>) -> T::Vector<S>;
}

struct Larger;

impl<T: Real> Reduction<T> for Larger {
    #[inline(always)]
    fn two(a: T, b: T) -> T {
        larger(a, b)
    }
    #[inline(always)]
    fn vectors<S: Simd>(simd: S, a: T::Vector<S>, b: T::Vector<S>) -> T::Vector<S> {
        T::larger(simd, a, b)
    }
}

struct Plus;

impl<T: Real> Reduction<T> for Plus {
    #[inline(always)]
    fn two(a: T, b: T) -> T {
        a + b
    }
    #[inline(always)]
    fn vectors<S: Simd>(simd: S, a: T::Vector<S>, b: T::Vector<S>) -> T::Vector<S> {
        T::plus(simd, a, b)
    }
}

impl<T: Real> WithSimd for Maxima<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        each_row::<T, Larger, S>(simd, self.0, self.1, T::neg_infinity());
    }
}

impl<T: Real> WithSimd for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        each_row::<T, Plus, S>(simd, self.0, self.1, T::zero());
    }
}

impl<T: Real> WithSimd for Scaled<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, &factor) in self.factors.iter().enumerate().filter(|(_, factor)| **factor != T::one()) {
            let (chunks, rest) = self.data[row * self.stride..][..self.cols].as_chunks_mut::<LANES>();
            chunks.iter_mut().for_each(|chunk| chunk.iter_mut().for_each(|x| *x *= factor));
            rest.iter_mut().for_each(|x| *x *= factor);
        }
    }
}

#[inline(always)]
fn each_row<T: Real, R: Reduction<T>, S: Simd>(simd: S, rows: Grid<'_, T>, into: &mut [T], start: T) {
    for (row, into) in into.iter_mut().enumerate() {
        let row = rows.row(row);
        *into = match LANES / (size_of::<T::Vector<S>>() / size_of::<T>()) {
            1 => reduced::<T, R, S, 1>(simd, row, start),
            2 => reduced::<T, R, S, 2>(simd, row, start),
            4 => reduced::<T, R, S, 4>(simd, row, start),
            8 => reduced::<T, R, S, 8>(simd, row, start),
            _ => reduced::<T, R, S, 16>(simd, row, start),
        };
    }
}

/// Lane by lane from `start`, then halves against halves: fewer roundings than one after another, and no lane waits for
/// all before it; what is left over comes last. `V` vectors have all lanes.
#[inline(always)]
fn reduced<T: Real, R: Reduction<T>, S: Simd, const V: usize>(simd: S, row: &[T], start: T) -> T {
    let mut vectors = [T::splat(simd, start); V];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (all, &values) in vectors.iter_mut().zip(T::vectors::<S>(chunk)) {
            *all = R::vectors(simd, *all, values);
        }
    }
    let (mut count, mut width) = (V, LANES);
    while count > 1 {
        (count, width) = (count / 2, width / 2);
        for n in 0..count {
            vectors[n] = R::vectors(simd, vectors[n], vectors[n + count]);
        }
    }
    let mut lanes = [start; LANES];
    T::store(simd, &mut lanes[..width], vectors[0]);
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            lanes[lane] = R::two(lanes[lane], lanes[lane + width]);
        }
    }
    rest.iter().fold(lanes[0], |all, &x| R::two(all, x))
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The order of additions, in plain words.
    fn plain<T: Real>(row: &[T], start: T, two: fn(T, T) -> T) -> T {
        let whole = row.len() / LANES * LANES;
        let mut lanes = [start; LANES];
        row[..whole].iter().enumerate().for_each(|(n, &x)| lanes[n % LANES] = two(lanes[n % LANES], x));
        for width in [8, 4, 2, 1] {
            (0..width).for_each(|lane| lanes[lane] = two(lanes[lane], lanes[lane + width]));
        }
        row[whole..].iter().fold(lanes[0], |all, &x| two(all, x))
    }

    fn same<T: Real>(a: T, b: T) -> bool {
        a.widen().to_bits() == b.widen().to_bits() || a.is_nan() && b.is_nan()
    }

    /// Rows of every length on vectors of every width, with numbers that are not finite among them.
    #[test]
    fn every_width_of_vectors_gives_the_same_bits() {
        fn with<T: Real, S: Simd>(simd: S) {
            let rng = &mut ChaCha8Rng::seed_from_u64(8);
            for (cols, odd) in [0, 1, 15, 16, 17, 31, 64, 97].into_iter().flat_map(|cols| [(cols, 0.0), (cols, 0.03)]) {
                let mut next = || match rng.random_range(0..4) {
                    n if rng.random_bool(odd) => [f64::NAN, f64::NEG_INFINITY, 0.0, -0.0][n],
                    _ => rng.random_range(-1.0..1.0),
                };
                let values: Vec<T> = (0..5 * (cols + 1)).map(|_| T::narrow(next())).collect();
                let rows = Grid { data: &values, stride: cols + 1, rows: 5, cols };
                let (mut maxima, mut sums) = ([T::one(); 5], [T::one(); 5]);
                Maxima(rows, &mut maxima).with_simd(simd);
                Sums(rows, &mut sums).with_simd(simd);
                for row in 0..5 {
                    let (max, sum) = (
                        plain(rows.row(row), T::neg_infinity(), larger),
                        plain(rows.row(row), T::zero(), |a, b| a + b),
                    );
                    assert!(same(maxima[row], max) && same(sums[row], sum), "{cols}: {:?}", rows.row(row));
                    assert!(same(row_max(rows.row(row), T::neg_infinity()), max), "{cols}");
                    assert!(same(row_sum(rows.row(row)), sum), "{cols}");
                }
            }
        }
        with::<f32, _>(pulp::Scalar);
        with::<f64, _>(pulp::Scalar);
        with::<f32, _>(pulp::Scalar128b);
        with::<f64, _>(pulp::Scalar128b);
        with::<f32, _>(pulp::Scalar256b);
        with::<f64, _>(pulp::Scalar512b);
    }
}
