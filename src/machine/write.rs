//! Writes a value into its place on chip, row by row. A number for each row is worked out for all rows at once.

use ndarray::{ArrayViewMut2, ShapeBuilder};

use crate::attention::Real;
use crate::attention::product::Grid;
use crate::attention::rows::scale_rows;
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

impl<T: Copy> Part<'_, T> {
    pub fn row(&mut self, row: usize) -> &mut [T] {
        &mut self.data[row * self.stride + self.window.start..][..self.window.cols]
    }

    /// Rows of the same size.
    pub fn copy(&mut self, from: Grid<'_, T>) {
        let Window { rows, cols, start } = self.window;
        if self.stride == cols && from.stride == cols {
            return self.data[start..][..rows * cols].copy_from_slice(&from.data[..rows * cols]);
        }
        (0..self.window.rows).for_each(|row| self.row(row).copy_from_slice(from.row(row)));
    }

    pub fn view(&mut self) -> ArrayViewMut2<'_, T> {
        let Window { rows, cols, start } = self.window;
        let end = if rows == 0 { start } else { (rows - 1) * self.stride + start + cols };
        ArrayViewMut2::from_shape((rows, cols).strides((self.stride, 1)), &mut self.data[start.min(end)..end])
            .expect("a window lies in its buffer")
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
            if let NodeKind::Rows(source) = a.kind
                && !shifts.iter().any(|shift| shift.is_nan())
            {
                T::exp_minus_rows(self.grid(source), &shifts, &mut into.data[into.window.start..], into.stride);
                spare.push(shifts);
                return;
            }
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
        let Window { cols, start, .. } = into.window;
        if self.head.odd_values.is_none() && cols > 1 {
            scale_rows(&mut into.data[start..], into.stride, cols, &factors);
            spare.push(factors);
            return;
        }
        for (row, &factor) in factors.iter().enumerate() {
            match into.row(row) {
                // A number for each row rounds like any product.
                [value] if root.shape.cols == Extent::One => *value = factor * *value,
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
