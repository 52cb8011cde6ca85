//! What is painted while a lesson is presented: no text lies over another, none is cut, and the map marks the row that is
//! meant.

use crate::stage_support::{open_as, open_with, options, presented_picture, press, rest, value, word};
use eframe::egui::epaint::{Shape, TextShape};
use eframe::egui::{FontFamily, Key, Modifiers, Rect, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, OpenLesson, Theme};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

/// The smallest type of the sentence, the task and the question, as a part of the screen's height: the last row reads it.
const SMALLEST_SAID: f32 = 1.0 / 40.0;

/// That of what is written in the picture. A word at an axis is as large as its token and a number as its cell: which one is
/// meant is told by its place and its outline, and Middle and Near write the one that is looked at larger.
const SMALLEST_MARK: f32 = 14.0 / 720.0;

/// That of an index or a power, which TeX sets at 0.55 of its word: of an index within one, in the smallest line.
const SMALLEST_INDEX: f32 = 0.549 * 12.0 / 400.0;

/// The share of the width at the left edge of what is asked, as a rule and where reasons are long, and the margin there.
const TASKS: [f32; 2] = [0.62, 0.5];
const MARGIN: f32 = 16.0;

/// The share of the height that the picture has at least, and what is free above and below it, in points.
pub const LEAST_PICTURE: f32 = 0.75;
pub const FREE: f32 = 8.0;

/// Said of a text in what is asked that leaves its place.
const SCROLLED: &str = ", and is asked";

/// Screens that are projected on, with the colours there.
const SCREENS: [(Theme, Vec2); 2] = [(Theme::Light, vec2(1280.0, 720.0)), (Theme::Projector, vec2(1920.0, 1080.0))];

/// A text with the places of its lines, as far as they are painted.
pub struct Painted {
    pub text: String,
    pub lines: Vec<Rect>,
    pub clip: Rect,
    pub is_cut: bool,
    size: f32,
    /// A sign of a formula, or an index.
    is_set: bool,
}

impl Painted {
    /// It is of what is asked beside the picture of a screen so wide.
    fn is_asked(&self, width: f32) -> bool {
        TASKS.iter().any(|part| (-4.0..MARGIN + 4.0).contains(&(self.clip.left() - part * width)))
    }

    fn is_within(&self, place: Rect) -> bool {
        self.lines.iter().any(|line| place.contains(line.center()))
    }
}

pub fn texts(shape: &Shape, clip: Rect, found: &mut Vec<Painted>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| texts(shape, clip, found)),
        // Words above their keys are slanted.
        Shape::Text(TextShape { pos, galley, angle, .. }) if *angle == 0.0 => {
            let place = |row: &eframe::egui::epaint::text::PlacedRow| {
                row.visuals.mesh_bounds.translate(pos.to_vec2() + row.pos.to_vec2())
            };
            let lines: Vec<Rect> = galley.rows.iter().map(place).filter(Rect::is_positive).collect();
            let size = galley.job.sections.iter().map(|section| section.format.font_id.size).fold(0.0, f32::max);
            let is_set =
                galley.job.sections.iter().any(|section| matches!(section.format.font_id.family, FontFamily::Name(_)));
            // A formula stands in the gap of its line.
            let has_formula = galley.text().contains("\u{a0}\u{a0}");
            if lines.iter().any(|line| clip.intersects(*line)) && !has_formula {
                found.push(Painted {
                    text: galley.text().to_owned(),
                    lines,
                    clip,
                    is_cut: galley.elided,
                    size,
                    is_set,
                });
            }
        }
        _ => {}
    }
}

/// Every text on screen, in the order in which they are painted.
pub fn all_painted(harness: &Harness<'_, App>) -> Vec<Painted> {
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| texts(&shape.shape, shape.clip_rect, &mut found));
    found
}

/// The first of `others` that a text lies over.
pub fn lies_over<'a>(one: &Painted, others: &'a [Painted]) -> Option<&'a Painted> {
    let is_over = |other: &&Painted| {
        let both = |a: &Rect| {
            other.lines.iter().map(|b| a.intersect(*b)).any(|both| both.width() > 1.0 && both.height() > 1.0)
        };
        one.lines.iter().any(both)
    };
    others.iter().find(is_over)
}

