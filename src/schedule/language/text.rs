//! A checked text: an algorithm with its names numbered, its shapes known, its loops in place.

use crate::schedule::Space;
use crate::schedule::algorithm::BlockRule;

use super::diagnostic::{Diagnostic, Span};
use super::lanes::Lanes;
use super::shape::Shape;
use super::variant::Variant;
use super::words::{Axes, Axis, Diagonal, Function, Initial, Inner, Kind, Operator, Over, Test};

/// A name on chip, by its number in [`Algorithm::names`].
pub type NameId = usize;
/// A tensor in HBM, by its number in [`Algorithm::tensors`].
pub type TensorId = usize;

/// The most names of one text: a set of them is the bits of a [`Names`].
pub const MOST_NAMES: usize = 64;

/// The most tensors of one text, modifiers included.
pub const MOST_TENSORS: usize = 16;

/// A set of names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names(u64);

impl Names {
    pub const ALL: Self = Self(u64::MAX);

    pub fn of(name: NameId) -> Self {
        Self(1 << name)
    }

    pub fn has(self, name: NameId) -> bool {
        self.0 >> name & 1 == 1
    }

    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = NameId> {
        (0..MOST_NAMES).filter(move |&name| self.has(name))
    }
}

/// A text that can be carried out.
#[derive(Clone, Debug)]
pub struct Algorithm {
    /// The text itself: what the Code pane shows. Of a variant, its base's with the lines that differ.
    pub text: String,
    /// Where it differs from another text, if it says so.
    pub variant: Option<Variant>,
    pub title: String,
    pub names: Vec<String>,
    pub tensors: Vec<Tensor>,
    pub kernels: Vec<Kernel>,
    /// The lines that are steps, in the order of the text.
    pub lines: Vec<Line>,
    pub blocks: BlockRule,
    /// Products read each operand once; its buffers are not held against the budget of a chip.
    pub is_ideal: bool,
    /// Row statistics that are shown though no line stores them.
    pub report: Vec<NameId>,
    /// Kept divided at every visit.
    pub average: Option<NameId>,
    /// The forward pass that this backward pass comes after.
    pub after: Option<String>,
    /// What of a program goes on at once.
    pub lanes: Lanes,
    /// What is odd and not wrong. Of a variant, where its own lines say it.
    pub notes: Vec<Diagnostic>,
}

impl Algorithm {
    pub fn name(&self, name: &str) -> Option<NameId> {
        self.names.iter().position(|known| known == name)
    }

    pub fn tensor(&self, name: &str) -> Option<TensorId> {
        self.tensors.iter().position(|tensor| tensor.name == name)
    }
}

/// Whether a tensor is given, made, or made and used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    In,
    Out,
    /// Between kernels.
    Between,
    /// Given with some runs: a bias, a keep mask. Read under a condition.
    Modifier(Test),
}

/// A tensor in HBM.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    /// The name on chip that a load of it fills.
    pub id: NameId,
    /// What numbers its blocks, as the text writes them.
    pub axes: Vec<Axis>,
    pub of: Inner,
    pub kind: Kind,
    pub role: Role,
    /// One for all query heads of the group; else each head has its own.
    pub is_of_group: bool,
}

impl Tensor {
    pub fn axes(&self) -> Axes {
        Axes::of(&self.axes)
    }

    /// Rows of keys, and none of queries.
    pub fn is_of_keys(&self) -> bool {
        self.axes().has(Axis::J) && !self.axes().has(Axis::I)
    }

    /// K or V as a run gives them: what a KV cache keeps, in pages or not.
    pub fn is_of_cache(&self) -> bool {
        self.role == Role::In && matches!(self.name.as_str(), "K" | "V")
    }

    /// The shape of one block.
    pub fn shape(&self) -> Shape {
        Shape::of_block(self.axes(), self.of)
    }
}

/// A grid of programs.
#[derive(Clone, Debug)]
pub struct Kernel {
    pub name: String,
    pub span: Span,
    pub buffers: Vec<Buffer>,
    pub body: Vec<Node>,
    /// Runs once for the group, in loops over `h`; else once for each of its heads.
    pub is_of_group: bool,
}

/// Names that share one piece of memory on chip, alive from the first line of a program that is no `fill` to its end.
#[derive(Clone, Debug)]
pub struct Buffer {
    pub space: Space,
    pub names: Vec<NameId>,
    pub shape: Shape,
    pub kind: Kind,
    /// How often it is there: once for each turn whose values one lane may hand to another ahead of time, or once.
    pub copies: usize,
}

#[derive(Clone, Debug)]
pub enum Node {
    Loop(Loop),
    /// By its number in [`Algorithm::lines`].
    Line(usize),
}

