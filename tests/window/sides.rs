//! The sides of the window fold where it is narrow, so that the picture keeps its room, and come back when they are asked for.

use crate::stage_support::{choose, click, command, open_as, open_sized, open_with, options, press, value};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
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

/// An edge dragged so far to the right.
fn drag(harness: &mut Harness<'_, App>, edge: Pos2, by: f32) {
    harness.event(Event::PointerMoved(edge));
    harness.run_steps(1);
    for (pos, pressed) in [(edge, true), (edge + Vec2::new(by, 0.0), false)] {
        harness.event(Event::PointerMoved(pos));
        harness.run_steps(1);
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        harness.event(Event::PointerButton { pos, button, pressed, modifiers });
        harness.run_steps(2);
    }
}

/// A side can be widened where the map keeps three fifths of the width, and not where it would not.
#[test]
fn a_side_is_widened_at_its_edge_as_far_as_the_map_allows() {
    let narrow = open_sized(Some(preset::toy()), Vec2::new(1200.0, 800.0), 1.0);
    assert!(narrow.query_by_label("Width of this side").is_none());
    let mut harness = open_sized(Some(preset::toy()), Vec2::new(1920.0, 1080.0), 1.0);
    let before = map(&mut harness);
    let edges: Vec<Pos2> = harness.get_all_by_label("Width of this side").map(|edge| edge.rect().center()).collect();
    assert_eq!(edges.len(), 2, "of both sides");
    for (n, edge) in edges.into_iter().enumerate() {
        drag(&mut harness, edge, if edge.x < 960.0 { 900.0 } else { -900.0 });
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
        for (name, inside) in [("Breakpoints", "Stop after the step where"), ("Block sizes", "queries of the surface")]
        {
            click(&mut harness, name);
            let plane = harness.get_by_label("memory").rect();
            let panel = harness.get_by_label(inside).rect();
            assert!(panel.left() >= plane.right(), "{name} at {panel:?} over {plane:?}");
        }
        let place = |harness: &Harness<'_, App>, label: &str| harness.get_by_label(label).rect().top();
        assert!(place(&harness, "queries of the surface") < place(&harness, "Stop after the step where"));
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(harness.query_by_label("queries of the surface").is_none());
        assert!(harness.query_by_label("Stop after the step where").is_some());
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(harness.query_by_label("Stop after the step where").is_none());
    }
}

/// What is worked in stands beside the map as well, and the map keeps three fifths of a window that has the room; the latest
/// is seen, Esc takes them one by one, and the setup gives way without being closed for good.
#[test]
fn what_is_worked_in_stands_beside_the_map() {
    const WORK: [(&str, &str, &str); 3] = [
        ("Edit the text of the algorithm", "Text of the algorithm", "text of the algorithm"),
        ("Edit the kernel", "Source of the kernel", "source of the kernel"),
        ("GPU panel", "GPU", "Devices"),
    ];
    for (size, least) in
        [((1280.0, 800.0), 0.6), ((1920.0, 1080.0), 0.6), ((911.0, 512.0), 0.55), ((640.0, 400.0), 0.4)]
    {
        let mut harness = open_sized(Some(preset::toy()), Vec2::from(size), 1.0);
        press(&mut harness, Modifiers::NONE, Key::Num1);
        let has_setup = |harness: &Harness<'_, App>| harness.query_by_label("Block rows br").is_some();
        let had_setup = has_setup(&harness);
        for (name, title, inside) in WORK {
            command(&mut harness, name);
            harness.get_by_label(title);
            let (map, panel) = (harness.get_by_label("memory").rect(), harness.get_by_label(inside).rect());
            assert!(panel.left() >= map.right(), "{name} at {panel:?} over {map:?}");
            // With its margins.
            assert!(map.width() + 24.0 >= least * size.0 - 1.0, "{name}: {map:?} of {size:?}");
            assert_eq!(has_setup(&harness), had_setup && size.0 > 1440.0, "{name} at {size:?}");
        }
        // The latest first, and what has no room is named and comes back.
        let is_tall = size.1 > 1000.0;
        assert_eq!(harness.query_by_label("source of the kernel").is_some(), is_tall, "{size:?}");
        assert!(harness.query_by_label("text of the algorithm").is_none(), "{size:?}");
        click(&mut harness, "Text of the algorithm");
        assert!(harness.query_by_label("text of the algorithm").is_some(), "{size:?}");
        for below in ["Devices", "source of the kernel"] {
            press(&mut harness, Modifiers::NONE, Key::Escape);
            assert!(harness.query_by_label(below).is_some(), "{below} at {size:?}");
        }
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(WORK.iter().all(|(_, _, inside)| harness.query_by_label(inside).is_none()), "{size:?}");
        assert_eq!(has_setup(&harness), had_setup, "{size:?}");
        // A side that is asked for again stays beside what is worked in.
        command(&mut harness, "Edit the kernel");
        command(&mut harness, "Show the setup");
        assert!(has_setup(&harness), "{size:?}");
    }
}

