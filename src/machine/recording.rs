//! The first pass: carries out every step once, keeps the results, and checkpoints to seek from.

use ndarray::{Array2, s};

use crate::attention::oracle::Output;
use crate::attention::{Head, Real};
use crate::schedule::{Op, Schedule, Tensor};

use super::chip::Chip;
use super::effects::{Block, Effects};
use super::meter::{Meter, MeterIndex, Totals};
use super::numbers::{Machine, Meaning, carry_out};

/// State to seek from, at evenly spaced steps within a budget of bytes.
pub struct Checkpoints<T> {
    /// Steps between two of them; 0 when there are none.
    spacing: u64,
    kept: Vec<Checkpoint<T>>,
    writes: Vec<Vec<WrittenBlocks>>,
}

/// The state after some step: the chip, and those tensors in HBM that the algorithm reads back.
pub struct Checkpoint<T> {
    chip: Chip<T>,
    o: Option<Array2<T>>,
    rows: Vec<(Tensor, Vec<T>)>,
}

/// Blocks of one tensor that a section writes: a rectangle of block indices that holds them all.
struct WrittenBlocks {
    tensor: Tensor,
    i: (usize, usize),
    j: (usize, usize),
}

impl WrittenBlocks {
    fn new(block: Block) -> Self {
        let (i, j) = indices(block);
        Self { tensor: block.tensor, i: (i, i), j: (j, j) }
    }

    fn grow(&mut self, block: Block) {
        let (i, j) = indices(block);
        self.i = (self.i.0.min(i), self.i.1.max(i));
        self.j = (self.j.0.min(j), self.j.1.max(j));
    }

    fn may_hold(&self, block: Block) -> bool {
        let (i, j) = indices(block);
        self.tensor == block.tensor && (self.i.0..=self.i.1).contains(&i) && (self.j.0..=self.j.1).contains(&j)
    }
}

fn indices(block: Block) -> (usize, usize) {
    (block.place.i().unwrap_or(0), block.place.j().unwrap_or(0))
}

impl<T: Real> Checkpoints<T> {
    /// No checkpoints yet: every look starts at the beginning of what made it.
    pub fn none(schedule: &Schedule) -> Self {
        Self { spacing: 0, kept: Vec::new(), writes: written_blocks(schedule) }
    }

    /// The checkpoint after the first `cursor` steps, if one was kept there.
    pub fn at(&self, cursor: u64) -> Option<&Checkpoint<T>> {
        if self.spacing == 0 || !cursor.is_multiple_of(self.spacing) || cursor == 0 {
            return None;
        }
        self.kept.get((cursor / self.spacing) as usize - 1)
    }

    /// Whether a section may write one of `blocks`.
    pub fn section_writes(&self, section: usize, blocks: &[Block]) -> bool {
        self.writes[section].iter().any(|written| blocks.iter().any(|&block| written.may_hold(block)))
    }
}

impl<T: Real> Checkpoint<T> {
    fn take(machine: &Machine<'_, T>, read_back: &[Tensor]) -> Self {
        let rows = |tensor: &&Tensor| matches!(tensor, Tensor::M | Tensor::Sum | Tensor::Lse);
        Self {
            chip: machine.chip.clone(),
            o: read_back.contains(&Tensor::O).then(|| machine.memory.o.clone()),
            rows: read_back.iter().filter(rows).map(|&t| (t, machine.memory.rows(t).to_vec())).collect(),
        }
    }

    /// Whether it kept this block of HBM.
    pub fn holds(&self, block: &Block) -> bool {
        (block.tensor == Tensor::O && self.o.is_some()) || self.rows.iter().any(|(tensor, _)| *tensor == block.tensor)
    }

    /// Puts the chip, if asked, and `blocks` back into `machine`.
    pub fn give(&self, machine: &mut Machine<'_, T>, chip: bool, blocks: &[Block]) {
        if chip {
            machine.chip.clone_from(&self.chip);
        }
        for block in blocks {
            let rows = machine.plan.rows(block.place.i().expect("a kept block has rows"));
            if let Some(o) = self.o.as_ref().filter(|_| block.tensor == Tensor::O) {
                machine.memory.o.slice_mut(s![rows.clone(), ..]).assign(&o.slice(s![rows.clone(), ..]));
            }
            if let Some((_, values)) = self.rows.iter().find(|(tensor, _)| *tensor == block.tensor) {
                machine.memory.rows_mut(block.tensor)[rows.clone()].copy_from_slice(&values[rows]);
            }
        }
    }
}

