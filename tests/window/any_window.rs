//! Any window, any moment: sizes, scales, files that come while something else goes on, places that are not there.

use crate::stage_support;
use crate::stage_support::{
    click, cursor, drop_files, let_go, open, open_as, open_sized, open_with, options, press, settle, value,
};
use eframe::egui::{self, Event, Key, Modifiers, Vec2};
use egui_kittest::kittest::Queryable;
use tilescope::app::{AppOptions, Link, Picked, Theme};
use tilescope::attention::input::{bundled, preset, random};
use tilescope::attention::{Precision, oracle};
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;
const DISTANCES: [Key; 4] = [Key::Num1, Key::Num2, Key::Num3, Key::Num0];
const SIZES: [(f32, f32); 8] = [
    (0.0, 0.0),
    (1.0, 900.0),
    (200.0, 120.0),
    (640.0, 400.0),
    (1280.0, 800.0),
    (3000.0, 40.0),
    (40.0, 3000.0),
    (8000.0, 4000.0),
];
const SCALES: [f32; 4] = [0.5, 1.0, 2.0, 4.0];

/// Every distance, tab and overlay, with the pointer in the middle.
fn look_around(options: &AppOptions, (width, height): (f32, f32), scale: f32) {
    let mut harness = open_as(None, options, Vec2::new(width, height), scale);
    harness.event(Event::PointerMoved(egui::pos2(width / 2.0, height / 2.0)));
    for (distance, tab) in DISTANCES.into_iter().zip([Key::Num2, Key::Num3, Key::Num1, Key::Num1]) {
        press(&mut harness, NONE, distance);
        press(&mut harness, Modifiers::ALT, tab);
        press(&mut harness, NONE, Key::ArrowLeft);
    }
    press(&mut harness, NONE, Key::Home);
    for (modifiers, key) in [(NONE, Key::F1), (Modifiers::COMMAND, Key::P), (Modifiers::COMMAND, Key::O)] {
        press(&mut harness, modifiers, key);
        press(&mut harness, NONE, Key::Escape);
    }
}

#[test]
fn no_window_is_too_small_or_too_large() {
    for size in SIZES {
        for scale in SCALES {
            look_around(&options(), size, scale);
        }
    }
}

#[test]
fn no_window_is_too_small_or_too_large_for_a_lesson() {
    for size in SIZES {
        for (scale, language) in SCALES.into_iter().zip([Language::English, Language::Chinese].into_iter().cycle()) {
            let lesson = Some((3, Position { beat: 3, is_revealed: false }));
            look_around(&AppOptions { lesson, language: Some(language), ..options() }, size, scale);
        }
    }
}

#[test]
fn no_window_is_too_small_or_too_large_for_a_talk() {
    for size in SIZES {
        for scale in SCALES {
            let lesson = Some((3, Position::default()));
            let theme = Some(Theme::Projector);
            let options = AppOptions { lesson, theme, is_presenting: true, ..options() };
            let mut harness = open_as(None, &options, Vec2::new(size.0, size.1), scale);
            for key in [Key::Num1, Key::Num2, Key::Num3, Key::N, Key::V, Key::PageDown, Key::B] {
                press(&mut harness, NONE, key);
            }
        }
    }
}

#[test]
fn a_window_may_change_its_size_while_it_plays() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Home);
    harness.key_press(Key::Space);
    for (width, height) in SIZES {
        harness.set_size(Vec2::new(width, height));
        harness.run_steps(3);
    }
    harness.set_size(Vec2::new(1280.0, 800.0));
    harness.run_steps(3);
    assert!(value(&harness, "current step").starts_with("step "));
}

