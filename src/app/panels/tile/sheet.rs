//! S and P drawn as cells: colours, numbers where there is room, tokens along both sides, the selection.

use eframe::egui::text::LayoutJob;
use eframe::egui::{self, Align, Align2, Rect, Stroke, StrokeKind, Ui, pos2, vec2};
use ndarray::Array2;

use crate::app::ink::draw::{self, shrink_text, squeeze_text};
use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, NUMBER_CELL, Palette};
use crate::app::panels::tile::layout::{self, TileLayout};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::{cell, narrow_cell, short};
use crate::schedule::Part;

/// Room for the words of a row.
const LABELS: f32 = 64.0;
/// Cells from this size on are told apart by lines and can be hatched.
const LINED_CELL: f32 = 10.0;
/// Characters of a short number with its sign, and the width of a figure as a part of its type.
const SHORT: usize = 5;
const FIGURE: f32 = 0.6;

/// Scores or weights.
pub struct Matrix<'a> {
    pub part: Part,
    /// The statements that make it.
    pub formulas: Vec<String>,
    pub values: Option<&'a Array2<f64>>,
    /// The value at the end of the colours.
    pub limit: f64,
}

/// A sheet in its place.
pub struct Sheets<'a> {
    pub layout: &'a TileLayout,
    pub look: &'a Look<'a>,
    pub palette: &'static Palette,
}

