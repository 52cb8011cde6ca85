//! What the host must know of each kernel: its entry points in order, the tensors each binds, the work of its grid.

use super::super::Kernel;
use super::super::launch::{Grid, Launch};
use super::super::work::{Blocks, Kind};
use super::params::padded;
use crate::attention::{Problem, Shape};

/// A tensor of `kernels/attention.wgsl`, by the number of its binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Slot {
    Q = 1,
    K,
    V,
    Bias,
    PerBatch,
    O,
    Stats,
    Taps,
    S,
    P,
    PartO,
    PartLse,
}

impl Slot {
    pub(super) fn binding(self) -> u32 {
        self as u32
    }

    pub(super) fn is_input(self) -> bool {
        matches!(self, Slot::Q | Slot::K | Slot::V | Slot::Bias | Slot::PerBatch)
    }

    /// What a person calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Slot::Q => "Q",
            Slot::K => "K",
            Slot::V => "V",
            Slot::Bias => "bias",
            Slot::PerBatch => "what each sequence has of its own",
            Slot::O => "O",
            Slot::Stats => "m, l and L",
            Slot::Taps => "m and l of every key block",
            Slot::S => "S",
            Slot::P => "P",
            Slot::PartO => "O of the splits",
            Slot::PartLse => "L of the splits",
        }
    }
}

/// One entry point of a kernel file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) entry: &'static str,
    /// What it binds beside the parameters: eight at most, WebGPU's default.
    pub(super) slots: &'static [Slot],
    kind: Kind,
}

const fn stage(entry: &'static str, slots: &'static [Slot], kind: Kind) -> Stage {
    Stage { entry, slots, kind }
}

/// The entry points of a kernel, in the order in which they run.
pub(super) fn of(kernel: &Kernel) -> &'static [Stage] {
    use Slot::{Bias, K, O, P, PartLse, PartO, PerBatch, Q, S, Stats, Taps, V};
    const FUSED: &[Slot] = &[Q, K, V, Bias, PerBatch, O, Stats, Taps];
    const STANDARD: &[Stage] = &[
        stage("scores", &[Q, K, Bias, PerBatch, S], Kind::Scores),
        stage("softmax", &[S, P, Stats], Kind::Softmax),
        stage("output", &[P, V, O, Stats], Kind::Output),
    ];
    const SPLIT: &[Stage] = &[
        stage("split_kv_splits", &[Q, K, V, Bias, PerBatch, PartO, PartLse], Kind::Splits),
        stage("split_kv_combine", &[PartO, PartLse, O, Stats], Kind::Combine),
    ];
    match kernel.file {
        "standard.wgsl" => STANDARD,
        "split_kv.wgsl" => SPLIT,
        "flash1.wgsl" => const { &[stage("flash1", FUSED, Kind::KeysOutside)] },
        "flash2.wgsl" => const { &[stage("flash2", FUSED, Kind::Fused)] },
        "flash2_wide.wgsl" => const { &[stage("flash2_wide", FUSED, Kind::Fused)] },
        _ => &[],
    }
}

/// Bytes of workgroup memory that a kernel declares for a problem's head dimensions.
pub(super) fn workgroup_bytes(kernel: &Kernel, shape: &Shape) -> usize {
    let (d, d_v, vec4) = (padded(shape.d), padded(shape.d_v), 4);
    match kernel.file {
        // Q, then K or V, with a vec4 more in each row; then P by key, with a vec4 more; then 8 partial sums of each row.
        "flash2_wide.wgsl" => {
            let Kernel { br, bc, .. } = kernel;
            4 * (br * (d + vec4) + bc * (d.max(d_v) + vec4) + bc * (br + vec4) + br * 8)
        }
        // Sized for the largest head dimension, within what every device grants.
        _ => 16_384,
    }
}

/// Whether a kernel is worth choosing: flash2_wide is slower than flash2 where rows are longer (`kernels/README.md`).
pub(super) fn pays(kernel: &Kernel, shape: &Shape) -> bool {
    kernel.file != "flash2_wide.wgsl" || shape.d.max(shape.d_v) <= 64
}

/// One dispatch: what the kernel is told of its place, and how many workgroups run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dispatch {
    pub(super) origin: [u32; 3],
    pub(super) span: u32,
    pub(super) size: [u32; 3],
}

