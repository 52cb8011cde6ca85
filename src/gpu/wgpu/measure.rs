//! Times of WGSL kernels by the GPU's clock: warm, with sets of tensors that take turns.

use std::sync::atomic::AtomicBool;

use ndarray::Array4;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::compute::{Job, Spent};
use super::memory::tensor_bytes;
use super::{WgpuBackend, stages};
use crate::attention::{Problem, Shape};
use crate::gpu::runs::one_by_one;
use crate::gpu::{GpuError, Measured, Refusal, Workload};

/// Runs before the first that counts.
const WARM_RUNS: usize = 5;
/// WebGPU does not say how large an L2 is: sets together are larger than any.
const NO_CACHE_HOLDS: u64 = 256 << 20;
const MOST_SETS: u64 = 16;

impl WgpuBackend {
    pub(super) fn measure_workload(&mut self, workload: &Workload, cancel: &AtomicBool) -> Result<Measured, GpuError> {
        let problem = problem(workload)?;
        let kernel = self.kernel_for(&problem, workload.algorithm, workload.precision, false)?;
        let splits = stages::splits(&problem, kernel, workload.splits);
        let needed: u64 = tensor_bytes(&problem, kernel, splits, false).iter().map(|(_, bytes)| bytes).sum();
        let count = (NO_CACHE_HOLDS / needed.max(1)).clamp(2, MOST_SETS);
        let sets = (0..count)
            .map(|_| self.job(kernel, &problem, splits, false, cancel))
            .collect::<Result<Vec<_>, GpuError>>()?;
        if sets.iter().any(|set| !set.has_clock()) {
            return Err(Refusal::Clock.into());
        }
        for set in sets.iter().cycle().take(WARM_RUNS) {
            self.carry_out(set)?;
        }
        let (times, launches) = one_by_one(|at| {
            let Spent { kernel_time, launches, .. } = self.carry_out(&sets[at % sets.len()])?;
            Ok::<_, GpuError>((kernel_time, launches))
        })?;
        let device_bytes = sets.iter().map(Job::bytes).sum();
        Ok(Measured {
            kernel: kernel.file,
            variant: kernel.file.to_owned(),
            times,
            sets: sets.len(),
            launches,
            device_bytes,
        })
    }
}

/// Numbers between -1 and 1: speed depends on values a little (power), never on their quality.
fn problem(workload: &Workload) -> Result<Problem, GpuError> {
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = workload.shape;
    workload.shape.validate().map_err(Refusal::from)?;
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let mut tensor = |heads, n, width| {
        Array4::from_shape_simple_fn((batch, heads, n, width), || f64::from(random.random_range(-1.0f32..1.0)))
    };
    let (q, k, v) = (tensor(heads, n_q, d), tensor(kv_heads, n_k, d), tensor(kv_heads, n_k, d_v));
    let problem = Problem::new(q, k, v).map_err(Refusal::from)?;
    Ok(Problem { mask: workload.mask(), ..problem })
}
