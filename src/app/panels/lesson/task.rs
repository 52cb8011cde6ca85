//! What sets a task of a lesson apart from its text.

use eframe::egui::{FontId, TextStyle, Ui};

use crate::app::ink::theme::{self, SPACE};
use crate::app::ink::{draw, prose};
use crate::app::tongue::words::tr;

/// Lesson text, as the design has it.
pub const TEXT: f32 = 16.0;

/// Of the text of a task within a scope that has less room.
fn style() -> TextStyle {
    TextStyle::Name("task".into())
}

/// The size of the text of a task here.
pub fn size(ui: &Ui) -> f32 {
    ui.style().text_styles.get(&style()).map_or(TEXT, |font| font.size)
}

/// All text of this scope is so much smaller, though none below a label in the script on screen.
pub fn shrink(ui: &mut Ui, part: f32) {
    let least = theme::readable(tr(ui.ctx(), "Predict"), theme::LABEL);
    let styles = &mut ui.style_mut().text_styles;
    styles.insert(style(), theme::text(TEXT));
    let smaller = |font: &FontId| FontId { size: (font.size * part).max(least), ..font.clone() };
    styles.values_mut().for_each(|font| *font = smaller(font));
}

/// The same of a task that shares a projected screen with its cards.
const PROJECTED: f32 = 14.0;

/// Where a task stands: beside the text of its beat, or alone beside a picture that is projected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPlace {
    Panel,
    Screen,
}

/// A band that sets a task apart from what stands above it.
pub fn task(ui: &mut Ui, kind: &str, text: &str) {
    if ui.next_widget_position().y > ui.max_rect().top() + 0.5 {
        ui.add_space(SPACE);
        ui.separator();
    }
    draw::caption(ui, tr(ui.ctx(), kind));
    prose::line(ui, text, size(ui));
}

/// A task with cards: on a screen they have the room, and nothing needs to be set apart.
pub fn task_with_cards(ui: &mut Ui, kind: &str, text: &str, place: TaskPlace) {
    match place {
        TaskPlace::Panel => task(ui, kind, text),
        TaskPlace::Screen => _ = prose::line(ui, text, PROJECTED),
    }
}
