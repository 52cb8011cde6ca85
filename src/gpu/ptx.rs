//! The PTX that was compiled ahead: which file serves a problem, what it takes of an SM, how many blocks fit on one.
//!
//! No driver is asked here. The numbers are ptxas's, from `kernels/registers.json`.

use serde::Deserialize;

use super::{Refusal, kernels};
use crate::attention::Precision;

/// One PTX file of `kernels/ptx/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ptx {
    /// Its name without the ending.
    pub name: &'static str,
    pub algorithm: &'static str,
    pub precision: Precision,
    /// Largest d and d_v. In half precision rows must be padded with zeros to exactly this.
    pub d: usize,
    /// Records m, l and times of every tile.
    pub taps: bool,
    /// Adds in an order that never changes, where the variant beside it leaves that to the device.
    pub deterministic: bool,
    /// Queries and keys of a block, and threads.
    pub br: usize,
    pub bc: usize,
    pub threads: usize,
    pub text: &'static str,
}

/// A variant without and with taps; their blocks, if those differ, in this order.
macro_rules! both {
    ($algorithm:literal, $precision:ident, $d:literal, $blocks:expr, $name:literal) => {
        both!($algorithm, $precision, $d, $blocks, $blocks, $name)
    };
    ($algorithm:literal, $precision:ident, $d:literal, $blocks:expr, $with_taps:expr, $name:literal) => {
        [
            ptx(
                $algorithm,
                Precision::$precision,
                ($d, false),
                $blocks,
                $name,
                include_str!(concat!("../../kernels/ptx/", $name, ".ptx")),
            ),
            ptx(
                $algorithm,
                Precision::$precision,
                ($d, true),
                $with_taps,
                concat!($name, ".taps"),
                include_str!(concat!("../../kernels/ptx/", $name, ".taps.ptx")),
            ),
        ]
    };
}

const fn ptx(
    algorithm: &'static str,
    precision: Precision,
    (d, taps): (usize, bool),
    (br, bc, threads): (usize, usize, usize),
    name: &'static str,
    text: &'static str,
) -> Ptx {
    Ptx { name, algorithm, precision, d, taps, deterministic: false, br, bc, threads, text }
}

/// A variant without taps.
macro_rules! one {
    ($algorithm:literal, $d:literal, $blocks:expr, $name:literal) => {
        ptx(
            $algorithm,
            Precision::F32,
            ($d, false),
            $blocks,
            $name,
            include_str!(concat!("../../kernels/ptx/", $name, ".ptx")),
        )
    };
}

/// Every variant of the kernels with taps; those of one algorithm and precision rise in d.
static WITH_TAPS: [[Ptx; 2]; 15] = [
    both!("standard", F32, 128, (16, 16, 256), "standard"),
    both!("flash1", F32, 64, (32, 32, 128), "flash1.d64"),
    both!("flash1", F32, 128, (32, 32, 128), "flash1.d128"),
    both!("flash2", F32, 64, (32, 32, 128), "flash2.d64"),
    both!("flash2", F32, 128, (32, 32, 128), "flash2.d128"),
    both!("flash2", F16, 32, (128, 128, 128), "flash2_mma.f16.d32"),
    both!("flash2", F16, 64, (128, 128, 128), "flash2_mma.f16.d64"),
    both!("flash2", F16, 80, (128, 64, 128), (64, 64, 128), "flash2_mma.f16.d80"),
    both!("flash2", F16, 96, (128, 64, 128), (64, 64, 128), "flash2_mma.f16.d96"),
    both!("flash2", F16, 128, (128, 64, 128), (64, 64, 128), "flash2_mma.f16.d128"),
    both!("flash2", BF16, 32, (128, 128, 128), "flash2_mma.bf16.d32"),
    both!("flash2", BF16, 64, (128, 128, 128), "flash2_mma.bf16.d64"),
    both!("flash2", BF16, 80, (128, 64, 128), (64, 64, 128), "flash2_mma.bf16.d80"),
    both!("flash2", BF16, 96, (128, 64, 128), (64, 64, 128), "flash2_mma.bf16.d96"),
    both!("flash2", BF16, 128, (128, 64, 128), (64, 64, 128), "flash2_mma.bf16.d128"),
];

const fn deterministic(ptx: Ptx) -> Ptx {
    Ptx { deterministic: true, ..ptx }
}

/// Every variant of the others, also rising in d.
static WITHOUT_TAPS: [Ptx; 8] = [
    one!("split-kv", 64, (32, 32, 128), "split_kv.d64"),
    one!("split-kv", 128, (32, 32, 128), "split_kv.d128"),
    one!("flash2-backward", 64, (32, 32, 128), "flash2_backward.d64"),
    one!("flash2-backward", 128, (16, 32, 128), "flash2_backward.d128"),
    deterministic(one!("flash2-backward", 64, (32, 32, 128), "flash2_backward.d64.deterministic")),
    deterministic(one!("flash2-backward", 128, (16, 32, 128), "flash2_backward.d128.deterministic")),
    one!("two-kernel-backward", 64, (32, 32, 128), "two_kernel_backward.d64"),
    one!("two-kernel-backward", 128, (16, 32, 128), "two_kernel_backward.d128"),
];

