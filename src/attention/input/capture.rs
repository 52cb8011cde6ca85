//! A capture of a model's attention: a safetensors file with the metadata of `tiled-attention-capture/1`.
//!
//! Tensors `q`, `k`, `v` and (optionally) the model's output `o`, all F32 or all F16, `[heads, N, d]` or
//! `[batch, heads, N, d]`. The metadata keys `format`, `causal`, `scale` and `kv_lengths` are needed and checked;
//! the others are for people, and a fault in one of them is a warning.

use std::collections::HashMap;

use half::f16;
use ndarray::ArrayD;
use safetensors::{Dtype, SafeTensors};
use serde::de::DeserializeOwned;

use super::Input;
use super::arrays::lift;
use super::budget::Budget;
use super::error::InputError;
use super::{json_guard, pieces};
use crate::attention::{Problem, Shape};
use crate::sentence::Sentence;

const FORMAT: &str = "tiled-attention-capture/1";
/// Bytes of JSON; the longest capture of 1024 tokens has some 30,000.
const LONGEST_HEADER: u64 = 4 << 20;

/// Reads a capture; `name` is kept as the input's.
pub fn read(name: &str, bytes: &[u8], budget: &mut Budget) -> Result<Input, InputError> {
    check_header(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(unreadable)?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
    let metadata = Metadata(header.metadata().as_ref().cloned().unwrap_or_default());
    // The format first: another file's tensors may have any shape.
    if metadata.get("format")? != FORMAT {
        let found = format!("{:?}", metadata.get("format")?);
        return wrong("format", Sentence::new("is {0}, but {1} is needed").with(found).with(FORMAT));
    }
    let q = tensor(&file, "q", budget)?;
    let rank = q.ndim();
    let mut problem = Problem::new(
        lift("q", q)?,
        lift("k", same_rank(tensor(&file, "k", budget)?, rank, "k")?)?,
        lift("v", same_rank(tensor(&file, "v", budget)?, rank, "v")?)?,
    )?;
    if problem.shape.n_q != problem.shape.n_k {
        return Err(broken("q and k have different numbers of tokens; a capture has the same"));
    }
    metadata.apply(&mut problem)?;
    let mut input = Input::new(name, problem, rank);
    if file.names().contains(&"o") {
        input.about.o = Some(output(&file, &input.problem.shape, rank, budget)?);
    }
    metadata.describe(&mut input);
    input.warn_of_not_finite();
    Ok(input)
}

/// What the crate does not refuse: a key that comes twice, and numbers (offsets, sizes) beyond the file.
fn check_header(bytes: &[u8]) -> Result<(), InputError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(broken("the file ends within its first 8 bytes"));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        let fault = Sentence::new("a header of {0} bytes; at most {1} are read");
        return Err(broken(fault.with(length).with(LONGEST_HEADER)));
    }
    match rest.get(..length as usize) {
        Some(header) => {
            let fault = |error| broken(Sentence::new("header: {0}").with(error));
            json_guard::check(header, bytes.len() as u64).map_err(fault)
        }
        None => {
            let fault = Sentence::new("a header of {0} bytes, but the file ends after {1}");
            Err(broken(fault.with(length).with(rest.len())))
        }
    }
}

