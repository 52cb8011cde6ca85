//! Near: one row and its online softmax. Scores as dots under the line m, the weights stacked to l, the bar of O, and
//! the needle at O / l: what shrinks, what joins, and when the needle moves.

pub mod frame;

mod controls;
mod dial;
mod scores;
mod stacks;

use std::cell::Cell;

use eframe::egui::{self, Align2, Rect, Sense, Stroke, Ui, pos2, vec2};

use crate::machine::{RowStory, RowSums};
use crate::schedule::{Algorithm, Part};

use super::action::Action;
use super::draw::{self, fit_text};
use super::look::Look;
use super::near::{of_row, ratio};
use super::odd_rows;
use super::stories::Told;
use super::theme::{self, Palette, SPACE};
use super::trail::Asked;
use super::words::{self, fill, tr};
use super::{motion, stage::Stage};
use crate::number::short;

use frame::{Frame, Scenelet};

/// What all parts of the picture read.
pub(super) struct Picture<'a> {
    pub look: &'a Look<'a>,
    pub story: &'a RowStory,
    /// What is right, to hold the story against.
    pub right: &'a RowStory,
    pub now: Scenelet<'a>,
    pub forgets: bool,
    /// The text has a variant that forgets alpha.
    pub can_forget: bool,
    /// Component of O.
    pub component: usize,
    /// The oracle's answer for this component.
    pub exact: Option<f64>,
    pub palette: &'static Palette,
    /// Text grows with the room, up to a size for the last row.
    pub zoom: f32,
    /// The number whose origin the person asks for.
    pub asked: Cell<Option<Part>>,
}

impl Picture<'_> {
    /// How far the frame's own movement has come.
    pub fn phase(&self) -> f32 {
        if self.now.is_fresh { self.look.motion.phase } else { 1.0 }
    }

    /// l and O of the picture: what was, what shrank, or what is.
    pub fn sums(&self) -> &RowSums {
        let visit = self.now.visit;
        match self.now.frame {
            Frame::Rest | Frame::Arrive | Frame::Climb => &visit.old,
            Frame::Shrink => visit.scaled.as_ref().unwrap_or(&visit.new),
            Frame::Join | Frame::Fit => &visit.new,
        }
    }

    /// Where the needle stands after the step.
    pub fn needle(&self) -> Option<f64> {
        self.now.visit.average_of(self.sums(), self.component)
    }

    /// The text whose row it is.
    pub fn algorithm(&self) -> &Algorithm {
        &self.look.scene.schedule().algorithm
    }

    /// What the text calls a part.
    pub fn called(&self, part: Part) -> &str {
        self.algorithm().called(part)
    }

    pub fn label(&self) -> egui::FontId {
        theme::text(theme::LABEL * self.zoom)
    }

    pub fn figures(&self) -> egui::FontId {
        theme::figures(theme::BODY * self.zoom)
    }

    /// A text with a name, so that it can be read without seeing it.
    pub fn text(&self, ui: &Ui, rect: Rect, align: Align2, name: Name<'_>, text: &str, font: egui::FontId) {
        draw::shrink_text(ui.painter(), rect, align, text, font, self.palette.ink);
        self.tell(ui, rect, name, text);
    }

    /// The name of a text that is painted otherwise; a click on a number leads to the steps that made it.
    pub fn tell(&self, ui: &Ui, rect: Rect, name: Name<'_>, text: &str) {
        let sense = if name.part.is_some() { Sense::click() } else { Sense::hover() };
        let response = ui.interact(rect, ui.scope_id().with(("needle", name.pattern)), sense);
        let own = name.of.or(name.part).map_or("", |part| self.called(part));
        draw::describe(&response, &fill(ui.ctx(), name.pattern, &[&own]), text);
        if name.part.is_some() && response.on_hover_text(tr(ui.ctx(), "Click: where did it come from?")).clicked() {
            self.asked.set(name.part);
        }
    }
}

/// What a part of the picture is called for those who do not see it, and what it is on chip.
#[derive(Clone, Copy)]
pub(super) struct Name<'a> {
    pattern: &'a str,
    /// The number that a click asks for.
    part: Option<Part>,
    /// Whose name stands in the pattern, where no click asks for it.
    of: Option<Part>,
}

impl<'a> From<&'a str> for Name<'a> {
    fn from(pattern: &'a str) -> Self {
        Self { pattern, part: None, of: None }
    }
}

