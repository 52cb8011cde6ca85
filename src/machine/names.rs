//! The parts that names play in a kernel that takes a row in pieces: its running maximum and sum, the factor that earlier
//! keys shrink by, what adds up the weighted values.

use crate::schedule::language::{Extent, NameId, Shape};
use crate::schedule::{Algorithm, Part, Place, Step};

use super::evaluate::Machine;
use crate::attention::Real;

/// A row of values.
pub const OUTPUT: Shape = Shape { rows: Extent::Rows, cols: Extent::Dv };

/// The names of an online softmax in one kernel.
#[derive(Clone, Copy, Debug)]
pub struct Online {
    pub m: NameId,
    pub l: NameId,
    pub alpha: NameId,
    /// The maximum that a visit ends with, under a name of its own until it is m.
    pub m_new: Option<NameId>,
    pub beta: Option<NameId>,
    /// The weighted sum of values, or their average.
    pub o: NameId,
    /// It is the average after every visit.
    pub is_average: bool,
}

impl Online {
    /// Of the kernel of `line`; `None` where that takes no row in pieces.
    pub fn of(algorithm: &Algorithm, line: usize) -> Option<Self> {
        let part = |part: Part| algorithm.part(line, part);
        let o = part(Part::Output)?;
        Some(Self {
            m: part(Part::Max)?,
            l: part(Part::Sum)?,
            alpha: part(Part::Alpha)?,
            m_new: part(Part::NewMax),
            beta: part(Part::Beta),
            o,
            is_average: algorithm.text().average == Some(o),
        })
    }
}

/// A line gives this name a value, by a statement that `step` carries out.
pub fn gives(algorithm: &Algorithm, step: &Step, name: NameId) -> bool {
    let statements = algorithm.line(step.line).statements.iter().enumerate();
    statements.filter(|(n, _)| step.held >> n & 1 == 1).any(|(_, statement)| statement.action.assigns() == Some(name))
}

/// The value of one row on chip, as f64; NaN where it has none.
pub fn per_row<T: Real>(machine: &Machine<'_, T>, name: NameId, row: usize) -> f64 {
    machine.single(name, row).map_or(f64::NAN, T::widen)
}

/// A row of values on chip, as f64.
pub fn row_of<T: Real>(machine: &Machine<'_, T>, name: NameId, shape: Shape, place: Place, row: usize) -> Vec<f64> {
    let values = machine.value(name, shape, place);
    values.map_or_else(Vec::new, |values| values.row(row).iter().map(|x| x.widen()).collect())
}
