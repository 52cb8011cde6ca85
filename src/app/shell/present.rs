//! Presenting: one line, one view, the key number; notes for the teacher in a second window; a class that votes.

use eframe::egui::{self, Context, Frame, Margin, Panel, Ui};

use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::motion::Motion;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::message::Message;
use crate::app::message::commands::{self, Keyboard};
use crate::app::message::talk::TalkMessage;
use crate::app::panels::lesson::task;
use crate::app::panels::{bytes, figure, lesson, row_numbers};
use crate::app::run::said::current_step;
use crate::app::shell::app::App;
use crate::app::shell::stage;
use crate::app::state::lesson::OpenLesson;
use crate::app::state::seen::Look;
use crate::app::state::talk::{Talk, Vote};
use crate::app::tongue::words::{self, fill, say, tr};
use crate::number::short;
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{BeatPicture, Distance, Shown};

/// A screen has this many points of height while one presents, so that type grows with it: the smallest label, of 12, has a
/// thirtieth of it.
const HEIGHT: f32 = 400.0;
/// The share of the width that a task has; the picture keeps its height.
const TASK: f32 = 0.38;
/// Of an answer whose reasons would be scrolled in that.
const LONG_TASK: f32 = 0.5;

/// How much larger everything is on a screen of so many points at its own scale.
fn zoom_for(height: f32) -> f32 {
    (height / HEIGHT).clamp(1.0, 8.0)
}

/// The line above the picture: what the beat says, or without a lesson, what the `step` did.
fn line(ui: &mut Ui, lesson: Option<&OpenLesson>, step: Option<&str>) {
    let shown = lesson.and_then(|lesson| lesson.shown.as_ref().ok());
    if let Some(text) = shown.map(|shown| shown.say.as_str()).or(step) {
        let label = prose::line(ui, text, 20.0);
        draw::describe(&label, "projected line", &prose::words(text));
    }
}

/// What the beat asks, beside the picture: the question with its vote, the answer with its reasons, a task with its
/// controls and what came of it.
fn asked(ui: &mut Ui, talk: &mut Talk, lesson: &mut OpenLesson, messages: &mut Vec<Message>) {
    let predict = lesson.shown.as_ref().ok().and_then(|shown| shown.predict.clone());
    let revealed = predict.as_ref().and_then(|predict| predict.revealed.as_ref());
    match (&mut talk.vote, &predict) {
        (Some(vote), Some(predict)) => {
            task::task(ui, "Predict", &predict.question);
            tally(ui, vote, lesson, revealed.is_some(), messages);
            revealed.into_iter().for_each(|revealed| lesson::answer(ui, lesson, revealed));
        }
        _ => lesson::tasks(ui, lesson, messages),
    }
    // A class has chosen each of them.
    for choice in revealed.into_iter().flat_map(|revealed| &revealed.choices) {
        if let Some(thought) = &choice.misconception {
            ui.add_space(ui.spacing().item_spacing.y.min(SPACE));
            // What is a sentence ends at the colon, and not before it.
            let choice = choice.text.trim_end_matches(['.', '。']);
            let text = fill(ui.ctx(), "{0}: {1}", &[&format!("**{choice}**"), thought]);
            prose::line(ui, &text, task::size(ui));
        }
    }
}

/// The least that text is shrunk to: that of a task is that of a label then.
const LEAST_TEXT: f32 = 0.75;

/// By so much it gets smaller at a time.
const STEP: f32 = 0.05;

