//! One kernel: its buffers, its loops, its lines.

use crate::sentence::Sentence;

use super::super::diagnostic::{Diagnostic, Span};
use super::super::nearest::nearest;
use super::super::shape::Shape;
use super::super::syntax::{
    Buffer as WrittenBuffer, Kernel as WrittenKernel, Loop as WrittenLoop, Node as WrittenNode,
};
use super::super::text::{Action, Buffer, Kernel, Loop, LoopOver, Names, Node, Role};
use super::super::words::{Axes, Axis, Kind};
use super::Checker;
use super::scope::Scope;
use crate::schedule::Space;

impl Checker {
    pub(super) fn kernel(&mut self, written: &WrittenKernel, reported: &[&str]) {
        self.scope = Scope::default();
        self.accesses.clear();
        self.labels.clear();
        self.reads = Names::default();
        self.is_of_group = loops_over_heads(&written.body);
        if self.kernels.iter().any(|kernel| kernel.name == written.name.text) {
            self.fail(written.name.span, Sentence::new("two kernels are called {0}").with(&written.name.text));
        }
        for buffer in &written.buffers {
            self.declare_buffer(buffer);
        }
        let told = self.wrong.len();
        self.one_parallel(&written.body, true);
        let body = self.nodes(&written.body);
        self.races(&written.body);
        self.unread(reported);
        // A line that was passed over may be the one that fills a buffer.
        let buffers = self.buffers(&written.buffers, self.wrong.len() > told);
        self.kernels.push(Kernel {
            name: written.name.text.clone(),
            span: written.name.span,
            buffers,
            body,
            is_of_group: self.is_of_group,
        });
    }

    fn declare_buffer(&mut self, buffer: &WrittenBuffer) {
        for word in &buffer.names {
            let Ok(id) = self.name_id(&word.text, word.span) else { continue };
            if self.scope.declared.has(id) {
                self.fail(word.span, Sentence::new("{0} is declared twice").with(&word.text));
            }
            self.scope.declared = self.scope.declared.with(Names::of(id));
            if buffer.over_keys {
                self.scope.over_keys = self.scope.over_keys.with(Names::of(id));
            }
        }
    }

    /// A kernel has one `parallel for`, around all its lines.
    fn one_parallel(&mut self, body: &[WrittenNode], top: bool) {
        for node in body {
            let WrittenNode::Loop(inner) = node else { continue };
            if inner.parallel && !top {
                self.fail(inner.span, "a kernel has one `parallel for`, at its top");
            } else if inner.parallel && body.len() > 1 {
                self.fail(inner.span, "the programs of a kernel run at once: nothing stands beside its `parallel for`");
            }
            self.one_parallel(&inner.body, false);
        }
    }

    fn nodes(&mut self, written: &[WrittenNode]) -> Vec<Node> {
        let node = |node: &WrittenNode| match node {
            WrittenNode::Line(line) => self.line(line).map(Node::Line),
            WrittenNode::Loop(inner) => Some(Node::Loop(self.looped(inner))),
        };
        written.iter().filter_map(node).collect()
    }

    fn looped(&mut self, written: &WrittenLoop) -> Loop {
        let (mut around, told) = (self.scope.axes(), self.wrong.len());
        let outer_doubt = self.scope.is_in_doubt;
        for over in &written.over {
            if around.has(over.axis) {
                self.fail(over.span, Sentence::new("a loop over {0} stands around this one").with(over.axis.name()));
            }
            if let Some(missing) = over.over.needs().iter().find(|axis| !around.has(**axis)) {
                let what = Sentence::new("{0}: no loop over {1} stands around this one");
                self.fail_at_place(over.span, what.with(over.over.phrase()).with(missing.name()));
            }
            around = around.with(over.axis);
        }
        let over: Vec<LoopOver> = written
            .over
            .iter()
            .map(|over| LoopOver { axis: over.axis, over: over.over, reversed: over.reversed })
            .collect();
        let outside = self.scope.enter(&over);
        let is_wrong = self.wrong.len() > told;
        self.scope.is_in_doubt |= is_wrong;
        let body = self.nodes(&written.body);
        self.scope.is_in_doubt = outer_doubt;
        if is_wrong {
            // Which programs meet in a block is not known.
            self.accesses.clear();
        }
        self.scope.leave(&over, outside, written.span);
        Loop { parallel: written.parallel, over, body, span: written.span }
    }

