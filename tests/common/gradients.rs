//! The gradients of attention by the definition, in f64: an oracle for backward kernels.

use ndarray::{Array4, ArrayView2};
use tilescope::attention::{Precision, Problem, oracle};

/// dQ `[batch, heads, n_q, d]`, dK and dV `[batch, kv_heads, n_k, ..]`, summed over the query heads that share them.
#[derive(Clone, Debug)]
pub struct Gradients {
    pub dq: Array4<f64>,
    pub dk: Array4<f64>,
    pub dv: Array4<f64>,
}

impl Gradients {
    /// By name, as they lie in memory.
    pub fn named(&self) -> [(&'static str, &Array4<f64>); 3] {
        [("dQ", &self.dq), ("dK", &self.dk), ("dV", &self.dv)]
    }
}

/// Of a problem, for the gradient `d_o` of its output, `[batch, heads, n_q, d_v]`. What is hidden gives nothing.
pub fn exact(problem: &Problem, d_o: &Array4<f64>) -> Gradients {
    let mut all = Gradients {
        dq: Array4::zeros(problem.q.raw_dim()),
        dk: Array4::zeros(problem.k.raw_dim()),
        dv: Array4::zeros(problem.v.raw_dim()),
    };
    let shape = problem.shape;
    for (batch, head) in (0..shape.batch).flat_map(|b| (0..shape.heads).map(move |h| (b, h))) {
        let at = (batch, head, head / shape.group());
        add_head(problem, at, d_o.slice(ndarray::s![batch, head, .., ..]), &mut all);
    }
    all
}

fn add_head(problem: &Problem, (batch, at, kv): (usize, usize, usize), d_o: ArrayView2<'_, f64>, all: &mut Gradients) {
    let head = problem.head::<f64>(batch, at, Precision::F64);
    for i in 0..head.n_q() {
        let p = oracle::row(&head, i).p;
        let seen: Vec<usize> = (0..head.n_k()).filter(|&j| head.sees(i, j) && p[j] != 0.0).collect();
        // What of a weight dropout leaves, and of its gradient.
        let keep = |j: usize| head.dropout_factor(i, j);
        let of_kept = |j: usize| if keep(j) == 0.0 { 0.0 } else { keep(j) * d_o.row(i).dot(&head.v.row(j)) };
        let dp: Vec<f64> = seen.iter().map(|&j| of_kept(j)).collect();
        let delta: f64 = seen.iter().zip(&dp).map(|(&j, dp)| p[j] * dp).sum();
        for (&j, dp) in seen.iter().zip(&dp) {
            let dot = head.scale * head.q.row(i).dot(&head.k.row(j));
            let uncap = head.softcap.map_or(1.0, |cap| 1.0 - (dot / cap).tanh().powi(2));
            let ds = head.scale * p[j] * (dp - delta) * uncap;
            all.dq.slice_mut(ndarray::s![batch, at, i, ..]).scaled_add(ds, &head.k.row(j));
            all.dk.slice_mut(ndarray::s![batch, kv, j, ..]).scaled_add(ds, &head.q.row(i));
            all.dv.slice_mut(ndarray::s![batch, kv, j, ..]).scaled_add(keep(j) * p[j], &d_o.row(i));
        }
    }
}
