//! What `lessons check` holds the pictures of beats to draw is what is painted where they are presented: each thing of its
//! list is seen at some step, and nothing is seen that the list has not.

use std::collections::BTreeSet;

use crate::stage_support::{open_as, options, seek};
use eframe::egui::epaint::Shape;
use eframe::egui::{Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Beat, BeatPicture, Engine, Language, Position, things_drawn, things_named};

const SIZE: Vec2 = Vec2::new(1280.0, 720.0);

/// At so many steps of a run, from the first to the last, it is seen what a picture draws.
const LOOKS: u64 = 12;

fn texts(shape: &Shape, clip: Rect, found: &mut Vec<(Rect, String)>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| texts(shape, clip, found)),
        Shape::Text(text) => {
            let rect = Rect::from_min_size(text.pos, text.galley.size());
            if clip.intersects(rect) {
                found.push((rect, text.galley.text().to_owned()));
            }
        }
        _ => {}
    }
}

/// The words of the picture: below the projected line, and beside the task.
fn painted(harness: &Harness<'_, App>, beat: &Beat) -> Vec<String> {
    let line = harness.get_by_label("projected line").accesskit_node().raw_bounds().expect("a line");
    let zoom = harness.ctx.zoom_factor();
    let top = line.y1 as f32 / zoom;
    let has_task = beat.predict.is_some() || beat.change.is_some() || beat.build.is_some();
    let right = SIZE.x / zoom * if has_task { 0.61 } else { 1.0 };
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| texts(&shape.shape, shape.clip_rect, &mut found));
    found.retain(|(rect, _)| rect.center().y > top && rect.center().x < right);
    found.into_iter().map(|(_, text)| text).collect()
}

/// What is drawn without its word, and by which words beside it that is seen.
const SHAPES: [(&str, &[&str]); 8] = [
    // The strips around the plane, and the bytes that go between them and the card, are in HBM.
    ("hbm", &["moved so far", "MiB of ", "KiB of ", " B of "]),
    ("byte", &["moved so far", " B", "KiB", "MiB"]),
    ("query", &["outer loop", "inner loop", "Tile (i", "Query block"]),
    ("row", &["outer loop", "inner loop", "Tile (i", "Query block"]),
    ("thread block", &["in parallel", "blocks of one tile"]),
    // Above the sheets and at their left stand words, or numbers.
    ("token", &["lamp", "wrote", "Hello", "hello"]),
    ("diagonal", &["partial", "skipped", "masked"]),
    ("needle", &["average so far"]),
];

#[test]
fn what_a_beat_is_said_to_draw_is_what_is_painted() {
    let engine = Engine::new();
    let mut faults = Vec::new();
    for (lesson, entry) in LESSONS.iter().enumerate() {
        for (index, beat) in entry.lesson(Language::English).expect("it parses").beats.iter().enumerate() {
            let picture = beat.picture(false);
            // A figure draws what its words name, from which its list is made.
            if picture == BeatPicture::Figure || beat.hides() != Default::default() {
                continue;
            }
            let at = format!("{}.{} {}", entry.number, index + 1, picture.name());
            let lesson = Some((lesson, Position { beat: index, is_revealed: false }));
            let options = AppOptions { lesson, language: Some(Language::English), is_presenting: true, ..options() };
            let mut harness = open_as(None, &options, SIZE, 1.0);
            let steps = harness.state().document().scene().expect("a run").schedule().len();
            let mut words = painted(&harness, beat);
            for look in 0..=LOOKS {
                seek(&mut harness, steps * look / LOOKS);
                words.extend(painted(&harness, beat));
            }
            let drawn = things_drawn(beat, &engine).expect("it is staged");
            let seen: BTreeSet<String> = words.iter().flat_map(|text| things_named(text)).collect();
            let is_seen = |thing: &String| {
                let shape = SHAPES.iter().find(|(name, _)| name == thing);
                seen.contains(thing)
                    || shape.is_some_and(|(_, by)| by.iter().any(|by| words.iter().any(|word| word.contains(by))))
            };
            faults.extend(
                drawn.iter().filter(|thing| !is_seen(thing)).map(|thing| format!("{at}: no {thing} is painted")),
            );
            faults
                .extend(seen.difference(&drawn).map(|thing| format!("{at}: {thing} is painted, and not in the list")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
