//! One run: upload, launch piece by piece, download.

use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use wgpu::{BindGroup, CommandEncoderDescriptor, ComputePassDescriptor};

use super::super::taps::HeadTaps;
use super::super::{GpuError, GpuRun, Kernel};
use super::WgpuBackend;
use super::clock::Clock;
use super::guard::{checked, wait};
use super::memory::Tensors;
use super::params::Params;
use super::pipeline::{Pipeline, Program, Variant};
use super::stages::{self, Dispatch, Stage};
use crate::attention::Problem;

/// What every launch of a run shares.
pub(super) struct Job<'a> {
    kernel: &'static Kernel,
    problem: &'a Problem,
    tensors: Tensors,
    params: Params,
    variant: Variant,
    clock: Option<Clock>,
    cancel: &'a AtomicBool,
    /// Parts that the keys are cut into; 1 where the kernel has none.
    splits: usize,
    /// FLOPs of all stages.
    flops: f64,
}

impl Job<'_> {
    pub(super) fn has_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> u64 {
        self.tensors.bytes()
    }
}

/// What the launches so far took.
#[derive(Default)]
pub(super) struct Spent {
    pub(super) kernel_time: Duration,
    pub(super) launches: usize,
    flops: f64,
}

impl WgpuBackend {
    /// Runs a kernel, with taps if they are wanted.
    pub(super) fn compute(
        &mut self,
        kernel: &'static Kernel,
        problem: &Problem,
        taps: bool,
        cancel: &AtomicBool,
    ) -> Result<(GpuRun, Vec<HeadTaps>), GpuError> {
        let started = Instant::now();
        let splits = stages::splits(problem, kernel, self.splits.get());
        let job = self.job(kernel, problem, splits, taps, cancel)?;
        let spent = self.carry_out(&job)?;
        let (outputs, taps) = job.tensors.download(&self.device, &self.queue, &problem.shape)?;
        let run = GpuRun {
            outputs,
            kernel_time: job.clock.map(|_| spent.kernel_time),
            wall: started.elapsed(),
            launches: spent.launches,
            device_bytes: job.tensors.bytes(),
        };
        Ok((run, taps))
    }

    /// Uploads the inputs of a run.
    pub(super) fn job<'a>(
        &self,
        kernel: &'static Kernel,
        problem: &'a Problem,
        splits: usize,
        taps: bool,
        cancel: &'a AtomicBool,
    ) -> Result<Job<'a>, GpuError> {
        Ok(Job {
            kernel,
            problem,
            tensors: Tensors::upload(&self.device, &self.queue, problem, kernel, splits, taps)?,
            params: Params::new(problem, kernel.bc, splits),
            variant: Variant::new(&problem.shape, taps),
            clock: Clock::new(&self.device, &self.queue)?,
            cancel,
            splits,
            flops: stages::of(kernel)
                .iter()
                .map(|stage| {
                    stage.grid(problem, kernel, splits).programs() as f64 * stage.flops(problem, kernel, splits)
                })
                .sum(),
        })
    }

    /// Runs every entry point over its whole grid.
    pub(super) fn carry_out(&mut self, job: &Job<'_>) -> Result<Spent, GpuError> {
        self.progress.set(0.0);
        let mut spent = Spent::default();
        for stage in stages::of(job.kernel) {
            self.stage(job, stage, &mut spent)?;
        }
        Ok(spent)
    }

    /// Runs one entry point over its whole grid.
    fn stage(&mut self, job: &Job<'_>, stage: &'static Stage, spent: &mut Spent) -> Result<(), GpuError> {
        let pipeline = self.pipeline(job.kernel, stage, job.variant)?;
        let bindings = checked(&self.device, 0, || pipeline.bind(&self.device, stage, &job.tensors))?;
        let per_axis = self.device.limits().max_compute_workgroups_per_dimension as usize;
        let Job { problem, kernel, splits, .. } = *job;
        let (grid, flops) = (stage.grid(problem, kernel, splits), stage.flops(problem, kernel, splits));
        let mut pace = self.paces.get(stage.entry).cloned().unwrap_or_default();
        let mut done = 0;
        while done < grid.programs() {
            if job.cancel.load(Ordering::Relaxed) {
                return Err(GpuError::Cancelled { launches: spent.launches });
            }
            let launch = match self.backwards {
                true => stage.one_backwards(&grid, done),
                false => grid.launch_after(done, pace.programs(flops), per_axis),
            };
            let (kernel, wall) = self.launch(job, &stage.dispatch(&launch), &pipeline, &bindings)?;
            pace.record(launch.programs() as f64 * flops, kernel.unwrap_or(wall));
            spent.kernel_time += kernel.unwrap_or_default();
            spent.launches += 1;
            spent.flops += launch.programs() as f64 * flops;
            self.progress.set(spent.flops / job.flops);
            done += launch.programs();
        }
        self.paces.insert(stage.entry, pace);
        Ok(())
    }

    /// The pipeline of an entry point; the kernel is compiled when the first of its pipelines is needed.
    fn pipeline(&mut self, kernel: &'static Kernel, stage: &Stage, variant: Variant) -> Result<Pipeline, GpuError> {
        let program = match self.programs.entry(kernel.file) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Program::own(&self.device, kernel)?),
        };
        program.pipeline(&self.device, stage, variant)
    }

    /// Runs one box of programs and gives its time: by the GPU's clock if there is one, and by ours.
    fn launch(
        &self,
        job: &Job<'_>,
        dispatch: &Dispatch,
        pipeline: &Pipeline,
        bindings: &BindGroup,
    ) -> Result<(Option<Duration>, Duration), GpuError> {
        let [x, y, z] = dispatch.size;
        let (label, clock) = (Some(job.kernel.file), job.clock.as_ref());
        let submission = checked(&self.device, 0, || {
            self.queue.write_buffer(&job.tensors.params, 0, bytemuck::bytes_of(&job.params.at(dispatch)));
            let mut encoder = self.device.create_command_encoder(&CommandEncoderDescriptor { label });
            let mut pass = encoder
                .begin_compute_pass(&ComputePassDescriptor { label, timestamp_writes: clock.map(Clock::writes) });
            pass.set_pipeline(&pipeline.compute);
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
