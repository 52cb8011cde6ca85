//! How a person is met: the first ten seconds, what is found by its name, what Escape closes, what undo and presenting give
//! back, and how success is told.

use crate::stage_support::{
    click, command, cursor, drop_files, grouped, open, open_as, open_with, options, press, rest, seek, settle,
    type_text, value,
};
use eframe::egui::{Event, Key, Modifiers, Vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use tilescope::app::{AppOptions, Link, OpenLesson};
use tilescope::attention::Precision;
use tilescope::attention::input::bundled::{self, Capture};
use tilescope::attention::input::{preset, random};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};
use tilescope::schedule::algorithm;

const NONE: Modifiers = Modifiers::NONE;

fn place(name: &str) -> AppOptions {
    AppOptions { place: Link::of_scene(name), ..options() }
}

/// Two maps over the whole width, playing by themselves, and the ratio at the end as the published formulas give it.
#[test]
fn the_first_ten_seconds_are_a_race() {
    let mut harness = open_with(&AppOptions { tour: true, ..options() });
    assert!(harness.query_by_label("Block rows br").is_none(), "the setup is folded");
    let told = value(&harness, "tour");
    assert!(told.contains("1,024 tokens") && told.starts_with("The same attention"), "{told}");
    assert!(harness.state().player().is_playing());
    let scene = harness.state().document().scene().unwrap().clone();
    let (len, rate) = (scene.schedule().len() as f64, 4.0 * harness.state().player().speed());
    assert!((9.0..11.0).contains(&(len / rate)), "{len} steps at {rate} a second");
    press(&mut harness, NONE, Key::End);
    // Standard attention moves 4 N^2 + 4 N d elements; flash2 with t_r query blocks N d (2 + 2 t_r) + N.
    let (n, d, t_r) = (1024.0, 64.0, 8.0);
    let ratio = (4.0 * n * n + 4.0 * n * d) * 2.0 / ((n * d * (2.0 + 2.0 * t_r)) * 2.0 + n * 4.0);
    let told = value(&harness, "tour");
    assert!(told.contains(&format!("flash2 moves {ratio:.1}x fewer bytes than standard")), "{told}");
    click(&mut harness, "Look inside");
    assert!(value(&harness, "tour").contains("comma"));
    assert_eq!(harness.state().document().source().name, preset_name("real"));
    click(&mut harness, "Skip");
    harness.get_by_label("Block rows br");
}

fn preset_name(scene: &str) -> String {
    open_with(&place(scene)).state().document().source().name.clone()
}

/// A guess is judged, and not only repeated.
#[test]
fn the_first_guess_gets_a_verdict() {
    for (guess, verdict) in [("0.78", ": right."), ("0.9", ": not quite"), ("1.28", ": the inverse")] {
        let mut harness = open_with(&AppOptions { tour: true, ..options() });
        click(&mut harness, "Look inside");
        harness.get_by_label("Watch the maximum rise").click();
        for _ in 0..2000 {
            harness.step();
            if harness.query_by_label("alpha?").is_some() {
                break;
            }
        }
        settle(&mut harness);
        harness.get_by_label("alpha?").focus();
        harness.run_steps(2);
        type_text(&mut harness, guess);
        click(&mut harness, "Reveal");
        let said = value(&harness, "verdict");
        assert!(said.contains(guess) && said.contains(verdict), "{said}");
    }
}

#[test]
fn a_first_start_speaks_the_language_of_the_system() {
    let folder = tempfile::tempdir().unwrap();
    let start = |system| {
        let options = AppOptions { folder: Some(folder.path().to_owned()), system_language: system, ..options() };
        open_with(&options)
    };
    let harness = start(Some(Language::Chinese));
    harness.get_by_label("看看里面");
    drop(harness);
    // What a person chose holds, whatever the system speaks.
    let mut harness = start(Some(Language::English));
    command(&mut harness, "Chinese (中文)");
    // The settings are written calmly: a few seconds later.
    harness.run_steps(200);
    drop(harness);
    for (locale, language) in [
        ("zh_CN.UTF-8", Some(Language::Chinese)),
        ("zh", Some(Language::Chinese)),
        ("ZH-Hans", Some(Language::Chinese)),
        ("en_GB", Some(Language::English)),
        ("C.UTF-8", None),
        ("de_DE@euro", None),
        ("", None),
    ] {
        assert_eq!(Language::of_locale(locale), language, "{locale}");
    }
}

