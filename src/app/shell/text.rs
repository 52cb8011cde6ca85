//! What the editor of the algorithm's text asks for.

use eframe::egui::Context;

use crate::app::message::text::TextMessage;
use crate::app::panels::text;
use crate::app::run::export;
use crate::app::run::settings::Settings;
use crate::app::shell::app::App;
use crate::app::state::text_editor::TextEditor;
use crate::files;

impl App {
    pub(super) fn text_message(&mut self, ctx: &Context, message: TextMessage) {
        let now = ctx.input(|input| input.time);
        match message {
            TextMessage::Toggle => {
                let line = self.document.scene().zip(self.document.snapshot()).and_then(|(scene, snapshot)| {
                    let step = snapshot.view.step?;
                    let algorithm = &scene.schedule().algorithm;
                    algorithm.written_line(algorithm.line(step.line).span.line)
                });
                if self.toggle(text::PANEL.id) {
                    self.owned.of::<TextEditor>().begin(&self.document.wanted().algorithm, line);
                }
            }
            TextMessage::Take(text) => self.owned.of::<TextEditor>().take(text, now),
            TextMessage::PutBack => {
                if let Some(algorithm) = self.owned.of::<TextEditor>().put_back() {
                    self.run_text(ctx, Ok(algorithm));
                }
            }
            TextMessage::Save => match self.owned.of::<TextEditor>().save() {
                Some(Ok(path)) => {
                    self.run_text(ctx, files::algorithm(&path.to_string_lossy()));
                    self.tell(ctx, export::saved(Ok(path)));
                }
                Some(Err(fault)) => self.document.set_notice(Some(fault)),
                None => {}
            },
            TextMessage::Line(line) => self.owned.of::<TextEditor>().jump = Some(line),
        }
    }

    /// Reads and runs what was typed once the typing stops, and follows what was changed elsewhere.
    pub(super) fn follow_typed_text(&mut self, ctx: &Context) {
        let now = ctx.input(|input| input.time);
        if let Some((algorithm, kept)) = self.owned.of::<TextEditor>().read(now) {
            if let Some(algorithm) = algorithm {
                let settings = Settings { algorithm, ..self.document.wanted().clone() };
                self.document.change(ctx, settings);
            }
            self.document.set_notice(kept.err());
        }
        if self.owned.of::<TextEditor>().is_busy() {
            ctx.request_repaint_after_secs(0.1);
        }
        let is_open = self.view.is_open(text::PANEL.id);
        self.owned.of::<TextEditor>().follow(&self.document.wanted().algorithm, is_open);
    }
}
