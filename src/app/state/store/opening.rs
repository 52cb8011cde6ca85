//! A mark that stands while a kept place is opened: where the program dies of it, the next start finds the mark.

use crate::app::run::link::Link;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

const PREFIX: &str = "opening-";
const SUFFIX: &str = ".json";

/// Held, and locked, while a place is opened.
pub struct Opening {
    path: PathBuf,
    _file: File,
}

impl Opening {
    /// A folder that takes no mark is no reason not to open.
    pub fn begin(folder: &Path, place: &Link) -> Option<Self> {
        let path = folder.join(format!("{PREFIX}{:016x}{SUFFIX}", rand::random::<u64>()));
        let mut file = File::options().write(true).create_new(true).open(&path).ok()?;
        file.lock().ok()?;
        file.write_all(&serde_json::to_vec(place).ok()?).ok()?;
        Some(Self { path, _file: file })
    }

    /// It was opened, or given up by the person.
    pub fn end(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// What earlier starts died of; their marks are gone then. Those of windows that are still opening are not among them.
pub fn died(folder: &Path) -> Vec<Link> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX)
            && name.ends_with(SUFFIX)
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            found.extend(fs::read(entry.path()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()));
            let _ = fs::remove_file(entry.path());
        }
    }
    found
}