/// A choice of the setup is found by its name, and has the keyboard.
#[test]
fn the_palette_finds_what_the_setup_has() {
    for (typed, name) in [
        ("mask", "Causal mask"),
        ("chip", "Chip: a100-80gb"),
        ("precis", "Precision: f32"),
        ("first tok", "First tokens"),
    ] {
        let mut harness = open_with(&place("real"));
        press(&mut harness, Modifiers::COMMAND, Key::P);
        type_text(&mut harness, typed);
        press(&mut harness, NONE, Key::Enter);
        let focused = harness.root().accesskit_node();
        let focused = find_focus(&focused).unwrap_or_else(|| panic!("{typed}: nothing has the keyboard"));
        assert!(focused.contains(name), "{typed}: {focused}");
    }
    // A number is typed in place of the one that is there.
    let mut harness = open_with(&place("real"));
    press(&mut harness, Modifiers::COMMAND, Key::P);
    type_text(&mut harness, "rows br");
    press(&mut harness, NONE, Key::Enter);
    press(&mut harness, Modifiers::COMMAND, Key::A);
    type_text(&mut harness, "2");
    press(&mut harness, NONE, Key::Enter);
    assert_eq!(harness.state().document().scene().unwrap().plan().br, 2);
    press(&mut harness, Modifiers::COMMAND, Key::P);
    type_text(&mut harness, "zzzq");
    harness.run_steps(2);
    assert!(value(&harness, "found").contains("zzzq"));
}

/// The name of what has the keyboard, or of what labels it.
fn find_focus(node: &egui_kittest::kittest::AccessKitNode<'_>) -> Option<String> {
    if node.is_focused() {
        let label = node.label().unwrap_or_default();
        let by: Vec<_> = node.labelled_by().filter_map(|label| label.value().or(label.label())).collect();
        return Some(format!("{label} {}", by.join(" ")));
    }
    node.children().find_map(|child| find_focus(&child))
}

/// Whatever lies on top, and whatever has the focus: one press closes it, and nothing else.
#[test]
fn escape_closes_what_lies_on_top() {
    type Open = (&'static str, &'static str);
    let menus: [Open; 3] =
        [("Input: ", "Files and random tensors ..."), ("Algorithm: ", "flash2-lazy"), ("More", "Export")];
    for (menu, entry) in menus {
        let mut harness = open(None);
        match menu.ends_with(' ') {
            true => harness.get_by_label_contains(menu).click(),
            false => harness.get_by_label(menu).click(),
        }
        harness.run_steps(3);
        harness.get_by_label(entry);
        press(&mut harness, NONE, Key::Escape);
        assert!(harness.query_by_label(entry).is_none(), "{menu} stays open");
    }
    for (name, part) in [("Breakpoints", "Breakpoints"), ("Block sizes", "Block sizes")] {
        let mut harness = open(None);
        let before = harness.query_all_by_label(part).count();
        command(&mut harness, name);
        assert!(harness.query_all_by_label(part).count() > before, "{name} is not there");
        press(&mut harness, NONE, Key::Escape);
        assert_eq!(harness.query_all_by_label(part).count(), before, "{name} stays open");
    }
    // What lies on top goes first.
    let mut harness = open(None);
    command(&mut harness, "Block sizes");
    let before = harness.query_all_by_label("Block sizes").count();
    harness.get_by_label_contains("Algorithm: ").click();
    harness.run_steps(3);
    press(&mut harness, NONE, Key::Escape);
    assert!(harness.query_by_label("flash2-lazy").is_none());
    assert_eq!(harness.query_all_by_label("Block sizes").count(), before);
}

#[test]
fn three_presses_undo_three_changes() {
    let mut harness = open(Some(preset::toy()));
    let br = |harness: &egui_kittest::Harness<'_, tilescope::app::App>| {
        harness.state().document().scene().unwrap().plan().br
    };
    let first = br(&harness);
    for _ in 0..3 {
        click(&mut harness, "Less Block rows br");
    }
    assert_eq!(br(&harness), first - 3);
    // Without waiting for what the one before brings back.
    for _ in 0..3 {
        harness.key_press_modifiers(Modifiers::COMMAND, Key::Z);
        harness.step();
    }
    settle(&mut harness);
    assert_eq!(br(&harness), first);
    press(&mut harness, Modifiers::COMMAND, Key::Y);
    assert_eq!(br(&harness), first - 1);
}

