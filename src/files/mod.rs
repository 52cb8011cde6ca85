//! Files of the person: read within a limit, written whole or not at all, named so that a name cannot steer a message.
//!
//! Everything that the command line and the window write goes through [`write()`], [`write_new`] or [`replace`].

mod beside;
mod input;
mod lessons;
mod name;
mod part;
mod read;
mod signals;
mod target;
mod text;
mod typed;
mod write;

use std::io;

use crate::sentence::Sentence;

pub use beside::{own_algorithm, own_bytes, own_input};
pub use input::read_input;
pub use lessons::{has_lessons, lesson_in, lessons_in};
pub use name::{printable, shown};
pub use part::{PREFIX as PART_PREFIX, finish, sweep};
pub use read::{is_same_file, read};
pub use signals::{at_end, guard};
pub use target::{is_standard_output, writable};
pub use text::{MOST_BYTES as MOST_TEXT_BYTES, algorithm, is_text};
pub use typed::typed;
pub use write::{WriteError, replace, write, write_new};

/// What the system says, without its error number; what is usual is a sentence that can be translated.
pub fn reason(error: &io::Error) -> Sentence {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::StorageFull => "the disk is full".into(),
        Kind::QuotaExceeded => "your part of the disk is full".into(),
        Kind::FileTooLarge => "it is larger than a file may be here".into(),
        Kind::ReadOnlyFilesystem => "the disk is read-only".into(),
        Kind::PermissionDenied => "permission is denied".into(),
        Kind::NotADirectory | Kind::NotFound => "there is no such folder".into(),
        _ => system(error),
    }
}

/// What the system says, without its error number.
fn system(error: &io::Error) -> Sentence {
    let text = error.to_string();
    Sentence::verbatim(text.split(" (os error").next().unwrap_or(&text).to_lowercase())
}
