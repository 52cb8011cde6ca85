//! Block sizes: given, or chosen for a chip.

use crate::attention::{Precision, Shape};

use super::algorithm::{Algorithm, BlockRule};
use super::hardware::Hardware;
use super::plan::Plan;
use super::step::OnChip;

/// Rows of a query block and keys of a key block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    pub br: usize,
    pub bc: usize,
}

/// The sizes that kernels use, from large to small.
const USUAL: [Tiling; 5] = [
    Tiling { br: 128, bc: 128 },
    Tiling { br: 128, bc: 64 },
    Tiling { br: 64, bc: 64 },
    Tiling { br: 32, bc: 32 },
    Tiling { br: 16, bc: 16 },
];

impl Tiling {
    /// The block sizes of `algorithm` on `hardware`, clamped to the sequence lengths.
    ///
    /// When not even 16 x 16 fits, the answer is 16 x 16: the ledger then shows by how much it does not.
    pub fn for_hardware(algorithm: &Algorithm, shape: &Shape, precision: Precision, hardware: &Hardware) -> Self {
        let tiling = match algorithm.block_rule() {
            BlockRule::Paper => Self::paper(shape.d, hardware.shared_bytes_per_block / precision.element_bytes()),
            BlockRule::Largest => largest(|tiling| {
                let plan = Plan { d_v: shape.d_v, ..Plan::new(shape.n_q, shape.n_k, shape.d, tiling, precision) };
                footprint(algorithm.on(shape), &plan).fits(hardware)
            }),
        };
        Self { br: tiling.br.min(shape.n_q), bc: tiling.bc.min(shape.n_k) }
    }

    /// FlashAttention, Algorithm 1 line 1, with M in elements.
    pub fn paper(d: usize, m_elements: u64) -> Self {
        let bc = (m_elements as usize).div_ceil(4 * d).max(1);
        Self { br: bc.min(d), bc }
    }
}

/// The largest of the usual sizes that fits; the smallest where none does.
pub fn largest(fits: impl Fn(Tiling) -> bool) -> Tiling {
    USUAL.into_iter().find(|&tiling| fits(tiling)).unwrap_or(USUAL[USUAL.len() - 1])
}

/// Bytes of the buffers of the largest program.
pub fn footprint(algorithm: &Algorithm, plan: &Plan) -> OnChip {
    OnChip::of(&algorithm.footprint(plan))
}

impl OnChip {
    /// Within the budgets of one thread block.
    pub fn fits(self, hardware: &Hardware) -> bool {
        if hardware.is_unified {
            return self.total() <= hardware.shared_bytes_per_block;
        }
        self.shared <= hardware.shared_bytes_per_block && self.registers <= hardware.register_bytes_per_block
    }
}

/// The splits that flash-attention takes for the heads of all batch entries of a problem of this shape, in the blocks of
/// `plan`, on `hardware`.
pub fn splits_on(hardware: &Hardware, shape: &Shape, plan: &Plan) -> usize {
    let sms = usize::try_from(hardware.sms.saturating_mul(2)).unwrap_or(usize::MAX);
    let blocks = shape.batch.saturating_mul(shape.heads).saturating_mul(plan.t_r());
    // A sequence is cut, and not what lies of several one after the other.
    let longest = plan.key_blocks_by_sequence().iter().map(std::ops::Range::len).max();
    splits(sms, blocks, longest.unwrap_or(0))
}

/// Into how many splits flash-attention cuts the keys of a decoding step (`num_splits_heuristic` of its version 2): the
/// fewest that come within 15 % of the best use of the SMs. `blocks` thread blocks there are without splits, and `n` key
/// blocks. The library counts each SM twice, since two thread blocks fit one.
pub fn splits(sms: usize, blocks: usize, n: usize) -> usize {
    const MOST: usize = 128;
    if blocks as f64 >= 0.8 * sms as f64 {
        return 1;
    }
    // More splits than before are of use where each has fewer key blocks.
    let is_of_use = |splits: &usize| *splits == 1 || n.div_ceil(*splits) != n.div_ceil(splits - 1);
    let used = |splits: usize| {
        let waves = (blocks * splits) as f64 / sms as f64;
        waves / waves.ceil()
    };
    let tried = || (1..=MOST.min(sms).min(n)).filter(is_of_use);
    let best = tried().map(used).fold(0.0, f64::max);
    tried().find(|&splits| used(splits) >= 0.85 * best).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand, for 9 heads and 64 key blocks: an A100 has 108 SMs, an H100 132.
    #[test]
    fn splits_fill_the_chip() {
        assert_eq!([splits(108, 9, 64), splits(216, 9, 64), splits(132, 9, 64), splits(264, 9, 64)], [10, 22, 13, 22]);
        // Enough thread blocks as it is; one key block cannot be cut.
        assert_eq!([splits(108, 87, 64), splits(108, 9, 1), splits(1, 1, 1), splits(4, 1, 1000)], [1, 1, 1, 4]);
        // The fewest that are near the best use, and each of use: no more splits with the same key blocks.
        for (sms, blocks, n) in (1..40).flat_map(|sms| (1..20).map(move |blocks| (sms, blocks, 1 + sms * blocks % 37)))
        {
            let splits = splits(sms, blocks, n);
            assert!((1..=n.min(sms).max(1)).contains(&splits), "{sms} {blocks} {n}: {splits}");
            assert!(splits == 1 || n.div_ceil(splits) < n.div_ceil(splits - 1), "{sms} {blocks} {n}: {splits}");
        }
    }
}
