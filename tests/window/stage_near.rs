//! Near: the needle's numbers, read by their names, against the oracle; three distances and their keys.

use std::collections::HashSet;

use crate::stage_support::{all_text, click, command, cursor, open, press, seek, settle, short, value};
use eframe::egui::epaint::ClippedShape;
use eframe::egui::{Key, Modifiers, Shape};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::attention::input::{bundled, preset};
use tilescope::attention::{Precision, oracle};

const NONE: Modifiers = Modifiers::NONE;

/// The last number of a text such as `l = 1.585`.
fn number(text: &str) -> f64 {
    text.rsplit(' ').next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("no number in {text:?}"))
}

#[test]
fn the_needle_of_row_stops_at_its_three_averages() {
    let mut harness = open(Some(preset::row()));
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::Home);
    let len = harness.state().document().scene().unwrap().schedule().len();
    let mut joined = Vec::new();
    while cursor(&harness) < len {
        press(&mut harness, NONE, Key::ArrowRight);
        let frame = value(&harness, "frame of the needle");
        if frame.starts_with("5 of 6") {
            joined.push((value(&harness, "stack l"), value(&harness, "needle")));
        }
    }
    joined.dedup();
    let expected = [("l = 1.500", "O / l = 16.67"), ("l = 1.500", "O / l = 27.50"), ("l = 2.500", "O / l = 38.50")];
    assert_eq!(joined, expected.map(|(l, o)| (l.to_owned(), o.to_owned())));
    let exact = oracle::row(&preset::row().problem.head::<f64>(0, 0, Precision::F64), 0);
    assert_eq!(value(&harness, "exact needle"), format!("exact = {}", short(exact.o[0])));
    assert!(value(&harness, "frame of the needle").starts_with("6 of 6: The exact answer (f64) fits"));
}

#[test]
fn the_six_frames_of_the_comma_show_the_numbers_of_the_oracle() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Num3);
    click(&mut harness, "Frame 1: at rest");
    assert_eq!(value(&harness, "maximum m"), "m = 4.733");
    assert_eq!(value(&harness, "stack l"), "l = 3.417");
    let at_rest = value(&harness, "needle");
    click(&mut harness, "Frame 2: scores arrive");
    assert!(value(&harness, "frame of the needle").contains("6.508 stands above the line"));
    assert!(harness.query_by_label("gap").is_none(), "alpha is not given away before the line climbs");
    click(&mut harness, "Frame 3: the line climbs");
    assert_eq!(value(&harness, "maximum m"), "m = 6.508");
    let head = bundled::CAPTURES[0].input().prefix(16).unwrap().problem.head::<f64>(0, 8, Precision::F64);
    let score = |key: usize| head.scale * head.q.row(13).dot(&head.k.row(key));
    let most = |keys: std::ops::Range<usize>| keys.map(score).fold(f64::NEG_INFINITY, f64::max);
    let gap = most(0..14) - most(0..12);
    // What one gets who subtracts 4.733 from 6.508, of which both are rounded.
    assert_eq!(value(&harness, "gap"), "gap 1.775");
    assert!((gap - 1.775).abs() < 1e-3, "{gap}");
    assert!((number(&value(&harness, "alpha of the visit")) - (-gap).exp()).abs() < 2e-4);
    assert_eq!(value(&harness, "stack l"), "l = 3.417");
    click(&mut harness, "Frame 4: l and O shrink");
    assert!((number(&value(&harness, "stack l")) - 3.417 * (-gap).exp()).abs() < 1e-3);
    assert_eq!(value(&harness, "needle"), at_rest, "the needle holds still");
    click(&mut harness, "Frame 5: new weights join");
    assert_eq!(value(&harness, "stack l"), "l = 1.585");
    assert_ne!(value(&harness, "needle"), at_rest);
    click(&mut harness, "Frame 6: the exact answer");
    let exact = oracle::row(&head, 13).o[0];
    assert_eq!(value(&harness, "exact needle"), format!("exact = {}", short(exact)));
    assert!((number(&value(&harness, "needle")) - exact).abs() < 1e-3 * exact.abs());
}

/// flash1 keeps O divided: what stands beside the stack is l times it, and the needle is O itself.
#[test]
fn a_text_that_keeps_the_average_is_shown_with_it() {
    let mut harness = open(None);
    command(&mut harness, "Algorithm: flash1");
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::End);
    let [sum, needle, l] = ["bar of O", "needle", "stack l"].map(|name| value(&harness, name));
    assert!(sum.starts_with("l O = ") && needle.starts_with("O = "), "{sum}, {needle}");
    assert!((number(&sum) - number(&l) * number(&needle)).abs() < 1e-3, "{sum}, {l}, {needle}");
    let head = bundled::CAPTURES[0].input().prefix(16).unwrap().problem.head::<f64>(0, 8, Precision::F64);
    let exact = oracle::row(&head, 13).o[0];
    assert!((number(&needle) - exact).abs() < 1e-3 * exact.abs(), "{needle} for {exact}");
}

