//! A text for the query heads of a group: which of its two forms runs, and what of it was written.

use crate::attention::Shape;

use super::{Algorithm, Read};

/// A text as it was written, where what runs has lines more.
#[derive(Debug)]
pub(super) struct Written {
    text: String,
    /// Of its lines, which are the first of those that run.
    operations: Vec<String>,
    /// Number of the line that what runs has more, and not at its end.
    inserted: Option<u32>,
}

impl Written {
    /// `own` as it was written, where what runs has a line of this number more.
    pub(super) fn of(own: &Read, inserted: Option<u32>) -> Self {
        let operations = (0..own.lines.len()).map(|line| own.operation(line)).collect();
        Self { text: own.text.text.clone(), operations, inserted }
    }
}

impl Algorithm {
    /// Some kernel loops over the query heads of a group.
    pub fn has_kernel_of_group(&self) -> bool {
        self.text().kernels.iter().any(|kernel| kernel.is_of_group)
    }

    /// The text that runs for so many query heads of a group: this one, or with `reduce-heads`, which sums over them what it
    /// makes of keys.
    pub fn for_heads(&self, heads: usize) -> &Self {
        self.0.of_group.as_ref().filter(|_| heads > 1).unwrap_or(self)
    }

    /// The text that runs on a problem of this shape.
    pub fn on(&self, shape: &Shape) -> &Self {
        self.for_heads(self.heads(shape))
    }

    /// The text as it was written, without the sums over heads that [`Self::for_heads`] puts in.
    pub fn written(&self) -> &str {
        self.0.written.as_ref().map_or(&self.text().text, |written| &written.text)
    }

    /// The number that a line of [`Self::text`] has in [`Self::written`]; `None` of a line that was put in.
    pub fn written_line(&self, number: u32) -> Option<u32> {
        let Some(written) = &self.0.written else { return Some(number) };
        let number = match written.inserted {
            Some(inserted) if inserted == number => return None,
            Some(inserted) if inserted < number => number - 1,
            _ => number,
        };
        (number as usize <= written.text.lines().count()).then_some(number)
    }

    /// [`Self::operation`] of a line as it was written, by which kernels name it.
    pub fn written_operation(&self, line: usize) -> String {
        let known = self.0.written.as_ref().and_then(|written| written.operations.get(line));
        known.cloned().unwrap_or_else(|| self.operation(line))
    }
}
