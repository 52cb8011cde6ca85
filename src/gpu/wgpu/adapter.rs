//! Finds adapters, ranks them, and describes them for the screen.

use wgpu::{Adapter, AdapterInfo, Backend, Backends, DeviceType, Features, Instance, InstanceDescriptor, Limits};

use super::super::{DeviceInfo, DeviceKind};

/// Every adapter, best first: hardware before software, a native interface before OpenGL. `WGPU_BACKEND` narrows it.
pub(super) fn ranked() -> Vec<Adapter> {
    // `Instance::new` panics for a platform on which wgpu was built with no interface at all.
    if Instance::enabled_backend_features().is_empty() {
        return Vec::new();
    }
    let instance = Instance::new(InstanceDescriptor::new_without_display_handle_from_env());
    let mut adapters = pollster::block_on(instance.enumerate_adapters(Backends::all()));
    adapters.sort_by_key(|adapter| {
        let info = adapter.get_info();
        let kind = match info.device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        };
        (kind, info.backend == Backend::Gl)
    });
    adapters
}

/// What the screen shows of an adapter or an opened device.
pub(super) fn describe(info: &AdapterInfo, limits: &Limits, features: Features) -> DeviceInfo {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => DeviceKind::Discrete,
        DeviceType::IntegratedGpu => DeviceKind::Integrated,
        DeviceType::VirtualGpu => DeviceKind::Virtual,
        DeviceType::Cpu => DeviceKind::Software,
        DeviceType::Other => DeviceKind::Other,
    };
    let mut notes = Vec::new();
    if kind == DeviceKind::Software {
        notes.push("A software driver: it checks results, and its speed says nothing about a GPU.".to_owned());
    }
    if !features.contains(Features::TIMESTAMP_QUERY) {
        notes.push("No GPU clock: only wall time is measured.".to_owned());
    }
    let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
    DeviceInfo {
        backend: "wgpu",
        name: info.name.clone(),
        driver: format!("{} ({:?})", driver.trim(), info.backend),
        kind,
        limits: vec![
            ("workgroup storage bytes", limits.max_compute_workgroup_storage_size.into()),
            ("invocations per workgroup", limits.max_compute_invocations_per_workgroup.into()),
            ("storage buffers per stage", limits.max_storage_buffers_per_shader_stage.into()),
            ("storage binding bytes", limits.max_storage_buffer_binding_size),
            ("workgroups per dimension", limits.max_compute_workgroups_per_dimension.into()),
        ],
        notes,
    }
}
