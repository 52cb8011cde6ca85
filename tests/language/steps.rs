//! The steps of the texts against the schedules of the engine, one by one.

use std::ops::ControlFlow;

use proptest::prelude::*;
use tilescope::schedule::language::{Algorithm, Setting, Step, walk};
use tilescope::schedule::tiling::footprint;
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

use super::common::plans;
use super::text;

fn steps(algorithm: &Algorithm, setting: &Setting) -> Vec<Step> {
    let mut steps = Vec::new();
    let walked: ControlFlow<()> = walk(algorithm, setting, &mut |step| {
        steps.push(*step);
        ControlFlow::Continue(())
    });
    assert!(walked.is_continue());
    steps
}

/// A step as both sides tell it.
type Told = (String, String, Option<usize>, Option<usize>, bool, u64, u64);

fn told(algorithm: &Algorithm, step: &Step) -> Told {
    let line = &algorithm.lines[step.line];
    let tensor = line.tensor().map_or(String::new(), |tensor| algorithm.tensors[tensor].name.clone());
    (line.label.clone(), tensor, step.place.i, step.place.j, step.free, step.live.shared, step.live.registers)
}

fn told_by_engine(step: &tilescope::schedule::Step) -> Told {
    let tensor = step.op.tensor().map_or(String::new(), |tensor| tensor.name().to_owned());
    let (place, live) = (step.place, step.live);
    (step.op.name().to_owned(), tensor, place.i(), place.j(), step.free, live.shared, live.registers)
}

fn compare(name: &str, plan: &Plan) -> Result<(), TestCaseError> {
    let algorithm = text(name);
    let schedule = Schedule::new(algorithm::by_name(name).expect("an algorithm of the engine"), plan.clone());
    let steps = steps(&algorithm, &Setting::new(plan.clone()));
    prop_assert_eq!(steps.len() as u64, schedule.len(), "{}", name);
    let mut wrong = None;
    schedule.for_each(|n, step| {
        let (ours, theirs) = (told(&algorithm, &steps[n as usize]), told_by_engine(step));
        if ours != theirs && wrong.is_none() {
            wrong = Some((n, ours, theirs));
        }
    });
    prop_assert_eq!(wrong, None, "{}", name);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn texts_have_the_steps_of_the_engine(plan in plans()) {
        for name in ["standard", "flash1", "flash2"] {
            compare(name, &plan)?;
        }
    }
}

#[test]
fn standard_on_toy_has_156_steps() {
    let plan = Plan::new(16, 16, 4, Tiling { br: 4, bc: 4 }, tilescope::attention::Precision::F32);
    let setting = Setting::new(plan);
    assert_eq!(steps(&text("standard"), &setting).len(), 156);
    assert_eq!(tilescope::schedule::language::closed_form(&text("standard"), &setting).total().steps, 156);
}

#[test]
fn the_headers_say_what_the_engine_knew_by_name() {
    for known in algorithm::ALL {
        let algorithm = text(known.name());
        assert_eq!(algorithm.title, known.title());
        assert_eq!(algorithm.blocks, known.block_rule());
        assert_eq!(algorithm.is_ideal, !known.is_budgeted());
        let plan = Plan::new(100, 90, 8, Tiling { br: 16, bc: 32 }, tilescope::attention::Precision::F16);
        if known.is_budgeted() {
            let peak = tilescope::schedule::language::peak(&algorithm, &Setting::new(plan.clone()));
            assert_eq!(peak, footprint(known, &plan), "{}", known.name());
        }
    }
}
