//! The file in its folder: read, locked, merged and written, set aside where it is damaged.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value};

use crate::app::run::link::Link;
use crate::files;
use crate::sentence::Sentence;

use super::kept::{Kept, VERSION};
use super::opening::{self, Opening};

pub const FILE: &str = "settings.json";
const MOST_BYTES: u64 = 1 << 20;
/// Damaged files that are set aside under names of their own; after that the last one gives way.
const MOST_ASIDE: usize = 9;
/// How long another window may take to write.
const PATIENCE: Duration = Duration::from_millis(500);

/// What the file holds.
#[expect(clippy::large_enum_variant)] // There is one, at a start.
pub enum FileFound {
    Nothing,
    Newer,
    /// The file as it stands, what of it could be read, and the names of what could not.
    Kept(Map<String, Value>, Kept, Vec<String>),
    /// It may not be read now; perhaps later.
    Closed(Sentence),
    Damaged(Sentence),
}

/// Reads `path`, which is the file or its copy.
pub fn read(path: &Path) -> FileFound {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return FileFound::Nothing,
        Err(error) => return FileFound::Closed(files::reason(&error)),
    };
    if !metadata.is_file() || metadata.len() > MOST_BYTES {
        return FileFound::Damaged("it is not a small file".into());
    }
    let bytes = match files::read(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(fault) => return FileFound::Closed(fault),
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(file)) => {
            let (kept, unread) = Kept::read(&file);
            if kept.version > VERSION { FileFound::Newer } else { FileFound::Kept(file, kept, unread) }
        }
        // A list would pass for the fields in their order.
        Ok(_) => FileFound::Damaged("it is not an object".into()),
        Err(error) => FileFound::Damaged(Sentence::verbatim(error)),
    }
}

/// The copy of the file from before the last window that wrote it.
pub fn copy_of(path: &Path) -> PathBuf {
    path.with_extension("json.bak")
}

/// Moves a damaged file out of the way; gives the name it has then.
pub fn set_aside(path: &Path) -> String {
    let names = (1..=MOST_ASIDE).map(|n| if n == 1 { "json.corrupt".into() } else { format!("json.corrupt-{n}") });
    let mut aside = path.to_owned();
    for name in names {
        aside = path.with_extension(name);
        if fs::symlink_metadata(&aside).is_err() {
            break;
        }
    }
    let _ = fs::rename(path, &aside);
    aside.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Held while one window reads, merges and writes.
struct FileLock(#[allow(dead_code)] File);

impl FileLock {
    fn take(folder: &Path) -> Option<Self> {
        // A folder can be locked itself where it can be opened.
        let file = if cfg!(unix) { File::open(folder) } else { File::create(folder.join("settings.lock")) }.ok()?;
        let pause = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / pause.as_millis() {
            match file.try_lock() {
                Ok(()) => return Some(Self(file)),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(pause),
                // Not every file system has locks.
                Err(fs::TryLockError::Error(_)) => return Some(Self(file)),
            }
        }
        None
    }
}

/// One window's side of the file.
pub struct Shelf {
    folder: PathBuf,
    /// What is to be kept.
    pub ours: Kept,
    /// `ours` when it was last written.
    base: Kept,
    has_copy: bool,
    is_closed: bool,
    /// The kept place is being opened.
    opening: Option<Opening>,
}

impl Shelf {
    pub fn new(folder: &Path, kept: &Kept, is_closed: bool) -> Self {
        let (ours, base) = (kept.clone(), kept.clone());
        Self { folder: folder.to_owned(), ours, base, has_copy: false, is_closed, opening: None }
    }

    /// Marks `place` as being opened; false where an earlier start died of it.
    pub fn begin_opening(&mut self, place: &Link) -> bool {
        if opening::died(&self.folder).contains(place) {
            return false;
        }
        self.opening = Opening::begin(&self.folder, place);
        true
    }

    /// What was being opened is there, or given up by the person.
    pub fn end_opening(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.end();
        }
    }

    pub fn has_news(&self) -> bool {
        !self.is_closed && self.ours != self.base
    }

    /// Writes what has changed, into what other windows have written. Errors in a sentence where it cannot be kept; it
    /// can be tried again.
    pub fn write(&mut self) -> Result<(), Sentence> {
        if !self.has_news() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder).map_err(|error| files::reason(&error))?;
        let _lock = FileLock::take(&self.folder).ok_or("another window holds them")?;
        let path = self.folder.join(FILE);
        let (file, theirs) = match read(&path) {
            FileFound::Newer => {
                self.is_closed = true;
                return Ok(());
            }
            FileFound::Kept(file, theirs, _) => {
                if !std::mem::replace(&mut self.has_copy, true) {
                    files::replace(&copy_of(&path), &pretty(&file))?;
                }
                (file, theirs)
            }
            FileFound::Nothing => (Map::new(), self.base.clone()),
            FileFound::Closed(fault) => return Err(fault),
            FileFound::Damaged(_) => {
                set_aside(&path);
                (Map::new(), self.base.clone())
            }
        };
        let merged = self.ours.merged(&self.base, &theirs);
        files::replace(&path, &pretty(&merged.written_over(&theirs, file)))?;
        self.base = self.ours.clone();
        Ok(())
    }
}

fn pretty(file: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec_pretty(file).unwrap_or_default()
}
