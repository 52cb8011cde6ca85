//! What an algorithm is: a function that writes a schedule, its closed-form traffic, its pseudo-code.

use crate::attention::Stored;

use super::cost::Sums;
use super::plan::{DropoutCost, Plan};
use super::program::{Buffer, Program};
use super::step::{OnChip, Op, Tensor};
use super::traffic::{ClosedForm, Traffic};
use super::{flash1, flash2, standard};

/// A tiled algorithm. A new one, of the steps there are, is a new file with an implementation of this, and a line in
/// [`ALL`].
pub trait Algorithm: Sync {
    /// The name on the command line and in traces.
    fn name(&self) -> &'static str;

    /// One line for a person.
    fn title(&self) -> &'static str;

    /// The kernels in the order in which they run.
    fn kernels(&self, plan: &Plan) -> Vec<Kernel>;

    /// Writes the steps of one section of one program.
    fn write(&self, plan: &Plan, section: Section, out: &mut Program<'_>);

    /// How block sizes follow from a chip.
    fn block_rule(&self) -> BlockRule;

    /// The buffers of its largest program.
    fn footprint(&self, plan: &Plan) -> Vec<Buffer>;

    /// Whether its buffers are held against the budget of a thread block. The ideal products of `standard` are not.
    fn is_budgeted(&self) -> bool {
        true
    }

    /// Totals in O(t_r + t_c), visiting no tile.
    fn closed_form(&self, plan: &Plan) -> Traffic;

    /// Steps in all, in O(t_r + t_c), visiting no tile.
    fn step_count(&self, plan: &Plan) -> u64;

    /// Bytes of live buffers at their most during any step, visiting none.
    fn peak(&self, plan: &Plan) -> OnChip {
        OnChip::of(&self.footprint(plan))
    }

    /// The lines of the algorithm as a paper would print them.
    fn pseudo_code(&self) -> &'static [&'static str];

    /// The lines (from 1) of the pseudo-code that `op` carries out.
    fn lines(&self, op: Op) -> &'static [u16];
}

/// Every algorithm, in the order in which lists show them.
pub static ALL: [&dyn Algorithm; 3] = [&standard::Standard, &flash1::Flash1, &flash2::Flash2];

/// The algorithm of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Algorithm> {
    ALL.into_iter().find(|algorithm| algorithm.name() == name)
}

/// What `algorithm` stores under `plan` before its results are done, read off its traffic: S, or an O that is read back.
pub fn stored(algorithm: &dyn Algorithm, plan: &Plan) -> Stored {
    let form = algorithm.closed_form(plan);
    let output_every = (form.read.get(Tensor::O) > 0).then_some(plan.bc);
    Stored { scores: form.write.get(Tensor::S) > 0, output_every }
}

/// A grid of programs (thread blocks).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    pub name: &'static str,
    pub programs: usize,
    /// Parts that each program is written in: iterations of its outer loop, so that none is too long to look at.
    pub sections: usize,
    /// What its buffer of scores and weights spans.
    pub span: Span,
}

/// What the buffer of scores and weights of a kernel spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// One tile, `br x bc`.
    Tile,
    /// Whole rows, `br x n_k`; tile operations work on their part of it.
    WholeRows,
}

/// Which part of a schedule is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    pub kernel: usize,
    pub program: usize,
    pub section: usize,
    /// The last of its program.
    pub is_last: bool,
}

/// How block sizes follow from a chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockRule {
    /// FlashAttention, Algorithm 1 line 1: `bc = ceil(M / 4d)`, `br = min(bc, d)`, M in elements.
    Paper,
    /// The largest of the usual square-ish tiles that fits the budgets.
    Largest,
}

impl Buffer {
    /// What every fused kernel holds: tiles of Q, K and V, the accumulator, the tile of scores, the row statistics, and
    /// the tiles of a bias and of a stored keep mask.
    pub(super) fn of_fused(plan: &Plan) -> Vec<Buffer> {
        let (br, bc) = (plan.br, plan.bc);
        let mut buffers = vec![
            Buffer::shared("Q_i", plan, br, plan.d),
            Buffer::shared("K_j", plan, bc, plan.d),
            Buffer::shared("V_j", plan, bc, plan.d_v),
            Buffer::registers("O_i", plan, br, plan.d_v),
            Buffer::registers("S, P", plan, br, bc),
            Buffer::registers("m_i", plan, br, 1),
            Buffer::registers("l_i", plan, br, 1),
        ];
        if plan.bias {
            buffers.push(Buffer::shared("bias", plan, br, bc));
        }
        if plan.dropout == DropoutCost::Materialised {
            buffers.push(Buffer { element_bytes: 1, ..Buffer::shared("keep", plan, br, bc) });
        }
        buffers
    }
}

impl ClosedForm<'_> {
    /// Bias and dropout over the tiles that are computed.
    pub(super) fn modifiers(&mut self, sums: Sums) {
        if self.plan().bias {
            self.read(Tensor::Bias, sums.rc);
            self.on_chip(&[Op::Load(Tensor::Bias)], sums);
        }
        match self.plan().dropout {
            DropoutCost::None => {}
            DropoutCost::Regenerated => self.on_chip(&[Op::Dropout], sums),
            DropoutCost::Materialised => {
                self.read(Tensor::Keep, sums.rc);
                self.on_chip(&[Op::Load(Tensor::Keep), Op::Dropout], sums);
            }
        }
    }
}
