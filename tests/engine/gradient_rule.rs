//! The error rule of gradients: every backward text is within it in every narrow format, and a bug is not.

use ndarray::{Array2, Array4, ArrayView2, s};
use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Compared, Expected, Format, Precision, Problem, Stored, error_rule, expected, gradients};
use tilescope::machine::{Given, Program, Results, carry_out, inputs};
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tiling, algorithm};

use crate::common;

/// dQ of each head, and dK and dV, of each group, beside what they should be.
fn compared(text: &Algorithm, problem: &Problem, tiling: Tiling, precision: Precision) -> Vec<Compared> {
    let (shape, d_o) = (problem.shape, random::d_o(&problem.shape, 3));
    let program = Program::new(text);
    let mut all = Vec::new();
    for (batch, kv_head) in (0..shape.batch).flat_map(|batch| (0..shape.kv_heads).map(move |head| (batch, head))) {
        let heads = kv_head * shape.group()..(kv_head + 1) * shape.group();
        let of = |head: usize| d_o.slice(s![batch, head, .., ..]);
        let plan = Plan::of_problem(problem, batch, tiling, precision);
        let stored = algorithm::stored_for_gradients(text, &plan);
        let schedule = Schedule::of(text, Setting { heads: shape.group(), ..Setting::new(plan) });
        let given = heads.clone().map(|head| inputs::<f32>(&schedule, problem, Some(of(head)), batch, head));
        let given: Vec<Given<f32>> = given.collect::<Result<_, _>>().expect("a forward pass");
        let machine = carry_out(&schedule, &program, &given, |_, _, _| true).expect("nobody stops it");
        let views: Vec<ArrayView2<'_, f64>> = heads.clone().map(of).collect();
        let rule = expected::backward(problem, (batch, heads.clone()), &views, precision, stored);
        let (of_queries, of_keys) = rule.expect("a rule");
        let got = |at: usize, name: &str| -> Array2<f64> {
            Results::of(&machine, &schedule, at).called(name).expect("it is an output").into_owned()
        };
        let compare = |(at, of): (usize, &Expected)| of.compare(got(at, of.name).view());
        all.extend(of_queries.iter().enumerate().map(compare));
        all.extend(of_keys.iter().map(|of| compare((0, of))));
    }
    all
}

const TEXTS: [&str; 4] = ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_text_is_within_the_rule(
        (problem, tiling, _) in common::problems(),
        format in prop::sample::select(vec![
            "f32", "f16", "bf16", "f16,O=f32", "bf16,dQ=bf16", "f16,dQ=f16,O=f32",
            "e4m3", "e4m3,O=f32", "bf16,P=e4m3", "e4m3,scales=block",
        ]),
    ) {
        let precision = Precision::read(format).expect("a precision");
        for name in TEXTS {
            let mut problem = problem.clone();
            // The P that it saved knows nothing of dropped weights.
            problem.dropout.take_if(|_| name == "standard-backward");
            for compared in compared(algorithm::by_name(name).expect("a text"), &problem, tiling, precision) {
                prop_assert!(compared.is_right(), "{}, {}: {:?}", name, format, compared);
                prop_assert!(compared.plain.is_some(), "the error of plain attention stands beside it");
            }
        }
    }
}

/// What the rule allows lets bugs of a backward pass by where they are as small as the rounding of e4m3, and on few inputs.
#[test]
fn bugs_are_caught_in_e4m3() {
    let own = &algorithm::by_name("flash2-backward").expect("a text").text().text;
    let tiling = Tiling { br: 8, bc: 8 };
    for (right, wrong) in [
        ("dS = P * (dP - D)", "dS = P * (dP + D)"),
        ("dS = P * (dP - D)", "dS = P * dP"),
        ("dK = dK + scale * dS^T @ Q", "dK = dK + dS^T @ Q"),
        ("dV = dV + P^T @ dO unless", "dV = P^T @ dO unless"),
        ("P = exp(S - finite(L))", "P = exp(S)"),
    ] {
        let text = own.replace(right, wrong);
        assert_ne!(&text, own, "{right}");
        let text = Algorithm::read("wrong.tile", &text).unwrap_or_else(|fault| panic!("{fault:?}"));
        let is_caught = |seed: &u64| {
            let problem = random::read("random:24,24,16,2", *seed).expect("an input").problem;
            !compared(&text, &problem, tiling, Precision::E4M3).iter().all(Compared::is_right)
        };
        let caught = (0..12).filter(is_caught).count();
        println!("{wrong}: {caught} of 12");
        assert!(caught >= 10, "{wrong}: {caught} of 12");
    }
}

