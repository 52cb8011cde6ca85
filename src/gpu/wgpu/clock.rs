//! The GPU's own clock: two timestamps around each launch, where the adapter has them.

use std::time::Duration;

use wgpu::{
    Buffer, BufferDescriptor, BufferUsages, CommandEncoder, ComputePassTimestampWrites, Device, Features, QuerySet,
    QuerySetDescriptor, QueryType, Queue, SubmissionIndex,
};

use super::super::GpuError;
use super::guard::{checked, read};

/// Two 64-bit ticks.
const BYTES: u64 = 16;

pub(super) struct Clock {
    queries: QuerySet,
    ticks: Buffer,
    ticks_back: Buffer,
}

impl Clock {
    /// `None` where the device has no timestamps.
    pub(super) fn new(device: &Device, queue: &Queue) -> Result<Option<Self>, GpuError> {
        // A period of 0 is how some drivers say that their ticks mean nothing.
        if !device.features().contains(Features::TIMESTAMP_QUERY) || queue.get_timestamp_period() <= 0.0 {
            return Ok(None);
        }
        let buffer = |label, usage| {
            device.create_buffer(&BufferDescriptor {
                label: Some(label),
                size: BYTES,
                usage,
                mapped_at_creation: false,
            })
        };
        checked(device, 2 * BYTES, || {
            Some(Self {
                queries: device.create_query_set(&QuerySetDescriptor {
                    label: Some("clock"),
                    ty: QueryType::Timestamp,
                    count: 2,
                }),
                ticks: buffer("ticks", BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC),
                ticks_back: buffer("ticks, to read", BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            })
        })
    }

    /// Makes a pass write its start and its end.
    pub(super) fn writes(&self) -> ComputePassTimestampWrites<'_> {
        ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(0),
            end_of_pass_write_index: Some(1),
        }
    }

    /// Copies both ticks to where [`Clock::read`] finds them.
    pub(super) fn resolve(&self, encoder: &mut CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..2, &self.ticks, 0);
        encoder.copy_buffer_to_buffer(&self.ticks, 0, &self.ticks_back, 0, BYTES);
    }

    /// Time between the two ticks of a launch.
    pub(super) fn read(
        &self,
        device: &Device,
        queue: &Queue,
        submission: SubmissionIndex,
    ) -> Result<Duration, GpuError> {
        let words = read(device, &self.ticks_back, submission)?;
        let tick = |at: usize| u64::from(words[at]) | u64::from(words[at + 1]) << 32;
        let ns = tick(2).saturating_sub(tick(0)) as f64 * f64::from(queue.get_timestamp_period());
        Ok(Duration::from_nanos(ns as u64))
    }
}
