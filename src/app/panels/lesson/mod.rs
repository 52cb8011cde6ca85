//! The lesson on the left: its text, what it asks, and the way on. Everything here can be done by keyboard.

pub mod change;
pub mod click;
pub mod exercise;
mod list;
mod returning;
pub mod task;

use eframe::egui::{self, FocusDirection, Key, Modifiers, Ui};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, focus, prose};
use crate::app::message::Message;
use crate::app::message::commands::tooltip;
use crate::app::message::lesson::LessonMessage;
use crate::app::message::window::Side;
use crate::app::panels::lesson::task::{TEXT, TaskPlace, task};
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::document::Document;
use crate::app::state::lesson::OpenLesson;
use crate::app::tongue::words::{fill, say, tr};
use crate::files::printable;
use crate::playback::lesson::{Asked, Choice, Revealed, Shown, ShownChange, ShownPredict};

pub static PANEL: Panel = Panel {
    id: "lesson",
    title: "Lesson",
    home: Home::Left,
    group: "Look",
    command: "Show the lesson",
    keys: &[(Modifiers::ALT, Key::L)],
    opens: Message::Side(Side::Lesson),
    also: "course, exercise",
    help: "The lesson that is open, or the list of lessons.",
    show: |ui, drawn| match &mut drawn.lesson {
        Some(lesson) => {
            let other = (!drawn.document.is_of_lesson()).then_some(drawn.document);
            show(ui, lesson, other, drawn.messages);
        }
        None => {
            let (lessons, folder) = (drawn.lessons, drawn.lesson_folder);
            egui::ScrollArea::vertical().show(ui, |ui| list::show(ui, folder, lessons, drawn.messages));
        }
    },
};

/// Height of the buttons of a build.
const BUTTONS: f32 = 36.0;

/// The beat that is open; `other` has an input that is not of the lesson, and is shown in place of the beat's.
fn show(ui: &mut Ui, lesson: &mut OpenLesson, other: Option<&Document>, messages: &mut Vec<Message>) {
    head(ui, lesson, messages);
    if let Some(other) = other {
        away(ui, other, messages);
    }
    let shown = match &lesson.shown {
        Ok(shown) => shown.clone(),
        Err(fault) => {
            let fault = say(ui.ctx(), fault);
            ui.label(fill(ui.ctx(), "This beat cannot be shown: {0}", &[&fault]));
            give_keyboard(ui, lesson);
            return way(ui, lesson, messages);
        }
    };
    // The cards of a build and what runs it are in sight beside any number of places.
    let of_hand = match shown.build {
        Some(_) => exercise::hand_height(ui, lesson, ui.available_height()),
        None => 0.0,
    };
    let below = if shown.build.is_some() { 48.0 + BUTTONS + of_hand } else { 48.0 };
    let size = egui::vec2(ui.available_width(), (ui.available_height() - below).max(40.0));
    ui.allocate_ui(size, |ui| {
        ui.set_min_height(size.y);
        text_and_task(ui, lesson, &shown, messages);
    });
    if let Some(build) = &shown.build {
        exercise::hand_below(ui, lesson, build, of_hand);
        exercise::buttons(ui, messages);
    }
    way(ui, lesson, messages);
}

/// Says that the picture is of another input than the beat, with the way back: what was done in the lesson stays.
fn away(ui: &mut Ui, document: &Document, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    egui::Frame::new().fill(palette.accent_soft).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let name = printable(&document.source().name);
        let text = fill(ui.ctx(), "The picture shows {0}, which is not of this lesson.", &[&name]);
        draw::describe(&ui.label(&text), "not of this lesson", &text);
        if ui.button(tr(ui.ctx(), "Back to the picture of the lesson")).clicked() {
            messages.push(Message::Lesson(LessonMessage::Return));
        }
    });
    ui.add_space(SPACE);
}

/// Of the height, what a task has at most beside the text of its beat; and the line between them.
const TASK: f32 = 0.72;
const DIVIDER: f32 = 16.0;
/// Lower than this no part of a beat is scrolled.
const LEAST_PART: f32 = 24.0;

