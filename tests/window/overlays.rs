//! What lies over the window: the palette, the sheet of keys, what is asked to be opened, and in which order Escape takes them.

use crate::stage_support::{
    all_text, click, command, drop_files, grouped, open, open_as, open_with, options, press, settle, type_text, value,
    word,
};
use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, COMMANDS, Entry, Theme};
use tilescope::attention::input::{preset, random};
use tilescope::playback::lesson::Language;

const NONE: Modifiers = Modifiers::NONE;

fn palette(harness: &mut Harness<'_, App>, text: &str) {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, text);
}

/// The keys of an entry, written apart from the application's own.
fn keys(entry: &Entry) -> String {
    let one = |(modifiers, key): &(Modifiers, Key)| {
        let held = [(modifiers.command, "Ctrl+"), (modifiers.alt, "Alt+"), (modifiers.shift, "Shift+")];
        let held: String = held.into_iter().filter(|(is_held, _)| *is_held).map(|(_, text)| text).collect();
        let key = match key {
            Key::ArrowUp => "Up",
            Key::ArrowDown => "Down",
            Key::ArrowLeft => "Left",
            Key::ArrowRight => "Right",
            Key::Escape => "Esc",
            Key::OpenBracket => "[",
            Key::CloseBracket => "]",
            Key::Questionmark => "?",
            Key::Period => ".",
            Key::Comma => ",",
            Key::Plus => "+",
            Key::Minus => "-",
            Key::Equals => "=",
            key => key.name(),
        };
        format!("{held}{key}")
    };
    entry.keys.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Each key of the table is on the sheet, in both languages, in a window of two columns and of one; nothing else is.
#[test]
fn the_sheet_of_keys_is_the_table() {
    for (language, width) in [(Language::English, 1280.0), (Language::English, 600.0), (Language::Chinese, 1280.0)] {
        let opened = AppOptions { language: Some(language), ..options() };
        let mut harness = open_as(Some(preset::toy()), &opened, Vec2::new(width, 800.0), 1.0);
        press(&mut harness, NONE, Key::F1);
        let with_keys: Vec<&Entry> = COMMANDS.iter().filter(|entry| !entry.keys.is_empty()).collect();
        for entry in &with_keys {
            let name = word(language, "{0}: key").replace("{0}", word(language, entry.name));
            let shown = value(&harness, &name);
            assert!(language == Language::Chinese || shown == keys(entry), "{name} is {shown}");
            assert!(!shown.is_empty(), "{name}");
        }
        let suffix = word(language, "{0}: key").replace("{0}", "");
        let is_line = |line: &&String| line.contains(&format!("{suffix}\")"));
        assert_eq!(all_text(&harness).iter().filter(is_line).count(), with_keys.len());
        // It does not move under the pointer.
        let close = |harness: &Harness<'_, App>| harness.get_by_label(word(language, "Close")).rect();
        let place = close(&harness);
        harness.event(Event::PointerMoved(place.center()));
        harness.run_steps(5);
        assert_eq!(close(&harness), place, "{language:?} at {width}");
        click(&mut harness, word(language, "Close"));
        assert_eq!(all_text(&harness).iter().filter(is_line).count(), 0, "{language:?} at {width}");
    }
}

#[test]
fn the_palette_is_walked_by_arrows() {
    let mut harness = open(Some(preset::toy()));
    let picked = |harness: &mut Harness<'_, App>, moves: &[Key]| {
        palette(harness, "algorithm: flash");
        for key in moves {
            press(harness, NONE, *key);
        }
        press(harness, NONE, Key::Enter);
        assert!(harness.query_by_label("Type a command").is_none(), "it is closed");
        harness.state().document().wanted().algorithm.name().to_owned()
    };
    let first = picked(&mut harness, &[]);
    let second = picked(&mut harness, &[Key::ArrowDown]);
    assert_ne!(first, second);
    assert_eq!(picked(&mut harness, &[Key::ArrowUp]), first, "there is nothing above the first");
    assert_eq!(picked(&mut harness, &[Key::ArrowDown, Key::ArrowDown, Key::ArrowUp]), second);
    // Below the last there is nothing either.
    let last = picked(&mut harness, &[Key::ArrowDown; 30]);
    assert_eq!(picked(&mut harness, &[Key::ArrowDown; 31]), last);
    // Another letter begins at the first again.
    palette(&mut harness, "algorithm");
    press(&mut harness, NONE, Key::ArrowDown);
    type_text(&mut harness, ": standard");
    press(&mut harness, NONE, Key::Enter);
    assert_eq!(harness.state().document().wanted().algorithm.name(), "standard");
}

