//! Why a trace could not be written or read: one line that says what and where.

use super::format::{FORMAT, VERSION};

/// Knows no file paths: whoever opened the file says which one it was.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    #[error("the export was stopped")]
    Stopped,
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
    #[error("the file is empty")]
    Empty,
    #[error("this is not JSON: {fault} at line {line}, column {column}")]
    NotJson { fault: String, line: usize, column: usize },
    #[error("the file ends at line {line} in the middle of {place}: the export was cut off")]
    CutOff { line: usize, place: String },
    #[error("{place}: {fault} (line {line}, column {column})")]
    Type { place: String, fault: String, line: usize, column: usize },
    #[error("this is JSON but not a trace: {found}, where {FORMAT:?} is needed")]
    NotATrace { found: String },
    #[error("made by a newer version (trace version {version}; this program reads {VERSION})")]
    Newer { version: u64 },
    #[error("{place}: {fault}")]
    Invalid { place: String, fault: String },
}

impl TraceError {
    pub(super) fn invalid(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self::Invalid { place: place.into(), fault: fault.into() }
    }
}

/// `text` from a file on one line of bounded length, whatever it holds.
pub(super) fn one_line(text: &str) -> String {
    const MOST: usize = 300;
    let mut line: String = text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        line.push_str("...");
    }
    line
}
