//! Whether all of a frame is whole: no text is cut or lies over another, and what can be pressed is in reach.

use eframe::egui::epaint::text::PlacedRow;
use eframe::egui::epaint::{ClippedShape, Shape, TextShape};
use eframe::egui::{Context, LayerId, Rect, WidgetRect};

/// So far, in points, ink may reach beyond its place or into its neighbour's.
const SLACK: f32 = 1.0;

/// What has been painted so far in this frame, below all windows.
pub fn is_whole(ctx: &Context) -> bool {
    ctx.graphics(|layers| {
        layers.get(LayerId::background()).is_none_or(|painted| {
            let mut lines = Vec::new();
            painted.all_entries().all(|ClippedShape { clip_rect, shape, .. }| is_seen(shape, *clip_rect, &mut lines))
        })
    })
}

/// What can be pressed of what was laid out so far in this frame, below all windows, is on screen: across its width, and, of
/// what is not scrolled, its height.
pub fn is_in_reach(ctx: &Context, is_scrolled: bool) -> bool {
    let screen = ctx.content_rect().expand(SLACK);
    let is_pressed = |widget: &&WidgetRect| widget.visible && widget.enabled && widget.sense.senses_click();
    let is_seen = |widget: &WidgetRect| {
        let rect = widget.rect;
        let is_across = screen.left() <= rect.left() && rect.right() <= screen.right();
        is_across && (is_scrolled || screen.top() <= rect.top() && rect.bottom() <= screen.bottom())
    };
    ctx.viewport(|viewport| {
        let widgets = viewport.this_pass.widgets.get_layer(LayerId::background());
        widgets.filter(is_pressed).all(is_seen)
    })
}

/// No text of this shape is cut or lies over one of `lines`, to which it is added.
fn is_seen(shape: &Shape, clip: Rect, lines: &mut Vec<Rect>) -> bool {
    match shape {
        Shape::Vec(shapes) => shapes.iter().all(|shape| is_seen(shape, clip, lines)),
        // Words above their keys are slanted, and a formula stands in the gap of its line.
        Shape::Text(text) if text.angle == 0.0 && !text.galley.text().contains("\u{a0}\u{a0}") => {
            let own: Vec<Rect> = ink(text).filter(|line| line.intersects(clip)).collect();
            let is_cut = text.galley.elided || own.iter().any(|line| !clip.expand(SLACK).contains_rect(*line));
            let is_over = own.iter().any(|line| lines.iter().any(|other| are_over(*line, *other)));
            lines.extend(own);
            !is_cut && !is_over
        }
        _ => true,
    }
}

/// Where the lines of a text are painted.
fn ink(text: &TextShape) -> impl Iterator<Item = Rect> {
    let place = |row: &PlacedRow| row.visuals.mesh_bounds.translate(text.pos.to_vec2() + row.pos.to_vec2());
    text.galley.rows.iter().map(place).filter(Rect::is_positive)
}

fn are_over(a: Rect, b: Rect) -> bool {
    let both = a.intersect(b);
    both.width() > SLACK && both.height() > SLACK
}

#[cfg(test)]
mod tests {
    use eframe::egui::{self, Align2, Color32, FontId, RawInput, Ui, pos2, vec2};

    use super::*;

    /// Whether what `paint` does in a window of 200 x 100 points is whole.
    fn is_whole_after(paint: impl Fn(&Ui)) -> bool {
        let ctx = Context::default();
        let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(200.0, 100.0));
        let mut seen = None;
        for _ in 0..2 {
            let input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
            drop(ctx.run_ui(input, |ui| {
                paint(ui);
                seen = Some(is_whole(ui.ctx()));
            }));
        }
        seen.expect("a frame")
    }

    /// A button that stands at a place, however large it is.
    fn reaches(place: Rect) -> [bool; 2] {
        let ctx = Context::default();
        let screen = Rect::from_min_size(pos2(0.0, 0.0), vec2(200.0, 100.0));
        let mut found = [false; 2];
        for _ in 0..2 {
            let input = RawInput { screen_rect: Some(screen), ..RawInput::default() };
            drop(ctx.run_ui(input, |ui| {
                ui.put(place, egui::Button::new("press").min_size(place.size()));
                found = [false, true].map(|is_scrolled| is_in_reach(ui.ctx(), is_scrolled));
            }));
        }
        found
    }

    #[test]
    fn a_button_out_of_reach_is_found() {
        let at = |x: f32, y: f32| Rect::from_min_size(pos2(x, y), vec2(60.0, 24.0));
        assert_eq!(reaches(at(10.0, 10.0)), [true, true]);
        assert_eq!(reaches(at(170.0, 10.0)), [false, false], "it leaves the screen at the right");
        assert_eq!(reaches(at(300.0, 10.0)), [false, false], "no part of it is seen");
        assert_eq!(reaches(at(10.0, 90.0)), [false, true], "it may be scrolled to");
    }

    fn put(ui: &Ui, x: f32, y: f32, text: &str) {
        let painter = ui.painter().with_clip_rect(Rect::from_min_max(pos2(10.0, 10.0), pos2(190.0, 90.0)));
        painter.text(pos2(x, y), Align2::LEFT_TOP, text, FontId::proportional(14.0), Color32::RED);
    }

    #[test]
    fn a_text_that_is_cut_or_covered_is_found() {
        assert!(is_whole_after(|_| {}));
        assert!(is_whole_after(|ui| {
            put(ui, 12.0, 12.0, "one");
            put(ui, 100.0, 12.0, "two");
            put(ui, 12.0, 40.0, "three");
        }));
        assert!(!is_whole_after(|ui| put(ui, 5.0, 12.0, "left")));
        assert!(!is_whole_after(|ui| put(ui, 180.0, 12.0, "right")));
        assert!(!is_whole_after(|ui| put(ui, 12.0, 82.0, "below")));
        assert!(is_whole_after(|ui| put(ui, 12.0, 300.0, "out of sight, as what is scrolled is")));
        assert!(!is_whole_after(|ui| {
            put(ui, 12.0, 12.0, "one");
            put(ui, 20.0, 16.0, "over it");
        }));
        assert!(!is_whole_after(|ui| {
            let mut job =
                egui::text::LayoutJob::simple_singleline("much too long".into(), FontId::default(), Color32::RED);
            job.wrap = egui::text::TextWrapping::truncate_at_width(40.0);
            let galley = ui.painter().layout_job(job);
            ui.painter().galley(pos2(12.0, 12.0), galley, Color32::RED);
        }));
    }
}
