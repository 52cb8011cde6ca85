//! Functions of expressions that count: traffic, footprints, tiles, pairs that are seen. They carry nothing out.

use std::rc::Rc;

use crate::attention::{Align, Mask, Precision, Shape};
use crate::schedule::spec::MASK;
use crate::schedule::tiling::{self, footprint};
use crate::schedule::{Algorithm, Plan, Setting, Tensor, TileCounts, Tiling, Traffic};
use crate::sentence::Sentence;

use super::expr::{Arguments, Value};
use super::functions::{Answer, Names};
use super::objects::Moved;
use super::scene::Stage;

impl Names<'_> {
    /// The count of this name; `None` where there is none.
    pub(super) fn count(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        Some(match name {
            "traffic" => self.traffic(arguments).map(|traffic| Value::Object(Rc::new(Moved { traffic }))),
            "moved" => self.traffic(arguments).map(|traffic| traffic.hbm_elements().into()),
            "bytes" => self.traffic(arguments).map(|traffic| traffic.hbm_bytes().into()),
            "footprint" => self.planned(arguments).map(|(of, setting)| footprint(&of, &setting.plan).total().into()),
            "fits" => self
                .planned(arguments)
                .map(|(of, setting)| footprint(&of, &setting.plan).fits(&self.scene.run.hardware()).into()),
            "tiles" => self.tiles(arguments),
            "class" => self.class(arguments),
            "sees" => self.sees(arguments),
            "keys_seen" => self.keys_seen(arguments),
            "dead_rows" => self.stage().map(|stage| stage.plan.band.dead_rows().into()),
            "returning" => self.returning(arguments),
            "never_in_hbm" => self.never_in_hbm(arguments),
            "splits" => splits(arguments),
            _ => return None,
        })
    }

    /// The stage of the scene, with the mask that the arguments choose; those that go with other sizes are left.
    fn masked(&self, arguments: &mut Arguments) -> Result<Rc<Stage>, Sentence> {
        self.engine.stage(&self.chosen(arguments, |name| MASK.contains(&name) && !["causal", "align"].contains(&name))?)
    }

    /// The plan of the scene with the sizes and masks that the arguments override.
    fn plan(&self, arguments: &mut Arguments) -> Result<Plan, Sentence> {
        let plan = overridden(&*self.masked(arguments)?, self.scene.run.batch(), arguments)?;
        // Counts take as many additions as there are blocks.
        self.budget.spend((plan.t_r() + plan.t_c()) as u64)?;
        Ok(plan)
    }

    /// The algorithm, and what a run of it meets.
    pub(super) fn planned(&self, arguments: &mut Arguments) -> Result<(Algorithm, Setting), Sentence> {
        let (algorithm, stage) = (self.algorithm(arguments)?, self.stage()?);
        let splits = arguments.named_index("splits")?;
        let setting = stage.setting(&algorithm, self.plan(arguments)?);
        let splits = splits.filter(|_| algorithm.has_splits()).unwrap_or(setting.splits).max(1);
        Ok((algorithm.for_heads(setting.heads).clone(), Setting { splits, ..setting }))
    }

    fn traffic(&self, arguments: &mut Arguments) -> Result<Traffic, Sentence> {
        let (algorithm, setting) = self.planned(arguments)?;
        Ok(algorithm.closed_form_of(&setting))
    }

    /// `tiles("skipped")`, or `full`, `partial`, `computed`, `all`.
    fn tiles(&self, arguments: &mut Arguments) -> Answer {
        let class = arguments.text().ok_or("a class of tiles is needed")?;
        let counts = TileCounts::of_plan(&self.plan(arguments)?);
        let number = match class.as_str() {
            "full" => counts.full,
            "partial" => counts.partial,
            "skipped" => counts.skipped,
            "computed" => counts.full + counts.partial,
            "all" => counts.full + counts.partial + counts.skipped,
            _ => return Err(Sentence::new("{0} is no class; full, partial, skipped, computed and all are").with(class)),
        };
        Ok(number.into())
    }

    fn class(&self, arguments: &mut Arguments) -> Answer {
        let (i, j) = (arguments.index("i")?, arguments.index("j")?);
        let plan = self.plan(arguments)?;
        if i >= plan.t_r() || j >= plan.t_c() {
            return Err(Sentence::new("the tiles are {0} x {1}").with(plan.t_r()).with(plan.t_c()));
        }
        Ok(plan.class(i, j).name().into())
    }

    fn sees(&self, arguments: &mut Arguments) -> Answer {
        let (i, j) = (arguments.index("i")?, arguments.index("j")?);
        let plan = self.plan(arguments)?;
        Ok((i < plan.n_q && plan.band.keeps(i, j)).into())
    }

    /// How many keys query `i` sees.
    fn keys_seen(&self, arguments: &mut Arguments) -> Answer {
        let i = arguments.index("i")?;
        let plan = self.plan(arguments)?;
        if i >= plan.n_q {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries}, from 0").with(plan.n_q));
        }
        Ok(plan.band.keys_of(i).len().into())
    }

    /// Tensors that an algorithm both reads from HBM and writes to it.
    fn returning(&self, arguments: &mut Arguments) -> Answer {
        let traffic = self.traffic(arguments)?;
        let returns = |tensor: &Tensor| traffic.read.get(*tensor) > 0 && traffic.write.get(*tensor) > 0;
        Ok(names(traffic.tensors().into_iter().filter(returns)))
    }

    /// Tensors of standard attention that an algorithm never moves.
    fn never_in_hbm(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, setting) = self.planned(arguments)?;
        let standard = self.engine.algorithm(self.scene, "standard")?;
        let standard = standard.closed_form_of(&self.stage()?.setting(&standard, setting.plan.clone()));
        let traffic = algorithm.closed_form_of(&setting);
        let moves = |of: &Traffic, tensor: Tensor| of.read.get(tensor) + of.write.get(tensor) > 0;
        let never = |tensor: &Tensor| moves(&standard, *tensor) && !moves(&traffic, *tensor);
        Ok(names(standard.tensors().into_iter().filter(never)))
    }
}

