//! The lesson that is open: where the person is in it, and what they answered, changed and built at this beat.
//! Everything shown comes from the lesson engine; nothing here computes.

use crate::playback::lesson::build::{Build, Grade, Kind};
use crate::playback::lesson::library::LESSONS;
use crate::playback::lesson::{
    Asked, Beat, Choice, ClickOn, Engine, Language, Lesson, Position, Predict, Response, Scene, Shown, Verdict,
};
use crate::sentence::Sentence;

use super::look::Question;

/// What the person did at this beat.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// What was typed.
    pub typed: String,
    pub chosen: Option<usize>,
    pub verdict: Option<Verdict>,
    /// The scene as the person made it.
    pub scene: Scene,
    pub is_found: bool,
    /// The cards in the holes.
    pub filling: Vec<Option<usize>>,
    /// The card that the next hole gets.
    pub brush: Option<usize>,
    pub grade: Option<Grade>,
}

/// An open lesson.
pub struct OpenLesson {
    /// An index of [`LESSONS`].
    pub index: usize,
    pub lesson: Lesson,
    pub position: Position,
    /// What the engine shows here, or why it cannot.
    pub shown: Result<Shown, Sentence>,
    pub work: Work,
    engine: Engine,
}

impl OpenLesson {
    /// Opens lesson `index` at `position`, in English where it is not written in `language` yet.
    pub fn open(index: usize, language: Language, position: Position) -> Result<Self, Sentence> {
        let entry = LESSONS.get(index).ok_or("there is no such lesson")?;
        let lesson = entry.lesson(language).or_else(|_| entry.lesson(Language::English));
        let lesson = lesson.map_err(|error| Sentence::new("{0}: {1}").with(entry.stem).and(error.sentence()))?;
        let position = Position { beat: position.beat.min(lesson.beats.len() - 1), ..position };
        let mut open = Self {
            index,
            lesson,
            position,
            shown: Err(Sentence::default()),
            work: Work::default(),
            engine: Engine::new(),
        };
        open.go(position);
        Ok(open)
    }

    /// The same beat in another language, with what was done there.
    pub fn in_language(self, language: Language) -> Result<Self, Sentence> {
        let (position, work) = (self.position, self.work);
        let mut open = Self::open(self.index, language, position)?;
        // What was said of an answer is said again, in the other language.
        let (was_judged, was_graded) = (work.verdict.is_some(), work.grade.is_some());
        open.work = Work { verdict: None, grade: None, ..work };
        if was_judged {
            open.answer();
        }
        if was_graded {
            open.grade();
        }
        Ok(open)
    }

