//! What B is: its text, its blocks and its precision, to be changed.

use eframe::egui::{self, Align, Layout, RichText, Ui, vec2};

use crate::app::ink::theme;
use crate::app::message::Message;
use crate::app::message::compare::CompareMessage;
use crate::app::run::pair::Choices;
use crate::app::run::scene::FinishedRun;
use crate::app::run::settings::Settings;
use crate::app::state::compare::Compare;
use crate::app::tongue::words::{fill, tr};
use crate::attention::Precision;
use crate::schedule::{Algorithm, RunSpec, algorithm};

/// Width of the names of three texts and of a menu of the others.
const ROOM_FOR_NAMES: f32 = 300.0;

/// Height of one line of a side's title or choices.
pub const LINE: f32 = 28.0;

/// A line of a side's title, of one height in both.
pub fn line(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    let size = vec2(ui.available_width(), LINE);
    ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_size(size);
        add(ui);
    });
}

/// What B is, to be changed.
pub fn show(ui: &mut Ui, a: &FinishedRun, compare: &Compare, messages: &mut Vec<Message>) {
    let settings = compare.settings(&a.settings);
    let (mut chosen, old) = (compare.choices(), compare.choices());
    line(ui, |ui| {
        ui.label(RichText::new("B").size(theme::HEADING).strong());
        // The first three are the papers' own; where there is no room for them they are with the others.
        let beside = if ui.available_width() < ROOM_FOR_NAMES { 0 } else { algorithm::ALL.len() };
        let names: Vec<&Algorithm> = algorithm::ALL.iter().take(beside).copied().filter(|of| can_run(a, of)).collect();
        chosen.algorithm = names.iter().fold(chosen.algorithm.take(), |chosen, of| text(ui, of, &settings).or(chosen));
        let is_other = !names.contains(&&settings.algorithm);
        let shown = if is_other { settings.algorithm.short_name() } else { tr(ui.ctx(), "More") }.to_owned();
        // All are in sight: a list that scrolls hides its last.
        let combo = egui::ComboBox::from_id_salt("algorithm of B").width(64.0).height(400.0).selected_text(shown);
        let response = combo.show_ui(ui, |ui| {
            let program = algorithm::of_program().map(|of| of as &Algorithm);
            for of in program.chain(compare.opened()) {
                if !names.contains(&of) && can_run(a, of) {
                    chosen.algorithm = text(ui, of, &settings).or(chosen.algorithm.take());
                }
            }
        });
        let name = tr(ui.ctx(), "Other algorithms of B");
        response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, name));
    });
    line(ui, |ui| {
        let plan = a.plan();
        let mut tiling = settings.tiling();
        let drag = egui::DragValue::new(&mut tiling.br).range(1..=plan.n_q).speed(0.1).prefix("Br ");
        ui.add(drag).accessible_name(tr(&ui.ctx().clone(), "B block rows"));
        let drag = egui::DragValue::new(&mut tiling.bc).range(1..=plan.n_k).speed(0.1).prefix("Bc ");
        ui.add(drag).accessible_name(tr(&ui.ctx().clone(), "B block keys"));
        if tiling != settings.tiling() {
            chosen.tiling = Some(tiling);
        }
        if let Some(precision) = precision(ui, settings.run.precision()) {
            chosen.precision = Some(precision);
        }
        if chosen != Choices::default() && ui.button(tr(ui.ctx(), "as A")).clicked() {
            chosen = Choices::default();
        }
    });
    if chosen != old {
        messages.push(Message::Compare(CompareMessage::Choose(chosen)));
    }
}

/// B can run the input of `a` by a text of the program, or by one that was opened.
fn can_run(a: &FinishedRun, text: &Algorithm) -> bool {
    // How many splits there are is said for whichever text has some.
    let run = RunSpec { splits: None, ..a.settings.run.clone() };
    run.check_text(text).is_ok()
}

/// A text that B can be; gives it where it is chosen.
fn text(ui: &mut Ui, of: &Algorithm, settings: &Settings) -> Option<Algorithm> {
    let is_chosen = settings.algorithm == *of;
    let response = ui.selectable_label(is_chosen, of.short_name()).on_hover_text(tr(&ui.ctx().clone(), of.title()));
    let name = fill(ui.ctx(), "B algorithm: {0}", &[&of.short_name()]);
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, is_chosen, &name));
    response.clicked().then(|| of.clone())
}

fn precision(ui: &mut Ui, current: Precision) -> Option<Precision> {
    let mut precision = current;
    let combo = egui::ComboBox::from_id_salt("precision of B").width(64.0).selected_text(current.name());
    let response = combo.show_ui(ui, |ui| {
        for choice in Precision::ALL {
            ui.selectable_value(&mut precision, choice, choice.name());
        }
    });
    let name = fill(ui.ctx(), "B precision: {0}", &[&current.name()]);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    (precision != current).then_some(precision)
}
