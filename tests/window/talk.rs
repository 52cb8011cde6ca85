//! A talk: where it begins, what Escape gives back, and what a projected picture is kept free of.

use crate::stage_support::{command, cursor, open_as, open_with, options, press, seek, value};
use eframe::egui::{Key, Modifiers, Order, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, OpenLesson};
use tilescope::playback::lesson::Position;

const NONE: Modifiers = Modifiers::NONE;
const SHIFT: Modifiers = Modifiers::SHIFT;

/// A lesson that is open at a beat, counted from 1.
fn at(lesson: usize, beat: usize, is_revealed: bool) -> AppOptions {
    let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed }));
    AppOptions { lesson, ..options() }
}

/// All that a person would miss: the beat, the input with its choices, the step, the row, the view.
fn place(harness: &Harness<'_, App>) -> impl PartialEq + std::fmt::Debug + use<> {
    let app = harness.state();
    let lesson = app.lesson().expect("a lesson is open");
    let view = ["Far: schedule", "Middle: tile", "Near: one row", "Compare"].map(|name| {
        let named = harness.query_all_by_label(name).map(|node| node.accesskit_node().toggled());
        named.map(|toggled| format!("{toggled:?}")).collect::<Vec<_>>()
    });
    let of_stage = (app.document().wanted().clone(), cursor(harness), value(harness, "current step"));
    (lesson.key.clone(), lesson.position, app.document().source().name.clone(), of_stage, view)
}

fn beat(harness: &Harness<'_, App>) -> Option<Position> {
    harness.state().lesson().map(|lesson| lesson.position)
}

/// F5 presents the beat on screen, Shift+F5 the first; however far the talk came, Escape gives back where it began.
#[test]
fn a_talk_begins_at_the_beat_on_screen_and_gives_it_back() {
    for (modifiers, is_revealed) in [(NONE, false), (NONE, true), (SHIFT, false), (SHIFT, true)] {
        let mut harness = open_with(&at(4, 2, is_revealed));
        press(&mut harness, NONE, Key::ArrowLeft);
        let before = place(&harness);
        press(&mut harness, modifiers, Key::F5);
        let begun = if modifiers == NONE { Position { beat: 1, is_revealed } } else { Position::default() };
        assert_eq!(beat(&harness), Some(begun), "{modifiers:?}");
        for _ in 0..4 {
            press(&mut harness, NONE, Key::PageDown);
        }
        assert_ne!(beat(&harness), Some(begun));
        press(&mut harness, NONE, Key::Escape);
        assert_eq!(place(&harness), before, "{modifiers:?}, revealed: {is_revealed}");
    }
}

#[test]
fn another_lesson_or_input_in_a_talk_is_given_back_for_the_one_before() {
    for name in ["Lesson 1: Bytes cost time", "Open toy: 16 random tokens, d = 4", "Close the lesson"] {
        let mut harness = open_with(&at(4, 2, false));
        let before = place(&harness);
        press(&mut harness, NONE, Key::F5);
        command(&mut harness, name);
        press(&mut harness, NONE, Key::Home);
        press(&mut harness, NONE, Key::Escape);
        assert_eq!(place(&harness), before, "{name}");
    }
    // Where no lesson was open, none is.
    let mut harness = open_with(&options());
    let step = value(&harness, "current step");
    press(&mut harness, NONE, Key::F5);
    command(&mut harness, "Lesson 4: The online softmax");
    press(&mut harness, NONE, Key::Escape);
    assert!(harness.state().lesson().is_none());
    assert_eq!(value(&harness, "current step"), step);
}

/// What the program begins with had nothing on screen before: Escape leaves the person where the talk came to.
#[test]
fn a_talk_that_the_program_begins_with_ends_where_it_came_to() {
    let mut harness = open_with(&AppOptions { is_presenting: true, ..at(4, 1, true) });
    press(&mut harness, NONE, Key::PageDown);
    let here = beat(&harness);
    assert_eq!(here, Some(Position { beat: 1, is_revealed: false }));
    press(&mut harness, NONE, Key::Escape);
    assert_eq!((beat(&harness), harness.state().lesson().and_then(OpenLesson::index)), (here, Some(3)));
    assert!(harness.query_by_label("projected line").is_none());
}

/// A text comes up under the pointer.
fn has_hover_text(harness: &mut Harness<'_, App>) -> bool {
    let at = harness.get_by_label("schedule grid").rect().center();
    harness.hover_at(at);
    harness.run_steps(8);
    harness.ctx.memory(|memory| memory.areas().visible_layer_ids().iter().any(|layer| layer.order == Order::Tooltip))
}

#[test]
fn no_hover_text_lies_over_a_projected_picture() {
    let mut harness = open_as(None, &options(), Vec2::new(1280.0, 720.0), 1.0);
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 11);
    assert!(has_hover_text(&mut harness), "the map says what lies under the pointer");
    press(&mut harness, NONE, Key::F5);
    assert!(!has_hover_text(&mut harness));
    press(&mut harness, NONE, Key::Escape);
    assert!(has_hover_text(&mut harness), "and says it again after the talk");
}
