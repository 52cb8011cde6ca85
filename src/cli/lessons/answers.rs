//! `tilescope lessons answers`: what was answered, changed and built in the window, as it was kept: a line of JSON each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::app::{self, Given, LessonTask};
use crate::cli::failure::print;
use crate::cli::{Failure, files};
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{Engine, Language, Lesson};

use super::found::of_file;

#[derive(Args)]
pub struct Arguments {
    /// Who it was; the name of this account where it is left out
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only of this lesson: its number, or its file as it was opened
    #[arg(long, value_name = "N|FILE")]
    lesson: Option<String>,
    /// The folder in which the window keeps its settings, where it is another than that of this account
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Where the lines go; - is standard output
    #[arg(long, short, value_name = "X.jsonl", default_value = "-")]
    output: PathBuf,
}

/// One line. Beats and tries count from 1.
#[derive(Serialize)]
struct Line<'a> {
    person: &'a str,
    /// The number of a lesson of the program's, or the file of one's own.
    lesson: &'a str,
    /// `null` where the lesson is not there any more.
    title: Option<&'a str>,
    beat: usize,
    heading: Option<String>,
    task: LessonTask,
    /// Which answer to this task it was.
    r#try: usize,
    answer: &'a str,
    right: bool,
    /// The way had been shown before.
    shown: bool,
}

pub fn main(arguments: &Arguments) -> Result<(), Failure> {
    let folder = arguments.from.clone().or_else(app::platform_folder);
    let folder = folder.ok_or_else(|| Failure::Bad("there is no folder for settings; name one with --from".into()))?;
    let kept = app::given(&folder).map_err(|fault| Failure::Bad(fault.to_string()))?;
    let person = arguments.person.clone().unwrap_or_else(account);
    let mut lines = String::new();
    for (key, given) in &kept {
        let number = LESSONS.iter().find(|entry| entry.stem == key.as_str()).map(|entry| entry.number.to_string());
        let name = number.as_deref().unwrap_or(key);
        if arguments.lesson.as_ref().is_some_and(|wanted| wanted != name && wanted != key) {
            continue;
        }
        for line in lines_of(&person, name, lesson_of(key).as_ref(), given) {
            let line = serde_json::to_string(&line).map_err(|error| Failure::Bad(error.to_string()))?;
            lines.push_str(&line);
            lines.push('\n');
        }
    }
    if crate::files::is_standard_output(&arguments.output) {
        return print(&lines);
    }
    files::write_bytes(&arguments.output, lines.as_bytes())
}

fn lines_of<'a>(person: &'a str, name: &'a str, lesson: Option<&'a Lesson>, given: &'a [Given]) -> Vec<Line<'a>> {
    let engine = Engine::new();
    let mut tries: HashMap<(usize, LessonTask), usize> = HashMap::new();
    let mut line = |given: &'a Given| {
        let number = tries.entry((given.beat, given.task)).or_default();
        *number += 1;
        let beat = lesson.and_then(|lesson| lesson.beats.get(given.beat));
        Line {
            person,
            lesson: name,
            title: lesson.map(|lesson| lesson.title.as_str()),
            beat: given.beat + 1,
            heading: beat.and_then(|beat| beat.title.fill(&engine, &beat.scene).ok()),
            task: given.task,
            r#try: *number,
            answer: &given.answer,
            right: given.is_right,
            shown: given.is_shown,
        }
    };
    given.iter().map(&mut line).collect()
}

/// The lesson under which progress was kept, in English where it is the program's.
fn lesson_of(key: &str) -> Option<Lesson> {
    match LESSONS.iter().find(|entry| entry.stem == key) {
        Some(entry) => entry.lesson(Language::English).ok(),
        None => of_file(Path::new(key)).ok()?.lesson().ok(),
    }
}

fn account() -> String {
    let name = ["USER", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".into())
}
