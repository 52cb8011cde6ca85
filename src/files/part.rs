//! A file while it is written: where the system can, without a name, so that nothing of it stays whatever happens; else
//! under a hidden name that its lock tells from one which a killed process left behind.

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::target::folder_of;

/// What hidden names begin with, and end with.
pub const PREFIX: &str = ".tilescope-";
const SUFFIX: &str = ".part";

/// Hidden names that are there now. Whoever holds it may make, rename and remove them; a signal waits for that.
static NAMES: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

pub(super) fn names() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what this process has under hidden names: it ends, though a file is being written.
pub fn finish() {
    remove_all(&mut names());
}

pub(super) fn remove_all(names: &mut BTreeSet<PathBuf>) {
    for name in std::mem::take(names) {
        let _ = fs::remove_file(name);
    }
}

/// Removes from `folder` what killed processes left behind: hidden names that nobody holds locked.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(PREFIX.as_bytes())
            && name.ends_with(SUFFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file while it is written.
pub(super) struct Part {
    pub file: File,
    folder: PathBuf,
    name: Option<PathBuf>,
}

impl Part {
    /// An empty one in `folder`. One that takes the place of a private file is private from the start.
    pub fn new(folder: &Path, is_private: bool) -> io::Result<Self> {
        let mode = if is_private { 0o600 } else { 0o666 };
        if let Some(file) = unnamed(folder, mode) {
            // For the moment in which it has a hidden name. Not every file system has locks; there nothing is swept.
            let _ = file.lock();
            return Ok(Self { file, folder: folder.to_owned(), name: None });
        }
        let (file, name) = hidden(folder, mode, &mut names())?;
        Ok(Self { file, folder: folder.to_owned(), name: Some(name) })
    }

    /// Its content outlives a power cut: before it takes a place.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data().or_else(unless_unknown)
    }

    /// Lets it appear as `path`, where nothing is yet: else `AlreadyExists`, and it is still a part.
    pub fn appear(&mut self, path: &Path) -> io::Result<()> {
        let mut names = names();
        if self.name.is_none() {
            match give_name(&self.file, path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {}
                result => {
                    drop(names);
                    sync_folder(folder_of(path));
                    return result;
                }
            }
        }
        let name = self.under_a_name(&mut names)?;
        rename_new(&name, path)?;
        self.has_arrived(path, names);
        Ok(())
    }

    /// Puts it in the place of what is at `path`; on an error that is as it was.
    pub fn replace(&mut self, path: &Path) -> io::Result<()> {
        let mut names = names();
        let name = self.under_a_name(&mut names)?;
        fs::rename(&name, path)?;
        self.has_arrived(path, names);
        Ok(())
    }

    fn has_arrived(&mut self, path: &Path, mut names: MutexGuard<'static, BTreeSet<PathBuf>>) {
        if let Some(name) = self.name.take() {
            names.remove(&name);
        }
        drop(names);
        sync_folder(folder_of(path));
    }

    /// The hidden name that it has, or has from now on.
    fn under_a_name(&mut self, names: &mut BTreeSet<PathBuf>) -> io::Result<PathBuf> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let mut name = hidden_name(&self.folder);
        if give_name(&self.file, &name).is_err() {
            // The system made a file without a name, but gives it none: another one takes its content.
            let (mut file, other) = hidden(&self.folder, 0o600, names)?;
            self.name = Some(other.clone());
            self.file.rewind()?;
            io::copy(&mut self.file, &mut file)?;
            file.set_permissions(self.file.metadata()?.permissions())?;
            file.sync_data().or_else(unless_unknown)?;
            (self.file, name) = (file, other);
        }
        names.insert(name.clone());
        self.name = Some(name.clone());
        Ok(name)
    }

    /// Gives it the owner and the mode of a file; false where the system does not let it.
    pub fn is_made_like(&self, meta: &Metadata) -> bool {
        is_owned_as(&self.file, meta) && self.file.set_permissions(meta.permissions()).is_ok()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let mut names = names();
            let _ = fs::remove_file(name);
            names.remove(name);
        }
    }
}

