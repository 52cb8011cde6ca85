//! The lanes of a text: each label that they name is that of a line, and stands in one of them.

use crate::sentence::Sentence;

use super::super::diagnostic::Diagnostic;
use super::super::lanes::Lanes;
use super::super::nearest::nearest;
use super::super::syntax::{Header, Word};
use super::Checker;

impl Checker {
    pub(super) fn check_lanes(&mut self, header: &Header) {
        if let (Some((_, span)), true) = (header.overlap, header.lanes.is_empty()) {
            self.wrong.push(Diagnostic::new(span, "overlap is of lanes, and this text has none: lanes load: load"));
        }
        let mut known: Vec<&str> = Vec::new();
        for line in &self.lines {
            if !known.contains(&line.label.as_str()) {
                known.push(&line.label);
            }
        }
        let mut earlier: Vec<&Word> = Vec::new();
        for label in header.lanes.iter().flat_map(|lane| &lane.labels) {
            let name = &label.text;
            let what = if earlier.iter().any(|other| other.text == *name) {
                Sentence::new("{0} stands twice").with(name)
            } else if known.contains(&name.as_str()) {
                earlier.push(label);
                continue;
            } else if let Some(near) = nearest(name, known.iter().copied()) {
                Sentence::new("no line is called {0}; did you mean {1}?").with(name).with(near)
            } else {
                Sentence::new("no line is called {0}; there are {1}").with(name).with(known.join(", "))
            };
            self.wrong.push(Diagnostic::new(label.span, what));
        }
    }

    /// Lines that no lane names share one more.
    pub(super) fn lanes(&self, header: &Header) -> Lanes {
        let names: Vec<String> = header.lanes.iter().map(|lane| lane.name.text.clone()).collect();
        let lane_of = |label: &str| header.lanes.iter().position(|lane| lane.labels.iter().any(|of| of.text == label));
        let of_lines = self.lines.iter().map(|line| lane_of(&line.label).unwrap_or(names.len())).collect();
        Lanes { names, of_lines, overlap: header.overlap.map_or(1, |(copies, _)| copies) }
    }
}
