//! `tilescope traffic`: the traffic of a shape in closed form, and counted step by step, which must be equal.

use clap::Args;

use crate::attention::{Mask, Precision, Shape};
use crate::schedule::language::{peak, visits};
use crate::schedule::spec::{Choice, GRID, MASK, RunSpec};
use crate::schedule::{Algorithm, Plan, Setting, algorithm};

use super::Failure;
use super::failure::{print, print_json};
use super::options::{self, RunOptions, Takes};
use super::shape::{ShapeOptions, check_layout, layout_in_words};
use super::traffic_report::Report;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    shape: ShapeOptions,
    #[command(flatten)]
    run: RunOptions<OfShape>,
    /// Count every step, however many there are; up to 40 million places of lines are walked anyway
    #[arg(long)]
    count: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is chosen of a run without an input.
#[derive(Clone, Debug)]
struct OfShape;

impl Takes for OfShape {
    fn takes(name: &str) -> bool {
        GRID.contains(&name) || MASK.contains(&name) || matches!(name, "varlen" | "pack-heads" | "page-size")
    }

    fn default(choice: &Choice) -> Option<&'static str> {
        match choice.name {
            "algorithm" => Some("all"),
            "precision" => Some("f16"),
            _ => choice.default,
        }
    }
}

/// More blocks than this along both axes would take the closed form itself more than a second.
const MOST_BLOCKS: usize = 100_000_000;

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let shape = arguments.shape.shape()?;
    let asked = arguments.run.spec.clone();
    let spec = &RunSpec { precision: asked.precision.or(Some(Precision::F16)), ..asked };
    check_layout(spec, &shape)?;
    let reports = reports(spec, &shape, arguments.count)?;
    match arguments.json {
        true => print_json(&as_json(&reports, spec, &shape))?,
        false => print(&as_text(&reports, spec, &shape))?,
    }
    match reports.iter().find(|report| !report.report.agrees()) {
        Some(Reported { report, .. }) => {
            Err(Failure::Check(format!("{}: counted and closed form differ", report.name)))
        }
        None => Ok(()),
    }
}

/// What is said of an algorithm.
struct Reported {
    report: Report,
    /// Its buffers fit the chip.
    fits: bool,
    /// Parts of the keys, where it has some.
    splits: Option<usize>,
}

/// Of the algorithms asked for.
fn reports(spec: &RunSpec, shape: &Shape, must_count: bool) -> Result<Vec<Reported>, Failure> {
    let mut reports = Vec::new();
    for algorithm in chosen(spec)? {
        spec.check_text(&algorithm).map_err(|fault| Failure::Bad(fault.to_string()))?;
        let setting = spec.on_shape(&algorithm, shape, &Mask::default(), 0);
        let algorithm = algorithm.for_heads(setting.heads);
        refuse(algorithm, &setting, shape, must_count)?;
        let fits = !algorithm.is_budgeted() || peak(algorithm.text(), &setting).fits(&spec.hardware());
        let splits = algorithm.has_splits().then_some(setting.splits);
        let of = spec.shape_of(shape);
        reports.push(Reported { report: Report::new(algorithm, &setting, &of, must_count), fits, splits });
    }
    Ok(reports)
}

/// Refuses what 64 bits cannot hold, and what would take minutes.
fn refuse(algorithm: &Algorithm, setting: &Setting, shape: &Shape, must_count: bool) -> Result<(), Failure> {
    let (name, plan, splits) = (algorithm.name(), &setting.plan, setting.splits);
    // A bound on all that the forward passes of the program do holds for a line of any text.
    let is_known = algorithm::ALL.contains(&algorithm);
    let lines = if is_known { 1 } else { algorithm.text().lines.len() * splits };
    refuse_too_large(name, plan, lines as u128 * (shape.heads * shape.batch) as u128)?;
    if splits * plan.t_r() > MOST_PARTS {
        let what = format!("--splits: {} query blocks in {splits} splits are too many; take larger blocks", plan.t_r());
        return Err(Failure::bad(name, what));
    }
    let places = visits(algorithm.text(), setting);
    if must_count && places > MOST_VISITS {
        let what = format!("--count: {places} places are too many to walk one by one; take larger blocks");
        return Err(Failure::bad(name, what));
    }
    Ok(())
}

