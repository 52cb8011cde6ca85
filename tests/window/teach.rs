//! Lessons in the window, as a person goes through them: answers that are wrong first, changes by any control, cards in
//! the wrong hole, steps back, another start.

use std::path::Path;

use crate::painted::all_painted;
use crate::stage_support::{
    all_text, click, command, cursor, drop_files, grouped, open_as, open_with, options, press, settle, type_text,
    value, word,
};
use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, OpenLesson};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// A lesson and its beat, both from 1, as people name them.
fn at(lesson: usize, beat: usize) -> Harness<'static, App> {
    kept(lesson, beat, None)
}

fn kept(lesson: usize, beat: usize, folder: Option<&Path>) -> Harness<'static, App> {
    let position = Position { beat: beat - 1, is_revealed: false };
    let folder = folder.map(Path::to_owned);
    open_with(&AppOptions { lesson: Some((lesson - 1, position)), folder, ..options() })
}

fn is_revealed(harness: &Harness<'_, App>) -> bool {
    harness.state().lesson().expect("a lesson").position.is_revealed
}

fn shows(harness: &Harness<'_, App>, text: &str) -> bool {
    all_text(harness).iter().any(|line| line.contains(text))
}

/// A key with the text that it types, as a keyboard sends both.
fn keyed(harness: &mut Harness<'_, App>, key: Key, text: &str) {
    harness.event(Event::Key { key, physical_key: None, pressed: true, repeat: false, modifiers: NONE });
    harness.event(Event::Text(text.into()));
    harness.event(Event::Key { key, physical_key: None, pressed: false, repeat: false, modifiers: NONE });
    harness.run_steps(2);
}

fn answer(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    press(harness, Modifiers::COMMAND, Key::A);
    type_text(harness, text);
    press(harness, Modifiers::COMMAND, Key::Enter);
}

#[test]
fn a_wrong_answer_has_its_reason_and_another_try() {
    let mut harness = at(4, 1);
    answer(&mut harness, "5.9");
    assert!(!is_revealed(&harness));
    assert!(value(&harness, "verdict").starts_with("Not quite. Think again"));
    assert!(value(&harness, "why").contains("inverse"), "{}", value(&harness, "why"));
    assert!(!shows(&harness, "0.170"), "the answer is not shown yet");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(!is_revealed(&harness), "the same answer is no other try");
    // Another answer: what was said of the last one is over.
    answer(&mut harness, "e^-1.775");
    assert!(is_revealed(&harness));
    assert_eq!(value(&harness, "verdict"), "Right: 0.170");

    let mut harness = at(4, 1);
    answer(&mut harness, "5.9");
    answer(&mut harness, "1");
    assert!(is_revealed(&harness), "two tries, then the answer");
    assert_eq!(value(&harness, "verdict"), "Not quite. The answer is 0.170.");
}

#[test]
fn what_cannot_be_read_is_told_and_costs_no_try() {
    let mut harness = at(1, 2);
    for (typed, told) in [("", "type a number first"), ("abc", "cannot be read"), ("4.2 µs", "asked for in MiB")] {
        answer(&mut harness, typed);
        assert!(value(&harness, "note on the answer").contains(told), "{typed}");
        assert_eq!(harness.state().lesson().map(|lesson| lesson.work.tries), Some(0));
    }
    answer(&mut harness, "4.2 MB");
    assert!(value(&harness, "verdict").starts_with("Right: 4.0 MiB"));
}

#[test]
fn reveal_judges_what_is_chosen() {
    let mut harness = at(1, 3);
    click(&mut harness, "Multiplying takes longer.");
    press(&mut harness, NONE, Key::PageDown);
    assert!(is_revealed(&harness));
    assert_eq!(value(&harness, "verdict"), "Not quite. The answer: Moving takes longer.");
    assert!(value(&harness, "why").contains("faster still"));
    // Nothing chosen: nothing judged.
    let mut harness = at(1, 3);
    press(&mut harness, NONE, Key::PageDown);
    assert_eq!(value(&harness, "verdict"), "Answer: Moving takes longer.");
}

