//! The lesson that is open: where the person is in it, and what they answered, changed and built at this beat.
//! Everything shown comes from the lesson engine; nothing here computes.

use std::path::{Path, PathBuf};

use crate::app::run::lesson_file::FILES;
use crate::app::state::lesson_work::{BeatWork, DoneAlone, Given, KeptWork, LessonTask};
use crate::app::state::returning::ReturningQuestion;
use crate::app::state::seen::Question;
use crate::files;
use crate::playback::lesson::build::{Build, Grade, Kind};
use crate::playback::lesson::library::{HouseLesson, LESSONS};
use crate::playback::lesson::{
    Asked, Beat, BeatPicture, Choice, Claim, ClickOn, Engine, Hides, Language, Lesson, Position, Predict, Response,
    Scene, Shown, Verdict,
};
use crate::sentence::Sentence;

/// Which lesson it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    BuiltIn(&'static HouseLesson),
    /// A file of one's own.
    File(PathBuf),
}

impl Of {
    /// Under which name progress is kept: one for both languages, so that of a file it is that of the English one where
    /// there are two.
    pub fn kept_as(&self) -> String {
        match self {
            Of::BuiltIn(entry) => entry.stem.to_owned(),
            Of::File(path) => {
                let code = Language::English.code();
                files::shown(&files::lesson_in(path, code).unwrap_or_else(|| path.clone()))
            }
        }
    }

    /// What files that are made of it are called by.
    pub fn stem(&self) -> String {
        match self {
            Of::BuiltIn(entry) => entry.stem.to_owned(),
            Of::File(path) => path.file_stem().map_or_else(|| "lesson".into(), |stem| files::shown(Path::new(stem))),
        }
    }
}

/// An open lesson.
pub struct OpenLesson {
    pub of: Of,
    /// Under which name progress is kept.
    pub key: String,
    pub lesson: Lesson,
    pub position: Position,
    /// What the engine shows here, or why it cannot.
    pub shown: Result<Shown, Sentence>,
    /// At this beat.
    pub work: BeatWork,
    /// At all beats, as it is kept.
    works: Vec<KeptWork>,
    /// What was given since it was kept last.
    given: Vec<Given>,
    /// The questions that it opened with, and the beat where it did.
    returning: Vec<ReturningQuestion>,
    opened_at: usize,
    engine: Engine,
}

/// A wrong answer is told with its reason, and may be given once more before the right one is shown.
const TRIES: u32 = 2;

impl OpenLesson {
    /// Opens a lesson at `position`, with what was done in it before. `seed` is that of the order of choices.
    pub fn open(of: Of, lesson: Lesson, position: Position, seed: u64, works: Vec<KeptWork>) -> Self {
        let position = Position { beat: position.beat.min(lesson.beats.len() - 1), ..position };
        let mut open = Self {
            key: of.kept_as(),
            of,
            lesson,
            position,
            shown: Err(Sentence::default()),
            work: BeatWork::default(),
            works,
            given: Vec::new(),
            returning: Vec::new(),
            opened_at: position.beat,
            engine: Engine::with_seed(seed).reading(FILES),
        };
        open.works.resize_with(open.lesson.beats.len(), KeptWork::default);
        open.go(position);
        open
    }

    /// One of the program's, in English where it is not written in `language` yet.
    pub fn built_in(entry: &HouseLesson, language: Language) -> Result<Lesson, Sentence> {
        let lesson = entry.lesson(language).or_else(|_| entry.lesson(Language::English));
        lesson.map_err(|error| Sentence::new("{0}: {1}").with(entry.stem).and(error.sentence()))
    }

    /// The same beat of another text of the lesson, with what was done there.
    pub fn replace(&mut self, lesson: Lesson) {
        self.keep();
        let (work, works) = (std::mem::take(&mut self.work), std::mem::take(&mut self.works));
        let (given, returning) = (std::mem::take(&mut self.given), std::mem::take(&mut self.returning));
        let mut open = Self::open(self.of.clone(), lesson, self.position, self.engine.seed(), works);
        (open.work.scene, open.work.is_found, open.work.brush) = (work.scene, work.is_found, work.brush);
        // What was said of a build is said again, in the other language.
        if work.grade.is_some() {
            open.grade();
        }
        open.given = given;
        (open.returning, open.opened_at) = (returning, self.opened_at);
        *self = open;
    }

    /// Puts questions that came back above the beat at hand.
    pub fn open_with(&mut self, questions: Vec<ReturningQuestion>) {
        (self.returning, self.opened_at) = (questions, self.position.beat);
    }

