//! `tilescope check`: every backend present against the oracle on the built-in cases, or against golden data; skipped ones
//! are counted.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use serde::Serialize;

use crate::attention::cases::{Case, cases};
use crate::attention::error_rule::{self, Errors};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Problem, Stored, naive};
use crate::gpu::{self, Backend, GpuError, Probe, Refusal};
use crate::schedule::{Algorithm, Plan, Tiling, algorithm};
use crate::sentence::Sentence;

use super::failure::{print, print_json};
use super::golden::{self, Golden};
use super::gradients::Gradients;
use super::progress::Progress;
use super::{Failure, run, taps};

#[derive(Args)]
pub struct Arguments {
    /// Only this backend: cpu, wgpu or cuda
    #[arg(long, value_name = "NAME", value_parser = ["cpu", "wgpu", "cuda"])]
    backend: Option<String>,
    /// Also hold m and l of GPU kernels after every key block against the stepper
    #[arg(long)]
    taps: bool,
    /// Golden data instead of the built-in cases: a folder with a manifest.json and its .npz files
    #[arg(long, value_name = "FOLDER")]
    golden: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A problem, and what its results are held against.
#[expect(clippy::large_enum_variant)] // There are some hundred of them.
enum Subject {
    /// The oracle, computed anew, and the error rule.
    Oracle(Case),
    /// Results from a file, and the rule of its manifest.
    Golden(Golden),
}

impl Subject {
    fn name(&self) -> &str {
        match self {
            Subject::Oracle(case) => &case.name,
            Subject::Golden(golden) => &golden.name,
        }
    }

    fn problem(&self) -> &Problem {
        match self {
            Subject::Oracle(case) => &case.problem,
            Subject::Golden(golden) => &golden.problem,
        }
    }

    /// The gradients that a kernel must give; or why there are none.
    fn gradients(&self) -> Result<Gradients, Sentence> {
        match self {
            Subject::Oracle(case) => Gradients::of(&case.problem).map_err(|fault| fault.sentence()),
            Subject::Golden(golden) => golden.gradients().ok_or_else(|| "the file has no gradients".into()),
        }
    }

