//! The scores of the row as dots on a vertical axis, and the line m that climbs over them.

use std::ops::Range;

use eframe::egui::text::LayoutJob;
use eframe::egui::{Align2, FontId, Rect, Stroke, StrokeKind, Ui, pos2, vec2};

use super::frame::{Frame, leaves_line};
use super::picture::{Name, Picture, between, column_title, dashed};
use crate::app::ink::draw::{self, arrow, fit_text, hatch};
use crate::app::ink::motion::lerp;
use crate::app::ink::narrow::{self, Stands};
use crate::app::ink::theme;
use crate::app::tongue::words::{self, fill, tr};
use crate::machine::RowVisit;
use crate::number::{difference_shown, short};
use crate::schedule::{Part, Tensor};

/// Dots of more keys than this would be a band: every n-th is drawn, and each visit's largest.
const MOST_DOTS: usize = 256;

/// Of the row below the axis.
const ROW: f32 = 16.0;
/// On a narrower axis its cells could not be told apart.
const LEAST_ROW: f32 = 64.0;
/// The width of the picture from which each column has the room that it wants.
const WITH_ALL_COLUMNS: f32 = 560.0;

/// Where columns end that give words their room, and what stands beside the axis of the scores.
const WITH_WORDS: [f32; 2] = [0.52, 0.76];
const BESIDE_AXIS: f32 = 168.0;

/// As many keys may have their words.
const MOST_WORDS: usize = 24;
/// A key with so many points has room for its word.
const WITH_WORD: f32 = 30.0;
/// Of slanted words below the axis, and the height of a column that can spare that.
const SLANTED: f32 = 48.0;
const WITH_SLANTED: f32 = 240.0;

/// What stays free above the highest score and below the lowest, as a part of what lies between them.
const ROOM: f64 = 0.12;

/// A zero that rounding has left as 1e-17 is a zero on an axis of this `span`.
fn without_dust(value: f64, span: f64) -> f64 {
    if value.abs() < 1e-9 * span { 0.0 } else { value }
}

/// The factor of the visit.
const OF_VISIT: Name<'_> = Name { pattern: "{0} of the visit", part: Some(Part::Alpha), of: None };

/// Scores that differ by less than this part of their size are told by their distance.
const NEAR: f64 = 1e-3;
const EQUAL: f64 = 1e-7;

/// What is written at an end of the axis.
#[derive(Debug, PartialEq)]
enum AxisEnd {
    Score(String),
    /// By so much below the other end.
    Lower(String),
}

/// Where a score stands on the axis.
struct ScoreAxis {
    rect: Rect,
    low: f64,
    high: f64,
    /// The lowest and the highest of the scores.
    scores: [f64; 2],
}

impl ScoreAxis {
    /// With room beyond the lowest and the highest score.
    fn of(scores: [f64; 2], rect: Rect) -> Self {
        let [low, high] = scores;
        let room = ((high - low) * ROOM).max(1e-9 * high.abs().max(1.0));
        Self { rect, low: low - room, high: high + room, scores }
    }

    fn y(&self, value: f64) -> f32 {
        let t = ((value - self.low) / (self.high - self.low)) as f32;
        lerp(self.rect.bottom(), self.rect.top(), t)
    }

    /// The lowest and the highest score, as they are written beside the axis: of scores that differ by little beside their
    /// size, such as -9999 and -10000, the lowest is told by how much it is lower. Equal ones are told once.
    fn ends(&self) -> Vec<(f64, AxisEnd)> {
        let ([low, high], span) = (self.scores, self.high - self.low);
        let score = |value: f64| AxisEnd::Score(short(without_dust(value, span)));
        let apart = (high - low) / high.abs().max(low.abs()).max(f64::MIN_POSITIVE);
        if apart < EQUAL {
            return vec![(f64::midpoint(low, high), score(high))];
        }
        let lowest = if apart < NEAR { AxisEnd::Lower(short(high - low)) } else { score(low) };
        vec![(low, lowest), (high, score(high))]
    }
}