#[test]
fn the_palette_is_clicked_and_left() {
    let mut harness = open(Some(preset::toy()));
    palette(&mut harness, "projector col");
    click(&mut harness, "Projector colours");
    assert_eq!(Theme::of(&harness.ctx), Theme::Projector);
    // A command shows its keys beside it.
    palette(&mut harness, "redo");
    assert_eq!(value(&harness, "Redo"), "Ctrl+Shift+Z, Ctrl+Y");
    let before = harness.state().last_command().to_owned();
    press(&mut harness, NONE, Key::Escape);
    assert_eq!(harness.state().last_command(), before, "nothing was picked");
    // What was typed is forgotten.
    press(&mut harness, Modifiers::COMMAND, Key::P);
    assert!(harness.query_by_label("Redo").is_some() && harness.query_by_label("Play or pause").is_some());
    press(&mut harness, Modifiers::COMMAND, Key::P);
    assert!(harness.query_by_label("Redo").is_none(), "its key closes it");
    palette(&mut harness, "zzzq");
    assert_eq!(value(&harness, "found"), "Nothing is called \"zzzq\". Try another word: mask, step, lesson, csv.");
    press(&mut harness, NONE, Key::Enter);
    assert!(harness.query_by_label("found").is_some(), "there is nothing to pick");
}

/// While something lies over the window, only its own keys and those that open such things count.
#[test]
fn keys_of_the_window_rest_under_what_lies_over_it() {
    for (modifiers, key) in [(NONE, Key::F1), (Modifiers::COMMAND, Key::O), (Modifiers::COMMAND, Key::P)] {
        let mut harness = open(Some(preset::toy()));
        let (before, theme) = (harness.state().place(), Theme::of(&harness.ctx));
        press(&mut harness, modifiers, key);
        for (modifiers, key) in
            [(NONE, Key::PageDown), (Modifiers::ALT, Key::ArrowRight), (NONE, Key::F5), (Modifiers::ALT, Key::T)]
        {
            press(&mut harness, modifiers, key);
        }
        assert_eq!(harness.state().place(), before, "{key:?}");
        assert_eq!(Theme::of(&harness.ctx), theme);
        // Another one takes its place.
        press(&mut harness, NONE, Key::F1);
        let has_sheet = harness.query_by_label("Undo: key").is_some();
        assert_eq!(has_sheet, key != Key::F1, "{key:?}");
    }
}

/// Escape takes one thing at a time: what lies over everything, the panels from the latest, the message, and what was
/// understood of the file.
#[test]
fn escape_takes_one_thing_at_a_time() {
    let mut harness = open(None);
    drop_files(&mut harness, &["assets/captures/minilm-batch-layer00.safetensors".into()]);
    command(&mut harness, "Breakpoints");
    command(&mut harness, "Block sizes");
    drop_files(&mut harness, &["gone.npz".into()]);
    press(&mut harness, NONE, Key::F1);
    const PARTS: [&str; 5] =
        ["Undo: key", "queries of the surface", "Stop after the step where", "message", "what was understood"];
    for gone in 0..=PARTS.len() {
        let there: Vec<bool> = PARTS.iter().map(|part| harness.query_all_by_label(part).next().is_some()).collect();
        let expected: Vec<bool> = (0..PARTS.len()).map(|part| part >= gone).collect();
        assert_eq!(there, expected, "after {gone} presses");
        press(&mut harness, NONE, Key::Escape);
    }
    // The buttons do the same, each for its own line.
    drop_files(&mut harness, &["assets/captures/minilm-batch-layer04.safetensors".into()]);
    drop_files(&mut harness, &["gone.npz".into()]);
    let close = |harness: &mut Harness<'_, App>, line: &str| {
        let place = harness.get_by_label(line).rect();
        let on_line =
            harness.get_all_by_label("Close").find(|button| place.y_range().contains(button.rect().center().y));
        on_line.expect("a button on the line").click();
        settle(harness);
    };
    close(&mut harness, "what was understood");
    assert!(harness.query_by_label("what was understood").is_none() && harness.query_by_label("message").is_some());
    close(&mut harness, "message");
    assert!(harness.query_by_label("message").is_none());
}

