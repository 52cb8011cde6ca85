//! One schedule on one head, to be looked at anywhere: in f32 or f64 behind one type. A look carries out what it needs; the
//! first pass over every step makes the results, and the checkpoints that make later looks short.

use std::sync::{Mutex, OnceLock, PoisonError};

use ndarray::ArrayView3;

use crate::attention::not_finite::Odd;
use crate::attention::odd_row::{self, OddRow};
use crate::attention::oracle::Output;
use crate::attention::{Precision, Problem, Real};
use crate::schedule::language::{Axis, Role, Tensor as Declared};
use crate::schedule::{Algorithm, Change, Part, Place, Schedule, Step, WrittenBlocks, written};

use super::compile::Program;
use super::evaluate::Machine;
use super::fault::Fault;
use super::given::Given;
use super::hbm::{Block, Spare};
use super::inputs::inputs_of_group;
use super::lazy::{Past, restore};
use super::meter::{MeterIndex, Totals};
use super::names::{Online, gives, per_row};
use super::recording::{CHECKPOINT_BUDGET, Recording};
use super::results::Results;
use super::story::{RowStory, StoryWriter};
use super::view::View;
use super::watch::{Exact, Probe, watch};

/// A schedule with what it is given, and everything a viewer asks of it.
pub struct Run {
    pub schedule: Schedule,
    pub batch: usize,
    pub head: usize,
    meters: MeterIndex,
    inner: Inner,
    output: OnceLock<Option<Output>>,
}

enum Inner {
    F32(Pass<f32>),
    F64(Pass<f64>),
    /// Counted alone: there is no number to look at.
    Counted,
}

struct Pass<T> {
    /// Of each head of the group.
    given: Vec<Given<T>>,
    /// The head that is shown, among them.
    picked: usize,
    program: Program,
    /// Of each section, what it may write.
    written: Vec<Vec<WrittenBlocks>>,
    /// What the first pass left, once it is over.
    recording: OnceLock<Recording<T>>,
    /// What the last look left: to fill HBM with zeros anew takes longer than most looks.
    spare: Mutex<Spare<T>>,
    /// What was told last of a row: it takes all of its scores, and is asked with every frame.
    odd: Mutex<Option<(usize, Option<OddRow>)>>,
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
    /// Carries out every step of `schedule` on (batch, head) of `problem` once. `go_on` gets the steps done; when it says
    /// `false`, there is no run.
    pub fn new(
        schedule: Schedule,
        problem: &Problem,
        batch: usize,
        head: usize,
        go_on: impl FnMut(u64) -> bool,
    ) -> Result<Self, Fault> {
        Self::with_gradient(schedule, problem, None, batch, head, go_on)
    }

    /// The same for a text that may take the gradient `d_o` of the outputs of all heads, `[heads, n_q, d_v]`. A schedule
    /// of more heads is carried out for all that share the key/value head of `head`, which is the one that is shown.
    pub fn with_gradient(
        schedule: Schedule,
        problem: &Problem,
        d_o: Option<ArrayView3<'_, f64>>,
        batch: usize,
        head: usize,
        go_on: impl FnMut(u64) -> bool,
    ) -> Result<Self, Fault> {
        let run = Self::ready(schedule, problem, d_o, batch, head)?;
        run.carry_out(go_on)?;
        Ok(run)
    }

    /// The same before its first pass: what is looked at is carried out for that look.
    pub fn ready(
        schedule: Schedule,
        problem: &Problem,
        d_o: Option<ArrayView3<'_, f64>>,
        batch: usize,
        head: usize,
    ) -> Result<Self, Fault> {
        let inner = match schedule.plan().precision {
            Precision::F64 => {
                Inner::F64(Pass::new(&schedule, inputs_of_group(&schedule, problem, d_o, batch, head)?, head)?)
            }
            _ => Inner::F32(Pass::new(&schedule, inputs_of_group(&schedule, problem, d_o, batch, head)?, head)?),
        };
        let meters = MeterIndex::new(&schedule);
        Ok(Self { schedule, batch, head, meters, inner, output: OnceLock::new() })
    }

    /// A run of which only steps and counts are known.
    pub fn counted(schedule: Schedule, batch: usize, head: usize) -> Self {
        let meters = MeterIndex::new(&schedule);
        Self { schedule, batch, head, meters, inner: Inner::Counted, output: OnceLock::new() }
    }

    /// Carries out every step once, where that was not done. `go_on` gets the steps done; when it says `false`, the pass
    /// stops and leaves nothing: [`Fault::Stopped`].
    pub fn carry_out(&self, go_on: impl FnMut(u64) -> bool) -> Result<(), Fault> {
        match &self.inner {
            Inner::F32(pass) => pass.carry_out(&self.schedule, go_on),
            Inner::F64(pass) => pass.carry_out(&self.schedule, go_on),
            Inner::Counted => Ok(()),
        }
    }

