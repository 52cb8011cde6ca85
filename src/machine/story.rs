//! One row through its online softmax, visit by visit: what the picture of the needle is drawn from.

use crate::attention::Real;
use crate::schedule::{Max, Op, Step};
use crate::sentence::Sentence;

use super::numbers::Machine;

/// Everything that happens to one row, in the order of its visits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowStory {
    pub query: usize,
    /// Empty for an algorithm that takes rows whole.
    pub visits: Vec<RowVisit>,
    /// The step after which the row's result is final on chip.
    pub end: Option<u64>,
    /// Why the row is not like others, if it is not.
    pub note: Option<Sentence>,
}

/// The running statistics of the row at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RowSums {
    pub m: f64,
    pub l: f64,
    /// As the algorithm keeps it: the weighted sum, or the average already.
    pub o: Vec<f64>,
}

/// One key block, as the row sees it. Steps are numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct RowVisit {
    pub j: usize,
    /// The first key of the block.
    pub first_key: usize,
    /// After the mask.
    pub scores: Vec<f64>,
    /// The row sees a key of the block.
    pub sees_some: bool,
    pub weights: Vec<f64>,
    /// Before the visit.
    pub old: RowSums,
    /// The maximum that the visit ends with.
    pub m: f64,
    pub alpha: f64,
    /// What the visit's weights are worth: 1, or `exp(m_tile - m)` where they were taken against the tile's maximum.
    pub beta: f64,
    /// l and O after they shrank; `None` where shrinking and adding are one step.
    pub scaled: Option<RowSums>,
    /// After the visit.
    pub new: RowSums,
    /// O is kept as the average.
    pub is_divided: bool,
    pub scores_at: u64,
    pub max_at: u64,
    pub rescale_at: Option<u64>,
    pub done_at: u64,
}

impl RowVisit {
    /// The weighted sum of values of component `c`, before the visit or after it.
    pub fn sum_of(&self, sums: &RowSums, c: usize) -> f64 {
        let o = sums.o.get(c).copied().unwrap_or(0.0);
        if self.is_divided { o * sums.l } else { o }
    }

    /// The average of the values of component `c`; `None` where nothing has a weight yet.
    pub fn average_of(&self, sums: &RowSums, c: usize) -> Option<f64> {
        let o = sums.o.get(c).copied()?;
        match sums.l {
            0.0 => None,
            _ if self.is_divided => Some(o),
            l => Some(o / l),
        }
    }

    /// The maximum rose, and there was something to shrink.
    pub fn is_rescaled(&self) -> bool {
        self.alpha < 1.0 && self.old.l > 0.0
    }
}

/// Collects a story from the steps as they are carried out.
pub(super) struct StoryWriter {
    story: RowStory,
    i: usize,
    row: usize,
    /// The visit under way; `done_at` is not known yet.
    open: Option<RowVisit>,
}

impl StoryWriter {
    pub fn new(query: usize, br: usize) -> Self {
        let story = RowStory { query, ..RowStory::default() };
        Self { story, i: query / br, row: query % br, open: None }
    }

    pub fn add<T: Real>(&mut self, n: u64, step: &Step, machine: &Machine<'_, T>) {
        if step.place.i() != Some(self.i) {
            return;
        }
        let (row, chip) = (self.row, &machine.chip);
        match (step.op, self.open.as_mut()) {
            (Op::Scores, _) => self.open = self.begin(n, step, machine),
            (Op::Mask, Some(visit)) => visit.scores = part(&chip.s, row, visit.scores.len()),
            (Op::RowMax(max), Some(visit)) => {
                visit.max_at = n;
                if max == Max::Running {
                    (visit.m, visit.alpha) = (chip.m[row].widen(), chip.alpha[row].widen());
                }
            }
            (Op::MergeStats, Some(visit)) => {
                visit.max_at = n;
                (visit.m, visit.alpha) = (chip.new_max[row].widen(), chip.alpha[row].widen());
                (visit.beta, visit.is_divided) = (chip.beta[row].widen(), true);
            }
            (Op::Exponentiate(_), Some(visit)) => visit.weights = part(&chip.p, row, visit.scores.len()),
            (Op::Rescale, Some(visit)) => {
                visit.rescale_at = Some(n);
                visit.scaled = Some(sums(machine, row));
            }
            (Op::Accumulate | Op::MergeOutput, Some(visit)) => {
                (visit.new, visit.done_at) = (sums(machine, row), n);
                self.story.end = Some(n);
                self.story.visits.extend(self.open.take());
            }
            (Op::Normalise, _) => self.story.end = Some(n),
            _ => {}
        }
    }

