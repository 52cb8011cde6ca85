//! What is asked of the comparison of two runs.

use crate::app::run::lock::Lock;
use crate::app::run::pair::Choices;

/// What can be asked of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum CompareMessage {
    Open,
    Lock(Lock),
    Choose(Choices),
    /// A becomes B, and B becomes A.
    Swap,
    /// An index of [`SURPRISES`]: both runs of it.
    Surprise(usize),
}
