//! What a NaN, an infinity and a row that sees no key give in the WGSL kernels: the table of `not_finite.rs`, at sizes
//! that lie beside their blocks.
#![cfg(feature = "wgpu")]

use crate::common::gpu::{NEVER, backend, kernels};
use crate::common::not_finite::{cases, differences, expected};
use tilescope::attention::Precision;
use tilescope::gpu::Backend;

#[test]
fn every_kernel_meets_the_table() {
    let sizes = [(1, 1), (5, 7), (15, 17), (17, 40), (33, 31), (40, 66)];
    let cases: Vec<_> = sizes.into_iter().flat_map(|(n_q, n_k)| cases(n_q, n_k, 3)).collect();
    let Some(mut backend) = backend(cases.len() * kernels().count()) else { return };
    let mut failed = Vec::new();
    for kernel in kernels() {
        backend.prefer(kernel.file);
        for case in &cases {
            let run = backend.run(&case.problem, kernel.algorithm, Precision::F32, &NEVER).expect("it runs");
            let mut want = expected(&case.problem, 0);
            if kernel.file == "split_kv.wgsl" {
                // What a split knows of a row is not m and l of the row.
                (want.m, want.l) = (Vec::new(), Vec::new());
            }
            let wrong = differences(&run.outputs[0], &want, 1e-5);
            if !wrong.is_empty() {
                failed.push(format!("{}: {}: {}", kernel.file, case.name, wrong.join(", ")));
            }
        }
        println!("{}: all {} cases ran on {}", kernel.file, cases.len(), backend.info().name);
    }
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed[..failed.len().min(20)].join("\n"));
}
