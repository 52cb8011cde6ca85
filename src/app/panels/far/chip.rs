//! The chip, a card of the map: each buffer in its real area, filled when it holds the block at hand; the budget as a bar.

use eframe::egui::{Align2, Context, Rect, Sense, Stroke, StrokeKind, pos2, vec2};

use crate::schedule::Buffer;

use super::figure::Map;
use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme;
use crate::app::panels::memory_strip::budget;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;

pub fn paint(map: &Map<'_>) {
    let Some(card) = map.layout.chip else { return };
    let (ui, palette) = (map.ui, map.palette);
    let is_over = budget::budgets(map.look).iter().any(budget::Budget::is_over);
    ui.painter().rect_filled(card, 4.0, palette.panel);
    let stroke = if is_over { Stroke::new(2.0, palette.trouble) } else { Stroke::new(1.5, palette.faint_ink) };
    ui.painter().rect_stroke(card, 4.0, stroke, StrokeKind::Inside);
    title(map, card);
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

/// Whose chip it is, and what the step moves.
fn title(map: &Map<'_>, card: Rect) {
    let (ui, palette) = (map.ui, map.palette);
    let line = Rect::from_min_size(card.min + vec2(8.0, 4.0), vec2(card.width() - 16.0, 18.0));
    let moved = &map.look.snapshot.moved;
    let step = map.look.snapshot.view.step.map(|step| map.look.scene.schedule().facts(&step));
    let (read, write) = (moved.read.bytes(), moved.write.bytes());
    let mut left = line;
    if let Some(tensor) = step.and_then(|facts| facts.tensor).filter(|_| read + write > 0) {
        let pattern = if read > 0 { "load {0}: {1}" } else { "store {0}: {1}" };
        let text = fill(ui.ctx(), pattern, &[&tensor.name(), &bytes(read + write)]);
        let width = fit_text(ui.painter(), line, Align2::RIGHT_CENTER, &text, theme::text(theme::BODY), palette.ink);
        left.max.x -= width + 8.0;
    }
    let text = tr(ui.ctx(), "on chip");
    let font = theme::readable_font(text, theme::text(theme::LABEL));
    let galley = ui.painter().layout_no_wrap(text.to_owned(), font, palette.faint_ink);
    // What moves comes first, where there is no room for both.
    if galley.size().x <= left.width() {
        let at = Align2::LEFT_CENTER.align_size_within_rect(galley.size(), left).min;
        ui.painter().galley(at, galley, palette.faint_ink);
    }
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

/// What a buffer holds of the block at hand.
pub struct Held {
    pub name: String,
    /// Its block along the axis of the buffer.
    pub block: Option<usize>,
}

/// The name that was written last of those that share the buffer; `None` while all that it has is of another block.
pub fn held(look: &Look<'_>, buffer: &Buffer) -> Option<Held> {
    let snapshot = look.snapshot;
    let name = buffer.names.iter().rev().find(|name| snapshot.view.get(name).is_some() && snapshot.holds(name))?;
    let place = snapshot.place_of(name);
    Some(Held { name: name.clone(), block: place.zip(buffer.axis).and_then(|(place, axis)| place.at(axis)) })
}

/// `K_j`, or `K_2` once it holds that block; of names that share a buffer, the one that it holds.
fn label(buffer: &Buffer, held: Option<&Held>) -> String {
    match held {
        Some(Held { name, block: Some(block) }) if !name.contains('_') => format!("{name}_{block}"),
        Some(Held { name, .. }) => name.clone(),
        None => buffer.label(),
    }
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
    use crate::app::state::seen::Question;
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