    /// The first pass is over: there are results.
    pub fn is_carried_out(&self) -> bool {
        match &self.inner {
            Inner::F32(pass) => pass.recording.get().is_some(),
            Inner::F64(pass) => pass.recording.get().is_some(),
            Inner::Counted => false,
        }
    }

    /// There are numbers to look at, and not counts alone.
    pub fn has_numbers(&self) -> bool {
        !matches!(self.inner, Inner::Counted)
    }

    /// The query head of the problem that a step is for.
    pub fn head_of(&self, step: &Step) -> usize {
        self.head - self.schedule.setting.picked(self.head) + step.head
    }

    /// The step is for the head that is shown, or for all of the group.
    pub fn is_shown(&self, step: &Step) -> bool {
        self.schedule.is_of(step, self.head)
    }

    /// What the text leaves, by name; nothing before the first pass is over.
    pub fn results(&self) -> &Results {
        static NOTHING: Results = Results::NONE;
        let found = match &self.inner {
            Inner::F32(pass) => pass.recording.get().map(|recording| &recording.results),
            Inner::F64(pass) => pass.recording.get().map(|recording| &recording.results),
            Inner::Counted => None,
        };
        found.unwrap_or(&NOTHING)
    }

    /// O, m, l and L at the end; `None` of a text that makes no O, and before the first pass is over.
    pub fn output(&self) -> Option<&Output> {
        if !self.is_carried_out() {
            return None;
        }
        self.output.get_or_init(|| self.results().output()).as_ref()
    }

    pub fn meters(&self) -> &MeterIndex {
        &self.meters
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
            Inner::Counted => View::counted(&self.schedule, cursor.min(self.schedule.len())),
        }
    }

    /// m, l and alpha of the rows of query block `i` after each key block; no visits where nothing is computed.
    pub fn history(&self, i: usize) -> RowHistory {
        match &self.inner {
            Inner::F32(pass) => pass.history(&self.schedule, i),
            Inner::F64(pass) => pass.history(&self.schedule, i),
            Inner::Counted => vec![Vec::new(); self.schedule.plan().rows(i).len()],
        }
    }

    /// Carries the run out again; `go_on` sees the steps done, the last of them, and what can be asked of its numbers.
    /// With the `problem` that the run is of, the same steps are carried out in f64 beside it, for its errors.
    pub fn watch(&self, problem: Option<&Problem>, go_on: impl FnMut(u64, &Step, &dyn Probe) -> bool) {
        let problem = problem.filter(|_| self.has_numbers());
        let exact = problem.and_then(|problem| Exact::new(&self.schedule, problem, self.batch, self.head).ok());
        match &self.inner {
            Inner::F32(pass) => watch(&self.schedule, &pass.program, &pass.given, exact.as_ref(), go_on),
            Inner::F64(pass) => watch(&self.schedule, &pass.program, &pass.given, exact.as_ref(), go_on),
            Inner::Counted => {}
        }
    }

    /// What makes `query` unlike others, if something does: it sees no key, or something that is not finite.
    pub fn odd_row(&self, query: usize) -> Option<OddRow> {
        match &self.inner {
            Inner::F32(pass) => pass.odd_row(&self.schedule, query),
            Inner::F64(pass) => pass.odd_row(&self.schedule, query),
            Inner::Counted => None,
        }
    }

    /// What happens to one row, visit by visit; no visit where nothing is computed.
    pub fn story(&self, query: usize) -> RowStory {
        self.story_of(&self.schedule.algorithm, query)
    }

    /// The same by another text: what a bug makes of that row.
    pub fn story_of(&self, algorithm: &Algorithm, query: usize) -> RowStory {
        match &self.inner {
            Inner::F32(pass) => pass.story(&self.schedule, algorithm, query),
            Inner::F64(pass) => pass.story(&self.schedule, algorithm, query),
            Inner::Counted => StoryWriter::new(query, self.schedule.plan(), 0).finish(None),
        }
    }
}

impl<T: Real> Pass<T> {
    /// Errors where there is no machine for it.
    fn new(schedule: &Schedule, given: Vec<Given<T>>, head: usize) -> Result<Self, Fault> {
        let (program, picked) = (Program::new(&schedule.algorithm), schedule.setting.picked(head));
        let spare = Machine::new(&program, &schedule.setting, &given)?.into_spare();
        let (written, recording) = (written::of_sections(schedule), OnceLock::new());
        Ok(Self { given, picked, program, written, recording, spare: Mutex::new(spare), odd: Mutex::new(None) })
    }

    fn carry_out(&self, schedule: &Schedule, go_on: impl FnMut(u64) -> bool) -> Result<(), Fault> {
        if self.recording.get().is_none() {
            let budget = CHECKPOINT_BUDGET;
            let made = Recording::new(schedule, &self.program, &self.given, self.picked, budget, go_on)?;
            // Of two passes at once, the first that is over counts: their bits are the same.
            let _ = self.recording.set(made);
        }
        Ok(())
    }

