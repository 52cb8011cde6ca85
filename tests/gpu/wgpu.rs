//! The WGSL kernels against the f64 oracle on awkward problems; what they refuse, and how much memory they take.
//!
//! Without an adapter the tests print what they skipped and why; `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![cfg(feature = "wgpu")]

use std::sync::atomic::AtomicBool;

use crate::common::dropout;
use crate::common::gpu::{NEVER, Prepared, backend, cases, kernels};
use tilescope::attention::cases::{Case, problem, single, with};
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::{Precision, Problem, Shape};
use tilescope::gpu::kernels::{FLASH2_WGSL, FLASH2_WIDE_WGSL, SPLIT_KV_WGSL};
use tilescope::gpu::wgpu::WgpuBackend;
use tilescope::gpu::{Backend, GpuError, Refusal, SourceError, Workload};

fn prepared(name: &str, problem: Problem) -> Prepared {
    Prepared::new(Case { name: name.into(), problem })
}

#[test]
fn every_case_is_within_the_error_rule() {
    let cases = cases();
    let Some(mut backend) = backend(cases.len() * kernels().count()) else { return };
    let mut failed = Vec::new();
    for kernel in kernels() {
        let algorithm = kernel.file;
        let (mut ran, mut worst) = (0, (0.0, ""));
        for case in &cases {
            match case.check(&mut backend, kernel) {
                Ok(share) => {
                    ran += 1;
                    worst = if share >= worst.0 { (share, case.name()) } else { worst };
                }
                Err(reason) => failed.push(format!("{algorithm}: {}: {reason}", case.name())),
            }
        }
        let simpler = cases.iter().filter(|case| !case.runs_on(&backend, kernel)).count();
        println!("{algorithm}: {ran} of {} ran and are right on {}", cases.len(), backend.info().name);
        println!("{simpler} of them on a simpler kernel, for want of workgroup memory");
        assert!(2 * simpler < cases.len(), "{algorithm} hardly ran");
        println!("the largest error takes {:.2} of its bound, in {:?}", worst.0, worst.1);
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn a_long_run_is_cut_and_can_be_cancelled() {
    let long = problem(Shape { batch: 2, heads: 8, kv_heads: 8, ..Shape::single(200, 250, 64) });
    for kernel in kernels() {
        // A new backend knows nothing of the device's speed and begins with a short launch, however fast it is.
        let Some(mut backend) = backend(1) else { return };
        let algorithm = kernel.algorithm;
        backend.prefer(kernel.file);
        let run = backend.run(&long, algorithm, Precision::F32, &NEVER).expect("a run");
        println!("{algorithm}: {} launches, kernel {:?}, wall {:?}", run.launches, run.kernel_time, run.wall);
        assert!(run.launches > 1, "{algorithm}: one launch for 2 x 8 heads of 200 x 250");
        assert!(run.kernel_time.is_none_or(|time| !time.is_zero() && time < run.wall));
        prepared("long", long.clone()).check(&mut backend, kernel).expect("a run in pieces is right");
        let cancelled = backend.run(&long, algorithm, Precision::F32, &AtomicBool::new(true)).err();
        assert_eq!(cancelled, Some(GpuError::Cancelled { launches: 0 }));
    }
}

/// One split is flash2; more than there are key blocks are as many as there are; O and L are right with any number.
#[test]
fn any_number_of_splits_is_right() {
    let case = problem(Shape { batch: 2, heads: 4, kv_heads: 2, ..Shape::single(3, 131, 24) });
    let case = prepared("131 keys", with(case, |p| p.mask.key_lengths = Some(vec![131, 17])));
    let Some(mut backend) = backend(9) else { return };
    for splits in [1, 2, 3, 4, 5, 8, 9, 10, 100] {
        backend.set_splits(splits);
        case.check(&mut backend, &SPLIT_KV_WGSL).unwrap_or_else(|why| panic!("{splits} splits: {why}"));
    }
}

/// By a mask and by a seed, on the kernel that knows it, also where another is preferred.
#[test]
fn dropout_is_within_the_error_rule() {
    let cases = dropout::cases(24);
    let Some(mut backend) = backend(cases.len()) else { return };
    for case in cases.into_iter().map(Prepared::new) {
        for kernel in [&FLASH2_WIDE_WGSL, &FLASH2_WGSL] {
            case.check(&mut backend, kernel).unwrap_or_else(|why| panic!("{}: {why}", case.name()));
            assert!(case.runs_on(&backend, &FLASH2_WGSL), "{}", case.name());
        }
    }
}

/// Programs share nothing that they write: the order in which they run leaves no trace in any bit.
#[test]
fn the_order_of_programs_changes_nothing() {
    let cases = [(17, 33, 8), (33, 20, 24), (50, 61, 8)].map(|(n_q, n_k, d)| {
        let shape = Shape { batch: 2, heads: 2, kv_heads: 1, ..Shape::single(n_q, n_k, d) };
        with(problem(shape), |p| p.mask.causal = true)
    });
    let Some(mut forwards) = backend(cases.len() * kernels().count()) else { return };
    let Some(mut backwards) = backend(0).map(WgpuBackend::backwards) else { return };
    for kernel in kernels() {
        let algorithm = kernel.algorithm;
        for case in &cases {
            let [one, other] = [&mut forwards, &mut backwards].map(|backend| {
                backend.prefer(kernel.file);
                let run = backend.run(case, algorithm, Precision::F32, &NEVER).expect("a run");
                format!("{:?}", run.outputs)
            });
            assert_eq!(one, other, "{algorithm}");
        }
    }
}

#[test]
fn refusals_say_why_with_numbers() {
    let Some(mut backend) = backend(1) else { return };
    let mut refused = |problem: &Problem, algorithm: &str, precision| {
        let refusal = backend.supports(problem, algorithm, precision).expect_err("a refusal");
        let run = backend.run(problem, algorithm, precision, &NEVER).err();
        assert_eq!(run, Some(GpuError::Refused(refusal.clone())));
        refusal.to_string()
    };
    let small = single(4, 4, 8);
    for precision in [Precision::F64, Precision::F16, Precision::BF16] {
        let reason = refused(&small, "flash2", precision);
        assert_eq!(reason, format!("the kernel computes in f32 only, not in {}", precision.name()));
    }
    let dropped = with(small.clone(), |p| p.dropout = Some(Dropout { rate: 0.1, keep: Keep::by_seed(1, &p.shape) }));
    let sunk = with(small.clone(), |p| p.sinks = Some(ndarray::arr1(&[0.5])));
    let long = single(1, (128 << 20) / 64 + 1, 1);
    for (problem, algorithm, reason) in [
        (&small, "flash3", "wgpu has no kernel for \"flash3\"; it has: standard, flash1, flash2, split-kv"),
        (&dropped, "standard", "the kernel has no dropout"),
        (&dropped, "split-kv", "the kernel has no dropout"),
        (&sunk, "flash2", "the kernel has no learned sinks: run it on the CPU"),
        (
            &single(5800, 5800, 1),
            "standard",
            "S takes 128.3 MiB, but the device binds at most 128.0 MiB at once: use fewer tokens or heads",
        ),
        (&single(2, 2, 129), "flash1", "d is 129, but the kernel takes at most 128"),
        (
            &long,
            "flash2",
            "K takes 134,217,792 B, but the device binds at most 134,217,728 B at once: use fewer tokens or heads",
        ),
    ] {
        assert_eq!(refused(problem, algorithm, Precision::F32), reason);
    }
    let taps = backend.taps(&small, "standard", Precision::F32, &NEVER).expect_err("no running statistics");
    let reason = "m and l of every key block cannot be recorded: the kernel sees whole rows: m and l do not run";
    assert_eq!(taps.to_string(), reason);
}

/// Memory that the device was really asked for, at N, 2N and 3N.
#[test]
fn memory_grows_linearly_for_flash_and_with_the_square_for_standard() {
    let Some(mut backend) = backend(kernels().count()) else { return };
    const N: usize = 64;
    for kernel in kernels() {
        let algorithm = kernel.algorithm;
        backend.prefer(kernel.file);
        let bytes = [1, 2, 3].map(|times| {
            let run = backend.run(&single(times * N, times * N, 16), algorithm, Precision::F32, &NEVER);
            run.expect("a run").device_bytes as i64
        });
        let ratio = bytes[1] as f64 / bytes[0] as f64;
        println!("{algorithm}: {bytes:?} bytes at N, 2N, 3N; ratio {ratio:.3}");
        let curvature = bytes[0] - 2 * bytes[1] + bytes[2];
        // S and P, four bytes an element: 8 N^2, whose second difference is 16 N^2.
        let squares = if algorithm == "standard" { 16 * (N * N) as i64 } else { 0 };
        assert_eq!(curvature, squares, "{algorithm}");
    }
}

#[test]
fn a_broken_source_is_an_error_of_one_line() {
    let Some(backend) = backend(1) else { return };
    let error = backend.with_source("flash2.wgsl", "fn flash2( {").err().expect("a compiler error").to_string();
    assert!(error.starts_with("the driver refused: ") && !error.contains('\n'), "{error}");
}

#[test]
fn a_device_of_someone_else_serves_as_well() {
    let instance = wgpu::Instance::default();
    let Ok(adapter) = pollster::block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())) else {
        assert!(backend(1).is_none(), "the backend finds an adapter, but wgpu offers none");
        return;
    };
    let open = |required_limits| {
        let wanted = wgpu::DeviceDescriptor { required_limits, ..Default::default() };
        pollster::block_on(adapter.request_device(&wanted)).expect("a device")
    };
    let (device, queue) = open(wgpu::Limits::default());
    let mut backend = WgpuBackend::from_device(device.clone(), queue).expect("default limits are enough");
    assert!(backend.info().notes.iter().any(|note| note.contains("No GPU clock")), "no timestamps were asked for");
    prepared("shared", single(17, 33, 8)).check(&mut backend, &FLASH2_WGSL).expect("right results");
    device.destroy();
    let error = backend.run(&single(17, 33, 8), "flash2", Precision::F32, &NEVER).expect_err("a lost device");
    assert!(!error.to_string().contains('\n'), "{error}");

    let (device, queue) = open(wgpu::Limits::downlevel_webgl2_defaults());
    let reason = WgpuBackend::from_device(device, queue).err().expect("limits that are too small");
    assert_eq!(
        reason.to_string(),
        "the device was opened with 0 bytes of workgroup storage, but the kernel needs 16384"
    );
}

