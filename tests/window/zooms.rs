//! Far, Middle and Near are one picture, drawn closer: the wheel leads from one into the next, what is looked at is marked
//! in each, and the numbers around the tile are the oracle's.

use crate::stage_support::{open, open_with, options, press, seek, settle, short, value};
use eframe::egui::{Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, Pos2, TouchPhase, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::input::preset;
use tilescope::attention::{Precision, oracle};
use tilescope::schedule::spec::RunSpec;

const NONE: Modifiers = Modifiers::NONE;

fn turn(harness: &mut Harness<'_, App>, at: Pos2, notches: i32) {
    harness.event(Event::PointerMoved(at));
    for _ in 0..notches.abs() {
        harness.event(Event::MouseWheel {
            unit: MouseWheelUnit::Point,
            delta: Vec2::new(0.0, 50.0 * notches.signum() as f32),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Unknown,
            modifiers: NONE,
        });
        harness.run_steps(1);
    }
    settle(harness);
}

/// Which view is on.
fn view(harness: &Harness<'_, App>) -> &'static str {
    let has = |label: &str| harness.query_by_label(label).is_some();
    match (has("schedule grid"), has("tile"), has("frame of the needle")) {
        (true, false, false) => "far",
        (false, true, false) => "middle",
        (false, false, true) => "near",
        views => panic!("{views:?}"),
    }
}

#[test]
fn the_wheel_leads_closer_over_the_tile_at_hand_and_back() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 30);
    let plane = harness.get_by_label("schedule grid").rect();
    assert!(value(&harness, "schedule grid").contains("at tile (i 0, j 3)"), "{}", value(&harness, "schedule grid"));
    // Another tile does not lead to this one.
    turn(&mut harness, plane.right_bottom() - Vec2::splat(8.0), 12);
    assert_eq!(view(&harness), "far");
    press(&mut harness, NONE, Key::Num2);
    assert_eq!(view(&harness), "middle");
    let middle = harness.get_by_label("tile").rect().center();
    turn(&mut harness, middle, 2);
    assert_eq!(view(&harness), "near");
    turn(&mut harness, middle, -2);
    assert_eq!(view(&harness), "middle");
    turn(&mut harness, middle, -2);
    assert_eq!(view(&harness), "far");
    let tile = plane.min + plane.size() * Vec2::new(0.875, 0.125);
    // As far out as it goes, then in over the tile.
    turn(&mut harness, tile, -12);
    turn(&mut harness, tile, 12);
    assert_ne!(view(&harness), "far");
}

#[test]
fn with_motion_the_way_is_drawn_and_without_it_is_not() {
    let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_step_dt(1.0 / 60.0);
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, Some(preset::toy()), &options()));
    settle(&mut harness);
    press(&mut harness, NONE, Key::Num1);
    seek(&mut harness, 30);
    for has_motion in [false, true] {
        let time = if has_motion { 0.2 } else { 0.0 };
        harness.ctx.all_styles_mut(|style| style.animation_time = time);
        harness.key_press_modifiers(NONE, Key::Num2);
        harness.run_steps(3);
        let is_far = harness.query_by_label("schedule grid").is_some();
        assert_eq!(is_far, has_motion, "three frames later");
        harness.run_steps(60);
        assert_eq!(view(&harness), "middle");
        press(&mut harness, NONE, Key::Num1);
        harness.run_steps(60);
        assert_eq!(view(&harness), "far");
    }
}

/// The numbers beside the rows are those of the tile; after the last key block they are the oracle's.
#[test]
fn what_stands_around_the_tile_is_what_the_chip_holds() {
    let input = preset::toy();
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num2);
    let plan_rows = 4..8;
    let scene = harness.state().document().scene().unwrap().clone();
    let last = (0..scene.schedule().len())
        .rev()
        .find(|n| {
            let step = scene.schedule().step(*n).unwrap();
            step.place.tile() == Some((1, 3))
        })
        .unwrap();
    seek(&mut harness, last + 1);
    let head = input.problem.head::<f64>(0, 0, Precision::F64);
    let of = |part: fn(&oracle::Row) -> f64| {
        plan_rows.clone().map(|query| short(part(&oracle::row(&head, query)))).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(value(&harness, "m on chip").rsplit(": ").next(), Some(of(|row| row.m).as_str()));
    assert_eq!(value(&harness, "l on chip").rsplit(": ").next(), Some(of(|row| row.l).as_str()));
    for (name, label) in [("Q on chip", "Q_1: "), ("K on chip", "K_3: "), ("V on chip", "V_3: ")] {
        assert!(value(&harness, name).starts_with(label), "{}", value(&harness, name));
    }
    // A block of the tile before is an outline.
    let loads_k = (0..scene.schedule().len())
        .find(|n| scene.schedule().step(*n).is_some_and(|step| step.place.tile() == Some((1, 2))))
        .unwrap();
    seek(&mut harness, loads_k + 1);
    assert!(value(&harness, "V on chip").contains("holds nothing of this block yet"));
}

/// A tensor stands where the map has it: rows left and right of the tile, keys above and below.
#[test]
fn a_backward_tile_has_its_tensors_where_the_map_has_them() {
    let run =
        RunSpec { scene: Some("toy".to_owned()), algorithm: Some("flash2-backward".to_owned()), ..RunSpec::default() };
    let mut harness = open_with(&AppOptions { place: Link { run, ..Link::default() }, ..options() });
    press(&mut harness, NONE, Key::Num2);
    let scene = harness.state().document().scene().unwrap().clone();
    let tile = (0..scene.schedule().len())
        .rev()
        .find(|n| scene.schedule().step(*n).is_some_and(|step| step.place.tile().is_some()))
        .unwrap();
    seek(&mut harness, tile + 1);
    let place = |name: &str| harness.get_by_label(&format!("{name} on chip")).rect();
    assert!(place("Q").right() < place("K").left() && place("dO").right() < place("K").left());
    assert!(place("K").bottom() < place("Q").top() && place("V").bottom() < place("Q").top());
    assert!(place("dK").top() > place("Q").bottom() && place("dV").top() > place("Q").bottom());
    assert_eq!(place("dK").x_range(), place("K").x_range());
    assert_eq!(place("dV").x_range(), place("V").x_range());
}
