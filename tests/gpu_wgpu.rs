//! The WGSL kernel against the f64 oracle on awkward problems, and mutants of it that the same problems must catch.
//!
//! Without an adapter the tests print what they skipped and why; `TILESCOPE_REQUIRE_GPU=1` makes that a failure.
#![cfg(feature = "wgpu")]

mod gpu_cases;

use std::sync::atomic::AtomicBool;

use gpu_cases::{Case, cases, problem, single, with};
use tilescope::attention::dropout::{Dropout, Keep};
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::{Precision, Problem, Shape};
use tilescope::gpu::kernels::FLASH2_WGSL;
use tilescope::gpu::wgpu::WgpuBackend;
use tilescope::gpu::{Backend, GpuError};

static NEVER: AtomicBool = AtomicBool::new(false);

/// The backend, or a printed line that says how much is skipped and why.
fn backend(skipping: usize) -> Option<WgpuBackend> {
    match WgpuBackend::open() {
        Ok(backend) => Some(backend),
        Err(reason) => {
            assert!(std::env::var("TILESCOPE_REQUIRE_GPU").as_deref() != Ok("1"), "a GPU is required, but: {reason}");
            println!("0 ran, {skipping} skipped: {reason}");
            None
        }
    }
}

/// Runs one case and compares every head: the largest share of its bound that an error takes, or what is wrong.
fn check(backend: &mut WgpuBackend, case: &Case) -> Result<f64, String> {
    let shape = case.problem.shape;
    let run = backend.run(&case.problem, "flash2", Precision::F32, &NEVER).map_err(|error| error.to_string())?;
    if run.outputs.len() != shape.batch * shape.heads {
        return Err(format!("{} outputs", run.outputs.len()));
    }
    // A case puts NaN only where nobody looks, so that 0 is as good; the plain baseline would let it through.
    let visible = with(case.problem.clone(), |p| p.v.mapv_inplace(|x| if x.is_nan() { 0.0 } else { x }));
    let mut worst = 0.0;
    for (at, output) in run.outputs.iter().enumerate() {
        let (batch, head) = (at / shape.heads, at % shape.heads);
        let reference = error_rule::reference(&visible, batch, head, Precision::F32);
        let (errors, bound) = (Errors::between(output, &reference.exact), reference.bound);
        if !errors.within(&bound) {
            return Err(format!("batch {batch}, head {head}: {errors:?} is not within {bound:?}"));
        }
        let shares = [errors.o / bound.o, errors.m / bound.m, errors.l / bound.l, errors.lse / bound.lse];
        worst = shares.into_iter().fold(worst, f64::max);
    }
    Ok(worst)
}