/// What is wrong with the texts on screen.
fn faults(harness: &Harness<'_, App>, language: Language) -> Vec<String> {
    let (found, mut faults) = (all_painted(harness), Vec::new());
    let screen = harness.ctx.content_rect();
    let (sentence, second) =
        (word(language, "projected line"), word(language, "projected line, in the other language"));
    let sentence = harness.get_by_label(sentence).rect();
    let second = harness.query_by_label(second).map_or(Rect::NOTHING, |second| second.rect());
    let share = (presented_picture(harness).height() - 2.0 * FREE) / screen.height();
    if share < LEAST_PICTURE {
        faults.push(format!("the picture has {share} of the height"));
    }
    for (n, one) in found.iter().enumerate() {
        let text = &one.text;
        faults.extend(lies_over(one, &found[..n]).map(|other| format!("{text:?} over {:?}", other.text)));
        if one.is_cut {
            faults.push(format!("{text:?} is cut"));
        }
        let is_asked = one.is_asked(screen.width());
        if one.lines.iter().any(|line| !one.clip.expand(1.0).contains_rect(*line)) {
            faults.push(format!("{text:?} leaves its place{}", if is_asked { SCROLLED } else { "" }));
        }
        let is_said = is_asked || one.is_within(sentence) || one.is_within(second);
        let least = match (is_said, one.is_set) {
            (_, true) => SMALLEST_INDEX,
            (true, false) => SMALLEST_SAID,
            (false, false) => SMALLEST_MARK,
        };
        if one.size < least * screen.height() {
            faults.push(format!("{text:?} is small: {} of {}", one.size, screen.height()));
        }
    }
    faults
}

/// What is wrong on either screen at a beat, while a class votes there, and on the last with both languages.
fn faults_of(harness: &mut Harness<'_, App>, language: Language) -> Vec<String> {
    let mut all = Vec::new();
    let has_choices = harness.state().lesson().is_some_and(|lesson| !lesson.choices().is_empty());
    for (theme, size) in SCREENS {
        theme.apply(&harness.ctx);
        harness.set_size(size / harness.ctx.zoom_factor());
        for is_voting in [false, true].into_iter().take(if has_choices { 2 } else { 1 }) {
            if has_choices && is_voting == harness.query_by_label(&first_choice(harness, language)).is_none() {
                press(harness, Modifiers::NONE, Key::V);
            }
            rest(harness);
            let at = format!("{}{}", theme.name(), if is_voting { ", voting" } else { "" });
            all.extend(faults(harness, language).into_iter().map(|fault| format!("{at}: {fault}")));
        }
    }
    if has_choices {
        press(harness, Modifiers::NONE, Key::V);
    }
    press(harness, Modifiers::NONE, Key::T);
    rest(harness);
    // Where a second sentence takes its height, what is asked may be scrolled.
    let is_scrolled = |fault: &String| fault.ends_with(SCROLLED);
    let faults = faults(harness, language).into_iter().filter(|fault| !is_scrolled(fault));
    all.extend(faults.map(|fault| format!("both languages: {fault}")));
    all
}

/// Its name while it is voted on.
fn first_choice(harness: &Harness<'_, App>, language: Language) -> String {
    let choices = harness.state().lesson().map(OpenLesson::choices).unwrap_or_default();
    word(language, "votes for {0}").replace("{0}", &choices[0].text)
}

