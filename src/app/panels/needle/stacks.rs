//! The weights stacked to l beside the bar of O, and the one bracket that shrinks both.

use eframe::egui::text::LayoutJob;
use eframe::egui::{Align, Align2, Color32, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::frame::{Frame, leaves_line};
use super::picture::{Name, Picture, column_title, dashed, largest, named};
use crate::app::ink::draw::hatch;
use crate::app::ink::motion::lerp;
use crate::app::ink::theme;
use crate::app::tongue::words::{fill, tr};
use crate::machine::{RowStory, RowVisit};
use crate::number::short;
use crate::schedule::{Part, Tensor};

/// Weights thinner than this are one block.
const THINNEST: f32 = 3.0;

pub fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let title = fill(ui.ctx(), "what is kept: {1} and {0}", &[&name_of_o(picture), &picture.called(Part::Sum)]);
    let rect = column_title(ui, rect, &title, picture);
    let line = 20.0 * picture.zoom;
    let heads = Rect::from_min_size(rect.min, vec2(rect.width(), line));
    let names = Rect::from_min_size(pos2(rect.left(), rect.bottom() - line), vec2(rect.width(), line));
    let is_narrow = rect.width() < 184.0 * picture.zoom;
    let under_bars = if is_narrow { names.top() - line } else { names.top() };
    // Two bars of one width, with room for the bracket above them.
    let bars = Rect::from_min_max(pos2(rect.left(), heads.bottom() + 2.0 * line), pos2(rect.right(), under_bars - 4.0));
    let half = rect.width() / 2.0;
    let width = (half * 0.6).min(96.0 * picture.zoom);
    let bar = |n: f32| {
        let x = rect.left() + half * (n + 0.5);
        Rect::from_min_max(pos2(x - width / 2.0, bars.top()), pos2(x + width / 2.0, bars.bottom()))
    };
    let under = |n: f32, rect: Rect| {
        Rect::from_min_size(pos2(rect.left() + half * n, rect.top()), vec2(half - 4.0, rect.height()))
    };
    let [(stack, l), (bar_of, o)] = sums(picture);
    // On one line two sums would read as one: in a narrow column each has a line, from below its bar on.
    let places = if is_narrow {
        [(names.translate(vec2(0.0, -line)), Align2::LEFT_CENTER), (names, Align2::RIGHT_CENTER)]
    } else {
        [0.0, 1.0].map(|n| (under(n, names), Align2::CENTER_CENTER))
    };
    // Both in one size.
    let wide = |text: &str| {
        let galley = ui.painter().layout_no_wrap(text.to_owned(), picture.figures(), picture.palette.ink);
        galley.size().x
    };
    let mut font = picture.figures();
    font.size *= ((places[0].0.width() - 1.0) / wide(&l).max(wide(&o))).clamp(0.1, 1.0);
    for ((place, align), (accessible, text)) in places.into_iter().zip([(stack, &l), (bar_of, &o)]) {
        picture.text(ui, place, align, accessible, text, font.clone());
    }
    paint_stack(ui, bar(0.0), picture);
    paint_bar(ui, bar(1.0), picture);
    paint_bracket(ui, rect, bar(0.0).union(bar(1.0)), picture);
    paint_first_fault(ui, heads, picture);
}

/// The numbers of both bars, each with its name.
pub fn sums(picture: &Picture<'_>) -> [(Name<'static>, String); 2] {
    let (sums, visit) = (picture.sums(), picture.now.visit);
    let o = visit.sum_of(sums, picture.component);
    [
        (Name::of("stack {0}", Part::Sum), named(picture.called(Part::Sum), Some(sums.l))),
        (Name::of("bar of {0}", Part::Output), named(&name_of_sum(picture), Some(o))),
    ]
}

/// The sum of weighted values: `O`, or `l O` where the text keeps the average.
fn name_of_o(picture: &Picture<'_>) -> String {
    let name = name_of_sum(picture);
    if picture.look.scene.plan().d_v == 1 { name } else { format!("{name}[{}]", picture.component) }
}

fn name_of_sum(picture: &Picture<'_>) -> String {
    let name = picture.called(Part::Output);
    if picture.now.visit.is_divided { format!("{} {name}", picture.called(Part::Sum)) } else { name.to_owned() }
}

/// What a visit leaves of what was there before: of l, and of O.
fn left(visit: &RowVisit, picture: &Picture<'_>) -> [f64; 2] {
    match (picture.forgets, visit.shrinks_alike) {
        (true, _) => [1.0; 2],
        (false, true) => [visit.alpha; 2],
        (false, false) => visit.left(picture.component),
    }
}

/// How much of its old height l (0) or O (1) still has, now in the picture.
fn shrunk(picture: &Picture<'_>, of: usize) -> f32 {
    let (visit, frame) = (picture.now.visit, picture.now.frame);
    let alpha = left(visit, picture)[of] as f32;
    let alpha = if alpha.is_finite() && visit.old.l > 0.0 { alpha } else { 1.0 };
    match frame {
        Frame::Rest | Frame::Arrive | Frame::Climb => 1.0,
        Frame::Shrink => lerp(1.0, alpha, picture.phase()),
        // Where shrinking and adding are one step, the first half of it shrinks.
        Frame::Join if visit.rescale_at.is_none() => lerp(1.0, alpha, (picture.phase() * 2.0).min(1.0)),
        Frame::Join | Frame::Fit => alpha,
    }
}

