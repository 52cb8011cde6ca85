//! The needle at O / l, and the ghost of the exact answer.

use std::f32::consts::FRAC_PI_3;

use eframe::egui::{Align2, Pos2, Rect, Shape, Stroke, Ui, pos2, vec2};

use super::frame::Frame;
use super::{Picture, column_title, named};
use crate::app::motion::lerp;
use crate::app::number::short;
use crate::app::theme;
use crate::app::words::tr;

/// Half of the arc.
const SPREAD: f32 = FRAC_PI_3;

/// Height of the numbers at both ends of the scale.
const ENDS: f32 = 16.0;

/// The arc with its scale.
struct Dial {
    pivot: Pos2,
    radius: f32,
    low: f64,
    high: f64,
}

impl Dial {
    fn at(&self, value: f64, part: f32) -> Pos2 {
        let t = ((value - self.low) / (self.high - self.low)).clamp(-0.04, 1.04) as f32;
        let angle = lerp(-SPREAD, SPREAD, t);
        self.pivot + vec2(angle.sin(), -angle.cos()) * self.radius * part
    }
}

pub fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let rect = column_title(ui, rect, "their ratio: the average so far", picture);
    let Some((low, high)) = range(picture) else { return };
    let text = (44.0 + ENDS) * picture.zoom;
    let radius = (rect.width() * 0.52).min(rect.height() - text - 44.0).max(24.0);
    let pivot = pos2(rect.center().x, rect.top() + (rect.height() - text + radius) / 2.0);
    let dial = Dial { pivot, radius, low, high };
    paint_scale(ui, &dial, picture);
    if picture.now.frame == Frame::Fit || is_last_join(picture) {
        paint_ghost(ui, rect, &dial, picture);
    }
    paint_needle(ui, &dial, picture);
    let top = pivot.y + 12.0 + ENDS * picture.zoom;
    let place = Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), 28.0 * picture.zoom));
    let value = named("O / l", picture.needle());
    picture.text(ui, place, Align2::CENTER_CENTER, "needle", &value, theme::figures(theme::TITLE * picture.zoom));
}

/// The answer is shown when it can no longer be guessed from.
fn is_last_join(picture: &Picture<'_>) -> bool {
    picture.now.frame == Frame::Join && picture.now.index + 1 == picture.story.visits.len() && picture.phase() >= 1.0
}

/// All that the needle will point at, with alpha or without: the scale never moves.
fn range(picture: &Picture<'_>) -> Option<(f64, f64)> {
    let ends = [picture.story, picture.right]
        .into_iter()
        .flat_map(|story| story.visits.iter().filter_map(|visit| visit.average_of(&visit.new, picture.component)));
    let values = ends.chain(picture.exact).filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let room = ((high - low) * 0.15).max(low.abs() * 1e-3).max(1e-9);
    (low <= high).then_some((low - room, high + room))
}

fn paint_scale(ui: &Ui, dial: &Dial, picture: &Picture<'_>) {
    let palette = picture.palette;
    let value = |t: f64| dial.low + (dial.high - dial.low) * t;
    let arc: Vec<Pos2> = (0..=48).map(|n| dial.at(value(f64::from(n) / 48.0), 1.0)).collect();
    ui.painter().add(Shape::line(arc, Stroke::new(2.0, palette.faint_ink)));
    for n in 0..=10 {
        let t = f64::from(n) / 10.0;
        let is_named = n % 5 == 0;
        let ends = [dial.at(value(t), 1.0), dial.at(value(t), if is_named { 0.92 } else { 0.96 })];
        ui.painter().line_segment(ends, Stroke::new(1.5, palette.faint_ink));
        if is_named {
            // The ends are written below the pivot, where the needle never is: the column is no wider than the arc.
            let end = dial.at(value(t), 1.0);
            let (align, at) = match n {
                0 => (Align2::LEFT_TOP, pos2(end.x - 8.0, dial.pivot.y + 6.0)),
                5 => (Align2::CENTER_BOTTOM, end - vec2(0.0, 4.0)),
                _ => (Align2::RIGHT_TOP, pos2(end.x + 8.0, dial.pivot.y + 6.0)),
            };
            let font = theme::figures(theme::LABEL * picture.zoom);
            ui.painter().text(at, align, short(value(t)), font, palette.faint_ink);
        }
    }
}

fn paint_needle(ui: &Ui, dial: &Dial, picture: &Picture<'_>) {
    let (visit, c) = (picture.now.visit, picture.component);
    let Some(target) = picture.needle().filter(|value| value.is_finite()) else {
        ui.painter().circle_filled(dial.pivot, 6.0, picture.palette.rule);
        return;
    };
    let from = visit.average_of(&visit.old, c).filter(|value| value.is_finite()).unwrap_or(target);
    let phase = match (picture.now.frame, visit.rescale_at) {
        (Frame::Join, Some(_)) => picture.phase(),
        (Frame::Join, None) => (picture.phase() * 2.0 - 1.0).max(0.0),
        _ => 1.0,
    };
    let value = if picture.now.frame == Frame::Join { super::between(from, target, phase) } else { target };
    let (tip, palette) = (dial.at(value, 0.97), picture.palette);
    let side = (tip - dial.pivot).normalized().rot90() * 5.0;
    let shape = vec![dial.pivot + side, tip, dial.pivot - side];
    ui.painter().add(Shape::convex_polygon(shape, palette.ink, Stroke::NONE));
    ui.painter().circle_filled(dial.pivot, 8.0, palette.ink);
}

fn paint_ghost(ui: &Ui, rect: Rect, dial: &Dial, picture: &Picture<'_>) {
    let Some(exact) = picture.exact.filter(|value| value.is_finite()) else { return };
    let palette = picture.palette;
    let ends = [dial.pivot, dial.at(exact, 1.12)];
    ui.painter().extend(Shape::dashed_line(&ends, Stroke::new(2.5, palette.accent), 6.0, 4.0));
    let place = Rect::from_min_size(rect.min, vec2(rect.width(), 20.0 * picture.zoom));
    let text = named(tr(ui.ctx(), "exact"), Some(exact));
    picture.text(ui, place, Align2::CENTER_CENTER, "exact needle", &text, picture.figures());
}
