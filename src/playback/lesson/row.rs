//! One query, as expressions see it: exactly, and as a run comes to know it, visit by visit.

use std::cell::OnceCell;
use std::rc::Rc;

use ndarray::ArrayView1;

use crate::attention::oracle;
use crate::machine::{Online, Run, Visit};
use crate::sentence::Sentence;

use super::expr::{Arguments, Budget, Scope, Value};
use super::functions::{Answer, list};
use super::objects::component;
use super::results::output;
use super::scene::Stage;

/// A query with its exact attention, and its run.
pub struct Row {
    exact: oracle::Row,
    /// Or why there is none: exact numbers need none.
    run: Result<Rc<Run>, Sentence>,
    index: usize,
    /// Its block, and its place in it.
    place: (usize, usize),
    visits: OnceCell<Vec<Visit>>,
    /// Of carrying out its block again.
    work: u64,
    budget: Rc<Budget>,
}

impl Row {
    pub fn new(
        stage: &Stage,
        run: Result<Rc<Run>, Sentence>,
        index: usize,
        budget: Rc<Budget>,
    ) -> Result<Self, Sentence> {
        let plan = &stage.plan;
        if index >= plan.n_q {
            return Err(Sentence::new("there {0|is|are} {0} {0|query|queries}, from 0").with(plan.n_q));
        }
        budget.spend(stage.work_of_row())?;
        let block = plan.query_block(index);
        let place = (block, index - plan.rows(block).start);
        let work = stage.work_of_row().saturating_mul(plan.br as u64);
        let (exact, visits) = (oracle::row(stage.exact(), index), OnceCell::new());
        Ok(Self { exact, run, index, place, visits, work, budget })
    }

    fn run(&self) -> Result<&Rc<Run>, Sentence> {
        self.run.as_ref().map_err(Clone::clone)
    }

    fn visits(&self) -> Result<&[Visit], Sentence> {
        if self.visits.get().is_none() {
            let run = self.run()?;
            self.budget.spend(self.work)?;
            let visits = run.history(self.place.0).swap_remove(self.place.1);
            return Ok(self.visits.get_or_init(|| visits));
        }
        Ok(self.visits.get().map_or(&[], Vec::as_slice))
    }

    /// The visit with this number, from 1; `None` for 0, before the first.
    fn visit(&self, after: usize) -> Result<Option<&Visit>, Sentence> {
        let visits = self.visits()?;
        match after.checked_sub(1) {
            None => Ok(None),
            Some(at) => visits
                .get(at)
                .map(Some)
                .ok_or_else(|| Sentence::new("there {0|is|are} {0} {0|visit|visits}").with(visits.len())),
        }
    }

    fn statistic(&self, arguments: &mut Arguments, start: f64, of: fn(&Visit) -> f64, end: f64) -> Answer {
        match arguments.index_if_given("after")? {
            None => Ok(end.into()),
            Some(after) => Ok(self.visit(after)?.map_or(start, of).into()),
        }
    }

    /// O/l after a visit, or after one `step` of it: the weighted average of the keys so far.
    fn average(&self, arguments: &mut Arguments) -> Answer {
        let after = arguments.index("after")?;
        let name = arguments.named_text("step")?;
        let c = arguments.index_or("c", 0)?;
        let visit = self.visit(after)?.ok_or("before the first visit there is no average")?;
        let run = self.run()?;
        self.budget.spend(self.work)?;
        let view = run.view(match name {
            None => visit.n + 1,
            Some(name) => cursor_after(run, &name, visit)?,
        });
        let names = view.step.and_then(|step| Online::of(&run.schedule.algorithm, step.line));
        let names = names.ok_or("it takes no row in pieces")?;
        let value = |name: usize| view.get(run.schedule.algorithm.text().names[name].as_str());
        let place = self.place.1;
        let o = value(names.o).and_then(|o| o.get([place, c]).copied()).ok_or("there is no such component")?;
        let l = value(names.l).and_then(|l| l.get([place, 0]).copied()).ok_or("there is no l")?;
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

    fn list(&self, values: &[f64]) -> Answer {
        self.budget.spend_list(values.len())?;
        Ok(list(ArrayView1::from(values)))
    }

    /// O of the run.
    fn output(&self) -> Result<Vec<f64>, Sentence> {
        Ok(output(self.run()?)?.o.row(self.index).to_vec())
    }
}

/// Steps done after the step of this name in a visit.
fn cursor_after(run: &Run, name: &str, visit: &Visit) -> Result<u64, Sentence> {
    let schedule = &run.schedule;
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

impl Scope for Row {
    fn name(&self, name: &str) -> Option<Value> {
        Some(match name {
            "lse" => self.exact.lse.into(),
            _ => return None,
        })
    }

    /// `s(j)`, `p(j)`, `exact(c)` exactly, and the run's `o(c)`. `m`, `l`: exactly at the end, or `after` a visit.
    fn call(&self, name: &str, arguments: &mut Arguments) -> Option<Answer> {
        let exact = &self.exact;
        Some(match name {
            "visits" => self.visits().map(|visits| visits.len().into()),
            "scores" => self.list(&exact.s),
            "weights" => self.list(&exact.p),
            "exact_output" => self.list(&exact.o),
            "output" => self.output().and_then(|o| self.list(&o)),
            "s" => component(&exact.s, arguments, "j"),
            "p" => component(&exact.p, arguments, "j"),
            "o" => self.output().and_then(|o| component(&o, arguments, "c")),
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
