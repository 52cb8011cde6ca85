//! What is wrong with a text, and where.

use std::fmt;

use super::words::Axis;
use crate::sentence::{Sentence, Value};

/// What was said of something before, and its line.
pub(super) const SINCE: &str = "{0} since line {1}";

/// A piece of one line of a text. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub width: u32,
}

impl Span {
    /// From the start of this piece to the end of `other`, which is on the same line.
    pub fn to(self, other: Self) -> Self {
        let end = (other.column + other.width).max(self.column + self.width);
        Self { width: end - self.column, ..self }
    }
}

/// One thing that is wrong, or worth a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub span: Span,
    pub what: Sentence,
    /// What is wrong is a race.
    pub race: Option<Race>,
}

/// Programs that run at once and meet in a block that one of them writes: the first two along `axis`, in the first block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    pub axis: Axis,
    pub tensor: String,
    /// Of the tensor's blocks.
    pub blocks: Vec<Axis>,
}

impl Diagnostic {
    pub fn new(span: Span, what: impl Into<Sentence>) -> Self {
        Self { span, what: what.into(), race: None }
    }

    /// `mine.tile:12:9: what`.
    pub fn sentence(&self, file: &str) -> Sentence {
        let at = Sentence::new("{0}:{1}:{2}: {3}").with(file).with(self.span.line).with(self.span.column);
        at.and(self.what.clone())
    }

    /// What is wrong, for someone who does not see the lines of the text.
    pub fn without_lines(mut self) -> Sentence {
        for value in &mut self.what.values {
            if let Value::Said(Sentence { pattern: SINCE, values }) = value {
                *value = values.swap_remove(0);
            }
        }
        self.what
    }
}

impl fmt::Display for Diagnostic {
    /// `12:9: what`, to be put behind the name of a file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.span.line, self.span.column, self.what)
    }
}

/// Diagnostics in the order of the text, at most [`MOST`] of them: the first few say it all.
#[derive(Debug, Default)]
pub(super) struct Diagnostics(Vec<Diagnostic>);

/// The most that is told of one text.
pub const MOST: usize = 20;

impl Diagnostics {
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.0.len() < MOST && !self.0.contains(&diagnostic) {
            self.0.push(diagnostic);
        }
    }

    /// Keeps the value of a success and takes note of a failure.
    pub fn keep<T>(&mut self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|diagnostic| self.push(diagnostic)).ok()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by_key(|diagnostic| (diagnostic.span.line, diagnostic.span.column));
        self.0
    }
}
