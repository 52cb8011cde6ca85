//! A text of one's own that is run: read again when its file is saved.

use std::path::{Path, PathBuf};

use eframe::egui::Context;

use crate::app::run::lesson_file::is_lesson;
use crate::app::run::settings::Settings;
use crate::app::shell::app::App;
use crate::app::state::text_editor::TextEditor;
use crate::files;
use crate::schedule::Algorithm;
use crate::sentence::Sentence;

/// The text of one's own among files that are opened, and the others.
pub fn apart(paths: Vec<PathBuf>) -> (Option<String>, Vec<PathBuf>) {
    let is_text = |path: &PathBuf| path.to_str().is_some_and(files::is_text);
    let (texts, others): (Vec<_>, Vec<_>) = paths.into_iter().partition(is_text);
    (texts.into_iter().next_back().and_then(|path| path.to_str().map(str::to_owned)), others)
}

/// A lesson beside anything else, or several texts: none is dropped in silence.
pub fn are_too_many(paths: &[PathBuf]) -> bool {
    let texts = paths.iter().filter(|path| path.to_str().is_some_and(files::is_text)).count();
    texts > 1 || (paths.len() > 1 && paths.iter().any(|path| is_lesson(path)))
}

impl App {
    /// Runs the text that is run again where its file was saved.
    pub(super) fn follow_own_text(&mut self, ctx: &Context) {
        let name = self.document.wanted().algorithm.name();
        if !files::is_text(name) {
            self.own_text.forget();
            return;
        }
        // What the editor writes it runs itself.
        let is_ours = self.owned.see::<TextEditor>().is_some_and(|editor| editor.keeps(name));
        if self.own_text.is_saved(ctx, Path::new(name)) && !is_ours {
            let read = files::algorithm(name);
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
