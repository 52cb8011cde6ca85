//! The built-in cases: problems on which attention kernels go wrong. Sizes beside the block, every mask and modifier,
//! extreme scores.

use ndarray::{Array2, Array4};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use super::mask::Diagonal;
use super::{Align, Mask, Problem, Shape};

/// A problem with a name.
pub struct Case {
    pub name: String,
    pub problem: Problem,
}

/// Every built-in case; about 140.
pub fn cases() -> Vec<Case> {
    [sizes(), masks(), modifiers(), extremes()].into_iter().flatten().collect()
}

fn case(name: impl ToString, problem: Problem, change: impl FnOnce(&mut Problem)) -> Case {
    Case { name: name.to_string(), problem: with(problem, change) }
}

/// `problem` after `change`.
pub fn with(mut problem: Problem, change: impl FnOnce(&mut Problem)) -> Problem {
    change(&mut problem);
    problem
}

/// Normal values, rounded to f32 so that the oracle sees what a kernel sees.
fn normal([batch, heads, rows, cols]: [usize; 4], seed: u64) -> Array4<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    Array4::from_shape_simple_fn((batch, heads, rows, cols), || f64::from(rng.sample::<f32, _>(StandardNormal)))
}

/// An open problem of normal values.
pub fn problem(shape: Shape) -> Problem {
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = shape;
    let seed = (n_q * 1000 + n_k) as u64;
    let k = normal([batch, kv_heads, n_k, d], seed + 1);
    let v = normal([batch, kv_heads, n_k, d_v], seed + 2);
    Problem::new(normal([batch, heads, n_q, d], seed), k, v).expect("shapes that fit")
}

/// An open problem of one head.
pub fn single(n_q: usize, n_k: usize, d: usize) -> Problem {
    problem(Shape::single(n_q, n_k, d))
}

/// Sizes beside the block size, head dimensions beside the vector width, shared heads.
fn sizes() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |shape: Shape| cases.push(case(shape_name(&shape), problem(shape), |_| {}));
    for n in [1, 15, 16, 17, 31, 33, 61] {
        add(Shape::single(n, n, 16));
    }
    for (n_q, n_k) in [(1, 61), (61, 1), (17, 48), (48, 17), (16, 250), (250, 16)] {
        add(Shape::single(n_q, n_k, 8));
    }
    for (d, d_v) in [(1, 1), (8, 8), (59, 59), (64, 64), (80, 80), (128, 128), (64, 1), (1, 128), (128, 59)] {
        add(Shape { d_v, ..Shape::single(33, 31, d) });
    }
    for (batch, heads, kv_heads) in [(1, 4, 4), (1, 6, 2), (3, 2, 1), (2, 4, 2)] {
        add(Shape { batch, heads, kv_heads, ..Shape::single(17, 33, 8) });
    }
    cases
}

/// Causal and window masks in both alignments, key lengths down to 0.
fn masks() -> Vec<Case> {
    let mut cases = Vec::new();
    let windows = [(None, None), (Some(0), Some(0)), (Some(5), None), (None, Some(3)), (Some(16), Some(2))];
    for align in [Align::BottomRight, Align::TopLeft] {
        for (n_q, n_k) in [(33, 33), (61, 17), (17, 61), (64, 64)] {
            for (causal, (window_left, window_right)) in [false, true].into_iter().flat_map(|c| windows.map(|w| (c, w)))
            {
                let mask = Mask { causal, align, window_left, window_right, ..Mask::default() };
                let name = format!("{n_q} x {n_k}, {}", mask_name(&mask));
                cases.push(case(name, single(n_q, n_k, 8), |p| p.mask = mask));
            }
        }
    }
    let shape = Shape { batch: 5, heads: 2, kv_heads: 1, ..Shape::single(33, 40, 8) };
    for causal in [false, true] {
        let mask = Mask { causal, key_lengths: Some(vec![0, 1, 16, 23, 40]), ..Mask::default() };
        cases.push(case(mask_name(&mask), problem(shape), |p| p.mask = mask));
    }
    // The diagonal, and that of ALiBi, ends at each length: beside a block, and at primes.
    let shape = Shape { batch: 9, heads: 2, kv_heads: 1, ..Shape::single(33, 70, 8) };
    let lengths = || Some(vec![0, 1, 15, 17, 31, 33, 65, 67, 70]);
    let slopes = || Some(Array2::from_shape_fn((9, 2), |(b, h)| 0.5f64.powi((b + 3 * h) as i32)));
    for (align, window_left) in Align::ALL.into_iter().flat_map(|align| [None, Some(20)].map(|left| (align, left))) {
        let diagonal = Diagonal::Lengths;
        let mask = Mask { causal: true, align, window_left, key_lengths: lengths(), diagonal, ..Mask::default() };
        cases.push(case(mask_name(&mask), problem(shape), |p| (p.mask, p.alibi_slopes) = (mask, slopes())));
    }
    cases
}

