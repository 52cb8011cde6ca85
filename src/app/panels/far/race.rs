//! A race of the text that is being typed: both programs over the map of the text that still runs, and the block in which
//! they meet.

use eframe::egui::{Align2, Rect, Sense, Stroke, StrokeKind};

use super::figure::Map;
use super::layout::Flank;
use crate::app::ink::draw::{self, hatch};
use crate::app::ink::theme;
use crate::app::tongue::words::{fill, tr};
use crate::schedule::language::{Axis, Race};

pub fn paint(map: &Map<'_>) {
    let Some(race) = map.look.race else { return };
    let (ui, palette) = (map.ui, map.palette);
    let painter = ui.painter();
    let stroke = Stroke::new(2.5, palette.trouble);
    for turn in 0..2 {
        let Some(rect) = program(map, race.axis, turn).filter(Rect::is_positive) else { continue };
        painter.rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
        let name = fill(ui.ctx(), "program {0}", &[&format!("{} = {turn}", race.axis.name())]);
        let at = rect.left_top() + eframe::egui::vec2(4.0, 4.0);
        let galley = painter.layout_no_wrap(name, theme::text(theme::LABEL), palette.ink);
        painter.rect_filled(Rect::from_min_size(at, galley.size()).expand(2.0), 2.0, palette.trouble_soft);
        painter.galley(at, galley, palette.ink);
    }
    let block = block(map, race).filter(Rect::is_positive);
    if let Some(block) = block {
        let block = block.expand(1.0);
        painter.rect_filled(block, 0.0, palette.trouble_soft);
        hatch(painter, block, palette.trouble, 5.0);
        painter.rect_stroke(block, 0.0, stroke, StrokeKind::Outside);
        painter.text(block.center(), Align2::CENTER_CENTER, "!", theme::text(theme::LABEL), palette.ink);
    }
    let [first, second] = [0, 1].map(|turn| format!("{} = {turn}", race.axis.name()));
    let at = race.blocks.iter().map(|_| "0").collect::<Vec<_>>().join(",");
    let pattern = "the programs of {0} and of {1} meet in {2}[{3}]";
    let said = fill(ui.ctx(), pattern, &[&first, &second, &race.tensor, &at]);
    let response = ui.interact(block.unwrap_or(map.layout.plane), ui.scope_id().with("race"), Sense::hover());
    draw::describe(&response, tr(ui.ctx(), "race"), &said);
}

/// What of the plane a program works on; `None` of one that is no part of it, such as a split.
fn program(map: &Map<'_>, axis: Axis, turn: usize) -> Option<Rect> {
    let plan = map.look.scene.plan();
    let (all_rows, all_keys) = (0..plan.n_q, 0..plan.n_k);
    let rect = match axis {
        Axis::I => map.window.tile(&(turn < plan.t_r()).then(|| plan.rows(turn))?, &all_keys),
        Axis::J => map.window.tile(&all_rows, &(turn < plan.t_c()).then(|| plan.cols(turn))?),
        Axis::S | Axis::H => return None,
    };
    Some(rect.intersect(map.layout.plane))
}

/// The first block of the tensor: beside the plane, or a tile of it.
fn block(map: &Map<'_>, race: &Race) -> Option<Rect> {
    let plan = map.look.scene.plan();
    let strip = map.layout.strips.iter().find(|strip| strip.tensor.name() == race.tensor);
    match strip {
        Some(strip) => {
            let is_along_keys = matches!(strip.side, Flank::Above | Flank::Below);
            let tokens = if is_along_keys { plan.cols(0) } else { plan.rows(0) };
            Some(map.window.part(strip, &tokens))
        }
        None if race.blocks.contains(&Axis::I) && race.blocks.contains(&Axis::J) => {
            Some(map.window.tile(&plan.rows(0), &plan.cols(0)).intersect(map.layout.plane))
        }
        None => None,
    }
}
