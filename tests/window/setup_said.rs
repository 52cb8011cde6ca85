//! What the setup offers, says and refuses: formats and chips by their lists, the choices that an input has, sections in one
//! line, and a text that is no choice.

use crate::setup_controls::{chosen, command_of_choice};
use crate::stage_support::{all_text, choose, click, command, open_sized, press, settle, type_text, value};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers, Popup, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::App;
use tilescope::attention::input::{Input, random};
use tilescope::attention::precision::OFFERED;
use tilescope::attention::{Format, Precision, oracle};
use tilescope::schedule::hardware;

const NONE: Modifiers = Modifiers::NONE;

fn of(spec: &str) -> Input {
    random::read(spec, 3).expect("an input")
}

fn causal(spec: &str) -> Input {
    let mut input = of(spec);
    input.problem.mask.causal = true;
    input
}

/// Tall enough for the whole setup.
fn open(input: Input) -> Harness<'static, App> {
    open_sized(Some(input), Vec2::new(1280.0, 1600.0), 1.0)
}

/// What each algorithm keeps of the row on screen at the end, in words.
fn row(harness: &mut Harness<'_, App>) -> [f64; 2] {
    press(harness, NONE, Key::End);
    ["m of the row", "l of the row"].map(|name| {
        let text = value(harness, name);
        text.rsplit(' ').next().and_then(|last| last.parse().ok()).unwrap_or_else(|| panic!("{name}: {text}"))
    })
}

/// Each format is what the run computes in: the row is as near to the exact one as that format has digits.
#[test]
fn a_format_of_the_list_is_that_of_the_run() {
    let input = of("random:13,13,4");
    let head = input.problem.head::<f64>(0, 0, Precision::F64);
    let mut harness = open(input);
    click(&mut harness, "Precision");
    for precision in Precision::ALL {
        choose(&mut harness, "Precision: ", &precision.name());
        assert_eq!(chosen(&harness).precision, Some(precision));
        assert!(value(&harness, "scope").ends_with(&format!(", {}", precision.name())));
        assert_eq!(value(&harness, "Precision"), precision.name());
        let [m, l] = row(&mut harness);
        let query = (0..13).find(|row| harness.query_by_label(&format!("Row {row}")).is_some()).expect("a row");
        let exact = oracle::row(&head, query);
        let digits = match precision.format {
            Format::F64 | Format::F32 => 6e-4,
            Format::F16 => 1e-2,
            Format::Bf16 => 8e-2,
            Format::E4m3 => 0.4,
        };
        for (shown, exact) in [(m, exact.m), (l, exact.l)] {
            assert!((shown - exact).abs() <= digits * exact.abs().max(1.0), "{precision:?}: {shown}, not {exact}");
        }
        // f64 keeps everything in f64.
        let has_formats = harness.query_by_label("Formats of single tensors").is_some();
        assert_eq!(has_formats, precision != Precision::F64);
    }
}

#[test]
fn a_tensor_has_a_format_of_its_own_until_it_is_taken_back() {
    let mut harness = open(of("random:13,13,4"));
    click(&mut harness, "Precision");
    click(&mut harness, "Formats of single tensors");
    for name in OFFERED {
        let own = |harness: &Harness<'_, App>| chosen(harness).precision.and_then(|precision| precision.own(name));
        choose(&mut harness, &format!("Format of {name}: "), "f16");
        assert_eq!(own(&harness), Some(Format::F16), "{name}");
        let expected = Precision::F32.with(name, Some(Format::F16)).expect("a format");
        assert_eq!(chosen(&harness).precision, Some(expected), "{name} alone");
        // Its name is what the option is typed as.
        assert_eq!(Precision::read(&value(&harness, "Precision")), Ok(expected));
        assert!(value(&harness, "scope").ends_with(&*expected.name()), "{name}");
        choose(&mut harness, &format!("Format of {name}: "), "-");
        assert_eq!(chosen(&harness).precision, Some(Precision::F32), "{name}");
    }
    // Scales are those of blocks of e4m3.
    let scales = "A scale for each block of e4m3 inputs";
    click(&mut harness, scales);
    assert_eq!(chosen(&harness).precision, Some(Precision::F32), "f32 has none");
    choose(&mut harness, "Precision: ", "e4m3");
    click(&mut harness, scales);
    assert_eq!(chosen(&harness).precision, Precision::read("e4m3,scales=block").ok());
    click(&mut harness, scales);
    assert_eq!(chosen(&harness).precision, Some(Precision::E4M3));
}

