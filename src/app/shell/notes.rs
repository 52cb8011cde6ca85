//! What the teacher sees in a second window while presenting: the time, the notes, and the next answer where it is asked for.

use eframe::egui::{self, Context, Ui};

use crate::app::ink::theme::{self, Palette};
use crate::app::ink::{draw, prose};
use crate::app::message::Message;
use crate::app::message::commands::{self, Keyboard};
use crate::app::message::talk::TalkMessage;
use crate::app::state::lesson::OpenLesson;
use crate::app::state::talk::Talk;
use crate::app::tongue::words::{fill, tr};

/// Seconds as on a clock: 3:07.
fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The time left until so many minutes, or by how much they are over.
fn left(ui: &mut Ui, what: &'static str, minutes: usize, seconds: f64) {
    let left = minutes as f64 * 60.0 - seconds;
    let (text, color) = match left < 0.0 {
        false => (fill(ui.ctx(), "{0} left", &[&clock(left)]), Palette::of(ui).ink),
        true => (fill(ui.ctx(), "{0} over", &[&clock(-left)]), Palette::of(ui).trouble),
    };
    let what = tr(ui.ctx(), what);
    let label = ui.label(egui::RichText::new(format!("{what}: {text}")).size(theme::HEADING).color(color));
    draw::describe(&label, what, &text);
}

/// The answer that comes next, once the teacher asks for it: a second window may lie on the screen that the class sees, and
/// one inside this one always does.
fn next_answer(ui: &mut Ui, talk: &mut Talk, lesson: &OpenLesson, is_seen_by_all: bool) {
    let name = "next answer";
    if is_seen_by_all {
        let text = tr(ui.ctx(), "The class sees this window: the next answer is not shown in it.").to_owned();
        let label = ui.label(egui::RichText::new(&text).color(Palette::of(ui).faint_ink));
        return draw::describe(&label, name, &text);
    }
    if talk.answer_asked_at != Some(lesson.position) {
        if ui.button(tr(ui.ctx(), "Show the next answer")).clicked() {
            talk.answer_asked_at = Some(lesson.position);
        }
        return;
    }
    let answer = lesson.next_answer().unwrap_or("-");
    let text = fill(ui.ctx(), "Next answer: {0}", &[&answer]);
    let label = ui.label(egui::RichText::new(&text).size(theme::HEADING).strong());
    draw::describe(&label, name, answer);
}

/// What the teacher sees: the clock and the time left, the answer that comes next where it is asked for, the notes.
fn notes(ui: &mut Ui, talk: &mut Talk, lesson: Option<&OpenLesson>, now: f64, is_seen_by_all: bool) {
    let seconds = now - talk.began;
    let clock = clock(seconds);
    let label = ui.label(egui::RichText::new(&clock).size(theme::TITLE).monospace());
    draw::describe(&label, "clock", &clock);
    let Some(lesson) = lesson else { return };
    let part = lesson.beat().part.as_ref();
    if let Some(part) = part {
        left(ui, "This part", part.until, seconds);
    }
    left(ui, "In all", lesson.lesson.minutes, seconds);
    draw::caption(ui, &lesson.title());
    if let Some(part) = part.filter(|part| !part.note.is_empty()) {
        prose::show(ui, &part.note, &[], theme::HEADING);
    }
    if lesson.has_next_answer() {
        next_answer(ui, talk, lesson, is_seen_by_all);
    }
    if let Ok(shown) = &lesson.shown {
        let ink = Palette::of(ui).ink;
        let title = ui.label(prose::scripted(&shown.title, theme::text(theme::HEADING), ink));
        title.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &shown.title));
        // What a teacher is told of a question tells its answer, too.
        if !(is_seen_by_all && lesson.has_next_answer()) {
            prose::show(ui, &shown.notes, &shown.pictures, theme::BODY);
        }
    }
    ui.request_repaint_after_secs(1.0);
}

/// The teacher's window; inside this one where the system has no second. A remote's keys work there too: the person
/// who looks at it has the keyboard there.
pub fn window(ctx: &Context, talk: &mut Talk, lesson: Option<&OpenLesson>, now: f64, messages: &mut Vec<Message>) {
    let id = egui::ViewportId::from_hash_of("notes");
    let title = tr(ctx, "Notes");
    let builder = egui::ViewportBuilder::default().with_title(title).with_inner_size([420.0, 480.0]);
    // Within this window the library's handles have English names.
    let builder = builder.with_resizable(!ctx.embed_viewports()).with_minimize_button(!ctx.embed_viewports());
    ctx.show_viewport_immediate(id, builder, |ui, class| {
        if class == egui::ViewportClass::EmbeddedWindow {
            return notes(ui, talk, lesson, now, true);
        }
        let keyboard = Keyboard { is_covered: false, is_presenting: true };
        messages.extend(commands::pressed(ui.ctx(), keyboard).into_iter().map(|entry| entry.message.clone()));
        if ui.input(|input| input.viewport().close_requested()) {
            messages.push(Message::Talk(TalkMessage::Notes));
        }
        egui::CentralPanel::default().show(ui, |ui| notes(ui, talk, lesson, now, false));
    });
}
