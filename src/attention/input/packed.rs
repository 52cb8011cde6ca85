//! Sequences one after the other in one array, as flash-attn's varlen functions and Transformer Engine's `thd` have them:
//! each becomes a batch entry, and shorter ones are padded with zeros to the longest.

use std::sync::Arc;

use ndarray::{Array3, Array4, Axis};
use serde::Serialize;

use super::assemble::Making;
use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::found::Place;
use super::layout::Layout;
use super::names::Role;
use super::varlen::{apart, joined};
use crate::attention::{Mask, Problem, ProblemError};
use crate::sentence::Sentence;

/// Tokens of each sequence. Rows of a batch entry past them are padding: no row of the file, and of no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Packed {
    pub queries: Vec<usize>,
    pub keys: Vec<usize>,
}

/// Where the sequences begin and end, from the arrays of the file; `None` where it has none. With the place that says it.
pub(super) fn read(making: &mut Making) -> Result<Option<(Place, Packed)>, InputError> {
    let both = offsets(making, Role::Offsets)?;
    let (queries, keys) = (offsets(making, Role::OffsetsQ)?, offsets(making, Role::OffsetsK)?);
    if let (Some((place, _)), Some((other, _))) = (&both, queries.as_ref().or(keys.as_ref())) {
        let names = [place, other].map(|place| place.name(&making.held).replace(char::is_control, " "));
        return Err(InputError::Twice { what: Role::Offsets.name(), names });
    }
    // What is said of one holds for both, where the other is not said.
    let queries = queries.or_else(|| both.clone());
    let keys = keys.or_else(|| both.clone());
    let Some((queries, keys)) = queries.clone().or_else(|| keys.clone()).zip(keys.or(queries)) else { return Ok(None) };
    for ((place, lengths), role) in [(&queries, Role::Q), (&keys, Role::K)] {
        let Some(at) = making.found.array(role) else { continue };
        let shape = making.held.header(at)?.1;
        let &[total, _, _] = &shape[..] else {
            let fault = Sentence::new("has shape {0}; {1}").with(format!("{shape:?}")).and(Layout::Thd.axes());
            return InputError::array(&making.held.names[at], fault);
        };
        let end: usize = lengths.iter().sum();
        if end != total {
            let fault =
                Sentence::new("ends at {0}, and {1} holds {2} {2|token|tokens}; the last number is their total")
                    .with(end);
            return place.wrong(&making.held, fault.with(role.name()).with(total));
        }
    }
    if queries.1.len() != keys.1.len() {
        let fault =
            Sentence::new("tells of {0} {0|sequence|sequences}, and {1} of {2}; each needs its queries and its keys");
        let fault = fault.with(queries.1.len()).with(keys.0.name(&making.held)).with(keys.1.len());
        return queries.0.wrong(&making.held, fault.on_one_line());
    }
    Ok(Some((queries.0, Packed { queries: queries.1, keys: keys.1 })))
}

/// The lengths that offsets come to: `0`, and where each sequence ends.
fn offsets(making: &mut Making, role: Role) -> Result<Option<(Place, Vec<usize>)>, InputError> {
    let Some((place, word)) = making.word(role)? else { return Ok(None) };
    let whole = word.whole().filter(|offsets| offsets.len() > 1);
    let Some(offsets) = whole else {
        let fault = Sentence::new("is {0}, but whole numbers are needed: 0, and where each sequence ends");
        return place.wrong(&making.held, fault.with(word.shown()).on_one_line());
    };
    if offsets[0] != 0 {
        let fault = Sentence::new("begins with {0}, and the first sequence begins at 0").with(offsets[0]);
        return place.wrong(&making.held, fault);
    }
    if let Some(pair) = offsets.windows(2).find(|pair| pair[1] < pair[0]) {
        let fault = Sentence::new("falls from {0} to {1}; a sequence ends where the next one begins");
        return place.wrong(&making.held, fault.with(pair[0]).with(pair[1]));
    }
    Ok(Some((place, offsets.windows(2).map(|pair| (pair[1] - pair[0]) as usize).collect())))
}

/// The longest sequence, where the file says it beside the sequences: a kernel leaves out what is beyond it. `longest`
/// are the queries and keys that the longest has.
pub(super) fn check_longest(making: &mut Making, layout: Layout, longest: [usize; 2]) -> Result<(), InputError> {
    let [queries, keys] = longest;
    for (role, longest) in [(Role::Longest, queries.max(keys)), (Role::LongestQ, queries), (Role::LongestK, keys)] {
        let Some((place, word)) = making.word(role)? else { continue };
        if layout != Layout::Thd {
            let name = place.name(&making.held).replace(char::is_control, " ");
            making.found.warnings.push(Sentence::new("not known here, and not used: {0}").with(name));
            continue;
        }
        match word.whole().as_deref() {
            Some(&[said]) if usize::try_from(said).is_ok_and(|said| said >= longest) => {}
            _ => {
                let fault = Sentence::new(
                    "is {0}, and a sequence has {1} {1|token|tokens}; cu_seqlens says where each one ends",
                );
                return place.wrong(&making.held, fault.with(word.shown()).with(longest).on_one_line());
            }
        }
    }
    Ok(())
}