    pub fn stem(&self) -> &'static str {
        LESSONS.get(self.index).map_or("", |entry| entry.stem)
    }

    pub fn beat(&self) -> &Beat {
        &self.lesson.beats[self.position.beat.min(self.lesson.beats.len() - 1)]
    }

    /// Goes to `position`. What was done at a beat stays while its answer is revealed.
    pub fn go(&mut self, position: Position) {
        let is_same_beat = position.beat == self.position.beat && self.shown.is_ok();
        self.position = position;
        self.shown = self.lesson.at(position, &self.engine).map_err(|error| error.sentence());
        if !is_same_beat {
            self.work = Work { scene: self.beat().scene.clone(), ..Work::default() };
            let holes = self.build().and_then(|build| build.holes(&self.engine, &self.work.scene));
            self.work.filling = vec![None; holes.unwrap_or(0)];
        }
    }

    /// Where "next" leads; `None` at the end.
    pub fn next(&self) -> Option<Position> {
        self.lesson.next(self.position)
    }

    pub fn previous(&self) -> Option<Position> {
        self.lesson.previous(self.position)
    }

    pub fn is_at_end(&self) -> bool {
        self.next().is_none()
    }

    pub fn predict(&self) -> Option<&Predict> {
        self.beat().predict.as_ref()
    }

    pub fn build(&self) -> Option<&Build> {
        self.beat().build.as_ref()
    }

    /// A question waits for its answer.
    /// The beat asks something, or sets a task.
    pub fn has_task(&self) -> bool {
        let beat = self.beat();
        beat.predict.is_some() || beat.change.is_some() || beat.build.is_some()
    }

    pub fn is_asking(&self) -> bool {
        self.predict().is_some() && !self.position.is_revealed
    }

    /// Judges what was answered: then the answer is shown.
    pub fn answer(&mut self) {
        let Some(predict) = self.predict() else { return };
        let response = match (&predict.kind, self.work.chosen) {
            (Asked::Choice, Some(chosen)) => Response::Choice(chosen),
            (Asked::Number { .. }, _) => match number(&self.work.typed) {
                Some(number) => Response::Number(number),
                None => return,
            },
            (Asked::Click { .. }, _) if !self.work.typed.is_empty() => Response::Click(self.work.typed.clone()),
            _ => return,
        };
        let verdict = predict.judge(&response, &self.engine, &self.beat().scene);
        self.work.verdict = verdict.ok();
        self.go(Position { is_revealed: true, ..self.position });
    }

    /// A scene that the person made with the controls that are open.
    pub fn try_scene(&mut self, scene: Scene) {
        let found = self.beat().change.as_ref().map(|change| change.is_found(&self.engine, &scene));
        self.work.is_found |= found.is_some_and(|found| found.unwrap_or(false));
        self.work.scene = scene;
    }

    /// The scene that finds what is to be found.
    pub fn solved_scene(&self) -> Option<Scene> {
        self.beat().change.as_ref()?.solved(&self.beat().scene).ok()
    }

    /// Has the engine carry out what was built.
    pub fn grade(&mut self) {
        let Some(build) = self.build() else { return };
        let grade = build.grade(&self.work.filling, &self.engine, &self.beat().scene);
        self.work.grade = Some(grade.unwrap_or_else(|_| Grade::default()));
    }

    /// Puts a right answer in the holes.
    pub fn solve_build(&mut self) {
        let solution = self.build().and_then(|build| build.solution(&self.engine, &self.beat().scene));
        if let Some(solution) = solution {
            self.work.filling = solution;
            self.grade();
        }
    }

    /// The choices of the question: what a class votes on.
    pub fn choices(&self) -> Vec<Choice> {
        self.predict().and_then(|predict| predict.choices(&self.engine, &self.beat().scene).ok()).unwrap_or_default()
    }

    /// What the picture must not give away, and whether it is asked.
    pub fn question(&self) -> Question {
        let is_painted = self.work.grade.as_ref().is_some_and(Grade::is_right);
        let paints = self.build().is_some_and(|build| build.kind == Kind::Paint) && !is_painted;
        let hides_classes = paints || (self.is_asking() && self.predict().is_some_and(|predict| predict.hides_classes));
        Question { hides_classes, asks_tensor: self.click_on() == Some(ClickOn::Tensor) }
    }

    /// What is to be clicked, where the question asks for that.
    pub fn click_on(&self) -> Option<ClickOn> {
        match self.predict()?.kind {
            Asked::Click { on } if self.is_asking() => Some(on),
            _ => None,
        }
    }

    /// Rows and columns of tiles, for a painting.
    pub fn tiles(&self) -> Option<(usize, usize)> {
        let stage = self.engine.stage(&self.beat().scene).ok()?;
        Some((stage.plan.t_r(), stage.plan.t_c()))
    }

    /// Puts a card in a hole; a card that is used once leaves the hole that it was in.
    pub fn place(&mut self, hole: usize, card: usize) {
        let is_reusable = self.build().is_some_and(Build::is_reusable);
        if !is_reusable {
            self.work.filling.iter_mut().filter(|held| **held == Some(card)).for_each(|held| *held = None);
        }
        if let Some(slot) = self.work.filling.get_mut(hole) {
            *slot = Some(card);
        }
        self.work.grade = None;
    }

    /// The next question's answer, for the teacher.
    pub fn next_answer(&self) -> Option<String> {
        let here = self.shown.as_ref().ok().and_then(|shown| shown.teachers_answer.clone());
        if self.is_asking() {
            return here;
        }
        let next = self.next()?;
        self.lesson.at(next, &self.engine).ok()?.teachers_answer
    }
}

/// A number as people type it: with a comma for the point, grouped, or as a fraction of two.
fn number(text: &str) -> Option<f64> {
    let text = text.trim().replace(['\u{a0}', ' '], "");
    if let Some((over, under)) = text.split_once('/') {
        return Some(number(over)? / number(under)?).filter(|x| x.is_finite());
    }
    let point = text.replace(',', if text.contains('.') || groups(&text) { "" } else { "." });
    point.parse().ok().filter(|x: &f64| x.is_finite())
}

/// `1,048,576`: every comma has three digits after it, and the number is no decimal below ten.
fn groups(text: &str) -> bool {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    !rest.is_empty() && rest.iter().all(|part| part.len() == 3) && (rest.len() > 1 || first.trim_matches('-') != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_type_them() {
        for (text, expected) in [
            ("0.17", Some(0.17)),
            ("0,17", Some(0.17)),
            ("0,170", Some(0.170)),
            ("1,280", Some(1280.0)),
            ("4,194,304", Some(4194304.0)),
            ("1/4", Some(0.25)),
            ("-2e3", Some(-2000.0)),
            ("", None),
            ("many", None),
            ("1/0", None),
            ("NaN", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn every_lesson_opens_and_ends() {
        for index in 0..LESSONS.len() {
            for language in [Language::English, Language::Chinese] {
                let mut open = OpenLesson::open(index, language, Position::default()).unwrap();
                while let Some(next) = open.next() {
                    open.go(next);
                    assert!(open.shown.is_ok(), "{} {:?}: {:?}", open.stem(), open.position, open.shown.as_ref().err());
                }
            }
        }
    }

    #[test]
    fn the_solution_of_every_task_is_graded_right() {
        for index in 0..LESSONS.len() {
            let mut open = OpenLesson::open(index, Language::English, Position::default()).unwrap();
            loop {
                if open.build().is_some() {
                    open.solve_build();
                    assert!(
                        open.work.grade.as_ref().is_some_and(Grade::is_right),
                        "{} {:?}",
                        open.stem(),
                        open.position
                    );
                }
                let Some(next) = open.next() else { break };
                open.go(next);
            }
        }
    }
}
