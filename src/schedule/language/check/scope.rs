//! What holds at a line: the loops it stands in, conditions, and the names that have a value there.

use std::collections::BTreeMap;

use super::super::diagnostic::Span;
use super::super::shape::Shape;
use super::super::text::{LoopOver, NameId, Names};
use super::super::words::{Axes, Axis, Over, Test};

/// A condition at a place, known to hold or known not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    pub test: Test,
    /// Of which place, for a condition that depends on it.
    at: Axes,
    pub holds: bool,
}

impl Fact {
    fn negated(self) -> Self {
        Self { holds: !self.holds, ..self }
    }
}

/// A name that has a value.
#[derive(Clone, Debug)]
pub struct Held {
    pub shape: Shape,
    /// A value of yes or no, for `pick`.
    pub truth: bool,
    /// What must hold for it to have been given.
    pub needs: Vec<Fact>,
    pub span: Span,
}

/// The state of one kernel while its lines are read from the top.
#[derive(Debug, Default)]
pub struct Scope {
    pub loops: Vec<LoopOver>,
    pub facts: Vec<Fact>,
    pub chip: BTreeMap<NameId, Held>,
    /// Names that are whole rows here, outside the loop over key blocks.
    pub rows: BTreeMap<NameId, Held>,
    /// Declared `over keys`.
    pub over_keys: Names,
    pub declared: Names,
    /// Names whose loop has ended, with that loop.
    pub gone: BTreeMap<NameId, Span>,
    /// The shape that a name has in this kernel, and since which line.
    pub shapes: BTreeMap<NameId, (Shape, Span)>,
    /// What is added to a tensor in HBM, by its name: it is on chip on its way there.
    pub added: BTreeMap<NameId, Shape>,
    /// Names of which something wrong was told already.
    pub poisoned: Names,
    /// The same, of those that no line gives a value.
    pub unknown: Vec<String>,
    /// A loop around is wrong, so that what numbers the blocks here is not known.
    pub is_in_doubt: bool,
}

/// What a loop changes, to be put back at its end.
pub struct Outside {
    loops: usize,
    facts: usize,
    chip: BTreeMap<NameId, Held>,
    rows: BTreeMap<NameId, Held>,
}

impl Scope {
    pub fn axes(&self) -> Axes {
        self.loops.iter().fold(Axes::NONE, |axes, over| axes.with(over.axis))
    }

    pub fn is_in(&self, axis: Axis) -> bool {
        self.axes().has(axis)
    }

    /// All that follows from a condition at this place.
    pub fn facts_of(&self, test: Test, holds: bool) -> Vec<Fact> {
        self.facts_at(test, holds, self.axes())
    }

    fn facts_at(&self, test: Test, holds: bool, at: Axes) -> Vec<Fact> {
        let tile = Axes::of(&[Axis::I, Axis::J]);
        let fact = |test, at| Fact { test, at, holds };
        match test {
            Test::Full if holds => [vec![fact(test, tile)], self.facts_at(Test::Seen, true, tile)].concat(),
            Test::Full => vec![fact(test, tile)],
            Test::Seen if at.contains(tile) => match holds {
                true => [tile, Axes::of(&[Axis::I]), Axes::of(&[Axis::J])].map(|at| fact(test, at)).to_vec(),
                false => vec![fact(test, tile)],
            },
            Test::Seen if at.has(Axis::J) => vec![fact(test, Axes::of(&[Axis::J]))],
            Test::Seen if at.has(Axis::S) => match holds {
                true => [Axes::of(&[Axis::I, Axis::S]), Axes::of(&[Axis::I])].map(|at| fact(test, at)).to_vec(),
                false => vec![fact(test, Axes::of(&[Axis::I, Axis::S]))],
            },
            Test::Seen => vec![fact(test, Axes::of(&[Axis::I]))],
            Test::KeepGiven if holds => vec![fact(test, Axes::NONE), fact(Test::Dropout, Axes::NONE)],
            Test::Dropout if !holds => vec![fact(test, Axes::NONE), fact(Test::KeepGiven, Axes::NONE)],
            _ => vec![fact(test, Axes::NONE)],
        }
    }

    pub fn enter(&mut self, over: &[LoopOver]) -> Outside {
        let outside = Outside {
            loops: self.loops.len(),
            facts: self.facts.len(),
            chip: self.chip.clone(),
            rows: self.rows.clone(),
        };
        for &over in over {
            self.loops.push(over);
            let facts = match over.over {
                Over::QueryBlocksThatSee | Over::KeyBlocksSeen => self.facts_of(Test::Seen, true),
                Over::KeyBlocksOfSplitSeen => {
                    let split = self.facts_at(Test::Seen, true, Axes::of(&[Axis::I, Axis::S]));
                    [self.facts_of(Test::Seen, true), split].concat()
                }
                Over::KeyBlocksSomeQuerySees => self.facts_at(Test::Seen, true, Axes::of(&[Axis::J])),
                _ => Vec::new(),
            };
            self.facts.extend(facts);
        }
        outside
    }

    /// Ends a loop: names that it alone gave a value are gone, unless all of its turns together make whole rows.
    pub fn leave(&mut self, over: &[LoopOver], outside: Outside, span: Span) {
        self.loops.truncate(outside.loops);
        self.facts.truncate(outside.facts);
        let inside = std::mem::replace(&mut self.chip, outside.chip);
        self.rows = outside.rows;
        let covers_rows = matches!(over, [LoopOver { over: Over::KeyBlocks, .. }]);
        for (name, held) in inside {
            if covers_rows && self.over_keys.has(name) && held.needs.iter().all(|need| !need.test.is_of_place()) {
                self.rows.insert(name, Held { shape: Shape::WHOLE_ROWS, ..held });
            } else if !self.chip.contains_key(&name) {
                self.gone.insert(name, span);
            }
        }
    }

    /// A name as it stands here.
    pub fn held(&self, name: NameId) -> Option<Held> {
        if !self.over_keys.has(name) {
            return self.chip.get(&name).cloned();
        }
        if !self.is_in(Axis::J) {
            return self.rows.get(&name).cloned();
        }
        let part = |held: &Held| Held { shape: Shape::TILE, ..held.clone() };
        self.chip.get(&name).or_else(|| self.rows.get(&name)).map(part)
    }

    /// Gives a name a value under the conditions of its statement.
    pub fn give(&mut self, name: NameId, shape: Shape, truth: bool, conditions: &[Fact], span: Span) {
        let follows = |fact: &Fact| {
            let from = |other: &Fact| self.facts_at(other.test, other.holds, other.at)[1..].contains(fact);
            self.facts.contains(fact) || conditions.iter().any(from)
        };
        let needs: Vec<Fact> = conditions.iter().copied().filter(|fact| !follows(fact)).collect();
        let needs = match self.held(name) {
            Some(before) if before.needs.is_empty() => Vec::new(),
            // One of two statements always gives it: `when dropout`, `unless dropout`.
            Some(before) if matches!((&before.needs[..], &needs[..]), ([a], [b]) if *a == b.negated()) => Vec::new(),
            _ => needs,
        };
        let held = Held { shape, truth, needs, span };
        let is_row = self.over_keys.has(name) && !self.is_in(Axis::J);
        let into = if is_row { &mut self.rows } else { &mut self.chip };
        into.insert(name, held);
        self.gone.remove(&name);
        self.shapes.entry(name).or_insert((shape, span));
    }
}
