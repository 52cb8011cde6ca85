//! The CUDA kernels on an NVIDIA GPU: no toolkit is needed, only its driver.

mod compute;
mod device;
pub mod driver;
mod library;
mod measure;
pub mod nvrtc;
pub mod params;
mod program;
mod session;
mod stages;
mod tensors;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ndarray::Array4;

use super::launch::Pace;
use super::ptx::{self, Ptx};
use super::{
    Backend, Choice, DeviceInfo, GpuError, GpuGradients, GpuRun, Kernel, Measured, Occupancy, Progress, Refusal,
    SourceError, Taps, Workload, kernels,
};
use crate::attention::{Precision, Problem, Shape, conversion};
use crate::schedule::{Tiling, algorithm};
use crate::sentence::Sentence;
use device::Device;
use driver::Driver;
use program::{Loaded, Program};
use session::{HANG, Session, Trouble};

const NAME: &str = "cuda";
/// Most queries or keys: the kernels count them in 32 bits, and a block past the end must not wrap.
const MOST_TOKENS: usize = 1 << 30;
/// Splits of the keys until another number is asked for.
const SPLITS: usize = 4;

/// The first GPU of the NVIDIA driver that the kernels run on, with those that were needed so far compiled for it.
pub struct CudaBackend {
    driver: Arc<dyn Driver>,
    device: Device,
    /// `None` until it is needed again, after the last one broke.
    session: Option<Arc<Session>>,
    /// In the session, by the name of the program.
    modules: HashMap<&'static str, Loaded>,
    /// How fast each entry is here, by program and entry.
    paces: HashMap<(&'static str, &'static str), Pace>,
    /// Kernel files that run from another source, and the PTX of it by program.
    sources: HashMap<&'static str, String>,
    edited: HashMap<&'static str, Program>,
    /// Parts of the keys, for an algorithm that has splits.
    splits: Cell<usize>,
    /// Takes the variants that give the same bits in every run.
    deterministic: Cell<bool>,
    /// Why nothing runs any more.
    lost: Option<Sentence>,
    /// A launch that takes longer does not end.
    patience: Duration,
    progress: Progress,
}

/// Every GPU of the NVIDIA driver, or why there is none, in a sentence.
pub fn devices() -> Result<Vec<DeviceInfo>, Sentence> {
    let driver = library::NvidiaDriver::open()?;
    let compiler = match nvrtc::version() {
        Ok(version) => format!("NVRTC {version}: changed kernels can be compiled."),
        Err(reason) => format!("No changed kernels: {reason}."),
    };
    let described = device::all(&driver)?.into_iter().map(|device| device.info);
    Ok(described
        .map(|mut info| {
            info.notes.push(compiler.clone());
            info
        })
        .collect())
}

const CLOSED: &str = "{0} does not open: the NVIDIA driver fails in {1}";

impl CudaBackend {
    /// Errors with a sentence when there is no driver, an unusable one, or no GPU that the kernels run on.
    pub fn open() -> Result<Self, Sentence> {
        Self::with_driver(Arc::new(library::NvidiaDriver::open()?))
    }

    /// On a driver of any kind.
    pub fn with_driver(driver: Arc<dyn Driver>) -> Result<Self, Sentence> {
        let device = device::first(&*driver)?;
        let session = Session::open(&driver, device.ordinal)
            .map_err(|fault| Sentence::new(CLOSED).with(&device.info.name).with(fault))?;
        Ok(Self {
            driver,
            device,
            session: Some(session),
            modules: HashMap::new(),
            paces: HashMap::new(),
            sources: HashMap::new(),
            edited: HashMap::new(),
            splits: Cell::new(SPLITS),
            deterministic: Cell::new(false),
            lost: None,
            patience: HANG,
            progress: Progress::default(),
        })
    }

