//! `tilescope check` leaves nothing out without a word, and its rule catches what is wrong.

use crate::common;
use crate::common::saved;
use std::collections::{BTreeMap, BTreeSet};

use crate::common::golden;
use crate::common::program::{ok, refused};
use crate::common::skips;
use serde_json::Value;
use tilescope::attention::cases::cases;
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::input;
use tilescope::attention::oracle::Output;
use tilescope::attention::{Precision, Problem, Shape, Stored};
use tilescope::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};

fn rows(arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    serde_json::from_str(&ok(folder.path(), &[&["check", "--json"], arguments].concat())).expect("JSON")
}

/// The cases of each (algorithm, precision) of a backend.
fn grid(rows: &[Value], backend: &str) -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut grid = BTreeMap::<_, BTreeSet<String>>::new();
    for row in rows.iter().filter(|row| row["backend"] == backend) {
        let text = |name: &str| row[name].as_str().expect("text").to_owned();
        assert!(grid.entry((text("algorithm"), text("precision"))).or_default().insert(text("case")), "twice: {row}");
    }
    grid
}

/// A folder of golden data whose arrays are not what they should be is refused in a line, whichever array it is.
#[test]
fn golden_data_of_another_shape_is_refused() {
    const NAMES: [&str; 11] = ["Q", "K", "V", "dO", "O", "m", "l", "L", "dQ", "dK", "dV"];
    let entry = golden::manifest().into_iter().find(|entry| entry["file"] == "plain_q7_k7_d64.npz").expect("a case");
    let bytes = std::fs::read(format!("{}/plain_q7_k7_d64.npz", golden::FOLDER)).expect("its file");
    let arrays = input::read_named(&bytes, NAMES).expect("its arrays");
    let arrays: saved::Arrays = NAMES.into_iter().zip(arrays.iter().map(saved::Saved::f64)).collect();
    let folder = tempfile::tempdir().expect("a folder for the test");
    let manifest = serde_json::json!({ "cases": [entry] }).to_string();
    std::fs::write(folder.path().join("manifest.json"), manifest).expect("a manifest");
    let write = |arrays: &saved::Arrays| {
        std::fs::write(folder.path().join("plain_q7_k7_d64.npz"), saved::npz(arrays)).expect("a file");
    };
    let check = ["check", "--golden", ".", "--algorithm", "flash2-backward"];
    write(&arrays);
    ok(folder.path(), &check);
    for at in 3..NAMES.len() {
        // Other rows, other axes, other heads.
        for shape in [vec![1, 1, 3, 64], vec![64, 7], vec![1, 7, 1, 64]] {
            let mut wrong = arrays.clone();
            let size: usize = shape.iter().product();
            wrong[at].1.bytes.resize(8 * size, 0);
            wrong[at].1.shape = shape;
            write(&wrong);
            let line = refused(folder.path(), &check, 2);
            assert!(line.contains("plain_q7_k7_d64.npz"), "{}: {line}", NAMES[at]);
        }
    }
}

#[test]
fn the_stepper_runs_every_algorithm_in_every_format_on_every_case() {
    let names: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    let golden_names: BTreeSet<String> = golden::cases().into_iter().map(|case| case.name).collect();
    let golden = ["--backend", "cpu", "--golden", golden::FOLDER];
    // The manifest of the golden data knows no plain attention in fp8.
    let formats = [&Precision::ALL[..], &Precision::WITH_INFINITY];
    let runs = [(rows(&["--backend", "cpu"]), names), (rows(&golden), golden_names)];
    for ((rows, names), formats) in runs.into_iter().zip(formats) {
        let grid = grid(&rows, "cpu");
        let all = algorithm::ALL.into_iter().flat_map(|a| formats.iter().map(|p| (a.name().to_owned(), p.to_string())));
        assert_eq!(grid.keys().cloned().collect::<BTreeSet<_>>(), all.collect());
        assert!(grid.values().all(|cases| *cases == names));
        assert!(rows.iter().all(|row| row["status"] == "ran"), "the stepper refuses nothing");
    }
}

/// The golden cases with dropout hold for the backward pass that is given P: none is left out, in any format.
#[test]
fn standard_backward_is_held_to_golden_cases_with_dropout() {
    let dropped: BTreeSet<String> =
        golden::cases().into_iter().filter_map(|case| case.problem.dropout.is_some().then_some(case.name)).collect();
    let all = rows(&["--backend", "cpu", "--golden", golden::FOLDER, "--algorithm", "standard-backward"]);
    let of_dropout: Vec<&Value> =
        all.iter().filter(|row| dropped.contains(row["case"].as_str().expect("a name"))).collect();
    assert!(of_dropout.iter().all(|row| row["status"] == "ran"), "{of_dropout:?}");
    assert!(dropped.len() >= 3, "{dropped:?}");
    assert_eq!(of_dropout.len(), dropped.len() * Precision::WITH_INFINITY.len());
}

/// A backend that is not there is not left out: each of its kernels and formats is counted on each case, with the reason.
#[test]
fn what_a_backend_does_not_run_is_counted_with_its_reason() {
    let names: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    let rows = rows(&[]);
    skips::skipped_rows(&rows);
    for backend in tilescope::gpu::BACKENDS {
        let grid = grid(&rows, backend);
        use tilescope::gpu::kernels::{backward_subjects, subjects};
        let subjects = [subjects(backend), backward_subjects(backend)].concat();
        assert_eq!(grid.len(), subjects.len(), "{backend}");
        for ((algorithm, _), cases) in &grid {
            // What a kernel adds up in an order of its own is checked in both.
            let of_kernel = || tilescope::gpu::kernels::of(backend, algorithm);
            let in_order = of_kernel().any(tilescope::gpu::Kernel::has_deterministic);
            let in_order = names.iter().filter(|_| in_order).map(|name| format!("{name}, deterministic"));
            assert_eq!(*cases, names.iter().cloned().chain(in_order).collect(), "{backend} {algorithm}");
        }
    }
    let reason = |row: &Value| row["reason"].as_str().is_some_and(|reason| !reason.is_empty());
    assert!(rows.iter().all(|row| row["status"] == "ran" || reason(row)));
}

