//! Reads an input from what a person names: one file, a pipe, several `.npy` files, or a folder of them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::{self, BUDGET, Reading};
use crate::sentence::Sentence;

use super::{read, reason, shown};

/// Files of one input at most: whoever names a folder's worth of files did not mean one input.
const MOST_FILES: usize = 64;

/// The input of these paths. Errors in a sentence that begins with the file at fault, as `called` names it.
pub fn read_input(paths: &[PathBuf], how: &Reading, called: &dyn Fn(&Path) -> String) -> Result<Input, Sentence> {
    let at = |path: &Path, fault: Sentence| Sentence::new("{0}: {1}").with(called(path)).and(fault);
    match paths {
        [] => Err("no file was given".into()),
        [folder] if folder.is_dir() => npy_files(folder)
            .and_then(|files| read_set(&last_name(folder), &files, how, called))
            .map_err(|fault| at(folder, fault)),
        [path] => {
            let read_as = |bytes: Vec<u8>| input::read_as(&last_name(path), &bytes, how);
            let read = read(path, BUDGET).and_then(|bytes| read_as(bytes).map_err(|error| error.sentence()));
            read.map_err(|fault| at(path, fault))
        }
        _ if paths.len() > MOST_FILES => {
            let fault = "{0} files at once are not one input; give one file, or q, k and v.npy";
            Err(Sentence::new(fault).with(paths.len()))
        }
        _ => {
            if let Some(other) = paths.iter().find(|path| !is_npy(path)) {
                let fault = "several files make one input only as a set q.npy, k.npy, v.npy; give one file at a time";
                return Err(at(other, fault.into()));
            }
            let names: Vec<String> = paths.iter().map(|path| last_name(path)).collect();
            read_set(&names.join(", "), paths, how, called)
        }
    }
}

/// What an input itself is called: its name without its folder.
fn last_name(path: &Path) -> String {
    match path.file_name() {
        _ if path == Path::new("-") => "standard input".into(),
        Some(name) => shown(Path::new(name)),
        None => shown(path),
    }
}

fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// The `.npy` files of a folder, in the order of their names.
fn npy_files(folder: &Path) -> Result<Vec<PathBuf>, Sentence> {
    let entries = fs::read_dir(folder).map_err(|error| reason(&error))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_npy(path)).collect();
    files.sort();
    if files.is_empty() {
        let fault = "this is a folder without .npy files; give a .safetensors or .npz file, or q, k and v.npy together";
        return Err(fault.into());
    }
    Ok(files)
}

/// Reads `.npy` files as one input; they share the budget of one file.
fn read_set(name: &str, paths: &[PathBuf], how: &Reading, called: &dyn Fn(&Path) -> String) -> Result<Input, Sentence> {
    let (mut files, mut left) = (Vec::new(), BUDGET);
    for path in paths {
        let fault = |fault: Sentence| Sentence::new("{0}: {1}").with(called(path)).and(fault);
        let bytes = read(path, left).map_err(fault)?;
        left -= bytes.len() as u64;
        let stem = path.file_stem().map_or_else(String::new, |stem| shown(Path::new(stem)));
        files.push((stem, bytes));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(stem, bytes)| (stem.as_str(), bytes.as_slice())).collect();
    input::read_npy_set(name, &files, how).map_err(|error| error.sentence())
}
