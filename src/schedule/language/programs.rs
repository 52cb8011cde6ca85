//! What each program of a kernel moves and computes, in closed form: no tile is visited, so that a long sequence takes no
//! longer than its grid is large.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use crate::attention::{BiasOf, Pages, Runs, TileClass};
use crate::schedule::{OnChip, Place};

use super::closed::{Kind, closed_form, kinds_of_tiles};
use super::cost::{Cost, Counts, SCALE_BYTES};
use super::formats::element_bytes;
use super::ledger::footprint;
use super::setting::Setting;
use super::text::{Action, Algorithm, Line};
use super::walk::{Ready, Step, Walker};
use super::words::{Axis, Over, Test};

/// What one program (thread block) takes. Bytes are no whole numbers where a kernel reads an operand once for all of its
/// programs: each then has its share.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Bytes from HBM.
    pub loaded: f64,
    /// Bytes to HBM.
    pub stored: f64,
    /// A multiply and an add of a matrix product count as two.
    pub matmul: u64,
    pub exp: u64,
    /// Additions, comparisons and scalings of single elements.
    pub other: u64,
    /// Tiles of queries and keys that it works on.
    pub tiles: u64,
}

impl Work {
    /// Adds a line at places of which one is like the other.
    fn add(&mut self, of: &OfLine, cost: &Cost, counts: Counts) {
        self.loaded += match of.once {
            Some(each) => each * counts.one as f64,
            None => of.element_bytes * cost.hbm_read.at(counts) as f64 + cost.bytes_beside(counts) as f64,
        };
        self.stored += of.element_bytes * cost.hbm_write.at(counts) as f64;
        self.matmul += cost.matmul.at(counts);
        self.exp += cost.exp.at(counts);
        self.other += cost.other.at(counts);
    }

    pub fn bytes(&self) -> f64 {
        self.loaded + self.stored
    }
}

/// A kernel of a text in a setting.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelWork {
    pub name: String,
    /// Its programs for one head, in the order of the grid.
    pub programs: Vec<Work>,
    /// How often these come in one schedule: once for each query head of the group, or once.
    pub heads: usize,
    /// What a program holds on chip.
    pub on_chip: OnChip,
}

/// Kernels with more programs a head than this are not listed.
pub const MOST_PROGRAMS: usize = 1 << 20;

/// Of each kernel of `algorithm` in `setting`, in order. `None` where one has more than [`MOST_PROGRAMS`] for a head, or
/// where adding up its programs would visit more query blocks than that.
pub fn programs(algorithm: &Algorithm, setting: &Setting) -> Option<Vec<KernelWork>> {
    let ready = Ready::new(algorithm, setting);
    let walker = Walker { algorithm, setting, ready: &ready };
    let summary = Summary::new(algorithm, setting);
    let kernels = algorithm.kernels.iter().enumerate();
    let of_kernel = |(number, kernel): (usize, &super::text::Kernel)| {
        let (mut programs, mut most) = (Vec::new(), MOST_PROGRAMS);
        let walked = walker.programs(number, &mut |place| {
            let blocks = if place.i().is_none() && place.j().is_none() { setting.plan.t_r() } else { 1 };
            match most.checked_sub(blocks) {
                Some(left) => most = left,
                None => return ControlFlow::Break(()),
            }
            programs.push(summary.work(number, place));
            ControlFlow::Continue(())
        });
        let heads = if kernel.is_of_group { 1 } else { setting.heads };
        let on_chip = footprint(algorithm, kernel, setting);
        walked.is_continue().then(|| KernelWork { name: kernel.name.clone(), programs, heads, on_chip })
    };
    kernels.map(of_kernel).collect()
}

/// A step of a program with what it takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepWork {
    pub step: Step,
    pub work: Work,
}

/// Gives the steps of programs, each with what it takes.
pub struct ProgramSteps<'a> {
    summary: Summary<'a>,
    ready: Ready,
}

