//! What is projected besides the picture: notes that give no answer away, sizes that cut nothing, hints, and the ring of the
//! keyboard.

use std::cell::RefCell;

use crate::painted::{Painted, all_painted, lies_over, texts};
use crate::stage_support::{all_text, click, command, open_as, open_with, options, press, rest, seek, settle, value};
use eframe::egui::epaint::Shape;
use eframe::egui::{
    Context, Event, Key, Modifiers, PointerButton, Pos2, RawInput, Rect, Vec2, ViewportInfo, pos2, vec2,
};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use tilescope::app::{App, AppOptions, Link};
use tilescope::playback::lesson::Position;
use tilescope::playback::lesson::library::LESSONS;

const NONE: Modifiers = Modifiers::NONE;
const ASKS: &str = "Show the next answer";
const SEEN_BY_ALL: &str = "The class sees this window: the next answer is not shown in it.";

fn presented(lesson: usize, beat: usize, size: Vec2) -> Harness<'static, App> {
    let lesson = Some((lesson - 1, Position { beat: beat - 1, is_revealed: false }));
    let mut harness = open_as(None, &AppOptions { lesson, is_presenting: true, ..options() }, size, 1.0);
    harness.set_size(size / harness.ctx.zoom_factor());
    rest(&mut harness);
    harness
}

fn next_answer(harness: &Harness<'_, App>) -> Option<String> {
    harness.state().lesson().and_then(|lesson| lesson.next_answer().map(str::to_owned))
}

/// On one screen the notes lie over the slide: what they say of the answer is that they do not.
#[test]
fn notes_inside_the_window_give_no_answer_away() {
    let mut answers = 0;
    for (index, entry) in LESSONS.iter().enumerate() {
        let mut harness = presented(index + 1, 1, vec2(1280.0, 720.0));
        press(&mut harness, NONE, Key::N);
        loop {
            let position = harness.state().lesson().expect("a lesson").position;
            let at = format!("{}.{} {}", entry.number, position.beat + 1, position.is_revealed);
            assert!(!all_text(&harness).iter().any(|line| line.contains("Next answer")), "{at}");
            match next_answer(&harness) {
                Some(_) => {
                    assert_eq!(value(&harness, "next answer"), SEEN_BY_ALL, "{at}");
                    answers += 1;
                }
                None => assert!(harness.query_by_label("next answer").is_none(), "{at}"),
            }
            assert!(harness.query_by_label(ASKS).is_none(), "{at}: nor can it be asked for");
            let next = harness.state().lesson().and_then(tilescope::app::OpenLesson::next);
            let Some(next) = next.filter(|next| next.beat < 4) else { break };
            press(&mut harness, NONE, Key::PageDown);
            assert_eq!(harness.state().lesson().expect("a lesson").position, next);
        }
    }
    assert!(answers > 20, "{answers} answers come next");
}

thread_local! {
    /// What the second window painted last, and what happens in it next.
    static SECOND: RefCell<(Vec<Painted>, Vec<Event>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// From now on this thread has a second window of 420 x 480 points.
fn give_second_window(ctx: &Context) {
    ctx.set_embed_viewports(false);
    Context::set_immediate_viewport_renderer(|ctx, mut viewport| {
        let info = ViewportInfo { parent: Some(viewport.ids.parent), ..ViewportInfo::default() };
        let events = SECOND.with_borrow_mut(|(_, events)| std::mem::take(events));
        let input = RawInput {
            viewport_id: viewport.ids.this,
            viewports: std::iter::once((viewport.ids.this, info)).collect(),
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(420.0, 480.0))),
            events,
            ..RawInput::default()
        };
        let output = ctx.run_ui(input, |ui| (viewport.viewport_ui_cb)(ui));
        let mut found = Vec::new();
        output.shapes.iter().for_each(|shape| texts(&shape.shape, shape.clip_rect, &mut found));
        SECOND.with_borrow_mut(|(painted, _)| *painted = found);
    });
}

