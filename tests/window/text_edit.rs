//! The algorithm's text edited in the window: it runs as it is typed, says what is wrong in place, is kept, put back, saved.
//! What is read off the screen is held against the oracle.

use std::fs;
use std::path::{Path, PathBuf};

use crate::stage_support::{all_text, click, command, open_as, options, press, settle, value};
use eframe::egui::{Event, Key, Modifiers, Pos2, Rect, Shape, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use tempfile::TempDir;
use tilescope::app::{App, AppOptions, Link};
use tilescope::schedule::language::TEXTS;

const TEXT: &str = "text of the algorithm";

/// A window whose texts are kept in a folder of the test, with the editor open.
fn open(folder: &Path) -> Harness<'static, App> {
    let options =
        AppOptions { folder: Some(folder.to_owned()), tour: false, place: Link::of_scene("toy"), ..options() };
    let mut harness = open_as(None, &options, Vec2::new(1600.0, 1000.0), 1.0);
    settle(&mut harness);
    command(&mut harness, "Edit the text of the algorithm");
    settle(&mut harness);
    harness
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

/// Types a whole text over the one that is there.
fn replace(harness: &mut Harness<'_, App>, text: &str) {
    harness.get_by_label(TEXT).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
    harness.run_steps(2);
    harness.event(Event::Paste(text.to_owned()));
    harness.run_steps(3);
    settle(harness);
}

fn by_name(name: &str) -> Option<&'static str> {
    TEXTS.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text)
}

fn flash2() -> &'static str {
    by_name("flash2").expect("a text of the program")
}

fn running(harness: &Harness<'_, App>) -> String {
    harness.state().document().wanted().algorithm.text().text.clone()
}

fn texts(folder: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(folder.join("texts")).into_iter().flatten().flatten();
    all.map(|entry| entry.path()).collect()
}

fn says(harness: &Harness<'_, App>, part: &str) -> bool {
    all_text(harness).iter().any(|line| line.contains(part))
}

/// The cursor on the line that holds `part`, as a person puts it there by keys.
fn stand_on(harness: &mut Harness<'_, App>, part: &str) {
    let text = value(harness, TEXT);
    let at = text.lines().position(|line| line.contains(part)).expect("the line is there");
    harness.get_by_label(TEXT).focus();
    harness.run_steps(2);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::ArrowUp);
    harness.run_steps(2);
    (0..at).for_each(|_| {
        harness.key_press(Key::ArrowDown);
        harness.run_steps(1);
    });
    harness.run_steps(2);
}

#[test]
fn a_text_runs_as_it_is_typed_and_its_first_wrong_number_is_told() {
    let folder = folder();
    let mut harness = open(folder.path());
    assert_eq!(value(&harness, TEXT), flash2());
    assert!(harness.get_by_label(TEXT).accesskit_node().is_focused(), "the keyboard is where one types");
    assert!(value(&harness, "state of the text").contains("as it comes with the program"));
    assert!(harness.get_by_label("Put back").accesskit_node().is_disabled());
    assert_eq!(texts(folder.path()), Vec::<PathBuf>::new(), "nothing is written where nothing is typed");

    let wrong = flash2().replace("O = alpha * O", "O = O");
    replace(&mut harness, &wrong);
    assert_eq!(running(&harness), wrong);
    assert!(value(&harness, "state of the text").contains("changed here in 1 line:"));
    assert!(says(&harness, "First wrong number: O of query"), "{:?}", all_text(&harness));
    let kept = texts(folder.path());
    assert_eq!(kept.len(), 1);
    assert_eq!(fs::read_to_string(&kept[0]).expect("it is there"), wrong);

    click(&mut harness, "Put back");
    settle(&mut harness);
    assert_eq!(running(&harness), flash2());
    assert!(!says(&harness, "First wrong number"));
    assert_eq!(texts(folder.path()), Vec::<PathBuf>::new(), "its own file goes with it");
}

/// What cannot be read is told where it stands; what ran runs on, and nothing that was typed is lost.
#[test]
fn what_is_wrong_is_told_in_place_and_the_last_text_runs_on() {
    let folder = folder();
    let mut harness = open(folder.path());
    let wrong = flash2().replace("rowmax(S)", "rowmax(T)");
    replace(&mut harness, &wrong);
    assert_eq!(running(&harness), flash2());
    assert!(value(&harness, "state of the text").contains("what could be read last still runs"));
    let line = wrong.lines().position(|line| line.contains("rowmax(T)")).expect("it is there") + 1;
    let column = wrong.lines().nth(line - 1).and_then(|text| text.find("T)")).expect("it is there") + 1;
    let place = format!("line {line}, column {column}");
    let told = harness.get_all_by_label(&place).find_map(|node| node.value());
    assert_eq!(told.as_deref(), Some("T has no value here: no line above gives it one"));
    let kept = texts(folder.path());
    assert_eq!(fs::read_to_string(&kept[0]).expect("it is there"), wrong);
    replace(&mut harness, &wrong.replace("rowmax(T)", "rowmax(S) "));
    assert!(running(&harness).contains("rowmax(S) "));
    assert_eq!(texts(folder.path()), kept, "one file, however often it is typed into");
}

