//! WGSL kernels on any GPU with Vulkan, Metal, DX12 or OpenGL, or on a software driver.

mod adapter;
mod clock;
mod committed;
mod compute;
mod guard;
mod measure;
mod memory;
mod params;
mod pipeline;
mod roofs;
mod stages;

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use wgpu::{Adapter, Device, DeviceDescriptor, Features, Limits, Queue};

use super::launch::Pace;
use super::{
    Backend, DeviceInfo, DeviceKind, GpuError, GpuRun, Kernel, Measured, Progress, Refusal, Roofs, SourceError, Taps,
    Workload, kernels,
};
use crate::attention::{Precision, Problem};
use crate::sentence::Sentence;
use guard::{Health, one_line};
use memory::tensor_bytes;
use pipeline::Program;
use stages::Slot;

const NAME: &str = "wgpu";

/// Splits where none are asked for, as many as on CUDA.
const SPLITS: usize = 4;

/// One opened wgpu device, with the WGSL kernels that were needed so far compiled for it.
pub struct WgpuBackend {
    device: Device,
    queue: Queue,
    info: DeviceInfo,
    health: Health,
    /// By file.
    programs: HashMap<&'static str, Program>,
    /// How fast each entry point is here.
    paces: HashMap<&'static str, Pace>,
    backwards: bool,
    /// Files that were asked for by name.
    preferred: Vec<String>,
    /// Parts of the keys, for an algorithm that has splits.
    splits: Cell<usize>,
    progress: Progress,
}

/// Every adapter that wgpu finds, best first, or why there is none.
pub fn adapters() -> Result<Vec<DeviceInfo>, Sentence> {
    let adapters = adapter::ranked();
    if adapters.is_empty() {
        return Err(no_adapter());
    }
    Ok(adapters.iter().map(|a| adapter::describe(&a.get_info(), &a.limits(), a.features())).collect())
}

fn no_adapter() -> Sentence {
    match std::env::var("WGPU_BACKEND") {
        Ok(only) => {
            let what = "WGPU_BACKEND allows {0} only, and no driver for that offers a GPU to compute on";
            Sentence::new(what).with(format!("{only:?}"))
        }
        Err(_) => "no Vulkan, Metal, DX12 or OpenGL driver offers a GPU to compute on".into(),
    }
}

/// Why an adapter is none to compute on.
fn closed(adapter: &Adapter, reason: Sentence) -> Sentence {
    Sentence::new("{0} does not open: {1}").with(adapter.get_info().name).and(reason)
}

impl WgpuBackend {
    /// Opens the best adapter that opens; errors with a sentence that names each one that did not.
    pub fn open() -> Result<Self, Sentence> {
        let mut refused = Vec::new();
        for adapter in adapter::ranked() {
            match Self::open_adapter(&adapter) {
                Ok(backend) => return Ok(backend),
                Err(reason) => refused.push(closed(&adapter, reason)),
            }
        }
        Err(Sentence::list(refused).unwrap_or_else(no_adapter))
    }

    /// Opens the adapter at a place of [`adapters`].
    pub fn open_nth(nth: usize) -> Result<Self, Sentence> {
        let adapters = adapter::ranked();
        let adapter = adapters.get(nth).ok_or_else(|| match adapters.len() {
            0 => no_adapter(),
            count => {
                let what = "there {0|is|are} {0} {0|adapter|adapters} now, and number {1} was asked for";
                Sentence::new(what).with(count).with(nth + 1)
            }
        })?;
        Self::open_adapter(adapter).map_err(|reason| closed(adapter, reason))
    }

