//! Learned sinks against their definition: a softmax with one column more, whose weight is dropped, worked out here from
//! the scores alone.

use ndarray::Array1;
use proptest::prelude::*;
use tilescope::attention::gradients;
use tilescope::attention::{Dropout, Mask, Precision, Problem, oracle};
use tilescope::machine::{self, Given, MeterIndex};
use tilescope::schedule::{Plan, Schedule, Setting, Tiling, algorithm};

use crate::common::{self, plans, problems};

/// O, m, l and L of one query: the scores and the logit in one softmax, the weight of the logit left out.
fn row_with_column(problem: &Problem, batch: usize, head: usize, i: usize) -> (Vec<f64>, f64, f64, f64) {
    let logit = problem.sinks.as_ref().expect("it has sinks")[head];
    let without = Problem { sinks: None, ..problem.clone() };
    let inputs = without.head::<f64>(batch, head, Precision::F64);
    let mut columns = oracle::row(&inputs, i).s;
    columns.push(logit);
    let m = columns.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = columns.iter().map(|s| (s - m).exp()).collect();
    let l: f64 = weights.iter().sum();
    let mut o = vec![0.0; inputs.v.ncols()];
    for (j, weight) in weights[..weights.len() - 1].iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        let weight = weight / l * inputs.dropout_factor(i, j);
        o.iter_mut().zip(inputs.v.row(j)).for_each(|(o, v)| *o += weight * v);
    }
    (o, m, l, m + l.ln())
}

fn is_near(got: f64, want: f64) -> bool {
    (got - want).abs() <= 1e-11 * (1.0 + want.abs())
}

/// Every forward text on (batch 0, head) of `problem`, its keys in some parts where it has a loop over them.
fn is_the_softmax_with_a_column(problem: &Problem, tiling: Tiling, head: usize, splits: usize) {
    let plan = Plan::of_problem(problem, 0, tiling, Precision::F64);
    for name in ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"] {
        let text = algorithm::by_name(name).expect("it is of the program");
        let splits = if text.has_splits() { splits } else { 1 };
        let schedule = Schedule::of(text, Setting { splits, ..Setting::new(plan.clone()) });
        let (output, _) = common::run(&schedule, problem, 0, head);
        let has_statistics = !matches!(name, "flash2-lazy" | "split-kv");
        for i in 0..problem.shape.n_q {
            let (o, m, l, lse) = row_with_column(problem, 0, head, i);
            assert!(is_near(output.lse[i], lse), "{name}: L of row {i} is {}, not {lse}", output.lse[i]);
            for (got, want) in output.o.row(i).iter().zip(&o) {
                assert!(is_near(*got, *want), "{name}: O of row {i} is {got}, not {want}");
            }
            if has_statistics {
                let (own_m, own_l) = (output.m[i], output.l[i]);
                assert!(is_near(own_m, m) && is_near(own_l, l), "{name}: m {own_m}, l {own_l}; not {m}, {l}");
            }
        }
    }
}

