//! Traces: the way out and back, the schema, and bytes that nobody vouches for.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{any_problems, gradients};
use ndarray::{Array4, Axis, s};
use proptest::prelude::*;
use serde_json::{Value, json};
use tilescope::attention::{Input, Mask, Precision, Problem, input};
use tilescope::machine::Run;
use tilescope::schedule::spec::RunSpec;
use tilescope::schedule::{Algorithm, Plan, Schedule, Tiling, algorithm};
use tilescope::trace::{
    CSV_HEADER, Export, Origin, Tiles, Trace, TraceError, diff, read, schema, write_csv, write_json, write_perfetto,
};

const MODES: [Tiles; 3] = [Tiles::None, Tiles::Stats, Tiles::Full];
const KERNEL: &str = include_str!("../../kernels/flash2.wgsl");

fn schedule(name: &str, problem: &Problem, batch: usize, tiling: Tiling, precision: Precision) -> Schedule {
    let algorithm = algorithm::by_name(name).expect("an algorithm of this crate");
    Schedule::new(algorithm, Plan::of_problem(problem, batch, tiling, precision))
}

fn export<'a>(problem: &'a Problem, schedule: &'a Schedule, batch: usize, head: usize) -> Export<'a> {
    let origin = Origin { name: "a test".into(), seed: Some(7), ..Origin::default() };
    Export { origin, problem, schedule, batch, head, hardware: Some("toy"), kernel_source: Some(KERNEL), d_o: None }
}

fn written(export: &Export<'_>, tiles: Tiles) -> Vec<u8> {
    let mut bytes = Vec::new();
    let summary = write_json(&mut bytes, export, tiles, |_| true).expect("memory takes every byte");
    assert_eq!(summary.bytes, bytes.len() as u64);
    assert_eq!(summary.check.is_none(), tiles == Tiles::None);
    bytes
}

/// A small causal problem with dead rows (more queries than keys), ragged blocks and two heads.
fn small() -> Input {
    let mut input = input::random::read("random:7,5,2,2,1", 0).expect("a spec");
    input.problem.mask = Mask { causal: true, ..Mask::default() };
    input
}

fn small_trace(algorithm: &str, tiles: Tiles, precision: Precision) -> Vec<u8> {
    let input = small();
    let schedule = schedule(algorithm, &input.problem, 0, Tiling { br: 4, bc: 2 }, precision);
    let export = Export { origin: Origin::of(&input, None), ..export(&input.problem, &schedule, 0, 1) };
    written(&export, tiles)
}

/// A trace with one field changed, as bytes.
fn changed(trace: &[u8], pointer: &str, value: Value) -> Vec<u8> {
    let mut json: Value = serde_json::from_slice(trace).expect("a trace");
    *json.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    serde_json::to_vec(&json).expect("a value")
}

fn refusal(bytes: &[u8]) -> String {
    let text = read(bytes).expect_err("it must be refused").to_string();
    assert!(!text.chars().any(char::is_control), "more than one line: {text:?}");
    text
}

#[test]
fn everything_that_is_written_comes_back() {
    for algorithm in *algorithm::ALL {
        for precision in [Precision::F64, Precision::F32, Precision::F16] {
            for tiles in MODES {
                let bytes = small_trace(algorithm.name(), tiles, precision);
                let trace = read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", algorithm.name()));
                assert_eq!(String::from_utf8(trace.to_json()).unwrap(), String::from_utf8(bytes.clone()).unwrap());
                assert_eq!(bytes, small_trace(algorithm.name(), tiles, precision), "the same bytes each time");
                assert!(trace.check.is_none_or(|check| check.passed));
            }
        }
    }
}

