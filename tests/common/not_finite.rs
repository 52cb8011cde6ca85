//! Problems with NaN, infinities and rows that see no key, and what the rule of `attention::not_finite` gives for each:
//! worked out key by key, apart from everything in the program.

use ndarray::{Array2, Array4, s};
use tilescope::attention::cases::{Case, single, with};
use tilescope::attention::oracle::Output;
use tilescope::attention::{Align, Mask, Problem};

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

/// Whether query `i` sees key `j` of batch entry 0: the definition of the masks, written out once more.
pub fn sees(problem: &Problem, head: usize, i: usize, j: usize) -> bool {
    let (mask, shape) = (&problem.mask, problem.shape);
    let offset = if mask.align == Align::TopLeft { 0 } else { shape.n_k as i64 - shape.n_q as i64 };
    let distance = j as i64 - i as i64 - offset;
    let exists = mask.key_lengths.as_ref().is_none_or(|lengths| j < lengths[0]);
    let left = mask.window_left.is_none_or(|left| distance >= -(left as i64));
    let right = mask.window_right.is_none_or(|right| distance <= right as i64);
    exists && left && right && (!mask.causal || distance <= 0) && bias(problem, head, i, j) != -INF
}

fn bias(problem: &Problem, head: usize, i: usize, j: usize) -> f64 {
    problem.bias.as_ref().map_or(0.0, |bias| {
        let (_, heads, rows, cols) = bias.dim();
        bias[[0, head.min(heads - 1), i.min(rows - 1), j.min(cols - 1)]]
    })
}

/// O, m, l and L of one head of batch entry 0.
pub fn expected(problem: &Problem, head: usize) -> Output {
    let shape = problem.shape;
    let kv_head = head / (shape.heads / shape.kv_heads);
    let mut out = Output { o: Array2::zeros((shape.n_q, shape.d_v)), m: vec![], l: vec![], lse: vec![] };
    for i in 0..shape.n_q {
        let keys: Vec<usize> = (0..shape.n_k).filter(|&j| sees(problem, head, i, j)).collect();
        let score = |j: usize| {
            let dot: f64 = (0..shape.d).map(|c| problem.q[[0, head, i, c]] * problem.k[[0, kv_head, j, c]]).sum();
            let s = dot * problem.scale;
            let s = problem.softcap.map_or(s, |cap| cap * (s / cap).tanh());
            s + bias(problem, head, i, j)
        };
        let scores: Vec<f64> = keys.iter().map(|&j| score(j)).collect();
        let (m, l, o) = row(&scores, |n, c| problem.v[[0, kv_head, keys[n], c]], shape.d_v);
        out.m.push(m);
        out.l.push(l);
        out.lse.push(if keys.is_empty() { -INF } else { m + l.ln() });
        out.o.row_mut(i).iter_mut().zip(o).for_each(|(to, from)| *to = from);
    }
    out
}

/// m, l and O of a row from what it sees, by the table of the rule.
fn row(scores: &[f64], value: impl Fn(usize, usize) -> f64, d_v: usize) -> (f64, f64, Vec<f64>) {
    if scores.is_empty() {
        return (-INF, 0.0, vec![0.0; d_v]);
    }
    if scores.iter().any(|s| s.is_nan()) {
        return (NAN, NAN, vec![NAN; d_v]);
    }
    let m = scores.iter().copied().fold(-INF, f64::max);
    if m.is_infinite() {
        return (m, NAN, vec![NAN; d_v]);
    }
    let l: f64 = scores.iter().map(|s| (s - m).exp()).sum();
    let o = (0..d_v).map(|c| {
        let values: Vec<f64> = (0..scores.len()).map(|n| value(n, c)).collect();
        let has = |x: f64| values.contains(&x);
        match () {
            () if values.iter().any(|v| v.is_nan()) || has(INF) && has(-INF) => NAN,
            () if has(INF) => INF,
            () if has(-INF) => -INF,
            () => scores.iter().zip(&values).map(|(s, v)| (s - m).exp() / l * v).sum(),
        }
    });
    (m, l, o.collect())
}

