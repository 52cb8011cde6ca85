//! The lessons that a person names: those of the program, files, and folders of files.

use std::path::{Path, PathBuf};

use crate::cli::{Failure, files};
use crate::files::{lesson_in, lessons_in, own_algorithm, own_bytes, own_input, shown};
use crate::playback::lesson::library;
use crate::playback::lesson::{Engine, Files, Language, Lesson, LessonError, parse_in, plan};
use crate::sentence::Sentence;

pub const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];

/// A lesson's text with the name that faults are told under.
pub struct Named {
    pub path: String,
    pub text: String,
    /// Where its own files lie; `None` of a lesson of the program's.
    folder: Option<PathBuf>,
}

impl Named {
    pub fn lesson(&self) -> Result<Lesson, LessonError> {
        let folder = self.folder.as_deref();
        if !self.is_plan() {
            return parse_in(&self.text, folder);
        }
        plan::parse(&self.text, folder, &|path| {
            let part = of_file(path).map_err(|failure| Sentence::verbatim(failure.text()))?;
            parse_in(&part.text, part.folder.as_deref()).map_err(|error| Sentence::verbatim(place(&part.path, &error)))
        })
    }

    /// It lists beats of other lessons.
    pub fn is_plan(&self) -> bool {
        plan::is_plan(&self.text)
    }
}

/// What computes the numbers of a lesson, and reads what lies beside it.
pub fn engine(seed: u64) -> Engine {
    Engine::with_seed(seed).reading(Files { input: own_input, algorithm: own_algorithm, picture: own_bytes })
}

/// Every lesson of the program, in both languages.
pub fn built_in() -> Vec<Named> {
    let named = |language: Language| {
        library::all().map(move |entry| Named {
            path: entry.path(language),
            text: entry.text(language).into(),
            folder: None,
        })
    };
    LANGUAGES.into_iter().flat_map(named).collect()
}

/// The lesson in a file.
pub fn of_file(path: &Path) -> Result<Named, Failure> {
    let text = String::from_utf8(files::read_file(path)?)
        .map_err(|_| Failure::bad(shown(path), "this is not UTF-8 text, as a lesson is"))?;
    Ok(Named { path: shown(path), text, folder: Some(path.parent().unwrap_or(Path::new("")).to_owned()) })
}

/// The files that `path` stands for: itself, or the lessons of a folder.
pub fn paths_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let found = lessons_in(path).map_err(|why| Failure::bad(shown(path), why))?;
    if found.is_empty() {
        return Err(Failure::bad(shown(path), "this is a folder without lessons (.md)"));
    }
    Ok(found)
}

/// The Chinese of an English lesson.
pub fn pair_of(path: &Path) -> Option<PathBuf> {
    lesson_in(path, Language::Chinese.code()).filter(|other| other != path)
}

/// `file:line: message`, as editors read it.
pub fn place(path: &str, error: &LessonError) -> String {
    match error.column {
        0 => format!("{path}:{}: {}", error.line, error.what),
        column => format!("{path}:{}:{column}: {}", error.line, error.what),
    }
}

pub fn fault(path: &str, error: &LessonError) -> Failure {
    Failure::Check(place(path, error))
}