    /// Asks for WebGPU's default limits, and for all the workgroup memory that there is: what needs more than the default
    /// is chosen only where it fits.
    fn open_adapter(adapter: &Adapter) -> Result<Self, Sentence> {
        let wanted = DeviceDescriptor {
            label: Some("tilescope"),
            required_features: adapter.features() & Features::TIMESTAMP_QUERY,
            required_limits: Limits {
                max_compute_workgroup_storage_size: adapter.limits().max_compute_workgroup_storage_size,
                ..Limits::default()
            },
            ..DeviceDescriptor::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&wanted))
            .map_err(|error| Sentence::verbatim(one_line(&error.to_string())))?;
        let health = Health::watch(&device);
        Self::new(device, queue, health)
    }

    /// Computes on a device that someone else opened, such as the window's. Its callbacks stay with the owner.
    ///
    /// Errors when the device was opened with limits below WebGPU's defaults that the kernel needs.
    pub fn from_device(device: Device, queue: Queue) -> Result<Self, Sentence> {
        let (have, need) = (device.limits(), Limits::default());
        for (name, have, need) in [
            (
                "bytes of workgroup storage",
                have.max_compute_workgroup_storage_size,
                need.max_compute_workgroup_storage_size,
            ),
            ("storage buffers", have.max_storage_buffers_per_shader_stage, need.max_storage_buffers_per_shader_stage),
            ("invocations", have.max_compute_invocations_per_workgroup, 64),
        ] {
            if have < need {
                let what = Sentence::new("the device was opened with {0} {1}, but the kernel needs {2}");
                return Err(what.with(have).and(name).with(need));
            }
        }
        Self::new(device, queue, Health::default())
    }

    fn new(device: Device, queue: Queue, health: Health) -> Result<Self, Sentence> {
        let info = adapter::describe(&device.adapter_info(), &device.limits(), device.features());
        Ok(Self {
            device,
            queue,
            info,
            health,
            programs: HashMap::new(),
            paces: HashMap::new(),
            backwards: false,
            preferred: Vec::new(),
            splits: Cell::new(SPLITS),
            progress: Progress::default(),
        })
    }

    /// The same device with another whole text for a kernel ([`Kernel::text`] of an edited file, or a mutant in a test).
    ///
    /// Errors when there is no such kernel, and with the compiler's message.
    pub fn with_source(mut self, file: &str, text: &str) -> Result<Self, GpuError> {
        let known = kernels::by_file(file).filter(|kernel| kernel.backend == NAME);
        let kernel =
            known.ok_or_else(|| GpuError::Driver(Sentence::new("there is no kernel {0}").with(format!("{file:?}"))))?;
        let program = Program::new(&self.device, kernel, text)?;
        self.programs.insert(kernel.file, program);
        Ok(self)
    }

    /// From now on launches one program at a time, the last first: slow, and a test that programs mind their own rows.
    pub fn backwards(self) -> Self {
        Self { backwards: true, ..self }
    }

    /// The kernel that would take this problem, or what stands against it.
    fn kernel_for(
        &self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        taps: bool,
    ) -> Result<&'static Kernel, Refusal> {
        let kernel = self.choose(algorithm, problem)?;
        if precision != Precision::F32 {
            return Err(Refusal::Precision(precision));
        }
        if problem.sinks.is_some() {
            return Err(Refusal::Sinks);
        }
        if let Some(what) = problem.beyond_band() {
            return Err(Refusal::Mask(what));
        }
        problem.validate()?;
        for (name, value) in [("d", problem.shape.d), ("d_v", problem.shape.d_v)] {
            if value > kernel.d_max {
                return Err(Refusal::TooLarge { name, value, limit: kernel.d_max });
            }
        }
        let limits = self.device.limits();
        // The kernels count floats in u32; half of that range is beyond what any device binds by default.
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(1 << 31);
        match tensor_bytes(problem, kernel, stages::splits(problem, kernel, self.splits.get()), taps)
            .into_iter()
            .find(|&(_, bytes)| bytes > limit)
        {
            Some((slot, bytes)) => Err(Refusal::Binding { name: slot.name(), bytes, limit }),
            None => Ok(kernel),
        }
    }

    /// The fastest kernel of an algorithm that the device has the memory for, or the one asked for by name. A software
    /// driver gains nothing from larger tiles, and takes long to compile them: it gets the simplest.
    fn choose(&self, algorithm: &str, problem: &Problem) -> Result<&'static Kernel, Refusal> {
        let (shape, drops) = (&problem.shape, problem.dropout.is_some());
        let granted = self.device.limits().max_compute_workgroup_storage_size as usize;
        let fits =
            |kernel: &&Kernel| stages::workgroup_bytes(kernel, shape) <= granted && (kernel.has_dropout() || !drops);
        let asked_for = |kernel: &&Kernel| self.preferred.iter().any(|file| file == kernel.file);
        let mut kernels = kernels::of(NAME, algorithm).filter(fits);
        let best = match self.info.kind {
            DeviceKind::Software => kernels.clone().next(),
            _ => kernels.clone().rfind(|kernel| stages::pays(kernel, shape)),
        };
        kernels.find(asked_for).or(best).ok_or_else(|| match kernels::algorithms(NAME) {
            has if drops && has.contains(&algorithm) => Refusal::Dropout,
            has => Refusal::Algorithm { backend: NAME, algorithm: algorithm.to_owned(), has: has.join(", ") },
        })
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, GpuError>) -> Result<T, GpuError> {
        self.health.check()?;
        let result = work(self);
        // When the device went away, that is the reason, and not what failed because of it.
        self.health.check()?;
        result
    }
}

