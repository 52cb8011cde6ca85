//! How far a run has come, for a thread that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The part of a run that is done. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicU32>);

impl Progress {
    pub fn set(&self, part: f64) {
        self.0.store((part.clamp(0.0, 1.0) * 1e6) as u32, Ordering::Relaxed);
    }

    /// From 0 to 1.
    pub fn part(&self) -> f32 {
        self.0.load(Ordering::Relaxed) as f32 / 1e6
    }
}
