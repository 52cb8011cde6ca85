//! Texts with lines of one's own: which value is told, in which words, and which lines are right though they are others.

use ndarray::{Array2, Array4, s};
use tilescope::attention::cases::{problem, single};
use tilescope::attention::expected;
use tilescope::attention::input::preset;
use tilescope::attention::{Mask, Precision, Problem, Shape};
use tilescope::machine::{Cause, Divergence, Group, Judged, Run, first_wrong};
use tilescope::schedule::{Algorithm, Plan, Schedule, Setting, Tiling, algorithm};

use super::{FLASH2, FLASH2_BACKWARD, ROW, changed, found, named, operation, told};

const STANDARD: &str = include_str!("../../src/schedule/algorithms/standard.tile");
const TWO_KERNEL_BACKWARD: &str = include_str!("../../src/schedule/algorithms/two-kernel-backward.tile");

/// A text with several lines changed.
fn all_changed(text: &str, changes: &[(&str, &str)]) -> Algorithm {
    let text = changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    changed(&text, "title", "title")
}

/// What is told of a text, in words: `cursor`, `got` and `want` are those of the divergence, which [`told`] holds to the
/// runs.
fn says(text: &Algorithm, problem: &Problem, tiling: Tiling, precision: Precision, words: &str) {
    let (first, divergence) = told(text, problem, tiling, precision);
    let line = text.line(divergence.at.step.line).span.line;
    let [got, want] = tilescope::number::apart(divergence.got, divergence.want);
    let words = words.replace("{n}", &divergence.at.cursor.to_string()).replace("{line}", &line.to_string());
    assert_eq!(first.cause(text).to_string(), words.replace("{got}", &got).replace("{want}", &want));
    let both = format!("{}; {}", first.number.sentence(), first.cause(text));
    assert_eq!(first.sentence(text).to_string(), both);
}

/// Causal, 6 queries and keys, of which no query gives key 0 a weight that is not 0.
fn without_key_0() -> Problem {
    let mut problem = single(6, 6, 3);
    problem.mask = Mask { causal: true, ..Mask::default() };
    problem.q.slice_mut(s![.., .., 1.., 0]).fill(1.0);
    problem.k.slice_mut(s![.., .., 0, 0]).fill(-1e4);
    problem
}

/// Each query sees its own key alone, and V is 0 before key `from`: there dP and D are 0.
fn of_own_key(from: usize) -> Problem {
    let mut problem = single(8, 8, 3);
    problem.mask = Mask { window_left: Some(0), window_right: Some(0), ..Mask::default() };
    problem.v.slice_mut(s![.., .., ..from, ..]).fill(0.0);
    problem
}

/// Weights of 1/8 and more, but for query 3 at key 7 and query 5 at key 6.
fn of_two_pairs() -> Problem {
    let mut problem = single(6, 8, 3);
    problem.k.fill(0.0);
    let is_less = |i: usize, j: usize| (i, j) == (3, 7) || (i, j) == (5, 6);
    problem.bias = Some(Array4::from_shape_fn((1, 1, 6, 8), |(_, _, i, j)| if is_less(i, j) { -4.0 } else { 0.0 }));
    problem
}