#[test]
fn digits_beside_the_field_are_an_answer() {
    let mut harness = at(4, 1);
    let (distance, before) = (harness.state().document().scene().map(|scene| scene.plan().br), cursor(&harness));
    for (key, text) in [(Key::Num2, "2"), (Key::Num1, "1"), (Key::Period, "."), (Key::Num9, "9")] {
        keyed(&mut harness, key, text);
    }
    assert_eq!(harness.state().lesson().expect("a lesson").work.typed, "21.9");
    assert_eq!(cursor(&harness), before, "no step was taken");
    assert!(harness.query_by_label("needle").is_some(), "the view is as it was");
    assert_eq!(harness.state().document().scene().map(|scene| scene.plan().br), distance);
}

#[test]
fn a_change_is_found_by_whichever_control_and_withdrawn_when_it_ends() {
    let found = |harness: &Harness<'_, App>| harness.query_by_label("change").is_some();
    // The box of the stage.
    let mut harness = at(4, 3);
    assert!(!found(&harness));
    click(&mut harness, "Forget alpha");
    assert!(found(&harness), "the stage's own box");
    // The control of the lesson shows it, and so do all numbers: one switch.
    let l = value(&harness, "l of the row");
    assert!(value(&harness, "stack l").ends_with(l.rsplit(' ').next().expect("a number")), "{l}");
    click(&mut harness, "Forget alpha");
    assert!(!found(&harness), "it ended");
    click(&mut harness, "alpha is forgotten");
    assert!(found(&harness), "the control of the lesson");
    assert_eq!(harness.state().document().wanted().bug, "forget-alpha");
    click(&mut harness, "no bug");
    assert!(!found(&harness));
    let mut harness = at(1, 4);
    command(&mut harness, "Algorithm: flash2");
    assert!(found(&harness), "a command, as the top bar gives it");
    command(&mut harness, "Algorithm: flash1");
    assert!(!found(&harness));
}

/// What is NaN says so in every part of Near, also where nothing has a weight yet.
#[test]
fn a_nan_before_the_first_weight_is_no_dash() {
    let position = Position { beat: 0, is_revealed: true };
    let harness = open_with(&AppOptions { lesson: Some((13, position)), ..options() });
    assert_eq!(value(&harness, "stack l"), "l = 0");
    assert_eq!(value(&harness, "bar of O"), "O = NaN");
    assert_eq!(value(&harness, "needle"), "O / l = NaN");
}

/// The control of an algorithm lists every text that the scene could run, as the beat is: forwards, or backwards.
#[test]
fn a_change_of_the_algorithm_offers_every_text_that_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.md");
    for (scene, expected) in [
        ("algorithm: flash2", ["standard", "flash1", "flash2", "flash2-lazy", "flash2-lanes", "split-kv"].as_slice()),
        ("algorithm: flash2/forget-alpha", &["standard", "split-kv", "flash2/forget-alpha"]),
        (
            "algorithm: flash2-backward",
            &["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"],
        ),
        ("algorithm: split-kv\nsplits: 2", &["split-kv"]),
    ] {
        let text = format!(
            "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\ninput: toy\n{scene}\n```\n```change\n\
            open: algorithm\nfind: f\nuntil: 1 > 2\nsolution: algorithm: standard\nfeedback: Found it.\n```\n"
        );
        std::fs::write(&path, text).expect("it is written");
        let own = Some((path.clone(), Position::default()));
        let mut harness = open_with(&AppOptions { own_lesson: own, ..options() });
        settle(&mut harness);
        for name in expected {
            assert!(harness.query_by_role_and_label(Role::Button, name).is_some(), "{scene}: {name}");
        }
        let is_backward = scene.contains("backward");
        assert_eq!(
            harness.query_by_role_and_label(Role::Button, "flash2").is_some(),
            !is_backward && !scene.contains("splits")
        );
        assert_eq!(harness.query_by_role_and_label(Role::Button, "flash2-backward").is_some(), is_backward);
    }
}