impl<'a> ProgramSteps<'a> {
    pub fn new(algorithm: &'a Algorithm, setting: &'a Setting) -> Self {
        Self { summary: Summary::new(algorithm, setting), ready: Ready::new(algorithm, setting) }
    }

    /// The first `most` steps of the program of a kernel at `place`, for one head. Together they take what [`programs`] says
    /// of it, but for its tiles.
    pub fn of_program(&self, kernel: usize, place: Place, most: usize) -> Vec<StepWork> {
        let Summary { algorithm, setting, lines, .. } = &self.summary;
        let walker = Walker { algorithm, setting, ready: &self.ready };
        let keep_is_given = setting.of_run(Test::KeepGiven);
        let mut costs: HashMap<(usize, u32), Cost> = HashMap::new();
        let mut steps = Vec::new();
        let _ = walker.steps_of_program(kernel, place, |&step| {
            let of_line = || Cost::of(algorithm, &algorithm.lines[step.line], &setting.plan, keep_is_given, step.held);
            let cost = costs.entry((step.line, step.held)).or_insert_with(of_line);
            let mut work = Work::default();
            work.add(&lines[step.line], cost, setting.counts(step.place));
            steps.push(StepWork { step, work });
            if steps.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        steps
    }

    /// How often the program at `place` carries out a line.
    pub fn turns(&self, line: usize, place: Place) -> u64 {
        let mut turns = 0;
        self.summary.each_cell(&self.summary.algorithm.lines[line], place, &mut |kind, counts| {
            turns += if self.summary.cost(line, kind).is_some() { counts.one } else { 0 };
        });
        turns
    }
}

/// What is the same for every program.
pub(super) struct Summary<'a> {
    algorithm: &'a Algorithm,
    setting: &'a Setting,
    /// Of each line.
    lines: Vec<OfLine>,
    /// Key blocks that some query sees.
    seen: Vec<Range<usize>>,
}

struct OfLine {
    /// By [`Kind`]; `None` where the line is no step there.
    costs: [Option<Cost>; Kind::ALL.len()],
    element_bytes: f64,
    /// Bytes that each of its steps reads on average, where it reads `once`.
    once: Option<f64>,
}

impl<'a> Summary<'a> {
    pub fn new(algorithm: &'a Algorithm, setting: &'a Setting) -> Self {
        let keep_is_given = setting.of_run(Test::KeepGiven);
        let tally = closed_form(algorithm, setting);
        let of_line = |(line, total): (&Line, &super::Totals)| {
            let cost = |kind: Kind| {
                let holds = |test: Test| if test.is_of_place() { kind.holds(test) } else { setting.of_run(test) };
                let held = setting.held_where(line, holds);
                (held != 0).then(|| Cost::of(algorithm, line, &setting.plan, keep_is_given, held))
            };
            let bytes = |tensor: usize| {
                let tensor = &algorithm.tensors[tensor];
                element_bytes(&tensor.name, tensor.kind, setting.plan.precision) as f64
            };
            let once = line.statements.iter().any(|of| matches!(of.action, Action::Load { once: true, .. }));
            let element_bytes = line.tensor().map_or(0.0, bytes);
            let mask = BiasOf::BOOLEAN_BYTES * total.mask_read;
            let beside = Pages::ENTRY_BYTES * total.table_read + SCALE_BYTES * total.scales_read + mask;
            let read = element_bytes * total.hbm_read as f64 + beside as f64;
            OfLine { costs: Kind::ALL.map(cost), element_bytes, once: once.then(|| read / total.steps.max(1) as f64) }
        };
        let lines = algorithm.lines.iter().zip(&tally.lines).map(of_line).collect();
        Self { algorithm, setting, lines, seen: setting.runs(Over::KeyBlocksSomeQuerySees, Place::default()) }
    }

    /// What a line costs at places of a kind; `None` where it is no step there.
    pub fn cost(&self, line: usize, kind: Kind) -> Option<&Cost> {
        self.lines[line].costs[kind as usize].as_ref()
    }

