//! Walks a schedule, with or without the machine, and tells each step as a step of a trace. Every writer listens.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::TraceError;
use super::describe::{self, Export};
use super::format::{Check, FlopCounts, Lines, Step, Totals};
use super::number::Values;
use crate::attention::{Precision, Real};
use crate::machine::{Machine, Meter, Program, Results, carry_out, inputs_of_group, shapes};
use crate::schedule::language::{Action, Extent, NameId, Names, Role, Shape};
use crate::schedule::{self, Beat, Cost, Counts, Flops, Lane, Part, Place, Schedule, Section, kernel_lines};
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
    let (totals, results) = tell(export, tiles, go_on, each)?;
    let (check, fault) = describe::check(export, &results).unzip();
    Ok(End { totals, check, fault: fault.flatten() })
}

/// As [`walk`], without holding the results against exact ones; gives those of each head of the schedule, none where they
/// were not computed.
pub(super) fn tell(
    export: &Export<'_>,
    tiles: Tiles,
    go_on: impl FnMut(u64) -> bool,
    each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Vec<Results>), TraceError> {
    match (tiles, export.schedule.plan().precision) {
        (Tiles::None, _) => schedule_alone(export, go_on, each),
        (_, Precision::F64) => carried_out::<f64>(export, tiles, go_on, each),
        _ => carried_out::<f32>(export, tiles, go_on, each),
    }
}

fn schedule_alone(
    export: &Export<'_>,
    mut go_on: impl FnMut(u64) -> bool,
    mut each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Vec<Results>), TraceError> {
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
    Ok((describe::totals(schedule, &meter.totals()), Vec::new()))
}

fn carried_out<T: Real>(
    export: &Export<'_>,
    tiles: Tiles,
    mut go_on: impl FnMut(u64) -> bool,
    mut each: impl FnMut(&Step<'_>) -> Result<(), TraceError>,
) -> Result<(Totals, Vec<Results>), TraceError> {
    let schedule = export.schedule;
    let given = inputs_of_group::<T>(schedule, export.problem, export.d_o, export.batch, export.head)?;
    let program = Program::new(&schedule.algorithm);
    let (mut teller, mut meter, mut held) = (Teller::new(export), Meter::new(schedule), Held::new(schedule));
    let mut outcome = Ok(());
    let carried = carry_out(schedule, &program, &given, |done, step, machine| {
        meter.add(step);
        held.after(teller.section(done - 1), step);
        let mut told = teller.tell(done - 1, step);
        held.tell(step, tiles, machine, &mut told);
        outcome = each(&told);
        if outcome.is_ok() && done.is_multiple_of(REPORT_EVERY) && !go_on(done) {
            outcome = Err(TraceError::Stopped);
        }
        outcome.is_ok()
    });
    outcome?;
    let machine = carried?;
    let results = (0..schedule.setting.heads).map(|head| Results::of(&machine, schedule, head)).collect();
    Ok((describe::totals(schedule, &meter.totals()), results))
}

/// Puts what the schedule says of a step into words.
struct Teller<'a> {
    schedule: &'a Schedule,
    kernel_source: Option<&'a str>,
    /// Each line met so far: an algorithm has a dozen.
    known: Vec<Known>,
    /// The index of the section at hand.
    section: usize,
    /// Of the group, among the query heads of the problem.
    first_head: usize,
}

/// What is the same for every step of a line that carries out the same statements.
struct Known {
    line: usize,
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
        let (algorithm, line, cost) = (&schedule.algorithm, schedule.line(step), schedule.cost(step));
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
            element_bytes: line
                .tensor()
                .map_or(0, |tensor| algorithm.hbm_tensor(tensor, schedule.plan()).element_bytes),
            pseudo: vec![line.span.line as u16],
            kernel: kernel_source.map(|source| kernel_lines(source, algorithm, step.line)),
            uses: (costs(pair) || costs(query), costs(pair) || costs(key)),
        }
    }
}

impl<'a> Teller<'a> {
    fn new(export: &Export<'a>) -> Self {
        let first_head = export.head - export.schedule.setting.picked(export.head);
        let (schedule, kernel_source) = (export.schedule, export.kernel_source);
        Self { schedule, kernel_source, known: Vec::new(), section: 0, first_head }
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
        let section = self.section(n);
        let (schedule, first_head) = (self.schedule, self.first_head);
        let plan = schedule.plan();
        let Known { cost, element_bytes, pseudo, kernel, uses, .. } = self.known(step);
        let (place, sums) = (step.place, plan.counts_at(step.place));
        let moved = |elements: u64| if step.free { 0 } else { elements * element_bytes };
        let (rows, cols) = plan.spans(place);
        Step {
            n,
            kernel: section.kernel,
            program: section.program,
            op: Cow::Borrowed(&schedule.line(step).label),
            tensor: schedule.facts(step).tensor,
            i: place.i(),
            j: place.j(),
            rows: (uses.0 || place.i().is_some()).then(|| pair(rows)),
            cols: (uses.1 || place.j().is_some()).then(|| pair(cols)),
            class: place.tile().map(|(i, j)| plan.class(i, j)),
            pages: schedule.pages(step),
            hbm_read_bytes: moved(cost.hbm_read.at(sums)) + schedule.bytes_beside(step),
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
            split: place.s(),
            head: (schedule.setting.heads > 1).then_some(first_head + step.head),
            values: BTreeMap::new(),
            blocks: BTreeMap::new(),
        }
    }
}

