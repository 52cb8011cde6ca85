//! Evaluates expressions on scenes. Remembers inputs and runs, which changes no answer, only the time it takes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use ndarray::Axis;

use crate::machine::Run;
use crate::schedule::Algorithm;
use crate::sentence::Sentence;

use super::error::{LessonError, Result};
use super::expr::{self, Expr, Value};
use super::files::{self, Files, is_text};
use super::functions::Names;
use super::gradient::Exact;
use super::markdown::LessonPicture;
use super::scene::{Scene, Stage};

/// What lessons are evaluated with. One serves any number of lessons.
#[derive(Default)]
pub struct Engine {
    /// Of the order in which choices stand. It changes no number.
    seed: u64,
    /// How the files of a lesson are read.
    files: Files,
    stages: RefCell<HashMap<String, Rc<Stage>>>,
    runs: RefCell<HashMap<String, Rc<Run>>>,
    gradients: RefCell<HashMap<String, Rc<Exact>>>,
    /// Texts beside the lesson, by their paths.
    texts: RefCell<HashMap<String, Algorithm>>,
}

/// A lesson needs a handful; a person who tries block sizes makes more.
const MOST_KEPT: usize = 64;

impl Engine {
    pub fn new() -> Self {
        Self::default()
    }

    /// One under which choices that are texts stand in another order.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// From now on choices stand in another order. What was computed stays.
    pub fn reseed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// It with a way to read what lies beside a lesson.
    pub fn reading(self, files: Files) -> Self {
        Self { files, ..self }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The value of `expr` on `scene`.
    pub fn eval(&self, expr: &Expr, scene: &Scene) -> Result<Value> {
        expr::eval(expr, &Names::new(self, scene))
    }

    /// A number. Errors where `expr` gives something else.
    pub fn number(&self, expr: &Expr, scene: &Scene) -> Result<f64> {
        match self.eval(expr, scene)? {
            Value::Number(number) => Ok(number),
            other => Err(wrong_kind(expr, "a number", &other)),
        }
    }

    /// Whether a condition holds. Errors where `expr` gives something else.
    pub fn holds(&self, expr: &Expr, scene: &Scene) -> Result<bool> {
        match self.eval(expr, scene)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(wrong_kind(expr, "true or false", &other)),
        }
    }

    /// The input and the plan of a scene. A fault is one sentence.
    pub fn stage(&self, scene: &Scene) -> std::result::Result<Rc<Stage>, Sentence> {
        let key = scene.numbers_key();
        if let Some(stage) = self.stages.borrow().get(&key) {
            return Ok(Rc::clone(stage));
        }
        let stage = Rc::new(scene.stage(self.files)?);
        keep(&self.stages, key, &stage);
        Ok(stage)
    }

    /// The algorithm of this name: one of the program's, or a text, by its path.
    pub(super) fn algorithm(&self, scene: &Scene, name: &str) -> std::result::Result<Algorithm, Sentence> {
        if let Some(known) = self.texts.borrow().get(name) {
            return Ok(known.clone());
        }
        let algorithm = scene.algorithm(name, self.files)?;
        if is_text(name) {
            self.texts.borrow_mut().insert(name.to_owned(), algorithm.clone());
        }
        Ok(algorithm)
    }

    /// The picture `name` of the lesson that a scene is of. A fault is one sentence.
    pub fn picture(&self, scene: &Scene, name: &str) -> std::result::Result<LessonPicture, Sentence> {
        files::picture(scene.folder.as_deref(), name, self.files)
    }

    /// The exact gradients of the head of a scene.
    pub(super) fn gradients(&self, scene: &Scene) -> std::result::Result<Rc<Exact>, Sentence> {
        let key = scene.numbers_key();
        if let Some(exact) = self.gradients.borrow().get(&key) {
            return Ok(Rc::clone(exact));
        }
        let stage = self.stage(scene)?;
        let group = stage.input.problem.shape.group() as u64;
        if stage.work().saturating_mul(2 * group) > MOST_WORK {
            return Err(TOO_MANY.into());
        }
        let exact = Rc::new(Exact::new(&stage));
        keep(&self.gradients, key, &exact);
        Ok(exact)
    }

    /// The whole run of `algorithm` on the input of a scene.
    pub fn run(&self, scene: &Scene, algorithm: &Algorithm) -> std::result::Result<Rc<Run>, Sentence> {
        let key = format!("{} {}", algorithm.name(), scene.numbers_key());
        if let Some(run) = self.runs.borrow().get(&key) {
            return Ok(Rc::clone(run));
        }
        let run = Rc::new(self.run_once(scene, algorithm)?);
        keep(&self.runs, key, &run);
        Ok(run)
    }

    /// The same of a text that is asked for once.
    pub(super) fn run_once(&self, scene: &Scene, algorithm: &Algorithm) -> std::result::Result<Run, Sentence> {
        let stage = self.stage(scene)?;
        if stage.work() > MOST_WORK {
            return Err(TOO_MANY.into());
        }
        let schedule = stage.schedule(algorithm)?;
        let (batch, head) = (scene.run.batch(), scene.run.head());
        let d_o = stage.input.d_o.as_ref().map(|d_o| d_o.index_axis(Axis(0), batch));
        let run = Run::with_gradient(schedule, &stage.input.problem, d_o, batch, head, |_| true);
        run.map_err(|fault| fault.sentence())
    }
}

/// Multiplications that one run may take.
const MOST_WORK: u64 = 1 << 28;

const TOO_MANY: &str = "so many numbers are too many to compute in a lesson; take fewer tokens";

fn keep<T>(kept: &RefCell<HashMap<String, Rc<T>>>, key: String, value: &Rc<T>) {
    let mut kept = kept.borrow_mut();
    if kept.len() >= MOST_KEPT {
        kept.clear();
    }
    kept.insert(key, Rc::clone(value));
}

fn wrong_kind(expr: &Expr, need: &'static str, found: &Value) -> LessonError {
    LessonError::at(expr.line, expr.column, Sentence::new("{0} is needed, and this is {1}").and(need).and(found.kind()))
}
