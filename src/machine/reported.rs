//! What a text reports of each row, whether or not it stores it.

use crate::attention::Real;
use crate::schedule::Algorithm;
use crate::schedule::language::{NameId, Setting};

/// Values per row by name, of each head of the group.
#[derive(Clone, Debug)]
pub(super) struct Reported<T> {
    names: Vec<NameId>,
    /// Of each name, of each head: `[n_q]`.
    values: Vec<Vec<Vec<T>>>,
}

impl<T: Real> Reported<T> {
    pub fn new(algorithm: &Algorithm, setting: &Setting) -> Self {
        let names = algorithm.text().report.clone();
        // What a row that is never reached has: a maximum of no scores.
        let empty = vec![vec![T::neg_infinity(); setting.plan.n_q]; setting.heads];
        Self { values: vec![empty; names.len()], names }
    }

    pub fn names(&self) -> Vec<NameId> {
        self.names.clone()
    }

    pub fn has(&self, name: NameId) -> bool {
        self.names.contains(&name)
    }

    pub fn note(&mut self, name: NameId, head: usize, rows: impl Iterator<Item = (usize, T)>) {
        if let Some(at) = self.names.iter().position(|known| *known == name) {
            rows.for_each(|(query, value)| self.values[at][head][query] = value);
        }
    }

    /// The values of a name, of one head: `[n_q]`.
    pub fn get(&self, name: NameId, head: usize) -> Option<&[T]> {
        let at = self.names.iter().position(|known| *known == name)?;
        self.values[at].get(head).map(Vec::as_slice)
    }
}
