//! What a beat hides is shown nowhere before it is answered: whatever is opened, pointed at, copied or saved.

use std::collections::BTreeSet;

use crate::copied::copied;
use crate::painted::all_painted;
use crate::stage_support::{all_text, click, command, grouped, open_with, options, press, seek, settle, short};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, COMMANDS};
use tilescope::number::bytes;
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Hides, Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// What is said in place of each that can be hidden.
const BYTES: &str = "What moves is yours to find.";
const LINES: &str = "The lines are yours to find.";
const ROW: &str = "What becomes of the row is yours to find.";
const RULE: &str = "The rule is yours to find.";
/// Why nothing is copied or saved.
const NOT_GIVEN: &str = "a lesson asks for what this would show: it is given once you have answered";

fn at(lesson: usize, beat: usize) -> Harness<'static, App> {
    let lesson = Some((lesson, Position { beat, is_revealed: false }));
    open_with(&AppOptions { lesson, ..options() })
}

/// Beats that hide what `is_meant`, with their number.
fn hiding(is_meant: impl Fn(Hides) -> bool) -> Vec<(usize, usize, String)> {
    let of_lesson = |(index, entry): (usize, &tilescope::playback::lesson::library::HouseLesson)| {
        let beats = entry.lesson(Language::English).expect("it parses").beats;
        let found = beats.iter().enumerate().filter(|(_, beat)| is_meant(beat.hides()));
        found.map(|(beat, _)| (index, beat, format!("{}.{}", entry.number, beat + 1))).collect::<Vec<_>>()
    };
    LESSONS.iter().enumerate().flat_map(of_lesson).collect()
}

/// All that is read or seen.
fn shown(harness: &Harness<'_, App>) -> Vec<String> {
    let painted = all_painted(harness).into_iter().map(|one| one.text);
    all_text(harness).into_iter().chain(painted).collect()
}

fn says(harness: &Harness<'_, App>, text: &str) -> bool {
    shown(harness).iter().any(|line| line.contains(text))
}

/// Beats in which everything is opened; in the others, what shows it.
const SWEPT: usize = 1;

/// What `look` finds on screen as each panel and view is opened and each moment is gone to.
fn found_anywhere(harness: &mut Harness<'_, App>, opens_all: bool, look: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut take = |harness: &Harness<'_, App>, at: &str| {
        let all = shown(harness).into_iter().filter(|line| look(line));
        found.extend(all.map(|line| format!("{at}: {line}")));
    };
    take(harness, "as it opens");
    if !opens_all {
        return found;
    }
    let opens = |name: &str| !name.starts_with("Fold") && !name.starts_with("Compare:") && !name.contains("first two");
    let groups = ["Look", "Change"];
    let panels = COMMANDS.iter().filter(|entry| entry.group == groups[0] && opens(entry.name));
    let editors = ["Edit the text of the algorithm", "Edit the kernel", "GPU panel"];
    for name in panels.map(|entry| entry.name).chain(editors) {
        command(harness, name);
        harness.run_steps(5);
        take(harness, name);
        press(harness, NONE, Key::Escape);
    }
    found
}

/// The numbers of a run that say what it moves.
fn totals(harness: &Harness<'_, App>) -> Vec<String> {
    let scene = harness.state().document().scene().expect("a run").clone();
    let (own, standard) = (&scene.closed_form, &scene.standard);
    let all = [own, standard].map(|of| [bytes(of.hbm_bytes()), grouped(of.hbm_elements()), grouped(of.hbm_bytes())]);
    let mut all: Vec<String> = all.concat();
    // A number so short may be that of anything.
    all.retain(|number| number.len() > 4);
    all
}

