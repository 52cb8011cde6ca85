//! A task to build something from cards, which the engine then carries out and grades.
//!
//! Five kinds: `order` makes a schedule from operations and loops; `formulas` writes the update of a row; `settings`
//! chooses block sizes; `paint` gives each tile its class; `queue` hands thread blocks to SMs.

mod cards;
mod execute;
mod formulas;
mod grade;
mod order;
mod paint;
mod parse;
mod queue;
mod settings;

pub use cards::CardOp;
pub use grade::{Finding, Grade, Why};

use super::engine::Engine;
use super::error::Result;
use super::expr::Expr;
use super::fields::Field;
use super::predict::Hides;
use super::scene::Scene;
use super::text::Text;
use crate::sentence::Sentence;

/// A grade, or why an attempt cannot be graded.
type Graded = std::result::Result<Grade, Sentence>;

/// A task with its cards.
#[derive(Clone, Debug)]
pub struct Build {
    pub line: usize,
    pub kind: Kind,
    pub ask: Text,
    pub template: Vec<Line>,
    pub cards: Vec<Card>,
    /// Ways to fill the holes that must be graded right (the first is the one to show) and wrong.
    pub right: Vec<Attempt>,
    pub wrong: Vec<Attempt>,
    /// Elements that the right schedule moves.
    pub moved: Option<Expr>,
    /// Bytes that it may have on chip.
    pub on_chip: Option<Expr>,
    /// Tiles after which the last thread block of a queue may end at most.
    pub ends: Option<Expr>,
    /// Must hold of the scene that was built.
    pub goal: Option<Expr>,
    pub feedback: Text,
    /// What would give the answer away: no picture shows it before.
    pub hides: Hides,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Order,
    Formulas,
    Settings,
    Paint,
    Queue,
}

/// A line of the template: what it defines (nothing in an order) and its parts.
#[derive(Clone, Debug)]
pub struct Line {
    pub line: usize,
    pub name: String,
    pub parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A card that is in place already, by its index.
    Card(usize),
    /// Text of a formula.
    Text(String),
    /// A hole for one card.
    Hole,
    /// A hole for any number of cards.
    Many,
}

/// A card.
#[derive(Clone, Debug)]
pub struct Card {
    pub line: usize,
    pub key: String,
    pub text: Text,
    /// What it does in an order.
    pub ops: Vec<CardOp>,
    /// What it writes in a formula or a setting.
    pub writes: String,
    /// The setting that it is a value of; empty: any.
    pub of: String,
    /// It stands in the template, and is not in the hand.
    pub is_fixed: bool,
    /// Of a card that belongs nowhere: the thought that picks it.
    pub misconception: Option<Text>,
}

/// One way to fill the holes, written in the lesson.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub line: usize,
    pub filling: Filling,
    /// Why a person would build this.
    pub thought: Option<Text>,
}

#[derive(Clone, Debug)]
pub enum Filling {
    /// Cards in the order of the holes.
    Cards(Vec<Option<usize>>),
    /// The classes of the tiles under another mask.
    ClassesOf(Vec<Field>),
}

/// A part of the template as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    Fixed(String),
    /// A hole with its number, from 0.
    Hole(usize),
    /// The cards from this number on go here, as many as there are.
    Many(usize),
}

impl Build {
    /// Cards to choose from, by their index: in the order of their keys, so that nothing is given away.
    pub fn hand(&self) -> impl Iterator<Item = (usize, &Card)> {
        let mut hand: Vec<(usize, &Card)> = self.cards.iter().enumerate().filter(|(_, card)| !card.is_fixed).collect();
        if self.kind != Kind::Paint {
            hand.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        }
        hand.into_iter()
    }

    /// A card may be used more than once: a class, and a word of a formula.
    pub fn is_reusable(&self) -> bool {
        is_reusable(self.kind)
    }

    /// The keys of the cards of `filling`, with commas; `-` for a hole left empty.
    pub fn keys_of(&self, filling: &[Option<usize>]) -> String {
        let key = |card: &Option<usize>| card.and_then(|card| self.cards.get(card)).map_or("-", |card| &card.key);
        filling.iter().map(key).collect::<Vec<_>>().join(", ")
    }

    /// The cards of these keys, as [`Build::keys_of`] writes them. Errors with a key that no card of the hand has.
    pub fn filling_of(&self, keys: &str) -> std::result::Result<Vec<Option<usize>>, Sentence> {
        let card = |key: &str| match key.trim() {
            "-" | "" => Ok(None),
            key => {
                let found = self.hand().find(|(_, card)| card.key == key).map(|(at, _)| Some(at));
                found.ok_or_else(|| Sentence::new("there is no card {0}").with(key))
            }
        };
        keys.split(',').map(card).collect()
    }

    /// Holes: how many cards a full answer has; `None` where any number goes.
    pub fn holes(&self, engine: &Engine, scene: &Scene) -> Option<usize> {
        if self.kind == Kind::Paint {
            let stage = engine.stage(scene).ok()?;
            return Some(stage.plan.t_r() * stage.plan.t_c());
        }
        let parts = || self.template.iter().flat_map(|line| &line.parts);
        if parts().any(|part| *part == Part::Many) { None } else { Some(parts().filter(|p| **p == Part::Hole).count()) }
    }