    fn work(&self, kernel: usize, place: Place) -> Work {
        let mut work = Work::default();
        let lines = self.algorithm.lines.iter().zip(&self.lines).filter(|(line, _)| line.kernel == kernel);
        for (line, of) in lines {
            let mut tiles = 0;
            self.each_cell(line, place, &mut |kind, counts| {
                let Some(cost) = &of.costs[kind as usize] else { return };
                work.add(of, cost, counts);
                tiles += counts.one;
            });
            if line.axes().has(Axis::I) && line.axes().has(Axis::J) {
                work.tiles = work.tiles.max(tiles);
            }
        }
        work
    }

    /// The places of a line in the program at `place`, those of one kind together.
    pub fn each_cell(&self, line: &Line, place: Place, add: &mut dyn FnMut(Kind, Counts)) {
        let over = |axis| line.loops.iter().find(|over| over.axis == axis).map(|over| over.over);
        let plan = &self.setting.plan;
        let times = self.repeats(line, place);
        let add = &mut |kind, counts: Counts| add(kind, counts * times);
        let rows = place.i().map_or(0..plan.t_r(), |i| i..i + 1);
        match (over(Axis::I), over(Axis::J)) {
            (Some(of_rows), Some(of_keys)) => {
                let kinds = kinds_of_tiles(of_rows, of_keys);
                match (place.i(), place.j()) {
                    (Some(i), Some(j)) => self.tile(i, j, kinds, add),
                    (None, Some(j)) => self.column(j, kinds, add),
                    _ => {
                        let split = place.s().filter(|_| is_cut(line));
                        let keys = |i| split.map_or(plan.key_blocks_beside(i), |s| self.setting.split(i, s));
                        rows.for_each(|i| self.row(i, &keys(i), kinds, add));
                    }
                }
            }
            (Some(_), None) if line.axes().has(Axis::S) => rows.for_each(|i| self.parts(i, place.s(), add)),
            (Some(_), None) => rows.for_each(|i| {
                let kind = if plan.visible_key_blocks(i).is_empty() { Kind::Unseen } else { Kind::Seen };
                add(kind, self.setting.counts(Place::new(Some(i), None)));
            }),
            (None, Some(of_keys)) => {
                let keys: Vec<usize> = match (place.j(), place.s().filter(|_| is_cut(line))) {
                    (Some(j), _) => vec![j],
                    (None, Some(s)) => self.setting.split_of_all(s).into_iter().flatten().collect(),
                    (None, None) => (0..plan.t_c()).collect(),
                };
                for j in keys {
                    let is_seen = !plan.visible_query_blocks(j).is_empty();
                    if is_seen || of_keys != Over::KeyBlocksSomeQuerySees {
                        let kind = if is_seen { Kind::Seen } else { Kind::Unseen };
                        add(kind, self.setting.counts(Place::new(None, Some(j))));
                    }
                }
            }
            (None, None) => add(Kind::Whole, self.setting.counts(Place::default())),
        }
    }

    /// How often places come again for heads and splits inside the program.
    fn repeats(&self, line: &Line, place: Place) -> u64 {
        let axes = line.axes();
        let splits_are_places = is_cut(line) || (axes.has(Axis::I) && !axes.has(Axis::J));
        let splits = axes.has(Axis::S) && !splits_are_places && place.s().is_none();
        let heads = axes.has(Axis::H) && place.h().is_none();
        let times = |of: bool, count: usize| if of { count as u64 } else { 1 };
        times(splits, self.setting.splits) * times(heads, self.setting.heads)
    }

    fn tile(&self, i: usize, j: usize, kinds: usize, add: &mut dyn FnMut(Kind, Counts)) {
        let plan = &self.setting.plan;
        let kind = match plan.class(i, j) {
            TileClass::Full => Kind::FullTile,
            TileClass::Partial => Kind::PartialTile,
            TileClass::Skipped if !plan.visible_query_blocks(j).is_empty() => Kind::SkippedTile,
            TileClass::Skipped => Kind::UnseenTile,
        };
        if (kind as usize) < kinds {
            add(kind, self.setting.counts(Place::new(Some(i), Some(j))));
        }
    }

