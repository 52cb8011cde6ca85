//! The trace, version 1, as types. Their documentation becomes that of the JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number::{Number, Values};
use crate::attention::{Align, Diagonal, Pages, Precision, Sequence, TileClass};
use crate::schedule::{Flops, OnChip, Tensor};

pub const FORMAT: &str = "tilescope-trace";
pub const VERSION: u64 = 1;

/// One run of a tiled attention algorithm on one (batch, query head), step by step. NaN and the infinities are the
/// strings "NaN", "Infinity" and "-Infinity". Fields that do not apply are absent; readers ignore those they do not know.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(expecting = "a trace")]
pub struct Trace {
    #[schemars(extend("const" = FORMAT))]
    pub format: String,
    #[schemars(extend("const" = VERSION))]
    pub version: u64,
    /// The program that wrote it, with its version.
    pub generator: String,
    pub input: Origin,
    pub problem: ProblemFacts,
    pub algorithm: String,
    /// The text of the algorithm, in whose lines the steps are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    pub tiling: Grid,
    /// The model of the chip that block sizes and budgets come from.
    #[serde(default)]
    pub hardware: Option<String>,
    pub head: HeadIndex,
    /// What the numbers mean, and what is not modelled.
    pub conventions: Vec<String>,
    pub steps: Vec<Step<'static>>,
    pub totals: Totals,
    /// Absent from a schedule alone.
    #[serde(default)]
    pub check: Option<Check>,
}

/// Where the numbers came from: enough to run it again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Origin {
    /// The file's name, or the spec of a random input.
    pub name: String,
    /// Of the file's bytes, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Of a random input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Only so many first tokens were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<usize>,
    /// The order of its axes, `bnhd` and the like, where it is not `bhnd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<String>,
    /// Slopes of ALiBi that were chosen in place of what the file says, as `--alibi` takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alibi: Option<String>,
    /// `none` where the bias of the file was left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<String>,
    /// The query heads of a group were packed as the rows of one query block.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pack_heads: bool,
    /// Keys of a page, where K and V were laid in pages that the file does not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_size: Option<usize>,
    /// Logits of learned sinks that were chosen in place of what the file says, as `--sinks` takes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sinks: Option<String>,
    /// The order in which thread blocks add to what they share, as `--arrival` takes it, where it is another than that of the
    /// text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<String>,
    /// The gradient of the output that was chosen in place of that of the file, as `--grad` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grad: Option<String>,
    /// `q` where the queries were put in place of the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Of sequences that the file packs into one array, each a batch entry here: the queries and the keys that each has.
    /// What a batch entry has beyond them is padding with zeros, and not of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packed: Option<Vec<[usize; 2]>>,
}

/// Sizes, masks and modifiers. Q is `[batch, heads, n_q, d]`, K `[batch, kv_heads, n_k, d]`, V `[.., n_k, d_v]`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProblemFacts {
    pub batch: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub n_q: usize,
    pub n_k: usize,
    pub d: usize,
    pub d_v: usize,
    /// Factor of every dot product.
    pub scale: Number,
    pub mask: MaskFacts,
    /// `s <- cap * tanh(s / cap)`, before ALiBi, bias and masks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softcap: Option<Number>,
    pub has_alibi: bool,
    pub has_bias: bool,
    /// Each query head has a learned sink: one more score of every row, whose weight gives nothing to O.
    #[serde(default, skip_serializing_if = "is_default")]
    pub has_sinks: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropout: Option<DropoutFacts>,
    /// Where K and V lie, of an input that keeps them in pages; here they are in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Pages>,
    /// The formats of the tensors in HBM. f64 computes in f64, the others in f32.
    pub precision: Precision,
}

