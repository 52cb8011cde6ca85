//! Why a GPU run is refused before it starts, and how it can fail after: one line each, with the numbers.

use std::time::Duration;

use crate::attention::{Precision, ProblemError};
use crate::number;
use crate::sentence::{Sentence, says_a_sentence};

/// Why a backend does not take a problem. Nothing was run.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    Algorithm {
        backend: &'static str,
        algorithm: String,
        has: String,
    },
    Precision(Precision),
    Format {
        algorithm: String,
        precision: Precision,
    },
    Dropout,
    Sinks,
    /// A mask beyond causal, window and key lengths.
    Mask(&'static str),
    /// A kernel of a backward pass, where a forward pass is asked for.
    Backward {
        algorithm: &'static str,
    },
    NotBackward {
        algorithm: String,
    },
    /// `place` of V is a key that exists, and `value` what the format makes of it.
    NotFinite {
        place: String,
        value: f64,
        precision: Precision,
    },
    TooLarge {
        name: &'static str,
        value: usize,
        limit: usize,
    },
    Binding {
        name: &'static str,
        bytes: u64,
        limit: u64,
    },
    Taps(&'static str),
    Fit {
        entry: String,
        threads: usize,
        registers: usize,
        shared_bytes: usize,
        sm_threads: usize,
        sm_registers: usize,
        sm_shared_bytes: usize,
    },
    Memory {
        needed: u64,
        free: u64,
        total: u64,
    },
    Source(Sentence),
    Measure {
        backend: &'static str,
    },
    /// A measurement where the device does not tell the time.
    Clock,
    Problem(ProblemError),
}

impl Refusal {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Algorithm { backend, algorithm, has } => {
                let sentence = Sentence::new("{0} has no kernel for {1}; it has: {2}").with(backend);
                sentence.with(format!("{algorithm:?}")).with(has)
            }
            Self::Precision(precision) => {
                Sentence::new("the kernel computes in f32 only, not in {0}").with(precision.name())
            }
            Self::Format { algorithm, precision } => {
                Sentence::new("there is no kernel for {0} in {1}").with(algorithm).with(precision.name())
            }
            Self::Dropout => "the kernel has no dropout".into(),
            Self::Sinks => "the kernel has no learned sinks: run it on the CPU".into(),
            Self::Mask(what) => {
                let told = "the kernel knows causal masks, windows and key lengths, and no {0}: run it on the CPU";
                Sentence::new(told).and(*what)
            }
            Self::Backward { algorithm } => {
                let told = "{0} gives gradients and no O: {1} runs it on the device and checks it";
                Sentence::new(told).with(algorithm).with("tilescope check --backend cuda")
            }
            Self::NotBackward { algorithm } => Sentence::new("{0} gives no gradients").with(algorithm),
            Self::NotFinite { place, value, precision } => {
                let told = "the kernel takes no NaN or infinity in V, and {0} is {1} in {2}; those in f32 do";
                Sentence::new(told).with(place).with(value).with(precision.name())
            }
            Self::TooLarge { name, value, limit } => {
                Sentence::new("{0} is {1}, but the kernel takes at most {2}").with(name).with(value).with(limit)
            }
            Self::Binding { name, bytes, limit } => {
                let text = "{0} takes {1}, but the device binds at most {2} at once: use fewer tokens or heads";
                let [bytes, limit] = number::bytes_apart(*bytes, *limit);
                Sentence::new(text).with(name).with(bytes).with(limit)
            }
            Self::Problem(error) => error.sentence(),
            Self::Taps(why) => Sentence::new("m and l of every key block cannot be recorded: {0}").and(*why),
            Self::Measure { backend } => {
                Sentence::new("the {0} backend does not measure its kernels by themselves").with(backend)
            }
            Self::Clock => "the device has no clock of its own that would time a kernel by itself".into(),
            Self::Memory { needed, free, total } => {
                let text = "the run needs {0} of device memory, but {1} of {2} are free: use fewer tokens or heads";
                let [needed, free] = number::bytes_apart(*needed, *free);
                Sentence::new(text).with(needed).with(free).with(number::bytes(*total))
            }
            Self::Fit { entry, threads, registers, shared_bytes, sm_threads, sm_registers, sm_shared_bytes } => {
                let text = "{0} does not fit an SM: a block takes {1} {1|thread|threads}, {2} {2|register|registers} and \
                    {3} {3|byte|bytes} of shared memory, and an SM has {4}, {5} and {6}";
                let block = Sentence::new(text).with(entry).with(threads).with(registers).with(shared_bytes);
                block.with(sm_threads).with(sm_registers).with(sm_shared_bytes)
            }
            Self::Source(said) => said.clone(),
        }
    }
}

impl From<ProblemError> for Refusal {
    fn from(error: ProblemError) -> Self {
        Self::Problem(error)
    }
}

/// How a run fails.
#[derive(Clone, Debug, PartialEq)]
pub enum GpuError {
    Refused(Refusal),
    Cancelled { launches: usize },
    OutOfMemory { bytes: u64 },
    Lost(Sentence),
    Hung(Duration),
    Driver(Sentence),
}

impl GpuError {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Refused(refusal) => refusal.sentence(),
            Self::Cancelled { launches } => Sentence::new("cancelled after {0} {0|launch|launches}").with(launches),
            Self::OutOfMemory { bytes } => {
                Sentence::new("the device is out of memory: the run needs {0}").with(number::bytes(*bytes))
            }
            Self::Lost(reason) => Sentence::new("the device was lost: {0}").and(reason.clone()),
            Self::Hung(after) => {
                Sentence::new("a launch did not end within {0} s: the device hangs").with(after.as_secs())
            }
            Self::Driver(reason) => Sentence::new("the driver refused: {0}").and(reason.clone()),
        }
    }
}

impl From<Refusal> for GpuError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

says_a_sentence!(Refusal);
says_a_sentence!(GpuError);
