//! The matrix product of the engine: the same bits on every processor, in blocks of every size.
//!
//! Each element is summed in order of k, from 0, by fused multiply-adds; neither the width of the vector unit nor where
//! the element lies in a matrix changes that order. A processor without such an instruction gets the same bits, slowly.

use pulp::{Arch, Simd, WithSimd};

use super::lanes::Lanes;

/// A matrix whose rows are contiguous, `stride` elements from one to the next.
#[derive(Clone, Copy, Debug)]
pub struct Grid<'a, T> {
    pub data: &'a [T],
    pub stride: usize,
    pub rows: usize,
    pub cols: usize,
}

impl<'a, T: Copy> Grid<'a, T> {
    #[inline]
    pub fn row(&self, row: usize) -> &'a [T] {
        &self.data[row * self.stride..][..self.cols]
    }

    /// Its columns as rows, one behind the other in `into`.
    pub fn turned_into(&self, into: &mut Vec<T>) {
        // Eight rows at a time: what is written then fills a part of a cache line.
        const AT_ONCE: usize = 8;
        let Some(&first) = self.data.first().filter(|_| self.rows * self.cols > 0) else { return into.clear() };
        into.resize(self.rows * self.cols, first);
        for start in (0..self.rows).step_by(AT_ONCE) {
            let count = AT_ONCE.min(self.rows - start);
            let rows: [&[T]; AT_ONCE] = std::array::from_fn(|row| self.row(start + row.min(count - 1)));
            for (col, into) in into.chunks_exact_mut(self.rows).enumerate() {
                let into = &mut into[start..start + count];
                into.iter_mut().zip(&rows).for_each(|(into, row)| *into = row[col]);
            }
        }
    }
}

/// `c <- scale a b + keep c`, where rows of `c` begin `stride` elements apart. Where `keep` is 0 what `c` held is not read.
///
/// Panics if the columns of `a` are not as many as the rows of `b`, or if `c` has too few elements.
pub fn multiply<T: Lanes + PartialEq + Default>(
    scale: T,
    a: Grid<'_, T>,
    b: Grid<'_, T>,
    keep: T,
    c: &mut [T],
    stride: usize,
) {
    assert_eq!(a.cols, b.rows, "columns of the left and rows of the right");
    if a.rows > 0 && b.cols > 0 {
        let product = Product { scale, a, b, keep, keeps: keep != T::default(), c, stride };
        Arch::new().dispatch(product);
    }
}

struct Product<'a, T> {
    scale: T,
    a: Grid<'a, T>,
    b: Grid<'a, T>,
    keep: T,
    keeps: bool,
    c: &'a mut [T],
    stride: usize,
}

impl<T: Lanes + Default> WithSimd for Product<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        // Rows of the left stay in the nearest cache while all columns pass.
        let (rows, mut row) = (self.a.rows, 0);
        while row < rows {
            row += match rows - row {
                1 => self.rows::<S, 1>(simd, row),
                2 | 3 => self.rows::<S, 2>(simd, row),
                4 | 5 => self.rows::<S, 4>(simd, row),
                _ => self.rows::<S, 6>(simd, row),
            };
        }
    }
}

impl<T: Lanes + Default> Product<'_, T> {
    /// `R` rows; gives `R`. Their sums of so many vectors, those of a row of `b` and a number of `a` fit in the registers.
    #[inline(always)]
    fn rows<S: Simd, const R: usize>(&mut self, simd: S, row: usize) -> usize {
        let lanes = lanes::<T, S>();
        let (cols, mut col) = (self.b.cols, 0);
        while cols - col >= lanes {
            let vectors = (cols - col) / lanes;
            col += lanes
                * match vectors {
                    4.. if S::REGISTER_COUNT >= 32 => self.block::<S, R, 4>(simd, row, col),
                    2.. => self.block::<S, R, 2>(simd, row, col),
                    _ => self.block::<S, R, 1>(simd, row, col),
                };
        }
        if col < cols {
            self.edge::<S, R>(simd, row, col);
        }
        R
    }

    /// `R` rows of `V` vectors, their sums in registers; gives `V`.
    #[inline(always)]
    fn block<S: Simd, const R: usize, const V: usize>(&mut self, simd: S, row: usize, col: usize) -> usize {
        let a: [&[T]; R] = std::array::from_fn(|r| self.a.row(row + r));
        let mut sums = [[T::splat(simd, T::default()); V]; R];
        // Rows of one length, so that what is checked of them is checked once; the last may end with its columns.
        let rows_of_b = self.b.data.chunks_exact(self.b.stride.max(1));
        let last = rows_of_b.remainder();
        let whole = rows_of_b.len().min(self.a.cols);
        for (k, row_of_b) in (0..whole).zip(rows_of_b) {
            add::<T, S, R, V>(simd, &a, k, &row_of_b[col..], &mut sums);
        }
        if whole < self.a.cols {
            add::<T, S, R, V>(simd, &a, whole, &last[col..], &mut sums);
        }
        let (scale, keep, keeps) = (T::splat(simd, self.scale), T::splat(simd, self.keep), self.keeps);
        for (r, sums) in sums.into_iter().enumerate() {
            let c = &mut self.c[(row + r) * self.stride + col..];
            let c: &mut [T::Vector<S>; V] =
                T::vectors_mut::<S>(c).first_chunk_mut().expect("a row of the product has its columns");
            for (sum, c) in sums.into_iter().zip(c) {
                let value = T::times(simd, scale, sum);
                *c = if keeps { T::plus(simd, value, T::times(simd, keep, *c)) } else { value };
            }
        }
        V
    }

    /// The last columns of `R` rows, fewer than a vector has.
    #[inline(always)]
    fn edge<S: Simd, const R: usize>(&mut self, simd: S, row: usize, col: usize) {
        let (a, used): ([&[T]; R], usize) = (std::array::from_fn(|r| self.a.row(row + r)), self.b.cols - col);
        let mut sums = [T::splat(simd, T::default()); R];
        for k in 0..self.a.cols {
            let b = T::load(simd, &self.b.data[k * self.b.stride + col..][..used]);
            for (sum, a) in sums.iter_mut().zip(&a) {
                *sum = T::fused(simd, T::splat(simd, a[k]), b, *sum);
            }
        }
        let (scale, keep, keeps) = (T::splat(simd, self.scale), T::splat(simd, self.keep), self.keeps);
        for (r, sum) in sums.into_iter().enumerate() {
            let c = &mut self.c[(row + r) * self.stride + col..][..used];
            let mut value = T::times(simd, scale, sum);
            if keeps {
                value = T::plus(simd, value, T::times(simd, keep, T::load(simd, c)));
            }
            T::store(simd, c, value);
        }
    }
}

