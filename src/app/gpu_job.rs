//! The GPU beside the stepper: found and run on worker threads, so that a slow or broken driver never holds the window.

use std::time::Duration;

use eframe::egui::Context;

use crate::attention::error_rule::max_error;
use crate::gpu::{Backend, DeviceInfo, GpuError, GpuRun, Probe, Refusal};
use crate::sentence::Sentence;

use super::job::{self, Job};
use super::scene::Scene;

/// Looks for a GPU; a test passes a stand-in.
pub type FindGpu = fn() -> Probe;

/// The device, and the last result with the scene it belongs to.
pub struct Gpu {
    state: State,
    result: Option<(u64, Result<Outcome, Sentence>)>,
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
                    let outcome = run.map_err(|error| failed(&error)).and_then(|run| outcome(run, scene));
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
            self.result = Some((generation, Err(refused(&refusal))));
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
    pub fn result(&self, generation: u64) -> Option<&Result<Outcome, Sentence>> {
        self.result.as_ref().filter(|(of, _)| *of == generation).map(|(_, result)| result)
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Looking(Some(_)) | State::Running { .. })
    }
}

/// The head on screen. A scene that has changed meanwhile has another generation, so that this is not shown with it.
fn outcome(run: GpuRun, scene: Option<&Scene>) -> Result<Outcome, Sentence> {
    let scene = scene.ok_or("there is nothing to compare with")?;
    let index = scene.settings.batch * scene.input.problem.shape.heads + scene.settings.head;
    let output = run.outputs.into_iter().nth(index).ok_or("the GPU gave no result for this head")?;
    Ok(Outcome { o: output.o, kernel_time: run.kernel_time, wall: run.wall })
}

fn failed(error: &GpuError) -> Sentence {
    match error {
        GpuError::Refused(refusal) => refused(refusal),
        GpuError::Cancelled { launches } => Sentence::new("cancelled after {0} launches").with(launches),
        GpuError::OutOfMemory { bytes } => {
            Sentence::new("the device is out of memory: the run needs {0} bytes").with(bytes)
        }
        GpuError::Lost(reason) => Sentence::new("the device was lost: {0}").with(reason),
        GpuError::Hung(after) => {
            Sentence::new("a launch did not end within {0} s: the device hangs").with(after.as_secs())
        }
        GpuError::Driver(reason) => Sentence::new("the driver refused: {0}").with(reason),
    }
}

fn refused(refusal: &Refusal) -> Sentence {
    match refusal {
        Refusal::Algorithm { backend, algorithm, has } => {
            let sentence = Sentence::new("{0} has no kernel for {1}; it has: {2}").with(backend);
            sentence.with(format!("{algorithm:?}")).with(has)
        }
        Refusal::Precision(precision) => {
            Sentence::new("the kernel computes in f32 only, not in {0}").with(precision.name())
        }
        Refusal::Format { algorithm, precision } => {
            Sentence::new("there is no kernel for {0} in {1}").with(algorithm).with(precision.name())
        }
        Refusal::Dropout => "the kernel has no dropout".into(),
        Refusal::TooLarge { name, value, limit } => {
            Sentence::new("{0} is {1}, but the kernel takes at most {2}").with(name).with(value).with(limit)
        }
        Refusal::Binding { name, bytes, limit } => {
            let text = "{0} takes {1} bytes, but the device binds at most {2} at once: use fewer tokens or heads";
            Sentence::new(text).with(name).with(bytes).with(limit)
        }
        Refusal::Problem(error) => error.sentence(),
        // What the window never asks for.
        other => Sentence::verbatim(other),
    }
}

impl Outcome {
    /// Largest distance of O from `exact`; NaN where one is not a number.
    pub fn error(&self, exact: &ndarray::Array2<f64>) -> f64 {
        max_error(&self.o, exact)
    }
}
