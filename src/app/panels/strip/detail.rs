//! What the strip paints of the steps that are seen: the beat of each column and where tiles and blocks begin. Made
//! once for a stretch, at a cost that does not grow with the schedule.

use crate::app::run::overview::{BeatStrip, MOST_NOTCHES};
use crate::app::run::share::Column;
use crate::schedule::Schedule;

/// Stretches of at most so many steps are written again, step by step; of longer ones the schedule's own map is shown.
const MOST_WRITTEN: u64 = 1 << 16;
/// Columns of the picture, below the limit of every texture.
const MOST_COLUMNS: u64 = 1024;
/// Of a stretch this short the operations are kept, to be named.
const MOST_NAMED: u64 = 96;

/// A stretch of the strip.
pub struct Detail {
    /// The steps that the columns cover.
    pub first: u64,
    pub end: u64,
    pub columns: Vec<Column>,
    /// Steps at which a tile begins, and at which an iteration of the outer loop does; empty where they are too many
    /// to be told apart.
    pub tiles: Vec<u64>,
    pub blocks: Vec<u64>,
    /// Each operation, where there are few.
    pub ops: Vec<usize>,
}

impl Detail {
    /// The steps from `first` to `end` of a schedule, the map of which is `strip`.
    pub fn new(schedule: &Schedule, strip: &BeatStrip, first: u64, end: u64) -> Self {
        let end = end.min(schedule.len());
        let first = first.min(end);
        let blocks = blocks(schedule, first, end);
        let columns = vec![Column::default(); (end - first).min(MOST_COLUMNS) as usize];
        let mut detail = Self { first, end, columns, tiles: Vec::new(), blocks, ops: Vec::new() };
        if end - first <= MOST_WRITTEN {
            detail.write(schedule, strip.head);
        } else {
            detail.take(strip, schedule.len());
        }
        detail
    }

    /// The column of a step of the stretch.
    fn column_of(&self, step: u64) -> usize {
        ((step - self.first) * self.columns.len() as u64 / (self.end - self.first).max(1)) as usize
    }

    /// Writes the sections of the stretch again.
    fn write(&mut self, schedule: &Schedule, head: usize) {
        let mut steps = Vec::new();
        for index in schedule.section_of(self.first)..=schedule.section_of(self.end) {
            let range = schedule.section_steps(index);
            if range.is_empty() || range.start >= self.end || range.end <= self.first {
                continue;
            }
            schedule.write_section(index, &mut steps);
            let mut last_tile = None;
            for (n, step) in (range.start..self.end).zip(&steps) {
                let tile = step.place.tile();
                if n >= self.first {
                    if (n > range.start && tile != last_tile) && self.tiles.len() <= MOST_NOTCHES {
                        self.tiles.push(n);
                    }
                    let column = self.column_of(n);
                    self.columns[column].add(schedule.facts(step).beat, 1, !schedule.is_of(step, head));
                    if self.end - self.first <= MOST_NAMED {
                        self.ops.push(step.line);
                    }
                }
                last_tile = tile;
            }
        }
        if self.tiles.len() > MOST_NOTCHES {
            self.tiles.clear();
        }
    }

    /// Takes what the map has of the stretch: of each column what begins in it, or where nothing does, what it lies in.
    fn take(&mut self, strip: &BeatStrip, len: u64) {
        let (known, span, count) = (strip.columns.len() as u128, self.end - self.first, self.columns.len() as u64);
        let begins_at = |step: u64| (u128::from(step) * known).div_ceil(u128::from(len.max(1))) as usize;
        for (at, column) in (0..).zip(&mut self.columns) {
            let [from, to] = [at, at + 1].map(|at| self.first + at * span / count);
            let (begin, end) = (begins_at(from), begins_at(to));
            let begin = if begin < end { begin } else { begin.saturating_sub(1) };
            let met = strip.columns.get(begin..end.max(begin + 1)).unwrap_or_default();
            met.iter().for_each(|more| column.join(more));
        }
        self.tiles = strip.tiles.iter().copied().filter(|n| (self.first..self.end).contains(n)).collect();
    }
}

