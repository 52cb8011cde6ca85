//! What a run on a GPU had to do, by the closed forms of its algorithm: FLOPs and bytes, of all heads.

use crate::attention::{Precision, Problem};
use crate::schedule::{Plan, Setting, Tiling, algorithm};

/// Work of every batch entry and query head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// FLOPs of both matrix products over the tiles that are not skipped, two for each multiply-add.
    pub flops: u64,
    /// Bytes between HBM and chip, both ways, each block as often as the algorithm asks for it.
    pub bytes: u64,
    /// Query heads of all batch entries.
    pub heads: u64,
    /// The blocks that were counted with.
    pub tiling: Tiling,
}

impl Work {
    /// `None` where there is no algorithm of this name.
    pub fn of(problem: &Problem, algorithm: &str, tiling: Tiling, precision: Precision, splits: usize) -> Option<Self> {
        let algorithm = algorithm::by_name(algorithm)?;
        let heads = problem.shape.heads as u64;
        let mut work = Self { flops: 0, bytes: 0, heads: problem.shape.batch as u64 * heads, tiling };
        for batch in 0..problem.shape.batch {
            // The kernels read keys in order, and no block table.
            let by_head = problem.mask.array.as_ref().is_some_and(|pairs| pairs.differ_by_head());
            let (firsts, times) = if by_head { (problem.shape.heads, 1) } else { (1, heads) };
            for head in 0..firsts {
                let plan = Plan::of_heads(problem, (batch, head..head + 1), tiling, precision);
                let plan = Plan { pages: None, ..plan };
                let form = algorithm.closed_form_of(&Setting { splits, ..Setting::new(plan) });
                work.flops += times * form.flops.matmul;
                work.bytes += times * form.hbm_bytes();
            }
        }
        Some(work)
    }

    /// FLOPs per byte.
    pub fn intensity(&self) -> f64 {
        self.flops as f64 / self.bytes as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::cases::{problem, with};
    use crate::attention::{Mask, Shape};

    #[test]
    fn flops_are_those_of_two_products_and_heads_and_batches_add_up() {
        let tiling = Tiling { br: 16, bc: 16 };
        let shape = Shape { batch: 2, heads: 3, kv_heads: 3, ..Shape::single(32, 48, 8) };
        let work = Work::of(&problem(shape), "flash2", tiling, Precision::F32, 1).unwrap();
        assert_eq!(work.heads, 2 * 3);
        assert_eq!(work.flops, 2 * 3 * 4 * 32 * 48 * 8);
        // Q and O once, L in four bytes, K and V once for each of two query blocks.
        assert_eq!(work.bytes, 2 * 3 * 4 * (2 * 32 * 8 + 32 + 2 * 2 * 48 * 8));
        let causal = with(problem(shape), |p| p.mask = Mask { causal: true, ..Mask::default() });
        assert!(Work::of(&causal, "flash2", tiling, Precision::F32, 1).unwrap().flops < work.flops);
        assert!(Work::of(&causal, "flash9", tiling, Precision::F32, 1).is_none());
    }
}