impl Ptx {
    /// The kernel file that it was made of.
    pub fn file(&self) -> &'static str {
        match (self.algorithm, self.precision) {
            ("standard", _) => "standard.cu",
            ("flash1", _) => "flash1.cu",
            ("split-kv", _) => "split_kv.cu",
            ("flash2-backward", _) => "flash2_backward.cu",
            ("two-kernel-backward", _) => "two_kernel_backward.cu",
            (_, Precision::F16 | Precision::BF16) => "flash2_mma.cu",
            _ => "flash2.cu",
        }
    }

    /// What the compiler was told to define for this variant.
    pub fn defines(&self) -> Vec<String> {
        let mut defines = Vec::new();
        if self.algorithm != "standard" {
            defines.push(format!("D={}", self.d));
        }
        if self.precision == Precision::BF16 {
            defines.push("BF16".to_owned());
        }
        if self.taps {
            defines.push("TAPS".to_owned());
        }
        if self.deterministic {
            defines.push("DETERMINISTIC".to_owned());
        }
        defines
    }

    /// The variant beside this one that gives the same bits in every run; itself where it does so.
    pub fn in_order(&'static self) -> &'static Self {
        let is_beside = |other: &&Ptx| other.deterministic && (other.algorithm, other.d) == (self.algorithm, self.d);
        all().find(is_beside).unwrap_or(self)
    }
}

/// Every PTX file.
pub fn all() -> impl Iterator<Item = &'static Ptx> + Clone {
    WITH_TAPS.iter().flatten().chain(&WITHOUT_TAPS)
}

/// The smallest variant that takes a head dimension of `d` (the larger of d and d_v).
pub fn find(algorithm: &str, precision: Precision, d: usize, taps: bool) -> Result<&'static Ptx, Refusal> {
    if !all().any(|ptx| ptx.algorithm == algorithm) {
        let has = kernels::algorithms("cuda").join(", ");
        return Err(Refusal::Algorithm { backend: "cuda", algorithm: algorithm.to_owned(), has });
    }
    let of = |taps: bool| {
        let plain = all().filter(|ptx| !ptx.deterministic);
        plain.filter(move |ptx| (ptx.algorithm, ptx.precision, ptx.taps) == (algorithm, precision, taps))
    };
    if of(false).next().is_none() {
        return Err(Refusal::Format { algorithm: algorithm.to_owned(), precision });
    }
    if of(taps).next().is_none() {
        return Err(Refusal::Taps("the kernel has no variant that records them"));
    }
    of(taps).find(|ptx| d <= ptx.d).ok_or(Refusal::TooLarge { name: "d", value: d, limit: 128 })
}

/// What one block of an entry takes, on one architecture.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Resources {
    pub variant: String,
    /// The function in the PTX.
    pub entry: String,
    /// Such as `sm_80`.
    pub architecture: String,
    /// Per thread.
    pub registers: usize,
    pub shared_bytes: usize,
}

#[derive(Deserialize)]
struct Table {
    kernels: Vec<Resources>,
}

/// The entries of a variant on the newest known architecture that is not newer than the device's, such as (8, 6).
/// Empty below 8.0.
pub fn resources(ptx: &Ptx, capability: (i32, i32)) -> Vec<Resources> {
    // Committed, and read by a test: should it ever not parse, nothing is known and nothing panics.
    let table = serde_json::from_str::<Table>(include_str!("../../kernels/registers.json"));
    let rows = table.map(|table| table.kernels).unwrap_or_default();
    let number = |row: &Resources| row.architecture.trim_start_matches("sm_").parse::<i32>().unwrap_or(i32::MAX);
    let mut rows: Vec<Resources> = rows.into_iter().filter(|row| row.variant == ptx.name).collect();
    rows.retain(|row| number(row) <= capability.0 * 10 + capability.1);
    let newest = rows.iter().map(number).max();
    rows.retain(|row| Some(number(row)) == newest);
    rows
}

/// What an SM has, as the driver tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sm {
    pub registers: usize,
    pub shared_bytes: usize,
    pub threads: usize,
    pub blocks: usize,
}

