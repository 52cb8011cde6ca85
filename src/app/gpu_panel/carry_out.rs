//! What each wish of the GPU panel does.

use eframe::egui::Context;

use crate::trace::write_timeline;

use super::super::export;
use super::super::gpu_job::Status;
use super::super::job::Job;
use super::super::window::App;
use super::Wish;

impl App {
    pub(in crate::app) fn gpu_wish(&mut self, ctx: &Context, wish: Wish) {
        let (scene, generation) = (self.document.scene().cloned(), self.document.generation());
        let (panel, gpu) = (&mut self.gpu_panel, &mut self.gpu);
        match (wish, scene) {
            (Wish::Toggle, _) => panel.is_open ^= true,
            (Wish::Tab(tab), _) => panel.tab = tab,
            (Wish::Use(place), _) => gpu.open(ctx, Some((panel.open, place))),
            (Wish::LookAgain, _) => {
                panel.look_again(ctx);
                if matches!(gpu.status(), Status::Missing(_)) {
                    let again = gpu.place().map(|place| (panel.open, place));
                    gpu.open(ctx, again);
                }
            }
            (Wish::Cancel, _) => gpu.cancel(),
            (Wish::MeasureRoofs, _) => gpu.measure_roofs(ctx),
            (Wish::Record, Some(scene)) => gpu.record(ctx, &scene, generation),
            (Wish::UseBlocks(tiling), _) => {
                panel.awaited = Some(tiling);
                let settings = self.document.wanted().clone().with_blocks(tiling);
                self.document.change(ctx, settings);
            }
            (Wish::Format(format), _) => panel.format = Some(format),
            (Wish::Sweep(question), _) => gpu.sweep(ctx, question),
            (Wish::SweepEnd(end), _) => panel.sweep_end = Some(end),
            (Wish::SaveTimeline, Some(scene)) => self.save_timeline(ctx, scene.settings.algorithm.name(), generation),
            (Wish::Record | Wish::SaveTimeline, None) => {}
        }
        // What the panel shows now may have to be computed.
        self.gpu_panel.update(ctx, &self.document, &mut self.gpu);
    }

    fn save_timeline(&mut self, ctx: &Context, algorithm: &str, generation: u64) {
        let Some(Ok(recorded)) = self.gpu.recorded(generation) else { return };
        let Some(spans) = &recorded.spans else { return };
        let (Status::Ready(info) | Status::Running(info)) = self.gpu.status() else { return };
        let source = recorded.changed.map_or_else(String::new, |file| format!(", changed source of {file}"));
        let (title, blocks) = (format!("{algorithm} on {}{source}", info.name), spans.blocks.clone());
        self.saving = Some(Job::start(ctx, move |_| {
            let mut bytes = Vec::new();
            let written = write_timeline(&mut bytes, &title, &blocks).map_err(|error| error.sentence());
            export::saved(written.and_then(|_| export::save("tilescope-blocks", "json", &bytes)))
        }));
    }
}
