//! What a grade says: right or wrong, the first number that differs, what moved, what lay on chip.

use super::super::engine::Engine;
use super::super::error::Result;
use super::super::scene::Scene;
use super::{Build, Part};
use crate::attention::TileClass;
use crate::number::{apart, bytes_apart, grouped};
use crate::sentence::Sentence;

/// The grade of one attempt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grade {
    /// What is wrong, the first fault first. Nothing: it is right.
    pub findings: Vec<Finding>,
    /// Elements that it moved between HBM and chip, where it could be carried out.
    pub moved: Option<u64>,
    /// Bytes that it had on chip at most.
    pub on_chip: Option<u64>,
    /// The thought that leads to this attempt, where it is a known one.
    pub thought: Option<String>,
}

/// One thing that is wrong. [`Finding::sentence`] says it in words.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// A hole is empty.
    Empty { hole: usize },
    /// This cannot be carried out: the card at fault, and why.
    Impossible { card: String, why: Why },
    /// The first number that differs: of what, in which row, in which column (of O and gradients) or after which key block.
    Number { of: &'static str, row: usize, place: usize, got: f64, want: f64 },
    /// Elements moved.
    Moved { got: u64, want: u64 },
    /// A card stands where a value of something else belongs: its words, what it is a value of, and of what one is needed.
    Misfit { card: String, of: String, line: String },
    /// Bytes on chip.
    OnChip { got: u64, limit: u64 },
    /// The last thread block ends after so many tiles.
    Ends { got: u64, want: u64 },
    /// The condition of the task does not hold.
    Goal,
    /// A formula that the tile language cannot read, and what its reader says.
    Formula { formula: String, fault: Sentence },
    /// A setting that no run can have, and why.
    Setting(Sentence),
    /// A tile of another class: query block, key block.
    Class { i: usize, j: usize, got: TileClass, want: TileClass },
    /// Numbers and traffic are right, but this mask changes nothing.
    NeedlessMask { i: usize, j: usize },
}

