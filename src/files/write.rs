//! The one writer: what is written is there whole, or what was there stays. Links are followed, modes and owners kept,
//! devices and pipes written to directly.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use crate::number;
use crate::sentence::Sentence;

use super::part::{self, Part};
use super::target::{self, Existing, Target};
use super::{reason, signals};

/// Why nothing was written.
#[derive(Debug)]
pub enum WriteError<E> {
    /// The reader of the output went away, as `head` does.
    Closed,
    /// The output takes nothing, or no more.
    Output(Sentence),
    /// What was to be written could not be made.
    Content(E),
}

impl From<WriteError<Self>> for Sentence {
    /// In the window: no file there is a pipe.
    fn from(error: WriteError<Sentence>) -> Self {
        match error {
            WriteError::Closed => "the reader went away".into(),
            WriteError::Output(fault) => Sentence::new("the file cannot be written: {0}").and(fault),
            WriteError::Content(fault) => fault,
        }
    }
}

/// Writes to what `path` names (`-` is standard output): `fill` makes the content, and only when that is whole does it
/// take its place. Gives what `fill` gave, and what a person should know of the way it was written.
pub fn write<T, E>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<(T, Option<Sentence>), WriteError<E>> {
    let direct = |out: &mut dyn Write, fill| through(out, None, fill).map(|value| (value, None));
    match target::resolve(path).map_err(WriteError::Output)? {
        Target::StandardOutput => direct(&mut io::stdout().lock(), fill),
        Target::StandardError => direct(&mut io::stderr().lock(), fill),
        Target::Direct(path) => {
            // Another descriptor's file goes on where it ends.
            let is_file = fs::metadata(&path).is_ok_and(|meta| meta.is_file());
            let file = File::options().write(true).append(is_file).open(&path);
            direct(&mut file.map_err(|error| WriteError::Output(reason(&error)))?, fill)
        }
        Target::New(path) => {
            let (mut part, value) = make(target::folder_of(&path), fill)?;
            match part.appear(&path) {
                // Somebody made it meanwhile.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => part.replace(&path),
                result => result,
            }
            .map_err(|error| WriteError::Output(reason(&error)))?;
            Ok((value, None))
        }
        Target::Existing(old) => over(old, fill),
    }
}

/// [`write()`] of bytes that are there, to a file of the program's own.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Sentence> {
    write(path, |out| out.write_all(bytes).map_err(Sentence::verbatim))?;
    Ok(())
}

