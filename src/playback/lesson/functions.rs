//! The names that an expression may use: the scene's sizes, and functions that ask the engine.

use std::rc::Rc;

use crate::attention::{Align, Mask, Precision, Shape};
use crate::schedule::tiling::footprint;
use crate::schedule::{Algorithm, Plan, Tensor, TileCounts, algorithm, hardware};
use crate::sentence::Sentence;

use super::engine::Engine;
use super::expr::{Arguments, Scope, Value};
use super::objects::{Chip, Moved, Piece, Results, Row};
use super::scene::{BUGS, Scene, Stage};

type Answer = Result<Value, Sentence>;

/// The names of one scene.
pub struct Names<'a> {
    engine: &'a Engine,
    scene: &'a Scene,
}

impl<'a> Names<'a> {
    pub fn new(engine: &'a Engine, scene: &'a Scene) -> Self {
        Self { engine, scene }
    }

    fn stage(&self) -> Result<Rc<Stage>, Sentence> {
        self.engine.stage(self.scene)
    }
}

impl Scope for Names<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        let scene = self.scene;
        match name {
            "algorithm" => return Some(scene.run.algorithm().into()),
            "precision" => return Some(scene.run.precision().name().into()),
            "bug" => return Some(scene.bug.as_str().into()),
            "budget" => return Some(scene.run.hardware().shared_bytes_per_block.into()),
            "cursor" | "operation" => return self.at_cursor(name),
            "shows_nan" => return self.shows_nan().map(Value::Bool),
            _ => {}
        }
        let stage = self.stage().ok()?;
        let plan = &stage.plan;
        Some(match name {
            "n_q" => plan.n_q.into(),
            "n_k" => plan.n_k.into(),
            "n" if plan.n_q == plan.n_k => plan.n_k.into(),
            "d" => plan.d.into(),
            "d_v" => plan.d_v.into(),
            "br" => plan.br.into(),
            "bc" => plan.bc.into(),
            "t_r" => plan.t_r().into(),
            "t_c" => plan.t_c().into(),
            "causal" => stage.input.problem.mask.causal.into(),
            "align" => stage.input.problem.mask.align.name().into(),
            "heads" => stage.input.problem.shape.heads.into(),
            "element_bytes" => plan.precision.element_bytes().into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        Some(match name {
            "traffic" => self.traffic(arguments),
            "moved" => self.planned(arguments).map(|(of, plan)| of.closed_form(&plan).hbm_elements().into()),
            "bytes" => self.planned(arguments).map(|(of, plan)| of.closed_form(&plan).hbm_bytes().into()),
            "footprint" => self.planned(arguments).map(|(of, plan)| footprint(of, &plan).total().into()),
            "fits" => {
                self.planned(arguments).map(|(of, plan)| footprint(of, &plan).fits(&self.scene.run.hardware()).into())
            }
            "tiles" => self.tiles(arguments),
            "class" => self.class(arguments),
            "row" => self.row(arguments),
            "run" => self.run(arguments),
            "piece" => self.piece(arguments),
            "hardware" => self.hardware(arguments),
            "token" => self.token(arguments),
            "value" => self.value(arguments),
            "mean_of_values" => self.mean_of_values(arguments),
            "sees" => self.sees(arguments),
            "keys_seen" => self.keys_seen(arguments),
            "dead_rows" => self.stage().map(|stage| stage.plan.band.dead_rows().into()),
            "returning" => self.returning(arguments),
            "never_in_hbm" => self.never_in_hbm(arguments),
            _ => return None,
        })
    }
}

