//! `tilescope whatif`: what a shape and block sizes would come to on a chip, modelled from the text and the chip's figures.

use clap::Args;
use serde_json::json;

use crate::attention::{Mask, Precision, Shape};
use crate::clock::{GridQuestion, Modelled, ModelledGrid, NOT_MODELLED, Order, Roofs};
use crate::number::{self, modelled, modelled_time, percent};
use crate::schedule::spec::{Choice, GRID, MASK, RunSpec};
use crate::schedule::{Algorithm, Hardware};
use crate::sentence::Sentence;

use super::Failure;
use super::failure::{print, print_json};
use super::options::{self, RunOptions, Takes};
use super::report::table;
use super::shape::{ShapeOptions, check_layout, heads, layout_in_words};
use super::traffic::refuse_too_large;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    shape: ShapeOptions,
    #[command(flatten)]
    run: RunOptions<OfGrid>,
    /// In which order thread blocks are handed out: in-order, reversed or longest-first
    #[arg(long, value_name = "ORDER", default_value = Order::default().name(), value_parser = order)]
    order: Order,
    /// Another number of SMs than the chip has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 16))]
    sms: Option<u64>,
    /// Another bandwidth of HBM, in GB/s
    #[arg(long, value_name = "GB/S", value_parser = rate)]
    bandwidth: Option<f64>,
    /// Another rate of matrix products, in TFLOP/s
    #[arg(long, value_name = "TFLOP/S", value_parser = rate)]
    matmul: Option<f64>,
    /// Another rate of exponentials, in G/s
    #[arg(long, value_name = "G/S", value_parser = rate)]
    exp: Option<f64>,
    /// Another L2 cache, in MiB
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u64).range(0..=1 << 20))]
    l2: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is chosen of a grid.
#[derive(Clone, Debug)]
struct OfGrid;

impl Takes for OfGrid {
    fn takes(name: &str) -> bool {
        GRID.contains(&name) || MASK.contains(&name) || matches!(name, "varlen" | "pack-heads")
    }

    fn default(choice: &Choice) -> Option<&'static str> {
        if choice.name == "precision" { Some("f16") } else { choice.default }
    }
}

fn order(text: &str) -> Result<Order, Sentence> {
    let fault = || Sentence::new("{0} is no order; in-order, reversed and longest-first are").with(text);
    Order::parse(text).ok_or_else(fault)
}

fn rate(text: &str) -> Result<f64, Sentence> {
    let number = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 1e-3 && *rate <= 1e9);
    number.ok_or_else(|| "it is a number from 0.001 to 1,000,000,000".into())
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let shape = arguments.shape.shape()?;
    let asked = arguments.run.spec.clone();
    // Splits by the rule are those of the chip as it is asked for.
    let hardware = Some(chip(arguments, asked.hardware()));
    let spec = RunSpec { precision: asked.precision.or(Some(Precision::F16)), hardware, ..asked };
    let algorithm = options::algorithm(spec.algorithm())?;
    spec.check_text(&algorithm).map_err(|fault| Failure::Bad(fault.to_string()))?;
    check_layout(&spec, &shape)?;
    let question = question(arguments.order, &spec, algorithm, shape)?;
    let answer = question.answer().ok_or_else(|| unanswered(&question))?;
    match arguments.json {
        true => print_json(&as_json(&question, &spec, &answer)),
        false => print(&as_text(&question, &spec, &shape, &answer)),
    }
}

fn question(order: Order, spec: &RunSpec, algorithm: Algorithm, shape: Shape) -> Result<GridQuestion, Failure> {
    let setting = spec.on_shape(&algorithm, &shape, &Mask::default(), 0);
    let lines = algorithm.text().lines.len() * setting.splits;
    refuse_too_large(algorithm.name(), &setting.plan, lines as u128 * (shape.heads * shape.batch) as u128)?;
    let algorithm = algorithm.for_heads(setting.heads).clone();
    Ok(GridQuestion { algorithm, shape: spec.shape_of(&shape), setting, chip: spec.hardware(), order })
}

/// The chip that is named, with what is to be different.
fn chip(arguments: &Arguments, named: Hardware) -> Hardware {
    let &Arguments { sms, bandwidth, matmul, exp, l2, .. } = arguments;
    let is_custom = sms.is_some() || l2.is_some() || [bandwidth, matmul, exp].iter().any(Option::is_some);
    Hardware {
        name: if is_custom { "custom" } else { named.name },
        sms: sms.unwrap_or(named.sms),
        hbm_bytes_per_s: bandwidth.map_or(named.hbm_bytes_per_s, |rate| rate * 1e9),
        matmul_flops_per_s: matmul.map_or(named.matmul_flops_per_s, |rate| rate * 1e12),
        exp_per_s: exp.map_or(named.exp_per_s, |rate| rate * 1e9),
        l2_bytes: l2.map_or(named.l2_bytes, |mib| mib << 20),
        ..named
    }
}

fn unanswered(question: &GridQuestion) -> Failure {
    let name = question.algorithm.name();
    let precision = question.setting.plan.precision;
    if Roofs::of(&question.chip, precision).is_none() {
        let what = "no rate of products in this format is known of these chips";
        return Failure::bad(format!("--precision {}", precision.name()), what);
    }
    Failure::bad(name, "so many thread blocks are too many to list; take larger blocks")
}

