//! The near panel: one row and its online softmax, in numbers.

use eframe::egui::{self, Align2, Rect, Response, Sense, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::view::ViewMessage;
use crate::app::message::window::Overlay;
use crate::app::panels::odd_rows;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{self, fill, tr};
use crate::number::short;
use crate::schedule::{Part, Tensor};
use crate::sentence::Sentence;

const LINE: f32 = 24.0;
const NAME: f32 = 56.0;

pub fn show(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    let Some(query) = look.row() else {
        draw::title(ui, "Row");
        ui.label(tr(ui.ctx(), "No row is on chip now."));
        return;
    };
    let token = look.scene.query_token(query).map_or(String::new(), |text| format!(" \"{}\"", draw::token(ui, text)));
    ui.horizontal(|ui| {
        draw::title(ui, &fill(ui.ctx(), "Row {0}{1}", &[&query, &token]));
        let visit = match look.snapshot.tile() {
            Some((_, j)) => fill(ui.ctx(), "at key block {0}", &[&j]),
            None => tr(ui.ctx(), "all keys").to_owned(),
        };
        draw::caption(ui, &visit);
        made_by::mark(ui, MadeBy::Computed);
    });
    let (algorithm, called) = (&look.scene.schedule().algorithm, |part| look.snapshot.called(part));
    if STATISTICS.iter().all(|part| !algorithm.has_part(*part)) {
        let told = tr(ui.ctx(), "This text keeps no maximum and no sum of a row.");
        draw::describe(&ui.label(draw::label(told)), "note on the row", told);
        return;
    }
    let state = look.snapshot.row_state(query);
    let (old_m, old_l) = state.old.unzip();
    // What a lesson asks for stands nowhere.
    let hides = look.question.hides.factor;
    let alpha = state.alpha.filter(|_| !hides);
    let factor = match hides {
        true => tr(ui.ctx(), "yours to find").to_owned(),
        false => fill(ui.ctx(), "exp({0} old - {0})", &[&called(Part::Max)]),
    };
    let (max, sum) = (tr(ui.ctx(), "row max").to_owned(), tr(ui.ctx(), "row sum").to_owned());
    let shown = [(max, old_m, state.m), (factor, None, alpha), (sum, old_l, state.l)];
    for (part, (what, old, new)) in STATISTICS.into_iter().zip(shown) {
        // A text that takes a row whole has no factor.
        if algorithm.has_part(part) && number(ui, called(part), &what, old, new, query).clicked() {
            messages.push(Message::View(ViewMessage::asks(of_row(called(part), query), part, query)));
        }
    }
    if average(ui, look, query).clicked() {
        messages.push(Message::View(ViewMessage::asks(of_row(called(Part::Output), query), Part::Output, query)));
    }
    if let Some(odd) = odd_rows::met(look, query) {
        let text = words::say(ui.ctx(), &odd.why);
        draw::describe(&ui.label(draw::label(&text)), "note on the row", &text);
        if ui.button(draw::label(tr(ui.ctx(), odd_rows::BUTTON))).clicked() {
            messages.push(Message::Overlay(Overlay::OddRows));
        }
    } else if let Some(said) = odd_rows::untold(look, query) {
        let text = words::say(ui.ctx(), &said);
        draw::describe(&ui.label(draw::label(&text)), "note on the row", &text);
    }
    visits(ui, look, query);
}

/// The numbers of a row, in the order in which they are shown.
const STATISTICS: [Part; 3] = [Part::Max, Part::Alpha, Part::Sum];

pub fn of_row(name: &str, query: usize) -> Sentence {
    Sentence::new("{0} of row {1}").with(name).with(query)
}

/// `old > new`, where there is an old value; the accessible value reads `old to new`.
fn number(ui: &mut Ui, name: &str, what: &str, old: Option<f64>, new: Option<f64>, query: usize) -> Response {
    let palette = Palette::of(ui);
    let ctx = ui.ctx().clone();
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), LINE), Sense::click());
    let painter = ui.painter();
    let square = Rect::from_center_size(rect.left_center() + vec2(4.0, 0.0), vec2(8.0, 16.0));
    painter.rect_filled(square, 2.0, palette.tensor(Tensor::M));
    let place = Rect::from_min_size(rect.min + vec2(16.0, 0.0), vec2(NAME, LINE));
    fit_text(painter, place, Align2::LEFT_CENTER, name, theme::figures(theme::BODY), palette.ink);
    let place = Rect::from_min_size(rect.min + vec2(16.0 + NAME, 0.0), vec2(rect.width() * 0.4, LINE));
    fit_text(painter, place, Align2::LEFT_CENTER, what, theme::text(theme::LABEL), palette.faint_ink);
    let new = new.map_or("-".into(), short);
    let drawn = painter.text(rect.right_center(), Align2::RIGHT_CENTER, &new, theme::figures(16.0), palette.ink);
    let mut accessible = new;
    if let Some(old) = old.map(short) {
        let middle = pos2(drawn.left() - 2.0 * SPACE, rect.center().y);
        draw::arrow(painter, middle - vec2(14.0, 0.0), middle, egui::Stroke::new(1.5, palette.faint_ink));
        let at = middle - vec2(14.0 + 2.0 * SPACE, 0.0);
        painter.text(at, Align2::RIGHT_CENTER, &old, theme::figures(theme::BODY), palette.faint_ink);
        accessible = fill(&ctx, "{0} to {1}", &[&old, &accessible]);
    }
    draw::describe(&response, &fill(&ctx, "{0} of the row", &[&name]), &accessible);
    response.on_hover_text(fill(&ctx, "{0} of row {1}: {2}\nClick: where did it come from?", &[&name, &query, &what]))
}