/// A chip changes the budget that buffers are held against, and no number of the run.
#[test]
fn a_chip_changes_no_number_of_the_run() {
    let mut harness = open(of("random:13,13,4"));
    click(&mut harness, "Chip");
    let (before, numbers) = (chosen(&harness), row(&mut harness));
    let step = value(&harness, "current step");
    let bytes = value(&harness, "total bytes");
    for chip in hardware::all() {
        harness.get_by_label_contains("Chip: ").click();
        harness.run_steps(3);
        // The list is longer than what is seen of it.
        harness.get_by_label(chip.name).click_accesskit();
        settle(&mut harness);
        Popup::close_all(&harness.ctx);
        harness.run_steps(2);
        assert_eq!(chosen(&harness).hardware().name, chip.name);
        assert_eq!(value(&harness, "Chip"), chip.name);
        let mut same = chosen(&harness);
        same.hardware.clone_from(&before.hardware);
        assert_eq!(same, before, "{}", chip.name);
        assert_eq!(row(&mut harness), numbers, "{}", chip.name);
        assert_eq!((value(&harness, "current step"), value(&harness, "total bytes")), (step.clone(), bytes.clone()));
    }
}

/// The palette offers a choice of the setup only where the input and the algorithm have it.
#[test]
fn what_an_input_has_not_is_not_offered() {
    let always = ["Block rows br", "Block keys bc", "Causal mask", "Precision", "Chip", "Softcap"];
    let sometimes = [
        "First tokens",
        "Head",
        "Key/value head",
        "Query heads as rows",
        "Batch entry",
        "Splits of the keys",
        "Additions arrive in a shuffled order",
        "Bias",
        "Where K comes from",
        "Seed of dropout",
    ];
    for (input, text, has) in [
        (of("random:13,13,4"), "flash2", &["Where K comes from"][..]),
        (of("random:5,13,4"), "flash2", &[][..]),
        (causal("random:13,13,4"), "flash2", &["First tokens", "Where K comes from"][..]),
        (of("random:5,13,4,4"), "flash2", &["Head"][..]),
        // One key/value head for all: there is none to choose.
        (of("random:5,13,4,4,1"), "flash2", &["Head", "Query heads as rows"][..]),
        (
            of("random:5,13,4,4,2"),
            "split-kv",
            &["Head", "Key/value head", "Query heads as rows", "Splits of the keys"][..],
        ),
        (
            of("random:5,13,4,4,2"),
            "flash2-backward",
            &["Head", "Key/value head", "Additions arrive in a shuffled order"][..],
        ),
    ] {
        let mut harness = open(input);
        command(&mut harness, &format!("Algorithm: {text}"));
        for (name, is_offered) in
            always.iter().map(|name| (name, true)).chain(sometimes.iter().map(|name| (name, has.contains(name))))
        {
            press(&mut harness, Modifiers::COMMAND, Key::P);
            type_text(&mut harness, name);
            let line = format!("Some(\"{name}\") Some(\"Setup\")");
            let is_there = all_text(&harness).iter().any(|text| text.contains(&line));
            assert_eq!(is_there, is_offered, "{name} of {text}");
            press(&mut harness, NONE, Key::Escape);
        }
    }
}

