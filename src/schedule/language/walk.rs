//! Carries out the loops of a text: which line is a step, where, in which program.
//!
//! A program is walked in sections: the turns of its outermost loop where that loop has another inside, else all of it.
//! Any section can be walked again on its own.

use std::collections::HashSet;
use std::ops::{ControlFlow, Range};

use crate::schedule::arrival::{Arrival, adds_in_hbm};
use crate::schedule::{OnChip, Place};

use super::ledger::footprint;
use super::setting::Setting;
use super::text::{Action, Algorithm, Line, Loop, Node, TensorId};
use super::words::{Axis, Test};

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

/// A part of a program that can be walked on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub kernel: usize,
    pub head: usize,
    /// Counted over the heads.
    pub program: u64,
    /// Its number in the program.
    pub number: usize,
    /// Nodes of the kernel's body; or of the loop with this number there, of which it is the turn at `place`.
    nodes: Range<usize>,
    turn_of: Option<usize>,
    place: Place,
}

impl Section {
    /// The axes that are the same for all of it.
    pub fn place(&self) -> Place {
        self.place
    }
}

/// A block that some line reads `once`: its kernel and tensor; its place, with the head whose it is.
pub type Block = (usize, TensorId, Place);

/// A text made ready for a setting: what of its lines is the same at every place.
#[derive(Clone, Debug)]
pub struct Ready {
    lines: Vec<ReadyLine>,
    /// Of each kernel: its body, without the lines in loops that no place carries out.
    bodies: Vec<Vec<Node>>,
    /// Of each kernel.
    footprints: Vec<OnChip>,
    /// Of each kernel: its thread blocks come in the order of arrival.
    arrives: Vec<bool>,
}

#[derive(Clone, Debug)]
struct ReadyLine {
    /// Statements that are carried out at every place.
    always: u32,
    /// Statements that depend on the place: their bit, and what must hold there or must not.
    at_places: Vec<(u32, Vec<(Test, bool)>)>,
    once: Option<TensorId>,
    is_fill: bool,
}

impl Ready {
    pub fn new(algorithm: &Algorithm, setting: &Setting) -> Self {
        let hides_nothing = setting.plan.band.is_open();
        let lines: Vec<_> = algorithm.lines.iter().map(|line| ReadyLine::new(line, setting, hides_nothing)).collect();
        let bodies = algorithm.kernels.iter().map(|kernel| carried_out(&kernel.body, &lines)).collect();
        let footprints = algorithm.kernels.iter().map(|kernel| footprint(algorithm, kernel, setting)).collect();
        let is_moved = |kernel| setting.arrival != Arrival::InOrder && adds_in_hbm(algorithm, kernel);
        let arrives = (0..algorithm.kernels.len()).map(is_moved).collect();
        Self { lines, bodies, footprints, arrives }
    }
}

/// Nodes with loops that leave out what is never carried out; most lines of modifiers are not.
fn carried_out(nodes: &[Node], lines: &[ReadyLine]) -> Vec<Node> {
    let in_loop = |node: &Node| match node {
        Node::Line(line) => Some(Node::Line(*line)).filter(|_| lines[*line].can_hold()),
        Node::Loop(_) => carried_out(std::slice::from_ref(node), lines).pop(),
    };
    let kept = |node: &Node| match node {
        Node::Line(line) => Node::Line(*line),
        Node::Loop(of) => Node::Loop(Loop { body: of.body.iter().filter_map(in_loop).collect(), ..of.clone() }),
    };
    nodes.iter().map(kept).collect()
}

impl Ready {
    /// Bytes of buffers of a program of a kernel.
    pub fn footprint(&self, kernel: usize) -> OnChip {
        self.footprints[kernel]
    }

    /// Of each line, the sets of statements that some place may carry out, as bits.
    pub fn sets(&self) -> impl Iterator<Item = Vec<u32>> {
        self.lines.iter().map(ReadyLine::sets)
    }
}

