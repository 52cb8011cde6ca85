//! The rows of the setup: a name stands left of its number, on its line, and nothing lies over either, in windows of any
//! size.

use std::collections::BTreeSet;

use crate::stage_support::{open_as, options, word};
use eframe::egui::accesskit::Role;
use eframe::egui::epaint::Shape;
use eframe::egui::{Event, Modifiers, MouseWheelSource, MouseWheelUnit, Rect, TouchPhase, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::Language;
use tilescope::schedule::RunSpec;
use tilescope::schedule::spec::Choice;

const SIZES: [Vec2; 2] = [Vec2::new(1280.0, 800.0), Vec2::new(911.0, 512.0)];

/// So far, in points, two baselines that are one may lie apart.
const ONE_LINE: f32 = 2.0;

/// The edge of the setup.
const RIGHT: f32 = 217.0;

/// A text that is seen whole: where it stands, and the baseline of each of its lines.
struct Written {
    text: String,
    place: Rect,
    /// Of all that is scrolled with it.
    clip: Rect,
    baselines: Vec<f32>,
}

fn written(shape: &Shape, clip: Rect, found: &mut Vec<Written>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| written(shape, clip, found)),
        Shape::Text(text) => {
            let rows = &text.galley.rows;
            let baseline = |row: &eframe::egui::epaint::text::PlacedRow| {
                row.glyphs.first().map(|glyph| text.pos.y + row.pos.y + glyph.pos.y)
            };
            let ink = rows.iter().map(|row| row.visuals.mesh_bounds.translate(text.pos.to_vec2() + row.pos.to_vec2()));
            let place = ink.filter(Rect::is_positive).fold(Rect::NOTHING, Rect::union);
            if place.is_positive() && clip.expand(1.0).contains_rect(place) {
                let baselines = rows.iter().filter_map(baseline).collect();
                found.push(Written { text: text.galley.text().to_owned(), place, clip, baselines });
            }
        }
        _ => {}
    }
}

fn all_written(harness: &Harness<'_, App>) -> Vec<Written> {
    let mut found = Vec::new();
    harness.output().shapes.iter().for_each(|shape| written(&shape.shape, shape.clip_rect, &mut found));
    found
}

/// What can be pressed or typed into at the left of the window, with the name of each.
fn controls(harness: &Harness<'_, App>) -> Vec<(Role, String, Rect)> {
    let roles = [Role::SpinButton, Role::Button, Role::CheckBox, Role::ComboBox, Role::TextInput, Role::RadioButton];
    let of = |role: Role| {
        let all = harness.query_all_by_role(role).filter(|node| node.rect().right() < RIGHT);
        all.map(move |node| (role, node.accesskit_node().label().unwrap_or_default(), node.rect())).collect::<Vec<_>>()
    };
    roles.into_iter().flat_map(of).filter(|(_, _, rect)| rect.is_positive()).collect()
}

/// The names of numbers that stand as they should, and what is wrong with others.
fn look(harness: &Harness<'_, App>, seen: &mut BTreeSet<String>) -> Vec<String> {
    let (texts, controls, mut faults) = (all_written(harness), controls(harness), Vec::new());
    let texts: Vec<&Written> = texts.iter().filter(|text| text.place.right() < RIGHT).collect();
    for (role, name, place) in &controls {
        if *role != Role::SpinButton {
            continue;
        }
        // What is scrolled out of sight is looked at when it is in sight.
        let own = texts.iter().find(|text| place.contains(text.place.center()));
        let label = texts.iter().find(|text| text.text == *name);
        let (Some(own), Some(label)) = (own, label) else { continue };
        seen.insert(name.clone());
        if label.place.right() > place.left() {
            faults.push(format!("{name}: {:?} is not left of {place:?}", label.place));
        }
        let apart = match label.baselines.as_slice() {
            [one] => own.baselines[0] - one,
            // A name on several lines stands around its number.
            lines => own.baselines[0] - (lines[0] + lines[lines.len() - 1]) / 2.0,
        };
        if apart.abs() > ONE_LINE {
            faults.push(format!("{name}: its number stands {apart} below it"));
        }
    }
    // What is scrolled is held against what is scrolled with it, as far as it is in sight.
    let numbers = controls.iter().filter(|(role, ..)| *role == Role::SpinButton);
    let mut clips = numbers.filter_map(|(_, _, place)| texts.iter().find(|text| place.contains(text.place.center())));
    let Some(panel) = clips.next().map(|text| text.clip) else { return faults };
    let controls: Vec<_> = controls.iter().filter(|(_, _, place)| panel.contains_rect(*place)).collect();
    let texts: Vec<_> = texts.iter().filter(|text| panel.contains_rect(text.place)).collect();
    for (n, (_, name, place)) in controls.iter().enumerate() {
        let is_over = |other: &Rect| {
            let both = place.intersect(*other);
            both.width() > 1.0 && both.height() > 1.0
        };
        let over = controls[..n].iter().find(|(_, _, other)| is_over(other));
        faults.extend(over.map(|(_, other, at)| format!("{name} {place:?} over {other} {at:?}")));
        let text = texts.iter().find(|text| is_over(&text.place) && !place.expand(1.0).contains_rect(text.place));
        faults.extend(text.map(|text| format!("{name} {place:?} over the text {:?} {:?}", text.text, text.place)));
    }
    faults
}

