//! What is kept, as plain data: read field by field, and merged with what another window kept meanwhile.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::ink::theme::Theme;
use crate::app::run::link::Link;
use crate::app::state::lesson_work::{CameBack, Given, KeptWork};
use crate::playback::lesson::Position;
use crate::playback::lesson::library::LESSONS;

pub const VERSION: u32 = 1;
const MOST_RECENT: usize = 10;

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    pub version: u32,
    /// Its code; empty until one is chosen.
    pub language: String,
    pub theme: Option<Theme>,
    pub zoom: f32,
    pub reduce_motion: bool,
    /// The first two minutes are over.
    pub has_started: bool,
    /// Paths, the latest first.
    pub recent: Vec<String>,
    /// By the stem of a lesson's file.
    pub lessons: BTreeMap<String, LessonProgress>,
    /// The lesson that was open, from 0.
    pub lesson: Option<usize>,
    pub session: Option<Link>,
    /// The folder of lessons that was open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lesson_folder: Option<String>,
    /// Widths in points that the sides of the window were given, by the id of the side.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub widths: BTreeMap<String, f32>,
    /// The sections of the setup that were folded or opened, by name: true is open.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, bool>,
}

/// How far a person came, and what they did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LessonProgress {
    pub beat: usize,
    pub is_revealed: bool,
    /// Every task was done right, once.
    pub is_done: bool,
    /// The last beat was reached: it begins anew when it is opened again.
    pub is_over: bool,
    /// How often it was begun anew: the seed of the order of its choices.
    pub begun: u64,
    /// Tasks done right.
    pub done: usize,
    /// By beat.
    pub works: Vec<KeptWork>,
    /// What was answered, changed and built, in the order in which it was; the last [`MOST_GIVEN`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<Given>,
    /// The questions that were asked again, by beat.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub came_back: BTreeMap<usize, CameBack>,
}

/// Of one lesson.
const MOST_GIVEN: usize = 512;

impl Default for Kept {
    fn default() -> Self {
        Self {
            version: VERSION,
            language: String::new(),
            theme: None,
            zoom: 1.0,
            reduce_motion: false,
            has_started: false,
            recent: Vec::new(),
            lessons: BTreeMap::new(),
            lesson: None,
            session: None,
            lesson_folder: None,
            widths: BTreeMap::new(),
            sections: BTreeMap::new(),
        }
    }
}

impl Kept {
    /// Where the person is in the lesson of this index.
    pub fn position(&self, index: usize) -> Position {
        let stem = LESSONS.get(index).map_or("", |entry| entry.stem);
        let at = |progress: &LessonProgress| Position { beat: progress.beat, is_revealed: progress.is_revealed };
        self.lessons.get(stem).map(at).unwrap_or_default()
    }

    pub fn remember_file(&mut self, path: &str) {
        self.recent.retain(|known| known != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(MOST_RECENT);
    }

    /// What can be read of a file; and the names of the fields that cannot.
    pub fn read(file: &Map<String, Value>) -> (Self, Vec<String>) {
        let mut file = file.clone();
        let mut unread = Vec::new();
        if let Some(Value::Object(lessons)) = file.get_mut("lessons") {
            lessons.retain(|stem, value| {
                let (is_read, bad) = value.as_object().map_or((false, vec![]), |value| {
                    let (_, bad) = readable::<LessonProgress>(value);
                    (true, bad)
                });
                if let Some(value) = value.as_object_mut() {
                    bad.iter().for_each(|name| drop(value.remove(name)));
                }
                let bad = if is_read { bad } else { vec![String::new()] };
                unread.extend(bad.iter().map(|name| format!("lessons.{stem}.{name}").trim_end_matches('.').to_owned()));
                is_read
            });
        }
        if let Some(Value::Array(recent)) = file.get_mut("recent") {
            let before = recent.len();
            recent.retain(Value::is_string);
            unread.extend((recent.len() < before).then(|| "recent".to_owned()));
        }
        let (kept, bad) = readable(&file);
        unread.extend(bad);
        (kept, unread)
    }

    /// `file` with what this is and `theirs`, which was read of it, is not. What this version does not know or could not
    /// read stays as it stands.
    pub fn written_over(&self, theirs: &Self, mut file: Map<String, Value>) -> Map<String, Value> {
        overlay(&mut file, &object(self), &object(theirs));
        file
    }

    /// This, which was `base` when it was last written, with what another window has written since: each choice is the
    /// last one's, and progress is never lost.
    pub fn merged(&self, base: &Self, theirs: &Self) -> Self {
        let stems = self.lessons.keys().chain(theirs.lessons.keys());
        let progress = |stem: &String| {
            let of = |kept: &Self| kept.lessons.get(stem).cloned().unwrap_or_default();
            (stem.clone(), of(self).merged(&of(base), of(theirs)))
        };
        Self {
            version: self.version,
            language: last(&base.language, &self.language, &theirs.language),
            theme: last(&base.theme, &self.theme, &theirs.theme),
            zoom: last(&base.zoom, &self.zoom, &theirs.zoom),
            reduce_motion: last(&base.reduce_motion, &self.reduce_motion, &theirs.reduce_motion),
            has_started: self.has_started || theirs.has_started,
            recent: self.merged_recent(base, theirs),
            lessons: stems.map(progress).collect(),
            lesson: last(&base.lesson, &self.lesson, &theirs.lesson),
            session: last(&base.session, &self.session, &theirs.session),
            lesson_folder: last(&base.lesson_folder, &self.lesson_folder, &theirs.lesson_folder),
            widths: last(&base.widths, &self.widths, &theirs.widths),
            sections: last(&base.sections, &self.sections, &theirs.sections),
        }
    }

    /// Files that were opened since `base`, then theirs.
    fn merged_recent(&self, base: &Self, theirs: &Self) -> Vec<String> {
        let is_old = |at: &usize| {
            let (new, old) = self.recent.split_at(*at);
            let rest: Vec<&String> = base.recent.iter().filter(|path| !new.contains(path)).collect();
            old.len() <= rest.len() && old.iter().zip(rest).all(|(a, b)| a == b)
        };
        let count = (0..=self.recent.len()).find(is_old).unwrap_or(self.recent.len());
        let new = &self.recent[..count];
        let old = theirs.recent.iter().filter(|path| !new.contains(path));
        new.iter().chain(old).take(MOST_RECENT).cloned().collect()
    }
}

impl LessonProgress {
    /// Keeps what was given.
    pub fn give(&mut self, given: Vec<Given>) {
        self.given.extend(given);
        let over = self.given.len().saturating_sub(MOST_GIVEN);
        self.given.drain(..over);
    }

