//! The blocks of a grid in the slots of the SMs, as the model hands them out: waves, and the tail.

use eframe::egui::{Align2, Rect, Sense, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::axes::note;
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette};
use crate::app::tongue::words::fill;
use crate::clock::{ModelledGrid, Slotted};
use crate::number::{grouped, modelled, modelled_time, percent};
use crate::schedule::Hardware;

/// Height of a row at most, and of all rows.
const ROW: f32 = 8.0;
const HEIGHT: f32 = 132.0;
const AXIS: f32 = 18.0;

pub fn show(ui: &mut Ui, grid: &ModelledGrid, chip: &Hardware) {
    let text = "Thread blocks of {0} over {1} SMs, {2} on each";
    let text = fill(ui.ctx(), text, &[&grid.name, &chip.sms, &grid.per_sm.count]);
    made_by::before(ui, MadeBy::Modelled, |ui| draw::caption(ui, &text));
    let end = grid.placed.iter().map(|block| block.end).fold(0.0, f64::max);
    if grid.placed.is_empty() || end <= 0.0 {
        note(ui, &fill(ui.ctx(), "{0} thread blocks: too many to be drawn", &[&grouped(grid.blocks)]));
        return;
    }
    let palette = Palette::of(ui);
    let rows = grid.slots.max(1) as f32;
    let line = (HEIGHT / rows).min(ROW);
    let (whole, response) = ui.allocate_exact_size(vec2(ui.available_width(), rows * line + AXIS), Sense::hover());
    let area = Rect::from_min_max(whole.min, whole.max - vec2(0.0, AXIS));
    ui.painter().rect_filled(area, 0.0, palette.empty);
    let x = |seconds: f64| area.left() + (seconds / end) as f32 * area.width();
    let rect = |block: &Slotted| {
        // Slots of one SM are neighbours.
        let (sm, part) = (block.slot as u64 % chip.sms, block.slot as u64 / chip.sms);
        let top = area.top() + (sm * grid.per_sm.count + part) as f32 * line;
        Rect::from_min_max(pos2(x(block.start), top), pos2(x(block.end).max(x(block.start) + 0.5), top + line))
    };
    let mut under = None;
    for block in &grid.placed {
        let place = rect(block);
        // Waves are told apart by two greys.
        let wave = block.block as u64 / grid.slots.max(1);
        let color = if wave.is_multiple_of(2) { palette.done } else { palette.hatch };
        let gap = if line >= 4.0 { 0.5 } else { 0.0 };
        ui.painter().rect_filled(place.shrink2(vec2(0.25, gap)), 0.0, color);
        if response.hover_pos().is_some_and(|pointer| place.contains(pointer)) {
            under = Some((block, place));
        }
    }
    ui.painter().rect_stroke(area, 0.0, palette.hairline(), StrokeKind::Outside);
    for (part, align) in [(0.0, Align2::LEFT_TOP), (1.0, Align2::RIGHT_TOP)] {
        let at = pos2(area.left() + part as f32 * area.width(), area.bottom() + 2.0);
        let font = theme::figures(theme::LABEL);
        ui.painter().text(at, align, modelled_time(part * end), font, palette.faint_ink);
    }
    let told = fill(
        ui.ctx(),
        "{0} {0|block|blocks} in {1} {1|slot|slots}: {2} {2|wave|waves}, {3} of the slots at work",
        &[
            &grouped(grid.blocks),
            &grid.slots,
            &grid.waves.map_or_else(String::new, modelled),
            &grid.busy.map_or_else(String::new, percent),
        ],
    );
    draw::describe(&response, "modelled blocks over SMs", &told);
    match under {
        Some((block, place)) => {
            ui.painter().rect_stroke(place, 0.0, palette.outline(), StrokeKind::Inside);
            let sm = block.slot as u64 % chip.sms;
            let took = modelled_time(block.end - block.start);
            let values: [&dyn std::fmt::Display; 4] = [&block.block, &sm, &modelled_time(block.start), &took];
            response.on_hover_text_at_pointer(fill(ui.ctx(), "block {0} on SM {1}\nfrom {2}, for {3}", &values));
        }
        None => drop(response.on_hover_text(told)),
    }
}
