//! What the stage shows at a beat: an input, how it is computed, where the cursor stands, what is selected.

use std::borrow::Cow;

use crate::attention::Input;
use crate::attention::input::BuiltIn;
use crate::schedule::spec::{Choice, RunSpec};
use crate::schedule::{Algorithm, Plan, Schedule, Setting, algorithm, hardware};
use crate::sentence::Sentence;

use super::error::Result;
use super::fields::Field;
use super::scene_text::{at, blocks, input, mask, selection};

/// A scene is plain data: the same scene is the same picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Of the cue that set it last; 0 where none did.
    pub line: usize,
    /// An input that comes with the program, or a random one, and how it is computed.
    pub run: RunSpec,
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
    /// What the scene chooses, on that input.
    pub run: RunSpec,
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
            "blocks" => {
                let tiling = blocks(value).ok_or_else(|| unknown("pair of block sizes such as 4x4"))?;
                self.run = std::mem::take(&mut self.run).with_blocks(tiling);
            }
            "mask" => mask(value, &mut self.run).ok_or_else(|| unknown("mask"))?,
            "algorithm" if algorithm::by_name(value).is_none() => return Err(unknown("algorithm")),
            "prefix" | "batch" | "head" | "algorithm" | "br" | "bc" | "hardware" | "precision" => {
                let choice = Choice::by_name(&field.key).ok_or_else(|| unknown("choice"))?;
                choice
                    .set(&mut self.run, value)
                    .map_err(|fault| field.fault(Sentence::new("`{0}`: {1}").with(value).and(fault)))?;
            }
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

    /// Reads the input, applies to it what the scene says, and makes the plan.
    pub fn stage(&self) -> std::result::Result<Stage, Sentence> {
        let (input, run) = self.open()?;
        let input = run.apply(Cow::Owned(input)).map_err(|error| error.sentence())?;
        let shape = input.problem.shape;
        run.check_head(&shape)?;
        if shape.n_q.saturating_mul(shape.n_k) > MOST_PAIRS {
            let fault = Sentence::new("{0} x {1} pairs are too many for a lesson");
            return Err(fault.with(shape.n_q).with(shape.n_k));
        }
        let algorithm = algorithm::by_name(run.algorithm()).ok_or("there is no such algorithm")?.clone();
        let plan = run.setting(&algorithm, &input, run.batch()).plan;
        Ok(Stage { input, algorithm, plan, run })
    }

    /// The input, whole, and the run that the scene is of it.
    pub fn open(&self) -> std::result::Result<(Input, RunSpec), Sentence> {
        let name = self.source();
        let input = BuiltIn::parse(name).ok_or_else(|| Sentence::new("there is no input {0}").with(name))?;
        // Refused before memory is asked for.
        if input.most_elements() > 8 * MOST_PAIRS {
            return Err("these sizes are too large for a lesson".into());
        }
        let input = input.input(self.run.seed()).map_err(|error| error.sentence())?;
        let scale = (self.flip != 1.0).then_some(input.problem.scale * self.flip);
        Ok((input, RunSpec { scale: scale.or(self.run.scale), ..self.run.clone() }))
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
    /// The schedule of `algorithm`, unless it is too long for a lesson.
    pub fn schedule(&self, algorithm: &Algorithm) -> std::result::Result<Schedule, Sentence> {
        if self.plan.t_r().saturating_mul(self.plan.t_c()) > MOST_TILES {
            return Err("so many tiles are too many to step through in a lesson; take larger blocks".into());
        }
        let splits = self.run.splits(algorithm);
        Ok(Schedule::of(algorithm, Setting { splits, ..Setting::new(self.plan.clone()) }))
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
