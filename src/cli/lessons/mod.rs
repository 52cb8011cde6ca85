//! `tilescope lessons`: the lessons there are, a new one, every number in them recomputed, and what was answered.

#[cfg(feature = "app")]
mod answers;
mod check;
pub(super) mod found;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::files::shown;
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{Language, Lesson};

use super::failure::{print, print_json};
use super::report::table;
use super::{Failure, files};
use found::{LANGUAGES, fault};

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
    /// Recompute every claim, answer, wrong choice, number and grade, and name the numbers that were typed
    Check {
        /// Lessons of your own (.md), or folders of them, in place of the built-in ones. What is there in English and
        /// Chinese (x.md and x.zh.md, or en/x.md and zh/x.md) is checked to be the same
        paths: Vec<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// What was answered, tried and built in the window, a line of JSON for each task
    #[cfg(feature = "app")]
    Answers(answers::Arguments),
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List { json } => list(*json),
        Command::New { name } => new(name),
        Command::Check { paths, json } => check::main(paths, *json),
        #[cfg(feature = "app")]
        Command::Answers(arguments) => answers::main(arguments),
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
