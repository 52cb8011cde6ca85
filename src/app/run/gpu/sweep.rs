//! Standard attention against flash2 while N doubles: time and memory of each, until one is refused. Run by a worker,
//! which adds a point as soon as it has one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::app::run::gpu::fault::GpuFault;
use crate::app::run::job::Signals;
use crate::attention::input::random;
use crate::attention::{Precision, Problem};
use crate::gpu::{Backend, DeviceKind, GpuError};
use crate::sentence::Sentence;

pub const ALGORITHMS: [&str; 2] = ["standard", "flash2"];
/// The sweep doubles N from the first of these on; its end is one of them.
pub const SIZES: [usize; 10] = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
/// A run that takes longer counts as it is; a shorter one is done again, and the median counts.
const LONG: Duration = Duration::from_millis(500);
const TIMES: usize = 3;

/// Where a sweep ends unless the person says otherwise: a software driver has no memory hierarchy to show.
pub fn default_end(kind: DeviceKind) -> usize {
    if kind == DeviceKind::Software { 256 } else { 4096 }
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SweepAsked {
    pub d: usize,
    pub causal: bool,
    /// The largest N.
    pub end: usize,
}

/// One algorithm at one N.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepPoint {
    pub n: usize,
    pub algorithm: &'static str,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Ran {
        time: Duration,
        /// By the GPU's clock, and not by the wall.
        is_kernel_time: bool,
        device_bytes: u64,
    },
    /// It was refused or failed; larger N were not tried.
    Stopped(Sentence),
}

/// What is known so far.
pub struct Sweep {
    pub question: SweepAsked,
    /// A file whose changed source the device runs.
    pub changed: Option<&'static str>,
    points: Mutex<Vec<SweepPoint>>,
}

impl Sweep {
    pub fn new(question: SweepAsked, changed: Option<&'static str>) -> Self {
        Self { question, changed, points: Mutex::default() }
    }

    pub fn points(&self) -> Vec<SweepPoint> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, point: SweepPoint) {
        self.points.lock().unwrap_or_else(PoisonError::into_inner).push(point);
    }

    /// Measures every point. `wake` is called after each. Errors when it is cancelled and when the device is gone.
    pub fn run(&self, backend: &mut dyn Backend, signals: &Signals, wake: impl Fn()) -> Result<(), GpuFault> {
        let sizes: Vec<usize> = SIZES.into_iter().filter(|n| *n <= self.question.end).collect();
        let of = (sizes.len() * ALGORITHMS.len()) as u64;
        let (mut done, mut stopped) = (0, Vec::new());
        for n in sizes {
            let problem = self.problem(n);
            for algorithm in ALGORITHMS {
                signals.report(done, of);
                done += 1;
                if stopped.contains(&algorithm) {
                    continue;
                }
                let what = match &problem {
                    Ok(problem) => match measure(backend, problem, algorithm, signals) {
                        Err(error @ GpuError::Cancelled { .. }) => return Err(error.into()),
                        Err(error @ (GpuError::Lost(_) | GpuError::Hung(_))) => {
                            self.add(SweepPoint { n, algorithm, what: What::Stopped(error.sentence()) });
                            return Err(error.into());
                        }
                        Err(error) => What::Stopped(error.sentence()),
                        Ok(what) => what,
                    },
                    Err(fault) => What::Stopped(fault.clone()),
                };
                if matches!(what, What::Stopped(_)) {
                    stopped.push(algorithm);
                }
                self.add(SweepPoint { n, algorithm, what });
                wake();
            }
        }
        Ok(())
    }

    /// One head of random numbers.
    fn problem(&self, n: usize) -> Result<Problem, Sentence> {
        let input = random::read(&format!("random:{n},{n},{}", self.question.d), 0);
        let mut problem = input.map_err(|error| error.sentence())?.problem;
        problem.mask.causal = self.question.causal;
        Ok(problem)
    }
}

fn measure(
    backend: &mut dyn Backend,
    problem: &Problem,
    algorithm: &'static str,
    signals: &Signals,
) -> Result<What, GpuError> {
    backend.supports(problem, algorithm, Precision::F32)?;
    let mut run = || backend.run(problem, algorithm, Precision::F32, signals.cancel());
    // The first run compiles the kernel and learns how fast the device is.
    let mut first = run()?;
    first.outputs.clear();
    let time = |run: &crate::gpu::GpuRun| run.kernel_time.unwrap_or(run.wall);
    let mut times = vec![time(&first)];
    if times[0] < LONG {
        times = (0..TIMES).map(|_| run().map(|run| time(&run))).collect::<Result<_, _>>()?;
        times.sort_unstable();
    }
    let is_kernel_time = first.kernel_time.is_some();
    Ok(What::Ran { time: times[times.len() / 2], is_kernel_time, device_bytes: first.device_bytes })
}
