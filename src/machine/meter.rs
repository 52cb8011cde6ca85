//! The meters: traffic, SRAM, FLOPs, tiles and the peak on chip after any number of steps, without walking all of them.

use crate::attention::TileClass;
use crate::schedule::language::Alike;
use crate::schedule::{
    Algorithm, Amounts, Cost, Counts, HbmTensor, OnChip, Place, Plan, Schedule, Step, TileCounts, Traffic,
};

/// Totals after some steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub traffic: Traffic,
    /// Bytes of live buffers at their most.
    pub peak: OnChip,
    /// Bytes of live buffers now.
    pub live: OnChip,
    /// Tiles whose scores were computed, by class (`skipped`: computed though the mask hides them all).
    pub tiles: TileCounts,
}

/// Where the last step was, and what that counts: most steps stand where the one before them stood.
struct At {
    place: Place,
    counts: Counts,
    /// Another with every other count; from 1.
    number: u64,
}

/// Adds up steps. What many have in common is multiplied, once the totals are asked for.
pub struct Meter<'a> {
    algorithm: &'a Algorithm,
    plan: &'a Plan,
    /// The mask hides nothing, so that every tile is full.
    is_open: bool,
    lines: Vec<Vec<Counted>>,
    at: At,
    /// But for what is still counted in `lines`.
    totals: Totals,
}

impl<'a> Meter<'a> {
    pub fn new(schedule: &'a Schedule) -> Self {
        Self::of_plan(&schedule.algorithm, schedule.plan())
    }

    /// For steps of `algorithm` under this plan.
    pub fn of_plan(algorithm: &'a Algorithm, plan: &'a Plan) -> Self {
        let (lines, place) = (vec![Vec::new(); algorithm.text().lines.len()], Place::default());
        Self {
            algorithm,
            plan,
            is_open: plan.band.is_open(),
            lines,
            at: At { place, counts: plan.counts_at(place), number: 1 },
            totals: Totals::default(),
        }
    }

    #[inline]
    pub fn add(&mut self, step: &Step) {
        if step.place != self.at.place {
            self.go_to(step.place);
        }
        let known = self.lines[step.line].iter().position(|known| known.held == step.held);
        let index = known.unwrap_or_else(|| self.learn(step));
        if self.lines[step.line][index].number != self.at.number {
            self.resize(step.line, index);
        }
        let known = &mut self.lines[step.line][index];
        *(if step.free { &mut known.free } else { &mut known.paid }) += 1;
        self.totals.live = step.live;
        self.totals.peak = self.totals.peak.max(step.live);
        if known.makes_scores {
            self.count_tile(step.place);
        }
    }

    // What follows is apart so that the usual step is short.

    #[inline(never)]
    fn go_to(&mut self, place: Place) {
        let counts = self.plan.counts_at(place);
        let number = self.at.number + u64::from(counts != self.at.counts);
        self.at = At { place, counts, number };
    }

    #[cold]
    fn learn(&mut self, step: &Step) -> usize {
        let known = &mut self.lines[step.line];
        known.push(Counted::new(self.algorithm, self.plan, step));
        known.len() - 1
    }

    #[inline(never)]
    fn resize(&mut self, line: usize, index: usize) {
        let known = &mut self.lines[line][index];
        known.settle(&mut self.totals.traffic);
        (known.number, known.amounts) = (self.at.number, Amounts::of(&known.cost, self.at.counts));
    }

    #[inline(never)]
    fn count_tile(&mut self, place: Place) {
        if let Some((i, j)) = place.tile() {
            let class = if self.is_open { TileClass::Full } else { self.plan.class(i, j) };
            self.totals.tiles.count(class);
        }
    }

    /// Steps that are alike, all at once; `live` are the buffers after them.
    fn add_alike(&mut self, steps: &Alike<'_>, live: OnChip) {
        let tensor =
            self.algorithm.line(steps.line).tensor().map(|tensor| self.algorithm.hbm_tensor(tensor, self.plan));
        self.totals.traffic.add(tensor, &Amounts::of(steps.cost, steps.counts), false);
        (self.totals.live, self.totals.peak) = (live, self.totals.peak.max(live));
        if let Some(class) = steps.class.filter(|_| self.algorithm.facts(steps.line).makes_scores) {
            self.totals.tiles.add(class, steps.counts.one);
        }
    }

    /// After all steps so far.
    pub fn totals(&mut self) -> Totals {
        for known in self.lines.iter_mut().flatten() {
            known.settle(&mut self.totals.traffic);
        }
        self.totals
    }
}

/// Steps of a line that carry out the statements of `held`, on blocks of one size: most are.
#[derive(Clone)]
struct Counted {
    held: u32,
    cost: Cost,
    tensor: Option<HbmTensor>,
    makes_scores: bool,
    /// That of the count of their blocks; 0 before the first.
    number: u64,
    /// Of one step.
    amounts: Amounts,
    /// Steps that are not in the totals yet, and those of them that move nothing.
    paid: u64,
    free: u64,
}

