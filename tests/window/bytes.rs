//! The chart of bytes: what it shows is what the closed forms say, its arrows lead to the steps that move, and what is
//! copied is what is shown.

use std::collections::BTreeMap;

use crate::stage_support::{
    choose, click, command, cursor, open, open_sized, open_with, options, press, settle, value,
};
use eframe::egui::{Key, Modifiers, OutputCommand, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::attention::Precision;
use tilescope::attention::input::preset;
use tilescope::number::bytes;
use tilescope::playback::lesson::Position;
use tilescope::schedule::{Plan, Tiling, Traffic, algorithm};

const NONE: Modifiers = Modifiers::NONE;
/// The toy in f32.
const ELEMENT: u64 = 4;

fn toy() -> Plan {
    Plan::new(16, 16, 4, Tiling { br: 4, bc: 4 }, Precision::F32)
}

/// What the chart is to say of a tensor once the run is over: its bytes, and those of standard attention.
fn expected(own: &Traffic, standard: &Traffic, name: &str, is_write: bool) -> String {
    let of = |traffic: &Traffic| {
        let moved = if is_write { &traffic.write } else { &traffic.read };
        moved.iter().find(|(tensor, _)| tensor.name() == name).map_or(0, |(_, elements)| elements * ELEMENT)
    };
    format!("{0} of {0}; standard moves {1}", bytes(of(own)), bytes(of(standard)))
}

#[test]
fn the_arrows_end_at_the_closed_forms_of_the_run_and_of_standard_attention() {
    let standard = algorithm::by_name("standard").expect("it is there").closed_form(&toy());
    for choice in ["flash1", "flash2"] {
        let mut harness = open(Some(preset::toy()));
        if choice != "flash2" {
            choose(&mut harness, "Algorithm: ", choice);
        }
        press(&mut harness, NONE, Key::Home);
        assert!(value(&harness, "K read, bytes").starts_with("0 B of "), "{}", value(&harness, "K read, bytes"));
        press(&mut harness, NONE, Key::End);
        let own = algorithm::by_name(choice).expect("it is there").closed_form(&toy());
        for (name, is_write) in [("Q", false), ("K", false), ("V", false), ("O", true), ("S", true), ("P", false)] {
            let shown = value(&harness, &format!("{name} {}, bytes", if is_write { "write" } else { "read" }));
            assert_eq!(shown, expected(&own, &standard, name, is_write), "{name} of {choice}");
        }
        assert_eq!(value(&harness, "total bytes"), bytes(own.hbm_bytes()));
        assert_eq!(value(&harness, "total bytes of the baseline"), bytes(standard.hbm_bytes()));
    }
}

#[test]
fn the_sentence_is_the_ratio_of_the_two_and_names_what_stays_on_chip() {
    let harness = open(Some(preset::toy()));
    let of = |name| algorithm::by_name(name).expect("it is there").closed_form(&toy()).hbm_bytes() as f64;
    let ratio = of("standard") / of("flash2");
    harness.get_by_label(&format!("{ratio:.2}x fewer bytes than standard: S, P stay on chip"));
    // Where it moves more, it says so, and why.
    let harness = open(None);
    harness.get_by_label_contains("At this size tiling does not pay.");
}

#[test]
fn an_arrow_leads_to_the_next_step_that_moves_its_tensor_and_after_the_last_to_the_first() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Home);
    let mut seen = Vec::new();
    for _ in 0..5 {
        click(&mut harness, "O write, bytes");
        settle(&mut harness);
        seen.push(cursor(&harness));
    }
    let scene = harness.state().document().scene().expect("a run is on screen").clone();
    let schedule = scene.schedule();
    let stores: Vec<u64> = (0..schedule.len())
        .filter(|&n| schedule.step(n).is_some_and(|step| schedule.algorithm.operation(step.line) == "store O"))
        .map(|n| n + 1)
        .collect();
    assert_eq!(stores.len(), 4, "one for each query block");
    assert_eq!(seen, [&stores[..], &stores[..1]].concat());
    // What this run never moves leads nowhere.
    click(&mut harness, "S write, bytes");
    settle(&mut harness);
    assert_eq!(cursor(&harness), stores[0]);
}

