//! What `lessons check` holds the pictures of beats to draw, against what is painted where they are presented: nothing is
//! named there that its list has not, and of a map each tensor and each number of a row of the list has its name at some step.

use std::collections::BTreeSet;

use crate::stage_support::{open_as, options, seek};
use eframe::egui::epaint::Shape;
use eframe::egui::{Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{
    Beat, BeatPicture, Distance, Engine, Language, Position, things_drawn, things_named,
};

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

/// What is drawn as a shape, a place or an order of things, mostly without its word.
const SHAPES: [&str; 19] = [
    "average",
    "byte",
    "diagonal",
    "hbm",
    "kernel",
    "key",
    "key block",
    "loop",
    "maximum",
    "needle",
    "on chip",
    "query",
    "row",
    "score",
    "sm",
    "split",
    "thread block",
    "token",
    "weight",
];

#[test]
fn what_a_beat_is_said_to_draw_is_what_is_painted() {
    let engine = Engine::new();
    let (mut faults, mut names) = (Vec::new(), 0);
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
            // An index is not part of a name: `O_part` is told of as O.
            let is_name = |thing: &&String| !SHAPES.contains(&thing.as_str()) && things_named(thing).contains(*thing);
            let unseen = drawn
                .iter()
                .filter(|_| picture == BeatPicture::Map && beat.scene.view != Distance::Middle)
                .filter(is_name)
                .filter(|name| !seen.contains(*name));
            faults.extend(unseen.map(|name| format!("{at}: no {name} is painted")));
            faults
                .extend(seen.difference(&drawn).map(|thing| format!("{at}: {thing} is painted, and not in the list")));
            names += drawn.iter().filter(is_name).count();
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(names > 300, "{names}");
}
