//! A running order: beats of several lessons, one behind the other, each part with its minutes.

use std::ops::RangeInclusive;
use std::path::Path;

use crate::number;
use crate::sentence::Sentence;

use super::document::{self, MOST_BYTES};
use super::error::{LessonError, Result};
use super::fields::Field;
use super::files::beside;
use super::library::LESSONS;
use super::{Beat, Language, Lesson};

/// Longer ones are refused.
const MOST_BEATS: usize = 256;

/// What a running order says of a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Minutes after the beginning of the talk at which its part is to be over.
    pub until: usize,
    /// For whoever holds the talk; may be empty.
    pub note: String,
}

/// The text is a running order and no lesson: it lists beats.
pub fn is_plan(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_end);
    let header = lines.next() == Some("---") && lines.any(|line| line == "---");
    header && lines.find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("- "))
}

/// Parses a running order that lies in `folder`: its parts as one lesson. `read` gives the lesson in a file beside it.
pub fn parse(
    text: &str,
    folder: Option<&Path>,
    read: &dyn Fn(&Path) -> std::result::Result<Lesson, Sentence>,
) -> Result<Lesson> {
    if text.len() > MOST_BYTES {
        let what = Sentence::new("a running order has at most {0}").with(number::bytes(MOST_BYTES as u64));
        return Err(LessonError::line(1, what));
    }
    let lines: Vec<&str> = text.lines().collect();
    let (mut fields, body) = document::header(&lines)?;
    let title = fields.need("title")?.value;
    let language = document::language(&mut fields)?;
    fields.finish()?;
    let (mut beats, mut minutes) = (Vec::new(), 0);
    for (at, line) in lines.iter().enumerate().skip(body).filter(|(_, line)| !line.trim().is_empty()) {
        let part = Entry::parse(line, at + 1)?;
        minutes += part.minutes;
        let found = part.beats(language, folder, read)?;
        let of_part = Part { until: minutes, note: part.note };
        beats.extend(found.into_iter().map(|beat| Beat { part: Some(of_part.clone()), ..beat }));
        if beats.len() > MOST_BEATS {
            let what = Sentence::new("a running order has at most {0} beats").with(MOST_BEATS);
            return Err(LessonError::line(at + 1, what));
        }
    }
    if beats.is_empty() {
        return Err(LessonError::line(body.max(1), "a running order lists beats, such as `- 4.2-3: 8 min`"));
    }
    Ok(Lesson { title, minutes, goal: String::new(), language, beats })
}

/// `- 4.2-3: 8 min, ask first`: a part as it is written.
struct Entry {
    /// The lesson: its number, or its file.
    lesson: Field,
    /// From 1; all where none are named.
    beats: Option<RangeInclusive<usize>>,
    minutes: usize,
    note: String,
}

impl Entry {
    fn parse(line: &str, number: usize) -> Result<Self> {
        let need = || LessonError::line(number, "a part is a lesson, its beats and minutes, such as `- 4.2-3: 8 min`");
        let (what, rest) = line.strip_prefix("- ").and_then(|part| part.split_once(": ")).ok_or_else(need)?;
        let (time, note) = rest.split_once(',').unwrap_or((rest, ""));
        let minutes = time.trim().strip_suffix("min").and_then(|minutes| minutes.trim().parse().ok());
        let minutes = minutes.filter(|minutes| (1..=600).contains(minutes));
        let minutes =
            minutes.ok_or_else(|| LessonError::line(number, "a part has 1 to 600 minutes, such as `8 min`"))?;
        let what = what.trim();
        // The number of a lesson has a point before its beats, a file a colon.
        let separator = if what.starts_with(|c: char| c.is_ascii_digit()) && !what.contains(".md") { '.' } else { ':' };
        let (lesson, beats) = what.split_once(separator).map_or((what, None), |(lesson, beats)| (lesson, Some(beats)));
        let beats = beats.map(|beats| range(beats).ok_or_else(need)).transpose()?;
        let lesson = Field { line: number, column: 3, key: String::new(), value: lesson.trim().into() };
        Ok(Self { lesson, beats, minutes, note: note.trim().into() })
    }

