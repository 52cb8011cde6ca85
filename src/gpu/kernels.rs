//! The kernel sources of `kernels/`. Markers in their comments say which lines belong to which step of a schedule.

use crate::attention::Precision;
use crate::schedule::{Algorithm, algorithm};

/// One kernel file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Name in `kernels/`.
    pub file: &'static str,
    pub algorithm: &'static str,
    /// `"wgpu"` or `"cuda"`.
    pub backend: &'static str,
    /// Queries and keys of a block.
    pub br: usize,
    pub bc: usize,
    /// Largest head dimension of Q and K, and of V.
    pub d_max: usize,
    pub source: &'static str,
}

/// What the WGSL kernels share; not a kernel.
pub const ATTENTION_WGSL: &str = include_str!("../../kernels/attention.wgsl");

/// Standard attention for any GPU, with S and P in its memory.
pub const STANDARD_WGSL: Kernel = Kernel {
    file: "standard.wgsl",
    algorithm: "standard",
    backend: "wgpu",
    br: 16,
    bc: 16,
    d_max: 128,
    source: include_str!("../../kernels/standard.wgsl"),
};

/// FlashAttention forward for any GPU.
pub const FLASH1_WGSL: Kernel = Kernel {
    file: "flash1.wgsl",
    algorithm: "flash1",
    backend: "wgpu",
    br: 16,
    bc: 8,
    d_max: 128,
    source: include_str!("../../kernels/flash1.wgsl"),
};

/// FlashAttention-2 forward for any GPU.
pub const FLASH2_WGSL: Kernel = Kernel {
    file: "flash2.wgsl",
    algorithm: "flash2",
    backend: "wgpu",
    br: 16,
    bc: 16,
    d_max: 128,
    source: include_str!("../../kernels/flash2.wgsl"),
};

/// FlashAttention-2 forward with larger tiles, for GPUs that grant the workgroup memory for them.
pub const FLASH2_WIDE_WGSL: Kernel = Kernel {
    file: "flash2_wide.wgsl",
    algorithm: "flash2",
    backend: "wgpu",
    br: 32,
    bc: 32,
    d_max: 128,
    source: include_str!("../../kernels/flash2_wide.wgsl"),
};

/// FlashAttention-2 with the keys in splits, for any GPU.
pub const SPLIT_KV_WGSL: Kernel = Kernel {
    file: "split_kv.wgsl",
    algorithm: "split-kv",
    backend: "wgpu",
    br: 16,
    bc: 16,
    d_max: 128,
    source: include_str!("../../kernels/split_kv.wgsl"),
};

/// A CUDA kernel; its block sizes are those of the largest head dimension.
const fn cuda(file: &'static str, algorithm: &'static str, (br, bc): (usize, usize), source: &'static str) -> Kernel {
    Kernel { file, algorithm, backend: "cuda", br, bc, d_max: 128, source }
}

/// Attention as three kernels in f32.
pub const STANDARD_CU: Kernel = cuda("standard.cu", "standard", (16, 16), include_str!("../../kernels/standard.cu"));
/// FlashAttention in f32.
pub const FLASH1_CU: Kernel = cuda("flash1.cu", "flash1", (32, 32), include_str!("../../kernels/flash1.cu"));
/// FlashAttention-2 in f32.
pub const FLASH2_CU: Kernel = cuda("flash2.cu", "flash2", (32, 32), include_str!("../../kernels/flash2.cu"));
/// FlashAttention-2 on tensor cores, in f16 and bf16.
pub const FLASH2_MMA_CU: Kernel =
    cuda("flash2_mma.cu", "flash2", (128, 64), include_str!("../../kernels/flash2_mma.cu"));
/// FlashAttention-2 with the keys in splits, in f32.
pub const SPLIT_KV_CU: Kernel = cuda("split_kv.cu", "split-kv", (32, 32), include_str!("../../kernels/split_kv.cu"));

/// The gradients of FlashAttention-2 in f32, dQ by atomic additions.
pub const FLASH2_BACKWARD_CU: Kernel =
    cuda("flash2_backward.cu", "flash2-backward", (16, 32), include_str!("../../kernels/flash2_backward.cu"));
/// The same in two kernels without atomics.
pub const TWO_KERNEL_BACKWARD_CU: Kernel = cuda(
    "two_kernel_backward.cu",
    "two-kernel-backward",
    (16, 32),
    include_str!("../../kernels/two_kernel_backward.cu"),
);

/// What the CUDA kernels include, by name.
pub const CUDA_HEADERS: [(&str, &str); 4] = [
    ("attention.cuh", include_str!("../../kernels/attention.cuh")),
    ("tiles.cuh", include_str!("../../kernels/tiles.cuh")),
    ("backward.cuh", include_str!("../../kernels/backward.cuh")),
    ("tensor_cores.cuh", include_str!("../../kernels/tensor_cores.cuh")),
];

/// Every kernel of this version: those for any GPU, then those for NVIDIA's, each from simple to fast.
pub const KERNELS: &[Kernel] = &[
    STANDARD_WGSL,
    FLASH1_WGSL,
    FLASH2_WGSL,
    FLASH2_WIDE_WGSL,
    SPLIT_KV_WGSL,
    STANDARD_CU,
    FLASH1_CU,
    FLASH2_CU,
    FLASH2_MMA_CU,
    SPLIT_KV_CU,
    FLASH2_BACKWARD_CU,
    TWO_KERNEL_BACKWARD_CU,
];

