//! A schedule at a glance: which steps work on which tile, and what kind of step comes when. Made once per run, of
//! bounded size, so that no frame grows with the number of steps.

use crate::app::run::share::Column;
use crate::app::run::stored::{MOST_CELLS, Stored, TileProgress};
use crate::attention::TileClass;
use crate::schedule::{Plan, Schedule};

/// Columns of the strip of beats.
pub const STRIP_COLUMNS: usize = 16_384;
/// Notches of the strip; closer ones would be a grey band.
pub const MOST_NOTCHES: usize = 160;

/// The grid of tiles and the strip of beats.
pub struct Overview {
    pub grid: Grid,
    pub strip: BeatStrip,
    pub stored: Stored,
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
}

impl Overview {
    /// Walks the schedule once. The grid is that of `head`.
    pub fn new(schedule: &Schedule, head: usize) -> Self {
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
        Self { grid, strip: strip.finish(), stored }
    }
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

    /// The tile at a row and column of the grid.
    pub fn cell(&self, row: usize, col: usize) -> Option<&Cell> {
        (col < self.cols).then(|| self.cells.get(row * self.cols + col)).flatten()
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
            column.add(self.schedule.facts(step).beat, is_other);
        }
        let tile = step.place.tile();
        if tile != self.last_tile && self.tiles.len() <= MOST_NOTCHES {
            self.tiles.push(n);
        }
        self.last_tile = tile;
    }

    fn finish(self) -> BeatStrip {
        let few = |steps: Vec<u64>| if steps.len() <= MOST_NOTCHES { steps } else { Vec::new() };
        let sections = (0..self.schedule.section_count()).take(MOST_NOTCHES + 1);
        let blocks = sections.map(|index| self.schedule.section_steps(index).start).collect();
        BeatStrip { columns: self.columns, head: self.head, tiles: few(self.tiles), blocks: few(blocks) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::{Mask, Precision, Shape};
    use crate::schedule::{Beat, Tiling, algorithm};

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

    #[test]
    fn a_short_strip_has_a_column_for_each_step() {
        let schedule = schedule(8, 4, "standard");
        let strip = Overview::new(&schedule, 0).strip;
        let beats: Vec<Beat> = (0..schedule.len()).map(|n| schedule.facts(&schedule.step(n).unwrap()).beat).collect();
        assert_eq!(strip.columns.iter().filter_map(|column| column.at(0.5)).collect::<Vec<_>>(), beats);
        assert_eq!(strip.blocks.len(), 6);
    }
}
