//! Near: one row and its online softmax. Scores as dots under the line m, the weights stacked to l, the bar of O, and
//! the needle at O / l: what shrinks, what joins, and when the needle moves.

pub mod frame;

mod controls;
mod dial;
mod low;
mod picture;
mod scores;
mod stacks;

use std::cell::Cell;

use eframe::egui::{Align2, Key, Modifiers, Rect, Sense, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::view::ViewMessage;
use crate::app::message::window::Overlay;
use crate::app::panels::odd_rows;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::lead::lead;
use crate::app::panels::row_numbers::of_row;
use crate::app::run::row::RowTold;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::playback::lesson::Distance;
use crate::schedule::Part;

use frame::Frame;
use picture::Picture;

pub static PANEL: Panel = Panel {
    id: "needle",
    title: "Near: one row",
    home: Home::Main,
    group: "Look",
    command: "Near: one row",
    keys: &[(Modifiers::NONE, Key::Num3)],
    opens: Message::Distance(Distance::Near),
    also: "softmax, rescale, alpha",
    help: "One row and its online softmax: what shrinks, what joins.",
    show: |ui, drawn| {
        let Some((scene, look)) = drawn.scene.zip(drawn.look) else { return };
        let query = look.row().unwrap_or(look.selection.query);
        let told = drawn.view.told(ui.ctx(), scene, look.generation, query);
        let chosen = Chosen { component: drawn.view.component, is_projected: drawn.view.is_projected };
        show(ui, look, chosen, told.as_deref(), drawn.messages);
    },
};

/// The width from which every title of a column has its line.
const WITH_SHORT_TITLES: f32 = 720.0;

/// What the needle shows of a row, and how.
#[derive(Clone, Copy)]
pub struct Chosen {
    /// Of the output.
    pub component: usize,
    /// It is looked at from afar: without controls.
    pub is_projected: bool,
}

pub fn show(ui: &mut Ui, look: &Look<'_>, chosen: Chosen, told: Option<&RowTold>, messages: &mut Vec<Message>) {
    let query = look.row().unwrap_or(look.selection.query);
    let Some(told) = told else {
        ui.label(fill(ui.ctx(), "Following row {0} through its key blocks ...", &[&query]));
        return;
    };
    let story = &told.own;
    let Some(now) = frame::at(story, look.snapshot.cursor) else {
        return without_visits(ui, look, query, messages);
    };
    let component = chosen.component.min(look.scene.plan().d_v.saturating_sub(1));
    // A split has the average of its own keys, and the exact answer is of all.
    let schedule = look.scene.schedule();
    let is_whole = !schedule.algorithm.has_splits() || schedule.setting.splits <= 1;
    let exact = match look.check {
        Some(Check::Done { exact, .. }) if is_whole => exact.o.get((query, component)).copied(),
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
    let title_lines = if ui.available_width() < WITH_SHORT_TITLES * zoom { 2 } else { 1 };
    let mut picture =
        Picture { look, story, right, now, forgets, can_forget, component, exact, palette, zoom, title_lines, asked };
    if heading(ui, &picture) {
        messages.push(Message::Overlay(Overlay::OddRows));
    }
    let below = if chosen.is_projected { 0.0 } else { controls::HEIGHT };
    let height = (ui.available_height() - below).max(40.0);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
    lead(ui, &response, Distance::Near, messages);
    if rect.height() < low::LEAST * zoom {
        picture.title_lines = 0;
    }
    if rect.width() > 160.0 && rect.height() > 48.0 {
        let paint = if picture.is_low() { low::paint } else { paint };
        paint(ui, rect, &picture);
    }
    if let Some(part) = picture.asked.get() {
        messages.push(Message::View(ViewMessage::asks(of_row(picture.called(part), query), part, query)));
    }
    if !chosen.is_projected {
        controls::show(ui, &picture, messages);
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
    let width = fit_text(ui.painter(), line, Align2::LEFT_CENTER, &place, picture.label(), palette.faint_ink);
    if width + made_by::WIDTH < line.width() {
        let after = line.left_center() + vec2(width + made_by::WIDTH / 2.0 + 2.0, 0.0);
        made_by::at(ui, after, "needle", MadeBy::Computed);
    }
    let shown_exact = picture.exact.filter(|_| now.frame == Frame::Fit);
    let text = say(
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
    let [scores, stacks] = scores::columns(rect.width(), picture);
    scores::paint(ui, column(0.0, scores), picture);
    stacks::paint(ui, column(scores, stacks), picture);
    dial::paint(ui, column(stacks, 1.0), picture);
    for part in [scores, stacks] {
        ui.painter().vline(at(part), rect.y_range(), picture.palette.hairline());
    }
}

/// An algorithm that keeps no running statistics has nothing to rescale: said, with the way on.
fn without_visits(ui: &mut Ui, look: &Look<'_>, query: usize, messages: &mut Vec<Message>) {
    draw::title(ui, &fill(ui.ctx(), "Row {0}{1}", &[&query, &""]));
    ui.add_space(2.0 * SPACE);
    if let Some(why) = &look.scene.counted_alone {
        let text = say(ui.ctx(), why);
        draw::describe(&ui.label(&text), "frame of the needle", &text);
        return;
    }
    let name = look.scene.settings.algorithm.short_name();
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
    if !look.question.hides.rule
        && look.scene.run.odd_row(query).is_some()
        && ui.button(tr(ui.ctx(), odd_rows::BUTTON)).clicked()
    {
        messages.push(Message::Overlay(Overlay::OddRows));
    }
    ui.label(tr(ui.ctx(), "Choose flash1 or flash2 above, or another row, to see the needle."));
}
