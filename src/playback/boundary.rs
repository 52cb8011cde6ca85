//! Where units of a schedule begin. Only the section at the cursor is written again, however long the schedule.

use crate::schedule::{Schedule, Step};

use super::command::Unit;

/// Steps done once the unit that holds step `cursor` is over; the length of the schedule past its last unit.
pub fn next(schedule: &Schedule, cursor: u64, unit: Unit) -> u64 {
    if cursor >= schedule.len() {
        return schedule.len();
    }
    let index = schedule.section_of(cursor);
    let range = schedule.section_steps(index);
    match unit {
        Unit::Operation => cursor + 1,
        Unit::QueryBlock => range.end,
        Unit::Beat | Unit::Tile => {
            let steps = section(schedule, index);
            let here = (cursor - range.start) as usize;
            let length = steps[here..].iter().take_while(|step| same(schedule, unit, step, &steps[here])).count();
            cursor + length as u64
        }
    }
}

/// Steps done before the unit that holds step `cursor - 1` began; 0 before the first unit.
pub fn previous(schedule: &Schedule, cursor: u64, unit: Unit) -> u64 {
    let Some(last) = cursor.min(schedule.len()).checked_sub(1) else { return 0 };
    let index = schedule.section_of(last);
    let range = schedule.section_steps(index);
    match unit {
        Unit::Operation => last,
        Unit::QueryBlock => range.start,
        Unit::Beat | Unit::Tile => {
            let steps = section(schedule, index);
            let here = (last - range.start) as usize;
            let length =
                steps[..=here].iter().rev().take_while(|step| same(schedule, unit, step, &steps[here])).count();
            last + 1 - length as u64
        }
    }
}

fn section(schedule: &Schedule, index: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    schedule.write_section(index, &mut steps);
    steps
}

/// Two steps of one section belong to the same unit.
fn same(schedule: &Schedule, unit: Unit, a: &Step, b: &Step) -> bool {
    a.place == b.place && (unit == Unit::Tile || schedule.facts(a).beat == schedule.facts(b).beat)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::schedule::{Plan, Tiling, algorithm};

    fn schedules() -> impl Iterator<Item = Schedule> {
        algorithm::ALL.into_iter().map(|algorithm| {
            let plan = Plan::new(10, 7, 2, Tiling { br: 4, bc: 3 }, Precision::F32);
            Schedule::new(algorithm, plan)
        })
    }

    #[test]
    fn forward_and_back_meet_at_the_same_places() {
        for schedule in schedules() {
            for unit in Unit::ALL {
                let mut stops = vec![0];
                while stops[stops.len() - 1] < schedule.len() {
                    let stop = next(&schedule, stops[stops.len() - 1], unit);
                    assert!(stop > stops[stops.len() - 1], "{unit:?} stands still in {}", schedule.algorithm.name());
                    stops.push(stop);
                }
                let mut cursor = schedule.len();
                while let Some(stop) = stops.pop() {
                    assert_eq!(cursor, stop, "{unit:?} in {}", schedule.algorithm.name());
                    cursor = previous(&schedule, cursor, unit);
                }
                assert_eq!(cursor, 0);
            }
        }
    }

    #[test]
    fn every_stop_of_a_unit_is_one_of_the_finer_unit() {
        for schedule in schedules() {
            for cursor in 0..=schedule.len() {
                let stops = Unit::ALL.map(|unit| next(&schedule, cursor, unit));
                assert!(stops.is_sorted(), "{stops:?} after {cursor}");
                let stops = Unit::ALL.map(|unit| previous(&schedule, cursor, unit));
                assert!(stops.is_sorted_by(|a, b| a >= b), "{stops:?} before {cursor}");
            }
        }
    }

    #[test]
    fn a_tile_of_flash2_is_its_whole_visit() {
        let schedule = schedules().last().unwrap();
        // load Q, start rows | load K .. accumulate of (0, 0)
        assert_eq!(next(&schedule, 0, Unit::Tile), 2);
        let end = next(&schedule, 2, Unit::Tile);
        assert!((2..end).all(|n| schedule.step(n).unwrap().place.tile() == Some((0, 0))));
        assert_eq!(schedule.step(end).unwrap().place.tile(), Some((0, 1)));
        assert_eq!(previous(&schedule, end, Unit::Tile), 2);
        assert_eq!(previous(&schedule, end - 3, Unit::Tile), 2);
    }
}