/// What the second window says.
fn second() -> Vec<String> {
    SECOND.with_borrow(|(painted, _)| painted.iter().map(|one| one.text.clone()).collect())
}

fn click_second(harness: &mut Harness<'_, App>, text: &str) {
    let at = SECOND.with_borrow(|(painted, _)| {
        painted.iter().find(|one| one.text == text).map(|one| one.lines[0].center()).expect("it is there")
    });
    let button = |pressed| Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers: NONE };
    for events in [vec![Event::PointerMoved(at)], vec![button(true)], vec![button(false)], vec![Event::PointerGone]] {
        SECOND.with_borrow_mut(|(_, next)| *next = events);
        harness.step();
    }
    harness.run_steps(3);
}

/// A window of its own gives the answer to who asks for it there, for that question alone; the projected one never.
#[test]
fn notes_in_a_second_window_show_the_answer_where_it_is_asked_for() {
    let mut harness = presented(4, 1, vec2(1280.0, 720.0));
    give_second_window(&harness.ctx.clone());
    press(&mut harness, NONE, Key::N);
    let says = |text: &str| second().iter().any(|line| line.contains(text));
    assert!(says(ASKS) && !says("Next answer"), "{:?}", second());
    assert!(second().iter().any(|line| line.len() == 4 && line.starts_with("0:")), "the clock: {:?}", second());
    // What the notes say of the question is the teacher's.
    assert_eq!(next_answer(&harness).expect("it asks"), "0.170");
    click_second(&mut harness, ASKS);
    assert!(says("Next answer: 0.170") && !says(ASKS), "{:?}", second());
    assert!(!all_text(&harness).iter().any(|line| line.contains("Next answer")));
    assert!(!all_painted(&harness).iter().any(|one| one.text.contains("0.170")), "the class sees it nowhere");
    // The next one is asked for anew.
    press(&mut harness, NONE, Key::PageDown);
    let next = next_answer(&harness).expect("another question comes");
    assert!(says(ASKS) && !says("Next answer"), "{:?}", second());
    click_second(&mut harness, ASKS);
    assert!(says(&format!("Next answer: {next}")), "{:?}", second());
    press(&mut harness, NONE, Key::PageUp);
    assert!(says(ASKS), "{:?}", second());
}

/// What is wrong with the texts of a screen.
pub fn faults(harness: &Harness<'_, App>) -> Vec<String> {
    let (mut found, screen) = (all_painted(harness), harness.ctx.content_rect().expand(1.0));
    for one in &mut found {
        one.lines.retain(|line| line.intersects(one.clip));
    }
    let mut faults = Vec::new();
    for (n, one) in found.iter().enumerate() {
        let text = &one.text;
        if one.is_cut {
            faults.push(format!("{text:?} is cut"));
        }
        if one.lines.iter().any(|line| !one.clip.expand(1.0).contains_rect(*line)) {
            faults.push(format!("{text:?} leaves its place"));
        }
        if one.lines.iter().any(|line| !screen.contains_rect(*line)) {
            faults.push(format!("{text:?} leaves the screen"));
        }
        faults.extend(lies_over(one, &found[..n]).map(|other| format!("{text:?} over {:?}", other.text)));
    }
    faults
}

const LARGER: (Modifiers, Key) = (Modifiers::COMMAND, Key::Plus);
const SMALLER: (Modifiers, Key) = (Modifiers::COMMAND, Key::Minus);

/// What the size is after a key, and whether the window said that nothing larger fits.
fn resize(harness: &mut Harness<'_, App>, (modifiers, key): (Modifiers, Key)) -> (f32, bool) {
    harness.key_press_modifiers(modifiers, key);
    let mut is_told = false;
    for _ in 0..40 {
        harness.step();
        let told = harness.query_by_label("what was done").and_then(|told| told.value());
        is_told |= told.as_deref() == Some("Nothing larger fits on this screen.");
    }
    (harness.ctx.zoom_factor(), is_told)
}

