//! The tile view: S and P of the current tile with their tokens, and the rows and keys on chip that make them.

use std::ops::Range;

use eframe::egui::{self, Align2, Color32, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use ndarray::Array2;

use crate::attention::TileClass;
use crate::schedule::Tensor;

use super::action::{Action, Selection};
use super::draw::{self, fit_text};
use super::grid::UV;
use super::look::Look;
use super::number::{cell, short};
use super::operands;
use super::texture::Textures;
use super::theme::{self, NUMBER_CELL, Palette, SPACE};
use super::words::NOTHING_ON_CHIP;

/// Room for the tokens of the rows, and for those of the keys above.
const ROW_LABELS: f32 = 80.0;
const KEY_LABELS: f32 = 20.0;
const LARGEST_CELL: f32 = 120.0;
/// Cells from this size on are told apart by lines and can be hatched.
const LINED_CELL: f32 = 10.0;

/// S or P.
struct Matrix<'a> {
    tensor: Tensor,
    title: &'static str,
    values: Option<&'a Array2<f64>>,
    /// The value at the end of the colours.
    limit: f64,
}

pub fn show(ui: &mut Ui, look: &Look<'_>, textures: &mut Textures, actions: &mut Vec<Action>) {
    let view = &look.snapshot.view;
    if view.rows.is_empty() {
        draw::title(ui, "Tile");
        ui.add_space(4.0 * SPACE);
        ui.label(NOTHING_ON_CHIP);
        return;
    }
    title(ui, look);
    ui.add_space(SPACE);
    let matrices = [matrix_s(look), matrix_p(look)];
    let height = ui.available_height() - operands::HEIGHT;
    // Before the first tile of a block its frame already stands where the cells will be.
    let cols = if view.cols.is_empty() { look.scene.plan().bc } else { view.cols.len() };
    let layout = Layout::new(ui, view.rows.len(), cols, height);
    let (rect, response) = ui.allocate_exact_size(layout.size, Sense::click());
    let corner = rect.min;
    if ui.is_rect_visible(rect) {
        for (n, matrix) in matrices.iter().enumerate() {
            layout.paint(ui, corner, n, matrix, look, textures);
        }
        layout.paint_row_labels(ui, corner, look);
    }
    draw::describe(&response, "tile", &summary(look));
    interact(ui, &response, &layout, corner, look, actions);
    ui.add_space(2.0 * SPACE);
    operands::show(ui, look, textures);
}

fn title(ui: &mut Ui, look: &Look<'_>) {
    let view = &look.snapshot.view;
    let text = match look.snapshot.tile() {
        Some((i, j)) => format!("Tile (i {i}, j {j})"),
        None => format!("Query block i {}", view.rows.start / look.scene.plan().br),
    };
    ui.horizontal(|ui| {
        draw::title(ui, &text);
        let masked = if has_masked(look) { "; hatched: masked" } else { "" };
        draw::caption(ui, &format!("{}{masked}", range_text(&view.rows, &view.cols)));
    });
}

/// The mask hides a pair of the tile.
fn has_masked(look: &Look<'_>) -> bool {
    let view = &look.snapshot.view;
    !view.cols.is_empty() && look.scene.plan().band.class(view.rows.clone(), view.cols.clone()) != TileClass::Full
}

fn range_text(rows: &Range<usize>, cols: &Range<usize>) -> String {
    let range = |name: &str, range: &Range<usize>| match range.len() {
        0 => format!("no {name}"),
        1 => format!("{name} {}", range.start),
        _ => format!("{name} {} to {}", range.start, range.end - 1),
    };
    format!("{}, {}", range("queries", rows), range("keys", cols))
}

fn matrix_s<'a>(look: &Look<'a>) -> Matrix<'a> {
    let values = look.snapshot.scores();
    let finite = |x: &&f64| x.is_finite();
    let limit = values.map_or(1.0, |s| s.iter().filter(finite).fold(0.0, |most, x| f64::max(most, x.abs())));
    Matrix { tensor: Tensor::S, title: "S = scale Q K^T", values, limit }
}

fn matrix_p<'a>(look: &Look<'a>) -> Matrix<'a> {
    Matrix { tensor: Tensor::P, title: "P = exp(S - m)", values: look.snapshot.weights(), limit: 1.0 }
}

