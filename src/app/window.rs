//! The window: all its state, and one frame from top to bottom. What panels ask for is carried out at the end.

use eframe::egui::{self, Context, Frame, Margin, Panel, Ui};

use crate::attention::Input;
use crate::playback::lesson::Distance;
use crate::playback::{Command, Player};

use super::action::{Action, Overlay, Selection, Side, Source, Tab};
use super::code::CodeView;
use super::commands::{self, Keyboard};
use super::document::Document;
use super::done::{Done, Ended};
use super::gpu_job::Gpu;
use super::gpu_panel::GpuPanel;
use super::history::{History, Moment};
use super::job::Job;
use super::lesson::OpenLesson;
use super::look::{Look, Question};
use super::motion::Motion;
use super::odd_rows::{self, LookedAt};
use super::open_panel::OpenPanel;
use super::own_lesson::OwnLesson;
use super::own_text::OwnText;
use super::palette::{CommandPalette, Outcome};
use super::pick::PickFile;
use super::picture::{self, Sitting};
use super::place::Place;
use super::present::Talk;
use super::settings::Settings;
use super::sides::Folds;
use super::stage::{Stage, Wish};
use super::store::Store;
use super::strip::Strip;
use super::texture::Textures;
use super::theme::{self, Palette};
use super::tour::{self, Tour};
use super::words::{self, tr};
use super::{figure, keys, lesson_click, memory, motion, setup, timeline, top_bar};

/// Points of height from which on a figure and the main view are both shown.
const ROOM_FOR_BOTH: f32 = 640.0;

/// The whole application.
pub struct App {
    pub(super) document: Document,
    pub(super) player: Player,
    pub(super) selection: Selection,
    pub(super) tab: Tab,
    pub(super) side: Side,
    pub(super) gpu: Gpu,
    pub(super) gpu_panel: GpuPanel,
    pub(super) textures: Textures,
    pub(super) stage: Stage,
    pub(super) strip: Strip,
    pub(super) code: CodeView,
    pub(super) own_text: OwnText,
    pub(super) own_lesson: OwnLesson,
    pub(super) overlay: Option<Overlay>,
    pub(super) palette: CommandPalette,
    pub(super) store: Store,
    pub(super) history: History,
    pub(super) lesson: Option<OpenLesson>,
    pub(super) tour: Option<Tour>,
    /// The person looks at the main view, and not at the figure of the beat.
    pub(super) hides_figure: bool,
    pub(super) talk: Option<Talk>,
    /// A file that is being written.
    pub(super) saving: Option<Job<Ended>>,
    /// What was done last, while it is told.
    pub(super) done: Option<Done>,
    /// A picture of the main view that is being taken.
    pub(super) sitting: Option<Sitting>,
    pub(super) open_panel: OpenPanel,
    pub(super) pick_file: PickFile,
    /// The name of the command that was carried out last.
    pub(super) last_command: &'static str,
    /// The clock of the last frame, while playing.
    pub(super) last_time: Option<f64>,
    pub(super) folds: Folds,
    /// A file that is being opened: it was opened before once it is there.
    pub(super) to_remember: Option<String>,
    /// A choice of the setup that is to have the keyboard in the next frame.
    pub(super) wanted_setting: Option<&'static str>,
}

impl App {
    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn player(&self) -> &Player {
        &self.player
    }

    pub fn lesson(&self) -> Option<&OpenLesson> {
        self.lesson.as_ref()
    }

