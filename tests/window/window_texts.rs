//! Any text in the window: those of the program, and one of one's own, which is read again when it is saved.

use crate::common::renamed;
use crate::stage_support;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::stage_support::{all_text, drop_files, open, open_with, options, press, seek, settle, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::Precision;
use tilescope::schedule::{Part, RunSpec, Tiling, algorithm};

const NONE: Modifiers = Modifiers::NONE;

/// flash2 that keeps its sum under a name of its own.
const MINE: &str = include_str!("../common/two_sums.tile");

/// Saves a text, later than anything that was saved before.
fn save(path: &Path, text: &str, later: u64) {
    fs::write(path, text).expect("it can be written");
    let file = fs::File::options().write(true).open(path).expect("it is there");
    file.set_modified(SystemTime::now() + Duration::from_secs(later)).expect("its time can be set");
}

/// Frames until `is_there`.
fn wait(harness: &mut Harness<'_, App>, is_there: impl Fn(&Harness<'_, App>) -> bool) {
    for _ in 0..10_000 {
        harness.step();
        if is_there(harness) {
            return settle(harness);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it never came: {}", all_text(harness).join(" | "));
}

fn algorithm_of(harness: &Harness<'_, App>) -> tilescope::schedule::Algorithm {
    harness.state().document().scene().expect("a run is on screen").schedule().algorithm.clone()
}

/// It runs like any other, with its counters at the closed form and its result held against exact attention; what is saved
/// is run; what is wrong with it is told in place, and the run on screen stays.
#[test]
fn a_text_of_ones_own_is_run_and_followed() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("mine.tile");
    save(&path, MINE, 0);
    let mut harness = open(None);
    drop_files(&mut harness, std::slice::from_ref(&path));
    wait(&mut harness, |harness| algorithm_of(harness).text().text == MINE);
    press(&mut harness, NONE, Key::End);
    settle(&mut harness);
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    let bytes = scene.closed_form.hbm_bytes();
    let grouped = stage_support::grouped(bytes);
    press(&mut harness, Modifiers::ALT, Key::Num1);
    assert_eq!(value(&harness, "HBM bytes"), format!("{grouped} of {grouped}"));
    let error: f64 = value(&harness, "error of the stepper").parse().expect("a number, without a mark");
    assert!(error < 1e-5, "{error}");
    press(&mut harness, Modifiers::ALT, Key::Num3);
    settle(&mut harness);
    let all = all_text(&harness).join("\n");
    assert!(all.contains("weight = shrink * weight + gained"), "the text is in the Code pane: {all}");

    save(&path, &MINE.replace("P @ V", "P @ K"), 5);
    wait(&mut harness, |harness| harness.query_by_label("message").is_some());
    let told = value(&harness, "message");
    assert!(told.contains("mine.tile:20:"), "{told}");
    assert_eq!(algorithm_of(&harness).text().text, MINE);

    let changed = MINE.replace("finish:", "divide:");
    save(&path, &changed, 10);
    wait(&mut harness, |harness| algorithm_of(harness).text().text == changed);
    assert!(harness.query_by_label("message").is_none(), "nothing is wrong with it now");
}

/// Each text of the program from its first step to its last: the counters end at the closed form, and nothing is said of
/// it that is true of others only.
#[test]
fn every_text_of_the_program_is_stepped_through() {
    for of_program in algorithm::of_program() {
        let name = of_program.name();
        let mut place = Link::default();
        place.run.algorithm = Some(name.to_owned());
        let mut harness = open_with(&AppOptions { place, ..options() });
        assert_eq!(algorithm_of(&harness).name(), name);
        let scene = harness.state().document().scene().expect("a run is on screen").clone();
        let steps = scene.schedule().len();
        for distance in [Key::Num1, Key::Num2, Key::Num3] {
            press(&mut harness, NONE, distance);
            for cursor in (0..=steps).step_by(steps as usize / 7 + 1) {
                seek(&mut harness, cursor);
            }
        }
        // Alpha can be forgotten where a variant of the text does.
        let has_variant = algorithm::by_name(&format!("{name}/forget-alpha")).is_some();
        let has_story = of_program.has_part(Part::Alpha) && !of_program.has_splits();
        seek(&mut harness, steps / 2);
        assert_eq!(harness.query_by_label("Forget alpha").is_some(), has_variant && has_story, "{name}");
        press(&mut harness, NONE, Key::Num2);
        press(&mut harness, Modifiers::ALT, Key::Num1);
        // At the end of what sums over query heads no row is on chip.
        let keeps_some = of_program.has_part(Part::Max) || of_program.has_part(Part::Sum);
        let all = all_text(&harness).join("\n");
        assert_eq!(all.contains("This text keeps no maximum and no sum"), !keeps_some, "{name}: {all}");
        seek(&mut harness, steps);
        let bytes = stage_support::grouped(scene.closed_form.hbm_bytes());
        assert_eq!(value(&harness, "HBM bytes"), format!("{bytes} of {bytes}"), "{name}");
        let all = all_text(&harness).join("\n");
        let is_backward = of_program.is_backward();
        assert_eq!(all.contains("largest errors of gradients"), is_backward, "{name}: {all}");
        let compared = if is_backward {
            ["error of dQ", "error of dK", "error of dV"].as_slice()
        } else {
            &["error of the stepper"]
        };
        for error in compared {
            // A mark stands before what is outside the bound.
            assert!(value(&harness, error).parse::<f64>().is_ok(), "{name}: {error}: {}", value(&harness, error));
        }
        assert!(!all.contains("Not computed for more"), "{name}: {all}");
        let beside = scene.baseline().name();
        assert_eq!(beside, if is_backward { "standard-backward" } else { "standard" });
        press(&mut harness, Modifiers::ALT, Key::B);
        let all = all_text(&harness).join("\n");
        let is_said = [format!("the bytes of {beside}"), format!("fewer bytes than {beside}")];
        assert!(is_said.iter().any(|said| all.contains(said)) || scene.is_baseline(), "{name}: {all}");
    }
}

/// Four forward passes with another name for everything that they make have the same row, needle, plot, tile and result on
/// screen, under their own names.
#[test]
fn a_text_with_other_names_is_shown_as_the_original_is() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for name in ["flash2", "flash1", "standard", "split-kv"] {
        let original = algorithm::by_name(name).expect("a text of the program");
        let path = folder.path().join(format!("{name}.tile"));
        let text = renamed::renamed(original);
        save(&path, &text, 0);
        let run = RunSpec { algorithm: Some(name.to_owned()), ..RunSpec::default() };
        let place = Link { run, ..Link::default() };
        let mut right = open_with(&AppOptions { place: place.clone(), ..options() });
        let mut own = open_with(&AppOptions { place, ..options() });
        drop_files(&mut own, std::slice::from_ref(&path));
        wait(&mut own, |harness| algorithm_of(harness).text().text == text);
        let steps = right.state().document().scene().expect("a run is on screen").schedule().len();
        let (mut shown, mut renamed) = (0, 0);
        for distance in [Key::Num1, Key::Num2, Key::Num3] {
            press(&mut right, NONE, distance);
            press(&mut own, NONE, distance);
            for cursor in (0..=steps).step_by(steps as usize / 11 + 1).chain([steps]) {
                seek(&mut right, cursor);
                seek(&mut own, cursor);
                for label in labels(original) {
                    let other = label.replace('*', "z_");
                    let label = label.replace('*', "");
                    let found = |harness: &Harness<'_, App>, label: &str| {
                        harness.query_by_label(label).map(|node| node.value().unwrap_or_default())
                    };
                    let (want, got) = (found(&right, &label), found(&own, &other));
                    let place = format!("{name} after {cursor}: {label}");
                    let file = path.file_name().expect("a file").to_string_lossy();
                    let called = |text: &str| renamed::back(&text.replace(&*file, name));
                    assert_eq!(got.as_deref().map(called), want, "{place}");
                    shown += usize::from(want.is_some());
                    renamed +=
                        usize::from(got.is_some_and(|got| got.contains("z_")) || other != label && want.is_some());
                }
            }
        }
        assert!(shown > 60 && renamed > 30, "{name}: {shown} values, {renamed} of them by their own names");
    }
}