impl Names<'_> {
    fn at_cursor(&self, name: &str) -> Option<Value> {
        let stage = self.stage().ok()?;
        // The steps on the stage are those of the text with its bug.
        let schedule = stage.schedule(&stage.algorithm.with_bug(&self.scene.bug)).ok()?;
        let cursor = self.scene.step.cursor(&schedule).ok()?;
        if name == "cursor" {
            return Some(cursor.into());
        }
        let step = cursor.checked_sub(1).and_then(|n| schedule.step(n));
        Some(Value::Text(step.map_or_else(|| "start".into(), |step| schedule.algorithm.operation(step.line))))
    }

    /// A value on chip is NaN where the cursor stands.
    fn shows_nan(&self) -> Option<bool> {
        let stage = self.stage().ok()?;
        let run = self.engine.run(self.scene, &stage.algorithm.with_bug(&self.scene.bug)).ok()?;
        let view = run.view(self.scene.step.cursor(&run.schedule).ok()?);
        let names = &run.schedule.algorithm.text().names;
        let is_nan = |name: &str| view.get(name).is_some_and(|values| values.iter().any(|x| x.is_nan()));
        Some(names.iter().any(|name| is_nan(name.as_str())))
    }

    /// The algorithm by place, or the scene's.
    fn algorithm(&self, arguments: &mut Arguments) -> Result<&'static Algorithm, Sentence> {
        let name = arguments.text().unwrap_or_else(|| self.scene.run.algorithm().to_owned());
        algorithm::by_name(&name).ok_or_else(|| Sentence::new("there is no algorithm {0}").with(&name))
    }

    /// The algorithm and the scene's plan, with the sizes and masks that the arguments override.
    fn planned(&self, arguments: &mut Arguments) -> Result<(&'static Algorithm, Plan), Sentence> {
        let (algorithm, stage) = (self.algorithm(arguments)?, self.stage()?);
        Ok((algorithm, overridden(&stage, self.scene.run.batch(), arguments)?))
    }

    fn traffic(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, plan) = self.planned(arguments)?;
        let traffic = algorithm.closed_form(&plan);
        Ok(Value::Object(Rc::new(Moved { traffic })))
    }

    /// `tiles("skipped")`, or `full`, `partial`, `computed`, `all`.
    fn tiles(&self, arguments: &mut Arguments) -> Answer {
        let class = arguments.text().ok_or("a class of tiles is needed")?;
        let plan = overridden(&*self.stage()?, self.scene.run.batch(), arguments)?;
        let counts = TileCounts::of_plan(&plan);
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
        let plan = overridden(&*self.stage()?, self.scene.run.batch(), arguments)?;
        if i >= plan.t_r() || j >= plan.t_c() {
            return Err(Sentence::new("the tiles are {0} x {1}").with(plan.t_r()).with(plan.t_c()));
        }
        Ok(plan.class(i, j).name().into())
    }

    fn row(&self, arguments: &mut Arguments) -> Answer {
        let index = arguments.index("i")?;
        let (stage, run) = (self.stage()?, self.run_of(arguments)?);
        Row::new(&stage, run, self.scene, index).map(|row| Value::Object(Rc::new(row)))
    }

    fn run(&self, arguments: &mut Arguments) -> Answer {
        let (stage, run) = (self.stage()?, self.run_of(arguments)?);
        Ok(Value::Object(Rc::new(Results::new(&stage, run, self.scene)?)))
    }

    /// The run of an algorithm (by place) under a bug (by name), or of the scene's.
    fn run_of(&self, arguments: &mut Arguments) -> Result<Rc<crate::machine::Run>, Sentence> {
        let algorithm = self.algorithm(arguments)?;
        let bug = arguments.named_text("bug")?.unwrap_or_else(|| self.scene.bug.clone());
        if !BUGS.contains(&bug.as_str()) {
            return Err(Sentence::new("there is no bug {0}").with(bug));
        }
        self.engine.run(self.scene, &algorithm.with_bug(&bug))
    }

    fn piece(&self, arguments: &mut Arguments) -> Answer {
        let (i, from, to) = (arguments.index("i")?, arguments.index("from")?, arguments.index("to")?);
        Piece::new(&*self.stage()?, self.scene, i, from, to).map(|piece| Value::Object(Rc::new(piece)))
    }

    fn hardware(&self, arguments: &mut Arguments) -> Answer {
        let name = arguments.text().unwrap_or_else(|| self.scene.run.hardware().name.to_owned());
        let model = hardware::by_name(&name).ok_or_else(|| Sentence::new("there is no hardware {0}").with(name))?;
        Ok(Value::Object(Rc::new(Chip(model))))
    }

    fn token(&self, arguments: &mut Arguments) -> Answer {
        let (index, stage) = (arguments.index("i")?, self.stage()?);
        let tokens = stage.input.about.tokens.get(self.scene.run.batch()).ok_or("this input has no tokens")?;
        let token = tokens
            .get(index)
            .ok_or_else(|| Sentence::new("there {0|is|are} {0} {0|token|tokens}").with(tokens.len()))?;
        Ok(token.trim().into())
    }

    /// Component `c` of the value of key `j`.
    fn value(&self, arguments: &mut Arguments) -> Answer {
        let (j, c) = (arguments.index("j")?, arguments.index_or("c", 0)?);
        let stage = self.stage()?;
        let problem = &stage.input.problem;
        let place = [self.scene.run.batch(), problem.shape.kv_head(self.scene.run.head()), j, c];
        problem.v.get(place).map(|&v| v.into()).ok_or_else(|| "there is no such value".into())
    }

    fn mean_of_values(&self, arguments: &mut Arguments) -> Answer {
        let (c, stage) = (arguments.index_or("c", 0)?, self.stage()?);
        let problem = &stage.input.problem;
        let (shape, batch) = (problem.shape, self.scene.run.batch());
        if c >= shape.d_v {
            return Err(Sentence::new("values have {0} {0|component|components}").with(shape.d_v));
        }
        let sum: f64 = (0..shape.n_k).map(|j| problem.v[[batch, shape.kv_head(self.scene.run.head()), j, c]]).sum();
        Ok((sum / shape.n_k as f64).into())
    }

    fn sees(&self, arguments: &mut Arguments) -> Answer {
        let (i, j) = (arguments.index("i")?, arguments.index("j")?);
        let plan = overridden(&*self.stage()?, self.scene.run.batch(), arguments)?;
        Ok((i < plan.n_q && plan.band.keeps(i, j)).into())
    }

    /// How many keys query `i` sees.
    fn keys_seen(&self, arguments: &mut Arguments) -> Answer {
        let i = arguments.index("i")?;
        let plan = overridden(&*self.stage()?, self.scene.run.batch(), arguments)?;
        if i >= plan.n_q {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries}, from 0").with(plan.n_q));
        }
        Ok(plan.band.keys_of(i).len().into())
    }

    /// Tensors that an algorithm both reads from HBM and writes to it.
    fn returning(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, plan) = self.planned(arguments)?;
        let traffic = algorithm.closed_form(&plan);
        let returns = |tensor: &Tensor| traffic.read.get(*tensor) > 0 && traffic.write.get(*tensor) > 0;
        Ok(names(traffic.tensors().into_iter().filter(returns)))
    }

    /// Tensors of standard attention that an algorithm never moves.
    fn never_in_hbm(&self, arguments: &mut Arguments) -> Answer {
        let (algorithm, plan) = self.planned(arguments)?;
        let standard = algorithm::by_name("standard").ok_or("there is no standard")?.closed_form(&plan);
        let traffic = algorithm.closed_form(&plan);
        let moves = |of: &crate::schedule::Traffic, tensor: Tensor| of.read.get(tensor) + of.write.get(tensor) > 0;
        let never = |tensor: &Tensor| moves(&standard, *tensor) && !moves(&traffic, *tensor);
        Ok(names(standard.tensors().into_iter().filter(never)))
    }
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
    plan.br = br.unwrap_or(plan.br).clamp(1, plan.n_q);
    plan.bc = bc.unwrap_or(plan.bc).clamp(1, plan.n_k);
    // Products of these sizes stay within 64 bits.
    if [plan.n_q, plan.n_k, plan.d].into_iter().fold(1, u64_product) > 1 << 50 {
        return Err("these sizes are too large".into());
    }
    if let Some(name) = precision {
        plan.precision = Precision::parse(&name).ok_or_else(|| Sentence::new("{0} is no precision").with(name))?;
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
            mask.key_lengths = None;
        }
        plan.band = mask.band(&Shape { n_q: plan.n_q, n_k: plan.n_k, ..shape }, batch);
    }
    Ok(plan)
}

fn u64_product(product: u64, size: usize) -> u64 {
    product.saturating_mul(size as u64)
}
