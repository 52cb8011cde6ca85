//! The figure of a beat: bars side by side, in groups, under a line they may reach. Infinite and NaN have marks.

use eframe::egui::{self, Align2, Pos2, Rect, Sense, Shape, Stroke, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text, shrink_text};
use crate::app::ink::prose;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::playback::lesson::{ShownBar, ShownFigure};

/// Height of a line of text.
const LINE: f32 = 20.0;
/// The widest a bar gets.
const WIDEST: f32 = 96.0;
/// The share of its room that a bar is wide.
const SHARE: f32 = 0.62;

pub fn show(ui: &mut Ui, figure: &ShownFigure) {
    let palette = Palette::of(ui);
    let ink = ui.visuals().strong_text_color();
    let title = ui.label(prose::scripted(&figure.title, theme::text(theme::HEADING), ink));
    title.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Label, true, &figure.title));
    let (rect, response) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let told: Vec<String> = figure.bars.iter().map(|bar| format!("{}: {}", bar.text, bar.shown)).collect();
    draw::describe(&response, "figure", &told.join("; "));
    if rect.width() < 80.0 || rect.height() < 60.0 {
        return;
    }
    let has_groups = !figure.groups.is_empty();
    let names = if has_groups { 2.0 * LINE } else { LINE };
    let chart = Rect::from_min_max(rect.min + vec2(0.0, LINE), rect.max - vec2(0.0, names));
    let scale = Scale::of(figure, chart);
    let columns = columns(figure, chart);
    // A name has the room of its bar, so that no two meet.
    let slot = columns.first().map_or(0.0, |column| column.width() / SHARE - 4.0);
    ui.painter().hline(chart.x_range(), scale.base(), Stroke::new(1.5, palette.ink));
    let numbers: Vec<(f32, String)> =
        figure.bars.iter().zip(&columns).map(|(bar, column)| paint_bar(ui, *column, bar, &scale, palette)).collect();
    for (bar, column) in figure.bars.iter().zip(&columns) {
        let under =
            Rect::from_center_size(pos2(column.center().x, chart.bottom() + 2.0 + LINE / 2.0), vec2(slot, LINE));
        name(ui, under, &bar.text, palette);
    }
    if let Some((limit, text)) = &figure.limit {
        let y = scale.at(*limit);
        ui.painter().extend(Shape::dashed_line(
            &[pos2(chart.left(), y), pos2(chart.right(), y)],
            Stroke::new(1.5, palette.trouble),
            6.0,
            4.0,
        ));
        // Below the line where a bar reaches over it at the left.
        let font = theme::text(theme::LABEL);
        let width = ui.painter().layout_no_wrap(text.clone(), font, palette.ink).size().x;
        let is_free = |top: f32| {
            let place = Rect::from_min_size(pos2(chart.left(), top), vec2(width, LINE));
            let bars = figure.bars.iter().zip(&columns);
            !bars.into_iter().any(|(bar, column)| painted(bar, *column, &scale).intersects(place))
        };
        let tops = [y - LINE, y, scale.chart.top() - LINE];
        let top = tops.into_iter().find(|top| is_free(*top)).unwrap_or(y - LINE);
        let place = Rect::from_min_size(pos2(chart.left(), top), vec2(chart.width(), LINE));
        fit_text(ui.painter(), place, Align2::LEFT_CENTER, text, theme::text(theme::LABEL), palette.ink);
    }
    for ((y, text), column) in numbers.iter().zip(&columns) {
        number(ui, *y, text, *column, palette);
    }
    for (n, (first, text)) in figure.groups.iter().enumerate() {
        let end = figure.groups.get(n + 1).map_or(columns.len(), |(next, _)| *next);
        let Some((first, last)) = columns.get(*first).zip(end.checked_sub(1).and_then(|last| columns.get(last))) else {
            continue;
        };
        let top = chart.bottom() + LINE;
        ui.painter().hline(first.left()..=last.right(), top, palette.hairline());
        let place = Rect::from_min_max(pos2(first.left() - 24.0, top), pos2(last.right() + 24.0, top + LINE));
        fit_text(ui.painter(), place, Align2::CENTER_CENTER, text, theme::text(theme::BODY), palette.faint_ink);
    }
}

/// The name of a bar, smaller where its room is narrow.
fn name(ui: &Ui, place: Rect, text: &str, palette: &Palette) {
    let font = theme::readable_font(text, theme::text(theme::BODY));
    let laid = |size: f32| {
        let font = egui::FontId { size, ..font.clone() };
        ui.painter().layout_job(prose::scripted(text, font, palette.ink))
    };
    let whole = laid(font.size);
    let part = (place.width() - 1.0).max(1.0) / whole.size().x.max(1.0);
    let galley = if part < 1.0 { laid((font.size * part).max(1.0)) } else { whole };
    let at = Align2::CENTER_CENTER.align_size_within_rect(galley.size(), place).min;
    ui.painter().galley(at, galley, palette.ink);
}