fn pair(range: std::ops::Range<usize>) -> [usize; 2] {
    [range.start, range.end]
}

/// Which values on chip belong to the rows at hand: those of a tile that was left behind do not.
struct Held<'a> {
    schedule: &'a Schedule,
    /// Of each kernel: its names with their shapes, and those that belong to rows and not to one tile.
    kernels: Vec<(Vec<(NameId, Shape)>, Names)>,
    program: (usize, usize),
    place: Place,
    names: Names,
}

impl<'a> Held<'a> {
    fn new(schedule: &'a Schedule) -> Self {
        let of = |kernel| (shapes(&schedule.algorithm, kernel), schedule.algorithm.kept(kernel));
        let kernels = (0..schedule.kernels.len()).map(of).collect();
        Self { schedule, kernels, program: (0, 0), place: Place::default(), names: Names::default() }
    }

    fn after(&mut self, section: Section, step: &schedule::Step) {
        let program = (section.kernel, section.program);
        if program != self.program || step.place.i() != self.place.i() {
            self.names = Names::default();
        } else if step.place != self.place {
            let of_tile = Names::ALL.without(self.kernels[section.kernel].1);
            self.names = self.names.without(of_tile);
        }
        // What was loaded is of the visit before: it is told where a step gives it a new value.
        if self.schedule.facts(step).lane != Lane::Load {
            self.names = self.names.with(self.schedule.effects(step).writes);
        }
        (self.program, self.place) = (program, step.place);
    }

    /// Tells the statistics that are held after a step that works on them, and with [`Tiles::Full`] the blocks that it has
    /// made.
    fn tell<T: Real>(&self, step: &schedule::Step, tiles: Tiles, machine: &Machine<'_, T>, told: &mut Step<'_>) {
        let schedule = self.schedule;
        let (facts, line) = (schedule.facts(step), schedule.line(step));
        if matches!(facts.lane, Lane::Load | Lane::Store) {
            return;
        }
        let writes = schedule.effects(step).writes;
        let all = &self.kernels[line.kernel].0;
        let is_column = |shape: &Shape| shape.cols == Extent::One && !shape.is_number();
        let gives_column = all.iter().any(|(name, shape)| is_column(shape) && writes.has(*name));
        let starts = line.statements.iter().any(|statement| matches!(statement.action, Action::Start { .. }));
        let name_of = |name: NameId| schedule.algorithm.text().names[name].as_str();
        let part_of = |name: NameId| part(schedule, line.kernel, name);
        for &(name, shape) in all {
            let shape = shape.at(step.place);
            if !shape.is_known_at(step.place) {
                continue;
            }
            if is_column(&shape) && self.names.has(name) && (gives_column || facts.beat == Beat::Store) {
                let values = machine.value(name, shape, step.place).map(Values::of);
                statistic(told, part_of(name), name_of(name), values);
            }
            if shape.is_matrix() && writes.has(name) && !starts && tiles == Tiles::Full {
                let values = machine.value(name, shape, step.place);
                block(
                    told,
                    part_of(name),
                    name_of(name),
                    values.map(|values| values.rows().into_iter().map(Values::of).collect()),
                );
            }
        }
    }
}

/// What a value is told as. What is left to other kernels is a part of a result, and no result: it has its own name.
fn part(schedule: &Schedule, kernel: usize, name: NameId) -> Option<Part> {
    let algorithm = &schedule.algorithm;
    let part = algorithm.parts(kernel).of(name)?;
    let is_between = algorithm.text().tensors.iter().any(|tensor| tensor.id == name && tensor.role == Role::Between);
    Some(part).filter(|part| !is_between || !matches!(part, Part::Output | Part::Lse))
}

/// Under the field of its part, or among the other values.
fn statistic(told: &mut Step<'_>, part: Option<Part>, name: &str, values: Option<Values>) {
    match part {
        Some(Part::Max) => told.m = values,
        Some(Part::Sum) => told.l = values,
        Some(Part::Alpha) => told.alpha = values,
        Some(Part::Beta) => told.beta = values,
        Some(Part::TileMax) => told.m_tile = values,
        Some(Part::TileSum) => told.l_tile = values,
        Some(Part::Lse) => told.lse = values,
        _ => told.values.extend(values.map(|values| (name.to_owned(), values))),
    }
}

fn block(told: &mut Step<'_>, part: Option<Part>, name: &str, rows: Option<Vec<Values>>) {
    match part {
        Some(Part::Scores) => told.s = rows,
        Some(Part::Weights) => told.p = rows,
        Some(Part::Output) => told.o = rows,
        _ => told.blocks.extend(rows.map(|rows| (name.to_owned(), rows))),
    }
}
