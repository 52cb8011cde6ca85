//! The foot of the map: how many tiles were begun of those that a step computes, and what the mask skips apart from them.

use std::collections::BTreeSet;

use crate::painted::all_painted;
use crate::stage_support::{open_with, options, press, seek, value};
use eframe::egui::epaint::Shape;
use eframe::egui::{Color32, Key, Modifiers, Pos2, Rect};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::Language;
use tilescope::schedule::spec::Choice;

/// A run, by its text, its sizes n_q, n_k, heads, key/value heads, its blocks, and whether it is causal.
#[derive(Clone, Copy, Debug)]
struct Case {
    algorithm: &'static str,
    sizes: [usize; 4],
    blocks: (usize, usize),
    is_causal: bool,
}

const CAUSAL: Case = Case { algorithm: "flash2", sizes: [13, 13, 1, 1], blocks: (4, 3), is_causal: true };

impl Case {
    fn open(self, language: Language) -> Harness<'static, App> {
        let [n_q, n_k, heads, kv_heads] = self.sizes;
        let mut run = Link::of_input(format!("random:{n_q},{n_k},4,{heads},{kv_heads}")).run;
        for (name, value) in [
            ("algorithm", self.algorithm.to_owned()),
            ("br", self.blocks.0.to_string()),
            ("bc", self.blocks.1.to_string()),
            ("causal", self.is_causal.to_string()),
        ] {
            Choice::by_name(name).expect("a choice").set(&mut run, &value).unwrap_or_else(|fault| panic!("{fault}"));
        }
        let place = Link { run, ..Link::default() };
        let mut harness = open_with(&AppOptions { place, language: Some(language), ..options() });
        press(&mut harness, Modifiers::NONE, Key::Num1);
        harness
    }

    /// The last query sees the last key.
    fn sees(self, query: usize, key: usize) -> bool {
        let [n_q, n_k, ..] = self.sizes;
        !self.is_causal || key + n_q <= query + n_k
    }

    /// Tiles of which some pair is seen, of which every pair is, and all.
    fn tiles(self) -> [u64; 3] {
        let [n_q, n_k, ..] = self.sizes;
        let (br, bc) = self.blocks;
        let mut counts = [0; 3];
        for i in 0..n_q.div_ceil(br) {
            for j in 0..n_k.div_ceil(bc) {
                let rows = i * br..((i + 1) * br).min(n_q);
                let pairs = rows.flat_map(|query| (j * bc..((j + 1) * bc).min(n_k)).map(move |key| (query, key)));
                let pairs: Vec<bool> = pairs.map(|(query, key)| self.sees(query, key)).collect();
                counts[0] += u64::from(pairs.iter().any(|seen| *seen));
                counts[1] += u64::from(pairs.iter().all(|seen| *seen));
                counts[2] += 1;
            }
        }
        counts
    }
}

fn len(harness: &Harness<'_, App>) -> u64 {
    harness.state().document().scene().expect("a run").schedule().len()
}

fn words(harness: &Harness<'_, App>) -> Vec<String> {
    all_painted(harness).into_iter().map(|painted| painted.text).collect()
}

const FORWARD: [&str; 5] = ["standard", "flash1", "flash2", "flash2-lazy", "split-kv"];
const SHAPES: [([usize; 4], (usize, usize)); 5] = [
    ([13, 13, 1, 1], (4, 3)),
    ([16, 16, 1, 1], (4, 4)),
    ([5, 17, 2, 1], (2, 5)),
    ([1, 11, 1, 1], (1, 4)),
    ([7, 7, 1, 1], (8, 8)),
];

/// At the end every tile that is computed was begun, whatever the mask skips; what it skips is named apart.
#[test]
fn at_the_end_all_that_is_computed_was_begun() {
    let mut skipping = 0;
    for algorithm in FORWARD {
        for (sizes, blocks) in SHAPES {
            for is_causal in [true, false] {
                let case = Case { algorithm, sizes, blocks, is_causal };
                let mut harness = case.open(Language::English);
                let [seen, full, all] = case.tiles();
                // Standard attention skips nothing.
                let computed = if algorithm == "standard" { all } else { seen };
                press(&mut harness, Modifiers::NONE, Key::Home);
                assert_eq!(value(&harness, "tiles begun"), format!("0 of {computed}"), "{case:?}");
                press(&mut harness, Modifiers::NONE, Key::End);
                assert_eq!(value(&harness, "tiles begun"), format!("{computed} of {computed}"), "{case:?}");
                let words = words(&harness);
                let has = |text: String| words.contains(&text);
                assert!(words.iter().any(|text| text.starts_with(&format!("tiles begun {computed} of {computed}"))));
                let hidden = all - seen;
                let is_skipped = hidden > 0 && algorithm != "standard";
                assert_eq!(has(format!("skipped {hidden}")), is_skipped, "{case:?}: {words:?}");
                assert_eq!(has(format!("hidden whole {hidden}")), hidden > 0 && !is_skipped, "{case:?}");
                assert_eq!(has(format!("partial {}", seen - full)), seen > full, "{case:?}");
                skipping += usize::from(is_skipped);
            }
        }
    }
    assert!(skipping > 8, "{skipping}");
}

