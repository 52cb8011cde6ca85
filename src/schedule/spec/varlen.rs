//! A batch as one schedule: the sequences lie one after the other on both axes, without what pads them, blocks begin anew at
//! each, and no tile is of two (flash-attention's `flash_attn_varlen_func`).

use crate::attention::dropout::Keep;
use crate::attention::input::{Packed, Varlen};
use crate::attention::{Input, Mask, ProblemError, Sequence, Shape};
use crate::sentence::Sentence;

use super::{Bias, RunSpec, Slopes};

/// The sequences of the batch that a problem of this shape is, under its mask. Of a file that packs them, queries are as
/// many as it has.
pub(super) fn sequences(mask: &Mask, whole: &Shape, packed: Option<&Packed>) -> Vec<Sequence> {
    let by_index = Mask { array: None, ..mask.clone() };
    let of = |batch: usize| {
        let band = by_index.band(whole, batch);
        let own = packed.and_then(|packed| packed.queries.get(batch));
        let queries = own.map_or(whole.n_q, |&queries| queries.min(whole.n_q));
        Sequence { queries, keys: band.kv, ahead: band.ahead }
    };
    (0..whole.batch).map(of).collect()
}

/// The sizes of the batch with its sequences one after the other.
pub(super) fn shape(whole: &Shape, sequences: &[Sequence]) -> Shape {
    let sum = |of: fn(&Sequence) -> usize| sequences.iter().map(of).sum();
    Shape { batch: 1, n_q: sum(|of| of.queries), n_k: sum(|of| of.keys), ..*whole }
}

/// The sizes of the longest sequence: no block need be larger.
pub(super) fn longest(shape: &Shape, mask: &Mask) -> Shape {
    let most = |of: fn(&Sequence) -> usize, all: usize| {
        mask.varlen.as_ref().map_or(all, |sequences| sequences.iter().map(of).max().unwrap_or(all))
    };
    Shape { n_q: most(|of| of.queries, shape.n_q), n_k: most(|of| of.keys, shape.n_k), ..*shape }
}

/// The mask of the sequences: lengths are in them.
pub(super) fn mask(mask: Mask, sequences: Vec<Sequence>) -> Mask {
    let (key_lengths, left_padding, documents) = (None, None, None);
    Mask { key_lengths, left_padding, documents, sequences: None, array: None, varlen: Some(sequences.into()), ..mask }
}

/// Errors where the batch of `input`, whole, under `mask` and what else `spec` chose, cannot be one schedule.
pub(super) fn check(spec: &RunSpec, input: &Input, mask: &Mask) -> Result<(), ProblemError> {
    let problem = &input.problem;
    let slopes = problem.alibi_slopes.as_ref().filter(|_| spec.alibi.is_none() || spec.alibi == Some(Slopes::None));
    let differ = slopes.is_some_and(|slopes| slopes.rows().into_iter().any(|row| row != slopes.row(0)));
    let keep_is_used = match (&problem.dropout, spec.dropout) {
        (_, Some(_)) => input.keep.is_some(),
        (own, None) => own.as_ref().is_some_and(|own| matches!(own.keep, Keep::Given(_))),
    };
    let has = [
        ("a bias or a mask that is an array", problem.bias.is_some() && spec.bias != Some(Bias::None)),
        ("a dropout mask of the input", keep_is_used),
        ("ALiBi slopes that differ by sequence", differ && spec.alibi.is_none()),
        ("packed heads", spec.packs_heads()),
    ];
    refuse(&has)?;
    check_mask(mask, &problem.shape, input.packed.as_ref())
}

/// The same of a batch of this shape without modifiers.
pub(super) fn check_mask(mask: &Mask, whole: &Shape, packed: Option<&Packed>) -> Result<(), ProblemError> {
    refuse(&[
        ("left padding", mask.left_padding.iter().flatten().any(|&keys| keys > 0)),
        ("documents", mask.documents.is_some()),
    ])?;
    let total = shape(whole, &sequences(mask, whole, packed));
    if total.n_q == 0 || total.n_k == 0 {
        let need = "--varlen: the sequences of the batch have {0} {0|query|queries} and {1} {1|key|keys} in all";
        return Err(ProblemError::Packed(Sentence::new(need).with(total.n_q).with(total.n_k)));
    }
    Ok(())
}

fn refuse(has: &[(&'static str, bool)]) -> Result<(), ProblemError> {
    match has.iter().find(|(_, is_there)| *is_there) {
        None => Ok(()),
        Some((what, _)) => {
            let need = "--varlen: a batch in one schedule has no {0}; run its sequences one by one, without --varlen";
            Err(ProblemError::Packed(Sentence::new(need).and(*what)))
        }
    }
}

/// Lays the sequences of `input`, whole or a prefix, one after the other; its mask is that of the batch still.
pub(super) fn apply(input: &mut Input) {
    let problem = &mut input.problem;
    let whole = problem.shape;
    let all = sequences(&problem.mask, &whole, input.packed.as_ref());
    problem.shape = shape(&whole, &all);
    let of = |of: fn(&Sequence) -> usize| all.iter().map(of).collect();
    let varlen = Varlen { queries: of(|of| of.queries), keys: of(|of| of.keys), n_q: whole.n_q, n_k: whole.n_k };
    problem.mask = mask(std::mem::take(&mut problem.mask), all);
    problem.q = varlen.join_queries(&problem.q);
    (problem.k, problem.v) = (varlen.join_keys(&problem.k), varlen.join_keys(&problem.v));
    problem.alibi_slopes = problem.alibi_slopes.as_ref().map(|slopes| slopes.slice(ndarray::s![..1, ..]).to_owned());
    input.d_o = input.d_o.as_ref().map(|d_o| varlen.join_queries(d_o));
    let about = &mut input.about;
    about.o = about.o.as_ref().map(|o| varlen.join_queries(o));
    let [d_q, d_k, d_v] = &about.gradients;
    let of_keys = |gradient: &Option<_>| gradient.as_ref().map(|gradient| varlen.join_keys(gradient));
    about.gradients = [d_q.as_ref().map(|d_q| varlen.join_queries(d_q)), of_keys(d_k), of_keys(d_v)];
    if !about.tokens.is_empty() {
        let tokens =
            about.tokens.iter().zip(&varlen.keys).flat_map(|(tokens, &keys)| tokens.iter().take(keys).cloned());
        about.tokens = vec![tokens.collect()];
        about.text = vec![about.text.join(" ")];
    }
    (input.keep, input.varlen) = (None, Some(varlen));
}
