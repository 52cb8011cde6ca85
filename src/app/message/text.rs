//! What can be asked of the editor of the algorithm's text.

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextMessage {
    /// Open it, or close it.
    Toggle,
    /// Another text in place of what was typed; it runs at once.
    Take(String),
    /// The text that the editing began with.
    PutBack,
    /// To the file that it came from, or to a new one.
    Save,
    /// The cursor to the start of a line, from 1.
    Line(usize),
}
