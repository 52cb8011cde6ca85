//! m and l as the fused WGSL kernels have them after every key block, held against the stepper with the same blocks.
#![cfg(feature = "wgpu")]

use crate::common::gpu::{NEVER, backend, kernels};
use crate::common::taps;
use tilescope::attention::cases::{Case, cases, single};
use tilescope::attention::{Precision, Problem};
use tilescope::gpu::kernels::by_file;
use tilescope::gpu::{Backend, Kernel};

/// Every head of a case: values compared and the largest share of a bound.
fn check(backend: &mut dyn Backend, kernel: &Kernel, problem: &Problem) -> Result<(usize, f64), String> {
    let name = kernel.algorithm;
    backend.prefer(kernel.file);
    let taps = backend.taps(problem, name, Precision::F32, &NEVER).map_err(|error| error.to_string())?;
    let ran = backend.kernel(problem, name).expect("a kernel that has just run");
    assert_eq!((taps.br, taps.bc), (ran.br, ran.bc));
    taps::check(problem, name, Precision::F32, &taps)
}

#[test]
fn the_stepper_and_the_kernels_agree_after_every_key_block() {
    let cases = cases();
    let Some(mut backend) = backend(3 * cases.len()) else { return };
    let mut failed = Vec::new();
    for kernel in kernels().filter(|kernel| kernel.has_taps() && kernel.algorithm != "standard") {
        let name = kernel.file;
        let (mut values, mut worst) = (0, (0.0, ""));
        for Case { name: case, problem } in &cases {
            match check(&mut backend, kernel, problem) {
                Ok((compared, share)) => {
                    values += compared;
                    worst = if share >= worst.0 { (share, case) } else { worst };
                }
                Err(reason) => failed.push(format!("{case}: {reason}")),
            }
        }
        println!("{name}: {values} values of m and l compared over {} cases", cases.len());
        println!("the largest difference takes {:.2} of its bound, in {:?}", worst.0, worst.1);
        assert!(values > 10_000, "{values} are too few");
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The comparison must notice what only the statistics between two key blocks show.
#[test]
fn taps_of_a_wrong_kernel_are_caught() {
    let Some(mut backend) = backend(3) else { return };
    let problem = single(33, 61, 8);
    for (file, from, to) in [
        ("flash2.wgsl", "tap(q_rows, j0 / BC, i, m, l)", "tap(q_rows, j0 / BC, i, m, sum)"),
        ("flash2.wgsl", "l = alpha * l + sum;", "l = l + sum;"),
        ("flash1.wgsl", "let l_new = alpha * l + beta * l_tile;", "let l_new = l + beta * l_tile;"),
    ] {
        let kernel = by_file(file).expect("a WGSL kernel");
        let text = kernel.text();
        assert_eq!(text.matches(from).count(), 1, "{from:?}");
        check(&mut backend, kernel, &problem).expect("the kernel itself is right");
        backend = backend.with_source(file, &text.replace(from, to)).expect("a mutant that compiles");
        let why = check(&mut backend, kernel, &problem).expect_err("a mutant");
        println!("{file}: {to}: {why}");
        backend = backend.with_source(file, &text).expect("the kernel itself");
    }
}