/// The text of the beat, and below it what it asks: where both do not fit each scrolls in its part, so that no question
/// begins out of sight.
fn text_and_task(ui: &mut Ui, lesson: &mut OpenLesson, shown: &Shown, messages: &mut Vec<Message>) {
    let (height, has_task) = (ui.available_height(), lesson.has_task());
    let id = (lesson.key.clone(), lesson.position.beat);
    let kept = ui.scope_id().with(("height of the task", &id));
    let wanted = ui.data(|data| data.get_temp::<f32>(kept)).unwrap_or(0.0);
    let of_task = if has_task { (wanted + DIVIDER).min(TASK * height) } else { 0.0 };
    part(("text", &id), height - of_task).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        if !lesson.returning_here().is_empty() {
            give_keyboard(ui, lesson);
        }
        returning::show(ui, lesson.returning_here(), messages);
        let ink = ui.visuals().strong_text_color();
        let title = ui.label(prose::scripted(&shown.title, theme::text(theme::TITLE), ink));
        draw::describe(&title, "beat", &shown.title);
        ui.add_space(SPACE);
        prose::show(ui, &shown.prose, &shown.pictures, TEXT);
        if !has_task {
            give_keyboard(ui, lesson);
            beat(ui, lesson, shown, TaskPlace::Panel, messages);
        }
        focus::follow(ui);
    });
    if !has_task {
        return;
    }
    ui.separator();
    let room = ui.available_height();
    let drawn = part(("task", &id), room).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 6.0;
        give_keyboard(ui, lesson);
        beat(ui, lesson, shown, TaskPlace::Panel, messages);
        focus::follow(ui);
    });
    if (drawn.content_size.y - wanted).abs() > 0.5 {
        ui.data_mut(|data| data.insert_temp(kept, drawn.content_size.y));
        ui.ctx().request_repaint();
    }
}

/// A part of a beat, no higher than it needs.
fn part(id: impl std::hash::Hash + std::fmt::Debug, height: f32) -> egui::ScrollArea {
    let area = egui::ScrollArea::vertical().id_salt(id).max_height(height.max(LEAST_PART));
    area.min_scrolled_height(LEAST_PART).auto_shrink([false, true])
}

/// What is drawn next that can have the keyboard takes it, if the beat is to have it.
fn give_keyboard(ui: &Ui, lesson: &mut OpenLesson) {
    if std::mem::take(&mut lesson.takes_keyboard) {
        ui.memory_mut(|memory| memory.move_focus(FocusDirection::Next));
    }
}

/// What the beat asks, as it is projected.
pub fn tasks(ui: &mut Ui, lesson: &mut OpenLesson, messages: &mut Vec<Message>) {
    if let Ok(shown) = lesson.shown.clone() {
        beat(ui, lesson, &shown, TaskPlace::Screen, messages);
    }
}

fn beat(ui: &mut Ui, lesson: &mut OpenLesson, shown: &Shown, place: TaskPlace, messages: &mut Vec<Message>) {
    if let Some(predict) = &shown.predict {
        question(ui, lesson, predict, place, messages);
    }
    if let Some(change) = &shown.change {
        find(ui, lesson, change, messages);
    }
    if let Some(build) = &shown.build {
        exercise::show(ui, lesson, build, place, messages);
    }
    if !shown.facts.is_empty() && !lesson.is_asking() {
        for (name, value) in &lesson.facts() {
            draw::value_row(ui, name, value, name);
        }
    }
}

fn head(ui: &mut Ui, lesson: &OpenLesson, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        let beats = lesson.lesson.beats.len();
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            if small_button(ui, "\u{00d7}", "Close the lesson").clicked() {
                messages.push(Message::Lesson(LessonMessage::Close));
            }
            draw::caption(ui, &format!("{} / {beats}", lesson.position.beat + 1));
            // The title has what is left.
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let title = draw::label(&lesson.title()).color(Palette::of(ui).faint_ink);
                ui.add(egui::Label::new(title).truncate());
            });
        });
    });
    let (rect, _) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 4.0), egui::Sense::hover());
    let palette = Palette::of(ui);
    let beats = lesson.lesson.beats.len().max(1) as f32;
    let done = egui::Rect::from_min_size(
        rect.min,
        egui::vec2(rect.width() * (lesson.position.beat + 1) as f32 / beats, rect.height()),
    );
    ui.painter().rect_filled(rect, 2.0, palette.empty);
    ui.painter().rect_filled(done, 2.0, palette.accent);
    ui.add_space(2.0 * SPACE);
}