/// Shows what is scrolled in type as large as lets all of it be seen; what is longer yet is scrolled in the smallest. Before
/// the answer, where there are controls, nothing changes its size, but things may stand closer.
/// Gives whether some of it has to be scrolled even so.
fn fitted(ui: &mut Ui, is_revealed: bool, add: impl FnOnce(&mut Ui)) -> bool {
    let room = ui.available_size().round();
    let id = ui.scope_id().with(("part of the text", is_revealed, room.x as u32, room.y as u32));
    let part = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(1.0);
    let scroll = egui::ScrollArea::vertical().id_salt("asked").auto_shrink([false, false]);
    let shown = scroll.show(ui, |ui| {
        if part < 1.0 {
            ui.spacing_mut().item_spacing.y *= 0.5;
        }
        if is_revealed && part < 1.0 {
            task::shrink(ui, part);
            prose::close_lines(ui);
            ui.spacing_mut().interact_size.y = 0.0;
        }
        add(ui);
    });
    let least = if is_revealed { LEAST_TEXT } else { 1.0 - STEP };
    let is_over = shown.content_size.y > shown.inner_rect.height() + 0.5;
    if part > least && is_over {
        ui.data_mut(|data| data.insert_temp(id, (part - STEP).max(LEAST_TEXT)));
        ui.request_repaint();
    }
    is_over && part <= least
}

/// The beat's own picture: its bars, or the table, the picture or the formula of its prose.
fn own_picture(ui: &mut Ui, shown: &Shown) {
    match &shown.figure {
        Some(figure) => figure::show(ui, figure),
        None => prose::projected(ui, &shown.prose, &shown.pictures),
    }
}

/// After the last beat.
fn end(ui: &mut Ui, lesson: &OpenLesson) {
    let next = lesson.next_lesson().and_then(|index| LESSONS.get(index));
    let next = next.and_then(|entry| Some((entry.number, entry.lesson(words::language(ui.ctx())).ok()?)));
    ui.vertical_centered(|ui| {
        ui.add_space(ui.available_height() * 0.3);
        let text = fill(ui.ctx(), "The end of: {0}", &[&lesson.title()]);
        let label = ui.label(egui::RichText::new(&text).size(28.0).strong());
        draw::describe(&label, "projected line", &text);
        ui.add_space(16.0);
        let on = match next {
            Some((number, next)) => {
                fill(ui.ctx(), "Page down: lesson {0}, {1}. Esc: the end.", &[&number, &next.title])
            }
            None => tr(ui.ctx(), "Esc: the end.").to_owned(),
        };
        ui.label(egui::RichText::new(on).size(16.0).color(Palette::of(ui).faint_ink));
    });
}

/// The choices with their counts. A number key counts one hand up, with Shift one down.
fn tally(ui: &mut Ui, vote: &mut Vote, lesson: &OpenLesson, is_revealed: bool, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    let choices = lesson.choices();
    for (index, key) in NUMBERS.iter().enumerate().take(choices.len()) {
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::SHIFT, *key)) {
            vote.add(index, -1);
        }
        if ui.input_mut(|input| input.consume_key(egui::Modifiers::NONE, *key)) {
            vote.add(index, 1);
        }
    }
    let most = vote.rounds.iter().flatten().copied().max().unwrap_or(0).max(1) as f32;
    for (index, choice) in choices.iter().enumerate() {
        let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 22.0), egui::Sense::click());
        if response.clicked() {
            vote.add(index, 1);
        }
        let counts: Vec<u32> = vote.rounds.iter().filter_map(|round| round.get(index).copied()).collect();
        let room = rect.width() * 0.5;
        for (round, count) in counts.iter().enumerate() {
            let height = rect.height() / counts.len() as f32;
            let at = rect.min + egui::vec2(room, height * round as f32);
            let bar = egui::Rect::from_min_size(at, egui::vec2((room - 40.0) * *count as f32 / most, height - 2.0));
            let is_last = round + 1 == counts.len();
            ui.painter().rect_filled(bar, 2.0, if is_last { palette.accent } else { palette.done });
        }
        let mark = if is_revealed && choice.is_right { "\u{221a} " } else { "" };
        let text = format!("{}  {mark}{}", index + 1, choice.text);
        let place = egui::Rect::from_min_size(rect.min, egui::vec2(room - 8.0, rect.height()));
        draw::fit_text(ui.painter(), place, egui::Align2::LEFT_CENTER, &text, theme::text(14.0), palette.ink);
        let shown = counts.iter().map(u32::to_string).collect::<Vec<_>>().join(" > ");
        let right = rect.right_center();
        ui.painter().text(right, egui::Align2::RIGHT_CENTER, &shown, theme::figures(14.0), palette.ink);
        draw::describe(&response, &fill(ui.ctx(), "votes for {0}", &[&choice.text]), &shown);
    }
    ui.horizontal(|ui| {
        if ui.button(tr(ui.ctx(), "Vote again")).clicked() {
            vote.rounds.push(vec![0; choices.len()]);
        }
        if ui.button(tr(ui.ctx(), "Close")).clicked() {
            messages.push(Message::Talk(TalkMessage::Vote));
        }
    });
}