    /// The questions that came back, where the lesson opened with them.
    pub fn returning_here(&mut self) -> &mut [ReturningQuestion] {
        let is_here = self.position.beat == self.opened_at;
        if is_here { &mut self.returning } else { &mut [] }
    }

    /// The index of a lesson of the program's, among [`LESSONS`].
    pub fn index(&self) -> Option<usize> {
        match self.of {
            Of::BuiltIn(entry) => entry.number.checked_sub(1),
            Of::File(_) => None,
        }
    }

    /// The next lesson of the program's.
    pub fn next_lesson(&self) -> Option<usize> {
        self.index().map(|index| index + 1).filter(|next| *next < LESSONS.len())
    }

    /// The title, with the number of a lesson of the program's.
    pub fn title(&self) -> String {
        let title = &self.lesson.title;
        match self.of {
            Of::BuiltIn(HouseLesson { number: number @ 1.., .. }) => format!("{number}. {title}"),
            _ => title.clone(),
        }
    }

    pub fn beat(&self) -> &Beat {
        &self.lesson.beats[self.position.beat.min(self.lesson.beats.len() - 1)]
    }

    /// The picture of the beat is what the main view shows.
    pub fn shows_main_view(&self) -> bool {
        !matches!(self.beat().picture(self.position.is_revealed), BeatPicture::Figure | BeatPicture::Chart)
    }

    /// Goes to `position`. What was done at a beat stays with it.
    pub fn go(&mut self, position: Position) {
        let is_same_beat = position.beat == self.position.beat && self.shown.is_ok();
        if !is_same_beat && self.shown.is_ok() {
            self.keep();
        }
        let was_revealed = is_same_beat && self.position.is_revealed;
        self.position = position;
        self.shown = self.lesson.at(position, &self.engine).map_err(|error| error.sentence());
        let scene = self.beat().scene_at(position.is_revealed).clone();
        if !is_same_beat {
            let holes = self.build().and_then(|build| build.holes(&self.engine, &scene));
            self.work = BeatWork::of(self.works.get(position.beat), scene, holes);
            self.judge_again();
        } else if was_revealed != position.is_revealed && self.beat().reveal.is_some() {
            self.work.scene = scene;
        }
    }

    /// The words about an answer that was judged before.
    fn judge_again(&mut self) {
        if self.work.tries > 0 {
            self.work.verdict = self.response().ok().and_then(|response| self.judged(&response));
        }
    }

    /// Writes the work at this beat to that of all beats.
    fn keep(&mut self) {
        let kept = self.work.kept();
        if let Some(place) = self.works.get_mut(self.position.beat) {
            *place = kept;
        }
    }

    /// The work at all beats, to be kept.
    pub fn works(&mut self) -> &[KeptWork] {
        self.keep();
        &self.works
    }

    /// What was given since this was asked last, to be kept.
    pub fn take_given(&mut self) -> Vec<Given> {
        std::mem::take(&mut self.given)
    }

    fn give(&mut self, task: LessonTask, answer: String, is_right: bool) {
        let is_shown = self.work.is_shown && task != LessonTask::Question;
        let given = Given { beat: self.position.beat, task, answer, is_right, is_shown };
        // The same once more is no other answer.
        if self.given.last() != Some(&given) {
            self.given.push(given);
        }
    }

