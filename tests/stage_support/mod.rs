//! What the tests of the stage share: a window without a display, read by the names of its parts.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::thread::sleep;
use std::time::Duration;

use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions};
use tilescope::attention::input::Input;
use tilescope::gpu::Probe;

pub fn open(input: Option<Input>) -> Harness<'static, App> {
    open_sized(input, Vec2::new(1280.0, 800.0))
}

pub fn open_sized(input: Option<Input>, size: Vec2) -> Harness<'static, App> {
    let options = AppOptions { find_gpu: || Probe::Unavailable("none in this test".into()), ..AppOptions::default() };
    let builder = Harness::builder().with_size(size).with_max_steps(50);
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, input, &options));
    settle(&mut harness);
    harness
}

/// Frames until no work is under way.
pub fn settle(harness: &mut Harness<'_, App>) {
    for _ in 0..20_000 {
        harness.step();
        if !harness.state().is_busy() {
            harness.run_steps(3);
            return;
        }
        sleep(Duration::from_millis(1));
    }
    panic!("work went on for long");
}

/// The value of the named thing.
pub fn value(harness: &Harness<'_, App>, name: &str) -> String {
    harness.get_by_label(name).value().unwrap_or_else(|| panic!("{name} has no value"))
}

pub fn press(harness: &mut Harness<'_, App>, modifiers: Modifiers, key: Key) {
    harness.key_press_modifiers(modifiers, key);
    settle(harness);
}

pub fn click(harness: &mut Harness<'_, App>, name: &str) {
    harness.get_by_label(name).click();
    settle(harness);
}

pub fn cursor(harness: &Harness<'_, App>) -> u64 {
    harness.state().player().cursor()
}

/// Moves the cursor as the strip does.
pub fn seek(harness: &mut Harness<'_, App>, cursor: u64) {
    harness.state_mut().apply(tilescope::playback::Command::SeekTo(cursor));
    settle(harness);
}

/// All that a screen reader would read.
pub fn all_text(harness: &Harness<'_, App>) -> Vec<String> {
    let mut lines = Vec::new();
    collect(&harness.root().accesskit_node(), &mut lines);
    lines
}

fn collect(node: &egui_kittest::kittest::AccessKitNode<'_>, lines: &mut Vec<String>) {
    let (label, value) = (node.label(), node.value());
    if label.is_some() || value.is_some() {
        lines.push(format!("{:?} {:?} {:?}", node.role(), label, value));
    }
    node.children().for_each(|child| collect(&child, lines));
}

/// Four significant digits, written apart from the application's own.
pub fn short(x: f64) -> String {
    let decimals = (3 - x.abs().log10().floor() as i32).max(0) as usize;
    format!("{x:.decimals$}")
}
