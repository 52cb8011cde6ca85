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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn given(beat: usize, task: LessonTask, answer: &str, is_right: bool) -> Given {
        Given { beat, task, answer: answer.into(), is_right, is_shown: false }
    }

    fn told(given: &[(String, Vec<Given>)], wanted: Option<&str>) -> Vec<Value> {
        let lines = answers("me", given.iter().map(|(key, given)| (key, given)), wanted).expect("JSON");
        assert!(lines.is_empty() || lines.ends_with('\n'), "{lines:?}");
        lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }

    /// Tries are counted for each task of each beat, in the order in which they were made.
    #[test]
    fn tries_count_by_beat_and_by_task() {
        use LessonTask::{Build, Change, Question};
        let entry = &LESSONS[3];
        let all = vec![
            given(0, Question, "1", false),
            given(0, Question, "0.17", true),
            given(1, Question, "2", false),
            given(0, Change, "bc: 3", true),
            given(1, Question, "3", true),
            Given { is_shown: true, ..given(2, Build, "a -", false) },
        ];
        let lines = told(&[(entry.stem.to_owned(), all)], None);
        let tries: Vec<_> = lines.iter().map(|line| (&line["beat"], &line["task"], &line["try"])).collect();
        let expected = [
            (json!(1), json!("question"), json!(1)),
            (json!(1), json!("question"), json!(2)),
            (json!(2), json!("question"), json!(1)),
            (json!(1), json!("change"), json!(1)),
            (json!(2), json!("question"), json!(2)),
            (json!(3), json!("build"), json!(1)),
        ];
        assert_eq!(tries, expected.each_ref().map(|(beat, task, times)| (beat, task, times)));
        let english = entry.lesson(Language::English).expect("a lesson");
        for (line, given) in lines.iter().zip(["1", "0.17", "2", "bc: 3", "3", "a -"]) {
            assert_eq!(line["answer"], given);
            assert_eq!((&line["person"], &line["lesson"]), (&json!("me"), &json!(entry.number.to_string())));
            assert_eq!(line["title"], english.title);
            assert!(line["heading"].as_str().is_some_and(|heading| !heading.is_empty()), "{line}");
        }
        let right: Vec<bool> = lines.iter().map(|line| line["right"] == true).collect();
        assert_eq!(right, [false, true, false, true, true, false]);
        assert!(lines.iter().all(|line| line["shown"] == (line["task"] == "build")));
    }

    #[test]
    fn a_lesson_is_wanted_by_its_number_or_by_its_file_and_one_that_is_gone_is_kept() {
        let one = || vec![given(0, LessonTask::Question, "x", true)];
        let (first, second) = (&LESSONS[0], &LESSONS[1]);
        let gone = "/nowhere/mine.md".to_owned();
        let kept = [(first.stem.to_owned(), one()), (second.stem.to_owned(), vec![]), (gone.clone(), one())];
        let lessons = |wanted: Option<&str>| -> Vec<Value> {
            told(&kept, wanted).into_iter().map(|line| line["lesson"].clone()).collect()
        };
        let number = first.number.to_string();
        assert_eq!(lessons(None), [json!(number), json!(gone)]);
        assert_eq!(lessons(Some(&number)), [json!(number)]);
        assert_eq!(lessons(Some(first.stem)), [json!(number)]);
        assert_eq!(lessons(Some(&gone)), [json!(gone)]);
        assert_eq!((lessons(Some("99")), lessons(Some(second.stem))), (vec![], vec![]));
        let of_gone = &told(&kept, Some(&gone))[0];
        assert!(of_gone["title"].is_null() && of_gone["heading"].is_null(), "{of_gone}");
    }

    /// A beat that the lesson has no more is told by its number alone.
    #[test]
    fn a_beat_that_is_gone_has_no_heading() {
        let all = vec![given(999, LessonTask::Question, "x", false)];
        let line = &told(&[(LESSONS[0].stem.to_owned(), all)], None)[0];
        assert!(line["beat"] == 1000 && line["heading"].is_null() && line["title"].is_string(), "{line}");
    }
}
