//! The controls that a lesson can open, each used as a person does, and what the row shows then against the formula of that
//! choice written out here.

use std::fs;

use ndarray::Array2;

use crate::stage_support::{click, open_with, options, press, seek, settle, type_text, value};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::attention::Precision;
use tilescope::attention::input::random;
use tilescope::attention::npz_out::{NpyArray, write_npz};
use tilescope::playback::lesson::Position;

const N: usize = 12;
const D: usize = 4;
/// The row that is looked at: of the first query block, so that it is done early.
const ROW: usize = 2;

fn q(i: usize, c: usize) -> f64 {
    ((3 * i + 5 * c) % 7) as f64 / 2.0 - 1.5
}

fn k(j: usize, c: usize) -> f64 {
    ((5 * j + 2 * c) % 7) as f64 / 2.0 - 1.0
}

fn v(j: usize, c: usize) -> f64 {
    (j * D + c) as f64 / 8.0
}

fn bias(i: usize, j: usize) -> f64 {
    ((i + 2 * j) % 5) as f64 / 4.0
}

/// The dot product of the row with a key.
fn dot(j: usize) -> f64 {
    (0..D).map(|c| q(ROW, c) * k(j, c)).sum()
}

/// A lesson of one beat that opens `control`, on an input of the formulas above.
fn open(control: &str, scene: &str) -> (Harness<'static, App>, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let array =
        |columns: usize, of: fn(usize, usize) -> f64| Array2::from_shape_fn((N, columns), |(i, c)| of(i, c)).into_dyn();
    let arrays = [("Q", array(D, q)), ("K", array(D, k)), ("V", array(D, v)), ("bias", array(N, bias))];
    let arrays =
        arrays.each_ref().map(|(name, values)| (*name, NpyArray { values: values.view(), precision: Precision::F64 }));
    write_npz(fs::File::create(folder.path().join("own.npz")).expect("a file"), &arrays).expect("it is written");
    let path = folder.path().join("mine.md");
    let text = format!(
        "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\n{scene}\n```\n```change\nopen: {control}\nfind: f\n\
         until: moved() < 0\nsolution: {control}: 1\nfeedback: Found it.\n```\n"
    );
    fs::write(&path, text).expect("it is written");
    let own = Some((path, Position::default()));
    let mut harness = open_with(&AppOptions { own_lesson: own, ..options() });
    settle(&mut harness);
    assert!(harness.state().document().notice().is_none(), "{:?}", harness.state().document().notice());
    (harness, folder)
}

/// After the first rows are done; without the bias of the input unless it is asked for.
const PLAIN: &str = "input: own.npz\nblocks: 4x4\nbias: none\nstep: after normalise\nselection: row 2";

fn typed(harness: &mut Harness<'static, App>, name: &str, text: &str) {
    harness.get_by_role_and_label(Role::TextInput, name).focus();
    harness.run_steps(2);
    press(harness, Modifiers::COMMAND, Key::A);
    type_text(harness, text);
    press(harness, Modifiers::NONE, Key::Tab);
    settle(harness);
    // Another mask has other steps: to the end of the first rows again.
    let scene = harness.state().document().scene().expect("it runs").clone();
    let is_end = |n: &u64| {
        let step = scene.schedule().step(*n).expect("a step");
        scene.schedule().algorithm.operation(step.line) == "normalise"
    };
    let end = (0..scene.schedule().len()).find(is_end).expect("rows end");
    seek(harness, end + 1);
    harness.get_by_label(&format!("Row {ROW}"));
}

/// The last number of what is shown under a name.
fn number(harness: &Harness<'_, App>, name: &str) -> f64 {
    let text = value(harness, name);
    let last = text.rsplit(' ').next().unwrap_or_default();
    last.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
}

/// m and l on screen are those of these scores; of a sink as one more.
fn has_row(harness: &Harness<'_, App>, scores: &[f64], sink: Option<f64>, of: &str) {
    let all = scores.iter().copied().chain(sink);
    let m = all.clone().fold(f64::NEG_INFINITY, f64::max);
    let l: f64 = all.map(|score| (score - m).exp()).sum();
    for (name, expected) in [("m of the row", m), ("l of the row", l)] {
        let shown = number(harness, name);
        assert!((shown - expected).abs() <= 6e-4 * expected.abs().max(1e-3), "{of}: {name} {shown}, not {expected}");
    }
}

fn scores(of: impl Fn(usize) -> f64) -> Vec<f64> {
    (0..N).map(of).collect()
}

#[test]
fn a_scale_is_typed() {
    let (mut harness, _folder) = open("scale", PLAIN);
    has_row(&harness, &scores(|j| dot(j) / 2.0), None, "1 / sqrt(4)");
    typed(&mut harness, "Scale of the scores", "0.125");
    has_row(&harness, &scores(|j| dot(j) / 8.0), None, "an eighth");
}

#[test]
fn a_softcap_is_typed() {
    let (mut harness, _folder) = open("softcap", PLAIN);
    typed(&mut harness, "Softcap", "1.5");
    has_row(&harness, &scores(|j| 1.5 * (dot(j) / 2.0 / 1.5).tanh()), None, "softcap 1.5");
}

