//! `tilescope worksheet`: the tasks of a lesson on paper, a sheet and a key for each seed, and the marks of what was
//! written on them.

mod answers;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use serde::Serialize;

use crate::files::{reason, shown};
use crate::playback::lesson::library::{LESSONS, numbered};
use crate::playback::lesson::worksheet::{Sheet, mark};
use crate::playback::lesson::{Engine, Language, Lesson, sheet_page};
use crate::sentence::Sentence;

use super::failure::{print, print_json};
use super::lessons::found::{engine, fault, of_file};
use super::report::table;
use super::{Failure, files};
use answers::Given;

#[derive(Args)]
pub struct Arguments {
    /// The number of a lesson of the program's, or the file of one of your own
    #[arg(long, value_name = "N|FILE")]
    lesson: String,
    /// Seeds, a sheet for each: 7, or 1..30
    #[arg(long, value_name = "N..M", default_value = "1")]
    seed: Seeds,
    /// en or zh: of a lesson of the program's
    #[arg(long, value_name = "CODE", value_parser = language)]
    lang: Option<Language>,
    /// The folder for the sheets and their keys (.html); it is made where there is none
    #[arg(long, short, value_name = "FOLDER", required_unless_present = "grade", conflicts_with = "grade")]
    output: Option<PathBuf>,
    /// Marks answers in place of writing sheets: a .csv with the columns person, seed, question and answer, or a .json with
    /// a list of objects of these
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    grade: Option<PathBuf>,
    /// Print the marks as JSON
    #[arg(long, requires = "grade")]
    json: bool,
}

fn language(text: &str) -> Result<Language, Sentence> {
    Language::parse(text).ok_or_else(|| "it is en or zh".into())
}

/// Seeds from the first to the last.
#[derive(Clone, Debug, PartialEq)]
struct Seeds(u64, u64);

/// A sheet for everyone of a year, and not for everyone.
const MOST_SEEDS: u64 = 1000;

impl FromStr for Seeds {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let seed = |text: &str| {
            text.trim().parse().map_err(|_| Sentence::new("it is a seed such as 7, or seeds such as 1..30"))
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last): (u64, u64) = (seed(first)?, seed(last.strip_prefix('=').unwrap_or(last))?);
        match last.checked_sub(first) {
            None => Err("the first seed is after the last; turn them round".into()),
            Some(between) if between >= MOST_SEEDS => {
                Err(Sentence::new("at most {0} seeds are taken at once").with(MOST_SEEDS))
            }
            Some(_) => Ok(Self(first, last)),
        }
    }
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let (lesson, name) = lesson(&arguments.lesson, arguments.lang)?;
    let engine = engine(0);
    match (&arguments.grade, &arguments.output) {
        (Some(file), _) => grade(&lesson, &name, file, engine, arguments.json),
        (None, Some(folder)) => write(&lesson, &name, &arguments.seed, folder, engine),
        (None, None) => Err(Failure::Bad("--output names the folder for the sheets".into())),
    }
}

/// A lesson with what its sheets are called, and what messages call it.
fn lesson(said: &str, language: Option<Language>) -> Result<(Lesson, String), Failure> {
    if let Ok(number) = said.parse::<usize>() {
        let (_, entry) = numbered(number).ok_or_else(|| {
            let what = Sentence::new("there {0|is|are} {0} {0|lesson|lessons}, from 1").with(LESSONS.len());
            Failure::bad(format!("--lesson {said}"), what)
        })?;
        let language = language.unwrap_or_default();
        let lesson = entry.lesson(language).map_err(|error| fault(&entry.path(language), &error))?;
        return Ok((lesson, entry.stem.to_owned()));
    }
    let path = Path::new(said);
    let named = of_file(path)?;
    let lesson = named.lesson().map_err(|error| fault(&named.path, &error))?;
    if let Some(asked) = language.filter(|asked| *asked != lesson.language) {
        let what = format!("this lesson is in {}, and --lang asks for {}", lesson.language.code(), asked.code());
        return Err(Failure::bad(shown(path), what));
    }
    let stem = path.file_stem().map_or_else(|| "lesson".into(), |stem| shown(Path::new(stem)));
    Ok((lesson, stem))
}

