//! Why a GPU run is refused before it starts, and how it can fail after: one line each, with the numbers.

use std::time::Duration;

use crate::attention::{Precision, ProblemError};

/// Why a backend does not take a problem. Nothing was run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{backend} has no kernel for {algorithm:?}; it has: {has}")]
    Algorithm { backend: &'static str, algorithm: String, has: String },
    #[error("the kernel computes in f32 only, not in {}", .0.name())]
    Precision(Precision),
    #[error("there is no kernel for {algorithm} in {}", .precision.name())]
    Format { algorithm: String, precision: Precision },
    #[error("the kernel has no dropout")]
    Dropout,
    /// `place` of V is a key that exists, and `value` what the format makes of it.
    #[error(
        "the kernel takes no NaN or infinity in V, and {place} is {value} in {}; those in f32 do", .precision.name()
    )]
    NotFinite { place: String, value: f64, precision: Precision },
    #[error("{name} is {value}, but the kernel takes at most {limit}")]
    TooLarge { name: &'static str, value: usize, limit: usize },
    #[error("{name} takes {bytes} bytes, but the device binds at most {limit} at once: use fewer tokens or heads")]
    Binding { name: &'static str, bytes: u64, limit: u64 },
    #[error("m and l of every key block cannot be recorded: {0}")]
    Taps(&'static str),
    #[error(
        "{entry} does not fit an SM: a block takes {threads} threads, {registers} registers and {shared_bytes} bytes of \
         shared memory, and an SM has {sm_threads}, {sm_registers} and {sm_shared_bytes}"
    )]
    Fit {
        entry: String,
        threads: usize,
        registers: usize,
        shared_bytes: usize,
        sm_threads: usize,
        sm_registers: usize,
        sm_shared_bytes: usize,
    },
    #[error("the run needs {needed} bytes of device memory, but {free} of {total} are free: use fewer tokens or heads")]
    Memory { needed: u64, free: u64, total: u64 },
    #[error("{0}")]
    Source(String),
    #[error("the {backend} backend does not measure its kernels by themselves")]
    Measure { backend: &'static str },
    #[error(transparent)]
    Problem(#[from] ProblemError),
}

/// How a run fails.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GpuError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("cancelled after {launches} launches")]
    Cancelled { launches: usize },
    #[error("the device is out of memory: the run needs {bytes} bytes")]
    OutOfMemory { bytes: u64 },
    #[error("the device was lost: {0}")]
    Lost(String),
    #[error("a launch did not end within {} s: the device hangs", .0.as_secs())]
    Hung(Duration),
    #[error("the driver refused: {0}")]
    Driver(String),
}
