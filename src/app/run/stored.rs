//! When each block in HBM is written, first and last: made once per run, of bounded size.

use std::collections::BTreeSet;

use crate::schedule::language::{Action, Axis};
use crate::schedule::{Algorithm, Place, Schedule, Setting, Step, Tensor, WrittenBlocks, written};

/// Rows and columns of the grid that are kept at most; of more tiles, every n-th is shown.
pub const MOST_CELLS: usize = 256;

/// How far the work on a tile has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TileProgress {
    Never,
    Ahead,
    /// Begun, and there is more to come.
    Begun,
    Done,
}

/// The blocks of every tensor that some line writes.
#[derive(PartialEq)]
pub struct Stored {
    tensors: Vec<StoredBlocks>,
    /// Of each line of the text, the tensors that it writes, by their number above.
    lines: Vec<Vec<usize>>,
}

/// The blocks of one tensor: query blocks, and by key block or split; thinned out where there are many.
#[derive(PartialEq)]
pub struct StoredBlocks {
    tensor: Tensor,
    axes: [Option<Axis>; 2],
    cols: usize,
    strides: [usize; 2],
    /// The first step that writes a block, and the one after the last; equal where none does.
    cells: Vec<(u64, u64)>,
}

impl Stored {
    pub fn new(algorithm: &Algorithm, setting: &Setting) -> Self {
        let mut tensors: Vec<StoredBlocks> = Vec::new();
        let text = algorithm.text();
        let lines = text.lines.iter().map(|line| {
            let written = line.statements.iter().filter(|statement| {
                matches!(statement.action, Action::Store { .. } | Action::Add { .. } | Action::Fill { .. })
            });
            let ids = written.filter_map(|statement| statement.action.tensor());
            ids.map(|id| {
                let tensor = algorithm.tensor(id);
                tensors.iter().position(|known| known.tensor == tensor).unwrap_or_else(|| {
                    tensors.push(StoredBlocks::new(tensor, &text.tensors[id].axes, setting));
                    tensors.len() - 1
                })
            })
            .collect()
        });
        let lines = lines.collect();
        Self { tensors, lines }
    }

    pub fn add(&mut self, n: u64, step: &Step) {
        for &tensor in &self.lines[step.line] {
            self.tensors[tensor].add(n, step.place);
        }
    }

    /// The sections, among those that `is_of` holds for, that may write a cell first or last: what they write is all that
    /// is kept.
    pub fn sections(&self, schedule: &Schedule, is_of: impl Fn(usize) -> bool) -> BTreeSet<usize> {
        let mut met: Vec<Vec<Option<(usize, usize)>>> =
            self.tensors.iter().map(|blocks| vec![None; blocks.cells.len()]).collect();
        for (index, written) in written::of_sections(schedule).iter().enumerate().filter(|(index, _)| is_of(*index)) {
            for of in written {
                let tensor = schedule.algorithm.tensor(of.tensor);
                let known = self.tensors.iter().zip(&mut met).filter(|(blocks, _)| blocks.tensor == tensor);
                for (blocks, met) in known {
                    blocks.each_cell(of, |cell| met[cell] = Some((met[cell].map_or(index, |(first, _)| first), index)));
                }
            }
        }
        met.into_iter().flatten().flatten().flat_map(|(first, last)| [first, last]).collect()
    }

    /// How far the writing of a block has come after `cursor` steps. `None` of a tensor that no line writes.
    pub fn progress(&self, tensor: Tensor, place: Place, cursor: u64) -> Option<TileProgress> {
        self.of(tensor)?.progress(place, cursor)
    }

    /// The blocks of a tensor; `None` of one that no line writes.
    pub fn of(&self, tensor: Tensor) -> Option<&StoredBlocks> {
        self.tensors.iter().find(|blocks| blocks.tensor == tensor)
    }
}

impl StoredBlocks {
    fn new(tensor: Tensor, axes: &[Axis], setting: &Setting) -> Self {
        let has = |axis: Axis| axes.contains(&axis).then_some(axis);
        let axes = [has(Axis::I), has(Axis::J).or(has(Axis::S))];
        let count = |axis: Option<Axis>| match axis {
            Some(Axis::I) => setting.plan.t_r(),
            Some(Axis::J) => setting.plan.t_c(),
            Some(Axis::S) => setting.splits,
            _ => 1,
        };
        let strides = axes.map(|axis| count(axis).div_ceil(MOST_CELLS).max(1));
        let [rows, cols] = [0, 1].map(|n| count(axes[n]).div_ceil(strides[n]).max(1));
        Self { tensor, axes, cols, strides, cells: vec![(0, 0); rows * cols] }
    }

    /// How far the writing of a block has come after `cursor` steps; `None` for a place without the axes.
    pub fn progress(&self, place: Place, cursor: u64) -> Option<TileProgress> {
        let (first, end) = self.cells.get(self.index(place)?).copied()?;
        Some(TileProgress::between(first, end, cursor))
    }

    /// The same of a tensor of tiles, by a row and column of the grid of tiles, which is thinned out alike.
    pub fn cell_progress(&self, row: usize, col: usize, cursor: u64) -> TileProgress {
        let (first, end) = self.cells.get(row * self.cols + col).copied().unwrap_or_default();
        TileProgress::between(first, end, cursor)
    }

    /// `None` for a place without the axes. Neighbours share a cell where there are many.
    fn index(&self, place: Place) -> Option<usize> {
        let at = |axis: Option<Axis>| axis.map_or(Some(0), |axis| place.at(axis));
        let (row, col) = (at(self.axes[0])?, at(self.axes[1])?);
        Some(row / self.strides[0] * self.cols + col / self.strides[1])
    }

    /// The cells of blocks that a section writes.
    fn each_cell(&self, written: &WrittenBlocks, mut visit: impl FnMut(usize)) {
        let cells = |axis: Option<Axis>, stride: usize| {
            let blocks = axis.map_or(0..1, |axis| written.along(axis));
            blocks.start / stride..blocks.end.div_ceil(stride)
        };
        for row in cells(self.axes[0], self.strides[0]) {
            for col in cells(self.axes[1], self.strides[1]) {
                visit(row * self.cols + col);
            }
        }
    }

    fn add(&mut self, n: u64, place: Place) {
        if let Some(cell) = self.index(place).and_then(|index| self.cells.get_mut(index)) {
            if cell.1 == 0 {
                cell.0 = n;
            }
            cell.1 = n + 1;
        }
    }
}
