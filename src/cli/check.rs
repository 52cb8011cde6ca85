//! `tilescope check`: every backend present against the oracle on the built-in cases, or against golden data; skipped ones
//! are counted.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use clap::Args;
use ndarray::Array4;

use crate::attention::cases::{Case, cases};
use crate::attention::expected::FORWARD;
use crate::attention::oracle::Output;
use crate::attention::{Compared, Expected, Precision, Problem, Real, Shape, Stored};
use crate::gpu::{self, Backend, GpuError, Probe};
use crate::machine::{Fault, Group};
use crate::schedule::{Algorithm, Part, Plan, RunSpec, Setting, Tiling, algorithm};
use crate::sentence::Sentence;

use super::check_report::{FirstNumber, Row, Status, as_text};
use super::failure::{print, print_json};
use super::golden::{self, Golden};
use super::gradients::Exact;
use super::judge::{Gradients, Oracle, Rule, each_group, judge};
use super::mine::OfMine;
use super::options::RunOptions;
use super::progress::Progress;
use super::{Failure, mine, options, taps, text};

#[derive(Args)]
pub struct Arguments {
    /// An output of another program to be checked: a file with Q, K, V and O (and L, as lse, of an .npz). It says where O
    /// goes wrong, and which known bug or other convention gives these very numbers
    #[arg(value_name = "MINE", conflicts_with_all = ["backend", "taps", "algorithm", "golden"])]
    mine: Vec<PathBuf>,
    #[command(flatten)]
    run: RunOptions<OfMine>,
    /// Only this backend: cpu, wgpu or cuda
    #[arg(long, value_name = "NAME", value_parser = ["cpu", "wgpu", "cuda"])]
    backend: Option<String>,
    /// Also hold m and l of GPU kernels after every key block against the stepper
    #[arg(long)]
    taps: bool,
    /// Only this text, on the stepper: one of the program, a variant such as flash2/forget-alpha, or a text of one's own,
    /// FILE.tile. A backward pass is held against exact gradients
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,
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

    /// What the gradients of a kernel should be; or why nothing tells.
    fn gradients(&self, precision: Precision) -> Result<Exact, Sentence> {
        let d_o = self.d_o().ok_or("the file has no dO, dQ, dK and dV")?.into_owned();
        Exact::of(self, self.problem(), d_o, precision)
    }

    /// The gradient of the output for a backward pass: of built-in cases, one that each number of differs.
    fn d_o(&self) -> Option<Cow<'_, Array4<f64>>> {
        match self {
            Subject::Oracle(case) => {
                let Shape { batch, heads, n_q, d_v, .. } = case.problem.shape;
                let value = |at: usize| f64::from((at as f32 * 0.7).sin());
                let values = (0..batch * heads * n_q * d_v).map(value).collect();
                Array4::from_shape_vec((batch, heads, n_q, d_v), values).ok().map(Cow::Owned)
            }
            Subject::Golden(golden) => golden.d_o().map(Cow::Borrowed),
        }
    }
}

impl Rule for Subject {
    fn forward(&self, at: (usize, usize), precision: Precision, stored: Stored) -> Result<Vec<Expected>, Sentence> {
        match self {
            Subject::Oracle(case) => Oracle(&case.problem).forward(at, precision, stored),
            Subject::Golden(golden) => golden.forward(at, precision, stored),
        }
    }

    fn backward(&self, group: &Group<'_>, precision: Precision, stored: Stored) -> Result<Gradients, Sentence> {
        match self {
            Subject::Oracle(case) => Oracle(&case.problem).backward(group, precision, stored),
            Subject::Golden(golden) => golden.backward(group, precision, stored),
        }
    }
}

