//! What is painted while a lesson is presented: no text lies over another, none is cut.

use std::fmt::Write;

use crate::stage_support::{open_as, open_with, options, press};
use eframe::egui::epaint::{Shape, TextShape};
use eframe::egui::{Key, Modifiers, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::library::{LESSONS, QUESTIONS};
use tilescope::playback::lesson::{Language, Position};

struct Painted {
    text: String,
    rect: Rect,
    clip: Rect,
    is_cut: bool,
    size: f32,
}

fn walk(shape: &Shape, clip: Rect, texts: &mut Vec<Painted>, lines: &mut Vec<[eframe::egui::Pos2; 2]>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| walk(shape, clip, texts, lines)),
        Shape::Text(TextShape { pos, galley, angle, .. }) if *angle == 0.0 => {
            let rect = galley.mesh_bounds.translate(pos.to_vec2());
            if rect.is_positive() && clip.intersects(rect) {
                let size = galley.job.sections.first().map_or(0.0, |section| section.format.font_id.size);
                texts.push(Painted { text: galley.text().to_owned(), rect, clip, is_cut: galley.elided, size });
            }
        }
        Shape::LineSegment { points, .. } => lines.push(*points),
        _ => {}
    }
}

#[test]
fn scan() {
    let mut out = String::new();
    let language = if std::env::var("ZH").is_ok() { Language::Chinese } else { Language::English };
    let size = if std::env::var("BIG").is_ok() { Vec2::new(1920.0, 1080.0) } else { Vec2::new(1280.0, 720.0) };
    let only: Option<String> = std::env::var("ONLY").ok();
    for (number, entry) in std::iter::once((0, &QUESTIONS)).chain(LESSONS.iter().enumerate().map(|(n, e)| (n + 1, e))) {
        let beats = entry.lesson(language).expect("it parses").beats;
        for beat in 0..beats.len() {
            for is_revealed in [false, true] {
                let name = format!("{number}.{}{}", beat + 1, if is_revealed { "r" } else { "" });
                if only.as_ref().is_some_and(|only| !only.split(' ').any(|o| o == name || o == number.to_string())) {
                    continue;
                }
                let at = Position { beat, is_revealed };
                let open = if number == 0 {
                    AppOptions {
                        own_lesson: Some((
                            std::path::PathBuf::from(if language == Language::English {
                                "lessons/en/00-questions.md"
                            } else {
                                "lessons/zh/00-questions.md"
                            }),
                            at,
                        )),
                        ..options()
                    }
                } else {
                    AppOptions { lesson: Some((number - 1, at)), ..options() }
                };
                let options = AppOptions { language: Some(language), is_presenting: true, ..open };
                let mut harness: Harness<'_, App> = open_as(None, &options, size, 1.0);
                harness.run_steps(40);
                let (mut texts, mut lines) = (Vec::new(), Vec::new());
                for clipped in &harness.output().shapes {
                    walk(&clipped.shape, clipped.clip_rect, &mut texts, &mut lines);
                }
                for (n, a) in texts.iter().enumerate() {
                    for b in &texts[..n] {
                        let both = a.rect.intersect(b.rect);
                        if both.width() > 0.5 && both.height() > 0.5 {
                            writeln!(
                                out,
                                "{name} OVER {:?} {:?} by {:.1}x{:.1}",
                                a.text,
                                b.text,
                                both.width(),
                                both.height()
                            )
                            .expect("text");
                        }
                    }
                    for [p, q] in &lines {
                        let line = Rect::from_two_pos(*p, *q).expand(0.1);
                        let inner = a.rect.shrink(1.0);
                        if inner.intersects(line) && (p.x == q.x || p.y == q.y) {
                            writeln!(out, "{name} LINE {:?} {:?} {:?}", a.text, p, q).expect("text");
                        }
                    }
                    if a.is_cut {
                        writeln!(out, "{name} CUT {:?}", a.text).expect("text");
                    }
                    if !a.clip.expand(1.0).contains_rect(a.rect) {
                        writeln!(out, "{name} CLIP {:?} {:?} in {:?}", a.text, a.rect, a.clip).expect("text");
                    }
                    let zoom = harness.ctx.zoom_factor();
                    if a.size * zoom < 14.0 {
                        writeln!(out, "{name} SMALL {:?} {:.1}", a.text, a.size * zoom).expect("text");
                    }
                }
            }
        }
        std::fs::write("/tmp/eyes/scan.txt", &out).expect("written");
    }
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
