//! A safetensors file: tensors with metadata, whoever wrote it.
//!
//! Captures of a model's attention are such files, with the metadata `format` = `tiled-attention-capture/1`.
//! Format: <https://github.com/huggingface/safetensors>

use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensors};

use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::held::{Arrays, Held, Numbers};
use super::json_guard;
use crate::sentence::Sentence;

/// Bytes of JSON; the longest capture of 1024 tokens has some 30,000.
const LONGEST_HEADER: u64 = 4 << 20;
const MAX_RANK: usize = 4;

/// What the file holds.
pub fn open(bytes: &[u8]) -> Result<Held<'_>, InputError> {
    check_header(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let metadata = header.metadata().iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    let mut names: Vec<String> = file.names().into_iter().map(ToOwned::to_owned).collect();
    names.sort_unstable();
    Ok(Held { names, metadata, arrays: Box::new(Tensors(file)) })
}

/// What the crate does not refuse: a key that comes twice, and numbers (offsets, sizes) beyond the file.
fn check_header(bytes: &[u8]) -> Result<(), InputError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(broken("the file ends within its first 8 bytes"));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        let fault = Sentence::new("a header of {0} {0|byte|bytes}; at most {1} are read");
        return Err(broken(fault.with(length).with(LONGEST_HEADER)));
    }
    match rest.get(..length as usize) {
        Some(header) => {
            let fault = |error| broken(Sentence::new("header: {0}").with(error));
            json_guard::check(header, bytes.len() as u64).map_err(fault)
        }
        None => {
            let fault = Sentence::new("a header of {0} {0|byte|bytes}, but the file ends after {1}");
            Err(broken(fault.with(length).with(rest.len())))
        }
    }
}

struct Tensors<'a>(SafeTensors<'a>);

impl Arrays for Tensors<'_> {
    fn header(&mut self, _: usize, name: &str) -> Result<(Element, Vec<usize>), InputError> {
        let tensor = self.0.tensor(name).map_err(unreadable)?;
        if tensor.shape().len() > MAX_RANK {
            let fault =
                Sentence::new("{0} {0|axis|axes}; at most {1} are read").with(tensor.shape().len()).with(MAX_RANK);
            return Err(broken(Sentence::new("{0}: {1}").with(name).and(fault)));
        }
        let Some(element) = element(tensor.dtype()) else {
            let fault = Sentence::new("{0} is {1}, which is not read; save it as float32 or bfloat16");
            return Err(broken(fault.with(name).with(format!("{:?}", tensor.dtype()))));
        };
        Ok((element, tensor.shape().to_vec()))
    }

    fn numbers(&mut self, at: usize, name: &str, as_bf16: bool, budget: &mut Budget) -> Numbers {
        let (mut element, shape) = self.header(at, name)?;
        if as_bf16 && matches!(element, Element::I16 | Element::U16) {
            element = Element::Bf16;
        }
        let count = budget.take(Sentence::new("tensor {0}").with(name), &shape, element)?;
        let mut values = Vec::with_capacity(count);
        let tensor = self.0.tensor(name).map_err(unreadable)?;
        let in_tensor = |fault| broken(Sentence::new("{0}: {1}").with(name).and(fault));
        element.decode(tensor.data(), false, &mut values).map_err(in_tensor)?;
        ArrayD::from_shape_vec(shape, values).map_err(|error| unreadable(format!("{name}: {error}")))
    }

    fn text(&mut self, _: usize, _: &str) -> Result<Option<String>, InputError> {
        Ok(None)
    }
}

fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::F64 => Element::F64,
        Dtype::F32 => Element::F32,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F8_E4M3 => Element::F8E4M3,
        Dtype::F8_E5M2 => Element::F8E5M2,
        Dtype::I64 => Element::I64,
        Dtype::I32 => Element::I32,
        Dtype::I16 => Element::I16,
        Dtype::I8 => Element::I8,
        Dtype::U64 => Element::U64,
        Dtype::U32 => Element::U32,
        Dtype::U16 => Element::U16,
        Dtype::U8 => Element::U8,
        Dtype::BOOL => Element::Bool,
        _ => return None,
    })
}

fn broken(fault: impl Into<Sentence>) -> InputError {
    // Names in the file may hold anything, and a message is one line.
    InputError::Tensors { fault: fault.into().on_one_line() }
}