pub fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let title = fill(ui.ctx(), "scores of this row, and their maximum {0}", &[&picture.called(Part::Max)]);
    let rect = column_title(ui, rect, &title, picture);
    // The axis spans the whole row from the first frame on, so that nothing jumps when scores arrive.
    let all = picture.story.visits.iter().flat_map(|visit| visit.scores.iter().copied()).filter(|s| s.is_finite());
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
    if low > high {
        let text = match &picture.story.note {
            Some(note) => words::say(ui.ctx(), note),
            None => tr(ui.ctx(), "no finite score").to_owned(),
        };
        let font = theme::readable_font(&text, picture.label());
        let galley = ui.painter().layout(text.clone(), font, picture.palette.ink, rect.width());
        let at = rect.center() - galley.size() / 2.0;
        ui.painter().galley(at, galley, picture.palette.ink);
        picture.tell(ui, rect, "scores of the row".into(), &text);
        return;
    }
    let labels = 52.0 * picture.zoom;
    let beside = (rect.width() * 0.34).clamp(70.0 * picture.zoom, 100.0 * picture.zoom);
    // No maximum of the row is written smaller than the others: the widest has its room.
    let maxima = picture.story.visits.iter().flat_map(|visit| [visit.old.m, visit.m]).map(|m| maximum(picture, m));
    let widest =
        maxima.map(|text| ui.painter().layout_no_wrap(text, beside_font(picture), picture.palette.ink).size().x);
    let beside = beside.max(widest.fold(0.0, f32::max) + 14.0).min(rect.width() * 0.5);
    // m is written left of the axis, the gap right of the dots; tokens stand below.
    let (left, right) = (rect.left() + labels, rect.right() - beside);
    let names = KeyNames::of(right - left, rect.height(), picture);
    let inner = Rect::from_min_max(
        pos2(left, rect.top() + if picture.is_low() { 14.0 } else { 8.0 }),
        pos2(right, rect.bottom() - (names.height() + ROW) * picture.zoom),
    );
    let axis = ScoreAxis::of([low, high], inner);
    paint_scale(ui, &axis, picture);
    // The dot that is the maximum lies on its line, and is seen there.
    paint_line(ui, &axis, rect, picture);
    paint_dots(ui, &axis, names, picture);
}

/// Where the scores end in a picture of this width, and what is kept, as parts of it. Where room is short the scores have more
/// of it: their keys are to be told apart, and those that have words by their words, if that gives these their room.
pub fn columns(width: f32, picture: &Picture<'_>) -> [f32; 2] {
    let usual = if width < WITH_ALL_COLUMNS * picture.zoom { [0.48, 0.72] } else { [0.45, 0.72] };
    let has_words = picture.look.scene.key_token(0).is_some() && keys_of(picture) <= MOST_WORDS && !picture.is_low();
    // A key's points on the axis, beside which stand its ends and the maximum.
    let pitch = |scores: f32| (scores * width - BESIDE_AXIS * picture.zoom) / keys_of(picture).max(1) as f32;
    let least = narrow::LEAST_PITCH * picture.label().size;
    if has_words && pitch(usual[0]) < least && pitch(WITH_WORDS[0]) >= least { WITH_WORDS } else { usual }
}

/// What the keys are called below the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyNames {
    Numbers,
    /// Their words, each in its place.
    Words,
    /// Their words, wider than their places.
    Slanted,
}

impl KeyNames {
    /// On an axis of so many points, in a column of this height.
    fn of(width: f32, height: f32, picture: &Picture<'_>) -> Self {
        let slot = width / keys_of(picture).max(1) as f32;
        match picture.look.scene.key_token(0) {
            Some(_) if slot >= WITH_WORD => Self::Words,
            Some(_) if slot >= narrow::LEAST_PITCH * picture.label().size && height >= WITH_SLANTED * picture.zoom => {
                Self::Slanted
            }
            _ => Self::Numbers,
        }
    }

    /// Of their line.
    fn height(self) -> f32 {
        if self == Self::Slanted { SLANTED } else { 20.0 }
    }
}

/// The keys that the row sees.
fn keys_of(picture: &Picture<'_>) -> usize {
    picture.story.visits.last().map_or(0, |visit| visit.first_key + visit.scores.len())
}

fn paint_scale(ui: &Ui, axis: &ScoreAxis, picture: &Picture<'_>) {
    ui.painter().vline(axis.rect.left(), axis.rect.y_range(), Stroke::new(1.0, picture.palette.faint_ink));
    for (value, text) in axis.ends() {
        let at = pos2(axis.rect.left(), axis.y(value));
        ui.painter().hline(at.x - 4.0..=at.x, at.y, Stroke::new(1.0, picture.palette.faint_ink));
        let font = theme::figures(theme::LABEL * picture.zoom);
        let text = match text {
            AxisEnd::Score(text) => text,
            AxisEnd::Lower(by) => format!("{by}\n{}", tr(ui.ctx(), "lower")),
        };
        ui.painter().text(at - vec2(7.0, 0.0), Align2::RIGHT_CENTER, text, font, picture.palette.faint_ink);
    }
}

