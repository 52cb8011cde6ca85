//! Any text in the window: those of the program, and one of one's own, which is read again when it is saved.
#![cfg(feature = "app")]

mod stage_support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use stage_support::{all_text, drop_files, open, open_with, options, press, seek, settle, value};
use tilescope::app::{App, AppOptions, Place};
use tilescope::schedule::algorithm;

const NONE: Modifiers = Modifiers::NONE;

/// flash2 that keeps its sum under a name of its own.
const MINE: &str = include_str!("common/two_sums.tile");

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
        let mut place = Place::default();
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
        let has_story = of_program.text().name("alpha").is_some() && !of_program.has_splits();
        seek(&mut harness, steps / 2);
        assert_eq!(harness.query_by_label("Forget alpha").is_some(), has_variant && has_story, "{name}");
        press(&mut harness, NONE, Key::Num2);
        seek(&mut harness, steps);
        let bytes = stage_support::grouped(scene.closed_form.hbm_bytes());
        assert_eq!(value(&harness, "HBM bytes"), format!("{bytes} of {bytes}"), "{name}");
        let all = all_text(&harness).join("\n");
        let is_backward = of_program.is_backward();
        assert_eq!(all.contains("gives no O to compare"), is_backward, "{name}: {all}");
        assert_eq!(
            all.contains("This text has no m, l and alpha"),
            of_program.text().name("m").is_none(),
            "{name}: {all}"
        );
        assert!(!all.contains("Not computed for more"), "{name}: {all}");
        let beside = scene.baseline().name();
        assert_eq!(beside, if is_backward { "standard-backward" } else { "standard" });
        assert!(all.contains(&format!("the bytes of {beside}")) || scene.is_baseline(), "{name}: {all}");
    }
}
