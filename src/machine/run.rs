//! One schedule on one head, to be looked at anywhere: in f32 or f64 behind one type.

use crate::attention::odd_row::{self, OddRow};
use crate::attention::oracle::Output;
use crate::attention::{Head, Precision, Problem, Real};
use crate::schedule::{Op, Place, Schedule, Step, Tensor};

use super::effects::Block;
use super::lazy::restore;
use super::meter::{MeterIndex, Totals};
use super::numbers::{Machine, Meaning};
use super::recording::{CHECKPOINT_BUDGET, Recording};
use super::story::{RowStory, StoryWriter};
use super::view::View;
use super::watch::{Probe, watch};

/// A finished first pass with everything a viewer asks of it.
pub struct Run {
    pub schedule: Schedule,
    pub batch: usize,
    pub head: usize,
    inner: Inner,
}

enum Inner {
    F32(Pass<f32>),
    F64(Pass<f64>),
}

struct Pass<T> {
    head: Head<T>,
    meaning: Meaning,
    recording: Recording<T>,
}

/// Statistics of one row after a visit of one key block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Visit {
    /// Key block.
    pub j: usize,
    /// The step after which these hold.
    pub n: u64,
    pub m: f64,
    pub l: f64,
    /// `exp(m_old - m_new)`: what the keys before this block are worth after it.
    pub alpha: f64,
}

/// The statistics of every row of a query block over the key blocks it visits: one list per row.
pub type RowHistory = Vec<Vec<Visit>>;

impl Run {
    /// Carries out every step of `schedule` on (batch, head) of `problem` once. `go_on` gets the steps done;
    /// when it says `false`, there is no run.
    pub fn new(
        schedule: Schedule,
        problem: &Problem,
        batch: usize,
        head: usize,
        meaning: Meaning,
        go_on: impl FnMut(u64) -> bool,
    ) -> Option<Self> {
        let inner = match schedule.plan.precision {
            Precision::F64 => Inner::F64(Pass::new(&schedule, problem, batch, head, meaning, go_on)?),
            _ => Inner::F32(Pass::new(&schedule, problem, batch, head, meaning, go_on)?),
        };
        Some(Self { schedule, batch, head, inner })
    }

    /// O, m, l and L at the end.
    pub fn output(&self) -> &Output {
        match &self.inner {
            Inner::F32(pass) => &pass.recording.output,
            Inner::F64(pass) => &pass.recording.output,
        }
    }

    pub fn meters(&self) -> &MeterIndex {
        match &self.inner {
            Inner::F32(pass) => &pass.recording.meters,
            Inner::F64(pass) => &pass.recording.meters,
        }
    }

    /// Totals after the first `cursor` steps.
    pub fn totals(&self, cursor: u64) -> Totals {
        self.meters().after(&self.schedule, cursor)
    }

    /// The chip after the first `cursor` steps.
    pub fn view(&self, cursor: u64) -> View {
        match &self.inner {
            Inner::F32(pass) => pass.view(&self.schedule, cursor),
            Inner::F64(pass) => pass.view(&self.schedule, cursor),
        }
    }

    /// m, l and alpha of the rows of query block `i` after each key block.
    pub fn history(&self, i: usize) -> RowHistory {
        match &self.inner {
            Inner::F32(pass) => pass.history(&self.schedule, i),
            Inner::F64(pass) => pass.history(&self.schedule, i),
        }
    }

    /// Carries the run out again; `go_on` sees the steps done, the last of them, and what can be asked of its numbers.
    /// With the `problem` that the run is of, the same steps are carried out in f64 beside it, for its errors.
    pub fn watch(&self, problem: Option<&Problem>, go_on: impl FnMut(u64, &Step, &dyn Probe) -> bool) {
        let exact = problem.map(|problem| problem.head::<f64>(self.batch, self.head, Precision::F64));
        match &self.inner {
            Inner::F32(pass) => watch(&self.schedule, &pass.head, pass.meaning, exact.as_ref(), go_on),
            Inner::F64(pass) => watch(&self.schedule, &pass.head, pass.meaning, exact.as_ref(), go_on),
        }
    }