/// Why a schedule cannot be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// It reads a place on chip that nothing has written.
    NeverWritten(&'static str),
    /// It loads from HBM what nothing has stored there.
    NotInHbm(&'static str),
    /// The chip holds another block of this tensor: that one, not this one.
    OtherBlock {
        tensor: &'static str,
        held: usize,
        needed: usize,
    },
    /// No loop around it says which query block (`i`) or key block (`j`).
    NoLoop(char),
    /// A loop inside a loop over the same blocks.
    TwiceTheSameLoop(char),
    /// An end without its loop, a loop without its end, or a new kernel inside a loop.
    Brackets,
    /// It stores an input.
    StoresInput(&'static str),
    /// It gives a starting value to what has none.
    NoStart(&'static str),
    TooLong,
}

impl Finding {
    /// The row of the first wrong number, and the key block after which it is wrong; of O there is the end alone.
    pub fn place(&self) -> Option<(usize, Option<usize>)> {
        match self {
            Finding::Number { of: "O" | "dQ", row, .. } => Some((*row, None)),
            // Of a key.
            Finding::Number { of: "dK" | "dV", .. } => None,
            Finding::Number { row, place, .. } => Some((*row, Some(*place))),
            _ => None,
        }
    }

    pub fn sentence(&self) -> Sentence {
        match self {
            Finding::Empty { hole } => Sentence::new("Place {0} is still empty.").with(hole + 1),
            Finding::Impossible { card, why } if card.is_empty() => {
                Sentence::new("This cannot run: {0}.").and(why.sentence())
            }
            Finding::Impossible { card, why } => {
                Sentence::new("“{0}” cannot run here: {1}.").with(card).and(why.sentence())
            }
            Finding::Number { of: of @ ("O" | "dQ" | "dK" | "dV"), row, place, got, want } => {
                let told = "The first number that differs: {0}[{1}, {2}] is {3}, and should be {4}.";
                let [got, want] = apart(*got, *want);
                Sentence::new(told).with(of).with(row).with(place).with(got).with(want)
            }
            Finding::Number { of, row, place, got, want } => {
                let told =
                    "The first number that differs: after key block {0}, {1} of row {2} is {3}, and should be {4}.";
                let [got, want] = apart(*got, *want);
                Sentence::new(told).with(place).with(of).with(row).with(got).with(want)
            }
            Finding::Moved { got, want } => Sentence::new("It moves {0} {0|element|elements}; {1} {1|is|are} needed.")
                .with(grouped(*got))
                .with(grouped(*want)),
            Finding::Misfit { card, of, line } => {
                Sentence::new("“{0}” is a value of {1}, and {2} is asked for here.").with(card).with(of).with(line)
            }
            Finding::OnChip { got, limit } => {
                let [got, limit] = bytes_apart(*got, *limit);
                Sentence::new("It needs {0} on chip, and there are {1}.").with(got).with(limit)
            }
            Finding::Ends { got, want } => {
                let told = "The last thread block ends after {0} {0|tile|tiles}; {1} {1|is|are} possible.";
                Sentence::new(told).with(got).with(want)
            }
            Finding::Goal => "It runs and gives the right numbers, but it is not yet what was asked for.".into(),
            Finding::Formula { formula, fault } => {
                Sentence::new("The formula “{0}” cannot be read: {1}").with(formula).and(fault.clone())
            }
            Finding::Setting(fault) => fault.clone(),
            Finding::Class { i, j, got, want } => Sentence::new("Tile ({0}, {1}) is painted {2}, and it is {3}.")
                .with(i)
                .with(j)
                .and(got.name())
                .and(want.name()),
            Finding::NeedlessMask { i, j } => {
                Sentence::new("Tile ({0}, {1}) is full: the mask there changes no number and costs time.")
                    .with(i)
                    .with(j)
            }
        }
    }
}

impl Why {
    pub fn sentence(&self) -> Sentence {
        match self {
            Why::NeverWritten(name) => {
                Sentence::new("it reads {0} on chip, and nothing has put it there yet").with(name)
            }
            Why::NotInHbm(tensor) => {
                Sentence::new("it loads {0} from HBM, and nothing has stored it there yet").with(tensor)
            }
            Why::OtherBlock { tensor, held, needed } => {
                let told = "the chip holds block {0} of {1}, and block {2} is needed";
                Sentence::new(told).with(held).with(tensor).with(needed)
            }
            Why::NoLoop(axis) => {
                Sentence::new("no loop over {0} is around it, so it does not know its block").with(axis)
            }
            Why::TwiceTheSameLoop(axis) => Sentence::new("a loop over {0} is around it already").with(axis),
            Why::Brackets => "loops and their ends do not match".into(),
            Why::StoresInput(tensor) => Sentence::new("{0} is an input and never changes").with(tensor),
            Why::NoStart(tensor) => Sentence::new("{0} has no starting value").with(tensor),
            Why::TooLong => "so many steps are no exercise".into(),
        }
    }
}

impl Grade {
    pub fn is_right(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn of(finding: Finding) -> Self {
        Self { findings: vec![finding], ..Self::default() }
    }

    /// Holds what was moved and what lay on chip against what the task asks for.
    pub(super) fn measure(&mut self, build: &Build, engine: &Engine, scene: &Scene) -> Result<()> {
        if let (Some(got), Some(want)) = (self.moved, &build.moved) {
            let want = engine.number(want, scene)? as u64;
            if got != want {
                self.findings.push(Finding::Moved { got, want });
            }
        }
        if let (Some(got), Some(limit)) = (self.on_chip, &build.on_chip) {
            let limit = engine.number(limit, scene)? as u64;
            if got > limit {
                self.findings.push(Finding::OnChip { got, limit });
            }
        }
        Ok(())
    }

    /// Adds the thought behind a wrong attempt: of one that the lesson knows, or of a card that belongs nowhere.
    pub(super) fn explain(
        &mut self,
        build: &Build,
        filling: &[Option<usize>],
        engine: &Engine,
        scene: &Scene,
    ) -> Result<()> {
        if self.is_right() {
            return Ok(());
        }
        let known = build.wrong.iter().find(|attempt| {
            build.cards_of(attempt, engine, scene).is_ok_and(|cards| cards == filling) && attempt.thought.is_some()
        });
        let of_card = || filling.iter().flatten().find_map(|&card| build.cards.get(card)?.misconception.as_ref());
        let thought = known.and_then(|attempt| attempt.thought.as_ref()).or_else(of_card);
        self.thought = thought.map(|thought| thought.marked(engine, scene)).transpose()?;
        Ok(())
    }
}

/// The first hole that has no card, if the task has a fixed number of them.
pub(super) fn empty_hole(build: &Build, filling: &[Option<usize>]) -> Option<usize> {
    let parts = || build.template.iter().flat_map(|line| &line.parts);
    let is_filled = |hole: usize| filling.get(hole).copied().flatten().is_some_and(|card| card < build.cards.len());
    let holes = parts().filter(|part| **part == Part::Hole).count();
    // Any number of cards is at least one.
    let least = holes.max(usize::from(parts().any(|part| *part == Part::Many)));
    (0..least).find(|&hole| !is_filled(hole))
}
