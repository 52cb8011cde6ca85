//! A lesson of one's own, or a folder of them: opened by its path, shown again when a file is saved.

use std::path::{Path, PathBuf};

use eframe::egui::Context;

use crate::app::message::window::Side;
use crate::app::run::lesson_file::read;
use crate::app::run::lesson_folder::LessonFolder;
use crate::app::shell::app::App;
use crate::app::state::lesson::{Of, OpenLesson};
use crate::files;
use crate::playback::lesson::{Language, Position};

impl App {
    /// Opens the lesson at `path`, or says what is wrong with it; what is open stays until then.
    pub(super) fn open_own_lesson(&mut self, ctx: &Context, path: PathBuf, at: Option<Position>) {
        match read(&path) {
            Ok(lesson) => {
                if let Some(name) = path.to_str() {
                    self.store.kept.remember_file(name);
                }
                self.document.set_notice(None);
                self.begin_lesson(ctx, Of::File(path), lesson, at);
            }
            Err(fault) => self.document.tell_refusal(fault),
        }
    }

    /// Opens the folder of lessons at `path`: its list stands where the lesson stood.
    pub(super) fn open_lesson_folder(&mut self, ctx: &Context, path: PathBuf) {
        if let Some(name) = path.to_str() {
            self.store.kept.remember_file(name);
            self.store.kept.lesson_folder =
                std::path::absolute(&path).ok().and_then(|path| Some(path.to_str()?.to_owned()));
        }
        self.remember();
        (self.lesson, self.store.kept.lesson) = (None, None);
        self.document.set_notice(None);
        self.lesson_folder = Some(LessonFolder::open(path));
        self.end_tour(ctx);
        self.side = Side::Lesson;
    }

    /// The lesson at `path` in another language, where it is there: the same beat, with what was done there.
    pub(super) fn turn_own_lesson(&mut self, path: &Path, language: Language) {
        let other = files::lesson_in(path, language.code()).filter(|other| other != path);
        let Some((lesson, other)) = other.and_then(|other| Some((read(&other).ok()?, other))) else { return };
        self.remember();
        if let Some(open) = &mut self.lesson {
            open.of = Of::File(other);
            open.replace(lesson);
        }
    }

    /// Shows the lesson again where its file was saved: the same beat, with what was done there.
    pub(super) fn follow_own_lesson(&mut self, ctx: &Context) {
        let Some(OpenLesson { of: Of::File(path), .. }) = &self.lesson else { return };
        let path = path.clone();
        if !self.own_lesson.is_saved(ctx, &path) {
            return;
        }
        match read(&path) {
            Ok(lesson) => {
                self.document.set_notice(None);
                if let Some(open) = &mut self.lesson {
                    open.replace(lesson);
                    open.work.scene = open.beat().scene_at(open.position.is_revealed).clone();
                }
                self.show_beat(ctx);
            }
            Err(fault) => self.document.set_notice(Some(fault)),
        }
    }
}
