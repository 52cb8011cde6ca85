//! One frame of the window, from top to bottom. What panels ask for is carried out at the end.

use eframe::egui::{self, Context, Event, FocusDirection, Frame, Key, Margin, Modifiers, Panel, Ui};

use crate::app::ink::focus;
use crate::app::ink::motion::{self, Motion};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::commands::{self, Keyboard};
use crate::app::message::talk::TourMessage;
use crate::app::message::window::{Edge, Overlay, Side};
use crate::app::panels::block_sizes::BlockSizes;
use crate::app::panels::breakpoints::{self, Breakpoints};
use crate::app::panels::gpu::{self, GpuPanel};
use crate::app::panels::kernel::KernelEditor;
use crate::app::panels::lesson::click;
use crate::app::panels::odd_rows::{self, LookedAt};
use crate::app::panels::what_if::WhatIf;
use crate::app::panels::{figure, setup, text, timeline, tour};
use crate::app::run::link::Link;
use crate::app::run::source::Source;
use crate::app::shell::app::App;
use crate::app::shell::enlarged::Enlarged;
use crate::app::shell::palette::PaletteOutcome;
use crate::app::shell::picture::{self, Sitting};
use crate::app::shell::{keys, presenting, stage, top_bar};
use crate::app::state::history::Moment;
use crate::app::state::seen::{Look, Question};
use crate::app::state::text_editor::{Edited, TextEditor};
use crate::app::tongue::words::{self, tr};
use crate::playback::Command;
use crate::playback::lesson::BeatPicture;

/// Points of height from which on a figure and the main view are both shown.
const ROOM_FOR_BOTH: f32 = 640.0;
/// Of a second line of the names of the views.
const NAMES: f32 = 28.0;
/// Points that stay free below a figure in place of the main view.
const KEPT: f32 = 44.0;

impl App {
    /// One frame. A harness that renders without a window calls this.
    pub fn frame(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let mut messages = Vec::new();
        self.type_answer(&ctx);
        self.tab_into_beat(&ctx);
        if self.talk.as_ref().is_none_or(|talk| talk.vote.is_none()) {
            self.keys(&ctx, &mut messages);
        }
        messages.extend(dropped(&ctx));
        self.tick(&ctx);
        self.document.update(&ctx, &mut self.player, &mut self.selection);
        if !self.document.is_opening() {
            let opened = self.to_remember.take().filter(|path| self.document.origin().path() == Some(path));
            opened.iter().for_each(|path| self.store.kept.remember_file(path));
        }
        self.follow_own_text(&ctx);
        self.follow_typed_text(&ctx);
        self.follow_own_lesson(&ctx);
        if let Some(folder) = &mut self.lesson_folder {
            folder.follow(&ctx);
        }
        self.follow_lesson();
        self.gpu.update();
        let is_open = self.view.is_open(gpu::PANEL.id);
        self.owned.of::<GpuPanel>().update(&ctx, is_open, &self.document, &mut self.gpu);
        self.owned.of::<KernelEditor>().update(&self.gpu, self.document.scene());
        self.take_saved(&ctx);
        if let Some(picked) = self.open_panel.take_picked() {
            self.overlay = None;
            messages.push(picked);
        }
        if self.talk.is_some() {
            self.talk(ui, &mut messages);
        } else {
            self.panels(ui, &mut messages);
        }
        self.overlay(ui, &mut messages);
        focus::ring(ui);
        // A vote has the number keys first.
        if self.talk.as_ref().is_some_and(|talk| talk.vote.is_some()) {
            self.keys(&ctx, &mut messages);
        }
        self.answer_by_click(&messages);
        if !messages.is_empty() {
            messages.into_iter().for_each(|message| self.carry_out(&ctx, message));
            ctx.request_repaint();
        }
        // What was not shown in this frame was not asked for.
        self.view.update();
        self.owned.of::<WhatIf>().update();
        self.owned.of::<BlockSizes>().update();
        self.keep(&ctx);
    }

    fn keys(&mut self, ctx: &Context, messages: &mut Vec<Message>) {
        let keyboard = Keyboard { is_covered: self.overlay.is_some(), is_presenting: self.talk.is_some() };
        for entry in commands::pressed(ctx, keyboard) {
            self.last_command = entry.name.into();
            messages.push(entry.message.clone());
        }
    }

