//! What cannot be shown is refused: one line, exit code 2, and nothing is written. Neither is it replaced by the picture
//! of another input, nor by the nearest place that there is.

use crate::stage_support;
use std::fs;

use crate::common::program::{refused, tilescope};
use crate::common::skips;
use tilescope::app::AppOptions;

const TOY: &str = "random:9,11,8,4,2";

/// What `render` and the window are asked for, and what the line says of it.
const CASES: [(&[&str], &str); 30] = [
    (
        &["random:262144,262144,1", "--algorithm", "flash1", "--br", "2", "--bc", "2"],
        "steps over 131072 x 131072 blocks are too many",
    ),
    (
        &["random:262144,262144,1", "--algorithm", "standard", "--br", "64", "--bc", "64"],
        "steps of a text that reads blocks once are too many to walk",
    ),
    (&["--scene", "real", "--prefix", "99999"], "a prefix of 99999 tokens needs a number from 1 to 93"),
    (&[TOY, "--prefix", "4"], "only a causal input"),
    (&[TOY, "--kv-lengths", "3,3"], "one length for each of the batch entries (1)"),
    (&[TOY, "--kv-lengths", "12"], "a key length is 12: it must not be above n_k"),
    (&[TOY, "--row", "9"], "there is no row 9; the last is 8"),
    (&[TOY, "--row", "99"], "there is no row 99; the last is 8"),
    (&[TOY, "--key", "11"], "there is no key 11; the last is 10"),
    (&[TOY, "--head", "4"], "there is no head 4; the last is 3"),
    (&[TOY, "--batch", "1"], "there is no batch entry 1; the last is 0"),
    (&[TOY, "--at", "1000000000000"], "there is no step 1000000000000; the last is"),
    (&[TOY, "--br", "0"], "br is 0"),
    (&[TOY, "--bc", "0"], "bc is 0"),
    (&["--row", "999"], "there is no row 999"),
    (&["--scene", "toy", "--row", "16"], "there is no row 16; the last is 15"),
    (&["--scene", "real", "--prefix", "5", "--row", "5"], "there is no row 5; the last is 4"),
    (&["--lesson", "4.99"], "lesson 4 has 6 beats"),
    (&["--lesson", "99"], "lessons"),
    (&["--lesson", "0"], "it is a lesson and a beat"),
    (&["--lesson", "nowhere.md"], "nowhere.md: there is no such file"),
    (&["--lesson", "nowhere.md:2r"], "nowhere.md: there is no such file"),
    (&["--lesson", "4.3r"], "asks nothing whose answer could be revealed"),
    (&["--lesson", "4.1s"], "has no change and no build that could be done"),
    (&["--lesson", "3", "--row", "2"], "leave out the file and the options of a run"),
    (&[TOY, "--lesson", "3"], "leave out the file and the options of a run"),
    (&[TOY, "--present"], "leave out the file and the options of a run"),
    (&[TOY, "--scene", "toy"], "two inputs"),
    (&["--scene", "toy", "--seed", "3"], "--seed is that of a random: input"),
    (&["--tour", "--lesson", "3"], "leave out --lesson and --present"),
];

#[test]
fn render_writes_nothing_that_was_not_asked_for() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (arguments, expected) in CASES {
        let line = refused(folder.path(), &[&["render"], arguments, &["-o", "x.png"]].concat(), 2);
        assert!(line.contains(expected), "{arguments:?}: {line}, not {expected}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "{arguments:?} left something");
    }
}

/// Before a display is looked for: 2, and not 3.
#[test]
fn the_window_does_not_open_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (arguments, expected) in CASES {
        let line = refused(folder.path(), arguments, 2);
        assert!(line.contains(expected), "{arguments:?}: {line}, not {expected}");
    }
}

/// The last row, key, head, step and beat are there.
#[test]
fn the_last_of_each_is_drawn() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let last = ["--row", "8", "--key", "10", "--head", "3", "--batch", "0", "--kv-lengths", "11"];
    for arguments in [&[&[TOY], &last[..]].concat()[..], &["--row", "15"], &["--lesson", "4.6"]] {
        let output = tilescope(folder.path(), &[&["render"], arguments, &["-o", "x.png"]].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(3) {
            return skips::missing("all of it", &said);
        }
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert!(fs::read(folder.path().join("x.png")).expect("a picture").starts_with(b"\x89PNG"));
    }
}

