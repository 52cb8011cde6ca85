//! What each action does. What changes one part only (stage, strip, GPU panel, editor), that part carries out.

use eframe::egui::{self, Context};

use crate::files;
use crate::playback::Command;
use crate::playback::lesson::{At, Language, Lesson, Position, Scene};
use crate::schedule::algorithm;

use super::action::{Action, Answer, Edge, Overlay, Present, Selection, Side, Source, Tour as TourWish, Wish, Zoom};
use super::code_edit::Wish as KernelWish;
use super::compare::{self, Choices, Lock};
use super::gpu_panel::Wish as GpuWish;
use super::history::Moment;
use super::lesson::{Of, OpenLesson};
use super::place::{Landing, Place};
use super::settings::Settings;
use super::sides::Folds;
use super::store::Progress;
use super::texture::Textures;
use super::theme::Theme;
use super::tour::{self, Tour};
use super::window::App;
use super::{own_lesson, own_text, palette, words};

const SMALLEST: f32 = 0.5;
const LARGEST: f32 = 4.0;

impl App {
    pub(super) fn carry_out(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::Player(command) => self.apply(command),
            Action::By(count) => self.apply(Command::by_operations(self.player.cursor(), count)),
            Action::Faster => self.apply(Command::SetSpeed(self.player.speed() * 2.0)),
            Action::Slower => self.apply(Command::SetSpeed(self.player.speed() / 2.0)),
            Action::Change(settings) => self.document.change(ctx, *settings),
            Action::Algorithm(index) => {
                if let Some(algorithm) = algorithm::ALL.get(index) {
                    let settings = Settings { algorithm: (*algorithm).clone(), ..self.document.wanted().clone() };
                    self.document.change(ctx, settings);
                }
            }
            Action::Open(source) => self.open_source(ctx, source),
            Action::PickFile => self.open_panel.pick(ctx, self.pick_file),
            Action::Select(selection) => self.selection = selection,
            // What it answers was seen before.
            Action::Answer(_) => {}
            Action::SelectRow(by) => self.select_row(by),
            Action::Tab(tab) => {
                self.tab = tab;
                self.unfold(ctx, Edge::Right);
            }
            Action::Distance(distance) => {
                self.hides_figure = true;
                self.stage.stand_at(distance);
            }
            Action::Compare(wish) => self.compare_wish(ctx, wish),
            Action::Stage(wish) => self.stage.carry_out(wish),
            Action::Strip(wish) => {
                let len = self.document.scene().map_or(0, |scene| scene.schedule().len());
                self.strip.carry_out(wish, self.player.cursor(), len);
            }
            Action::Side(side) => {
                self.side = side;
                self.unfold(ctx, Edge::Left);
            }
            Action::Setting(name) => {
                self.carry_out(ctx, Action::Side(Side::Setup));
                self.wanted_setting = Some(name);
            }
            Action::Fold(edge) => self.turn(ctx, edge),
            Action::Overlay(overlay) => self.toggle_overlay(overlay),
            Action::Dismiss => self.dismiss(ctx),
            Action::CloseUnderstood => self.document.close_understood(),
            Action::RunGpu => {
                if let Some(scene) = self.document.scene().cloned() {
                    self.gpu.run(ctx, &scene, self.document.generation());
                }
            }
            Action::Gpu(wish) => self.gpu_wish(ctx, wish),
            Action::Kernel(wish) => self.kernel_wish(ctx, wish),
            Action::Theme(theme) => self.set_theme(ctx, theme),
            Action::SwitchTheme => self.set_theme(ctx, Theme::of(ctx).next()),
            Action::Language(language) => self.set_language(ctx, language),
            Action::Zoom(zoom) => self.zoom(ctx, zoom),
            Action::FullScreen => {
                let is_full = ctx.input(|input| input.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!is_full));
            }
            Action::ReduceMotion => {
                self.store.kept.reduce_motion ^= true;
                let time = if self.store.kept.reduce_motion { 0.0 } else { egui::Style::default().animation_time };
                ctx.all_styles_mut(|style| style.animation_time = time);
            }
            Action::Undo => self.put_back(ctx, true),
            Action::Redo => self.put_back(ctx, false),
            Action::OpenLesson(index) => self.open_lesson(ctx, index, None),
            Action::Lesson(wish) => self.lesson_wish(ctx, wish),
            Action::Tour(wish) => self.tour_wish(ctx, wish),
            Action::Present(wish) => self.present_wish(ctx, wish),
            Action::Export(what) => self.export(ctx, what),
        }
    }

    fn open_source(&mut self, ctx: &Context, source: Source) {
        let lesson = match &source {
            Source::Paths(paths) => paths.iter().find(|path| own_lesson::is_lesson(path)).cloned(),
            _ => None,
        };
        if let Some(path) = lesson {
            return self.open_own_lesson(ctx, path, None);
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
        self.document.open(ctx, source);
    }

    fn toggle_overlay(&mut self, overlay: Overlay) {
        self.palette = palette::CommandPalette::default();
        self.overlay = (self.overlay != Some(overlay)).then_some(overlay);
        if self.overlay == Some(Overlay::Open) {
            self.open_panel.open();
        }
    }

    fn dismiss(&mut self, ctx: &Context) {
        if egui::Popup::is_any_open(ctx) {
            egui::Popup::close_all(ctx);
        } else if self.overlay.take().is_some() || self.stage.close_top() {
        } else if self.talk.as_ref().is_some_and(|talk| talk.vote.is_some()) {
            self.carry_out(ctx, Action::Present(Present::Vote));
        } else if self.talk.is_some() {
            self.carry_out(ctx, Action::Present(Present::Stop));
        } else if self.document.notice().is_none() && self.code.editor.is_open() {
            self.carry_out(ctx, Action::Kernel(KernelWish::Toggle));
        } else if self.document.notice().is_none() && self.gpu_panel.is_open() {
            self.carry_out(ctx, Action::Gpu(GpuWish::Toggle));
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
        if let Some(lesson) = &mut self.lesson
            && let Some(other) = lesson.index().and_then(|index| OpenLesson::built_in(index, language).ok())
        {
            lesson.replace(other);
        }
    }

    fn zoom(&mut self, ctx: &Context, zoom: Zoom) {
        // A talk has the size of its screen, and what the person made of that.
        let now = self.talk.as_ref().map_or(ctx.zoom_factor(), |talk| talk.scale);
        let to = match zoom {
            Zoom::In => now * 1.1,
            Zoom::Out => now / 1.1,
            Zoom::Reset => 1.0,
        };
        let to = to.clamp(SMALLEST, LARGEST);
        match &mut self.talk {
            Some(talk) => talk.scale = to,
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

    fn compare_wish(&mut self, ctx: &Context, wish: compare::Wish) {
        use compare::Wish::{Choose, Lock, Open, Surprise, Swap};
        let compare = &mut self.stage.compare;
        match wish {
            Open => compare.open(compare.choices()),
            Lock(lock) => compare.lock(lock),
            Choose(choices) => compare.choose(choices),
            Swap => {
                let a = self.document.wanted();
                let b = compare.settings(a);
                compare.open(Choices::of(a));
                self.document.change(ctx, b);
            }
            Surprise(index) => {
                if let Some(surprise) = compare::SURPRISES.get(index) {
                    compare.open(surprise.choices());
                    self.open_source(ctx, Source::Place(Box::new(surprise.place())));
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

    /// The place on screen, as a link names it.
    pub(super) fn place(&self) -> Option<Place> {
        let place = self.document.origin().with(self.document.wanted());
        Some(Place {
            at: Some(self.player.cursor()),
            row: Some(self.selection.query),
            key: self.selection.key,
            view: Some(self.stage.distance.name().into()),
            ..place
        })
    }
}

/// Lessons and the first two minutes.
impl App {
    /// Opens a lesson of the program's where the person left it.
    pub(super) fn open_lesson(&mut self, ctx: &Context, index: usize, at: Option<Position>) {
        match OpenLesson::built_in(index, words::language(ctx)) {
            Ok(lesson) => self.begin_lesson(ctx, Of::BuiltIn(index), lesson, at),
            Err(fault) => self.document.tell_refusal(fault),
        }
    }

    /// Shows a lesson, with what was done in it before.
    pub(super) fn begin_lesson(&mut self, ctx: &Context, of: Of, lesson: Lesson, at: Option<Position>) {
        let key = of.key();
        let mut kept = self.store.kept.lessons.get(&key).cloned().unwrap_or_default();
        // One that was gone through begins again, its choices in another order.
        if at.is_none() && kept.is_over {
            kept = Progress { is_done: kept.is_done, begun: kept.begun + 1, ..Progress::default() };
        }
        let position = at.unwrap_or(Position { beat: kept.beat, is_revealed: kept.is_revealed });
        self.lesson = Some(OpenLesson::open(of, lesson, position, kept.begun, kept.works.clone()));
        self.store.kept.lessons.insert(key, kept);
        self.end_tour();
        self.side = Side::Lesson;
        self.show_beat(ctx);
    }

    /// The stage follows the beat.
    pub(super) fn show_beat(&mut self, ctx: &Context) {
        self.remember();
        let Some(lesson) = &self.lesson else { return };
        self.store.kept.lesson = lesson.index();
        let scene = lesson.work.scene.clone();
        self.show_scene(ctx, scene);
    }

    /// The answer is shown, and the picture that it has of its own.
    fn show_answer(&mut self, ctx: &Context) {
        self.remember();
        let Some(lesson) = &self.lesson else { return };
        if lesson.position.is_revealed && lesson.beat().reveal.is_some() {
            let scene = lesson.work.scene.clone();
            self.show_scene(ctx, scene);
        }
    }

    /// The lesson sees what was changed on the stage, by whichever control.
    pub(super) fn follow_lesson(&mut self) {
        let Some(lesson) = self.lesson.as_mut().filter(|lesson| lesson.beat().change.is_some()) else { return };
        if self.document.waiting().is_none() && self.document.snapshot().is_some() {
            lesson.see(self.document.lesson_scene(self.player.cursor()));
        }
    }

    fn show_scene(&mut self, ctx: &Context, scene: Scene) {
        self.hides_figure = false;
        self.stage.stand_at(scene.view);
        let selection = scene.selection;
        if self.document.shows(&scene) {
            let row = selection.row.or(selection.tile.map(|(i, _)| i * self.document.wanted().tiling().br));
            let landing = Landing { at: Some(scene.step.clone()), row, key: selection.key };
            self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
        } else {
            self.document.open(ctx, Source::Scene(Box::new(scene)));
        }
        if let Some(talk) = &mut self.talk {
            (talk.is_away, talk.is_over) = (false, false);
        }
    }

    fn lesson_wish(&mut self, ctx: &Context, wish: Wish) {
        let Some(lesson) = &mut self.lesson else {
            self.side = Side::Lesson;
            return;
        };
        match wish {
            Wish::Next => match lesson.next() {
                Some(_) if lesson.is_asking() => {
                    lesson.reveal();
                    self.show_answer(ctx);
                }
                Some(position) => {
                    lesson.go(position);
                    self.show_beat(ctx);
                }
                None if self.talk.as_ref().is_some_and(|talk| !talk.is_over) => {
                    self.talk.iter_mut().for_each(|talk| talk.is_over = true);
                }
                None => match lesson.next_lesson() {
                    Some(next) => self.open_lesson(ctx, next, Some(Position::default())),
                    None if self.talk.is_some() => {}
                    None => {
                        self.remember();
                        (self.lesson, self.store.kept.lesson) = (None, None);
                    }
                },
            },
            Wish::Previous => {
                if self.talk.as_mut().is_some_and(|talk| std::mem::take(&mut talk.is_over)) {
                    return;
                }
                if let Some(position) = lesson.previous() {
                    lesson.go(position);
                    self.show_beat(ctx);
                }
            }
            Wish::Check if lesson.is_asking() => {
                lesson.answer();
                self.show_answer(ctx);
            }
            Wish::Check => {
                lesson.grade();
                self.remember();
            }
            Wish::GiveUp if lesson.is_asking() => {
                lesson.reveal();
                self.show_answer(ctx);
            }
            Wish::GiveUp => lesson.solve_build(),
            Wish::Restore => {
                let scene = lesson.beat().scene_at(lesson.position.is_revealed).clone();
                lesson.work.scene = scene.clone();
                lesson.work.is_shown = false;
                self.show_scene(ctx, scene);
            }
            Wish::Try(scene) => self.try_scene(ctx, *scene),
            Wish::ShowWay => {
                if let Some(scene) = lesson.solved_scene() {
                    lesson.work.is_shown = true;
                    self.try_scene(ctx, scene);
                }
            }
            Wish::LookAt(row, block) => self.look_at(ctx, row, block),
            Wish::Close => {
                self.lesson = None;
                self.store.kept.lesson = None;
            }
        }
    }

    /// Another choice on the input of the lesson; another input is opened.
    fn try_scene(&mut self, ctx: &Context, scene: Scene) {
        self.hides_figure = false;
        if !self.document.try_scene(ctx, &scene) {
            self.show_scene(ctx, scene);
        }
    }

    /// Selects a row, and goes to the end of its visit to a key block, or to its last.
    fn look_at(&mut self, ctx: &Context, row: usize, block: Option<usize>) {
        let Some(scene) = self.document.scene().cloned() else { return };
        let grid = &scene.map.grid;
        let end = block.and_then(|j| {
            let (line, column) = grid.position(row / scene.plan().br, j);
            grid.cell(line, column).map(|cell| At::Step(cell.end))
        });
        let landing = Landing { at: end, row: Some(row), key: None };
        self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
    }

    /// Keeps how far the person came and what they did, with the stage as it is.
    pub(super) fn remember(&mut self) {
        let Some(lesson) = &mut self.lesson else { return };
        let progress = self.store.kept.lessons.entry(lesson.of.key()).or_default();
        (progress.beat, progress.is_revealed) = (lesson.position.beat, lesson.position.is_revealed);
        let (done, tasks) = lesson.tally();
        progress.done = done;
        progress.is_over |= lesson.is_at_end();
        progress.is_done |= lesson.is_at_end() && done == tasks;
        if progress.works != lesson.works() {
            progress.works = lesson.works().to_vec();
        }
    }

    /// A click on the picture that answers a question.
    pub(super) fn answer_by_click(&mut self, actions: &[Action]) {
        use crate::playback::lesson::ClickOn;
        let plan = self.document.scene().map(|scene| scene.plan().clone());
        let Some((lesson, plan)) = self.lesson.as_mut().zip(plan) else { return };
        let Some(on) = lesson.click_on() else { return };
        for action in actions {
            let name = match (on, action) {
                (ClickOn::Tensor, Action::Answer(Answer::Tensor(tensor))) => tensor.name().to_owned(),
                (ClickOn::Tile, Action::Answer(Answer::Tile(i, j))) => format!("{i},{j}"),
                (ClickOn::Row, Action::Select(Selection { query, .. })) => query.to_string(),
                (ClickOn::Key, Action::Select(Selection { key: Some(key), .. })) => key.to_string(),
                (ClickOn::Tile, Action::Select(Selection { query, key: Some(key) })) => {
                    format!("{},{}", query / plan.br, key / plan.bc)
                }
                _ => continue,
            };
            lesson.begin_answer();
            lesson.work.typed = name;
        }
    }

    fn tour_wish(&mut self, ctx: &Context, wish: TourWish) {
        match wish {
            TourWish::Start => {
                self.lesson = None;
                self.side = Side::Setup;
                self.document.open(ctx, Source::Scene(Box::new(tour::start())));
                self.begin_tour();
            }
            TourWish::Next => {
                let tour = self.tour.as_mut().zip(self.document.scene());
                let actions = tour.map(|(tour, scene)| tour.next(scene)).unwrap_or_default();
                actions.into_iter().for_each(|action| self.carry_out(ctx, action));
            }
            TourWish::Explore => self.end_tour(),
        }
    }

    /// Two runs side by side over the whole width.
    pub(super) fn begin_tour(&mut self) {
        self.tour = Some(Tour::default());
        self.folds = Folds::both();
        self.stage.stand_at(tour::start().view);
        self.stage.compare.open(Choices::default());
        self.stage.compare.lock(Lock::Bytes);
    }

    pub(super) fn end_tour(&mut self) {
        if self.tour.take().is_some() {
            self.folds = Folds::default();
            self.apply(Command::SetSpeed(1.0));
        }
    }
}