/// Where everything of the view stands.
struct Layout {
    rows: usize,
    cols: usize,
    cell: egui::Vec2,
    gap: f32,
    size: egui::Vec2,
}

impl Layout {
    fn new(ui: &Ui, rows: usize, cols: usize, height: f32) -> Self {
        let (rows, cols) = (rows.max(1), cols.max(1));
        let gap = 6.0 * SPACE;
        let room =
            vec2((ui.available_width() - ROW_LABELS - gap - 2.0) / 2.0, (height - KEY_LABELS - 2.0 * LEGEND).max(24.0));
        let width = (room.x / cols as f32).clamp(0.05, LARGEST_CELL);
        let height = (room.y / rows as f32).clamp(0.05, LARGEST_CELL * 0.75);
        // Never higher than wide where a tile is small; a tall tile of many rows is squeezed instead.
        let cell = vec2(width, height.min(width.max(4.0)));
        let size =
            vec2(ROW_LABELS + gap + 2.0 * cell.x * cols as f32, KEY_LABELS + 2.0 * LEGEND + cell.y * rows as f32);
        Self { rows, cols, cell, gap, size }
    }

    /// The cells of matrix `n`.
    fn matrix(&self, corner: Pos2, n: usize) -> Rect {
        let size = vec2(self.cell.x * self.cols as f32, self.cell.y * self.rows as f32);
        let x = ROW_LABELS + n as f32 * (size.x + self.gap);
        Rect::from_min_size(corner + vec2(x, LEGEND + KEY_LABELS), size)
    }

    fn cell(&self, matrix: Rect, row: usize, col: usize) -> Rect {
        Rect::from_min_size(matrix.min + vec2(col as f32 * self.cell.x, row as f32 * self.cell.y), self.cell)
    }

    /// Larger cells have larger labels.
    fn label_font(&self) -> egui::FontId {
        theme::text(if self.cell.x >= 1.5 * NUMBER_CELL { theme::BODY } else { theme::LABEL })
    }

    fn has_numbers(&self) -> bool {
        self.cell.x >= NUMBER_CELL && self.cell.y >= 18.0
    }

    fn paint(&self, ui: &Ui, corner: Pos2, n: usize, matrix: &Matrix<'_>, look: &Look<'_>, textures: &mut Textures) {
        let palette = Palette::of(ui);
        let rect = self.matrix(corner, n);
        let painter = ui.painter();
        let heading = Rect::from_min_size(pos2(rect.left(), corner.y), vec2(rect.width().max(120.0), LEGEND));
        fit_text(painter, heading, Align2::LEFT_CENTER, matrix.title, theme::text(theme::BODY), palette.ink);
        self.paint_key_labels(ui, rect, look);
        match matrix.values {
            None => {
                painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
                let text = if rect.width() > 100.0 { "not computed yet" } else { "-" };
                fit_text(
                    painter,
                    rect.shrink(4.0),
                    Align2::CENTER_CENTER,
                    text,
                    theme::text(theme::LABEL),
                    palette.faint_ink,
                );
            }
            Some(values) => {
                self.paint_values(ui, rect, values, matrix, look, textures);
                self.paint_selection(ui, rect, look);
                legend(ui, rect, matrix, palette);
            }
        }
    }

    fn paint_values(
        &self,
        ui: &Ui,
        rect: Rect,
        values: &Array2<f64>,
        matrix: &Matrix<'_>,
        look: &Look<'_>,
        textures: &mut Textures,
    ) {
        let palette = Palette::of(ui);
        let view = &look.snapshot.view;
        let masked =
            |row: usize, col: usize| !look.scene.plan().band.keeps(view.rows.start + row, view.cols.start + col);
        let color = |row: usize, col: usize| match values.get((row, col)) {
            Some(_) if masked(row, col) => palette.background,
            Some(&x) if matrix.tensor == Tensor::S => palette.diverging(x, matrix.limit),
            Some(&x) => palette.grey(x, matrix.limit),
            None => palette.background,
        };
        let is_lined = self.cell.x >= LINED_CELL && self.cell.y >= LINED_CELL;
        let small = |row, col| if masked(row, col) { palette.hatch } else { color(row, col) };
        let key = look.key(ui.visuals().dark_mode);
        let fill = |row, col| if is_lined { color(row, col) } else { small(row, col) };
        let texture = textures.get(ui.ctx(), matrix.tensor.name(), (key, is_lined), values.dim(), fill);
        ui.painter().image(texture, rect, UV, Color32::WHITE);
        if is_lined {
            for ((row, col), &x) in values.indexed_iter() {
                self.paint_cell(ui, self.cell(rect, row, col), x, masked(row, col), palette);
            }
        }
        ui.painter().rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
    }

