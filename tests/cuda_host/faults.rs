//! The run time on a driver that fails: every call in turn, with every kind of error.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tilescope::attention::cases::{single, with};
use tilescope::attention::{Mask, Precision, Problem, Shape};
use tilescope::gpu::cuda::CudaBackend;
use tilescope::gpu::cuda::driver::{BlockSize, Fault};
use tilescope::gpu::{Backend, GpuError, Refusal, Workload};

use super::memory_driver::{Facts, Failing, MemoryDriver, words};

static NEVER: AtomicBool = AtomicBool::new(false);

/// Two launches of `standard` in three kernels with taps, then `flash2` in f16.
fn problem() -> Problem {
    with(single(40, 40, 8), |p| p.mask = Mask { causal: true, ..Mask::default() })
}

/// What a person does: open, run, look at the taps, run again. Gives the reasons in order.
fn use_it(driver: &Arc<MemoryDriver>) -> Vec<String> {
    let mut backend = match CudaBackend::with_driver(driver.clone()) {
        Ok(backend) => backend,
        Err(reason) => return vec![reason.to_string()],
    };
    let problem = problem();
    let mut reasons = Vec::new();
    let mut note = |result: Result<(), GpuError>| reasons.extend(result.err().map(|error| error.to_string()));
    note(backend.run(&problem, "standard", Precision::F32, &NEVER).map(drop));
    note(backend.taps(&problem, "flash1", Precision::F32, &NEVER).map(drop));
    note(backend.run(&problem, "flash2", Precision::F16, &NEVER).map(drop));
    note(backend.copy_bandwidth().map(drop));
    reasons
}

#[test]
fn nothing_is_left_over_when_nothing_fails() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    assert_eq!(use_it(&driver), Vec::<String>::new());
    assert_eq!((driver.contexts_made(), driver.left_over()), (1, vec![]));
    let (calls, count) = (driver.calls(), |name: &str| driver.calls().iter().filter(|call| **call == name).count());
    assert_eq!(count("cuMemAlloc_v2"), count("cuMemFree_v2"));
    assert_eq!(count("cuEventCreate"), count("cuEventDestroy_v2"));
    // Three kernels of standard, one each of flash1 and flash2.
    assert_eq!(driver.launches().len(), 5);
    println!("{} calls of the driver", calls.len());
}

/// Errors of each kind: refused, out of memory, PTX too new, not found; and those that break a context.
const MILD: [i32; 5] = [1, 2, 218, 222, 500];
const STICKY: [i32; 5] = [700, 702, 716, 719, 999];

#[test]
fn every_call_may_fail_once() {
    let clean = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    assert!(use_it(&clean).is_empty());
    let calls = clean.calls();
    let mut tried = 0;
    for code in MILD.into_iter().chain(STICKY) {
        for (at, call) in calls.iter().enumerate() {
            let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Once(at, code)));
            let reasons = use_it(&driver);
            let what = format!("{call} (call {at}) fails with {code}: {reasons:?}");
            check_books(&driver, call, &what);
            check_reasons(&reasons, call, code, &what);
            // Two at most: the one that broke, and the one made anew.
            assert!(driver.contexts_made() <= 2, "{what}");
            tried += 1;
        }
    }
    println!("{tried} failures, of {} calls", calls.len());
    assert!(tried > 500, "{tried} are too few");
}

/// Whatever failed, everything is freed; only what could not be freed by the call that failed may remain.
fn check_books(driver: &MemoryDriver, failed: &str, what: &str) {
    let mut left = driver.left_over();
    if failed == "cuCtxDestroy_v2" {
        left.retain(|left| !left.starts_with("context"));
    }
    assert_eq!(left, Vec::<String>::new(), "{what}");
}

