//! Every WGSL kernel on the golden data, within the rule of its manifest. Dropout that no kernel of an
//! algorithm knows is skipped and counted.
#![cfg(feature = "wgpu")]

use crate::common::gpu::{NEVER, backend, kernels as all_kernels};
use crate::common::{golden, skips};
use tilescope::attention::Precision;
use tilescope::gpu::{Backend, GpuError, Kernel, Refusal, kernels};

#[test]
fn golden_cases_are_within_the_rule_of_the_manifest() {
    let cases = golden::cases();
    let Some(mut backend) = backend(cases.len() * all_kernels().count()) else { return };
    let mut wrong = Vec::new();
    for kernel in all_kernels() {
        backend.prefer(kernel.file);
        let (mut ran, mut dropout) = (0, 0);
        for case in &cases {
            let heads = case.problem.shape.heads;
            match backend.run(&case.problem, kernel.algorithm, Precision::F32, &NEVER) {
                Ok(run) => {
                    ran += 1;
                    assert_eq!(run.outputs.len(), case.problem.shape.batch * heads, "{}", case.name);
                    for (at, output) in run.outputs.iter().enumerate() {
                        let faults = case.compare(at / heads, at % heads, output, Precision::F32);
                        let what = format!("{}: {} head {at}", kernel.file, case.name);
                        wrong.extend(faults.into_iter().map(|fault| format!("{what}: {fault}")));
                    }
                }
                Err(GpuError::Refused(Refusal::Dropout)) => dropout += 1,
                Err(error) => wrong.push(format!("{}: {}: {error}", kernel.file, case.name)),
            }
        }
        println!("{}: {ran} ran, {dropout} skipped: {}", kernel.file, Refusal::Dropout);
        if dropout > 0 {
            skips::skipped_here(&format!("{dropout} golden cases on {}", kernel.file), &Refusal::Dropout.to_string());
        }
        let is_unknown = !kernels::of("wgpu", kernel.algorithm).any(Kernel::has_dropout);
        let with_dropout = cases.iter().filter(|case| is_unknown && case.problem.dropout.is_some()).count();
        assert_eq!((ran, dropout), (cases.len() - with_dropout, with_dropout));
        assert!(ran >= 74, "{ran} is too few: the golden data is not all there");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
