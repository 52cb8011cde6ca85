//! Number formats: what a kernel rounds, what it keeps, and the two types that the engine computes in.

use half::{bf16, f16};
use ndarray::NdFloat;
use serde::{Deserialize, Serialize};

use super::exp;
use super::lanes::Lanes;
use super::product::Grid;

/// The format of the tensors in HBM. f16 and bf16 round the inputs, P before its product, and every stored
/// tensor of that type; scores on chip, m, l, L and accumulators stay f32. f64 keeps everything in f64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    F64,
    #[default]
    F32,
    F16,
    Bf16,
}

impl Precision {
    pub const ALL: [Precision; 4] = [Precision::F64, Precision::F32, Precision::F16, Precision::Bf16];

    pub fn name(self) -> &'static str {
        match self {
            Precision::F64 => "f64",
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Bytes of one element of Q, K, V, O, S, P and bias in HBM.
    pub fn element_bytes(self) -> u64 {
        match self {
            Precision::F64 => 8,
            Precision::F32 => 4,
            Precision::F16 | Precision::Bf16 => 2,
        }
    }

    /// Bytes of one element of m, l, L and of the accumulators on chip.
    pub fn accumulator_bytes(self) -> u64 {
        if self == Precision::F64 { 8 } else { 4 }
    }
}

/// A type that the engine computes in: f32 (for f32, f16 and bf16) or f64.
pub trait Real: NdFloat + Lanes + Default + Send + Sync + 'static {
    fn narrow(x: f64) -> Self;
    fn widen(self) -> f64;
    /// Rounds each value to `precision` and back: what storing it in that format does.
    fn store_as(values: &mut [Self], precision: Precision);
    /// `x <- exp(x - shift)` for each value.
    fn exp_minus(values: &mut [Self], shift: Self);
    /// The same of whole rows, each with its shift, into rows that begin `stride` elements apart.
    fn exp_minus_rows(from: Grid<'_, Self>, shifts: &[Self], into: &mut [Self], stride: usize);
}

impl Real for f32 {
    fn narrow(x: f64) -> Self {
        x as f32
    }
    fn widen(self) -> f64 {
        f64::from(self)
    }
    fn store_as(values: &mut [Self], precision: Precision) {
        match precision {
            Precision::F64 | Precision::F32 => {}
            Precision::F16 => values.iter_mut().for_each(|x| *x = f16::from_f32(*x).to_f32()),
            Precision::Bf16 => values.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32()),
        }
    }
    fn exp_minus(values: &mut [Self], shift: Self) {
        exp::exp_minus_f32(values, shift);
    }
    fn exp_minus_rows(from: Grid<'_, Self>, shifts: &[Self], into: &mut [Self], stride: usize) {
        exp::exp_minus_rows_f32(from, shifts, into, stride);
    }
}

impl Real for f64 {
    fn narrow(x: f64) -> Self {
        x
    }
    fn widen(self) -> f64 {
        self
    }
    fn store_as(values: &mut [Self], precision: Precision) {
        debug_assert_eq!(precision, Precision::F64, "the other precisions compute in f32");
        let _ = values;
    }
    fn exp_minus(values: &mut [Self], shift: Self) {
        values.iter_mut().for_each(|x| *x = (*x - shift).exp());
    }
    fn exp_minus_rows(from: Grid<'_, Self>, shifts: &[Self], into: &mut [Self], stride: usize) {
        for (row, &shift) in shifts.iter().enumerate() {
            let into = &mut into[row * stride..];
            into.iter_mut().zip(from.row(row)).for_each(|(into, x)| *into = (x - shift).exp());
        }
    }
}