fn as_json(question: &GridQuestion, spec: &RunSpec, answer: &Modelled) -> serde_json::Value {
    let times = |times: &Option<crate::clock::Times>| {
        times.map(|times| json!({ "overlapped": times.overlapped, "in_lanes": times.in_lanes, "one_by_one": times.one_by_one }))
    };
    let grid = |grid: &ModelledGrid| {
        json!({
            "name": grid.name,
            "blocks": grid.blocks,
            "on_chip_bytes": grid.on_chip,
            "blocks_per_sm": grid.per_sm.count,
            "limit": grid.per_sm.limit.name(),
            "waves": grid.waves,
            "sms": grid.sms,
            "busy": grid.busy,
            "seconds": times(&grid.times),
        })
    };
    let plan = &question.setting.plan;
    json!({
        "made_by": "modelled",
        "algorithm": question.algorithm.name(),
        "hardware": question.chip,
        "br": plan.br,
        "bc": plan.bc,
        "splits": question.setting.splits,
        "pack_heads": spec.packs_heads(),
        "varlen": spec.is_varlen(),
        "order": question.order.name(),
        "lanes": question.algorithm.text().lanes.names,
        "overlap": question.algorithm.text().lanes.overlap,
        "kernels": answer.kernels.iter().map(grid).collect::<Vec<_>>(),
        "matmul_flops": answer.matmul,
        "exps": answer.exp,
        "bytes": answer.bytes,
        "least_bytes": answer.least_bytes,
        "flops_per_byte": answer.intensity(),
        "ridge": answer.roofs.ridge(),
        "l2_hit_rate": answer.cache.hit_rate(),
        "at_least": { "seconds": answer.bound.seconds, "by": answer.bound.by.name() },
        "seconds": times(&answer.times),
        "not_modelled": NOT_MODELLED,
    })
}

/// `shape` is the one that was asked about; that of the run may have its heads or its sequences one after the other.
fn as_text(question: &GridQuestion, spec: &RunSpec, shape: &Shape, answer: &Modelled) -> String {
    let (setting, plan, chip) = (&question.setting, &question.setting.plan, &question.chip);
    let head = format!(
        "{}, n_q {}, n_k {}, d {}, {}{}{}, blocks {} x {}: {} on {}. All of this is modelled, none of it measured.\n\n",
        heads(shape),
        shape.n_q,
        shape.n_k,
        shape.d,
        plan.precision.name(),
        if question.algorithm.has_splits() { format!(", --splits {}", setting.splits) } else { String::new() },
        layout_in_words(spec),
        plan.br,
        plan.bc,
        question.algorithm.name(),
        if chip.name == "custom" { "a chip of your own".to_owned() } else { chip.name.to_owned() },
    );
    head + &grids(answer, chip.sms) + "\n" + &roofs(question, answer) + NOT_MODELLED + "\n"
}

fn grids(answer: &Modelled, sms: u64) -> String {
    let head = [
        "kernel",
        "thread blocks",
        "shared",
        "registers",
        "per SM",
        "limit",
        "waves",
        "SMs with work",
        "slots at work",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    rows.extend(answer.kernels.iter().map(|grid| {
        let none = || "-".to_owned();
        vec![
            grid.name.clone(),
            number::grouped(grid.blocks),
            number::bytes(grid.on_chip.shared),
            number::bytes(grid.on_chip.registers),
            if grid.per_sm.count == 0 { "does not fit".into() } else { grid.per_sm.count.to_string() },
            grid.per_sm.limit.name().into(),
            grid.waves.map_or_else(none, modelled),
            format!("{} of {sms}", grid.sms),
            grid.busy.map_or_else(none, percent),
        ]
    }));
    table(&rows)
}

/// What overlaps by the text.
fn in_lanes(question: &GridQuestion) -> String {
    let lanes = &question.algorithm.text().lanes;
    match lanes.is_one() {
        true => "as the text allows, which names no lanes".into(),
        false => format!("as its lanes allow ({}; overlap {})", lanes.names.join(", "), lanes.overlap),
    }
}

fn roofs(question: &GridQuestion, answer: &Modelled) -> String {
    let rates = answer.roofs.seconds(answer.least_bytes, answer.matmul, answer.exp);
    let bytes = |bytes: f64| number::bytes(bytes.round() as u64);
    let mut rows = vec![
        vec!["FLOP per byte that is loaded or stored".into(), modelled(answer.intensity())],
        vec!["FLOP per byte from which on bytes are not the limit".into(), modelled(answer.roofs.ridge())],
        vec!["loaded and stored".into(), bytes(answer.bytes)],
        vec!["inputs and outputs, each once".into(), bytes(answer.least_bytes)],
    ];
    if let Some(rate) = answer.cache.hit_rate() {
        let l2 = number::bytes(question.chip.l2_bytes);
        let part = if answer.cache.is_whole { "" } else { ", in the beginning" };
        rows.push(vec![format!("loads found in L2 of {l2}{part}"), percent(rate)]);
    }
    rows.extend(
        rates.map(|(roof, seconds)| vec![format!("under the roof of {}", roof.name()), modelled_time(seconds)]),
    );
    rows.push(vec![format!("at least, by {}", answer.bound.by.name()), modelled_time(answer.bound.seconds)]);
    match answer.times {
        Some(times) => {
            rows.push(vec!["if everything in a block overlaps".into(), modelled_time(times.overlapped)]);
            rows.push(vec![in_lanes(question), modelled_time(times.in_lanes)]);
            rows.push(vec!["if nothing does".into(), modelled_time(times.one_by_one)]);
        }
        None => rows.push(vec!["a block does not fit on an SM".into(), "-".into()]),
    }
    table(&rows) + "\n"
}
