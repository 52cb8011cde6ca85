//! Near, frame by frame: what stands on screen against an online softmax that is written here, for rows of every kind.

use crate::stage_support::{click, cursor, open_with, options, press, seek, settle, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::schedule::spec::Choice;

const NONE: Modifiers = Modifiers::NONE;

/// A run of one head, and the row that is looked at.
#[derive(Clone, Copy, Debug)]
struct OneRow {
    algorithm: &'static str,
    /// n_q, n_k, d.
    sizes: [usize; 3],
    blocks: (usize, usize),
    is_causal: bool,
    window: Option<(usize, usize)>,
    row: usize,
}

const PLAIN: OneRow =
    OneRow { algorithm: "flash2", sizes: [9, 11, 4], blocks: (4, 3), is_causal: false, window: None, row: 5 };

/// Awkward ones: one key, blocks of one, one block for all, a last block of one, a diagonal and a window that cut tiles.
const ROWS: [OneRow; 10] = [
    PLAIN,
    OneRow { row: 8, ..PLAIN },
    OneRow { is_causal: true, row: 0, ..PLAIN },
    OneRow { is_causal: true, sizes: [11, 11, 3], row: 4, ..PLAIN },
    OneRow { sizes: [1, 1, 1], blocks: (1, 1), row: 0, ..PLAIN },
    OneRow { sizes: [2, 7, 2], blocks: (2, 1), row: 1, ..PLAIN },
    OneRow { sizes: [3, 5, 8], blocks: (16, 16), row: 2, ..PLAIN },
    OneRow { sizes: [13, 13, 4], blocks: (5, 4), window: Some((3, 1)), row: 6, ..PLAIN },
    OneRow { algorithm: "flash1", ..PLAIN },
    OneRow { algorithm: "flash1", is_causal: true, sizes: [7, 7, 3], blocks: (2, 5), row: 6, ..PLAIN },
];

/// A visit of the row: the sums before it and after it.
#[derive(Clone, Copy, Debug)]
struct Visit {
    old: Sums,
    new: Sums,
    alpha: f64,
}

/// The maximum, the sum of the weights, and that of the weighted values of the first component.
#[derive(Clone, Copy, Debug)]
struct Sums {
    m: f64,
    l: f64,
    o: f64,
}

impl OneRow {
    fn open(self) -> Harness<'static, App> {
        let [n_q, n_k, d] = self.sizes;
        let mut run = Link::of_input(format!("random:{n_q},{n_k},{d}")).run;
        let mut choose = |name: &str, value: String| {
            Choice::by_name(name).expect("a choice").set(&mut run, &value).unwrap_or_else(|fault| panic!("{fault}"));
        };
        choose("algorithm", self.algorithm.into());
        choose("br", self.blocks.0.to_string());
        choose("bc", self.blocks.1.to_string());
        choose("causal", self.is_causal.to_string());
        if let Some((left, right)) = self.window {
            choose("window", format!("{left},{right}"));
        }
        let place = Link { run, ..Link::default() };
        let mut harness = open_with(&AppOptions { place, ..options() });
        // The row that is looked at is one on chip.
        let first = self.steps(&harness)[0];
        seek(&mut harness, first);
        for _ in 0..2 * n_q {
            let shown = shown_row(&harness).unwrap_or_else(|| panic!("{self:?}: no row"));
            match shown.cmp(&self.row) {
                std::cmp::Ordering::Less => press(&mut harness, NONE, Key::ArrowDown),
                std::cmp::Ordering::Greater => press(&mut harness, NONE, Key::ArrowUp),
                std::cmp::Ordering::Equal => break,
            }
        }
        assert_eq!(shown_row(&harness), Some(self.row), "{self:?}");
        press(&mut harness, NONE, Key::Num3);
        harness
    }

    /// The cursors after each step of the row's block.
    fn steps(self, harness: &Harness<'_, App>) -> Vec<u64> {
        let schedule = harness.state().document().scene().expect("it runs").schedule().clone();
        let block = Some(self.row / self.blocks.0);
        (0..schedule.len()).filter(|n| schedule.step(*n).expect("a step").place.i() == block).map(|n| n + 1).collect()
    }

    /// Bottom-right: the last query sees the last key.
    fn sees(self, row: usize, key: usize) -> bool {
        let [n_q, n_k, _] = self.sizes;
        let diagonal = row + n_k;
        let is_past = !self.is_causal || key + n_q <= diagonal;
        let is_near =
            self.window.is_none_or(|(left, right)| key + n_q + left >= diagonal && key + n_q <= diagonal + right);
        is_past && is_near
    }

    /// A block of keys that another row of the block sees is visited; it leaves all sums of this row as they are.
    fn visits(self, harness: &Harness<'_, App>) -> Vec<Visit> {
        let problem = &harness.state().document().source().problem;
        let [_, n_k, d] = self.sizes;
        let dot =
            |key: usize| -> f64 { (0..d).map(|c| problem.q[[0, 0, self.row, c]] * problem.k[[0, 0, key, c]]).sum() };
        let score = |key: usize| dot(key) / (d as f64).sqrt();
        let mut old = Sums { m: f64::NEG_INFINITY, l: 0.0, o: 0.0 };
        let mut all = Vec::new();
        for first in (0..n_k).step_by(self.blocks.1) {
            let keys = first..(first + self.blocks.1).min(n_k);
            let begin = self.row - self.row % self.blocks.0;
            let rows = begin..(begin + self.blocks.0).min(self.sizes[0]);
            if !rows.into_iter().any(|row| keys.clone().any(|key| self.sees(row, key))) {
                continue;
            }
            let seen: Vec<usize> = keys.filter(|key| self.sees(self.row, *key)).collect();
            let m = seen.iter().map(|key| score(*key)).fold(old.m, f64::max);
            let alpha = if old.l == 0.0 { 0.0 } else { (old.m - m).exp() };
            let weight = |key: &usize| (score(*key) - m).exp();
            let l = alpha * old.l + seen.iter().map(weight).sum::<f64>();
            let o = alpha * old.o + seen.iter().map(|key| weight(key) * problem.v[[0, 0, *key, 0]]).sum::<f64>();
            let new = Sums { m, l, o };
            all.push(Visit { old, new, alpha });
            old = new;
        }
        all
    }
}

