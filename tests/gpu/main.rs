//! GPU kernels on the drivers that are there, and what is made of a CUDA kernel beforehand.
#![allow(clippy::print_stdout)] // Tests say how much ran.

#[path = "../common/mod.rs"]
mod common;

mod cuda;
mod cuda_compiled;
mod golden;
mod mutants;
mod not_finite;
mod taps;
mod wgpu;
