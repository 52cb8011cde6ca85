//! The sides of the window fold where it is narrow, so that the picture keeps its room, and come back when they are asked for.

use crate::stage_support::{click, command, open_as, open_sized, options, press};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::attention::input::preset;
use tilescope::playback::lesson::Position;

/// The width of the main view.
fn map(harness: &mut Harness<'_, App>) -> Vec2 {
    press(harness, Modifiers::NONE, Key::Num1);
    harness.get_by_label("memory").rect().size()
}

#[test]
fn a_narrow_window_shows_the_picture_first() {
    for (size, least) in [((911.0, 512.0), 0.6), ((640.0, 400.0), 0.8), ((999.0, 700.0), 0.6)] {
        let mut harness = open_sized(Some(preset::toy()), Vec2::from(size), 1.0);
        let room = map(&mut harness);
        assert!(room.x >= least * size.0, "{room:?} of {size:?}");
        assert!(harness.query_by_label("Counts").is_none());
    }
    let mut wide = open_sized(Some(preset::toy()), Vec2::new(1280.0, 800.0), 1.0);
    assert!(wide.query_by_label("Counts").is_some());
    assert!(map(&mut wide).x >= 700.0);
}

#[test]
fn a_folded_side_comes_back_by_its_button_by_key_and_when_it_is_asked_for() {
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(911.0, 512.0), 1.0);
    click(&mut harness, "Fold or show the right side");
    assert!(harness.query_by_label("Counts").is_some());
    press(&mut harness, Modifiers::ALT, Key::CloseBracket);
    assert!(harness.query_by_label("Counts").is_none());
    command(&mut harness, "Code");
    assert!(harness.query_by_label("Counts").is_some(), "its tab is to be seen");
    assert!(harness.query_all_by_label("Setup").next().is_some());
    press(&mut harness, Modifiers::ALT, Key::OpenBracket);
    assert!(harness.query_all_by_label("Setup").next().is_none());
    command(&mut harness, "Show the setup");
    assert!(harness.query_all_by_label("Setup").next().is_some());
}

#[test]
fn a_lesson_is_never_folded_away() {
    let lesson = Some((4, Position::default()));
    let harness = open_as(None, &AppOptions { lesson, ..options() }, Vec2::new(640.0, 400.0), 1.0);
    assert!(harness.query_by_label("Lesson").is_some());
    assert!(harness.query_by_label("beat").is_some());
}

/// Each layout shows what it is for, leaves the map its share, and closes what lies over it.
#[test]
fn a_layout_puts_everything_in_its_place() {
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(1280.0, 800.0), 1.0);
    let shown = |harness: &Harness<'_, App>, label: &str| harness.query_all_by_label(label).next().is_some();
    for (key, [setup, lesson, bytes]) in
        [(Key::Num1, [false, false, true]), (Key::Num2, [false, true, false]), (Key::Num3, [true, false, false])]
    {
        click(&mut harness, "Breakpoints");
        press(&mut harness, Modifiers::ALT, Key::Num2);
        press(&mut harness, Modifiers::NONE, Key::Num3);
        press(&mut harness, Modifiers::COMMAND, key);
        assert_eq!(shown(&harness, "Block rows br"), setup, "{key:?}");
        assert_eq!(shown(&harness, "Lessons"), lesson, "{key:?}");
        assert_eq!(shown(&harness, "total bytes"), bytes, "{key:?}");
        assert!(!shown(&harness, "Stop after the step where"), "{key:?}: breakpoints lie over the map");
        // From the same distance as with the key 1.
        let room = harness.get_by_label("memory").rect().size();
        assert!(room.x >= 0.55 * 1280.0, "{key:?}: {room:?}");
    }
}

/// A side can be widened where the map keeps three fifths of the width, and not where it would not.
#[test]
fn a_side_is_widened_at_its_edge_as_far_as_the_map_allows() {
    use eframe::egui::{Event, PointerButton, Pos2};
    let narrow = open_sized(Some(preset::toy()), Vec2::new(1200.0, 800.0), 1.0);
    assert!(narrow.query_by_label("Width of this side").is_none());
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(1920.0, 1080.0), 1.0);
    let before = map(&mut harness);
    let edges: Vec<Pos2> = harness.get_all_by_label("Width of this side").map(|edge| edge.rect().center()).collect();
    assert_eq!(edges.len(), 2, "of both sides");
    for (n, edge) in edges.into_iter().enumerate() {
        let to = edge + Vec2::new(if edge.x < 960.0 { 900.0 } else { -900.0 }, 0.0);
        harness.event(Event::PointerMoved(edge));
        harness.run_steps(1);
        for (pos, pressed) in [(edge, true), (to, false)] {
            harness.event(Event::PointerMoved(pos));
            harness.run_steps(1);
            harness.event(Event::PointerButton {
                pos,
                button: PointerButton::Primary,
                pressed,
                modifiers: Modifiers::NONE,
            });
            harness.run_steps(2);
        }
        let after = map(&mut harness);
        assert!(after.x < before.x - 60.0 * (n + 1) as f32, "{after:?} of {before:?}");
        // With its margins.
        assert!(after.x + 24.0 >= 0.6 * 1920.0 - 1.0, "{after:?}");
    }
}

/// What is asked for stands at the side: it covers nothing of the map, the latest is the first, and Esc takes them one by one.
#[test]
fn what_is_asked_for_stands_beside_the_map() {
    for size in [Vec2::new(1280.0, 800.0), Vec2::new(911.0, 512.0)] {
        let mut harness = open_sized(Some(preset::toy()), size, 1.0);
        press(&mut harness, Modifiers::NONE, Key::Num1);
        for (name, inside) in [("Breakpoints", "Stop after the step where"), ("Block sizes", "N of the surface")] {
            click(&mut harness, name);
            let plane = harness.get_by_label("memory").rect();
            let panel = harness.get_by_label(inside).rect();
            assert!(panel.left() >= plane.right(), "{name} at {panel:?} over {plane:?}");
        }
        let place = |harness: &Harness<'_, App>, label: &str| harness.get_by_label(label).rect().top();
        assert!(place(&harness, "N of the surface") < place(&harness, "Stop after the step where"));
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(harness.query_by_label("N of the surface").is_none());
        assert!(harness.query_by_label("Stop after the step where").is_some());
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(harness.query_by_label("Stop after the step where").is_none());
    }
}
