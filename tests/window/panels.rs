//! What each panel says of a run against numbers that this file works out itself: scores by dot products, masks by their
//! rule, traffic step by step from what a block holds. Over texts, shapes, grouped heads, masks, formats and cursors.

use std::ops::Range;

use crate::stage_support::{click, command, cursor, grouped, open_with, options, press, seek, value};
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use half::bf16;
use tilescope::app::{App, AppOptions, Link};
use tilescope::number::bytes;
use tilescope::playback::lesson::Language;
use tilescope::schedule::spec::Choice;
use tilescope::schedule::{Schedule, Step};

const NONE: Modifiers = Modifiers::NONE;

/// A run: an input of its own sizes, and what is chosen of it.
#[derive(Clone, Copy, Debug)]
struct Case {
    algorithm: &'static str,
    /// n_q, n_k, d, heads, key/value heads.
    sizes: [usize; 5],
    blocks: (usize, usize),
    head: usize,
    is_causal: bool,
    /// Keys that exist.
    length: Option<usize>,
    is_bf16: bool,
    splits: usize,
}

const PLAIN: Case = Case {
    algorithm: "flash2",
    sizes: [9, 11, 4, 4, 2],
    blocks: (4, 3),
    head: 3,
    is_causal: false,
    length: None,
    is_bf16: false,
    splits: 2,
};

/// Forward passes that keep a maximum and a sum of a row.
const ONLINE: [Case; 7] = [
    PLAIN,
    Case { is_causal: true, head: 1, ..PLAIN },
    Case { length: Some(7), head: 2, ..PLAIN },
    Case { algorithm: "flash1", ..PLAIN },
    Case { algorithm: "flash1", is_causal: true, sizes: [7, 7, 3, 2, 1], blocks: (2, 5), head: 1, ..PLAIN },
    Case { is_bf16: true, sizes: [5, 13, 8, 1, 1], blocks: (5, 4), head: 0, ..PLAIN },
    Case { sizes: [1, 17, 4, 6, 2], blocks: (1, 4), head: 5, ..PLAIN },
];

/// All of those, those that store scores or parts, and the texts of gradients.
fn all() -> Vec<Case> {
    let others = [
        Case { algorithm: "standard", ..PLAIN },
        Case { algorithm: "standard", is_causal: true, is_bf16: true, ..PLAIN },
        Case { algorithm: "split-kv", sizes: [3, 16, 4, 2, 1], blocks: (2, 4), head: 1, splits: 3, ..PLAIN },
    ];
    ONLINE.into_iter().chain(others).collect()
}

fn backward() -> [Case; 4] {
    ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"].map(|algorithm| Case {
        algorithm,
        is_causal: algorithm.starts_with("flash"),
        ..PLAIN
    })
}

impl Case {
    fn place(self) -> Link {
        let [n_q, n_k, d, heads, kv_heads] = self.sizes;
        let mut run = Link::of_input(format!("random:{n_q},{n_k},{d},{heads},{kv_heads}")).run;
        let mut choose = |name: &str, value: String| {
            Choice::by_name(name).expect("a choice").set(&mut run, &value).unwrap_or_else(|fault| panic!("{fault}"));
        };
        choose("algorithm", self.algorithm.into());
        choose("br", self.blocks.0.to_string());
        choose("bc", self.blocks.1.to_string());
        choose("head", self.head.to_string());
        choose("causal", self.is_causal.to_string());
        choose("precision", if self.is_bf16 { "bf16".into() } else { "f32".into() });
        // A text without splits refuses them.
        if self.algorithm == "split-kv" {
            choose("splits", self.splits.to_string());
        }
        if let Some(length) = self.length {
            choose("kv-lengths", length.to_string());
        }
        Link { run, ..Link::default() }
    }