fn shown_row(harness: &Harness<'_, App>) -> Option<usize> {
    let mut heads = harness.query_all_by_label_contains("Row ").filter_map(|node| node.value());
    heads.find_map(|head| head.strip_prefix("Row ")?.split(' ').next()?.parse().ok())
}

/// The frame, from 1 to 6, and its sentence.
fn frame(harness: &Harness<'_, App>) -> (usize, String) {
    let told = value(harness, "frame of the needle");
    let (number, sentence) = told.split_once(" of 6: ").unwrap_or_else(|| panic!("{told}"));
    (number.parse().expect("a number"), sentence.to_owned())
}

/// The last number of a text such as `l = 1.585`.
fn number(text: &str) -> f64 {
    text.rsplit(' ').next().unwrap_or_default().parse().unwrap_or_else(|_| panic!("no number in {text:?}"))
}

/// Four digits of a number in f32.
fn assert_shown(harness: &Harness<'_, App>, name: &str, expected: f64, of: &str) {
    let text = value(harness, name);
    let got = number(&text);
    assert!((got - expected).abs() <= 8e-4 * expected.abs().max(1e-2), "{of}: {name} reads {text}, not {expected}");
}

/// What a frame of a visit shows: the line climbs in the third, the old sums shrink in the fourth, the new weights join
/// in the fifth.
fn assert_frame(harness: &Harness<'_, App>, visit: Visit, frame: usize, of: &str) {
    let Visit { old, new, alpha } = visit;
    if frame >= 3 && new.m.is_finite() {
        assert_shown(harness, "maximum m", new.m, of);
    } else if old.l > 0.0 {
        assert_shown(harness, "maximum m", old.m, of);
    }
    let sums = match frame {
        1..=3 => old,
        4 => Sums { m: new.m, l: alpha * old.l, o: alpha * old.o },
        _ => new,
    };
    assert_shown(harness, "stack l", sums.l, of);
    assert_shown(harness, "bar of O", sums.o, of);
    if sums.l > 0.0 {
        assert_shown(harness, "needle", sums.o / sums.l, of);
    }
    if frame == 3 && old.l > 0.0 && new.m > old.m {
        assert_shown(harness, "alpha of the visit", alpha, of);
    }
}

