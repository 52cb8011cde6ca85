//! Small drawings and readings that panels share: hatches, fitted text, named values.

use eframe::egui::{
    self, Align2, Color32, FontId, Painter, Pos2, Rect, Response, Role, Sense, Stroke, Ui, WidgetInfo, pos2, vec2,
};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::tongue::words::tr;
use crate::files::printable;

/// Gives a painted thing its name and value, for screen readers and for tests. A name of the table is translated.
pub fn describe(response: &Response, name: &str, value: &str) {
    // Looked up first: within the closure the context is locked.
    let name = tr(&response.ctx, name);
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Meter, true, name);
        info.current_text_value = Some(value.to_owned());
        info
    });
}

/// A line of a table: a name on the left, on as many lines as it needs, a number at the right edge; the number can be read
/// by its accessible name.
pub fn value_row(ui: &mut Ui, name: &str, value: &str, accessible: &str) -> Response {
    let palette = Palette::of(ui);
    let shown = tr(ui.ctx(), name);
    let font = theme::readable_font(shown, theme::text(theme::LABEL));
    let number = ui.painter().layout_no_wrap(value.to_owned(), theme::figures(theme::LABEL), palette.ink);
    let room = (ui.available_width() - number.size().x - 2.0 * SPACE).max(40.0);
    let name = ui.painter().layout(shown.to_owned(), font, palette.faint_ink, room);
    // Where type was made smaller, lines are as high as it is.
    let least = if ui.spacing().interact_size.y > 0.0 { 20.0 } else { 0.0 };
    let size = vec2(ui.available_width(), name.size().y.max(least));
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    for (galley, align, ink) in
        [(name, Align2::LEFT_CENTER, palette.faint_ink), (number, Align2::RIGHT_CENTER, palette.ink)]
    {
        ui.painter().galley(align.align_size_within_rect(galley.size(), rect).min, galley, ink);
    }
    describe(&response, accessible, value);
    response
}

/// The heading of a panel.
pub fn title(ui: &mut Ui, text: &str) -> Response {
    ui.label(egui::RichText::new(tr(ui.ctx(), text)).size(theme::HEADING).strong())
}

/// A small heading of a group.
pub fn caption(ui: &mut Ui, text: &str) -> Response {
    let palette = Palette::of(ui);
    ui.label(label(tr(ui.ctx(), text)).color(palette.faint_ink))
}

/// Text in the size of labels.
pub fn label(text: &str) -> egui::RichText {
    egui::RichText::new(text).size(theme::readable(text, theme::LABEL))
}

/// Diagonal lines over `rect`: what a mask hides.
pub fn hatch(painter: &Painter, rect: Rect, color: Color32, spacing: f32) {
    if rect.width() < 1.0 || rect.height() < 1.0 {
        return;
    }
    let painter = painter.with_clip_rect(painter.clip_rect().intersect(rect));
    let stroke = Stroke::new(1.0, color);
    let count = ((rect.width() + rect.height()) / spacing.max(2.0)).ceil().min(400.0) as usize;
    for n in 1..=count {
        let offset = n as f32 * spacing.max(2.0);
        let from = pos2(rect.left() + offset, rect.top());
        let to = pos2(rect.left() + offset - rect.height(), rect.bottom());
        painter.line_segment([from, to], stroke);
    }
}

/// Text on one line that ends in an ellipsis where it does not fit. Gives its width.
pub fn fit_text(painter: &Painter, rect: Rect, align: Align2, text: &str, font: FontId, color: Color32) -> f32 {
    let font = theme::readable_font(text, font);
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, color);
    job.wrap = egui::text::TextWrapping::truncate_at_width(rect.width().max(0.0));
    let galley = painter.layout_job(job);
    let width = galley.size().x;
    let place = align.align_size_within_rect(galley.size(), rect);
    painter.galley(place.min, galley, color);
    width
}

/// Text at a point, as [`Painter::text`] has it, in a size that its script can be read in.
pub fn put_text(painter: &Painter, at: Pos2, align: Align2, text: &str, font: FontId, color: Color32) -> Rect {
    painter.text(at, align, text, theme::readable_font(text, font), color)
}

/// A text whose every character counts, such as a number: where it is too wide it gets smaller, and is never cut.
pub fn shrink_text(painter: &Painter, rect: Rect, align: Align2, text: &str, font: FontId, color: Color32) {
    let font = theme::readable_font(text, font);
    let width = painter.layout_no_wrap(text.to_owned(), font.clone(), color).size().x;
    let factor = if width > rect.width() { (rect.width() - 1.0).max(1.0) / width } else { 1.0 };
    let font = FontId::new((font.size * factor).max(1.0), font.family);
    let galley = painter.layout_no_wrap(text.to_owned(), font, color);
    let place = align.align_size_within_rect(galley.size(), rect);
    painter.galley(place.min, galley, color);
}

