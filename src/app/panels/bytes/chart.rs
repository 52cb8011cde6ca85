//! HBM and the chip, joined by an arrow for each flow. All arrows are equally long, so that their heights are bytes.

use eframe::egui::{self, Align2, CornerRadius, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::panels::bytes::heights::{CLOSEST_ROW, LEAST_ROW, row, scale};
use crate::app::panels::bytes::shown::BytesShown;
use crate::app::run::flows::{Flow, Way};
use crate::app::run::said::NOT_MODELLED;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::{bytes, grouped};
use crate::schedule::Tensor;
use crate::schedule::language::closed_form;

/// Widths of HBM, where no name is longer, of the chip, and of the numbers at the right.
const HBM: f32 = 48.0;
const CHIP: f32 = 28.0;
const NUMBERS: f32 = 76.0;
/// Between an arrow and what it joins, and the length of its head.
const GAP: f32 = 3.0;
const HEAD: f32 = 7.0;
/// Between two rows.
const APART: f32 = 2.0;
/// Beside a name in HBM.
const MARGIN: f32 = 4.0;
/// The line above the chart, with what it joins.
const NAMES: f32 = 18.0;

/// What of `flows` has a row in `room` points of height, and the tensors of the others: where not all have one, those that
/// this run never moves go first.
pub fn fitting(flows: &[Flow], room: f32) -> (Vec<Flow>, Vec<&'static str>) {
    let is_room_for = |rows: usize| NAMES + 8.0 + rows as f32 * (LEAST_ROW + APART) <= room;
    if is_room_for(flows.len()) {
        return (flows.to_vec(), Vec::new());
    }
    let (moved, none): (Vec<Flow>, Vec<Flow>) = flows.iter().copied().partition(|flow| flow.end.bytes > 0);
    let mut names: Vec<&str> = none.iter().map(|flow| flow.tensor.name()).collect();
    names.dedup();
    (moved, names)
}

/// The least height of `rows` rows in `room` points: they stand closer rather than that what is below them is out of sight.
pub fn least(rows: usize, room: f32) -> f32 {
    ((room - NAMES - 8.0) / rows.max(1) as f32 - APART).clamp(CLOSEST_ROW, LEAST_ROW)
}

/// Draws `flows` in at most `room` points of height, where rows of the height `least` need no more.
pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    shown: &BytesShown<'_>,
    (room, least): (f32, f32),
    messages: &mut Vec<Message>,
) {
    let palette = Palette::of(ui);
    let (flows, unit) = (shown.flows.as_slice(), shown.unit);
    let most: Vec<u64> = flows.iter().map(Flow::most).collect();
    let scale = scale(&most, room - NAMES - 8.0 - APART * most.len() as f32, least);
    let heights: Vec<f32> = most.iter().map(|bytes| row(*bytes as f32 * scale, least) + APART).collect();
    let height = NAMES + heights.iter().sum::<f32>().max(LEAST_ROW) + 4.0;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    let hbm = hbm(ui, flows);
    let ground = Rect::from_min_max(pos2(rect.left(), rect.top() + NAMES), pos2(rect.left() + hbm, rect.bottom()));
    let chip_right = rect.right() - NUMBERS;
    let chip = Rect::from_min_max(pos2(chip_right - CHIP, ground.top()), pos2(chip_right, rect.bottom()));
    let painter = ui.painter();
    painter.rect_filled(ground, 2.0, palette.hbm);
    painter.rect_filled(chip, 2.0, palette.sram);
    // In Chinese it has a longer name, and nothing stands beside it.
    let names = [(ground.with_max_x(ground.right() + 24.0), "HBM"), (chip.expand2(vec2(12.0, 0.0)), "chip")];
    for (below, name) in names {
        let place = Rect::from_min_max(pos2(below.left(), rect.top()), pos2(below.right(), ground.top()));
        let (font, text) = (theme::text(theme::LABEL), tr(ui.ctx(), name));
        draw::fit_text(painter, place, Align2::CENTER_CENTER, text, font, palette.faint_ink);
    }
    let so_far = Rect::from_min_max(pos2(chip.right() + 2.0, rect.top()), pos2(rect.right(), ground.top()));
    let of = if shown.is_of_all { "in total" } else { "so far" };
    let (font, text) = (theme::text(theme::LABEL), fill(ui.ctx(), "{0}, {1}", &[&tr(ui.ctx(), of), &unit.name]));
    draw::fit_text(painter, so_far, Align2::RIGHT_CENTER, &text, font, palette.faint_ink);
    let mut top = ground.top() + 2.0;
    for (flow, height) in flows.iter().zip(heights) {
        let line = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + height));
        top += height;
        one(ui, look, flow, Placed { line, from: ground.right(), to: chip.left(), scale, shown }, messages);
    }
}

