//! A text of one's own that is run: read again when its file is saved.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use eframe::egui::Context;

use crate::app::run::settings::Settings;
use crate::app::shell::window::App;
use crate::files;
use crate::schedule::Algorithm;
use crate::sentence::Sentence;

/// Between two looks at the file.
const PAUSE: Duration = Duration::from_millis(400);

/// The file of the text that is run, as it was when it was looked at last.
#[derive(Default)]
pub struct OwnText {
    seen: Option<(PathBuf, Option<SystemTime>)>,
    /// The frame's clock, in seconds, of that look.
    at: f64,
}

impl OwnText {
    /// The text again, if its file was saved since the last look. Asks for a frame to look again in.
    fn saved(&mut self, ctx: &Context, algorithm: &Algorithm) -> Option<Result<Algorithm, Sentence>> {
        let name = algorithm.name();
        if !files::is_text(name) {
            self.seen = None;
            return None;
        }
        ctx.request_repaint_after(PAUSE);
        let now = ctx.input(|input| input.time);
        let path = Path::new(name);
        let is_known = self.seen.as_ref().is_some_and(|(known, _)| known == path);
        if is_known && now - self.at < PAUSE.as_secs_f64() {
            return None;
        }
        self.at = now;
        let modified = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        let before = self.seen.replace((path.to_owned(), modified));
        let is_saved = before.is_some_and(|(known, old)| known == path && old != modified);
        // A file that is being replaced is not there for a moment.
        (is_saved && modified.is_some()).then(|| files::algorithm(name))
    }
}

/// The text of one's own among files that are opened, and the others.
pub fn apart(paths: Vec<PathBuf>) -> (Option<String>, Vec<PathBuf>) {
    let is_text = |path: &PathBuf| path.to_str().is_some_and(files::is_text);
    let (texts, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_text);
    (texts.into_iter().next_back().and_then(|path| path.to_str().map(str::to_owned)), others)
}

impl App {
    /// Runs the text that is run again where its file was saved.
    pub(super) fn follow_own_text(&mut self, ctx: &Context) {
        let algorithm = &self.document.wanted().algorithm;
        // What the editor writes it runs itself.
        let is_ours = self.text_editor.keeps(algorithm.name());
        if let Some(read) = self.own_text.saved(ctx, algorithm).filter(|_| !is_ours) {
            self.run_text(ctx, read);
        }
    }

    /// Runs a text that was read, or says what is wrong with it; the run on screen stays until then.
    pub(super) fn run_text(&mut self, ctx: &Context, read: Result<Algorithm, Sentence>) {
        match read {
            Ok(algorithm) if algorithm == self.document.wanted().algorithm => self.document.set_notice(None),
            Ok(algorithm) => {
                self.document.set_notice(None);
                let settings = Settings { algorithm, ..self.document.wanted().clone() };
                self.document.change(ctx, settings);
            }
            Err(fault) => self.document.set_notice(Some(fault)),
        }
    }
}
