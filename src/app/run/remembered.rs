//! Answers that take long, kept for the next who asks the same: other blocks, another text, the second run of a comparison
//! and a beat that is gone back to are held against the same exact numbers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers of 8 bytes that the questions and answers of one memory take at most: 32 MiB.
const MOST_NUMBERS: usize = 4 << 20;

/// The last questions with their answers. An answer depends on its question alone.
pub struct Remembered<Q, A> {
    /// Latest last, with the numbers that each takes.
    kept: Mutex<VecDeque<(Q, Arc<A>, usize)>>,
}

impl<Q: PartialEq, A> Remembered<Q, A> {
    pub const fn new() -> Self {
        Self { kept: Mutex::new(VecDeque::new()) }
    }

    /// What `answer` gives, now or before. `numbers` is about how many both take. A question with a NaN is like no other, and
    /// is answered each time.
    pub fn get(&self, question: Q, numbers: usize, answer: impl FnOnce(&Q) -> A) -> Arc<A> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known, _)) = kept().iter().find(|(asked, ..)| *asked == question) {
            return known.clone();
        }
        // Nobody waits for it who asks something else.
        let found = Arc::new(answer(&question));
        let mut kept = kept();
        kept.push_back((question, found.clone(), numbers));
        while kept.iter().map(|(.., numbers)| numbers).sum::<usize>() > MOST_NUMBERS {
            kept.pop_front();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_answered_once_and_the_oldest_goes_first() {
        let (memory, mut asked) = (Remembered::new(), Vec::new());
        let mut get = |question: f64, numbers: usize| {
            *memory.get(question, numbers, |of| {
                asked.push(question.to_bits());
                2.0 * of
            })
        };
        let third = MOST_NUMBERS / 3;
        let answers = [1.0, 2.0, 1.0, 3.0, 4.0, 2.0, 1.0].map(|question| get(question, third));
        assert_eq!(answers, [2.0, 4.0, 2.0, 6.0, 8.0, 4.0, 2.0]);
        assert!(get(f64::NAN, 0).is_nan() && get(f64::NAN, 0).is_nan());
        assert_eq!(get(5.0, MOST_NUMBERS + 1), 10.0, "too large to be kept, and answered");
        assert_eq!(get(5.0, 0), 10.0);
        let expected = [1.0, 2.0, 3.0, 4.0, 1.0, f64::NAN, f64::NAN, 5.0, 5.0].map(f64::to_bits);
        assert_eq!(asked, expected);
    }
}