/// Values to heights: 0 is always on it.
struct Scale {
    chart: Rect,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(figure: &ShownFigure, chart: Rect) -> Self {
        let values = figure.bars.iter().filter_map(|bar| bar.value).chain(figure.limit.iter().map(|(limit, _)| *limit));
        let (low, high) =
            values.filter(|x| x.is_finite()).fold((0.0, 0.0), |(low, high): (f64, f64), x| (low.min(x), high.max(x)));
        let room = (high - low).max(1e-300);
        // A bar that leaves the picture is higher than all others; the number of one below 0 stands under it.
        let below = if low < 0.0 { 0.12 * room } else { 0.0 };
        Self { chart, low: low - below, high: high + 0.12 * room }
    }

    fn at(&self, value: f64) -> f32 {
        let part = (value.clamp(self.low, self.high) - self.low) / (self.high - self.low).max(1e-300);
        self.chart.bottom() - part as f32 * self.chart.height()
    }

    fn base(&self) -> f32 {
        self.at(0.0)
    }
}

/// The place of each bar; a gap of one bar between groups.
fn columns(figure: &ShownFigure, chart: Rect) -> Vec<Rect> {
    let gaps = figure.groups.iter().filter(|(at, _)| *at > 0).count();
    let slots = figure.bars.len() + gaps;
    let slot = (chart.width() / slots.max(1) as f32).min(WIDEST * 1.6);
    let left = chart.center().x - slot * slots as f32 / 2.0;
    let column = |n: usize| {
        let before = figure.groups.iter().filter(|(at, _)| *at > 0 && *at <= n).count();
        let x = left + slot * (n + before) as f32 + slot * (1.0 - SHARE) / 2.0;
        Rect::from_min_max(pos2(x, chart.top()), pos2(x + slot * SHARE, chart.bottom()))
    };
    (0..figure.bars.len()).map(column).collect()
}

/// Where a bar is painted, with its number.
fn painted(bar: &ShownBar, column: Rect, scale: &Scale) -> Rect {
    let base = scale.base();
    let top = match bar.value {
        None => base - 3.0 * LINE,
        Some(value) if value.is_nan() => base - 2.0 * LINE,
        Some(value) => scale.at(value) - LINE,
    };
    Rect::from_two_pos(pos2(column.left(), base), pos2(column.right(), top)).expand2(vec2(column.width() * 0.25, 0.0))
}

/// The number of a bar, which the line of the limit does not strike through.
fn number(ui: &Ui, y: f32, text: &str, column: Rect, palette: &Palette) {
    let (painter, font) = (ui.painter(), theme::figures(theme::BODY));
    let place = Rect::from_center_size(pos2(column.center().x, y), vec2(column.width() * 1.5, LINE));
    let size = painter.layout_no_wrap(text.to_owned(), font.clone(), palette.ink).size().min(place.size());
    painter.rect_filled(Rect::from_center_size(place.center(), size + vec2(SPACE, 0.0)), 0.0, palette.background);
    shrink_text(painter, place, Align2::CENTER_CENTER, text, font, palette.ink);
}

/// Gives the middle of its number's line, and the number.
fn paint_bar(ui: &Ui, column: Rect, bar: &ShownBar, scale: &Scale, palette: &Palette) -> (f32, String) {
    let painter = ui.painter();
    let base = scale.base();
    match bar.value {
        None => {
            let place = Rect::from_min_max(pos2(column.left(), base - 3.0 * LINE), pos2(column.right(), base));
            painter.rect_stroke(place, 2.0, Stroke::new(1.0, palette.faint_ink), egui::StrokeKind::Inside);
            (place.center().y, bar.shown.clone())
        }
        Some(value) if value.is_nan() => {
            painter.hline(column.x_range(), base, Stroke::new(4.0, palette.trouble));
            (base - LINE, format!("! {}", bar.shown))
        }
        Some(value) if value.is_infinite() => {
            let top = if value > 0.0 { column.top() } else { column.bottom() };
            painter.rect_filled(
                Rect::from_two_pos(pos2(column.left(), base), pos2(column.right(), top)),
                2.0,
                palette.trouble,
            );
            broken(ui, pos2(column.left(), (base + top) / 2.0), column.width(), palette);
            (top - LINE / 2.0, format!("! {}", bar.shown))
        }
        Some(value) => {
            let top = scale.at(value);
            painter.rect_filled(
                Rect::from_two_pos(pos2(column.left(), base), pos2(column.right(), top)),
                2.0,
                palette.accent,
            );
            let above = if value < 0.0 { top + LINE / 2.0 } else { top - LINE / 2.0 };
            (above, bar.shown.clone())
        }
    }
}

/// The bar goes on beyond the picture.
fn broken(ui: &Ui, from: Pos2, width: f32, palette: &Palette) {
    let points =
        (0..=6).map(|n| from + vec2(width * n as f32 / 6.0, if n % 2 == 0 { SPACE } else { -SPACE })).collect();
    ui.painter().add(Shape::line(points, Stroke::new(5.0, palette.background)));
}