/// The dots of the visits so far: old ones in the grey of S, those of this visit in ink.
fn paint_dots(ui: &Ui, axis: &ScoreAxis, names: KeyNames, picture: &Picture<'_>) {
    let (palette, now) = (picture.palette, picture.now);
    let arrived = now.frame >= Frame::Arrive;
    let visits = &picture.story.visits[..if arrived { now.index + 1 } else { now.index }];
    let last_key = keys_of(picture).max(1);
    let slot = axis.rect.width() / last_key as f32;
    let stride = last_key.div_ceil(MOST_DOTS);
    say_stride(ui, axis, stride, picture);
    let radius = (slot * 0.32).clamp(2.0, 6.0 * picture.zoom);
    for (index, visit) in visits.iter().enumerate() {
        let is_new = arrived && index == now.index;
        let drift = if is_new && now.frame == Frame::Arrive { 1.0 - picture.phase() } else { 0.0 };
        let top = visit.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let named = top_to_name(visit, now.frame).filter(|_| is_new && drift == 0.0);
        for (n, &score) in visit.scores.iter().enumerate() {
            let key = visit.first_key + n;
            if !score.is_finite() || (!key.is_multiple_of(stride) && score < top) {
                continue;
            }
            let x = axis.rect.left() + slot * (key as f32 + 0.5) + drift * 64.0;
            let at = pos2(x, axis.y(score));
            let color = if is_new { palette.ink } else { palette.tensor(Tensor::S) };
            ui.painter().circle_filled(at, radius, color.gamma_multiply(1.0 - 0.7 * drift));
            if named == Some(n) && !picture.is_low() {
                let x = at.x.max(axis.rect.left() + 26.0 * picture.zoom);
                let galley = ui.painter().layout_no_wrap(short(score), picture.figures(), palette.ink);
                let above = Align2::CENTER_BOTTOM.anchor_size(pos2(x, at.y - radius - 2.0), galley.size());
                let below = Align2::CENTER_TOP.anchor_size(pos2(x, at.y + radius + 2.0), galley.size());
                // The line m strikes through no number.
                let line = line_at(axis, picture);
                let is_struck = |place: &Rect| line.is_some_and(|y| place.y_range().expand(2.0).contains(y));
                let place = if is_struck(&above) && !is_struck(&below) { below } else { above };
                // What is said of the line's climb stands at the right of the axis.
                if now.frame < Frame::Climb || place.right() <= axis.rect.right() + 8.0 {
                    ui.painter().galley(place.min, galley, palette.ink);
                }
            }
        }
    }
    paint_row(ui, axis, slot, visits, picture);
    match names {
        KeyNames::Slanted => paint_slanted(ui, axis, slot, visits, picture),
        KeyNames::Words | KeyNames::Numbers => paint_tokens(ui, axis, slot, visits.len(), names, picture),
    }
}

/// Of many keys not every one has a dot: that is said where the dots are.
fn say_stride(ui: &Ui, axis: &ScoreAxis, stride: usize, picture: &Picture<'_>) {
    if stride == 1 {
        return;
    }
    let pattern = "one key in {0} has a dot, and the largest score of each tile";
    let text = fill(ui.ctx(), pattern, &[&stride]);
    let height = 16.0 * picture.zoom;
    let place = Rect::from_min_size(
        pos2(axis.rect.left() + 6.0, axis.rect.top() - 6.0),
        vec2((axis.rect.width() - 6.0).max(0.0), height),
    );
    // In a low picture the dots need the room; those who do not see it are told all the same.
    if !picture.is_low() {
        let (font, ink) = (theme::readable_font(&text, picture.label()), picture.palette.faint_ink);
        let mut job = LayoutJob::simple(text.clone(), font, ink, place.width());
        job.wrap.max_rows = 2;
        ui.painter().galley(place.min, ui.painter().layout_job(job), ink);
    }
    picture.tell(ui, place, "keys that have a dot".into(), &text);
}

