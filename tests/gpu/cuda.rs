//! The CUDA backend on driver libraries that are missing, empty, incomplete, failing, old, without a GPU, and complete: what
//! it says, and how it calls them.
//!
//! A driver can be loaded once per process, so each stand-in is probed by this test program started again.
#![cfg(all(feature = "cuda", target_os = "linux"))]

use crate::common::skips;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use tilescope::attention::{Precision, Shape};
use tilescope::gpu::{Probe, devices, probe_cuda};

/// Set in the child: probe and print.
const CHILD: &str = "TILESCOPE_PROBE_CUDA";

/// A driver of the functions that are called, some of which a macro leaves out or makes fail. Its device memory is the
/// host's, and its kernels write what they were launched with into O.
const DRIVER: &str = r#"
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifndef VERSION
#define VERSION 12040
#endif
#ifndef MAJOR
#define MAJOR 8
#endif
#ifndef CONTEXT
#define CONTEXT 0
#endif
#ifndef EMPTY
typedef uint64_t Pointer;
int cuInit(unsigned flags) { return INIT; }
int cuDriverGetVersion(int *version) { *version = VERSION; return 0; }
int cuDeviceGetCount(int *count) { *count = COUNT; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Stand-in GPU", size); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 1 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
        case 18: *value = 0; return 0;          // integrated
        case 39: *value = 2048; return 0;       // threads of an SM
        case 75: *value = MAJOR; return 0;
        case 76: *value = 6; return 0;
        case 81: *value = 102400; return 0;     // shared memory of an SM
        case 82: *value = 65536; return 0;      // registers of an SM
        case 13: return 1;                      // not every driver tells its clock
        default: *value = 8; return 0;
    }
}
int cuGetErrorName(int error, const char **name) { *name = error == 100 ? "CUDA_ERROR_NO_DEVICE" : NULL; return !*name; }
#ifndef NO_ERROR_STRING
int cuGetErrorString(int error, const char **text) { *text = error == 100 ? "no device" : NULL; return !*text; }
#endif
int cuCtxCreate_v2(void **context, unsigned flags, int device) { *context = (void *)7; return CONTEXT; }
int cuCtxDestroy_v2(void *context) { return context != (void *)7; }
int cuCtxSetCurrent(void *context) { return context != (void *)7; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = 1 << 30; return 0; }
int cuMemAlloc_v2(Pointer *pointer, size_t bytes) { return !(*pointer = (Pointer)malloc(bytes)); }
int cuMemFree_v2(Pointer pointer) { free((void *)pointer); return 0; }
static int in_order(void *stream) { return stream != (void *)9; }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *stream) {
    memcpy((void *)to, from, bytes); return in_order(stream);
}
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *stream) {
    memcpy(to, (void *)from, bytes); return in_order(stream);
}
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *stream) {
    memcpy((void *)to, (void *)from, bytes); return in_order(stream);
}
int cuMemsetD32Async(Pointer to, unsigned word, size_t words, void *stream) {
    for (size_t n = 0; n < words; n++) ((unsigned *)to)[n] = word;
    return in_order(stream);
}
int cuModuleLoadDataEx(void **module, const char *ptx, unsigned count, unsigned *options, void **values) {
    *module = (void *)11;
    if (count != 2 || options[0] != 5 || options[1] != 6 || (size_t)values[1] != 4095) return 1;
#ifdef BAD_PTX
    strcpy(values[0], "ptxas application ptx input, line 9; error\n");
    return BAD_PTX;
#endif
    return strstr(ptx, ".entry flash2(") ? 0 : 218;
}
int cuModuleUnload(void *module) { return module != (void *)11; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
    *function = (void *)13;
    return module == (void *)11 && !strcmp(name, "flash2") ? 0 : 500;
}
int cuFuncGetAttribute(int *value, int attribute, void *function) { *value = attribute ? 64 : 1024; return 0; }
int cuFuncSetAttribute(void *function, int attribute, int value) { return 1; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void *function, int threads, size_t dynamic) {
    *blocks = 2; return function != (void *)13 || threads != 128 || dynamic;
}
int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
    if (function != (void *)13 || by != 1 || bz != 1 || shared || extra || in_order(stream)) return 1;
    char *a = parameters[0];
    float *o = *(float **)(a + 72);
    int n_q = *(int *)(a + 240), d_v = *(int *)(a + 252), heads = *(int *)(a + 256);
    for (int n = 0; n < n_q * d_v * heads; n++) o[n] = x * 1000000 + y * 10000 + z * 1000 + bx;
    return 0;
}
int cuStreamCreate(void **stream, unsigned flags) { *stream = (void *)9; return flags != 1; }
int cuStreamDestroy_v2(void *stream) { return in_order(stream); }
int cuStreamSynchronize(void *stream) { return in_order(stream); }
int cuEventCreate(void **event, unsigned flags) { *event = malloc(1); return flags; }
int cuEventDestroy_v2(void *event) { free(event); return 0; }
int cuEventRecord(void *event, void *stream) { return in_order(stream); }
int cuEventQuery(void *event) { static int asked; return ++asked % 2 ? 600 : 0; }
int cuEventElapsedTime(float *ms, void *begin, void *end) { *ms = 0.25f; return 0; }
#endif
"#;

