//! A kernel's source edited while the program runs: with a stand-in of known results and faults, and with the software
//! driver where it is there; without it the test says that it was skipped. What is read off the screen is held against
//! the oracle and the error rule.

use crate::common::skips;
use std::path::Path;

use crate::gpu_panel_support::{HANGS, LOSES, Mode, NO_COMPILER, RESCALE, StandIn, TILES, TYPO, info};
use crate::stage_support::{all_text, choose, click, command, open_as, press, settle, value};
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, FindGpu};
use tilescope::attention::Precision;
use tilescope::attention::error_rule::{self, Reference};
use tilescope::attention::input::{Input, random};
use tilescope::gpu::kernels::{FLASH1_CU, FLASH2_CU, FLASH2_WGSL};
use tilescope::gpu::{DeviceInfo, DeviceKind, Probe};

const NONE: Modifiers = Modifiers::NONE;
const SOURCE: &str = "source of the kernel";
const CHANGED: &str = "Changed source: these numbers are of flash2.wgsl as it was edited here.";

fn right() -> Probe {
    StandIn::new(Mode::Right).probe()
}

fn open(find_gpu: FindGpu) -> Harness<'static, App> {
    open_on(None, find_gpu)
}

/// With the Code tab and the editor open.
fn open_on(input: Option<Input>, find_gpu: FindGpu) -> Harness<'static, App> {
    let options = AppOptions { find_gpu, ..AppOptions::default() };
    let mut harness = open_as(input, &options, Vec2::new(1600.0, 1000.0), 1.0);
    press(&mut harness, Modifiers::ALT, Key::Num3);
    click(&mut harness, "Edit the kernel");
    harness
}

fn text(harness: &Harness<'_, App>) -> String {
    value(harness, SOURCE)
}

/// Types a whole text over the one that is there.
fn replace(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label(SOURCE).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    harness.event(Event::Paste(text.to_owned()));
    harness.run_steps(3);
}

fn line_of(source: &str, part: &str) -> usize {
    source.lines().position(|line| line.contains(part)).expect("the line is there") + 1
}

/// The head on screen, exact and with what the error rule allows.
fn reference(harness: &Harness<'_, App>) -> Reference {
    let scene = harness.state().document().scene().expect("it runs");
    error_rule::reference(&scene.input.problem, scene.settings.run.batch(), scene.settings.run.head(), Precision::F32)
}

/// The largest error on screen, after a test that the bound beside it is that of the rule; and the verdict.
fn verdict(harness: &Harness<'_, App>) -> (f64, String) {
    let shown = value(harness, "error of this source");
    let (numbers, verdict) = shown.split_once(": ").expect("a verdict");
    let (error, allowed) = numbers.split_once(", allowed ").expect("two numbers");
    let number = |text: &str| text.parse::<f64>().unwrap_or_else(|_| panic!("{text:?} in {shown:?}"));
    let bound = reference(harness).bound.o;
    assert!((number(allowed) - bound).abs() <= 1e-3 * bound, "{shown}, and the rule allows {bound}");
    (number(error), verdict.to_owned())
}

fn without_rescale() -> String {
    let text = FLASH2_WGSL.source.replace(RESCALE, "");
    assert_ne!(text, FLASH2_WGSL.source);
    text
}

