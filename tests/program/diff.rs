//! `tilescope diff`: the first step and field in which two traces differ, and how far.

use crate::common::program;
use std::fs;
use std::path::Path;

use serde_json::Value;

fn trace(folder: &Path, name: &str, options: &[&str]) {
    let mut arguments = vec!["trace", "random:9,7,3", "--br", "4", "--bc", "3", "--output", name];
    arguments.extend(options);
    program::ok(folder, &arguments);
}

fn diff(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = program::tilescope(folder, &[&["diff"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn two_traces_differ_where_a_number_was_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    trace(folder, "a.json", &["--algorithm", "flash2"]);
    trace(folder, "b.json", &["--algorithm", "flash2"]);
    let (code, out, _) = diff(folder, &["a.json", "b.json"]);
    assert_eq!((code, out.starts_with("the same: flash2 of ")), (Some(0), true), "{out}");

    // One m, moved by 0.25.
    let mut json: Value = serde_json::from_slice(&fs::read(folder.join("b.json")).expect("b")).expect("JSON");
    let steps = json["steps"].as_array_mut().expect("steps");
    let at = steps.iter().position(|step| step["op"] == "row-max").expect("a maximum");
    let m = &mut steps[at]["m"][1];
    let old = m.as_f64().expect("a number");
    *m = (old + 0.25).into();
    fs::write(folder.join("b.json"), json.to_string()).expect("b is written");

    let (code, out, _) = diff(folder, &["a.json", "b.json", "--json"]);
    let report: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(code, Some(1));
    assert_eq!((&report["step"], &report["field"], &report["op"]), (&at.into(), &"m[1]".into(), &"row-max".into()));
    assert!((report["distance"].as_f64().expect("how far") - 0.25).abs() < 1e-6);
    let (code, out, error) = diff(folder, &["a.json", "b.json"]);
    assert_eq!(code, Some(1));
    assert!(out.starts_with(&format!("step {at}: m[1] is ")) && out.contains(", off by 0.2500"), "{out}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert_eq!(diff(folder, &["a.json", "b.json", "--tolerance", "0.3"]).0, Some(0));
}

#[test]
fn other_runs_and_other_files_are_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    trace(folder, "a.json", &["--algorithm", "flash2"]);
    trace(folder, "b.json", &["--algorithm", "flash1"]);
    let (code, out, _) = diff(folder, &["a.json", "b.json"]);
    assert_eq!((code, out.trim_end()), (Some(1), r#"algorithm is "flash2" in the first and "flash1" in the second"#));
    fs::write(folder.join("no.json"), "{}").expect("it is written");
    for (arguments, word) in [
        (["a.json", "no.json"], "no.json: "),
        (["missing.json", "a.json"], "missing.json: "),
        (["-", "-"], "standard input"),
    ] {
        let error = program::refused(folder, &["diff", arguments[0], arguments[1]], 2);
        assert!(error.contains(word), "{error}");
    }
    assert_eq!(diff(folder, &["a.json", "b.json", "--tolerance", "nan"]).0, Some(2));
}
