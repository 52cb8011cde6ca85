//! The Markdown of a lesson: blocks of spans, with the places of what cannot be shown. Tables, lists, links, pictures,
//! formulas; no HTML.

mod blocks;
mod check;
mod fill;
pub mod formula;
mod picture;

pub use blocks::{blocks, line, pictures, projected, words};
pub use check::check;
pub use picture::{LessonPicture, MOST_BYTES};

use std::ops::Range;

/// A part of a text that stands on lines of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    Paragraph(Vec<Span>),
    Heading(Vec<Span>),
    /// `first` is the number of the first item; none where items have no numbers.
    List {
        first: Option<u64>,
        items: Vec<Vec<Block>>,
    },
    Quote(Vec<Block>),
    Code(String),
    /// The first row is the head.
    Table {
        columns: Vec<ColumnSide>,
        rows: Vec<Vec<Vec<Span>>>,
    },
    /// TeX.
    Formula(String),
    Picture {
        file: String,
        words: String,
    },
    Rule,
}

/// Where the words of a column stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColumnSide {
    #[default]
    Left,
    Middle,
    Right,
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Span {
    Words {
        text: String,
        mark: Mark,
        /// An https page.
        link: Option<String>,
    },
    /// TeX.
    Formula(String),
    Break,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    pub strong: bool,
    pub emphasis: bool,
    pub code: bool,
}

/// A Chinese character, or a sign that is as wide.
pub fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3000}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

/// What of a text is not shown as it is written.
#[derive(Clone, Debug, PartialEq)]
enum Fault {
    Html,
    Link(String),
    /// Within a table or a heading.
    Picture,
    Deep,
    Formula(String),
}

/// The faults of a text, by the bytes where they stand; and its pictures.
#[derive(Debug, Default)]
struct Found {
    faults: Vec<(Range<usize>, Fault)>,
    pictures: Vec<(Range<usize>, String)>,
    /// How many formulas were read.
    formulas: usize,
}
