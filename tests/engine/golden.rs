//! Every algorithm on the golden data: dense attention in f64, checked against long double, made outside this project.

use crate::common;
use crate::common::golden::{self, Case};
use ndarray::Array2;
use tilescope::attention::error_rule::max_error;
use tilescope::attention::{Precision, Stored, expected};
use tilescope::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};

/// Block sizes: square, ragged, oblong, larger than most sequences, single keys.
const TILINGS: [Tiling; 5] = [
    Tiling { br: 16, bc: 16 },
    Tiling { br: 5, bc: 7 },
    Tiling { br: 64, bc: 32 },
    Tiling { br: 128, bc: 128 },
    Tiling { br: 1, bc: 3 },
];

/// Runs one case; gives what is not within its bound.
fn check(case: &Case, name: &str, tiling: Tiling, precision: Precision) -> Vec<String> {
    let algorithm = algorithm::by_name(name).expect("a name from this file");
    let problem = &case.problem;
    let mut wrong = Vec::new();
    for batch in 0..problem.shape.batch {
        let schedule = Schedule::new(algorithm, Plan::of_problem(problem, batch, tiling, precision));
        for head in 0..problem.shape.heads {
            let (output, _) = common::run(&schedule, problem, batch, head);
            let what = format!("{} {name} {} {tiling:?} head {batch},{head}", case.name, precision.name());
            wrong.extend(case.compare(batch, head, &output, precision).into_iter().map(|why| format!("{what}: {why}")));
        }
    }
    wrong
}

fn check_all(precisions: &[Precision], algorithms: &[&str]) {
    let cases = golden::cases();
    let (mut ran, mut wrong) = (0, Vec::new());
    for case in &cases {
        for &precision in precisions {
            for name in algorithms {
                for tiling in TILINGS {
                    ran += 1;
                    wrong.extend(check(case, name, tiling, precision));
                }
            }
        }
    }
    println!("{ran} ran, {} wrong", wrong.len());
    assert!(ran >= 78 * TILINGS.len(), "{ran} is too few: the golden data is not all there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn f32_and_f64_meet_the_golden_data() {
    check_all(&[Precision::F32, Precision::F64], &["standard", "flash1", "flash2"]);
}

#[test]
fn flash2_in_half_precision_meets_the_golden_data() {
    check_all(&[Precision::F16, Precision::BF16], &["flash2"]);
}

/// Bugs that the golden data must catch. Each changes what the machine computes or what it is told.
#[test]
fn mutants_are_caught() {
    type Change = fn(&mut Case);
    let unchanged: Change = |_| {};
    let mutants: [(&str, &str, Change); 6] = [
        ("the old keys keep their weight", "forget-alpha", unchanged),
        ("a row that sees nothing subtracts -inf", "no-guard", unchanged),
        ("the diagonal is one to the right", "none", |case| {
            if std::mem::take(&mut case.problem.mask.causal) {
                case.problem.mask.window_right = Some(1);
            }
        }),
        ("the alignment is the other one", "none", |case| {
            use tilescope::attention::Align::{BottomRight, TopLeft};
            let align = &mut case.problem.mask.align;
            *align = if *align == TopLeft { BottomRight } else { TopLeft };
        }),
        ("the key lengths are forgotten", "none", |case| case.problem.mask.key_lengths = None),
        ("the softcap is forgotten", "none", |case| case.problem.softcap = None),
    ];
    let tiling = TILINGS[0];
    for (name, bug, change) in mutants {
        for algorithm in ["flash1", "flash2"] {
            let caught = golden::cases().into_iter().any(|mut case| {
                change(&mut case);
                !check(&case, with_bug(algorithm, bug).name(), tiling, Precision::F64).is_empty()
            });
            assert!(caught, "{algorithm} survives: {name}");
        }
    }
}

fn with_bug(name: &str, bug: &str) -> Algorithm {
    algorithm::by_name(name).expect("an algorithm").with_bug(bug)
}

/// The gradients that results are held against, and the plain ones that say how far they may be off.
#[test]
fn the_oracle_of_gradients_meets_the_golden_gradients() {
    let mut ran = 0;
    for case in golden::cases() {
        let mut bounds = [0.0_f64; 3];
        let (problem, d_o) = (&case.problem, case.tensor("dO"));
        let names = ["dQ", "dK", "dV"];
        let golden = names.map(|name| case.tensor(name));
        let group = problem.shape.group();
        for at in 0..problem.shape.batch * problem.shape.kv_heads {
            let (batch, kv_head) = (at / problem.shape.kv_heads, at % problem.shape.kv_heads);
            let heads = kv_head * group..(kv_head + 1) * group;
            let d_o: Vec<Array2<f64>> = heads.clone().map(|head| matrix(&d_o, batch, head)).collect();
            let views: Vec<_> = d_o.iter().map(|d_o| d_o.view()).collect();
            let stored = Stored::default();
            let (of_queries, of_keys) =
                expected::backward(problem, (batch, heads.clone()), &views, Precision::F64, stored).expect("a rule");
            let of_keys = of_keys.iter().map(|of| (of, kv_head));
            for (of, head) in of_queries.iter().zip(heads).chain(of_keys) {
                let result = names.iter().position(|name| *name == of.name).expect("it is one of three");
                let want = matrix(&golden[result], batch, head);
                let error = max_error(&of.exact, &want);
                assert!(
                    error <= case.bound_of(of.name, Precision::F64),
                    "{}: {} is off by {error:e}",
                    case.name,
                    of.name
                );
                bounds[result] = bounds[result].max(of.bound);
                ran += 1;
            }
        }
        // The rule of the program and that of these tests are worked out apart.
        for (name, bound) in names.iter().zip(bounds) {
            let other = case.bound_of(name, Precision::F64);
            assert!(
                (bound - other).abs() <= 1e-6 * other,
                "{}: {bound:e} of {name} may be off, not {other:e}",
                case.name
            );
        }
    }
    assert!(ran >= 3 * 73, "{ran} is too few: the golden data is not all there");
}

fn matrix(all: &ndarray::ArrayD<f64>, batch: usize, head: usize) -> Array2<f64> {
    let of_head = all.index_axis(ndarray::Axis(0), batch).index_axis_move(ndarray::Axis(0), head);
    of_head.to_owned().into_dimensionality().expect("a matrix")
}
