//! The bytes between HBM and the chip as a chart: an arrow for each tensor and way, what it moved so far on the ghost of
//! what it comes to, and the baseline as an outline. Below, what both come to.

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::export::ExportMessage;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::flows::{flows, headline};
use crate::app::run::said::{all_heads, beside_standard, per_tensor};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, say, tr};
use crate::number::Unit;

mod chart;
mod heights;

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
            show(ui, look, drawn.messages);
        }
    },
};

/// What stands below the chart: bars, captions and links.
const BELOW: f32 = 122.0;

/// The same where it is projected, without links.
const PROJECTED_BELOW: f32 = 72.0;

/// The line of the tensors that have no row.
const LEFT_OUT: f32 = 20.0;

/// In place of what a lesson asks for.
pub const HIDDEN: &str = "What moves is yours to find.";

fn show(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    if look.question.hides.bytes {
        ui.label(tr(ui.ctx(), HIDDEN));
        return;
    }
    let ctx = ui.ctx().clone();
    let said = headline(look.scene).unwrap_or_else(|| beside_standard(look.scene));
    let said = say(&ctx, &said);
    ui.add_space(SPACE);
    ui.label(egui::RichText::new(said).size(theme::HEADING));
    ui.add_space(SPACE);
    // (Whatever is scrolled: what stands above is measured from the top of what is scrolled.)
    let room = ui.clip_rect().height() - (ui.cursor().top() - ui.min_rect().top()) - BELOW;
    let flows = flows(look.scene, look.snapshot);
    chart::show(ui, look, &flows, (room, unit(look)), messages);
    ui.add_space(SPACE);
    totals(ui, look);
    ui.horizontal(|ui| {
        made_by::mark(ui, MadeBy::Counted);
        for (name, message) in [("Copy as CSV", ExportMessage::BytesCsv), ("Copy for NumPy", ExportMessage::BytesNumpy)]
        {
            if ui.link(draw::label(tr(&ctx, name))).clicked() {
                messages.push(Message::Export(message));
            }
        }
    });
}

/// The chart as the picture of a screen: the sentence, the arrows, what both come to.
pub fn projected(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    if look.question.hides.bytes {
        ui.label(tr(ui.ctx(), HIDDEN));
        return;
    }
    let said = headline(look.scene).unwrap_or_else(|| beside_standard(look.scene));
    let said = say(ui.ctx(), &said);
    made_by::before(ui, MadeBy::Counted, |ui| ui.label(egui::RichText::new(said).size(theme::HEADING)));
    ui.add_space(SPACE);
    let room = ui.available_height() - PROJECTED_BELOW;
    let (shown, left_out) = chart::fitting(&flows(look.scene, look.snapshot), room);
    let room = if left_out.is_empty() { room } else { room - LEFT_OUT };
    chart::show(ui, look, &shown, (room, unit(look)), messages);
    if !left_out.is_empty() {
        ui.label(draw::label(&fill(ui.ctx(), "{0}: {1}", &[&list(ui.ctx(), &left_out), &unit(look).with_name(0)])));
    }
    ui.add_space(SPACE);
    totals(ui, look);
}

/// Of every number of the panel: they stand in one column.
fn unit(look: &Look<'_>) -> Unit {
    Unit::of(total_of(look).max(look.scene.standard.hbm_bytes()))
}

fn total_of(look: &Look<'_>) -> u64 {
    look.scene.run.meters().total().traffic.hbm_bytes()
}

/// What this run and its baseline come to, and what the counts are of.
fn totals(ui: &mut Ui, look: &Look<'_>) {
    let (scene, ctx) = (look.scene, ui.ctx().clone());
    let end = &scene.run.meters().total().traffic;
    let (own, standard) = (total_of(look), scene.standard.hbm_bytes());
    let palette = Palette::of(ui);
    let most = own.max(standard);
    let names = [scene.settings.algorithm.short_name(), scene.baseline().name()];
    let width = |name: &str| {
        ui.painter().layout_no_wrap(name.to_owned(), theme::text(theme::LABEL), palette.ink).size().x + SPACE
    };
    let room = names.into_iter().map(width).fold(64.0, f32::max).min(0.4 * ui.available_width());
    let now = look.snapshot.totals.traffic.hbm_bytes();
    let scale = (most, unit(look));
    bar(ui, (names[0], room), (Some(now), own), scale, "total bytes").on_hover_text(per_tensor(&ctx, end));
    if !scene.is_baseline() {
        bar(ui, (names[1], room), (None, standard), scale, "total bytes of standard attention")
            .on_hover_text(per_tensor(&ctx, &scene.standard));
    }
    if let Some(all) = all_heads(scene) {
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