    /// Values that no line reads: not wrong, and most often a slip.
    fn unread(&mut self, reported: &[&str]) {
        let kernel = self.kernels.len();
        let mut unread = Vec::new();
        for statement in self.lines.iter().filter(|line| line.kernel == kernel).flat_map(|line| &line.statements) {
            let loads = statement.action.tensor().map(|tensor| &self.drafts[tensor]);
            let fills = matches!(statement.action, Action::Load { .. });
            let id = statement.action.assigns().or(loads.filter(|_| fills).map(|draft| draft.id));
            let is_keep = loads.is_some_and(|draft| matches!(draft.role, Role::Modifier(_)));
            if let Some(id) = id
                && !self.reads.has(id)
                && !is_keep
                && !reported.contains(&self.names[id].as_str())
            {
                unread.push((id, statement.span));
            }
        }
        for (id, span) in unread {
            let what = Sentence::new("no line of this kernel reads {0}").with(&self.names[id]);
            self.notes.push(Diagnostic::new(span, what));
        }
    }

    /// The buffers with the shapes that their lines gave them.
    fn buffers(&mut self, written: &[WrittenBuffer], has_faults: bool) -> Vec<Buffer> {
        let mut buffers = Vec::new();
        for buffer in written {
            let mut shape: Option<Shape> = None;
            let mut names = Vec::new();
            for word in &buffer.names {
                let Some(id) = self.names.iter().position(|name| *name == word.text) else { continue };
                let given = self.scope.shapes.get(&id).map(|&(shape, _)| shape);
                let Some(found) = given.or_else(|| self.scope.added.get(&id).copied()) else {
                    if !has_faults && !self.scope.poisoned.has(id) {
                        self.no_value(&word.text, word.span);
                    }
                    continue;
                };
                let found = if buffer.over_keys { Shape::WHOLE_ROWS } else { found };
                if shape.is_some_and(|shape| shape != found) {
                    let what = "{0} cannot share a buffer with {1}, of another size: put a comma between them";
                    let what = Sentence::new(what).with(&word.text).with(&buffer.names[0].text);
                    self.fail(word.span, what);
                }
                shape = Some(found);
                names.push(id);
            }
            if let Some(shape) = shape {
                let kind = self.buffer_kind(buffer.space, &names);
                buffers.push(Buffer { space: buffer.space, names, shape, kind, copies: 1 });
            }
        }
        buffers
    }

    /// Registers hold accumulators, shared memory what HBM holds.
    fn buffer_kind(&self, space: Space, names: &[usize]) -> Kind {
        let is_keep = names.iter().any(|&id| self.names[id] == "keep");
        match space {
            _ if is_keep => Kind::Byte,
            Space::Registers => Kind::Accumulator,
            Space::Shared => Kind::Element,
        }
    }

    fn no_value(&mut self, name: &str, span: Span) {
        let given = self.scope.shapes.keys().map(|&id| self.names[id].as_str());
        let what = match nearest(name, given.filter(|given| *given != name)) {
            Some(near) => {
                Sentence::new("no line of this kernel gives {0} a value; did you mean {1}?").with(name).with(near)
            }
            None => Sentence::new("no line of this kernel gives {0} a value").with(name),
        };
        self.fail(span, what);
    }
}

fn loops_over_heads(body: &[WrittenNode]) -> bool {
    body.iter().any(|node| match node {
        WrittenNode::Loop(inner) => {
            let axes = inner.over.iter().fold(Axes::NONE, |axes, over| axes.with(over.axis));
            axes.has(Axis::H) || loops_over_heads(&inner.body)
        }
        WrittenNode::Line(_) => false,
    })
}
