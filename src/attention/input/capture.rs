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
use super::json_guard;
use crate::attention::{Problem, Shape};

const FORMAT: &str = "tiled-attention-capture/1";
/// Bytes of JSON; the longest capture of 1024 tokens has some 30,000.
const LONGEST_HEADER: u64 = 4 << 20;

/// Reads a capture; `name` is kept as the input's.
pub fn read(name: &str, bytes: &[u8], budget: &mut Budget) -> Result<Input, InputError> {
    check_header(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| broken(error.to_string()))?;
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|error| broken(error.to_string()))?;
    let metadata = Metadata(header.metadata().as_ref().cloned().unwrap_or_default());
    // The format first: another file's tensors may have any shape.
    if metadata.get("format")? != FORMAT {
        return wrong("format", format!("is {:?}, but {FORMAT} is needed", metadata.get("format")?));
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
        return Err(broken(format!("a header of {length} bytes; at most {LONGEST_HEADER} are read")));
    }
    match rest.get(..length as usize) {
        Some(header) => {
            json_guard::check(header, bytes.len() as u64).map_err(|error| broken(format!("header: {error}")))
        }
        None => Err(broken(format!("a header of {length} bytes, but the file ends after {}", rest.len()))),
    }
}

/// One tensor as f64.
fn tensor(file: &SafeTensors, name: &str, budget: &mut Budget) -> Result<ArrayD<f64>, InputError> {
    let Ok(view) = file.tensor(name) else {
        return Err(broken(format!("the tensor {name} is missing; q, k and v are needed")));
    };
    if view.dtype() != file.tensor("q").map_or(view.dtype(), |q| q.dtype()) {
        return Err(broken(format!("{name} is {:?}, and q is not; all tensors must have one type", view.dtype())));
    }
    if !(3..=4).contains(&view.shape().len()) {
        let need = "[heads, N, d] or [batch, heads, N, d] is needed";
        return Err(broken(format!("{name} has shape {:?}; {need}", view.shape())));
    }
    budget.take(&format!("tensor {name}"), view.shape())?;
    let values = match view.dtype() {
        Dtype::F32 => values(view.data(), |bytes| f32::from_le_bytes(bytes).into()),
        Dtype::F16 => values(view.data(), |bytes| f16::from_le_bytes(bytes).into()),
        other => return Err(broken(format!("{name} is {other:?}; F32 and F16 are read"))),
    };
    ArrayD::from_shape_vec(view.shape(), values).map_err(|error| broken(format!("{name}: {error}")))
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
        return Err(broken(format!("o has shape {:?}, but {expected:?} is needed", o.shape())));
    }
    Ok(o)
}

fn same_rank(array: ArrayD<f64>, rank: usize, name: &str) -> Result<ArrayD<f64>, InputError> {
    if array.ndim() == rank {
        return Ok(array);
    }
    Err(broken(format!("{name} has {} axes and q has {rank}; give them the same number", array.ndim())))
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
            other => return wrong("causal", format!("is {other:?}, but true or false is needed")),
        };
        problem.scale = match self.get("scale")?.parse() {
            Ok(scale) if f64::is_finite(scale) => scale,
            _ => return wrong("scale", format!("is {:?}, but a finite number is needed", self.get("scale")?)),
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
    }

    /// The JSON value of `key`, if it is there, of this type and `fits`.
    fn optional<T: DeserializeOwned>(
        &self,
        key: &str,
        fits: impl Fn(&T) -> bool,
        warnings: &mut Vec<String>,
    ) -> Option<T> {
        let text = self.0.get(key)?;
        let value = serde_json::from_str(text).ok().filter(fits);
        if value.is_none() {
            warnings.push(format!("the capture's metadata key {key} does not fit the tensors and is left out"));
        }
        value
    }
}

fn broken(fault: impl Into<String>) -> InputError {
    InputError::Capture { fault: fault.into() }
}

fn wrong<T>(key: &'static str, fault: impl Into<String>) -> Result<T, InputError> {
    Err(InputError::Metadata { key, fault: fault.into() })
}
