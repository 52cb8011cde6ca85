//! Sizes of an attention problem.

use super::problem::ProblemError;
use crate::sentence::Sentence;

/// Sizes of one attention problem. Q is `[batch, heads, n_q, d]`, K `[batch, kv_heads, n_k, d]`,
/// V `[batch, kv_heads, n_k, d_v]`, O `[batch, heads, n_q, d_v]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub batch: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub n_q: usize,
    pub n_k: usize,
    pub d: usize,
    pub d_v: usize,
}

impl Shape {
    /// One batch entry and one head, with `d_v = d`.
    pub fn single(n_q: usize, n_k: usize, d: usize) -> Self {
        Self { batch: 1, heads: 1, kv_heads: 1, n_q, n_k, d, d_v: d }
    }

    /// Refuses empty sizes and a group of query heads that does not divide.
    pub fn validate(&self) -> Result<(), ProblemError> {
        for (name, size) in [
            ("batch", self.batch),
            ("heads", self.heads),
            ("kv_heads", self.kv_heads),
            ("n_q", self.n_q),
            ("n_k", self.n_k),
            ("d", self.d),
            ("d_v", self.d_v),
        ] {
            if size == 0 {
                return Err(ProblemError::Empty { name });
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(ProblemError::HeadGroups { heads: self.heads, kv_heads: self.kv_heads });
        }
        Ok(())
    }

    /// Refuses key lengths that are not one for each batch entry, of keys that are there.
    pub fn check_key_lengths(&self, lengths: &[usize]) -> Result<(), ProblemError> {
        self.check_each("key lengths", "a key length", lengths)
    }

    /// Refuses what is not one number of padding keys for each batch entry, or more than there are keys.
    pub fn check_left_padding(&self, lengths: &[usize]) -> Result<(), ProblemError> {
        self.check_each("left padding", "a left padding", lengths)
    }

    fn check_each(&self, all: &'static str, one: &'static str, lengths: &[usize]) -> Result<(), ProblemError> {
        if lengths.len() != self.batch {
            let expected = Sentence::new("one length for each of the batch entries ({0})").with(self.batch);
            return Err(ProblemError::Shape { name: all, found: vec![lengths.len()], expected });
        }
        match lengths.iter().find(|&&length| length > self.n_k) {
            Some(length) => {
                let need = "it must not be above n_k";
                Err(ProblemError::Value { name: one, value: length.to_string(), need })
            }
            None => Ok(()),
        }
    }

    /// Query heads that share one key/value head (1 without GQA).
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// The key/value head that query head `head` reads.
    pub fn kv_head(&self, head: usize) -> usize {
        head / self.group()
    }
}
