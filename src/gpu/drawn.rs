//! Dropout as a kernel takes it: a mask in its memory, or the seed by which it draws each weight again.

use ndarray::Array4;

use crate::attention::Problem;
use crate::attention::dropout::Keep;

/// What of dropout is no tensor.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawn {
    /// The factor of a weight that is kept, `1 / (1 - rate)`.
    pub kept: f32,
    /// The low half first; 0 beside a mask.
    pub seed: [u32; 2],
    /// Random words up to this one drop a weight.
    pub last_dropped: u32,
    /// n_q and n_k of what it is drawn for: of an input that the problem is the beginning of, its own.
    pub sizes: [usize; 2],
}

impl Drawn {
    /// `None` without dropout, and where the rate is too small for a seed to drop anything: the factor is then 1 in f32.
    pub fn of(problem: &Problem) -> Option<Self> {
        let dropout = problem.dropout.as_ref()?;
        let kept = (1.0 / (1.0 - dropout.rate)) as f32;
        Some(match &dropout.keep {
            Keep::Given(mask) => {
                let (_, _, n_q, n_k) = mask.dim();
                Self { kept, sizes: [n_q, n_k], ..Self::default() }
            }
            Keep::Seed(stream) => {
                let seed = [stream.seed as u32, (stream.seed >> 32) as u32];
                let [_, n_q, n_k] = stream.sizes();
                Self { kept, seed, last_dropped: stream.last_dropped(dropout.rate)?, sizes: [n_q, n_k] }
            }
        })
    }
}

/// The mask of a problem, `[batch, heads, n_q, n_k]`, if its dropout has one.
pub fn mask(problem: &Problem) -> Option<&Array4<bool>> {
    match &problem.dropout.as_ref()?.keep {
        Keep::Given(mask) => Some(mask),
        Keep::Seed(_) => None,
    }
}
