//! WGSL kernels on any GPU with Vulkan, Metal, DX12 or OpenGL, or on a software driver.

mod adapter;
mod clock;
mod guard;
mod memory;
mod pipeline;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wgpu::{Adapter, BindGroup, Buffer, CommandEncoderDescriptor, ComputePassDescriptor, ComputePipeline};
use wgpu::{Device, DeviceDescriptor, Features, Limits, Queue};

use super::kernels::FLASH2_WGSL;
use super::launch::{Grid, Launch, Pace};
use super::{Backend, DeviceInfo, GpuError, GpuRun, Refusal};
use crate::attention::{Precision, Problem};
use clock::Clock;
use guard::{Health, checked, one_line, wait};
use memory::{Tensors, binding_bytes};
use pipeline::{Params, Program};

/// One opened wgpu device with the flash2 kernel compiled for it.
pub struct WgpuBackend {
    device: Device,
    queue: Queue,
    info: DeviceInfo,
    health: Health,
    program: Program,
    pace: Pace,
}

/// Every adapter that wgpu finds, best first, or why there is none.
pub fn adapters() -> Result<Vec<DeviceInfo>, String> {
    let adapters = adapter::ranked();
    if adapters.is_empty() {
        return Err(no_adapter());
    }
    Ok(adapters.iter().map(|a| adapter::describe(&a.get_info(), &a.limits(), a.features())).collect())
}

fn no_adapter() -> String {
    match std::env::var("WGPU_BACKEND") {
        Ok(only) => format!("WGPU_BACKEND allows {only:?} only, and no driver for that offers a GPU to compute on"),
        Err(_) => "no Vulkan, Metal, DX12 or OpenGL driver offers a GPU to compute on".to_owned(),
    }
}

impl WgpuBackend {
    /// Opens the best adapter that opens; errors with a sentence that names each one that did not.
    pub fn open() -> Result<Self, String> {
        let mut refused = Vec::new();
        for adapter in adapter::ranked() {
            match Self::open_adapter(&adapter) {
                Ok(backend) => return Ok(backend),
                Err(reason) => refused.push(format!("{} does not open: {reason}", adapter.get_info().name)),
            }
        }
        if refused.is_empty() { Err(no_adapter()) } else { Err(refused.join("; ")) }
    }

