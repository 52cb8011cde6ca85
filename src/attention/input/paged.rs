//! The block table of a file, and its pages of K and V put in order, so that a run computes the same numbers as on keys that
//! lie one after the other.

use ndarray::{Array4, s};

use super::assemble::Making;
use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::names::Role;
use crate::attention::Pages;
use crate::sentence::Sentence;

/// The block table of the file, whose pool of keys is `[pages, kv_heads, size, d]`; `None` where it has none. A number below 0
/// is no page, and ends a sequence.
pub(super) fn read(making: &mut Making, pool: usize, size: usize) -> Result<Option<Pages>, InputError> {
    let Some(at) = making.found.take_array(Role::BlockTable) else { return Ok(None) };
    let (name, shape) = (making.held.names[at].clone(), making.held.header(at)?.1);
    let &[_, width] = &shape[..] else {
        let fault = Sentence::new("has shape {0}, but {1} is needed").with(format!("{shape:?}"));
        return InputError::array(&name, fault.and("[batch, pages of a sequence]"));
    };
    let numbers = making.held.numbers(at, false, &mut making.budget)?;
    let mut table = Vec::new();
    for (batch, row) in numbers.outer_iter().enumerate() {
        let mut pages = Vec::new();
        for &page in row.iter().take_while(|page| **page >= 0.0 || page.is_nan()) {
            if page.fract() != 0.0 || page >= pool as f64 {
                let fault = "names page {0} for batch entry {1}, and the pool has {2} {2|page|pages}, from 0";
                return InputError::array(&name, Sentence::new(fault).with(page).with(batch).with(pool));
            }
            pages.push(page as usize);
        }
        table.push(pages);
    }
    Ok(Some(Pages { pool, size, table, width }))
}

impl Pages {
    /// `[pages, kv_heads, size, width]` as `[batch, kv_heads, keys, width]`, with zeros where a sequence has no page.
    pub(super) fn gather(
        &self,
        name: &str,
        pool: &Array4<f64>,
        budget: &mut Budget,
    ) -> Result<Array4<f64>, InputError> {
        let (pages, heads, size, width) = pool.dim();
        if (pages, size) != (self.pool, self.size) {
            let fault = Sentence::new("has {0} {0|page|pages} of {1}, and K has {2} of {3}").with(pages).with(size);
            return InputError::array(name, fault.with(self.pool).with(self.size));
        }
        let shape = [self.table.len(), heads, self.width * size, width];
        // Before it is made: a small file may name one page many times.
        budget.take(Sentence::new("{0}, its pages in order").with(name), &shape, Element::F32)?;
        let mut ordered = Array4::zeros(shape);
        for (batch, pages) in self.table.iter().enumerate() {
            for (at, &page) in pages.iter().enumerate() {
                let keys = at * size..(at + 1) * size;
                ordered.slice_mut(s![batch, .., keys, ..]).assign(&pool.slice(s![page, .., .., ..]));
            }
        }
        Ok(ordered)
    }
}
