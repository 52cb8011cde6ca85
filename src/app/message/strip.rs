//! How much of the strip of steps is asked for.

use crate::app::message::steps_lens::StepsLens;

/// What can be asked of the strip.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StripMessage {
    Closer,
    Farther,
    /// All steps.
    Whole,
    Lens(StepsLens),
}
