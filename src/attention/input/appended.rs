//! Keys and values of a step beside those of the past: `past_K`, `past_V` before K and V, or `K_new`, `V_new` after them, as
//! flash-attention appends `k` and `v` to a cache. A run is of all of them, one after the other.

use ndarray::{Array4, Axis, concatenate, s};

use super::Input;
use super::assemble::Making;
use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::layout::Layout;
use super::names::Role;
use super::told::Fact;
use crate::attention::Diagonal;
use crate::sentence::Sentence;

/// The arrays of K and of V that are further parts of them, and whether these come before.
pub(super) struct Parts {
    arrays: [usize; 2],
    pub is_past: bool,
}

/// The parts that the file has beside K and V. Errors where one of a pair is missing, and where there are two pairs.
pub(super) fn find(making: &mut Making) -> Result<Option<Parts>, InputError> {
    let mut pair = |roles: [Role; 2]| match roles.map(|role| making.found.take_array(role)) {
        [None, None] => Ok(None),
        [Some(k), Some(v)] => Ok(Some([k, v])),
        [k, v] => {
            let at = k.or(v).unwrap_or_default();
            let [has, lacks] = if k.is_some() { ["keys", "values"] } else { ["values", "keys"] };
            let fault = Sentence::new("has {0} beside those of K and V, and the {1} that belong to them are not there");
            InputError::array(&making.held.names[at], fault.with(has).with(lacks))
        }
    };
    let (past, new) = (pair([Role::PastK, Role::PastV])?, pair([Role::NewK, Role::NewV])?);
    match (past, new) {
        (Some([past, _]), Some(_)) => InputError::array(
            &making.held.names[past],
            "is there beside keys to be appended: K is one of the two already",
        ),
        (Some(arrays), None) => Ok(Some(Parts { arrays, is_past: true })),
        (None, new) => Ok(new.map(|arrays| Parts { arrays, is_past: false })),
    }
}

impl Parts {
    /// `[batch, kv_heads, n, width]` of K and V with these parts, and how many keys of them are the last.
    pub fn join(
        &self,
        making: &mut Making,
        layout: Layout,
        heads: Option<usize>,
        own: [Array4<f64>; 2],
    ) -> Result<([Array4<f64>; 2], usize), InputError> {
        let batch = own[0].len_of(Axis(0));
        let mut appended = [0; 2];
        let mut joined = Vec::new();
        for ((at, own), appended) in self.arrays.into_iter().zip(own).zip(&mut appended) {
            let part = making.tensor(at, layout, heads, None)?;
            let part = making.over_batch(part, batch)?;
            let [first, second] = if self.is_past { [&part, &own] } else { [&own, &part] };
            *appended = second.len_of(Axis(2));
            joined.push(one_after(&making.held.names[at], first, second, &part, &mut making.budget)?);
        }
        if appended[0] != appended[1] {
            let fault = Sentence::new("has {0} {0|key|keys} to be appended, and there {1|is|are} {1} {1|value|values}");
            return InputError::array(&making.held.names[self.arrays[0]], fault.with(appended[0]).with(appended[1]));
        }
        let [k, v] = joined.try_into().unwrap_or_else(|_| unreachable!("two of them were joined"));
        Ok(([k, v], appended[0]))
    }
}

fn one_after(
    name: &str,
    first: &Array4<f64>,
    second: &Array4<f64>,
    part: &Array4<f64>,
    budget: &mut Budget,
) -> Result<Array4<f64>, InputError> {
    let ((batch, heads, n, width), (batches, all_heads, more, widths)) = (first.dim(), second.dim());
    if (batch, heads, width) != (batches, all_heads, widths) {
        let fault = "has shape {0}, and what it belongs to has another batch, heads or width";
        return InputError::array(name, Sentence::new(fault).with(format!("{:?}", part.shape())));
    }
    budget.take(
        Sentence::new("{0} and what it belongs to").with(name),
        &[batch, heads, n + more, width],
        Element::F32,
    )?;
    Ok(concatenate(Axis(2), &[first.view(), second.view()]).expect("their other axes are alike"))
}

/// Where each past has a length of its own, its new keys follow at that length, as in flash-attention; the lengths then
/// count them, and the diagonal ends there.
pub(super) fn place(input: &mut Input) {
    let Some(count) = input.appended else { return };
    let n_past = input.problem.shape.n_k - count;
    let Some(lengths) = input.problem.mask.key_lengths.as_mut().filter(|all| all.iter().all(|n| *n <= n_past)) else {
        return;
    };
    for (batch, length) in lengths.iter_mut().enumerate() {
        for tensor in [&mut input.problem.k, &mut input.problem.v] {
            let new = tensor.slice(s![batch, .., n_past.., ..]).to_owned();
            tensor.slice_mut(s![batch, .., *length..*length + count, ..]).assign(&new);
        }
        *length += count;
    }
    input.problem.mask.diagonal = Diagonal::Lengths;
    input.told.by_file(Fact::Diagonal);
}
