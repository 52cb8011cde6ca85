//! The frame of the window by keyboard: the table of commands, lessons, the first two minutes, languages, sessions.

use std::collections::BTreeSet;

use crate::stage_support::{
    all_text, click, command, open_with as open, options, press, settle, type_text, value, word,
};
use eframe::egui::{self, Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, CHINESE, COMMANDS, Link, OpenLesson, Theme};
use tilescope::attention::Precision;
use tilescope::attention::input::bundled;
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};
use tilescope::schedule::algorithm;

/// Those that write a file where the test runs.
fn writes(name: &str) -> bool {
    name.starts_with("Save ")
}

#[test]
fn every_command_is_reached_by_keyboard_alone() {
    let mut harness = open(&options());
    for entry in COMMANDS.iter().filter(|entry| !writes(entry.name)) {
        command(&mut harness, entry.name);
        press(&mut harness, Modifiers::NONE, Key::Escape);
        press(&mut harness, Modifiers::NONE, Key::Escape);
        command(&mut harness, "English");
    }
}

#[test]
fn undo_puts_settings_and_selection_back() {
    let mut harness = open(&options());
    let before = harness.state().document().wanted().clone();
    command(&mut harness, "Algorithm: flash1");
    assert_eq!(harness.state().document().wanted().algorithm.name(), "flash1");
    press(&mut harness, Modifiers::COMMAND, Key::Z);
    assert_eq!(*harness.state().document().wanted(), before);
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(harness.state().document().wanted().algorithm.name(), "flash1");
}

#[test]
fn every_lesson_is_done_by_keyboard_from_first_to_last() {
    for language in [Language::English, Language::Chinese] {
        (0..LESSONS.len()).for_each(|index| walk(language, index));
    }
}

/// Goes through a lesson with the keys alone, does what it asks, and is judged right.
fn walk(language: Language, index: usize) {
    let say = |english| word(language, english);
    let opened = AppOptions { lesson: Some((index, Position::default())), language: Some(language), ..options() };
    let mut harness = open(&opened);
    let mut seen = 0;
    loop {
        let lesson = harness.state().lesson().expect("a lesson is open");
        assert_eq!((lesson.index(), lesson.lesson.language), (Some(index), language));
        let shown = lesson.shown.clone().unwrap_or_else(|fault| panic!("{} {:?}: {fault}", index, lesson.position));
        let (position, is_last) = (lesson.position, lesson.is_at_end());
        assert_eq!(value(&harness, say("beat")), shown.title);
        assert!(harness.state().document().notice().is_none(), "{:?}", harness.state().document().notice());
        if shown.build.is_some() && !lesson.is_asking() {
            press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Enter);
            let expected = say("It runs, and every number is right.");
            assert_eq!(value(&harness, say("grade")), expected, "{index} {position:?}");
        }
        if harness.query_by_label(say("Show me a change that does it")).is_some() {
            harness.get_by_label(say("Show me a change that does it")).focus();
            press(&mut harness, Modifiers::NONE, Key::Space);
            assert_eq!(value(&harness, say("change")), say("Found."), "{index} {position:?}");
        }
        seen += 1;
        if is_last {
            break;
        }
        press(&mut harness, Modifiers::NONE, Key::PageDown);
        assert_ne!(harness.state().lesson().map(|lesson| lesson.position), Some(position));
    }
    assert!(seen >= 5, "lesson {index} has {seen} places");
}

#[test]
fn work_at_a_beat_stays_when_the_language_changes() {
    let mut harness = open(&AppOptions { lesson: Some((3, Position::default())), ..options() });
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    type_text(&mut harness, "0.17");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    command(&mut harness, "Chinese (中文)");
    assert!(value(&harness, "判定").starts_with("对：0.170"), "{}", value(&harness, "判定"));
    command(&mut harness, "English");
    assert!(value(&harness, "verdict").starts_with("Right: 0.170"));
}

#[test]
fn a_number_is_answered_and_judged() {
    let mut harness = open(&AppOptions { lesson: Some((3, Position::default())), ..options() });
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    type_text(&mut harness, "0.17");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(value(&harness, "verdict").starts_with("Right: 0.170"), "{}", value(&harness, "verdict"));
    let mut harness = open(&AppOptions { lesson: Some((3, Position::default())), ..options() });
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    type_text(&mut harness, "5.9");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert!(value(&harness, "verdict").starts_with("Not quite"));
}

/// What the row of the first two minutes goes through, from the oracle: the maximum after each block of four keys.
fn maxima() -> Vec<f64> {
    let problem = bundled::CAPTURES[0].input().prefix(16).expect("its prefix").problem;
    let head = problem.head::<f64>(0, 8, Precision::F64);
    let scores = (0..=13).map(|key| problem.scale * head.q.row(13).dot(&head.k.row(key)));
    let mut m = f64::NEG_INFINITY;
    let running = scores.map(|s| {
        m = m.max(s);
        m
    });
    let running: Vec<f64> = running.collect();
    running.chunks(4).map(|block| block[block.len() - 1]).collect()
}

