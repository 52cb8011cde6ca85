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

/// [`describe`] with what is worked out for it alone: the name, of the table or in words already, and the value. Nothing is
/// where nobody reads it, as in most frames of most people.
pub fn describe_as(response: &Response, told: impl FnOnce() -> [String; 2]) {
    if is_read(response) {
        let [name, value] = told();
        describe(response, &name, &value);
    }
}

/// `text` beside the pointer, worked out where it is seen or read.
pub fn hint(response: Response, text: impl FnOnce() -> String) -> Response {
    if is_read(&response) || response.hovered() || response.is_tooltip_open() {
        return response.on_hover_text(text());
    }
    response
}

/// A screen reader, or a test, reads what is said of it.
fn is_read(response: &Response) -> bool {
    response.ctx.accesskit_node_builder(response.id, |_| ()).is_some()
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

/// A token as it can be shown: without the spaces around it, of spaces alone in quotes, characters without a glyph (not even
/// of a font of the system, where the window asks for those) by their number.
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

    use eframe::egui::{Context, FallbackRequest, FontData, FontInsert, RawInput, Shape};
    use proptest::prelude::*;

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

    /// What `draw` paints in a window of the program's fonts.
    fn painted(draw: impl FnMut(&mut Ui)) -> Vec<Shape> {
        let ctx = Context::default();
        theme::install(&ctx);
        // Fonts are there from the second frame on.
        let _ = ctx.run_ui(RawInput::default(), |_| {});
        let mut draw = draw;
        let output = ctx.run_ui(RawInput::default(), |ui| draw(ui));
        output.shapes.into_iter().map(|clipped| clipped.shape).collect()
    }

    /// Where texts stand, and what they say.
    fn texts(shapes: &[Shape]) -> Vec<(Rect, String)> {
        let text = |shape: &Shape| match shape {
            Shape::Text(text) => Some((shape.visual_bounding_rect(), text.galley.text().to_owned())),
            _ => None,
        };
        shapes.iter().filter_map(text).collect()
    }

    const ALIGNS: [Align2; 3] = [Align2::LEFT_CENTER, Align2::CENTER_CENTER, Align2::RIGHT_CENTER];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// A text that is fitted leaves its place neither left nor right, whatever the language; a number is never cut.
        #[test]
        fn a_fitted_text_stays_in_its_place(text in "[a-zA-Z0-9块行][a-zA-Z0-9 块行]{0,11}", width in 90f32..200.0, align in 0usize..3) {
            let rect = Rect::from_min_size(pos2(100.0, 50.0), vec2(width, 24.0));
            let (font, ink) = (theme::text(theme::BODY), theme::NO_TINT);
            let mut told = 0.0;
            let fitted = painted(|ui| told = fit_text(ui.painter(), rect, ALIGNS[align], &text, font.clone(), ink));
            for (place, _) in texts(&fitted) {
                prop_assert!(place.left() >= rect.left() - 2.0 && place.right() <= rect.right() + 2.0, "{place:?} of {rect:?}");
            }
            prop_assert!(told <= width + 1.0);
            let shrunk = painted(|ui| shrink_text(ui.painter(), rect, ALIGNS[align], &text, font.clone(), ink));
            for (place, shown) in texts(&shrunk) {
                prop_assert_eq!(&shown, &text, "every character counts");
                prop_assert!(place.width() <= 1.1 * width + 2.0, "{} of {width}", place.width());
            }
        }

        /// Hatches stay at their distance and in a number that can be drawn.
        #[test]
        fn hatches_are_never_too_many(width in 0f32..1e6, height in 0f32..1e6, spacing in -1f32..50.0) {
            let rect = Rect::from_min_size(pos2(10.0, 10.0), vec2(width, height));
            let shapes = painted(|ui| hatch(ui.painter(), rect, theme::NO_TINT, spacing));
            let lines = shapes.iter().filter(|shape| matches!(shape, Shape::LineSegment { .. })).count();
            let is_thin = width < 1.0 || height < 1.0;
            prop_assert!(lines <= 400 && (lines == 0) == is_thin, "{lines} lines");
            let expected = ((width + height) / spacing.max(2.0)).ceil() as usize;
            prop_assert!(is_thin || lines == expected.min(400));
        }
    }

    #[test]
    fn an_arrow_of_no_length_has_no_head() {
        let of = |to: Pos2| painted(|ui| arrow(ui.painter(), pos2(5.0, 5.0), to, Stroke::new(1.0, theme::NO_TINT)));
        let heads = |shapes: &[Shape]| shapes.iter().filter(|shape| matches!(shape, Shape::Path(_))).count();
        assert_eq!((heads(&of(pos2(50.0, 5.0))), heads(&of(pos2(5.0, 5.0)))), (1, 0));
    }

    #[test]
    fn a_token_is_shown_as_what_it_is() {
        let shown = |text: &str| {
            let mut found = String::new();
            painted(|ui| found = token(ui, text));
            found
        };
        for (text, expected) in [
            (" the", "the"),
            ("a b", "a b"),
            (" ", "\" \""),
            ("", "\"\""),
            ("\n", "\\u{a}"),
            ("\u{202e}x", "\\u{202e}x"),
            ("块", "块"),
            ("\u{10ffff}", "U+10FFFF"),
        ] {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }
}