    fn open(self) -> Harness<'static, App> {
        self.open_in(Language::English)
    }

    fn open_in(self, language: Language) -> Harness<'static, App> {
        let harness = open_with(&AppOptions { place: self.place(), language: Some(language), ..options() });
        let document = harness.state().document();
        assert!(document.notice().is_none(), "{self:?}: {:?}", document.notice());
        let scene = document.scene().expect("it runs");
        assert_eq!(scene.settings.algorithm.name(), self.algorithm, "{self:?}");
        harness
    }

    fn rows(self, i: usize) -> Range<usize> {
        i * self.blocks.0..((i + 1) * self.blocks.0).min(self.sizes[0])
    }

    fn cols(self, j: usize) -> Range<usize> {
        j * self.blocks.1..((j + 1) * self.blocks.1).min(self.sizes[1])
    }

    /// The last query sees the last key; padding ends the keys.
    fn sees(self, i: usize, j: usize) -> bool {
        let [n_q, n_k, ..] = self.sizes;
        let is_hidden = self.is_causal && j + n_q > i + n_k;
        !is_hidden && j < self.length.unwrap_or(n_k)
    }

    /// A tile in which some pair is seen is visited.
    fn visits(self, i: usize, j: usize) -> bool {
        self.rows(i).any(|query| self.cols(j).any(|key| self.sees(query, key)))
    }

    /// Scores of a query, by dot products in f64 of inputs as the format has them; `None` of what is hidden.
    fn scores(self, harness: &Harness<'_, App>, query: usize) -> Vec<Option<f64>> {
        let source = &harness.state().document().source().problem;
        let rounded = |x: f64| if self.is_bf16 { bf16::from_f64(x).to_f64() } else { x };
        let [_, n_k, d, heads, kv_heads] = self.sizes;
        let kv = self.head * kv_heads / heads;
        let dot = |key: usize| -> f64 {
            (0..d).map(|c| rounded(source.q[[0, self.head, query, c]]) * rounded(source.k[[0, kv, key, c]])).sum()
        };
        (0..n_k).map(|key| self.sees(query, key).then(|| dot(key) / (d as f64).sqrt())).collect()
    }

    /// Elements of a block of a tensor in HBM.
    fn block(self, tensor: &str, step: &Step) -> u64 {
        let rows = step.place.i().map_or(0, |i| self.rows(i).len());
        let cols = step.place.j().map_or(0, |j| self.cols(j).len());
        let d = self.sizes[2];
        let elements = match tensor {
            "Q" | "O" | "O_part" => rows * d,
            "K" | "V" => cols * d,
            "m" | "l" | "L" | "L_part" => rows,
            "S" | "P" => rows * cols,
            other => panic!("{other} is no tensor of a forward pass"),
        };
        elements as u64
    }

    /// Bytes of an element: statistics and parts are accumulators.
    fn element(self, tensor: &str) -> u64 {
        if self.is_bf16 && !["m", "l", "L", "O_part", "L_part"].contains(&tensor) { 2 } else { 4 }
    }
}

/// First, in the middle, last.
fn cursors(schedule: &Schedule) -> [u64; 4] {
    [0, 1, schedule.len() / 2, schedule.len()]
}

fn schedule(harness: &Harness<'_, App>) -> Schedule {
    harness.state().document().scene().expect("it runs").schedule().clone()
}

/// What moved in the first steps, by tensor and way: each load and store counted as it is met.
fn moved(case: Case, schedule: &Schedule, until: u64) -> Vec<(String, bool, u64)> {
    let mut all: Vec<(String, bool, u64)> = Vec::new();
    for step in (0..until).filter_map(|n| schedule.step(n)) {
        let operation = schedule.algorithm.operation(step.line);
        let Some((verb, tensor)) = operation.split_once(' ') else { continue };
        let is_write = verb != "load";
        let elements = if step.free { 0 } else { case.block(tensor, &step) };
        match all.iter_mut().find(|(known, way, _)| known == tensor && *way == is_write) {
            Some((_, _, sum)) => *sum += elements,
            None => all.push((tensor.to_owned(), is_write, elements)),
        }
    }
    all
}