    /// The tiles of query block `i` in a run of key blocks.
    fn row(&self, i: usize, keys: &Range<usize>, kinds: usize, add: &mut dyn FnMut(Kind, Counts)) {
        let plan = &self.setting.plan;
        let rows = plan.rows(i).len() as u64;
        let of = |blocks: &Range<usize>| {
            let (keys, one) = (plan.keys_in(blocks), blocks.len() as u64);
            Counts { rc: rows * keys, r: rows * one, c: keys, one, entries: plan.entries_in(blocks) }
        };
        let of_runs = |runs: &[Range<usize>]| runs.iter().map(|run| of(&both(run, keys))).fold(Counts::default(), sum);
        let active = of_runs(plan.visible_key_blocks(i).as_slice());
        let full = of_runs(&plan.full_key_blocks(i));
        let seen = of_runs(&self.seen);
        let cells = [full, active.less(full), seen.less(active), of(keys).less(seen)];
        Kind::ALL.into_iter().zip(cells).take(kinds).filter(|(_, cell)| cell.one > 0).for_each(|(k, c)| add(k, c));
    }

    /// The tiles of key block `j`.
    fn column(&self, j: usize, kinds: usize, add: &mut dyn FnMut(Kind, Counts)) {
        let plan = &self.setting.plan;
        let (cols, entries) = (plan.cols(j).len() as u64, plan.entries_in(&(j..j + 1)));
        let of = |blocks: &Range<usize>| {
            let (rows, one) = (plan.rows_in(blocks), blocks.len() as u64);
            Counts { rc: rows * cols, r: rows, c: cols * one, one, entries: entries * one }
        };
        let of_runs = |runs: &[Range<usize>]| runs.iter().map(of).fold(Counts::default(), sum);
        let active = of_runs(plan.visible_query_blocks(j).as_slice());
        let full = of_runs(&plan.full_query_blocks(j));
        let others = of(&plan.query_blocks_beside(j)).less(active);
        let nothing = Counts::default();
        let (skipped, unseen) = if active.one > 0 { (others, nothing) } else { (nothing, others) };
        let cells = [full, active.less(full), skipped, unseen];
        Kind::ALL.into_iter().zip(cells).take(kinds).filter(|(_, cell)| cell.one > 0).for_each(|(k, c)| add(k, c));
    }

    /// Query block `i` in one split, or in each.
    fn parts(&self, i: usize, split: Option<usize>, add: &mut dyn FnMut(Kind, Counts)) {
        let plan = &self.setting.plan;
        let (visible, block) = (plan.visible_key_blocks(i), self.setting.counts(Place::new(Some(i), None)));
        let splits = split.map_or(0..self.setting.splits, |s| s..s + 1);
        let all = splits.len() as u64;
        let seen = splits.filter(|&s| meets(&visible, &self.setting.split(i, s))).count() as u64;
        for (kind, times) in [(Kind::Seen, seen), (Kind::Unseen, all - seen)] {
            if times > 0 {
                add(kind, block * times);
            }
        }
    }
}

/// Its tiles are those of one split.
fn is_cut(line: &Line) -> bool {
    line.loops.iter().any(|over| matches!(over.over, Over::KeyBlocksOfSplit | Over::KeyBlocksOfSplitSeen))
}

fn both(a: &Range<usize>, b: &Range<usize>) -> Range<usize> {
    let run = a.start.max(b.start)..a.end.min(b.end);
    if run.is_empty() { 0..0 } else { run }
}

fn meets(runs: &Runs, blocks: &Range<usize>) -> bool {
    runs.as_slice().iter().any(|run| !both(run, blocks).is_empty())
}

fn sum(mut a: Counts, b: Counts) -> Counts {
    a += b;
    a
}
