//! Squares of true area beside the map: how large the matrices, a tile and the chip are against each other.

use eframe::egui::{Align2, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use super::figure::Map;
use super::layout::AreaOf;
use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme;
use crate::app::tongue::words::{fill, tr};
use crate::number::grouped;

pub fn paint(map: &Map<'_>) {
    if map.layout.areas.is_empty() {
        return;
    }
    let (ui, palette, caption) = (map.ui, map.palette, map.layout.caption);
    let text = tr(ui.ctx(), "true areas, in elements");
    fit_text(ui.painter(), caption, Align2::LEFT_CENTER, text, theme::text(theme::LABEL), palette.faint_ink);
    let is_stored = !map.layout.sheets.is_empty();
    let plan = map.look.scene.plan();
    let of_scores = if plan.n_q == plan.n_k { "n x n" } else { "n_q x n_k" };
    for area in &map.layout.areas {
        // What is too small to be drawn still has a place.
        let rect = Rect::from_center_size(area.rect.center(), area.rect.size().max(vec2(1.0, 1.0)));
        let (name, hue) = match area.of {
            AreaOf::Scores => (of_scores, if is_stored { palette.done } else { palette.background }),
            AreaOf::Queries => ("Q", palette.named("Q")),
            AreaOf::Keys => ("K", palette.named("K")),
            AreaOf::Tile => ("tile", palette.done),
            AreaOf::Chip => ("chip", palette.sram),
        };
        ui.painter().rect_filled(rect, 0.0, hue);
        ui.painter().rect_stroke(rect, 0.0, Stroke::new(1.0, palette.faint_ink), StrokeKind::Inside);
        let under = pos2(rect.center().x, area.rect.bottom() + 3.0);
        let name = tr(ui.ctx(), name).to_owned();
        draw::put_text(ui.painter(), under, Align2::CENTER_TOP, &name, theme::text(theme::LABEL), palette.ink);
        let response = ui.interact(rect.expand(4.0), ui.scope_id().with(("area", &name)), Sense::hover());
        let text = fill(ui.ctx(), "{0} {0|element|elements}", &[&grouped(area.elements)]);
        draw::describe(&response, &fill(ui.ctx(), "area of {0}", &[&name]), &text);
        response.on_hover_text(text);
    }
}
