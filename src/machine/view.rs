//! What a reader sees of the machine after some step, in f64 whatever the precision.

use std::ops::Range;

use ndarray::Array2;

use crate::attention::Real;
use crate::schedule::language::{Extent, NameId, Names, Shape};
use crate::schedule::{Algorithm, Place, Plan, Schedule, Step};

use super::evaluate::Machine;

/// The chip after the first `cursor` steps. A part that the program has not written yet is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub cursor: u64,
    /// The step carried out last.
    pub step: Option<Step>,
    /// Kernel and program of that step.
    pub program: Option<(usize, usize)>,
    /// Queries and keys of the tile that was worked on last.
    pub rows: Range<usize>,
    pub cols: Range<usize>,
    /// What is on chip, by name.
    values: Vec<Seen>,
}

/// A value on chip.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    pub name: String,
    pub shape: Shape,
    /// By the rows or keys at hand, and by keys or columns; of whole rows, the part at hand.
    pub values: Array2<f64>,
    /// The block that its second half is of, where a line tears it (`V = old in the second half`) and there was one before.
    pub torn: Option<usize>,
}

impl View {
    /// Before the first step.
    pub fn start() -> Self {
        Self { cursor: 0, step: None, program: None, rows: 0..0, cols: 0..0, values: Vec::new() }
    }

    /// Looks at `machine`, which is as it is after the first `cursor` steps.
    pub fn of<T: Real>(machine: &Machine<'_, T>, schedule: &Schedule, cursor: u64) -> Self {
        let Some(last) = cursor.checked_sub(1) else { return Self::start() };
        let (index, steps) = until(schedule, last);
        let section = schedule.section(index);
        let whole_rows = schedule.algorithm.whole_rows(section.kernel);
        let place = last_place(&steps, !whole_rows.is_empty());
        let mut view = Self::at(schedule, index, &steps);
        // Of a row that is being made, the tiles that come later are not there.
        let is_made = |name: NameId| {
            let is_at = |step: &&Step| step.place.j().is_none_or(|j| place.j().is_none_or(|own| own == j));
            let mut steps = steps.iter().rev().filter(is_at);
            section.section > 0 || !whole_rows.has(name) || steps.any(|step| schedule.effects(step).writes.has(name))
        };
        for (name, shape) in shapes(&schedule.algorithm, section.kernel) {
            let shape = shape.at(place);
            let is_there = shape.is_known_at(place) && is_made(name);
            let found = if is_there { machine.value(name, shape, place) } else { None };
            if let Some(found) = found {
                let is_of_keys = shape.rows == Extent::Keys;
                let block_of =
                    |row| if is_of_keys { schedule.plan().key_block(row) } else { schedule.plan().query_block(row) };
                let torn = machine.torn(name).map(block_of);
                let name = schedule.algorithm.text().names[name].clone();
                // One number is that of each row.
                let values = match found.first().filter(|_| shape.is_number()) {
                    Some(single) => Array2::from_elem((view.rows.len(), 1), single.widen()),
                    None => found.mapv(T::widen),
                };
                view.values.push(Seen { name, shape, values, torn });
            }
        }
        view
    }

    /// The same without a number: where the steps stand, of a run that is counted alone.
    pub fn counted(schedule: &Schedule, cursor: u64) -> Self {
        let Some(last) = cursor.checked_sub(1) else { return Self::start() };
        let (index, steps) = until(schedule, last);
        Self::at(schedule, index, &steps)
    }

    /// After `steps`, all that were done of a section.
    fn at(schedule: &Schedule, index: usize, steps: &[Step]) -> Self {
        let section = schedule.section(index);
        let whole_rows = schedule.algorithm.whole_rows(section.kernel);
        let (rows, cols) = tile(schedule.plan(), steps, !whole_rows.is_empty());
        let cursor = schedule.section_steps(index).start + steps.len() as u64;
        let program = Some((section.kernel, section.program));
        Self { cursor, step: steps.last().copied(), program, rows, cols, values: Vec::new() }
    }

    /// What is on chip, in the order of the text's names.
    pub fn iter(&self) -> impl Iterator<Item = &Seen> {
        self.values.iter()
    }

    /// A value on chip, by its name in the text.
    pub fn get(&self, name: &str) -> Option<&Array2<f64>> {
        self.values.iter().find(|seen| seen.name == name).map(|seen| &seen.values)
    }

    /// Of a name whose block is torn, the block that its second half is of.
    pub fn torn(&self, name: &str) -> Option<usize> {
        self.values.iter().find(|seen| seen.name == name)?.torn
    }

    /// A value per row or per key.
    pub fn column(&self, name: &str) -> Option<&[f64]> {
        self.get(name).filter(|values| values.ncols() == 1)?.as_slice()
    }
}

/// The names of a kernel with the shapes of their values, in the order of the text's names; of whole rows, all of them.
pub fn shapes(algorithm: &Algorithm, kernel: usize) -> Vec<(NameId, Shape)> {
    let text = algorithm.text();
    let whole_rows = algorithm.whole_rows(kernel);
    let mut shapes: Vec<Option<Shape>> = vec![None; text.names.len()];
    let mut seen = Names::default();
    for statement in text.lines.iter().filter(|line| line.kernel == kernel).flat_map(|line| &line.statements) {
        let loaded = statement.action.tensor().map(|tensor| (text.tensors[tensor].id, text.tensors[tensor].shape()));
        if let Some((name, shape)) = statement.action.gives().or(loaded).filter(|(name, _)| !seen.has(*name)) {
            seen = seen.with(Names::of(name));
            shapes[name] = Some(if whole_rows.has(name) { Shape::WHOLE_ROWS } else { shape });
        }
    }
    shapes.into_iter().enumerate().filter_map(|(name, shape)| Some((name, shape?))).collect()
}

/// The section of step `last`, and its steps until and with that.
fn until(schedule: &Schedule, last: u64) -> (usize, Vec<Step>) {
    let (index, mut steps) = (schedule.section_of(last), Vec::new());
    schedule.write_section(index, &mut steps);
    steps.truncate((last - schedule.section_steps(index).start) as usize + 1);
    (index, steps)
}

/// The query block and the key block that steps were at last; a step over whole rows is at all keys.
fn last_place(done: &[Step], is_whole: bool) -> Place {
    let i = done.iter().rev().find_map(|step| step.place.i());
    let j = done.iter().rev().find_map(|step| step.place.j());
    Place::new(i, j.filter(|_| !is_over_keys(done, is_whole)))
}

/// The queries and the keys of the last tile.
fn tile(plan: &Plan, done: &[Step], is_whole: bool) -> (Range<usize>, Range<usize>) {
    let place = last_place(done, is_whole);
    let rows = place.i().map_or(0..0, |i| plan.rows(i));
    let all = if is_over_keys(done, is_whole) { plan.whole_row(place) } else { 0..0 };
    (rows, place.j().map_or(all, |j| plan.cols(j)))
}

fn is_over_keys(done: &[Step], is_whole: bool) -> bool {
    is_whole && done.last().is_some_and(|step| step.place.j().is_none())
}
