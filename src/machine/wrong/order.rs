//! The order in which the numbers of results are stored.

use std::collections::HashMap;

use crate::attention::WrongNumber;
use crate::schedule::language::{Axis, Role};
use crate::schedule::{Algorithm, Part, Schedule, Step};

use super::At;

/// The last store of each block of a result: by its name, and its number along queries or keys. Heads of the group are
/// not told apart: of what they sum up, the last store counts.
struct Stores<'s> {
    of: HashMap<(&'s str, usize), At>,
    /// The last store of any result of a query block.
    last: HashMap<usize, u64>,
}

/// The wrong number that is stored first, with the number of its head and the last step that stores it, if one does;
/// within a block the first row, then the first component. What is reported counts as stored after the results of its
/// query block.
pub fn first_stored(schedule: &Schedule, wrong: Vec<(usize, WrongNumber)>) -> Option<(WrongNumber, usize, Option<At>)> {
    let plan = schedule.plan();
    let stores = Stores::of(schedule);
    let numbers = wrong.into_iter().map(|(head, number)| {
        let block = match number.is_of_key() {
            true => plan.key_block(number.row),
            false => plan.query_block(number.row),
        };
        let at = stores.of.get(&(own_name(&schedule.algorithm, number.tensor), block)).copied();
        // What is never stored comes last.
        let own = at.map_or(u64::MAX, |at| at.cursor);
        let is_stored = at.is_some_and(|at| schedule.effects(&at.step).hbm_write.is_some());
        let order = if is_stored { own } else { own.max(stores.last.get(&block).copied().unwrap_or(own)) };
        ((order, !is_stored, head, number.row, number.component), (number, head, at))
    });
    numbers.min_by_key(|(order, _)| *order).map(|(_, number)| number)
}

/// What the text calls the result; of an L that follows from m and l, what it calls l.
fn own_name<'a>(algorithm: &'a Algorithm, symbol: &'a str) -> &'a str {
    let Some(part) = Part::of_symbol(symbol) else { return symbol };
    let of_sums = || algorithm.result(Part::Sum).filter(|_| part == Part::Lse);
    algorithm.result(part).or_else(of_sums).unwrap_or(symbol)
}

impl<'s> Stores<'s> {
    fn of(schedule: &'s Schedule) -> Self {
        let text = schedule.algorithm.text();
        let mut stores = Self { of: HashMap::new(), last: HashMap::new() };
        schedule.for_each(|n, step: &Step| {
            let at = At { cursor: n + 1, step: *step };
            let effects = schedule.effects(step);
            if let Some(tensor) = effects.hbm_write.filter(|&tensor| text.tensors[tensor].role == Role::Out) {
                let tensor = &text.tensors[tensor];
                let is_of_rows = tensor.axes().has(Axis::I);
                if let Some(block) = if is_of_rows { step.place.i() } else { step.place.j() } {
                    stores.of.insert((&tensor.name, block), at);
                    if is_of_rows {
                        stores.last.insert(block, at.cursor);
                    }
                }
            }
            let is_stored = |name: &str| text.tensors.iter().any(|of| of.name == name && of.role == Role::Out);
            for &name in text.report.iter().filter(|&&name| effects.writes.has(name)) {
                if let Some(block) = step.place.i().filter(|_| !is_stored(&text.names[name])) {
                    stores.of.insert((&text.names[name], block), at);
                }
            }
        });
        stores
    }
}
