//! Why bytes or a spec are not an input: one line that says what, where, and what to do.

use super::budget::BUDGET;
use crate::attention::problem::ProblemError;
use crate::sentence::{Sentence, says_a_sentence};

/// Knows no file paths: whoever opened the file says which one it was.
#[derive(Clone, Debug, PartialEq)]
pub enum InputError {
    Unknown { found: &'static str },
    LoneNpy,
    TooLarge { what: Sentence, bytes: u128, left: u64 },
    Npy { array: String, offset: usize, fault: Sentence },
    Npz { fault: Sentence },
    Array { array: String, fault: Sentence },
    Capture { fault: Sentence },
    Metadata { key: &'static str, fault: Sentence },
    Random { spec: String, fault: Sentence },
    Preset { preset: &'static str, fault: Sentence },
    Problem(ProblemError),
}

impl InputError {
    pub fn sentence(&self) -> Sentence {
        match self {
            Self::Unknown { found } => Sentence::new(
                "{0}; give a capture (.safetensors), an .npz with Q, K and V, or random:N_Q,N_K,D",
            )
            .and(*found),
            Self::LoneNpy => Sentence::new(
                "a lone .npy holds one array, but Q, K and V are needed: save them as one .npz, or give a q.npy, k.npy, v.npy set",
            ),
            Self::TooLarge { what, bytes, left } => Sentence::new(
                "{0} needs {1} bytes as f64, but only {2} of the {3} MiB for one input are left: use fewer tokens or heads",
            )
            .and(what.clone())
            .with(bytes)
            .with(left)
            .with(BUDGET >> 20),
            Self::Npy { array, offset, fault } => {
                Sentence::new("array {0} at byte {1}: {2}").with(array).with(offset).and(fault.clone())
            }
            Self::Npz { fault } => Sentence::new("the .npz archive: {0}").and(fault.clone()),
            Self::Array { array, fault } => Sentence::new("array {0} {1}").with(array).and(fault.clone()),
            Self::Capture { fault } => Sentence::new("the capture: {0}").and(fault.clone()),
            Self::Metadata { key, fault } => {
                Sentence::new("the capture's metadata key `{0}` {1}").with(key).and(fault.clone())
            }
            Self::Random { spec, fault } => Sentence::new(
                "{0}: {1}; write random:N_Q,N_K,D[,HEADS[,KV_HEADS]], for example random:256,256,64,8,2",
            )
            .with(format!("{spec:?}"))
            .and(fault.clone()),
            Self::Preset { preset, fault } => Sentence::new("the preset {0} {1}").with(preset).and(fault.clone()),
            Self::Problem(error) => error.sentence(),
        }
    }
}

says_a_sentence!(InputError);

impl From<ProblemError> for InputError {
    fn from(error: ProblemError) -> Self {
        Self::Problem(error)
    }
}
