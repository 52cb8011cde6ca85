//! One run on the device: upload, launch piece by piece, download.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ndarray::Array4;

use super::CudaBackend;
use super::driver::GridSize;
use super::params::Attention;
use super::program::{Entry, Program};
use super::session::{Mark, Session, Trouble};
use super::tensors::{self, Tensors};
use crate::attention::{Mask, Problem, Shape};
use crate::gpu::launch::Pace;
use crate::gpu::{GpuError, GpuGradients, GpuRun, HeadTaps, Refusal};

/// FLOPs that a device of these days carries out on one SM alone in well under a tenth of a second.
const FIRST_LAUNCH: f64 = 1e9;
/// Most blocks along y and z of a grid.
pub(super) const PER_AXIS: usize = 65_535;

/// What every launch of a run shares.
pub(super) struct Job<'a> {
    pub(super) session: &'a Arc<Session>,
    pub(super) program: &'a Program,
    pub(super) shape: &'a Shape,
    pub(super) mask: &'a Mask,
    pub(super) cancel: &'a AtomicBool,
    /// How long a launch may take.
    pub(super) patience: Duration,
    marks: [Mark; 2],
}

impl<'a> Job<'a> {
    pub(super) fn new(
        session: &'a Arc<Session>,
        program: &'a Program,
        (shape, mask): (&'a Shape, &'a Mask),
        (cancel, patience): (&'a AtomicBool, Duration),
    ) -> Result<Self, Trouble> {
        let marks = [session.event()?, session.event()?];
        Ok(Self { session, program, shape, mask, cancel, patience, marks })
    }
}

/// What the launches so far took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) kernel_time: Duration,
    pub(super) launches: usize,
    /// FLOPs that are done, of those of all entries; 0 where nobody asks.
    flops: f64,
    of: f64,
}

impl CudaBackend {
    /// Runs a program on a problem, with taps if it records them.
    pub(super) fn compute(
        &mut self,
        session: &Arc<Session>,
        program: &Program,
        problem: &Problem,
        cancel: &AtomicBool,
    ) -> Result<(GpuRun, Vec<HeadTaps>), Trouble> {
        let entries = self.entries(session, program)?;
        let needed = tensors::total(problem, program);
        let (free, total) = session.driver.memory_info()?;
        if needed > free {
            return Err(Refusal::Memory { needed, free, total }.into());
        }
        let (shape, started) = (&problem.shape, Instant::now());
        let blocks = program.blocks_of(shape);
        let mut parameter = Attention::of_problem(problem, &blocks);
        let tensors = Tensors::upload(session, problem, program, &mut parameter)?;
        let job = Job::new(session, program, (shape, &problem.mask), (cancel, self.patience))?;
        let flops = |entry: &Entry| {
            entry.stage.grid(shape, &blocks).programs() as f64 * entry.stage.flops(shape, &problem.mask, &blocks)
        };
        let mut spent = Spent { of: entries.iter().map(flops).sum(), ..Spent::default() };
        self.progress.set(0.0);
        for entry in &entries {
            self.stage(&job, entry, parameter, &mut spent)?;
        }
        let outputs = tensors.outputs(shape, program)?;
        let taps = if program.taps { tensors.taps(shape, program)? } else { Vec::new() };
        let run = GpuRun {
            outputs,
            kernel_time: Some(spent.kernel_time),
            wall: started.elapsed(),
            launches: spent.launches,
            device_bytes: tensors.bytes(),
        };
        Ok((run, taps))
    }

