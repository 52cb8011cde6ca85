//! The program and its scripts on a library that plays the NVIDIA driver, as they will run on a machine with a GPU.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::player_driver::stand_in;
use super::results::can_build;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_tilescope");

fn script(name: &str) -> Command {
    Command::new(Path::new(ROOT).join("scripts").join(name))
}

/// False, with a printed line, where the scripts' interpreters are missing.
fn has_python() -> bool {
    let found = ["python3", "bash"].iter().all(|name| Command::new(name).arg("--version").output().is_ok());
    if !found {
        println!("0 ran, 1 skipped: there is no python3 or no bash");
    }
    found
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat()
}

#[test]
fn the_suite_runs_from_the_checks_to_the_table() {
    if !can_build(1) || !has_python() {
        return;
    }
    let [library, modules] = stand_in().expect("the library that plays a driver");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let result = folder.path().join("result.json");
    let output = script("gpu-suite")
        .args(["--tokens", "256", "--output"])
        .args([&result, Path::new(PROGRAM)])
        .env("LD_LIBRARY_PATH", library)
        .env("PLAYER_ROOT", ROOT)
        .env("PLAYER_CACHE", modules)
        .env("PLAYER_IDLE", "bench")
        .output()
        .expect("the suite starts");
    assert!(output.status.success(), "{}", said(&output));
    println!("{}", String::from_utf8_lossy(&output.stdout));

    let text = std::fs::read_to_string(&result).expect("a result");
    let result_json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(result_json["device"]["name"], "Played GPU");
    let checks = &result_json["checks"];
    assert_eq!(checks["golden"]["ran"], 5 * 74);
    assert_eq!(checks["golden"]["skipped"], json!({ "the kernel has no dropout": 20 }));
    // All cases for five kernels with formats, and once more with taps for four.
    assert!(checks["built-in"]["ran"].as_u64().is_some_and(|ran| ran > 1000 && ran % 9 == 0), "{checks}");
    for check in ["built-in", "golden"] {
        assert_eq!(checks[check]["failed"], json!([]));
        assert!(
            checks[check]["closest"]["flash2 f16"]["share"].as_f64().is_some_and(|share| share > 0.0 && share <= 1.0)
        );
    }
    // The clock of the stand-in says half a millisecond, always.
    let rows = result_json["rows"].as_array().expect("rows");
    for row in rows.iter().filter(|row| row["kernel"] != "standard.cu") {
        assert_eq!(row["median_ms"], 0.5, "{row}");
        let [heads, n, d] = ["heads", "n", "d"].map(|name| row[name].as_f64().expect("a number"));
        let half = if row["causal"] == true { 0.5 } else { 1.0 };
        let tflops = half * 4.0 * heads * n * n * d / 0.5e-3 / 1e12;
        assert!((row["tflops"].as_f64().expect("a rate") / tflops - 1.0).abs() < 1e-9, "{row}");
    }
    let files: std::collections::BTreeSet<_> = rows.iter().filter_map(|row| row["kernel"].as_str()).collect();
    assert_eq!(files.into_iter().collect::<Vec<_>>(), ["flash1.cu", "flash2.cu", "flash2_mma.cu", "standard.cu"]);

    let readme = folder.path().join("README.md");
    std::fs::write(
        &readme,
        "before\n<!-- measured: written by scripts/gpu-report -->\n<!-- end of measured -->\nafter\n",
    )
    .expect("a writable folder");
    let report =
        |extra: &[&str]| script("gpu-report").args(extra).args([Path::new("--readme"), &readme, &result]).output();
    let written = report(&[]).expect("the report starts");
    assert!(written.status.success(), "{}", said(&written));
    let table = std::fs::read_to_string(&readme).expect("the file");
    assert!(table.starts_with("before\n") && table.ends_with("\nafter\n"));
    assert!(table.contains("| `flash2.cu` | Played GPU | f32 | 256 | 64 | no | 0.500 |"), "{table}");
    assert!(report(&["--check"]).expect("it starts").status.success());
}

