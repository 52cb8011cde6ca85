//! What the stage shows at a beat: an input, how it is computed, where the cursor stands, what is selected.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::PathBuf;

use crate::attention::input::{BuiltIn, random};
use crate::attention::{Head, Input, Precision};
use crate::schedule::spec::{Choice, RunSpec};
use crate::schedule::{Algorithm, Plan, Schedule, Setting, algorithm, hardware};
use crate::sentence::Sentence;

use super::error::Result;
use super::fields::Field;
use super::files::{Files, beside, is_text, named, of_file, own_input};
use super::scene_text::{at, blocks, input, mask, selection};

/// A scene is plain data: the same scene is the same picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Of the cue that set it last; 0 where none did.
    pub line: usize,
    /// An input that comes with the program, a random one or a file, and how it is computed.
    pub run: RunSpec,
    /// Where the lesson's own files lie: beside its text. `None` of a lesson that has none.
    pub folder: Option<PathBuf>,
    /// A factor on the input's scale: -1 turns its scores round.
    pub flip: f64,
    /// The name of a bug that the text has in some of its lines: one of [`BUGS`].
    pub bug: String,
    pub step: At,
    pub selection: Selection,
    pub view: Distance,
}

/// Where the cursor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// So many steps done.
    Step(u64),
    End,
    /// Before or after the first step of this name (`load Q`, `rescale`), at this tile if one is given.
    Operation {
        is_after: bool,
        name: String,
        tile: Option<(usize, usize)>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// A query.
    pub row: Option<usize>,
    pub key: Option<usize>,
    /// Query block and key block.
    pub tile: Option<(usize, usize)>,
}

/// How close the main view is, from the farthest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Distance {
    /// The memories of the chip, to scale.
    Memory,
    Far,
    #[default]
    Middle,
    Near,
}

impl Distance {
    pub const ALL: [Distance; 4] = [Distance::Memory, Distance::Far, Distance::Middle, Distance::Near];

    /// As scenes, links and options have it.
    pub fn name(self) -> &'static str {
        match self {
            Distance::Memory => "memory",
            Distance::Far => "far",
            Distance::Middle => "middle",
            Distance::Near => "near",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|distance| distance.name() == name)
    }
}

/// Everything that a scene stands for.
pub struct Stage {
    pub input: Input,
    /// Without the bug.
    pub algorithm: Algorithm,
    pub plan: Plan,
    /// What the scene chooses, on that input.
    pub run: RunSpec,
    exact: OnceCell<Head<f64>>,
}

/// Names of the bugs that a text may have, in the order in which lists show them; the first is none.
pub const BUGS: [&str; 7] = ["none", "forget-alpha", "no-max", "no-guard", "minus-1000", "zero", "stuck-max"];

/// Pairs of query and key that a lesson may compute, and elements of one of its tensors.
const MOST_PAIRS: usize = 1 << 22;

impl Default for Scene {
    fn default() -> Self {
        Self {
            line: 0,
            run: RunSpec {
                scene: Some("toy".into()),
                br: Some(4),
                bc: Some(4),
                hardware: hardware::by_name("toy"),
                ..RunSpec::default()
            },
            folder: None,
            flip: 1.0,
            bug: "none".into(),
            step: At::Step(0),
            selection: Selection::default(),
            view: Distance::default(),
        }
    }
}

