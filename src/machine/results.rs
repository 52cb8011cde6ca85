//! What a run leaves: the outputs of its text and the statistics that it reports, by name, as f64.

use std::borrow::Cow;

use ndarray::Array2;

use crate::attention::Real;
use crate::attention::oracle::Output;
use crate::schedule::language::Role;
use crate::schedule::{Part, Schedule};

use super::evaluate::Machine;

/// The results of one head of the group, by the names of the text; of what is one for all of them, that.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// `[n, width]`; `[n, 1]` for a value per row. Splits lie one below the other.
    values: Vec<(String, Array2<f64>)>,
    /// Of each part of a result, the name that it has.
    parts: Vec<(Part, String)>,
    saturated: Vec<(String, u64)>,
}

impl Results {
    pub const NONE: Self = Self { values: Vec::new(), parts: Vec::new(), saturated: Vec::new() };

    /// Those of `machine` after the last step of `schedule`, for `head` of its group.
    pub fn of<T: Real>(machine: &Machine<'_, T>, schedule: &Schedule, head: usize) -> Self {
        let text = schedule.algorithm.text();
        let mut values = Vec::new();
        for (id, tensor) in text.tensors.iter().enumerate().filter(|(_, tensor)| tensor.role == Role::Out) {
            let made = machine.hbm.tensor(id, if tensor.is_of_group { 0 } else { head });
            values.extend(made.map(|made| (tensor.name.clone(), made.mapv(T::widen))));
        }
        for &name in &text.report {
            let is_new = values.iter().all(|(known, _)| *known != text.names[name]);
            if let Some(rows) = machine.reported.get(name, head).filter(|_| is_new) {
                let column = Array2::from_shape_fn((rows.len(), 1), |(row, _)| rows[row].widen());
                values.push((text.names[name].clone(), column));
            }
        }
        let named = |part: Part| schedule.algorithm.result(part).map(|name| (part, name.to_owned()));
        Self { values, parts: Part::ALL.into_iter().filter_map(named).collect(), saturated: machine.saturated() }
    }

    /// The result that plays this part, whatever the text calls it.
    pub fn part(&self, part: Part) -> Option<&Array2<f64>> {
        let (_, name) = self.parts.iter().find(|(known, _)| *known == part)?;
        self.get(name)
    }

    /// The result that papers call so, whatever the text does; L follows from m and l where those are all that it tells.
    pub fn called(&self, symbol: &str) -> Option<Cow<'_, Array2<f64>>> {
        let Some(part) = Part::of_symbol(symbol) else { return self.get(symbol).map(Cow::Borrowed) };
        let from_sums = || Some(self.part(Part::Max)? + &self.part(Part::Sum)?.mapv(f64::ln));
        match self.part(part) {
            Some(values) => Some(Cow::Borrowed(values)),
            None if part == Part::Lse => from_sums().map(Cow::Owned),
            None => None,
        }
    }

    /// Elements that saturated on the way, by name; of all heads of the group. See [`Machine::saturated`].
    pub fn saturated(&self) -> &[(String, u64)] {
        &self.saturated
    }

    /// The results with their names, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array2<f64>)> {
        self.values.iter().map(|(name, values)| (name.as_str(), values))
    }

    pub fn get(&self, name: &str) -> Option<&Array2<f64>> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, values)| values)
    }

    /// O, m, l and L of a forward pass; m and l are empty where the text tells none, L follows from them where they are all
    /// that it tells. `None` for a text without O.
    pub fn output(&self) -> Option<Output> {
        let o = self.part(Part::Output)?.clone();
        let rows = |part: Part| {
            let values = self.part(part).filter(|values| values.ncols() == 1)?;
            Some(values.iter().copied().collect::<Vec<f64>>())
        };
        let (m, l) = rows(Part::Max).zip(rows(Part::Sum)).unwrap_or_default();
        let lse = rows(Part::Lse).unwrap_or_else(|| m.iter().zip(&l).map(|(m, l)| m + l.ln()).collect());
        Some(Output { o, m, l, lse })
    }
}

#[cfg(test)]
mod tests {
    use crate::attention::Precision;
    use crate::attention::input::preset;
    use crate::machine::Run;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    #[test]
    fn results_come_in_the_order_of_the_text() {
        let problem = preset::row().problem;
        for (name, want) in
            [("standard", &["O", "m", "l"][..]), ("flash1", &["O", "m", "l"]), ("flash2", &["O", "L", "m", "l"])]
        {
            let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
            let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
            let run = Run::new(schedule, &problem, 0, 0, |_| true).unwrap();
            let all: Vec<&str> = run.results().iter().map(|(name, _)| name).collect();
            assert_eq!(all, want, "{name}");
            assert!(run.results().iter().all(|(name, values)| run.results().get(name) == Some(values)));
            // L follows from m and l.
            let lse = run.results().called("L").expect("L").into_owned();
            assert!((lse[[0, 0]] - run.output().expect("O").lse[0]).abs() < 1e-12);
            assert_eq!(run.results().called("O").as_deref(), run.results().get("O"));
            assert!(["dQ", "P", "alpha"].iter().all(|name| run.results().called(name).is_none()));
        }
    }
}