/// Types a number into a field of the random input, and leaves it by a key.
fn random_number(harness: &mut Harness<'_, App>, name: &str, number: u64, leave: Key) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    type_text(harness, &number.to_string());
    press(harness, NONE, leave);
}

/// A random input is of the sizes that were typed: one token, primes, and groups of heads that do not fit are made to.
#[test]
fn a_random_input_has_the_sizes_that_were_typed() {
    for (sizes, seed, spec) in [
        ([1, 1, 1, 1, 1], 0, "random:1,1,1"),
        ([7, 31, 3, 6, 2], 4_294_967_311, "random:7,31,3,6,2"),
        // Each key/value head has as many query heads: of 5 two do not.
        ([5, 5, 2, 5, 2], 9, "random:5,5,2,5,1"),
        ([3, 2, 4, 6, 4], 1, "random:3,2,4,6,3"),
    ] {
        let mut harness = open(Some(preset::row()));
        press(&mut harness, Modifiers::COMMAND, Key::O);
        let names = ["queries", "keys", "d", "heads", "key/value heads"];
        for (name, size) in names.into_iter().zip(sizes) {
            random_number(&mut harness, &format!("{name} of a random input"), size, Key::Tab);
        }
        // Enter in a field opens it.
        random_number(&mut harness, "seed of a random input", seed, Key::Enter);
        let source = harness.state().document().source();
        let expected = random::read(spec, seed).expect("an input");
        assert_eq!((source.name.as_str(), source.problem.shape), (spec, expected.problem.shape));
        assert!(source.problem.q == expected.problem.q && source.problem.v == expected.problem.v, "{spec}");
        assert!(harness.query_by_label("Open the random input").is_none(), "it is closed");
        // What it costs is what the formula says.
        command(&mut harness, "Counts");
        let scene = harness.state().document().scene().expect("it runs").clone();
        let total = scene.settings.algorithm.closed_form(scene.plan()).hbm_bytes();
        press(&mut harness, NONE, Key::End);
        assert_eq!(value(&harness, "HBM bytes"), format!("{0} of {0}", grouped(total)), "{spec}");
    }
}

