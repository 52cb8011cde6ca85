//! A compiled kernel: its bindings, and its pipelines, made when they are first needed and kept.

use std::collections::HashMap;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry,
    BindingType, BufferBindingType, ComputePipeline, ComputePipelineDescriptor, Device, PipelineCompilationOptions,
    PipelineLayoutDescriptor, ShaderModule, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

use super::super::{GpuError, Kernel};
use super::guard::compiled;
use super::memory::Tensors;
use super::params::{ROW_UNIT, padded};
use super::stages::Stage;
use crate::attention::Shape;

/// What a pipeline is compiled for: head dimensions in vec4s of a lane, and whether it records m and l.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Variant {
    d_vecs: usize,
    dv_vecs: usize,
    taps: bool,
}

impl Variant {
    pub(super) fn new(shape: &Shape, taps: bool) -> Self {
        Self { d_vecs: padded(shape.d) / ROW_UNIT, dv_vecs: padded(shape.d_v) / ROW_UNIT, taps }
    }
}

/// An entry point ready to run, with the layout of its bindings.
#[derive(Clone)]
pub(super) struct Pipeline {
    pub(super) compute: ComputePipeline,
    layout: BindGroupLayout,
}

/// A compiled kernel text.
pub(super) struct Program {
    kernel: &'static Kernel,
    module: ShaderModule,
    pipelines: HashMap<(&'static str, Variant), Pipeline>,
}

impl Program {
    /// Compiles the whole text of a kernel; errors with the compiler's message.
    pub(super) fn new(device: &Device, kernel: &'static Kernel, text: &str) -> Result<Self, GpuError> {
        compiled(device, || {
            let label = Some(kernel.file);
            let source = ShaderSource::Wgsl(text.into());
            let module = device.create_shader_module(ShaderModuleDescriptor { label, source });
            Self { kernel, module, pipelines: HashMap::new() }
        })
    }

    /// The pipeline of an entry point, made on first use.
    pub(super) fn pipeline(&mut self, device: &Device, stage: &Stage, variant: Variant) -> Result<Pipeline, GpuError> {
        if let Some(pipeline) = self.pipelines.get(&(stage.entry, variant)) {
            return Ok(pipeline.clone());
        }
        let pipeline = compiled(device, || self.make(device, stage, variant))?;
        self.pipelines.insert((stage.entry, variant), pipeline.clone());
        Ok(pipeline)
    }

    fn make(&self, device: &Device, stage: &Stage, variant: Variant) -> Pipeline {
        let (kernel, label) = (self.kernel, Some(stage.entry));
        let entries = layout_entries(stage);
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor { label, entries: &entries });
        let whole = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let compute = device.create_compute_pipeline(&ComputePipelineDescriptor {
            label,
            layout: Some(&whole),
            module: &self.module,
            entry_point: Some(stage.entry),
            compilation_options: PipelineCompilationOptions {
                constants: &[
                    ("D_VECS", variant.d_vecs as f64),
                    ("DV_VECS", variant.dv_vecs as f64),
                    ("Q_TILE", (kernel.br * 4 * variant.d_vecs) as f64),
                    ("KV_TILE", (kernel.bc * (4 * variant.d_vecs.max(variant.dv_vecs) + 1)) as f64),
                    ("TAPS", f64::from(u8::from(variant.taps))),
                ],
                // The kernels read no shared memory that they have not written.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        Pipeline { compute, layout }
    }
}

impl Pipeline {
    /// Binds the tensors that the entry point uses.
    pub(super) fn bind(&self, device: &Device, stage: &Stage, tensors: &Tensors) -> BindGroup {
        let params = (0, &tensors.params);
        let entries: Vec<_> = stage
            .slots
            .iter()
            .filter_map(|&slot| Some((slot.binding(), tensors.buffer(slot)?)))
            .chain([params])
            .map(|(binding, buffer)| BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        device.create_bind_group(&BindGroupDescriptor {
            label: Some(stage.entry),
            layout: &self.layout,
            entries: &entries,
        })
    }
}

/// Binding 0 is the parameters; of the tensors, inputs are only read.
fn layout_entries(stage: &Stage) -> Vec<BindGroupLayoutEntry> {
    let tensors = stage
        .slots
        .iter()
        .map(|&slot| (slot.binding(), BufferBindingType::Storage { read_only: slot.is_input() }))
        .chain([(0, BufferBindingType::Uniform)]);
    tensors
        .map(|(binding, ty)| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect()
}
