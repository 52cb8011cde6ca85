//! The words of the language: axes, ranges of loops, conditions, functions, operators.

use crate::attention::Band;

/// What numbers the blocks of a tensor and the turns of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Axis {
    /// Query blocks.
    I,
    /// Key blocks.
    J,
    /// Splits of the keys.
    S,
    /// Query heads that share one key/value head.
    H,
}

impl Axis {
    pub const ALL: [Self; 4] = [Self::I, Self::J, Self::S, Self::H];

    pub fn name(self) -> &'static str {
        match self {
            Self::I => "i",
            Self::J => "j",
            Self::S => "s",
            Self::H => "h",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|axis| axis.name() == word)
    }
}

/// A set of axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Axes(u8);

impl Axes {
    pub const NONE: Self = Self(0);

    pub fn of(axes: &[Axis]) -> Self {
        axes.iter().fold(Self::NONE, |set, &axis| set.with(axis))
    }

    pub fn with(self, axis: Axis) -> Self {
        Self(self.0 | 1 << axis as u8)
    }

    pub fn has(self, axis: Axis) -> bool {
        self.0 & 1 << axis as u8 != 0
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn iter(self) -> impl Iterator<Item = Axis> {
        Axis::ALL.into_iter().filter(move |&axis| self.has(axis))
    }
}

/// What a loop runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    QueryBlocks,
    /// Of key block j.
    QueryBlocksThatSee,
    KeyBlocks,
    /// Of query block i.
    KeyBlocksSeen,
    KeyBlocksSomeQuerySees,
    /// Of split s.
    KeyBlocksOfSplit,
    /// Of split s and query block i.
    KeyBlocksOfSplitSeen,
    Splits,
    Heads,
}

impl Over {
    pub const ALL: [Self; 9] = [
        Self::QueryBlocks,
        Self::QueryBlocksThatSee,
        Self::KeyBlocks,
        Self::KeyBlocksSeen,
        Self::KeyBlocksSomeQuerySees,
        Self::KeyBlocksOfSplit,
        Self::KeyBlocksOfSplitSeen,
        Self::Splits,
        Self::Heads,
    ];

    /// As a text says it.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::QueryBlocks => "query blocks",
            Self::QueryBlocksThatSee => "query blocks that see j",
            Self::KeyBlocks => "key blocks",
            Self::KeyBlocksSeen => "key blocks seen by i",
            Self::KeyBlocksSomeQuerySees => "key blocks that some query sees",
            Self::KeyBlocksOfSplit => "key blocks of split s",
            Self::KeyBlocksOfSplitSeen => "key blocks of split s seen by i",
            Self::Splits => "splits",
            Self::Heads => "heads of the group",
        }
    }

    /// The letter of what it runs over.
    pub fn axis(self) -> Axis {
        match self {
            Self::QueryBlocks | Self::QueryBlocksThatSee => Axis::I,
            Self::Splits => Axis::S,
            Self::Heads => Axis::H,
            _ => Axis::J,
        }
    }

    /// The loops that it must stand in.
    pub fn needs(self) -> &'static [Axis] {
        match self {
            Self::QueryBlocksThatSee => &[Axis::J],
            Self::KeyBlocksSeen => &[Axis::I],
            Self::KeyBlocksOfSplit => &[Axis::S],
            Self::KeyBlocksOfSplitSeen => &[Axis::S, Axis::I],
            _ => &[],
        }
    }
}

/// Whose diagonal a statement goes by that gives hidden pairs a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Diagonal {
    /// That of the run.
    #[default]
    Own,
    /// So many keys further.
    Moved(i64),
    /// Top-left where the run has bottom-right, and the reverse.
    OtherCorner,
}

impl Diagonal {
    /// The mask of a run by this diagonal.
    pub fn of(self, band: &Band) -> Band {
        if self == Self::Own {
            return band.clone();
        }
        band.with_offset(|band| match self {
            Self::Own => band.offset,
            Self::Moved(keys) => band.offset + keys,
            Self::OtherCorner => band.n_k as i64 - band.n_q as i64 - band.offset,
        })
    }
}

