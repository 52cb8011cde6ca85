//! What the mask hides of a value: which pairs, and what stands at them.

use ndarray::Array2;

use crate::attention::{Head, Real, TileClass};
use crate::schedule::language::{Extent, Function, Operator, Shape};
use crate::schedule::{Place, Plan};

use super::chip::Hides;
use super::compile::{Node, NodeKind, Source};
use super::evaluate::Machine;

impl<T: Real> Machine<'_, T> {
    /// A value is made of pairs of which some are hidden at a place.
    pub(super) fn guards(&self, node: &Node, place: Place) -> bool {
        self.chip.hides_some() && self.has_hidden(node) && !self.is_full(place)
    }

    fn has_hidden(&self, node: &Node) -> bool {
        match &node.kind {
            NodeKind::Rows(Source::Name(name, shape)) => shape.is_tile() && self.chip.hides(*name) != Hides::Nothing,
            NodeKind::Negative(a) | NodeKind::Each(_, a) | NodeKind::Reduce(_, a) => self.has_hidden(a),
            NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) | NodeKind::Biased(a, b) => {
                self.has_hidden(a) || self.has_hidden(b)
            }
            NodeKind::Pick(parts) => parts.iter().any(|part| self.has_hidden(part)),
            _ => false,
        }
    }

    pub(super) fn is_full(&self, place: Place) -> bool {
        match (place.i(), place.j()) {
            (Some(i), Some(j)) => self.plan().class(i, j) == TileClass::Full,
            _ => false,
        }
    }

    /// What stands at hidden pairs of a value that is worked out element by element.
    pub(super) fn hides_of(&self, node: &Node) -> Hides {
        use Hides::{Nothing, Scores, Zeros};
        match &node.kind {
            NodeKind::Rows(Source::Name(name, _)) => self.chip.hides(*name),
            NodeKind::Each(Function::Exp, a) => match self.exponent_hides(a) {
                Scores => Zeros,
                _ => Nothing,
            },
            NodeKind::Negative(a) | NodeKind::Each(_, a) => self.hides_of(a),
            NodeKind::Binary(Operator::Multiply, a, b) => match (self.hides_of(a), self.hides_of(b)) {
                (Zeros, _) | (_, Zeros) => Zeros,
                (a, b) => a.max(b),
            },
            NodeKind::Binary(Operator::Divide, a, _) | NodeKind::Both(Function::Ratio, a, _) => self.hides_of(a),
            NodeKind::Binary(_, a, b) | NodeKind::Both(_, a, b) | NodeKind::Biased(a, b) => {
                let (a, b) = (self.hides_of(a), self.hides_of(b));
                match (a, b) {
                    (Zeros, Zeros) => Zeros,
                    (Nothing, Nothing) => Nothing,
                    _ => Scores,
                }
            }
            NodeKind::Pick(parts) => parts.iter().map(|part| self.hides_of(part)).max().unwrap_or_default(),
            _ => Nothing,
        }
    }

    /// Of a score from which something is subtracted.
    fn exponent_hides(&self, node: &Node) -> Hides {
        match &node.kind {
            NodeKind::Binary(Operator::Subtract, a, _) => self.hides_of(a),
            _ => self.hides_of(node),
        }
    }
}

/// Of each pair of a tile, or of whole rows: the mask hides it.
pub fn hidden_pairs<T: Real>(head: &Head<T>, plan: &Plan, place: Place, shape: Shape) -> Array2<bool> {
    let (rows, mut cols) = plan.spans(place);
    if shape.cols == Extent::AllKeys {
        cols = plan.whole_row(place);
    }
    Array2::from_shape_fn((rows.len(), cols.len()), |(r, c)| !head.band.keeps(rows.start + r, cols.start + c))
}