/// A mild error stops one thing and names the call. A sticky one is cured by a new context, unless it stops the opening.
fn check_reasons(reasons: &[String], failed: &str, code: i32, what: &str) {
    // A fault while something is freed or asked for in passing stops nothing.
    let in_passing = ["cuMemFree_v2", "cuEventDestroy_v2", "cuStreamDestroy_v2", "cuCtxDestroy_v2"].contains(&failed);
    let fault = Fault { call: "", code, words: String::new(), log: String::new() };
    let during_probe = reasons.len() == 1 && (reasons[0].contains("the NVIDIA driver fails in"));
    if fault.is_sticky() && !during_probe {
        assert!(reasons.is_empty(), "{what}");
        return;
    }
    assert!(reasons.len() <= 1, "one failure has one victim: {what}");
    match reasons.first() {
        None => assert!(in_passing || failed == "cuDeviceGetAttribute" || failed == "cuCtxSetCurrent", "{what}"),
        Some(reason) => {
            let is_memory = code == 2 && failed == "cuMemAlloc_v2";
            // A driver may compile as late as when a function is asked for.
            let loading = ["cuModuleLoadDataEx", "cuModuleGetFunction", "cuFuncGetAttribute", "cuFuncSetAttribute"];
            let is_old = code == 222 && (loading.contains(&failed) || failed.starts_with("cuOccupancy"));
            let is_missing = code == 500 && failed == "cuModuleGetFunction";
            let right = match () {
                () if is_memory => reason.contains("out of memory: the run needs "),
                () if is_old => reason.contains("(CUDA 12.4) does not load PTX 8.1"),
                () if is_missing => reason.contains(".cu has no kernel "),
                () => reason.contains(failed) && reason.contains(&words(code)),
            };
            assert!(right && !reason.contains('\n'), "{what}");
        }
    }
}

#[test]
fn a_driver_that_stays_broken_is_given_up_after_one_new_context() {
    let clean = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    assert!(use_it(&clean).is_empty());
    let calls = clean.calls();
    let opened = calls.iter().position(|call| *call == "cuStreamCreate").expect("a stream") + 1;
    for (at, call) in calls.iter().enumerate() {
        let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::From(at, 719)));
        let reasons = use_it(&driver);
        let what = format!("from {call} (call {at}) on: {reasons:?}");
        assert!(!reasons.is_empty() || at + 8 > calls.len(), "{what}");
        assert!(driver.contexts_made() <= 1, "each new one fails: {what}");
        if at >= opened
            && let Some(first) = reasons.first()
        {
            assert!(first.starts_with("the device was lost: ") && first.contains("in a new context: "), "{what}");
            // From then on it does not even ask.
            assert!(reasons.iter().all(|reason| reason == first), "{what}");
            let tried = driver.calls().iter().skip(at).filter(|call| **call == "cuCtxCreate_v2").count();
            assert_eq!(tried, 1, "{what}");
        }
    }
}

#[test]
fn a_probe_names_every_reason() {
    let reason = |facts: Facts| {
        let driver = Arc::new(MemoryDriver::new(facts, Failing::Never));
        CudaBackend::with_driver(driver).err().map_or_else(|| "ready".to_owned(), |reason| reason.to_string())
    };
    assert_eq!(reason(Facts::default()), "ready");
    assert_eq!(reason(Facts { devices: 0, ..Facts::default() }), "the NVIDIA driver (CUDA 12.4) lists no GPU");
    let old = reason(Facts { capability: (7, 5), ..Facts::default() });
    assert_eq!(old, "Paper GPU 0: compute capability 7.5, but the kernels need 8.0 (Ampere) or newer");
    let driver = reason(Facts { version: 12000, ..Facts::default() });
    for part in ["CUDA 12.0", "PTX 8.1", "CUDA 12.1", "driver 530"] {
        assert!(driver.contains(part), "{driver}");
    }
    // Each device has its own reason.
    let both = reason(Facts { devices: 2, capability: (6, 1), ..Facts::default() });
    assert!(both.contains("Paper GPU 0: ") && both.contains("; Paper GPU 1: "), "{both}");
}

