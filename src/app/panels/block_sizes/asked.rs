//! What the surface of block sizes is of: the run on screen, or sizes of one's own; and the numbers at every pair.

use crate::app::state::seen::Look;
use crate::attention::{Mask, Precision, Shape};
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Hardware, PagesOfBatch, Plan, Setting, Tiling, algorithm, hardware};

/// Sizes along each axis, at most; and the largest.
const MOST: usize = 32;
const LARGEST: usize = 512;

/// What is asked, whatever the blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct SizesAsked {
    pub algorithm: Algorithm,
    pub chip: Hardware,
    pub mask: Mask,
    /// Of a run in blocks of one token.
    pub setting: Setting,
}

/// One point of the surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SurfacePoint {
    pub bytes: u64,
    pub fits: bool,
}

/// The block sizes of one axis: multiples of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AxisOfSizes {
    pub step: usize,
    pub count: usize,
}

impl AxisOfSizes {
    pub fn sizes(self) -> impl Iterator<Item = usize> {
        (1..=self.count).map(move |n| n * self.step)
    }

    pub fn largest(self) -> usize {
        self.step * self.count
    }
}

impl SizesAsked {
    /// The run on screen.
    pub fn of_run(look: &Look<'_>) -> Self {
        let (settings, setting) = (&look.scene.settings, &look.scene.schedule().setting);
        let mask = look.scene.input.problem.mask.clone();
        let setting = with_blocks(setting, Tiling { br: 1, bc: 1 });
        Self { algorithm: settings.algorithm.clone(), chip: settings.hardware(), mask, setting }
    }

    /// A head of n tokens without a mask, in f16, on the default chip.
    pub fn plain(n: usize, d: usize, name: &str) -> Option<Self> {
        let algorithm = algorithm::by_name(name)?.clone();
        let plan = Plan::new(n, n, d, Tiling { br: 1, bc: 1 }, Precision::F16);
        let chip = hardware::by_name(hardware::DEFAULT)?;
        Some(Self { algorithm, chip, mask: Mask::default(), setting: Setting::new(plan) })
    }

    /// Queries, keys and the width of a head.
    pub fn sizes(&self) -> [usize; 3] {
        let plan = &self.setting.plan;
        [plan.n_q, plan.n_k, plan.d]
    }

    pub fn precision(&self) -> Precision {
        self.setting.plan.precision
    }

    /// Query heads that the bytes are of.
    pub fn heads(&self) -> usize {
        self.setting.heads
    }

    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.setting.plan.precision = precision;
        self
    }

    /// A mask that is of an input has no meaning at other lengths: what is left of it is whether it is causal.
    pub fn with_sizes(mut self, [n_q, n_k, d]: [usize; 3]) -> Self {
        let plan = &mut self.setting.plan;
        if plan.d != d {
            (plan.d, plan.d_v) = (d, d);
        }
        if [plan.n_q, plan.n_k] == [n_q, n_k] {
            return self;
        }
        (plan.n_q, plan.n_k, plan.pages) = (n_q, n_k, None::<PagesOfBatch>);
        let mask = Mask { causal: self.mask.causal, align: self.mask.align, ..Mask::default() };
        self.with_mask(mask)
    }

    /// Under a mask that does not name tokens.
    pub fn with_mask(mut self, mask: Mask) -> Self {
        let [n_q, n_k, d] = self.sizes();
        let band = mask.band(&Shape::single(n_q, n_k, d), 0);
        self.setting.plan = self.setting.plan.with_band(band);
        Self { mask, ..self }
    }

    /// What a run in these blocks meets.
    pub fn setting(&self, tiling: Tiling) -> Setting {
        with_blocks(&self.setting, tiling)
    }

    pub fn bytes(&self, algorithm: &Algorithm, tiling: Tiling) -> u64 {
        algorithm.closed_form_of(&self.setting(tiling)).hbm_bytes()
    }

    /// Within the budgets of a thread block; ideal kernels have none.
    pub fn fits(&self, tiling: Tiling) -> bool {
        let needed = || footprint(&self.algorithm, &self.setting(tiling).plan);
        !self.algorithm.is_budgeted() || needed().fits(&self.chip)
    }

    /// Both axes have the same sizes: up to the longer side, or 512.
    pub fn axis(&self) -> AxisOfSizes {
        let [n_q, n_k, _] = self.sizes();
        let most = n_q.max(n_k).clamp(1, LARGEST);
        let step = most.div_ceil(MOST);
        AxisOfSizes { step, count: most.div_ceil(step) }
    }

    /// Row by row of Br, each along Bc.
    pub fn surface(&self) -> Vec<SurfacePoint> {
        let axis = self.axis();
        let tilings = axis.sizes().flat_map(|br| axis.sizes().map(move |bc| Tiling { br, bc }));
        tilings
            .map(|tiling| SurfacePoint { bytes: self.bytes(&self.algorithm, tiling), fits: self.fits(tiling) })
            .collect()
    }

    /// The block sizes that the algorithm's own rule takes on this chip.
    pub fn chosen(&self) -> Tiling {
        let plan = &self.setting.plan;
        let shape = Shape { d_v: plan.d_v, ..Shape::single(plan.n_q, plan.n_k, plan.d) };
        Tiling::for_hardware(&self.algorithm, &shape, plan.precision, &self.chip)
    }

    /// The texts that are shown beside each other, the un-fused one first.
    pub fn compared(&self) -> Vec<Algorithm> {
        let mut all: Vec<Algorithm> = match self.algorithm.is_backward() {
            true => algorithm::by_name("standard-backward").into_iter().cloned().collect(),
            false => algorithm::ALL.iter().map(|known| (*known).clone()).collect(),
        };
        if all.iter().all(|known| known.name() != self.algorithm.name()) {
            all.push(self.algorithm.clone());
        }
        all
    }
}

