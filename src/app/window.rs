//! The window: one frame from top to bottom. Panels only read; what they ask for is carried out at the end.

use eframe::egui::{self, Context, Frame, Margin, Panel, ScrollArea, Ui};

use crate::attention::Input;
use crate::attention::input::bundled;
use crate::playback::{Command, Player};

use super::action::{Action, Selection, Source, Tab};
use super::code::CodeView;
use super::document::Document;
use super::gpu_job::Gpu;
use super::look::Look;
use super::motion::Motion;
use super::settings::Settings;
use super::stage::{Stage, Wish};
use super::texture::Textures;
use super::theme::{self, Palette};
use super::top_bar::TopBar;
use super::{AppOptions, check, commands, keys, memory, motion, near, plot, setup, timeline, top_bar, traffic};

/// The whole application.
pub struct App {
    document: Document,
    player: Player,
    selection: Selection,
    tab: Tab,
    gpu: Gpu,
    top_bar: TopBar,
    textures: Textures,
    stage: Stage,
    code: CodeView,
    shows_keys: bool,
    /// The clock of the last frame, while playing.
    last_time: Option<f64>,
}

impl App {
    /// Opens on `input`, or on the first bundled capture.
    pub fn new(ctx: &Context, input: Option<Input>, options: &AppOptions) -> Self {
        theme::install(ctx);
        let (mut player, mut selection) = (Player::default(), Selection::default());
        let opening = Opening::of(input);
        let document = Document::new(ctx, opening.input, opening.settings, &mut player, &mut selection);
        if let Some(query) = opening.query {
            selection.query = query;
        }
        Self {
            document,
            player,
            selection,
            tab: Tab::default(),
            gpu: Gpu::new(ctx, options.find_gpu),
            top_bar: TopBar::default(),
            textures: Textures::default(),
            stage: Stage::default(),
            code: CodeView::default(),
            shows_keys: false,
            last_time: None,
        }
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    pub fn player(&self) -> &Player {
        &self.player
    }

    /// Work is under way that will change what is shown.
    pub fn is_busy(&self) -> bool {
        self.document.is_busy() || self.gpu.is_busy() || self.stage.is_busy()
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

    /// Changes the main view.
    pub fn wish(&mut self, wish: Wish) {
        self.stage.carry_out(wish);
    }

    /// One frame. A harness that renders without a window calls this.
    pub fn frame(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let mut actions = commands::pressed(&ctx);
        actions.extend(dropped(&ctx));
        self.tick(&ctx);
        self.document.update(&ctx, &mut self.player, &mut self.selection);
        self.gpu.update(self.document.scene().map(AsRef::as_ref));
        self.panels(ui, &mut actions);
        if !actions.is_empty() {
            actions.into_iter().for_each(|action| self.carry_out(&ctx, action));
            ctx.request_repaint();
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
            self.top_bar.show(ui, &self.document, actions);
        });
        if let Some(text) = self.document.notice() {
            top_bar::notice(ui, text, actions);
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
        });
        self.bottom(ui, look.as_ref(), actions);
        self.left(ui, look.as_ref(), actions);
        self.right(ui, look.as_ref(), actions);
        self.center(ui, look.as_ref(), actions);
        if self.shows_keys {
            self.shows_keys = keys::show(ui);
        }
        if ui.input(|input| !input.raw.hovered_files.is_empty()) {
            drop_hint(ui);
        }
    }