/// Softcap, ALiBi and bias, with infinities and in every broadcast, alone and together.
fn modifiers() -> Vec<Case> {
    let mut cases = Vec::new();
    let shape = Shape { batch: 2, heads: 4, kv_heads: 2, ..Shape::single(33, 45, 24) };
    let causal = |align| Mask { causal: true, align, ..Mask::default() };
    for (cap, times) in [(30.0, 1.0), (0.5, 4.0), (50.0, 40.0)] {
        let change = |p: &mut Problem| (p.softcap, p.scale) = (Some(cap), p.scale * times);
        cases.push(case(format!("softcap {cap}, scores times {times}"), problem(shape), change));
    }
    let slopes = || Some(Array2::from_shape_fn((2, 4), |(b, h)| 0.5f64.powi((b + 2 * h) as i32)));
    for mask in [Mask::default(), causal(Align::BottomRight), causal(Align::TopLeft)] {
        let name = format!("ALiBi, {}", mask_name(&mask));
        cases.push(case(name, problem(shape), |p| (p.alibi_slopes, p.mask) = (slopes(), mask)));
    }
    for size in [[2, 4, 33, 45], [1, 1, 33, 45], [2, 1, 1, 45], [1, 4, 33, 1], [1, 1, 1, 1]] {
        let bias = normal(size, 7);
        let mut holes = bias.clone();
        // Every third pair, and all of the first row: a query that sees nothing because of its bias.
        holes.indexed_iter_mut().filter(|((_, _, i, j), _)| (i + j) % 3 == 0 || *i == 0).for_each(|(_, b)| {
            *b = f64::NEG_INFINITY;
        });
        cases.push(case(format!("bias {size:?}"), problem(shape), |p| p.bias = Some(bias)));
        let mask = causal(Align::BottomRight);
        let name = format!("bias {size:?} with -inf, causal");
        cases.push(case(name, problem(shape), |p| (p.bias, p.mask) = (Some(holes), mask)));
    }
    cases.push(case("everything at once", problem(shape), |p| {
        (p.softcap, p.scale, p.alibi_slopes, p.bias) = (Some(2.0), -0.7, slopes(), Some(normal([1, 4, 33, 45], 8)));
        let key_lengths = Some(vec![45, 31]);
        p.mask = Mask { window_left: Some(20), key_lengths, ..causal(Align::BottomRight) };
    }));
    cases
}

/// Scores at which a careless sentinel, maximum, exponential or product goes wrong.
fn extremes() -> Vec<Case> {
    let mut cases = Vec::new();
    for level in [1e4, -1e4, -2e4, -6e4] {
        for causal in [false, true] {
            let mask = Mask { causal, ..Mask::default() };
            cases.push(case(format!("scores near {level}, causal {causal}"), single(33, 33, 8), |p| {
                // One component carries the level, the others tell the keys apart.
                (p.scale, p.mask) = (1.0, mask);
                p.q.slice_mut(ndarray::s![.., .., .., 0]).fill(level);
                p.k.slice_mut(ndarray::s![.., .., .., 0]).fill(1.0);
            }));
        }
    }
    cases.push(case("scores within 1e4 either way", single(61, 61, 16), |p| p.scale = 600.0));
    cases.push(case("equal scores", single(33, 61, 16), |p| p.q.fill(0.0)));
    for step in [0.5, 4.0, -4.0] {
        cases.push(case(format!("scores in steps of {step}"), single(33, 61, 8), |p| {
            // Rising, each tile's maximum makes that of all before it old; falling, none does.
            p.scale = step / 8.0;
            p.q.fill(1.0);
            p.k.indexed_iter_mut().for_each(|((_, _, j, _), x)| *x = j as f64);
        }));
    }
    cases.push(case("no key at all", single(20, 20, 8), |p| p.mask.key_lengths = Some(vec![0])));
    cases
}

fn shape_name(shape: &Shape) -> String {
    let Shape { batch, heads, kv_heads, n_q, n_k, d, d_v } = shape;
    let mut name = format!("{n_q} x {n_k}, d {d}");
    if d_v != d {
        name += &format!(", d_v {d_v}");
    }
    if batch * heads > 1 {
        name += &format!(", batch {batch}, heads {heads}, kv heads {kv_heads}");
    }
    name
}

fn mask_name(mask: &Mask) -> String {
    let mut parts = Vec::new();
    if mask.causal {
        parts.push("causal".to_owned());
    }
    if mask.window_left.is_some() || mask.window_right.is_some() {
        let side = |side: Option<usize>| side.map_or("any".to_owned(), |keys| keys.to_string());
        parts.push(format!("window {} and {}", side(mask.window_left), side(mask.window_right)));
    }
    if let Some(lengths) = &mask.key_lengths {
        parts.push(format!("key lengths {lengths:?}"));
    }
    if mask.diagonal == Diagonal::Lengths {
        parts.push("a diagonal of each".to_owned());
    }
    if parts.is_empty() {
        parts.push("no mask".to_owned());
    }
    parts.push(mask.align.name().to_owned());
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_case_has_a_name_of_its_own_and_is_valid() {
        let cases = super::cases();
        let names: std::collections::HashSet<_> = cases.iter().map(|case| &case.name).collect();
        assert_eq!(names.len(), cases.len());
        for case in &cases {
            case.problem.validate().unwrap_or_else(|error| panic!("{}: {error}", case.name));
        }
    }
}
