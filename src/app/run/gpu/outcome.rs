//! What a run on a GPU gave, what it took, and the rates that follow.

use std::time::Duration;

use crate::app::run::gpu::fault::GpuFault;
use crate::app::run::gpu::work::Work;
use crate::app::run::job::Signals;
use crate::app::run::scene::FinishedRun;
use crate::attention::Precision;
use crate::attention::error_rule::max_error;
use crate::gpu::{Backend, Choice, GpuError, GpuRun};

/// Of a backward pass.
pub const NO_GRADIENTS: &str = "The GPU has no kernel for gradients.";

/// What a run on the GPU gave for the head on screen, and what it took for all heads.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// No two runs share it.
    pub serial: u64,
    /// O of the selected head.
    pub o: ndarray::Array2<f64>,
    pub kernel_time: Option<Duration>,
    pub wall: Duration,
    pub launches: usize,
    pub device_bytes: u64,
    /// What was run; queries and keys.
    pub algorithm: String,
    pub n: (usize, usize),
    pub precision: Precision,
    /// The kernel that ran, where the backend says.
    pub kernel: Option<Choice>,
    /// `None` also for a changed kernel: the closed forms count what the house's does.
    pub work: Option<Work>,
    /// The file whose changed source ran.
    pub changed: Option<&'static str>,
}

impl Outcome {
    /// Runs the scene's problem. Errors with the refusal, and as [`Backend::run`] does.
    pub fn run(backend: &mut dyn Backend, scene: &FinishedRun, signals: &Signals) -> Result<Self, GpuFault> {
        let (problem, settings) = (scene.problem_with_values()?, &scene.settings);
        let splits = scene.schedule().setting.splits;
        backend.set_splits(splits);
        backend.supports(problem, settings.algorithm.name(), settings.run.precision()).map_err(GpuError::from)?;
        let run = backend.run(problem, settings.algorithm.name(), settings.run.precision(), signals.cancel())?;
        let GpuRun { outputs, kernel_time, wall, launches, device_bytes } = run;
        let index = settings.run.batch() * problem.shape.heads + settings.run.head();
        let output = outputs.into_iter().nth(index).ok_or("the GPU gave no result for this head")?;
        let kernel = backend.choice(problem, settings.algorithm.name(), settings.run.precision());
        let tiling = kernel.map_or(settings.tiling(), |kernel| kernel.tiling);
        Ok(Self {
            serial: 0,
            o: output.o,
            kernel_time,
            wall,
            launches,
            device_bytes,
            algorithm: settings.algorithm.name().to_owned(),
            n: (problem.shape.n_q, problem.shape.n_k),
            precision: settings.run.precision(),
            kernel,
            work: Work::of(problem, settings.algorithm.name(), tiling, settings.run.precision(), splits),
            changed: None,
        })
    }

    /// The same, of a kernel whose source was changed where `changed` names its file.
    pub fn of_source(self, changed: Option<&'static str>) -> Self {
        Self { work: self.work.filter(|_| changed.is_none()), changed, ..self }
    }

    /// Largest distance of O from `exact`; NaN where one is not a number.
    pub fn error(&self, exact: &ndarray::Array2<f64>) -> f64 {
        max_error(&self.o, exact)
    }

    /// The time that rates are taken of: inside the kernel where the device has a clock, else all of it.
    pub fn seconds(&self) -> f64 {
        self.kernel_time.unwrap_or(self.wall).as_secs_f64()
    }

    /// FLOPs per second; `None` where nothing was counted or no time went by.
    pub fn flops_per_s(&self) -> Option<f64> {
        let rate = self.work?.flops as f64 / self.seconds();
        rate.is_finite().then_some(rate)
    }

    /// Bytes per second between HBM and chip.
    pub fn bytes_per_s(&self) -> Option<f64> {
        let rate = self.work?.bytes as f64 / self.seconds();
        rate.is_finite().then_some(rate)
    }
}
