//! The algorithm's text as it is typed: read when the typing stops, kept in a file of its own, and run.

use std::path::{Path, PathBuf};

use similar::{ChangeTag, TextDiff};

use crate::app::run::export;
use crate::files;
use crate::schedule::language::{Diagnostic, Race, TEXTS};
use crate::schedule::{Algorithm, algorithm};
use crate::sentence::Sentence;

/// Seconds after the last key until the text is read.
const CALM_S: f64 = 0.35;
/// The folder of texts that are edited, below that of what the program keeps.
const FOLDER: &str = "texts";

/// The editor, and what is typed in it.
#[derive(Default)]
pub struct TextEditor {
    /// Where texts that are edited are kept; nowhere, if it is `None`.
    folder: Option<PathBuf>,
    edited: Option<Edited>,
    /// The line that the cursor goes to.
    pub jump: Option<usize>,
}

/// A text under way.
pub struct Edited {
    /// What ran when the editing began.
    start: Algorithm,
    /// What ran last of what was typed.
    applied: Algorithm,
    /// The text that differences are marked against.
    before: String,
    pub typed: String,
    /// The file that keeps what was typed, once something was.
    draft: Option<PathBuf>,
    /// What is wrong with it as it stands, as far as it was read.
    pub wrong: Vec<Diagnostic>,
    /// Lines that differ from `before`, from 1.
    pub changed: Vec<usize>,
    /// Lines of `before` that are not there any more.
    left_out: usize,
    /// The frame's clock, in seconds, at which it is read.
    due: Option<f64>,
}

impl TextEditor {
    /// Keeps its texts below `folder`.
    pub fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(|folder| folder.join(FOLDER)), ..Self::default() }
    }

    pub fn edited(&self) -> Option<&Edited> {
        self.edited.as_ref()
    }

    /// Something was typed that has not run yet.
    pub fn is_busy(&self) -> bool {
        self.edited.as_ref().is_some_and(|edited| edited.due.is_some())
    }

    /// It is the editor's own file, which nobody else writes.
    pub fn keeps(&self, name: &str) -> bool {
        self.edited.as_ref().and_then(|edited| edited.draft.as_deref()).is_some_and(|draft| draft == Path::new(name))
    }

    /// It was opened on what runs, the cursor at this line. What was typed before is there.
    pub fn begin(&mut self, running: &Algorithm, line: Option<u32>) {
        self.follow(running, true);
        self.jump = Some(line.map_or(1, |line| line as usize));
    }

    /// Follows what runs where that was changed elsewhere: by the setup, by undoing.
    pub fn follow(&mut self, running: &Algorithm, is_open: bool) {
        match &mut self.edited {
            Some(edited) if edited.due.is_some() || edited.applied == *running => {}
            Some(edited) if edited.keeps(running) => edited.put(running),
            _ => self.edited = is_open.then(|| Edited::new(running, self.folder.as_deref())),
        }
    }

    /// What was typed by `now`, in seconds.
    pub fn typed(&mut self, text: String, now: f64) {
        let Some(edited) = self.edited.as_mut().filter(|edited| edited.typed != text) else { return };
        edited.typed = text;
        edited.mark();
        edited.due = Some(now + CALM_S);
    }

    /// Another text in place of it, to be read in this frame.
    pub fn take(&mut self, text: String, now: f64) {
        self.typed(text, now - CALM_S);
    }

    /// Reads what was typed when it is time, and keeps it. Gives what is to run, if it can be read, and whether its file could
    /// be written.
    pub fn read(&mut self, now: f64) -> Option<(Option<Algorithm>, Result<(), Sentence>)> {
        let edited = self.edited.as_mut().filter(|edited| edited.due.is_some_and(|due| now >= due))?;
        edited.due = None;
        let kept = edited.keep(self.folder.as_deref());
        let read = Algorithm::read(&edited.name(), &edited.typed);
        edited.wrong = read.as_ref().err().cloned().unwrap_or_default();
        edited.applied = read.as_ref().ok().unwrap_or(&edited.applied).clone();
        Some((read.ok(), kept))
    }

    /// The text that the editing began with; its own file goes.
    pub fn put_back(&mut self) -> Option<Algorithm> {
        let edited = self.edited.as_mut()?;
        if let Some(draft) = edited.draft.take() {
            // A file that cannot be removed is one more text, and no harm.
            let _ = std::fs::remove_file(draft);
        }
        let start = edited.start.clone();
        self.edited = Some(Edited::new(&start, self.folder.as_deref()));
        Some(start)
    }

    /// Writes it to the file that it came from, or to a new one beside the person's other files: also where somebody else has
    /// changed that file since. Gives the path.
    pub fn save(&mut self) -> Option<Result<PathBuf, Sentence>> {
        let edited = self.edited.as_mut()?;
        if !edited.wrong.is_empty() || edited.due.is_some() {
            return Some(Err("a text that cannot be read is not saved; what was typed is kept as it is".into()));
        }
        let bytes = edited.typed.as_bytes();
        let is_as_it_was = |path: &PathBuf| file_text(path).is_none_or(|text| text == edited.before);
        let saved = match edited.origin().filter(is_as_it_was) {
            Some(path) => files::replace(&path, bytes).map(|()| path),
            None => export::save(edited.stem(), "tile", bytes),
        };
        if saved.is_ok() {
            if let Some(draft) = edited.draft.take() {
                let _ = std::fs::remove_file(draft);
            }
            self.edited = None;
        }
        Some(saved)
    }
}

