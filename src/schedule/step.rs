//! The vocabulary of steps: what a tiled algorithm can do, as small plain data.

use serde::{Deserialize, Serialize};

use super::language::Axis;

/// A tensor in HBM, or the tile of it on chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Tensor {
    Q,
    K,
    V,
    O,
    S,
    P,
    /// Running row maximum.
    #[serde(rename = "m")]
    M,
    /// Running row sum.
    #[serde(rename = "l")]
    Sum,
    /// Logsumexp of a row, natural log.
    #[serde(rename = "L")]
    Lse,
    #[serde(rename = "bias")]
    Bias,
    /// A dropout mask that is stored.
    #[serde(rename = "keep")]
    Keep,
}

impl Tensor {
    pub const ALL: [Tensor; 11] = [
        Tensor::Q,
        Tensor::K,
        Tensor::V,
        Tensor::O,
        Tensor::S,
        Tensor::P,
        Tensor::M,
        Tensor::Sum,
        Tensor::Lse,
        Tensor::Bias,
        Tensor::Keep,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Tensor::Q => "Q",
            Tensor::K => "K",
            Tensor::V => "V",
            Tensor::O => "O",
            Tensor::S => "S",
            Tensor::P => "P",
            Tensor::M => "m",
            Tensor::Sum => "l",
            Tensor::Lse => "L",
            Tensor::Bias => "bias",
            Tensor::Keep => "keep",
        }
    }

    /// The size of one block of it.
    pub fn extent(self) -> Extent {
        match self {
            Tensor::Q => Extent::RowsByD,
            Tensor::K => Extent::ColsByD,
            Tensor::V => Extent::ColsByDv,
            Tensor::O => Extent::RowsByDv,
            Tensor::S | Tensor::P | Tensor::Bias | Tensor::Keep => Extent::RowsByCols,
            Tensor::M | Tensor::Sum | Tensor::Lse => Extent::Rows,
        }
    }

    /// Given with the problem, and never written by a forward pass.
    pub fn is_input(self) -> bool {
        matches!(self, Tensor::Q | Tensor::K | Tensor::V | Tensor::Bias | Tensor::Keep)
    }
}

/// The size of an operand in terms of the rows and columns of the tile at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    RowsByCols,
    RowsByD,
    RowsByDv,
    ColsByD,
    ColsByDv,
    Rows,
}

/// Which maximum an operation is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Max {
    /// The running maximum m of the row, over all keys so far (flash2).
    Running,
    /// The maximum of this tile alone (flash1, Algorithm 1 line 10).
    Tile,
}

/// One tile operation. What it costs follows from the line of the text that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// HBM to chip.
    Load(Tensor),
    /// Chip to HBM.
    Store(Tensor),
    /// Writes the starting values 0 or -inf to HBM, with nothing on chip.
    Initialise(Tensor),
    /// On chip: O = 0, l = 0, m = -inf.
    StartRows,
    /// S = scale Q K^T, then softcap, ALiBi and bias.
    Scores,
    /// S = -inf where the mask hides a key.
    Mask,
    /// Running: m = max(m, rowmax S) and alpha = exp(m_old - m). Tile: the maximum of the tile.
    RowMax(Max),
    /// P = exp(S - max).
    Exponentiate(Max),
    /// The sum of each row of P.
    RowSum,
    /// P = P * keep / (1 - rate).
    Dropout,
    /// l = alpha l and O = alpha O: one factor for both.
    Rescale,
    /// O = O + P V and l = l + rowsum P.
    Accumulate,
    /// standard: O = 0.
    StartOutput,
    /// standard: O = O + P V.
    Product,
    /// O = O / l and L = m + ln l.
    Normalise,
    /// flash1: m_new, l_new and the two factors alpha = exp(m - m_new), beta = exp(m_tile - m_new).
    MergeStats,
    /// flash1: O = (l alpha O + beta P V) / l_new, then l = l_new and m = m_new.
    MergeOutput,
    /// standard: P = P / l over whole rows.
    DivideRows,
}

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

impl Op {
    /// The name in traces and beside the code.
    pub fn name(self) -> &'static str {
        match self {
            Op::Load(_) => "load",
            Op::Store(_) => "store",
            Op::Initialise(_) => "initialise",
            Op::StartRows => "start-rows",
            Op::Scores => "scores",
            Op::Mask => "mask",
            Op::RowMax(Max::Running) => "row-max",
            Op::RowMax(Max::Tile) => "tile-max",
            Op::Exponentiate(_) => "exponentiate",
            Op::RowSum => "row-sum",
            Op::Dropout => "dropout",
            Op::Rescale => "rescale",
            Op::Accumulate => "accumulate",
            Op::StartOutput => "start-output",
            Op::Product => "product",
            Op::Normalise => "normalise",
            Op::MergeStats => "merge-stats",
            Op::MergeOutput => "merge-output",
            Op::DivideRows => "divide-rows",
        }
    }

    /// The tensor that moves between HBM and chip, if one does.
    pub fn tensor(self) -> Option<Tensor> {
        match self {
            Op::Load(tensor) | Op::Store(tensor) | Op::Initialise(tensor) => Some(tensor),
            _ => None,
        }
    }

    pub fn lane(self) -> Lane {
        match self {
            Op::Load(_) => Lane::Load,
            Op::Store(_) | Op::Initialise(_) => Lane::Store,
            Op::Scores | Op::Accumulate | Op::Product | Op::MergeOutput => Lane::Matmul,
            Op::Exponentiate(_) | Op::MergeStats => Lane::Exp,
            Op::StartRows
            | Op::StartOutput
            | Op::Mask
            | Op::RowMax(_)
            | Op::RowSum
            | Op::Dropout
            | Op::Rescale
            | Op::Normalise
            | Op::DivideRows => Lane::Vector,
        }
    }

    pub fn beat(self) -> Beat {
        match self {
            Op::Load(_) | Op::StartRows | Op::StartOutput => Beat::Load,
            Op::Scores | Op::Mask => Beat::Score,
            Op::RowMax(_) | Op::Exponentiate(_) | Op::RowSum | Op::Dropout => Beat::Softmax,
            Op::Rescale | Op::MergeStats => Beat::Rescale,
            Op::Accumulate | Op::Product | Op::MergeOutput => Beat::Accumulate,
            Op::Normalise | Op::DivideRows | Op::Store(_) | Op::Initialise(_) => Beat::Store,
        }
    }

    /// Works on the statistics of rows, so that m, l or alpha are worth showing after it.
    pub fn is_row_operation(self) -> bool {
        matches!(
            self,
            Op::StartRows
                | Op::RowMax(_)
                | Op::RowSum
                | Op::Rescale
                | Op::Accumulate
                | Op::Normalise
                | Op::MergeStats
                | Op::MergeOutput
                | Op::DivideRows
        )
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

/// One operation of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub op: Op,
    /// The line of the text, by its number in [`super::language::Algorithm::lines`].
    pub line: u16,
    /// The statements of the line that are carried out, as bits.
    pub held: u32,
    pub place: Place,
    /// A load of what this kernel has read before, under the ideal that each kernel reads an operand once.
    pub free: bool,
    /// Bytes of buffers alive after the step.
    pub live: OnChip,
}

impl Step {
    /// An operation by itself, of no text.
    pub fn alone(op: Op, place: Place) -> Self {
        Self { op, line: 0, held: 0, place, free: false, live: OnChip::default() }
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
