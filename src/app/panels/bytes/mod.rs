//! The bytes between HBM and the chip as a chart: an arrow for each tensor and way, what it moved so far on the ghost of
//! what it comes to, and the baseline as an outline. Below, what both come to.

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::export::ExportMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::run::flows::{CountsAsked, CountsShown, headline};
use crate::app::run::said::{all_heads, per_tensor};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, say, tr};
use crate::number::Unit;
use shown::BytesShown;

mod chart;
mod heights;
mod shown;

pub static PANEL: Panel = Panel {
    id: "bytes",
    title: "Bytes",
    home: Home::Right,
    group: "Look",
    command: "Bytes between HBM and the chip",
    keys: &[(Modifiers::ALT, Key::B)],
    opens: Message::Show("bytes"),
    also: "traffic, chart, arrows, HBM, memory",
    help: "What each tensor moved so far, of what it will, beside the baseline.",
    show: |ui, drawn| {
        if let Some(look) = drawn.look {
            show(ui, look, &drawn.view.counts, drawn.messages);
        }
    },
};

/// What stands below the chart: bars, captions and links.
const BELOW: f32 = 144.0;

/// The least of it: two bars, a caption and one line of links.
const LEAST_BELOW: f32 = 100.0;

/// The same where it is projected, without links.
const PROJECTED_BELOW: f32 = 72.0;

/// The line of the tensors that have no row.
const LEFT_OUT: f32 = 20.0;

fn show(ui: &mut Ui, look: &Look<'_>, counts: &CountsShown, messages: &mut Vec<Message>) {
    if look.question.hides.bytes {
        ui.label(tr(ui.ctx(), withheld::BYTES));
        return;
    }
    let ctx = ui.ctx().clone();
    let shown = BytesShown::of(look, counts);
    let said = say(&ctx, &headline(look.scene, &shown.flows, counts));
    ui.add_space(SPACE);
    ui.label(egui::RichText::new(said).size(theme::HEADING));
    ui.add_space(SPACE);
    // (Whatever is scrolled: what stands above is measured from the top of what is scrolled.)
    let room = ui.clip_rect().height() - (ui.cursor().top() - ui.min_rect().top()) - BELOW;
    let least = chart::least(shown.flows.len(), room + BELOW - LEAST_BELOW);
    chart::show(ui, look, &shown, (room, least), messages);
    ui.add_space(SPACE);
    totals(ui, look, &shown);
    ui.horizontal_wrapped(|ui| {
        made_by::mark(ui, MadeBy::Counted);
        let pin = if counts.has_pin() { ("Unpin", CountsAsked::Unpin) } else { ("Pin as baseline", CountsAsked::Pin) };
        if ui.link(draw::label(tr(&ctx, pin.0))).clicked() {
            messages.push(Message::Counts(pin.1));
        }
        for (name, message) in [("Copy as CSV", ExportMessage::BytesCsv), ("Copy for NumPy", ExportMessage::BytesNumpy)]
        {
            if ui.link(draw::label(tr(&ctx, name))).clicked() {
                messages.push(Message::Export(message));
            }
        }
    });
}

/// The chart as the picture of a screen: the sentence, the arrows, what both come to.
pub fn projected(ui: &mut Ui, look: &Look<'_>, counts: &CountsShown, messages: &mut Vec<Message>) {
    if look.question.hides.bytes {
        ui.label(tr(ui.ctx(), withheld::BYTES));
        return;
    }
    let shown = BytesShown::of(look, counts);
    let said = say(ui.ctx(), &headline(look.scene, &shown.flows, counts));
    made_by::before(ui, MadeBy::Counted, |ui| ui.label(egui::RichText::new(said).size(theme::HEADING)));
    ui.add_space(SPACE);
    let room = ui.available_height() - PROJECTED_BELOW;
    let (fitting, left_out) = chart::fitting(&shown.flows, room);
    let room = if left_out.is_empty() { room } else { room - LEFT_OUT };
    let shown = BytesShown { flows: fitting, ..shown };
    chart::show(ui, look, &shown, (room, heights::LEAST_ROW), messages);
    if !left_out.is_empty() {
        ui.label(draw::label(&fill(ui.ctx(), "{0}: {1}", &[&list(ui.ctx(), &left_out), &shown.unit.with_name(0)])));
    }
    ui.add_space(SPACE);
    totals(ui, look, &shown);
}

/// What this run and its baseline come to, and what the counts are of.
fn totals(ui: &mut Ui, look: &Look<'_>, shown: &BytesShown<'_>) {
    let (scene, ctx) = (look.scene, ui.ctx().clone());
    let (now, own, baseline) = shown.sums;
    let palette = Palette::of(ui);
    let most = own.max(baseline.unwrap_or(0));
    let names = [scene.settings.algorithm.short_name(), shown.baseline.unwrap_or_default()];
    let width = |name: &str| {
        ui.painter().layout_no_wrap(name.to_owned(), theme::text(theme::LABEL), palette.ink).size().x + SPACE
    };
    let room = names.into_iter().map(width).fold(64.0, f32::max).min(0.4 * ui.available_width());
    let scale = (most, shown.unit);
    let response = bar(ui, (names[0], room), (Some(now), own), scale, "total bytes");
    if !shown.is_of_all {
        response.on_hover_text(per_tensor(&ctx, &scene.run.meters().total().traffic));
    }
    if let Some(baseline) = baseline {
        bar(ui, (names[1], room), (None, baseline), scale, "total bytes of the baseline").on_hover_text(names[1]);
    }
    if let Some(all) = all_heads(scene, shown.is_of_all) {
        let text = say(&ctx, &all);
        draw::describe(&ui.label(draw::label(&text)), "all heads", &text);
    }
}

/// A name with the width that it may take, and a bar on the scale of `most`, its number in `unit`: a part of it done, where
/// that is known.
fn bar(
    ui: &mut Ui,
    (name, width): (&str, f32),
    (now, end): (Option<u64>, u64),
    (most, unit): (u64, Unit),
    accessible: &str,
) -> egui::Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 18.0), egui::Sense::hover());
    let painter = ui.painter();
    let place = egui::Rect::from_min_size(rect.min, egui::vec2(width - 4.0, rect.height()));
    let font = theme::text(theme::LABEL);
    draw::fit_text(painter, place, egui::Align2::LEFT_CENTER, name, font, palette.ink);
    let number = unit.with_name(end);
    painter.text(rect.right_center(), egui::Align2::RIGHT_CENTER, &number, theme::figures(theme::LABEL), palette.ink);
    let room = egui::Rect::from_min_max(rect.min + egui::vec2(width, 4.0), rect.max - egui::vec2(80.0, 4.0));
    let long = |value: u64| {
        let size = egui::vec2((room.width() * value as f32 / most.max(1) as f32).max(1.0), room.height());
        egui::Rect::from_min_size(room.min, size)
    };
    match now {
        Some(now) => {
            painter.rect_filled(long(end), 2.0, palette.pale(palette.accent));
            painter.rect_filled(long(now), 2.0, palette.accent);
            painter.rect_stroke(long(end), 2.0, palette.hairline(), egui::StrokeKind::Inside);
        }
        None => _ = painter.rect_filled(long(end), 2.0, palette.done),
    }
    draw::describe(&response, accessible, &number);
    match now {
        Some(now) => response.on_hover_text(fill(ui.ctx(), "{0} of {1} so far", &[&unit.with_name(now), &number])),
        None => response,
    }
}
