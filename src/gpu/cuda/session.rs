//! A context on one device with what was made in it, freed when it goes: no handle outlives its owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::driver::{Address, Context, Driver, Event, Fault, Stream};
use crate::gpu::{GpuError, Refusal};

/// A launch is cut to take a tenth of a second; one that takes this long does not end.
pub(super) const HANG: Duration = Duration::from_secs(60);

/// Why work on the device stopped.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nothing is wrong with the device.
    Gpu(GpuError),
    Fault(Fault),
    /// A launch does not end. Nothing can be freed any more: each call would wait for it.
    Hung,
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Trouble::Fault(fault)
    }
}

impl From<GpuError> for Trouble {
    fn from(error: GpuError) -> Self {
        Trouble::Gpu(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Gpu(refusal.into())
    }
}

/// A context with its stream, shared by all that was made in it.
pub(super) struct Session {
    pub(super) driver: Arc<dyn Driver>,
    context: Context,
    pub(super) stream: Stream,
    /// Left to the end of the process: the device hangs.
    abandoned: AtomicBool,
}

impl Session {
    pub(super) fn open(driver: &Arc<dyn Driver>, ordinal: i32) -> Result<Arc<Self>, Fault> {
        let context = driver.create_context(ordinal)?;
        match driver.create_stream() {
            Ok(stream) => {
                let (driver, abandoned) = (driver.clone(), AtomicBool::new(false));
                Ok(Arc::new(Self { driver, context, stream, abandoned }))
            }
            Err(fault) => {
                // What stopped the stream is the reason, whatever this says.
                drop(driver.destroy_context(context));
                Err(fault)
            }
        }
    }

    /// On the thread that calls; a backend may have moved to another.
    pub(super) fn enter(&self) -> Result<(), Fault> {
        self.driver.make_current(self.context)
    }

    /// `all` is what the whole run needs, for the message where there is not so much.
    pub(super) fn allocate(self: &Arc<Self>, bytes: u64, all: u64) -> Result<Buffer, Trouble> {
        match self.driver.allocate(bytes) {
            Ok(address) => Ok(Buffer { session: self.clone(), address, bytes }),
            Err(fault) if fault.code == Fault::OUT_OF_MEMORY => Err(GpuError::OutOfMemory { bytes: all }.into()),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(super) fn event(self: &Arc<Self>) -> Result<Mark, Fault> {
        self.driver.create_event().map(|event| Mark { session: self.clone(), event })
    }

    /// Sleeps until the mark is passed.
    pub(super) fn wait(&self, mark: &Mark, patience: Duration) -> Result<(), Trouble> {
        let started = Instant::now();
        let mut pause = Duration::from_micros(20);
        while !self.driver.is_done(mark.event)? {
            if started.elapsed() > patience {
                self.abandoned.store(true, Ordering::Relaxed);
                return Err(Trouble::Hung);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if *self.abandoned.get_mut() {
            return;
        }
        // In a broken context the first two may fail; destroying it frees everything all the same.
        drop(self.driver.make_current(self.context));
        drop(self.driver.destroy_stream(self.stream));
        drop(self.driver.destroy_context(self.context));
    }
}

/// Device memory.
pub(super) struct Buffer {
    session: Arc<Session>,
    pub(super) address: Address,
    pub(super) bytes: u64,
}

impl Buffer {
    pub(super) fn upload(&self, bytes: &[u8]) -> Result<(), Fault> {
        self.session.driver.upload(self.address, bytes, self.session.stream)
    }

    /// All of it.
    pub(super) fn download(&self) -> Result<Vec<u8>, Fault> {
        let mut bytes = vec![0; self.bytes as usize];
        self.session.driver.download(&mut bytes, self.address, self.session.stream)?;
        Ok(bytes)
    }

    /// Sets every whole word.
    pub(super) fn fill(&self, word: u32) -> Result<(), Fault> {
        self.session.driver.fill(self.address, word, self.bytes / 4, self.session.stream)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.session.abandoned.load(Ordering::Relaxed) {
            // In a broken context this fails, and the memory goes with the context.
            drop(self.session.driver.free(self.address));
        }
    }
}

/// A point on the stream with the time when it was passed.
pub(super) struct Mark {
    session: Arc<Session>,
    event: Event,
}

impl Mark {
    pub(super) fn set(&self) -> Result<(), Fault> {
        self.session.driver.record(self.event, self.session.stream)
    }

    /// From this mark to a later one; both are passed.
    pub(super) fn until(&self, later: &Mark) -> Result<Duration, Fault> {
        let ms = self.session.driver.elapsed_ms(self.event, later.event)?;
        Ok(Duration::try_from_secs_f64(f64::from(ms) / 1e3).unwrap_or_default())
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if !self.session.abandoned.load(Ordering::Relaxed) {
            drop(self.session.driver.destroy_event(self.event));
        }
    }
}