#[test]
fn a_value_is_told_with_its_place() {
    let row = preset::row().problem;
    let forgets = named("flash2/forget-alpha");
    let words = "before step 16, accumulate at query block 0, key block 1 (line {line}), the line rescale of flash2 is left \
                 out: l of query 0 is 1.500, and would be 0.3750 after it";
    says(&forgets, &row, ROW, Precision::F64, words);
    // One number for all rows has no place.
    let words = "step {n}, merge-stats at query block 0, key block 1 (line {line}), is the first to differ from flash1: alpha \
                 is {got} after it, not {want}";
    says(&named("flash1/forget-alpha"), &row, ROW, Precision::F32, words);
    // Full tiles alone: those of queries 2 and 3 begin with key 0, which is right.
    let twice = changed(FLASH2, "P = exp(S - finite(m))", "P = exp(S - finite(m)); P = 2 * P when full");
    let words = "step {n}, exponentiate at query block 1, key block 0 (line {line}), is the first to differ from flash2: P of \
                 query 2, key 1 is {got} after it, not {want}";
    for precision in Precision::WITH_INFINITY {
        says(&twice, &without_key_0(), Tiling { br: 2, bc: 2 }, precision, words);
    }
    let twice = changed(STANDARD, "P = exp(S - finite(m))", "P = exp(S - finite(m)); P = max(P, 1 / 8)");
    let words = "step {n}, exponentiate at query block 0 (line {line}), is the first to differ from standard: P of query 0, \
                 key 1 is {got} after it, not {want}";
    says(&twice, &without_key_0(), Tiling { br: 3, bc: 4 }, Precision::F64, words);
    let more = changed(FLASH2, "O = ratio(O, l)", "O = ratio(O, l) + 1");
    let words = "step {n}, normalise at query block 0 (line {line}), is the first to differ from flash2: O of query 0, \
                 component 0 is {got} after it, not {want}";
    says(&more, &single(5, 5, 4), Tiling { br: 2, bc: 2 }, Precision::F32, words);
    // A part of a row: the split and its query block.
    let splits = include_str!("../../src/schedule/algorithms/split-kv.tile");
    let more = changed(splits, "O_part = ratio(O_part, l)", "O_part = ratio(O_part, l) + 1");
    let words = "step {n}, normalise at query block 0, split 0 (line {line}), is the first to differ from split-kv: O_part of \
                 query 0, component 0 is {got} after it, not {want}";
    says(&more, &single(5, 5, 4), Tiling { br: 2, bc: 2 }, Precision::F32, words);
}

/// The first key whose gradient is wrong lies in another block, and its query within one.
#[test]
fn a_wrong_gradient_is_told_at_the_block_of_its_key() {
    for precision in [Precision::F64, Precision::F32, Precision::BF16] {
        let tiling = Tiling { br: 3, bc: 4 };
        let scores = changed(FLASH2_BACKWARD, "dS = P * (dP - D)", "dS = P * (dP + D)");
        let words = "step {n}, grad-scores at query block 1, key block 1 (line {line}), is the first to differ from \
                     flash2-backward: dS of query 5, key 5 is {got} after it, not {want}";
        says(&scores, &of_own_key(5), tiling, precision, words);
        let words = words.replace("query block 1", "query block 2").replace("query 5, key 5", "query 6, key 6");
        says(&scores, &of_own_key(6), tiling, precision, &words);
        // Other keys of the tile are wrong at earlier queries.
        let least = changed(FLASH2_BACKWARD, "P = exp(S - finite(L))", "P = exp(S - finite(L)); P = max(P, 1 / 8)");
        let words = "step {n}, recompute at query block 1, key block 1 (line {line}), is the first to differ from \
                     flash2-backward: P of query 5, key 6 is {got} after it, not {want}";
        says(&least, &of_two_pairs(), tiling, precision, words);
        let sums = changed(FLASH2_BACKWARD, "dV = dV + P^T @ dO unless dropout", "dV = dV - P^T @ dO unless dropout");
        let words = "step {n}, accumulate-dv at query block 0, key block 0 (line {line}), is the first to differ from \
                     flash2-backward: dV of key 0, component 0 is {got} after it, not {want}";
        says(&sums, &of_own_key(5), tiling, precision, words);
        let late = changed(FLASH2_BACKWARD, "dV = dV + P^T @ dO unless dropout", "dV = dV + P^T @ dO when full");
        let mut problem = single(6, 6, 3);
        problem.mask = Mask { causal: true, ..Mask::default() };
        // No tile of the diagonal is full.
        let (first, divergence) = told(&late, &problem, tiling, precision);
        assert_eq!((first.number.tensor, first.number.row), ("dV", 0));
        assert_eq!((divergence.name.as_str(), divergence.row, divergence.column), ("dV", 0, 0), "{divergence:?}");
    }
}

