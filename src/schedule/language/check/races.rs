//! Programs that run at once may not meet in a block that one of them writes, unless all only add to it.

use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Race, Span};
use super::super::syntax::{LoopOver, Node};
use super::super::words::{Axes, Axis};
use super::Checker;

/// What a line does to a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Read,
    Write,
    Add,
}

#[derive(Clone, Copy, Debug)]
pub struct Access {
    pub tensor: usize,
    pub how: How,
    pub span: Span,
}

impl Checker {
    /// Finds the races of the kernel just read: from the axes of its blocks, whatever mask a run has.
    pub(super) fn races(&mut self, body: &[Node]) {
        let parallel: Vec<LoopOver> = match body {
            [Node::Loop(top)] if top.parallel => top.over.clone(),
            _ => Vec::new(),
        };
        let accesses = std::mem::take(&mut self.accesses);
        for (tensor, draft) in self.drafts.iter().enumerate() {
            let of: Vec<&Access> = accesses.iter().filter(|access| access.tensor == tensor).collect();
            let axes = Axes::of(draft.axes.as_deref().unwrap_or_default());
            // A head's own tensors are apart, also where no `h` is written.
            let own = if draft.is_of_group() { axes } else { axes.with(Axis::H) };
            let Some(meets) = parallel.iter().find(|over| !own.has(over.axis)) else { continue };
            let only = |how| of.iter().all(|access| access.how == how);
            if only(How::Read) || only(How::Add) {
                continue;
            }
            let worst = of
                .iter()
                .find(|access| access.how == How::Write)
                .or_else(|| of.iter().find(|access| access.how == How::Add));
            let Some(access) = worst else { continue };
            let program = |turn: u32| {
                let at = parallel
                    .iter()
                    .map(|over| format!("{} = {}", over.axis.name(), if over.axis == meets.axis { turn } else { 0 }));
                at.collect::<Vec<_>>().join(", ")
            };
            let letters: Vec<&str> = draft.axes.iter().flatten().map(|_| "0").collect();
            let what = Sentence::new(
                "a race: the programs of {0} and of {1} meet in {2}[{3}]; blocks that a program writes are its own, or all add to them",
            )
            .with(program(0))
            .with(program(1))
            .with(&draft.name)
            .with(letters.join(","));
            let blocks = draft.axes.clone().unwrap_or_default();
            let race = Race { axis: meets.axis, tensor: draft.name.clone(), blocks };
            self.wrong.push(Diagnostic { race: Some(race), ..Diagnostic::new(access.span, what) });
        }
    }
}
