//! Problems with dropout: by a mask and by a seed, beside every mask and modifier, drawn for more than there is.

use std::sync::Arc;

use ndarray::{Array2, Array4, s};
use tilescope::attention::cases::{Case, problem, with};
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::{Diagonal, Mask, Shape};

/// Rows of `d`. Finite but for `not finite`, the last, where a weight that is dropped has a NaN in V beside it.
pub fn cases(d: usize) -> Vec<Case> {
    let shape = Shape { batch: 2, heads: 4, kv_heads: 2, d_v: d - 4, ..Shape::single(35, 71, d) };
    let lengths = Mask { causal: true, key_lengths: Some(vec![31, 67]), ..Mask::default() };
    let by = |rate: f64, keep: Keep| Some(Dropout { rate, keep });
    let kept = |b: usize, h: usize, i: usize, j: usize| !(b * 5 + h * 3 + i * 7 + j * j).is_multiple_of(4);
    let mask = |[n_q, n_k]: [usize; 2]| {
        let kept = |(b, h, i, j): (usize, usize, usize, usize)| kept(b, h, i, j);
        Keep::Given(Arc::new(Array4::from_shape_fn((2, 4, n_q, n_k), kept)))
    };
    // From row 16 on its elements lie beyond 2^32, from head 1 on its counters.
    let long = Shape { n_q: 1 << 12, n_k: 1 << 28, ..shape };
    let cases = vec![
        ("by a seed", with(problem(shape), |p| p.dropout = by(0.3, Keep::by_seed((7 << 33) + 5, &shape)))),
        (
            "by a seed, causal, to each length",
            with(problem(shape), |p| {
                p.mask = Mask { diagonal: Diagonal::Lengths, ..lengths.clone() };
                p.dropout = by(0.5, Keep::by_seed(1, &shape));
            }),
        ),
        ("by a seed, of a long input", with(problem(shape), |p| p.dropout = by(0.25, Keep::by_seed(9, &long)))),
        (
            "by a seed that drops next to nothing",
            with(problem(shape), |p| p.dropout = by(1e-6, Keep::by_seed(2, &shape))),
        ),
        ("by a mask, causal", with(problem(shape), |p| (p.mask, p.dropout) = (lengths, by(0.25, mask([35, 71]))))),
        ("by a mask of a longer input", with(problem(shape), |p| p.dropout = by(0.25, mask([40, 80])))),
        (
            "by a seed, every modifier",
            with(problem(shape), |p| {
                (p.softcap, p.scale) = (Some(3.0), -p.scale);
                p.alibi_slopes = Some(Array2::from_shape_fn((2, 4), |(b, h)| 0.125 * (1 + b + h) as f64));
                p.bias = Some(Array4::from_shape_fn((2, 1, 35, 71), |(b, _, i, j)| ((b + i * j) % 7) as f64 / 4.0));
                p.dropout = by(0.9, Keep::by_seed(u64::MAX, &shape));
            }),
        ),
        (
            "not finite",
            with(problem(shape), |p| {
                p.v.slice_mut(s![.., .., 3, ..]).fill(f64::NAN);
                p.dropout = by(0.25, mask([35, 71]));
            }),
        ),
    ];
    let named = |(name, problem)| Case { name: format!("dropout of d {d}, {name}"), problem };
    cases.into_iter().map(named).collect()
}