/// A sum that has a line of its own is right once that line is done, and not wrong before.
#[test]
fn what_another_line_will_change_is_not_wrong_yet() {
    let problem = single(5, 7, 4);
    let line = "accumulate:   O = O + P @ V; l = l + l_tile\n";
    let apart = (
        "    accumulate:   O = O + P @ V; l = l + l_tile\n",
        "    accumulate:   O = O + P @ V\n    add: l = l + l_tile\n",
    );
    let of = |changes: &[(&str, &str)], precision| {
        let text = all_changed(FLASH2, changes);
        let (_, divergence) = told(&text, &problem, Tiling { br: 2, bc: 3 }, precision);
        let place = divergence.at.step.place;
        (operation(&text, &divergence.at), place.i(), place.j(), divergence.name)
    };
    let at = |line: &str, j, name: &str| (line.to_owned(), Some(0), j, name.to_owned());
    for precision in [Precision::F64, Precision::F32] {
        assert_eq!(found(&all_changed(FLASH2, &[apart]), &problem, Tiling { br: 2, bc: 3 }, precision), None);
        let late = [apart, ("O = ratio(O, l)", "O = ratio(O, l) + 1")];
        assert_eq!(of(&late, precision), at("normalise", None, "O"));
        // All lines that change it are others.
        let all = [
            late[0],
            late[1],
            (
                "O = 0 per row of d_v; l = 0 per row; m = -inf per row; \
                 l = 1 per row when sinks; m = sink per row when sinks\n",
                "O = 0 per row of d_v; m = -inf per row\n  zero: l = 0 per row\n",
            ),
            ("l = alpha * l; O = alpha * O\n", "O = alpha * O\n    shrink: l = alpha * l\n"),
        ];
        assert_eq!(of(&all, precision), at("normalise", None, "O"));
        // A line that the right text has too changes it before, and not again.
        assert_eq!(of(&[(line, "accumulate:   O = O + P @ V\n")], precision), at("accumulate", Some(0), "l"));
        // Wrong in the first tile, and told there.
        let more = [apart, ("l_tile = rowsum(P)", "l_tile = 2 * rowsum(P)")];
        let (_, i, j, name) = of(&more, precision);
        assert_eq!((i, j, name.as_str()), (Some(0), Some(0), "l"));
    }
}

/// Names that are loaded: kept from tile to tile, and changed by a line of its own that the right text has not.
#[test]
fn what_is_loaded_is_kept_too() {
    let flash1 = include_str!("../../src/schedule/algorithms/flash1.tile");
    let apart = ("; l = l_new; m = m_new\n", "\n    keep: l = l_new; m = m_new\n");
    let text = all_changed(flash1, &[apart, ("alpha = exp(m - finite(m_new))", "alpha = 1")]);
    let (_, divergence) = told(&text, &preset::row().problem, ROW, Precision::F64);
    let place = divergence.at.step.place.tile();
    assert_eq!((operation(&text, &divergence.at).as_str(), place), ("merge-stats", Some((0, 1))), "{divergence:?}");
    let text = all_changed(
        FLASH2,
        &[
            ("kernel attention\n", "kernel clear\nparallel for i in query blocks\n  fill O[i] = 0\nkernel attention\n"),
            ("  load Q[i]\n", "  load Q[i]\n  load O[i]\n"),
            ("O = 0 per row of d_v; l = 0", "l = 0"),
            ("O = O + P @ V; l", "O = O + P @ V + P @ V; l"),
        ],
    );
    let (_, divergence) = told(&text, &single(5, 7, 4), Tiling { br: 2, bc: 3 }, Precision::F64);
    let place = divergence.at.step.place.tile();
    assert_eq!((operation(&text, &divergence.at).as_str(), place), ("accumulate", Some((0, 0))), "{divergence:?}");
}

