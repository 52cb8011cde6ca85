//! The comparison of two runs: what was chosen of the second, and what workers made of it.

use std::sync::Arc;

use eframe::egui::Context;

use crate::app::run::ghosts::Keeper;
use crate::app::run::latest::Latest;
use crate::app::run::lock::Lock;
use crate::app::run::pair::{Choices, Other, Rescales};
use crate::app::run::scene::FinishedRun;
use crate::app::run::settings::Settings;
use crate::app::run::snapshot::Snapshot;
use crate::schedule::{Algorithm, algorithm};
use crate::sentence::Sentence;

/// Which A, and what B is asked to be.
type PairKey = (u64, Settings);

/// Texts of one's own that are listed.
const MOST_OPENED: usize = 8;

/// What a worker gave.
pub struct Made {
    /// Counts the pairs, so that no moment of one is shown with another.
    pub serial: u64,
    /// Of A.
    pub rescales: Option<Rescales>,
    /// B, or why it cannot run.
    pub other: Result<Arc<Other>, Sentence>,
}

/// Both runs where one cursor has them.
#[derive(Clone)]
pub struct BothAt {
    pub a: Arc<Snapshot>,
    pub b: Arc<Snapshot>,
}

/// A pair, how it is locked, and where A stands.
type PairAt = (u64, Lock, u64);

/// What was chosen, and what was made of it.
#[derive(Default)]
pub struct Compare {
    pub is_open: bool,
    /// Only to be looked at, from afar: names, maps and meters.
    pub is_bare: bool,
    choices: Choices,
    /// Texts that are none of the program's and were run, the latest first.
    opened: Vec<Algorithm>,
    lock: Lock,
    made: Latest<PairKey, Made>,
    /// Something else was asked for since the last frame.
    is_asked: bool,
    /// Of the pair that was begun last.
    serial: u64,
    moment: Latest<PairAt, BothAt>,
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

    /// A text that is run: B can be it from now on, as it was read last.
    pub fn remember(&mut self, text: &Algorithm) {
        if algorithm::is_of_program(text) || self.opened.first() == Some(text) {
            return;
        }
        self.opened.retain(|known| known.name() != text.name());
        self.opened.insert(0, text.clone());
        self.opened.truncate(MOST_OPENED);
    }

    /// The texts that were opened.
    pub fn opened(&self) -> impl Iterator<Item = &Algorithm> {
        self.opened.iter()
    }

    pub fn set_lock(&mut self, lock: Lock) {
        (self.lock, self.is_asked) = (lock, true);
    }

    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// How far B has come that is being made, from 0 to 1.
    pub fn progress(&self) -> f32 {
        self.made.progress()
    }

    /// What B is beside `a`.
    pub fn settings(&self, a: &Settings) -> Settings {
        self.choices.beside(a)
    }

    pub fn is_busy(&self) -> bool {
        self.made.is_busy() || self.moment.is_busy() || self.ghosts.is_busy() || (self.is_open && self.is_asked)
    }

    /// Takes in what workers have made, shown or not.
    pub fn update(&mut self) {
        self.made.update();
        self.moment.update();
        self.ghosts.update();
    }

    /// B beside `a`, made by a worker where it is not that of `a` as it is now; what of the last pair still holds is kept.
    /// `None` while it is being made.
    pub fn pair(&mut self, ctx: &Context, a: &Arc<FinishedRun>, generation: u64) -> Option<Result<&Made, &Sentence>> {
        self.is_asked = false;
        let key = (generation, self.choices.beside(&a.settings));
        if self.made.get(&key).is_none() && !self.made.is_coming(&key) {
            self.serial += 1;
        }
        let old = self.made.known();
        let rescales = old.filter(|(key, _)| key.0 == generation).map(|(_, made)| made.rescales);
        let same = |known: &(&PairKey, &Made)| known.0.1 == key.1;
        let other = old.filter(same).and_then(|(_, made)| made.other.as_ref().ok().cloned());
        let other = other.filter(|other| Arc::ptr_eq(&other.scene.source, &a.source));
        let (a, asked, serial) = (a.clone(), key.1.clone(), self.serial);
        self.made.by_worker(ctx, key, move |signals| {
            let rescales = rescales.unwrap_or_else(|| Rescales::of(&a, signals));
            let other = other.map_or_else(|| Other::new(&a, asked, signals).map(Arc::new), Ok);
            Ok(Made { serial, rescales, other })
        })
    }

    /// A at a cursor, and B where the lock has it then; where that takes more than a moment, the two as they stood
    /// together last. `None` of a pair that was not looked at yet under this lock.
    pub fn moment(
        &mut self,
        ctx: &Context,
        serial: u64,
        (a, at): (&Arc<FinishedRun>, &Arc<Snapshot>),
        b: &Arc<FinishedRun>,
    ) -> Option<BothAt> {
        let (key, lock) = ((serial, self.lock, at.cursor), self.lock);
        let is_cheap = a.is_cheap() && b.is_cheap();
        let (a, at, b) = (a.clone(), at.clone(), b.clone());
        let look = move || {
            let cursor = lock.follow(&a.run, at.cursor, &b.run);
            BothAt { b: Arc::new(Snapshot::without_numbers(&b, cursor)), a: at }
        };
        if is_cheap {
            self.moment.at_once(key, look);
        } else {
            self.moment.follow(ctx, key, move |_| Ok(look()));
        }
        let is_of = |(of, by, _): &PairAt| *of == serial && *by == lock;
        self.moment.known().filter(|(key, _)| is_of(key)).map(|(_, moment)| moment.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::language::TEXTS;

    fn text(name: &str, wording: &str) -> Algorithm {
        Algorithm::read(name, &TEXTS[0].1.replace("Standard", wording)).expect("a text of the program")
    }

    fn names(compare: &Compare) -> Vec<&str> {
        compare.opened().map(Algorithm::name).collect()
    }

    #[test]
    fn texts_of_ones_own_are_listed_the_latest_first_and_once() {
        let mut compare = Compare::default();
        algorithm::of_program().for_each(|text| compare.remember(text));
        assert_eq!(names(&compare), Vec::<&str>::new(), "the program's are listed anyway");
        for name in ["a.tile", "b.tile", "a.tile", "a.tile"] {
            compare.remember(&text(name, "One"));
        }
        assert_eq!(names(&compare), ["a.tile", "b.tile"]);
        // As it was read last.
        let changed = text("b.tile", "Changed");
        compare.remember(&changed);
        assert_eq!(names(&compare), ["b.tile", "a.tile"]);
        assert!(compare.opened().next().is_some_and(|text| text.text().text == changed.text().text));
        (0..20).for_each(|n| compare.remember(&text(&format!("{n}.tile"), "One")));
        let last: Vec<String> = (20 - MOST_OPENED..20).rev().map(|n| format!("{n}.tile")).collect();
        assert_eq!(names(&compare), last);
    }

    #[test]
    fn what_is_asked_of_a_comparison_is_busy_until_it_is_looked_at() {
        let mut compare = Compare::default();
        compare.set_lock(Lock::Bytes);
        assert!(!compare.is_busy(), "nobody looks at it");
        compare.open(Choices::default());
        assert!(compare.is_busy() && compare.lock() == Lock::Bytes);
    }
}
