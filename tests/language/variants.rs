//! Misprints and variants of papers: texts with a line changed by hand.

use std::fs;
use std::path::Path;

use ndarray::Array2;
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input;
use tilescope::attention::{Precision, Problem, oracle};
use tilescope::machine::Given;
use tilescope::schedule::language::{Setting, TEXTS, variant_of};
use tilescope::schedule::{Plan, Tiling};

use super::common::golden;
use super::outcome::carry_out;
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
            let outcome = carry_out(&algorithm, &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
            outcome.tensor("O", 0).expect("an output").to_owned()
        }
        _ => {
            let given = [Given::new(problem.head::<f32>(0, 0, precision))];
            let outcome = carry_out(&algorithm, &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
            outcome.tensor("O", 0).expect("an output").mapv(f64::from)
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
    let of_flash2 = |name: &str| variant_of("flash2", name).expect("a variant of flash2");
    // FlashAttention-2, first print, Algorithm 1 line 10: the inverse of the factor, which is 1 / 0 at the first block.
    assert!(error(of_flash2("first-print")).is_nan());
    // The same with the factor of the first block taken as 0.
    let slip = error(of_flash2("inverse-alpha"));
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
        let outcome = carry_out(&algorithm, &setting, &given).unwrap_or_else(|fault| panic!("{fault}"));
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
