//! What a program tells of one row, and the softmax that suspects make of scores.

use crate::attention::{Head, oracle};

/// The output of a row, and its logsumexp.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// `[d_v]`
    pub o: Vec<f64>,
    pub lse: f64,
}

impl Told {
    /// As the oracle has it.
    pub fn exact(head: &Head<f64>, i: usize) -> Self {
        let row = oracle::row(head, i);
        Self { o: row.o, lse: row.lse }
    }

    /// The softmax of `scores`, and of a sink, over the values of `head`, where what is -inf weighs nothing.
    pub fn softmax(head: &Head<f64>, i: usize, scores: &[f64]) -> Self {
        let sink = head.sink_at(i).unwrap_or(f64::NEG_INFINITY);
        let m = scores.iter().copied().fold(sink, f64::max);
        let weights = scores.iter().map(|s| if *s == f64::NEG_INFINITY { 0.0 } else { (s - m).exp() });
        let weights: Vec<f64> = weights.collect();
        let of_sink = if sink == f64::NEG_INFINITY { 0.0 } else { (sink - m).exp() };
        let l: f64 = weights.iter().sum::<f64>() + of_sink;
        let o = weigh(head, i, 0, &weights);
        Self { o: o.into_iter().map(|o| if l == 0.0 { 0.0 } else { o / l }).collect(), lse: m + l.ln() }
    }

    /// Each component of O.
    pub fn with_o(self, change: impl Fn(f64) -> f64) -> Self {
        Self { o: self.o.into_iter().map(change).collect(), ..self }
    }
}

/// The weighted sum of the values from key `first` on, with dropout.
pub fn weigh(head: &Head<f64>, i: usize, first: usize, weights: &[f64]) -> Vec<f64> {
    let mut o = vec![0.0; head.v.ncols()];
    for (j, p) in (first..).zip(weights).filter(|(_, p)| **p != 0.0) {
        let p = p * head.dropout_factor(i, j);
        o.iter_mut().zip(head.v.row(j)).for_each(|(o, v)| *o += p * v);
    }
    o
}

/// The scores of a row with modifiers and without any mask.
pub fn unmasked(head: &Head<f64>, i: usize) -> Vec<f64> {
    let dot = |j: usize| head.q.row(i).iter().zip(head.k.row(j)).map(|(q, k)| q * k).sum::<f64>();
    let capped = |s: f64| head.softcap.map_or(s, |cap| cap * (s / cap).tanh());
    (0..head.n_k()).map(|j| head.biased(capped(head.scale * dot(j)), i, j)).collect()
}
