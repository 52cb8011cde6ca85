//! How the strip is painted.

use eframe::egui::{Align2, Rect, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::fit_text;
use crate::app::ink::texture::{Textures, UV};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::steps_lens::StepsSeen;
use crate::app::run::share::Column;
use crate::app::state::seen::Look;
use crate::app::tongue::words::tr;
use crate::playback::Player;
use crate::schedule::{Beat, Schedule};

use super::detail::Detail;
use super::lanes::{Lanes, OVERHANG};

/// Pixels of the strip's height, in which shares are told apart.
const ROWS: usize = 24;
/// Notches closer than this would be a grey band.
const CLOSEST: f32 = 4.0;
/// A step this wide has an edge; one this wide has room for its name.
const EDGED_STEP: f32 = 14.0;
const NAMED_STEP: f32 = 80.0;

pub fn strip(
    ui: &Ui,
    lanes: Lanes,
    seen: StepsSeen,
    look: &Look<'_>,
    player: &Player,
    detail: &Detail,
    textures: &mut Textures,
) {
    let palette = Palette::of(ui);
    let painter = ui.painter();
    let (band, rect) = (lanes.band, lanes.whole);
    let clipped = painter.with_clip_rect(painter.clip_rect().intersect(band));
    // Where several steps share a column, each kind has its share of the height. Steps of other heads of the group are pale.
    let color = |row: usize, column: usize| {
        let column = detail.columns.get(column);
        let beat = column.and_then(|column| column.at((row as f32 + 0.5) / ROWS as f32));
        let color = beat.map_or(palette.empty, |beat| palette.beat(beat));
        if column.is_some_and(Column::is_other) { palette.pale(color) } else { color }
    };
    let key = (look.generation, ui.visuals().dark_mode, detail.first, detail.end, detail.columns.len());
    let texture = textures.get(ui.ctx(), "strip", key, (ROWS, detail.columns.len()), color);
    let x_of = |step: u64| seen.x_of(step as f64, band);
    let columns = Rect::from_min_max(pos2(x_of(detail.first), band.top()), pos2(x_of(detail.end), band.bottom()));
    clipped.image(texture, columns, UV, theme::NO_TINT);
    if !look.question.hides.steps {
        names(&clipped, seen, band, (detail, look.scene.schedule()), palette);
    }
    // What is still to come is veiled.
    let head = seen.x_of(player.cursor() as f64, band);
    let veil = Rect::from_min_max(pos2(head.max(band.left()), band.top()), band.max);
    if veil.is_positive() {
        painter.rect_filled(veil, 0.0, palette.veil());
    }
    notches(ui, seen, band, detail, palette);
    if let Some(looped) = player.looped() {
        let (from, to) = (x_of(looped.from()), x_of(looped.to()));
        let bar = Rect::from_min_max(pos2(from, lanes.looped.top() + 2.0), pos2(to, lanes.looped.bottom() - 2.0));
        let bar = bar.intersect(lanes.looped);
        if bar.is_positive() {
            painter.rect_filled(bar, 2.0, palette.accent);
        }
    }
    if seen.holds(player.cursor() as f64) {
        let line = lanes.looped.top() + 2.0..=band.bottom() + OVERHANG;
        painter.vline(head, line.clone(), Stroke::new(4.0, palette.panel));
        painter.vline(head, line, palette.outline());
        painter.circle_filled(pos2(head, rect.top() + 3.0), 4.0, palette.ink);
    }
}

/// Where tiles begin, and taller where blocks of the outer loop do.
fn notches(ui: &Ui, seen: StepsSeen, band: Rect, detail: &Detail, palette: &Palette) {
    let painter = ui.painter();
    // Among the edges of single steps a notch is wider.
    let width = if step_width(seen, band) < EDGED_STEP { 1.0 } else { 3.0 };
    for (steps, overhang) in [(&detail.tiles, 0.0), (&detail.blocks, OVERHANG)] {
        if steps.len() as f32 * CLOSEST > band.width() {
            continue;
        }
        for step in steps {
            let x = seen.x_of(*step as f64, band);
            if !band.x_range().contains(x) {
                continue;
            }
            let x = painter.round_to_pixel_center(x);
            painter.vline(x, band.top() - overhang..=band.bottom() + overhang, Stroke::new(width, palette.panel));
            if overhang > 0.0 {
                painter.vline(x, band.bottom()..=band.bottom() + overhang, Stroke::new(1.0, palette.faint_ink));
                painter.vline(x, band.top() - overhang..=band.top(), Stroke::new(1.0, palette.faint_ink));
            }
        }
    }
}

fn step_width(seen: StepsSeen, band: Rect) -> f32 {
    band.width() / seen.span.max(1.0) as f32
}

/// The sign of a beat: what grey alone says to few.
pub fn sign(beat: Beat) -> &'static str {
    match beat {
        Beat::Load => "\u{2193}",
        Beat::Score => "\u{d7}",
        Beat::Softmax => "e",
        Beat::Rescale => "\u{3b1}",
        Beat::Accumulate => "+",
        Beat::Store => "\u{2191}",
    }
}