/// As wide as the longest name that stands in it.
fn hbm(ui: &Ui, flows: &[Flow]) -> f32 {
    let font = theme::text(theme::LABEL);
    let ink = Palette::of(ui).ink;
    let wide = |flow: &Flow| ui.painter().layout_no_wrap(flow.tensor.name().to_owned(), font.clone(), ink).size().x;
    flows.iter().map(|flow| wide(flow).ceil() + 2.0 * MARGIN).fold(HBM, f32::max)
}

/// Where a flow is drawn.
#[derive(Clone, Copy)]
struct Placed<'a> {
    line: Rect,
    /// The edges of HBM and of the chip.
    from: f32,
    to: f32,
    /// Points a byte.
    scale: f32,
    shown: &'a BytesShown<'a>,
}

fn one(ui: &Ui, look: &Look<'_>, flow: &Flow, at: Placed<'_>, messages: &mut Vec<Message>) {
    let (palette, painter) = (Palette::of(ui), ui.painter());
    let hue = palette.tensor(flow.tensor);
    let is_read = flow.way == Way::Read;
    let (left, right) = (at.from + GAP, at.to - GAP);
    let body = match is_read {
        true => (left, right - HEAD),
        false => (left + HEAD, right),
    };
    let middle = at.line.center().y;
    let thick = |bytes: u64| {
        let half = (bytes as f32 * at.scale).max(if bytes > 0 { 1.0 } else { 0.0 }) / 2.0;
        Rect::from_min_max(pos2(body.0, middle - half), pos2(body.1, middle + half))
    };
    let head = |ink| {
        let tip = if is_read { pos2(right, middle) } else { pos2(left, middle) };
        draw::pointer(painter, tip, if is_read { 1.0 } else { -1.0 }, ink);
    };
    let baseline = flow.baseline.filter(|baseline| baseline.bytes > 0);
    if flow.end.bytes > 0 {
        painter.rect_filled(thick(flow.end.bytes), CornerRadius::ZERO, palette.pale(hue));
        painter.rect_filled(thick(flow.now.bytes), CornerRadius::ZERO, hue);
        head(palette.ink);
    } else if baseline.is_some() {
        // The outlines of S read and of S written are equally long: only their heads tell them apart.
        head(palette.faint_ink);
    }
    if let Some(baseline) = baseline {
        let stroke = Stroke::new(1.0, palette.faint_ink);
        painter.rect_stroke(thick(baseline.bytes), 0.0, stroke, StrokeKind::Inside);
    }
    if flow.way.of(&look.snapshot.moved).get(flow.tensor) > 0 {
        painter.rect_stroke(thick(flow.end.bytes).expand(2.0), 0.0, palette.outline(), StrokeKind::Inside);
    }
    let name = Rect::from_min_max(at.line.min, pos2(at.from, at.line.bottom())).shrink2(vec2(MARGIN, 0.0));
    let font = theme::text(theme::LABEL);
    draw::fit_text(painter, name, Align2::LEFT_CENTER, flow.tensor.name(), font, palette.ink);
    let number = at.shown.unit.write(flow.now.bytes);
    let color = if flow.end.bytes > 0 { palette.ink } else { palette.faint_ink };
    let right = pos2(at.line.right(), middle);
    painter.text(right, Align2::RIGHT_CENTER, &number, theme::figures(theme::LABEL), color);
    answer(ui, look, flow, at, messages);
}

