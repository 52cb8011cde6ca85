//! What was answered, changed and built in lessons, as it leaves: a line of JSON each.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::app::run::lesson_file::read;
use crate::app::state::lesson_work::{Given, LessonTask};
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{Engine, Language, Lesson};

/// One line. Beats and tries count from 1.
#[derive(Serialize)]
struct AnswerLine<'a> {
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

/// The lines of what `person` gave in each lesson, by the lesson's key; only of the one that `wanted` names, by its number
/// or its key.
pub fn answers<'a>(
    person: &str,
    given: impl IntoIterator<Item = (&'a String, &'a Vec<Given>)>,
    wanted: Option<&str>,
) -> serde_json::Result<String> {
    let mut lines = String::new();
    for (key, given) in given {
        let number = LESSONS.iter().find(|entry| entry.stem == key.as_str()).map(|entry| entry.number.to_string());
        let name = number.as_deref().unwrap_or(key);
        if given.is_empty() || wanted.is_some_and(|wanted| wanted != name && wanted != key) {
            continue;
        }
        for line in lines_of(person, name, lesson_of(key).as_ref(), given) {
            lines.push_str(&serde_json::to_string(&line)?);
            lines.push('\n');
        }
    }
    Ok(lines)
}

fn lines_of<'a>(person: &'a str, name: &'a str, lesson: Option<&'a Lesson>, given: &'a [Given]) -> Vec<AnswerLine<'a>> {
    let engine = Engine::new();
    let mut tries: HashMap<(usize, LessonTask), usize> = HashMap::new();
    let mut line = |given: &'a Given| {
        let number = tries.entry((given.beat, given.task)).or_default();
        *number += 1;
        let beat = lesson.and_then(|lesson| lesson.beats.get(given.beat));
        AnswerLine {
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
        None => read(Path::new(key)).ok(),
    }
}

/// The name of this account.
pub fn account() -> String {
    let name = ["USER", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "somebody".into())
}
