//! Misprints and variants of papers: texts with a line changed by hand.

use std::fs;
use std::path::Path;

use ndarray::{Array2, Array4};
use tilescope::attention::error_rule::max_error;
use tilescope::attention::input::{self, preset};
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

/// What FlashAttention-2 says of two pieces of a row, as printed: how far it is off on the golden data cut in halves.
#[test]
fn sections_are_as_wrong_as_they_are_known_to_be() {
    let problem = errata();
    let exact = oracle::attention(&problem.head::<f64>(0, 0, Precision::F64)).o;
    let tiling = Tiling { br: 8, bc: 12 };
    for (name, known) in [("first", 2.638438562681064), ("revised", 2.6449969750138242), ("3-1-1", 0.8108588201097267)]
    {
        let name = if name == "3-1-1" { "fa2-section-3-1-1".into() } else { format!("fa2-section-2-3-{name}") };
        let text = variant_of("flash1", &name).expect("a variant of flash1");
        let error = max_error(result(text, &problem, tiling, Precision::F64).iter(), &exact);
        assert!((error - known).abs() <= 1e-13, "{name}: {error}");
    }
}

/// The row of six keys with two keys between the second and the third that a bias hides: blocks of four cut it after two.
fn cut_after_two() -> Problem {
    let row = preset::row().problem;
    let spread = |of: &Array4<f64>| {
        Array4::from_shape_fn((1, 1, 8, 1), |(_, _, j, _)| match j {
            0 | 1 => of[[0, 0, j, 0]],
            2 | 3 => 0.0,
            _ => of[[0, 0, j - 2, 0]],
        })
    };
    let mut problem = Problem::new(row.q.clone(), spread(&row.k), spread(&row.v)).expect("these shapes fit together");
    let bias = Array4::from_shape_fn((1, 1, 1, 8), |(.., j)| if j == 2 || j == 3 { f64::NEG_INFINITY } else { 0.0 });
    problem.bias = Some(bias);
    problem
}

/// Numbers that a child can check: weights 1, 2, 8, 1, 4, 4 and values from 10 to 60, of which the average is 38.5.
#[test]
fn misprints_of_the_row() {
    let (row, cut) = (preset::row().problem, cut_after_two());
    let of = |base: &str, name: &str, problem: &Problem, bc: usize| {
        let text = variant_of(base, name).expect("a variant");
        result(text, problem, Tiling { br: 1, bc }, Precision::F64)[[0, 0]]
    };
    assert!(
        (result(&changed("flash1", &[]), &cut, Tiling { br: 1, bc: 4 }, Precision::F64)[[0, 0]] - 38.5).abs() < 1e-12
    );
    assert!(of("flash2", "first-print", &row, 2).is_nan());
    let cases = [
        ("flash2", "inverse-alpha", &row, 2, 76.0),
        ("flash2", "output-not-rescaled", &row, 2, 46.0),
        ("flash2", "sum-not-rescaled", &row, 2, 96.25 / 3.625),
        ("flash2", "forget-alpha", &row, 2, 115.0 / 3.625),
        ("flash1", "fa2-section-2-3-first", &cut, 4, 36.0 + 250.0 / 9.0),
        ("flash1", "fa2-section-2-3-revised", &cut, 4, 46.0),
        ("flash1", "fa2-section-3-1-1", &cut, 4, 36.0 + 40.0 / 9.0),
        // The maximum is in the first piece: the factor that is missing is 1.
        ("flash1", "fa2-section-2-3-revised", &row, 3, 38.5),
    ];
    for (base, name, problem, bc, want) in cases {
        let got = of(base, name, problem, bc);
        assert!((got - want).abs() <= 1e-11, "{name}: {got}, on paper {want}");
    }
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
