//! Which blocks of HBM each section of a schedule may write, from the loops of the text: no step is visited.

use std::ops::Range;

use super::language::{Axis, LoopOver, Section, TensorId};
use super::{Place, Schedule};

/// Blocks of one tensor that a section may write: all that it writes are among them.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenBlocks {
    pub tensor: TensorId,
    i: Range<usize>,
    j: Range<usize>,
    s: Range<usize>,
}

impl WrittenBlocks {
    /// The blocks along an axis; one where the tensor has no such axis.
    pub fn along(&self, axis: Axis) -> Range<usize> {
        match axis {
            Axis::I => self.i.clone(),
            Axis::J => self.j.clone(),
            Axis::S => self.s.clone(),
            Axis::H => 0..1,
        }
    }

    /// The block of its tensor at `place` is among them.
    pub fn has(&self, place: Place) -> bool {
        [Axis::I, Axis::J].into_iter().all(|axis| self.along(axis).contains(&place.at(axis).unwrap_or(0)))
    }

    fn join(&mut self, other: &Self) {
        let hull = |a: &Range<usize>, b: &Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        (self.i, self.j, self.s) = (hull(&self.i, &other.i), hull(&self.j, &other.j), hull(&self.s, &other.s));
    }
}

/// Of each section.
pub fn of_sections(schedule: &Schedule) -> Vec<Vec<WrittenBlocks>> {
    let writes = |(n, line)| {
        let held = schedule.setting.held_in_run(line);
        schedule.algorithm.effects(n, held).hbm_write.is_some()
    };
    let may_write: Vec<bool> = schedule.algorithm.text().lines.iter().enumerate().map(writes).collect();
    (0..schedule.section_count()).map(|index| of_section(schedule, schedule.at(index), &may_write)).collect()
}

fn of_section(schedule: &Schedule, section: &Section, may_write: &[bool]) -> Vec<WrittenBlocks> {
    let text = schedule.algorithm.text();
    let mut all: Vec<WrittenBlocks> = Vec::new();
    schedule.each_line(section, &mut |number| {
        let line = &text.lines[number];
        let Some(tensor) = line.tensor().filter(|_| may_write[number]) else { return };
        let axes = text.tensors[tensor].axes();
        let along = |axis| if axes.has(axis) { visited(schedule, &line.loops, section.place(), axis) } else { 0..1 };
        let written = WrittenBlocks { tensor, i: along(Axis::I), j: along(Axis::J), s: along(Axis::S) };
        match all.iter_mut().find(|known| known.tensor == tensor) {
            Some(known) => known.join(&written),
            None => all.push(written),
        }
    });
    all
}

/// The blocks along an axis that loops visit from `place`: the one that is given there, or all from the first to the last;
/// where those depend on another loop, the whole axis.
fn visited(schedule: &Schedule, loops: &[LoopOver], place: Place, axis: Axis) -> Range<usize> {
    if let Some(index) = place.at(axis) {
        return index..index + 1;
    }
    let Some(over) = loops.iter().find(|over| over.axis == axis) else { return 0..1 };
    let runs = schedule.setting.runs(over.over, place);
    match (runs.first(), runs.last()) {
        (Some(first), Some(last)) => first.start..last.end,
        _ if axis == Axis::I => 0..schedule.plan().t_r(),
        _ if axis == Axis::J => 0..schedule.plan().t_c(),
        _ => 0..schedule.setting.splits,
    }
}
