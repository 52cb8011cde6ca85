//! Writes a value into its place on chip, row by row. A number for each row is worked out for all rows at once.

use crate::attention::Real;
use crate::schedule::language::{Extent, Function};

use super::chip::Window;
use super::compile::{Node, NodeKind};
use super::rows::{Rows, Spare, shift_of, taken};

/// A part of a buffer whose rows have `stride` elements.
pub struct Part<'d, T> {
    pub data: &'d mut [T],
    pub stride: usize,
    pub window: Window,
}

impl<T> Part<'_, T> {
    fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.data[row * self.stride + self.window.start..][..self.window.cols]
    }
}

impl<T: Real> Rows<'_, T> {
    /// Each row of a value.
    pub fn write(&self, root: &Node, mut into: Part<'_, T>, spare: &mut Spare<T>) {
        let rows = into.window.rows;
        if root.shape.cols == Extent::One && into.stride == 1 {
            return self.column(root, &mut into.data[..rows], spare);
        }
        if let NodeKind::Each(Function::Exp, inner) = &root.kind
            && let Some((a, shift)) = shift_of(inner)
            && root.shape.cols != Extent::One
        {
            let shifts = self.column_of(shift, rows, spare);
            shifts.iter().enumerate().for_each(|(row, &shift)| self.exp_minus(a, row, shift, into.row(row), spare));
            spare.push(shifts);
            return;
        }
        (0..rows).for_each(|row| self.row(root, row, into.row(row), spare));
    }

    /// Each row of what is there times its factor, the first side of `root`.
    pub fn scale_rows(&self, root: &Node, mut into: Part<'_, T>, spare: &mut Spare<T>) {
        let NodeKind::Binary(_, factor, _) = &root.kind else { return };
        let factors = self.column_of(factor, into.window.rows, spare);
        for (row, &factor) in factors.iter().enumerate() {
            match into.row(row) {
                // The factors of single values round like any product.
                [value] => *value = factor * *value,
                values => self.scale(values, factor),
            }
        }
        spare.push(factors);
    }

    /// The number of each row, in memory of its own, which goes back to `spare`.
    pub fn column_of(&self, node: &Node, rows: usize, spare: &mut Spare<T>) -> Vec<T> {
        let mut column = taken(spare, rows);
        self.column(node, &mut column, spare);
        column
    }
}