/// Which key a query may see.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MaskFacts {
    pub causal: bool,
    /// Where the diagonal lies when n_q is not n_k.
    pub align: Align,
    /// Keys left and right of the diagonal that stay visible; null: all of that side.
    pub window: [Option<usize>; 2],
    /// Keys that exist, for each batch entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_lengths: Option<Vec<usize>>,
    /// Where the diagonal of causal, window and ALiBi ends: at n_k (`whole`), or at the key length of the batch entry.
    #[serde(default, skip_serializing_if = "is_default")]
    pub diagonal: Diagonal,
    /// First keys that are padding, for each batch entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_padding: Option<Vec<usize>>,
    /// First keys that every query sees, whatever causal and window hide.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefix_keys: usize,
    /// First keys that the window does not hide from later queries.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sink_keys: usize,
    /// Tokens of each document; a query sees the keys of its own alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<Vec<usize>>,
    /// The sequences of a batch that is one schedule, one after the other on both axes: the queries and keys that each has,
    /// and the keys before its first query where the diagonal aligns bottom-right. The masks are those of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequences: Option<Vec<Sequence>>,
    /// Query heads that are the rows of each query: the masks are of queries, and each row sees what its query does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads_as_rows: Option<usize>,
    /// What an array of the input leaves of all this, of the trace's heads: for each query, or for all alike, runs of keys
    /// from the first up to, without, the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array: Option<Vec<Vec<[usize; 2]>>>,
    /// The same of what every head of the group sees, where `array` is what some of them do; absent where all see the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub array_of_all: Option<Vec<Vec<[usize; 2]>>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Dropout of weights.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DropoutFacts {
    /// Probability that a weight is dropped.
    pub rate: Number,
    /// Of the regenerated mask; absent where the input has a mask of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Block sizes, and how many blocks there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grid {
    /// Rows of a query block.
    pub br: usize,
    /// Keys of a key block.
    pub bc: usize,
    /// Query blocks.
    pub t_r: usize,
    /// Key blocks.
    pub t_c: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeadIndex {
    pub batch: usize,
    /// Query head.
    pub head: usize,
}

/// One operation of one program (thread block).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Step")]
pub struct Step<'a> {
    /// From 0.
    pub n: u64,
    pub kernel: usize,
    pub program: usize,
    /// `load`, `store`, `scores`, `row-max`, `exponentiate`, ...
    pub op: Cow<'a, str>,
    /// The tensor that moves between HBM and chip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<Tensor>,
    /// Query block; absent where the step has none or spans all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub i: Option<usize>,
    /// Key block; absent where the step has none or spans all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub j: Option<usize>,
    /// Queries `[start, end)`; absent where the step works on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<[usize; 2]>,
    /// Keys `[start, end)`; absent where the step works on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<[usize; 2]>,
    /// What the mask leaves of tile (i, j).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<TileClass>,
    /// The pages that a block of K or V is read from, in order; null for an entry of the block table that names none. Each
    /// entry is 4 of the bytes read, and of the tensor `block_table`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<Vec<Option<usize>>>,
    pub hbm_read_bytes: u64,
    pub hbm_write_bytes: u64,
    /// Buffers alive after the step.
    pub on_chip_bytes: OnChip,
    pub flops: FlopCounts,
    pub lines: Lines<'a>,
    /// Row maximum, one number for each of `rows`, like all statistics. Only after operations on rows, and only what the
    /// program has computed for these rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<Values>,
    /// Row sum of `exp(s - m)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l: Option<Values>,
    /// `exp(m_old - m_new)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<Values>,
    /// flash1: `exp(m_tile - m_new)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<Values>,
    /// Row maximum of this tile alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m_tile: Option<Values>,
    /// Row sum of this tile alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l_tile: Option<Values>,
    /// Logsumexp `m + ln l`.
    #[serde(rename = "L", default, skip_serializing_if = "Option::is_none")]
    pub lse: Option<Values>,
    /// Scores `[rows][cols]` after a step that makes them; `s`, `p` and `o` only with `--tiles full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s: Option<Vec<Values>>,
    /// Weights `[rows][cols]` after a step that makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p: Option<Vec<Values>>,
    /// Output on chip `[rows][d_v]` after a step that changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub o: Option<Vec<Values>>,
    /// Split of the keys; absent where the step has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<usize>,
    /// Query head; absent where the run is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<usize>,
    /// Other values per row or per key that the step has computed, by their names in the text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Values>,
    /// Other blocks that the step has computed, by their names in the text, row by row; only with `--tiles full`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blocks: BTreeMap<String, Vec<Values>>,
}

