//! What a program takes as the lanes of its text allow: a list schedule of its steps. A step waits for what it reads, and for
//! a place to write to; what is handed from lane to lane has a place for each turn of a loop that may be in hand.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use crate::schedule::Place;
use crate::schedule::language::{self, Axis, Effects, Handed, KernelWork, ProgramSteps, StepWork, Work};
use crate::schedule::{Algorithm, Setting};

use super::list::{Task, UNITS, ends};

/// Steps of a program that are placed one by one; the turns after them take as long as those in their middle.
const MOST_STEPS: usize = 1024;
/// Programs of a kernel that are looked at; the others are taken to be as far from their extremes as the next of those.
const MOST_PROGRAMS: usize = 64;
/// Of those, how many of the shortest, of which each is unlike the next.
const SHORTEST: usize = 16;

/// Seconds of work on each unit.
pub(super) type OnUnits<'a> = &'a dyn Fn(&Work) -> [f64; UNITS];

/// Seconds of each program of a kernel, at its places: between those of its busiest unit and those of all.
pub(super) fn seconds(
    algorithm: &Algorithm,
    setting: &Setting,
    kernel: usize,
    work: &KernelWork,
    places: &[Place],
    on_units: OnUnits<'_>,
) -> Vec<f64> {
    let extremes: Vec<Extremes> = work.programs.iter().map(|of| Extremes::of(on_units(of))).collect();
    if algorithm.text().lanes.is_one() {
        return extremes.iter().map(|of| of.one_by_one).collect();
    }
    let model = Pipeline::new(algorithm, setting, kernel, on_units);
    let share = |program: usize| extremes[program].share_at(model.seconds(places[program], extremes[program]));
    let mut by_length: Vec<usize> = (0..extremes.len()).collect();
    by_length.sort_by(|&a, &b| extremes[a].one_by_one.total_cmp(&extremes[b].one_by_one));
    by_length.dedup_by(|a, b| extremes[*a] == extremes[*b]);
    let looked_at: Vec<(f64, f64)> =
        picked(by_length.len()).map(|n| (extremes[by_length[n]].one_by_one, share(by_length[n]))).collect();
    extremes.iter().map(|of| of.at(between(&looked_at, of.one_by_one))).collect()
}

/// Which of so many programs are looked at, the first and the last among them.
fn picked(all: usize) -> Box<dyn Iterator<Item = usize>> {
    if all <= MOST_PROGRAMS {
        return Box::new(0..all);
    }
    let spread = MOST_PROGRAMS - SHORTEST;
    Box::new((0..SHORTEST).chain((1..=spread).map(move |n| SHORTEST - 1 + n * (all - SHORTEST) / spread)))
}

/// The value at `x` of what is straight between points that rise in x.
fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|(at, _)| *at < x);
    match (after.checked_sub(1).map(|n| points[n]), points.get(after)) {
        (Some((a, from)), Some(&(b, to))) => from + (to - from) * (x - a) / (b - a),
        (Some((_, share)), None) | (None, Some(&(_, share))) => share,
        (None, None) => 1.0,
    }
}

/// Seconds of a program if all of it overlaps, and if nothing does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Extremes {
    overlapped: f64,
    one_by_one: f64,
}

impl Extremes {
    fn of(units: [f64; UNITS]) -> Self {
        Self { overlapped: units.into_iter().fold(0.0, f64::max), one_by_one: units.iter().sum() }
    }

    fn share_at(self, seconds: f64) -> f64 {
        let wide = self.one_by_one - self.overlapped;
        if wide > 0.0 { ((seconds - self.overlapped) / wide).clamp(0.0, 1.0) } else { 1.0 }
    }

    fn at(self, share: f64) -> f64 {
        (self.overlapped + share * (self.one_by_one - self.overlapped)).clamp(self.overlapped, self.one_by_one)
    }
}

/// The steps up to the last turn, which may not be whole, of the line of which there are most: of several, of the first.
fn whole_turns(steps: &[StepWork]) -> (&[StepWork], Option<usize>) {
    let mut counted: BTreeMap<usize, usize> = BTreeMap::new();
    steps.iter().for_each(|of| *counted.entry(of.step.line).or_default() += 1);
    let most = counted.into_iter().max_by_key(|&(line, count)| (count, Reverse(line)));
    let last = most.and_then(|(line, _)| Some((line, steps.iter().rposition(|of| of.step.line == line)?)));
    match last.filter(|_| most.is_some_and(|(_, count)| count > 4)) {
        Some((line, end)) => (&steps[..end], Some(line)),
        None => (steps, None),
    }
}

/// A kernel with what its steps hand each other.
struct Pipeline<'a> {
    algorithm: &'a Algorithm,
    kernel: usize,
    on_units: OnUnits<'a>,
    steps: ProgramSteps<'a>,
    handed: Vec<Handed>,
}

