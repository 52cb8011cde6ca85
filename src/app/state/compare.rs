//! The comparison of two runs: what was chosen of the second, and what workers made of it.

use std::sync::Arc;

use eframe::egui::Context;

use crate::app::run::ghosts::Keeper;
use crate::app::run::job::{self, Job, Signals};
use crate::app::run::lock::Lock;
use crate::app::run::pair::{Choices, Other, Rescales};
use crate::app::run::scene::FinishedRun;
use crate::app::run::settings::Settings;
use crate::app::run::snapshot::Snapshot;
use crate::machine::Run;
use crate::sentence::Sentence;

/// Which A, and what B is asked to be.
type PairKey = (u64, Settings);

/// What a worker gave.
pub struct Made {
    pub key: PairKey,
    /// Of A.
    pub rescales: Option<Rescales>,
    /// B, or why it cannot run.
    pub other: Result<Arc<Other>, Sentence>,
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
    making: Option<(PairKey, Job<Made>)>,
    /// Something else was asked for since the last frame.
    is_asked: bool,
    /// Counts what was made, so that no moment of one pair is shown with another.
    serial: u64,
    /// B at the cursor that it has while A is at one.
    moment: Option<((u64, u64, Lock), Arc<Snapshot>)>,
    pub ghosts: Keeper,
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

    pub fn set_lock(&mut self, lock: Lock) {
        self.lock = lock;
    }

    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// Counts the pairs that were made.
    pub fn serial(&self) -> u64 {
        self.serial
    }

    /// How far B has come that is being made, from 0 to 1.
    pub fn progress(&self) -> f32 {
        self.making.as_ref().map_or(0.0, |(_, job)| job.progress())
    }

    /// What B is beside `a`.
    pub fn settings(&self, a: &Settings) -> Settings {
        self.choices.beside(a)
    }

    pub fn is_busy(&self) -> bool {
        self.making.is_some() || self.ghosts.is_busy() || (self.is_open && self.is_asked)
    }

    /// Takes in what workers have made, shown or not.
    pub fn update(&mut self) {
        self.take();
        self.ghosts.update();
    }

    /// Has B made by a worker where it is not that of `a` as it is now; what of the last pair still holds is kept.
    pub fn prepare(&mut self, ctx: &Context, a: &Arc<FinishedRun>, generation: u64) {
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
            rescales: rescales.unwrap_or_else(|| Rescales::of(&a, signals)),
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
                self.made = Some(Made { key, rescales: None, other: Err(fault.into()) });
            }
            None => self.making = slot.map(|making| (key, making)),
        }
    }

    /// What was made for `a` as it is now.
    pub fn made(&self, a: &FinishedRun, generation: u64) -> Option<&Made> {
        let key = (generation, self.choices.beside(&a.settings));
        self.made.as_ref().filter(|made| made.key == key)
    }

    /// B while A stands at `cursor`; worked out once for each cursor.
    pub fn moment(&mut self, a: &Run, cursor: u64, b: &FinishedRun) -> Arc<Snapshot> {
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