    fn bottom(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(12, 8));
        Panel::bottom("timeline").exact_size(theme::TIMELINE).frame(frame).resizable(false).show(ui, |ui| {
            if let Some(look) = look {
                timeline::show(ui, look, &self.player, &mut self.textures, actions);
            }
        });
    }

    fn left(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        Panel::left("setup").exact_size(theme::SETUP).frame(frame).resizable(false).show(ui, |ui| {
            ScrollArea::vertical().show(ui, |ui| {
                setup::show(ui, &self.document, actions);
                ui.add_space(8.0);
                ui.separator();
                check::show(ui, look, &self.gpu, actions);
            });
        });
    }

    fn right(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        Panel::right("near").exact_size(theme::NEAR).frame(frame).resizable(false).show(ui, |ui| {
            let Some(look) = look else { return };
            ScrollArea::vertical().show(ui, |ui| {
                near::show(ui, look, actions);
                ui.add_space(4.0);
                ui.separator();
                ui.horizontal(|ui| {
                    for tab in Tab::ALL {
                        if ui.selectable_label(tab == self.tab, tab.name()).clicked() {
                            actions.push(Action::Tab(tab));
                        }
                    }
                });
                match self.tab {
                    Tab::Traffic => traffic::show(ui, look),
                    Tab::Plot => plot::show(ui, look),
                    Tab::Code => self.code.show(ui, look),
                }
            });
        });
    }

    fn center(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let palette = Palette::of(ui);
        let Some(look) = look else {
            let frame = Frame::new().fill(palette.background).inner_margin(Margin::same(24));
            egui::CentralPanel::default().frame(frame).show(ui, |ui| {
                ui.label("Computing the first picture ...");
            });
            return;
        };
        Panel::top("memory").exact_size(theme::MEMORY_STRIP).frame(memory::frame(ui)).resizable(false).show(ui, |ui| {
            memory::show(ui, look);
        });
        let frame = Frame::new().fill(palette.background).inner_margin(Margin::symmetric(12, 8));
        egui::CentralPanel::default().frame(frame).show(ui, |ui| {
            if let Some(scene) = self.document.scene() {
                self.stage.show(ui, scene, look, &mut self.textures, actions);
            }
        });
    }

    fn carry_out(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Player(command) => self.apply(command),
            Action::By(count) => self.apply(Command::by_operations(self.player.cursor(), count)),
            Action::Faster => self.apply(Command::SetSpeed(self.player.speed() * 2.0)),
            Action::Slower => self.apply(Command::SetSpeed(self.player.speed() / 2.0)),
            Action::Change(settings) => self.document.change(ctx, settings),
            Action::Open(source) => self.document.open(ctx, source),
            Action::Select(selection) => self.selection = selection,
            Action::SelectRow(by) => self.select_row(by),
            Action::Tab(tab) => self.tab = tab,
            Action::SwitchTheme => {
                let theme = if ctx.theme() == egui::Theme::Dark { egui::Theme::Light } else { egui::Theme::Dark };
                ctx.set_theme(theme);
            }
            Action::ToggleKeys => self.shows_keys = !self.shows_keys,
            Action::Dismiss if self.shows_keys => self.shows_keys = false,
            Action::Dismiss => self.document.set_notice(None),
            Action::Stage(wish) => self.stage.carry_out(wish),
            Action::RunGpu => {
                if let Some(scene) = self.document.scene().cloned() {
                    self.gpu.run(ctx, &scene, self.document.generation());
                }
            }
        }
    }

    fn select_row(&mut self, by: i64) {
        let Some((scene, snapshot)) = self.document.scene().zip(self.document.snapshot()) else { return };
        let from = snapshot.row_for(self.selection.query, scene.plan().br).unwrap_or(self.selection.query);
        let rows = &snapshot.view.rows;
        if !rows.is_empty() {
            let to = from.saturating_add_signed(by as isize).clamp(rows.start, rows.end - 1);
            self.selection.query = to;
        }
    }
}

/// What the window opens with.
struct Opening {
    input: Input,
    settings: Settings,
    /// The row to look at; `None` for the one that was rescaled the most.
    query: Option<usize>,
}

impl Opening {
    /// Without an input: a head of a real model in which a comma finds the comma before it, so that the last tile
    /// rescales a row strongly.
    fn of(input: Option<Input>) -> Self {
        if let Some(input) = input {
            return Self { settings: Settings::for_input(&input), input, query: None };
        }
        let input = bundled::CAPTURES[0].input();
        Self { settings: Settings { head: 8, ..Settings::for_input(&input) }, input, query: Some(13) }
    }
}

/// Over everything while a file is held above the window.
fn drop_hint(ui: &Ui) {
    let palette = Palette::of(ui);
    let layer = egui::LayerId::new(egui::Order::Foreground, egui::Id::unique("drop hint"));
    let (painter, rect) = (ui.ctx().layer_painter(layer), ui.ctx().content_rect());
    painter.rect_filled(rect, 0.0, palette.veil());
    painter.rect_stroke(rect.shrink(8.0), 4.0, palette.outline(), egui::StrokeKind::Inside);
    let text = "Drop to open: .safetensors, .npz, or q, k and v.npy together";
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
}
