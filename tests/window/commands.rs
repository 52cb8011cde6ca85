//! Every line of the table of commands does what it says: by each of its keys, or by the palette where it has none, what is
//! seen and heard before and after is compared. What changes that should not, and what does not that should, fails.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::gpu_panel_support::{Mode, StandIn};
use crate::stage_support::{all_text, command, open_with, options, press, settle, type_text, value};
use eframe::egui::{self, Event, Key, Modifiers, OutputCommand, ViewportCommand};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, COMMANDS, Entry, Link, Picked, Theme};
use tilescope::gpu::kernels::FLASH2_WGSL;
use tilescope::playback::lesson::Position;
use tilescope::schedule::language::TEXTS;

/// What a command does.
struct Does {
    name: &'static str,
    /// Commands that come first; those with an at sign are of [`prepare`].
    after: &'static [&'static str],
    /// What changes, by its name in [`Seen::parts`]; after a question mark, what may change with it.
    changes: &'static str,
    /// A part of a line that is new on screen; after a minus sign, of one that goes.
    shows: &'static str,
}

const fn does(name: &'static str, after: &'static [&'static str], changes: &'static str, shows: &'static str) -> Does {
    Does { name, after, changes, shows }
}

/// Those without an effect that this test could see, each with the reason and with the test that has it instead.
const ELSEWHERE: [(&str, &str); 13] = [
    ("Save the text of the algorithm", "it writes a file: text_edit.rs"),
    ("Save a picture of the window", "it writes a file where the test runs: pictures.rs has the picture"),
    ("Save a picture of the main view", "it writes a file where the test runs: pictures.rs has the picture"),
    ("Save the trace as JSON", "it writes a file where the test runs: tests/program/saved.rs has the trace"),
    ("Save the trace for Perfetto", "it writes a file where the test runs: tests/program/saved.rs has the trace"),
    ("Save what I answered", "it writes a file where the test runs"),
    ("Save sheets of this lesson with their keys", "it writes files where the test runs"),
    ("Save a worksheet with its key", "it writes a file where the test runs"),
    ("Copy a picture of the window", "a picture needs a driver: pictures.rs"),
    ("Copy a picture of the main view", "a picture needs a driver: pictures.rs"),
    ("Spotlight at the pointer", "it is painted at a pointer, which no key has: talk.rs"),
    ("Stop the GPU", "a run that goes on is needed: gpu_panel.rs"),
    ("Record m and l on the GPU", "what is recorded is held against the oracle in gpu_panel.rs"),
];

/// Another run brings another cursor and row.
const RUN: &str = "run ?cursor ?row ?view";

const TABLE: &[Does] = &[
    does("Far: the schedule", &["Middle: the tile"], "view", ""),
    does("Middle: the tile", &["Far: the schedule"], "view", ""),
    does("Near: one row", &["Far: the schedule"], "view", ""),
    does("The memories of the chip", &["Far: the schedule"], "view", ""),
    does("At once on this chip, modelled", &["Far: the schedule"], "", "at once on this chip"),
    does("Compare two runs", &[], "", "HBM bytes"),
    does("Block sizes", &[], "", "queries of the surface"),
    does("Breakpoints", &[], "", "Stop after the step where"),
    does("Bytes between HBM and the chip", &["Counts"], "", "total bytes"),
    does("Counts", &["Code"], "", "-line 1"),
    does("Plot", &["Code"], "", "-line 1"),
    does("Code", &[], "", "line 1"),
    does("What-if", &["Code"], "", "-line 1"),
    does("Show the setup", &["Show the lesson"], "", "Block rows br"),
    does("Show the lesson", &[], "", "Lessons"),
    does("Edit the text of the algorithm", &[], "", "text of the algorithm"),
    does("GPU panel", &[], "", "Devices"),
    does("Edit the kernel", &[], "", "source of the kernel"),
    does("Play or pause", &["To the start"], "playing ?cursor", "Pause"),
    does("Faster", &[], "speed", ""),
    does("Slower", &[], "speed", ""),
    does("Loop from here", &[], "loop", "loop start"),
    does("Loop to here", &[], "loop", "loop end"),
    does("Loop this tile", &[], "loop", "Stop looping"),
    does("Loop this block of the outer loop", &[], "loop", "Stop looping"),
    does("Stop looping", &["Loop this tile"], "loop", "-loop start"),
    does("Step forward", &[], "cursor", "current step"),
    does("Step back", &[], "cursor", "current step"),
    does("Next beat", &[], "cursor", "current step"),
    does("Previous beat", &[], "cursor", "current step"),
    does("Ten steps forward", &["To the start"], "cursor", "current step"),
    does("Ten steps back", &[], "cursor", "current step"),
    does("Next tile", &["To the start"], "cursor", "current step"),
    does("Previous tile", &[], "cursor", "current step"),
    does("Next block of the outer loop", &["To the start"], "cursor", "current step"),
    does("Previous block of the outer loop", &[], "cursor", "current step"),
    does("To the start", &[], "cursor", "current step"),
    does("To the end", &[], "cursor", "current step"),
    does("Zoom into the steps", &[], "", "seen steps"),
    does("Zoom out of the steps", &["Zoom into the steps"], "", "seen steps"),
    does("Show all steps", &["Zoom into the steps"], "", "seen steps"),
    does("Compare by the share of steps", &["Compare two runs", "Compare by the bytes moved"], "", ""),
    does("Compare by the bytes moved", &["Compare two runs"], "", ""),
    does("Swap the two runs that are compared", &["Compare two runs"], RUN, ""),
    does("Compare: flash2 moves more than flash1", &[], RUN, "HBM bytes"),
    does("Compare: flash1 moves more than standard", &[], RUN, "HBM bytes"),
    does("Row above", &["Row below"], "row", "Row "),
    does("Row below", &["Row above"], "row", "Row "),
    does("Fold or show the left side", &[], "", "-Block rows br"),
    does("Fold or show the right side", &[], "", "-Counts"),
    does("Undo", &["Algorithm: flash1"], RUN, ""),
    does("Redo", &["Algorithm: flash1", "Undo"], RUN, ""),
    does("Algorithm: standard", &[], RUN, "Algorithm: standard"),
    does("Algorithm: flash1", &[], RUN, "Algorithm: flash1"),
    does("Algorithm: flash2", &["Algorithm: flash1"], RUN, "Algorithm: flash2"),
    does("Algorithm: flash2-lazy", &[], RUN, "Algorithm: flash2-lazy"),
    does("Algorithm: flash2-lanes", &[], RUN, "Algorithm: flash2-lanes"),
    does("Algorithm: split-kv", &[], RUN, "Algorithm: split-kv"),
    does("Algorithm: standard-backward", &[], RUN, "Algorithm: standard-backward"),
    does("Algorithm: flash1-backward", &[], RUN, "Algorithm: flash1-backward"),
    does("Algorithm: flash2-backward", &[], RUN, "Algorithm: flash2-backward"),
    does("Algorithm: two-kernel-backward", &[], RUN, "Algorithm: two-kernel-backward"),
    does("Bytes of all heads, or of this run's", &[], "", "bytes in the chart: all 9 heads"),
    does("Pin this run as the baseline of bytes", &[], "", "Unpin"),
    does("Unpin the baseline of bytes", &["Pin this run as the baseline of bytes"], "", "Pin as baseline"),
    does("Put the text of the algorithm back", &["@another text"], RUN, "as it comes with the program"),
    does("Run on the GPU", &["GPU panel"], "", ""),
    does("Measure the roofs of the GPU", &["GPU panel"], "", ""),
    does("Compile and run the kernel", &["@another kernel"], "", ""),
    does("Put the source of the kernel back", &["@another kernel"], "", "as it is in kernels/"),
    does("Open a file", &[], "", "Close"),
    does("Open a folder of lessons", &[], "", "Close"),
    does("Open SmolLM2, layer 10, English", &["Open toy: 16 random tokens, d = 4"], RUN, "Input: "),
    does("Open SmolLM2, layer 10, Chinese", &[], RUN, "Row "),
    does("Open SmolLM2, layer 10, 1024 tokens", &[], RUN, "Input: "),
    does("Open toy: 16 random tokens, d = 4", &[], RUN, "Input: "),
    does("Open row: one query, six keys", &[], RUN, "Input: "),
    does("Go on in the lesson", &["@lesson"], "lesson ?run ?cursor ?row ?view", ""),
    does("Go back in the lesson", &["@lesson", "Go on in the lesson"], "lesson ?run ?cursor ?row ?view", ""),
    does("Check my answer", &["@lesson", "@answer"], "lesson cursor ?row", "verdict"),
    does("Show me", &["@lesson"], "?lesson ?run ?cursor ?row ?view", "0.170"),
    does("Restore the scene of the lesson", &["@lesson", "To the start"], "cursor ?row", "current step"),
    does("Close the lesson", &["@lesson"], "lesson", "-Your answer"),
    does("The first two minutes again", &[], "speed ?playing ?run ?cursor ?row ?view", "tour"),
    does("Present from the first beat", &["@lesson"], "told ?size ?run ?cursor ?row ?view", "projected line"),
    does("Present from here", &["@lesson"], "told ?size ?run ?cursor ?row ?view", "projected line"),
    does("Stop presenting", &["@lesson", "@present"], "told ?size ?run ?cursor ?row ?view", "-projected line"),
    does("Blank the screen", &["@lesson", "@present"], "", "-projected line"),
    does("Back to the beat", &["@lesson", "@present", "To the start"], "cursor ?row", ""),
    does("Notes in a second window", &["@lesson", "@present"], "", "next answer"),
    does("Vote", &["@lesson", "@present"], "", "votes for"),
    does("The other language below", &["@lesson", "@present"], "", ""),
    does(
        "Study: the map, the row and its bytes",
        &["Engineer: the setup, the map and what if"],
        "?view",
        "total bytes",
    ),
    does("Learn: the lesson and the map", &[], "?view", "Lessons"),
    does("Engineer: the setup, the map and what if", &["Show the lesson"], "?view", "Block rows br"),
    does("Light colours", &["Dark colours"], "theme", ""),
    does("Dark colours", &["Light colours"], "theme", ""),
    does("Projector colours", &[], "theme", ""),
    does("Switch theme", &[], "theme", ""),
    does("English", &["Chinese (中文)"], "", "More"),
    does("Chinese (中文)", &[], "", "更多"),
    does("Larger", &[], "size", ""),
    does("Smaller", &[], "size", ""),
    does("Normal size", &["Larger"], "size", ""),
    does("Full screen", &[], "told", ""),
    does("Reduce motion", &["@motion"], "motion", ""),
    does("Copy a link to this step", &[], "told", "what was done"),
    does("Copy the tile as CSV", &[], "told", "what was done"),
    does("Copy the tile for NumPy", &[], "told", "what was done"),
    does("Copy the bytes as CSV", &[], "told", "what was done"),
    does("Copy the bytes for NumPy", &[], "told", "what was done"),
    does("All commands", &[], "", "Step forward"),
    does("Keys", &[], "", "Undo: key"),
    does("What NaN, infinity and an unseen row give", &[], "", "Close"),
    does("Close", &["Block sizes"], "", "-queries of the surface"),
];

/// What is seen of a window, and what it told the system.
struct Seen {
    parts: Vec<(&'static str, String)>,
    screen: BTreeSet<String>,
}

fn seen(harness: &Harness<'_, App>, told: &[String]) -> Seen {
    let (app, ctx) = (harness.state(), &harness.ctx);
    let place = app.place().expect("a run is open");
    let Link { run, bug, at, row, key, view } = place;
    let lesson = app.lesson().map(|lesson| (lesson.index(), lesson.position));
    let motion = ctx.style_of(ctx.theme()).animation_time;
    let text = &app.document().wanted().algorithm.text().text;
    let parts = vec![
        ("run", format!("{run:?} {bug:?} {text}")),
        ("cursor", format!("{at:?}")),
        ("row", format!("{row:?} {key:?}")),
        ("view", format!("{view:?}")),
        ("playing", app.player().is_playing().to_string()),
        ("speed", app.player().speed().to_string()),
        ("loop", format!("{:?}", app.player().looped())),
        ("lesson", format!("{lesson:?}")),
        ("theme", Theme::of(ctx).name().to_owned()),
        ("size", ctx.zoom_factor().to_string()),
        ("motion", motion.to_string()),
        ("told", format!("{told:?}")),
    ];
    Seen { parts, screen: all_text(harness).into_iter().collect() }
}

/// What the last frame told the system, apart from what each frame tells.
fn hear(harness: &Harness<'_, App>, told: &mut Vec<String>) {
    for sent in &harness.output().platform_output.commands {
        if let OutputCommand::CopyText(text) = sent {
            assert!(!text.is_empty(), "nothing is copied");
            told.push(format!("copied {text}"));
        }
    }
    for command in harness.output().viewport_output.values().flat_map(|viewport| &viewport.commands) {
        if let ViewportCommand::Fullscreen(_) = command {
            told.push(format!("{command:?}"));
        }
    }
}

/// Presses a key, one event to a frame, and hears what each frame says.
fn strike(harness: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) -> Vec<String> {
    let mut told = Vec::new();
    let of_key = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
    for event in
        [Event::ModifiersChanged(modifiers), of_key(true), of_key(false), Event::ModifiersChanged(Modifiers::NONE)]
    {
        harness.event(event);
        harness.step();
        hear(harness, &mut told);
    }
    settle(harness);
    told
}

fn paste_over(harness: &mut Harness<'_, App>, field: &str, text: &str) {
    harness.get_by_label(field).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    harness.event(Event::Paste(text.to_owned()));
    harness.run_steps(3);
    settle(harness);
}

/// What comes before a command: another command, or what no command does.
fn prepare(harness: &mut Harness<'_, App>, step: &str) {
    match step {
        "@another text" => {
            let flash2 = TEXTS.into_iter().find(|(name, _)| *name == "flash2").map_or("", |(_, text)| text);
            command(harness, "Edit the text of the algorithm");
            paste_over(harness, "text of the algorithm", &flash2.replace("O = alpha * O", "O = O * alpha"));
            assert!(harness.state().document().wanted().algorithm.text().text.contains("O * alpha"));
            // The keys are the window's again.
            harness.ctx.memory_mut(egui::Memory::stop_text_input);
        }
        "@another kernel" => {
            command(harness, "Edit the kernel");
            paste_over(harness, "source of the kernel", &FLASH2_WGSL.source.replace("// Rung 3", "// rung 3"));
            assert!(value(harness, "source of the kernel").contains("// rung 3"));
            harness.ctx.memory_mut(egui::Memory::stop_text_input);
        }
        // The window opens with it.
        "@lesson" => {}
        // A harness has none.
        "@motion" => harness.ctx.all_styles_mut(|style| style.animation_time = 0.2),
        "@answer" => {
            harness.get_by_label("Your answer").focus();
            harness.run_steps(2);
            type_text(harness, "0.17");
        }
        "@present" => press(harness, Modifiers::SHIFT, Key::F5),
        name => {
            let entry = COMMANDS.iter().find(|entry| entry.name == name).expect("a command");
            match entry.keys.first() {
                Some((modifiers, key)) => press(harness, *modifiers, *key),
                None => command(harness, name),
            }
        }
    }
    settle(harness);
}

fn open_for(does: &Does) -> Harness<'static, App> {
    let lesson = does.after.contains(&"@lesson").then_some((3, Position::default()));
    let find_gpu = || StandIn { has_kernel: true, ..StandIn::new(Mode::Right) }.probe();
    let mut harness = open_with(&AppOptions { find_gpu, lesson, pick_folder: || Picked::Unavailable, ..options() });
    does.after.iter().for_each(|step| prepare(&mut harness, step));
    // What was told of them fades.
    while harness.query_by_label("what was done").is_some() {
        harness.step();
    }
    harness
}

/// Carries an entry out by a key, or by the palette, and compares.
fn carry_out(entry: &Entry, does: &Does, key: Option<(Modifiers, Key)>) {
    let mut harness = open_for(does);
    let before = seen(&harness, &[]);
    let told = match key {
        Some((modifiers, key)) => strike(&mut harness, modifiers, key),
        None => {
            press(&mut harness, Modifiers::COMMAND, Key::P);
            type_text(&mut harness, entry.name);
            strike(&mut harness, Modifiers::NONE, Key::Enter)
        }
    };
    let after = seen(&harness, &told);
    let by = format!("{} by {key:?}", entry.name);
    assert_eq!(harness.state().last_command(), entry.name, "{by}");
    let changed: BTreeSet<&str> =
        before.parts.iter().zip(&after.parts).filter(|(a, b)| a != b).map(|((name, _), _)| *name).collect();
    for part in does.changes.split_whitespace().filter(|part| !part.starts_with('?')) {
        assert!(changed.contains(part), "{by}: {part} is as it was");
    }
    for part in &changed {
        let is_meant = does.changes.split_whitespace().any(|meant| meant.trim_start_matches('?') == *part);
        assert!(is_meant, "{by}: {part} changes");
    }
    let (come, gone): (Vec<_>, Vec<_>) =
        (after.screen.difference(&before.screen).collect(), before.screen.difference(&after.screen).collect());
    match does.shows.strip_prefix('-') {
        Some(part) => {
            assert!(gone.iter().any(|line| line.contains(part)), "{by}: {part} stays; {gone:?}");
            assert!(!after.screen.iter().any(|line| line.contains(&format!("\"{part}\""))), "{by}: {part} stays");
        }
        None if does.shows.is_empty() => {
            let is_seen = !come.is_empty() || !gone.is_empty();
            assert!(is_seen || !changed.is_empty(), "{by}: nothing changes");
        }
        None => assert!(come.iter().any(|line| line.contains(does.shows)), "{by}: no {}; {come:?}", does.shows),
    }
}

/// Of a command that does not do what its line says, its name; the others are tried all the same.
fn fault(entry: &Entry, does: &Does, key: Option<(Modifiers, Key)>) -> Option<&'static str> {
    catch_unwind(AssertUnwindSafe(|| carry_out(entry, does, key))).is_err().then_some(entry.name)
}