/// `[1, heads, total, d]` as `[sequences, heads, longest, d]`: the tokens of each sequence, then zeros.
pub(super) fn pad(
    name: &str,
    tensor: Array4<f64>,
    lengths: &[usize],
    budget: &mut Budget,
) -> Result<Array4<f64>, InputError> {
    let (batch, heads, total, d) = tensor.dim();
    let sum: usize = lengths.iter().sum();
    if (batch, total) != (1, sum) {
        let fault = Sentence::new("holds {0} {0|token|tokens}, and its sequences have {1}").with(total).with(sum);
        return InputError::array(name, fault);
    }
    let shape = [lengths.len(), heads, lengths.iter().copied().max().unwrap_or(0), d];
    // Before it is made: a small file may ask for many sequences as long as its longest.
    budget.take(Sentence::new("{0}, padded to its longest sequence").with(name), &shape, Element::F32)?;
    Ok(apart(&tensor, lengths, shape[2]))
}

impl Packed {
    /// Of each batch entry `[batch, heads, n_q, d]` the rows that are of the file, one sequence after the other:
    /// `[1, heads, total, d]`.
    pub(super) fn unpad(&self, tensor: &Array4<f64>) -> Array4<f64> {
        joined(tensor, &self.queries)
    }

    /// As [`Packed::unpad`], of numbers of rows `[batch, heads, n_q]`.
    pub(super) fn unpad_rows(&self, rows: Array3<f64>) -> Array3<f64> {
        self.unpad(&rows.insert_axis(Axis(3))).remove_axis(Axis(3))
    }

    /// Of the first `prefix` tokens of each sequence.
    pub fn prefix(&self, prefix: usize) -> Self {
        let cut = |lengths: &[usize]| lengths.iter().map(|&length| length.min(prefix)).collect();
        Self { queries: cut(&self.queries), keys: cut(&self.keys) }
    }

    /// How many there are, and how long, in a clause.
    pub(super) fn sentence(&self) -> Sentence {
        let (count, longest) = (self.queries.len(), self.queries[0]);
        if !self.is_ragged() && self.queries == self.keys {
            let each = "packed: {0} {0|sequence|sequences} of {1} {1|token|tokens} each";
            return Sentence::new(each).with(count).with(longest);
        }
        let (queries, keys) = (listed(&self.queries), listed(&self.keys));
        let sentence = if self.queries == self.keys {
            Sentence::new("packed: {0} {0|sequence|sequences} of {1} {1|token|tokens}").with(count).and(queries)
        } else {
            Sentence::new("packed: {0} {0|sequence|sequences} of {1} {1|query|queries} on {2} {2|key|keys}")
                .with(count)
                .and(queries)
                .and(keys)
        };
        if self.is_ragged() {
            return Sentence::new("{0} (the shorter are padded with zeros, which are in no result)").and(sentence);
        }
        sentence
    }

    /// Some are shorter than others.
    pub fn is_ragged(&self) -> bool {
        [&self.queries, &self.keys].iter().any(|lengths| lengths.iter().any(|length| *length != lengths[0]))
    }

    /// Queries and keys of each sequence, where diagonals that end at the last key of each are not one for all.
    pub fn diagonals(&self) -> Option<Arc<[[usize; 2]]>> {
        diagonals(self.queries.iter().zip(&self.keys).map(|(&queries, &keys)| [queries, keys]))
    }

    /// Errors where `mask` on `problem` would show padding to a query.
    pub fn check(&self, problem: &Problem, mask: &Mask) -> Result<(), ProblemError> {
        let n_k = problem.shape.n_k;
        let seen = |batch: usize| mask.key_lengths.as_ref().and_then(|all| all.get(batch)).map_or(n_k, |&keys| keys);
        if let Some(batch) = (0..self.keys.len()).find(|&batch| seen(batch) > self.keys[batch].min(n_k)) {
            let need = "sequence {0} of the packed input has {1} {1|key|keys}, and {2} would be seen: give it no \
                larger key length";
            let need = Sentence::new(need).with(batch).with(self.keys[batch]).with(seen(batch));
            return Err(ProblemError::Packed(need));
        }
        Ok(())
    }
}

/// These queries and keys of sequences, where not all have as many keys ahead of their queries.
pub fn diagonals(sequences: impl Iterator<Item = [usize; 2]>) -> Option<Arc<[[usize; 2]]>> {
    let all: Arc<[[usize; 2]]> = sequences.collect();
    let ahead = |[queries, keys]: [usize; 2]| keys.wrapping_sub(queries);
    all.windows(2).any(|pair| ahead(pair[0]) != ahead(pair[1])).then_some(all)
}

/// At most eight lengths: `5, 7 and 3`.
fn listed(lengths: &[usize]) -> Sentence {
    const SHOWN: usize = 8;
    let text = |lengths: &[usize]| lengths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match lengths {
        [first @ .., last] if !first.is_empty() && lengths.len() <= SHOWN => {
            Sentence::new("{0} and {1}").with(text(first)).with(last)
        }
        _ if lengths.len() > SHOWN => Sentence::verbatim(format!("{}, ..", text(&lengths[..SHOWN]))),
        _ => Sentence::verbatim(text(lengths)),
    }
}
