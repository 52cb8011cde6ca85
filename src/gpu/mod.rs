//! Real kernels on real GPUs: probe a backend, ask what it supports, run it. Never draws, never prints, never panics.
//!
//! A backend that cannot run says why in a sentence. Build features only decide what is compiled in; whether a
//! driver is there is found out at run time.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ndarray::Array4;

use crate::attention::oracle::Output;
use crate::attention::{Precision, Problem};
use crate::schedule::Tiling;
use crate::sentence::Sentence;

#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod drawn;
pub mod environment;
mod error;
pub mod kernels;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod launch;
mod measure;
mod occupancy;
mod progress;
#[cfg(feature = "cuda")]
pub mod ptx;
mod roofs;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod runs;
pub mod source;
mod taps;
#[cfg(feature = "wgpu")]
pub mod wgpu;
#[cfg(any(feature = "wgpu", feature = "cuda"))]
mod work;

pub use error::{GpuError, Refusal};
pub use kernels::Kernel;
pub use measure::{Measured, Workload};
pub use occupancy::Occupancy;
pub use progress::Progress;
pub use roofs::Roofs;
pub use source::SourceError;
pub use taps::{HeadTaps, Taps, TileVisit};

/// Names of all backends, whether or not this build has them.
pub const BACKENDS: [&str; 2] = ["wgpu", "cuda"];

/// What looking for a backend found.
pub enum Probe {
    Ready(Box<dyn Backend>),
    /// Why not.
    Unavailable(Sentence),
}

/// A GPU, or a driver that plays one.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceInfo {
    /// `"wgpu"` or `"cuda"`.
    pub backend: &'static str,
    pub name: String,
    /// Name and version of the driver, and the interface it is reached by.
    pub driver: String,
    pub kind: DeviceKind,
    /// Limits that matter to a kernel, by a name that states the unit.
    pub limits: Vec<(&'static str, u64)>,
    /// What a reader of its numbers should know, in sentences.
    pub notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    Discrete,
    Integrated,
    Virtual,
    /// The CPU plays the GPU: right results, and no speed worth quoting.
    Software,
    Other,
}

impl DeviceKind {
    pub fn name(self) -> &'static str {
        match self {
            DeviceKind::Discrete => "discrete",
            DeviceKind::Integrated => "integrated",
            DeviceKind::Virtual => "virtual",
            DeviceKind::Software => "software",
            DeviceKind::Other => "other",
        }
    }
}

/// The kernel that a problem gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Name in `kernels/`.
    pub file: &'static str,
    /// Queries and keys of its blocks.
    pub tiling: Tiling,
}

/// One opened device with its kernels.
pub trait Backend: Send {
    fn info(&self) -> &DeviceInfo;

    /// Whether [`Backend::run`] would take this problem; the refusal says what stands against it, with numbers.
    fn supports(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<(), Refusal>;

    /// From now on runs the kernel of this file for its algorithm, where it fits a problem, and not the fastest one.
    /// Without effect where there is no choice.
    fn prefer(&mut self, _file: &str) {}

    /// From now on an algorithm that has splits cuts the keys into as many parts. Without effect on others.
    fn set_splits(&self, _splits: usize) {}

    /// From now on a kernel that leaves the order of its additions to the device adds in one that never changes, so that
    /// every run gives the same bits, where it has such a variant ([`Kernel::has_deterministic`]). Without effect on others.
    fn set_deterministic(&self, _deterministic: bool) {}

    /// The kernel that [`Backend::run`] would take for this problem; `None` where it would refuse it or does not say.
    fn kernel(&self, _problem: &Problem, _algorithm: &str) -> Option<&'static Kernel> {
        None
    }

