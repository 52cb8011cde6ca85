//! Measures what a device does at best: a kernel that only copies and one that only multiplies and adds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor,
    ComputePassDescriptor, ComputePipeline, ComputePipelineDescriptor, PipelineCompilationOptions, ShaderModule,
    ShaderModuleDescriptor, ShaderSource,
};

use super::super::{DeviceKind, GpuError, Roofs};
use super::WgpuBackend;
use super::clock::Clock;
use super::guard::{checked, compiled, wait};

const SOURCE: &str = include_str!("roofs.wgsl");
/// Workgroups of 64: enough to fill every multiprocessor of a large GPU.
const GROUPS: u32 = 4096;
/// FLOPs of an invocation and a round, counted in `roofs.wgsl`.
const FLOPS: f64 = 64.0;
const VEC4: u64 = 16;
/// A measurement shorter than this is mostly start and end.
const LONG_ENOUGH: Duration = Duration::from_millis(20);
/// Work doubles until it is long enough, and at most to this many copies or rounds.
const MOST: u32 = 1 << 16;
/// Measurements, of which the median counts.
const TIMES: usize = 5;

/// The buffers that both kernels use.
struct Bench {
    params: Buffer,
    source: Buffer,
    result: Buffer,
    module: ShaderModule,
    clock: Option<Clock>,
    /// Of each of the two buffers.
    bytes: u64,
}

/// One kernel ready to run.
struct Ready {
    pipeline: ComputePipeline,
    bindings: BindGroup,
}

impl WgpuBackend {
    /// Errors when it is cancelled, and when the driver fails.
    pub(super) fn measure_roofs(&mut self, cancel: &AtomicBool) -> Result<Roofs, GpuError> {
        self.progress.set(0.0);
        let bench = self.bench()?;
        let copy = self.ready(&bench, "copy")?;
        let (copies, time) = self.longest(&bench, cancel, |copies| self.time(&bench, &copy, copies, 0))?;
        let copy_bytes_per_s = Some(2.0 * bench.bytes as f64 * f64::from(copies) / time);
        self.progress.set(0.5);
        let fma = self.ready(&bench, "multiply_add")?;
        let (rounds, time) = self.longest(&bench, cancel, |rounds| self.time(&bench, &fma, 1, 8 * rounds))?;
        let flops = FLOPS * f64::from(8 * rounds) * f64::from(GROUPS) * 64.0;
        self.progress.set(1.0);
        Ok(Roofs { copy_bytes_per_s, fma_flops_per_s: Some(flops / time) })
    }

    fn bench(&self) -> Result<Bench, GpuError> {
        let limits = self.device.limits();
        // Larger than the caches of a GPU; a software driver has those of its CPU, and less patience.
        let wanted = if self.info.kind == DeviceKind::Software { 16 << 20 } else { 64 << 20 };
        let bytes = wanted.min(limits.max_storage_buffer_binding_size).min(limits.max_buffer_size) / VEC4 * VEC4;
        let buffer = |label, size, usage| {
            self.device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let clock = Clock::new(&self.device, &self.queue)?;
        checked(&self.device, 2 * bytes, || {
            let bench = Bench {
                params: buffer("params", 8, BufferUsages::UNIFORM | BufferUsages::COPY_DST),
                source: buffer("source", bytes, BufferUsages::STORAGE | BufferUsages::COPY_DST),
                result: buffer("result", bytes, BufferUsages::STORAGE),
                module: self.device.create_shader_module(ShaderModuleDescriptor {
                    label: Some("roofs"),
                    source: ShaderSource::Wgsl(SOURCE.into()),
                }),
                clock,
                bytes,
            };
            // A factor below 1, so that the chains stay finite.
            let factors: Vec<f32> = [0.5; 4].into_iter().chain([1.0; 36]).collect();
            self.queue.write_buffer(&bench.source, 0, bytemuck::cast_slice(&factors));
            bench
        })
    }

    fn ready(&self, bench: &Bench, entry: &'static str) -> Result<Ready, GpuError> {
        compiled(&self.device, || {
            let pipeline = self.device.create_compute_pipeline(&ComputePipelineDescriptor {
                label: Some(entry),
                layout: None,
                module: &bench.module,
                entry_point: Some(entry),
                compilation_options: PipelineCompilationOptions::default(),
                cache: None,
            });
            let buffers = [&bench.params, &bench.source, &bench.result];
            let entries: Vec<_> = (0..)
                .zip(buffers)
                .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() })
                .collect();
            let layout = pipeline.get_bind_group_layout(0);
            let bindings = self.device.create_bind_group(&BindGroupDescriptor {
                label: Some(entry),
                layout: &layout,
                entries: &entries,
            });
            Ready { pipeline, bindings }
        })
    }

    /// Doubles the work until it is long enough; gives how much that is, and its median time in seconds.
    fn longest(
        &self,
        bench: &Bench,
        cancel: &AtomicBool,
        time: impl Fn(u32) -> Result<Duration, GpuError>,
    ) -> Result<(u32, f64), GpuError> {
        let (mut work, mut launches) = (1, 0);
        let mut timed = |work| {
            if cancel.load(Ordering::Relaxed) {
                return Err(GpuError::Cancelled { launches });
            }
            launches += 1;
            time(work)
        };
        while timed(work)? < LONG_ENOUGH && work < MOST {
            work *= 2;
        }
        let mut times = (0..TIMES).map(|_| timed(work)).collect::<Result<Vec<_>, _>>()?;
        times.sort_unstable();
        let median = times[TIMES / 2].as_secs_f64();
        let still = if bench.clock.is_some() { "the GPU's clock stands still" } else { "the wall clock stands still" };
        if median > 0.0 { Ok((work, median)) } else { Err(GpuError::Driver(still.into())) }
    }

    /// Runs a kernel `repeats` times in one submission, by the GPU's clock if there is one.
    fn time(&self, bench: &Bench, ready: &Ready, repeats: u32, rounds: u32) -> Result<Duration, GpuError> {
        let count = (bench.bytes / VEC4) as u32;
        let submission = checked(&self.device, 0, || {
            self.queue.write_buffer(&bench.params, 0, bytemuck::cast_slice(&[count, rounds]));
            let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor { label: Some("roofs") });
            let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor {
                label: Some("roofs"),
                timestamp_writes: bench.clock.as_ref().map(Clock::writes),
            });
            pass.set_pipeline(&ready.pipeline);
            pass.set_bind_group(0, &ready.bindings, &[]);
            (0..repeats).for_each(|_| pass.dispatch_workgroups(GROUPS, 1, 1));
            drop(pass);
            if let Some(clock) = &bench.clock {
                clock.resolve(&mut encoder);
            }
            self.queue.submit([encoder.finish()])
        })?;
        let started = Instant::now();
        wait(&self.device, submission.clone())?;
        let wall = started.elapsed();
        let clock = bench.clock.as_ref();
        Ok(clock.map(|clock| clock.read(&self.device, &self.queue, submission)).transpose()?.unwrap_or(wall))
    }
}