const NUMBERS: [egui::Key; 6] =
    [egui::Key::Num1, egui::Key::Num2, egui::Key::Num3, egui::Key::Num4, egui::Key::Num5, egui::Key::Num6];

/// The numbers of the row, large, on one line.
pub fn key_numbers(ui: &mut Ui, look: &Look<'_>) {
    let palette = Palette::of(ui);
    let Some(state) = look.row().map(|row| look.snapshot.row_state(row)) else { return };
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 8.0;
        made_by::mark(ui, MadeBy::Computed);
        let alpha = state.alpha.filter(|_| !look.question.hides.factor);
        for (part, value) in row_numbers::STATISTICS.into_iter().zip([state.m, alpha, state.l]) {
            let name = look.snapshot.called(part);
            let text = value.map_or("-".into(), short);
            ui.label(egui::RichText::new(name).size(14.0).color(palette.faint_ink));
            let label = ui.label(egui::RichText::new(&text).size(20.0).monospace());
            draw::describe(&label, &fill(ui.ctx(), "{0}, projected", &[&name]), &text);
            ui.add_space(12.0);
        }
    });
}

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

/// What the teacher sees: the clock and the time left, the answer that comes next, the notes.
pub fn notes(ui: &mut Ui, lesson: Option<&OpenLesson>, seconds: f64) {
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
    if let Some(answer) = lesson.next_answer() {
        let text = fill(ui.ctx(), "Next answer: {0}", &[&answer]);
        let label = ui.label(egui::RichText::new(&text).size(theme::HEADING).strong());
        draw::describe(&label, "next answer", &answer);
    }
    if let Ok(shown) = &lesson.shown {
        ui.label(egui::RichText::new(&shown.title).size(theme::HEADING));
        prose::show(ui, &shown.notes, &shown.pictures, theme::BODY);
    }
    ui.request_repaint_after_secs(1.0);
}

