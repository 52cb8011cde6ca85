//! The files of a lesson, which lie beside its text: regular files, each an input, a text of the tile language or
//! a picture.

use std::fs;
use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::Reading;
use crate::schedule::Algorithm;
use crate::sentence::Sentence;

use super::{algorithm, read, read_input, shown};

/// The input of a lesson's own file. A lesson is read anew whenever it is saved, so that a pipe would be read once and
/// then never end.
pub fn own_input(paths: &[PathBuf], how: &Reading) -> Result<Input, Sentence> {
    paths.iter().try_for_each(|path| regular(path))?;
    read_input(paths, how, &shown)
}

/// The algorithm of a lesson's own text.
pub fn own_algorithm(name: &str) -> Result<Algorithm, Sentence> {
    regular(Path::new(name))?;
    algorithm(name)
}

/// The bytes of a lesson's own file, `most` at most.
pub fn own_bytes(path: &Path, most: u64) -> Result<Vec<u8>, Sentence> {
    regular(path)?;
    read(path, most).map_err(|fault| Sentence::new("{0}: {1}").with(shown(path)).and(fault))
}

fn regular(path: &Path) -> Result<(), Sentence> {
    let fault = |fault: &'static str| Err(Sentence::new("{0}: {1}").with(shown(path)).and(fault));
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(()),
        Ok(meta) if meta.is_dir() => fault("this is a folder, where a file is needed"),
        Ok(_) => fault("this is not a regular file"),
        // What reads it says why it cannot.
        Err(_) => Ok(()),
    }
}
