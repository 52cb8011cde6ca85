//! The GPU panel without a GPU: a stand-in with known results and faults, its numbers read off the screen by their names
//! and held against the oracle and the closed forms.

use crate::common::skips;
use std::time::Duration;

use crate::gpu_panel_support::{Mode, ROOFS, StandIn, TILES, exact_taps, info};
use crate::stage_support::{all_text, click, press, settle, short, value};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{App, AppOptions, FindGpu, Found, Settings};
use tilescope::attention::cases::{single, with};
use tilescope::attention::error_rule::{self, max_error};
use tilescope::attention::input::{Input, bundled, preset};
use tilescope::attention::{Precision, naive};
use tilescope::gpu::{DeviceKind, Probe};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

const NO_DRIVER: &str = "there is no NVIDIA driver library on this machine: install it, or use another backend";

fn list() -> Vec<Found> {
    vec![
        ("wgpu", Ok(info("stand-in", DeviceKind::Discrete))),
        ("wgpu", Ok(info("second", DeviceKind::Software))),
        ("cuda", Err(NO_DRIVER.into())),
    ]
}

fn open_second(backend: &str, nth: usize) -> Probe {
    assert_eq!((backend, nth), ("wgpu", 1));
    StandIn { info: info("second", DeviceKind::Software), ..StandIn::new(Mode::Right) }.probe()
}

fn open_with(input: Option<Input>, find_gpu: FindGpu, size: Vec2) -> Harness<'static, App> {
    let options =
        AppOptions { find_gpu, list_gpus: list, open_gpu: open_second, panel: Some("gpu"), ..AppOptions::default() };
    let builder = Harness::builder().with_size(size).with_max_steps(50);
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, input, &options));
    settle(&mut harness);
    harness
}

pub fn open(find_gpu: FindGpu) -> Harness<'static, App> {
    open_with(None, find_gpu, Vec2::new(1920.0, 1080.0))
}

/// The head of a real model that the window opens with.
fn input() -> Input {
    bundled::CAPTURES[0].input().prefix(16).expect("a causal input")
}

pub fn run(harness: &mut Harness<'_, App>) {
    click(harness, "Run on this device");
}

/// One number out of a text such as `m 4.733, off 0`.
fn number_after(text: &str, name: &str) -> f64 {
    let rest = text.split(name).nth(1).unwrap_or_else(|| panic!("no {name:?} in {text:?}"));
    let number: String = rest.trim_start().chars().take_while(|c| !" ,;:".contains(*c)).collect();
    number.parse().unwrap_or_else(|_| panic!("no number after {name:?} in {text:?}"))
}

#[test]
fn time_memory_and_rates_are_those_of_the_closed_forms() {
    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    assert!(harness.query_by_label("kernel time").is_none());
    run(&mut harness);
    assert_eq!(value(&harness, "kernel time"), "1.500 ms");
    assert_eq!(value(&harness, "wall time"), "2.000 ms");
    assert_eq!(value(&harness, "launches"), "3");
    assert_eq!(value(&harness, "device memory"), "1,024 B");
    // Nine heads of 16 causal tokens in 4 x 4 blocks: ten tiles of 16 pairs, d = 64 for each of two products.
    let flops = 9 * 10 * 16 * 2 * 2 * 64;
    assert_eq!(value(&harness, "FLOPs of the run"), "368,640");
    assert_eq!(flops, 368_640);
    // Q and O once, L once, K and V for each of the ten tiles; four bytes each.
    let bytes = 9 * 4 * (2 * 16 * 64 + 16 + 10 * 2 * 4 * 64);
    assert_eq!(value(&harness, "HBM bytes of the run"), "258,624");
    assert_eq!(bytes, 258_624);
    let rate = f64::from(flops) / 1.5e-3;
    assert_eq!(value(&harness, "rate"), format!("{} MFLOP/s", short(rate / 1e6)));
    let bandwidth = f64::from(bytes) / 1.5e-3;
    assert_eq!(value(&harness, "achieved bandwidth"), format!("{} MB/s", short(bandwidth / 1e6)));
    let intensity = f64::from(flops) / f64::from(bytes);
    assert_eq!(value(&harness, "arithmetic intensity"), format!("{} FLOP/B", short(intensity)));
    harness.get_by_label("The backend does not name its kernel: counted with the run's blocks, 4 x 4.");

    assert_eq!(value(&harness, "copy roof"), "not yet measured");
    assert_eq!(value(&harness, "multiply-add roof"), "not yet measured");
    assert!(value(&harness, "roofline").ends_with("roofs: not yet measured"));
    click(&mut harness, "Measure the roofs");
    assert_eq!(value(&harness, "copy roof"), "1.000 GB/s");
    assert_eq!(value(&harness, "multiply-add roof"), "2.000 TFLOP/s");
    // Left of the ridge the roof is intensity times bandwidth.
    let share = 100.0 * rate / (intensity * ROOFS.copy_bytes_per_s.expect("measured"));
    let shown = value(&harness, "roofline");
    assert!(shown.starts_with("flash2, N 16: "), "{shown}");
    assert!((number_after(&shown, ";") - share).abs() < 1e-2 * share, "{shown}");
}

