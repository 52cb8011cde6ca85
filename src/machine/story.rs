//! One row through its online softmax, visit by visit: what the picture of the needle is drawn from.

use crate::attention::Real;
use crate::schedule::language::{NameId, Shape};
use crate::schedule::{Change, Part, Place, Plan, Step};
use crate::sentence::Sentence;

use super::evaluate::Machine;
use super::names::{OUTPUT, Online, gives, per_row, row_of};

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
    /// Both shrank by alpha. A text that is wrong on purpose may shrink one of them, or by something else.
    pub shrinks_alike: bool,
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

    /// The average of the values of component `c`; `None` where nothing has a weight yet, unless O is NaN already.
    pub fn average_of(&self, sums: &RowSums, c: usize) -> Option<f64> {
        let o = sums.o.get(c).copied()?;
        match sums.l {
            0.0 if !o.is_nan() => None,
            _ if self.is_divided => Some(o),
            l => Some(o / l),
        }
    }

    /// `sums` are the old ones times alpha.
    fn is_shrunk(&self, sums: &RowSums) -> bool {
        let is_it = |got: f64, old: f64| {
            let want = old * self.alpha;
            got == want || (got - want).abs() <= 1e-3 * want.abs() || got.is_nan() && want.is_nan()
        };
        is_it(sums.l, self.old.l) && sums.o.iter().zip(&self.old.o).all(|(got, old)| is_it(*got, *old))
    }

    /// What is left of the old l, and of the weighted sum of component `c`, where a visit does not shrink them alike. Where
    /// O shrinks in the step in which it grows, it is not known by how much.
    pub fn left(&self, c: usize) -> [f64; 2] {
        let added = self.weights.iter().map(|weight| weight * self.beta).sum::<f64>();
        let (l, o) = match &self.scaled {
            Some(scaled) => (scaled.l, Some(self.sum_of(scaled, c))),
            None => (self.new.l - added, None),
        };
        let share = |new: f64, old: f64| if old == 0.0 { 1.0 } else { new / old };
        [share(l, self.old.l), o.map_or(1.0, |o| share(o, self.sum_of(&self.old, c)))]
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
    /// Among those of the group.
    head: usize,
    /// The visit under way; `done_at` is not known yet.
    open: Option<RowVisit>,
    /// The statistics after the step before.
    before: Option<RowSums>,
}

impl StoryWriter {
    pub fn new(query: usize, plan: &Plan, head: usize) -> Self {
        let story = RowStory { query, ..RowStory::default() };
        let i = plan.query_block(query);
        Self { story, i, row: query - plan.rows(i).start, head, open: None, before: None }
    }

    pub fn add<T: Real>(&mut self, n: u64, step: &Step, machine: &Machine<'_, T>) {
        let algorithm = machine.algorithm();
        let is_of_row = step.place.i() == Some(self.i) && step.head == self.head;
        let Some(names) = Online::of(algorithm, step.line).filter(|_| is_of_row) else { return };
        if algorithm.facts(step.line).makes_scores {
            self.open = self.begin(n, step, machine, names);
        }
        self.continue_with(n, step, machine, names);
        self.before = Some(sums(machine, names, step.place, self.row));
    }

