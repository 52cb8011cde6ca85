//! `tilescope run`: attention of every head, written as an .npz of O, m, l and L.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use ndarray::{Array3, Array4};

use crate::attention::npz_out::{NpyArray, write_npz};
use crate::attention::oracle::Output;
use crate::attention::{Input, Precision, Problem, Shape, conversion, odd_row, oracle};
use crate::gpu::{self, Backend, GpuError, Probe, kernels};
use crate::machine::{self, Fault, Given};
use crate::number;
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Hardware, Part, Plan, RunSpec, Schedule, Tiling, algorithm};

use super::failure::{note, warn};
use super::options::{self, InputOptions};
use super::progress::Progress;
use super::run_errors::RunErrors;
use super::{Failure, files, text};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,
    /// What computes: cpu (the stepper), wgpu or cuda
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = ["cpu", "wgpu", "cuda"])]
    backend: String,
    /// Adds dQ of flash2-backward up in one order, where cuda leaves it to the device: every run gives the same bits
    #[arg(long)]
    deterministic: bool,
    /// Where the .npz goes; - is standard output
    #[arg(long, short, value_name = "OUT.npz")]
    output: PathBuf,
    /// Print what was understood of the input as JSON
    #[arg(long)]
    json: bool,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let spec = &arguments.input.spec();
    files::check_output(&arguments.output, "npz", &spec.input)?;
    files::refuse_mixing(&arguments.output, arguments.json)?;
    let algorithm = options::algorithm_of(spec)?;
    if spec.arrival.is_some() && arguments.backend != "cpu" {
        let what = "on a device the order of arrival is its own, which --deterministic fixes; one is chosen where the stepper \
             computes, --backend cpu";
        return Err(Failure::bad("--arrival", what));
    }
    // What has no kernels may have results of any name.
    let has_kernel = algorithm::by_name(algorithm.name()).is_some_and(|known| *known == algorithm)
        && kernels::algorithms(&arguments.backend).contains(&algorithm.name());
    let (input, bytes, errors) = match has_kernel || algorithm::ALL.contains(&&algorithm) {
        true => run(spec, &algorithm, &arguments.backend)?,
        false => {
            let text = text::Text::of(spec.algorithm(), algorithm.clone());
            match arguments.backend.as_str() {
                "cpu" => text::run(&text, spec)?,
                backend => text::run_on_gpu(&text, spec, backend, arguments.deterministic)?,
            }
        }
    };
    warn_of_conversion(&input.problem, spec.precision());
    if algorithm.is_backward() && input.problem.sinks.is_some() {
        warn(
            "dSinks, the gradient of the learned sinks, is worked out by its formula in f64: no text has a line for it",
        );
    }
    files::write_bytes(&arguments.output, &bytes)?;
    errors.line(spec.precision()).iter().for_each(|line| note(line));
    options::tell(spec, &algorithm, &input, arguments.json)
}

/// The results of an algorithm that the program has, as an .npz, the input that they are of, and how far they are off.
fn run(spec: &RunSpec, algorithm: &Algorithm, backend: &str) -> Result<(Input, Vec<u8>, RunErrors), Failure> {
    let input = options::open(spec)?;
    let (plan, precision) = (|at| spec.setting_of(algorithm, &input, at).plan, spec.precision());
    if backend == "cpu" {
        warn_if_too_large_for_chip(algorithm, &plan((0, 0)), &spec.hardware());
    }
    let outputs = match backend {
        "cpu" => on_cpu(&input.problem, algorithm, plan)?,
        backend => {
            let splits = spec.splits.map(|_| spec.setting(algorithm, &input, 0).splits);
            on_gpu(&input.problem, algorithm, (precision, splits), backend)?
        }
    };
    warn_of_odd_rows(&input, &outputs, algorithm, precision);
    let bytes = npz(&input, &outputs, precision);
    let stored = algorithm::stored(algorithm, &plan((0, 0)));
    let errors = RunErrors::of_outputs(&input.problem, &outputs, stored, precision);
    Ok((input, bytes, errors))
}

