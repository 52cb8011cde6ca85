//! Products of the machine: their operands as they lie on chip, and what of them saturates.

use ndarray::Array2;

use crate::attention::Real;
use crate::attention::not_finite::add_weighted;
use crate::schedule::Step;
use crate::schedule::language::{NameId, Role, Tensor};

use super::super::chip::Hides;
use super::super::compile::{Made, Operand, Source};
use super::super::hidden::hidden_pairs;
use super::super::product::{Side, operand, product};
use super::super::rows::{Rows, Spare};
use super::super::write::Part;
use super::{Machine, start};

impl<T: Real> Machine<'_, T> {
    /// `into = scale * a @ b`, added to what is there where it `keeps` that.
    pub(super) fn product(
        &self,
        step: &Step,
        made: &Made,
        keeps: bool,
        mut into: Part<'_, T>,
        matrices: &[Array2<T>],
        spare: &mut Spare<T>,
    ) {
        let Made::Product { a, b, scale, .. } = made else { return };
        let rows = self.rows_of(step.head, matrices, false);
        let (left, right) = (self.side(*a, &rows, step), self.side(*b, &rows, step));
        let keep = if keeps { T::one() } else { T::zero() };
        if let (Some(key), None) = (self.odd_values_of(*b, step), scale) {
            let (row, _) = start(self.plan(), step.place);
            let (rounded, saturated) = operand(&left);
            self.saturate(name_of(*a), saturated);
            let weights = rounded.as_ref().map_or_else(|| left.view(), |rounded| rounded.view());
            return add_weighted(rows.head, &weights, (row, key), keep, &mut into.view());
        }
        let scale = scale.as_ref().map_or(T::one(), |scale| rows.single(scale, 0, spare));
        let saturated = product(&left, &right, scale, keep, into, spare);
        [a, b].into_iter().zip(saturated).for_each(|(side, elements)| self.saturate(name_of(*side), elements));
    }

    /// One side of a product.
    fn side<'m>(&'m self, operand: Operand, rows: &'m Rows<'m, T>, step: &Step) -> Side<'m, T> {
        let (values, is_turned) = (rows.grid(operand.source), operand.is_transposed);
        let (hides, is_rounded, input) = match operand.source {
            Source::Matrix(_) => (Hides::Nothing, false, None),
            Source::Name(name, _) => (self.chip.hides(name), self.chip.is_rounded(name), rows.input_of(name)),
        };
        let format = name_of(operand).map_or(self.plan().precision.format, |name| self.formats[name].operand);
        let hidden = match operand.source {
            Source::Name(_, shape) if hides != Hides::Nothing && !self.is_full(step.place) => {
                let hidden = hidden_pairs(&self.given[step.head].head, self.plan(), step.place, shape);
                Some(if operand.is_transposed { hidden.reversed_axes() } else { hidden })
            }
            _ => None,
        };
        let turned = match operand.source {
            Source::Name(name, _) if is_turned => rows.turned(name, values),
            _ => None,
        };
        Side { values, is_turned, turned, hidden, is_clean: hides == Hides::Zeros, format, is_rounded, input }
    }

    /// The first key of an operand that is V as it is given, where V has a NaN or an infinity.
    fn odd_values_of(&self, operand: Operand, step: &Step) -> Option<usize> {
        let Source::Name(name, _) = operand.source else { return None };
        let head = &self.given[step.head].head;
        if head.odd_values.is_none() || operand.is_transposed {
            return None;
        }
        let algorithm = self.program.algorithm.text();
        let is_v = |tensor: &Tensor| tensor.id == name && tensor.name == "V";
        let of = algorithm.tensors.iter().find(|tensor| is_v(tensor))?;
        (of.role == Role::In).then(|| start(self.plan(), step.place).1)
    }
}

/// The name that an operand is.
fn name_of(operand: Operand) -> Option<NameId> {
    match operand.source {
        Source::Name(name, _) => Some(name),
        Source::Matrix(_) => None,
    }
}