/// What a flow says when it is pointed at, and what a click on it does.
fn answer(ui: &Ui, look: &Look<'_>, flow: &Flow, at: Placed<'_>, messages: &mut Vec<Message>) {
    let ctx = ui.ctx();
    let way = if flow.way == Way::Read { "{0} read, bytes" } else { "{0} write, bytes" };
    let name = fill(ctx, way, &[&flow.tensor.name()]);
    let response = ui.interact(at.line, ui.scope_id().with((flow.tensor.name(), flow.way)), Sense::click());
    let value = fill(ctx, "{0} of {1}", &[&bytes(flow.now.bytes), &bytes(flow.end.bytes)]);
    let value = match flow.baseline {
        Some(baseline) => {
            let against = at.shown.baseline.unwrap_or_default();
            fill(ctx, "{0}; {1} moves {2}", &[&value, &against, &bytes(baseline.bytes)])
        }
        None => value,
    };
    draw::describe(&response, &name, &value);
    let response = response.on_hover_cursor(egui::CursorIcon::PointingHand);
    if response.clicked() {
        messages.push(Message::NextMove(flow.tensor, flow.way));
    }
    response.on_hover_ui(|ui| {
        ui.label(draw::label(&format!("{name}: {value}")));
        let counts = [&grouped(flow.now.elements) as &dyn std::fmt::Display, &grouped(flow.end.elements)];
        ui.label(draw::label(&fill(ui.ctx(), "{0} of {1} {1|element|elements}", &counts)));
        // A line is told of the run's heads.
        for told in lines_of(ui, look, flow).into_iter().filter(|_| !at.shown.is_of_all) {
            ui.label(draw::label(&told));
        }
        if flow.end.bytes > 0 {
            draw::caption(ui, "Click: the next step that moves it.");
        }
        draw::caption(ui, NOT_MODELLED);
    });
}

/// The lines that move the tensor this way, with their counts: `load: 64 steps x 8,192 = 524,288 elements`.
fn lines_of(ui: &Ui, look: &Look<'_>, flow: &Flow) -> Vec<String> {
    let schedule = look.scene.schedule();
    let text = schedule.algorithm.text();
    let lines = text.lines.iter().zip(closed_form(text, &schedule.setting).lines);
    let moved = lines.filter_map(|(line, totals)| {
        let beside = [
            (Tensor::BLOCK_TABLE, totals.table_read),
            (Tensor::SCALES, totals.scales_read),
            (Tensor::MASK, totals.mask_read),
        ];
        if let Some((_, read)) = beside.into_iter().find(|(tensor, _)| *tensor == flow.tensor) {
            return (read > 0).then_some((line.label.as_str(), totals.steps, read));
        }
        let elements = if flow.way == Way::Read { totals.hbm_read } else { totals.hbm_write };
        let tensor = line.tensor().map(|id| schedule.algorithm.hbm_tensor(id, schedule.plan()).tensor);
        (tensor == Some(flow.tensor) && elements > 0).then_some((line.label.as_str(), totals.steps, elements))
    });
    let told = moved.map(|(label, steps, elements)| {
        let (label, steps_text, all) = (tr(ui.ctx(), label), grouped(steps), grouped(elements));
        match elements.checked_rem(steps) {
            Some(0) => {
                let each = grouped(elements / steps);
                let text = "{0}: {1} {1|step|steps} x {2} = {3} {3|element|elements}";
                fill(ui.ctx(), text, &[&label, &steps_text, &each, &all])
            }
            // Ragged blocks, and those that are loaded already.
            _ => {
                let text = "{0}: {1} {1|step|steps}, together {2} {2|element|elements}";
                fill(ui.ctx(), text, &[&label, &steps_text, &all])
            }
        }
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::run::flows::Amount;
    use crate::schedule::Tensor;

    #[test]
    fn where_rows_are_too_many_those_of_nothing_go_and_are_named() {
        let flow = |tensor, bytes| Flow {
            tensor,
            way: Way::Read,
            now: Amount::default(),
            end: Amount { elements: bytes, bytes },
            baseline: Some(Amount { elements: 8, bytes: 8 }),
        };
        let flows =
            [flow(Tensor::Q, 4), flow(Tensor::S, 0), flow(Tensor::P, 0), flow(Tensor::P, 0), flow(Tensor::O, 4)];
        let names = |flows: &[Flow]| flows.iter().map(|flow| flow.tensor.name()).collect::<Vec<_>>().join(" ");
        let (shown, left_out) = fitting(&flows, 200.0);
        assert_eq!((names(&shown).as_str(), left_out), ("Q S P P O", vec![]));
        let (shown, left_out) = fitting(&flows, 100.0);
        assert_eq!((names(&shown).as_str(), left_out), ("Q O", vec!["S", "P"]));
    }
}
