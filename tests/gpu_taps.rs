//! m and l as the fused WGSL kernels have them after every key block, held against the stepper with the same blocks.
#![cfg(feature = "wgpu")]
#![allow(clippy::print_stdout)] // Tests say how much ran.

mod common;

use common::gpu::{NEVER, backend, kernels};
use tilescope::attention::cases::{Case, cases, single, with};
use tilescope::attention::error_rule::{self, Errors};
use tilescope::attention::{Precision, Problem};
use tilescope::gpu::kernels::by_file;
use tilescope::gpu::{Backend, HeadTaps, Kernel};
use tilescope::machine::{Meaning, Run};
use tilescope::schedule::{Plan, Schedule, Tiling, algorithm};

/// What the error rule allows m and l of one head when the keys end after each key block.
fn bounds(problem: &Problem, batch: usize, head: usize, plan: &Plan) -> Vec<Errors> {
    let shape = problem.shape;
    let up_to = |keys: usize| {
        let prefix = with(problem.clone(), |p| {
            let lengths = p.mask.key_lengths.take().unwrap_or_else(|| vec![shape.n_k; shape.batch]);
            p.mask.key_lengths = Some(lengths.into_iter().map(|length| length.min(keys)).collect());
        });
        error_rule::reference(&prefix, batch, head, Precision::F32).bound
    };
    (0..plan.t_c()).map(|j| up_to(plan.cols(j).end)).collect()
}

/// Compares every visit of one head; gives how many values were compared, and the largest share of a bound.
fn compare(run: &Run, taps: &HeadTaps, bounds: &[Errors]) -> Result<(usize, f64), String> {
    let plan = &run.schedule.plan;
    if taps.m.dim() != (plan.t_c(), plan.n_q) {
        return Err(format!("taps of {:?} for {} key blocks, {} queries", taps.m.dim(), plan.t_c(), plan.n_q));
    }
    let (mut visits, mut worst) = (0, 0.0);
    for block in 0..plan.t_r() {
        for (row, history) in plan.rows(block).zip(run.history(block)) {
            let recorded = (0..plan.t_c()).filter(|&j| !taps.m[[j, row]].is_nan());
            if !recorded.eq(history.iter().map(|visit| visit.j)) {
                return Err(format!("query {row}: other key blocks were visited"));
            }
            for visit in history {
                let (m, l) = (taps.m[[visit.j, row]], taps.l[[visit.j, row]]);
                let bound = bounds[visit.j];
                for (name, got, want, bound) in [("m", m, visit.m, bound.m), ("l", l, visit.l, bound.l)] {
                    let error = error_rule::max_error(&[got], &[want]);
                    // A NaN is within no bound.
                    let within = error <= bound;
                    if !within {
                        let place = format!("query {row} after key block {}", visit.j);
                        return Err(format!("{place}: {name} is {got}, the stepper's {want}, the bound {bound:e}"));
                    }
                    worst = f64::max(worst, error / bound);
                    visits += 1;
                }
            }
        }
    }
    Ok((visits, worst))
}

/// Every head of a case: values compared and the largest share of a bound.
fn check(backend: &mut dyn Backend, kernel: &Kernel, problem: &Problem) -> Result<(usize, f64), String> {
    let name = kernel.algorithm;
    backend.prefer(kernel.file);
    let taps = backend.taps(problem, name, Precision::F32, &NEVER).map_err(|error| error.to_string())?;
    let algorithm = algorithm::by_name(name).expect("an algorithm");
    let tiling = Tiling { br: taps.br, bc: taps.bc };
    let ran = backend.kernel(problem, name).expect("a kernel that has just run");
    assert_eq!((taps.br, taps.bc), (ran.br, ran.bc));
    let mut all = (0, 0.0);
    for (at, head_taps) in taps.heads.iter().enumerate() {
        let (batch, head) = (at / problem.shape.heads, at % problem.shape.heads);
        let plan = Plan::of_problem(problem, batch, tiling, Precision::F32);
        let bounds = bounds(problem, batch, head, &plan);
        let schedule = Schedule::new(algorithm, plan);
        let run = Run::new(schedule, problem, batch, head, Meaning::RIGHT, |_| true).expect("nobody stops it");
        let (visits, worst) =
            compare(&run, head_taps, &bounds).map_err(|why| format!("{name}, head {batch},{head}: {why}"))?;
        all = (all.0 + visits, f64::max(all.1, worst));
    }
    Ok(all)
}

#[test]
fn the_stepper_and_the_kernels_agree_after_every_key_block() {
    let cases = cases();
    let Some(mut backend) = backend(3 * cases.len()) else { return };
    let mut failed = Vec::new();
    for kernel in kernels().filter(|kernel| kernel.algorithm != "standard") {
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
