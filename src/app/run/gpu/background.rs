//! What a worker makes for a key, kept while the key stays the same.

use eframe::egui::Context;

use crate::app::run::job::{self, Job, Signals};
use crate::sentence::Sentence;

/// The value of the last key that was asked for, or the work towards it.
pub struct Background<K, T> {
    known: Option<(K, Result<T, Sentence>)>,
    making: Option<(K, Job<Result<T, Sentence>>)>,
}

impl<K, T> Default for Background<K, T> {
    fn default() -> Self {
        Self { known: None, making: None }
    }
}

impl<K: PartialEq + Clone, T: Send + 'static> Background<K, T> {
    /// Takes in what the worker has made.
    pub fn update(&mut self) {
        let Some((key, making)) = self.making.take() else { return };
        let mut slot = Some(making);
        match job::take(&mut slot) {
            Some(value) => self.known = Some((key, value.unwrap_or_else(|fault| Err(fault.into())))),
            None => self.making = slot.map(|making| (key, making)),
        }
    }

    /// Starts `make` unless `key` is known or under way; work for another key is stopped.
    pub fn want(&mut self, ctx: &Context, key: K, make: impl FnOnce(&Signals) -> Result<T, Sentence> + Send + 'static) {
        let is_known = self.known.as_ref().is_some_and(|(known, _)| *known == key);
        if !is_known && self.making.as_ref().is_none_or(|(making, _)| *making != key) {
            self.making = Some((key, Job::start(ctx, make)));
        }
    }

    /// The value of `key`; `None` while it is being made.
    pub fn get(&self, key: &K) -> Option<Result<&T, &Sentence>> {
        let (_, value) = self.known.as_ref().filter(|(known, _)| known == key)?;
        Some(value.as_ref())
    }

    /// A worker is at it; what it made may wait for a panel that is not shown.
    pub fn is_busy(&self) -> bool {
        self.making.as_ref().is_some_and(|(_, job)| !job.is_over())
    }
}