    /// What a step does to the visit under way; one line may do all of it.
    fn continue_with<T: Real>(&mut self, n: u64, step: &Step, machine: &Machine<'_, T>, names: Online) {
        let (algorithm, row, place) = (machine.algorithm(), self.row, step.place);
        let facts = algorithm.facts(step.line);
        if facts.change == Some(Change::Divides) {
            self.story.end = Some(n);
        }
        let Some(visit) = self.open.as_mut() else { return };
        let value = |name| per_row(machine, name, row);
        let is_given = |name| gives(algorithm, step, name);
        let part = |part| algorithm.part(step.line, part);
        let tile =
            |name: Option<NameId>| name.map_or_else(Vec::new, |name| row_of(machine, name, Shape::TILE, place, row));
        if part(Part::Scores).is_some_and(is_given) {
            visit.scores = tile(part(Part::Scores));
        }
        if facts.makes_weights {
            visit.weights = tile(part(Part::Weights));
        }
        let changes = facts.change.filter(|_| is_given(names.o));
        let keeps_maximum = is_given(names.m) && changes != Some(Change::Accumulates);
        if keeps_maximum || part(Part::TileMax).is_some_and(is_given) {
            visit.max_at = n;
        }
        if is_given(names.alpha) {
            visit.max_at = n;
            (visit.m, visit.alpha) = (value(names.m_new.unwrap_or(names.m)), value(names.alpha));
            visit.beta = names.beta.map_or(visit.beta, value);
        }
        if is_given(names.m) {
            // A maximum that rose by little may be left as it was.
            visit.m = value(names.m);
        }
        let statements = &algorithm.line(step.line).statements;
        let takes_alpha = statements.iter().any(|statement| statement.reads.has(names.alpha));
        match changes {
            None if takes_alpha && is_given(names.l) && visit.rescale_at.is_none() => {
                // l alone: a line for O may come yet.
                visit.rescale_at = Some(n);
                visit.scaled = Some(sums(machine, names, place, row));
            }
            Some(Change::Rescales) => {
                visit.rescale_at = Some(n);
                visit.scaled = Some(sums(machine, names, place, row));
            }
            Some(Change::Accumulates) => {
                let kernel = algorithm.line(step.line).kernel;
                let lines = algorithm.text().lines.iter().filter(|line| line.kernel == kernel);
                let is_alpha_used = lines.flat_map(|line| &line.statements).any(|of| of.reads.has(names.alpha));
                if visit.scaled.is_none() && !is_alpha_used {
                    // A text that forgets to shrink anything adds to what was there.
                    visit.scaled = Some(visit.old.clone());
                }
                let is_of_variant = algorithm
                    .text()
                    .variant
                    .as_ref()
                    .is_some_and(|variant| variant.replaced.contains(&algorithm.line(step.line).span.line));
                visit.shrinks_alike = visit.scaled.as_ref().map_or(!is_of_variant, |scaled| visit.is_shrunk(scaled));
                (visit.new, visit.done_at) = (sums(machine, names, place, row), n);
                self.story.end = Some(n);
                self.story.visits.extend(self.open.take());
            }
            _ => {}
        }
    }

