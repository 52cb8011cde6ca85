//! Watching a run again, step by step, for what only its numbers tell: a new maximum, a small alpha, a NaN, an error.

use crate::attention::error_rule::max_error;
use crate::attention::{Precision, Problem, Real};
use crate::schedule::language::{Role, Setting};
use crate::schedule::{Algorithm, Change, Lane, Part, Place, Plan, Schedule, Step};

use super::compile::Program;
use super::evaluate::Machine;
use super::fault::Fault;
use super::given::Given;
use super::inputs::inputs_of_group;
use super::names::{OUTPUT, Online, gives, per_row, row_of};
use super::recording::carry_out;
use super::view::shapes;

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

struct After<'a, 'm, T: Real> {
    step: &'a Step,
    schedule: &'a Schedule,
    machine: &'a Machine<'m, T>,
    exact: Option<&'a Machine<'m, f64>>,
}

impl<T: Real> After<'_, '_, T> {
    fn rows(&self) -> usize {
        self.step.place.i().map_or(0, |i| self.schedule.plan().rows(i).len())
    }

    /// The factor of each row that had seen a key before the step, which takes the running maximum.
    fn alphas(&self) -> Option<Vec<f64>> {
        let algorithm = &self.schedule.algorithm;
        let names = Online::of(algorithm, self.step.line)?;
        if !gives(algorithm, self.step, names.alpha) {
            return None;
        }
        let value = |name, row| per_row(self.machine, name, row);
        // l is still that of the keys before: rows without any have nothing that counts less. Where the step gives l too,
        // the factor tells: it is 0 of a row without any.
        let of = if gives(algorithm, self.step, names.l) { names.alpha } else { names.l };
        let seen = (0..self.rows()).filter(|&row| value(of, row) != 0.0);
        Some(seen.map(|row| value(names.alpha, row)).collect())
    }
}

impl<T: Real> Probe for After<'_, '_, T> {
    fn least_alpha(&self) -> Option<f64> {
        self.alphas()?.into_iter().reduce(f64::min)
    }

    fn risen(&self) -> Option<(u64, u64)> {
        let count = |(risen, of), alpha: f64| (risen + u64::from(alpha < 1.0), of + 1);
        Some(self.alphas()?.into_iter().fold((0, 0), count))
    }

    fn has_nan(&self) -> bool {
        let (text, line) = (self.schedule.algorithm.text(), self.schedule.line(self.step));
        // What is given is what it is; a NaN in it is found where it reaches something that is computed.
        if line.tensor().is_some_and(|tensor| matches!(text.tensors[tensor].role, Role::In | Role::Modifier(_))) {
            return false;
        }
        let (writes, kernel) = (self.schedule.effects(self.step).writes, line.kernel);
        let place = self.step.place;
        shapes(&self.schedule.algorithm, kernel).into_iter().filter(|(name, _)| writes.has(*name)).any(
            |(name, shape)| {
                let shape = shape.at(place);
                shape.is_known_at(place)
                    && self
                        .machine
                        .value(name, shape, place)
                        .is_some_and(|values| values.iter().any(|x| x.widen().is_nan()))
            },
        )
    }

    fn error_of_average(&self) -> Option<f64> {
        let exact = self.exact?;
        let first = self.step.place.i().map_or(0, |i| self.schedule.plan().rows(i).start);
        let of = average_after(&self.schedule.algorithm, self.step)?;
        let mut worst = 0.0;
        for row in 0..self.rows() {
            let got = average(self.machine, of, self.step, row, first + row)?;
            let want = average(exact, of, self.step, row, first + row)?;
            let error = max_error(&got, &want);
            worst = if error.is_nan() || error > worst { error } else { worst };
            if worst.is_nan() {
                break;
            }
        }
        Some(worst)
    }
}

/// Where the average of the values so far is found.
#[derive(Clone, Copy)]
enum Average {
    /// On chip, divided already.
    OnChip,
    /// On chip, to be divided by l.
    Sum,
    /// As it was stored, rounded.
    InHbm,
}