/// A kernel that is changed while the program runs: its compiler's message, its results, and its own source again.
#[test]
fn a_changed_source_runs_until_it_is_taken_back() {
    let Some(mut backend) = backend(1) else { return };
    let problem = single(20, 40, 8);
    let file = FLASH2_WGSL.file;
    backend.prefer(file);
    let o = |backend: &mut WgpuBackend| {
        backend.run(&problem, "flash2", Precision::F32, &NEVER).expect("it runs").outputs[0].o.clone()
    };
    let own = o(&mut backend);
    let (from, to) = ("l = alpha * l + sum;", "l = alpha * l + 2.0 * sum;");
    let error = backend.set_source(file, Some(&FLASH2_WGSL.source.replace(from, "l = ;"))).expect_err("no expression");
    let place = |error: SourceError| match error {
        SourceError::Compiler(messages) => (messages[0].file.clone(), messages[0].line, messages[0].text.clone()),
        SourceError::Unavailable(reason) => panic!("{reason}"),
    };
    let line_of = |text: &str| FLASH2_WGSL.source.lines().position(|line| line.contains(text)).map(|line| line + 1);
    let (other, line, text) = place(error);
    assert_eq!((other, line), (None, line_of("l = alpha * l + sum;")), "{text}");
    // Wrong types are found by another part of the compiler.
    let wrong = FLASH2_WGSL.source.replace(from, "l = alpha * l + vec2f(sum);");
    let (other, line, text) = place(backend.set_source(file, Some(&wrong)).expect_err("no number"));
    assert_eq!((other, line), (None, line_of("l = alpha * l + sum;")), "{text}");
    assert!(text.starts_with("error: ") && !text.contains('│'), "{text}");
    println!("{text}");
    // What is missing at the end is missed in the text that follows.
    let open = FLASH2_WGSL.source.trim_end().trim_end_matches('}');
    let (other, line, text) = place(backend.set_source(file, Some(open)).expect_err("no end"));
    println!("{other:?} {line:?} {text}");
    assert_eq!(other.as_deref(), Some("attention.wgsl"), "{text}");
    assert_eq!(o(&mut backend), own);
    backend.set_source(file, Some(&FLASH2_WGSL.source.replace(from, to))).expect("it compiles");
    let half = o(&mut backend);
    assert!(
        own.iter().zip(&half).all(|(own, half)| (own / 2.0 - half).abs() <= 1e-6 * own.abs()),
        "l is twice as large"
    );
    backend.set_source(file, None).expect("its own again");
    assert_eq!(o(&mut backend), own);
    assert!(backend.set_source("flash2.cu", None).is_err());
}

