//! What is wrong with a lesson, and where.

/// A fault of a lesson's text, with its place. Lines and columns count from 1; a column of 0 is the whole line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}{}: {message}", if *column > 0 { format!(", column {column}") } else { String::new() })]
pub struct LessonError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl LessonError {
    pub fn at(line: usize, column: usize, message: impl Into<String>) -> Self {
        Self { line, column, message: message.into() }
    }

    /// A fault of a whole line.
    pub fn line(line: usize, message: impl Into<String>) -> Self {
        Self::at(line, 0, message)
    }
}

/// Either a thing or what is wrong with the lesson.
pub type Result<T> = std::result::Result<T, LessonError>;
