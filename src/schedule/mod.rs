//! An algorithm is a text of the tile language; its schedule is the steps that the text takes in a run.
//!
//! A schedule is kernels, each a grid of programs (thread blocks), each a sequence of steps. Only where each section of a
//! program begins is kept: steps are written again when they are looked at.

pub mod algorithm;
pub mod arrival;
pub mod buffer;
pub mod cuts;
pub mod hardware;
pub mod language;
pub mod parts;
pub mod plan;
pub mod rework;
pub mod source;
pub mod spec;
pub mod step;
pub mod tensor;
pub mod tiling;
pub mod traffic;
pub mod written;

use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};

pub use algorithm::{Algorithm, Kernel, LineFacts};
pub use arrival::Arrival;
pub use buffer::{Buffer, Space};
pub use hardware::Hardware;
pub use language::{Cost, Counts, Effects, Names, Setting, Step};
pub use parts::{Change, Part, Parts};
pub use plan::{DropoutCost, PagesOfBatch, Plan, Sums};
pub use source::kernel_lines;
pub use spec::RunSpec;
pub use step::{Beat, Lane, OnChip, Place};
pub use tensor::Tensor;
pub use tiling::Tiling;
pub use traffic::{Amounts, Flops, HbmTensor, PerTensor, TileCounts, Traffic};
pub use written::WrittenBlocks;

use language::{Block, Line, Ready, Walker};

/// The exact sequence of steps of one algorithm on one group of query heads.
#[derive(Clone)]
pub struct Schedule {
    pub setting: Setting,
    pub algorithm: Algorithm,
    pub kernels: Vec<Kernel>,
    ready: Ready,
    sections: Vec<KeptSection>,
    /// The section in which a kernel first reads a block that it reads `once`.
    first_reads: HashMap<Block, usize>,
    /// Of each line, for the sets of statements that some place carries out.
    effects: Vec<Vec<(u32, Effects)>>,
    len: u64,
}

/// Steps that are walked to learn where sections begin; a longer schedule is added up.
const MOST_WALKED: u64 = 1 << 22;

/// Which part of a schedule a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    pub kernel: usize,
    pub program: usize,
    /// Its number in the program; an empty chip begins the first.
    pub section: usize,
}

/// What is kept of a section.
#[derive(Clone, Debug)]
struct KeptSection {
    at: language::Section,
    first: u64,
    /// The buffers of its program are alive before its first step.
    has_begun: bool,
}

impl Schedule {
    /// The schedule of one query head, with its keys in one split.
    pub fn new(algorithm: &Algorithm, plan: Plan) -> Self {
        Self::of(algorithm, Setting::new(plan))
    }

    /// The schedule of the text that runs for the heads of `setting`. Learns how many steps each section has: by a walk, or
    /// where that would be long from closed sums.
    pub fn of(algorithm: &Algorithm, setting: Setting) -> Self {
        let algorithm = algorithm.for_heads(setting.heads);
        let is_long = language::visits(algorithm.text(), &setting) > MOST_WALKED;
        let added_up = is_long.then(|| Self::added_up(algorithm, &setting)).flatten();
        added_up.unwrap_or_else(|| Self::walked(algorithm, setting))
    }

    /// Walks the text once.
    pub fn walked(algorithm: &Algorithm, setting: Setting) -> Self {
        let algorithm = algorithm.for_heads(setting.heads);
        Self::with(algorithm, setting, |walker, at, index, has_begun, first_reads| {
            let mut steps = 0;
            // Steps are only counted here, free or not.
            let note = |block| {
                first_reads.entry(block).or_insert(index);
                true
            };
            let walked: ControlFlow<()> = walker.steps(at, has_begun, note, |_| {
                steps += 1;
                ControlFlow::Continue(())
            });
            debug_assert!(walked.is_continue(), "nothing breaks the walk");
            steps
        })
    }

    /// From the closed sums of its sections, visiting no step; `None` of a text that reads blocks `once`, where each first
    /// read is to be found.
    pub fn added_up(algorithm: &Algorithm, setting: &Setting) -> Option<Self> {
        let algorithm = algorithm.for_heads(setting.heads);
        let ready = Ready::new(algorithm.text(), setting);
        let sections = language::Sections::new(Walker { algorithm: algorithm.text(), setting, ready: &ready })?;
        Some(Self::with(algorithm, setting.clone(), |_, at, _, has_begun, _| {
            let mut steps = 0;
            sections.each(at, &mut |alike| {
                steps += alike.counts.one;
                *has_begun |= !alike.is_fill;
            });
            steps
        }))
    }

