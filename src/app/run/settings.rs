//! What the user chose: everything that, with an input, decides a run. Plain data.

use crate::attention::{Input, Shape};
use crate::playback::lesson::BUGS;
use crate::schedule::spec::{RunSpec, SPLITS, Splits};
use crate::schedule::{Algorithm, Hardware, Setting, Tiling, algorithm, hardware};

/// The choices of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The text that was read, without the bug: a file may be another by now, so that a name is not enough.
    pub algorithm: Algorithm,
    /// All else. Blocks, splits, batch entry, head, precision, chip and prefix are always chosen; what an input says itself
    /// only where it is to be otherwise. The input is the document's.
    pub run: RunSpec,
    /// A name of [`BUGS`]: lines of the text that are wrong on purpose, for as long as one looks at them.
    pub bug: &'static str,
}

/// A prefix of this many tokens is short enough to read every number.
const READABLE: usize = 16;

impl Settings {
    /// What an input opens with: small enough to be read, where the input allows it.
    pub fn for_input(input: &Input) -> Self {
        let shape = input.problem.shape;
        let has_prefix = RunSpec::default().has_exact_prefix(&input.problem);
        let prefix = (has_prefix && shape.n_q <= 256).then_some(READABLE.min(shape.n_q));
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
        let run = RunSpec {
            br: Some(clamp(prefix.unwrap_or(shape.n_q))),
            bc: Some(clamp(prefix.unwrap_or(shape.n_k))),
            splits: Some(Splits::Count(SPLITS)),
            batch: Some(0),
            head: Some(0),
            precision: Some(RunSpec::default().precision()),
            prefix: Some(prefix.unwrap_or(0)),
            hardware: hardware::by_name(if n <= READABLE && shape.d <= 4 { "toy" } else { hardware::DEFAULT }),
            ..RunSpec::default()
        };
        Self { algorithm: algorithm::ALL[2].clone(), run, bug: BUGS[0] }
    }

    /// It with what `run` chooses for a run on `input`; whose input that is and what computes it is left out.
    pub fn with(self, run: &RunSpec, input: &Input) -> Self {
        let asked = RunSpec { input: Vec::new(), scene: None, seed: None, algorithm: None, ..run.clone() };
        let grad = run.grad.map(|grad| grad.seeded(run.seed));
        let asked = RunSpec { reading: self.run.reading.clone(), grad, ..asked };
        Self { run: self.run.overlaid(&asked).against(input), ..self }
    }

    /// It with these block sizes.
    pub fn with_blocks(self, tiling: Tiling) -> Self {
        Self { run: self.run.with_blocks(tiling), ..self }
    }

    /// The nearest choices that fit `shape`; what the user asked for may come from another input.
    pub fn clamp(&mut self, shape: &Shape) {
        let (n_q, n_k) = self.run.lengths(shape);
        let Tiling { br, bc } = self.tiling();
        self.run.batch = Some(self.run.batch().min(shape.batch.saturating_sub(1)));
        let heads = if self.run.packs_heads() { shape.kv_heads } else { shape.heads };
        self.run.head = Some(self.run.head().min(heads.saturating_sub(1)));
        (self.run.br, self.run.bc) = (Some(br.clamp(1, n_q)), Some(bc.clamp(1, n_k)));
    }

    pub fn tiling(&self) -> Tiling {
        Tiling { br: self.run.br.unwrap_or(1), bc: self.run.bc.unwrap_or(1) }
    }

    pub fn hardware(&self) -> Hardware {
        self.run.hardware()
    }

    /// The text that is run: the algorithm's, with the bug that was chosen.
    pub fn text(&self) -> Algorithm {
        self.algorithm.with_bug(self.bug)
    }

    /// Both make the same problem of an input.
    pub fn is_same_problem(&self, other: &Self) -> bool {
        self.run.problem() == other.run.problem()
    }

    /// What the text meets in a run on `input`, whole or as it is run.
    pub fn setting(&self, input: &Input) -> Setting {
        self.run.setting(&self.algorithm, input, self.run.batch())
    }
}
