//! Slips of a backward pass whose forward pass is right: of one head, of a loop over blocks, of the sum over a group.

use std::f64::consts::{LN_2, LOG2_E};

use ndarray::{Array1, Array2, Zip, s};

use super::super::conventions;
use super::head::{Factors, HeadParts};
use crate::attention::gradients::Gradients;

/// What a slip makes of a head. `None` where it has nothing to act on.
pub type OfHead = fn(&HeadParts) -> Option<Gradients>;

/// The right factors, changed.
fn changed(parts: &HeadParts, change: impl FnOnce(&mut Factors)) -> Option<Gradients> {
    let mut factors = parts.right();
    change(&mut factors);
    Some(parts.gradients(&factors))
}

/// dQ and dK by these factors in place of the scale.
fn scaled(parts: &HeadParts, q: f64, k: f64) -> Option<Gradients> {
    changed(parts, |factors| (factors.scale_q, factors.scale_k) = (q, k))
}

fn with_weights(parts: &HeadParts, p: &Array2<f64>) -> Option<Gradients> {
    Some(parts.gradients(&parts.with(p)))
}

/// The mask of the backward pass alone moved by some keys; L and D are those of the right one.
fn moved(parts: &HeadParts, by: i64) -> Option<Gradients> {
    let other = conventions::moved(&parts.head, by)?;
    let sees = Array2::from_shape_fn(parts.s.dim(), |(i, j)| other.sees(i, j));
    with_weights(parts, &parts.weights(&sees, &parts.lse))
}

fn dropout_as(parts: &HeadParts, of_v: bool, of_p: bool, factor: impl Fn(f64) -> f64) -> Option<Gradients> {
    parts.head.dropout.as_ref()?;
    let (right, other) = (&parts.keep, parts.keep.mapv(factor));
    let pick = |is_other: bool| if is_other { &other } else { right };
    let p = parts.weights(&parts.sees, &parts.lse);
    Some(parts.gradients(&parts.of(&p, pick(of_v), pick(of_p), &parts.delta)))
}

