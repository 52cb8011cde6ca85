//! Dropout of attention weights: a keep mask that is given, or regenerated from a seed like a kernel does.

use std::sync::Arc;

use ndarray::Array4;

use super::Shape;

/// Keeps each weight with probability `1 - rate` and scales what is kept by `1 / (1 - rate)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// Probability that a weight is dropped, in `[0, 1)`.
    pub rate: f64,
    pub keep: Keep,
}

/// Where the decision for a weight comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Keep {
    /// A mask in HBM, `[batch, heads, n_q, n_k]`: one byte an element of traffic.
    Given(Arc<Array4<bool>>),
    /// Regenerated for each element from a seed: no traffic.
    Seed(Stream),
}

/// The random numbers of a seed, one for each element of `[batch, heads, n_q, n_k]` in its order: those of cuRAND's
/// `curand_uniform` after `curand_init(seed, 0, n)`, the first for element `n`. So PyTorch's memory-efficient attention draws
/// them, at the offset 0 that its generator has after `torch.manual_seed(seed)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub seed: u64,
    /// Heads, n_q and n_k.
    sizes: [usize; 3],
}

impl Keep {
    /// By the stream of a seed, for weights of this shape.
    pub fn by_seed(seed: u64, shape: &Shape) -> Self {
        Keep::Seed(Stream { seed, sizes: [shape.heads, shape.n_q, shape.n_k] })
    }
}

impl Dropout {
    /// Whether the weight of query `i` and key `j` survives.
    pub fn keeps(&self, batch: usize, head: usize, i: usize, j: usize) -> bool {
        match &self.keep {
            Keep::Given(mask) => mask[[batch, head, i, j]],
            Keep::Seed(stream) => uniform(stream.word(batch, head, i, j)) > self.rate as f32,
        }
    }

    /// The mask is a tensor in HBM, and so costs traffic.
    pub fn is_materialised(&self) -> bool {
        matches!(self.keep, Keep::Given(_))
    }
}

/// Between two numbers of a word.
const STEP: f32 = 1.0 / (1u64 << 32) as f32;

impl Stream {
    /// Heads, n_q and n_k of what it is for.
    pub fn sizes(&self) -> [usize; 3] {
        self.sizes
    }

    /// The last word that drops a weight at this rate, as all before it do; `None` where no word does.
    pub fn last_dropped(&self, rate: f64) -> Option<u32> {
        let (mut least_kept, mut end) = (0u64, 1u64 << 32);
        while least_kept < end {
            let middle = least_kept.midpoint(end);
            if uniform(middle as u32) > rate as f32 { end = middle } else { least_kept = middle + 1 }
        }
        least_kept.checked_sub(1).map(|word| word as u32)
    }

    fn word(&self, batch: usize, head: usize, i: usize, j: usize) -> u32 {
        let [heads, n_q, n_k] = self.sizes.map(|size| size as u64);
        let n = ((batch as u64 * heads + head as u64) * n_q + i as u64) * n_k + j as u64;
        let [low, high] = halves(n / 4);
        philox([low, high, 0, 0], halves(self.seed))[(n % 4) as usize]
    }
}

/// A word as a number in (0, 1], which grows with it.
fn uniform(word: u32) -> f32 {
    word as f32 * STEP + STEP / 2.0
}

/// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): four words for a
/// counter, so that any element can be made without those before it.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const FACTORS: [u64; 2] = [0xd251_1f53, 0xcd9e_8d57];
    const STEPS: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];
    let round = |([a, b, c, d], [k, l]): ([u32; 4], [u32; 2])| {
        let [ac, bd] = [FACTORS[0] * u64::from(a), FACTORS[1] * u64::from(c)].map(halves);
        ([bd[1] ^ b ^ k, bd[0], ac[1] ^ d ^ l, ac[0]], [k.wrapping_add(STEPS[0]), l.wrapping_add(STEPS[1])])
    };
    (0..10).fold((counter, key), |state, _| round(state)).0
}

/// The low half first.
fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that come with Random123.
    #[test]
    fn philox_has_the_known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let (counter, key) = ([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]);
        assert_eq!(philox(counter, key), [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    /// Element by element of two sequences, heads and rows: word n % 4 of counter n / 4.
    #[test]
    fn an_element_has_the_number_of_its_place() {
        let shape = Shape { batch: 2, heads: 3, ..Shape::single(5, 7, 1) };
        let Keep::Seed(stream) = Keep::by_seed((9 << 32) + 4, &shape) else { panic!("it is by a seed") };
        let mut n = 0u32;
        for (batch, head, i, j) in places(&shape) {
            let word = philox([n / 4, 0, 0, 0], [4, 9])[n as usize % 4];
            let exact = (f64::from(word) + 0.5) / 2f64.powi(32);
            let found = f64::from(uniform(stream.word(batch, head, i, j)));
            assert!((found - exact).abs() <= 2f64.powi(-24) && found > 0.0, "{n}: {found} for {exact}");
            n += 1;
        }
        assert_eq!(n, 210);
        // Elements beyond 2^34 count on in the second word.
        let far = Stream { seed: 1, sizes: [1, 1 << 20, 1 << 20] };
        let word = philox([0, 16, 0, 0], [1, 0])[3];
        assert_eq!(far.word(0, 0, 1 << 18, 3), word);
    }

    /// By the words themselves, at rates that are and are not those of a word.
    #[test]
    fn words_up_to_the_last_dropped_drop() {
        let Keep::Seed(stream) = Keep::by_seed(1, &Shape::single(1, 1, 1)) else { panic!("it is by a seed") };
        for rate in [1e-9, 0.1, 0.25, 0.5, 0.9, 1.0 - 2f64.powi(-24)] {
            let last = stream.last_dropped(rate).expect("some word drops");
            assert!(uniform(last) <= rate as f32 && uniform(last + 1) > rate as f32, "{rate}: {last}");
            assert!((f64::from(last) / 2f64.powi(32) - rate).abs() < 1e-7, "{rate}: {last}");
        }
        assert_eq!(stream.last_dropped(0.0), None);
        assert_eq!(stream.last_dropped(1e-12), None, "the lowest word is half a step above 0");
        assert_eq!(stream.last_dropped(1.0 - 1e-12), Some(u32::MAX), "in f32 the rate is 1");
    }

    fn places(shape: &Shape) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        let &Shape { batch, heads, n_q, n_k, .. } = shape;
        let rows = (0..batch).flat_map(move |b| (0..heads).flat_map(move |h| (0..n_q).map(move |i| (b, h, i))));
        rows.flat_map(move |(b, h, i)| (0..n_k).map(move |j| (b, h, i, j)))
    }

    #[test]
    fn a_seed_drops_the_rate_asked_for_and_repeats() {
        let shape = Shape { heads: 2, ..Shape::single(400, 300, 1) };
        let dropout = |rate, seed| Dropout { rate, keep: Keep::by_seed(seed, &shape) };
        let kept =
            |rate, seed| (0..100_000).map(|n| dropout(rate, seed).keeps(0, 1, n / 300, n % 300)).collect::<Vec<_>>();
        let share = kept(0.25, 1).iter().filter(|&&keep| keep).count() as f64 / 100_000.0;
        assert!((share - 0.75).abs() < 0.01, "{share}");
        assert_eq!(kept(0.25, 1), kept(0.25, 1));
        assert_ne!(kept(0.25, 1), kept(0.25, 2));
        assert!(kept(0.0, 1).into_iter().all(|keep| keep), "at a rate of 0 all stay");
    }
}
