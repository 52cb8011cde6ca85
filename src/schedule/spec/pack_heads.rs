//! Packed GQA: in a decode step the query heads of a group stand as the rows of one query block, so that a block of K and V
//! is loaded once for all of them (flash-attention's `pack_gqa`). Query head `h` is row `h mod g` of key/value head `h / g`.

use ndarray::Array4;

use crate::attention::{Input, Mask, ProblemError, Shape};
use crate::sentence::Sentence;

/// A decode step whose query heads share key/value heads: there is something to pack.
pub(super) fn has_some(whole: &Shape) -> bool {
    whole.n_q == 1 && whole.group() > 1
}

/// The sizes of a decode step of `whole` with its heads packed; any other stays as it is.
pub(super) fn shape(whole: Shape) -> Shape {
    if has_some(&whole) { Shape { heads: whole.kv_heads, n_q: whole.group(), ..whole } } else { whole }
}

/// The mask of the packed rows: each sees the keys that the one query of the step does, which no diagonal tells any more.
pub(super) fn mask(mask: &Mask, whole: &Shape) -> Mask {
    let by_index = Mask { array: None, ..mask.clone() };
    let seen: Vec<_> = (0..whole.batch).map(|batch| by_index.band(whole, batch).keys_of(0).hull()).collect();
    let all = |keys: fn(&std::ops::Range<usize>) -> usize, none: usize| {
        let keys: Vec<usize> = seen.iter().map(keys).collect();
        keys.iter().any(|&keys| keys != none).then_some(keys)
    };
    Mask {
        key_lengths: all(|seen| seen.end, whole.n_k),
        left_padding: all(|seen| seen.start, 0),
        array: mask.array.clone(),
        ..Mask::default()
    }
}

/// Errors where the heads of `input`, under `mask` and what else was chosen, cannot be packed. `of_head` names a modifier
/// that is another in each head, if there is one.
pub(super) fn check(input: &Input, mask: &Mask, of_head: Option<&'static str>) -> Result<(), ProblemError> {
    let shape = &input.problem.shape;
    let refuse = |need: Sentence| Err(ProblemError::Packed(need));
    if shape.n_q != 1 {
        let need = "packed heads are of a decode step, with one query, and the input has {0}";
        return refuse(Sentence::new(need).with(shape.n_q));
    }
    if input.packed.is_some() {
        return refuse("heads are not packed where sequences are: save one sequence of them".into());
    }
    if let Some(what) = of_head.filter(|_| shape.group() > 1) {
        return refuse(Sentence::new("packed heads have no {0}: it is another in each of them").and(what));
    }
    let by_index = Mask { array: None, ..mask.clone() };
    let is_one_run = |batch| by_index.band(shape, batch).keys_of(0).as_slice().len() <= 1;
    match (0..shape.batch).all(is_one_run) {
        true => Ok(()),
        false => refuse("packed heads see one run of keys, and this mask leaves several".into()),
    }
}

/// Packs the heads of `input`, whose mask is its own still.
pub(super) fn apply(input: &mut Input) {
    let problem = &mut input.problem;
    let whole = problem.shape;
    if !has_some(&whole) {
        return;
    }
    let packed = |tensor: &Array4<f64>| rows(tensor, &whole);
    problem.mask = mask(&problem.mask, &whole);
    problem.q = packed(&problem.q);
    problem.bias = problem.bias.as_ref().map(packed);
    problem.shape = shape(whole);
    input.d_o = input.d_o.as_ref().map(packed);
    input.about.o = input.about.o.as_ref().map(packed);
    input.about.gradients[0] = input.about.gradients[0].as_ref().map(packed);
    input.about.q_heads.clear();
    (input.keep, input.has_packed_heads) = (None, true);
}

/// `[batch, heads, 1, width]` as `[batch, kv_heads, g, width]`; what is one for all heads is one for all rows.
fn rows(tensor: &Array4<f64>, whole: &Shape) -> Array4<f64> {
    let (batch, heads, _, width) = tensor.dim();
    if heads != whole.heads || tensor.is_empty() {
        return tensor.clone();
    }
    let sizes = (batch, whole.kv_heads, whole.group(), width);
    tensor.to_shape(sizes).expect("as many elements").into_owned()
}
