//! One cursor for two runs: where the other run stands when the first stands somewhere.

use crate::machine::Run;

/// What the two have in common at every moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lock {
    /// The share of their steps that is done.
    #[default]
    Steps,
    /// The bytes that they have moved between HBM and the chip.
    Bytes,
}

impl Lock {
    pub const ALL: [Lock; 2] = [Lock::Steps, Lock::Bytes];

    pub fn name(self) -> &'static str {
        match self {
            Lock::Steps => "share of steps",
            Lock::Bytes => "bytes moved",
        }
    }

    /// The cursor of `other` while `run` stands at `cursor`. By bytes: the most steps that move no more than those of
    /// `run` have; where `other` moves fewer in all, its end.
    pub fn follow(self, run: &Run, cursor: u64, other: &Run) -> u64 {
        let (len, others) = (run.schedule.len(), other.schedule.len());
        match self {
            Lock::Steps => {
                // Rounded to the nearest step, in integers: no schedule is too long for it.
                let (cursor, len) = (u128::from(cursor.min(len)), u128::from(len.max(1)));
                ((2 * cursor * u128::from(others) + len) / (2 * len)) as u64
            }
            Lock::Bytes => {
                let moved = run.totals(cursor).traffic.hbm_bytes();
                other.meters().cursor_within(&other.schedule, moved, |totals| totals.traffic.hbm_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::attention::input::preset;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    fn runs() -> Vec<Run> {
        let problem = preset::toy().problem;
        let mut runs = Vec::new();
        for algorithm in *algorithm::ALL {
            for (block, precision) in [(4, Precision::F32), (7, Precision::F16), (16, Precision::F64)] {
                let tiling = Tiling { br: block, bc: 5 };
                let schedule = Schedule::new(algorithm, Plan::of_problem(&problem, 0, tiling, precision));
                runs.push(Run::new(schedule, &problem, 0, 0, |_| true).unwrap());
            }
        }
        runs
    }

    fn moved(run: &Run, cursor: u64) -> u64 {
        run.totals(cursor).traffic.hbm_bytes()
    }

    #[test]
    fn by_steps_the_shares_differ_by_less_than_a_step() {
        for (run, other) in runs().iter().flat_map(|run| runs().into_iter().map(move |other| (run, other))) {
            let (len, others) = (run.schedule.len(), other.schedule.len());
            let follow = |cursor| Lock::Steps.follow(run, cursor, &other);
            assert_eq!((follow(0), follow(len), follow(len + 9)), (0, others, others));
            for cursor in 0..=len {
                let share = |cursor: u64, len: u64| cursor as f64 / len as f64;
                let gap = share(cursor, len) - share(follow(cursor), others);
                assert!(gap.abs() <= 0.5 / others as f64 + 1e-12, "at {cursor}");
                assert!(cursor == 0 || follow(cursor) >= follow(cursor - 1));
            }
        }
    }

    #[test]
    fn by_bytes_the_other_has_moved_as_much_as_it_can_without_moving_more() {
        for (run, other) in runs().iter().flat_map(|run| runs().into_iter().map(move |other| (run, other))) {
            for cursor in 0..=run.schedule.len() {
                let limit = moved(run, cursor);
                let to = Lock::Bytes.follow(run, cursor, &other);
                assert!(moved(&other, to) <= limit, "at {cursor}");
                assert!(to == other.schedule.len() || moved(&other, to + 1) > limit, "at {cursor}");
            }
        }
    }
}
