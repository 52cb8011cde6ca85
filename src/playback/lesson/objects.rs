//! Things with parts, as expressions see them: traffic, a row, a run, a piece of a row, a chip.

use std::rc::Rc;

use crate::attention::error_rule::max_error;
use crate::attention::oracle::{self, Output};
use crate::attention::{Head, Precision};
use crate::machine::{Online, Run, Visit};
use crate::schedule::{Hardware, PerTensor, Tensor, Traffic};
use crate::sentence::Sentence;

use super::expr::{Arguments, Scope, Value};
use super::scene::{Scene, Stage};

type Answer = Result<Value, Sentence>;

/// What an algorithm moves.
pub struct Moved {
    pub traffic: Traffic,
}

impl Scope for Moved {
    fn name(&self, name: &str) -> Option<Value> {
        let traffic = &self.traffic;
        Some(match name {
            "elements" => traffic.hbm_elements().into(),
            "bytes" => traffic.hbm_bytes().into(),
            "flops" => traffic.flops.total().into(),
            "matmul" => traffic.flops.matmul.into(),
            "exps" => traffic.flops.exp.into(),
            "on_chip" => (traffic.sram_read + traffic.sram_write).into(),
            _ => return None,
        })
    }

    /// `read()` and `write()`: elements, of one tensor if it is named.
    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let of: &PerTensor = match name {
            "read" => &self.traffic.read,
            "write" => &self.traffic.write,
            _ => return None,
        };
        Some(match arguments.text() {
            None => Ok(of.elements().into()),
            Some(tensor) => match Tensor::known(&tensor) {
                Some(tensor) => Ok(of.get(tensor).into()),
                None => Err(Sentence::new("there is no tensor {0}").with(tensor)),
            },
        })
    }
}

/// One query: exactly, and as a run comes to know it, visit by visit.
pub struct Row {
    exact: oracle::Row,
    run: Rc<Run>,
    /// Its place in its query block.
    place: usize,
    visits: Vec<Visit>,
    o: Vec<f64>,
}

fn exact_head(stage: &Stage, scene: &Scene) -> Head<f64> {
    stage.input.problem.head(scene.run.batch(), scene.run.head(), Precision::F64)
}