    /// The name of the command that was carried out last, in the table of commands.
    pub fn last_command(&self) -> &'static str {
        self.last_command
    }

    /// Work is under way that will change what is shown.
    pub fn is_busy(&self) -> bool {
        self.document.is_busy()
            || self.gpu.is_busy()
            || self.gpu_panel.is_busy()
            || self.stage.is_busy()
            || self.saving.is_some()
            || self.sitting.is_some()
            || self.open_panel.is_busy()
    }

    /// Moves the cursor, as the keys do.
    pub fn apply(&mut self, command: Command) {
        if let Some(scene) = self.document.scene() {
            self.player.apply(scene.schedule(), command);
        }
    }

    /// Opens `input` under choices of its own; the old picture stays until that has succeeded.
    pub fn open_input(&mut self, ctx: &Context, input: Input, settings: Settings) {
        self.document.open_with(ctx, input, settings);
    }

    /// Changes what the main view shows.
    pub fn wish(&mut self, wish: Wish) {
        self.stage.carry_out(wish);
    }

    /// Moves the main view closer or farther.
    pub fn look_from(&mut self, distance: Distance) {
        self.stage.stand_at(distance);
    }

    /// One frame. A harness that renders without a window calls this.
    pub fn frame(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let mut actions = Vec::new();
        self.type_answer(&ctx);
        if self.talk.as_ref().is_none_or(|talk| talk.vote.is_none()) {
            self.keys(&ctx, &mut actions);
        }
        actions.extend(dropped(&ctx));
        self.tick(&ctx);
        self.document.update(&ctx, &mut self.player, &mut self.selection);
        if !self.document.is_opening() {
            let opened = self.to_remember.take().filter(|path| self.document.origin().path() == Some(path));
            opened.iter().for_each(|path| self.store.kept.remember_file(path));
        }
        self.follow_own_text(&ctx);
        self.follow_own_lesson(&ctx);
        self.follow_lesson();
        self.gpu.update();
        self.gpu_panel.update(&ctx, &self.document, &mut self.gpu);
        self.code.editor.update(&self.gpu, self.document.scene());
        self.take_saved(&ctx);
        actions.extend(self.open_panel.take_picked());
        if self.talk.is_some() {
            self.talk(ui, &mut actions);
        } else {
            self.panels(ui, &mut actions);
        }
        self.overlay(ui, &mut actions);
        // A vote has the number keys first.
        if self.talk.as_ref().is_some_and(|talk| talk.vote.is_some()) {
            self.keys(&ctx, &mut actions);
        }
        self.answer_by_click(&actions);
        if !actions.is_empty() {
            actions.into_iter().for_each(|action| self.carry_out(&ctx, action));
            ctx.request_repaint();
        }
        self.keep(&ctx);
    }

    fn keys(&mut self, ctx: &Context, actions: &mut Vec<Action>) {
        let keyboard = Keyboard { is_covered: self.overlay.is_some(), is_presenting: self.talk.is_some() };
        for entry in commands::pressed(ctx, keyboard) {
            self.last_command = entry.name;
            actions.push(entry.action.clone());
        }
    }

    /// Digits that are typed beside the field of a question go into it: they are an answer, and no keys of the views.
    fn type_answer(&mut self, ctx: &Context) {
        let is_free = self.overlay.is_none() && self.talk.is_none() && self.side == Side::Lesson;
        let Some(lesson) = self.lesson.as_mut().filter(|lesson| is_free && lesson.asks_for_text()) else { return };
        if ctx.memory(|memory| memory.focused().is_some()) {
            return;
        }
        let typed = ctx.input_mut(lesson_click::typed);
        if !typed.is_empty() {
            lesson.begin_answer();
            lesson.work.typed.push_str(&typed);
            lesson_click::focus(ctx, &lesson.work.typed);
        }
    }

    fn overlay(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        match self.overlay {
            Some(Overlay::Keys) if !keys::show(ui) => self.overlay = None,
            Some(Overlay::Palette) => {
                match self.palette.show(ui, &setup::names(&self.document), &self.store.kept.recent) {
                    Outcome::Open => {}
                    Outcome::Closed => self.overlay = None,
                    Outcome::Picked(name, action) => {
                        self.overlay = None;
                        self.last_command = name;
                        actions.push(action);
                    }
                }
            }
            Some(Overlay::Open) if !self.open_panel.show(ui, &self.store.kept.recent, actions) => self.overlay = None,
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
            LookedAt { run: &scene.run, query: snapshot.row_for(selected, scene.plan().br).unwrap_or(selected) }
        });
        odd_rows::show(ui, row, self.talk.is_some())
    }

    /// Keeps what a later start resumes, and makes moments for undo.
    fn keep(&mut self, ctx: &Context) {
        if !self.document.is_busy() {
            let moment = Moment { settings: self.document.wanted().clone(), selection: self.selection };
            self.history.see(self.document.source_arc(), moment);
            self.store.kept.session = self.place().filter(Place::has_input);
            if !self.stage.is_busy() {
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

    fn panels(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let panel = |ui: &Ui| Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(12, 4));
        Panel::top("top").exact_size(theme::TOP_BAR).frame(panel(ui)).resizable(false).show(ui, |ui| {
            top_bar::show(ui, &self.document, actions);
        });
        if let Some(text) = self.document.notice() {
            top_bar::notice(ui, &words::say(ui.ctx(), text), actions);
        }
        if let Some(text) = self.document.understood() {
            top_bar::understood(ui, &words::say(ui.ctx(), text), actions);
        }
        let (scene, snapshot) = (self.document.scene().cloned(), self.document.snapshot().cloned());
        let check = self.document.check().cloned();
        let look = scene.as_deref().zip(snapshot.as_deref()).map(|(scene, snapshot)| Look {
            scene,
            snapshot,
            selection: self.selection,
            check: check.as_deref(),
            generation: self.document.generation(),
            motion: Motion::of(ui.ctx(), &self.player, snapshot.cursor == self.player.cursor()),
            question: self.question(),
        });
        self.bottom(ui, look.as_ref(), actions);
        self.left(ui, look.as_ref(), actions);
        self.right(ui, look.as_ref(), actions);
        self.center(ui, look.as_ref(), actions);
        self.gpu_panel.show(ui.ctx(), look.as_ref(), &self.gpu, &mut self.textures, actions);
        self.code.editor.show(ui.ctx(), look.as_ref(), &self.gpu, actions);
    }

    /// What the lesson asks of the picture.
    pub(super) fn question(&self) -> Question {
        self.lesson.as_ref().map(OpenLesson::question).unwrap_or_default()
    }

    fn bottom(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(12, 8));
        Panel::bottom("timeline").exact_size(theme::TIMELINE).frame(frame).resizable(false).show(ui, |ui| {
            if let Some(look) = look {
                timeline::show(ui, look, &self.player, &mut self.strip, &mut self.textures, actions);
            }
        });
    }

    fn center(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let palette = Palette::of(ui);
        let Some(look) = look else {
            let frame = Frame::new().fill(palette.background).inner_margin(Margin::same(24));
            egui::CentralPanel::default().frame(frame).show(ui, |ui| {
                ui.label(tr(ui.ctx(), "Computing the first picture ..."));
            });
            return;
        };
        self.tour_band(ui, look, actions);
        self.sit(ui, look);
        if !self.stage.shows_memory() {
            let strip = Panel::top("memory").exact_size(theme::MEMORY_STRIP).frame(memory::frame(ui)).resizable(false);
            strip.show(ui, |ui| memory::show(ui, look, actions));
        }
        let frame = Frame::new().fill(palette.background).inner_margin(Margin::symmetric(12, 8));
        self.figure(ui, frame, 44.0);
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            if let Some(scene) = self.document.scene() {
                self.stage.show(ui, scene, look, &mut self.textures, actions);
            }
        });
    }

    /// The figure of the beat: above the main view where both have room, else in its place until the person chooses a
    /// distance. `kept` stays free below it.
    pub(super) fn figure(&self, ui: &mut Ui, frame: Frame, kept: f32) {
        let lesson = self.lesson.as_ref().filter(|_| self.side == Side::Lesson && !self.hides_figure);
        let shown = lesson.and_then(|lesson| lesson.shown.as_ref().ok());
        let Some(figure) = shown.and_then(|shown| shown.figure.as_ref()) else { return };
        let room = ui.available_height();
        let height = if room > ROOM_FOR_BOTH { room * 0.5 } else { room - kept };
        Panel::top("figure")
            .exact_size(height.max(0.0))
            .frame(frame)
            .resizable(false)
            .show(ui, |ui| figure::show(ui, figure));
    }

    /// While a picture of the main view is taken, its caption stands below it.
    fn sit(&mut self, ui: &mut Ui, look: &Look<'_>) {
        let Some(sitting) = self.sitting else { return };
        let whole = ui.available_rect_before_wrap();
        let frame = Frame::new().fill(Palette::of(ui).background).inner_margin(Margin::symmetric(12, 4));
        let title = top_bar::input_title(ui, &self.document);
        Panel::bottom("caption").frame(frame).resizable(false).show(ui, |ui| picture::caption(ui, &title, look));
        if let Sitting::Asked(goal) = sitting {
            self.saving = Some(picture::take(ui.ctx(), Some(whole), goal));
            self.sitting = Some(Sitting::Taken);
        }
    }

    fn tour_band(&mut self, ui: &mut Ui, look: &Look<'_>, actions: &mut Vec<Action>) {
        let is_playing = self.player.is_playing();
        let is_ready = !self.document.is_busy() && !self.stage.is_busy();
        self.stage.is_projected = false;
        self.stage.compare.is_bare = self.tour.as_ref().is_some_and(|tour| tour.stop == tour::Stop::Race);
        let Some(tour) = &mut self.tour else { return };
        actions.extend(tour.begin(is_ready, look.scene));
        if tour.is_watched(is_playing) {
            actions.push(Action::Tour(super::action::Tour::Next));
        }
        let frame = Frame::new().fill(Palette::of(ui).accent_soft).inner_margin(Margin::symmetric(16, 12));
        Panel::top("tour").frame(frame).resizable(false).show(ui, |ui| tour.show(ui, look, actions));
    }
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
fn dropped(ctx: &Context) -> Option<Action> {
    let paths: Vec<_> = ctx.input(|input| input.raw.dropped_files.iter().map(|file| file.path().to_owned()).collect());
    (!paths.is_empty()).then_some(Action::Open(Source::Paths(paths)))
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
