//! The steps of the texts against the loops of the papers, written out here in Rust, one by one.

use proptest::prelude::*;
use tilescope::attention::{Precision, TileClass};
use tilescope::schedule::language::{Setting, closed_form, peak};
use tilescope::schedule::tiling::footprint;
use tilescope::schedule::{DropoutCost, Plan, Schedule, Tiling, algorithm};

use super::common::plans;
use super::text;

/// A step: its label with the tensor that it moves, its place, whether it moves nothing, whether buffers are alive.
type Told = (String, Option<usize>, Option<usize>, bool, bool);

/// Writes the steps that a paper's loops take.
struct Paper<'a> {
    plan: &'a Plan,
    at: (Option<usize>, Option<usize>),
    has_begun: bool,
    steps: Vec<Told>,
}

impl Paper<'_> {
    fn step(&mut self, name: &str) {
        self.push(name, false);
    }

    fn steps(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.step(name));
    }

    fn push(&mut self, name: &str, free: bool) {
        self.has_begun |= !name.starts_with("initialise");
        self.steps.push((name.to_owned(), self.at.0, self.at.1, free, self.has_begun));
    }

    fn scores(&mut self, i: usize, j: usize) {
        if self.plan.bias {
            self.step("load bias");
        }
        self.step("scores");
        if self.plan.class(i, j) != TileClass::Full {
            self.step("mask");
        }
    }

    fn dropout(&mut self) {
        match self.plan.dropout {
            DropoutCost::None => {}
            DropoutCost::Regenerated => self.step("dropout"),
            DropoutCost::Materialised => self.steps(&["load keep", "dropout"]),
        }
    }

    fn sees(&self, i: usize, j: usize) -> bool {
        self.plan.class(i, j) != TileClass::Skipped
    }

    /// FlashAttention, Algorithm 0, with ideal products.
    fn standard(&mut self) {
        let (t_r, t_c) = (self.plan.t_r(), self.plan.t_c());
        for i in 0..t_r {
            self.at = (Some(i), None);
            self.step("load Q");
            for j in 0..t_c {
                self.at.1 = Some(j);
                self.push("load K", i > 0);
                self.scores(i, j);
                self.step("store S");
            }
        }
        for i in 0..t_r {
            for j in 0..t_c {
                self.at = (Some(i), Some(j));
                self.step("load S");
            }
            self.at.1 = None;
            self.steps(&["tile-max", "exponentiate", "row-sum", "divide-rows"]);
            for j in 0..t_c {
                self.at.1 = Some(j);
                self.dropout();
                self.step("store P");
            }
        }
        for i in 0..t_r {
            self.at = (Some(i), None);
            self.step("start-output");
            for j in 0..t_c {
                self.at.1 = Some(j);
                self.step("load P");
                self.push("load V", i > 0);
                self.step("product");
            }
            self.at.1 = None;
            self.step("store O");
        }
    }

    /// FlashAttention, Algorithm 1.
    fn flash1(&mut self) {
        let (t_r, t_c) = (self.plan.t_r(), self.plan.t_c());
        for i in 0..t_r {
            self.at = (Some(i), None);
            self.steps(&["initialise O", "initialise l", "initialise m"]);
        }
        for j in (0..t_c).filter(|&j| (0..t_r).any(|i| self.plan.class(i, j) != TileClass::Skipped)) {
            self.at = (None, Some(j));
            self.steps(&["load K", "load V"]);
            for i in 0..t_r {
                if self.sees(i, j) {
                    self.at.0 = Some(i);
                    self.steps(&["load Q", "load O", "load l", "load m"]);
                    self.scores(i, j);
                    self.steps(&["tile-max", "exponentiate", "row-sum"]);
                    self.dropout();
                    self.steps(&["merge-stats", "merge-output", "store O", "store l", "store m"]);
                }
            }
        }
    }

    /// FlashAttention-2, Algorithm 1.
    fn flash2(&mut self) {
        for i in 0..self.plan.t_r() {
            self.at = (Some(i), None);
            self.steps(&["load Q", "start-rows"]);
            for j in 0..self.plan.t_c() {
                if self.sees(i, j) {
                    self.at.1 = Some(j);
                    self.step("load K");
                    self.scores(i, j);
                    self.steps(&["row-max", "exponentiate", "row-sum"]);
                    self.dropout();
                    self.steps(&["rescale", "load V", "accumulate"]);
                }
            }
            self.at.1 = None;
            self.steps(&["normalise", "store O", "store L"]);
        }
    }
}

fn by_paper(name: &str, plan: &Plan) -> Vec<Told> {
    let mut paper = Paper { plan, at: (None, None), has_begun: false, steps: Vec::new() };
    match name {
        "standard" => paper.standard(),
        "flash1" => paper.flash1(),
        "flash2" => paper.flash2(),
        _ => panic!("no loops of {name} are written out"),
    }
    paper.steps
}

fn by_schedule(schedule: &Schedule) -> Vec<Told> {
    let mut steps = Vec::new();
    schedule.for_each(|n, step| {
        assert_eq!(schedule.step(n), Some(*step), "on its own as in the row");
        let is_alive = !schedule.buffers_after(n).is_empty();
        let operation = schedule.algorithm.operation(step.line);
        steps.push((operation, step.place.i(), step.place.j(), step.free, is_alive));
    });
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn texts_have_the_steps_of_the_papers(plan in plans()) {
        for known in *algorithm::ALL {
            let schedule = Schedule::new(known, plan.clone());
            let (paper, ours) = (by_paper(known.name(), &plan), by_schedule(&schedule));
            prop_assert_eq!(ours.len() as u64, schedule.len());
            let first = paper.iter().zip(&ours).position(|(paper, ours)| paper != ours);
            prop_assert_eq!(first.map(|n| (n, &paper[n], &ours[n])), None, "{}", known.name());
            prop_assert_eq!(paper.len(), ours.len(), "{}", known.name());
        }
    }
}

#[test]
fn standard_on_toy_has_156_steps() {
    let plan = Plan::new(16, 16, 4, Tiling { br: 4, bc: 4 }, Precision::F32);
    let standard = algorithm::by_name("standard").expect("standard");
    assert_eq!(Schedule::new(standard, plan.clone()).len(), 156);
    assert_eq!(closed_form(&text("standard"), &Setting::new(plan)).total().steps, 156);
}

#[test]
fn the_largest_program_is_the_peak() {
    for known in *algorithm::ALL {
        let plan = Plan::new(100, 90, 8, Tiling { br: 16, bc: 32 }, Precision::F16);
        let setting = Setting::new(plan.clone());
        if known.is_budgeted() {
            assert_eq!(peak(known.text(), &setting), footprint(known, &plan), "{}", known.name());
        }
    }
}
