//! The f32 exponential of the engine, written so that a compiler can run many lanes of it at once.

/// `x <- exp(x - shift)` for each value, within one unit in the last place of f32.
///
/// No operation is fused, so that every processor gives the same bits. Method: `x = n ln 2 + r` with `|r| <= ln 2 / 2`,
/// a polynomial of degree 7 in `r` (coefficients of Cephes' `expf`), then the exponent bits.
pub fn exp_minus_f32(values: &mut [f32], shift: f32) {
    pulp::Arch::new().dispatch(|| {
        for x in values {
            *x = exp(*x - shift);
        }
    });
}

/// Below this the result rounds to 0, above [`HIGHEST`] it is infinite.
const LOWEST: f32 = -104.0;
const HIGHEST: f32 = 88.8;
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
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5.0e-1;
    let y = p * (r * r) + r + 1.0;
    // n as an integer stands in the low bits of `rounded`. Two factors of 2^(n/2), so that neither overflows where the
    // product is a denormal or close to the largest f32.
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    y * power_of_two(half) * power_of_two(n.wrapping_sub(half))
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
