//! Models of GPUs: budgets per thread block, bandwidths and peaks, each with its source.

use serde::Serialize;

/// A GPU as the engine knows it. Figures are those of its maker's documents; boost clock where a peak needs one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hardware {
    /// The name on the command line.
    pub name: &'static str,
    pub title: &'static str,
    /// Streaming multiprocessors.
    pub sms: u64,
    pub shared_bytes_per_sm: u64,
    /// L1 cache and shared memory, which are one memory on an SM: what FlashAttention (2022) calls SRAM in figure 1.
    pub sram_bytes_per_sm: u64,
    /// Shared memory of all SMs: [`SRAM_BYTES_PER_CLOCK`] times SMs times clock.
    pub sram_bytes_per_s: f64,
    /// The most that one thread block may use.
    pub shared_bytes_per_block: u64,
    pub register_bytes_per_sm: u64,
    /// The most that one thread block may use.
    pub register_bytes_per_block: u64,
    /// The most thread blocks that an SM holds at once, however small they are.
    pub blocks_per_sm: u64,
    /// The cache that all SMs share, between them and HBM.
    pub l2_bytes: u64,
    /// Shared memory and registers count as one budget: a chip for lessons.
    pub is_unified: bool,
    pub hbm_bytes: u64,
    pub hbm_bytes_per_s: f64,
    /// Dense f16 matrix products with f32 accumulation.
    pub matmul_flops_per_s: f64,
    /// f32 outside matrix products.
    pub vector_flops_per_s: f64,
    /// Exponentials of all SMs: special-function operations per clock and SM, times SMs, times clock.
    pub exp_per_s: f64,
    /// Where the figures come from.
    pub source: &'static str,
    /// The maker's page; the limits of a block are in [`LIMITS`].
    pub link: &'static str,
}

/// Shared memory and registers by compute capability.
pub const LIMITS: &str = "https://docs.nvidia.com/cuda/cuda-c-programming-guide/#compute-capabilities";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What differs from chip to chip; the rest follows.
struct Figures {
    name: &'static str,
    title: &'static str,
    sms: u64,
    /// KiB of shared memory per SM and per block.
    shared_kib: (u64, u64),
    /// KiB of L1 cache and shared memory per SM.
    sram_kib: u64,
    /// Thread blocks of an SM at most.
    blocks_per_sm: u64,
    l2_mib: u64,
    hbm_gib: u64,
    hbm_gb_per_s: f64,
    /// Tera-operations a second: f16 matrix products, f32.
    tflops: (f64, f64),
    boost_ghz: f64,
    source: &'static str,
    link: &'static str,
}

/// Special-function operations per clock and SM: 16 on every architecture listed here.
const EXP_PER_CLOCK: f64 = 16.0;
/// Bytes per clock and SM: 32 banks of 4 bytes, on every architecture listed here.
const SRAM_BYTES_PER_CLOCK: f64 = 128.0;
/// 64 Ki registers of 4 bytes, on every architecture listed here; one block may use them all.
const REGISTER_BYTES: u64 = 256 * KIB;

impl Figures {
    fn model(self) -> Hardware {
        Hardware {
            name: self.name,
            title: self.title,
            sms: self.sms,
            shared_bytes_per_sm: self.shared_kib.0 * KIB,
            sram_bytes_per_sm: self.sram_kib * KIB,
            sram_bytes_per_s: SRAM_BYTES_PER_CLOCK * self.sms as f64 * self.boost_ghz * 1e9,
            shared_bytes_per_block: self.shared_kib.1 * KIB,
            register_bytes_per_sm: REGISTER_BYTES,
            register_bytes_per_block: REGISTER_BYTES,
            blocks_per_sm: self.blocks_per_sm,
            l2_bytes: self.l2_mib * MIB,
            is_unified: false,
            hbm_bytes: self.hbm_gib * GIB,
            hbm_bytes_per_s: self.hbm_gb_per_s * 1e9,
            matmul_flops_per_s: self.tflops.0 * 1e12,
            vector_flops_per_s: self.tflops.1 * 1e12,
            exp_per_s: EXP_PER_CLOCK * self.sms as f64 * self.boost_ghz * 1e9,
            source: self.source,
            link: self.link,
        }
    }
}

