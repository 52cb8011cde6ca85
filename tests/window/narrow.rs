//! A small window: no text lies over another, what says what the numbers are of is there, and no question begins out of
//! sight.

use crate::painted::{all_painted, lies_over};
use crate::stage_support::{open_as, options, press, rest, value, word};
use eframe::egui::{Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Asked, Language, Position};

const NONE: Modifiers = Modifiers::NONE;
const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];
const SIZES: [Vec2; 2] = [Vec2::new(640.0, 400.0), Vec2::new(911.0, 512.0)];

/// Which texts lie over others, of what is seen of each.
fn overlaps(harness: &Harness<'_, App>) -> Vec<String> {
    let mut found = all_painted(harness);
    for one in &mut found {
        one.lines = one.lines.iter().map(|line| line.intersect(one.clip)).filter(Rect::is_positive).collect();
    }
    let over = |n: usize| Some((&found[n].text, &lies_over(&found[n], &found[..n])?.text));
    (0..found.len()).filter_map(over).map(|(text, other)| format!("{text:?} over {other:?}")).collect()
}

/// Every main view of a run, at every frame of the row in Near.
#[test]
fn no_text_lies_over_another_in_a_small_window() {
    let mut all = Vec::new();
    for (size, language) in SIZES.into_iter().flat_map(|size| LANGUAGES.map(|language| (size, language))) {
        let options = AppOptions { place: Link::of_scene("real"), language: Some(language), ..options() };
        let mut harness = open_as(None, &options, size, 1.0);
        for view in [Key::Num0, Key::Num1, Key::Num2, Key::Num3, Key::Num4] {
            press(&mut harness, NONE, view);
            let beats = if view == Key::Num3 { 12 } else { 2 };
            for beat in 0..beats {
                rest(&mut harness);
                let faults = overlaps(&harness).into_iter();
                all.extend(faults.map(|fault| format!("{size} {language:?} {view:?} {beat}: {fault}")));
                press(&mut harness, NONE, Key::Period);
            }
            assert!(!value(&harness, word(language, "scope")).is_empty());
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// What numbers are of has room, and stands apart from the buttons.
#[test]
fn the_scope_stays_in_a_small_window() {
    for size in SIZES {
        let options = AppOptions { place: Link::of_scene("real"), ..options() };
        let harness = open_as(None, &options, size, 1.0);
        let scope = value(&harness, "scope");
        let whole = all_painted(&harness).iter().any(|painted| painted.text == scope);
        assert!(whole, "{size}: {scope:?} is cut");
        let [algorithm, present] =
            [harness.get_by_label("Algorithm: flash2"), harness.get_by_label("Present")].map(|node| node.rect());
        assert!(algorithm.right() < present.left(), "{size}: {algorithm:?} {present:?}");
    }
}

/// The beats of a lesson beside its picture.
#[test]
fn no_text_of_a_lesson_lies_over_another_in_a_small_window() {
    let mut all = Vec::new();
    for (size, language) in SIZES.into_iter().flat_map(|size| LANGUAGES.map(|language| (size, language))) {
        for beat in 0..LESSONS[3].lesson(language).expect("it parses").beats.len() {
            let lesson = Some((3, Position { beat, is_revealed: false }));
            let options = AppOptions { lesson, language: Some(language), ..options() };
            let mut harness = open_as(None, &options, size, 1.0);
            rest(&mut harness);
            let faults = overlaps(&harness).into_iter();
            all.extend(faults.map(|fault| format!("{size} {language:?} 4.{}: {fault}", beat + 1)));
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The field of every question that asks for a number is in sight, with the question above it, however long the text is.
#[test]
fn a_question_and_its_field_are_in_sight() {
    let mut count = 0;
    for language in LANGUAGES {
        for (index, entry) in LESSONS.iter().enumerate() {
            let beats = entry.lesson(language).expect("it parses").beats;
            let is_number = |asked: &Asked| matches!(asked, Asked::Number { .. });
            let asks = |beat: &usize| beats[*beat].predict.as_ref().is_some_and(|asked| is_number(&asked.kind));
            // The first of each lesson.
            for beat in (0..beats.len()).filter(asks).take(1) {
                let lesson = Some((index, Position { beat, is_revealed: false }));
                let options = AppOptions { lesson, language: Some(language), ..options() };
                let mut harness = open_as(None, &options, SIZES[1], 1.0);
                rest(&mut harness);
                let rect = |name| harness.get_by_label(word(language, name)).rect();
                let (caption, field, below) = (rect("Predict"), rect("Your answer"), rect("Back"));
                let head = rect("Close the lesson");
                let is_seen =
                    caption.top() >= head.bottom() && field.top() > caption.top() && field.bottom() <= below.top();
                assert!(is_seen, "{}.{} {language:?}: {caption:?} {field:?} above {below:?}", index + 1, beat + 1);
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} questions");
}
