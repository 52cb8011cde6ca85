//! The questions that came back, above the beat that a lesson opens with.

use eframe::egui::{self, Key, Ui};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::message::Message;
use crate::app::message::lesson::LessonMessage;
use crate::app::panels::lesson::task::TEXT;
use crate::app::state::returning::ReturningQuestion;
use crate::app::tongue::words::{fill, say, tr};

pub fn show(ui: &mut Ui, questions: &mut [ReturningQuestion], messages: &mut Vec<Message>) {
    if questions.is_empty() {
        return;
    }
    let palette = Palette::of(ui);
    egui::Frame::new().fill(palette.empty).corner_radius(4.0).inner_margin(8.0).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_wrapped(|ui| {
            draw::caption(ui, tr(ui.ctx(), "Once more, with other numbers"));
            if ui.button(tr(ui.ctx(), "Not now")).clicked() {
                messages.push(Message::Lesson(LessonMessage::SkipReturning));
            }
        });
        for (index, question) in questions.iter_mut().enumerate() {
            ui.add_space(SPACE);
            one(ui, index, question, messages);
        }
    });
    ui.add_space(SPACE);
}

fn one(ui: &mut Ui, index: usize, question: &mut ReturningQuestion, messages: &mut Vec<Message>) {
    draw::caption(ui, &question.title);
    let label = prose::line(ui, &question.question, TEXT);
    let name = fill(ui.ctx(), "question {0} that came back", &[&(index + 1)]);
    draw::describe(&label, &name, &prose::words(&question.question));
    if question.verdict.is_some() {
        return verdict(ui, index, question);
    }
    let check = Message::Lesson(LessonMessage::CheckReturning(index));
    for (at, choice) in question.choices.iter().enumerate() {
        let is_chosen = question.chosen == Some(at);
        let response = ui.add(egui::RadioButton::new(is_chosen, prose::job(ui, choice, theme::BODY)));
        let words = prose::words(choice);
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::RadioButton, true, is_chosen, &words));
        if response.clicked() {
            question.chosen = Some(at);
        }
    }
    ui.horizontal(|ui| {
        if question.choices.is_empty() {
            let field = egui::TextEdit::singleline(&mut question.typed).desired_width(100.0).font(theme::figures(TEXT));
            let field = ui.add(field);
            let name = fill(ui.ctx(), "answer to question {0} that came back", &[&(index + 1)]);
            field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name));
            ui.label(&question.unit);
            if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) {
                messages.push(check.clone());
            }
        }
        if ui.button(tr(ui.ctx(), "Check this one")).clicked() {
            messages.push(check.clone());
        }
    });
    if let Some(why) = &question.unread {
        ui.colored_label(Palette::of(ui).trouble, say(ui.ctx(), why));
    }
}

fn verdict(ui: &mut Ui, index: usize, question: &ReturningQuestion) {
    let Some(verdict) = &question.verdict else { return };
    let pattern = match (verdict.is_right, question.choices.is_empty()) {
        (true, _) => "Right: {0}",
        (false, false) => "Not quite. The answer: {0}",
        (false, true) => "Not quite. The answer is {0}.",
    };
    let text = fill(ui.ctx(), pattern, &[&verdict.answer]);
    let label = ui.label(egui::RichText::new(&text).size(TEXT).strong());
    let name = fill(ui.ctx(), "verdict on question {0} that came back", &[&(index + 1)]);
    draw::describe(&label, &name, &text);
    if let Some(thought) = &verdict.misconception {
        prose::line(ui, thought, theme::BODY);
    }
    prose::line(ui, &verdict.feedback, theme::BODY);
}
