//! What leaves the window by the clipboard, and what comes in by a drop: numbers of the tile against the oracle, and files that
//! are not one input.

use std::collections::BTreeMap;
use std::fs;

use crate::stage_support::{
    command, drop_files, open_as, open_with, options, press, seek, settle, type_text, value, word,
};
use eframe::egui::{Event, Key, Modifiers, OutputCommand, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::input::random;
use tilescope::attention::{Precision, oracle};
use tilescope::playback::lesson::Language;
use tilescope::schedule::spec::RunSpec;

const NONE: Modifiers = Modifiers::NONE;

/// What a command puts on the clipboard; none where it copies nothing.
pub fn copied(harness: &mut Harness<'_, App>, name: &str) -> Option<String> {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, name);
    let mut found = None;
    // One event to a frame, so that no frame's output is lost.
    for pressed in [true, false] {
        let modifiers = Modifiers::NONE;
        harness.event(Event::Key { key: Key::Enter, physical_key: None, pressed, repeat: false, modifiers });
        harness.step();
        found = found.or(harness.output().platform_output.commands.iter().find_map(|command| match command {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        }));
    }
    settle(harness);
    assert_eq!(harness.state().last_command(), name);
    found
}

/// Numbers by tensor, query, and key or column.
type Numbers = BTreeMap<(String, usize, Option<usize>), f64>;

fn read_csv(text: &str) -> Numbers {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("tensor,query,key_or_column,value"));
    let read = |line: &str| {
        let [name, query, key, value] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let key = Some(key).filter(|key| !key.is_empty()).map(|key| key.parse().expect("a column"));
        ((name.to_owned(), query.parse().expect("a row"), key), value.parse().expect("a number"))
    };
    let numbers: Numbers = lines.clone().map(read).collect();
    assert_eq!(numbers.len(), lines.count(), "each place once");
    numbers
}

/// The same numbers, in their order, without their places.
fn read_numpy(text: &str) -> BTreeMap<String, Vec<f64>> {
    let text = text.strip_prefix("import numpy as np\n").expect("it is a script");
    let number = |word: &str| match word.trim_matches(['[', ']', '(', ')', ' ', '\n']) {
        "np.nan" => Some(f64::NAN),
        "np.inf" => Some(f64::INFINITY),
        "-np.inf" => Some(f64::NEG_INFINITY),
        word => word.parse().ok(),
    };
    let arrays = text.split_inclusive(")\n").map(|array| array.split_once(" = np.array(").expect("an array"));
    arrays.map(|(name, values)| (name.to_owned(), values.split(',').filter_map(number).collect())).collect()
}

/// At every step of ragged blocks: scores are those of the oracle, weights those of the maximum beside them, and both texts
/// have the same numbers.
#[test]
fn the_numbers_of_the_tile_are_copied_as_they_are() {
    let input = random::read("random:7,5,3", 2).expect("an input");
    let head = input.problem.head::<f64>(0, 0, Precision::F64);
    let run = RunSpec { br: Some(4), bc: Some(3), precision: Some(Precision::F64), ..RunSpec::default() };
    let place = Link { run, ..Link::default() };
    let mut harness = open_as(Some(input), &AppOptions { place, ..options() }, Vec2::new(1280.0, 800.0), 1.0);
    let len = harness.state().document().scene().expect("it runs").schedule().len();
    let (mut scores, mut weights) = (0, 0);
    for at in 0..=len {
        seek(&mut harness, at);
        let csv = copied(&mut harness, "Copy the tile as CSV").expect("a table");
        let numbers = read_csv(&csv);
        for ((name, query, key), value) in &numbers {
            let row = oracle::row(&head, *query);
            let max = || numbers[&("m".to_owned(), *query, None)];
            let is_close = |expected: f64| (value - expected).abs() <= 1e-12 * expected.abs().max(1.0);
            match (name.as_str(), key) {
                ("S", Some(key)) => {
                    assert!(is_close(row.s[*key]), "step {at}: S of {query}, {key} is {value}, not {}", row.s[*key]);
                    scores += 1;
                }
                ("P", Some(key)) => {
                    assert!(is_close((row.s[*key] - max()).exp()), "step {at}: P of {query}, {key} is {value}");
                    weights += 1;
                }
                ("m", None) => {
                    let until = |end| oracle::row_until(&head, *query, end).m;
                    let known = [f64::NEG_INFINITY, until(3), until(5)];
                    assert!(known.iter().any(|known| value == known || is_close(*known)), "step {at}: m is {value}");
                }
                ("O", Some(column)) => assert!(*column < 3 && value.is_finite(), "step {at}: {value}"),
                _ => assert!(key.is_none(), "step {at}: {name}"),
            }
        }
        let arrays = read_numpy(&copied(&mut harness, "Copy the tile for NumPy").expect("a script"));
        for (name, values) in &arrays {
            let same: Vec<f64> = numbers.iter().filter(|((of, ..), _)| of == name).map(|(_, value)| *value).collect();
            assert_eq!(values, &same, "step {at}: {name}");
        }
        let total: usize = arrays.values().map(Vec::len).sum();
        assert_eq!(total, numbers.len(), "step {at}");
    }
    // Two blocks of rows, each over all five keys.
    assert!(scores >= 7 * 5 && weights >= 7 * 5, "{scores} scores and {weights} weights");
}

