//! Compare: the run that is open (A) beside another run of the same input (B), under one cursor. Maps and meters, never two
//! stages.

mod lock;
mod view;
mod why;

use std::sync::Arc;

use eframe::egui::Context;

use crate::attention::Precision;
use crate::machine::Run;
use crate::playback::lesson::BUGS;
use crate::schedule::{Algorithm, RunSpec, Tiling, algorithm, hardware};
use crate::sentence::Sentence;

use super::far;
use super::job::{self, Job, Signals};
use super::place::Place;
use super::scene::{Check, Scene};
use super::settings::Settings;
use super::snapshot::Snapshot;

pub use lock::Lock;
pub use view::{RESCALES, show};

/// What can be asked of the comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    Open,
    Lock(Lock),
    Choose(Choices),
    /// A becomes B, and B becomes A.
    Swap,
    /// An index of [`SURPRISES`]: both runs of it.
    Surprise(usize),
}

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
    pub fn place(&self) -> Place {
        let run = RunSpec {
            input: vec![format!("random:{0},{0},{1}", self.n, self.d).into()],
            algorithm: Some(self.algorithms[0].into()),
            precision: Some(Precision::F16),
            hardware: hardware::by_name("a100-80gb"),
            ..RunSpec::default()
        };
        Place { run: run.with_blocks(self.tiling), ..Place::default() }
    }

    /// What B is.
    pub fn choices(&self) -> Choices {
        Choices { algorithm: algorithm::by_name(self.algorithms[1]).cloned(), ..Choices::default() }
    }
}

/// How often a row's maximum rose and what it had summed before shrank, of the visits of rows that had seen a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Rescales {
    rows: u64,
    of: u64,
}

impl Rescales {
    /// Carries `run` out again.
    fn of(run: &Run, signals: &Signals) -> Self {
        let mut rescales = Self::default();
        run.watch(None, |_, _, probe| {
            if let Some((rows, of)) = probe.risen() {
                (rescales.rows, rescales.of) = (rescales.rows + rows, rescales.of + of);
            }
            !signals.is_cancelled()
        });
        rescales
    }
}

/// B, ready to be shown.
struct Other {
    scene: Arc<Scene>,
    check: Check,
    rescales: Rescales,
}

impl Other {
    fn new(a: &Scene, settings: Settings, signals: &Signals) -> Result<Self, Sentence> {
        let scene = Scene::build(a.source.clone(), settings, signals)?;
        // The exact result cannot be stopped once it is begun.
        if signals.is_cancelled() {
            return Err("cancelled".into());
        }
        let (check, rescales) = (Check::of(&scene), Rescales::of(&scene.run, signals));
        Ok(Self { scene: Arc::new(scene), check, rescales })
    }
}

/// Which A, and what B is asked to be.
type Key = (u64, Settings);

/// What a worker gave.
struct Made {
    key: Key,
    /// Of A.
    rescales: Rescales,
    /// B, or why it cannot run.
    other: Result<Arc<Other>, Sentence>,
}

/// What was chosen, and what was made of it.
#[derive(Default)]
pub struct Compare {
    pub is_open: bool,
    /// Only to be looked at, from afar: names, maps and meters.
    pub is_bare: bool,
    choices: Choices,
    lock: Lock,
    made: Option<Made>,
    making: Option<(Key, Job<Made>)>,
    /// Something else was asked for since the last frame.
    is_asked: bool,
    /// Counts what was made, so that no moment of one pair is shown with another.
    serial: u64,
    /// B at the cursor that it has while A is at one.
    moment: Option<((u64, u64, Lock), Arc<Snapshot>)>,
    ghosts: far::Keeper,
}

impl Compare {
    pub fn open(&mut self, choices: Choices) {
        (self.is_open, self.is_asked, self.choices) = (true, true, choices);
    }

    pub fn choose(&mut self, choices: Choices) {
        (self.choices, self.is_asked) = (choices, true);
    }

    pub fn choices(&self) -> Choices {
        self.choices.clone()
    }

    pub fn lock(&mut self, lock: Lock) {
        self.lock = lock;
    }

    /// What B is beside `a`.
    pub fn settings(&self, a: &Settings) -> Settings {
        self.choices.beside(a)
    }

    pub fn is_busy(&self) -> bool {
        self.making.is_some() || self.ghosts.is_busy() || (self.is_open && self.is_asked)
    }

    /// Has B made by a worker where it is not that of `a` as it is now; what of the last pair still holds is kept.
    fn prepare(&mut self, ctx: &Context, a: &Arc<Scene>, generation: u64) {
        self.take();
        self.is_asked = false;
        let key = (generation, self.choices.beside(&a.settings));
        let is_made = self.made.as_ref().is_some_and(|made| made.key == key);
        let is_coming = self.making.as_ref().is_some_and(|(coming, _)| *coming == key);
        if is_made || is_coming {
            return;
        }
        let old = self.made.as_ref();
        let rescales = old.filter(|made| made.key.0 == generation).map(|made| made.rescales);
        let same = |made: &&Made| made.key.1 == key.1;
        let other = old.filter(same).and_then(|made| made.other.as_ref().ok().cloned());
        let other = other.filter(|other| Arc::ptr_eq(&other.scene.source, &a.source));
        let (a, asked) = (a.clone(), key.clone());
        let work = move |signals: &Signals| Made {
            rescales: rescales.unwrap_or_else(|| Rescales::of(&a.run, signals)),
            other: other.map_or_else(|| Other::new(&a, asked.1.clone(), signals).map(Arc::new), Ok),
            key: asked,
        };
        self.making = Some((key, Job::start(ctx, work)));
    }

    fn take(&mut self) {
        let Some((key, making)) = self.making.take() else { return };
        let mut slot = Some(making);
        match job::take(&mut slot) {
            Some(Ok(made)) => {
                self.serial += 1;
                self.made = Some(made);
            }
            Some(Err(fault)) => {
                let rescales = Rescales::default();
                self.made = Some(Made { key, rescales, other: Err(fault.into()) });
            }
            None => self.making = slot.map(|making| (key, making)),
        }
    }

    /// What was made for `a` as it is now.
    fn made(&self, a: &Scene, generation: u64) -> Option<&Made> {
        let key = (generation, self.choices.beside(&a.settings));
        self.made.as_ref().filter(|made| made.key == key)
    }

    /// B while A stands at `cursor`; worked out once for each cursor.
    fn moment(&mut self, a: &Run, cursor: u64, b: &Scene) -> Arc<Snapshot> {
        let key = (self.serial, cursor, self.lock);
        let known = self.moment.take();
        let moment = match known {
            Some((known, moment)) if known == key => moment,
            known => {
                let history = known.filter(|((serial, ..), _)| *serial == self.serial);
                let history = history.and_then(|(_, moment)| Arc::try_unwrap(moment).ok()?.history);
                Arc::new(Snapshot::new(b, self.lock.follow(a, cursor, &b.run), history))
            }
        };
        self.moment = Some((key, moment.clone()));
        moment
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
