//! tilescope: see tiled attention run.
//!
//! The map of the crate; imports point only upwards in this list:
//!
//! - [`attention`]: the problem, its inputs, the f64 oracle, the error rule
//! - [`schedule`]: algorithms write schedules of tile operations; tilings, hardware models, closed-form traffic
//! - [`clock`]: models the time of a schedule on a chip
//! - [`machine`]: reads a schedule: numbers, meters, ledger, lazy state
//! - [`trace`]: what leaves and comes back: JSON, Perfetto, CSV
//! - [`playback`]: a cursor over a schedule, moved only by commands; lessons
//! - [`files`]: reads and writes files for the command line and the window
//! - [`gpu`]: real kernels on real GPUs; sees only `attention`, `schedule` and `clock`
//! - [`cli`] and `app`: the command line and the window
//!
//! Every room may use [`sentence`], what it says, with its values apart, and [`number`], how it writes one.

#[cfg(feature = "app")]
pub mod app;
pub mod attention;
pub mod cli;
pub mod clock;
pub mod files;
pub mod gpu;
pub mod machine;
pub mod number;
pub mod playback;
pub mod schedule;
pub mod sentence;
pub mod trace;