/// Slips by their name and what they are.
pub const SLIPS: [(&str, &str, OfHead); 27] = [
    ("delta-left-out", "D is left out: dS is P dP", |parts| {
        let p = parts.weights(&parts.sees, &parts.lse);
        Some(parts.gradients(&parts.of(&p, &parts.keep, &parts.keep, &Array1::zeros(parts.delta.len()))))
    }),
    ("delta-added", "D is added to dP and not subtracted", |parts| {
        let p = parts.weights(&parts.sees, &parts.lse);
        Some(parts.gradients(&parts.of(&p, &parts.keep, &parts.keep, &-&parts.delta)))
    }),
    ("delta-without-dropout", "D is of an O without dropout", |parts| {
        parts.head.dropout.as_ref()?;
        let p = parts.weights(&parts.sees, &parts.lse);
        let delta = (&p * &parts.d_p).sum_axis(ndarray::Axis(1));
        Some(parts.gradients(&parts.of(&p, &parts.keep, &parts.keep, &delta)))
    }),
    ("weights-left-out", "P is left out of dS: it is dP - D", |parts| {
        let ones = parts.sees.mapv(|sees| if sees { 1.0 } else { 0.0 });
        let of_ones = parts.of(&ones, &parts.keep, &parts.keep, &parts.delta);
        changed(parts, |factors| factors.d_s = of_ones.d_s)
    }),
    ("dq-without-scale", "dQ is without the scale", |parts| scaled(parts, 1.0, parts.head.scale)),
    ("dk-without-scale", "dK is without the scale", |parts| scaled(parts, parts.head.scale, 1.0)),
    ("gradients-without-scale", "dQ and dK are without the scale", |parts| scaled(parts, 1.0, 1.0)),
    ("scale-twice-in-gradients", "the scale is in dQ and dK twice", |parts| {
        let twice = parts.head.scale * parts.head.scale;
        scaled(parts, twice, twice)
    }),
    ("log2e-in-gradients", "the scale in dQ and dK has the log2(e) of powers of 2 in it", |parts| {
        let scale = parts.head.scale * LOG2_E;
        scaled(parts, scale, scale)
    }),
    ("log2e-in-dq", "the scale in dQ alone has the log2(e) of powers of 2 in it", |parts| {
        scaled(parts, parts.head.scale * LOG2_E, parts.head.scale)
    }),
    ("log2e-in-dk", "the scale in dK alone has the log2(e) of powers of 2 in it", |parts| {
        scaled(parts, parts.head.scale, parts.head.scale * LOG2_E)
    }),
    ("weights-not-divided", "P is exp(S - m) in the backward pass: it is not divided by l", |parts| {
        with_weights(parts, &parts.weights(&parts.sees, &parts.m))
    }),
    ("lse-of-base-2", "the backward pass takes an L of base 2 for a natural one", |parts| {
        with_weights(parts, &parts.weights(&parts.sees, &(&parts.lse / LN_2)))
    }),
    ("natural-lse-in-base-2", "the backward pass takes a natural L for one of base 2", |parts| {
        with_weights(parts, &parts.weights(&parts.sees, &(&parts.lse * LN_2)))
    }),
    ("lse-without-sink", "L of the backward pass is without the learned sink", |parts| {
        let sinks = parts.head.sink.as_ref()?;
        let mut without = parts.lse.clone();
        without.iter_mut().enumerate().for_each(|(i, lse)| *lse += (-(sinks.at(i) - *lse).exp()).ln_1p());
        with_weights(parts, &parts.weights(&parts.sees, &without))
    }),
    ("dv-unmasked", "dV is summed with weights that no mask hides", |parts| {
        let all = parts.weights(&parts.sees.mapv(|_| true), &parts.lse);
        changed(parts, |factors| factors.of_v = all * &parts.keep)
    }),
    ("backward-unmasked", "the backward pass hides nothing", |parts| {
        with_weights(parts, &parts.weights(&parts.sees.mapv(|_| true), &parts.lse))
    }),
    ("backward-one-far", "the diagonal of the backward pass is one key too far", |parts| moved(parts, 1)),
    ("backward-one-short", "the diagonal of the backward pass is one key short", |parts| moved(parts, -1)),
    ("dv-not-transposed", "dV is P dO and not P^T dO", |parts| {
        is_square(parts).then(|| changed(parts, |factors| factors.of_v = factors.of_v.t().to_owned()))?
    }),
    ("dk-not-transposed", "dK is dS Q and not dS^T Q", |parts| {
        is_square(parts).then_some(())?;
        let factors = parts.right();
        Some(Gradients { d_k: factors.d_s.dot(&parts.head.q) * factors.scale_k, ..parts.gradients(&factors) })
    }),
    ("softcap-slope-left-out", "the slope of the softcap, 1 - tanh^2, is left out of dS", |parts| {
        parts.head.softcap?;
        changed(parts, |factors| {
            Zip::from(&mut factors.d_s).and(&parts.slope).for_each(|d_s, slope| {
                *d_s = if *slope == 0.0 { *d_s } else { *d_s / slope };
            });
        })
    }),
    ("dv-without-dropout", "dV is summed with weights before dropout", |parts| dropout_as(parts, true, false, |_| 1.0)),
    ("dp-without-dropout", "dP is without the factors of dropout", |parts| dropout_as(parts, false, true, |_| 1.0)),
    ("gradients-of-dropout-not-scaled", "what dropout keeps is not divided by 1 - p in the backward pass", |parts| {
        let rate = parts.head.dropout.as_ref()?.rate;
        dropout_as(parts, true, true, |keep| keep * (1.0 - rate))
    }),
    ("output-gradient-left-out", "dO is left out: these are the gradients of the sum of O", |parts| {
        let mut ones = Array2::ones(parts.d_o.raw_dim());
        ones.slice_mut(s![parts.queries.., ..]).fill(0.0);
        let other = HeadParts::new(parts.head.clone(), parts.queries, ones);
        Some(other.gradients(&other.right()))
    }),
    ("dk-dv-swapped", "dK and dV are swapped", |parts| {
        (parts.head.k.dim() == parts.head.v.dim()).then_some(())?;
        let right = parts.gradients(&parts.right());
        Some(Gradients { d_k: right.d_v, d_v: right.d_k, ..right })
    }),
];