#[test]
fn a_file_dropped_while_playing_opens_and_the_playing_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.safetensors");
    std::fs::copy("assets/captures/smollm2-zh-layer10.safetensors", &path).unwrap();
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Home);
    harness.key_press(Key::Space);
    harness.run_steps(10);
    assert!(harness.state().player().is_playing());
    drop_files(&mut harness, &[path]);
    assert_eq!(harness.state().document().source().name, "capture.safetensors");
    assert!(!harness.state().player().is_playing());
    let scene = harness.state().document().scene().unwrap().clone();
    assert!(cursor(&harness) <= scene.schedule().len());
    // What is shown is of the new input.
    let query = scene.plan().n_q - 1;
    press(&mut harness, NONE, Key::End);
    while harness.query_by_label_contains(&format!("Row {query} ")).is_none() {
        press(&mut harness, NONE, Key::ArrowDown);
    }
    let head = scene.input.problem.head::<f64>(0, 0, Precision::F64);
    let row = oracle::row(&head, query);
    assert!(value(&harness, "m of the row").ends_with(&stage_support::short(row.m)));
}

#[test]
fn a_broken_file_dropped_while_playing_changes_nothing() {
    let mut harness = open(None);
    press(&mut harness, NONE, Key::Home);
    harness.key_press(Key::Space);
    harness.run_steps(5);
    let_go(&mut harness, &["/nowhere/gone.npz".into()]);
    for _ in 0..60_000 {
        harness.step();
        if harness.query_by_label("message").is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(value(&harness, "message"), "gone.npz: there is no such file");
    assert_eq!(harness.state().document().source().name, bundled::CAPTURES[0].file);
}

#[test]
fn an_input_replaced_while_a_run_is_under_way_is_the_one_that_is_shown() {
    // Long enough that the next input comes while it is carried out.
    let long = random::read("random:2048,2048,64", 0).unwrap();
    let mut harness = open(Some(preset::toy()));
    let mut met = 0;
    for _ in 0..3 {
        let settings = tilescope::app::Settings::for_input(&long);
        let ctx = harness.ctx.clone();
        harness.state_mut().open_input(&ctx, long.clone(), settings);
        harness.run_steps(2);
        met += usize::from(harness.state().is_busy());
        let_go(&mut harness, &["assets/captures/minilm-batch-layer00.safetensors".into()]);
        settle(&mut harness);
        let scene = harness.state().document().scene().unwrap().clone();
        assert_eq!(scene.source.name, "minilm-batch-layer00.safetensors");
        assert_eq!(scene.plan().n_q, 20);
        assert_eq!(scene.settings, *harness.state().document().wanted());
    }
    assert!(met > 0, "no run was under way: this test sees nothing");
}

#[test]
fn a_kept_place_that_is_not_there_is_brought_back() {
    let kept = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.json"), text).unwrap();
        folder
    };
    for session in [
        r#"{"scene": "toy", "at": 18446744073709551615, "row": 9999999, "key": 9999999, "view": "beyond"}"#,
        r#"{"scene": "toy", "br": 0, "bc": 99999999, "head": 77, "batch": 77, "prefix": 5}"#,
        r#"{"scene": "toy", "kv_lengths": "1,2,3", "window": "99999999999,-1"}"#,
        r#"{"input": "/nowhere/gone.npz", "at": 3}"#,
        r#"{"scene": "nowhere"}"#,
    ] {
        for zoom in ["1.0", "1e300", "-3", "0"] {
            let text = format!(
                r#"{{"version": 1, "has_started": true, "zoom": {zoom}, "lesson": 99, "language": "xx", "session": {session}}}"#
            );
            let folder = kept(&text);
            let options = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
            let harness = open_with(&options);
            let scene = harness.state().document().scene().expect("something is shown").clone();
            assert!(cursor(&harness) <= scene.schedule().len());
            assert!((0.5..=4.0).contains(&harness.ctx.zoom_factor()), "{session} {zoom}");
        }
    }
}