fn way(is_write: bool) -> &'static str {
    if is_write { "write" } else { "read" }
}

/// The number behind a name in a text such as `m 4.136, alpha 0, l 1.293`.
fn after(text: &str, name: &str) -> f64 {
    let mut words = text.split([' ', ',', ';']).filter(|word| !word.is_empty());
    words.find(|word| *word == name).unwrap_or_else(|| panic!("no {name} in {text}"));
    words.next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
}

/// As four digits of a number in f32 show it; of bf16 the inputs are exact, and the sums are in f32 too.
fn close(shown: f64, expected: f64) -> bool {
    shown == expected || (shown - expected).abs() <= 8e-4 * expected.abs().max(1e-2)
}

/// m and l over the keys before `end`.
fn online(scores: &[Option<f64>], end: usize) -> (f64, f64) {
    let seen = || scores[..end].iter().flatten();
    let m = seen().copied().fold(f64::NEG_INFINITY, f64::max);
    (m, seen().map(|score| (score - m).exp()).sum())
}

/// The row that is looked at.
fn row(harness: &Harness<'_, App>) -> Option<usize> {
    // What a label says is its value.
    let mut heads = harness.query_all_by_label_contains("Row ").filter_map(|node| node.value());
    heads.find_map(|head| head.strip_prefix("Row ")?.split(' ').next()?.parse().ok())
}

#[test]
fn the_row_says_what_its_scores_come_to_after_each_key_block() {
    for case in ONLINE {
        let mut harness = case.open();
        let (schedule, mut compared) = (schedule(&harness), 0);
        let t_c = case.sizes[1].div_ceil(case.blocks.1);
        for at in (0..=schedule.len()).step_by(3) {
            seek(&mut harness, at);
            let Some(query) = row(&harness) else { continue };
            let scores = case.scores(&harness, query);
            for j in 0..t_c {
                let Some(shown) = harness.query_by_label(&format!("after key block {j}")).and_then(|node| node.value())
                else {
                    continue;
                };
                let (m, l) = online(&scores, case.cols(j).end);
                if m == f64::NEG_INFINITY {
                    assert!(shown.contains("m -inf"), "{case:?} step {at}, row {query}: {shown}");
                    continue;
                }
                assert!(close(after(&shown, "m"), m), "{case:?} step {at}, row {query}, block {j}: {shown}, m {m}");
                assert!(close(after(&shown, "l"), l), "{case:?} step {at}, row {query}, block {j}: {shown}, l {l}");
                compared += 1;
            }
        }
        assert!(compared > 10, "{case:?}: {compared}");
    }
}

#[test]
fn counts_and_bytes_are_what_the_steps_moved() {
    for case in all() {
        let mut harness = case.open();
        let schedule = schedule(&harness);
        let end = moved(case, &schedule, schedule.len());
        for at in cursors(&schedule) {
            seek(&mut harness, at);
            let now = moved(case, &schedule, at);
            let of = |tensor: &str, is_write: bool| {
                now.iter().find(|(known, way, _)| known == tensor && *way == is_write).map_or(0, |(.., n)| *n)
            };
            press(&mut harness, Modifiers::ALT, Key::Num1);
            for (tensor, is_write, total) in end.iter().filter(|(.., total)| *total > 0) {
                let shown = value(&harness, &format!("{tensor} {}", way(*is_write)));
                let expected = format!("{} of {}", grouped(of(tensor, *is_write)), grouped(*total));
                assert_eq!(shown, expected, "{case:?} step {at}: {tensor}");
            }
            let sum = |moved: &[(String, bool, u64)]| -> u64 {
                moved.iter().map(|(tensor, _, elements)| elements * case.element(tensor)).sum()
            };
            let expected = format!("{} of {}", grouped(sum(&now)), grouped(sum(&end)));
            assert_eq!(value(&harness, "HBM bytes"), expected, "{case:?} step {at}");
            press(&mut harness, Modifiers::ALT, Key::B);
            for (tensor, is_write, total) in end.iter().filter(|(.., total)| *total > 0) {
                let shown = value(&harness, &format!("{tensor} {}, bytes", way(*is_write)));
                let [now, total] = [of(tensor, *is_write), *total].map(|n| bytes(n * case.element(tensor)));
                assert_eq!(shown.split(';').next(), Some(&*format!("{now} of {total}")), "{case:?} step {at}");
            }
            assert_eq!(value(&harness, "total bytes"), bytes(sum(&end)), "{case:?} step {at}");
        }
    }
}

