//! What stands at the side while it is asked for, and a part of the stage that keeps to its place.

use eframe::egui::{self, Layout, Rect, Ui, UiBuilder};

use crate::app::ink::{draw, theme};
use crate::app::tongue::words::tr;

/// A panel on demand, in its place at the side. Gives whether it stays open.
pub fn on_demand(ui: &mut Ui, title: &str, add: impl FnOnce(&mut Ui)) -> bool {
    let mut is_open = true;
    ui.push_id(title, |ui| {
        is_open = titled(ui, title);
        ui.add_space(theme::SPACE);
        add(ui);
    });
    ui.add_space(2.0 * theme::SPACE);
    ui.separator();
    is_open
}

/// The title of a panel with a button that closes it: the library's buttons have English names. Gives whether it stays.
pub fn titled(ui: &mut Ui, title: &str) -> bool {
    let mut is_open = true;
    ui.horizontal(|ui| {
        draw::title(ui, title);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let name = tr(ui.ctx(), "Close").to_owned();
            let response = ui.add(egui::Button::new("\u{00d7}").frame(false)).on_hover_text(&name);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            is_open = !response.clicked();
        });
    });
    is_open
}

/// A part of the stage that keeps to its place.
pub fn column(ui: &mut Ui, rect: Rect, add: &mut dyn FnMut(&mut Ui)) {
    let builder = UiBuilder::new().max_rect(rect).layout(Layout::top_down(egui::Align::Min));
    ui.scope_builder(builder, |ui| {
        ui.shrink_clip_rect(rect);
        add(ui);
    });
}