fn outputs(algorithm: &Algorithm, problem: &Problem, plan: Plan) -> (Output, Stored) {
    let stored = algorithm::stored(algorithm, &plan);
    (common::run(&Schedule::new(algorithm, plan), problem, 0, 0).0, stored)
}

/// The built-in cases of one head that `wrong` gets wrong by the rule of its own stores.
fn caught(precision: Precision, wrong: impl Fn(&Problem, Plan) -> (Output, Stored)) -> usize {
    let cases = cases().into_iter().filter(|case| case.problem.shape.batch * case.problem.shape.heads == 1);
    cases
        .filter(|case| {
            let plan = Plan::of_problem(&case.problem, 0, Tiling { br: 16, bc: 16 }, precision);
            let (output, stored) = wrong(&case.problem, plan);
            let reference = error_rule::reference(&case.problem, 0, 0, precision);
            let bound = stored.bound(&reference, &case.problem.head(0, 0, Precision::F64), precision);
            !Errors::between(&output, &reference.exact).within(&bound)
        })
        .count()
}

/// What the rule allows for stores in f16 and bf16 lets no bug of an operation pass.
#[test]
fn bugs_are_caught_in_every_format() {
    let bugs = ["forget-alpha", "no-max", "zero"];
    for algorithm in *algorithm::ALL {
        for precision in Precision::WITH_INFINITY {
            let what = format!("{} in {}", algorithm.name(), precision.name());
            assert_eq!(caught(precision, |problem, plan| outputs(algorithm, problem, plan)), 0, "{what}");
            for bug in bugs {
                // standard has nothing to rescale.
                if bug == "forget-alpha" && algorithm.name() == "standard" {
                    continue;
                }
                let count = caught(precision, |problem, plan| outputs(&algorithm.with_bug(bug), problem, plan));
                println!("{what}, {bug}: {count} cases see it");
                assert!(count >= 50, "{what}: {bug} passes but for {count} cases");
            }
        }
    }
}

/// A block of keys that is left out, an O that is off by a fifth: caught though O is stored in 16 bits at each visit.
#[test]
fn small_mutants_are_caught_in_16_bits() {
    for algorithm in *algorithm::ALL {
        for precision in [Precision::F16, Precision::BF16] {
            let scaled = |problem: &Problem, plan: Plan| {
                let (mut output, stored) = outputs(algorithm, problem, plan);
                output.o.mapv_inplace(|x| x * 1.2);
                (output, stored)
            };
            let short = |problem: &Problem, plan: Plan| {
                let mut less = problem.clone();
                // The last block of keys is never visited.
                let kept = (plan.t_c() - 1) * plan.bc;
                less.mask.key_lengths = Some(vec![kept.min(plan.band.kv)]);
                let (output, _) =
                    outputs(algorithm, &less, Plan::of_problem(&less, 0, Tiling { br: 16, bc: 16 }, precision));
                (output, algorithm::stored(algorithm, &plan))
            };
            let what = format!("{} in {}", algorithm.name(), precision.name());
            let [scaled, short] = [caught(precision, scaled), caught(precision, short)];
            println!("{what}: O times 1.2 is seen by {scaled} cases, a block less by {short}");
            assert!(scaled >= 50 && short >= 50, "{what}: {scaled}, {short}");
        }
    }
}

/// With equal scores every weight is a power of two, so that rounding O at each visit is all that flash1 gets wrong: it
/// stays within what is derived for it, and needs it.
#[test]
fn flash1_rounds_its_output_at_each_visit_and_no_more() {
    let flash1 = algorithm::by_name("flash1").expect("it is known");
    let (mut largest, mut needed) = (0.0, 0);
    for (n_k, bc) in [(64, 1), (64, 16), (128, 2), (256, 8), (32, 32)] {
        for precision in [Precision::F16, Precision::BF16] {
            let mut problem = tilescope::attention::cases::problem(Shape::single(3, n_k, 8));
            problem.q.fill(0.0);
            let round = |x: f64| {
                if precision == Precision::F16 {
                    half::f16::from_f64(x).to_f64()
                } else {
                    half::bf16::from_f64(x).to_f64()
                }
            };
            problem.v.mapv_inplace(round);
            let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc }, precision);
            let (output, stored) = outputs(flash1, &problem, plan);
            assert_eq!(stored, Stored { output_every: Some(bc.min(n_k)), ..Stored::default() });
            let head = problem.head(0, 0, Precision::F64);
            let exact = tilescope::attention::oracle::attention(&head);
            let error = error_rule::max_error(&output.o, &exact.o);
            let u = if precision == Precision::F16 { 1.0 / 2048.0 } else { 1.0 / 256.0 };
            let last = u * exact.o.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            // f32 sums of so few terms add less than a hundredth of a rounding to 16 bits.
            let allowed = stored.of_output(&head, precision) + 1.01 * last + 1e-7;
            assert!(error <= allowed, "{n_k} keys by {bc} in {}: {error} > {allowed}", precision.name());
            largest = f64::max(largest, error / allowed);
            needed += usize::from(error > last);
        }
    }
    println!("at most {largest:.2} of what is allowed; {needed} of 10 need more than one rounding");
    assert!(largest > 0.1 && needed >= 4, "{largest}, {needed}");
}