/// Whatever was asked for, nothing is cut; and what fits is given. Gives how often it got larger.
fn grows_as_far_as_it_fits(harness: &mut Harness<'_, App>, at: &str) -> usize {
    harness.run_steps(40);
    let (least, mut before, mut grown) = (harness.ctx.zoom_factor(), harness.ctx.zoom_factor(), 0);
    for n in 1..=3 {
        let (zoom, is_told) = resize(harness, LARGER);
        assert!(zoom >= least * 0.999, "{at} +{n}: {zoom} of {least}");
        let faults = faults(harness);
        assert!(faults.is_empty() || zoom < least * 1.01, "{at} +{n}, {zoom} of {least}: {}", faults.join("\n"));
        // It says why it stays.
        let is_larger = zoom > before * 1.01;
        assert!(is_larger || is_told, "{at} +{n}: {zoom}, and not a word");
        grown += usize::from(is_larger);
        before = zoom;
    }
    let (zoom, _) = resize(harness, SMALLER);
    assert!(zoom < before * 0.95, "{at}: smaller than what is seen, at once: {zoom} of {before}");
    press(harness, Modifiers::COMMAND, Key::Num0);
    harness.run_steps(40);
    assert!((harness.ctx.zoom_factor() - least).abs() < 0.02 * least, "{at}: normal");
    grown
}

#[test]
fn no_size_of_a_presented_step_cuts_anything() {
    for size in [vec2(1280.0, 720.0), vec2(1024.0, 768.0)] {
        let options = AppOptions { place: Link::of_scene("real"), ..options() };
        let mut harness = open_as(None, &options, size, 1.0);
        press(&mut harness, NONE, Key::F5);
        harness.set_size(size / harness.ctx.zoom_factor());
        for view in [Key::Num1, Key::Num2, Key::Num3, Key::Num4] {
            press(&mut harness, NONE, view);
            for step in [40, 131] {
                seek(&mut harness, step);
                grows_as_far_as_it_fits(&mut harness, &format!("{view:?} step {step} at {size}"));
            }
        }
    }
}

/// A vote is projected in what size fits it; what was asked for is there again without it.
#[test]
fn a_vote_takes_its_size_and_gives_it_back() {
    let mut harness = presented(4, 2, vec2(1280.0, 720.0));
    let least = harness.ctx.zoom_factor();
    let (zoom, _) = resize(&mut harness, LARGER);
    press(&mut harness, NONE, Key::V);
    harness.run_steps(60);
    let faults = faults(&harness);
    let voting = harness.ctx.zoom_factor();
    assert!(faults.is_empty() || voting < least * 1.01, "{}", faults.join("\n"));
    assert!(voting >= least * 0.999 && voting <= zoom * 1.001);
    press(&mut harness, NONE, Key::V);
    harness.run_steps(60);
    assert!((harness.ctx.zoom_factor() - zoom).abs() < 0.01, "{} of {zoom}", harness.ctx.zoom_factor());
}

/// Smaller is never refused, and Escape gives the size of the window back.
#[test]
fn the_size_of_a_talk_ends_with_it() {
    let mut harness = open_with(&AppOptions { place: Link::of_scene("real"), ..options() });
    assert_eq!(harness.ctx.zoom_factor(), 1.0);
    press(&mut harness, NONE, Key::F5);
    let least = harness.ctx.zoom_factor();
    let (smaller, is_told) = resize(&mut harness, SMALLER);
    assert!((smaller - least / 1.1).abs() < 0.01 * least, "{smaller} of {least}");
    assert!(!is_told);
    press(&mut harness, NONE, Key::Escape);
    harness.run_steps(5);
    assert_eq!(harness.ctx.zoom_factor(), 1.0);
}