/// Where a step leaves the average of its rows, if it changes that.
fn average_after(algorithm: &Algorithm, step: &Step) -> Option<Average> {
    let facts = algorithm.facts(step.line);
    let is_stored = facts.lane == Lane::Store && !algorithm.line(step.line).is_fill();
    if is_stored && facts.tensor.is_some_and(|tensor| algorithm.result(Part::Output) == Some(tensor.name())) {
        return Some(Average::InHbm);
    }
    let o = algorithm.part(step.line, Part::Output).filter(|&o| gives(algorithm, step, o))?;
    match facts.change {
        Some(Change::Accumulates) if text_divides_later(algorithm, step, o) => Some(Average::Sum),
        Some(Change::Accumulates | Change::Divides) => Some(Average::OnChip),
        _ => None,
    }
}

fn text_divides_later(algorithm: &Algorithm, step: &Step, o: usize) -> bool {
    algorithm.text().average != Some(o) && Online::of(algorithm, step.line).is_some()
}

/// The average of the values so far of a row, `row` on chip and `query` in HBM.
fn average<T: Real>(machine: &Machine<'_, T>, of: Average, step: &Step, row: usize, query: usize) -> Option<Vec<f64>> {
    let algorithm = machine.algorithm();
    let on_chip = |place: Place| {
        let o = algorithm.part(step.line, Part::Output)?;
        Some(row_of(machine, o, OUTPUT, place, row))
    };
    match of {
        Average::OnChip => on_chip(step.place),
        Average::Sum => {
            let names = Online::of(algorithm, step.line)?;
            let o = on_chip(step.place)?;
            // A row that has seen no key: O is 0, and so is its average.
            Some(match per_row(machine, names.l, row) {
                0.0 => o,
                l => o.into_iter().map(|o| o / l).collect(),
            })
        }
        Average::InHbm => {
            let id = algorithm.text().tensor(algorithm.result(Part::Output)?)?;
            let o = machine.hbm.tensor(id, step.head)?;
            Some(o.row(query).iter().map(|x| x.widen()).collect())
        }
    }
}

/// The same steps in f64, by the right text where the run's has a bug.
pub(super) struct Exact {
    schedule: Schedule,
    program: Program,
    given: Vec<Given<f64>>,
}

impl Exact {
    pub fn new(of: &Schedule, problem: &Problem, batch: usize, head: usize) -> Result<Self, Fault> {
        let algorithm = of.algorithm.base().unwrap_or(&of.algorithm);
        let plan = Plan { precision: Precision::F64, ..of.plan().clone() };
        let schedule = Schedule::of(algorithm, Setting { plan, ..of.setting.clone() });
        let given = inputs_of_group(&schedule, problem, None, batch, head)?;
        Ok(Self { program: Program::new(&schedule.algorithm), schedule, given })
    }
}

/// A machine that carries out the same steps in f64.
struct Twin<'a> {
    exact: &'a Exact,
    machine: Machine<'a, f64>,
    section: usize,
    steps: Vec<Step>,
    next: usize,
}

impl<'a> Twin<'a> {
    fn new(exact: &'a Exact) -> Option<Self> {
        let machine = Machine::new(&exact.program, &exact.schedule.setting, &exact.given).ok()?;
        Some(Self { exact, machine, section: 0, steps: Vec::new(), next: 0 })
    }

    /// Carries out steps up to the one that `step` of `of` is. A text that leaves out a line of the other skips it.
    fn follow(&mut self, of: &Algorithm, step: &Step) {
        let schedule = &self.exact.schedule;
        loop {
            while self.next == self.steps.len() {
                if self.section == schedule.section_count() {
                    return;
                }
                schedule.write_section(self.section, &mut self.steps);
                (self.section, self.next) = (self.section + 1, 0);
            }
            let own = self.steps[self.next];
            self.next += 1;
            let done = self.machine.execute(&own);
            debug_assert!(done.is_ok(), "the run carried it out");
            let is_it = (own.place, own.head) == (step.place, step.head)
                && schedule.algorithm.operation(own.line) == of.operation(step.line);
            if is_it {
                return;
            }
        }
    }
}

