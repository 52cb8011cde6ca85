//! What the choices of the setup are made of: a number with its steps, and the choice that takes the keyboard.

use std::ops::RangeInclusive;

use eframe::egui::{self, Ui};

use crate::app::ink::theme::SPACE;
use crate::app::tongue::words::{fill, tr};

pub(super) fn wanted_id() -> egui::Id {
    egui::Id::unique("choice that takes the keyboard")
}

pub(super) fn is_wanted(ui: &Ui, name: &str) -> bool {
    ui.data(|data| data.get_temp::<&'static str>(wanted_id())) == Some(name)
}

/// Gives the keyboard to the choice of this name, if it is the one that is wanted.
pub(super) fn offer(ui: &Ui, name: &str, response: &egui::Response) {
    if is_wanted(ui, name) {
        response.request_focus();
        response.scroll_to_me(Some(egui::Align::Center));
    }
}

pub(super) fn number(ui: &mut Ui, key: &str, value: &mut usize, range: RangeInclusive<usize>) {
    let name = tr(ui.ctx(), key).to_owned();
    let label = ui.label(&name);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE;
        // With the longest name beside it, a number stays within the panel.
        ui.spacing_mut().interact_size.x = 32.0;
        let less = value.checked_sub(1).filter(|less| range.contains(less));
        let more = value.checked_add(1).filter(|more| range.contains(more));
        let asked_less = stepper(ui, "-", &fill(ui.ctx(), "Less {0}", &[&name]), less);
        // Asked for before it is drawn, so that it begins with its number selected.
        let id = ui.next_auto_id();
        if is_wanted(ui, key) {
            ui.memory_mut(|memory| memory.request_focus(id));
        }
        let field = ui.add(egui::DragValue::new(value).range(range.clone()).speed(0.1)).labelled_by(label.id);
        offer(ui, key, &field);
        let asked_more = stepper(ui, "+", &fill(ui.ctx(), "More {0}", &[&name]), more);
        if let Some(to) = asked_less.or(asked_more) {
            *value = to;
        }
    });
    ui.end_row();
}

/// A button that gives `to` when it is clicked.
fn stepper(ui: &mut Ui, text: &str, name: &str, to: Option<usize>) -> Option<usize> {
    let button = egui::Button::new(text).min_size(egui::vec2(24.0, 24.0));
    let response = ui.add_enabled(to.is_some(), button);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, to.is_some(), name));
    to.filter(|_| response.clicked())
}
