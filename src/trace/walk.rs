//! Walks a schedule, with or without the machine, and tells each step as a step of a trace. Every writer listens.

use std::borrow::Cow;

use ndarray::{Array2, s};

use super::TraceError;
use super::describe::{self, Export};
use super::format::{Check, FlopCounts, Lines, Step, Totals};
use super::number::Values;
use crate::attention::oracle::Output;
use crate::attention::{Precision, Real};
use crate::machine::{Effects, Machine, Meaning, Meter, Slot, Slots, carry_out, output};
use crate::schedule::{self, Cost, Counts, Flops, Op, Place, Schedule, Section, Span, kernel_lines};
use crate::sentence::Sentence;

/// How much of the numbers a trace holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tiles {
    /// The schedule alone: nothing is computed, and nothing checked.
    None,
    /// The statistics of rows.
    #[default]
    Stats,
    /// The values of tiles, too.
    Full,
}

/// What is known after the last step.
pub(super) struct End {
    pub totals: Totals,
    pub check: Option<Check>,
    /// Where the result is not right.
    pub fault: Option<Sentence>,
}

/// Steps between two reports of progress.
const REPORT_EVERY: u64 = 1024;

/// Tells every step of `export` to `each`. `go_on` hears now and then how many are done, and stops the walk with `false`.
pub(super) fn walk(
    export: &Export<'_>,
    tiles: Tiles,
    go_on: impl FnMut(u64) -> bool,
    each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<End, TraceError> {
    let (totals, output) = tell(export, tiles, go_on, each)?;
    let (check, fault) = output.map(|output| describe::check(export, &output)).unzip();
    Ok(End { totals, check, fault: fault.flatten() })
}

/// As [`walk`], without holding the results against exact ones; gives them where they were computed.
pub(super) fn tell(
    export: &Export<'_>,
    tiles: Tiles,
    go_on: impl FnMut(u64) -> bool,
    each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Option<Output>), TraceError> {
    match (tiles, export.schedule.plan.precision) {
        (Tiles::None, _) => schedule_alone(export, go_on, each),
        (_, Precision::F64) => carried_out::<f64>(export, tiles, go_on, each),
        _ => carried_out::<f32>(export, tiles, go_on, each),
    }
}

fn schedule_alone(
    export: &Export<'_>,
    mut go_on: impl FnMut(u64) -> bool,
    mut each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Option<Output>), TraceError> {
    let schedule = export.schedule;
    let (mut teller, mut meter) = (Teller::new(export), Meter::new(schedule));
    let (mut steps, mut n) = (Vec::new(), 0);
    for index in 0..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        for step in &steps {
            meter.add(step);
            each(&teller.tell(n, step))?;
            n += 1;
            if n.is_multiple_of(REPORT_EVERY) && !go_on(n) {
                return Err(TraceError::Stopped);
            }
        }
    }
    Ok((describe::totals(schedule, &meter.totals), None))
}

fn carried_out<T: Real>(
    export: &Export<'_>,
    tiles: Tiles,
    mut go_on: impl FnMut(u64) -> bool,
    mut each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Option<Output>), TraceError> {
    let schedule = export.schedule;
    let head = export.problem.head::<T>(export.batch, export.head, schedule.plan.precision);
    let (mut teller, mut meter, mut held) = (Teller::new(export), Meter::new(schedule), Held::default());
    let mut outcome = Ok(());
    let machine = carry_out(schedule, &head, Meaning::RIGHT, |done, step, machine| {
        meter.add(step);
        let section = teller.section(done - 1);
        let span = schedule.kernels[section.kernel].span;
        held.after(section, step, span);
        let mut told = teller.tell(done - 1, step);
        held.statistics(step.op, span, machine, &mut told);
        if tiles == Tiles::Full {
            tile_values(step.op, span, machine, &mut told);
        }
        outcome = each(&told);
        if outcome.is_ok() && done.is_multiple_of(REPORT_EVERY) && !go_on(done) {
            outcome = Err(TraceError::Stopped);
        }
        outcome.is_ok()
    });
    outcome?;
    let machine = machine.ok_or(TraceError::Stopped)?;
    Ok((describe::totals(schedule, &meter.totals), Some(output(&machine))))
}

