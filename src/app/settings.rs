//! What the user chose: everything that, with an input, decides a run. Plain data.

use std::borrow::Cow;

use crate::attention::input::{Fact, Input};
use crate::attention::{Align, Mask, Precision, Problem, ProblemError, Shape};
use crate::playback::lesson::BUGS;
use crate::schedule::{Algorithm, Hardware, Plan, Setting, Tiling, algorithm, hardware};

/// The choices of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Without the bug.
    pub algorithm: Algorithm,
    pub tiling: Tiling,
    /// Parts that the keys are cut into, by a text with a loop over them.
    pub splits: usize,
    pub batch: usize,
    pub head: usize,
    pub precision: Precision,
    pub causal: bool,
    pub align: Align,
    /// Keys left and right of the diagonal that stay visible; `None` is unbounded.
    pub window: [Option<usize>; 2],
    /// Keys that exist, one length for each batch entry; `None` for all of them.
    pub key_lengths: Option<Vec<usize>>,
    /// Tokens from the start; `None` for all, and for inputs of which a prefix would not be exact.
    pub prefix: Option<usize>,
    /// A name of [`hardware::all`]: whose budget the buffers are held against. Changes no number of the run.
    pub hardware: &'static str,
    /// A name of [`BUGS`]: lines of the text that are wrong on purpose.
    pub bug: &'static str,
}

/// As on the command line.
const MOST_SPLITS: usize = 4096;

/// Enough that a combine has something to do.
pub(super) const SPLITS: usize = 2;

/// A prefix of this many tokens is short enough to read every number.
const READABLE: usize = 16;

impl Settings {
    /// What an input opens with: small enough to be read, where the input allows it.
    pub fn for_input(input: &Input) -> Self {
        let shape = input.problem.shape;
        let prefix = (has_exact_prefix(&input.problem) && shape.n_q <= 256).then_some(READABLE.min(shape.n_q));
        let n = prefix.unwrap_or(shape.n_q.max(shape.n_k));
        let side = match n {
            0..=6 => 2,
            7..=16 => 4,
            17..=64 => 8,
            65..=256 => 16,
            257..=511 => 64,
            _ => 128,
        };
        let clamp = |n: usize| side.min(n.max(1));
        Self {
            algorithm: algorithm::ALL[2].clone(),
            tiling: Tiling { br: clamp(prefix.unwrap_or(shape.n_q)), bc: clamp(prefix.unwrap_or(shape.n_k)) },
            splits: SPLITS,
            batch: 0,
            head: 0,
            precision: Precision::F32,
            causal: input.problem.mask.causal,
            align: input.problem.mask.align,
            window: [input.problem.mask.window_left, input.problem.mask.window_right],
            key_lengths: input.problem.mask.key_lengths.clone(),
            prefix,
            hardware: if n <= READABLE && shape.d <= 4 { "toy" } else { hardware::DEFAULT },
            bug: BUGS[0],
        }
    }

    /// The nearest choices that fit `shape`; what the user asked for may come from another input.
    pub fn clamp(&mut self, shape: &Shape) {
        self.batch = self.batch.min(shape.batch.saturating_sub(1));
        self.head = self.head.min(shape.heads.saturating_sub(1));
        let (n_q, n_k) = self.lengths(shape);
        self.tiling = Tiling { br: self.tiling.br.clamp(1, n_q), bc: self.tiling.bc.clamp(1, n_k) };
    }

    /// Queries and keys that are left by the prefix; at least 1.
    pub fn lengths(&self, shape: &Shape) -> (usize, usize) {
        let cut = |n: usize| self.prefix.map_or(n, |prefix| prefix.min(n)).max(1);
        (cut(shape.n_q), cut(shape.n_k))
    }

    pub fn hardware(&self) -> Option<Hardware> {
        hardware::by_name(self.hardware)
    }

    /// The text that is run: the algorithm's, with the bug that was chosen.
    pub fn text(&self) -> Algorithm {
        self.algorithm.with_bug(self.bug)
    }

    /// The input that is run: its prefix, under the mask that was chosen. Errors as [`Input::prefix`] and
    /// [`Problem::validate`] do.
    pub fn apply(&self, input: &Input) -> Result<Input, ProblemError> {
        let mut input = match self.prefix {
            Some(prefix) => input.prefix(prefix)?,
            None => input.clone(),
        };
        input.problem.mask = self.mask(input.problem.shape.n_k);
        input.validate()?;
        Ok(input)
    }

    /// The whole input under the mask that was chosen, which says of each choice against the file that it is one.
    pub fn on_whole<'a>(&self, input: &'a Input) -> Cow<'a, Input> {
        let (mask, of_file) = (self.mask(input.problem.shape.n_k), &input.problem.mask);
        if mask == *of_file {
            return Cow::Borrowed(input);
        }
        let sides = |mask: &Mask| (mask.window_left, mask.window_right);
        let chosen = [
            (Fact::Causal, mask.causal != of_file.causal),
            (Fact::Align, mask.align != of_file.align),
            (Fact::Window, sides(&mask) != sides(of_file)),
            (Fact::KeyLengths, mask.key_lengths != of_file.key_lengths),
        ];
        let mut input = input.clone();
        chosen.into_iter().filter(|(_, is_chosen)| *is_chosen).for_each(|(fact, _)| input.told.by_option(fact));
        input.problem.mask = mask;
        Cow::Owned(input)
    }

    /// Both make the same problem of an input.
    pub fn is_same_problem(&self, other: &Self) -> bool {
        (self.mask(usize::MAX), self.prefix) == (other.mask(usize::MAX), other.prefix)
    }

    /// The mask on `n_k` keys. Lengths of the whole input leave as much of a prefix as there is.
    pub fn mask(&self, n_k: usize) -> Mask {
        let key_lengths = self.key_lengths.as_ref();
        Mask {
            causal: self.causal,
            align: self.align,
            window_left: self.window[0],
            window_right: self.window[1],
            key_lengths: key_lengths.map(|lengths| lengths.iter().map(|length| *length.min(&n_k)).collect()),
        }
    }

    /// The plan with the splits of the text, if it has some.
    pub fn setting(&self, plan: Plan) -> Setting {
        let splits = if self.algorithm.has_splits() { self.splits.clamp(1, MOST_SPLITS) } else { 1 };
        Setting { splits, ..Setting::new(plan) }
    }

    pub fn plan(&self, problem: &Problem) -> Plan {
        Plan::of_problem(problem, self.batch, self.tiling, self.precision)
    }

    /// The plan of a run on `input`, of which no prefix was taken yet. Copies no tensor.
    pub fn plan_on(&self, input: &Input) -> Plan {
        let (n_q, n_k) = self.lengths(&input.problem.shape);
        let shape = Shape { n_q, n_k, ..input.problem.shape };
        Plan {
            n_q,
            n_k,
            br: self.tiling.br.clamp(1, n_q),
            bc: self.tiling.bc.clamp(1, n_k),
            band: self.mask(n_k).band(&shape, self.batch),
            ..self.plan(&input.problem)
        }
    }
}

/// A prefix of it is what the whole would have computed for those tokens.
pub fn has_exact_prefix(problem: &Problem) -> bool {
    problem.mask.causal && problem.shape.n_q == problem.shape.n_k
}
