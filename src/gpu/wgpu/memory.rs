//! Tensors in device memory: how large they are, how they get there, and how results come back.

use ndarray::{Array2, Array4, Axis};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, Device, Queue};

use super::super::taps::HeadTaps;
use super::super::{GpuError, Kernel};
use super::guard::{checked, read};
use super::params::{Params, padded, per_sequence};
use super::stages::{self, Slot};
use crate::attention::oracle::Output;
use crate::attention::{Problem, Shape};
use crate::gpu::drawn;

/// Words of row statistics per query: m, l, L.
const STATS: usize = 3;
/// Words of row statistics per query and key block: m, l.
const TAPS: usize = 2;
/// Bytes of a word, of which every tensor is made.
const WORD: u64 = 4;

/// Bytes of each tensor that a kernel binds, each once. A binding may not be empty: what a problem does not have is
/// one word that is never used.
pub(super) fn tensor_bytes(problem: &Problem, kernel: &Kernel, splits: usize, taps: bool) -> Vec<(Slot, u64)> {
    let mut slots: Vec<Slot> = Vec::new();
    for &slot in stages::of(kernel).iter().flat_map(|stage| stage.slots) {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots.into_iter().map(|slot| (slot, bytes_of(slot, problem, kernel, splits, taps))).collect()
}

fn bytes_of(slot: Slot, problem: &Problem, kernel: &Kernel, splits: usize, taps: bool) -> u64 {
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = problem.shape;
    // Products in f64 cannot wrap; they are exact far beyond any limit they are compared with.
    let bytes = |sizes: &[usize]| sizes.iter().map(|&size| size as f64).product::<f64>() as u64 * WORD;
    match slot {
        Slot::Q => bytes(&[batch, heads, n_q, padded(d)]),
        Slot::K => bytes(&[batch, kv_heads, n_k, padded(d)]),
        Slot::V => bytes(&[batch, kv_heads, n_k, padded(d_v)]),
        Slot::Bias => problem.bias.as_ref().map_or(WORD, |bias| bytes(bias.shape())),
        Slot::PerBatch => bytes(&[per_sequence(&problem.shape) + drawn::mask(problem).map_or(0, mask_words)]),
        Slot::O => bytes(&[batch, heads, n_q, padded(d_v)]),
        Slot::Stats => bytes(&[batch, heads, n_q, STATS]),
        Slot::Taps if taps => bytes(&[batch, heads, n_k.div_ceil(kernel.bc), n_q, TAPS]),
        Slot::Taps => WORD,
        Slot::S | Slot::P => bytes(&[batch, heads, n_q, n_k]),
        Slot::PartO => bytes(&[batch, heads, splits, n_q, padded(d_v)]),
        Slot::PartLse => bytes(&[batch, heads, splits, n_q]),
    }
}

/// The buffers of one run.
pub(super) struct Tensors {
    pub(super) params: Buffer,
    tensors: Vec<(Slot, Buffer)>,
    /// What results are copied to, to be read.
    back: Vec<(Slot, Buffer)>,
    /// What a split knows of a row is not m and l of the row.
    tells_l_alone: bool,
}

impl Tensors {
    /// Allocates every buffer and uploads the inputs, rounded to f32.
    pub(super) fn upload(
        device: &Device,
        queue: &Queue,
        problem: &Problem,
        kernel: &Kernel,
        splits: usize,
        taps: bool,
    ) -> Result<Self, GpuError> {
        let sizes = tensor_bytes(problem, kernel, splits, taps);
        let tells_l_alone = sizes.iter().any(|(slot, _)| *slot == Slot::PartLse);
        let results: &[Slot] = if taps { &[Slot::O, Slot::Stats, Slot::Taps] } else { &[Slot::O, Slot::Stats] };
        let is_result = |slot: &Slot| results.contains(slot);
        let bytes = |slot: &Slot, bytes: u64| if is_result(slot) { 2 * bytes } else { bytes };
        let total = sizes.iter().map(|(slot, size)| bytes(slot, *size)).sum();
        let allocate = |label, size, usage| {
            device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        checked(device, total, || {
            let params = allocate("params", size_of::<Params>() as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
            let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST | BufferUsages::COPY_SRC;
            let tensors: Vec<_> =
                sizes.iter().map(|&(slot, size)| (slot, allocate(slot.name(), size, usage))).collect();
            for (slot, buffer) in &tensors {
                if let Some(words) = words_of(*slot, problem, buffer.size() / WORD, taps) {
                    queue.write_buffer(buffer, 0, bytemuck::cast_slice(&words));
                }
            }
            let usage = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
            let wanted = sizes.iter().filter(|(slot, _)| is_result(slot));
            let back = wanted.map(|&(slot, size)| (slot, allocate("results", size, usage))).collect();
            Self { params, tensors, back, tells_l_alone }
        })
    }

    /// The buffer of a tensor, if the kernel has it.
    pub(super) fn buffer(&self, slot: Slot) -> Option<&Buffer> {
        self.tensors.iter().find(|(of, _)| *of == slot).map(|(_, buffer)| buffer)
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> u64 {
        let buffers = self.tensors.iter().chain(&self.back).map(|(_, buffer)| buffer);
        buffers.chain([&self.params]).map(Buffer::size).sum()
    }

    /// Copies the results back: one [`Output`] per query head, and one [`HeadTaps`] where they were recorded.
    pub(super) fn download(
        &self,
        device: &Device,
        queue: &Queue,
        shape: &Shape,
    ) -> Result<(Vec<Output>, Vec<HeadTaps>), GpuError> {
        let submission = checked(device, self.bytes(), || {
            let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("results") });
            for (slot, back) in &self.back {
                if let Some(from) = self.buffer(*slot) {
                    encoder.copy_buffer_to_buffer(from, 0, back, 0, back.size());
                }
            }
            queue.submit([encoder.finish()])
        })?;
        let (mut o, mut stats, mut taps) = (Vec::new(), Vec::new(), Vec::new());
        for (slot, back) in &self.back {
            let words = read(device, back, submission.clone())?;
            match slot {
                Slot::O => o = words,
                Slot::Stats => stats = words,
                _ => taps = words,
            }
        }
        let heads = o.chunks_exact(shape.n_q * padded(shape.d_v)).zip(stats.chunks_exact(shape.n_q * STATS));
        let outputs = heads.map(|(o, stats)| output(o, stats, shape, self.tells_l_alone)).collect();
        let per_head = taps.len() / (shape.batch * shape.heads);
        let taps = taps.chunks_exact(per_head.max(1)).map(|words| head_taps(words, shape.n_q)).collect();
        Ok((outputs, taps))
    }
}

/// What a tensor holds before the first launch; `None` where the kernel writes it before it reads it.
fn words_of(slot: Slot, problem: &Problem, length: u64, taps: bool) -> Option<Vec<u32>> {
    Some(match slot {
        Slot::Q => rows(&problem.q),
        Slot::K => rows(&problem.k),
        Slot::V => rows(&problem.v),
        Slot::Bias => problem.bias.as_ref()?.iter().map(word).collect(),
        Slot::PerBatch => per_batch(problem),
        // What stays NaN was never visited.
        Slot::Taps if taps => vec![f32::NAN.to_bits(); length as usize],
        Slot::Taps | Slot::O | Slot::Stats | Slot::S | Slot::P | Slot::PartO | Slot::PartLse => return None,
    })
}

fn value(bits: u32) -> f64 {
    f64::from(f32::from_bits(bits))
}

/// The results of one head from its padded rows of O and its triples (m, l, L), or the L alone of them.
fn output(o: &[u32], stats: &[u32], shape: &Shape, tells_l_alone: bool) -> Output {
    let width = padded(shape.d_v);
    let column = |at: usize| stats.iter().skip(at).step_by(STATS).map(|&bits| value(bits)).collect();
    let statistic = |at: usize| if tells_l_alone { Vec::new() } else { column(at) };
    Output {
        o: Array2::from_shape_fn((shape.n_q, shape.d_v), |(i, c)| value(o[i * width + c])),
        m: statistic(0),
        l: statistic(1),
        lse: column(2),
    }
}

/// m and l of one head, `[key blocks, n_q]`, from its pairs (m, l).
fn head_taps(words: &[u32], n_q: usize) -> HeadTaps {
    let key_blocks = words.len() / (n_q * TAPS);
    let array =
        |at: usize| Array2::from_shape_fn((key_blocks, n_q), |(block, i)| value(words[(block * n_q + i) * TAPS + at]));
    HeadTaps { m: array(0), l: array(1), tiles: Vec::new() }
}

/// The bits of a value rounded to f32.
fn word(value: &f64) -> u32 {
    (*value as f32).to_bits()
}

/// A tensor row by row, each padded with zeros to the kernel's width.
fn rows(tensor: &Array4<f64>) -> Vec<u32> {
    let width = padded(tensor.len_of(Axis(3)));
    let mut words = vec![0; tensor.lanes(Axis(3)).into_iter().len() * width];
    for (to, from) in words.chunks_exact_mut(width).zip(tensor.lanes(Axis(3))) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = word(from));
    }
    words
}

/// For each batch entry its key length, its diagonal and its keys ahead, then the ALiBi slope of each head; after the last the
/// mask of dropout, a byte a weight.
fn per_batch(problem: &Problem) -> Vec<u32> {
    let shape = problem.shape;
    let mut words = Vec::new();
    for batch in 0..shape.batch {
        let band = problem.mask.band(&shape, batch);
        words.extend([band.kv as u32, band.offset as i32 as u32, band.ahead as i32 as u32]);
        words.extend((0..shape.heads).map(|head| problem.alibi_slopes.as_ref().map_or(0, |s| word(&s[[batch, head]]))));
    }
    let mut keeps = drawn::mask(problem).into_iter().flatten().peekable();
    while keeps.peek().is_some() {
        let bytes = [(); 4].map(|()| u8::from(keeps.next().is_some_and(|&keeps| keeps)));
        words.push(u32::from_le_bytes(bytes));
    }
    words
}

fn mask_words(mask: &Array4<bool>) -> usize {
    mask.len().div_ceil(4)
}
