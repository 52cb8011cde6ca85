//! m and l as a kernel recorded them, held against the stepper's of the same blocks by the error rule; and which
//! multiprocessor ran which block. Made by a worker.

use ndarray::Array2;

use crate::app::run::gpu::fault::GpuFault;
use crate::app::run::job::Signals;
use crate::app::run::scene::FinishedRun;
use crate::attention::Problem;
use crate::attention::error_rule::{self, Errors, max_error};
use crate::gpu::{Backend, HeadTaps, Taps};
use crate::machine::Visit;
use crate::schedule::{Plan, Setting, Tiling};
use crate::sentence::Sentence;
use crate::trace::{Timed, tracks};

/// Queries or keys above which taps are not compared: the bound needs an exact result for every key block.
pub const LONGEST_COMPARED: usize = 1024;

/// What was recorded of the head on screen.
pub struct Recorded {
    /// Blocks of the kernel.
    pub tiling: Tiling,
    /// Of the head on screen.
    pub head: HeadTaps,
    /// For each row the key blocks of the kernel that leave its m NaN.
    pub nan_after: Vec<Vec<usize>>,
    pub stepper: Stepper,
    pub spans: Option<Spans>,
    /// The file whose changed source ran.
    pub changed: Option<&'static str>,
}

/// What the stepper has to say to it.
pub enum Stepper {
    /// Of the rows in their order: their visits; for each key block what the rule allows after it.
    Same { rows: Vec<Vec<Visit>>, bounds: Vec<Option<Errors>> },
    /// It steps through other blocks, so that its m and l stand at other keys.
    OtherBlocks(Tiling),
    /// Too long for an exact result after each key block.
    TooLong,
}

/// Blocks over multiprocessors, each with its track.
pub struct Spans {
    pub blocks: Vec<Timed>,
    pub tracks: Vec<usize>,
}

/// One visit of a row, on both sides. A side that did not visit has NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub j: usize,
    pub gpu: (f64, f64),
    pub stepper: (f64, f64),
    /// What the rule allows for m and l.
    pub bound: (f64, f64),
}

impl Pair {
    /// How far m and l are apart; NaN where one side has no number.
    pub fn differences(&self) -> (f64, f64) {
        (max_error([&self.gpu.0], [&self.stepper.0]), max_error([&self.gpu.1], [&self.stepper.1]))
    }

    /// A NaN is within no bound.
    pub fn is_within(&self) -> bool {
        let (m, l) = self.differences();
        m <= self.bound.0 && l <= self.bound.1
    }
}

impl Recorded {
    /// Runs the taps of the scene's problem and compares them.
    pub fn new(backend: &mut dyn Backend, scene: &FinishedRun, signals: &Signals) -> Result<Self, GpuFault> {
        let settings = &scene.settings;
        let problem = scene.problem_with_values()?;
        let taps = backend.taps(problem, settings.algorithm.name(), settings.run.precision(), signals.cancel())?;
        Self::of(taps, scene, signals)
    }

    fn of(taps: Taps, scene: &FinishedRun, signals: &Signals) -> Result<Self, GpuFault> {
        let settings = &scene.settings;
        let plan = scene.plan();
        let index = settings.run.batch() * scene.input.problem.shape.heads + settings.run.head();
        let tiling = Tiling { br: taps.br, bc: taps.bc };
        let spans = spans(&taps.heads, scene, tiling);
        let head = taps.heads.into_iter().nth(index).ok_or("the GPU recorded nothing of this head")?;
        let expected = (plan.n_k.div_ceil(taps.bc.max(1)), plan.n_q);
        if head.m.dim() != expected || head.l.dim() != expected {
            let text = "the GPU recorded m of {0}, and it is {1}";
            return Err(Sentence::new(text).with(format!("{:?}", head.m.dim())).with(format!("{expected:?}")).into());
        }
        // Blocks are cut to what there is.
        let own = Tiling { br: plan.br, bc: plan.bc };
        let is_same = own == Tiling { br: tiling.br.min(plan.n_q), bc: tiling.bc.min(plan.n_k) };
        let stepper = match () {
            () if !is_same => Stepper::OtherBlocks(own),
            () if plan.n_q.max(plan.n_k) > LONGEST_COMPARED => Stepper::TooLong,
            () => {
                let rows = (0..plan.t_r()).flat_map(|i| scene.run.history(i)).collect();
                Stepper::Same { rows, bounds: bounds(scene, &head.m, signals)? }
            }
        };
        let nan_after = nan_after(scene, tiling, &stepper);
        Ok(Self { tiling, head, nan_after, stepper, spans, changed: None })
    }

    /// What the kernel recorded of a row: key block, m, l.
    pub fn of_row(&self, query: usize) -> Vec<(usize, f64, f64)> {
        let Some(nan_after) = self.nan_after.get(query) else { return Vec::new() };
        let visited = self.head.visited(query, |j| nan_after.contains(&j));
        visited.map(|j| (j, self.head.m[[j, query]], self.head.l[[j, query]])).collect()
    }

