//! `tilescope trace`: every step of one head, as JSON, CSV or for the Perfetto viewer.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use crate::attention::{Input, Precision};
use crate::gpu::kernels::KERNELS;
use crate::schedule::{Algorithm, Plan, Schedule, Setting, Tiling, algorithm};
use crate::trace::{self, Export, Origin, Summary, Tiles};

use super::bench::{self, Row};
use super::options::InputOptions;
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

fn head(text: &str) -> Result<(usize, usize), String> {
    let pair = text.split_once(',').and_then(|(batch, head)| Some((batch.parse().ok()?, head.parse().ok()?)));
    pair.ok_or_else(|| "it is a batch entry and a head, such as 0,8".into())
}

fn tiles(text: &str) -> Result<Tiles, String> {
    match text {
        "none" => Ok(Tiles::None),
        "stats" => Ok(Tiles::Stats),
        "full" => Ok(Tiles::Full),
        _ => Err("it is none, stats or full".into()),
    }
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let options = &arguments.input;
    let algorithm = options.algorithm()?;
    let ending = if arguments.format == "csv" { "csv" } else { "json" };
    files::check_output(&arguments.output, ending, &options.input)?;
    files::refuse_mixing(&arguments.output, arguments.json)?;
    let input = options.open()?;
    let (batch, head) = arguments.head;
    let shape = input.problem.shape;
    if batch >= shape.batch || head >= shape.heads {
        let what = format!("--head {batch},{head}: there are {} batch entries and {} heads", shape.batch, shape.heads);
        return Err(Failure::bad(options.name(), what));
    }
    let setting = options.setting(&input, &algorithm, batch)?;
    let setting = Setting { heads: algorithm.heads(&shape), ..setting };
    if arguments.tiles != Tiles::None {
        run::refuse_too_large(&algorithm, &setting.plan)?;
    }
    run::warn_if_too_large_for_chip(&algorithm, &setting.plan, &options.tiling.hardware);
    run::warn_of_conversion(&input.problem, options.precision);
    let schedule = Schedule::of(&algorithm, setting);
    let d_o = input.d_o.as_ref().map(|d_o| d_o.slice(ndarray::s![batch, .., .., ..]));
    let export = Export {
        origin: Origin::of(&input, options.prefix),
        problem: &input.problem,
        schedule: &schedule,
        batch,
        head,
        hardware: Some(options.tiling.hardware.name),
        kernel_source: kernel_source(&algorithm),
        d_o,
    };
    let summary = files::write_file(&arguments.output, |out| write(out, &export, &arguments.format, arguments.tiles))?;
    options.tell(&input, arguments.json)?;
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
    let schedule = Schedule::new(algorithm, Plan::of_problem(&input.problem, 0, tiling, Precision::F32));
    let export = Export {
        origin: Origin::of(input, None),
        problem: &input.problem,
        schedule: &schedule,
        batch: 0,
        head,
        hardware: None,
        kernel_source: kernel_source(algorithm),
        d_o: None,
    };
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
