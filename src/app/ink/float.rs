//! What stands over the stage while it is asked for, and a part of the stage that keeps to its place.

use eframe::egui::{self, Layout, Rect, Ui, UiBuilder, vec2};

use crate::app::ink::{draw, theme};
use crate::app::tongue::words::tr;

/// A panel on demand, over the stage. Gives whether it stays open.
pub fn on_demand(ctx: &egui::Context, title: &str, width: f32, add: impl FnOnce(&mut Ui)) -> bool {
    let mut is_open = true;
    // The steps below stay in sight and in reach.
    let mut room = ctx.content_rect();
    room.max.y -= theme::TIMELINE.min(room.height() / 2.0);
    let window = egui::Window::new(tr(ctx, title)).id(egui::Id::unique(title)).default_pos(corner(ctx, width));
    let window = window.constrain_to(room);
    window.title_bar(false).resizable(false).default_width(width).show(ctx, |ui| {
        is_open = titled(ui, title);
        add(ui);
    });
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

/// Where a panel on demand opens: over the right of the stage, below its own button, so that the row stays in sight.
fn corner(ctx: &egui::Context, width: f32) -> egui::Pos2 {
    let right = ctx.content_rect().right_top();
    right + vec2(-(theme::NEAR + width + 32.0), theme::TOP_BAR + 52.0)
}

/// A part of the stage that keeps to its place.
pub fn column(ui: &mut Ui, rect: Rect, add: &mut dyn FnMut(&mut Ui)) {
    let builder = UiBuilder::new().max_rect(rect).layout(Layout::top_down(egui::Align::Min));
    ui.scope_builder(builder, |ui| {
        ui.shrink_clip_rect(rect);
        add(ui);
    });
}
