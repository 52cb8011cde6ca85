//! What is said above a projected picture: one sentence, and where asked for the same in the other language.

use eframe::egui::Ui;

use crate::app::ink::theme::{self, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::state::lesson::OpenLesson;
use crate::app::state::talk::Talk;
use crate::app::tongue::words::{self, say, say_in, tr};
use crate::playback::lesson::Language;
use crate::sentence::Sentence;

/// The share of the screen's height that the text has at most: the picture has three quarters, with what is free around both.
const SHARE: f32 = 0.17;

/// Points of type of the sentence, where it is short enough, and the least.
const LARGEST: f32 = 20.0;
const LEAST: f32 = 12.0;

/// In type smaller than this lines stand closer.
const CLOSE: f32 = 16.0;

/// What the beat says; without a lesson, or beside another input, what the step did.
pub fn show(ui: &mut Ui, talk: &mut Talk, lesson: Option<&OpenLesson>, step: Option<&Sentence>) {
    let lesson = lesson.filter(|_| !talk.is_away);
    let shown = lesson.and_then(|lesson| lesson.shown.as_ref().ok());
    let text = shown.map(|shown| shown.say.clone()).or_else(|| step.map(|step| say(ui.ctx(), step)));
    let Some(text) = text else { return };
    let second = talk.has_both_languages.then(|| {
        let other = match words::language(ui.ctx()) {
            Language::English => Language::Chinese,
            Language::Chinese => Language::English,
        };
        let said = match lesson.filter(|_| shown.is_some()) {
            Some(lesson) => talk.second.said(lesson, other).map(str::to_owned),
            None => step.map(|step| say_in(other, step)),
        };
        said.unwrap_or_else(|| tr(ui.ctx(), "This lesson is written in one language.").to_owned())
    });
    let second = second.map(|text| (theme::readable(&text, theme::LABEL), text));
    let room = SHARE * ui.ctx().content_rect().height();
    let mut size = LARGEST;
    while size > LEAST && height(ui, &text, size, second.as_ref()) > room {
        size -= 1.0;
        if size < CLOSE {
            prose::close_lines(ui);
        }
    }
    let label = prose::line(ui, &text, size);
    draw::describe(&label, "projected line", &prose::words(&text));
    if let Some((size, text)) = second {
        let label = prose::line(ui, &text, size);
        draw::describe(&label, "projected line, in the other language", &prose::words(&text));
    }
}

fn height(ui: &Ui, text: &str, size: f32, second: Option<&(f32, String)>) -> f32 {
    let below = second.map_or(0.0, |(size, text)| SPACE + prose::height(ui, text, *size));
    prose::height(ui, text, size) + below
}
