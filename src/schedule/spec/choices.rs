//! The choices of a run one by one: what each is called, how it is read and written, and what is said of it.

use crate::schedule::hardware::DEFAULT as CHIP;
use crate::sentence::Sentence;

use super::values::{align, diagonal, hardware, layout, number, precision, seed, text, truth, whole, window};
use super::{ALGORITHM, RunSpec};

/// One choice, by the name that it has as an option and in a scene.
pub struct Choice {
    pub name: &'static str,
    /// What stands for its value in help; empty for what is only said or not.
    pub value: &'static str,
    pub help: &'static str,
    /// What holds where it is left out, if that does not depend on the input.
    pub default: Option<&'static str>,
    set: fn(&mut RunSpec, &str) -> Result<(), Sentence>,
    get: fn(&RunSpec) -> Option<String>,
    copy: fn(&RunSpec, &mut RunSpec),
}

impl Choice {
    pub fn by_name(name: &str) -> Option<&'static Self> {
        CHOICES.iter().find(|choice| choice.name == name)
    }

    /// Reads it. Errors with what is needed.
    pub fn set(&self, spec: &mut RunSpec, text: &str) -> Result<(), Sentence> {
        (self.set)(spec, text)
    }

    /// As [`Choice::set`] reads it; `None` where nothing was chosen.
    pub fn get(&self, spec: &RunSpec) -> Option<String> {
        (self.get)(spec)
    }

    /// Nothing is chosen.
    pub fn take_back(&self, spec: &mut RunSpec) {
        self.copy(&RunSpec::default(), spec);
    }

    /// `to` chooses what `from` does.
    pub(super) fn copy(&self, from: &RunSpec, to: &mut RunSpec) {
        (self.copy)(from, to);
    }
}

/// How a file is read, where it does not say so itself.
pub const READING: [&str; 4] = ["layout", "heads", "kv-heads", "bf16-bits"];

/// What makes a grid of thread blocks of a shape and a mask.
pub const GRID: [&str; 6] = ["br", "bc", "hardware", "splits", "algorithm", "precision"];

/// The choices of a mask.
pub const MASK: [&str; 9] =
    ["causal", "align", "window", "kv-lengths", "diagonal", "left-padding", "prefix-keys", "sink-keys", "documents"];

/// A choice of one field: `$read` makes its value of a text, `$write` a text of its value.
macro_rules! choice {
    ($name:literal $value:literal $(= $default:expr)?, $($field:ident).+, $read:expr, $write:expr, $help:literal) => {
        Choice {
            name: $name,
            value: $value,
            help: $help,
            default: [$(Some($default),)? None][0],
            set: |spec, said| {
                spec.$($field).+ = Some($read(said)?);
                Ok(())
            },
            get: |spec| spec.$($field).+.as_ref().map($write),
            copy: |from, to| to.$($field).+ = from.$($field).+.clone(),
        }
    };
}