/// The gradient of each sink against central differences of the sum of dO * O, by the softmax with a column more.
#[test]
fn the_gradient_of_a_sink_is_a_difference_of_outputs() {
    for seed in 0..30 {
        let mut input = tilescope::attention::input::random::read("random:7,11,4,4,2", seed).expect("an input");
        let problem = &mut input.problem;
        problem.sinks = Some(tilescope::attention::input::random::sinks(4, seed));
        problem.mask.causal = seed % 2 == 1;
        problem.softcap = (seed % 3 == 0).then_some(2.0);
        let d_o = tilescope::attention::input::random::d_o(&problem.shape, seed);
        for head in 0..4 {
            let d_o = d_o.slice(ndarray::s![0, head, .., ..]);
            let loss = |by: f64| {
                let mut moved = problem.clone();
                moved.sinks.as_mut().expect("it has sinks")[head] += by;
                let of_row = |i: usize| {
                    let (o, ..) = row_with_column(&moved, 0, head, i);
                    o.iter().zip(d_o.row(i)).map(|(o, d_o)| o * d_o).sum::<f64>()
                };
                (0..7).map(of_row).sum::<f64>()
            };
            let want = (loss(1e-5) - loss(-1e-5)) / 2e-5;
            let got = gradients::of_sink(&problem.head(0, head, Precision::F64), d_o);
            assert!((got - want).abs() <= 1e-8 * (1.0 + want.abs()), "seed {seed}, head {head}: {got}, not {want}");
            assert!(got != 0.0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Under every mask and modifier, in every forward text; and in the reference.
    #[test]
    fn a_sink_is_one_more_score(
        ((mut problem, tiling, _), logits, splits) in (problems(), prop::collection::vec(-40.0..40.0f64, 4), 1usize..6),
    ) {
        let heads = problem.shape.heads;
        problem.sinks = Some(Array1::from_shape_fn(heads, |head| logits[head]));
        problem.validate().expect("valid");
        for (head, &logit) in logits.iter().enumerate().take(heads) {
            is_the_softmax_with_a_column(&problem, tiling, head, splits);
            let inputs = problem.head::<f64>(0, head, Precision::F64);
            for i in 0..problem.shape.n_q {
                let (own, (o, m, l, lse)) = (oracle::row(&inputs, i), row_with_column(&problem, 0, head, i));
                prop_assert!(own.m == m && is_near(own.l, l) && is_near(own.lse, lse));
                prop_assert!(own.o.iter().zip(&o).all(|(a, b)| is_near(*a, *b)));
                // What the keys and the sink weigh is 1.
                let of_sink = (logit - lse).exp();
                prop_assert!(is_near(own.p.iter().sum::<f64>() + of_sink, 1.0));
            }
        }
    }

    /// It is a number of the head, as a slope of ALiBi is: nothing more moves between HBM and chip, and no step is added.
    #[test]
    fn a_sink_costs_no_traffic(plan in plans()) {
        for text in algorithm::of_program() {
            let of = |sinks| Schedule::of(text, Setting::new(Plan { sinks, ..plan.clone() }));
            let (with, without) = (of(true), of(false));
            let [with_totals, without_totals] = [&with, &without].map(|schedule| *MeterIndex::new(schedule).total());
            prop_assert_eq!(with.len(), without.len(), "{}", text.name());
            prop_assert_eq!(&with_totals.traffic.read, &without_totals.traffic.read, "{}", text.name());
            prop_assert_eq!(&with_totals.traffic.write, &without_totals.traffic.write, "{}", text.name());
        }
    }
}

/// dQ, dK and dV of every backward text against differences of the forward pass with its column.
#[test]
fn gradients_are_slopes() {
    let problem = |q_shift: f64| {
        let mut problem = tilescope::attention::input::random::read("random:5,7,3", 11).expect("an input").problem;
        problem.mask = Mask { causal: true, ..Mask::default() };
        problem.sinks = Some(Array1::from_elem(1, 0.7));
        problem.q[[0, 0, 4, 1]] += q_shift;
        problem
    };
    let whole = problem(0.0);
    let d_o = ndarray::Array2::from_shape_fn((5, 3), |(i, c)| 0.3 + i as f64 * 0.1 - c as f64 * 0.25);
    let loss = |problem: &Problem| -> f64 {
        let rows = (0..5).map(|i| (i, row_with_column(problem, 0, 0, i).0));
        rows.map(|(i, o)| o.iter().zip(d_o.row(i)).map(|(o, d)| o * d).sum::<f64>()).sum()
    };
    let step = 1e-5;
    let slope = |change: &dyn Fn(&mut Problem, f64)| {
        let [up, down] = [step, -step].map(|step| {
            let mut problem = whole.clone();
            change(&mut problem, step);
            loss(&problem)
        });
        (up - down) / (2.0 * step)
    };
    assert!((loss(&problem(0.0)) - loss(&problem(0.5))).abs() > 1e-6, "the loss depends on Q");
    for name in ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"] {
        let text = algorithm::by_name(name).expect("it is of the program");
        let plan = Plan::of_problem(&whole, 0, Tiling { br: 2, bc: 3 }, Precision::F64);
        let schedule = Schedule::of(text, Setting::new(plan));
        let given: Given<f64> = machine::inputs(&schedule, &whole, Some(d_o.view()), 0, 0).expect("a forward pass");
        let (results, _) = machine::run(&schedule, &[given], |_| true).expect("nobody stops it");
        let gradient = |name: &str| results.get(name).expect("it is an output").clone();
        let (d_q, d_k, d_v) = (gradient("dQ"), gradient("dK"), gradient("dV"));
        for c in 0..3 {
            for i in 0..5 {
                let want = slope(&|problem, step| problem.q[[0, 0, i, c]] += step);
                assert!((d_q[[i, c]] - want).abs() < 1e-8, "{name}: dQ[{i}, {c}] is {}, not {want}", d_q[[i, c]]);
            }
            for j in 0..7 {
                let of_k = slope(&|problem, step| problem.k[[0, 0, j, c]] += step);
                let of_v = slope(&|problem, step| problem.v[[0, 0, j, c]] += step);
                assert!((d_k[[j, c]] - of_k).abs() < 1e-8, "{name}: dK[{j}, {c}] is {}, not {of_k}", d_k[[j, c]]);
                assert!((d_v[[j, c]] - of_v).abs() < 1e-8, "{name}: dV[{j}, {c}] is {}, not {of_v}", d_v[[j, c]]);
            }
        }
    }
}

/// A row that sees no key, and one whose scores are all -inf, give all their weight to the sink.
#[test]
fn rows_without_keys_have_the_sink() {
    let mut problem = tilescope::attention::input::random::read("random:4,6,2", 3).expect("an input").problem;
    problem.sinks = Some(Array1::from_elem(1, -1.5));
    problem.mask = Mask { key_lengths: Some(vec![0]), ..Mask::default() };
    is_the_softmax_with_a_column(&problem, Tiling { br: 3, bc: 4 }, 0, 2);
    let row = oracle::row(&problem.head::<f64>(0, 0, Precision::F64), 2);
    assert_eq!((row.m, row.l, row.lse, row.o), (-1.5, 1.0, -1.5, vec![0.0, 0.0]));
    let low = Problem { mask: Mask::default(), dropout: None::<Dropout>, ..problem };
    let low = Problem { q: low.q.mapv(|_| 1.0), k: low.k.mapv(|_| f64::NEG_INFINITY), ..low };
    for name in ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"] {
        let text = algorithm::by_name(name).expect("it is of the program");
        let splits = if text.has_splits() { 2 } else { 1 };
        let plan = Plan::of_problem(&low, 0, Tiling { br: 3, bc: 4 }, Precision::F64);
        let (output, _) = common::run(&Schedule::of(text, Setting { splits, ..Setting::new(plan) }), &low, 0, 0);
        assert_eq!(output.lse, [-1.5; 4], "{name}");
        assert!(output.o.iter().all(|o| *o == 0.0), "{name}");
    }
}

#[test]
fn what_is_no_logit_is_refused() {
    let mut problem = tilescope::attention::input::random::read("random:4,6,2,2", 3).expect("an input").problem;
    for (logits, why) in [
        (vec![0.5], "sinks has shape [1], but [2] (heads) is needed"),
        (vec![0.5, f64::NAN], "a sink is NaN: it must be finite"),
        (vec![f64::NEG_INFINITY, 0.0], "a sink is -inf: it must be finite"),
        (vec![0.0, 1e39], "it must be finite, and in f32 as well"),
    ] {
        problem.sinks = Some(Array1::from_vec(logits));
        let fault = problem.validate().expect_err(why).to_string();
        assert!(fault.contains(why), "{fault}");
    }
}
