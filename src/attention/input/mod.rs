//! Inputs: everything that turns bytes or a spec into a [`Problem`] and what is known about it.
//!
//! Bytes come from files that nobody vouches for. Sizes are checked before memory is asked for, every fault is an
//! [`InputError`] of one line, and nothing here opens a file.

mod about;
mod appended;
mod assemble;
mod budget;
mod built_in;
pub mod bundled;
mod element;
mod error;
mod foreign;
mod found;
mod held;
mod json_guard;
mod layout;
mod mask_array;
mod modifiers;
mod names;
mod npy;
mod npy_header;
mod npz;
mod own_output;
mod packed;
mod paged;
mod pieces;
pub mod preset;
pub mod random;
mod tensors;
mod told;
mod understood;
mod varlen;
mod word;

use std::collections::BTreeMap;
use std::sync::Arc;

use ndarray::{Array1, Array3, Array4, ArrayD, Axis, s};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Mask, Problem, ProblemError};
use held::{Held, NpySet};

use crate::sentence::Sentence;
pub use budget::BUDGET;
pub use built_in::BuiltIn;
pub use error::InputError;
pub use layout::Layout;
pub use npz::{read_named, read_one_of};
pub use own_output::{OwnOutput, judged_gradients, judged_sinks};
pub use packed::{Packed, diagonals};
pub use told::{By, Fact, GradSource, MaskKind, Told};
pub use understood::Understood;
pub use varlen::Varlen;

/// A problem with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub problem: Problem,
    /// The file's name, or the spec of a random input.
    pub name: String,
    /// Of the file's bytes, in hex; for a set of `.npy` files, of their bytes one after the other.
    pub sha256: Option<String>,
    /// Of random inputs.
    pub seed: Option<u64>,
    /// Axes of Q in the file: 2, 3 or 4. Outputs get as many.
    pub rank: usize,
    /// The order of those axes, for outputs too.
    pub layout: Layout,
    /// The sequences of a file that packs several into one array; each is a batch entry.
    pub packed: Option<Packed>,
    /// The last keys, of a file that has those of the past apart; where each past has a length, they follow it.
    pub appended: Option<usize>,
    /// The query heads of a group are the queries of a key/value head; outputs get them as heads again.
    pub has_packed_heads: bool,
    /// The batch lies one sequence after the other, as one batch entry; outputs get it apart again.
    pub varlen: Option<Varlen>,
    /// A dropout mask of the file, `[batch, heads, n_q, n_k]`. It becomes part of the problem with a rate, which many
    /// files do not hold.
    pub keep: Option<Arc<Array4<bool>>>,
    /// The gradient of the output, `[batch, heads, n_q, d_v]`.
    pub d_o: Option<Array4<f64>>,
    pub about: About,
    /// What the file, and options, said of the problem.
    pub told: Told,
    /// What a person should know before trusting the run: one sentence each.
    pub warnings: Vec<Sentence>,
}

/// What a capture says about itself; for people, and for checking. Empty or `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    pub model: Option<String>,
    pub layer: Option<usize>,
    pub licence: Option<String>,
    pub note: Option<String>,
    /// The text of each batch entry.
    pub text: Vec<String>,
    /// The tokens of each batch entry, `n_k` of them, as people read them: a character over three is `注 1/3` and so on.
    pub tokens: Vec<Vec<String>>,
    /// Which heads of the model these are, where some were left out.
    pub q_heads: Vec<usize>,
    pub kv_heads: Vec<usize>,
    /// The output that the model computed, `[batch, heads, n_q, d_v]`.
    pub o: Option<Array4<f64>>,
    /// dQ `[batch, heads, n_q, d]`, dK and dV `[batch, kv_heads, n_k, ..]` that it computed.
    pub gradients: [Option<Array4<f64>>; 3],
    /// The gradient of learned sinks that it computed, `[heads]`.
    pub d_sinks: Option<Array1<f64>>,
    /// Largest distance of `o` from attention computed in f64, as recorded with the capture.
    pub recorded_error: Option<f64>,
}