/// A backward pass counts what its closed forms come to, from nothing on, and says so in words.
#[test]
fn backward_passes_count_from_nothing_to_their_closed_forms() {
    for case in backward() {
        let mut harness = case.open();
        press(&mut harness, Modifiers::ALT, Key::Num1);
        let scene = harness.state().document().scene().expect("it runs").clone();
        let [n_q, n_k, d, ..] = case.sizes.map(|n| n as u64);
        let group = 2;
        for (at, is_over) in [(0, false), (scene.schedule().len(), true)] {
            seek(&mut harness, at);
            let elements = scene.closed_form.hbm_bytes();
            let now = if is_over { elements } else { 0 };
            assert_eq!(value(&harness, "HBM bytes"), format!("{} of {}", grouped(now), grouped(elements)), "{case:?}");
        }
        harness.get_by_label_contains("elements, the same.");
        // Each query head of the group stores a dQ, and a dK of its own, which the last kernel reads and sums.
        if case.algorithm == "two-kernel-backward" {
            for (name, elements) in [
                ("dQ write", group * n_q * d),
                ("dK_head write", group * n_k * d),
                ("dK_head read", group * n_k * d),
                ("dK write", n_k * d),
            ] {
                assert_eq!(value(&harness, name), format!("{0} of {0}", grouped(elements)), "{name}");
            }
        }
    }
}

#[test]
fn the_plot_ends_at_the_sums_of_the_row_and_counts_its_rescales() {
    for case in ONLINE {
        let mut harness = case.open();
        press(&mut harness, Modifiers::ALT, Key::Num2);
        let schedule = schedule(&harness);
        let mut compared = 0;
        for at in [schedule.len() / 2, schedule.len() - 1] {
            seek(&mut harness, at);
            let Some(query) = row(&harness) else { continue };
            let Some(shown) = harness.query_by_label("plot of the row").and_then(|node| node.value()) else { continue };
            let (scores, i) = (case.scores(&harness, query), query / case.blocks.0);
            let visited: Vec<usize> =
                (0..case.sizes[1].div_ceil(case.blocks.1)).filter(|&j| case.visits(i, j)).collect();
            let mut maxima = visited.iter().map(|&j| online(&scores, case.cols(j).end).0);
            let mut last = maxima.next().expect("a visit");
            let rescales = maxima.filter(|m| *m > std::mem::replace(&mut last, *m)).count();
            let (m, l) = online(&scores, case.sizes[1]);
            assert_eq!(after(&format!("visits {shown}"), "visits") as usize, visited.len(), "{case:?}: {shown}");
            assert!(close(after(&shown, "m"), m) && close(after(&shown, "l"), l), "{case:?} row {query}: {shown}");
            assert!(shown.contains(&format!("rescaled {rescales} time")), "{case:?} row {query}: {shown}, {rescales}");
            compared += 1;
        }
        assert!(compared > 0, "{case:?}");
    }
}

