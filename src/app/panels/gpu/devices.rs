//! Every device of every backend, and why a backend has none: in full, to be selected and copied.

use eframe::egui::{self, RichText, Ui};

use crate::app::ink::axes::note;
use crate::app::ink::draw;
use crate::app::ink::theme::{Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::run::gpu::device::{DevicePlace, Found, Gpu};
use crate::app::tongue::words::{fill, say, tr};
use crate::gpu::DeviceInfo;
use crate::number::grouped;

pub fn show(ui: &mut Ui, gpu: &Gpu, found: Option<&[Found]>, messages: &mut Vec<Message>) {
    let is_free = !gpu.is_busy();
    let Some(found) = found else {
        note(ui, tr(ui.ctx(), "looking for devices ..."));
        return;
    };
    let open = gpu.place_in(found);
    for (place, (backend, device)) in places(found) {
        match device {
            Ok(info) => device_card(ui, info, place, open == Some(place), is_free, messages),
            Err(reason) => missing_card(ui, backend, &say(ui.ctx(), reason)),
        }
        ui.add_space(2.0 * SPACE);
    }
    if ui.add_enabled(is_free, egui::Button::new(tr(ui.ctx(), "Look again").to_owned())).clicked() {
        messages.push(Message::Gpu(GpuMessage::LookAgain));
    }
}

/// The list, each line with its place among those of its backend.
pub fn places(found: &[Found]) -> impl Iterator<Item = (DevicePlace, &Found)> {
    found.iter().enumerate().map(|(at, line)| {
        let nth = found[..at].iter().filter(|(backend, _)| *backend == line.0).count();
        ((line.0, nth), line)
    })
}

fn device_card(
    ui: &mut Ui,
    info: &DeviceInfo,
    place: DevicePlace,
    is_open: bool,
    is_free: bool,
    messages: &mut Vec<Message>,
) {
    let palette = Palette::of(ui);
    let kind = tr(ui.ctx(), info.kind.name()).to_owned();
    ui.horizontal_wrapped(|ui| {
        let title = format!("{}: {} ({kind})", info.backend, info.name);
        let label = ui.add(egui::Label::new(RichText::new(&title).strong()).selectable(true));
        draw::describe(&label, &fill(ui.ctx(), "device {0} of {1}", &[&(place.1 + 1), &info.backend]), &title);
        if is_open {
            ui.label(draw::label(tr(ui.ctx(), "in use")).background_color(palette.accent_soft));
        } else {
            let button = egui::Button::new(tr(ui.ctx(), "Use it").to_owned());
            // Two drivers may reach the same device.
            let name = fill(ui.ctx(), "Use {0}, {1}", &[&info.name, &info.driver]);
            if ui.add_enabled(is_free, button).accessible_name(name).clicked() {
                messages.push(Message::Gpu(GpuMessage::Use(place)));
            }
        }
    });
    let mut lines = vec![info.driver.clone()];
    lines.extend(info.notes.iter().map(|note| tr(ui.ctx(), note).to_owned()));
    let limits = info.limits.iter().map(|(name, value)| format!("{} {}", tr(ui.ctx(), name), grouped(*value)));
    lines.push(limits.collect::<Vec<_>>().join("; "));
    for line in lines.iter().filter(|line| !line.is_empty()) {
        selectable(ui, line);
    }
}

fn missing_card(ui: &mut Ui, backend: &str, reason: &str) {
    let title = fill(ui.ctx(), "{0}: no device", &[&backend]);
    ui.add(egui::Label::new(RichText::new(&title).strong()).selectable(true));
    let label = selectable(ui, reason);
    draw::describe(&label, &fill(ui.ctx(), "why {0} has none", &[&backend]), reason);
}

fn selectable(ui: &mut Ui, text: &str) -> egui::Response {
    let palette = Palette::of(ui);
    let text = draw::label(text).color(palette.faint_ink);
    ui.add(egui::Label::new(text).wrap().selectable(true))
}
