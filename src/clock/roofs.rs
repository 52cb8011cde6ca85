//! The roofs of a chip: what it moves, multiplies and exponentiates a second at most, by its maker's figures.
//!
//! Williams, Waterman, Patterson, "Roofline" (2009); the third roof, of exponentials, after FlashAttention-3 (2024), section
//! 3.1: special-function units do far fewer operations a clock than tensor cores.

use crate::attention::{Format, Precision};
use crate::schedule::Hardware;

/// Rates of a whole chip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofs {
    /// HBM.
    pub bytes_per_s: f64,
    /// Matrix products in the format asked for, two operations a multiply-add.
    pub matmul_per_s: f64,
    pub exp_per_s: f64,
    /// Other operations on single elements: half the peak of f32, which counts a multiply-add as two.
    pub other_per_s: f64,
}

/// What holds a kernel back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roof {
    Bytes,
    Matmul,
    Exp,
}

impl Roof {
    pub const ALL: [Roof; 3] = [Roof::Bytes, Roof::Matmul, Roof::Exp];

    pub fn name(self) -> &'static str {
        match self {
            Roof::Bytes => "bytes",
            Roof::Matmul => "matrix products",
            Roof::Exp => "exponentials",
        }
    }
}

/// A time that nothing which does this work on this chip can beat.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    pub seconds: f64,
    pub by: Roof,
}

impl Roofs {
    /// Products of f16 and bf16 run on tensor cores, those with an operand in f32 beside them. `None` for f64 and e4m3, of
    /// which no rate is known.
    pub fn of(chip: &Hardware, precision: Precision) -> Option<Self> {
        let operands = precision.of_operands();
        let has = |wanted| operands.contains(&wanted);
        if has(Format::F64) || has(Format::E4m3) {
            return None;
        }
        let matmul_per_s = if has(Format::F32) { chip.vector_flops_per_s } else { chip.matmul_flops_per_s };
        Some(Self {
            bytes_per_s: chip.hbm_bytes_per_s,
            matmul_per_s,
            exp_per_s: chip.exp_per_s,
            other_per_s: chip.vector_flops_per_s / 2.0,
        })
    }

    /// FLOPs a byte from which on products are the limit, and no longer memory.
    pub fn ridge(&self) -> f64 {
        self.matmul_per_s / self.bytes_per_s
    }

    /// FLOPs a second under the roof of bytes and that of products, at so many FLOPs a byte.
    pub fn at(&self, intensity: f64) -> f64 {
        (intensity * self.bytes_per_s).min(self.matmul_per_s)
    }

    /// FLOPs a second that exponentials allow, at so many FLOPs for each.
    pub fn under_exp(&self, flops_per_exp: f64) -> f64 {
        flops_per_exp * self.exp_per_s
    }

    /// Seconds of each kind of work, were it alone and the whole chip busy with it.
    pub fn seconds(&self, bytes: f64, matmul: f64, exp: f64) -> [(Roof, f64); 3] {
        let times = [bytes / self.bytes_per_s, matmul / self.matmul_per_s, exp / self.exp_per_s];
        let [b, m, e] = times;
        [(Roof::Bytes, b), (Roof::Matmul, m), (Roof::Exp, e)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::hardware;

    /// 312 / 1.555, 312 / 2.039, 989 / 3.35.
    #[test]
    fn ridges_are_those_of_data_sheets() {
        for (name, ridge) in [("a100-40gb", 201.0), ("a100-80gb", 153.0), ("h100", 295.0)] {
            let chip = hardware::by_name(name).expect("known");
            let roofs = Roofs::of(&chip, Precision::F16).expect("f16");
            assert_eq!(roofs.ridge().round(), ridge, "{name}");
            assert_eq!(roofs.at(2.0 * ridge), roofs.matmul_per_s);
            assert_eq!(roofs.at(1.0), roofs.bytes_per_s);
        }
    }

    /// FlashAttention-3, section 3.1: an H100 does 989 TFLOP/s of products and 3.9 T exponentials; at d = 128 there are 512
    /// FLOPs for each, so that they take half as long as the products.
    #[test]
    fn exponentials_take_half_as_long_as_products_at_d_128() {
        let roofs = Roofs::of(&hardware::by_name("h100").expect("known"), Precision::F16).expect("f16");
        let share = roofs.matmul_per_s / roofs.under_exp(512.0);
        assert!((share - 0.5).abs() < 0.01, "{share}");
    }

    #[test]
    fn f64_has_no_roof() {
        assert_eq!(Roofs::of(&Hardware::default(), Precision::F64), None);
    }
}
