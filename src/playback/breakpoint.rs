//! Places to stop at: by the schedule alone, or by the numbers of a run.

use crate::attention::{Problem, TileClass};
use crate::machine::{Probe, Run};
use crate::schedule::{Beat, Hardware, OnChip, Schedule, Step, Tensor};

/// What to stop at. A hit is the state right after a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// An operation by its name, such as `rescale`.
    Operation(&'static str),
    Tile(usize, usize),
    /// The tile's scores were computed, and the mask hides a part of it, or all.
    PartlyMasked,
    FullyMasked,
    /// What is live on chip exceeds the budgets of this chip.
    OverBudget(Hardware),
    /// Elements of a tensor go from HBM to the chip, or back.
    Moves {
        tensor: Tensor,
        is_write: bool,
    },
    /// In some row that had seen keys.
    MaximumRose,
    AlphaBelow(f64),
    NanAppeared,
    /// The average so far of a row of the tile, O / l, is farther than this from that of the same steps in f64: the
    /// largest absolute distance of a component, as the error of the whole run is told. At the last store of a row it
    /// is the error of that row. Only after steps that change an average; what is no number is above every limit.
    ErrorAbove(f64),
}

/// Which way to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Next,
    Previous,
}

impl Condition {
    /// It can be told from the schedule, without carrying anything out.
    pub fn is_of_schedule(&self) -> bool {
        !matches!(self, Self::MaximumRose | Self::AlphaBelow(_) | Self::NanAppeared | Self::ErrorAbove(_))
    }

    /// By the schedule alone.
    fn is_met_by_step(&self, schedule: &Schedule, step: &Step, before: OnChip) -> bool {
        let class = || {
            let (i, j) = step.place.tile().filter(|_| schedule.facts(step).makes_scores)?;
            Some(schedule.plan().class(i, j))
        };
        match self {
            Self::Operation(name) => schedule.line(step).label == *name,
            Self::Tile(i, j) => step.place.tile() == Some((*i, *j)) && schedule.facts(step).beat == Beat::Score,
            Self::PartlyMasked => class() == Some(TileClass::Partial),
            Self::FullyMasked => class() == Some(TileClass::Skipped),
            // Where it begins, and not at every step of it.
            Self::OverBudget(hardware) => !step.live.fits(hardware) && before.fits(hardware),
            Self::Moves { tensor, is_write } => {
                let (read, write) = schedule.moved(step, *tensor);
                *(if *is_write { &write } else { &read }) > 0
            }
            Self::MaximumRose | Self::AlphaBelow(_) | Self::NanAppeared | Self::ErrorAbove(_) => false,
        }
    }

    /// By the numbers after the step.
    fn is_met_by_numbers(&self, probe: &dyn Probe) -> bool {
        match self {
            Self::MaximumRose => probe.least_alpha().is_some_and(|alpha| alpha < 1.0),
            Self::AlphaBelow(limit) => probe.least_alpha().is_some_and(|alpha| alpha < *limit),
            Self::NanAppeared => probe.has_nan(),
            // Written so that NaN is a hit.
            Self::ErrorAbove(limit) => probe.error_of_average().is_some_and(|error| !within(error, *limit)),
            _ => false,
        }
    }
}

/// A cursor at which conditions are met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub cursor: u64,
    /// Which of the conditions that were asked for, by their places among them.
    pub met: Vec<usize>,
}

impl Hit {
    /// `None` where no condition is met.
    fn of(cursor: u64, conditions: &[Condition], is_met: impl Fn(&Condition) -> bool) -> Option<Self> {
        let met: Vec<usize> = conditions.iter().enumerate().filter(|(_, of)| is_met(of)).map(|(n, _)| n).collect();
        (!met.is_empty()).then_some(Self { cursor, met })
    }
}

/// A NaN is within no limit.
fn within(error: f64, limit: f64) -> bool {
    error <= limit
}