#[test]
fn lines_are_changed_without_typing() {
    let folder = folder();
    let mut harness = open(folder.path());
    stand_on(&mut harness, "rescale:");
    click(&mut harness, "forget-alpha");
    settle(&mut harness);
    assert!(!running(&harness).contains("rescale:"), "{}", running(&harness));
    assert!(says(&harness, "First wrong number"));
    command(&mut harness, "Put the text of the algorithm back");
    settle(&mut harness);
    assert_eq!(running(&harness), flash2());

    // A loop in order, and at once again.
    stand_on(&mut harness, "parallel for i");
    assert!(says(&harness, "stand between the two loops"));
    click(&mut harness, "One turn after the other");
    settle(&mut harness);
    assert_eq!(running(&harness), flash2().replace("parallel for i", "for i"));
    assert!(!says(&harness, "First wrong number"));
    stand_on(&mut harness, "for i in query blocks");
    click(&mut harness, "All turns at once");
    settle(&mut harness);
    assert_eq!(running(&harness), flash2());
    stand_on(&mut harness, "parallel for i");
    click(&mut harness, "The other order: flash1");
    settle(&mut harness);
    assert_eq!(running(&harness), by_name("flash1").expect("a text"));
}

/// Undoing goes back through what ran, and the editor shows it.
#[test]
fn undoing_brings_the_text_before() {
    let folder = folder();
    let mut harness = open(folder.path());
    let [one, two] = ["O = alpha * O * 1", "O = alpha * O * 2"].map(|line| flash2().replace("O = alpha * O", line));
    replace(&mut harness, &one);
    replace(&mut harness, &two);
    assert_eq!(running(&harness), two);
    command(&mut harness, "Undo");
    settle(&mut harness);
    assert_eq!(running(&harness), one);
    assert_eq!(value(&harness, TEXT), one);
    command(&mut harness, "Redo");
    settle(&mut harness);
    assert_eq!(value(&harness, TEXT), two);
}

/// A file of one's own is written only when that is asked for.
#[test]
fn a_file_of_ones_own_is_saved_when_asked() {
    let folder = folder();
    let path = folder.path().join("mine.tile");
    fs::write(&path, flash2()).expect("it can be written");
    let place = Link {
        run: tilescope::schedule::RunSpec {
            algorithm: Some(path.to_str().expect("UTF-8").to_owned()),
            ..Link::of_scene("toy").run
        },
        ..Link::of_scene("toy")
    };
    let options = AppOptions { folder: Some(folder.path().join("kept")), place, ..options() };
    let mut harness = open_as(None, &options, Vec2::new(1600.0, 1000.0), 1.0);
    settle(&mut harness);
    press(&mut harness, Modifiers::ALT, Key::A);
    settle(&mut harness);
    assert!(value(&harness, "state of the text").contains("as it stands in its file"));
    let changed = flash2().replace("O = alpha * O", "O = O * alpha");
    replace(&mut harness, &changed);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), flash2(), "not asked yet");
    assert_eq!(running(&harness), changed);
    click(&mut harness, "Save");
    settle(&mut harness);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), changed);
    assert_eq!(harness.state().document().wanted().algorithm.name(), path.to_str().expect("UTF-8"));
    assert_eq!(texts(&folder.path().join("kept")), Vec::<PathBuf>::new());
    // Saved by another editor, it is shown as it stands now.
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, flash2()).expect("it can be written");
    for _ in 0..40 {
        harness.run_steps(4);
    }
    settle(&mut harness);
    assert_eq!(value(&harness, TEXT), flash2());
}

