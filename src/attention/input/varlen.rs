//! The sequences of a batch one after the other on one axis, and apart again as the input has them.

use ndarray::{Array4, Axis, concatenate, s};

/// How a batch was laid on one axis: what of each batch entry is there, and how long its axes are in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Varlen {
    pub queries: Vec<usize>,
    pub keys: Vec<usize>,
    pub n_q: usize,
    pub n_k: usize,
}

impl Varlen {
    /// `[batch, heads, n_q, d]` as `[1, heads, total, d]`.
    pub fn join_queries(&self, tensor: &Array4<f64>) -> Array4<f64> {
        joined(tensor, &self.queries)
    }

    /// `[batch, kv_heads, n_k, d]` as `[1, kv_heads, total, d]`.
    pub fn join_keys(&self, tensor: &Array4<f64>) -> Array4<f64> {
        joined(tensor, &self.keys)
    }

    /// `[1, heads, total, d]` of queries as `[batch, heads, n_q, d]`, with zeros for what is in no sequence.
    pub fn split_queries(&self, tensor: &Array4<f64>) -> Array4<f64> {
        apart(tensor, &self.queries, self.n_q)
    }

    /// The same of keys.
    pub fn split_keys(&self, tensor: &Array4<f64>) -> Array4<f64> {
        apart(tensor, &self.keys, self.n_k)
    }
}

/// Of each batch entry its first rows, so many, one after the other.
pub(super) fn joined(tensor: &Array4<f64>, lengths: &[usize]) -> Array4<f64> {
    let of = |(batch, &length): (usize, &usize)| tensor.slice(s![batch..=batch, .., ..length, ..]);
    let sequences: Vec<_> = lengths.iter().enumerate().map(of).collect();
    concatenate(Axis(2), &sequences).expect("they differ in their lengths alone")
}

/// The rows of each sequence as a batch entry, then zeros up to `longest`.
pub(super) fn apart(tensor: &Array4<f64>, lengths: &[usize], longest: usize) -> Array4<f64> {
    let (_, heads, _, d) = tensor.dim();
    let mut padded = Array4::zeros((lengths.len(), heads, longest, d));
    let mut start = 0;
    for (batch, &length) in lengths.iter().enumerate() {
        padded.slice_mut(s![batch, .., ..length, ..]).assign(&tensor.slice(s![0, .., start..start + length, ..]));
        start += length;
    }
    padded
}
