//! Presenting: one line, one view, the key number; notes for the teacher in a second window; a class that votes.

use eframe::egui::{self, Context, Frame, Margin, Panel, Ui};

use super::action::{Action, Present as Wish};
use super::commands::{self, Keyboard};
use super::draw;
use super::lesson::OpenLesson;
use super::look::Look;
use super::motion::Motion;
use super::near;
use super::theme::{self, Palette};
use super::window::App;
use super::words::{fill, tr};
use crate::number::short;

/// Everything at this size again: the smallest label of 12 is 24.
pub const ZOOM: f32 = 2.0;

/// What a talk remembers.
#[derive(Clone, Debug, Default)]
pub struct Talk {
    pub is_blank: bool,
    pub has_notes: bool,
    pub vote: Option<Vote>,
    /// Seconds of the clock at which it began.
    pub began: f64,
    /// The zoom before it.
    pub zoom_before: f32,
    /// The person left the beat to look at something else.
    pub is_away: bool,
}

/// A vote of the class: counts by choice, one row for each round.
#[derive(Clone, Debug, Default)]
pub struct Vote {
    pub rounds: Vec<Vec<u32>>,
}

impl Vote {
    pub fn new(choices: usize) -> Self {
        Self { rounds: vec![vec![0; choices]] }
    }

    fn now(&mut self) -> Option<&mut Vec<u32>> {
        self.rounds.last_mut()
    }

    fn add(&mut self, choice: usize, by: i64) {
        if let Some(count) = self.now().and_then(|counts| counts.get_mut(choice)) {
            *count = count.saturating_add_signed(by as i32);
        }
    }
}

/// The line above the picture; below it the question with its vote, or the answer.
pub fn line(ui: &mut Ui, talk: &mut Talk, lesson: Option<&OpenLesson>, actions: &mut Vec<Action>) {
    let palette = Palette::of(ui);
    let Some((lesson, shown)) = lesson.and_then(|lesson| Some((lesson, lesson.shown.as_ref().ok()?))) else { return };
    let say = ui.add(egui::Label::new(egui::RichText::new(&shown.say).size(20.0).strong()));
    draw::describe(&say, "projected line", &shown.say);
    let Some(predict) = &shown.predict else { return };
    match &predict.revealed {
        Some(revealed) => {
            let answer = ui.label(egui::RichText::new(&revealed.answer).size(24.0).color(palette.ink));
            draw::describe(&answer, "answer", &revealed.answer);
        }
        None => {
            ui.label(egui::RichText::new(&predict.question).size(14.0));
        }
    }
    if let Some(vote) = &mut talk.vote {
        tally(ui, vote, lesson, predict.revealed.is_some(), actions);
    }
}

/// The choices with their counts. A number key counts one hand up, with Shift one down.
fn tally(ui: &mut Ui, vote: &mut Vote, lesson: &OpenLesson, is_revealed: bool, actions: &mut Vec<Action>) {
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
            actions.push(Action::Present(Wish::Vote));
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
        for (part, value) in near::STATISTICS.into_iter().zip([state.m, state.alpha, state.l]) {
            let name = look.snapshot.called(part);
            let text = value.map_or("-".into(), short);
            ui.label(egui::RichText::new(name).size(14.0).color(palette.faint_ink));
            let label = ui.label(egui::RichText::new(&text).size(20.0).monospace());
            draw::describe(&label, &fill(ui.ctx(), "{0}, projected", &[&name]), &text);
            ui.add_space(12.0);
        }
    });
}

/// What the teacher sees: the notes, the answer that comes next, the clock.
pub fn notes(ui: &mut Ui, lesson: Option<&OpenLesson>, seconds: f64) {
    let minutes = (seconds / 60.0).floor();
    let clock = format!("{:.0}:{:02.0}", minutes, (seconds - 60.0 * minutes).floor());
    let label = ui.label(egui::RichText::new(&clock).size(theme::TITLE).monospace());
    draw::describe(&label, "clock", &clock);
    let Some(lesson) = lesson else { return };
    draw::caption(ui, &format!("{}. {}", lesson.index + 1, lesson.lesson.title));
    if let Some(answer) = lesson.next_answer() {
        let text = fill(ui.ctx(), "Next answer: {0}", &[&answer]);
        let label = ui.label(egui::RichText::new(&text).size(theme::HEADING).strong());
        draw::describe(&label, "next answer", &answer);
    }
    if let Ok(shown) = &lesson.shown {
        ui.label(egui::RichText::new(&shown.title).size(theme::HEADING));
        super::prose::show(ui, &shown.notes, theme::BODY);
    }
    ui.request_repaint_after_secs(1.0);
}

impl App {
    /// Another layout while presenting: no panel, one view, one line.
    pub(super) fn talk(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let palette = Palette::of(ui);
        let now = ui.input(|input| input.time);
        let Some(mut talk) = self.talk.take() else { return };
        if talk.is_blank {
            egui::CentralPanel::default().frame(Frame::new().fill(theme::BLANK)).show(ui, |_| {});
            self.talk = Some(talk);
            return;
        }
        let margin = Margin::symmetric(16, 8);
        Panel::top("line")
            .frame(Frame::new().fill(palette.panel).inner_margin(margin))
            .resizable(false)
            .show(ui, |ui| line(ui, &mut talk, self.lesson.as_ref(), actions));
        let (scene, snapshot) = (self.document.scene().cloned(), self.document.snapshot().cloned());
        if let Some((scene, snapshot)) = scene.as_ref().zip(snapshot.as_deref()) {
            let generation = self.document.generation();
            let motion = Motion::of(ui.ctx(), &self.player, snapshot.cursor == self.player.cursor());
            let (check, question) = (self.document.check().cloned(), self.question());
            let (selection, check) = (self.selection, check.as_deref());
            let look = Look { scene, snapshot, selection, check, generation, motion, question };
            let frame = Frame::new().fill(palette.panel).inner_margin(margin);
            Panel::bottom("numbers").frame(frame).resizable(false).show(ui, |ui| key_numbers(ui, &look));
            let frame = Frame::new().fill(palette.background).inner_margin(margin);
            self.figure(ui, frame, 0.0);
            egui::CentralPanel::default()
                .frame(frame)
                .show(ui, |ui| self.stage.view(ui, scene, &look, &mut self.textures, actions));
        }
        if talk.has_notes {
            notes_window(ui.ctx(), self.lesson.as_ref(), now - talk.began, actions);
        }
        self.talk = Some(talk);
    }
}

/// The teacher's window; inside this one where the system has no second. A remote's keys work there too: the person
/// who looks at it has the keyboard there.
fn notes_window(ctx: &Context, lesson: Option<&OpenLesson>, seconds: f64, actions: &mut Vec<Action>) {
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
        actions.extend(commands::pressed(ui.ctx(), keyboard).into_iter().map(|entry| entry.action.clone()));
        if ui.input(|input| input.viewport().close_requested()) {
            actions.push(Action::Present(Wish::Notes));
        }
        egui::CentralPanel::default().show(ui, |ui| notes(ui, lesson, seconds));
    });
}
