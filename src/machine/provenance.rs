//! Where a number came from: the steps that made what a place on chip holds.

use crate::schedule::language::NameId;
use crate::schedule::{Names, Schedule};

use super::lazy::Needed;

/// The steps (numbered from 0, latest first) that made what `name` holds on chip after the first `cursor` steps: the one that
/// wrote it, those that made what that one read, and so on back to the loads. At most `most` of them; a walk past
/// `most` x 64 steps ends too, so that a click costs no more in a longer schedule.
pub fn provenance(schedule: &Schedule, cursor: u64, name: NameId, most: usize) -> Vec<u64> {
    let mut needed = Needed { chip: Names::of(name), blocks: Vec::new() };
    let mut found = Vec::new();
    let Some(last) = cursor.min(schedule.len()).checked_sub(1) else { return found };
    let (mut index, mut end, mut walked) = (schedule.section_of(last), last + 1, 0);
    let mut steps = Vec::new();
    loop {
        let (section, range) = (schedule.section(index), schedule.section_steps(index));
        schedule.write_section(index, &mut steps);
        for n in (range.start..end).rev() {
            let step = &steps[(n - range.start) as usize];
            walked += 1;
            if needed.take(schedule, step) {
                found.push(n);
            }
            if needed.is_empty() || found.len() >= most || walked >= 64 * most {
                return found;
            }
        }
        if section.section == 0 {
            // A program starts with nothing on chip.
            needed.chip = Names::default();
        }
        if needed.is_empty() || index == 0 {
            return found;
        }
        end = range.start;
        index -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Plan, Tiling, algorithm};

    fn schedule(name: &str) -> Schedule {
        let plan = Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        Schedule::new(algorithm::by_name(name).unwrap(), plan)
    }

    fn operation(schedule: &Schedule, n: u64) -> String {
        schedule.algorithm.operation(schedule.step(n).unwrap().line)
    }

    fn made(of: &str, name: &str, after: &str) -> Vec<String> {
        let schedule = schedule(of);
        let name = schedule.algorithm.text().name(name).unwrap();
        let cursor = (0..schedule.len()).find(|&n| operation(&schedule, n) == after).unwrap() + 1;
        let made = provenance(&schedule, cursor, name, 1000);
        assert!(made.is_sorted_by(|a, b| a > b) && made.iter().all(|n| *n < cursor));
        made.into_iter().map(|n| operation(&schedule, n)).collect()
    }

    /// The step that was done last may be the one that wrote it; what another program left is none of it; and a walk goes 64
    /// steps back for each that it may tell.
    #[test]
    fn a_walk_begins_at_the_last_step_and_ends_with_its_program() {
        let schedule = schedule("flash2");
        let name = |name: &str| schedule.algorithm.text().name(name).unwrap();
        let after: Vec<u64> =
            (0..schedule.len()).filter(|&n| operation(&schedule, n) == "row-max").map(|n| n + 1).collect();
        for &cursor in &after {
            assert_eq!(provenance(&schedule, cursor, name("alpha"), 1000)[0], cursor - 1);
        }
        // Two programs of two tiles each: P is not made yet in the first tile of either.
        assert_eq!(after.len(), 4);
        let is_empty = |cursor: u64| provenance(&schedule, cursor, name("P"), 1000).is_empty();
        assert_eq!(after.into_iter().map(is_empty).collect::<Vec<_>>(), [true, false, true, false]);

        let plan = Plan::new(1, 40, 2, Tiling { br: 1, bc: 1 }, Precision::F32);
        let long = Schedule::new(algorithm::by_name("flash2").unwrap(), plan);
        let load = (0..long.len()).find(|&n| operation(&long, n) == "load Q").unwrap();
        for (most, cursor, found) in [(1, 64, true), (1, 65, false), (2, 128, true), (2, 129, false)] {
            let made = provenance(&long, load + cursor, name("Q"), most);
            assert_eq!(made, if found { vec![load] } else { vec![] }, "{most}, {cursor}");
        }
    }

    #[test]
    fn scores_come_from_their_loads() {
        assert_eq!(made("flash2", "S", "row-sum"), ["scores", "load K", "load Q"]);
    }

    #[test]
    fn weights_come_from_scores_and_the_maximum() {
        let made = made("flash2", "P", "row-sum");
        assert_eq!(made, ["exponentiate", "row-max", "scores", "load K", "start-rows", "load Q"]);
    }

    #[test]
    fn a_sum_of_flash1_goes_back_through_hbm() {
        let schedule = schedule("flash1");
        let o = schedule.algorithm.text().name("O").unwrap();
        let made = provenance(&schedule, schedule.len(), o, 1000);
        let count = |of: &str| made.iter().filter(|n| operation(&schedule, **n) == of).count();
        assert_eq!(count("merge-output"), 2, "both key blocks made O");
        assert!(count("initialise O") > 0);
        assert_eq!(provenance(&schedule, schedule.len(), o, 3).len(), 3);
        assert!(provenance(&schedule, 0, o, 3).is_empty());
    }

    /// A gradient of a query comes from every key block that it sees, through additions in HBM.
    #[test]
    fn what_is_added_in_hbm_comes_from_all_additions() {
        let schedule = schedule("split-kv");
        let o = schedule.algorithm.text().name("O").unwrap();
        let made = provenance(&schedule, schedule.len(), o, 1000);
        let count = |of: &str| made.iter().filter(|n| operation(&schedule, **n) == of).count();
        assert_eq!((count("store O_part"), count("scores")), (1, 2), "one split of two key blocks");
    }
}
