//! Which kernels the open device runs from a changed source, and what came of the last source that it was given.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::gpu::{Backend, SourceError, kernels};

/// A source for the kernel of a file; `None` is its own.
#[derive(Clone, Debug)]
pub struct Offer {
    pub file: &'static str,
    pub text: Option<Arc<str>>,
}

/// What came of an offer.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub offer: Offer,
    pub result: Result<(), SourceError>,
}

impl Compiled {
    /// Hands the source to the device, which compiles it: up to seconds.
    pub fn new(backend: &mut dyn Backend, offer: Offer) -> Self {
        let result = backend.set_source(offer.file, offer.text.as_deref());
        Self { offer, result }
    }
}

/// What one device runs. Another device begins with the kernels as they are in `kernels/`.
#[derive(Default)]
pub struct Sources {
    changed: BTreeMap<&'static str, Arc<str>>,
    last: BTreeMap<&'static str, Compiled>,
}

impl Sources {
    /// Takes in what came of an offer.
    pub fn keep(&mut self, compiled: Compiled) {
        let file = compiled.offer.file;
        match (&compiled.result, &compiled.offer.text) {
            (Ok(()), Some(text)) => drop(self.changed.insert(file, text.clone())),
            (Ok(()), None) => drop(self.changed.remove(file)),
            // The kernel stays what it was.
            (Err(_), _) => {}
        }
        self.last.insert(file, compiled);
    }

    /// The changed source that the device runs for this file.
    pub fn of_file(&self, file: &str) -> Option<&Arc<str>> {
        self.changed.get(file)
    }

    /// What came of the last offer for this file.
    pub fn last(&self, file: &str) -> Option<&Compiled> {
        self.last.get(file)
    }

    /// The changed file that a run of an algorithm takes. Where the backend does not say which file ran, every changed
    /// one of the algorithm may have: no number of a changed kernel may pass for the house's own.
    pub fn behind(&self, algorithm: &str, file: Option<&str>) -> Option<&'static str> {
        let is_of = |of: &&&'static str| kernels::by_file(of).is_some_and(|kernel| kernel.algorithm == algorithm);
        self.changed.keys().filter(is_of).find(|of| file.is_none_or(|file| file == **of)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(file: &'static str, text: Option<&str>, result: Result<(), SourceError>) -> Compiled {
        Compiled { offer: Offer { file, text: text.map(Into::into) }, result }
    }

    #[test]
    fn a_run_is_changed_where_its_file_may_be() {
        let mut sources = Sources::default();
        sources.keep(offered("flash2.wgsl", Some("a"), Ok(())));
        assert_eq!(sources.behind("flash2", None), Some("flash2.wgsl"));
        assert_eq!(sources.behind("flash2", Some("flash2.wgsl")), Some("flash2.wgsl"));
        assert_eq!(sources.behind("flash2", Some("flash2_wide.wgsl")), None);
        assert_eq!(sources.behind("flash1", None), None);
        // What is refused changes nothing.
        sources.keep(offered("flash2.wgsl", Some("b"), Err(SourceError::Compiler(Vec::new()))));
        assert_eq!(sources.of_file("flash2.wgsl").map(|text| &**text), Some("a"));
        sources.keep(offered("flash2.wgsl", None, Ok(())));
        assert_eq!(sources.behind("flash2", None), None);
    }
}