#[test]
fn every_case_is_within_the_error_rule() {
    let cases = cases();
    let Some(mut backend) = backend(cases.len()) else { return };
    let mut failed = Vec::new();
    let mut worst = (0.0, "");
    for case in &cases {
        match check(&mut backend, case) {
            Ok(share) if share >= worst.0 => worst = (share, &case.name),
            Ok(_) => {}
            Err(reason) => failed.push(format!("{}: {reason}", case.name)),
        }
    }
    println!("{}: {} ran, 0 skipped, {} failed", backend.info().name, cases.len(), failed.len());
    println!("the largest error takes {:.2} of its bound, in {:?}", worst.0, worst.1);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What is changed, which text of the kernel, into what.
const MUTANTS: &[(&str, &str, &str)] = &[
    ("O is not rescaled", "o[n] *= alpha;", ""),
    ("O is divided by alpha, as the paper misprints", "o[n] *= alpha;", "o[n] /= alpha;"),
    ("l is not rescaled", "l = alpha * l + sum;", "l = l + sum;"),
    ("the tile's maximum replaces the row's", "var m_new = m;", "var m_new = HIDDEN;"),
    ("the diagonal is one off", "params.offset + params.right + 1)", "params.offset + params.right)"),
    ("the window is one off", "params.offset - params.left)", "params.offset - params.left + 1)"),
    ("the key length is forgotten", "i32(key_lengths[batch])", "i32(params.n_k)"),
    ("keys past the last are not masked", " && i32(j0 + BC) <= end_key(block * BR, key_length)", ""),
    ("keys before a window are not masked", "first_key(last) <= i32(j0) && ", ""),
    ("GQA reads another head", "head / (params.heads / params.kv_heads)", "head % params.kv_heads"),
    ("a mild sentinel", "const HIDDEN = -3.4028234663852886e38;", "const HIDDEN = -1e4;"),
    ("V of a masked key leaks", "if (weight != 0.0)", "if (true)"),
    ("the bias is not broadcast", "let at = params.bias_strides", "let at = max(params.bias_strides, vec4u(1u))"),
    ("a bias of -inf is no mask", "{ return HIDDEN; }", "{ return x; }"),
    ("ALiBi ignores the offset", "i32(i) + i32(params.n_k) - i32(params.n_q) - i32(j)", "i32(i) - i32(j)"),
    ("no softcap", "if (params.softcap > 0.0)", "if (false)"),
    ("O is not normalised", "o[n] *= inverse;", ""),
    ("L leaves out m", "m + log(", "log("),
    ("a dead row has a finite m", "select(bitcast<u32>(m), NEG_INF_BITS, dead)", "bitcast<u32>(m)"),
];

#[test]
fn every_mutant_is_caught() {
    let cases = cases();
    let Some(mut backend) = backend(MUTANTS.len()) else { return };
    for (name, text, replacement) in MUTANTS {
        assert_eq!(FLASH2_WGSL.source.matches(text).count(), 1, "{name}: {text:?} is not in the kernel exactly once");
        backend = backend.with_source(&FLASH2_WGSL.source.replace(text, replacement)).expect("a mutant that compiles");
        let caught = cases.iter().find_map(|case| check(&mut backend, case).err().map(|why| (&case.name, why)));
        let (case, why) = caught.unwrap_or_else(|| panic!("survived: {name}"));
        println!("{name}: caught by {case:?}: {why}");
    }
}

#[test]
fn a_long_run_is_cut_and_can_be_cancelled() {
    let Some(mut backend) = backend(1) else { return };
    let long = problem(Shape { batch: 2, heads: 8, kv_heads: 8, ..Shape::single(200, 250, 64) });
    let run = backend.run(&long, "flash2", Precision::F32, &NEVER).expect("a run");
    println!("{} launches, kernel {:?}, wall {:?}", run.launches, run.kernel_time, run.wall);
    assert!(run.launches > 1, "one launch for 2 x 8 heads of 200 x 250");
    assert!(run.kernel_time.is_none_or(|time| !time.is_zero() && time < run.wall));
    check(&mut backend, &Case { name: "long".into(), problem: long.clone() }).expect("a run in pieces is right");
    let cancelled = backend.run(&long, "flash2", Precision::F32, &AtomicBool::new(true)).err();
    assert_eq!(cancelled, Some(GpuError::Cancelled { launches: 0 }));
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
    for precision in [Precision::F64, Precision::F16, Precision::Bf16] {
        let reason = refused(&small, "flash2", precision);
        assert_eq!(reason, format!("the kernel computes in f32 only, not in {}", precision.name()));
    }
    let dropped = with(small.clone(), |p| p.dropout = Some(Dropout { rate: 0.1, keep: Keep::Seed(1) }));
    let long = single(1, (128 << 20) / 64 + 1, 1);
    for (problem, algorithm, reason) in [
        (&small, "flash1", "wgpu has no kernel for \"flash1\"; it has: flash2"),
        (&dropped, "flash2", "the kernel has no dropout"),
        (&single(2, 2, 129), "flash2", "d is 129, but the kernel takes at most 128"),
        (
            &long,
            "flash2",
            "K takes 134217792 bytes, but the device binds at most 134217728 at once: use fewer tokens or heads",
        ),
    ] {
        assert_eq!(refused(problem, algorithm, Precision::F32), reason);
    }
}

#[test]
fn a_broken_source_is_an_error_of_one_line() {
    let Some(backend) = backend(1) else { return };
    let error = backend.with_source("fn flash2( {").err().expect("a compiler error").to_string();
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
    check(&mut backend, &Case { name: "shared".into(), problem: single(17, 33, 8) }).expect("right results");
    device.destroy();
    let error = backend.run(&single(17, 33, 8), "flash2", Precision::F32, &NEVER).expect_err("a lost device");
    assert!(!error.to_string().contains('\n'), "{error}");

    let (device, queue) = open(wgpu::Limits::downlevel_webgl2_defaults());
    let reason = WgpuBackend::from_device(device, queue).err().expect("limits that are too small");
    assert_eq!(reason, "the device was opened with 0 bytes of workgroup storage, but the kernel needs 16384");
}
