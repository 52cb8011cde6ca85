//! What is asked of a lesson and of the first two minutes, and how the stage follows them.

use eframe::egui::{Context, Memory};

use crate::app::message::Message;
use crate::app::message::lesson::{Answer, LessonMessage};
use crate::app::message::talk::TourMessage;
use crate::app::message::window::Side;
use crate::app::panels::bytes;
use crate::app::panels::tour::{self, Tour};
use crate::app::run::link::Landing;
use crate::app::run::lock::Lock;
use crate::app::run::pair::Choices;
use crate::app::run::selection::{RowMark, Selection};
use crate::app::run::source::Source;
use crate::app::shell::app::App;
use crate::app::state::folds::Folds;
use crate::app::state::lesson::{Of, OpenLesson};
use crate::app::state::returning::returning;
use crate::app::state::store::LessonProgress;
use crate::app::tongue::words;
use crate::playback::Command;
use crate::playback::lesson::library::{HouseLesson, LESSONS};
use crate::playback::lesson::{At, BeatPicture, Lesson, Position, Scene};
use crate::schedule::algorithm;

impl App {
    /// Opens a lesson of the program's, an index of [`LESSONS`], where the person left it.
    pub(super) fn open_lesson(&mut self, ctx: &Context, index: usize, at: Option<Position>) {
        match LESSONS.get(index) {
            Some(entry) => self.open_entry(ctx, entry, at),
            None => self.document.tell_refusal("there is no such lesson".into()),
        }
    }

    /// Opens a lesson of the program's, or its questions.
    pub(super) fn open_entry(&mut self, ctx: &Context, entry: &'static HouseLesson, at: Option<Position>) {
        match OpenLesson::built_in(entry, words::language(ctx)) {
            Ok(lesson) => self.begin_lesson(ctx, Of::BuiltIn(entry), lesson, at),
            Err(fault) => self.document.tell_refusal(fault),
        }
    }

    /// Shows a lesson, with what was done in it before.
    pub(super) fn begin_lesson(&mut self, ctx: &Context, of: Of, lesson: Lesson, at: Option<Position>) {
        let key = of.kept_as();
        let mut kept = self.store.kept.lessons.get(&key).cloned().unwrap_or_default();
        // One that was gone through begins again, its choices in another order.
        if at.is_none() && kept.is_over {
            let LessonProgress { is_done, begun, given, came_back, .. } = kept;
            kept = LessonProgress { is_done, begun: begun + 1, given, came_back, ..LessonProgress::default() };
        }
        let position = at.unwrap_or(Position { beat: kept.beat, is_revealed: kept.is_revealed });
        let questions = returning(&self.store.kept.lessons, &key, words::language(ctx));
        let mut open = OpenLesson::open(of, lesson, position, kept.begun, kept.works.clone());
        open.open_with(questions);
        self.lesson = Some(open);
        self.store.kept.lessons.insert(key, kept);
        self.end_tour(ctx);
        self.side = Side::Lesson;
        self.show_beat(ctx);
    }

