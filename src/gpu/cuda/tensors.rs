//! Tensors in device memory: how large they are, how they get there, and how results come back.

use std::sync::Arc;

use half::{bf16, f16};
use ndarray::{Array2, Array4, ArrayBase};

use super::params::{Attention, TileTime};
use super::program::Program;
use super::session::{Buffer, Session, Trouble};
use crate::attention::oracle::Output;
use crate::attention::{Band, Mask, Precision, Problem, Shape};
use crate::gpu::{HeadTaps, TileVisit, drawn};

/// A pointer of `struct Attention`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tensor {
    Q,
    K,
    V,
    Bias,
    Slopes,
    KeyLengths,
    Diagonals,
    Ahead,
    KeepMask,
    O,
    M,
    L,
    Lse,
    S,
    P,
    PartO,
    PartLse,
    GradO,
    Delta,
    GradQ,
    PartQ,
    GradK,
    GradV,
    TapM,
    TapL,
    TapTiles,
}

/// Every pattern of ones is NaN in f32, f16 and bf16: what a kernel does not write cannot pass for a result.
const NAN: u32 = u32::MAX;

/// Bytes of each tensor of a run, those that it has.
pub(super) fn sizes(
    shape: &Shape,
    program: &Program,
    bias: Option<&[usize]>,
    slopes: bool,
    keep_mask: Option<&[usize]>,
) -> Vec<(Tensor, u64)> {
    use Tensor as T;
    let Shape { batch, heads, kv_heads, n_q, n_k, .. } = *shape;
    let blocks = program.blocks_of(shape);
    let element = program.precision.element_bytes();
    // Products in u128 cannot wrap, and what does not fit u64 fits no device.
    let bytes = |sizes: &[usize], element: u64| {
        let product = sizes.iter().fold(u128::from(element), |product, &size| product.saturating_mul(size as u128));
        u64::try_from(product).unwrap_or(u64::MAX / 16)
    };
    let (rows, visits) = ([batch, heads, n_q], n_k.div_ceil(blocks.bc));
    let [q, o] = [blocks.d, blocks.d_v].map(|d| bytes(&[batch, heads, n_q, d], element));
    let [k, v] = [blocks.d, blocks.d_v].map(|d| bytes(&[batch, kv_heads, n_k, d], element));
    let mut sizes = vec![(T::Q, q), (T::K, k), (T::V, v), (T::O, o)];
    sizes.extend(OF_SEQUENCE.map(|tensor| (tensor, bytes(&[batch], 4))));
    sizes.extend(keep_mask.map(|shape| (T::KeepMask, bytes(shape, 1))));
    sizes.extend(bias.map(|shape| (T::Bias, bytes(shape, 4))));
    sizes.extend(slopes.then(|| (T::Slopes, bytes(&[batch, heads], 4))));
    let told: &[T] = match program.algorithm {
        // It leaves L to the host.
        "flash1" => &[T::M, T::L],
        // What a split knows of a row is not m and l of the row.
        "split-kv" => &[T::Lse],
        _ => &[T::M, T::L, T::Lse],
    };
    sizes.extend(told.iter().map(|&tensor| (tensor, bytes(&rows, 4))));
    if program.algorithm == "split-kv" {
        let [o, lse] = [&[batch, heads, blocks.splits, n_q, blocks.d_v][..], &[batch, heads, blocks.splits, n_q]];
        sizes.extend([(T::PartO, bytes(o, 4)), (T::PartLse, bytes(lse, 4))]);
    }
    if program.algorithm == "standard" {
        sizes.extend([T::S, T::P].map(|tensor| (tensor, bytes(&[batch, heads, n_q, n_k], 4))));
    }
    if program.is_backward() {
        sizes.extend([(T::GradO, o), (T::Delta, bytes(&rows, 4)), (T::GradQ, q), (T::GradK, k), (T::GradV, v)]);
    }
    if program.deterministic {
        sizes.push((T::PartQ, bytes(&[batch, heads, blocks.splits, n_q, blocks.d], 4)));
    }
    if program.taps {
        sizes.extend([T::TapM, T::TapL].map(|tensor| (tensor, bytes(&[batch, heads, visits, n_q], 4))));
        let tiles = [batch, heads, n_q.div_ceil(blocks.br), visits];
        sizes.push((T::TapTiles, bytes(&tiles, size_of::<TileTime>() as u64)));
    }
    sizes
}

/// Bytes of all tensors of a problem.
pub(super) fn total(problem: &Problem, program: &Program) -> u64 {
    all_sizes(problem, program).iter().fold(0, |sum: u64, (_, bytes)| sum.saturating_add(*bytes))
}

fn all_sizes(problem: &Problem, program: &Program) -> Vec<(Tensor, u64)> {
    let bias = problem.bias.as_ref().map(ArrayBase::shape);
    let keep_mask = drawn::mask(problem).map(ArrayBase::shape);
    sizes(&problem.shape, program, bias, problem.alibi_slopes.is_some(), keep_mask)
}

