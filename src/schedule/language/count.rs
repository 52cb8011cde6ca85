//! The totals of a text, counted step by step.

use std::ops::ControlFlow;

use super::cost::Cost;
use super::setting::Setting;
use super::text::Algorithm;
use super::totals::Tally;
use super::walk::{Step, walk};
use super::words::Test;

/// Adds up steps, line by line.
pub struct Counter<'a> {
    algorithm: &'a Algorithm,
    setting: &'a Setting,
    keep_is_given: bool,
    /// Of each line: the costs of the sets of statements that were met, each worked out once.
    costs: Vec<Vec<(u32, Cost)>>,
    pub tally: Tally,
}

impl<'a> Counter<'a> {
    pub fn new(algorithm: &'a Algorithm, setting: &'a Setting) -> Self {
        Self {
            algorithm,
            setting,
            keep_is_given: setting.of_run(Test::KeepGiven),
            costs: vec![Vec::new(); algorithm.lines.len()],
            tally: Tally::new(algorithm),
        }
    }

    pub fn add(&mut self, step: &Step) {
        let known = &mut self.costs[step.line];
        let at = known.iter().position(|(held, _)| *held == step.held).unwrap_or_else(|| {
            let line = &self.algorithm.lines[step.line];
            known.push((step.held, Cost::of(self.algorithm, line, &self.setting.plan, self.keep_is_given, step.held)));
            known.len() - 1
        });
        self.tally.lines[step.line].add(&known[at].1, self.setting.counts(step.place), step.free);
    }
}

/// Walks all steps and adds up what they move and compute.
pub fn counted(algorithm: &Algorithm, setting: &Setting) -> Tally {
    let mut counter = Counter::new(algorithm, setting);
    let walked: ControlFlow<()> = walk(algorithm, setting, &mut |step| {
        counter.add(step);
        ControlFlow::Continue(())
    });
    debug_assert!(walked.is_continue(), "nothing breaks the walk");
    counter.tally
}