fn small_button(ui: &mut Ui, text: &str, name: &str) -> egui::Response {
    let name = tr(ui.ctx(), name).to_owned();
    let response = ui.add(egui::Button::new(text).frame(false)).on_hover_text(&name);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    response
}

fn question(
    ui: &mut Ui,
    lesson: &mut OpenLesson,
    predict: &ShownPredict,
    place: TaskPlace,
    messages: &mut Vec<Message>,
) {
    match predict.revealed {
        // The answer says what it was, and the reasons need the room.
        Some(_) if place == TaskPlace::Screen => _ = prose::line(ui, &predict.question, task::size(ui)),
        _ => task(ui, "Predict", &predict.question),
    }
    let Some(kind) = lesson.predict().map(|predict| predict.kind.clone()) else { return };
    let is_open = predict.revealed.is_none();
    // On a screen the answer and the reasons name them again.
    let has_reason = |choice: &Choice| choice.is_right || choice.misconception.is_some();
    let names_all = predict.revealed.as_ref().is_some_and(|revealed| revealed.choices.iter().all(has_reason));
    match kind {
        Asked::Choice if place == TaskPlace::Screen && names_all => {}
        Asked::Choice => choices(ui, lesson, &predict.choices, is_open),
        Asked::Number { .. } if is_open => {
            ui.horizontal(|ui| {
                let field = click::field(ui, lesson, 120.0);
                ui.label(&predict.unit);
                if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                    messages.push(Message::Lesson(LessonMessage::Check));
                }
            });
        }
        Asked::Click { on } if is_open => click::show(ui, lesson, on),
        _ => {}
    }
    if is_open {
        ui.horizontal(|ui| {
            let check = egui::Button::new(tr(ui.ctx(), "Check my answer"));
            if ui.add(check).clicked() {
                messages.push(Message::Lesson(LessonMessage::Check));
            }
            if ui.button(tr(ui.ctx(), "Show me")).clicked() {
                messages.push(Message::Lesson(LessonMessage::GiveUp));
            }
        });
    }
    if let Some(revealed) = &predict.revealed {
        answer(ui, lesson, revealed);
    } else {
        another_try(ui, lesson);
    }
}

/// What was right, and why.
pub fn answer(ui: &mut Ui, lesson: &OpenLesson, revealed: &Revealed) {
    verdict(ui, lesson, &revealed.answer);
    prose::line(ui, &revealed.feedback, task::size(ui));
}

/// What is wrong with the answer so far, before the right one is shown.
fn another_try(ui: &mut Ui, lesson: &OpenLesson) {
    let palette = Palette::of(ui);
    if let Some(why) = &lesson.work.unread {
        let why = say(ui.ctx(), why);
        let label = ui.colored_label(palette.trouble, &why);
        draw::describe(&label, "note on the answer", &why);
    }
    let Some(verdict) = lesson.work.verdict.as_ref().filter(|verdict| !verdict.is_right) else { return };
    let text = tr(ui.ctx(), "Not quite. Think again: you have another try.").to_owned();
    band(ui, palette.trouble_soft, &text, verdict.misconception.as_deref());
}

/// A verdict with the thought behind it.
fn band(ui: &mut Ui, fill: egui::Color32, text: &str, thought: Option<&str>) {
    let margin = if task::size(ui) < TEXT { egui::Margin::symmetric(8, 4) } else { egui::Margin::same(8) };
    let label = egui::Frame::new().fill(fill).corner_radius(4.0).inner_margin(margin).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let label = ui.label(egui::RichText::new(text).size(task::size(ui)).strong());
        if let Some(thought) = thought {
            let label = prose::line(ui, thought, task::size(ui).min(theme::BODY));
            draw::describe(&label, "why", &prose::words(thought));
        }
        label
    });
    draw::describe(&label.inner, "verdict", text);
}