impl<'a> Name<'a> {
    fn of(pattern: &'a str, part: Part) -> Self {
        Self { pattern, part: Some(part), of: None }
    }

    fn about(pattern: &'a str, part: Part) -> Self {
        Self { pattern, part: None, of: Some(part) }
    }
}

pub fn show(ui: &mut Ui, look: &Look<'_>, stage: &Stage, told: Option<&Told>, actions: &mut Vec<Action>) {
    let query = look.row().unwrap_or(look.selection.query);
    let Some(told) = told else {
        ui.label(fill(ui.ctx(), "Following row {0} through its key blocks ...", &[&query]));
        return;
    };
    let story = &told.own;
    let Some(now) = frame::at(story, look.snapshot.cursor) else {
        return without_visits(ui, look, query, actions);
    };
    let component = stage.component.min(look.scene.plan().d_v.saturating_sub(1));
    let exact = match look.check {
        Some(super::Check::Done { exact, .. }) => exact.o.get((query, component)).copied(),
        _ => None,
    };
    let area = ui.available_rect_before_wrap();
    let zoom = (area.height() / 500.0).min(area.width() / 720.0).clamp(1.0, 1.8);
    let palette = Palette::of(ui);
    let text = &look.scene.schedule().algorithm;
    let base = text.base().unwrap_or(text);
    let can_forget = base.with_bug("forget-alpha") != *base;
    let forgets = look.scene.settings.bug == "forget-alpha";
    let right = &told.right;
    let asked = Cell::new(None);
    let picture = Picture { look, story, right, now, forgets, can_forget, component, exact, palette, zoom, asked };
    if heading(ui, &picture) {
        actions.push(odd_rows::OPEN);
    }
    let below = if stage.is_projected { 0.0 } else { controls::HEIGHT };
    let height = (ui.available_height() - below).max(40.0);
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    if rect.width() > 160.0 && rect.height() > 80.0 {
        paint(ui, rect, &picture);
    }
    if let Some(part) = picture.asked.get() {
        actions.push(Asked::wish(of_row(picture.called(part), query), part));
    }
    if !stage.is_projected {
        controls::show(ui, &picture, actions);
    }
}

/// Number of the frame, and its sentence: what a person in the last row reads. Gives whether the rule for a row that is
/// not like others is asked for.
fn heading(ui: &mut Ui, picture: &Picture<'_>) -> bool {
    let Picture { now, look, palette, zoom, .. } = *picture;
    let query = picture.story.query;
    let token = look.scene.query_token(query).map_or(String::new(), |text| format!(" \"{}\"", draw::token(ui, text)));
    let keys = now.visit.first_key..now.visit.first_key + now.visit.scores.len();
    let place = fill(
        ui.ctx(),
        "Row {0}{1}, key block {2} of {3}: keys {4} to {5}",
        &[&query, &token, &(now.index + 1), &picture.story.visits.len(), &keys.start, &keys.end.saturating_sub(1)],
    );
    let (line, _) = ui.allocate_exact_size(vec2(ui.available_width(), 18.0 * zoom), Sense::hover());
    fit_text(ui.painter(), line, Align2::LEFT_CENTER, &place, picture.label(), palette.faint_ink);
    let shown_exact = picture.exact.filter(|_| now.frame == Frame::Fit);
    let text = words::say(
        ui.ctx(),
        &frame::sentence(
            &now,
            picture.algorithm(),
            picture.forgets,
            look.question.hides.factor,
            picture.needle(),
            shown_exact,
        ),
    );
    let is_odd = odd_rows::met(look, query).is_some();
    let sense = if is_odd { Sense::click() } else { Sense::hover() };
    // Two lines where one is too short.
    let (font, room) = (theme::text(theme::HEADING * zoom), ui.available_width() - 29.0 * zoom);
    let galley = ui.painter().layout(text.clone(), font.clone(), palette.ink, room);
    let height = if galley.rows.len() == 2 { galley.size().y.max(30.0 * zoom) } else { 30.0 * zoom };
    let (line, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), sense);
    let badge = line.left_center() + vec2(11.0 * zoom, 0.0);
    ui.painter().circle_filled(badge, 11.0 * zoom, palette.ink);
    let number = now.frame.number();
    ui.painter().text(badge, Align2::CENTER_CENTER, number, theme::text(theme::BODY * zoom), palette.background);
    let place = Rect::from_min_max(pos2(badge.x + 18.0 * zoom, line.top()), line.max);
    if galley.rows.len() == 2 {
        ui.painter().galley(place.left_center() - vec2(0.0, galley.size().y / 2.0), galley, palette.ink);
    } else {
        fit_text(ui.painter(), place, Align2::LEFT_CENTER, &text, font, palette.ink);
    }
    draw::describe(&response, "frame of the needle", &fill(ui.ctx(), "{0} of 6: {1}", &[&number, &text]));
    let more = if is_odd {
        format!("{text}\n{}", fill(ui.ctx(), "Click: {0}", &[&tr(ui.ctx(), odd_rows::BUTTON)]))
    } else {
        text
    };
    response.on_hover_text(more).clicked()
}

