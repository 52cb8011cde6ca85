//! `tilescope check`: every backend present against the oracle on the built-in cases; skipped ones are counted.

use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;

use crate::attention::cases::{Case, cases};
use crate::attention::error_rule::{self, Errors};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Problem};
use crate::gpu::{self, Backend, GpuError, Probe};
use crate::schedule::{Algorithm, Plan, Tiling, algorithm};

use super::failure::{print, print_json};
use super::progress::Progress;
use super::{Failure, run};

#[derive(Args)]
pub struct Arguments {
    /// Only this backend: cpu, wgpu or cuda
    #[arg(long, value_name = "NAME", value_parser = ["cpu", "wgpu", "cuda"])]
    backend: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What became of one case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Ran,
    Skipped,
    Failed,
}

#[derive(Debug, Serialize)]
struct Row {
    case: String,
    backend: &'static str,
    algorithm: &'static str,
    precision: Precision,
    status: Status,
    reason: Option<String>,
    /// Of the tensor that comes closest to its bound.
    tensor: Option<&'static str>,
    max_error: Option<f64>,
    bound: Option<f64>,
}

/// What is held against the oracle: an algorithm in a format.
#[derive(Clone, Copy)]
struct Subject {
    backend: &'static str,
    algorithm: &'static dyn Algorithm,
    precision: Precision,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = |name: &str| arguments.backend.as_deref().is_none_or(|only| only == name);
    let cases = cases();
    let (mut rows, mut devices) = (Vec::new(), Vec::new());
    if wanted("cpu") {
        devices.push("cpu: the stepper".to_owned());
        rows.extend(on_cpu(&cases));
    }
    let mut missing = None;
    for name in gpu::BACKENDS.into_iter().filter(|name| wanted(name)) {
        match gpu::probe(name) {
            Probe::Ready(mut device) => {
                devices.push(format!("{name}: {}", device.info().name));
                rows.extend(on_gpu(&cases, name, device.as_mut()));
            }
            Probe::Unavailable(reason) => {
                devices.push(format!("{name}: {reason}"));
                let skipped = |subject: Subject| cases.iter().map(move |case| (subject, case));
                let skipped = subjects_of_gpu(name).into_iter().flat_map(skipped);
                rows.extend(skipped.map(|(subject, case)| subject.skipped(case, reason.clone())));
                missing = arguments.backend.as_ref().map(|name| format!("--backend {name}: {reason}"));
            }
        }
    }
    if arguments.json {
        print_json(&rows)?;
    } else {
        print(&as_text(&rows, &devices))?;
    }
    let failed = rows.iter().filter(|row| row.status == Status::Failed).count();
    match missing {
        _ if failed > 0 => Err(Failure::Check(format!("{failed} of {} checks failed", rows.len()))),
        Some(reason) => Err(Failure::Missing(reason)),
        None => Ok(()),
    }
}

/// Every algorithm that a backend has kernels for, in f32.
fn subjects_of_gpu(backend: &'static str) -> Vec<Subject> {
    let has = gpu::kernels::algorithms(backend);
    let of_kernels = |algorithm: &&dyn Algorithm| has.contains(&algorithm.name());
    let mut algorithms: Vec<_> = algorithm::ALL.into_iter().filter(of_kernels).collect();
    if algorithms.is_empty() {
        // A backend without kernels is skipped by name, and not left out.
        algorithms.extend(algorithm::by_name("flash2"));
    }
    algorithms.into_iter().map(|algorithm| Subject { backend, algorithm, precision: Precision::F32 }).collect()
}