/// A place in memory: who wrote to it last, and who has read it since.
#[derive(Clone, Default)]
struct Slot {
    writer: Option<usize>,
    readers: Vec<usize>,
}

impl Slot {
    fn read(&mut self, by: usize, after: &mut Vec<usize>) {
        after.extend(self.writer.filter(|&writer| writer != by));
        self.readers.push(by);
    }

    fn write(&mut self, by: usize, after: &mut Vec<usize>) {
        after.extend(self.writer.take().into_iter().chain(self.readers.drain(..)).filter(|&other| other != by));
        self.writer = Some(by);
    }
}

impl<'a> Pipeline<'a> {
    fn new(algorithm: &'a Algorithm, setting: &'a Setting, kernel: usize, on_units: OnUnits<'a>) -> Self {
        let steps = ProgramSteps::new(algorithm.text(), setting);
        Self { algorithm, kernel, on_units, steps, handed: language::handed(algorithm.text(), kernel) }
    }

    /// Of the program at `place`. A text that allows so many turns at once allows fewer: the best of them counts.
    fn seconds(&self, place: Place, extremes: Extremes) -> f64 {
        let steps = self.steps.of_program(self.kernel, place, MOST_STEPS);
        let overlap = self.algorithm.text().lanes.overlap;
        let least = (1..=overlap).map(|copies| self.with_copies(&steps, place, copies)).fold(f64::INFINITY, f64::min);
        least.clamp(extremes.overlapped, extremes.one_by_one)
    }

    fn with_copies(&self, steps: &[StepWork], place: Place, copies: usize) -> f64 {
        let (steps, turns_by) = match steps.len() {
            MOST_STEPS => whole_turns(steps),
            _ => (steps, None),
        };
        let ends = ends(&self.tasks(steps, copies));
        let span = ends.iter().copied().fold(0.0, f64::max);
        let Some(line) = turns_by else { return span };
        let of_line = steps.iter().zip(&ends).filter(|(of, _)| of.step.line == line);
        let turns: Vec<f64> = of_line.map(|(_, &end)| end).collect();
        let (from, to) = (turns.len() / 4, 3 * turns.len() / 4);
        let each = (turns[to] - turns[from]) / (to - from).max(1) as f64;
        let left = self.steps.turns(line, place).saturating_sub(turns.len() as u64);
        span + each * left as f64
    }

    /// The steps as tasks, in the order of the text.
    fn tasks(&self, steps: &[StepWork], copies: usize) -> Vec<Task> {
        let text = self.algorithm.text();
        let mut slots: Vec<Vec<Slot>> = self.handed.iter().map(|of| vec![Slot::default(); of.copies(copies)]).collect();
        let mut at = vec![0; slots.len()];
        let mut in_hbm: HashMap<(usize, Place), Slot> = HashMap::new();
        let mut last_of_line: HashMap<usize, usize> = HashMap::new();
        let mut known: HashMap<(usize, u32), Effects> = HashMap::new();
        let task = |(n, of): (usize, &StepWork)| {
            let step = &of.step;
            let of_line = || self.algorithm.effects(step.line, step.held);
            let effects = *known.entry((step.line, step.held)).or_insert_with(of_line);
            // The steps of a line come in their order.
            let mut after: Vec<usize> = last_of_line.insert(step.line, n).into_iter().collect();
            for (number, handed) in self.handed.iter().enumerate() {
                let (reads, writes) = (effects.reads.meets(handed.names), effects.writes.meets(handed.names));
                if handed.begins == Some(step.line) && writes {
                    at[number] = (at[number] + 1) % slots[number].len();
                }
                let slot = &mut slots[number][at[number]];
                if reads {
                    slot.read(n, &mut after);
                }
                if writes {
                    slot.write(n, &mut after);
                }
            }
            self.hbm(effects, step.place, |tensor, block, writes| {
                let slot = in_hbm.entry((tensor, block)).or_default();
                if writes { slot.write(n, &mut after) } else { slot.read(n, &mut after) }
            });
            after.sort_unstable();
            after.dedup();
            Task { lane: text.lanes.of_lines[step.line], seconds: (self.on_units)(&of.work), after }
        };
        steps.iter().enumerate().map(task).collect()
    }

