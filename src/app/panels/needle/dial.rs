//! The needle at O / l, and the ghost of the exact answer.

use std::f32::consts::FRAC_PI_3;

use eframe::egui::{Align2, Pos2, Rect, Shape, Stroke, Ui, pos2, vec2};

use super::frame::Frame;
use super::picture::{Name, Picture, between, column_title, named};
use crate::app::ink::motion::lerp;
use crate::app::ink::{draw, theme};
use crate::app::panels::row_numbers::ratio;
use crate::app::tongue::words::tr;
use crate::number::short;
use crate::schedule::Part;

/// Half of the arc.
const SPREAD: f32 = FRAC_PI_3;

/// Height of the numbers of the scale, of the exact answer above it, and of the value below it.
const ENDS: f32 = 16.0;
const EXACT: f32 = 20.0;
const VALUE: f32 = 28.0;
/// So far beyond the arc the ghost of the exact answer reaches; the number of the middle stands beyond it.
const REACH: f32 = 8.0;
/// Between the pivot and the numbers below it.
const UNDER: f32 = 12.0;

/// The arc with its scale.
struct Dial {
    pivot: Pos2,
    radius: f32,
    low: f64,
    high: f64,
}

impl Dial {
    /// As large as the room lets it be, with its numbers around it.
    fn placed(rect: Rect, zoom: f32, (low, high): (f64, f64)) -> Self {
        let above = (EXACT + ENDS + REACH + 2.0) * zoom;
        let below = UNDER + (ENDS + VALUE) * zoom;
        let radius = (rect.width() * 0.52).min(rect.height() - above - below).max(24.0);
        let free = (rect.height() - above - below - radius).max(0.0);
        let pivot = pos2(rect.center().x, rect.top() + above + free / 2.0 + radius);
        Self { pivot, radius, low, high }
    }

    /// The line of the exact answer, above all else.
    fn exact(&self, rect: Rect, zoom: f32) -> Rect {
        let bottom = self.middle(rect, zoom).top();
        Rect::from_x_y_ranges(rect.x_range(), bottom - EXACT * zoom..=bottom)
    }

    /// The line above the arc, of the number that stands about its middle.
    fn middle(&self, rect: Rect, zoom: f32) -> Rect {
        let bottom = self.pivot.y - self.radius - (REACH + 2.0) * zoom;
        Rect::from_x_y_ranges(rect.x_range(), bottom - ENDS * zoom..=bottom)
    }

    /// The value below the numbers of the ends.
    fn value(&self, rect: Rect, zoom: f32) -> Rect {
        let top = self.pivot.y + UNDER + ENDS * zoom;
        Rect::from_x_y_ranges(rect.x_range(), top..=top + VALUE * zoom)
    }

    fn at(&self, value: f64, part: f32) -> Pos2 {
        let t = ((value - self.low) / (self.high - self.low)).clamp(-0.04, 1.04) as f32;
        let angle = lerp(-SPREAD, SPREAD, t);
        self.pivot + vec2(angle.sin(), -angle.cos()) * self.radius * part
    }
}

pub fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let rect = column_title(ui, rect, "their ratio: the average so far", picture);
    let Some(range) = range(picture) else { return };
    let dial = Dial::placed(rect, picture.zoom, range);
    paint_scale(ui, rect, &dial, picture);
    paint_ghost(ui, rect, &dial, picture);
    paint_needle(ui, &dial, picture);
    let (place, (name, value)) = (dial.value(rect, picture.zoom), value(picture));
    picture.text(ui, place, Align2::CENTER_CENTER, name, &value, theme::figures(theme::TITLE * picture.zoom));
}

/// What the needle points at, with its name.
pub fn value(picture: &Picture<'_>) -> (Name<'static>, String) {
    let name = ratio(picture.look);
    let is_over = picture.now.frame >= Frame::Join;
    let value = match picture.needle() {
        // Of a row that has seen no key both are 0.
        None if is_over && !picture.now.visit.is_divided => format!("{name} = 0 / 0"),
        needle => named(&name, needle),
    };
    (Name::of("needle", Part::Output), value)
}

/// The exact answer, where it can no longer be guessed from.
pub fn exact(ui: &Ui, picture: &Picture<'_>) -> Option<(Name<'static>, String)> {
    let is_over = picture.now.frame == Frame::Fit || is_last_join(picture);
    let exact = picture.exact.filter(|value| is_over && value.is_finite())?;
    Some(("exact needle".into(), named(tr(ui.ctx(), "exact"), Some(exact))))
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
    (low <= high).then(|| round_scale(low, high))
}

