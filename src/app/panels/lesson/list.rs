//! The lists of lessons: those of a folder of one's own, those of the program, and what leaves them.

use std::collections::BTreeMap;

use eframe::egui::{self, Response, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::{Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::export::ExportMessage;
use crate::app::run::lesson_folder::{LessonFolder, LessonHead, ListedLesson};
use crate::app::run::source::Source;
use crate::app::state::store::LessonProgress;
use crate::app::tongue::words::{fill, language, say, tr};
use crate::files;
use crate::playback::lesson::library::numbered;

/// What was done in each lesson, by its key.
type DoneIn = BTreeMap<String, LessonProgress>;

/// The lists, with what is done.
pub(super) fn show(ui: &mut Ui, folder: Option<&LessonFolder>, done: &DoneIn, messages: &mut Vec<Message>) {
    if let Some(folder) = folder {
        of_folder(ui, folder, done, messages);
        ui.separator();
    }
    of_program(ui, done, messages);
    ui.add_space(2.0 * SPACE);
    ui.horizontal_wrapped(|ui| {
        for (name, message) in [
            ("Open a folder of lessons", Message::PickFolder),
            ("Save what I answered", Message::Export(ExportMessage::Answers)),
        ] {
            if ui.button(tr(ui.ctx(), name)).clicked() {
                messages.push(message);
            }
        }
    });
}

fn of_folder(ui: &mut Ui, folder: &LessonFolder, done: &DoneIn, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        draw::title(ui, &folder.name());
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            // Beside the bar of the list, which would take its clicks.
            ui.add_space(4.0 * SPACE);
            let name = tr(ui.ctx(), "Close the folder").to_owned();
            let close = ui.add(egui::Button::new("\u{00d7}").frame(false)).on_hover_text(&name);
            close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            if close.clicked() {
                messages.push(Message::CloseFolder);
            }
        });
    });
    match &folder.lessons {
        None => drop(draw::caption(ui, tr(ui.ctx(), "Reading the lessons ..."))),
        Some(Err(fault)) => trouble(ui, &say(ui.ctx(), fault)),
        Some(Ok(lessons)) if lessons.is_empty() => {
            draw::caption(ui, tr(ui.ctx(), "There are no lessons (.md) in this folder."));
        }
        Some(Ok(lessons)) => {
            let language = language(ui.ctx());
            lessons.iter().filter_map(|lesson| lesson.in_language(language)).for_each(|lesson| {
                of_file(ui, lesson, done, messages);
            });
        }
    }
}

fn of_file(ui: &mut Ui, lesson: &ListedLesson, done: &DoneIn, messages: &mut Vec<Message>) {
    let head = match &lesson.head {
        Ok(head) => head,
        Err(fault) => return trouble(ui, &say(ui.ctx(), fault)),
    };
    let progress = done.get(&files::shown(&lesson.path));
    if entry(ui, &head.title, head.minutes, head.tasks, progress).on_hover_text(&head.goal).clicked() {
        messages.push(Message::Open(Source::Paths(vec![lesson.path.clone()])));
    }
}

fn trouble(ui: &mut Ui, text: &str) {
    let label = ui.colored_label(Palette::of(ui).trouble, text);
    draw::describe(&label, "fault of a lesson", text);
}

/// A lesson: its title, and how long it takes or how much of it is right.
fn entry(ui: &mut Ui, title: &str, minutes: usize, tasks: usize, progress: Option<&LessonProgress>) -> Response {
    let mark = if progress.is_some_and(|progress| progress.is_done) { "\u{221a} " } else { "" };
    let aside = match progress.map_or(0, |progress| progress.done) {
        0 => fill(ui.ctx(), "{0} {0|minute|minutes}", &[&minutes]),
        done => fill(ui.ctx(), "{0} of {1} right", &[&done, &tasks]),
    };
    let title = format!("{mark}{title}");
    ui.add(egui::Button::new(title).shortcut_text(aside).min_size(egui::vec2(ui.available_width(), 32.0)))
}

fn of_program(ui: &mut Ui, done: &DoneIn, messages: &mut Vec<Message>) {
    draw::title(ui, tr(ui.ctx(), "Lessons"));
    draw::caption(ui, tr(ui.ctx(), "Each has one thing to predict, one to change, one to build."));
    ui.add_space(2.0 * SPACE);
    for (house, head) in LessonHead::of_program(language(ui.ctx())) {
        let title = format!("{}. {}", house.number, head.title);
        let entry = entry(ui, &title, head.minutes, head.tasks, done.get(house.stem)).on_hover_text(&head.goal);
        if let Some((index, _)) = numbered(house.number).filter(|_| entry.clicked()) {
            messages.push(Message::OpenLesson(index));
        }
    }
    ui.add_space(2.0 * SPACE);
    draw::caption(ui, tr(ui.ctx(), "Short answers, each with a picture, a number and one thing to change."));
    let button = egui::Button::new(tr(ui.ctx(), "What people ask")).min_size(egui::vec2(ui.available_width(), 32.0));
    if ui.add(button).clicked() {
        messages.push(Message::OpenQuestion(0));
    }
}
