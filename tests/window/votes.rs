//! A class votes while a lesson is presented: what is seen of it before, between and after its rounds, and that it stays.

use crate::painted::all_painted;
use crate::stage_support::{all_text, click, command, open_as, options, press, rest, value, word};
use eframe::egui::epaint::Shape;
use eframe::egui::{Color32, Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, OpenLesson};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// Lessons and beats, counted from 1, that ask a question.
fn questions(language: Language) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(language).expect("it parses").beats;
        let asks = beats.iter().enumerate().filter(|(_, beat)| beat.predict.is_some());
        found.extend(asks.map(|(beat, _)| (lesson + 1, beat + 1)));
    }
    found
}

fn presented(lesson: usize, beat: usize, language: Language) -> Harness<'static, App> {
    let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: false }));
    let options = AppOptions { lesson, language: Some(language), is_presenting: true, ..options() };
    open_as(None, &options, Vec2::new(1280.0, 720.0), 1.0)
}

/// A beat with a choice of at least three, voted on.
fn voted_on() -> Harness<'static, App> {
    let mut harness = presented(4, 1, Language::English);
    press(&mut harness, NONE, Key::V);
    assert!(choices(&harness).len() > 2);
    harness
}

fn choices(harness: &Harness<'_, App>) -> Vec<String> {
    let lesson = harness.state().lesson().expect("a lesson is open");
    lesson.choices().into_iter().map(|choice| choice.text).collect()
}

/// What is told of each choice, as a screen reader has it.
fn told(harness: &Harness<'_, App>) -> Vec<String> {
    let of = |text: &String| harness.get_by_label(&format!("votes for {text}")).value().unwrap_or_default();
    choices(harness).iter().map(of).collect()
}

/// So many hands for the first, the second, and so on.
fn count(harness: &mut Harness<'_, App>, hands: &[usize]) {
    for (key, times) in [Key::Num1, Key::Num2, Key::Num3, Key::Num4].into_iter().zip(hands) {
        for _ in 0..*times {
            press(harness, NONE, key);
        }
    }
}

fn paints(harness: &Harness<'_, App>, text: &str) -> bool {
    all_painted(harness).iter().any(|painted| painted.text == text)
}

/// Everything that is filled, with its place: a bar that grows changes it.
fn fills(harness: &Harness<'_, App>) -> Vec<(Rect, Color32)> {
    fn of(shape: &Shape, found: &mut Vec<(Rect, Color32)>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| of(shape, found)),
            Shape::Rect(rect) if rect.fill != Color32::TRANSPARENT => found.push((rect.rect, rect.fill)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| of(&shape.shape, &mut found));
    found
}

#[test]
fn no_count_and_no_bar_is_seen_while_hands_are_counted() {
    let mut harness = voted_on();
    harness.run_steps(10);
    let before = fills(&harness);
    count(&mut harness, &[11, 5]);
    harness.run_steps(10);
    assert!(told(&harness).iter().all(String::is_empty), "{:?}", told(&harness));
    assert!(!paints(&harness, "11") && !paints(&harness, "5"));
    assert_eq!(fills(&harness), before, "no bar grows");
    // That each key was counted is seen, and not for what.
    assert_eq!(value(&harness, "hands of the round"), "16");
    assert!(paints(&harness, "16"));
    click(&mut harness, "Close the round");
    assert_eq!(told(&harness)[..3], ["11", "5", "0"]);
    assert!(paints(&harness, "11") && paints(&harness, "5"));
    assert_ne!(fills(&harness), before, "its bars are there");
    assert!(harness.query_by_label("hands of the round").is_none());
}

#[test]
fn a_hand_is_taken_back_and_none_is_counted_below_none() {
    let mut harness = voted_on();
    count(&mut harness, &[2, 1]);
    for key in [Key::Num1, Key::Num3] {
        press(&mut harness, Modifiers::SHIFT, key);
    }
    assert_eq!(value(&harness, "hands of the round"), "2");
    // A click on a choice is a hand as well.
    let first = choices(&harness)[0].clone();
    click(&mut harness, &format!("votes for {first}"));
    assert_eq!(value(&harness, "hands of the round"), "3");
    click(&mut harness, "Close the round");
    assert_eq!(told(&harness)[..3], ["2", "1", "0"]);
}

#[test]
fn a_closed_round_counts_no_hand_and_its_keys_are_no_views() {
    let mut harness = voted_on();
    count(&mut harness, &[1, 2]);
    click(&mut harness, "Close the round");
    let (before, view) = (told(&harness), harness.state().place().and_then(|place| place.view));
    count(&mut harness, &[1, 1, 1]);
    assert_eq!(told(&harness), before);
    assert_eq!(harness.state().place().and_then(|place| place.view), view);
    let first = choices(&harness)[0].clone();
    click(&mut harness, &format!("votes for {first}"));
    assert_eq!(told(&harness), before);
}

#[test]
fn both_tallies_stay_after_the_second_round_and_after_the_answer() {
    let mut harness = voted_on();
    count(&mut harness, &[3, 8]);
    click(&mut harness, "Close the round");
    click(&mut harness, "Vote again");
    // The first round was told; nothing of the second is.
    assert_eq!(told(&harness)[..3], ["3", "8", "0"]);
    let before = fills(&harness);
    count(&mut harness, &[12, 0, 1]);
    assert_eq!(told(&harness)[..3], ["3", "8", "0"]);
    assert_eq!(fills(&harness), before, "no bar of the first shrinks while the second is counted");
    assert_eq!(value(&harness, "hands of the round"), "13");
    click(&mut harness, "Close the round");
    let both = ["3 > 12", "8 > 0", "0 > 1"];
    assert_eq!(told(&harness)[..3], both);
    assert!(both.iter().all(|counts| paints(&harness, counts)));
    press(&mut harness, NONE, Key::PageDown);
    assert!(harness.state().lesson().expect("a lesson").position.is_revealed);
    assert_eq!(told(&harness)[..3], both);
    // What was answered is not voted on any more.
    count(&mut harness, &[2]);
    assert_eq!(told(&harness)[..3], both);
    for name in ["Vote again", "Close the round", "hands of the round"] {
        assert!(harness.query_by_label(name).is_none(), "{name}");
    }
}

