//! A wrong result is told: the first number that is wrong, and the step that made it so.

#[path = "../common/mod.rs"]
mod common;
mod own_lines;
mod variants;

use std::fs;

use common::program::{ok, tilescope};
use ndarray::s;
use tilescope::attention::cases::single;
use tilescope::attention::expected::{self, Expected};
use tilescope::attention::input::preset;
use tilescope::attention::{Mask, Precision, Problem};
use tilescope::machine::{At, Cause, Divergence, FirstWrong, Group, Judged, Run, first_wrong};
use tilescope::schedule::language::{Extent, VARIANTS};
use tilescope::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};

const FLASH2: &str = include_str!("../../src/schedule/algorithms/flash2.tile");
const FLASH2_BACKWARD: &str = include_str!("../../src/schedule/algorithms/flash2-backward.tile");

fn named(name: &str) -> Algorithm {
    algorithm::by_name(name).expect("it comes with the program").clone()
}

/// A text with a line changed.
fn changed(text: &str, from: &str, to: &str) -> Algorithm {
    assert!(text.contains(from), "{from}");
    Algorithm::read("mine.tile", &text.replace(from, to)).unwrap_or_else(|wrong| panic!("{wrong:?}"))
}

/// The first wrong number of a text on one head.
fn found(algorithm: &Algorithm, problem: &Problem, tiling: Tiling, precision: Precision) -> Option<FirstWrong> {
    let plan = Plan::of_problem(problem, 0, tiling, precision);
    let schedule = Schedule::new(algorithm, plan.clone());
    let run = Run::new(schedule.clone(), problem, 0, 0, |_| true).expect("it runs");
    let expected: Vec<Expected> = if algorithm.is_backward() {
        let ones = ndarray::Array2::ones((problem.shape.n_q, problem.shape.d_v));
        let stored = algorithm::stored_for_gradients(algorithm, &plan);
        let (of_queries, of_keys) =
            expected::backward(problem, (0, 0..1), &[ones.view()], precision, stored).expect("a rule");
        of_queries.into_iter().chain(of_keys).collect()
    } else {
        let (reference, bound) = expected::forward(problem, (0, 0), precision, algorithm::stored(algorithm, &plan));
        Expected::of_forward(&reference, &bound)
    };
    let results = expected.iter().filter_map(|expected| Some((expected, run.results().called(expected.name)?)));
    let results: Vec<_> = results.collect();
    let judged = results.iter().map(|(expected, got)| Judged { head: 0, expected, got: got.view() });
    let judged: Vec<Judged<'_>> = judged.collect();
    let first = first_wrong(&schedule, &Group::of(&schedule, problem, None, 0, 0), &judged)?;
    // The state to look at is that after the step that is told.
    match (&first.cause, first.at()) {
        (Cause::NeverStored, at) => assert_eq!(at, None),
        (_, at) => {
            let at = at.expect("a step");
            assert_eq!(schedule.step(at.cursor - 1), Some(at.step), "{first:?}");
        }
    }
    Some(first)
}

fn differs(found: &FirstWrong) -> &Divergence {
    match &found.cause {
        Cause::Differs(divergence) => divergence,
        other => panic!("{other:?}"),
    }
}

/// What a view of a run shows of a name after `cursor` steps, at a row and a column of all.
fn seen(run: &Run, cursor: u64, name: &str, (row, column): (usize, usize)) -> Option<f64> {
    let view = run.view(cursor);
    let seen = view.iter().find(|seen| seen.name == name)?;
    let start = |extent| match extent {
        Extent::Rows => view.rows.start,
        Extent::Keys | Extent::AllKeys => view.cols.start,
        _ => 0,
    };
    let at = row.checked_sub(start(seen.shape.rows)).zip(column.checked_sub(start(seen.shape.cols)))?;
    seen.values.get(at).copied()
}

