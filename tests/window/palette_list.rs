//! The list of the palette is as high as what is found, whatever was found before; and titles tell inputs apart.

use std::collections::BTreeSet;

use crate::painted::all_painted;
use crate::stage_support::{open, open_as, options, press, type_text};
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::attention::input::bundled;
use tilescope::playback::lesson::Language;

const NONE: Modifiers = Modifiers::NONE;

fn texts(harness: &Harness<'_, App>) -> Vec<String> {
    all_painted(harness).into_iter().map(|painted| painted.text).collect()
}

/// What is painted once `searches` were typed into the open palette one after the other.
fn after(searches: &[&str]) -> Vec<String> {
    let mut harness = open(None);
    press(&mut harness, Modifiers::COMMAND, Key::P);
    for (n, text) in searches.iter().enumerate() {
        if n > 0 {
            press(&mut harness, Modifiers::COMMAND, Key::A);
            harness.event(Event::Key {
                key: Key::Backspace,
                physical_key: None,
                pressed: true,
                repeat: false,
                modifiers: NONE,
            });
            harness.run_steps(4);
        }
        type_text(&mut harness, text);
        harness.run_steps(8);
    }
    texts(&harness)
}

/// A short list before does not make the next one short, nor a long one it high.
#[test]
fn the_list_is_as_high_as_what_is_found() {
    let known = after(&["theme"]);
    for before in ["All commands", "xyzzyq", "e", "csv"] {
        assert_eq!(after(&[before, "theme"]), known, "after {before}");
    }
    let (many, few) = (after(&["s"]), after(&["All commands"]));
    assert!(many.len() > few.len() + 8, "{} and {}", many.len(), few.len());
    assert_eq!(after(&["All commands", "s"]), many);
}

/// No two inputs that come with the program have one title, in either language.
#[test]
fn titles_tell_inputs_apart() {
    for language in [Language::English, Language::Chinese] {
        let mut titles = BTreeSet::new();
        for capture in &bundled::CAPTURES {
            let input = capture.input();
            let options = AppOptions { language: Some(language), ..options() };
            let harness = open_as(Some(input), &options, Vec2::new(1280.0, 800.0), 1.0);
            let head = match language {
                Language::English => "Input: ",
                Language::Chinese => "\u{8f93}\u{5165}\u{ff1a}",
            };
            let title = texts(&harness).into_iter().find(|text| text.starts_with(head)).expect("a title");
            assert!(titles.insert(title.clone()), "{title} twice");
        }
        assert_eq!(titles.len(), bundled::CAPTURES.len());
    }
    let harness = open(Some(bundled::CAPTURES[4].input()));
    assert!(harness.query_all_by_label_contains("Chinese text").count() > 0);
}