#[test]
fn what_cannot_fit_is_refused_with_its_numbers() {
    let open = |facts: Facts| {
        let driver = Arc::new(MemoryDriver::new(facts, Failing::Never));
        CudaBackend::with_driver(driver).expect("it opens")
    };
    let problem = problem();
    let mut backend = open(Facts { free: 10_000, ..Facts::default() });
    let refusal = backend.run(&problem, "standard", Precision::F32, &NEVER).expect_err("too little memory");
    // Q, K, V, O of 40 x 8 floats, m, l and L of 40, S and P of 40 x 40, a key length, a diagonal and what ALiBi has for one.
    let needed = 4 * (4 * 40 * 8 + 3 * 40 + 2 * 40 * 40 + 3);
    assert_eq!(refusal, GpuError::Refused(Refusal::Memory { needed, free: 10_000, total: 10_000 }));
    assert_eq!(backend.supports(&problem, "standard", Precision::F32).map_err(GpuError::from), Err(refusal));
    assert!(backend.supports(&problem, "flash2", Precision::F32).is_ok());

    let mut backend = open(Facts { blocks_per_sm: 0, registers: 200, ..Facts::default() });
    let said = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect_err("no block fits").to_string();
    for part in ["flash2 does not fit an SM", "128 threads", "25600 registers", "4096 bytes", "65536", "102400"] {
        assert!(said.contains(part), "{said}");
    }
    let backend = open(Facts::default());
    let wide = single(4, 4, 129);
    let said = backend.supports(&wide, "flash2", Precision::F32).expect_err("d is too large").to_string();
    assert_eq!(said, "d is 129, but the kernel takes at most 128");
}

#[test]
fn occupancy_is_known_before_and_after_a_launch() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver).expect("it opens");
    let problem = tilescope::attention::cases::problem(Shape { heads: 3, ..Shape::single(100, 50, 64) });
    let rows = backend.occupancy(&problem, "flash2", Precision::F16).expect("a kernel");
    assert_eq!(rows.len(), 1);
    // By kernels/registers.json, sm_90: 255 registers, 48 KiB; 128 queries a block. The SM has 100 KiB.
    assert_eq!((rows[0].registers, rows[0].shared_bytes, rows[0].blocks), (255, 49_152, 3));
    assert_eq!((rows[0].blocks_per_sm, rows[0].sms), (2, 10));
    assert_eq!(backend.occupancy(&problem, "standard", Precision::F32).expect("a kernel").len(), 3);
    // What the driver says of the loaded one.
    let _ = backend.run(&problem, "flash2", Precision::F16, &NEVER).expect("it runs");
    assert_eq!(backend.occupancy(&problem, "flash2", Precision::F16).expect("a kernel")[0].registers, 64);
}

/// What a kernel on tensor cores keeps in shared memory is more than it may declare: the launch gives it.
#[test]
fn a_launch_gives_the_shared_memory_that_a_kernel_asks_for() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
    let cases = [
        (Precision::F32, 64, 0),
        (Precision::F16, 32, 24 << 10),
        (Precision::F16, 64, 48 << 10),
        (Precision::BF16, 65, 40 << 10),
        (Precision::F16, 96, 48 << 10),
        (Precision::BF16, 128, 64 << 10),
    ];
    for (precision, d, shared) in cases {
        let problem = tilescope::attention::cases::problem(Shape::single(40, 40, d));
        let _ = backend.run(&problem, "flash2", precision, &NEVER).expect("it runs");
        assert_eq!(driver.blocks().last(), Some(&BlockSize { threads: 128, shared }), "{precision:?} {d}");
    }
    drop(backend);
    assert_eq!(driver.left_over(), Vec::<String>::new());
}

