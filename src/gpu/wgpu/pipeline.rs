//! The compiled kernel: its parameters, its bindings, and one pipeline per head dimension.

use std::collections::HashMap;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry,
    BindingType, Buffer, BufferBindingType, ComputePipeline, ComputePipelineDescriptor, Device,
    PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModule, ShaderModuleDescriptor, ShaderSource,
    ShaderStages,
};

use super::super::GpuError;
use super::super::launch::Launch;
use super::guard::checked;
use crate::attention::Problem;

/// Floats that rows are padded to a multiple of: four lanes of one vec4 each.
const ROW_UNIT: usize = 16;

/// Length of a padded row of `d` floats.
pub(super) fn padded(d: usize) -> usize {
    d.next_multiple_of(ROW_UNIT)
}

/// `Params` of the kernel, field by field.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Params {
    origin: [u32; 3],
    n_q: u32,
    bias_strides: [u32; 4],
    n_k: u32,
    heads: u32,
    kv_heads: u32,
    has_bias: u32,
    offset: i32,
    left: i32,
    right: i32,
    has_alibi: u32,
    scale: f32,
    softcap: f32,
    padding: [u32; 2],
}

impl Params {
    pub(super) fn new(problem: &Problem) -> Self {
        let shape = problem.shape;
        // All batch entries share the band but for its key length, which has a buffer of its own.
        let band = problem.mask.band(&shape, 0);
        // A bound past every pair of indices is no bound, and fits an i32.
        let bound = |side: i64| side.min((shape.n_q + shape.n_k) as i64) as i32;
        Self {
            origin: [0; 3],
            n_q: shape.n_q as u32,
            bias_strides: problem.bias.as_ref().map_or([0; 4], |bias| strides(bias.dim())),
            n_k: shape.n_k as u32,
            heads: shape.heads as u32,
            kv_heads: shape.kv_heads as u32,
            has_bias: problem.bias.is_some().into(),
            offset: band.offset as i32,
            left: bound(band.left),
            right: bound(band.right),
            has_alibi: problem.alibi_slopes.is_some().into(),
            scale: problem.scale as f32,
            softcap: problem.softcap.unwrap_or(0.0) as f32,
            padding: [0; 2],
        }
    }

    pub(super) fn at(self, launch: &Launch) -> Self {
        Self { origin: launch.origin.map(|index| index as u32), ..self }
    }
}

/// Elements per step of each axis in row-major order; 0 on an axis of size 1, which is broadcast.
fn strides((batch, heads, n_q, n_k): (usize, usize, usize, usize)) -> [u32; 4] {
    let mut step = 1;
    let mut strides = [batch, heads, n_q, n_k];
    for size in strides.iter_mut().rev() {
        let length = *size;
        *size = if length == 1 { 0 } else { step };
        step *= length;
    }
    strides.map(|stride| stride as u32)
}

/// A compiled kernel source.
pub(super) struct Program {
    module: ShaderModule,
    layout: BindGroupLayout,
    pipelines: HashMap<(usize, usize), ComputePipeline>,
}

impl Program {
    /// Compiles `source`; errors with the compiler's message.
    pub(super) fn new(device: &Device, source: &str) -> Result<Self, GpuError> {
        checked(device, 0, || {
            let module = device.create_shader_module(ShaderModuleDescriptor {
                label: Some("flash2"),
                source: ShaderSource::Wgsl(source.into()),
            });
            let entries: Vec<_> = (0..9).map(binding).collect();
            let layout = device
                .create_bind_group_layout(&BindGroupLayoutDescriptor { label: Some("flash2"), entries: &entries });
            Self { module, layout, pipelines: HashMap::new() }
        })
    }

    /// The pipeline for head dimensions `d` and `d_v`, made on first use.
    pub(super) fn pipeline(&mut self, device: &Device, d: usize, d_v: usize) -> Result<ComputePipeline, GpuError> {
        let vecs = (padded(d) / ROW_UNIT, padded(d_v) / ROW_UNIT);
        if let Some(pipeline) = self.pipelines.get(&vecs) {
            return Ok(pipeline.clone());
        }
        let pipeline = checked(device, 0, || {
            let layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
                label: Some("flash2"),
                bind_group_layouts: &[Some(&self.layout)],
                immediate_size: 0,
            });
            device.create_compute_pipeline(&ComputePipelineDescriptor {
                label: Some("flash2"),
                layout: Some(&layout),
                module: &self.module,
                entry_point: Some("flash2"),
                compilation_options: PipelineCompilationOptions {
                    constants: &[("D_VECS", vecs.0 as f64), ("DV_VECS", vecs.1 as f64)],
                    // The kernel reads no shared memory that it has not written.
                    zero_initialize_workgroup_memory: false,
                },
                cache: None,
            })
        })?;
        self.pipelines.insert(vecs, pipeline.clone());
        Ok(pipeline)
    }

    /// Binds buffers in the order of the kernel's bindings.
    pub(super) fn bind(&self, device: &Device, buffers: [&Buffer; 9]) -> BindGroup {
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        device.create_bind_group(&BindGroupDescriptor {
            label: Some("flash2"),
            layout: &self.layout,
            entries: &entries,
        })
    }
}

/// Binding 0 is the parameters, 1 to 6 are read, 7 and 8 are written.
fn binding(binding: u32) -> BindGroupLayoutEntry {
    let ty = match binding {
        0 => BufferBindingType::Uniform,
        1..=6 => BufferBindingType::Storage { read_only: true },
        _ => BufferBindingType::Storage { read_only: false },
    };
    BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}
