//! Everything shown at one place of the cursor, computed together so that all panels agree. A pure function of a scene
//! and a cursor.

use std::ops::Range;

use ndarray::Array2;

use crate::app::run::scene::FinishedRun;
use crate::machine::{Online, RowHistory, Totals, View, Visit, shapes};
use crate::schedule::language::{Extent, NameId};
use crate::schedule::{Algorithm, Amounts, Buffer, Change, Part, Place, Plan, Schedule, Setting, Step, Traffic};

/// The state after the first `cursor` steps.
pub struct Snapshot {
    pub cursor: u64,
    /// Whose names are on chip.
    algorithm: Algorithm,
    pub view: View,
    pub totals: Totals,
    /// What the step carried out last moved and computed.
    pub moved: Traffic,
    /// Buffers alive now.
    pub buffers: Vec<Buffer>,
    writers: Writers,
    /// Query block on chip, with the statistics of its rows over all key blocks it visits.
    pub history: Option<(usize, RowHistory)>,
}

/// The steps that wrote last what is on chip, by name. A buffer keeps its old tile until the new one is there: without
/// its writer, old scores would pass for those of the current tile.
#[derive(Clone, Default)]
struct Writers {
    last: Vec<(String, Written)>,
}

#[derive(Clone, Copy)]
struct Written {
    by: Step,
    /// The axes that the value has blocks of, and so belongs to.
    rows: bool,
    keys: bool,
    /// O is still to be divided by l.
    is_sum: bool,
}

/// The statistics of one row around the current visit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowState {
    /// m and l before the current key block; `None` before the first.
    pub old: Option<(f64, f64)>,
    pub m: Option<f64>,
    pub l: Option<f64>,
    pub alpha: Option<f64>,
}

impl Snapshot {
    /// Looks at `scene` after `cursor` steps; the history is taken from `known` if it is of the same query block.
    pub fn new(scene: &FinishedRun, cursor: u64, known: Option<(usize, RowHistory)>) -> Self {
        let snapshot = Self::of_view(scene, scene.run.view(cursor));
        let history = block_of(&snapshot.view.rows, scene.plan()).map(|i| match known {
            Some((of, history)) if of == i => (i, history),
            _ => (i, scene.run.history(i)),
        });
        Self { history, ..snapshot }
    }

    /// The same without numbers: what steps, buffers and meters tell, which is all that a map draws.
    pub fn without_numbers(scene: &FinishedRun, cursor: u64) -> Self {
        Self::of_view(scene, View::counted(scene.schedule(), cursor.min(scene.schedule().len())))
    }

    fn of_view(scene: &FinishedRun, view: View) -> Self {
        let (schedule, plan, cursor) = (scene.schedule(), scene.plan(), view.cursor);
        let mut moved = Traffic::default();
        if let Some(step) = view.step {
            let tensor = schedule.line(&step).tensor().map(|id| schedule.algorithm.hbm_tensor(id, plan));
            moved.add(tensor, &Amounts::of(&schedule.cost(&step), schedule.counts(&step)), step.free);
        }
        let buffers = if cursor == 0 { Vec::new() } else { schedule.buffers_after(cursor - 1) };
        let writers = Writers::at(schedule, cursor);
        let algorithm = schedule.algorithm.clone();
        let totals = scene.run.totals(cursor);
        Self { cursor, algorithm, totals, view, moved, buffers, writers, history: None }
    }

    /// The kernel of the step carried out last.
    fn kernel(&self) -> Option<usize> {
        self.view.program.map(|(kernel, _)| kernel)
    }

    /// The name that plays a part in the kernel at hand.
    pub fn id(&self, part: Part) -> Option<NameId> {
        self.algorithm.parts(self.kernel()?).get(part)
    }

    /// The same as the text has it.
    pub fn name(&self, part: Part) -> Option<&str> {
        self.id(part).map(|id| self.algorithm.text().names[id].as_str())
    }

    /// What the text calls this part, here or in another kernel.
    pub fn called(&self, part: Part) -> &str {
        self.name(part).unwrap_or_else(|| self.algorithm.called(part))
    }