#[test]
fn what_is_copied_is_what_is_shown() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::End);
    let standard = algorithm::by_name("standard").expect("it is there").closed_form(&toy());
    let own = algorithm::by_name("flash2").expect("it is there").closed_form(&toy());
    for name in ["Copy as CSV", "Copy for NumPy"] {
        harness.get_by_label(name).click();
        let copied = (0..5).find_map(|_| {
            harness.step();
            harness.output().platform_output.commands.iter().find_map(|sent| match sent {
                OutputCommand::CopyText(text) => Some(text.clone()),
                _ => None,
            })
        });
        let copied = copied.unwrap_or_default();
        if name.ends_with("CSV") {
            let mut lines = copied.lines();
            let head = "tensor,way,elements_so_far,elements,bytes_so_far,bytes,standard_elements,standard_bytes";
            assert_eq!(lines.next(), Some(head));
            let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
            let sum = |column: usize| rows.iter().map(|row| row[column].parse::<u64>().expect("a count")).sum::<u64>();
            assert_eq!([sum(2), sum(3)], [own.hbm_elements(); 2]);
            assert_eq!([sum(4), sum(5)], [own.hbm_bytes(); 2]);
            assert_eq!([sum(6), sum(7)], [standard.hbm_elements(), standard.hbm_bytes()]);
        } else {
            assert!(copied.contains("import numpy as np\nmoves = [\"Q read\""), "{copied}");
            assert_eq!(copied.lines().filter(|line| line.contains("np.array")).count(), 3, "{copied}");
        }
    }
}

#[test]
fn standard_attention_has_no_baseline_beside_it() {
    let mut harness = open(Some(preset::toy()));
    choose(&mut harness, "Algorithm: ", "standard");
    press(&mut harness, NONE, Key::End);
    let standard = algorithm::by_name("standard").expect("it is there").closed_form(&toy());
    let of_s = bytes(standard.write.iter().find(|(tensor, _)| tensor.name() == "S").expect("it is stored").1 * ELEMENT);
    assert_eq!(value(&harness, "S write, bytes"), format!("{of_s} of {of_s}"));
    assert!(harness.query_by_label("total bytes of the baseline").is_none());
}

/// Where a lesson asks what moves, neither the chart nor the table says so before it is answered.
#[test]
fn what_a_lesson_asks_for_is_not_said() {
    for (lesson, beat) in [(0, 1), (4, 0), (4, 1), (5, 1), (5, 4)] {
        let at = |is_revealed: bool| {
            let lesson = Some((lesson, Position { beat, is_revealed }));
            open_with(&AppOptions { lesson, ..options() })
        };
        let mut harness = at(false);
        for key in [Key::B, Key::Num1] {
            press(&mut harness, Modifiers::ALT, key);
            harness.get_by_label("What moves is yours to find.");
            for name in ["total bytes", "HBM bytes", "K read", "K read, bytes"] {
                assert!(harness.query_by_label(name).is_none(), "{name} in lesson {}, beat {}", lesson + 1, beat + 1);
            }
        }
        let mut harness = at(true);
        harness.get_by_label("total bytes");
        press(&mut harness, Modifiers::ALT, Key::Num1);
        harness.get_by_label("HBM bytes");
    }
}

