//! What is asked to leave the window, and what is said of it.

use eframe::egui::Context;

use crate::app::message::export::ExportMessage;
use crate::app::run::export::{self, Ended};
use crate::app::run::flows::{self, Flow};
use crate::app::run::job::{self, Job};
use crate::app::run::lesson_file::FILES;
use crate::app::run::link::Link;
use crate::app::shell::app::App;
use crate::app::shell::done::Done;
use crate::app::shell::picture::{self, Sitting};
use crate::app::shell::presenting::show_hover_texts;
use crate::app::state::answers::{account, answers};
use crate::app::tongue::words;
use crate::files::shown;
use crate::playback::lesson::{Engine, Hides, Lesson, sheet_page};
use crate::sentence::Sentence;

impl App {
    pub(super) fn export(&mut self, ctx: &Context, what: ExportMessage) {
        if would_answer(what, self.question().hides) {
            return self
                .tell(ctx, Err("a lesson asks for what this would show: it is given once you have answered".into()));
        }
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
                self.saving = Some(picture::take(ctx, goal));
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
            ExportMessage::Answers => {
                self.remember();
                let given = self.store.kept.lessons.iter().map(|(key, progress)| (key, &progress.given));
                let ended = match answers(&account(), given, None) {
                    Ok(lines) if lines.is_empty() => Err("nothing was answered yet".into()),
                    Ok(lines) => export::saved(export::save("tilescope-answers", "jsonl", lines.as_bytes())),
                    Err(fault) => Err(Sentence::verbatim(fault)),
                };
                self.tell(ctx, ended);
                None
            }
            ExportMessage::LessonSheets => {
                let Some(open) = &self.lesson else {
                    return self.tell(ctx, Err("open a lesson first: its questions make the sheet".into()));
                };
                let (lesson, name) = (open.lesson.clone(), open.of.stem());
                let seed = ctx.input(|input| input.time * 1e3) as u64 % 10_000;
                self.saving = Some(Job::start(ctx, move |_| lesson_sheets(&lesson, &name, seed)));
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
    fn flows(&self) -> Option<(Vec<Flow>, &str)> {
        let (scene, snapshot) = self.document.scene().zip(self.document.snapshot())?;
        let counts = &self.view.counts;
        Some((flows::flows(scene, snapshot, counts), counts.baseline(scene).unwrap_or_default()))
    }

    /// Says what became of a file.
    pub(super) fn take_saved(&mut self, ctx: &Context) {
        let Some(saved) = job::take(&mut self.saving) else { return };
        if self.sitting.take().is_some() {
            show_hover_texts(ctx, self.talk.is_none());
        }
        self.tell(ctx, saved.unwrap_or_else(|fault| Err(fault.into())));
    }

    pub(super) fn tell(&mut self, ctx: &Context, ended: Ended) {
        match ended {
            Ok(text) => self.done = Some(Done::new(ctx, text)),
            Err(fault) => self.document.set_notice(Some(fault)),
        }
    }
}

/// What a lesson asks for is in it.
fn would_answer(what: ExportMessage, hides: Hides) -> bool {
    match what {
        ExportMessage::BytesCsv | ExportMessage::BytesNumpy => hides.bytes,
        ExportMessage::CopyCsv | ExportMessage::CopyNumpy => hides.factor || hides.rule,
        // Every step with its name, its bytes, the class of its tile and the statistics of its rows.
        ExportMessage::Trace | ExportMessage::Perfetto => hides != Hides::default(),
        ExportMessage::CopyLink
        | ExportMessage::Picture(_)
        | ExportMessage::View(_)
        | ExportMessage::Answers
        | ExportMessage::LessonSheets
        | ExportMessage::Worksheet => false,
    }
}

/// Writes a sheet with the questions of a lesson, and its key beside it.
fn lesson_sheets(lesson: &Lesson, name: &str, seed: u64) -> Ended {
    let pages = sheet_page::pages(lesson, &Engine::with_seed(seed).reading(FILES)).map_err(|error| error.sentence())?;
    let [sheet, key] = pages.ok_or("this lesson asks nothing")?;
    let stem = format!("{name}.{}.seed-{seed}", lesson.language.code());
    let key = export::save(&format!("{stem}.key"), "html", key.as_bytes())?;
    let sheet = export::save(&stem, "html", sheet.as_bytes())?;
    Ok(Sentence::new("Saved: {0}, and its key: {1}").with(shown(&sheet)).with(shown(&key)))
}
