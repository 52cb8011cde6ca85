//! Carries out a text of the tile language: every step with real numbers, counted as it runs.
//!
//! A plain evaluator: values are arrays by name, expressions are made ready once, and each is worked out row by row.

mod chip;
mod compile;
mod evaluate;
mod fault;
mod given;
mod hbm;
mod product;
mod rows;

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};

use crate::attention::Real;
use crate::schedule::OnChip;
use crate::schedule::language::{Algorithm, Counter, Extent, Setting, Shape, Step, Tally, visits, walk};

use evaluate::Machine;
pub use fault::Fault;
pub use given::Given;

/// Where lines stand at more places than this, the run is refused before its first step.
const MOST_VISITS: u64 = 200_000_000;

/// What a text has made, and what it took.
pub struct Outcome<'a, T> {
    algorithm: &'a Algorithm,
    machine: Machine<'a, T>,
    /// Of each reported name, of each head: `[n_q]`.
    reported: Vec<Vec<Vec<T>>>,
    pub tally: Tally,
    /// The most that was alive on chip.
    pub peak: OnChip,
}

impl<T: Real> Outcome<'_, T> {
    /// A tensor of HBM, of one head; `[n, 1]` for a value per row.
    pub fn tensor(&self, name: &str, head: usize) -> Option<ArrayView2<'_, T>> {
        self.machine.hbm.tensor(self.algorithm.tensor(name)?, head)
    }

    /// A row statistic that the text reports, of one head: `[n_q]`.
    pub fn reported(&self, name: &str, head: usize) -> Option<&[T]> {
        let id = self.algorithm.name(name)?;
        let at = self.algorithm.report.iter().position(|&reported| reported == id)?;
        self.reported[at].get(head).map(Vec::as_slice)
    }
}

/// Carries out every step of `algorithm` on the heads of one group. `each` sees every step that is done; when it says
/// `false`, there is no outcome.
pub fn carry_out<'a, T: Real>(
    algorithm: &'a Algorithm,
    setting: &'a Setting,
    given: &'a [Given<T>],
    mut each: impl FnMut(&Step) -> bool,
) -> Result<Outcome<'a, T>, Fault> {
    assert_eq!(given.len(), setting.heads, "inputs for each head of the group");
    let steps = visits(algorithm, setting);
    if steps > MOST_VISITS {
        return Err(Fault::TooManySteps { steps, most: MOST_VISITS });
    }
    let empty = vec![vec![T::neg_infinity(); setting.plan.n_q]; setting.heads];
    let mut outcome = Outcome {
        algorithm,
        machine: Machine::new(algorithm, setting, given)?,
        reported: vec![empty; algorithm.report.len()],
        tally: Tally::new(algorithm),
        peak: OnChip::default(),
    };
    let mut counter = Counter::new(algorithm, setting);
    let stopped = walk(algorithm, setting, &mut |step| {
        if let Err(fault) = outcome.machine.execute(step) {
            return ControlFlow::Break(fault);
        }
        counter.add(step);
        outcome.peak = outcome.peak.max(step.live);
        outcome.report(step, setting);
        if each(step) { ControlFlow::Continue(()) } else { ControlFlow::Break(Fault::Stopped) }
    });
    match stopped {
        ControlFlow::Break(fault) => Err(fault),
        ControlFlow::Continue(()) => Ok(Outcome { tally: counter.tally, ..outcome }),
    }
}

impl<T: Real> Outcome<'_, T> {
    /// Takes note of the reported names that a step gave a value.
    fn report(&mut self, step: &Step, setting: &Setting) {
        let Some(i) = step.place.i() else { return };
        let per_row = Shape { rows: Extent::Rows, cols: Extent::One };
        for (n, statement) in self.algorithm.lines[step.line].statements.iter().enumerate() {
            let given = statement.action.gives().filter(|(_, shape)| step.held >> n & 1 == 1 && *shape == per_row);
            let Some((name, _)) = given else { continue };
            if let Some(at) = self.algorithm.report.iter().position(|&reported| reported == name) {
                let values = self.machine.chip.view(name, per_row, &setting.plan, step.place);
                let rows = &mut self.reported[at][step.head][setting.plan.rows(i)];
                rows.iter_mut().zip(values).for_each(|(to, &from)| *to = from);
            }
        }
    }
}

/// A column of values, as a tensor that is given to a text.
pub fn column<T: Real>(values: &[T]) -> Array2<T> {
    Array2::from_shape_fn((values.len(), 1), |(row, _)| values[row])
}