impl ReadyLine {
    fn new(line: &Line, setting: &Setting, hides_nothing: bool) -> Self {
        let (mut always, mut at_places) = (0, Vec::new());
        let axes = line.axes();
        let is_full = hides_nothing && axes.has(Axis::I) && axes.has(Axis::J);
        // What is known of every place that the line stands at.
        let known = |test: Test| match test {
            Test::Full => is_full.then_some(true),
            Test::Seen => None,
            _ => Some(setting.of_run(test)),
        };
        for (n, statement) in line.statements.iter().enumerate() {
            let (of_run, of_place): (Vec<_>, Vec<_>) =
                statement.conditions.iter().copied().partition(|&(test, _)| known(test).is_some());
            if of_run.iter().all(|&(test, wanted)| known(test) == Some(wanted)) {
                match of_place.is_empty() {
                    true => always |= 1 << n,
                    false => at_places.push((1 << n, of_place)),
                }
            }
        }
        let action = &line.statements[0].action;
        let once = match *action {
            Action::Load { tensor, once: true } => Some(tensor),
            _ => None,
        };
        Self { always, at_places, once, is_fill: line.is_fill() }
    }

    /// Some place may carry out a statement.
    fn can_hold(&self) -> bool {
        self.always != 0 || !self.at_places.is_empty()
    }

    /// Every set of statements that some place may carry out, as bits; of a line with many conditions, not all.
    fn sets(&self) -> Vec<u32> {
        const MOST: usize = 4;
        let with = |sets: Vec<u32>, bit: u32| sets.iter().flat_map(|&set| [set, set | bit]).collect();
        self.at_places.iter().take(MOST).map(|(bit, _)| *bit).fold(vec![self.always], with)
    }

    #[inline(never)] // Of few lines, and so apart from what every line does.
    fn held(&self, setting: &Setting, place: Place) -> u32 {
        let holds = |tests: &[(Test, bool)]| tests.iter().all(|&(test, wanted)| setting.holds(test, place) == wanted);
        self.at_places.iter().filter(|(_, tests)| holds(tests)).fold(self.always, |held, (bit, _)| held | bit)
    }
}

/// Calls `visit` with every step in order, until it breaks.
pub fn walk<B>(
    algorithm: &Algorithm,
    setting: &Setting,
    visit: &mut dyn FnMut(&Step) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let ready = Ready::new(algorithm, setting);
    let walker = Walker { algorithm, setting, ready: &ready };
    let mut read = HashSet::new();
    let mut has_begun = false;
    walker.sections(&mut |section| {
        has_begun &= section.number > 0;
        walker.steps(section, &mut has_begun, |block| read.insert(block), |step| visit(step))
    })
}

/// Walks a text in a setting.
#[derive(Clone, Copy, Debug)]
pub struct Walker<'a> {
    pub algorithm: &'a Algorithm,
    pub setting: &'a Setting,
    pub ready: &'a Ready,
}

fn has_loop(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| matches!(node, Node::Loop(_)))
}

