//! What the blocks of a kernel work on, whatever interface runs it: the pieces that launches are made of, and what the
//! costliest of them costs.

use crate::attention::{Mask, Shape};

use super::launch::{Grid, most_keys, most_queries};

/// What one block (a thread block, a workgroup) of an entry point does.
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
}

/// Queries and keys of a block, and what a row of Q and of V takes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    pub br: usize,
    pub bc: usize,
    pub d: usize,
    pub d_v: usize,
}

impl Kind {
    /// The pieces that launches are made of.
    pub fn grid(self, shape: &Shape, blocks: &Blocks) -> Grid {
        match self {
            // Heads go side by side and key blocks one after the other: boxes grow along heads first, key blocks last.
            Kind::KeysOutside => Grid { blocks: shape.heads, heads: shape.batch, batch: shape.n_k.div_ceil(blocks.bc) },
            _ => Grid { blocks: shape.n_q.div_ceil(blocks.br), heads: shape.heads, batch: shape.batch },
        }
    }

    /// FLOPs of the costliest piece. A visit costs a whole tile, ragged or not.
    pub fn flops(self, shape: &Shape, mask: &Mask, blocks: &Blocks) -> f64 {
        /// What a softmax costs an element: a maximum, an exponential, a sum, a product, and six accesses to memory.
        const PER_WEIGHT: usize = 32;
        let Blocks { br, bc, d, d_v } = *blocks;
        let all_keys = shape.n_k.next_multiple_of(bc);
        let flops = match self {
            Kind::Scores => 2 * br * all_keys * d,
            Kind::Softmax => br * all_keys * PER_WEIGHT,
            Kind::Output => 2 * br * all_keys * d_v,
            Kind::Fused => 2 * br * most_keys(shape, mask, br).next_multiple_of(bc) * (d + d_v),
            Kind::KeysOutside => 2 * bc * most_queries(shape, mask, bc).next_multiple_of(br) * (d + d_v),
        };
        flops as f64
    }
}
