//! The one parameter of every CUDA kernel, as `struct Attention` of `kernels/attention.cuh` lays it out.

use std::mem::offset_of;

use bytemuck::{Pod, Zeroable};

use super::driver::Address;
use super::stages::Blocks;
use super::tensors::Tensor;
use crate::attention::{Mask, Problem, Shape};
use crate::gpu::drawn::Drawn;

/// `struct Attention`, field by field; an address of 0 is a null pointer.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
#[expect(missing_docs, reason = "kernels/attention.cuh says what each field is")]
pub struct Attention {
    pub q: u64,
    pub k: u64,
    pub v: u64,
    pub bias: u64,
    pub slopes: u64,
    pub key_lengths: u64,
    pub diagonals: u64,
    pub ahead: u64,
    pub keep_mask: u64,
    pub o: u64,
    pub m: u64,
    pub l: u64,
    pub lse: u64,
    pub s: u64,
    pub p: u64,
    pub part_o: u64,
    pub part_lse: u64,
    pub grad_o: u64,
    pub delta: u64,
    pub grad_q: u64,
    pub part_q: u64,
    pub grad_k: u64,
    pub grad_v: u64,
    pub tap_m: u64,
    pub tap_l: u64,
    pub tap_tiles: u64,
    pub bias_strides: [i64; 4],
    pub n_q: i32,
    pub n_k: i32,
    pub d: i32,
    pub d_v: i32,
    pub heads: i32,
    pub kv_heads: i32,
    pub left: i32,
    pub right: i32,
    pub scale: f32,
    pub softcap: f32,
    pub dropout: i32,
    pub kept: f32,
    pub seed: [u32; 2],
    pub last_dropped: u32,
    pub drawn_q: i32,
    pub drawn_k: i32,
    pub first_block: i32,
    pub first_head: i32,
    pub first_batch: i32,
    pub end_block: i32,
    pub splits: i32,
}

/// Bytes of the parameter: each PTX declares as many.
pub const BYTES: usize = 328;

/// The parameters that a PTX declares for an entry, on one line; `None` where it has no such entry.
pub(super) fn declared(ptx: &str, entry: &str) -> Option<String> {
    let (_, rest) = ptx.split_once(&format!(".entry {entry}("))?;
    let words = rest.split_once(')')?.0.split_whitespace();
    Some(words.collect::<Vec<_>>().join(" "))
}

/// What they must be.
pub(super) fn of_entry(entry: &str) -> String {
    format!(".param .align 8 .b8 {entry}_param_0[{BYTES}]")
}

// 26 pointers, four 8-byte strides, eight ints, two floats, seven words of dropout, five ints. A test asks g++ for the same.
const _: () = {
    assert!(size_of::<Attention>() == BYTES && align_of::<Attention>() == 8);
    assert!(offset_of!(Attention, tap_tiles) == 200 && offset_of!(Attention, bias_strides) == 208);
    assert!(offset_of!(Attention, n_q) == 240 && offset_of!(Attention, right) == 268);
    assert!(offset_of!(Attention, scale) == 272 && offset_of!(Attention, softcap) == 276);
    assert!(offset_of!(Attention, dropout) == 280 && offset_of!(Attention, drawn_k) == 304);
    assert!(offset_of!(Attention, first_block) == 308 && offset_of!(Attention, splits) == 324);
};

/// When and where a tile was worked on: `struct TileTime`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct TileTime {
    /// ns by the clock that all SMs share.
    pub begin: u64,
    pub end: u64,
    pub sm: u32,
    /// 0 for a tile that was skipped.
    pub visited: u32,
}

const _: () = assert!(size_of::<TileTime>() == 24);

impl Attention {
    /// Sizes, mask, scale and splits. Rows of Q and K have `d` elements of the blocks in memory, rows of V and O `d_v`.
    pub(super) fn of_shape(shape: &Shape, mask: &Mask, scale: f64, blocks: &Blocks) -> Self {
        // All batch entries share the band but for its key length and its diagonal, which have arrays of their own.
        let band = mask.band(shape, 0);
        // A bound past every pair of indices is no bound, and fits an i32.
        let bound = |side: i64| side.min((shape.n_q + shape.n_k) as i64) as i32;
        Self {
            n_q: shape.n_q as i32,
            n_k: shape.n_k as i32,
            d: blocks.d as i32,
            d_v: blocks.d_v as i32,
            heads: shape.heads as i32,
            kv_heads: shape.kv_heads as i32,
            left: bound(band.left),
            right: bound(band.right),
            scale: scale as f32,
            splits: blocks.splits as i32,
            ..Self::default()
        }
    }