/// Every model, the toy chip of the lessons last.
pub fn all() -> Vec<Hardware> {
    let chips = [
        Figures {
            name: "t4",
            title: "NVIDIA T4 (Turing)",
            sms: 40,
            shared_kib: (64, 64),
            sram_kib: 96,
            blocks_per_sm: 16,
            l2_mib: 4,
            hbm_gib: 16,
            hbm_gb_per_s: 320.0,
            tflops: (65.0, 8.1),
            boost_ghz: 1.59,
            source: "NVIDIA T4 datasheet; CUDA C++ Programming Guide, compute capability 7.5",
            link: "https://www.nvidia.com/en-us/data-center/tesla-t4/",
        },
        Figures {
            name: "a100-40gb",
            title: "NVIDIA A100 40 GB (Ampere)",
            sms: 108,
            shared_kib: (164, 163),
            sram_kib: 192,
            blocks_per_sm: 32,
            l2_mib: 40,
            hbm_gib: 40,
            hbm_gb_per_s: 1555.0,
            tflops: (312.0, 19.5),
            boost_ghz: 1.41,
            source: "NVIDIA A100 whitepaper; CUDA C++ Programming Guide, compute capability 8.0",
            link: "https://www.nvidia.com/en-us/data-center/a100/",
        },
        Figures {
            name: "a100-80gb",
            title: "NVIDIA A100 80 GB (Ampere)",
            sms: 108,
            shared_kib: (164, 163),
            sram_kib: 192,
            blocks_per_sm: 32,
            l2_mib: 40,
            hbm_gib: 80,
            hbm_gb_per_s: 2039.0,
            tflops: (312.0, 19.5),
            boost_ghz: 1.41,
            source: "NVIDIA A100 datasheet; CUDA C++ Programming Guide, compute capability 8.0",
            link: "https://www.nvidia.com/en-us/data-center/a100/",
        },
        Figures {
            name: "rtx3090",
            title: "NVIDIA GeForce RTX 3090 (Ampere)",
            sms: 82,
            shared_kib: (100, 99),
            sram_kib: 128,
            blocks_per_sm: 16,
            l2_mib: 6,
            hbm_gib: 24,
            hbm_gb_per_s: 936.0,
            tflops: (71.0, 35.6),
            boost_ghz: 1.695,
            source: "NVIDIA GA102 whitepaper; CUDA C++ Programming Guide, compute capability 8.6",
            link: "https://www.nvidia.com/en-us/geforce/graphics-cards/30-series/rtx-3090-3090ti/",
        },
        Figures {
            name: "rtx4090",
            title: "NVIDIA GeForce RTX 4090 (Ada)",
            sms: 128,
            shared_kib: (100, 99),
            sram_kib: 128,
            blocks_per_sm: 24,
            l2_mib: 72,
            hbm_gib: 24,
            hbm_gb_per_s: 1008.0,
            tflops: (165.2, 82.6),
            boost_ghz: 2.52,
            source: "NVIDIA Ada whitepaper; CUDA C++ Programming Guide, compute capability 8.9",
            link: "https://www.nvidia.com/en-us/geforce/graphics-cards/40-series/rtx-4090/",
        },
        Figures {
            name: "l4",
            title: "NVIDIA L4 (Ada)",
            sms: 58,
            shared_kib: (100, 99),
            sram_kib: 128,
            blocks_per_sm: 24,
            l2_mib: 48,
            hbm_gib: 24,
            hbm_gb_per_s: 300.0,
            tflops: (121.0, 30.3),
            boost_ghz: 2.04,
            source: "NVIDIA L4 datasheet; CUDA C++ Programming Guide, compute capability 8.9",
            link: "https://www.nvidia.com/en-us/data-center/l4/",
        },
        Figures {
            name: "h100",
            title: "NVIDIA H100 SXM5 (Hopper)",
            sms: 132,
            shared_kib: (228, 227),
            sram_kib: 256,
            blocks_per_sm: 32,
            l2_mib: 50,
            hbm_gib: 80,
            hbm_gb_per_s: 3350.0,
            tflops: (989.0, 67.0),
            boost_ghz: 1.83,
            source: "NVIDIA H100 datasheet; FlashAttention-3 (2024), section 2 for the clock of its peaks",
            link: "https://www.nvidia.com/en-us/data-center/h100/",
        },
        Figures {
            name: "h200",
            title: "NVIDIA H200 SXM (Hopper)",
            sms: 132,
            shared_kib: (228, 227),
            sram_kib: 256,
            blocks_per_sm: 32,
            l2_mib: 60,
            hbm_gib: 141,
            hbm_gb_per_s: 4800.0,
            tflops: (989.0, 67.0),
            boost_ghz: 1.83,
            source: "NVIDIA H200 datasheet; CUDA C++ Programming Guide, compute capability 9.0; L2 as its driver reports it",
            link: "https://www.nvidia.com/en-us/data-center/h200/",
        },
        Figures {
            name: "b200",
            title: "NVIDIA B200 (Blackwell)",
            sms: 148,
            shared_kib: (228, 227),
            sram_kib: 256,
            blocks_per_sm: 32,
            l2_mib: 126,
            hbm_gib: 180,
            hbm_gb_per_s: 8000.0,
            tflops: (2250.0, 80.0),
            boost_ghz: 1.85,
            source: "NVIDIA DGX B200 datasheet; FlashAttention-4 (2026) for operations per clock; Chips and Cheese (2025) for L2",
            link: "https://www.nvidia.com/en-us/data-center/dgx-b200/",
        },
    ];
    chips.into_iter().map(Figures::model).chain([toy()]).collect()
}

/// A chip of 512 bytes, on which a tile of 4 x 4 at d = 4 fits and one of 8 x 4 does not.
/// Its speeds are an A100's divided by a million: they serve comparisons only.
fn toy() -> Hardware {
    Hardware {
        name: "toy",
        title: "toy chip of the lessons (512 B)",
        sms: 4,
        shared_bytes_per_sm: 512,
        sram_bytes_per_sm: 512,
        sram_bytes_per_s: 19.49e6,
        shared_bytes_per_block: 512,
        register_bytes_per_sm: 512,
        register_bytes_per_block: 512,
        blocks_per_sm: 1,
        l2_bytes: 4096,
        is_unified: true,
        hbm_bytes: 1 << 20,
        hbm_bytes_per_s: 2.039e6,
        matmul_flops_per_s: 312e6,
        vector_flops_per_s: 19.5e6,
        exp_per_s: 2.4e6,
        source: "made up for lessons",
        link: "",
    }
}

/// The model of this name.
pub fn by_name(name: &str) -> Option<Hardware> {
    all().into_iter().find(|hardware| hardware.name == name)
}

/// The model that is used where none is named.
pub const DEFAULT: &str = "a100-80gb";

impl Default for Hardware {
    fn default() -> Self {
        by_name(DEFAULT).expect("the default is of the list")
    }
}
