//! The GPU beside the stepper: found and run on worker threads, so that a slow or broken driver never holds the window.

use std::time::Duration;

use eframe::egui::Context;

use crate::attention::error_rule::max_error;
use crate::gpu::{Backend, DeviceInfo, GpuError, GpuRun, Probe};

use super::job::{self, Job};
use super::scene::Scene;

/// Looks for a GPU; a test passes a stand-in.
pub type FindGpu = fn() -> Probe;

/// The device, and the last result with the scene it belongs to.
pub struct Gpu {
    state: State,
    result: Option<(u64, Result<Outcome, String>)>,
}

type Finished = (Box<dyn Backend>, Result<GpuRun, GpuError>);

enum State {
    Looking(Option<Job<Probe>>),
    Missing(String),
    Ready(Box<dyn Backend>),
    Running { info: DeviceInfo, job: Option<Job<Finished>>, generation: u64 },
}

/// What a run on the GPU gave for the head on screen.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// O of the selected head.
    pub o: ndarray::Array2<f64>,
    pub kernel_time: Option<Duration>,
    pub wall: Duration,
}

/// What the panel shows.
pub enum Status<'a> {
    Looking,
    Missing(&'a str),
    Ready(&'a DeviceInfo),
    Running(&'a DeviceInfo),
}

impl Gpu {
    /// Starts looking.
    pub fn new(ctx: &Context, find: FindGpu) -> Self {
        Self { state: State::Looking(Some(Job::start(ctx, move |_| find()))), result: None }
    }

    pub fn update(&mut self, scene: Option<&Scene>) {
        match &mut self.state {
            State::Looking(job) => match job::take(job) {
                Some(Ok(Probe::Ready(backend))) => self.state = State::Ready(backend),
                Some(Ok(Probe::Unavailable(reason))) => self.state = State::Missing(reason),
                Some(Err(fault)) => self.state = State::Missing(fault.into()),
                None => {}
            },
            State::Running { job, generation, .. } => match job::take(job) {
                Some(Ok((backend, run))) => {
                    let outcome = run.map_err(|error| error.to_string()).and_then(|run| outcome(run, scene));
                    self.result = Some((*generation, outcome));
                    self.state = State::Ready(backend);
                }
                Some(Err(fault)) => self.state = State::Missing(fault.into()),
                None => {}
            },
            State::Missing(_) | State::Ready(_) => {}
        }
    }

    /// Runs the scene's problem, unless the device refuses it; then the result is its reason.
    pub fn run(&mut self, ctx: &Context, scene: &Scene, generation: u64) {
        let state = std::mem::replace(&mut self.state, State::Looking(None));
        let State::Ready(mut backend) = state else {
            self.state = state;
            return;
        };
        let (problem, settings) = (scene.input.problem.clone(), scene.settings.clone());
        if let Err(refusal) = backend.supports(&problem, settings.algorithm, settings.precision) {
            self.result = Some((generation, Err(refusal.to_string())));
            self.state = State::Ready(backend);
            return;
        }
        let info = backend.info().clone();
        let job = Job::start(ctx, move |signals| {
            let run = backend.run(&problem, settings.algorithm, settings.precision, signals.cancel());
            (backend, run)
        });
        self.state = State::Running { info, job: Some(job), generation };
    }

    pub fn status(&self) -> Status<'_> {
        match &self.state {
            State::Looking(_) => Status::Looking,
            State::Missing(reason) => Status::Missing(reason),
            State::Ready(backend) => Status::Ready(backend.info()),
            State::Running { info, .. } => Status::Running(info),
        }
    }

    /// The result for this scene.
    pub fn result(&self, generation: u64) -> Option<&Result<Outcome, String>> {
        self.result.as_ref().filter(|(of, _)| *of == generation).map(|(_, result)| result)
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Looking(Some(_)) | State::Running { .. })
    }
}

/// The head on screen. A scene that has changed meanwhile has another generation, so that this is not shown with it.
fn outcome(run: GpuRun, scene: Option<&Scene>) -> Result<Outcome, String> {
    let scene = scene.ok_or("there is nothing to compare with")?;
    let index = scene.settings.batch * scene.input.problem.shape.heads + scene.settings.head;
    let output = run.outputs.into_iter().nth(index).ok_or("the GPU gave no result for this head")?;
    Ok(Outcome { o: output.o, kernel_time: run.kernel_time, wall: run.wall })
}

impl Outcome {
    /// Largest distance of O from `exact`; NaN where one is not a number.
    pub fn error(&self, exact: &ndarray::Array2<f64>) -> f64 {
        max_error(&self.o, exact)
    }
}
