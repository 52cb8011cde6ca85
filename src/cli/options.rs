//! Options that commands share: from arguments to a problem, a tiling and an algorithm.

use std::path::PathBuf;

use clap::Args;

use crate::attention::dropout::{Dropout, Keep};
use crate::attention::input::{Fact, Layout, Reading, Understood};
use crate::attention::{Align, Input, Mask, Precision, Shape};
use crate::schedule::{Algorithm, Hardware, Plan, Setting, Tiling, hardware};

use super::failure::{note, print_json, warn};
use super::{Failure, files};

/// Masks, as every command takes them.
#[derive(Args, Clone, Debug, Default)]
pub struct MaskOptions {
    /// Let no query see a later key
    #[arg(long, overrides_with = "no_causal")]
    causal: bool,
    /// Let every query see every key, also where the input says causal
    #[arg(long, overrides_with = "causal")]
    no_causal: bool,
    /// Where the diagonal lies when n_q != n_k: bottom-right (default: the last query sees the last of n_k keys) or
    /// top-left (the first query sees the first key)
    #[arg(long, value_parser = align)]
    align: Option<Align>,
    /// Keys left and right of the diagonal that stay visible; -1 is unbounded
    #[arg(long, value_name = "L,R", allow_hyphen_values = true, value_parser = window)]
    window: Option<Window>,
    /// Keys that exist, one length for each batch entry; they do not move the diagonal, which stays that of n_q and n_k
    #[arg(long, value_name = "A,B,..", value_delimiter = ',')]
    kv_lengths: Option<Vec<usize>>,
}

/// The two sides of a sliding window.
#[derive(Clone, Copy, Debug)]
struct Window {
    left: Option<usize>,
    right: Option<usize>,
}

fn align(text: &str) -> Result<Align, String> {
    [Align::BottomRight, Align::TopLeft]
        .into_iter()
        .find(|align| align.name() == text)
        .ok_or_else(|| "it is bottom-right or top-left".into())
}

fn window(text: &str) -> Result<Window, String> {
    let side = |text: &str| match text.trim() {
        "-1" => Ok(None),
        text => text.parse().map(Some).map_err(|_| "it is two numbers such as 16,0; -1 is unbounded".to_owned()),
    };
    let (left, right) = text.split_once(',').ok_or("it is two numbers with a comma, such as 16,0")?;
    Ok(Window { left: side(left)?, right: side(right)? })
}

pub fn precision(text: &str) -> Result<Precision, String> {
    Precision::parse(text).ok_or_else(|| "it is f64, f32, f16 or bf16".into())
}

fn hardware_model(text: &str) -> Result<Hardware, String> {
    hardware::by_name(text).ok_or_else(|| {
        let names: Vec<_> = hardware::all().iter().map(|model| model.name).collect();
        format!("known are {}", names.join(", "))
    })
}

/// The algorithm that `--algorithm` names; notes on its text are said.
pub fn algorithm(name: &str) -> Result<Algorithm, Failure> {
    let algorithm = crate::files::algorithm(name).map_err(|fault| {
        let what = if crate::files::is_text(name) { fault.to_string() } else { format!("--algorithm {name}: {fault}") };
        Failure::Bad(what)
    })?;
    for note in &algorithm.text().notes {
        warn(&format!("{name}:{note}"));
    }
    Ok(algorithm)
}

impl MaskOptions {
    /// What the options say, which holds against what a file says.
    fn facts(&self) -> impl Iterator<Item = Fact> {
        let said = [
            (Fact::Causal, self.causal || self.no_causal),
            (Fact::Align, self.align.is_some()),
            (Fact::Window, self.window.is_some()),
            (Fact::KeyLengths, self.kv_lengths.is_some()),
        ];
        said.into_iter().filter_map(|(fact, is_said)| is_said.then_some(fact))
    }

    /// The mask of an input, with what the options override.
    pub fn apply(&self, mask: &mut Mask) {
        if self.causal || self.no_causal {
            mask.causal = self.causal;
        }
        if let Some(align) = self.align {
            mask.align = align;
        }
        if let Some(window) = self.window {
            (mask.window_left, mask.window_right) = (window.left, window.right);
        }
        if let Some(lengths) = &self.kv_lengths {
            mask.key_lengths = Some(lengths.clone());
        }
    }
}