#[test]
fn blocks_of_the_kernel_count_where_it_is_known() {
    let mut harness = open(|| StandIn { has_kernel: true, ..StandIn::new(Mode::Right) }.probe());
    run(&mut harness);
    // One tile of 16 x 16, which is not skipped.
    assert_eq!(value(&harness, "FLOPs of the run"), "589,824");
    harness.get_by_label("Kernel flash2.wgsl, blocks of 16 x 16.");
}

#[test]
fn a_software_driver_has_no_speed() {
    let software = || StandIn { info: info("cpu", DeviceKind::Software), ..StandIn::new(Mode::Right) }.probe();
    let mut harness = open(software);
    run(&mut harness);
    click(&mut harness, "Measure the roofs");
    harness.get_by_label_contains("speed means nothing here");
    assert_eq!(value(&harness, "kernel time"), "1.500 ms");
    for name in ["rate", "achieved bandwidth"] {
        assert!(harness.query_by_label(name).is_none(), "{name}");
    }
    assert_eq!(value(&harness, "roofline"), "a software driver: no speed worth quoting; roofs measured");
    click(&mut harness, "Sweep");
    harness.get_by_label("Largest N: 256");
}

#[test]
fn errors_are_mapped_place_by_place() {
    let mut harness = open(|| StandIn::new(Mode::Off).probe());
    click(&mut harness, "Error");
    harness.get_by_label("Nothing has run on this device for the run on screen.");
    run(&mut harness);
    let head = input();
    let reference = error_rule::reference(&head.problem, 0, 8, Precision::F32);
    let shown = value(&harness, "errors of the GPU");
    let expected = format!("largest 0.2500 at row 3, column 1; allowed {}; NaN: 0", short_or(reference.bound.o));
    assert_eq!(shown, expected);
    assert_eq!(value(&harness, "the GPU in f32"), "! 0.2500");

    let mut harness = open(|| StandIn::new(Mode::Nan).probe());
    click(&mut harness, "Error");
    run(&mut harness);
    assert!(value(&harness, "errors of the GPU").ends_with("NaN: 2"));
    assert_eq!(value(&harness, "the GPU in f32"), "! NaN");
}

/// Four significant digits as the application writes them: powers of ten outside of a thousandth to a million.
fn short_or(x: f64) -> String {
    if (1e-3..1e4).contains(&x.abs()) { short(x) } else { format!("{x:.3e}") }
}

#[test]
fn three_bars_show_what_a_format_costs() {
    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    click(&mut harness, "Error");
    let problem = input().problem;
    for format in [Precision::F16, Precision::BF16, Precision::F32] {
        let name = format.name();
        click(&mut harness, &format!("bars in {name}"));
        let reference = error_rule::reference(&problem, 0, 8, format);
        let exact = &reference.exact.o;
        let plain = naive::attention(&problem.head::<f32>(0, 8, format), format);
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc: 4 }, format);
        let flash2 = algorithm::by_name("flash2").expect("flash2");
        let flash = Run::new(Schedule::new(flash2, plan), &problem, 0, 8, |_| true).expect("a run");
        let stored: Vec<f64> = exact
            .iter()
            .map(|x| match format {
                Precision::F16 => half::f16::from_f32(*x as f32).to_f64(),
                Precision::BF16 => half::bf16::from_f32(*x as f32).to_f64(),
                _ => f64::from(*x as f32),
            })
            .collect();
        let shown = |what: &str| value(&harness, &what.replace("{0}", &name));
        assert_eq!(shown("flash2 in {0}, the stepper"), short_or(max_error(&flash.output().unwrap().o, exact)));
        assert_eq!(shown("plain attention in {0}"), short_or(max_error(&plain.o, exact)));
        assert_eq!(shown("exact (f64), stored in {0}"), short_or(max_error(&stored, exact)));
        assert_eq!(shown("bound in {0}"), short_or(reference.bound.o));
    }
}

