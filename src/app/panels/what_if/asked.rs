//! What is asked of the clock: a shape, blocks and a chip, none of which need be here.

use crate::app::state::seen::Look;
use crate::attention::{Mask, Precision, Shape, Window};
use crate::clock::{GridQuestion, Order, Roofs};
use crate::schedule::spec::{RunSpec, Splits};
use crate::schedule::{Hardware, Tiling, algorithm, hardware};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct GridAsked {
    /// A name of the program's.
    pub algorithm: &'static str,
    pub n_q: usize,
    pub n_k: usize,
    pub d: usize,
    pub heads: usize,
    /// A divisor of the query heads.
    pub kv_heads: usize,
    /// The query heads of a group are rows of one block, where the text can have them so.
    pub packs_heads: bool,
    pub batch: usize,
    pub tiling: Tiling,
    pub splits: usize,
    pub causal: bool,
    pub window: Window,
    pub precision: Precision,
    pub order: Order,
    pub chip: Hardware,
}

impl GridAsked {
    /// The run on screen, on its chip; of a chip for lessons, on the default one.
    pub fn of_run(look: &Look<'_>) -> Self {
        let (settings, plan) = (&look.scene.settings, look.scene.plan());
        let shape = look.scene.input.problem.shape;
        let own = settings.algorithm.name();
        let known = algorithm::of_program().find(|known| known.name() == own);
        let chip = settings.run.hardware();
        let mask = &look.scene.input.problem.mask;
        // Packed heads are rows of the run.
        let group = mask.heads_as_rows.unwrap_or(1).max(1);
        Self {
            algorithm: known.map_or("flash2", |known| known.name()),
            n_q: plan.n_q / group,
            n_k: plan.n_k,
            d: plan.d,
            heads: shape.heads * group,
            kv_heads: shape.kv_heads,
            packs_heads: group > 1,
            batch: shape.batch,
            tiling: Tiling { br: plan.br, bc: plan.bc },
            splits: look.scene.schedule().setting.splits,
            causal: mask.causal,
            window: mask.window(),
            // Of f64 and e4m3 no rate is known.
            precision: if Roofs::of(&chip, plan.precision).is_some() { plan.precision } else { Precision::F32 },
            order: Order::default(),
            chip: if chip.is_unified { Hardware::default() } else { chip },
        }
    }

    /// A size at which a chip is full, where there is no run to begin with.
    pub fn usual() -> Self {
        Self {
            algorithm: "flash2",
            n_q: 1024,
            n_k: 1024,
            d: 64,
            heads: 16,
            kv_heads: 16,
            packs_heads: false,
            batch: 8,
            tiling: Tiling { br: 128, bc: 128 },
            splits: 1,
            causal: false,
            window: Window::OPEN,
            precision: Precision::F16,
            order: Order::default(),
            chip: hardware::by_name(hardware::DEFAULT).unwrap_or_default(),
        }
    }

    /// Its heads can be packed: some share keys, and the text is one that can.
    pub fn can_pack(&self) -> bool {
        let packed = RunSpec { pack_heads: Some(true), ..RunSpec::default() };
        let is_of_text = algorithm::by_name(self.algorithm).is_some_and(|text| packed.check_text(text).is_ok());
        self.kv_heads < self.heads && is_of_text
    }

    pub fn question(&self) -> Option<GridQuestion> {
        let algorithm = algorithm::by_name(self.algorithm)?.clone();
        let &Self { batch, heads, kv_heads, n_q, n_k, d, .. } = self;
        let shape = Shape { batch, heads, kv_heads, n_q, n_k, d, d_v: d };
        let spec = RunSpec {
            window: Some(self.window).filter(|window| !window.is_open()),
            pack_heads: Some(self.packs_heads && self.can_pack()),
            precision: Some(self.precision),
            causal: Some(self.causal),
            splits: algorithm.has_splits().then_some(Splits::Count(self.splits)),
            ..RunSpec::default()
        };
        let spec = spec.with_blocks(self.tiling);
        let setting = spec.on_shape(&algorithm, &shape, &Mask::default(), 0);
        Some(GridQuestion {
            algorithm,
            shape: spec.shape_of(&shape),
            setting,
            chip: self.chip.clone(),
            order: self.order,
        })
    }
}
