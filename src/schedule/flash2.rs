//! FlashAttention-2 forward: one program per query block, O kept un-normalised on chip, one division at the end.
//!
//! Dao, "FlashAttention-2" (2023), Algorithm 1, with the factor of line 10 as corrected after the first print:
//! O is multiplied by `e^(m_old - m_new)`, not by its inverse.

use super::algorithm::{Algorithm, BlockRule, Kernel, Section, Span};
use super::cost::Sums;
use super::plan::Plan;
use super::program::{Buffer, Program};
use super::step::{Max, Op, Tensor};
use super::traffic::{ClosedForm, Traffic};

/// FlashAttention-2 forward.
pub struct Flash2;

impl Algorithm for Flash2 {
    fn name(&self) -> &'static str {
        "flash2"
    }

    fn title(&self) -> &'static str {
        "FlashAttention-2: query blocks outside, keys streamed past them"
    }

    fn kernels(&self, plan: &Plan) -> Vec<Kernel> {
        vec![Kernel { name: "attention", programs: plan.t_r(), sections: 1, span: Span::Tile }]
    }

    fn write(&self, plan: &Plan, section: Section, out: &mut Program<'_>) {
        program(plan, section.program, out);
    }

    fn block_rule(&self) -> BlockRule {
        BlockRule::Largest
    }

    fn footprint(&self, plan: &Plan) -> Vec<Buffer> {
        Buffer::of_fused(plan)
    }

    /// Q and O once, K and V once for every query block that sees them.
    fn closed_form(&self, plan: &Plan) -> Traffic {
        use Tensor::{K, Lse, O, Q, V};
        let sums = plan.tile_sums();
        let (n_q, d, d_v) = (plan.n_q as u64, plan.d as u64, plan.d_v as u64);
        let mut form = ClosedForm::new(plan);
        form.read(Q, n_q * d);
        form.read(K, sums.active.c * d);
        form.read(V, sums.active.c * d_v);
        form.write(O, n_q * d_v);
        form.write(Lse, n_q);
        let per_row = Sums { r: n_q, ..Sums::default() };
        form.on_chip(&[Op::Load(Q), Op::StartRows, Op::Normalise, Op::Store(O), Op::Store(Lse)], per_row);
        let (max, exp) = (Op::RowMax(Max::Running), Op::Exponentiate(Max::Running));
        let visit = [Op::Load(K), Op::Scores, max, exp, Op::RowSum, Op::Rescale, Op::Load(V), Op::Accumulate];
        form.on_chip(&visit, sums.active);
        form.on_chip(&[Op::Mask], sums.partial());
        form.modifiers(sums.active);
        form.traffic
    }

    fn step_count(&self, plan: &Plan) -> u64 {
        let sums = plan.tile_sums();
        let (per_program, per_visit) = (5, 8 + plan.modifier_steps());
        let masked = sums.active_tiles - sums.full_tiles;
        per_program * plan.t_r() as u64 + per_visit * sums.active_tiles + masked
    }

    fn pseudo_code(&self) -> &'static [&'static str] {
        &[
            "for i in 1..T_r, in parallel",
            "  load Q_i from HBM",
            "  O_i = 0, l_i = 0, m_i = -inf   (on chip)",
            "  for j in 1..T_c that query block i sees",
            "    load K_j from HBM",
            "    S = scale Q_i K_j^T",
            "    S = -inf where the mask hides a key",
            "    m_new = max(m_i, rowmax S)",
            "    P = exp(S - m_new)",
            "    l_i = exp(m_i - m_new) l_i + rowsum P",
            "    O_i = diag(exp(m_i - m_new)) O_i + P V_j,  m_i = m_new",
            "  O_i = diag(l_i)^-1 O_i,  L_i = m_i + log l_i",
            "  store O_i, L_i to HBM",
        ]
    }

    fn lines(&self, op: Op) -> &'static [u16] {
        match op {
            Op::Load(Tensor::Q) => &[2],
            Op::StartRows => &[3],
            Op::Load(Tensor::K) => &[5],
            Op::Load(Tensor::Bias) | Op::Scores => &[6],
            Op::Mask => &[7],
            Op::RowMax(_) => &[8],
            Op::Exponentiate(_) => &[9],
            Op::RowSum => &[10],
            Op::Rescale => &[10, 11],
            Op::Load(_) | Op::Dropout | Op::Accumulate => &[11],
            Op::Normalise => &[12],
            Op::Store(_) => &[13],
            _ => &[],
        }
    }
}

/// The program of query block `i`.
fn program(plan: &Plan, i: usize, out: &mut Program<'_>) {
    for buffer in Flash2.footprint(plan) {
        out.allocate(buffer);
    }
    out.at_rows(i);
    out.load(Tensor::Q);
    out.step(Op::StartRows);
    for j in plan.visible_key_blocks(i) {
        out.at_tile(i, j);
        out.load(Tensor::K);
        out.scores();
        out.mask_if_needed();
        out.row_max(Max::Running);
        out.exponentiate(Max::Running);
        out.step(Op::RowSum);
        out.dropout();
        out.step(Op::Rescale);
        out.load(Tensor::V);
        out.step(Op::Accumulate);
    }
    out.at_rows(i);
    out.step(Op::Normalise);
    out.store(Tensor::O);
    out.store(Tensor::Lse);
    out.free_all();
}
