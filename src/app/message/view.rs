//! What is asked of the main view, and of the panels that are asked for beside it.

use crate::app::message::plane_lens::PlaneLens;
use crate::schedule::Part;
use crate::sentence::Sentence;

/// What can be asked of the stage.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewMessage {
    /// The component of O that the needle shows.
    Component(usize),
    Lens(PlaneLens),
    /// How far the view of the memories is zoomed in: 0 shows the largest, 1 the smallest.
    Memory(f32),
    /// The programs that a chip runs at once with that of the cursor, or not.
    AtOnce,
    /// Where did this value come from?
    Ask(ValueAsked),
}

/// The panel that answers it, by its id.
pub const PROVENANCE: &str = "provenance";

/// A question about a value.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueAsked {
    /// What was clicked, such as `m of row 13`.
    pub what: Sentence,
    /// What it is.
    pub part: Part,
    /// Of which query, and of which key where it is of a pair.
    pub query: usize,
    pub key: Option<usize>,
}

impl ViewMessage {
    pub fn asks(what: Sentence, part: Part, query: usize) -> Self {
        Self::Ask(ValueAsked { what, part, query, key: None })
    }

    pub fn asks_pair(what: Sentence, part: Part, query: usize, key: usize) -> Self {
        Self::Ask(ValueAsked { what, part, query, key: Some(key) })
    }
}
