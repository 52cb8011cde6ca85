//! The meters: traffic, SRAM, FLOPs, tiles and the peak on chip after any number of steps, without walking all of them.

use crate::schedule::{Algorithm, Amounts, Cost, Counts, HbmTensor, OnChip, Plan, Schedule, Step, TileCounts, Traffic};

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

/// Adds up steps.
pub struct Meter<'a> {
    algorithm: &'a Algorithm,
    plan: &'a Plan,
    costs: CostTable,
    pub totals: Totals,
}

impl<'a> Meter<'a> {
    pub fn new(schedule: &'a Schedule) -> Self {
        Self::of_plan(&schedule.algorithm, schedule.plan())
    }

    /// For steps of `algorithm` under this plan.
    pub fn of_plan(algorithm: &'a Algorithm, plan: &'a Plan) -> Self {
        let costs = CostTable(vec![Vec::new(); algorithm.text().lines.len()]);
        Self { algorithm, plan, costs, totals: Totals::default() }
    }

    pub fn add(&mut self, step: &Step) {
        let (algorithm, plan) = (self.algorithm, self.plan);
        let known = self.costs.known(step, plan.counts_at(step.place), || {
            let tensor = algorithm.line(step.line).tensor().map(|tensor| algorithm.hbm_tensor(tensor, plan));
            (algorithm.cost(step.line, step.held, plan), tensor, algorithm.facts(step.line).makes_scores)
        });
        self.totals.traffic.add(known.tensor, &known.amounts, step.free);
        self.totals.live = step.live;
        self.totals.peak = self.totals.peak.max(step.live);
        if let (true, Some((i, j))) = (known.makes_scores, step.place.tile()) {
            self.totals.tiles.count(plan.class(i, j));
        }
    }
}

/// Costs worked out once: of each line, for the sets of statements that were met.
#[derive(Clone)]
struct CostTable(Vec<Vec<Known>>);

/// The cost of a line that carries out the statements of `held`, and what that came to at the step before: most blocks are
/// of one size.
#[derive(Clone)]
struct Known {
    held: u32,
    cost: Cost,
    tensor: Option<HbmTensor>,
    makes_scores: bool,
    counts: Counts,
    amounts: Amounts,
}

impl CostTable {
    fn known(
        &mut self,
        step: &Step,
        counts: Counts,
        derive: impl FnOnce() -> (Cost, Option<HbmTensor>, bool),
    ) -> &Known {
        let known = &mut self.0[step.line];
        let index = known.iter().position(|known| known.held == step.held).unwrap_or_else(|| {
            let (cost, tensor, makes_scores) = derive();
            let amounts = Amounts::of(&cost, counts);
            known.push(Known { held: step.held, cost, tensor, makes_scores, counts, amounts });
            known.len() - 1
        });
        let known = &mut known[index];
        if known.counts != counts {
            (known.counts, known.amounts) = (counts, Amounts::of(&known.cost, counts));
        }
        known
    }
}

/// The totals at the start of each section, so that those after step `n` cost at most one section.
pub struct MeterIndex {
    starts: Vec<Totals>,
    end: Totals,
}

impl MeterIndex {
    /// Walks the schedule once.
    pub fn new(schedule: &Schedule) -> Self {
        let mut meter = Meter::new(schedule);
        let (mut starts, mut steps) = (Vec::with_capacity(schedule.section_count()), Vec::new());
        for index in 0..schedule.section_count() {
            starts.push(meter.totals);
            schedule.write_section(index, &mut steps);
            steps.iter().for_each(|step| meter.add(step));
        }
        Self { starts, end: meter.totals }
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
        meter.totals
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
            amount(&meter.totals) <= limit
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