/// The first wrong number, with a value that differs: `got` is what a view of the run shows there, and `want` what one of
/// the right text in f64 does at the same operation and place.
fn told(algorithm: &Algorithm, problem: &Problem, tiling: Tiling, precision: Precision) -> (FirstWrong, Divergence) {
    let first = found(algorithm, problem, tiling, precision).unwrap_or_else(|| panic!("{algorithm:?} is wrong"));
    let divergence = differs(&first).clone();
    let Divergence { at, left_out, name, row, column, .. } = &divergence;
    let of = |algorithm: &Algorithm, precision| {
        let plan = Plan::of_problem(problem, 0, tiling, precision);
        Run::new(Schedule::new(algorithm, plan), problem, 0, 0, |_| true).expect("it runs")
    };
    let (own, right) = (of(algorithm, precision), of(&named(&divergence.right), Precision::F64));
    // A line that is left out would have made it before the step.
    let cursor = at.cursor - u64::from(left_out.is_some());
    assert_eq!(seen(&own, cursor, name, (*row, *column)).map(f64::to_bits), Some(divergence.got.to_bits()));
    let wanted = left_out.clone().unwrap_or_else(|| operation(algorithm, at));
    let mut same = None;
    right.schedule.for_each(|n, step| {
        let is_it = right.schedule.algorithm.operation(step.line) == wanted && step.place == at.step.place;
        same = if is_it { Some(n + 1) } else { same };
    });
    // A line of its own has no step of the right text.
    if let Some(cursor) = same {
        assert_eq!(seen(&right, cursor, name, (*row, *column)).map(f64::to_bits), Some(divergence.want.to_bits()));
    }
    (first, divergence)
}

fn operation(algorithm: &Algorithm, at: &At) -> String {
    algorithm.operation(at.step.line)
}

const ROW: Tiling = Tiling { br: 1, bc: 2 };

/// The row of three pairs of keys: its maximum rises at the second pair alone.
#[test]
fn a_rescale_that_is_left_out_is_missed_where_alpha_is_below_one() {
    let problem = preset::row().problem;
    for precision in Precision::WITH_INFINITY {
        let forgets = named("flash2/forget-alpha");
        let (first, divergence) = told(&forgets, &problem, ROW, precision);
        assert_eq!((first.number.tensor, first.number.row, first.number.component), ("O", 0, Some(0)));
        assert_eq!(divergence.left_out.as_deref(), Some("rescale"));
        assert_eq!(divergence.at.step.place.tile(), Some((0, 1)));
        assert_eq!(operation(&forgets, &divergence.at), "accumulate", "the next step that is no load");
        assert_eq!(divergence.name, "l");
        assert!((divergence.got - 1.5).abs() < 1e-2 && (divergence.want - 0.375).abs() < 1e-2, "{divergence:?}");

        // In flash1 it is a constant, which does no harm at the first pair.
        let forgets = named("flash1/forget-alpha");
        let (_, divergence) = told(&forgets, &problem, ROW, precision);
        assert_eq!((operation(&forgets, &divergence.at).as_str(), divergence.name.as_str()), ("merge-stats", "alpha"));
        assert_eq!(divergence.at.step.place.tile(), Some((0, 1)));
    }
}

#[test]
fn weights_without_a_maximum_differ_at_the_first_exponential() {
    let problem = preset::row().problem;
    for (name, tile) in [("flash1/no-max", Some((0, 0))), ("flash2/no-max", Some((0, 0))), ("standard/no-max", None)] {
        let text = named(name);
        let (first, divergence) = told(&text, &problem, ROW, Precision::F64);
        // standard divides by the sum of the same weights: its O is right as long as nothing overflows.
        assert_eq!(first.number.tensor, if name == "standard/no-max" { "l" } else { "O" }, "{name}: {first:?}");
        assert_eq!(operation(&text, &divergence.at), "exponentiate", "{name}");
        assert_eq!((divergence.at.step.place.tile(), divergence.name.as_str()), (tile, "P"), "{name}");
        assert_eq!(divergence.left_out, None);
    }
}

/// Rows that see one key each, of a low score: flash1 merges the 0 of a tile that its row does not see also later.
#[test]
fn a_maximum_that_is_stuck_is_told_at_the_tile_that_the_row_does_not_see() {
    let mut problem = single(5, 5, 2);
    problem.scale = 1.0;
    problem.mask = Mask { window_left: Some(0), window_right: Some(0), ..Mask::default() };
    problem.q.slice_mut(s![.., .., .., 0]).fill(-1e4);
    problem.k.slice_mut(s![.., .., .., 0]).fill(1.0);
    for (name, line, row, j) in [("flash2/stuck-max", "row-max", 2, 0), ("flash1/stuck-max", "tile-max", 0, 1)] {
        let text = named(name);
        let (first, divergence) = told(&text, &problem, Tiling { br: 4, bc: 2 }, Precision::F32);
        assert_eq!((first.number.tensor, first.number.row), ("O", row), "{name}");
        assert_eq!(operation(&text, &divergence.at), line);
        assert_eq!(divergence.at.step.place.tile(), Some((0, j)), "{name}");
        assert_eq!((divergence.got, divergence.want, divergence.row), (0.0, f64::NEG_INFINITY, row), "{divergence:?}");
    }
}

