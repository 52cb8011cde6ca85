//! An `.npz` archive: a zip of `.npy` files, of which only the arrays that an input needs are inflated.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use ndarray::ArrayD;
use zip::{CompressionMethod, ZipArchive};

use super::budget::Budget;
use super::error::InputError;
use super::held::{Held, NpyFiles};
use super::npy;
use crate::sentence::Sentence;

/// How a zip file begins: with an entry, or with the end of an empty archive.
pub const MAGICS: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];

/// What the archive holds; no entry is looked at before it is asked for.
///
/// Names are labels and never paths. Sizes that the archive declares are not believed: each entry is read only as
/// far as the header of its array reaches, within a budget.
pub fn open(bytes: &[u8]) -> Result<Held<'_>, InputError> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    if archive.has_duplicate_names() {
        return Err(broken("two entries have the same name; save it again with numpy.savez"));
    }
    let (mut names, mut entries) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let entry = archive.by_index_data(index).map_err(unreadable)?;
        let name = entry.name().map_or_else(|_| String::from("\u{fffd}"), std::borrow::Cow::into_owned);
        if name == "data.pkl" || name.ends_with("/data.pkl") {
            return Err(InputError::Foreign { is: "a file of torch.save", how: super::foreign::CONVERT_TORCH });
        }
        names.push(name.strip_suffix(".npy").map_or(name.clone(), ToOwned::to_owned));
        entries.push(index);
    }
    Ok(Held { names, metadata: BTreeMap::new(), arrays: Box::new(Entries { archive, entries }) })
}

struct Entries<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    entries: Vec<usize>,
}

impl NpyFiles for Entries<'_> {
    /// Inflated as it is read. Errors when it cannot be read.
    fn file(&mut self, at: usize, name: &str) -> Result<impl Read, InputError> {
        let index = self.entries[at];
        let about = self.archive.by_index_data(index).map_err(unreadable)?;
        if about.encrypted() {
            return Err(broken(Sentence::new("array {0} is encrypted; save it without a password").with(name)));
        }
        if !matches!(about.compression(), CompressionMethod::Stored | CompressionMethod::Deflated) {
            let fault = "array {0} is compressed in an unusual way; save it with numpy.savez";
            return Err(broken(Sentence::new(fault).with(name)));
        }
        let in_entry =
            |error| broken(Sentence::new("array {0}: {1}; save it again with numpy.savez").with(name).with(error));
        self.archive.by_index(index).map_err(in_entry)
    }
}

/// The arrays of these names, in this order, whatever else the archive holds. Errors as [`open`] does, and when one is not
/// there.
pub fn read_named<const N: usize>(bytes: &[u8], names: [&str; N]) -> Result<[ArrayD<f64>; N], InputError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    let mut budget = Budget::new();
    let mut arrays = Vec::new();
    for name in names {
        let in_entry = |error| broken(Sentence::new("array {0}: {1}").with(name).with(error));
        let entry = archive.by_name(&format!("{name}.npy")).map_err(in_entry)?;
        arrays.push(npy::read(name, entry, false, &mut budget)?);
    }
    arrays.try_into().map_err(|_| broken("not every array was read"))
}

/// The first array of `names` that an .npz has, with its name; `None` where it has none of them.
pub fn read_one_of(bytes: &[u8], names: &[&'static str]) -> Result<Option<(&'static str, ArrayD<f64>)>, InputError> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(unreadable)?;
    let found = names.iter().find(|name| archive.index_for_name(&format!("{name}.npy")).is_some());
    drop(archive);
    found.map(|name| read_named(bytes, [name]).map(|[array]| (*name, array))).transpose()
}

fn broken(fault: impl Into<Sentence>) -> InputError {
    // Names in the file may hold anything, and a message is one line.
    InputError::Npz { fault: fault.into().on_one_line() }
}