#[test]
fn the_answer_ends_a_round_that_is_open() {
    let mut harness = voted_on();
    count(&mut harness, &[4, 2]);
    press(&mut harness, NONE, Key::PageDown);
    assert_eq!(told(&harness)[..3], ["4", "2", "0"]);
    // A second round in which nobody was counted is none.
    let mut harness = voted_on();
    count(&mut harness, &[4, 2]);
    click(&mut harness, "Close the round");
    click(&mut harness, "Vote again");
    press(&mut harness, NONE, Key::PageDown);
    assert_eq!(told(&harness)[..3], ["4", "2", "0"]);
}

#[test]
fn a_vote_that_is_put_away_is_there_again() {
    let mut harness = voted_on();
    count(&mut harness, &[1, 6]);
    // By its key, by Escape, by its button: each puts it away.
    press(&mut harness, NONE, Key::V);
    assert!(harness.query_by_label("hands of the round").is_none());
    press(&mut harness, NONE, Key::V);
    assert_eq!(value(&harness, "hands of the round"), "7");
    press(&mut harness, NONE, Key::Escape);
    assert!(harness.query_by_label("projected line").is_some(), "Esc closes the vote first");
    press(&mut harness, NONE, Key::V);
    click(&mut harness, "Close the round");
    click(&mut harness, "Close");
    assert!(harness.query_by_label("Vote again").is_none());
    press(&mut harness, NONE, Key::V);
    assert_eq!(told(&harness)[..3], ["1", "6", "0"]);
    // The beats before and after have theirs.
    let here = harness.state().lesson().expect("a lesson").position;
    while harness.state().lesson().expect("a lesson").position.beat == here.beat {
        press(&mut harness, NONE, Key::PageDown);
    }
    assert!(harness.query_by_label("Vote again").is_none(), "the next beat is not voted on");
    press(&mut harness, NONE, Key::V);
    if !choices(&harness).is_empty() {
        assert_eq!(value(&harness, "hands of the round"), "0");
    }
    while harness.state().lesson().expect("a lesson").position != here {
        press(&mut harness, NONE, Key::PageUp);
    }
    press(&mut harness, NONE, Key::V);
    assert_eq!(told(&harness)[..3], ["1", "6", "0"]);
}

#[test]
fn a_build_and_a_talk_without_a_lesson_are_not_voted_on() {
    let mut harness = presented(4, 4, Language::English);
    assert!(choices(&harness).is_empty(), "it asks for no answer");
    press(&mut harness, NONE, Key::V);
    assert!(harness.query_by_label("hands of the round").is_none());
    // Its digits are keys of the views there.
    command(&mut harness, "Close the lesson");
    press(&mut harness, NONE, Key::V);
    assert!(harness.query_by_label("hands of the round").is_none());
}

/// Each choice of each question is painted whole, in any number of lines: before a hand, between two rounds, after both,
/// and with the answer.
#[test]
fn no_choice_is_cut_at_any_moment_of_a_vote() {
    let is_whole = |harness: &mut Harness<'_, App>, at: &str| {
        rest(harness);
        let painted = all_painted(harness);
        for one in &painted {
            assert!(!one.is_cut, "{at}: {:?} is cut", one.text);
            let is_in = one.lines.iter().all(|line| one.clip.expand(1.0).contains_rect(*line));
            assert!(is_in, "{at}: {:?} leaves its place", one.text);
        }
    };
    for language in [Language::English, Language::Chinese] {
        let all = questions(language);
        assert!(all.len() > 10, "{} questions", all.len());
        for (lesson, beat) in all.into_iter().step_by(6) {
            let mut harness = presented(lesson, beat, language);
            press(&mut harness, NONE, Key::V);
            let at = |what: &str| format!("{lesson}.{beat} {language:?} {what}");
            is_whole(&mut harness, &at("open"));
            for (n, choice) in choices(&harness).iter().enumerate() {
                // Signs of a formula stand apart.
                let words: Vec<&str> = choice.split(['*', '`', '$']).next().unwrap_or_default().split(' ').collect();
                let shown: Vec<String> = all_painted(&harness).into_iter().map(|painted| painted.text).collect();
                let start = format!("{}  {}", n + 1, words[0]);
                assert!(shown.iter().any(|text| text.starts_with(&start)), "{}: {start:?} in {shown:?}", at("choice"));
            }
            count(&mut harness, &[11, 8]);
            for what in ["one round", "two rounds"] {
                click(&mut harness, word(language, "Close the round"));
                is_whole(&mut harness, &at(what));
                click(&mut harness, word(language, "Vote again"));
                count(&mut harness, &[4, 15]);
                is_whole(&mut harness, &at(what));
            }
            press(&mut harness, NONE, Key::PageDown);
            is_whole(&mut harness, &at("answered"));
            let lesson = harness.state().lesson().map(OpenLesson::choices).expect("a lesson");
            assert!(all_text(&harness).iter().any(|line| line.contains("11 > 4 > 4")), "{}", lesson[0].text);
        }
    }
}