    fn begin<T: Real>(&self, n: u64, step: &Step, machine: &Machine<'_, T>, names: Online) -> Option<RowVisit> {
        let (_, j) = step.place.tile()?;
        let keys = machine.plan().cols(j);
        let old = self.before.clone().unwrap_or_else(|| sums(machine, names, step.place, self.row));
        Some(RowVisit {
            j,
            first_key: keys.start,
            scores: Vec::new(),
            sees_some: keys.clone().any(|key| machine.head(step.head).sees(self.story.query, key)),
            weights: Vec::new(),
            m: old.m,
            alpha: 1.0,
            beta: 1.0,
            scaled: None,
            shrinks_alike: true,
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

fn sums<T: Real>(machine: &Machine<'_, T>, names: Online, place: Place, row: usize) -> RowSums {
    let value = |name| per_row(machine, name, row);
    RowSums { m: value(names.m), l: value(names.l), o: row_of(machine, names.o, OUTPUT, place, row) }
}

#[cfg(test)]
mod tests {
    use crate::attention::input::preset;
    use crate::attention::{Precision, oracle};
    use crate::machine::Run;
    use crate::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};

    use super::RowSums;

    fn run(name: &str) -> Run {
        run_of(algorithm::by_name(name).unwrap())
    }

    fn run_of(algorithm: &Algorithm) -> Run {
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        Run::new(Schedule::new(algorithm, plan), &problem, 0, 0, |_| true).unwrap()
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

    /// What a wrong text leaves of l and of O, where it does not shrink both by alpha.
    #[test]
    fn a_wrong_text_does_not_shrink_both() {
        for (name, is_alike, left) in [
            ("flash2", true, [0.25, 0.25]),
            ("flash1", true, [0.25, 1.0]),
            ("flash2/output-not-rescaled", false, [0.25, 1.0]),
            ("flash2/sum-not-rescaled", false, [1.0, 0.25]),
            ("flash2/forget-alpha", false, [1.0, 1.0]),
            ("flash2/inverse-alpha", false, [0.25, 4.0]),
            ("flash1/fa2-section-2-3-first", false, [0.25, 1.0]),
            ("flash1/fa2-section-3-1-1", false, [0.25, 1.0]),
            ("flash2/lse-base-2", true, [0.25, 0.25]),
        ] {
            let story = run(name).story(0);
            let visit = &story.visits[1];
            assert_eq!(visit.shrinks_alike, is_alike, "{name}");
            for (got, want) in visit.left(0).into_iter().zip(left) {
                assert!((got - want).abs() < 1e-9, "{name}: {:?}", visit.left(0));
            }
            // Nothing rises at the last visit, and nothing shrinks.
            let end = &story.visits[2];
            let is_of_merge = name.starts_with("flash1/");
            assert_eq!(end.shrinks_alike, !is_of_merge, "{name}");
        }
    }

    /// Each step that a visit tells of, by its line.
    #[test]
    fn a_visit_knows_its_steps() {
        let own = "language 1\ntitle x\nin Q K V\nout O L\nkernel k\nshared Q, K, V ; registers O, S P\n\
                   parallel for i in query blocks\n  load Q[i]\n  start: O = 0 per row of d_v; l = 0 per row; m = -inf per row\n  \
                   for j in key blocks\n    load K[j]\n    load V[j]\n    scores: S = Q @ K^T\n    \
                   rise: n = max(m, rowmax(S)); a = exp(m - finite(n))\n    weigh: P = exp(S - finite(n))\n    \
                   keep: m = n\n    gain: l = a * l + rowsum(P); O = a * O + P @ V\n  end: O = ratio(O, l); L = m + ln(l)\n  store O[i]\n  \
                   store L[i]\n";
        let own = Algorithm::read("own", own).unwrap();
        let by_name = |name: &str| algorithm::by_name(name).unwrap().clone();
        let online = ["scores", "row-max", "rescale", "accumulate", "normalise"];
        for (algorithm, [scores, max, rescale, done, end]) in [
            (by_name("flash2"), online),
            (by_name("flash1"), ["scores", "merge-stats", "", "merge-output", "merge-output"]),
            (by_name("flash2/forget-alpha"), ["scores", "row-max", "", "accumulate", "normalise"]),
            (own, ["scores", "keep", "", "gain", "end"]),
        ] {
            let run = run_of(&algorithm);
            let operation = |n: u64| algorithm.operation(run.schedule.step(n).unwrap().line);
            let story = run.story(0);
            assert_eq!((story.visits.len(), story.end.map(operation).as_deref()), (3, Some(end)), "{algorithm:?}");
            for (j, visit) in story.visits.iter().enumerate() {
                let told = [visit.scores_at, visit.max_at, visit.done_at].map(operation);
                assert_eq!((visit.j, visit.first_key, told), (j, 2 * j, [scores, max, done].map(str::to_owned)));
                assert_eq!(visit.rescale_at.map(operation).unwrap_or_default(), rescale, "{algorithm:?}");
                // A text that shrinks and adds at once has nothing between; one that forgets to shrink has what it was.
                let is_at_once = matches!(done, "merge-output" | "gain");
                assert_eq!(visit.scaled.is_none(), is_at_once, "{algorithm:?}");
                assert_eq!(
                    visit.scaled.as_ref() == Some(&visit.old),
                    !is_at_once && (rescale.is_empty() || visit.alpha == 1.0)
                );
            }
        }
    }

    #[test]
    fn sums_and_averages_go_by_what_is_kept() {
        let sums = |m: f64, l: f64, o: f64| RowSums { m, l, o: vec![o] };
        let mut visit = run("flash2").story(0).visits.swap_remove(1);
        assert!(!visit.is_divided && visit.is_rescaled());
        let some = sums(1.0, 4.0, 6.0);
        assert_eq!((visit.sum_of(&some, 0), visit.average_of(&some, 0)), (6.0, Some(1.5)));
        assert_eq!((visit.sum_of(&some, 1), visit.average_of(&some, 1)), (0.0, None), "no such component");
        assert_eq!(visit.average_of(&sums(f64::NEG_INFINITY, 0.0, 0.0), 0), None, "nothing has a weight");
        visit.is_divided = true;
        assert_eq!((visit.sum_of(&some, 0), visit.average_of(&some, 0)), (24.0, Some(6.0)));
        for (alpha, l, is_rescaled) in [
            (0.5, 2.0, true),
            (0.0, 2.0, true),
            (1.0, 2.0, false),
            (0.5, 0.0, false),
            (1.0, 0.0, false),
            (2.0, 1.0, false),
        ] {
            (visit.alpha, visit.old) = (alpha, sums(0.0, l, 0.0));
            assert_eq!(visit.is_rescaled(), is_rescaled, "alpha {alpha}, l {l}");
        }
    }

    /// A row that is unlike others says why.
    #[test]
    fn an_odd_row_has_its_note() {
        let mut problem = preset::row().problem;
        assert_eq!((run("flash2").story(0).note, run("flash2").odd_row(0)), (None, None));
        problem.q.fill(f64::NAN);
        for name in ["flash2", "flash2-lazy", "standard"] {
            for precision in [Precision::F64, Precision::F32] {
                let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, precision);
                let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
                let run = Run::new(schedule, &problem, 0, 0, |_| true).unwrap();
                let odd = run.odd_row(0).unwrap();
                assert_eq!(run.story(0).note, Some(odd.why), "{name}");
            }
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
