//! The text of a lesson to its beats: a header, headings, prose, fenced cues.

use std::path::Path;

use crate::number;
use crate::sentence::Sentence;

use super::build::Build;
use super::cue::{self, Change, Claim};
use super::error::{LessonError, Result};
use super::fields::{self, Fields};
use super::figure::Figure;
use super::predict::Predict;
use super::scene::Scene;
use super::show::Show;
use super::text::Text;
use super::{Beat, Language, Lesson};

/// Larger lessons are refused.
pub const MOST_BYTES: usize = 256 << 10;
const MOST_BEATS: usize = 64;

const FENCE: &str = "```";

/// Parses the text of a lesson that has no files beside it. Errors name the first line that is wrong.
pub fn parse(text: &str) -> Result<Lesson> {
    parse_in(text, None)
}

/// Parses the text of a lesson whose own files lie in `folder`.
pub fn parse_in(text: &str, folder: Option<&Path>) -> Result<Lesson> {
    if text.len() > MOST_BYTES {
        return Err(LessonError::line(
            1,
            Sentence::new("a lesson has at most {0}").with(number::bytes(MOST_BYTES as u64)),
        ));
    }
    let lines: Vec<&str> = text.lines().collect();
    let (mut lesson, body) = begin(&lines)?;
    let mut scene = Scene { folder: folder.map(Path::to_owned), ..Scene::default() };
    let mut reader = Reader { lines: &lines, next: body, language: lesson.language };
    while let Some(beat) = reader.beat(&mut scene)? {
        lesson.beats.push(beat);
        if lesson.beats.len() > MOST_BEATS {
            return Err(LessonError::line(
                reader.next,
                Sentence::new("a lesson has at most {0} beats").with(MOST_BEATS),
            ));
        }
    }
    if lesson.beats.is_empty() {
        return Err(LessonError::line(body.max(1), "there is no beat: a beat begins with `## ` and its title"));
    }
    Ok(lesson)
}

/// `---`, fields, `---`; and the number of lines that these are.
pub(super) fn header(lines: &[&str]) -> Result<(Fields, usize)> {
    let need = || LessonError::line(1, "a lesson begins with a header between two lines of ---");
    if lines.first().map(|line| line.trim_end()) != Some("---") {
        return Err(need());
    }
    let end = 1 + lines[1..].iter().position(|line| line.trim_end() == "---").ok_or_else(need)?;
    Ok((Fields::new(1, fields::parse(&lines[1..end], 2)?), end + 1))
}

/// English where the header does not say.
pub(super) fn language(fields: &mut Fields) -> Result<Language> {
    match fields.take("language") {
        None => Ok(Language::English),
        Some(field) => Language::parse(&field.value).ok_or_else(|| field.fault("languages are en and zh")),
    }
}

/// A lesson without beats, and the number of lines before them.
fn begin(lines: &[&str]) -> Result<(Lesson, usize)> {
    let (mut fields, body) = header(lines)?;
    let title = fields.need("title")?.value;
    let minutes = fields.need("minutes")?.index()?;
    let goal = fields.need("goal")?.value;
    let language = language(&mut fields)?;
    fields.finish()?;
    Ok((Lesson { title, minutes, goal, language, beats: Vec::new() }, body))
}