/// What is folded says in a few words what is chosen in it.
#[test]
fn a_section_says_what_is_chosen_in_it() {
    let mut harness = open(causal("random:13,13,4,4,2"));
    assert_eq!(value(&harness, "Input"), "first 13 tokens, head 0");
    command_of_choice(&mut harness, "First tokens");
    press(&mut harness, NONE, Key::ArrowLeft);
    click(&mut harness, "More Head");
    assert_eq!(value(&harness, "Input"), "first 12 tokens, head 1");
    for (act, said) in [
        ("Padding mask", "causal, key lengths 9"),
        ("Sliding window", "causal, window 4,0, key lengths 9"),
        (
            "lengths: the last query sees the last key that exists",
            "causal, window 4,0, key lengths 9, the diagonal ends at each length",
        ),
        ("Causal mask", "window 4,0, key lengths 9, the diagonal ends at each length"),
    ] {
        click(&mut harness, act);
        assert_eq!(value(&harness, "Mask"), said, "after {act}");
    }
    for (text, said) in [("flash1", "4 x 4"), ("split-kv", "4 x 4, 2 splits")] {
        command(&mut harness, &format!("Algorithm: {text}"));
        assert_eq!(value(&harness, "Blocks"), said);
    }
    click(&mut harness, "Less Splits of the keys");
    assert_eq!(value(&harness, "Blocks"), "4 x 4, 1 split");
    assert_eq!(value(&harness, "Scores"), "as in the input");
}

/// A mask that is none is told in one line beside its field, as long as it stands there, and changes nothing.
#[test]
fn documents_that_do_not_fill_the_input_are_refused() {
    let mut harness = open(of("random:13,13,4"));
    command_of_choice(&mut harness, "Other masks");
    let before = chosen(&harness);
    for wrong in ["5,9", "5,7", "x", "13,0,-1", "5,,8"] {
        harness.get_by_role_and_label(Role::TextInput, "Tokens of each document").focus();
        harness.run_steps(2);
        press(&mut harness, Modifiers::COMMAND, Key::A);
        let lines = all_text(&harness);
        type_text(&mut harness, wrong);
        let said: Vec<String> = all_text(&harness).into_iter().filter(|line| !lines.contains(line)).collect();
        let sentence = said.iter().find(|line| line.split(' ').count() > 6 && !line.contains("\\n"));
        let sentence = sentence.unwrap_or_else(|| panic!("{wrong}: {said:?}"));
        press(&mut harness, NONE, Key::Enter);
        assert_eq!(chosen(&harness), before, "{wrong}");
        assert!(!all_text(&harness).contains(sentence), "{wrong} is forgotten");
    }
}

/// Numbers have ends: a button that leads beyond them is none, and what is typed beyond them is the end.
#[test]
fn numbers_of_the_setup_have_ends() {
    let mut harness = open(of("random:1,2,1"));
    let blocks = |harness: &Harness<'_, App>| {
        let run = chosen(harness);
        (run.br, run.bc)
    };
    assert_eq!(blocks(&harness), (Some(1), Some(2)));
    for button in ["Less Block rows br", "More Block rows br", "More Block keys bc"] {
        click(&mut harness, button);
        assert_eq!(blocks(&harness), (Some(1), Some(2)), "{button}");
    }
    click(&mut harness, "Less Block keys bc");
    assert_eq!(blocks(&harness), (Some(1), Some(1)));
    for (typed, bc) in [("9", 2), ("0", 1), ("2", 2)] {
        command_of_choice(&mut harness, "Block keys bc");
        press(&mut harness, Modifiers::COMMAND, Key::A);
        type_text(&mut harness, typed);
        press(&mut harness, NONE, Key::Enter);
        assert_eq!(blocks(&harness), (Some(1), Some(bc)), "{typed}");
        let scene = harness.state().document().scene().expect("it runs").clone();
        // Q, two keys, two values, O and L, each of one number of four bytes.
        assert_eq!((scene.plan().bc, scene.closed_form.hbm_bytes()), (bc, 28));
    }
}