impl Sheets<'_> {
    /// Larger cells have larger labels.
    fn label_font(&self) -> egui::FontId {
        theme::text(if self.layout.cell.x >= 1.5 * NUMBER_CELL { theme::BODY } else { theme::LABEL })
    }

    /// Six figures fill two thirds of a cell of any size, and short numbers of a narrow one have one size.
    fn figure_size(&self) -> f32 {
        let width = self.layout.cell.x;
        match width >= NUMBER_CELL - 8.0 {
            true => (width * 0.24).clamp(theme::LABEL, theme::TITLE).round(),
            false => (width - 4.0) / (SHORT as f32 * FIGURE),
        }
    }

    /// How the number of a cell is written, where there is room for it.
    fn written(&self, ui: &Ui) -> Option<fn(f64) -> String> {
        let size = self.layout.cell;
        let least = NUMBER_CELL - 8.0;
        match size.y >= layout::LEAST_NUMBER_HEIGHT {
            true if size.x >= least => Some(cell),
            // What is enlarged can be read in a smaller type.
            true if size.x >= layout::NARROW_CELL.max(least / ui.ctx().zoom_factor()) => Some(narrow_cell),
            _ => None,
        }
    }

    /// The sheet of this number.
    pub fn paint(&self, ui: &Ui, n: usize, matrix: &Matrix<'_>, textures: &mut Textures) {
        let Self { layout, look, palette } = *self;
        let (rect, painter) = (layout.sheets[n], ui.painter());
        painter.rect_filled(rect, 0.0, palette.background);
        let lines = matrix.formulas.len() as f32;
        for (line, formula) in matrix.formulas.iter().enumerate() {
            let bottom = layout.formulas[n].bottom() - (lines - 1.0 - line as f32) * layout::FURTHER;
            let top = if line == 0 { layout.formulas[n].top() } else { bottom - layout::FURTHER };
            let place = Rect::from_x_y_ranges(layout.formulas[n].x_range(), top..=bottom);
            shrink_text(painter, place, Align2::LEFT_CENTER, formula, theme::text(theme::BODY), palette.ink);
        }
        self.paint_key_labels(ui, rect);
        match matrix.values {
            None => {
                painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
                let is_due = look.snapshot.has_buffer(look.snapshot.called(matrix.part));
                let text = match look.scene.run.has_numbers() {
                    false => "counted alone, without numbers",
                    true if is_due => "not computed yet",
                    true => "not on chip",
                };
                let text = tr(ui.ctx(), text);
                let font = theme::readable_font(text, theme::text(theme::LABEL));
                let mut job = LayoutJob::simple(text.to_owned(), font, palette.faint_ink, rect.width() - 8.0);
                job.halign = Align::Center;
                let galley = painter.layout_job(job);
                painter.galley(rect.center() - vec2(0.0, galley.size().y / 2.0), galley, palette.faint_ink);
            }
            Some(values) => {
                self.paint_values(ui, rect, values, matrix, textures);
                self.paint_selection(ui, rect);
                let below = Rect::from_x_y_ranges(rect.x_range(), rect.top()..=layout.bottom(n));
                legend(ui, below, matrix, palette);
            }
        }
    }

    fn paint_values(&self, ui: &Ui, rect: Rect, values: &Array2<f64>, matrix: &Matrix<'_>, textures: &mut Textures) {
        let Self { layout, look, palette } = *self;
        let view = &look.snapshot.view;
        let masked = |row: usize, col: usize| !look.sees(view.rows.start + row, view.cols.start + col);
        let color = |row: usize, col: usize| match values.get((row, col)) {
            Some(_) if masked(row, col) => palette.background,
            Some(&x) if matrix.part == Part::Scores => palette.diverging(x, matrix.limit),
            Some(&x) => palette.grey(x, matrix.limit),
            None => palette.background,
        };
        let is_lined = is_lined(layout);
        let small = |row, col| if masked(row, col) { palette.hatch } else { color(row, col) };
        let key = look.key(ui.visuals().dark_mode);
        let shown = |row, col| if is_lined { color(row, col) } else { small(row, col) };
        let texture = textures.get(ui.ctx(), matrix.part.symbol(), (key, is_lined), values.dim(), shown);
        ui.painter().image(texture, rect, UV, theme::NO_TINT);
        if is_lined {
            for ((row, col), &x) in values.indexed_iter() {
                self.paint_cell(ui, layout.cell(rect, row, col), x, masked(row, col));
            }
        }
        ui.painter().rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
    }

    fn paint_cell(&self, ui: &Ui, rect: Rect, x: f64, is_masked: bool) {
        let palette = self.palette;
        let painter = ui.painter();
        painter.rect_stroke(rect, 0.0, palette.hairline(), StrokeKind::Inside);
        if is_masked {
            draw::hatch(painter, rect, palette.hatch, 7.0);
        } else if let Some(written) = self.written(ui) {
            let font = theme::figures(self.figure_size());
            shrink_text(painter, rect.shrink2(vec2(1.0, 0.0)), Align2::CENTER_CENTER, &written(x), font, palette.ink);
        }
        if !x.is_finite() && !is_masked {
            painter.rect_stroke(rect.shrink(1.0), 0.0, Stroke::new(2.0, palette.trouble), StrokeKind::Inside);
        }
    }

    /// The selected row is outlined across, the selected key down.
    fn paint_selection(&self, ui: &Ui, rect: Rect) {
        let Self { layout, look, palette } = *self;
        let view = &look.snapshot.view;
        if let Some(row) = look.row().map(|query| query - view.rows.start) {
            let line = layout.cell(rect, row, 0).union(layout.cell(rect, row, layout.cols - 1));
            if layout.cell.y >= LINED_CELL {
                ui.painter().rect_stroke(line, 0.0, palette.outline(), StrokeKind::Middle);
            } else {
                // An outline would hide a row of a few pixels: it is pointed at from both sides.
                draw::pointer(ui.painter(), line.left_center() - vec2(2.0, 0.0), 1.0, palette.ink);
                draw::pointer(ui.painter(), line.right_center() + vec2(2.0, 0.0), -1.0, palette.ink);
            }
        }
        if let Some(col) = look.selection.key.filter(|key| view.cols.contains(key)).map(|key| key - view.cols.start) {
            let line = layout.cell(rect, 0, col).union(layout.cell(rect, layout.rows - 1, col));
            ui.painter().rect_stroke(line, 0.0, Stroke::new(1.0, palette.ink), StrokeKind::Middle);
        }
    }

    /// Above what stands over the sheet.
    fn paint_key_labels(&self, ui: &Ui, rect: Rect) {
        let Self { layout, look, palette } = *self;
        if layout.cell.x < 14.0 {
            return;
        }
        for (col, key) in look.snapshot.view.cols.clone().enumerate() {
            let left = layout.cell(rect, 0, col).left();
            let place = Rect::from_min_size(pos2(left, layout.keys), vec2(layout.cell.x - 2.0, layout::KEYS));
            let token = look.scene.key_token(key).filter(|_| layout.cell.x >= 28.0);
            let text = token.map_or(key.to_string(), |text| draw::token(ui, text));
            squeeze_text(ui.painter(), place, Align2::CENTER_CENTER, &text, self.label_font(), palette.ink);
        }
    }

    pub fn paint_row_labels(&self, ui: &Ui) {
        let Self { layout, look, palette } = *self;
        let selected = look.row();
        for (row, query) in look.snapshot.view.rows.clone().enumerate() {
            // Where rows are narrower than a line of text, only the selected one has a label.
            if layout.cell.y < 14.0 && Some(query) != selected {
                continue;
            }
            let middle = layout.cell(layout.sheets[0], row, 0).center().y;
            let left = (layout.words - LABELS).max(ui.max_rect().left());
            let place = Rect::from_x_y_ranges(left..=layout.words, middle - 8.0..=middle + 8.0);
            let text = row_word(ui, look, query);
            let color = if Some(query) == selected { palette.ink } else { palette.faint_ink };
            squeeze_text(ui.painter(), place, Align2::RIGHT_CENTER, &text, self.label_font(), color);
        }
    }
}