/// The buffers of one run.
pub(super) struct Tensors(Vec<(Tensor, Buffer)>);

impl Tensors {
    /// Allocates every tensor, each at least a byte, and says in `parameter` where it is.
    pub(super) fn allocate(
        session: &Arc<Session>,
        sizes: &[(Tensor, u64)],
        parameter: &mut Attention,
    ) -> Result<Self, Trouble> {
        let all = sizes.iter().map(|(_, bytes)| bytes).sum();
        let mut tensors = Vec::new();
        for &(tensor, bytes) in sizes {
            let buffer = session.allocate(bytes.max(1), all)?;
            parameter.set(tensor, buffer.address);
            tensors.push((tensor, buffer));
        }
        Ok(Self(tensors))
    }

    /// Allocates every tensor of a problem, uploads the inputs, rounded to the program's format, and makes all results NaN.
    pub(super) fn upload(
        session: &Arc<Session>,
        problem: &Problem,
        program: &Program,
        parameter: &mut Attention,
    ) -> Result<Self, Trouble> {
        let tensors = Self::allocate(session, &all_sizes(problem, program), parameter)?;
        for (tensor, buffer) in &tensors.0 {
            match values_of(*tensor, problem, program) {
                Some(bytes) => buffer.upload(&bytes)?,
                None if *tensor == Tensor::TapTiles => buffer.fill(0)?,
                // standard writes all of S and P before it reads them.
                None if matches!(tensor, Tensor::S | Tensor::P) => {}
                None => buffer.fill(NAN)?,
            }
        }
        Ok(tensors)
    }

    pub(super) fn buffer(&self, tensor: Tensor) -> Option<&Buffer> {
        self.0.iter().find(|(of, _)| *of == tensor).map(|(_, buffer)| buffer)
    }

    /// Bytes allocated.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().map(|(_, buffer)| buffer.bytes).sum()
    }

    fn floats(&self, tensor: Tensor) -> Result<Vec<f32>, Trouble> {
        let bytes = self.buffer(tensor).map(Buffer::download).transpose()?.unwrap_or_default();
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect())
    }

    /// Puts dO in its place.
    pub(super) fn upload_gradient(&self, d_o: &Array4<f64>, program: &Program) -> Result<(), Trouble> {
        let bytes = rows(d_o, d_o.dim().3, program.precision);
        self.buffer(Tensor::GradO).map_or(Ok(()), |buffer| Ok(buffer.upload(&bytes)?))
    }

    /// dQ, dK and dV, in the shapes of Q, K and V.
    pub(super) fn gradients(&self, problem: &Problem) -> Result<[Array4<f64>; 3], Trouble> {
        let of = |tensor: Tensor, like: &Array4<f64>| {
            let mut values = self.floats(tensor)?.into_iter();
            let next = || values.next().map_or(f64::NAN, f64::from);
            Ok::<_, Trouble>(Array4::from_shape_simple_fn(like.raw_dim(), next))
        };
        Ok([of(Tensor::GradQ, &problem.q)?, of(Tensor::GradK, &problem.k)?, of(Tensor::GradV, &problem.v)?])
    }

    /// One [`Output`] per query head.
    pub(super) fn outputs(&self, shape: &Shape, program: &Program) -> Result<Vec<Output>, Trouble> {
        let o = self.buffer(Tensor::O).map(Buffer::download).transpose()?.unwrap_or_default();
        let o = decoded(&o, program.precision);
        let [m, l, lse] = [self.floats(Tensor::M)?, self.floats(Tensor::L)?, self.floats(Tensor::Lse)?];
        let lse = if lse.is_empty() { m.iter().zip(&l).map(|(m, l)| m + l.ln()).collect() } else { lse };
        let (n_q, width) = (shape.n_q, program.blocks_of(shape).d_v);
        // Empty where the kernel does not tell it.
        let column = |values: &[f32], head: usize| {
            let rows = values.get(head * n_q..(head + 1) * n_q).unwrap_or_default();
            rows.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()
        };
        let head = |head: usize| Output {
            o: Array2::from_shape_fn((n_q, shape.d_v), |(i, c)| o[(head * n_q + i) * width + c]),
            m: column(&m, head),
            l: column(&l, head),
            lse: column(&lse, head),
        };
        Ok((0..shape.batch * shape.heads).map(head).collect())
    }

    /// One [`HeadTaps`] per query head.
    pub(super) fn taps(&self, shape: &Shape, program: &Program) -> Result<Vec<HeadTaps>, Trouble> {
        let [m, l] = [self.floats(Tensor::TapM)?, self.floats(Tensor::TapL)?];
        let tiles = self.buffer(Tensor::TapTiles).map(Buffer::download).transpose()?.unwrap_or_default();
        const TILE: usize = size_of::<TileTime>();
        let tiles = tiles.as_chunks::<TILE>().0.iter().map(|bytes| bytemuck::pod_read_unaligned(bytes));
        let tiles: Vec<TileTime> = tiles.collect();
        let blocks = program.blocks_of(shape);
        let (t_r, t_c, n_q) = (shape.n_q.div_ceil(blocks.br), shape.n_k.div_ceil(blocks.bc), shape.n_q);
        let head = |head: usize| {
            let rows = |values: &[f32]| {
                Array2::from_shape_fn((t_c, n_q), |(j, i)| f64::from(values[(head * t_c + j) * n_q + i]))
            };
            let visit = |(at, time): (usize, &TileTime)| TileVisit {
                i: at / t_c,
                j: at % t_c,
                sm: time.sm,
                begin_ns: time.begin,
                end_ns: time.end,
            };
            let tiles = tiles[head * t_r * t_c..(head + 1) * t_r * t_c].iter().enumerate();
            let visited = tiles.filter(|(_, time)| time.visited == 1).map(visit);
            HeadTaps { m: rows(&m), l: rows(&l), tiles: visited.collect() }
        };
        Ok((0..shape.batch * shape.heads).map(head).collect())
    }
}

