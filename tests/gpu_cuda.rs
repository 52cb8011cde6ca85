//! The CUDA probe against driver libraries that are missing, empty, incomplete, failing, without a GPU, and complete.
//!
//! A driver can be loaded once per process, so each stand-in is probed by this test program started again.
#![cfg(all(feature = "cuda", target_os = "linux"))]

use std::path::Path;
use std::process::Command;

use tilescope::gpu::{Probe, devices, probe_cuda};

/// Set in the child: probe and print.
const CHILD: &str = "TILESCOPE_PROBE_CUDA";

/// A driver of the functions that the probe needs, some of which a macro leaves out or makes fail.
const DRIVER: &str = r#"
#include <stddef.h>
#include <string.h>
#ifndef EMPTY
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Stand-in GPU", size); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 1 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 18 ? 0 : 8; return 0; }
int cuGetErrorName(int error, const char **name) { *name = error == 100 ? "CUDA_ERROR_NO_DEVICE" : NULL; return !*name; }
#ifndef NO_ERROR_STRING
int cuGetErrorString(int error, const char **text) { *text = error == 100 ? "no device" : NULL; return !*text; }
#endif
#endif
"#;

/// Compiles the stand-in under both names that it is looked for by; false where there is no C compiler.
fn build(folder: &Path, defines: &[&str]) -> bool {
    let source = folder.join("driver.c");
    std::fs::write(&source, DRIVER).expect("a writable folder");
    let library = folder.join("libcuda.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).args([&library, &source]).args(defines).status();
    built.is_ok_and(|status| status.success()) && std::fs::copy(&library, folder.join("libcuda.so.1")).is_ok()
}

/// What the probe says with `folder` first among the library folders.
fn probe_in_child(folder: &Path) -> String {
    let program = std::env::current_exe().expect("this test program");
    let child = Command::new(program)
        .args(["--exact", "child", "--nocapture"])
        .env(CHILD, "1")
        .env("LD_LIBRARY_PATH", folder)
        .output()
        .expect("this test program starts");
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && !errors.contains("panicked"), "{errors}");
    let output = String::from_utf8_lossy(&child.stdout);
    let said = output.lines().find_map(|line| line.strip_prefix("probe: "));
    said.unwrap_or_else(|| panic!("the child said nothing:\n{output}")).to_owned()
}

/// Not a test by itself: what the child runs.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // The test runner has begun a line of its own.
    match probe_cuda() {
        Probe::Ready(backend) => println!("\nprobe: ready: {:?}", backend.info()),
        Probe::Unavailable(reason) => println!("\nprobe: {reason}"),
    }
    assert!(devices().iter().any(|(backend, _)| *backend == "cuda"), "devices() says nothing about CUDA");
}

#[test]
fn every_kind_of_driver_library_gets_an_answer() {
    let cases: [(&[&str], &str); 6] = [
        (&["-DEMPTY"], "the NVIDIA driver library is a stub or too old: it lacks cuInit"),
        (
            &["-DINIT=0", "-DCOUNT=1", "-DNO_ERROR_STRING"],
            "the NVIDIA driver library is a stub or too old: it lacks cuGetErrorString",
        ),
        (&["-DINIT=100", "-DCOUNT=0"], "the NVIDIA driver fails in cuInit: CUDA_ERROR_NO_DEVICE (no device)"),
        (&["-DINIT=34", "-DCOUNT=0"], "the NVIDIA driver fails in cuInit: error 34"),
        (&["-DINIT=0", "-DCOUNT=0"], "the NVIDIA driver (CUDA 12.4) lists no GPU"),
        (
            &["-DINIT=0", "-DCOUNT=2"],
            "ready: DeviceInfo { backend: \"cuda\", name: \"Stand-in GPU\", driver: \"CUDA 12.4\"",
        ),
    ];
    for (at, (defines, expected)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if !build(folder.path(), defines) {
            println!("{at} ran, {} skipped: there is no C compiler to build a stand-in driver", cases.len() - at);
            return;
        }
        let said = probe_in_child(folder.path());
        println!("{defines:?}: {said}");
        assert!(said.starts_with(expected), "{defines:?}: {said}");
    }
}

#[test]
fn this_machine_gets_an_answer_of_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = probe_in_child(folder.path());
    println!("{said}");
    assert!(said.starts_with("ready: ") || said.contains("NVIDIA driver"), "{said}");
}
