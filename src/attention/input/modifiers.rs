//! What a file says beside Q, K and V: scale, masks, bias and the rest, from arrays and from metadata alike.

use std::sync::Arc;

use ndarray::{Array1, Array2, Array4};

use super::Input;
use super::assemble::Making;
use super::element::Element;
use super::error::InputError;
use super::found::Place;
use super::mask_array::{self, Made, Meant};
use super::names::Role;
use super::told::{Fact, MaskKind};
use super::word::Word;
use crate::attention::dropout::{Dropout, Keep};
use crate::attention::{Align, BiasOf, Diagonal, Pairs, Shape, Window};
use crate::sentence::Sentence;

/// Sets everything that the file says about the problem.
pub(super) fn apply(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    scale(making, input)?;
    causal(making, input)?;
    align(making, input)?;
    window(making, input)?;
    key_lengths(making, input)?;
    softcap(making, input)?;
    slopes(making, input)?;
    sinks(making, input)?;
    masks(making, input)?;
    dropout(making, input)
}

fn scale(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Some((place, word)) = making.word(Role::Scale)? else { return Ok(()) };
    match word.number().filter(|scale| scale.is_finite()) {
        Some(scale) => input.problem.scale = scale,
        None => return wrong(making, &place, "is {0}, but a finite number is needed", &word),
    }
    input.told.by_file(Fact::Scale);
    Ok(())
}

fn causal(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Some((place, word)) = making.word(Role::Causal)? else { return Ok(()) };
    match word.truth() {
        Some(causal) => input.problem.mask.causal = causal,
        None => return wrong(making, &place, "is {0}, but true or false is needed", &word),
    }
    input.told.by_file(Fact::Causal);
    Ok(())
}

fn align(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Some((place, word)) = making.word(Role::Align)? else { return Ok(()) };
    let name =
        if let Word::Text(text) = &word { text.to_ascii_lowercase().replace(['_', ' '], "-") } else { String::new() };
    match Align::parse(&name) {
        Some(align) => input.problem.mask.align = align,
        None => return wrong(making, &place, "is {0}, but bottom-right or top-left is needed", &word),
    }
    input.told.by_file(Fact::Align);
    Ok(())
}

/// Two numbers are the keys left and right of the diagonal, -1 for no bound. One number W is that of a causal model:
/// a query sees W keys, its own the last.
fn window(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let whole = making.word(Role::Window)?;
    let sides = [making.word(Role::WindowLeft)?, making.word(Role::WindowRight)?];
    let mask = &mut input.problem.mask;
    let side = Window::side;
    if let Some((place, word)) = &whole {
        if sides.iter().any(Option::is_some) {
            return place.wrong(&making.held, "comes twice, whole and as its two sides; keep one of them");
        }
        let is_causal = mask.causal || (!input.told.facts.contains_key(&Fact::Causal) && is_sliding(place, making));
        match word.whole().as_deref() {
            Some(&[left, right]) if side(left).is_some() && side(right).is_some() => {
                (mask.window_left, mask.window_right) = (side(left).flatten(), side(right).flatten());
            }
            Some([-1]) => {}
            Some(&[keys]) if keys > 0 && is_causal => {
                (mask.window_left, mask.window_right) = (side(keys - 1).flatten(), Some(0));
            }
            Some(&[keys]) if keys > 0 => {
                let fault = "is {0}, one number: the keys of a causal window, and the input is not causal; give two, \
                    left and right";
                return wrong(making, place, fault, word);
            }
            _ => {
                return wrong(
                    making,
                    place,
                    "is {0}, but two whole numbers are needed, left and right (-1: no bound)",
                    word,
                );
            }
        }
    }
    for (at, (place, word)) in sides.iter().enumerate().filter_map(|(at, said)| Some((at, said.as_ref()?))) {
        match word.whole().as_deref() {
            Some(&[keys]) if side(keys).is_some() => {
                *if at == 0 { &mut mask.window_left } else { &mut mask.window_right } = side(keys).flatten();
            }
            _ => return wrong(making, place, "is {0}, but one whole number is needed (-1: no bound)", word),
        }
    }
    if whole.is_some() || sides.iter().any(Option::is_some) {
        input.told.by_file(Fact::Window);
    }
    Ok(())
}

/// A name that only causal models have for a window.
fn is_sliding(place: &Place, making: &Making) -> bool {
    place.name(&making.held).to_ascii_lowercase().contains("sliding")
}

