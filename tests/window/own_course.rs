//! A course of one's own: the worked example of lessons/README.md goes from the page to a class, with its table, formulas,
//! picture, input, questions and build; and a folder of lessons in both languages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::stage_support::{all_text, click, command, drop_files, open_with, options, press, settle, type_text, value};
use eframe::egui::accesskit::Role;
use eframe::egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use ndarray::Array2;
use tilescope::app::{App, AppOptions};
use tilescope::attention::Precision;
use tilescope::attention::npz_out::{NpyArray, write_npz};
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// The lesson as the page has it.
fn example() -> &'static str {
    let (_, rest) = include_str!("../../lessons/README.md").split_once("## A worked example").expect("it is there");
    let (_, rest) = rest.split_once("````text\n").expect("a lesson begins");
    rest.split_once("````").expect("it ends").0
}

/// The folder that the page describes.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let array = |of: fn(usize, usize) -> f64| Array2::from_shape_fn((12, 4), |(i, c)| of(i, c)).into_dyn();
    let arrays = [
        ("Q", array(|i, c| ((3 * i + 5 * c) % 7) as f64 / 2.0)),
        ("K", array(|i, c| ((5 * i + 2 * c) % 7) as f64 / 2.0)),
        ("V", array(|i, c| (i + c) as f64)),
    ];
    let arrays =
        arrays.each_ref().map(|(name, values)| (*name, NpyArray { values: values.view(), precision: Precision::F64 }));
    write_npz(fs::File::create(folder.path().join("WORDS.npz")).expect("a file"), &arrays).expect("it is written");
    fs::write(folder.path().join("WORDS.png"), png()).expect("it is written");
    save(&folder.path().join("MINE.md"), example(), 0);
    folder
}

fn png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 48, 16);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("a header");
    let pixels: Vec<u8> = (0..48 * 16).map(|at| (at % 48 / 4 * 20) as u8).collect();
    writer.write_image_data(&pixels).expect("its pixels");
    drop(writer);
    bytes
}

fn save(path: &Path, text: &str, later: u64) {
    fs::write(path, text).expect("it is written");
    let file = fs::File::options().write(true).open(path).expect("it opens");
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(later);
    file.set_modified(time).expect("the time is set");
}