#[test]
fn a_kept_place_that_a_start_died_of_is_named_and_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let session = r#"{"input": "random:5,7,3", "at": 2}"#;
    let text = format!(r#"{{"version": 1, "has_started": true, "session": {session}}}"#);
    std::fs::write(folder.path().join("settings.json"), text).unwrap();
    // What a start leaves that ends while it opens its place.
    std::fs::write(folder.path().join("opening-1.json"), session).unwrap();
    let options = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
    let harness = open_with(&options);
    assert_eq!(harness.state().document().source().name, bundled::CAPTURES[0].input().name);
    let notice = value(&harness, "message");
    assert!(notice.contains("random:5,7,3") && notice.contains("tilescope random:5,7,3 --at 2"), "{notice}");
    assert!(!folder.path().join("opening-1.json").exists());
    drop(harness);
    // A start that opens its place to the end leaves nothing behind.
    std::fs::write(folder.path().join("settings.json"), format!(r#"{{"has_started": true, "session": {session}}}"#))
        .unwrap();
    let harness = open_with(&options);
    assert_eq!(harness.state().document().source().name, "random:5,7,3");
    let names =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("opening")).count(), 0);
}

#[test]
fn a_dialog_that_gives_a_file_opens_it_and_one_that_is_missing_says_so() {
    let open_dialog = |pick_file| {
        let mut harness = open_with(&AppOptions { pick_file, ..options() });
        press(&mut harness, Modifiers::COMMAND, Key::O);
        click(&mut harness, "Choose a file ...");
        harness
    };
    let harness = open_dialog(|| Picked::File("assets/captures/minilm-batch-layer04.safetensors".into()));
    assert_eq!(harness.state().document().source().name, "minilm-batch-layer04.safetensors");
    let harness = open_dialog(|| Picked::Unavailable);
    assert!(value(&harness, "file dialog").starts_with("This system has no file dialog: type the path here"));
    harness.get_by_label("Path of a file");
    let harness = open_dialog(|| Picked::Nothing);
    assert!(value(&harness, "file dialog").starts_with("No file was chosen."));
}

#[test]
fn a_random_input_is_that_of_its_seed() {
    let mut harness = open(Some(preset::row()));
    press(&mut harness, Modifiers::COMMAND, Key::O);
    click(&mut harness, "seed of a random input");
    press(&mut harness, Modifiers::COMMAND, Key::A);
    stage_support::type_text(&mut harness, "7");
    // No button is needed.
    press(&mut harness, NONE, Key::Enter);
    assert!(harness.query_by_label("Open the random input").is_none(), "it is opened");
    let input = random::read("random:16,16,4", 7).unwrap();
    let shown = harness.state().document().source();
    assert_eq!((shown.seed, &shown.problem.q), (Some(7), &input.problem.q));
    // A link to it names the seed.
    let origin = harness.state().document().origin().clone();
    let mut expected = Link::of_input("random:16,16,4");
    expected.run.seed = Some(7);
    assert_eq!(origin, expected);
    assert_eq!(origin.open().unwrap().input.problem.q, input.problem.q);
}

#[test]
fn files_opened_before_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = AppOptions { folder: Some(folder.path().to_owned()), ..options() };
    let path = "assets/captures/minilm-batch-layer00.safetensors";
    let mut harness = open_with(&kept);
    drop_files(&mut harness, &[path.into()]);
    press(&mut harness, Modifiers::COMMAND, Key::O);
    harness.get_by_label(path).click();
    settle(&mut harness);
    assert_eq!(harness.state().document().source().name, "minilm-batch-layer00.safetensors");
}