    /// How many of the lesson's tasks the person did, and how many there are.
    pub fn tally(&self) -> (usize, usize) {
        let here = self.position.beat;
        let done = |(beat, work): (usize, &KeptWork)| if beat == here { self.work.done } else { work.done }.count();
        let tasks = self.lesson.beats.iter().map(|beat| DoneAlone::all_of(beat).count()).sum();
        (self.works.iter().enumerate().map(done).sum(), tasks)
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

    /// The beat asks something, or sets a task.
    pub fn has_task(&self) -> bool {
        let beat = self.beat();
        beat.predict.is_some() || beat.change.is_some() || beat.build.is_some()
    }

    /// A question waits for its answer.
    pub fn is_asking(&self) -> bool {
        self.predict().is_some() && !self.position.is_revealed
    }

    /// What was answered; why it is no answer yet.
    fn response(&self) -> Result<Response, Sentence> {
        match (self.predict(), self.work.chosen) {
            (Some(Predict { kind: Asked::Choice, .. }), Some(chosen)) => Ok(Response::Choice(chosen)),
            (Some(Predict { kind: Asked::Choice, .. }), None) => Err("choose an answer first".into()),
            (Some(predict), _) => predict.response(&self.work.typed),
            (None, _) => Err("nothing is asked here".into()),
        }
    }

    fn judged(&self, response: &Response) -> Option<Verdict> {
        self.predict()?.judge(response, &self.engine, &self.beat().scene).ok()
    }

    /// Judges what was answered. A right answer, and the last wrong one, show the answer.
    pub fn answer(&mut self) {
        match &self.work.verdict {
            Some(verdict) if verdict.is_right => return self.reveal(),
            // The same answer once more is no other one.
            Some(_) => return,
            None => {}
        }
        match self.response() {
            Ok(response) => {
                self.take(&response);
                let is_right = self.work.verdict.as_ref().is_some_and(|verdict| verdict.is_right);
                if is_right || !self.has_another_try() {
                    self.go(Position { is_revealed: true, ..self.position });
                }
            }
            Err(why) => self.work.unread = Some(why),
        }
    }

    /// Shows the answer. What was answered is judged first.
    pub fn reveal(&mut self) {
        if self.work.verdict.is_none()
            && let Ok(response) = self.response()
        {
            self.take(&response);
        }
        self.go(Position { is_revealed: true, ..self.position });
    }

    fn take(&mut self, response: &Response) {
        self.work.unread = None;
        self.work.verdict = self.judged(response);
        self.work.tries += 1;
        let is_right = self.work.verdict.as_ref().is_some_and(|verdict| verdict.is_right);
        self.work.done.question |= is_right;
        let answer = match response {
            Response::Choice(chosen) => self.choices().get(*chosen).map(|choice| choice.text.clone()),
            _ => Some(self.work.typed.trim().to_owned()),
        };
        self.give(LessonTask::Question, answer.unwrap_or_default(), is_right);
    }

    /// The question may be answered once more: there is more than one answer left to give.
    pub fn has_another_try(&self) -> bool {
        let choices = match self.predict() {
            Some(Predict { kind: Asked::Choice, wrong, .. }) => wrong.len() as u32,
            _ => u32::MAX,
        };
        self.work.tries < TRIES.min(choices)
    }

    /// Another answer is being given: what was said of the last one is over.
    pub fn begin_answer(&mut self) {
        (self.work.verdict, self.work.unread) = (None, None);
    }

    /// What the stage shows, by whichever control it was made: found while it holds.
    pub fn see(&mut self, scene: Option<Scene>) {
        let Some(change) = &self.beat().change else { return };
        if scene.as_ref() == Some(&self.work.scene) {
            return;
        }
        let found = scene.as_ref().map(|scene| change.is_found(&self.engine, scene));
        let was_found = self.work.is_found;
        self.work.is_found = found.is_some_and(|found| found.unwrap_or(false));
        self.work.done.change |= self.work.is_found && !self.work.is_shown;
        if let Some(scene) = scene {
            // On the way there many scenes are seen that nobody meant.
            if self.work.is_found && !was_found {
                self.give(LessonTask::Change, self.beat().scene.changes_to(&scene), true);
            }
            self.work.scene = scene;
        }
    }

    /// The scene that finds what is to be found.
    pub fn solved_scene(&self) -> Option<Scene> {
        self.beat().change.as_ref()?.solved(&self.beat().scene).ok()
    }

    /// Has the engine carry out what was built.
    pub fn grade(&mut self) {
        let Some(build) = self.build() else { return };
        let grade = build.grade(&self.work.filling, &self.engine, &self.beat().scene);
        let is_right = grade.as_ref().is_ok_and(Grade::is_right);
        let keys = build.keys_of(&self.work.filling);
        self.work.done.build |= !self.work.is_shown && is_right;
        self.give(LessonTask::Build, keys, is_right);
        self.work.grade = Some(grade.unwrap_or_else(|_| Grade::default()));
    }

    /// Puts a right answer in the holes.
    pub fn solve_build(&mut self) {
        let solution = self.build().and_then(|build| build.solution(&self.engine, &self.beat().scene));
        if let Some(solution) = solution {
            self.work.filling = solution;
            self.work.is_shown = true;
            self.grade();
        }
    }

    /// The choices of the question: what a class votes on.
    pub fn choices(&self) -> Vec<Choice> {
        self.predict().and_then(|predict| predict.choices(&self.engine, &self.beat().scene).ok()).unwrap_or_default()
    }

    /// What the picture must not give away, and what is asked of it.
    pub fn question(&self) -> Question {
        let is_built = self.work.grade.as_ref().is_some_and(Grade::is_right);
        let is_open = self.is_asking() || self.build().is_some() && !is_built;
        let hides = if is_open { self.beat().hides() } else { Hides::default() };
        let paints = self.build().is_some_and(|build| build.kind == Kind::Paint) && !is_built;
        Question { hides: Hides { classes: hides.classes || paints, ..hides }, asks: self.click_on() }
    }

    /// The facts of the beat, of what is on the stage.
    pub fn facts(&self) -> Vec<(String, String)> {
        let claims = self.beat().claims.iter().filter(|claim| claim.text.is_some());
        let shown = |claim: &Claim| claim.shown(&self.engine, &self.work.scene).ok().flatten();
        claims.filter_map(shown).collect()
    }

    /// What is to be clicked, where the question asks for that.
    pub fn click_on(&self) -> Option<ClickOn> {
        match self.predict()?.kind {
            Asked::Click { on } if self.is_asking() => Some(on),
            _ => None,
        }
    }

    /// The question is answered by typing.
    pub fn asks_for_text(&self) -> bool {
        let is_text = |predict: &Predict| match predict.kind {
            Asked::Number { .. } => true,
            Asked::Click { on } => matches!(on, ClickOn::Row | ClickOn::Key),
            Asked::Choice => false,
        };
        self.is_asking() && self.predict().is_some_and(is_text)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::playback::lesson::library::all;

    fn open(index: usize, language: Language) -> OpenLesson {
        let entry = all().nth(index).unwrap();
        let lesson = OpenLesson::built_in(entry, language).unwrap();
        OpenLesson::open(Of::BuiltIn(entry), lesson, Position::default(), 0, Vec::new())
    }

    #[test]
    fn every_lesson_opens_and_ends() {
        for index in 0..all().count() {
            for language in [Language::English, Language::Chinese] {
                let mut open = open(index, language);
                while let Some(next) = open.next() {
                    open.go(next);
                    assert!(open.shown.is_ok(), "{} {:?}: {:?}", open.key, open.position, open.shown.as_ref().err());
                }
            }
        }
    }

    #[test]
    fn what_is_given_is_kept_in_its_order() {
        let mut open = open(3, Language::English);
        let given = |beat: usize, task: LessonTask, answer: &str, is_right: bool, is_shown: bool| Given {
            beat,
            task,
            answer: answer.into(),
            is_right,
            is_shown,
        };
        for typed in ["1", "abc", "e^-1.775"] {
            open.begin_answer();
            open.work.typed = typed.into();
            open.answer();
        }
        open.go(Position { beat: 1, is_revealed: false });
        let right = open.choices().iter().position(|choice| choice.is_right).unwrap();
        open.work.chosen = Some(right);
        let text = open.choices()[right].text.clone();
        open.answer();
        assert_eq!(
            open.take_given(),
            [
                given(0, LessonTask::Question, "1", false, false),
                given(0, LessonTask::Question, "e^-1.775", true, false),
                given(1, LessonTask::Question, &text, true, false),
            ]
        );
        open.go(Position { beat: 2, is_revealed: false });
        let scene = open.solved_scene().unwrap();
        // Seen twice, it was found once.
        open.see(Some(scene.clone()));
        open.see(Some(scene));
        open.go(Position { beat: 3, is_revealed: false });
        let card = |key: &str| open.build().unwrap().filling_of(key).unwrap();
        let (plain, empty) = (card("plain"), card("-"));
        for filling in [plain, empty] {
            open.work.filling = filling;
            open.grade();
            open.grade();
        }
        open.solve_build();
        assert_eq!(
            open.take_given(),
            [
                given(2, LessonTask::Change, "bug: forget-alpha", true, false),
                given(3, LessonTask::Build, "plain", false, false),
                given(3, LessonTask::Build, "-", false, false),
                given(3, LessonTask::Build, "right", true, true),
            ]
        );
        assert_eq!(open.take_given(), []);
        assert!(open.build().unwrap().filling_of("abacus").is_err());
    }

    #[test]
    fn the_solution_of_every_task_is_graded_right() {
        for index in 0..all().count() {
            let mut open = open(index, Language::English);
            loop {
                if open.build().is_some() {
                    open.solve_build();
                    assert!(open.work.grade.as_ref().is_some_and(Grade::is_right), "{} {:?}", open.key, open.position);
                }
                let Some(next) = open.next() else { break };
                open.go(next);
            }
        }
    }
}
