//! Times of kernels by the GPU's clock: warm, with sets of tensors that take turns.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::CudaBackend;
use super::compute::{Job, PER_AXIS, Spent};
use super::params::Attention;
use super::program::{Entry, Program};
use super::session::{Buffer, Session, Trouble};
use super::tensors::{self, Tensor, Tensors};
use crate::attention::{Mask, Precision, Shape};
use crate::gpu::runs::{LONGEST, RUNS, one_by_one};
use crate::gpu::{GpuError, Measured, Refusal, Workload, ptx};

/// Runs before the first that counts, and until a run is no longer cut into more pieces than it needs.
const WARM_RUNS: usize = 12;
/// Sets of tensors together fill the L2 this many times over.
const L2_FILLS: u64 = 3;
const MOST_SETS: u64 = 64;
/// No more than this is put in line at once.
const QUEUE: Duration = Duration::from_secs(1);

impl CudaBackend {
    pub(super) fn measure_workload(&mut self, workload: &Workload, cancel: &AtomicBool) -> Result<Measured, GpuError> {
        let shape = &workload.shape;
        shape.validate().map_err(Refusal::from)?;
        let ptx = ptx::find(workload.algorithm, workload.precision, shape.d.max(shape.d_v), false)?;
        let ptx = if workload.deterministic { ptx.in_order() } else { ptx };
        let program = self.program(ptx).map_err(|error| Refusal::Source(error.sentence()))?;
        let program = program.in_splits(workload.splits);
        self.guarded(program.edited, |backend, session| backend.time(session, &program, workload, cancel))
    }

    fn time(
        &mut self,
        session: &Arc<Session>,
        program: &Program,
        workload: &Workload,
        cancel: &AtomicBool,
    ) -> Result<Measured, Trouble> {
        let (shape, mask) = (&workload.shape, workload.mask());
        let entries = self.entries(session, program)?;
        let sizes = tensors::sizes(shape, program, None, false, None);
        let needed = sizes.iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes));
        let (free, total) = session.driver.memory_info()?;
        if needed > free {
            return Err(Refusal::Memory { needed, free, total }.into());
        }
        // As many as fit, up to what no cache holds; a tenth of the memory is left alone.
        let wanted = (L2_FILLS * self.device.l2_bytes).div_ceil(needed.max(1)).clamp(2, MOST_SETS);
        let count = wanted.min((free / 10 * 9) / needed.max(1)).max(1);
        let scale = 1.0 / (shape.d as f64).sqrt();
        let blocks = program.blocks_of(shape);
        let mut sets = Vec::new();
        for seed in 0..count {
            let mut parameter = Attention::of_shape(shape, &mask, scale, &blocks);
            let tensors = Tensors::allocate(session, &sizes, &mut parameter)?;
            fill(&tensors, (shape, &mask), program.precision, seed as u32)?;
            sets.push((tensors, parameter));
        }
        let job = Job::new(session, program, (shape, &mask), (cancel, self.patience))?;
        let (spent, warm) = (self.warm(&job, &entries, &sets)?, entries.len());
        let (times, launches) = match spent.launches == warm {
            true => (queued(&job, &entries, &sets, spent.kernel_time)?, warm),
            // Cut into launches of a tenth of a second: the pauses between them are not counted.
            false => one_by_one(|at| {
                let mut spent = Spent::default();
                for entry in &entries {
                    self.stage(&job, entry, sets[at % sets.len()].1, &mut spent)?;
                }
                Ok::<_, Trouble>((spent.kernel_time, spent.launches))
            })?,
        };
        let device_bytes = sets.iter().map(|(tensors, _)| tensors.bytes()).sum();
        let (kernel, variant) = (program.file, program.name.to_owned());
        Ok(Measured { kernel, variant, times, sets: sets.len(), launches, device_bytes })
    }

    /// Runs until the device is warm and it is known how much a launch may hold; gives what the last run took.
    fn warm(&mut self, job: &Job<'_>, entries: &[Entry], sets: &[Set]) -> Result<Spent, Trouble> {
        let (began, mut spent) = (Instant::now(), Spent::default());
        for at in 0..WARM_RUNS {
            spent = Spent::default();
            for entry in entries {
                self.stage(job, entry, sets[at % sets.len()].1, &mut spent)?;
            }
            if began.elapsed() > LONGEST {
                break;
            }
        }
        Ok(spent)
    }
}

/// Tensors, and the parameter that points at them.
type Set = (Tensors, Attention);

