//! The cards of schedules: lines of one text of the tile language, in an order that a learner gives them.

use std::sync::LazyLock;

use crate::schedule::language::{Action, Axes, Axis, Expr, Extent, Line, Names, Role, Setting, Shape};
use crate::schedule::{Algorithm, Effects, Place, Step, Tensor};

/// The text that cards are lines of. A test reads it.
pub(super) static TEXT: LazyLock<Algorithm> = LazyLock::new(|| {
    Algorithm::read("cards", include_str!("cards.tile")).unwrap_or_else(|wrong| panic!("cards.tile: {wrong:?}"))
});

/// What a card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardOp {
    /// A new kernel: the chip is empty.
    Kernel,
    /// A loop over query blocks (`i`) or key blocks (`j`); inside the other loop, over those with something visible.
    For(char),
    End,
    /// A line of [`TEXT`], by its number.
    Line(usize),
    /// It stores an input, or gives a starting value to what has none: what no text may do.
    StoresInput(Tensor),
    NoStart(Tensor),
}

impl CardOp {
    /// The card of this name: `load Q`, `scores`, `for i`, `kernel`.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let known = match name {
            "kernel" => Some(Self::Kernel),
            "for i" => Some(Self::For('i')),
            "for j" => Some(Self::For('j')),
            "end" => Some(Self::End),
            _ => line(name).map(Self::Line),
        };
        let tensor = |prefix| name.strip_prefix(prefix).and_then(|tensor| own_tensor(tensor.trim()));
        known.or_else(|| tensor("store ").map(Self::StoresInput)).or_else(|| tensor("initialise ").map(Self::NoStart))
    }
}

/// The line of this operation, such as `load Q` or `row-max`.
pub(super) fn line(operation: &str) -> Option<usize> {
    (0..TEXT.text().lines.len()).find(|&line| TEXT.operation(line) == operation)
}

fn own_tensor(name: &str) -> Option<Tensor> {
    TEXT.text().tensor(name).map(|id| TEXT.tensor(id))
}

/// A card at a place, as a step of `program`.
pub(super) fn step(line: usize, place: Place, program: usize, setting: &Setting) -> Step {
    let held = setting.held(TEXT.line(line), place);
    Step { line, held, place, head: 0, program: program as u64, free: false, live: Default::default() }
}

pub(super) fn effects(step: &Step) -> Effects {
    TEXT.effects(step.line, step.held)
}

/// The names of [`TEXT`] in the set.
pub(super) fn names(names: Names) -> impl Iterator<Item = &'static str> {
    names.iter().filter_map(|name| TEXT.text().names.get(name)).map(String::as_str)
}

/// The axes that blocks of a name on chip are cut along; none of what is no tensor.
pub(super) fn axes_of(name: &str) -> Axes {
    let text = TEXT.text();
    text.tensor(name).map_or(Axes::NONE, |id| text.tensors[id].axes())
}

pub(super) fn is_input(name: &str) -> bool {
    let text = TEXT.text();
    text.tensor(name).is_some_and(|id| text.tensors[id].role == Role::In)
}

/// The axes whose blocks a line must know: those of everything that it reads and writes.
pub(super) fn needs(line: &Line) -> Axes {
    let mut axes = Axes::NONE;
    let mut add = |shape: Shape| {
        for extent in [shape.rows, shape.cols] {
            axes = match extent {
                Extent::Rows => axes.with(Axis::I),
                Extent::Keys | Extent::AllKeys => axes.with(Axis::J),
                _ => axes,
            };
        }
    };
    for statement in &line.statements {
        if let Some(id) = statement.action.tensor() {
            add(TEXT.text().tensors[id].shape());
        }
        if let Some((_, shape)) = statement.action.gives() {
            add(shape);
        }
        if let Action::Assign { value, .. } = &statement.action {
            each(value, &mut add);
        }
    }
    axes
}

fn each(expr: &Expr, add: &mut impl FnMut(Shape)) {
    add(expr.shape);
    expr.parts().into_iter().for_each(|part| each(part, add));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_lines() {
        let lines =
            ["load Q", "store O", "initialise m", "row-max", "exponentiate-tile", "merge-output", "divide-rows"];
        for name in lines {
            let Some(CardOp::Line(line)) = CardOp::parse(name) else { panic!("{name}") };
            assert_eq!(TEXT.operation(line), name);
        }
        assert_eq!(CardOp::parse("store K"), Some(CardOp::StoresInput(Tensor::K)));
        assert_eq!(CardOp::parse("initialise L"), Some(CardOp::NoStart(Tensor::LSE)));
        assert_eq!(CardOp::parse("for j"), Some(CardOp::For('j')));
        assert_eq!(CardOp::parse("store X"), None);
        assert_eq!(CardOp::parse("row-maximum"), None);
    }

    /// A line knows the blocks that it works on, wherever its text has it.
    #[test]
    fn lines_need_the_axes_of_their_values() {
        let needs = |name| {
            let axes = needs(TEXT.line(line(name).unwrap()));
            (axes.has(Axis::I), axes.has(Axis::J))
        };
        assert_eq!(
            (needs("load K"), needs("rescale"), needs("merge-stats")),
            ((false, true), (true, false), (true, false))
        );
        assert_eq!(
            (needs("scores"), needs("row-max"), needs("accumulate")),
            ((true, true), (true, true), (true, true))
        );
        assert_eq!((needs("normalise"), needs("merge-output")), ((true, false), (true, true)));
    }
}