/// In the words of a library.
fn unreadable(error: impl std::fmt::Display) -> InputError {
    broken(Sentence::verbatim(error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::{TensorView, serialize};

    use super::*;
    use crate::attention::input::{self, Fact, Input};

    const FORMAT: &str = "tiled-attention-capture/1";

    const DATA: [u8; 4 * 2 * 3 * 2] = [0; 48];
    const METADATA: [(&str, &str); 4] =
        [("format", FORMAT), ("causal", "true"), ("scale", "0.5"), ("kv_lengths", "[3]")];

    /// A capture of zeros: q and o `[2, 3, 2]`, k and v `[1, 3, 2]`, changed by the metadata and tensors given.
    fn capture(metadata: &[(&str, &str)], tensors: &[(&str, Dtype, &[usize])]) -> Vec<u8> {
        let mut all: std::collections::BTreeMap<&str, (Dtype, &[usize])> = [
            ("q", (Dtype::F32, &[2, 3, 2][..])),
            ("k", (Dtype::F32, &[1, 3, 2][..])),
            ("v", (Dtype::F32, &[1, 3, 2][..])),
            ("o", (Dtype::F32, &[2, 3, 2][..])),
        ]
        .into();
        all.extend(tensors.iter().map(|&(name, dtype, shape)| (name, (dtype, shape))));
        let views = all.into_iter().filter(|(_, (_, shape))| !shape.is_empty()).map(|(name, (dtype, shape))| {
            let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
            (name, TensorView::new(dtype, shape.to_vec(), &DATA[..bytes]).unwrap())
        });
        let metadata = METADATA.iter().chain(metadata).map(|(key, value)| (key.to_string(), value.to_string()));
        let mut metadata = metadata.collect::<HashMap<_, _>>();
        metadata.retain(|_, value| value != "absent");
        serialize(views, Some(metadata)).unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Input, InputError> {
        input::read("test.safetensors", bytes)
    }

    fn message(bytes: &[u8]) -> String {
        let text = read(bytes).expect_err("must be refused").to_string();
        assert!(!text.contains('\n'), "{text}");
        text
    }

    #[test]
    fn metadata_goes_into_the_problem() {
        let input = read(&capture(&[("tokens", r#"["a", "b", "c"]"#), ("layer", "7")], &[])).unwrap();
        let problem = &input.problem;
        assert_eq!((problem.scale, problem.mask.causal, input.rank), (0.5, true, 3));
        assert_eq!(problem.mask.key_lengths, None, "lengths that mask nothing are left out");
        assert_eq!((input.about.layer, input.about.tokens[0].len()), (Some(7), 3));
        assert!(input.warnings.is_empty() && input.about.o.is_some());
        let padded = read(&capture(&[("kv_lengths", "[2]")], &[("o", Dtype::F32, &[])])).unwrap();
        assert_eq!(padded.problem.mask.key_lengths, Some(vec![2]));
        assert!(padded.about.o.is_none());
    }

    #[test]
    fn needed_metadata_must_be_right() {
        for (key, value, expected) in [
            ("format", "tiled-attention-capture/2", "capture/2"),
            ("causal", "absent", "`causal` is missing"),
            ("causal", "perhaps", "true or false"),
            ("scale", "absent", "`scale` is missing"),
            ("scale", "1/8", "finite number"),
            ("scale", "inf", "finite number"),
            ("kv_lengths", "absent", "`kv_lengths` is missing"),
            ("kv_lengths", "three", "whole numbers"),
            ("kv_lengths", "[3.5]", "whole numbers"),
            ("kv_lengths", "[-1]", "whole numbers"),
            ("is_causal", "true", "causal comes twice, as causal and as is_causal"),
            ("kv_lengths", "[3, 3]", "key lengths"),
            ("kv_lengths", "[4]", "key length"),
            ("softcap", "-1", "above 0"),
            ("sliding_window", "[1, 2, 3]", "two whole numbers"),
            ("layout", "dhnb", "known are bhnd"),
            ("layout", "[N, d]", "names 2 axes, and Q has 3"),
            ("num_heads", "3", "heads is said to be 3, and in the layout bhnd it is 2"),
        ] {
            let text = message(&capture(&[(key, value)], &[]));
            assert!(text.contains(expected), "{key} {value}: {text}");
        }
    }

    #[test]
    fn a_file_without_our_metadata_is_read_with_defaults() {
        let bare: Vec<_> = METADATA.iter().map(|&(key, _)| (key, "absent")).collect();
        for metadata in [bare.clone(), [&bare[..], &[("format", "pt")]].concat()] {
            let input = read(&capture(&metadata, &[])).unwrap();
            assert_eq!((input.problem.scale, input.problem.mask.causal), (1.0 / 2f64.sqrt(), false));
            assert!(input.told.facts.is_empty() && input.warnings.is_empty(), "{:?}", input.warnings);
        }
    }

    #[test]
    fn modifiers_in_the_metadata_are_applied() {
        let more =
            [("sliding_window", "2"), ("softcap", "2.5"), ("align", "top-left"), ("alibi_slopes", "[0.5, 0.25]")];
        let input = read(&capture(&more, &[])).unwrap();
        let problem = &input.problem;
        assert_eq!((problem.mask.window_left, problem.mask.window_right), (Some(1), Some(0)));
        assert_eq!((problem.softcap, problem.mask.align.name()), (Some(2.5), "top-left"));
        assert_eq!(problem.alibi_slopes, Some(ndarray::arr2(&[[0.5, 0.25]])));
        assert!(input.told.facts.contains_key(&Fact::Window) && input.warnings.is_empty());
        let sinks = read(&capture(&[("s_aux", "[0.5, -1]")], &[])).unwrap();
        assert_eq!(sinks.problem.sinks, Some(ndarray::arr1(&[0.5, -1.0])));
        assert!(sinks.told.facts.contains_key(&Fact::Sinks) && sinks.warnings.is_empty());
        let fault = read(&capture(&[("sinks", "[0.5]")], &[])).unwrap_err().to_string();
        assert!(fault.contains("[2] (heads)"), "{fault}");
        // One number may be how many keys are sinks.
        let unused = read(&capture(&[("sink", "[0.1]"), ("colour", "red")], &[])).unwrap().warnings;
        assert!(unused[0].to_string().contains("not computed here: sink"), "{unused:?}");
        assert!(unused[1].to_string().contains("not used: colour"), "{unused:?}");
    }

    #[test]
    fn other_metadata_is_left_out_with_a_warning() {
        for (key, value) in
            [("tokens", "[1, 2]"), ("tokens", r#"["a"]"#), ("layer", "ten"), ("q_heads", "[1]"), ("kv_heads", "[1, 2]")]
        {
            let input = read(&capture(&[(key, value)], &[])).unwrap();
            assert!(input.warnings.len() == 1 && input.warnings[0].to_string().contains(key), "{:?}", input.warnings);
            assert!(input.about.tokens.is_empty() && input.about.q_heads.is_empty());
        }
    }

    #[test]
    fn tensors_must_fit() {
        for (name, dtype, shape, expected) in [
            ("q", Dtype::F32, &[][..], "no array is named as Q"),
            ("v", Dtype::F32, &[], "no array is named as V"),
            ("q", Dtype::U16, &[2, 3, 2], "--bf16-bits"),
            ("q", Dtype::F8_E8M0, &[2, 3, 2], "F8_E8M0"),
            ("k", Dtype::F32, &[3, 2], "array K has 2 axes and Q has 3"),
            ("k", Dtype::F32, &[1, 1, 3, 2], "4 axes"),
            ("k", Dtype::F32, &[1, 2, 2], "V has shape"),
            ("k", Dtype::F32, &[1, 3, 1], "K has shape"),
            ("q", Dtype::F32, &[2, 0, 2], "n_q is 0"),
        ] {
            let text = message(&capture(&[], &[(name, dtype, shape)]));
            assert!(text.contains(expected), "{name} {dtype:?} {shape:?}: {text}");
        }
        // Another type for each, fewer queries than keys, and an output that does not fit.
        let mixed = [("q", Dtype::BF16, &[2, 1, 2][..]), ("k", Dtype::F16, &[1, 3, 2]), ("v", Dtype::F64, &[1, 3, 2])];
        let input = read(&capture(&[], &mixed)).unwrap();
        assert_eq!((input.problem.shape.n_q, input.problem.shape.n_k), (1, 3));
        assert!(input.about.o.is_none());
        assert!(input.warnings.len() == 1 && input.warnings[0].to_string().contains("o is taken for an output"));
    }

    #[test]
    fn damaged_captures_never_panic() {
        let bytes = capture(&[], &[]);
        for end in 0..bytes.len() {
            message(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let _ = read(&bytes);
            }
        }
    }

    #[test]
    fn hostile_headers_are_refused() {
        let file = |header: &str| [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        for (header, expected) in [
            (r#"{"q": {}, "q": {}}"#.to_string(), "\"q\" comes twice"),
            (r#"{"__metadata__": {"scale": "1", "scale": "2"}}"#.to_string(), "\"scale\" comes twice"),
            (r#"{"q": {"shape": [18446744073709551615]}}"#.to_string(), "more than the file has bytes"),
            (r#"{"q": {"shape": [-1]}}"#.to_string(), "whole number"),
            (format!("{{\"q\": {}", "[".repeat(100_000)), "recursion limit"),
            ("{}".into(), "no array is named as Q"),
        ] {
            let text = message(&file(&header));
            assert!(text.contains(expected), "{text}");
        }
        assert!(message(&[u64::MAX.to_le_bytes().as_slice(), b"{"].concat()).contains("at most"));
    }

    #[test]
    fn other_files_are_told_apart() {
        let refused = |name: &str, bytes: &[u8]| input::read(name, bytes).unwrap_err().to_string();
        assert!(refused("x.npz", b"").contains("empty"));
        assert!(refused("x.npz", b"\x93NUMPY\x01\x00").contains("q.npy, k.npy, v.npy set"));
        assert!(refused("x.npz", b"not a zip").contains(".npz archive"));
        assert!(refused("x.json", b"{\"format\": 1}").contains("JSON"));
        assert!(refused("x.txt", b"hello").contains("no known kind"));
        assert!(refused("x.safetensors", b"hello").contains("safetensors"));
        for (bytes, expected) in [
            (&b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02"[..], "weights_only=True"),
            (b"\x80\x04\x95", "pickle"),
            (b"\x89HDF\r\n\x1a\n", "HDF5"),
            (b"GGUF\x03\0\0\0{", "GGUF"),
        ] {
            assert!(refused("x.pt", bytes).contains(expected), "{expected}");
        }
    }
}