impl Walker<'_> {
    /// Calls `visit` with every section in order, until it breaks. A kernel without `parallel for` is one program a head.
    pub fn sections<B>(&self, visit: &mut dyn FnMut(&Section) -> ControlFlow<B>) -> ControlFlow<B> {
        for (kernel, of) in self.algorithm.kernels.iter().enumerate() {
            let body = &self.ready.bodies[kernel];
            let heads = if of.is_of_group { 1 } else { self.setting.heads };
            let (place, nodes) = (Place::default(), 0..0);
            let mut next = Section { kernel, head: 0, program: 0, number: 0, nodes, turn_of: None, place };
            for head in 0..heads {
                next.head = head;
                if let [Node::Loop(top)] = &body[..]
                    && top.parallel
                {
                    (next.nodes, next.turn_of) = (0..top.body.len(), Some(0));
                    let (first, mut count) = (next.program, 0);
                    self.arrivals(kernel, top, &mut |number, place| {
                        (next.place, next.program) = (place, first + number);
                        count += 1;
                        visit(&next)
                    })?;
                    next.program = first + count;
                } else {
                    next.number = 0;
                    self.sections_of_program(body, &mut next, visit)?;
                    next.program += 1;
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Calls `visit` with the number and the place of each program of a kernel in the order in which they come, for one head.
    fn arrivals<B>(
        &self,
        kernel: usize,
        top: &Loop,
        visit: &mut dyn FnMut(u64, Place) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut number = 0;
        if !self.ready.arrives[kernel] {
            return self.turns(top, 0, Place::default(), &mut |place| {
                number += 1;
                visit(number - 1, place)
            });
        }
        let mut places = Vec::new();
        let walked: ControlFlow<()> = self.turns(top, 0, Place::default(), &mut |place| {
            places.push(place);
            ControlFlow::Continue(())
        });
        debug_assert!(walked.is_continue(), "nothing breaks the walk");
        self.setting.arrival.order(places.len()).into_iter().try_for_each(|number| visit(number as u64, places[number]))
    }

    /// Calls `visit` with the place of each program of a kernel, for one head.
    pub fn programs<B>(&self, kernel: usize, visit: &mut dyn FnMut(Place) -> ControlFlow<B>) -> ControlFlow<B> {
        match &self.ready.bodies[kernel][..] {
            [Node::Loop(top)] if top.parallel => self.turns(top, 0, Place::default(), visit),
            _ => visit(Place::default()),
        }
    }

    /// Calls `visit` with the steps of the program of a kernel at `place`, for one head; every load is a step that moves.
    pub fn steps_of_program<B>(
        &self,
        kernel: usize,
        place: Place,
        visit: impl FnMut(&Step) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let body = &self.ready.bodies[kernel];
        let (nodes, turn_of) = match &body[..] {
            [Node::Loop(top)] if top.parallel => (0..top.body.len(), Some(0)),
            _ => (0..body.len(), None),
        };
        let section = Section { kernel, head: 0, program: 0, number: 0, nodes, turn_of, place };
        self.steps(&section, &mut false, |_| true, visit)
    }

    /// Each turn of an outermost loop that has another inside, and what stands between such loops.
    fn sections_of_program<B>(
        &self,
        body: &[Node],
        next: &mut Section,
        visit: &mut dyn FnMut(&Section) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let is_cut = |node: &Node| matches!(node, Node::Loop(outer) if has_loop(&outer.body));
        let mut at = 0;
        while at < body.len() {
            if let (Node::Loop(outer), true) = (&body[at], is_cut(&body[at])) {
                (next.nodes, next.turn_of) = (0..outer.body.len(), Some(at));
                self.turns(outer, 0, Place::default(), &mut |place| {
                    next.place = place;
                    visit(next)?;
                    next.number += 1;
                    ControlFlow::Continue(())
                })?;
                at += 1;
            } else {
                let end = body[at..].iter().position(is_cut).map_or(body.len(), |cut| at + cut);
                (next.nodes, next.turn_of, next.place) = (at..end, None, Place::default());
                visit(next)?;
                next.number += 1;
                at = end;
            }
        }
        ControlFlow::Continue(())
    }

    /// Calls `visit` with the places of the turns of a loop over its axes from the `depth`th.
    fn turns<B>(
        &self,
        of: &Loop,
        depth: usize,
        place: Place,
        visit: &mut dyn FnMut(Place) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Some(over) = of.over.get(depth) else { return visit(place) };
        let mut runs = self.setting.runs(over.over, place);
        if over.reversed {
            runs.reverse();
        }
        for run in runs {
            for turn in 0..run.len() {
                let index = if over.reversed { run.end - 1 - turn } else { run.start + turn };
                self.turns(of, depth + 1, place.with(over.axis, index), visit)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Calls `visit` with the steps of a section, until it breaks. `has_begun`: the program has done more than fill HBM, so
    /// that its buffers are alive. `is_new` says whether a block is read for the first time.
    pub fn steps<B>(
        &self,
        section: &Section,
        has_begun: &mut bool,
        is_new: impl FnMut(Block) -> bool,
        visit: impl FnMut(&Step) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut steps = Steps { walker: *self, section, has_begun, is_new, visit };
        steps.nodes(self.nodes(section), section.place)
    }

    fn nodes(&self, section: &Section) -> &[Node] {
        let body = &self.ready.bodies[section.kernel];
        let nodes = match section.turn_of.map(|at| &body[at]) {
            Some(Node::Loop(outer)) => &outer.body,
            _ => body,
        };
        &nodes[section.nodes.clone()]
    }

    /// Calls `visit` with the lines that a section may carry out, each once.
    pub fn each_line(&self, section: &Section, visit: &mut dyn FnMut(usize)) {
        fn each(nodes: &[Node], visit: &mut dyn FnMut(usize)) {
            for node in nodes {
                match node {
                    Node::Line(line) => visit(*line),
                    Node::Loop(inner) => each(&inner.body, visit),
                }
            }
        }
        each(self.nodes(section), visit);
    }
}

/// The steps of a section being written.
struct Steps<'a, 'v, N, V> {
    walker: Walker<'a>,
    section: &'v Section,
    has_begun: &'v mut bool,
    is_new: N,
    visit: V,
}

impl<N: FnMut(Block) -> bool, V> Steps<'_, '_, N, V> {
    fn nodes<B>(&mut self, nodes: &[Node], place: Place) -> ControlFlow<B>
    where
        V: FnMut(&Step) -> ControlFlow<B>,
    {
        for node in nodes {
            match node {
                Node::Line(line) => self.line(*line, place)?,
                Node::Loop(inner) => {
                    let walker = self.walker;
                    walker.turns(inner, 0, place, &mut |place| self.nodes(&inner.body, place))?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn line<B>(&mut self, number: usize, place: Place) -> ControlFlow<B>
    where
        V: FnMut(&Step) -> ControlFlow<B>,
    {
        let (ready, section) = (self.walker.ready, self.section);
        let line = &ready.lines[number];
        let held = match line.at_places.is_empty() {
            true => line.always,
            false => line.held(self.walker.setting, place),
        };
        if held == 0 {
            return ControlFlow::Continue(());
        }
        *self.has_begun |= !line.is_fill;
        let head = place.h().unwrap_or(section.head);
        let free = line.once.is_some_and(|tensor| self.is_there(tensor, place, head));
        let live = if *self.has_begun { ready.footprints[section.kernel] } else { OnChip::default() };
        (self.visit)(&Step { line: number, held, place, head, program: section.program, free, live })
    }

    /// What is read `once` was read before.
    #[inline(never)]
    fn is_there(&mut self, tensor: TensorId, place: Place, head: usize) -> bool {
        let block = (self.section.kernel, tensor, self.block(tensor, place, head));
        !(self.is_new)(block)
    }

    /// The block of a tensor at a place, with the head that it belongs to: heads share nothing on chip, and each reads for
    /// itself where it is a program of its own.
    fn block(&self, tensor: TensorId, place: Place, head: usize) -> Place {
        let kernel = &self.walker.algorithm.kernels[self.section.kernel];
        let tensor = &self.walker.algorithm.tensors[tensor];
        let mut block = Place::default();
        for axis in tensor.axes().iter().filter(|&axis| axis != Axis::H) {
            if let Some(index) = place.at(axis) {
                block = block.with(axis, index);
            }
        }
        block.with(Axis::H, if tensor.is_of_group && kernel.is_of_group { 0 } else { head })
    }
}