#[test]
fn one_line_of_the_code_is_lit_that_of_the_step() {
    for case in all().into_iter().chain(backward()) {
        let mut harness = case.open();
        press(&mut harness, Modifiers::ALT, Key::Num3);
        let schedule = schedule(&harness);
        let text = schedule.algorithm.text().text.clone();
        for at in cursors(&schedule) {
            seek(&mut harness, at);
            let mut lit = Vec::new();
            for (n, line) in (1..).zip(text.lines()) {
                let Some(shown) = harness.query_by_label(&format!("line {n}")).and_then(|node| node.value()) else {
                    continue;
                };
                let own = shown.trim_end_matches(" (now)");
                let first = own.split(';').next().unwrap_or_default();
                assert!(line.starts_with(first), "{case:?} line {n}: {shown:?} of {line:?}");
                if own.len() < shown.len() {
                    lit.push(line.trim().to_owned());
                }
            }
            let step = at.checked_sub(1).and_then(|n| schedule.step(n));
            let Some(step) = step else {
                assert!(lit.is_empty(), "{case:?}: {lit:?} before the first step");
                continue;
            };
            let operation = schedule.algorithm.operation(step.line);
            let [line] = &lit[..] else { panic!("{case:?} step {at}: {lit:?} for {operation}") };
            let is_of_it = operation.split(' ').all(|word| line.contains(word));
            assert!(is_of_it, "{case:?} step {at}: {line} for {operation}");
        }
    }
}

#[test]
fn the_timeline_names_the_step_and_its_blocks() {
    for case in all().into_iter().chain(backward()) {
        let mut harness = case.open();
        let schedule = schedule(&harness);
        let len = schedule.len();
        for at in cursors(&schedule) {
            seek(&mut harness, at);
            assert_eq!(value(&harness, "steps"), format!("step {at} of {len}"), "{case:?}");
            let said = value(&harness, "current step");
            assert!(said.starts_with(&format!("step {} of {}: ", grouped(at), grouped(len))), "{case:?}: {said}");
            let Some(step) = at.checked_sub(1).and_then(|n| schedule.step(n)) else { continue };
            let place = match (step.place.i(), step.place.j()) {
                (Some(i), Some(j)) => format!("tile (i {i}, j {j})"),
                (Some(i), None) => format!("query block i {i}"),
                (None, Some(j)) => format!("key block j {j}"),
                (None, None) => "all blocks".to_owned(),
            };
            assert!(said.contains(&place), "{case:?} step {at}: {said}, at {place}");
        }
    }
}

#[test]
fn compare_counts_both_runs_at_its_cursor() {
    for case in [PLAIN, ONLINE[1], ONLINE[3], ONLINE[5]] {
        let mut harness = case.open();
        press(&mut harness, NONE, Key::Num4);
        let schedule = schedule(&harness);
        let sum = |until: u64| -> u64 {
            moved(case, &schedule, until).iter().map(|(tensor, _, n)| n * case.element(tensor)).sum()
        };
        for at in cursors(&schedule) {
            seek(&mut harness, at);
            let shown = value(&harness, "A: HBM bytes");
            let expected = format!("{} of {}", grouped(sum(at)), grouped(sum(schedule.len())));
            assert_eq!(shown, expected, "{case:?} step {at}");
        }
        // At the end B has moved all of its own.
        let shown = value(&harness, "B: HBM bytes");
        let (now, of) = shown.split_once(" of ").expect("two numbers");
        assert_eq!(now, of, "{case:?}");
        let [a, b] = [sum(schedule.len()), of.replace(',', "").parse().expect("a number")];
        let told = value(&harness, "which moves more");
        let (more, less) = if a > b { ("A", "B") } else { ("B", "A") };
        assert!(a == b || told.starts_with(more) && told.contains(&format!("the bytes of {less}")), "{told}");
        let ratio = a.max(b) as f64 / a.min(b) as f64;
        assert!(a == b || told.contains(&format!(" {ratio:.3} times ")), "{told}: {ratio}");
    }
}