    /// Takes a launch for one that never ends after this time, and not after a minute.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The PTX that would take this problem, or what stands against it.
    fn choose(
        &self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        taps: bool,
    ) -> Result<&'static Ptx, Refusal> {
        let Shape { n_q, n_k, d, d_v, .. } = problem.shape;
        let ptx = ptx::find(algorithm, precision, d.max(d_v), taps)?;
        let ptx = if self.deterministic.get() { ptx.in_order() } else { ptx };
        if problem.dropout.is_some() && !kernels::by_file(ptx.file()).is_some_and(Kernel::has_dropout) {
            return Err(Refusal::Dropout);
        }
        if problem.sinks.is_some() {
            return Err(Refusal::Sinks);
        }
        if let Some(what) = problem.beyond_band() {
            return Err(Refusal::Mask(what));
        }
        problem.validate()?;
        for (name, value) in [("n_q", n_q), ("n_k", n_k)] {
            if value > MOST_TOKENS {
                return Err(Refusal::TooLarge { name, value, limit: MOST_TOKENS });
            }
        }
        if precision != Precision::F32
            && let Some((place, value)) = conversion::not_finite_value(problem, precision)
        {
            // Tensor cores multiply whole tiles, and 0 times this is NaN also where a mask hides the key.
            return Err(Refusal::NotFinite { place, value, precision });
        }
        match program::unfit(ptx, self.device.capability, &self.device.sm) {
            Some(refusal) if !self.sources.contains_key(ptx.file()) => Err(refusal),
            _ => Ok(ptx),
        }
    }

    /// The program of a PTX: as it was embedded, or compiled from the source that is there instead.
    fn program(&mut self, ptx: &'static Ptx) -> Result<Program, SourceError> {
        let Some(source) = self.sources.get(ptx.file()) else { return Ok(Program::embedded(ptx)) };
        if let Some(program) = self.edited.get(ptx.name) {
            return Ok(program.clone());
        }
        let program = compiled(ptx, source)?;
        self.edited.insert(ptx.name, program.clone());
        Ok(program)
    }

    /// Forgets what was loaded and learnt under the name of a program: it is going to be another.
    fn forget(&mut self, name: &'static str) {
        self.edited.remove(name);
        self.paces.retain(|(of, _), _| *of != name);
        let (loaded, session) = (self.modules.remove(name), self.session.as_ref());
        if let (Some(loaded), Some(session)) = (loaded, session)
            && session.enter().is_ok()
        {
            // Where this fails, it goes with its context.
            drop(session.driver.unload_module(loaded.module));
        }
    }

    /// Works in the context. A fault that breaks it drops it, makes it anew and tries once more; a second one is the end.
    fn guarded<T>(
        &mut self,
        edited: bool,
        mut work: impl FnMut(&mut Self, &Arc<Session>) -> Result<T, Trouble>,
    ) -> Result<T, GpuError> {
        if let Some(reason) = &self.lost {
            return Err(GpuError::Lost(reason.clone()));
        }
        let first = match self.attempt(&mut work) {
            Ok(value) => return Ok(value),
            Err(Trouble::Gpu(error)) => return Err(error),
            Err(Trouble::Hung) => return Err(self.hung()),
            Err(Trouble::Fault(fault)) if !fault.is_sticky() => {
                return Err(GpuError::Driver(Sentence::verbatim(fault)));
            }
            Err(Trouble::Fault(fault)) => fault,
        };
        self.drop_context();
        if edited {
            // It would do the same again. The next run gets a new context.
            return Err(GpuError::Driver(Sentence::new("the changed kernel broke the context: {0}").with(first)));
        }
        match self.attempt(&mut work) {
            Ok(value) => Ok(value),
            Err(Trouble::Gpu(error)) => Err(error),
            Err(Trouble::Hung) => Err(self.hung()),
            Err(Trouble::Fault(second)) => {
                self.drop_context();
                let reason = Sentence::new("{0}; in a new context: {1}").with(first).with(second);
                self.lost = Some(reason.clone());
                Err(GpuError::Lost(reason))
            }
        }
    }

    fn attempt<T>(
        &mut self,
        work: &mut impl FnMut(&mut Self, &Arc<Session>) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let session = match &self.session {
            Some(session) => session.clone(),
            None => self.session.insert(Session::open(&self.driver, self.device.ordinal)?).clone(),
        };
        session.enter()?;
        work(self, &session)
    }

    /// Frees the context and all that is in it.
    fn drop_context(&mut self) {
        self.modules.clear();
        self.session = None;
    }

    fn hung(&mut self) -> GpuError {
        // The session knows that nothing of it can be freed.
        self.drop_context();
        let error = GpuError::Hung(self.patience);
        self.lost = Some(error.sentence());
        error
    }

    fn run_program(
        &mut self,
        problem: &Problem,
        ptx: &'static Ptx,
        cancel: &AtomicBool,
    ) -> Result<(GpuRun, Vec<super::HeadTaps>, Program), GpuError> {
        let program = self.program(ptx).map_err(|error| Refusal::Source(error.sentence()))?;
        let program = program.in_splits(self.splits.get());
        let done =
            self.guarded(program.edited, |backend, session| backend.compute(session, &program, problem, cancel))?;
        Ok((done.0, done.1, program))
    }
}