/// What the first pass leaves: results, checkpoints and meters.
pub struct Recording<T> {
    /// O, and m, l, L of every row, as f64.
    pub output: Output,
    pub checkpoints: Checkpoints<T>,
    pub meters: MeterIndex,
}

/// Bytes that checkpoints may take where nothing else is said.
pub const CHECKPOINT_BUDGET: usize = 64 << 20;

/// Steps between two reports of progress.
const REPORT_EVERY: u64 = 1024;

/// More checkpoints than this make no seek faster that a person could notice.
const MOST_CHECKPOINTS: u64 = 4096;

impl<T: Real> Recording<T> {
    /// Carries out every step. `go_on` is called now and then with the number of steps done; `false` stops.
    pub fn new(
        schedule: &Schedule,
        head: &Head<T>,
        meaning: Meaning,
        budget: usize,
        mut go_on: impl FnMut(u64) -> bool,
    ) -> Option<Self> {
        let read_back = read_back(schedule);
        let spacing = spacing::<T>(schedule, &read_back, budget);
        let mut kept = Vec::new();
        let machine = carry_out(schedule, head, meaning, |done, _, machine| {
            if done.is_multiple_of(spacing) {
                kept.push(Checkpoint::take(machine, &read_back));
            }
            !done.is_multiple_of(REPORT_EVERY) || go_on(done)
        })?;
        let checkpoints = Checkpoints { spacing, kept, writes: written_blocks(schedule) };
        Some(Self { output: output(&machine), checkpoints, meters: MeterIndex::new(schedule) })
    }
}

/// The results in `machine`, as f64.
pub fn output<T: Real>(machine: &Machine<'_, T>) -> Output {
    let widen = |values: &[T]| values.iter().map(|x| x.widen()).collect();
    Output {
        o: machine.memory.o.mapv(T::widen),
        m: widen(&machine.reported.m),
        l: widen(&machine.reported.l),
        lse: widen(&machine.reported.lse),
    }
}

/// Carries out every step with the meters running, and gives the results with the totals.
pub fn run<T: Real>(
    schedule: &Schedule,
    head: &Head<T>,
    meaning: Meaning,
    mut go_on: impl FnMut(u64) -> bool,
) -> Option<(Output, Totals)> {
    let mut meter = Meter::new(schedule);
    let machine = carry_out(schedule, head, meaning, |done, step, _| {
        meter.add(step);
        !done.is_multiple_of(REPORT_EVERY) || go_on(done)
    })?;
    Some((output(&machine), meter.totals))
}

/// The tensors that the schedule both stores and loads, small enough to be kept in a checkpoint (S and P are not).
fn read_back(schedule: &Schedule) -> Vec<Tensor> {
    let mut loaded = Vec::new();
    schedule.for_each(|_, step| {
        if let Op::Load(tensor @ (Tensor::O | Tensor::M | Tensor::Sum | Tensor::Lse)) = step.op
            && !loaded.contains(&tensor)
        {
            loaded.push(tensor);
        }
    });
    loaded
}

/// Steps between checkpoints, so that all of them fit in `budget` bytes.
fn spacing<T: Real>(schedule: &Schedule, read_back: &[Tensor], budget: usize) -> u64 {
    let plan = &schedule.plan;
    let chip = schedule.kernels.iter().map(|kernel| Chip::<T>::bytes(plan, kernel.span)).max().unwrap_or(0);
    let elements: usize =
        read_back.iter().map(|&tensor| if tensor == Tensor::O { plan.n_q * plan.d_v } else { plan.n_q }).sum();
    let bytes = chip + elements * size_of::<T>();
    let count = ((budget / bytes.max(1)) as u64).clamp(1, MOST_CHECKPOINTS);
    schedule.len().div_ceil(count).max(1)
}

/// For each section, what it writes to HBM.
fn written_blocks(schedule: &Schedule) -> Vec<Vec<WrittenBlocks>> {
    let (mut all, mut steps) = (Vec::with_capacity(schedule.section_count()), Vec::new());
    for index in 0..schedule.section_count() {
        let span = schedule.kernels[schedule.section(index).kernel].span;
        schedule.write_section(index, &mut steps);
        let mut written: Vec<WrittenBlocks> = Vec::new();
        for block in steps.iter().filter_map(|step| Effects::of(step, span).hbm_write) {
            match written.iter_mut().find(|known| known.tensor == block.tensor) {
                Some(known) => known.grow(block),
                None => written.push(WrittenBlocks::new(block)),
            }
        }
        all.push(written);
    }
    all
}
