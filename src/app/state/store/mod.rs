//! What is kept between starts: choices, progress, the place where the person was. One small file, which windows share:
//! written whole or not at all, merged; a damaged one is set aside, one of a newer version is left alone.

mod kept;
mod opening;
mod shelf;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::app::run::link::Link;
use crate::app::state::lesson_work::Given;
pub use crate::app::state::store::kept::LessonProgress;
use crate::app::state::store::shelf::FileFound;
use crate::attention::input::random;
use crate::files;
use crate::sentence::Sentence;
use shelf::{FILE, Shelf};

pub use kept::Kept;

/// What was answered in each lesson, by the name under which it is kept. Only reads what is kept in `folder`.
///
/// Errors in a sentence where that cannot be read.
pub fn given(folder: &Path) -> Result<BTreeMap<String, Vec<Given>>, Sentence> {
    let path = folder.join(FILE);
    let fault = |fault: Sentence| Err(Sentence::new("{0}: {1}").with(files::shown(&path)).and(fault));
    match shelf::read(&path) {
        FileFound::Nothing => Ok(BTreeMap::new()),
        FileFound::Newer => fault("it is from a newer version".into()),
        FileFound::Kept(_, kept, _) => Ok(kept.lessons.into_iter().map(|(key, of)| (key, of.given)).collect()),
        FileFound::Closed(why) | FileFound::Damaged(why) => fault(why),
    }
}

/// Seconds between two writes while things change.
const CALM_S: f64 = 2.0;
/// Seconds until a write that failed is tried again.
const PAUSE_S: f64 = 30.0;

/// The file and what is to be written to it.
pub struct Store {
    pub kept: Kept,
    /// Nothing is written where there is no folder. A signal that ends the program writes it too.
    shelf: Option<Arc<Mutex<Shelf>>>,
    folder: Option<PathBuf>,
    next_write: f64,
    has_failed: bool,
    /// What the person should know about the file.
    pub notice: Option<Sentence>,
}

impl Store {
    /// Reads the file in `folder`.
    pub fn open(folder: Option<&Path>) -> Self {
        let mut store = Self {
            kept: Kept::default(),
            shelf: None,
            folder: folder.map(Path::to_owned),
            next_write: 0.0,
            has_failed: false,
            notice: None,
        };
        let Some(folder) = folder else { return store };
        files::sweep(folder);
        let is_closed = store.read(&folder.join(FILE));
        store.shelf = Some(Arc::new(Mutex::new(Shelf::new(folder, &store.kept, is_closed))));
        store
    }

    /// Reads the file at `path`, or, where that is damaged, its copy; true where it must not be written.
    fn read(&mut self, path: &Path) -> bool {
        match shelf::read(path) {
            FileFound::Nothing => {}
            FileFound::Newer => {
                self.notice = Some("Your settings are from a newer version; they stay as they are.".into());
                return true;
            }
            FileFound::Closed(fault) => {
                let notice = "Your settings could not be read ({0}); they stay as they are, and nothing is kept.";
                self.notice = Some(Sentence::new(notice).and(fault));
                return true;
            }
            FileFound::Kept(_, kept, unread) => {
                self.kept = kept;
                if !unread.is_empty() {
                    let notice = "Part of your settings is not understood and stands as it was: {0}";
                    self.notice = Some(Sentence::new(notice).with(files::printable(&unread.join(", "))));
                }
            }
            FileFound::Damaged(fault) => {
                let name = shelf::set_aside(path);
                let mut notice = "Your settings could not be read ({0}); they were set aside as {1}.";
                if let FileFound::Kept(_, kept, _) = shelf::read(&shelf::copy_of(path)) {
                    self.kept = kept;
                    notice =
                        "Your settings could not be read ({0}) and were set aside as {1}; these are those of before.";
                }
                self.notice = Some(Sentence::new(notice).and(fault).with(name));
            }
        }
        false
    }

    /// Nothing was kept before.
    pub fn is_first_start(&self) -> bool {
        self.folder.is_some() && !self.kept.has_started && self.kept.session.is_none()
    }

    /// The place to resume; none where an earlier start died of opening it, which a notice then says.
    pub fn resume(&mut self) -> Option<Link> {
        let (shelf, session) = (self.shelf.as_ref()?, self.kept.session.clone()?);
        if lock(shelf).begin_opening(&session) {
            return Some(session);
        }
        if let Some(path) = session.path().filter(|input| !input.starts_with(random::PREFIX)) {
            self.kept.remember_file(path);
        }
        let name = session.path().or(session.run.scene.as_deref()).unwrap_or_default().to_owned();
        let notice =
            "The program ended while it opened {0}, so that was not opened again. To open it all the same: {1}";
        let [name, link] = [name, session.command_line()].map(|text| files::printable(&text));
        self.notice = Some(Sentence::new(notice).with(name).with(link));
        None
    }

    /// The place that was resumed is there, or given up.
    pub fn has_opened(&mut self) {
        if let Some(shelf) = &self.shelf {
            lock(shelf).end_opening();
        }
    }

    /// From now on a signal that ends the program writes what is to be kept.
    pub fn keep_at_end(&self) {
        if let Some(shelf) = self.shelf.clone() {
            files::at_end(move || {
                let mut shelf = lock(&shelf);
                shelf.end_opening();
                // Nobody is left to be told.
                let _ = shelf.write();
            });
        }
    }

    /// Writes what has changed, now and then.
    pub fn save_calmly(&mut self, now: f64) {
        let has_news = self.shelf.as_ref().is_some_and(|shelf| {
            let mut shelf = lock(shelf);
            if shelf.ours != self.kept {
                shelf.ours.clone_from(&self.kept);
            }
            shelf.has_news()
        });
        if has_news && now >= self.next_write {
            self.next_write = now + if self.save() { CALM_S } else { PAUSE_S };
        }
    }

    /// Writes what has changed; false where that is not possible now, which is no reason to stop and said once.
    pub fn save(&mut self) -> bool {
        let Some(shelf) = &self.shelf else { return true };
        let mut shelf = lock(shelf);
        shelf.ours.clone_from(&self.kept);
        let result = shelf.write();
        if let Err(fault) = &result
            && !std::mem::replace(&mut self.has_failed, true)
        {
            self.notice = Some(Sentence::new("Your settings cannot be kept: {0}").and(fault.clone()));
        }
        result.is_ok()
    }
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The platform's folder for the settings of a program; `None` where the environment does not say.
pub fn platform_folder() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = if cfg!(target_os = "windows") {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_CONFIG_HOME").filter(|path| path.is_absolute()).or(folder("HOME").map(|home| home.join(".config")))
    };
    base.map(|base| base.join("tilescope"))
}

#[cfg(test)]
mod tests;
