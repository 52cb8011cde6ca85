//! The right text that a text is carried out beside.

use std::collections::BTreeSet;

use crate::schedule::language::Role;
use crate::schedule::{Algorithm, algorithm};

/// The base of a variant; of a text of one's own, the text of the program with the same results that shares most of its
/// lines, if that is half of them. `None` of what comes with the program: nothing is more right.
pub fn of(text: &Algorithm) -> Option<&'static Algorithm> {
    // Of a text for a group of query heads, those of the program for one.
    let heads = if text.has_kernel_of_group() { 2 } else { 1 };
    if let Some(base) = text.base() {
        return Some(base.for_heads(heads));
    }
    if algorithm::of_program().any(|known| known.written() == text.written()) {
        return None;
    }
    let lines = lines(text);
    let shared = |known: &Algorithm| self::lines(known).intersection(&lines).count();
    let candidates = algorithm::of_program().map(|known| known.for_heads(heads));
    let candidates = candidates.filter(|known| outputs(known) == outputs(text));
    // The first of those that share as many.
    let best = candidates.reduce(|best, other| if shared(other) > shared(best) { other } else { best })?;
    (2 * shared(best) >= lines.len()).then_some(best)
}

fn outputs(text: &Algorithm) -> BTreeSet<&str> {
    let out = text.text().tensors.iter().filter(|tensor| tensor.role == Role::Out);
    out.map(|tensor| tensor.name.as_str()).collect()
}

/// Its lines, each by its operation and what it says.
fn lines(text: &Algorithm) -> BTreeSet<(String, String)> {
    (0..text.text().lines.len()).map(|line| (text.operation(line), text.said(line))).collect()
}
