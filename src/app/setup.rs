//! The panel on the left: every choice that makes another run, and what checks the result.

use std::ops::RangeInclusive;

use eframe::egui::{self, Ui};

use crate::attention::{Align, Precision};
use crate::schedule::hardware;

use super::action::Action;
use super::document::Document;
use super::draw;
use super::settings::{Settings, has_exact_prefix};
use super::theme::SPACE;
use super::words::tr;

pub fn show(ui: &mut Ui, document: &Document, actions: &mut Vec<Action>) {
    let input = document.source();
    let shape = input.problem.shape;
    let mut settings = document.wanted().clone();
    draw::title(ui, "Setup");
    let (n_q, n_k) = settings.lengths(&shape);
    draw::caption(ui, &format!("n_q {n_q}, n_k {n_k}, d {}, d_v {}", shape.d, shape.d_v));
    ui.add_space(SPACE);
    if has_exact_prefix(&input.problem) {
        prefix(ui, &mut settings, shape.n_q);
        ui.add_space(SPACE);
    }
    let (n_q, n_k) = settings.lengths(&shape);
    egui::Grid::new("setup").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
        number(ui, "Block rows br", &mut settings.tiling.br, 1..=n_q);
        number(ui, "Block keys bc", &mut settings.tiling.bc, 1..=n_k);
        if shape.heads > 1 {
            number(ui, "Head", &mut settings.head, 0..=shape.heads - 1);
        }
        if shape.batch > 1 {
            number(ui, "Batch entry", &mut settings.batch, 0..=shape.batch - 1);
        }
        precision(ui, &mut settings);
        chip(ui, &mut settings);
    });
    ui.add_space(SPACE);
    mask(ui, &mut settings, n_q, n_k);
    settings.clamp(&shape);
    if settings != *document.wanted() {
        actions.push(Action::Change(settings));
    }
}

fn prefix(ui: &mut Ui, settings: &mut Settings, most: usize) {
    let mut prefix = settings.prefix.unwrap_or(most);
    draw::caption(ui, "First tokens").on_hover_text("A prefix of a causal input is exact: no token sees a later one");
    ui.spacing_mut().slider_width = 120.0;
    let slider = egui::Slider::new(&mut prefix, 1..=most);
    let response = ui.add(slider).accessible_name("First tokens");
    if response.changed() {
        settings.prefix = (prefix < most).then_some(prefix);
    }
}

fn number(ui: &mut Ui, name: &str, value: &mut usize, range: RangeInclusive<usize>) {
    let label = ui.label(tr(ui.ctx(), name));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = SPACE;
        let less = value.checked_sub(1).filter(|less| range.contains(less));
        let more = value.checked_add(1).filter(|more| range.contains(more));
        let asked_less = stepper(ui, "-", &format!("Less {name}"), less);
        ui.add(egui::DragValue::new(value).range(range.clone()).speed(0.1)).labelled_by(label.id);
        let asked_more = stepper(ui, "+", &format!("More {name}"), more);
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

fn precision(ui: &mut Ui, settings: &mut Settings) {
    ui.label(tr(ui.ctx(), "Precision"));
    let combo = egui::ComboBox::from_id_salt("precision").width(72.0).selected_text(settings.precision.name());
    let response = combo.show_ui(ui, |ui| {
        for precision in Precision::ALL {
            ui.selectable_value(&mut settings.precision, precision, precision.name());
        }
    });
    let name = format!("Precision: {}", settings.precision.name());
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    ui.end_row();
}

fn chip(ui: &mut Ui, settings: &mut Settings) {
    ui.label(tr(ui.ctx(), "Chip"))
        .on_hover_text("Whose budget the buffers are held against. Changes no number of the run.");
    let combo = egui::ComboBox::from_id_salt("chip").width(96.0).selected_text(settings.hardware);
    let response = combo.show_ui(ui, |ui| {
        for model in hardware::all() {
            ui.selectable_value(&mut settings.hardware, model.name, model.name).on_hover_text(model.title);
        }
    });
    let name = format!("Chip: {}", settings.hardware);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    ui.end_row();
}

fn mask(ui: &mut Ui, settings: &mut Settings, n_q: usize, n_k: usize) {
    ui.checkbox(&mut settings.causal, tr(ui.ctx(), "Causal mask").to_owned());
    if settings.causal && n_q != n_k {
        draw::caption(ui, "Diagonal, since n_q and n_k differ");
        for align in [Align::BottomRight, Align::TopLeft] {
            ui.radio_value(&mut settings.align, align, align.name());
        }
    }
}