    /// Digits that are typed beside the field of a question go into it: they are an answer, and no keys of the views.
    fn type_answer(&mut self, ctx: &Context) {
        let is_free = self.overlay.is_none() && self.talk.is_none() && self.side == Side::Lesson;
        let Some(lesson) = self.lesson.as_mut().filter(|lesson| is_free && lesson.asks_for_text()) else { return };
        if ctx.memory(|memory| memory.focused().is_some()) {
            return;
        }
        let typed = ctx.input_mut(click::typed);
        if !typed.is_empty() {
            lesson.begin_answer();
            lesson.work.typed.push_str(&typed);
            click::focus(ctx, &lesson.work.typed);
        }
    }

    /// The first Tab after a beat has opened leads to what it asks, and so does one while nothing has the keyboard: the
    /// bar, the transport and the steps before it have their keys.
    fn tab_into_beat(&mut self, ctx: &Context) {
        let focused = ctx.memory(egui::Memory::focused);
        self.focused_at_beat.take_if(|at_beat| Some(*at_beat) != focused);
        let is_free = self.overlay.is_none() && self.talk.is_none() && !egui::Popup::is_any_open(ctx);
        if !is_free || self.side != Side::Lesson || self.is_folded(ctx, Edge::Left) {
            return;
        }
        let is_tab = |event: &Event| {
            matches!(event, Event::Key { key: Key::Tab, pressed: true, modifiers: Modifiers::NONE, .. })
        };
        let (Some(lesson), true) = (&mut self.lesson, ctx.input(|input| input.events.iter().any(is_tab))) else {
            return;
        };
        if focused.is_none() || self.focused_at_beat.take().is_some() {
            ctx.memory_mut(|memory| {
                focused.iter().for_each(|id| memory.surrender_focus(*id));
                memory.move_focus(FocusDirection::None);
            });
            lesson.takes_keyboard = true;
        }
    }

