//! The traffic counters: what moved so far and in total, per tensor, beside standard attention and the closed form.

use eframe::egui::{self, Ui};

use crate::schedule::{PerTensor, Tensor, Traffic};

use super::draw;
use super::look::Look;
use super::number::{bytes, grouped};
use super::theme::{self, Palette, SPACE};
use super::words;

const LINE: f32 = 16.0;

pub fn show(ui: &mut Ui, look: &Look<'_>) {
    let plan = look.scene.plan();
    let now = &look.snapshot.totals.traffic;
    let end = &look.scene.run.meters().total().traffic;
    ui.spacing_mut().item_spacing.y = 2.0;
    header(ui);
    table(ui, "read", &now.read, &end.read);
    table(ui, "write", &now.write, &end.write);
    let both = |t: &Traffic| t.hbm_bytes(plan);
    line(ui, "HBM bytes", both(now), both(end), "HBM bytes");
    line(ui, "SRAM read", now.sram_read, end.sram_read, "SRAM read");
    line(ui, "SRAM write", now.sram_write, end.sram_write, "SRAM write");
    ui.add_space(SPACE);
    beside(ui, look, end);
}

fn header(ui: &mut Ui) {
    let response = columns(ui, "elements", "so far", "in total", true);
    response.on_hover_text(words::NOT_MODELLED);
}

fn table(ui: &mut Ui, way: &str, now: &PerTensor, end: &PerTensor) {
    for tensor in Tensor::ALL.into_iter().filter(|&tensor| end.get(tensor) > 0) {
        let name = format!("{} {way}", tensor.name());
        line(ui, &name, now.get(tensor), end.get(tensor), &name);
    }
}

/// A name with two numbers that can be read by `accessible` and `accessible in total`.
fn line(ui: &mut Ui, name: &str, now: u64, end: u64, accessible: &str) {
    let response = columns(ui, name, &grouped(now), &grouped(end), false);
    draw::describe(&response, accessible, &format!("{} of {}", grouped(now), grouped(end)));
}

fn columns(ui: &mut Ui, name: &str, now: &str, end: &str, is_header: bool) -> egui::Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), LINE), egui::Sense::hover());
    let painter = ui.painter();
    let (font, color) = if is_header {
        (theme::text(theme::LABEL), palette.faint_ink)
    } else {
        (theme::figures(theme::LABEL), palette.ink)
    };
    let at = |x: f32| egui::pos2(rect.left() + x * rect.width(), rect.center().y);
    painter.text(
        at(0.0),
        egui::Align2::LEFT_CENTER,
        name,
        theme::text(theme::LABEL),
        if is_header { color } else { palette.ink },
    );
    painter.text(at(0.66), egui::Align2::RIGHT_CENTER, now, font.clone(), color);
    painter.text(at(1.0), egui::Align2::RIGHT_CENTER, end, font, color);
    response
}

fn beside(ui: &mut Ui, look: &Look<'_>, end: &Traffic) {
    let plan = look.scene.plan();
    let (own, standard) = (end.hbm_bytes(plan), look.scene.standard.hbm_bytes(plan));
    let palette = Palette::of(ui);
    let most = own.max(standard);
    bar(ui, look.scene.settings.algorithm, own, most, palette.accent, "total bytes")
        .on_hover_text(words::per_tensor(end, plan));
    if !look.scene.is_baseline() {
        bar(ui, "standard", standard, most, palette.done, "total bytes of standard attention")
            .on_hover_text(words::per_tensor(&look.scene.standard, plan));
    }
    let sentence = |ui: &mut Ui, text: String| ui.label(egui::RichText::new(text).size(theme::LABEL));
    sentence(ui, words::beside_standard(look.scene));
    let formula = words::beside_formula(end, &look.scene.closed_form);
    sentence(ui, formula).on_hover_text(words::NOT_MODELLED);
    draw::caption(ui, "What is not modelled?").on_hover_text(words::NOT_MODELLED);
}

/// A name, a bar on the scale of `most`, and the bytes it stands for.
fn bar(ui: &mut Ui, name: &str, value: u64, most: u64, color: egui::Color32, accessible: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let (rect, response) = ui.allocate_exact_size(egui::vec2(ui.available_width(), LINE), egui::Sense::hover());
    let painter = ui.painter();
    painter.text(rect.left_center(), egui::Align2::LEFT_CENTER, name, theme::text(theme::LABEL), palette.ink);
    let number = bytes(value);
    painter.text(rect.right_center(), egui::Align2::RIGHT_CENTER, &number, theme::figures(theme::LABEL), palette.ink);
    let room = egui::Rect::from_min_max(rect.min + egui::vec2(64.0, 4.0), rect.max - egui::vec2(80.0, 4.0));
    let size = egui::vec2((room.width() * value as f32 / most.max(1) as f32).max(1.0), room.height());
    painter.rect_filled(egui::Rect::from_min_size(room.min, size), 2.0, color);
    draw::describe(&response, accessible, &number);
    response
}