#[test]
fn the_first_nan_is_found_where_it_is() {
    let mut harness = at(2, 3);
    click(&mut harness, "the maximum is not subtracted");
    assert!(harness.query_by_label("change").is_none(), "no NaN is on the chip yet");
    let mut steps = 0;
    while harness.query_by_label("change").is_none() {
        press(&mut harness, NONE, Key::ArrowRight);
        steps += 1;
        assert!(steps < 20);
    }
    assert!(value(&harness, "current step").contains("P"), "{}", value(&harness, "current step"));
    press(&mut harness, NONE, Key::ArrowLeft);
    assert!(harness.query_by_label("change").is_none());
}

#[test]
fn a_change_takes_no_step_that_there_is_not() {
    // Three keys in a block leave two blocks: no step of a third.
    let mut harness = at(3, 5);
    click(&mut harness, "+ Block keys bc");
    assert!(harness.state().document().notice().is_none(), "{:?}", harness.state().document().notice());
    assert!(harness.query_by_label("change").is_some());
    // Above the controls, which may reach beyond the edge.
    let top = |name: &str| harness.get_by_label(name).rect().top();
    assert!(top("change") < top("Show me a change that does it"));
    assert_eq!(value(&harness, "pieces"), "2", "the facts are those of the stage");
    assert_eq!(value(&harness, "average at the end"), "38.50");
}

#[test]
fn a_tile_is_answered_by_a_click_in_the_picture() {
    let mut harness = at(7, 2);
    press(&mut harness, NONE, Key::Num1);
    let before = cursor(&harness);
    let grid = harness.get_by_label("schedule grid").rect();
    let last = grid.min + grid.size() * eframe::egui::vec2(0.875, 0.875);
    harness.hover_at(last);
    harness.run_steps(2);
    harness.event(Event::PointerButton {
        pos: last,
        button: eframe::egui::PointerButton::Primary,
        pressed: true,
        modifiers: NONE,
    });
    harness.event(Event::PointerButton {
        pos: last,
        button: eframe::egui::PointerButton::Primary,
        pressed: false,
        modifiers: NONE,
    });
    settle(&mut harness);
    assert_eq!(harness.state().lesson().expect("a lesson").work.typed, "3,3");
    assert_eq!(cursor(&harness), before, "the player stays");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(value(&harness, "verdict"), "Right: 3,3");
}

#[test]
fn what_never_reaches_hbm_can_be_clicked() {
    for view in [Key::Num1, Key::Num2] {
        for tensor in ["S", "P"] {
            let mut harness = at(5, 2);
            press(&mut harness, NONE, view);
            click(&mut harness, &format!("{tensor}, to be clicked"));
            press(&mut harness, Modifiers::COMMAND, Key::Enter);
            assert_eq!(value(&harness, "verdict"), "Right: S or P", "{tensor} from {view:?}");
        }
    }
}

#[test]
fn the_stage_shows_what_the_answer_says() {
    let mut harness = at(4, 2);
    let before = value(&harness, "stack l");
    assert!(before.contains("3.417"), "{before}");
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert!(value(&harness, "stack l").contains("0.5794") || value(&harness, "stack l").contains("0.579"), "{before}");
    press(&mut harness, NONE, Key::PageUp);
    settle(&mut harness);
    assert_eq!(value(&harness, "stack l"), before, "and back");
}

#[test]
fn a_question_is_not_answered_by_the_panel_beside_it() {
    let mut harness = at(4, 1);
    assert_eq!(value(&harness, "alpha of the row"), "-");
    click(&mut harness, "Frame 3: the line climbs");
    assert!(!shows(&harness, "0.1696") && !shows(&harness, "e^-"));
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert!(value(&harness, "alpha of the row").starts_with("0.169") && shows(&harness, "e^-"));
}

/// What HBM never holds is asked for: the foot of the map says it and what moved where it is no answer.
#[test]
fn nor_by_the_foot_of_the_map() {
    let says = |beat: usize, part: &str| all_painted(&at(5, beat)).iter().any(|one| one.text.contains(part));
    for part in ["never stored", "moved so far"] {
        assert!(says(3, part) && !says(1, part) && !says(2, part), "{part}");
    }
}