/// The row as the plane of the map has it, below its scores: what each key weighs against the maximum so far, the tile of
/// this visit outlined.
fn paint_row(ui: &Ui, axis: &ScoreAxis, slot: f32, visits: &[RowVisit], picture: &Picture<'_>) {
    let (palette, painter) = (picture.palette, ui.painter());
    let (top, height) = (axis.rect.bottom() + 3.0, (ROW - 4.0) * picture.zoom);
    if axis.rect.width() < LEAST_ROW * picture.zoom {
        return;
    }
    let place = |keys: Range<usize>| {
        let x = |key: usize| axis.rect.left() + slot * key as f32;
        Rect::from_min_max(pos2(x(keys.start), top), pos2(x(keys.end), top + height))
    };
    let m = visits.iter().flat_map(|visit| &visit.scores).copied().fold(f64::NEG_INFINITY, f64::max);
    for visit in visits {
        // Many keys a point: each point has the largest of them.
        let stride = ((1.0 / slot).ceil() as usize).max(1);
        for (n, scores) in visit.scores.chunks(stride).enumerate() {
            let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let from = visit.first_key + n * stride;
            let cell = place(from..from + scores.len());
            if top.is_finite() {
                painter.rect_filled(cell, 0.0, palette.grey((top - m).exp(), 1.0));
            } else if slot >= 6.0 {
                hatch(painter, cell, palette.hatch, 5.0);
            }
        }
    }
    painter.rect_stroke(place(0..keys_of(picture)), 0.0, palette.hairline(), StrokeKind::Outside);
    let visit = &picture.now.visit;
    let tile = place(visit.first_key..visit.first_key + visit.scores.len());
    painter.rect_stroke(tile, 0.0, palette.outline(), StrokeKind::Outside);
}

/// The key of the visit whose score is written above its dot: the first of the largest, for equal ones would be written
/// over each other; none where the line has climbed to it, for the line says the same number.
fn top_to_name(visit: &RowVisit, frame: Frame) -> Option<usize> {
    let top = visit.scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let is_on_line = frame >= Frame::Climb && top >= visit.m;
    if visit.scores.len() > 64 || is_on_line { None } else { visit.scores.iter().position(|score| *score == top) }
}

/// Below the dots the words of the keys so far, wider than their places.
fn paint_slanted(ui: &Ui, axis: &ScoreAxis, slot: f32, visits: &[RowVisit], picture: &Picture<'_>) {
    let top = axis.rect.bottom() + (2.0 + ROW) * picture.zoom;
    let height = (SLANTED - 4.0) * picture.zoom;
    let mut told = Vec::new();
    for key in visits.iter().flat_map(|visit| visit.first_key..visit.first_key + visit.scores.len()) {
        let Some(token) = picture.look.scene.key_token(key) else { continue };
        let token = draw::token(ui, token);
        let at = pos2(axis.rect.left() + slot * (key as f32 + 0.5), top);
        narrow::word(ui.painter(), at, &token, height, Stands::Below, picture.label(), picture.palette.faint_ink);
        told.push(format!("{key} {token}"));
    }
    let place = Rect::from_min_size(pos2(axis.rect.left(), top), vec2(axis.rect.width(), height));
    picture.tell(ui, place, "words of the keys".into(), &words::list(ui.ctx(), &told));
}

/// Below the dots: the words of the keys so far, or numbers, as many as can be read.
fn paint_tokens(ui: &Ui, axis: &ScoreAxis, slot: f32, visits: usize, names: KeyNames, picture: &Picture<'_>) {
    let all = &picture.story.visits;
    let last = keys_of(picture);
    let number =
        |key: usize| ui.painter().layout_no_wrap(key.to_string(), picture.label(), picture.palette.ink).size().x;
    let stride = axis_stride(slot, number(last.saturating_sub(1)) + 6.0 * picture.zoom);
    // Numbers that stand apart are those of an axis, which is there from the first frame on.
    let visits = if stride > 1 { all.len() } else { visits };
    let top = axis.rect.bottom() + 2.0 + ROW * picture.zoom;
    for visit in &all[..visits] {
        for key in (visit.first_key..visit.first_key + visit.scores.len()).filter(|key| key.is_multiple_of(stride)) {
            let token = picture.look.scene.key_token(key).filter(|_| names == KeyNames::Words);
            let text = token.map_or(key.to_string(), |text| draw::token(ui, text));
            let left = axis.rect.left() + slot * key as f32;
            let place = Rect::from_min_size(pos2(left, top), vec2(slot * stride as f32 - 1.0, 16.0 * picture.zoom));
            let place = place.translate(vec2((slot - slot * stride as f32) / 2.0, 0.0));
            fit_text(ui.painter(), place, Align2::CENTER_CENTER, &text, picture.label(), picture.palette.faint_ink);
        }
    }
    let shown = (0..last).step_by(stride).map(|key| key.to_string()).collect::<Vec<_>>();
    let place = Rect::from_min_size(pos2(axis.rect.left(), top), vec2(axis.rect.width(), 16.0 * picture.zoom));
    if stride > 1 {
        picture.tell(ui, place, "numbers of the keys".into(), &words::list(ui.ctx(), &shown));
    }
}

