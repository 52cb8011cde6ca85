//! The chip, a card of the map: each buffer in its real area, filled when it holds the block at hand; the budget as a bar.

use eframe::egui::{Align2, Context, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use crate::schedule::Buffer;

use super::figure::Map;
use crate::app::ink::draw;
use crate::app::ink::theme;
use crate::app::panels::parts::budget;
use crate::app::panels::parts::held::{held, label};
use crate::app::panels::parts::moved;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;

pub fn paint(map: &Map<'_>) {
    let Some(card) = map.layout.chip else { return };
    let (ui, palette) = (map.ui, map.palette);
    let is_over = budget::is_over(map.look);
    ui.painter().rect_filled(card, 4.0, palette.panel);
    let stroke = if is_over { Stroke::new(2.0, palette.trouble) } else { Stroke::new(1.5, palette.faint_ink) };
    ui.painter().rect_stroke(card, 4.0, stroke, StrokeKind::Inside);
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
    draw::describe(&response, &fill(ui.ctx(), "{0} on chip", &[&buffer.names.join(", ")]), &format!("{name}: {text}"));
    response.on_hover_text(text);
}

fn told(ctx: &Context, buffer: &Buffer, is_held: bool) -> String {
    let size = fill(ctx, "{0} x {1} elements, {2}", &[&buffer.rows, &buffer.cols, &bytes(buffer.bytes())]);
    if is_held { size } else { format!("{size}; {}", tr(ctx, "holds nothing of this block yet")) }
}

#[cfg(test)]
mod tests {
    use crate::app::run::scene::FinishedRun;
    use crate::app::run::selection::Selection;
    use std::sync::Arc;

    use ndarray::s;

    use super::*;
    use crate::app::ink::motion::Motion;
    use crate::app::run::job::Signals;
    use crate::app::run::settings::Settings;
    use crate::app::run::snapshot::Snapshot;
    use crate::app::state::seen::{Look, Question};
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
                let look = Look {
                    scene: &scene,
                    snapshot: &snapshot,
                    selection: Selection::default(),
                    check: None,
                    generation: 0,
                    motion: Motion::still(),
                    question: Question::default(),
                    race: None,
                };
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