#[test]
fn a_changed_kernel_runs_and_its_error_is_told_until_it_is_put_back() {
    let mut harness = open(right);
    assert_eq!(text(&harness), FLASH2_WGSL.source);
    assert!(harness.get_by_label(SOURCE).accesskit_node().is_focused(), "the keyboard is where one types");
    assert_eq!(value(&harness, "state of the source"), "as it is in kernels/");
    assert!(harness.get_by_label("Put back").accesskit_node().is_disabled());
    replace(&mut harness, &without_rescale());
    assert_eq!(value(&harness, "state of the source"), "changed here; the device runs the source of kernels/");
    click(&mut harness, "Compile and run");
    assert_eq!(value(&harness, "state of the source"), "changed source, which the device runs");
    assert_eq!(verdict(&harness), (0.25, "outside the bound".to_owned()));
    assert_eq!(value(&harness, "error of the GPU"), "! 0.2500");
    harness.get_by_label("! changed source of flash2.wgsl");
    // The Code tab, which the editor stands in place of, shows what the device runs.
    press(&mut harness, NONE, Key::Escape);
    harness.get_by_label("flash2.wgsl, the changed source that the device runs, the same step");
    click(&mut harness, "Edit the kernel");

    // A run that is asked for elsewhere is one of the changed kernel too.
    command(&mut harness, "Run on the GPU");
    assert_eq!(value(&harness, "error of the GPU"), "! 0.2500");
    harness.get_by_label("! changed source of flash2.wgsl");

    click(&mut harness, "Put back");
    assert_eq!(text(&harness), FLASH2_WGSL.source);
    assert_eq!(value(&harness, "state of the source"), "as it is in kernels/");
    assert_eq!(verdict(&harness), (0.0, "within the bound".to_owned()));
    assert_eq!(value(&harness, "error of the GPU"), "0");
    assert!(!all_text(&harness).iter().any(|line| line.contains("hanged source")));
}

#[test]
fn every_result_of_a_changed_kernel_says_so() {
    let mut harness = open(|| StandIn { tiles: TILES.to_vec(), ..StandIn::new(Mode::Right) }.probe());
    command(&mut harness, "GPU panel");
    let said = |harness: &Harness<'_, App>| harness.query_by_label("changed source").and_then(|node| node.value());
    click(&mut harness, "Run on this device");
    assert_eq!(said(&harness), None);
    assert_eq!(value(&harness, "largest error of the run"), "0");
    assert!(harness.query_by_label("FLOPs of the run").is_some());
    replace(&mut harness, &without_rescale());
    press(&mut harness, NONE, Key::F8);
    assert_eq!(said(&harness).as_deref(), Some(CHANGED));
    assert_eq!(value(&harness, "largest error of the run"), "! 0.2500");
    let slower = |harness: &Harness<'_, App>| all_text(harness).iter().any(|line| line.contains("counts the rounds"));
    assert!(slower(&harness), "its time is no time of the committed text");
    // The closed forms count the work of another kernel.
    assert!(harness.query_by_label("FLOPs of the run").is_none() && harness.query_by_label("rate").is_none());
    assert!(value(&harness, "roofline").starts_with("no run"));
    let record = Some("Record m and l");
    for (tab, button) in [("Error", None), ("m and l", record), ("SMs", None), ("Sweep", Some("Sweep over N"))] {
        click(&mut harness, tab);
        if let Some(button) = button {
            assert_eq!(said(&harness), None, "{tab}");
            click(&mut harness, button);
        }
        assert_eq!(said(&harness).as_deref(), Some(CHANGED), "{tab}");
        assert_eq!(slower(&harness), tab == "Sweep", "{tab}");
    }
    // Another device begins with the house's kernels, and the text stays.
    let text_before = text(&harness);
    command(&mut harness, "Put the source of the kernel back");
    assert_ne!(text(&harness), text_before);
    click(&mut harness, "Speed");
    assert_eq!(said(&harness), None);
    assert!(harness.query_by_label("FLOPs of the run").is_some());
}

#[test]
fn what_the_compiler_says_leads_to_its_line() {
    let mut harness = open(right);
    let typo = FLASH2_WGSL.source.replace(RESCALE, TYPO);
    let line = line_of(FLASH2_WGSL.source, RESCALE);
    replace(&mut harness, &typo);
    click(&mut harness, "Compile and run");
    let refused = "The compiler refused it; the device keeps the kernel that it had.";
    assert_eq!(value(&harness, "what became of the source"), refused);
    assert_eq!(value(&harness, "state of the source"), "changed here; the device runs the source of kernels/");
    harness.get_by_label("attention.wgsl(7): warning: unused");
    harness.get_by_label("1 error");
    assert_ne!(value(&harness, "line of the cursor"), line.to_string());
    click(&mut harness, &format!("line {line}: error: no such word"));
    assert_eq!(value(&harness, "line of the cursor"), line.to_string());
    assert!(harness.get_by_label(SOURCE).accesskit_node().is_focused(), "what is typed now goes there");
    // Typing there changes that line, and the message is one of the text before.
    harness.event(Event::Text("// ".into()));
    harness.run_steps(3);
    assert!(text(&harness).lines().nth(line - 1).expect("the line").starts_with("// "));
    harness.get_by_label("The text has changed since: this is of the text before.");
    // The kernel that ran last still runs.
    command(&mut harness, "Run on the GPU");
    assert_eq!(value(&harness, "error of the GPU"), "0");
    assert!(harness.query_by_label("! changed source of flash2.wgsl").is_none());
}

