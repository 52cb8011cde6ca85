//! One format of numbers: what the command line and the window write of the same values is the same.

use std::fs;

use crate::common::program::{ok, tilescope};
use crate::stage_support::{all_text, drop_files, open_as, options, press, seek, settle, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::Precision;
use tilescope::attention::input::random;
use tilescope::schedule::{RunSpec, Tiling};

/// A run of 37 queries and 41 keys in a window, at its end.
fn window(algorithm: &str, tiling: Tiling) -> Harness<'static, App> {
    let input = random::read("random:37,41,8", 0).expect("an input");
    let run = RunSpec { algorithm: Some(algorithm.to_owned()), precision: Some(Precision::F32), ..RunSpec::default() };
    let place = Link { run: run.with_blocks(tiling), ..Link::default() };
    let options = AppOptions { place, ..options() };
    let mut harness = open_as(Some(input), &options, Vec2::new(1280.0, 1600.0), 1.0);
    let steps = harness.state().document().scene().expect("a run is on screen").schedule().len();
    seek(&mut harness, steps);
    harness
}

/// Counts with commas, and bytes in one unit of 1024.
#[test]
fn traffic_is_written_as_the_counters_are() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let mut compared = 0;
    for (name, tiling) in [
        ("standard", Tiling { br: 4, bc: 8 }),
        ("flash1", Tiling { br: 1, bc: 1 }),
        ("flash2", Tiling { br: 1, bc: 1 }),
        ("flash2", Tiling { br: 7, bc: 5 }),
    ] {
        let mut harness = window(name, tiling);
        let bytes = value(&harness, "total bytes");
        press(&mut harness, Modifiers::ALT, Key::Num1);
        let blocks = [tiling.br, tiling.bc].map(|n| n.to_string());
        let mut arguments = vec!["traffic", "--n-q", "37", "--n-k", "41", "--d", "8", "--precision", "f32"];
        arguments.extend(["--algorithm", name, "--br", &blocks[0], "--bc", &blocks[1]]);
        let told = ok(folder.path(), &arguments);
        let rows = told.lines().skip_while(|line| !line.contains("elements  ")).skip(1);
        for row in rows.take_while(|line| !line.contains("in all")) {
            let [tensor, read, write] = row.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{row}") };
            for (way, count) in [("read", read), ("write", write)].into_iter().filter(|(_, count)| *count != "0") {
                let shown = value(&harness, &format!("{tensor} {way}"));
                assert_eq!(shown, format!("{count} of {count}"), "{name}: {told}");
                compared += 1;
            }
        }
        assert!(told.contains(&format!(", {bytes} in all")), "{name}: {bytes}: {told}");
    }
    assert!(compared > 15, "{compared}");
}

/// The first wrong number with its step, as `run` warns of it and as the window shows it.
#[test]
fn a_wrong_number_is_written_as_the_window_shows_it() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join("mine.tile");
    let right = include_str!("../../src/schedule/algorithms/flash2.tile");
    fs::write(&path, right.replace("l = alpha * l; O = alpha * O", "l = alpha * l")).expect("it can be written");
    let mut harness = window("flash2", Tiling { br: 4, bc: 8 });
    drop_files(&mut harness, std::slice::from_ref(&path));
    let is_own = |harness: &Harness<'_, App>| {
        let scene = harness.state().document().scene().expect("a run is on screen");
        scene.schedule().algorithm.name().ends_with("mine.tile")
    };
    for _ in 0..1000 {
        if !is_own(&harness) {
            settle(&mut harness);
        }
    }
    assert!(is_own(&harness));
    let path = path.to_string_lossy().into_owned();
    let shown = all_text(&harness);
    let after = |head: &str| {
        let line = shown.iter().find_map(|line| line.split_once(head)).unwrap_or_else(|| panic!("{shown:?}"));
        line.1.trim_end_matches("\")").trim_end_matches('.').to_owned()
    };
    let (number, cause) = (after("First wrong number: "), after("Its cause: "));
    let arguments = ["run", "random:37,41,8", "--algorithm", &path, "--br", "4", "--bc", "8", "-o", "out.npz"];
    let output = tilescope(folder.path(), &arguments);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains(&format!("{number}; {cause}")), "{number}; {cause}, and not {told}");
}
