//! To whom each message goes. What changes one part only (view, strip, GPU panel, editor), that part carries out.

use eframe::egui::{self, Context};

use crate::app::ink::texture::Textures;
use crate::app::ink::theme::Theme;
use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::message::talk::TalkMessage;
use crate::app::message::window::{Edge, Overlay, Side, Zoom};
use crate::app::panels::list;
use crate::app::panels::panel::Home;
use crate::app::run::flows::Way;
use crate::app::run::lesson_file::is_lesson;
use crate::app::run::link::Link;
use crate::app::run::pair::{Choices, SURPRISES};
use crate::app::run::selection::RowMark;
use crate::app::run::settings::Settings;
use crate::app::run::source::Source;
use crate::app::shell::app::App;
use crate::app::shell::{own_text, palette};
use crate::app::state::history::Moment;
use crate::app::state::lesson::{Of, OpenLesson};
use crate::app::state::returning::returning;
use crate::app::state::talk::{Talk, TalkSize};
use crate::app::tongue::words;
use crate::files;
use crate::playback::Command;
use crate::playback::breakpoint::{Condition, Direction, search};
use crate::playback::lesson::library::QUESTIONS;
use crate::playback::lesson::{Language, Position};
use crate::schedule::{Tensor, algorithm};

const SMALLEST: f32 = 0.5;
const LARGEST: f32 = 4.0;