    fn machine<'a>(&'a self, schedule: &'a Schedule, program: &'a Program) -> Machine<'a, T> {
        Machine::new(program, &schedule.setting, &self.given).expect("there was one when the run was made ready")
    }

    fn view(&self, schedule: &Schedule, cursor: u64) -> View {
        let cursor = cursor.min(schedule.len());
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = std::mem::take(&mut *spare());
        let mut machine =
            Machine::reusing(&self.program, &schedule.setting, &self.given, memory).expect("there was one at first");
        let checkpoints = self.recording.get().map(|recording| &recording.checkpoints);
        let past = Past { schedule, written: &self.written, checkpoints };
        let made = restore(&mut machine, &past, cursor, true, &[], |_, _, _| {});
        let view = match made {
            Ok(()) => View::of(&machine, schedule, cursor),
            // The first pass tells what stops it; until then there is nothing to be seen of it.
            Err(_) => View::counted(schedule, cursor),
        };
        *spare() = machine.into_spare();
        view
    }

    fn history(&self, schedule: &Schedule, i: usize) -> RowHistory {
        let mut machine = self.machine(schedule, &self.program);
        let mut history: RowHistory = vec![Vec::new(); schedule.plan().rows(i).len()];
        let observe = |n: u64, step: &Step, machine: &Machine<'_, T>| {
            let tile = step.place.tile().filter(|(of, _)| *of == i && step.head == self.picked);
            let Some((of, j)) = tile else { return };
            debug_assert_eq!(of, i);
            let algorithm = &schedule.algorithm;
            let Some(names) = Online::of(algorithm, step.line) else { return };
            if algorithm.facts(step.line).change == Some(Change::Accumulates) && gives(algorithm, step, names.o) {
                for (row, visits) in history.iter_mut().enumerate() {
                    let [m, l, alpha] = [names.m, names.l, names.alpha].map(|name| per_row(machine, name, row));
                    visits.push(Visit { j, n, m, l, alpha });
                }
            }
        };
        // Checkpoints would cut the history short: every visit is wanted.
        let past = Past { schedule, written: &self.written, checkpoints: None };
        let results = results_of(schedule, i, self.picked);
        let _ = restore(&mut machine, &past, schedule.len(), false, &results, observe);
        history
    }

    fn story(&self, schedule: &Schedule, algorithm: &Algorithm, query: usize) -> RowStory {
        let algorithm = algorithm.for_heads(schedule.setting.heads);
        let other = (schedule.algorithm != *algorithm).then(|| Schedule::of(algorithm, schedule.setting.clone()));
        let program = Program::new(algorithm);
        let (own, i) = (other.as_ref().unwrap_or(schedule), schedule.plan().query_block(query));
        let mut machine = self.machine(own, &program);
        let mut writer = StoryWriter::new(query, own.plan(), self.picked);
        // Checkpoints would cut the story short, and hold what the run's own text made.
        let of_other = other.as_ref().map(written::of_sections);
        let written = of_other.as_ref().unwrap_or(&self.written);
        let past = Past { schedule: own, written, checkpoints: None };
        let results = results_of(own, i, self.picked);
        let _ = restore(&mut machine, &past, own.len(), false, &results, |n, step, machine| {
            writer.add(n, step, machine);
        });
        writer.finish(self.odd_row(schedule, query).map(|row| row.why))
    }

    fn odd_row(&self, schedule: &Schedule, query: usize) -> Option<OddRow> {
        let results = &self.recording.get()?.results;
        let mut last = self.odd.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, known)) if *of == query => known.clone(),
            _ => {
                let found = self.find_odd_row(schedule, results, query);
                *last = Some((query, found.clone()));
                found
            }
        }
    }

    fn find_odd_row(&self, schedule: &Schedule, results: &Results, query: usize) -> Option<OddRow> {
        let m = results.part(Part::Max).or_else(|| results.part(Part::Lse))?.get((query, 0)).copied()?;
        let head = &self.given[self.picked].head;
        let odd = odd_row::of(head, query, schedule.plan().precision, schedule.stores_scores(), m)?;
        // Without its guard a text gives a row without keys no l of 0.
        let l = results.part(Part::Sum).and_then(|l| l.get((query, 0)));
        (odd.odds != [Odd::NoKey] || l.is_none_or(|l| *l == 0.0)).then_some(odd)
    }
}

/// The blocks that a schedule leaves of query block `i` of a head.
fn results_of(schedule: &Schedule, i: usize, head: usize) -> Vec<Block> {
    let tensors = schedule.algorithm.text().tensors.iter().enumerate();
    let has_rows = |tensor: &Declared| tensor.axes().has(Axis::I) && !tensor.shape().is_tile();
    tensors
        .filter(|(_, tensor)| tensor.role == Role::Out && has_rows(tensor))
        .map(|(tensor, _)| Block::of(&schedule.algorithm, tensor, Place::new(Some(i), None), head))
        .collect()
}
