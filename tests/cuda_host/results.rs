//! Golden and built-in cases from the backend's seam to its results, through kernels that run on the CPU.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ndarray::Array4;
use tilescope::attention::cases::{self, single, with};
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::mask::Diagonal;
use tilescope::attention::{Mask, Precision, Problem, Shape, TileClass};
use tilescope::gpu::cuda::CudaBackend;
use tilescope::gpu::{Backend, GpuError, Refusal, Taps};

use super::common::{dropout, golden, gradients, skips, taps};
use super::player_driver::{PlayerDriver, compiler};

static NEVER: AtomicBool = AtomicBool::new(false);

/// Every kernel with a format.
const KERNELS: [(&str, Precision); 6] = [
    ("standard", Precision::F32),
    ("flash1", Precision::F32),
    ("flash2", Precision::F32),
    ("flash2", Precision::F16),
    ("flash2", Precision::BF16),
    ("split-kv", Precision::F32),
];

/// False, and said, where the compiler is missing.
pub fn can_build(skipping: usize) -> bool {
    let Err(reason) = compiler() else { return true };
    skips::missing(&format!("{skipping} cases"), &reason);
    false
}

fn open() -> (Arc<PlayerDriver>, CudaBackend) {
    let driver = Arc::new(PlayerDriver::new());
    let backend = CudaBackend::with_driver(driver.clone()).expect("a device that is a process");
    (driver, backend)
}