    /// Everything but the tensors and the place of a launch.
    pub(super) fn of_problem(problem: &Problem, blocks: &Blocks) -> Self {
        let drawn = Drawn::of(problem);
        let Drawn { kept, seed, last_dropped, sizes: [drawn_q, drawn_k] } = drawn.unwrap_or_default();
        Self {
            bias_strides: problem.bias.as_ref().map_or([0; 4], |bias| strides(bias.dim())),
            softcap: problem.softcap.unwrap_or(0.0) as f32,
            dropout: drawn.is_some().into(),
            kept,
            seed,
            last_dropped,
            drawn_q: drawn_q as i32,
            drawn_k: drawn_k as i32,
            ..Self::of_shape(&problem.shape, &problem.mask, problem.scale, blocks)
        }
    }

    /// The field of a tensor.
    pub(super) fn set(&mut self, tensor: Tensor, address: Address) {
        use Tensor as T;
        let field = match tensor {
            T::Q => &mut self.q,
            T::K => &mut self.k,
            T::V => &mut self.v,
            T::Bias => &mut self.bias,
            T::Slopes => &mut self.slopes,
            T::KeyLengths => &mut self.key_lengths,
            T::Diagonals => &mut self.diagonals,
            T::Ahead => &mut self.ahead,
            T::KeepMask => &mut self.keep_mask,
            T::O => &mut self.o,
            T::M => &mut self.m,
            T::L => &mut self.l,
            T::Lse => &mut self.lse,
            T::S => &mut self.s,
            T::P => &mut self.p,
            T::PartO => &mut self.part_o,
            T::PartLse => &mut self.part_lse,
            T::GradO => &mut self.grad_o,
            T::Delta => &mut self.delta,
            T::GradQ => &mut self.grad_q,
            T::PartQ => &mut self.part_q,
            T::GradK => &mut self.grad_k,
            T::GradV => &mut self.grad_v,
            T::TapM => &mut self.tap_m,
            T::TapL => &mut self.tap_l,
            T::TapTiles => &mut self.tap_tiles,
        };
        *field = address.0;
    }
}

/// Elements per step of each axis in row-major order; 0 on an axis of size 1, which is broadcast.
fn strides((batch, heads, n_q, n_k): (usize, usize, usize, usize)) -> [i64; 4] {
    let mut step = 1;
    let mut strides = [batch, heads, n_q, n_k];
    for size in strides.iter_mut().rev() {
        let length = *size;
        *size = if length == 1 { 0 } else { step };
        step *= length;
    }
    strides.map(|stride| stride as i64)
}

#[cfg(test)]
mod tests {
    use super::super::stages;
    use super::*;
    use crate::gpu::ptx;

    /// The driver reads as many bytes of the parameter as the PTX says.
    #[test]
    fn every_ptx_takes_one_parameter_of_this_size() {
        for ptx in ptx::all() {
            for stage in stages::of(ptx.file(), ptx.deterministic) {
                let declared = declared(ptx.text, stage.entry);
                assert_eq!(declared, Some(of_entry(stage.entry)), "{}", ptx.name);
            }
        }
        let other = ".visible .entry flash2(\n.param .b64 flash2_param_0,\n.param .b32 flash2_param_1\n)\n{";
        assert_ne!(declared(other, "flash2"), Some(of_entry("flash2")));
        assert_eq!(declared(other, "flash1"), None);
    }

    #[test]
    fn a_broadcast_axis_has_no_stride() {
        assert_eq!(strides((2, 3, 5, 7)), [105, 35, 7, 1]);
        assert_eq!(strides((1, 3, 1, 7)), [0, 7, 0, 1]);
        assert_eq!(strides((2, 1, 5, 1)), [5, 0, 1, 0]);
    }
}