fn choices(ui: &mut Ui, lesson: &mut OpenLesson, choices: &[String], is_open: bool) {
    // After the answer they are still read.
    ui.visuals_mut().disabled_alpha = 1.0;
    for (index, choice) in choices.iter().enumerate() {
        let radio = egui::RadioButton::new(
            lesson.work.chosen == Some(index),
            prose::job(ui, choice, task::size(ui).min(theme::BODY)),
        );
        let response = ui.add_enabled(is_open, radio);
        let is_chosen = lesson.work.chosen == Some(index);
        let words = prose::words(choice);
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::RadioButton, is_open, is_chosen, &words));
        if response.clicked() {
            lesson.begin_answer();
            lesson.work.chosen = Some(index);
        }
    }
}

fn verdict(ui: &mut Ui, lesson: &OpenLesson, answer: &str) {
    let palette = Palette::of(ui);
    let verdict = lesson.work.verdict.as_ref();
    // A choice is a sentence of its own.
    let is_choice = lesson.predict().is_some_and(|predict| matches!(predict.kind, Asked::Choice));
    let pattern = match (verdict.map(|verdict| verdict.is_right), is_choice) {
        (Some(true), _) => "Right: {0}",
        (Some(false), true) => "Not quite. The answer: {0}",
        (Some(false), false) => "Not quite. The answer is {0}.",
        (None, _) => "Answer: {0}",
    };
    let is_wrong = verdict.is_some_and(|verdict| !verdict.is_right);
    let color = if is_wrong { palette.trouble_soft } else { palette.accent_soft };
    let thought = verdict.and_then(|verdict| verdict.misconception.as_deref());
    band(ui, color, &fill(ui.ctx(), pattern, &[&answer]), thought);
}

fn find(ui: &mut Ui, lesson: &mut OpenLesson, change: &ShownChange, messages: &mut Vec<Message>) {
    task(ui, "Change it", &change.find);
    // Above the controls: below them it could lie beyond the edge.
    if lesson.work.is_found {
        let palette = Palette::of(ui);
        egui::Frame::new().fill(palette.accent_soft).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
            ui.set_width(ui.available_width());
            let text = tr(ui.ctx(), "Found.").to_owned();
            let label = ui.label(egui::RichText::new(&text).size(TEXT).strong());
            draw::describe(&label, "change", &text);
            prose::line(ui, &change.feedback, TEXT);
        });
    }
    change::show(ui, lesson, &change.open, messages);
    ui.horizontal_wrapped(|ui| {
        if ui.button(tr(ui.ctx(), "Show me a change that does it")).clicked() {
            messages.push(Message::Lesson(LessonMessage::ShowWay));
        }
        if ui.button(tr(ui.ctx(), "Restore")).clicked() {
            messages.push(Message::Lesson(LessonMessage::Restore));
        }
    });
}

/// Back and on.
fn way(ui: &mut Ui, lesson: &OpenLesson, messages: &mut Vec<Message>) {
    ui.separator();
    ui.horizontal(|ui| {
        let wide = egui::vec2(88.0, 28.0);
        let back = egui::Button::new(tr(ui.ctx(), "Back")).min_size(wide);
        let tip = tooltip(ui.ctx(), &Message::Lesson(LessonMessage::Previous));
        if ui.add_enabled(lesson.previous().is_some(), back).on_hover_text(tip).clicked() {
            messages.push(Message::Lesson(LessonMessage::Previous));
        }
        let word = match lesson.next() {
            None if lesson.next_lesson().is_some() => "Next lesson",
            None => "Done",
            Some(_) if lesson.is_asking() => "Reveal",
            Some(_) => "Next",
        };
        let tip = tooltip(ui.ctx(), &Message::Lesson(LessonMessage::Next));
        let palette = Palette::of(ui);
        let next = egui::Button::new(tr(ui.ctx(), word)).min_size(egui::vec2(112.0, 28.0)).fill(palette.accent_soft);
        if ui.add(next).on_hover_text(tip).clicked() {
            messages.push(Message::Lesson(LessonMessage::Next));
        }
    });
}