impl Resources {
    /// Blocks of `threads` threads that an SM holds at once; 0 where not even one fits.
    ///
    /// CUDA's occupancy rules since 7.0: registers are given to a warp in units of 256, to four warps at a time; a block
    /// takes 1 KiB of shared memory for the system.
    pub fn blocks_per_sm(&self, threads: usize, sm: &Sm) -> usize {
        let warps = threads.div_ceil(32).max(1);
        let warp_registers = (self.registers.max(1) * 32).next_multiple_of(256);
        let by_registers = sm.registers / warp_registers / 4 * 4 / warps;
        let by_shared = sm.shared_bytes / (self.shared_bytes.next_multiple_of(128) + 1024);
        by_registers.min(by_shared).min(sm.threads / (warps * 32)).min(sm.blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A100: Sm = Sm { registers: 65536, shared_bytes: 164 << 10, threads: 2048, blocks: 32 };

    #[test]
    fn each_file_is_listed_once_and_has_its_entries() {
        for ptx in all() {
            assert!(ptx.text.contains(".version 8.1") && ptx.text.contains(".visible .entry "), "{}", ptx.name);
            let made = [vec![ptx.file().to_owned()], ptx.defines()].concat().join(" ");
            assert!(ptx.text.starts_with(&format!("// {made}: made by ")), "{}: {made}", ptx.name);
            let rows = resources(ptx, (9, 0));
            assert_eq!(rows.len(), ptx.text.matches(".visible .entry ").count(), "{}", ptx.name);
            for row in rows {
                assert!(ptx.text.contains(&format!(".entry {}(", row.entry)), "{row:?}");
                assert!(row.blocks_per_sm(ptx.threads, &A100) >= 2, "{row:?}");
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/kernels/ptx");
        assert_eq!(std::fs::read_dir(folder).expect("PTX is committed").count(), all().count());
    }

    #[test]
    fn the_smallest_variant_that_fits_is_taken() {
        let name = |algorithm, precision, d| find(algorithm, precision, d, false).map(|ptx| ptx.name);
        assert_eq!(name("flash2", Precision::F32, 1), Ok("flash2.d64"));
        assert_eq!(name("flash2", Precision::F32, 65), Ok("flash2.d128"));
        assert_eq!(name("flash2", Precision::F16, 65), Ok("flash2_mma.f16.d80"));
        assert_eq!(name("flash2", Precision::BF16, 128), Ok("flash2_mma.bf16.d128"));
        for d in 1..=128 {
            assert!(find("standard", Precision::F32, d, true).is_ok_and(|ptx| ptx.taps && ptx.d >= d));
        }
        let in_order = |algorithm, d| find(algorithm, Precision::F32, d, false).map(|ptx| ptx.in_order().name);
        assert_eq!(name("flash2-backward", Precision::F32, 65), Ok("flash2_backward.d128"));
        assert_eq!(in_order("flash2-backward", 64), Ok("flash2_backward.d64.deterministic"));
        assert_eq!(in_order("flash2-backward", 65), Ok("flash2_backward.d128.deterministic"));
        assert_eq!(in_order("two-kernel-backward", 65), Ok("two_kernel_backward.d128"));
        assert_eq!(in_order("flash2", 64), Ok("flash2.d64"));
        let said = |algorithm, precision, d| name(algorithm, precision, d).expect_err("a refusal").to_string();
        assert_eq!(said("flash2", Precision::F16, 129), "d is 129, but the kernel takes at most 128");
        assert_eq!(said("flash1", Precision::F16, 64), "there is no kernel for flash1 in f16");
        assert_eq!(said("flash2", Precision::F64, 64), "there is no kernel for flash2 in f64");
        assert!(said("flash9", Precision::F32, 64).contains("standard, flash1, flash2, split-kv"));
        let taps = find("split-kv", Precision::F32, 64, true).expect_err("it has none").to_string();
        assert!(taps.contains("no variant that records them"), "{taps}");
    }

    #[test]
    fn occupancy_follows_the_scarcest_resource() {
        let of = |registers, shared_bytes| {
            let names = || String::new();
            Resources { variant: names(), entry: names(), architecture: names(), registers, shared_bytes }
        };
        assert_eq!(of(255, 0).blocks_per_sm(128, &A100), 2);
        assert_eq!(of(168, 0).blocks_per_sm(128, &A100), 3);
        assert_eq!(of(32, 48 << 10).blocks_per_sm(128, &A100), 3);
        assert_eq!(of(16, 0).blocks_per_sm(1024, &A100), 2);
        assert_eq!(of(16, 0).blocks_per_sm(32, &A100), 32);
        assert_eq!(of(16, 200 << 10).blocks_per_sm(32, &A100), 0);
        let ptx = find("flash2", Precision::F32, 8, false).expect("there is one");
        assert!(resources(ptx, (7, 5)).is_empty());
        assert_eq!(resources(ptx, (8, 7))[0].architecture, "sm_86");
        assert_eq!(resources(ptx, (12, 0))[0].architecture, "sm_100");
    }
}
