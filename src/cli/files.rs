//! Reading inputs and writing outputs: regular files of bounded size in, whole files or nothing out.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

use crate::attention::Input;
use crate::attention::input::{self, BUDGET, random};

use super::Failure;

/// Reads an input: `random:..` from the seed, anything else from a file.
pub fn open(name: &str, seed: u64) -> Result<Input, Failure> {
    let read = if name.starts_with(random::PREFIX) {
        random::read(name, seed)
    } else {
        input::read(&file_name(Path::new(name)), &read_file(Path::new(name))?)
    };
    let input = read.map_err(|error| Failure::bad(name, error))?;
    for warning in &input.warnings {
        eprintln!("tilescope: warning: {name}: {warning}");
    }
    Ok(input)
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
