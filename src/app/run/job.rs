//! One piece of work on a thread of its own: it reports progress, can be told to stop, and wakes the window when done.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use eframe::egui;

/// Work under way. Dropping it tells the thread to stop and forgets its result, so that the latest request wins.
pub struct Job<T> {
    receiver: Receiver<T>,
    signals: Signals,
    started: Instant,
}

/// What a thread and the window tell each other.
#[derive(Clone, Default)]
pub struct Signals {
    cancel: Arc<AtomicBool>,
    /// Thousandths of the work that are done.
    progress: Arc<AtomicU64>,
    /// The work has ended, with a result or without.
    is_over: Arc<AtomicBool>,
}

impl Signals {
    /// Nobody waits for the result any more.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }

    pub fn cancel(&self) -> &AtomicBool {
        &self.cancel
    }

    pub fn report(&self, done: u64, of: u64) {
        let thousandths = (done as f64 / of.max(1) as f64 * 1e3) as u64;
        self.progress.store(thousandths, Ordering::Relaxed);
    }
}

/// What became of a job.
pub enum Poll<T> {
    Waiting,
    Done(T),
    /// The thread ended without a result: a fault of the program, which must not take the window with it.
    Lost,
}

impl<T: Send + 'static> Job<T> {
    /// Starts `work`. `ctx` is repainted when it ends.
    pub fn start(ctx: &egui::Context, work: impl FnOnce(&Signals) -> T + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let signals = Signals::default();
        let (ctx, theirs) = (ctx.clone(), signals.clone());
        let thread = thread::Builder::new().name("work".into()).spawn(move || {
            // A panic drops the sender, which the window sees as `Lost`.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(&theirs))) {
                let _ = sender.send(result);
            }
            theirs.is_over.store(true, Ordering::Release);
            ctx.request_repaint();
        });
        // Without a thread the closure and its sender are gone too: the job is lost, and says so.
        signals.is_over.fetch_or(thread.is_err(), Ordering::Release);
        Self { receiver, signals, started: Instant::now() }
    }

    /// The result, if it comes within `longest`.
    pub fn wait(&self, longest: Duration) -> Option<T> {
        self.receiver.recv_timeout(longest).ok()
    }

    pub fn poll(&self) -> Poll<T> {
        match self.receiver.try_recv() {
            Ok(result) => Poll::Done(result),
            Err(TryRecvError::Empty) => Poll::Waiting,
            Err(TryRecvError::Disconnected) => Poll::Lost,
        }
    }
}

impl<T> Job<T> {
    /// From 0 to 1.
    pub fn progress(&self) -> f32 {
        self.signals.progress.load(Ordering::Relaxed) as f32 / 1e3
    }

    /// It ended: its result, or that it is lost, can be taken.
    pub fn is_over(&self) -> bool {
        self.signals.is_over.load(Ordering::Acquire)
    }

    /// Tells the thread to stop, and still waits for what it gives.
    pub fn cancel(&self) {
        self.signals.cancel.store(true, Ordering::Relaxed);
    }

    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        self.signals.cancel.store(true, Ordering::Relaxed);
    }
}

/// Takes the result out of `slot` once it is there.
pub fn take<T: Send + 'static>(slot: &mut Option<Job<T>>) -> Option<Result<T, &'static str>> {
    let result = match slot.as_ref()?.poll() {
        Poll::Waiting => return None,
        Poll::Done(result) => Ok(result),
        Poll::Lost => Err("the work stopped by a fault of the program; please report it"),
    };
    *slot = None;
    Some(result)
}

/// What was made last of a key, and what a worker makes of the latest.
pub struct Latest<K, T> {
    /// `None` where the work was lost: it would be lost again.
    known: Option<(K, Option<T>)>,
    making: Option<(K, Job<T>)>,
}

impl<K, T> Default for Latest<K, T> {
    fn default() -> Self {
        Self { known: None, making: None }
    }
}