#[derive(Clone, Debug)]
pub struct Loop {
    /// Its turns are programs of the grid.
    pub parallel: bool,
    pub over: Vec<LoopOver>,
    pub body: Vec<Node>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopOver {
    pub axis: Axis,
    pub over: Over,
    pub reversed: bool,
}

/// A step of each turn of the loops that it stands in.
#[derive(Clone, Debug)]
pub struct Line {
    /// The name of the step in traces, lessons and the markers of kernels.
    pub label: String,
    pub span: Span,
    pub kernel: usize,
    /// The loops that it stands in, from the outermost.
    pub loops: Vec<LoopOver>,
    pub statements: Vec<Statement>,
}

impl Line {
    /// The axes of its place.
    pub fn axes(&self) -> Axes {
        self.loops.iter().fold(Axes::NONE, |axes, over| axes.with(over.axis))
    }

    /// Writes a starting value to HBM, with nothing on chip.
    pub fn is_fill(&self) -> bool {
        matches!(self.statements.first().map(|statement| &statement.action), Some(Action::Fill { .. }))
    }

    /// The tensor that the line moves, if it moves one.
    pub fn tensor(&self) -> Option<TensorId> {
        self.statements.iter().find_map(|statement| statement.action.tensor())
    }
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub span: Span,
    /// Each with whether it must hold or must not.
    pub conditions: Vec<(Test, bool)>,
    pub action: Action,
    /// Names on chip that it reads.
    pub reads: Names,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// HBM to chip; with `once`, a block that the kernel has read before costs nothing.
    Load {
        tensor: TensorId,
        once: bool,
    },
    /// Chip to HBM.
    Store {
        tensor: TensorId,
    },
    /// A starting value in HBM.
    Fill {
        tensor: TensorId,
        value: Initial,
    },
    /// An atomic addition to a block in HBM.
    Add {
        tensor: TensorId,
        value: Expr,
    },
    /// A starting value on chip.
    Start {
        name: NameId,
        value: Initial,
        shape: Shape,
    },
    /// A value for the pairs that the mask hides.
    Hide {
        name: NameId,
        value: f64,
        by: Diagonal,
        shape: Shape,
    },
    /// The second half of a block's rows as its place on chip held them before it was loaded: what threads read that no
    /// barrier keeps from going on. Where the place held nothing, or no such row, the block's own stay.
    Tear {
        name: NameId,
        shape: Shape,
    },
    /// A second name for a value.
    Rename {
        name: NameId,
        from: NameId,
        shape: Shape,
    },
    Assign {
        name: NameId,
        value: Expr,
    },
}

impl Action {
    pub fn tensor(&self) -> Option<TensorId> {
        match *self {
            Self::Load { tensor, .. }
            | Self::Store { tensor }
            | Self::Fill { tensor, .. }
            | Self::Add { tensor, .. } => Some(tensor),
            _ => None,
        }
    }

    /// The name on chip that it gives a value, with its shape; not the one that a load fills.
    pub fn gives(&self) -> Option<(NameId, Shape)> {
        match self {
            Self::Start { name, shape, .. }
            | Self::Hide { name, shape, .. }
            | Self::Tear { name, shape }
            | Self::Rename { name, shape, .. } => Some((*name, *shape)),
            Self::Assign { name, value } => Some((*name, value.shape)),
            _ => None,
        }
    }

    /// The same without the shape.
    pub fn assigns(&self) -> Option<NameId> {
        self.gives().map(|(name, _)| name)
    }
}

/// A value with its shape.
#[derive(Clone, Debug)]
pub struct Expr {
    pub shape: Shape,
    pub kind: ExprKind,
}

/// Numbers that the run gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parameter {
    Scale,
    /// Of the softcap.
    Cap,
    /// Of ALiBi.
    Slope,
    /// The logit of the head's sink.
    Sink,
}

#[derive(Clone, Debug)]
pub enum ExprKind {
    Number(f64),
    Parameter(Parameter),
    Name(NameId),
    /// `|i + (n_k - n_q) - j|` of each pair.
    Distance,
    /// The factor of dropout of each pair: 0, or `1 / (1 - rate)`.
    Keep,
    Call(Function, Vec<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    Negative(Box<Expr>),
    Transposed(Box<Expr>),
}

impl Expr {
    /// The expressions that this one is made of.
    pub fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Call(_, arguments) => arguments.iter().collect(),
            ExprKind::Binary(_, a, b) => vec![a, b],
            ExprKind::Negative(a) | ExprKind::Transposed(a) => vec![a],
            _ => Vec::new(),
        }
    }

    /// A matrix product, scaled or not: what an addition to it belongs to.
    pub fn is_product(&self) -> bool {
        match &self.kind {
            ExprKind::Binary(Operator::Product, ..) => true,
            ExprKind::Binary(Operator::Multiply, a, b) => a.is_product() || b.is_product(),
            _ => false,
        }
    }
}