/// A file says nothing of a precision: that of the scene before it is nobody's choice.
#[test]
fn the_precision_of_a_scene_stays_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("capture.safetensors");
    std::fs::copy("assets/captures/minilm-batch-layer00.safetensors", &path).unwrap();
    let mut harness = open_with(&place("count"));
    let precision = |harness: &egui_kittest::Harness<'_, tilescope::app::App>| {
        harness.state().document().scene().unwrap().settings.run.precision()
    };
    assert_eq!(precision(&harness), Precision::F16);
    drop_files(&mut harness, &[path]);
    assert_eq!(precision(&harness), Precision::F32);
}

/// An input opens half done, and never as if all was over.
#[test]
fn an_input_opens_with_something_to_come() {
    for (spec, causal) in [("random:64,64,8", false), ("random:1,37,8", false), ("random:130,33,8,4,2", true)] {
        let mut input = random::read(spec, 3).unwrap();
        input.problem.mask.causal = causal;
        let harness = open(Some(input));
        let len = harness.state().document().scene().unwrap().schedule().len();
        assert!((1..len).contains(&cursor(&harness)), "{spec}: {} of {len}", cursor(&harness));
    }
    let harness = open(Some(random::read("random:512,512,16", 3).unwrap()));
    let len = harness.state().document().scene().unwrap().schedule().len();
    assert!((len / 2..=3 * len / 4).contains(&cursor(&harness)), "{} of {len}", cursor(&harness));
}

/// What was saved is a line without the colour of trouble; nothing moves, and it goes by itself.
#[test]
fn success_is_calm() {
    let mut harness = open(None);
    let at = harness.get_by_label("current step").rect();
    let map = harness.get_by_label("To the start").rect();
    command(&mut harness, "Copy the tile as CSV");
    assert_eq!(value(&harness, "what was done"), "The numbers of the tile are on the clipboard.");
    assert!(harness.query_by_label("message").is_none());
    assert_eq!(harness.get_by_label("current step").rect(), at);
    assert_eq!(harness.get_by_label("To the start").rect(), map);
    // A frame of the harness is a quarter of a second.
    harness.run_steps(40);
    assert!(harness.query_by_label("what was done").is_none(), "it stays");
}

/// F5 presents what is on screen; leaving gives back the stage as it was, whatever was shown meanwhile.
#[test]
fn a_talk_without_a_lesson_shows_the_stage_and_gives_it_back() {
    let mut harness = open(Some(preset::toy()));
    press(&mut harness, NONE, Key::Num3);
    seek(&mut harness, 11);
    let step = value(&harness, "current step");
    press(&mut harness, NONE, Key::F5);
    assert!(harness.state().lesson().is_none(), "no lesson was asked for");
    assert_eq!(harness.state().document().source().name, preset::toy().name);
    assert_eq!(value(&harness, "projected line"), step);
    press(&mut harness, NONE, Key::ArrowRight);
    assert_ne!(value(&harness, "projected line"), step);
    press(&mut harness, NONE, Key::Num1);
    press(&mut harness, NONE, Key::Escape);
    assert_eq!((cursor(&harness), value(&harness, "current step")), (11, step.clone()));
    harness.get_by_label("frame of the needle");
    // Another input in between.
    press(&mut harness, NONE, Key::F5);
    drop_files(&mut harness, &["assets/captures/minilm-batch-layer00.safetensors".into()]);
    assert_ne!(harness.state().document().source().name, preset::toy().name);
    press(&mut harness, NONE, Key::Escape);
    assert_eq!(harness.state().document().source().name, preset::toy().name);
    assert_eq!((cursor(&harness), value(&harness, "current step")), (11, step));
    let total = harness.state().document().scene().unwrap().closed_form.hbm_elements();
    let closed = algorithm::by_name("flash2").unwrap();
    let plan = harness.state().document().scene().unwrap().plan().clone();
    assert_eq!(grouped(total), grouped(closed.closed_form(&plan).hbm_elements()));
}