/// Compiles the stand-in under both names that it is looked for by; false where there is no C compiler to start.
fn build(folder: &Path, defines: &[&str]) -> bool {
    let source = folder.join("driver.c");
    std::fs::write(&source, DRIVER).expect("a writable folder");
    let library = folder.join("libcuda.so");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-w", "-o"]).args([&library, &source]).args(defines).status();
    let Ok(status) = built else { return false };
    assert!(status.success(), "the stand-in does not compile");
    std::fs::copy(&library, folder.join("libcuda.so.1")).expect("a writable folder");
    true
}

/// What the probe says with `folder` first among the library folders, and then what a run gives.
fn probe_in_child(folder: &Path) -> Vec<String> {
    let program = std::env::current_exe().expect("this test program");
    let child = Command::new(program)
        .args(["--exact", "cuda::child", "--nocapture"])
        .env(CHILD, "1")
        .env("LD_LIBRARY_PATH", folder)
        .output()
        .expect("this test program starts");
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && !errors.contains("panicked"), "{errors}");
    let output = String::from_utf8_lossy(&child.stdout);
    let said: Vec<_> = output.lines().skip_while(|line| !line.starts_with("probe: ")).take(2).collect();
    assert!(!said.is_empty(), "the child said nothing:\n{output}");
    said.into_iter()
        .filter(|line| line.starts_with("probe: ") || line.starts_with("run: "))
        .map(str::to_owned)
        .collect()
}

/// Not a test by itself: what the child runs.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // The test runner has begun a line of its own.
    match probe_cuda() {
        Probe::Ready(mut backend) => {
            println!("\nprobe: ready: {:?}", backend.info());
            let problem = tilescope::attention::cases::problem(Shape { heads: 3, ..Shape::single(70, 70, 8) });
            match backend.run(&problem, "flash2", Precision::F32, &AtomicBool::new(false)) {
                Ok(run) => println!("run: O {} in {:?}", run.outputs[2].o[[69, 7]], run.kernel_time),
                Err(error) => println!("run: {error}"),
            }
        }
        Probe::Unavailable(reason) => println!("\nprobe: {reason}"),
    }
    assert!(devices().iter().any(|(backend, _)| *backend == "cuda"), "devices() says nothing about CUDA");
}

/// What is built with, how the answer begins, and what a run gives, where there is one.
type Case = (&'static [&'static str], &'static str, &'static str);

#[test]
fn every_kind_of_driver_library_gets_an_answer() {
    let ready = "probe: ready: DeviceInfo { backend: \"cuda\", name: \"Stand-in GPU\", driver: \"CUDA 12.4\"";
    let cases: [Case; 11] = [
        (&["-DEMPTY"], "probe: the NVIDIA driver library is a stub or too old: it lacks cuInit", ""),
        (
            &["-DINIT=0", "-DCOUNT=1", "-DNO_ERROR_STRING"],
            "probe: the NVIDIA driver library is a stub or too old: it lacks cuGetErrorString",
            "",
        ),
        (
            &["-DINIT=100", "-DCOUNT=0"],
            "probe: the NVIDIA driver fails in cuInit: CUDA_ERROR_NO_DEVICE (no device)",
            "",
        ),
        (&["-DINIT=34", "-DCOUNT=0"], "probe: the NVIDIA driver fails in cuInit: error 34", ""),
        // An error that no header of today knows.
        (&["-DINIT=12345", "-DCOUNT=0"], "probe: the NVIDIA driver fails in cuInit: error 12345", ""),
        (&["-DINIT=0", "-DCOUNT=0"], "probe: the NVIDIA driver (CUDA 12.4) lists no GPU", ""),
        (
            &["-DINIT=0", "-DCOUNT=1", "-DVERSION=12000"],
            "probe: Stand-in GPU: the NVIDIA driver knows CUDA 12.0, but the kernels are PTX 8.1, which needs CUDA 12.1",
            "",
        ),
        (&["-DINIT=0", "-DCOUNT=1", "-DMAJOR=7"], "probe: Stand-in GPU: compute capability 7.6, but", ""),
        (
            &["-DINIT=0", "-DCOUNT=1", "-DCONTEXT=2"],
            "probe: Stand-in GPU does not open: the NVIDIA driver fails in cuCtxCreate_v2: error 2",
            "",
        ),
        // Three blocks of 32 queries, three heads, one batch entry, 128 threads.
        (&["-DINIT=0", "-DCOUNT=2"], ready, "run: O 3031128 in Some(250\u{b5}s)"),
        (
            &["-DINIT=0", "-DCOUNT=2", "-DBAD_PTX=218"],
            ready,
            "run: the driver refused: cuModuleLoadDataEx: error 218: ptxas application ptx input, line 9; error",
        ),
    ];
    for (at, (defines, expected, run)) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if !build(folder.path(), defines) {
            let why = "there is no C compiler to build a stand-in driver";
            skips::missing(&format!("{} of {} drivers", cases.len() - at, cases.len()), why);
            return;
        }
        let said = probe_in_child(folder.path());
        println!("{defines:?}: {said:?}");
        assert!(said[0].starts_with(expected), "{defines:?}: {said:?}");
        assert_eq!(said.get(1).map_or("", |line| line), run, "{defines:?}");
    }
}

#[test]
fn this_machine_gets_an_answer_of_one_line() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let said = probe_in_child(folder.path()).swap_remove(0);
    println!("{said}");
    assert!(said.starts_with("probe: ready: ") || said.contains("NVIDIA driver"), "{said}");
}
