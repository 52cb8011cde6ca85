//! A schedule at a glance: which steps work on which tile, and what kind of step comes when. Made once per run, of
//! bounded size, so that no frame grows with the number of steps.

use crate::app::run::share::Column;
use crate::app::run::stored::{MOST_CELLS, Stored, TileProgress};
use crate::attention::TileClass;
use crate::schedule::language::Sections;
use crate::schedule::{Place, Plan, Schedule, TileCounts};

/// Columns of the strip of beats.
pub const STRIP_COLUMNS: usize = 16_384;
/// Notches of the strip; closer ones would be a grey band.
pub const MOST_NOTCHES: usize = 160;

/// The grid of tiles and the strip of beats.
pub struct Overview {
    pub grid: Grid,
    pub strip: BeatStrip,
    pub stored: Stored,
    /// All tiles of the plan, by what the mask leaves of them.
    pub tiles: TileCounts,
}

/// The tiles of a schedule, thinned out where there are many.
pub struct Grid {
    pub rows: usize,
    pub cols: usize,
    /// Tiles per cell along each axis: 1 unless thinned out.
    pub row_stride: usize,
    pub col_stride: usize,
    cells: Vec<Cell>,
}

/// One tile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub class: TileClass,
    /// Its first step, and the one after its last; equal for a tile that no step works on.
    pub first: u64,
    pub end: u64,
}

/// The order of steps, thinned out where there are many.
pub struct BeatStrip {
    /// Column `c` of `n` has the steps from `c * len / n` on.
    pub columns: Vec<Column>,
    /// The query head that is shown.
    pub head: usize,
    /// Steps at which a tile begins, and at which an outer iteration does; empty where they would lie too close.
    pub tiles: Vec<u64>,
    pub blocks: Vec<u64>,
    /// Sections for each that was looked at, where not every step was.
    pub sections_each: Option<u64>,
}

/// Schedules of more steps are not walked: the sections that the picture has something of are, and no others.
const MOST_WALKED: u64 = 1 << 22;

impl Overview {
    /// The grid is that of `head`.
    pub fn new(schedule: &Schedule, head: usize) -> Self {
        match schedule.closed_sections().filter(|_| schedule.len() > MOST_WALKED) {
            Some(sections) => Self::by_sections(schedule, &sections, head),
            None => Self::walked(schedule, head),
        }
    }

    /// From every step.
    fn walked(schedule: &Schedule, head: usize) -> Self {
        let mut grid = Grid::new(schedule.plan());
        let mut strip = StripBuilder::new(schedule, head);
        let mut stored = Stored::new(&schedule.algorithm, &schedule.setting);
        schedule.for_each(|n, step| {
            let is_other = !schedule.is_of(step, head);
            if let Some((i, j)) = step.place.tile().filter(|_| !is_other) {
                grid.add(i, j, n);
            }
            strip.add(n, step, is_other);
            if !is_other {
                stored.add(n, step);
            }
        });
        Self { grid, strip: strip.finish(), stored, tiles: TileCounts::of_plan(schedule.plan()) }
    }

    /// From the sections of the tiles that are shown, and from those that write a block first or last.
    fn by_sections(schedule: &Schedule, sections: &Sections<'_>, head: usize) -> Self {
        let mut grid = Grid::new(schedule.plan());
        let mut stored = Stored::new(&schedule.algorithm, &schedule.setting);
        let is_of = |index: usize| schedule.is_section_of(index, head);
        let mut picked = stored.sections(schedule, is_of);
        picked.extend(
            (0..schedule.section_count()).filter(|&index| is_of(index) && grid.shows(schedule.at(index).place())),
        );
        for index in picked {
            let mut n = schedule.section_steps(index).start;
            schedule.each_of_section(index, |step| {
                if schedule.is_of(step, head) {
                    step.place.tile().into_iter().for_each(|(i, j)| grid.add(i, j, n));
                    stored.add(n, step);
                }
                n += 1;
            });
        }
        let strip = strip_of_sections(schedule, sections, head);
        Self { grid, strip, stored, tiles: TileCounts::of_plan(schedule.plan()) }
    }
}

/// A column for each of as many equal stretches, with the shares of the section in its middle.
fn strip_of_sections(schedule: &Schedule, sections: &Sections<'_>, head: usize) -> BeatStrip {
    let (len, count) = (u128::from(schedule.len()), STRIP_COLUMNS as u128);
    let mut known: Option<(usize, Column)> = None;
    let column = |at: u128| {
        let index = schedule.section_of(((2 * at + 1) * len / (2 * count)) as u64);
        if known.as_ref().is_none_or(|(of, _)| *of != index) {
            let mut column = Column::default();
            sections.each(schedule.at(index), &mut |steps| {
                column.add(
                    schedule.algorithm.facts(steps.line).beat,
                    steps.counts.one,
                    !schedule.is_section_of(index, head),
                );
            });
            known = Some((index, column));
        }
        known.as_ref().map_or_else(Column::default, |(_, column)| *column)
    };
    let sections_each = Some((schedule.section_count() as u64).div_ceil(STRIP_COLUMNS as u64).max(1));
    let columns = (0..count).map(column).collect();
    BeatStrip { columns, head, tiles: Vec::new(), blocks: blocks(schedule), sections_each }
}