fn is_square(parts: &HeadParts) -> bool {
    parts.head.n_q() == parts.head.n_k()
}

/// What a loop over blocks of this many queries and keys makes of a head.
pub type OfBlocks = fn(&HeadParts, usize) -> Option<Gradients>;

/// The keys, or the queries, that count for each query, or each key: those of the last block that a loop visits.
fn last_visited(parts: &HeadParts, size: usize, is_of_keys: bool) -> Array2<bool> {
    let (n_q, n_k) = parts.s.dim();
    let (blocks, others) = if is_of_keys { (n_q, n_k) } else { (n_k, n_q) };
    let mut kept = Array2::from_elem((n_q, n_k), false);
    for at in (0..blocks).step_by(size) {
        let own = at..(at + size).min(blocks);
        let tile = |other: usize| {
            let other = other..(other + size).min(others);
            if is_of_keys { s![own.clone(), other] } else { s![other, own.clone()] }
        };
        let last = (0..others).step_by(size).rfind(|&other| parts.sees.slice(tile(other)).iter().any(|sees| *sees));
        last.into_iter().for_each(|other| kept.slice_mut(tile(other)).fill(true));
    }
    kept
}

fn hide(matrix: &mut Array2<f64>, kept: &Array2<bool>) {
    Zip::from(matrix).and(kept).for_each(|x, kept| *x = if *kept { *x } else { 0.0 });
}

/// Slips of loops by their name and what they are.
pub const OF_BLOCKS: [(&str, &str, OfBlocks); 3] = [
    ("dq-overwritten", "dQ is of the last block of keys: each overwrites the one before", |parts, size| {
        (size < parts.head.n_k()).then_some(())?;
        let right = parts.right();
        let mut last = right.clone();
        hide(&mut last.d_s, &last_visited(parts, size, true));
        Some(Gradients { d_q: parts.gradients(&last).d_q, ..parts.gradients(&right) })
    }),
    (
        "dk-dv-overwritten",
        "dK and dV are of the last block of queries: each overwrites the one before",
        |parts, size| {
            (size < parts.head.n_q()).then_some(())?;
            let right = parts.right();
            let (mut last, kept) = (right.clone(), last_visited(parts, size, false));
            hide(&mut last.d_s, &kept);
            hide(&mut last.of_v, &kept);
            Some(Gradients { d_q: parts.gradients(&right).d_q, ..parts.gradients(&last) })
        },
    ),
    (
        "backward-last-block-lost",
        "the backward pass leaves out the last block of keys where it is not whole",
        |parts, size| {
            let n_k = parts.head.n_k();
            (size < n_k && !n_k.is_multiple_of(size)).then_some(())?;
            changed(parts, |factors| {
                let lost = n_k - n_k % size;
                factors.d_s.slice_mut(s![.., lost..]).fill(0.0);
                factors.of_v.slice_mut(s![.., lost..]).fill(0.0);
            })
        },
    ),
];

/// How dK and dV of a key/value head are made of those of query heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    First,
    Last,
    Mean,
    /// Over the query heads h with h mod kv_heads, in place of h / group.
    Rest,
}

/// Sums over a group by their name and what they are.
pub const SUMS: [(Sum, &str, &str); 4] = [
    (Sum::First, "first-head-of-group", "dK and dV are of the first query head of a group alone"),
    (
        Sum::Last,
        "last-head-of-group",
        "dK and dV are of the last query head of a group: each overwrites the one before",
    ),
    (Sum::Mean, "mean-of-group", "dK and dV are averaged over the query heads of a group, and not summed"),
    (Sum::Rest, "summed-by-rest", "dK and dV are summed over the query heads h mod kv_heads, and not h / group"),
];
