//! One description of a run: its input, how it is computed, for which head, on which chip. The command line, links, kept
//! sessions, the scenes of lessons and traces all say a run by it, so that a choice is read, limited, defaulted and
//! written in one place.
//!
//! Every choice may be left out: then it is as the input says, or as [`RunSpec`] defaults it.

mod choices;
mod modifiers;
mod on_input;
mod pack_heads;
mod paged;
mod values;
mod varlen;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::attention::input::Reading;
use crate::attention::{Align, Diagonal, Precision, Shape, Window};
use crate::sentence::Sentence;

use super::{Algorithm, Arrival, Hardware, Plan, Tiling, tiling};

pub use choices::{CHOICES, Choice, GRID, MASK, READING};
pub use modifiers::{Bias, KeySource, OutputGrad, Sinks, Slopes};
pub use on_input::past;
pub use values::{KeyLengths, Lengths, Splits};

/// Plain data. In JSON, names are those of the command line with `_` for `-`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSpec {
    /// Paths of one input, or `random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]`.
    #[serde(with = "values::one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<PathBuf>,
    /// How a file is read, where it does not say so itself.
    #[serde(skip_serializing_if = "Reading::is_default")]
    pub reading: Reading,
    /// The name of an input that comes with the program, in place of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scene: Option<String>,
    /// Of a random input; 0 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Tokens from the start of a causal input; 0 is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<usize>,
    /// The name of a text of the program, or the path of one of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// Rows of a query block; from the hardware where they are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub br: Option<usize>,
    /// KeySource of a key block; from the hardware where they are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bc: Option<usize>,
    /// Parts that the keys are cut into, by a text with a loop over them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub splits: Option<Splits>,
    /// Of thread blocks that add to what they share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Arrival>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// The query head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causal: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub align: Option<Align>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_lengths: Option<KeyLengths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagonal: Option<Diagonal>,
    /// One number of keys for each batch entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_padding: Option<Lengths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_keys: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_keys: Option<usize>,
    /// Tokens of each document of the whole input: a prefix has as many of them as there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents: Option<Lengths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub softcap: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alibi: Option<Slopes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bias: Option<Bias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeySource>,
    /// Query heads that share a key/value head are rows of the query blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack_heads: Option<bool>,
    /// The sequences of the batch are one schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub varlen: Option<bool>,
    /// Keys of a page, where K and V are laid in pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sinks: Option<Sinks>,
    /// The probability that a weight is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Of a dropout without a mask; 0 where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout_seed: Option<u64>,
    /// The gradient of the output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad: Option<OutputGrad>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Whose memory sets block sizes and budget. Changes no number of a run whose blocks are given.
    #[serde(with = "values::by_name", skip_serializing_if = "Option::is_none")]
    pub hardware: Option<Hardware>,
}

/// The text that runs where none is named.
pub const ALGORITHM: &str = "flash2";

/// Parts of the keys where none are given: enough that a combine has something to do.
pub const SPLITS: usize = 2;

/// More splits than this are no run that anyone makes.
pub const MOST_SPLITS: usize = 4096;

impl RunSpec {
    pub fn algorithm(&self) -> &str {
        self.algorithm.as_deref().unwrap_or(ALGORITHM)
    }

    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }

    /// Tokens from the start; `None` for all.
    pub fn prefix(&self) -> Option<usize> {
        self.prefix.filter(|&prefix| prefix > 0)
    }

    pub fn batch(&self) -> usize {
        self.batch.unwrap_or(0)
    }

    pub fn head(&self) -> usize {
        self.head.unwrap_or(0)
    }

    pub fn precision(&self) -> Precision {
        self.precision.unwrap_or_default()
    }

    pub fn hardware(&self) -> Hardware {
        self.hardware.clone().unwrap_or_default()
    }

    /// Parts that `algorithm` cuts the keys into, of a problem of this shape in these blocks: 1 where it has no loop over
    /// them.
    pub fn splits(&self, algorithm: &Algorithm, shape: &Shape, plan: &Plan) -> usize {
        match self.splits {
            _ if !algorithm.has_splits() => 1,
            Some(Splits::Rule) => tiling::splits_on(&self.hardware(), shape, plan),
            Some(Splits::Count(count)) => count,
            None => SPLITS,
        }
    }

    /// The order in which thread blocks of `algorithm` come: in that of the text where nothing depends on it.
    pub fn arrival(&self, algorithm: &Algorithm) -> Arrival {
        self.arrival.filter(|_| algorithm.depends_on_arrival()).unwrap_or_default()
    }

    pub fn packs_heads(&self) -> bool {
        self.pack_heads == Some(true)
    }

    /// The sequences of the batch are one schedule.
    pub fn is_varlen(&self) -> bool {
        self.varlen == Some(true)
    }

    /// Refuses splits and an order of arrival that were asked of a text that has no use of them, and packed heads of a backward
    /// pass.
    pub fn check_text(&self, algorithm: &Algorithm) -> Result<(), Sentence> {
        match self.splits {
            _ if self.packs_heads() && algorithm.is_backward() => {
                Err(Sentence::new("--pack-heads: {0} is a backward pass, and heads are packed in forward passes alone")
                    .with(algorithm.name()))
            }
            Some(_) if !algorithm.has_splits() => {
                Err(Sentence::new("--splits: {0} has no loop over splits").with(algorithm.name()))
            }
            _ if self.arrival.is_some() && !algorithm.depends_on_arrival() => {
                let fault =
                    "--arrival: no thread blocks of {0} add to the same place, so that no order changes a number";
                Err(Sentence::new(fault).with(algorithm.name()))
            }
            _ if self.packs_heads() => pack_heads::check_text(algorithm),
            _ => Ok(()),
        }
    }

    /// The block sizes that were given, else those of `algorithm` on the hardware; at most as long as the input.
    pub fn tiling(&self, algorithm: &Algorithm, shape: &Shape) -> Tiling {
        let Tiling { br, bc } = match (self.br, self.bc) {
            (Some(br), Some(bc)) => Tiling { br, bc },
            (br, bc) => {
                let chosen = Tiling::for_hardware(algorithm, shape, self.precision(), &self.hardware());
                Tiling { br: br.unwrap_or(chosen.br), bc: bc.unwrap_or(chosen.bc) }
            }
        };
        Tiling { br: br.clamp(1, shape.n_q.max(1)), bc: bc.clamp(1, shape.n_k.max(1)) }
    }

    /// It with these block sizes.
    pub fn with_blocks(self, Tiling { br, bc }: Tiling) -> Self {
        Self { br: Some(br), bc: Some(bc), ..self }
    }

    /// The choices of `over`, and where it makes none, those of `self`.
    pub fn overlaid(&self, over: &Self) -> Self {
        let mut both = over.clone();
        CHOICES.iter().filter(|choice| choice.get(over).is_none()).for_each(|choice| choice.copy(self, &mut both));
        // An input is one thing, whether by its path or by its name.
        let of = if over.input.is_empty() && over.scene.is_none() { self } else { over };
        (both.input, both.scene) = (of.input.clone(), of.scene.clone());
        both
    }

    /// Errors with the first choice that is beyond its limits; what was typed is within them, what a file says need not
    /// be.
    pub fn check(&self) -> Result<(), Sentence> {
        let mut read = Self::default();
        CHOICES
            .iter()
            .filter_map(|choice| Some((choice, choice.get(self)?)))
            .try_for_each(|(choice, text)| choice.set(&mut read, &text))
    }
}

#[cfg(test)]
mod tests;
