//! The controls that a beat opens: each makes another scene of the same lesson.

use eframe::egui::{self, Ui};

use crate::attention::Precision;
use crate::playback::lesson::{BUGS, Field, Scene};
use crate::schedule::{algorithm, hardware};

use super::action::{Action, Wish};
use super::lesson::OpenLesson;
use super::words::tr;

pub fn show(ui: &mut Ui, lesson: &OpenLesson, open: &[String], actions: &mut Vec<Action>) {
    let mut scene = lesson.work.scene.clone();
    egui::Grid::new("open controls").num_columns(2).spacing([8.0, 8.0]).show(ui, |ui| {
        for control in open {
            one(ui, control, &mut scene);
            ui.end_row();
        }
    });
    if scene != lesson.work.scene {
        actions.push(Action::Lesson(Wish::Try(Box::new(scene))));
    }
}

fn one(ui: &mut Ui, control: &str, scene: &mut Scene) {
    let blocks = (scene.run.br.unwrap_or(0), scene.run.bc.unwrap_or(0));
    match control {
        "br" => number(ui, "Block rows br", "br", blocks.0, scene),
        "bc" => number(ui, "Block keys bc", "bc", blocks.1, scene),
        "blocks" => {
            number(ui, "Block rows br", "br", blocks.0, scene);
            ui.end_row();
            number(ui, "Block keys bc", "bc", blocks.1, scene);
        }
        "head" => number(ui, "Head", "head", scene.run.head(), scene),
        "prefix" => number(ui, "First tokens", "prefix", scene.run.prefix.unwrap_or(0), scene),
        "bug" => choice(ui, "Bug", "bug", &scene.bug.clone(), &BUGS, scene),
        "algorithm" => {
            let names = algorithm::ALL.map(algorithm::Algorithm::name);
            choice(ui, "Algorithm", "algorithm", &scene.run.algorithm().to_owned(), &names, scene);
        }
        "hardware" => {
            let names: Vec<_> = hardware::all().iter().map(|model| model.name).collect();
            choice(ui, "Chip", "hardware", scene.run.hardware().name, &names, scene);
        }
        "precision" => {
            let names = Precision::ALL.map(Precision::name);
            choice(ui, "Precision", "precision", scene.run.precision().name(), &names, scene);
        }
        "mask" => {
            let masks = ["none", "causal", "causal top-left", "window 4,0"];
            choice(ui, "Mask", "mask", tr(ui.ctx(), "choose"), &masks, scene);
        }
        "input" => choice(ui, "Input", "input", tr(ui.ctx(), "choose"), &["toy", "row", "real", "count"], scene),
        _ => {}
    }
}

fn set(scene: &mut Scene, key: &str, value: String) {
    let field = Field { line: 0, column: 0, key: key.into(), value };
    let mut changed = scene.clone();
    // A value that the scene refuses changes nothing.
    if changed.set(&field).is_ok() {
        *scene = changed;
    }
}

fn number(ui: &mut Ui, name: &str, key: &str, value: usize, scene: &mut Scene) {
    let name = tr(ui.ctx(), name).to_owned();
    ui.label(&name);
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        let mut new = value;
        let mut step = |ui: &mut Ui, text: &str, title: String, to: usize| {
            let button = egui::Button::new(text).min_size(egui::vec2(28.0, 28.0)).frame_when_inactive(true);
            let response = ui.add(button);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &title));
            if response.clicked() {
                new = to;
            }
        };
        step(ui, "-", format!("- {name}"), value.saturating_sub(1).max(1));
        ui.label(egui::RichText::new(value.to_string()).monospace());
        step(ui, "+", format!("+ {name}"), value + 1);
        if new != value {
            set(scene, key, new.to_string());
        }
    });
}

fn choice(ui: &mut Ui, name: &str, key: &str, now: &str, names: &[&str], scene: &mut Scene) {
    let name = tr(ui.ctx(), name).to_owned();
    ui.label(&name);
    // A row of buttons, not a menu: all that can be chosen is seen, and Tab reaches it.
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
        for choice in names {
            let title = if matches!(key, "bug" | "mask") { tr(ui.ctx(), choice) } else { choice };
            if ui.add(egui::Button::new(title).selected(*choice == now).frame_when_inactive(true)).clicked() {
                set(scene, key, (*choice).to_owned());
            }
        }
    });
}
