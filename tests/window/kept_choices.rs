//! What a person chose of the window is there at the next start, what the start says comes first, and a file that says
//! nonsense of it costs nothing else.

use std::fs;
use std::path::Path;

use crate::stage_support::{click, command, drop_files, open_with, options, press, value};
use eframe::egui::{Context, Key, Modifiers, Style};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link, Theme};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

/// A window that keeps what is chosen in a folder.
fn kept(folder: &Path) -> AppOptions {
    AppOptions { folder: Some(folder.to_owned()), place: Link::of_scene("toy"), ..options() }
}

/// The file is written calmly: a few seconds later.
fn close(mut harness: Harness<'_, App>) {
    harness.run_steps(200);
}

fn zoom(harness: &Harness<'_, App>) -> f32 {
    harness.ctx.zoom_factor()
}

/// The colours and the seconds of motion of a start; a harness puts its own in their place.
fn at_start(options: &AppOptions) -> (Theme, f32) {
    let ctx = Context::default();
    drop(App::new(&ctx, None, options));
    (Theme::of(&ctx), ctx.style_of(ctx.theme()).animation_time)
}

fn motion(harness: &Harness<'_, App>) -> f32 {
    harness.ctx.style_of(harness.ctx.theme()).animation_time
}

#[test]
fn what_was_chosen_of_the_window_is_there_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || open_with(&kept(folder.path()));
    for (theme, language, greeting, larger) in [
        (Theme::Projector, "Chinese (中文)", "更多", 2),
        (Theme::Dark, "English", "More", -3),
        (Theme::Light, "Chinese (中文)", "更多", 0),
    ] {
        let mut harness = start();
        command(&mut harness, "English");
        let colours = match theme {
            Theme::Light => "Light colours",
            Theme::Dark => "Dark colours",
            Theme::Projector => "Projector colours",
        };
        command(&mut harness, colours);
        command(&mut harness, "Normal size");
        let by = if larger > 0 { "Larger" } else { "Smaller" };
        (0..i32::abs(larger)).for_each(|_| command(&mut harness, by));
        command(&mut harness, language);
        close(harness);
        let harness = start();
        assert_eq!(at_start(&kept(folder.path())).0, theme);
        assert!((zoom(&harness) - 1.1_f32.powi(larger)).abs() < 1e-4, "{} for {larger}", zoom(&harness));
        harness.get_by_label(greeting);
    }
}

#[test]
fn motion_that_is_reduced_stays_so_until_it_is_wanted_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = || open_with(&kept(folder.path()));
    let moves = Style::default().animation_time;
    let mut harness = start();
    command(&mut harness, "Reduce motion");
    assert_eq!(motion(&harness), 0.0);
    close(harness);
    assert_eq!(at_start(&kept(folder.path())).1, 0.0);
    let mut harness = start();
    command(&mut harness, "Reduce motion");
    assert_eq!(motion(&harness), moves);
    close(harness);
    assert_eq!(at_start(&kept(folder.path())).1, moves);
    // Nobody reduces what is not asked for.
    assert!(
        !fs::read_to_string(folder.path().join("settings.json")).expect("a file").contains("\"reduce_motion\": true")
    );
}

/// The size has two ends, and the way back from them is as long as the way there.
#[test]
fn a_size_has_ends() {
    let mut harness = open_with(&options());
    for (name, end) in [("Larger", 4.0), ("Smaller", 0.5)] {
        let key = if name == "Larger" { Key::Plus } else { Key::Minus };
        for _ in 0..40 {
            harness.key_press_modifiers(Modifiers::COMMAND, key);
            harness.step();
        }
        assert!((zoom(&harness) - end).abs() < 1e-5, "{name}: {}", zoom(&harness));
        assert_eq!(harness.state().last_command(), name);
        press(&mut harness, Modifiers::COMMAND, Key::Num0);
        assert_eq!(zoom(&harness), 1.0);
    }
}

/// What the start says is for this start: what was kept holds for the next.
#[test]
fn what_a_start_says_comes_before_what_was_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = open_with(&kept(folder.path()));
    command(&mut harness, "Dark colours");
    command(&mut harness, "Chinese (中文)");
    close(harness);
    let asked = AppOptions { theme: Some(Theme::Projector), language: Some(Language::English), ..kept(folder.path()) };
    assert_eq!(at_start(&asked).0, Theme::Projector);
    let harness = open_with(&asked);
    harness.get_by_label("More");
    close(harness);
    let system = AppOptions { system_language: Some(Language::English), ..kept(folder.path()) };
    assert_eq!(at_start(&system).0, Theme::Dark);
    let harness = open_with(&system);
    harness.get_by_label("更多");
}