    /// Calls `visit` with the blocks in HBM that a step reads or writes, but for inputs, which nothing writes.
    fn hbm(&self, effects: Effects, place: Place, mut visit: impl FnMut(usize, Place, bool)) {
        let block = |tensor: usize| {
            let axes = self.algorithm.text().tensors[tensor].axes();
            let of_axis = |block: Place, axis: Axis| place.at(axis).map_or(block, |index| block.with(axis, index));
            axes.iter().fold(Place::default(), of_axis)
        };
        for (tensor, writes) in [(effects.hbm_read, false), (effects.hbm_write, true)] {
            if let Some(tensor) = tensor {
                visit(tensor, block(tensor), writes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Plan, Tiling};
    use proptest::prelude::*;

    /// A query against so many keys, all of width 1: what a line does is one load, one product or one exponential. Seconds
    /// in lanes; if all overlaps, and if nothing does.
    fn times(header: &str, keys: usize, ticks: [u32; 3]) -> (f64, [f64; 2]) {
        let text = format!(
            "language 1\ntitle t\nin Q K V\nout O\n{header}kernel k\nshared Q, K, V ; registers O, S P\n\
             parallel for i in query blocks\n  load Q[i]\n  start-rows: O = 0 per row of d_v\n  for j in key blocks\n    \
             load K[j]\n    scores: S = Q @ K^T\n    exponentiate: P = exp(S)\n    load V[j]\n    \
             accumulate: O = O + P @ V\n  store O[i]\n"
        );
        let algorithm = Algorithm::read("t", &text).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let setting = Setting::new(Plan::new(1, keys, 1, Tiling { br: 1, bc: 1 }, Precision::F32));
        let [load, product, exp] = ticks.map(f64::from);
        let on_units =
            |of: &Work| [load * of.bytes() / 4.0, product * of.matmul as f64 / 2.0, exp * of.exp as f64, 0.0];
        let work = &language::programs(algorithm.text(), &setting).expect("small")[0];
        let found = seconds(&algorithm, &setting, 0, work, &[Place::new(Some(0), None)], &on_units);
        let extremes = Extremes::of(on_units(&work.programs[0]));
        // Whole ticks, but for what a share of them rounds.
        let whole = (1e6 * found[0]).round() / 1e6;
        (whole, [extremes.overlapped, extremes.one_by_one])
    }

    const LANES: &str = "lanes load: load; products: scores accumulate; softmax: exponentiate\n";
    /// Loads and stores, products, exponentials.
    const TICKS: [u32; 3] = [1, 2, 3];

    /// Q, K_0 | S_0 2 to 4, P_0 4 to 7, O 7 to 9; S_1 needs the place of P_0, so that each turn takes 7: 2 + 3 x 7, and the
    /// store.
    #[test]
    fn loads_alone_go_ahead_where_each_has_one_place() {
        assert_eq!(times(LANES, 3, TICKS), (24.0, [12.0, 29.0]));
    }

    /// With two places S_1 is made from 4 to 6, beside P_0; O_0 comes from 7 to 9, S_2 then in the place of P_0, 9 to 11, P_2
    /// 11 to 14, O_2 14 to 16, the store 16 to 17. From there on a turn takes its two products, 4.
    #[test]
    fn scores_are_made_beside_exponentials_where_there_are_two() {
        let two = format!("{LANES}overlap 2\n");
        for (keys, expected) in [(1, 10.0), (3, 17.0), (4, 21.0), (100, 17.0 + 97.0 * 4.0)] {
            assert_eq!(times(&two, keys, TICKS).0, expected, "{keys}");
        }
        // Of many turns the first are placed, and not the store.
        let (found, [overlapped, _]) = times(&two, 100_000, TICKS);
        assert_eq!(found, 17.0 + 99_997.0 * 4.0 - 1.0);
        assert!(found > overlapped && found < 1.0001 * overlapped);
    }

    #[test]
    fn without_lanes_nothing_overlaps() {
        assert_eq!(times("", 3, TICKS), (29.0, [12.0, 29.0]));
        let one = "lanes one: load start-rows scores exponentiate accumulate store\noverlap 4\n";
        assert_eq!(times(one, 3, TICKS).0, 29.0);
        // Of one kind of work there is nothing that could overlap.
        assert_eq!(times("lanes load: load\n", 3, [1, 0, 0]), (8.0, [8.0, 8.0]));
    }

    #[test]
    fn what_is_not_looked_at_lies_between() {
        assert_eq!([0.5, 1.0, 3.0, 9.0].map(|x| between(&[(1.0, 0.0), (5.0, 1.0)], x)), [0.0, 0.0, 0.5, 1.0]);
        for all in [1, 64, 65, 1000, 123_457] {
            let picked: Vec<usize> = picked(all).collect();
            assert!(picked.len() <= MOST_PROGRAMS && picked.windows(2).all(|pair| pair[0] < pair[1]), "{all}");
            assert_eq!((picked[0], picked[picked.len() - 1]), (0, all - 1));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Between the extremes, and never longer with more places.
        #[test]
        fn more_overlap_takes_no_longer(keys in 1usize..60, ticks in [0u32..9, 0u32..9, 0u32..9], is_long: bool) {
            let keys = if is_long { 7 * keys + 400 } else { keys };
            let mut last = f64::INFINITY;
            for overlap in 1..=8 {
                let (found, [least, most]) = times(&format!("{LANES}overlap {overlap}\n"), keys, ticks);
                prop_assert!(least <= found && found <= most, "{} {} {}", least, found, most);
                prop_assert!(found <= last);
                last = found;
            }
        }
    }
}