/// The program that a source gives for the variant of a PTX.
fn compiled(ptx: &'static Ptx, source: &str) -> Result<Program, SourceError> {
    let made = nvrtc::compile(ptx.file(), source, &ptx.defines())?;
    // Which variant it is stands in the first line, as in the PTX that was made ahead.
    let head = [vec![ptx.file().to_owned()], ptx.defines()].concat().join(" ");
    Program::edited(ptx, format!("// {head}: compiled when it was changed\n{}", made.ptx))
        .map_err(SourceError::Unavailable)
}

/// A PTX of a forward pass: one of a backward pass leaves no O.
fn forward(ptx: &'static Ptx) -> Result<&'static Ptx, Refusal> {
    let kernel = kernels::by_file(ptx.file());
    let is_backward = kernel.is_some_and(Kernel::is_backward);
    if is_backward { Err(Refusal::Backward { algorithm: ptx.algorithm }) } else { Ok(ptx) }
}

impl Backend for CudaBackend {
    fn info(&self) -> &DeviceInfo {
        &self.device.info
    }

    fn supports(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<(), Refusal> {
        let ptx = forward(self.choose(problem, algorithm, precision, false)?)?;
        // What the driver does not tell here, the run will.
        let memory = self.session.as_ref().and_then(|session| {
            session.enter().ok()?;
            session.driver.memory_info().ok()
        });
        let needed = tensors::total(problem, &Program::embedded(ptx).in_splits(self.splits.get()));
        match memory {
            Some((free, total)) if needed > free => Err(Refusal::Memory { needed, free, total }),
            _ => Ok(()),
        }
    }

    fn set_splits(&self, splits: usize) {
        self.splits.set(splits);
    }

    fn set_deterministic(&self, deterministic: bool) {
        self.deterministic.set(deterministic);
    }

    fn kernel(&self, problem: &Problem, algorithm: &str) -> Option<&'static Kernel> {
        let ptx = self.choose(problem, algorithm, Precision::F32, false).ok()?;
        kernels::by_file(ptx.file())
    }

    fn choice(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Option<Choice> {
        let ptx = self.choose(problem, algorithm, precision, false).ok()?;
        // A changed source may have other blocks; until its variant is compiled nobody knows them.
        let (br, bc) = self.edited.get(ptx.name).map_or((ptx.br, ptx.bc), |program| (program.br, program.bc));
        Some(Choice { file: ptx.file(), tiling: Tiling { br, bc } })
    }

    fn progress(&self) -> Option<Progress> {
        Some(self.progress.clone())
    }

    fn occupancy(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<Vec<Occupancy>, Refusal> {
        let ptx = self.choose(problem, algorithm, precision, false)?;
        let edited = self.edited.get(ptx.name).cloned();
        let program = edited.unwrap_or_else(|| Program::embedded(ptx)).in_splits(self.splits.get());
        let device = &self.device;
        let blocks = program.blocks_of(&problem.shape);
        let rows = ptx::resources(ptx, device.capability);
        let of_stage = |stage: &stages::Stage| {
            let row = rows.iter().find(|row| row.entry == stage.entry)?;
            // Once it is loaded, the driver knows better than the table.
            let loaded = self.modules.get(program.name).map(|loaded| &loaded.entries);
            let loaded = loaded.and_then(|entries| entries.iter().find(|entry| entry.stage.entry == stage.entry));
            Some(Occupancy {
                entry: row.entry.clone(),
                threads: program.threads,
                registers: loaded.map_or(row.registers, |entry| entry.registers),
                shared_bytes: loaded.map_or(row.shared_bytes, |entry| entry.shared_bytes),
                blocks_per_sm: loaded
                    .map_or_else(|| row.blocks_per_sm(program.threads, &device.sm), |entry| entry.blocks_per_sm),
                sms: device.sms,
                sm_threads: device.sm.threads,
                blocks: stage.grid_blocks(&problem.shape, &blocks),
            })
        };
        Ok(program.stages().iter().filter_map(of_stage).collect())
    }

    fn run(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<GpuRun, GpuError> {
        let ptx = forward(self.choose(problem, algorithm, precision, false)?)?;
        self.run_program(problem, ptx, cancel).map(|(run, _, _)| run)
    }

    fn gradients(
        &mut self,
        problem: &Problem,
        d_o: &Array4<f64>,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<GpuGradients, GpuError> {
        let backward = self.choose(problem, algorithm, precision, false)?;
        let text = algorithm::by_name(backward.algorithm);
        let Some(after) = text.and_then(|text| text.text().after.as_deref()) else {
            return Err(Refusal::NotBackward { algorithm: algorithm.to_owned() }.into());
        };
        let Shape { batch, heads, n_q, d_v, .. } = problem.shape;
        if d_o.dim() != (batch, heads, n_q, d_v) {
            let shapes = Sentence::new("dO is {0}, and O is {1}").with(format!("{:?}", d_o.dim()));
            return Err(GpuError::Driver(shapes.with(format!("{:?}", (batch, heads, n_q, d_v)))));
        }
        let forward = self.choose(problem, after, precision, false)?;
        let mut program = |ptx| self.program(ptx).map_err(|error| Refusal::Source(error.sentence()));
        let programs = [program(forward)?, program(backward)?];
        let edited = programs.iter().any(|program| program.edited);
        self.guarded(edited, |backend, session| backend.compute_gradients(session, &programs, problem, d_o, cancel))
    }

    fn taps(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<Taps, GpuError> {
        let ptx = forward(self.choose(problem, algorithm, precision, true)?)?;
        let (_, heads, program) = self.run_program(problem, ptx, cancel)?;
        Ok(Taps { br: program.br, bc: program.bc, heads })
    }

    fn set_source(&mut self, file: &str, source: Option<&str>) -> Result<(), SourceError> {
        let unknown =
            || SourceError::Unavailable(Sentence::new("there is no CUDA kernel {0}").with(format!("{file:?}")));
        let kernel = kernels::by_file(file).filter(|kernel| kernel.backend == NAME).ok_or_else(unknown)?;
        let variants = || ptx::all().filter(|ptx| ptx.file() == kernel.file);
        // One variant now, for what the compiler says; the others when they are needed.
        let first = match (source, variants().next()) {
            (Some(source), Some(ptx)) => Some((ptx.name, compiled(ptx, source)?)),
            _ => None,
        };
        for ptx in variants() {
            self.forget(ptx.name);
        }
        match source {
            Some(source) => self.sources.insert(kernel.file, source.to_owned()),
            None => self.sources.remove(kernel.file),
        };
        self.edited.extend(first);
        Ok(())
    }

    fn measure(&mut self, workload: &Workload, cancel: &AtomicBool) -> Result<Measured, GpuError> {
        self.measure_workload(workload, cancel)
    }

    fn copy_bandwidth(&mut self) -> Result<f64, GpuError> {
        self.guarded(false, measure::copy_bandwidth)
    }
}
