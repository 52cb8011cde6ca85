//! What each operation reads and writes, so that a look at one value can recompute only what made it.

use crate::schedule::{Max, Op, Place, Span, Step, Tensor};

use super::chip::{Slot, Slots};

/// A block of a tensor in HBM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    pub tensor: Tensor,
    pub place: Place,
}

/// Places on chip and in HBM that one step touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    pub reads: Slots,
    pub writes: Slots,
    /// Those of `writes` of which nothing older is left.
    pub replaces: Slots,
    /// A block in HBM that is not an input.
    pub hbm_read: Option<Block>,
    /// Stores write whole blocks.
    pub hbm_write: Option<Block>,
}

impl Effects {
    /// The effects of `step` in a kernel whose S and P buffer spans `span`.
    pub fn of(step: &Step, span: Span) -> Self {
        use Slot::{Alpha, Beta, K, Lse, M, NewMax, NewSum, O, P, Q, S, Sum, TileMax, TileSum, V};
        let block = |tensor: Tensor| Some(Block { tensor, place: block_place(tensor, step.place) });
        let max = |max: Max| if max == Max::Tile { TileMax } else { M };
        let (reads, updates, replaces): (&[Slot], &[Slot], &[Slot]) = match step.op {
            Op::Load(tensor) => {
                let slot = Slot::from(tensor);
                let hbm_read = if tensor.is_input() { None } else { block(tensor) };
                let all = span == Span::Tile || !matches!(tensor, Tensor::S | Tensor::P);
                let writes = Slots::of(&[slot]);
                let replaces = if all { writes } else { Slots::NONE };
                return Self { reads: Slots::NONE, writes, replaces, hbm_read, hbm_write: None };
            }
            Op::Store(tensor) => {
                let reads = Slots::of(&[Slot::from(tensor)]);
                return Self { reads, hbm_write: block(tensor), ..Self::NONE };
            }
            Op::Initialise(tensor) => return Self { hbm_write: block(tensor), ..Self::NONE },
            Op::StartRows => (&[], &[], &[O, M, Sum]),
            Op::StartOutput => (&[], &[], &[O]),
            Op::Scores => (&[Q, K, Slot::Bias], &[], &[S]),
            Op::Mask => (&[], &[S], &[]),
            Op::RowMax(Max::Running) => (&[S], &[M], &[Alpha]),
            Op::RowMax(Max::Tile) => (&[S], &[], &[TileMax]),
            Op::Exponentiate(of) => return Self::on_chip(&[S, max(of)], &[], &[P]),
            Op::RowSum => (&[P], &[], &[TileSum]),
            Op::Dropout => (&[Slot::Keep], &[P], &[]),
            Op::Rescale => (&[Alpha], &[O, Sum], &[]),
            Op::Accumulate => (&[V, TileSum], &[P, O, Sum], &[]),
            Op::Product => (&[V], &[P, O], &[]),
            Op::Normalise => (&[M, Sum], &[O], &[Lse]),
            Op::MergeStats => (&[TileMax, TileSum, M, Sum], &[], &[Alpha, Beta, NewSum, NewMax]),
            Op::MergeOutput => (&[V, Alpha, Beta, NewSum, NewMax], &[O, P, Sum], &[M]),
            Op::DivideRows => (&[TileMax, TileSum], &[P], &[]),
        };
        Self::on_chip(reads, updates, replaces)
    }

    const NONE: Self =
        Self { reads: Slots::NONE, writes: Slots::NONE, replaces: Slots::NONE, hbm_read: None, hbm_write: None };

    /// `updates` are read and written.
    fn on_chip(reads: &[Slot], updates: &[Slot], replaces: &[Slot]) -> Self {
        let (updates, replaces) = (Slots::of(updates), Slots::of(replaces));
        Self { reads: Slots::of(reads).with(updates), writes: updates.with(replaces), replaces, ..Self::NONE }
    }
}

/// Where a block of `tensor` lies in HBM, for a step at `place`: only the axes that the tensor has.
fn block_place(tensor: Tensor, place: Place) -> Place {
    match tensor {
        Tensor::Q | Tensor::O | Tensor::M | Tensor::Sum | Tensor::Lse => Place::new(place.i(), None),
        Tensor::K | Tensor::V => Place::new(None, place.j()),
        Tensor::S | Tensor::P | Tensor::Bias | Tensor::Keep => place,
    }
}