/// Alt with a letter is a command while one types, too, and types nothing.
#[cfg(not(target_os = "macos"))]
#[test]
fn alt_commands_hold_while_typing() {
    let mut harness = open_as(Some(preset::toy()), &options(), Vec2::new(1280.0, 800.0), 1.0);
    press(&mut harness, Modifiers::COMMAND, Key::O);
    press(&mut harness, NONE, Key::Escape);
    press(&mut harness, Modifiers::ALT, Key::E);
    let source = harness.get_by_label("source of the kernel");
    source.focus();
    harness.run_steps(2);
    let before = value(&harness, "source of the kernel");
    // As a system sends it that makes letters of Alt, too.
    harness.event_modifiers(Event::Text("t".into()), Modifiers::ALT);
    harness.key_press_modifiers(Modifiers::ALT, Key::T);
    settle(&mut harness);
    assert_eq!(harness.state().last_command(), "Switch theme");
    assert_eq!(value(&harness, "source of the kernel"), before);
    press(&mut harness, Modifiers::ALT, Key::E);
    assert!(harness.query_by_label("source of the kernel").is_none(), "the editor stays open");
}

/// A talk has the size of its screen, asks and answers beside the picture, and ends with a slide that leads on.
#[test]
fn a_talk_is_read_from_the_last_row() {
    for (width, height) in [(1280.0, 720.0), (1920.0, 1080.0), (3840.0, 2160.0)] {
        let lesson = Some((3, Position::default()));
        let options = AppOptions { lesson, is_presenting: true, ..options() };
        let mut harness = open_as(None, &options, Vec2::new(width, height), 1.0);
        let line = harness.get_by_label("projected line").rect();
        let points = harness.ctx.content_rect().size();
        assert!((points.y - 400.0).abs() < 2.0, "{points}: a screen has the same points of height, whatever its size");
        assert!(line.height() > points.y / 20.0, "{line:?}");
        // The picture keeps its height while something is asked: the question stands beside it.
        let asked = harness.get_by_label("Check my answer").rect();
        assert!(asked.left() > 0.6 * points.x, "{asked:?} of {points}");
        press(&mut harness, Modifiers::COMMAND, Key::Plus);
        assert!(harness.ctx.content_rect().height() < points.y - 20.0, "and the person's own zoom holds on top");
        press(&mut harness, Modifiers::COMMAND, Key::Num0);
        assert!((harness.ctx.content_rect().height() - points.y).abs() < 2.0);
    }
}

/// The answer with all its reasons is on the screen, in type that nobody has to scroll.
#[test]
fn the_reasons_of_an_answer_fit_the_screen() {
    for (lesson, beat, last, language) in [
        (14, 1, "neither wins", Language::English),
        (5, 2, "It is read once", Language::English),
        (16, 3, "Look at the registers", Language::English),
        (16, 1, "那样每个 SM", Language::Chinese),
    ] {
        for (width, height) in [(1280.0, 720.0), (1920.0, 1080.0)] {
            let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: true }));
            let options = AppOptions { lesson, is_presenting: true, language: Some(language), ..options() };
            let mut harness = open_as(None, &options, Vec2::new(width, height), 1.0);
            rest(&mut harness);
            let place = harness.get_by_label_contains(last).rect();
            let screen = harness.ctx.content_rect();
            assert!(place.bottom() <= screen.bottom(), "{last}: {place:?} of {screen:?}");
        }
    }
}

#[test]
fn after_the_last_beat_comes_an_end() {
    let beats = LESSONS[3].lesson(Language::English).unwrap().beats.len();
    let lesson = Some((3, Position { beat: beats - 1, is_revealed: true }));
    let mut harness = open_with(&AppOptions { lesson, is_presenting: true, ..options() });
    let last = value(&harness, "projected line");
    press(&mut harness, NONE, Key::PageDown);
    assert!(value(&harness, "projected line").starts_with("The end of: 4. "));
    press(&mut harness, NONE, Key::PageUp);
    assert_eq!(value(&harness, "projected line"), last);
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    assert_eq!(harness.state().lesson().and_then(OpenLesson::index), Some(4));
    // The slide is of its lesson: whatever is shown next is shown.
    command(&mut harness, "Lesson 4: The online softmax");
    while !value(&harness, "projected line").starts_with("The end of") {
        press(&mut harness, NONE, Key::PageDown);
    }
    press(&mut harness, NONE, Key::Backspace);
    assert_eq!(value(&harness, "projected line"), last);
    press(&mut harness, NONE, Key::PageDown);
    command(&mut harness, "Lesson 1: Bytes cost time");
    assert!(!value(&harness, "projected line").starts_with("The end of"));
}

