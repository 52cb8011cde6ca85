//! What a beat asks of a person: controls that are in sight, cards that are seen on their way, a picture that says when it is
//! another's, and nothing beside the question that answers it.

use std::fs;

use crate::painted::all_painted;
use crate::stage_support::{
    all_text, choose, click, command, drop_files, open_as, open_with, options, press, rest, settle, type_text, value,
    word,
};
use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Rect, Vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use ndarray::ArrayD;
use tilescope::app::{App, AppOptions};
use tilescope::attention::Precision;
use tilescope::attention::npz_out::{NpyArray, write_npz};
use tilescope::playback::lesson::library::LESSONS;
use tilescope::playback::lesson::{Language, Position};

const NONE: Modifiers = Modifiers::NONE;

fn at(lesson: usize, beat: usize) -> AppOptions {
    let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: false }));
    AppOptions { lesson, ..options() }
}

/// Lessons and beats, counted from 1, that have a build.
fn builds(language: Language) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (lesson, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(language).expect("it parses").beats;
        let builds = beats.iter().enumerate().filter(|(_, beat)| beat.build.is_some());
        found.extend(builds.map(|(beat, _)| (lesson + 1, beat + 1)));
    }
    found
}

/// The places of all whose name begins so, from top to bottom.
fn named(harness: &Harness<'_, App>, start: &str) -> Vec<Rect> {
    let all = harness.query_all_by_label_contains(start);
    let begins = |label: Option<String>| label.is_some_and(|label| label.starts_with(start));
    all.filter(|node| begins(node.accesskit_node().label())).map(|node| node.rect()).collect()
}

/// The first card of every build, and what runs it, are in sight as the beat opens, above the way on; so is the first place.
#[test]
fn the_first_controls_of_every_build_are_in_sight() {
    for language in [Language::English, Language::Chinese] {
        let all = builds(language);
        assert!(all.len() > 8, "{} builds", all.len());
        for (lesson, beat) in all {
            let options = AppOptions { language: Some(language), ..at(lesson, beat) };
            let mut harness = open_with(&options);
            rest(&mut harness);
            let of = format!("{lesson}.{beat} {language:?}");
            let rect = |name: &str| harness.get_by_label(word(language, name)).rect();
            let (run, back, head) = (rect("Run it"), rect("Back"), rect("Close the lesson"));
            assert!(run.bottom() <= back.top() && run.top() > head.bottom(), "{of}: {run:?} above {back:?}");
            let card = named(&harness, &format!("{}: ", word(language, "card")));
            let first = card.first().unwrap_or_else(|| panic!("{of}: no card"));
            assert!(first.top() > head.bottom() && first.bottom() <= run.top() + 0.5, "{of}: {first:?} above {run:?}");
            let place = word(language, "place {0}").replace("{0}", "1");
            if let Some(first_place) = named(&harness, &place).first() {
                let is_seen = first_place.top() > head.bottom() && first_place.bottom() <= first.top() + 0.5;
                assert!(is_seen, "{of}: {first_place:?} above {first:?}");
            }
        }
    }
}

/// A card that is placed by a click stands in its place in the next frames, and out of it again; its cards stay in sight.
#[test]
fn cards_are_placed_and_taken_back_by_clicks() {
    let mut harness = open_with(&at(1, 5));
    rest(&mut harness);
    let filling = |harness: &Harness<'_, App>| harness.state().lesson().expect("a lesson").work.filling.clone();
    assert!(filling(&harness).iter().all(Option::is_none));
    let name = all_text(&harness)
        .iter()
        .find_map(|line| Some(line.split("\"card: ").nth(1)?.split('"').next()?.to_owned()))
        .expect("a card");
    click(&mut harness, &format!("card: {name}"));
    assert!(filling(&harness)[0].is_some());
    harness.get_by_label(&format!("place 1: {name}"));
    click(&mut harness, &format!("place 1: {name}"));
    assert!(filling(&harness)[0].is_none());
    harness.get_by_label("place 1: -");
}

