//! The window without a display: numbers are found by their accessible names and compared with the engine's.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::stage_support::{
    NO_GPU, all_text, choose, click, drop_files, grouped, open, open_with, options, press, settle, short, value,
};
use eframe::egui::{Key, Modifiers, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions};
use tilescope::attention::input::{bundled, preset};
use tilescope::attention::{Precision, Problem, oracle};
use tilescope::gpu::{Backend, DeviceInfo, DeviceKind, GpuError, GpuRun, Probe, Refusal};
use tilescope::machine::Run;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

#[test]
fn it_opens_on_a_real_head_before_the_end() {
    let harness = open(None);
    for (j, expected) in [
        "m 4.136, alpha 0, l 1.293",
        "m 4.485, alpha 0.7051, l 1.956",
        "m 4.733, alpha 0.7804, l 3.417",
        "m 6.508, alpha 0.1696, l 1.585",
    ]
    .into_iter()
    .enumerate()
    {
        let shown = value(&harness, &format!("after key block {j}"));
        assert_eq!(shown.split(", ").next(), expected.split(", ").next(), "m after key block {j}");
        assert_eq!(shown.rsplit(", ").next(), expected.rsplit(", ").next(), "l after key block {j}");
    }
    assert_eq!(value(&harness, "m of the row"), "4.733 to 6.508");
    assert_eq!(value(&harness, "l of the row"), "3.417 to 1.585");
    assert!(
        value(&harness, "alpha of the row").starts_with("0.1695")
            || value(&harness, "alpha of the row").starts_with("0.1696")
    );
    harness.get_by_label("Row 13 \",\"");
    assert!(value(&harness, "current step").contains("tile (i 3, j 3)"));
    harness.get_by_label_contains("At this size tiling does not pay.");
}

#[test]
fn the_selected_row_agrees_with_the_oracle() {
    let mut harness = open(None);
    let input = bundled::CAPTURES[0].input().prefix(16).unwrap();
    let head = input.problem.head::<f64>(0, 8, Precision::F64);
    for query in [12, 13, 14, 15] {
        let row = oracle::row(&head, query);
        while harness.query_by_label_contains(&format!("Row {query} ")).is_none() {
            let key = if query < 13 { Key::ArrowUp } else { Key::ArrowDown };
            press(&mut harness, Modifiers::NONE, key);
        }
        assert!(value(&harness, "m of the row").ends_with(&short(row.m)), "m of {query}");
        assert!(value(&harness, "l of the row").ends_with(&short(row.l)), "l of {query}");
        let average: Vec<String> = row.o.iter().take(4).map(|o| short(*o)).collect();
        assert_eq!(value(&harness, "average so far"), average.join(", "), "O of {query}");
    }
}

#[test]
fn every_way_to_a_step_shows_the_same() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, Modifiers::NONE, Key::Home);
    assert!(value(&harness, "current step").contains("nothing is on chip yet"));
    let mut forward = vec![all_text(&harness)];
    for _ in 0..40 {
        press(&mut harness, Modifiers::NONE, Key::ArrowRight);
        forward.push(all_text(&harness));
    }
    assert_eq!(harness.state().player().cursor(), 40);
    for expected in forward.iter().rev().skip(1) {
        press(&mut harness, Modifiers::NONE, Key::ArrowLeft);
        assert_eq!(all_text(&harness), *expected);
    }
    // In tens and back by ones, and by tiles.
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    press(&mut harness, Modifiers::SHIFT, Key::ArrowRight);
    assert_eq!(all_text(&harness), forward[20]);
    press(&mut harness, Modifiers::COMMAND, Key::ArrowRight);
    let cursor = harness.state().player().cursor() as usize;
    assert!(cursor > 20);
    assert_eq!(all_text(&harness), forward[cursor]);
    press(&mut harness, Modifiers::NONE, Key::Comma);
    assert_eq!(all_text(&harness), forward[harness.state().player().cursor() as usize]);
}

