//! The program and its scripts on a library that plays the NVIDIA driver, as they will run on a machine with a GPU.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::common::skips;
use super::player_driver::stand_in;
use super::results::can_build;
use super::threads;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PROGRAM: &str = env!("CARGO_BIN_EXE_tilescope");

fn script(name: &str) -> Command {
    Command::new(Path::new(ROOT).join("scripts").join(name))
}

/// False, and said, where the scripts' interpreters are missing.
fn has_python() -> bool {
    let found = ["python3", "bash"].iter().all(|name| Command::new(name).arg("--version").output().is_ok());
    if !found {
        skips::skipped_here("all of it", "there is no python3 or no bash");
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
    let tools = tempfile::tempdir().expect("a temporary folder");
    let path = with_ncu(tools.path());
    let output = script("gpu-suite")
        .env("PATH", path)
        // No adapter on this platform: what else there is here is not asked.
        .env("WGPU_BACKEND", "dx12")
        .args(["--tokens", "256", "--output"])
        .args([&result, Path::new(PROGRAM)])
        .env("LD_LIBRARY_PATH", library)
        .env("PLAYER_ROOT", ROOT)
        .env("PLAYER_CACHE", modules)
        .env("PLAYER_THREADS", threads::object().expect("what runs the threads"))
        .env("PLAYER_IDLE", "bench")
        .output()
        .expect("the suite starts");
    assert!(output.status.success(), "{}", said(&output));
    println!("{}", String::from_utf8_lossy(&output.stdout));

    let text = std::fs::read_to_string(&result).expect("a result");
    let result_json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(result_json["device"]["name"], "Played GPU");
    let checks = &result_json["checks"];
    // Dropout is known to flash2 in f32 and to the gradients, three kernels with the deterministic one.
    assert_eq!(checks["golden"]["ran"], 9 * 74 + 4 * 4);
    assert_eq!(checks["golden"]["skipped"], json!({ "the kernel has no dropout": 5 * 4 }));
    // All cases for six kernels of O with formats and two of gradients, one of them in both orders, and once more with taps
    // for four.
    assert!(checks["built-in"]["ran"].as_u64().is_some_and(|ran| ran > 1000 && ran % 13 == 0), "{checks}");
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
        let [heads, n_q, n, d] = ["heads", "n_q", "n", "d"].map(|name| row[name].as_f64().expect("a number"));
        let half = if row["causal"] == true { 0.5 } else { 1.0 };
        let products = if row["kernel"].as_str().is_some_and(|file| file.contains("backward")) { 5.0 } else { 2.0 };
        let tflops = half * 2.0 * products * heads * n_q * n * d / 0.5e-3 / 1e12;
        assert!((row["tflops"].as_f64().expect("a rate") / tflops - 1.0).abs() < 1e-9, "{row}");
    }
    let in_order = rows.iter().filter(|row| row["deterministic"] == true).collect::<Vec<_>>();
    assert!(!in_order.is_empty() && in_order.iter().all(|row| row["kernel"] == "flash2_backward.cu"));
    assert!(in_order.iter().all(|row| row["variant"].as_str().is_some_and(|name| name.ends_with(".deterministic"))));
    let files: std::collections::BTreeSet<_> = rows.iter().filter_map(|row| row["kernel"].as_str()).collect();
    assert_eq!(
        files.into_iter().collect::<Vec<_>>(),
        [
            "flash1.cu",
            "flash2.cu",
            "flash2_backward.cu",
            "flash2_mma.cu",
            "split_kv.cu",
            "standard.cu",
            "two_kernel_backward.cu"
        ]
    );

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
    // Issue slots to warps as the counters say, then the two longest waits of 8 (2 of them no wait); what failed says why.
    let told = "| `flash2` | 4096 | 64 | 44 | 50 | - | - | 74 | - | 0 | - | data from shared memory or the exp unit 50 %, sleeping 12 % |";
    assert!(table.contains(told), "{table}");
    assert!(
        table.contains("| `flash1` | 4096 | 64 | - | - | - | - | - | - | - | - | ==ERROR== no counters here |"),
        "{table}"
    );
    assert!(report(&["--check"]).expect("it starts").status.success());
}