/// The least part of its size that a word is shrunk to before it is shortened.
const LEAST_PART: f32 = 0.8;

/// A word on one line: where it does not fit it is a little smaller, and where that is not enough, shorter.
pub fn squeeze_text(painter: &Painter, rect: Rect, align: Align2, text: &str, font: FontId, color: Color32) {
    let font = theme::readable_font(text, font);
    let width = painter.layout_no_wrap(text.to_owned(), font.clone(), color).size().x;
    let part = ((rect.width() - 0.5) / width.max(1.0)).clamp(LEAST_PART, 1.0);
    fit_text(painter, rect, align, text, FontId::new(font.size * part, font.family), color);
}

/// A token as it can be shown: spaces made visible at its start, characters without a glyph (not even of a font of the
/// system, where the window asks for those) by their number.
pub fn token(ui: &Ui, text: &str) -> String {
    let font = theme::text(theme::LABEL);
    let text = printable(text);
    let shown = ui.fonts_mut(|fonts| {
        text.chars()
            .map(|c| if fonts.has_glyph(&font, c) { c.to_string() } else { format!("U+{:04X} ", c as u32) })
            .collect::<String>()
    });
    if shown.trim().is_empty() { format!("{shown:?}") } else { shown.trim().to_owned() }
}

/// A filled square with a word beside it. Gives the width used.
pub fn legend_item(painter: &Painter, at: Pos2, fill: Color32, text: &str, palette: &Palette) -> f32 {
    let square = Rect::from_min_size(at, vec2(12.0, 12.0));
    painter.rect_filled(square, 2.0, fill);
    painter.rect_stroke(square, 2.0, palette.hairline(), egui::StrokeKind::Inside);
    let text_at = pos2(square.right() + SPACE, square.center().y);
    let text = tr(painter.ctx(), text);
    let rect = put_text(painter, text_at, Align2::LEFT_CENTER, text, theme::text(theme::LABEL), palette.faint_ink);
    rect.right() - at.x + 3.0 * SPACE
}

/// A small triangle with its tip at `tip`, pointing right (1) or left (-1).
pub fn pointer(painter: &Painter, tip: Pos2, direction: f32, color: Color32) {
    let back = tip.x - 7.0 * direction;
    let points = vec![tip, pos2(back, tip.y - 4.0), pos2(back, tip.y + 4.0)];
    painter.add(egui::Shape::convex_polygon(points, color, Stroke::NONE));
}

/// An arrow that something moves along, from `from` to `to`.
pub fn arrow(painter: &Painter, from: Pos2, to: Pos2, stroke: Stroke) {
    painter.line_segment([from, to], stroke);
    let direction = (to - from).normalized();
    if !direction.is_finite() || direction == egui::Vec2::ZERO {
        return;
    }
    let side = vec2(-direction.y, direction.x);
    let base = to - direction * 7.0;
    painter.add(egui::Shape::convex_polygon(
        vec![to, base + side * 4.0, base - side * 4.0],
        stroke.color,
        Stroke::NONE,
    ));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eframe::egui::{Context, FallbackRequest, FontData, FontInsert, RawInput};

    use super::*;

    fn tokens(ctx: &Context, texts: [&str; 4]) -> [String; 4] {
        let mut shown = None;
        drop(ctx.run_ui(RawInput::default(), |ui| shown = Some(texts.map(|text| token(ui, text)))));
        shown.expect("a frame")
    }

    /// The window of the program asks the fonts of the system, as eframe offers; the character is one of our formulas' font.
    #[test]
    fn a_token_is_drawn_by_a_font_that_is_found_or_has_its_number() {
        let ctx = Context::default();
        theme::install(&ctx);
        let texts = [" lit", "\u{2137}x", "\u{13000}", "  "];
        assert_eq!(tokens(&ctx, texts), ["lit", "U+2137 x", "U+13000", "\"  \""]);
        ctx.add_font_provider(Arc::new(|request: &FallbackRequest<'_>| {
            request.cluster.starts_with('\u{2137}').then(|| FontInsert {
                name: "found".into(),
                data: FontData::from_static(include_bytes!("../../../assets/fonts/katex/KaTeX_AMS-Regular.ttf")),
                families: Vec::new(),
            })
        }));
        assert_eq!(tokens(&ctx, texts), ["lit", "\u{2137}x", "U+13000", "\"  \""]);
    }
}