impl Edited {
    fn new(running: &Algorithm, folder: Option<&Path>) -> Self {
        let before = source(running);
        Self {
            start: running.clone(),
            applied: running.clone(),
            typed: before.clone(),
            before,
            draft: None,
            wrong: Vec::new(),
            changed: Vec::new(),
            left_out: 0,
            due: None,
        }
        .against_house(folder)
    }

    /// A text that an earlier start left is held against the text of the program that it began as.
    fn against_house(mut self, folder: Option<&Path>) -> Self {
        let is_ours = |path: &Path| folder.is_some() && path.parent() == folder;
        let path = PathBuf::from(self.start.name());
        if let Some(base) = self.base().and_then(algorithm::by_name).filter(|_| is_ours(&path)) {
            self.before = source(base);
            self.start = base.clone();
            self.mark();
            let is_gone = !path.exists();
            self.draft = Some(path);
            if is_gone {
                // It was put back, and that was undone.
                let _ = self.keep(None);
            }
        }
        self
    }

    /// The text of the program that it is, or began as.
    pub fn base(&self) -> Option<&'static str> {
        let own = self.start.base().map_or(self.start.name(), Algorithm::name);
        let stem = stem_of(own);
        // `flash2-3` is the third that began as flash2.
        let began = stem.rsplit_once('-').filter(|(_, n)| n.chars().all(|c| c.is_ascii_digit()));
        let names = [stem, began.map_or(stem, |(name, _)| name)];
        TEXTS.into_iter().map(|(name, _)| name).find(|name| names.contains(name))
    }

    pub fn start(&self) -> &Algorithm {
        &self.start
    }

    pub fn is_changed(&self) -> bool {
        self.typed != self.before
    }

    /// How many lines are others, or gone.
    pub fn differences(&self) -> usize {
        self.changed.len().max(self.left_out)
    }

    pub fn is_being_read(&self) -> bool {
        self.due.is_some()
    }

    /// The first race of it as it stands.
    pub fn race(&self) -> Option<&Race> {
        self.wrong.iter().find_map(|wrong| wrong.race.as_ref())
    }

    /// What runs is this text, so that its lines are lit.
    pub fn runs(&self, running: &Algorithm) -> bool {
        running.written() == self.typed
    }

    /// Its own file, if it has one.
    pub fn draft(&self) -> Option<&Path> {
        self.draft.as_deref()
    }

    /// The person's file that it came from.
    pub fn origin(&self) -> Option<PathBuf> {
        files::is_text(self.start.name()).then(|| PathBuf::from(self.start.name()))
    }

    fn stem(&self) -> &str {
        stem_of(self.start.name())
    }

    /// The name that it runs under: its own file, so that a link or another start finds it.
    fn name(&self) -> String {
        let of_draft = self.draft.as_ref().and_then(|path| path.to_str()).map(str::to_owned);
        of_draft.unwrap_or_else(|| format!("{}.tile", self.stem()))
    }

    fn keeps(&self, running: &Algorithm) -> bool {
        self.name() == running.name()
    }

    /// A text that ran before, by undoing.
    fn put(&mut self, running: &Algorithm) {
        (self.typed, self.applied) = (source(running), running.clone());
        self.wrong.clear();
        self.mark();
    }

    fn keep(&mut self, folder: Option<&Path>) -> Result<(), Sentence> {
        let bytes = self.typed.as_bytes();
        if let Some(draft) = &self.draft {
            return files::replace(draft, bytes);
        }
        let Some(folder) = folder else { return Ok(()) };
        std::fs::create_dir_all(folder).map_err(|error| files::reason(&error))?;
        let stem = self.stem().to_owned();
        let names = (1..10_000).map(|n| if n == 1 { format!("{stem}.tile") } else { format!("{stem}-{n}.tile") });
        let written = files::write_new(folder, names, |out| out.write_all(bytes).map_err(Sentence::verbatim));
        let ((), path) = written.map_err(Sentence::from)?;
        self.draft = Some(path);
        Ok(())
    }

    fn mark(&mut self) {
        let diff = TextDiff::from_lines(&self.before, &self.typed);
        self.left_out = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Delete).count();
        let new = diff.iter_all_changes().filter(|change| change.tag() == ChangeTag::Insert);
        self.changed = new.filter_map(|change| change.new_index()).map(|index| index + 1).collect();
    }
}

/// The text of an algorithm as one edits it: of a variant in a file, what stands in that file.
fn source(of: &Algorithm) -> String {
    let text = of.text();
    let is_short = text.variant.is_some() && files::is_text(of.name());
    let written = is_short.then(|| file_text(Path::new(of.name()))).flatten();
    written.unwrap_or_else(|| text.text.clone())
}

/// What stands in a file now, where it can be read.
fn file_text(path: &Path) -> Option<String> {
    String::from_utf8(files::read(path, files::MOST_TEXT_BYTES).ok()?).ok()
}

/// `flash2` of `texts/flash2.tile`; of `flash2/forget-alpha`, `flash2-forget-alpha` would be no file of flash2.
fn stem_of(name: &str) -> &str {
    if files::is_text(name) {
        return Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("text");
    }
    name.split('/').next().unwrap_or(name)
}

#[cfg(test)]
mod tests;