    /// Asks for WebGPU's default limits only: what runs here runs everywhere.
    fn open_adapter(adapter: &Adapter) -> Result<Self, String> {
        let wanted = DeviceDescriptor {
            label: Some("tilescope"),
            required_features: adapter.features() & Features::TIMESTAMP_QUERY,
            required_limits: Limits::default(),
            ..DeviceDescriptor::default()
        };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&wanted)).map_err(|error| one_line(&error.to_string()))?;
        let health = Health::watch(&device);
        Self::new(device, queue, health)
    }

    /// Computes on a device that someone else opened, such as the window's. Its callbacks stay with the owner.
    ///
    /// Errors when the device was opened with limits below WebGPU's defaults that the kernel needs.
    pub fn from_device(device: Device, queue: Queue) -> Result<Self, String> {
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
                return Err(format!("the device was opened with {have} {name}, but the kernel needs {need}"));
            }
        }
        Self::new(device, queue, Health::default())
    }

    fn new(device: Device, queue: Queue, health: Health) -> Result<Self, String> {
        let info = adapter::describe(&device.adapter_info(), &device.limits(), device.features());
        let program = Program::new(&device, FLASH2_WGSL.source).map_err(|error| error.to_string())?;
        Ok(Self { device, queue, info, health, program, pace: Pace::default() })
    }

    /// The same device with another text of the flash2 kernel: an edited one, or a mutant in a test.
    ///
    /// Errors with the compiler's message.
    pub fn with_source(self, source: &str) -> Result<Self, GpuError> {
        let program = Program::new(&self.device, source)?;
        Ok(Self { program, ..self })
    }

    /// Uploads, launches piece by piece, downloads.
    fn compute(&mut self, problem: &Problem, cancel: &AtomicBool) -> Result<GpuRun, GpuError> {
        let started = Instant::now();
        let shape = problem.shape;
        let tensors = Tensors::upload(&self.device, &self.queue, problem)?;
        let pipeline = self.program.pipeline(&self.device, shape.d, shape.d_v)?;
        let bindings = checked(&self.device, 0, || self.program.bind(&self.device, tensors.bindings()))?;
        let clock = Clock::new(&self.device, &self.queue)?;

        let params = Params::new(problem);
        let per_axis = self.device.limits().max_compute_workgroups_per_dimension as usize;
        let grid = Grid { blocks: shape.n_q.div_ceil(FLASH2_WGSL.br), heads: shape.heads, batch: shape.batch };
        let flops = program_flops(problem);
        let mut kernel_time = Duration::ZERO;
        let (mut done, mut launches) = (0, 0);
        while done < grid.programs() {
            if cancel.load(Ordering::Relaxed) {
                return Err(GpuError::Cancelled { launches });
            }
            let launch = grid.launch_after(done, self.pace.programs(flops), per_axis);
            let (kernel, wall) =
                self.launch(&launch, &pipeline, &bindings, (&tensors.params, params), clock.as_ref())?;
            self.pace.record(launch.programs() as f64 * flops, kernel.unwrap_or(wall));
            kernel_time += kernel.unwrap_or_default();
            done += launch.programs();
            launches += 1;
        }
        let outputs = tensors.download(&self.device, &self.queue, &shape)?;
        Ok(GpuRun {
            outputs,
            kernel_time: clock.map(|_| kernel_time),
            wall: started.elapsed(),
            launches,
            device_bytes: tensors.bytes(),
        })
    }

    /// Runs one box of programs and gives its time: by the GPU's clock if there is one, and by ours.
    fn launch(
        &self,
        launch: &Launch,
        pipeline: &ComputePipeline,
        bindings: &BindGroup,
        (buffer, params): (&Buffer, Params),
        clock: Option<&Clock>,
    ) -> Result<(Option<Duration>, Duration), GpuError> {
        let [x, y, z] = launch.size.map(|size| size as u32);
        let submission = checked(&self.device, 0, || {
            self.queue.write_buffer(buffer, 0, bytemuck::bytes_of(&params.at(launch)));
            let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("flash2") });
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
                label: Some("flash2"),
                timestamp_writes: clock.map(Clock::writes),
            });
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bindings, &[]);
            pass.dispatch_workgroups(x, y, z);
            drop(pass);
            if let Some(clock) = clock {
                clock.resolve(&mut encoder);
            }
            self.queue.submit([encoder.finish()])
        })?;
        let started = Instant::now();
        wait(&self.device, submission.clone())?;
        let wall = started.elapsed();
        let kernel = clock.map(|clock| clock.read(&self.device, &self.queue, submission)).transpose()?;
        Ok((kernel, wall))
    }
}

impl Backend for WgpuBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn supports(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<(), Refusal> {
        let kernel = FLASH2_WGSL;
        if algorithm != kernel.algorithm {
            let algorithm = algorithm.to_owned();
            return Err(Refusal::Algorithm { backend: kernel.backend, algorithm, has: kernel.algorithm });
        }
        if precision != Precision::F32 {
            return Err(Refusal::Precision(precision));
        }
        if problem.dropout.is_some() {
            return Err(Refusal::Dropout);
        }
        problem.validate()?;
        for (name, value) in [("d", problem.shape.d), ("d_v", problem.shape.d_v)] {
            if value > kernel.d_max {
                return Err(Refusal::TooLarge { name, value, limit: kernel.d_max });
            }
        }
        let limits = self.device.limits();
        // The kernel counts floats in u32; half of that range is beyond what any device binds by default.
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(1 << 31);
        match binding_bytes(problem).into_iter().find(|&(_, bytes)| bytes > limit) {
            Some((name, bytes)) => Err(Refusal::Binding { name, bytes, limit }),
            None => Ok(()),
        }
    }

    fn run(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<GpuRun, GpuError> {
        self.supports(problem, algorithm, precision)?;
        self.health.check()?;
        let result = self.compute(problem, cancel);
        // When the device went away, that is the reason, and not what failed because of it.
        self.health.check()?;
        result
    }
}

/// FLOPs of the costliest program: the query block that sees most keys, times both products.
fn program_flops(problem: &Problem) -> f64 {
    let (shape, br) = (problem.shape, FLASH2_WGSL.br);
    let keys = (0..shape.batch).map(|batch| {
        let band = problem.mask.band(&shape, batch);
        let blocks = (0..shape.n_q).step_by(br);
        blocks.map(|start| band.keys_of_rows(start..(start + br).min(shape.n_q)).len()).max().unwrap_or(0)
    });
    // A visit costs a whole tile, ragged or not.
    let keys = keys.max().unwrap_or(0).next_multiple_of(FLASH2_WGSL.bc);
    2.0 * (br * keys * (pipeline::padded(shape.d) + pipeline::padded(shape.d_v))) as f64
}