/// What O of a row without keys is, is asked for: the rule is told with the answer.
#[test]
fn nor_by_the_rule_for_the_row_that_it_is_about() {
    let mut harness = at(8, 2);
    assert!(!shows(&harness, "sees no key") && !shows(&harness, "The rule for such rows"));
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert!(shows(&harness, "Query 0 sees no key") && shows(&harness, "The rule for such rows"));
}

/// Settings that were built are the run on the stage, right or wrong, also where they are of another input.
#[test]
fn the_stage_shows_the_run_of_the_settings_that_were_built() {
    for (lesson, beat, keys, want) in [
        (5, 4, "r8, c2", (8, 2)),
        (5, 4, "r4, c2", (4, 2)),
        (11, 6, "one", (1, 128)),
        (15, 8, "rising, causal, small", (4, 4)),
    ] {
        let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: false }));
        let mut harness = open_as(None, &AppOptions { lesson, ..options() }, Vec2::new(1280.0, 1600.0), 1.0);
        let texts: Vec<String> = {
            let lesson = harness.state().lesson().expect("a lesson");
            let build = lesson.build().expect("a build");
            let cards = build.filling_of(keys).expect("its cards");
            let hand = &lesson.shown.as_ref().expect("shown").build.as_ref().expect("cards").hand;
            let text = |card: usize| hand.iter().find(|(at, _)| *at == card).map(|(_, text)| format!("card: {text}"));
            cards.into_iter().flatten().filter_map(text).collect()
        };
        texts.iter().for_each(|text| click(&mut harness, text));
        click(&mut harness, "Run it");
        settle(&mut harness);
        let scene = harness.state().document().scene().expect("a run");
        let tiling = scene.settings.tiling();
        assert_eq!((tiling.br, tiling.bc), want, "{lesson:?} {keys}");
        let moved = grouped(scene.run.meters().total().traffic.hbm_elements());
        assert!(shows(&harness, &format!("It moved {moved} elements.")), "{lesson:?} {keys}: {moved}");
        assert_eq!(harness.state().player().cursor(), scene.schedule().len());
    }
}

#[test]
fn work_survives_a_step_back_and_another_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = kept(4, 1, Some(folder.path()));
    answer(&mut harness, "5.9");
    answer(&mut harness, "0.17");
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageUp);
    settle(&mut harness);
    assert_eq!(value(&harness, "verdict"), "Right: 0.170", "after a step on and back");
    for _ in 0..4 {
        press(&mut harness, NONE, Key::PageDown);
    }
    settle(&mut harness);
    assert_eq!(harness.state().lesson().map(|lesson| lesson.position.beat), Some(3));
    click(&mut harness, "card: l_old + sum");
    let filled = value_of_places(&harness);
    assert!(filled.iter().any(|place| place.contains("l_old + sum")), "{filled:?}");
    harness.run_steps(200);
    drop(harness);
    // The next start goes on where it was.
    let harness = open_with(&AppOptions { folder: Some(folder.path().to_owned()), ..options() });
    assert_eq!(value_of_places(&harness), filled);
    let lesson = harness.state().lesson().expect("the lesson is open again");
    assert_eq!((lesson.index(), lesson.position.beat), (Some(3), 3));
    let mut harness = kept(4, 1, Some(folder.path()));
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert_eq!(value(&harness, "verdict"), "Right: 0.170", "after another start");
}