/// Puts what the schedule says of a step into words.
struct Teller<'a> {
    schedule: &'a Schedule,
    kernel_source: Option<&'a str>,
    /// Each line met so far: an algorithm has a dozen.
    known: Vec<Known>,
    /// The index of the section at hand.
    section: usize,
}

/// What is the same for every step of a line that carries out the same statements.
struct Known {
    line: u16,
    held: u32,
    cost: Cost,
    /// Bytes of an element that moves.
    element_bytes: u64,
    pseudo: Vec<u16>,
    kernel: Option<Vec<u16>>,
    /// Its cost depends on queries, and on keys.
    uses: (bool, bool),
}

impl Known {
    fn new(step: &schedule::Step, schedule: &Schedule, kernel_source: Option<&str>) -> Self {
        let cost = schedule.cost(step);
        let costs = |counts: Counts| {
            let parts = [cost.hbm_read, cost.hbm_write, cost.sram_read, cost.sram_write, cost.matmul, cost.other];
            parts.into_iter().any(|part| part.at(counts) > 0)
        };
        let none = Counts::default();
        let [pair, query, key] = [Counts { rc: 1, ..none }, Counts { r: 1, ..none }, Counts { c: 1, ..none }];
        Self {
            line: step.line,
            held: step.held,
            cost,
            element_bytes: step.op.tensor().map_or(0, |tensor| schedule.plan.bytes_of(tensor)),
            pseudo: vec![schedule.algorithm.text_line(step) as u16],
            kernel: kernel_source.map(|source| kernel_lines(source, step.op)),
            uses: (costs(pair) || costs(query), costs(pair) || costs(key)),
        }
    }
}

impl<'a> Teller<'a> {
    fn new(export: &Export<'a>) -> Self {
        Self { schedule: export.schedule, kernel_source: export.kernel_source, known: Vec::new(), section: 0 }
    }

    /// The section of step `n`, which never falls from one call to the next.
    fn section(&mut self, n: u64) -> Section {
        while n >= self.schedule.section_steps(self.section).end {
            self.section += 1;
        }
        self.schedule.section(self.section)
    }

    fn known(&mut self, step: &schedule::Step) -> &Known {
        let is_known = |known: &Known| (known.line, known.held) == (step.line, step.held);
        let index = self.known.iter().position(is_known).unwrap_or_else(|| {
            self.known.push(Known::new(step, self.schedule, self.kernel_source));
            self.known.len() - 1
        });
        &self.known[index]
    }

    fn tell(&mut self, n: u64, step: &schedule::Step) -> Step<'_> {
        let (section, plan) = (self.section(n), &self.schedule.plan);
        let Known { cost, element_bytes, pseudo, kernel, uses, .. } = self.known(step);
        let (place, sums) = (step.place, plan.counts_at(step.place));
        let moved = |elements: u64| if step.free { 0 } else { elements * element_bytes };
        let whole = |used: bool, size: usize| used.then_some([0, size]);
        Step {
            n,
            kernel: section.kernel,
            program: section.program,
            op: Cow::Borrowed(step.op.name()),
            tensor: step.op.tensor(),
            i: place.i(),
            j: place.j(),
            rows: place.i().map_or(whole(uses.0, plan.n_q), |i| Some(pair(plan.rows(i)))),
            cols: place.j().map_or(whole(uses.1, plan.n_k), |j| Some(pair(plan.cols(j)))),
            class: place.tile().map(|(i, j)| plan.class(i, j)),
            hbm_read_bytes: moved(cost.hbm_read.at(sums)),
            hbm_write_bytes: moved(cost.hbm_write.at(sums)),
            on_chip_bytes: step.live,
            flops: FlopCounts::from(Flops {
                matmul: cost.matmul.at(sums),
                exp: cost.exp.at(sums),
                other: cost.other.at(sums),
            }),
            lines: Lines { pseudo: Cow::Borrowed(pseudo), kernel: kernel.as_deref().map(Cow::Borrowed) },
            m: None,
            l: None,
            alpha: None,
            beta: None,
            m_tile: None,
            l_tile: None,
            lse: None,
            s: None,
            p: None,
            o: None,
        }
    }
}

