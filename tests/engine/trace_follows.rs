//! What a trace says is held against its input, number by number, and its totals against its steps.

use serde_json::Value;
use tilescope::attention::{Mask, Precision, Problem, input};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};
use tilescope::trace::{Export, Origin, Step, Tiles, Trace, Values, diff, follows, read, write_json};

/// A small causal problem with dead rows and ragged blocks.
fn problem() -> Problem {
    let mut problem = input::random::read("random:7,5,2,2,1", 0).expect("a spec").problem;
    problem.mask = Mask { causal: true, ..Mask::default() };
    problem
}

fn schedule(name: &str, problem: &Problem) -> Schedule {
    let algorithm = algorithm::by_name(name).expect("an algorithm of this crate");
    Schedule::new(algorithm, Plan::of_problem(problem, 0, Tiling { br: 4, bc: 2 }, Precision::F32))
}

fn export<'a>(problem: &'a Problem, schedule: &'a Schedule) -> Export<'a> {
    let origin = Origin { name: "a test".into(), seed: Some(7), ..Origin::default() };
    Export { origin, problem, schedule, batch: 0, head: 1, hardware: None, kernel_source: None, d_o: None }
}

fn written(name: &str, problem: &Problem, tiles: Tiles) -> Vec<u8> {
    let (schedule, mut bytes) = (schedule(name, problem), Vec::new());
    write_json(&mut bytes, &export(problem, &schedule), tiles, |_| true).expect("memory takes every byte");
    bytes
}

/// What is wrong with a trace of this algorithm on `problem`, if something is.
fn fault(name: &str, problem: &Problem, trace: &Trace) -> Option<String> {
    let schedule = schedule(name, problem);
    follows(trace, &export(problem, &schedule), |_| true).err().map(|error| error.to_string())
}

/// Every list of numbers of a step.
fn numbers<'s>(step: &'s mut Step<'static>) -> Vec<&'s mut Values> {
    let rows =
        [&mut step.m, &mut step.l, &mut step.alpha, &mut step.beta, &mut step.m_tile, &mut step.l_tile, &mut step.lse];
    let tiles = [&mut step.s, &mut step.p, &mut step.o];
    let blocks = tiles.into_iter().flatten().chain(step.blocks.values_mut()).flatten();
    rows.into_iter().flatten().chain(step.values.values_mut()).chain(blocks).collect()
}

/// The trace with number `at` of list `list` of step `n` made another.
fn with_number(trace: &Trace, n: usize, list: usize, at: usize, other: f32) -> Trace {
    let mut trace = trace.clone();
    let mut lists = numbers(&mut trace.steps[n]);
    let mut numbers: Vec<f32> = lists[list].numbers().iter().map(|&x| x as f32).collect();
    numbers[at] = other;
    *lists[list] = Values::of(&numbers);
    trace
}