    fn overlay(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        match self.overlay {
            Some(Overlay::Keys) if !keys::show(ui) => self.overlay = None,
            Some(Overlay::Palette) => {
                match self.palette.show(ui, &setup::names(&self.document), &self.store.kept.recent) {
                    PaletteOutcome::Open => {}
                    PaletteOutcome::Closed => self.overlay = None,
                    PaletteOutcome::Picked(name, action) => {
                        self.overlay = None;
                        self.last_command = name;
                        messages.push(action);
                    }
                }
            }
            Some(Overlay::Open) if !self.open_panel.show(ui, &self.store.kept.recent, messages) => self.overlay = None,
            Some(Overlay::OddRows) if !self.odd_rows(ui) => self.overlay = None,
            Some(Overlay::Keys | Overlay::Open | Overlay::OddRows) | None => {}
        }
        // Pictures are without it.
        if self.saving.is_none() && self.sitting.is_none() {
            self.done.take_if(|done| !done.show(ui.ctx()));
        }
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            drop_hint(ui);
        }
    }

    /// Gives whether the sheet stays open.
    fn odd_rows(&self, ui: &mut Ui) -> bool {
        let row = self.document.scene().zip(self.document.snapshot()).map(|(scene, snapshot)| {
            let selected = self.selection.query;
            LookedAt { scene, query: snapshot.row_for(selected, scene.plan()).unwrap_or(selected) }
        });
        odd_rows::show(ui, row, self.talk.is_some(), self.question().hides.rule)
    }

    /// Keeps what a later start resumes, and makes moments for undo.
    fn keep(&mut self, ctx: &Context) {
        if !self.document.is_busy() {
            let moment = Moment { settings: self.document.wanted().clone(), selection: self.selection };
            self.view.compare.remember(&moment.settings.algorithm);
            self.history.see(self.document.source_arc(), moment);
            self.store.kept.session = self.place().filter(Link::has_input);
            if !self.is_view_busy() {
                self.store.has_opened();
            }
        }
        // An answer that is typed, a card that is placed: kept as it is, whatever comes next.
        self.remember();
        self.store.save_calmly(ctx.input(|input| input.time));
        if let Some(notice) = self.store.notice.take() {
            self.document.set_notice(Some(notice));
        }
    }

    /// Passes the clock on to the player, and asks for the next frame only when something will move.
    fn tick(&mut self, ctx: &Context) {
        let now = ctx.input(|input| input.time);
        let seconds = now - self.last_time.unwrap_or(now);
        let moves = self.player.is_playing() || self.player.is_gliding();
        self.last_time = moves.then_some(now);
        if let Some(scene) = self.document.scene() {
            self.player.apply(scene.schedule(), Command::Tick(seconds));
        }
        if let Some(due) = self.player.due_in() {
            ctx.request_repaint_after_secs(due as f32);
        }
        if self.player.is_gliding() && !motion::is_reduced(ctx) {
            ctx.request_repaint();
        }
    }

    fn panels(&mut self, ui: &mut Ui, messages: &mut Vec<Message>) {
        let panel = |ui: &Ui| Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(12, 4));
        Panel::top("top").exact_size(theme::TOP_BAR).frame(panel(ui)).resizable(false).show(ui, |ui| {
            top_bar::show(ui, &self.document, &self.view.counts, messages);
        });
        if let Some(text) = self.document.notice() {
            top_bar::notice(ui, &words::say(ui.ctx(), text), &self.document, messages);
        }
        if let Some(text) = self.document.understood() {
            top_bar::understood(ui, &words::say(ui.ctx(), text), messages);
        }
        let (scene, snapshot) = (self.document.scene().cloned(), self.document.snapshot().cloned());
        let check = self.document.check().cloned();
        let editor = self.owned.see().filter(|_| self.view.is_open(text::PANEL.id));
        let race = editor.and_then(TextEditor::edited).and_then(Edited::race).cloned();
        let look = scene.as_deref().zip(snapshot.as_deref()).map(|(scene, snapshot)| Look {
            scene,
            snapshot,
            selection: self.selection,
            check: check.as_deref(),
            generation: self.document.generation(),
            motion: Motion::of(ui.ctx(), &self.player, snapshot.cursor == self.player.cursor()),
            question: self.question(),
            race: race.as_ref(),
        });
        self.bottom(ui, look.as_ref(), messages);
        self.left(ui, look.as_ref(), messages);
        self.right(ui, look.as_ref(), messages);
        self.center(ui, look.as_ref(), messages);
    }

    /// What the lesson asks of the picture.
    pub(super) fn question(&self) -> Question {
        let asked = self.lesson.as_ref().map(|lesson| Question { mark: self.document.mark(), ..lesson.question() });
        asked.unwrap_or_default()
    }

    fn bottom(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(12, 8));
        let breakpoints = self.owned.see::<Breakpoints>().filter(|_| self.view.is_open(breakpoints::PANEL.id));
        let stops = breakpoints.zip(look).map(|(of, look)| of.stops(look.scene, look.generation));
        Panel::bottom("timeline").exact_size(theme::TIMELINE).frame(frame).resizable(false).show(ui, |ui| {
            if let Some(look) = look {
                let strip = (&mut self.strip, stops.as_ref());
                timeline::show(ui, look, &self.player, strip, &mut self.textures, messages);
            }
        });
    }

    fn center(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let palette = Palette::of(ui);
        let Some(look) = look else {
            let frame = Frame::new().fill(palette.background).inner_margin(Margin::same(24));
            egui::CentralPanel::default().frame(frame).show(ui, |ui| {
                ui.label(tr(ui.ctx(), "Computing the first picture ..."));
            });
            return;
        };
        self.tour_band(ui, look, messages);
        self.sit(ui, look);
        let frame = Frame::new().fill(palette.background).inner_margin(VIEW);
        let is_covered = self.figure(ui, frame);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            let show = match (self.sitting, is_covered) {
                (Some(_), _) => stage::alone,
                (None, true) => stage::names,
                (None, false) => stage::show,
            };
            show(ui, &mut self.drawn(Some(look), messages));
        });
    }

    /// The figure of the beat: above the main view where both have room, else in its place, where the beat is about it,
    /// until the person chooses a distance: the names of the views stay below it. Gives whether it has that place.
    fn figure(&self, ui: &mut Ui, frame: Frame) -> bool {
        let lesson = self.lesson.as_ref().filter(|_| self.side == Side::Lesson && !self.hides_figure);
        let shown = lesson.and_then(|lesson| lesson.shown.as_ref().ok());
        let Some(figure) = shown.and_then(|shown| shown.figure.as_ref()) else { return false };
        let (room, has_both) = (ui.available_height(), ui.available_height() > ROOM_FOR_BOTH);
        let kept = if stage::is_narrow(ui.available_width() - 24.0) { KEPT + NAMES } else { KEPT };
        let height = match has_both {
            true => room * 0.5,
            false if shown.is_some_and(|shown| shown.picture == BeatPicture::Figure) => room - kept,
            false => return false,
        };
        Panel::top("figure")
            .exact_size(height.max(0.0))
            .frame(frame)
            .resizable(false)
            .show(ui, |ui| figure::show(ui, figure));
        !has_both
    }

    /// While a picture of the main view is taken, its caption stands below it.
    fn sit(&mut self, ui: &mut Ui, look: &Look<'_>) {
        let Some(sitting) = self.sitting else { return };
        let whole = ui.available_rect_before_wrap();
        let title = top_bar::input_title(ui, &self.document);
        caption(ui, &title, look);
        // As it is projected: without what is only there to be pressed.
        self.view.is_projected = true;
        match sitting {
            Sitting::Asked(goal) => {
                presenting::show_hover_texts(ui.ctx(), false);
                self.sitting = Some(Sitting::Cleared(goal));
                ui.ctx().request_repaint();
            }
            Sitting::Cleared(goal) => {
                // Textures are those of a window.
                let textures = std::mem::take(&mut self.textures);
                let view = Enlarged::of(ui.ctx(), whole.size(), |ui| self.view_alone(ui, &title, look));
                self.textures = textures;
                self.saving = Some(picture::of_view(ui.ctx(), view, whole, goal));
                self.sitting = Some(Sitting::Taken);
            }
            Sitting::Taken => {}
        }
    }

    /// The main view under its title and above its caption, and nothing else.
    fn view_alone(&mut self, ui: &mut Ui, title: &str, look: &Look<'_>) {
        caption(ui, title, look);
        let frame = Frame::new().fill(Palette::of(ui).background).inner_margin(VIEW);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            stage::alone(ui, &mut self.drawn(Some(look), &mut Vec::new()));
        });
    }

    fn tour_band(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        let is_playing = self.player.is_playing();
        let is_ready = !self.document.is_busy() && !self.is_view_busy();
        self.view.is_projected = false;
        self.view.compare.is_bare = self.tour.as_ref().is_some_and(|tour| tour.stop == tour::Stop::Race);
        let Some(tour) = &mut self.tour else { return };
        messages.extend(tour.begin(is_ready, look.scene));
        if tour.is_watched(is_playing) {
            messages.push(Message::Tour(TourMessage::Next));
        }
        let frame = Frame::new().fill(Palette::of(ui).accent_soft).inner_margin(Margin::symmetric(16, 12));
        Panel::top("tour").frame(frame).resizable(false).show(ui, |ui| tour.show(ui, look, messages));
    }
}