#[test]
fn recorded_m_and_l_stand_over_the_steppers() {
    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    click(&mut harness, "m and l");
    click(&mut harness, "Record m and l");
    // Ten tiles of four rows each.
    assert_eq!(value(&harness, "visits within the rule"), "All rows: 40 of 40 visits within the rule");
    let taps = exact_taps(&input().problem, 8, Tiling { br: 4, bc: 4 });
    for j in 0..4 {
        let shown = value(&harness, &format!("recorded after key block {j}"));
        assert!(shown.starts_with(&format!("m {}, ", short(taps.m[[j, 13]]))), "{shown}");
        assert!(shown.contains(&format!("l {}, ", short(taps.l[[j, 13]]))), "{shown}");
        assert!(number_after(&shown, "off") < 1e-5 && shown.ends_with(": within the rule"), "{shown}");
    }
    let plotted = value(&harness, "m and l of the GPU");
    assert!(plotted.starts_with("0: m 4.136, l 1.293; 1: m 4.485"), "{plotted}");

    let mut harness = open(|| StandIn::new(Mode::Off).probe());
    click(&mut harness, "m and l");
    click(&mut harness, "Record m and l");
    assert_eq!(value(&harness, "visits within the rule"), "All rows: 39 of 40 visits within the rule");
    assert!(value(&harness, "recorded after key block 2").ends_with("off 0.5000: ! not"));
    assert!(value(&harness, "recorded after key block 1").ends_with("within the rule"));
    press(&mut harness, Modifiers::NONE, Key::ArrowUp);
    assert!(value(&harness, "recorded after key block 2").ends_with("within the rule"), "another row");
}

#[test]
fn a_nan_that_is_recorded_is_a_visit() {
    let odd = |name: &str, at: usize| {
        let problem = with(single(16, 16, 4), |p| p.k[[0, 0, at, 0]] = f64::NAN);
        (Input::new(name, problem, 2), at)
    };
    // m is NaN from the key block of key `at` on, of 4 or of 16 keys.
    for (input, at) in [odd("first", 0), odd("third", 9), odd("last", 15)] {
        for (bc, blocks) in [(4, Tiling { br: 4, bc: 4 }), (16, Tiling { br: 8, bc: 16 })] {
            let probe: FindGpu = if bc == 4 {
                || StandIn::new(Mode::Right).probe()
            } else {
                || StandIn { blocks: Tiling { br: 8, bc: 16 }, ..StandIn::new(Mode::Right) }.probe()
            };
            let mut harness = open_with(Some(input.clone()), probe, Vec2::new(1920.0, 1080.0));
            let settings = Settings::for_input(&input).with_blocks(Tiling { br: 4, bc: 4 });
            let ctx = harness.ctx.clone();
            harness.state_mut().open_input(&ctx, input.clone(), settings);
            settle(&mut harness);
            click(&mut harness, "m and l");
            click(&mut harness, "Record m and l");
            let taps = exact_taps(&input.problem, 0, blocks);
            let of_row = |q: &usize| format!("m and l of row {q} after each key block");
            let shown = |q: &usize| harness.query_by_label(&of_row(q)).is_some();
            let row = (0..16).find(shown).expect("a row");
            let visit = |j: usize| format!("{j}: m {}, l {}", short(taps.m[[j, row]]), short(taps.l[[j, row]]));
            let visits: Vec<String> = (0..16 / bc).map(visit).collect();
            assert!(visits.last().is_some_and(|last| last.ends_with("m NaN, l NaN")), "{visits:?}");
            assert_eq!(value(&harness, "m and l of the GPU"), visits.join("; "), "key {at}");
            if bc == 4 {
                assert_eq!(value(&harness, "visits within the rule"), "All rows: 64 of 64 visits within the rule");
            }
        }
    }
}

