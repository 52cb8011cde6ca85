//! Each number of the panels that judge a run says by its own mark what made it, and what is modelled has two digits.

use crate::gpu_panel;
use crate::gpu_panel_support::{Mode, StandIn};
use crate::stage_support::{command, open_as, open_with, options, press, seek, settle, value};
use eframe::egui::{Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};

const NONE: Modifiers = Modifiers::NONE;

/// What made the number of this name, by the mark that stands left of it on its line.
fn made(harness: &Harness<'_, App>, name: &str) -> Option<String> {
    let row = harness.get_by_label(name).rect();
    let is_beside = |mark: Rect| {
        row.y_range().contains(mark.center().y)
            && mark.center().x <= row.left() + 1.0
            && mark.right() > row.left() - 16.0
    };
    let marks = harness.query_all_by_label("where these numbers come from");
    marks.filter(|mark| is_beside(mark.rect())).find_map(|mark| mark.value())
}

/// What makes of marks stand in `place`.
fn marks_in(harness: &Harness<'_, App>, place: Rect) -> Vec<String> {
    let marks = harness.query_all_by_label("where these numbers come from");
    marks.filter(|mark| place.contains(mark.rect().center())).filter_map(|mark| mark.value()).collect()
}

fn check(harness: &Harness<'_, App>, rows: &[(&str, &str)]) {
    for (name, kind) in rows {
        assert_eq!(made(harness, name).as_deref(), Some(*kind), "{name}");
    }
}

/// Significant digits of the first number in a text.
fn digits(text: &str) -> usize {
    let number: String = text.chars().take_while(|c| c.is_ascii_digit() || ".,".contains(*c)).collect();
    let whole: String = number.chars().filter(char::is_ascii_digit).collect();
    let shown = if number.contains('.') { whole.as_str() } else { whole.trim_end_matches('0') };
    shown.trim_start_matches('0').len()
}

/// What is counted is told apart from what a model makes of it; a pinned one as well.
#[test]
fn each_number_of_what_if_has_its_mark() {
    let mut harness = open_as(None, &options(), Vec2::new(1280.0, 1400.0), 1.0);
    command(&mut harness, "What-if");
    const ROWS: [(&str, &str); 12] = [
        ("thread blocks", "counted"),
        ("kept on chip by a block", "counted"),
        ("FLOP per byte", "counted"),
        ("blocks on an SM", "modelled"),
        ("waves", "modelled"),
        ("slots at work", "modelled"),
        ("ridge of the chip", "modelled"),
        ("found in L2", "modelled"),
        ("time at least", "modelled"),
        ("if all overlaps", "modelled"),
        ("as the text's lanes allow", "modelled"),
        ("if nothing does", "modelled"),
    ];
    check(&harness, &ROWS);
    for (name, _) in ROWS.iter().filter(|(_, kind)| *kind == "modelled") {
        let shown = value(&harness, name);
        assert!((1..=2).contains(&digits(&shown)), "{name}: {shown}");
    }
    harness.get_by_label("Pin as baseline").click();
    settle(&mut harness);
    harness.get_by_label("causal").click();
    settle(&mut harness);
    check(&harness, &[("time at least, pinned", "modelled")]);
}

#[test]
fn each_number_of_compare_has_its_mark() {
    let options = AppOptions { place: Link::of_scene("toy"), ..options() };
    let mut harness = open_with(&options);
    press(&mut harness, NONE, Key::End);
    command(&mut harness, "Compare two runs");
    for side in ["A", "B"] {
        let names = [
            ("step", "counted"),
            ("tile", "counted"),
            ("SRAM peak", "counted"),
            ("FLOPs", "counted"),
            ("row rescales", "computed"),
            ("error of O", "computed"),
        ];
        let rows = names.map(|(name, kind)| (format!("{side}: {name}"), kind));
        let rows: Vec<_> = rows.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
        let ideal = format!("{side}: ideal peak");
        let is_ideal = harness.query_by_label(&ideal).is_some();
        let rows: Vec<_> = rows
            .into_iter()
            .map(
                |(name, kind)| {
                    if is_ideal && name.ends_with("SRAM peak") { (ideal.as_str(), kind) } else { (name, kind) }
                },
            )
            .collect();
        check(&harness, &rows);
    }
    let sentence = harness.get_by_label("which moves more").rect();
    assert_eq!(marks_in(&harness, sentence.expand(4.0)), ["counted"]);
}

#[test]
fn each_number_of_block_sizes_has_its_mark() {
    let mut harness = open_with(&AppOptions { place: Link::of_scene("toy"), ..options() });
    command(&mut harness, "Block sizes");
    settle(&mut harness);
    check(
        &harness,
        &["standard", "flash1", "flash2"].map(|name| match name {
            "standard" => ("standard at the picked blocks", "counted"),
            "flash1" => ("flash1 at the picked blocks", "counted"),
            _ => ("flash2 at the picked blocks", "counted"),
        }),
    );
}

/// The card of the chip, the classes of tiles below the map, and what is outlined there by the clock.
#[test]
fn the_numbers_of_the_map_have_their_marks() {
    let mut harness =
        open_as(None, &AppOptions { place: Link::of_scene("toy"), ..options() }, Vec2::new(1600.0, 1000.0), 1.0);
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 5);
    let screen = harness.ctx.content_rect();
    let grid = harness.get_by_label("schedule grid").rect();
    let foot = |harness: &Harness<'_, App>| {
        let told = harness.get_by_label("loops").rect();
        Rect::from_min_max(told.min, eframe::egui::pos2(told.right() + 20.0, told.bottom() + 60.0))
    };
    let all = |harness: &Harness<'_, App>, kind: &str| {
        marks_in(harness, foot(harness)).into_iter().filter(|mark| mark == kind).count()
    };
    let chip = Rect::from_min_max(grid.right_top() - eframe::egui::vec2(0.0, 300.0), screen.right_bottom());
    let beside = marks_in(&harness, chip);
    assert!(beside.iter().any(|mark| mark == "counted"), "{beside:?}");
    let before = (all(&harness, "counted"), all(&harness, "modelled"));
    assert_eq!(before, (1, 0), "what was moved; no tile is partial");
    press(&mut harness, Modifiers::ALT, Key::W);
    settle(&mut harness);
    assert_eq!(all(&harness, "modelled"), 1);
    let told = value(&harness, "loops");
    let count = told.split("; ").last().expect("it is said last");
    assert!(count.ends_with("modelled") && digits(count) <= 2, "{told}");
    // A mask makes classes, which are counted.
    harness.get_by_label("Causal mask").click();
    settle(&mut harness);
    assert_eq!(all(&harness, "counted"), 2);
}

/// What a device took is measured; what its work comes to is counted, and how far off it is, computed.
#[test]
fn each_number_of_a_device_has_its_mark() {
    let mut harness = gpu_panel::open(|| StandIn::new(Mode::Right).probe());
    gpu_panel::run(&mut harness);
    settle(&mut harness);
    check(
        &harness,
        &[
            ("kernel time", "measured"),
            ("wall time", "measured"),
            ("rate", "measured"),
            ("achieved bandwidth", "measured"),
            ("copy roof", "measured"),
            ("multiply-add roof", "measured"),
            ("largest error of the run", "computed"),
            ("launches", "counted"),
            ("device memory", "counted"),
            ("FLOPs of the run", "counted"),
            ("HBM bytes of the run", "counted"),
            ("arithmetic intensity", "counted"),
        ],
    );
}