/// Another way to the same number rounds otherwise, also where numbers are large.
#[test]
fn what_rounds_otherwise_is_not_wrong() {
    let mut problem = single(6, 9, 4);
    problem.v.mapv_inplace(|v| v * 1e4);
    let ways = [
        ("P = exp(S - finite(m))", "P = exp(S) * exp(-finite(m))"),
        ("O = O + P @ V; l", "O = O + (P / 3) @ V; O = O + (P * 2 / 3) @ V; l"),
    ];
    let tiling = Tiling { br: 2, bc: 3 };
    for precision in [Precision::F64, Precision::F32] {
        let other = all_changed(FLASH2, &ways);
        assert_eq!(found(&other, &problem, tiling, precision), None, "{precision:?}");
        let wrong = all_changed(FLASH2, &[ways[0], ways[1], ("O = ratio(O, l)", "O = ratio(O, l) * 2")]);
        let (_, divergence) = told(&wrong, &problem, tiling, precision);
        assert_eq!((operation(&wrong, &divergence.at).as_str(), divergence.name.as_str()), ("normalise", "O"));
    }
}

/// Scores of 1e39 are infinite in f32, in the right text too: what differs from f64 by that alone is not wrong.
#[test]
fn what_the_format_cannot_hold_is_not_wrong() {
    let mut problem = single(3, 4, 2);
    problem.scale = 1.0;
    problem.q.slice_mut(s![.., .., 0, ..]).fill(1e20);
    problem.k.slice_mut(s![.., .., 1, ..]).fill(1e20);
    let text = changed(FLASH2, "O = ratio(O, l)", "O = ratio(O, l) * 1");
    let first = found(&text, &problem, Tiling { br: 1, bc: 2 }, Precision::F32).expect("its first row is NaN");
    assert_eq!((first.number.tensor, first.number.row), ("O", 0));
    let Cause::Stored(at) = &first.cause else { panic!("{first:?}") };
    assert_eq!(operation(&text, at), "store O");
}

/// Names of the right text for other things, of as many numbers.
#[test]
fn a_name_of_another_shape_is_another_value() {
    let problem = single(4, 6, 2);
    let swapped = [
        ("registers O, S P, m, l", "registers O, S W, P, m, l"),
        ("start-rows:   O = 0 per row of d_v", "start-rows:   P = 0 per row of d_v"),
        ("exponentiate: P = exp(S - finite(m))", "exponentiate: W = exp(S - finite(m))"),
        ("row-sum:      l_tile = rowsum(P)", "row-sum:      l_tile = rowsum(W)"),
        ("dropout:      P = P * keep when dropout", "dropout:      W = W * keep when dropout"),
        ("rescale:      l = alpha * l; O = alpha * O", "rescale:      l = alpha * l; P = alpha * P"),
        ("accumulate:   O = O + P @ V; l = l + l_tile", "accumulate:   P = P + W @ V; l = l + l_tile"),
        ("O = ratio(O, l); L", "O = ratio(P, l); L"),
    ];
    let tiling = Tiling { br: 1, bc: 2 };
    assert_eq!(found(&all_changed(FLASH2, &swapped), &problem, tiling, Precision::F64), None);
    let mut wrong = swapped.to_vec();
    wrong[7].1 = "O = ratio(P, l) + 1; L";
    let wrong = all_changed(FLASH2, &wrong);
    let (_, divergence) = told(&wrong, &problem, tiling, Precision::F64);
    assert_eq!((operation(&wrong, &divergence.at).as_str(), divergence.name.as_str()), ("normalise", "O"));
}

