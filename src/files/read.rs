//! Reads what a name stands for: a regular file, a pipe, or standard input; never more than a limit.

use std::fs::{self, File, FileType};
use std::io::{self, Read};
use std::path::Path;

use crate::number;
use crate::sentence::Sentence;

/// The bytes of a file of at most `most` bytes. `-` is standard input; a pipe (as `<(..)` is one) is read to its end.
/// A file that grows beyond `most` while it is read is refused too.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Sentence> {
    if path == Path::new("-") {
        return bytes(io::stdin().lock(), 0, most);
    }
    let meta = fs::metadata(path).map_err(|error| fault(&error))?;
    if meta.is_dir() {
        return Err("this is a folder, where a file is needed".into());
    }
    if !meta.is_file() && !is_pipe(meta.file_type()) {
        return Err("this is not a regular file".into());
    }
    if meta.len() > most {
        return Err(too_large(most));
    }
    bytes(File::open(path).map_err(|error| fault(&error))?, meta.len(), most)
}

fn bytes(from: impl Read, expected: u64, most: u64) -> Result<Vec<u8>, Sentence> {
    let mut bytes = Vec::with_capacity(expected as usize);
    from.take(most + 1).read_to_end(&mut bytes).map_err(|error| fault(&error))?;
    if bytes.len() as u64 > most { Err(too_large(most)) } else { Ok(bytes) }
}

fn too_large(most: u64) -> Sentence {
    Sentence::new("it is larger than {0}, the most that is opened").with(number::bytes(most))
}

/// What the system says of a file that is read.
fn fault(error: &io::Error) -> Sentence {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "this file may not be read".into(),
        _ => super::system(error),
    }
}

#[cfg(unix)]
fn is_pipe(kind: FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: FileType) -> bool {
    false
}

/// Both names stand for one regular file: by a link, by another spelling, or by a redirection of the shell.
pub fn is_same_file(input: &Path, output: &Path) -> bool {
    let standard = |path: &Path, number: u32| match path == Path::new("-") {
        true => Path::new("/dev/fd").join(number.to_string()),
        false => path.to_owned(),
    };
    let (input, output) = (standard(input, 0), standard(output, 1));
    let Some((a, b)) = fs::metadata(&input).ok().zip(fs::metadata(&output).ok()) else { return false };
    a.is_file() && b.is_file() && is_one_file((&input, &a), (&output, &b))
}

#[cfg(unix)]
fn is_one_file((_, a): (&Path, &fs::Metadata), (_, b): (&Path, &fs::Metadata)) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_one_file((a, _): (&Path, &fs::Metadata), (b, _): (&Path, &fs::Metadata)) -> bool {
    fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seven");
        fs::write(&path, b"1234567").unwrap();
        assert_eq!(read(&path, 7).unwrap(), b"1234567");
        assert!(read(&path, 6).unwrap_err().to_string().contains("larger"));
        assert!(read(&folder.path().join("none"), 7).unwrap_err().to_string().contains("no such file"));
        assert!(bytes(io::repeat(0), 0, 1000).is_err());
        assert!(read(folder.path(), 7).is_err());
    }

    #[test]
    fn one_file_has_many_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("a"), b"1").unwrap();
        fs::write(path("b"), b"1").unwrap();
        fs::hard_link(path("a"), path("hard")).unwrap();
        assert!(is_same_file(&path("a"), &path("hard")));
        assert!(is_same_file(&path("a"), &path("./a")));
        assert!(!is_same_file(&path("a"), &path("b")));
        assert!(!is_same_file(&path("a"), &path("none")));
        assert!(!is_same_file(folder.path(), folder.path()));
    }
}