/// `splits(sms, blocks, n)`: how many splits flash-attention takes on so many SMs, for so many thread blocks without splits
/// and `n` key blocks.
fn splits(arguments: &mut Arguments) -> Answer {
    let (sms, blocks, n) = (arguments.index("sms")?, arguments.index("blocks")?, arguments.index("n")?);
    if sms == 0 || blocks == 0 || n == 0 {
        return Err("there is at least one SM, one thread block and one key block".into());
    }
    Ok(tiling::splits(sms, blocks, n).into())
}

fn names(tensors: impl Iterator<Item = Tensor>) -> Value {
    Value::List(tensors.map(|tensor| tensor.name().into()).collect())
}

/// The plan of a stage with other sizes, blocks, masks or precision: `n`, `n_q`, `n_k`, `d`, `br`, `bc`, `causal`,
/// `align`, `precision`.
fn overridden(stage: &Stage, batch: usize, arguments: &mut Arguments) -> Result<Plan, Sentence> {
    let shape = stage.input.problem.shape;
    let both = arguments.named_index("n")?;
    let n_q = arguments.named_index("n_q")?.or(both);
    let n_k = arguments.named_index("n_k")?.or(both);
    let d = arguments.named_index("d")?;
    let (br, bc) = (arguments.named_index("br")?, arguments.named_index("bc")?);
    let causal = arguments.named_bool("causal")?;
    let align = arguments.named_text("align")?;
    let precision = arguments.named_text("precision")?;
    let mut plan = stage.plan.clone();
    plan.n_q = n_q.unwrap_or(plan.n_q).max(1);
    plan.n_k = n_k.unwrap_or(plan.n_k).max(1);
    plan.d = d.unwrap_or(plan.d).max(1);
    plan.d_v = d.unwrap_or(plan.d_v).max(1);
    let tiling = Tiling { br: br.unwrap_or(plan.br), bc: bc.unwrap_or(plan.bc) };
    plan = plan.with_blocks(tiling);
    // Products of these sizes stay within 64 bits.
    if [plan.n_q, plan.n_k, plan.d].into_iter().fold(1, u64_product) > 1 << 50 {
        return Err("these sizes are too large".into());
    }
    if let Some(name) = precision {
        plan.precision = Precision::read(&name)?;
    }
    let other_sizes = n_q.is_some() || n_k.is_some();
    if other_sizes || causal.is_some() || align.is_some() {
        let mut mask: Mask = stage.input.problem.mask.clone();
        mask.causal = causal.unwrap_or(mask.causal);
        mask.align = match align.as_deref() {
            None => mask.align,
            Some("top-left") => Align::TopLeft,
            Some("bottom-right") => Align::BottomRight,
            Some(other) => return Err(Sentence::new("{0} is no alignment").with(other)),
        };
        if other_sizes {
            (mask.key_lengths, mask.left_padding, mask.documents, mask.array) = (None, None, None, None);
            mask.varlen = None;
        }
        let (run, group) = (&stage.run, stage.algorithm.heads(&shape).max(1));
        let first = run.head() - run.head() % group;
        let band = mask.band_of(&Shape { n_q: plan.n_q, n_k: plan.n_k, ..shape }, batch, first..first + group);
        plan = plan.with_band(band);
    }
    Ok(plan)
}

fn u64_product(product: u64, size: usize) -> u64 {
    product.saturating_mul(size as u64)
}