#[test]
fn a_wrong_line_of_ones_own_is_found_at_its_first_step_that_matters() {
    let problem = preset::row().problem;
    let says = |from, to| {
        let text = changed(FLASH2, from, to);
        let (_, divergence) = told(&text, &problem, ROW, Precision::F32);
        (operation(&text, &divergence.at), divergence.at.step.place.tile(), divergence.name)
    };
    let at = |line: &str, tile, name: &str| (line.to_owned(), tile, name.to_owned());
    // O is not rescaled.
    assert_eq!(says("l = alpha * l; O = alpha * O", "l = alpha * l"), at("rescale", Some((0, 1)), "O"));
    // The last tile is added twice: wrong from the first tile on.
    assert_eq!(says("O = O + P @ V; l", "O = O + P @ V + P @ V; l"), at("accumulate", Some((0, 0)), "O"));
    assert_eq!(says("O = ratio(O, l)", "O = ratio(O, l) + 1"), at("normalise", None, "O"));
    // A line of its own, between two right ones.
    let more = "    accumulate:   O = O + P @ V; l = l + l_tile\n    twice:        O = O + O\n";
    assert_eq!(says("    accumulate:   O = O + P @ V; l = l + l_tile\n", more), at("twice", Some((0, 0)), "O"),);
}

#[test]
fn a_wrong_gradient_is_found_at_its_line() {
    let problem = single(7, 6, 3);
    for (precision, br) in [(Precision::F64, 3), (Precision::F32, 2)] {
        let tiling = Tiling { br, bc: 4 };
        assert_eq!(found(&named("flash2-backward"), &problem, tiling, precision), None);
        let text = changed(FLASH2_BACKWARD, "dS = P * (dP - D)", "dS = P * (dP + D)");
        let (first, divergence) = told(&text, &problem, tiling, precision);
        assert_eq!((first.number.tensor, first.number.row), ("dK", 0), "the first that is stored");
        assert_eq!(operation(&text, &divergence.at), "grad-scores");
        assert_eq!(divergence.at.step.place.tile(), Some((0, 0)));
        assert_eq!((divergence.name.as_str(), divergence.column), ("dS", 0));
        // dV alone, and at the kernel before: D is the sum of another product.
        let text = changed(FLASH2_BACKWARD, "D = rowsum(O * dO)", "D = rowsum(O * O)");
        let (_, divergence) = told(&text, &problem, tiling, precision);
        assert_eq!((operation(&text, &divergence.at).as_str(), divergence.name.as_str()), ("row-dot", "D"));
    }
}

/// A text whose lines no text of the program has: the step that stored the number is told, and said to be that.
#[test]
fn without_a_right_text_the_store_is_told() {
    let text = "language 1\ntitle mine\nin Q K V\nout O\n\nkernel mine\nshared Q, K, V ; registers O, W\n\
                parallel for i in query blocks\n  load Q[i]\n  begin: O = 0 per row of d_v; sum = 0 per row\n  \
                for j in key blocks\n    load K[j]\n    load V[j]\n    weigh: W = exp(Q @ K^T)\n    \
                gain: O = O + W @ V; sum = sum + rowsum(W)\n  finish: O = ratio(O, sum)\n  store O[i]\n";
    let text = Algorithm::read("mine.tile", text).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    // Without the scale.
    let problem = single(5, 5, 4);
    let first = found(&text, &problem, Tiling { br: 2, bc: 2 }, Precision::F32).expect("it is wrong");
    let Cause::Stored(at) = &first.cause else { panic!("{first:?}") };
    assert_eq!((operation(&text, at).as_str(), at.step.place.i()), ("store O", Some(0)));
    assert!(first.sentence(&text).to_string().contains("left it so"), "{}", first.sentence(&text));
    // And with it nothing is wrong.
    let right = text.text().text.replace("exp(Q @ K^T)", "exp(scale * Q @ K^T)");
    let right = Algorithm::read("mine.tile", &right).expect("it reads");
    assert_eq!(found(&right, &problem, Tiling { br: 2, bc: 2 }, Precision::F32), None);
}