/// What cannot be opened is told in one line that names it; the picture, the last files and the next try are as before.
#[test]
fn a_path_that_leads_nowhere_is_told_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("it is written");
        path.to_str().expect("a name").to_owned()
    };
    let cases = [
        (file("empty.npz", b""), "empty.npz"),
        (file("text.safetensors", b"hello"), "text.safetensors"),
        (file("notes.txt", b"hello"), "notes.txt"),
        (file("half.npy", b"\x93NUMPY\x01"), "half.npy"),
        (file("list.json", b"[1, 2]"), "list.json"),
        (file("bad.tile", b"language 1\nnothing"), "bad.tile"),
        (folder.path().join("gone.npz").display().to_string(), "gone.npz"),
        (format!("\"{}\"", folder.path().join("quoted gone.npz").display()), "quoted gone.npz"),
        ("random:0,4,4".into(), "n_q is 0"),
        ("random:many".into(), "random:N_Q,N_K,D"),
        ("~/tilescope has no such file.npz".into(), "tilescope has no such file.npz"),
    ];
    let kept = tempfile::tempdir().expect("a folder");
    let mut harness = open_with(&AppOptions {
        folder: Some(kept.path().to_owned()),
        place: tilescope::app::Link::of_scene("toy"),
        ..options()
    });
    let before = all_text(&harness);
    for (path, named) in &cases {
        press(&mut harness, Modifiers::COMMAND, Key::O);
        press(&mut harness, Modifiers::COMMAND, Key::A);
        type_text(&mut harness, path);
        press(&mut harness, NONE, Key::Enter);
        let told = value(&harness, "message");
        assert!(told.contains(named) && !told.contains('\n') && !told.contains(".npz\""), "{path}: {told}");
        let has_home = std::env::var_os("HOME").is_some();
        assert!(!(has_home && told.contains('~')), "the home folder has a name: {told}");
        press(&mut harness, NONE, Key::Escape);
        assert_eq!(all_text(&harness), before, "{path}");
    }
    press(&mut harness, Modifiers::COMMAND, Key::O);
    assert!(harness.query_by_label("Opened before").is_none());
    // Nothing that is typed is no path.
    for nothing in ["", "   "] {
        press(&mut harness, Modifiers::COMMAND, Key::A);
        harness.key_press(Key::Delete);
        type_text(&mut harness, nothing);
        click(&mut harness, "Open");
        assert!(harness.query_by_label("message").is_none() && harness.query_by_label("Open").is_some());
    }
}

/// Each control that can be used has a name: by what it is, or by what stands beside it.
#[test]
fn every_control_has_a_name() {
    for language in [Language::English, Language::Chinese] {
        let lesson = Some((3, tilescope::playback::lesson::Position::default()));
        let opened = AppOptions { language: Some(language), ..options() };
        let with_lesson = AppOptions { lesson, ..opened.clone() };
        for (options, presses) in [
            (
                &opened,
                &[(NONE, Key::Num1), (NONE, Key::Num2), (NONE, Key::Num3), (NONE, Key::Num0), (NONE, Key::Num4)][..],
            ),
            (&opened, &[(Modifiers::ALT, Key::Num2), (Modifiers::ALT, Key::Num3), (Modifiers::COMMAND, Key::O)][..]),
            (&opened, &[(NONE, Key::F1), (Modifiers::COMMAND, Key::P), (Modifiers::ALT, Key::E)][..]),
            (&with_lesson, &[(NONE, Key::PageDown), (NONE, Key::PageDown), (NONE, Key::F5)][..]),
        ] {
            let mut harness = open_as(
                Some(random::read("random:9,9,4,4,2", 1).expect("an input")),
                options,
                Vec2::new(1280.0, 1600.0),
                1.0,
            );
            for section in ["Input", "Scores", "Precision", "Chip"] {
                let name = word(language, section);
                if harness.query_by_label(name).is_some() {
                    click(&mut harness, name);
                }
            }
            for (modifiers, key) in presses {
                press(&mut harness, *modifiers, *key);
                let mut nameless = Vec::new();
                look(&harness.root().accesskit_node(), &mut nameless);
                assert!(nameless.is_empty(), "{language:?} after {key:?}: {nameless:?}");
            }
        }
    }
}

/// Controls without a name.
fn look(node: &egui_kittest::kittest::AccessKitNode<'_>, nameless: &mut Vec<String>) {
    use Role::{Button, CheckBox, ComboBox, RadioButton, Slider, SpinButton, TextInput};
    let is_control = [Button, CheckBox, ComboBox, RadioButton, Slider, SpinButton, TextInput].contains(&node.role());
    let has_name = node.label().is_some_and(|label| !label.trim().is_empty())
        || node.labelled_by().any(|by| by.label().or(by.value()).is_some_and(|text| !text.trim().is_empty()))
        // A button of its own words.
        || (node.role() == Button && node.value().is_some_and(|text| !text.trim().is_empty()));
    if is_control && !has_name {
        nameless.push(format!("{:?} {:?}", node.role(), node.value()));
    }
    node.children().for_each(|child| look(&child, nameless));
}