struct Reader<'a> {
    lines: &'a [&'a str],
    /// Index of the next line; its number is one more.
    next: usize,
    language: Language,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.next).copied()
    }

    /// The next beat, which starts with `scene` and leaves it as the beat ends.
    fn beat(&mut self, scene: &mut Scene) -> Result<Option<Beat>> {
        while self.peek().is_some_and(|line| line.trim().is_empty()) {
            self.next += 1;
        }
        let Some(first) = self.peek() else { return Ok(None) };
        let line = self.next + 1;
        let title = if first.trim_end() == "---" { Some("") } else { first.strip_prefix("## ") };
        let title =
            title.ok_or_else(|| LessonError::line(line, "a beat begins with `## ` and its title, or with ---"))?;
        self.next += 1;
        let mut beat = Beat::new(line, Text::parse(title.trim(), line, 4)?.without_formula()?, scene.clone());
        // Prose with the number of its first line.
        let mut prose: Option<(usize, Vec<&str>)> = None;
        while let Some(text) = self.peek() {
            if text.starts_with("## ") || text.trim_end() == "---" {
                break;
            }
            match text.strip_prefix(FENCE) {
                Some(cue) if !cue.trim().is_empty() && !cue.starts_with('`') => {
                    let (first, body) = self.fenced()?;
                    add(&mut beat, cue.trim(), body, first, self.language)?;
                }
                _ => {
                    prose.get_or_insert_with(|| (self.next + 1, Vec::new())).1.push(text);
                    self.next += 1;
                    // Lines keep their numbers: a cue within the prose leaves blank ones.
                    continue;
                }
            }
            if let Some((first, lines)) = &mut prose {
                lines.resize(self.next + 1 - *first, "");
            }
        }
        if let Some((first, lines)) = prose {
            beat.prose = Text::parse(lines.join("\n").trim_end(), first, 1)?;
        }
        if let (Some(reveal), None) = (&beat.reveal, &beat.predict) {
            return Err(LessonError::line(
                reveal.line,
                "`reveal` is the picture of an answer, and nothing is asked here",
            ));
        }
        *scene = beat.scene.clone();
        Ok(Some(beat))
    }

    /// The lines of a fence and the number of the first of them.
    fn fenced(&mut self) -> Result<(usize, &'a [&'a str])> {
        let open = self.next;
        let length = self.lines[open + 1..].iter().position(|line| line.trim_end() == FENCE);
        let length = length.ok_or_else(|| LessonError::line(open + 1, "this fence is not closed"))?;
        self.next = open + length + 2;
        Ok((open + 2, &self.lines[open + 1..open + 1 + length]))
    }
}

/// Adds the cue of this name, whose body begins at line `first`.
fn add(beat: &mut Beat, name: &str, body: &[&str], first: usize, language: Language) -> Result<()> {
    let fence = first - 1;
    let once = |is_there: bool| {
        if is_there { Err(LessonError::line(fence, Sentence::new("a beat has one `{0}`").with(name))) } else { Ok(()) }
    };
    match name {
        "scene" => {
            if beat.reveal.is_some() {
                return Err(LessonError::line(fence, "`scene` stands before `reveal`, which goes on from it"));
            }
            beat.scene.line = fence;
            let show = Show::set(&mut beat.scene, &fields::parse(body, first)?)?;
            beat.show = show.or(beat.show.take());
        }
        "reveal" => {
            once(beat.reveal.is_some())?;
            let mut scene = Scene { line: fence, ..beat.scene.clone() };
            beat.shows_then = Show::set(&mut scene, &fields::parse(body, first)?)?;
            beat.reveal = Some(scene);
        }
        "say" => {
            once(beat.say.is_some())?;
            beat.say = Some(cue::say(body, first)?);
        }
        "predict" => {
            once(beat.predict.is_some())?;
            beat.predict = Some(Predict::parse(cue::keyed(body, first)?, language)?);
        }
        "change" => {
            once(beat.change.is_some())?;
            beat.change = Some(Change::parse(cue::keyed(body, first)?)?);
        }
        "build" => {
            once(beat.build.is_some())?;
            beat.build = Some(Build::parse(cue::keyed(body, first)?)?);
        }
        "figure" => {
            once(beat.figure.is_some())?;
            beat.figure = Some(Figure::parse(body, first)?);
        }
        "claim" => beat.claims.extend(Claim::parse_all(body, first)?),
        "notes" => {
            once(beat.notes.is_some())?;
            beat.notes = Some(Text::parse(&body.join("\n"), first, 1)?);
        }
        _ => {
            let known = "`{0}` is no cue; scene, reveal, say, figure, predict, change, build, claim and notes are";
            return Err(LessonError::line(fence, Sentence::new(known).with(name)));
        }
    }
    Ok(())
}
