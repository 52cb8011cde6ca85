//! What a program of a kernel holds on chip.

use crate::schedule::{OnChip, Plan, Space};

use super::closed::closed_form;
use super::formats::buffer_bytes;
use super::setting::Setting;
use super::shape::Extent;
use super::text::{Action, Algorithm, Buffer, Kernel};

/// The bytes of the buffers of one program. Blocks are allocated whole, also for a ragged edge.
pub fn footprint(algorithm: &Algorithm, kernel: &Kernel, setting: &Setting) -> OnChip {
    let mut live = OnChip::default();
    for buffer in buffers(algorithm, kernel, setting) {
        match buffer.space {
            Space::Shared => live.shared += bytes(algorithm, buffer, &setting.plan),
            Space::Registers => live.registers += bytes(algorithm, buffer, &setting.plan),
        }
    }
    live
}

/// Bytes of live buffers at their most during any step, visiting none: of each kind of memory, what the kernel that uses
/// most of it has. A program that only writes starting values to HBM has none.
pub fn peak(algorithm: &Algorithm, setting: &Setting) -> OnChip {
    let tally = closed_form(algorithm, setting);
    let uses_chip = |kernel: usize| {
        let mut lines = algorithm.lines.iter().zip(&tally.lines);
        lines.any(|(line, total)| line.kernel == kernel && total.steps > 0 && !line.is_fill())
    };
    let kernels = algorithm.kernels.iter().enumerate().filter(|(kernel, _)| uses_chip(*kernel));
    kernels.fold(OnChip::default(), |most, (_, kernel)| most.max(footprint(algorithm, kernel, setting)))
}

/// The buffers that a run has: those of which some line gives a name its value under this plan.
pub fn buffers<'a>(
    algorithm: &'a Algorithm,
    kernel: &'a Kernel,
    setting: &'a Setting,
) -> impl Iterator<Item = &'a Buffer> {
    let number = algorithm.kernels.iter().position(|other| std::ptr::eq(other, kernel));
    kernel.buffers.iter().filter(move |buffer| {
        let lines = algorithm.lines.iter().filter(|line| Some(line.kernel) == number);
        lines.flat_map(|line| &line.statements).any(|statement| {
            let given = match statement.action {
                Action::Load { tensor, .. } | Action::Add { tensor, .. } => Some(algorithm.tensors[tensor].id),
                ref action => action.assigns(),
            };
            let can_hold = |&(test, wanted): &(super::Test, bool)| test.is_of_place() || setting.of_run(test) == wanted;
            given.is_some_and(|name| buffer.names.contains(&name)) && statement.conditions.iter().all(can_hold)
        })
    })
}

fn bytes(algorithm: &Algorithm, buffer: &Buffer, plan: &Plan) -> u64 {
    let elements = length(buffer.shape.rows, plan) * length(buffer.shape.cols, plan);
    (buffer.copies * elements) as u64 * buffer_bytes(algorithm, buffer, plan.precision)
}

/// The size of an axis of a whole block.
pub fn length(extent: Extent, plan: &Plan) -> usize {
    match extent {
        Extent::One => 1,
        Extent::Rows => plan.br,
        Extent::Keys => plan.bc,
        Extent::AllKeys => plan.most_keys_beside(),
        Extent::D => plan.d,
        Extent::Dv => plan.d_v,
    }
}