impl Scene {
    /// Sets one property. `input` sets all of them to what suits that input.
    pub fn set(&mut self, field: &Field) -> Result<()> {
        let value = field.value.as_str();
        let unknown = |what: &'static str| field.fault(Sentence::new("`{0}` is no {1}").with(value).and(what));
        match field.key.as_str() {
            "input" => {
                let folder = self.folder.clone();
                let scene = match own_input(value) {
                    Some(name) => {
                        let path = beside(folder.as_deref(), name).map_err(|fault| field.fault(fault))?;
                        of_file(path)
                    }
                    None => input(value).ok_or_else(|| unknown("input"))?,
                };
                *self = Self { line: field.line, folder, ..scene };
            }
            "blocks" => {
                let tiling = blocks(value).ok_or_else(|| unknown("pair of block sizes such as 4x4"))?;
                self.run = std::mem::take(&mut self.run).with_blocks(tiling);
            }
            "mask" => mask(value, &mut self.run).ok_or_else(|| unknown("mask"))?,
            "algorithm" if is_text(value) => {
                let path = beside(self.folder.as_deref(), value).map_err(|fault| field.fault(fault))?;
                self.run.algorithm = Some(path.to_string_lossy().into_owned());
            }
            "algorithm" if algorithm::by_name(value).is_none() => return Err(unknown("algorithm")),
            "flip" => {
                let factor = value.parse().ok().filter(|x: &f64| x.is_finite());
                self.flip = factor.ok_or_else(|| unknown("number"))?;
            }
            "bug" => {
                if !BUGS.contains(&value) {
                    return Err(field.fault(Sentence::new("bugs are {0}").with(BUGS.join(", "))));
                }
                self.bug = value.into();
            }
            "step" => self.step = at(value).ok_or_else(|| unknown("step"))?,
            "selection" => self.selection = selection(value).ok_or_else(|| unknown("selection"))?,
            "view" => {
                self.view =
                    Distance::parse(value).ok_or_else(|| unknown("distance: memory, far, middle and near are"))?;
            }
            key => {
                let choice = Choice::by_name(key).filter(|choice| choice.name != "scene");
                let choice = choice.ok_or_else(|| field.fault(Sentence::new("a scene has no `{0}`").with(key)))?;
                choice
                    .set(&mut self.run, value)
                    .map_err(|fault| field.fault(Sentence::new("`{0}`: {1}").with(value).and(fault)))?;
            }
        }
        Ok(())
    }

    /// The part of the scene that numbers depend on, as a key.
    pub(super) fn numbers_key(&self) -> String {
        let plain = Self {
            line: 0,
            step: At::Step(0),
            selection: Selection::default(),
            view: Distance::default(),
            ..self.clone()
        };
        format!("{plain:?}")
    }

    /// Reads the input, applies to it what the scene says, and makes the plan.
    pub fn stage(&self, files: Files) -> std::result::Result<Stage, Sentence> {
        let (input, run) = self.open(files)?;
        let input = run.apply(Cow::Owned(input)).map_err(|error| error.sentence())?;
        let shape = input.problem.shape;
        run.check_head(&shape)?;
        if shape.n_q.saturating_mul(shape.n_k) > MOST_PAIRS {
            let fault = Sentence::new("{0} x {1} pairs are too many for a lesson");
            return Err(fault.with(shape.n_q).with(shape.n_k));
        }
        let algorithm = self.algorithm(run.algorithm(), files)?;
        let plan = run.setting(&algorithm, &input, run.batch()).plan;
        Ok(Stage { input, algorithm, plan, run, exact: OnceCell::new() })
    }

    /// The algorithm of this name: one of the program's, or a text beside the lesson.
    pub fn algorithm(&self, name: &str, files: Files) -> std::result::Result<Algorithm, Sentence> {
        if is_text(name) {
            return (files.algorithm)(name);
        }
        algorithm::by_name(name).cloned().ok_or_else(|| Sentence::new("there is no algorithm {0}").with(name))
    }

    /// What the lesson calls its algorithm.
    pub fn algorithm_name(&self) -> String {
        let name = self.run.algorithm();
        if is_text(name) { named(self.folder.as_deref(), name.as_ref()) } else { name.to_owned() }
    }

    /// The name of an algorithm that the lesson calls so: a text lies beside it.
    pub(super) fn own_algorithm(&self, name: &str) -> std::result::Result<String, Sentence> {
        if !is_text(name) {
            return Ok(name.to_owned());
        }
        beside(self.folder.as_deref(), name).map(|path| path.to_string_lossy().into_owned())
    }