impl<K: PartialEq, T: Clone + Send + 'static> Latest<K, T> {
    /// Made now, where it is not known: for what is cheap.
    pub fn at_once(&mut self, key: K, work: impl FnOnce() -> T) -> T {
        // Of another key: nobody waits for it any more.
        self.making = None;
        match &self.known {
            Some((known, Some(made))) if *known == key => made.clone(),
            _ => {
                let made = work();
                self.known = Some((key, Some(made.clone())));
                made
            }
        }
    }

    /// `None` while a worker makes it, or where that was lost.
    pub fn by_worker(
        &mut self,
        ctx: &egui::Context,
        key: K,
        work: impl FnOnce(&Signals) -> T + Send + 'static,
    ) -> Option<T> {
        self.update();
        if let Some((known, made)) = &self.known
            && *known == key
        {
            return made.clone();
        }
        if self.making.as_ref().is_none_or(|(making, _)| *making != key) {
            self.making = Some((key, Job::start(ctx, work)));
        }
        None
    }

    pub fn is_busy(&self) -> bool {
        self.making.is_some()
    }

    /// Takes in what the worker has made; to be called in every frame, since nobody asks for what is not shown any more.
    pub fn update(&mut self) {
        let Some((key, making)) = self.making.take() else { return };
        let mut slot = Some(making);
        match take(&mut slot) {
            Some(made) => self.known = Some((key, made.ok())),
            None => self.making = slot.map(|making| (key, making)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<T: Send + 'static>(mut slot: Option<Job<T>>) -> Result<T, &'static str> {
        loop {
            if let Some(result) = take(&mut slot) {
                return result;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn results_arrive_and_faults_are_told() {
        let ctx = egui::Context::default();
        assert_eq!(wait(Some(Job::start(&ctx, |_| 7))), Ok(7));
        assert!(wait(Some(Job::<()>::start(&ctx, |_| panic!("on purpose")))).is_err());
    }

    #[test]
    fn the_latest_is_made_once_and_what_is_lost_is_not_asked_for_again() {
        let ctx = egui::Context::default();
        let mut latest = Latest::default();
        assert_eq!(latest.at_once(1, || "cheap"), "cheap");
        assert_eq!(latest.at_once(1, || panic!("it is known")), "cheap");
        assert_eq!(latest.by_worker(&ctx, 2, |_| "made"), None);
        while latest.is_busy() {
            let made = latest.by_worker(&ctx, 2, |_| panic!("it is being made"));
            assert!(made.is_none_or(|made| made == "made"));
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(latest.by_worker(&ctx, 2, |_| panic!("it is known")), Some("made"));
        assert_eq!(latest.by_worker(&ctx, 3, |_| panic!("on purpose")), None);
        while latest.is_busy() {
            latest.by_worker(&ctx, 3, |_| "it is being made");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((latest.by_worker(&ctx, 3, |_| "again"), latest.is_busy()), (None, false));
        latest.by_worker(&ctx, 4, |_| "for nobody");
        assert_eq!((latest.at_once(5, || "cheap"), latest.is_busy()), ("cheap", false));
    }

    /// Of a tab that was left nobody asks any more: the window comes to rest all the same.
    #[test]
    fn what_is_made_and_not_asked_for_is_no_work() {
        let ctx = egui::Context::default();
        for lost in [false, true] {
            let mut latest = Latest::default();
            latest.by_worker(&ctx, 1, move |_| assert!(!lost, "on purpose"));
            for _ in 0..10_000 {
                latest.update();
                if !latest.is_busy() {
                    break;
                }
                thread::sleep(Duration::from_millis(1));
            }
            assert!(!latest.is_busy());
            assert_eq!(latest.by_worker(&ctx, 1, |_| ()), (!lost).then_some(()));
        }
    }

    #[test]
    fn a_dropped_job_is_cancelled() {
        let ctx = egui::Context::default();
        let (sender, receiver) = channel();
        let job = Job::start(&ctx, move |signals| {
            while !signals.is_cancelled() {
                thread::sleep(Duration::from_millis(1));
            }
            let _ = sender.send(());
        });
        drop(job);
        assert!(receiver.recv_timeout(Duration::from_secs(10)).is_ok());
    }
}
