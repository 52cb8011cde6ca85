//! The top bar: what it calls the input, what its menus open; and the window as a whole: undo through many changes, and a window
//! that is made small and large again.

use crate::stage_support::{
    all_text, click, command, cursor, open, open_sized, open_with, options, press, settle, word,
};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, COMMANDS, Settings};
use tilescope::attention::input::preset::Preset;
use tilescope::attention::input::{Input, bundled, preset, random};
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// The menu of inputs, open.
fn input_menu(harness: &mut Harness<'_, App>) {
    harness.get_by_label_contains("Input: ").click();
    harness.run_steps(3);
}

#[test]
fn the_bar_names_the_input_and_counts_its_tokens() {
    let of = |spec: &str| random::read(spec, 0).expect("an input");
    let named = |name: &str| {
        let mut input = of("random:2,2,1");
        input.name = name.into();
        input
    };
    let captured = |model: &str, layer| {
        let mut input = of("random:3,3,1");
        (input.about.model, input.about.layer) = (Some(model.into()), layer);
        input
    };
    let long = "n".repeat(60);
    for (input, title) in [
        (of("random:1,1,1"), "random:1,1,1, 1 token".to_owned()),
        (of("random:7,7,1"), "random:7,7,1, 7 tokens".into()),
        (of("random:1,6,1"), "random:1,6,1, 1 query, 6 keys".into()),
        (of("random:5,1,2"), "random:5,1,2, 5 queries, 1 key".into()),
        (named(&long), format!("{}, 2 tokens", &long[..48])),
        (named("a\nb\u{202e}c.npz"), "a\\u{a}b\\u{202e}c.npz, 2 tokens".into()),
        (captured("M", Some(7)), "M, layer 7, 3 tokens".into()),
        // Half of it is no name.
        (captured("M", None), "random:3,3,1, 3 tokens".into()),
    ] {
        let harness = open(Some(input));
        harness.get_by_label(&format!("Input: {title}"));
    }
    // What is run is counted, and not what the file has.
    let mut harness = open_with(&options());
    let all = bundled::CAPTURES[0].input().problem.shape.n_q;
    harness.get_by_label_contains(", 16 tokens");
    command(&mut harness, "First tokens");
    (0..3).for_each(|_| press(&mut harness, NONE, Key::ArrowRight));
    assert!(all > 19 && harness.query_by_label_contains(", 19 tokens").is_some());
}

/// Each entry of the menu opens the input that it names.
#[test]
fn the_menu_of_inputs_opens_what_it_names() {
    let mut entries: Vec<(String, Input)> =
        bundled::CAPTURES.iter().map(|capture| (capture.title.to_owned(), capture.input())).collect();
    entries.push(("row: one query, six keys".into(), preset::row()));
    entries.push(("toy: 16 random tokens, d = 4".into(), preset::toy()));
    let mut harness = open(Some(random::read("random:3,3,1", 0).expect("an input")));
    for (title, input) in entries {
        input_menu(&mut harness);
        click(&mut harness, &title);
        let source = harness.state().document().source();
        assert_eq!(source.name, input.name, "{title}");
        assert!(source.problem.q == input.problem.q && source.problem.k == input.problem.k, "{title}");
        assert!(harness.query_by_label("Files and random tensors ...").is_none(), "the menu is closed");
    }
    for (preset, title) in [
        (Preset::RisingMax, "rising max"),
        (Preset::FallingMax, "falling max"),
        (Preset::Outlier, "outlier"),
        (Preset::EqualScores, "equal scores"),
        (Preset::LargeScores, "large scores"),
        (Preset::DeadRows, "dead rows"),
        (Preset::Padding, "padding"),
    ] {
        input_menu(&mut harness);
        click(&mut harness, title);
        assert_eq!(Preset::parse(&harness.state().document().source().name), Some(preset), "{title}");
        harness.get_by_label_contains(&format!("Input: {title}, 16 "));
    }
    input_menu(&mut harness);
    click(&mut harness, "Files and random tensors ...");
    harness.get_by_label("Path of a file");
}

/// Every command stands in the menu, under its group.
#[test]
fn the_menu_has_every_command() {
    for language in [Language::English, Language::Chinese] {
        let say = |english: &'static str| word(language, english);
        let mut groups: Vec<&str> = COMMANDS.iter().map(|entry| entry.group).collect();
        groups.dedup();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let mut harness = open_with(&AppOptions { language: Some(language), ..options() });
            harness.get_by_label(say("More")).click();
            harness.run_steps(4);
            // Other things of the window may be called as a group is: that of the menu is below its button.
            let button = harness.get_by_label(say("More")).rect();
            let of_menu = harness.get_all_by_label(say(group)).filter(|node| node.rect().top() >= button.bottom());
            let beside = |node: &egui_kittest::Node<'_>| (node.rect().center().x - button.center().x).abs();
            of_menu.min_by(|a, b| beside(a).total_cmp(&beside(b))).expect("a group").click();
            harness.run_steps(4);
            for entry in COMMANDS.iter().filter(|entry| entry.group == group) {
                let is_there = harness.query_all_by_label_contains(say(entry.name)).next().is_some();
                assert!(is_there, "{} of {group}", entry.name);
            }
        }
    }
}

