//! What is asked to leave the window, and what is said of it.

use eframe::egui::Context;

use crate::sentence::Sentence;

use super::action::Export;
use super::done::{Done, Ended};
use super::job::{self, Job};
use super::picture::{self, Sitting};
use super::place::Place;
use super::window::App;
use super::{export, words};

impl App {
    pub(super) fn export(&mut self, ctx: &Context, what: Export) {
        let notice = match what {
            Export::CopyLink => self.place().filter(Place::has_input).map(|place| {
                ctx.copy_text(place.command_line());
                "The link is on the clipboard: a command line that reopens this step."
            }),
            Export::CopyCsv => self.document.snapshot().map(|snapshot| {
                ctx.copy_text(export::csv(snapshot));
                "The numbers of the tile are on the clipboard."
            }),
            Export::CopyNumpy => self.document.snapshot().map(|snapshot| {
                ctx.copy_text(export::numpy(snapshot));
                "The numbers of the tile are on the clipboard."
            }),
            Export::Picture(goal) => {
                self.saving = Some(picture::take(ctx, None, goal));
                None
            }
            Export::View(goal) => {
                self.sitting = Some(Sitting::Asked(goal));
                None
            }
            Export::Trace | Export::Perfetto => {
                self.saving = self.document.scene().cloned().map(|scene| {
                    Job::start(ctx, move |_| export::saved(export::trace(&scene, what == Export::Perfetto)))
                });
                None
            }
            Export::Worksheet => {
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

    /// Says what became of a file.
    pub(super) fn take_saved(&mut self, ctx: &Context) {
        let Some(saved) = job::take(&mut self.saving) else { return };
        self.sitting = None;
        self.tell(ctx, saved.unwrap_or_else(|fault| Err(fault.into())));
    }

    fn tell(&mut self, ctx: &Context, ended: Ended) {
        match ended {
            Ok(text) => self.done = Some(Done::new(ctx, text)),
            Err(fault) => self.document.set_notice(Some(fault)),
        }
    }
}