/// Parts of the scale, with a line at each end.
const PARTS: f64 = 10.0;

/// A scale around `low..=high` whose lines stand at round numbers: a dial is read by them.
fn round_scale(low: f64, high: f64) -> (f64, f64) {
    // One number alone stands between 0 and twice itself, nought between -1 and 1.
    let span = (high - low).max(0.2 * low.abs().max(high.abs()));
    let span = if span > 0.0 { span } else { 2.0 };
    let (low, high) = (low - 0.04 * span, high + 0.04 * span);
    let least = (high - low).max(span) / PARTS;
    let decade = 10f64.powf(least.log10().floor());
    let start = |step: f64| ((high + low) / 2.0 / step - PARTS / 2.0).round() * step;
    let reaches = |step: f64| start(step) <= low && start(step) + PARTS * step >= high;
    let step = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0].map(|part| part * decade);
    let step = step.into_iter().find(|step| *step >= least && reaches(*step)).unwrap_or(20.0 * decade);
    (start(step), start(step) + PARTS * step)
}

/// A number of the scale: as many digits as its lines need, no more.
fn scale_number(value: f64, span: f64) -> String {
    let value = if value.abs() < 1e-9 * span { 0.0 } else { value };
    let text = short(value);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Which line near the middle of the scale has the roundest number: that is read at a glance, and where a value stands among
/// such lines says no more than the needle does.
fn roundest(low: f64, high: f64) -> u32 {
    let digits = |n: u32| {
        let text = scale_number(low + (high - low) * f64::from(n) / PARTS, high - low);
        text.trim_start_matches('-').trim_start_matches(['0', '.']).trim_end_matches('0').len()
    };
    [5, 6, 4, 7, 3].into_iter().min_by_key(|n| digits(*n)).unwrap_or(5)
}

fn paint_scale(ui: &Ui, rect: Rect, dial: &Dial, picture: &Picture<'_>) {
    let palette = picture.palette;
    let value = |t: f64| dial.low + (dial.high - dial.low) * t;
    let arc: Vec<Pos2> = (0..=48).map(|n| dial.at(value(f64::from(n) / 48.0), 1.0)).collect();
    ui.painter().add(Shape::line(arc, Stroke::new(2.0, palette.faint_ink)));
    let middle = roundest(dial.low, dial.high);
    for n in 0..=10 {
        let t = f64::from(n) / PARTS;
        let is_named = [0, middle, 10].contains(&n);
        let ends = [dial.at(value(t), 1.0), dial.at(value(t), if is_named { 0.92 } else { 0.96 })];
        ui.painter().line_segment(ends, Stroke::new(1.5, palette.faint_ink));
        if is_named {
            let end = dial.at(value(t), 1.0);
            let text = scale_number(value(t), dial.high - dial.low);
            let font = theme::figures(theme::LABEL * picture.zoom);
            if n == middle {
                // Above its line, as far as the column lets it.
                let place = dial.middle(rect, picture.zoom);
                let half = (place.right() - end.x).min(end.x - place.left()).max(0.0);
                let place = Rect::from_x_y_ranges(end.x - half..=end.x + half, place.y_range());
                draw::shrink_text(ui.painter(), place, Align2::CENTER_BOTTOM, &text, font, palette.faint_ink);
                continue;
            }
            // The ends are written below the pivot, where the needle never is, each in its own half of the column.
            let y = dial.pivot.y + 6.0;
            let (align, x) = if n == 0 {
                (Align2::LEFT_TOP, rect.left().max(end.x - 8.0)..=dial.pivot.x - 10.0)
            } else {
                (Align2::RIGHT_TOP, dial.pivot.x + 10.0..=rect.right().min(end.x + 8.0))
            };
            // Where the arc is small they reach beyond it rather than under the pivot.
            let wanted = ui.painter().layout_no_wrap(text.clone(), font.clone(), palette.faint_ink).size().x;
            let x = if n == 0 {
                x.start().min(x.end() - wanted).max(rect.left())..=*x.end()
            } else {
                *x.start()..=x.end().max(x.start() + wanted).min(rect.right())
            };
            let place = Rect::from_x_y_ranges(x, y..=y + ENDS * picture.zoom);
            draw::shrink_text(ui.painter(), place, align, &text, font, palette.faint_ink);
        }
    }
}

fn paint_needle(ui: &Ui, dial: &Dial, picture: &Picture<'_>) {
    let (visit, c) = (picture.now.visit, picture.component);
    let Some(target) = picture.needle().filter(|value| value.is_finite()) else {
        let is_nan = picture.needle().is_some_and(f64::is_nan);
        let fill = if is_nan { picture.palette.trouble } else { picture.palette.rule };
        ui.painter().circle_filled(dial.pivot, 6.0, fill);
        return;
    };
    let from = visit.average_of(&visit.old, c).filter(|value| value.is_finite()).unwrap_or(target);
    let phase = match (picture.now.frame, visit.rescale_at) {
        (Frame::Join, Some(_)) => picture.phase(),
        (Frame::Join, None) => (picture.phase() * 2.0 - 1.0).max(0.0),
        _ => 1.0,
    };
    let value = if picture.now.frame == Frame::Join { between(from, target, phase) } else { target };
    let (tip, palette) = (dial.at(value, 0.97), picture.palette);
    let side = (tip - dial.pivot).normalized().rot90() * 5.0;
    let shape = vec![dial.pivot + side, tip, dial.pivot - side];
    ui.painter().add(Shape::convex_polygon(shape, palette.ink, Stroke::NONE));
    ui.painter().circle_filled(dial.pivot, 8.0, palette.ink);
}

fn paint_ghost(ui: &Ui, rect: Rect, dial: &Dial, picture: &Picture<'_>) {
    let Some(((name, text), exact)) = exact(ui, picture).zip(picture.exact) else { return };
    let palette = picture.palette;
    let ends = [dial.pivot, dial.at(exact, 1.0 + REACH * picture.zoom / dial.radius)];
    ui.painter().extend(Shape::dashed_line(&ends, Stroke::new(2.5, palette.accent), 6.0, 4.0));
    let place = dial.exact(rect, picture.zoom);
    picture.text(ui, place, Align2::CENTER_CENTER, name, &text, picture.figures());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_around_the_dial_stand_apart_and_the_ghost_reaches_none_of_them() {
        let sizes = [(70.0, 150.0), (118.0, 180.0), (118.0, 240.0), (240.0, 300.0), (400.0, 620.0), (600.0, 260.0)];
        for (width, height) in sizes {
            for zoom in [1.0, 1.3, 1.8] {
                let rect = Rect::from_min_size(pos2(7.0, 11.0), vec2(width, height * zoom));
                let dial = Dial::placed(rect, zoom, (0.0, 1.0));
                let [exact, middle, value] = [dial.exact(rect, zoom), dial.middle(rect, zoom), dial.value(rect, zoom)];
                let tip = dial.at(0.5, 1.0 + REACH * zoom / dial.radius).y;
                let of = format!("{width} x {height} at {zoom}");
                assert!(exact.top() >= rect.top() - 0.1 && exact.bottom() <= middle.top() + 0.1, "{of}");
                assert!(middle.bottom() < tip, "{of}");
                assert!(value.top() > dial.pivot.y && value.bottom() <= rect.bottom() + 0.1, "{of}");
            }
        }
    }

    #[test]
    fn the_scale_stands_at_round_numbers_around_the_values() {
        // The averages of `row`, of row 13 of `real`, one number alone, and a dead row.
        for (low, high, ends) in [
            (16.67, 38.5, ["15", "30", "40"]),
            (0.04109, 0.3324, ["0", "0.2", "0.4"]),
            (-1.131, -1.131, ["-1.25", "-1.1", "-1"]),
            (0.0, 0.0, ["-1", "0", "1"]),
        ] {
            let (from, to) = round_scale(low, high);
            assert!(from <= low && high <= to, "{from} to {to} around {low} to {high}");
            let middle = from + (to - from) * f64::from(roundest(from, to)) / PARTS;
            let shown = [from, middle, to].map(|value| scale_number(value, to - from));
            assert_eq!(shown, ends, "{low} to {high}");
        }
        for n in -6..=6 {
            let (low, high) = (-0.31 * 10f64.powi(n), 1.77 * 10f64.powi(n));
            let (from, to) = round_scale(low, high);
            assert!(from <= low && high <= to && to - from < 2.0 * (high - low), "{from} to {to}");
        }
    }
}