/// A lesson is open at the beat where it was left, unless the start asks for something.
#[test]
fn a_lesson_is_open_where_it_was_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let without_wish = AppOptions { place: Link::default(), ..kept(folder.path()) };
    let mut harness = open_with(&kept(folder.path()));
    let entry = &LESSONS[3];
    command(&mut harness, &format!("Lesson {}: {}", entry.number, entry.title(Language::English)));
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    let left = harness.state().lesson().expect("a lesson").position;
    assert_ne!(left, Position::default());
    close(harness);
    let harness = open_with(&kept(folder.path()));
    assert!(harness.state().lesson().is_none(), "the start asks for a scene");
    drop(harness);
    let mut harness = open_with(&without_wish);
    let lesson = harness.state().lesson().expect("a lesson");
    assert_eq!((lesson.index(), lesson.position), (Some(3), left));
    command(&mut harness, "Close the lesson");
    close(harness);
    assert!(open_with(&without_wish).state().lesson().is_none());
}

/// The session is the place on screen: every choice of the run, the step, the row, and how close one stands.
#[test]
fn the_place_on_screen_is_opened_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut harness = open_with(&kept(folder.path()));
    command(&mut harness, "Algorithm: flash1");
    click(&mut harness, "More Block keys bc");
    click(&mut harness, "Causal mask");
    press(&mut harness, NONE, Key::Home);
    (0..7).for_each(|_| press(&mut harness, NONE, Key::ArrowRight));
    press(&mut harness, NONE, Key::ArrowDown);
    press(&mut harness, NONE, Key::Num1);
    let (place, step) = (harness.state().place().expect("a place"), value(&harness, "current step"));
    close(harness);
    let again = open_with(&AppOptions { place: Link::default(), ..kept(folder.path()) });
    assert_eq!(again.state().place().as_ref(), Some(&place));
    assert_eq!(value(&again, "current step"), step);
    assert_eq!((place.at, place.view.as_deref(), place.run.causal), (Some(7), Some("far"), Some(true)));
}

/// The last files come first, each once; what could not be opened is not among them, at the next start neither.
#[test]
fn files_are_listed_the_last_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["layer00", "layer04"].map(|layer| format!("assets/captures/minilm-batch-{layer}.safetensors"));
    let mut harness = open_with(&kept(folder.path()));
    for path in [&names[0], &names[1], &names[0]] {
        drop_files(&mut harness, &[path.into()]);
    }
    drop_files(&mut harness, &["gone.npz".into()]);
    close(harness);
    let mut harness = open_with(&kept(folder.path()));
    press(&mut harness, Modifiers::COMMAND, Key::O);
    let tops = names.each_ref().map(|name| harness.get_by_label(name).rect().top());
    assert!(tops[0] < tops[1], "{tops:?}");
    assert!(harness.query_by_label_contains("gone.npz").is_none());
    // The palette finds them as well.
    press(&mut harness, NONE, Key::Escape);
    press(&mut harness, Modifiers::COMMAND, Key::P);
    crate::stage_support::type_text(&mut harness, "batch-layer04");
    press(&mut harness, NONE, Key::Enter);
    assert_eq!(harness.state().document().source().name, "minilm-batch-layer04.safetensors");
}

/// A word that is not understood costs that word alone, is told, and stands as it stood.
#[test]
fn nonsense_costs_what_it_stands_for() {
    for (wrong, name) in [
        (r#""theme": "sepia""#, "theme"),
        (r#""zoom": "large""#, "zoom"),
        (r#""recent": [7, "a.npz"]"#, "recent"),
        (r#""lessons": {"04-comma": 3}"#, "lessons.04-comma"),
        (r#""lesson": -1"#, "lesson"),
        (r#""reduce_motion": "a little""#, "reduce_motion"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("settings.json");
        let text = format!(r#"{{"version": 1, "has_started": true, "language": "en", {wrong}}}"#);
        fs::write(&path, &text).expect("it is written");
        let mut harness = open_with(&kept(folder.path()));
        let told = value(&harness, "message");
        assert!(told.ends_with(&format!(": {name}")) && !told.contains('\n'), "{wrong}: {told}");
        press(&mut harness, NONE, Key::Escape);
        assert!(harness.query_by_label("message").is_none());
        command(&mut harness, "Dark colours");
        close(harness);
        let kept: serde_json::Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("it is JSON");
        assert_eq!(kept["theme"], "dark");
        let before: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let field = name.split('.').next().expect("a name");
        assert!(kept[field] == before[field] || field == "theme", "{wrong}: {}", kept[field]);
    }
}