/// A later start goes on with the text, marked against the one that it began as.
#[test]
fn another_start_goes_on_with_it() {
    let folder = folder();
    let changed = flash2().replace("O = alpha * O", "O = O * alpha");
    {
        let mut harness = open(folder.path());
        replace(&mut harness, &changed);
        press(&mut harness, Modifiers::NONE, Key::Escape);
        assert!(harness.query_by_label(TEXT).is_none(), "Escape closes it");
        assert_eq!(running(&harness), changed);
    }
    let kept = texts(folder.path()).remove(0);
    let run = tilescope::schedule::RunSpec {
        algorithm: Some(kept.to_str().expect("UTF-8").to_owned()),
        ..Link::of_scene("toy").run
    };
    let options = AppOptions {
        folder: Some(folder.path().to_owned()),
        place: Link { run, ..Link::of_scene("toy") },
        ..options()
    };
    let mut harness = open_as(None, &options, Vec2::new(1600.0, 1000.0), 1.0);
    settle(&mut harness);
    press(&mut harness, Modifiers::ALT, Key::A);
    settle(&mut harness);
    assert_eq!(value(&harness, TEXT), changed);
    assert!(value(&harness, "state of the text").contains("flash2, changed here in 1 line:"));
    click(&mut harness, "Put back");
    settle(&mut harness);
    assert_eq!(running(&harness), flash2());
}

/// flash1 with a kernel of its own for its starting values, so that its loop over keys stands around a whole kernel.
fn in_two_kernels() -> String {
    let buffers = "shared Q, K, V, bias, keep ; registers O, S P, m, l, m_tile, l_tile\n";
    let flash1 =
        by_name("flash1").expect("a text").replacen(&format!("kernel attention\n{buffers}"), "kernel clear\n", 1);
    flash1.replacen("for j in key", &format!("\nkernel attention\n{buffers}for j in key"), 1)
}

/// A race is told when the text is read, and drawn on the map of the text that still runs: both programs, and their block.
#[test]
fn a_race_is_drawn_on_the_map() {
    let folder = folder();
    let mut harness = open(folder.path());
    command(&mut harness, "Far: the schedule");
    settle(&mut harness);
    let flash1 = in_two_kernels();
    replace(&mut harness, &flash1);
    assert_eq!(running(&harness), flash1);
    assert!(harness.query_by_label("race").is_none());
    stand_on(&mut harness, "for j in key blocks");
    click(&mut harness, "All turns at once");
    settle(&mut harness);
    assert_eq!(running(&harness), flash1, "what can be read last runs on");
    assert!(says(&harness, "a race: the programs of j = 0 and of j = 1 meet in"), "{:?}", all_text(&harness));
    let told = value(&harness, "race");
    assert!(told.starts_with("the programs of j = 0 and of j = 1 meet in "), "{told}");
    let block = harness.get_by_label("race").rect();
    let plane = harness.get_by_label("schedule grid").rect();
    // The first block of a tensor of queries: beside the plane, at its first rows.
    assert!(
        block.height() > 0.0 && block.top() <= plane.top() + 3.0 && block.bottom() < plane.bottom(),
        "{block} {plane}"
    );
    assert!(block.right() < plane.left() + 2.0 || block.left() > plane.right() - 2.0, "{block} {plane}");
}

/// Rectangles that are painted with a stroke of this width.
fn outlined(shape: &Shape, width: f32, found: &mut Vec<Rect>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| outlined(shape, width, found)),
        Shape::Rect(one) if one.stroke.width == width => found.push(one.rect),
        _ => {}
    }
}

/// The places of a painted text.
fn places(shape: &Shape, text: &str, found: &mut Vec<Pos2>) {
    match shape {
        Shape::Vec(shapes) => shapes.iter().for_each(|shape| places(shape, text, found)),
        Shape::Text(one) if one.galley.text() == text => found.push(one.pos),
        _ => {}
    }
}

/// Both programs of a race are outlined where their keys stand, each with its name in its corner.
#[test]
fn both_programs_of_a_race_are_outlined() {
    let folder = folder();
    let mut harness = open(folder.path());
    command(&mut harness, "Far: the schedule");
    replace(&mut harness, &in_two_kernels());
    replace(&mut harness, &in_two_kernels().replace("\nfor j in key", "\nparallel for j in key"));
    assert!(says(&harness, "a race: "), "{:?}", all_text(&harness));
    let plane = harness.get_by_label("schedule grid").rect();
    let (mut outlines, scene) = (Vec::new(), harness.state().document().scene().expect("it runs").clone());
    harness.output().shapes.iter().for_each(|shape| outlined(&shape.shape, 2.5, &mut outlines));
    let (n_k, bc) = (16.0, scene.plan().bc as f32);
    for turn in 0..2 {
        let left = plane.left() + plane.width() * turn as f32 * bc / n_k;
        let program = Rect::from_min_max(
            Pos2::new(left, plane.top()),
            Pos2::new(left + plane.width() * bc / n_k, plane.bottom()),
        );
        let is_there = outlines
            .iter()
            .any(|rect| (rect.min - program.min).length() < 0.5 && (rect.max - program.max).length() < 0.5);
        assert!(is_there, "program {turn} at {program:?}: {outlines:?}");
        let mut named = Vec::new();
        let name = format!("program j = {turn}");
        harness.output().shapes.iter().for_each(|shape| places(&shape.shape, &name, &mut named));
        assert!(matches!(named[..], [at] if program.contains(at)), "{name} at {named:?} in {program:?}");
    }
    assert_eq!(outlines.len(), 3, "two programs and the block in which they meet: {outlines:?}");
}

