//! Why a trace could not be written or read: one line that says what and where.

use super::format::{FORMAT, VERSION};
use crate::machine::Fault;
use crate::sentence::{Sentence, says_a_sentence};

/// Knows no file paths: whoever opened the file says which one it was. A place is a path within the trace.
#[derive(Debug)]
pub enum TraceError {
    Stopped,
    /// The algorithm cannot be carried out on the input.
    Run(Fault),
    Write(std::io::Error),
    Empty,
    NotJson {
        fault: Sentence,
        line: usize,
        column: usize,
    },
    CutOff {
        line: usize,
        place: Sentence,
    },
    Type {
        place: Sentence,
        fault: String,
        line: usize,
        column: usize,
    },
    NotATrace {
        found: Sentence,
    },
    Newer {
        version: u64,
    },
    Invalid {
        place: Sentence,
        fault: Sentence,
    },
}

impl TraceError {
    pub(super) fn invalid(place: Sentence, fault: impl Into<Sentence>) -> Self {
        Self::Invalid { place, fault: fault.into() }
    }

    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Stopped => "the export was stopped".into(),
            Self::Run(fault) => fault.sentence(),
            Self::Write(error) => Sentence::new("cannot write: {0}").with(error),
            Self::Empty => "the file is empty".into(),
            Self::NotJson { fault, line, column } => {
                let sentence = Sentence::new("this is not JSON: {0} at line {1}, column {2}").and(fault.clone());
                sentence.with(line).with(column)
            }
            Self::CutOff { line, place } => {
                let text = "the file ends at line {0} in the middle of {1}: the export was cut off";
                Sentence::new(text).with(line).and(place.clone())
            }
            Self::Type { place, fault, line, column } => {
                let sentence = Sentence::new("{0}: {1} (line {2}, column {3})").and(place.clone());
                sentence.with(fault).with(line).with(column)
            }
            Self::NotATrace { found } => {
                let sentence = Sentence::new("this is JSON but not a trace: {0}, where {1} is needed");
                sentence.and(found.clone()).with(format!("{FORMAT:?}"))
            }
            Self::Newer { version } => {
                let text = "made by a newer version (trace version {0}; this program reads {1})";
                Sentence::new(text).with(version).with(VERSION)
            }
            Self::Invalid { place, fault } => Sentence::new("{0}: {1}").and(place.clone()).and(fault.clone()),
        }
    }
}

says_a_sentence!(TraceError);

impl From<Fault> for TraceError {
    fn from(fault: Fault) -> Self {
        if fault == Fault::Stopped { Self::Stopped } else { Self::Run(fault) }
    }
}

impl From<std::io::Error> for TraceError {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
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
