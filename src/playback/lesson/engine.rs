//! Evaluates expressions on scenes. Remembers inputs and runs, which changes no answer, only the time it takes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::machine::Run;
use crate::schedule::{Algorithm, Plan};
use crate::sentence::Sentence;

use super::error::{LessonError, Result};
use super::expr::{self, Expr, Value};
use super::functions::Names;
use super::scene::{Scene, Stage};

/// What lessons are evaluated with. One serves any number of lessons.
#[derive(Default)]
pub struct Engine {
    /// Of the order in which choices stand. It changes no number.
    seed: u64,
    stages: RefCell<HashMap<String, Rc<Stage>>>,
    runs: RefCell<HashMap<String, Rc<Run>>>,
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
        let stage = Rc::new(scene.stage()?);
        keep(&self.stages, key, &stage);
        Ok(stage)
    }

    /// The whole run of `algorithm` on the input of a scene.
    pub fn run(&self, scene: &Scene, algorithm: &Algorithm) -> std::result::Result<Rc<Run>, Sentence> {
        let key = format!("{} {}", algorithm.name(), scene.numbers_key());
        if let Some(run) = self.runs.borrow().get(&key) {
            return Ok(Rc::clone(run));
        }
        let stage = self.stage(scene)?;
        let plan = &stage.plan;
        if work(plan) > MOST_WORK {
            return Err("so many numbers are too many to compute in a lesson; take fewer tokens".into());
        }
        let schedule = stage.schedule(algorithm)?;
        let run = Run::new(schedule, &stage.input.problem, scene.run.batch(), scene.run.head(), |_| true);
        let run = Rc::new(run.map_err(|fault| fault.sentence())?);
        keep(&self.runs, key, &run);
        Ok(run)
    }
}

/// Multiplications that one run may take.
const MOST_WORK: u64 = 1 << 28;

fn work(plan: &Plan) -> u64 {
    (plan.n_q as u64).saturating_mul(plan.n_k as u64).saturating_mul((plan.d + plan.d_v) as u64)
}

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
