//! Dropout of attention weights: a keep mask that is given, or regenerated from a seed like a kernel does.

use std::sync::Arc;

use ndarray::Array4;

/// Keeps each weight with probability `1 - rate` and scales what is kept by `1 / (1 - rate)`.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Probability that a weight is dropped, in `[0, 1)`.
    pub rate: f64,
    pub keep: Keep,
}

/// Where the decision for a weight comes from.
#[derive(Clone, Debug)]
pub enum Keep {
    /// A mask in HBM, `[batch, heads, n_q, n_k]`: one byte an element of traffic.
    Given(Arc<Array4<bool>>),
    /// Regenerated for each element from a seed: no traffic.
    Seed(u64),
}

impl Dropout {
    /// Whether the weight of query `i` and key `j` survives.
    pub fn keeps(&self, batch: usize, head: usize, i: usize, j: usize) -> bool {
        match &self.keep {
            Keep::Given(mask) => mask[[batch, head, i, j]],
            Keep::Seed(seed) => {
                let word = [batch, head, i, j].into_iter().fold(*seed, |hash, part| mix(hash ^ part as u64));
                // The top 53 bits as a number in [0, 1).
                (word >> 11) as f64 / (1u64 << 53) as f64 >= self.rate
            }
        }
    }

    /// The mask is a tensor in HBM, and so costs traffic.
    pub fn is_materialised(&self) -> bool {
        matches!(self.keep, Keep::Given(_))
    }
}

/// One round of SplitMix64 (Steele, Lea and Flood, 2014): a counter-based generator, so that any element
/// can be made without those before it.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_drops_the_rate_asked_for_and_repeats() {
        let dropout = |seed| Dropout { rate: 0.25, keep: Keep::Seed(seed) };
        let kept = |seed| (0..100_000).map(|n| dropout(seed).keeps(0, 1, n / 300, n % 300)).collect::<Vec<_>>();
        let share = kept(1).iter().filter(|&&keep| keep).count() as f64 / 100_000.0;
        assert!((share - 0.75).abs() < 0.01, "{share}");
        assert_eq!(kept(1), kept(1));
        assert_ne!(kept(1), kept(2));
    }
}