/// Writes into `folder` under the first of `names` that nothing has; gives its path.
pub fn write_new<T, E>(
    folder: &Path,
    names: impl IntoIterator<Item = String>,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<(T, PathBuf), WriteError<E>> {
    let (mut part, value) = make(folder, fill)?;
    for name in names {
        let path = folder.join(name);
        match part.appear(&path) {
            Ok(()) => return Ok((value, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(WriteError::Output(reason(&error))),
        }
    }
    Err(WriteError::Output("too many files have this name".into()))
}

/// A whole part in `folder`.
fn make<T, E>(folder: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<T, E>) -> Result<(Part, T), WriteError<E>> {
    let output = |error: io::Error| WriteError::Output(reason(&error));
    let mut part = begin(folder, false).map_err(output)?;
    let value = through(&mut part.file, Some(folder), fill)?;
    part.sync().map_err(output)?;
    Ok((part, value))
}

fn begin(folder: &Path, is_private: bool) -> io::Result<Part> {
    signals::guard();
    part::sweep(folder);
    Part::new(folder, is_private)
}

/// In the place of a file: by a new one with its owner and mode, or, where that would cut it off from its other names
/// or the system does not allow it, within it.
fn over<T, E>(
    mut old: Existing,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<(T, Option<Sentence>), WriteError<E>> {
    let output = |error: io::Error| WriteError::Output(reason(&error));
    let folder = target::folder_of(&old.path);
    let is_expected = names_of(&old) > 1 || has_rights_of_its_own(&old.file);
    let mut is_within = is_expected;
    let mut part = match begin(folder, true) {
        Ok(part) => part,
        // The folder takes no file, but the file may be written.
        Err(_) => {
            is_within = true;
            begin(&std::env::temp_dir(), true).map_err(output)?
        }
    };
    let value = through(&mut part.file, Some(folder), fill)?;
    part.sync().map_err(output)?;
    is_within = is_within || !part.is_made_like(&old.meta);
    if !is_within && part.replace(&old.path).is_ok() {
        return Ok((value, None));
    }
    let note = (!is_expected).then(|| "it cannot be replaced where it is, and was written in place".into());
    copy(&mut part.file, &mut old.file).map_err(output)?;
    Ok((value, note))
}

#[cfg(unix)]
fn names_of(file: &Existing) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(&file.meta)
}

#[cfg(not(unix))]
fn names_of(_: &Existing) -> u64 {
    1
}

/// Lists of rights, labels and the like, which a new file would not have.
#[cfg(target_os = "linux")]
fn has_rights_of_its_own(file: &File) -> bool {
    let mut names = [0; 4096];
    let len = rustix::fs::flistxattr(file, &mut names).unwrap_or(0);
    // The system gives every file its security label.
    names[..len].split(|byte| *byte == 0).any(|name| !name.is_empty() && !name.starts_with(b"security."))
}

#[cfg(not(target_os = "linux"))]
fn has_rights_of_its_own(_: &File) -> bool {
    false
}

/// The content of `from` in place of that of `to`. Room is made first, so that a full disk leaves `to` as it was.
fn copy(from: &mut File, to: &mut File) -> io::Result<()> {
    let len = from.metadata()?.len();
    reserve(to, len)?;
    from.rewind()?;
    to.rewind()?;
    // A signal waits until it is whole.
    let _names = part::names();
    io::copy(from, to)?;
    to.set_len(len)?;
    to.sync_data()
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, len: u64) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::KEEP_SIZE, 0, len) {
        Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => Err(error.into()),
        // Not every file system can do it.
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// A writer that remembers why it failed: `fill` may say so in words of its own.
struct Remembering<'a> {
    out: &'a mut dyn Write,
    fault: Option<io::Error>,
    written: u64,
}

impl Write for Remembering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(count) => {
                self.written += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.fault = Some(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|error| self.fault = Some(error.kind().into()))
    }
}

/// Everything that `fill` writes, through a buffer, to `out`, which is a file in `folder` where there is one.
fn through<T, E>(
    out: &mut dyn Write,
    folder: Option<&Path>,
    fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, WriteError<E>> {
    let mut out = BufWriter::with_capacity(1 << 16, Remembering { out, fault: None, written: 0 });
    let result = fill(&mut out);
    if result.is_ok() {
        let _ = out.flush();
    }
    let (out, _) = out.into_parts();
    match (out.fault, result) {
        (Some(fault), _) if fault.kind() == io::ErrorKind::BrokenPipe => Err(WriteError::Closed),
        (Some(fault), _) => Err(WriteError::Output(full(&fault, out.written, folder))),
        (None, Ok(value)) => Ok(value),
        (None, Err(fault)) => Err(WriteError::Content(fault)),
    }
}

/// Why it failed, with how much there was room for where the disk is full.
fn full(fault: &io::Error, written: u64, folder: Option<&Path>) -> Sentence {
    match (fault.kind(), folder.and_then(free)) {
        (io::ErrorKind::StorageFull, Some(free)) => {
            let room = number::bytes(written + free);
            Sentence::new("the disk is full: there was room for {0}, and more is needed").with(room)
        }
        _ => reason(fault),
    }
}

/// Bytes that may still be written in `folder`.
#[cfg(target_os = "linux")]
fn free(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|disk| disk.f_bavail * disk.f_frsize)
}

#[cfg(not(target_os = "linux"))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn content_that_fails_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["old", "new"] {
            let path = folder.path().join(name);
            if name == "old" {
                fs::write(&path, b"old").unwrap();
            }
            let result = write(&path, |out| {
                out.write_all(&[1; 1 << 17]).unwrap();
                Err::<(), _>("no more")
            });
            assert!(matches!(result, Err(WriteError::Content("no more"))));
        }
        assert_eq!(listed(folder.path()), ["old"]);
        assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"old");
    }

    #[test]
    fn a_first_free_name_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let save = |bytes: &[u8], most: u32| {
            let names = (1..=most).map(|n| format!("a-{n}"));
            write_new(folder.path(), names, |out| out.write_all(bytes)).map(|((), path)| path)
        };
        fs::write(folder.path().join("a-1"), b"mine").unwrap();
        assert_eq!(save(b"x", 3).unwrap(), folder.path().join("a-2"));
        assert_eq!(save(b"y", 3).unwrap(), folder.path().join("a-3"));
        assert!(matches!(save(b"z", 3), Err(WriteError::Output(_))));
        assert_eq!(fs::read(folder.path().join("a-1")).unwrap(), b"mine");
        assert_eq!(listed(folder.path()), ["a-1", "a-2", "a-3"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_modes_and_other_names_stay() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), b"a longer text than the new one").unwrap();
        fs::set_permissions(path("a"), fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a", path("link")).unwrap();
        replace(&path("link"), b"new").unwrap();
        assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
        assert_eq!(fs::read(path("a")).unwrap(), b"new");
        assert_eq!(fs::metadata(path("a")).unwrap().mode() & 0o7777, 0o640);
        fs::hard_link(path("a"), path("other")).unwrap();
        replace(&path("a"), b"newer").unwrap();
        assert_eq!(fs::read(path("other")).unwrap(), b"newer");
        replace(&path("a"), b"n").unwrap();
        assert_eq!((fs::read(path("a")).unwrap(), fs::metadata(path("a")).unwrap().nlink()), (b"n".to_vec(), 2));
        symlink("made", path("dangling")).unwrap();
        replace(&path("dangling"), b"made").unwrap();
        assert_eq!(listed(folder.path()), ["a", "dangling", "link", "made", "other"]);
        fs::write(path("plain"), b"").unwrap();
        assert_eq!(fs::metadata(path("made")).unwrap().mode(), fs::metadata(path("plain")).unwrap().mode());
    }
}
