//! dQ, dK and dV of every backward text against finite differences of exact attention, under every mask and modifier; and the
//! texts that store S whole at the longest input that they are for.

use std::sync::Arc;

use ndarray::{Array2, Array4, ArrayViewMut2, s};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use tilescope::attention::input::random;
use tilescope::attention::{Mask, Pairs, Precision, Problem, Shape, gradients, oracle};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Setting, Tiling, algorithm};

use crate::common::{self, problems};

const STEP: f64 = 1e-5;

/// A direction of length 1.
fn unit(dim: (usize, usize), seed: u64) -> Array2<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let all = Array2::from_shape_simple_fn(dim, || rng.sample::<f64, _>(StandardNormal));
    let length = all.mapv(|x: f64| x * x).sum().sqrt();
    all / length
}

/// dQ of the head, dK and dV of the group move with this tensor of batch entry 0.
fn tensor<'a>(problem: &'a mut Problem, name: &str, head: usize) -> ArrayViewMut2<'a, f64> {
    let kv_head = problem.shape.kv_head(head);
    match name {
        "dQ" => problem.q.slice_mut(s![0, head, .., ..]),
        "dK" => problem.k.slice_mut(s![0, kv_head, .., ..]),
        _ => problem.v.slice_mut(s![0, kv_head, .., ..]),
    }
}

/// An array that hides a third of the pairs of each head, and all of some of its tiles.
fn hide_by_head(problem: &mut Problem, seed: u64) {
    let Shape { heads, n_q, n_k, .. } = problem.shape;
    let hides = |h: usize, i: usize, j: usize| {
        (i / 4 + j / 3 + h + seed as usize).is_multiple_of(3) || (i + 2 * j + h).is_multiple_of(7)
    };
    let value = |(_, h, i, j)| if hides(h, i, j) { f64::NEG_INFINITY } else { 0.0 };
    let bias = Array4::from_shape_fn((1, heads, n_q, n_k), value);
    problem.mask.array = Pairs::of_bias(&bias, n_k).map(Arc::new);
    problem.bias = Some(bias);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Shapes of few tokens to some tiles, groups of heads, softcap, ALiBi, bias, sinks, dropout, windows, all other masks, and
    /// arrays that hide other pairs from one head than from another.
    #[test]
    fn gradients_are_slopes_of_exact_attention((mut problem, tiling, _) in problems(), seed in 0u64..1000) {
        if seed % 3 == 0 {
            hide_by_head(&mut problem, seed);
        }
        let (shape, d_o) = (problem.shape, random::d_o(&problem.shape, seed));
        let group = shape.group();
        let head = seed as usize % shape.heads;
        let heads = head - head % group..head - head % group + group;
        let loss = |problem: &Problem| -> f64 {
            let of = |head: usize| {
                let o = oracle::attention(&problem.head::<f64>(0, head, Precision::F64)).o;
                (&o * &d_o.slice(s![0, head, .., ..])).sum()
            };
            heads.clone().map(of).sum()
        };
        let names = ["dQ", "dK", "dV"];
        let mut wanted = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            let along = unit(tensor(&mut problem.clone(), name, head).dim(), 3 * seed + at as u64);
            let moved = |by: f64| {
                let mut moved = problem.clone();
                tensor(&mut moved, name, head).scaled_add(by, &along);
                loss(&moved)
            };
            wanted.push((name, (moved(STEP) - moved(-STEP)) / (2.0 * STEP), along));
        }
        for text in algorithm::of_program().filter(|text| text.is_backward()) {
            let plan = Plan::of_heads(&problem, (0, heads.clone()), tiling, Precision::F64);
            let schedule = Schedule::of(text, Setting { heads: text.heads(&shape), ..Setting::new(plan) });
            let of_heads = d_o.slice(s![0, .., .., ..]);
            let run = Run::with_gradient(schedule, &problem, Some(of_heads), 0, head, |_| true);
            let run = run.map_err(|fault| TestCaseError::fail(format!("{}: {fault}", text.name())))?;
            for (name, want, along) in &wanted {
                let got = (run.results().called(name).expect("an output").as_ref() * along).sum();
                prop_assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{}: {name} {got}, not {want}", text.name());
            }
        }
    }
}

/// S and P of 2048 x 2048, causal, forward and backward, on two numbers a token.
#[test]
fn what_stores_all_scores_takes_2048_tokens() {
    const N: usize = 2048;
    let mut problem = random::read("random:2048,2048,2", 3).expect("an input").problem;
    problem.mask = Mask { causal: true, ..Mask::default() };
    let d_o = random::d_o(&problem.shape, 5);
    let run = |name: &str| {
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 128, bc: 128 }, Precision::F32);
        let schedule = Schedule::new(algorithm::by_name(name).expect("a text"), plan);
        Run::with_gradient(schedule, &problem, Some(d_o.slice(s![0, .., .., ..])), 0, 0, |_| true).expect("it runs")
    };
    let near = |name: &str, got: &Array2<f64>, want: &Array2<f64>| {
        assert_eq!(got.dim(), want.dim(), "{name}");
        let largest = want.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        // Written so that a NaN is wrong.
        assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() <= 1e-5 * largest), "{name}");
        assert!(largest > 0.1, "{name} is not all zero");
    };
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let forward = run("standard");
    near("O", &forward.output().expect("an output").o, &oracle::attention(&head).o);
    // A look back has the bits that it had.
    let (middle, end) = (forward.schedule.len() / 2, forward.schedule.len());
    let [first, _, again] = [middle, end, middle].map(|cursor| common::bits(&forward.view(cursor)));
    assert_eq!(first, again);
    let exact = gradients::gradients(&head, d_o.slice(s![0, 0, .., ..]));
    let backward = run("standard-backward");
    for (name, want) in [("dQ", &exact.d_q), ("dK", &exact.d_k), ("dV", &exact.d_v)] {
        near(name, backward.results().called(name).expect("an output").as_ref(), want);
        assert_eq!(want.nrows(), N);
    }
}
