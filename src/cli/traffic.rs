//! `tilescope traffic`: the traffic of a shape, counted step by step and in closed form, which must be equal.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::attention::{Mask, Precision, Shape};
use crate::machine::{Meter, Totals};
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Flops, OnChip, PerTensor, Plan, Schedule, TileCounts, Tiling, Traffic, algorithm};

use super::Failure;
use super::failure::{print, print_json};
use super::options::{self, MaskOptions, TilingOptions};
use super::progress::Progress;
use super::report::{bytes, grouped, table};

#[derive(Args)]
pub struct Arguments {
    #[arg(long, value_name = "N")]
    n_q: usize,
    #[arg(long, value_name = "N")]
    n_k: usize,
    #[arg(long, value_name = "D")]
    d: usize,
    /// Width of V and O; d where it is not given
    #[arg(long, value_name = "D")]
    d_v: Option<usize>,
    #[command(flatten)]
    tiling: TilingOptions,
    #[command(flatten)]
    mask: MaskOptions,
    /// The name of an algorithm, all, or a text of one's own, FILE.tile
    #[arg(long, value_name = "NAME", default_value = "all")]
    algorithm: String,
    /// f64, f32, f16 or bf16
    #[arg(long, value_name = "FORMAT", default_value = "f16", value_parser = options::precision)]
    precision: Precision,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One algorithm on one query head.
#[derive(Debug, Serialize)]
pub struct Report {
    name: &'static str,
    tiling: Blocks,
    counted: Elements,
    closed_form: Elements,
    bytes: Moved,
    sram: Sram,
    tiles: Tiles,
    flops: FlopsByKind,
    on_chip_bytes: OnChip,
}

#[derive(Debug, Serialize)]
struct Blocks {
    br: usize,
    bc: usize,
    t_r: usize,
    t_c: usize,
}

/// HBM elements by tensor.
#[derive(Debug, PartialEq, Serialize)]
struct Elements {
    read: BTreeMap<&'static str, u64>,
    write: BTreeMap<&'static str, u64>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Moved {
    read: u64,
    write: u64,
}

/// Elements on chip.
#[derive(Debug, Serialize)]
struct Sram {
    counted: Moved,
    closed_form: Moved,
}

#[derive(Debug, Serialize)]
struct Tiles {
    full: u64,
    partial: u64,
    skipped: u64,
}

#[derive(Debug, Serialize)]
struct FlopsByKind {
    matmul: u64,
    exp: u64,
    other: u64,
}

impl From<Flops> for FlopsByKind {
    fn from(flops: Flops) -> Self {
        Self { matmul: flops.matmul, exp: flops.exp, other: flops.other }
    }
}

fn by_tensor(elements: &PerTensor) -> BTreeMap<&'static str, u64> {
    elements.iter().map(|(tensor, elements)| (tensor.name(), elements)).collect()
}

impl Elements {
    fn of(traffic: &Traffic) -> Self {
        Self { read: by_tensor(&traffic.read), write: by_tensor(&traffic.write) }
    }
}

impl Report {
    /// Counts every step of `algorithm` under `plan`, and sets the closed form beside it.
    pub fn new(algorithm: &'static dyn Algorithm, plan: Plan) -> Self {
        let schedule = Schedule::new(algorithm, plan);
        let plan = &schedule.plan;
        let (totals, closed) = (count(&schedule), algorithm.closed_form(plan));
        let tiles = TileCounts::of_plan(plan);
        let sram = |traffic: &Traffic| Moved { read: traffic.sram_read, write: traffic.sram_write };
        Self {
            name: algorithm.name(),
            tiling: Blocks { br: plan.br, bc: plan.bc, t_r: plan.t_r(), t_c: plan.t_c() },
            counted: Elements::of(&totals.traffic),
            closed_form: Elements::of(&closed),
            bytes: Moved { read: totals.traffic.read.bytes(plan), write: totals.traffic.write.bytes(plan) },
            sram: Sram { counted: sram(&totals.traffic), closed_form: sram(&closed) },
            tiles: Tiles { full: tiles.full, partial: tiles.partial, skipped: tiles.skipped },
            flops: totals.traffic.flops.into(),
            on_chip_bytes: totals.peak,
        }
    }

    /// Counted and closed agree in every number.
    pub fn agrees(&self) -> bool {
        self.counted == self.closed_form && self.sram.counted == self.sram.closed_form
    }
}

fn count(schedule: &Schedule) -> Totals {
    let mut meter = Meter::new(schedule);
    let mut progress = Progress::new("counting", schedule.len());
    schedule.for_each(|n, step| {
        meter.add(step);
        if n % (1 << 16) == 0 {
            progress.at(n);
        }
    });
    meter.totals
}