/// Each step that computes scores begins a tile, and no other does.
#[test]
fn a_tile_is_begun_with_its_scores() {
    for case in [CAUSAL, Case { algorithm: "flash1", ..CAUSAL }, Case { algorithm: "standard", ..CAUSAL }] {
        let mut harness = case.open(Language::English);
        let schedule = harness.state().document().scene().expect("a run").schedule().clone();
        let (mut begun, computed) = (0, if case.algorithm == "standard" { case.tiles()[2] } else { case.tiles()[0] });
        for n in 0..schedule.len() {
            let step = schedule.step(n).expect("a step");
            begun += u64::from(schedule.line(&step).label == "scores");
            if n % 5 == 0 || n + 1 == schedule.len() {
                seek(&mut harness, n + 1);
                assert_eq!(value(&harness, "tiles begun"), format!("{begun} of {computed}"), "{case:?} at {n}");
            }
        }
        assert_eq!(begun, computed);
    }
}

/// A backward pass of two kernels computes each tile twice, and heads of a group each their own: that is said.
#[test]
fn tiles_that_are_computed_again_are_counted_as_often() {
    for (algorithm, kernels) in [("flash2-backward", 1), ("two-kernel-backward", 2)] {
        for heads in [1, 3] {
            let case = Case { algorithm, sizes: [13, 13, heads, 1], ..CAUSAL };
            let mut harness = case.open(Language::English);
            let (tiles, times) = (case.tiles()[0], kernels * heads as u64);
            press(&mut harness, Modifiers::NONE, Key::End);
            let all = tiles * times;
            let told = match times {
                1 => format!("{all} of {all}"),
                _ => format!("{all} of {all} ({tiles}, {times} times each)"),
            };
            assert_eq!(value(&harness, "tiles begun"), told, "{case:?}");
        }
    }
}

/// The colour last painted at a place.
fn fill_at(harness: &Harness<'_, App>, at: Pos2) -> Option<Color32> {
    fn visit(shape: &Shape, at: Pos2, found: &mut Option<Color32>) {
        match shape {
            Shape::Vec(shapes) => shapes.iter().for_each(|shape| visit(shape, at, found)),
            Shape::Rect(rect) if rect.rect.contains(at) && rect.fill != Color32::TRANSPARENT => {
                *found = Some(rect.fill);
            }
            _ => {}
        }
    }
    let mut found = None;
    harness.output().shapes.iter().for_each(|shape| visit(&shape.shape, at, &mut found));
    found
}

/// The sign left of a word of the legend.
fn sign_of(harness: &Harness<'_, App>, word: &str) -> Option<Color32> {
    let place = all_painted(harness).into_iter().find(|painted| painted.text.starts_with(word))?;
    let line: Rect = *place.lines.first()?;
    fill_at(harness, line.left_center() - eframe::egui::vec2(10.0, 0.0))
}

/// What is to come and what never comes look different, in the legend of every theme and language.
#[test]
fn to_come_and_skipped_have_two_signs() {
    for language in [Language::English, Language::Chinese] {
        let mut harness = CAUSAL.open(language);
        seek(&mut harness, 20);
        let [to_come, skipped] = match language {
            Language::English => ["to come", "skipped "],
            Language::Chinese => ["\u{672a}\u{5230}", "\u{8df3}\u{8fc7} "],
        };
        for _ in 0..3 {
            let [a, b] = [to_come, skipped].map(|word| sign_of(&harness, word).unwrap_or_else(|| panic!("no {word}")));
            assert_ne!(a, b, "{language:?}");
            press(&mut harness, Modifiers::ALT, Key::T);
        }
    }
}

/// What is pointed at on the map says whether a step works on it.
#[test]
fn a_skipped_tile_says_so_where_it_is_pointed_at() {
    let mut harness = CAUSAL.open(Language::English);
    press(&mut harness, Modifiers::NONE, Key::End);
    let plane = harness.get_by_label("schedule grid").rect();
    let (rows, cols) = (4.0, 5.0);
    let mut told = BTreeSet::new();
    for row in 0..4 {
        for col in 0..5 {
            let part = eframe::egui::vec2((col as f32 + 0.4) / cols, (row as f32 + 0.4) / rows);
            harness.event(eframe::egui::Event::PointerMoved(plane.min + plane.size() * part));
            harness.run_steps(60);
            let head = format!("tile (i {row}, j {col}): ");
            let texts = words(&harness);
            if let Some(text) = texts.iter().find(|text| text.starts_with(&head)) {
                let is_seen = (row * 4..(row * 4 + 4).min(13)).any(|query| CAUSAL.sees(query, col * 3));
                assert_eq!(text.contains("skipped, no step works on it"), !is_seen, "{text}");
                told.insert(is_seen);
            }
        }
    }
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(len(&harness) > 0);
}