#[test]
fn what_was_wrong_comes_back_with_other_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = kept(4, 1, Some(folder.path()));
    let asked = "m climbs from 4.733 to 6.508";
    assert!(shows(&harness, asked));
    answer(&mut harness, "5.9");
    answer(&mut harness, "1");
    harness.run_steps(200);
    drop(harness);
    // Another lesson opens with it, also after another start; the lesson itself asks it anyway.
    let name = "question 1 that came back";
    assert!(kept(4, 2, Some(folder.path())).query_by_label(name).is_none());
    let mut harness = kept(5, 1, Some(folder.path()));
    let question = value(&harness, name);
    let numbers = |text: &str| -> Vec<f64> {
        let words = text.split([' ', '?']).map(|word| word.trim_end_matches('.'));
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let [from, to] = numbers(&question)[..] else { panic!("{question}") };
    assert!(question.starts_with("m climbs from ") && from < to && !question.contains(asked), "{question}");
    assert!(harness.query_by_label("question 2 that came back").is_none());
    // It stays with the beat that the lesson opened with, and what is no answer is told.
    click(&mut harness, "Check this one");
    assert!(shows(&harness, "type a number first"));
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    assert!(harness.query_by_label(name).is_none());
    press(&mut harness, NONE, Key::PageUp);
    press(&mut harness, NONE, Key::PageUp);
    let field = "answer to question 1 that came back";
    let give = |harness: &mut Harness<'_, App>, text: &str| {
        harness.get_by_label(field).focus();
        harness.run_steps(2);
        type_text(harness, text);
        click(harness, "Check this one");
    };
    give(&mut harness, "1");
    let verdict = "verdict on question 1 that came back";
    assert!(value(&harness, verdict).starts_with("Not quite. The answer is "), "{}", value(&harness, verdict));
    harness.run_steps(200);
    drop(harness);
    // Wrong again: it comes back, with still other numbers, and is answered by its formula.
    let mut harness = kept(6, 1, Some(folder.path()));
    let again = value(&harness, name);
    let [from, to] = numbers(&again)[..] else { panic!("{again}") };
    give(&mut harness, &format!("e^({from} - {to})"));
    assert!(value(&harness, verdict).starts_with("Right: "), "{again}: {}", value(&harness, verdict));
    harness.run_steps(200);
    drop(harness);
    assert!(kept(7, 1, Some(folder.path())).query_by_label(name).is_none(), "it is answered");
}

#[test]
fn what_comes_back_can_be_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = kept(4, 1, Some(folder.path()));
    answer(&mut harness, "5.9");
    harness.run_steps(200);
    drop(harness);
    let name = "question 1 that came back";
    let mut harness = kept(2, 1, Some(folder.path()));
    command(&mut harness, "Chinese (中文)");
    assert!(value(&harness, "再问的第 1 题").contains("m 从"), "{}", value(&harness, "再问的第 1 题"));
    command(&mut harness, "English");
    click(&mut harness, "Not now");
    assert!(harness.query_by_label(name).is_none());
    harness.run_steps(200);
    drop(harness);
    assert!(kept(3, 1, Some(folder.path())).query_by_label(name).is_some(), "it was not answered");
}

fn value_of_places(harness: &Harness<'_, App>) -> Vec<String> {
    let places = harness.query_all_by_label_contains("place ");
    places.filter_map(|node| node.accesskit_node().label()).collect()
}

#[test]
fn a_lesson_is_done_by_right_answers_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = kept(3, 1, Some(folder.path()));
    while harness.state().lesson().is_some_and(|lesson| lesson.index() == Some(2) && !lesson.is_at_end()) {
        // Whatever is asked is answered wrong, or not at all.
        press(&mut harness, NONE, Key::PageDown);
        settle(&mut harness);
    }
    assert_eq!(harness.state().lesson().map(OpenLesson::tally), Some((0, 4)));
    press(&mut harness, Modifiers::COMMAND, Key::W);
    assert!(shows(&harness, "3. Two pieces") && !shows(&harness, "\u{221a} 3. Two pieces"));

    let mut harness = kept(3, 1, Some(folder.path()));
    answer(&mut harness, "9/8");
    press(&mut harness, NONE, Key::PageDown);
    answer(&mut harness, "27.5");
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    for card in ["exp (", "m_old", "−", "m_new", ")"] {
        click(&mut harness, &format!("card: {card}"));
    }
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(value(&harness, "grade"), "It runs, and every number is right.");
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    click(&mut harness, "+ Block keys bc");
    assert_eq!(harness.state().lesson().map(OpenLesson::tally), Some((4, 4)));
    press(&mut harness, Modifiers::COMMAND, Key::W);
    assert!(shows(&harness, "\u{221a} 3. Two pieces"));
}

#[test]
fn the_last_beat_leads_on() {
    let beats = |lesson: usize| LESSONS[lesson - 1].lesson(Language::English).expect("it parses").beats.len();
    let mut harness = at(7, beats(7));
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert_eq!(harness.state().lesson().and_then(OpenLesson::index), Some(7), "the next lesson");
    let mut harness = at(LESSONS.len(), beats(LESSONS.len()));
    click(&mut harness, "Done");
    assert!(harness.state().lesson().is_none());
    assert!(shows(&harness, "8. Padding, and rows that see nothing"), "the list");
}