fn pointer(harness: &mut Harness<'_, App>, pos: Pos2, pressed: Option<bool>) {
    harness.event(Event::PointerMoved(pos));
    if let Some(pressed) = pressed {
        harness.event(Event::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers: NONE });
    }
    harness.step();
}

/// While it is dragged a card is seen beside the pointer; let go over a place it is there, without a further move.
#[test]
fn a_dragged_card_is_seen_and_lands() {
    let mut harness = open_with(&at(1, 5));
    rest(&mut harness);
    // What is written about the pointer.
    let at_pointer = |harness: &Harness<'_, App>| -> Vec<String> {
        let at = harness.ctx.input(|input| input.pointer.latest_pos()).unwrap_or_default();
        let is_near = |line: &Rect| line.distance_to_pos(at) < 24.0;
        let near = all_painted(harness).into_iter().filter(|one| one.lines.iter().any(is_near));
        near.map(|one| one.text).collect()
    };
    let card = named(&harness, "card: ")[0].center();
    let text = all_painted(&harness)
        .into_iter()
        .find(|one| one.lines.iter().any(|line| line.expand(2.0).contains(card)))
        .map(|one| one.text)
        .expect("the card has its text");
    let place = named(&harness, "place 1: ")[0].center();
    let middle = harness.ctx.content_rect().center();
    pointer(&mut harness, card, Some(true));
    pointer(&mut harness, card + Vec2::new(20.0, -10.0), None);
    pointer(&mut harness, middle, None);
    harness.step();
    let seen = at_pointer(&harness);
    assert!(seen.contains(&text), "{text:?} in {seen:?}");
    pointer(&mut harness, place, None);
    pointer(&mut harness, place, Some(false));
    harness.run_steps(3);
    let work = &harness.state().lesson().expect("a lesson").work;
    assert!(work.filling[0].is_some(), "{:?}", work.filling);
    pointer(&mut harness, middle, None);
    let seen = at_pointer(&harness);
    assert!(!seen.contains(&text), "it is on its way no more: {seen:?}");
}

/// An input that is picked in a lesson says that it is not the lesson's, and leads back; what was done stays.
#[test]
fn an_input_beside_the_lesson_says_so_and_leads_back() {
    let mut harness = open_with(&at(4, 1));
    let source = |harness: &Harness<'_, App>| harness.state().document().source().name.clone();
    let (before, step) = (source(&harness), value(&harness, "current step"));
    assert!(harness.query_by_label("not of this lesson").is_none());
    harness.get_by_label("Your answer").focus();
    harness.run_steps(2);
    type_text(&mut harness, "5.9");
    click(&mut harness, "Check my answer");
    let tries = harness.state().lesson().expect("a lesson").work.tries;
    assert_eq!(tries, 1);
    choose(&mut harness, "Input: ", "toy: 16 random tokens, d = 4");
    assert_ne!(source(&harness), before);
    let told = value(&harness, "not of this lesson");
    assert!(told.contains(&source(&harness)) && told.contains("not of this lesson"), "{told}");
    let rect = harness.get_by_label("Back to the picture of the lesson").rect();
    assert!(harness.ctx.content_rect().contains_rect(rect));
    click(&mut harness, "Back to the picture of the lesson");
    assert_eq!((source(&harness), value(&harness, "current step")), (before, step));
    assert!(harness.query_by_label("not of this lesson").is_none());
    let lesson = harness.state().lesson().expect("a lesson");
    assert_eq!((lesson.work.tries, lesson.work.typed.as_str()), (1, "5.9"));
    // Another choice on the input of the lesson is a change of its picture, and no other input.
    click(&mut harness, "Forget alpha");
    assert!(harness.query_by_label("not of this lesson").is_none());
}

