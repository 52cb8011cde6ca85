//! The WGSL backend and the cases that its kernels are held to.
#![allow(clippy::print_stdout)] // Tests say how much ran.

use std::cell::OnceCell;
use std::sync::atomic::AtomicBool;

use tilescope::attention::Precision;
use tilescope::attention::cases::{self, Case};
use tilescope::attention::error_rule::{self, Errors, Reference};
use tilescope::gpu::kernels::KERNELS;
use tilescope::gpu::wgpu::WgpuBackend;
use tilescope::gpu::{Backend, Kernel};

use super::not_finite;

pub static NEVER: AtomicBool = AtomicBool::new(false);

/// Every WGSL kernel.
pub fn kernels() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().filter(|kernel| kernel.backend == "wgpu")
}

/// The backend; where there is none, how much is skipped and why is said.
pub fn backend(skipping: usize) -> Option<WgpuBackend> {
    match WgpuBackend::open() {
        Ok(backend) => Some(backend),
        Err(reason) => {
            super::skips::missing(&format!("{skipping} cases"), &reason.to_string());
            None
        }
    }
}

/// A case whose exact results are computed once, when they are first needed.
pub struct Prepared {
    case: Case,
    references: OnceCell<Vec<Reference>>,
}

/// The built-in cases, and those with what is not finite, seen and hidden.
pub fn cases() -> Vec<Prepared> {
    cases::cases().into_iter().chain(not_finite::cases(17, 40, 8)).map(Prepared::new).collect()
}

impl Prepared {
    pub fn new(case: Case) -> Self {
        Self { case, references: OnceCell::new() }
    }

    pub fn name(&self) -> &str {
        &self.case.name
    }

    /// Vectors of 16 floats in a row of K and of V.
    pub fn vectors(&self) -> (usize, usize) {
        let shape = self.case.problem.shape;
        (shape.d.div_ceil(16), shape.d_v.div_ceil(16))
    }

    /// Whether the device has the memory that `kernel` wants for this case, after it was preferred.
    pub fn runs_on(&self, backend: &dyn Backend, kernel: &Kernel) -> bool {
        backend.kernel(&self.case.problem, kernel.algorithm).is_some_and(|chosen| chosen.file == kernel.file)
    }

    fn references(&self) -> &[Reference] {
        self.references.get_or_init(|| {
            let shape = self.case.problem.shape;
            let heads = 0..shape.batch * shape.heads;
            heads
                .map(|at| error_rule::reference(&self.case.problem, at / shape.heads, at % shape.heads, Precision::F32))
                .collect()
        })
    }

    /// Runs the case and compares every head: the largest share of its bound that an error takes, or what is wrong.
    pub fn check(&self, backend: &mut dyn Backend, kernel: &Kernel) -> Result<f64, String> {
        backend.prefer(kernel.file);
        let run = backend.run(&self.case.problem, kernel.algorithm, Precision::F32, &NEVER);
        let run = run.map_err(|error| error.to_string())?;
        let references = self.references();
        if run.outputs.len() != references.len() {
            return Err(format!("{} outputs", run.outputs.len()));
        }
        let mut worst = 0.0;
        for (at, (output, reference)) in run.outputs.iter().zip(references).enumerate() {
            let (errors, bound) = (Errors::between(output, &reference.exact), reference.bound);
            if !errors.within(&bound) {
                return Err(format!("head {at}: {errors:?} is not within {bound:?}"));
            }
            let shares = [errors.o / bound.o, errors.m / bound.m, errors.l / bound.l, errors.lse / bound.lse];
            worst = shares.into_iter().fold(worst, f64::max);
        }
        Ok(worst)
    }
}
