//! The lessons that a person names: those of the program, files, and folders of files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Failure, files};
use crate::files::{own_algorithm, own_input, reason, shown};
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
    Engine::with_seed(seed).reading(Files { input: own_input, algorithm: own_algorithm })
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

/// The files that `path` stands for: itself, or of a folder every `.md` in it and in its folders `en` and `zh`, in the
/// order of their names; what it says of itself (`README.md`) is no lesson.
pub fn paths_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for folder in [path.to_owned(), path.join("en"), path.join("zh")] {
        if !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(|error| Failure::bad(shown(&folder), reason(&error)))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut lessons: Vec<PathBuf> = files.filter(|file| is_lesson(file)).collect();
        lessons.sort();
        found.extend(lessons);
    }
    if found.is_empty() {
        return Err(Failure::bad(shown(path), "this is a folder without lessons (.md)"));
    }
    Ok(found)
}

fn is_lesson(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"));
    let is_about = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("readme"));
    is_named && !is_about && path.is_file()
}

/// The Chinese of an English lesson: `x.zh.md` beside `x.md` (or `x.en.md`), `zh/x.md` beside `en/x.md`.
pub fn pair_of(path: &Path) -> Option<PathBuf> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let stem = name.strip_suffix(".md")?;
    if stem.ends_with(".zh") {
        return None;
    }
    let beside = folder.join(format!("{}.zh.md", stem.strip_suffix(".en").unwrap_or(stem)));
    if beside.is_file() {
        return Some(beside);
    }
    let other = (folder.file_name()? == "en").then(|| folder.with_file_name("zh").join(name))?;
    other.is_file().then_some(other)
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
