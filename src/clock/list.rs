//! A list schedule: steps on lanes, each of which does one at a time, over units that all lanes share. Whenever a lane is
//! free it takes the first of its steps for which nothing is missing.
//!
//! Graham, "Bounds on multiprocessing timing anomalies" (1969).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Units of a processor that a step keeps busy, one after the other: HBM, matrix products, exponentials, the rest.
pub(super) const UNITS: usize = 4;

/// A step to be placed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Task {
    pub lane: usize,
    /// Seconds on each unit.
    pub seconds: [f64; UNITS],
    /// Tasks that come before it, by their numbers, which are lower than its own.
    pub after: Vec<usize>,
}

/// When each task ends. Something always goes on, and a unit serves one task at a time, so that the last end is at most the
/// sum of all seconds, and at least that of any unit, and of any lane.
pub(super) fn ends(tasks: &[Task]) -> Vec<f64> {
    let lanes = tasks.iter().map(|task| task.lane + 1).max().unwrap_or(0);
    let mut state = State {
        tasks,
        missing: tasks.iter().map(|task| task.after.len()).collect(),
        followers: vec![Vec::new(); tasks.len()],
        ready: vec![BinaryHeap::new(); lanes],
        in_hand: vec![None; lanes],
        ends: vec![0.0; tasks.len()],
    };
    for (n, task) in tasks.iter().enumerate() {
        task.after.iter().for_each(|&before| state.followers[before].push(n));
        if task.after.is_empty() {
            state.ready[task.lane].push(Reverse(n));
        }
    }
    let mut now = 0.0;
    loop {
        state.begin(now);
        let running = state.in_hand.iter().flatten().filter_map(|hand| hand.until);
        let Some(next) = running.min_by(f64::total_cmp) else { return state.ends };
        now = next;
        state.end(now);
    }
}

/// The task that a lane has begun.
#[derive(Clone, Copy)]
struct Hand {
    task: usize,
    unit: usize,
    /// `None` while it waits for its unit.
    until: Option<f64>,
}

struct State<'a> {
    tasks: &'a [Task],
    /// Of each task: how many of those before it have not ended.
    missing: Vec<usize>,
    followers: Vec<Vec<usize>>,
    /// Of each lane.
    ready: Vec<BinaryHeap<Reverse<usize>>>,
    in_hand: Vec<Option<Hand>>,
    ends: Vec<f64>,
}