/// Among a thousand keys gradients are small, and the floor is small beside them: what loses the half of its tiles is wrong
/// in every format, and so is what is off by a tenth or drops what it has added up. (D is so small there that bf16 cannot
/// tell whether it is taken off.)
#[test]
fn bugs_are_caught_among_many_keys() {
    let problem = random::read("random:1000,1024,16", 5).expect("an input").problem;
    let tiling = Tiling { br: 125, bc: 64 };
    let half = "grad-weights:  V = old in the second half; dP = dO @ V^T";
    // A program of flash2's has one block of V.
    let half_of_queries = "grad-weights:  dO = old in the second half; dP = dO @ V^T";
    let mutants = [
        ("two-kernel-backward", "grad-weights:  dP = dO @ V^T", half),
        ("flash2-backward", "grad-weights:  dP = dO @ V^T", half_of_queries),
        ("flash1-backward", "grad-weights:  dP = dO @ V^T", half),
        ("flash1-backward", "dK = dK + scale * dS^T @ Q", "dK = dK + 1.1 * scale * dS^T @ Q"),
        ("flash2-backward", "dV = dV + P^T @ dO unless", "dV = P^T @ dO unless"),
        ("standard-backward", "dQ = dQ + scale * dS @ K", "dQ = dQ + 1.1 * scale * dS @ K"),
    ];
    for format in [Precision::F32, Precision::F16, Precision::BF16] {
        for name in TEXTS {
            let right = compared(algorithm::by_name(name).expect("a text"), &problem, tiling, format);
            for of in &right {
                println!("{name} {format}: {} {:.2e} of {:.2e}", of.name, of.error, of.bound);
                assert!(of.is_right(), "{name} {format}: {of:?}");
            }
        }
        for (name, from, to) in mutants {
            let own = &algorithm::by_name(name).expect("a text").text().text;
            let text = own.replace(from, to);
            assert_ne!(&text, own, "{from}");
            let text = Algorithm::read("wrong.tile", &text).unwrap_or_else(|fault| panic!("{fault:?}"));
            let wrong = compared(&text, &problem, tiling, format);
            println!("{name} {to} {format}: {:.1}", wrong.iter().map(Compared::share).fold(0.0, f64::max));
            assert!(!wrong.iter().all(Compared::is_right), "{name} {to} is not caught in {format}: {wrong:?}");
        }
    }
}

/// The floor of each gradient is a small share of its largest number, also where that is far below 1.
#[test]
fn the_floor_is_a_small_share_of_small_gradients() {
    let problem = random::read("random:1024,2048,16", 7).expect("an input").problem;
    let d_o = random::d_o(&problem.shape, 3);
    let views = [d_o.slice(s![0, 0, .., ..])];
    for (precision, most) in [(Precision::BF16, 1.2e-2), (Precision::F16, 1.5e-3), (Precision::F32, 3e-6)] {
        let rule = expected::backward(&problem, (0, 0..1), &views, precision, Stored::default()).expect("a rule");
        for of in rule.0.iter().chain(&rule.1) {
            let largest = error_rule::largest(&of.exact);
            let floor = of.bound - 3.0 * of.plain.expect("the error of plain gradients");
            assert!(largest < 0.8, "{}: {largest}", of.name);
            assert!(floor > 0.0 && floor <= most * largest, "{} in {precision}: {floor:e} of {largest:e}", of.name);
        }
    }
}

/// A walk of roundings by hand: two keys of equal weight, one component.
///
/// O = (2 + 4) / 2 = 3, dO = 1, dP = 2 and 4, D = 3, dS = -1/2 and 1/2, K = 10 and 14, Q = 0: dQ = -5 + 7 = 2. Roundings of dS
/// give 5^2 + 7^2, those of O and of P in it 3^2 + 1^2 + 2^2 = 14, each of which moves dQ by (10 + 14) / 2 = 12. With O stored
/// after the first key there is one more, of 1^2; with dQ stored then one of 5^2.
#[test]
fn squares_are_those_of_a_case_by_hand() {
    let column = |values: &[f64]| Array4::from_shape_vec((1, 1, values.len(), 1), values.to_vec()).expect("a column");
    let mut problem = Problem::new(column(&[0.0]), column(&[10.0, 14.0]), column(&[2.0, 4.0])).expect("a problem");
    problem.scale = 1.0;
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let of = |stored: Stored| gradients::with_squares(&head, ndarray::arr2(&[[1.0]]).view(), stored, Format::F32);
    let (exact, squares) = of(Stored::default());
    assert_eq!((exact.d_q[[0, 0]], squares.d_q[[0, 0]]), (2.0, 74.0 + 14.0 * 144.0));
    assert_eq!(squares.d_v, ndarray::arr2(&[[0.25], [0.25]]));
    let every = |output_every, d_q_every| of(Stored { output_every, d_q_every, scores: false }).1.d_q[[0, 0]];
    assert_eq!(every(Some(1), None), 74.0 + 15.0 * 144.0);
    assert_eq!(every(None, Some(1)), 74.0 + 14.0 * 144.0 + 25.0);
    assert_eq!(every(Some(2), Some(2)), 74.0 + 14.0 * 144.0, "stored once, as plain attention does");
}

/// Where scores are off by whole units, nothing tells; e4m3 is no exception.
#[test]
fn what_has_no_rule_is_refused_in_one_line() {
    let mut far = random::read("random:5,7,3", 1).expect("an input").problem;
    let d_o = random::d_o(&far.shape, 3);
    let views = [d_o.slice(s![0, 0, .., ..])];
    let plan = Plan::of_problem(&far, 0, Tiling { br: 2, bc: 2 }, Precision::E4M3);
    far.scale = 1e5;
    let stored = algorithm::stored_for_gradients(algorithm::by_name("flash2-backward").expect("a text"), &plan);
    let why = expected::backward(&far, (0, 0..1), &views, Precision::E4M3, stored).expect_err("no rule").to_string();
    assert!(why.starts_with("no rule for gradients of scores above 5000"), "{why}");
}