#[test]
fn the_first_two_minutes() {
    let m = maxima();
    let mut harness = open(&AppOptions { tour: true, ..options() });
    click(&mut harness, "Look inside");
    assert!(value(&harness, "tour").contains("comma"));
    assert!(!harness.state().player().is_playing());
    harness.get_by_label("Watch the maximum rise").click();
    let mut frames = BTreeSet::new();
    for _ in 0..2000 {
        harness.step();
        if value(&harness, "tour").contains("Your turn") {
            break;
        }
        let frame = harness.query_by_label("frame of the needle").and_then(|node| node.value());
        frames.extend(frame.and_then(|text| text.chars().next()));
    }
    settle(&mut harness);
    // It opens on the second frame: the scores have arrived.
    assert_eq!(frames.into_iter().collect::<String>(), "23456");
    let asked = value(&harness, "tour");
    assert!(asked.contains(&format!("from {:.3} to {:.3}", m[1], m[2])), "{asked}");
    let alpha = (m[1] - m[2]).exp();
    let on_screen = all_text(&harness).join("\n");
    assert!(!on_screen.contains(&format!("{alpha:.4}")), "the answer is on screen already: {on_screen}");
    for (button, expected) in [
        ("Reveal", format!("= {alpha:.4}")),
        ("What if alpha is forgotten?", "Without alpha".into()),
        ("Zoom out", "The whole schedule".into()),
    ] {
        click(&mut harness, button);
        let shown = value(&harness, "tour");
        assert!(shown.contains(&expected), "after {button}: {shown}");
        if button.starts_with("What if") {
            let frame = value(&harness, "frame of the needle");
            assert!(frame.starts_with("6 of 6: The needle misses"), "{frame}");
        }
    }
    click(&mut harness, "What it saves");
    let plan = harness.state().document().scene().unwrap().plan().clone();
    // Standard attention: Q and K are read, S written and read, P written and read, V read, O written.
    let (n, d) = (1024_u64, 64);
    assert_eq!((plan.n_q, plan.n_k, plan.d, plan.d_v), (1024, 1024, 64, 64));
    let closed = algorithm::by_name("flash2").unwrap().closed_form(&plan).hbm_elements();
    for (name, elements) in [("standard", 4 * n * n + 4 * n * d), ("flash2", closed)] {
        assert_eq!(value(&harness, &format!("elements of {name}")).replace(',', ""), elements.to_string());
    }
    click(&mut harness, "Start lesson 1");
    assert_eq!(harness.state().lesson().and_then(OpenLesson::index), Some(0));
}

#[test]
fn a_session_is_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
    let mut harness = open(&kept);
    harness.get_by_label("Look inside");
    harness.get_by_label("Skip").click();
    settle(&mut harness);
    command(&mut harness, "Open toy: 16 random tokens, d = 4");
    settle(&mut harness);
    command(&mut harness, "Dark colours");
    press(&mut harness, Modifiers::NONE, Key::Home);
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    // The file is written every two seconds.
    harness.run_steps(200);
    drop(harness);
    let harness = open(&kept);
    assert_eq!(harness.state().player().cursor(), 10);
    assert_eq!(harness.state().document().origin(), &Link::of_scene("toy"));
    assert!(harness.query_by_label("Look inside").is_none());
    assert_eq!(harness.ctx.theme(), egui::Theme::Dark);
}

#[test]
fn no_character_lacks_its_glyph() {
    let harness = open(&options());
    let mut text: String = CHINESE.iter().flat_map(|(english, chinese)| [*english, *chinese]).collect();
    for entry in &LESSONS {
        text.push_str(entry.text(Language::English));
        text.push_str(entry.text(Language::Chinese));
    }
    let font = egui::FontId::proportional(14.0);
    let missing: BTreeSet<char> = text
        .chars()
        .filter(|c| !c.is_control())
        .filter(|c| !harness.ctx.fonts_mut(|fonts| fonts.has_glyph(&font, *c)))
        .collect();
    assert!(missing.is_empty(), "run scripts/make-font: {missing:?}");
}

#[test]
fn languages_switch_at_once_and_back() {
    let mut harness = open(&options());
    command(&mut harness, "Chinese (中文)");
    harness.get_by_label("更多");
    press(&mut harness, Modifiers::NONE, Key::Questionmark);
    press(&mut harness, Modifiers::NONE, Key::Escape);
    command(&mut harness, "English");
    harness.get_by_label("More");
}

#[test]
fn a_talk_has_one_line_and_a_remote() {
    let lesson = Some((3, Position::default()));
    let mut harness = open(&AppOptions { lesson, theme: Some(Theme::Projector), ..options() });
    press(&mut harness, Modifiers::SHIFT, Key::F5);
    assert_eq!(value(&harness, "projected line"), "A new score stands above the line.");
    assert!(harness.query_by_label("verdict").is_none());
    press(&mut harness, Modifiers::NONE, Key::N);
    assert!(!value(&harness, "next answer").contains("0.170"), "the class sees the notes, too");
    press(&mut harness, Modifiers::NONE, Key::PageDown);
    assert_eq!(value(&harness, "verdict"), "Answer: 0.170");
    press(&mut harness, Modifiers::NONE, Key::PageUp);
    assert!(harness.query_by_label("verdict").is_none());
    press(&mut harness, Modifiers::NONE, Key::B);
    assert!(harness.query_by_label("projected line").is_none(), "the screen is blank");
    press(&mut harness, Modifiers::NONE, Key::B);
    assert!(harness.query_by_label("projected line").is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("projected line").is_none());
}

#[test]
fn backspace_leads_back_to_the_beat_after_a_detour() {
    let lesson = Some((3, Position::default()));
    let mut harness = open(&AppOptions { lesson, ..options() });
    press(&mut harness, Modifiers::SHIFT, Key::F5);
    let place = |harness: &Harness<'_, App>| {
        let app = harness.state();
        (app.player().cursor(), app.document().wanted().clone(), value(harness, "projected line"))
    };
    let at_beat = place(&harness);
    press(&mut harness, Modifiers::NONE, Key::Home);
    command(&mut harness, "Open toy: 16 random tokens, d = 4");
    assert_ne!(place(&harness), at_beat);
    // What the beat says and asks is not of this input.
    assert_ne!(place(&harness).2, at_beat.2);
    assert!(harness.query_by_label("Check my answer").is_none());
    press(&mut harness, Modifiers::NONE, Key::Backspace);
    assert_eq!(place(&harness), at_beat);
}
