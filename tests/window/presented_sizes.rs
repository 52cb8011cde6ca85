//! Sizes of what is projected, in every beat of every lesson: however large it is asked for, nothing that is painted or
//! pressed leaves the screen or its place.

use crate::presented::faults;
use crate::stage_support::{open_as, options, press, word};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, OpenLesson};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;
/// A laptop's screen that is projected.
const SIZE: eframe::egui::Vec2 = vec2(1280.0, 720.0);
/// What such a screen gives of itself.
const LEAST: f32 = 1.8;
/// Frames after which a size that was asked for is the one that fits.
const MOST_FRAMES: usize = 400;
const PRESSED: [Role; 8] = [
    Role::Button,
    Role::TextInput,
    Role::CheckBox,
    Role::RadioButton,
    Role::ComboBox,
    Role::SpinButton,
    Role::Slider,
    Role::Link,
];

/// What can be pressed and is not wholly on screen.
fn out_of_sight(harness: &Harness<'_, App>) -> Vec<String> {
    let screen = harness.ctx.content_rect().expand(1.0);
    let of = |role: Role| {
        let all = harness.query_all_by_role(role).filter(|node| !screen.contains_rect(node.rect()));
        all.map(|node| format!("{:?} at {:?} leaves the screen", node.accesskit_node().label(), node.rect()))
            .collect::<Vec<_>>()
    };
    PRESSED.into_iter().flat_map(of).collect()
}

/// Frames until nothing is under way, or the size stays for so many that nothing is judged any more.
fn size_rests(harness: &mut Harness<'_, App>) {
    let (mut zoom, mut same) = (0.0, 0);
    for _ in 0..MOST_FRAMES {
        harness.step();
        same = if harness.ctx.zoom_factor() == zoom { same + 1 } else { 0 };
        zoom = harness.ctx.zoom_factor();
        if same >= 30 || (same >= 2 && !harness.ctx.has_requested_repaint()) {
            return;
        }
    }
    panic!("its size comes to no rest");
}

/// What is wrong with what is on screen in the largest size that is given, unless that is the least there is.
fn wrong(harness: &mut Harness<'_, App>, language: Language) -> Vec<String> {
    for _ in 0..3 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Plus);
        harness.step();
    }
    size_rests(harness);
    let part = harness.ctx.zoom_factor() / LEAST;
    if part < 1.01 {
        return Vec::new();
    }
    // What is told of the size goes by itself.
    let is_of_slide = |fault: &String| !fault.contains(word(language, "Nothing larger fits on this screen."));
    let all = faults(harness).into_iter().filter(is_of_slide).chain(out_of_sight(harness));
    all.map(|fault| format!("{part:.2}: {fault}")).collect()
}

/// Steps through a lesson as a lecturer does: each beat, each answer, each vote.
fn each_state(lesson: usize, language: Language, faults: &mut Vec<String>) -> usize {
    let at = Some((lesson, Position::default()));
    let options = AppOptions { lesson: at, language: Some(language), is_presenting: true, ..options() };
    let mut harness = open_as(None, &options, SIZE, 1.0);
    harness.set_size(SIZE / harness.ctx.zoom_factor());
    assert!((harness.ctx.zoom_factor() - LEAST).abs() < 0.01, "{}", harness.ctx.zoom_factor());
    let mut states = 0;
    loop {
        let Position { beat, is_revealed } = harness.state().lesson().expect("a lesson").position;
        let of = format!("{}.{}{}", lesson + 1, beat + 1, if is_revealed { "r" } else { "" });
        let found = wrong(&mut harness, language);
        faults.extend(found.into_iter().map(|fault| format!("{of}: {fault}")));
        states += 1;
        // What is voted on stands as it does with its answer.
        if !is_revealed && harness.state().lesson().is_some_and(|lesson| !lesson.choices().is_empty()) {
            press(&mut harness, NONE, Key::V);
            let found = wrong(&mut harness, language);
            faults.extend(found.into_iter().map(|fault| format!("{of}, voting: {fault}")));
            press(&mut harness, NONE, Key::V);
            states += 1;
        }
        let Some(next) = harness.state().lesson().and_then(OpenLesson::next) else { return states };
        press(&mut harness, NONE, Key::PageDown);
        assert_eq!(harness.state().lesson().expect("a lesson").position, next, "{of}");
    }
}

fn each_lesson(language: Language) {
    let (mut faults, mut states) = (Vec::new(), 0);
    for lesson in 0..LESSONS.len() {
        states += each_state(lesson, language, &mut faults);
    }
    assert!(states > 2 * LESSONS.len(), "{states} states");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_size_of_a_presented_beat_cuts_anything() {
    each_lesson(Language::English);
}

#[test]
fn nor_does_one_in_chinese() {
    each_lesson(Language::Chinese);
}