/// The scope stands above, and a click on it counts all heads; a second one counts this head again.
#[test]
fn the_scope_switches_to_all_heads_and_back() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::End);
    let one = value(&harness, "total bytes");
    let scope = value(&harness, "scope");
    assert!(scope.starts_with("head 8 of 9; one program of 4; flash2 4x4"), "{scope}");
    let all = harness.state().document().scene().expect("a run").bytes_of_all();
    click(&mut harness, "scope");
    assert_eq!(value(&harness, "total bytes"), bytes(all));
    assert!(value(&harness, "scope").starts_with("bytes in the chart: all 9 heads; all else: head 8 of 9"));
    assert!(value(&harness, "all heads").starts_with("These counts are of all 9 heads; the picture is of 1 head."));
    command(&mut harness, "Bytes of all heads, or of this run's");
    assert_eq!((value(&harness, "total bytes"), value(&harness, "scope")), (one, scope));
}

/// A run that is pinned stands as the outline of the next one, by its name, until it is unpinned.
#[test]
fn a_pinned_run_is_the_baseline_of_the_next() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::End);
    let flash2 = value(&harness, "total bytes");
    click(&mut harness, "Pin as baseline");
    choose(&mut harness, "Algorithm: ", "flash1");
    settle(&mut harness);
    press(&mut harness, NONE, Key::End);
    assert_eq!(value(&harness, "total bytes of the baseline"), flash2);
    assert!(value(&harness, "K read, bytes").contains("; flash2 4x4 f32"), "{}", value(&harness, "K read, bytes"));
    click(&mut harness, "Unpin");
    assert!(value(&harness, "K read, bytes").contains("; standard moves"));
}

/// How many marks of each kind are on screen.
fn marks(harness: &Harness<'_, App>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for mark in harness.query_all_by_label("where these numbers come from") {
        *found.entry(mark.value().expect("a mark names what made the number")).or_default() += 1;
    }
    found
}

/// Every panel that shows a number says what made it: beside the row and its check, which stand there always.
#[test]
fn numbers_say_where_they_come_from() {
    const ALT: Modifiers = Modifiers::ALT;
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(1600.0, 1000.0), 1.0);
    press(&mut harness, NONE, Key::End);
    settle(&mut harness);
    // The text has no number: what is left is the row, its check, and the main view.
    press(&mut harness, ALT, Key::Num3);
    press(&mut harness, NONE, Key::Num0);
    settle(&mut harness);
    let always = |kind: &str| if kind == "computed" { 2 } else { 0 };
    assert_eq!(marks(&harness), BTreeMap::from([("computed".to_owned(), 2), ("modelled".to_owned(), 1)]));
    for (modifiers, key, kinds) in [
        (NONE, Key::Num1, &[("counted", 1), ("computed", 1)][..]),
        (NONE, Key::Num2, &[("computed", 1)]),
        (NONE, Key::Num3, &[("computed", 1)]),
        // Both maps, and what either run comes to.
        (NONE, Key::Num4, &[("counted", 6), ("computed", 4)]),
    ] {
        press(&mut harness, modifiers, key);
        settle(&mut harness);
        for (kind, least) in kinds {
            let found = marks(&harness).get(*kind).copied().unwrap_or(0);
            assert!(found >= always(kind) + least, "{key:?}: {found} {kind}");
        }
    }
    press(&mut harness, NONE, Key::Num0);
    for (key, kind) in [(Key::B, "counted"), (Key::Num1, "counted"), (Key::Num2, "computed"), (Key::Num4, "modelled")] {
        press(&mut harness, ALT, key);
        settle(&mut harness);
        let found = marks(&harness).get(kind).copied().unwrap_or(0);
        let beside = always(kind) + usize::from(kind == "modelled");
        assert!(found > beside, "Alt {key:?}: {found} {kind}");
    }
    press(&mut harness, ALT, Key::Num3);
    command(&mut harness, "Block sizes");
    settle(&mut harness);
    assert!(marks(&harness).get("counted").copied().unwrap_or(0) >= 1, "block sizes");
}

/// What is projected as well: the picture of the row has its mark, and no row of numbers stands beside it.
#[test]
fn projected_numbers_say_where_they_come_from() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::End);
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::F5);
    settle(&mut harness);
    assert_eq!(marks(&harness), BTreeMap::from([("computed".to_owned(), 1)]));
}
