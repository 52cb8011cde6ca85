//! One `.npy` array. Its header is parsed by a guard of our own, which believes no size; the data are read as far as
//! the header promises and no further.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::Read;

use ndarray::{ArrayD, ShapeBuilder};

use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::npy_header::{self, Fault, Header, fault};
use crate::sentence::Sentence;

/// NumPy's own limit on the header text, in bytes.
const LONGEST_HEADER: usize = 10_000;
const MAX_RANK: usize = 4;
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// Bytes that are decoded at a time: a multiple of every element's.
const CHUNK: usize = 1 << 16;

/// Reads the header of the `.npy` file in `source`, and no byte after it; `array` is its name in messages.
pub fn header(array: &str, mut source: impl Read) -> Result<Header, InputError> {
    read_header(&mut source, &mut Vec::new()).map_err(|fault| named(array, fault))
}

/// Reads the `.npy` file in `source` as f64 in C order; `array` is its name in messages. Booleans become 0 and 1.
/// `as_bf16`: 16-bit whole numbers are the bits of bf16.
///
/// Accepts versions 1 to 3, at most four axes, every [`Element`] but text, either byte order, C and Fortran order. Bytes
/// after the data are refused: they mean that the header is wrong. Reads `source` only as far as the header promises,
/// so that a stream may hide a bomb.
pub fn read(array: &str, mut source: impl Read, as_bf16: bool, budget: &mut Budget) -> Result<ArrayD<f64>, InputError> {
    let mut start = Vec::new();
    let mut header = read_header(&mut source, &mut start).map_err(|fault| named(array, fault))?;
    if as_bf16 && matches!(header.element, Element::I16 | Element::U16) {
        header.element = Element::Bf16;
    }
    let elements = budget.take(Sentence::new("array {0}").with(array), &header.shape, header.element)?;
    read_data(start.len(), source, &header, elements).map_err(|fault| named(array, fault))
}

/// The text in `source`, an array of one element. `None` where it holds anything else.
pub fn text(array: &str, mut source: impl Read) -> Result<Option<String>, InputError> {
    let mut start = Vec::new();
    let header = read_header(&mut source, &mut start).map_err(|fault| named(array, fault))?;
    if header.shape.iter().any(|&size| size != 1) {
        return Ok(None);
    }
    let (mut bytes, length) = (Vec::new(), header.element.bytes());
    append(&mut source, &mut bytes, length, "the data").map_err(|fault| named(array, fault))?;
    Ok(header.element.text(&bytes, header.is_big_endian))
}

fn named(array: &str, fault: Fault) -> InputError {
    InputError::Npy { array: array.into(), offset: fault.offset, fault: fault.text }
}

/// Appends the header of `source` to `bytes`.
fn read_header(source: &mut impl Read, bytes: &mut Vec<u8>) -> Result<Header, Fault> {
    append(source, bytes, 8, "the magic and version")?;
    if !bytes.starts_with(MAGIC) {
        return fault(0, "this is not a .npy file: it must begin with \\x93NUMPY; save it again with numpy.save");
    }
    let length = match bytes[6..8] {
        [1, 0] => {
            append(source, bytes, 2, "the header length")?;
            usize::from(u16::from_le_bytes([bytes[8], bytes[9]]))
        }
        [2 | 3, 0] => {
            append(source, bytes, 4, "the header length")?;
            u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]) as usize
        }
        _ => {
            let text = Sentence::new("version {0}.{1} is unknown; 1.0, 2.0 and 3.0 are read");
            return fault(6, text.with(bytes[6]).with(bytes[7]));
        }
    };
    if length > LONGEST_HEADER {
        let text = Sentence::new("a header of {0} {0|byte|bytes}; NumPy itself allows {1}");
        return fault(8, text.with(length).with(LONGEST_HEADER));
    }
    let start = bytes.len();
    append(source, bytes, length, "the header")?;
    let header = npy_header::parse(&bytes[start..], start)?;
    if header.shape.len() > MAX_RANK {
        let text = Sentence::new("{0} {0|axis|axes}; at most {1} are read");
        return fault(start, text.with(header.shape.len()).with(MAX_RANK));
    }
    Ok(header)
}