/// How a file is read, where it does not say so itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// Query heads, where the layout has them in one axis with `d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<usize>,
    /// Arrays of 16-bit whole numbers are the bits of bf16.
    pub bf16_bits: bool,
}

impl Reading {
    /// As the file says, and as it is read where it says nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a file of this name (for its extension and for messages): safetensors, a capture or any other, or an `.npz`.
///
/// The first bytes decide which; the extension only where they do not tell.
pub fn read(name: &str, bytes: &[u8]) -> Result<Input, InputError> {
    read_as(name, bytes, &Reading::default())
}

/// Reads a file as [`read`] does, in the way that is said.
pub fn read_as(name: &str, bytes: &[u8], how: &Reading) -> Result<Input, InputError> {
    let mut input = assemble::assemble(name, open(name, bytes)?, how)?;
    input.sha256 = Some(hex(Sha256::digest(bytes).as_slice()));
    Ok(input)
}

/// What a file holds.
fn open<'a>(name: &str, bytes: &'a [u8]) -> Result<Held<'a>, InputError> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    let ends = |extension: &str| name.to_ascii_lowercase().ends_with(extension);
    if bytes.is_empty() {
        Err(InputError::Unknown { found: "the file is empty" })
    } else if begins(npy::MAGIC) {
        Err(InputError::LoneNpy)
    } else if npz::MAGICS.into_iter().any(begins) || ends(".npz") {
        npz::open(bytes)
    } else if begins(b"{") {
        Err(InputError::Unknown { found: "this is JSON, as a trace is, and not an input" })
    } else if let Some(foreign) = foreign::recognise(bytes) {
        Err(foreign)
    } else if bytes.get(8) == Some(&b'{') || ends(".safetensors") {
        tensors::open(bytes)
    } else {
        Err(InputError::Unknown { found: "the first bytes are of no known kind of file" })
    }
}

/// Reads a set of `.npy` files by their names: `q.npy`, `k.npy`, `v.npy` (or `Q.npy`, ...), and what else an `.npz` may
/// hold. `name` is what the set is called.
pub fn read_npy_set(name: &str, files: &[(&str, &[u8])], how: &Reading) -> Result<Input, InputError> {
    let stem = |file: &str| file.strip_suffix(".npy").unwrap_or(file).to_owned();
    let names = files.iter().map(|(file, _)| stem(file)).collect();
    let arrays = Box::new(NpySet(files.iter().map(|(_, bytes)| *bytes).collect()));
    let mut input = assemble::assemble(name, Held { names, metadata: BTreeMap::new(), arrays }, how)?;
    let mut hash = Sha256::new();
    files.iter().for_each(|(_, bytes)| hash.update(bytes));
    input.sha256 = Some(hex(hash.finalize().as_slice()));
    Ok(input)
}

impl Input {
    /// Nothing but a problem and its name.
    pub fn new(name: &str, problem: Problem, rank: usize) -> Self {
        Self {
            problem,
            name: name.into(),
            sha256: None,
            seed: None,
            rank,
            layout: Layout::default(),
            packed: None,
            appended: None,
            has_packed_heads: false,
            varlen: None,
            keep: None,
            d_o: None,
            about: About::default(),
            told: Told::default(),
            warnings: vec![],
        }
    }

    /// The first `prefix` tokens with all that belongs to them. Errors as [`Problem::prefix`] does.
    pub fn prefix(&self, prefix: usize) -> Result<Self, ProblemError> {
        let problem = self.problem.prefix(prefix)?;
        let rows = |tensor: &Array4<f64>| tensor.slice(s![.., .., ..prefix, ..]).to_owned();
        let mut about = self.about.clone();
        about.o = about.o.as_ref().map(rows);
        // Those of keys are sums over all queries.
        about.gradients = Default::default();
        about.d_sinks = None;
        about.tokens.iter_mut().for_each(|tokens| tokens.truncate(prefix));
        let keep = self.keep.as_ref().map(|keep| Arc::new(keep.slice(s![.., .., ..prefix, ..prefix]).to_owned()));
        let packed = self.packed.as_ref().map(|packed| packed.prefix(prefix));
        Ok(Self { problem, packed, keep, d_o: self.d_o.as_ref().map(rows), about, ..self.clone() })
    }

