//! What is asked of the GPU panel, and of the device.

use crate::app::run::gpu::device::DevicePlace;
use crate::app::run::gpu::sweep::SweepAsked;
use crate::attention::Precision;
use crate::schedule::Tiling;

/// What the panel can be asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GpuMessage {
    /// Open it, or close it.
    Toggle,
    Tab(GpuTab),
    /// A device of a backend, by its place in the list.
    Use(DevicePlace),
    /// List the devices again, and open the device again where none is open.
    LookAgain,
    /// Stop what the device does.
    Cancel,
    MeasureRoofs,
    Record,
    /// Step through these blocks from now on, and record m and l once they are on screen.
    UseBlocks(Tiling),
    /// The format of the three bars.
    Format(Precision),
    Sweep(SweepAsked),
    SweepEnd(usize),
    SaveTimeline,
}

/// What the panel shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GpuTab {
    #[default]
    Result,
    Errors,
    Taps,
    Blocks,
    Sweep,
    Devices,
}

impl GpuTab {
    pub const ALL: [(GpuTab, &'static str); 6] = [
        (GpuTab::Result, "Speed"),
        (GpuTab::Errors, "Error"),
        (GpuTab::Taps, "m and l"),
        (GpuTab::Blocks, "SMs"),
        (GpuTab::Sweep, "Sweep"),
        (GpuTab::Devices, "Devices"),
    ];
}