/// Appends exactly `count` bytes of `source`.
fn append(source: &mut impl Read, bytes: &mut Vec<u8>, count: usize, what: &'static str) -> Result<(), Fault> {
    let start = bytes.len();
    // `take` and not a buffer of `count`: memory grows with the bytes that are there, not with those promised.
    match source.take(count as u64).read_to_end(bytes) {
        Ok(found) if found == count => Ok(()),
        Ok(found) => {
            let text = Sentence::new("the file ends after {0} of the {1} {1|byte|bytes} of {2}");
            fault(start, text.with(found).with(count).and(what))
        }
        Err(error) => fault(bytes.len(), Sentence::new("cannot read {0}: {1}").and(what).with(error)),
    }
}

/// Decodes the data in `source`, which begin at byte `start` of the file, and checks that nothing comes after them.
/// Memory grows with the bytes that are there, not with those promised.
fn read_data(start: usize, mut source: impl Read, header: &Header, elements: usize) -> Result<ArrayD<f64>, Fault> {
    let bytes = elements * header.element.bytes();
    let (mut values, mut chunk, mut left) = (Vec::new(), Vec::new(), bytes);
    while left > 0 {
        chunk.clear();
        let wanted = left.min(CHUNK);
        match (&mut source).take(wanted as u64).read_to_end(&mut chunk) {
            Ok(found) if found == wanted => {}
            Ok(_) => {
                let text = Sentence::new("the file ends before the {0} {0|byte|bytes} of data that the shape needs");
                return fault(start, text.with(bytes));
            }
            Err(error) => return fault(start, Sentence::new("cannot read {0}: {1}").and("the data").with(error)),
        }
        header.element.decode(&chunk, header.is_big_endian, &mut values).or_else(|text| fault(start, text))?;
        left -= wanted;
    }
    // Reading on to the end also makes a zip entry check its sum.
    match source.read(&mut [0]) {
        Ok(0) => {}
        Ok(_) => return fault(start + bytes, "more bytes follow than the shape needs; save the array again"),
        Err(error) => return fault(start + bytes, Sentence::new("cannot read to the end: {0}").with(error)),
    }
    let shape = header.shape.as_slice().set_f(header.fortran);
    let array = ArrayD::from_shape_vec(shape, values).or_else(|error| fault(start, Sentence::verbatim(error)))?;
    // Everything downstream counts on rows that are contiguous.
    Ok(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of the given version, with a header that is padded as NumPy pads it.
    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        let text = format!("{header:<117}\n");
        if version == 1 {
            bytes.extend((text.len() as u16).to_le_bytes());
        } else {
            bytes.extend((text.len() as u32).to_le_bytes());
        }
        bytes.extend(text.as_bytes());
        bytes.extend(data);
        bytes
    }

    fn array(descr: &str, shape: &str, data: &[u8]) -> Result<ArrayD<f64>, InputError> {
        let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}");
        read("Q", file(1, &header, data).as_slice(), false, &mut Budget::new())
    }

    fn message(result: Result<ArrayD<f64>, InputError>) -> String {
        let text = result.expect_err("must be refused").to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn every_type_and_both_byte_orders() {
        let bytes = |values: [f64; 2]| values.map(f64::to_le_bytes).concat();
        let read = |descr: &str, data: &[u8]| array(descr, "(2,)", data).unwrap().into_raw_vec_and_offset().0;
        assert_eq!(read("'<f8'", &bytes([1.5, -2.0])), [1.5, -2.0]);
        assert_eq!(read("\">f8\"", &[1.5f64, -2.0].map(f64::to_be_bytes).concat()), [1.5, -2.0]);
        assert_eq!(read("'<f4'", &[1.5f32, -2.0].map(f32::to_le_bytes).concat()), [1.5, -2.0]);
        assert_eq!(read("'>f2'", &[0x3e00u16, 0xc000].map(u16::to_be_bytes).concat()), [1.5, -2.0]);
        assert_eq!(read("'|i1'", &[3, 0xfe]), [3.0, -2.0]);
        assert_eq!(read("'>i2'", &[0, 3, 0xff, 0xfe]), [3.0, -2.0]);
        assert_eq!(read("'<i4'", &[3i32, -2].map(i32::to_le_bytes).concat()), [3.0, -2.0]);
        assert_eq!(read("'<i8'", &[3i64, -2].map(i64::to_le_bytes).concat()), [3.0, -2.0]);
        assert_eq!(read("'|u1'", &[3, 254]), [3.0, 254.0]);
        assert_eq!(read("'<u2'", &[3, 0, 0, 1]), [3.0, 256.0]);
        assert_eq!(read("'>u4'", &[3u32, 1 << 31].map(u32::to_be_bytes).concat()), [3.0, 2_147_483_648.0]);
        assert_eq!(read("'<u8'", &[3u64, 1 << 63].map(u64::to_le_bytes).concat()), [3.0, 2f64.powi(63)]);
        assert_eq!(read("'|b1'", &[0, 1]), [0.0, 1.0]);
        assert_eq!(read("'<V2'", &[0xc0, 0x3f, 0x00, 0xc0]), [1.5, -2.0], "bfloat16 of ml_dtypes");
        let bits = file(1, "{'descr': '<u2', 'fortran_order': False, 'shape': (1,)}", &[0xc0, 0x3f]);
        assert_eq!(super::read("Q", bits.as_slice(), true, &mut Budget::new()).unwrap()[[0]], 1.5);
    }

    #[test]
    fn fortran_order_and_every_version() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}";
        for version in 1..=3 {
            let bytes = file(version, header, &[1, 2, 3, 4, 5, 6]);
            let array = read("Q", bytes.as_slice(), false, &mut Budget::new()).unwrap();
            assert!(array.is_standard_layout());
            assert_eq!(array, ndarray::array![[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]].into_dyn());
        }
    }

    #[test]
    fn truncated_at_every_byte_and_longer_by_one() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
        for version in 1..=3 {
            let mut bytes = file(version, header, &[0; 16]);
            for end in 0..bytes.len() {
                let text = message(read("Q", &bytes[..end], false, &mut Budget::new()));
                assert!(text.contains("the file ends"), "{end}: {text}");
            }
            assert!(read("Q", bytes.as_slice(), false, &mut Budget::new()).is_ok());
            bytes.push(0);
            assert!(message(read("Q", bytes.as_slice(), false, &mut Budget::new())).contains("more bytes follow"));
        }
    }

    #[test]
    fn a_flipped_byte_never_panics() {
        let bytes = file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", &[0; 16]);
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = read("Q", bytes.as_slice(), false, &mut Budget::new());
            }
        }
    }

    #[test]
    fn hostile_headers_are_refused_before_they_are_believed() {
        // Twelve bytes that ask for 4 GiB.
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0, 255, 255, 255, 255]);
        assert!(message(read("Q", bytes.as_slice(), false, &mut Budget::new())).contains("4294967295 bytes"));
        for (shape, expected) in [
            ("(4294967296, 4294967296, 4294967296)", "MiB for one input"),
            ("(0, 18446744073709551615, 18446744073709551615)", "MiB for one input"),
            ("(18446744073709551616,)", "does not fit"),
            ("(100000, 100000)", "MiB for one input"),
            ("(1000, 1000)", "ends before the 8000000 bytes"),
            ("(-1,)", "shape"),
            ("(2.5,)", "shape"),
            ("(1, 1, 1, 1, 2)", "at most 4"),
            ("((((((((2,),),),),),),),)", "shape"),
            ("2", "shape"),
        ] {
            let text = message(array("'<f8'", shape, &[0; 16]));
            assert!(text.contains(expected), "{shape}: {text}");
        }
        let deep = "(".repeat(9_000);
        assert!(message(array(&deep, "(2,)", &[])).contains("structured"));
        assert!(message(array("'<f8'", &deep, &[])).contains("shape"));
    }

    #[test]
    fn types_that_are_not_numbers_say_so() {
        for (descr, expected) in [
            ("'|O'", "Python objects"),
            ("[('a', '<f4'), ('b', '<f4')]", "structured"),
            ("'|V4'", "structured"),
            ("'|V1'", "float8"),
            ("'<f1'", "float8"),
            ("'<c8'", "complex"),
            ("'<U3'", "text"),
            ("'<M8[ns]'", "not read"),
            ("'<f16'", "not read"),
            ("'<f0'", "not read"),
        ] {
            let text = message(array(descr, "(1,)", &[0; 16]));
            assert!(text.contains(expected), "{descr}: {text}");
        }
        assert!(message(array("'|b1'", "(1,)", &[2])).contains("bool"));
    }
}