impl Backend for WgpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn supports(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<(), Refusal> {
        self.kernel_for(problem, algorithm, precision, false).map(|_| ())
    }

    fn set_splits(&self, splits: usize) {
        self.splits.set(splits);
    }

    fn prefer(&mut self, file: &str) {
        let algorithm = kernels::by_file(file).map(|kernel| kernel.algorithm);
        let other = |known: &String| kernels::by_file(known).map(|kernel| kernel.algorithm) != algorithm;
        self.preferred.retain(other);
        self.preferred.push(file.to_owned());
    }

    fn set_source(&mut self, file: &str, source: Option<&str>) -> Result<(), SourceError> {
        let unknown =
            || SourceError::Unavailable(Sentence::new("there is no WGSL kernel {0}").with(format!("{file:?}")));
        let kernel = kernels::by_file(file).filter(|kernel| kernel.backend == NAME).ok_or_else(unknown)?;
        self.health.check().map_err(|error| SourceError::Unavailable(Sentence::verbatim(error)))?;
        match source {
            Some(source) => self.programs.insert(kernel.file, Program::edited(&self.device, kernel, source)?),
            None => self.programs.remove(kernel.file),
        };
        // How fast its entry points were says nothing of those that they are now.
        self.paces.clear();
        Ok(())
    }

    fn kernel(&self, problem: &Problem, algorithm: &str) -> Option<&'static Kernel> {
        self.choose(algorithm, problem).ok()
    }

    fn run(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<GpuRun, GpuError> {
        let kernel = self.kernel_for(problem, algorithm, precision, false)?;
        self.guarded(|backend| backend.compute(kernel, problem, false, cancel)).map(|(run, _)| run)
    }

    fn taps(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<Taps, GpuError> {
        let kernel = self.kernel_for(problem, algorithm, precision, true)?;
        if !kernel.has_taps() {
            return Err(Refusal::Taps("the kernel has no variant that records them").into());
        }
        if !stages::of(kernel).iter().any(|stage| stage.slots.contains(&Slot::Taps)) {
            return Err(Refusal::Taps("the kernel sees whole rows: m and l do not run").into());
        }
        let (_, heads) = self.guarded(|backend| backend.compute(kernel, problem, true, cancel))?;
        Ok(Taps { br: kernel.br, bc: kernel.bc, heads })
    }

    fn measure(&mut self, workload: &Workload, cancel: &AtomicBool) -> Result<Measured, GpuError> {
        self.guarded(|backend| backend.measure_workload(workload, cancel))
    }

    fn copy_bandwidth(&mut self) -> Result<f64, GpuError> {
        let roofs = self.roofs(&AtomicBool::new(false))?;
        roofs.copy_bytes_per_s.ok_or_else(|| Refusal::Measure { backend: NAME }.into())
    }

    fn roofs(&mut self, cancel: &AtomicBool) -> Result<Roofs, GpuError> {
        self.guarded(|backend| backend.measure_roofs(cancel))
    }

    fn progress(&self) -> Option<Progress> {
        Some(self.progress.clone())
    }
}
