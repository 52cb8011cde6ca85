//! Watching a run again, step by step, for what only its numbers tell: a new maximum, a small alpha, a NaN, an error.

use ndarray::ArrayView1;

use crate::attention::error_rule::max_error;
use crate::attention::{Head, Precision, Real};
use crate::schedule::{Max, Op, Plan, Schedule, Step, Tensor};

use super::Meaning;
use super::numbers::{Machine, carry_out};

/// What can be asked of the numbers after a step.
pub trait Probe {
    /// The smallest factor by which the step makes a row's earlier keys count less; `None` where no row had any, and
    /// for steps that take no maximum.
    fn least_alpha(&self) -> Option<f64>;

    /// Rows whose maximum the step raised, and all of those that had seen a key before it; `None` for steps that take
    /// no maximum.
    fn risen(&self) -> Option<(u64, u64)>;

    /// What the step left on chip holds a NaN: scores, weights, O or a statistic of its rows.
    fn has_nan(&self) -> bool;

    /// The largest distance of a component of a row's average so far from that of the same steps in f64; `None` for
    /// steps that change no average, and where nobody asked for the f64 values. NaN where one of the two is no number and the other is.
    fn error_of_average(&self) -> Option<f64>;
}

struct After<'a, 'm, T> {
    step: &'a Step,
    schedule: &'a Schedule,
    machine: &'a Machine<'m, T>,
    exact: Option<&'a Machine<'m, f64>>,
}

impl<T: Real> After<'_, '_, T> {
    /// The factor of each row that had seen a key before the step, which takes the running maximum.
    fn alphas(&self) -> Option<impl Iterator<Item = f64> + '_> {
        if !matches!(self.step.op, Op::RowMax(Max::Running) | Op::MergeStats) {
            return None;
        }
        let chip = &self.machine.chip;
        let rows = self.step.place.i().map_or(0..0, |i| self.schedule.plan.rows(i));
        // l is still that of the keys before: rows without any have nothing that counts less.
        let seen = chip.l.iter().zip(&chip.alpha).take(rows.len()).filter(|(l, _)| **l != T::zero());
        Some(seen.map(|(_, alpha)| alpha.widen()))
    }
}

impl<T: Real> Probe for After<'_, '_, T> {
    fn least_alpha(&self) -> Option<f64> {
        self.alphas()?.reduce(f64::min)
    }

    fn risen(&self) -> Option<(u64, u64)> {
        let count = |(risen, of), alpha: f64| (risen + u64::from(alpha < 1.0), of + 1);
        Some(self.alphas()?.fold((0, 0), count))
    }

    fn has_nan(&self) -> bool {
        self.machine.left_nan(self.step)
    }

    fn error_of_average(&self) -> Option<f64> {
        let exact = self.exact?;
        let rows = self.step.place.i().map_or(0..0, |i| self.schedule.plan.rows(i));
        let mut worst = 0.0;
        for row in 0..rows.len() {
            let got = average(self.machine, self.step.op, row, rows.start + row)?;
            let want = average(exact, self.step.op, row, rows.start + row)?;
            let error = max_error(&got, &want);
            worst = if error.is_nan() || error > worst { error } else { worst };
            if worst.is_nan() {
                break;
            }
        }
        Some(worst)
    }
}

/// The average of the values so far of a row, `row` on chip and `query` in HBM, after an `op` that changed it: O / l
/// until O is divided, then O; in HBM as it was stored there, rounded.
fn average<T: Real>(machine: &Machine<'_, T>, op: Op, row: usize, query: usize) -> Option<Vec<f64>> {
    let widened = |o: ArrayView1<'_, T>| o.iter().map(|o| o.widen()).collect::<Vec<_>>();
    let on_chip = || widened(machine.chip.o.row(row));
    Some(match op {
        Op::Accumulate => match machine.chip.l[row].widen() {
            // A row that has seen no key: O is 0, and so is its average.
            0.0 => on_chip(),
            l => on_chip().into_iter().map(|o| o / l).collect(),
        },
        Op::Product | Op::MergeOutput | Op::Normalise => on_chip(),
        Op::Store(Tensor::O) => widened(machine.memory.o.row(query)),
        _ => return None,
    })
}

/// A machine that carries out the same steps in f64, by the right meaning of each.
struct Twin<'a> {
    machine: Machine<'a, f64>,
    /// The section that comes next, and the steps that are done before it begins.
    next: usize,
    begins: u64,
}

impl<'a> Twin<'a> {
    /// `plan` is that of the schedule, in f64.
    fn new(plan: &'a Plan, head: &'a Head<f64>) -> Self {
        Self { machine: Machine::new(plan, head, Meaning::RIGHT), next: 0, begins: 0 }
    }

    /// Carries out `step`, after which `done` steps are.
    fn follow(&mut self, schedule: &Schedule, step: &Step, done: u64) {
        while self.next < schedule.section_count() && done > self.begins {
            let section = schedule.section(self.next);
            if section.section == 0 {
                self.machine.start_program(schedule.kernels[section.kernel].span);
            }
            self.begins = schedule.section_steps(self.next).end;
            self.next += 1;
        }
        self.machine.execute(step);
    }
}

/// Carries out `schedule` from its start; `go_on` sees the steps done, the last of them and what it made. With the
/// inputs in f64 in `exact`, it can also ask how far the numbers are from those of f64, at twice the work.
pub(super) fn watch<T: Real>(
    schedule: &Schedule,
    head: &Head<T>,
    meaning: Meaning,
    exact: Option<&Head<f64>>,
    mut go_on: impl FnMut(u64, &Step, &dyn Probe) -> bool,
) {
    let plan = Plan { precision: Precision::F64, ..schedule.plan.clone() };
    let mut twin = exact.map(|head| Twin::new(&plan, head));
    carry_out(schedule, head, meaning, |done, step, machine| {
        if let Some(twin) = &mut twin {
            twin.follow(schedule, step, done);
        }
        go_on(done, step, &After { step, schedule, machine, exact: twin.as_ref().map(|twin| &twin.machine) })
    });
}
