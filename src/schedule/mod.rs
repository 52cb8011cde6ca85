//! Algorithms write schedules of tile operations; everything else reads them.
//!
//! A schedule is kernels, each a grid of programs (thread blocks), each a sequence of steps. Only the number of steps
//! of each section of a program is kept: steps are written again when they are looked at.

pub mod algorithm;
pub mod cost;
pub mod flash1;
pub mod flash2;
pub mod hardware;
pub mod language;
pub mod plan;
pub mod program;
pub mod source;
pub mod standard;
pub mod step;
pub mod tiling;
pub mod traffic;

use std::ops::Range;

pub use algorithm::{Algorithm, Kernel, Section, Span};
pub use cost::{Cost, Sums};
pub use hardware::Hardware;
pub use plan::{DropoutCost, Plan};
pub use program::{Buffer, BufferEvent, Program, Space};
pub use source::kernel_lines;
pub use step::{Beat, Lane, Max, OnChip, Op, Place, Step, Tensor};
pub use tiling::Tiling;
pub use traffic::{Flops, PerTensor, TileCounts, Traffic};

/// The exact sequence of tile operations of one algorithm on one (batch, query head).
#[derive(Clone)]
pub struct Schedule {
    pub plan: Plan,
    pub algorithm: &'static dyn Algorithm,
    pub kernels: Vec<Kernel>,
    sections: Vec<Written>,
    len: u64,
}

/// What is kept of a section.
#[derive(Clone, Copy, Debug)]
struct Written {
    at: Section,
    first: u64,
    /// Bytes of buffers alive before its first step.
    live: OnChip,
    changes_buffers: bool,
}

impl Schedule {
    /// The algorithm stores its scores in HBM, in the format of the tensors.
    pub fn stores_scores(&self) -> bool {
        self.algorithm.closed_form(&self.plan).write.get(Tensor::S) > 0
    }

    /// Runs the algorithm once to learn how many steps each section has.
    pub fn new(algorithm: &'static dyn Algorithm, plan: Plan) -> Self {
        let (mut sections, mut len) = (Vec::new(), 0);
        each_section(algorithm, &plan, |at, live, out| {
            sections.push(Written { at, first: len, live, changes_buffers: !out.buffers.is_empty() });
            len += out.steps.len() as u64;
        });
        Self { kernels: algorithm.kernels(&plan), plan, algorithm, sections, len }
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
        self.sections[index].at
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

    /// Writes a section again, into `steps` (which is cleared first, and keeps its memory).
    pub fn write_section(&self, index: usize, steps: &mut Vec<Step>) {
        let section = &self.sections[index];
        let mut out = Program::new(&self.plan, section.live, std::mem::take(steps));
        self.algorithm.write(&self.plan, section.at, &mut out);
        *steps = out.steps;
    }

    /// Calls `visit` with each step and its number, in order.
    pub fn for_each(&self, mut visit: impl FnMut(u64, &Step)) {
        let (mut steps, mut n) = (Vec::new(), 0);
        for index in 0..self.sections.len() {
            self.write_section(index, &mut steps);
            for step in &steps {
                visit(n, step);
                n += 1;
            }
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
        let here = self.section_of(n);
        let first_of_program = here - self.sections[here].at.section;
        let mut live = Vec::new();
        for section in self.sections[first_of_program..=here].iter().filter(|section| section.changes_buffers) {
            let mut out = Program::new(&self.plan, section.live, Vec::new());
            self.algorithm.write(&self.plan, section.at, &mut out);
            let position = (n - section.first) as usize;
            for event in out.buffers {
                match event {
                    BufferEvent::Allocate { before, buffer } if before <= position => live.push(buffer),
                    BufferEvent::FreeAll { before } if before <= position => live.clear(),
                    _ => {}
                }
            }
        }
        live
    }

    /// Rows, keys and pairs that a step works on.
    pub fn sums(&self, step: &Step) -> Sums {
        self.plan.sums_at(step.place)
    }
}

impl Plan {
    /// Rows, keys and pairs at a place; `None` stands for the whole axis.
    pub fn sums_at(&self, place: Place) -> Sums {
        let rows = place.i().map_or(self.n_q, |i| self.rows(i).len());
        let cols = place.j().map_or(self.n_k, |j| self.cols(j).len());
        Sums::tile(rows, cols)
    }
}

/// Calls `visit` with each step of `algorithm` under `plan` and its number, in order. Keeps one section at a time.
pub fn each_step(algorithm: &dyn Algorithm, plan: &Plan, mut visit: impl FnMut(u64, &Step)) {
    let mut n = 0;
    each_section(algorithm, plan, |_, _, out| {
        for step in &out.steps {
            visit(n, step);
            n += 1;
        }
    });
}

/// Writes every section, and shows each with the bytes alive before its first step.
fn each_section(algorithm: &dyn Algorithm, plan: &Plan, mut visit: impl FnMut(Section, OnChip, &Program<'_>)) {
    let (mut live, mut steps) = (OnChip::default(), Vec::new());
    for at in all_sections(&algorithm.kernels(plan)) {
        let mut out = Program::new(plan, live, steps);
        algorithm.write(plan, at, &mut out);
        visit(at, live, &out);
        live = out.live();
        steps = out.steps;
    }
}

fn all_sections(kernels: &[Kernel]) -> impl Iterator<Item = Section> + '_ {
    kernels.iter().enumerate().flat_map(|(kernel, grid)| {
        (0..grid.programs).flat_map(move |program| {
            (0..grid.sections).map(move |section| Section {
                kernel,
                program,
                section,
                is_last: section + 1 == grid.sections,
            })
        })
    })
}