#[test]
fn other_blocks_are_said_and_can_be_taken_over() {
    let blocks = || StandIn { blocks: Tiling { br: 8, bc: 16 }, ..StandIn::new(Mode::Right) }.probe();
    let mut harness = open(blocks);
    click(&mut harness, "m and l");
    click(&mut harness, "Record m and l");
    let said = value(&harness, "blocks of the kernel");
    assert!(said.starts_with("The kernel's blocks are 8 x 16, the run's 4 x 4"), "{said}");
    assert!(harness.query_by_label("visits within the rule").is_none());
    click(&mut harness, "Step through the kernel's blocks: 8 x 16");
    settle(&mut harness);
    assert_eq!(harness.state().document().scene().expect("a scene").settings.tiling(), Tiling { br: 8, bc: 16 });
    assert_eq!(value(&harness, "visits within the rule"), "All rows: 16 of 16 visits within the rule");

    // Where the kernel is known, its blocks are said before anything runs.
    let mut harness = open(|| StandIn { has_kernel: true, ..StandIn::new(Mode::Right) }.probe());
    click(&mut harness, "m and l");
    assert!(value(&harness, "blocks of the kernel").starts_with("The kernel's blocks are 16 x 16, the run's 4 x 4"));
}

#[test]
fn blocks_stand_on_their_multiprocessors() {
    let mut harness = open(|| StandIn { tiles: TILES.to_vec(), ..StandIn::new(Mode::Right) }.probe());
    click(&mut harness, "SMs");
    click(&mut harness, "Record the blocks");
    harness.get_by_label("4 blocks on 2 multiprocessors in 4.500 µs");
    assert_eq!(value(&harness, "blocks over multiprocessors"), "SM 2: 2 blocks, 4.500 µs; SM 7: 2 blocks, 4.500 µs");
    harness.get_by_label("Save the timeline for Perfetto");

    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    click(&mut harness, "SMs");
    click(&mut harness, "Record the blocks");
    assert!(value(&harness, "why there is no timeline").contains("WGSL has no such question"));
}

#[test]
fn refusals_are_sentences() {
    let mut harness = open(|| StandIn::new(Mode::Off).probe());
    click(&mut harness, "Measure the roofs");
    assert!(value(&harness, "why there are no roofs").contains("does not measure"));
    harness.get_by_label("Algorithm: flash2").click();
    harness.run_steps(3);
    harness.get_by_label("flash1").click();
    settle(&mut harness);
    run(&mut harness);
    let refusal = "wgpu has no kernel for \"flash1\"; it has: standard, flash2";
    assert_eq!(value(&harness, "why the run gave nothing"), refusal);
    harness.get_by_label("Algorithm: flash1").click();
    harness.run_steps(3);
    harness.get_by_label("standard").click();
    settle(&mut harness);
    assert!(harness.query_by_label("why the run gave nothing").is_none(), "a refusal belongs to its run");
    click(&mut harness, "m and l");
    click(&mut harness, "Record m and l");
    assert!(value(&harness, "why nothing was recorded").ends_with("m and l do not run"));
}

#[test]
fn a_run_that_hangs_is_cancelled_and_the_device_comes_back() {
    let mut harness = open(|| StandIn::new(Mode::Hangs).probe());
    harness.get_by_label("Run on this device").click();
    harness.run_steps(3);
    assert!(harness.state().is_busy() && harness.query_by_label("Run on this device").is_none());
    // The window goes on: a step is taken while the device hangs.
    let cursor = harness.state().player().cursor();
    harness.key_press(Key::ArrowRight);
    harness.run_steps(3);
    assert_eq!(harness.state().player().cursor(), cursor + 1);
    click(&mut harness, "Cancel");
    assert_eq!(value(&harness, "why the run gave nothing"), "cancelled after 2 launches");
    assert!(!harness.get_by_label("Run on this device").accesskit_node().is_disabled());
    // The key does the same.
    harness.get_by_label("Run on this device").click();
    harness.run_steps(3);
    press(&mut harness, Modifiers::COMMAND.plus(Modifiers::SHIFT), Key::G);
    assert!(!harness.state().is_busy());
}

