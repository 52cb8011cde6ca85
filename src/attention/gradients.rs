//! The reference of a backward pass: gradients of one query at a time in f64, by the definition; and plain gradients in
//! the format of a run, the yardstick for their error.

use ndarray::{Array2, ArrayView2, Zip};

use super::naive;
use super::oracle;
use super::precision::{Precision, Real};
use super::problem::Head;

/// Gradients of one query head: of Q `[n_q, d]`, and what it adds to those of K `[n_k, d]` and V `[n_k, d_v]`, which query
/// heads that share them sum up.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    pub d_q: Array2<f64>,
    pub d_k: Array2<f64>,
    pub d_v: Array2<f64>,
}

/// The gradients of a head for the gradient `d_o` of its output, `[n_q, d_v]`.
///
/// `dV = P^T dO`, `dP = dO V^T`, `D = rowsum(dO * O)`, `dS = P * (dP - D)`, `dQ = scale dS K`, `dK = scale dS^T Q`, with
/// the factors of dropout on P in `dV` and on `dP`, and the slope of a softcap on `dS`. ALiBi and bias are added to
/// scores, so they change P alone.
pub fn gradients(head: &Head<f64>, d_o: ArrayView2<'_, f64>) -> Gradients {
    let (n_q, n_k, d, d_v) = (head.n_q(), head.n_k(), head.q.ncols(), head.v.ncols());
    let mut all =
        Gradients { d_q: Array2::zeros((n_q, d)), d_k: Array2::zeros((n_k, d)), d_v: Array2::zeros((n_k, d_v)) };
    for i in 0..n_q {
        let row = oracle::row(head, i);
        let d_row = d_o.row(i);
        let delta: f64 = d_row.iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum();
        for j in (0..n_k).filter(|&j| head.sees(i, j)) {
            let (p, keep) = (row.p[j], head.dropout_factor(i, j));
            let d_p = keep * d_row.dot(&head.v.row(j));
            let d_s = p * (d_p - delta) * slope_of_softcap(head, i, j) * head.scale;
            all.d_v.row_mut(j).scaled_add(p * keep, &d_row);
            all.d_q.row_mut(i).scaled_add(d_s, &head.k.row(j));
            all.d_k.row_mut(j).scaled_add(d_s, &head.q.row(i));
        }
    }
    all
}

/// The sums of squares that roundings of dS and P, independent of each other, make of gradients: what is rounded is of the
/// size of `P (|dP| + |D|)` before D is taken off.
pub fn squares(head: &Head<f64>, d_o: ArrayView2<'_, f64>) -> Gradients {
    let (n_q, n_k, d, d_v) = (head.n_q(), head.n_k(), head.q.ncols(), head.v.ncols());
    let mut all =
        Gradients { d_q: Array2::zeros((n_q, d)), d_k: Array2::zeros((n_k, d)), d_v: Array2::zeros((n_k, d_v)) };
    let add = |mut to: ndarray::ArrayViewMut1<'_, f64>, weight: f64, of: ndarray::ArrayView1<'_, f64>| {
        to.iter_mut().zip(of).for_each(|(sum, x)| *sum += (weight * x).powi(2));
    };
    for i in 0..n_q {
        let row = oracle::row(head, i);
        let d_row = d_o.row(i);
        let delta: f64 = d_row.iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum();
        for j in (0..n_k).filter(|&j| head.sees(i, j)) {
            let (p, keep) = (row.p[j], head.dropout_factor(i, j));
            let d_p = keep * d_row.dot(&head.v.row(j));
            let d_s = p * (d_p.abs() + delta.abs()) * slope_of_softcap(head, i, j) * head.scale;
            add(all.d_v.row_mut(j), p * keep, d_row);
            add(all.d_q.row_mut(i), d_s, head.k.row(j));
            add(all.d_k.row_mut(j), d_s, head.q.row(i));
        }
    }
    all
}

/// The gradient of the logit of a head's sink, which every row has: `-sum_i exp(sink - L_i) D_i`. 0 without a sink.
pub fn of_sink(head: &Head<f64>, d_o: ArrayView2<'_, f64>) -> f64 {
    let of_row = |i: usize| {
        let Some(sink) = head.sink_at(i) else { return 0.0 };
        let row = oracle::row(head, i);
        let delta: f64 = d_o.row(i).iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum();
        -(sink - row.lse).exp() * delta
    };
    (0..head.n_q()).map(of_row).sum()
}

