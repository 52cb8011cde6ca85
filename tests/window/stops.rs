//! Breakpoints: a stop says which conditions hold there and where it is; the strip marks what the schedule tells of them.

use std::collections::BTreeSet;

use crate::stage_support::{click, cursor, open, open_with, options, press, seek, value};
use eframe::egui::epaint::Shape;
use eframe::egui::{Key, Modifiers, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::input::preset;
use tilescope::schedule::Schedule;
use tilescope::schedule::spec::Choice;

const NONE: Modifiers = Modifiers::NONE;

fn causal(algorithm: &str) -> Harness<'static, App> {
    let mut run = Link::of_input("random:14,14,4").run;
    for (name, value) in [("algorithm", algorithm), ("br", "4"), ("bc", "3"), ("causal", "true")] {
        Choice::by_name(name).expect("a choice").set(&mut run, value).unwrap_or_else(|fault| panic!("{fault}"));
    }
    open_with(&AppOptions { place: Link { run, ..Link::default() }, ..options() })
}

fn schedule(harness: &Harness<'_, App>) -> Schedule {
    harness.state().document().scene().expect("a run").schedule().clone()
}

/// Every hit from the start on, with what is said of it.
fn hits(harness: &mut Harness<'_, App>) -> Vec<(u64, String)> {
    press(harness, NONE, Key::Home);
    let mut found = Vec::new();
    loop {
        press(harness, NONE, Key::F10);
        let told = value(harness, "breakpoint");
        if told == "no further hit that way" {
            return found;
        }
        found.push((cursor(harness), told));
        assert!(found.len() < 500, "{found:?}");
    }
}

/// Conditions by their check boxes, and what a stop says of each.
const CONDITIONS: [(&str, &str); 4] = [
    ("a row maximum rose", "m rises"),
    ("alpha is below", "alpha is below 0.5000"),
    ("the operation is", "the operation is load"),
    ("the tile is partly masked", "the tile is partly masked"),
];

/// Of several conditions a stop names those that stop there when they are set alone, and no other; and its place.
#[test]
fn a_stop_names_every_condition_that_holds_and_its_place() {
    for algorithm in ["flash1", "flash2"] {
        let mut harness = causal(algorithm);
        click(&mut harness, "Breakpoints");
        click(&mut harness, "a row maximum rose");
        let mut alone = Vec::new();
        for (name, said) in CONDITIONS {
            click(&mut harness, name);
            let found = hits(&mut harness);
            assert!(found.iter().all(|(_, told)| told.ends_with(&format!(": {said}"))), "{name}: {found:?}");
            alone.push(found.into_iter().map(|(cursor, _)| cursor).collect::<BTreeSet<_>>());
            click(&mut harness, name);
        }
        assert!(alone.iter().all(|found| !found.is_empty()), "{algorithm}: {alone:?}");
        for (name, _) in CONDITIONS {
            click(&mut harness, name);
        }
        let schedule = schedule(&harness);
        let (all, mut together) = (hits(&mut harness), 0);
        let union: BTreeSet<u64> = alone.iter().flatten().copied().collect();
        assert_eq!(all.iter().map(|(cursor, _)| *cursor).collect::<BTreeSet<_>>(), union, "{algorithm}");
        for (cursor, told) in all {
            let place = schedule.step(cursor - 1).expect("a step").place;
            let place = match (place.i(), place.j()) {
                (Some(i), Some(j)) => format!("tile (i {i}, j {j})"),
                (Some(i), None) => format!("query block i {i}"),
                (None, Some(j)) => format!("key block j {j}"),
                (None, None) => "all blocks".to_owned(),
            };
            let met: Vec<&str> = CONDITIONS
                .iter()
                .zip(&alone)
                .filter(|(_, of)| of.contains(&cursor))
                .map(|((_, said), _)| *said)
                .collect();
            together += usize::from(met.len() > 1);
            assert_eq!(told, format!("hit at step {cursor}, {place}: {}", met.join("; ")), "{algorithm}");
        }
        assert!(together > 0, "{algorithm}: no step has two");
    }
}

/// A search that finds nothing, and one that has nothing to look for, say so.
#[test]
fn a_search_without_a_hit_says_so() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Home);
    click(&mut harness, "Breakpoints");
    click(&mut harness, "a row maximum rose");
    press(&mut harness, NONE, Key::F10);
    assert_eq!((cursor(&harness), value(&harness, "breakpoint")), (0, "Choose what to stop at.".into()));
    click(&mut harness, "the tile is masked whole");
    press(&mut harness, NONE, Key::F10);
    assert_eq!((cursor(&harness), value(&harness, "breakpoint")), (0, "no further hit that way".into()));
    click(&mut harness, "the tile is masked whole");
    click(&mut harness, "the tile is");
    press(&mut harness, NONE, Key::F10);
    assert!(value(&harness, "breakpoint").ends_with(", tile (i 0, j 0): the tile is (i 0, j 0)"));
}

