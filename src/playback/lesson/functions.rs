//! The names that an expression may use: the scene's sizes, and functions that ask the engine for numbers.

use std::rc::Rc;

use ndarray::ArrayView1;

use crate::machine::Run;
use crate::schedule::spec::Choice;
use crate::schedule::{Algorithm, hardware};
use crate::sentence::Sentence;

use super::engine::Engine;
use super::expr::{Arguments, Budget, Scope, Value};
use super::gradient::Gradient;
use super::objects::{Chip, Piece};
use super::results::Results;
use super::row::Row;
use super::scene::{BUGS, Scene, Stage};

pub(super) type Answer = Result<Value, Sentence>;

/// The names of one scene, for one expression.
pub struct Names<'a> {
    pub(super) engine: &'a Engine,
    pub(super) scene: &'a Scene,
    /// Shared with the rows that it gives.
    pub(super) budget: Rc<Budget>,
}

impl<'a> Names<'a> {
    pub fn new(engine: &'a Engine, scene: &'a Scene) -> Self {
        Self { engine, scene, budget: Rc::default() }
    }

    pub(super) fn stage(&self) -> Result<Rc<Stage>, Sentence> {
        self.engine.stage(self.scene)
    }
}

/// A choice of this name makes another run of the same scene and text.
fn other_run(name: &str) -> bool {
    !["scene", "algorithm"].contains(&name)
}

