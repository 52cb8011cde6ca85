//! What is asked to leave the window, and what is said of it.

use eframe::egui::Context;

use crate::app::message::export::ExportMessage;
use crate::app::run::export::{self, Ended};
use crate::app::run::flows::{self, Flow};
use crate::app::run::job::{self, Job};
use crate::app::run::link::Link;
use crate::app::shell::app::App;
use crate::app::shell::done::Done;
use crate::app::shell::picture::{self, Sitting};
use crate::app::tongue::words;
use crate::sentence::Sentence;

impl App {
    pub(super) fn export(&mut self, ctx: &Context, what: ExportMessage) {
        let notice = match what {
            ExportMessage::CopyLink => self.place().filter(Link::has_input).map(|place| {
                ctx.copy_text(place.command_line());
                "The link is on the clipboard: a command line that reopens this step."
            }),
            ExportMessage::CopyCsv => self.document.snapshot().map(|snapshot| {
                ctx.copy_text(export::csv(snapshot));
                "The numbers of the tile are on the clipboard."
            }),
            ExportMessage::CopyNumpy => self.document.snapshot().map(|snapshot| {
                ctx.copy_text(export::numpy(snapshot));
                "The numbers of the tile are on the clipboard."
            }),
            ExportMessage::BytesCsv | ExportMessage::BytesNumpy => self.flows().map(|(flows, baseline)| {
                let is_csv = what == ExportMessage::BytesCsv;
                ctx.copy_text(if is_csv { flows::csv(&flows, baseline) } else { flows::numpy(&flows) });
                "What each tensor moved is on the clipboard."
            }),
            ExportMessage::Picture(goal) => {
                self.saving = Some(picture::take(ctx, None, goal));
                None
            }
            ExportMessage::View(goal) => {
                self.sitting = Some(Sitting::Asked(goal));
                None
            }
            ExportMessage::Trace | ExportMessage::Perfetto => {
                self.saving = self.document.scene().cloned().map(|scene| {
                    Job::start(ctx, move |_| export::saved(export::trace(&scene, what == ExportMessage::Perfetto)))
                });
                None
            }
            ExportMessage::Worksheet => {
                let seed = ctx.input(|input| input.time * 1e3) as u64 % 10_000;
                let written = export::worksheet(seed, words::language(ctx));
                let path = written.and_then(|text| export::save("tilescope-worksheet", "txt", text.as_bytes()));
                self.tell(ctx, export::saved(path));
                None
            }
        };
        if let Some(notice) = notice {
            self.tell(ctx, Ok(Sentence::new(notice)));
        }
    }

    /// What each tensor moves, and the name of what it is held against.
    fn flows(&self) -> Option<(Vec<Flow>, &'static str)> {
        let (scene, snapshot) = self.document.scene().zip(self.document.snapshot())?;
        Some((flows::flows(scene, snapshot), scene.baseline().name()))
    }

    /// Says what became of a file.
    pub(super) fn take_saved(&mut self, ctx: &Context) {
        let Some(saved) = job::take(&mut self.saving) else { return };
        self.sitting = None;
        self.tell(ctx, saved.unwrap_or_else(|fault| Err(fault.into())));
    }

    pub(super) fn tell(&mut self, ctx: &Context, ended: Ended) {
        match ended {
            Ok(text) => self.done = Some(Done::new(ctx, text)),
            Err(fault) => self.document.set_notice(Some(fault)),
        }
    }
}