/// More places than this would take minutes to walk.
const MOST_VISITS: u64 = 10 << 30;

/// Splits of query blocks: above this the closed form would take seconds.
const MOST_PARTS: usize = 20_000_000;

/// What 64 bits cannot hold, and what the closed form itself would take long for.
/// `lines` is how many lines may each add as much as an algorithm that the program has adds in all.
pub fn refuse_too_large(name: &str, plan: &Plan, lines: u128) -> Result<(), Failure> {
    let (n_q, n_k) = (plan.n_q, plan.n_k);
    if plan.most().saturating_mul(lines) > u128::from(u64::MAX) {
        let what = format!("{name} at n_q {n_q} and n_k {n_k}: a total may be above 2^64; take fewer tokens");
        return Err(Failure::Bad(what));
    }
    let (t_r, t_c) = (plan.t_r(), plan.t_c());
    if t_r + t_c > MOST_BLOCKS {
        let what = format!("{name}: {t_r} query blocks and {t_c} key blocks are too many; take larger blocks");
        return Err(Failure::Bad(what));
    }
    Ok(())
}

fn chosen(spec: &RunSpec) -> Result<Vec<Algorithm>, Failure> {
    match spec.algorithm.as_deref() {
        None | Some("all") => Ok(algorithm::ALL.map(Algorithm::clone).to_vec()),
        Some(name) => options::algorithm(name).map(|algorithm| vec![algorithm]),
    }
}

fn as_json(reports: &[Reported], spec: &RunSpec, shape: &Shape) -> serde_json::Value {
    let mask = spec.mask(&Mask::default(), shape.n_k);
    let mut all = serde_json::json!({
        "problem": {
            "batch": shape.batch,
            "heads": shape.heads,
            "kv_heads": shape.kv_heads,
            "n_q": shape.n_q,
            "n_k": shape.n_k,
            "d": shape.d,
            "d_v": shape.d_v,
            "precision": spec.precision().name(),
            "causal": mask.causal,
            "align": mask.align.name(),
            "window": mask.window().sides(),
            "kv_length": mask.key_lengths.as_ref().map_or(shape.n_k, |lengths| lengths[0]),
            "diagonal": mask.diagonal.name(),
            "left_padding": mask.left_padding.as_ref().map_or(0, |lengths| lengths[0]),
            "prefix_keys": mask.prefix_keys,
            "sink_keys": mask.sink_keys,
            "documents": mask.documents,
            "hardware": spec.hardware().name,
        },
        "algorithms": reports.iter().map(|of| &of.report).collect::<Vec<_>>(),
    });
    if let Some(splits) = splits(reports) {
        all["problem"]["splits"] = splits.into();
    }
    if spec.packs_heads() {
        all["problem"]["pack_heads"] = true.into();
    }
    if let Some(size) = spec.page_size {
        all["problem"]["page_size"] = size.into();
    }
    if spec.is_varlen() {
        all["problem"]["varlen"] = true.into();
        all["problem"]["kv_lengths"] = mask.key_lengths.unwrap_or_else(|| vec![shape.n_k; shape.batch]).into();
        all["problem"]["kv_length"] = serde_json::Value::Null;
    }
    all
}

/// Parts of the keys, of an algorithm that has some.
fn splits(reports: &[Reported]) -> Option<usize> {
    reports.iter().find_map(|of| of.splits)
}

fn as_text(reports: &[Reported], spec: &RunSpec, shape: &Shape) -> String {
    let heads = super::shape::heads(shape);
    let head = format!(
        "{heads}, n_q {}, n_k {}, d {}, d_v {}, {}{}{}{}. Elements moved between HBM and chip.\n",
        shape.n_q,
        shape.n_k,
        shape.d,
        shape.d_v,
        spec.precision().name(),
        splits(reports).map_or(String::new(), |splits| format!(", --splits {splits}")),
        layout_in_words(spec),
        spec.page_size.map_or(String::new(), |size| format!(", K and V in pages of {size}")),
    );
    reports.iter().fold(head, |text, of| text + &of.report.text(of.fits))
}
