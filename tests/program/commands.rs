//! The command line from outside: results, exit codes, and one clear line for whatever is wrong.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::golden;
use crate::common::program::{ok, refused, tilescope};
use crate::common::skips;
use serde_json::Value;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder for the test")
}

fn arrays(path: &Path) -> Vec<(String, Vec<usize>, Vec<f64>)> {
    let mut archive = zip::ZipArchive::new(fs::File::open(path).expect("an output")).expect("an npz");
    let names: Vec<String> = (archive.file_names()).map(|name| name.expect("UTF-8").into_owned()).collect();
    let read = |name: String| {
        let npy = npyz::NpyFile::new(archive.by_name(&name).expect("listed")).expect("an npy");
        let shape = npy.shape().iter().map(|&size| size as usize).collect();
        let values = match npy.dtype().descr().as_str() {
            "'<f8'" => npy.into_vec::<f64>().expect("f64"),
            _ => npy.into_vec::<f32>().expect("f32").into_iter().map(f64::from).collect(),
        };
        (name.trim_end_matches(".npy").to_owned(), shape, values)
    };
    names.into_iter().map(read).collect()
}

#[test]
fn run_writes_the_golden_results() {
    let folder = folder();
    let cases = golden::cases();
    let case = cases.iter().find(|case| case.name.starts_with("kvlen_b2_h2")).expect("a golden case");
    let input = format!("{}/{}", golden::FOLDER, case.name);
    for precision in ["f32", "f64"] {
        for algorithm in ["standard", "flash1", "flash2"] {
            let arguments = ["run", &input, "--algorithm", algorithm, "--causal", "--kv-lengths", "130,65"];
            let blocks = ["--br", "5", "--bc", "7", "--precision", precision, "--output", "out.npz"];
            ok(folder.path(), &[arguments.as_slice(), &blocks].concat());
            let found = arrays(&folder.path().join("out.npz"));
            assert_eq!(found.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["O", "m", "l", "L"]);
            assert_eq!(found[0].1, [2, 2, 64, 8]);
            assert_eq!(found[1].1, [2, 2, 64]);
            for (at, (batch, head)) in [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().enumerate() {
                let rows = |array: usize, width: usize| found[array].2[at * 64 * width..][..64 * width].to_vec();
                let o = ndarray::Array2::from_shape_vec((64, 8), rows(0, 8)).expect("64 rows of 8");
                let output = tilescope::attention::oracle::Output { o, m: rows(1, 1), l: rows(2, 1), lse: rows(3, 1) };
                let precision = tilescope::attention::Precision::parse(precision).expect("a format");
                assert_eq!(case.compare(batch, head, &output, precision), Vec::<String>::new());
            }
        }
    }
}

/// From its own metadata alone, O of each capture is within twice the error that the file records.
#[test]
fn run_agrees_with_every_capture() {
    let folder = folder();
    for capture in &tilescope::attention::input::bundled::CAPTURES {
        let path = format!("{}/assets/captures/{}", env!("CARGO_MANIFEST_DIR"), capture.file);
        let about = capture.input().about;
        let recorded = about.recorded_error.expect("every capture records its error");
        let expected = about.o.expect("every capture has O");
        for algorithm in ["standard", "flash1", "flash2"] {
            ok(folder.path(), &["run", &path, "--algorithm", algorithm, "--output", "out.npz"]);
            let (_, shape, o) = arrays(&folder.path().join("out.npz")).swap_remove(0);
            assert_eq!(shape.len(), if capture.file.starts_with("minilm") { 4 } else { 3 });
            let error = tilescope::attention::error_rule::max_error(&o, &expected);
            assert!(error <= 2.0 * recorded, "{} {algorithm}: {error} against {recorded}", capture.file);
        }
    }
}

#[test]
fn traffic_is_json_with_counted_and_closed() {
    let folder = folder();
    let sizes = ["traffic", "--n-q", "1024", "--n-k", "1024", "--d", "64", "--br", "128", "--bc", "64", "--causal"];
    let json: Value = serde_json::from_str(&ok(folder.path(), &[&sizes[..], &["--json"]].concat())).expect("JSON");
    let algorithms = json["algorithms"].as_array().expect("a list");
    assert_eq!(algorithms.len(), 3);
    for report in algorithms {
        assert_eq!(report["counted"], report["closed_form"]);
        assert_eq!(report["sram"]["counted"], report["sram"]["closed_form"]);
        assert_eq!(report["tiles"], serde_json::json!({ "full": 56, "partial": 16, "skipped": 56 }));
    }
    assert!(ok(folder.path(), &sizes).contains("counted = closed form"));
}

#[test]
fn check_passes_and_counts() {
    let folder = folder();
    let rows: Vec<Value> = serde_json::from_str(&ok(folder.path(), &["check", "--json"])).expect("JSON");
    let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    println!("{} ran, {} skipped, {} failed", count("ran"), count("skipped"), count("failed"));
    assert!(count("ran") > 1000 && count("failed") == 0);
    skips::skipped_rows(&rows);
    for row in &rows {
        match row["status"].as_str() {
            Some("ran") => assert!(row["max_error"].as_f64() <= row["bound"].as_f64(), "{row}"),
            _ => assert!(row["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{row}"),
        }
    }
}

#[test]
fn devices_are_listed_or_explained() {
    let folder = folder();
    let json: Value = serde_json::from_str(&ok(folder.path(), &["devices", "--json"])).expect("JSON");
    for device in json["devices"].as_array().expect("a list") {
        assert!(device["available"] == true || device["reason"].is_string(), "{device}");
    }
    assert_eq!(json["hardware"].as_array().map(Vec::len), Some(10));
    ok(folder.path(), &["devices"]);
}

/// A file of the test with these bytes.
fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a file of the test");
    path.to_string_lossy().into_owned()
}

/// An npz of these uncompressed entries.
fn npz(entries: &[(&str, &[u8])]) -> Vec<u8> {
    use std::io::Write as _;
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("an entry");
        writer.write_all(bytes).expect("its bytes");
    }
    writer.finish().expect("a zip").into_inner()
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn bad_input_is_one_clear_line_and_touches_no_output() {
    let folder = folder();
    let good = npy("<f4", "(2, 2)", &[0; 16]);
    let of_k = |k: &[u8]| npz(&[("Q.npy", &good), ("K.npy", k), ("V.npy", &good)]);
    let capture = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/captures/smollm2-zh-layer00.safetensors"));
    let capture = capture.expect("a capture of the project");
    let cases = [
        (file(&folder, "magic.npz", b"PNG and other things"), "magic.npz"),
        (file(&folder, "empty.npz", b""), "empty.npz"),
        (file(&folder, "cut.safetensors", &capture[..capture.len() / 2]), "cut.safetensors"),
        (file(&folder, "object.npz", &of_k(&npy("|O", "(2, 2)", &[0; 32]))), "K"),
        (file(&folder, "large.npz", &of_k(&npy("<f4", "(2, 200000000)", &[0; 16]))), "K"),
        (file(&folder, "zero.npz", &of_k(&npy("<f4", "(0, 2)", &[]))), "n_k"),
        (file(&folder, "shape.npz", &of_k(&npy("<f4", "(2, 3)", &[0; 24]))), "K has shape"),
        (folder.path().join("nowhere.npz").to_string_lossy().into_owned(), "no such file"),
        (folder.path().to_string_lossy().into_owned(), "folder"),
        ("/dev/zero".to_owned(), "regular file"),
        ("random:0,4,4".to_owned(), "n_q is 0"),
        ("random:4,4,0".to_owned(), "d is 0"),
        ("random:4".to_owned(), "random:"),
        ("random:4,4,4,3,2".to_owned(), "3 query heads"),
    ];
    let output = file(&folder, "kept.npz", b"precious");
    let kept_trace = file(&folder, "kept.json", b"precious");
    for (input, expected) in cases {
        let line = refused(folder.path(), &["run", &input, "--algorithm", "flash2", "--output", &output], 2);
        assert!(line.contains(expected), "{line} does not say {expected}");
        assert_eq!(fs::read(&output).expect("still there"), b"precious");
        refused(folder.path(), &["trace", &input, "--algorithm", "flash2", "--output", &kept_trace], 2);
        assert_eq!(fs::read(&kept_trace).expect("still there"), b"precious");
    }
}

#[test]
fn bad_options_are_one_clear_line() {
    let folder = folder();
    let output = folder.path().join("out.npz").to_string_lossy().into_owned();
    let run = |extra: &[&str], code: i32| {
        let arguments = [&["run", "random:8,8,4", "--output", &output], extra].concat();
        let line = refused(folder.path(), &arguments, code);
        assert!(!Path::new(&output).exists(), "{extra:?} left an output");
        line
    };
    for (extra, expected) in [
        (&["--algorithm", "flash9"][..], "standard, flash1, flash2"),
        (&["--unknown"], "--unknown"),
        (&["--br", "0"], "--br"),
        (&["--window", "4"], "--window"),
        (&["--align", "middle"], "bottom-right or top-left"),
        (&["--precision", "f8"], "f64, f32, f16, bf16 or e4m3"),
        (&["--hardware", "gtx"], "a100-80gb"),
        (&["--scale", "NaN"], "scale"),
        (&["--softcap", "-1"], "softcap"),
        (&["--dropout", "1"], "dropout"),
        (&["--prefix", "4"], "causal"),
        (&["--causal", "--prefix", "9"], "from 1 to 8"),
        (&["--kv-lengths", "9"], "key length"),
        (&["--kv-lengths", "1,2"], "key lengths"),
        (&["--backend", "metal"], "metal"),
    ] {
        let line = run(extra, 2);
        assert!(line.contains(expected), "{line} does not say {expected}");
    }
    // Without a driver, CUDA is missing.
    let line = refused(folder.path(), &["run", "random:8,8,4", "--output", &output, "--backend", "cuda"], 3);
    assert!(line.contains("cuda"), "{line}");
    refused(folder.path(), &["frobnicate"], 2);
    let line = refused(folder.path(), &["check", "--golden", "nowhere"], 2);
    assert!(line.contains("manifest.json"), "{line}");
    let manifest = file(&folder, "manifest.json", br#"{"cases": [{"file": "../x.npz"}]}"#);
    let line = refused(folder.path(), &["check", "--golden", "."], 2);
    assert!(line.contains(&manifest[manifest.len() - 13..]) && line.contains("scale"), "{line}");
    let nowhere = folder.path().join("no/folder/out.npz").to_string_lossy().into_owned();
    let line = refused(folder.path(), &["run", "random:8,8,4", "--output", &nowhere], 2);
    assert!(line.contains("cannot be written"), "{line}");
    let line = refused(folder.path(), &["run", "random:8,8,4", "--output", "/dev/full"], 2);
    assert!(line.contains("cannot be written"), "{line}");
}

#[test]
fn nan_is_a_warning_and_then_a_run() {
    let folder = folder();
    let good = npy("<f4", "(2, 1)", &[0; 8]);
    let bad = npy("<f4", "(2, 1)", &[f32::NAN.to_le_bytes(), 1f32.to_le_bytes()].concat());
    let input = file(&folder, "nan.npz", &npz(&[("q.npy", &bad), ("k.npy", &good), ("v.npy", &good)]));
    let output = tilescope(folder.path(), &["run", &input, "--output", "out.npz"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning"));
    let o = &arrays(&folder.path().join("out.npz"))[0].2;
    assert!(o[0].is_nan() && o[1] == 0.0, "{o:?}");
}

#[test]
fn without_a_display_the_main_job_runs_and_a_file_does_not_open() {
    let folder = folder();
    let said = ok(folder.path(), &[]);
    assert!(said.starts_with("there is no display"), "{said}");
    for part in ["stepper flash2", "max error of O", "tilescope-smollm2-flash2.json", "cuda"] {
        assert!(said.contains(part), "{said}");
    }
    assert!(folder.path().join("tilescope-smollm2-flash2.json").is_file());
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/captures/smollm2-zh-layer00.safetensors");
    assert!(refused(folder.path(), &[capture], 3).contains("display"));
    let mut stale = Command::new(env!("CARGO_BIN_EXE_tilescope"));
    stale.arg(capture).env_remove("DISPLAY").env("WAYLAND_DISPLAY", "wayland-7").env("XDG_RUNTIME_DIR", folder.path());
    let output = stale.output().expect("the program starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("nothing answers at WAYLAND_DISPLAY, wayland-7"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    refused(folder.path(), &["nowhere.safetensors"], 2);
}

fn line_of<'a>(stderr: &'a str, start: &str) -> Option<&'a str> {
    stderr.lines().find(|line| line.starts_with(start))
}

/// A set of arrays, by its files or by its folder; what was understood is one line on stderr, or data on stdout.
#[test]
fn a_set_of_npy_files_runs_and_says_what_it_is() {
    let folder = folder();
    let set = folder.path().join("set");
    fs::create_dir(&set).expect("a folder of the test");
    let floats = |values: &[f32]| values.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    // [batch, N, heads, d]: two queries and three keys of two heads.
    for (name, n) in [("q", 2), ("k", 3), ("v", 3)] {
        let values: Vec<f32> = (0..n * 2).map(|x| x as f32).collect();
        fs::write(set.join(format!("{name}.npy")), npy("<f4", &format!("(1, {n}, 2, 1)"), &floats(&values)))
            .expect("a file");
    }
    let files = ["set/q.npy", "set/k.npy", "set/v.npy"];
    let options = ["--layout", "bnhd", "--causal", "--scale", "0.5", "--output", "out.npz"];
    for input in [&files[..], &["set"]] {
        let output = tilescope(folder.path(), &[["run"].as_slice(), input, &options].concat());
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success() && output.stdout.is_empty(), "{stderr}");
        let line = line_of(&stderr, "tilescope: understood: ").expect(&stderr);
        for part in [
            "batch 1, 2 heads over 2, 2 queries, 3 keys, d 1, f32",
            "layout bnhd from the option",
            "causal from the option",
        ] {
            assert!(line.contains(part), "{line}");
        }
        let found = arrays(&folder.path().join("out.npz"));
        assert_eq!(found[0].1, [1, 2, 2, 1], "O in the layout of Q");
        assert_eq!(found[1].1, [1, 2, 2], "m without its last axis");
        // The first query sees keys 0 and 1 (bottom-right), whose values in head 0 are 0 and 2; its score with itself is 0.
        assert!((found[0].2[0] - 1.0).abs() < 1e-6, "{:?}", found[0].2);
    }
    let json: Value =
        serde_json::from_str(&ok(folder.path(), &[&["run", "set", "--json"], &options[..]].concat())).expect("JSON");
    assert_eq!(json["causal"], serde_json::json!({ "value": true, "from": "option" }));
    assert_eq!((json["n_q"].as_u64(), json["mask"].is_null()), (Some(2), true));
    let traced = ["trace", "set", "--json", "--layout", "bnhd", "--output", "t.json"];
    let json: Value = serde_json::from_str(&ok(folder.path(), &traced)).expect("JSON");
    assert_eq!(json["layout"]["from"], "option");
    let trace: Value = serde_json::from_slice(&fs::read(folder.path().join("t.json")).expect("a trace")).expect("JSON");
    assert_eq!(trace["input"]["layout"], "bnhd");
    // The window opens the same, where there is a display.
    let line = refused(folder.path(), &[&files[..], &["--layout", "bnhd"]].concat(), 3);
    assert!(line.contains("set/q.npy set/k.npy set/v.npy: "), "{line}");
    let line = refused(folder.path(), &["set/q.npy", "x.npz"], 2);
    assert!(line.contains("x.npz") && line.contains("only as a set"), "{line}");
    let line = refused(folder.path(), &["run", "set/q.npy", "x.npz", "--output", "out.npz"], 2);
    assert!(line.contains("x.npz") && line.contains("only as a set q.npy, k.npy, v.npy"), "{line}");
    if cfg!(not(feature = "app")) {
        return;
    }
    let render = [&["render"], &files[..], &["--layout", "bnhd", "--causal", "--output", "x.png"]].concat();
    let output = tilescope(folder.path(), &render);
    let stderr = String::from_utf8(output.stderr).expect("text");
    if output.status.code() == Some(3) {
        return skips::missing("the picture of a set", &stderr);
    }
    let line = line_of(&stderr, "tilescope: understood: ").expect(&stderr);
    assert!(line.contains("2 queries, 3 keys") && line.contains("causal from the option"), "{line}");
}

/// A file of five kilobytes that once asked for 32 GB; and an output that a mask would explain, which is told.
#[test]
fn fixtures_are_refused_or_told() {
    let folder = folder();
    let fixture = |name: &str| format!("{}/tests/fixtures/inputs/{name}", env!("CARGO_MANIFEST_DIR"));
    let line = refused(folder.path(), &["run", &fixture("22_alibi_budget_5KB.npz"), "--output", "o.npz"], 2);
    assert!(line.contains("alibi_slopes has shape [1000000]"), "{line}");
    let input = fixture("21_capture_whose_output_differs.safetensors");
    for (options, agrees) in [(&[][..], true), (&["--window", "-1,-1"], false)] {
        let output = tilescope(folder.path(), &[["trace", &input, "--output", "t.json"].as_slice(), options].concat());
        let stderr = String::from_utf8(output.stderr).expect("text");
        assert!(output.status.success(), "{stderr}");
        assert_eq!(stderr.contains("warning: ") && stderr.contains("own output differs by"), !agrees, "{stderr}");
        assert_eq!(stderr.contains("its own output o agrees"), agrees, "{stderr}");
    }
}
