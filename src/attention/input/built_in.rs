//! Inputs by name: those that come with the program, and those that are made from sizes and a seed. No file is read.

use super::bundled::{CAPTURES, Capture};
use super::error::InputError;
use super::preset::{self, Preset};
use super::{Input, random};

/// An input that its name alone, with a seed, gives.
#[derive(Clone, Copy)]
pub enum BuiltIn<'n> {
    Row,
    Toy,
    Capture(&'static Capture),
    /// `random:N_Q,N_K,D[,HEADS[,KV_HEADS[,BATCH]]]`
    Random(&'n str),
    Preset {
        preset: Preset,
        /// n_q, n_k and d.
        sizes: [usize; 3],
    },
}

impl<'n> BuiltIn<'n> {
    /// `row`, `toy`, `capture NAME`, `preset NAME N_Q,N_K,D` or `random:..`, of which the sizes are not looked at yet.
    pub fn parse(name: &'n str) -> Option<Self> {
        match (name, name.split_once(' ')) {
            ("row", _) => Some(Self::Row),
            ("toy", _) => Some(Self::Toy),
            (_, Some(("capture", stem))) => {
                CAPTURES.iter().find(|capture| capture.stem() == stem.trim()).map(Self::Capture)
            }
            (_, Some(("preset", rest))) => {
                let (name, sizes) = rest.trim().split_once(' ')?;
                let sizes = numbers(sizes).collect::<Option<Vec<_>>>()?.try_into().ok()?;
                Some(Self::Preset { preset: Preset::parse(name)?, sizes })
            }
            _ => name.starts_with(random::PREFIX).then_some(Self::Random(name)),
        }
    }

    /// The product of all sizes that it names: no tensor of it has more elements, nor does its mask have more pairs.
    pub fn most_elements(self) -> usize {
        match self {
            Self::Row | Self::Toy | Self::Capture(_) => 1,
            Self::Random(spec) => numbers(&spec[random::PREFIX.len()..]).flatten().fold(1, usize::saturating_mul),
            Self::Preset { sizes, .. } => sizes.into_iter().fold(1, usize::saturating_mul),
        }
    }

    /// Errors as [`random::read`] and [`Preset::input`] do.
    pub fn input(self, seed: u64) -> Result<Input, InputError> {
        match self {
            Self::Row => Ok(preset::row()),
            Self::Toy => Ok(preset::toy()),
            Self::Capture(capture) => Ok(capture.input()),
            Self::Random(spec) => random::read(spec, seed),
            Self::Preset { preset, sizes: [n_q, n_k, d] } => preset.input(n_q, n_k, d, seed),
        }
    }
}

fn numbers(text: &str) -> impl Iterator<Item = Option<usize>> {
    text.split(',').map(|size| size.trim().parse().ok())
}