#[test]
fn a_kernel_is_timed_by_itself() {
    let Some(mut backend) = backend(kernels().count()) else { return };
    let shape = Shape { heads: 2, kv_heads: 2, ..Shape::single(48, 80, 32) };
    for kernel in kernels() {
        backend.prefer(kernel.file);
        let workload = Workload {
            algorithm: kernel.algorithm,
            precision: Precision::F32,
            shape,
            causal: true,
            splits: 2,
            deterministic: false,
        };
        match backend.measure(&workload, &NEVER) {
            Ok(measured) => {
                assert_eq!(measured.kernel, kernel.file);
                assert!(measured.sets == 16 && (3..=30).contains(&measured.times.len()), "{measured:?}");
                assert!(measured.median().is_some_and(|time| !time.is_zero()), "{measured:?}");
                // Q, K, V and O of each set at the least.
                assert!(measured.device_bytes >= 16 * 4 * 2 * (2 * 48 + 2 * 80) * 32, "{measured:?}");
            }
            Err(error) => assert_eq!(error, GpuError::Refused(Refusal::Clock)),
        }
        let in_f16 = Workload { precision: Precision::F16, ..workload };
        assert_eq!(backend.measure(&in_f16, &NEVER), Err(Refusal::Precision(Precision::F16).into()));
    }
}