#[test]
fn dead_rows_and_the_lines_of_code_are_in_it() {
    let trace = read(&small_trace("flash2", Tiles::Stats, Precision::F32)).unwrap();
    let last = trace.steps.iter().find(|step| step.op == "normalise").unwrap();
    let [m, l, lse] = [&last.m, &last.l, &last.lse].map(|values| values.as_ref().unwrap().numbers().to_vec());
    assert_eq!((m[0], l[0], lse[0]), (f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY));
    let scores = trace.steps.iter().find(|step| step.op == "scores").unwrap();
    let text = trace.text.as_deref().unwrap();
    let [line] = *scores.lines.pseudo else { panic!("one line a step: {:?}", scores.lines.pseudo) };
    assert!(text.lines().nth(usize::from(line) - 1).unwrap().trim_start().starts_with("scores: "));
    let lines = scores.lines.kernel.as_deref().unwrap();
    assert!(KERNEL.lines().nth(lines[0] as usize - 1).unwrap().contains("[step: scores]"));
    assert!(trace.steps.iter().all(|step| step.lines.kernel.as_ref().is_some_and(|lines| !lines.is_empty())));
}

#[test]
fn statistics_of_a_tile_that_was_left_behind_are_not_told() {
    let told = |algorithm: &str, op: &str| {
        let trace = read(&small_trace(algorithm, Tiles::Stats, Precision::F32)).unwrap();
        let of_op = trace.steps.iter().filter(|step| step.op == op);
        let mut names: Vec<_> = of_op.map(|step| step.statistics().map(|(name, _)| name).collect::<Vec<_>>()).collect();
        names.dedup();
        assert_eq!(names.len(), 1, "the same at every {op}");
        names.remove(0).join(" ")
    };
    assert_eq!(told("flash1", "tile-max"), "m_tile");
    assert_eq!(told("flash1", "row-sum"), "m_tile l_tile");
    assert_eq!(told("flash1", "merge-stats"), "alpha beta m_tile l_tile");
    assert_eq!(told("flash1", "merge-output"), "m l alpha beta m_tile l_tile");
    assert_eq!(told("flash2", "start-rows"), "m l");
    assert_eq!(told("flash2", "row-max"), "m l alpha");
    assert_eq!(told("flash2", "normalise"), "m l L");
    assert_eq!(told("standard", "divide-rows"), "m l");
}

#[test]
fn steps_name_the_rows_and_keys_that_they_work_on() {
    let trace = read(&small_trace("standard", Tiles::None, Precision::F32)).unwrap();
    let of = |title: &str| trace.steps.iter().rfind(|step| step.title() == title).map(|step| (step.rows, step.cols));
    assert_eq!(of("load Q"), Some((Some([4, 7]), None)));
    assert_eq!(of("tile-max"), Some((Some([4, 7]), Some([0, 5]))), "whole rows");
    assert_eq!(of("product"), Some((Some([4, 7]), Some([4, 5]))));
    let trace = read(&small_trace("flash1", Tiles::None, Precision::F32)).unwrap();
    let load = trace.steps.iter().find(|step| step.title() == "load K").unwrap();
    assert_eq!((load.rows, load.cols), (None, Some([0, 2])));
}