/// Times of runs that follow each other without a pause, so that no launch waits for the host: a run of `each`.
fn queued(job: &Job<'_>, entries: &[Entry], sets: &[Set], each: Duration) -> Result<Vec<Duration>, Trouble> {
    let fitting = QUEUE.as_secs_f64() / each.as_secs_f64().max(1e-6);
    let runs = (fitting as usize).clamp(5, RUNS);
    // While the first runs are under way, those that count are put in line.
    let lead = 3;
    let mut marks = Vec::new();
    for at in 0..lead + runs {
        let (begin, end) = (job.session.event()?, job.session.event()?);
        begin.set()?;
        for entry in entries {
            let mut parameter = sets[at % sets.len()].1;
            let whole = entry.stage.grid(job.shape, &job.program.blocks_of(job.shape));
            let size = entry.stage.place(&whole.launch_after(0, usize::MAX, PER_AXIS), &mut parameter);
            job.start(entry, size, &parameter)?;
        }
        end.set()?;
        marks.push((begin, end));
    }
    if let Some((_, last)) = marks.last() {
        job.session.wait(last, job.patience)?;
    }
    Ok(marks[lead..].iter().map(|(begin, end)| begin.until(end)).collect::<Result<_, _>>()?)
}

/// Puts numbers between -1 and 1 into Q, K and V, and into what a backward pass is given, and the mask into what is of a
/// sequence.
fn fill(tensors: &Tensors, (shape, mask): (&Shape, &Mask), precision: Precision, seed: u32) -> Result<(), Trouble> {
    let forward = [Tensor::Q, Tensor::K, Tensor::V];
    let backward = [Tensor::O, Tensor::Lse, Tensor::GradO];
    let of_backward = backward.into_iter().filter(|_| tensors.buffer(Tensor::GradO).is_some());
    for tensor in forward.into_iter().chain(of_backward) {
        if let Some(buffer) = tensors.buffer(tensor) {
            let bytes = noise(buffer.bytes as usize, precision, seed.wrapping_mul(3).wrapping_add(tensor as u32));
            buffer.upload(&bytes)?;
        }
    }
    tensors::OF_SEQUENCE.iter().try_for_each(|&tensor| {
        let bytes = tensors::of_sequence(tensor, mask, shape);
        tensors.buffer(tensor).map_or(Ok(()), |buffer| Ok(buffer.upload(&bytes)?))
    })
}

/// Bytes of numbers in a format, from a generator of 32 bits: speed depends on values a little (power), never on their
/// quality.
fn noise(bytes: usize, precision: Precision, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as i32 as f32 / 2_147_483_648.0
    };
    let count = bytes / precision.element_bytes() as usize;
    match precision {
        Precision::F16 => (0..count).flat_map(|_| half::f16::from_f32(next()).to_ne_bytes()).collect(),
        Precision::BF16 => (0..count).flat_map(|_| half::bf16::from_f32(next()).to_ne_bytes()).collect(),
        _ => (0..count).flat_map(|_| next().to_ne_bytes()).collect(),
    }
}

/// Bytes read and written a second while device memory is copied: the fastest of ten.
pub(super) fn copy_bandwidth(backend: &mut CudaBackend, session: &Arc<Session>) -> Result<f64, Trouble> {
    let (free, _) = session.driver.memory_info()?;
    let bytes = (1u64 << 30).min(free / 4).max(4);
    let [from, to]: [Buffer; 2] = [session.allocate(bytes, 2 * bytes)?, session.allocate(bytes, 2 * bytes)?];
    from.fill(0x3c00_3c00)?;
    let (begin, end) = (session.event()?, session.event()?);
    let mut best = Duration::MAX;
    for _ in 0..10 {
        begin.set()?;
        session.driver.copy(to.address, from.address, bytes, session.stream)?;
        end.set()?;
        session.wait(&end, backend.patience)?;
        best = best.min(begin.until(&end)?);
    }
    Ok(2.0 * bytes as f64 / best.as_secs_f64().max(1e-9))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_lies_between_minus_one_and_one_in_each_format() {
        for precision in [Precision::F32, Precision::F16, Precision::BF16] {
            let bytes = noise(4096, precision, 7);
            assert_eq!(bytes.len(), 4096);
            let values: Vec<f32> = match precision {
                Precision::F32 => bytes.as_chunks::<4>().0.iter().map(|b| f32::from_ne_bytes(*b)).collect(),
                Precision::F16 => {
                    bytes.as_chunks::<2>().0.iter().map(|b| half::f16::from_ne_bytes(*b).to_f32()).collect()
                }
                _ => bytes.as_chunks::<2>().0.iter().map(|b| half::bf16::from_ne_bytes(*b).to_f32()).collect(),
            };
            assert!(values.iter().all(|x| x.abs() <= 1.0));
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            assert!(mean.abs() < 0.1 && values.iter().any(|x| *x > 0.9) && values.iter().any(|x| *x < -0.9), "{mean}");
        }
        assert_ne!(noise(64, Precision::F16, 1), noise(64, Precision::F16, 2));
    }
}
