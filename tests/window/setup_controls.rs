//! Every choice of the setup by the keyboard: the palette leads to it, the run is as its name says, each row on screen is that
//! of the formula on an input that is changed here by hand, and it is undone and done again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::stage_support::{click, command, open_as, options, press, settle, type_text, value};
use eframe::egui::accesskit::Role;
use eframe::egui::{self, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use ndarray::{Axis, concatenate};
use tilescope::app::{App, AppOptions, Link};
use tilescope::attention::input::{Input, random};
use tilescope::attention::{Align, Diagonal, Mask, Precision, Problem, oracle};
use tilescope::schedule::spec::{Choice, RunSpec};

const NONE: Modifiers = Modifiers::NONE;

/// A choice, what it makes of a run, and what of the input.
struct Control {
    /// What the palette finds it by.
    name: &'static str,
    input: fn() -> Input,
    algorithm: &'static str,
    /// What is done once it has the keyboard.
    act: fn(&mut Harness<'_, App>),
    /// By the names of the options.
    sets: &'static [(&'static str, &'static str)],
    makes: fn(&mut Problem),
    /// Batch entry, head and query of the row of a number; none where a row has no m and l of its own on screen.
    row: Option<fn(usize) -> [usize; 3]>,
}

const FIRST: Option<fn(usize) -> [usize; 3]> = Some(|row| [0, 0, row]);

const fn control(
    name: &'static str,
    input: fn() -> Input,
    act: fn(&mut Harness<'_, App>),
    sets: &'static [(&'static str, &'static str)],
    makes: fn(&mut Problem),
) -> Control {
    Control { name, input, algorithm: "flash2", act, sets, makes, row: FIRST }
}

fn of(spec: &str) -> Input {
    random::read(spec, 3).expect("an input")
}

/// As many queries as keys, a prime.
fn square() -> Input {
    of("random:13,13,4")
}

/// Fewer queries than keys, causal.
fn wide() -> Input {
    causal(of("random:5,13,4"))
}

fn causal(mut input: Input) -> Input {
    input.problem.mask.causal = true;
    input
}

/// Four query heads, two to a key/value head.
fn grouped() -> Input {
    of("random:7,13,4,4,2")
}

/// Two batch entries, each of numbers of its own.
fn batch() -> Input {
    let [mut both, second] = [3, 4].map(|seed| random::read("random:7,7,4", seed).expect("an input"));
    let problem = &mut both.problem;
    problem.shape.batch = 2;
    for (all, more) in
        [(&mut problem.q, &second.problem.q), (&mut problem.k, &second.problem.k), (&mut problem.v, &second.problem.v)]
    {
        *all = concatenate(Axis(0), &[all.view(), more.view()]).expect("of one shape");
    }
    both
}

fn space(harness: &mut Harness<'_, App>) {
    press(harness, NONE, Key::Space);
}

fn nothing(_: &mut Problem) {}

/// Types a number in place of the one that has the keyboard.
fn number<const N: usize>(harness: &mut Harness<'_, App>) {
    press(harness, Modifiers::COMMAND, Key::A);
    type_text(harness, &N.to_string());
    press(harness, NONE, Key::Enter);
}

const MASKS: [Control; 10] = [
    control("Causal mask", square, space, &[("causal", "true")], |problem| problem.mask.causal = true),
    control("Sliding window", square, space, &[("window", "4,4")], |problem| {
        (problem.mask.window_left, problem.mask.window_right) = (Some(4), Some(4));
    }),
    // A causal mask hides everything to the right already.
    control(
        "Sliding window",
        || causal(square()),
        space,
        &[("window", "4,0")],
        |problem| {
            problem.mask.window_left = Some(4);
        },
    ),
    control(
        "Causal mask",
        wide,
        |harness| click(harness, "top left: the first query sees the first key"),
        &[("align", "top-left")],
        |problem| problem.mask.align = Align::TopLeft,
    ),
    // A quarter of the keys, rounded up, is padding.
    control("Padding mask", square, space, &[("kv-lengths", "9")], |problem| problem.mask.key_lengths = Some(vec![9])),
    control(
        "Padding mask",
        wide,
        |harness| {
            space(harness);
            click(harness, "lengths: the last query sees the last key that exists");
        },
        &[("kv-lengths", "9"), ("diagonal", "lengths")],
        |problem| {
            let own = problem.mask.clone();
            problem.mask = Mask { key_lengths: Some(vec![9]), diagonal: Diagonal::Lengths, ..own };
        },
    ),
    control(
        "Other masks",
        || causal(square()),
        |harness| (0..3).for_each(|_| click(harness, "More Prefix keys")),
        &[("prefix-keys", "3")],
        |problem| problem.mask.prefix_keys = 3,
    ),
    // Of keys that a window would hide.
    control(
        "Sliding window",
        || causal(square()),
        |harness| {
            space(harness);
            command_of_choice(harness, "Other masks");
            (0..2).for_each(|_| click(harness, "More Sink keys"));
        },
        &[("window", "4,0"), ("sink-keys", "2")],
        |problem| (problem.mask.window_left, problem.mask.sink_keys) = (Some(4), 2),
    ),
    control(
        "Other masks",
        square,
        |harness| (0..2).for_each(|_| click(harness, "More Left padding")),
        &[("left-padding", "2")],
        |problem| problem.mask.left_padding = Some(vec![2]),
    ),
    control(
        "Other masks",
        square,
        |harness| {
            harness.get_by_role_and_label(Role::TextInput, "Tokens of each document").focus();
            harness.run_steps(2);
            press(harness, Modifiers::COMMAND, Key::A);
            type_text(harness, "5, 1, 7");
            press(harness, NONE, Key::Enter);
        },
        &[("documents", "5,1,7")],
        |problem| problem.mask.documents = Some(vec![5, 1, 7]),
    ),
];

const INPUTS: [Control; 6] = [
    control(
        "First tokens",
        || causal(square()),
        |harness| press(harness, NONE, Key::ArrowLeft),
        &[("prefix", "12"), ("br", "12")],
        |problem| *problem = problem.prefix(12).expect("a prefix"),
    ),
    Control { row: Some(|row| [0, 3, row]), ..control("Head", grouped, number::<3>, &[("head", "3")], nothing) },
    // The first of its group, as head 0 is.
    Control {
        row: Some(|row| [0, 2, row]),
        ..control("Key/value head", grouped, number::<1>, &[("head", "2")], nothing)
    },
    Control { row: Some(|row| [1, 0, row]), ..control("Batch entry", batch, number::<1>, &[("batch", "1")], nothing) },
    // Seven rows are a block of the first sequence, and seven of the second.
    Control {
        row: Some(|row| [row / 7, 0, row % 7]),
        ..control("The batch as one schedule", batch, space, &[("varlen", "true")], nothing)
    },
    // The heads of a query stand beside each other.
    Control {
        row: Some(|row| [0, row % 2, row / 2]),
        ..control("Query heads as rows", grouped, space, &[("pack-heads", "true")], nothing)
    },
];

const BLOCKS: [Control; 5] = [
    control("Block rows br", square, number::<5>, &[("br", "5")], nothing),
    control("Block keys bc", square, number::<7>, &[("bc", "7")], nothing),
    Control {
        algorithm: "split-kv",
        row: None,
        ..control("Splits of the keys", square, number::<3>, &[("splits", "3")], nothing)
    },
    Control {
        algorithm: "split-kv",
        row: None,
        ..control("Splits by FlashAttention-2's rule", square, space, &[("splits", "rule")], nothing)
    },
    Control {
        algorithm: "flash2-backward",
        row: None,
        ..control("Additions arrive in a shuffled order", square, space, &[("arrival", "shuffled:0")], nothing)
    },
];

/// All rows are of one block where they are of one sequence, so that each can be looked at when all is done.
fn open(control: &Control) -> Harness<'static, App> {
    let input = (control.input)();
    let br = Some(input.problem.shape.n_q);
    let place = Link { run: RunSpec { br, ..RunSpec::default() }, ..Link::default() };
    let mut harness = open_as(Some(input), &AppOptions { place, ..options() }, Vec2::new(1280.0, 1600.0), 1.0);
    if control.algorithm != "flash2" {
        command(&mut harness, &format!("Algorithm: {}", control.algorithm));
    }
    harness
}

pub fn chosen(harness: &Harness<'_, App>) -> RunSpec {
    harness.state().document().wanted().run.clone()
}

/// The choice of this name has the keyboard.
pub fn command_of_choice(harness: &mut Harness<'_, App>, name: &str) {
    command(harness, name);
    let node = harness.root().accesskit_node();
    let has_focus = find_focused(&node).unwrap_or_default();
    assert!(has_focus.contains(name), "{name}: the keyboard is at {has_focus}");
}

/// The name of what has the keyboard, or of what labels it.
fn find_focused(node: &egui_kittest::kittest::AccessKitNode<'_>) -> Option<String> {
    if node.is_focused() {
        let by: Vec<_> = node.labelled_by().filter_map(|label| label.value().or(label.label())).collect();
        return Some(format!("{} {}", node.label().unwrap_or_default(), by.join(" ")));
    }
    node.children().find_map(|child| find_focused(&child))
}

/// Whatever has the keyboard leaves it, and all is done.
fn to_the_end(harness: &mut Harness<'_, App>) {
    harness.ctx.memory_mut(egui::Memory::stop_text_input);
    harness.run_steps(2);
    press(harness, NONE, Key::End);
}

/// The last number of what is shown under a name.
fn shown(harness: &Harness<'_, App>, name: &str) -> f64 {
    let text = value(harness, name);
    let last = text.rsplit(' ').next().unwrap_or_default();
    last.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
}

/// Every row that is on chip at the end, against the oracle.
fn rows_are_right(harness: &mut Harness<'_, App>, problem: &Problem, row: fn(usize) -> [usize; 3], of: &str) {
    to_the_end(harness);
    let n_q = harness.state().document().scene().expect("it runs").plan().n_q;
    (0..n_q).for_each(|_| harness.key_press(Key::ArrowUp));
    settle(harness);
    let mut seen = 0;
    for at in 0..n_q {
        if harness.query_by_label(&format!("Row {at}")).is_none() {
            continue;
        }
        seen += 1;
        let [batch, head, query] = row(at);
        let expected = oracle::row(&problem.head::<f64>(batch, head, Precision::F64), query);
        for (name, expected) in [("m of the row", expected.m), ("l of the row", expected.l)] {
            let shown = shown(harness, name);
            let is_close = shown == expected || (shown - expected).abs() <= 6e-4 * expected.abs().max(1e-3);
            assert!(is_close, "{of}: {name} {at} is {shown}, not {expected}");
        }
        press(harness, NONE, Key::ArrowDown);
    }
    assert!(seen >= n_q.min(3), "{of}: {seen} rows of {n_q}");
}

fn holds(control: &Control) {
    let mut harness = open(control);
    let before = chosen(&harness);
    command_of_choice(&mut harness, control.name);
    assert_eq!(chosen(&harness), before, "{}: to be found is no change", control.name);
    (control.act)(&mut harness);
    let mut expected = before.clone();
    for (name, text) in control.sets {
        Choice::by_name(name).expect("a choice").set(&mut expected, text).expect("it is one");
    }
    assert_eq!(chosen(&harness), expected, "{}", control.name);
    assert!(
        harness.state().document().notice().is_none(),
        "{}: {:?}",
        control.name,
        harness.state().document().notice()
    );
    // Each press of a button is a step back of its own.
    to_the_end(&mut harness);
    for _ in 0..8 {
        press(&mut harness, Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(chosen(&harness), before, "{}: undone", control.name);
    for _ in 0..8 {
        press(&mut harness, Modifiers::COMMAND, Key::Y);
    }
    assert_eq!(chosen(&harness), expected, "{}: done again", control.name);
    if let Some(row) = control.row {
        let mut problem = (control.input)().problem;
        (control.makes)(&mut problem);
        rows_are_right(&mut harness, &problem, row, control.name);
    }
}

/// Each is tried, whatever became of the others.
fn all_hold(controls: &[Control]) {
    let fails = |control: &&Control| catch_unwind(AssertUnwindSafe(|| holds(control))).is_err();
    let failed: Vec<&str> = controls.iter().filter(fails).map(|control| control.name).collect();
    assert!(failed.is_empty(), "the reasons stand above: {failed:?}");
}

#[test]
fn a_mask_of_the_setup_hides_what_it_says() {
    all_hold(&MASKS);
}

#[test]
fn what_is_run_of_an_input_is_chosen_in_the_setup() {
    all_hold(&INPUTS);
}

#[test]
fn blocks_splits_and_order_are_chosen_in_the_setup() {
    all_hold(&BLOCKS);
}