    /// What makes `query` unlike others, if something does: it sees no key, or something that is not finite.
    pub fn odd_row(&self, query: usize) -> Option<OddRow> {
        match &self.inner {
            Inner::F32(pass) => pass.odd_row(&self.schedule, query),
            Inner::F64(pass) => pass.odd_row(&self.schedule, query),
        }
    }

    /// What happens to one row, visit by visit. With another `meaning` than the run's: what a bug makes of that row.
    pub fn story(&self, query: usize, meaning: Meaning) -> RowStory {
        match &self.inner {
            Inner::F32(pass) => pass.story(&self.schedule, query, meaning),
            Inner::F64(pass) => pass.story(&self.schedule, query, meaning),
        }
    }
}

impl<T: Real> Pass<T> {
    fn new(
        schedule: &Schedule,
        problem: &Problem,
        batch: usize,
        head: usize,
        meaning: Meaning,
        go_on: impl FnMut(u64) -> bool,
    ) -> Option<Self> {
        let head = problem.head(batch, head, schedule.plan.precision);
        let recording = Recording::new(schedule, &head, meaning, CHECKPOINT_BUDGET, go_on)?;
        Some(Self { head, meaning, recording })
    }

    fn machine<'a>(&'a self, schedule: &'a Schedule) -> Machine<'a, T> {
        Machine::new(&schedule.plan, &self.head, self.meaning)
    }

    fn view(&self, schedule: &Schedule, cursor: u64) -> View {
        let cursor = cursor.min(schedule.len());
        let mut machine = self.machine(schedule);
        restore(&mut machine, schedule, &self.recording.checkpoints, cursor, true, &[], |_, _, _| {});
        View::of(&machine, schedule, cursor)
    }

    fn history(&self, schedule: &Schedule, i: usize) -> RowHistory {
        let mut machine = self.machine(schedule);
        let mut history: RowHistory = vec![Vec::new(); schedule.plan.rows(i).len()];
        let end = Block { tensor: Tensor::O, place: Place::new(Some(i), None) };
        let observe = |n: u64, step: &Step, machine: &Machine<'_, T>| {
            if !matches!(step.op, Op::Accumulate | Op::MergeOutput) {
                return;
            }
            let Some((of, j)) = step.place.tile() else { return };
            if of == i {
                for (row, visits) in history.iter_mut().enumerate() {
                    let chip = &machine.chip;
                    let [m, l, alpha] = [chip.m[row], chip.l[row], chip.alpha[row]].map(T::widen);
                    visits.push(Visit { j, n, m, l, alpha });
                }
            }
        };
        // Checkpoints would cut the history short: every visit is wanted.
        let all = super::Checkpoints::none(schedule);
        restore(&mut machine, schedule, &all, schedule.len(), false, &[end], observe);
        history
    }
    fn story(&self, schedule: &Schedule, query: usize, meaning: Meaning) -> RowStory {
        let mut machine = Machine::new(&schedule.plan, &self.head, meaning);
        let mut writer = StoryWriter::new(query, schedule.plan.br);
        let end = Block { tensor: Tensor::O, place: Place::new(Some(query / schedule.plan.br), None) };
        // Checkpoints would cut the story short, and hold what the run's own meaning made.
        let all = super::Checkpoints::none(schedule);
        restore(&mut machine, schedule, &all, schedule.len(), false, &[end], |n, step, machine| {
            writer.add(n, step, machine);
        });
        writer.finish(self.odd_row(schedule, query).map(|row| row.why))
    }

    fn odd_row(&self, schedule: &Schedule, query: usize) -> Option<OddRow> {
        let m = self.recording.output.m[query];
        odd_row::of(&self.head, query, schedule.plan.precision, schedule.stores_scores(), m)
    }
}