#[test]
fn a_schedule_alone_has_no_numbers() {
    let trace = read(&small_trace("flash1", Tiles::None, Precision::F32)).unwrap();
    assert!(trace.steps.iter().all(|step| step.statistics().next().is_none() && step.s.is_none()));
    assert!(trace.check.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn traces_of_random_problems_come_back_and_hold_what_the_machine_held(
        (problem, tiling, precision) in any_problems(),
        mode in 0..3usize,
        at in any::<prop::sample::Index>(),
    ) {
        let (batch, head) = (problem.shape.batch - 1, problem.shape.heads - 1);
        for algorithm in *algorithm::ALL {
            let schedule = schedule(algorithm.name(), &problem, batch, tiling, precision);
            let bytes = written(&export(&problem, &schedule, batch, head), MODES[mode]);
            let trace = read(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&trace.to_json(), &bytes);
            prop_assert_eq!(trace.steps.len() as u64, schedule.len());
            prop_assert_eq!(diff(&trace, &trace, 0.0), None);
            if MODES[mode] == Tiles::None {
                continue;
            }
            let run = Run::new(schedule, &problem, batch, head, |_| true).expect("nobody stops it");
            let n = at.index(trace.steps.len());
            let (step, view) = (&trace.steps[n], run.view(n as u64 + 1));
            for (name, told) in step.statistics() {
                let held = view.column(name);
                {
                    let same = told.numbers().iter().zip(held.unwrap()).all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan());
                    prop_assert!(same, "step {}: {:?} {:?}", n, told, held);
                }
            }
            for (told, held) in [(&step.s, view.get("S")), (&step.p, view.get("P")), (&step.o, view.get("O"))] {
                let Some(told) = told else { continue };
                let told: Vec<u64> = told.iter().flat_map(tilescope::trace::Values::numbers).map(|x| x.to_bits()).collect();
                prop_assert_eq!(told, held.unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn the_schema_is_the_one_in_assets() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/trace.schema.json");
    let made = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("TILESCOPE_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "assets/trace.schema.json is old: run this test with TILESCOPE_UPDATE=1");
}

/// The names of all fields of an object in the schema.
fn fields(schema: &Value, object: &str) -> BTreeSet<String> {
    let object = if object.is_empty() { schema } else { &schema["$defs"][object] };
    object["properties"].as_object().expect("properties are an object").keys().cloned().collect()
}

#[test]
fn what_is_written_follows_the_schema_and_what_is_changed_does_not() {
    let schema = schema().to_value();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let check = |bytes: &[u8]| {
        let json: Value = serde_json::from_slice(bytes).unwrap();
        let fault = validator.iter_errors(&json).next().map(|error| format!("{} at {}", error, error.instance_path()));
        let keys = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert!(keys(&json).is_subset(&fields(&schema, "")));
        assert!(
            json["steps"].as_array().into_iter().flatten().all(|step| keys(step).is_subset(&fields(&schema, "Step")))
        );
        fault
    };
    for algorithm in *algorithm::ALL {
        for tiles in MODES {
            assert_eq!(check(&small_trace(algorithm.name(), tiles, Precision::F32)), None);
        }
    }
    let trace = small_trace("flash2", Tiles::Stats, Precision::F32);
    for (pointer, value) in [
        ("/format", json!("another")),
        ("/version", json!(2)),
        ("/steps/3/hbm_read_bytes", json!(-1)),
        ("/steps/2/tensor", json!("no tensor")),
        ("/steps/1/m/0", json!(null)),
        ("/steps/1/m/0", json!("inf")),
        ("/problem/precision", json!("f8")),
        ("/totals", json!({})),
        ("/check/passed", json!("yes")),
    ] {
        let bytes = changed(&trace, pointer, value);
        assert!(check(&bytes).is_some(), "{pointer} is changed, and the schema lets it pass");
        assert!(read(&bytes).is_err(), "{pointer} is changed, and the reader lets it pass");
    }
    // Which tensors there are, only the text of the trace knows.
    let told = read(&changed(&trace, "/steps/2/tensor", json!("W"))).unwrap_err().to_string();
    assert!(told.contains("W is no tensor of its text"), "{told}");
}

#[test]
fn traces_of_every_release_stay_readable() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces/v1");
    if std::env::var_os("TILESCOPE_UPDATE").is_some() {
        std::fs::create_dir_all(&folder).unwrap();
        for (algorithm, tiles, precision) in [
            ("flash2", Tiles::Full, Precision::F32),
            ("flash1", Tiles::Stats, Precision::F64),
            ("standard", Tiles::Stats, Precision::BF16),
            ("flash2", Tiles::None, Precision::F16),
        ] {
            let name = format!("{algorithm}-{}.json", format!("{tiles:?}").to_lowercase());
            let path = folder.join(name);
            // A fixture is what a release wrote: it is never written again.
            if !path.exists() {
                std::fs::write(path, small_trace(algorithm, tiles, precision)).unwrap();
            }
        }
    }
    let mut count = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let trace = read(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(!trace.steps.is_empty());
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn a_file_that_was_cut_off_says_so() {
    let trace = small_trace("flash2", Tiles::Stats, Precision::F32);
    for end in 0..trace.len() - 1 {
        match read(&trace[..end]) {
            Err(TraceError::CutOff { .. }) => {}
            Err(TraceError::Empty) if end == 0 => {}
            // `-` or `"\` at the end of the bytes.
            Err(TraceError::NotJson { .. } | TraceError::Type { .. }) => {}
            other => panic!("cut at {end}: {other:?}"),
        }
    }
    let middle = trace.iter().rposition(|&byte| byte == b'm').unwrap();
    assert!(refusal(&trace[..middle]).contains("the export was cut off"));
    let text = String::from_utf8(trace).unwrap();
    let at = text.find("\"alpha\":[").unwrap() + 9;
    let error = refusal(&text.as_bytes()[..at]);
    assert!(error.starts_with("the file ends at line 1") && error.contains("steps[5].alpha"), "{error}");
}

#[test]
fn changed_bytes_never_do_harm() {
    let trace = small_trace("flash2", Tiles::Full, Precision::F32);
    for at in 0..trace.len() {
        for byte in [0, b'"', b'9', b'}', b'[', 0xff, trace[at] ^ 1] {
            let mut bytes = trace.clone();
            bytes[at] = byte;
            if let Err(error) = read(&bytes) {
                let text = error.to_string();
                assert!(!text.is_empty() && !text.contains('\n'), "{text:?}");
            }
        }
    }
}

#[test]
fn refusals_say_what_and_where() {
    let trace = small_trace("flash2", Tiles::Stats, Precision::F32);
    let change = |pointer: &str, value: Value| refusal(&changed(&trace, pointer, value));
    assert_eq!(refusal(b""), "the file is empty");
    assert_eq!(refusal(b"PK\x03\x04"), "this is not JSON: expected value at line 1, column 1");
    assert!(refusal(b"{}").contains("not a trace: it has no format"));
    assert!(refusal(br#"{"format":"other\nthing"}"#).contains(r#"its format is "other"#));
    assert!(refusal(b"[1]").contains("invalid type: integer"));
    assert_eq!(
        refusal(br#"{"format":"tilescope-trace","version":2,"steps":7}"#),
        "made by a newer version (trace version 2; this program reads 1)"
    );
    assert!(change("/steps/5/m/2", json!(null)).starts_with("steps[5].m[2]: invalid type: null, expected a number"));
    assert!(change("/steps/5/m/2", json!(1e300)).starts_with("steps[5].m[2]: 1.000e300 is outside the range of f32"));
    assert!(change("/steps/2/n", json!(3)).starts_with("step 2: its number is 3"));
    assert!(change("/steps/2/j", json!(3)).starts_with("step 2: j is 3, but there are 3 key blocks"));
    assert!(change("/steps/2/class", json!("full")).contains("class is full, but the mask makes it partial"));
    assert!(change("/steps/5/m", json!([1.0])).contains("m has 1 number for 4 rows"));
    assert!(change("/steps/5/on_chip_bytes/shared", json!(1u64 << 40)).starts_with("step 5: "));
    assert!(change("/steps/2/hbm_read_bytes", json!(7)).starts_with("step 2: it moves part of an element"));
    assert!(change("/steps/2/hbm_read_bytes", json!(8)).starts_with("totals.hbm_read_bytes: "));
    assert!(change("/totals/tiles/full", json!(99)).starts_with("totals.tiles: "));
    assert!(change("/problem/n_q", json!(u64::MAX)).starts_with("problem: "));
}

#[test]
fn bombs_and_odd_numbers_are_refused() {
    let trace = String::from_utf8(small_trace("flash2", Tiles::Stats, Precision::F32)).unwrap();
    for bomb in ["[".repeat(1 << 20), "{\"a\":".repeat(1 << 20)] {
        refusal(bomb.as_bytes());
        refusal(trace.replacen("\"steps\":[", &format!("\"steps\":[{bomb}"), 1).as_bytes());
        refusal(trace.replacen("\"version\":1", &format!("\"version\":1,\"x\":{bomb}"), 1).as_bytes());
    }
    refusal(trace.replacen("\"n\":0", "\"n\":1e400", 1).as_bytes());
    refusal(trace.replacen("\"n\":0", "\"n\":0,\"n\":0", 1).as_bytes());
    refusal(format!("{trace}x").as_bytes());
    let wide = changed(trace.as_bytes(), "/problem/mask/window", json!([1u64 << 63, u64::MAX]));
    assert!(read(&wide).is_ok(), "a window wider than the sequence hides nothing");
    let unknown = trace.replacen("\"version\":1", "\"version\":1,\"later\":{\"a\":[1]}", 1);
    assert!(read(unknown.as_bytes()).is_ok(), "a field of a later release is passed over");
}

#[test]
fn diff_finds_the_first_step_and_field() {
    let read_changed = |pointer: &str, value: Value| {
        let bytes = small_trace("flash2", Tiles::Stats, Precision::F32);
        read(&changed(&bytes, pointer, value)).unwrap()
    };
    let trace = read(&small_trace("flash2", Tiles::Stats, Precision::F32)).unwrap();
    let m = trace.steps[5].m.as_ref().unwrap().numbers()[3];
    let near = read_changed("/steps/5/m/3", json!(m + 1e-4));
    let difference = diff(&trace, &near, 1e-6).unwrap();
    assert_eq!((difference.step, difference.field.as_str()), (Some(5), "m[3]"));
    assert!(difference.to_string().starts_with("step 5: m[3] is "));
    assert_eq!(diff(&trace, &near, 1e-2), None);
    let other = read(&small_trace("flash1", Tiles::Stats, Precision::F32)).unwrap();
    assert_eq!(diff(&trace, &other, 1.0).unwrap().field, "algorithm");
    let alone = read(&small_trace("flash2", Tiles::None, Precision::F32)).unwrap();
    let difference = diff(&trace, &alone, 0.0).unwrap();
    assert_eq!((difference.step, difference.b.as_str()), (Some(1), "absent"));
}

#[test]
fn csv_has_a_row_per_step_and_names_what_is_not_finite() {
    let input = small();
    let schedule = schedule("flash2", &input.problem, 0, Tiling { br: 4, bc: 2 }, Precision::F32);
    let mut csv = Vec::new();
    let summary = write_csv(&mut csv, &export(&input.problem, &schedule, 0, 0), Tiles::Stats, |_| true).unwrap();
    assert_eq!(summary.bytes, csv.len() as u64);
    let csv = String::from_utf8(csv).unwrap();
    let columns = CSV_HEADER.split(',').count();
    assert_eq!(csv.lines().count() as u64, 1 + schedule.len());
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    assert!(
        csv.contains(",start-rows,,0,,0,4,,,,") && csv.contains(",-Infinity -Infinity -Infinity -Infinity,0 0 0 0,")
    );
}

#[test]
fn an_export_stops_when_it_is_told_to_and_when_the_disk_is_full() {
    let input = input::random::read("random:600,600,1", 0).unwrap();
    let schedule = schedule("flash2", &input.problem, 0, Tiling { br: 16, bc: 16 }, Precision::F32);
    let export = export(&input.problem, &schedule, 0, 0);
    let stop = |_| false;
    assert!(matches!(write_json(std::io::sink(), &export, Tiles::None, stop), Err(TraceError::Stopped)));
    assert!(matches!(write_json(std::io::sink(), &export, Tiles::Stats, stop), Err(TraceError::Stopped)));
    assert!(matches!(write_csv(std::io::sink(), &export, Tiles::Stats, stop), Err(TraceError::Stopped)));
    assert!(matches!(write_perfetto(std::io::sink(), &export, stop), Err(TraceError::Stopped)));
    for tiles in [Tiles::None, Tiles::Stats] {
        let mut full = [0; 100_000];
        assert!(matches!(write_json(&mut full[..], &export, tiles, |_| true), Err(TraceError::Write(_))));
    }
}

#[test]
fn what_a_pass_counts_is_what_the_trace_says() {
    let trace: Trace = read(&small_trace("flash1", Tiles::Stats, Precision::F16)).unwrap();
    let input = small();
    let schedule = schedule("flash1", &input.problem, 0, Tiling { br: 4, bc: 2 }, Precision::F16);
    let closed = schedule.algorithm.closed_form(schedule.plan());
    assert_eq!(trace.totals.hbm_read_bytes, closed.read.bytes());
    assert_eq!(trace.totals.hbm_write_bytes, closed.write.bytes());
    assert_eq!(trace.totals.flops.matmul, closed.flops.matmul);
}

/// The last row statistics that flash1 tells of a row are its results.
#[test]
fn the_results_of_flash1_are_in_its_trace() {
    let problem = small().problem;
    let head = problem.head::<f64>(0, 1, Precision::F64);
    let exact = tilescope::attention::oracle::attention(&head);
    let trace = read(&small_trace("flash1", Tiles::Stats, Precision::F64)).unwrap();
    for query in 0..problem.shape.n_q {
        let of_row = trace.steps.iter().rfind(|step| {
            step.op == "merge-output" && step.rows.is_some_and(|[start, end]| (start..end).contains(&query))
        });
        let Some(step) = of_row else {
            assert_eq!(exact.l[query], 0.0, "only a row that sees no key is in no visit");
            continue;
        };
        let row = query - step.rows.unwrap()[0];
        let [m, l] = [&step.m, &step.l].map(|values| values.as_ref().unwrap().numbers()[row]);
        for (told, exact) in [(m, exact.m[query]), (l, exact.l[query])] {
            assert!(told == exact || (told - exact).abs() <= 1e-12 * exact.abs(), "{query}: {told} {exact}");
        }
    }
}

/// What a backward pass leaves is held against exact gradients, of all query heads that share keys; so is a text of one's
/// own with a slip.
#[test]
fn the_check_of_a_backward_pass_is_of_its_gradients() {
    let input = input::random::read("random:9,7,4,4,2", 3).expect("a spec");
    let d_o = Array4::from_shape_fn(input.problem.q.raw_dim(), |(_, h, i, c)| ((7 * h + 3 * i + c) as f64 * 0.7).sin());
    let traced = |algorithm: &Algorithm| {
        let spec = RunSpec { precision: Some(Precision::F64), ..RunSpec::default() };
        let schedule = Schedule::of(algorithm, spec.with_blocks(Tiling { br: 4, bc: 2 }).setting(algorithm, &input, 0));
        let export = Export { d_o: Some(d_o.index_axis(Axis(0), 0)), ..export(&input.problem, &schedule, 0, 3) };
        read(&written(&export, Tiles::Stats)).expect("what was written").check.expect("it was computed")
    };
    let names = ["standard-backward", "flash1-backward", "flash2-backward", "two-kernel-backward"];
    for name in names {
        let check = traced(algorithm::by_name(name).expect("a text of the program"));
        assert!(check.passed && check.o.is_none(), "{name}: {check:?}");
        let told: Vec<&str> = check.gradients.keys().map(String::as_str).collect();
        assert_eq!(told, ["dK", "dQ", "dV"], "{name}");
        assert!(check.gradients.values().all(|of| of.max_error.0 < 1e-13 && of.bound.0 < 1e-9), "{name}: {check:?}");
    }
    // dK without its scale is as far off as exact gradients say, and the rest stays right.
    let text = include_str!("../../src/schedule/algorithms/flash2-backward.tile");
    let slip = text.replace("dK = dK + scale * dS^T @ Q", "dK = dK + dS^T @ Q");
    let check = traced(&Algorithm::read("mine.tile", &slip).expect("a text"));
    let exact = gradients::exact(&input.problem, &d_o).dk;
    let off =
        exact.slice(s![0, 1, .., ..]).iter().fold(0.0, |most: f64, x| most.max((x / input.problem.scale - x).abs()));
    assert!(!check.passed, "{check:?}");
    assert!((check.gradients["dK"].max_error.0 - off).abs() < 1e-12, "{check:?}: {off}");
    assert!(check.gradients["dQ"].max_error.0 < 1e-13 && check.gradients["dV"].max_error.0 < 1e-13, "{check:?}");
}