/// Block sizes and the format of the tensors.
#[derive(Args, Clone, Debug)]
pub struct TilingOptions {
    /// Rows of a query block; from the hardware where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    br: Option<u32>,
    /// Keys of a key block; from the hardware where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    bc: Option<u32>,
    /// The GPU whose memory sets the block sizes and the budget
    #[arg(long, value_name = "NAME", default_value = hardware::DEFAULT, value_parser = hardware_model)]
    pub hardware: Hardware,
    /// Parts of the keys that are worked on apart and then combined, for a text with a loop over splits, at most 4096; 1
    /// where it is not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub splits: Option<u32>,
}

impl TilingOptions {
    /// The block sizes for one algorithm.
    pub fn tiling(&self, algorithm: &Algorithm, shape: &Shape, precision: Precision) -> Tiling {
        self.or_given(Tiling::for_hardware(algorithm, shape, precision, &self.hardware), shape)
    }

    /// The parts that the keys are cut into. Refuses `--splits` for what has none.
    pub fn splits_of(&self, algorithm: &Algorithm) -> Result<usize, Failure> {
        match self.splits {
            None => Ok(1),
            Some(splits) if algorithm.has_splits() => Ok(splits as usize),
            Some(_) => Err(Failure::Bad(format!("--splits: {} has no loop over splits", algorithm.name()))),
        }
    }

    /// The block sizes that were given, else those of `fallback`.
    pub fn or_given(&self, fallback: Tiling, shape: &Shape) -> Tiling {
        Tiling {
            br: self.br.map_or(fallback.br, |br| br as usize).min(shape.n_q),
            bc: self.bc.map_or(fallback.bc, |bc| bc as usize).min(shape.n_k),
        }
    }
}

/// How an input file is read, where it does not say so itself.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct ReadingOptions {
    /// The order of the axes of Q, K and V: bhnd (default), bnhd (flash-attn), nbhd, bnd (heads * d in one) or
    /// thd (flash-attn's varlen: [total, heads, d], with cu_seqlens in the file where it is more than one sequence)
    #[arg(long, value_name = "AXES", value_parser = layout)]
    layout: Option<Layout>,
    /// Query heads, for the layout bnd
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    heads: Option<u32>,
    /// Key/value heads, for the layout bnd; as wide as those of Q where they are not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    kv_heads: Option<u32>,
    /// Read arrays of 16-bit whole numbers as the bits of bfloat16
    #[arg(long)]
    bf16_bits: bool,
}

impl ReadingOptions {
    pub fn reading(&self) -> Reading {
        let count = |count: Option<u32>| count.map(|count| count as usize);
        let (heads, kv_heads) = (count(self.heads), count(self.kv_heads));
        Reading { layout: self.layout, heads, kv_heads, bf16_bits: self.bf16_bits }
    }
}

fn layout(text: &str) -> Result<Layout, String> {
    let known = || format!("known are {}", Layout::ALL.map(Layout::name).join(", "));
    Layout::parse(text).map(|(layout, _)| layout).ok_or_else(known)
}

