//! What a reader sees of the machine after some step, in f64 whatever the precision.

use std::ops::Range;

use ndarray::Array2;

use crate::attention::Real;
use crate::schedule::{Schedule, Span, Step};

use super::chip::{Slot, part};
use super::numbers::Machine;

/// The chip after the first `cursor` steps. A part that the program has not written yet is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub cursor: u64,
    /// The step carried out last.
    pub step: Option<Step>,
    /// Kernel and program of that step.
    pub program: Option<(usize, usize)>,
    /// Queries of the rows on chip, and keys of the tile that was worked on last.
    pub rows: Range<usize>,
    pub cols: Range<usize>,
    /// `[rows, cols]`
    pub s: Option<Array2<f64>>,
    pub p: Option<Array2<f64>>,
    /// `[rows, d_v]`
    pub o: Option<Array2<f64>>,
    /// Each `[rows]`.
    pub m: Option<Vec<f64>>,
    pub l: Option<Vec<f64>>,
    pub lse: Option<Vec<f64>>,
    pub alpha: Option<Vec<f64>>,
    pub beta: Option<Vec<f64>>,
    pub tile_max: Option<Vec<f64>>,
    pub tile_sum: Option<Vec<f64>>,
}

impl View {
    /// Before the first step.
    pub fn start() -> Self {
        Self {
            cursor: 0,
            step: None,
            program: None,
            rows: 0..0,
            cols: 0..0,
            s: None,
            p: None,
            o: None,
            m: None,
            l: None,
            lse: None,
            alpha: None,
            beta: None,
            tile_max: None,
            tile_sum: None,
        }
    }

    /// Looks at `machine`, which is as it is after the first `cursor` steps.
    pub fn of<T: Real>(machine: &Machine<'_, T>, schedule: &Schedule, cursor: u64) -> Self {
        let Some(last) = cursor.checked_sub(1) else { return Self::start() };
        let index = schedule.section_of(last);
        let section = schedule.section(index);
        let mut steps = Vec::new();
        schedule.write_section(index, &mut steps);
        let done = &steps[..=(last - schedule.section_steps(index).start) as usize];
        let span = schedule.kernels[section.kernel].span;
        let (rows, cols) = last_tile(schedule, done, span);
        let start = if span == Span::WholeRows { cols.start } else { 0 };
        let chip = &machine.chip;
        let has = |slot: Slot| chip.written.contains(slot);
        let matrix = |slot: Slot, buffer: &Array2<T>, start: usize, width: usize| {
            has(slot).then(|| part(buffer, rows.len(), start, width).mapv(T::widen))
        };
        let column =
            |slot: Slot, values: &[T]| has(slot).then(|| values[..rows.len()].iter().map(|x| x.widen()).collect());
        Self {
            cursor,
            step: done.last().copied(),
            program: Some((section.kernel, section.program)),
            s: matrix(Slot::S, &chip.s, start, cols.len()),
            p: matrix(Slot::P, &chip.p, start, cols.len()),
            o: matrix(Slot::O, &chip.o, 0, schedule.plan.d_v),
            m: column(Slot::M, &chip.m),
            l: column(Slot::Sum, &chip.l),
            lse: column(Slot::Lse, &chip.lse),
            alpha: column(Slot::Alpha, &chip.alpha),
            beta: column(Slot::Beta, &chip.beta),
            tile_max: column(Slot::TileMax, &chip.tile_max),
            tile_sum: column(Slot::TileSum, &chip.tile_sum),
            rows,
            cols,
        }
    }
}

/// Rows of the last step that has some, and keys of the last tile; a step over whole rows has all keys.
fn last_tile(schedule: &Schedule, done: &[Step], span: Span) -> (Range<usize>, Range<usize>) {
    let plan = &schedule.plan;
    let rows = done.iter().rev().find_map(|step| step.place.i()).map_or(0..0, |i| plan.rows(i));
    let whole = span == Span::WholeRows && done.last().is_some_and(|step| step.place.j().is_none());
    let cols = match done.iter().rev().find_map(|step| step.place.tile()) {
        Some((_, j)) if !whole => plan.cols(j),
        _ if whole => 0..plan.n_k,
        _ => 0..0,
    };
    (rows, cols)
}