/// Frames until the window has looked at its files again.
fn look_again(harness: &mut Harness<'_, App>) {
    for _ in 0..8 {
        harness.run_steps(20);
        settle(harness);
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
}

fn shows(harness: &Harness<'_, App>, text: &str) -> bool {
    all_text(harness).iter().any(|line| line.contains(text))
}

fn answer(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    press(harness, Modifiers::COMMAND, Key::A);
    type_text(harness, text);
    press(harness, Modifiers::COMMAND, Key::Enter);
}

/// The row sum of row 5, written out here.
fn row_sum() -> (f64, f64) {
    let score = |j: usize| {
        (0..4).map(|c| ((15 + 5 * c) % 7) as f64 / 2.0 * (((5 * j + 2 * c) % 7) as f64 / 2.0)).sum::<f64>() / 2.0
    };
    let scores: Vec<f64> = (0..12).map(score).collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (max, scores.iter().map(|s| (s - max).exp()).sum())
}

#[test]
fn a_lesson_written_by_the_page_goes_to_a_class() {
    let folder = folder();
    let path = folder.path().join("MINE.md");
    let mut harness = open_with(&options());
    drop_files(&mut harness, std::slice::from_ref(&path));
    look_again(&mut harness);
    assert_eq!(value(&harness, "beat"), "What a row looks at");
    // Formulas are set with the engine's numbers, the picture is there, and no sign of either is left.
    let (max, sum) = row_sum();
    let tex = |before: &str, x: f64| format!("{before}{}", tilescope::number::short(x));
    let formula = format!("l = \\sum_j e^{{s_j - m}} = {}", tilescope::number::short(sum));
    assert!(harness.query_by_role_and_label(Role::Image, &formula).is_some(), "{formula}: {:?}", all_text(&harness));
    assert!(harness.query_by_role_and_label(Role::Image, &tex("m = ", max)).is_some(), "{max}");
    assert!(harness.query_by_role_and_label(Role::Image, "Q, K and V as squares").is_some());
    assert!(!shows(&harness, "$") && !shows(&harness, "cannot be"), "{:?}", all_text(&harness));
    answer(&mut harness, "12");
    assert!(value(&harness, "why").contains("the number of keys"));
    answer(&mut harness, "3");
    assert!(value(&harness, "verdict").starts_with("Right: 3"));
    // Edited while it is open; and a picture that is gone is told in its place.
    save(&path, &example().replace("The weights of row 5 are", "These are the weights of row 5:"), 2);
    look_again(&mut harness);
    assert!(shows(&harness, "These are the weights of row 5:"));
    save(&path, &example().replace("WORDS.png", "gone.png"), 4);
    look_again(&mut harness);
    assert!(shows(&harness, "The picture gone.png cannot be shown") && shows(&harness, "there is no such file"));
    save(&path, example(), 6);
    look_again(&mut harness);
    // Presented from the first beat, and back to what was answered there.
    press(&mut harness, Modifiers::SHIFT, Key::F5);
    settle(&mut harness);
    assert_eq!(value(&harness, "projected line"), "One row, three tiles");
    assert!(shows(&harness, "How many tiles does row 5 read to find its l?") && !shows(&harness, "$"));
    press(&mut harness, NONE, Key::Escape);
    settle(&mut harness);
    assert_eq!(value(&harness, "beat"), "What a row looks at");
    // The second question and the build.
    assert!(shows(&harness, "3 tiles, each of 4 keys"), "{:?}", all_text(&harness));
    click(&mut harness, "Next");
    assert!(shows(&harness, "elements moved") && shows(&harness, "flash2"));
    click(&mut harness, "The scores and the weights");
    click(&mut harness, "Check my answer");
    click(&mut harness, "Next");
    assert_eq!(value(&harness, "beat"), "Write the update");
    // A wrong card first, then the right one.
    for (card, told) in [
        ("card: l_old + sum", "two different lines"),
        ("card: alpha * l_old + sum", "It runs, and every number is right."),
    ] {
        click(&mut harness, card);
        click(&mut harness, "Run it");
        assert!(shows(&harness, told), "{card}: {:?}", all_text(&harness));
        if card.contains("alpha") {
            break;
        }
        harness.get_by_label_contains("place 1: ").click();
        settle(&mut harness);
    }
    // Sheets to print, with their key.
    command(&mut harness, "Save sheets of this lesson with their keys");
    settle(&mut harness);
    let told = value(&harness, "what was done");
    let (sheet, key) = told.strip_prefix("Saved: ").and_then(|told| told.split_once(", and its key: ")).expect("saved");
    let page = fs::read_to_string(sheet).expect("it is there");
    assert!(page.contains("Twelve tokens of my own") && page.contains("How many tiles does row 5 read"), "{told}");
    let answers = fs::read_to_string(key).expect("it is there");
    assert!(answers.contains("The scores and the weights"), "{key}");
    [sheet, key].iter().for_each(|path| fs::remove_file(path).expect("it is removed"));
    // What was answered leaves as lines of JSON.
    command(&mut harness, "Save what I answered");
    let told = value(&harness, "what was done");
    let written = PathBuf::from(told.strip_prefix("Saved: ").expect("it is saved"));
    let lines = fs::read_to_string(&written).expect("it is there");
    fs::remove_file(&written).expect("it is removed");
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let given = |line: &serde_json::Value| {
        (line["beat"].as_u64(), line["answer"].as_str().map(str::to_owned), line["right"].as_bool())
    };
    let expected = [
        (Some(1), Some("12".into()), Some(false)),
        (Some(1), Some("3".into()), Some(true)),
        (Some(2), Some("The scores and the weights".into()), Some(true)),
        (Some(3), Some("plain".into()), Some(false)),
        (Some(3), Some("right".into()), Some(true)),
    ];
    assert_eq!(lines.iter().map(given).collect::<Vec<_>>(), expected);
    let tasks: Vec<&serde_json::Value> = lines.iter().map(|line| &line["task"]).collect();
    assert_eq!(tasks, ["question", "question", "question", "build", "build"]);
    assert!(lines.iter().all(|line| line["title"] == "Twelve tokens of my own"));
}

/// The list of a folder is there again at the next start, and what was done in a lesson is one for both its languages.
#[test]
fn a_folder_is_open_again_and_answers_have_no_language() {
    let (course, settings) = (folder(), tempfile::tempdir().expect("a folder"));
    let english = "---\ntitle: The second\nminutes: 7\ngoal: g\n---\n## b\n```scene\ninput: toy\nshow: map\n```\n```predict\n\
        kind: number\nquestion: q\nanswer: n\ntolerance: 0\nfeedback: f\n```\n## c\n```scene\nshow: map\n```\n";
    save(&course.path().join("two.md"), english, 0);
    save(&course.path().join("two.zh.md"), &english.replace("goal: g\n", "goal: g\nlanguage: zh\n"), 0);
    let start = |lesson_folder: Option<PathBuf>, language: Language| {
        let folder = Some(settings.path().to_owned());
        let mut harness = open_with(&AppOptions { folder, lesson_folder, language: Some(language), ..options() });
        look_again(&mut harness);
        harness
    };
    let mut harness = start(Some(course.path().to_owned()), Language::Chinese);
    harness.get_by_label_contains("The second").click();
    settle(&mut harness);
    harness.get_by_label("你的答案").focus();
    harness.run_steps(2);
    type_text(&mut harness, "16");
    press(&mut harness, Modifiers::COMMAND, Key::Enter);
    assert_eq!(harness.state().lesson().map(|lesson| lesson.work.done.question), Some(true));
    harness.run_steps(200);
    drop(harness);
    // In the other language, without being told where the folder is.
    let mut harness = start(None, Language::English);
    command(&mut harness, "Show the lesson");
    harness.get_by_label_contains("The second").click();
    settle(&mut harness);
    let lesson = harness.state().lesson().expect("it is open");
    assert_eq!((lesson.lesson.language, lesson.tally()), (Language::English, (1, 1)));
    click(&mut harness, "Close the lesson");
    click(&mut harness, "Close the folder");
    harness.run_steps(200);
    drop(harness);
    assert!(!shows(&start(None, Language::English), "The second"), "it was closed");
}

/// A link says where it leads, is reached by Tab, and opens nothing but pages.
#[test]
fn a_link_says_where_it_leads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("MINE.md");
    let text = "---\ntitle: t\nminutes: 5\ngoal: g\n---\n## b\nSee [the paper](https://arxiv.org/abs/2205.14135), \
        and not [this](file:///etc/passwd).\n```scene\ninput: toy\n```\n";
    fs::write(&path, text).expect("it is written");
    let mut harness = open_with(&AppOptions { own_lesson: Some((path, Position::default())), ..options() });
    settle(&mut harness);
    let name = "the paper: https://arxiv.org/abs/2205.14135";
    let links = harness.get_all_by_role(Role::Link).filter(|link| format!("{link:?}").contains("paper"));
    assert_eq!(links.count(), 1);
    harness.get_by_label(name).click();
    harness.step();
    let opened: Vec<String> = harness
        .output()
        .platform_output
        .commands
        .iter()
        .filter_map(|command| match command {
            eframe::egui::OutputCommand::OpenUrl(open) => Some(open.url.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(opened, ["https://arxiv.org/abs/2205.14135"]);
    harness.get_by_label(name).focus();
    harness.run_steps(2);
    assert!(harness.get_by_label(name).is_focused());
}

#[test]
fn a_folder_of_lessons_is_a_list() {
    let folder = folder();
    let lesson = |title: &str, code: &str| {
        format!(
            "---\ntitle: {title}\nminutes: 7\ngoal: g\nlanguage: {code}\n---\n## {title}, beat\nx\n```scene\ninput: toy\n```\n"
        )
    };
    let at = |name: &str| folder.path().join(name);
    save(&at("two.md"), &lesson("The second", "en"), 0);
    save(&at("two.zh.md"), &lesson("第二", "zh"), 0);
    save(&at("wrong.md"), "---\ntitle: x\n", 0);
    let mut harness = open_with(&options());
    drop_files(&mut harness, &[folder.path().to_owned()]);
    look_again(&mut harness);
    let fault = "wrong.md:1: a lesson begins with a header";
    assert!(shows(&harness, "Twelve tokens of my own") && shows(&harness, "The second"), "{:?}", all_text(&harness));
    assert!(shows(&harness, fault) && !shows(&harness, "第二"));
    // Saved: it is read again, in its place.
    save(&at("wrong.md"), &lesson("The third", "en"), 2);
    look_again(&mut harness);
    assert!(shows(&harness, "The third") && !shows(&harness, fault));
    // One of them opens, is in the other language as well, and leads back to the list.
    harness.get_by_label_contains("The second").click();
    settle(&mut harness);
    assert_eq!(value(&harness, "beat"), "The second, beat");
    command(&mut harness, "Chinese (中文)");
    assert!(shows(&harness, "第二, beat"), "{:?}", all_text(&harness));
    command(&mut harness, "English");
    assert_eq!(value(&harness, "beat"), "The second, beat");
    click(&mut harness, "Close the lesson");
    assert!(shows(&harness, "The third") && shows(&harness, "Lessons"));
    click(&mut harness, "Close the folder");
    assert!(!shows(&harness, "The third") && shows(&harness, "Lessons"), "{:?}", all_text(&harness));
    // Where the system has no dialog, a path can be typed.
    let pick_folder: tilescope::app::PickFile = || tilescope::app::Picked::Unavailable;
    let mut without = open_with(&AppOptions { pick_folder, ..options() });
    command(&mut without, "Open a folder of lessons");
    assert!(value(&without, "file dialog").contains("has no file dialog"));
    without.get_by_label("Path of a file").focus();
    without.run_steps(2);
    type_text(&mut without, &folder.path().to_string_lossy());
    press(&mut without, NONE, Key::Enter);
    look_again(&mut without);
    assert!(shows(&without, "The third"), "{:?}", all_text(&without));
    // By its path, as the command line gives it; in Chinese.
    let lesson_folder = Some(folder.path().to_owned());
    let language = Some(Language::Chinese);
    let mut harness = open_with(&AppOptions { lesson_folder, language, ..options() });
    look_again(&mut harness);
    assert!(shows(&harness, "第二") && shows(&harness, "Twelve tokens of my own"));
}
