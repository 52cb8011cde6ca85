//! Which format each tensor of a run has, and the two types that the engine computes in.

use std::borrow::Cow;
use std::fmt;

use ndarray::{ArrayViewMut2, NdFloat};
use serde::{Deserialize, Serialize};

use super::exp;
use super::format::Format;
use super::lanes::Lanes;
use super::product::Grid;
use crate::sentence::Sentence;

/// The formats of a run.
///
/// One format holds the inputs and every stored tensor of theirs, and rounds P before its product; scores on chip, m, l, L
/// and accumulators stay f32. f64 keeps everything in f64. As text: `f16`, or with others for single names, as in
/// `bf16,O=f32,P=e4m3`; `acc=f16` is the format of accumulators and of all values on chip, `scales=block` divides each block
/// of an e4m3 input by a number that makes its largest element 448.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Precision {
    /// Of every tensor that no other is given for.
    pub format: Format,
    acc: Option<Format>,
    own: [Option<Format>; NAMES.len()],
    has_scales: bool,
}

/// Names that can have a format of their own, in the order in which they are written.
pub const NAMES: [&str; 16] = ["Q", "K", "V", "O", "S", "P", "m", "l", "L", "dO", "dQ", "dK", "dV", "dP", "dS", "D"];

const ACC: &str = "acc";

/// Those that a control offers.
pub const OFFERED: [&str; 9] = ["Q", "K", "V", "S", "P", "O", "m", "l", ACC];

impl Precision {
    pub const F64: Self = Self::of(Format::F64);
    pub const F32: Self = Self::of(Format::F32);
    pub const F16: Self = Self::of(Format::F16);
    pub const BF16: Self = Self::of(Format::Bf16);
    pub const E4M3: Self = Self::of(Format::E4m3);

    /// One format for all tensors.
    pub const ALL: [Self; 5] = [Self::F64, Self::F32, Self::F16, Self::BF16, Self::E4M3];

    /// Those of which a NaN and an infinity keep what they mean.
    pub const WITH_INFINITY: [Self; 4] = [Self::F64, Self::F32, Self::F16, Self::BF16];

    pub const fn of(format: Format) -> Self {
        Self { format, acc: None, own: [None; NAMES.len()], has_scales: false }
    }

    /// Of each operand of the two products of a forward pass.
    pub fn of_operands(self) -> [Format; 4] {
        ["Q", "K", "P", "V"].map(|name| self.format_of(name))
    }

