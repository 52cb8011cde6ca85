//! How fast a kernel is: what is measured, and what came of it.

use std::time::Duration;

use crate::attention::{Mask, Precision, Shape};
use crate::schedule::{Algorithm, algorithm};

/// A problem whose values do not matter.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub algorithm: &'static str,
    pub precision: Precision,
    pub shape: Shape,
    pub causal: bool,
    /// Parts of the keys; 1 where the algorithm has no splits.
    pub splits: usize,
    /// As [`super::Backend::set_deterministic`].
    pub deterministic: bool,
}

/// Times of one kernel on one workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// The kernel's file, and the variant of it.
    pub kernel: &'static str,
    pub variant: String,
    /// By the GPU's clock, each of a whole run, in the order in which they were taken; warm.
    pub times: Vec<Duration>,
    /// Sets of tensors that took turns, so that a run does not find its inputs in L2.
    pub sets: usize,
    /// Pieces that a run was cut into.
    pub launches: usize,
    /// Of all sets.
    pub device_bytes: u64,
}

impl Workload {
    pub fn mask(&self) -> Mask {
        Mask { causal: self.causal, ..Mask::default() }
    }

    /// FLOPs as the field counts them: 2 for each product and sum of the matrix products, two of a forward pass and five of a
    /// backward pass, however many a kernel makes; and half of all for a causal mask.
    pub fn flops(&self) -> f64 {
        let Shape { batch, heads, n_q, n_k, d, d_v, .. } = self.shape;
        let widths = if self.is_backward() { 3 * d + 2 * d_v } else { d + d_v };
        let all = 2.0 * (batch * heads) as f64 * n_q as f64 * n_k as f64 * widths as f64;
        if self.causal { all / 2.0 } else { all }
    }

    fn is_backward(&self) -> bool {
        algorithm::by_name(self.algorithm).is_some_and(Algorithm::is_backward)
    }

    /// Bytes of Q, K, V and O, in a backward pass also of their gradients, each once: what no kernel can do without.
    pub fn least_bytes(&self) -> f64 {
        let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = self.shape;
        let elements = (batch * heads * n_q * (d + d_v) + batch * kv_heads * n_k * (d + d_v)) as f64;
        let elements = if self.is_backward() { 2.0 * elements } else { elements };
        elements * self.precision.element_bytes() as f64
    }
}

impl Measured {
    /// The time in the middle.
    pub fn median(&self) -> Option<Duration> {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flops_and_bytes_are_those_of_the_formula() {
        let shape = Shape { batch: 2, heads: 4, kv_heads: 2, n_q: 8, n_k: 16, d: 32, d_v: 32 };
        let open = Workload {
            algorithm: "flash2",
            precision: Precision::F16,
            shape,
            causal: false,
            splits: 1,
            deterministic: false,
        };
        assert_eq!(open.flops(), 4.0 * 2.0 * 4.0 * 8.0 * 16.0 * 32.0);
        assert_eq!(Workload { causal: true, ..open.clone() }.flops(), open.flops() / 2.0);
        // Q and O of four heads, K and V of two.
        assert_eq!(open.least_bytes(), 2.0 * (2.0 * 2.0 * 4.0 * 8.0 * 32.0 + 2.0 * 2.0 * 2.0 * 16.0 * 32.0));
        let backward = Workload { algorithm: "flash2-backward", ..open.clone() };
        assert_eq!(backward.flops(), 2.5 * open.flops());
        assert_eq!(backward.least_bytes(), 2.0 * open.least_bytes());
        let ms = |times: &[u64]| times.iter().map(|&ms| Duration::from_millis(ms)).collect();
        let of = |times| Measured { kernel: "", variant: String::new(), times, sets: 1, launches: 1, device_bytes: 0 };
        assert_eq!(of(ms(&[9, 1, 5])).median(), Some(Duration::from_millis(5)));
        assert_eq!(of(ms(&[])).median(), None);
    }
}
