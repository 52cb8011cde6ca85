//! `tilescope lessons`: the lessons there are, and every number in them recomputed.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::files::shown;
use crate::playback::lesson::check::{Report, check};
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{Engine, Language, Lesson, LessonError, parse};
use crate::sentence::Sentence;

use super::failure::{print, print_json};
use super::report::table;
use super::{Failure, files};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the lessons
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a lesson to begin with, NAME.md
    New {
        /// Its name, with or without .md
        name: PathBuf,
    },
    /// Recompute every claim, answer, wrong choice, number and grade
    Check {
        /// A lesson of your own (.md) in place of the built-in ones
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List { json } => list(*json),
        Command::New { name } => new(name),
        Command::Check { file: None, json } => check_all(built_in(), *json),
        Command::Check { file: Some(file), json } => check_all(vec![of_file(file)?], *json),
    }
}

/// A lesson with one of each: it checks, and waits for its words.
const TEMPLATE: &str = include_str!("lesson.md");

/// Writes the template under a name that nothing has.
fn new(name: &Path) -> Result<(), Failure> {
    let path = if name.extension().is_some_and(|ending| ending == "md") {
        name.into()
    } else {
        name.with_added_extension("md")
    };
    if path.exists() {
        return Err(Failure::bad(shown(&path), "this is there already; choose another name"));
    }
    files::write_bytes(&path, TEMPLATE.as_bytes())?;
    print(&format!(
        "{0} is written. Open it with: tilescope {0}\nEvery time it is saved, the window shows it again.\n",
        shown(&path)
    ))
}

const LANGUAGES: [Language; 2] = [Language::English, Language::Chinese];

#[derive(Serialize)]
struct Listed {
    number: usize,
    title: String,
    minutes: usize,
    goal: String,
    languages: Vec<&'static str>,
}

fn list(json: bool) -> Result<(), Failure> {
    let mut lessons = Vec::new();
    for entry in &LESSONS {
        let lesson = entry.lesson(Language::English).map_err(|error| fault(&entry.path(Language::English), &error))?;
        let languages = LANGUAGES.iter().map(|language| language.code()).collect();
        let Lesson { title, minutes, goal, .. } = lesson;
        lessons.push(Listed { number: entry.number, title, minutes, goal, languages });
    }
    if json {
        return print_json(&lessons);
    }
    let mut rows = vec![["title", "number", "minutes", "languages"].map(String::from).to_vec()];
    for lesson in &lessons {
        let cells = [lesson.title.clone(), lesson.number.to_string(), lesson.minutes.to_string()];
        rows.push([cells.to_vec(), vec![lesson.languages.join(" ")]].concat());
    }
    print(&table(&rows))
}

/// A lesson's text with the name that faults are told under.
struct Named {
    path: String,
    text: String,
}

fn built_in() -> Vec<Named> {
    let named = |language: Language| {
        LESSONS.iter().map(move |entry| Named { path: entry.path(language), text: entry.text(language).into() })
    };
    LANGUAGES.into_iter().flat_map(named).collect()
}

fn of_file(path: &Path) -> Result<Named, Failure> {
    let text = String::from_utf8(files::read_file(path)?)
        .map_err(|_| Failure::bad(shown(path), "this is not UTF-8 text, as a lesson is"))?;
    Ok(Named { path: shown(path), text })
}

/// What was recomputed of one lesson.
#[derive(Serialize)]
struct Checked {
    path: String,
    title: String,
    claims: usize,
    answers: usize,
    distractors: usize,
    numbers: usize,
    builds: usize,
    wrong_builds: usize,
    faults: Vec<String>,
}

fn check_all(lessons: Vec<Named>, json: bool) -> Result<(), Failure> {
    let engine = Engine::new();
    let mut checked = Vec::new();
    for Named { path, text } in lessons {
        let (title, report) = match parse(&text) {
            Ok(lesson) => (lesson.title.clone(), check(&lesson, &engine)),
            Err(error) => (String::new(), Report { faults: vec![error], ..Report::default() }),
        };
        let result = Checked::new(path, title, report);
        if !json {
            print(&result.line())?;
        }
        checked.push(result);
    }
    if json {
        print_json(&checked)?;
    }
    let faults: Vec<&String> = checked.iter().flat_map(|lesson| &lesson.faults).collect();
    match faults.as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::Check((*only).clone())),
        [first, rest @ ..] => Err(Failure::Check(format!("{first} (and {} more)", rest.len()))),
    }
}

impl Checked {
    fn new(path: String, title: String, report: Report) -> Self {
        Self {
            title,
            claims: report.claims,
            answers: report.answers,
            distractors: report.distractors,
            numbers: report.placeholders,
            builds: report.builds,
            wrong_builds: report.wrong_builds,
            faults: report.faults.iter().map(|error| place(&path, error)).collect(),
            path,
        }
    }

    fn line(&self) -> String {
        let counts = Sentence::new(
            "{0} {0|claim|claims}, {1} {1|answer|answers}, {2} wrong {2|choice|choices}, {3} {3|number|numbers}, \
             {4} {4|build|builds} ({5} wrong {5|one|ones})",
        );
        let counts = counts.with(self.claims).with(self.answers).with(self.distractors).with(self.numbers);
        let counts = counts.with(self.builds).with(self.wrong_builds);
        let verdict = if self.faults.is_empty() { "ok" } else { "FAILED" };
        let mut line = format!("{}: {counts} {verdict}\n", self.path);
        for fault in &self.faults {
            line.push_str(&format!("  {fault}\n"));
        }
        line
    }
}

/// `file:line: message`, as editors read it.
fn place(path: &str, error: &LessonError) -> String {
    match error.column {
        0 => format!("{path}:{}: {}", error.line, error.what),
        column => format!("{path}:{}:{column}: {}", error.line, error.what),
    }
}

fn fault(path: &str, error: &LessonError) -> Failure {
    Failure::Check(place(path, error))
}
