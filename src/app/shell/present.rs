//! Presenting: one sentence, one view, what is asked beside it; a spotlight.

use eframe::egui::{self, Context, Frame, Margin, Panel, Ui};

use crate::app::ink::motion::Motion;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{draw, prose, whole};
use crate::app::message::Message;
use crate::app::panels::lesson::task;
use crate::app::panels::{bytes, figure, lesson};
use crate::app::run::said::current_step;
use crate::app::shell::app::App;
use crate::app::shell::done::Done;
use crate::app::shell::{notes, said, stage, tally};
use crate::app::state::lesson::OpenLesson;
use crate::app::state::seen::Look;
use crate::app::state::talk::{Talk, TalkSize};
use crate::app::tongue::words::{self, fill, tr};
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{BeatPicture, Shown};

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

/// What the beat asks, beside the picture: the question with its vote, the answer with its reasons, a task with its
/// controls and what came of it.
fn asked(ui: &mut Ui, talk: &mut Talk, lesson: &mut OpenLesson, messages: &mut Vec<Message>) {
    let predict = lesson.shown.as_ref().ok().and_then(|shown| shown.predict.clone());
    let revealed = predict.as_ref().and_then(|predict| predict.revealed.as_ref());
    match (&mut talk.vote, &predict) {
        (Some(vote), Some(predict)) => {
            task::task(ui, "Predict", &predict.question);
            tally::show(ui, vote, &lesson.choices(), revealed.is_some(), messages);
            // Which is right is marked among them.
            if let Some(revealed) = revealed {
                prose::line(ui, &revealed.feedback, task::size(ui));
            }
            return;
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

/// What stands beside the picture.
#[derive(Clone, Copy)]
struct Asking {
    /// The answer is shown, or the build is done.
    is_settled: bool,
    is_voted_on: bool,
}

impl Asking {
    /// It is read alone: where there are controls, nothing changes its size, but things may stand closer.
    fn is_read(self) -> bool {
        self.is_settled || self.is_voted_on
    }
}

/// Shows what is scrolled in type as large as lets all of it be seen; what is longer yet is scrolled in the smallest.
/// Gives whether some of it has to be scrolled even so.
fn fitted(ui: &mut Ui, asking: Asking, add: impl FnOnce(&mut Ui)) -> bool {
    let room = ui.available_size().round();
    let kind = (asking.is_settled, asking.is_voted_on);
    let id = ui.scope_id().with(("part of the text", kind, room.x as u32, room.y as u32));
    let part = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(1.0);
    let scroll = egui::ScrollArea::vertical().id_salt("asked").auto_shrink([false, false]);
    let shown = scroll.show(ui, |ui| {
        if part < 1.0 {
            ui.spacing_mut().item_spacing.y *= 0.5;
        }
        if asking.is_read() && part < 1.0 {
            task::shrink(ui, part);
            prose::close_lines(ui);
            ui.spacing_mut().interact_size.y = 0.0;
        }
        // Controls keep their size, and the lines between them stand closer.
        if part < 1.0 - 1.5 * STEP {
            prose::close_lines(ui);
        }
        add(ui);
    });
    let least = if asking.is_read() { LEAST_TEXT } else { 1.0 - 2.0 * STEP };
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

/// What the spotlight leaves, as a part of the screen's height.
const SPOT: f32 = 0.18;

/// Dims all but a round area around the pointer, or at the middle of the screen where it was not moved yet.
fn spotlight(ctx: &Context) {
    let screen = ctx.content_rect();
    let at = ctx.input(|input| input.pointer.latest_pos()).unwrap_or(screen.center());
    // A ring so wide that it reaches every corner.
    let (radius, width) = (SPOT * screen.height(), screen.size().length());
    let layer = egui::LayerId::new(egui::Order::Middle, egui::Id::unique("spotlight"));
    ctx.layer_painter(layer).circle_stroke(at, radius + width / 2.0, egui::Stroke::new(width, theme::SHADE));
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
        // In whole points: its parts would differ with the size, and what fits be forgotten.
        let screen = (ctx.content_rect().size() * ctx.zoom_factor()).round();
        talk.size.look_at(self.seen(&ctx, &talk, screen));
        let zoom = zoom_for(screen.y) * talk.size.now();
        if (ctx.zoom_factor() - zoom).abs() > 0.01 {
            ctx.set_zoom_factor(zoom);
        }
        let (margin, mut is_scrolled) = (Margin::symmetric(16, 8), false);
        if let Some(lesson) = self.lesson.as_ref().filter(|_| talk.is_over && !talk.is_away) {
            let frame = Frame::new().fill(palette.background).inner_margin(margin);
            egui::CentralPanel::default().frame(frame).show(ui, |ui| end(ui, lesson));
            self.talk = Some(talk);
            return;
        }
        let (scene, snapshot) = (self.document.scene().cloned(), self.document.snapshot().cloned());
        let step = scene.as_ref().zip(snapshot.as_deref());
        let hides = self.question().hides;
        let step = step.map(|(scene, snapshot)| current_step(scene, snapshot, hides));
        Panel::top("line")
            .frame(Frame::new().fill(palette.panel).inner_margin(margin))
            .resizable(false)
            .show(ui, |ui| said::show(ui, &mut talk, self.lesson.as_ref(), step.as_ref()));
        if let Some(lesson) = self.lesson.as_mut().filter(|lesson| lesson.has_task() && !talk.is_away) {
            // Reasons that are too long for that in the smallest type have more of the width.
            let screen = ctx.content_rect().size().round();
            let at = (lesson.key.clone(), lesson.position.beat, screen.x as u32, screen.y as u32);
            let id = egui::Id::unique(("long reasons", at, talk.vote.is_some()));
            let asking = Asking { is_settled: lesson.is_settled(), is_voted_on: talk.vote.is_some() };
            let is_long = asking.is_settled && ctx.data(|data| data.get_temp(id)).unwrap_or(false);
            let width = ui.available_width() * if is_long { LONG_TASK } else { TASK };
            let frame = Frame::new().fill(palette.panel).inner_margin(margin);
            Panel::right("task").exact_size(width).frame(frame).resizable(false).show(ui, |ui| {
                let is_over = ui.push_id((lesson.key.clone(), lesson.position.beat), |ui| {
                    fitted(ui, asking, |ui| asked(ui, &mut talk, lesson, messages))
                });
                is_scrolled = is_over.inner;
                if asking.is_settled && is_scrolled && !is_long {
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
        // What still comes to its size, or moves, is not judged, nor what is typed in a field: it may be longer than that. What
        // is beside that field is still to be pressed.
        let (is_sized, is_typed) = ((ctx.zoom_factor() - zoom).abs() <= 0.01, ctx.text_edit_focused());
        if is_sized && is_typed {
            let is_cut = is_scrolled || !whole::is_in_reach(&ctx, true);
            if is_cut && talk.size.is_cut() {
                ctx.request_repaint();
            }
        } else if is_sized && !ctx.has_requested_repaint() {
            self.fit(&ctx, &mut talk.size, is_scrolled);
        }
        if talk.is_lit() {
            spotlight(&ctx);
        }
        if talk.has_notes {
            notes::window(ui.ctx(), &mut talk, self.lesson.as_ref(), now, messages);
        }
        self.talk = Some(talk);
    }

    /// A number for what is projected on a screen of so many points, other than its step.
    fn seen(&self, ctx: &Context, talk: &Talk, screen: egui::Vec2) -> u64 {
        let beat = self.lesson.as_ref().map(|lesson| (&lesson.key, lesson.position, lesson.is_settled()));
        let stage =
            (self.document.generation(), self.view.distance.name(), self.view.compare.is_open, self.hides_figure);
        let told = (talk.is_away, talk.has_both_languages, talk.vote.is_some(), words::language(ctx));
        egui::Id::unique((beat, stage, told, screen.x as u32, screen.y as u32)).value()
    }

    /// Where a size that was asked for cuts something, it gets smaller; that is said once.
    fn fit(&mut self, ctx: &Context, size: &mut TalkSize, is_scrolled: bool) {
        let is_cut = || is_scrolled || !whole::is_whole(ctx) || !whole::is_in_reach(ctx, false);
        if size.now() > 1.0 && is_cut() {
            size.is_cut();
            ctx.request_repaint();
        } else if size.is_whole() {
            self.done = Some(Done::new(ctx, "Nothing larger fits on this screen.".into()));
            ctx.request_repaint();
        }
    }
}
