//! Carries out the loops of a text: which line is a step, where, in which program.

use std::collections::HashSet;
use std::ops::ControlFlow;

use crate::schedule::OnChip;

use super::ledger::footprint;
use super::setting::{Place, Setting};
use super::text::{Action, Algorithm, Kernel, Loop, Node, TensorId};
use super::words::Axis;

/// One step of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// By its number in [`Algorithm::lines`].
    pub line: usize,
    /// The statements that are carried out, as bits.
    pub held: u32,
    /// The axes of the loops that it stands in.
    pub place: Place,
    /// The query head of the group that it belongs to.
    pub head: usize,
    /// The program of its kernel, counted over the heads.
    pub program: u64,
    /// A load of what this kernel has read before under `once`.
    pub free: bool,
    /// Bytes of buffers alive after the step.
    pub live: OnChip,
}

/// Calls `visit` with every step in order, until it breaks.
pub fn walk<B>(
    algorithm: &Algorithm,
    setting: &Setting,
    visit: &mut dyn FnMut(&Step) -> ControlFlow<B>,
) -> ControlFlow<B> {
    for kernel in &algorithm.kernels {
        let heads = if kernel.is_of_group { 1 } else { setting.heads };
        let mut walker = Walker {
            algorithm,
            setting,
            footprint: footprint(algorithm, kernel, setting),
            head: 0,
            program: 0,
            has_begun: false,
            read: HashSet::new(),
            visit: &mut *visit,
        };
        for head in 0..heads {
            // Heads share nothing on chip: each reads for itself.
            walker.read.clear();
            walker.head = head;
            walker.nodes(&kernel.body, Place::default())?;
            if !is_grid(kernel) {
                walker.end_program();
            }
        }
    }
    ControlFlow::Continue(())
}

/// A kernel without `parallel for` is one program a head.
fn is_grid(kernel: &Kernel) -> bool {
    matches!(&kernel.body[..], [Node::Loop(top)] if top.parallel)
}

struct Walker<'a, B> {
    algorithm: &'a Algorithm,
    setting: &'a Setting,
    footprint: OnChip,
    head: usize,
    program: u64,
    /// The program has done more than fill HBM: its buffers are alive.
    has_begun: bool,
    /// Blocks read under `once`, with the head whose they are.
    read: HashSet<(TensorId, Place)>,
    visit: &'a mut dyn FnMut(&Step) -> ControlFlow<B>,
}

impl<B> Walker<'_, B> {
    fn nodes(&mut self, nodes: &[Node], place: Place) -> ControlFlow<B> {
        for node in nodes {
            match node {
                Node::Line(line) => self.line(*line, place)?,
                Node::Loop(inner) => self.turns(inner, 0, place)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// The turns of the loop over the axes from the `depth`th.
    fn turns(&mut self, inner: &Loop, depth: usize, place: Place) -> ControlFlow<B> {
        let Some(over) = inner.over.get(depth) else {
            self.nodes(&inner.body, place)?;
            if inner.parallel {
                self.end_program();
            }
            return ControlFlow::Continue(());
        };
        let mut runs = self.setting.runs(over.over, place);
        if over.reversed {
            runs.reverse();
        }
        for run in runs {
            let length = run.len();
            for turn in 0..length {
                let index = if over.reversed { run.end - 1 - turn } else { run.start + turn };
                self.turns(inner, depth + 1, place.with(over.axis, index))?;
            }
        }
        ControlFlow::Continue(())
    }

    fn end_program(&mut self) {
        self.program += 1;
        self.has_begun = false;
    }

    fn line(&mut self, number: usize, place: Place) -> ControlFlow<B> {
        let line = &self.algorithm.lines[number];
        let held = self.setting.held(line, place);
        if held == 0 {
            return ControlFlow::Continue(());
        }
        let action = &line.statements[0].action;
        self.has_begun |= !matches!(action, Action::Fill { .. });
        let head = place.h.unwrap_or(self.head);
        let free = match *action {
            Action::Load { tensor, once: true } => !self.read.insert((tensor, self.block(tensor, place, head))),
            _ => false,
        };
        let live = if self.has_begun { self.footprint } else { OnChip::default() };
        (self.visit)(&Step { line: number, held, place, head, program: self.program, free, live })
    }

    /// The block of a tensor at a place, with the head that it belongs to.
    fn block(&self, tensor: TensorId, place: Place, head: usize) -> Place {
        let tensor = &self.algorithm.tensors[tensor];
        let mut block = Place::default();
        for axis in tensor.axes().iter().filter(|&axis| axis != Axis::H) {
            if let Some(index) = place.at(axis) {
                block = block.with(axis, index);
            }
        }
        block.with(Axis::H, if tensor.is_of_group { 0 } else { head })
    }
}