/// What a person made of a width is there at the next start, in a window that has the room: a narrower one takes what it
/// can, and forgets nothing.
#[test]
fn a_width_is_kept_over_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
    let opened = |width: f32| open_as(Some(preset::toy()), &options, Vec2::new(width, 1080.0), 1.0);
    let before = map(&mut opened(1920.0)).x;
    {
        let mut harness = opened(1920.0);
        let edges = harness.get_all_by_label("Width of this side").map(|edge| edge.rect().center());
        let right = edges.max_by(|a, b| a.x.total_cmp(&b.x)).expect("an edge");
        drag(&mut harness, right, -60.0);
        assert!((map(&mut harness).x - (before - 60.0)).abs() < 2.0);
        harness.run_steps(200);
    }
    let narrow = map(&mut opened(1200.0)).x;
    let mut harness = opened(1920.0);
    assert!((map(&mut harness).x - (before - 60.0)).abs() < 2.0, "{narrow}");
    // The same window, made narrow and wide again.
    for (width, expected) in [(1200.0, narrow), (1920.0, before - 60.0)] {
        harness.set_size(Vec2::new(width, 1080.0));
        harness.run_steps(3);
        assert!((map(&mut harness).x - expected).abs() < 2.0, "{width}");
    }
}

/// A file is a person's: what it says of widths and sections may be anything.
#[test]
fn widths_that_are_none_are_met() {
    for widths in
        [r#"{"near": 1e300, "setup": -4, "workbench": 0, "elsewhere": 7}"#, r#"{"near": "wide"}"#, r#"[3]"#, "null"]
    {
        let folder = tempfile::tempdir().expect("a folder");
        let text =
            format!(r#"{{"version": 1, "has_started": true, "widths": {widths}, "sections": {{"Mask": false}}}}"#);
        std::fs::write(folder.path().join("settings.json"), text).expect("it is written");
        let options = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
        let mut harness = open_as(Some(preset::toy()), &options, Vec2::new(1920.0, 1080.0), 1.0);
        assert!(map(&mut harness).x + 24.0 >= 0.6 * 1920.0 - 1.0, "{widths}");
        assert!(harness.query_by_label("Counts").is_some() && harness.query_by_label("Block rows br").is_some());
        assert!(harness.query_by_label("Causal mask").is_none(), "its section is folded");
        command(&mut harness, "Edit the kernel");
        assert!(harness.get_by_label("memory").rect().width() + 24.0 >= 0.6 * 1920.0 - 1.0, "{widths}");
    }
}

/// A section that is folded says in one line what is chosen in it, stays so at the next start, and opens for the palette.
#[test]
fn a_section_of_the_setup_folds_and_says_what_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Link::of_scene("real");
    let options = AppOptions { folder: Some(folder.path().to_owned()), place, ..options() };
    let shown = |harness: &Harness<'_, App>, name: &str| harness.query_by_label(name).is_some();
    {
        let mut harness = open_with(&options);
        assert!(shown(&harness, "Causal mask"));
        assert_eq!(value(&harness, "Mask"), "causal");
        click(&mut harness, "Sliding window");
        click(&mut harness, "Mask");
        assert!(!shown(&harness, "Causal mask"));
        assert_eq!(value(&harness, "Mask"), "causal, window 4,0");
        click(&mut harness, "More Block rows br");
        assert_eq!(value(&harness, "Blocks"), "5 x 4");
        click(&mut harness, "Precision");
        choose(&mut harness, "Precision: ", "bf16");
        assert_eq!(value(&harness, "Precision"), "bf16");
        harness.run_steps(200);
    }
    let mut harness = open_with(&options);
    assert!(!shown(&harness, "Causal mask") && shown(&harness, "Block rows br"));
    assert_eq!(value(&harness, "Mask"), "causal");
    press(&mut harness, Modifiers::COMMAND, Key::P);
    crate::stage_support::type_text(&mut harness, "padding");
    press(&mut harness, Modifiers::NONE, Key::Enter);
    assert!(shown(&harness, "Padding mask") && shown(&harness, "Causal mask"));
}
