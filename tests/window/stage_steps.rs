//! Steps on the stage: breakpoints, where a number came from, code lit in both panes; all by name.

use crate::stage_support::{click, cursor, open, open_with, options, press, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use tilescope::app::{AppOptions, Link};
use tilescope::attention::input::preset;
use tilescope::number::short;
use tilescope::schedule::kernel_lines;

const NONE: Modifiers = Modifiers::NONE;

#[test]
fn the_next_risen_maximum_is_found_and_the_keys_hold_only_while_the_panel_is_open() {
    let mut harness = open(Some(preset::row()));
    press(&mut harness, NONE, Key::Home);
    press(&mut harness, NONE, Key::F10);
    assert_eq!(cursor(&harness), 0);
    click(&mut harness, "Breakpoints");
    press(&mut harness, NONE, Key::F10);
    let scene = harness.state().document().scene().unwrap().clone();
    let step = scene.schedule().step(cursor(&harness) - 1).unwrap();
    assert_eq!((scene.schedule().line(&step).label.as_str(), step.place.tile()), ("row-max", Some((0, 1))));
    assert!(value(&harness, "alpha of the row").starts_with("0.25"));
    let hit = cursor(&harness);
    press(&mut harness, NONE, Key::F10);
    assert_eq!((cursor(&harness), value(&harness, "breakpoint")), (hit, "no further hit that way".into()));
    press(&mut harness, NONE, Key::End);
    press(&mut harness, NONE, Key::F11);
    assert_eq!(cursor(&harness), hit);
}

#[test]
fn a_value_leads_to_the_steps_that_made_it_and_back() {
    let mut harness = open(None);
    let at = cursor(&harness);
    let l = value(&harness, "l of the row");
    click(&mut harness, "l of the row");
    assert!(value(&harness, "origin of").starts_with(&format!("l of row 13, as it is after step {at}")));
    let scene = harness.state().document().scene().unwrap().clone();
    let schedule = scene.schedule();
    let made = (0..at).rev().find(|n| schedule.line(&schedule.step(*n).unwrap()).label == "rescale").unwrap();
    // With the numbers of the needle: alpha 0.170, l 3.417 (visual form of the run `real`).
    for _ in 0..20 {
        harness.run_ok();
    }
    let numbers = value(&harness, &format!("numbers of step {}", made + 1));
    let view = |n: u64, name: &str| short(scene.run.view(n).column(name).expect("a value of each row")[1]);
    let [l_old, alpha, l_new] = [view(made, "l"), view(made, "alpha"), view(made + 1, "l")];
    assert_eq!([&l_old[..], &alpha, &l_new], ["3.417", "0.1696", "0.5795"]);
    let (of_step, from) = numbers.split_once(" from ").expect("what it made, and from what");
    assert!(of_step.ends_with(&format!("l = {l_new}")), "{numbers}");
    assert!(from.contains(&format!("l = {l_old}")) && from.contains(&format!("alpha = {alpha}")), "{numbers}");
    click(&mut harness, &format!("step {}: tile (i 3, j 3): rescale", made + 1));
    assert_eq!(cursor(&harness), made + 1);
    // l after the rescale is what alpha left of 3.417.
    let shown: f64 = value(&harness, "l of the row").rsplit(' ').next().unwrap().parse().unwrap();
    assert!((shown - scene.run.view(made + 1).column("l").unwrap()[1]).abs() < 1e-4);
    click(&mut harness, &format!("Back to step {at}"));
    assert_eq!((cursor(&harness), value(&harness, "l of the row")), (at, l));
}

#[test]
fn every_number_of_the_needle_leads_to_its_steps() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Num3);
    press(&mut harness, NONE, Key::End);
    for (name, what) in [("stack l", "l"), ("bar of O", "O"), ("needle", "O"), ("maximum m", "m")] {
        click(&mut harness, name);
        let told = value(&harness, "origin of");
        assert!(told.starts_with(&format!("{what} of row 13")) && told.contains("steps made it"), "{name}: {told}");
        click(&mut harness, "Close");
    }
}

