//! The reference: attention of one query at a time in f64, simple enough to check by hand.

use ndarray::Array2;

use super::not_finite::{larger, scaled};
use super::problem::Head;

/// Everything attention computes for one query.
#[derive(Clone, Debug)]
pub struct Row {
    /// Scores after modifiers and masks, `[n_k]`.
    pub s: Vec<f64>,
    /// Softmax weights, `[n_k]`.
    pub p: Vec<f64>,
    /// Output, `[d_v]`.
    pub o: Vec<f64>,
    /// Largest score, a sink's among them; `-inf` for a row that sees no key and has no sink.
    pub m: f64,
    /// Sum of `exp(s - m)`, a sink's with the others; 0 for a row that sees no key and has no sink, and only for it.
    pub l: f64,
    /// Logsumexp `m + ln l`.
    pub lse: f64,
}

/// Attention of query `i`.
pub fn row(head: &Head<f64>, i: usize) -> Row {
    row_until(head, i, head.n_k())
}

/// Attention of query `i` over the keys before `end` alone: what a tiled algorithm has after the blocks of these keys.
/// What a NaN, an infinity or a row without keys gives is the rule of [`super::not_finite`].
pub fn row_until(head: &Head<f64>, i: usize, end: usize) -> Row {
    let end = end.min(head.n_k());
    let s: Vec<f64> = (0..end).map(|j| score(head, i, j)).collect();
    let m = s.iter().copied().fold(head.sink_at(i).unwrap_or(f64::NEG_INFINITY), larger);
    // Without a maximum to subtract, the weights are exp(-inf) = 0.
    let shift = if m == f64::NEG_INFINITY { 0.0 } else { m };
    // What is hidden weighs nothing, also in a row whose maximum is NaN.
    let e: Vec<f64> =
        s.iter().enumerate().map(|(j, s)| if head.sees(i, j) { (s - shift).exp() } else { 0.0 }).collect();
    let is_without_weight = m == f64::NEG_INFINITY && head.has_seen_all(i, end);
    let of_sink = head.sink_at(i).map_or(0.0, |sink| (sink - shift).exp());
    let l: f64 = if is_without_weight { f64::NAN } else { e.iter().sum::<f64>() + of_sink };
    let p: Vec<f64> =
        e.iter().enumerate().map(|(j, e)| if head.sees(i, j) && l != 0.0 { e / l } else { 0.0 }).collect();
    // Without a sum there are no weights, whatever dropout leaves of them.
    let mut o = vec![if l.is_nan() { l } else { 0.0 }; head.v.ncols()];
    for (j, &p) in p.iter().enumerate() {
        let weight = p * head.dropout_factor(i, j);
        if head.sees(i, j) && head.dropout_factor(i, j) != 0.0 {
            o.iter_mut().zip(head.v.row(j)).for_each(|(o, v)| *o += scaled(*v, weight));
        }
    }
    Row { s, p, o, m, l, lse: m + l.ln() }
}

/// The score of one pair: scale, softcap, ALiBi, bias, masks, in that order.
fn score(head: &Head<f64>, i: usize, j: usize) -> f64 {
    if !head.sees(i, j) {
        return f64::NEG_INFINITY;
    }
    let s = head.scale * head.q.row(i).iter().zip(head.k.row(j)).map(|(q, k)| q * k).sum::<f64>();
    let s = head.softcap.map_or(s, |cap| cap * (s / cap).tanh());
    head.biased(s, i, j)
}

/// The results of one head: O `[n_q, d_v]` and the row statistics, each `[n_q]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    pub o: Array2<f64>,
    pub m: Vec<f64>,
    pub l: Vec<f64>,
    pub lse: Vec<f64>,
}

/// Attention of every query of one head.
pub fn attention(head: &Head<f64>) -> Output {
    attention_by_row(head, |_, _| {})
}

/// The same; `each` sees every query's row.
pub fn attention_by_row(head: &Head<f64>, mut each: impl FnMut(usize, &Row)) -> Output {
    let n_q = head.n_q();
    let mut out = Output { o: Array2::zeros((n_q, head.v.ncols())), m: vec![], l: vec![], lse: vec![] };
    for i in 0..n_q {
        let row = row(head, i);
        each(i, &row);
        out.o.row_mut(i).iter_mut().zip(row.o).for_each(|(to, from)| *to = from);
        out.m.push(row.m);
        out.l.push(row.l);
        out.lse.push(row.lse);
    }
    out
}