/// Where sections begin, where they are few.
fn blocks(schedule: &Schedule) -> Vec<u64> {
    let sections = (0..schedule.section_count()).take(MOST_NOTCHES + 1);
    few(sections.map(|index| schedule.section_steps(index).start).collect())
}

fn few(steps: Vec<u64>) -> Vec<u64> {
    if steps.len() <= MOST_NOTCHES { steps } else { Vec::new() }
}

impl Grid {
    fn new(plan: &Plan) -> Self {
        let (t_r, t_c) = (plan.t_r(), plan.t_c());
        let (row_stride, col_stride) = (t_r.div_ceil(MOST_CELLS), t_c.div_ceil(MOST_CELLS));
        let (rows, cols) = (t_r.div_ceil(row_stride), t_c.div_ceil(col_stride));
        let cell = |index: usize| {
            let class = plan.class(index / cols * row_stride, index % cols * col_stride);
            Cell { class, first: 0, end: 0 }
        };
        Self { rows, cols, row_stride, col_stride, cells: (0..rows * cols).map(cell).collect() }
    }

    fn add(&mut self, i: usize, j: usize, n: u64) {
        if i.is_multiple_of(self.row_stride) && j.is_multiple_of(self.col_stride) {
            let cell = &mut self.cells[i / self.row_stride * self.cols + j / self.col_stride];
            if cell.end == 0 {
                cell.first = n;
            }
            cell.end = n + 1;
        }
    }

    /// A section at `place` may work on a tile that is a cell of the grid.
    fn shows(&self, place: Place) -> bool {
        place.i().is_none_or(|i| i.is_multiple_of(self.row_stride))
            && place.j().is_none_or(|j| j.is_multiple_of(self.col_stride))
    }

    /// The tile at a row and column of the grid.
    pub fn cell(&self, row: usize, col: usize) -> Option<&Cell> {
        (col < self.cols).then(|| self.cells.get(row * self.cols + col)).flatten()
    }

    /// All of them, row by row.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Where tile (i, j) is shown.
    pub fn position(&self, i: usize, j: usize) -> (usize, usize) {
        (i / self.row_stride, j / self.col_stride)
    }

    pub fn is_thinned(&self) -> bool {
        self.row_stride > 1 || self.col_stride > 1
    }
}

impl Cell {
    /// After the first `cursor` steps.
    pub fn progress(&self, cursor: u64) -> TileProgress {
        TileProgress::between(self.first, self.end, cursor)
    }
}

impl TileProgress {
    /// After `cursor` steps, of work from step `first` until before `end`; of none where `end` is 0.
    pub fn between(first: u64, end: u64, cursor: u64) -> Self {
        if end == 0 {
            TileProgress::Never
        } else if cursor <= first {
            TileProgress::Ahead
        } else if cursor < end {
            TileProgress::Begun
        } else {
            TileProgress::Done
        }
    }
}

/// Collects the strip.
struct StripBuilder<'a> {
    schedule: &'a Schedule,
    head: usize,
    columns: Vec<Column>,
    /// The first step after the column that is being filled.
    end: u64,
    tiles: Vec<u64>,
    last_tile: Option<(usize, usize)>,
}

impl<'a> StripBuilder<'a> {
    fn new(schedule: &'a Schedule, head: usize) -> Self {
        Self { schedule, head, columns: Vec::new(), end: 0, tiles: Vec::new(), last_tile: None }
    }

    fn add(&mut self, n: u64, step: &crate::schedule::Step, is_other: bool) {
        if n >= self.end {
            self.columns.push(Column::default());
            let (len, of) = (self.schedule.len(), self.schedule.len().min(STRIP_COLUMNS as u64));
            self.end = (self.columns.len() as u64 * len).div_ceil(of.max(1));
        }
        if let Some(column) = self.columns.last_mut() {
            column.add(self.schedule.facts(step).beat, 1, is_other);
        }
        let tile = step.place.tile();
        if tile != self.last_tile && self.tiles.len() <= MOST_NOTCHES {
            self.tiles.push(n);
        }
        self.last_tile = tile;
    }

