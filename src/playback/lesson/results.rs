//! Everything that a run gave, as expressions see it, and how far it is from the exact result.

use std::rc::Rc;

use ndarray::Array2;

use crate::attention::error_rule::max_error;
use crate::attention::expected::GRADIENTS;
use crate::attention::oracle::{self, Output};
use crate::machine::Run;
use crate::sentence::Sentence;

use super::engine::Engine;
use super::expr::{Arguments, Scope, Value};
use super::functions::Answer;
use super::gradient::{Exact, at};
use super::objects::component;
use super::scene::Scene;

/// A run with what it should have given.
pub struct Results {
    run: Rc<Run>,
    of: Of,
}

/// Of which pass it is.
enum Of {
    /// What it gave, and what it should have given.
    Forward(Box<[Output; 2]>),
    Backward(Rc<Exact>),
}

impl Results {
    pub fn new(engine: &Engine, scene: &Scene, run: Rc<Run>) -> Result<Self, Sentence> {
        let of = match run.output() {
            Some(got) => {
                let exact = oracle::attention(engine.stage(scene)?.exact());
                Of::Forward(Box::new([got.clone(), exact]))
            }
            None if GRADIENTS.iter().any(|name| run.results().called(name).is_some()) => {
                Of::Backward(engine.gradients(scene)?)
            }
            None => return Err(makes_no_o(&run)),
        };
        Ok(Self { run, of })
    }

    fn forward(&self) -> Result<&Output, Sentence> {
        match &self.of {
            Of::Forward(outputs) => Ok(&outputs[0]),
            Of::Backward(_) => Err(makes_no_o(&self.run)),
        }
    }

    /// A gradient that the run left.
    fn gradient(&self, name: &str, arguments: &mut Arguments) -> Answer {
        let made = self.run.results().called(name);
        let made = made.ok_or_else(|| {
            Sentence::new("{0} makes no {1}").with(self.run.schedule.algorithm.short_name()).with(name)
        })?;
        at(&made, arguments, if name == "dQ" { "i" } else { "j" })
    }

    /// The largest distance from the exact results.
    fn error(&self) -> f64 {
        let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
        match &self.of {
            Of::Forward(outputs) => {
                let [got, want] = outputs.as_ref();
                max_error(&got.o, &want.o)
            }
            Of::Backward(exact) => {
                let of = |name: &&str| {
                    let (got, want) = (self.run.results().called(name)?, exact.named(name)?);
                    Some(max_error(got.iter(), want))
                };
                GRADIENTS.iter().filter_map(of).fold(0.0, larger)
            }
        }
    }

    fn is_nan(&self) -> bool {
        let is_nan = |values: &Array2<f64>| values.iter().any(|x| x.is_nan());
        match &self.of {
            Of::Forward(outputs) => is_nan(&outputs[0].o),
            Of::Backward(_) => self.run.results().iter().any(|(_, values)| is_nan(values)),
        }
    }
}

fn makes_no_o(run: &Run) -> Sentence {
    Sentence::new("{0} makes no O").with(run.schedule.algorithm.short_name())
}

/// O, m, l and L of a run.
pub(super) fn output(run: &Run) -> Result<&Output, Sentence> {
    run.output().ok_or_else(|| makes_no_o(run))
}

impl Scope for Results {
    fn name(&self, name: &str) -> Option<Value> {
        Some(match name {
            "error" => self.error().into(),
            "saturated" => self.run.results().saturated().iter().map(|(_, count)| count).sum::<u64>().into(),
            "steps" => self.run.schedule.len().into(),
            "is_nan" => self.is_nan().into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let rows = |rows: fn(&Output) -> &[f64]| self.forward().map(rows);
        Some(match name {
            "o" => arguments.index("i").and_then(|i| {
                let c = arguments.index_or("c", 0)?;
                self.forward()?.o.get([i, c]).map(|&x| x.into()).ok_or_else(|| "there is no such number in O".into())
            }),
            "m" => rows(|got| &got.m).and_then(|m| component(m, arguments, "i")),
            "l" => rows(|got| &got.l).and_then(|l| component(l, arguments, "i")),
            "lse" => rows(|got| &got.lse).and_then(|lse| component(lse, arguments, "i")),
            "dQ" | "dK" | "dV" => self.gradient(name, arguments),
            _ => return None,
        })
    }
}
