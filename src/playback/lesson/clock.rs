//! Functions of expressions that model: thread blocks on SMs, waves, orders, intensity and ridge. They carry nothing out.

use crate::attention::Precision;
use crate::clock::{self, BlocksPerSm, Order, Roofs};
use crate::schedule::language::{self, KernelWork};
use crate::schedule::{Algorithm, Hardware, Setting, hardware};
use crate::sentence::Sentence;

use super::expr::{Arguments, Value};
use super::functions::{Answer, Names};

/// Blocks that a list in a lesson may have.
const MOST_BLOCKS: usize = 4096;

impl Names<'_> {
    /// What is modelled under this name; `None` where there is nothing.
    pub(super) fn modelled(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        Some(match name {
            "blocks" => self.blocks(arguments),
            "block_tiles" => self.block_tiles(arguments),
            "per_sm" => self.per_sm(arguments),
            "waves" => slots(arguments).and_then(|(blocks, slots)| some(clock::waves(blocks, slots))),
            "busy" => slots(arguments).and_then(|(blocks, slots)| some(clock::share_of_waves(blocks, slots))),
            "makespan" => makespan(arguments),
            "intensity" => self.intensity(arguments),
            "ridge" => self.ridge(arguments),
            _ => return None,
        })
    }

    /// Thread blocks of the kernel that works most, of `heads` query heads in all of `batch` entries.
    fn blocks(&self, arguments: &mut Arguments) -> Answer {
        let heads = arguments.named_index("heads")?.unwrap_or(1);
        let batch = arguments.named_index("batch")?.unwrap_or(1);
        let (algorithm, setting) = self.planned(arguments)?;
        let kernel = self.main_kernel(&algorithm, &setting)?;
        let of_heads = (heads * batch * kernel.heads).div_ceil(setting.heads.max(1));
        Ok((kernel.programs.len() * of_heads).into())
    }

    /// The tiles that each of its thread blocks works on, of one head.
    fn block_tiles(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, setting) = self.planned(arguments)?;
        let kernel = self.main_kernel(&algorithm, &setting)?;
        if kernel.programs.len() > MOST_BLOCKS {
            return Err(Sentence::new("a list has at most {0} thread blocks").with(MOST_BLOCKS));
        }
        self.budget.spend_list(kernel.programs.len())?;
        Ok(Value::List(kernel.programs.iter().map(|of| of.tiles.into()).collect()))
    }

    /// Thread blocks that an SM of the scene's chip, or of another, holds at once.
    fn per_sm(&self, arguments: &mut Arguments) -> Answer {
        let chip = self.chip(arguments.named_text("hardware")?)?;
        let (algorithm, setting) = self.planned(arguments)?;
        let kernel = self.main_kernel(&algorithm, &setting)?;
        Ok(BlocksPerSm::of(kernel.on_chip, &chip).count.into())
    }

    /// FLOPs of matrix products for each byte between HBM and chip.
    fn intensity(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, setting) = self.planned(arguments)?;
        let traffic = algorithm.closed_form_of(&setting);
        Ok((traffic.flops.matmul as f64 / traffic.hbm_bytes() as f64).into())
    }

    /// FLOPs a byte from which on a chip waits for products, and no longer for bytes: of f16, or of another precision.
    fn ridge(&self, arguments: &mut Arguments) -> Answer {
        let chip = self.chip(arguments.text())?;
        let precision = arguments.named_text("precision")?.unwrap_or_else(|| Precision::F16.name().into());
        let known = Precision::parse(&precision).and_then(|precision| Roofs::of(&chip, precision));
        let roofs = known.ok_or_else(|| Sentence::new("no rate of products in {0} is known").with(precision))?;
        Ok(roofs.ridge().into())
    }

    fn chip(&self, name: Option<String>) -> Result<Hardware, Sentence> {
        let Some(name) = name else { return Ok(self.scene.run.hardware()) };
        hardware::by_name(&name).ok_or_else(|| Sentence::new("there is no hardware {0}").with(name))
    }

    /// The kernel with the most matrix products.
    fn main_kernel(&self, algorithm: &Algorithm, setting: &Setting) -> Result<KernelWork, Sentence> {
        let text = algorithm.text();
        self.budget.spend(text.lines.len() as u64 * (setting.plan.t_r() + setting.plan.t_c()) as u64)?;
        let kernels = language::programs(text, setting).ok_or("so many thread blocks are too many to list")?;
        let work = |kernel: &KernelWork| kernel.programs.iter().map(|of| u128::from(of.matmul)).sum::<u128>();
        let most = kernels.into_iter().max_by_key(work);
        most.ok_or_else(|| "this text has no kernel".into())
    }
}

/// Thread blocks, and slots for them.
fn slots(arguments: &mut Arguments) -> Result<(u64, u64), Sentence> {
    Ok((arguments.index("blocks")? as u64, arguments.index("slots")? as u64))
}

fn some(number: Option<f64>) -> Answer {
    number.map(Value::Number).ok_or_else(|| "there is no slot for a thread block".into())
}

/// `makespan(tiles, slots, order="in-order")`: when the last of these thread blocks ends.
fn makespan(arguments: &mut Arguments) -> Answer {
    let order = arguments.named_text("order")?.unwrap_or_else(|| Order::default().name().into());
    let known = Order::parse(&order);
    let order =
        known.ok_or_else(|| Sentence::new("{0} is no order; in-order, reversed and longest-first are").with(order))?;
    let tiles = match arguments.take("tiles") {
        Some(Value::List(tiles)) => tiles,
        _ => return Err("a list of numbers is needed".into()),
    };
    let slots = arguments.index("slots")?;
    let number = |tiles: &Value| match tiles {
        Value::Number(tiles) if *tiles >= 0.0 && tiles.is_finite() => Ok(*tiles),
        _ => Err(Sentence::new("a list of numbers is needed")),
    };
    let durations: Vec<f64> = tiles.iter().map(number).collect::<Result<_, _>>()?;
    some((slots > 0).then(|| clock::makespan(&durations, order, slots)))
}
