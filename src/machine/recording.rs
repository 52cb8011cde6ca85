//! The first pass: carries out every step once, keeps the results, and checkpoints to seek from.

use crate::attention::Real;
use crate::schedule::language::{Action, Axis, Names, TensorId};
use crate::schedule::{Algorithm, Schedule, Step};

use super::chip::{Chip, Kept};
use super::compile::Program;
use super::evaluate::Machine;
use super::fault::Fault;
use super::given::Given;
use super::hbm::{Block, Slab};
use super::meter::{Meter, Totals};
use super::results::Results;

/// State to seek from: two series, each evenly spaced within a budget of bytes.
pub struct Checkpoints<T> {
    whole: Series<Checkpoint<T>>,
    /// What a loop carries, where it is so much less than the whole that it can be kept far more often. It comes of all the
    /// tiles that a program has visited; the rest of a chip, of the last.
    carried: Series<Kept<T>>,
}

struct Series<C> {
    /// Steps between two of them.
    spacing: u64,
    kept: Vec<C>,
}

/// The state after some step: the chip, and those tensors in HBM that the algorithm reads back.
pub struct Checkpoint<T> {
    chip: Chip<T>,
    /// Of each such tensor, of each head.
    hbm: Vec<(TensorId, Vec<Slab<T>>)>,
}

impl<T: Real> Checkpoints<T> {
    /// Everything as it was after the first `cursor` steps, if it was kept.
    pub fn whole(&self, cursor: u64) -> Option<&Checkpoint<T>> {
        self.whole.at(cursor)
    }

    /// What the loops of the program at hand carried then.
    pub fn carried(&self, cursor: u64) -> Option<&Kept<T>> {
        self.carried.at(cursor)
    }
}

impl<C> Series<C> {
    fn new(spacing: u64) -> Self {
        Self { spacing, kept: Vec::new() }
    }

    fn is_due(&self, done: u64) -> bool {
        done.is_multiple_of(self.spacing)
    }

    fn at(&self, cursor: u64) -> Option<&C> {
        let number = self.is_due(cursor).then(|| cursor / self.spacing)?;
        self.kept.get(number.checked_sub(1)? as usize)
    }
}

impl<T: Real> Checkpoint<T> {
    fn take(machine: &Machine<'_, T>, heads: usize, read_back: &[TensorId]) -> Self {
        let copies = |tensor: TensorId| (0..heads).filter_map(|head| machine.hbm.copy(tensor, head)).collect();
        Self { chip: machine.chip.clone(), hbm: read_back.iter().map(|&tensor| (tensor, copies(tensor))).collect() }
    }

    /// Whether it kept this block of HBM.
    pub fn holds(&self, block: &Block) -> bool {
        self.hbm.iter().any(|(tensor, _)| *tensor == block.tensor)
    }

    /// Puts the chip, if asked, and `blocks` back into `machine`.
    pub fn give(&self, machine: &mut Machine<'_, T>, schedule: &Schedule, chip: bool, blocks: &[Block]) {
        if chip {
            machine.chip.clone_from(&self.chip);
        }
        for block in blocks {
            let kept = self.hbm.iter().find(|(tensor, _)| *tensor == block.tensor);
            if let Some(copy) = kept.and_then(|(_, heads)| heads.get(block.head)) {
                machine.hbm.restore(&schedule.algorithm, &schedule.setting, *block, copy);
            }
        }
    }
}

/// What the first pass leaves: results and checkpoints.
pub struct Recording<T> {
    pub results: Results,
    pub checkpoints: Checkpoints<T>,
}

/// Bytes that checkpoints of either series may take where nothing else is said.
pub const CHECKPOINT_BUDGET: usize = 64 << 20;

/// Steps between two reports of progress.
const REPORT_EVERY: u64 = 1024;

/// More checkpoints than this make no seek faster that a person could notice.
const MOST_CHECKPOINTS: u64 = 4096;

