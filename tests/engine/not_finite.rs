//! What a NaN, an infinity and a row that sees no key give: stepper, oracle, plain attention and the error rule held to
//! one table, at block sizes that cut the cases everywhere.

use crate::common;
use crate::common::not_finite::{cases, differences, expected, sees};
use tilescope::attention::cases::Case;
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::oracle::{self, Output};
use tilescope::attention::{Compared, Expected, Precision, Problem, naive};
use tilescope::machine::{Given, Program, carry_out};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

fn small_cases() -> Vec<Case> {
    // Rows of one value take other ways than wider ones.
    [(1, 1, 3), (5, 7, 3), (7, 5, 3), (5, 7, 1)].into_iter().flat_map(|(n_q, n_k, d)| cases(n_q, n_k, d)).collect()
}

/// How far finite results may be off; m, l and O of sums of a few numbers near 1.
fn tolerance(precision: Precision) -> f64 {
    match precision {
        Precision::F64 => 1e-12,
        Precision::F32 => 1e-5,
        Precision::F16 => 2e-2,
        _ => 1e-1,
    }
}

fn stepped(problem: &Problem, name: &str, tiling: Tiling, precision: Precision) -> Output {
    let plan = Plan::of_problem(problem, 0, tiling, precision);
    let schedule = Schedule::new(algorithm::by_name(name).expect("an algorithm"), plan);
    common::run(&schedule, problem, 0, 0).0
}

#[test]
fn the_oracle_meets_the_table() {
    for Case { name, problem } in small_cases() {
        let got = oracle::attention(&problem.head::<f64>(0, 0, Precision::F64));
        let wrong = differences(&got, &expected(&problem, 0), 1e-12);
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
}

#[test]
fn plain_attention_meets_the_table() {
    for Case { name, problem } in small_cases() {
        for precision in [Precision::F32, Precision::F16, Precision::BF16] {
            let got = naive::attention(&problem.head::<f32>(0, 0, precision), precision);
            let wrong = differences(&got, &expected(&problem, 0), tolerance(precision));
            assert!(wrong.is_empty(), "{name}, {precision:?}: {wrong:?}");
        }
    }
}

#[test]
fn the_stepper_meets_the_table_at_every_block_size() {
    for Case { name, problem } in small_cases() {
        let want = expected(&problem, 0);
        for precision in Precision::WITH_INFINITY {
            for algorithm in ["standard", "flash1", "flash2"] {
                for (br, bc) in (1..=problem.shape.n_q).flat_map(|br| (1..=problem.shape.n_k).map(move |bc| (br, bc))) {
                    let got = stepped(&problem, algorithm, Tiling { br, bc }, precision);
                    let wrong = differences(&got, &want, tolerance(precision));
                    assert!(wrong.is_empty(), "{name}, {algorithm} {br} x {bc}, {precision:?}: {wrong:?}");
                }
            }
        }
    }
}

/// What a query does not see has no weight, also in a row of NaN.
#[test]
fn what_is_hidden_weighs_nothing_in_any_row() {
    let (mut of_nan, algorithm) = (0, algorithm::by_name("standard").expect("an algorithm"));
    for Case { name, problem } in small_cases() {
        for (br, bc) in [(1, 1), (2, 3), (7, 7)] {
            let plan = Plan::of_problem(&problem, 0, Tiling { br, bc }, Precision::F64);
            let (schedule, program) = (Schedule::new(algorithm, plan), Program::new(algorithm));
            let given = [Given::new(problem.head::<f64>(0, 0, Precision::F64))];
            let machine = carry_out(&schedule, &program, &given, |_, _, _| true).expect("nobody stops it");
            let weights = machine.tensor("P", 0).expect("it is kept");
            for ((i, j), &weight) in weights.indexed_iter().filter(|((i, j), _)| !sees(&problem, 0, *i, *j)) {
                assert_eq!(weight, 0.0, "{name}, {br} x {bc}: query {i}, key {j}");
                of_nan += usize::from(weights.row(i).iter().any(|x| x.is_nan()));
            }
        }
    }
    assert!(of_nan > 100, "{of_nan} hidden pairs in rows of NaN");
}

/// What nobody sees changes no bit.
#[test]
fn what_is_hidden_leaves_no_trace() {
    for Case { name, problem } in small_cases() {
        let lengths = problem.mask.key_lengths.clone();
        let Some(length) = lengths.map(|lengths| lengths[0]).filter(|&length| length < problem.shape.n_k) else {
            continue;
        };
        let with = |x: f64| {
            let mut problem = problem.clone();
            problem.k.slice_mut(ndarray::s![.., .., length.., ..]).fill(x);
            problem.v.slice_mut(ndarray::s![.., .., length.., ..]).fill(x);
            problem
        };
        for algorithm in ["standard", "flash1", "flash2"] {
            for bc in 1..=problem.shape.n_k {
                let [zero, nan, inf] = [0.0, f64::NAN, f64::INFINITY]
                    .map(|x| stepped(&with(x), algorithm, Tiling { br: 2, bc }, Precision::F32));
                assert_eq!(format!("{zero:?}"), format!("{nan:?}"), "{name}, {algorithm}, keys by {bc}");
                assert_eq!(format!("{zero:?}"), format!("{inf:?}"), "{name}, {algorithm}, keys by {bc}");
            }
        }
    }
}

#[test]
fn the_error_rule_passes_what_is_right_and_nothing_else() {
    let mut broken = 0;
    for Case { name, problem } in small_cases() {
        for precision in Precision::WITH_INFINITY {
            let reference = error_rule::reference(&problem, 0, 0, precision);
            let judge = |got: &Output| {
                let passes = Errors::between(got, &reference.exact).within(&reference.bound);
                let expected = Expected::of_forward(&reference, &reference.bound);
                let compared: Vec<_> = expected.iter().map(|expected| expected.compare_output(got)).collect();
                assert_eq!(passes, compared.iter().all(Compared::is_right), "{name}");
                assert!(compared.iter().all(|of| of.is_right() == of.wrong.is_none()), "{name}: {compared:?}");
                passes
            };
            let bound = reference.bound;
            assert!([bound.o, bound.m, bound.l, bound.lse].iter().all(|b| b.is_finite()), "{name}: {bound:?}");
            let right = expected(&problem, 0);
            assert!(judge(&right), "{name}, {precision:?}: {right:?}, {:?}", reference.exact);
            // Every value of every tensor, made each of what it is not.
            for at in 0..right.o.len() + 3 * right.m.len() {
                for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0] {
                    let mut wrong = right.clone();
                    let rows = right.m.len();
                    let value = match at.checked_sub(right.o.len()) {
                        None => wrong.o.iter_mut().nth(at).expect("a component"),
                        Some(at) if at < rows => &mut wrong.m[at],
                        Some(at) if at < 2 * rows => &mut wrong.l[at - rows],
                        Some(at) => &mut wrong.lse[at - 2 * rows],
                    };
                    let is_same = *value == odd || value.is_nan() && odd.is_nan();
                    // 0 may be near enough to a number.
                    if is_same || odd == 0.0 && value.is_finite() {
                        continue;
                    }
                    *value = odd;
                    assert!(!judge(&wrong), "{name}, {precision:?}: {odd} at {at}");
                    broken += 1;
                }
            }
        }
    }
    assert!(broken > 10_000, "{broken}");
}
