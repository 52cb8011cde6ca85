//! What the GPU panel and the kernel's editor ask of the device, and of files.

use eframe::egui::Context;

use crate::app::message::gpu::GpuMessage;
use crate::app::message::kernel::KernelMessage;
use crate::app::panels::gpu::{self, GpuPanel};
use crate::app::panels::kernel::{self, KernelEditor};
use crate::app::run::export;
use crate::app::run::gpu::device::Status;
use crate::app::run::job::Job;
use crate::app::shell::app::App;
use crate::trace::write_timeline;

impl App {
    pub(super) fn gpu_message(&mut self, ctx: &Context, message: GpuMessage) {
        match message {
            GpuMessage::Toggle => drop(self.toggle(gpu::PANEL.id)),
            GpuMessage::SaveTimeline => self.save_timeline(ctx),
            _ => self.owned.of::<GpuPanel>().carry_out(ctx, message, &mut self.document, &mut self.gpu),
        }
        // What the panel shows now may have to be computed.
        let is_open = self.view.is_open(gpu::PANEL.id);
        self.owned.of::<GpuPanel>().update(ctx, is_open, &self.document, &mut self.gpu);
    }

    pub(super) fn kernel_message(&mut self, ctx: &Context, message: KernelMessage) {
        let scene = self.document.scene().cloned();
        if message == KernelMessage::Toggle && self.toggle(kernel::PANEL.id) {
            let at = scene.as_deref().zip(self.document.snapshot().map(AsRef::as_ref));
            self.owned.of::<KernelEditor>().begin(at);
        }
        let offer = self.owned.of::<KernelEditor>().carry_out(message, self.gpu.sources());
        if let Some((offer, scene)) = offer.zip(scene) {
            self.gpu.compile(ctx, &scene, self.document.generation(), offer);
        }
    }

    fn save_timeline(&mut self, ctx: &Context) {
        let Some(scene) = self.document.scene() else { return };
        let Some(Ok(recorded)) = self.gpu.recorded(self.document.generation()) else { return };
        let Some(spans) = &recorded.spans else { return };
        let (Status::Ready(info) | Status::Running(info)) = self.gpu.status() else { return };
        let source = recorded.changed.map_or_else(String::new, |file| format!(", changed source of {file}"));
        let algorithm = scene.settings.algorithm.name();
        let (title, blocks) = (format!("{algorithm} on {}{source}", info.name), spans.blocks.clone());
        self.saving = Some(Job::start(ctx, move |_| {
            let mut bytes = Vec::new();
            let written = write_timeline(&mut bytes, &title, &blocks).map_err(|error| error.sentence());
            export::saved(written.and_then(|_| export::save("tilescope-blocks", "json", &bytes)))
        }));
    }
}
