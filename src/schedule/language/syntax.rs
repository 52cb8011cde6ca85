//! A text as it is written: what the parser gives and the checker reads.

use super::diagnostic::Span;
use super::words::{Axis, Diagonal, Function, Initial, Inner, Kind, Operator, Over, Size, Test};
use crate::schedule::Space;
use crate::schedule::algorithm::BlockRule;

/// A word of a text with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    pub text: String,
    pub span: Span,
}

/// A text that differs from another in some lines.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub title: String,
    /// The text of which it is a variant.
    pub base: Word,
    pub replaced: Vec<Replacement>,
    /// Labels of the lines that it leaves out.
    pub without: Vec<Word>,
    /// Lines that are comments.
    pub comments: Vec<String>,
}

/// A line that stands in place of the base's of its label.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    pub label: Word,
    /// What follows the label.
    pub body: String,
    /// Where the body begins.
    pub start: Span,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    pub header: Header,
    pub kernels: Vec<Kernel>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    pub title: Option<String>,
    pub inputs: Vec<Declared>,
    pub outputs: Vec<Declared>,
    /// Between kernels.
    pub hbm: Vec<Declared>,
    pub blocks: Option<BlockRule>,
    pub ideal: bool,
    pub report: Vec<Word>,
    pub average: Option<Word>,
    pub after: Option<Word>,
    pub lanes: Vec<WrittenLane>,
    /// With where it stands.
    pub overlap: Option<(usize, Span)>,
}

/// `matmul: scores accumulate`.
#[derive(Clone, Debug)]
pub(super) struct WrittenLane {
    pub name: Word,
    /// Labels of lines.
    pub labels: Vec<Word>,
}

/// `dK_head[h,j]:acc of d`.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub name: Word,
    pub axes: Option<Vec<Axis>>,
    pub kind: Option<Kind>,
    pub of: Option<Inner>,
}

#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub name: Word,
    pub buffers: Vec<Buffer>,
    pub body: Vec<Node>,
}

/// Names that share one buffer on chip.
#[derive(Clone, Debug)]
pub(super) struct Buffer {
    pub space: Space,
    pub names: Vec<Word>,
    pub over_keys: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Loop(Loop),
    Line(Line),
}

#[derive(Clone, Debug)]
pub(super) struct Loop {
    pub span: Span,
    pub parallel: bool,
    pub over: Vec<LoopOver>,
    pub body: Vec<Node>,
}

/// `j in reversed key blocks seen by i`.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoopOver {
    pub axis: Axis,
    pub over: Over,
    pub reversed: bool,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub span: Span,
    pub label: Option<Word>,
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub span: Span,
    pub action: Action,
    /// All of them must hold.
    pub conditions: Vec<Condition>,
}

/// `when full`, `unless full`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub test: Test,
    /// `false` for `unless`.
    pub holds: bool,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    Load {
        block: Block,
        once: bool,
    },
    Store {
        block: Block,
    },
    Fill {
        block: Block,
        value: Initial,
        span: Span,
    },
    Add {
        block: Block,
        value: Expr,
    },
    /// `O = 0 per row of d_v`.
    Start {
        name: Word,
        value: Initial,
        size: Size,
    },
    /// `S = -inf where hidden`.
    Hide {
        name: Word,
        value: f64,
        by: Diagonal,
    },
    /// `V = old in the second half`.
    Tear {
        name: Word,
    },
    Assign {
        name: Word,
        value: Expr,
    },
}

/// `Q[i]`.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub name: Word,
    pub axes: Vec<Axis>,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub span: Span,
    pub kind: ExprKind,
}

#[derive(Clone, Debug)]
pub(super) enum ExprKind {
    Number(f64),
    Name(String),
    Call(Function, Vec<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Transposed(Box<Expr>),
}
