//! What a text is given of one query head.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};

use crate::attention::{Head, Real};

/// The inputs of one query head: Q, K, V with their mask and modifiers, and others by name.
#[derive(Clone, Debug)]
pub struct Given<T> {
    /// Rounded to the format of the tensors already.
    pub head: Head<T>,
    /// Such as dO `[n_q, d_v]` or L `[n_q, 1]`; not rounded yet.
    others: BTreeMap<String, Array2<T>>,
}

impl<T: Real> Given<T> {
    pub fn new(head: Head<T>) -> Self {
        Self { head, others: BTreeMap::new() }
    }

    /// With a tensor of this name.
    pub fn with(mut self, name: impl Into<String>, values: Array2<T>) -> Self {
        self.others.insert(name.into(), values);
        self
    }

    /// The tensor of this name, and whether it is rounded already.
    pub(super) fn tensor(&self, name: &str) -> Option<(ArrayView2<'_, T>, bool)> {
        match name {
            "Q" => Some((self.head.q.view(), true)),
            "K" => Some((self.head.k.view(), true)),
            "V" => Some((self.head.v.view(), true)),
            _ => self.others.get(name).map(|values| (values.view(), false)),
        }
    }
}
