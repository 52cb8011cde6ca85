//! The chip, a card of the map: each buffer in its real area, filled when it holds the block at hand; the budget as a bar.

use eframe::egui::{Align2, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use crate::schedule::Buffer;

use super::figure::Map;
use crate::app::ink::draw;
use crate::app::ink::theme;
use crate::app::panels::parts::budget;
use crate::app::panels::parts::held::{held, label, told};
use crate::app::panels::parts::moved;
use crate::app::tongue::words::{fill, list};

pub fn paint(map: &Map<'_>) {
    let Some(card) = map.layout.chip else { return };
    let (ui, palette) = (map.ui, map.palette);
    budget::paint_card(ui, card, map.look, palette);
    let line = Rect::from_min_size(card.min + vec2(8.0, 4.0), vec2(card.width() - 16.0, 18.0));
    moved::title(ui, line, map.look);
    for slot in &map.layout.slots {
        paint_slot(map, slot.rect, &map.buffers[slot.buffer]);
    }
    budget::paint_budgets(
        ui,
        Rect::from_min_max(pos2(card.left() + 8.0, card.bottom() - 30.0), card.max),
        map.look,
        palette,
    );
}

fn paint_slot(map: &Map<'_>, rect: Rect, buffer: &Buffer) {
    let (ui, palette) = (map.ui, map.palette);
    let held = held(map.look, buffer);
    let name = label(buffer, held.as_ref());
    let hue =
        palette.named(held.as_ref().map_or_else(|| buffer.names.first().map_or("", String::as_str), |held| &held.name));
    let painter = ui.painter();
    painter.rect_filled(rect, 0.0, if held.is_some() { hue } else { palette.background });
    let stroke = if held.is_some() { Stroke::new(1.0, palette.ink) } else { Stroke::new(1.0, palette.faint_ink) };
    painter.rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
    let ink = if held.is_some() { palette.ink } else { palette.faint_ink };
    draw::put_text(
        painter,
        rect.left_top() - vec2(0.0, 2.0),
        Align2::LEFT_BOTTOM,
        &name,
        theme::text(theme::LABEL),
        ink,
    );
    let response = ui.interact(rect.expand(2.0), ui.scope_id().with(("slot", &buffer.names)), Sense::hover());
    let text = told(ui.ctx(), buffer, held.is_some());
    draw::describe(
        &response,
        &fill(ui.ctx(), "{0} on chip", &[&list(ui.ctx(), &buffer.names)]),
        &format!("{name}: {text}"),
    );
    response.on_hover_text(text);
}

#[cfg(test)]
mod tests {
    use crate::app::run::scene::FinishedRun;
    use std::sync::Arc;

    use ndarray::s;

    use super::*;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::app::run::snapshot::Snapshot;
    use crate::app::state::seen::Look;
    use crate::attention::input::preset;
    use crate::schedule::{Tiling, algorithm};

    /// At every step of every text a filled slot holds the block that its label says, and the inputs' blocks are those of
    /// the input.
    #[test]
    fn a_slot_shows_what_the_machine_holds() {
        for algorithm in algorithm::of_program() {
            let input = Arc::new(preset::toy());
            let tiling = Tiling { br: 5, bc: 3 };
            let settings = Settings { algorithm: algorithm.clone(), ..Settings::for_input(&input).with_blocks(tiling) };
            let scene = FinishedRun::build(input, settings, &Signals::default()).unwrap();
            let (mut compared, mut empty) = (0, 0);
            for cursor in 0..=scene.schedule().len() {
                let snapshot = Snapshot::new(&scene, cursor, None);
                let look = Look::at(&scene, &snapshot);
                for buffer in crate::app::panels::far::figure::buffers(&look) {
                    let Some(held) = held(&look, &buffer) else {
                        empty += 1;
                        continue;
                    };
                    let values = snapshot.view.get(&held.name).expect("it is on chip");
                    let problem = &scene.input.problem;
                    let whole = match held.name.as_str() {
                        "Q" => problem.q.slice(s![0, 0, .., ..]),
                        "K" => problem.k.slice(s![0, 0, .., ..]),
                        "V" => problem.v.slice(s![0, 0, .., ..]),
                        _ => continue,
                    };
                    let block = held.block.expect("an input has blocks along one axis");
                    let rows = if held.name == "Q" { scene.plan().rows(block) } else { scene.plan().cols(block) };
                    let want = whole.slice(s![rows, ..]);
                    assert_eq!(values.dim(), want.dim(), "{} step {cursor}: {}", algorithm.name(), held.name);
                    let is_same = values.iter().zip(&want).all(|(a, b)| (a - b).abs() < 1e-6);
                    assert!(is_same, "{} step {cursor}: {}", algorithm.name(), held.name);
                    compared += 1;
                }
            }
            assert!(compared > 20 && empty > 0, "{}: {compared} {empty}", algorithm.name());
        }
    }
}