#[test]
fn the_plot_tells_the_error_after_each_key_block() {
    let place = Link { bug: Some("forget-alpha".into()), ..Link::of_scene("row") };
    let mut harness = open_with(&AppOptions { place, ..options() });
    press(&mut harness, NONE, Key::End);
    press(&mut harness, Modifiers::ALT, Key::Num2);
    let shown = value(&harness, "errors of the row");
    let errors: Vec<f64> = shown.split(", ").map(|error| error.parse().expect("a number")).collect();
    // Weights 1, 2 / 8, 1 / 4, 4 and values 10 to 60. Without alpha each piece keeps its own ruler: the first against 2,
    // the others against 8.
    let exact: [f64; 3] = [50.0 / 3.0, 330.0 / 12.0, 770.0 / 20.0];
    let kept = [25.0 / 1.5, (25.0 + 30.0 + 5.0) / (1.5 + 1.125), (60.0 + 25.0 + 30.0) / (2.625 + 1.0)];
    for ((got, exact), kept) in errors.iter().zip(exact).zip(kept) {
        let want = (exact - kept).abs();
        assert!((got - want).abs() <= 1e-3 * want.max(1e-3), "{got} for {want}: {shown}");
    }
    assert_eq!(errors.len(), 3);
    assert!(value(&harness, "plot of the row").ends_with("rescaled 1 time"), "{}", value(&harness, "plot of the row"));
}

#[test]
fn flops_and_the_peak_on_chip_end_at_their_formulas() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, Modifiers::ALT, Key::Num1);
    press(&mut harness, NONE, Key::End);
    let scene = harness.state().document().scene().unwrap().clone();
    let flops = scene.schedule().algorithm.closed_form(scene.plan()).flops.total();
    assert_eq!(value(&harness, "FLOPs").replace(',', ""), format!("{flops} of {flops}"));
    // Q, K, V and O of 4 x 4 and S in f32, and m and l of four rows.
    let bytes = 5 * 4 * 4 * 4 + 2 * 4 * 4;
    assert_eq!(value(&harness, "peak on chip, B"), format!("{bytes} of {bytes}"));
    press(&mut harness, NONE, Key::Home);
    assert_eq!(value(&harness, "peak on chip, B"), format!("0 of {bytes}"));
}

#[test]
fn both_panes_of_code_are_lit_by_the_same_step() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, Modifiers::ALT, Key::Num3);
    press(&mut harness, NONE, Key::Home);
    let source = tilescope::gpu::kernels::FLASH2_WGSL.source;
    for n in 1..=20 {
        press(&mut harness, NONE, Key::ArrowRight);
        let scene = harness.state().document().scene().unwrap().clone();
        let schedule = scene.schedule();
        let step = schedule.step(n - 1).unwrap();
        let lines = kernel_lines(source, &schedule.algorithm, step.line);
        let shown = value(&harness, "kernel lines");
        assert!(shown.starts_with(&format!("lines {} to {}:", lines[0], lines[lines.len() - 1])), "{n}: {shown}");
        let line = schedule.line(&step).span.line;
        let now = value(&harness, &format!("line {line}"));
        assert!(
            now.contains(schedule.line(&step).label.as_str()) && now.ends_with("(now)"),
            "step {n}, line {line}: {now}"
        );
        // In sight, however long the text is.
        let place = harness.get_by_label(&format!("line {line}")).rect();
        let strip = harness.get_by_label("Play").rect();
        assert!(place.top() > 300.0 && place.bottom() < strip.top(), "step {n}, line {line}: {place:?}, {strip:?}");
    }
    click(&mut harness, "BLOCK_M, BLOCK_N");
    harness.get_by_label("BLOCK_M = 4, BLOCK_N = 4");
}

#[test]
fn a_surprise_of_the_formulas_is_one_click_away() {
    use tilescope::attention::Precision;
    use tilescope::schedule::{Plan, Tiling, algorithm};
    let mut harness = open(Some(preset::toy()));
    click(&mut harness, "Block sizes");
    click(&mut harness, "At d = 128 and 64 keys a block flash1 moves more than standard");
    let plan = Plan::new(4096, 4096, 128, Tiling { br: 64, bc: 64 }, Precision::F16);
    let moved = |name| algorithm::by_name(name).unwrap().closed_form(&plan).hbm_bytes() as f64;
    let shown = value(&harness, "flash1 at the picked blocks");
    assert!(shown.ends_with(&format!("{:.3} x standard", moved("flash1") / moved("standard"))), "{shown}");
    assert!(value(&harness, "picked blocks").starts_with("Br 64, Bc 64: fits"));
}