impl Scope for Names<'_> {
    fn name(&self, name: &str) -> Option<Value> {
        let scene = self.scene;
        match name {
            "algorithm" => return Some(Value::Text(scene.algorithm_name())),
            "precision" => return Some(Value::Text(scene.run.precision().to_string())),
            "bug" => return Some(scene.bug.as_str().into()),
            "budget" => return Some(scene.run.hardware().shared_bytes_per_block.into()),
            "cursor" | "operation" => return self.at_cursor(name),
            "shows_nan" => return self.shows_nan().map(Value::Bool),
            _ => {}
        }
        let stage = self.stage().ok()?;
        let (plan, problem) = (&stage.plan, &stage.input.problem);
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
            "causal" => problem.mask.causal.into(),
            "align" => problem.mask.align.name().into(),
            "scale" => problem.scale.into(),
            "batch" => scene.run.batch().into(),
            "head" => scene.run.head().into(),
            "heads" => problem.shape.heads.into(),
            "kv_head" => problem.shape.kv_head(scene.run.head()).into(),
            "kv_heads" => problem.shape.kv_heads.into(),
            "splits" => stage.run.splits(&stage.algorithm, &problem.shape, plan).into(),
            "element_bytes" => plan.precision.element_bytes().into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        self.count(name, arguments).or_else(|| self.modelled(name, arguments)).or_else(|| {
            Some(match name {
                "row" => self.row(arguments),
                "run" => self.run(arguments),
                "gradient" => self.gradient(arguments),
                "piece" => self.piece(arguments),
                "q" | "k" | "v" => self.vector(name, arguments),
                "hardware" => self.hardware(arguments),
                "token" => self.token(arguments),
                "value" => self.value(arguments),
                "mean_of_values" => self.mean_of_values(arguments),
                _ => return None,
            })
        })
    }

    fn budget(&self) -> Option<&Budget> {
        Some(&self.budget)
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
    pub(super) fn algorithm(&self, arguments: &mut Arguments) -> Result<Algorithm, Sentence> {
        let name = match arguments.text() {
            Some(name) => self.scene.own_algorithm(&name)?,
            None => self.scene.run.algorithm().to_owned(),
        };
        self.engine.algorithm(self.scene, &name)
    }

    /// The scene with the choices that are given by name, such as `scale=1/16` or `head=3`; `_` stands for `-`.
    pub(super) fn chosen(&self, arguments: &mut Arguments, takes: impl Fn(&str) -> bool) -> Result<Scene, Sentence> {
        let mut scene = self.scene.clone();
        for name in arguments.names() {
            let known = Choice::by_name(&name.replace('_', "-"));
            let Some(choice) = known.filter(|choice| takes(choice.name)) else { continue };
            let said = match arguments.take_named(&name) {
                Some(Value::Number(number)) => number.to_string(),
                Some(Value::Bool(truth)) => truth.to_string(),
                Some(Value::Text(text)) => text,
                _ => return Err(Sentence::new("`{0}` is a number or a text").with(name)),
            };
            if choice.name == "scale" {
                // What is said is the scale, without the factor of the scene.
                scene.flip = 1.0;
            }
            choice
                .set(&mut scene.run, &said)
                .map_err(|fault| Sentence::new("`{0}`: {1}").with(format!("{name}={said}")).and(fault))?;
        }
        Ok(scene)
    }

    fn row(&self, arguments: &mut Arguments) -> Answer {
        let index = arguments.index("i")?;
        let (scene, run) = self.run_of(arguments)?;
        let stage = self.engine.stage(&scene)?;
        Row::new(&stage, run, index, Rc::clone(&self.budget)).map(|row| Value::Object(Rc::new(row)))
    }

    fn run(&self, arguments: &mut Arguments) -> Answer {
        let (scene, run) = self.run_of(arguments)?;
        // It is compared with the exact result.
        self.budget.spend(self.engine.stage(&scene)?.work())?;
        Ok(Value::Object(Rc::new(Results::new(self.engine, &scene, run?)?)))
    }

    /// The run of an algorithm (by place) under a bug (by name) and other choices, or of the scene's.
    fn run_of(&self, arguments: &mut Arguments) -> Result<(Scene, Result<Rc<Run>, Sentence>), Sentence> {
        let algorithm = self.algorithm(arguments)?;
        let bug = arguments.named_text("bug")?.unwrap_or_else(|| self.scene.bug.clone());
        if !BUGS.contains(&bug.as_str()) {
            return Err(Sentence::new("there is no bug {0}").with(bug));
        }
        let scene = self.chosen(arguments, other_run)?;
        let run = self.engine.run(&scene, &algorithm.with_bug(&bug));
        Ok((scene, run))
    }

    /// The exact gradients of the head.
    fn gradient(&self, arguments: &mut Arguments) -> Answer {
        let scene = self.chosen(arguments, other_run)?;
        Ok(Value::Object(Rc::new(Gradient::new(self.engine, &scene, Rc::clone(&self.budget))?)))
    }

    fn piece(&self, arguments: &mut Arguments) -> Answer {
        let (i, from, to) = (arguments.index("i")?, arguments.index("from")?, arguments.index("to")?);
        let stage = self.engine.stage(&self.chosen(arguments, other_run)?)?;
        self.budget.spend(stage.work_of_row())?;
        Piece::new(&stage, i, from, to).map(|piece| Value::Object(Rc::new(piece)))
    }

    /// `q(i)`, `k(j)`, `v(j)`: a row of the head's input.
    fn vector(&self, name: &str, arguments: &mut Arguments) -> Answer {
        let index = arguments.index(if name == "q" { "i" } else { "j" })?;
        let stage = self.engine.stage(&self.chosen(arguments, other_run)?)?;
        let head = stage.exact();
        let (of, rows) = match name {
            "q" => (&head.q, "there {0|is|are} {0} {0|query|queries}, from 0"),
            "k" => (&head.k, "there {0|is|are} {0} {0|key|keys}, from 0"),
            _ => (&head.v, "there {0|is|are} {0} {0|key|keys}, from 0"),
        };
        if index >= of.nrows() {
            return Err(Sentence::new(rows).with(of.nrows()));
        }
        self.budget.spend_list(of.ncols())?;
        Ok(list(of.row(index)))
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
        stage.exact().v.get([j, c]).map(|&v| v.into()).ok_or_else(|| "there is no such value".into())
    }

    fn mean_of_values(&self, arguments: &mut Arguments) -> Answer {
        let (c, stage) = (arguments.index_or("c", 0)?, self.stage()?);
        let v = &stage.exact().v;
        if c >= v.ncols() {
            return Err(Sentence::new("values have {0} {0|component|components}").with(v.ncols()));
        }
        Ok((v.column(c).sum() / v.nrows() as f64).into())
    }
}

pub(super) fn list(values: ArrayView1<'_, f64>) -> Value {
    Value::List(values.iter().map(|&x| x.into()).collect())
}