    fn merged(self, base: &Self, theirs: Self) -> Self {
        let (is_done, is_over) = (self.is_done || theirs.is_done, self.is_over || theirs.is_over);
        // What the other window was given, then what this one was since both knew the same.
        let new = since(&base.given, &self.given);
        let given = [&theirs.given, new].concat();
        let mut came_back = theirs.came_back.clone();
        for (beat, ours) in &self.came_back {
            let came = came_back.entry(*beat).or_default();
            came.times = came.times.max(ours.times);
            came.is_settled |= ours.is_settled;
        }
        // Work is that of whoever came further; in the same place, of whoever did something.
        let place = |progress: &Self| (progress.begun, progress.beat, progress.is_revealed);
        let further = match (self != *base, theirs != *base) {
            (true, true) if place(&theirs) > place(&self) => theirs,
            (false, true) => theirs,
            _ => self,
        };
        let mut merged = Self { is_done, is_over, given: Vec::new(), came_back, ..further };
        merged.give(given);
        merged
    }
}

/// What `now` has beyond `before`, of which the first may be gone by now.
fn since<'a>(before: &[Given], now: &'a [Given]) -> &'a [Given] {
    let kept = (0..=before.len()).map(|gone| &before[gone..]).find(|kept| now.starts_with(kept));
    &now[kept.map_or(0, <[Given]>::len)..]
}

/// Whoever changed it last.
fn last<T: PartialEq + Clone>(base: &T, ours: &T, theirs: &T) -> T {
    if ours == base { theirs.clone() } else { ours.clone() }
}

/// A value of the fields that can be read, and the names of the others. Every field of `T` has a default.
fn readable<T: DeserializeOwned + Default>(object: &Map<String, Value>) -> (T, Vec<String>) {
    let alone = |name: &String, value: &Value| Value::Object(Map::from_iter([(name.clone(), value.clone())]));
    let (good, bad): (Vec<_>, Vec<_>) =
        object.iter().partition(|(name, value)| serde_json::from_value::<T>(alone(name, value)).is_ok());
    let good = good.into_iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let value = serde_json::from_value(Value::Object(good)).unwrap_or_default();
    (value, bad.into_iter().map(|(name, _)| name.clone()).collect())
}