/// Every choice but the files of the input.
pub const CHOICES: [Choice; 37] = [
    choice!("scene" "NAME", scene, text, String::clone,
        "row, toy, real, count, `capture NAME` or `preset NAME N_Q,N_K,D`, in place of a file"),
    choice!("layout" "AXES" = "bhnd", reading.layout, layout, |layout| layout.name().into(),
        "The order of the axes of Q, K and V: bhnd, bnhd (flash-attn), nbhd, bnd (heads * d in one) or thd \
         (flash-attn's varlen: [total, heads, d], with cu_seqlens in the file where it is more than one sequence)"),
    choice!("heads" "N", reading.heads, |said| whole("heads", said, 1..=usize::MAX), ToString::to_string,
        "Query heads, for the layout bnd"),
    choice!("kv-heads" "N", reading.kv_heads, |said| whole("kv-heads", said, 1..=usize::MAX), ToString::to_string,
        "Key/value heads, for the layout bnd; as wide as those of Q where they are not given"),
    Choice {
        name: "bf16-bits",
        value: "",
        help: "Read arrays of 16-bit whole numbers as the bits of bfloat16",
        default: None,
        set: |spec, said| truth(said).map(|is_on| spec.reading.bf16_bits = is_on),
        get: |spec| spec.reading.bf16_bits.then(|| "true".into()),
        copy: |from, to| to.reading.bf16_bits = from.reading.bf16_bits,
    },
    choice!("seed" "N" = "0", seed, seed, ToString::to_string,
        "Seed of a random: input"),
    choice!("prefix" "N" = "0", prefix, |said| whole("prefix", said, 0..=usize::MAX), ToString::to_string,
        "Only the first N tokens of a causal input; 0 is all"),
    choice!("algorithm" "NAME" = ALGORITHM, algorithm, text, String::clone,
        "A text of the program (standard, flash1, flash2, flash2-lazy, split-kv, flash2-backward, ..), a variant such as \
         flash2/forget-alpha, or a text of one's own, FILE.tile"),
    choice!("br" "N", br, |said| whole("br", said, 1..=usize::MAX), ToString::to_string,
        "Rows of a query block"),
    choice!("bc" "N", bc, |said| whole("bc", said, 1..=usize::MAX), ToString::to_string,
        "Keys of a key block"),
    choice!("splits" "N" = "2", splits, str::parse, ToString::to_string,
        "Parts of the keys that are worked on apart and then combined, for a text with a loop over splits, at most 4096; or \
         rule: as many as flash-attention 2 takes for this grid of thread blocks on this GPU (--hardware)"),
    choice!("arrival" "ORDER" = "in-order", arrival, str::parse, ToString::to_string,
        "The order in which thread blocks add to what they share (dQ of flash2-backward): in-order, the same bits in every run \
         as a deterministic kernel has, or shuffled:SEED, as atomic additions on a GPU may come"),
    choice!("batch" "N", batch, |said| whole("batch", said, 0..=usize::MAX), ToString::to_string,
        "The batch entry, from 0"),
    choice!("head" "N", head, |said| whole("head", said, 0..=usize::MAX), ToString::to_string,
        "The query head, from 0"),
    choice!("causal" "", causal, truth, ToString::to_string,
        "Let no query see a later key"),
    choice!("align" "WHERE" = "bottom-right", align, align, |align| align.name().into(),
        "Where the diagonal lies when n_q != n_k: bottom-right (the last query sees the last of n_k keys) or \
         top-left (the first query sees the first key)"),
    choice!("window" "L,R", window, window, ToString::to_string,
        "Keys left and right of the diagonal that stay visible; -1 is unbounded"),
    choice!("kv-lengths" "A,B,..", kv_lengths, str::parse, ToString::to_string,
        "Keys that exist, one length for each batch entry, or all; whether they move the diagonal is --diagonal"),
    choice!("diagonal" "WHERE" = "whole", diagonal, diagonal, |diagonal| diagonal.name().into(),
        "Where the diagonal of causal, window and ALiBi ends: whole (at n_k, whatever the key lengths) or lengths (at the \
         length of each sequence, as libraries with a KV cache have it)"),
    choice!("left-padding" "A,B,..", left_padding, str::parse, ToString::to_string,
        "First keys that are padding, one number for each batch entry, or none; they do not move the diagonal"),
    choice!("prefix-keys" "N" = "0", prefix_keys, |said| whole("prefix-keys", said, 0..=usize::MAX), ToString::to_string,
        "First keys that every query sees, whatever causal and window hide (a prefix LM)"),
    choice!("sink-keys" "N" = "0", sink_keys, |said| whole("sink-keys", said, 0..=usize::MAX), ToString::to_string,
        "First keys that a window does not hide from later queries (attention sinks)"),
    choice!("documents" "A,B,..", documents, str::parse, ToString::to_string,
        "Tokens of documents that lie one after the other, all n_k of them, or none: a query sees the keys of its own \
         document alone"),
    choice!("scale" "X", scale, number, ToString::to_string,
        "Factor of the scores; 1/sqrt(d) where the input does not say"),
    choice!("softcap" "C", softcap, number, ToString::to_string,
        "Squash scores: s = C tanh(s / C)"),
    choice!("alibi" "SLOPES", alibi, str::parse, ToString::to_string,
        "Lower scores by their distance from the diagonal: a slope, one for each query head with commas, standard (those \
         of the paper) or none"),
    choice!("bias" "WHICH", bias, str::parse, ToString::to_string,
        "What the input adds to the scores, masks among it: own, or none. A mask of booleans that is an array moves 1 \
         byte a pair, in the tiles of which something is seen"),
    choice!("keys" "WHICH", keys, str::parse, ToString::to_string,
        "The keys: own, or q for the queries in their place (S is symmetric then)"),
    choice!("pack-heads" "", pack_heads, truth, ToString::to_string,
        "Pack the query heads of a group as rows of the query blocks (packed GQA), beside each other for each query: a block \
         of K and V is loaded once for all of them"),
    choice!("varlen" "", varlen, truth, ToString::to_string,
        "The sequences of the batch, packed or with key lengths, as one schedule (flash-attention's varlen): blocks begin \
         anew at each, none is of two, and each has its own diagonal"),
    choice!("page-size" "N", page_size, |said| whole("page-size", said, 1..=usize::MAX), ToString::to_string,
        "Lay K and V in pages of so many keys, as a KV cache does: each load of a block reads its entries of a block table, \
         whose pages are in an order that is the same for the same sizes; an input with a block_table has its own"),
    choice!("sinks" "LOGITS", sinks, str::parse, ToString::to_string,
        "Learned sinks, a logit that takes weight in every row and gives nothing (gpt-oss): one, one for each query head with \
         commas, random:SEED or none; those of the input are in its array sinks"),
    choice!("dropout" "P", dropout, number, ToString::to_string,
        "Drop weights with this probability; a `keep` mask in the input decides which"),
    choice!("dropout-seed" "N" = "0", dropout_seed, seed, ToString::to_string,
        "Seed of a dropout without a `keep` mask: Philox 4x32-10, the very weights that PyTorch's memory-efficient attention \
         drops after torch.manual_seed(N)"),
    choice!("grad" "WHICH", grad, str::parse, ToString::to_string,
        "The gradient dO of the output, for a backward pass, in place of that of the input: ones, random (of the seed of the \
         run, as a random: input has it) or random:SEED; ones where neither says it"),
    choice!("precision" "FORMAT" = "f32", precision, precision, ToString::to_string,
        "f64, f32, f16, bf16 or e4m3 (fp8), and with commas what differs: bf16,O=f32 keeps O wider, acc=f16 is of \
         accumulators and values on chip, e4m3,scales=block divides each block of Q, K and V by its largest / 448"),
    choice!("hardware" "NAME" = CHIP, hardware, hardware, |model| model.name.into(),
        "The GPU whose memory sets the budget, and the block sizes that are not given"),
];