/// The right text is the one with the same results that shares most lines: half of them at least, and the first of those
/// that share as many.
#[test]
fn the_right_text_is_the_nearest() {
    let problem = single(5, 6, 3);
    let tiling = Tiling { br: 2, bc: 3 };
    let right = |changes: &[(&str, &str)]| {
        let first = found(&all_changed(FLASH2, changes), &problem, tiling, Precision::F64).expect("it is wrong");
        match first.cause {
            Cause::Differs(divergence) => Some(divergence.right),
            _ => None,
        }
    };
    let wrong = ("O = ratio(O, l)", "O = ratio(O, l) + 1");
    assert_eq!(right(&[wrong]).as_deref(), Some("flash2"));
    // flash2 and flash2-lazy differ in this line alone.
    let neither = ("alpha = exp(m - finite(m_new)); m = m_new", "m = m_new; alpha = 1");
    assert_eq!(right(&[neither]).as_deref(), Some("flash2"));
    let lazy = named("flash2-lazy").text().text.replace(wrong.0, wrong.1);
    let lazy = Algorithm::read("mine.tile", &lazy).expect("it reads");
    let first = found(&lazy, &problem, tiling, Precision::F64).expect("it is wrong");
    assert!(matches!(&first.cause, Cause::Differs(divergence) if divergence.right == "flash2-lazy"), "{first:?}");
    // 16 lines, of which seven are others, and eleven.
    let renamed = |count: usize| {
        let labels =
            ["start-rows", "row-max", "exponentiate", "row-sum", "rescale", "accumulate", "normalise", "scores"];
        let labels = labels.map(|label| (format!("{label}:"), format!("my-{label}:")));
        let mut changes: Vec<(&str, &str)> =
            labels.iter().take(count).map(|(from, to)| (from.as_str(), to.as_str())).collect();
        changes.push(wrong);
        if count > 7 {
            changes.extend([("mask:", "my-mask:"), ("dropout:", "my-dropout:")]);
        }
        right(&changes)
    };
    assert_eq!(renamed(5).as_deref(), Some("flash2"));
    assert_eq!(renamed(8), None);
    // Of O alone: flash2 has other results, and `standard` shares half of the lines; of one less it does not.
    let alone = [wrong, ("out      O L", "out      O"), ("  store L[i]\n", "")];
    assert_eq!(right(&alone).as_deref(), Some("standard"));
    assert_eq!(right(&[&alone[..], &[("dropout:", "my-dropout:")]].concat()), None);
}

/// O is looked at before what is reported of the same rows, which is told as well.
#[test]
fn a_result_comes_before_what_is_reported_of_it() {
    let problem = single(5, 6, 3);
    let text = changed(STANDARD, "l = rowsum(P)", "l = 2 * rowsum(P)");
    let (first, divergence) = told(&text, &problem, Tiling { br: 2, bc: 3 }, Precision::F64);
    assert_eq!((first.number.tensor, first.number.row, first.number.component), ("O", 0, Some(0)));
    assert_eq!((operation(&text, &divergence.at).as_str(), divergence.name.as_str()), ("row-sum", "l"));
    // What follows from m and l counts as stored with l.
    let text = changed(STANDARD, "(sink - m) when sinks\n", "(sink - m) when sinks\n  again: l = 2 * l\n");
    let text = changed(&text.text().text, "P = ratio(P, l)", "P = ratio(P, l / 2)");
    let first = found(&text, &problem, Tiling { br: 2, bc: 3 }, Precision::F64).expect("it is wrong");
    assert_eq!((first.number.tensor, first.number.row), ("l", 0), "{first:?}");
    assert!(first.at().is_some());
    let lse = found_alone(&text, &problem, "L");
    assert!(matches!(&lse.cause, Cause::Differs(Divergence { name, .. }) if name == "l"), "{lse:?}");
}

/// What is reported and stored too is looked at where it is stored, whatever becomes of it on chip.
#[test]
fn what_is_stored_is_told_at_its_store() {
    let text = "language 1\ntitle mine\nin Q K V\nout O sum\nreport sum\n\nkernel mine\nshared Q, K, V ; registers O, S W\n\
                parallel for i in query blocks\n  load Q[i]\n  begin: O = 0 per row of d_v; sum = 0 per row\n  \
                for j in key blocks\n    load K[j]\n    load V[j]\n    weigh: S = Q @ K^T; W = exp(S)\n    \
                gain: O = O + W @ V; sum = sum + rowsum(W)\n  finish: O = ratio(O, sum)\n  store sum[i]\n  \
                later: sum = sum + 1\n  store O[i]\n";
    let text = Algorithm::read("mine.tile", text).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let first = found(&text, &single(5, 5, 4), Tiling { br: 2, bc: 2 }, Precision::F64).expect("it is wrong");
    assert_eq!((first.number.tensor, first.number.row), ("l", 0));
    let Cause::Stored(at) = &first.cause else { panic!("{first:?}") };
    assert_eq!(operation(&text, at), "store sum");
}