    /// The errors of one head and what they may be; `None` where the format cannot hold what is stored, so that plain
    /// attention that stores the same has no result either.
    fn compare(&self, at: usize, output: &Output, precision: Precision, stored: Stored) -> Option<(Errors, Errors)> {
        let heads = self.problem().shape.heads;
        let (batch, head) = (at / heads, at % heads);
        match self {
            Subject::Oracle(case) => {
                let reference = error_rule::reference(&case.problem, batch, head, precision);
                if stored.scores && precision.element_bytes() < 4 {
                    let plain = naive::attention(&case.problem.head::<f32>(batch, head, precision), precision);
                    let is_lost = |(got, exact): (&f64, &f64)| exact.is_finite() && !got.is_finite();
                    if plain.o.iter().zip(&reference.exact.o).any(is_lost) {
                        return None;
                    }
                }
                let bound = stored.bound(&reference, &case.problem.head(batch, head, Precision::F64), precision);
                Some((Errors::between(output, &reference.exact), bound))
            }
            Subject::Golden(golden) => golden.compare((batch, head), output, precision, stored),
        }
    }
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
struct Candidate {
    backend: &'static str,
    algorithm: &'static Algorithm,
    precision: Precision,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = |name: &str| arguments.backend.as_deref().is_none_or(|only| only == name);
    let cases: Vec<Subject> = match &arguments.golden {
        Some(folder) => golden::read(folder)?.into_iter().map(Subject::Golden).collect(),
        None => cases().into_iter().map(Subject::Oracle).collect(),
    };
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
                rows.extend(gradients_on_gpu(&cases, name, device.as_mut()));
                if arguments.taps {
                    rows.extend(taps_on_gpu(&cases, name, device.as_mut()));
                }
            }
            Probe::Unavailable(reason) => {
                devices.push(format!("{name}: {reason}"));
                let skipped = |candidate: Candidate| cases.iter().map(move |case| (candidate, case));
                let backward = candidates(name, gpu::kernels::backward_subjects(name));
                let skipped = candidates_of_gpu(name).into_iter().chain(backward).flat_map(skipped);
                rows.extend(skipped.map(|(candidate, case)| candidate.skipped(case, reason.to_string())));
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

/// Every algorithm and format of a forward pass that a backend has kernels for.
fn candidates_of_gpu(backend: &'static str) -> Vec<Candidate> {
    candidates(backend, gpu::kernels::subjects(backend))
}

fn candidates(backend: &'static str, subjects: Vec<(&str, Precision)>) -> Vec<Candidate> {
    let named = |(name, precision): (&str, Precision)| {
        algorithm::by_name(name).map(|algorithm| Candidate { backend, algorithm, precision })
    };
    subjects.into_iter().filter_map(named).collect()
}

/// Blocks of the stepper, for which many cases have sizes on either side.
const TILING: Tiling = Tiling { br: 16, bc: 16 };

/// Every algorithm in every format.
fn on_cpu(cases: &[Subject]) -> Vec<Row> {
    let candidates: Vec<Candidate> = algorithm::ALL
        .into_iter()
        .flat_map(|algorithm| Precision::ALL.map(|precision| Candidate { backend: "cpu", algorithm, precision }))
        .collect();
    let mut progress = Progress::new("cpu", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for candidate in candidates {
        for case in cases {
            progress.at(rows.len() as u64);
            let plan = |batch| Plan::of_problem(case.problem(), batch, TILING, candidate.precision);
            rows.push(match run::on_cpu(case.problem(), candidate.algorithm, plan) {
                Ok(outputs) => candidate.compared(case, &outputs),
                Err(failure) => candidate.failed(case, format!("{failure:?}")),
            });
        }
    }
    rows
}

fn on_gpu(cases: &[Subject], name: &'static str, device: &mut dyn Backend) -> Vec<Row> {
    let candidates = candidates_of_gpu(name);
    let mut progress = Progress::new(name, (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for candidate in candidates {
        for case in cases {
            progress.at(rows.len() as u64);
            let run =
                device.run(case.problem(), candidate.algorithm.name(), candidate.precision, &AtomicBool::new(false));
            rows.push(match run {
                Ok(run) => candidate.compared(case, &run.outputs),
                Err(GpuError::Refused(refusal)) => candidate.skipped(case, refusal.to_string()),
                Err(error) => candidate.failed(case, error.to_string()),
            });
        }
    }
    rows
}

/// dQ, dK and dV of the backward passes; one exact result of a case serves all kernels.
fn gradients_on_gpu(cases: &[Subject], name: &'static str, device: &mut dyn Backend) -> Vec<Row> {
    let candidates = candidates(name, gpu::kernels::backward_subjects(name));
    let mut progress = Progress::new("gradients", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for case in cases.iter().filter(|_| !candidates.is_empty()) {
        let exact = if case.problem().dropout.is_some() { Err(Refusal::Dropout.sentence()) } else { case.gradients() };
        for candidate in &candidates {
            progress.at(rows.len() as u64);
            rows.push(candidate.with_gradients(case, &exact, device));
        }
    }
    rows
}

/// m and l after every key block, of the algorithms whose kernels record them.
fn taps_on_gpu(cases: &[Subject], name: &'static str, device: &mut dyn Backend) -> Vec<Row> {
    let mut candidates = candidates_of_gpu(name);
    let has_taps = |name: &str| gpu::kernels::of(device.info().backend, name).any(gpu::Kernel::has_taps);
    candidates.retain(|candidate| {
        let name = candidate.algorithm.name();
        name != "standard" && has_taps(name)
    });
    let mut progress = Progress::new("taps", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for candidate in candidates {
        for case in cases {
            progress.at(rows.len() as u64);
            let row = match taps::compare(case.problem(), device, candidate.algorithm, candidate.precision) {
                Ok(closest) => Row {
                    tensor: Some(closest.tensor),
                    max_error: Some(closest.error),
                    bound: Some(closest.bound),
                    ..candidate.row(case, Status::Ran, None)
                },
                Err(GpuError::Refused(refusal)) => candidate.skipped(case, refusal.to_string()),
                Err(error) => candidate.failed(case, error.to_string()),
            };
            rows.push(Row { case: format!("{}, after every key block", row.case), ..row }.judged());
        }
    }
    rows
}

impl Row {
    /// Failed where an error is not within its bound, which NaN never is.
    fn judged(self) -> Self {
        let (Some(tensor), Some(error), Some(bound)) = (self.tensor, self.max_error, self.bound) else { return self };
        if error <= bound {
            return self;
        }
        let reason = Some(format!("{tensor} is off by {error:e}, the bound is {bound:e}"));
        Self { status: Status::Failed, reason, ..self }
    }
}

impl Candidate {
    fn row(self, case: &Subject, status: Status, reason: Option<String>) -> Row {
        let Candidate { backend, algorithm, precision } = self;
        let case = case.name().to_owned();
        let algorithm = algorithm.name();
        Row { case, backend, algorithm, precision, status, reason, tensor: None, max_error: None, bound: None }
    }

    fn skipped(self, case: &Subject, reason: String) -> Row {
        self.row(case, Status::Skipped, Some(reason))
    }

    fn failed(self, case: &Subject, reason: String) -> Row {
        self.row(case, Status::Failed, Some(reason))
    }

    fn with_gradients(self, case: &Subject, exact: &Result<Gradients, Sentence>, device: &mut dyn Backend) -> Row {
        let exact = match exact {
            Ok(exact) => exact,
            Err(reason) => return self.skipped(case, reason.to_string()),
        };
        let (name, never) = (self.algorithm.name(), AtomicBool::new(false));
        match device.gradients(case.problem(), &exact.d_o, name, self.precision, &never) {
            Ok(got) => {
                let (tensor, error, bound) = exact.closest(&got);
                let row = self.row(case, Status::Ran, None);
                Row { tensor: Some(tensor), max_error: Some(error), bound: Some(bound), ..row }.judged()
            }
            Err(GpuError::Refused(refusal)) => self.skipped(case, refusal.to_string()),
            Err(error) => self.failed(case, error.to_string()),
        }
    }

    fn compared(self, case: &Subject, outputs: &[Output]) -> Row {
        // Kernels of a GPU that store O in HBM at each visit do so in f32, whatever their blocks are.
        let stored = algorithm::stored(self.algorithm, &Plan::of_problem(case.problem(), 0, TILING, self.precision));
        let Some((errors, bound)) = errors(case, self.precision, stored, outputs) else {
            let format = self.precision.name();
            let reason =
                format!("{format} cannot hold the scores: plain attention that stores them has no result either");
            return self.skipped(case, reason);
        };
        let (tensor, error, bound) = closest(&errors, &bound);
        let row = self.row(case, Status::Ran, None);
        Row { tensor: Some(tensor), max_error: Some(error), bound: Some(bound), ..row }.judged()
    }
}

/// The errors of the head that comes closest to its bounds, with those; `None` where a head cannot be judged.
fn errors(case: &Subject, precision: Precision, stored: Stored, outputs: &[Output]) -> Option<(Errors, Errors)> {
    let each = outputs.iter().enumerate().map(|(at, output)| case.compare(at, output, precision, stored));
    let each: Vec<(Errors, Errors)> = each.collect::<Option<_>>()?;
    let share = |(errors, bound): &(Errors, Errors)| {
        let (_, error, bound) = closest(errors, bound);
        error / bound
    };
    let worse =
        |a: (Errors, Errors), b: (Errors, Errors)| if share(&a) >= share(&b) || share(&a).is_nan() { a } else { b };
    Some(each.into_iter().reduce(worse).unwrap_or((Errors::ZERO, Errors::ZERO)))
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