/// How much of the new weights has joined.
fn joined(picture: &Picture<'_>) -> f32 {
    match picture.now.frame {
        Frame::Join if picture.now.visit.rescale_at.is_none() => (picture.phase() * 2.0 - 1.0).max(0.0),
        Frame::Join => picture.phase(),
        Frame::Fit => 1.0,
        _ => 0.0,
    }
}

/// The weights of earlier visits as they stand before visit `index`: each was shrunk by every alpha since. Latest first.
fn earlier(story: &RowStory, index: usize, picture: &Picture<'_>) -> Vec<f64> {
    let (mut weights, mut kept) = (Vec::new(), 1.0);
    for visit in story.visits[..index].iter().rev() {
        weights.extend(added(visit).map(|weight| weight * kept));
        kept *= left(visit, picture)[0];
    }
    weights
}

fn added(visit: &RowVisit) -> impl Iterator<Item = f64> + '_ {
    visit.weights.iter().map(|weight| weight * visit.beta)
}

fn paint_stack(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let visit = picture.now.visit;
    // One scale for the whole visit: only then is a shrinking bar a shrinking sum.
    let scale = rect.height() / largest([visit.old.l, visit.new.l, 1e-300]) as f32;
    let fill = picture.palette.tensor(Tensor::SUM);
    let kept = shrunk(picture, 0);
    let mut y = rect.bottom();
    let old = earlier(picture.story, picture.now.index, picture);
    y = segments(ui, rect, y, old.into_iter().rev().map(|w| w as f32 * kept * scale), fill, picture);
    let share = joined(picture);
    if share > 0.0 {
        let from = y;
        let new = added(visit).map(|weight| weight as f32 * share * scale);
        y = segments(ui, rect, y, new, fill, picture);
        let place = Rect::from_min_max(pos2(rect.left(), y), pos2(rect.right(), from));
        hatch(ui.painter(), place, picture.palette.ink.gamma_multiply(0.45), 7.0);
    }
    base(ui, rect, picture);
    mark_nan(ui, rect, rect.bottom(), picture.sums().l, picture);
}

/// Stacks upwards from `y`; gives the new top.
fn segments(
    ui: &Ui,
    rect: Rect,
    mut y: f32,
    heights: impl Iterator<Item = f32>,
    fill: Color32,
    picture: &Picture<'_>,
) -> f32 {
    // Of many thin weights one block is drawn: a frame costs no more for a longer row.
    let mut block = 0.0;
    let paint = |y: &mut f32, height: f32| {
        let place = Rect::from_min_max(pos2(rect.left(), *y - height), pos2(rect.right(), *y));
        ui.painter().rect_filled(place, 0.0, fill);
        if height >= THINNEST {
            ui.painter().hline(place.x_range(), place.top(), Stroke::new(1.0, picture.palette.background));
        }
        *y -= height;
    };
    for height in heights.filter(|height| height.is_finite() && *height > 0.0) {
        block += height;
        if block >= THINNEST {
            paint(&mut y, block);
            block = 0.0;
        }
    }
    paint(&mut y, block);
    y
}

fn paint_bar(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let (visit, c) = (picture.now.visit, picture.component);
    let (old, new) = (visit.sum_of(&visit.old, c), visit.sum_of(&visit.new, c));
    let limit = largest([old, new, 1e-300]);
    // Upwards for what is positive; the zero stands where both signs have room.
    let (low, high) = (old.min(new).min(0.0), old.max(new).max(0.0));
    let zero = rect.bottom() - rect.height() * (-low / (high - low).max(limit)) as f32;
    let scale = rect.height() / (high - low).max(limit) as f32;
    let kept = old as f32 * shrunk(picture, 1);
    let target = old * if visit.old.l > 0.0 { left(visit, picture)[1] } else { 1.0 };
    let value = kept + (new - target) as f32 * joined(picture);
    if value.is_finite() {
        let fill = picture.palette.tensor(Tensor::O);
        let place = Rect::from_two_pos(pos2(rect.left(), zero), pos2(rect.right(), zero - value * scale));
        ui.painter().rect_filled(place, 0.0, fill);
        if joined(picture) > 0.0 {
            let from = zero - kept * scale;
            let added = Rect::from_two_pos(pos2(rect.left(), from), pos2(rect.right(), zero - value * scale));
            hatch(ui.painter(), added, picture.palette.ink.gamma_multiply(0.45), 7.0);
        }
    }
    ui.painter().hline(rect.x_range(), zero, Stroke::new(1.5, picture.palette.faint_ink));
    mark_nan(ui, rect, zero, visit.sum_of(picture.sums(), c), picture);
}