/// Every kind of place for something that is not finite, under every kind of mask, at a size.
pub fn cases(n_q: usize, n_k: usize, d: usize) -> Vec<Case> {
    let mut cases = Vec::new();
    for (mask_name, mask) in masks(n_q, n_k) {
        for (name, change) in places() {
            let problem = with(base(n_q, n_k, d), |p| {
                p.mask = mask.clone();
                change(p);
            });
            cases.push(Case { name: format!("{name}, {mask_name}, {n_q} x {n_k}"), problem });
        }
    }
    cases
}

/// Multiples of 1/64, which are the same number in every format.
fn base(n_q: usize, n_k: usize, d: usize) -> Problem {
    with(single(n_q, n_k, d), |p| {
        for tensor in [&mut p.q, &mut p.k, &mut p.v] {
            tensor.mapv_inplace(|x| (x * 64.0).round() / 64.0);
        }
    })
}

fn masks(n_q: usize, n_k: usize) -> Vec<(&'static str, Mask)> {
    let causal = Mask { causal: true, ..Mask::default() };
    vec![
        ("no mask", Mask::default()),
        ("causal", causal.clone()),
        ("causal from the top left", Mask { align: Align::TopLeft, ..causal.clone() }),
        ("a window", Mask { window_left: Some(1), window_right: Some(1), ..Mask::default() }),
        ("a key length", Mask { key_lengths: Some(vec![(n_k * 2 / 3).max(1)]), ..Mask::default() }),
        ("no keys", Mask { key_lengths: Some(vec![0]), ..Mask::default() }),
        ("causal and a key length", Mask { key_lengths: Some(vec![n_q.min(n_k).div_ceil(2)]), ..causal }),
    ]
}

type Change = Box<dyn Fn(&mut Problem)>;

/// What is put where. Middle and last places are seen by some queries and hidden from others, by every mask above.
fn places() -> Vec<(String, Change)> {
    let mut places: Vec<(String, Change)> = Vec::new();
    for (what, x) in [("NaN", NAN), ("inf", INF), ("-inf", -INF)] {
        let mut add = |place: &str, change: Change| places.push((format!("{what} in {place}"), change));
        add("a query", Box::new(move |p| p.q[[0, 0, p.shape.n_q / 2, 0]] = x));
        add("a key", Box::new(move |p| p.k[[0, 0, p.shape.n_k / 2, 0]] = x));
        add("the last key", Box::new(move |p| p.k[[0, 0, p.shape.n_k - 1, 0]] = x));
        add("a value", Box::new(move |p| p.v[[0, 0, p.shape.n_k / 2, p.shape.d_v - 1]] = x));
        add("the last values", Box::new(move |p| p.v.slice_mut(s![.., .., p.shape.n_k - 1, ..]).fill(x)));
        add("the first values", Box::new(move |p| p.v.slice_mut(s![.., .., 0, ..]).fill(x)));
        add("a bias", Box::new(move |p| *middle(p) = x));
        add("the bias of a row", Box::new(move |p| all(p).slice_mut(s![.., .., 0, ..]).fill(x)));
    }
    places.push(("infinities of both signs in one component".into(), Box::new(both_infinities)));
    places.push(("NaN behind a bias of -inf".into(), Box::new(behind_a_bias)));
    places.push(("scores of -inf alone".into(), Box::new(only_minus_infinity)));
    places.push(("scores of -inf alone beside a bias".into(), Box::new(only_minus_infinity_biased)));
    places.push(("scores of -inf but for the last key".into(), Box::new(minus_infinity_at_first)));
    places.push(("weights that round to 0 for what is not finite".into(), Box::new(|p| small_weights(p, 0, 40.0))));
    places.push((
        "the same where the maximum comes first".into(),
        Box::new(|p| small_weights(p, p.shape.n_k - 1, -40.0)),
    ));
    places.push(("softcap of an infinite score".into(), Box::new(|p| capped(p, INF))));
    places.push(("softcap of a score of NaN".into(), Box::new(|p| capped(p, NAN))));
    places.push(("nothing odd".into(), Box::new(|_| {})));
    places
}