/// More tiles than this would take minutes to walk.
const MOST_TILES: u128 = 1 << 30;

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let shape =
        Shape { d_v: arguments.d_v.unwrap_or(arguments.d), ..Shape::single(arguments.n_q, arguments.n_k, arguments.d) };
    shape.validate().map_err(|error| Failure::Bad(error.to_string()))?;
    let mut mask = Mask::default();
    arguments.mask.apply(&mut mask);
    if let Some(lengths) = &mask.key_lengths
        && (lengths.len() != 1 || lengths[0] > shape.n_k)
    {
        return Err(Failure::Bad(format!(
            "--kv-lengths: this command takes one length, of at most n_k = {}",
            shape.n_k
        )));
    }
    if let Some(text) = super::text::asked_for(&arguments.algorithm) {
        let plan = Plan::new(shape.n_q, shape.n_k, shape.d, Tiling { br: 1, bc: 1 }, arguments.precision);
        let plan = Plan { d_v: shape.d_v, band: mask.band(&shape, 0), ..plan };
        let problem = problem_json(arguments, &shape, &mask);
        return super::text::traffic(&text?, &arguments.tiling, plan, problem, arguments.json);
    }
    let mut reports = Vec::new();
    for algorithm in chosen(&arguments.algorithm)? {
        let tiling = arguments.tiling.tiling(algorithm, &shape, arguments.precision);
        let plan = Plan {
            d_v: shape.d_v,
            band: mask.band(&shape, 0),
            ..Plan::new(shape.n_q, shape.n_k, shape.d, tiling, arguments.precision)
        };
        if plan.t_r() as u128 * plan.t_c() as u128 > MOST_TILES {
            let what =
                format!("{} x {} tiles are too many to count one by one; take larger blocks", plan.t_r(), plan.t_c());
            return Err(Failure::Bad(what));
        }
        let fits = !algorithm.is_budgeted() || footprint(algorithm, &plan).fits(&arguments.tiling.hardware);
        reports.push((Report::new(algorithm, plan), fits));
    }
    let text = if arguments.json { None } else { Some(as_text(&reports, arguments, &shape)) };
    match text {
        Some(text) => print(&text)?,
        None => print_json(&as_json(&reports, arguments, &shape, &mask))?,
    }
    match reports.iter().find(|(report, _)| !report.agrees()) {
        Some((report, _)) => Err(Failure::Check(format!("{}: counted and closed form differ", report.name))),
        None => Ok(()),
    }
}

fn chosen(name: &str) -> Result<Vec<&'static dyn Algorithm>, Failure> {
    if name == "all" {
        return Ok(algorithm::ALL.to_vec());
    }
    options::algorithm(name)
        .map(|algorithm| vec![algorithm])
        .map_err(|known| Failure::Bad(format!("--algorithm {name}: there is no such algorithm; {known}, and all")))
}

fn problem_json(arguments: &Arguments, shape: &Shape, mask: &Mask) -> serde_json::Value {
    let side = |side: Option<usize>| side.map_or(-1, |keys| keys as i64);
    serde_json::json!({
        "n_q": shape.n_q,
        "n_k": shape.n_k,
        "d": shape.d,
        "d_v": shape.d_v,
        "precision": arguments.precision.name(),
        "causal": mask.causal,
        "align": mask.align.name(),
        "window": [side(mask.window_left), side(mask.window_right)],
        "kv_length": mask.key_lengths.as_ref().map_or(shape.n_k, |lengths| lengths[0]),
        "hardware": arguments.tiling.hardware.name,
    })
}

fn as_json(reports: &[(Report, bool)], arguments: &Arguments, shape: &Shape, mask: &Mask) -> serde_json::Value {
    serde_json::json!({
        "problem": problem_json(arguments, shape, mask),
        "algorithms": reports.iter().map(|(report, _)| report).collect::<Vec<_>>(),
    })
}

fn as_text(reports: &[(Report, bool)], arguments: &Arguments, shape: &Shape) -> String {
    let mut text = format!(
        "One query head, n_q {}, n_k {}, d {}, d_v {}, {}. Elements moved between HBM and chip.\n",
        shape.n_q,
        shape.n_k,
        shape.d,
        shape.d_v,
        arguments.precision.name(),
    );
    for (report, fits) in reports {
        let blocks = &report.tiling;
        text.push_str(&format!("\n{}, blocks {} x {}", report.name, blocks.br, blocks.bc));
        let tiles = &report.tiles;
        text.push_str(&format!(", tiles: {} full, {} partial, {} skipped\n", tiles.full, tiles.partial, tiles.skipped));
        text.push_str(&tensor_table(report));
        let on_chip = report.on_chip_bytes;
        let budget = if *fits { "" } else { "  does not fit the budget of a thread block" };
        text.push_str(&format!(
            "on chip at most: {} shared, {} registers{budget}\n",
            bytes(on_chip.shared),
            bytes(on_chip.registers)
        ));
    }
    text
}

/// Counted elements by tensor; a closed form that differs is shown beside its number.
pub fn tensor_table(report: &Report) -> String {
    let cell = |counted: &BTreeMap<&'static str, u64>, closed: &BTreeMap<&'static str, u64>, name: &str| {
        let (counted, closed) = (counted.get(name).copied().unwrap_or(0), closed.get(name).copied().unwrap_or(0));
        if counted == closed { grouped(counted) } else { format!("{} (closed {})", grouped(counted), grouped(closed)) }
    };
    let (counted, closed) = (&report.counted, &report.closed_form);
    let mut rows = vec![["", "read", "write"].map(String::from).to_vec()];
    let names: std::collections::BTreeSet<_> = counted.read.keys().chain(counted.write.keys()).copied().collect();
    for name in names {
        let cells = [cell(&counted.read, &closed.read, name), cell(&counted.write, &closed.write, name)];
        rows.push([vec![format!("  {name}")], cells.to_vec()].concat());
    }
    let sum = |elements: &BTreeMap<&'static str, u64>| elements.values().sum::<u64>();
    rows.push(vec!["  in all".into(), grouped(sum(&counted.read)), grouped(sum(&counted.write))]);
    rows.push(vec!["  bytes".into(), bytes(report.bytes.read), bytes(report.bytes.write)]);
    rows.push(vec![
        "  on chip (elements)".into(),
        grouped(report.sram.counted.read),
        grouped(report.sram.counted.write),
    ]);
    let verdict = if report.agrees() { "counted = closed form\n" } else { "counted and closed form DIFFER\n" };
    table(&rows) + verdict
}