/// A store that is left out where a block is full: those blocks stay as they were.
#[test]
fn what_no_step_stores_is_said_to_be_so() {
    let text = changed(FLASH2, "  store O[i]\n", "  store O[i] when causal\n");
    let first = found(&text, &single(5, 5, 4), Tiling { br: 2, bc: 2 }, Precision::F32).expect("it is wrong");
    assert_eq!((first.number.tensor, first.number.row, first.number.got), ("O", 0, 0.0));
    assert_eq!((&first.cause, first.at()), (&Cause::NeverStored, None));
}

/// What the program says of it: `run` warns, `check` fails with the number, the step and the line.
#[test]
fn run_and_check_say_it() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let wrong = FLASH2.replace("l = alpha * l; O = alpha * O", "l = alpha * l");
    fs::write(folder.path().join("mine.tile"), &wrong).expect("it can be written");
    let line = 1 + wrong.lines().position(|line| line.contains("rescale:")).expect("it is there");
    let arguments = ["run", "random:9,40,4", "--algorithm", "mine.tile", "--br", "4", "--bc", "4", "-o", "out.npz"];
    let output = tilescope(folder.path(), &arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    for part in [
        "the result is wrong",
        "O of query ",
        &format!("rescale at query block 0, key block 1 (line {line})"),
        "the first to differ from flash2",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let output = tilescope(folder.path(), &["check", "--algorithm", "mine.tile", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let failed: Vec<_> = rows.iter().filter(|row| row["status"] == "failed").collect();
    assert!(failed.len() > 100, "{}", failed.len());
    for row in &failed {
        assert_eq!(row["algorithm"], "mine.tile");
        assert_eq!(row["first_wrong"]["line"], line, "{row}");
    }
    let text =
        String::from_utf8(tilescope(folder.path(), &["check", "--algorithm", "mine.tile"]).stdout).expect("text");
    assert!(text.contains("cpu mine.tile f32:") && text.contains(&format!("(line {line})")), "{text}");
}

fn check_golden(folder: &std::path::Path, name: &str) {
    let output = tilescope(folder, &["check", "--algorithm", name, "--json", "--golden", common::golden::FOLDER]);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    common::skips::skipped_rows(&rows);
    let failed: Vec<_> = rows.iter().filter(|row| row["status"] == "failed").collect();
    assert!(failed.is_empty(), "{name}: {failed:?}");
}

#[test]
fn check_takes_any_forward_text() {
    check_takes_texts(false);
}

#[test]
fn check_takes_any_backward_text() {
    check_takes_texts(true);
}

/// The texts of the program, with every built-in and golden case.
fn check_takes_texts(is_backward: bool) {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for of_program in algorithm::of_program().filter(|of| of.is_backward() == is_backward) {
        let name = of_program.name();
        let rows = ok(folder.path(), &["check", "--algorithm", name, "--json"]);
        let rows: Vec<serde_json::Value> = serde_json::from_str(&rows).expect("JSON");
        let count = tilescope::attention::cases::cases().len() * Precision::ALL.len();
        assert_eq!(rows.len(), count, "{name}");
        let skipped: Vec<_> = rows.iter().filter(|row| row["status"] != "ran").collect();
        common::skips::skipped_rows(&rows);
        assert!(skipped.iter().all(|row| row["status"] == "skipped" && !row["reason"].is_null()), "{name}");
        assert_eq!(skipped.is_empty(), !of_program.is_backward(), "{name}");
        assert!(skipped.len() * 10 < count * 6, "{name}: {} of {count}", skipped.len());
        check_golden(folder.path(), name);
    }
}

/// Each with its bug.
#[test]
fn check_takes_any_variant() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (base, bug, _) in VARIANTS {
        let output = tilescope(folder.path(), &["check", "--algorithm", &format!("{base}/{bug}")]);
        assert_eq!(output.status.code(), Some(1), "{base}/{bug}");
        let told = String::from_utf8(output.stdout).expect("text");
        assert!(told.contains(&format!("differ from {base}")) || told.contains("is left out"), "{base}/{bug}: {told}");
    }
    let output = tilescope(folder.path(), &["check", "--algorithm", "flash2/zero", "--backend", "wgpu"]);
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
