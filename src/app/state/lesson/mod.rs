//! The lesson that is open: where the person is in it, and what they answered, changed and built at this beat.
//! Everything shown comes from the lesson engine; nothing here computes.

mod tasks;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use crate::app::run::lesson_file::FILES;
use crate::app::state::lesson_work::{BeatWork, DoneAlone, Given, KeptWork};
use crate::app::state::returning::ReturningQuestion;
use crate::app::state::seen::Question;
use crate::files;
use crate::playback::lesson::build::{Build, Kind};
use crate::playback::lesson::library::{HouseLesson, LESSONS};
use crate::playback::lesson::{Beat, BeatPicture, Claim, Engine, Hides, Language, Lesson, Position, Predict, Shown};
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
    /// The first control of the beat takes the keyboard where it is drawn next.
    pub takes_keyboard: bool,
    /// At all beats, as it is kept.
    works: Vec<KeptWork>,
    /// What was given since it was kept last.
    given: Vec<Given>,
    /// The questions that it opened with, and the beat where it did.
    returning: Vec<ReturningQuestion>,
    opened_at: usize,
    /// The next question's answer, once somebody has asked for it here: it takes the work of a beat.
    next_answer: OnceCell<Option<String>>,
    engine: Engine,
}

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
            takes_keyboard: false,
            works,
            given: Vec::new(),
            returning: Vec::new(),
            opened_at: position.beat,
            next_answer: OnceCell::new(),
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
        self.next_answer = OnceCell::new();
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

    /// What the picture must not give away, and what is asked of it.
    pub fn question(&self) -> Question {
        let is_built = self.is_built();
        let is_open = self.is_asking() || self.build().is_some() && !is_built;
        let hides = if is_open { self.beat().hides() } else { Hides::default() };
        let paints = self.build().is_some_and(|build| build.kind == Kind::Paint) && !is_built;
        Question {
            hides: Hides { classes: hides.classes || paints, ..hides },
            asks: self.click_on(),
            ..Question::default()
        }
    }

    /// The facts of the beat, of what is on the stage.
    pub fn facts(&self) -> Vec<(String, String)> {
        let claims = self.beat().claims.iter().filter(|claim| claim.text.is_some());
        let shown = |claim: &Claim| claim.shown(&self.engine, &self.work.scene).ok().flatten();
        claims.filter_map(shown).collect()
    }

    /// What another text of the lesson says here.
    pub fn said_in(&self, other: &Lesson) -> Option<String> {
        other.at(self.position, &self.engine).ok().map(|shown| shown.say)
    }

    /// A question comes here or next whose answer a teacher may ask for. What comes next is not worked out for it.
    pub fn has_next_answer(&self) -> bool {
        let at = if self.is_asking() { Some(self.position) } else { self.next() };
        let beat = at.and_then(|at| self.lesson.beats.get(at.beat));
        beat.is_some_and(|beat| beat.predict.is_some())
    }

    /// The next question's answer, for the teacher.
    pub fn next_answer(&self) -> Option<&str> {
        if self.is_asking() {
            return self.shown.as_ref().ok()?.teachers_answer.as_deref();
        }
        let of_next = || self.lesson.at(self.next()?, &self.engine).ok()?.teachers_answer;
        self.next_answer.get_or_init(of_next).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::state::lesson_work::LessonTask;
    use crate::playback::lesson::build::Grade;
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

    /// With the notes open it is asked for in every frame.
    #[test]
    fn the_next_answer_is_worked_out_once_at_each_place() {
        let mut open = open(3, Language::English);
        let mut told = Vec::new();
        for (beat, is_revealed) in [(0, false), (0, true), (1, true), (2, false), (0, true)] {
            open.go(Position { beat, is_revealed });
            let (first, again) = (open.next_answer(), open.next_answer());
            assert_eq!(first.map(str::as_ptr), again.map(str::as_ptr));
            let next = open.lesson.at(open.next().unwrap(), &open.engine).unwrap();
            let here = open.shown.as_ref().unwrap();
            assert_eq!(first, if open.is_asking() { here } else { &next }.teachers_answer.as_deref());
            told.push(first.map(str::to_owned));
        }
        assert!(told[0].is_some() && told[1].is_some() && told[0] != told[1] && told[1] == told[4], "{told:?}");
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
