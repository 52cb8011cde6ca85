//! Why a task on a GPU came to nothing, as a sentence.

use crate::gpu::{GpuError, Refusal};
use crate::sentence::Sentence;

/// Why a task came to nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub said: Sentence,
    /// The device cannot be used any more.
    pub is_gone: bool,
}

impl From<GpuError> for Fault {
    fn from(error: GpuError) -> Self {
        Self { is_gone: matches!(error, GpuError::Lost(_) | GpuError::Hung(_)), said: failed(&error) }
    }
}

impl From<Sentence> for Fault {
    fn from(said: Sentence) -> Self {
        Self { said, is_gone: false }
    }
}

impl From<&'static str> for Fault {
    fn from(text: &'static str) -> Self {
        Sentence::new(text).into()
    }
}

/// What an error of a GPU says.
pub fn failed(error: &GpuError) -> Sentence {
    match error {
        GpuError::Refused(refusal) => refused(refusal),
        GpuError::Cancelled { launches } => Sentence::new("cancelled after {0} launches").with(launches),
        GpuError::OutOfMemory { bytes } => {
            Sentence::new("the device is out of memory: the run needs {0} bytes").with(bytes)
        }
        GpuError::Lost(reason) => Sentence::new("the device was lost: {0}").with(reason),
        GpuError::Hung(after) => {
            Sentence::new("a launch did not end within {0} s: the device hangs").with(after.as_secs())
        }
        GpuError::Driver(reason) => Sentence::new("the driver refused: {0}").with(reason),
    }
}

pub fn refused(refusal: &Refusal) -> Sentence {
    match refusal {
        Refusal::Algorithm { backend, algorithm, has } => {
            let sentence = Sentence::new("{0} has no kernel for {1}; it has: {2}").with(backend);
            sentence.with(format!("{algorithm:?}")).with(has)
        }
        Refusal::Precision(precision) => {
            Sentence::new("the kernel computes in f32 only, not in {0}").with(precision.name())
        }
        Refusal::Format { algorithm, precision } => {
            Sentence::new("there is no kernel for {0} in {1}").with(algorithm).with(precision.name())
        }
        Refusal::Dropout => "the kernel has no dropout".into(),
        Refusal::NotFinite { place, value, precision } => {
            let told = "the kernel takes no NaN or infinity in V, and {0} is {1} in {2}; those in f32 do";
            Sentence::new(told).with(place).with(value).with(precision.name())
        }
        Refusal::TooLarge { name, value, limit } => {
            Sentence::new("{0} is {1}, but the kernel takes at most {2}").with(name).with(value).with(limit)
        }
        Refusal::Binding { name, bytes, limit } => {
            let text = "{0} takes {1} bytes, but the device binds at most {2} at once: use fewer tokens or heads";
            Sentence::new(text).with(name).with(bytes).with(limit)
        }
        Refusal::Problem(error) => error.sentence(),
        Refusal::Taps(why) => Sentence::new("m and l of every key block cannot be recorded: {0}").and(*why),
        Refusal::Measure { backend } => {
            Sentence::new("the {0} backend does not measure its kernels by themselves").with(backend)
        }
        Refusal::Memory { needed, free, total } => {
            let text = "the run needs {0} bytes of device memory, but {1} of {2} are free: use fewer tokens or heads";
            Sentence::new(text).with(needed).with(free).with(total)
        }
        // Rows of a table, and what a compiler says.
        other @ (Refusal::Fit { .. } | Refusal::Source(_)) => Sentence::verbatim(other),
    }
}