#[test]
fn the_counters_end_at_the_closed_form() {
    for choice in *algorithm::ALL {
        let mut harness = open(Some(preset::toy()));
        if choice.name() != "flash2" {
            choose(&mut harness, "Algorithm: ", choice.name());
        }
        press(&mut harness, Modifiers::ALT, Key::Num1);
        press(&mut harness, Modifiers::NONE, Key::End);
        let plan = Plan::new(16, 16, 4, Tiling { br: 4, bc: 4 }, Precision::F32);
        let form = choice.closed_form(&plan);
        for (tensor, elements) in form.read.iter() {
            let shown = value(&harness, &format!("{} read", tensor.name()));
            assert_eq!(shown, format!("{0} of {0}", grouped(elements)), "{} of {}", tensor.name(), choice.name());
        }
        for (tensor, elements) in form.write.iter() {
            let shown = value(&harness, &format!("{} write", tensor.name()));
            assert_eq!(shown, format!("{0} of {0}", grouped(elements)), "{} of {}", tensor.name(), choice.name());
        }
        assert_eq!(value(&harness, "HBM bytes"), format!("{0} of {0}", grouped(form.hbm_bytes())));
        assert_eq!(value(&harness, "SRAM read"), format!("{0} of {0}", grouped(form.sram_read)));
        harness.get_by_label_contains(&format!("Closed form: {} elements, the same.", grouped(form.hbm_elements())));
        press(&mut harness, Modifiers::NONE, Key::Home);
        assert_eq!(value(&harness, "HBM bytes"), format!("0 of {}", grouped(form.hbm_bytes())));
    }
}

#[test]
fn choices_make_other_runs() {
    let mut harness = open(None);
    click(&mut harness, "Input");
    click(&mut harness, "Less Head");
    let input = bundled::CAPTURES[0].input().prefix(16).unwrap();
    let head = input.problem.head::<f64>(0, 7, Precision::F64);
    press(&mut harness, Modifiers::NONE, Key::End);
    assert!(value(&harness, "m of the row").ends_with(&short(oracle::row(&head, 13).m)));

    press(&mut harness, Modifiers::NONE, Key::Num1);
    click(&mut harness, "More Block keys bc");
    assert!(
        value(&harness, "schedule grid").contains("at tile") || value(&harness, "schedule grid").contains("no tile")
    );
    assert_eq!(harness.state().document().scene().unwrap().plan().t_c(), 4);
    assert_eq!(harness.state().document().scene().unwrap().plan().bc, 5);

    click(&mut harness, "Causal mask");
    assert!(value(&harness, "schedule grid").starts_with("16 full, 0 partial, 0 skipped"));
    click(&mut harness, "Precision");
    choose(&mut harness, "Precision: ", "f16");
    assert_eq!(harness.state().document().scene().unwrap().settings.run.precision(), Precision::F16);
    choose(&mut harness, "Algorithm: ", "standard");
    harness.get_by_label_contains("S and P go through HBM whole");
    assert!(value(&harness, "error of the stepper").parse::<f64>().is_ok());
}

#[test]
fn the_scene_row_shows_its_averages() {
    let mut harness = open(Some(preset::row()));
    press(&mut harness, Modifiers::NONE, Key::Home);
    let mut seen = Vec::new();
    while harness.state().player().cursor() < harness.state().document().scene().unwrap().schedule().len() {
        press(&mut harness, Modifiers::NONE, Key::ArrowRight);
        if value(&harness, "current step").contains("added P V") {
            seen.push((value(&harness, "l of the row"), value(&harness, "average so far")));
        }
    }
    let expected = [("1.500", "16.67"), ("1.500 to 1.500", "27.50"), ("1.500 to 2.500", "38.50")];
    let expected: Vec<_> = expected.iter().map(|(l, average)| (l.to_string(), average.to_string())).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_broken_file_keeps_the_old_picture() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.safetensors");
    std::fs::write(&broken, b"\xff\xff\xff\xff\xff\xff\xff\xff{").unwrap();
    let trace = folder.path().join("run.json");
    std::fs::write(&trace, b"{}").unwrap();
    let mut harness = open(None);
    let before = all_text(&harness);
    for (paths, words) in [
        (vec![broken.clone()], "broken.safetensors"),
        (vec![folder.path().to_owned()], "folder"),
        (vec![trace], "this is JSON but not a trace"),
        (vec![broken.clone(), broken], "one file at a time"),
        (vec![folder.path().join("gone.npz")], "gone.npz"),
    ] {
        drop_files(&mut harness, &paths);
        let message = value(&harness, "message");
        assert!(message.contains(words) && !message.contains('\n'), "{message}");
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert_eq!(all_text(&harness), before);
    }
}

