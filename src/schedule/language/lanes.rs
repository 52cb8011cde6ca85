//! Lanes: what of a program goes on at once, by its text; and what one step hands to another, of which a lane that runs
//! ahead needs a copy for each turn that it is ahead.

use super::effects::Effects;
use super::text::{Action, Algorithm, Line, Names, Node};

/// Which lines go on beside which. The steps of one lane come one after the other, and a step waits for what it reads.
///
/// Shah and others, "FlashAttention-3" (2024), sections 3.1 and 3.2: a producer beside consumers, softmax beside products.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    pub names: Vec<String>,
    /// Of each line: its lane. Those that no lane names share the one behind the last.
    pub of_lines: Vec<usize>,
    /// Copies of what one lane hands to another: so many turns of a loop may be in hand at once.
    pub overlap: usize,
}

impl Lanes {
    /// Nothing goes on beside anything: the text names no lanes.
    pub fn is_one(&self) -> bool {
        self.names.is_empty()
    }
}

/// A piece of memory on chip that steps hand each other: a buffer with its names, or a name that stands in none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handed {
    pub names: Names,
    /// The line that gives it a value of its own in every turn of a loop, with which its life begins anew; `None` where it
    /// keeps its value from turn to turn.
    pub begins: Option<usize>,
    /// Lines of more than one lane touch it.
    pub crosses: bool,
}

impl Handed {
    /// How often it is there.
    pub fn copies(&self, overlap: usize) -> usize {
        if self.begins.is_some() && self.crosses { overlap } else { 1 }
    }
}

/// What the steps of a kernel hand each other: its buffers in their order, then the names that stand in none.
pub fn handed(algorithm: &Algorithm, kernel: usize) -> Vec<Handed> {
    let buffers = algorithm.kernels[kernel].buffers.iter();
    let mut all: Vec<Names> = buffers.map(|buffer| buffer.names.iter().fold(Names::default(), add)).collect();
    let held = all.iter().fold(Names::default(), |all, &names| all.with(names));
    let others = (0..algorithm.names.len()).map(Names::of).filter(|name| !held.meets(*name));
    all.extend(others);
    let lines: Vec<(usize, &Line, Effects)> = algorithm
        .lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.kernel == kernel)
        .map(|(n, line)| (n, line, Effects::of(algorithm, line, u32::MAX)))
        .collect();
    all.into_iter().map(|names| of_names(algorithm, names, &lines)).collect()
}

fn add(names: Names, name: &usize) -> Names {
    names.with(Names::of(*name))
}

fn of_names(algorithm: &Algorithm, names: Names, lines: &[(usize, &Line, Effects)]) -> Handed {
    let touching: Vec<_> = lines.iter().filter(|(_, _, of)| of.reads.meets(names) || of.writes.meets(names)).collect();
    let mut lanes: Vec<usize> = touching.iter().map(|(n, ..)| algorithm.lanes.of_lines[*n]).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let begins = touching.first().filter(|(_, line, of)| {
        let is_new = of.replaces.meets(names) && !of.reads.meets(names) && is_given(algorithm, line, names);
        is_new && is_in_serial_loop(algorithm, line) && touching.iter().all(|(_, other, _)| is_within(other, line))
    });
    Handed { names, begins: begins.map(|(n, ..)| *n), crosses: lanes.len() > 1 }
}

/// Some statement of the line gives it a value wherever the line is a step.
fn is_given(algorithm: &Algorithm, line: &Line, names: Names) -> bool {
    line.statements.iter().any(|statement| {
        let name = match statement.action {
            Action::Load { tensor, .. } => Some(algorithm.tensors[tensor].id),
            ref action => action.assigns(),
        };
        let holds = !statement.conditions.iter().any(|(test, _)| test.is_of_place());
        holds && name.is_some_and(|name| names.has(name))
    })
}

fn is_in_serial_loop(algorithm: &Algorithm, line: &Line) -> bool {
    // The outermost loop of a grid is of programs that know nothing of each other.
    line.loops.len() > programs(algorithm, line)
}

/// How many of a line's loops are the grid.
fn programs(algorithm: &Algorithm, line: &Line) -> usize {
    match &algorithm.kernels[line.kernel].body[..] {
        [Node::Loop(top)] if top.parallel => top.over.len(),
        _ => 0,
    }
}

/// It stands in all loops that `outer` stands in.
fn is_within(line: &Line, outer: &Line) -> bool {
    line.loops.starts_with(&outer.loops)
}

/// A buffer that lanes hand to each other turn by turn is there once for each turn that may be in hand.
pub(super) fn set_copies(algorithm: &mut Algorithm) {
    for kernel in 0..algorithm.kernels.len() {
        let all = handed(algorithm, kernel);
        let overlap = algorithm.lanes.overlap;
        for (buffer, of) in algorithm.kernels[kernel].buffers.iter_mut().zip(all) {
            buffer.copies = of.copies(overlap);
        }
    }
}