impl Row {
    pub fn new(stage: &Stage, run: Rc<Run>, scene: &Scene, index: usize) -> Result<Self, Sentence> {
        let plan = &stage.plan;
        if index >= plan.n_q {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries}, from 0").with(plan.n_q));
        }
        let (block, place) = (index / plan.br, index % plan.br);
        let visits = run.history(block).swap_remove(place);
        let exact = oracle::row(&exact_head(stage, scene), index);
        let o = output(&run)?.o.row(index).to_vec();
        Ok(Self { exact, run, place, visits, o })
    }

    /// The visit with this number, from 1; `None` for 0, before the first.
    fn visit(&self, after: usize) -> Result<Option<&Visit>, Sentence> {
        match after.checked_sub(1) {
            None => Ok(None),
            Some(at) => self
                .visits
                .get(at)
                .map(Some)
                .ok_or_else(|| Sentence::new("there {0|is|are} {0} {0|visit|visits}").with(self.visits.len())),
        }
    }

    fn statistic(&self, arguments: &mut Arguments, start: f64, of: fn(&Visit) -> f64, end: f64) -> Answer {
        match arguments.take("after") {
            None => Ok(end.into()),
            Some(value) => {
                let after = whole(&value)?;
                Ok(self.visit(after)?.map_or(start, of).into())
            }
        }
    }

    /// O/l after a visit, or after one `step` of it: the weighted average of the keys so far.
    fn average(&self, arguments: &mut Arguments) -> Answer {
        let after = arguments.index("after")?;
        let name = arguments.named_text("step")?;
        let c = arguments.index_or("c", 0)?;
        let visit = self.visit(after)?.ok_or("before the first visit there is no average")?;
        let view = self.run.view(match name {
            None => visit.n + 1,
            Some(name) => self.cursor_after(&name, visit)?,
        });
        let names = view.step.and_then(|step| Online::of(&self.run.schedule.algorithm, step.line));
        let names = names.ok_or("it takes no row in pieces")?;
        let value = |name: usize| view.get(self.run.schedule.algorithm.text().names[name].as_str());
        let o = value(names.o).and_then(|o| o.get([self.place, c]).copied()).ok_or("there is no such component")?;
        let l = value(names.l).and_then(|l| l.get([self.place, 0]).copied()).ok_or("there is no l")?;
        // flash1 divides at every visit, and m is the new one once it has.
        let divided = names.is_average;
        Ok(if divided { o } else { o / l }.into())
    }

    /// The weight of key `j` if `minus` is subtracted from every score, and nothing else is.
    fn softmax(&self, arguments: &mut Arguments) -> Answer {
        let j = arguments.index("j")?;
        let minus = match arguments.take("minus") {
            None => 0.0,
            Some(Value::Number(number)) => number,
            Some(other) => {
                let fault = Sentence::new("`{0}` is a number, and this is {1}");
                return Err(fault.with("minus").and(other.kind()));
            }
        };
        let weights: Vec<f64> = self.exact.s.iter().map(|s| (s - minus).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let weight = weights.get(j).ok_or_else(|| Sentence::new("there {0|is|are} {0}, from 0").with(weights.len()))?;
        Ok((weight / sum).into())
    }

    /// Steps done after the step of this name in a visit.
    fn cursor_after(&self, name: &str, visit: &Visit) -> Result<u64, Sentence> {
        let schedule = &self.run.schedule;
        let tile = schedule.step(visit.n).and_then(|step| step.place.tile());
        let is_it = |n: &u64| {
            schedule
                .step(*n)
                .is_some_and(|step| step.place.tile() == tile && schedule.algorithm.operation(step.line) == name)
        };
        // A visit has a dozen steps.
        let found = (visit.n.saturating_sub(16)..=visit.n).rev().find(is_it);
        found.map(|n| n + 1).ok_or_else(|| Sentence::new("a visit has no step {0}").with(name))
    }
}

fn whole(value: &Value) -> Result<usize, Sentence> {
    match value {
        Value::Number(number) if *number == number.trunc() && (0.0..=1e6).contains(number) => Ok(*number as usize),
        _ => Err("a whole number is needed".into()),
    }
}

fn component(values: &[f64], arguments: &mut Arguments, name: &str) -> Answer {
    let index = arguments.index_or(name, 0)?;
    values.get(index).map(|&x| x.into()).ok_or_else(|| Sentence::new("there {0|is|are} {0}, from 0").with(values.len()))
}

impl Scope for Row {
    fn name(&self, name: &str) -> Option<Value> {
        Some(match name {
            "lse" => self.exact.lse.into(),
            "visits" => self.visits.len().into(),
            _ => return None,
        })
    }

    /// `s(j)`, `p(j)`, `o(c)`: exact scores and weights, and the run's output. `m`, `l`: at the end, or `after` a visit.
    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let exact = &self.exact;
        Some(match name {
            "s" => component(&exact.s, arguments, "j"),
            "p" => component(&exact.p, arguments, "j"),
            "o" => component(&self.o, arguments, "c"),
            "exact" => component(&exact.o, arguments, "c"),
            "m" => self.statistic(arguments, f64::NEG_INFINITY, |visit| visit.m, exact.m),
            "l" => self.statistic(arguments, 0.0, |visit| visit.l, exact.l),
            "alpha" => match arguments.index("at").and_then(|at| self.visit(at)) {
                Ok(Some(visit)) => Ok(visit.alpha.into()),
                Ok(None) => Err("visits count from 1".into()),
                Err(fault) => Err(fault),
            },
            "average" => self.average(arguments),
            "softmax" => self.softmax(arguments),
            _ => return None,
        })
    }
}

