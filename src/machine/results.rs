//! What a run leaves: the outputs of its text and the statistics that it reports, by name, as f64.

use ndarray::Array2;

use crate::attention::Real;
use crate::attention::oracle::Output;
use crate::schedule::Schedule;
use crate::schedule::language::Role;

use super::evaluate::Machine;

/// The results of the first head of the group, by the names of the text.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// `[n, width]`; `[n, 1]` for a value per row. Splits lie one below the other.
    values: Vec<(String, Array2<f64>)>,
}

impl Results {
    /// Those of `machine` after the last step of `schedule`.
    pub fn of<T: Real>(machine: &Machine<'_, T>, schedule: &Schedule) -> Self {
        let text = schedule.algorithm.text();
        let mut values = Vec::new();
        for (id, tensor) in text.tensors.iter().enumerate().filter(|(_, tensor)| tensor.role == Role::Out) {
            if let Some(made) = machine.hbm.tensor(id, 0) {
                values.push((tensor.name.clone(), made.mapv(T::widen)));
            }
        }
        for &name in &text.report {
            let is_new = values.iter().all(|(known, _)| *known != text.names[name]);
            if let Some(rows) = machine.reported.get(name, 0).filter(|_| is_new) {
                let column = Array2::from_shape_fn((rows.len(), 1), |(row, _)| rows[row].widen());
                values.push((text.names[name].clone(), column));
            }
        }
        Self { values }
    }

    /// The results with their names, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Array2<f64>)> {
        self.values.iter().map(|(name, values)| (name.as_str(), values))
    }

    pub fn get(&self, name: &str) -> Option<&Array2<f64>> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, values)| values)
    }

    /// A value per row.
    pub fn rows(&self, name: &str) -> Option<&[f64]> {
        self.get(name).filter(|values| values.ncols() == 1)?.as_slice()
    }

    /// O, m, l and L of a forward pass; m and l are empty where the text tells none, L follows from them where they are all
    /// that it tells. `None` for a text without O.
    pub fn output(&self) -> Option<Output> {
        let o = self.get("O")?.clone();
        let rows = |name: &str| self.rows(name).map(<[f64]>::to_vec);
        let (m, l) = rows("m").zip(rows("l")).unwrap_or_default();
        let lse = rows("L").unwrap_or_else(|| m.iter().zip(&l).map(|(m, l)| m + l.ln()).collect());
        Some(Output { o, m, l, lse })
    }
}
