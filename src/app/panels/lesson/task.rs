//! What sets a task of a lesson apart from its text.

use eframe::egui::Ui;

use crate::app::ink::theme::SPACE;
use crate::app::ink::{draw, prose};
use crate::app::tongue::words::tr;

/// Lesson text, as the design has it.
pub const TEXT: f32 = 16.0;

/// A band that sets a task apart.
pub fn task(ui: &mut Ui, kind: &str, text: &str) {
    ui.add_space(SPACE);
    ui.separator();
    draw::caption(ui, tr(ui.ctx(), kind));
    prose::line(ui, text, TEXT);
}