/// Floating-point operations by kind; a kind of none is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct FlopCounts {
    /// A multiply and an add count as two.
    #[serde(skip_serializing_if = "is_zero")]
    pub matmul: u64,
    /// Exponentials, and the tanh of a softcap.
    #[serde(skip_serializing_if = "is_zero")]
    pub exp: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub other: u64,
}

impl From<Flops> for FlopCounts {
    fn from(Flops { matmul, exp, other }: Flops) -> Self {
        Self { matmul, exp, other }
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Lines of code, from 1, that the step carries out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Lines")]
pub struct Lines<'a> {
    /// Of the algorithm's text, from 1.
    pub pseudo: Cow<'a, [u16]>,
    /// Of the kernel's source; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Cow<'a, [u16]>>,
}

/// What all steps add up to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    pub steps: u64,
    pub hbm_read_bytes: u64,
    pub hbm_write_bytes: u64,
    /// HBM traffic of each tensor that moved.
    pub tensors: BTreeMap<Tensor, Moved>,
    /// Elements that operations read from and write to memory on chip.
    pub sram_read_elements: u64,
    pub sram_write_elements: u64,
    pub flops: FlopCounts,
    /// The most bytes of live buffers.
    pub peak_on_chip_bytes: OnChip,
    pub tiles: TileTotals,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    pub read_elements: u64,
    pub read_bytes: u64,
    pub write_elements: u64,
    pub write_bytes: u64,
}

/// Tiles of the grid of one head by class, and those whose scores were computed for the heads that the schedule is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TileTotals {
    pub full: u64,
    pub partial: u64,
    pub skipped: u64,
    pub computed: u64,
}

/// How far the results are from attention computed in f64, and what the error rule allows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Check {
    /// Each error is within its bound (a NaN is not).
    pub passed: bool,
    /// Absent where the algorithm tells none; so are those of m, l and L.
    #[serde(default, rename = "O", skip_serializing_if = "Option::is_none")]
    pub o: Option<ErrorAndBound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub m: Option<ErrorAndBound>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub l: Option<ErrorAndBound>,
    #[serde(default, rename = "L", skip_serializing_if = "Option::is_none")]
    pub lse: Option<ErrorAndBound>,
    /// Of a backward pass: dQ (of the head of the group that is worst), dK and dV.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gradients: BTreeMap<String, ErrorAndBound>,
    /// Elements that e4m3 could only hold as ±448, by the name of the value that was rounded; that of an operand without a
    /// name is empty.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub saturated: BTreeMap<String, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorAndBound {
    /// Largest absolute difference.
    pub max_error: Number,
    pub bound: Number,
    /// The largest difference of plain attention in the same formats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plain: Option<Number>,
}

impl Step<'_> {
    /// The statistics that it has, each of one number per row, with their names.
    pub fn statistics(&self) -> impl Iterator<Item = (&'static str, &Values)> {
        let all = [&self.m, &self.l, &self.alpha, &self.beta, &self.m_tile, &self.l_tile, &self.lse];
        STATISTICS.into_iter().zip(all).filter_map(|(name, values)| Some((name, values.as_ref()?)))
    }

    pub(super) fn statistics_mut(&mut self) -> impl Iterator<Item = (&'static str, &mut Values)> {
        let Self { m, l, alpha, beta, m_tile, l_tile, lse, .. } = self;
        let all = [m, l, alpha, beta, m_tile, l_tile, lse];
        STATISTICS.into_iter().zip(all).filter_map(|(name, values)| Some((name, values.as_mut()?)))
    }

    /// What it does, for a person: `load K`.
    pub fn title(&self) -> String {
        match self.tensor {
            Some(tensor) => format!("{} {}", self.op, tensor.name()),
            None => self.op.to_string(),
        }
    }
}

pub(super) const STATISTICS: [&str; 7] = ["m", "l", "alpha", "beta", "m_tile", "l_tile", "L"];
