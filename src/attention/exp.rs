//! The f32 exponential of the engine, written so that a compiler can run many lanes of it at once.

use pulp::{Arch, Simd, WithSimd};

use super::product::Grid;

/// `x <- exp(x - shift)` for each value, within one unit in the last place of f32.
///
/// Which operations are fused is written out, so that every processor gives the same bits. Method: `x = n ln 2 + r` with `|r| <= ln 2 / 2`,
/// a polynomial of degree 7 in `r` (coefficients of Cephes' `expf`), then the exponent bits.
pub fn exp_minus_f32(values: &mut [f32], shift: f32) {
    Arch::new().dispatch(InPlace(values, shift));
}

/// [`exp_minus_f32`] of whole rows, each with its shift, into rows that begin `stride` elements apart.
pub fn exp_minus_rows_f32(from: Grid<'_, f32>, shifts: &[f32], into: &mut [f32], stride: usize) {
    Arch::new().dispatch(OfRows { from, shifts, into, stride });
}

/// As many at a time as the widest vectors hold.
const LANES: usize = 16;

struct InPlace<'a>(&'a mut [f32], f32);

struct OfRows<'a> {
    from: Grid<'a, f32>,
    shifts: &'a [f32],
    into: &'a mut [f32],
    stride: usize,
}

impl WithSimd for InPlace<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self(values, shift) = self;
        let (chunks, rest) = values.as_chunks_mut::<LANES>();
        chunks.iter_mut().for_each(|chunk| *chunk = exp_of(*chunk, shift));
        if !rest.is_empty() {
            let last = exp_of(filled_up(rest), shift);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}

impl WithSimd for OfRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (row, &shift) in self.shifts.iter().enumerate() {
            let from = self.from.row(row);
            let into = &mut self.into[row * self.stride..][..from.len()];
            let ((from, last), (into, into_last)) = (from.as_chunks::<LANES>(), into.as_chunks_mut::<LANES>());
            into.iter_mut().zip(from).for_each(|(into, &x)| *into = exp_of(x, shift));
            if !last.is_empty() {
                into_last.copy_from_slice(&exp_of(filled_up(last), shift)[..last.len()]);
            }
        }
    }
}

#[inline(always)]
fn filled_up(values: &[f32]) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    lanes[..values.len()].copy_from_slice(values);
    lanes
}

#[inline(always)]
fn exp_of(mut values: [f32; LANES], shift: f32) -> [f32; LANES] {
    values.iter_mut().for_each(|x| *x -= shift);
    if values.iter().fold(true, |all, x| all & (x.abs() <= NORMAL)) {
        values.iter_mut().for_each(|x| *x = exp_of_normal(*x));
    } else {
        values.iter_mut().for_each(|x| *x = exp(*x));
    }
    values
}

/// Below this the result rounds to 0, above [`HIGHEST`] it is infinite.
const LOWEST: f32 = -104.0;
const HIGHEST: f32 = 88.8;
/// Up to this from 0 the result is neither denormal nor infinite.
const NORMAL: f32 = 87.0;
/// Adding 1.5 * 2^23 to a small f32 rounds it to the nearest integer.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts; products of the first with integers up to 2^8 are exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

#[inline(always)]
fn exp(x: f32) -> f32 {
    // Comparisons, not `clamp`: a NaN must come out as a NaN.
    let x = if x < LOWEST { LOWEST } else { x };
    let x = if x > HIGHEST { HIGHEST } else { x };
    let (y, rounded) = without_exponent(x);
    // n as an integer stands in the low bits of `rounded`. Two factors of 2^(n/2), so that neither overflows where the
    // product is a denormal or close to the largest f32.
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    y * power_of_two(half) * power_of_two(n.wrapping_sub(half))
}

/// The same bits where |x| is at most [`NORMAL`]: n goes straight to the exponent, which has room for it.
#[inline(always)]
fn exp_of_normal(x: f32) -> f32 {
    let (y, rounded) = without_exponent(x);
    f32::from_bits(y.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// exp(x) / 2^n, and n + [`ROUND`].
#[inline(always)]
fn without_exponent(x: f32) -> (f32, f32) {
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let mut p = 1.987_569_1e-4;
    p = r.mul_add(p, 1.398_199_9e-3);
    p = r.mul_add(p, 8.333_452e-3);
    p = r.mul_add(p, 4.166_579_6e-2);
    p = r.mul_add(p, 1.666_666_5e-1);
    p = r.mul_add(p, 5.0e-1);
    (r.mul_add(r.mul_add(p, 1.0), 1.0), rounded)
}

#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance to the exact value in units in the last place of the nearest f32.
    fn ulps(x: f32) -> f64 {
        let (got, exact) = (f64::from(exp(x)), f64::from(x).exp());
        let nearest = exact as f32;
        let ulp = f64::from(f32::from_bits(nearest.to_bits() + 1)) - f64::from(nearest);
        (got - exact).abs() / ulp
    }

    #[test]
    fn within_one_ulp_over_the_whole_range() {
        // Every 97th f32 from -104 to 88.7: 22 million values.
        let worst =
            |range: std::ops::Range<u32>| range.step_by(97).map(|b| ulps(f32::from_bits(b))).fold(0.0, f64::max);
        let negative = worst((-0.0f32).to_bits()..(-103.9f32).to_bits());
        let positive = worst(0.0f32.to_bits()..88.7f32.to_bits());
        assert!(negative <= 1.0, "worst error below 0: {negative} ulp");
        assert!(positive <= 1.0, "worst error above 0: {positive} ulp");
    }

    /// The rule for numbers whose results are normal gives what the other gives: in a row, what stands beside a number
    /// changes nothing.
    #[test]
    fn both_rules_give_the_same_bits() {
        for bits in (0..=NORMAL.to_bits()).step_by(97).chain([NORMAL.to_bits()]) {
            for x in [f32::from_bits(bits), -f32::from_bits(bits)] {
                assert_eq!(exp(x).to_bits(), exp_of_normal(x).to_bits(), "{x}");
            }
        }
    }

    /// Rows of every length, whole and in place, beside numbers that are not theirs.
    #[test]
    fn every_way_gives_the_same_bits() {
        for cols in [1, 7, 15, 16, 17, 33, 64] {
            let values: Vec<f32> = (0..3 * (cols + 2)).map(|n| (n as f32 * 0.37).sin() * 90.0).collect();
            let shifts = [0.5, -3.0, 90.0];
            let from = Grid { data: &values, stride: cols + 2, rows: 3, cols };
            let mut into = vec![7.0; 3 * (cols + 1)];
            exp_minus_rows_f32(from, &shifts, &mut into, cols + 1);
            for (row, shift) in shifts.into_iter().enumerate() {
                let mut alone = from.row(row).to_vec();
                exp_minus_f32(&mut alone, shift);
                let made = &into[row * (cols + 1)..][..cols + 1];
                assert_eq!(made[cols], 7.0, "beside the row");
                for ((made, alone), x) in made.iter().zip(&alone).zip(from.row(row)) {
                    let plain = exp(x - shift);
                    assert!(
                        made.to_bits() == plain.to_bits() && alone.to_bits() == plain.to_bits(),
                        "exp({x} - {shift})"
                    );
                }
            }
        }
    }

    #[test]
    fn the_ends_and_the_odd_ones() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1e30), 0.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
        let mut row = [1.0, f32::NEG_INFINITY, 2.0];
        exp_minus_f32(&mut row, 2.0);
        assert_eq!([row[1], row[2]], [0.0, 1.0]);
    }
}