impl Stage {
    /// The pieces that launches are made of.
    pub(super) fn grid(&self, problem: &Problem, kernel: &Kernel, splits: usize) -> Grid {
        self.kind.grid(&problem.shape, &blocks(problem, kernel, splits))
    }

    pub(super) fn dispatch(&self, launch: &Launch) -> Dispatch {
        let (origin, size) = (launch.origin.map(|at| at as u32), launch.size.map(|size| size as u32));
        match (self.kind, origin, size) {
            (Kind::KeysOutside, [head, batch, block], [heads, batches, blocks]) => {
                Dispatch { origin: [block, head, batch], span: blocks, size: [1, heads, batches] }
            }
            _ => Dispatch { origin, span: 0, size },
        }
    }

    /// The next piece by itself, counted from the end wherever the order is free: results must not depend on it.
    pub(super) fn one_backwards(&self, grid: &Grid, done: usize) -> Launch {
        let free = match self.kind {
            // Key blocks build on each other, heads do not.
            Kind::KeysOutside => grid.blocks * grid.heads,
            _ => grid.programs(),
        };
        grid.launch_after(done / free * free + (free - 1 - done % free), 1, 1)
    }

    /// As [`Kind::flops`].
    pub(super) fn flops(&self, problem: &Problem, kernel: &Kernel, splits: usize) -> f64 {
        self.kind.flops(&problem.shape, &problem.mask, &blocks(problem, kernel, splits))
    }
}

/// Parts that the keys of a problem are cut into where `wanted` are asked for: more splits than key blocks would be empty.
pub(super) fn splits(problem: &Problem, kernel: &Kernel, wanted: usize) -> usize {
    let has_splits = of(kernel).iter().any(|stage| stage.kind == Kind::Splits);
    if has_splits { wanted.clamp(1, problem.shape.n_k.div_ceil(kernel.bc).max(1)) } else { 1 }
}

fn blocks(problem: &Problem, kernel: &Kernel, splits: usize) -> Blocks {
    let (d, d_v) = (padded(problem.shape.d), padded(problem.shape.d_v));
    Blocks { br: kernel.br, bc: kernel.bc, d, d_v, splits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernels::{ATTENTION_WGSL, FLASH1_WGSL, FLASH2_WIDE_WGSL, KERNELS};

    #[test]
    fn each_stage_is_an_entry_point_within_the_default_limits() {
        let mut entries = 0;
        for kernel in KERNELS.iter().filter(|kernel| kernel.backend == "wgpu") {
            for stage in of(kernel) {
                assert!(kernel.source.contains(&format!("\nfn {}(@builtin", stage.entry)), "{}", stage.entry);
                assert!(stage.slots.len() <= 8, "{}: {} storage bindings", stage.entry, stage.slots.len());
                entries += 1;
            }
            let written = kernel.source.matches("@compute").count();
            assert_eq!(of(kernel).len(), written, "{}: entry points", kernel.file);
        }
        assert_eq!(entries, 8);
        for slot in [Slot::Q, Slot::PerBatch, Slot::O, Slot::Taps, Slot::S, Slot::P, Slot::PartO, Slot::PartLse] {
            let access = if slot.is_input() { "read>" } else { "read_write>" };
            let text = format!("@binding({}) var<storage, {access}", slot.binding());
            assert!(ATTENTION_WGSL.contains(&text), "{text}");
        }
    }

    #[test]
    fn workgroup_memory_is_what_the_header_says() {
        for d in [64, 128] {
            let bytes = workgroup_bytes(&FLASH2_WIDE_WGSL, &Shape::single(1, 1, d));
            let said = format!("{},{:03} B", bytes / 1000, bytes % 1000);
            assert!(FLASH2_WIDE_WGSL.source.contains(&said), "{said} at d = {d}");
        }
    }

    #[test]
    fn a_launch_of_flash1_is_a_run_of_key_blocks() {
        let stage = of(&FLASH1_WGSL)[0];
        let dispatch = stage.dispatch(&Launch { origin: [1, 2, 3], size: [4, 5, 6] });
        assert_eq!((dispatch.origin, dispatch.span, dispatch.size), ([3, 1, 2], 6, [1, 4, 5]));
    }
}
