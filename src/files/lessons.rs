//! Folders of lessons: the lessons in one, and which two are one lesson in two languages.

use std::fs;
use std::path::{Path, PathBuf};

use crate::sentence::Sentence;

use super::reason;

/// A folder with more lessons is refused.
const MOST_LESSONS: usize = 200;

/// The lessons of a folder: every `.md` in it and in its folders `en` and `zh`, in the order of their names; what it says
/// of itself (`README.md`) is no lesson. Errors in a sentence where it cannot be read, or has too many.
pub fn lessons_in(path: &Path) -> Result<Vec<PathBuf>, Sentence> {
    let mut found = Vec::new();
    for folder in [path.to_owned(), path.join("en"), path.join("zh")] {
        if folder != path && !folder.is_dir() {
            continue;
        }
        let entries = fs::read_dir(&folder).map_err(|error| reason(&error))?;
        let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut lessons: Vec<PathBuf> = files.filter(|file| is_one(file)).collect();
        lessons.sort();
        found.extend(lessons);
    }
    if found.len() > MOST_LESSONS {
        let what = "this folder has {0} {0|lesson|lessons}, and at most {1} are read";
        return Err(Sentence::new(what).with(found.len()).with(MOST_LESSONS));
    }
    Ok(found)
}

/// It is a folder, and lessons are in it.
pub fn has_lessons(path: &Path) -> bool {
    path.is_dir() && lessons_in(path).is_ok_and(|lessons| !lessons.is_empty())
}

fn is_one(path: &Path) -> bool {
    let is_named = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("md"));
    let is_about = path.file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("readme"));
    is_named && !is_about && path.is_file()
}

/// The lesson at `path` in the language `code`, `en` or `zh`, where it is there: `x.zh.md` beside `x.md` (or `x.en.md`), `zh/x.md` beside
/// `en/x.md`.
pub fn lesson_in(path: &Path, code: &str) -> Option<PathBuf> {
    let (folder, name) = (path.parent()?, path.file_name()?.to_str()?);
    let stem = name.strip_suffix(".md")?;
    let plain = stem.strip_suffix(".zh").or_else(|| stem.strip_suffix(".en")).unwrap_or(stem);
    let named = |name: String| folder.join(name);
    let beside = match code {
        "zh" => vec![named(format!("{plain}.zh.md"))],
        _ => vec![named(format!("{plain}.md")), named(format!("{plain}.en.md"))],
    };
    let is_of_two = folder.file_name().is_some_and(|name| name == "en" || name == "zh");
    let other = is_of_two.then(|| folder.with_file_name(code).join(name));
    let candidates = other.into_iter().chain(beside);
    candidates.into_iter().find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_are_one_lesson_by_their_names() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for below in ["en", "zh"] {
            fs::create_dir(at(below)).unwrap();
        }
        for name in
            ["a.md", "a.zh.md", "b.en.md", "b.zh.md", "c.md", "d.zh.md", "README.md", "en/e.md", "zh/e.md", "x.txt"]
        {
            fs::write(at(name), "").unwrap();
        }
        let found = lessons_in(folder.path()).unwrap();
        let names = ["a.md", "a.zh.md", "b.en.md", "b.zh.md", "c.md", "d.zh.md", "en/e.md", "zh/e.md"];
        assert_eq!(found, names.map(at));
        for (name, english, chinese) in [
            ("a.md", Some("a.md"), Some("a.zh.md")),
            ("a.zh.md", Some("a.md"), Some("a.zh.md")),
            ("b.en.md", Some("b.en.md"), Some("b.zh.md")),
            ("b.zh.md", Some("b.en.md"), Some("b.zh.md")),
            ("c.md", Some("c.md"), None),
            ("d.zh.md", None, Some("d.zh.md")),
            ("en/e.md", Some("en/e.md"), Some("zh/e.md")),
            ("zh/e.md", Some("en/e.md"), Some("zh/e.md")),
        ] {
            assert_eq!(lesson_in(&at(name), "en"), english.map(at), "{name}");
            assert_eq!(lesson_in(&at(name), "zh"), chinese.map(at), "{name}");
        }
        assert!(has_lessons(folder.path()) && !has_lessons(&at("x.txt")) && !has_lessons(&at("gone")));
        (0..=MOST_LESSONS).for_each(|n| fs::write(at(&format!("{n}.md")), "").unwrap());
        assert!(lessons_in(folder.path()).unwrap_err().to_string().starts_with("this folder has 209 lessons"));
    }
}