/// A bar that is NaN has no height: it is a line in the colour of trouble.
fn mark_nan(ui: &Ui, bar: Rect, zero: f32, value: f64, picture: &Picture<'_>) {
    if value.is_nan() {
        ui.painter().hline(bar.x_range(), zero, Stroke::new(5.0, picture.palette.trouble));
    }
}

fn base(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    ui.painter().hline(rect.x_range(), rect.bottom(), Stroke::new(1.5, picture.palette.faint_ink));
}

/// One bracket over both bars: they shrink together, by the same factor.
fn paint_bracket(ui: &Ui, column: Rect, bars: Rect, picture: &Picture<'_>) {
    let (visit, frame, palette) = (picture.now.visit, picture.now.frame, picture.palette);
    let is_due = matches!(frame, Frame::Climb | Frame::Shrink) || (frame == Frame::Join && visit.rescale_at.is_none());
    if !is_due || visit.old.l <= 0.0 || !visit.shrinks_alike && !picture.forgets {
        return;
    }
    let scale = bars.height() / largest([visit.old.l, visit.new.l, 1e-300]) as f32;
    let before = bars.bottom() - visit.old.l as f32 * scale;
    let y = bars.bottom() - visit.old.l as f32 * scale * shrunk(picture, 0) - 4.0;
    let (left, right) = (bars.left() - 8.0, bars.right() + 8.0);
    if frame != Frame::Climb && visit.is_rescaled() && !picture.forgets {
        dashed(ui, pos2(left, before), pos2(right, before), Stroke::new(1.0, palette.faint_ink));
    }
    let stroke = palette.outline();
    ui.painter().hline(left..=right, y, stroke);
    for x in [left, right] {
        ui.painter().vline(x, y..=bars.bottom(), stroke);
    }
    let text = match (picture.forgets, visit.is_rescaled()) {
        (true, true) => fill(ui.ctx(), "{0} forgotten", &[&picture.called(Part::Alpha)]),
        (_, true) if picture.look.question.hides.factor => format!("x {}", picture.called(Part::Alpha)),
        (_, true) => format!("x {}", short(visit.alpha)),
        (_, false) if picture.look.question.hides.factor => tr(ui.ctx(), "no new max").to_owned(),
        (_, false) if leaves_line(visit) => tr(ui.ctx(), "x 1: the line stays").to_owned(),
        (_, false) => tr(ui.ctx(), "x 1: no new maximum").to_owned(),
    };
    // What has joined stands over the bracket: what is said of it stands above that.
    let y = if joined(picture) > 0.0 { y.min(bars.top()) } else { y };
    // Words have the width of the column, and two lines where one is too short.
    let font = theme::readable_font(&text, if visit.is_rescaled() { picture.figures() } else { picture.label() });
    let mut job = LayoutJob::simple(text.clone(), font, palette.ink, column.width());
    job.halign = Align::Center;
    let galley = ui.painter().layout_job(job);
    let place = Rect::from_x_y_ranges(column.x_range(), y - 2.0 - galley.size().y..=y - 2.0);
    picture.tell(ui, place, "bracket".into(), &text);
    ui.painter().galley(place.center_top(), galley, palette.ink);
}

/// With alpha forgotten: where the first number is wrong, and what it should be.
pub fn paint_first_fault(ui: &Ui, line: Rect, picture: &Picture<'_>) {
    let Some((index, l, right)) = first_fault(picture) else { return };
    let palette = picture.palette;
    ui.painter().rect_filled(line, 4.0, palette.trouble_soft);
    ui.painter().rect_stroke(line, 4.0, Stroke::new(1.5, palette.trouble), StrokeKind::Inside);
    let (name, l, right) = (picture.called(Part::Sum), short(l), short(right));
    // Beside the l of a later tile, the badge says whose it is.
    let text = match picture.story.visits[index].j {
        _ if index == picture.now.index => fill(ui.ctx(), "! {2} = {0}, should be {1}", &[&l, &right, &name]),
        j => fill(ui.ctx(), "! at tile {3}: {2} = {0}, should be {1}", &[&l, &right, &name, &j]),
    };
    let font = theme::text(theme::LABEL * picture.zoom);
    picture.text(ui, line.shrink2(vec2(4.0, 0.0)), Align2::CENTER_CENTER, "first wrong number".into(), &text, font);
}

/// The first l of the story that differs from the right one, with its visit, once the picture has come so far.
fn first_fault(picture: &Picture<'_>) -> Option<(usize, f64, f64)> {
    if !picture.forgets {
        return None;
    }
    let last = picture.now.index;
    let pairs = picture.story.visits.iter().zip(&picture.right.visits).take(last + 1).enumerate();
    for (index, (visit, right)) in pairs {
        let is_shrunk = index < last || picture.now.frame >= Frame::Shrink;
        let scaled = visit.scaled.as_ref().zip(right.scaled.as_ref()).filter(|_| is_shrunk);
        let is_over = index < last || picture.now.frame >= Frame::Join;
        let ended = Some((&visit.new, &right.new)).filter(|_| is_over);
        if let Some((wrong, right)) = [scaled, ended].into_iter().flatten().find(|(a, b)| a.l != b.l) {
            return Some((index, wrong.l, right.l));
        }
    }
    None
}