impl Counted {
    fn new(algorithm: &Algorithm, plan: &Plan, step: &Step) -> Self {
        let (cost, amounts) = (algorithm.cost(step.line, step.held, plan), Amounts::default());
        let tensor = algorithm.line(step.line).tensor().map(|tensor| algorithm.hbm_tensor(tensor, plan));
        let makes_scores = algorithm.facts(step.line).makes_scores;
        Self { held: step.held, cost, tensor, makes_scores, number: 0, amounts, paid: 0, free: 0 }
    }

    fn settle(&mut self, traffic: &mut Traffic) {
        for (steps, is_free) in [(std::mem::take(&mut self.paid), false), (std::mem::take(&mut self.free), true)] {
            if steps > 0 {
                traffic.add(self.tensor, &self.amounts.times(steps), is_free);
            }
        }
    }
}

/// The totals at the start of each section, so that those after step `n` cost at most one section.
pub struct MeterIndex {
    starts: Vec<Totals>,
    end: Totals,
    /// Every step was counted; else the sections before the one that is looked at are closed sums.
    pub is_counted: bool,
}

/// Schedules of more steps are not counted one by one: that would take longer than a person waits.
const MOST_COUNTED: u64 = 1 << 22;

impl MeterIndex {
    /// Walks a schedule once. One that is long is added up section by section, to the same totals.
    pub fn new(schedule: &Schedule) -> Self {
        let added_up = if schedule.len() > MOST_COUNTED { Self::added_up(schedule) } else { None };
        added_up.unwrap_or_else(|| Self::counted(schedule))
    }

    /// From every step.
    pub fn counted(schedule: &Schedule) -> Self {
        let mut meter = Meter::new(schedule);
        let mut starts = Vec::with_capacity(schedule.section_count());
        for index in 0..schedule.section_count() {
            starts.push(meter.totals());
            schedule.each_of_section(index, |step| meter.add(step));
        }
        Self { starts, end: meter.totals(), is_counted: true }
    }

    /// From the closed sums of its sections; `None` of a text that has none.
    pub fn added_up(schedule: &Schedule) -> Option<Self> {
        let sections = schedule.closed_sections()?;
        let (mut meter, mut has_begun) = (Meter::new(schedule), false);
        let mut starts = Vec::with_capacity(schedule.section_count());
        for index in 0..schedule.section_count() {
            starts.push(meter.totals);
            has_begun &= schedule.section(index).section > 0;
            sections.each(schedule.at(index), &mut |steps| {
                has_begun |= !steps.is_fill;
                let live = if has_begun { schedule.footprint_of(index) } else { OnChip::default() };
                meter.add_alike(steps, live);
            });
        }
        Some(Self { starts, end: meter.totals, is_counted: false })
    }

    /// Totals of the whole schedule.
    pub fn total(&self) -> &Totals {
        &self.end
    }

    /// Totals after the first `cursor` steps.
    pub fn after(&self, schedule: &Schedule, cursor: u64) -> Totals {
        if cursor >= schedule.len() {
            return self.end;
        }
        let index = schedule.section_of(cursor);
        let mut meter = Meter { totals: self.starts[index], ..Meter::new(schedule) };
        let mut steps = Vec::new();
        schedule.write_section(index, &mut steps);
        let done = (cursor - schedule.section_steps(index).start) as usize;
        steps[..done].iter().for_each(|step| meter.add(step));
        meter.totals()
    }

    /// The most steps after which `amount` of the totals, which no step makes smaller, is still at most `limit`.
    pub fn cursor_within(&self, schedule: &Schedule, limit: u64, amount: impl Fn(&Totals) -> u64) -> u64 {
        let sections = self.starts.partition_point(|totals| amount(totals) <= limit);
        let Some(index) = sections.checked_sub(1) else { return 0 };
        let mut meter = Meter { totals: self.starts[index], ..Meter::new(schedule) };
        let mut steps = Vec::new();
        schedule.write_section(index, &mut steps);
        let within = steps.iter().take_while(|step| {
            meter.add(step);
            amount(&meter.totals()) <= limit
        });
        schedule.section_steps(index).start + within.count() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Plan, Tiling, algorithm};

    #[test]
    fn a_cursor_within_a_limit_is_the_last_one() {
        for algorithm in *algorithm::ALL {
            let plan = Plan::new(10, 7, 2, Tiling { br: 4, bc: 3 }, Precision::F16);
            let schedule = Schedule::new(algorithm, plan);
            let index = MeterIndex::new(&schedule);
            let bytes = |totals: &Totals| totals.traffic.hbm_bytes();
            let after: Vec<u64> = (0..=schedule.len()).map(|n| bytes(&index.after(&schedule, n))).collect();
            assert!(after.is_sorted());
            for limit in 0..=bytes(index.total()) + 1 {
                let last = after.iter().rposition(|bytes| *bytes <= limit).unwrap() as u64;
                assert_eq!(index.cursor_within(&schedule, limit, bytes), last, "{} at {limit}", algorithm.name());
            }
        }
    }
}