/// What is held against the oracle: an algorithm in a format.
#[derive(Clone)]
struct Candidate {
    backend: &'static str,
    algorithm: Algorithm,
    precision: Precision,
    /// By the variants of kernels that give the same bits in every run.
    deterministic: bool,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    if !arguments.mine.is_empty() {
        let spec = RunSpec { input: arguments.mine.clone(), ..arguments.run.spec.clone() };
        return mine::check(&spec, arguments.json);
    }
    if arguments.run.spec != RunSpec::default() {
        return Err(Failure::Bad("these options are of an output to be checked; name its file".into()));
    }
    let only = arguments.algorithm.as_deref().map(options::algorithm).transpose()?;
    // A text alone is for the stepper; a kernel of its name is run where its backend is asked for.
    let asked = arguments.backend.as_deref().or(only.as_ref().map(|_| "cpu"));
    let wanted = |name: &str| asked.is_none_or(|only| only == name);
    let is_wanted = |candidate: &Candidate| only.as_ref().is_none_or(|only| *only == candidate.algorithm);
    let cases: Vec<Subject> = match &arguments.golden {
        Some(folder) => golden::read(folder)?.into_iter().map(Subject::Golden).collect(),
        None => cases().into_iter().map(Subject::Oracle).collect(),
    };
    let (mut rows, mut devices) = (Vec::new(), Vec::new());
    if wanted("cpu") {
        devices.push("cpu: the stepper".to_owned());
        let texts: Vec<Algorithm> =
            only.clone().map_or_else(|| algorithm::ALL.map(Clone::clone).into(), |only| vec![only]);
        rows.extend(on_cpu(&cases, &texts)?);
    }
    let mut missing = None;
    for name in gpu::BACKENDS.into_iter().filter(|name| wanted(name)) {
        let candidates: Vec<Candidate> = candidates_of_gpu(name).into_iter().filter(is_wanted).collect();
        let backward = candidates_of(name, gpu::kernels::backward_subjects(name));
        let backward: Vec<Candidate> = in_each_order(backward).filter(is_wanted).collect();
        if let (Some(only), true) = (&arguments.algorithm, candidates.is_empty() && backward.is_empty()) {
            let what = format!("--backend {name}: {only} has no kernel of its own; it runs on the cpu");
            return Err(Failure::Bad(what));
        }
        match gpu::probe(name) {
            Probe::Ready(mut device) => {
                devices.push(format!("{name}: {}", device.info().name));
                rows.extend(on_gpu(&cases, &candidates, name, device.as_mut()));
                rows.extend(gradients_on_gpu(&cases, &backward, device.as_mut()));
                if arguments.taps {
                    rows.extend(taps_on_gpu(&cases, &candidates, device.as_mut()));
                }
            }
            Probe::Unavailable(reason) => {
                devices.push(format!("{name}: {reason}"));
                for candidate in candidates.iter().chain(&backward) {
                    rows.extend(cases.iter().map(|case| candidate.skipped(case, reason.to_string())));
                }
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
    candidates_of(backend, gpu::kernels::subjects(backend))
}

fn candidates_of(backend: &'static str, subjects: Vec<(&str, Precision)>) -> Vec<Candidate> {
    let named = |(name, precision): (&str, Precision)| {
        algorithm::by_name(name).map(|algorithm| Candidate {
            backend,
            algorithm: algorithm.clone(),
            precision,
            deterministic: false,
        })
    };
    subjects.into_iter().filter_map(named).collect()
}

/// Those of which a kernel has a deterministic variant once more by that one.
fn in_each_order(candidates: Vec<Candidate>) -> impl Iterator<Item = Candidate> {
    let has_variant =
        |of: &Candidate| gpu::kernels::of(of.backend, of.algorithm.name()).any(gpu::Kernel::has_deterministic);
    candidates.into_iter().flat_map(move |candidate| {
        let in_order = has_variant(&candidate).then(|| Candidate { deterministic: true, ..candidate.clone() });
        std::iter::once(candidate).chain(in_order)
    })
}

/// Blocks of the stepper, for which many cases have sizes on either side.
const TILING: Tiling = Tiling { br: 16, bc: 16 };

/// Splits of a text that has them: some of them empty.
const SPLITS: usize = 3;

/// Every algorithm in every format. Errors where a text needs what no case has.
fn on_cpu(cases: &[Subject], algorithms: &[Algorithm]) -> Result<Vec<Row>, Failure> {
    // A manifest knows no plain attention in fp8.
    let is_golden = cases.iter().any(|case| matches!(case, Subject::Golden(_)));
    let formats = if is_golden { &Precision::WITH_INFINITY[..] } else { &Precision::ALL };
    let of = |algorithm: &Algorithm| {
        let algorithm = algorithm.clone();
        let of_format = move |&precision: &Precision| Candidate {
            backend: "cpu",
            algorithm: algorithm.clone(),
            precision,
            deterministic: false,
        };
        formats.iter().map(of_format)
    };
    let candidates: Vec<Candidate> = algorithms.iter().flat_map(of).collect();
    let mut progress = Progress::new("cpu", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for candidate in candidates {
        for case in cases {
            progress.at(rows.len() as u64);
            let row = match candidate.precision {
                Precision::F64 => candidate.stepped::<f64>(case),
                _ => candidate.stepped::<f32>(case),
            };
            rows.push(match row {
                Ok(row) => row,
                Err(fault @ (Fault::NotGiven { .. } | Fault::NoForward { .. })) => {
                    return Err(text::of_fault(&candidate.algorithm, candidate.algorithm.name(), &fault));
                }
                Err(fault) => candidate.failed(case, fault.to_string()),
            });
        }
    }
    Ok(rows)
}

fn on_gpu(cases: &[Subject], candidates: &[Candidate], name: &'static str, device: &mut dyn Backend) -> Vec<Row> {
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

/// dQ, dK and dV of the backward passes; the exact ones of a case serve all kernels of a format.
fn gradients_on_gpu(cases: &[Subject], candidates: &[Candidate], device: &mut dyn Backend) -> Vec<Row> {
    let mut progress = Progress::new("gradients", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    let mut formats: Vec<Precision> = candidates.iter().map(|candidate| candidate.precision).collect();
    formats.dedup();
    for (case, &precision) in cases.iter().flat_map(|case| formats.iter().map(move |precision| (case, precision))) {
        let exact = case.gradients(precision);
        for candidate in candidates.iter().filter(|candidate| candidate.precision == precision) {
            progress.at(rows.len() as u64);
            rows.push(candidate.with_gradients(case, &exact, device));
        }
    }
    rows
}

/// m and l after every key block, of the algorithms whose kernels record them.
fn taps_on_gpu(cases: &[Subject], candidates: &[Candidate], device: &mut dyn Backend) -> Vec<Row> {
    let backend = device.info().backend;
    let has_taps = |name: &str| gpu::kernels::of(backend, name).any(gpu::Kernel::has_taps);
    let is_fused = |candidate: &&Candidate| candidate.algorithm.name() != "standard";
    let candidates: Vec<&Candidate> =
        candidates.iter().filter(is_fused).filter(|candidate| has_taps(candidate.algorithm.name())).collect();
    let mut progress = Progress::new("taps", (candidates.len() * cases.len()) as u64);
    let mut rows = Vec::new();
    for candidate in candidates {
        for case in cases {
            progress.at(rows.len() as u64);
            let row = match taps::compare(case.problem(), device, &candidate.algorithm, candidate.precision) {
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

impl Candidate {
    fn row(&self, case: &Subject, status: Status, reason: Option<String>) -> Row {
        Row {
            case: if self.deterministic { format!("{}, deterministic", case.name()) } else { case.name().to_owned() },
            backend: self.backend,
            algorithm: self.algorithm.name().to_owned(),
            precision: self.precision,
            status,
            reason,
            tensor: None,
            max_error: None,
            bound: None,
            plain: None,
            first_wrong: None,
        }
    }

    fn skipped(&self, case: &Subject, reason: String) -> Row {
        self.row(case, Status::Skipped, Some(reason))
    }

    fn failed(&self, case: &Subject, reason: String) -> Row {
        self.row(case, Status::Failed, Some(reason))
    }

    fn plan(&self, case: &Subject, batch: usize) -> Plan {
        Plan::of_problem(case.problem(), batch, TILING, self.precision)
    }

    /// The stepper on one case.
    fn stepped<T: Real>(&self, case: &Subject) -> Result<Row, Fault> {
        let (problem, d_o) = (case.problem(), case.d_o());
        let splits = if self.algorithm.has_splits() { SPLITS } else { 1 };
        let heads = problem.shape.group();
        let setting = |batch| Setting { splits, heads, ..Setting::new(self.plan(case, batch)) };
        let settings: Vec<Setting> = (0..problem.shape.batch).map(setting).collect();
        let (mut compared, mut first, mut unjudged) = (Vec::new(), None, None);
        let algorithm = self.algorithm.for_heads(heads);
        each_group::<T>(
            algorithm,
            &settings,
            problem,
            d_o.as_deref(),
            || (),
            |group, schedule, machine| match judge(case, group, schedule, machine) {
                Ok(verdict) => {
                    compared.extend(verdict.compared);
                    first = first.take().or_else(|| Some((group.batch, group.heads.start, verdict.first?)));
                }
                Err(why) => unjudged = Some(why),
            },
        )?;
        if let Some(why) = unjudged {
            return Ok(self.skipped(case, why.to_string()));
        }
        let row = self.closest(case, compared);
        Ok(match first {
            Some((batch, head, first)) if row.status == Status::Failed => {
                let (number, cause) = (first.number.sentence(), first.cause(algorithm));
                let reason = row.reason.as_deref().unwrap_or_default();
                let reason = Some(format!("{reason}; the first wrong number, of batch {batch}: {number}; {cause}"));
                let first = FirstNumber::of(&first, (batch, head), problem, algorithm);
                Row { reason, first_wrong: Some(first), ..row }
            }
            _ => row,
        })
    }

    /// The gradients of a GPU's kernel.
    fn with_gradients(&self, case: &Subject, exact: &Result<Exact, Sentence>, device: &mut dyn Backend) -> Row {
        let exact = match exact {
            Ok(exact) => exact,
            Err(reason) => return self.skipped(case, reason.to_string()),
        };
        device.set_deterministic(self.deterministic);
        let mut run = || {
            let never = AtomicBool::new(false);
            device.gradients(case.problem(), &exact.d_o, self.algorithm.name(), self.precision, &never)
        };
        // One alone says nothing of what every run gives.
        let again = if self.deterministic { Some(run()) } else { None };
        let row = match (run(), again) {
            (Ok(got), Some(Ok(again))) if !got.has_bits_of(&again) => {
                self.failed(case, "two runs of the deterministic kernel have other bits".to_owned())
            }
            (Err(error), _) | (_, Some(Err(error))) => match error {
                GpuError::Refused(refusal) => self.skipped(case, refusal.to_string()),
                error => self.failed(case, error.to_string()),
            },
            (Ok(got), _) => self.closest(case, exact.compare(&got)),
        };
        device.set_deterministic(false);
        row
    }

    /// The outputs of a GPU's kernel on every (batch, head), in that order.
    fn compared(&self, case: &Subject, outputs: &[Output]) -> Row {
        // Kernels of a GPU that store O in HBM at each visit do so in f32, whatever their blocks are.
        let stored = algorithm::stored(&self.algorithm, &self.plan(case, 0));
        let heads = case.problem().shape.heads;
        let mut all = Vec::new();
        for (at, output) in outputs.iter().enumerate() {
            match case.forward((at / heads, at % heads), self.precision, stored) {
                Ok(expected) => {
                    let told = expected.iter().filter(|expected| self.tells(expected.name));
                    all.extend(told.map(|expected| expected.compare_output(output)));
                }
                Err(why) => return self.skipped(case, why.to_string()),
            }
        }
        self.closest(case, all)
    }

    /// The text puts out or reports this result: not each tells m and l.
    fn tells(&self, name: &str) -> bool {
        let [_, m, l, _] = FORWARD;
        let part = [(m, Part::Max), (l, Part::Sum)].into_iter().find(|(of, _)| *of == name);
        part.is_none_or(|(_, part)| self.algorithm.result(part).is_some())
    }

    /// The row of the result that takes the largest share of its bound.
    fn closest(&self, case: &Subject, compared: Vec<Compared>) -> Row {
        let row = self.row(case, Status::Ran, None);
        let worse = |a: Compared, b: Compared| if a.share() >= b.share() { a } else { b };
        match compared.into_iter().reduce(worse) {
            Some(Compared { name, error, bound, plain, .. }) => {
                let plain = plain.filter(|_| self.precision != Precision::F64);
                Row { tensor: Some(name), max_error: Some(error), bound: Some(bound), plain, ..row }.judged()
            }
            None => row,
        }
    }
}
