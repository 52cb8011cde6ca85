//! Why bytes or a spec are not an input: one line that says what, where, and what to do.

use super::budget::BUDGET;
use crate::attention::problem::ProblemError;

/// Knows no file paths: whoever opened the file says which one it was.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    #[error("{found}; give a capture (.safetensors), an .npz with Q, K and V, or random:N_Q,N_K,D")]
    Unknown { found: &'static str },
    #[error(
        "a lone .npy holds one array, but Q, K and V are needed: save them as one .npz, or give a q.npy, k.npy, v.npy set"
    )]
    LoneNpy,
    #[error(
        "{what} needs {bytes} bytes as f64, but only {left} of the {} MiB for one input are left: use fewer tokens or heads",
        BUDGET >> 20
    )]
    TooLarge { what: String, bytes: u128, left: u64 },
    #[error("array {array} at byte {offset}: {fault}")]
    Npy { array: String, offset: usize, fault: String },
    #[error("the .npz archive: {fault}")]
    Npz { fault: String },
    #[error("array {array} {fault}")]
    Array { array: String, fault: String },
    #[error("the capture: {fault}")]
    Capture { fault: String },
    #[error("the capture's metadata key `{key}` {fault}")]
    Metadata { key: &'static str, fault: String },
    #[error("{spec:?}: {fault}; write random:N_Q,N_K,D[,HEADS[,KV_HEADS]], for example random:256,256,64,8,2")]
    Random { spec: String, fault: String },
    #[error("the preset {preset} {fault}")]
    Preset { preset: &'static str, fault: String },
    #[error(transparent)]
    Problem(#[from] ProblemError),
}