impl State<'_> {
    /// Begins whatever can begin at `now`: where two lanes want a unit, the earlier task has it.
    fn begin(&mut self, now: f64) {
        loop {
            let wanted =
                (0..self.in_hand.len()).filter_map(|lane| self.wanted(lane).map(|(task, unit)| (task, lane, unit)));
            let Some((task, lane, unit)) = wanted.min() else { return };
            if self.in_hand[lane].is_none() {
                self.ready[lane].pop();
            }
            match unit {
                Some(unit) => {
                    let until = Some(now + self.tasks[task].seconds[unit]);
                    self.in_hand[lane] = Some(Hand { task, unit, until });
                }
                None => self.done(task, now),
            }
        }
    }

    /// What a lane would go on with now: a task with its unit, which is free, or with none where it takes no time.
    fn wanted(&self, lane: usize) -> Option<(usize, Option<usize>)> {
        let (task, unit) = match self.in_hand[lane] {
            Some(Hand { until: Some(_), .. }) => return None,
            Some(Hand { task, unit, until: None }) => (task, Some(unit)),
            None => {
                let Reverse(task) = *self.ready[lane].peek()?;
                (task, self.unit_from(task, 0))
            }
        };
        let is_busy = |unit: usize| self.in_hand.iter().flatten().any(|hand| hand.until.is_some() && hand.unit == unit);
        (!unit.is_some_and(is_busy)).then_some((task, unit))
    }

    /// The first unit from `unit` on that a task needs.
    fn unit_from(&self, task: usize, unit: usize) -> Option<usize> {
        (unit..UNITS).find(|&unit| self.tasks[task].seconds[unit] > 0.0)
    }

    /// Takes in what ends at `now`.
    fn end(&mut self, now: f64) {
        for lane in 0..self.in_hand.len() {
            let Some(Hand { task, unit, until: Some(until) }) = self.in_hand[lane] else { continue };
            if until > now {
                continue;
            }
            let next = self.unit_from(task, unit + 1);
            self.in_hand[lane] = next.map(|unit| Hand { task, unit, until: None });
            if next.is_none() {
                self.done(task, now);
            }
        }
    }

    fn done(&mut self, task: usize, now: f64) {
        self.ends[task] = now;
        for follower in std::mem::take(&mut self.followers[task]) {
            self.missing[follower] -= 1;
            if self.missing[follower] == 0 {
                self.ready[self.tasks[follower].lane].push(Reverse(follower));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(lane: usize, seconds: [f64; UNITS], after: &[usize]) -> Task {
        Task { lane, seconds, after: after.to_vec() }
    }

    fn last(tasks: &[Task]) -> f64 {
        ends(tasks).into_iter().fold(0.0, f64::max)
    }

    /// Three loads of 2 and products of 3, each of which waits for its load: 2, then 3 x 3.
    #[test]
    fn loads_go_on_beside_products() {
        let product = |n: usize| task(1, [0.0, 3.0, 0.0, 0.0], &[2 * n]);
        let tasks: Vec<Task> = (0..3).flat_map(|n| [task(0, [2.0, 0.0, 0.0, 0.0], &[]), product(n)]).collect();
        assert_eq!(ends(&tasks), [2.0, 5.0, 4.0, 8.0, 6.0, 11.0]);
        // In one place for all of them a load waits until the product before it is done.
        let mut one = tasks;
        (1..3).for_each(|n| one[2 * n].after.push(2 * n - 1));
        assert_eq!(ends(&one), [2.0, 5.0, 7.0, 10.0, 12.0, 15.0]);
    }

    /// Two lanes want one unit: the earlier task has it. A task that takes no time ends when it can begin.
    #[test]
    fn a_unit_serves_one_at_a_time() {
        let both = [task(0, [0.0, 3.0, 0.0, 1.0], &[]), task(1, [0.0, 2.0, 0.0, 0.0], &[])];
        assert_eq!(ends(&both), [4.0, 5.0]);
        let chain = [task(0, [0.0; 4], &[]), task(1, [1.0, 0.0, 0.0, 0.0], &[0]), task(0, [0.0; 4], &[1])];
        assert_eq!(ends(&chain), [0.0, 1.0, 1.0]);
        assert!(ends(&[]).is_empty());
    }

    prop_compose! {
        fn any_tasks()(all in prop::collection::vec((0usize..3, [0u32..4, 0u32..4, 0u32..4, 0u32..4], any::<u64>()), 1..40))
            -> Vec<Task>
        {
            let of = |(n, (lane, seconds, bits)): (usize, (usize, [u32; 4], u64))| {
                let after = (0..n).filter(|before| bits >> (before % 64) & 5 == 5).collect();
                Task { lane, seconds: seconds.map(f64::from), after }
            };
            all.into_iter().enumerate().map(of).collect()
        }
    }

    proptest! {
        /// Between the busiest unit or lane and the sum of all; on one lane, the sum; every task after those before it.
        #[test]
        fn it_is_between_the_extremes(tasks in any_tasks()) {
            let found = ends(&tasks);
            let span = found.iter().copied().fold(0.0, f64::max);
            let length = |task: &Task| task.seconds.iter().sum::<f64>();
            let sum: f64 = tasks.iter().map(length).sum();
            prop_assert!(span <= sum);
            for unit in 0..UNITS {
                prop_assert!(span >= tasks.iter().map(|task| task.seconds[unit]).sum::<f64>());
            }
            for lane in 0..3 {
                prop_assert!(span >= tasks.iter().filter(|task| task.lane == lane).map(length).sum::<f64>());
            }
            for (task, &end) in tasks.iter().zip(&found) {
                for &before in &task.after {
                    prop_assert!(end - length(task) >= found[before]);
                }
            }
            let one: Vec<Task> = tasks.iter().map(|task| Task { lane: 0, ..task.clone() }).collect();
            prop_assert_eq!(last(&one), sum);
        }
    }
}
