//! What each section of a schedule has and counts, in closed form: no step of it is visited, so that a long schedule is
//! known as soon as its sections are.

use std::ops::ControlFlow;

use crate::attention::TileClass;

use super::closed::Kind;
use super::cost::{Cost, Counts};
use super::programs::Summary;
use super::setting::Setting;
use super::text::{Action, Algorithm};
use super::walk::{Ready, Section, Walker};
use super::words::Axis;

/// A text reads some block `once`: what that moves depends on the steps before it.
pub fn reads_once(algorithm: &Algorithm) -> bool {
    let mut statements = algorithm.lines.iter().flat_map(|line| &line.statements);
    statements.any(|of| matches!(of.action, Action::Load { once: true, .. }))
}

/// A text in a setting has at most so many sections.
pub fn has_sections(algorithm: &Algorithm, setting: &Setting, most: usize) -> bool {
    let (ready, mut found) = (Ready::new(algorithm, setting), 0);
    let walked = Walker { algorithm, setting, ready: &ready }.sections(&mut |_| {
        found += 1;
        if found > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    walked.is_continue()
}

/// Adds up sections of one text in one setting.
pub struct Sections<'a> {
    walker: Walker<'a>,
    summary: Summary<'a>,
}

/// The steps of one line at places that are alike, in one section.
pub struct Alike<'s> {
    /// By its number in the text.
    pub line: usize,
    /// Steps: `counts.one`.
    pub counts: Counts,
    pub cost: &'s Cost,
    /// Where the places are tiles.
    pub class: Option<TileClass>,
    /// Steps that only fill HBM: they do not begin a program.
    pub is_fill: bool,
}

impl<'a> Sections<'a> {
    /// `None` of a text that reads a block `once`: what a section moves then depends on those before it.
    pub fn new(walker: Walker<'a>) -> Option<Self> {
        (!reads_once(walker.algorithm))
            .then(|| Self { walker, summary: Summary::new(walker.algorithm, walker.setting) })
    }

    /// Calls `add` with all steps of a section, those together that are alike.
    pub fn each(&self, section: &Section, add: &mut dyn FnMut(&Alike<'_>)) {
        self.walker.each_line(section, &mut |number| {
            let line = &self.walker.algorithm.lines[number];
            let is_tile = line.axes().has(Axis::I) && line.axes().has(Axis::J);
            self.summary.each_cell(line, section.place(), &mut |kind, counts| {
                if let Some(cost) = self.summary.cost(number, kind) {
                    let class = is_tile.then(|| class_of(kind));
                    add(&Alike { line: number, counts, cost, class, is_fill: line.is_fill() });
                }
            });
        });
    }
}

fn class_of(kind: Kind) -> TileClass {
    match kind {
        Kind::FullTile => TileClass::Full,
        Kind::SkippedTile | Kind::UnseenTile => TileClass::Skipped,
        _ => TileClass::Partial,
    }
}