/// What numbers are of stands in one place, and what all heads move beside the counts of one.
#[test]
fn counts_say_their_scope() {
    let harness = open_with(&place("real"));
    let scope = value(&harness, "scope");
    assert!(scope.starts_with("head 8 of 9; one program of 4; flash2 4x4, f32"), "{scope}");
    let bytes = harness.state().document().scene().unwrap().closed_form.hbm_bytes();
    let all = value(&harness, "all heads");
    assert!(all.contains("all 9 heads") && all.contains(&kib(9 * bytes)), "{all}");
    // Entries of a batch differ in their lengths: each is counted.
    let input = bundled::CAPTURES.iter().map(Capture::input).find(|input| input.problem.shape.batch > 1);
    let input = input.expect("a batch is bundled");
    let shape = input.problem.shape;
    let harness = open(Some(input));
    let scene = harness.state().document().scene().unwrap().clone();
    let algorithm = &scene.schedule().algorithm;
    let of = |batch| algorithm.closed_form_of(&scene.settings.run.setting(algorithm, &scene.input, batch)).hbm_bytes();
    let total: u64 = (0..shape.batch).map(of).sum::<u64>() * shape.heads as u64;
    assert_eq!(scene.bytes_of_all(), total);
    assert_ne!(total, scene.closed_form.hbm_bytes() * (shape.heads * shape.batch) as u64);
}

fn kib(bytes: u64) -> String {
    format!("{:.1} KiB", bytes as f64 / 1024.0)
}

/// A path is typed without a click before it, as it was pasted; only what was opened was opened before.
#[test]
fn a_path_is_typed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("with a space.safetensors");
    std::fs::copy("assets/captures/minilm-batch-layer00.safetensors", &path).unwrap();
    let address = format!("file://{}", path.display().to_string().replace(' ', "%20"));
    for text in [format!("'{}'", path.display()), address] {
        let kept = tempfile::tempdir().unwrap();
        let options = AppOptions { folder: Some(kept.path().to_owned()), place: Link::of_scene("toy"), ..options() };
        let mut harness = open_with(&options);
        press(&mut harness, Modifiers::COMMAND, Key::O);
        type_text(&mut harness, "gone.npz");
        press(&mut harness, NONE, Key::Enter);
        assert!(value(&harness, "message").contains("gone.npz"));
        press(&mut harness, NONE, Key::Escape);
        press(&mut harness, Modifiers::COMMAND, Key::O);
        assert!(harness.query_by_label("gone.npz").is_none(), "it was not opened");
        harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        type_text(&mut harness, &text);
        press(&mut harness, NONE, Key::Enter);
        assert_eq!(harness.state().document().source().name, "with a space.safetensors", "{text}");
        press(&mut harness, Modifiers::COMMAND, Key::O);
        harness.get_by_label(&path.display().to_string());
    }
}

/// With a lesson open and another input on the stage, what is presented is the stage.
#[test]
fn a_talk_shows_what_is_on_screen_and_not_the_lesson_that_was_left() {
    let lesson = Some((3, Position::default()));
    let mut harness = open_with(&AppOptions { lesson, ..options() });
    press(&mut harness, Modifiers::SHIFT, Key::F5);
    let of_beat = value(&harness, "projected line");
    press(&mut harness, NONE, Key::Escape);
    command(&mut harness, "Open toy: 16 random tokens, d = 4");
    let step = value(&harness, "current step");
    press(&mut harness, NONE, Key::F5);
    assert_eq!(value(&harness, "projected line"), step);
    press(&mut harness, NONE, Key::Backspace);
    assert_eq!(value(&harness, "projected line"), of_beat);
}