impl Kernel {
    /// The formats that it computes in, at least one.
    pub fn precisions(&self) -> &'static [Precision] {
        match self.file {
            "flash2_mma.cu" => &[Precision::F16, Precision::BF16],
            _ => &[Precision::F32],
        }
    }

    /// Whether it has a variant that records m, l and times of tiles.
    pub fn has_taps(&self) -> bool {
        self.algorithm != SPLIT_KV_CU.algorithm && !self.is_backward()
    }

    /// Whether it leaves the order of additions to the device, and has a variant that does not.
    pub fn has_deterministic(&self) -> bool {
        self.file == FLASH2_BACKWARD_CU.file
    }

    /// Whether it knows dropout, by a mask and by a seed.
    pub fn has_dropout(&self) -> bool {
        let known = [FLASH2_WGSL, FLASH2_CU, FLASH2_BACKWARD_CU, TWO_KERNEL_BACKWARD_CU];
        known.iter().any(|kernel| kernel.file == self.file)
    }

    /// It gives dQ, dK and dV, and no O.
    pub fn is_backward(&self) -> bool {
        algorithm::by_name(self.algorithm).is_some_and(Algorithm::is_backward)
    }

    /// What the compiler gets. Lines of the file keep their numbers.
    pub fn text(&self) -> String {
        match self.backend {
            "wgpu" => [self.source, ATTENTION_WGSL].join("\n"),
            _ => self.source.to_owned(),
        }
    }
}

/// What a backend's kernels compute of O: an algorithm in a format, each once.
pub fn subjects(backend: &str) -> Vec<(&'static str, Precision)> {
    computed(backend, false)
}

/// What they compute of gradients.
pub fn backward_subjects(backend: &str) -> Vec<(&'static str, Precision)> {
    computed(backend, true)
}

fn computed(backend: &str, is_backward: bool) -> Vec<(&'static str, Precision)> {
    let mut subjects = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| kernel.backend == backend && kernel.is_backward() == is_backward) {
        for &precision in kernel.precisions() {
            if !subjects.contains(&(kernel.algorithm, precision)) {
                subjects.push((kernel.algorithm, precision));
            }
        }
    }
    subjects
}

/// A kernel by its file.
pub fn by_file(file: &str) -> Option<&'static Kernel> {
    KERNELS.iter().find(|kernel| kernel.file == file)
}

/// The kernels of a backend for an algorithm, from simple to fast.
pub fn of<'a>(backend: &'a str, algorithm: &'a str) -> impl DoubleEndedIterator<Item = &'static Kernel> + Clone + 'a {
    KERNELS.iter().filter(move |kernel| kernel.backend == backend && kernel.algorithm == algorithm)
}

/// The algorithms of forward passes that a backend has kernels for, each once.
pub fn algorithms(backend: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| kernel.backend == backend && !kernel.is_backward()) {
        if !names.contains(&kernel.algorithm) {
            names.push(kernel.algorithm);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::attention::Band;
    use crate::schedule::{DropoutCost, Plan, Schedule, Tiling, kernel_lines};

    /// Every step of the schedule is marked, and lines follow each other as its steps do.
    #[test]
    fn every_step_of_the_schedule_has_its_lines() {
        for kernel in KERNELS {
            let algorithm = algorithm::by_name(kernel.algorithm).expect("a kernel carries out an algorithm");
            let plan = Plan::new(1, 2, 1, Tiling { br: 1, bc: 2 }, Precision::F32);
            // One partial tile, so that every operation occurs once.
            let dropout = if kernel.has_dropout() { DropoutCost::Regenerated } else { DropoutCost::None };
            let schedule = Schedule::new(algorithm, Plan { band: Band { kv: 1, ..plan.band }, dropout, ..plan });
            let (mut last, mut steps) = (0, 0);
            schedule.for_each(|_, step| {
                let operation = schedule.algorithm.operation(step.line);
                let lines = kernel_lines(kernel.source, &schedule.algorithm, step.line);
                let first = *lines.first().unwrap_or_else(|| panic!("{}: no line for {operation}", kernel.file));
                assert!(first > last && lines.len() > 1, "{}: {operation} is out of order or empty", kernel.file);
                (last, steps) = (first, steps + 1);
            });
            assert_eq!(kernel.source.matches("[step:").count(), steps, "{}: a marker that no step has", kernel.file);
        }
    }

    #[test]
    fn block_sizes_are_those_of_the_source() {
        for kernel in KERNELS.iter().filter(|kernel| kernel.backend == "wgpu") {
            let Kernel { br, bc, d_max, .. } = kernel;
            for line in [
                format!("const BR = {br}u;"),
                format!("const BC = {bc}u;"),
                format!("const MAX_VECS = {}u;", d_max / 16),
            ] {
                assert!(kernel.source.contains(&line), "{}: {line}", kernel.file);
            }
        }
        for kernel in [STANDARD_CU, FLASH1_CU, FLASH2_CU, SPLIT_KV_CU] {
            for (name, value) in [("BR", kernel.br), ("BC", kernel.bc)] {
                let line = format!("constexpr int {name} = {value};");
                assert!(kernel.source.contains(&line), "{}: {line}", kernel.file);
            }
        }
        for line in ["int TILES = 2;", "int BR = WARPS * WARP_ROWS;", "int BC = D <= 64 ? 128 : 64;", "#define D 128"] {
            assert!(FLASH2_MMA_CU.source.contains(line), "{line}");
        }
    }
}
