//! Where a number came from: the steps that made what a place on chip holds.

use crate::schedule::{Schedule, Span};

use super::chip::{Slot, Slots};
use super::effects::Effects;
use super::lazy::Needed;

/// The steps (numbered from 0, latest first) that made what `slot` holds after the first `cursor` steps: the one that
/// wrote it, those that made what that one read, and so on back to the loads. At most `most` of them; a walk past
/// `most` x 64 steps ends too, so that a click costs no more in a longer schedule.
pub fn provenance(schedule: &Schedule, cursor: u64, slot: Slot, most: usize) -> Vec<u64> {
    let mut needed = Needed { chip: Slots::of(&[slot]), blocks: Vec::new() };
    let mut found = Vec::new();
    let Some(last) = cursor.min(schedule.len()).checked_sub(1) else { return found };
    let (mut index, mut end, mut walked) = (schedule.section_of(last), last + 1, 0);
    let mut steps = Vec::new();
    loop {
        let (section, range) = (schedule.section(index), schedule.section_steps(index));
        let span: Span = schedule.kernels[section.kernel].span;
        schedule.write_section(index, &mut steps);
        for n in (range.start..end).rev() {
            let step = &steps[(n - range.start) as usize];
            walked += 1;
            if needed.take(&Effects::of(step, span)) {
                found.push(n);
            }
            if needed.is_empty() || found.len() >= most || walked >= 64 * most {
                return found;
            }
        }
        if section.section == 0 {
            // A program starts with nothing on chip.
            needed.chip = Slots::NONE;
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
    use crate::schedule::{Op, Plan, Tensor, Tiling, algorithm};

    fn ops(name: &str, slot: Slot, after: impl Fn(Op) -> bool) -> Vec<Op> {
        let plan = Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        let schedule = Schedule::new(algorithm::by_name(name).unwrap(), plan);
        let cursor = (0..schedule.len()).find(|n| after(schedule.step(*n).unwrap().op)).unwrap() + 1;
        let made = provenance(&schedule, cursor, slot, 1000);
        assert!(made.is_sorted_by(|a, b| a > b) && made.iter().all(|n| *n < cursor));
        made.into_iter().map(|n| schedule.step(n).unwrap().op).collect()
    }

    #[test]
    fn scores_come_from_their_loads() {
        let made = ops("flash2", Slot::S, |op| op == Op::RowSum);
        assert_eq!(made, [Op::Scores, Op::Load(Tensor::K), Op::Load(Tensor::Q)]);
    }

    #[test]
    fn weights_come_from_scores_and_the_maximum() {
        let made = ops("flash2", Slot::P, |op| op == Op::RowSum);
        let first: Vec<&str> = made.iter().map(|op| op.name()).collect();
        assert_eq!(first, ["exponentiate", "row-max", "scores", "load", "start-rows", "load"]);
    }

    #[test]
    fn a_sum_of_flash1_goes_back_through_hbm() {
        let plan = Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
        let schedule = Schedule::new(algorithm::by_name("flash1").unwrap(), plan);
        let made = provenance(&schedule, schedule.len(), Slot::O, 1000);
        let merges = made.iter().filter(|n| schedule.step(**n).unwrap().op == Op::MergeOutput).count();
        assert_eq!(merges, 2, "both key blocks made O");
        assert!(made.iter().any(|n| schedule.step(*n).unwrap().op == Op::Initialise(Tensor::O)));
        assert_eq!(provenance(&schedule, schedule.len(), Slot::O, 3).len(), 3);
        assert!(provenance(&schedule, 0, Slot::O, 3).is_empty());
    }
}
