//! Tensors in device memory: how large they are, how they get there, and how results come back.

use ndarray::{Array2, Array4, Axis};
use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoderDescriptor, Device, Queue};

use super::super::GpuError;
use super::guard::{checked, read};
use super::pipeline::{Params, padded};
use crate::attention::oracle::Output;
use crate::attention::{Problem, Shape};

/// Words of row statistics per query: m, l, L.
const STATS: usize = 3;

/// Bytes of each storage binding of a problem, by name.
pub(super) fn binding_bytes(problem: &Problem) -> [(&'static str, u64); 6] {
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = problem.shape;
    // Products in f64 cannot wrap; they are exact far beyond any limit they are compared with.
    let bytes = |sizes: &[usize]| sizes.iter().map(|&size| size as f64).product::<f64>() as u64 * 4;
    [
        ("Q", bytes(&[batch, heads, n_q, padded(d)])),
        ("K", bytes(&[batch, kv_heads, n_k, padded(d)])),
        ("V", bytes(&[batch, kv_heads, n_k, padded(d_v)])),
        ("bias", problem.bias.as_ref().map_or(4, |bias| bytes(bias.shape()))),
        ("O", bytes(&[batch, heads, n_q, padded(d_v)])),
        ("m, l and L", bytes(&[batch, heads, n_q, STATS])),
    ]
}

/// The buffers of one run.
pub(super) struct Tensors {
    pub(super) params: Buffer,
    inputs: [Buffer; 6],
    o: Buffer,
    stats: Buffer,
    o_back: Buffer,
    stats_back: Buffer,
}

impl Tensors {
    /// Allocates every buffer and uploads the inputs, rounded to f32.
    pub(super) fn upload(device: &Device, queue: &Queue, problem: &Problem) -> Result<Self, GpuError> {
        let shape = problem.shape;
        let [.., (_, o_bytes), (_, stats_bytes)] = binding_bytes(problem);
        let bytes = binding_bytes(problem).iter().map(|(_, bytes)| bytes).sum::<u64>() + o_bytes + stats_bytes;
        let allocate = |label, size, usage| {
            device.create_buffer(&BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let input = |label, words: Vec<u32>| {
            // A binding may not be empty: an absent tensor is one word that is never read.
            let words = if words.is_empty() { vec![0] } else { words };
            let buffer = allocate(label, 4 * words.len() as u64, BufferUsages::STORAGE | BufferUsages::COPY_DST);
            queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
            buffer
        };
        checked(device, bytes, || Self {
            params: allocate("params", size_of::<Params>() as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST),
            inputs: [
                input("Q", rows(&problem.q)),
                input("K", rows(&problem.k)),
                input("V", rows(&problem.v)),
                input("bias", problem.bias.iter().flatten().map(word).collect()),
                input("slopes", problem.alibi_slopes.iter().flatten().map(word).collect()),
                input("key lengths", key_lengths(problem, &shape)),
            ],
            o: allocate("O", o_bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC),
            stats: allocate("m, l, L", stats_bytes, BufferUsages::STORAGE | BufferUsages::COPY_SRC),
            o_back: allocate("O, to read", o_bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            stats_back: allocate("m, l, L, to read", stats_bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST),
        })
    }

    /// Buffers in the order of the kernel's bindings.
    pub(super) fn bindings(&self) -> [&Buffer; 9] {
        let [q, k, v, bias, slopes, key_lengths] = &self.inputs;
        [&self.params, q, k, v, bias, slopes, key_lengths, &self.o, &self.stats]
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> u64 {
        let rest = [&self.params, &self.o, &self.stats, &self.o_back, &self.stats_back];
        self.inputs.iter().chain(rest).map(Buffer::size).sum()
    }

    /// Copies the results back, one [`Output`] per query head.
    pub(super) fn download(&self, device: &Device, queue: &Queue, shape: &Shape) -> Result<Vec<Output>, GpuError> {
        let submission = checked(device, self.bytes(), || {
            let mut encoder = device.create_command_encoder(&CommandEncoderDescriptor { label: Some("results") });
            encoder.copy_buffer_to_buffer(&self.o, 0, &self.o_back, 0, self.o.size());
            encoder.copy_buffer_to_buffer(&self.stats, 0, &self.stats_back, 0, self.stats.size());
            queue.submit([encoder.finish()])
        })?;
        let o = read(device, &self.o_back, submission.clone())?;
        let stats = read(device, &self.stats_back, submission)?;
        let width = padded(shape.d_v);
        let heads = o.chunks_exact(shape.n_q * width).zip(stats.chunks_exact(shape.n_q * STATS));
        Ok(heads.map(|(o, stats)| output(o, stats, shape)).collect())
    }
}

/// The results of one head from its padded rows of O and its triples (m, l, L).
fn output(o: &[u32], stats: &[u32], shape: &Shape) -> Output {
    let width = padded(shape.d_v);
    let value = |bits: u32| f64::from(f32::from_bits(bits));
    let column = |at: usize| stats.iter().skip(at).step_by(STATS).map(|&bits| value(bits)).collect();
    Output {
        o: Array2::from_shape_fn((shape.n_q, shape.d_v), |(i, c)| value(o[i * width + c])),
        m: column(0),
        l: column(1),
        lse: column(2),
    }
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

fn key_lengths(problem: &Problem, shape: &Shape) -> Vec<u32> {
    (0..shape.batch).map(|batch| problem.mask.band(shape, batch).kv as u32).collect()
}
