//! What the step moves between HBM and the chip: the tile itself, on its way, with its bytes.

use eframe::egui::{Align2, Color32, Pos2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::draw::{arrow, fit_text};
use crate::app::look::Look;
use crate::app::motion::{Motion, lerp};
use crate::app::theme::{self, Palette};
use crate::app::words::tr;
use crate::number::bytes;
use crate::schedule::Tensor;

/// Pictures of a tile that is too fast to be followed.
const TRAIL: usize = 5;

/// `moving`: the tensor and the place of its block in HBM. `buffers`: the places on chip, with the names they hold.
pub fn paint(
    ui: &Ui,
    room: Rect,
    moving: Option<(Tensor, Rect)>,
    buffers: &[(Vec<String>, Rect)],
    look: &Look<'_>,
    palette: &Palette,
) {
    let Some((tensor, block)) = moving else {
        let text = tr(ui.ctx(), "this step moves nothing between HBM and the chip");
        let line = Rect::from_min_max(pos2(room.left(), room.top() - 21.0), pos2(room.right(), room.top() - 3.0));
        fit_text(ui.painter(), line, Align2::LEFT_CENTER, text, theme::text(theme::LABEL), palette.faint_ink);
        return;
    };
    let (read, write) = (look.snapshot.moved.read.bytes(), look.snapshot.moved.write.bytes());
    // The block's own place and size at both ends, so that it is seen to be the same thing.
    let on_chip = buffers
        .iter()
        .find(|(names, _)| names.iter().any(|name| name == tensor.name()))
        .map_or(Rect::from_center_size(pos2(block.center().x, room.center().y), vec2(40.0, 24.0)), |(_, place)| {
            place.shrink(2.0)
        });
    let block = Rect::from_center_size(block.center(), block.size().max(vec2(6.0, 0.0)));
    let (from, to) = if read > 0 { (block, on_chip) } else { (on_chip, block) };
    let hue = palette.tensor(tensor);
    edge(ui, from, to, palette);
    glide(ui, from, to, hue, look.motion, palette);
    label(ui, room, from, to, &format!("{} {}", tensor.name(), bytes(read + write)), palette);
}

/// What moves, on its way from one place to the other.
pub fn glide(ui: &Ui, from: Rect, to: Rect, hue: Color32, motion: Motion, palette: &Palette) {
    if motion.is_reduced {
        ui.painter().rect_stroke(to, 2.0, palette.outline(), StrokeKind::Middle);
    } else if motion.is_fast {
        for n in 0..TRAIL {
            let place = between(from, to, (n + 1) as f32 / TRAIL as f32);
            ui.painter().rect_filled(place, 2.0, hue.gamma_multiply(0.15 + 0.1 * n as f32));
        }
    } else if motion.phase < 1.0 {
        let place = between(from, to, motion.phase);
        ui.painter().rect_filled(place, 2.0, hue);
        ui.painter().rect_stroke(place, 2.0, palette.outline(), StrokeKind::Middle);
    } else {
        ui.painter().rect_stroke(to, 2.0, palette.outline(), StrokeKind::Middle);
    }
}

/// The way between the two places, as an arrow through the gap.
fn edge(ui: &Ui, from: Rect, to: Rect, palette: &Palette) {
    let is_down = to.center().y > from.center().y;
    let (start, end) = if is_down {
        (from.center_bottom() + vec2(0.0, 1.0), to.center_top() - vec2(0.0, 1.0))
    } else {
        (from.center_top() - vec2(0.0, 1.0), to.center_bottom() + vec2(0.0, 1.0))
    };
    arrow(ui.painter(), start, end, Stroke::new(2.0, palette.ink));
}

/// The bytes, beside the middle of the edge on the side with more room.
fn label(ui: &Ui, room: Rect, from: Rect, to: Rect, text: &str, palette: &Palette) {
    let middle = (from.center().x + to.center().x) / 2.0;
    let (top, bottom) = (room.top() - 21.0, room.top() - 3.0);
    let reach = (from.center().x - to.center().x).abs() / 2.0 + 10.0;
    let is_left = middle > room.center().x;
    let line = if is_left {
        Rect::from_min_max(pos2(room.left(), top), pos2((middle - reach).max(room.left()), bottom))
    } else {
        Rect::from_min_max(pos2((middle + reach).min(room.right()), top), pos2(room.right(), bottom))
    };
    let align = if is_left { Align2::RIGHT_CENTER } else { Align2::LEFT_CENTER };
    fit_text(ui.painter(), line, align, text, theme::figures(theme::BODY), palette.ink);
}

fn between(from: Rect, to: Rect, t: f32) -> Rect {
    let at = |a: Pos2, b: Pos2| pos2(lerp(a.x, b.x, t), lerp(a.y, b.y, t));
    Rect::from_min_max(at(from.min, to.min), at(from.max, to.max))
}
