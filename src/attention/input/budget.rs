//! The memory that one input may take, asked for before anything is allocated.

use super::element::Element;
use super::error::InputError;
use crate::sentence::Sentence;

/// Bytes that the arrays of one input may take together, each in the format that it is stored in.
pub const BUDGET: u64 = 512 << 20;

/// What is left of [`BUDGET`] while an input is read.
pub struct Budget {
    left: u64,
}

impl Budget {
    pub fn new() -> Self {
        Self { left: BUDGET }
    }

    /// Takes room for an array of this shape and returns its number of elements.
    ///
    /// An element counts its own bytes, and at least two: in memory it is an f64, so that the whole stays below four
    /// times the budget. Errors with [`InputError::TooLarge`] where it does not fit.
    pub fn take(&mut self, what: Sentence, shape: &[usize], element: Element) -> Result<usize, InputError> {
        // Empty axes count as 1: a product of the other axes must not overflow either, since strides are such products.
        let product = |bytes: u128, size: &usize| bytes.saturating_mul((*size).max(1) as u128);
        let bytes = shape.iter().fold(element.bytes().max(2) as u128, product);
        match u64::try_from(bytes) {
            Ok(bytes) if bytes <= self.left => {
                self.left -= bytes;
                Ok(shape.iter().product())
            }
            _ => Err(InputError::TooLarge { what, bytes, left: self.left }),
        }
    }
}
