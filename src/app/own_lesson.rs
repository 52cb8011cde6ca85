//! A lesson of one's own: opened by its path, read again when its file is saved.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use eframe::egui::Context;

use crate::files;
use crate::playback::lesson::{Lesson, LessonError, MOST_BYTES, Position, parse};
use crate::sentence::Sentence;

use super::lesson::{Of, OpenLesson};
use super::window::App;

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(400);

/// The file of the lesson that is open, as it was when it was looked at last.
#[derive(Default)]
pub struct OwnLesson {
    seen: Option<(PathBuf, Option<SystemTime>)>,
    /// The frame's clock, in seconds, of that look.
    at: f64,
}

impl OwnLesson {
    /// The file at `path` was saved since the last look. Asks for a frame to look again in.
    fn is_saved(&mut self, ctx: &Context, path: &Path) -> bool {
        ctx.request_repaint_after(PAUSE);
        let now = ctx.input(|input| input.time);
        let is_known = self.seen.as_ref().is_some_and(|(known, _)| known == path);
        if is_known && now - self.at < PAUSE.as_secs_f64() {
            return false;
        }
        self.at = now;
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let before = self.seen.replace((path.to_owned(), modified));
        // A file that is being replaced is not there for a moment.
        modified.is_some() && before.is_some_and(|(known, old)| known == path && old != modified)
    }
}

/// The name is that of a lesson.
pub fn is_lesson(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"))
}

/// Reads the lesson at `path`. Errors name file, line and column.
pub fn read(path: &Path) -> Result<Lesson, Sentence> {
    let name = files::shown(path);
    let of_file = |fault: Sentence| Sentence::new("{0}: {1}").with(&name).and(fault);
    let bytes = files::read(path, MOST_BYTES as u64).map_err(of_file)?;
    let text = String::from_utf8(bytes).map_err(|_| of_file("this is not UTF-8 text, as a lesson is".into()))?;
    parse(&text).map_err(|LessonError { line, column, what }| match column {
        0 => Sentence::new("{0}:{1}: {2}").with(&name).with(line).and(what),
        column => Sentence::new("{0}:{1}:{2}: {3}").with(&name).with(line).with(column).and(what),
    })
}

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
