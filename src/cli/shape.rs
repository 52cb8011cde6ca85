//! The sizes of a problem as options, for commands that need no input.

use clap::Args;

use crate::attention::{Mask, Shape};
use crate::schedule::spec::RunSpec;

use super::Failure;

#[derive(Args, Clone, Debug)]
pub struct ShapeOptions {
    #[arg(long, value_name = "N")]
    n_q: usize,
    #[arg(long, value_name = "N")]
    n_k: usize,
    #[arg(long, value_name = "D")]
    d: usize,
    /// Width of V and O; d where it is not given
    #[arg(long, value_name = "D")]
    d_v: Option<usize>,
    /// Query heads
    #[arg(long, value_name = "N", default_value_t = 1)]
    heads: usize,
    /// Key/value heads, which query heads share; as many as those where they are not given
    #[arg(long, value_name = "N")]
    kv_heads: Option<usize>,
    /// Batch entries
    #[arg(long, value_name = "N", default_value_t = 1)]
    entries: usize,
}

/// Sizes above this are refused before anything is multiplied.
const LARGEST: usize = 1 << 40;

impl ShapeOptions {
    /// Errors with a size that is empty or out of reach, and with heads that do not divide.
    pub fn shape(&self) -> Result<Shape, Failure> {
        let &Self { n_q, n_k, d, d_v, heads, kv_heads, entries } = self;
        let (d_v, kv_heads) = (d_v.unwrap_or(d), kv_heads.unwrap_or(heads));
        let shape = Shape { batch: entries, heads, kv_heads, n_q, n_k, d, d_v };
        shape.validate().map_err(|error| Failure::Bad(error.to_string()))?;
        let sizes = [n_q, n_k, d, d_v, heads, entries, heads.saturating_mul(entries)];
        match sizes.into_iter().find(|&size| size > LARGEST) {
            Some(size) => Err(Failure::Bad(format!("a size of {size} is out of reach; the largest is {LARGEST}"))),
            None => Ok(shape),
        }
    }
}

/// Errors with a list of lengths, where all batch entries are counted as one is, and with a length beyond n_k, which is
/// not cut off.
pub fn one_length(spec: &RunSpec, shape: &Shape) -> Result<(), Failure> {
    let mask = spec.whole_mask(&Mask::default());
    let is_one = |lengths: &Vec<usize>| lengths.len() == 1 && lengths[0] <= shape.n_k;
    for (name, lengths) in [("kv-lengths", &mask.key_lengths), ("left-padding", &mask.left_padding)] {
        if !lengths.as_ref().is_none_or(is_one) {
            return Err(Failure::Bad(format!(
                "--{name}: this command takes one length, of at most n_k = {}, for all batch entries",
                shape.n_k
            )));
        }
    }
    Ok(())
}

/// How many heads, in words.
pub fn heads(shape: &Shape) -> String {
    match (shape.heads, shape.batch) {
        (1, 1) => "One query head".into(),
        (heads, 1) => format!("{heads} query heads, {} of keys and values", shape.kv_heads),
        (heads, batch) => {
            format!("{batch} batch entries of {heads} query heads, {} of keys and values", shape.kv_heads)
        }
    }
}