/// The average of the values so far, one bar per component.
fn average(ui: &mut Ui, look: &Look<'_>, query: usize) -> Response {
    let palette = Palette::of(ui);
    let values = look.snapshot.average(query);
    let ratio = ratio(look);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 48.0), Sense::click());
    let painter = ui.painter();
    let label = Rect::from_min_size(rect.min, vec2(rect.width(), 16.0));
    fit_text(
        painter,
        label,
        Align2::LEFT_CENTER,
        &fill(ui.ctx(), "{0}, the average so far", &[&ratio]),
        theme::text(theme::LABEL),
        palette.faint_ink,
    );
    let chart = Rect::from_min_max(rect.min + vec2(0.0, 18.0), rect.max);
    painter.rect_stroke(chart, 2.0, palette.hairline(), StrokeKind::Inside);
    let text = match &values {
        None => tr(ui.ctx(), "nothing to average yet").to_owned(),
        Some(values) => {
            bars(ui, chart.shrink(2.0), values, palette);
            values.iter().take(4).map(|x| short(*x)).collect::<Vec<_>>().join(", ")
        }
    };
    if let Some([value]) = values.as_deref() {
        let right = label.right_center();
        painter.text(right, Align2::RIGHT_CENTER, short(*value), theme::figures(16.0), palette.ink);
    }
    draw::describe(&response, "average so far", &text);
    let more = if values.is_some_and(|v| v.len() > 4) { ", ..." } else { "" };
    response.on_hover_text(fill(ui.ctx(), "{3} of row {0}: {1}{2}", &[&query, &text, &more, &ratio]))
}

/// The average of the values so far, in the names of the text: `O / l`, or `O` where that is what it keeps.
pub fn ratio(look: &Look<'_>) -> String {
    if look.scene.schedule().algorithm.text().average.is_some() {
        return look.snapshot.called(Part::Output).to_owned();
    }
    [Part::Output, Part::Sum].map(|part| look.snapshot.called(part)).join(" / ")
}

fn bars(ui: &Ui, chart: Rect, values: &[f64], palette: &Palette) {
    let limit = values.iter().filter(|x| x.is_finite()).fold(0.0, |most, x| f64::max(most, x.abs())).max(1e-300);
    // More bars than points of width cannot be told apart.
    let shown = values.len().clamp(1, chart.width().max(1.0) as usize);
    let width = chart.width() / shown as f32;
    for n in 0..shown {
        let Some(&value) = values.get(n * values.len() / shown) else { break };
        let height =
            if value.is_finite() { (value / limit) as f32 * chart.height() / 2.0 } else { chart.height() / 2.0 };
        let color = if value.is_finite() { palette.tensor(Tensor::O) } else { palette.trouble };
        let left = chart.left() + n as f32 * width;
        let bar = Rect::from_two_pos(
            pos2(left, chart.center().y),
            pos2(left + (width - 1.0).clamp(0.5, 24.0), chart.center().y - height),
        );
        ui.painter().rect_filled(bar, 0.0, color);
    }
    ui.painter().hline(chart.x_range(), chart.center().y, palette.hairline());
}

/// The last visits of the row, one line each: the whole story of its maximum.
fn visits(ui: &mut Ui, look: &Look<'_>, query: usize) {
    const SHOWN: usize = 4;
    let palette = Palette::of(ui);
    let hides = look.question.hides.factor;
    let done = look.snapshot.visits(query);
    let total = look.snapshot.all_visits(query).len();
    if total == 0 {
        return;
    }
    ui.spacing_mut().item_spacing.y = 2.0;
    let first = done.len().saturating_sub(SHOWN);
    let columns = |rect: Rect| [0.0, 0.28, 0.55, 0.78].map(|x| rect.left() + x * rect.width());
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
    let names = STATISTICS.map(|part| look.snapshot.called(part));
    let heads = [tr(ui.ctx(), "key block")].into_iter().chain(names);
    for (x, text) in columns(rect).into_iter().zip(heads) {
        let (at, font) = (pos2(x, rect.center().y), theme::text(theme::LABEL));
        draw::put_text(ui.painter(), at, Align2::LEFT_CENTER, text, font, palette.faint_ink);
    }
    for line in 0..total.min(SHOWN) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let Some(visit) = done.get(first + line) else { continue };
        let alpha = if hides { "-".to_owned() } else { short(visit.alpha) };
        let texts = [visit.j.to_string(), short(visit.m), alpha, short(visit.l)];
        for (x, text) in columns(rect).into_iter().zip(&texts) {
            ui.painter().text(
                pos2(x, rect.center().y),
                Align2::LEFT_CENTER,
                text,
                theme::figures(theme::LABEL),
                palette.ink,
            );
        }
        let value: Vec<String> = names.iter().zip(&texts[1..]).map(|(name, text)| format!("{name} {text}")).collect();
        let value = value.join(", ");
        draw::describe(&response, &fill(ui.ctx(), "after key block {0}", &[&visit.j]), &value);
    }
}
