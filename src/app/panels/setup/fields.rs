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
    // With the longest name beside it, a number stays within the panel: the name takes the lines that it needs.
    let room = ui.max_rect().width() - ui.spacing().item_spacing.x - width(ui, *range.end());
    let font = egui::TextStyle::Body.resolve(ui.style());
    let text = ui.painter().layout(name.clone(), font, egui::Color32::PLACEHOLDER, room.max(0.0));
    // As high as its lines are, so that the number stands at their middle.
    let size = egui::vec2(room.max(0.0), text.size().y.max(BUTTON));
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let label = ui.allocate_ui_with_layout(size, layout, |ui| ui.add(egui::Label::new(&name).wrap())).inner;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE;
        ui.spacing_mut().interact_size.x = LEAST_NUMBER;
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

/// Points of a number without its digits, and of a button beside it.
const LEAST_NUMBER: f32 = 32.0;
const BUTTON: f32 = 24.0;

/// Points of a number of at most `most` with its buttons.
fn width(ui: &Ui, most: usize) -> f32 {
    let font = egui::TextStyle::Button.resolve(ui.style());
    let digits = ui.painter().layout_no_wrap(most.to_string(), font, egui::Color32::PLACEHOLDER).size().x;
    (digits + 2.0 * ui.spacing().button_padding.x).max(LEAST_NUMBER) + 2.0 * (BUTTON + SPACE)
}

/// A button that gives `to` when it is clicked.
fn stepper(ui: &mut Ui, text: &str, name: &str, to: Option<usize>) -> Option<usize> {
    let button = egui::Button::new(text).min_size(egui::vec2(BUTTON, BUTTON));
    let response = ui.add_enabled(to.is_some(), button);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, to.is_some(), name));
    to.filter(|_| response.clicked())
}
