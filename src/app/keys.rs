//! The sheet of keys, written from the table of commands.

use eframe::egui::{self, Ui};

use super::commands::{COMMANDS, keys_text};
use super::draw;

/// Gives whether it stays open.
pub fn show(ui: &mut Ui) -> bool {
    let mut is_open = true;
    let modal = egui::Modal::new(egui::Id::unique("sheet of keys")).show(ui.ctx(), |ui| {
        ui.set_width(420.0_f32.min(ui.ctx().content_rect().width() - 40.0).max(80.0));
        ui.heading("Keys");
        let height = (ui.ctx().content_rect().height() - 160.0).max(40.0);
        egui::ScrollArea::vertical().max_height(height).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut group = "";
            for entry in &COMMANDS {
                if entry.group != group {
                    group = entry.group;
                    ui.add_space(8.0);
                    draw::caption(ui, group);
                }
                let keys = keys_text(entry);
                draw::value_row(ui, entry.name, &keys, &format!("{}: key", entry.name));
            }
        });
        ui.add_space(8.0);
        if ui.button("Close").clicked() {
            is_open = false;
        }
    });
    is_open && !modal.should_close()
}