/// Every beat of every lesson, revealed and its build done too, on projected screens.
fn each_beat(language: Language) {
    let (mut all, mut asked) = (Vec::new(), 0);
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(language).expect("it parses").beats;
        for (beat, of) in beats.iter().enumerate() {
            let (revealed, solved) =
                (of.predict.as_ref().map(|_| (true, false)), of.build.as_ref().map(|_| (false, true)));
            for (is_revealed, is_solved) in [(false, false)].into_iter().chain(revealed).chain(solved) {
                let lesson = Some((lesson, Position { beat, is_revealed }));
                let options =
                    AppOptions { lesson, language: Some(language), is_solved, is_presenting: true, ..options() };
                let mut harness = open_as(None, &options, SCREENS[0].1, 1.0);
                let done = match (is_revealed, is_solved) {
                    (true, _) => "r",
                    (_, true) => "s",
                    _ => "",
                };
                let at = format!("{}.{}{done}", entry.number, beat + 1);
                all.extend(faults_of(&mut harness, language).into_iter().map(|fault| format!("{at}: {fault}")));
                let width = harness.ctx.content_rect().width();
                asked += all_painted(&harness).iter().filter(|one| one.is_asked(width)).count();
            }
        }
    }
    assert!(asked > 0, "what is asked was not looked at");
    assert!(all.is_empty(), "{}", all.join("\n"));
}

#[test]
fn no_text_of_a_presented_lesson_is_cut_small_or_over_another() {
    each_beat(Language::English);
}

#[test]
fn nor_is_one_in_chinese() {
    each_beat(Language::Chinese);
}

fn presented(lesson: usize, beat: usize, language: Language) -> Harness<'static, App> {
    let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: false }));
    let options = AppOptions { lesson, language: Some(language), is_presenting: true, ..options() };
    open_as(None, &options, Vec2::new(1280.0, 720.0), 1.0)
}

/// A map that is projected says its scope, since no bar does; in Chinese with the marks of Chinese.
#[test]
fn a_presented_map_says_of_which_head_it_is() {
    let told = value(&presented(11, 5, Language::English), "loops");
    assert!(told.starts_with("head 0 of 9; flash2 1x128, f16; outer loop"), "{told}");
    let told = value(&presented(11, 5, Language::Chinese), "循环");
    assert!(!told.contains("; ") && !told.contains(", S") && told.contains("；"), "{told}");
}

/// What a weight is taken off by stands in the tile, though it takes no room on chip.
#[test]
fn the_tile_of_a_backward_pass_shows_its_l() {
    let told = value(&presented(9, 1, Language::English), "L on chip");
    assert!(told.contains("2.996"), "{told}");
}

fn rects(shape: &Shape, found: &mut Vec<Rect>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| rects(shape, found)),
        Shape::Rect(rect) if rect.stroke.width > 0.0 => found.push(rect.rect),
        _ => {}
    }
}

/// The rows that the map marks: outlines as wide as the plane and a query high.
fn marked(harness: &Harness<'_, App>, n_q: usize) -> Vec<usize> {
    let zoom = harness.ctx.zoom_factor();
    let plane = harness.get_by_label("schedule grid").accesskit_node().raw_bounds().expect("a plane");
    let (top, height) = (plane.y0 as f32 / zoom, (plane.y1 - plane.y0) as f32 / zoom / n_q as f32);
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| rects(&shape.shape, &mut found));
    let is_band = |rect: &&Rect| {
        (rect.height() - height).abs() < 0.1
            && (rect.left() - plane.x0 as f32 / zoom).abs() < 0.1
            && rect.width() > 5.0 * height
    };
    found.iter().filter(is_band).map(|rect| ((rect.top() - top) / height).round() as usize).collect()
}

/// The map marks the row that the scene of a lesson names, wherever the cursor stands, and no other; then the one picked.
#[test]
fn the_map_marks_the_row_that_is_meant() {
    let at = |lesson: usize, beat: usize, is_revealed: bool| {
        let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed }));
        open_with(&AppOptions { lesson, ..options() })
    };
    for (lesson, beat, n_q) in [(7, 1, 16), (7, 3, 16), (7, 5, 12), (8, 1, 16), (12, 1, 16), (12, 7, 16)] {
        for is_revealed in [false, true] {
            let harness = at(lesson, beat, is_revealed);
            assert_eq!(marked(&harness, n_q), [0; 0], "{lesson}.{beat}");
        }
    }
    for is_revealed in [false, true] {
        assert_eq!(marked(&at(7, 4, is_revealed), 8), [0]);
    }
    let mut harness = at(7, 1, true);
    press(&mut harness, Modifiers::NONE, Key::ArrowDown);
    assert_eq!(marked(&harness, 16).len(), 1);
}
