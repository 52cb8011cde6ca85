//! What is wrong with a lesson, and where.

use crate::sentence::{Sentence, says_a_sentence};

/// A fault of a lesson's text, with its place. Lines and columns count from 1; a column of 0 is the whole line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LessonError {
    pub line: usize,
    pub column: usize,
    pub what: Sentence,
}

impl LessonError {
    pub fn at(line: usize, column: usize, what: impl Into<Sentence>) -> Self {
        Self { line, column, what: what.into() }
    }

    /// A fault of a whole line.
    pub fn line(line: usize, what: impl Into<Sentence>) -> Self {
        Self::at(line, 0, what)
    }

    pub fn sentence(&self) -> Sentence {
        let line = |pattern| Sentence::new(pattern).with(self.line);
        match self.column {
            0 => line("line {0}: {1}").and(self.what.clone()),
            column => line("line {0}, column {1}: {2}").with(column).and(self.what.clone()),
        }
    }
}

says_a_sentence!(LessonError);

/// Either a thing or what is wrong with the lesson.
pub type Result<T> = std::result::Result<T, LessonError>;
