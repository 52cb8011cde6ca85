//! What has the keyboard is seen: one ring for everything that Tab reaches, and what scrolls follows it.

use eframe::egui::{self, Context, Stroke, Ui};

use crate::app::ink::theme::Palette;

/// Between a thing and its ring, and the width of the ring, in points.
const GAP: f32 = 1.0;
const WIDTH: f32 = 2.0;

/// The ring around what has the keyboard, at the end of a frame: what is drawn by hand needs none of its own. A text has
/// its caret instead.
pub fn ring(ui: &Ui) {
    let ctx = ui.ctx();
    let Some(focused) = focused(ctx).filter(|focused| focused.has_focus() && !ctx.text_edit_focused()) else { return };
    // Of what is scrolled half out of sight, the rest.
    let place = focused.interact_rect.expand(GAP);
    let stroke = Stroke::new(WIDTH, Palette::of(ui).accent);
    ctx.layer_painter(focused.layer_id).rect_stroke(place, 4.0, stroke, egui::StrokeKind::Outside);
}

/// At the end of what scrolls: a control of it that Tab has just reached is brought into sight.
pub fn follow(ui: &Ui) {
    let reached =
        focused(ui.ctx()).filter(|focused| focused.gained_focus() && ui.min_rect().contains_rect(focused.rect));
    if let Some(reached) = reached {
        ui.scroll_to_rect(reached.rect.expand(GAP + WIDTH), None);
    }
}

fn focused(ctx: &Context) -> Option<egui::Response> {
    ctx.memory(egui::Memory::focused).and_then(|id| ctx.read_response(id))
}
