//! The sheet of keys, written from the table of commands.

use eframe::egui::{self, Ui};

use crate::app::ink::draw;
use crate::app::message::commands::{Entry, keys_text, table};
use crate::app::tongue::words::{fill, tr};

/// Points of width of the bar that scrolls, with its gap.
const BAR: f32 = 12.0;

/// Gives whether it stays open.
pub fn show(ui: &mut Ui) -> bool {
    let mut is_open = true;
    let modal = egui::Modal::new(egui::Id::unique("sheet of keys")).show(ui.ctx(), |ui| {
        let screen = ui.ctx().content_rect().size();
        let columns = if screen.x >= 760.0 { 2 } else { 1 };
        ui.set_width((340.0 * columns as f32).min(screen.x - 40.0).max(80.0));
        ui.heading(tr(ui.ctx(), "Keys"));
        // As high as it will be from its first frame on: what is clicked stands still.
        let height = (screen.y - 160.0).max(40.0);
        egui::ScrollArea::vertical().max_height(height).min_scrolled_height(height).show(ui, |ui| {
            // Beside the bar, which would lie over the keys.
            ui.set_max_width(ui.available_width() - BAR);
            let with_keys: Vec<_> = table(ui.ctx()).iter().filter(|entry| !entry.keys.is_empty()).collect();
            let half = with_keys.len().div_ceil(columns);
            ui.columns(columns, |columns| {
                for (ui, entries) in columns.iter_mut().zip(with_keys.chunks(half)) {
                    column(ui, entries);
                }
            });
        });
        ui.add_space(8.0);
        if ui.button(tr(ui.ctx(), "Close")).clicked() {
            is_open = false;
        }
    });
    is_open && !modal.should_close()
}

fn column(ui: &mut Ui, entries: &[&Entry]) {
    ui.spacing_mut().item_spacing.y = 0.0;
    let mut group = "";
    for entry in entries {
        if entry.group != group {
            group = entry.group;
            ui.add_space(8.0);
            draw::caption(ui, tr(ui.ctx(), group));
        }
        let keys = keys_text(ui.ctx(), entry);
        let name = tr(ui.ctx(), entry.name).to_owned();
        let accessible = fill(ui.ctx(), "{0}: key", &[&name]);
        let row = draw::value_row(ui, &name, &keys, &accessible);
        if !entry.help.is_empty() {
            row.on_hover_text(tr(ui.ctx(), entry.help));
        }
    }
}
