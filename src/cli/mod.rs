//! The command line: one file per command; every failure is one line on stderr and an exit code.

pub mod bench;
mod check;
mod check_report;
mod devices;
mod diff;
mod failure;
mod files;
mod golden;
mod gpu_bench;
mod gradients;
mod judge;
mod lessons;
mod main_job;
mod mine;
mod options;
mod progress;
#[cfg(feature = "app")]
mod render;
mod report;
mod run;
mod run_errors;
mod shape;
mod taps;
mod text;
mod trace;
mod traffic;
mod traffic_report;
mod what_if;
#[cfg(feature = "app")]
mod window_cost;
mod worksheet;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// See tiled attention run: a stepper with real numbers and exact counters beside a real GPU kernel.
#[derive(Parser)]
#[command(name = "tilescope", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// A .safetensors, an .npz, several .npy or a folder of them, a trace (.json),
    /// `random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]`, or a text (.tile) or a lesson (.md) of one's own to open in the window
    files: Vec<PathBuf>,
    /// What draws the window
    #[arg(long, value_enum, default_value_t)]
    renderer: main_job::Renderer,
    #[cfg(feature = "app")]
    #[command(flatten)]
    place: render::PlaceOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Compute attention and write O, m, l and L
    Run(run::Arguments),
    /// Write every step with its numbers
    Trace(trace::Arguments),
    /// Say where two traces first differ, and how far
    Diff(diff::Arguments),
    /// Count the traffic of a shape and compare it with the closed formulas
    Traffic(traffic::Arguments),
    /// Model what a shape and block sizes would come to on a chip: waves, roofs, time at best
    #[command(name = "whatif")]
    WhatIf(what_if::Arguments),
    /// Hold every backend, or an output of another program, against exact attention
    Check(check::Arguments),
    /// Measure speeds as ratios
    Bench(bench::Arguments),
    /// List the lessons, or recompute every number in them
    Lessons(lessons::Arguments),
    /// Write a lesson's tasks on paper, a sheet for each seed, or mark the answers
    Worksheet(worksheet::Arguments),
    /// Present a running order, or a lesson
    #[cfg(feature = "app")]
    Present(render::PresentArguments),
    /// Draw the window at a step into a PNG, without a window
    #[cfg(feature = "app")]
    Render(render::Arguments),
    /// Open the window, say when its first frame was shown, and close: for `bench`
    #[cfg(feature = "app")]
    #[command(hide = true)]
    FirstFrame {
        /// A window with nothing in it
        #[arg(long)]
        empty: bool,
    },
    /// List GPUs, or why there are none, and the hardware models
    Devices(devices::Arguments),
}

/// Runs the command of `args` (the program's name first).
pub fn main(args: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return failure::of_arguments(&error),
    };
    let result = match cli.command {
        Some(Command::Run(arguments)) => run::main(&arguments),
        Some(Command::Trace(arguments)) => trace::main(&arguments),
        Some(Command::Diff(arguments)) => diff::main(&arguments),
        Some(Command::Traffic(arguments)) => traffic::main(&arguments),
        Some(Command::WhatIf(arguments)) => what_if::main(&arguments),
        Some(Command::Check(arguments)) => check::main(&arguments),
        Some(Command::Bench(arguments)) => bench::main(&arguments),
        Some(Command::Lessons(arguments)) => lessons::main(&arguments),
        Some(Command::Worksheet(arguments)) => worksheet::main(&arguments),
        Some(Command::Devices(arguments)) => devices::main(&arguments),
        #[cfg(feature = "app")]
        Some(Command::Present(arguments)) => main_job::main(&[], arguments.renderer, &arguments.place()),
        #[cfg(feature = "app")]
        Some(Command::Render(arguments)) => render::main(&arguments),
        #[cfg(feature = "app")]
        Some(Command::FirstFrame { empty }) => window_cost::first_frame(empty),
        #[cfg(feature = "app")]
        None => main_job::main(&cli.files, cli.renderer, &cli.place),
        #[cfg(not(feature = "app"))]
        None => main_job::main(&cli.files, cli.renderer),
    };
    // A window that is closed may leave a worker behind that writes.
    crate::files::finish();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