#[test]
fn a_dropped_input_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.safetensors");
    std::fs::copy("assets/captures/minilm-batch-layer00.safetensors", &path).unwrap();
    let mut harness = open(None);
    drop_files(&mut harness, &[path]);
    let message = value(&harness, "what was understood");
    assert!(message.starts_with("understood: batch 4") && message.contains("agrees"), "{message}");
    let scene = harness.state().document().scene().unwrap().clone();
    assert_eq!(scene.source.name, "capture.safetensors");
    click(&mut harness, "Input");
    click(&mut harness, "More Batch entry");
    assert_eq!(harness.state().document().scene().unwrap().settings.run.batch(), 1);
    // Nothing is wrong, and what is said stays until it is closed.
    assert!(harness.state().document().notice().is_none() && harness.state().document().understood().is_some());
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.state().document().understood().is_none());
}

#[test]
fn what_needs_too_much_memory_is_counted_alone_and_says_why() {
    let input = tilescope::attention::input::random::read("random:40000,40000,1", 0).unwrap();
    let mut harness = open(Some(input));
    choose(&mut harness, "Algorithm: ", "standard");
    let scene = harness.state().document().scene().unwrap().clone();
    assert_eq!(scene.settings.algorithm.name(), "standard");
    assert!(!scene.run.has_numbers());
    let text = all_text(&harness).join("\n");
    assert!(text.contains("40000 x 40000 in memory") && text.contains("flash2 needs neither"), "{text}");
}

#[test]
fn keys_do_nothing_while_a_path_is_typed() {
    let mut harness = open(None);
    let before = harness.state().player().cursor();
    press(&mut harness, Modifiers::COMMAND, Key::O);
    harness.get_by_label("Path of a file").focus();
    harness.run_steps(2);
    harness.get_by_label("Path of a file").type_text("a b");
    press(&mut harness, Modifiers::NONE, Key::Home);
    assert_eq!(harness.state().player().cursor(), before);
    assert!(!harness.state().player().is_playing());
}

#[test]
fn the_sheet_of_keys_opens_and_closes() {
    let mut harness = open(None);
    press(&mut harness, Modifiers::NONE, Key::F1);
    assert_eq!(value(&harness, "Next tile: key"), "Ctrl+Right");
    press(&mut harness, Modifiers::NONE, Key::Escape);
    assert!(harness.query_by_label("Ten steps back: key").is_none());
}

#[test]
fn playing_moves_the_cursor_and_pausing_stops_the_frames() {
    let mut harness = open(None);
    press(&mut harness, Modifiers::NONE, Key::Home);
    harness.key_press(Key::Space);
    harness.run_steps(30);
    assert!(harness.state().player().is_playing());
    harness.key_press(Key::Space);
    harness.run_steps(3);
    let cursor = harness.state().player().cursor();
    assert!(cursor > 0);
    // `run` fails when frames go on being asked for.
    harness.run();
    assert_eq!(harness.state().player().cursor(), cursor);
}

#[test]
fn the_plot_and_the_code_follow() {
    let mut harness = open(None);
    click(&mut harness, "Plot");
    let scene = harness.state().document().scene().unwrap().clone();
    let last = scene.run.history(3)[1].last().copied().unwrap();
    let shown = value(&harness, "plot of the row");
    assert!(shown.contains(&format!("m {}", short(last.m))) && shown.starts_with("4 visits"), "{shown}");
    click(&mut harness, "Code");
    let text = &scene.schedule().algorithm.text().text;
    let line = |label: &str| {
        let at = text.lines().position(|line| line.trim_start().starts_with(label)).expect("a line of flash2");
        format!("line {}", at + 1)
    };
    let (accumulate, normalise) = (line("accumulate:"), line("normalise:"));
    assert!(value(&harness, &accumulate).ends_with("(now)"));
    press(&mut harness, Modifiers::NONE, Key::ArrowRight);
    assert!(value(&harness, &normalise).ends_with("(now)") && !value(&harness, &accumulate).ends_with("(now)"));
}

#[test]
fn dead_rows_and_odd_numbers_are_shown() {
    let mut harness = open(Some(preset::Preset::DeadRows.input(6, 3, 2, 0).unwrap()));
    press(&mut harness, Modifiers::NONE, Key::End);
    let mut input = preset::toy();
    input.problem.q[[0, 0, 3, 1]] = f64::NAN;
    input.problem.k[[0, 0, 9, 0]] = f64::INFINITY;
    let mut harness = open(Some(input));
    for _ in 0..20 {
        press(&mut harness, Modifiers::COMMAND, Key::ArrowLeft);
    }
    // NaN stands where the exact result has it, and nowhere else.
    let error = value(&harness, "error of the stepper");
    assert!(!error.contains("NaN"), "{error}");
}