/// One length for each batch entry, or one for all.
fn key_lengths(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Some((place, word)) = making.word(Role::KeyLengths)? else { return Ok(()) };
    let Shape { batch, n_q, n_k, .. } = input.problem.shape;
    let whole = word.whole().map(|lengths| lengths.into_iter().map(usize::try_from).collect::<Result<Vec<_>, _>>());
    let Some(Ok(mut lengths)) = whole else {
        return wrong(making, &place, "is {0}, but whole numbers are needed, one for each sequence", &word);
    };
    if lengths.len() == 1 {
        lengths.resize(batch, lengths[0]);
    }
    // flash-attn puts the diagonal at the end of each sequence; here it stays where the keys end, unless it is asked for.
    let moves = ["cache_seqlens", "seqused_k", "context_lens", "cache_lens"];
    let mask = &mut input.problem.mask;
    if moves.contains(&place.name(&making.held))
        && mask.has_diagonal()
        && mask.diagonal == Diagonal::Whole
        && n_q > 1
        && lengths.iter().any(|&length| length < n_k)
    {
        let warning = "{0} moves the diagonal of a mask in flash-attn; here it stays at the last of the {1} \
            {1|key|keys}, unless --diagonal lengths is given";
        input.warnings.push(Sentence::new(warning).with(place.name(&making.held)).with(n_k));
    }
    // Lengths that hide nothing are left out, so that the mask stays as simple as it is.
    if lengths.len() != batch || mask.key_lengths.is_some() || lengths.iter().any(|&length| length != n_k) {
        mask.key_lengths = Some(lengths);
    }
    input.told.by_file(Fact::KeyLengths);
    Ok(())
}

/// 0 is none, as flash-attn has it.
fn softcap(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Some((place, word)) = making.word(Role::Softcap)? else { return Ok(()) };
    match word.number() {
        Some(0.0) => {}
        Some(cap) if cap.is_finite() && cap > 0.0 => input.problem.softcap = Some(cap),
        _ if word.truth() == Some(false) => {}
        _ => return wrong(making, &place, "is {0}, but a finite number above 0 is needed, or 0 for none", &word),
    }
    input.told.by_file(Fact::Softcap);
    Ok(())
}

/// `[heads]`, the same in each batch entry, or `[batch, heads]`. Shapes are checked before anything is copied.
fn slopes(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let Shape { batch, heads, .. } = input.problem.shape;
    let Some(OfHeads { shape, values }) = of_heads(making, Role::Slopes, batch, heads)? else { return Ok(()) };
    let whole = if shape.len() == 2 && shape[0] == batch { values } else { values.repeat(batch) };
    let slopes = Array2::from_shape_vec((batch, heads), whole);
    input.problem.alibi_slopes = Some(slopes.expect("the shape was checked"));
    Ok(())
}

/// Logits of sinks, `[heads]`.
fn sinks(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let heads = input.problem.shape.heads;
    // With one batch entry, so that no axis but that of the heads is taken.
    if let Some(logits) = of_heads(making, Role::Sinks, 1, heads)? {
        input.problem.sinks = Some(Array1::from_vec(logits.values));
        input.told.by_file(Fact::Sinks);
    }
    Ok(())
}

/// A number of each query head, as a file has it.
struct OfHeads {
    shape: Vec<usize>,
    values: Vec<f64>,
}

/// What is of query heads, in its array or its metadata, if it is there: `[heads]`,
/// `[1, heads]` or `[batch, heads]`.
fn of_heads(making: &mut Making, role: Role, batch: usize, heads: usize) -> Result<Option<OfHeads>, InputError> {
    let Some(place) = making.found.take(role) else { return Ok(None) };
    let (shape, values) = match &place {
        Place::Array(at) => {
            let shape = making.held.header(*at)?.1;
            check_heads(making, &place, &shape, batch, heads)?;
            (shape, making.held.numbers(*at, false, &mut making.budget)?.into_iter().collect::<Vec<_>>())
        }
        Place::Key(key) => match making.held.metadata.get(key).map(|text| Word::of(text)) {
            Some(Word::Numbers(values)) => (vec![values.len()], values),
            Some(Word::Nothing) | None => return Ok(None),
            Some(word) => return wrong(making, &place, "is {0}, but a list of numbers is needed", &word),
        },
    };
    check_heads(making, &place, &shape, batch, heads)?;
    Ok(Some(OfHeads { shape, values }))
}

fn check_heads(making: &Making, place: &Place, shape: &[usize], batch: usize, heads: usize) -> Result<(), InputError> {
    if shape == [heads] || shape == [batch, heads] || shape == [1, heads] {
        return Ok(());
    }
    let batches = if batch > 1 { format!(", [{batch}, {heads}] (batch, heads)") } else { String::new() };
    let need = Sentence::verbatim(format!("[{heads}] (heads){batches}"));
    let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
    place.wrong(&making.held, fault.with(format!("{shape:?}")).and(need))
}

/// A mask, a bias, or both: their sum.
fn masks(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    let (mut bias, mut of) = (None, BiasOf::default());
    for role in [Role::Mask, Role::Bias] {
        let Some(at) = making.found.take_array(role) else { continue };
        let made = made(making, at, role, &input.problem.shape)?;
        match role {
            Role::Mask => input.told.mask = Some(made.kind),
            _ => input.told.bias = Some(made.kind),
        }
        if let Some(lengths) = made.key_lengths {
            set_lengths(making, at, input, lengths)?;
        }
        let made_of = if made.kind == MaskKind::Boolean { BiasOf::Booleans } else { BiasOf::Numbers };
        (bias, of) = match (bias, made.bias) {
            (Some(mask), Some(bias)) => {
                let of = if of == made_of { of } else { BiasOf::Both };
                (Some(mask_array::sum(mask, bias, &mut making.budget)?), of)
            }
            (None, Some(bias)) => (Some(bias), made_of),
            (one, None) => (one, of),
        };
    }
    let hidden = bias.as_ref().and_then(|bias| Pairs::of_bias(bias, input.problem.shape.n_k));
    (input.problem.bias, input.problem.bias_of) = (bias, of);
    input.problem.mask.array = hidden.map(Arc::new);
    Ok(())
}

