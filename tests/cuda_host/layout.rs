//! The parameter of the kernels as g++ lays it out, against its mirror in Rust.

use std::mem::offset_of;

use tilescope::gpu::cuda::params::{Attention, TileTime};

use super::player_driver::printed;
use super::results::can_build;

macro_rules! offsets {
    ($type:ident: $($field:ident),*) => { [$((stringify!($field), offset_of!($type, $field))),*] };
}

#[test]
fn the_parameter_is_laid_out_as_the_kernels_have_it() {
    if !can_build(2) {
        return;
    }
    let ours = [
        &[("Attention", size_of::<Attention>()), ("TileTime", size_of::<TileTime>())][..],
        &offsets!(Attention: q, k, v, bias, slopes, key_lengths, diagonals, ahead, keep_mask, o, m, l, lse, s, p, part_o, part_lse),
        &offsets!(Attention: grad_o, delta, grad_q, part_q, grad_k, grad_v, tap_m, tap_l, tap_tiles),
        &offsets!(Attention: bias_strides, n_q, n_k, d, d_v, heads, kv_heads, left, right, scale, softcap),
        &offsets!(Attention: dropout, kept, seed, last_dropped, drawn_q, drawn_k),
        &offsets!(Attention: first_block, first_head, first_batch, end_block, splits),
        &offsets!(TileTime: begin, end, sm, visited),
    ]
    .concat();
    let ours: String = ours.iter().map(|(name, bytes)| format!("{name} {bytes}\n")).collect();
    // With f32 elements, and with those of the tensor cores.
    for defines in [vec!["-DTAPS".to_owned()], vec!["-DTAPS".to_owned(), "-DELEMENT=unsigned short".to_owned()]] {
        let theirs = printed("layout.cpp", &defines).expect("it compiles");
        assert_eq!(ours, theirs, "{defines:?}");
    }
}
