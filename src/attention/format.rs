//! Number formats: how many bytes an element has, what it can hold, and what storing a number in it makes of the number.

use half::{bf16, f16};
use serde::{Deserialize, Serialize};

use super::e4m3;

/// The format of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    F64,
    #[default]
    F32,
    F16,
    Bf16,
    /// 8 bits of the OCP (OFP8, "E4M3FN"): 3 bits of fraction, at most 448, no infinity.
    E4m3,
}

impl Format {
    pub const ALL: [Self; 5] = [Self::F64, Self::F32, Self::F16, Self::Bf16, Self::E4m3];

    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "f64",
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::E4m3 => "e4m3",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F64 => 8,
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::E4m3 => 1,
        }
    }

    /// Narrower than f32, in which the engine then computes.
    pub fn is_narrow(self) -> bool {
        self.bytes() < 4
    }

    /// Bits of the fraction that are stored.
    pub fn fraction_bits(self) -> i32 {
        match self {
            Self::F64 => 52,
            Self::F32 => 23,
            Self::F16 => 10,
            Self::Bf16 => 7,
            Self::E4m3 => 3,
        }
    }

    /// Distance from 1 to the next number.
    pub fn spacing(self) -> f64 {
        f64::from(-self.fraction_bits()).exp2()
    }

    /// Below this number the spacing gets no smaller; 0 where that is far below what a run has.
    pub fn smallest_normal(self) -> f64 {
        match self {
            Self::F64 | Self::F32 | Self::Bf16 => 0.0,
            Self::F16 => 2.0_f64.powi(-14),
            Self::E4m3 => 2.0_f64.powi(-6),
        }
    }

    /// The largest finite number, in digits that say as much.
    pub fn largest(self) -> &'static str {
        match self {
            Self::F64 => "1.80e308",
            Self::F32 => "3.40e38",
            Self::F16 => "65504",
            Self::Bf16 => "3.39e38",
            Self::E4m3 => "448",
        }
    }

    /// The nearest number of the format, ties to even. What f16 and bf16 cannot hold becomes an infinity, in e4m3, which has
    /// none, ±448.
    pub fn round(self, x: f32) -> f32 {
        match self {
            Self::F64 | Self::F32 => x,
            Self::F16 => f16::from_f32(x).to_f32(),
            Self::Bf16 => bf16::from_f32(x).to_f32(),
            Self::E4m3 => e4m3::round(x),
        }
    }

    /// A finite number that the format can only hold as its largest one.
    pub fn saturates(self, x: f64) -> bool {
        self == Self::E4m3 && x.is_finite() && x.abs() > e4m3::HIGHEST_ROUNDED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spacing_bytes_and_largest_are_those_of_the_formats() {
        for format in Format::ALL {
            assert_eq!(Format::parse(format.name()), Some(format));
            let next = 1.0 + format.spacing() as f32;
            assert_eq!(format.round(next), next, "{}", format.name());
            if format.is_narrow() {
                // Half way goes to the even neighbour, which is 1; a little above it does not.
                let half = 1.0 + format.spacing() as f32 / 2.0;
                assert_eq!(format.round(half), 1.0, "{}", format.name());
                assert_eq!(format.round(half + 1e-6), next, "{}", format.name());
                let largest: f32 = format.largest().parse().unwrap();
                assert!((format.round(largest) - largest).abs() <= largest * 2e-3, "{}", format.name());
            }
        }
        assert_eq!([2.0f32.powi(17), f32::INFINITY].map(|x| Format::F16.round(x)), [f32::INFINITY; 2]);
        assert_eq!([f32::MAX, f32::INFINITY].map(|x| Format::Bf16.round(x)), [f32::INFINITY; 2]);
        assert_eq!([465.0, f32::INFINITY, -1e9].map(|x| Format::E4m3.round(x)), [448.0, 448.0, -448.0]);
        assert!(Format::ALL.iter().all(|format| format.round(f32::NAN).is_nan()));
    }

    #[test]
    fn what_saturates_is_finite_and_rounds_past_the_largest() {
        let saturates = |x: f64| Format::E4m3.saturates(x);
        assert_eq!([448.0, 464.0, 464.1, -465.0, 1e30].map(saturates), [false, false, true, true, true]);
        assert_eq!([f64::INFINITY, f64::NAN].map(saturates), [false, false]);
        assert!(!Format::F16.saturates(1e9), "it becomes an infinity, which is seen");
    }
}
