//! `tilescope run`: attention of every head, written as an .npz of O, m, l and L.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use ndarray::{ArrayD, Axis, IxDyn};

use crate::attention::npz_out::{NpyArray, write_npz};
use crate::attention::oracle::Output;
use crate::attention::{Input, Precision, Problem};
use crate::gpu::{self, GpuError, Probe};
use crate::machine::{self, Meaning};
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Hardware, Plan, Schedule, Tensor};

use super::failure::warn;
use super::options::InputOptions;
use super::progress::Progress;
use super::{Failure, files};

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    input: InputOptions,
    /// What computes: cpu (the stepper), wgpu or cuda
    #[arg(long, value_name = "NAME", default_value = "cpu", value_parser = ["cpu", "wgpu", "cuda"])]
    backend: String,
    /// Where the .npz goes
    #[arg(long, short, value_name = "OUT.npz")]
    output: PathBuf,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let options = &arguments.input;
    if let Some(text) = super::text::asked_for(&options.algorithm) {
        return super::text::run(&text?, options, &arguments.backend, &arguments.output);
    }
    let algorithm = options.algorithm()?;
    let input = options.open()?;
    if arguments.backend == "cpu" {
        warn_if_too_large_for_chip(algorithm, &options.plan(&input, algorithm, 0), &options.tiling.hardware);
    }
    let outputs = match arguments.backend.as_str() {
        "cpu" => on_cpu(&input.problem, algorithm, |batch| options.plan(&input, algorithm, batch))?,
        backend => on_gpu(&input.problem, algorithm.name(), options.precision, backend)?,
    };
    let bytes = npz(&input, &outputs, options.precision);
    files::write_file(&arguments.output, |out| {
        out.write_all(&bytes).map_err(|error| files::write_failed(&arguments.output, &error))
    })
}

/// Says so where the buffers of a program are more than a thread block may use. It can still be stepped.
pub fn warn_if_too_large_for_chip(algorithm: &dyn Algorithm, plan: &Plan, hardware: &Hardware) {
    let needed = footprint(algorithm, plan);
    if algorithm.is_budgeted() && !needed.fits(hardware) {
        warn(&format!(
            "{} at blocks {} x {} takes {} B of shared memory and {} B of registers, more than a thread block of {} has",
            algorithm.name(),
            plan.br,
            plan.bc,
            needed.shared,
            needed.registers,
            hardware.name,
        ));
    }
}

/// The stepper on every (batch, head), in that order.
pub fn on_cpu(
    problem: &Problem,
    algorithm: &'static dyn Algorithm,
    plan: impl Fn(usize) -> Plan,
) -> Result<Vec<Output>, Failure> {
    let mut outputs = Vec::new();
    let shape = problem.shape;
    for batch in 0..shape.batch {
        let plan = plan(batch);
        refuse_too_large(algorithm, &plan)?;
        let schedule = Schedule::new(algorithm, plan);
        let mut progress = Progress::new("stepping", schedule.len() * (shape.batch * shape.heads) as u64);
        for head in 0..shape.heads {
            let before = schedule.len() * (batch * shape.heads + head) as u64;
            let go_on = |done: u64| {
                progress.at(before + done);
                true
            };
            let result = match schedule.plan.precision {
                Precision::F64 => {
                    machine::run(&schedule, &problem.head::<f64>(batch, head, Precision::F64), Meaning::RIGHT, go_on)
                }
                precision => {
                    machine::run(&schedule, &problem.head::<f32>(batch, head, precision), Meaning::RIGHT, go_on)
                }
            };
            outputs.extend(result.map(|(output, _)| output));
        }
    }
    Ok(outputs)
}

/// More memory than this is refused before the work begins.
const MOST_BYTES: u64 = 4 << 30;

/// `standard` keeps S and P whole; everything else is small beside its inputs.
pub fn refuse_too_large(algorithm: &dyn Algorithm, plan: &Plan) -> Result<(), Failure> {
    let form = algorithm.closed_form(plan);
    let matrices: u64 = [Tensor::S, Tensor::P].into_iter().map(|tensor| form.write.get(tensor)).sum();
    let bytes = matrices * plan.precision.accumulator_bytes();
    if bytes > MOST_BYTES {
        return Err(Failure::Bad(format!(
            "{} at n_q {} and n_k {} keeps S and P, {:.1} GiB, and {} GiB is the limit: take fewer tokens, or flash2",
            algorithm.name(),
            plan.n_q,
            plan.n_k,
            bytes as f64 / f64::from(1 << 30),
            MOST_BYTES >> 30,
        )));
    }
    Ok(())
}

/// A real kernel on every (batch, head), in that order.
pub fn on_gpu(problem: &Problem, algorithm: &str, precision: Precision, backend: &str) -> Result<Vec<Output>, Failure> {
    let mut device = match gpu::probe(backend) {
        Probe::Ready(device) => device,
        Probe::Unavailable(reason) => return Err(Failure::Missing(format!("--backend {backend}: {reason}"))),
    };
    match device.run(problem, algorithm, precision, &AtomicBool::new(false)) {
        Ok(run) => Ok(run.outputs),
        Err(GpuError::Refused(refusal)) => Err(Failure::Bad(format!("--backend {backend}: {refusal}"))),
        Err(error) => Err(Failure::Check(format!("--backend {backend}: {error}"))),
    }
}

/// O in the rank of the input, and m, l, L without its last axis.
fn npz(input: &Input, outputs: &[Output], precision: Precision) -> Vec<u8> {
    let shape = input.problem.shape;
    let stack = |width: Option<usize>, values: &dyn Fn(&Output) -> Vec<f64>| {
        let all: Vec<f64> = outputs.iter().flat_map(values).collect();
        let full: Vec<usize> = [shape.batch, shape.heads, shape.n_q].into_iter().chain(width).collect();
        let mut array = ArrayD::from_shape_vec(IxDyn(&full), all).expect("one output for each (batch, head)");
        for _ in input.rank..4 {
            // The axes that a tensor of lower rank leaves out are of size 1.
            array = array.index_axis_move(Axis(0), 0);
        }
        array
    };
    let o = stack(Some(shape.d_v), &|output| output.o.iter().copied().collect());
    let rows = [
        ("m", stack(None, &|output| output.m.clone())),
        ("l", stack(None, &|output| output.l.clone())),
        ("L", stack(None, &|output| output.lse.clone())),
    ];
    let mut arrays = vec![("O", NpyArray { values: o.view(), precision })];
    arrays.extend(rows.iter().map(|(name, values)| (*name, NpyArray { values: values.view(), precision })));
    let mut bytes = Cursor::new(Vec::new());
    write_npz(&mut bytes, &arrays).expect("writing to memory does not fail");
    bytes.into_inner()
}
