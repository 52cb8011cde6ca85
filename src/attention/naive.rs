//! Plain attention with the whole score matrix in memory: the yardstick for error and for speed.
//!
//! In narrow formats it rounds every tensor that an un-fused implementation stores (the scaled Q, S, P, O), each to its own.
//! The error rule measures results against that, and where scores are large against the same with all of these kept in f32.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayViewMut1, Axis, s};

use super::format::Format;
use super::not_finite::add_weighted;
use super::oracle::Output;
use super::precision::{Precision, Real, store_scores_as};
use super::problem::Head;
use super::rows::{row_max, row_sum, scale_row};

/// Un-fused attention of one head.
pub fn attention<T: Real>(head: &Head<T>, precision: Precision) -> Output {
    attention_of(head, 0..head.n_q(), precision)
}

/// The same of some of its queries.
pub(super) fn attention_of<T: Real>(head: &Head<T>, rows: Range<usize>, precision: Precision) -> Output {
    let (p, m, l) = weights(head, rows.clone(), precision);
    let mut o = Array2::zeros((rows.len(), head.v.ncols()));
    add_weighted(head, &p.view(), (rows.start, 0), T::zero(), &mut o.view_mut());
    round(&mut o, precision.format_of("O"));
    let lse = m.iter().zip(&l).map(|(&m, &l)| m + l.ln());
    Output {
        lse: lse.map(T::widen).collect(),
        o: o.mapv(T::widen),
        m: m.into_iter().map(T::widen).collect(),
        l: l.into_iter().map(T::widen).collect(),
    }
}

/// The normalised weights `[rows, n_k]` of some queries, and their row statistics m and l.
pub(super) fn weights<T: Real>(
    head: &Head<T>,
    rows: Range<usize>,
    precision: Precision,
) -> (Array2<T>, Vec<T>, Vec<T>) {
    let mut scaled = &head.q.slice(s![rows.clone(), ..]) * head.scale;
    round(&mut scaled, precision.format_of("Q"));
    let mut s = Array2::zeros((rows.len(), head.n_k()));
    general_mat_mul(T::one(), &scaled, &head.k.t(), T::zero(), &mut s);
    let (of_scores, of_weights) = (precision.format_of("S"), precision.format_of("P"));
    round(&mut s, of_scores);
    let plain = head.softcap.is_none() && head.alibi_slope.is_none() && head.bias.is_none() && head.band.is_open();
    let (mut m, mut l) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (i, mut row) in rows.clone().zip(s.axis_iter_mut(Axis(0))) {
        if !plain {
            modify(head, i, &mut row, of_scores);
        }
        let row = row.as_slice_mut().expect("rows of a new matrix are contiguous");
        let (max, mut sum) = softmax(row, head.sink_at(i));
        if max == T::neg_infinity() && head.has_seen_all(i, head.n_k()) {
            // Scores of -inf alone: no weights follow from them.
            sum = T::nan();
            row.fill(sum);
        }
        m.push(max);
        l.push(sum);
    }
    round(&mut s, of_weights);
    if head.dropout.is_some() {
        s.indexed_iter_mut().for_each(|((i, j), p)| *p *= head.dropout_factor(rows.start + i, j));
        round(&mut s, of_weights);
    }
    (s, m, l)
}

/// Softcap, ALiBi, bias and masks on the scores of query `i`.
fn modify<T: Real>(head: &Head<T>, i: usize, row: &mut ArrayViewMut1<'_, T>, format: Format) {
    if let Some(cap) = head.softcap {
        row.mapv_inplace(|s| (s / cap).tanh());
        T::store_as(row.as_slice_mut().expect("a contiguous row"), format);
        row.mapv_inplace(|s| s * cap);
        T::store_as(row.as_slice_mut().expect("a contiguous row"), format);
    }
    for (j, s) in row.iter_mut().enumerate() {
        *s = if head.band.keeps(i, j) { head.biased(*s, i, j) } else { T::neg_infinity() };
    }
    store_scores_as(row.as_slice_mut().expect("a contiguous row"), format);
}

/// Softmax of one row in place, beside a sink whose weight is dropped; gives its maximum and sum.
fn softmax<T: Real>(row: &mut [T], sink: Option<T>) -> (T, T) {
    let max = row_max(row, sink.unwrap_or_else(T::neg_infinity));
    T::exp_minus(row, if max == T::neg_infinity() { T::zero() } else { max });
    let sum = row_sum(row) + sink.map_or(T::zero(), |sink| (sink - max).exp());
    // A row that sees no key keeps its weights of 0.
    let factor = if sum == T::zero() { T::zero() } else { T::one() / sum };
    scale_row(row, factor);
    (max, sum)
}

fn round<T: Real>(values: &mut Array2<T>, format: Format) {
    T::store_as(values.as_slice_mut().expect("a new matrix is contiguous"), format);
}