    /// As it is written.
    pub fn name(self) -> Cow<'static, str> {
        if self.is_whole() { self.format.name().into() } else { self.to_string().into() }
    }

    /// Errors with what is needed.
    pub fn read(text: &str) -> Result<Self, Sentence> {
        let mut words = text.split(',').map(str::trim);
        let format = words.next().and_then(Format::parse).ok_or_else(|| {
            Sentence::new(
                "it is f64, f32, f16, bf16 or e4m3, and with commas what differs, as in bf16,O=f32 or e4m3,scales=block",
            )
        })?;
        let mut precision = Self::of(format);
        for word in words {
            let (name, value) = word.split_once('=').map_or((word, ""), |(name, value)| (name.trim(), value.trim()));
            if name == "scales" {
                if value != "block" || precision.has_scales {
                    return Err(Sentence::new("{0} is not scales=block, once").with(word));
                }
                precision.has_scales = true;
                continue;
            }
            let known = [&NAMES[..], &[ACC]].concat().join(", ");
            let place = precision
                .place(name)
                .ok_or_else(|| Sentence::new("{0} has no format of its own; these can: {1}").with(name).with(known))?;
            if place.is_some() {
                return Err(Sentence::new("{0} has two formats").with(name));
            }
            let format = Format::parse(value)
                .ok_or_else(|| Sentence::new("{0} is f32, f16, bf16 or e4m3, not {1}").with(name).with(value))?;
            *place = Some(format);
        }
        precision.check()
    }

    /// What is written of it can be computed.
    fn check(self) -> Result<Self, Sentence> {
        let others = || self.acc.into_iter().chain(self.own.into_iter().flatten());
        if self != Self::F64 && (self.format == Format::F64 || others().any(|format| format == Format::F64)) {
            return Err("f64 stands alone: it keeps everything in f64".into());
        }
        let has_e4m3 = ["Q", "K", "V"].into_iter().any(|name| self.format_of(name) == Format::E4m3);
        if self.has_scales && !has_e4m3 {
            return Err("scales=block is of inputs in e4m3, and none of Q, K and V is".into());
        }
        Ok(self)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Format>> {
        match NAMES.iter().position(|known| *known == name) {
            Some(at) => Some(&mut self.own[at]),
            None => (name == ACC).then_some(&mut self.acc),
        }
    }

    /// It with another format for `name`, or for `acc`; `None` takes it back. Errors as [`Precision::read`] does.
    pub fn with(mut self, name: &str, format: Option<Format>) -> Result<Self, Sentence> {
        if let Some(place) = self.place(name) {
            *place = format;
        }
        self.check()
    }

    /// It with a scale for each block of e4m3 inputs, or without. Errors as [`Precision::read`] does.
    pub fn with_scales(mut self, has_scales: bool) -> Result<Self, Sentence> {
        self.has_scales = has_scales;
        self.check()
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text).ok()
    }

    /// One format for all tensors, and accumulators as they usually are.
    pub fn is_whole(self) -> bool {
        self == Self::of(self.format)
    }

    /// The format that was given for one name, or for `acc`.
    pub fn own(mut self, name: &str) -> Option<Format> {
        self.place(name).and_then(|place| *place)
    }

    /// Of a tensor that is an input's, or stored like one, and of an operand of a product.
    pub fn format_of(self, name: &str) -> Format {
        self.own(name).filter(|_| name != ACC).unwrap_or(self.format)
    }

    /// Of the output.
    pub fn of_output(self) -> Format {
        self.format_of("O")
    }

    /// Of scores that are stored.
    pub fn of_scores(self) -> Format {
        self.format_of("S")
    }

    /// Of values on chip, of m, l and L.
    pub fn acc(self) -> Format {
        self.acc.unwrap_or(if self.format == Format::F64 { Format::F64 } else { Format::F32 })
    }

    /// Blocks of inputs in e4m3 have a scale.
    /// Each block of the input of this name has a scale, an f32 of 4 bytes.
    pub fn scales(self, name: &str) -> bool {
        self.has_scales && matches!(name, "Q" | "K" | "V") && self.format_of(name) == Format::E4m3
    }

    pub fn has_scales(self) -> bool {
        self.has_scales
    }

    /// The format with the fewest bits of fraction among those of Q, K, V, S, P and O.
    pub fn coarsest(self) -> Format {
        let formats = ["Q", "K", "V", "S", "P", "O"].map(|name| self.format_of(name));
        formats.into_iter().min_by_key(|format| format.fraction_bits()).unwrap_or(self.format)
    }

    /// Bytes of one element of a tensor that no other format is given for.
    pub fn element_bytes(self) -> u64 {
        self.format.bytes()
    }

    /// Bytes of one element of m, l, L and of the accumulators on chip.
    pub fn accumulator_bytes(self) -> u64 {
        self.acc().bytes()
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.format.name())?;
        let own = NAMES.iter().zip(self.own).chain([(&ACC, self.acc)]);
        for (name, format) in own.filter_map(|(name, format)| Some((name, format?))) {
            write!(f, ",{name}={}", format.name())?;
        }
        if self.has_scales { f.write_str(",scales=block") } else { Ok(()) }
    }
}

impl TryFrom<String> for Precision {
    type Error = Sentence;

    fn try_from(text: String) -> Result<Self, Sentence> {
        Self::read(&text)
    }
}

impl From<Precision> for String {
    fn from(precision: Precision) -> Self {
        precision.to_string()
    }
}

impl schemars::JsonSchema for Precision {
    fn schema_name() -> Cow<'static, str> {
        "Precision".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^(f64|f32|f16|bf16|e4m3)(,[A-Za-z]+=[a-z0-9]+)*$",
            "description": "The format of the tensors in HBM, with commas those of single names: bf16,O=f32. `acc` is that of \
                            accumulators and values on chip; `scales=block` gives blocks of e4m3 inputs a scale.",
        })
    }
}