/// Keys from one number of the axis to the next: 1, 2 or 5 times a power of ten, so that each has its width.
fn axis_stride(slot: f32, width: f32) -> usize {
    let least = (f64::from(width) / f64::from(slot.max(1e-6))).ceil().clamp(1.0, 1e12) as usize;
    let mut power = 1;
    loop {
        if let Some(stride) = [1, 2, 5].into_iter().map(|n| n * power).find(|stride| *stride >= least) {
            return stride;
        }
        power *= 10;
    }
}

/// Of what is written beside the line m: in a narrow picture the dots need the room.
fn beside_font(picture: &Picture<'_>) -> FontId {
    if picture.title_lines != 1 { theme::figures(theme::LABEL * picture.zoom) } else { picture.figures() }
}

/// What is written beside the line m.
fn maximum(picture: &Picture<'_>, m: f64) -> String {
    format!("{} = {}", picture.called(Part::Max), short(m))
}

/// The maximum that the line stands for: that of the visit, once it has begun to climb.
fn shown_maximum(picture: &Picture<'_>) -> f64 {
    let visit = picture.now.visit;
    if picture.now.frame >= Frame::Climb { visit.m } else { visit.old.m }
}

/// Where the line m stands now; nowhere before the first score.
fn line_at(axis: &ScoreAxis, picture: &Picture<'_>) -> Option<f32> {
    let (visit, frame, m) = (picture.now.visit, picture.now.frame, shown_maximum(picture));
    let moving = if frame == Frame::Climb { picture.phase() } else { 1.0 };
    let value = if frame >= Frame::Climb { between(visit.old.m, visit.m, moving) } else { m };
    m.is_finite().then(|| axis.y(value))
}

fn paint_line(ui: &Ui, axis: &ScoreAxis, rect: Rect, picture: &Picture<'_>) {
    let (palette, visit, frame) = (picture.palette, picture.now.visit, picture.now.frame);
    let name = maximum(picture, shown_maximum(picture));
    let Some(y) = line_at(axis, picture) else {
        let place = Rect::from_min_size(pos2(rect.left(), axis.rect.bottom() - 18.0), vec2(rect.width(), 16.0));
        picture.text(ui, place, Align2::RIGHT_CENTER, Name::of("maximum {0}", Part::Max), &name, beside_font(picture));
        return;
    };
    let right = axis.rect.right() + 8.0;
    ui.painter().hline(axis.rect.left()..=right, y, Stroke::new(2.5, palette.ink));
    let height = 20.0 * picture.zoom;
    let place = Rect::from_min_max(pos2(right + 4.0, y - height), pos2(rect.right(), y));
    picture.text(ui, place, Align2::LEFT_CENTER, Name::of("maximum {0}", Part::Max), &name, beside_font(picture));
    if frame >= Frame::Climb && visit.old.m.is_finite() && frame != Frame::Fit && !picture.is_low() {
        paint_gap(ui, axis, rect, y, picture);
    }
}

