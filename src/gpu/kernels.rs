//! The kernel sources of `kernels/`, and which of their lines belong to which step of a schedule.

use std::ops::RangeInclusive;

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

/// Every kernel of this version, from simple to fast.
pub const KERNELS: &[Kernel] = &[FLASH2_WGSL];

impl Kernel {
    /// The steps that the source marks, with their lines (from 1): from the marker to the line before the next blank
    /// line or marker.
    pub fn steps(&self) -> Vec<(&'static str, RangeInclusive<usize>)> {
        let lines: Vec<&str> = self.source.lines().map(str::trim).collect();
        let ends = |line: &&str| line.is_empty() || marked(line).is_some();
        let steps = lines.iter().enumerate().filter_map(|(at, line)| {
            let length = lines[at + 1..].iter().take_while(|line| !ends(line)).count();
            marked(line).map(|op| (op, at + 1..=at + 1 + length))
        });
        steps.collect()
    }
}

/// The operation that a marker line `// [step: op]` names.
fn marked(line: &str) -> Option<&str> {
    line.strip_prefix("// [step: ")?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The steps of flash2's schedule, in its order.
    const FLASH2: &str = "load Q, start rows, load K, scores, mask, row max, exponentiate, row sum, rescale, load V, \
                          accumulate, normalise, store O, store L";

    #[test]
    fn each_step_is_marked_once_in_the_order_of_the_schedule() {
        for kernel in KERNELS {
            let steps = kernel.steps();
            assert_eq!(steps.iter().map(|(op, _)| *op).collect::<Vec<_>>().join(", "), FLASH2, "{}", kernel.file);
            assert!(steps.iter().all(|(_, lines)| lines.end() > lines.start()), "{}: a step has no line", kernel.file);
            assert_eq!(kernel.source.matches("[step:").count(), steps.len(), "{}: a malformed marker", kernel.file);
        }
    }

    #[test]
    fn block_sizes_are_those_of_the_source() {
        for line in ["const BR = 16u;", "const BC = 16u;", "const MAX_VECS = 8u;"] {
            assert!(FLASH2_WGSL.source.contains(line), "{line}");
        }
        assert_eq!((FLASH2_WGSL.br, FLASH2_WGSL.bc, FLASH2_WGSL.d_max), (16, 16, 8 * 16));
    }
}