/// The same of un-fused attention in `precision`, from its stored O.
pub fn plain_of_sink(head: &Head<f32>, d_o: ArrayView2<'_, f64>, precision: Precision) -> f64 {
    let output = naive::attention(head, precision);
    let mut d_o = d_o.mapv(|x| x as f32).as_standard_layout().into_owned();
    f32::store_as(d_o.as_slice_mut().expect("a new matrix is contiguous"), precision.format_of("dO"));
    let of_row = |i: usize| {
        let Some(sink) = head.sink_at(i) else { return 0.0 };
        let delta: f32 = d_o.row(i).iter().zip(output.o.row(i)).map(|(d_o, o)| d_o * *o as f32).sum();
        -(sink - output.lse[i] as f32).exp() * delta
    };
    f64::from((0..head.n_q()).map(of_row).sum::<f32>())
}

/// The sum of the squares of all products that [`of_sink`] is a sum of: roundings of them add up to a share of its root.
pub fn squares_of_sink(head: &Head<f64>, d_o: ArrayView2<'_, f64>) -> f64 {
    let of_row = |i: usize| {
        let Some(sink) = head.sink_at(i) else { return 0.0 };
        let row = oracle::row(head, i);
        let squares: f64 = d_o.row(i).iter().zip(&row.o).map(|(d_o, o)| (d_o * o).powi(2)).sum();
        (2.0 * (sink - row.lse)).exp() * squares
    };
    (0..head.n_q()).map(of_row).sum()
}

/// How much a capped score of a pair changes with the score below it: `1 - tanh(s / cap)^2`; 1 without a cap.
pub(super) fn slope_of_softcap<T: Real>(head: &Head<T>, i: usize, j: usize) -> T {
    let Some(cap) = head.softcap else { return T::one() };
    let s = head.scale * head.q.row(i).dot(&head.k.row(j));
    let squashed = (s / cap).tanh();
    T::one() - squashed * squashed
}

/// What un-fused attention gives in `precision`: P, dP and dS are whole matrices, each rounded when it is stored.
pub fn plain(head: &Head<f32>, d_o: ArrayView2<'_, f64>, precision: Precision) -> Gradients {
    let stored = |name: &str, mut values: Array2<f32>| {
        f32::store_as(values.as_slice_mut().expect("a new matrix is contiguous"), precision.format_of(name));
        values
    };
    let d_o = stored("dO", d_o.mapv(|x| x as f32).as_standard_layout().to_owned());
    // The softmax as it is before dropout.
    let (p, ..) = naive::weights(&Head { dropout: None, ..head.clone() }, 0..head.n_q(), precision);
    let keep = Array2::from_shape_fn(p.dim(), |(i, j)| head.dropout_factor(i, j));
    let kept = stored("P", &p * &keep);
    let o = stored("O", kept.dot(&head.v));
    let d_v = stored("dV", kept.t().dot(&d_o).as_standard_layout().to_owned());
    let mut d_s = stored("dP", d_o.dot(&head.v.t()).as_standard_layout().to_owned());
    let delta: Vec<f32> = d_o.rows().into_iter().zip(o.rows()).map(|(d_o, o)| d_o.dot(&o)).collect();
    Zip::indexed(&mut d_s).and(&p).and(&keep).for_each(|(i, j), d_s, p, keep| {
        // What is hidden has a weight of 0, and adds nothing.
        *d_s = if *p == 0.0 { 0.0 } else { p * (*d_s * keep - delta[i]) * slope_of_softcap(head, i, j) };
    });
    let d_s = stored("dS", d_s);
    let scaled = |name, gradient: Array2<f32>| stored(name, (gradient * head.scale).as_standard_layout().to_owned());
    let widened = |gradient: Array2<f32>| gradient.mapv(f64::from);
    Gradients {
        d_q: widened(scaled("dQ", d_s.dot(&head.k))),
        d_k: widened(scaled("dK", d_s.t().dot(&head.q))),
        d_v: widened(d_v),
    }
}

impl Gradients {
    /// Adds what another head makes of the same keys and values.
    pub fn add_keys_of(&mut self, other: &Gradients) {
        self.d_k += &other.d_k;
        self.d_v += &other.d_v;
    }
}