#[test]
fn every_shortcut_does_what_the_table_says() {
    let (mut without, mut failed) = (Vec::new(), Vec::new());
    for entry in COMMANDS.iter() {
        let told = TABLE.iter().find(|does| does.name == entry.name);
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == entry.name);
        match (told, elsewhere) {
            (Some(does), None) if entry.keys.is_empty() => failed.extend(fault(entry, does, None)),
            (Some(does), None) => failed.extend(entry.keys.iter().filter_map(|key| fault(entry, does, Some(*key)))),
            (None, Some((_, reason))) => assert!(!reason.is_empty()),
            _ => without.push(entry.name),
        }
    }
    assert!(failed.is_empty(), "the reasons stand above: {failed:?}");
    assert!(without.is_empty(), "neither an effect nor a reason, or both: {without:?}");
    let names: BTreeSet<&str> = COMMANDS.iter().map(|entry| entry.name).collect();
    let known = TABLE.iter().map(|does| does.name).chain(ELSEWHERE.map(|(name, _)| name));
    let strange: Vec<&str> = known.filter(|name| !names.contains(name)).collect();
    assert!(strange.is_empty(), "no commands: {strange:?}");
}

/// What lies over the window takes Escape itself, and no command is carried out.
#[test]
fn escape_closes_the_sheet_of_keys() {
    let mut harness = open_for(&does("", &["Keys"], "", ""));
    let has_sheet = |harness: &Harness<'_, App>| all_text(harness).iter().any(|line| line.contains("Undo: key"));
    assert!(has_sheet(&harness));
    strike(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(!has_sheet(&harness));
    assert_eq!(harness.state().last_command(), "Keys");
}

/// What is compared is still where nothing is done: else each command would seem to do something.
#[test]
fn a_window_that_is_left_alone_stays_as_it_is() {
    for after in [&["Far: the schedule"][..], &["GPU panel"], &["@lesson"], &["@lesson", "@present"]] {
        let mut harness = open_for(&does("", after, "", ""));
        let before = seen(&harness, &[]);
        harness.run_steps(30);
        settle(&mut harness);
        let now = seen(&harness, &[]);
        assert_eq!(now.parts, before.parts, "{after:?}");
        let differ: Vec<_> = now.screen.symmetric_difference(&before.screen).collect();
        assert!(differ.is_empty(), "{after:?}: {differ:?}");
    }
}
