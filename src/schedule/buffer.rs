//! Buffers on chip, with their sizes in a run.

use super::OnChip;
use super::language::{self, Axis, Shape};
use super::plan::Plan;

/// Memory of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    Shared,
    Registers,
}

/// A buffer on chip. Blocks are allocated whole, also for a ragged edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// What it holds: one or more names of the text.
    pub names: Vec<String>,
    pub rows: usize,
    pub cols: usize,
    pub element_bytes: u64,
    pub space: Space,
    /// The index of the block that it holds, where its blocks lie along one axis.
    pub axis: Option<Axis>,
    /// Rows of all keys, of which tile operations use their part.
    pub is_whole_rows: bool,
    /// How often it is there: once for each turn that lanes may have in hand, or once.
    pub copies: usize,
}

impl Buffer {
    pub(super) fn new(algorithm: &language::Algorithm, of: &language::Buffer, plan: &Plan) -> Self {
        let [rows, cols] = [of.shape.rows, of.shape.cols].map(|extent| language::length(extent, plan));
        Self {
            names: of.names.iter().map(|&name| algorithm.names[name].clone()).collect(),
            rows,
            cols,
            element_bytes: language::buffer_bytes(algorithm, of, plan.precision),
            space: of.space,
            axis: match of.shape {
                shape if shape.is_tile() => None,
                Shape { rows: language::Extent::Rows, .. } => Some(Axis::I),
                Shape { rows: language::Extent::Keys, .. } => Some(Axis::J),
                _ => None,
            },
            is_whole_rows: of.shape == Shape::WHOLE_ROWS,
            copies: of.copies,
        }
    }

    /// Such as `Q_i`, or `S, P`.
    pub fn label(&self) -> String {
        match self.axis {
            // A name that has an index of its own, such as `m_tile`, needs no other.
            Some(axis) => {
                let with =
                    |name: &String| if name.contains('_') { name.clone() } else { format!("{name}_{}", axis.name()) };
                self.names.iter().map(with).collect::<Vec<_>>().join(", ")
            }
            None => self.names.join(", "),
        }
    }

    /// Of all its copies.
    pub fn bytes(&self) -> u64 {
        self.copies as u64 * self.rows as u64 * self.cols as u64 * self.element_bytes
    }
}

impl OnChip {
    /// Buffers that are alive together.
    pub fn of(buffers: &[Buffer]) -> Self {
        let mut live = Self::default();
        for buffer in buffers {
            match buffer.space {
                Space::Shared => live.shared += buffer.bytes(),
                Space::Registers => live.registers += buffer.bytes(),
            }
        }
        live
    }
}
