//! Sizes of values in terms of the blocks at hand.

use crate::schedule::Place;

use super::words::{Axes, Axis, Inner, Size};
use crate::sentence::Sentence;

/// The size of one axis of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    One,
    /// Queries of block i.
    Rows,
    /// Keys of block j.
    Keys,
    /// All n_k keys: a row outside the loop over key blocks.
    AllKeys,
    D,
    Dv,
}

impl Extent {
    fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Rows => "rows",
            Self::Keys => "keys",
            Self::AllKeys => "all keys",
            Self::D => "d",
            Self::Dv => "d_v",
        }
    }

    fn is_keys(self) -> bool {
        matches!(self, Self::Keys | Self::AllKeys)
    }
}

impl From<Inner> for Extent {
    fn from(inner: Inner) -> Self {
        match inner {
            Inner::One => Self::One,
            Inner::D => Self::D,
            Inner::Dv => Self::Dv,
        }
    }
}

/// Rows and columns of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub rows: Extent,
    pub cols: Extent,
}

impl Shape {
    pub const NUMBER: Self = Self { rows: Extent::One, cols: Extent::One };
    pub const TILE: Self = Self { rows: Extent::Rows, cols: Extent::Keys };
    /// Outside the loop over key blocks, a tile's name is its whole row.
    pub const WHOLE_ROWS: Self = Self { rows: Extent::Rows, cols: Extent::AllKeys };

    pub fn is_number(self) -> bool {
        self == Self::NUMBER
    }

    /// More than a value per row, per key or per column: what a buffer is declared for.
    pub fn is_matrix(self) -> bool {
        self.rows != Extent::One && self.cols != Extent::One
    }

    /// Pairs of queries and keys.
    pub fn is_tile(self) -> bool {
        self.rows == Extent::Rows && self.cols.is_keys()
    }

    pub fn transposed(self) -> Self {
        Self { rows: self.cols, cols: self.rows }
    }

    /// The shape of two values together, element by element: a size of 1 stretches.
    pub fn with(self, other: Self) -> Option<Self> {
        let extent = |a, b| match (a, b) {
            _ if a == b => Some(a),
            (Extent::One, b) => Some(b),
            (a, Extent::One) => Some(a),
            _ => None,
        };
        Some(Self { rows: extent(self.rows, other.rows)?, cols: extent(self.cols, other.cols)? })
    }

    /// The shape of a block of a tensor with these axes, `of` wide.
    pub fn of_block(axes: Axes, of: Inner) -> Self {
        match (axes.has(Axis::I), axes.has(Axis::J)) {
            (true, true) => Self::TILE,
            (true, false) => Self { rows: Extent::Rows, cols: of.into() },
            (false, true) => Self { rows: Extent::Keys, cols: of.into() },
            (false, false) => Self { rows: Extent::One, cols: of.into() },
        }
    }

    /// The shape of its part at `place`: of whole rows, the tile of a key block.
    pub fn at(self, place: Place) -> Self {
        if self.cols == Extent::AllKeys && place.j().is_some() { Self { cols: Extent::Keys, ..self } } else { self }
    }

    /// Its blocks are known at `place`: the axes that it has stand there.
    pub fn is_known_at(self, place: Place) -> bool {
        let needs = |extent, index: Option<usize>| [self.rows, self.cols].contains(&extent) && index.is_none();
        !needs(Extent::Rows, place.i()) && !needs(Extent::Keys, place.j())
    }

    /// The width of a block of this shape, where it has one.
    pub fn inner(self) -> Option<Inner> {
        match self.cols {
            Extent::One => Some(Inner::One),
            Extent::D => Some(Inner::D),
            Extent::Dv => Some(Inner::Dv),
            Extent::Rows | Extent::Keys | Extent::AllKeys => None,
        }
    }

    /// How a text and a person say it.
    pub fn sentence(self) -> Sentence {
        match (self.rows, self.cols) {
            (Extent::One, Extent::One) => "one number".into(),
            (Extent::Rows, Extent::One) => "a value per row".into(),
            (Extent::Keys, Extent::One) => "a value per key".into(),
            (rows, cols) => Sentence::verbatim(format!("{} x {}", rows.name(), cols.name())),
        }
    }
}

impl From<Size> for Shape {
    fn from(size: Size) -> Self {
        Self { rows: if size.rows { Extent::Rows } else { Extent::Keys }, cols: size.of.into() }
    }
}