/// The same beside a figure, which would lie over what was asked for; and going on leads back as well.
#[test]
fn a_figure_gives_way_to_an_input_and_comes_back() {
    let mut harness = open_as(None, &at(3, 1), Vec2::new(1280.0, 800.0), 1.0);
    let figure = harness.query_by_label("figure").is_some();
    choose(&mut harness, "Input: ", "toy: 16 random tokens, d = 4");
    assert!(harness.query_by_label("figure").is_none());
    harness.get_by_label("not of this lesson");
    press(&mut harness, NONE, Key::PageDown);
    press(&mut harness, NONE, Key::PageDown);
    assert!(harness.query_by_label("not of this lesson").is_none(), "the next beat has its picture");
    press(&mut harness, NONE, Key::PageUp);
    press(&mut harness, NONE, Key::PageUp);
    assert_eq!(harness.query_by_label("figure").is_some(), figure);
}

/// What a question hides is told in no panel: neither the bytes of two runs, nor the lines whose order or formula is asked
/// for.
#[test]
fn panels_keep_what_is_asked_for_until_it_is_answered() {
    let shows = |harness: &Harness<'_, App>, text: &str| all_painted(harness).iter().any(|one| one.text.contains(text));
    let says = |harness: &Harness<'_, App>, text: &str| all_text(harness).iter().any(|line| line.contains(text));
    for (index, entry) in LESSONS.iter().enumerate() {
        let beats = entry.lesson(Language::English).expect("it parses").beats;
        for (beat, of) in beats.iter().enumerate() {
            let hides = of.hides();
            if !(hides.bytes || hides.steps || hides.factor || hides.rule) {
                continue;
            }
            let mut harness = open_with(&at(index + 1, beat + 1));
            let at = format!("{}.{}", entry.number, beat + 1);
            press(&mut harness, Modifiers::ALT, Key::Num3);
            let hides_lines = hides.steps || hides.factor || hides.rule;
            assert_eq!(says(&harness, "The lines are yours to find."), hides_lines, "{at}");
            if hides_lines {
                assert!(harness.query_by_label("line 1").is_none(), "{at}");
            }
            if hides.bytes {
                for tab in [Key::Num1, Key::B] {
                    press(&mut harness, Modifiers::ALT, tab);
                    assert!(says(&harness, "What moves is yours to find."), "{at} {tab:?}");
                    assert!(harness.query_by_label("total bytes").is_none(), "{at} {tab:?}");
                }
                command(&mut harness, "Compare two runs");
                assert!(!says(&harness, "HBM bytes"), "{at}");
                assert!(harness.query_by_label("which moves more").is_none(), "{at}");
                assert!(shows(&harness, "What moves is yours to find."), "{at}");
            }
        }
    }
}

/// A number and Enter open a random input, in each of its fields; what is in a field looks like one.
#[test]
fn a_number_and_enter_open_a_random_input() {
    let cases = [
        ("queries of a random input", "24", (24, 16, 4, 1)),
        ("keys of a random input", "40", (16, 40, 4, 1)),
        ("d of a random input", "8", (16, 16, 8, 1)),
        ("batch entries of a random input", "3", (16, 16, 4, 3)),
    ];
    for (field, text, (n_q, n_k, d, batch)) in cases {
        let mut harness = open_with(&options());
        press(&mut harness, Modifiers::COMMAND, Key::O);
        click(&mut harness, field);
        press(&mut harness, Modifiers::COMMAND, Key::A);
        type_text(&mut harness, text);
        press(&mut harness, NONE, Key::Enter);
        settle(&mut harness);
        assert!(harness.query_by_label("Open the random input").is_none(), "{field}: it is open");
        let shape = harness.state().document().source().problem.shape;
        assert_eq!((shape.n_q, shape.n_k, shape.d, shape.batch), (n_q, n_k, d, batch), "{field}");
    }
    // Escape leaves the number and the form alone.
    let mut harness = open_with(&options());
    let before = harness.state().document().source().name.clone();
    press(&mut harness, Modifiers::COMMAND, Key::O);
    click(&mut harness, "queries of a random input");
    press(&mut harness, NONE, Key::Escape);
    assert_eq!(harness.state().document().source().name, before);
}