    /// Runs a forward pass and, on what it leaves in memory, a backward pass.
    pub(super) fn compute_gradients(
        &mut self,
        session: &Arc<Session>,
        programs: &[Program; 2],
        problem: &Problem,
        d_o: &Array4<f64>,
        cancel: &AtomicBool,
    ) -> Result<GpuGradients, Trouble> {
        // The backward pass has all tensors of the forward pass, in the same places of the parameter.
        let backward = &programs[1];
        let needed = tensors::total(problem, backward);
        let (free, total) = session.driver.memory_info()?;
        if needed > free {
            return Err(Refusal::Memory { needed, free, total }.into());
        }
        let (shape, mut spent) = (&problem.shape, [Spent::default(); 2]);
        let mut parameter = Attention::of_problem(problem, &backward.blocks_of(shape));
        let tensors = Tensors::upload(session, problem, backward, &mut parameter)?;
        tensors.upload_gradient(d_o, backward)?;
        for (program, spent) in programs.iter().zip(&mut spent) {
            let job = Job::new(session, program, (shape, &problem.mask), (cancel, self.patience))?;
            for entry in self.entries(session, program)? {
                self.stage(&job, &entry, parameter, spent)?;
            }
        }
        let [dq, dk, dv] = tensors.gradients(problem)?;
        let [forward_time, kernel_time] = spent.map(|spent| spent.kernel_time);
        Ok(GpuGradients { dq, dk, dv, forward_time, kernel_time, device_bytes: tensors.bytes() })
    }

    /// The entries of a program, loaded into the context if they are not yet.
    pub(super) fn entries(&mut self, session: &Session, program: &Program) -> Result<Vec<Entry>, Trouble> {
        if let Some(loaded) = self.modules.get(program.name) {
            return Ok(loaded.entries.clone());
        }
        let loaded = program.load(session, &self.device.sm).map_err(|trouble| match &trouble {
            Trouble::Fault(fault) => match super::program::too_new(fault, &program.text, &self.device.driver()) {
                Some(sentence) => Trouble::Gpu(GpuError::Driver(sentence)),
                None => trouble,
            },
            _ => trouble,
        })?;
        Ok(self.modules.entry(program.name).or_insert(loaded).entries.clone())
    }

    /// Runs one entry over its whole grid.
    pub(super) fn stage(
        &mut self,
        job: &Job<'_>,
        entry: &Entry,
        mut parameter: Attention,
        spent: &mut Spent,
    ) -> Result<(), Trouble> {
        let blocks = job.program.blocks_of(job.shape);
        let (grid, flops) = (entry.stage.grid(job.shape, &blocks), entry.stage.flops(job.shape, job.mask, &blocks));
        let key = (job.program.name, entry.stage.entry);
        let mut pace = self.paces.get(&key).cloned().unwrap_or_else(|| Pace::starting_at(FIRST_LAUNCH));
        let mut done = 0;
        while done < grid.programs() {
            if job.cancel.load(Ordering::Relaxed) {
                return Err(GpuError::Cancelled { launches: spent.launches }.into());
            }
            let launch = grid.launch_after(done, pace.programs(flops), PER_AXIS);
            let size = entry.stage.place(&launch, &mut parameter);
            let time = job.launch(entry, size, &parameter)?;
            pace.record(launch.programs() as f64 * flops, time);
            spent.kernel_time += time;
            spent.launches += 1;
            spent.flops += launch.programs() as f64 * flops;
            if spent.of > 0.0 {
                self.progress.set(spent.flops / spent.of);
            }
            done += launch.programs();
        }
        self.paces.insert(key, pace);
        Ok(())
    }
}

impl Job<'_> {
    /// Runs one box of blocks and gives its time by the GPU's clock.
    fn launch(&self, entry: &Entry, size: GridSize, parameter: &Attention) -> Result<Duration, Trouble> {
        let [begin, end] = &self.marks;
        begin.set()?;
        self.start(entry, size, parameter)?;
        end.set()?;
        self.session.wait(end, self.patience)?;
        Ok(begin.until(end)?)
    }

    /// Puts a box of blocks on the stream.
    pub(super) fn start(&self, entry: &Entry, size: GridSize, parameter: &Attention) -> Result<(), Trouble> {
        let (session, block) = (self.session, self.program.block_size());
        Ok(session.driver.launch(entry.function, size, block, bytemuck::bytes_of(parameter), session.stream)?)
    }
}
