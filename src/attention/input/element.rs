//! The element kinds that files hold, and what their bits mean as f64. One list for every container.

use half::{bf16, f16};

use crate::sentence::Sentence;

/// What one element of an array is. Every number is exact in f64, but for whole numbers beyond 2^53.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F64,
    F32,
    F16,
    Bf16,
    /// E4M3FN of <https://arxiv.org/abs/2209.05433>: no infinity, one NaN a sign.
    F8E4M3,
    /// E5M2 of the same paper: the upper byte of an f16.
    F8E5M2,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
    /// Text of this many characters, as NumPy keeps it: four bytes each where `wide`, else one.
    Text {
        characters: usize,
        wide: bool,
    },
}

impl Element {
    pub fn name(self) -> &'static str {
        match self {
            Element::F64 => "f64",
            Element::F32 => "f32",
            Element::F16 => "f16",
            Element::Bf16 => "bf16",
            Element::F8E4M3 => "f8 (e4m3)",
            Element::F8E5M2 => "f8 (e5m2)",
            Element::I64 => "int64",
            Element::I32 => "int32",
            Element::I16 => "int16",
            Element::I8 => "int8",
            Element::U64 => "uint64",
            Element::U32 => "uint32",
            Element::U16 => "uint16",
            Element::U8 => "uint8",
            Element::Bool => "bool",
            Element::Text { .. } => "text",
        }
    }

    /// Bytes of one element in the file.
    pub fn bytes(self) -> usize {
        match self {
            Element::F64 | Element::I64 | Element::U64 => 8,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F16 | Element::Bf16 | Element::I16 | Element::U16 => 2,
            Element::F8E4M3 | Element::F8E5M2 | Element::I8 | Element::U8 | Element::Bool => 1,
            Element::Text { characters, wide } => characters * if wide { 4 } else { 1 },
        }
    }

    pub fn is_float(self) -> bool {
        self.bytes() > 0 && !self.is_whole() && !matches!(self, Element::Bool | Element::Text { .. })
    }

    /// Signed or unsigned whole numbers.
    pub fn is_whole(self) -> bool {
        use Element::{I8, I16, I32, I64, U8, U16, U32, U64};
        matches!(self, I8 | I16 | I32 | I64 | U8 | U16 | U32 | U64)
    }

    /// Appends the numbers of `data`, whole elements one after the other.
    ///
    /// Errors on a boolean that is neither 0 nor 1, and on text.
    pub fn decode(self, data: &[u8], is_big_endian: bool, to: &mut Vec<f64>) -> Result<(), Sentence> {
        fn each<const N: usize>(data: &[u8], is_big_endian: bool, to: &mut Vec<f64>, widen: impl Fn([u8; N]) -> f64) {
            let (elements, _) = data.as_chunks::<N>();
            to.extend(elements.iter().map(|&bytes| {
                let mut bytes = bytes;
                if is_big_endian {
                    bytes.reverse();
                }
                widen(bytes)
            }));
        }
        let big = is_big_endian;
        match self {
            Element::F64 => each(data, big, to, f64::from_le_bytes),
            Element::F32 => each(data, big, to, |bytes| f32::from_le_bytes(bytes).into()),
            Element::F16 => each(data, big, to, |bytes| f16::from_le_bytes(bytes).into()),
            Element::Bf16 => each(data, big, to, |bytes| bf16::from_le_bytes(bytes).into()),
            Element::F8E4M3 => each(data, big, to, |[bits]| of_e4m3(bits)),
            Element::F8E5M2 => each(data, big, to, |[bits]| f16::from_bits(u16::from(bits) << 8).into()),
            Element::I64 => each(data, big, to, |bytes| i64::from_le_bytes(bytes) as f64),
            Element::I32 => each(data, big, to, |bytes| i32::from_le_bytes(bytes).into()),
            Element::I16 => each(data, big, to, |bytes| i16::from_le_bytes(bytes).into()),
            Element::I8 => each(data, big, to, |bytes| i8::from_le_bytes(bytes).into()),
            Element::U64 => each(data, big, to, |bytes| u64::from_le_bytes(bytes) as f64),
            Element::U32 => each(data, big, to, |bytes| u32::from_le_bytes(bytes).into()),
            Element::U16 => each(data, big, to, |bytes| u16::from_le_bytes(bytes).into()),
            Element::U8 => each(data, big, to, |[byte]| byte.into()),
            Element::Bool => match data.iter().find(|&&byte| byte > 1) {
                Some(odd) => return Err(Sentence::new("a bool is 0 or 1, and one here is {0}").with(odd)),
                None => each(data, big, to, |[byte]| byte.into()),
            },
            Element::Text { .. } => return Err("text is not read; save an array of float32".into()),
        }
        Ok(())
    }

    /// The text of one element, without the zeros that fill it. `None` where it is not Unicode, or no text.
    pub fn text(self, data: &[u8], is_big_endian: bool) -> Option<String> {
        let Element::Text { wide, .. } = self else { return None };
        let text = if wide {
            let (characters, _) = data.as_chunks::<4>();
            let code =
                |&bytes: &[u8; 4]| if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
            characters.iter().map(|bytes| char::from_u32(code(bytes))).collect::<Option<String>>()?
        } else {
            std::str::from_utf8(data).ok()?.to_owned()
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// Four bits of exponent with bias 7, three of mantissa.
fn of_e4m3(bits: u8) -> f64 {
    let sign = if bits & 0x80 == 0 { 1.0 } else { -1.0 };
    let (exponent, mantissa) = (i32::from(bits >> 3 & 0xf), f64::from(bits & 7));
    sign * match (exponent, bits & 7) {
        (0xf, 7) => f64::NAN,
        (0, _) => mantissa * 2f64.powi(-9),
        _ => (1.0 + mantissa / 8.0) * 2f64.powi(exponent - 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of ml_dtypes 0.6.0.
    #[test]
    fn eight_bits_are_what_their_paper_says() {
        let read = |element: Element, bits: u8| {
            let mut to = Vec::new();
            element.decode(&[bits], false, &mut to).unwrap();
            to[0]
        };
        for (bits, value) in [
            (0x00, 0.0),
            (0x01, 0.001953125),
            (0x07, 0.013671875),
            (0x08, 0.015625),
            (0x38, 1.0),
            (0x7e, 448.0),
            (0xb9, -1.125),
        ] {
            assert_eq!(read(Element::F8E4M3, bits), value, "{bits:#x}");
        }
        assert!(read(Element::F8E4M3, 0x7f).is_nan() && read(Element::F8E4M3, 0xff).is_nan());
        for (bits, value) in [(0x3c, 1.0), (0x7b, 57344.0), (0x7c, f64::INFINITY), (0x01, 1.52587890625e-05)] {
            assert_eq!(read(Element::F8E5M2, bits), value, "{bits:#x}");
        }
    }

    #[test]
    fn text_is_read_whole_or_not_at_all() {
        let wide = Element::Text { characters: 3, wide: true };
        let bytes: Vec<u8> = "né\0".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        assert_eq!(wide.text(&bytes, false).as_deref(), Some("né"));
        assert_eq!(wide.text(&[0xff; 12], false), None);
        assert_eq!(Element::Text { characters: 4, wide: false }.text(b"bnhd", false).as_deref(), Some("bnhd"));
    }
}