/// Writes a sheet and a key for each seed.
fn write(lesson: &Lesson, name: &str, seeds: &Seeds, folder: &Path, mut engine: Engine) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| match folder.exists() {
        true => Failure::bad(shown(folder), "this is a file, where a folder is needed"),
        false => Failure::bad(shown(folder), reason(&error)),
    })?;
    let mut count = 0;
    for seed in seeds.0..=seeds.1 {
        engine.reseed(seed);
        let pages = sheet_page::pages(lesson, &engine).map_err(|error| fault(name, &error))?;
        let Some(pages) = pages else { return Err(Failure::bad(name, "this lesson asks nothing")) };
        let stem = format!("{name}.{}.seed-{seed:02}", lesson.language.code());
        for (kind, text) in ["", ".key"].into_iter().zip(&pages) {
            files::write_bytes(&folder.join(format!("{stem}{kind}.html")), text.as_bytes())?;
            count += 1;
        }
    }
    print(&format!("{count} files are in {}: a sheet and its key (.key.html) for each seed.\n", shown(folder)))
}

/// One answer with its mark.
#[derive(Serialize)]
struct Marked {
    person: String,
    seed: u64,
    question: usize,
    answer: String,
    /// 1 or 0.
    points: usize,
    /// Why it is wrong; empty of a right one.
    reason: String,
    right_answer: String,
}

fn grade(lesson: &Lesson, name: &str, file: &Path, mut engine: Engine, json: bool) -> Result<(), Failure> {
    let mut marked = Vec::new();
    for Given { place, person, seed, question, answer } in answers::read(file)? {
        engine.reseed(seed);
        let mark = mark(lesson, question, &answer, &engine).map_err(|error| fault(name, &error))?;
        let Some(mark) = mark else {
            engine.reseed(seed);
            let count = Sheet::new(lesson, &engine).map_err(|error| fault(name, &error))?.tasks.len();
            let what = Sentence::new("there is no question {0}: the sheet has {1}").with(question).with(count);
            return Err(Failure::bad(place, what));
        };
        let points = usize::from(mark.is_right);
        marked.push(Marked { person, seed, question, answer, points, reason: mark.reason, right_answer: mark.answer });
    }
    if json {
        return print_json(&marked);
    }
    let mut rows = vec![["person", "seed", "question", "answer", "points", "reason"].map(String::from).to_vec()];
    let mut totals: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for one in &marked {
        let total = totals.entry(&one.person).or_default();
        *total = (total.0 + one.points, total.1 + 1);
        let reason =
            if one.points == 1 { String::new() } else { format!("{} Right is {}.", one.reason, one.right_answer) };
        let cells = [
            &one.person,
            &one.seed.to_string(),
            &one.question.to_string(),
            &one.answer,
            &one.points.to_string(),
            &reason,
        ];
        rows.push(cells.map(|cell| crate::files::printable(cell)).to_vec());
    }
    let mut text = table(&rows);
    for (person, (points, of)) in totals {
        text.push_str(&format!("{}: {points} of {of}\n", crate::files::printable(person)));
    }
    print(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_one_or_a_range() {
        for (text, seeds) in
            [("7", Seeds(7, 7)), ("1..30", Seeds(1, 30)), ("1..=30", Seeds(1, 30)), ("0..999", Seeds(0, 999))]
        {
            assert_eq!(text.parse(), Ok(seeds), "{text}");
        }
        for (text, told) in [
            ("30..1", "turn them round"),
            ("0..1000", "at most 1000"),
            ("0..18446744073709551615", "at most 1000"),
            ("", "such as 7"),
            ("-1", "such as 7"),
            ("1..", "such as 7"),
            ("1..2..3", "such as 7"),
            ("1.5", "such as 7"),
        ] {
            assert!(text.parse::<Seeds>().unwrap_err().to_string().contains(told), "{text}");
        }
    }
}