/// A bias of all pairs.
fn all(p: &mut Problem) -> &mut Array4<f64> {
    let (n_q, n_k) = (p.shape.n_q, p.shape.n_k);
    p.bias.get_or_insert_with(|| Array4::from_shape_fn((1, 1, n_q, n_k), |(_, _, i, j)| ((i + j) % 3) as f64 / 4.0))
}

fn middle(p: &mut Problem) -> &mut f64 {
    let (i, j) = (p.shape.n_q / 2, p.shape.n_k / 2);
    &mut all(p)[[0, 0, i, j]]
}

fn both_infinities(p: &mut Problem) {
    p.v[[0, 0, 0, 0]] = INF;
    p.v[[0, 0, p.shape.n_k - 1, 0]] = -INF;
}

/// Everything of the middle key is NaN, its scores are infinite too, and every second query has it hidden by its bias.
fn behind_a_bias(p: &mut Problem) {
    let key = p.shape.n_k / 2;
    p.k.slice_mut(s![.., .., key, ..]).fill(NAN);
    p.v.slice_mut(s![.., .., key, ..]).fill(NAN);
    for i in (0..p.shape.n_q).step_by(2) {
        all(p)[[0, 0, i, key]] = -INF;
    }
}

/// Query 0 has a score of -inf with every key, the middle query with all but the last.
fn only_minus_infinity(p: &mut Problem) {
    let (middle, last) = (p.shape.n_q / 2, p.shape.n_k - 1);
    for i in [middle, 0] {
        p.q.slice_mut(s![.., .., i, ..]).fill(0.0);
        p.q[[0, 0, i, 0]] = -INF;
    }
    p.k.slice_mut(s![.., .., .., 0]).fill(1.0);
    if middle > 0 {
        // NaN, not -inf: the row is what one such key makes it.
        p.k[[0, 0, last, 0]] = 0.0;
    }
}

fn only_minus_infinity_biased(p: &mut Problem) {
    only_minus_infinity(p);
    all(p);
}

/// A tile of the first keys has no weights yet; a row that sees the last key has one.
fn minus_infinity_at_first(p: &mut Problem) {
    p.q.slice_mut(s![.., .., .., 0]).fill(1.0);
    p.k.slice_mut(s![.., .., ..p.shape.n_k - 1, 0]).fill(-INF);
}

/// Scores that rise by `step` from key to key: every weight but a few is 0 in f32, also that of `odd`, whose V is odd.
fn small_weights(p: &mut Problem, odd: usize, step: f64) {
    p.scale = 1.0;
    p.q.fill(0.0);
    p.q.slice_mut(s![.., .., .., 0]).fill(1.0);
    p.k.slice_mut(s![.., .., .., 0]).indexed_iter_mut().for_each(|((_, _, j), k)| *k = step * j as f64);
    p.v[[0, 0, odd, 0]] = INF;
    p.v[[0, 0, odd, p.shape.d_v - 1]] = NAN;
}

/// A score of +inf is the cap, a number; of NaN nothing makes one.
fn capped(p: &mut Problem, x: f64) {
    p.softcap = Some(2.0);
    p.q[[0, 0, p.shape.n_q / 2, 0]] = x;
    p.k.slice_mut(s![.., .., .., 0]).mapv_inplace(|k| if k == 0.0 { 1.0 } else { k });
}

/// What of `got` is not as `want` has it: NaN and infinities at the same places, numbers within `tolerance` of 1 or
/// of the largest.
pub fn differences(got: &Output, want: &Output, tolerance: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut compare = |name: &str, got: Vec<f64>, want: Vec<f64>| {
        assert_eq!(got.len(), want.len(), "{name}");
        let largest = want.iter().filter(|x| x.is_finite()).fold(1.0, |most: f64, x| most.max(x.abs()));
        for (at, (got, want)) in got.into_iter().zip(want).enumerate() {
            let same = got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= tolerance * largest;
            if !same {
                wrong.push(format!("{name}[{at}] is {got}, not {want}"));
            }
        }
    };
    compare("O", got.o.iter().copied().collect(), want.o.iter().copied().collect());
    compare("m", got.m.clone(), want.m.clone());
    compare("l", got.l.clone(), want.l.clone());
    compare("L", got.lse.clone(), want.lse.clone());
    wrong
}
