//! Reading inputs and writing outputs: bounded inputs in, whole files or nothing out. What an output is called is looked
//! at before the work begins.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::{BUDGET, InputError, Reading, random};
use crate::files::{self, WriteError, shown};

use super::Failure;
use super::failure::warn;

/// Reads an input: `random:..` from the seed, anything else from a file, from several `.npy` files, or from a folder of
/// them. Says what a person should know of it.
pub fn open(paths: &[PathBuf], seed: u64, how: &Reading) -> Result<Input, Failure> {
    open_as(paths, how, &|spec| random::read(spec, seed))
}

/// The same for the window, which counts where there are too many numbers to hold.
#[cfg(feature = "app")]
pub fn open_to_look(paths: &[PathBuf], seed: u64, how: &Reading) -> Result<Input, Failure> {
    open_as(paths, how, &|spec| random::read_or_count(spec, seed))
}

fn open_as(
    paths: &[PathBuf],
    how: &Reading,
    random: &dyn Fn(&str) -> Result<Input, InputError>,
) -> Result<Input, Failure> {
    let name = all_shown(paths);
    let spec = match paths {
        [path] => path.to_str().filter(|path| path.starts_with(random::PREFIX)),
        _ => None,
    };
    let input = match spec {
        Some(spec) => random(spec).map_err(|error| Failure::bad(spec, error))?,
        None => files::read_input(paths, how, &called).map_err(|fault| Failure::Bad(fault.to_string()))?,
    };
    for warning in &input.warnings {
        warn(&format!("{name}: {warning}"));
    }
    Ok(input)
}

/// What messages call an input of these paths.
pub fn all_shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| called(path)).collect::<Vec<_>>().join(" ")
}

/// The bytes of a regular file or a pipe within the budget; `-` is standard input.
pub fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    files::read(path, BUDGET).map_err(|fault| Failure::bad(called(path), fault))
}

/// What messages call a part of an input.
fn called(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { shown(path) }
}

/// Endings that say what a file is.
const ENDINGS: &str =
    "npz npy json csv png jpg jpeg gif svg webp pdf html htm txt md safetensors pt pth bin zip gz tile";

/// Refuses an output before the work begins: one that is `input` itself, one whose ending says that it is something else
/// than `ending`, one that cannot be written to.
pub fn check_output(path: &Path, ending: &str, inputs: &[PathBuf]) -> Result<(), Failure> {
    let bad = |what: String| Failure::bad(shown(path), what);
    if inputs.iter().any(|input| files::is_same_file(input, path)) {
        return Err(bad("this is the input, which would be overwritten; name another output".into()));
    }
    let named = path.extension().map(|named| named.to_string_lossy().to_ascii_lowercase());
    if let Some(named) = named.filter(|named| named != ending && ENDINGS.split(' ').any(|ending| ending == named)) {
        return Err(bad(format!("this would be .{ending}, and not .{named}; give it that ending")));
    }
    if !["json", "csv"].contains(&ending) && files::is_standard_output(path) && std::io::stdout().is_terminal() {
        return Err(bad("standard output is a terminal, and this is no text; send it on with | or >".into()));
    }
    files::writable(path).map_err(|fault| bad(format!("cannot be written: {fault}")))
}

/// Refuses to send what was understood (`--json`) and the output itself the same way.
pub fn refuse_mixing(path: &Path, json: bool) -> Result<(), Failure> {
    match json && files::is_standard_output(path) {
        true => Err(Failure::bad(shown(path), "--json goes to standard output too; name a file as the output")),
        false => Ok(()),
    }
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