/// Every algorithm in f32 and f64, and flash2 also in the formats it is used in.
fn on_cpu(cases: &[Case]) -> Vec<Row> {
    let subjects: Vec<Subject> = algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| Precision::ALL.map(|precision| Subject { backend: "cpu", algorithm, precision }))
        .filter(|subject| subject.algorithm.name() == "flash2" || subject.precision.element_bytes() > 2)
        .collect();
    let mut progress = Progress::new("cpu", (subjects.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for subject in subjects {
        for case in cases {
            progress.at(rows.len() as u64);
            let plan = |batch| Plan::of_problem(&case.problem, batch, Tiling { br: 16, bc: 16 }, subject.precision);
            rows.push(match run::on_cpu(&case.problem, subject.algorithm, plan) {
                Ok(outputs) => subject.compared(case, &outputs),
                Err(failure) => subject.failed(case, format!("{failure:?}")),
            });
        }
    }
    rows
}

fn on_gpu(cases: &[Case], name: &'static str, device: &mut dyn Backend) -> Vec<Row> {
    let subjects = subjects_of_gpu(name);
    let mut progress = Progress::new(name, (subjects.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for subject in subjects {
        for case in cases {
            progress.at(rows.len() as u64);
            let run = device.run(&case.problem, subject.algorithm.name(), subject.precision, &AtomicBool::new(false));
            rows.push(match run {
                Ok(run) => subject.compared(case, &run.outputs),
                Err(GpuError::Refused(refusal)) => subject.skipped(case, refusal.to_string()),
                Err(error) => subject.failed(case, error.to_string()),
            });
        }
    }
    rows
}

impl Subject {
    fn row(self, case: &Case, status: Status, reason: Option<String>) -> Row {
        let Subject { backend, algorithm, precision } = self;
        let case = case.name.clone();
        let algorithm = algorithm.name();
        Row { case, backend, algorithm, precision, status, reason, tensor: None, max_error: None, bound: None }
    }

    fn skipped(self, case: &Case, reason: String) -> Row {
        self.row(case, Status::Skipped, Some(reason))
    }

    fn failed(self, case: &Case, reason: String) -> Row {
        self.row(case, Status::Failed, Some(reason))
    }

    fn compared(self, case: &Case, outputs: &[Output]) -> Row {
        let (errors, bound) = errors(&case.problem, self.precision, outputs);
        let (tensor, error, bound) = closest(&errors, &bound);
        let status = if error <= bound { Status::Ran } else { Status::Failed };
        let reason =
            (status == Status::Failed).then(|| format!("{tensor} is off by {error:e}, the bound is {bound:e}"));
        Row { tensor: Some(tensor), max_error: Some(error), bound: Some(bound), ..self.row(case, status, reason) }
    }
}

/// The errors of the head that comes closest to its bounds, with those.
fn errors(problem: &Problem, precision: Precision, outputs: &[Output]) -> (Errors, Errors) {
    let heads = problem.shape.heads;
    let each = outputs.iter().enumerate().map(|(at, output)| {
        let reference = error_rule::reference(problem, at / heads, at % heads, precision);
        (Errors::between(output, &reference.exact), reference.bound)
    });
    let share = |(errors, bound): &(Errors, Errors)| {
        let (_, error, bound) = closest(errors, bound);
        error / bound
    };
    let worse =
        |a: (Errors, Errors), b: (Errors, Errors)| if share(&a) >= share(&b) || share(&a).is_nan() { a } else { b };
    each.reduce(worse).unwrap_or((Errors::ZERO, Errors::ZERO))
}

/// The tensor whose error takes the largest share of its bound; a NaN before all others.
fn closest(errors: &Errors, bound: &Errors) -> (&'static str, f64, f64) {
    let tensors =
        [("O", errors.o, bound.o), ("m", errors.m, bound.m), ("l", errors.l, bound.l), ("L", errors.lse, bound.lse)];
    let worse = |a: (&'static str, f64, f64), b: (&'static str, f64, f64)| {
        if a.1.is_nan() || a.1 / a.2 >= b.1 / b.2 { a } else { b }
    };
    tensors.into_iter().reduce(worse).expect("there are four")
}

fn as_text(rows: &[Row], devices: &[String]) -> String {
    let mut text = format!("{}\n", devices.join("\n"));
    let mut groups: Vec<(&str, &str, Precision)> = Vec::new();
    for row in rows {
        let group = (row.backend, row.algorithm, row.precision);
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    for group in groups {
        let of_group = || rows.iter().filter(|row| (row.backend, row.algorithm, row.precision) == group);
        let count = |status: Status| of_group().filter(|row| row.status == status).count();
        let share = of_group().filter_map(|row| Some(row.max_error? / row.bound?)).fold(0.0, f64::max);
        let (backend, algorithm, precision) = group;
        text += &format!(
            "{backend} {algorithm} {}: {} ran, {} skipped, {} failed; largest error {:.0} % of its bound\n",
            precision.name(),
            count(Status::Ran),
            count(Status::Skipped),
            count(Status::Failed),
            share * 100.0,
        );
    }
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for reason in rows.iter().filter(|row| row.status == Status::Skipped).filter_map(|row| row.reason.as_deref()) {
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    for (reason, count) in reasons {
        text += &format!("skipped {count}: {reason}\n");
    }
    for row in rows.iter().filter(|row| row.status == Status::Failed) {
        let reason = row.reason.as_deref().unwrap_or_default();
        text +=
            &format!("failed: {} {} {}: {}: {reason}\n", row.backend, row.algorithm, row.precision.name(), row.case);
    }
    text
}