/// O, m, l and L of a run.
fn output(run: &Run) -> Result<&Output, Sentence> {
    run.output().ok_or_else(|| Sentence::new("{0} makes no O").with(run.schedule.algorithm.name()))
}

/// Everything that a run gave.
pub struct Results {
    run: Rc<Run>,
    got: Output,
    exact: Output,
}

impl Results {
    pub fn new(stage: &Stage, run: Rc<Run>, scene: &Scene) -> Result<Self, Sentence> {
        let got = output(&run)?.clone();
        Ok(Self { run, got, exact: oracle::attention(&exact_head(stage, scene)) })
    }
}

impl Scope for Results {
    fn name(&self, name: &str) -> Option<Value> {
        let (got, want) = (&self.got, &self.exact);
        Some(match name {
            "error" => max_error(&got.o, &want.o).into(),
            "steps" => self.run.schedule.len().into(),
            "is_nan" => got.o.iter().any(|x| x.is_nan()).into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let got = &self.got;
        Some(match name {
            "o" => arguments.index("i").and_then(|i| {
                let c = arguments.index_or("c", 0)?;
                got.o.get([i, c]).map(|&x| x.into()).ok_or_else(|| "there is no such number in O".into())
            }),
            "m" => component(&got.m, arguments, "i"),
            "l" => component(&got.l, arguments, "i"),
            "lse" => component(&got.lse, arguments, "i"),
            _ => return None,
        })
    }
}

/// The softmax of a run of keys alone.
pub struct Piece {
    m: f64,
    l: f64,
    average: Vec<f64>,
}

impl Piece {
    /// Keys `from` up to `to`, without `to`, of query `i`.
    pub fn new(stage: &Stage, scene: &Scene, i: usize, from: usize, to: usize) -> Result<Self, Sentence> {
        let plan = &stage.plan;
        if i >= plan.n_q || from >= to || to > plan.n_k {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries} and {1} {1|key|keys}")
                .with(plan.n_q)
                .with(plan.n_k));
        }
        let head = exact_head(stage, scene);
        let s = oracle::row(&head, i).s[from..to].to_vec();
        let m = s.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = s.iter().map(|s| (s - m).exp()).collect();
        let l: f64 = weights.iter().sum();
        let average = (0..plan.d_v)
            .map(|c| weights.iter().enumerate().map(|(j, w)| w * head.v[[from + j, c]]).sum::<f64>() / l)
            .collect();
        Ok(Self { m, l, average })
    }
}

impl Scope for Piece {
    fn name(&self, name: &str) -> Option<Value> {
        Some(match name {
            "m" => self.m.into(),
            "l" => self.l.into(),
            "lse" => (self.m + self.l.ln()).into(),
            _ => return None,
        })
    }

    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        (name == "average").then(|| component(&self.average, arguments, "c"))
    }
}

/// A hardware model.
pub struct Chip(pub Hardware);

impl Scope for Chip {
    fn name(&self, name: &str) -> Option<Value> {
        let chip = &self.0;
        Some(match name {
            "sms" => chip.sms.into(),
            "shared_per_sm" => chip.shared_bytes_per_sm.into(),
            "shared_per_block" => chip.shared_bytes_per_block.into(),
            "sram_per_sm" => chip.sram_bytes_per_sm.into(),
            "sram" => (chip.sms * chip.sram_bytes_per_sm).into(),
            "sram_bandwidth" => chip.sram_bytes_per_s.into(),
            "hbm" => chip.hbm_bytes.into(),
            "bandwidth" => chip.hbm_bytes_per_s.into(),
            "matmul" => chip.matmul_flops_per_s.into(),
            "vector" => chip.vector_flops_per_s.into(),
            "exps" => chip.exp_per_s.into(),
            _ => return None,
        })
    }

    fn call(&self, _: &str, _: &mut Arguments) -> Option<Answer> {
        None
    }
}