    /// Its beats.
    fn beats(
        &self,
        language: Language,
        folder: Option<&Path>,
        read: &dyn Fn(&Path) -> std::result::Result<Lesson, Sentence>,
    ) -> Result<Vec<Beat>> {
        let name = &self.lesson.value;
        let lesson = match name.parse::<usize>() {
            Ok(number) => {
                let entry = LESSONS.iter().find(|entry| entry.number == number);
                let entry = entry.ok_or_else(|| {
                    self.lesson.fault(Sentence::new("there {0|is|are} {0} {0|lesson|lessons}").with(LESSONS.len()))
                })?;
                entry.lesson(language).map_err(|error| self.lesson.fault(error.sentence()))?
            }
            Err(_) => {
                let path = beside(folder, name).map_err(|fault| self.lesson.fault(fault))?;
                read(&path).map_err(|fault| self.lesson.fault(fault))?
            }
        };
        let count = lesson.beats.len();
        let beats = self.beats.clone().unwrap_or(1..=count);
        if *beats.end() > count {
            let what = Sentence::new("{0} has {1} {1|beat|beats}").with(&lesson.title).with(count);
            return Err(self.lesson.fault(what));
        }
        Ok(lesson.beats.into_iter().skip(beats.start() - 1).take(beats.count()).collect())
    }
}

/// `2` or `2-3`, from 1.
fn range(text: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (1 <= first && first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "---\ntitle: Twenty minutes\nlanguage: zh\n---\n\n";

    fn plan(parts: &str) -> Result<Lesson> {
        let own = |path: &Path| match path.to_str() {
            Some("talks/mine.md") => {
                super::super::parse("---\ntitle: Mine\nminutes: 1\ngoal: x\n---\n## One\n\n## Two\n")
            }
            _ => Err(LessonError::line(1, "no such file")),
        };
        let read = |path: &Path| own(path).map_err(|error| error.sentence());
        parse(&format!("{HEADER}{parts}"), Some(Path::new("talks")), &read)
    }

    #[test]
    fn parts_are_those_beats_with_their_minutes() {
        let lesson = plan("- 4.2-3: 8 min, ask first: who is right?\n\n- mine.md:2: 1 min\n- 1: 5 min\n").unwrap();
        let [fourth, first] = [4, 1].map(|n| LESSONS[n - 1].lesson(Language::Chinese).unwrap());
        assert_eq!((lesson.title.as_str(), lesson.minutes, lesson.language), ("Twenty minutes", 14, Language::Chinese));
        let titles: Vec<_> = lesson.beats.iter().map(|beat| beat.title.clone()).collect();
        let two = super::super::Text::parse("Two", 1, 1).unwrap();
        let wanted = fourth.beats[1..3].iter().map(|beat| beat.title.clone()).chain([two]);
        assert_eq!(titles, wanted.chain(first.beats.iter().map(|beat| beat.title.clone())).collect::<Vec<_>>());
        let part = |at: usize| lesson.beats[at].part.clone().unwrap();
        assert_eq!(part(0), Part { until: 8, note: "ask first: who is right?".into() });
        assert_eq!((part(1), part(2).until, part(3).until), (part(0), 9, 14));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (parts, place, what) in [
            ("", "line 4: ", "a running order lists beats"),
            ("4.2: 3 min\n", "line 6: ", "a part is a lesson"),
            ("- 4.2 3 min\n", "line 6: ", "a part is a lesson"),
            ("- 4.3-2: 3 min\n", "line 6: ", "a part is a lesson"),
            ("- 4.2: soon\n", "line 6: ", "a part has 1 to 600 minutes"),
            ("- 4.2: 0 min\n", "line 6: ", "a part has 1 to 600 minutes"),
            ("- 1: 1 min\n- 99: 3 min\n", "line 7, column 3: ", "there are"),
            ("- 4.40: 3 min\n", "line 6, column 3: ", "has 6 beats"),
            ("- other.md: 3 min\n", "line 6, column 3: ", "no such file"),
            ("- ../mine.md: 3 min\n", "line 6, column 3: ", "../mine.md is elsewhere"),
        ] {
            let fault = plan(parts).expect_err(what).to_string();
            assert!(fault.starts_with(place) && fault.contains(what), "{parts}: {fault}");
        }
    }

    #[test]
    fn a_lesson_is_no_running_order() {
        assert!(is_plan(&format!("{HEADER}- 4.2: 3 min\n")));
        for text in ["", "---\n", HEADER, "---\ntitle: x\n---\n## One\n- a list\n", "- 4.2: 3 min\n"] {
            assert!(!is_plan(text), "{text}");
        }
        assert!(LESSONS.iter().all(|entry| !is_plan(entry.text(Language::English))));
    }
}
