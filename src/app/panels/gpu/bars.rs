//! Three ways to compute the same head in one format, each by its largest error: flash2, plain attention, and the exact
//! result stored in that format; against the bound of the error rule.

use eframe::egui::{Align2, Rect, Sense, Ui, pos2, vec2};

use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::ink::{axes, draw};
use crate::app::run::gpu::comparison::Bars;
use crate::app::tongue::words::{fill, tr};
use crate::number::short;

const NAME: f32 = 190.0;
const NUMBER: f32 = 76.0;
const LINE: f32 = 24.0;

/// A line of the picture.
struct Bar {
    name: String,
    error: f64,
}

/// `gpu`: the largest error of the GPU where it ran in the same format.
pub fn show(ui: &mut Ui, bars: &Bars, gpu: Option<f64>) {
    let ctx = ui.ctx().clone();
    let format = bars.format.name();
    let named = |english: &str, error: f64| Bar { name: fill(&ctx, english, &[&format]), error };
    let mut lines = vec![
        named("flash2 in {0}, the stepper", bars.flash),
        named("plain attention in {0}", bars.plain),
        named("exact (f64), stored in {0}", bars.rounding),
    ];
    lines.extend(gpu.map(|error| named("the GPU in {0}", error)));
    let values = lines.iter().map(|bar| bar.error).chain([bars.bound]);
    let (low, high) = axes::decades(values).unwrap_or((-8.0, 0.0));
    // A bar of the smallest value is still seen.
    let low = low - 0.5;
    let width = (ui.available_width() - NAME - NUMBER).max(48.0);
    let part = |error: f64| ((error.log10() - low) / (high - low)).clamp(0.0, 1.0) as f32;
    let top = ui.cursor().top();
    for bar in &lines {
        line(ui, bar, bars.bound, width, part(bar.error));
    }
    axis(ui, width, (low, high), top, part(bars.bound), bars);
    let bound = short(bars.bound);
    let text = "Bars are largest errors of O, on a logarithmic scale; the line is the bound of the error rule, {0}: twice \
        plain attention, and a floor.";
    let label = axes::note(ui, &fill(&ctx, text, &[&bound]));
    draw::describe(&label, &fill(&ctx, "bound in {0}", &[&format]), &bound);
    if bars.is_bound_of_f32 {
        axes::note(
            ui,
            tr(
                &ctx,
                "Scores are above 5000 here, where plain attention in this format means nothing: the bound is that of f32.",
            ),
        );
    }
}

fn line(ui: &mut Ui, bar: &Bar, bound: f64, width: f32, part: f32) {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(NAME + width + NUMBER, LINE), Sense::hover());
    let painter = ui.painter();
    let name = Rect::from_min_size(rect.min, vec2(NAME - 2.0 * SPACE, LINE));
    draw::fit_text(painter, name, Align2::LEFT_CENTER, &bar.name, theme::text(theme::LABEL), palette.ink);
    // A NaN is within no bound.
    let is_within = bar.error <= bound;
    let room = Rect::from_min_size(rect.min + vec2(NAME, 4.0), vec2(width, LINE - 8.0));
    if bar.error > 0.0 && bar.error.is_finite() {
        let fill = Rect::from_min_size(room.min, vec2(room.width() * part, room.height()));
        painter.rect_filled(fill, 2.0, if is_within { palette.done } else { palette.trouble });
    } else if !bar.error.is_finite() {
        draw::hatch(painter, room, palette.trouble, 8.0);
    }
    let text = if is_within { short(bar.error) } else { format!("! {}", short(bar.error)) };
    let place = Rect::from_min_max(pos2(room.right(), rect.top()), rect.max);
    draw::shrink_text(painter, place, Align2::RIGHT_CENTER, &text, theme::figures(theme::LABEL), palette.ink);
    draw::describe(&response, &bar.name, &text);
}

/// Decades below the bars, and the bound through all of them.
fn axis(ui: &mut Ui, width: f32, (low, high): (f64, f64), top: f32, bound: f32, bars: &Bars) {
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(NAME + width + NUMBER, 18.0), Sense::hover());
    let left = rect.left() + NAME;
    let painter = ui.painter();
    painter.line_segment([pos2(left, rect.top()), pos2(left + width, rect.top())], palette.hairline());
    let step = ((high - low) / 6.0).ceil().max(1.0) as i32;
    for decade in (low.ceil() as i32..=high as i32).filter(|decade| (high as i32 - decade) % step == 0) {
        let x = left + ((f64::from(decade) - low) / (high - low)) as f32 * width;
        painter.line_segment([pos2(x, rect.top()), pos2(x, rect.top() + 3.0)], palette.hairline());
        let at = pos2(x, rect.top() + 4.0);
        painter.text(at, Align2::CENTER_TOP, axes::decade(decade), theme::figures(theme::LABEL), palette.faint_ink);
    }
    if bars.bound > 0.0 && bars.bound.is_finite() {
        let x = left + bound * width;
        painter.line_segment([pos2(x, top), pos2(x, rect.top())], palette.outline());
    }
}