impl<T: Real> Recording<T> {
    /// Carries out every step; the results are of `head` of the group. `go_on` is called now and then with the number of steps done; `false` stops.
    pub fn new(
        schedule: &Schedule,
        program: &Program,
        given: &[Given<T>],
        head: usize,
        budget: usize,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Result<Self, Fault> {
        let read_back = read_back(&schedule.algorithm);
        let of_whole = bytes_of_whole::<T>(schedule, &read_back);
        let loops_carry = carried(&schedule.algorithm);
        let of_carried = Chip::<T>::bytes(&schedule.algorithm, &schedule.setting.plan, loops_carry);
        let mut whole = Series::new(spacing(schedule, of_whole, budget));
        let mut carried = Series::new(spacing(schedule, of_carried, budget));
        let is_closer = !loops_carry.is_empty() && carried.spacing < whole.spacing;
        let machine = carry_out(schedule, program, given, |done, _, machine| {
            if whole.is_due(done) {
                whole.kept.push(Checkpoint::take(machine, schedule.setting.heads, &read_back));
            }
            if is_closer && carried.is_due(done) {
                carried.kept.push(machine.chip.keep(loops_carry));
            }
            !done.is_multiple_of(REPORT_EVERY) || go_on(done)
        })?;
        Ok(Self { results: Results::of(&machine, schedule, head), checkpoints: Checkpoints { whole, carried } })
    }
}

/// Carries out every step of `schedule`. `each` sees the number of steps done, the last of them, and the machine after it;
/// when it says `false`, the walk stops: [`Fault::Stopped`].
pub fn carry_out<'a, T: Real>(
    schedule: &'a Schedule,
    program: &'a Program,
    given: &'a [Given<T>],
    mut each: impl FnMut(u64, &Step, &Machine<'a, T>) -> bool,
) -> Result<Machine<'a, T>, Fault> {
    let mut machine = Machine::new(program.for_heads(schedule.setting.heads), &schedule.setting, given)?;
    let (mut steps, mut done) = (Vec::new(), 0);
    for index in 0..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        for step in &steps {
            machine.execute(step)?;
            done += 1;
            if !each(done, step, &machine) {
                return Err(Fault::Stopped);
            }
        }
    }
    machine.note();
    Ok(machine)
}

/// Carries out every step with the meters running, and gives the results with the totals.
pub fn run<T: Real>(
    schedule: &Schedule,
    given: &[Given<T>],
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<(Results, Totals), Fault> {
    let program = Program::new(&schedule.algorithm);
    let mut meter = Meter::new(schedule);
    let machine = carry_out(schedule, &program, given, |done, step, _| {
        meter.add(step);
        !done.is_multiple_of(REPORT_EVERY) || go_on(done)
    })?;
    Ok((Results::of(&machine, schedule, 0), meter.totals()))
}

/// The tensors that lines write and read back, small enough to be kept in a checkpoint: no matrices of N x N.
fn read_back(algorithm: &Algorithm) -> Vec<TensorId> {
    let text = algorithm.text();
    let actions = || text.lines.iter().flat_map(|line| &line.statements).map(|statement| &statement.action);
    let is_read = |tensor: TensorId| {
        actions().any(|action| {
            matches!(action, Action::Load { tensor: of, .. } | Action::Add { tensor: of, .. } if *of == tensor)
        })
    };
    let is_written = |tensor: TensorId| {
        actions().any(|action| !matches!(action, Action::Load { .. }) && action.tensor() == Some(tensor))
    };
    let is_tile = |tensor: TensorId| {
        let axes = text.tensors[tensor].axes();
        axes.has(Axis::I) && axes.has(Axis::J)
    };
    (0..text.tensors.len()).filter(|&tensor| is_read(tensor) && is_written(tensor) && !is_tile(tensor)).collect()
}

/// The names that loops carry from tile to tile on chip alone, in every kernel. What a line loads anew before it is changed
/// comes through HBM.
fn carried(algorithm: &Algorithm) -> Names {
    let text = algorithm.text();
    let actions = || text.lines.iter().flat_map(|line| &line.statements).map(|statement| &statement.action);
    let loaded = actions().fold(Names::default(), |names, action| match action {
        Action::Load { tensor, .. } => names.with(Names::of(text.tensors[*tensor].id)),
        _ => names,
    });
    let started = actions().fold(Names::default(), |names, action| match action {
        Action::Start { name, .. } => names.with(Names::of(*name)),
        _ => names,
    });
    started.without(loaded)
}

/// Bytes of one whole checkpoint.
fn bytes_of_whole<T: Real>(schedule: &Schedule, read_back: &[TensorId]) -> usize {
    let (algorithm, setting) = (&schedule.algorithm, &schedule.setting);
    let elements = |&tensor: &TensorId| {
        let (rows, cols) = algorithm.size_of(algorithm.tensor(tensor), &setting.plan).unwrap_or_default();
        let has_splits = algorithm.text().tensors[tensor].axes().has(Axis::S);
        rows * cols * setting.heads * if has_splits { setting.splits } else { 1 }
    };
    let of_hbm = read_back.iter().map(elements).sum::<usize>() * size_of::<T>();
    Chip::<T>::bytes(algorithm, &setting.plan, Names::ALL) + of_hbm
}

/// Steps between checkpoints of so many bytes, so that all of them fit in `budget`.
fn spacing(schedule: &Schedule, bytes: usize, budget: usize) -> u64 {
    let count = ((budget / bytes.max(1)) as u64).clamp(1, MOST_CHECKPOINTS);
    schedule.len().div_ceil(count).max(1)
}