    /// The template as it is shown. A painting has none: its holes are the tiles of the grid, row by row.
    pub fn slots(&self, engine: &Engine, scene: &Scene) -> Result<Vec<Vec<Slot>>> {
        let mut holes = 0;
        let mut lines = Vec::new();
        for line in &self.template {
            let mut slots = Vec::new();
            // Words of a formula between two holes are one text.
            let mut words = if line.name.is_empty() { Vec::new() } else { vec![format!("{} =", line.name)] };
            for part in &line.parts {
                let slot = match part {
                    Part::Text(text) => {
                        words.push(text.clone());
                        continue;
                    }
                    Part::Card(index) => Slot::Fixed(self.cards[*index].text.fill(engine, scene)?),
                    Part::Hole => Slot::Hole(holes),
                    Part::Many => Slot::Many(holes),
                };
                holes += usize::from(*part == Part::Hole);
                if !words.is_empty() {
                    slots.push(Slot::Fixed(std::mem::take(&mut words).join(" ")));
                }
                slots.push(slot);
            }
            if !words.is_empty() {
                slots.push(Slot::Fixed(words.join(" ")));
            }
            lines.push(slots);
        }
        Ok(lines)
    }

    /// The filling to show to a person who gives up.
    pub fn solution(&self, engine: &Engine, scene: &Scene) -> Option<Vec<Option<usize>>> {
        match self.right.first() {
            Some(attempt) => self.cards_of(attempt, engine, scene).ok(),
            None => paint::classes_as_cards(self, &engine.stage(scene).ok()?.plan),
        }
    }

    /// The cards of an attempt that the lesson wrote.
    pub(super) fn cards_of(
        &self,
        attempt: &Attempt,
        engine: &Engine,
        scene: &Scene,
    ) -> std::result::Result<Vec<Option<usize>>, Sentence> {
        match &attempt.filling {
            Filling::Cards(cards) => Ok(cards.clone()),
            Filling::ClassesOf(settings) => {
                let other = super::cue::changed(scene, settings).map_err(|error| error.what)?;
                let plan = &engine.stage(&other)?.plan;
                paint::classes_as_cards(self, plan).ok_or_else(|| "a class has no card".into())
            }
        }
    }

    /// The lines of the template with the cards of `filling` in their holes.
    fn filled(&self, filling: &[Option<usize>]) -> Vec<(&Line, Vec<Filled<'_>>)> {
        let holes = self.template.iter().flat_map(|line| &line.parts).filter(|part| **part == Part::Hole).count();
        // Many takes what single holes leave.
        let many = filling.len().saturating_sub(holes);
        let mut cards = filling.iter().copied();
        let card = |index: Option<usize>| index.and_then(|index| self.cards.get(index).map(Filled::Card));
        let mut lines = Vec::new();
        for line in &self.template {
            let mut filled = Vec::new();
            for part in &line.parts {
                match part {
                    Part::Card(index) => filled.extend(card(Some(*index))),
                    Part::Text(text) => filled.push(Filled::Text(text)),
                    Part::Hole => filled.extend(card(cards.next().flatten())),
                    Part::Many => filled.extend((0..many).filter_map(|_| card(cards.next().flatten()))),
                }
            }
            lines.push((line, filled));
        }
        lines
    }

    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.marked().chain(self.cards.iter().map(|card| &card.text))
    }

    /// Those of its texts that are Markdown.
    pub(super) fn marked(&self) -> impl Iterator<Item = &Text> {
        let cards = self.cards.iter().filter_map(|card| card.misconception.as_ref());
        let thoughts = self.wrong.iter().filter_map(|attempt| attempt.thought.as_ref());
        [&self.ask, &self.feedback].into_iter().chain(cards).chain(thoughts)
    }

    pub fn expressions(&self) -> impl Iterator<Item = &Expr> {
        self.moved.iter().chain(&self.on_chip).chain(&self.ends).chain(&self.goal)
    }

    /// Carries out what a learner built and says what is wrong with it. `filling` has a card, or none, for each hole.
    pub fn grade(&self, filling: &[Option<usize>], engine: &Engine, scene: &Scene) -> Result<Grade> {
        let graded = match self.kind {
            Kind::Order => order::grade(self, filling, engine, scene),
            Kind::Formulas => formulas::grade(self, filling, engine, scene),
            Kind::Settings => settings::grade(self, filling, engine, scene),
            Kind::Paint => paint::grade(self, filling, engine, scene),
            Kind::Queue => queue::grade(self, filling, engine, scene),
        };
        let mut grade = graded.map_err(|why| super::LessonError::line(self.line, why))?;
        grade.measure(self, engine, scene)?;
        grade.explain(self, filling, engine, scene)?;
        Ok(grade)
    }
}

fn is_reusable(kind: Kind) -> bool {
    matches!(kind, Kind::Paint | Kind::Formulas)
}

/// What stands in a filled line.
enum Filled<'a> {
    Card(&'a Card),
    Text(&'a str),
}

impl<'a> Filled<'a> {
    /// What it writes in a formula or a setting.
    fn word(&self) -> &'a str {
        match self {
            Filled::Card(card) => &card.writes,
            Filled::Text(text) => text,
        }
    }
}

/// The words of a filled line as one text.
fn written(parts: &[Filled<'_>]) -> String {
    parts.iter().map(Filled::word).collect::<Vec<_>>().join(" ")
}
