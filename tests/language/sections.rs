//! What each section of a schedule has and counts in closed form, against every step of a walk, over random plans, splits
//! and heads.

use proptest::prelude::*;
use tilescope::attention::Precision;
use tilescope::machine::MeterIndex;
use tilescope::schedule::language::Setting;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

use super::common::any_plans;

/// The number of each section's first step is the steps that a walk writes before it, and so are the totals there.
pub fn agree(algorithm: &tilescope::schedule::Algorithm, setting: &Setting) {
    let Some(schedule) = Schedule::added_up(algorithm, setting) else { return };
    let walked = Schedule::walked(algorithm, setting.clone());
    assert_eq!(schedule.section_count(), walked.section_count());
    let (mut first, mut steps) = (0, Vec::new());
    for index in 0..schedule.section_count() {
        schedule.write_section(index, &mut steps);
        let range = schedule.section_steps(index);
        assert_eq!(range, walked.section_steps(index));
        assert_eq!(range, first..first + steps.len() as u64, "{}, section {index}, {setting:?}", algorithm.name());
        first = range.end;
    }
    assert_eq!(schedule.len(), first, "{}", algorithm.name());
    let counted = MeterIndex::counted(&schedule);
    let added_up = MeterIndex::added_up(&schedule).expect("it has closed sections");
    assert!(counted.is_counted && !added_up.is_counted);
    assert_eq!(added_up.total(), counted.total(), "{}, {setting:?}", algorithm.name());
    for index in 0..schedule.section_count() {
        let at = schedule.section_steps(index).start;
        let [found, wanted] = [&added_up, &counted].map(|meters| meters.after(&schedule, at));
        assert_eq!(found, wanted, "{}, section {index}, {setting:?}", algorithm.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn each_section_has_what_its_steps_have(plan in any_plans(), splits in 1usize..5, heads in 1usize..4) {
        for of in algorithm::of_program() {
            agree(of, &Setting { splits, heads, ..Setting::new(plan.clone()) });
        }
    }
}

/// All texts but those that read blocks `once` have closed sections.
#[test]
fn what_has_no_closed_sections_reads_once() {
    let plan = || Plan::new(8, 8, 2, Tiling { br: 4, bc: 4 }, Precision::F32);
    let without: Vec<&str> = algorithm::of_program()
        .filter(|of| Schedule::new(of, plan()).closed_sections().is_none())
        .map(tilescope::schedule::Algorithm::name)
        .collect();
    assert_eq!(without, ["standard", "standard-backward"]);
}

/// A million tokens in blocks of 128 are 470 million steps, of which none is visited.
#[test]
fn a_long_schedule_is_known_without_a_walk() {
    let n = 1 << 20;
    let plan = Plan::new(n, n, 64, Tiling { br: 128, bc: 128 }, Precision::BF16);
    for name in ["flash1", "flash2", "split-kv", "flash2-backward"] {
        let of = algorithm::by_name(name).unwrap();
        let setting = Setting { splits: 4, ..Setting::new(plan.clone()) };
        let schedule = Schedule::of(of, setting.clone());
        assert_eq!(schedule.len(), of.steps_of(&setting), "{name}");
        let meters = MeterIndex::new(&schedule);
        assert!(!meters.is_counted, "{name}");
        assert_eq!(meters.total().traffic, of.closed_form_of(&setting), "{name}");
        // In the middle: what is before the section, and its own steps.
        let middle = meters.after(&schedule, schedule.len() / 2).traffic.hbm_bytes();
        let all = meters.total().traffic.hbm_bytes();
        assert!((0.4..0.6).contains(&(middle as f64 / all as f64)), "{name}: {middle} of {all}");
    }
}