/// In the words of the library.
fn unreadable(error: impl std::fmt::Display) -> InputError {
    broken(Sentence::verbatim(error))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use ndarray::IxDyn;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;
    use crate::attention::Precision;
    use crate::attention::input::{self, Input};
    use crate::attention::npz_out::{NpyArray, write_npz};

    fn array(shape: &[usize]) -> ArrayD<f64> {
        let count = shape.iter().product::<usize>();
        ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(|x| x as f64 / 8.0).collect()).unwrap()
    }

    fn archive(arrays: &[(&str, ArrayD<f64>)]) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        let views: Vec<_> =
            arrays.iter().map(|(name, a)| (*name, NpyArray { values: a.view(), precision: Precision::F64 })).collect();
        write_npz(&mut bytes, &views).unwrap();
        bytes.into_inner()
    }

    fn input(arrays: &[(&str, ArrayD<f64>)]) -> Result<Input, InputError> {
        input::read("test.npz", &archive(arrays))
    }

    fn message(result: Result<Input, InputError>) -> String {
        let text = result.expect_err("must be refused").to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    fn qkv(shape: &[usize]) -> Vec<(&'static str, ArrayD<f64>)> {
        vec![("Q", array(shape)), ("K", array(shape)), ("V", array(shape))]
    }

    #[test]
    fn ranks_two_to_four_and_lower_case() {
        for (shape, lifted) in
            [(&[3, 2][..], [1, 1, 3, 2]), (&[4, 3, 2][..], [1, 4, 3, 2]), (&[5, 4, 3, 2][..], [5, 4, 3, 2])]
        {
            let input = input(&[("q", array(shape)), ("k", array(shape)), ("v", array(shape))]).unwrap();
            assert_eq!(input.rank, shape.len());
            assert_eq!(input.problem.q.shape(), lifted);
            assert_eq!(input.sha256.unwrap().len(), 64);
            // Four heads of three tokens may be three heads of four.
            assert_eq!(input.warnings.len(), usize::from(shape.len() > 2), "{:?}", input.warnings);
        }
    }

    #[test]
    fn optional_arrays_find_their_places() {
        let mut arrays = qkv(&[2, 4, 3, 2]);
        let full = |x: ArrayD<f64>| x.mapv(|x| (x * 8.0) % 2.0);
        arrays.extend([
            ("bias", array(&[4, 3, 1])),
            ("alibi_slopes", array(&[4])),
            ("keep", full(array(&[2, 4, 3, 3]))),
            ("dO", array(&[2, 4, 3, 2])),
            ("O", array(&[7])),
        ]);
        let input = input(&arrays).unwrap();
        assert_eq!(input.problem.bias.unwrap().shape(), [1, 4, 3, 1]);
        assert_eq!(input.problem.alibi_slopes.unwrap(), ndarray::arr2(&[[0.0, 0.125, 0.25, 0.375]; 2]));
        assert!(input.keep.unwrap()[[0, 0, 0, 1]]);
        assert_eq!(input.d_o.unwrap().shape(), [2, 4, 3, 2]);
    }

    #[test]
    fn wrong_arrays_say_which_and_what_to_do() {
        let with = |name: &'static str, array: ArrayD<f64>| {
            let mut arrays = qkv(&[3, 2]);
            arrays.retain(|(other, _)| *other != name);
            arrays.push((name, array));
            message(input(&arrays))
        };
        assert!(message(input(&qkv(&[3, 2])[..2])).contains("no array is named as V"));
        assert!(message(input(&qkv(&[0, 2]))).contains("n_q is 0"));
        assert!(message(input(&qkv(&[3, 0]))).contains("d is 0"));
        assert!(message(input(&qkv(&[6]))).contains("array Q has shape [6]"));
        assert!(with("K", array(&[1, 3, 2])).contains("array K has 3 axes and Q has 2"));
        assert!(with("K", array(&[3, 5])).contains("K has shape"));
        assert!(with("q", array(&[3, 2])).contains("Q comes twice, as"));
        assert!(with("bias", array(&[3, 2])).contains("bias has shape"));
        assert!(with("bias", array(&[2])).contains("array bias"));
        assert!(with("alibi_slopes", array(&[2])).contains("alibi_slopes has shape"));
        assert!(with("alibi_slopes", array(&[1, 1, 1])).contains("alibi_slopes has shape"));
        assert!(with("keep", array(&[3, 3])).contains("only 0 and 1"));
        assert!(with("keep", array(&[3, 1])).contains("array keep has shape"));
        assert!(with("dO", array(&[2, 2])).contains("array dO has shape"));
    }

    #[test]
    fn what_torch_saved_is_told_with_the_line_that_converts() {
        let saved = zip(|writer| {
            for name in ["archive/data.pkl", "archive/data/0"] {
                writer.start_file(name, SimpleFileOptions::default()).unwrap();
            }
        });
        assert!(message(input::read("x.pt", &saved)).contains("torch.load('FILE', weights_only=True)"));
    }

    #[test]
    fn nan_is_a_warning() {
        let mut arrays = qkv(&[3, 2]);
        arrays[1].1[[0, 1]] = f64::NAN;
        let warnings = input(&arrays).unwrap().warnings;
        assert!(warnings.len() == 1 && warnings[0].to_string().starts_with("K[0, 0, 0, 1] holds NaN"), "{warnings:?}");
    }

    #[test]
    fn damaged_archives_never_panic() {
        let bytes = archive(&qkv(&[3, 2]));
        for end in 0..bytes.len() {
            message(input::read("test.npz", &bytes[..end]));
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let _ = input::read("test.npz", &bytes);
            }
        }
    }

    fn zip(entries: impl FnOnce(&mut ZipWriter<Cursor<Vec<u8>>>)) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(vec![]));
        entries(&mut writer);
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn names_are_labels() {
        let npy = |name: &str| archive(&[(name, array(&[3, 2]))]);
        for name in ["../Q", "/Q", "dir/Q", "..\\Q", "Q.npy"] {
            assert!(message(input::read("x.npz", &npy(name))).contains("no array is named as Q"), "{name}");
        }
        let many = zip(|writer| {
            for n in 0..100 {
                writer.start_file(format!("{n}.npy"), SimpleFileOptions::default()).unwrap();
            }
        });
        assert!(message(input::read("x.npz", &many)).contains("found: 0, 1, 2, 3, 4, 5, 6, 7, ... (100 in all)"));
        // The writer refuses equal names, so one is made equal afterwards.
        let mut twice = archive(&[("Q", array(&[3, 2])), ("X", array(&[3, 2]))]);
        for at in 0..twice.len() - 5 {
            if twice[at..].starts_with(b"X.npy") {
                twice[at] = b'Q';
            }
        }
        assert!(message(input::read("x.npz", &twice)).contains("same name"));
    }

    #[test]
    fn encrypted_and_strangely_compressed_entries_are_refused() {
        let mut bytes = archive(&qkv(&[3, 2]));
        let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        bytes[directory + 10] = 12; // the compression method: bzip2, which is not built in
        let text = message(input::read("x.npz", &bytes));
        assert!(text.contains("unusual way"), "{text}");
        bytes[directory + 8] |= 1; // the flag of an encrypted entry
        assert!(message(input::read("x.npz", &bytes)).contains("encrypted"));
    }

    /// A gibibyte of zeros, after `start`, in an entry that an input needs.
    fn bomb(start: &[u8]) -> Vec<u8> {
        let zeros = vec![0; 1 << 20];
        zip(|writer| {
            writer.start_file("Q.npy", SimpleFileOptions::default().compression_level(Some(1))).unwrap();
            writer.write_all(start).unwrap();
            (0..1024).for_each(|_| writer.write_all(&zeros).unwrap());
            for name in ["K.npy", "V.npy"] {
                writer.start_file(name, SimpleFileOptions::default()).unwrap();
                let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1)}";
                writer
                    .write_all(
                        &[b"\x93NUMPY\x01\x00".as_slice(), &[header.len() as u8, 0], header.as_bytes(), &[1]].concat(),
                    )
                    .unwrap();
            }
        })
    }

    #[test]
    fn a_zip_bomb_is_refused() {
        let header = |shape: &str| {
            let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
            [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()].concat()
        };
        for (start, expected) in [
            (vec![], "not a .npy file"),
            (header("(4, 4)"), "more bytes follow"),
            (header("(8192, 16384)"), "MiB for one input"),
        ] {
            let bytes = bomb(&start);
            assert!(message(input::read("x.npz", &bytes)).contains(expected));
        }
    }

    #[test]
    fn arrays_that_are_not_needed_are_not_looked_at() {
        let mut bytes = archive(&[&qkv(&[3, 2])[..], &[("O", array(&[3, 2]))]].concat());
        let last_entry = bytes.windows(5).position(|window| window == b"O.npy").unwrap();
        bytes[last_entry + 5..][..20].fill(0xff);
        assert!(input::read("x.npz", &bytes).is_ok());
    }
}
