//! What the beat at hand asks for, answered, changed and built by the person: judged by the lesson engine, and given.

use crate::app::state::lesson::OpenLesson;
use crate::app::state::lesson_work::{Given, LessonTask};
use crate::playback::lesson::build::{Build, Grade};
use crate::playback::lesson::{Asked, Choice, ClickOn, Position, Predict, Response, Scene, Verdict};
use crate::sentence::Sentence;

/// A wrong answer is told with its reason, and may be given once more before the right one is shown.
const TRIES: u32 = 2;

impl OpenLesson {
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

    /// What was built is right.
    pub fn is_built(&self) -> bool {
        self.work.grade.as_ref().is_some_and(Grade::is_right)
    }

    /// What the beat asks for is told: the answer, or that the build is right. There are reasons to read, and nothing to do.
    pub fn is_settled(&self) -> bool {
        self.position.is_revealed || self.is_built()
    }

    /// The run of the settings that were built, as far as it could be carried out; it is what the stage shows from now on.
    pub fn take_built_scene(&mut self) -> Option<Scene> {
        self.work.grade.as_ref()?.moved?;
        let built = self.build()?.built(&self.work.filling, &self.beat().scene)?;
        self.work.scene = built.clone();
        Some(built)
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

    /// The words about an answer that was judged before.
    pub(super) fn judge_again(&mut self) {
        if self.work.tries > 0 {
            self.work.verdict = self.response().ok().and_then(|response| self.judged(&response));
        }
    }

    fn give(&mut self, task: LessonTask, answer: String, is_right: bool) {
        let is_shown = self.work.is_shown && task != LessonTask::Question;
        let given = Given { beat: self.position.beat, task, answer, is_right, is_shown };
        // The same once more is no other answer.
        if self.given.last() != Some(&given) {
            self.given.push(given);
        }
    }
}