/// The first wrong number where one result alone is looked at.
fn found_alone(text: &Algorithm, problem: &Problem, name: &str) -> tilescope::machine::FirstWrong {
    let plan = Plan::of_problem(problem, 0, Tiling { br: 2, bc: 3 }, Precision::F64);
    let schedule = Schedule::new(text, plan.clone());
    let run = Run::new(schedule.clone(), problem, 0, 0, |_| true).expect("it runs");
    let stored = algorithm::stored(text, &plan);
    let (reference, bound) = expected::forward(problem, (0, 0), Precision::F64, stored);
    let expected = expected::Expected::of_forward(&reference, &bound);
    let expected = expected.iter().find(|expected| expected.name == name).expect("a result");
    let got = run.results().called(name).expect("it follows");
    let judged = [Judged { head: 0, expected, got: got.view() }];
    first_wrong(&schedule, &Group::of(&schedule, problem, None, 0, 0), &judged).expect("it is wrong")
}

/// Query heads that share a key/value head: the heads of a group, the gradients of their outputs, and a wrong number of
/// the second of them alone.
#[test]
fn a_wrong_number_of_a_later_head_is_told() {
    let problem = problem(Shape { batch: 2, heads: 4, kv_heads: 2, ..Shape::single(5, 6, 3) });
    let text = changed(TWO_KERNEL_BACKWARD, "dQ = dQ + scale * dS @ K", "dQ = dQ + dS @ K");
    let plan = Plan::of_problem(&problem, 1, Tiling { br: 2, bc: 3 }, Precision::F64);
    let schedule = Schedule::of(&text, Setting { heads: 2, ..Setting::new(plan) });
    let d_o = Array4::from_shape_fn((2, 4, 5, 3), |(batch, head, row, column)| {
        // The first head of each group has no gradient.
        if head % 2 == 0 { 0.0 } else { (batch + head * 2 + row * 3 + column) as f64 / 8.0 - 1.0 }
    });
    for (head, heads) in [(0, 0..2), (1, 0..2), (2, 2..4), (3, 2..4)] {
        let group = Group::of(&schedule, &problem, Some(&d_o), 1, head);
        assert_eq!(group.heads, heads, "head {head}");
        let of = |head: usize| d_o.slice(s![1, head, .., ..]).to_owned();
        let gradients = group.gradients_of_output();
        assert_eq!(gradients, heads.clone().map(of).collect::<Vec<Array2<f64>>>(), "head {head}");
        let alone = Group::of(&schedule, &problem, None, 1, head).gradients_of_output();
        assert_eq!(alone, [Array2::<f64>::ones((5, 3)), Array2::ones((5, 3))]);
        let views: Vec<_> = gradients.iter().map(|d_o| d_o.view()).collect();
        let (of_queries, _) =
            expected::backward(&problem, (1, heads.clone()), &views, Precision::F64, Default::default())
                .expect("a rule");
        let of_batch = d_o.slice(s![1, .., .., ..]);
        let runs = heads.clone().map(|head| {
            Run::with_gradient(schedule.clone(), &problem, Some(of_batch), 1, head, |_| true).expect("it runs")
        });
        let runs: Vec<Run> = runs.collect();
        let judged = of_queries.iter().zip(&runs).enumerate();
        let judged: Vec<Judged<'_>> = judged
            .map(|(head, (expected, run))| Judged { head, expected, got: run.results().get("dQ").expect("dQ").view() })
            .collect();
        let first = first_wrong(&schedule, &group, &judged).expect("it is wrong");
        assert_eq!((first.number.tensor, first.head), ("dQ", 1), "{first:?}");
        let Cause::Differs(divergence) = &first.cause else { panic!("{first:?}") };
        assert_eq!((operation(&text, &divergence.at).as_str(), divergence.at.step.head), ("accumulate-dq", 1));
        assert_eq!((divergence.name.as_str(), divergence.at.step.place.tile()), ("dQ", Some((0, 0))));
        assert_eq!(schedule.step(divergence.at.cursor - 1), Some(divergence.at.step));
    }
}
