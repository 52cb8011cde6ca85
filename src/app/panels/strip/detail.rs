//! What the strip paints of the steps that are seen: the beat of each column and where tiles and blocks begin. Made
//! once for a stretch, at a cost that does not grow with the schedule.

use crate::app::run::overview::{BeatStrip, MOST_NOTCHES};
use crate::app::run::share::Column;
use crate::schedule::{Beat, Schedule};

/// Stretches of at most so many steps are written again, step by step; of longer ones the schedule's own map is shown.
const MOST_WRITTEN: u64 = 1 << 16;
/// Columns of the picture, below the limit of every texture.
const MOST_COLUMNS: u64 = 1024;
/// What a step counts where parts of it are told apart.
const FINE: u64 = 1 << 20;
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
    /// The columns are those of sections, of which one in so many was looked at.
    pub sections_each: Option<u64>,
}

impl Detail {
    /// The steps from `first` to `end` of a schedule, the map of which is `strip`, in at most `most` columns: as many as
    /// there are pixels, so that none is left out.
    pub fn new(schedule: &Schedule, strip: &BeatStrip, (first, end): (u64, u64), most: u64) -> Self {
        let end = end.min(schedule.len());
        let first = first.min(end);
        let blocks = blocks(schedule, first, end);
        let columns = vec![Column::default(); (end - first).min(most.clamp(1, MOST_COLUMNS)) as usize];
        let (tiles, ops) = (Vec::new(), Vec::new());
        let mut detail = Self { first, end, columns, tiles, blocks, ops, sections_each: None };
        if end - first <= MOST_WRITTEN {
            detail.write(schedule, strip.head);
        } else {
            detail.sections_each = strip.sections_each;
            detail.take(strip, schedule.len());
        }
        detail
    }

    /// Steps that share a column.
    pub fn steps_of_column(&self) -> f64 {
        (self.end - self.first) as f64 / self.columns.len().max(1) as f64
    }

    /// Adds a step to the columns that it lies in, to each by the part of it that lies there: where the one do not divide
    /// into the other, no column has a whole step more than its neighbour. A step is as many parts as there are columns.
    fn spread(&mut self, step: u64, beat: Beat, is_other: bool) {
        let (span, parts) = (self.end - self.first, self.columns.len() as u64);
        let (from, to) = ((step - self.first) * parts, (step - self.first + 1) * parts);
        for column in from / span..to.div_ceil(span) {
            let part = to.min((column + 1) * span) - from.max(column * span);
            self.columns[column as usize].add(beat, part, is_other);
        }
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
                    self.spread(n, schedule.facts(step).beat, !schedule.is_of(step, head));
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

    /// Takes what the map has of the stretch, of each of its columns the part that lies in one of these.
    fn take(&mut self, strip: &BeatStrip, len: u64) {
        let (known, span, count) = (strip.columns.len() as u64, self.end - self.first, self.columns.len() as u64);
        let begin_of = |column: u64| (u128::from(column) * u128::from(len)).div_ceil(u128::from(known.max(1))) as u64;
        let column_at = |step: u64| (u128::from(step) * u128::from(known) / u128::from(len.max(1))) as u64;
        for (at, column) in (0..).zip(&mut self.columns) {
            let [from, to] = [at, at + 1].map(|at| self.first + at * span / count);
            for met in column_at(from)..=column_at(to.saturating_sub(1)) {
                let part = to.min(begin_of(met + 1)).saturating_sub(from.max(begin_of(met)));
                if let Some(known) = strip.columns.get(met as usize) {
                    // Its own steps may be those of one section.
                    column.join_times(known, part * FINE / known.steps().max(1));
                }
            }
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
                let detail = Detail::new(&schedule, &strip, (first, end), MOST_COLUMNS);
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
        let whole = Detail::new(&schedule, &strip, (0, schedule.len()), MOST_COLUMNS);
        assert_eq!(whole.columns.len() as u64, MOST_COLUMNS);
        assert!(whole.tiles.is_empty() && whole.ops.is_empty());
        let part = Detail::new(&schedule, &strip, (1000, 1000 + MOST_WRITTEN), MOST_COLUMNS);
        let wide = MOST_WRITTEN / MOST_COLUMNS;
        for (at, column) in (0..).zip(&part.columns) {
            let mut counted = Column::default();
            for n in 1000 + at * wide..1000 + (at + 1) * wide {
                counted.add(schedule.facts(&schedule.step(n).unwrap()).beat, MOST_COLUMNS, false);
            }
            assert_eq!(*column, counted, "column {at}");
        }
        // Every step of the whole is in its columns, by as much as in every other.
        let mut all = Column::default();
        schedule.for_each(|_, step| all.add(schedule.facts(step).beat, 1, false));
        let mut sum = Column::default();
        whole.columns.iter().for_each(|column| sum.join(column));
        for height in (0..100).map(|n| (n as f32 + 0.5) / 100.0) {
            assert_eq!(sum.at(height), all.at(height), "{height}");
        }
        assert_eq!((part.sections_each, whole.sections_each), (None, strip.sections_each));
    }

    /// A column of any number has the steps that lie in it, of one that lies in two a part in each: by hand, in fractions.
    #[test]
    fn a_step_between_two_columns_is_in_both() {
        let schedule = schedule("flash2", 20, 3);
        let strip = Overview::new(&schedule, 0).strip;
        let beats: Vec<Beat> = (0..schedule.len()).map(|n| schedule.facts(&schedule.step(n).unwrap()).beat).collect();
        for most in [1, 2, 7, 50, 97, 101, 500] {
            for (first, end) in [(0, schedule.len()), (3, 104), (11, 12), (40, 143)] {
                let detail = Detail::new(&schedule, &strip, (first, end), most);
                let columns = detail.columns.len();
                assert_eq!(columns as u64, most.min(end - first));
                let width = (end - first) as f64 / columns as f64;
                assert!((detail.steps_of_column() - width).abs() < 1e-9);
                for (at, column) in detail.columns.iter().enumerate() {
                    let mut counts = [0.0; Beat::ALL.len()];
                    for n in first..end {
                        let place = (n - first) as f64;
                        let (from, to) = (at as f64 * width, (at + 1) as f64 * width);
                        counts[beats[n as usize] as usize] += ((place + 1.0).min(to) - place.max(from)).max(0.0);
                    }
                    // Each kind has its share of the height, but for the row in which it ends.
                    let mut below = 0.0;
                    for beat in Beat::ALL {
                        let share = counts[beat as usize] / width;
                        if share > 1e-6 {
                            assert_eq!(column.at((below + share / 2.0) as f32), Some(beat), "{most} {first} {at}");
                        }
                        below += share;
                    }
                    assert!((below - 1.0).abs() < 1e-9, "{most}: {below}");
                }
            }
        }
    }
}