/// Says so where the buffers of a program are more than a thread block may use. It can still be stepped.
pub fn warn_if_too_large_for_chip(algorithm: &Algorithm, plan: &Plan, hardware: &Hardware) {
    let needed = footprint(algorithm, plan);
    if algorithm.is_budgeted() && !needed.fits(hardware) {
        warn(&format!(
            "{} at blocks {} x {} takes {} of shared memory and {} of registers, more than a thread block of {} has",
            algorithm.name(),
            plan.br,
            plan.bc,
            number::bytes(needed.shared),
            number::bytes(needed.registers),
            hardware.name,
        ));
    }
}

/// Says what a conversion to the format loses.
pub fn warn_of_conversion(problem: &Problem, precision: Precision) {
    for warning in conversion::warnings(problem, precision) {
        warn(&warning.to_string());
    }
}

/// Says why a row of the results is not finite, for the first such row, and how many there are.
fn warn_of_odd_rows(input: &Input, outputs: &[Output], algorithm: &Algorithm, precision: Precision) {
    let problem = &input.problem;
    // A row that sees no key has l = 0.
    let is_odd = |output: &Output, i: usize| {
        // Split-KV tells neither m nor l.
        let is_finite = |of: &[f64]| of.get(i).is_none_or(|x| x.is_finite());
        let is_finite = is_finite(&output.m) && is_finite(&output.l) && output.o.row(i).iter().all(|o| o.is_finite());
        !is_finite && output.l.get(i) != Some(&0.0)
    };
    let rows = outputs.iter().enumerate().flat_map(|(at, output)| {
        (0..input.queries(at / problem.shape.heads))
            .filter(move |&i| is_odd(output, i))
            .map(move |i| (at / problem.shape.heads, at % problem.shape.heads, i))
    });
    let rows: Vec<(usize, usize, usize)> = rows.collect();
    let Some(&(batch, head, i)) = rows.first() else { return };
    let plan = Plan::of_problem(problem, batch, Tiling { br: 1, bc: 1 }, precision);
    let stores_scores = algorithm.stores_scores(&algorithm.closed_form(&plan));
    let m = outputs[batch * problem.shape.heads + head].m.get(i).copied();
    let m = m.unwrap_or_else(|| oracle::row(&problem.head(batch, head, Precision::F64), i).m);
    let why = match precision {
        Precision::F64 => odd_row::of(&problem.head::<f64>(batch, head, precision), i, precision, stores_scores, m),
        _ => odd_row::of(&problem.head::<f32>(batch, head, precision), i, precision, stores_scores, m),
    };
    let why = why.map_or_else(|| format!("Query {i} is not finite."), |row| row.why.to_string());
    let of: usize = (0..problem.shape.batch).map(|batch| problem.shape.heads * input.queries(batch)).sum();
    warn(&format!("{} of {of} rows are not finite; the first, of batch {batch}, head {head}: {why}", rows.len()));
}

/// Adds what saturated in one run to that of others.
pub fn add_saturated(all: &mut BTreeMap<String, u64>, of_run: &[(String, u64)]) {
    of_run.iter().for_each(|(name, count)| *all.entry(name.clone()).or_default() += count);
}

/// Says how many numbers saturated.
pub fn warn_of_saturated(saturated: &BTreeMap<String, u64>) {
    for (name, count) in saturated {
        let name = if name.is_empty() { "an operand" } else { name };
        warn(&format!("{} of {name} beyond e4m3: kept as 448", number::grouped(*count)));
    }
}

