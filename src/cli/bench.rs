//! `tilescope bench`: speeds as ratios to a baseline in the same run, on one thread.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use clap::Args;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, Array4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use serde::Serialize;

use crate::attention::product::{Grid, multiply};
use crate::attention::{Precision, Problem, naive};
use crate::gpu;
use crate::machine::{Given, Run, run};
use crate::number::short;
use crate::schedule::{Plan, Schedule, Tiling, algorithm};

use super::failure::{note, print, print_json};
use super::report::table;
use super::{Failure, gpu_bench};

#[derive(Args)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The kernels of a GPU by themselves, by its own clock, at sizes of real models
    #[arg(long)]
    gpu: bool,
    /// With --gpu: tokens of all batch entries together
    #[arg(long, value_name = "N", default_value_t = gpu_bench::TOKENS, value_parser = clap::value_parser!(u32).range(1..))]
    tokens: u32,
    /// With --gpu: only at so many keys
    #[arg(long, value_name = "N", requires = "gpu")]
    n: Option<usize>,
    /// With --gpu: only at this head dimension
    #[arg(long, value_name = "D", requires = "gpu")]
    d: Option<usize>,
    /// Only the row of this name
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

/// Measures every row, or the one asked for.
pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.gpu {
        let Arguments { tokens, n, d, ref only, .. } = *arguments;
        let wanted = gpu_bench::Wanted { file: only.as_deref(), n, d };
        return gpu_bench::main(arguments.json, tokens as usize, &wanted);
    }
    let wanted = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    let (mut rows, mut missing) = (Vec::new(), 0);
    for measurement in ENGINE.iter().filter(|row| wanted(row.name)) {
        let row = (measurement.measure)();
        if row.is_none() {
            note(&format!("{} is not measured here: {}", measurement.name, measurement.needs));
            missing += 1;
        }
        rows.extend(row);
    }
    #[cfg(feature = "app")]
    rows.extend(super::window_cost::rows(&wanted));
    if arguments.only.as_deref().is_none_or(|only| only.starts_with("gpu-")) {
        rows.extend(gpus(&wanted));
    }
    if let Some(only) = arguments.only.as_ref().filter(|_| rows.is_empty() && missing == 0) {
        let names: Vec<_> = ENGINE.iter().map(|row| row.name).collect();
        return Err(Failure::Bad(format!("--only {only}: there is no such row here; there are {}", names.join(", "))));
    }
    if arguments.json {
        return print_json(&rows);
    }
    let head = ["name", "value", "unit", "baseline", "ratio"].map(String::from).to_vec();
    let number = |number: Option<f64>| number.map_or(String::new(), short);
    let mut cells = vec![head];
    cells.extend(rows.iter().map(|row| {
        vec![row.name.clone(), number(Some(row.value)), row.unit.into(), number(row.baseline), number(row.ratio)]
    }));
    print(&table(&cells))
}

/// One line of the result. `ratio` is `value / baseline` where there is a baseline.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    pub baseline: Option<f64>,
    pub ratio: Option<f64>,
}

impl Row {
    pub fn new(name: &str, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, baseline: None, ratio: None }
    }

    pub fn against(name: &str, value: f64, unit: &'static str, baseline: f64) -> Self {
        Self { baseline: Some(baseline), ratio: Some(value / baseline), ..Self::new(name, value, unit) }
    }
}

/// A row to be measured when it is asked for.
pub struct Measurement {
    pub name: &'static str,
    pub what: &'static str,
    /// What a machine may lack for it.
    pub needs: &'static str,
    /// `None` where the machine lacks what it needs.
    pub measure: fn() -> Option<Row>,
}

/// The rows that need no GPU and no window.
pub const ENGINE: [Measurement; 11] = [
    row("gemm-calibration", "the matrix product of the engine, 64x64x64 f32, against that of plain attention", gemm),
    row("stepper-vs-naive", "instrumented flash2, N 4096, d 64, 64x64, against plain attention", stepper_vs_naive),
    Measurement {
        name: "stepper-vs-sdpa",
        what: "the same flash2 against PyTorch's fused attention on the CPU, one thread",
        needs: "python3 here has no PyTorch",
        measure: stepper_vs_sdpa,
    },
    Measurement {
        name: "naive-vs-numpy",
        what: "plain attention against NumPy's",
        needs: "python3 here has no NumPy",
        measure: numpy,
    },
    row("step-cost-16x16", "one visit of flash2, d 32, 16x16", visit_cost),
    row("schedule-build", "flash2, N 16384, 64x64: the schedule with its meters", build),
    row("seek-flash2", "seek to a random step, N 16384, 64x64", seek_flash2),
    row("seek-flash1", "seek to a random step, N 16384, 64x64", seek_flash1),
    row("seek-flash2-backward", "seek to a random step of a backward pass, N 16384, 64x64", seek_flash2_backward),
    row("seek-flash1-backward", "seek to a random step of a backward pass, N 16384, 64x64", seek_flash1_backward),
    row("trace-export", "JSON trace without tile values", super::trace::export_speed),
];

