//! What is said of a step in every algorithm: the unit that it keeps busy, the beat that it belongs to, its place.

use serde::{Deserialize, Serialize};

use super::language::Axis;

/// The unit of a processor that a step keeps busy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    Load,
    Store,
    Matmul,
    Exp,
    /// Additions, comparisons, scalings of single elements.
    Vector,
}

/// What a viewer sees as one beat of the algorithm; several operations make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Beat {
    Load,
    Score,
    Softmax,
    Rescale,
    Accumulate,
    Store,
}

impl Beat {
    pub const ALL: [Beat; 6] = [Beat::Load, Beat::Score, Beat::Softmax, Beat::Rescale, Beat::Accumulate, Beat::Store];

    pub fn name(self) -> &'static str {
        match self {
            Beat::Load => "load",
            Beat::Score => "score",
            Beat::Softmax => "softmax",
            Beat::Rescale => "rescale",
            Beat::Accumulate => "accumulate",
            Beat::Store => "store",
        }
    }
}

/// Where a step works: a query block, a key block, or a tile of both; a split of the keys, a head of the group. An axis
/// that it does not stand on counts whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place([u32; Axis::ALL.len()]);

const WHOLE: u32 = u32::MAX;

impl Default for Place {
    fn default() -> Self {
        Self([WHOLE; Axis::ALL.len()])
    }
}

impl Place {
    pub fn new(i: Option<usize>, j: Option<usize>) -> Self {
        [(Axis::I, i), (Axis::J, j)]
            .into_iter()
            .fold(Self::default(), |place, (axis, index)| index.map_or(place, |index| place.with(axis, index)))
    }

    pub fn at(self, axis: Axis) -> Option<usize> {
        let index = self.0[axis as usize];
        (index != WHOLE).then_some(index as usize)
    }

    pub fn with(mut self, axis: Axis, index: usize) -> Self {
        self.0[axis as usize] = u32::try_from(index).expect("a block index fits in 32 bits");
        self
    }

    /// Query block.
    pub fn i(self) -> Option<usize> {
        self.at(Axis::I)
    }

    /// Key block.
    pub fn j(self) -> Option<usize> {
        self.at(Axis::J)
    }

    /// Split of the keys.
    pub fn s(self) -> Option<usize> {
        self.at(Axis::S)
    }

    /// Query head of the group.
    pub fn h(self) -> Option<usize> {
        self.at(Axis::H)
    }

    /// Both, where the step belongs to a tile.
    pub fn tile(self) -> Option<(usize, usize)> {
        Some((self.i()?, self.j()?))
    }
}

/// Bytes on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OnChip {
    pub shared: u64,
    pub registers: u64,
}

impl OnChip {
    pub fn total(self) -> u64 {
        self.shared + self.registers
    }

    pub fn max(self, other: Self) -> Self {
        Self { shared: self.shared.max(other.shared), registers: self.registers.max(other.registers) }
    }
}