#[test]
fn every_frame_of_every_visit_has_the_numbers_of_an_online_softmax() {
    for case in ROWS {
        let mut harness = case.open();
        let visits = case.visits(&harness);
        let (mut visit, mut before, mut frames) = (0, 1, vec![Vec::new(); visits.len()]);
        for step in case.steps(&harness) {
            seek(&mut harness, step);
            let (now, _) = frame(&harness);
            if now < before {
                visit += 1;
            }
            before = now;
            let of = format!("{case:?}, visit {visit}, frame {now}, step {step}");
            assert!(visit < visits.len(), "{of}: there are {} visits", visits.len());
            assert_frame(&harness, visits[visit], now, &of);
            if !frames[visit].contains(&now) {
                frames[visit].push(now);
            }
        }
        assert_eq!(visit + 1, visits.len(), "{case:?}: every block that the row sees is a visit");
        for (n, seen) in frames.iter().enumerate() {
            assert!([2, 3, 5].iter().all(|frame| seen.contains(frame)), "{case:?}: visit {n} has frames {seen:?}");
        }
    }
}

/// The last frame holds the exact answer beside the needle, and says that it fits.
#[test]
fn the_exact_answer_is_that_of_the_whole_row() {
    for case in ROWS {
        let mut harness = case.open();
        let end = *case.steps(&harness).last().expect("a step");
        seek(&mut harness, end);
        let last = case.visits(&harness).last().copied().expect("a row that sees something");
        let (now, sentence) = frame(&harness);
        assert_eq!(now, 6, "{case:?}");
        assert!(sentence.starts_with("The exact answer (f64) fits"), "{case:?}: {sentence}");
        assert_shown(&harness, "exact needle", last.new.o / last.new.l, &format!("{case:?}"));
    }
}

/// A split has the average of its own keys, and is held against no answer that is of all of them.
#[test]
fn a_split_misses_no_answer() {
    let row = OneRow { algorithm: "split-kv", ..PLAIN };
    let mut harness = row.open();
    let mut said = String::new();
    for step in row.steps(&harness) {
        seek(&mut harness, step);
        said = frame(&harness).1;
        assert!(!said.contains("misses") && !said.starts_with("The exact answer"), "after {step}: {said}");
        assert!(harness.query_by_label("exact needle").is_none(), "after {step}");
    }
    assert!(said.starts_with("This split is done"), "{said}");
}

/// Before the line climbs nothing tells by how much, and before the last weights have joined nothing tells the answer.
#[test]
fn nothing_is_given_away_before_its_frame() {
    let mut harness = PLAIN.open();
    press(&mut harness, NONE, Key::Home);
    let len = harness.state().document().scene().expect("it runs").schedule().len();
    let mut hidden = [0, 0];
    while cursor(&harness) < len {
        let (now, _) = frame(&harness);
        if now <= 2 {
            assert!(harness.query_by_label("gap").is_none() && harness.query_by_label("alpha of the visit").is_none());
            hidden[0] += 1;
        }
        if now <= 4 {
            assert!(harness.query_by_label("exact needle").is_none());
            hidden[1] += 1;
        }
        press(&mut harness, NONE, Key::ArrowRight);
    }
    assert!(hidden.iter().all(|steps| *steps > 10), "{hidden:?}");
}

/// Each of the six buttons leads to its frame from wherever the row is, and the last only where it is the last visit's.
#[test]
fn the_buttons_lead_to_their_frames() {
    let mut harness = PLAIN.open();
    press(&mut harness, NONE, Key::End);
    for (n, name) in [
        (1, "Frame 1: at rest"),
        (2, "Frame 2: scores arrive"),
        (3, "Frame 3: the line climbs"),
        (4, "Frame 4: l and O shrink"),
        (5, "Frame 5: new weights join"),
        (6, "Frame 6: the exact answer"),
    ] {
        for _ in 0..2 {
            click(&mut harness, name);
            assert_eq!(frame(&harness).0, n, "{name}");
        }
    }
    // In the first visit there is no exact answer to lead to.
    press(&mut harness, NONE, Key::Home);
    click(&mut harness, "Frame 5: new weights join");
    let at = cursor(&harness);
    harness.get_by_label("Frame 6: the exact answer").click();
    settle(&mut harness);
    assert_eq!((cursor(&harness), frame(&harness).0), (at, 5));
}
