//! What the panel of bytes shows of a run: its flows, what they are held against, and in which unit.

use crate::app::run::flows::{CountsShown, Flow, flows, sums};
use crate::app::state::seen::Look;
use crate::number::Unit;

/// What is shown of a run: its flows, and what they are held against.
pub struct BytesShown<'a> {
    pub flows: Vec<Flow>,
    /// Bytes so far, in the end, and of the baseline.
    pub sums: (u64, u64, Option<u64>),
    pub baseline: Option<&'a str>,
    pub is_of_all: bool,
    /// Of every number: they stand in one column.
    pub unit: Unit,
}

impl<'a> BytesShown<'a> {
    pub fn of(look: &Look<'_>, counts: &'a CountsShown) -> Self {
        let flows = flows(look.scene, look.snapshot, counts);
        let sums = sums(&flows);
        let unit = Unit::of(sums.1.max(sums.2.unwrap_or(0)));
        let (baseline, is_of_all) = (counts.baseline(look.scene), counts.is_of_all(look.scene));
        Self { flows, sums, baseline, is_of_all, unit }
    }
}