/// The ring of what has the keyboard is painted on a projected screen as well, around what Tab reached.
#[test]
fn what_has_the_keyboard_is_seen_while_presenting() {
    let mut harness = presented(4, 4, vec2(1280.0, 720.0));
    let ring = |harness: &Harness<'_, App>| -> Option<Rect> {
        let focused = harness.ctx.memory(eframe::egui::Memory::focused)?;
        let place = harness.ctx.read_response(focused)?.interact_rect;
        let is_ring = |shape: &Shape| match shape {
            Shape::Rect(rect) => {
                (rect.stroke.width - 2.0).abs() < 0.1
                    && rect.rect.contains_rect(place)
                    && rect.rect.width() < place.width() + 8.0
            }
            _ => false,
        };
        harness.output().shapes.iter().any(|shape| is_ring(&shape.shape)).then_some(place)
    };
    let mut places = Vec::new();
    for _ in 0..4 {
        press(&mut harness, NONE, Key::Tab);
        places.push(ring(&harness).expect("a ring around what has the keyboard"));
    }
    places.dedup();
    assert!(places.len() > 2, "{places:?}");
    assert!(places.iter().all(|place| harness.ctx.content_rect().contains(place.center())), "{places:?}");
}

/// A tooltip that was up when the talk began goes, and none comes over a control of a task.
#[test]
fn no_hint_stays_over_a_presented_task() {
    let tooltips = |harness: &Harness<'_, App>| {
        harness.ctx.memory(|memory| {
            let layers = memory.areas().visible_layer_ids();
            layers.iter().filter(|layer| layer.order == eframe::egui::Order::Tooltip).count()
        })
    };
    let lesson = Some((3, Position { beat: 0, is_revealed: false }));
    let mut harness = open_with(&AppOptions { lesson, ..options() });
    let present = harness.get_by_label("Present").rect().center();
    harness.hover_at(present);
    harness.run_steps(60);
    assert!(tooltips(&harness) > 0, "the button says what it does");
    press(&mut harness, NONE, Key::F5);
    harness.run_steps(20);
    assert_eq!(tooltips(&harness), 0);
    for name in ["Check my answer", "Show me"] {
        let at = harness.get_by_label(name).rect().center();
        harness.hover_at(pos2(at.x, at.y));
        harness.run_steps(60);
        assert_eq!(tooltips(&harness), 0, "{name}");
    }
}

/// Two minutes: what the tour did to the run ends with it, wherever it is left.
#[test]
fn a_tour_that_is_left_leaves_no_bug() {
    let at_forgotten = || {
        let mut harness = open_with(&options());
        command(&mut harness, "The first two minutes again");
        for _ in 0..40 {
            if harness.state().document().wanted().bug == "forget-alpha" {
                return harness;
            }
            let on = ["Look inside", "Watch the maximum rise", "Go on", "Reveal", "What if alpha is forgotten?"];
            if let Some(button) = on.into_iter().find_map(|name| harness.query_by_label(name)) {
                button.click();
            }
            settle(&mut harness);
            harness.run_steps(30);
        }
        panic!("the tour shows no bug");
    };
    // By its own button, by another lesson, by a talk, and on to its end.
    let mut harness = at_forgotten();
    click(&mut harness, "Skip");
    assert_eq!(harness.state().document().wanted().bug, "none");
    assert!(harness.query_by_label("tour").is_none());
    assert_eq!(harness.state().document().scene().expect("a run").settings.bug, "none");
    let mut harness = at_forgotten();
    press(&mut harness, NONE, Key::F5);
    assert_eq!(harness.state().document().wanted().bug, "none");
    press(&mut harness, NONE, Key::Escape);
    assert_eq!(harness.state().document().wanted().bug, "none", "nor does Escape bring it back");
    let mut harness = at_forgotten();
    command(&mut harness, "Lesson 4: The online softmax");
    assert_eq!(harness.state().document().wanted().bug, "none");
    let mut harness = at_forgotten();
    click(&mut harness, "Zoom out");
    assert_eq!(harness.state().document().wanted().bug, "none");
}