    fn begin<T: Real>(&self, n: u64, step: &Step, machine: &Machine<'_, T>) -> Option<RowVisit> {
        let (_, j) = step.place.tile()?;
        let keys = machine.plan.cols(j);
        let old = sums(machine, self.row);
        Some(RowVisit {
            j,
            first_key: keys.start,
            scores: part(&machine.chip.s, self.row, keys.len()),
            sees_some: keys.clone().any(|key| machine.head.sees(self.story.query, key)),
            weights: Vec::new(),
            m: old.m,
            alpha: 1.0,
            beta: 1.0,
            scaled: None,
            new: old.clone(),
            old,
            is_divided: false,
            scores_at: n,
            max_at: n,
            rescale_at: None,
            done_at: n,
        })
    }

    pub fn finish(self, note: Option<Sentence>) -> RowStory {
        RowStory { note, ..self.story }
    }
}

fn part<T: Real>(buffer: &ndarray::Array2<T>, row: usize, len: usize) -> Vec<f64> {
    buffer.row(row).iter().take(len).map(|x| x.widen()).collect()
}

fn sums<T: Real>(machine: &Machine<'_, T>, row: usize) -> RowSums {
    let chip = &machine.chip;
    let o = chip.o.row(row).iter().map(|x| x.widen()).collect();
    RowSums { m: chip.m[row].widen(), l: chip.l[row].widen(), o }
}

#[cfg(test)]
mod tests {
    use crate::attention::input::preset;
    use crate::attention::{Precision, oracle};
    use crate::machine::{Meaning, Run};
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    fn run(name: &str) -> Run {
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        Run::new(schedule, &problem, 0, 0, Meaning::RIGHT, |_| true).unwrap()
    }

    #[test]
    fn both_algorithms_tell_the_same_story_of_the_row() {
        for name in ["flash1", "flash2"] {
            let story = run(name).story(0, Meaning::RIGHT);
            assert_eq!(story.visits.len(), 3, "{name}");
            for (visit, (alpha, l, average)) in
                story.visits.iter().zip([(0.0, 1.5, 50.0 / 3.0), (0.25, 1.5, 27.5), (1.0, 2.5, 38.5)])
            {
                let shown = visit.average_of(&visit.new, 0).unwrap();
                assert!((visit.alpha - alpha).abs() < 1e-12 && (visit.new.l - l).abs() < 1e-12, "{name}: {visit:?}");
                assert!((shown - average).abs() < 1e-9, "{name}: {shown}");
            }
            let exact = oracle::row(&preset::row().problem.head::<f64>(0, 0, Precision::F64), 0);
            let last = story.visits.last().unwrap();
            assert!((last.average_of(&last.new, 0).unwrap() - exact.o[0]).abs() < 1e-9);
        }
        assert!(run("standard").story(0, Meaning::RIGHT).visits.is_empty());
    }

    #[test]
    fn the_needle_holds_still_while_both_shrink() {
        for visit in &run("flash2").story(0, Meaning::RIGHT).visits[1..] {
            let scaled = visit.scaled.as_ref().unwrap();
            let (before, after) = (visit.average_of(&visit.old, 0).unwrap(), visit.average_of(scaled, 0).unwrap());
            assert!((before - after).abs() < 1e-9);
            assert!((scaled.l - visit.old.l * visit.alpha).abs() < 1e-12);
        }
    }

    #[test]
    fn without_alpha_the_needle_misses() {
        for name in ["flash1", "flash2"] {
            let run = run(name);
            let (right, wrong) =
                (run.story(0, Meaning::RIGHT), run.story(0, Meaning { rescales: false, ..Meaning::RIGHT }));
            assert_eq!(right.visits[0].new, wrong.visits[0].new, "{name}: nothing to shrink yet");
            assert!((wrong.visits[1].new.l - 2.625).abs() < 1e-12, "{name}: {}", wrong.visits[1].new.l);
            let needles = [&right, &wrong].map(|s| s.visits[2].average_of(&s.visits[2].new, 0).unwrap());
            assert!((needles[0] - 38.5).abs() < 1e-9 && (needles[1] - 38.5).abs() > 1.0, "{name}: {needles:?}");
        }
    }
}
