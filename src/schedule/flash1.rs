//! FlashAttention forward: keys outside, queries inside; O, l and m travel to HBM and back at every visit.
//!
//! Dao et al., "FlashAttention" (2022), Algorithm 1. One program per (batch, head); its sections are the starting
//! values and then the iterations of the outer loop over key blocks.

use super::algorithm::{Algorithm, BlockRule, Kernel, Section, Span};
use super::cost::Sums;
use super::plan::Plan;
use super::program::{Buffer, Program};
use super::step::{Max, OnChip, Op, Tensor};
use super::traffic::{ClosedForm, Traffic};

/// FlashAttention forward.
pub struct Flash1;

impl Algorithm for Flash1 {
    fn name(&self) -> &'static str {
        "flash1"
    }

    fn title(&self) -> &'static str {
        "FlashAttention: key blocks outside, O, l and m through HBM at every visit"
    }

    fn kernels(&self, plan: &Plan) -> Vec<Kernel> {
        vec![Kernel { name: "attention", programs: 1, sections: 1 + plan.t_c(), span: Span::Tile }]
    }

    fn write(&self, plan: &Plan, section: Section, out: &mut Program<'_>) {
        match section.section.checked_sub(1) {
            None => start(plan, out),
            Some(j) => outer_iteration(plan, j, out),
        }
        if section.is_last {
            out.free_all();
        }
    }

    fn block_rule(&self) -> BlockRule {
        BlockRule::Paper
    }

    fn footprint(&self, plan: &Plan) -> Vec<Buffer> {
        let of_tile = ["m of the tile", "l of the tile"].map(|name| Buffer::registers(name, plan, plan.br, 1));
        [Buffer::of_fused(plan), of_tile.to_vec()].concat()
    }

    /// K and V once; Q, O, l and m once for every visit; O, l and m once more for their starting values.
    fn closed_form(&self, plan: &Plan) -> Traffic {
        use Tensor::{K, M, O, Q, Sum, V};
        let sums = plan.tile_sums();
        let (n_q, d, d_v) = (plan.n_q as u64, plan.d as u64, plan.d_v as u64);
        let (visits, keys) = (sums.active.r, sums.seen_keys);
        let mut form = ClosedForm::new(plan);
        form.read(K, keys * d);
        form.read(V, keys * d_v);
        form.read(Q, visits * d);
        form.read(O, visits * d_v);
        form.write(O, (visits + n_q) * d_v);
        for rows in [M, Sum] {
            form.read(rows, visits);
            form.write(rows, visits + n_q);
        }
        form.on_chip(&[Op::Load(K), Op::Load(V)], Sums { c: keys, ..Sums::default() });
        let (max, exp) = (Op::RowMax(Max::Tile), Op::Exponentiate(Max::Tile));
        let compute = [Op::Scores, max, exp, Op::RowSum, Op::MergeStats, Op::MergeOutput];
        form.on_chip(&[Op::Load(Q), Op::Load(O), Op::Load(Sum), Op::Load(M)], sums.active);
        form.on_chip(&compute, sums.active);
        form.on_chip(&[Op::Store(O), Op::Store(Sum), Op::Store(M)], sums.active);
        form.on_chip(&[Op::Mask], sums.partial());
        form.modifiers(sums.active);
        form.traffic
    }

    fn step_count(&self, plan: &Plan) -> u64 {
        let sums = plan.tile_sums();
        let per_visit = 13 + plan.modifier_steps();
        let masked = sums.active_tiles - sums.full_tiles;
        3 * plan.t_r() as u64 + 2 * sums.seen_key_blocks + per_visit * sums.active_tiles + masked
    }

    /// The starting values are written before there is anything on chip.
    fn peak(&self, plan: &Plan) -> OnChip {
        let is_seen = (0..plan.t_c()).any(|j| !plan.visible_query_blocks(j).is_empty());
        if is_seen { OnChip::of(&self.footprint(plan)) } else { OnChip::default() }
    }

    fn pseudo_code(&self) -> &'static [&'static str] {
        &[
            "O = 0, l = 0, m = -inf   (in HBM)",
            "for j in 1..T_c of which some query sees a key",
            "  load K_j, V_j from HBM",
            "  for i in 1..T_r that sees key block j",
            "    load Q_i, O_i, l_i, m_i from HBM",
            "    S = scale Q_i K_j^T",
            "    S = -inf where the mask hides a key",
            "    m_tile = rowmax S",
            "    P = exp(S - m_tile)",
            "    l_tile = rowsum P",
            "    m_new = max(m_i, m_tile)",
            "    l_new = exp(m_i - m_new) l_i + exp(m_tile - m_new) l_tile",
            "    O_i = diag(l_new)^-1 (diag(l_i) exp(m_i - m_new) O_i + exp(m_tile - m_new) P V_j)",
            "    store O_i, l_i = l_new, m_i = m_new to HBM",
        ]
    }

    fn lines(&self, op: Op) -> &'static [u16] {
        match op {
            Op::Initialise(_) => &[1],
            Op::Load(Tensor::K | Tensor::V) => &[3],
            Op::Load(Tensor::Bias) | Op::Scores => &[6],
            Op::Load(Tensor::Keep) | Op::Dropout | Op::MergeOutput => &[13],
            Op::Load(_) => &[5],
            Op::Mask => &[7],
            Op::RowMax(_) => &[8],
            Op::Exponentiate(_) => &[9],
            Op::RowSum => &[10],
            Op::MergeStats => &[11, 12],
            Op::Store(_) => &[14],
            _ => &[],
        }
    }
}

/// The starting values, which cost traffic like any other store.
fn start(plan: &Plan, out: &mut Program<'_>) {
    for i in 0..plan.t_r() {
        out.at_rows(i);
        out.initialise(Tensor::O);
        out.initialise(Tensor::Sum);
        out.initialise(Tensor::M);
    }
    for buffer in Flash1.footprint(plan) {
        out.allocate(buffer);
    }
}

/// The iteration of the outer loop with key block `j`.
fn outer_iteration(plan: &Plan, j: usize, out: &mut Program<'_>) {
    let query_blocks = plan.visible_query_blocks(j);
    if query_blocks.is_empty() {
        return;
    }
    out.at_cols(j);
    out.load(Tensor::K);
    out.load(Tensor::V);
    for i in query_blocks {
        out.at_tile(i, j);
        out.load(Tensor::Q);
        out.load(Tensor::O);
        out.load(Tensor::Sum);
        out.load(Tensor::M);
        out.scores();
        out.mask_if_needed();
        out.row_max(Max::Tile);
        out.exponentiate(Max::Tile);
        out.step(Op::RowSum);
        out.dropout();
        out.step(Op::MergeStats);
        out.step(Op::MergeOutput);
        out.store(Tensor::O);
        out.store(Tensor::Sum);
        out.store(Tensor::M);
    }
}
