//! What succeeded: a line above the strip of steps that fades. It has no colour of trouble, and moves nothing.

use eframe::egui::{self, Align2, Context, Frame, Margin, vec2};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::say;
use crate::files::printable;
use crate::sentence::Sentence;

/// Seconds that it is read for, and that it fades in.
const READ_S: f64 = 4.0;
const FADE_S: f64 = 0.5;

/// A line, while it is shown.
pub struct Done {
    text: Sentence,
    /// Of the clock.
    since: f64,
}

impl Done {
    pub fn new(ctx: &Context, text: Sentence) -> Self {
        Self { text, since: ctx.input(|input| input.time) }
    }

    /// Gives whether it is still to be read.
    pub fn show(&self, ctx: &Context) -> bool {
        let age = ctx.input(|input| input.time) - self.since;
        let left = READ_S + FADE_S - age;
        if left <= 0.0 {
            return false;
        }
        let area = egui::Area::new(egui::Id::unique("what was done")).interactable(false);
        let above_the_strip = vec2(0.0, -theme::TIMELINE - 12.0);
        area.anchor(Align2::CENTER_BOTTOM, above_the_strip).show(ctx, |ui| {
            let palette = Palette::of(ui);
            ui.set_opacity((left / FADE_S).min(1.0) as f32);
            let frame = Frame::new().fill(palette.panel).stroke(palette.hairline()).corner_radius(4.0);
            frame.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
                let text = say(ui.ctx(), &self.text);
                let text = printable(&text);
                draw::describe(&ui.label(egui::RichText::new(&*text).size(theme::BODY)), "what was done", &text);
            });
        });
        let wait = if age < READ_S { READ_S - age } else { 0.0 };
        ctx.request_repaint_after_secs(wait as f32);
        true
    }
}