/// Two loops with nothing between them change places by a button and back; what is stored is the same.
#[test]
fn a_loop_is_swapped_with_the_one_inside() {
    const NEST: &str = "language 1\ntitle    Scores\nin       Q K\nout      S:acc\n\nkernel scores\nshared Q, K ; registers S\n\
                        for i in query blocks\n  for j in key blocks seen by i\n    load Q[i]\n    load K[j]\n    \
                        scores: S = scale * (Q @ K^T)\n    store S[i,j]\n";
    let folder = folder();
    let mut harness = open(folder.path());
    replace(&mut harness, NEST);
    assert_eq!(running(&harness), NEST);
    command(&mut harness, "Counts");
    let stored = |harness: &mut Harness<'_, App>| {
        press(harness, Modifiers::NONE, Key::Escape);
        press(harness, Modifiers::NONE, Key::End);
        let stored = value(harness, "S write");
        command(harness, "Edit the text of the algorithm");
        stored
    };
    assert_eq!(stored(&mut harness), "256 of 256", "16 x 16 scores");
    stand_on(&mut harness, "for i in query blocks");
    click(&mut harness, "Swap with the loop inside");
    settle(&mut harness);
    let swapped = running(&harness);
    let at = |part: &str| swapped.lines().position(|line| line.trim_start() == part);
    let (outer, inner) = (at("for j in key blocks that some query sees"), at("for i in query blocks that see j"));
    assert!(outer.is_some_and(|outer| inner == Some(outer + 1)), "{swapped}");
    assert_eq!(stored(&mut harness), "256 of 256");
    stand_on(&mut harness, "for j in key blocks");
    click(&mut harness, "Swap with the loop inside");
    settle(&mut harness);
    assert_eq!(running(&harness), NEST);
}

/// What somebody else has written to the file since is not written over: the text goes beside it.
#[test]
fn a_file_that_was_changed_elsewhere_is_not_written_over() {
    let folder = folder();
    let path = folder.path().join("mine.tile");
    fs::write(&path, flash2()).expect("it can be written");
    let algorithm = Some(path.to_str().expect("UTF-8").to_owned());
    let run = tilescope::schedule::RunSpec { algorithm, ..Link::of_scene("toy").run };
    let place = Link { run, ..Link::of_scene("toy") };
    let options = AppOptions { folder: Some(folder.path().join("kept")), place, ..options() };
    let mut harness = open_as(None, &options, Vec2::new(1600.0, 1000.0), 1.0);
    press(&mut harness, Modifiers::ALT, Key::A);
    settle(&mut harness);
    let changed = flash2().replace("O = alpha * O", "O = O * alpha");
    replace(&mut harness, &changed);
    let theirs = flash2().replace("title    ", "title    Theirs: ");
    fs::write(&path, &theirs).expect("it can be written");
    click(&mut harness, "Save");
    settle(&mut harness);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), theirs);
    let saved = PathBuf::from(harness.state().document().wanted().algorithm.name());
    assert_eq!(fs::read_to_string(&saved).expect("it is there"), changed);
    fs::remove_file(saved).expect("it was written by this test");
}

/// Putting back can be undone, after another start too.
#[test]
fn what_was_put_back_is_kept_again_when_that_is_undone() {
    let folder = folder();
    let mut harness = open(folder.path());
    let changed = flash2().replace("O = alpha * O", "O = O * alpha");
    replace(&mut harness, &changed);
    click(&mut harness, "Put back");
    settle(&mut harness);
    assert_eq!(texts(folder.path()), Vec::<PathBuf>::new());
    command(&mut harness, "Undo");
    settle(&mut harness);
    assert_eq!((running(&harness), value(&harness, TEXT)), (changed.clone(), changed.clone()));
    assert_eq!(fs::read_to_string(&texts(folder.path())[0]).expect("it is kept"), changed);
}
