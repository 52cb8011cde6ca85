//! The reference of a backward pass: gradients of one query at a time in f64, by the definition; what roundings make of
//! them; and plain gradients in the format of a run, the yardstick for their error.

use ndarray::{Array2, ArrayView1, ArrayView2, Zip};

use super::format::Format;
use super::naive;
use super::oracle;
use super::precision::{Precision, Real};
use super::problem::Head;
use super::stored::Stored;

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
    let mut all = Gradients::zeros(head);
    (0..head.n_q()).for_each(|i| Query::new(head, d_o.row(i), i).add_to(&mut all));
    all
}

/// The gradients, and beside them the sums of squares of what independent roundings change in them, in units of a
/// rounding: its root is how far a random walk of them goes (Higham and Mary, 2019).
///
/// Rounded are P and dS before their products, O where it is stored (after each of its visits, where `stored` says so), P
/// before P V, and dQ where it is stored at each visit. What is wrong with O is wrong with D by `sum_c dO_c err_c`, which is
/// one number for all keys of a query: where they have a direction in common, its error adds up and walks nowhere. What is
/// below the smallest normal number of `format` is rounded as that is.
pub fn with_squares(
    head: &Head<f64>,
    d_o: ArrayView2<'_, f64>,
    stored: Stored,
    format: Format,
) -> (Gradients, Gradients) {
    let (mut all, mut squares) = (Gradients::zeros(head), Gradients::zeros(head));
    for i in 0..head.n_q() {
        let query = Query::new(head, d_o.row(i), i);
        query.add_to(&mut all);
        query.add_squares_to(&mut squares, stored, format.smallest_normal());
    }
    (all, squares)
}

/// What one query makes of the keys that it sees.
struct Query<'a> {
    head: &'a Head<f64>,
    i: usize,
    /// `[d_v]`
    d_o: ArrayView1<'a, f64>,
    o: Vec<f64>,
    pairs: Vec<Pair>,
}

struct Pair {
    j: usize,
    /// Of P after dropout, which V and dO are multiplied by.
    weight: f64,
    /// dS and what it has of D, each times the scale.
    d_s: f64,
    of_delta: f64,
}

impl<'a> Query<'a> {
    fn new(head: &'a Head<f64>, d_o: ArrayView1<'a, f64>, i: usize) -> Self {
        let row = oracle::row(head, i);
        let delta: f64 = d_o.iter().zip(&row.o).map(|(d_o, o)| d_o * o).sum();
        let pair = |j: usize| {
            let keep = head.dropout_factor(i, j);
            let d_p = keep * d_o.dot(&head.v.row(j));
            let of_delta = row.p[j] * slope_of_softcap(head, i, j) * head.scale;
            Pair { j, weight: row.p[j] * keep, d_s: of_delta * (d_p - delta), of_delta }
        };
        let pairs = (0..head.n_k()).filter(|&j| head.sees(i, j)).map(pair).collect();
        Self { head, i, d_o, o: row.o, pairs }
    }

    fn add_to(&self, all: &mut Gradients) {
        for pair in &self.pairs {
            all.d_v.row_mut(pair.j).scaled_add(pair.weight, &self.d_o);
            all.d_q.row_mut(self.i).scaled_add(pair.d_s, &self.head.k.row(pair.j));
            all.d_k.row_mut(pair.j).scaled_add(pair.d_s, &self.head.q.row(self.i));
        }
    }

    fn add_squares_to(&self, all: &mut Gradients, stored: Stored, least: f64) {
        let at_least = |least: f64| move |x: f64| if x == 0.0 { 0.0 } else { x.abs().max(least) };
        // dS is rounded before it is multiplied by the scale.
        let (rounded, rounded_d_s) = (at_least(least), at_least(least * self.head.scale.abs()));
        let Head { q, k, v, .. } = self.head;
        let o = self.squares(v, |pair| pair.weight, rounded, stored.output_every);
        let delta: f64 = self.d_o.iter().zip(&self.o).zip(&o).map(|((d_o, o), more)| d_o * d_o * (o * o + more)).sum();
        let d_q = self.squares(k, |pair| pair.d_s, rounded_d_s, stored.d_q_every);
        let mut of_delta = vec![0.0; k.ncols()];
        for pair in &self.pairs {
            of_delta.iter_mut().zip(k.row(pair.j)).for_each(|(sum, k)| *sum += pair.of_delta * k);
            let of_d_s = rounded_d_s(pair.d_s).powi(2) + pair.of_delta.powi(2) * delta;
            let d_v = all.d_v.row_mut(pair.j).into_iter().zip(self.d_o);
            d_v.for_each(|(sum, d_o)| *sum += (rounded(pair.weight) * d_o).powi(2));
            let d_k = all.d_k.row_mut(pair.j).into_iter().zip(q.row(self.i));
            d_k.for_each(|(sum, q)| *sum += of_d_s * q * q);
        }
        let of_query = all.d_q.row_mut(self.i).into_iter().zip(d_q).zip(of_delta);
        of_query.for_each(|((sum, walked), together)| *sum += walked + delta * together * together);
    }

    /// Of `sum_j weight_j values_j` the squares of its terms, and of what it has come to after each block of `every` keys but
    /// the last, by component.
    fn squares(
        &self,
        values: &Array2<f64>,
        weight: impl Fn(&Pair) -> f64,
        rounded: impl Fn(f64) -> f64,
        every: Option<usize>,
    ) -> Vec<f64> {
        let (mut squares, mut sum) = (vec![0.0; values.ncols()], vec![0.0; values.ncols()]);
        for (n, pair) in self.pairs.iter().enumerate() {
            let is_stored =
                every.is_some_and(|keys| self.pairs.get(n + 1).is_some_and(|next| next.j / keys != pair.j / keys));
            for ((squares, sum), value) in squares.iter_mut().zip(&mut sum).zip(values.row(pair.j)) {
                let term = weight(pair) * value;
                *sum += term;
                *squares += (rounded(weight(pair)) * value).powi(2) + if is_stored { *sum * *sum } else { 0.0 };
            }
        }
        squares
    }
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
    fn zeros(head: &Head<f64>) -> Self {
        let (n_q, n_k, d, d_v) = (head.n_q(), head.n_k(), head.q.ncols(), head.v.ncols());
        Self { d_q: Array2::zeros((n_q, d)), d_k: Array2::zeros((n_k, d)), d_v: Array2::zeros((n_k, d_v)) }
    }

    /// Adds what another head makes of the same keys and values.
    pub fn add_keys_of(&mut self, other: &Gradients) {
        self.d_k += &other.d_k;
        self.d_v += &other.d_v;
    }
}