/// The number of a query, and its word where there is one.
fn row_word(ui: &Ui, look: &Look<'_>, query: usize) -> String {
    let token = look.scene.query_token(query).map_or(String::new(), |text| draw::token(ui, text));
    format!("{query} {token}").trim_end().to_owned()
}

/// Points of the longest word of a query of the tile.
pub fn row_words(ui: &Ui, look: &Look<'_>) -> f32 {
    let wide = |query| {
        let text = row_word(ui, look, query);
        let font = theme::readable_font(&text, theme::text(theme::BODY));
        ui.painter().layout_no_wrap(text, font, Palette::of(ui).ink).size().x
    };
    look.snapshot.view.rows.clone().map(wide).fold(0.0, f32::max)
}

/// Cells are told apart by lines, and can be hatched.
pub fn is_lined(layout: &TileLayout) -> bool {
    layout.cell.min_elem() >= LINED_CELL
}

/// The colours below a sheet, with their numbers.
fn legend(ui: &Ui, rect: Rect, matrix: &Matrix<'_>, palette: &Palette) {
    // A tile that is masked whole has no scale.
    if matrix.limit <= 0.0 {
        return;
    }
    let painter = ui.painter();
    let low = if matrix.part == Part::Scores { -matrix.limit } else { 0.0 };
    let text = fill(ui.ctx(), "{0} to {1}", &[&short(low), &short(matrix.limit)]);
    let font = theme::readable_font(&text, theme::text(theme::LABEL));
    let wanted = painter.layout_no_wrap(text.clone(), font.clone(), palette.faint_ink).size().x;
    // The numbers come first: beside long ones the colours take less room.
    let width = (rect.width() + 16.0 - wanted).min(rect.width()).clamp(32.0, 96.0);
    let bar = Rect::from_min_size(rect.left_bottom() + vec2(0.0, 8.0), vec2(width, 8.0));
    let steps = 24;
    for n in 0..steps {
        let t = f64::from(n) / f64::from(steps - 1);
        let value = low + t * (matrix.limit - low);
        let color = if matrix.part == Part::Scores {
            palette.diverging(value, matrix.limit)
        } else {
            palette.grey(value, matrix.limit)
        };
        let width = bar.width() / steps as f32;
        let part = Rect::from_min_size(bar.min + vec2(n as f32 * width, 0.0), vec2(width + 0.5, bar.height()));
        painter.rect_filled(part, 0.0, color);
    }
    painter.rect_stroke(bar, 0.0, palette.hairline(), StrokeKind::Outside);
    let place =
        Rect::from_min_max(bar.right_center() + vec2(6.0, -8.0), pos2(rect.right() + 24.0, bar.center().y + 8.0));
    if place.width() > 24.0 {
        shrink_text(painter, place, Align2::LEFT_CENTER, &text, font, palette.faint_ink);
    }
}
