//! A compiled kernel: its bindings, and its pipelines, made when they are first needed and kept.

use std::collections::HashMap;

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry,
    BindingType, BufferBindingType, CompilationInfo, ComputePipeline, ComputePipelineDescriptor, Device,
    PipelineCompilationOptions, PipelineLayoutDescriptor, ShaderModule, ShaderModuleDescriptor, ShaderSource,
    ShaderStages,
};

use super::super::kernels::ATTENTION_WGSL;
use super::super::source::Remark;
use super::super::{GpuError, Kernel, SourceError};
use super::committed;
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
    /// Compiles a kernel as it is committed.
    pub(super) fn own(device: &Device, kernel: &'static Kernel) -> Result<Self, GpuError> {
        compiled(device, || Self { kernel, module: committed::module(device, kernel), pipelines: HashMap::new() })
    }

    /// Compiles the whole text of a kernel; errors with the compiler's message.
    pub(super) fn new(device: &Device, kernel: &'static Kernel, text: &str) -> Result<Self, GpuError> {
        compiled(device, || {
            let label = Some(kernel.file);
            let source = ShaderSource::Wgsl(text.into());
            let module = device.create_shader_module(ShaderModuleDescriptor { label, source });
            Self { kernel, module, pipelines: HashMap::new() }
        })
    }

    /// Compiles the text of an edited file; errors with what the compiler says of its lines.
    pub(super) fn edited(device: &Device, kernel: &'static Kernel, source: &str) -> Result<Self, SourceError> {
        let text = [source, ATTENTION_WGSL].join("\n");
        let mut said = Vec::new();
        let program = compiled(device, || {
            let label = Some(kernel.file);
            let module =
                device.create_shader_module(ShaderModuleDescriptor { label, source: ShaderSource::Wgsl(text.into()) });
            // Ready at once: on native platforms wgpu answers from memory.
            said = messages(pollster::block_on(module.get_compilation_info()), source);
            Self { kernel, module, pipelines: HashMap::new() }
        });
        program.map_err(|error| {
            if said.is_empty() {
                said.push(Remark { file: None, line: None, text: error.to_string() });
            }
            SourceError::Compiler(said)
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
                    ("Q_TILE", (kernel.br * (4 * variant.d_vecs + 1)) as f64),
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

/// What the compiler says of the whole text, by the lines of the file: the shared text follows it.
fn messages(info: CompilationInfo, source: &str) -> Vec<Remark> {
    let own = source.split('\n').count();
    let told = info.messages.into_iter().map(|message| {
        let line = message.location.map(|place| place.line_number as usize);
        let text = essence(&message.message);
        match line {
            Some(line) if line > own => {
                Remark { file: Some("attention.wgsl".to_owned()), line: Some(line - own), text }
            }
            line => Remark { file: None, line, text },
        }
    });
    told.collect()
}

/// A message without the picture of its lines, which the reader has at hand: what is wrong, and its reasons.
fn essence(message: &str) -> String {
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    let head = lines.clone().next().unwrap_or_default();
    let head = head.rsplit_once("error: ").map_or(head, |(_, wrong)| wrong);
    // The picture ends with lines such as `= note: ..`.
    let reasons = lines.filter_map(|line| line.strip_prefix("= ")).map(str::to_owned);
    let reasons: Vec<String> = reasons.collect();
    [vec![format!("error: {head}")], reasons].concat().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_told_without_its_picture() {
        let message = "\nShader 'a' parsing error: error: no definition in scope for identifier: `x`\n  ┌─ wgsl:3:5\n  │\n3 │ x\n  │ ^ unknown\n  = note: a reason\n\n";
        assert_eq!(essence(message), "error: no definition in scope for identifier: `x`\nnote: a reason");
        assert_eq!(essence(""), "error: ");
    }
}