impl App {
    pub(super) fn carry_out(&mut self, ctx: &Context, message: Message) {
        match message {
            Message::Player(command) => self.apply(command),
            Message::By(count) => self.apply(Command::by_operations(self.player.cursor(), count)),
            Message::NextMove(tensor, way) => self.next_move(tensor, way),
            Message::Faster => self.apply(Command::SetSpeed(self.player.speed() * 2.0)),
            Message::Slower => self.apply(Command::SetSpeed(self.player.speed() / 2.0)),
            Message::Change(settings) => self.document.change(ctx, *settings),
            Message::Algorithm(index) => {
                if let Some(algorithm) = algorithm::of_program().nth(index) {
                    let settings = Settings { algorithm: algorithm.clone(), ..self.document.wanted().clone() };
                    self.document.change(ctx, settings);
                }
            }
            Message::Open(source) => self.open_source(ctx, source),
            Message::PickFile => self.open_panel.pick(ctx, self.pick_file),
            Message::PickFolder => {
                // What becomes of the dialog is told there, where a path can be typed as well.
                if self.overlay != Some(Overlay::Open) {
                    self.toggle_overlay(Overlay::Open);
                }
                self.open_panel.pick(ctx, self.pick_folder);
            }
            Message::CloseFolder => (self.lesson_folder, self.store.kept.lesson_folder) = (None, None),
            Message::Select(selection) => {
                self.selection = selection;
                self.document.set_mark(RowMark::OnChip);
            }
            // What it answers was seen before.
            Message::Answer(_) => {}
            Message::SelectRow(by) => self.select_row(by),
            Message::Show(id) => self.show_panel(ctx, id),
            Message::Hide(id) => self.view.close(id),
            Message::Distance(distance) => {
                self.hides_figure = true;
                self.view.go_to(distance);
            }
            Message::Compare(message) => self.compare_message(ctx, message),
            Message::View(message) => self.view.carry_out(message),
            Message::Counts(message) => {
                if let Some(scene) = self.document.scene() {
                    self.view.counts.carry_out(message, scene);
                }
            }
            Message::Strip(message) => {
                let len = self.document.scene().map_or(0, |scene| scene.schedule().len());
                self.strip.carry_out(message, self.player.cursor(), len);
            }
            Message::Side(side) => {
                self.side = side;
                self.unfold(ctx, Edge::Left);
            }
            Message::Arrange(arrangement) => self.arrange(arrangement),
            Message::Setting(name) => {
                self.carry_out(ctx, Message::Side(Side::Setup));
                self.wanted_setting = Some(name);
            }
            Message::Fold(edge) => self.turn(ctx, edge),
            Message::Overlay(overlay) => self.toggle_overlay(overlay),
            Message::Dismiss => self.dismiss(ctx),
            Message::CloseUnderstood => self.document.close_understood(),
            Message::RunGpu => {
                if let Some(scene) = self.document.scene().cloned() {
                    self.gpu.run(ctx, &scene, self.document.generation());
                }
            }
            Message::Gpu(message) => self.gpu_message(ctx, message),
            Message::Kernel(message) => self.kernel_message(ctx, message),
            Message::Text(message) => self.text_message(ctx, message),
            Message::Theme(theme) => self.set_theme(ctx, theme),
            Message::SwitchTheme => self.set_theme(ctx, Theme::of(ctx).next()),
            Message::Language(language) => self.set_language(ctx, language),
            Message::Zoom(zoom) => self.zoom(ctx, zoom),
            Message::FullScreen => {
                let is_full = ctx.input(|input| input.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!is_full));
            }
            Message::ReduceMotion => {
                self.store.kept.reduce_motion ^= true;
                let time = if self.store.kept.reduce_motion { 0.0 } else { egui::Style::default().animation_time };
                ctx.all_styles_mut(|style| style.animation_time = time);
            }
            Message::Undo => self.put_back(ctx, true),
            Message::Redo => self.put_back(ctx, false),
            Message::OpenLesson(index) => self.open_lesson(ctx, index, None),
            Message::OpenQuestion(beat) => {
                self.open_entry(ctx, &QUESTIONS, Some(Position { beat, is_revealed: false }));
            }
            Message::Lesson(message) => self.lesson_message(ctx, message),
            Message::Tour(message) => self.tour_message(ctx, message),
            Message::Talk(message) => self.talk_message(ctx, message),
            Message::Export(what) => self.export(ctx, what),
        }
    }

    fn next_move(&mut self, tensor: Tensor, way: Way) {
        let Some(scene) = self.document.scene() else { return };
        // What never moves is not looked for step by step.
        let all = &scene.closed_form;
        if match way {
            Way::Write => &all.write,
            Way::Read => &all.read,
        }
        .get(tensor)
            == 0
        {
            return;
        }
        let moves = [Condition::Moves { tensor, is_write: way == Way::Write }];
        let from = |cursor| {
            search(&scene.run, &scene.input.problem, &moves, cursor, Direction::Next, |_| true).map(|hit| hit.cursor)
        };
        if let Some(cursor) = from(self.player.cursor()).or_else(|| from(0)) {
            self.apply(Command::SeekTo(cursor));
        }
    }

    /// Opens a panel where it stands.
    pub(super) fn show_panel(&mut self, ctx: &Context, id: &'static str) {
        match list::by_id(ctx, id).map(|panel| panel.home) {
            Some(Home::Right) => {
                self.tab = id;
                self.unfold(ctx, Edge::Right);
            }
            Some(Home::OnDemand) => self.view.open(id),
            Some(Home::Workbench) => self.view.open_workbench(id),
            Some(Home::Left | Home::Main) | None => {}
        }
    }

    /// Opens a workbench, or closes it where it is seen. Gives whether it is open now.
    pub(super) fn toggle(&mut self, id: &'static str) -> bool {
        let is_seen = self.view.is_seen(id);
        match is_seen {
            true => self.view.close(id),
            false => self.view.open_workbench(id),
        }
        !is_seen
    }

    pub(super) fn open_source(&mut self, ctx: &Context, source: Source) {
        if let Source::Paths(paths) = &source
            && own_text::are_too_many(paths)
        {
            let fault = "one lesson or one text is opened at a time; give one file at a time";
            return self.document.set_notice(Some(fault.into()));
        }
        let lesson = match &source {
            Source::Paths(paths) => paths.iter().find(|path| is_lesson(path)).cloned(),
            _ => None,
        };
        if let Some(path) = lesson {
            return self.open_own_lesson(ctx, path, None);
        }
        if let Source::Paths(paths) = &source
            && let [path] = &paths[..]
            && files::has_lessons(path)
        {
            return self.open_lesson_folder(ctx, path.clone());
        }
        let source = match source {
            Source::Paths(paths) => {
                let (text, others) = own_text::apart(paths);
                if let Some(text) = text {
                    self.run_text(ctx, files::algorithm(&text));
                    if others.is_empty() {
                        return;
                    }
                }
                Source::Paths(others)
            }
            source => source,
        };
        // A random input is no file: its place in the list would lack the seed.
        if let Source::Paths(_) = &source
            && let Some(path) = source.place().path()
        {
            self.to_remember = Some(path.to_owned());
        }
        if let Some(talk) = &mut self.talk {
            talk.is_away = true;
        }
        // A figure of the lesson does not lie over what was asked for.
        self.hides_figure = true;
        self.document.open(ctx, source);
    }

    pub(super) fn toggle_overlay(&mut self, overlay: Overlay) {
        self.palette = palette::CommandPalette::default();
        self.overlay = (self.overlay != Some(overlay)).then_some(overlay);
        if self.overlay == Some(Overlay::Open) {
            self.open_panel.open();
        }
    }

    fn dismiss(&mut self, ctx: &Context) {
        if egui::Popup::is_any_open(ctx) {
            egui::Popup::close_all(ctx);
        } else if self.overlay.take().is_some() || self.view.close_top() {
        } else if self.talk.as_ref().is_some_and(Talk::is_lit) {
            self.carry_out(ctx, Message::Talk(TalkMessage::Spotlight));
        } else if self.talk.as_ref().is_some_and(|talk| talk.vote.is_some()) {
            self.carry_out(ctx, Message::Talk(TalkMessage::Vote));
        } else if self.talk.is_some() {
            self.carry_out(ctx, Message::Talk(TalkMessage::Stop));
        } else if self.document.notice().is_some() {
            self.document.set_notice(None);
        } else {
            self.document.close_understood();
        }
    }

    fn set_theme(&mut self, ctx: &Context, theme: Theme) {
        theme.apply(ctx);
        // Their colours are those of the old theme.
        self.textures = Textures::default();
        self.store.kept.theme = Some(theme);
    }

    fn set_language(&mut self, ctx: &Context, language: Language) {
        words::set_language(ctx, language);
        self.store.kept.language = language.code().into();
        let Some(lesson) = &mut self.lesson else { return };
        match &lesson.of {
            Of::BuiltIn(entry) => {
                if let Ok(other) = OpenLesson::built_in(entry, language) {
                    lesson.replace(other);
                    if !lesson.returning_here().is_empty() {
                        lesson.open_with(returning(&self.store.kept.lessons, &lesson.key, language));
                    }
                }
            }
            Of::File(path) => {
                let path = path.clone();
                self.turn_own_lesson(&path, language);
            }
        }
    }

    fn zoom(&mut self, ctx: &Context, zoom: Zoom) {
        // A talk has the size of its screen, and what the person made of that.
        let now = self.talk.as_ref().map_or(ctx.zoom_factor(), |talk| talk.size.now());
        let to = match zoom {
            Zoom::In => now * TalkSize::STEP,
            Zoom::Out => now / TalkSize::STEP,
            Zoom::Reset => 1.0,
        };
        let to = to.clamp(SMALLEST, LARGEST);
        match &mut self.talk {
            Some(talk) => talk.size.ask(to),
            None => {
                ctx.set_zoom_factor(to);
                self.store.kept.zoom = to;
            }
        }
    }

    fn put_back(&mut self, ctx: &Context, is_undo: bool) {
        // Of an input that is on its way nothing was changed yet.
        if self.document.is_opening() {
            return;
        }
        // What was asked for last and is still being made is a moment, too.
        let now = Moment { settings: self.document.wanted().clone(), selection: self.selection };
        self.history.see(self.document.source_arc(), now);
        let moment = if is_undo { self.history.undo() } else { self.history.redo() };
        if let Some(moment) = moment {
            self.selection = moment.selection;
            if moment.settings != *self.document.wanted() {
                self.document.change(ctx, moment.settings);
            }
        }
    }

    pub(super) fn compare_message(&mut self, ctx: &Context, message: CompareMessage) {
        use CompareMessage::{Choose, Lock, Open, Surprise, Swap};
        let compare = &mut self.view.compare;
        match message {
            Open => compare.open(compare.choices()),
            Lock(lock) => compare.set_lock(lock),
            Choose(choices) => compare.choose(choices),
            Swap => {
                let a = self.document.wanted();
                let b = compare.settings(a);
                compare.open(Choices::of(a));
                self.document.change(ctx, b);
            }
            Surprise(index) => {
                if let Some(surprise) = SURPRISES.get(index) {
                    compare.open(surprise.choices());
                    self.open_source(ctx, Source::Link(Box::new(surprise.place())));
                }
            }
        }
    }

    pub(super) fn select_row(&mut self, by: i64) {
        let Some((scene, snapshot)) = self.document.scene().zip(self.document.snapshot()) else { return };
        let from = snapshot.row_for(self.selection.query, scene.plan()).unwrap_or(self.selection.query);
        let rows = &snapshot.view.rows;
        if !rows.is_empty() {
            let to = from.saturating_add_signed(by as isize).clamp(rows.start, rows.end - 1);
            self.selection.query = to;
            self.document.set_mark(RowMark::OnChip);
        }
    }

    /// The place on screen, as a link names it.
    pub fn place(&self) -> Option<Link> {
        let place = self.document.origin().with(self.document.wanted());
        Some(Link {
            at: Some(self.player.cursor()),
            row: Some(self.selection.query),
            key: self.selection.key,
            view: Some(self.view.distance.name().into()),
            ..place
        })
    }
}
