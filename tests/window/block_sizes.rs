//! The panel of block sizes: it opens at the run on screen, follows it until something is changed, and goes back to it.

use crate::painted::all_painted;
use crate::stage_support::{click, command, open_as, open_with, options, press, settle, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::Position;
use tilescope::schedule::spec::Choice;

/// What is chosen of a run, and what the panel says of it.
struct Case {
    input: &'static str,
    choices: &'static [(&'static str, &'static str)],
    sizes: [usize; 3],
    said: &'static str,
    chip: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        input: "random:13,17,8",
        choices: &[("precision", "f32"), ("br", "4"), ("bc", "3"), ("hardware", "t4")],
        sizes: [13, 17, 8],
        said: "f32, no mask",
        chip: "t4",
    },
    Case {
        input: "random:16,16,4",
        choices: &[("precision", "f16"), ("causal", "true"), ("br", "4"), ("bc", "4"), ("hardware", "toy")],
        sizes: [16, 16, 4],
        said: "f16, causal",
        chip: "toy",
    },
    Case {
        input: "random:1,100,16,2",
        choices: &[("precision", "bf16"), ("algorithm", "flash1"), ("bc", "7")],
        sizes: [1, 100, 16],
        said: "bf16, no mask",
        chip: "a100-80gb",
    },
    Case {
        input: "random:64,64,8",
        choices: &[
            ("causal", "true"),
            ("window", "5,0"),
            ("precision", "f32"),
            ("algorithm", "standard"),
            ("br", "16"),
        ],
        sizes: [64, 64, 8],
        said: "f32, causal, window 5,0",
        chip: "a100-80gb",
    },
    Case {
        input: "random:9,9,8",
        choices: &[("algorithm", "flash2-backward"), ("precision", "f64"), ("br", "2"), ("bc", "5")],
        sizes: [9, 9, 8],
        said: "f64, no mask",
        chip: "a100-80gb",
    },
];

fn open(case: &Case) -> Harness<'static, App> {
    let mut run = Link::of_input(case.input).run;
    for (name, value) in case.choices {
        Choice::by_name(name).expect(name).set(&mut run, value).unwrap_or_else(|fault| panic!("{fault}"));
    }
    let mut harness = open_with(&AppOptions { place: Link { run, ..Link::default() }, ..options() });
    assert!(harness.state().document().notice().is_none(), "{:?}", harness.state().document().notice());
    click(&mut harness, "Block sizes");
    // The surface is made beside the picture.
    settle(&mut harness);
    harness
}

/// The numbers of the three fields.
fn fields(harness: &Harness<'_, App>) -> [usize; 3] {
    ["queries", "keys", "width"].map(|name| {
        let shown = value(harness, &format!("{name} of the surface"));
        shown.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or_else(|_| panic!("{name}: {shown}"))
    })
}

/// Bytes as they are written, such as `12.50 KiB` or `1,024 B`.
fn number(text: &str) -> f64 {
    let (number, unit) = text.split_once(' ').expect("it has a unit");
    let scale = ["B", "KiB", "MiB", "GiB"].iter().position(|name| *name == unit).unwrap_or_else(|| panic!("{text}"));
    number.replace(',', "").parse::<f64>().expect("a number") * 1024_f64.powi(scale as i32)
}

/// At the blocks of the run the bytes are those that the run moves, and shape, format, mask and chip are its own.
#[test]
fn it_opens_at_the_run_on_screen() {
    for case in &CASES {
        let harness = open(case);
        let scene = harness.state().document().scene().expect("a run").clone();
        assert_eq!(fields(&harness), case.sizes, "{}", case.input);
        let said = value(&harness, "surface of");
        assert!(said.contains(&format!(" by the closed form, {}; ", case.said)), "{said}");
        let plan = scene.plan();
        let picked = value(&harness, "picked blocks");
        let head = format!("Br {}, Bc {}: ", plan.br, plan.bc);
        assert!(picked.starts_with(&head) && picked.ends_with(&format!(" of {}", case.chip)), "{picked}");
        let name = scene.settings.algorithm.name();
        let shown = value(&harness, &format!("{name} at the picked blocks"));
        let moved = number(shown.split(", ").next().expect("bytes"));
        let counted = scene.run.meters().total().traffic.hbm_bytes() as f64;
        assert!((moved / counted - 1.0).abs() < 1e-3 || (moved - counted).abs() <= 0.5, "{shown} and not {counted}");
        let baseline = if name.ends_with("backward") { "standard-backward" } else { "standard" };
        let standard = value(&harness, &format!("{baseline} at the picked blocks"));
        assert!(standard.ends_with(&format!("1.000 x {baseline}")), "{standard}");
        assert_eq!(picked.contains("ideal kernels"), name == "standard", "{picked}");
    }
}

/// While nothing is changed in it, it follows the run.
#[test]
fn it_follows_the_run() {
    let mut harness = open(&CASES[0]);
    assert!(harness.query_by_label("As on screen").is_none());
    command(&mut harness, "Algorithm: flash1");
    let scene = harness.state().document().scene().expect("a run").clone();
    let shown = value(&harness, "flash1 at the picked blocks");
    let moved = number(shown.split(", ").next().expect("bytes"));
    assert!((moved / scene.run.meters().total().traffic.hbm_bytes() as f64 - 1.0).abs() < 1e-3, "{shown}");
    // Its own text is on.
    assert!(harness.get_all_by_label("flash1").count() > 0);
}

/// A surprise asks for sizes of its own; a button leads back to the run.
#[test]
fn a_button_leads_back_to_the_run() {
    let mut harness = open(&CASES[0]);
    let (fields_before, said, picked) =
        (fields(&harness), value(&harness, "surface of"), value(&harness, "picked blocks"));
    click(&mut harness, "At d = 128 and 64 keys a block flash1 moves more than standard");
    assert_eq!(fields(&harness), [4096, 4096, 128]);
    assert!(value(&harness, "surface of").contains("f16, no mask"));
    assert!(value(&harness, "picked blocks").starts_with("Br 64, Bc 64: fits a thread block of a100-80gb"));
    click(&mut harness, "As on screen");
    assert_eq!((fields(&harness), value(&harness, "surface of")), (fields_before, said));
    assert_eq!(value(&harness, "picked blocks"), picked);
    assert!(harness.query_by_label("As on screen").is_none());
}

/// The axes are as long as the sequence is, up to 512.
#[test]
fn the_axes_fit_the_sizes() {
    for (case, range) in
        [(&CASES[0], "1 to 17"), (&CASES[2], "4 to 100"), (&CASES[3], "2 to 64"), (&CASES[4], "1 to 9")]
    {
        let harness = open(case);
        let caption = format!("Bc to the right, Br upwards, {range};");
        // A low panel has it below its fold.
        assert_eq!(harness.query_all_by_label_contains(&caption).count(), 1, "{}", case.input);
    }
}

/// What a lesson asks for is not given away beside it.
#[test]
fn a_lesson_that_asks_for_bytes_has_no_surface() {
    let lesson = Some((5, Position { beat: 0, is_revealed: false }));
    let mut harness = open_as(None, &AppOptions { lesson, ..options() }, Vec2::new(1280.0, 800.0), 1.0);
    press(&mut harness, Modifiers::ALT, Key::Num6);
    assert!(harness.query_by_label("traffic surface").is_none());
    assert!(all_painted(&harness).iter().any(|painted| painted.text == "What moves is yours to find."));
}
