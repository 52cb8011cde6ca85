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
                footprint(algorithm, &plan).fits(hardware)
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
