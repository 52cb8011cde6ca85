//! A mask that is an array: of booleans where true attends, or of numbers that are added; for each pair, or for each key.

use ndarray::{Array4, ArrayD, Axis, Ix4};

use super::budget::Budget;
use super::element::Element;
use super::error::InputError;
use super::told::MaskKind;
use crate::attention::Shape;
use crate::sentence::Sentence;

/// What a mask comes to.
pub(super) struct Made {
    pub kind: MaskKind,
    /// `[batch, heads, n_q, n_k]`, any axis may be 1.
    pub bias: Option<Array4<f64>>,
    pub key_lengths: Option<Vec<usize>>,
}

/// How an array of fewer than four axes is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meant {
    /// As NumPy and SDPA broadcast: leading axes are missing.
    Broadcast,
    /// `[batch, n_k]` or `[batch, n_q, n_k]` where that fits, as Hugging Face has it.
    BatchFirst,
    /// Either; where both fit and differ it is refused.
    Either,
}

impl Meant {
    pub fn of(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "attention_mask" => Meant::BatchFirst,
            "mask" => Meant::Either,
            _ => Meant::Broadcast,
        }
    }
}

/// Makes a mask of `array`, which the file calls `name`.
pub(super) fn make(
    name: &str,
    array: ArrayD<f64>,
    element: Element,
    meant: Meant,
    shape: &Shape,
) -> Result<Made, InputError> {
    let is_boolean = is_boolean(name, &array, element)?;
    let array = place(name, array, meant, shape, is_boolean)?;
    if !is_boolean {
        return Ok(Made { kind: MaskKind::Additive, bias: Some(array), key_lengths: None });
    }
    if array.iter().all(|&x| x == 1.0) {
        return Ok(Made { kind: MaskKind::Open, bias: None, key_lengths: None });
    }
    if let Some(lengths) = right_padding(&array, shape) {
        return Ok(Made { kind: MaskKind::Padding, bias: None, key_lengths: Some(lengths) });
    }
    let bias = array.mapv(|x| if x == 1.0 { 0.0 } else { f64::NEG_INFINITY });
    Ok(Made { kind: MaskKind::Boolean, bias: Some(bias), key_lengths: None })
}

/// Numbers that are added to the scores, whatever they are, as `[batch, heads, n_q, n_k]` with axes of full size or 1.
pub(super) fn additive(name: &str, array: ArrayD<f64>, shape: &Shape) -> Result<Array4<f64>, InputError> {
    place(name, array, Meant::Broadcast, shape, false)
}

/// Whether it is true and false. Errors on numbers of which that cannot be told.
fn is_boolean(name: &str, array: &ArrayD<f64>, element: Element) -> Result<bool, InputError> {
    let is_bit = |&x: &f64| x == 0.0 || x == 1.0;
    if element == Element::Bool {
        return Ok(true);
    }
    if element.is_whole() {
        return match array.iter().find(|x| !is_bit(x)) {
            None => Ok(true),
            Some(odd) => {
                let fault = "holds {0}; whole numbers make a mask of 0 and 1, where 1 attends; save what is added to the scores as float32";
                InputError::array(name, Sentence::new(fault).with(odd))
            }
        };
    }
    refuse_bits(name, array, element)?;
    Ok(false)
}

/// Refuses zeros and ones: they may be added to the scores, or say where to attend.
pub(super) fn refuse_bits(name: &str, array: &ArrayD<f64>, element: Element) -> Result<(), InputError> {
    if array.iter().all(|&x| x == 0.0 || x == 1.0) && array.iter().any(|&x| x == 1.0) {
        let fault = "holds 0 and 1 as {0}: added to the scores, or where to attend? Save it as bool (true attends), or with -inf";
        return InputError::array(name, Sentence::new(fault).with(element.name()));
    }
    Ok(())
}

/// The array as `[batch, heads, n_q, n_k]` with axes of full size or 1.
fn place(
    name: &str,
    array: ArrayD<f64>,
    meant: Meant,
    shape: &Shape,
    is_boolean: bool,
) -> Result<Array4<f64>, InputError> {
    let found = array.shape().to_vec();
    let full = [shape.batch, shape.heads, shape.n_q, shape.n_k];
    let fits = |axes: [usize; 4]| axes.iter().zip(full).all(|(&size, full)| size == 1 || size == full);
    let broadcast = {
        let mut axes = [1; 4];
        axes[4 - found.len()..].copy_from_slice(&found);
        axes
    };
    // One row of keys for each batch entry is never a sum over queries.
    let batch_first = match found[..] {
        [batch, keys] if is_boolean => Some([batch, 1, 1, keys]),
        [batch, queries, keys] => Some([batch, 1, queries, keys]),
        _ => None,
    };
    let batch_first = batch_first.filter(|&axes| fits(axes));
    let axes = match (fits(broadcast), batch_first, meant) {
        (true, Some(first), Meant::Either) if first != broadcast => {
            let fault = Sentence::new(
                "has shape {0}, which fits as {1} and as {2}; give it four axes, [batch, heads, n_q, n_k]",
            );
            let fault = fault.with(format!("{found:?}")).with(format!("{broadcast:?}")).with(format!("{first:?}"));
            return InputError::array(name, fault);
        }
        (true, Some(_), Meant::Broadcast | Meant::Either) | (true, None, _) => broadcast,
        (_, Some(first), _) => first,
        (false, None, _) => {
            let expected = Sentence::new("{0}, or 1 on any axis").with(format!("{full:?}"));
            let fault = Sentence::new("has shape {0}, but {1} is needed (leading axes of 1 may be left out)");
            return InputError::array(name, fault.with(format!("{found:?}")).and(expected));
        }
    };
    let placed = array.into_shape_with_order(axes.as_slice()).map(ArrayD::into_dimensionality::<Ix4>);
    match placed {
        Ok(Ok(array)) => Ok(array),
        Ok(Err(error)) | Err(error) => InputError::array(name, Sentence::verbatim(error)),
    }
}

/// The lengths of a mask that hides the last keys of each batch entry and nothing else.
fn right_padding(mask: &Array4<f64>, shape: &Shape) -> Option<Vec<usize>> {
    if mask.shape()[1..] != [1, 1, shape.n_k] {
        return None;
    }
    let lengths: Option<Vec<usize>> = mask
        .axis_iter(Axis(0))
        .map(|keys| {
            let length = keys.iter().filter(|&&x| x == 1.0).count();
            keys.iter().take(length).all(|&x| x == 1.0).then_some(length)
        })
        .collect();
    lengths.map(|lengths| if lengths.len() == 1 { vec![lengths[0]; shape.batch] } else { lengths })
}

/// The sum of a mask and a bias, each of full size or 1 on every axis.
pub(super) fn sum(a: Array4<f64>, b: Array4<f64>, budget: &mut Budget) -> Result<Array4<f64>, InputError> {
    let axes: Vec<usize> = a.shape().iter().zip(b.shape()).map(|(a, b)| *a.max(b)).collect();
    // Two small arrays may make a large one.
    budget.take("mask and bias together".into(), &axes, Element::F32)?;
    Ok(a + b)
}