/// What the window shows of a row and a tile; `*` stands before a name of the text.
fn labels(text: &tilescope::schedule::Algorithm) -> Vec<String> {
    let name = |part: Part| format!("*{}", text.called(part));
    let [m, l, alpha, o] = [Part::Max, Part::Sum, Part::Alpha, Part::Output].map(name);
    let of_row = [&m, &l, &alpha].map(|name| format!("{name} of the row"));
    let drawn = [format!("maximum {m}"), format!("stack {l}"), format!("bar of {o}"), format!("{alpha} of the visit")];
    let others = [
        "average so far",
        "after key block 0",
        "after key block 1",
        "tile",
        "blocks on chip",
        "plot of the row",
        "errors of the row",
        "frame of the needle",
        "needle",
        "error of the stepper",
        "current step",
        "HBM bytes",
    ];
    of_row.into_iter().chain(drawn).chain(others.map(str::to_owned)).collect()
}

/// A backward pass on heads that share keys is a run of all of them: its dK and dV are the group's, what is drawn is of the
/// head that was picked, and the place on screen says whose a step is.
#[test]
fn a_backward_pass_is_run_for_the_group_of_the_head() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/gqa_b2_h4_kv2_q64_k64_d8.npz");
    let bytes = fs::read(file).expect("golden data");
    let gradients = tilescope::attention::input::read_named(&bytes, ["dQ", "dK", "dV"]).expect("its gradients");
    let run = RunSpec {
        input: vec![file.into()],
        algorithm: Some("flash2-backward".to_owned()),
        precision: Some(Precision::F64),
        head: Some(3),
        ..RunSpec::default()
    };
    let place = Link { run: run.with_blocks(Tiling { br: 16, bc: 16 }), ..Link::default() };
    let mut harness = open_with(&AppOptions { place, ..options() });
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    for (values, (name, head)) in gradients.iter().zip([("dQ", 3), ("dK", 1), ("dV", 1)]) {
        let got = scene.run.results().get(name).expect("an output");
        let want = values.slice(ndarray::s![0, head, .., ..]);
        let error = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-10, "{name} is off by {error:e}");
    }
    let (mut whose, mut own) = (std::collections::BTreeSet::new(), 0);
    let len = scene.schedule().len();
    // The last steps sum what the heads made.
    for cursor in (1..=len).step_by(len as usize / 23).chain(len - 12..=len) {
        seek(&mut harness, cursor);
        let step = scene.schedule().step(cursor - 1).expect("a step");
        let head = scene.run.head_of(&step);
        let told = value(&harness, "current step");
        let kernel = &scene.schedule().algorithm.text().kernels[scene.schedule().line(&step).kernel];
        let is_of_all = kernel.is_of_group && step.place.h().is_none();
        let of = if is_of_all { ", all heads:".to_owned() } else { format!(", head {head}:") };
        assert!(told.contains(&of), "{told}");
        whose.insert(head);
        own += u64::from(scene.run.is_shown(&step));
        // The tile that is marked is one of the head that was picked.
        let grid = &scene.map.grid;
        if let Some((i, j)) = step.place.tile().filter(|_| scene.run.is_shown(&step)) {
            let (row, col) = grid.position(i, j);
            let cell = grid.cell(row, col).expect("a tile");
            assert!((cell.first..cell.end).contains(&(cursor - 1)), "({i}, {j}) at {cursor}");
        }
    }
    assert_eq!(whose.into_iter().collect::<Vec<_>>(), [2, 3], "the heads of one key/value head");
    assert!(own > 4, "{own} steps of the head that was picked");
    let all = all_text(&harness).join("\n");
    assert!(all.contains("heads 2 to 3, which share a key/value head; head 3 is drawn"), "{all}");
    // What each head made of the keys is in HBM, and drawn; its sum is what the run leaves.
    let text = scene.schedule().algorithm.text();
    assert!(text.kernels.last().is_some_and(|kernel| kernel.name == "reduce-heads"));
    let drawn: Vec<String> = crate::painted::all_painted(&harness).into_iter().map(|of| of.text).collect();
    let own = |name: &str| tilescope::schedule::Tensor::known(name).expect("a tensor of the run");
    let keys = 64 * 8;
    for (name, part) in [("dK", "dK_head"), ("dV", "dV_head")] {
        let moved = &scene.run.meters().total().traffic;
        assert_eq!((moved.read.get(own(part)), moved.write.get(own(part))), (2 * keys, 2 * keys), "{part}");
        assert_eq!((moved.read.get(own(name)), moved.write.get(own(name))), (0, keys), "{name}");
        assert!(drawn.iter().any(|text| text == part) && drawn.iter().any(|text| text == name), "{part}: {drawn:?}");
    }
}

/// A wrong result is told under the check with its step, and a click leads there.
#[test]
fn the_first_wrong_number_leads_to_its_step() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("mine.tile");
    let right = include_str!("../../src/schedule/algorithms/flash2.tile");
    save(&path, &right.replace("l = alpha * l; O = alpha * O", "l = alpha * l"), 0);
    let mut harness = open(None);
    drop_files(&mut harness, std::slice::from_ref(&path));
    wait(&mut harness, |harness| harness.query_by_label("step of the first wrong number").is_some());
    let all = all_text(&harness).join("\n");
    assert!(all.contains("First wrong number: O of query") && all.contains("the first to differ from flash2"), "{all}");
    let step: u64 = value(&harness, "step of the first wrong number").parse().expect("a step");
    harness.get_by_label("step of the first wrong number").click();
    settle(&mut harness);
    assert_eq!(harness.state().player().cursor(), step);
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    let at = scene.schedule().step(step - 1).expect("it is there");
    assert_eq!(scene.schedule().algorithm.operation(at.line), "rescale");
}
