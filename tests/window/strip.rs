//! The strip of steps in the window: zoom, the steps that are seen, and loops; by keys, by the pointer, by name.

use crate::stage_support::{all_text, click, cursor, open, press, seek, settle, value};
use eframe::egui::{
    Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase, Vec2,
};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::attention::input::preset;
use tilescope::playback::{Command, STEPS_PER_S, Unit, next, previous};

const NONE: Modifiers = Modifiers::NONE;

fn len(harness: &Harness<'_, App>) -> u64 {
    harness.state().document().scene().expect("a scene is open").schedule().len()
}

/// The first and the last step that are seen.
fn seen(harness: &Harness<'_, App>) -> (u64, u64) {
    let text = value(harness, "seen steps");
    let mut numbers = text.split(' ').filter_map(|word| word.parse().ok());
    let (first, last, of) = (numbers.next(), numbers.next(), numbers.next());
    assert_eq!(of, Some(len(harness)), "{text}");
    first.zip(last).expect("two numbers")
}

/// The step at an end of the loop.
fn end_of_loop(harness: &Harness<'_, App>, name: &str) -> Option<u64> {
    harness.query_by_label(name)?;
    value(harness, name).rsplit(' ').next()?.parse().ok()
}

fn looped(harness: &Harness<'_, App>) -> Option<(u64, u64)> {
    end_of_loop(harness, "loop start").zip(end_of_loop(harness, "loop end"))
}

fn strip(harness: &Harness<'_, App>) -> Rect {
    harness.get_by_label("steps").rect()
}

/// A place on the strip while all `len` steps are seen.
fn at(harness: &Harness<'_, App>, step: u64) -> Pos2 {
    let rect = strip(harness);
    Pos2::new(rect.left() + rect.width() * step as f32 / len(harness) as f32, rect.center().y)
}

/// Presses the pointer at the first place, and lets go at the last.
fn drag(harness: &mut Harness<'_, App>, modifiers: Modifiers, from: Pos2, to: Pos2) {
    let button = |pos, pressed| Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
    for event in [
        Event::ModifiersChanged(modifiers),
        Event::PointerMoved(from),
        button(from, true),
        Event::PointerMoved(from + (to - from) / 2.0),
        Event::PointerMoved(to),
        button(to, false),
        Event::ModifiersChanged(NONE),
    ] {
        harness.event(event);
        harness.step();
    }
    settle(harness);
}

#[test]
fn keys_zoom_and_the_page_follows_the_cursor() {
    let mut harness = open(Some(preset::toy()));
    let all = (1, len(&harness));
    assert_eq!(seen(&harness), all);
    seek(&mut harness, 60);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    let (first, last) = seen(&harness);
    assert!(first <= 60 && 60 <= last && last - first < len(&harness) / 3, "{first} {last}");
    press(&mut harness, NONE, Key::End);
    assert_eq!(seen(&harness).1, len(&harness));
    press(&mut harness, NONE, Key::Home);
    assert_eq!(seen(&harness).0, 1);
    for _ in 0..20 {
        press(&mut harness, Modifiers::ALT, Key::Equals);
    }
    assert!(seen(&harness).1 <= 11, "{:?}", seen(&harness));
    press(&mut harness, Modifiers::ALT, Key::Minus);
    assert!(seen(&harness).1 > 11);
    press(&mut harness, Modifiers::ALT, Key::Num0);
    assert_eq!(seen(&harness), all);
}

#[test]
fn the_wheel_zooms_at_the_pointer_and_leaves_the_cursor() {
    let mut harness = open(Some(preset::toy()));
    seek(&mut harness, 100);
    let pos = at(&harness, 30);
    harness.event(Event::PointerMoved(pos));
    for _ in 0..4 {
        harness.event(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: Vec2::new(0.0, 60.0),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Unknown,
            modifiers: NONE,
        });
        harness.run_steps(20);
    }
    let (first, last) = seen(&harness);
    assert!(first <= 30 && (30..100).contains(&last), "{first} to {last}");
    assert_eq!(cursor(&harness), 100);
    // The strip turns its page when the cursor moves.
    press(&mut harness, NONE, Key::ArrowLeft);
    let (first, last) = seen(&harness);
    assert!(first <= 99 && 99 <= last, "{first} to {last}");
}

#[test]
fn a_click_on_a_zoomed_strip_goes_to_the_step_under_it() {
    let mut harness = open(Some(preset::toy()));
    seek(&mut harness, 60);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    let (first, last) = seen(&harness);
    let rect = strip(&harness);
    let middle = rect.center();
    drag(&mut harness, NONE, middle, middle);
    let expected = (first + last) / 2;
    assert!(cursor(&harness).abs_diff(expected) <= 1, "{} of {first} to {last}", cursor(&harness));
}

