//! Finds NVIDIA devices, says of each whether the kernels run on it, and describes it for the screen.

use super::driver::{DeviceAttribute, Driver, Fault};
use crate::gpu::ptx::Sm;
use crate::gpu::{DeviceInfo, DeviceKind};
use crate::sentence::Sentence;

/// The kernels' PTX is for compute capability 8.0: they use the instructions of Ampere.
pub(super) const OLDEST_CAPABILITY: (i32, i32) = (8, 0);
/// The version of the embedded PTX, and the first CUDA whose drivers load it.
const PTX_VERSION: &str = "8.1";
const OLDEST_DRIVER: i32 = 12_010;

/// One GPU.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) ordinal: i32,
    pub(super) info: DeviceInfo,
    pub(super) capability: (i32, i32),
    pub(super) sms: usize,
    pub(super) sm: Sm,
    pub(super) l2_bytes: u64,
    /// The newest CUDA that the driver knows: 12040 is 12.4.
    version: i32,
}

/// Every GPU of the driver, at least one; or why there is none, in a sentence.
pub(super) fn all(driver: &dyn Driver) -> Result<Vec<Device>, Sentence> {
    let failed = |fault: Fault| Sentence::new("the NVIDIA driver fails in {0}").with(fault);
    driver.initialise().map_err(failed)?;
    let version = driver.version().map_err(failed)?;
    let words = version_words(version);
    let count = driver.device_count().map_err(failed)?;
    if count < 1 {
        return Err(Sentence::new("the NVIDIA driver (CUDA {0}) lists no GPU").with(words));
    }
    let one = |ordinal| describe(driver, ordinal, version);
    let of = |ordinal, fault| Sentence::new("device {0}: {1}").with(ordinal).and(failed(fault));
    (0..count).map(|ordinal| one(ordinal).map_err(|fault| of(ordinal, fault))).collect()
}

/// The first device that the kernels run on, or why not one of them does.
pub(super) fn first(driver: &dyn Driver) -> Result<Device, Sentence> {
    let mut reasons = Vec::new();
    for device in all(driver)? {
        match unfit(&device) {
            None => return Ok(device),
            Some(reason) => reasons.push(Sentence::new("{0}: {1}").with(device.info.name).and(reason)),
        }
    }
    Err(Sentence::list(reasons).unwrap_or_default())
}

/// Why the kernels do not run on a device.
pub(super) fn unfit(device: &Device) -> Option<Sentence> {
    let ((major, minor), (oldest, oldest_minor)) = (device.capability, OLDEST_CAPABILITY);
    if device.capability < OLDEST_CAPABILITY {
        let what = Sentence::new("compute capability {0}, but the kernels need {1} (Ampere) or newer");
        return Some(what.with(format!("{major}.{minor}")).with(format!("{oldest}.{oldest_minor}")));
    }
    (device.version < OLDEST_DRIVER).then(|| {
        let (has, needs) = (device.driver(), version_words(OLDEST_DRIVER));
        let what = "the NVIDIA driver knows CUDA {0}, but the kernels are PTX {1}, which needs CUDA {2}: install driver \
            530 or newer";
        Sentence::new(what).with(has).with(PTX_VERSION).with(needs)
    })
}

/// 12040 is 12.4.
fn version_words(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

fn describe(driver: &dyn Driver, ordinal: i32, version: i32) -> Result<Device, Fault> {
    use DeviceAttribute as A;
    let ask = |attribute| driver.device_attribute(ordinal, attribute);
    let number = |attribute| ask(attribute).map(|value| value.max(0) as usize);
    let capability = (ask(A::CapabilityMajor)?, ask(A::CapabilityMinor)?);
    let sm = Sm {
        registers: number(A::RegistersPerMultiprocessor)?,
        shared_bytes: number(A::SharedBytesPerMultiprocessor)?,
        threads: number(A::ThreadsPerMultiprocessor)?,
        blocks: number(A::BlocksPerMultiprocessor)?,
    };
    let (sms, l2_bytes) = (number(A::Multiprocessors)?, number(A::L2Bytes)? as u64);
    let info = DeviceInfo {
        backend: "cuda",
        name: driver.device_name(ordinal)?,
        driver: format!("CUDA {}", version_words(version)),
        kind: if ask(A::Integrated)? != 0 { DeviceKind::Integrated } else { DeviceKind::Discrete },
        limits: vec![
            ("memory bytes", driver.device_bytes(ordinal)?),
            ("SMs", sms as u64),
            ("shared memory bytes per SM", sm.shared_bytes as u64),
            ("shared memory bytes per block", number(A::SharedBytesPerBlock)? as u64),
            ("registers per SM", sm.registers as u64),
            ("threads per SM", sm.threads as u64),
            ("L2 bytes", l2_bytes),
        ],
        notes: vec![format!("Compute capability {}.{}.", capability.0, capability.1)],
    };
    let mut device = Device { ordinal, info, capability, sms, sm, l2_bytes, version };
    // Nice to know, and not every driver tells.
    let clocks =
        [("SM clock kHz", A::ClockKhz), ("memory clock kHz", A::MemoryClockKhz), ("memory bus bits", A::MemoryBusBits)];
    let known = clocks.into_iter().filter_map(|(name, attribute)| Some((name, number(attribute).ok()? as u64)));
    device.info.limits.extend(known);
    let reason = unfit(&device).map(|reason| format!("Does not run the kernels: {reason}."));
    device.info.notes.extend(reason);
    Ok(device)
}

impl Device {
    /// The CUDA version of the driver, such as `12.4`.
    pub(super) fn driver(&self) -> String {
        version_words(self.version)
    }
}