#[test]
fn a_lost_device_is_said_and_opened_again() {
    let mut harness = open(|| StandIn::new(Mode::Lost).probe());
    run(&mut harness);
    assert_eq!(value(&harness, "why the run gave nothing"), "the device was lost: it was unplugged");
    assert_eq!(value(&harness, "state of the GPU"), "No GPU: the device was lost: it was unplugged");
    assert!(harness.get_by_label("Run on this device").accesskit_node().is_disabled());
    click(&mut harness, "Open it again");
    assert!(harness.query_by_label("state of the GPU").is_none());
    assert!(!harness.get_by_label("Run on this device").accesskit_node().is_disabled());
}

#[test]
fn a_sweep_marks_where_standard_stops() {
    let mut harness = open(|| StandIn::new(Mode::LittleMemory).probe());
    click(&mut harness, "Sweep");
    harness.get_by_label("Largest N: 4096").click();
    harness.run_steps(3);
    harness.get_by_label("512").click();
    settle(&mut harness);
    click(&mut harness, "Sweep over N");
    for (n, memory) in [(64, "32.00 KiB"), (128, "128.0 KiB")] {
        assert_eq!(value(&harness, &format!("standard at N {n}")), format!("1.500 ms, kernel; {memory}"));
    }
    let reason = "! the device is out of memory: the run needs 512.0 KiB";
    assert_eq!(value(&harness, "standard at N 256"), reason);
    assert!(harness.query_by_label("standard at N 512").is_none(), "what was stopped is not tried again");
    for (n, memory) in [(64, "4,096 B"), (128, "8,192 B"), (256, "16.00 KiB"), (512, "32.00 KiB")] {
        assert_eq!(value(&harness, &format!("flash2 at N {n}")), format!("1.500 ms, kernel; {memory}"));
    }
    assert!(value(&harness, "sweep: memory").starts_with("standard 64: 0.03125; flash2 64: 0.003906"));
}

#[test]
fn a_sweep_ends_with_its_device_and_can_be_cancelled() {
    let mut harness = open(|| StandIn::new(Mode::DiesInASweep).probe());
    click(&mut harness, "Sweep");
    click(&mut harness, "Sweep over N");
    assert_eq!(value(&harness, "standard at N 128"), "! the device was lost: it was unplugged");
    assert!(harness.query_by_label("flash2 at N 128").is_none());
    assert_eq!(value(&harness, "how the sweep ended"), "the device was lost: it was unplugged");

    let mut harness = open(|| StandIn::new(Mode::Hangs).probe());
    click(&mut harness, "Sweep");
    harness.get_by_label("Sweep over N").click();
    harness.run_steps(3);
    click(&mut harness, "Cancel");
    assert_eq!(value(&harness, "how the sweep ended"), "cancelled after 2 launches");
}

#[test]
fn devices_and_why_nots_are_listed_in_full() {
    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    run(&mut harness);
    click(&mut harness, "Devices");
    assert_eq!(value(&harness, "device 1 of wgpu"), "wgpu: stand-in (discrete)");
    assert_eq!(value(&harness, "device 2 of wgpu"), "wgpu: second (software)");
    assert_eq!(value(&harness, "why cuda has none"), NO_DRIVER);
    harness.get_by_label("in use");
    click(&mut harness, "Use second, driver 1.2 (none)");
    harness.get_by_label("Device: wgpu: second");
    harness.get_by_label("Use stand-in, driver 1.2 (none)");
    click(&mut harness, "Speed");
    assert!(harness.query_by_label("kernel time").is_none(), "the result was of the other device");
}

#[test]
fn without_a_gpu_the_panel_says_why() {
    let mut harness = open(|| Probe::Unavailable("none in this test".into()));
    assert_eq!(value(&harness, "state of the GPU"), "No GPU: none in this test");
    for tab in ["Error", "m and l", "SMs", "Sweep", "Devices", "Speed"] {
        click(&mut harness, tab);
    }
    assert!(harness.get_by_label("Measure the roofs").accesskit_node().is_disabled());
}