/// Bytes that are asked for: no panel, no foot, no hover and no file has them.
#[test]
fn bytes_that_are_asked_for_are_nowhere() {
    let all = hiding(|hides| hides.bytes);
    assert!(all.len() > 6, "{} beats", all.len());
    let mut faults = Vec::new();
    for (n, (lesson, beat, name)) in all.into_iter().enumerate() {
        let mut harness = at(lesson, beat);
        let totals = totals(&harness);
        let is_told = |line: &str| {
            totals.iter().any(|total| line.contains(total.as_str()))
                || line.contains("moved so far")
                || line.contains("from HBM")
                || line.contains("load K: ")
                || line.contains("HBM bytes of {0}")
        };
        faults
            .extend(found_anywhere(&mut harness, n < SWEPT, is_told).into_iter().map(|line| format!("{name} {line}")));
        let mut harness = at(lesson, beat);
        for panel in ["Bytes between HBM and the chip", "Counts", "What-if", "Block sizes", "Compare two runs"] {
            command(&mut harness, panel);
            assert!(says(&harness, BYTES), "{name}: {panel}");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a beat hides, and the commands that would give it away.
type Withheld = (fn(Hides) -> bool, &'static [&'static str]);

/// What is asked for is not copied or saved either; once it is answered it is.
#[test]
fn what_is_asked_for_leaves_the_window_by_no_file() {
    let first = |is_meant: fn(Hides) -> bool| hiding(is_meant).into_iter().next().expect("a beat");
    let cases: [Withheld; 3] = [
        (|hides| hides.bytes, &["Copy the bytes as CSV", "Copy the bytes for NumPy", "Save the trace as JSON"]),
        (|hides| hides.factor, &["Copy the tile as CSV", "Copy the tile for NumPy", "Save the trace for Perfetto"]),
        (|hides| hides.classes, &["Save the trace as JSON"]),
    ];
    for (is_meant, commands) in cases {
        let (lesson, beat, name) = first(is_meant);
        for command in commands {
            let mut harness = at(lesson, beat);
            assert_eq!(copied(&mut harness, command), None, "{name}: {command}");
            settle(&mut harness);
            assert!(says(&harness, NOT_GIVEN), "{name}: {command}");
        }
    }
    // Once it is answered it is given.
    let (lesson, beat, name) = first(|hides| hides.bytes);
    let lesson = Some((lesson, Position { beat, is_revealed: true }));
    let mut harness = open_with(&AppOptions { lesson, ..options() });
    assert!(copied(&mut harness, "Copy the bytes as CSV").is_some(), "{name}, answered");
}

/// A factor that is asked for: neither the row, nor its plot, nor the sentence of the step, nor a text has it.
#[test]
fn a_factor_that_is_asked_for_is_nowhere() {
    let all = hiding(|hides| hides.factor);
    assert!(all.len() > 4, "{} beats", all.len());
    let mut faults = Vec::new();
    for (n, (lesson, beat, name)) in all.into_iter().enumerate() {
        let mut harness = at(lesson, beat);
        let (document, rows) = (harness.state().document(), harness.state().document().snapshot().cloned());
        let snapshot = rows.expect("a moment");
        let n_q = document.scene().expect("a run").plan().n_q;
        let factors: BTreeSet<String> = (0..n_q)
            .flat_map(|query| snapshot.all_visits(query).iter().skip(1))
            .filter(|visit| visit.alpha > 0.0 && visit.alpha < 1.0)
            .map(|visit| format!("alpha {}", short(visit.alpha)))
            .collect();
        let is_told =
            |line: &str| factors.iter().any(|factor| line.contains(factor.as_str())) || line.contains("alpha = 1");
        faults
            .extend(found_anywhere(&mut harness, n < SWEPT, is_told).into_iter().map(|line| format!("{name} {line}")));
        let mut harness = at(lesson, beat);
        for (panel, said) in [("Plot", ROW), ("Code", LINES), ("Edit the text of the algorithm", LINES)] {
            command(&mut harness, panel);
            assert!(says(&harness, said), "{name}: {panel}");
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Every step of a beat that asks for a factor says what it did without it.
#[test]
fn no_step_says_the_factor_that_is_asked_for() {
    let (lesson, beat, name) = hiding(|hides| hides.factor).into_iter().next().expect("a beat");
    let mut harness = at(lesson, beat);
    let len = harness.state().document().scene().expect("a run").schedule().len();
    let mut met = 0;
    for cursor in 0..=len.min(200) {
        seek(&mut harness, cursor);
        met += usize::from(says(&harness, "no new maximum"));
        assert!(!says(&harness, "alpha = 1"), "{name}: step {cursor}");
    }
    assert!(met > 0, "{name}: no row keeps its maximum");
}

/// The classes of tiles: no legend, no hover, no plot of the blocks that a row visits.
#[test]
fn classes_that_are_asked_for_are_nowhere() {
    let all = hiding(|hides| hides.classes);
    assert!(all.len() > 4, "{} beats", all.len());
    let mut faults = Vec::new();
    for (n, (lesson, beat, name)) in all.into_iter().enumerate() {
        let mut harness = at(lesson, beat);
        let is_told = |line: &str| {
            let has_count = |word: &str| {
                line.match_indices(word).any(|(at, _)| {
                    line[..at].trim_end().ends_with(|c: char| c.is_ascii_digit())
                        || line[at + word.len()..].trim_start().starts_with(|c: char| c.is_ascii_digit())
                })
            };
            ["partial", "skipped", "hidden whole"].into_iter().any(has_count) || line.contains("tiles begun")
        };
        faults
            .extend(found_anywhere(&mut harness, n < SWEPT, is_told).into_iter().map(|line| format!("{name} {line}")));
        let mut harness = at(lesson, beat);
        command(&mut harness, "Plot");
        assert!(says(&harness, ROW), "{name}: Plot");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The order of steps: neither a text, nor where a number came from, nor the strip where it is pointed at.
#[test]
fn steps_that_are_asked_for_are_named_nowhere() {
    let all = hiding(|hides| hides.steps);
    assert!(all.len() > 2, "{} beats", all.len());
    for (lesson, beat, name) in all {
        let mut harness = at(lesson, beat);
        let strip = harness.get_by_label("steps").rect();
        for part in [0.1, 0.35, 0.6, 0.9] {
            harness.hover_at(strip.lerp_inside(eframe::egui::vec2(part, 0.5)));
            harness.run_steps(40);
            let hint = shown(&harness).into_iter().find(|line| line.contains("Drag: go to a step.")).expect("a hint");
            let step = hint.split("Drag").next().expect("a line");
            assert_eq!(step.matches(": ").count(), 1, "{name}: {hint}");
        }
        for panel in ["Code", "Edit the text of the algorithm"] {
            command(&mut harness, panel);
            assert!(says(&harness, LINES), "{name}: {panel}");
            assert!(harness.query_by_label("line 1").is_none(), "{name}: {panel}");
        }
    }
}

/// The rule for rows that are not like others, where it is asked for.
#[test]
fn a_rule_that_is_asked_for_is_on_no_sheet() {
    let all = hiding(|hides| hides.rule);
    assert!(!all.is_empty());
    for (lesson, beat, name) in all {
        let mut harness = at(lesson, beat);
        assert!(harness.query_by_label("The rule for such rows").is_none(), "{name}");
        let sheet =
            COMMANDS.iter().map(|entry| entry.name).find(|name| *name == "What NaN, infinity and an unseen row give");
        command(&mut harness, sheet.expect("a command opens it"));
        assert!(says(&harness, RULE), "{name}");
        assert!(harness.query_by_label("why the line is marked").is_none(), "{name}");
        click(&mut harness, "Close");
        assert!(!says(&harness, RULE), "{name}: it closes");
    }
}