/// Around the main view.
const VIEW: Margin = Margin::symmetric(12, 8);

/// What a picture of the main view is of.
fn caption(ui: &mut Ui, title: &str, look: &Look<'_>) {
    let frame = Frame::new().fill(Palette::of(ui).background).inner_margin(Margin::symmetric(12, 4));
    Panel::bottom("caption").frame(frame).resizable(false).show(ui, |ui| picture::caption(ui, title, look));
}

/// Over everything while a file is held above the window.
fn drop_hint(ui: &Ui) {
    let palette = Palette::of(ui);
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint"));
    let (painter, rect) = (ui.ctx().layer_painter(layer), ui.ctx().content_rect());
    painter.rect_filled(rect, 0.0, palette.veil());
    painter.rect_stroke(rect.shrink(8.0), 4.0, palette.outline(), egui::StrokeKind::Inside);
    let text = tr(ui.ctx(), "Drop to open: .safetensors, .npz, or q, k and v.npy together");
    painter.text(rect.center(), egui::Align2::CENTER_CENTER, text, theme::text(theme::TITLE), palette.ink);
}

/// Files that were dropped on the window in this frame.
fn dropped(ctx: &Context) -> Option<Message> {
    let paths: Vec<_> = ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
    (!paths.is_empty()).then_some(Message::Open(Source::Paths(paths)))
}

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.frame(ui);
    }
    /// What was not written yet.
    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        self.store.has_opened();
        self.store.save();
    }
}
