//! The way of Tab: it comes to what a beat asks at once, and what has the keyboard is always seen.

use crate::stage_support::{open_with, options, press, settle, type_text, word};
use eframe::egui::epaint::ClippedShape;
use eframe::egui::{self, Id, Key, Modifiers, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Asked, Beat, Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// Tabs to the first control of a beat, from its opening.
const MOST_TABS: usize = 8;
/// Tab stops above which the walk is taken to go on forever.
const MANY: usize = 400;

fn focused(harness: &Harness<'_, App>) -> Option<(Id, Rect)> {
    let id = harness.ctx.memory(egui::Memory::focused)?;
    Some((id, harness.ctx.read_response(id).expect("what has the keyboard is drawn").rect))
}

fn tab(harness: &mut Harness<'_, App>) {
    harness.key_press(Key::Tab);
    harness.run_steps(3);
}

/// Tabs until something of the task has the keyboard: below its caption, and above the way on.
fn tabs_to_task(harness: &mut Harness<'_, App>, language: Language, caption: &str) -> usize {
    let top = harness.get_by_label(word(language, caption)).rect();
    let bottom = harness.get_by_label(word(language, "Back")).rect().top();
    for count in 1..=MANY {
        tab(harness);
        let is_there = |(_, place): (Id, Rect)| {
            place.top() >= top.bottom() && place.top() < bottom && place.left() < top.left() + 300.0
        };
        if focused(harness).is_some_and(is_there) {
            return count;
        }
    }
    panic!("Tab does not come to the task");
}

/// What a kind of beat is told by, and the caption of its task.
type Kind = (&'static str, fn(&Beat) -> bool, &'static str);

const KINDS: [Kind; 5] = [
    ("a number", |beat| matches!(&beat.predict, Some(asked) if matches!(asked.kind, Asked::Number { .. })), "Predict"),
    ("a choice", |beat| matches!(&beat.predict, Some(asked) if matches!(asked.kind, Asked::Choice)), "Predict"),
    ("a click", |beat| matches!(&beat.predict, Some(asked) if matches!(asked.kind, Asked::Click { .. })), "Predict"),
    ("a change", |beat| beat.predict.is_none() && beat.change.is_some(), "Change it"),
    ("a build", |beat| beat.predict.is_none() && beat.build.is_some(), "Build it"),
];

/// The first beat of the lessons that is of a kind.
fn first(language: Language, is_of_kind: fn(&Beat) -> bool) -> (usize, Position) {
    let found = LESSONS.iter().enumerate().find_map(|(index, entry)| {
        let beats = entry.lesson(language).expect("it parses").beats;
        beats.iter().position(is_of_kind).map(|beat| (index, Position { beat, is_revealed: false }))
    });
    found.expect("a beat of this kind")
}

#[test]
fn tab_comes_to_what_a_beat_asks() {
    for language in [Language::English, Language::Chinese] {
        for (name, is_of_kind, caption) in KINDS {
            let at = first(language, is_of_kind);
            let opened = AppOptions { lesson: Some(at), language: Some(language), ..options() };
            let tabs = tabs_to_task(&mut open_with(&opened), language, caption);
            assert!(tabs <= MOST_TABS, "{name}, {language:?}: {tabs} Tabs in {at:?}");
        }
    }
}

/// A beat that is turned to by keyboard is a beat that opens, whatever had the keyboard before.
#[test]
fn tab_comes_to_the_next_beat_from_anywhere() {
    for had in ["Next", "Play", "More"] {
        let mut harness = open_with(&AppOptions { lesson: Some((3, Position::default())), ..options() });
        press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Enter);
        harness.get_by_label(had).focus();
        settle(&mut harness);
        press(&mut harness, NONE, Key::PageDown);
        assert_eq!(harness.state().lesson().map(|lesson| lesson.position.beat), Some(1));
        let tabs = tabs_to_task(&mut harness, Language::English, "Predict");
        assert!(tabs <= MOST_TABS, "from {had}: {tabs} Tabs");
        // From there on it goes its way.
        let (at, _) = focused(&harness).expect("a control");
        tab(&mut harness);
        assert_ne!(focused(&harness).map(|(id, _)| id), Some(at));
    }
}

/// The keyboard is nobody's before Tab: digits choose the view where no number is asked for, and answer where one is.
#[test]
fn a_beat_that_opens_takes_no_keys() {
    let mut harness = open_with(&AppOptions { lesson: Some(first(Language::English, KINDS[1].1)), ..options() });
    assert!(focused(&harness).is_none());
    press(&mut harness, NONE, Key::Num2);
    assert_eq!(harness.state().last_command(), "Middle: the tile");
    let mut harness = open_with(&AppOptions { lesson: Some((3, Position::default())), ..options() });
    let typed = |harness: &Harness<'_, App>| harness.state().lesson().map(|lesson| lesson.work.typed.clone());
    type_text(&mut harness, "0");
    type_text(&mut harness, ".17");
    assert_eq!(typed(&harness).as_deref(), Some("0.17"));
    let mut harness = open_with(&AppOptions { lesson: Some((3, Position::default())), ..options() });
    tabs_to_task(&mut harness, Language::English, "Predict");
    type_text(&mut harness, "0.17");
    assert_eq!(typed(&harness).as_deref(), Some("0.17"));
    press(&mut harness, NONE, Key::Enter);
    assert!(harness.state().lesson().is_some_and(|lesson| lesson.position.is_revealed));
}

/// What is painted around a place.
fn painted(harness: &Harness<'_, App>, place: Rect) -> Vec<ClippedShape> {
    let is_near = |shape: &&ClippedShape| {
        let bounds = shape.shape.visual_bounding_rect();
        shape.clip_rect.intersects(place) && bounds.intersects(place.expand(4.0))
    };
    harness.output().shapes.iter().filter(is_near).cloned().collect()
}

/// Every stop of Tab in a window with a lesson, once around: something is painted there that is not while the stop before
/// has the keyboard.
#[test]
fn every_stop_of_tab_is_seen() {
    for (lesson, beat) in [(3, 0), (3, 2), (3, 3)] {
        let lesson = Some((lesson, Position { beat, is_revealed: false }));
        let mut harness = open_with(&AppOptions { lesson, ..options() });
        let (mut seen, mut hidden) = (Vec::new(), Vec::new());
        loop {
            let before: Vec<ClippedShape> = harness.output().shapes.clone();
            tab(&mut harness);
            // Behind the last stop nothing has the keyboard for a moment.
            let Some((id, place)) = focused(&harness) else { continue };
            if seen.iter().any(|(other, _)| *other == id) {
                break;
            }
            seen.push((id, place));
            if painted(&harness, place).iter().all(|shape| before.contains(shape)) {
                hidden.push(place);
            }
            assert!(seen.len() < MANY, "Tab never comes around");
        }
        assert!(seen.len() > 20, "{} stops of Tab", seen.len());
        assert!(hidden.is_empty(), "nothing shows the keyboard at {hidden:?}");
        for name in ["Close the lesson", "steps"] {
            let place = harness.get_by_label(name).rect();
            assert!(seen.iter().any(|(_, at)| at.center().distance(place.center()) < 2.0), "{name} is no stop of Tab");
        }
    }
}