    /// The statements of a run of `setting` that make this part, here or in another kernel; its name where none does.
    pub fn formulas(&self, part: Part, setting: &Setting) -> Vec<String> {
        let formulas = self.algorithm.formulas(self.kernel(), part, setting);
        if formulas.is_empty() { vec![self.called(part).to_owned()] } else { formulas }
    }

    /// The current tile, or that of the step before in the same program.
    pub fn tile(&self) -> Option<(usize, usize)> {
        self.view.step?.place.tile()
    }

    /// The row on chip that stands for a selected query: itself, or the one at the same place of the block on chip.
    pub fn row_for(&self, query: usize, plan: &Plan) -> Option<usize> {
        let rows = &self.view.rows;
        if rows.is_empty() || rows.contains(&query) {
            return rows.contains(&query).then_some(query);
        }
        let place = query - plan.rows(plan.query_block(query)).start;
        Some((rows.start + place).min(rows.end - 1))
    }

    /// Visits of `query` that are over.
    pub fn visits(&self, query: usize) -> &[Visit] {
        let all = self.all_visits(query);
        &all[..all.partition_point(|visit| visit.n < self.cursor)]
    }

    /// Visits of `query`, also those to come.
    pub fn all_visits(&self, query: usize) -> &[Visit] {
        let row = query.checked_sub(self.view.rows.start);
        let visits = self.history.as_ref().zip(row).and_then(|((_, history), row)| history.get(row));
        visits.map_or(&[], Vec::as_slice)
    }

    /// The statistics of `query` now and before the current key block.
    pub fn row_state(&self, query: usize) -> RowState {
        let visits = self.visits(query);
        let current = self.tile().map(|(_, j)| j).or(visits.last().map(|visit| visit.j));
        let before = visits.iter().rev().find(|visit| Some(visit.j) != current);
        let at = |part: Part| {
            let row = query.checked_sub(self.view.rows.start)?;
            self.column(self.name(part)?)?.get(row).copied()
        };
        RowState {
            old: before.map(|visit| (visit.m, visit.l)),
            m: at(Part::Max).or_else(|| at(Part::TileMax)),
            l: at(Part::Sum).or_else(|| at(Part::TileSum)),
            alpha: at(Part::Alpha),
        }
    }

    /// A value per row or per key that belongs to what is shown.
    fn column(&self, name: &str) -> Option<&[f64]> {
        self.view.column(name).filter(|_| self.holds(name))
    }

    /// The values per row of a part, whoever's they are.
    pub fn rows_of(&self, part: Part) -> Option<&[f64]> {
        self.view.column(self.name(part)?)
    }

    /// What the exponential of a weight takes off its score, by its name and for a row of the block.
    pub fn shift(&self, row: usize) -> Option<(&str, f64)> {
        let name = self.algorithm.shift(self.kernel()?)?;
        Some((name, *self.column(name)?.get(row)?))
    }

    /// Rows of the block whose maximum rose in the current visit, and all of them; `None` before that is known.
    pub fn risen(&self) -> Option<(usize, usize)> {
        let alpha = self.column(self.name(Part::Alpha)?)?;
        // A row that has still seen no key has a factor of 0 too, and its maximum is -inf as before.
        let at = |part: Part, row: usize| self.rows_of(part).and_then(|values| values.get(row).copied());
        let sees_none = |row| {
            at(Part::Max, row).is_some_and(|m| m == f64::NEG_INFINITY) && at(Part::Beta, row).unwrap_or(0.0) == 0.0
        };
        let risen = alpha.iter().enumerate().filter(|(row, alpha)| **alpha < 1.0 && !sees_none(*row));
        Some((risen.count(), alpha.len()))
    }

    /// The scores of the current tile, once they are computed.
    pub fn scores(&self) -> Option<&Array2<f64>> {
        self.held(Part::Scores)
    }

    /// The value of a part, if it is of what is shown.
    fn held(&self, part: Part) -> Option<&Array2<f64>> {
        let name = self.name(part)?;
        self.view.get(name).filter(|_| self.holds(name))
    }