#[test]
fn a_forgotten_alpha_is_found_at_its_first_wrong_number() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Num3);
    click(&mut harness, "Forget alpha");
    click(&mut harness, "Frame 6: the exact answer");
    assert!(value(&harness, "frame of the needle").contains("The needle misses"));
    // Of row 13 the second key block is the first to raise the maximum: l was 1.293, and 0.7051 of it is left.
    let fault = value(&harness, "first wrong number");
    assert!(fault.starts_with("! at tile 1: l = 1.293, should be 0.91"), "{fault}");
    click(&mut harness, "Forget alpha");
    assert!(harness.query_by_label("first wrong number").is_none());
    assert!(value(&harness, "frame of the needle").contains("fits the needle"));
}

#[test]
fn a_visit_without_a_new_maximum_says_so() {
    let mut harness = open(Some(preset::row()));
    press(&mut harness, NONE, Key::Num3);
    // It opens in the last visit, whose scores stay below the maximum.
    click(&mut harness, "Frame 3: the line climbs");
    assert_eq!(value(&harness, "gap"), "no new max");
    assert!(value(&harness, "frame of the needle").contains("No new maximum"));
    assert_eq!(value(&harness, "bracket"), "x 1: no new maximum");
}

fn assert_same(got: &(Vec<String>, String), want: &(Vec<String>, String), what: &str) {
    assert_eq!(got.0, want.0, "{what}");
    let mut lines = got.1.lines().zip(want.1.lines());
    if let Some((got, want)) = lines.find(|(got, want)| got != want) {
        panic!("{what}: another picture\n got {got}\nwant {want}");
    }
    assert_eq!(got.1.lines().count(), want.1.lines().count(), "{what}");
}

/// What a screen reader reads, and what is painted, at rest.
fn shown(harness: &mut Harness<'_, App>) -> (Vec<String>, String) {
    harness.run_steps(8);
    (all_text(harness), picture(harness))
}

/// Everything that is painted, in its order. A text is told by what it says and how: its glyphs' places in the atlas, as
/// the numbers of textures, depend on what was shown before.
fn picture(harness: &Harness<'_, App>) -> String {
    let painted = |clipped: &ClippedShape| match &clipped.shape {
        Shape::Text(text) => format!("{:?} {:?} {:?}", clipped.clip_rect, text.pos, text.galley.job),
        Shape::Mesh(mesh) => format!("{:?} {:?}", clipped.clip_rect, mesh.vertices),
        shape => format!("{:?} {shape:?}", clipped.clip_rect),
    };
    harness.output().shapes.iter().map(painted).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_way_to_a_step_shows_the_same_at_every_distance() {
    for key in [Key::Num1, Key::Num2, Key::Num3] {
        let mut harness = open(Some(preset::toy()));
        press(&mut harness, NONE, key);
        press(&mut harness, NONE, Key::Home);
        let mut forward = vec![shown(&mut harness)];
        for _ in 0..30 {
            press(&mut harness, NONE, Key::ArrowRight);
            forward.push(shown(&mut harness));
        }
        for n in (0..30).rev() {
            press(&mut harness, NONE, Key::ArrowLeft);
            assert_same(&shown(&mut harness), &forward[n], &format!("back to {n}"));
        }
        for n in [17, 3, 30, 11, 0, 29] {
            seek(&mut harness, n as u64);
            assert_same(&shown(&mut harness), &forward[n], &format!("seek to {n}"));
        }
        let pictures: HashSet<_> = forward.iter().map(|(_, picture)| picture).collect();
        assert!(pictures.len() > 25, "{} different pictures of 31 steps", pictures.len());
    }
}

/// The different pictures of half a second after a step on from the beginning, as the tile is loaded: all of them, and
/// those after the last work in the background was done.
fn pictures_of_a_step(animation_time: f32) -> [usize; 2] {
    let mut harness = open(None);
    harness.ctx.all_styles_mut(|style| style.animation_time = animation_time);
    press(&mut harness, NONE, Key::Home);
    harness.run_steps(60);
    harness.key_press(Key::ArrowRight);
    let mut pictures = Vec::new();
    let mut first_calm = 0;
    let start = harness.ctx.input(|input| input.time);
    while pictures.len() < first_calm + 30 {
        // The clock goes by frames, however slow the machine.
        harness.input_mut().time = Some(start + (pictures.len() + 1) as f64 / 60.0);
        harness.step();
        pictures.push(picture(&harness));
        if harness.state().is_busy() {
            first_calm = pictures.len() + 1;
            assert!(first_calm < 20_000, "work went on for long");
        }
    }
    [&pictures[..], &pictures[first_calm..]].map(|pictures| pictures.iter().collect::<HashSet<_>>().len())
}

#[test]
fn reduced_motion_shows_a_step_at_once() {
    let [_, calm] = pictures_of_a_step(0.0);
    assert_eq!(calm, 1, "something moved");
    let [all, _] = pictures_of_a_step(0.1);
    assert!(all > 6, "with motion, only {all} pictures: this test sees nothing");
}

#[test]
fn standard_attention_says_why_it_has_no_needle() {
    let mut harness = open(Some(preset::toy()));
    harness.get_by_label_contains("Algorithm: ").click();
    harness.run_steps(3);
    harness.get_by_label("standard").click();
    settle(&mut harness);
    press(&mut harness, NONE, Key::Num3);
    assert!(value(&harness, "frame of the needle").contains("standard takes each row whole"));
}
