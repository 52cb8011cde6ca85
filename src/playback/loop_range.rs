//! A stretch of a schedule that is played over and over.

/// The cursors from `from` to `to`, both of which are shown; there is a step between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopRange {
    from: u64,
    to: u64,
}

impl LoopRange {
    /// What lies between two cursors of a schedule of `len` steps, in either order; `None` where no step does.
    pub fn between(a: u64, b: u64, len: u64) -> Option<Self> {
        let (from, to) = (a.min(b).min(len), a.max(b).min(len));
        (from < to).then_some(Self { from, to })
    }

    /// `old` with its start at `cursor`; to the end of the schedule where there was none, or it ended before.
    pub fn starting_at(old: Option<Self>, cursor: u64, len: u64) -> Option<Self> {
        let to = old.map(|old| old.to).filter(|to| *to > cursor).unwrap_or(len);
        Self::between(cursor, to, len).or(old)
    }

    /// `old` with its end at `cursor`; from the start of the schedule where there was none, or it began later.
    pub fn ending_at(old: Option<Self>, cursor: u64, len: u64) -> Option<Self> {
        let from = old.map(|old| old.from).filter(|from| *from < cursor).unwrap_or(0);
        Self::between(from, cursor, len).or(old)
    }

    pub fn from(self) -> u64 {
        self.from
    }

    pub fn to(self) -> u64 {
        self.to
    }

    /// Where `cursor` is after `steps` more, at least one: it runs into the range from before it, and from the end goes
    /// on at the start.
    pub fn after(self, cursor: u64, steps: u64) -> u64 {
        let before = self.from.saturating_sub(cursor);
        if steps <= before {
            return cursor + steps;
        }
        let period = self.to - self.from + 1;
        let within = cursor.clamp(self.from, self.to) - self.from;
        self.from + (within + (steps - before) % period) % period
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_step_and_lies_within_the_schedule() {
        assert_eq!(LoopRange::between(7, 3, 5), Some(LoopRange { from: 3, to: 5 }));
        assert_eq!(LoopRange::between(4, 4, 9), None);
        assert_eq!(LoopRange::between(8, 9, 5), None);
        let old = LoopRange::between(2, 6, 10);
        assert_eq!(LoopRange::starting_at(old, 4, 10), LoopRange::between(4, 6, 10));
        assert_eq!(LoopRange::starting_at(old, 8, 10), LoopRange::between(8, 10, 10));
        assert_eq!(LoopRange::ending_at(old, 8, 10), LoopRange::between(2, 8, 10));
        assert_eq!(LoopRange::ending_at(old, 1, 10), LoopRange::between(0, 1, 10));
        // Nothing follows the end and nothing comes before the start: the range stays.
        assert_eq!(LoopRange::starting_at(old, 10, 10), old);
        assert_eq!(LoopRange::ending_at(old, 0, 10), old);
    }

    #[test]
    fn many_steps_go_where_single_steps_go() {
        let range = LoopRange::between(3, 7, 20).unwrap();
        for start in 0..12 {
            let mut cursor = start;
            for steps in 1..30 {
                cursor = range.after(cursor, 1);
                assert_eq!(range.after(start, steps), cursor, "{steps} steps after {start}");
                assert!(cursor <= 7);
            }
        }
        assert!((3..=7).contains(&range.after(5, u64::MAX)));
        assert_eq!(range.after(7, 1), 3);
    }
}