    /// The scores of `query` in the current tile, once they are computed.
    pub fn score_row(&self, query: usize) -> Option<Vec<f64>> {
        let row = query.checked_sub(self.view.rows.start)?;
        self.scores().filter(|s| row < s.nrows()).map(|s| s.row(row).to_vec())
    }

    /// The weights of the current tile, once they are computed.
    pub fn weights(&self) -> Option<&Array2<f64>> {
        self.held(Part::Weights)
    }

    /// The output of the rows on chip.
    pub fn output(&self) -> Option<&Array2<f64>> {
        self.held(Part::Output)
    }

    /// The average of the values so far: O divided by l where the algorithm has not divided yet.
    pub fn average(&self, query: usize) -> Option<Vec<f64>> {
        let row = query.checked_sub(self.view.rows.start)?;
        let o = self.output().filter(|o| row < o.nrows())?.row(row).to_vec();
        let written = self.name(Part::Output).and_then(|name| self.writer(name));
        let is_divided = written.is_none_or(|written| !written.is_sum);
        match self.rows_of(Part::Sum).and_then(|l| l.get(row)) {
            _ if is_divided => Some(o),
            // 0 where nothing has a weight yet; NaN is what the row is.
            Some(&l) if l != 0.0 => Some(o.into_iter().map(|o| o / l).collect()),
            _ => None,
        }
    }

    /// What a name holds belongs to the rows, keys or tile that are shown, and not to those before them.
    pub fn holds(&self, name: &str) -> bool {
        let Some(written) = self.writer(name) else { return false };
        let Some(shown) = self.view.step.map(|step| step.place) else { return false };
        let same = |a: Option<usize>, b: Option<usize>| a.zip(b).is_none_or(|(a, b)| a == b);
        let place = written.by.place;
        (!written.rows || same(place.i(), shown.i())) && (!written.keys || same(place.j(), shown.j()))
    }

    /// Where the step stood that wrote what a name holds of the rows, keys or tile that are shown.
    pub fn place_of(&self, name: &str) -> Option<Place> {
        self.writer(name).filter(|_| self.holds(name)).map(|written| written.by.place)
    }

    /// A buffer for a name is allocated, whether or not it holds something yet.
    pub fn has_buffer(&self, name: &str) -> bool {
        self.buffers.iter().any(|buffer| buffer.names.iter().any(|own| own == name))
    }

    fn writer(&self, name: &str) -> Option<Written> {
        self.writers.last.iter().find(|(known, _)| known == name).map(|(_, written)| *written)
    }
}

impl Writers {
    /// In the section of the step before `cursor`.
    fn at(schedule: &Schedule, cursor: u64) -> Self {
        let mut writers = Self::default();
        let Some(last) = cursor.checked_sub(1) else { return writers };
        let index = schedule.section_of(last);
        let (algorithm, mut steps) = (&schedule.algorithm, Vec::new());
        schedule.write_section(index, &mut steps);
        let kernel = schedule.section(index).kernel;
        let (shapes, of_rows) = (shapes(algorithm, kernel), algorithm.kept(kernel).with(algorithm.whole_rows(kernel)));
        for step in &steps[..(cursor - schedule.section_steps(index).start) as usize] {
            let writes = schedule.effects(step).writes;
            let names = Online::of(algorithm, step.line);
            for &(name, shape) in shapes.iter().filter(|(name, _)| writes.has(*name)) {
                let written = Written {
                    by: *step,
                    rows: shape.rows == Extent::Rows,
                    keys: shape.rows == Extent::Keys || shape.cols == Extent::Keys || !of_rows.has(name),
                    is_sum: names.is_some_and(|names| names.o == name && !names.is_average)
                        && schedule.facts(step).change != Some(Change::Divides),
                };
                let own = algorithm.text().names[name].as_str();
                match writers.last.iter_mut().find(|(known, _)| known == own) {
                    Some((_, known)) => *known = written,
                    None => writers.last.push((own.to_owned(), written)),
                }
            }
        }
        writers
    }
}

fn block_of(rows: &Range<usize>, plan: &Plan) -> Option<usize> {
    (!rows.is_empty()).then(|| plan.query_block(rows.start))
}
