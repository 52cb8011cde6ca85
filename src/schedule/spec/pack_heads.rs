//! Packed GQA: the query heads of a group stand as rows of the query blocks, so that a block of K and V is loaded once for
//! all of them (flash-attention's `pack_gqa`). Query `i` of head `h` is row `g i + h mod g` of key/value head `h / g`: the
//! heads of a query are neighbours, so that a mask leaves of a block what it leaves of the queries in it.

use std::sync::Arc;

use ndarray::Array4;

use crate::attention::{Input, Mask, ProblemError, Shape};
use crate::schedule::Algorithm;
use crate::schedule::language::{Action, Expr, ExprKind, Operator, Parameter};
use crate::sentence::Sentence;

/// Some query heads share a key/value head: there is something to pack.
pub(super) fn has_some(whole: &Shape) -> bool {
    whole.group() > 1
}

/// The sizes of `whole` with its heads packed.
pub(super) fn shape(whole: Shape) -> Shape {
    Shape { heads: whole.kv_heads, n_q: whole.n_q * whole.group(), ..whole }
}

/// The mask of the packed rows: each sees the keys that its query does. Of a decode step whose query sees one run of keys
/// these are all that exist, which every kernel knows; ALiBi has need of the diagonal that is then not told any more.
pub(super) fn mask(mask: &Mask, whole: &Shape, has_alibi: bool) -> Mask {
    let heads_as_rows = Some(whole.group());
    let array = mask.array.as_ref().map(|pairs| Arc::new(pairs.packed(whole.group(), whole.n_q)));
    let by_index = Mask { array: None, ..mask.clone() };
    let seen: Vec<_> = (0..whole.batch).map(|batch| by_index.band(whole, batch).keys_of(0)).collect();
    if whole.n_q > 1 || has_alibi || seen.iter().any(|seen| seen.as_slice().len() > 1) {
        return Mask { heads_as_rows, array, ..mask.clone() };
    }
    let all = |keys: fn(std::ops::Range<usize>) -> usize, none: usize| {
        let keys: Vec<usize> = seen.iter().map(|seen| keys(seen.hull())).collect();
        keys.iter().any(|&keys| keys != none).then_some(keys)
    };
    Mask {
        key_lengths: all(|seen| seen.end, whole.n_k),
        left_padding: all(|seen| seen.start, 0),
        array,
        heads_as_rows,
        ..Mask::default()
    }
}

/// Errors where the heads of `input` cannot be packed.
pub(super) fn check(input: &Input) -> Result<(), ProblemError> {
    match input.packed {
        Some(_) => {
            Err(ProblemError::Packed("heads are not packed where sequences are: save one sequence of them".into()))
        }
        None => Ok(()),
    }
}

/// Errors where `algorithm` takes a slope or a sink, of which each row has that of its head, for one number of the run.
pub(super) fn check_text(algorithm: &Algorithm) -> Result<(), Sentence> {
    let statements = algorithm.text().lines.iter().flat_map(|line| line.statements.iter().map(move |of| (line, of)));
    let found = statements.into_iter().find(|(_, statement)| match &statement.action {
        Action::Assign { value, .. } if value.shape.is_number() => is_of_head(value),
        Action::Assign { value, .. } | Action::Add { value, .. } => scales_product(value),
        _ => false,
    });
    let need = "--pack-heads: line {0} of {1} makes one number of a slope or a sink, and each row has that of its head";
    found.map_or(Ok(()), |(line, _)| Err(Sentence::new(need).with(line.span.line).with(algorithm.name())))
}

fn is_of_head(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Parameter(Parameter::Slope | Parameter::Sink))
        || expr.parts().into_iter().any(is_of_head)
}

/// Some product of matrices in it is multiplied by a number of the head.
fn scales_product(expr: &Expr) -> bool {
    let is_scaled = match &expr.kind {
        ExprKind::Binary(Operator::Multiply, a, b) => {
            expr.is_product() && [a, b].into_iter().any(|side| side.shape.is_number() && is_of_head(side))
        }
        _ => false,
    };
    is_scaled || expr.parts().into_iter().any(scales_product)
}

/// Packs the heads of `input`, whose mask is its own still.
pub(super) fn apply(input: &mut Input) {
    let problem = &mut input.problem;
    let whole = problem.shape;
    if !has_some(&whole) {
        return;
    }
    let packed = |tensor: &Array4<f64>| rows(tensor, &whole);
    problem.mask = mask(&problem.mask, &whole, problem.alibi_slopes.is_some());
    problem.q = packed(&problem.q);
    problem.bias = problem.bias.as_ref().map(packed);
    problem.shape = shape(whole);
    input.d_o = input.d_o.as_ref().map(packed);
    input.about.o = input.about.o.as_ref().map(packed);
    input.about.gradients[0] = input.about.gradients[0].as_ref().map(packed);
    input.about.q_heads.clear();
    // A keep mask stays that of the heads: a row is drawn as the query of its own.
    input.has_packed_heads = true;
}

/// `[batch, heads, n_q, width]` as `[batch, kv_heads, n_q g, width]`; what is one for all heads and queries is one for all
/// rows.
fn rows(tensor: &Array4<f64>, whole: &Shape) -> Array4<f64> {
    let (batch, heads, queries, width) = tensor.dim();
    if tensor.is_empty() || (heads == 1 && queries == 1) {
        return tensor.clone();
    }
    let group = whole.group();
    let kv_heads = if heads == 1 { 1 } else { whole.kv_heads };
    let at = |of: usize, index: usize| if of == 1 { 0 } else { index };
    Array4::from_shape_fn((batch, kv_heads, whole.n_q * group, width), |(batch, kv_head, row, column)| {
        let head = kv_head * group + row % group;
        tensor[[batch, at(heads, head), at(queries, row / group), column]]
    })
}
