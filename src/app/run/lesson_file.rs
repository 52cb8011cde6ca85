//! A lesson of one's own, read from its file.

use std::path::Path;

use crate::files;
use crate::playback::lesson::{Files, Lesson, LessonError, MOST_BYTES, parse_in, plan};
use crate::sentence::Sentence;

/// How what lies beside a lesson is read.
pub const FILES: Files = Files { input: files::own_input, algorithm: files::own_algorithm, picture: files::own_bytes };

/// The name is that of a lesson.
pub fn is_lesson(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"))
}

/// Reads the lesson, or the running order, at `path`. Errors name file, line and column.
pub fn read(path: &Path) -> Result<Lesson, Sentence> {
    parsed(path, |text, folder| match plan::is_plan(text) {
        true => plan::parse(text, folder, &|path| parsed(path, parse_in)),
        false => parse_in(text, folder),
    })
}

fn parsed(path: &Path, parse: impl Fn(&str, Option<&Path>) -> Result<Lesson, LessonError>) -> Result<Lesson, Sentence> {
    let name = files::shown(path);
    let of_file = |fault: Sentence| Sentence::new("{0}: {1}").with(&name).and(fault);
    let bytes = files::read(path, MOST_BYTES as u64).map_err(of_file)?;
    let text = String::from_utf8(bytes).map_err(|_| of_file("this is not UTF-8 text, as a lesson is".into()))?;
    parse(&text, path.parent()).map_err(|LessonError { line, column, what }| match column {
        0 => Sentence::new("{0}:{1}: {2}").with(&name).with(line).and(what),
        column => Sentence::new("{0}:{1}:{2}: {3}").with(&name).with(line).with(column).and(what),
    })
}