fn made(making: &mut Making, at: usize, role: Role, shape: &Shape) -> Result<Made, InputError> {
    let (element, axes) = making.held.header(at)?;
    let name = making.held.names[at].clone();
    let full = [shape.batch, shape.heads, shape.n_q, shape.n_k];
    // More than a whole matrix for each head fits nowhere: refused before it is decoded.
    let most = full.iter().fold(1usize, |most, &size| most.saturating_mul(size));
    let count = axes.iter().fold(1usize, |count, &size| count.saturating_mul(size));
    if count > most {
        let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
        let expected = Sentence::new("{0}, or 1 on any axis").with(format!("{full:?}"));
        return InputError::array(&name, fault.with(format!("{axes:?}")).and(expected));
    }
    let array = making.held.numbers(at, making.how.bf16_bits, &mut making.budget)?;
    let meant = if role == Role::Bias { Meant::Broadcast } else { Meant::of(&name) };
    let element =
        if making.how.bf16_bits && matches!(element, Element::I16 | Element::U16) { Element::Bf16 } else { element };
    if role == Role::Bias && element != Element::Bool {
        if element.is_whole() {
            mask_array::refuse_bits(&name, &array, element)?;
        }
        // Zeros and ones in floats that are named a bias are added, as any others.
        let bias = mask_array::additive(&name, array, shape)?;
        return Ok(Made { kind: MaskKind::Additive, bias: Some(bias), key_lengths: None });
    }
    mask_array::make(&name, array, element, meant, shape)
}

/// Lengths that a padding mask comes to. The file may say them besides, but not others.
fn set_lengths(making: &Making, at: usize, input: &mut Input, lengths: Vec<usize>) -> Result<(), InputError> {
    let said = &mut input.problem.mask.key_lengths;
    if input.told.facts.contains_key(&Fact::KeyLengths) && said.as_ref() != Some(&lengths) {
        let fault =
            Sentence::new("keeps {0} {0|key|keys} of each sequence, and the key lengths that the file says are others");
        return InputError::array(&making.held.names[at], fault.with(format!("{lengths:?}")));
    }
    *said = Some(lengths);
    input.told.by_file(Fact::KeyLengths);
    Ok(())
}

/// A keep mask with its rate. A rate alone says nothing of which weights were dropped, and a mask alone not by how much
/// the others grow.
fn dropout(making: &mut Making, input: &mut Input) -> Result<(), InputError> {
    if let Some(at) = making.found.take_array(Role::Keep) {
        input.keep = Some(Arc::new(keep(making, at, &input.problem.shape)?));
    }
    let Some((place, word)) = making.word(Role::DropoutRate)? else { return Ok(()) };
    let rate = match word.number() {
        Some(rate) if (0.0..1.0).contains(&rate) => rate,
        _ if word.truth() == Some(false) => 0.0,
        _ => return wrong(making, &place, "is {0}, but a number from 0 to below 1 is needed", &word),
    };
    match &input.keep {
        Some(keep) => {
            input.problem.dropout = Some(Dropout { rate, keep: Keep::Given(Arc::clone(keep)) });
            input.told.by_file(Fact::Dropout);
        }
        None if rate > 0.0 => {
            let warning =
                "{0} is {1}, and not which weights were dropped: it is not applied (an array keep, or --dropout, does)";
            input.warnings.push(Sentence::new(warning).with(place.name(&making.held)).with(rate).on_one_line());
        }
        None => {}
    }
    Ok(())
}

fn keep(making: &mut Making, at: usize, shape: &Shape) -> Result<Array4<bool>, InputError> {
    let full = [shape.batch, shape.heads, shape.n_q, shape.n_k];
    let (name, found) = (making.held.names[at].clone(), making.held.header(at)?.1);
    let is_full = found.len() <= 4 && full.ends_with(&found) && full[..4 - found.len()].iter().all(|&size| size == 1);
    if !is_full {
        let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
        return InputError::array(&name, fault.with(format!("{found:?}")).and(Sentence::verbatim(format!("{full:?}"))));
    }
    let array = making.held.numbers(at, false, &mut making.budget)?;
    if let Some(odd) = array.iter().find(|&&x| x != 0.0 && x != 1.0) {
        return InputError::array(&name, Sentence::new("holds {0}; only 0 and 1, or booleans, make a mask").with(odd));
    }
    let values = array.into_iter().map(|x| x == 1.0).collect();
    Array4::from_shape_vec(full, values).or_else(|error| InputError::array(&name, Sentence::verbatim(error)))
}

fn wrong<T>(making: &Making, place: &Place, fault: &'static str, word: &Word) -> Result<T, InputError> {
    place.wrong(&making.held, Sentence::new(fault).with(word.shown()).on_one_line())
}