#[test]
fn a_loop_is_set_by_keys_and_played_from_its_end_to_its_start() {
    let mut harness = open(Some(preset::toy()));
    assert_eq!(looped(&harness), None);
    seek(&mut harness, 20);
    press(&mut harness, NONE, Key::I);
    assert_eq!(looped(&harness), Some((20, len(&harness))));
    seek(&mut harness, 24);
    press(&mut harness, NONE, Key::O);
    assert_eq!(looped(&harness), Some((20, 24)));
    harness.state_mut().apply(Command::Play);
    let mut visited = Vec::new();
    for _ in 0..11 {
        // The clock is the test's: exactly one step at a time.
        harness.state_mut().apply(Command::Tick(1.0 / STEPS_PER_S));
        visited.push(cursor(&harness));
    }
    assert_eq!(visited, [20, 21, 22, 23, 24, 20, 21, 22, 23, 24, 20]);
    harness.state_mut().apply(Command::Pause);
    press(&mut harness, Modifiers::SHIFT, Key::L);
    assert_eq!(looped(&harness), None);
}

#[test]
fn a_tile_is_looped_by_a_key_and_by_the_button() {
    let mut harness = open(Some(preset::toy()));
    seek(&mut harness, 50);
    let schedule = harness.state().document().scene().unwrap().schedule().clone();
    let start = previous(&schedule, 50, Unit::Tile);
    let tile = Some((start, next(&schedule, start, Unit::Tile)));
    press(&mut harness, NONE, Key::L);
    assert_eq!(looped(&harness), tile);
    click(&mut harness, "Stop looping");
    assert_eq!(looped(&harness), None);
    click(&mut harness, "Loop this tile");
    assert_eq!(looped(&harness), tile);
    // Other steps are not looped by the numbers of the old ones.
    press(&mut harness, Modifiers::COMMAND, Key::P);
    harness.event(Event::Text("Algorithm: flash1".into()));
    harness.run_steps(2);
    press(&mut harness, NONE, Key::Enter);
    assert_eq!(looped(&harness), None);
}

#[test]
fn shift_and_drag_sets_a_loop_and_its_ends_can_be_dragged() {
    let mut harness = open(Some(preset::toy()));
    seek(&mut harness, 5);
    let (from, to) = (at(&harness, 40), at(&harness, 90));
    drag(&mut harness, Modifiers::SHIFT, from, to);
    let (start, end) = looped(&harness).unwrap();
    assert!(start.abs_diff(40) <= 1 && end.abs_diff(90) <= 1, "{start} to {end}");
    assert_eq!(cursor(&harness), 5, "the head stays");
    let handle = harness.get_by_label("loop end").rect().center();
    let to = Pos2::new(at(&harness, 70).x, handle.y);
    drag(&mut harness, NONE, handle, to);
    let (kept, moved) = looped(&harness).unwrap();
    assert!(kept == start && moved.abs_diff(70) <= 1, "{kept} to {moved}");
    // An end does not pass the other.
    let handle = harness.get_by_label("loop end").rect().center();
    let to = Pos2::new(at(&harness, 2).x, handle.y);
    drag(&mut harness, NONE, handle, to);
    assert_eq!(looped(&harness), Some((start, start + 1)));
}

#[test]
fn a_zoomed_and_looped_strip_is_the_same_whichever_way_the_cursor_came() {
    let mut harness = open(Some(preset::toy()));
    seek(&mut harness, 70);
    press(&mut harness, NONE, Key::L);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    press(&mut harness, Modifiers::ALT, Key::Equals);
    seek(&mut harness, 60);
    let mut forward = Vec::new();
    for _ in 0..20 {
        press(&mut harness, NONE, Key::ArrowRight);
        forward.push(all_text(&harness));
    }
    for (n, expected) in (61..80).zip(&forward).rev() {
        press(&mut harness, NONE, Key::ArrowLeft);
        assert_eq!(all_text(&harness), *expected, "back at {n}");
    }
    for n in [75, 62, 80, 66] {
        seek(&mut harness, n);
        assert_eq!(all_text(&harness), forward[n as usize - 61], "sought {n}");
    }
}

#[test]
fn an_error_above_a_limit_is_found_by_the_keys_of_the_panel() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Home);
    click(&mut harness, "Breakpoints");
    click(&mut harness, "a row maximum rose");
    click(&mut harness, "the error is above");
    // Half the error that the run ends with: there is a hit, and it is a step that changes an average.
    press(&mut harness, NONE, Key::F10);
    assert!(value(&harness, "breakpoint").starts_with("hit at step"), "{}", value(&harness, "breakpoint"));
    let scene = harness.state().document().scene().unwrap().clone();
    let schedule = scene.schedule();
    let op = schedule.line(&schedule.step(cursor(&harness) - 1).unwrap()).label.as_str();
    assert!(["accumulate", "normalise", "store"].contains(&op), "{op}");
    let first = cursor(&harness);
    press(&mut harness, NONE, Key::End);
    let mut last = cursor(&harness);
    while value(&harness, "breakpoint") != "no further hit that way" {
        last = cursor(&harness);
        press(&mut harness, NONE, Key::F11);
    }
    assert_eq!(last, first);
}