    /// The visits of a row that either side made, where both have the same blocks.
    pub fn pairs(&self, query: usize) -> Vec<Pair> {
        let Stepper::Same { rows, bounds } = &self.stepper else { return Vec::new() };
        let Some(visits) = rows.get(query) else { return Vec::new() };
        let recorded = self.of_row(query);
        let nothing = (f64::NAN, f64::NAN);
        let of = |j: usize| Pair {
            j,
            gpu: recorded.iter().find(|(of, ..)| *of == j).map_or(nothing, |(_, m, l)| (*m, *l)),
            stepper: visits.iter().find(|visit| visit.j == j).map_or(nothing, |visit| (visit.m, visit.l)),
            bound: bounds.get(j).copied().flatten().map_or(nothing, |bound| (bound.m, bound.l)),
        };
        let is_visited = |j: &usize| visits.iter().any(|v| v.j == *j) || recorded.iter().any(|(of, ..)| of == j);
        (0..bounds.len()).filter(is_visited).map(of).collect()
    }

    /// Visits of all rows, and how many of them are within the rule.
    pub fn score(&self) -> Option<(usize, usize)> {
        let Stepper::Same { rows, .. } = &self.stepper else { return None };
        let pairs: Vec<Pair> = (0..rows.len()).flat_map(|query| self.pairs(query)).collect();
        Some((pairs.len(), pairs.iter().filter(|pair| pair.is_within()).count()))
    }
}

/// For each row the key blocks in which the stepper has m NaN. Where it steps through other blocks, or is not compared: of
/// a row whose m is NaN in the end, all that it sees of the kernel's.
fn nan_after(scene: &FinishedRun, tiling: Tiling, stepper: &Stepper) -> Vec<Vec<usize>> {
    if let Stepper::Same { rows, .. } = stepper {
        let of_row =
            |visits: &Vec<Visit>| visits.iter().filter(|visit| visit.m.is_nan()).map(|visit| visit.j).collect();
        return rows.iter().map(of_row).collect();
    }
    let settings = &scene.settings;
    let (batch, head) = (settings.run.batch(), settings.run.head());
    let plan = Plan::of_heads(&scene.input.problem, (batch, head..head + 1), tiling, settings.run.precision());
    let m = scene.run.output().map_or(&[][..], |output| &output.m).iter().enumerate();
    m.map(
        |(row, m)| {
            if m.is_nan() { plan.visible_key_blocks(plan.query_block(row)).indices().collect() } else { Vec::new() }
        },
    )
    .collect()
}

/// Thread blocks by the tiles that they visited: programs of the schedule, head after head. `None` where the device does
/// not tell. A program that goes on in another launch, on another multiprocessor, is a block for each.
fn spans(heads: &[HeadTaps], scene: &FinishedRun, tiling: Tiling) -> Option<Spans> {
    if heads.iter().all(|head| head.tiles.is_empty()) {
        return None;
    }
    let settings = &scene.settings;
    let plan = Plan::of_problem(&scene.input.problem, settings.run.batch(), tiling, settings.run.precision());
    let programs = settings.algorithm.kernels(&Setting::new(plan)).first().map_or(1, |kernel| kernel.programs.max(1));
    let mut blocks: Vec<Timed> = Vec::new();
    for (head, taps) in heads.iter().enumerate() {
        let mut tiles: Vec<_> = taps.tiles.iter().map(|tile| (tile.i.min(programs - 1), tile)).collect();
        tiles.sort_by_key(|(program, tile)| (*program, tile.begin_ns));
        for (program, tile) in tiles {
            let block = (head * programs + program) as u32;
            match blocks.last_mut().filter(|last| (last.block, last.sm) == (block, tile.sm)) {
                Some(last) => last.end_ns = last.end_ns.max(tile.end_ns),
                None => blocks.push(Timed { sm: tile.sm, block, begin_ns: tile.begin_ns, end_ns: tile.end_ns }),
            }
        }
    }
    Some(Spans { tracks: tracks(&blocks), blocks })
}

/// For each key block that someone visits: what the rule allows m and l when the keys end after it.
fn bounds(scene: &FinishedRun, m: &Array2<f64>, signals: &Signals) -> Result<Vec<Option<Errors>>, GpuFault> {
    let plan = scene.plan();
    let settings = &scene.settings;
    let of = |j: usize| {
        let is_visited =
            m.row(j).iter().any(|m| !m.is_nan()) || (0..plan.t_r()).any(|i| plan.visible_key_blocks(i).contains(j));
        is_visited.then(|| {
            let prefix = keys_until(&scene.input.problem, plan.cols(j).end);
            error_rule::reference(&prefix, settings.run.batch(), settings.run.head(), settings.run.precision()).bound
        })
    };
    (0..plan.t_c())
        .map(|j| {
            signals.report(j as u64, plan.t_c() as u64);
            if signals.is_cancelled() { Err("cancelled".into()) } else { Ok(of(j)) }
        })
        .collect()
}

/// The problem with no key from `end` on.
fn keys_until(problem: &Problem, end: usize) -> Problem {
    Problem { mask: problem.mask.until_key(&problem.shape, end), ..problem.clone() }
}
