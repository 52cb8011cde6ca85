//! One row through its online softmax, visit by visit: what the picture of the needle is drawn from.

use crate::attention::Real;
use crate::schedule::language::Shape;
use crate::schedule::{Algorithm, Beat, Lane, Place, Step};
use crate::sentence::Sentence;

use super::evaluate::Machine;
use super::names::{OUTPUT, Online, gives, hides, per_row, row_of};

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

impl RowStory {
    /// The same numbers at the steps of `shown`, the story of the same row by another text: what a bug would make of it
    /// while the run on screen has none.
    pub fn at_steps_of(mut self, shown: &Self) -> Self {
        for (visit, shown) in self.visits.iter_mut().zip(&shown.visits) {
            (visit.scores_at, visit.max_at) = (shown.scores_at, shown.max_at);
            (visit.rescale_at, visit.done_at) = (shown.rescale_at, shown.done_at);
        }
        self.end = shown.end;
        self
    }
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
        let algorithm = machine.algorithm();
        let Some(names) = Online::of(algorithm, step.line).filter(|_| step.place.i() == Some(self.i)) else { return };
        let facts = algorithm.facts(step.line);
        let (row, place) = (self.row, step.place);
        let value = |name| per_row(machine, name, row);
        if facts.makes_scores {
            self.open = self.begin(n, step, machine, names);
            return;
        }
        let changes_o = gives(algorithm, step, names.o);
        if changes_o && facts.beat == Beat::Store {
            self.story.end = Some(n);
        }
        let Some(visit) = self.open.as_mut() else { return };
        if hides(algorithm, step) {
            visit.scores = tile_row(machine, "S", place, row);
        }
        if takes_maximum(algorithm, step) {
            visit.max_at = n;
        }
        if gives(algorithm, step, names.alpha) {
            visit.max_at = n;
            (visit.m, visit.alpha) = (value(names.m_new.unwrap_or(names.m)), value(names.alpha));
            if let Some(beta) = names.beta {
                visit.beta = value(beta);
            }
        }
        if facts.lane == Lane::Exp && facts.beat == Beat::Softmax {
            visit.weights = tile_row(machine, "P", place, row);
        }
        if changes_o && facts.beat == Beat::Rescale {
            visit.rescale_at = Some(n);
            visit.scaled = Some(sums(machine, names, place, row));
        }
        if changes_o && facts.beat == Beat::Accumulate {
            let takes_alpha = algorithm.effects(step.line, step.held).reads.has(names.alpha);
            if visit.scaled.is_none() && !takes_alpha {
                // A text that forgets to shrink anything adds to what was there.
                visit.scaled = Some(visit.old.clone());
            }
            (visit.new, visit.done_at) = (sums(machine, names, place, row), n);
            self.story.end = Some(n);
            self.story.visits.extend(self.open.take());
        }
    }

    fn begin<T: Real>(&self, n: u64, step: &Step, machine: &Machine<'_, T>, names: Online) -> Option<RowVisit> {
        let (_, j) = step.place.tile()?;
        let keys = machine.plan().cols(j);
        let old = sums(machine, names, step.place, self.row);
        Some(RowVisit {
            j,
            first_key: keys.start,
            scores: tile_row(machine, "S", step.place, self.row),
            sees_some: keys.clone().any(|key| machine.head(step.head).sees(self.story.query, key)),
            weights: Vec::new(),
            m: old.m,
            alpha: 1.0,
            beta: 1.0,
            scaled: None,
            new: old.clone(),
            old,
            is_divided: names.is_average,
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

/// A row of a tile, by its name in the text.
fn tile_row<T: Real>(machine: &Machine<'_, T>, name: &str, place: Place, row: usize) -> Vec<f64> {
    let name = machine.algorithm().text().name(name);
    name.map_or_else(Vec::new, |name| row_of(machine, name, Shape::TILE, place, row))
}

fn sums<T: Real>(machine: &Machine<'_, T>, names: Online, place: Place, row: usize) -> RowSums {
    let value = |name| per_row(machine, name, row);
    RowSums { m: value(names.m), l: value(names.l), o: row_of(machine, names.o, OUTPUT, place, row) }
}

/// A line gives a name that is a maximum of scores: `m`, `m_tile`.
fn takes_maximum(algorithm: &Algorithm, step: &Step) -> bool {
    let text = algorithm.text();
    ["m", "m_tile"].into_iter().filter_map(|name| text.name(name)).any(|name| gives(algorithm, step, name))
        && algorithm.facts(step.line).beat == Beat::Softmax
}

#[cfg(test)]
mod tests {
    use crate::attention::input::preset;
    use crate::attention::{Precision, oracle};
    use crate::machine::Run;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    fn run(name: &str) -> Run {
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        Run::new(schedule, &problem, 0, 0, |_| true).unwrap()
    }

    #[test]
    fn both_algorithms_tell_the_same_story_of_the_row() {
        for name in ["flash1", "flash2"] {
            let story = run(name).story(0);
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
        assert!(run("standard").story(0).visits.is_empty());
    }

    #[test]
    fn the_needle_holds_still_while_both_shrink() {
        for visit in &run("flash2").story(0).visits[1..] {
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
            let (right, wrong) = (run.story(0), run.story_of(&run.schedule.algorithm.with_bug("forget-alpha"), 0));
            assert_eq!(right.visits[0].new, wrong.visits[0].new, "{name}: nothing to shrink yet");
            assert!((wrong.visits[1].new.l - 2.625).abs() < 1e-12, "{name}: {}", wrong.visits[1].new.l);
            let needles = [&right, &wrong].map(|s| s.visits[2].average_of(&s.visits[2].new, 0).unwrap());
            assert!((needles[0] - 38.5).abs() < 1e-9 && (needles[1] - 38.5).abs() > 1.0, "{name}: {needles:?}");
        }
    }
}
