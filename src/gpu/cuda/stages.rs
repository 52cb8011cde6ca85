//! What the host must know of each CUDA kernel: its entry points in order, and the work of their grids.

use super::driver::GridSize;
use super::params::Attention;
use crate::attention::{Mask, Shape};
use crate::gpu::launch::{Grid, Launch, most_keys, most_queries};

/// One entry point of a kernel file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) entry: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A thread block per query block; it goes over all keys.
    Scores,
    Softmax,
    Output,
    /// A thread block per query block; it goes over the keys that its queries see.
    Fused,
    /// A thread block per head; a launch is a run of its outer loop over key blocks.
    KeysOutside,
}

/// The entry points of a kernel file, in the order in which they run.
pub(super) fn of(file: &str) -> &'static [Stage] {
    const fn stage(entry: &'static str, kind: Kind) -> Stage {
        Stage { entry, kind }
    }
    const STANDARD: &[Stage] = &[
        stage("standard_scores", Kind::Scores),
        stage("standard_softmax", Kind::Softmax),
        stage("standard_output", Kind::Output),
    ];
    match file {
        "standard.cu" => STANDARD,
        "flash1.cu" => const { &[stage("flash1", Kind::KeysOutside)] },
        "flash2.cu" => const { &[stage("flash2", Kind::Fused)] },
        "flash2_mma.cu" => const { &[stage("flash2_mma", Kind::Fused)] },
        _ => &[],
    }
}

/// Queries and keys of a block, and what a row of Q and of V takes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) br: usize,
    pub(super) bc: usize,
    pub(super) d: usize,
    pub(super) d_v: usize,
}

impl Stage {
    /// The pieces that launches are made of.
    pub(super) fn grid(&self, shape: &Shape, blocks: &Blocks) -> Grid {
        match self.kind {
            // Heads go side by side and key blocks one after the other: boxes grow along heads first, key blocks last.
            Kind::KeysOutside => Grid { blocks: shape.heads, heads: shape.batch, batch: shape.n_k.div_ceil(blocks.bc) },
            _ => Grid { blocks: shape.n_q.div_ceil(blocks.br), heads: shape.heads, batch: shape.batch },
        }
    }

    /// Thread blocks that work at the same time, if the device has room for all.
    pub(super) fn grid_blocks(&self, shape: &Shape, blocks: &Blocks) -> usize {
        match self.kind {
            Kind::KeysOutside => shape.heads * shape.batch,
            _ => self.grid(shape, blocks).programs(),
        }
    }

    /// Writes the place of a launch into the parameter; gives the blocks to start.
    pub(super) fn place(&self, launch: &Launch, parameter: &mut Attention) -> GridSize {
        let ([x, y, z], size) = (launch.origin.map(|at| at as i32), launch.size.map(|size| size as u32));
        match self.kind {
            Kind::KeysOutside => {
                (parameter.first_head, parameter.first_batch, parameter.first_block) = (x, y, z);
                parameter.end_block = z + size[2] as i32;
                [1, size[0], size[1]]
            }
            _ => {
                (parameter.first_block, parameter.first_head, parameter.first_batch) = (x, y, z);
                size
            }
        }
    }

    /// FLOPs of the costliest piece. A visit costs a whole tile, ragged or not.
    pub(super) fn flops(&self, shape: &Shape, mask: &Mask, blocks: &Blocks) -> f64 {
        /// What a softmax costs an element: a maximum, an exponential, a sum, a product, and six accesses to memory.
        const PER_WEIGHT: usize = 32;
        let Blocks { br, bc, d, d_v } = *blocks;
        let all_keys = shape.n_k.next_multiple_of(bc);
        let flops = match self.kind {
            Kind::Scores => 2 * br * all_keys * d,
            Kind::Softmax => br * all_keys * PER_WEIGHT,
            Kind::Output => 2 * br * all_keys * d_v,
            Kind::Fused => 2 * br * most_keys(shape, mask, br).next_multiple_of(bc) * (d + d_v),
            Kind::KeysOutside => 2 * bc * most_queries(shape, mask, bc).next_multiple_of(br) * (d + d_v),
        };
        flops as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{kernels::KERNELS, ptx};

    #[test]
    fn each_stage_is_an_entry_of_the_source_and_of_the_ptx() {
        for kernel in KERNELS.iter().filter(|kernel| kernel.backend == "cuda") {
            let stages = of(kernel.file);
            assert_eq!(kernel.source.matches("__global__ void").count(), stages.len(), "{}", kernel.file);
            for stage in stages {
                assert!(kernel.source.contains(&format!(" {}(const ", stage.entry)), "{}", stage.entry);
                let stem = kernel.file.trim_end_matches(".cu");
                for ptx in ptx::all().filter(|ptx| ptx.name.split('.').next() == Some(stem)) {
                    assert!(ptx.text.contains(&format!(".entry {}(", stage.entry)), "{}", ptx.name);
                }
            }
        }
    }

    #[test]
    fn a_launch_is_placed_by_blocks_heads_and_batch() {
        let launch = Launch { origin: [1, 2, 3], size: [4, 5, 6] };
        let mut parameter = Attention::default();
        assert_eq!(of("flash2.cu")[0].place(&launch, &mut parameter), [4, 5, 6]);
        assert_eq!((parameter.first_block, parameter.first_head, parameter.first_batch), (1, 2, 3));
        // Of flash1 the boxes are heads, batch entries, key blocks.
        assert_eq!(of("flash1.cu")[0].place(&launch, &mut parameter), [1, 4, 5]);
        assert_eq!((parameter.first_block, parameter.end_block), (3, 9));
        assert_eq!((parameter.first_head, parameter.first_batch), (1, 2));
    }
}