#[test]
fn the_text_outlives_tabs_languages_and_algorithms_and_no_file_is_written() {
    let mut harness = open(right);
    let changed = without_rescale();
    replace(&mut harness, &changed);
    press(&mut harness, NONE, Key::Escape);
    press(&mut harness, NONE, Key::Escape);
    assert!(harness.query_by_label(SOURCE).is_none(), "Escape leaves the text, then closes it");
    press(&mut harness, Modifiers::ALT, Key::Num1);
    command(&mut harness, "Chinese (中文)");
    command(&mut harness, "Edit the kernel");
    assert_eq!(value(&harness, "核函数的源码"), changed);
    command(&mut harness, "English");
    // Each file has its own text.
    choose(&mut harness, "Algorithm: ", "flash1");
    assert!(text(&harness).contains("flash1") && text(&harness) != changed);
    choose(&mut harness, "Algorithm: ", "flash2");
    assert_eq!(text(&harness), changed);
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    press(&mut harness, NONE, Key::F8);
    assert_eq!(std::fs::read_to_string(kernels.join("flash2.wgsl")).expect("it is there"), FLASH2_WGSL.source);
}

#[test]
fn what_cannot_be_done_is_said_in_a_sentence() {
    let mut harness = open(|| Probe::Unavailable("none in this test".into()));
    let said = value(&harness, "why nothing can be compiled");
    assert_eq!(said, "Nothing can be compiled or run. No GPU: none in this test");
    assert!(harness.get_by_label("Compile and run").accesskit_node().is_disabled());
    press(&mut harness, NONE, Key::F8);

    let mut harness = open(|| StandIn::new(Mode::NoCompiler).probe());
    replace(&mut harness, &without_rescale());
    click(&mut harness, "Compile and run");
    assert_eq!(value(&harness, "why it was not compiled"), NO_COMPILER);
    assert_eq!(value(&harness, "state of the source"), "changed here; the device runs the source of kernels/");
}

#[test]
fn a_kernel_that_hangs_is_cancelled_and_one_that_loses_the_device_is_told() {
    let mut harness = open(right);
    replace(&mut harness, &[FLASH2_WGSL.source, HANGS].concat());
    harness.get_by_label("Compile and run").click();
    harness.run_steps(5);
    assert!(harness.state().is_busy(), "frames go on meanwhile");
    click(&mut harness, "Stop");
    assert_eq!(value(&harness, "what became of the source"), "It compiled, but: cancelled after 2 launches");
    replace(&mut harness, &[FLASH2_WGSL.source, LOSES].concat());
    click(&mut harness, "Compile and run");
    let lost = "the device was lost: the kernel broke it";
    assert_eq!(value(&harness, "what became of the source"), format!("It compiled, but: {lost}"));
    assert_eq!(
        value(&harness, "why nothing can be compiled"),
        format!("Nothing can be compiled or run. No GPU: {lost}")
    );
    // A device that is found again runs the house's kernels; the text is still there.
    click(&mut harness, "Look for the device again");
    assert_eq!(value(&harness, "state of the source"), "changed here; the device runs the source of kernels/");
    assert!(text(&harness).ends_with(LOSES));
    command(&mut harness, "Run on the GPU");
    assert_eq!(value(&harness, "error of the GPU"), "0");
}