#[test]
fn golden_cases_are_within_the_rule_of_the_manifest() {
    let cases = golden::cases();
    if !can_build(KERNELS.len() * cases.len()) {
        return;
    }
    let (_, mut backend) = open();
    let mut wrong = Vec::new();
    for (algorithm, precision) in KERNELS {
        let (mut ran, mut skipped) = (0, 0);
        for case in &cases {
            let heads = case.problem.shape.heads;
            match backend.run(&case.problem, algorithm, precision, &NEVER) {
                Ok(run) => {
                    ran += 1;
                    assert_eq!(run.outputs.len(), case.problem.shape.batch * heads, "{}", case.name);
                    for (at, output) in run.outputs.iter().enumerate() {
                        let faults = case.compare(at / heads, at % heads, output, precision);
                        let what = format!("{algorithm} {}: {} head {at}", precision.name(), case.name);
                        wrong.extend(faults.into_iter().map(|fault| format!("{what}: {fault}")));
                    }
                }
                Err(GpuError::Refused(Refusal::Dropout)) => skipped += 1,
                Err(error) => wrong.push(format!("{algorithm} {}: {}: {error}", precision.name(), case.name)),
            }
        }
        println!("{algorithm} {}: {ran} ran, {skipped} skipped: {}", precision.name(), Refusal::Dropout);
        let what = format!("{skipped} golden cases on {algorithm} in {}", precision.name());
        let knows = (algorithm, precision) == ("flash2", Precision::F32);
        assert_eq!(knows, skipped == 0, "{what}");
        if !knows {
            skips::skipped_here(&what, &Refusal::Dropout.to_string());
        }
        assert!(ran >= 74 && ran + skipped == cases.len(), "the golden data is not all there");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn built_in_cases_are_within_the_error_rule() {
    let cases = cases::cases();
    if !can_build(KERNELS.len() * cases.len()) {
        return;
    }
    let (_, mut backend) = open();
    let mut wrong = Vec::new();
    for (algorithm, precision) in KERNELS {
        for case in &cases {
            let heads = case.problem.shape.heads;
            let what = format!("{algorithm} {}: {}", precision.name(), case.name);
            match backend.run(&case.problem, algorithm, precision, &NEVER) {
                Ok(run) => {
                    for (at, output) in run.outputs.iter().enumerate() {
                        let reference = error_rule::reference(&case.problem, at / heads, at % heads, precision);
                        let errors = Errors::between(output, &reference.exact);
                        if !errors.within(&reference.bound) {
                            wrong.push(format!("{what}, head {at}: {errors:?} is not within {:?}", reference.bound));
                        }
                    }
                }
                Err(error) => wrong.push(format!("{what}: {error}")),
            }
        }
        println!("{algorithm} {}: {} cases", precision.name(), cases.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Problems with ragged blocks, masks that skip tiles, several heads that share keys, and two batch entries.
fn awkward() -> Vec<(&'static str, Problem)> {
    let shape = Shape { heads: 4, kv_heads: 2, batch: 2, ..Shape::single(150, 170, 24) };
    let causal = Mask { causal: true, ..Mask::default() };
    let lengths = Mask { key_lengths: Some(vec![170, 33]), ..causal.clone() };
    let window = Mask { window_left: Some(40), window_right: Some(3), ..Mask::default() };
    let of = |mask: &Mask| with(cases::problem(shape), |p| p.mask = mask.clone());
    let everything = with(of(&window), |p| {
        (p.softcap, p.scale) = (Some(3.0), -p.scale);
        p.alibi_slopes = Some(ndarray::Array2::from_shape_fn((2, 4), |(b, h)| 0.125 * (1 + b + h) as f64));
        p.bias = Some(Array4::from_shape_fn((2, 1, 150, 170), |(b, _, i, j)| ((b + i * j) % 7) as f64 / 4.0));
    });
    vec![
        ("open", of(&Mask::default())),
        ("causal", of(&causal)),
        ("lengths", of(&lengths)),
        ("window", of(&window)),
        ("everything", everything),
        ("a diagonal of each length", of(&Mask { diagonal: Diagonal::Lengths, ..lengths })),
    ]
}

/// What the stepper visits and the kernel recorded must be the same tiles; times go forwards.
fn check_tiles(problem: &Problem, name: &str, precision: Precision, taps: &Taps) {
    for (at, head) in taps.heads.iter().enumerate() {
        let run = taps::stepper(problem, name, precision, taps, at);
        let plan = run.schedule.plan();
        let all = (0..plan.t_r()).flat_map(|i| (0..plan.t_c()).map(move |j| (i, j)));
        let visited: Vec<_> = all.filter(|&(i, j)| plan.class(i, j) != TileClass::Skipped).collect();
        let recorded: Vec<_> = head.tiles.iter().map(|tile| (tile.i, tile.j)).collect();
        assert_eq!(recorded, visited, "{name} head {at}");
        assert!(head.tiles.iter().all(|tile| tile.begin_ns <= tile.end_ns), "{name}");
    }
}

#[test]
fn taps_equal_the_stepper_after_every_key_block() {
    let problems = awkward();
    if !can_build(3 * problems.len()) {
        return;
    }
    let (_, mut backend) = open();
    for (algorithm, precision) in [("flash1", Precision::F32), ("flash2", Precision::F32), ("flash2", Precision::F16)] {
        let mut compared = 0;
        for (what, problem) in &problems {
            // The same numbers for the stepper and the kernel, whose scores are exact enough for the bounds of f32.
            let mut problem = problem.clone();
            for tensor in [&mut problem.q, &mut problem.k, &mut problem.v] {
                tensor.mapv_inplace(|x| if precision == Precision::F16 { half::f16::from_f64(x).to_f64() } else { x });
            }
            let taps = backend.taps(&problem, algorithm, precision, &NEVER).expect("a kernel with taps");
            let checked = taps::check(&problem, algorithm, Precision::F32, &taps);
            let (values, _) = checked.unwrap_or_else(|why| panic!("{} {what}: {why}", precision.name()));
            check_tiles(&problem, algorithm, Precision::F32, &taps);
            compared += values;
        }
        println!("{algorithm} {}: {compared} values of m and l", precision.name());
        assert!(compared > 5_000, "{compared} are too few");
    }
    // Of standard there are times of tiles, and an m and l that do not run.
    let (_, open) = &problems[0];
    let taps = backend.taps(open, "standard", Precision::F32, &NEVER).expect("a kernel with taps");
    assert_eq!(taps.heads.len(), 8);
    assert_eq!(taps.heads[7].tiles.len(), 150usize.div_ceil(taps.br) * 170usize.div_ceil(taps.bc));
    assert!(taps.heads[7].m.rows().into_iter().all(|row| row == taps.heads[7].m.row(0)));
}

/// A device that is slow by its clock gets one block at a time, and gives the same bits.
#[test]
fn results_do_not_depend_on_how_a_run_is_cut() {
    if !can_build(KERNELS.len()) {
        return;
    }
    for (algorithm, precision) in KERNELS {
        for (what, problem) in awkward().into_iter().skip(1) {
            let (_, mut whole) = open();
            let whole = whole.run(&problem, algorithm, precision, &NEVER).expect("it runs");
            let (driver, mut cut) = open();
            *driver.launch_ms.lock().expect("no panic") = 1e9;
            let _ = cut.run(&problem, algorithm, precision, &NEVER).expect("it runs");
            // By now it knows how slow the device is.
            let cut = cut.run(&problem, algorithm, precision, &NEVER).expect("it runs");
            assert!(cut.launches > whole.launches + 8, "{algorithm}: {} and {}", cut.launches, whole.launches);
            let bits = |run: &tilescope::gpu::GpuRun| {
                let of = |values: &mut dyn Iterator<Item = &f64>| values.map(|x| x.to_bits()).collect::<Vec<_>>();
                run.outputs
                    .iter()
                    .map(|o| of(&mut o.o.iter().chain(&o.m).chain(&o.l).chain(&o.lse)))
                    .collect::<Vec<_>>()
            };
            assert!(bits(&whole) == bits(&cut), "{algorithm} {} {what}: other bits", precision.name());
        }
    }
}

/// What says that a kernel of gradients is to add in one order.
const IN_ORDER: &str = ", deterministic";

/// Gradients of a kernel on what another left in the same memory, however the launches are cut.
#[test]
fn gradients_follow_a_forward_pass_on_the_device() {
    if !can_build(2) {
        return;
    }
    let (driver, mut backend) = open();
    let (_, problem) = awkward().swap_remove(4);
    let value = |(b, h, i, c): (usize, usize, usize, usize)| ((b + 3 * h + 7 * i + 5 * c) % 16) as f64 / 8.0 - 1.0;
    let d_o = Array4::from_shape_fn(problem.q.dim(), value);
    let exact = gradients::exact(&problem, &d_o);
    let mut of = |name: &str| {
        backend.set_deterministic(name.ends_with(IN_ORDER));
        backend.gradients(&problem, &d_o, name.trim_end_matches(IN_ORDER), Precision::F32, &NEVER)
    };
    let bits = |got: &Array4<f64>| got.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let mut bytes = Vec::new();
    for name in ["flash2-backward", "flash2-backward, deterministic", "two-kernel-backward"] {
        *driver.launch_ms.lock().expect("no panic") = 0.01;
        let whole = of(name).expect("it runs");
        for ((tensor, want), got) in exact.named().into_iter().zip([&whole.dq, &whole.dk, &whole.dv]) {
            let largest = want.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
            let error = error_rule::max_error(got, want);
            assert!(error <= 4e-6 * largest, "{name}: {tensor} is off by {error:e}");
        }
        bytes.push(whole.device_bytes);
        *driver.launch_ms.lock().expect("no panic") = 1e9;
        let before = driver.launches.load(Ordering::Relaxed);
        let cut = [of(name).expect("it runs"), of(name).expect("it runs")];
        assert!(driver.launches.load(Ordering::Relaxed) > before + 16, "{name} is not cut");
        assert!(cut.iter().all(|cut| bits(&cut.dk) == bits(&whole.dk) && bits(&cut.dv) == bits(&whole.dv)), "{name}");
        let same = cut.iter().all(|cut| bits(&cut.dq) == bits(&whole.dq));
        assert!(same || name == "flash2-backward", "{name}: dQ has other bits");
    }
    // A dQ more for each split of the key blocks, of which there are few here.
    let Shape { batch, heads, n_q, n_k, d, .. } = problem.shape;
    assert_eq!(bytes[1] - bytes[0], (n_k.div_ceil(32) * batch * heads * n_q * d * 4) as u64);
    let said = |error: GpuError| error.to_string();
    assert_eq!(said(of("flash2").expect_err("a forward pass")), "flash2 gives no gradients");
    let short = Array4::zeros((1, 1, 1, 1));
    let error = backend.gradients(&problem, &short, "flash2-backward", Precision::F32, &NEVER);
    assert!(said(error.expect_err("another shape")).contains("dO is (1, 1, 1, 1), and O is (2, 4, 150, 24)"));
    let error = backend.run(&problem, "flash2-backward", Precision::F32, &NEVER).expect_err("it leaves no O");
    assert!(said(error).starts_with("flash2-backward gives gradients and no O"));
    assert!(backend.supports(&problem, "flash2-backward", Precision::F32).is_err());
}

/// A mask or a seed, from the upload to O and the gradients.
#[test]
fn dropout_reaches_the_kernels_that_know_it() {
    let cases = dropout::cases(24);
    if !can_build(cases.len()) {
        return;
    }
    let (_, mut backend) = open();
    for case in cases {
        let (name, problem) = (&case.name, &case.problem);
        let run = backend.run(problem, "flash2", Precision::F32, &NEVER).expect("it runs");
        for (at, output) in run.outputs.iter().enumerate() {
            let reference = error_rule::reference(problem, at / 4, at % 4, Precision::F32);
            let errors = Errors::between(output, &reference.exact);
            assert!(errors.within(&reference.bound), "{name}, head {at}: {errors:?}");
        }
        for algorithm in ["standard", "flash1", "split-kv"] {
            let refusal = backend.supports(problem, algorithm, Precision::F32).expect_err("it has no dropout");
            assert_eq!(refusal, Refusal::Dropout, "{algorithm}");
        }
        if !problem.not_finite().is_empty() {
            continue;
        }
        let Shape { batch, heads, n_q, d_v, .. } = problem.shape;
        let value = |(b, h, i, c): (usize, usize, usize, usize)| ((b + 3 * h + 7 * i + 5 * c) % 16) as f64 / 8.0 - 1.0;
        let d_o = Array4::from_shape_fn((batch, heads, n_q, d_v), value);
        let exact = gradients::exact(problem, &d_o);
        for algorithm in ["flash2-backward", "two-kernel-backward"] {
            let got = backend.gradients(problem, &d_o, algorithm, Precision::F32, &NEVER).expect("it runs");
            for ((tensor, want), got) in exact.named().into_iter().zip([&got.dq, &got.dk, &got.dv]) {
                let largest = want.iter().fold(1.0, |most: f64, x| most.max(x.abs()));
                let error = error_rule::max_error(got, want);
                assert!(error <= 4e-6 * largest, "{name}, {algorithm}: {tensor} is off by {error:e}");
            }
        }
    }
}

/// The number of splits is the host's to say, and does not change what is computed.
#[test]
fn splits_are_as_many_as_are_asked_for() {
    if !can_build(3) {
        return;
    }
    let (_, problem) = awkward().swap_remove(2);
    let (_, mut backend) = open();
    for splits in [1, 3, 100] {
        backend.set_splits(splits);
        let run = backend.run(&problem, "split-kv", Precision::F32, &NEVER).expect("it runs");
        for (at, output) in run.outputs.iter().enumerate() {
            let reference = error_rule::reference(&problem, at / 4, at % 4, Precision::F32);
            let errors = Errors::between(output, &reference.exact);
            assert!(errors.within(&reference.bound), "{splits} splits, head {at}: {errors:?}");
        }
        // Five query blocks of eight heads; of 170 keys there are six blocks, and no more splits.
        let blocks = backend.occupancy(&problem, "split-kv", Precision::F32).expect("it is known")[0].blocks;
        assert_eq!(blocks, 5 * 8 * splits.min(6));
    }
}

#[test]
fn a_run_is_cancelled_between_launches() {
    if !can_build(1) {
        return;
    }
    let (driver, mut backend) = open();
    let (_, problem) = awkward().swap_remove(1);
    // The first launch asks for it.
    let error = backend.run(&problem, "standard", Precision::F32, &driver.cancel).expect_err("it is cancelled");
    assert_eq!(error, GpuError::Cancelled { launches: 1 });
    let run = backend.run(&problem, "standard", Precision::F32, &NEVER).expect("and runs again");
    assert!(run.outputs.iter().all(|output| output.o.iter().all(|x| x.is_finite())));
}

#[test]
fn a_device_that_dies_is_made_anew_once() {
    if !can_build(2) {
        return;
    }
    let (driver, mut backend) = open();
    let problem = single(50, 50, 16);
    let before = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect("it runs");
    driver.dies_at.store(2, Ordering::Relaxed);
    let after = backend.run(&problem, "flash2", Precision::F32, &NEVER).expect("in a new context");
    assert_eq!(before.outputs, after.outputs);
    assert_eq!(driver.launches.load(Ordering::Relaxed), 3);
}
