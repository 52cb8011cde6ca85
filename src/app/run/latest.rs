//! What a worker makes beside the picture for a key, kept while the key stays the same: of all that is asked for, the
//! latest counts.

use eframe::egui::Context;

use crate::app::run::job::{self, Job, Signals};
use crate::sentence::Sentence;

/// The work towards a value, or why there is none; and what begins it.
type MakingJob<T> = Job<Result<T, Sentence>>;
type StartMaking<T> = Box<dyn FnOnce() -> MakingJob<T>>;

/// What was made last and of which key, and the work towards the next.
pub struct Latest<K, T> {
    /// Or why it could not be made: it is not asked for again.
    known: Option<(K, Result<T, Sentence>)>,
    making: Option<(K, MakingJob<T>)>,
    /// What is made once nothing else is.
    next: Option<(K, StartMaking<T>)>,
}

impl<K, T> Default for Latest<K, T> {
    fn default() -> Self {
        Self { known: None, making: None, next: None }
    }
}

impl<K: PartialEq, T: Send + 'static> Latest<K, T> {
    /// Made now, where it is not known: for what is cheap.
    pub fn at_once(&mut self, key: K, work: impl FnOnce() -> T) -> Option<&T> {
        // Of another key: nobody waits for it any more.
        (self.making, self.next) = (None, None);
        if !self.is_known(&key) {
            self.known = Some((key, Ok(work())));
        }
        self.last()
    }

    /// `None` while a worker makes it. Work for another key is stopped.
    pub fn by_worker(
        &mut self,
        ctx: &Context,
        key: K,
        work: impl FnOnce(&Signals) -> Result<T, Sentence> + Send + 'static,
    ) -> Option<Result<&T, &Sentence>> {
        self.update();
        self.next = None;
        if self.is_known(&key) {
            self.making = None;
        } else if !self.is_coming(&key) {
            self.making = Some((key, Job::start(ctx, work)));
            return None;
        }
        self.known.as_ref().filter(|_| self.making.is_none()).map(|(_, made)| made.as_ref())
    }

    /// The last that was made, of this key or of one before it. Work for another key is done first: for what is asked
    /// for with every frame, and would never be done otherwise.
    pub fn follow(
        &mut self,
        ctx: &Context,
        key: K,
        work: impl FnOnce(&Signals) -> Result<T, Sentence> + Send + 'static,
    ) -> Option<&T> {
        self.update();
        self.next = None;
        if !self.is_known(&key) && !self.is_coming(&key) {
            let ctx = ctx.clone();
            self.next = Some((key, Box::new(move || Job::start(&ctx, work))));
            self.update();
        }
        self.last()
    }

    /// What was made for this key; `None` before.
    pub fn get(&self, key: &K) -> Option<Result<&T, &Sentence>> {
        let (_, made) = self.known.as_ref().filter(|(known, _)| known == key)?;
        Some(made.as_ref())
    }

    /// The last that was made, whatever its key.
    pub fn last(&self) -> Option<&T> {
        self.known().map(|(_, made)| made)
    }

    /// The same with its key.
    pub fn known(&self) -> Option<(&K, &T)> {
        let (key, made) = self.known.as_ref()?;
        Some((key, made.as_ref().ok()?))
    }

    /// How far the work under way has come, from 0 to 1.
    pub fn progress(&self) -> f32 {
        self.making.as_ref().map_or(0.0, |(_, job)| job.progress())
    }

    pub fn is_busy(&self) -> bool {
        self.making.is_some()
    }

    pub fn is_coming(&self, key: &K) -> bool {
        self.making.as_ref().is_some_and(|(making, _)| making == key)
    }

    fn is_known(&self, key: &K) -> bool {
        self.known.as_ref().is_some_and(|(known, _)| known == key)
    }

    /// Takes in what the worker has made; to be called in every frame, since nobody asks for what is not shown any more.
    pub fn update(&mut self) {
        if let Some((key, making)) = self.making.take() {
            let mut slot = Some(making);
            match job::take(&mut slot) {
                Some(made) => self.known = Some((key, made.unwrap_or_else(|fault| Err(fault.into())))),
                None => self.making = slot.map(|making| (key, making)),
            }
        }
        if self.making.is_none() {
            self.making = self.next.take().map(|(key, start)| (key, start()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// Until nothing is under way.
    fn settle<K: PartialEq, T: Send + 'static>(latest: &mut Latest<K, T>) {
        for _ in 0..10_000 {
            latest.update();
            if !latest.is_busy() {
                return;
            }
            thread::sleep(Duration::from_millis(1));
        }
        panic!("it does not come to rest");
    }

    #[test]
    fn the_latest_is_made_once_and_what_is_lost_is_not_asked_for_again() {
        let ctx = Context::default();
        let mut latest = Latest::default();
        assert_eq!(latest.at_once(1, || "cheap"), Some(&"cheap"));
        assert_eq!(latest.at_once(1, || panic!("it is known")), Some(&"cheap"));
        assert_eq!(latest.by_worker(&ctx, 2, |_| Ok("made")), None);
        while latest.is_busy() {
            let made = latest.by_worker(&ctx, 2, |_| panic!("it is being made"));
            assert!(made.is_none_or(|made| made == Ok(&"made")));
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(latest.by_worker(&ctx, 2, |_| panic!("it is known")), Some(Ok(&"made")));
        assert_eq!(latest.by_worker(&ctx, 3, |_| panic!("on purpose")), None);
        settle(&mut latest);
        let lost = latest.by_worker(&ctx, 3, |_| Ok("again")).map(|made| made.is_err());
        assert_eq!((lost, latest.is_busy(), latest.get(&2)), (Some(true), false, None));
        latest.by_worker(&ctx, 4, |_| Ok("for nobody"));
        assert_eq!(latest.at_once(5, || "cheap"), Some(&"cheap"));
        assert!(!latest.is_busy());
        latest.by_worker(&ctx, 6, |signals| {
            while !signals.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            Ok("for nobody")
        });
        assert_eq!(latest.by_worker(&ctx, 5, |_| panic!("it is known")), Some(Ok(&"cheap")));
        assert!(!latest.is_busy());
    }

    /// Of a tab that was left nobody asks any more: the window comes to rest all the same.
    #[test]
    fn what_is_made_and_not_asked_for_is_no_work() {
        let ctx = Context::default();
        for lost in [false, true] {
            let mut latest = Latest::default();
            latest.by_worker(&ctx, 1, move |_| {
                assert!(!lost, "on purpose");
                Ok(7)
            });
            settle(&mut latest);
            assert_eq!(latest.last(), (!lost).then_some(&7));
        }
    }

    /// Of keys that come faster than the work is done, the one under way is finished, and then the last of all is made.
    #[test]
    fn what_is_followed_is_never_stopped_and_ends_with_the_last() {
        let ctx = Context::default();
        let (go, waits) = channel();
        let mut latest = Latest::default();
        assert_eq!(latest.follow(&ctx, 1, move |_| Ok(waits.recv().unwrap_or(0))), None);
        for key in 2..5 {
            assert_eq!(latest.follow(&ctx, key, move |_| Ok(10 * key)), None);
        }
        go.send(10).expect("it waits");
        while latest.get(&1).is_none() {
            latest.update();
            thread::sleep(Duration::from_millis(1));
        }
        // Nobody asked again: what was asked for last is made all the same, and until then there is the one before.
        assert!(latest.is_busy() && latest.is_coming(&4));
        settle(&mut latest);
        assert_eq!((latest.get(&4), latest.last()), (Some(Ok(&40)), Some(&40)));
        assert_eq!(latest.follow(&ctx, 4, |_| panic!("it is known")), Some(&40));
    }
}
