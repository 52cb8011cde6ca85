//! The CUDA run time without a GPU: its host code from the upload to the results, on kernels that run on the CPU, and on a
//! driver that fails at every call.
//!
//! Where g++ is missing, the first kind prints what it skipped; `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![cfg(all(feature = "cuda", target_os = "linux"))]
#![allow(clippy::print_stdout)] // Tests say how much ran.

#[path = "../common/mod.rs"]
mod common;
mod faults;
mod layout;
mod memory_driver;
mod player_driver;
mod results;
mod sources;
mod suite;
#[path = "../cuda_cpu/threads.rs"]
mod threads;