#[test]
fn a_launch_that_does_not_end_is_given_up() {
    let driver = Arc::new(MemoryDriver::new(Facts { ends: false, ..Facts::default() }, Failing::Never));
    let backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
    let mut backend = backend.with_patience(Duration::from_millis(5));
    let problem = problem();
    let hung = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect_err("it hangs");
    assert_eq!(hung, GpuError::Hung(Duration::from_millis(5)));
    let calls = driver.calls().len();
    assert!(matches!(backend.run(&problem, "flash2", Precision::F32, &NEVER), Err(GpuError::Lost(_))));
    drop(backend);
    // Whoever frees something of a device that hangs, hangs as well.
    assert_eq!(driver.calls().len(), calls, "{:?}", &driver.calls()[calls..]);
}

#[test]
fn launches_are_as_long_as_the_device_is_fast() {
    let run = |launch_ms: f32| {
        let driver = Arc::new(MemoryDriver::new(Facts { launch_ms, ..Facts::default() }, Failing::Never));
        let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
        let problem = tilescope::attention::cases::problem(Shape { heads: 4, ..Shape::single(640, 640, 64) });
        let run = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect("it runs");
        (run.launches, driver.launches(), run.kernel_time)
    };
    let (fast, grids, time) = run(0.01);
    assert_eq!((fast, grids), (1, vec![[20, 4, 1]]));
    assert_eq!(time, Some(Duration::from_secs_f64(f64::from(0.01f32) / 1e3)));
    let (slow, grids, _) = run(5000.0);
    // The first is a guess; each that is late makes the next one smaller.
    let blocks: u32 = grids.iter().map(|[x, y, z]| x * y * z).sum();
    assert_eq!((slow, blocks), (grids.len(), 80));
    assert!(slow > 1 || grids[0] == [20, 4, 1], "{grids:?}");
}

#[test]
fn a_measurement_takes_turns_among_sets_that_no_cache_holds() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
    let shape = Shape { heads: 2, kv_heads: 2, ..Shape::single(256, 256, 64) };
    let workload = Workload {
        algorithm: "flash2",
        precision: Precision::F16,
        shape,
        causal: true,
        splits: 1,
        deterministic: false,
    };
    let measured = backend.measure(&workload, &NEVER).expect("it is measured");
    assert_eq!((measured.kernel, &*measured.variant), ("flash2_mma.cu", "flash2_mma.f16.d64"));
    assert_eq!((measured.launches, measured.times.len()), (1, 30));
    // 3 MiB of sets (three times an L2 of 1 MiB), each of Q, K, V, O, m, l, L, and of the sequence its key length, its
    // diagonal and where ALiBi's distances start.
    let set = 4 * 2 * 256 * 64 * 2 + 3 * 2 * 256 * 4 + 3 * 4;
    assert_eq!(measured.sets, 3_145_728usize.div_ceil(set));
    assert_eq!(measured.device_bytes, (measured.sets * set) as u64);
    assert_eq!(measured.median(), Some(Duration::from_secs_f64(f64::from(0.01f32) / 1e3)));
    let large = Workload {
        shape: Shape { heads: 64, kv_heads: 64, ..Shape::single(1 << 20, 1 << 20, 64) },
        algorithm: "standard",
        precision: Precision::F32,
        causal: false,
        splits: 1,
        deterministic: false,
    };
    assert!(matches!(backend.measure(&large, &NEVER), Err(GpuError::Refused(Refusal::Memory { .. }))));
    drop(backend);
    assert_eq!(driver.left_over(), Vec::<String>::new());
}

/// A backend is opened on one thread and used and dropped on others, as the window does.
#[test]
fn a_backend_moves_between_threads() {
    let driver = Arc::new(MemoryDriver::new(Facts::default(), Failing::Never));
    let mut backend = CudaBackend::with_driver(driver.clone()).expect("it opens");
    let problem = problem();
    let worker = std::thread::spawn(move || {
        let done = backend.run(&problem, "flash2", Precision::F32, &NEVER).map(drop);
        (backend, done)
    });
    let (backend, done) = worker.join().expect("no panic");
    assert_eq!(done, Ok(()));
    std::thread::spawn(move || drop(backend)).join().expect("no panic");
    assert_eq!(driver.left_over(), Vec::<String>::new());
}
