//! The GPU beside the stepper: found and run on worker threads, so that a slow or broken driver never holds the window.
//!
//! One task at a time has the device; it comes back with what the task found, or is dropped where it is lost.

use std::sync::Arc;
use std::time::Duration;

use eframe::egui::Context;

use crate::app::run::gpu::fault::GpuFault;
use crate::app::run::gpu::recorded::Recorded;
use crate::app::run::gpu::sources::{Compiled, Offer, Sources};
use crate::app::run::gpu::sweep::{Sweep, SweepAsked};
use crate::app::run::job::{self, Job, Signals};
use crate::app::run::scene::FinishedRun;
use crate::gpu::{Backend, DeviceInfo, Kernel, Occupancy, Probe, Progress, Roofs, kernels};
use crate::schedule::Tiling;
use crate::sentence::Sentence;

pub use crate::app::run::gpu::outcome::Outcome;

/// Looks for a GPU; a test passes a stand-in.
pub type FindGpu = fn() -> Probe;
/// Lists every device of every backend, or why a backend has none.
pub type ListGpus = fn() -> Vec<Found>;
/// Opens a device of a backend by its place in that list.
pub type OpenGpu = fn(&str, usize) -> Probe;
/// A backend with one of its devices, or why it has none.
pub type Found = (&'static str, Result<DeviceInfo, Sentence>);

/// The device, and what was found with it, each with the generation of the scene that it belongs to.
pub struct Gpu {
    find: FindGpu,
    state: State,
    result: Option<(u64, Result<Arc<Outcome>, GpuFault>)>,
    recorded: Option<(u64, Result<Recorded, GpuFault>)>,
    roofs: Option<Result<Roofs, GpuFault>>,
    sweep: Option<(Arc<Sweep>, Result<(), GpuFault>)>,
    /// Earlier results on this device, for the roofline.
    past: Vec<Arc<Outcome>>,
    /// Runs that gave something, on any device.
    runs: u64,
    /// The device in the list of all, where it was chosen there.
    place: Option<DevicePlace>,
    /// The kernels that the device runs from a changed source.
    sources: Sources,
}

/// A backend, and a device by its place among those of this backend.
pub type DevicePlace = (&'static str, usize);

enum State {
    Looking(Option<Job<Probe>>),
    Missing(Sentence),
    Ready(Box<dyn Backend>),
    Running(Running),
}

struct Running {
    info: DeviceInfo,
    job: Option<Job<Finished>>,
    task: Task,
    generation: u64,
    progress: Option<Progress>,
    is_cancelled: bool,
}

/// What a device can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Run,
    Record,
    Roofs,
    Sweep,
    Compile,
}

/// The device comes back, unless it is lost.
struct Finished {
    backend: Result<Box<dyn Backend>, Sentence>,
    report: Report,
}

enum Report {
    Run(Result<Outcome, GpuFault>),
    Record(Result<Recorded, GpuFault>),
    Roofs(Result<Roofs, GpuFault>),
    Sweep(Result<(), GpuFault>),
    /// What the compiler made of a source, and the run with it where it made something.
    Compile(Compiled, Option<Result<Outcome, GpuFault>>),
}

/// What the panel shows.
pub enum Status<'a> {
    Looking,
    Missing(&'a Sentence),
    Ready(&'a DeviceInfo),
    Running(&'a DeviceInfo),
}

/// A task under way.
pub struct Underway {
    pub task: Task,
    /// From 0 to 1; `None` where the backend does not say.
    pub part: Option<f32>,
    pub age: Duration,
    pub is_cancelled: bool,
}

impl Gpu {
    /// Starts looking.
    pub fn new(ctx: &Context, find: FindGpu) -> Self {
        Self::looking(find, Job::start(ctx, move |_| find()))
    }

    fn looking(find: FindGpu, job: Job<Probe>) -> Self {
        let state = State::Looking(Some(job));
        Self {
            find,
            state,
            result: None,
            recorded: None,
            roofs: None,
            sweep: None,
            past: Vec::new(),
            runs: 0,
            place: None,
            sources: Sources::default(),
        }
    }

    /// Looks again, or opens another device. What was found with the old one goes with it.
    pub fn open(&mut self, ctx: &Context, which: Option<(OpenGpu, DevicePlace)>) {
        if matches!(self.state, State::Looking(Some(_)) | State::Running(_)) {
            return;
        }
        // Even letting a device go may take long.
        let old = match std::mem::replace(&mut self.state, State::Looking(None)) {
            State::Ready(backend) => Some(backend),
            _ => None,
        };
        let find = self.find;
        let job = Job::start(ctx, move |_| {
            drop(old);
            which.map_or_else(find, |(open, (backend, nth))| open(backend, nth))
        });
        let place = which.map(|(_, place)| place);
        *self = Self { runs: self.runs, place, ..Self::looking(find, job) };
    }

    /// Takes in what the workers have finished.
    pub fn update(&mut self) {
        match &mut self.state {
            State::Looking(job) => match job::take(job) {
                Some(Ok(Probe::Ready(backend))) => self.state = State::Ready(backend),
                Some(Ok(Probe::Unavailable(reason))) => self.state = State::Missing(reason),
                Some(Err(fault)) => self.state = State::Missing(fault.into()),
                None => {}
            },
            State::Running(running) => match job::take(&mut running.job) {
                Some(Ok(Finished { backend, report })) => {
                    let generation = running.generation;
                    self.state = backend.map_or_else(State::Missing, State::Ready);
                    self.keep(generation, report);
                }
                Some(Err(fault)) => self.state = State::Missing(fault.into()),
                None => {}
            },
            State::Missing(_) | State::Ready(_) => {}
        }
    }

    fn keep(&mut self, generation: u64, report: Report) {
        match report {
            Report::Run(result) => self.keep_run(generation, result),
            Report::Record(result) => self.recorded = Some((generation, result)),
            Report::Roofs(result) => self.roofs = Some(result),
            Report::Sweep(result) => {
                if let Some((_, end)) = &mut self.sweep {
                    *end = result;
                }
            }
            Report::Compile(compiled, run) => {
                self.sources.keep(compiled);
                if let Some(result) = run {
                    self.keep_run(generation, result);
                }
            }
        }
    }

    fn keep_run(&mut self, generation: u64, result: Result<Outcome, GpuFault>) {
        self.runs += 1;
        let result = result.map(|outcome| {
            let changed = self.sources.behind(&outcome.algorithm, outcome.kernel.map(|kernel| kernel.file));
            Arc::new(Outcome { serial: self.runs, ..outcome }.of_source(changed))
        });
        self.past.extend(result.iter().cloned());
        // A roofline with more points cannot be read.
        let too_many = self.past.len().saturating_sub(8);
        self.past.drain(..too_many);
        self.result = Some((generation, result));
    }

    /// Runs the scene's problem, unless the device refuses it; then the result is its reason.
    pub fn run(&mut self, ctx: &Context, scene: &Arc<FinishedRun>, generation: u64) {
        let scene = scene.clone();
        self.start(ctx, Task::Run, generation, move |backend, signals| {
            Report::Run(Outcome::run(backend, &scene, signals))
        });
    }

    /// Has m and l recorded after every key block, and compares them with the stepper's.
    pub fn record(&mut self, ctx: &Context, scene: &Arc<FinishedRun>, generation: u64) {
        let scene = scene.clone();
        let changed = self.sources.behind(scene.settings.algorithm.name(), self.file_of(&scene));
        self.start(ctx, Task::Record, generation, move |backend, signals| {
            Report::Record(Recorded::new(backend, &scene, signals).map(|recorded| Recorded { changed, ..recorded }))
        });
    }

    /// Has the device compile a source, and runs the scene's problem with it.
    pub fn compile(&mut self, ctx: &Context, scene: &Arc<FinishedRun>, generation: u64, offer: Offer) {
        let scene = scene.clone();
        self.start(ctx, Task::Compile, generation, move |backend, signals| {
            let compiled = Compiled::new(backend, offer);
            let run = compiled.result.is_ok().then(|| Outcome::run(backend, &scene, signals));
            Report::Compile(compiled, run)
        });
    }

    /// Measures what the device does at best.
    pub fn measure_roofs(&mut self, ctx: &Context) {
        self.start(ctx, Task::Roofs, 0, |backend, signals| {
            Report::Roofs(backend.roofs(signals.cancel()).map_err(GpuFault::from))
        });
    }

    /// Measures standard attention and flash2 while N doubles.
    pub fn sweep(&mut self, ctx: &Context, question: SweepAsked) {
        if !matches!(self.state, State::Ready(_)) {
            return;
        }
        let changed = crate::app::run::gpu::sweep::ALGORITHMS
            .into_iter()
            .find_map(|algorithm| self.sources.behind(algorithm, None));
        let sweep = Arc::new(Sweep::new(question, changed));
        self.sweep = Some((sweep.clone(), Ok(())));
        let wake = ctx.clone();
        self.start(ctx, Task::Sweep, 0, move |backend, signals| {
            Report::Sweep(sweep.run(backend, signals, || wake.request_repaint()))
        });
    }

    fn start(
        &mut self,
        ctx: &Context,
        task: Task,
        generation: u64,
        work: impl FnOnce(&mut dyn Backend, &Signals) -> Report + Send + 'static,
    ) {
        let state = std::mem::replace(&mut self.state, State::Looking(None));
        let State::Ready(mut backend) = state else {
            self.state = state;
            return;
        };
        let (info, progress) = (backend.info().clone(), backend.progress());
        let job = Job::start(ctx, move |signals| {
            let report = work(&mut *backend, signals);
            // A lost device is dropped here, since even that may take long.
            let backend = match report.fault() {
                Some(fault) if fault.is_gone => Err(fault.said.clone()),
                _ => Ok(backend),
            };
            Finished { backend, report }
        });
        self.state = State::Running(Running { info, job: Some(job), task, generation, progress, is_cancelled: false });
    }

    /// Tells the task under way to stop; the device comes back when it does.
    pub fn cancel(&mut self) {
        if let State::Running(running) = &mut self.state {
            running.is_cancelled = true;
            running.job.iter().for_each(Job::cancel);
        }
    }

    pub fn status(&self) -> Status<'_> {
        match &self.state {
            State::Looking(_) => Status::Looking,
            State::Missing(reason) => Status::Missing(reason),
            State::Ready(backend) => Status::Ready(backend.info()),
            State::Running(running) => Status::Running(&running.info),
        }
    }

    pub fn underway(&self) -> Option<Underway> {
        let State::Running(Running { job, task, progress, is_cancelled, .. }) = &self.state else { return None };
        let job = job.as_ref()?;
        let part = match task {
            Task::Sweep => Some(job.progress()),
            _ => progress.as_ref().map(Progress::part),
        };
        Some(Underway { task: *task, part, age: job.age(), is_cancelled: *is_cancelled })
    }

    /// The result for this scene.
    pub fn result(&self, generation: u64) -> Option<Result<&Arc<Outcome>, &Sentence>> {
        let (_, result) = self.result.as_ref().filter(|(of, _)| *of == generation)?;
        Some(result.as_ref().map_err(|fault| &fault.said))
    }

    /// m and l as recorded for this scene.
    pub fn recorded(&self, generation: u64) -> Option<Result<&Recorded, &Sentence>> {
        let (_, result) = self.recorded.as_ref().filter(|(of, _)| *of == generation)?;
        Some(result.as_ref().map_err(|fault| &fault.said))
    }

    /// What the device does at best, once that was measured.
    pub fn roofs(&self) -> Option<Result<&Roofs, &Sentence>> {
        Some(self.roofs.as_ref()?.as_ref().map_err(|fault| &fault.said))
    }

    /// The last sweep, and how it ended or goes on.
    pub fn last_sweep(&self) -> Option<(&Sweep, Option<&Sentence>)> {
        let (sweep, end) = self.sweep.as_ref()?;
        Some((sweep, end.as_ref().err().map(|fault| &fault.said)))
    }

    /// The device that was chosen in the list, open or not.
    pub fn place(&self) -> Option<DevicePlace> {
        self.place
    }

    /// Where the open device stands in a list of all.
    pub fn place_in(&self, found: &[Found]) -> Option<DevicePlace> {
        let (Status::Ready(info) | Status::Running(info)) = self.status() else { return None };
        self.place.or_else(|| {
            // Its limits may be others than those of the adapter; of twins the first is the one that is found.
            let is_it = |device: &DeviceInfo| device.name == info.name && device.driver == info.driver;
            let of = found.iter().filter(|(backend, _)| *backend == info.backend);
            let nth = of.enumerate().find(|(_, (_, device))| device.as_ref().is_ok_and(is_it));
            nth.map(|(nth, _)| (info.backend, nth))
        })
    }

    pub fn past(&self) -> &[Arc<Outcome>] {
        &self.past
    }

    /// The blocks of the kernel that would run this scene, where the backend says.
    pub fn blocks(&self, scene: &FinishedRun) -> Option<Tiling> {
        let State::Ready(backend) = &self.state else { return None };
        let (problem, settings) = (&scene.input.problem, &scene.settings);
        Some(backend.choice(problem, settings.algorithm.name(), settings.run.precision())?.tiling)
    }

    /// What the kernel that would run this scene takes of a multiprocessor, before it is launched; empty where the
    /// interface does not tell, `None` where no device waits.
    pub fn occupancy(&self, scene: &FinishedRun) -> Option<Result<Vec<Occupancy>, Sentence>> {
        let State::Ready(backend) = &self.state else { return None };
        let (problem, settings) = (&scene.input.problem, &scene.settings);
        backend.set_splits(scene.schedule().setting.splits);
        let occupancy = backend.occupancy(problem, settings.algorithm.name(), settings.run.precision());
        Some(occupancy.map_err(|refusal| refusal.sentence()))
    }

    /// The file of the kernel that would run this scene, where the backend says.
    fn file_of(&self, scene: &FinishedRun) -> Option<&'static str> {
        let State::Ready(backend) = &self.state else { return None };
        let (problem, settings) = (&scene.input.problem, &scene.settings);
        Some(backend.choice(problem, settings.algorithm.name(), settings.run.precision())?.file)
    }

    /// The kernel of the open device for this scene; of WGSL where none is open.
    pub fn kernel(&self, scene: &FinishedRun) -> Option<&'static Kernel> {
        if let Some(file) = self.file_of(scene) {
            return kernels::by_file(file);
        }
        let backend = match self.status() {
            Status::Ready(info) | Status::Running(info) => info.backend,
            Status::Looking | Status::Missing(_) => "wgpu",
        };
        kernels::of(backend, scene.settings.algorithm.name()).next()
    }

    /// The kernels that the device runs from a changed source.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    pub fn is_busy(&self) -> bool {
        matches!(self.state, State::Looking(Some(_)) | State::Running(_))
    }
}

impl Report {
    fn fault(&self) -> Option<&GpuFault> {
        match self {
            Report::Run(result) => result.as_ref().err(),
            Report::Record(result) => result.as_ref().err(),
            Report::Roofs(result) => result.as_ref().err(),
            Report::Sweep(result) => result.as_ref().err(),
            Report::Compile(_, run) => run.as_ref()?.as_ref().err(),
        }
    }
}
