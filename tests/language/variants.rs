//! A bug, a misprint, a variant is a text that differs in a line.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use proptest::prelude::*;
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input;
use tilescope::attention::{Precision, Problem, oracle};
use tilescope::machine::language::{Given, carry_out};
use tilescope::machine::{Hidden, Meaning, run};
use tilescope::schedule::language::{Setting, TEXTS};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

use super::common::{golden, problems};
use super::read;

/// The text of this name with some of its words changed, each of which must be there.
fn changed(name: &str, changes: &[(&str, &str)]) -> String {
    let (_, text) = TEXTS.into_iter().find(|(known, _)| *known == name).expect("a text of the program");
    changes.iter().fold(text.to_owned(), |text, (old, new)| {
        assert!(text.contains(old), "{name} has no {old:?}");
        text.replace(old, new)
    })
}

/// O of the first head.
fn result(text: &str, problem: &Problem, tiling: Tiling, precision: Precision) -> Array2<f64> {
    let algorithm = read(text);
    let setting = Setting::new(Plan::of_problem(problem, 0, tiling, precision));
    match precision {
        Precision::F64 => {
            let given = [Given::new(problem.head::<f64>(0, 0, precision))];
            let outcome = carry_out(&algorithm, &setting, &given, |_| true).unwrap_or_else(|fault| panic!("{fault}"));
            outcome.tensor("O", 0).expect("an output").to_owned()
        }
        _ => {
            let given = [Given::new(problem.head::<f32>(0, 0, precision))];
            let outcome = carry_out(&algorithm, &setting, &given, |_| true).unwrap_or_else(|fault| panic!("{fault}"));
            outcome.tensor("O", 0).expect("an output").mapv(f64::from)
        }
    }
}

