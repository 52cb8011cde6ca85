//! Watching a run again, step by step, for what only its numbers tell: a new maximum, a small alpha, a NaN.

use crate::attention::Real;
use crate::schedule::{Op, Schedule, Step};

use super::numbers::{Machine, carry_out};
use super::{Effects, Meaning, Slot};
use crate::attention::Head;

/// What can be asked of the numbers after a step.
pub trait Probe {
    /// The smallest factor by which the step makes a row's earlier keys count less; `None` where no row had any, and
    /// for steps that take no maximum.
    fn least_alpha(&self) -> Option<f64>;

    /// What the step wrote on chip holds a NaN.
    fn has_nan(&self) -> bool;
}

struct After<'a, 'm, T> {
    step: &'a Step,
    schedule: &'a Schedule,
    machine: &'a Machine<'m, T>,
}

impl<T: Real> Probe for After<'_, '_, T> {
    fn least_alpha(&self) -> Option<f64> {
        if !matches!(self.step.op, Op::RowMax(crate::schedule::Max::Running) | Op::MergeStats) {
            return None;
        }
        let chip = &self.machine.chip;
        let rows = self.step.place.i().map_or(0..0, |i| self.schedule.plan.rows(i));
        // l is still that of the keys before: rows without any have nothing that counts less.
        let seen = chip.l.iter().zip(&chip.alpha).take(rows.len()).filter(|(l, _)| **l > T::zero());
        seen.map(|(_, alpha)| alpha.widen()).reduce(f64::min)
    }

    fn has_nan(&self) -> bool {
        let chip = &self.machine.chip;
        let span = crate::schedule::Span::Tile;
        let writes = Effects::of(self.step, span).writes;
        let rows = self.step.place.i().map_or(0..0, |i| self.schedule.plan.rows(i)).len();
        let of_rows = |buffer: &ndarray::Array2<T>| {
            buffer.rows().into_iter().take(rows).any(|row| row.iter().any(|x| x.widen().is_nan()))
        };
        let of_column = |values: &[T]| values.iter().take(rows).any(|x| x.widen().is_nan());
        (writes.contains(Slot::S) && of_rows(&chip.s))
            || (writes.contains(Slot::P) && of_rows(&chip.p))
            || (writes.contains(Slot::O) && of_rows(&chip.o))
            || (writes.contains(Slot::M) && of_column(&chip.m))
            || (writes.contains(Slot::Sum) && of_column(&chip.l))
    }
}

/// Carries out `schedule` from its start; `go_on` sees the steps done, the last of them and what it made.
pub(super) fn watch<T: Real>(
    schedule: &Schedule,
    head: &Head<T>,
    meaning: Meaning,
    mut go_on: impl FnMut(u64, &Step, &dyn Probe) -> bool,
) {
    carry_out(schedule, head, meaning, |done, step, machine| go_on(done, step, &After { step, schedule, machine }));
}
