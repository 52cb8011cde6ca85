//! Why a task on a GPU came to nothing, as a sentence.

use crate::gpu::GpuError;
use crate::sentence::Sentence;

/// Why a task came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuFault {
    pub said: Sentence,
    /// The device cannot be used any more.
    pub is_gone: bool,
}

impl From<GpuError> for GpuFault {
    fn from(error: GpuError) -> Self {
        Self { is_gone: matches!(error, GpuError::Lost(_) | GpuError::Hung(_)), said: error.sentence() }
    }
}

impl From<Sentence> for GpuFault {
    fn from(said: Sentence) -> Self {
        Self { said, is_gone: false }
    }
}

impl From<&'static str> for GpuFault {
    fn from(text: &'static str) -> Self {
        Sentence::new(text).into()
    }
}