fn object(kept: &Kept) -> Map<String, Value> {
    match serde_json::to_value(kept) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Puts into `file` what of `ours` is not `theirs`; progress field by field.
fn overlay(file: &mut Map<String, Value>, ours: &Map<String, Value>, theirs: &Map<String, Value>) {
    for (name, value) in ours {
        let old = theirs.get(name);
        match (file.get_mut(name), value, old) {
            (Some(_), _, Some(old)) if old == value => {}
            (Some(Value::Object(file)), Value::Object(value), Some(Value::Object(old))) if name != "session" => {
                overlay(file, value, old);
            }
            _ => drop(file.insert(name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::lesson_work::LessonTask;

    fn read(text: &str) -> (Kept, Vec<String>) {
        let value: Value = serde_json::from_str(text).unwrap();
        Kept::read(value.as_object().unwrap())
    }

    fn at(beat: usize) -> LessonProgress {
        LessonProgress { beat, ..LessonProgress::default() }
    }

    #[test]
    fn one_unknown_word_costs_one_field() {
        let text = r#"{"version": 1, "theme": "sepia", "zoom": "large", "language": "zh", "recent": ["a", 7, "b"],
            "lessons": {"01": {"beat": 3, "is_done": "almost"}, "02": 9, "03": {"beat": 2}}, "new": {"x": 1}}"#;
        let (kept, mut unread) = read(text);
        unread.sort();
        assert_eq!(unread, ["lessons.01.is_done", "lessons.02", "recent", "theme", "zoom"]);
        assert_eq!((kept.language.as_str(), kept.zoom, kept.recent.clone()), ("zh", 1.0, vec!["a".into(), "b".into()]));
        assert_eq!((&kept.lessons["01"], &kept.lessons["03"]), (&at(3), &at(2)));
        // Written back, what was not understood stands as it stood.
        let mut later = kept.clone();
        later.lessons.insert("01".into(), at(4));
        later.has_started = true;
        let Value::Object(file) = serde_json::from_str(text).unwrap() else { panic!() };
        let file = later.written_over(&kept, file);
        assert_eq!(file["theme"], "sepia");
        assert_eq!(file["new"]["x"], 1);
        let first = serde_json::json!({
            "beat": 4, "is_revealed": false, "is_done": "almost", "is_over": false, "begun": 0, "done": 0, "works": []
        });
        assert_eq!(file["lessons"]["01"], first);
        assert_eq!(file["has_started"], true);
        assert_eq!(Kept::read(&file).0, later);
    }

    #[test]
    fn a_session_is_replaced_as_a_whole() {
        let session = |row| Some(Link { row, ..Link::of_input("a") });
        let old = Kept { session: session(Some(3)), ..Kept::default() };
        let new = Kept { session: session(None), ..Kept::default() };
        let file = new.written_over(&old, object(&old));
        assert_eq!(Kept::read(&file), (new, vec![]));
    }

    #[test]
    fn progress_of_two_windows_is_the_furthest() {
        let kept = |entries: &[(&str, LessonProgress)]| Kept {
            lessons: entries.iter().map(|(stem, progress)| ((*stem).to_owned(), progress.clone())).collect(),
            ..Kept::default()
        };
        let done = LessonProgress { is_done: true, ..at(9) };
        let base = kept(&[("a", at(1)), ("b", at(1)), ("c", at(5))]);
        let ours = kept(&[("a", at(2)), ("b", at(4)), ("c", at(3)), ("d", at(1))]);
        let theirs = kept(&[("a", at(3)), ("b", at(2)), ("c", at(5)), ("e", done.clone())]);
        let merged = ours.merged(&base, &theirs);
        // Going back alone is going back.
        let right = kept(&[("a", at(3)), ("b", at(4)), ("c", at(3)), ("d", at(1)), ("e", done.clone())]);
        assert_eq!(merged, right);
        let again = kept(&[("e", at(1))]).merged(&kept(&[("e", done.clone())]), &kept(&[("e", done)]));
        assert_eq!(again.lessons["e"], LessonProgress { is_done: true, ..at(1) });
    }

    #[test]
    fn what_was_given_in_two_windows_is_kept_once() {
        let one = |answer: &str| Given {
            beat: 0,
            task: LessonTask::Question,
            answer: answer.into(),
            is_right: false,
            is_shown: false,
        };
        let all = |answers: &str| answers.chars().map(|c| one(&c.to_string())).collect::<Vec<_>>();
        let of = |answers: &str| LessonProgress { given: all(answers), ..LessonProgress::default() };
        for (base, ours, theirs, merged) in [
            ("", "", "", ""),
            ("ab", "ab", "ab", "ab"),
            ("ab", "abc", "ab", "abc"),
            ("ab", "ab", "abd", "abd"),
            ("ab", "abc", "abd", "abdc"),
            ("ab", "aba", "abb", "abba"),
            // The first gave way meanwhile.
            ("abc", "bcd", "abc", "abcd"),
            ("abc", "x", "abc", "abcx"),
        ] {
            assert_eq!(of(ours).merged(&of(base), of(theirs)).given, all(merged), "{base} {ours} {theirs}");
        }
        let mut long = LessonProgress::default();
        (0..MOST_GIVEN + 3).for_each(|n| long.give(vec![one(&n.to_string())]));
        assert_eq!((long.given.len(), long.given[0].answer.as_str()), (MOST_GIVEN, "3"));
    }

    #[test]
    fn choices_are_the_last_ones_and_files_come_together() {
        let with = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>();
        let base = Kept { recent: with(&["a", "b", "c"]), zoom: 1.5, ..Kept::default() };
        let ours = Kept { recent: with(&["x", "b", "a", "c"]), zoom: 1.5, reduce_motion: true, ..Kept::default() };
        let theirs = Kept { recent: with(&["y", "a", "b", "c"]), zoom: 2.0, language: "zh".into(), ..Kept::default() };
        let merged = ours.merged(&base, &theirs);
        assert_eq!(merged.recent, ["x", "b", "y", "a", "c"]);
        assert!(merged.zoom == 2.0 && merged.reduce_motion && merged.language == "zh");
        assert_eq!(base.merged(&base, &theirs).recent, theirs.recent);
    }
}
