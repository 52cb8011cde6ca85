//! K and V laid in pages where the input does not do so itself: what that changes of the plan, and what stands against it.

use std::sync::Arc;

use crate::attention::input::random;
use crate::attention::{Input, Mask, Pages, ProblemError, Shape};
use crate::schedule::PagesOfBatch;
use crate::sentence::Sentence;

use super::{KeySource, RunSpec};

/// Pages that are named one by one, at most.
const MOST_PAGES: usize = 1 << 22;

/// Keys of each batch entry.
fn lengths(mask: &Mask, shape: &Shape) -> Vec<usize> {
    let of = |batch: usize| mask.key_lengths.as_ref().and_then(|all| all.get(batch)).map_or(shape.n_k, |&keys| keys);
    (0..shape.batch).map(|batch| of(batch).min(shape.n_k)).collect()
}

/// Errors where K and V of `input` cannot be laid in pages of `size` keys, or lie in pages already.
pub(super) fn check(size: usize, spec: &RunSpec, input: &Input, mask: &Mask) -> Result<(), ProblemError> {
    let lengths = lengths(mask, &input.problem.shape);
    let count = lengths.iter().fold(0usize, |sum, keys| sum.saturating_add(keys.div_ceil(size)));
    let need = match () {
        () if input.problem.pages.is_some() => {
            "--page-size: K and V of this input lie in the pages of its own block table".into()
        }
        () if spec.keys == Some(KeySource::Q) => {
            "--page-size: queries take the place of keys only where K lies in no pages".into()
        }
        () if count > MOST_PAGES => {
            Sentence::new("--page-size: {0} pages are too many to be named one by one; take larger pages").with(count)
        }
        () => return Ok(()),
    };
    Err(ProblemError::Packed(need))
}

/// Puts K and V of `input`, whose mask is chosen, in pages of `size` keys: no number of it changes.
pub(super) fn apply(size: usize, input: &mut Input) {
    let problem = &mut input.problem;
    if problem.pages.is_none() {
        problem.pages = Some(Arc::new(random::pages(&lengths(&problem.mask, &problem.shape), size)));
    }
}

/// Of an input that was not applied to: the pages that it will have.
pub(super) fn of_input(size: usize, mask: &Mask, shape: &Shape) -> Arc<Pages> {
    Arc::new(random::pages(&lengths(mask, shape), size))
}

/// Of a shape alone: how many entries are read, and no page by its number.
pub(super) fn of_shape(size: usize, mask: &Mask, shape: &Shape, batch: usize) -> PagesOfBatch {
    let longest = lengths(mask, shape).into_iter().max().unwrap_or(0);
    let width = longest.div_ceil(size);
    let pool = width.saturating_mul(shape.batch);
    PagesOfBatch { pages: Arc::new(Pages { pool, size, table: Vec::new(), width }), batch }
}
