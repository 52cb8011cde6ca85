//! What share each kind of step has of the steps of one column.

use crate::schedule::Beat;

/// Steps counted by their beat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Column {
    counts: [u64; Beat::ALL.len()],
    /// Those of another head of the group than the one that is shown.
    others: u64,
}

impl Column {
    pub fn add(&mut self, beat: Beat, steps: u64, is_other: bool) {
        self.counts[beat as usize] += steps;
        self.others += if is_other { steps } else { 0 };
    }

    pub fn join(&mut self, other: &Self) {
        self.join_times(other, 1);
    }

    /// Steps that it has of whatever beat.
    pub fn steps(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// As if the other were there so many times.
    pub fn join_times(&mut self, other: &Self, times: u64) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += times * more);
        self.others += times * other.others;
    }

    /// The beat at a height from 0 to 1: each has its share of the column, in the order of [`Beat::ALL`].
    pub fn at(&self, height: f32) -> Option<Beat> {
        let wanted = f64::from(height) * self.steps() as f64;
        let mut so_far = 0;
        Beat::ALL.into_iter().find(|beat| {
            so_far += self.counts[*beat as usize];
            wanted < so_far as f64
        })
    }

    /// The steps of the column are for another head, more than half of them.
    pub fn is_other(&self) -> bool {
        2 * self.others > self.steps()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_share_of_the_height() {
        use Beat::{Load, Score, Softmax, Store};
        let mut column = Column::default();
        for (beat, count) in [(Load, 2), (Score, 1), (Store, 1)] {
            column.add(beat, count, false);
        }
        let mut more = Column::default();
        more.add(Softmax, 4, true);
        column.join(&more);
        let seen: Vec<_> = (0..8).filter_map(|row| column.at((row as f32 + 0.5) / 8.0)).collect();
        assert_eq!(seen, [Load, Load, Score, Softmax, Softmax, Softmax, Softmax, Store]);
        assert!(!column.is_other() && more.is_other());
        assert_eq!(Column::default().at(0.5), None);
    }
}
