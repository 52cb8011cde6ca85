//! The map of errors: |O - exact| over (query, column), in logarithmic colours, with a legend in numbers.

use eframe::egui::{Align2, Rect, Response, Sense, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{axes, draw};
use crate::app::message::Message;
use crate::app::run::gpu::comparison::ErrorMap;
use crate::app::run::gpu::outcome::Outcome;
use crate::app::run::selection::Selection;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::short;

/// Room for the names of the rows, and of the columns below.
const SIDE: f32 = 44.0;
const BELOW: f32 = 18.0;
const LARGEST_CELL: f32 = 24.0;
/// NaNs are crossed where cells are at least so large.
const CROSSED: f32 = 5.0;

pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    (outcome, map, room): (&Outcome, &ErrorMap, f32),
    textures: &mut Textures,
    messages: &mut Vec<Message>,
) {
    let palette = Palette::of(ui);
    let (rows, cols) = map.errors.dim();
    let most = (room * 0.42).clamp(96.0, 420.0);
    let cell =
        vec2((ui.available_width() - SIDE) / cols as f32, most / rows as f32).min(vec2(LARGEST_CELL, LARGEST_CELL));
    let size = vec2(cell.x * cols as f32, cell.y * rows as f32);
    let (whole, response) = ui.allocate_exact_size(size + vec2(SIDE, BELOW), Sense::click());
    let rect = Rect::from_min_size(whole.min + vec2(SIDE, 0.0), size);
    let decades = map.decades();
    let color = |row: usize, col: usize| palette.error(part(map.errors[[row, col]], decades));
    let key = (outcome.serial, ui.visuals().dark_mode);
    let texture = textures.get(ui.ctx(), "errors of the GPU", key, (rows, cols), color);
    ui.painter().image(texture, rect, UV, theme::NO_TINT);
    cross_nans(ui, rect, cell, map);
    frame(ui, rect, cell, look.row().unwrap_or(look.selection.query), (rows, cols));
    hover(ui, &response, rect, cell, outcome, map);
    if let Some(at) = response.interact_pointer_pos().filter(|at| response.clicked() && rect.contains(*at)) {
        let query = (((at.y - rect.top()) / cell.y) as usize).min(rows - 1);
        messages.push(Message::Select(Selection { query, ..look.selection }));
    }
    draw::describe(&response, "errors of the GPU", &value(ui, map));
    legend(ui, map);
}

/// Where an error lies between the decades; NaN stays NaN, and 0 is `None`: no logarithm has it.
fn part(error: f64, (low, high): (i32, i32)) -> Option<f64> {
    if error == 0.0 {
        return None;
    }
    Some((error.log10() - f64::from(low)) / f64::from(high - low))
}

fn cross_nans(ui: &Ui, rect: Rect, cell: eframe::egui::Vec2, map: &ErrorMap) {
    let palette = Palette::of(ui);
    if map.nans == 0 || cell.x < CROSSED || cell.y < CROSSED {
        return;
    }
    for ((row, col), _) in map.errors.indexed_iter().filter(|(_, error)| error.is_nan()) {
        let place = Rect::from_min_size(rect.min + vec2(col as f32 * cell.x, row as f32 * cell.y), cell).shrink(1.0);
        let stroke = eframe::egui::Stroke::new(1.0, palette.ink);
        ui.painter().line_segment([place.left_top(), place.right_bottom()], stroke);
        ui.painter().line_segment([place.left_bottom(), place.right_top()], stroke);
    }
}

/// The frame, the selected row, and the numbers of the first and last rows and columns.
fn frame(ui: &Ui, rect: Rect, cell: eframe::egui::Vec2, query: usize, (rows, cols): (usize, usize)) {
    let palette = Palette::of(ui);
    let painter = ui.painter();
    painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Outside);
    let font = theme::text(theme::LABEL);
    let y_of = |row: usize| rect.top() + (row as f32 + 0.5) * cell.y;
    let mut named = vec![0, rows - 1];
    if query < rows {
        let top = rect.top() + query as f32 * cell.y;
        let line = Rect::from_min_max(pos2(rect.left(), top), pos2(rect.right(), top + cell.y));
        if cell.y >= CROSSED {
            painter.rect_stroke(line, 0.0, palette.outline(), StrokeKind::Outside);
        } else {
            draw::pointer(painter, line.right_center() + vec2(2.0, 0.0), -1.0, palette.ink);
        }
        named.retain(|row| (y_of(*row) - y_of(query)).abs() >= 14.0);
        named.push(query);
    }
    if rows > 1 && (y_of(rows - 1) - y_of(0)) < 14.0 {
        named.retain(|row| *row == query || *row == 0);
    }
    for row in named {
        let color = if row == query { palette.ink } else { palette.faint_ink };
        painter.text(pos2(rect.left() - 6.0, y_of(row)), Align2::RIGHT_CENTER, row.to_string(), font.clone(), color);
    }
    let below = rect.bottom() + 2.0;
    let ends = [(rect.left(), Align2::LEFT_TOP, 0), (rect.right(), Align2::RIGHT_TOP, cols - 1)];
    for (x, align, col) in ends.into_iter().take(if cols > 1 { 2 } else { 1 }) {
        painter.text(pos2(x, below), align, col.to_string(), font.clone(), palette.faint_ink);
    }
    let title = tr(ui.ctx(), "column of O; rows are queries");
    if rect.width() > 240.0 {
        draw::put_text(painter, pos2(rect.center().x, below), Align2::CENTER_TOP, title, font, palette.faint_ink);
    }
}

