//! What a capture says for people: its model, its text, its tokens. A fault in it is a warning, never a refusal.

use serde::de::DeserializeOwned;

use super::error::InputError;
use super::held::Held;
use super::{Input, pieces};
use crate::attention::Shape;
use crate::sentence::Sentence;

/// The format of captures, whose metadata `causal`, `scale` and `kv_lengths` are needed.
const FORMAT: &str = "tiled-attention-capture/1";

/// Errors on a capture of another version, and on one that leaves out what its format needs.
pub(super) fn check_format(held: &Held) -> Result<(), InputError> {
    let wrong = |key: &str, fault: Sentence| Err(InputError::Metadata { key: key.into(), fault });
    match held.metadata.get("format") {
        Some(format) if format == FORMAT => {
            let missing = ["causal", "scale", "kv_lengths"].into_iter().find(|key| !held.metadata.contains_key(*key));
            missing.map_or(Ok(()), |key| wrong(key, "is missing".into()))
        }
        Some(format) if format.starts_with("tiled-attention-capture/") => {
            let fault = Sentence::new("is {0}, but {1} is needed").with(format!("{format:?}")).with(FORMAT);
            wrong("format", fault)
        }
        _ => Ok(()),
    }
}

/// Fills in what is for people; what is unusable is left out with a warning.
pub(super) fn describe(held: &Held, input: &mut Input) {
    let Shape { batch, heads, kv_heads, n_k, .. } = input.problem.shape;
    let warnings = &mut input.warnings;
    let about = &mut input.about;
    let string = |key: &str| held.metadata.get(key).filter(|value| !value.is_empty()).cloned();
    about.model = string("model");
    about.licence = string("licence");
    about.note = string("note");
    about.layer = optional(held, "layer", |_| true, warnings);
    about.recorded_error = optional(held, "verify_max_abs_err", |error: &f64| error.is_finite(), warnings);
    about.q_heads = optional(held, "q_heads", |list: &Vec<_>| list.len() == heads, warnings).unwrap_or_default();
    // A number there is a count of heads, and checked as such.
    let is_list = held.metadata.get("kv_heads").is_some_and(|value| value.trim_start().starts_with('['));
    if is_list {
        let kv_heads = optional(held, "kv_heads", |list: &Vec<_>| list.len() == kv_heads, warnings);
        about.kv_heads = kv_heads.unwrap_or_default();
    }
    let one_each = |tokens: &Vec<Vec<String>>| tokens.len() == batch && tokens.iter().all(|t| t.len() == n_k);
    // A batch has lists of what a single sequence has plainly.
    if input.layout.has_batch(input.rank) || input.packed.is_some() {
        about.text = optional(held, "source_text", |text: &Vec<_>| text.len() == batch, warnings).unwrap_or_default();
        about.tokens = optional(held, "tokens", one_each, warnings).unwrap_or_default();
    } else {
        about.text = string("source_text").into_iter().collect();
        let tokens = optional(held, "tokens", |tokens: &Vec<String>| tokens.len() == n_k, warnings);
        about.tokens = tokens.into_iter().collect();
    }
    about.tokens.iter_mut().for_each(|tokens| *tokens = pieces::labels(tokens));
}

/// The JSON value of `key`, if it is there, of this type and `fits`.
fn optional<T: DeserializeOwned>(
    held: &Held,
    key: &str,
    fits: impl Fn(&T) -> bool,
    warnings: &mut Vec<Sentence>,
) -> Option<T> {
    let text = held.metadata.get(key)?;
    let value = serde_json::from_str(text).ok().filter(fits);
    if value.is_none() {
        let warning = "the capture's metadata key {0} does not fit the tensors and is left out";
        warnings.push(Sentence::new(warning).with(key));
    }
    value
}