fn triangles(shape: &Shape, within: Rect, found: &mut Vec<f32>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| triangles(shape, within, found)),
        Shape::Path(path) if path.points.len() == 3 && within.expand(1.0).contains(path.points[0]) => {
            found.push(path.points[0].x);
        }
        _ => {}
    }
}

/// Where the marks stand on the strip.
fn marks(harness: &Harness<'_, App>) -> Vec<f32> {
    let (place, mut found) = (harness.get_by_label("breakpoints on the strip").rect(), Vec::new());
    // What the side has scrolled away lies there, too, and is cut off.
    let seen = harness.output().shapes.iter().filter(|shape| shape.clip_rect.contains_rect(place));
    seen.for_each(|shape| triangles(&shape.shape, place, &mut found));
    found.sort_by(f32::total_cmp);
    found
}

/// Steps with this label, as a cursor has them: after each.
fn after(schedule: &Schedule, label: &str) -> Vec<u64> {
    let is = |n: &u64| schedule.line(&schedule.step(*n).expect("a step")).label == label;
    (0..schedule.len()).filter(is).map(|n| n + 1).collect()
}

#[test]
fn the_strip_marks_what_the_schedule_tells() {
    for algorithm in ["standard", "flash1", "flash2"] {
        let mut harness = causal(algorithm);
        assert!(harness.query_by_label("breakpoints on the strip").is_none(), "nothing is set");
        click(&mut harness, "Breakpoints");
        let schedule = schedule(&harness);
        let others = "what the numbers decide is marked where a search has found it";
        assert_eq!(value(&harness, "breakpoints on the strip"), format!("no hit is marked; {others}"));
        assert!(marks(&harness).is_empty());
        click(&mut harness, "a row maximum rose");
        assert_eq!(value(&harness, "breakpoints on the strip"), "no hit is marked");
        click(&mut harness, "the operation is");
        let loads = after(&schedule, "load");
        let told = value(&harness, "breakpoints on the strip");
        assert!(told.starts_with(&format!("{} hits: after steps {}, {}", loads.len(), loads[0], loads[1])), "{told}");
        let (strip, len) = (harness.get_by_label("steps").rect(), schedule.len() as f32);
        let places = marks(&harness);
        assert_eq!(places.len(), loads.len(), "{algorithm}");
        for (x, load) in places.iter().zip(&loads) {
            let wanted = strip.left() + strip.width() * *load as f32 / len;
            assert!((x - wanted).abs() < 1.0, "{algorithm}: {x} instead of {wanted}");
        }
        // Those of the steps that are seen.
        seek(&mut harness, schedule.len() / 2);
        press(&mut harness, Modifiers::ALT, Key::Equals);
        press(&mut harness, Modifiers::ALT, Key::Equals);
        let seen = value(&harness, "seen steps");
        let mut numbers = seen.split(' ').filter_map(|word| word.parse::<u64>().ok());
        let (first, last) = numbers.next().zip(numbers.next()).expect("two numbers");
        // The last one may be seen in part.
        let most = loads.iter().filter(|load| (first..=last).contains(*load)).count();
        let least = loads.iter().filter(|load| (first..last).contains(*load)).count();
        let shown = marks(&harness).len();
        assert!((least..=most).contains(&shown) && 0 < shown && shown < loads.len(), "{algorithm}: {shown} in {seen}");
        press(&mut harness, Modifiers::ALT, Key::Num0);
        press(&mut harness, NONE, Key::Escape);
        assert!(harness.query_by_label("breakpoints on the strip").is_none(), "the panel is closed");
    }
}

/// What only the numbers tell has its mark once a search was there, until what is asked for changes.
#[test]
fn a_hit_that_was_found_is_marked() {
    let mut harness = causal("flash2");
    click(&mut harness, "Breakpoints");
    let found = hits(&mut harness);
    let cursors: Vec<String> = found.iter().map(|(cursor, _)| cursor.to_string()).collect();
    assert!((2..=12).contains(&found.len()), "{found:?}");
    let told = value(&harness, "breakpoints on the strip");
    assert!(told.starts_with(&format!("{} hits: after steps {}", found.len(), cursors.join(", "))), "{told}");
    assert_eq!(marks(&harness).len(), found.len());
    click(&mut harness, "a NaN appeared");
    assert!(value(&harness, "breakpoints on the strip").starts_with("no hit is marked"), "it is another question");
    assert!(marks(&harness).is_empty());
    click(&mut harness, "a NaN appeared");
    assert_eq!(marks(&harness).len(), found.len(), "the same question again");
}
