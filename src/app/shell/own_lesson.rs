//! A lesson of one's own: opened by its path, shown again when its file is saved.

use std::path::PathBuf;

use eframe::egui::Context;

use crate::app::run::lesson_file::read;
use crate::app::shell::app::App;
use crate::app::state::lesson::{Of, OpenLesson};
use crate::playback::lesson::Position;

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
