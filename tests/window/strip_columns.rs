//! The strip of many steps: several share a column, and how many is said.

use crate::painted::all_painted;
use crate::stage_support::{open_as, open_with, options, press, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::input::random;
use tilescope::schedule::{RunSpec, Tiling};

const NONE: Modifiers = Modifiers::NONE;

fn under(algorithm: &str, block: usize) -> AppOptions {
    let run = RunSpec { algorithm: Some(algorithm.into()), ..RunSpec::default() };
    AppOptions { place: Link { run: run.with_blocks(Tiling { br: block, bc: block }), ..Link::default() }, ..options() }
}

fn len(harness: &Harness<'_, App>) -> u64 {
    harness.state().document().scene().expect("a run").schedule().len()
}

/// The number after `head` in what is said of the columns.
fn steps_of_a_column(harness: &Harness<'_, App>) -> f64 {
    let told = value(harness, "columns of the strip");
    let number = told.strip_prefix("A column of the strip is ").and_then(|rest| rest.split(' ').next());
    number
        .map(|number| number.replace(',', ""))
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("{told}"))
}

/// As many steps as there are, over as many columns as there are pixels: said where there is more than one, in every size.
#[test]
fn a_column_says_how_many_steps_it_is() {
    for (n, block) in [(256, 16), (512, 8), (640, 4)] {
        for (size, scale) in
            [(Vec2::new(1280.0, 800.0), 1.0), (Vec2::new(900.0, 700.0), 1.0), (Vec2::new(700.0, 500.0), 2.0)]
        {
            let input = random::read(&format!("random:{n},{n},4"), 0).expect("an input");
            let harness = open_as(Some(input), &under("flash2", block), size, scale);
            let width = harness.get_by_label("steps").rect().width() * scale;
            let columns = width.round().min(1024.0);
            let expected = len(&harness) as f64 / f64::from(columns);
            assert!(expected > 1.0, "{n} {block}");
            let told = steps_of_a_column(&harness);
            let slack = if expected < 10.0 { 0.06 } else { 0.51 };
            assert!((told - expected).abs() < slack, "{told} and not {expected}: {n} {block} in {size:?}");
            let short = all_painted(&harness).into_iter().find(|painted| painted.text.ends_with(" steps a column"));
            let short = short.expect("it is painted").text;
            assert_eq!(short.split(' ').next().map(|text| text.replace(',', "")), Some(shown(told)), "{short}");
        }
    }
}

fn shown(steps: f64) -> String {
    if steps < 10.0 { format!("{steps:.1}") } else { format!("{steps:.0}") }
}

/// Zoomed in until a step has its own column, nothing is said; and zoomed out again, it is.
#[test]
fn where_each_step_is_seen_nothing_is_said() {
    let input = random::read("random:256,256,4", 0).expect("an input");
    let mut harness = open_as(Some(input), &under("flash2", 16), Vec2::new(1280.0, 800.0), 1.0);
    let mut before = steps_of_a_column(&harness);
    while harness.query_by_label("columns of the strip").is_some() {
        let now = steps_of_a_column(&harness);
        assert!(now <= before);
        before = now;
        press(&mut harness, Modifiers::ALT, Key::Equals);
    }
    let seen = value(&harness, "seen steps");
    let mut numbers = seen.split(' ').filter_map(|word| word.parse::<f64>().ok());
    let (first, last) = numbers.next().zip(numbers.next()).expect("two numbers");
    assert!(last - first < f64::from(harness.get_by_label("steps").rect().width()) + 1.0, "{seen}");
    press(&mut harness, Modifiers::ALT, Key::Num0);
    assert!(harness.query_by_label("columns of the strip").is_some());
    // A short schedule says nothing.
    let harness = open_with(&options());
    assert!(len(&harness) < 200 && harness.query_by_label("columns of the strip").is_none());
}

/// Of a schedule that is not walked, turns of the outer loop are looked at: every n-th, as many as the strip knows.
#[test]
fn a_strip_of_turns_says_which_are_seen() {
    for (shape, block, each) in [("random:1048576,1048576,128", 128, 1), ("random:1048576,1024,128", 32, 2)] {
        let input = random::read_or_count(shape, 0).expect("a shape");
        let mut harness = open_as(Some(input), &under("flash2", block), Vec2::new(1280.0, 800.0), 1.0);
        let schedule = harness.state().document().scene().expect("a run").schedule().clone();
        assert_eq!((schedule.plan().br, schedule.section_count()), (block, (1 << 20) / block));
        let told = value(&harness, "columns of the strip");
        let turns = if each == 1 { "of 1 turn one".to_owned() } else { format!("of {each} turns one") };
        assert!(told.contains("in one turn of the outer loop") && told.contains(&turns), "{told}");
        let is_told = |text: &str| text == format!("one turn in {each} is seen");
        assert_eq!(all_painted(&harness).iter().any(|painted| is_told(&painted.text)), each > 1, "{shape}");
        // Near enough, every step is written again.
        for _ in 0..40 {
            press(&mut harness, Modifiers::ALT, Key::Equals);
        }
        assert!(harness.query_by_label("columns of the strip").is_none());
        press(&mut harness, NONE, Key::ArrowRight);
    }
}
