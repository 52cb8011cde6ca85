//! What the panels of a run read: a scene, a snapshot of it, and what the user picked. Drawing changes none of it.

use crate::app::ink::motion::Motion;
use crate::app::run::scene::{Check, FinishedRun};
use crate::app::run::selection::{RowMark, Selection};
use crate::app::run::snapshot::Snapshot;
use crate::playback::lesson::{ClickOn, Hides};
use crate::schedule::language::Race;

/// One frame's data.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub scene: &'a FinishedRun,
    pub snapshot: &'a Snapshot,
    pub selection: Selection,
    pub check: Option<&'a Check>,
    /// Changes with the scene.
    pub generation: u64,
    /// How far the picture of the last step has come.
    pub motion: Motion,
    pub question: Question,
    /// Of the text that is being typed.
    pub race: Option<&'a Race>,
}

#[cfg(test)]
impl<'a> Look<'a> {
    /// A step at rest, of which nothing is asked.
    pub fn at(scene: &'a FinishedRun, snapshot: &'a Snapshot) -> Self {
        Self {
            scene,
            snapshot,
            selection: Selection::default(),
            check: None,
            generation: 0,
            motion: Motion::still(),
            question: Question::default(),
            race: None,
        }
    }
}

/// What the lesson asks of the picture, which must not give it away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// What pictures and panels leave out.
    pub hides: Hides,
    /// What is to be clicked.
    pub asks: Option<ClickOn>,
    /// Which row it is about.
    pub mark: RowMark,
}

impl Look<'_> {
    /// The row on chip that the selection stands for.
    pub fn row(&self) -> Option<usize> {
        self.snapshot.row_for(self.selection.query, self.scene.plan())
    }

    /// The lines of the text are what is asked for: their order, the formula of a factor, the rule of a row.
    pub fn hides_lines(&self) -> bool {
        let hides = self.question.hides;
        hides.steps || hides.factor || hides.rule
    }

    /// The row that a picture of all rows marks.
    pub fn marked_row(&self) -> Option<usize> {
        let selected = self.selection.query;
        match self.question.mark {
            RowMark::OnChip => self.row().or(Some(selected)),
            RowMark::Named => Some(selected),
            RowMark::Nobody => None,
        }
    }

    /// The query head that the step carried out last was for: what is on chip is of it.
    pub fn head(&self) -> usize {
        let step = self.snapshot.view.step;
        step.map_or(self.scene.settings.run.head(), |step| self.scene.run.head_of(&step))
    }

    /// The query sees the key, for the head whose values are on chip.
    pub fn sees(&self, query: usize, key: usize) -> bool {
        self.scene.sees(self.head(), query, key)
    }

    /// What a texture of the current state depends on.
    pub fn key(&self, is_dark: bool) -> (u64, u64, bool) {
        (self.generation, self.snapshot.cursor, is_dark)
    }
}