/// Of one `m` 123.5 was made: the step is named, by `render` and by the window.
#[test]
fn a_number_that_does_not_follow_is_named_with_its_step() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let changed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/m-changed.json");
    for arguments in [vec!["render", changed, "-o", "x.png"], vec![changed]] {
        let line = refused(folder.path(), &arguments, 2);
        assert!(line.contains("step 4: m of row 0 is 123.5, but the input makes it 2.27"), "{line}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
}

/// Each statistic of each row operation, a little beside itself: none passes; as they are, all do.
#[test]
fn every_kind_of_number_is_held_against_the_input() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    for (algorithm, precision) in [("flash1", "f32"), ("flash2", "f16"), ("standard", "f32"), ("flash2", "f64")] {
        let made =
            ["trace", "random:7,9,4", "--algorithm", algorithm, "--precision", precision, "--br", "3", "--bc", "4"];
        let made = [&made[..], &["--causal", "--tiles", "full", "-o", "t.json"]].concat();
        assert!(tilescope(folder.path(), &made).status.success(), "{algorithm} {precision}");
        let text = fs::read_to_string(folder.path().join("t.json")).expect("a trace");
        let trace: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let opens = |trace: &serde_json::Value| {
            fs::write(folder.path().join("u.json"), trace.to_string()).expect("written");
            let output = tilescope(folder.path(), &["u.json"]);
            (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (code, said) = opens(&trace);
        assert_eq!(code, Some(3), "{algorithm} {precision}: it opens, but there is no display: {said}");
        for name in ["m", "l", "alpha", "beta", "m_tile", "l_tile", "L", "s", "p", "o"] {
            let steps = trace["steps"].as_array().expect("steps");
            let is_number = |value: &serde_json::Value| value.as_f64().is_some_and(|x| x.abs() > 0.1);
            let place = steps.iter().enumerate().find_map(|(n, step)| {
                let of = |at: String| step.pointer(&at).is_some_and(is_number).then_some((n, at));
                (0..9).find_map(|row| of(format!("/{name}/{row}")).or_else(|| of(format!("/{name}/{row}/0"))))
            });
            let Some((n, at)) = place else { continue };
            let mut changed = trace.clone();
            let number = changed["steps"][n].pointer_mut(&at).expect("it was found");
            // O before its division is a sum of up to nine values, rounded in the format of the trace.
            let beside = |x: f64| if name == "o" { x + 4.0 } else { x * 1.25 };
            *number = serde_json::json!(beside(number.as_f64().expect("a number")));
            let (code, said) = opens(&changed);
            assert_eq!(code, Some(2), "{algorithm} {precision}: {name} of step {n} passes: {said}");
            assert!(said.contains(&format!("step {n}: {name} of row ")), "{said}");
        }
    }
}

/// What a window was kept at, and is not there any more, is told: the nearest place would pass for it.
#[test]
fn a_kept_session_of_what_is_not_there_is_told() {
    for (session, expected) in [
        (r#"{"scene":"toy","row":99}"#, "there is no row 99; the last is 15"),
        (r#"{"scene":"real","head":9}"#, "there is no head 9; the last is 8"),
        (r#"{"scene":"toy","at":100000}"#, "there is no step 100000; the last is"),
        (r#"{"scene":"toy","kv_lengths":"3,3"}"#, "one length for each of the batch entries (1)"),
    ] {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let kept = format!(r#"{{"version":1,"has_started":true,"session":{session}}}"#);
        fs::write(folder.path().join("settings.json"), kept).expect("written");
        let options = AppOptions { folder: Some(folder.path().to_owned()), ..stage_support::options() };
        let harness = stage_support::open_with(&options);
        let document = harness.state().document();
        let told = document.notice().map(ToString::to_string).unwrap_or_default();
        assert!(told.contains(expected), "{session}: {told:?}, not {expected}");
        assert_eq!(document.refused(), document.notice());
    }
}

/// A trace that is dropped on the window while another input is open: told with its step, and the picture stays.
#[test]
fn a_dropped_trace_that_does_not_follow_is_told() {
    let mut harness = stage_support::open(Some(tilescope::attention::input::preset::toy()));
    let before = harness.state().document().source().name.clone();
    let changed = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/traces/m-changed.json");
    stage_support::drop_files(&mut harness, &[changed.into()]);
    let told = harness.state().document().notice().expect("it is told").to_string();
    assert!(told.contains("m-changed.json: step 4: m of row 0 is 123.5"), "{told}");
    assert_eq!(harness.state().document().source().name, before);
}
