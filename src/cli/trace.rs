//! `tilescope trace`: every step of one head, as JSON, CSV or for the Perfetto viewer.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::attention::{Input, Precision};
use crate::gpu::kernels::KERNELS;
use crate::schedule::spec::RunSpec;
use crate::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};
use crate::sentence::Sentence;
use crate::trace::{self, Export, Origin, Summary, Tiles};

use super::bench::{self, Row};
use super::options::{self, InputOptions};
use super::progress::Progress;
use super::{Failure, files, run};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,
    /// Batch entry and query head
    #[arg(long, value_name = "B,H", default_value = "0,0", value_parser = head)]
    head: (usize, usize),
    /// Where the trace goes; - is standard output
    #[arg(long, short, value_name = "T.json")]
    output: PathBuf,
    /// json, perfetto or csv
    #[arg(long, value_name = "NAME", default_value = "json", value_parser = ["json", "perfetto", "csv"])]
    format: String,
    /// The schedule alone (none), with row statistics (stats), or with the values of tiles (full)
    #[arg(long, value_name = "WHAT", default_value = "stats", value_parser = tiles)]
    tiles: Tiles,
    /// Print what was understood of the input as JSON
    #[arg(long)]
    json: bool,
}

fn head(text: &str) -> Result<(usize, usize), Sentence> {
    let pair = text.split_once(',').and_then(|(batch, head)| Some((batch.parse().ok()?, head.parse().ok()?)));
    pair.ok_or_else(|| "it is a batch entry and a head, such as 0,8".into())
}

fn tiles(text: &str) -> Result<Tiles, Sentence> {
    match text {
        "none" => Ok(Tiles::None),
        "stats" => Ok(Tiles::Stats),
        "full" => Ok(Tiles::Full),
        _ => Err("it is none, stats or full".into()),
    }
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let (batch, head) = arguments.head;
    let spec = &RunSpec { batch: Some(batch), head: Some(head), ..arguments.input.spec() };
    let algorithm = options::algorithm_of(spec)?;
    let ending = if arguments.format == "csv" { "csv" } else { "json" };
    files::check_output(&arguments.output, ending, &spec.input)?;
    files::refuse_mixing(&arguments.output, arguments.json)?;
    let input = options::open(spec)?;
    let head_fault = |fault: Sentence| Failure::bad(options::name_of(spec), format!("--head {batch},{head}: {fault}"));
    spec.check_head(&input.problem.shape).map_err(head_fault)?;
    let setting = spec.setting(&algorithm, &input, batch);
    let algorithm = algorithm.for_heads(setting.heads).clone();
    if arguments.tiles != Tiles::None {
        run::refuse_too_large(&algorithm, &setting.plan)?;
    }
    run::warn_if_too_large_for_chip(&algorithm, &setting.plan, &spec.hardware());
    run::warn_of_conversion(&input.problem, spec.precision());
    let schedule = Schedule::of(&algorithm, setting);
    let export = Export { kernel_source: kernel_source(&algorithm), ..Export::of(spec, &input, &schedule) };
    let summary = files::write_file(&arguments.output, |out| write(out, &export, &arguments.format, arguments.tiles))?;
    options::tell(spec, &algorithm, &input, arguments.json)?;
    match summary.check {
        Some(check) if !check.passed => {
            let why = summary.fault.map(|fault| format!(": {fault}")).unwrap_or_default();
            Err(Failure::Check(format!("{}: not within the error rule{why}", algorithm.name())))
        }
        _ => Ok(()),
    }
}

/// The source of the first kernel that carries out `algorithm`.
fn kernel_source(algorithm: &Algorithm) -> Option<&'static str> {
    KERNELS.iter().find(|kernel| kernel.algorithm == algorithm.name()).map(|kernel| kernel.source)
}

/// Writes the trace to `out`. A write that fails is told by what `out` belongs to.
fn write(out: &mut dyn Write, export: &Export<'_>, format: &str, tiles: Tiles) -> Result<Summary, Failure> {
    let mut progress = Progress::new("writing", export.schedule.len());
    let go_on = |done: u64| {
        progress.at(done);
        true
    };
    let written = match format {
        "perfetto" => trace::write_perfetto(out, export, go_on),
        "csv" => trace::write_csv(out, export, tiles, go_on),
        _ => trace::write_json(out, export, tiles, go_on),
    };
    written.map_err(|error| Failure::bad("trace", error))
}

/// Writes the JSON trace of one head of batch entry 0; gives the number of steps.
pub fn write_head(
    out: &mut dyn Write,
    input: &Input,
    algorithm: &Algorithm,
    tiling: Tiling,
    head: usize,
) -> Result<u64, Failure> {
    let spec = RunSpec { head: Some(head), ..RunSpec::default() }.with_blocks(tiling);
    let schedule = Schedule::of(algorithm, spec.setting(algorithm, input, 0));
    let export =
        Export { hardware: None, kernel_source: kernel_source(algorithm), ..Export::of(&spec, input, &schedule) };
    write(out, &export, "json", Tiles::Stats).map(|summary| summary.steps)
}

/// Steps a second of the JSON trace without tile values, against a million.
pub fn export_speed() -> Option<Row> {
    let problem = bench::problem(16384, 16384, 1);
    let algorithm = algorithm::by_name("flash2").expect("flash2 is an algorithm");
    let tiling = Tiling { br: 64, bc: 64 };
    let schedule = Schedule::new(algorithm, Plan::of_problem(&problem, 0, tiling, Precision::F32));
    let origin = Origin::of(&Input::new("bench", problem.clone(), 2), None);
    let export = Export {
        origin,
        problem: &problem,
        schedule: &schedule,
        batch: 0,
        head: 0,
        hardware: None,
        kernel_source: kernel_source(algorithm),
        d_o: None,
    };
    let mut fastest = f64::INFINITY;
    for _ in 0..3 {
        let start = Instant::now();
        let written = trace::write_json(std::io::sink(), &export, Tiles::None, |_| true);
        written.expect("a sink takes everything");
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Some(Row::against("trace-export", schedule.len() as f64 / fastest / 1e6, "million steps/s", 1.0))
}
