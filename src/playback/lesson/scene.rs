//! What the stage shows at a beat: an input, how it is computed, where the cursor stands, what is selected.

use crate::attention::input::{bundled, preset, random};
use crate::attention::{Input, Mask, Precision};
use crate::schedule::{Algorithm, Hardware, Plan, Schedule, Tiling, algorithm, hardware};
use crate::sentence::Sentence;

use super::error::Result;
use super::fields::Field;
use super::scene_text::{at, blocks, input, mask, selection, stem};

/// A scene is plain data: the same scene is the same picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Of the cue that set it last; 0 where none did.
    pub line: usize,
    pub input: Source,
    /// The first tokens of a causal input only.
    pub prefix: Option<usize>,
    pub batch: usize,
    pub head: usize,
    pub algorithm: String,
    /// From the hardware where it is not given.
    pub blocks: Option<Tiling>,
    pub hardware: String,
    /// In place of the input's own.
    pub mask: Option<Mask>,
    pub precision: Precision,
    /// A factor on the input's scale: -1 turns its scores round.
    pub flip: f64,
    /// The name of a bug that the text has in some of its lines: one of [`BUGS`].
    pub bug: String,
    pub step: At,
    pub selection: Selection,
    pub view: Distance,
}

/// Where the numbers come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Row,
    Toy,
    /// A bundled capture, by its file without the extension.
    Capture(String),
    /// `random:..`, with a seed.
    Random(String, u64),
    Preset {
        name: String,
        n_q: usize,
        n_k: usize,
        d: usize,
        seed: u64,
    },
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

/// How close the main view is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    pub hardware: Hardware,
}

/// Names of the bugs that a text may have, in the order in which lists show them; the first is none.
pub const BUGS: [&str; 7] = ["none", "forget-alpha", "no-max", "no-guard", "minus-1000", "zero", "stuck-max"];

/// Pairs of query and key that a lesson may compute, and elements of one of its tensors.
const MOST_PAIRS: usize = 1 << 22;

impl Default for Scene {
    fn default() -> Self {
        Self {
            line: 0,
            input: Source::Toy,
            prefix: None,
            batch: 0,
            head: 0,
            algorithm: "flash2".into(),
            blocks: Some(Tiling { br: 4, bc: 4 }),
            hardware: "toy".into(),
            mask: None,
            precision: Precision::F32,
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
            "input" => *self = Self { line: field.line, ..input(value).ok_or_else(|| unknown("input"))? },
            "prefix" => self.prefix = Some(field.index()?),
            "batch" => self.batch = field.index()?,
            "head" => self.head = field.index()?,
            "algorithm" => {
                self.algorithm = algorithm::by_name(value).ok_or_else(|| unknown("algorithm"))?.name().into();
            }
            "blocks" => self.blocks = Some(blocks(value).ok_or_else(|| unknown("pair of block sizes such as 4x4"))?),
            "br" | "bc" => {
                let (size, known) = (field.index()?.max(1), self.blocks.unwrap_or(Tiling { br: 16, bc: 16 }));
                let is_rows = field.key == "br";
                self.blocks = Some(if is_rows { Tiling { br: size, ..known } } else { Tiling { bc: size, ..known } });
            }
            "hardware" => self.hardware = hardware::by_name(value).ok_or_else(|| unknown("hardware"))?.name.into(),
            "mask" => self.mask = Some(mask(value).ok_or_else(|| unknown("mask"))?),
            "precision" => self.precision = Precision::parse(value).ok_or_else(|| unknown("precision"))?,
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
            key => return Err(field.fault(Sentence::new("a scene has no `{0}`").with(key))),
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

    /// Reads the input and makes the plan. A fault is one sentence.
    pub fn stage(&self) -> std::result::Result<Stage, String> {
        let mut input = self.open()?;
        if let Some(prefix) = self.prefix {
            input = input.prefix(prefix).map_err(|error| error.to_string())?;
        }
        if let Some(mask) = &self.mask {
            input.problem.mask = mask.clone();
        }
        input.problem.scale *= self.flip;
        input.problem.validate().map_err(|error| error.to_string())?;
        let shape = input.problem.shape;
        if self.batch >= shape.batch || self.head >= shape.heads {
            return Err(format!("the input has {} batch entries and {} heads", shape.batch, shape.heads));
        }
        if shape.n_q.saturating_mul(shape.n_k) > MOST_PAIRS {
            return Err(format!("{} x {} pairs are too many for a lesson", shape.n_q, shape.n_k));
        }
        let algorithm = algorithm::by_name(&self.algorithm).ok_or("there is no such algorithm")?;
        let hardware = hardware::by_name(&self.hardware).ok_or("there is no such hardware")?;
        let tiling = self.blocks.unwrap_or_else(|| Tiling::for_hardware(algorithm, &shape, self.precision, &hardware));
        let plan = Plan::of_problem(&input.problem, self.batch, tiling, self.precision);
        Ok(Stage { input, algorithm: algorithm.clone(), plan, hardware })
    }

    fn open(&self) -> std::result::Result<Input, String> {
        match &self.input {
            Source::Row => Ok(preset::row()),
            Source::Toy => Ok(preset::toy()),
            Source::Capture(name) => {
                let capture = bundled::CAPTURES.iter().find(|capture| stem(capture.file) == name);
                Ok(capture.ok_or_else(|| format!("there is no capture {name}"))?.input())
            }
            Source::Random(spec, seed) => {
                let sizes = spec.trim_start_matches(random::PREFIX).split(',');
                within_limits(sizes.filter_map(|size| size.trim().parse().ok()))?;
                random::read(spec, *seed).map_err(|error| error.to_string())
            }
            Source::Preset { name, n_q, n_k, d, seed } => {
                within_limits([*n_q, *n_k, *d].into_iter())?;
                let preset = preset::Preset::parse(name).ok_or_else(|| format!("there is no preset {name}"))?;
                preset.input(*n_q, *n_k, *d, *seed).map_err(|error| error.to_string())
            }
        }
    }
}

/// More tiles than this are counted by formulas only.
const MOST_TILES: usize = 1 << 14;

impl Stage {
    /// The schedule of `algorithm`, unless it is too long for a lesson.
    pub fn schedule(&self, algorithm: &Algorithm) -> std::result::Result<Schedule, String> {
        if self.plan.t_r().saturating_mul(self.plan.t_c()) > MOST_TILES {
            return Err("so many tiles are too many to step through in a lesson; take larger blocks".into());
        }
        Ok(Schedule::new(algorithm, self.plan.clone()))
    }
}

/// Refuses sizes before memory is asked for.
fn within_limits(sizes: impl Iterator<Item = usize>) -> std::result::Result<(), String> {
    match sizes.fold(1, usize::saturating_mul) {
        product if product <= 8 * MOST_PAIRS => Ok(()),
        _ => Err("these sizes are too large for a lesson".into()),
    }
}

impl At {
    /// Steps done.
    pub fn cursor(&self, schedule: &Schedule) -> std::result::Result<u64, String> {
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
                let n = found.ok_or_else(|| format!("the schedule has no such step as {name}"))?;
                Ok(n + u64::from(*is_after))
            }
        }
    }
}