/// What Nsight Compute prints of a launch, with few counters; of one kernel it gives none.
const NCU: &str = r#"#!/bin/bash
while [ $# -gt 0 ]; do
    case $1 in
        --log-file) log=$2 ;;
        --kernel-name) kernel=$2 ;;
    esac
    shift
done
[ "$kernel" != flash1 ] || { echo "==ERROR== no counters here" >"$log"; exit 1; }
stall() { printf '"smsp__average_warps_issue_stalled_%s_per_issue_active.ratio"' "$1"; }
{
    echo "==PROF== Connected"
    echo "\"Kernel Name\",\"smsp__issue_active.avg.pct_of_peak_sustained_active\",\"sm__inst_executed_pipe_tensor_op_hmma.avg.pct_of_peak_sustained_active\",\"l1tex__throughput.avg.pct_of_peak_sustained_active\",\"gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed\",$(stall short_scoreboard),$(stall sleeping),$(stall selected),$(stall barrier)"
    echo '"","%","%","%","%","inst","inst","inst","inst"'
    echo "\"$kernel\",\"43.5\",\"50.2\",\"73.5\",\"0.2\",\"4\",\"1\",\"2\",\"1\""
} >"$log"
"#;

/// PATH with a profiler in front.
fn with_ncu(folder: &Path) -> std::ffi::OsString {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.join("ncu");
    std::fs::write(&program, NCU).expect("a writable folder");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let rest = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([folder.to_owned()].into_iter().chain(std::env::split_paths(&rest))).expect("a path")
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
            skips::missing("all of it", "there is no C compiler");
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

/// As much of PyTorch as `gpu-peers` calls: every product takes a millisecond, and one backend refuses.
const TORCH: &str = r#"
import contextlib, types
__version__, version, float16, bfloat16 = "0.0", types.SimpleNamespace(cuda="12.0"), "half", "brain"
class Tensor:
    def __init__(self, shape): self.shape = shape
    def __mul__(self, other): return self
    def __sub__(self, other): return self
    def __matmul__(self, other): return self
def rand(shape, device, dtype):
    assert device == "cuda" and dtype in ("half", "brain")
    return Tensor(shape)
class Event:
    def __init__(self, enable_timing): assert enable_timing
    def record(self): pass
    def elapsed_time(self, other): return 1.0
cuda = types.SimpleNamespace(
    is_available=lambda: True, synchronize=lambda: None, empty_cache=lambda: None, Event=Event,
    get_device_properties=lambda n: types.SimpleNamespace(L2_cache_size=1 << 20), get_device_name=lambda n: "Stub")
backends = types.SimpleNamespace(cudnn=types.SimpleNamespace(version=lambda: 9))
manual_seed, no_grad = lambda seed: None, contextlib.nullcontext
chosen = []
def attention(q, k, v, is_causal):
    if chosen[-1] == "cudnn": raise RuntimeError("No available kernel.\nAborting execution.")
    return q
"#;
const TORCH_NN: &str = "from torch import attention
class functional: scaled_dot_product_attention = staticmethod(attention)
";
const TORCH_ATTENTION: &str = r#"
import contextlib, torch
class SDPBackend: FLASH_ATTENTION, CUDNN_ATTENTION, MATH = "flash", "cudnn", "math"
@contextlib.contextmanager
def sdpa_kernel(backends):
    torch.chosen.append(backends[0])
    yield
    torch.chosen.pop()
"#;

#[test]
fn others_are_timed_beside_the_kernels() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable folder");
    };
    // Imported as `torch.nn` is by PyTorch itself.
    write(
        "torch/__init__.py",
        &format!(
            "{TORCH}from . import nn
"
        ),
    );
    write("torch/nn/__init__.py", TORCH_NN);
    write("torch/nn/attention/__init__.py", TORCH_ATTENTION);
    let row = |precision: &str, causal: bool| json!({ "precision": precision, "batch": 2, "heads": 4, "n": 64, "d": 32, "causal": causal, "kernel": "x" });
    let rows = json!({ "rows": [row("f32", false), row("f16", true), row("f16", true), row("bf16", false)] });
    write("bench.json", &rows.to_string());
    let peers = |path: &Path| {
        let output = script("gpu-peers").arg(folder.path().join("bench.json")).env("PYTHONPATH", path).output();
        let output = output.expect("it starts");
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let found = peers(folder.path());
    assert_eq!((&found["device"], &found["torch"]), (&json!("Stub"), &json!("0.0")));
    // Half precision only, each problem once.
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2, "{found}");
    let times = &rows[0]["times"];
    // 4 N^2 d of eight heads, halved, in a millisecond.
    let tflops = 8.0 * 4.0 * 64.0 * 64.0 * 32.0 / 2.0 / 1e-3 / 1e12;
    for name in ["sdpa-flash", "sdpa-math"] {
        assert_eq!(times[name]["median_ms"], 1.0, "{found}");
        assert!((times[name]["tflops"].as_f64().expect("a rate") / tflops - 1.0).abs() < 1e-9);
    }
    assert_eq!(times["sdpa-cudnn"]["reason"], "RuntimeError: No available kernel.");
    for name in ["sdpa-efficient", "triton"] {
        assert_eq!(times[name]["reason"], "this version has none", "{found}");
    }
    assert!(found["matmul"]["bf16"]["tflops"].as_f64().is_some_and(|tflops| tflops > 1000.0), "{found}");
    // Without PyTorch there is a reason. (Where the tests' own Python has it, the other branch is the real one.)
    let nothing = peers(Path::new("/nowhere"));
    assert!(nothing["available"] == true || nothing["reason"].as_str().is_some_and(|why| why.contains("PyTorch")));
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