impl App {
    /// Another layout while presenting: no panel, one view, one line.
    pub(super) fn talk(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        let palette = Palette::of(ui);
        let now = ui.input(|input| input.time);
        let Some(mut talk) = self.talk.take() else { return };
        if talk.is_blank {
            egui::CentralPanel::default().frame(Frame::new().fill(theme::BLANK)).show(ui, |_| {});
            self.talk = Some(talk);
            return;
        }
        (self.view.is_projected, self.view.compare.is_bare) = (true, true);
        let ctx = ui.ctx().clone();
        let zoom = zoom_for(ctx.content_rect().height() * ctx.zoom_factor()) * talk.scale;
        if (ctx.zoom_factor() - zoom).abs() > 0.01 {
            ctx.set_zoom_factor(zoom);
        }
        let margin = Margin::symmetric(16, 8);
        if let Some(lesson) = self.lesson.as_ref().filter(|_| talk.is_over && !talk.is_away) {
            let frame = Frame::new().fill(palette.background).inner_margin(margin);
            egui::CentralPanel::default().frame(frame).show(ui, |ui| end(ui, lesson));
            self.talk = Some(talk);
            return;
        }
        let (scene, snapshot) = (self.document.scene().cloned(), self.document.snapshot().cloned());
        let step = scene.as_ref().zip(snapshot.as_deref());
        let step = step.map(|(scene, snapshot)| say(ui.ctx(), &current_step(scene, snapshot)));
        Panel::top("line")
            .frame(Frame::new().fill(palette.panel).inner_margin(margin))
            .resizable(false)
            .show(ui, |ui| line(ui, self.lesson.as_ref().filter(|_| !talk.is_away), step.as_deref()));
        if let Some(lesson) = self.lesson.as_mut().filter(|lesson| lesson.has_task() && !talk.is_away) {
            // Reasons that are too long for that in the smallest type have more of the width.
            let screen = ctx.content_rect().size().round();
            let at = (lesson.key.clone(), lesson.position.beat, screen.x as u32, screen.y as u32);
            let id = egui::Id::unique(("long reasons", at));
            let is_long = lesson.position.is_revealed && ctx.data(|data| data.get_temp(id)).unwrap_or(false);
            let width = ui.available_width() * if is_long { LONG_TASK } else { TASK };
            let frame = Frame::new().fill(palette.panel).inner_margin(margin);
            Panel::right("task").exact_size(width).frame(frame).resizable(false).show(ui, |ui| {
                let is_over = ui.push_id((lesson.key.clone(), lesson.position.beat), |ui| {
                    fitted(ui, lesson.position.is_revealed, |ui| asked(ui, &mut talk, lesson, messages))
                });
                if lesson.position.is_revealed && is_over.inner && !is_long {
                    ctx.data_mut(|data| data.insert_temp(id, true));
                    ctx.request_repaint();
                }
            });
        }
        if let Some((scene, snapshot)) = scene.as_ref().zip(snapshot.as_deref()) {
            let generation = self.document.generation();
            let motion = Motion::of(ui.ctx(), &self.player, snapshot.cursor == self.player.cursor());
            let (check, question) = (self.document.check().cloned(), self.question());
            let (selection, check) = (self.selection, check.as_deref());
            let look = Look { scene, snapshot, selection, check, generation, motion, question, race: None };
            let frame = Frame::new().fill(palette.panel).inner_margin(margin);
            // They are of a row: beside another picture they would be of nothing that is seen.
            let is_row = self.lesson.as_ref().filter(|_| !talk.is_away).is_none_or(OpenLesson::shows_main_view);
            if self.view.distance == Distance::Near && !self.view.compare.is_open && is_row {
                Panel::bottom("numbers").frame(frame).resizable(false).show(ui, |ui| key_numbers(ui, &look));
            }
            let frame = Frame::new().fill(palette.background).inner_margin(margin);
            let shown = self.lesson.as_ref().filter(|_| !talk.is_away).and_then(|lesson| lesson.shown.clone().ok());
            egui::CentralPanel::default().frame(frame).show(ui, |ui| match shown {
                Some(shown) if shown.picture == BeatPicture::Figure && !self.hides_figure => own_picture(ui, &shown),
                Some(shown) if shown.picture == BeatPicture::Chart && !self.hides_figure => {
                    bytes::projected(ui, &look, &self.view.counts, messages);
                }
                _ => stage::view(ui, &mut self.drawn(Some(&look), messages)),
            });
        }
        if talk.has_notes {
            notes_window(ui.ctx(), self.lesson.as_ref(), now - talk.began, messages);
        }
        self.talk = Some(talk);
    }
}

/// The teacher's window; inside this one where the system has no second. A remote's keys work there too: the person
/// who looks at it has the keyboard there.
fn notes_window(ctx: &Context, lesson: Option<&OpenLesson>, seconds: f64, messages: &mut Vec<Message>) {
    let id = egui::ViewportId::from_hash_of("notes");
    let title = tr(ctx, "Notes");
    let builder = egui::ViewportBuilder::default().with_title(title).with_inner_size([420.0, 480.0]);
    // Within this window the library's handles have English names.
    let builder = builder.with_resizable(!ctx.embed_viewports()).with_minimize_button(!ctx.embed_viewports());
    ctx.show_viewport_immediate(id, builder, |ui, class| {
        if class == egui::ViewportClass::EmbeddedWindow {
            return notes(ui, lesson, seconds);
        }
        let keyboard = Keyboard { is_covered: false, is_presenting: true };
        messages.extend(commands::pressed(ui.ctx(), keyboard).into_iter().map(|entry| entry.message.clone()));
        if ui.input(|input| input.viewport().close_requested()) {
            messages.push(Message::Talk(TalkMessage::Notes));
        }
        egui::CentralPanel::default().show(ui, |ui| notes(ui, lesson, seconds));
    });
}