/// Between the old line and the new one: the gap, and alpha that follows from it.
fn paint_gap(ui: &Ui, axis: &ScoreAxis, rect: Rect, y: f32, picture: &Picture<'_>) {
    let (palette, visit) = (picture.palette, picture.now.visit);
    let (right, height) = (axis.rect.right() + 8.0, 20.0 * picture.zoom);
    let line =
        |n: f32| Rect::from_min_size(pos2(right + 4.0, y + 4.0 + n * height), vec2(rect.right() - right - 4.0, height));
    if visit.m <= visit.old.m {
        let text = if leaves_line(visit) { "the line stays" } else { "no new max" };
        picture.text(ui, line(0.0), Align2::LEFT_CENTER, "gap".into(), tr(ui.ctx(), text), picture.label());
        if picture.look.question.hides.factor {
            return;
        }
        let text = format!("{} = 1", picture.called(Part::Alpha));
        picture.text(ui, line(1.0), Align2::LEFT_CENTER, OF_VISIT, &text, beside_font(picture));
        return;
    }
    let old = axis.y(visit.old.m);
    dashed(ui, pos2(axis.rect.left(), old), pos2(right, old), Stroke::new(1.5, palette.faint_ink));
    if old - y > 12.0 {
        arrow(ui.painter(), pos2(right - 4.0, old), pos2(right - 4.0, y + 2.0), Stroke::new(1.5, palette.ink));
    }
    let gap = short(difference_shown(visit.m, visit.old.m));
    picture.text(
        ui,
        line(0.0),
        Align2::LEFT_CENTER,
        "gap".into(),
        &fill(ui.ctx(), "gap {0}", &[&gap]),
        beside_font(picture),
    );
    if picture.look.question.hides.factor {
        return;
    }
    let text = format!("e^-{gap}");
    picture.text(
        ui,
        line(1.0),
        Align2::LEFT_CENTER,
        Name::about("{0} as a power", Part::Alpha),
        &text,
        beside_font(picture),
    );
    let text = format!("= {}", short(visit.alpha));
    picture.text(ui, line(2.0), Align2::LEFT_CENTER, OF_VISIT, &text, beside_font(picture));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attention::Precision;
    use crate::attention::input::preset;
    use crate::machine::Run;
    use crate::schedule::{Plan, Schedule, Tiling, algorithm};

    #[test]
    fn a_zero_reads_zero_and_equal_scores_are_named_once() {
        // ln 1 comes out of the dot product as 2.776e-17; the last two scores are both ln 4.
        let problem = preset::row().problem;
        let plan = Plan::of_problem(&problem, 0, Tiling { br: 1, bc: 2 }, Precision::F64);
        let schedule = Schedule::new(algorithm::by_name("flash2").unwrap(), plan);
        let story = Run::new(schedule, &problem, 0, 0, |_| true).unwrap().story(0);
        let scores = story.visits.iter().flat_map(|visit| visit.scores.iter().copied());
        let (low, high) = scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), s| (low.min(s), high.max(s)));
        let ends = ScoreAxis::of([low, high], Rect::ZERO).ends();
        assert_eq!(
            ends.into_iter().map(|(_, text)| text).collect::<Vec<_>>(),
            ["0", "2.079"].map(|text| AxisEnd::Score(text.into()))
        );
        let last = story.visits.last().unwrap();
        assert_eq!(last.scores[0], last.scores[1]);
        assert_eq!(top_to_name(last, Frame::Arrive), Some(0));
        // The second tile holds the largest of all: once the line is there, it says the number.
        assert_eq!(top_to_name(&story.visits[1], Frame::Arrive), Some(0));
        assert_eq!(top_to_name(&story.visits[1], Frame::Climb), None);
    }

    #[test]
    fn numbers_of_an_axis_have_their_width() {
        for (slot, width, stride) in
            [(40.0, 20.0, 1), (20.0, 20.0, 1), (19.0, 20.0, 2), (0.083, 30.0, 500), (0.2, 20.0, 100), (0.2, 20.1, 200)]
        {
            assert_eq!(axis_stride(slot, width), stride, "{slot} {width}");
        }
        for n in 1..200 {
            let slot = 50.0 / n as f32;
            let stride = axis_stride(slot, 25.0);
            assert!(stride as f32 * slot >= 25.0 - 1e-3, "{slot}");
            assert!(stride == 1 || stride as f32 * slot < 25.0 * 2.5 + slot, "{slot}: {stride} keys");
        }
    }

    #[test]
    fn scores_that_differ_by_little_are_told_by_their_distance() {
        let score = |text: &str| AxisEnd::Score(text.into());
        for (scores, expected) in [
            ([-10_000.0, -9_999.0], vec![AxisEnd::Lower("1.000".into()), score("-9999")]),
            ([-10_000.0, -9_000.0], vec![score("-10000"), score("-9000")]),
            ([3.0, 3.0], vec![score("3.000")]),
            ([3.0, 3.0 + 1e-12], vec![score("3.000")]),
            // Scores that a scale of 0 makes equal: no dust is told, and nothing twice.
            ([0.0, 0.0], vec![score("0")]),
            ([-0.0, 0.0], vec![score("0")]),
        ] {
            let ends = ScoreAxis::of(scores, Rect::from_min_size(pos2(0.0, 0.0), vec2(10.0, 100.0))).ends();
            assert_eq!(ends.into_iter().map(|(_, text)| text).collect::<Vec<_>>(), expected, "{scores:?}");
        }
    }
}
