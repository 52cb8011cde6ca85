//! What the tests of the window share: a window without a display, read by the names of its parts.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use eframe::egui::epaint::Shape;
use eframe::egui::{self, Color32, Event, Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, CHINESE};
use tilescope::attention::input::Input;
use tilescope::gpu::Probe;
use tilescope::playback::lesson::Language;

pub const NO_GPU: &str = "none in this test";

/// A window that looks for no GPU and keeps nothing.
pub fn options() -> AppOptions {
    AppOptions { find_gpu: || Probe::Unavailable(NO_GPU.into()), ..AppOptions::default() }
}

pub fn open(input: Option<Input>) -> Harness<'static, App> {
    open_sized(input, Vec2::new(1280.0, 800.0), 1.0)
}

pub fn open_sized(input: Option<Input>, size: Vec2, scale: f32) -> Harness<'static, App> {
    open_as(input, &options(), size, scale)
}

pub fn open_with(options: &AppOptions) -> Harness<'static, App> {
    open_as(None, options, Vec2::new(1280.0, 800.0), 1.0)
}

pub fn open_as(input: Option<Input>, options: &AppOptions, size: Vec2, scale: f32) -> Harness<'static, App> {
    let builder = Harness::builder().with_size(size).with_pixels_per_point(scale).with_max_steps(50);
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, input, options));
    settle(&mut harness);
    harness
}

/// Frames until no work is under way. What takes long is asked for less often: each frame takes time from the work.
pub fn settle(harness: &mut Harness<'_, App>) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(300) {
        harness.step();
        if !harness.state().is_busy() {
            harness.run_steps(3);
            return;
        }
        sleep((begun.elapsed() / 8).clamp(Duration::from_millis(1), Duration::from_millis(20)));
    }
    panic!("work went on for long");
}

/// Frames until what is painted stays the same: what sizes itself by its content takes a few.
pub fn rest(harness: &mut Harness<'_, App>) {
    let mut same = 0;
    for _ in 0..20 {
        let before = harness.output().shapes.clone();
        harness.step();
        same = if harness.output().shapes == before { same + 1 } else { 0 };
        if same == 3 {
            return;
        }
    }
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

/// Opens the menu called `menu` and picks `entry`.
pub fn choose(harness: &mut Harness<'_, App>, menu: &str, entry: &str) {
    harness.get_by_label_contains(menu).click();
    harness.run_steps(3);
    harness.get_by_label(entry).click();
    settle(harness);
}

pub fn type_text(harness: &mut Harness<'_, App>, text: &str) {
    harness.event(Event::Text(text.into()));
    harness.run_steps(2);
}

/// Runs a command by its name, as the palette does.
pub fn command(harness: &mut Harness<'_, App>, name: &str) {
    press(harness, Modifiers::COMMAND, Key::P);
    type_text(harness, name);
    press(harness, Modifiers::NONE, Key::Enter);
    assert_eq!(harness.state().last_command(), name);
}

pub fn cursor(harness: &Harness<'_, App>) -> u64 {
    harness.state().player().cursor()
}

/// Moves the cursor as the strip does.
pub fn seek(harness: &mut Harness<'_, App>, cursor: u64) {
    harness.state_mut().apply(tilescope::playback::Command::SeekTo(cursor));
    settle(harness);
}

/// A file as the window system hands it over.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }
    fn bytes(&self) -> Result<Vec<u8>, String> {
        unreachable!("the application reads files itself, with a limit")
    }
}

/// Drops files without waiting for what comes of it.
pub fn let_go(harness: &mut Harness<'_, App>, paths: &[PathBuf]) {
    for path in paths {
        harness.input_mut().dropped_files.push(Arc::new(Dropped(path.clone())));
    }
}

pub fn drop_files(harness: &mut Harness<'_, App>, paths: &[PathBuf]) {
    let_go(harness, paths);
    settle(harness);
}

/// Where the picture of a talk stands, with what is free around it: the largest area of the background.
pub fn presented_picture(harness: &Harness<'_, App>) -> Rect {
    fn areas(shape: &Shape, fill: Color32, found: &mut Vec<Rect>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| areas(shape, fill, found)),
            Shape::Rect(rect) if rect.fill == fill => found.push(rect.rect),
            _ => {}
        }
    }
    let (fill, mut found) = (harness.ctx.global_style().visuals.extreme_bg_color, Vec::new());
    harness.output().shapes.iter().for_each(|shape| areas(&shape.shape, fill, &mut found));
    found.into_iter().max_by(|a, b| a.area().total_cmp(&b.area())).expect("a picture is presented")
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

/// `english` in `language`, by the application's own table.
pub fn word(language: Language, english: &str) -> &str {
    let found = CHINESE.iter().find(|(key, _)| *key == english);
    match language {
        Language::English => english,
        Language::Chinese => found.unwrap_or_else(|| panic!("{english:?} is not in the table")).1,
    }
}

/// Four significant digits, written apart from the application's own.
pub fn short(x: f64) -> String {
    let decimals = (3 - x.abs().log10().floor() as i32).max(0) as usize;
    format!("{x:.decimals$}")
}

/// `12,345`, written apart from the application's own.
pub fn grouped(n: u64) -> String {
    let text = n.to_string();
    let groups: Vec<&str> = text.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}