fn pair(range: std::ops::Range<usize>) -> [usize; 2] {
    [range.start, range.end]
}

/// Which statistics on chip belong to the rows at hand: those of a tile that was left behind do not.
#[derive(Default)]
struct Held {
    program: (usize, usize),
    place: Place,
    slots: Slots,
}

/// What belongs to one tile, and not to its rows.
const OF_A_TILE: Slots = Slots::of(&[Slot::Alpha, Slot::Beta, Slot::TileMax, Slot::TileSum]);

impl Held {
    fn after(&mut self, section: Section, step: &schedule::Step, span: Span) {
        let program = (section.kernel, section.program);
        let lost = if program != self.program || step.place.i() != self.place.i() {
            Slots::ALL
        } else if step.place != self.place {
            OF_A_TILE
        } else {
            Slots::NONE
        };
        // What was loaded is of the visit before: it is told where a step gives it a new value.
        let is_load = matches!(step.op, Op::Load(_));
        let written = if is_load { Slots::NONE } else { Effects::of(step, span).writes };
        *self = Self { program, place: step.place, slots: self.slots.without(lost).with(written) };
    }

    fn statistics<T: Real>(&self, op: Op, span: Span, machine: &Machine<'_, T>, told: &mut Step<'_>) {
        let (true, Some([start, end])) = (op.is_row_operation(), told.rows) else { return };
        let of = |slot: Slot, values: &[T]| self.slots.contains(slot).then(|| Values::of(&values[..end - start]));
        let chip = &machine.chip;
        (told.m, told.l) = (of(Slot::M, &chip.m), of(Slot::Sum, &chip.l));
        (told.alpha, told.beta) = (of(Slot::Alpha, &chip.alpha), of(Slot::Beta, &chip.beta));
        let of_tile = (of(Slot::TileMax, &chip.tile_max), of(Slot::TileSum, &chip.tile_sum));
        match span {
            Span::Tile => (told.m_tile, told.l_tile) = of_tile,
            // The maximum and the sum over whole rows are those of the rows.
            Span::WholeRows => (told.m, told.l) = of_tile,
        }
        told.lse = of(Slot::Lse, &chip.lse);
    }
}

/// The tile that a step has made.
fn tile_values<T: Real>(op: Op, span: Span, machine: &Machine<'_, T>, told: &mut Step<'_>) {
    let (Some([row, row_end]), Some([col, col_end])) = (told.rows, told.cols.or(Some([0, 0]))) else { return };
    let start = if span == Span::WholeRows { col } else { 0 };
    let part = |buffer: &Array2<T>, start: usize, width: usize| {
        let block = buffer.slice(s![..row_end - row, start..start + width]);
        Some(block.rows().into_iter().map(Values::of).collect())
    };
    match op {
        Op::Scores | Op::Mask => told.s = part(&machine.chip.s, start, col_end - col),
        Op::Exponentiate(_) | Op::Dropout | Op::DivideRows => {
            told.p = part(&machine.chip.p, start, col_end - col);
        }
        Op::Rescale | Op::Accumulate | Op::Product | Op::MergeOutput | Op::Normalise => {
            told.o = part(&machine.chip.o, 0, machine.plan.d_v);
        }
        _ => {}
    }
}