#[test]
fn a_window_is_typed() {
    let (mut harness, _folder) = open("window", PLAIN);
    typed(&mut harness, "Window: left, right", "1,2");
    let seen: Vec<f64> = (ROW - 1..=ROW + 2).map(|j| dot(j) / 2.0).collect();
    has_row(&harness, &seen, None, "one key to the left, two to the right");
}

#[test]
fn lengths_are_typed() {
    let (mut harness, _folder) = open("kv-lengths", PLAIN);
    typed(&mut harness, "Lengths of the keys", "7");
    has_row(&harness, &scores(|j| dot(j) / 2.0)[..7], None, "seven keys");
}

#[test]
fn sinks_are_typed() {
    let (mut harness, _folder) = open("sinks", PLAIN);
    typed(&mut harness, "Logits of the sinks", "3.5");
    has_row(&harness, &scores(|j| dot(j) / 2.0), Some(3.5), "a sink");
}

#[test]
fn a_bias_is_left_out_and_taken_again() {
    let (mut harness, _folder) = open("bias", PLAIN);
    has_row(&harness, &scores(|j| dot(j) / 2.0), None, "without");
    click(&mut harness, "as in the input");
    has_row(&harness, &scores(|j| dot(j) / 2.0 + bias(ROW, j)), None, "with");
    click(&mut harness, "none");
    has_row(&harness, &scores(|j| dot(j) / 2.0), None, "without again");
}

/// Dropout changes no maximum and no sum; O is of the weights that are kept, each twice as large at a rate of one half.
#[test]
fn a_rate_of_dropout_is_typed() {
    let (mut harness, _folder) = open("dropout", PLAIN);
    let averages = |harness: &Harness<'_, App>| -> Vec<f64> {
        let text = value(harness, "average so far");
        text.split(", ").map(|one| one.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
    };
    let scores = scores(|j| dot(j) / 2.0);
    let sum: f64 = scores.iter().map(|score| score.exp()).sum();
    let expected = |kept: &dyn Fn(usize) -> f64| -> Vec<f64> {
        (0..D).map(|c| (0..N).map(|j| scores[j].exp() / sum * kept(j) * v(j, c)).sum()).collect()
    };
    let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 2e-3);
    let before = averages(&harness);
    assert!(close(&before, &expected(&|_| 1.0)), "{before:?}");
    typed(&mut harness, "Rate of dropout", "0.5");
    has_row(&harness, &scores, None, "dropout");
    let scene = harness.state().document().scene().expect("it runs").clone();
    let head = scene.input.problem.head::<f64>(0, 0, Precision::F64);
    let kept: Vec<f64> = (0..N).map(|j| head.dropout_factor(ROW, j)).collect();
    assert!(kept.contains(&0.0) && kept.iter().all(|factor| [0.0, 2.0].contains(factor)), "{kept:?}");
    let after = averages(&harness);
    assert!(close(&after, &expected(&|j| kept[j])), "{after:?}");
    assert!(!close(&after, &before), "nothing is dropped");
}

#[test]
fn the_first_tokens_are_counted_up() {
    let scene = "input: own.npz\nblocks: 4x4\nbias: none\ncausal: true\nprefix: 8\nstep: end";
    let (mut harness, _folder) = open("prefix", scene);
    let tokens = |harness: &Harness<'_, App>, n: usize| {
        harness.query_by_label_contains(&format!(", {n} tokens")).is_some()
            && harness.state().document().scene().expect("it runs").plan().n_q == n
    };
    assert!(tokens(&harness, 8));
    click(&mut harness, "+ First tokens");
    assert!(tokens(&harness, 9));
    click(&mut harness, "half of First tokens");
    assert!(tokens(&harness, 4));
}

/// Each split leaves a part of O of its own in HBM.
#[test]
fn splits_are_counted_up() {
    let scene = "input: own.npz\nblocks: 4x4\nbias: none\nalgorithm: split-kv\nsplits: 2\nstep: end";
    let (mut harness, _folder) = open("splits", scene);
    press(&mut harness, Modifiers::ALT, Key::Num1);
    for splits in [2, 3] {
        let elements = splits * N * D;
        press(&mut harness, Modifiers::NONE, Key::End);
        assert_eq!(value(&harness, "O_part write"), format!("{elements} of {elements}"), "{splits} splits");
        click(&mut harness, "+ Splits of the keys");
    }
}

#[test]
fn a_seed_is_typed() {
    let scene = "input: random:12,12,4\nblocks: 4x4\nmask: none\nstep: after normalise\nselection: row 2";
    let (mut harness, _folder) = open("seed", scene);
    for seed in [0, 5] {
        if seed > 0 {
            typed(&mut harness, "Seed of the input", &seed.to_string());
        }
        let problem = random::read("random:12,12,4", seed).expect("an input").problem;
        let dot = |j: usize| (0..D).map(|c| problem.q[[0, 0, ROW, c]] * problem.k[[0, 0, j, c]]).sum::<f64>();
        has_row(&harness, &scores(|j| dot(j) / 2.0), None, &format!("seed {seed}"));
    }
}
