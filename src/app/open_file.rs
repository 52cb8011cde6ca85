//! Reads what the user opens, on a worker thread: bundled captures, presets, files, traces. Every fault is one sentence.

use std::path::{Path, PathBuf};

use crate::attention::Input;
use crate::attention::input::{self as inputs, BUDGET, bundled, preset, random};
use crate::files;
use crate::sentence::Sentence;

use super::action::Source;
use super::open_trace;
use super::place::{self, Opened};

/// Sizes of a preset that is opened from the menu.
const PRESET_SIZE: (usize, usize, usize) = (16, 16, 8);

/// Reads `source` with what it is opened with.
pub fn read(source: &Source) -> Result<Opened, Sentence> {
    match source {
        Source::Scene(scene) => place::of_scene(scene),
        Source::Place(place) => place.open(),
        Source::Paths(paths) if is_trace(paths) => Ok(Opened { origin: source.place(), ..read_trace(&paths[0])? }),
        _ => Ok(Opened { input: input(source)?, settings: None, landing: None, origin: source.place() }),
    }
}

/// The input of `source`.
pub fn input(source: &Source) -> Result<Input, Sentence> {
    match source {
        Source::Scene(scene) => place::of_scene(scene).map(|opened| opened.input),
        Source::Place(place) => place.open().map(|opened| opened.input),
        Source::Bundled(index) => {
            bundled::CAPTURES.get(*index).map(bundled::Capture::input).ok_or_else(|| "there is no such capture".into())
        }
        Source::Preset(preset) => {
            let (n_q, n_k, d) = PRESET_SIZE;
            let n_k = if *preset == preset::Preset::DeadRows { n_k / 2 } else { n_k };
            preset.input(n_q, n_k, d, 0).map_err(|error| error.sentence())
        }
        Source::Toy => Ok(preset::toy()),
        Source::Row => Ok(preset::row()),
        Source::Random(spec, seed) => random::read(spec, *seed).map_err(|error| error.sentence()),
        Source::Paths(paths) => read_paths(paths),
    }
}

/// One file that is JSON by its name.
fn is_trace(paths: &[PathBuf]) -> bool {
    matches!(paths, [path] if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")))
}

fn read_trace(path: &Path) -> Result<Opened, Sentence> {
    let beside = |name: &str| {
        // A name of the trace's own choosing never leads out of its folder.
        let name = Path::new(name).file_name()?;
        read_paths(&[path.with_file_name(name)]).ok()
    };
    let fault = |fault: Sentence| Sentence::new("{0}: {1}").with(name_of(path)).and(fault);
    open_trace::read(&read_file(path).map_err(fault)?, &beside).map_err(fault)
}

/// On one line.
fn name_of(path: &Path) -> String {
    files::shown(Path::new(path.file_name().unwrap_or(path.as_os_str())))
}

fn read_paths(paths: &[PathBuf]) -> Result<Input, Sentence> {
    // A set of arrays has eight members at most; whoever drops a folder's worth of files did not mean that.
    if paths.len() > 8 {
        let fault = "{0} files at once are not one input; drop one file, or q, k and v.npy";
        return Err(Sentence::new(fault).with(paths.len()));
    }
    let mut files = Vec::new();
    for path in paths {
        let name = name_of(path);
        let bytes = read_file(path).map_err(|fault| Sentence::new("{0}: {1}").with(&name).and(fault))?;
        files.push((name, bytes));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    read_bytes(&files)
}

fn read_bytes(files: &[(&str, &[u8])]) -> Result<Input, Sentence> {
    match files {
        [] => Err("no file was given".into()),
        [(name, bytes)] => {
            inputs::read(name, bytes).map_err(|error| Sentence::new("{0}: {1}").with(name).and(error.sentence()))
        }
        _ if files.iter().all(|(name, _)| name.to_ascii_lowercase().ends_with(".npy")) => {
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            inputs::read_npy_set(&names.join(", "), files, &inputs::Reading::default())
                .map_err(|error| error.sentence())
        }
        _ => Err("several files make an input only as a set q.npy, k.npy, v.npy; drop one file at a time".into()),
    }
}

/// The bytes of a file of at most [`BUDGET`].
fn read_file(path: &Path) -> Result<Vec<u8>, Sentence> {
    if path.is_dir() {
        return Err("this is a folder; drop a .safetensors or .npz file, or q, k and v.npy together".into());
    }
    files::read(path, BUDGET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::input::bundled::CAPTURES;
    use crate::attention::input::preset::Preset;
    use std::fs;

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
            let error = read(&Source::Paths(paths)).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{error}");
        }
        let trace = folder.path().join("trace.json");
        fs::write(&trace, b"{}").unwrap();
        let error = read(&Source::Paths(vec![trace])).unwrap_err().to_string();
        assert!(error.starts_with("trace.json: ") && error.contains("not a trace"), "{error}");
    }
}