    /// `steps` gives how many steps a section has, and notes whether its program has begun and what it reads first.
    fn with(
        algorithm: &Algorithm,
        setting: Setting,
        mut steps: impl FnMut(Walker<'_>, &language::Section, usize, &mut bool, &mut HashMap<Block, usize>) -> u64,
    ) -> Self {
        let ready = Ready::new(algorithm.text(), &setting);
        let walker = Walker { algorithm: algorithm.text(), setting: &setting, ready: &ready };
        let (mut sections, mut first_reads, mut len, mut has_begun) = (Vec::new(), HashMap::new(), 0, false);
        let walked: ControlFlow<()> = walker.sections(&mut |at| {
            has_begun &= at.number > 0;
            let index = sections.len();
            sections.push(KeptSection { at: at.clone(), first: len, has_begun });
            len += steps(walker, at, index, &mut has_begun, &mut first_reads);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue(), "nothing breaks the walk");
        let kernels = algorithm.kernels(&setting);
        let of_line = |(line, sets): (usize, Vec<u32>)| {
            sets.into_iter().map(|held| (held, algorithm.effects(line, held))).collect()
        };
        let effects = ready.sets().enumerate().map(of_line).collect();
        Self { effects, kernels, setting, algorithm: algorithm.clone(), ready, sections, first_reads, len }
    }

    pub fn plan(&self) -> &Plan {
        &self.setting.plan
    }

    /// The algorithm stores its scores in HBM, in the format of the tensors.
    pub fn stores_scores(&self) -> bool {
        self.algorithm.stores_scores(&self.algorithm.closed_form_of(&self.setting))
    }

    /// The line of the text that a step carries out.
    pub fn line(&self, step: &Step) -> &Line {
        self.algorithm.line(step.line)
    }

    /// What that line is to those who do not look into it.
    pub fn facts(&self, step: &Step) -> LineFacts {
        self.algorithm.facts(step.line)
    }

    /// What a step touches on chip and in HBM.
    pub fn effects(&self, step: &Step) -> Effects {
        let known = self.effects[step.line].iter().find(|(held, _)| *held == step.held);
        known.map_or_else(|| self.algorithm.effects(step.line, step.held), |(_, effects)| *effects)
    }

    /// A step is for this query head of the problem, or for all of its group.
    pub fn is_of(&self, step: &Step, head: usize) -> bool {
        let is_of_group = step.place.h().is_none() && self.algorithm.text().kernels[self.line(step).kernel].is_of_group;
        is_of_group || step.head == self.setting.picked(head)
    }

    /// The steps of a section are for this query head of the problem, or for all of its group; those of a loop over heads may
    /// be for others.
    pub fn is_section_of(&self, index: usize, head: usize) -> bool {
        let at = self.at(index);
        let is_of_group = self.algorithm.text().kernels[at.kernel].is_of_group;
        is_of_group || at.head == self.setting.picked(head)
    }

    /// Steps in all.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn section_count(&self) -> usize {
        self.sections.len()
    }

    /// Where a section stands in the schedule.
    pub fn section(&self, index: usize) -> Section {
        let at = &self.sections[index].at;
        Section { kernel: at.kernel, program: at.program as usize, section: at.number }
    }

    /// The numbers of its steps.
    pub fn section_steps(&self, index: usize) -> Range<u64> {
        let end = self.sections.get(index + 1).map_or(self.len, |next| next.first);
        self.sections[index].first..end
    }

    /// The section that holds step `n`; the last one for any `n` past the end.
    pub fn section_of(&self, n: u64) -> usize {
        let last = n.min(self.len.saturating_sub(1));
        // Empty sections share their first number with the next: the last with `first <= n` holds the step.
        self.sections.partition_point(|section| section.first <= last).saturating_sub(1)
    }

    /// Adds up the steps of sections without visiting them; `None` of a text that reads blocks `once`.
    pub fn closed_sections(&self) -> Option<language::Sections<'_>> {
        language::Sections::new(self.walker())
    }

    /// Which part of the text a section is.
    pub fn at(&self, index: usize) -> &language::Section {
        &self.sections[index].at
    }

    /// Bytes of buffers that the program of a section has alive once it has begun.
    pub fn footprint_of(&self, index: usize) -> OnChip {
        self.ready.footprint(self.at(index).kernel)
    }

    /// Calls `visit` with the lines that a section may carry out, each once.
    pub fn each_line(&self, section: &language::Section, visit: &mut dyn FnMut(usize)) {
        self.walker().each_line(section, visit);
    }