/// The stepper on every (batch, head), in that order, each by its plan.
pub fn on_cpu(
    problem: &Problem,
    algorithm: &Algorithm,
    plan: impl Fn((usize, usize)) -> Plan,
) -> Result<Vec<Output>, Failure> {
    let (mut outputs, mut saturated) = (Vec::new(), BTreeMap::new());
    let shape = problem.shape;
    for batch in 0..shape.batch {
        let first = plan((batch, 0));
        refuse_too_large(algorithm, &first)?;
        let mut schedule = Schedule::new(algorithm, first);
        let mut progress = Progress::new("stepping", schedule.len() * (shape.batch * shape.heads) as u64);
        for head in 0..shape.heads {
            let own = plan((batch, head));
            if own != *schedule.plan() {
                schedule = Schedule::new(algorithm, own);
            }
            let before = schedule.len() * (batch * shape.heads + head) as u64;
            let go_on = |done: u64| {
                progress.at(before + done);
                true
            };
            let result = match schedule.plan().precision {
                Precision::F64 => {
                    machine::run(&schedule, &[Given::new(problem.head::<f64>(batch, head, Precision::F64))], go_on)
                }
                _ => machine::run(&schedule, &[Given::new(schedule.plan().head::<f32>(problem, batch, head))], go_on),
            };
            let (results, _) = result.map_err(|fault| of_fault(algorithm, &fault))?;
            add_saturated(&mut saturated, results.saturated());
            outputs.extend(results.output());
        }
    }
    warn_of_saturated(&saturated);
    Ok(outputs)
}

/// Why an algorithm cannot be carried out on an input.
pub fn of_fault(algorithm: &Algorithm, fault: &Fault) -> Failure {
    Failure::Bad(format!("{}: {fault}", algorithm.name()))
}

/// `standard` keeps S and P whole; everything else is small beside its inputs.
pub fn refuse_too_large(algorithm: &Algorithm, plan: &Plan) -> Result<(), Failure> {
    machine::check_scores(algorithm, plan).map_err(|fault| Failure::Bad(fault.to_string()))
}

/// A real kernel on every (batch, head), in that order.
fn on_gpu(
    problem: &Problem,
    algorithm: &Algorithm,
    (precision, splits): (Precision, Option<usize>),
    backend: &str,
) -> Result<Vec<Output>, Failure> {
    let mut device = device(backend)?;
    splits.into_iter().for_each(|splits| device.set_splits(splits));
    let run = device.run(problem, algorithm.name(), precision, &AtomicBool::new(false));
    run.map(|run| run.outputs).map_err(|error| of_gpu(backend, &error))
}

/// The device of a backend that was asked for by name.
pub fn device(backend: &str) -> Result<Box<dyn Backend>, Failure> {
    match gpu::probe(backend) {
        Probe::Ready(device) => Ok(device),
        Probe::Unavailable(reason) => Err(Failure::Missing(format!("--backend {backend}: {reason}"))),
    }
}

/// Why a device gave no results.
pub fn of_gpu(backend: &str, error: &GpuError) -> Failure {
    let line = format!("--backend {backend}: {error}");
    if matches!(error, GpuError::Refused(_)) { Failure::Bad(line) } else { Failure::Check(line) }
}

/// O as the file of the input would have it, and those of m, l, L that there are without its last axis.
fn npz(input: &Input, outputs: &[Output], precision: Precision) -> Vec<u8> {
    let Shape { batch, heads, n_q, d_v, .. } = input.problem.shape;
    let all = |values: &dyn Fn(&Output) -> Vec<f64>| outputs.iter().flat_map(values).collect::<Vec<f64>>();
    let o = all(&|output| output.o.iter().copied().collect());
    let o = Array4::from_shape_vec((batch, heads, n_q, d_v), o).expect("one output for each (batch, head)");
    let o = input.restore(o);
    let rows = |values: Vec<f64>| {
        let rows = Array3::from_shape_vec((batch, heads, n_q), values).expect("one output for each (batch, head)");
        input.restore_rows(rows)
    };
    let told = [
        (Part::Max.symbol(), all(&|output| output.m.clone())),
        (Part::Sum.symbol(), all(&|output| output.l.clone())),
        (Part::Lse.symbol(), all(&|output| output.lse.clone())),
    ];
    let told = told.into_iter().filter(|(_, values)| !values.is_empty());
    let rows: Vec<_> = told.map(|(name, values)| (name, rows(values))).collect();
    let mut arrays = vec![(Part::Output.symbol(), NpyArray { values: o.view(), precision })];
    arrays.extend(rows.iter().map(|(name, values)| (*name, NpyArray { values: values.view(), precision })));
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, &arrays).expect("writing to memory does not fail");
    bytes.into_inner()
}
