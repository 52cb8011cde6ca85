//! The second run of a comparison: what is chosen of it beside the first, and the pairs that surprise.

use std::sync::Arc;

use crate::app::run::job::Signals;
use crate::app::run::link::Link;
use crate::app::run::scene::{Check, FinishedRun};
use crate::app::run::settings::Settings;
use crate::attention::Precision;
use crate::playback::lesson::BUGS;
use crate::schedule::{Algorithm, RunSpec, Tiling, algorithm, hardware};
use crate::sentence::Sentence;

/// What was chosen of B; `None` is as in A, for the algorithm the one that A is best held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choices {
    pub algorithm: Option<Algorithm>,
    pub tiling: Option<Tiling>,
    pub precision: Option<Precision>,
}

impl Choices {
    /// The choices of B beside `a`. A bug on purpose stays in A.
    pub fn beside(&self, a: &Settings) -> Settings {
        let run = RunSpec { precision: self.precision.or(a.run.precision), ..a.run.clone() };
        Settings {
            algorithm: self.algorithm.clone().unwrap_or_else(|| counterpart(&a.algorithm).clone()),
            run: run.with_blocks(self.tiling.unwrap_or(a.tiling())),
            bug: BUGS[0],
        }
    }

    /// All that `settings` say.
    pub fn of(settings: &Settings) -> Self {
        let (algorithm, tiling) = (settings.algorithm.clone(), settings.tiling());
        Self { algorithm: Some(algorithm), tiling: Some(tiling), precision: settings.run.precision }
    }
}

/// Everything is held against the first algorithm, and that against the last.
fn counterpart(of: &Algorithm) -> &'static Algorithm {
    let [first, .., last] = *algorithm::ALL;
    if of == first { last } else { first }
}

/// A pair of runs of which a formula says what few expect: the first moves more than the second.
pub struct Surprise {
    /// Tokens, and the size of a head.
    pub n: usize,
    pub d: usize,
    pub tiling: Tiling,
    pub algorithms: [&'static str; 2],
}

pub const SURPRISES: [Surprise; 2] = [
    // At the paper's own blocks.
    Surprise {
        n: 1024,
        d: 64,
        // The rule of flash1's paper for an A100 at f16: Bc = ceil(M / 4d), Br = min(Bc, d).
        tiling: Tiling { br: 64, bc: 326 },
        algorithms: ["flash2", "flash1"],
    },
    Surprise { n: 1024, d: 128, tiling: Tiling { br: 64, bc: 64 }, algorithms: ["flash1", "standard"] },
];

impl Surprise {
    /// Where A is.
    pub fn place(&self) -> Link {
        let run = RunSpec {
            input: vec![format!("random:{0},{0},{1}", self.n, self.d).into()],
            algorithm: Some(self.algorithms[0].into()),
            precision: Some(Precision::F16),
            hardware: hardware::by_name("a100-80gb"),
            ..RunSpec::default()
        };
        Link { run: run.with_blocks(self.tiling), ..Link::default() }
    }

    /// What B is.
    pub fn choices(&self) -> Choices {
        Choices { algorithm: algorithm::by_name(self.algorithms[1]).cloned(), ..Choices::default() }
    }
}

/// How often a row's maximum rose and what it had summed before shrank, of the visits of rows that had seen a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescales {
    pub rows: u64,
    pub of: u64,
}

/// Operations of a run that is carried out again for its rescales: some seconds.
const MOST_CARRIED_OUT: u64 = 1 << 37;

impl Rescales {
    /// Carries the run out again; `None` of a long one, of which they are not known.
    pub fn of(scene: &FinishedRun, signals: &Signals) -> Option<Self> {
        if !scene.run.has_numbers() || scene.flops() > MOST_CARRIED_OUT {
            return None;
        }
        let mut rescales = Self::default();
        scene.run.watch(None, |_, _, probe| {
            if let Some((rows, of)) = probe.risen() {
                (rescales.rows, rescales.of) = (rescales.rows + rows, rescales.of + of);
            }
            !signals.is_cancelled()
        });
        Some(rescales)
    }
}

/// B, ready to be shown.
pub struct Other {
    pub scene: Arc<FinishedRun>,
    pub check: Check,
    pub rescales: Option<Rescales>,
}

impl Other {
    pub fn new(a: &FinishedRun, settings: Settings, signals: &Signals) -> Result<Self, Sentence> {
        let scene = FinishedRun::build(a.source.clone(), settings, signals)?;
        if scene.is_compared() {
            scene.carry_out(signals).map_err(|fault| fault.sentence())?;
        }
        // The exact result cannot be stopped once it is begun.
        if signals.is_cancelled() {
            return Err("cancelled".into());
        }
        let (check, rescales) = (Check::of(&scene), Rescales::of(&scene, signals));
        Ok(Self { scene: Arc::new(scene), check, rescales })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surprises_are_true() {
        for surprise in &SURPRISES {
            let opened = surprise.place().open().unwrap();
            let (input, a) = (opened.input, opened.settings.unwrap());
            let b = surprise.choices().beside(&a);
            assert_eq!((a.tiling(), b.tiling()), (surprise.tiling, surprise.tiling));
            assert_eq!(b.run.precision(), Precision::F16);
            let [more, less] =
                [&a, &b].map(|settings| settings.algorithm.closed_form_of(&settings.setting(&input)).hbm_bytes());
            assert!(more > less, "{:?}: {more} {less}", surprise.algorithms);
        }
    }

    #[test]
    fn b_follows_a_where_nothing_was_chosen() {
        let a = Settings::for_input(&crate::attention::input::preset::toy());
        let b = Choices::default().beside(&a);
        assert_eq!((b.algorithm.name(), b.tiling()), ("standard", a.tiling()));
        assert_eq!(Choices::default().beside(&b).algorithm.name(), "flash2");
        let chosen = Choices { tiling: Some(Tiling { br: 2, bc: 8 }), ..Choices::default() };
        assert_eq!(chosen.beside(&a).tiling(), Tiling { br: 2, bc: 8 });
        assert_eq!(Choices::of(&b).beside(&a), b);
        assert_eq!(Choices::default().beside(&Settings { bug: BUGS[1], ..a }).bug, BUGS[0]);
    }
}
