//! The chip: its buffers side by side, to scale against the budget where that can be seen.

use eframe::egui::{Align2, Color32, Context, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::budget::Budget;
use crate::app::ink::draw::{fit_text, hatch};
use crate::app::ink::theme::{self, Palette};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;
use crate::schedule::Buffer;

/// A smaller part of the budget than this is magnified: its buffers could not be told apart.
const LEAST_PART: f64 = 0.25;

/// Gives the place of each buffer, with the names it holds.
pub fn paint(ui: &Ui, room: Rect, look: &Look<'_>, budgets: &[Budget], palette: &Palette) -> Vec<(Vec<String>, Rect)> {
    let painter = ui.painter();
    let buffers = &look.snapshot.buffers;
    painter.rect_stroke(room, 2.0, palette.hairline(), StrokeKind::Inside);
    let used: u64 = buffers.iter().map(Buffer::bytes).sum();
    if used == 0 {
        let (text, font) = (tr(ui.ctx(), "empty"), theme::text(theme::LABEL));
        fit_text(painter, room.shrink(8.0), Align2::LEFT_CENTER, text, font, palette.faint_ink);
        return Vec::new();
    }
    let budget: u64 = budgets.iter().map(|budget| budget.of).sum();
    let is_over = budgets.iter().any(Budget::is_over);
    let to_scale = is_over || used as f64 >= LEAST_PART * budget as f64 && budget > 0;
    let whole = if to_scale { used.max(budget) } else { used };
    let width = |bytes: u64| (f64::from(room.width()) * bytes as f64 / whole.max(1) as f64) as f32;
    let mut places = Vec::new();
    let mut left = room.left();
    for buffer in buffers {
        let place = Rect::from_min_size(pos2(left, room.top()), vec2(width(buffer.bytes()), room.height()));
        left = place.right();
        paint_buffer(ui, place.shrink(1.0), buffer, palette);
        places.push((buffer.names.clone(), place));
    }
    if to_scale && left + 2.0 < room.right() {
        let free = Rect::from_min_max(pos2(left, room.top()), room.max).shrink(2.0);
        let text = fill(ui.ctx(), "free {0}", &[&bytes(whole - used)]);
        fit_text(
            painter,
            free.shrink2(vec2(4.0, 0.0)),
            Align2::CENTER_CENTER,
            &text,
            theme::text(theme::LABEL),
            palette.faint_ink,
        );
    }
    if is_over {
        paint_over(ui, room, room.left() + width(budget.min(whole)), palette);
    }
    places
}

fn paint_buffer(ui: &Ui, place: Rect, buffer: &Buffer, palette: &Palette) {
    let painter = ui.painter();
    painter.rect_filled(place, 2.0, palette.pale(hue_of(buffer, palette)));
    if place.width() >= 24.0 {
        let half = place.height() / 2.0;
        let upper = Rect::from_min_size(place.min, vec2(place.width(), half)).shrink2(vec2(4.0, 0.0));
        let lower = upper.translate(vec2(0.0, half));
        let font = theme::text(theme::LABEL);
        fit_text(painter, upper, Align2::LEFT_CENTER, &label(ui.ctx(), buffer), font.clone(), palette.ink);
        fit_text(painter, lower, Align2::LEFT_CENTER, &bytes(buffer.bytes()), font, palette.ink);
    }
}

/// What lies beyond the budget, with a sign and a word: colour alone would not be seen by all.
fn paint_over(ui: &Ui, room: Rect, x: f32, palette: &Palette) {
    let painter = ui.painter();
    let over = Rect::from_min_max(pos2(x, room.top()), room.max);
    hatch(painter, over, palette.trouble, 6.0);
    painter.rect_stroke(room, 2.0, Stroke::new(2.0, palette.trouble), StrokeKind::Inside);
    painter.vline(x, room.top() - 3.0..=room.bottom() + 3.0, Stroke::new(2.0, palette.trouble));
    let label = Rect::from_min_size(pos2((x - 104.0).max(room.left()), room.top() + 2.0), vec2(98.0, 16.0));
    painter.rect_filled(label, 4.0, palette.trouble_soft);
    let text = tr(ui.ctx(), "! over budget");
    fit_text(painter, label, Align2::CENTER_CENTER, text, theme::text(theme::LABEL), palette.ink);
}

/// What a buffer is called.
pub fn label(ctx: &Context, buffer: &Buffer) -> String {
    if buffer.is_whole_rows { fill(ctx, "rows of {0}", &[&buffer.label()]) } else { buffer.label() }
}

/// The hue of the tensor that a buffer's name begins with.
fn hue_of(buffer: &Buffer, palette: &Palette) -> Color32 {
    palette.named(buffer.names.first().map_or("", String::as_str))
}
