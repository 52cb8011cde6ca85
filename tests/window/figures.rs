//! Figures of lessons: every bar is what the engine gets, answers come at their time, and the stage is a key away.

use crate::stage_support::{click, press, settle, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::gpu::Probe;
use tilescope::playback::lesson::{ClickOn, Position};

fn open(lesson: usize, beat: usize) -> Harness<'static, App> {
    let options = AppOptions {
        find_gpu: || Probe::Unavailable("none in this test".into()),
        lesson: Some((lesson, Position { beat, is_revealed: false })),
        ..AppOptions::default()
    };
    let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).with_max_steps(50);
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, None, &options));
    settle(&mut harness);
    harness
}

#[test]
fn an_f16_bar_overflows_once_it_is_revealed() {
    let mut harness = open(1, 0);
    assert!(value(&harness, "figure").ends_with("e^11: ?; e^12: ?"), "{}", value(&harness, "figure"));
    press(&mut harness, Modifiers::NONE, Key::PageDown);
    // f16 has 11 bits: numbers from 32768 on are multiples of 32.
    let rounded = (11f64.exp() / 32.0).round() * 32.0;
    let shown = value(&harness, "figure").replace(',', "");
    assert!(shown.ends_with(&format!("e^11: {rounded:.0}; e^12: inf")), "{shown}");
}

#[test]
fn two_rulers_measure_two_pieces() {
    let mut harness = open(2, 0);
    assert_eq!(value(&harness, "figure"), "1: 0.500; 2: 1.000; l: 1.500; 8: ?; 1: ?; l: ?");
    press(&mut harness, Modifiers::NONE, Key::PageDown);
    assert_eq!(value(&harness, "figure"), "1: 0.500; 2: 1.000; l: 1.500; 8: 1.000; 1: 0.125; l: 1.125");
}

#[test]
fn four_ways_to_hide_a_key_stand_side_by_side() {
    let mut harness = open(7, 2);
    press(&mut harness, Modifiers::NONE, Key::PageDown);
    let problem = harness.state().document().scene().unwrap().input.problem.clone();
    let mean = problem.v.slice(ndarray::s![0, 0, .., 0]).iter().map(|x| f64::from(*x as f32)).sum::<f64>() / 4.0;
    let expected = format!("-inf: 0.0000; -1000: {mean:.4}; 0: {mean:.4}; no guard: NaN; m stuck at 0: 0.0000");
    assert_eq!(value(&harness, "figure"), expected);
}

#[test]
fn a_distance_shows_the_stage_again_and_the_next_beat_its_figure() {
    // Its question asks for a number, so that a digit would be an answer.
    let mut harness = open(2, 0);
    click(&mut harness, "Near: one row");
    assert!(harness.query_by_label("figure").is_none() && harness.query_by_label("needle").is_some());
    press(&mut harness, Modifiers::ALT, Key::R);
    assert!(harness.query_by_label("figure").is_some());
}

/// Every beat whose question is answered by a click on a tensor.
fn tensor_questions() -> Vec<(usize, usize)> {
    let beats = (0..8).flat_map(|lesson| (0..10).map(move |beat| (lesson, beat)));
    beats
        .filter(|&(lesson, beat)| {
            let harness = open(lesson, beat);
            let open = harness.state().lesson().expect("a lesson");
            open.position.beat == beat && open.question().asks == Some(ClickOn::Tensor)
        })
        .collect()
}

#[test]
fn a_tensor_is_answered_by_a_click_where_it_is_drawn() {
    let questions = tensor_questions();
    assert!(!questions.is_empty());
    let mut right = 0;
    for (lesson, beat) in questions {
        for tensor in ["K", "O"] {
            let mut harness = open(lesson, beat);
            click(&mut harness, &format!("{tensor}, to be clicked"));
            assert_eq!(harness.state().lesson().expect("a lesson").work.typed, tensor);
            press(&mut harness, Modifiers::COMMAND, Key::Enter);
            let verdict = value(&harness, "verdict");
            assert!(verdict.starts_with("Right") || verdict.starts_with("Not quite"), "{verdict}");
            right += usize::from(verdict.starts_with("Right"));
            let is_open = harness.query_by_label("O, to be clicked").is_some();
            assert_eq!(is_open, !verdict.starts_with("Right"), "after a wrong one it is asked once more");
        }
    }
    assert!(right > 0, "no strip is ever the answer");
}

#[test]
fn the_grid_does_not_give_away_the_classes_that_are_asked_for() {
    // How many tiles are skipped? The plan of `toy` with a causal mask: 4 x 4 tiles, 6 above the diagonal.
    let mut harness = open(6, 0);
    assert!(!value(&harness, "schedule grid").contains("skipped"), "{}", value(&harness, "schedule grid"));
    assert!(harness.query_by_label("skipped tiles").is_none());
    press(&mut harness, Modifiers::NONE, Key::PageDown);
    assert!(value(&harness, "schedule grid").contains("6 skipped"), "{}", value(&harness, "schedule grid"));
    // Painting: until it is right.
    let paints = (0..10).find(|beat| {
        let harness = open(6, *beat);
        let lesson = harness.state().lesson().expect("a lesson");
        lesson.position.beat == *beat && lesson.question().hides.classes && lesson.predict().is_none()
    });
    let mut harness = open(6, paints.expect("a painting"));
    assert!(!value(&harness, "schedule grid").contains("skipped"));
    press(&mut harness, Modifiers::COMMAND | Modifiers::SHIFT, Key::Enter);
    assert!(value(&harness, "schedule grid").contains("skipped"), "{}", value(&harness, "schedule grid"));
}
