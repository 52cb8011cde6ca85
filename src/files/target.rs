//! What the name of an output stands for, before anything is written.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::sentence::Sentence;

use super::{reason, system};

/// As many links as the system follows.
const MOST_LINKS: usize = 40;

pub(super) enum Target {
    StandardOutput,
    StandardError,
    /// A device, a pipe, or what another open file of ours stands for: written to directly, and never replaced.
    Direct(PathBuf),
    /// A file that is there, at the end of all links, open for writing.
    Existing(Existing),
    /// No file yet.
    New(PathBuf),
}

pub(super) struct Existing {
    pub path: PathBuf,
    pub file: File,
    pub meta: Metadata,
}

/// What `path` stands for. Errors where it could not be written to, without a change to anything.
pub(super) fn resolve(path: &Path) -> Result<Target, Sentence> {
    if path == Path::new("-") {
        return Ok(Target::StandardOutput);
    }
    if path.as_os_str().is_empty() {
        return Err("this names no file".into());
    }
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        match open_file_of_a_process(&at) {
            Some(Descriptor::Own(1)) => return Ok(Target::StandardOutput),
            Some(Descriptor::Own(2)) => return Ok(Target::StandardError),
            Some(_) => return Ok(Target::Direct(at)),
            None => {}
        }
        match fs::symlink_metadata(&at) {
            Ok(meta) if meta.is_symlink() => {
                let to = fs::read_link(&at).map_err(|error| system(&error))?;
                at = at.parent().map_or(to.clone(), |folder| folder.join(to));
            }
            Ok(meta) if meta.is_dir() => return Err("this is a folder; name a file in it".into()),
            Ok(meta) if meta.is_file() => return existing(at, meta),
            Ok(_) => return Ok(Target::Direct(at)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return new(at),
            Err(error) => return Err(reason(&error)),
        }
    }
    Err("these are links without an end".into())
}

fn existing(path: PathBuf, meta: Metadata) -> Result<Target, Sentence> {
    // Whoever took away every right to write wants it to stay, also from the administrator.
    if meta.permissions().readonly() {
        return Err("it is read-only".into());
    }
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.or_else(|_| OpenOptions::new().write(true).open(&path)).map_err(|error| reason(&error))?;
    Ok(Target::Existing(Existing { path, file, meta }))
}

fn new(path: PathBuf) -> Result<Target, Sentence> {
    // `x/` and `x/..` name folders.
    let is_name = path.file_name().is_some() && !path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match fs::metadata(folder_of(&path)) {
        Ok(meta) if meta.is_dir() && is_name => Ok(Target::New(path)),
        Ok(meta) if meta.is_dir() => Err("this is a folder; name a file in it".into()),
        Ok(_) => Err("there is no such folder".into()),
        Err(error) => Err(reason(&error)),
    }
}

/// The folder in which `path` is.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

enum Descriptor {
    Own(u32),
    Other,
}

/// The descriptor that a name such as `/dev/fd/1` or `/proc/self/fd/1` stands for: its link would lead to a file, but
/// what was opened may be at another place of that file, or have no name any more.
fn open_file_of_a_process(path: &Path) -> Option<Descriptor> {
    let number: u32 = path.file_name()?.to_str()?.parse().ok()?;
    let folder = fs::canonicalize(path.parent()?).ok()?;
    if folder == Path::new("/dev/fd") {
        return Some(Descriptor::Own(number));
    }
    let folder = folder.strip_prefix("/proc").ok()?;
    let process: u32 = folder.iter().next()?.to_str()?.parse().ok()?;
    let is_own = process == std::process::id();
    folder.ends_with("fd").then_some(if is_own { Descriptor::Own(number) } else { Descriptor::Other })
}

/// Errors where nothing could be written to `path`, as far as that can be known before it is written.
pub fn writable(path: &Path) -> Result<(), Sentence> {
    resolve(path).map(drop)
}

/// The name stands for standard output, so that messages go elsewhere.
pub fn is_standard_output(path: &Path) -> bool {
    matches!(resolve(path), Ok(Target::StandardOutput))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn names_stand_for_what_they_lead_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), b"1").unwrap();
        symlink("a", path("link")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        symlink("round", path("round")).unwrap();
        symlink("/proc/self/fd/1", path("stdout")).unwrap();
        let existing =
            |name: &str| matches!(resolve(&path(name)), Ok(Target::Existing(found)) if found.path == path("a"));
        assert!(existing("a") && existing("link"));
        assert!(matches!(resolve(&path("dangling")), Ok(Target::New(found)) if found == path("nowhere")));
        assert!(matches!(resolve(Path::new("/dev/null")), Ok(Target::Direct(_))));
        for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"] {
            assert!(is_standard_output(Path::new(name)), "{name}");
        }
        assert!(is_standard_output(&path("stdout")) && !is_standard_output(&path("a")));
        assert!(matches!(resolve(Path::new("/dev/stderr")), Ok(Target::StandardError)));
        fs::set_permissions(path("a"), fs::Permissions::from_mode(0o444)).unwrap();
        for (name, why) in [
            ("link", "read-only"),
            ("round", "links"),
            ("none/x", "folder"),
            ("none/", "folder"),
            (".", "folder"),
            ("a/x", "folder"),
        ] {
            let fault = resolve(&path(name)).err().map(|fault| fault.to_string()).unwrap_or_default();
            assert!(fault.contains(why), "{name}: {fault}");
        }
        assert!(resolve(Path::new("")).is_err());
    }
}