/// Where sections begin within a stretch: known without writing any.
fn blocks(schedule: &Schedule, first: u64, end: u64) -> Vec<u64> {
    let (from, to) = (schedule.section_of(first), schedule.section_of(end));
    if schedule.is_empty() || to - from > MOST_NOTCHES {
        return Vec::new();
    }
    let mut starts: Vec<u64> = (from..=to).map(|index| schedule.section_steps(index).start).collect();
    starts.dedup();
    starts.retain(|n| *n > 0 && (first..end).contains(n));
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::overview::Overview;
    use crate::attention::Precision;
    use crate::schedule::{Plan, Tiling, algorithm};

    fn schedule(name: &str, n: usize, block: usize) -> Schedule {
        let plan = Plan::new(n, n, 2, Tiling { br: block, bc: block }, Precision::F32);
        Schedule::new(algorithm::by_name(name).unwrap(), plan)
    }

    #[test]
    fn a_stretch_has_the_beats_tiles_and_blocks_of_its_steps() {
        for name in ["standard", "flash1", "flash2"] {
            let schedule = schedule(name, 12, 4);
            let strip = Overview::new(&schedule, 0).strip;
            let steps: Vec<_> = (0..schedule.len()).map(|n| schedule.step(n).unwrap()).collect();
            for first in 0..schedule.len() {
                let end = (first + 30).min(schedule.len());
                let detail = Detail::new(&schedule, &strip, first, end);
                let shown = &steps[first as usize..end as usize];
                let beats: Vec<_> = detail.columns.iter().filter_map(|column| column.at(0.5)).collect();
                assert_eq!(beats, shown.iter().map(|step| schedule.facts(step).beat).collect::<Vec<_>>());
                assert_eq!(detail.ops, shown.iter().map(|step| step.line).collect::<Vec<_>>());
                let new_section = |n: u64| schedule.section_of(n) != schedule.section_of(n - 1);
                let tile = |n: u64| steps[n as usize].place.tile();
                let tiles: Vec<u64> =
                    (first.max(1)..end).filter(|n| !new_section(*n) && tile(*n) != tile(n - 1)).collect();
                let blocks: Vec<u64> = (first.max(1)..end).filter(|n| new_section(*n)).collect();
                assert_eq!((&detail.tiles, &detail.blocks), (&tiles, &blocks), "{name} from {first}");
            }
        }
    }

    #[test]
    fn a_long_stretch_costs_what_a_short_one_costs() {
        let schedule = schedule("flash1", 1024, 2);
        let strip = Overview::new(&schedule, 0).strip;
        assert!(schedule.len() > 10 * MOST_WRITTEN);
        let whole = Detail::new(&schedule, &strip, 0, schedule.len());
        assert_eq!(whole.columns.len() as u64, MOST_COLUMNS);
        assert!(whole.tiles.is_empty() && whole.ops.is_empty());
        let part = Detail::new(&schedule, &strip, 1000, 1000 + MOST_WRITTEN);
        let wide = MOST_WRITTEN / MOST_COLUMNS;
        for (at, column) in (0..).zip(&part.columns) {
            let mut counted = Column::default();
            for n in 1000 + at * wide..1000 + (at + 1) * wide {
                counted.add(schedule.facts(&schedule.step(n).unwrap()).beat, 1, false);
            }
            assert_eq!(*column, counted, "column {at}");
        }
        // All of it: a column of the whole has what its columns of the map have.
        let mut sum = Column::default();
        whole.columns.iter().for_each(|column| sum.join(column));
        let mut all = Column::default();
        schedule.for_each(|_, step| all.add(schedule.facts(step).beat, 1, false));
        assert_eq!(sum, all);
    }
}