fn hover(ui: &Ui, response: &Response, rect: Rect, cell: eframe::egui::Vec2, outcome: &Outcome, map: &ErrorMap) {
    let Some(at) = response.hover_pos().filter(|at| rect.contains(*at)) else { return };
    let (rows, cols) = map.errors.dim();
    let row = (((at.y - rect.top()) / cell.y) as usize).min(rows - 1);
    let col = (((at.x - rect.left()) / cell.x) as usize).min(cols - 1);
    let (got, exact, error) = (outcome.o[[row, col]], map.exact.o[[row, col]], map.errors[[row, col]]);
    let values: [&dyn std::fmt::Display; 5] = [&row, &col, &got, &exact, &short(error)];
    let text = fill(ui.ctx(), "O[{0}, {1}]\nGPU {2}\nexact {3}\nerror {4}", &values);
    response.clone().on_hover_text_at_pointer(text);
}

/// The colours with their decades, the bound among them, and the marks of what has no colour.
fn legend(ui: &mut Ui, map: &ErrorMap) {
    let palette = Palette::of(ui);
    let (low, high) = map.decades();
    // Where everything is exact or NaN there is no scale.
    let has_scale = map.smallest.is_some();
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 34.0), Sense::hover());
    let width = (rect.width() * 0.45).clamp(80.0, 320.0);
    let width = if has_scale { width } else { 0.0 };
    let bar = Rect::from_min_size(rect.min + vec2(SIDE, 2.0), vec2(width, 10.0));
    let painter = ui.painter();
    let steps = 48;
    for n in (0..steps).filter(|_| has_scale) {
        let t = (f64::from(n) + 0.5) / f64::from(steps);
        let left = bar.left() + n as f32 * bar.width() / steps as f32;
        let piece = Rect::from_min_size(pos2(left, bar.top()), vec2(bar.width() / steps as f32 + 0.5, bar.height()));
        painter.rect_filled(piece, 0.0, palette.error(Some(t)));
    }
    if has_scale {
        painter.rect_stroke(bar, 0.0, palette.hairline(), StrokeKind::Outside);
    }
    let x_of = |log: f64| bar.left() + ((log - f64::from(low)) / f64::from(high - low)) as f32 * bar.width();
    let step = ((high - low) / 4 + 1).max(1);
    for decade in (low..=high).filter(|decade| has_scale && (high - decade) % step == 0) {
        let x = x_of(f64::from(decade));
        painter.line_segment([pos2(x, bar.bottom()), pos2(x, bar.bottom() + 3.0)], palette.hairline());
        let at = pos2(x, bar.bottom() + 4.0);
        painter.text(at, Align2::CENTER_TOP, axes::decade(decade), theme::figures(theme::LABEL), palette.faint_ink);
    }
    let bound = map.bound.log10();
    if has_scale && (f64::from(low)..=f64::from(high)).contains(&bound) {
        let x = x_of(bound);
        painter.line_segment([pos2(x, bar.top() - 2.0), pos2(x, bar.bottom() + 2.0)], palette.outline());
    }
    let mut at = pos2(bar.right() + if has_scale { 6.0 * SPACE } else { 0.0 }, bar.top());
    if map.zeros > 0 {
        let text = fill(ui.ctx(), "exact: {0}", &[&map.zeros]);
        at.x += draw::legend_item(painter, at, palette.error(None), &text, palette);
    }
    if map.nans > 0 {
        let text = fill(ui.ctx(), "NaN: {0}", &[&map.nans]);
        draw::legend_item(painter, at, palette.error(Some(f64::NAN)), &text, palette);
    }
}

/// What the map says, for those who do not see it.
fn value(ui: &Ui, map: &ErrorMap) -> String {
    let bound = short(map.bound);
    match map.largest {
        Some((error, (row, col))) => fill(
            ui.ctx(),
            "largest {0} at row {1}, column {2}; allowed {3}; NaN: {4}",
            &[&short(error), &row, &col, &bound, &map.nans],
        ),
        None => fill(ui.ctx(), "no number; allowed {0}; NaN: {1}", &[&bound, &map.nans]),
    }
}