#[test]
fn a_trace_that_is_dropped_sets_its_run_up_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.json");
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_tilescope"))
        .args(["trace", "random:12,20,3,4,2", "--seed", "5", "--algorithm", "flash1", "--br", "5", "--bc", "7"])
        .args(["--causal", "--align", "top-left", "--window", "6,0", "--head", "0,3", "--softcap", "2", "--output"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let trace = tilescope::trace::read(&std::fs::read(&path).unwrap()).unwrap();
    let mut harness = open(None);
    drop_files(&mut harness, std::slice::from_ref(&path));
    assert!(harness.query_by_label("message").is_none());
    assert_eq!(cursor(&harness), 1);
    let scene = harness.state().document().scene().unwrap().clone();
    assert_eq!(scene.schedule().len(), trace.totals.steps);
    assert_eq!((scene.settings.algorithm.name(), scene.settings.run.head()), ("flash1", 3));
    // Every statistic of the row on screen is the trace's own.
    let end = trace.steps.iter().rposition(|step| step.m.is_some() && step.i == Some(0)).unwrap();
    stage_support::seek(&mut harness, end as u64 + 1);
    let row = harness.state().document().snapshot().unwrap().view.column("m").unwrap().to_vec();
    assert_eq!(row[..5], trace.steps[end].m.as_ref().unwrap().numbers()[..5]);
    // A link to it is the trace.
    assert_eq!(harness.state().document().origin().run.input, [path]);
}

#[test]
fn masks_of_the_setup_are_those_of_the_run() {
    let mut harness = open_sized(Some(random::read("random:16,16,4,4,2", 0).unwrap()), Vec2::new(1280.0, 1200.0), 1.0);
    let band = |harness: &egui_kittest::Harness<'_, tilescope::app::App>| {
        harness.state().document().scene().unwrap().plan().band.clone()
    };
    click(&mut harness, "Sliding window");
    assert_eq!((band(&harness).left, band(&harness).right), (4, 4));
    click(&mut harness, "Less Keys to the right");
    click(&mut harness, "More Keys to the left");
    assert_eq!((band(&harness).left, band(&harness).right), (5, 3));
    click(&mut harness, "Padding mask");
    assert_eq!(band(&harness).kv, 12);
    click(&mut harness, "Less Keys that exist");
    assert_eq!(band(&harness).kv, 11);
    // The picture is of that mask: the oracle under it agrees.
    let scene = harness.state().document().scene().unwrap().clone();
    press(&mut harness, NONE, Key::End);
    let head = scene.input.problem.head::<f64>(0, 0, Precision::F64);
    let row = scene.plan().n_q - 1;
    while harness.query_by_label(&format!("Row {row}")).is_none() {
        press(&mut harness, NONE, Key::ArrowDown);
    }
    assert!(value(&harness, "m of the row").ends_with(&stage_support::short(oracle::row(&head, row).m)));
    click(&mut harness, "Input");
    click(&mut harness, "More Key/value head");
    assert_eq!(harness.state().document().wanted().run.head(), 2);
    click(&mut harness, "Padding mask");
    click(&mut harness, "Sliding window");
    assert!(band(&harness).is_open());
}

#[test]
fn chinese_byte_pieces_have_a_row_each() {
    let mut harness = open(Some(bundled::CAPTURES[4].input()));
    press(&mut harness, NONE, Key::Home);
    press(&mut harness, NONE, Key::ArrowRight);
    // Rows 0 to 3 are on chip: two words, and the first two pieces of one character.
    for label in ["Row 2 \"把 1/3\"", "Row 3 \"把 2/3\""] {
        while harness.query_by_label(label).is_none() {
            press(&mut harness, NONE, Key::ArrowDown);
        }
    }
    let scene = harness.state().document().scene().unwrap().clone();
    let second = (0..).find(|n| scene.schedule().step(*n).unwrap().place.i() == Some(1)).unwrap();
    stage_support::seek(&mut harness, second + 1);
    for label in ["Row 7 \"意 1/3\"", "Row 6 \"注 2/2\"", "Row 5 \"注 1/2\"", "Row 4 \"把 3/3\""] {
        let key = if label.starts_with("Row 7") { Key::ArrowDown } else { Key::ArrowUp };
        for _ in 0..4 {
            if harness.query_by_label(label).is_none() {
                press(&mut harness, NONE, key);
            }
        }
        harness.get_by_label(label);
    }
}