/// A row that needs nothing but this program.
const fn row(name: &'static str, what: &'static str, measure: fn() -> Option<Row>) -> Measurement {
    Measurement { name, what, needs: "it could not be carried out", measure }
}

/// Runs `work` until half a second or `most` times have passed; gives the shortest time.
pub fn best(most: usize, mut work: impl FnMut()) -> Duration {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    for _ in 0..most {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        if begin.elapsed() > Duration::from_millis(500) {
            break;
        }
    }
    best
}

/// A problem of one head with normal inputs.
pub fn problem(n_q: usize, n_k: usize, d: usize) -> Problem {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let mut tensor = |n: usize| Array4::from_shape_simple_fn((1, 1, n, d), || rng.sample(StandardNormal));
    Problem::new(tensor(n_q), tensor(n_k), tensor(n_k)).expect("sizes above 0 that fit together")
}

fn schedule(name: &str, problem: &Problem, block: usize) -> Schedule {
    let algorithm = algorithm::by_name(name).expect("a name from this file");
    Schedule::new(algorithm, Plan::of_problem(problem, 0, Tiling { br: block, bc: block }, Precision::F32))
}

fn gemm() -> Option<Row> {
    let a = Array2::from_shape_fn((64, 64), |(i, j)| ((i + j) % 7) as f32);
    let grid = Grid { data: a.as_slice()?, stride: 64, rows: 64, cols: 64 };
    let mut c = Array2::zeros((64, 64));
    let (mut ours, mut theirs) = (Duration::MAX, Duration::MAX);
    // In turns, so that a slow moment of the machine meets both.
    for _ in 0..500 {
        theirs = theirs.min(best(1, || {
            (0..50).for_each(|_| general_mat_mul(1.0, &a, &a, 0.0, &mut c));
        }));
        let into = c.as_slice_mut()?;
        ours = ours.min(best(1, || (0..50).for_each(|_| multiply(1.0, grid, grid, 0.0, into, 64))));
        std::hint::black_box(&mut c);
    }
    let speed = |time: Duration| 50.0 * 2.0 * 64f64.powi(3) / time.as_secs_f64() / 1e9;
    Some(Row::against("gemm-calibration", speed(ours), "GFLOP/s", speed(theirs)))
}

fn stepper_vs_naive() -> Option<Row> {
    let problem = problem(4096, 4096, 64);
    let schedule = schedule("flash2", &problem, 64);
    let head = problem.head::<f32>(0, 0, Precision::F32);
    let given = [Given::new(head.clone())];
    let (mut stepper, mut plain) = (Duration::MAX, Duration::MAX);
    // In turns, so that a slow moment of the machine meets both.
    for _ in 0..7 {
        plain = plain.min(best(1, || {
            std::hint::black_box(naive::attention(&head, Precision::F32));
        }));
        stepper = stepper.min(best(1, || {
            _ = std::hint::black_box(run(&schedule, &given, |_| true));
        }));
    }
    Some(Row::against("stepper-vs-naive", millis(stepper), "ms", millis(plain)))
}

/// PyTorch's fused attention, which prints its best time in milliseconds.
const SDPA: &str = include_str!("../../benches/fused_attention.py");

fn stepper_vs_sdpa() -> Option<Row> {
    let theirs = python(SDPA)?;
    let problem = problem(4096, 4096, 64);
    let schedule = schedule("flash2", &problem, 64);
    let given = [Given::new(problem.head::<f32>(0, 0, Precision::F32))];
    let mut ours = Duration::MAX;
    for _ in 0..10 {
        ours = ours.min(best(1, || {
            _ = std::hint::black_box(run(&schedule, &given, |_| true));
        }));
    }
    Some(Row::against("stepper-vs-sdpa", millis(ours), "ms", theirs))
}