/// Gradients of a kernel by the command line; deterministic, of two runs the same bytes, and dQ, dK and dV in the input's axes.
#[test]
fn gradients_of_a_kernel_are_written() {
    if !can_build(1) {
        return;
    }
    let [library, modules] = stand_in().expect("the library that plays a driver");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let golden = Path::new(ROOT).join("tests/golden/gqa_b2_h4_kv2_q64_k64_d8.npz");
    let run = |name: &str, more: &[&str]| {
        let output = Command::new(PROGRAM)
            .env("LD_LIBRARY_PATH", &library)
            .env("PLAYER_ROOT", ROOT)
            .env("PLAYER_CACHE", &modules)
            .env("PLAYER_THREADS", threads::object().expect("what runs the threads"))
            .current_dir(folder.path())
            .arg("run")
            .arg(&golden)
            .args(["--causal", "--algorithm", "flash2-backward", "--output", name])
            .args(more)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{}", said(&output));
        std::fs::read(folder.path().join(name)).expect("its results")
    };
    let read = |bytes: &[u8]| {
        let arrays = tilescope::attention::input::read_named(bytes, ["dQ", "dK", "dV"]).expect("three gradients");
        arrays.map(|array| array.into_dimensionality::<ndarray::Ix4>().expect("four axes"))
    };
    let stepped = read(&run("cpu.npz", &[]));
    let cuda = ["--backend", "cuda"];
    let in_order = [&cuda[..], &["--deterministic"]].concat();
    let first = run("first.npz", &in_order);
    assert!(first == run("second.npz", &in_order), "two runs have other bytes");
    for got in [read(&first), read(&run("atomic.npz", &cuda))] {
        for (got, want) in got.iter().zip(&stepped) {
            assert_eq!(got.dim(), want.dim());
            let largest = want.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
            let error = tilescope::attention::error_rule::max_error(got, want);
            assert!(error <= 1e-5 * largest, "{error:e}");
        }
    }
}
