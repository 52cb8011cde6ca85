//! The parts that names play in a kernel that takes a row in pieces: its running maximum and sum, the factor that earlier
//! keys shrink by, what adds up the weighted values.

use crate::schedule::language::{Action, Extent, NameId, Shape};
use crate::schedule::{Algorithm, Beat, Place, Step};

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
        let text = algorithm.text();
        let kernel = text.lines[line].kernel;
        let is_given = |name: NameId| {
            let mut lines = text.lines.iter().filter(|line| line.kernel == kernel);
            lines.any(|line| line.statements.iter().any(|statement| statement.action.assigns() == Some(name)))
        };
        let named = |name: &str| text.name(name).filter(|&name| is_given(name));
        let o = accumulator(algorithm, kernel)?;
        Some(Self {
            m: named("m")?,
            l: named("l")?,
            alpha: named("alpha")?,
            m_new: named("m_new"),
            beta: named("beta"),
            o,
            is_average: text.average == Some(o),
        })
    }
}

/// What a kernel adds weighted values to.
pub fn accumulator(algorithm: &Algorithm, kernel: usize) -> Option<NameId> {
    let text = algorithm.text();
    let lines = text
        .lines
        .iter()
        .enumerate()
        .filter(|(n, line)| line.kernel == kernel && algorithm.facts(*n).beat == Beat::Accumulate);
    let mut given = lines.flat_map(|(_, line)| &line.statements).filter_map(|statement| statement.action.gives());
    given.find(|(_, shape)| *shape == OUTPUT).map(|(name, _)| name)
}

/// A line gives this name a value, by a statement that `step` carries out.
pub fn gives(algorithm: &Algorithm, step: &Step, name: NameId) -> bool {
    let statements = algorithm.line(step.line).statements.iter().enumerate();
    statements.filter(|(n, _)| step.held >> n & 1 == 1).any(|(_, statement)| statement.action.assigns() == Some(name))
}

/// A line hides pairs.
pub fn hides(algorithm: &Algorithm, step: &Step) -> bool {
    let statements = algorithm.line(step.line).statements.iter().enumerate();
    statements
        .filter(|(n, _)| step.held >> n & 1 == 1)
        .any(|(_, statement)| matches!(statement.action, Action::Hide { .. }))
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
