//! How a committed kernel is compiled: without the counter that wgpu adds to each loop, which took most of the time of most of them
//! (`kernels/README.md`).
#![allow(unsafe_code)]

use wgpu::{Device, ShaderModule, ShaderModuleDescriptor, ShaderRuntimeChecks, ShaderSource};

use super::super::Kernel;

/// The module of a kernel as it is in `kernels/`. Accesses out of bounds are caught as ever.
pub(super) fn module(device: &Device, kernel: &Kernel) -> ShaderModule {
    let checks = ShaderRuntimeChecks { force_loop_bounding: false, ..ShaderRuntimeChecks::checked() };
    let source = ShaderSource::Wgsl(kernel.text().into());
    // SAFETY: no loop of the committed texts is endless, each counts up to a bound that stays; the checks that keep memory safe
    // are on.
    unsafe { device.create_shader_module_trusted(ShaderModuleDescriptor { label: Some(kernel.file), source }, checks) }
}
