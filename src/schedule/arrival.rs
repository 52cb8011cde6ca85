//! In which order the thread blocks of a kernel reach what they all add to in HBM. On a GPU nobody knows it, and the last bits
//! of dQ differ from run to run; here it is chosen.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::sentence::Sentence;

use super::language::{Action, Algorithm, Node};

/// As text `in-order`, or `shuffled:7`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Arrival {
    /// As the text has its loop: the same bits in every run.
    #[default]
    InOrder,
    /// A permutation of the thread blocks by this seed.
    Shuffled(u64),
}

const SHUFFLED: &str = "shuffled:";

impl Arrival {
    /// The numbers of `count` thread blocks as they arrive; the same on every machine.
    pub fn order(self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        if let Self::Shuffled(seed) = self {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            order.sort_by_cached_key(|_| random.next_u64());
        }
        order
    }
}

/// The thread blocks of a kernel, by its number, add to what is in HBM, so that results depend on their order.
pub fn adds_in_hbm(algorithm: &Algorithm, kernel: usize) -> bool {
    let is_parallel = matches!(&algorithm.kernels[kernel].body[..], [Node::Loop(top)] if top.parallel);
    let mut of_kernel = algorithm.lines.iter().filter(|line| line.kernel == kernel).flat_map(|line| &line.statements);
    is_parallel && of_kernel.any(|statement| matches!(statement.action, Action::Add { .. }))
}

impl FromStr for Arrival {
    type Err = Sentence;

    fn from_str(text: &str) -> Result<Self, Sentence> {
        let seed = || text.strip_prefix(SHUFFLED)?.trim().parse().ok();
        let known = if text == "in-order" { Some(Self::InOrder) } else { seed().map(Self::Shuffled) };
        known.ok_or("it is in-order or shuffled:SEED".into())
    }
}

impl fmt::Display for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InOrder => f.write_str("in-order"),
            Self::Shuffled(seed) => write!(f, "{SHUFFLED}{seed}"),
        }
    }
}

crate::sentence::stands_as_text!(Arrival);