/// `Next hit` goes through the tiles in which the maximum of a row rises, as the scores have it.
#[test]
fn breakpoints_stop_where_a_maximum_rises() {
    for case in [PLAIN, ONLINE[1], ONLINE[2]] {
        let mut harness = case.open();
        press(&mut harness, NONE, Key::Home);
        let (schedule, t_c) = (schedule(&harness), case.sizes[1].div_ceil(case.blocks.1));
        let rises = |i: usize, j: usize| {
            case.rows(i).any(|query| {
                let scores = case.scores(&harness, query);
                let (before, then) = (online(&scores, case.cols(j).start).0, online(&scores, case.cols(j).end).0);
                // A row that had seen no key has no maximum that could rise.
                before.is_finite() && then > before
            })
        };
        let expected: Vec<u64> = (0..schedule.len())
            .filter(|&n| {
                let step = schedule.step(n).expect("a step");
                let is_max = schedule.algorithm.operation(step.line) == "row-max";
                is_max && step.place.tile().is_some_and(|(i, j)| rises(i, j))
            })
            .map(|n| n + 1)
            .collect();
        assert!(expected.len() > 1 && t_c > 1, "{expected:?}");
        click(&mut harness, "Breakpoints");
        for wanted in &expected {
            click(&mut harness, "Next hit");
            assert_eq!(cursor(&harness), *wanted, "{case:?} of {expected:?}");
            let (i, j) = schedule.step(wanted - 1).and_then(|step| step.place.tile()).expect("a tile");
            let told = format!("hit at step {}, tile (i {i}, j {j}): m rises", grouped(*wanted));
            assert_eq!(value(&harness, "breakpoint"), told);
        }
        click(&mut harness, "Next hit");
        assert_eq!(value(&harness, "breakpoint"), "no further hit that way");
        assert_eq!(cursor(&harness), expected[expected.len() - 1]);
    }
}

/// The steps that made m of a row are those of its block up to then that m is made of, and each leads there.
#[test]
fn the_origin_of_a_maximum_is_its_loads_and_tiles() {
    for case in [PLAIN, ONLINE[1]] {
        let mut harness = case.open();
        let schedule = schedule(&harness);
        // After the last maximum of the first query block.
        let of_block = |n: u64| {
            let step = schedule.step(n).expect("a step");
            step.place.i() == Some(0) && schedule.algorithm.operation(step.line) == "row-max"
        };
        let at = (0..schedule.len()).rfind(|&n| of_block(n)).expect("a maximum") + 1;
        seek(&mut harness, at);
        click(&mut harness, "m of the row");
        let tiles = (0..case.sizes[1].div_ceil(case.blocks.1)).filter(|&j| case.visits(0, j)).count() as u64;
        let masked = (0..at)
            .filter(|&n| schedule.step(n).is_some_and(|step| schedule.algorithm.operation(step.line) == "mask"))
            .count() as u64;
        // Q, the start of the row, and of each tile K, its scores and its maximum, and the mask where it is partial.
        let steps = 2 + 3 * tiles + masked;
        let shown = value(&harness, "origin of");
        assert!(shown.ends_with(&format!(": {steps} steps made it")), "{case:?}: {shown}, and {steps}");
        assert!(shown.contains(&format!("after step {}", grouped(at))), "{shown}");
    }
}

/// The grid of the run on screen: a thread block for each query block of each head.
#[test]
fn what_if_counts_the_blocks_of_the_run_on_screen() {
    for case in [PLAIN, ONLINE[4], ONLINE[6]] {
        let mut harness = Case { algorithm: "flash2", ..case }.open();
        command(&mut harness, "What-if");
        click(&mut harness, "As on screen");
        let blocks = case.sizes[0].div_ceil(case.blocks.0) * case.sizes[3];
        assert_eq!(value(&harness, "thread blocks"), grouped(blocks as u64), "{case:?}");
    }
}