/// With every section open and every number there is in it.
fn open(run: RunSpec, language: Language, size: Vec2) -> Harness<'static, App> {
    let options = AppOptions { place: Link { run, ..Link::default() }, language: Some(language), ..options() };
    let mut harness = open_as(None, &options, size, 1.0);
    for section in ["Input", "Precision"] {
        let head = harness.query_all_by_label(word(language, section)).next();
        head.unwrap_or_else(|| panic!("no {section}")).click();
        harness.run_steps(10);
    }
    harness
}

/// A run of six query heads on two keys and values.
fn run(algorithm: &str, choices: &[(&str, &str)]) -> RunSpec {
    let mut run = RunSpec { input: vec!["random:24,40,8,6,2".into()], ..RunSpec::default() };
    run.algorithm = Some(algorithm.to_owned());
    // What is there of the other masks is in sight.
    for (name, value) in [("br", "8"), ("bc", "8"), ("prefix-keys", "2")].iter().chain(choices) {
        let choice = Choice::by_name(name).expect("a choice");
        choice.set(&mut run, value).expect("it is read");
    }
    run
}

fn runs() -> [(RunSpec, Vec<&'static str>); 2] {
    let both = ["Head", "Key/value head", "Block rows br", "Block keys bc", "Prefix keys", "Sink keys", "Left padding"];
    let masked = ["Splits of the keys", "Keys of a page", "Keys to the left", "Keys to the right", "Keys that exist"];
    let chosen = [("splits", "3"), ("page-size", "16"), ("window", "5,6"), ("kv-lengths", "33"), ("precision", "f16")];
    [
        (run("split-kv", &chosen), [&both[..], &masked].concat()),
        (run("flash2-backward", &[("arrival", "shuffled:7")]), [&both[..], &["Seed of the order"]].concat()),
    ]
}

#[test]
fn a_name_of_the_setup_stands_beside_its_number() {
    let mut faults = BTreeSet::new();
    for (size, language) in
        SIZES.into_iter().flat_map(|size| [Language::English, Language::Chinese].map(|of| (size, of)))
    {
        for (run, expected) in runs() {
            let mut harness = open(run, language, size);
            let mut seen = BTreeSet::new();
            harness.hover_at(vec2(100.0, size.y / 2.0).to_pos2());
            for _ in 0..30 {
                let found = look(&harness, &mut seen);
                faults.extend(found.into_iter().map(|fault| format!("{size} {language:?}: {fault}")));
                harness.event(Event::MouseWheel {
                    unit: MouseWheelUnit::Point,
                    delta: Vec2::new(0.0, -90.0),
                    phase: TouchPhase::Move,
                    source: MouseWheelSource::Unknown,
                    modifiers: Modifiers::NONE,
                });
                harness.run_steps(12);
            }
            let missing: Vec<_> = expected.into_iter().filter(|name| !seen.contains(word(language, name))).collect();
            assert!(missing.is_empty(), "{size} {language:?}: {missing:?} not seen among {seen:?}");
        }
    }
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}
