//! Looks for an NVIDIA driver and its GPUs. CUDA kernels are not part of this version.
//!
//! cudarc panics when the driver library or one of its functions is missing. So the library that cudarc is going to
//! open is opened here first, and searched for every function that is called, before cudarc is touched at all.

use std::sync::atomic::AtomicBool;

use cudarc::driver::DriverError;
use cudarc::driver::result::{self, device};
use cudarc::driver::sys::{self, CUdevice_attribute as Attribute};
use libloading::Library;

use super::{Backend, DeviceInfo, DeviceKind, GpuError, GpuRun, Refusal};
use crate::attention::{Precision, Problem};

/// Every driver function that the calls below reach, the text of an error included.
const NEEDED: [&str; 9] = [
    "cuInit",
    "cuDriverGetVersion",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceTotalMem_v2",
    "cuDeviceGetAttribute",
    "cuGetErrorName",
    "cuGetErrorString",
];

/// The first GPU of the NVIDIA driver.
pub struct CudaBackend {
    info: DeviceInfo,
}

impl CudaBackend {
    /// Errors with a sentence when there is no driver, an unusable one, or no GPU.
    pub fn open() -> Result<Self, String> {
        let info = devices()?.swap_remove(0);
        Ok(Self { info })
    }
}

impl Backend for CudaBackend {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn supports(&self, _: &Problem, _: &str, _: Precision) -> Result<(), Refusal> {
        Err(Refusal::NoCudaKernels)
    }

    fn run(&mut self, _: &Problem, _: &str, _: Precision, _: &AtomicBool) -> Result<GpuRun, GpuError> {
        Err(Refusal::NoCudaKernels.into())
    }
}

/// Every GPU of the NVIDIA driver, at least one; or why there is none, in a sentence.
pub fn devices() -> Result<Vec<DeviceInfo>, String> {
    // cudarc takes the first of these that opens, in this order.
    let names = ["cuda", "nvcuda"].into_iter().flat_map(cudarc::get_lib_name_candidates);
    check_library(names)?;
    let failed = |call: &str, error: DriverError| format!("the NVIDIA driver fails in {call}: {}", sentence(error));
    result::init().map_err(|error| failed("cuInit", error))?;
    let version = driver_version().map_err(|error| failed("cuDriverGetVersion", error))?;
    let count = device::get_count().map_err(|error| failed("cuDeviceGetCount", error))?;
    if count < 1 {
        return Err(format!("the NVIDIA driver (CUDA {version}) lists no GPU"));
    }
    (0..count)
        .map(|ordinal| describe(ordinal, &version).map_err(|error| failed(&format!("device {ordinal}"), error)))
        .collect()
}

/// Opens the first library of `names` that opens, and checks that it has every function of [`NEEDED`].
fn check_library(names: impl IntoIterator<Item = String>) -> Result<(), String> {
    let library = names
        .into_iter()
        // SAFETY: loading the driver runs its constructors, which have no precondition; the names are those of the
        // NVIDIA driver, which the process loads on purpose.
        .find_map(|name| unsafe { Library::new(name) }.ok())
        .ok_or("there is no NVIDIA driver library (libcuda.so.1 or nvcuda.dll) on this machine")?;
    for symbol in NEEDED {
        // SAFETY: the symbol is only looked up; it is neither read nor called through this type.
        unsafe { library.get::<*const ()>(symbol) }
            .map_err(|_| format!("the NVIDIA driver library is a stub or too old: it lacks {symbol}"))?;
    }
    // cudarc opens the same library next. It must stay loaded: a driver does not survive being unloaded.
    std::mem::forget(library);
    Ok(())
}

/// The CUDA version that the driver supports, such as `12.4`.
fn driver_version() -> Result<String, DriverError> {
    let mut version = 0;
    // SAFETY: the function was found by `check_library`; it writes one int to the pointer.
    unsafe { sys::cuDriverGetVersion(&mut version) }.result()?;
    Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
}

fn describe(ordinal: i32, version: &str) -> Result<DeviceInfo, DriverError> {
    let device = device::get(ordinal)?;
    // SAFETY: `device` is a handle that the driver has just given out.
    let attribute = |attribute| unsafe { device::get_attribute(device, attribute) };
    // SAFETY: as above.
    let memory = unsafe { device::total_mem(device) }?;
    let number = |name| attribute(name).map(|value| value.max(0) as u64);
    let major = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)?;
    let minor = attribute(Attribute::CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)?;
    let integrated = attribute(Attribute::CU_DEVICE_ATTRIBUTE_INTEGRATED)? != 0;
    Ok(DeviceInfo {
        backend: "cuda",
        name: device::get_name(device)?,
        driver: format!("CUDA {version}"),
        kind: if integrated { DeviceKind::Integrated } else { DeviceKind::Discrete },
        limits: vec![
            ("memory bytes", memory as u64),
            ("SMs", number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?),
            (
                "shared memory bytes per block",
                number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?,
            ),
            ("registers per block", number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK)?),
        ],
        notes: vec![format!("Compute capability {major}.{minor}."), format!("{}.", Refusal::NoCudaKernels)],
    })
}

/// An error's name and text as the driver words them.
fn sentence(error: DriverError) -> String {
    let text = |words: Result<&std::ffi::CStr, _>| words.map_or_else(|_| String::new(), |w| w.to_string_lossy().into());
    let (name, words): (String, String) = (text(error.error_name()), text(error.error_string()));
    if name.is_empty() { format!("error {}", error.0 as u32) } else { format!("{name} ({words})") }
}