/// What `run` and `trace` share.
#[derive(Args, Clone, Debug)]
pub struct InputOptions {
    /// A .safetensors file (a capture or any other), an .npz, several .npy or a folder of them, - for
    /// standard input, or random:N_Q,N_K,D[,HEADS[,KV_HEADS]]
    ///
    /// Arrays are found by their names: q, k and v (or Q, query, xq, .., or arr_0, arr_1, arr_2), and optionally mask
    /// (attn_mask, attention_mask: of booleans, true attends; else added), bias (added; any shape that broadcasts to
    /// [batch, heads, n_q, n_k]), alibi_slopes ([heads] or [batch, heads]), keep (a dropout mask, with dropout_p), dO, and
    /// O, which is compared with. Numbers beside them, as arrays or as safetensors metadata: scale, causal, align, window
    /// (left, right) or sliding_window, kv_lengths, softcap, layout, heads, cu_seqlens (of packed sequences). What is not
    /// known is named in a warning.
    #[arg(required = true, num_args = 1..)]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingOptions,
    /// A text of the program (standard, flash1, flash2, flash2-lazy, split-kv, flash2-backward, ..), a variant such as
    /// flash2/forget-alpha, or a text of one's own, FILE.tile
    #[arg(long, value_name = "NAME", default_value = "flash2")]
    pub algorithm: String,
    #[command(flatten)]
    pub tiling: TilingOptions,
    #[command(flatten)]
    pub mask: MaskOptions,
    /// Squash scores: s = C tanh(s / C)
    #[arg(long, value_name = "C", allow_hyphen_values = true)]
    softcap: Option<f64>,
    /// Factor of the scores; 1/sqrt(d) where the input does not say
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    scale: Option<f64>,
    /// f64, f32, f16 or bf16
    #[arg(long, value_name = "FORMAT", default_value = "f32", value_parser = precision)]
    pub precision: Precision,
    /// Only the first N tokens of a causal input
    #[arg(long, value_name = "N")]
    pub prefix: Option<usize>,
    /// Drop weights with this probability; a `keep` mask in the input decides which
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    dropout: Option<f64>,
    #[arg(long, value_name = "N", default_value_t = 0)]
    dropout_seed: u64,
    /// Seed of a random: input
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

impl InputOptions {
    /// The algorithm, which has a loop over splits where `--splits` is given.
    pub fn algorithm(&self) -> Result<Algorithm, Failure> {
        let algorithm = algorithm(&self.algorithm)?;
        self.tiling.splits_of(&algorithm)?;
        Ok(algorithm)
    }

    /// What one query head of a batch entry meets.
    pub fn setting(&self, input: &Input, algorithm: &Algorithm, batch: usize) -> Result<Setting, Failure> {
        let splits = self.tiling.splits_of(algorithm)?;
        Ok(Setting { splits, ..Setting::new(self.plan(input, algorithm, batch)) })
    }

    /// What messages call the input.
    pub fn name(&self) -> String {
        files::all_shown(&self.input)
    }

    /// The input with every option applied.
    pub fn open(&self) -> Result<Input, Failure> {
        let mut input = files::open(&self.input, self.seed, &self.reading.reading())?;
        let bad = |error: &dyn std::fmt::Display| Failure::bad(self.name(), error);
        if self.mask.causal {
            // Before the prefix, which only a causal input has.
            input.problem.mask.causal = true;
        }
        if let Some(prefix) = self.prefix {
            input = input.prefix(prefix).map_err(|error| bad(&error))?;
        }
        self.mask.apply(&mut input.problem.mask);
        self.mask.facts().for_each(|fact| input.told.by_option(fact));
        if let Some(scale) = self.scale {
            input.problem.scale = scale;
            input.told.by_option(Fact::Scale);
        }
        if self.softcap.is_some() {
            input.problem.softcap = self.softcap;
            input.told.by_option(Fact::Softcap);
        }
        if let Some(rate) = self.dropout {
            let keep = input.keep.clone().map_or(Keep::Seed(self.dropout_seed), Keep::Given);
            input.problem.dropout = Some(Dropout { rate, keep });
            input.told.by_option(Fact::Dropout);
        } else if input.keep.is_some() && input.problem.dropout.is_none() {
            let what = "it has a `keep` mask; give the probability it was made with as --dropout P";
            return Err(Failure::bad(self.name(), what));
        }
        input.validate().map_err(|error| bad(&error))?;
        Ok(input)
    }

    /// Says what was understood of `input`, in one line on stderr or as JSON on stdout, and what does not agree.
    pub fn tell(&self, input: &Input, json: bool) -> Result<(), Failure> {
        let understood = Understood::of(input);
        if let Some(warning) = understood.warning() {
            warn(&format!("{}: {warning}", self.name()));
        }
        if json {
            return print_json(&understood);
        }
        note(&understood.sentence);
        Ok(())
    }

    /// The plan of one batch entry.
    pub fn plan(&self, input: &Input, algorithm: &Algorithm, batch: usize) -> Plan {
        let tiling = self.tiling.tiling(algorithm, &input.problem.shape, self.precision);
        Plan::of_problem(&input.problem, batch, tiling, self.precision)
    }
}
