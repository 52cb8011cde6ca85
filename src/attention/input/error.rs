//! Why bytes or a spec are not an input: one line that says what, where, and what to do.

use super::budget::BUDGET;
use crate::attention::problem::ProblemError;
use crate::number;
use crate::sentence::{Sentence, says_a_sentence};

/// Knows no file paths: whoever opened the file says which one it was.
#[derive(Clone, Debug, PartialEq)]
pub enum InputError {
    Unknown {
        found: &'static str,
    },
    LoneNpy,
    TooLarge {
        what: Sentence,
        bytes: u128,
        left: u64,
    },
    Npy {
        array: String,
        offset: usize,
        fault: Sentence,
    },
    Npz {
        fault: Sentence,
    },
    Array {
        array: String,
        fault: Sentence,
    },
    /// A whole file of another kind, and how it becomes an input.
    Foreign {
        is: &'static str,
        how: &'static str,
    },
    /// No array is named as Q (or K, or V) are.
    NoArray {
        role: &'static str,
        found: String,
    },
    /// Two names that mean the same.
    Twice {
        what: &'static str,
        names: [String; 2],
    },
    /// Shapes that do not fit, and would in another layout.
    Hinted {
        error: Box<ProblemError>,
        hint: Sentence,
    },
    /// A count of the file or of an option that the shapes contradict.
    Counts {
        what: &'static str,
        said: usize,
        found: usize,
        layout: &'static str,
        hint: Option<Sentence>,
    },
    Tensors {
        fault: Sentence,
    },
    Metadata {
        key: String,
        fault: Sentence,
    },
    Random {
        spec: String,
        fault: Sentence,
    },
    Preset {
        preset: &'static str,
        fault: Sentence,
    },
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
                "a lone .npy holds one array, but Q, K and V are needed: save them as one .npz, or give a q.npy, \
                 k.npy, v.npy set",
            ),
            Self::Foreign { is, how } => {
                Sentence::new("this is {0}, which is not read; convert it: {1}")
                    .and(*is)
                    .with(how)
            }
            Self::NoArray { role, found } => Sentence::new(
                "no array is named as {0}: q, query and xq are (and so for k and v), or arr_0, arr_1, arr_2; found: {1}",
            )
            .with(role)
            .with(found),
            Self::Twice { what, names: [first, second] } => {
                Sentence::new("{0} comes twice, as {1} and as {2}; keep one of them").with(what).with(first).with(second)
            }
            Self::Hinted { error, hint } => Sentence::new("{0}; {1}").and(error.sentence()).and(hint.clone()),
            Self::Counts { what, said, found, layout, hint } => {
                let fault = Sentence::new("{0} is said to be {1}, and in the layout {2} it is {3}");
                let fault = fault.with(what).with(said).with(layout).with(found);
                hint.iter().fold(fault, |fault, hint| Sentence::new("{0}; {1}").and(fault).and(hint.clone()))
            }
            Self::TooLarge { what, bytes, left } => {
                let [needed, there] = number::bytes_apart(u64::try_from(*bytes).unwrap_or(u64::MAX), *left);
                Sentence::new("{0} needs {1}, but only {2} of the {3} for one input are left: use fewer tokens or heads")
            .and(what.clone())
            .with(needed)
            .with(there)
            .with(number::bytes(BUDGET))
            }
            Self::Npy { array, offset, fault } => {
                Sentence::new("array {0} at byte {1}: {2}").with(array).with(offset).and(fault.clone())
            }
            Self::Npz { fault } => Sentence::new("the .npz archive: {0}").and(fault.clone()),
            Self::Array { array, fault } => Sentence::new("array {0} {1}").with(array).and(fault.clone()),
            Self::Tensors { fault } => Sentence::new("the safetensors file: {0}").and(fault.clone()),
            Self::Metadata { key, fault } => Sentence::new("the metadata key `{0}` {1}").with(key).and(fault.clone()),
            Self::Random { spec, fault } => Sentence::new(
                "{0}: {1}; write random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]], for example random:256,256,64,8,2",
            )
            .with(format!("{spec:?}"))
            .and(fault.clone()),
            Self::Preset { preset, fault } => Sentence::new("the preset {0} {1}").with(preset).and(fault.clone()),
            Self::Problem(error) => error.sentence(),
        }
    }
}

says_a_sentence!(InputError);

impl InputError {
    /// A fault of one array. Its name may hold anything, and a message is one line.
    pub(super) fn array<T>(array: &str, fault: impl Into<Sentence>) -> Result<T, Self> {
        let array = array.replace(char::is_control, " ");
        Err(Self::Array { array, fault: fault.into() })
    }
}

impl From<ProblemError> for InputError {
    fn from(error: ProblemError) -> Self {
        Self::Problem(error)
    }
}
