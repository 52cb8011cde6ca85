//! A talk: where it begins, what Escape gives back, and what a projected picture is kept free of.

use crate::painted::{FREE, LEAST_PICTURE};
use crate::stage_support::{
    command, cursor, drop_files, open_as, open_with, options, presented_picture, press, seek, value, word,
};
use eframe::egui::epaint::{CircleShape, Shape};
use eframe::egui::{Key, Modifiers, Order, Pos2, Vec2, pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, Link, OpenLesson};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

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

/// The ring that dims: where its middle is, and how far what it leaves reaches.
fn spot(harness: &Harness<'_, App>) -> Option<(Pos2, f32)> {
    let screen = harness.ctx.content_rect();
    let ring = |circle: &CircleShape| {
        let (inner, outer) = (circle.radius - circle.stroke.width / 2.0, circle.radius + circle.stroke.width / 2.0);
        let reaches = |corner: Pos2| corner.distance(circle.center) <= outer;
        let corners = [screen.left_top(), screen.right_top(), screen.left_bottom(), screen.right_bottom()];
        (circle.stroke.width > 0.0 && corners.into_iter().all(reaches)).then_some((circle.center, inner))
    };
    harness.output().shapes.iter().find_map(|shape| match &shape.shape {
        Shape::Circle(circle) => ring(circle),
        _ => None,
    })
}

/// It follows the pointer and nothing else: no frame is asked for by it. The same key puts it out, or Escape, before
/// anything else.
#[test]
fn a_spotlight_follows_the_pointer() {
    let mut harness = open_as(None, &at(4, 2, false), Vec2::new(1280.0, 720.0), 1.0);
    press(&mut harness, NONE, Key::S);
    assert_eq!(spot(&harness), None, "it is for a talk");
    press(&mut harness, NONE, Key::F5);
    harness.run_steps(10);
    let calm = |harness: &Harness<'_, App>| {
        harness.output().viewport_output.values().map(|output| output.repaint_delay).min().expect("a window")
    };
    let delay = calm(&harness);
    press(&mut harness, NONE, Key::S);
    let height = harness.ctx.content_rect().height();
    for to in [pos2(200.0, 150.0), pos2(400.0, 300.0), pos2(1.0, 1.0)] {
        harness.hover_at(to);
        harness.run_steps(10);
        let (center, radius) = spot(&harness).expect("all else is dimmed");
        assert!(center.distance(to) < 0.5, "{center:?} for {to:?}");
        assert!((0.1..0.3).contains(&(radius / height)), "{radius} of {height}");
        assert_eq!(calm(&harness), delay);
    }
    press(&mut harness, NONE, Key::S);
    assert_eq!(spot(&harness), None);
    press(&mut harness, NONE, Key::S);
    press(&mut harness, NONE, Key::V);
    press(&mut harness, NONE, Key::Escape);
    assert_eq!(spot(&harness), None);
    harness.get_by_label("Close the round");
}

/// What the second line says, in a window of `language`.
fn second(harness: &Harness<'_, App>, language: Language) -> Option<String> {
    let name = word(language, "projected line, in the other language");
    harness.query_by_label(name).map(|line| line.value().expect("it says something"))
}

/// Beat by beat, a lesson says its sentence in the other language below; and so does a step.
#[test]
fn the_other_language_stands_below_where_it_is_asked_for() {
    for (language, other) in [(Language::English, Language::Chinese), (Language::Chinese, Language::English)] {
        let mut harness = open_with(&AppOptions { language: Some(language), is_presenting: true, ..at(4, 1, false) });
        assert_eq!(second(&harness, language), None);
        press(&mut harness, NONE, Key::T);
        let lesson = LESSONS[3].lesson(other).expect("it parses");
        // The line of a window in that language is that sentence.
        let theirs = |harness: &Harness<'_, App>| {
            let position = beat(harness).expect("a lesson is open");
            let lesson = Some((3, position));
            let options = AppOptions { lesson, language: Some(other), is_presenting: true, ..options() };
            value(&open_with(&options), word(other, "projected line"))
        };
        for _ in 0..3 {
            assert_eq!(second(&harness, language), Some(theirs(&harness)));
            press(&mut harness, NONE, Key::PageDown);
        }
        assert!(lesson.beats.len() > 2);
        press(&mut harness, NONE, Key::T);
        assert_eq!(second(&harness, language), None);
    }
    let mut harness = open_with(&AppOptions { is_presenting: true, place: Link::of_scene("toy"), ..options() });
    press(&mut harness, NONE, Key::T);
    let said = second(&harness, Language::English).expect("a step has both");
    press(&mut harness, NONE, Key::Escape);
    command(&mut harness, "Chinese (中文)");
    assert_eq!(said, value(&harness, "当前步"));
}

/// A lesson of one's own without its other half says so.
#[test]
fn a_lesson_of_one_language_says_that_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.md");
    std::fs::write(&path, include_str!("../../src/cli/lessons/lesson.md")).expect("it is written");
    let mut harness = open_with(&options());
    drop_files(&mut harness, &[path]);
    press(&mut harness, NONE, Key::F5);
    press(&mut harness, NONE, Key::T);
    let said = second(&harness, Language::English);
    assert_eq!(said.as_deref(), Some("This lesson is written in one language."));
}

/// Steps without a lesson, some of two lines: the picture keeps three quarters of the height, down to the edge, and what
/// the picture has is not said beside it again.
#[test]
fn the_picture_of_a_step_has_three_quarters_of_the_height() {
    for language in [Language::English, Language::Chinese] {
        for (size, key) in [((1280.0, 720.0), Key::Num3), ((1024.0, 768.0), Key::Num3), ((1024.0, 768.0), Key::Num1)] {
            let options = AppOptions { language: Some(language), place: Link::of_scene("real"), ..options() };
            let mut harness = open_as(None, &options, size.into(), 1.0);
            press(&mut harness, NONE, key);
            press(&mut harness, NONE, Key::F5);
            let mut most_lines: f32 = 0.0;
            for _ in 0..12 {
                press(&mut harness, NONE, Key::ArrowLeft);
                let (screen, picture) = (harness.ctx.content_rect(), presented_picture(&harness));
                let share = (picture.height() - 2.0 * FREE) / screen.height();
                assert!(share >= LEAST_PICTURE, "{share} at {}", cursor(&harness));
                assert!((picture.bottom() - screen.bottom()).abs() < 1.0, "{picture} of {screen}");
                let line = harness.get_by_label(word(language, "projected line")).rect();
                most_lines = most_lines.max(line.height() / screen.height());
            }
            // Two lines of 20 points.
            assert!(size.0 > 1100.0 || language == Language::Chinese || most_lines > 0.1, "{most_lines}");
        }
    }
}