/// Adds what number k of each row of `a` makes of row k of `b`.
#[inline(always)]
fn add<T: Lanes, S: Simd, const R: usize, const V: usize>(
    simd: S,
    a: &[&[T]; R],
    k: usize,
    b: &[T],
    sums: &mut [[T::Vector<S>; V]; R],
) {
    let b: &[T::Vector<S>; V] = T::vectors::<S>(b).first_chunk().expect("a row is as long as its columns");
    for (sums, a) in sums.iter_mut().zip(a) {
        let a = T::splat(simd, a[k]);
        for (sum, &b) in sums.iter_mut().zip(b) {
            *sum = T::fused(simd, a, b, *sum);
        }
    }
}

#[inline(always)]
fn lanes<T: Lanes, S: Simd>() -> usize {
    size_of::<T::Vector<S>>() / size_of::<T>()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::super::precision::Real;
    use super::*;

    const ROWS: [usize; 8] = [0, 1, 2, 5, 6, 7, 13, 64];
    const COLS: [usize; 12] = [0, 1, 7, 8, 9, 15, 16, 17, 33, 63, 64, 97];
    const DEPTHS: [usize; 6] = [0, 1, 2, 17, 63, 64];
    /// Elements of each row beside the matrix.
    const BESIDE: usize = 3;

    /// Rows of `cols` random numbers, each followed by 99 that belong to nothing.
    fn matrix<T: Real>(rng: &mut ChaCha8Rng, [rows, cols]: [usize; 2]) -> Vec<T> {
        let mut next = |col: usize| if col < cols { rng.random_range(-1.0..1.0) } else { 99.0 };
        (0..rows).flat_map(|_| (0..cols + BESIDE).map(&mut next).collect::<Vec<_>>()).map(T::narrow).collect()
    }

    fn grid<T>(data: &[T], [rows, cols]: [usize; 2]) -> Grid<'_, T> {
        Grid { data, stride: cols + BESIDE, rows, cols }
    }

    /// The rule itself: a plain triple loop over what `c` holds.
    fn plain<T: Real>(scale: T, a: Grid<'_, T>, b: Grid<'_, T>, keep: T, c: &mut [T]) {
        for (i, j) in (0..a.rows).flat_map(|i| (0..b.cols).map(move |j| (i, j))) {
            let c = &mut c[i * (b.cols + BESIDE) + j];
            let sum = (0..a.cols).fold(T::zero(), |sum, k| a.row(i)[k].mul_add(b.row(k)[j], sum));
            *c = if keep == T::zero() { scale * sum } else { scale * sum + keep * *c };
        }
    }

    /// The same bits, or NaN in both; also beside the matrix.
    fn assert_same<T: Real>(got: &[T], expected: &[T], what: &str) {
        assert_eq!(got.len(), expected.len(), "{what}");
        for (at, (&got, &expected)) in got.iter().zip(expected).enumerate() {
            // Through f64, which holds every f32 and tells 0 from -0.
            let same = got.widen().to_bits() == expected.widen().to_bits();
            assert!(same || got.is_nan() && expected.is_nan(), "{what}, at {at}: {got} for {expected}");
        }
    }

    /// One product of random matrices, by `multiply` or another way, against the rule.
    fn check<T: Real>(
        rng: &mut ChaCha8Rng,
        [rows, depth, cols]: [usize; 3],
        change: impl Fn(&mut ChaCha8Rng, &mut T),
        by: impl Fn(T, Grid<'_, T>, Grid<'_, T>, T, &mut [T], usize),
        what: &str,
    ) -> Vec<T> {
        let mut made = [[rows, depth], [depth, cols], [rows, cols]].map(|size| matrix::<T>(rng, size));
        made.iter_mut().flatten().filter(|x| x.widen() != 99.0).for_each(|x| change(rng, x));
        let [a, b, old] = made;
        let (a, b) = (grid(&a, [rows, depth]), grid(&b, [depth, cols]));
        let mut last = Vec::new();
        for keep in [T::zero(), T::one()] {
            let (mut c, mut expected) = (old.clone(), old.clone());
            by(T::narrow(0.3), a, b, keep, &mut c, cols + BESIDE);
            plain(T::narrow(0.3), a, b, keep, &mut expected);
            assert_same(&c, &expected, &format!("{what}: {rows} x {depth} x {cols}, keep {keep}"));
            last = c;
        }
        last
    }

    fn every_size<T: Real>() {
        let rng = &mut ChaCha8Rng::seed_from_u64(3);
        for (rows, cols, depth) in
            ROWS.into_iter().flat_map(|r| COLS.into_iter().flat_map(move |c| DEPTHS.map(|d| (r, c, d))))
        {
            check::<T>(rng, [rows, depth, cols], |_, _| {}, multiply, "here");
        }
    }

    #[test]
    fn every_size_is_the_plain_loop_bit_for_bit() {
        every_size::<f32>();
        every_size::<f64>();
    }

    /// The vectors of other processors, down to one number at a time.
    #[test]
    fn every_width_of_vectors_gives_the_same_bits() {
        fn with<T: Real, S: Simd>(simd: S, what: &str) {
            let rng = &mut ChaCha8Rng::seed_from_u64(4);
            let by = |scale: T, a: Grid<'_, T>, b: Grid<'_, T>, keep: T, c: &mut [T], stride: usize| {
                Product { scale, a, b, keep, keeps: keep != T::zero(), c, stride }.with_simd(simd);
            };
            for size in [[1, 1, 1], [6, 5, 16], [7, 64, 33], [13, 17, 63], [64, 64, 64], [11, 3, 97], [5, 4, 2]] {
                check(rng, size, |_, _| {}, by, what);
            }
        }
        with::<f32, _>(pulp::Scalar, "one f32");
        with::<f64, _>(pulp::Scalar, "one f64");
        with::<f32, _>(pulp::Scalar128b, "128 bits of f32");
        with::<f64, _>(pulp::Scalar128b, "128 bits of f64");
        with::<f32, _>(pulp::Scalar512b, "512 bits of f32");
        with::<f64, _>(pulp::Scalar512b, "512 bits of f64");
    }

    /// NaN, infinities and zeros meet as IEEE 754 has it, and what `c` held counts only where it is kept.
    #[test]
    fn odd_numbers_go_where_the_plain_loop_puts_them() {
        let rng = &mut ChaCha8Rng::seed_from_u64(6);
        let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 0.0, f32::MAX, 1e-45];
        let change = |rng: &mut ChaCha8Rng, x: &mut f32| {
            if rng.random_bool(0.05) {
                *x = odd[rng.random_range(0..odd.len())];
            }
        };
        let (mut nan, mut finite) = (0, 0);
        for size in [[1, 1, 1], [7, 5, 17], [13, 8, 65], [6, 3, 16]] {
            for _ in 0..20 {
                let c = check(rng, size, change, multiply, "odd numbers");
                nan += c.iter().filter(|x| x.is_nan()).count();
                finite += c.iter().filter(|x| x.is_finite()).count();
            }
        }
        assert!(nan > 1000 && finite > 1000, "{nan} NaN, {finite} finite");
        let (ones, mut c) = ([1.0f32; 6], [f32::NAN; 9]);
        let of = |rows, cols| Grid { data: &ones, stride: cols, rows, cols };
        multiply(1.0, of(3, 2), of(2, 3), 0.0, &mut c, 3);
        assert_eq!(c, [2.0; 9], "what was there is not read");
    }

    #[test]
    fn a_grid_turns() {
        let rng = &mut ChaCha8Rng::seed_from_u64(7);
        for size in [[0, 3], [3, 0], [1, 1], [8, 5], [9, 16], [17, 7], [64, 64]] {
            let values = matrix::<f32>(rng, size);
            let (from, mut turned) = (grid(&values, size), vec![7.0; 100]);
            from.turned_into(&mut turned);
            assert_eq!(turned.len(), size[0] * size[1]);
            for (row, col) in (0..size[0]).flat_map(|row| (0..size[1]).map(move |col| (row, col))) {
                assert_eq!(turned[col * size[0] + row], from.row(row)[col], "{size:?} at {row}, {col}");
            }
        }
    }
}