#[test]
fn every_algorithm_can_be_stepped_through_on_ragged_blocks() {
    let input = tilescope::attention::input::random::read("random:7,10,3", 5).unwrap();
    for choice in *algorithm::ALL {
        let mut harness = open(Some(input.clone()));
        if choice.name() != "flash2" {
            choose(&mut harness, "Algorithm: ", choice.name());
        }
        press(&mut harness, Modifiers::NONE, Key::Home);
        let len = harness.state().document().scene().unwrap().schedule().len();
        for n in 1..=len {
            press(&mut harness, Modifiers::NONE, Key::ArrowRight);
            assert!(value(&harness, "current step").starts_with(&format!("step {n} of {len}")));
        }
        let scene = harness.state().document().scene().unwrap().clone();
        let run = Run::new(Schedule::new(choice, scene.plan().clone()), &input.problem, 0, 0, |_| true);
        assert_eq!(run.unwrap().output(), scene.run.output());
    }
}

/// A device that gives the exact result, but for `off` in one place.
struct StandIn {
    info: DeviceInfo,
    off: f64,
}

impl StandIn {
    fn probe(off: f64) -> Probe {
        let info = DeviceInfo {
            backend: "wgpu",
            name: "stand-in".into(),
            driver: "none".into(),
            kind: DeviceKind::Virtual,
            limits: vec![],
            notes: vec![],
        };
        Probe::Ready(Box::new(StandIn { info, off }))
    }
}

impl Backend for StandIn {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }
    fn supports(&self, _: &Problem, algorithm: &str, _: Precision) -> Result<(), Refusal> {
        if algorithm == "flash2" {
            Ok(())
        } else {
            Err(Refusal::Algorithm { backend: "wgpu", algorithm: algorithm.into(), has: "flash2".into() })
        }
    }
    fn run(&mut self, problem: &Problem, _: &str, _: Precision, _: &AtomicBool) -> Result<GpuRun, GpuError> {
        let heads = (0..problem.shape.heads).map(|head| problem.head::<f64>(0, head, Precision::F64));
        let mut outputs: Vec<_> = heads.map(|head| oracle::attention(&head)).collect();
        outputs.iter_mut().for_each(|output| output.o[[3, 1]] += self.off);
        let kernel_time = Some(Duration::from_micros(1500));
        Ok(GpuRun { outputs, kernel_time, wall: Duration::from_millis(2), launches: 1, device_bytes: 0 })
    }
}

fn open_with_gpu(find_gpu: fn() -> Probe) -> Harness<'static, App> {
    open_with(&AppOptions { find_gpu, ..options() })
}

#[test]
fn the_gpu_is_compared_with_the_oracle() {
    let mut harness = open_with_gpu(|| StandIn::probe(0.25));
    harness.get_by_label_contains("stand-in");
    click(&mut harness, "Run on the GPU");
    assert_eq!(value(&harness, "error of the GPU"), "! 0.2500");
    assert_eq!(value(&harness, "time of the GPU"), "1.500 ms");
    harness.get_by_label_contains("outside the bound");
    // The result belongs to that run only.
    click(&mut harness, "Input");
    click(&mut harness, "Less Head");
    assert!(harness.query_by_label("error of the GPU").is_none());

    let mut harness = open_with_gpu(|| StandIn::probe(0.0));
    click(&mut harness, "Run on the GPU");
    assert_eq!(value(&harness, "error of the GPU"), "0");
    choose(&mut harness, "Algorithm: ", "flash1");
    click(&mut harness, "Run on the GPU");
    let refusal = "wgpu has no kernel for \"flash1\"; it has: flash2";
    harness.get_by_label(refusal);
}

#[test]
fn without_a_gpu_the_reason_is_told() {
    let harness = open(None);
    harness.get_by_label(&format!("No GPU: {NO_GPU}"));
    let harness = open_with_gpu(|| panic!("a driver that takes its thread along"));
    harness.get_by_label_contains("No GPU: the work stopped");
}

#[test]
fn the_picture_can_be_rendered_without_a_window() {
    let builder = Harness::builder().with_size(Vec2::new(1280.0, 800.0)).wgpu();
    let mut harness = builder.build_eframe(|cc| App::new(&cc.egui_ctx, None, &options()));
    settle(&mut harness);
    let image = harness.render().expect("a renderer in software at least");
    let colours: std::collections::HashSet<_> = image.pixels().map(|pixel| pixel.0).collect();
    assert!(image.width() == 1280 && colours.len() > 100, "only {} colours", colours.len());
}