    /// The input, whole, and the run that the scene is of it.
    pub fn open(&self, files: Files) -> std::result::Result<(Input, RunSpec), Sentence> {
        let too_large = || Sentence::new("these sizes are too large for a lesson");
        let name = self.source();
        let input = if self.is_of_file() {
            let input = (files.input)(&self.run.input, &self.run.reading)?;
            let problem = &input.problem;
            let most = [problem.q.len(), problem.k.len(), problem.v.len()].into_iter().max().unwrap_or(0);
            if most > 8 * MOST_PAIRS {
                return Err(too_large());
            }
            input
        } else {
            let input = BuiltIn::parse(name).ok_or_else(|| Sentence::new("there is no input {0}").with(name))?;
            // Refused before memory is asked for.
            if input.most_elements() > 8 * MOST_PAIRS {
                return Err(too_large());
            }
            input.input(self.run.seed()).map_err(|error| error.sentence())?
        };
        let scale = self.scale(&input);
        Ok((input, RunSpec { scale, ..self.run.clone() }))
    }

    /// The scale that it chooses for `input`, with its factor; `None` where it leaves the input's own.
    pub fn scale(&self, input: &Input) -> Option<f64> {
        let own = self.run.scale.unwrap_or(input.problem.scale);
        if self.flip == 1.0 { self.run.scale } else { Some(own * self.flip) }
    }

    /// Its input is a file beside the lesson.
    pub fn is_of_file(&self) -> bool {
        self.run.input.first().is_some_and(|path| !path.to_string_lossy().starts_with(random::PREFIX))
    }

    /// The name of the input.
    fn source(&self) -> &str {
        let random = self.run.input.first().and_then(|path| path.to_str());
        random.or(self.run.scene.as_deref()).unwrap_or("toy")
    }
}

/// More tiles than this are counted by formulas only.
const MOST_TILES: usize = 1 << 14;

impl Stage {
    /// The head, unrounded: what exact results are made of.
    pub(super) fn exact(&self) -> &Head<f64> {
        self.exact.get_or_init(|| self.input.problem.head(self.run.batch(), self.run.head(), Precision::F64))
    }

    /// Multiplications of exact attention of one row.
    pub(super) fn work_of_row(&self) -> u64 {
        (self.plan.n_k as u64).saturating_mul((self.plan.d + self.plan.d_v) as u64)
    }

    /// Multiplications of a whole run.
    pub(super) fn work(&self) -> u64 {
        self.work_of_row().saturating_mul(self.plan.n_q as u64)
    }

    /// The schedule of `algorithm`, unless it is too long for a lesson.
    pub fn schedule(&self, algorithm: &Algorithm) -> std::result::Result<Schedule, Sentence> {
        if self.plan.t_r().saturating_mul(self.plan.t_c()) > MOST_TILES {
            return Err("so many tiles are too many to step through in a lesson; take larger blocks".into());
        }
        Ok(Schedule::of(algorithm, self.setting(algorithm, self.plan.clone())))
    }

    /// What a run of `algorithm` with this plan meets: the splits, and the heads that it is about.
    pub fn setting(&self, algorithm: &Algorithm, plan: Plan) -> Setting {
        let shape = self.input.problem.shape;
        let (splits, heads) = (self.run.splits(algorithm, &shape, &plan), algorithm.heads(&shape));
        Setting { splits, heads, arrival: self.run.arrival(algorithm), ..Setting::new(plan) }
    }
}

impl At {
    /// Steps done.
    pub fn cursor(&self, schedule: &Schedule) -> std::result::Result<u64, Sentence> {
        match self {
            At::Step(n) => Ok((*n).min(schedule.len())),
            At::End => Ok(schedule.len()),
            At::Operation { is_after, name, tile } => {
                let mut found = None;
                schedule.for_each(|n, step| {
                    let is_here = tile.is_none() || step.place.tile() == *tile;
                    if found.is_none() && is_here && schedule.algorithm.operation(step.line) == *name {
                        found = Some(n);
                    }
                });
                let n = found.ok_or_else(|| Sentence::new("the schedule has no such step as {0}").with(name))?;
                Ok(n + u64::from(*is_after))
            }
        }
    }
}