/// The next or previous cursor at which one of `conditions` is met in `run`, which is of `problem`, with all that are met
/// there; `None` where there is none, or when `go_on`, which gets the steps looked at, says `false`. Those of the schedule alone look at steps only; the others carry the run
/// out again.
pub fn search(
    run: &Run,
    problem: &Problem,
    conditions: &[Condition],
    cursor: u64,
    direction: Direction,
    go_on: impl FnMut(u64) -> bool,
) -> Option<Hit> {
    if conditions.iter().all(Condition::is_of_schedule) {
        by_schedule(&run.schedule, conditions, cursor, direction, go_on)
    } else {
        by_numbers(run, problem, conditions, cursor, direction, go_on)
    }
}

fn by_schedule(
    schedule: &Schedule,
    conditions: &[Condition],
    cursor: u64,
    direction: Direction,
    mut go_on: impl FnMut(u64) -> bool,
) -> Option<Hit> {
    let count = schedule.section_count();
    let here = schedule.section_of(cursor.saturating_sub(1));
    let sections: Box<dyn Iterator<Item = usize>> = match direction {
        Direction::Next => Box::new(here..count),
        Direction::Previous => Box::new((0..=here.min(count.checked_sub(1)?)).rev()),
    };
    let mut steps = Vec::new();
    for index in sections {
        schedule.write_section(index, &mut steps);
        let first = schedule.section_steps(index).start;
        if !go_on(first) {
            return None;
        }
        let hits = hits_of_section(schedule, conditions, first, &steps);
        let found = match direction {
            Direction::Next => hits.into_iter().find(|hit| hit.cursor > cursor),
            Direction::Previous => hits.into_iter().rev().find(|hit| hit.cursor < cursor),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The hits among the steps of a section, the first of which is step `first`.
fn hits_of_section(schedule: &Schedule, conditions: &[Condition], first: u64, steps: &[Step]) -> Vec<Hit> {
    let mut before = OnChip::default();
    let mut hits = Vec::new();
    for (n, step) in (first + 1..).zip(steps) {
        hits.extend(Hit::of(n, conditions, |condition| condition.is_met_by_step(schedule, step, before)));
        before = step.live;
    }
    hits
}

/// The hits of those of `conditions` that the schedule alone tells, at cursors after `first` and until `end`: writes the
/// sections of that stretch, and carries nothing out.
pub fn hits_of_stretch(schedule: &Schedule, conditions: &[Condition], first: u64, end: u64) -> Vec<Hit> {
    let (end, mut steps, mut hits) = (end.min(schedule.len()), Vec::new(), Vec::new());
    if first >= end {
        return hits;
    }
    for index in schedule.section_of(first)..=schedule.section_of(end - 1) {
        schedule.write_section(index, &mut steps);
        let of_section = hits_of_section(schedule, conditions, schedule.section_steps(index).start, &steps);
        hits.extend(of_section.into_iter().filter(|hit| hit.cursor > first && hit.cursor <= end));
    }
    hits
}

fn by_numbers(
    run: &Run,
    problem: &Problem,
    conditions: &[Condition],
    cursor: u64,
    direction: Direction,
    mut go_on: impl FnMut(u64) -> bool,
) -> Option<Hit> {
    let (mut found, mut before, mut is_stopped) = (None, OnChip::default(), false);
    // The f64 values cost as much as the run: only where they are asked for.
    let asks = conditions.iter().any(|condition| matches!(condition, Condition::ErrorAbove(_)));
    run.watch(asks.then_some(problem), |n, step, probe| {
        let counts = match direction {
            Direction::Next => n > cursor,
            Direction::Previous => n < cursor,
        };
        let is_met_by = |condition: &Condition| {
            condition.is_met_by_step(&run.schedule, step, before) || condition.is_met_by_numbers(probe)
        };
        let is_met = counts && conditions.iter().any(is_met_by);
        if is_met {
            found = Hit::of(n, conditions, is_met_by);
        }
        before = step.live;
        is_stopped = !go_on(n);
        let is_over = match direction {
            Direction::Next => is_met,
            Direction::Previous => n >= cursor,
        };
        !is_over && !is_stopped
    });
    found.filter(|_| !is_stopped || direction == Direction::Next)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::attention::input::{Input, preset};
    use crate::schedule::{Plan, Tiling, algorithm, hardware};

    fn run(problem: &Problem, name: &str, br: usize) -> Run {
        run_in(problem, name, br, Precision::F64)
    }

    fn run_in(problem: &Problem, name: &str, br: usize, precision: Precision) -> Run {
        let plan = Plan::of_problem(problem, 0, Tiling { br, bc: 2 }, precision);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        Run::new(schedule, problem, 0, 0, |_| true).unwrap()
    }

    fn operation(run: &Run, n: u64) -> String {
        run.schedule.algorithm.operation(run.schedule.step(n).unwrap().line)
    }

    /// All hits, found forwards; the same are found backwards.
    fn hits(run: &Run, problem: &Problem, condition: Condition) -> Vec<u64> {
        let conditions = [condition];
        let walk = |direction, from| {
            let mut cursor = from;
            let mut found = Vec::new();
            while let Some(hit) = search(run, problem, &conditions, cursor, direction, |_| true) {
                assert_eq!(hit.met, [0]);
                found.push(hit.cursor);
                cursor = hit.cursor;
            }
            found
        };
        let forward = walk(Direction::Next, 0);
        let mut back = walk(Direction::Previous, run.schedule.len() + 1);
        back.reverse();
        assert_eq!(forward, back, "{conditions:?}");
        forward
    }

    #[test]
    fn the_maximum_of_row_rises_once() {
        for name in ["flash1", "flash2"] {
            let problem = preset::row().problem;
            let run = run(&problem, name, 1);
            let rises = hits(&run, &problem, Condition::MaximumRose);
            assert_eq!(rises.len(), 1, "{name}");
            assert_eq!(run.schedule.step(rises[0] - 1).unwrap().place.tile(), Some((0, 1)));
            assert_eq!(hits(&run, &problem, Condition::AlphaBelow(0.26)), rises);
            assert!(hits(&run, &problem, Condition::AlphaBelow(0.24)).is_empty());
            assert!(hits(&run, &problem, Condition::NanAppeared).is_empty());
        }
    }

    #[test]
    fn operations_and_tiles_are_found_without_numbers() {
        let problem = preset::toy().problem;
        let run = run(&problem, "flash2", 4);
        assert_eq!(hits(&run, &problem, Condition::Operation("rescale")).len(), 4 * 8);
        let tile = hits(&run, &problem, Condition::Tile(2, 3));
        assert_eq!(tile.len(), 1);
        assert_eq!(operation(&run, tile[0] - 1), "scores");
        assert!(hits(&run, &problem, Condition::PartlyMasked).is_empty());
        let toy = hardware::by_name("toy").unwrap();
        assert!(hits(&run, &problem, Condition::OverBudget(toy.clone())).is_empty());
        let tight = Hardware { shared_bytes_per_block: 100, ..toy };
        assert_eq!(hits(&run, &problem, Condition::OverBudget(tight)).len(), 4, "once a program");
    }

    /// In every text: the steps that are found for a tensor move all of it, and no other step moves anything.
    #[test]
    fn what_moves_is_found() {
        for algorithm in *algorithm::ALL {
            let problem = preset::toy().problem;
            let plan = Plan::of_problem(&problem, 0, Tiling { br: 4, bc: 3 }, Precision::F32);
            let schedule = Schedule::new(algorithm, plan);
            let totals = schedule.algorithm.closed_form_of(&schedule.setting);
            for (moved, is_write) in [(&totals.read, false), (&totals.write, true)] {
                for (tensor, elements) in moved.iter() {
                    let (moves, mut cursor, mut sum) = ([Condition::Moves { tensor, is_write }], 0, 0);
                    while let Some(hit) = by_schedule(&schedule, &moves, cursor, Direction::Next, |_| true) {
                        let next = hit.cursor;
                        let (read, write) = schedule.moved(&schedule.step(next - 1).unwrap(), tensor);
                        (cursor, sum) = (next, sum + if is_write { write } else { read });
                    }
                    assert_eq!(sum, elements, "{} of {}, {is_write}", tensor.name(), algorithm.name());
                }
            }
        }
    }

    #[test]
    fn a_nan_and_a_mask_are_found() {
        let Input { mut problem, .. } = preset::toy();
        problem.mask.causal = true;
        problem.v[[0, 0, 9, 0]] = f64::NAN;
        let run = run(&problem, "flash2", 4);
        let first = hits(&run, &problem, Condition::NanAppeared)[0];
        let step = run.schedule.step(first - 1).unwrap();
        assert_eq!((operation(&run, first - 1).as_str(), step.place.tile()), ("accumulate", Some((2, 4))));
        assert_eq!(hits(&run, &problem, Condition::PartlyMasked).len(), 8);
        assert!(hits(&run, &problem, Condition::FullyMasked).is_empty(), "flash2 skips them");
    }

    #[test]
    fn a_nan_of_any_tile_and_of_any_statistic_is_found() {
        // A tile in the middle of the whole rows that the softmax of `standard` works on.
        let Input { mut problem, .. } = preset::toy();
        problem.k[[0, 0, 9, 0]] = f64::NAN;
        let run = run(&problem, "standard", 4);
        let steps: Vec<_> = hits(&run, &problem, Condition::NanAppeared)
            .into_iter()
            .filter(|n| operation(&run, n - 1) == "load S")
            .map(|n| run.schedule.step(n - 1).unwrap().place.j().unwrap())
            .collect();
        assert!(!steps.is_empty() && steps.iter().all(|&j| j == 9 / run.schedule.plan().bc), "{steps:?}");
        // The sum of a tile is a statistic, too.
        let run = run_in(&problem, "flash2", 4, Precision::F32);
        assert!(hits(&run, &problem, Condition::NanAppeared).into_iter().any(|n| operation(&run, n - 1) == "row-sum"));
    }

    /// Of several conditions a hit says all that are met there, whichever way it is found, and no other.
    #[test]
    fn a_hit_says_which_conditions_are_met() {
        let Input { mut problem, .. } = preset::toy();
        problem.mask.causal = true;
        for name in ["standard", "flash1", "flash2", "split-kv"] {
            let run = run(&problem, name, 3);
            let conditions = [
                Condition::Operation("scores"),
                Condition::MaximumRose,
                Condition::PartlyMasked,
                Condition::Tile(4, 6),
                Condition::FullyMasked,
            ];
            let alone: Vec<Vec<u64>> = conditions.iter().map(|of| hits(&run, &problem, of.clone())).collect();
            let mut all: Vec<u64> = alone.concat();
            all.sort_unstable();
            all.dedup();
            let (mut cursor, mut met_twice) = (0, 0);
            for &expected in &all {
                let hit = search(&run, &problem, &conditions, cursor, Direction::Next, |_| true).unwrap();
                let back = search(&run, &problem, &conditions, expected + 1, Direction::Previous, |_| true);
                assert_eq!(back.as_ref(), Some(&hit), "{name}");
                let met: Vec<usize> = (0..conditions.len()).filter(|n| alone[*n].contains(&expected)).collect();
                assert_eq!((hit.cursor, &hit.met), (expected, &met), "{name}");
                met_twice += usize::from(met.len() > 1);
                cursor = expected;
            }
            assert!(met_twice > 3, "{name}");
            // What the schedule tells of a stretch, without a number.
            let of_schedule = [conditions[0].clone(), conditions[2].clone(), conditions[3].clone()];
            let len = run.schedule.len();
            for (first, end) in [(0, len), (7, 31), (len - 5, len + 9), (12, 12), (len, len + 1)] {
                let stretch = hits_of_stretch(&run.schedule, &of_schedule, first, end);
                let mut wanted: Vec<u64> = [0, 2, 3].iter().flat_map(|n| alone[*n].clone()).collect();
                wanted.sort_unstable();
                wanted.dedup();
                wanted.retain(|n| (first + 1..=end).contains(n));
                assert_eq!(stretch.iter().map(|hit| hit.cursor).collect::<Vec<_>>(), wanted, "{name} {first} {end}");
            }
        }
    }

    #[test]
    fn a_search_can_be_stopped() {
        let problem = preset::row().problem;
        let run = run(&problem, "flash2", 1);
        for conditions in [[Condition::MaximumRose], [Condition::Operation("store")]] {
            assert_eq!(search(&run, &problem, &conditions, 0, Direction::Next, |_| false), None);
            assert_eq!(search(&run, &problem, &conditions, 99, Direction::Previous, |_| false), None);
        }
    }

    /// How far each step's averages are from f64, from the views of two whole runs: nothing is walked together.
    fn errors_by_hand(low: &Run, exact: &Run) -> Vec<Option<f64>> {
        let schedule = &low.schedule;
        let average = |run: &Run, n: u64, is_divided: bool| {
            let view = run.view(n);
            let (mut o, l) = (view.get("O").unwrap().clone(), view.column("l").unwrap_or_default());
            for (row, l) in l.iter().enumerate().filter(|(_, l)| !is_divided && **l != 0.0) {
                o.row_mut(row).mapv_inplace(|o| o / l);
            }
            o
        };
        let distance = |a: ndarray::ArrayView2<'_, f64>, b: ndarray::ArrayView2<'_, f64>| {
            a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
        };
        (1..=schedule.len())
            .map(|n| {
                let step = schedule.step(n - 1).unwrap();
                match schedule.algorithm.operation(step.line).as_str() {
                    "accumulate" => Some(distance(average(low, n, false).view(), average(exact, n, false).view())),
                    "normalise" | "product" | "merge-output" => {
                        Some(distance(average(low, n, true).view(), average(exact, n, true).view()))
                    }
                    "store O" => {
                        let stored = |run: &Run| {
                            let mut o = average(run, n, true);
                            let values = o.as_slice_mut().unwrap();
                            if run.schedule.plan().precision == Precision::F16 {
                                values.iter_mut().for_each(|o| *o = half::f16::from_f64(*o).to_f64());
                            }
                            o
                        };
                        Some(distance(stored(low).view(), stored(exact).view()))
                    }
                    _ => None,
                }
            })
            .collect()
    }

    #[test]
    fn the_first_error_above_a_limit_is_that_found_by_hand() {
        let problem = preset::toy().problem;
        for name in ["standard", "flash1", "flash2"] {
            let [low, exact] = [Precision::F16, Precision::F64].map(|precision| run_in(&problem, name, 4, precision));
            let errors = errors_by_hand(&low, &exact);
            let mut limits: Vec<f64> = errors.iter().flatten().copied().collect();
            limits.sort_by(f64::total_cmp);
            for limit in [0.0, limits[limits.len() / 2], limits[limits.len() * 9 / 10], limits[limits.len() - 1]] {
                let above = |error: &Option<f64>| error.is_some_and(|error| error > limit);
                let expected: Vec<u64> = (1..).zip(&errors).filter(|(_, error)| above(error)).map(|(n, _)| n).collect();
                assert_eq!(hits(&low, &problem, Condition::ErrorAbove(limit)), expected, "{name} above {limit}");
            }
            assert!(hits(&exact, &problem, Condition::ErrorAbove(0.0)).is_empty(), "f64 is its own measure");
            // What is stored last is what the error of the whole run is of.
            let exact = crate::attention::oracle::attention(&problem.head::<f64>(0, 0, Precision::F64));
            let whole = crate::attention::error_rule::max_error(&low.output().unwrap().o, &exact.o);
            assert!(!hits(&low, &problem, Condition::ErrorAbove(whole * 0.999)).is_empty());
        }
    }

    #[test]
    fn what_is_no_number_is_above_every_error_unless_f64_has_none_either() {
        let Input { mut problem, .. } = preset::toy();
        let exact = problem.clone();
        // Infinite in f16, a number in f64.
        problem.q[[0, 0, 9, 0]] = 70000.0;
        let run = run_in(&problem, "flash2", 4, Precision::F16);
        let first = hits(&run, &problem, Condition::ErrorAbove(1e300))[0];
        assert!(hits(&run, &problem, Condition::NanAppeared)[0] <= first);
        // NaN in both.
        problem = exact;
        problem.v[[0, 0, 9, 0]] = f64::NAN;
        let run = run_in(&problem, "flash2", 4, Precision::F32);
        assert!(hits(&run, &problem, Condition::ErrorAbove(1e300)).is_empty());
        assert!(!hits(&run, &problem, Condition::NanAppeared).is_empty());
    }
}
