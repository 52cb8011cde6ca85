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
        let work = move || {
            if let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(&theirs))) {
                let _ = sender.send(result);
            }
            // After a panic that is all that the window sees: the job is lost.
            drop(sender);
            ctx.request_repaint();
        };
        // Without a thread the closure and its sender are gone too: the job is lost, and says so.
        let _ = thread::Builder::new().name("work".into()).spawn(work);
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