/// A type that the engine computes in: f32 (for all formats but f64) or f64.
pub trait Real: NdFloat + Lanes + Default + Send + Sync + 'static {
    fn narrow(x: f64) -> Self;
    fn widen(self) -> f64;
    /// Rounds each value to `format` and back: what storing it in that format does. Gives how many saturate.
    fn store_as(values: &mut [Self], format: Format) -> u64;
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
    fn store_as(values: &mut [Self], format: Format) -> u64 {
        match format {
            Format::F64 | Format::F32 => return 0,
            // Each with a loop of its own, which a compiler can make vectors of.
            Format::F16 => values.iter_mut().for_each(|x| *x = Format::F16.round(*x)),
            Format::Bf16 => values.iter_mut().for_each(|x| *x = Format::Bf16.round(*x)),
            Format::E4m3 => {
                let saturated = values.iter().filter(|x| format.saturates(f64::from(**x))).count();
                values.iter_mut().for_each(|x| *x = Format::E4m3.round(*x));
                return saturated as u64;
            }
        }
        0
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
    fn store_as(_: &mut [Self], format: Format) -> u64 {
        debug_assert_eq!(format, Format::F64, "the other formats compute in f32");
        0
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

/// Scores that are stored: a hidden pair stays hidden in a format without infinities, since whoever reads them masks them.
pub fn store_scores_as<T: Real>(values: &mut [T], format: Format) -> u64 {
    if format != Format::E4m3 {
        return T::store_as(values, format);
    }
    let shown = |x: &&mut T| **x != T::neg_infinity();
    values.iter_mut().filter(shown).map(|x| T::store_as(std::slice::from_mut(x), format)).sum()
}

/// A block of an input as it is stored with its scale, `max |x| / 448` in f32: divided, rounded, and multiplied back, as a
/// kernel does with the product of what it reads. A block of zeros, or one that is not finite, has the scale 1. Gives how
/// many saturate: none that is finite.
///
/// Per-block quantization of Shah et al., "FlashAttention-3" (2024), section 3.3.
pub fn store_scaled<T: Real>(mut block: ArrayViewMut2<'_, T>, format: Format) -> u64 {
    let largest = block.iter().fold(T::zero(), |most, x| if x.abs() > most { x.abs() } else { most });
    let scale = largest / T::narrow(f64::from(super::e4m3::LARGEST));
    let scale = if scale > T::zero() && scale.is_finite() { scale } else { T::one() };
    let mut saturated = 0;
    for x in &mut block {
        let mut stored = [*x / scale];
        saturated += T::store_as(&mut stored, format);
        *x = stored[0] * scale;
    }
    saturated
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn what_is_written_is_read_back() {
        for text in ["f64", "f32", "e4m3", "bf16,O=f32", "bf16,O=f32,P=e4m3", "f16,m=f16,acc=f16", "e4m3,scales=block"]
        {
            let precision = Precision::read(text).unwrap();
            assert_eq!(precision.name(), text);
            assert_eq!(Precision::try_from(String::from(precision)), Ok(precision));
        }
        let [a, b] = ["bf16, P=e4m3 ,O=f32", "bf16,O=f32,P=e4m3"].map(|text| Precision::read(text).unwrap());
        assert_eq!(a, b, "in one order");
    }

    #[test]
    fn what_cannot_be_is_told() {
        let told = |text: &str| Precision::read(text).unwrap_err().to_string();
        assert!(told("f8").starts_with("it is f64, f32, f16, bf16 or e4m3"));
        assert!(told("").starts_with("it is f64"));
        assert!(told("f16,X=f32").starts_with("X has no format of its own; these can: Q, K, V, O, S, P, m"));
        assert_eq!(told("f16,O=f32,O=f16"), "O has two formats");
        assert_eq!(told("f16,O=half"), "O is f32, f16, bf16 or e4m3, not half");
        assert_eq!(told("f16,O"), "O is f32, f16, bf16 or e4m3, not ");
        assert_eq!(told("f64,O=f32"), "f64 stands alone: it keeps everything in f64");
        assert_eq!(told("f32,acc=f64"), "f64 stands alone: it keeps everything in f64");
        assert_eq!(told("e4m3,scales=row"), "scales=row is not scales=block, once");
        assert_eq!(told("f16,scales=block"), "scales=block is of inputs in e4m3, and none of Q, K and V is");
    }

    #[test]
    fn each_name_has_its_format() {
        let precision = Precision::read("bf16,O=f32,P=e4m3,m=f16").unwrap();
        let of = |name| precision.format_of(name);
        assert_eq!(["Q", "O", "P", "bias"].map(of), [Format::Bf16, Format::F32, Format::E4m3, Format::Bf16]);
        assert_eq!((precision.acc(), precision.own("m"), precision.own("l")), (Format::F32, Some(Format::F16), None));
        assert_eq!(precision.coarsest(), Format::E4m3);
        assert_eq!(Precision::F64.acc(), Format::F64);
    }

    #[test]
    fn the_largest_of_a_scaled_block_is_exact() {
        let mut block = array![[0.001f32, -0.003], [0.0005, 0.0]];
        assert_eq!(store_scaled(block.view_mut(), Format::E4m3), 0);
        assert!((block[[0, 1]] + 0.003).abs() <= 0.003 * f32::EPSILON);
        assert!((block[[0, 0]] - 0.001).abs() <= 0.001 / 16.0, "{block}");
        let mut unscaled = array![[0.0005f32]];
        f32::store_as(unscaled.as_slice_mut().unwrap(), Format::E4m3);
        assert_eq!(unscaled[[0, 0]], 0.0, "less than half of the smallest number, without a scale");
        let mut zeros = array![[0.0f32, 0.0]];
        store_scaled(zeros.view_mut(), Format::E4m3);
        assert_eq!(zeros, array![[0.0, 0.0]]);
        let mut odd = array![[f32::NAN, 2.0]];
        store_scaled(odd.view_mut(), Format::E4m3);
        assert!(odd[[0, 0]].is_nan() && odd[[0, 1]] == 2.0);
    }
}
