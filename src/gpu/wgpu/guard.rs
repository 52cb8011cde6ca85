//! Turns every way in which wgpu reports trouble (error scopes, callbacks, a panic) into a [`GpuError`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use wgpu::{Buffer, Device, ErrorFilter, PollError, PollType, SubmissionIndex};

use super::super::GpuError;
use crate::sentence::Sentence;

/// A launch is cut to take a tenth of a second; one that takes this long does not end.
const HANG: Duration = Duration::from_secs(60);

/// Why the device is gone, once it is.
#[derive(Clone, Default)]
pub(super) struct Health(Arc<Mutex<Option<String>>>);

impl Health {
    /// Listens to a device that belongs to this backend alone: the callbacks replace those of anyone else.
    pub(super) fn watch(device: &Device) -> Self {
        let health = Self::default();
        let (lost, uncaptured) = (health.clone(), health.clone());
        device.set_device_lost_callback(move |reason, message| lost.report(format!("{reason:?}: {message}")));
        // Our own calls are inside error scopes; what arrives here was raised later, by the driver.
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| uncaptured.report(error.to_string())));
        health
    }

    fn report(&self, message: String) {
        let mut lost = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert(one_line(&message));
    }

    pub(super) fn check(&self) -> Result<(), GpuError> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(reason) => Err(GpuError::Lost(Sentence::verbatim(reason))),
            None => Ok(()),
        }
    }
}

/// Runs `work` inside error scopes of every kind. `bytes` is what an out-of-memory error says was asked for.
pub(super) fn checked<T>(device: &Device, bytes: u64, work: impl FnOnce() -> T) -> Result<T, GpuError> {
    let validation = device.push_error_scope(ErrorFilter::Validation);
    let internal = device.push_error_scope(ErrorFilter::Internal);
    let memory = device.push_error_scope(ErrorFilter::OutOfMemory);
    let value = work();
    // Scopes are a stack: the last pushed is popped first, and all are popped whatever they hold.
    // Their futures are ready at once: on native platforms wgpu answers from memory.
    let errors =
        [pollster::block_on(memory.pop()), pollster::block_on(internal.pop()), pollster::block_on(validation.pop())];
    match errors.into_iter().flatten().next() {
        None => Ok(value),
        Some(wgpu::Error::OutOfMemory { .. }) => Err(GpuError::OutOfMemory { bytes }),
        Some(error) => Err(GpuError::Driver(Sentence::verbatim(one_line(&error.to_string())))),
    }
}

/// As [`checked`], for work that compiles a kernel: there are sources at which the compiler panics.
pub(super) fn compiled<T>(device: &Device, work: impl FnOnce() -> T) -> Result<T, GpuError> {
    let crashed = || GpuError::Driver("the compiler of WGSL fell over this source".into());
    checked(device, 0, || catch_unwind(AssertUnwindSafe(work)))?.map_err(|_| crashed())
}

/// Waits for one submission.
pub(super) fn wait(device: &Device, submission: SubmissionIndex) -> Result<(), GpuError> {
    let poll = PollType::Wait { submission_index: Some(submission), timeout: Some(HANG) };
    // wgpu panics when a device is lost during the wait; there is no other call that waits.
    match catch_unwind(AssertUnwindSafe(|| device.poll(poll))) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(PollError::Timeout)) => Err(GpuError::Hung(HANG)),
        Ok(Err(error)) => Err(GpuError::Driver(Sentence::verbatim(one_line(&error.to_string())))),
        Err(_) => Err(GpuError::Lost("it went away while a launch was running".into())),
    }
}

/// Reads a mappable buffer that `submission` fills, as words.
pub(super) fn read(device: &Device, buffer: &Buffer, submission: SubmissionIndex) -> Result<Vec<u32>, GpuError> {
    let (send, receive) = mpsc::channel();
    checked(device, buffer.size(), || {
        // The receiver outlives the callback unless the wait failed, and then nobody listens.
        buffer.map_async(wgpu::MapMode::Read, .., move |result| drop(send.send(result)));
    })?;
    wait(device, submission)?;
    let lost = |reason: Sentence| GpuError::Lost(Sentence::new("results cannot be read back: {0}").and(reason));
    let said = |error: &dyn std::fmt::Display| Sentence::verbatim(one_line(&error.to_string()));
    match receive.try_recv() {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(lost(said(&error))),
        Err(_) => return Err(lost("the device did not answer".into())),
    }
    let view = buffer.get_mapped_range(..).map_err(|error| lost(said(&error)))?;
    let words = bytemuck::pod_collect_to_vec(&view);
    drop(view);
    buffer.unmap();
    Ok(words)
}

/// Driver messages hold source excerpts and line breaks; the screen has one line.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
