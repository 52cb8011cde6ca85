//! Nothing stands over anything else: names of views, numbers of the memories, panels and the steps below them.

use crate::stage_support::{click, open, open_as, options, press, settle};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

/// Names of the views and the panels, in English and in Chinese.
const NAMES: [[&str; 7]; 2] = [
    ["Far: schedule", "Middle: tile", "Near: one row", "Memories", "Compare", "Block sizes", "Breakpoints"],
    ["远：执行序列", "中：分块", "近：一行", "存储", "比较", "块大小", "断点"],
];

fn apart(named: &[(&str, Rect)]) {
    for (n, (name, rect)) in named.iter().enumerate() {
        for (other, other_rect) in &named[..n] {
            assert!(!rect.shrink(0.5).intersects(other_rect.shrink(0.5)), "{name} stands over {other}");
        }
    }
}

fn rect(harness: &Harness<'_, App>, name: &str) -> Rect {
    // A caption may have the same word.
    let named: Vec<_> = harness.get_all_by_label(name).collect();
    let button = named.iter().find(|node| node.accesskit_node().role() == Role::Button);
    button.or_else(|| named.first()).unwrap_or_else(|| panic!("no {name}")).rect()
}

#[test]
fn names_of_views_stand_apart_beside_a_lesson() {
    for (names, language) in NAMES.iter().zip([Language::English, Language::Chinese]) {
        for width in [1280.0, 1100.0, 1920.0] {
            let lesson = Some((2, Position { beat: 4, is_revealed: false }));
            let options = AppOptions { lesson, language: Some(language), ..options() };
            let harness = open_as(None, &options, Vec2::new(width, 800.0), 1.0);
            let named: Vec<_> = names.iter().map(|name| (*name, rect(&harness, name))).collect();
            apart(&named);
        }
    }
}

/// However many cards there are, what runs them is in sight in a small window.
#[test]
fn every_build_can_be_run_without_scrolling() {
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(Language::English).expect("it parses").beats;
        for beat in (0..beats.len()).filter(|beat| beats[*beat].build.is_some()) {
            let lesson = Some((lesson, Position { beat, is_revealed: false }));
            let harness = open_as(None, &AppOptions { lesson, ..options() }, Vec2::new(1280.0, 720.0), 1.0);
            let [run, next] = ["Run it", "Back"].map(|name| rect(&harness, name));
            assert!(run.bottom() < next.top(), "{} {}: {run} over {next}", entry.stem, beat + 1);
        }
    }
}

/// What came of a build comes into view where it is run; that of one that is presented is among what `painted` looks at.
#[test]
fn the_verdict_of_every_build_is_seen() {
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(Language::English).expect("it parses").beats;
        for beat in (0..beats.len()).filter(|beat| beats[*beat].build.is_some()) {
            let lesson = Some((lesson, Position { beat, is_revealed: false }));
            let options = AppOptions { lesson, is_solved: true, ..options() };
            let mut harness = open_as(None, &options, Vec2::new(1280.0, 720.0), 1.0);
            harness.run_steps(60);
            let (grade, run) = (rect(&harness, "grade"), rect(&harness, "Run it"));
            assert!(grade.top() > 0.0 && grade.bottom() < run.top(), "{} {}: {grade}", entry.stem, beat + 1);
            let told = harness.get_by_label("grade").value();
            assert_eq!(told.as_deref(), Some("It runs, and every number is right."), "{}", entry.stem);
        }
    }
}

/// On a projector nobody scrolls: the cards of a build and what runs them are all on the screen.
#[test]
fn every_build_fits_a_projected_screen() {
    let run = ["Run it", "运行"];
    for (name, language) in run.iter().zip([Language::English, Language::Chinese]) {
        for (lesson, entry) in LESSONS.iter().enumerate() {
            let beats = entry.lesson(language).expect("it parses").beats;
            for beat in (0..beats.len()).filter(|beat| beats[*beat].build.is_some()) {
                let lesson = Some((lesson, Position { beat, is_revealed: false }));
                let options = AppOptions { lesson, language: Some(language), is_presenting: true, ..options() };
                let harness = open_as(None, &options, Vec2::new(1280.0, 720.0), 1.0);
                let (button, screen) = (rect(&harness, name), harness.ctx.content_rect());
                assert!(button.bottom() <= screen.bottom() - 2.0, "{} {}: {button} in {screen}", entry.stem, beat + 1);
            }
        }
    }
}

#[test]
fn the_panel_of_block_sizes_leaves_the_steps_in_sight() {
    let mut harness = open(None);
    click(&mut harness, "Block sizes");
    harness.run_steps(3);
    let steps = rect(&harness, "current step").top();
    let last = harness.get_all_by_label("Run both at 1024 tokens and compare").last().map(|node| node.rect());
    assert!(last.is_some_and(|last| last.bottom() < steps), "{last:?} over {steps}");
}

#[test]
fn the_whole_chart_and_table_of_traffic_are_in_sight() {
    // flash1 moves m and l, too: the longest table. Before the answer the bytes are hidden.
    let lesson = Some((5, Position { beat: 0, is_revealed: true }));
    let mut harness = open_as(None, &AppOptions { lesson, ..options() }, Vec2::new(1280.0, 800.0), 1.0);
    let steps = rect(&harness, "current step").top();
    for (key, name) in [(Key::B, "Copy for NumPy"), (Key::Num1, "What is not modelled?")] {
        press(&mut harness, Modifiers::ALT, key);
        let last = rect(&harness, name);
        assert!(last.bottom() < steps, "{last:?} over {steps}");
    }
}

#[test]
fn names_of_memories_leave_room_for_their_sizes() {
    for language in [Language::English, Language::Chinese] {
        let lesson = Some((0, Position { beat: 0, is_revealed: false }));
        let options = AppOptions { lesson, language: Some(language), ..options() };
        let mut harness = open_as(None, &options, Vec2::new(1280.0, 800.0), 1.0);
        settle(&mut harness);
        let (name, size) = match language {
            Language::English => ("S of this head, 1024 x 1024", "bytes of S of one head"),
            Language::Chinese => ("这个注意力头的 S，1024 x 1024", "一个注意力头的 S的字节"),
        };
        apart(&[(name, rect(&harness, name)), (size, rect(&harness, size))]);
    }
}