/// A text, a bug of the stepper, and the words of the text that make it.
type Bug = (&'static str, Meaning, Vec<(&'static str, &'static str)>);

fn bugs() -> Vec<Bug> {
    let right = Meaning::RIGHT;
    let hidden = |hidden| Meaning { hidden, ..right };
    vec![
        ("flash2", right, vec![]),
        (
            "flash2",
            Meaning { rescales: false, ..right },
            vec![("    rescale:      l = alpha * l; O = alpha * O\n", "")],
        ),
        ("flash1", Meaning { rescales: false, ..right }, vec![("alpha = exp(m - finite(m_new))", "alpha = 1")]),
        ("flash2", Meaning { guards_empty_rows: false, ..right }, vec![("P = exp(S - finite(m))", "P = exp(S - m)")]),
        (
            "flash1",
            Meaning { guards_empty_rows: false, ..right },
            vec![("P = exp(S - finite(m_tile))", "P = exp(S - m_tile)")],
        ),
        ("flash2", Meaning { subtracts_max: false, ..right }, vec![("P = exp(S - finite(m))", "P = exp(S)")]),
        (
            "flash2",
            Meaning { keeps_guard: true, ..right },
            vec![("m_new = max(m, rowmax(S))", "m_new = finite(max(m, rowmax(S)))")],
        ),
        ("flash1", Meaning { keeps_guard: true, ..right }, vec![("m_tile = rowmax(S)", "m_tile = finite(rowmax(S))")]),
        ("flash2", hidden(Hidden::Minus1000), vec![("S = -inf where hidden", "S = -1000 where hidden")]),
        ("flash1", hidden(Hidden::Zero), vec![("S = -inf where hidden", "S = 0 where hidden")]),
        ("standard", hidden(Hidden::Minus1000), vec![("S = -inf where hidden", "S = -1000 where hidden")]),
    ]
}

/// One bit pattern for all NaN.
fn bits(values: impl IntoIterator<Item = f64>) -> Vec<u64> {
    values.into_iter().map(|value| if value.is_nan() { u64::MAX } else { value.to_bits() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn bugs_of_the_stepper_are_texts((problem, tiling, precision) in problems()) {
        for (name, meaning, changes) in bugs() {
            let text = changed(name, &changes);
            let plan = Plan::of_problem(&problem, 0, tiling, precision);
            let schedule = Schedule::new(algorithm::by_name(name).expect("an algorithm"), plan);
            let want = match precision {
                Precision::F64 => run(&schedule, &problem.head::<f64>(0, 0, precision), meaning, |_| true),
                _ => run(&schedule, &problem.head::<f32>(0, 0, precision), meaning, |_| true),
            };
            let (want, _) = want.expect("nobody stops it");
            let got = result(&text, &problem, tiling, precision);
            prop_assert_eq!(bits(got.iter().copied()), bits(want.o), "{}: {:?}", name, changes);
        }
    }
}

fn errata() -> Problem {
    let bytes = fs::read(Path::new(golden::FOLDER).join("errata.npz")).expect("it is part of the golden data");
    let mut problem = input::read("errata.npz", &bytes).expect("it can be read").problem;
    problem.scale = 1.0;
    problem
}

/// The misprints of papers, with the errors that are known of them.
#[test]
fn misprints_are_as_wrong_as_they_are_known_to_be() {
    let problem = errata();
    let head = problem.head::<f64>(0, 0, Precision::F64);
    let exact = oracle::attention(&head).o;
    let tiling = Tiling { br: 8, bc: 5 };
    let error = |text: &str| max_error(result(text, &problem, tiling, Precision::F64).iter(), &exact);
    for name in ["flash2", "flash2-lazy"] {
        let error = error(&changed(name, &[]));
        assert!(error <= 2e-15, "{name}: {error:e}");
    }
    // FlashAttention-2, first print, Algorithm 1 line 10: the inverse of the factor, which is 1 / 0 at the first block.
    assert!(error(&changed("flash2", &[("O = alpha * O", "O = O / alpha")])).is_nan());
    // The same with the factor of the first block taken as 0.
    let slip = error(&changed("flash2", &[("O = alpha * O", "O = ratio(O, alpha)")]));
    assert!((slip - 510_837.273).abs() <= 1e-3, "{slip}");
}

/// The conditional rescale is exact and rare: 8 rows of 24 rescale where flash2 would 34 times.
#[test]
fn a_lazy_rescale_is_rare() {
    let problem = errata();
    let count = |name: &str, changes: &[(&str, &str)]| -> u64 {
        // Counts rescales in a statistic of its own.
        let text = changed(name, changes);
        let algorithm = read(&text);
        let setting = Setting::new(Plan::of_problem(&problem, 0, Tiling { br: 8, bc: 5 }, Precision::F64));
        let given = [Given::new(problem.head::<f64>(0, 0, Precision::F64))];
        let outcome = carry_out(&algorithm, &setting, &given, |_| true).unwrap_or_else(|fault| panic!("{fault}"));
        outcome.reported("rises", 0).expect("it is reported").iter().sum::<f64>() as u64
    };
    // The first block of a row raises its maximum from -inf, which rescales nothing.
    let rises = "rises = rises + pick(m > -inf, pick(m_new > m, 1, 0), 0)";
    let all = count(
        "flash2",
        &[
            ("report   m l", "report   rises"),
            ("m = -inf per row", "m = -inf per row; rises = 0 per row"),
            (
                "alpha = exp(m - finite(m_new)); m = m_new",
                &format!("alpha = exp(m - finite(m_new)); {rises}; m = m_new"),
            ),
        ],
    );
    let lazy = count(
        "flash2-lazy",
        &[
            ("blocks   largest", "report   rises"),
            ("m = -inf per row", "m = -inf per row; rises = 0 per row"),
            (
                "m = pick(rose, m_new, m)",
                "rises = rises + pick(m > -inf, pick(rose, 1, 0), 0); m = pick(rose, m_new, m)",
            ),
        ],
    );
    assert_eq!((all, lazy), (34, 8));
}