#[test]
fn block_sizes_are_numbers_where_the_source_has_them_as_constants() {
    let cuda: FindGpu = || {
        let info = DeviceInfo { backend: "cuda", ..info("stand-in", DeviceKind::Discrete) };
        StandIn { info, ..StandIn::new(Mode::Right) }.probe()
    };
    let mut harness = open(cuda);
    assert_eq!(text(&harness), FLASH2_CU.source, "the file of the device's own language");
    choose(&mut harness, "Algorithm: ", "flash1");
    assert_eq!(text(&harness), FLASH1_CU.source);
    set(&mut harness, "BR", "64");
    set(&mut harness, "BC", "16");
    click(&mut harness, "Set the block sizes");
    assert!(text(&harness).contains("constexpr int BR = 64;") && text(&harness).contains("constexpr int BC = 16;"));
    set(&mut harness, "BR", "12");
    click(&mut harness, "Set the block sizes");
    assert_eq!(
        value(&harness, "why the block sizes stay"),
        "BR is 12, but four threads share a query: it is a multiple of 8, from 8 to 256"
    );
    assert!(text(&harness).contains("constexpr int BR = 64;"));
    // WGSL has none to set.
    assert!(open(right).query_by_label("Set the block sizes").is_none());
}

/// Types a number into a field.
fn set(harness: &mut Harness<'_, App>, name: &str, number: &str) {
    harness.get_by_label(name).click();
    harness.run_steps(3);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.event(Event::Text(number.into()));
    harness.run_steps(2);
    press(harness, NONE, Key::Enter);
    settle(harness);
}

#[test]
fn no_window_is_too_small_for_it() {
    for (width, height) in [(0.0, 0.0), (200.0, 120.0), (640.0, 400.0), (3000.0, 60.0)] {
        let options = AppOptions { find_gpu: right, ..AppOptions::default() };
        let mut harness = open_as(None, &options, Vec2::new(width, height), 1.0);
        command(&mut harness, "Edit the kernel");
        press(&mut harness, NONE, Key::F8);
        press(&mut harness, NONE, Key::End);
    }
}

/// What the software driver of this machine makes of it; without one the test says that it was skipped.
#[cfg(feature = "wgpu")]
#[test]
fn the_real_driver_compiles_refuses_and_comes_back() {
    use std::sync::atomic::AtomicBool;

    let mut backend = match tilescope::gpu::probe_wgpu() {
        Probe::Ready(backend) => backend,
        Probe::Unavailable(reason) => {
            skips::missing("all of it", &reason.to_string());
            return;
        }
    };
    // Six key blocks: within one alone nothing is rescaled.
    let input = random::read("random:96,96,32", 3).expect("an input");
    let problem = input.problem.clone();
    let choice = backend.choice(&problem, "flash2", Precision::F32).expect("it runs flash2");
    let source = tilescope::gpu::kernels::by_file(choice.file).expect("a kernel").source;
    let line = line_of(source, RESCALE);
    let mut harness = open_on(Some(input), tilescope::gpu::probe_wgpu);
    assert_eq!(text(&harness), source);

    replace(&mut harness, &source.replace(RESCALE, ""));
    press(&mut harness, NONE, Key::F8);
    // The same on a device of this test's own.
    backend.set_source(choice.file, Some(&source.replace(RESCALE, ""))).expect("it compiles");
    let run = backend.run(&problem, "flash2", Precision::F32, &AtomicBool::new(false)).expect("it runs");
    let error = error_rule::max_error(&run.outputs[0].o, &reference(&harness).exact.o);
    let (shown, said) = verdict(&harness);
    println!("without the rescale: {shown} {said}");
    assert!((shown - error).abs() <= 1e-3 * error, "{shown} is on screen, and it is {error}");
    assert!(error > reference(&harness).bound.o);
    assert_eq!(said, "outside the bound");

    replace(&mut harness, &source.replace(RESCALE, "o[n] *= alhpa;"));
    press(&mut harness, NONE, Key::F8);
    let said = format!("line {line}: error: no definition in scope for identifier: `alhpa`");
    click(&mut harness, &said);
    assert_eq!(value(&harness, "line of the cursor"), line.to_string());

    click(&mut harness, "Put back");
    let (error, said) = verdict(&harness);
    println!("put back: {error} {said}");
    assert_eq!(said, "within the bound");
    assert_eq!(text(&harness), source);
}
