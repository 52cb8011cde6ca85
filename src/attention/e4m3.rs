//! fp8 E4M3 with a finite range ("E4M3FN"): a sign, 4 bits of exponent with bias 7, 3 bits of fraction; no infinity, one NaN.
//!
//! OCP 8-bit Floating Point Specification (OFP8) 1.0, section 5. Numbers from 2^-6 are normal, below lie multiples of 2^-9.
//! Conversions saturate, as `cvt.rn.satfinite.e4m3x2.f32` of PTX does: what is beyond 448 becomes 448.

/// The largest number.
pub const LARGEST: f32 = 448.0;

/// Up to here numbers round to [`LARGEST`]: the tie with the 480 that the format would have next goes to the even fraction.
pub const HIGHEST_ROUNDED: f64 = 464.0;

/// The smallest normal number is `2^LOWEST_EXPONENT`.
const LOWEST_EXPONENT: i32 = -6;
const FRACTION_BITS: i32 = 3;

/// The nearest number of the format, ties to even, saturating. NaN stays NaN.
pub fn round(x: f32) -> f32 {
    let size = x.abs();
    if size.is_nan() {
        return x;
    }
    if f64::from(size) > HIGHEST_ROUNDED {
        return LARGEST.copysign(x);
    }
    // Powers of two, so that both operations are exact and only the rounding between them is not.
    let exponent = (((size.to_bits() >> 23) as i32) - 127).max(LOWEST_EXPONENT);
    let spacing = power_of_two(exponent - FRACTION_BITS);
    ((size / spacing).round_ties_even() * spacing).copysign(x)
}

/// Of a normal number.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a code stands for, by the table of the specification: written out apart from the rounding.
    fn value_of(code: u8) -> f64 {
        let (sign, exponent, fraction) = (code >> 7, i32::from(code >> 3 & 15), f64::from(code & 7));
        let size = match (exponent, code & 7) {
            (15, 7) => f64::NAN,
            (0, _) => fraction / 8.0 * 2f64.powi(-6),
            _ => (1.0 + fraction / 8.0) * 2f64.powi(exponent - 7),
        };
        if sign == 1 { -size } else { size }
    }

    fn codes() -> impl Iterator<Item = u8> {
        (0..=255).filter(|code| code & 0x7f != 0x7f)
    }

    #[test]
    fn the_ends_of_the_table_are_those_of_the_specification() {
        let named =
            [(0x7e, 448.0), (0x08, 2f64.powi(-6)), (0x07, 0.875 * 2f64.powi(-6)), (0x01, 2f64.powi(-9)), (0x38, 1.0)];
        for (code, value) in named {
            assert_eq!(value_of(code), value);
            assert_eq!(value_of(code | 0x80), -value);
        }
        assert!(value_of(0x7f).is_nan() && value_of(0xff).is_nan());
        assert_eq!(codes().count(), 254);
    }

    #[test]
    fn every_code_is_its_own_rounding() {
        for code in codes() {
            let value = value_of(code);
            let rounded = round(value as f32);
            assert_eq!((f64::from(rounded), rounded.is_sign_negative()), (value, code >= 0x80), "code {code:#x}");
        }
        assert!(round(f32::NAN).is_nan());
    }

    /// Between two neighbours: what is nearer, and half way the one with the even code.
    #[test]
    fn every_midpoint_goes_to_the_even_code() {
        for code in 0..0x7e_u8 {
            let (low, high) = (value_of(code), value_of(code + 1));
            let middle = ((low + high) / 2.0) as f32;
            let even = if code % 2 == 0 { low } else { high };
            for sign in [1.0f32, -1.0] {
                assert_eq!(f64::from(sign * round(sign * middle)), even, "between {low} and {high}");
                let below = f32::from_bits(middle.to_bits() - 1);
                let above = f32::from_bits(middle.to_bits() + 1);
                assert_eq!(f64::from(sign * round(sign * below)), low);
                assert_eq!(f64::from(sign * round(sign * above)), high);
            }
        }
    }

    #[test]
    fn what_is_beyond_the_largest_saturates() {
        for x in [464.0, 464.1, 480.0, 1e30, f32::MAX, f32::INFINITY] {
            assert_eq!([round(x), round(-x)], [448.0, -448.0], "{x}");
        }
        let lost = [2f32.powi(-10), 1e-20, f32::from_bits(1)];
        assert!(lost.iter().all(|&x| round(x) == 0.0), "half of the smallest number goes to the even 0");
    }
}