/// Arrays whose heads stand behind their tokens are read again by a button in the window; others have none.
#[test]
fn arrays_with_heads_behind_tokens_are_read_again_by_a_button() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, shape: &[usize]| {
        let path = folder.path().join(name);
        let values = ArrayD::from_shape_fn(shape, |at| (at[1] * 7 + at[2] * 3 + at[3]) as f64 % 5.0 / 4.0);
        let array = || NpyArray { values: values.view(), precision: Precision::F32 };
        let arrays = [("Q", array()), ("K", array()), ("V", array())];
        write_npz(fs::File::create(&path).expect("a file"), &arrays).expect("it is written");
        path
    };
    let mends = "Read as [batch, N, heads, d]";
    let mut harness = open_with(&options());
    drop_files(&mut harness, &[write("turned.npz", &[1, 24, 3, 8])]);
    let shape = |harness: &Harness<'_, App>| {
        let shape = harness.state().document().source().problem.shape;
        (shape.heads, shape.n_q)
    };
    assert_eq!(shape(&harness), (24, 3));
    assert!(value(&harness, "message").contains("heads outnumber"), "{}", value(&harness, "message"));
    let (message, button) = (harness.get_by_label("message").rect(), harness.get_by_label(mends).rect());
    assert!(message.right() <= button.left(), "{message:?} {button:?}");
    click(&mut harness, mends);
    assert_eq!(shape(&harness), (3, 24));
    assert!(harness.query_by_label("message").is_none() && harness.query_by_label(mends).is_none());
    drop_files(&mut harness, &[write("usual.npz", &[1, 3, 24, 8])]);
    assert_eq!(shape(&harness), (3, 24));
    assert!(harness.query_by_label(mends).is_none());
}

/// That button stands beside the message that it answers, and beside no other that comes while those arrays are open.
#[test]
fn what_mends_a_message_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("turned.npz");
    let values = ArrayD::from_shape_fn([1, 24, 3, 8].as_slice(), |at| (at[1] * 7 + at[2] * 3 + at[3]) as f64 % 5.0);
    let array = || NpyArray { values: values.view(), precision: Precision::F32 };
    let arrays = [("Q", array()), ("K", array()), ("V", array())];
    write_npz(fs::File::create(&path).expect("a file"), &arrays).expect("it is written");
    let mends = "Read as [batch, N, heads, d]";
    let has = |harness: &Harness<'_, App>| harness.query_by_label(mends).is_some();
    // A file that cannot be read: the arrays stay open, and the message is of another thing.
    let mut harness = open_with(&options());
    drop_files(&mut harness, std::slice::from_ref(&path));
    assert!(has(&harness));
    let broken = folder.path().join("broken.npz");
    fs::write(&broken, b"no archive").expect("it is written");
    drop_files(&mut harness, &[broken]);
    assert!(value(&harness, "message").contains("broken.npz"), "{}", value(&harness, "message"));
    assert_eq!(harness.state().document().source().problem.shape.heads, 24);
    assert!(!has(&harness));
    // A message that is closed takes it along, and one that comes later does not bring it back.
    let mut harness = open_with(&options());
    drop_files(&mut harness, std::slice::from_ref(&path));
    press(&mut harness, NONE, Key::Escape);
    assert!(harness.query_by_label("message").is_none() && !has(&harness));
    command(&mut harness, "Save sheets of this lesson with their keys");
    assert!(value(&harness, "message").contains("open a lesson first") && !has(&harness));
    // Another input is open.
    let mut harness = open_with(&options());
    drop_files(&mut harness, std::slice::from_ref(&path));
    choose(&mut harness, "Input: ", "toy: 16 random tokens, d = 4");
    assert!(harness.query_by_label("message").is_none() && !has(&harness));
}