    fn walker(&self) -> Walker<'_> {
        Walker { algorithm: self.algorithm.text(), setting: &self.setting, ready: &self.ready }
    }

    /// Writes a section again, into `steps` (which is cleared first, and keeps its memory).
    pub fn write_section(&self, index: usize, steps: &mut Vec<Step>) {
        steps.clear();
        self.each_of_section(index, |step| steps.push(*step));
    }

    /// Calls `visit` with each step of a section, in order.
    pub fn each_of_section(&self, index: usize, mut visit: impl FnMut(&Step)) {
        let walker = self.walker();
        let KeptSection { at, has_begun, .. } = &self.sections[index];
        let mut read = HashSet::new();
        let is_new = |block| self.first_reads.get(&block) == Some(&index) && read.insert(block);
        let walked: ControlFlow<()> = walker.steps(at, &mut has_begun.clone(), is_new, |step| {
            visit(step);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue(), "nothing breaks the walk");
    }

    /// Calls `visit` with each step and its number, in order.
    pub fn for_each(&self, mut visit: impl FnMut(u64, &Step)) {
        let mut n = 0;
        for index in 0..self.sections.len() {
            self.each_of_section(index, |step| {
                visit(n, step);
                n += 1;
            });
        }
    }

    /// Step `n`, if there is one. Costs the writing of one section.
    pub fn step(&self, n: u64) -> Option<Step> {
        if n >= self.len {
            return None;
        }
        let index = self.section_of(n);
        let mut steps = Vec::new();
        self.write_section(index, &mut steps);
        steps.get((n - self.sections[index].first) as usize).copied()
    }

    /// The buffers alive after step `n`, in the order of their declaration.
    pub fn buffers_after(&self, n: u64) -> Vec<Buffer> {
        match self.step(n) {
            Some(step) if step.live != OnChip::default() => {
                self.algorithm.buffers(self.section(self.section_of(n)).kernel, &self.setting)
            }
            _ => Vec::new(),
        }
    }

    /// What a step costs.
    pub fn cost(&self, step: &Step) -> Cost {
        self.algorithm.cost(step.line, step.held, self.plan())
    }

    /// Elements of `tensor` that a step reads from HBM, and writes there.
    pub fn moved(&self, step: &Step, tensor: Tensor) -> (u64, u64) {
        if tensor == Tensor::BLOCK_TABLE {
            return (self.entries(step), 0);
        }
        if tensor == Tensor::SCALES {
            return (if step.free { 0 } else { self.cost(step).scales }, 0);
        }
        if tensor == Tensor::MASK {
            return (if step.free { 0 } else { self.cost(step).mask_read.at(self.counts(step)) }, 0);
        }
        if self.facts(step).tensor != Some(tensor) {
            return (0, 0);
        }
        let (cost, counts) = (self.cost(step), self.counts(step));
        (if step.free { 0 } else { cost.hbm_read.at(counts) }, cost.hbm_write.at(counts))
    }

    /// Entries of the block table that a step reads.
    pub fn entries(&self, step: &Step) -> u64 {
        if step.free { 0 } else { self.cost(step).lookups * self.counts(step).entries }
    }

    /// Bytes that a step reads beside the block of its tensor.
    pub fn bytes_beside(&self, step: &Step) -> u64 {
        if step.free { 0 } else { self.cost(step).bytes_beside(self.counts(step)) }
    }

    /// The pages that a step reads a block of K or V from, in order, `None` for an entry of the table that names none; where
    /// it reads one, and they lie in pages.
    pub fn pages(&self, step: &Step) -> Option<Vec<Option<usize>>> {
        if self.entries(step) == 0 { None } else { self.plan().pages_of(step.place.j()?) }
    }

    /// Pairs, queries and keys that a step works on.
    pub fn counts(&self, step: &Step) -> Counts {
        self.plan().counts_at(step.place)
    }
}

/// Calls `visit` with each step of `algorithm` in `setting` and its number, in order. Keeps none of them.
pub fn each_step(algorithm: &Algorithm, setting: &Setting, mut visit: impl FnMut(u64, &Step)) {
    let mut n = 0;
    let text = algorithm.for_heads(setting.heads).text();
    let walked: ControlFlow<()> = language::walk(text, setting, &mut |step| {
        visit(n, step);
        n += 1;
        ControlFlow::Continue(())
    });
    debug_assert!(walked.is_continue(), "nothing breaks the walk");
}