/// A new file under a hidden name, locked.
fn hidden(folder: &Path, mode: u32, names: &mut BTreeSet<PathBuf>) -> io::Result<(File, PathBuf)> {
    loop {
        let name = hidden_name(folder);
        let file = named(&name, mode)?;
        let _ = file.lock();
        // Between its making and its lock it may have been swept away.
        if is_at(&file, &name) {
            names.insert(name.clone());
            return Ok((file, name));
        }
    }
}

fn hidden_name(folder: &Path) -> PathBuf {
    folder.join(format!("{PREFIX}{:016x}{SUFFIX}", rand::random::<u64>()))
}

/// Some file systems know no syncing.
fn unless_unknown(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
        _ => Err(error),
    }
}

/// The new name itself outlives a power cut, where the system can do that.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(target_os = "linux")]
fn unnamed(folder: &Path, mode: u32) -> Option<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::TMPFILE.bits() as i32;
    let file = File::options().read(true).write(true).mode(mode).custom_flags(flags).open(folder).ok()?;
    // It gets its name through here.
    own_path(&file).exists().then_some(file)
}

#[cfg(target_os = "linux")]
fn own_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Errors with `AlreadyExists` where something has this name.
#[cfg(target_os = "linux")]
fn give_name(file: &File, name: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    Ok(linkat(CWD, own_path(file), CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: u32) -> Option<File> {
    None
}

#[cfg(not(target_os = "linux"))]
fn give_name(_: &File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Renames without taking the place of anything.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    // A link is made only where nothing is; not every file system has them.
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => fs::rename(from, to),
    }
}

#[cfg(unix)]
fn named(name: &Path, mode: u32) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).write(true).create_new(true).mode(mode).open(name)
}

#[cfg(not(unix))]
fn named(name: &Path, _: u32) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).open(name)
}

#[cfg(unix)]
fn is_at(file: &File, name: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let of = |meta: Metadata| (meta.dev(), meta.ino());
    file.metadata().ok().zip(fs::symlink_metadata(name).ok()).is_some_and(|(a, b)| of(a) == of(b))
}

#[cfg(not(unix))]
fn is_at(_: &File, name: &Path) -> bool {
    name.exists()
}

#[cfg(unix)]
fn is_owned_as(file: &File, meta: &Metadata) -> bool {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata();
    own.is_ok_and(|own| (own.uid(), own.gid()) == (meta.uid(), meta.gid()))
        || fchown(file, Some(meta.uid()), Some(meta.gid())).is_ok()
}

#[cfg(not(unix))]
fn is_owned_as(_: &File, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn listed(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn what_a_killed_process_left_is_swept_and_what_is_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = |n: u32| folder.path().join(format!("{PREFIX}{n}{SUFFIX}"));
        fs::write(name(1), b"left behind").unwrap();
        fs::write(name(2), b"being written").unwrap();
        fs::write(folder.path().join(".tilescope-notes"), b"not ours").unwrap();
        let held = File::open(name(2)).unwrap();
        held.lock().unwrap();
        sweep(folder.path());
        assert!(!name(1).exists() && name(2).exists() && listed(folder.path()).len() == 2);
        drop(held);
        sweep(folder.path());
        assert_eq!(listed(folder.path()), [".tilescope-notes"]);
    }

    /// With a name from the start, as on a file system that knows no file without one.
    #[test]
    fn a_named_part_is_as_careful() {
        let folder = tempfile::tempdir().unwrap();
        let part = |text: &[u8]| {
            let (mut file, name) = hidden(folder.path(), 0o666, &mut names()).unwrap();
            file.write_all(text).unwrap();
            Part { file, folder: folder.path().to_owned(), name: Some(name) }
        };
        let path = folder.path().join("out");
        part(b"first").appear(&path).unwrap();
        let mut second = part(b"second");
        assert_eq!(second.appear(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        sweep(folder.path());
        second.replace(&path).unwrap();
        drop(part(b"given up"));
        assert_eq!((listed(folder.path()), fs::read(&path).unwrap()), (vec!["out".to_owned()], b"second".to_vec()));
        assert!(names().iter().all(|name| !name.starts_with(folder.path())));
    }
}
