//! What the current step moves: the block itself, from its place in HBM to its slot or back.

use eframe::egui::{Rect, Stroke, vec2};

use super::figure::Map;
use crate::app::ink::draw::arrow;
use crate::app::panels::far::layout::Flank;
use crate::app::panels::parts::moved;

pub fn paint(map: &Map<'_>) {
    let Some((from, to, hue)) = way(map) else { return };
    let stroke = Stroke::new(1.5, map.palette.ink);
    arrow(map.ui.painter(), edge(from, to), edge(to, from), stroke);
    moved::glide(map.ui, from, to, hue, map.look.motion, map.palette);
}

/// From where to where, in the hue of the tensor; `None` where the step moves nothing or there is no chip to see.
fn way(map: &Map<'_>) -> Option<(Rect, Rect, eframe::egui::Color32)> {
    let (look, layout) = (map.look, map.layout);
    let step = look.snapshot.view.step?;
    let tensor = look.scene.schedule().facts(&step).tensor?;
    let (read, write) = (look.snapshot.moved.read.bytes(), look.snapshot.moved.write.bytes());
    if read + write == 0 {
        return None;
    }
    let plan = look.scene.plan();
    let block = match layout
        .strips
        .iter()
        .find(|strip| strip.tensor == tensor && strip.split == strip.split.and(step.place.s()))
    {
        Some(strip) => {
            let is_along_keys = matches!(strip.side, Flank::Above | Flank::Below);
            let tokens = if is_along_keys { plan.cols(step.place.j()?) } else { plan.rows(step.place.i()?) };
            map.window.part(strip, &tokens)
        }
        None => {
            let (i, j) = step.place.tile()?;
            map.window.tile(&plan.rows(i), &plan.cols(j)).intersect(layout.plane)
        }
    };
    let card = layout.chip?;
    // A factor of a row has no buffer of its own.
    let slot = layout.slots.iter().find(|slot| map.buffers[slot.buffer].names.iter().any(|name| name == tensor.name()));
    // A card of no size is one, too: that is no range to clamp to.
    let inner = card.shrink(8.0);
    let edge = block.center().max(inner.min).min(inner.max);
    let on_chip = slot.map_or(Rect::from_center_size(edge, vec2(8.0, 8.0)), |slot| slot.rect);
    if !block.is_positive() {
        return None;
    }
    let hue = map.palette.tensor(tensor);
    Some(if read > 0 { (block, on_chip, hue) } else { (on_chip, block, hue) })
}

/// The point of `of`'s edge that looks towards `to`.
fn edge(of: Rect, to: Rect) -> eframe::egui::Pos2 {
    let way = to.center() - of.center();
    let half = of.size() / 2.0;
    let part = (half.x / way.x.abs().max(1e-3)).min(half.y / way.y.abs().max(1e-3)).min(1.0);
    of.center() + way * part
}
