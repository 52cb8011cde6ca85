//! One `.npy` array. Our own guard checks the header before the `npyz` crate sees it, since that allocates what
//! a header claims, multiplies shapes unchecked, and parses nested brackets recursively.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

use std::io::{self, BufReader, Read};

use half::f16;
use ndarray::{ArrayD, ShapeBuilder};
use npyz::{Deserialize, NpyFile};

use super::budget::Budget;
use super::error::InputError;
use super::npy_header::{self, Fault, Header, fault};
use crate::sentence::Sentence;

/// NumPy's own limit on the header text, in bytes.
const LONGEST_HEADER: usize = 10_000;
const MAX_RANK: usize = 4;
pub const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads the `.npy` file in `source` as f64 in C order; `array` is its name in messages. Booleans become 0 and 1.
///
/// Accepts versions 1 to 3, at most four axes, f16 to f64, signed and unsigned integers and booleans, either byte
/// order, C and Fortran order. Bytes after the data are refused: they mean that the header is wrong.
/// Reads `source` only as far as the header promises (and a buffer more), so that a stream may hide a bomb.
pub fn read(array: &str, mut source: impl Read, budget: &mut Budget) -> Result<ArrayD<f64>, InputError> {
    let named = |fault: Fault| InputError::Npy { array: array.into(), offset: fault.offset, fault: fault.text };
    let mut start = Vec::new();
    let header = read_header(&mut source, &mut start).map_err(named)?;
    let elements = budget.take(Sentence::new("array {0}").with(array), &header.shape)?;
    read_data(&start, BufReader::new(source), &header, elements).map_err(named)
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
        let text = Sentence::new("a header of {0} bytes; NumPy itself allows {1}");
        return fault(8, text.with(length).with(LONGEST_HEADER));
    }
    let start = bytes.len();
    append(source, bytes, length, "the header")?;
    let header = npy_header::parse(&bytes[start..], start)?;
    if header.shape.len() > MAX_RANK {
        let text = Sentence::new("{0} axes; at most {1} are read");
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
            let text = Sentence::new("the file ends after {0} of the {1} bytes of {2}");
            fault(start, text.with(found).with(count).and(what))
        }
        Err(error) => fault(bytes.len(), Sentence::new("cannot read {0}: {1}").and(what).with(error)),
    }
}

/// Decodes the data in `source`, which follows the header `start`, and checks that nothing comes after it.
fn read_data(start: &[u8], mut source: impl Read, header: &Header, elements: usize) -> Result<ArrayD<f64>, Fault> {
    let bytes = elements * header.size;
    let array = decode(start.chain(&mut source), header, elements).or_else(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            let text = Sentence::new("the file ends before the {0} bytes of data that the shape needs");
            fault(start.len(), text.with(bytes))
        }
        _ => fault(start.len(), Sentence::new("cannot read {0}: {1}").and("the data").with(error)),
    })?;
    // Reading on to the end also makes a zip entry check its sum.
    match source.read(&mut [0]) {
        Ok(0) => Ok(array),
        Ok(_) => fault(start.len() + bytes, "more bytes follow than the shape needs; save the array again"),
        Err(error) => fault(start.len() + bytes, Sentence::new("cannot read to the end: {0}").with(error)),
    }
}

/// `file` is a whole file, whose header has been checked.
fn decode(file: impl Read, header: &Header, elements: usize) -> io::Result<ArrayD<f64>> {
    let values = match (header.kind, header.size) {
        ('f', 2) => values(file, elements, f16::to_f64),
        ('f', 4) => values(file, elements, |x: f32| x.into()),
        ('f', 8) => values(file, elements, |x: f64| x),
        ('i', 1) => values(file, elements, |x: i8| x.into()),
        ('i', 2) => values(file, elements, |x: i16| x.into()),
        ('i', 4) => values(file, elements, |x: i32| x.into()),
        ('i', 8) => values(file, elements, |x: i64| x as f64),
        ('u', 1) => values(file, elements, |x: u8| x.into()),
        ('u', 2) => values(file, elements, |x: u16| x.into()),
        ('u', 4) => values(file, elements, |x: u32| x.into()),
        ('u', 8) => values(file, elements, |x: u64| x as f64),
        _ => values(file, elements, |x: bool| u8::from(x).into()),
    }?;
    let shape = header.shape.as_slice().set_f(header.fortran);
    let array = ArrayD::from_shape_vec(shape, values).map_err(io::Error::other)?;
    // Everything downstream counts on rows that are contiguous.
    Ok(if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() })
}

/// The elements of `file`. Memory grows with those that are there, not with those promised.
fn values<T: Deserialize>(file: impl Read, elements: usize, widen: impl Fn(T) -> f64) -> io::Result<Vec<f64>> {
    let reader = NpyFile::new(file)?.data::<T>().map_err(io::Error::other)?;
    reader.take(elements).map(|value| value.map(&widen)).collect()
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
        read("Q", file(1, &header, data).as_slice(), &mut Budget::new())
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
    }

    #[test]
    fn fortran_order_and_every_version() {
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}";
        for version in 1..=3 {
            let bytes = file(version, header, &[1, 2, 3, 4, 5, 6]);
            let array = read("Q", bytes.as_slice(), &mut Budget::new()).unwrap();
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
                let text = message(read("Q", &bytes[..end], &mut Budget::new()));
                assert!(text.contains("the file ends"), "{end}: {text}");
            }
            assert!(read("Q", bytes.as_slice(), &mut Budget::new()).is_ok());
            bytes.push(0);
            assert!(message(read("Q", bytes.as_slice(), &mut Budget::new())).contains("more bytes follow"));
        }
    }

    #[test]
    fn a_flipped_byte_never_panics() {
        let bytes = file(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }", &[0; 16]);
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                let _ = read("Q", bytes.as_slice(), &mut Budget::new());
            }
        }
    }

    #[test]
    fn hostile_headers_are_refused_before_they_are_believed() {
        // Twelve bytes that ask for 4 GiB.
        let mut bytes = MAGIC.to_vec();
        bytes.extend([2, 0, 255, 255, 255, 255]);
        assert!(message(read("Q", bytes.as_slice(), &mut Budget::new())).contains("4294967295 bytes"));
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
