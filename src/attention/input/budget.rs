//! The memory that one input may take, asked for before anything is allocated.

use super::error::InputError;
use crate::sentence::Sentence;

/// Bytes that the decoded arrays of one input may take together, as f64.
pub const BUDGET: u64 = 512 << 20;

/// What is left of [`BUDGET`] while an input is read.
pub struct Budget {
    left: u64,
}

impl Budget {
    pub fn new() -> Self {
        Self { left: BUDGET }
    }

    /// Takes room for an array of this shape as f64 and returns its number of elements.
    ///
    /// Errors with [`InputError::TooLarge`] where it does not fit.
    pub fn take(&mut self, what: Sentence, shape: &[usize]) -> Result<usize, InputError> {
        // Empty axes count as 1: a product of the other axes must not overflow either, since strides are such products.
        let product = |bytes: u128, size: &usize| bytes.saturating_mul((*size).max(1) as u128);
        let bytes = shape.iter().fold(8, product);
        match u64::try_from(bytes) {
            Ok(bytes) if bytes <= self.left => {
                self.left -= bytes;
                Ok(shape.iter().product())
            }
            _ => Err(InputError::TooLarge { what, bytes, left: self.left }),
        }
    }
}
