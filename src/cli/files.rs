//! Reading inputs and writing outputs: regular files of bounded size in, whole files or nothing out.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;

use crate::attention::Input;
use crate::attention::input::{self, BUDGET, InputError, Reading, random};

use super::Failure;
use super::failure::warn;

/// Reads an input: `random:..` from the seed, anything else from a file, from several `.npy` files, or from a folder of
/// them. Says what a person should know of it.
pub fn open(paths: &[PathBuf], seed: u64, how: &Reading) -> Result<Input, Failure> {
    let name = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    let read = match paths {
        [path] => match path.to_str() {
            Some(spec) if spec.starts_with(random::PREFIX) => random::read(spec, seed),
            _ if path.is_dir() => open_set(&file_name(path), &npy_files(path)?, how)?,
            _ => input::read_as(&file_name(path), &read_file(path)?, how),
        },
        _ => open_set(&name, paths, how)?,
    };
    let input = read.map_err(|error| Failure::bad(&name, error))?;
    for warning in &input.warnings {
        warn(&format!("{name}: {warning}"));
    }
    Ok(input)
}

/// The `.npy` files of a folder, in the order of their names.
fn npy_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let bad = |what: &str| Failure::bad(folder.display(), what);
    let entries = std::fs::read_dir(folder).map_err(|error| bad(&reason(&error)))?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_npy(path)).collect();
    files.sort();
    if files.is_empty() {
        return Err(bad("this is a directory without .npy files; name a file in it"));
    }
    Ok(files)
}

fn is_npy(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

/// Reads `.npy` files as one input; they share the budget of one file.
fn open_set(name: &str, paths: &[PathBuf], how: &Reading) -> Result<Result<Input, InputError>, Failure> {
    if let Some(other) = paths.iter().find(|path| !is_npy(path)) {
        return Err(Failure::bad(
            other.display(),
            "several files make one input only as .npy files, such as q.npy k.npy v.npy",
        ));
    }
    let (mut files, mut bytes) = (Vec::new(), 0);
    for path in paths {
        let file = read_file(path)?;
        bytes += file.len() as u64;
        if bytes > BUDGET {
            return Err(Failure::bad(
                name,
                format!("the .npy files are more than the {} MiB that are read", BUDGET >> 20),
            ));
        }
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        files.push((stem, file));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(stem, bytes)| (stem.as_str(), bytes.as_slice())).collect();
    Ok(input::read_npy_set(name, &files, how))
}

/// The bytes of a regular file within the budget.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let bad = |what: String| Failure::bad(path.display(), what);
    let metadata = std::fs::metadata(path).map_err(|error| bad(reason(&error)))?;
    if metadata.is_dir() {
        return Err(bad("this is a directory; name a file in it".into()));
    }
    if !metadata.is_file() {
        return Err(bad("this is not a regular file".into()));
    }
    if metadata.len() > BUDGET {
        return Err(bad(format!("{} MiB is more than the {} MiB that is read", metadata.len() >> 20, BUDGET >> 20)));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    // The file may grow while it is read.
    let file = File::open(path).map_err(|error| bad(reason(&error)))?;
    file.take(BUDGET).read_to_end(&mut bytes).map_err(|error| bad(reason(&error)))?;
    Ok(bytes)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// What the system says, without its error number.
fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Writes a file so that it is there whole or not at all: `write` fills it, and only then does it take its place.
/// A device such as `/dev/stdout` is written to directly.
pub fn write_file<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let bad = |error: std::io::Error| Failure::bad(path.display(), format!("cannot be written: {}", reason(&error)));
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        let file = std::fs::OpenOptions::new().write(true).open(path).map_err(bad)?;
        let mut out = BufWriter::new(file);
        let result = write(&mut out)?;
        out.flush().map_err(bad)?;
        return Ok(result);
    }
    let file = AtomicWriteFile::open(path).map_err(bad)?;
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let result = write(&mut out)?;
    let file = out.into_inner().map_err(|error| bad(error.into_error()))?;
    file.commit().map_err(bad)?;
    Ok(result)
}

/// A failed write to `path`, in one line.
pub fn write_failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::bad(path.display(), format!("cannot be written: {}", reason(error)))
}