    fn finish(self) -> BeatStrip {
        let (tiles, blocks) = (few(self.tiles), blocks(self.schedule));
        BeatStrip { columns: self.columns, head: self.head, tiles, blocks, sections_each: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Mask, Precision, Shape};
    use crate::schedule::{Arrival, Beat, Setting, Tiling, algorithm};

    fn schedule(n: usize, block: usize, name: &str) -> Schedule {
        let band = Mask { causal: true, ..Mask::default() }.band(&Shape::single(n, n, 2), 0);
        let plan = Plan { band, ..Plan::new(n, n, 2, Tiling { br: block, bc: block }, Precision::F32) };
        Schedule::new(algorithm::by_name(name).unwrap(), plan)
    }

    #[test]
    fn cells_tell_what_is_done() {
        let schedule = schedule(8, 4, "flash2");
        let map = Overview::new(&schedule, 0);
        let states =
            |cursor| [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(i, j)| map.grid.cell(i, j).unwrap().progress(cursor));
        use TileProgress::{Ahead, Begun, Done, Never};
        assert_eq!(states(0), [Ahead, Never, Ahead, Ahead]);
        assert_eq!(states(4), [Begun, Never, Ahead, Ahead]);
        assert_eq!(states(schedule.len()), [Done, Never, Done, Done]);
        assert_eq!(map.grid.cell(0, 0).unwrap().class, TileClass::Partial);
        assert!(map.grid.cell(2, 0).is_none() && map.grid.cell(0, 2).is_none());
    }

    #[test]
    fn a_long_schedule_is_thinned_out() {
        let schedule = schedule(1030, 2, "flash1");
        let map = Overview::new(&schedule, 0);
        assert!(map.grid.rows <= MOST_CELLS && map.grid.cols <= MOST_CELLS && map.grid.is_thinned());
        assert_eq!(map.strip.columns.len(), STRIP_COLUMNS);
        assert!(map.strip.tiles.is_empty() && map.strip.blocks.is_empty());
        let visible = map.grid.cell(map.grid.rows - 1, 0).unwrap();
        assert!(visible.end > visible.first);
    }

    /// What is made of a few sections is what a walk of all finds.
    #[test]
    fn few_sections_tell_what_a_walk_tells() {
        for (n, block) in [(1030, 2), (61, 3), (40, 1)] {
            for algorithm in algorithm::of_program() {
                let plan = schedule(n, block, "flash2").plan().clone();
                let arrival = Arrival::Shuffled(n as u64);
                let setting = Setting { splits: 3, heads: 2, arrival, ..Setting::new(plan) };
                let schedule = Schedule::of(algorithm, setting);
                let Some(sections) = schedule.closed_sections() else { continue };
                for head in [0, 1] {
                    let (walked, few) =
                        (Overview::walked(&schedule, head), Overview::by_sections(&schedule, &sections, head));
                    assert!(walked.grid.cells == few.grid.cells, "{} {n} {head}", algorithm.name());
                    assert!(walked.stored == few.stored, "{} {n} {head}", algorithm.name());
                    assert_eq!(few.strip.columns.len(), STRIP_COLUMNS);
                    assert_eq!(few.strip.blocks, walked.strip.blocks);
                }
            }
        }
    }

    /// A million tokens in blocks of 128: 470 million steps, of which a thousandth is written.
    #[test]
    fn a_million_tokens_have_a_map() {
        for name in ["flash1", "flash2", "flash2-backward"] {
            let schedule = schedule(1 << 20, 128, name);
            let map = Overview::new(&schedule, 0);
            assert_eq!((map.grid.rows, map.grid.cols, map.grid.row_stride), (256, 256, 32), "{name}");
            let last = map.grid.cell(255, 255).unwrap();
            assert!(last.end > last.first && last.end <= schedule.len(), "{name}");
            assert_eq!(map.grid.cell(0, 255).unwrap().class, TileClass::Skipped, "{name}");
            assert!(map.strip.columns.iter().all(|column| column.at(0.5).is_some()), "{name}");
        }
    }

    /// The blocks of a tensor of tiles are those of the grid, also where both are thinned out.
    #[test]
    fn a_tensor_of_tiles_has_the_cells_of_the_grid() {
        for (n, block) in [(8, 4), (1030, 2)] {
            let schedule = schedule(n, block, "standard");
            let map = Overview::new(&schedule, 0);
            let scores = map.stored.of(crate::schedule::Tensor::known("S").unwrap()).unwrap();
            let mut seen = [0; 4];
            for (row, col) in (0..map.grid.rows).flat_map(|row| (0..map.grid.cols).map(move |col| (row, col))) {
                let place = Place::new(Some(row * map.grid.row_stride), Some(col * map.grid.col_stride));
                for cursor in [0, schedule.len() / 4, schedule.len()] {
                    let found = scores.cell_progress(row, col, cursor);
                    assert_eq!(Some(found), scores.progress(place, cursor), "{n} {row},{col} {cursor}");
                    seen[found as usize] += 1;
                }
            }
            assert!(seen.iter().filter(|count| **count > 0).count() >= 2, "{n}: {seen:?}");
        }
    }

    #[test]
    fn a_short_strip_has_a_column_for_each_step() {
        let schedule = schedule(8, 4, "standard");
        let strip = Overview::new(&schedule, 0).strip;
        let beats: Vec<Beat> = (0..schedule.len()).map(|n| schedule.facts(&schedule.step(n).unwrap()).beat).collect();
        assert_eq!(strip.columns.iter().filter_map(|column| column.at(0.5)).collect::<Vec<_>>(), beats);
        assert_eq!(strip.blocks.len(), 6);
    }
}