#[test]
fn without_a_gpu_the_suite_says_so_and_ends_with_3() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A library that is no driver, so that none is found wherever this runs.
    for name in ["libcuda.so", "libcuda.so.1"] {
        let built =
            Command::new("cc").args(["-shared", "-x", "c", "/dev/null", "-o"]).arg(folder.path().join(name)).status();
        if !built.is_ok_and(|status| status.success()) {
            println!("0 ran, 1 skipped: there is no C compiler");
            return;
        }
    }
    let result = folder.path().join("result.json");
    let suite = |arguments: &[&str]| {
        let mut command = script("gpu-suite");
        command.args(arguments).arg("--output").arg(&result).env("LD_LIBRARY_PATH", folder.path());
        command.output().expect("the suite starts")
    };
    let output = suite(&[PROGRAM]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("there is no GPU to measure: the NVIDIA driver library is a stub"),
        "{}",
        said(&output)
    );
    for (arguments, reason) in [
        (&["--tokens", "many", PROGRAM][..], "--tokens takes a number"),
        (&["--fast"], "there is no such option"),
        (&["/nowhere/tilescope"], "is not a program"),
    ] {
        let output = suite(arguments);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(reason), "{}", said(&output));
    }
    assert!(!result.exists());
    let output =
        Command::new(PROGRAM).args(["bench", "--gpu", "--json"]).env("LD_LIBRARY_PATH", folder.path()).output();
    let output = output.expect("the program starts");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{}", said(&output));
}

/// A result as a card would give it, made up.
fn made_up() -> Value {
    let row = |kernel: &str, precision: &str, tflops: Option<f64>, flash: Option<f64>| {
        json!({
            "kernel": kernel, "algorithm": "flash2", "precision": precision, "batch": 4, "heads": 32, "n": 4096, "d": 64,
            "causal": true, "median_ms": tflops.map(|_| 1.25), "tflops": tflops, "least_gb_s": 40.0,
            "share_of_sdpa_flash": flash, "share_of_best_peer": flash.map(|share| share * 0.5),
            "share_of_matmul": 0.25, "share_of_copy": 0.031, "reason": tflops.is_none().then_some("too little memory"),
        })
    };
    json!({
        "format": "tilescope-gpu-suite", "version": 1, "date": "2026-01-02", "program": "tilescope 0.1.0",
        "device": { "name": "Paper GPU", "driver": "CUDA 12.4" }, "copy_gb_s": 1311.4, "copy_reason": null,
        "clocks": { "before": [], "after": [{ "clocks.current.sm [MHz]": "1410" }] },
        "others": { "available": true, "torch": "2.9.9" },
        "checks": { "built-in": { "ran": 1251, "skipped": {}, "failed": [], "closest": {} } },
        "rows": [row("flash2_mma.cu", "f16", Some(123.45), Some(0.912)), row("standard.cu", "f32", None, None)],
    })
}

#[test]
fn the_report_puts_results_between_its_markers() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [readme, result] = ["README.md", "result.json"].map(|name| folder.path().join(name));
    std::fs::copy(Path::new(ROOT).join("kernels/README.md"), &readme).expect("the committed file");
    let report = |extra: &[&str]| {
        let output = script("gpu-report").arg("--readme").arg(&readme).args(extra).output().expect("it starts");
        (output.status.success(), said(&output), std::fs::read_to_string(&readme).expect("the file"))
    };
    std::fs::write(&result, made_up().to_string()).expect("a writable folder");
    let (done, said, table) = report(&[&result.to_string_lossy()]);
    assert!(done, "{said}");
    let line = "| `flash2_mma.cu` | Paper GPU | f16 | 4096 | 64 | yes | 1.250 | 123.5 | 91 % | 46 % | 25 % | 3 % |";
    assert!(table.contains(line), "{table}");
    assert!(table.contains("SM clock 1410 MHz, copies at 1311 GB/s; PyTorch 2.9.9; 2026-01-02"), "{table}");
    // What had no time, and what was not tried, is not yet measured.
    for kernel in ["standard.cu", "flash1.cu", "flash2.wgsl"] {
        assert!(table.contains(&format!("| `{kernel}` | any | - | - | - | - | - | not yet measured |")), "{table}");
    }
    assert!(!report(&["--check"]).0, "the table is not that of no results");
    let (done, said, _) = report(&["--summary", &result.to_string_lossy()]);
    assert!(done && said.contains("standard.cu: too little memory"), "{said}");

    for bad in ["[]", "{", r#"{"format": "tilescope-gpu-suite", "version": 2}"#] {
        std::fs::write(&result, bad).expect("a writable folder");
        let before = std::fs::read_to_string(&readme).expect("the file");
        let (done, said, after) = report(&[&result.to_string_lossy()]);
        assert!(!done && said.contains("gpu-report: ") && !said.contains("Traceback"), "{said}");
        assert_eq!(before, after);
    }
}

#[test]
fn the_committed_table_is_what_the_committed_results_give() {
    if has_python() {
        let output = script("gpu-report").arg("--check").output().expect("the report starts");
        assert!(output.status.success(), "{}", said(&output));
    }
}