/// At the picked blocks of the first surprise: flash2 reads K and V once for each query block, and stores O and L.
#[test]
fn block_sizes_have_the_bytes_of_the_formulas() {
    let mut harness = PLAIN.open();
    click(&mut harness, "Block sizes");
    click(&mut harness, "At d = 128 and 64 keys a block flash1 moves more than standard");
    let (n, d, br, bc) = (4096_u64, 128, 64, 64);
    // f16, statistics in f32.
    let standard = 2 * (4 * n * n + 4 * n * d);
    let flash2 = 2 * (2 * n * d + 2 * (n / br) * n * d) + 4 * n;
    let visits = n / bc;
    let flash1 = 2 * (2 * n * d + visits * 3 * n * d + n * d) + 4 * (2 * n + visits * 4 * n);
    for (name, moved) in [("standard", standard), ("flash2", flash2), ("flash1", flash1)] {
        let shown = value(&harness, &format!("{name} at the picked blocks"));
        assert_eq!(shown.split(',').next(), Some(&*bytes(moved)), "{name}: {shown}");
    }
}

#[test]
fn the_memories_hold_the_scores_of_the_run() {
    for case in [PLAIN, ONLINE[4], ONLINE[6]] {
        let mut harness = case.open();
        press(&mut harness, NONE, Key::Num0);
        let [n_q, n_k, ..] = case.sizes;
        assert_eq!(value(&harness, "bytes of S of one head"), bytes((4 * n_q * n_k) as u64), "{case:?}");
    }
}

/// The setup shows what was chosen, where it is chosen.
#[test]
fn the_setup_says_what_runs() {
    for case in all() {
        let mut harness = case.open();
        command(&mut harness, "Show the setup");
        let (scope, (br, bc)) = (value(&harness, "scope"), case.blocks);
        let format = if case.is_bf16 { "bf16" } else { "f32" };
        assert!(scope.starts_with(&format!("head {} of {}; ", case.head, case.sizes[3])), "{case:?}: {scope}");
        assert!(scope.ends_with(&format!("{} {br}x{bc}, {format}", case.algorithm)), "{case:?}: {scope}");
        // Each query block is a program of its own in flash2.
        let programs = case.sizes[0].div_ceil(br);
        let is_told = scope.contains(&format!("; one program of {programs}; "));
        assert!(is_told || case.algorithm != "flash2" || programs == 1, "{case:?}: {scope}");
        let mask = value(&harness, "Mask");
        assert_eq!(mask.contains("causal"), case.is_causal, "{case:?}: {mask}");
    }
}

/// All numbers of what a screen reader reads, in their order of size.
fn numbers(harness: &Harness<'_, App>) -> Vec<String> {
    let of = |line: String| {
        let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
        // One language has the word, the other the figure; `1.61x fewer` is `1/1.61` in Chinese.
        let found: Vec<String> = line
            .replace("power of ten", "power of 10")
            .replace("的 1/", "的 ")
            // And where a line begins with it.
            .replace("\"1/", "\"")
            .split(|c| !is_of_number(c))
            .map(|word| word.trim_matches(['.', ',']).to_owned())
            .filter(|word| !word.is_empty())
            .collect();
        found
    };
    // A line of a text that is broken is told where it is in sight only; the text is told whole.
    let lines = crate::stage_support::all_text(harness).into_iter().filter(|line| !line.starts_with("TextRun"));
    let mut all: Vec<String> = lines.flat_map(of).collect();
    all.sort();
    all
}

/// A language changes words and no number: of every panel at the right, at the first, a middle and the last step.
#[test]
fn both_languages_say_the_same_numbers() {
    for case in [PLAIN, ONLINE[3], all()[7], backward()[2]] {
        let mut both = [Language::English, Language::Chinese].map(|language| case.open_in(language));
        let schedule = schedule(&both[0]);
        for at in cursors(&schedule) {
            both.iter_mut().for_each(|harness| seek(harness, at));
            for key in [Key::Num1, Key::Num2, Key::Num3, Key::B] {
                both.iter_mut().for_each(|harness| press(harness, Modifiers::ALT, key));
                let [english, chinese] = both.each_ref().map(numbers);
                assert_eq!(english, chinese, "{case:?} step {at}, {key:?}");
            }
        }
    }
}