    /// Checks what callers set after it was read: the problem, and its mask on packed sequences.
    pub fn validate(&self) -> Result<(), ProblemError> {
        self.problem.validate()?;
        self.check_mask(&self.problem.mask)
    }

    /// Errors where `mask` cannot be that of packed sequences, or of keys in pages.
    pub fn check_mask(&self, mask: &Mask) -> Result<(), ProblemError> {
        if self.varlen.is_some() {
            // Its lengths are those of the sequences.
            return Ok(());
        }
        self.problem.pages.as_ref().map_or(Ok(()), |pages| pages.check(self.problem.shape.n_k, mask))?;
        self.packed.as_ref().map_or(Ok(()), |packed| packed.check(&self.problem, mask))
    }

    /// Queries that a batch entry has in the file; the rows after them are padding.
    pub fn queries(&self, batch: usize) -> usize {
        let packed = self.packed.as_ref().filter(|_| self.varlen.is_none());
        let own = packed.and_then(|packed| packed.queries.get(batch).copied());
        own.unwrap_or(self.problem.shape.n_q)
    }

    /// A tensor `[batch, heads, n_q, d]` as the file would have it: in its layout and rank, and packed as it is.
    pub fn restore(&self, tensor: Array4<f64>) -> ArrayD<f64> {
        let tensor = self.varlen.as_ref().map(|varlen| varlen.split_queries(&tensor)).unwrap_or(tensor);
        let tensor = self.packed.as_ref().map(|packed| packed.unpad(&tensor)).unwrap_or(tensor);
        let tensor = if self.has_packed_heads { self.heads_again(tensor) } else { tensor };
        self.layout.restore(tensor, self.rank)
    }

    /// A tensor `[batch, kv_heads, n_k, d]` of keys as the file would have it: as [`Input::restore`], of its keys.
    pub fn restore_keys(&self, tensor: Array4<f64>) -> ArrayD<f64> {
        let tensor = self.varlen.as_ref().map(|varlen| varlen.split_keys(&tensor)).unwrap_or(tensor);
        let tensor = self.packed.as_ref().map(|packed| varlen::joined(&tensor, &packed.keys)).unwrap_or(tensor);
        self.layout.restore(tensor, self.rank)
    }

    /// Numbers of rows `[batch, heads, n_q]` as the file would have them: as [`Input::restore`], without `d`.
    pub fn restore_rows(&self, rows: Array3<f64>) -> ArrayD<f64> {
        let rows = match &self.varlen {
            Some(varlen) => varlen.split_queries(&rows.insert_axis(Axis(3))).remove_axis(Axis(3)),
            None => rows,
        };
        let rows = match &self.packed {
            Some(packed) => packed.unpad_rows(rows),
            None if self.has_packed_heads => self.heads_again(rows.insert_axis(Axis(3))).remove_axis(Axis(3)),
            None => rows,
        };
        self.layout.restore_rows(rows, self.rank)
    }

    /// `[batch, kv_heads, n_q g, width]` of packed heads as `[batch, heads, n_q, width]`.
    fn heads_again(&self, tensor: Array4<f64>) -> Array4<f64> {
        let (batch, kv_heads, rows, width) = tensor.dim();
        let group = self.problem.heads_as_rows();
        Array4::from_shape_fn((batch, kv_heads * group, rows / group, width), |(batch, head, i, column)| {
            tensor[[batch, head / group, i * group + head % group, column]]
        })
    }

    /// NaN and infinity are a lesson, not an error: the run goes on.
    fn warn_of_not_finite(&mut self) {
        let mut names = self.problem.not_finite();
        if self.problem.alibi_slopes.iter().flatten().any(|x| !x.is_finite()) {
            names.push("alibi_slopes".to_owned());
        }
        if self.d_o.iter().flatten().any(|x| !x.is_finite()) {
            names.push("dO".to_owned());
        }
        let told = "{0} holds NaN or infinity: it spreads to every row that sees it, and to no other";
        self.warnings.extend(names.into_iter().map(|name| Sentence::new(told).with(name)));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
