//! The parameters of the kernels, as `Params` of `kernels/attention.wgsl` lays them out.

use super::stages::Dispatch;
use crate::attention::{Problem, Shape};
use crate::gpu::drawn::{self, Drawn};

/// Floats that rows are padded to a multiple of: four lanes of one vec4 each.
pub(super) const ROW_UNIT: usize = 16;

/// Length of a padded row of `d` floats.
pub(super) fn padded(d: usize) -> usize {
    d.next_multiple_of(ROW_UNIT)
}

/// Words of what a sequence and its heads have of their own: key length, diagonal, keys ahead, then a slope for each head; the
/// mask of dropout follows that of the last sequence.
pub(super) fn per_sequence(shape: &Shape) -> usize {
    shape.batch * (3 + shape.heads)
}

/// `Params` of the kernels, field by field.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    origin: [u32; 3],
    n_q: u32,
    bias_strides: [u32; 4],
    n_k: u32,
    heads: u32,
    kv_heads: u32,
    has_bias: u32,
    left: i32,
    right: i32,
    has_alibi: u32,
    scale: f32,
    softcap: f32,
    key_blocks: u32,
    span: u32,
    splits: u32,
    kept: f32,
    keep_at: u32,
    last_dropped: u32,
    drawn_q: u32,
    seed: [u32; 2],
    drawn_k: u32,
    /// A uniform is a multiple of 16 bytes.
    unused: u32,
}

impl Params {
    /// The parameters of a problem for a kernel with key blocks of `bc` keys, and with the keys in splits.
    pub(super) fn new(problem: &Problem, bc: usize, splits: usize) -> Self {
        let shape = problem.shape;
        // All batch entries share the band but for its key length and its diagonal, which are in a buffer of their own.
        let band = problem.mask.band(&shape, 0);
        // A bound past every pair of indices is no bound, and fits an i32.
        let bound = |side: i64| side.min((shape.n_q + shape.n_k) as i64) as i32;
        // Without dropout `kept` is 0.
        let Drawn { kept, seed, last_dropped, sizes: [drawn_q, drawn_k] } = Drawn::of(problem).unwrap_or_default();
        Self {
            origin: [0; 3],
            n_q: shape.n_q as u32,
            bias_strides: problem.bias.as_ref().map_or([0; 4], |bias| strides(bias.dim())),
            n_k: shape.n_k as u32,
            heads: shape.heads as u32,
            kv_heads: shape.kv_heads as u32,
            has_bias: problem.bias.is_some().into(),
            left: bound(band.left),
            right: bound(band.right),
            has_alibi: problem.alibi_slopes.is_some().into(),
            scale: problem.scale as f32,
            softcap: problem.softcap.unwrap_or(0.0) as f32,
            key_blocks: shape.n_k.div_ceil(bc) as u32,
            span: 0,
            splits: splits as u32,
            kept,
            keep_at: drawn::mask(problem).map_or(0, |_| per_sequence(&shape)) as u32,
            last_dropped,
            drawn_q: drawn_q as u32,
            seed,
            drawn_k: drawn_k as u32,
            unused: 0,
        }
    }

    pub(super) fn at(self, dispatch: &Dispatch) -> Self {
        Self { origin: dispatch.origin, span: dispatch.span, ..self }
    }
}

/// Elements per step of each axis in row-major order; 0 on an axis of size 1, which is broadcast.
fn strides((batch, heads, n_q, n_k): (usize, usize, usize, usize)) -> [u32; 4] {
    let mut step = 1;
    let mut strides = [batch, heads, n_q, n_k];
    for size in strides.iter_mut().rev() {
        let length = *size;
        *size = if length == 1 { 0 } else { step };
        step *= length;
    }
    strides.map(|stride| stride as u32)
}
