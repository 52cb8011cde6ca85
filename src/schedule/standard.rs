//! Standard attention as three kernels: S = Q K^T, the softmax of whole rows, O = P V. S and P go through HBM.
//!
//! Dao et al., "FlashAttention" (2022), Algorithm 0. The matrix products are ideal: each kernel reads an operand once,
//! so that a block it has read before is loaded again as a step of no HBM bytes. No mask skips anything.

use super::algorithm::{Algorithm, BlockRule, Kernel, Section, Span};
use super::cost::Sums;
use super::plan::Plan;
use super::program::{Buffer, Program};
use super::step::{Max, OnChip, Op, Tensor};
use super::traffic::{ClosedForm, Traffic};

/// Standard attention forward.
pub struct Standard;

/// Its kernels, in order.
const SCORES: usize = 0;
const SOFTMAX: usize = 1;

impl Algorithm for Standard {
    fn name(&self) -> &'static str {
        "standard"
    }

    fn title(&self) -> &'static str {
        "Standard attention: the whole N x N matrices S and P go through HBM"
    }

    fn kernels(&self, plan: &Plan) -> Vec<Kernel> {
        [("scores", Span::Tile), ("softmax", Span::WholeRows), ("output", Span::Tile)]
            .map(|(name, span)| Kernel { name, programs: plan.t_r(), sections: 1, span })
            .to_vec()
    }

    fn write(&self, plan: &Plan, section: Section, out: &mut Program<'_>) {
        let i = section.program;
        match section.kernel {
            SCORES => scores(plan, i, out),
            SOFTMAX => softmax(plan, i, out),
            _ => output(plan, i, out),
        }
        out.free_all();
    }

    fn block_rule(&self) -> BlockRule {
        BlockRule::Paper
    }

    fn is_budgeted(&self) -> bool {
        false
    }

    fn footprint(&self, plan: &Plan) -> Vec<Buffer> {
        row_buffers(plan)
    }

    /// Each operand once per kernel.
    fn closed_form(&self, plan: &Plan) -> Traffic {
        use Tensor::{K, O, P, Q, S, V};
        let sums = plan.tile_sums();
        let (n_q, n_k, d, d_v) = (plan.n_q as u64, plan.n_k as u64, plan.d as u64, plan.d_v as u64);
        let pairs = n_q * n_k;
        let mut form = ClosedForm::new(plan);
        form.read(Q, n_q * d);
        form.read(K, n_k * d);
        form.write(S, pairs);
        form.read(S, pairs);
        form.write(P, pairs);
        form.read(P, pairs);
        form.read(V, n_k * d_v);
        form.write(O, n_q * d_v);
        let per_row = Sums { r: n_q, ..Sums::default() };
        let whole_rows = Sums { rc: pairs, r: n_q, c: n_k };
        form.on_chip(&[Op::Load(Q), Op::StartOutput, Op::Store(O)], per_row);
        form.on_chip(&[Op::Load(K), Op::Scores, Op::Store(S)], sums.all);
        form.on_chip(&[Op::Mask], sums.all - sums.full);
        let softmax = [Op::RowMax(Max::Tile), Op::Exponentiate(Max::Tile), Op::RowSum, Op::DivideRows];
        form.on_chip(&softmax, whole_rows);
        form.on_chip(&[Op::Load(S), Op::Store(P), Op::Load(P), Op::Load(V), Op::Product], sums.all);
        form.modifiers(sums.all);
        form.traffic
    }

    fn step_count(&self, plan: &Plan) -> u64 {
        let sums = plan.tile_sums();
        let (per_block, per_tile) = (7, 8 + plan.modifier_steps());
        let masked = sums.all_tiles - sums.full_tiles;
        per_block * plan.t_r() as u64 + per_tile * sums.all_tiles + masked
    }

    /// Of each kind of memory, what the kernel that uses most of it has.
    fn peak(&self, plan: &Plan) -> OnChip {
        let kernels = [score_buffers(plan), row_buffers(plan), output_buffers(plan)];
        kernels.iter().fold(OnChip::default(), |most, buffers| most.max(OnChip::of(buffers)))
    }

    fn pseudo_code(&self) -> &'static [&'static str] {
        &[
            "S = scale Q K^T             read Q, K; write S",
            "S = -inf where the mask hides a key",
            "P = exp(S - rowmax S)       read S",
            "P = P / rowsum P            write P",
            "O = P V                     read P, V; write O",
        ]
    }

    fn lines(&self, op: Op) -> &'static [u16] {
        match op {
            Op::Load(Tensor::Q | Tensor::K | Tensor::Bias) | Op::Scores | Op::Store(Tensor::S) => &[1],
            Op::Mask => &[2],
            Op::Load(Tensor::S) | Op::RowMax(_) | Op::Exponentiate(_) => &[3],
            Op::RowSum | Op::DivideRows | Op::Dropout | Op::Load(Tensor::Keep) | Op::Store(Tensor::P) => &[4],
            Op::Load(_) | Op::StartOutput | Op::Product | Op::Store(_) => &[5],
            _ => &[],
        }
    }
}

fn score_buffers(plan: &Plan) -> Vec<Buffer> {
    vec![
        Buffer::shared("Q_i", plan, plan.br, plan.d),
        Buffer::shared("K_j", plan, plan.bc, plan.d),
        Buffer::registers("S", plan, plan.br, plan.bc),
    ]
}

fn scores(plan: &Plan, i: usize, out: &mut Program<'_>) {
    score_buffers(plan).into_iter().for_each(|buffer| out.allocate(buffer));
    out.at_rows(i);
    out.load(Tensor::Q);
    for j in 0..plan.t_c() {
        out.at_tile(i, j);
        out.load_once(Tensor::K, i == 0);
        out.scores();
        out.mask_if_needed();
        out.store(Tensor::S);
    }
}

fn row_buffers(plan: &Plan) -> Vec<Buffer> {
    vec![
        Buffer::registers("rows of S, P", plan, plan.br, plan.n_k),
        Buffer::registers("m_i", plan, plan.br, 1),
        Buffer::registers("l_i", plan, plan.br, 1),
    ]
}

fn softmax(plan: &Plan, i: usize, out: &mut Program<'_>) {
    row_buffers(plan).into_iter().for_each(|buffer| out.allocate(buffer));
    for j in 0..plan.t_c() {
        out.at_tile(i, j);
        out.load(Tensor::S);
    }
    out.at_rows(i);
    out.row_max(Max::Tile);
    out.exponentiate(Max::Tile);
    out.step(Op::RowSum);
    out.step(Op::DivideRows);
    for j in 0..plan.t_c() {
        out.at_tile(i, j);
        out.dropout();
        out.store(Tensor::P);
    }
}

fn output_buffers(plan: &Plan) -> Vec<Buffer> {
    vec![
        Buffer::shared("P tile", plan, plan.br, plan.bc),
        Buffer::shared("V_j", plan, plan.bc, plan.d_v),
        Buffer::registers("O_i", plan, plan.br, plan.d_v),
    ]
}

fn output(plan: &Plan, i: usize, out: &mut Program<'_>) {
    output_buffers(plan).into_iter().for_each(|buffer| out.allocate(buffer));
    out.at_rows(i);
    out.step(Op::StartOutput);
    for j in 0..plan.t_c() {
        out.at_tile(i, j);
        out.load(Tensor::P);
        out.load_once(Tensor::V, i == 0);
        out.step(Op::Product);
    }
    out.at_rows(i);
    out.store(Tensor::O);
}