    /// The stage follows the beat.
    pub(super) fn show_beat(&mut self, ctx: &Context) {
        self.remember();
        self.focused_at_beat = ctx.memory(Memory::focused);
        let Some(lesson) = &self.lesson else { return };
        self.store.kept.lesson = lesson.index();
        if let Some(talk) = &mut self.talk {
            talk.is_at(&lesson.key, lesson.position.beat);
        }
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
        self.view.stand_at(scene.view);
        self.show_picture(ctx);
        let selection = scene.selection;
        self.document.set_mark(match (selection.row, selection.tile) {
            (Some(_), _) => RowMark::Named,
            // A row of the tile stands for it, and is none of its own.
            (None, Some(_)) => RowMark::OnChip,
            (None, None) => RowMark::Nobody,
        });
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

    /// What the picture of the beat needs beside the main view: the other run of a race, the panel of the bytes.
    fn show_picture(&mut self, ctx: &Context) {
        let shown = self.lesson.as_ref().and_then(|lesson| lesson.shown.as_ref().ok());
        match shown.map(|shown| (shown.picture, shown.beside.clone())) {
            Some((BeatPicture::Race, beside)) => {
                let algorithm = beside.as_deref().and_then(algorithm::by_name).cloned();
                self.view.compare.open(Choices { algorithm, ..Choices::default() });
            }
            Some((BeatPicture::Chart, _)) => self.show_panel(ctx, bytes::PANEL.id),
            _ => {}
        }
    }

    pub(super) fn lesson_message(&mut self, ctx: &Context, message: LessonMessage) {
        let Some(lesson) = &mut self.lesson else {
            self.side = Side::Lesson;
            return;
        };
        match message {
            LessonMessage::Next => match lesson.next() {
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
            LessonMessage::Previous => {
                if self.talk.as_mut().is_some_and(|talk| std::mem::take(&mut talk.is_over)) {
                    return;
                }
                if let Some(position) = lesson.previous() {
                    lesson.go(position);
                    self.show_beat(ctx);
                }
            }
            LessonMessage::Check if lesson.is_asking() => {
                lesson.answer();
                self.show_answer(ctx);
            }
            LessonMessage::Check => {
                lesson.grade();
                self.show_built(ctx);
                self.remember();
            }
            LessonMessage::GiveUp if lesson.is_asking() => {
                lesson.reveal();
                self.show_answer(ctx);
            }
            LessonMessage::GiveUp => {
                lesson.solve_build();
                self.show_built(ctx);
            }
            LessonMessage::Restore => {
                let scene = lesson.beat().scene_at(lesson.position.is_revealed).clone();
                lesson.work.scene = scene.clone();
                lesson.work.is_shown = false;
                self.show_scene(ctx, scene);
            }
            LessonMessage::Return => self.show_beat(ctx),
            LessonMessage::Try(scene) => self.try_scene(ctx, *scene),
            LessonMessage::ShowWay => {
                if let Some(scene) = lesson.solved_scene() {
                    lesson.work.is_shown = true;
                    self.try_scene(ctx, scene);
                }
            }
            LessonMessage::CheckReturning(index) => {
                let question = lesson.returning_here().get_mut(index);
                let judged = question.and_then(|question| Some((question.check()?, question.owed.clone())));
                if let Some((is_right, owed)) = judged {
                    let progress = self.store.kept.lessons.entry(owed.lesson).or_default();
                    let came = progress.came_back.entry(owed.beat).or_default();
                    (came.times, came.is_settled) = (came.times + 1, is_right);
                }
            }
            LessonMessage::SkipReturning => lesson.open_with(Vec::new()),
            LessonMessage::LookAt(row, block) => self.look_at(ctx, row, block),
            LessonMessage::Close => {
                self.lesson = None;
                self.store.kept.lesson = None;
            }
        }
    }

    /// Settings that were built are a run, which the stage shows from then on.
    fn show_built(&mut self, ctx: &Context) {
        if let Some(scene) = self.lesson.as_mut().and_then(OpenLesson::take_built_scene) {
            self.try_scene(ctx, scene);
        }
    }

    /// Does what the beat asks for beside its question.
    pub(super) fn solve(&mut self, ctx: &Context) {
        let Some(lesson) = &mut self.lesson else { return };
        if lesson.build().is_some() {
            lesson.solve_build();
            self.show_built(ctx);
        }
        let Some(lesson) = &self.lesson else { return };
        if lesson.beat().change.is_some() {
            self.lesson_message(ctx, LessonMessage::ShowWay);
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
            let (line, column) = grid.position(scene.plan().query_block(row), j);
            grid.cell(line, column).map(|cell| At::Step(cell.end))
        });
        let landing = Landing { at: end, row: Some(row), key: None };
        self.document.set_mark(RowMark::OnChip);
        self.document.land(ctx, &landing, &mut self.player, &mut self.selection);
    }

    /// Keeps how far the person came and what they did, with the stage as it is.
    pub(super) fn remember(&mut self) {
        let Some(lesson) = &mut self.lesson else { return };
        let progress = self.store.kept.lessons.entry(lesson.key.clone()).or_default();
        (progress.beat, progress.is_revealed) = (lesson.position.beat, lesson.position.is_revealed);
        let (done, tasks) = lesson.tally();
        progress.done = done;
        progress.give(lesson.take_given());
        progress.is_over |= lesson.is_at_end();
        progress.is_done |= lesson.is_at_end() && done == tasks;
        if progress.works != lesson.works() {
            progress.works = lesson.works().to_vec();
        }
    }

    /// A click on the picture that answers a question.
    pub(super) fn answer_by_click(&mut self, messages: &[Message]) {
        use crate::playback::lesson::ClickOn;
        let plan = self.document.scene().map(|scene| scene.plan().clone());
        let Some((lesson, plan)) = self.lesson.as_mut().zip(plan) else { return };
        let Some(on) = lesson.click_on() else { return };
        for action in messages {
            let name = match (on, action) {
                (ClickOn::Tensor, Message::Answer(Answer::Tensor(tensor))) => tensor.name().to_owned(),
                (ClickOn::Tile, Message::Answer(Answer::Tile(i, j))) => format!("{i},{j}"),
                (ClickOn::Row, Message::Select(Selection { query, .. })) => query.to_string(),
                (ClickOn::Key, Message::Select(Selection { key: Some(key), .. })) => key.to_string(),
                (ClickOn::Tile, Message::Select(Selection { query, key: Some(key) })) => {
                    format!("{},{}", plan.query_block(*query), plan.key_block(*key))
                }
                _ => continue,
            };
            lesson.begin_answer();
            lesson.work.typed = name;
        }
    }

    pub(super) fn tour_message(&mut self, ctx: &Context, message: TourMessage) {
        match message {
            TourMessage::Start => {
                self.lesson = None;
                self.side = Side::Setup;
                self.document.open(ctx, Source::Scene(Box::new(tour::start())));
                self.begin_tour();
            }
            TourMessage::Next => {
                let tour = self.tour.as_mut().zip(self.document.scene());
                let messages = tour.map(|(tour, scene)| tour.next(scene)).unwrap_or_default();
                messages.into_iter().for_each(|action| self.carry_out(ctx, action));
            }
            TourMessage::Explore => self.end_tour(ctx),
        }
    }

    /// Two runs side by side over the whole width.
    pub(super) fn begin_tour(&mut self) {
        self.tour = Some(Tour::default());
        self.folds = Folds::both();
        self.view.stand_at(tour::start().view);
        self.view.compare.open(Choices::default());
        self.view.compare.set_lock(Lock::Bytes);
    }

    /// What the tour did to the run ends with it.
    pub(super) fn end_tour(&mut self, ctx: &Context) {
        let Some(tour) = self.tour.take() else { return };
        self.folds = Folds::default();
        self.apply(Command::SetSpeed(1.0));
        if let Some(settings) = tour.undone(self.document.wanted()) {
            self.document.change(ctx, settings);
        }
    }
}
