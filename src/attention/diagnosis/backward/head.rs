//! The backward pass of one query head as whole matrices, and what a slip changes in it.

use ndarray::{Array1, Array2, Axis, Zip};

use crate::attention::gradients::{Gradients, slope_of_softcap};
use crate::attention::{Head, oracle};

/// What a backward pass of one head knows, in f64.
pub struct HeadParts {
    pub head: Head<f64>,
    /// Those that there are: the rows after them are padding.
    pub queries: usize,
    /// `[n_q, d_v]`
    pub d_o: Array2<f64>,
    /// Scores with modifiers and without any mask, `[n_q, n_k]`.
    pub s: Array2<f64>,
    /// A query sees a key, `[n_q, n_k]`.
    pub sees: Array2<bool>,
    /// L and the maximum of each row, as the forward pass has them.
    pub lse: Array1<f64>,
    pub m: Array1<f64>,
    /// The factors of dropout, and the slope of a softcap, `[n_q, n_k]`.
    pub keep: Array2<f64>,
    pub slope: Array2<f64>,
    /// dO V^T, `[n_q, n_k]`.
    pub d_p: Array2<f64>,
    /// D, the rowsum of dO * O.
    pub delta: Array1<f64>,
}

/// The two matrices that gradients are products of, and what those products are multiplied by.
#[derive(Clone)]
pub struct Factors {
    /// The weights that dO is summed with to dV, `[n_q, n_k]`.
    pub of_v: Array2<f64>,
    pub d_s: Array2<f64>,
    pub scale_q: f64,
    pub scale_k: f64,
}

impl HeadParts {
    pub fn new(head: Head<f64>, queries: usize, d_o: Array2<f64>) -> Self {
        let shape = (head.n_q(), head.n_k());
        let rows: Vec<oracle::Row> = (0..head.n_q()).map(|i| oracle::row(&head, i)).collect();
        let dots = head.q.dot(&head.k.t());
        let s = Array2::from_shape_fn(shape, |(i, j)| {
            let s = head.scale * dots[[i, j]];
            head.biased(head.softcap.map_or(s, |cap| cap * (s / cap).tanh()), i, j)
        });
        let column = |value: fn(&oracle::Row) -> f64| rows.iter().map(value).collect::<Array1<f64>>();
        let delta =
            rows.iter().zip(d_o.rows()).map(|(row, d_o)| row.o.iter().zip(d_o).map(|(o, d)| o * d).sum::<f64>());
        Self {
            sees: Array2::from_shape_fn(shape, |(i, j)| head.sees(i, j)),
            lse: column(|row| row.lse),
            m: column(|row| row.m),
            keep: Array2::from_shape_fn(shape, |(i, j)| head.dropout_factor(i, j)),
            slope: Array2::from_shape_fn(shape, |(i, j)| slope_of_softcap(&head, i, j)),
            d_p: d_o.dot(&head.v.t()),
            delta: delta.collect(),
            s,
            head,
            queries,
            d_o,
        }
    }

    /// P of the pairs that `sees`, with `lse` in the place of L. A row that sees nothing weighs nothing.
    pub fn weights(&self, sees: &Array2<bool>, lse: &Array1<f64>) -> Array2<f64> {
        let weight = |(i, j)| {
            let is_seen = sees[[i, j]] && lse[i] != f64::NEG_INFINITY;
            if is_seen { (self.s[[i, j]] - lse[i]).exp() } else { 0.0 }
        };
        Array2::from_shape_fn(self.s.dim(), weight)
    }

    /// What the right weights make.
    pub fn right(&self) -> Factors {
        self.with(&self.weights(&self.sees, &self.lse))
    }

    /// What these weights make, all else as it should be.
    pub fn with(&self, p: &Array2<f64>) -> Factors {
        self.of(p, &self.keep, &self.keep, &self.delta)
    }

    /// What these weights make with factors of dropout for dV and for dP, and with this D.
    pub fn of(&self, p: &Array2<f64>, of_v: &Array2<f64>, of_p: &Array2<f64>, delta: &Array1<f64>) -> Factors {
        let mut d_s = &self.d_p * of_p - delta.view().insert_axis(Axis(1));
        Zip::from(&mut d_s).and(p).and(&self.slope).for_each(|d_s, p, slope| {
            *d_s = if *p == 0.0 { 0.0 } else { *d_s * p * slope };
        });
        let scale = self.head.scale;
        Factors { of_v: p * of_v, d_s, scale_q: scale, scale_k: scale }
    }

    pub fn gradients(&self, factors: &Factors) -> Gradients {
        let Factors { of_v, d_s, scale_q, scale_k } = factors;
        Gradients {
            d_q: d_s.dot(&self.head.k) * *scale_q,
            d_k: d_s.t().dot(&self.head.q) * *scale_k,
            d_v: of_v.t().dot(&self.d_o),
        }
    }
}