fn with_blocks(setting: &Setting, Tiling { br, bc }: Tiling) -> Setting {
    let band = setting.plan.band.clone();
    Setting { plan: Plan { br, bc, ..setting.plan.clone() }.with_band(band), ..setting.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surface_agrees_with_the_scene_count() {
        let question = SizesAsked::plain(1024, 64, "flash2").unwrap();
        let (axis, surface) = (question.axis(), question.surface());
        assert_eq!((axis.step, axis.count, surface.len()), (16, 32, 32 * 32));
        // 1.18 M elements of two bytes, and L in four.
        let point = surface[(128 / 16 - 1) * 32 + 128 / 16 - 1];
        assert!((point.bytes as f64 / 2e6 - 1.18).abs() < 0.01, "{point:?}");
        assert!(point.fits && !surface[32 * 32 - 1].fits);
    }

    #[test]
    fn small_sizes_have_small_steps() {
        for (n_q, n_k, step, count) in
            [(1, 1, 1, 1), (16, 16, 1, 16), (33, 5, 2, 17), (1, 100, 4, 25), (9999, 1, 16, 32)]
        {
            let question = SizesAsked::plain(8, 4, "flash2").unwrap().with_sizes([n_q, n_k, 4]);
            let axis = question.axis();
            assert_eq!((axis.step, axis.count), (step, count), "{n_q} {n_k}");
            assert!(axis.largest() >= n_q.max(n_k).min(LARGEST) && axis.sizes().count() == count);
        }
    }

    /// Other lengths keep of a mask that it is causal; ideal kernels fit in any blocks.
    #[test]
    fn a_mask_follows_the_sizes() {
        let causal = SizesAsked::plain(64, 16, "flash2").unwrap().with_mask(Mask { causal: true, ..Mask::default() });
        let (half, open) = (Tiling { br: 16, bc: 16 }, SizesAsked::plain(64, 16, "flash2").unwrap());
        let moved = |of: &SizesAsked| of.bytes(&of.algorithm, half);
        // Of 4 x 4 tiles ten are seen, each a load of K and V in two bytes.
        assert_eq!(moved(&open) - moved(&causal), 6 * 2 * 16 * 16 * 2);
        let longer = causal.clone().with_sizes([128, 128, 16]);
        assert!(longer.mask.causal && longer.sizes() == [128, 128, 16]);
        assert!(moved(&longer) < moved(&open.clone().with_sizes([128, 128, 16])));
        assert_eq!(causal.clone().with_sizes([64, 64, 32]).mask, causal.mask);
        let standard = SizesAsked::plain(4096, 128, "standard").unwrap();
        assert!(standard.fits(Tiling { br: 512, bc: 512 }));
        let names: Vec<String> = standard.compared().iter().map(|of| of.name().to_owned()).collect();
        assert_eq!(names, ["standard", "flash1", "flash2"]);
        let backward = SizesAsked::plain(64, 16, "flash2-backward").unwrap();
        let names: Vec<String> = backward.compared().iter().map(|of| of.name().to_owned()).collect();
        assert_eq!(names, ["standard-backward", "flash2-backward"]);
    }
}