/// Carries out `schedule` from its start; `go_on` sees the steps done, the last of them and what it made. With `exact`, it
/// can also ask how far the numbers are from those of f64, at twice the work.
pub(super) fn watch<T: Real>(
    schedule: &Schedule,
    program: &Program,
    given: &[Given<T>],
    exact: Option<&Exact>,
    mut go_on: impl FnMut(u64, &Step, &dyn Probe) -> bool,
) {
    let mut twin = exact.and_then(Twin::new);
    let stopped = carry_out(schedule, program, given, |done, step, machine| {
        if let Some(twin) = &mut twin {
            twin.follow(&schedule.algorithm, step);
        }
        go_on(done, step, &After { step, schedule, machine, exact: twin.as_ref().map(|twin| &twin.machine) })
    });
    debug_assert!(matches!(stopped, Ok(_) | Err(Fault::Stopped)), "the first pass carried it out");
}

#[cfg(test)]
mod tests {
    use crate::attention::Precision;
    use crate::attention::input::preset;
    use crate::machine::Run;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    /// What is asked of the row whose maximum rises at its second pair of keys alone.
    fn asked<A>(name: &str, ask: impl Fn(&dyn super::Probe) -> Option<A>) -> Vec<(String, Option<usize>, A)> {
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        let run = Run::new(schedule, &problem, 0, 0, |_| true).unwrap();
        let mut all = Vec::new();
        run.watch(Some(&problem), |_, step, probe| {
            let operation = run.schedule.algorithm.operation(step.line);
            all.extend(ask(probe).map(|answer| (operation, step.place.j(), answer)));
            true
        });
        all
    }

    #[test]
    fn a_risen_maximum_is_counted() {
        for (name, line) in [("flash2", "row-max"), ("flash1", "merge-stats")] {
            let risen = [(0, (0, 0)), (1, (1, 1)), (2, (0, 1))].map(|(j, risen)| (line.to_owned(), Some(j), risen));
            assert_eq!(asked(name, |probe| probe.risen()), risen, "{name}");
            let alphas = [(1, 0.25), (2, 1.0)].map(|(j, alpha)| (line.to_owned(), Some(j), alpha));
            // exp(ln(1 / 4)) rounds its last bit.
            let rounded = |alpha: f64| (alpha * 1e12).round() / 1e12;
            assert_eq!(asked(name, |probe| probe.least_alpha().map(rounded)), alphas, "{name}");
        }
    }

    /// A text that leaves a line out is held against the same steps of the right one: nothing differs in its first tile.
    #[test]
    fn an_average_is_held_against_that_of_the_same_step() {
        let errors = asked("flash2/forget-alpha", |probe| probe.error_of_average());
        let places: Vec<(&str, Option<usize>)> = errors.iter().map(|(line, j, _)| (line.as_str(), *j)).collect();
        let [of_tiles @ .., normalise, store] = &places[..] else { panic!("{places:?}") };
        assert_eq!(of_tiles, [0, 1, 2].map(|j| ("accumulate", Some(j))));
        assert_eq!([normalise, store], [&("normalise", None), &("store O", None)]);
        let errors: Vec<f64> = errors.into_iter().map(|(.., error)| error).collect();
        assert_eq!(errors[0], 0.0);
        // Of the averages 27.5 and 38.5, by hand: without alpha the first pair of keys, of average 50 / 3, counts fourfold.
        assert!(errors[1] > 1.0 && errors[2] > 1.0, "{errors:?}");
        assert!(asked("flash2", |probe| probe.error_of_average()).iter().all(|(.., error)| *error == 0.0));
    }
}