#[test]
fn where_a_build_goes_wrong_is_a_click_away() {
    let mut harness = at(4, 4);
    click(&mut harness, "card: l_old + sum");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(value(&harness, "grade").contains("after key block 1, l of row 4"), "{}", value(&harness, "grade"));
    click(&mut harness, "Look there");
    harness.get_by_label_contains("Row 4 ");
    assert!(value(&harness, "l of the row").ends_with("1.633"), "{}", value(&harness, "l of the row"));
}

#[test]
fn one_card_stands_in_two_holes() {
    let mut harness = at(8, 6);
    for card in ["−∞", "the new maximum as it is", "0 where the new maximum is −∞"] {
        click(&mut harness, &format!("card: {card}"));
    }
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(value(&harness, "grade"), "It runs, and every number is right.");
    // The same card in both.
    let mut harness = at(8, 6);
    for card in ["−∞", "0 where the new maximum is −∞", "0 where the new maximum is −∞"] {
        click(&mut harness, &format!("card: {card}"));
    }
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(value(&harness, "grade").contains("The first number that differs"));
    assert!(shows(&harness, "The 0 sticks"));
}

#[test]
fn an_answer_in_chinese_is_told_in_chinese() {
    let position = Position { beat: 1, is_revealed: false };
    let opened = AppOptions { lesson: Some((0, position)), language: Some(Language::Chinese), ..options() };
    let mut harness = open_with(&opened);
    let say = |english| word(Language::Chinese, english);
    harness.get_by_label(say("Your answer")).focus();
    harness.run_steps(2);
    type_text(&mut harness, "4.2");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(value(&harness, say("verdict")), say("Not quite. Think again: you have another try."));
    assert!(value(&harness, say("why")).contains("MiB"));
    press(&mut harness, NONE, Key::PageDown);
    settle(&mut harness);
    assert_eq!(value(&harness, say("verdict")), "不对。答案是 4.0 MiB。");
}

/// Steps until the window has looked at the file again.
fn look_again(harness: &mut Harness<'_, App>) {
    harness.run_steps(120);
    settle(harness);
}

fn save(path: &Path, text: &str, later: u64) {
    std::fs::write(path, text).expect("it is written");
    let file = std::fs::File::options().write(true).open(path).expect("it opens");
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(later);
    file.set_modified(time).expect("the time is set");
}

#[test]
fn a_lesson_of_ones_own_opens_and_is_shown_again_when_it_is_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.md");
    let text = include_str!("../../src/cli/lessons/lesson.md");
    save(&path, text, 0);
    // By drop, onto whatever is open.
    let mut harness = open_with(&options());
    drop_files(&mut harness, std::slice::from_ref(&path));
    assert_eq!(value(&harness, "beat"), "The first beat");
    assert!(shows(&harness, "flash2 moves 656 elements"));
    answer(&mut harness, "656");
    assert!(value(&harness, "why").contains("what flash2 moves"));
    look_again(&mut harness);
    // Saved: the same beat in other words, with what was done there.
    save(&path, &text.replace("One idea on one screen.", "Another idea on the same screen."), 2);
    look_again(&mut harness);
    assert!(shows(&harness, "Another idea on the same screen."));
    assert_eq!(harness.state().lesson().expect("it is open").work.tries, 1);
    // A fault is told with its place, and the last good text stays.
    save(&path, &text.replace("{moved():,}", "{moved(:,}"), 4);
    look_again(&mut harness);
    let notice = harness.state().document().notice().expect("a fault").to_string();
    assert!(notice.contains("mine.md:10:") && notice.contains("too early") || notice.contains("needed"), "{notice}");
    assert!(shows(&harness, "Another idea on the same screen."));
    save(&path, text, 6);
    look_again(&mut harness);
    assert!(harness.state().document().notice().is_none() && shows(&harness, "One idea on one screen."));
    // By its path, as the command line gives it, at a beat.
    let own = Some((path, Position { beat: 1, is_revealed: false }));
    let harness = open_with(&AppOptions { own_lesson: own, ..options() });
    assert_eq!(value(&harness, "beat"), "Something to change");
}

