//! Near with many keys: which of them have a dot is said, and the numbers below the dots can be read.

use crate::painted::all_painted;
use crate::stage_support::{open_with, options, press, value};
use eframe::egui::epaint::Shape;
use eframe::egui::{Key, Modifiers, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::schedule::spec::Choice;

const NONE: Modifiers = Modifiers::NONE;

/// At the end of a run of one row over so many keys, in blocks of so many.
fn near(keys: usize, block: usize) -> Harness<'static, App> {
    let mut run = Link::of_input(format!("random:1,{keys},8")).run;
    for (name, value) in [("algorithm", "flash2".to_owned()), ("br", "1".into()), ("bc", block.to_string())] {
        Choice::by_name(name).expect("a choice").set(&mut run, &value).unwrap_or_else(|fault| panic!("{fault}"));
    }
    let mut harness = open_with(&AppOptions { place: Link { run, ..Link::default() }, ..options() });
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::End);
    harness
}

fn circles(shape: &Shape, within: Rect, found: &mut usize) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| circles(shape, within, found)),
        Shape::Circle(circle) if within.contains(circle.center) => *found += 1,
        _ => {}
    }
}

/// Scores of the row by dot products.
fn scores(harness: &Harness<'_, App>) -> Vec<f64> {
    let problem = &harness.state().document().source().problem;
    let (keys, d) = (problem.k.shape()[2], problem.k.shape()[3]);
    let dot = |key: usize| -> f64 { (0..d).map(|c| problem.q[[0, 0, 0, c]] * problem.k[[0, 0, key, c]]).sum() };
    (0..keys).map(dot).collect()
}

/// As many dots as are told: every n-th key, and the largest score of each tile.
#[test]
fn what_has_a_dot_is_said() {
    for (keys, block) in [(2048, 128), (1000, 64), (300, 7), (257, 256)] {
        let harness = near(keys, block);
        let stride = keys.div_ceil(256);
        let told = value(&harness, "keys that have a dot");
        assert_eq!(told, format!("one key in {stride} has a dot, and the largest score of each tile"));
        let is_told = |text: &str| text.len() > 12 && told.starts_with(text.trim_end_matches('\u{2026}'));
        assert!(all_painted(&harness).iter().any(|painted| is_told(&painted.text)), "{told}");
        let scores = scores(&harness);
        let mut dots: Vec<usize> = (0..keys).step_by(stride).collect();
        for (tile, of_tile) in scores.chunks(block).enumerate() {
            let top = (0..of_tile.len()).max_by(|a, b| of_tile[*a].total_cmp(&of_tile[*b])).expect("a key");
            dots.push(tile * block + top);
        }
        dots.sort_unstable();
        dots.dedup();
        let numbers = harness.get_by_label("numbers of the keys").rect();
        let above = Rect::from_x_y_ranges(numbers.x_range(), numbers.top() - 600.0..=numbers.top() - 16.0);
        let mut painted = 0;
        harness.output().shapes.iter().for_each(|shape| circles(&shape.shape, above, &mut painted));
        assert_eq!(painted, dots.len(), "{keys} keys in blocks of {block}");
    }
}

/// Of few keys each has its dot, and nothing is said of that.
#[test]
fn few_keys_have_a_dot_each() {
    for keys in [1, 16, 255, 256] {
        let harness = near(keys, 16);
        assert!(harness.query_by_label("keys that have a dot").is_none(), "{keys}");
    }
}

/// The numbers below the dots are whole, stand apart, each where its key is, and go on to the end of the row.
#[test]
fn the_numbers_of_the_keys_can_be_read() {
    for (keys, block) in [(64, 16), (100, 100), (257, 16), (1000, 64), (2048, 128), (16384, 128)] {
        let harness = near(keys, block);
        let told = value(&harness, "numbers of the keys");
        let numbers: Vec<usize> = told.split(", ").map(|number| number.parse().expect("a number")).collect();
        let step = numbers[1];
        let expected: Vec<usize> = (0..keys).step_by(step).collect();
        assert_eq!(numbers, expected, "{keys}");
        let digits = step.to_string();
        assert!(["1", "2", "5"].contains(&digits.trim_end_matches('0')), "{step} is no step of an axis");
        let line = harness.get_by_label("numbers of the keys").rect();
        let mut painted: Vec<(Rect, String)> = all_painted(&harness)
            .into_iter()
            .filter(|painted| painted.lines.iter().all(|of| line.expand(8.0).contains(of.center())))
            .map(|painted| (painted.lines[0], painted.text))
            .collect();
        painted.sort_by(|a, b| a.0.left().total_cmp(&b.0.left()));
        let texts: Vec<&str> = painted.iter().map(|(_, text)| text.as_str()).collect();
        let wanted: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(texts, wanted, "{keys}");
        for pair in painted.windows(2) {
            assert!(pair[0].0.right() + 2.0 < pair[1].0.left(), "{keys}: {pair:?}");
        }
        for (rect, text) in &painted {
            let key: f32 = text.parse().expect("a number");
            let wanted = line.left() + line.width() * (key + 0.5) / keys as f32;
            assert!((rect.center().x - wanted).abs() < 3.0, "{keys}: {text} at {rect:?} instead of {wanted}");
        }
    }
}

/// The axis is there before the first score is.
#[test]
fn the_numbers_stand_still_while_scores_arrive() {
    let mut harness = near(1000, 64);
    let at_end = value(&harness, "numbers of the keys");
    press(&mut harness, NONE, Key::Home);
    for key in [Key::ArrowRight, Key::ArrowRight, Key::ArrowRight, Key::ArrowRight] {
        press(&mut harness, NONE, key);
        assert_eq!(value(&harness, "numbers of the keys"), at_end);
    }
}