/// What a statement can hang on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Every pair of the tile is visible.
    Full,
    /// Some pair of the place is visible: of the tile, the query block (in the split at hand), or the key block.
    Seen,
    Bias,
    Softcap,
    Alibi,
    /// The softmax of a row has a learned sink.
    Sinks,
    Dropout,
    /// The mask of dropout is a tensor in HBM.
    KeepGiven,
    /// No query sees a later key.
    Causal,
}

impl Test {
    pub const ALL: [Self; 9] = [
        Self::Full,
        Self::Seen,
        Self::Bias,
        Self::Softcap,
        Self::Alibi,
        Self::Sinks,
        Self::Dropout,
        Self::KeepGiven,
        Self::Causal,
    ];

    pub fn phrase(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Seen => "seen",
            Self::Bias => "bias",
            Self::Softcap => "softcap",
            Self::Alibi => "alibi",
            Self::Sinks => "sinks",
            Self::Dropout => "dropout",
            Self::KeepGiven => "keep is given",
            Self::Causal => "causal",
        }
    }

    /// Depends on where a step stands, and not on the run alone.
    pub fn is_of_place(self) -> bool {
        matches!(self, Self::Full | Self::Seen)
    }
}

/// Functions of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Max,
    Exp,
    Exp2,
    Ln,
    Tanh,
    Square,
    RowMax,
    RowSum,
    /// 0 in place of -inf: the guard of a row that has seen no key.
    Finite,
    /// `a / b`, and 0 where b is 0.
    Ratio,
    /// `pick(c, a, b)`: a where c holds, else b.
    Pick,
}

impl Function {
    pub const ALL: [Self; 11] = [
        Self::Max,
        Self::Exp,
        Self::Exp2,
        Self::Ln,
        Self::Tanh,
        Self::Square,
        Self::RowMax,
        Self::RowSum,
        Self::Finite,
        Self::Ratio,
        Self::Pick,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Exp => "exp",
            Self::Exp2 => "exp2",
            Self::Ln => "ln",
            Self::Tanh => "tanh",
            Self::Square => "square",
            Self::RowMax => "rowmax",
            Self::RowSum => "rowsum",
            Self::Finite => "finite",
            Self::Ratio => "ratio",
            Self::Pick => "pick",
        }
    }

    pub fn arguments(self) -> usize {
        match self {
            Self::Max | Self::Ratio => 2,
            Self::Pick => 3,
            _ => 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Product,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Product => "@",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }

    pub fn compares(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual | Self::Less | Self::LessOrEqual)
    }
}

/// The width of a tensor along its last axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Inner {
    One,
    D,
    Dv,
}

/// What an element of a tensor in HBM is kept as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// In the format of the run.
    Element,
    /// As an accumulator: f32, or f64 in a run of f64.
    Accumulator,
    /// One byte: a mask.
    Byte,
}

/// A value that is given and not worked out: in HBM by `fill`, on chip by `per row`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initial {
    Number(f64),
    /// The logit of the head's sink.
    Sink,
}

/// The size of a starting value: `per row of d_v`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Per row, else per key.
    pub rows: bool,
    pub of: Inner,
}

/// Words that no name may be.
pub const RESERVED: [&str; 37] = [
    "i",
    "j",
    "s",
    "h",
    "scale",
    "cap",
    "slope",
    "sink",
    "distance",
    "hidden",
    "full",
    "seen",
    "inf",
    "load",
    "store",
    "fill",
    "add",
    "for",
    "parallel",
    "in",
    "once",
    "when",
    "unless",
    "where",
    "per",
    "of",
    "kernel",
    "shared",
    "registers",
    "over",
    "row",
    "key",
    "d",
    "d_v",
    "and",
    "T",
    "reversed",
];