/// Each number of a trace in turn is made another, which is told with its step.
fn each_number_is_held(name: &str, problem: &Problem) -> usize {
    let trace = read(&written(name, problem, Tiles::Full)).expect("a trace");
    assert_eq!(fault(name, problem, &trace), None, "{name}");
    let mut held = 0;
    for n in 0..trace.steps.len() {
        let found: Vec<Vec<f64>> =
            numbers(&mut trace.clone().steps[n]).iter().map(|values| values.numbers().to_vec()).collect();
        for (list, found) in found.iter().enumerate() {
            let at = (n + list) % found.len();
            let mut others = vec![f32::INFINITY, 1e6, found[at] as f32 + 0.25];
            // A NaN stands for itself alone, and nothing else stands for it.
            others.push(if found[at].is_nan() { 1.0 } else { f32::NAN });
            // What is the same number is no other.
            for other in others.into_iter().filter(|&other| !same(f64::from(other), found[at])) {
                let wrong = fault(name, problem, &with_number(&trace, n, list, at, other));
                let wrong = wrong.unwrap_or_else(|| panic!("{name}: step {n}, list {list}: {} as {other}", found[at]));
                assert!(wrong.starts_with(&format!("step {n}: ")), "{wrong}");
                held += 1;
            }
        }
    }
    held
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

#[test]
fn numbers_that_do_not_follow_are_told() {
    let mut odd = problem();
    odd.k[[0, 0, 1, 0]] = f64::NAN;
    odd.v[[0, 0, 3, 1]] = f64::INFINITY;
    for problem in [problem(), odd] {
        for name in ["standard", "flash1", "flash2", "split-kv"] {
            let held = each_number_is_held(name, &problem);
            assert!(held >= 100, "{name}: {held} numbers are few");
        }
    }
}

#[test]
fn steps_that_do_not_follow_are_told() {
    let problem = problem();
    for name in ["flash1", "flash2", "split-kv"] {
        let trace = read(&written(name, &problem, Tiles::Stats)).expect("a trace");
        let last = trace.steps.len() - 1;
        let mut short = trace.clone();
        short.steps.pop();
        assert!(fault(name, &problem, &short).expect("it ends early").starts_with(&format!("step {last}: ")));
        for n in 0..last {
            let mut other = trace.clone();
            let step = &mut other.steps[n];
            match (step.i, step.j) {
                (Some(i), _) if n.is_multiple_of(2) => step.i = Some(1 - i),
                (_, Some(j)) => step.j = Some((j + 1) % 3),
                (Some(i), _) => step.i = Some(1 - i),
                _ => step.op = "x".into(),
            }
            assert!(fault(name, &problem, &other).is_some(), "{name}: step {n} is at another place");
        }
    }
}

/// Where two traces differ, whichever has more; counts differ by one, whatever tolerance computed numbers have.
#[test]
fn differences_on_either_side_are_found() {
    let problem = problem();
    let of = |tiles| read(&written("flash2", &problem, tiles)).expect("a trace");
    let (all, alone) = (of(Tiles::Full), of(Tiles::None));
    let (mut counted, mut short) = (all.clone(), all.clone());
    counted.steps[3].flops.other += 1;
    short.steps.pop();
    for (other, step, field) in
        [(&counted, Some(3), "flops.other"), (&short, None, "the number of steps"), (&alone, Some(1), "l")]
    {
        for (a, b) in [(&all, other), (other, &all)] {
            let found = diff(a, b, 0.5).unwrap_or_else(|| panic!("{field} differs"));
            assert_eq!((found.step, found.field.as_str()), (step, field));
        }
    }
    assert_eq!(diff(&all, &all.clone(), 0.0), None);
}

/// Pointers to the whole numbers in and below a value.
fn counts(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| counts(value, &format!("{path}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| counts(value, &format!("{path}/{n}"), found));
        }
        Value::Number(number) if number.is_u64() => found.push(path.to_owned()),
        _ => {}
    }
}

/// Each count of a trace, one more: the trace no longer agrees with itself, and is refused where it says so.
#[test]
fn every_total_is_held_against_the_steps() {
    let problem = problem();
    for name in ["standard", "flash1", "flash2"] {
        let trace: Value = serde_json::from_slice(&written(name, &problem, Tiles::None)).expect("JSON");
        let mut all = Vec::new();
        counts(&trace["totals"], "/totals", &mut all);
        // What moves on chip is told of the whole run alone.
        all.retain(|path| !path.starts_with("/totals/sram_"));
        for n in 0..trace["steps"].as_array().expect("steps").len() {
            for field in ["n", "hbm_read_bytes", "hbm_write_bytes", "on_chip_bytes", "flops"] {
                let path = format!("/steps/{n}/{field}");
                counts(trace.pointer(&path).expect("a field"), &path, &mut all);
            }
        }
        assert!(all.len() > 200, "{name}: {} counts", all.len());
        for path in all {
            let mut changed = trace.clone();
            let count = changed.pointer_mut(&path).expect("it was found");
            *count = (count.as_u64().expect("a count") + 1).into();
            let bytes = serde_json::to_vec(&changed).expect("JSON");
            let is_live = path.contains("on_chip_bytes") && path.starts_with("/steps");
            match read(&bytes) {
                // What is live may be any number below the peak.
                Ok(_) => assert!(is_live && count_below_the_peak(&trace, &path), "{name}: {path}"),
                Err(error) => {
                    let place = if let Some(rest) = path.strip_prefix("/totals/") {
                        format!("totals.{}", rest.split('/').next().expect("a field"))
                    } else if is_live || path.ends_with("/n") || path.contains("_bytes") {
                        format!("step {}: ", path.split('/').nth(2).expect("a step"))
                    } else {
                        "totals.flops".to_owned()
                    };
                    assert!(error.to_string().starts_with(&place), "{name}: {path}: {error}");
                }
            }
        }
    }
}

/// The memory that `path` is of has room for a byte more at its step than the totals say there was at most.
fn count_below_the_peak(trace: &Value, path: &str) -> bool {
    let memory = path.rsplit('/').next().expect("a memory");
    let of = |path: &str| trace.pointer(path).and_then(Value::as_u64).expect("a count");
    of(path) < of(&format!("/totals/peak_on_chip_bytes/{memory}"))
}