    /// The kernel that [`Backend::run`] would take in this format, with its blocks for this problem; `None` where it
    /// would refuse it or does not say.
    fn choice(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Option<Choice> {
        let kernel = self.kernel(problem, algorithm).filter(|_| precision == Precision::F32)?;
        Some(Choice { file: kernel.file, tiling: Tiling { br: kernel.br, bc: kernel.bc } })
    }

    /// Computes every (batch, head) of the problem. Blocks; `cancel` is looked at between launches.
    ///
    /// NaN and infinities give what the rule of [`crate::attention::not_finite`] says; a kernel that cannot do that is
    /// refused ([`Refusal::NotFinite`]).
    ///
    /// Errors with [`GpuError::Refused`] as `supports` does, when cancelled, and when the driver fails.
    fn run(
        &mut self,
        problem: &Problem,
        algorithm: &str,
        precision: Precision,
        cancel: &AtomicBool,
    ) -> Result<GpuRun, GpuError>;

    /// The gradients of every (batch, head) for the gradient `d_o` of its O, `[batch, heads, n_q, d_v]`: by a kernel of a
    /// backward pass, after one of its forward pass.
    ///
    /// Errors as [`Backend::run`] does; refuses an algorithm that is no backward pass.
    fn gradients(
        &mut self,
        _problem: &Problem,
        _d_o: &Array4<f64>,
        algorithm: &str,
        _precision: Precision,
        _cancel: &AtomicBool,
    ) -> Result<GpuGradients, GpuError> {
        let (backend, has) = (self.info().backend, kernels::algorithms(self.info().backend).join(", "));
        Err(Refusal::Algorithm { backend, algorithm: algorithm.to_owned(), has }.into())
    }

    /// Computes the same once more with m and l of every query recorded after every key block, which is slower.
    ///
    /// Errors as [`Backend::run`] does, and with [`Refusal::Taps`] where a kernel cannot record them.
    fn taps(
        &mut self,
        _problem: &Problem,
        _algorithm: &str,
        _precision: Precision,
        _cancel: &AtomicBool,
    ) -> Result<Taps, GpuError> {
        Err(Refusal::Taps("the backend has no such variants of its kernels").into())
    }

    /// What each entry point of the kernel would take of an SM, before it is launched; empty where the backend does not
    /// know.
    ///
    /// Errors as [`Backend::supports`] does.
    fn occupancy(&self, problem: &Problem, algorithm: &str, precision: Precision) -> Result<Vec<Occupancy>, Refusal> {
        self.supports(problem, algorithm, precision).map(|()| Vec::new())
    }

    /// From now on runs the kernel of this file from another source, or with `None` from its own again.
    ///
    /// Errors without a compiler, or with what it said, line by line; then the kernel stays what it was.
    fn set_source(&mut self, _file: &str, _source: Option<&str>) -> Result<(), SourceError> {
        let name = self.info().backend;
        Err(SourceError::Unavailable(Sentence::new("the {0} backend does not take changed kernels").with(name)))
    }

    /// Times a kernel by itself, warm, by the GPU's clock, on numbers that mean nothing.
    ///
    /// Errors as [`Backend::run`] does, with [`Refusal::Measure`] where the backend cannot, and with [`Refusal::Clock`] where
    /// the device does not tell the time.
    fn measure(&mut self, _workload: &Workload, _cancel: &AtomicBool) -> Result<Measured, GpuError> {
        Err(Refusal::Measure { backend: self.info().backend }.into())
    }

    /// Bytes read and written a second while memory of the device is copied.
    ///
    /// Errors as [`Backend::measure`] does.
    fn copy_bandwidth(&mut self) -> Result<f64, GpuError> {
        Err(Refusal::Measure { backend: self.info().backend }.into())
    }

    /// Measures the roofs of this device, those that the backend can. Blocks for up to some seconds; `cancel` is looked at
    /// between launches.
    ///
    /// Errors as [`Backend::measure`] does.
    fn roofs(&mut self, _cancel: &AtomicBool) -> Result<Roofs, GpuError> {
        Ok(Roofs { copy_bytes_per_s: Some(self.copy_bandwidth()?), fma_flops_per_s: None })
    }

    /// How far the run under way has come; `None` where the backend does not say.
    fn progress(&self) -> Option<Progress> {
        None
    }
}

/// The results of one run and what it took.
#[derive(Clone, Debug)]
pub struct GpuRun {
    /// One per query head, batch by batch.
    pub outputs: Vec<Output>,
    /// Time inside the kernel by the GPU's own clock, all launches added up; `None` where it has no such clock.
    pub kernel_time: Option<Duration>,
    /// From the first byte uploaded to the last byte read back.
    pub wall: Duration,
    /// Pieces that the grid was cut into.
    pub launches: usize,
    /// Memory allocated on the device for this run.
    pub device_bytes: u64,
}

/// The gradients of one run and what it took.
#[derive(Clone, Debug)]
pub struct GpuGradients {
    /// `[batch, heads, n_q, d]`.
    pub dq: Array4<f64>,
    /// `[batch, kv_heads, n_k, d]`, and `d_v` of dV: summed over the query heads that share them.
    pub dk: Array4<f64>,
    pub dv: Array4<f64>,
    /// Inside the kernels of the forward and of the backward pass, by the GPU's clock.
    pub forward_time: Duration,
    pub kernel_time: Duration,
    /// Memory allocated on the device for both.
    pub device_bytes: u64,
}

impl GpuGradients {
    /// Whether every gradient is that of another run, bit by bit.
    pub fn has_bits_of(&self, other: &Self) -> bool {
        let same = |a: &Array4<f64>, b: &Array4<f64>| {
            a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        };
        same(&self.dq, &other.dq) && same(&self.dk, &other.dk) && same(&self.dv, &other.dv)
    }
}

/// Looks for a backend by name.
pub fn probe(name: &str) -> Probe {
    match name {
        "wgpu" => probe_wgpu(),
        "cuda" => probe_cuda(),
        _ => {
            let what = Sentence::new("there is no GPU backend {0}; there are {1}").with(format!("{name:?}"));
            Probe::Unavailable(what.with(BACKENDS.join(", ")))
        }
    }
}

/// Opens the device that stands at place `nth` of its backend in [`devices`].
pub fn open(backend: &str, nth: usize) -> Probe {
    match (backend, nth) {
        #[cfg(feature = "wgpu")]
        ("wgpu", nth) => match wgpu::WgpuBackend::open_nth(nth) {
            Ok(backend) => Probe::Ready(Box::new(backend)),
            Err(reason) => Probe::Unavailable(reason),
        },
        ("cuda", 1..) => Probe::Unavailable("the CUDA backend opens the first NVIDIA GPU only".into()),
        _ => probe(backend),
    }
}

/// Opens the best adapter that wgpu finds: hardware before software, a native interface before OpenGL.
pub fn probe_wgpu() -> Probe {
    #[cfg(feature = "wgpu")]
    return match wgpu::WgpuBackend::open() {
        Ok(backend) => Probe::Ready(Box::new(backend)),
        Err(reason) => Probe::Unavailable(reason),
    };
    #[cfg(not(feature = "wgpu"))]
    Probe::Unavailable(not_built("wgpu"))
}

/// Opens the first GPU that the NVIDIA driver lists.
pub fn probe_cuda() -> Probe {
    #[cfg(feature = "cuda")]
    return match cuda::CudaBackend::open() {
        Ok(backend) => Probe::Ready(Box::new(backend)),
        Err(reason) => Probe::Unavailable(reason),
    };
    #[cfg(not(feature = "cuda"))]
    Probe::Unavailable(not_built("cuda"))
}

/// Every device of every backend, or one reason for a backend that has none.
pub fn devices() -> Vec<(&'static str, Result<DeviceInfo, Sentence>)> {
    #[cfg(feature = "wgpu")]
    let wgpu = wgpu::adapters();
    #[cfg(not(feature = "wgpu"))]
    let wgpu: Result<Vec<DeviceInfo>, Sentence> = Err(not_built("wgpu"));
    #[cfg(feature = "cuda")]
    let cuda = cuda::devices();
    #[cfg(not(feature = "cuda"))]
    let cuda: Result<Vec<DeviceInfo>, Sentence> = Err(not_built("cuda"));

    let mut rows = Vec::new();
    for (name, found) in BACKENDS.into_iter().zip([wgpu, cuda]) {
        match found {
            Ok(devices) => rows.extend(devices.into_iter().map(|device| (name, Ok(device)))),
            Err(reason) => rows.push((name, Err(reason))),
        }
    }
    rows
}

#[cfg(not(all(feature = "wgpu", feature = "cuda")))]
fn not_built(name: &str) -> Sentence {
    Sentence::new("this build has no {0} support; build with `--features {0}`").with(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_backend_gives_a_device_or_a_reason() {
        let rows = devices();
        for name in BACKENDS {
            assert!(rows.iter().any(|(backend, _)| *backend == name), "nothing said about {name}");
            if let Probe::Unavailable(reason) = probe(name) {
                let reason = reason.to_string();
                assert!(!reason.is_empty() && !reason.contains('\n'), "{reason:?}");
            }
        }
        assert!(matches!(probe("metal"), Probe::Unavailable(reason) if reason.to_string().contains("wgpu, cuda")));
    }
}
