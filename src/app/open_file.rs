//! Reads what the user opens, on a worker thread: bundled captures, presets, files. Every fault is one sentence.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::{self as inputs, BUDGET, bundled, preset, random};

use super::action::Source;
use super::place::{self, Opened};

/// Sizes of a preset that is opened from the menu.
const PRESET_SIZE: (usize, usize, usize) = (16, 16, 8);

/// Reads `source` with what it is opened with.
pub fn read(source: &Source) -> Result<Opened, String> {
    match source {
        Source::Scene(scene) => place::of_scene(scene),
        Source::Place(place) => place.open(),
        _ => Ok(Opened { input: input(source)?, settings: None, landing: None, origin: source.place() }),
    }
}

/// The input of `source`.
pub fn input(source: &Source) -> Result<Input, String> {
    match source {
        Source::Scene(scene) => place::of_scene(scene).map(|opened| opened.input),
        Source::Place(place) => place.open().map(|opened| opened.input),
        Source::Bundled(index) => {
            bundled::CAPTURES.get(*index).map(bundled::Capture::input).ok_or_else(|| "there is no such capture".into())
        }
        Source::Preset(preset) => {
            let (n_q, n_k, d) = PRESET_SIZE;
            let n_k = if *preset == preset::Preset::DeadRows { n_k / 2 } else { n_k };
            preset.input(n_q, n_k, d, 0).map_err(|error| error.to_string())
        }
        Source::Toy => Ok(preset::toy()),
        Source::Row => Ok(preset::row()),
        Source::Random(spec) => random::read(spec, 0).map_err(|error| error.to_string()),
        Source::Paths(paths) => read_paths(paths),
    }
}

fn read_paths(paths: &[PathBuf]) -> Result<Input, String> {
    // A set of arrays has eight members at most; whoever drops a folder's worth of files did not mean that.
    if paths.len() > 8 {
        return Err(format!("{} files at once are not one input; drop one file, or q, k and v.npy", paths.len()));
    }
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bytes = read_file(path).map_err(|fault| format!("{}: {fault}", printable(&name)))?;
        files.push((name, bytes));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    read_bytes(&files)
}

fn read_bytes(files: &[(&str, &[u8])]) -> Result<Input, String> {
    match files {
        [] => Err("no file was given".into()),
        [(name, bytes)] => {
            if name.to_ascii_lowercase().ends_with(".json") {
                return Err(format!("{}: traces open in a later version", printable(name)));
            }
            inputs::read(name, bytes).map_err(|error| format!("{}: {error}", printable(name)))
        }
        _ if files.iter().all(|(name, _)| name.to_ascii_lowercase().ends_with(".npy")) => {
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            inputs::read_npy_set(&names.join(", "), files).map_err(|error| error.to_string())
        }
        _ => Err("several files make an input only as a set q.npy, k.npy, v.npy; drop one file at a time".into()),
    }
}

/// The bytes of a regular file of at most [`BUDGET`]; what it grows by while it is read is refused too.
fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let limit = format!("it is larger than {} MiB, the most that is opened", BUDGET >> 20);
    let meta = fs::metadata(path).map_err(|error| error.to_string())?;
    if meta.is_dir() {
        return Err("this is a folder; drop a .safetensors or .npz file, or q, k and v.npy together".into());
    }
    if !meta.is_file() {
        return Err("this is not a regular file".into());
    }
    if meta.len() > BUDGET {
        return Err(limit);
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(BUDGET + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > BUDGET { Err(limit) } else { Ok(bytes) }
}

/// A name or token on one line, without characters that steer the text around them.
pub fn printable(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().flat_map(|c| if steers(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::bundled::CAPTURES;
    use crate::attention::input::preset::Preset;

    #[test]
    fn everything_of_the_menu_opens() {
        for index in 0..CAPTURES.len() {
            assert!(read(&Source::Bundled(index)).is_ok());
        }
        for preset in Preset::ALL {
            assert!(read(&Source::Preset(preset)).is_ok(), "{preset:?}");
        }
        assert!(read(&Source::Toy).is_ok() && read(&Source::Row).is_ok());
    }

    #[test]
    fn what_is_no_input_is_refused_in_one_line() {
        let folder = tempfile::tempdir().unwrap();
        let broken = folder.path().join("broken.npz");
        fs::write(&broken, b"not a zip").unwrap();
        let cases = [
            (vec![folder.path().to_owned()], "folder"),
            (vec![folder.path().join("missing.npz")], "missing.npz"),
            (vec![broken.clone()], "broken.npz"),
            (vec![broken.clone(), broken.clone()], "one file at a time"),
            (vec![broken.clone(); 9], "9 files"),
            (vec![], "no file"),
            (vec![PathBuf::from("/dev/null")], "not a regular file"),
        ];
        for (paths, expected) in cases {
            let error = read(&Source::Paths(paths)).unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let trace = folder.path().join("trace.json");
        fs::write(&trace, b"{}").unwrap();
        assert!(read(&Source::Paths(vec![trace])).unwrap_err().contains("later version"));
    }

    #[test]
    fn names_cannot_steer_the_text() {
        assert_eq!(printable("a\nb\u{202e}c"), "a\\u{a}b\\u{202e}c");
    }
}