/// A choice of the run as a lesson opens it: what is refused is told and changes nothing, what is taken is found and kept.
#[test]
fn a_choice_that_is_typed_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mine.md");
    let text = "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\ninput: real\n```\n```change\n\
        open: alibi, keys\nfind: f\nuntil: row(13).p(13) > 0.9 and row(13).p(13) < 0.95\n\
        solution: alibi: 0.5\nfeedback: Found it.\n```\n";
    std::fs::write(&path, text).expect("it is written");
    let own = Some((path, Position::default()));
    let mut harness = open_with(&AppOptions { own_lesson: own, ..options() });
    settle(&mut harness);
    let slopes = |harness: &Harness<'_, App>| harness.state().document().wanted().run.alibi.clone();
    let typed = |harness: &mut Harness<'static, App>, text: &str| {
        harness.get_by_role_and_label(Role::TextInput, "Slopes of ALiBi").focus();
        harness.run_steps(2);
        press(harness, Modifiers::COMMAND, Key::A);
        type_text(harness, text);
    };
    typed(&mut harness, "half");
    assert!(shows(&harness, "it is none, standard"), "{:?}", all_text(&harness));
    press(&mut harness, NONE, Key::Tab);
    settle(&mut harness);
    assert_eq!(slopes(&harness), None);
    assert!(harness.query_by_label("change").is_none());
    typed(&mut harness, "0.5");
    press(&mut harness, NONE, Key::Tab);
    settle(&mut harness);
    assert_eq!(slopes(&harness), "0.5".parse().ok());
    assert!(harness.query_by_label("change").is_some(), "it is found");
    // S is made of Q alone now: another number is on the stage, and it is found no more.
    click(&mut harness, "Q in place of K");
    settle(&mut harness);
    assert!(harness.query_by_label("change").is_none(), "it ended");
    click(&mut harness, "as in the input");
    settle(&mut harness);
    assert!(harness.query_by_label("change").is_some());
}

/// A running order goes through beats of several lessons, and the notes say how much time is left for each part.
#[test]
fn a_running_order_is_presented_with_its_time() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.md"), include_str!("../../src/cli/lessons/lesson.md"))
        .expect("it is written");
    let path = folder.path().join("plan.md");
    let plan = "---\ntitle: Two parts\n---\n\n- mine.md:2: 3 min, Wait for hands.\n- 5.2: 4 min\n";
    std::fs::write(&path, plan).expect("it is written");
    let own_lesson = Some((path, Position::default()));
    let mut harness = open_with(&AppOptions { own_lesson, is_presenting: true, ..options() });
    press(&mut harness, NONE, Key::N);
    settle(&mut harness);
    assert!(shows(&harness, "Something to change") && shows(&harness, "Wait for hands."), "{:?}", all_text(&harness));
    let left = |harness: &Harness<'_, App>, what: &str| {
        let text = value(harness, what);
        let (minutes, seconds) = text.strip_suffix(" left").expect("not over").split_once(':').expect("a clock");
        minutes.parse::<u32>().expect("minutes") * 60 + seconds.parse::<u32>().expect("seconds")
    };
    // Some of the time has gone by, as the clock of the test does.
    assert!((120..=180).contains(&left(&harness, "This part")) && (360..=420).contains(&left(&harness, "In all")));
    let title = |harness: &Harness<'_, App>| harness.state().lesson().expect("it is open").position;
    while title(&harness).beat == 0 {
        press(&mut harness, NONE, Key::PageDown);
        settle(&mut harness);
    }
    assert!(!shows(&harness, "Wait for hands."));
    assert!((360..=420).contains(&left(&harness, "This part")), "it ends with the talk");
    let fifth = LESSONS[4].lesson(Language::English).expect("it parses");
    let beat = harness.state().lesson().expect("it is open").beat().title.clone();
    assert_eq!(beat, fifth.beats[1].title);
}
