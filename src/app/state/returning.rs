//! Questions that come back: what a person got wrong in other lessons, asked once more with new numbers.

use std::collections::BTreeMap;
use std::path::Path;

use crate::app::run::lesson_file::{FILES, read};
use crate::app::state::lesson_work::LessonTask;
use crate::app::state::store::LessonProgress;
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{Asked, Engine, Language, Lesson, Predict, Response, Scene, Verdict};
use crate::sentence::Sentence;

/// A lesson opens with so many of them.
const MOST: usize = 2;

/// Which question it is: the key of its lesson, and its beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    pub lesson: String,
    pub beat: usize,
    times: u64,
}

/// A question that came back, and what is answered to it.
pub struct ReturningQuestion {
    pub owed: Owed,
    /// Of its lesson and its beat.
    pub title: String,
    pub question: String,
    pub unit: String,
    /// Texts of the choices; none where a number is asked for.
    pub choices: Vec<String>,
    pub typed: String,
    pub chosen: Option<usize>,
    pub unread: Option<Sentence>,
    pub verdict: Option<Verdict>,
    predict: Predict,
    scene: Scene,
    engine: Engine,
}

/// The questions that `opened` opens with: those that came back least often first, in the order of the lessons.
pub fn returning(
    lessons: &BTreeMap<String, LessonProgress>,
    opened: &str,
    language: Language,
) -> Vec<ReturningQuestion> {
    let others = lessons.iter().filter(|(key, _)| *key != opened);
    let mut owed: Vec<Owed> = others.flat_map(|(key, progress)| of_lesson(key, progress)).collect();
    owed.sort_by_key(|owed| owed.times);
    owed.into_iter().filter_map(|owed| ReturningQuestion::new(owed, language)).take(MOST).collect()
}

/// What was answered wrong there and is not settled yet, by beat.
fn of_lesson(key: &str, progress: &LessonProgress) -> Vec<Owed> {
    let wrong = progress.given.iter().filter(|given| given.task == LessonTask::Question && !given.is_right);
    let mut beats: Vec<usize> = wrong.map(|given| given.beat).collect();
    beats.sort_unstable();
    beats.dedup();
    let of = |beat: usize| {
        let came = progress.came_back.get(&beat).copied().unwrap_or_default();
        (!came.is_settled).then(|| Owed { lesson: key.to_owned(), beat, times: came.times })
    };
    beats.into_iter().filter_map(of).collect()
}

impl ReturningQuestion {
    /// `None` where the lesson is gone, or has no such question with other numbers.
    fn new(owed: Owed, language: Language) -> Option<Self> {
        let (lesson, number) = lesson_of(&owed.lesson, language)?;
        let beat = lesson.beats.get(owed.beat)?;
        let predict = beat
            .predict
            .clone()
            .filter(|predict| predict.vary.is_some() && matches!(predict.kind, Asked::Number { .. } | Asked::Choice))?;
        let engine = Engine::with_seed(owed.times + 1).reading(FILES);
        let asked = |scene: &Scene| predict.question.marked(&engine, scene).ok();
        let before = asked(&beat.scene)?;
        // A seed may give the very numbers that it was asked with.
        let scenes = (0..16).filter_map(|n| predict.varied(owed.times + 1 + n, &beat.scene).ok());
        let new = |scene: &Scene| {
            let answers = [&beat.scene, scene].map(|scene| predict.shown_answer(&engine, scene).ok());
            asked(scene).is_some_and(|asked| asked != before) || answers[0] != answers[1]
        };
        let scene = scenes.into_iter().find(new)?;
        let choices = match predict.kind {
            Asked::Choice => predict.choices(&engine, &scene).ok()?.into_iter().map(|choice| choice.text).collect(),
            _ => Vec::new(),
        };
        let title = beat.title.fill(&engine, &scene).ok()?;
        Some(Self {
            title: number.map_or_else(|| title.clone(), |number| format!("{number}.{} {title}", owed.beat + 1)),
            question: asked(&scene)?,
            unit: predict.unit.clone(),
            owed,
            choices,
            typed: String::new(),
            chosen: None,
            unread: None,
            verdict: None,
            predict,
            scene,
            engine,
        })
    }

    /// Judges what was answered; whether it was right, and `None` where it is no answer.
    pub fn check(&mut self) -> Option<bool> {
        let response = match (self.choices.is_empty(), self.chosen) {
            (true, _) => self.predict.response(&self.typed),
            (false, Some(chosen)) => Ok(Response::Choice(chosen)),
            (false, None) => Err("choose an answer first".into()),
        };
        match response {
            Ok(response) => {
                self.unread = None;
                self.verdict = self.predict.judge(&response, &self.engine, &self.scene).ok();
            }
            Err(why) => self.unread = Some(why),
        }
        self.verdict.as_ref().filter(|_| self.unread.is_none()).map(|verdict| verdict.is_right)
    }
}

/// A lesson by its key, with the number of one of the program's.
fn lesson_of(key: &str, language: Language) -> Option<(Lesson, Option<usize>)> {
    match LESSONS.iter().find(|entry| entry.stem == key) {
        Some(entry) => entry.lesson(language).ok().map(|lesson| (lesson, Some(entry.number))),
        None => read(Path::new(key)).ok().map(|lesson| (lesson, None)),
    }
}
