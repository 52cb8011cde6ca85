//! What the blocks of a kernel work on, whatever interface runs it: the pieces that launches are made of, and what the
//! costliest of them costs.

use crate::attention::{Mask, Shape};

use super::launch::{Grid, most_keys, most_queries};

/// What one block (a thread block, a workgroup) of an entry point does.
#[cfg_attr(not(feature = "cuda"), allow(dead_code, reason = "some are of CUDA kernels alone"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A block per query block; it goes over all keys.
    Scores,
    Softmax,
    Output,
    /// A block per query block; it goes over the keys that its queries see.
    Fused,
    /// A block per head; a launch is a run of its outer loop over key blocks.
    KeysOutside,
    /// A block per query block and split of the keys; it goes over the keys of the split that its queries see.
    Splits,
    /// A block per query block; it goes over what each split left of its rows.
    Combine,
    /// A block per query block; it goes over its rows of O and dO.
    RowDot,
    /// A block per query block; it goes over the keys that its queries see, for their gradients.
    QueryGradients,
    /// A block per key block of a key head; it goes over the queries of every head of the group that see its keys.
    KeyGradients,
    /// The same for a block per split: it goes over the key blocks of the split, one after the other.
    SplitGradients,
    /// A block per query block; it goes over the rows of dQ that each split left.
    SumOfSplits,
}

/// Queries and keys of a block, what a row of Q and of V takes in memory, and the splits of the keys (1: none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub br: usize,
    pub bc: usize,
    pub d: usize,
    pub d_v: usize,
    pub splits: usize,
}

impl Kind {
    /// The pieces that launches are made of.
    pub fn grid(self, shape: &Shape, blocks: &Blocks) -> Grid {
        let query_blocks = shape.n_q.div_ceil(blocks.br);
        match self {
            // Heads go side by side and key blocks one after the other: boxes grow along heads first, key blocks last.
            Kind::KeysOutside => Grid { blocks: shape.heads, heads: shape.batch, batch: shape.n_k.div_ceil(blocks.bc) },
            Kind::Splits => Grid { blocks: query_blocks * blocks.splits, heads: shape.heads, batch: shape.batch },
            Kind::SplitGradients => Grid { blocks: blocks.splits, heads: shape.kv_heads, batch: shape.batch },
            Kind::KeyGradients => {
                Grid { blocks: shape.n_k.div_ceil(blocks.bc), heads: shape.kv_heads, batch: shape.batch }
            }
            _ => Grid { blocks: query_blocks, heads: shape.heads, batch: shape.batch },
        }
    }

    /// FLOPs of the costliest piece. A visit costs a whole tile, ragged or not.
    pub fn flops(self, shape: &Shape, mask: &Mask, blocks: &Blocks) -> f64 {
        /// What a softmax costs an element: a maximum, an exponential, a sum, a product, and six accesses to memory.
        const PER_WEIGHT: usize = 32;
        /// What an element of a partial result costs: a rescale, a product, a sum, and an access to memory.
        const PER_PARTIAL: usize = 8;
        let Blocks { br, bc, d, d_v, splits } = *blocks;
        let all_keys = shape.n_k.next_multiple_of(bc);
        let of_key_block = || {
            let queries = shape.group() * most_queries(shape, mask, bc).next_multiple_of(br);
            2 * bc * queries * (3 * d + 2 * d_v)
        };
        let flops = match self {
            Kind::Scores => 2 * br * all_keys * d,
            Kind::Softmax => br * all_keys * PER_WEIGHT,
            Kind::Output => 2 * br * all_keys * d_v,
            Kind::Fused => 2 * br * most_keys(shape, mask, br).next_multiple_of(bc) * (d + d_v),
            Kind::Splits => {
                let split = shape.n_k.div_ceil(bc).div_ceil(splits) * bc;
                2 * br * most_keys(shape, mask, br).next_multiple_of(bc).min(split) * (d + d_v)
            }
            Kind::RowDot => br * (splits * d + 2 * d_v) * PER_PARTIAL,
            Kind::SumOfSplits => br * (splits + 1) * d * PER_PARTIAL,
            Kind::QueryGradients => 2 * br * most_keys(shape, mask, br).next_multiple_of(bc) * (2 * d + d_v),
            Kind::KeyGradients => of_key_block(),
            Kind::SplitGradients => shape.n_k.div_ceil(bc).div_ceil(splits) * of_key_block(),
            Kind::Combine => br * splits * (d_v * PER_PARTIAL + PER_WEIGHT),
            Kind::KeysOutside => 2 * bc * most_queries(shape, mask, bc).next_multiple_of(br) * (d + d_v),
        };
        flops as f64
    }
}