/// Near enough, each step has its edge and its sign, and nearer still the name of its operation, on a pale ground that its
/// letters stand out from.
fn names(
    painter: &eframe::egui::Painter,
    seen: StepsSeen,
    band: Rect,
    (detail, schedule): (&Detail, &Schedule),
    palette: &Palette,
) {
    let width = step_width(seen, band);
    if width < EDGED_STEP {
        return;
    }
    for (step, &op) in (detail.first..).zip(&detail.ops) {
        let x = seen.x_of(step as f64, band);
        let cell = Rect::from_min_size(pos2(x, band.top()), vec2(width, band.height()));
        let beat = schedule.algorithm.facts(op).beat;
        if width < NAMED_STEP {
            let font = theme::text(theme::LABEL);
            painter.text(cell.center(), Align2::CENTER_CENTER, sign(beat), font, palette.on_beat(beat));
        } else {
            painter.rect_filled(cell, 0.0, palette.pale(palette.beat(beat)));
            let line = Rect::from_min_size(cell.min, vec2(width, 3.0));
            painter.rect_filled(line, 0.0, palette.beat(beat));
            let text = cell.shrink2(vec2(4.0, 0.0));
            fit_text(
                painter,
                text,
                Align2::CENTER_CENTER,
                tr(painter.ctx(), &schedule.algorithm.line(op).label),
                theme::text(theme::LABEL),
                palette.ink,
            );
        }
        painter.vline(cell.left(), band.y_range(), palette.hairline());
    }
}

/// The stretch that is seen within the whole, with the head and the loop.
pub fn seen(ui: &Ui, rect: Rect, seen: StepsSeen, whole: StepsSeen, player: &Player) {
    let (palette, painter) = (Palette::of(ui), ui.painter());
    painter.rect_filled(rect, 2.0, palette.empty);
    let x_of = |step: f64| whole.x_of(step, rect);
    let (from, to) = (x_of(seen.first), x_of(seen.end()));
    // A small part of a long schedule can still be caught.
    let thumb = Rect::from_min_max(pos2(from, rect.top()), pos2(to.max(from + 8.0), rect.bottom())).intersect(rect);
    painter.rect_filled(thumb, 2.0, palette.done);
    painter.rect_stroke(thumb, 2.0, Stroke::new(1.0, palette.faint_ink), StrokeKind::Inside);
    if let Some(looped) = player.looped() {
        let line = x_of(looped.from() as f64)..=x_of(looped.to() as f64);
        painter.hline(line, rect.top() + 1.0, Stroke::new(2.0, palette.accent));
    }
    painter.vline(x_of(player.cursor() as f64), rect.y_range(), palette.outline());
}

/// A hit of the breakpoints: a small sign below the colours, that points to the end of its step.
pub fn stop(ui: &Ui, place: Rect, x: f32) {
    let (palette, tip) = (Palette::of(ui), pos2(x, place.top()));
    let base = place.bottom();
    let sign = vec![tip, pos2(x - 3.5, base), pos2(x + 3.5, base)];
    ui.painter().add(Shape::convex_polygon(sign, palette.accent, Stroke::new(1.0, palette.panel)));
}

/// An end of the loop: a flag that points into it, on a line through the colours.
pub fn handle(ui: &Ui, lanes: Lanes, x: f32, is_start: bool, is_active: bool) {
    let (palette, painter) = (Palette::of(ui), ui.painter());
    let color = if is_active { palette.ink } else { palette.accent };
    painter.vline(x, lanes.looped.top()..=lanes.band.bottom(), Stroke::new(2.0, color));
    let inwards = if is_start { 8.0 } else { -8.0 };
    let (top, bottom) = (lanes.looped.top(), lanes.looped.bottom());
    let flag = vec![pos2(x, top), pos2(x + inwards, top), pos2(x, bottom + 2.0)];
    painter.add(Shape::convex_polygon(flag, color, Stroke::NONE));
}