/// One tensor as f64.
fn tensor(file: &SafeTensors, name: &str, budget: &mut Budget) -> Result<ArrayD<f64>, InputError> {
    let Ok(view) = file.tensor(name) else {
        return Err(broken(Sentence::new("the tensor {0} is missing; q, k and v are needed").with(name)));
    };
    if view.dtype() != file.tensor("q").map_or(view.dtype(), |q| q.dtype()) {
        let fault = Sentence::new("{0} is {1}, and q is not; all tensors must have one type");
        return Err(broken(fault.with(name).with(format!("{:?}", view.dtype()))));
    }
    if !(3..=4).contains(&view.shape().len()) {
        let need = "[heads, N, d] or [batch, heads, N, d] is needed";
        let fault = Sentence::new("{0} has shape {1}; {2}").with(name).with(format!("{:?}", view.shape()));
        return Err(broken(fault.and(need)));
    }
    budget.take(Sentence::new("tensor {0}").with(name), view.shape())?;
    let values = match view.dtype() {
        Dtype::F32 => values(view.data(), |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F16 => values(view.data(), |bytes| f16::from_le_bytes(bytes).into()),
        other => {
            let fault = Sentence::new("{0} is {1}; F32 and F16 are read").with(name).with(format!("{other:?}"));
            return Err(broken(fault));
        }
    };
    ArrayD::from_shape_vec(view.shape(), values).map_err(|error| unreadable(format!("{name}: {error}")))
}

fn values<const N: usize>(data: &[u8], widen: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let (chunks, _) = data.as_chunks::<N>();
    chunks.iter().map(|&bytes| widen(bytes)).collect()
}

/// The model's own output, which must have the shape that this problem gives.
fn output(
    file: &SafeTensors,
    shape: &Shape,
    rank: usize,
    budget: &mut Budget,
) -> Result<ndarray::Array4<f64>, InputError> {
    let o = lift("o", same_rank(tensor(file, "o", budget)?, rank, "o")?)?;
    let expected = [shape.batch, shape.heads, shape.n_q, shape.d_v];
    if o.shape() != expected {
        let fault = Sentence::new("{0} has shape {1}, but {2} is needed").with("o");
        return Err(broken(fault.with(format!("{:?}", o.shape())).with(format!("{expected:?}"))));
    }
    Ok(o)
}

fn same_rank(array: ArrayD<f64>, rank: usize, name: &str) -> Result<ArrayD<f64>, InputError> {
    if array.ndim() == rank {
        return Ok(array);
    }
    let fault = Sentence::new("{0} has {1} axes and q has {2}; give them the same number");
    Err(broken(fault.with(name).with(array.ndim()).with(rank)))
}

struct Metadata(HashMap<String, String>);

impl Metadata {
    fn get(&self, key: &'static str) -> Result<&str, InputError> {
        self.0.get(key).map_or_else(|| wrong(key, "is missing"), |value| Ok(value.as_str()))
    }

    /// Sets what the capture says about the mask and the scale.
    fn apply(&self, problem: &mut Problem) -> Result<(), InputError> {
        problem.mask.causal = match self.get("causal")? {
            "true" => true,
            "false" => false,
            other => {
                let fault = Sentence::new("is {0}, but true or false is needed").with(format!("{other:?}"));
                return wrong("causal", fault);
            }
        };
        problem.scale = match self.get("scale")?.parse() {
            Ok(scale) if f64::is_finite(scale) => scale,
            _ => {
                let found = format!("{:?}", self.get("scale")?);
                return wrong("scale", Sentence::new("is {0}, but a finite number is needed").with(found));
            }
        };
        let Ok(lengths) = serde_json::from_str::<Vec<usize>>(self.get("kv_lengths")?) else {
            return wrong("kv_lengths", "must be a JSON list of whole numbers, one for each sequence");
        };
        // Lengths that mask nothing are left out, so that the mask stays as simple as it is.
        let n_k = problem.shape.n_k;
        if lengths.len() != problem.shape.batch || lengths.iter().any(|&length| length != n_k) {
            problem.mask.key_lengths = Some(lengths);
        }
        Ok(problem.validate()?)
    }

    /// Fills in what is for people; what is unusable is left out with a warning.
    fn describe(&self, input: &mut Input) {
        let Shape { batch, heads, kv_heads, n_k, .. } = input.problem.shape;
        let warnings = &mut input.warnings;
        let about = &mut input.about;
        let string = |key: &str| self.0.get(key).filter(|value| !value.is_empty()).cloned();
        about.model = string("model");
        about.licence = string("licence");
        about.note = string("note");
        about.layer = self.optional("layer", |_| true, warnings);
        about.recorded_error = self.optional("verify_max_abs_err", |error: &f64| error.is_finite(), warnings);
        about.q_heads = self.optional("q_heads", |list: &Vec<_>| list.len() == heads, warnings).unwrap_or_default();
        about.kv_heads =
            self.optional("kv_heads", |list: &Vec<_>| list.len() == kv_heads, warnings).unwrap_or_default();
        let one_each = |tokens: &Vec<Vec<String>>| tokens.len() == batch && tokens.iter().all(|t| t.len() == n_k);
        // A batch has lists of what a single sequence has plainly.
        if input.rank == 4 {
            about.text =
                self.optional("source_text", |text: &Vec<_>| text.len() == batch, warnings).unwrap_or_default();
            about.tokens = self.optional("tokens", one_each, warnings).unwrap_or_default();
        } else {
            about.text = string("source_text").into_iter().collect();
            let tokens = self.optional("tokens", |tokens: &Vec<String>| tokens.len() == n_k, warnings);
            about.tokens = tokens.into_iter().collect();
        }
        about.tokens.iter_mut().for_each(|tokens| *tokens = pieces::labels(tokens));
    }

    /// The JSON value of `key`, if it is there, of this type and `fits`.
    fn optional<T: DeserializeOwned>(
        &self,
        key: &str,
        fits: impl Fn(&T) -> bool,
        warnings: &mut Vec<Sentence>,
    ) -> Option<T> {
        let text = self.0.get(key)?;
        let value = serde_json::from_str(text).ok().filter(fits);
        if value.is_none() {
            let warning = "the capture's metadata key {0} does not fit the tensors and is left out";
            warnings.push(Sentence::new(warning).with(key));
        }
        value
    }
}

fn broken(fault: impl Into<Sentence>) -> InputError {
    // Names in the file may hold anything, and a message is one line.
    InputError::Capture { fault: fault.into().on_one_line() }
}

/// In the words of a library.
fn unreadable(error: impl std::fmt::Display) -> InputError {
    broken(Sentence::verbatim(error))
}

fn wrong<T>(key: &'static str, fault: impl Into<Sentence>) -> Result<T, InputError> {
    Err(InputError::Metadata { key, fault: fault.into() })
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::{TensorView, serialize};

    use super::*;
    use crate::attention::input;

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
            ("format", "absent", "`format` is missing"),
            ("format", "other/2", "other/2"),
            ("causal", "absent", "`causal` is missing"),
            ("causal", "True", "true or false"),
            ("scale", "absent", "`scale` is missing"),
            ("scale", "1/8", "finite number"),
            ("scale", "inf", "finite number"),
            ("kv_lengths", "absent", "`kv_lengths` is missing"),
            ("kv_lengths", "3", "JSON list"),
            ("kv_lengths", "[3.5]", "JSON list"),
            ("kv_lengths", "[3, 3]", "key lengths"),
            ("kv_lengths", "[4]", "key length"),
        ] {
            let text = message(&capture(&[(key, value)], &[]));
            assert!(text.contains(expected), "{key} {value}: {text}");
        }
    }

    #[test]
    fn other_metadata_is_left_out_with_a_warning() {
        for (key, value) in
            [("tokens", "[1, 2]"), ("tokens", r#"["a"]"#), ("layer", "ten"), ("q_heads", "[1]"), ("kv_heads", "{}")]
        {
            let input = read(&capture(&[(key, value)], &[])).unwrap();
            assert!(input.warnings.len() == 1 && input.warnings[0].to_string().contains(key), "{:?}", input.warnings);
            assert!(input.about.tokens.is_empty() && input.about.q_heads.is_empty());
        }
    }

    #[test]
    fn tensors_must_fit() {
        for (name, dtype, shape, expected) in [
            ("q", Dtype::F32, &[][..], "tensor q is missing"),
            ("v", Dtype::F32, &[], "tensor v is missing"),
            ("k", Dtype::F16, &[1, 3, 2], "one type"),
            ("q", Dtype::I32, &[2, 3, 2], "I32"),
            ("k", Dtype::F32, &[3, 2], "has shape [3, 2]"),
            ("k", Dtype::F32, &[1, 1, 3, 2], "4 axes"),
            ("k", Dtype::F32, &[1, 2, 2], "V has shape"),
            ("k", Dtype::F32, &[1, 3, 1], "K has shape"),
            ("q", Dtype::F32, &[2, 2, 2], "different numbers of tokens"),
            ("q", Dtype::F32, &[2, 0, 2], "n_q is 0"),
            ("o", Dtype::F32, &[2, 3, 1], "o has shape"),
        ] {
            // With no other type for q: the others follow it.
            let mut tensors = vec![(name, dtype, shape)];
            if dtype == Dtype::I32 {
                tensors.extend([("k", dtype, &[1, 3, 2][..]), ("v", dtype, &[1, 3, 2])]);
            }
            let text = message(&capture(&[], &tensors));
            assert!(text.contains(expected), "{name} {dtype:?} {shape:?}: {text}");
        }
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
            ("{}".into(), "`format` is missing"),
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
        assert!(refused("x.safetensors", b"hello").contains("capture"));
    }
}
