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
