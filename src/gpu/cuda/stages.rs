//! What the host must know of each CUDA kernel: its entry points in order, and the work of their grids.

use super::driver::GridSize;
use super::params::Attention;
use crate::attention::{Mask, Shape};
use crate::gpu::launch::{Grid, Launch};
use crate::gpu::work::Kind;

pub(super) use crate::gpu::work::Blocks;

/// One entry point of a kernel file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) entry: &'static str,
    kind: Kind,
}

/// The entry points of a kernel file, in the order in which they run; `deterministic`: of its variant of that name.
pub(super) fn of(file: &str, deterministic: bool) -> &'static [Stage] {
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
        "split_kv.cu" => const { &[stage("split_kv_splits", Kind::Splits), stage("split_kv_combine", Kind::Combine)] },
        "flash2_backward.cu" if deterministic => {
            const {
                &[
                    stage("flash2_backward_preprocess", Kind::RowDot),
                    stage("flash2_backward_gradients", Kind::SplitGradients),
                    stage("flash2_backward_sum", Kind::SumOfSplits),
                ]
            }
        }
        "flash2_backward.cu" => {
            const {
                &[
                    stage("flash2_backward_preprocess", Kind::RowDot),
                    stage("flash2_backward_gradients", Kind::KeyGradients),
                ]
            }
        }
        "two_kernel_backward.cu" => {
            const {
                &[
                    stage("two_kernel_backward_preprocess", Kind::RowDot),
                    stage("two_kernel_backward_dq", Kind::QueryGradients),
                    stage("two_kernel_backward_dk_dv", Kind::KeyGradients),
                ]
            }
        }
        _ => &[],
    }
}

impl Stage {
    /// The pieces that launches are made of.
    pub(super) fn grid(&self, shape: &Shape, blocks: &Blocks) -> Grid {
        self.kind.grid(shape, blocks)
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

    /// As [`Kind::flops`].
    pub(super) fn flops(&self, shape: &Shape, mask: &Mask, blocks: &Blocks) -> f64 {
        self.kind.flops(shape, mask, blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{kernels::KERNELS, ptx};

    #[test]
    fn each_stage_is_an_entry_of_the_source_and_of_the_ptx() {
        for kernel in KERNELS.iter().filter(|kernel| kernel.backend == "cuda") {
            // A variant may have an entry more.
            let stages = of(kernel.file, true);
            assert_eq!(kernel.source.matches("__global__ void").count(), stages.len(), "{}", kernel.file);
            for stage in stages {
                assert!(kernel.source.contains(&format!(" {}(const ", stage.entry)), "{}", stage.entry);
            }
            for ptx in ptx::all().filter(|ptx| ptx.file() == kernel.file) {
                let stages = of(kernel.file, ptx.deterministic);
                assert_eq!(ptx.text.matches(".visible .entry ").count(), stages.len(), "{}", ptx.name);
                for stage in stages {
                    assert!(ptx.text.contains(&format!(".entry {}(", stage.entry)), "{}", ptx.name);
                }
            }
        }
    }

    #[test]
    fn a_launch_is_placed_by_blocks_heads_and_batch() {
        let launch = Launch { origin: [1, 2, 3], size: [4, 5, 6] };
        let mut parameter = Attention::default();
        assert_eq!(of("flash2.cu", false)[0].place(&launch, &mut parameter), [4, 5, 6]);
        assert_eq!((parameter.first_block, parameter.first_head, parameter.first_batch), (1, 2, 3));
        // Of flash1 the boxes are heads, batch entries, key blocks.
        assert_eq!(of("flash1.cu", false)[0].place(&launch, &mut parameter), [1, 4, 5]);
        assert_eq!((parameter.first_block, parameter.end_block), (3, 9));
        assert_eq!((parameter.first_head, parameter.first_batch), (1, 2));
    }
}