    fn paint_cell(&self, ui: &Ui, rect: Rect, x: f64, is_masked: bool, palette: &Palette) {
        let painter = ui.painter();
        painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
        if is_masked {
            draw::hatch(painter, rect, palette.hatch, 7.0);
        } else if self.has_numbers() {
            // Six figures fill two thirds of a cell of any size.
            let font = theme::figures((self.cell.x * 0.24).clamp(theme::LABEL, theme::TITLE).round());
            fit_text(painter, rect, Align2::CENTER_CENTER, &cell(x), font, palette.ink);
        }
        if !x.is_finite() && !is_masked {
            painter.rect_stroke(rect.shrink(1.0), 0.0, Stroke::new(2.0, palette.trouble), StrokeKind::Inside);
        }
    }

    /// The selected row is outlined across, the selected key down.
    fn paint_selection(&self, ui: &Ui, rect: Rect, look: &Look<'_>) {
        let palette = Palette::of(ui);
        let view = &look.snapshot.view;
        if let Some(row) = look.row().map(|query| query - view.rows.start) {
            let line = self.cell(rect, row, 0).union(self.cell(rect, row, self.cols - 1));
            if self.cell.y >= LINED_CELL {
                ui.painter().rect_stroke(line, 0.0, palette.outline(), StrokeKind::Middle);
            } else {
                // An outline would hide a row of a few pixels: it is pointed at from both sides.
                draw::pointer(ui.painter(), line.left_center() - vec2(2.0, 0.0), 1.0, palette.ink);
                draw::pointer(ui.painter(), line.right_center() + vec2(2.0, 0.0), -1.0, palette.ink);
            }
        }
        if let Some(col) = look.selection.key.filter(|key| view.cols.contains(key)).map(|key| key - view.cols.start) {
            let line = self.cell(rect, 0, col).union(self.cell(rect, self.rows - 1, col));
            ui.painter().rect_stroke(line, 0.0, Stroke::new(1.0, palette.ink), StrokeKind::Middle);
        }
    }

    fn paint_key_labels(&self, ui: &Ui, rect: Rect, look: &Look<'_>) {
        if self.cell.x < 14.0 {
            return;
        }
        let palette = Palette::of(ui);
        for (col, key) in look.snapshot.view.cols.clone().enumerate() {
            let cell = self.cell(rect, 0, col);
            let place =
                Rect::from_min_size(pos2(cell.left(), rect.top() - KEY_LABELS), vec2(cell.width() - 2.0, KEY_LABELS));
            let token = look.scene.key_token(key).filter(|_| self.cell.x >= 28.0);
            let text = token.map_or(key.to_string(), |text| draw::token(ui, text));
            fit_text(ui.painter(), place, Align2::CENTER_CENTER, &text, self.label_font(), palette.ink);
        }
    }

    fn paint_row_labels(&self, ui: &Ui, corner: Pos2, look: &Look<'_>) {
        let palette = Palette::of(ui);
        let rect = self.matrix(corner, 0);
        let selected = look.row();
        for (row, query) in look.snapshot.view.rows.clone().enumerate() {
            // Where rows are narrower than a line of text, only the selected one has a label.
            if self.cell.y < 14.0 && Some(query) != selected {
                continue;
            }
            let cell = self.cell(rect, row, 0);
            let place = Rect::from_center_size(
                pos2(corner.x + ROW_LABELS / 2.0 - SPACE, cell.center().y),
                vec2(ROW_LABELS - 2.0 * SPACE, 16.0),
            );
            let token = look.scene.query_token(query).map_or(String::new(), |text| draw::token(ui, text));
            let text = format!("{query} {token}");
            let color = if Some(query) == selected { palette.ink } else { palette.faint_ink };
            fit_text(ui.painter(), place, Align2::RIGHT_CENTER, &text, self.label_font(), color);
        }
    }
}

/// Height of the title above a matrix, and of the colours below it.
const LEGEND: f32 = 24.0;