/// What can be seen of the choices: what undo gives back.
fn moment(harness: &Harness<'_, App>) -> (Settings, Option<usize>) {
    let place = harness.state().place().expect("a place");
    (harness.state().document().wanted().clone(), place.row)
}

/// Whatever was changed, in whatever order: each moment comes back, and again the other way; the cursor is no part of it.
#[test]
fn every_moment_is_undone_and_done_again() {
    const ACTS: [&str; 8] = [
        "More Block rows br",
        "Less Block keys bc",
        "Causal mask",
        "Padding mask",
        "Algorithm: flash1",
        "Algorithm: split-kv",
        "row",
        "step",
    ];
    for seed in [1_u64, 5, 11] {
        let mut harness =
            open_sized(Some(random::read("random:11,13,2", seed).expect("an input")), Vec2::new(1280.0, 1600.0), 1.0);
        let (mut state, mut moments) = (seed, vec![moment(&harness)]);
        for _ in 0..24 {
            // Knuth's MMIX.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            match ACTS[(state >> 33) as usize % ACTS.len()] {
                "row" => press(&mut harness, NONE, if (state >> 40) & 1 == 0 { Key::ArrowUp } else { Key::ArrowDown }),
                "step" => press(&mut harness, NONE, Key::Period),
                name if name.starts_with("Algorithm") => command(&mut harness, name),
                name => click(&mut harness, name),
            }
            // The keys are the window's again.
            harness.ctx.memory_mut(eframe::egui::Memory::stop_text_input);
            let now = moment(&harness);
            if moments.last() != Some(&now) {
                moments.push(now);
            }
        }
        assert!(moments.len() > 10, "{} moments", moments.len());
        for expected in moments.iter().rev().skip(1) {
            press(&mut harness, Modifiers::COMMAND, Key::Z);
            assert_eq!(moment(&harness), *expected, "undone, seed {seed}");
        }
        press(&mut harness, Modifiers::COMMAND, Key::Z);
        assert_eq!(moment(&harness), moments[0], "there is nothing before");
        for expected in moments.iter().skip(1) {
            press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
            assert_eq!(moment(&harness), *expected, "done again, seed {seed}");
        }
        let len = harness.state().document().scene().expect("it runs").schedule().len();
        assert!(cursor(&harness) <= len);
        // What is changed now has no future, and another input no past.
        press(&mut harness, Modifiers::COMMAND, Key::Z);
        click(&mut harness, "Sliding window");
        let changed = moment(&harness);
        press(&mut harness, Modifiers::COMMAND, Key::Y);
        assert_eq!(moment(&harness), changed);
        command(&mut harness, "Open toy: 16 random tokens, d = 4");
        let opened = moment(&harness);
        press(&mut harness, Modifiers::COMMAND, Key::Z);
        assert_eq!(moment(&harness), opened);
    }
}

/// Through every size and back: what is said is what was said, and the place is the same.
#[test]
fn a_window_made_small_and_large_again_says_the_same() {
    const SIZES: [(f32, f32); 7] = [
        (640.0, 400.0),
        (911.0, 512.0),
        (1.0, 1.0),
        (3840.0, 2160.0),
        (300.0, 900.0),
        (2560.0, 500.0),
        (1280.0, 800.0),
    ];
    let plain = options();
    let lesson = AppOptions { lesson: Some((3, Position::default())), ..options() };
    let acts: [(&AppOptions, &[&str]); 6] = [
        (&plain, &["Far: the schedule"]),
        (&plain, &["Near: one row", "Counts", "Breakpoints"]),
        (&plain, &["The memories of the chip", "What-if"]),
        (&plain, &["Compare two runs"]),
        (&plain, &["GPU panel"]),
        (&lesson, &["Go on in the lesson"]),
    ];
    for (opened, commands) in acts {
        let mut harness = open_with(opened);
        commands.iter().for_each(|name| command(&mut harness, name));
        let resize = |harness: &mut Harness<'_, App>, (width, height): (f32, f32)| {
            harness.set_size(Vec2::new(width, height));
            harness.run_steps(4);
            settle(harness);
        };
        resize(&mut harness, SIZES[6]);
        let (before, place) = (all_text(&harness), harness.state().place());
        for size in SIZES {
            resize(&mut harness, size);
            assert_eq!(harness.state().place(), place, "{commands:?} at {size:?}");
        }
        let after = all_text(&harness);
        let differ: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert!(differ.is_empty() && after.len() == before.len(), "{commands:?}: {differ:?}");
    }
}
