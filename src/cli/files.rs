//! Reading inputs and writing outputs: bounded inputs in, whole files or nothing out. What an output is called is looked
//! at before the work begins.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::{self, BUDGET, random};
use crate::files::{self, WriteError, shown};

use super::Failure;
use super::failure::warn;

/// Reads an input: `random:..` from the seed, anything else from a file.
pub fn open(path: &Path, seed: u64) -> Result<Input, Failure> {
    let name = shown(path);
    let read = match path.to_str() {
        Some(spec) if spec.starts_with(random::PREFIX) => random::read(spec, seed),
        _ => input::read(&file_name(path), &read_file(path)?),
    };
    let input = read.map_err(|error| Failure::bad(&name, error))?;
    for warning in &input.warnings {
        warn(&format!("{name}: {warning}"));
    }
    Ok(input)
}

/// The bytes of a regular file or a pipe within the budget; `-` is standard input.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    if path.is_dir() {
        return Err(Failure::bad(shown(path), "this is a directory; name a file in it"));
    }
    files::read(path, BUDGET).map_err(|fault| Failure::bad(shown(path), fault))
}

/// What the input is called: a name of one line.
fn file_name(path: &Path) -> String {
    if path == Path::new("-") {
        return "standard input".into();
    }
    path.file_name().map_or_else(|| shown(path), |name| shown(Path::new(name)))
}

/// Endings that say what a file is.
const ENDINGS: [&str; 22] = [
    "npz",
    "npy",
    "json",
    "csv",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "pdf",
    "webp",
    "html",
    "htm",
    "txt",
    "md",
    "safetensors",
    "pt",
    "pth",
    "bin",
    "zip",
    "gz",
    "tile",
];

/// Refuses an output before the work begins: one that is `input` itself, one whose ending says that it is something else
/// than `ending`, one that cannot be written to.
pub fn check_output(path: &Path, ending: &str, inputs: &[&Path]) -> Result<(), Failure> {
    let bad = |what: String| Failure::bad(shown(path), what);
    if inputs.iter().any(|input| files::is_same_file(input, path)) {
        return Err(bad("this is the input, which would be overwritten; name another output".into()));
    }
    let named = path.extension().map(|named| named.to_string_lossy().to_ascii_lowercase());
    if let Some(named) = named.filter(|named| named != ending && ENDINGS.contains(&named.as_str())) {
        return Err(bad(format!("this would be .{ending}, and not .{named}; give it that ending")));
    }
    if !["json", "csv"].contains(&ending) && files::is_standard_output(path) && std::io::stdout().is_terminal() {
        return Err(bad("standard output is a terminal, and this is no text; send it on with | or >".into()));
    }
    files::writable(path).map_err(|fault| bad(format!("cannot be written: {fault}")))
}

/// Writes a file so that it is there whole or not at all: `write` fills it, and only then does it take its place.
/// `-` is standard output; a device or a pipe is written to directly.
pub fn write_file<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>) -> Result<T, Failure> {
    let name = shown(path);
    match files::write(path, write) {
        Ok((value, note)) => {
            if let Some(note) = note {
                warn(&format!("{name}: {note}"));
            }
            Ok(value)
        }
        Err(WriteError::Closed) => Err(Failure::Pipe),
        Err(WriteError::Output(fault)) => Err(Failure::bad(name, format!("cannot be written: {fault}"))),
        Err(WriteError::Content(failure)) => Err(failure),
    }
}

/// Writes bytes that are there.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_file(path, |out| out.write_all(bytes).map_err(|error| Failure::bad(shown(path), error)))
}

/// Writes a file of the program's own naming, under the first of `names` in the current folder that nothing has.
pub fn write_new<T>(
    names: impl IntoIterator<Item = String>,
    write: impl FnOnce(&mut dyn Write) -> Result<T, Failure>,
) -> Result<(T, PathBuf), Failure> {
    files::write_new(Path::new("."), names, write).map_err(|error| match error {
        WriteError::Closed => Failure::Pipe,
        WriteError::Output(fault) => Failure::bad("this folder", format!("nothing can be written to it: {fault}")),
        WriteError::Content(failure) => failure,
    })
}