#[test]
fn a_key_opens_it_and_escape_closes_it() {
    let mut harness = open(|| StandIn::new(Mode::Right).probe());
    assert!(harness.query_by_label("Run on this device").is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Run on this device").is_none());
    press(&mut harness, Modifiers::ALT, Key::G);
    assert!(harness.query_by_label("Run on this device").is_some());
    // Every button can be reached by the Tab key.
    harness.get_by_label("Run on this device").focus();
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    assert_eq!(value(&harness, "launches"), "3");
}

#[test]
fn no_window_is_too_small_for_it() {
    for (width, height) in [(0.0, 0.0), (200.0, 120.0), (640.0, 400.0), (3000.0, 60.0)] {
        let spans = || StandIn { tiles: TILES.to_vec(), ..StandIn::new(Mode::Nan) }.probe();
        for input in [None, Some(preset::toy())] {
            let mut harness = open_with(input, spans, Vec2::new(width, height));
            for tab in ["Error", "m and l", "SMs", "Sweep", "Devices", "Speed"] {
                if let Some(tab) = harness.query_by_label(tab) {
                    tab.click_accesskit();
                }
                settle(&mut harness);
                press(&mut harness, Modifiers::COMMAND, Key::G);
            }
        }
    }
}

/// What the software driver of this machine makes of it; without one the test says that it was skipped.
#[cfg(feature = "wgpu")]
#[test]
fn the_real_driver_runs_records_and_sweeps() {
    if let Probe::Unavailable(reason) = tilescope::gpu::probe_wgpu() {
        skips::missing("all of it", &reason.to_string());
        return;
    }
    let input = tilescope::attention::input::random::read("random:96,96,32", 3).expect("an input");
    let mut harness = open_with(Some(input), tilescope::gpu::probe_wgpu, Vec2::new(1920.0, 1080.0));
    run(&mut harness);
    assert!(number_after(&format!("at {}", value(&harness, "wall time")), "at") > 0.0);
    click(&mut harness, "Measure the roofs");
    for (roof, unit) in [("copy roof", "B/s"), ("multiply-add roof", "FLOP/s")] {
        let shown = value(&harness, roof);
        assert!(number_after(&format!("at {shown}"), "at") > 0.0 && shown.ends_with(unit), "{roof}: {shown}");
    }
    click(&mut harness, "Error");
    let shown = value(&harness, "errors of the GPU");
    assert!(number_after(&shown, "largest") <= number_after(&shown, "allowed"), "{shown}");
    click(&mut harness, "m and l");
    click(&mut harness, "Record m and l");
    let said = value(&harness, "visits within the rule");
    let words: Vec<&str> = said.split(' ').collect();
    assert_eq!(words[2], words[4], "{said}");
    assert!(words[2].parse::<usize>().expect("a count") >= 96 * 6, "{said}");
    click(&mut harness, "Sweep");
    harness.get_by_label_contains("Largest N: ").click();
    harness.run_steps(3);
    harness.get_by_label("128").click();
    settle(&mut harness);
    click(&mut harness, "Sweep over N");
    let memory = |algorithm: &str, n: usize| value(&harness, &format!("{algorithm} at N {n}"));
    println!("standard: {}, {}", memory("standard", 64), memory("standard", 128));
    println!("flash2: {}, {}", memory("flash2", 64), memory("flash2", 128));
    assert!(!all_text(&harness).iter().any(|line| line.contains("stops at")));
}

/// A worker that takes long is no reason for a frame to: while a device hangs, frames are drawn as before.
#[test]
fn frames_go_on_while_a_device_hangs() {
    let mut harness = open(|| StandIn::new(Mode::Hangs).probe());
    harness.get_by_label("Run on this device").click();
    for _ in 0..20 {
        harness.step();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(harness.state().is_busy());
    click(&mut harness, "Cancel");
}

#[test]
fn what_a_launch_takes_is_told_before_it() {
    let harness = open(|| StandIn::new(Mode::Right).probe());
    // 4 blocks of 128 threads of 2048.
    assert_eq!(value(&harness, "occupancy of stand_in"), "4 blocks at once, 25 % of its threads");
    assert!(harness.query_by_label("kernel time").is_none(), "nothing has run");
}