/// Scores, then what is stacked from them, then the needle; the same base line under all.
fn paint(ui: &Ui, rect: Rect, picture: &Picture<'_>) {
    let gap = 4.0 * SPACE;
    let at = |part: f32| rect.left() + rect.width() * part;
    let column = |from: f32, to: f32| {
        Rect::from_min_max(pos2(at(from) + gap / 2.0, rect.top()), pos2(at(to) - gap / 2.0, rect.bottom()))
    };
    scores::paint(ui, column(0.0, 0.45), picture);
    stacks::paint(ui, column(0.45, 0.72), picture);
    dial::paint(ui, column(0.72, 1.0), picture);
    for part in [0.45, 0.72] {
        ui.painter().vline(at(part), rect.y_range(), picture.palette.hairline());
    }
}

/// The title of a column. Gives what is left below it.
fn column_title(ui: &Ui, rect: Rect, text: &str, picture: &Picture<'_>) -> Rect {
    let height = 20.0 * picture.zoom;
    let line = Rect::from_min_size(rect.min, vec2(rect.width(), height));
    let text = tr(ui.ctx(), text);
    fit_text(ui.painter(), line, Align2::LEFT_CENTER, text, picture.label(), picture.palette.faint_ink);
    Rect::from_min_max(rect.min + vec2(0.0, height + SPACE), rect.max)
}

fn dashed(ui: &Ui, from: egui::Pos2, to: egui::Pos2, stroke: Stroke) {
    ui.painter().extend(egui::Shape::dashed_line(&[from, to], stroke, 5.0, 4.0));
}

/// An algorithm that keeps no running statistics has nothing to rescale: said, with the way on.
fn without_visits(ui: &mut Ui, look: &Look<'_>, query: usize, actions: &mut Vec<Action>) {
    draw::title(ui, &fill(ui.ctx(), "Row {0}{1}", &[&query, &""]));
    ui.add_space(2.0 * SPACE);
    let name = look.scene.settings.algorithm.name();
    let algorithm = &look.scene.schedule().algorithm;
    let is_whole = algorithm.has_part(Part::Max) && !algorithm.has_part(Part::Alpha) && !algorithm.is_backward();
    let text = if is_whole {
        fill(
            ui.ctx(),
            "{0} takes each row whole: its maximum is known before the first weight, and nothing is rescaled.",
            &[&name],
        )
    } else if !algorithm.has_part(Part::Alpha) {
        fill(ui.ctx(), "No line of {0} gives a row a factor: there is no rescale to show.", &[&name])
    } else {
        let text = "No key of this row is visible: the row is done before it begins, and {0} = 0.";
        fill(ui.ctx(), text, &[&look.snapshot.called(Part::Output)])
    };
    let response = ui.label(&text);
    draw::describe(&response, "frame of the needle", &text);
    if look.scene.run.odd_row(query).is_some() && ui.button(tr(ui.ctx(), odd_rows::BUTTON)).clicked() {
        actions.push(odd_rows::OPEN);
    }
    ui.label(tr(ui.ctx(), "Choose flash1 or flash2 above, or another row, to see the needle."));
}

/// `old` on the way to `new`.
fn between(old: f64, new: f64, phase: f32) -> f64 {
    let (old, new) = (if old.is_finite() { old } else { new }, new);
    f64::from(motion::lerp(old as f32, new as f32, phase))
}

/// The largest absolute of finite values.
fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs()))
}

/// `name value`, or that there is none yet.
fn named(name: &str, value: Option<f64>) -> String {
    format!("{name} = {}", value.map_or("-".into(), short))
}
