//! What is kept between starts: choices, progress, the place where the person was. One small file, written whole or not
//! at all; a damaged one is set aside, one of a newer version is left alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};

use crate::playback::lesson::{Language, Position};
use crate::sentence::Sentence;

use super::place::Place;
use super::theme::Theme;

const VERSION: u32 = 1;
const FILE: &str = "settings.json";
const MOST_BYTES: u64 = 1 << 20;
const MOST_RECENT: usize = 10;
/// Seconds between two writes while things change.
const CALM_S: f64 = 2.0;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub version: u32,
    pub language: String,
    pub theme: Option<Theme>,
    pub zoom: f32,
    pub reduce_motion: bool,
    /// The first two minutes are over.
    pub has_started: bool,
    /// Paths, the latest first.
    pub recent: Vec<String>,
    /// By the stem of a lesson's file.
    pub lessons: BTreeMap<String, Progress>,
    /// The lesson that was open, from 0.
    pub lesson: Option<usize>,
    pub session: Option<Place>,
}

/// How far a person came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    pub beat: usize,
    pub is_revealed: bool,
    /// The last beat was reached.
    pub is_done: bool,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            version: VERSION,
            language: Language::default().code().into(),
            theme: None,
            zoom: 1.0,
            reduce_motion: false,
            has_started: false,
            recent: Vec::new(),
            lessons: BTreeMap::new(),
            lesson: None,
            session: None,
        }
    }
}

impl Kept {
    pub fn position(&self, stem: &str) -> Position {
        let progress = self.lessons.get(stem).copied().unwrap_or_default();
        Position { beat: progress.beat, is_revealed: progress.is_revealed }
    }

    pub fn remember_file(&mut self, path: &str) {
        self.recent.retain(|known| known != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(MOST_RECENT);
    }
}

/// The file and what was last written to it.
pub struct Store {
    pub kept: Kept,
    written: Kept,
    /// Nothing is written where there is no folder, or where a newer version wrote.
    folder: Option<PathBuf>,
    next_write: f64,
    /// What the person should know about the file.
    pub notice: Option<Sentence>,
}

impl Store {
    /// Reads the file in `folder`.
    pub fn open(folder: Option<&Path>) -> Self {
        let mut store = Self {
            kept: Kept::default(),
            written: Kept::default(),
            folder: folder.map(Path::to_owned),
            next_write: 0.0,
            notice: None,
        };
        let Some(path) = folder.map(|folder| folder.join(FILE)) else { return store };
        match read(&path) {
            Ok(None) => {}
            Ok(Some(kept)) if kept.version > VERSION => {
                store.folder = None;
                store.notice = Some("Your settings are from a newer version; they stay as they are.".into());
            }
            Ok(Some(kept)) => store.kept = kept,
            Err(fault) => {
                let aside = path.with_extension("json.corrupt");
                let _ = fs::rename(&path, aside);
                let notice = "Your settings could not be read ({0}); they were set aside as {1}.corrupt.";
                store.notice = Some(Sentence::new(notice).and(fault).with(FILE));
            }
        }
        store.written = store.kept.clone();
        store
    }

    /// Nothing was kept before.
    pub fn is_first_start(&self) -> bool {
        self.folder.is_some() && !self.kept.has_started && self.kept.session.is_none()
    }

    /// Writes what has changed, now and then.
    pub fn save_calmly(&mut self, now: f64) {
        if self.kept != self.written && now >= self.next_write {
            self.next_write = now + CALM_S;
            self.save();
        }
    }

    /// Writes what has changed. A folder that cannot be written to is no reason to stop.
    pub fn save(&mut self) {
        if self.kept == self.written {
            return;
        }
        if let Some(folder) = &self.folder
            && write(folder, &self.kept).is_err()
        {
            self.folder = None;
        }
        self.written = self.kept.clone();
    }
}

/// `None` where there is no file yet.
fn read(path: &Path) -> Result<Option<Kept>, Sentence> {
    let Ok(metadata) = fs::metadata(path) else { return Ok(None) };
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return Err("it is not a small file".into());
    }
    let bytes = fs::read(path).map_err(Sentence::verbatim)?;
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(Sentence::verbatim)?;
    // A list would pass for the fields in their order.
    if !value.is_object() {
        return Err("it is not an object".into());
    }
    serde_json::from_value(value).map(Some).map_err(Sentence::verbatim)
}

fn write(folder: &Path, kept: &Kept) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = AtomicWriteFile::open(folder.join(FILE))?;
    file.write_all(&serde_json::to_vec_pretty(kept)?)?;
    file.commit()
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
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let mut store = Store::open(Some(&folder));
        assert!(store.is_first_start());
        store.kept.remember_file("a.npz");
        store.kept.has_started = true;
        store.save();
        let store = Store::open(Some(&folder));
        assert!(!store.is_first_start());
        assert_eq!(store.kept.recent, ["a.npz"]);
    }

    #[test]
    fn a_damaged_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        for damage in ["", "{", "[1]", "\u{0}"] {
            fs::write(folder.path().join(FILE), damage).unwrap();
            let store = Store::open(Some(folder.path()));
            assert_eq!(store.kept, Kept::default());
            assert!(store.notice.is_some());
            assert!(folder.path().join("settings.json.corrupt").exists());
        }
    }

    #[test]
    fn a_newer_file_stays() {
        let folder = tempfile::tempdir().unwrap();
        let text = r#"{"version": 9, "something": "new"}"#;
        fs::write(folder.path().join(FILE), text).unwrap();
        let mut store = Store::open(Some(folder.path()));
        store.kept.has_started = true;
        store.save();
        assert_eq!(fs::read_to_string(folder.path().join(FILE)).unwrap(), text);
    }

    #[test]
    fn nothing_is_needed() {
        let mut store = Store::open(None);
        store.kept.has_started = true;
        store.save();
        assert!(!store.is_first_start());
    }
}