fn legend(ui: &Ui, rect: Rect, matrix: &Matrix<'_>, palette: &Palette) {
    let bar = Rect::from_min_size(rect.left_bottom() + vec2(0.0, 8.0), vec2(rect.width().clamp(40.0, 96.0), 8.0));
    let painter = ui.painter();
    let low = if matrix.tensor == Tensor::S { -matrix.limit } else { 0.0 };
    let steps = 24;
    for n in 0..steps {
        let t = f64::from(n) / f64::from(steps - 1);
        let value = low + t * (matrix.limit - low);
        let color = if matrix.tensor == Tensor::S {
            palette.diverging(value, matrix.limit)
        } else {
            palette.grey(value, matrix.limit)
        };
        let width = bar.width() / steps as f32;
        let part = Rect::from_min_size(bar.min + vec2(n as f32 * width, 0.0), vec2(width + 0.5, bar.height()));
        painter.rect_filled(part, 0.0, color);
    }
    painter.rect_stroke(bar, 0.0, palette.hairline(), StrokeKind::Outside);
    let text = format!("{} to {}", short(low), short(matrix.limit));
    let place =
        Rect::from_min_max(bar.right_center() + vec2(6.0, -8.0), pos2(rect.right() + 24.0, bar.center().y + 8.0));
    if place.width() > 24.0 {
        fit_text(painter, place, Align2::LEFT_CENTER, &text, theme::text(theme::LABEL), palette.faint_ink);
    }
}

/// Clicks select; the tooltip has the formula with its numbers.
fn interact(
    ui: &Ui,
    response: &egui::Response,
    layout: &Layout,
    corner: Pos2,
    look: &Look<'_>,
    actions: &mut Vec<Action>,
) {
    let Some(at) = response.hover_pos() else { return };
    let view = &look.snapshot.view;
    let found = (0..2).map(|n| layout.matrix(corner, n)).find(|rect| rect.contains(at));
    let Some(rect) = found else { return };
    let part = (at - rect.min) / layout.cell;
    let (row, col) = ((part.y as usize).min(layout.rows - 1), (part.x as usize).min(layout.cols - 1));
    if row >= view.rows.len() || col >= view.cols.len() {
        return;
    }
    let (query, key) = (view.rows.start + row, view.cols.start + col);
    let text = pair_text(ui, look, query, key);
    if response.clone().on_hover_text_at_pointer(text).clicked() {
        actions.push(Action::Select(Selection { query, key: Some(key) }));
    }
}

/// What is known of one pair (query, key), with the formulas filled in.
fn pair_text(ui: &Ui, look: &Look<'_>, query: usize, key: usize) -> String {
    let snapshot = look.snapshot;
    let view = &snapshot.view;
    let name = |kind: &str, n: usize, token: Option<&str>| {
        let token = token.map_or(String::new(), |token| format!(" \"{}\"", draw::token(ui, token)));
        format!("{kind} {n}{token}")
    };
    let mut lines =
        vec![name("query", query, look.scene.query_token(query)), name("key", key, look.scene.key_token(key))];
    let at = |values: Option<&Array2<f64>>| values?.get((query - view.rows.start, key - view.cols.start)).copied();
    if !look.scene.plan().band.keeps(query, key) {
        lines.push("masked: s = -inf, p = 0".into());
        return lines.join("\n");
    }
    if let Some(s) = at(snapshot.scores()) {
        let scale = look.scene.input.problem.scale;
        lines.push(format!("s = scale q k = {} x {} = {}", short(scale), short(s / scale), short(s)));
        if let (Some(p), Some(m)) = (at(snapshot.weights()), snapshot.row_state(query).m) {
            lines.push(format!("p = exp(s - m) = exp({} - {}) = {}", short(s), short(m), short(p)));
        }
    }
    lines.join("\n")
}

/// The selected row's numbers, for those who cannot see them.
fn summary(look: &Look<'_>) -> String {
    let view = &look.snapshot.view;
    let mut text = range_text(&view.rows, &view.cols);
    let Some(row) = look.row().map(|query| query - view.rows.start) else { return text };
    for (name, values) in [("s", look.snapshot.scores()), ("p", look.snapshot.weights())] {
        if let Some(values) = values.filter(|values| row < values.nrows()) {
            // A row of a large tile is not read out.
            let numbers: Vec<String> = values.row(row).iter().take(16).map(|x| short(*x)).collect();
            text += &format!("; row {}: {name} = {}", view.rows.start + row, numbers.join(", "));
        }
    }
    text
}
