//! What is asked of the clock: a shape, blocks and a chip, none of which need be here.

use crate::app::state::seen::Look;
use crate::attention::{Mask, Precision, Shape};
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
    pub batch: usize,
    pub tiling: Tiling,
    pub splits: usize,
    pub causal: bool,
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
        Self {
            algorithm: known.map_or("flash2", |known| known.name()),
            n_q: plan.n_q,
            n_k: plan.n_k,
            d: plan.d,
            heads: shape.heads,
            batch: shape.batch,
            tiling: Tiling { br: plan.br, bc: plan.bc },
            splits: look.scene.schedule().setting.splits,
            causal: look.scene.input.problem.mask.causal,
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
            batch: 8,
            tiling: Tiling { br: 128, bc: 128 },
            splits: 1,
            causal: false,
            precision: Precision::F16,
            order: Order::default(),
            chip: hardware::by_name(hardware::DEFAULT).unwrap_or_default(),
        }
    }

    pub fn question(&self) -> Option<GridQuestion> {
        let algorithm = algorithm::by_name(self.algorithm)?.clone();
        let &Self { batch, heads, n_q, n_k, d, .. } = self;
        let shape = Shape { batch, heads, kv_heads: heads, n_q, n_k, d, d_v: d };
        let spec = RunSpec {
            precision: Some(self.precision),
            causal: Some(self.causal),
            splits: algorithm.has_splits().then_some(Splits::Count(self.splits)),
            ..RunSpec::default()
        };
        let setting = spec.with_blocks(self.tiling).on_shape(&algorithm, &shape, &Mask::default(), 0);
        Some(GridQuestion { algorithm, shape, setting, chip: self.chip.clone(), order: self.order })
    }
}
