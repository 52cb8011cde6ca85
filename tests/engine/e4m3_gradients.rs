//! The error rule of gradients in e4m3: every backward text that has a rule is within it, and a bug is not.

use ndarray::{Array2, ArrayView2, s};
use proptest::prelude::*;
use tilescope::attention::input::random;
use tilescope::attention::{Compared, Expected, Precision, Problem, expected};
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
        let stored = algorithm::stored_before(text, &plan);
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

const TEXTS: [&str; 3] = ["standard-backward", "flash2-backward", "two-kernel-backward"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_text_is_within_the_rule(
        (problem, tiling, _) in common::problems(),
        format in prop::sample::select(vec!["e4m3", "e4m3,O=f32", "bf16,P=e4m3", "e4m3,scales=block"]),
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
fn bugs_are_caught() {
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

/// Where O was rounded at every visit, or scores are off by whole units, nothing tells; e4m3 is no exception.
#[test]
fn what_has_no_rule_is_refused_in_one_line() {
    let problem = random::read("random:5,7,3", 1).expect("an input").problem;
    let d_o = random::d_o(&problem.shape, 3);
    let views = [d_o.slice(s![0, 0, .., ..])];
    let plan = Plan::of_problem(&problem, 0, Tiling { br: 2, bc: 2 }, Precision::E4M3);
    let flash1 = algorithm::stored_before(algorithm::by_name("flash1-backward").expect("a text"), &plan);
    let why =
        expected::backward(&problem, (0, 0..1), &views, Precision::E4M3, flash1).expect_err("no rule").to_string();
    assert_eq!(why, "no rule for gradients after an O that is rounded to e4m3 at every visit");
    let mut far = problem;
    far.scale = 1e5;
    let stored = algorithm::stored_before(algorithm::by_name("flash2-backward").expect("a text"), &plan);
    let why = expected::backward(&far, (0, 0..1), &views, Precision::E4M3, stored).expect_err("no rule").to_string();
    assert!(why.starts_with("no rule for gradients of scores above 5000"), "{why}");
}