/// What a tensor holds before the first launch; `None` where the kernel writes it.
fn values_of(tensor: Tensor, problem: &Problem, program: &Program) -> Option<Vec<u8>> {
    let blocks = program.blocks_of(&problem.shape);
    let f32s = |values: &mut dyn Iterator<Item = f64>| values.flat_map(|x| (x as f32).to_ne_bytes()).collect();
    Some(match tensor {
        Tensor::Q => rows(&problem.q, blocks.d, program.precision),
        Tensor::K => rows(&problem.k, blocks.d, program.precision),
        Tensor::V => rows(&problem.v, blocks.d_v, program.precision),
        // An input as the others: rounded to the format, though stored in f32.
        Tensor::Bias => f32s(&mut problem.bias.as_ref()?.iter().map(|&x| rounded(x, program.precision))),
        Tensor::Slopes => f32s(&mut problem.alibi_slopes.as_ref()?.iter().copied()),
        tensor if OF_SEQUENCE.contains(&tensor) => of_sequence(tensor, &problem.mask, &problem.shape),
        Tensor::KeepMask => drawn::mask(problem)?.iter().map(|&keeps| u8::from(keeps)).collect(),
        _ => return None,
    })
}

/// An integer of the mask for each batch entry.
pub(super) const OF_SEQUENCE: [Tensor; 3] = [Tensor::KeyLengths, Tensor::Diagonals, Tensor::Ahead];

/// What one of [`OF_SEQUENCE`] holds.
pub(super) fn of_sequence(tensor: Tensor, mask: &Mask, shape: &Shape) -> Vec<u8> {
    let number = |band: Band| match tensor {
        Tensor::KeyLengths => band.kv as i32,
        Tensor::Diagonals => band.offset as i32,
        _ => band.ahead as i32,
    };
    (0..shape.batch).flat_map(|batch| number(mask.band(shape, batch)).to_ne_bytes()).collect()
}

fn rounded(x: f64, precision: Precision) -> f64 {
    match precision {
        Precision::F16 => f16::from_f64(x).to_f64(),
        Precision::BF16 => bf16::from_f64(x).to_f64(),
        _ => x,
    }
}

/// A tensor row by row in the program's format, each row padded with zeros to `width` elements.
fn rows(tensor: &Array4<f64>, width: usize, precision: Precision) -> Vec<u8> {
    let rows = tensor.rows();
    let mut bytes = Vec::with_capacity(rows.into_iter().len() * width * precision.element_bytes() as usize);
    for row in tensor.rows() {
        let padding = std::iter::repeat_n(0.0, width - row.len());
        let values = row.iter().copied().chain(padding);
        match precision {
            Precision::F16 => bytes.extend(values.flat_map(|x| f16::from_f64(x).to_ne_bytes())),
            Precision::BF16 => bytes.extend(values.flat_map(|x| bf16::from_f64(x).to_ne_bytes())),
            _ => bytes.extend(values.flat_map(|x| (x as f32).to_ne_bytes())),
        }
    }
    bytes
}

/// Elements of a format as numbers.
fn decoded(bytes: &[u8], precision: Precision) -> Vec<f64> {
    let pairs = bytes.as_chunks::<2>().0.iter();
    match precision {
        Precision::F16 => pairs.map(|&bytes| f16::from_ne_bytes(bytes).to_f64()).collect(),
        Precision::BF16 => pairs.map(|&bytes| bf16::from_ne_bytes(bytes).to_f64()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|&bytes| f64::from(f32::from_ne_bytes(bytes))).collect(),
    }
}
