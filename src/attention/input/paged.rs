//! Paged K and V, as KV caches keep them (vLLM; flash-attn's `block_table`): pages of a pool, and for each sequence the
//! numbers of its pages in order. They are put in order when they are read, so that a run computes the same numbers as on
//! keys that lie one after the other.

use ndarray::{Array4, s};
use serde::Serialize;

use super::assemble::Making;
use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::names::Role;
use crate::attention::{Mask, ProblemError};
use crate::sentence::Sentence;

/// Which pages of the pool each sequence has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pages {
    /// Pages in the pool.
    pub pool: usize,
    /// Keys of a page.
    pub size: usize,
    /// Of each batch entry, the numbers of its pages in the order of its keys; as far as it has any.
    pub table: Vec<Vec<usize>>,
    /// Pages that the longest row of the table has room for.
    width: usize,
}

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

    /// Keys that the pages of a batch entry hold.
    fn keys(&self, batch: usize) -> usize {
        self.table.get(batch).map_or(0, |pages| pages.len() * self.size)
    }

    /// The keys of each batch entry, where some have fewer pages than others.
    pub(super) fn lengths(&self) -> Option<Vec<usize>> {
        let lengths: Vec<usize> = (0..self.table.len()).map(|batch| self.keys(batch)).collect();
        lengths.iter().any(|&keys| keys != self.width * self.size).then_some(lengths)
    }

    /// Errors where `mask` on `n_k` keys would show a query what lies in no page.
    pub fn check(&self, n_k: usize, mask: &Mask) -> Result<(), ProblemError> {
        let seen = |batch: usize| mask.key_lengths.as_ref().and_then(|all| all.get(batch)).map_or(n_k, |&keys| keys);
        match (0..self.table.len()).find(|&batch| seen(batch).min(n_k) > self.keys(batch)) {
            Some(batch) => {
                let need = "the pages of batch entry {0} hold {1} {1|key|keys}, and {2} would be seen: give it no larger \
                    key length";
                let need = Sentence::new(need).with(batch).with(self.keys(batch)).with(seen(batch));
                Err(ProblemError::Packed(need))
            }
            None => Ok(()),
        }
    }

    /// In a clause.
    pub(super) fn sentence(&self) -> Sentence {
        let said = "K and V from {0} {0|page|pages} of {1} {1|key|keys}, by a block table";
        Sentence::new(said).with(self.pool).with(self.size)
    }
}