/// The number that a Python program prints, run on one thread; `None` where Python lacks what it imports.
fn python(program: &str) -> Option<f64> {
    let output = std::process::Command::new("python3")
        .args(["-c", program])
        .envs(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"].map(|name| (name, "1")))
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The same attention in NumPy, which prints its best time in milliseconds.
const NUMPY: &str = include_str!("../../benches/naive_attention.py");

/// Plain attention as this program does it, against NumPy on one thread.
fn numpy() -> Option<Row> {
    let theirs = python(NUMPY)?;
    let problem = problem(4096, 4096, 64);
    let head = problem.head::<f32>(0, 0, Precision::F32);
    let ours = best(8, || {
        std::hint::black_box(naive::attention(&head, Precision::F32));
    });
    Some(Row::against("naive-vs-numpy", millis(ours), "ms", theirs))
}

/// The time of each kernel on each GPU. On a software driver it says nothing about a GPU, and the unit says so.
fn gpus(wanted: &dyn Fn(&str) -> bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for name in gpu::BACKENDS {
        let gpu::Probe::Ready(mut device) = gpu::probe(name) else { continue };
        let software = device.info().kind == gpu::DeviceKind::Software;
        let (n, unit) = if software { (256, "ms at N 256 on a software driver") } else { (4096, "ms at N 4096") };
        let problem = problem(n, n, 64);
        for kernel in gpu::kernels::KERNELS.iter().filter(|kernel| kernel.backend == name && !kernel.is_backward()) {
            let row = format!("gpu-{}", kernel.file);
            if !wanted(&row) {
                continue;
            }
            device.prefer(kernel.file);
            let mut times = Vec::new();
            for _ in 0..5 {
                let precision = kernel.precisions()[0];
                let run = device.run(&problem, kernel.algorithm, precision, &AtomicBool::new(false));
                times.extend(run.ok().map(|run| run.kernel_time.unwrap_or(run.wall)));
            }
            times.sort_unstable();
            let median = times.get(times.len() / 2);
            rows.extend(median.map(|&time| Row::new(&row, millis(time), unit)));
        }
        for (row, algorithm) in [("gpu-memory-flash2", "flash2"), ("gpu-memory-standard", "standard")] {
            // Of the first backend that has both: memory is a property of the algorithm.
            if wanted(row) && !rows.iter().any(|known| known.name == row) {
                rows.extend(memory(device.as_mut(), row, algorithm));
            }
        }
    }
    rows
}

/// What a run allocates on the device at twice the tokens, against what it allocates at once: about 2 where memory grows
/// with N, about 4 where it grows with N^2. The head is narrow, so that S and P are most of what `standard` allocates.
fn memory(device: &mut dyn gpu::Backend, row: &str, algorithm: &str) -> Option<Row> {
    const N: usize = 1024;
    let [once, twice] = [N, 2 * N].map(|n| {
        let run = device.run(&problem(n, n, 16), algorithm, Precision::F32, &AtomicBool::new(false));
        run.ok().map(|run| run.device_bytes as f64)
    });
    let unit = "bytes on the device at N 2048; baseline N 1024";
    Some(Row::against(row, twice?, unit, once?))
}

fn visit_cost() -> Option<Row> {
    let problem = problem(1024, 1024, 32);
    let schedule = schedule("flash2", &problem, 16);
    let given = [Given::new(problem.head::<f32>(0, 0, Precision::F32))];
    let time = best(50, || {
        _ = std::hint::black_box(run(&schedule, &given, |_| true));
    });
    Some(Row::new("step-cost-16x16", time.as_secs_f64() * 1e6 / 4096.0, "us per visit"))
}

fn build() -> Option<Row> {
    let problem = problem(16384, 16384, 1);
    let mut steps = 0;
    let time = best(10, || {
        let schedule = schedule("flash2", &problem, 64);
        steps = schedule.len();
        std::hint::black_box(crate::machine::MeterIndex::new(&schedule));
    });
    Some(Row::new("schedule-build", time.as_secs_f64() * 1e9 / steps as f64, "ns per step"))
}

fn seek_flash2() -> Option<Row> {
    seek("seek-flash2", "flash2", 16.0)
}

fn seek_flash1() -> Option<Row> {
    seek("seek-flash1", "flash1", 16.0)
}

fn seek_flash2_backward() -> Option<Row> {
    seek("seek-flash2-backward", "flash2-backward", 32.0)
}

fn seek_flash1_backward() -> Option<Row> {
    seek("seek-flash1-backward", "flash1-backward", 32.0)
}

/// The slowest of 200 seeks to random steps, against a limit in milliseconds.
fn seek(name: &str, algorithm: &str, limit: f64) -> Option<Row> {
    let problem = problem(16384, 16384, 64);
    let run = Run::new(schedule(algorithm, &problem, 64), &problem, 0, 0, |_| true).expect("nobody stops it");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut worst = Duration::ZERO;
    for _ in 0..200 {
        let cursor = rng.random_range(0..=run.schedule.len());
        let start = Instant::now();
        std::hint::black_box(run.view(cursor));
        worst = worst.max(start.elapsed());
    }
    Some(Row::against(name, millis(worst), "ms, slowest of 200", limit))
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