/// A link is the command line that is on screen: it names the input and each choice in the option's words.
#[test]
fn a_link_is_a_command_line() {
    let input = random::read("random:7,5,3", 2).expect("an input");
    let mut harness = open_as(Some(input), &options(), Vec2::new(1280.0, 1200.0), 1.0);
    command(&mut harness, "Algorithm: flash1");
    crate::stage_support::click(&mut harness, "Sliding window");
    seek(&mut harness, 5);
    // An input that was handed over has no place that a link could name.
    assert_eq!(copied(&mut harness, "Copy a link to this step"), None);
    let mut harness = open_with(&AppOptions { place: Link::of_input("random:7,5,3"), ..options() });
    command(&mut harness, "Algorithm: flash1");
    crate::stage_support::click(&mut harness, "Sliding window");
    seek(&mut harness, 5);
    let link = copied(&mut harness, "Copy a link to this step").expect("a link");
    assert_eq!(link.lines().count(), 1);
    let words: Vec<&str> = link.split(' ').collect();
    assert_eq!(words[..2], ["tilescope", "random:7,5,3"]);
    for (option, text) in
        [("--algorithm", "flash1"), ("--window", "4,4"), ("--at", "5"), ("--br", "4"), ("--view", "middle")]
    {
        let at = words.iter().position(|word| *word == option).unwrap_or_else(|| panic!("no {option}: {link}"));
        assert_eq!(words[at + 1], text, "{link}");
    }
    assert_eq!(
        value(&harness, "what was done"),
        "The link is on the clipboard: a command line that reopens this step."
    );
}

/// Files that are not one input: none is taken and the others dropped in silence.
#[test]
fn several_files_are_one_input_or_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it is written");
        path
    };
    let flash2 = include_str!("../../src/schedule/algorithms/flash2.tile");
    let (a, b) = (file("a.tile", flash2), file("b.tile", flash2));
    let lesson = file(
        "mine.md",
        "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\n```scene\ninput: random:12,12,4\n```\nWords.\n",
    );
    let capture = std::path::PathBuf::from("assets/captures/minilm-batch-layer00.safetensors");
    for language in [Language::English, Language::Chinese] {
        let place = Link::of_scene("toy");
        let mut harness = open_with(&AppOptions { place, language: Some(language), ..options() });
        let before = harness.state().place();
        for paths in [
            vec![a.clone(), b.clone()],
            vec![lesson.clone(), a.clone()],
            vec![capture.clone(), lesson.clone()],
            vec![lesson.clone(), lesson.clone()],
        ] {
            drop_files(&mut harness, &paths);
            let expected = word(language, "one lesson or one text is opened at a time; give one file at a time");
            assert_eq!(value(&harness, word(language, "message")), expected, "{paths:?}");
            assert_eq!(harness.state().place(), before);
            assert!(harness.state().lesson().is_none());
            press(&mut harness, NONE, Key::Escape);
        }
        // A text and what it runs on are two things that go together.
        drop_files(&mut harness, &[a.clone(), capture.clone()]);
        assert!(harness.query_by_label(word(language, "message")).is_none());
        let document = harness.state().document();
        assert_eq!(document.source().name, "minilm-batch-layer00.safetensors");
        assert_eq!(document.wanted().algorithm.short_name(), "a.tile");
        drop_files(&mut harness, std::slice::from_ref(&lesson));
        assert!(harness.state().lesson().is_some());
    }
}
