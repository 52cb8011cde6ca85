//! The controls that a beat opens: each makes another scene of the same lesson.

use eframe::egui::{self, Ui};

use crate::app::ink::theme::Palette;
use crate::app::message::Message;
use crate::app::message::lesson::LessonMessage;
use crate::app::state::lesson::OpenLesson;
use crate::app::tongue::words::{fill, say, tr};
use crate::attention::Format;
use crate::playback::lesson::{At, BUGS, Field, Scene};
use crate::playback::{Command, Unit};
use crate::schedule::spec::{Choice, SPLITS, Splits};
use crate::schedule::{Algorithm, algorithm, hardware};

pub fn show(ui: &mut Ui, lesson: &OpenLesson, open: &[String], messages: &mut Vec<Message>) {
    let mut scene = lesson.work.scene.clone();
    for control in open {
        match control.as_str() {
            "step" => step(ui, lesson, messages),
            "algorithm" => {
                let now = scene.run.algorithm().to_owned();
                choice(ui, "Algorithm", "algorithm", &now, &texts(lesson, &scene), &mut scene);
            }
            control => one(ui, control, &mut scene),
        }
    }
    if scene != lesson.work.scene {
        messages.push(Message::Lesson(LessonMessage::Try(Box::new(scene))));
    }
}

/// Every text of the program that the scene could run, forwards or backwards as the beat is, and the variants that the beat
/// names.
fn texts(lesson: &OpenLesson, scene: &Scene) -> Vec<&'static str> {
    let beat = lesson.beat();
    let solution = beat.change.iter().flat_map(|change| &change.solution).filter(|field| field.key == "algorithm");
    let named = solution.map(|field| field.value.as_str()).chain([beat.scene.run.algorithm(), scene.run.algorithm()]);
    let named: Vec<&Algorithm> = named.filter_map(algorithm::by_name).collect();
    let is_backward = named.last().is_some_and(|now| now.is_backward());
    let fits = |of: &&Algorithm| of.is_backward() == is_backward && scene.run.check_text(of).is_ok();
    let mut names: Vec<&str> = Vec::new();
    for name in algorithm::of_program().filter(fits).chain(named).map(Algorithm::name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn one(ui: &mut Ui, control: &str, scene: &mut Scene) {
    let blocks = (scene.run.br.unwrap_or(0), scene.run.bc.unwrap_or(0));
    match control {
        "br" => number(ui, "Block rows br", "br", blocks.0, scene),
        "bc" => number(ui, "Block keys bc", "bc", blocks.1, scene),
        "blocks" => {
            number(ui, "Block rows br", "br", blocks.0, scene);
            number(ui, "Block keys bc", "bc", blocks.1, scene);
        }
        "head" => number(ui, "Head", "head", scene.run.head(), scene),
        "prefix" => number(ui, "First tokens", "prefix", scene.run.prefix.unwrap_or(0), scene),
        "bug" => choice(ui, "Bug", "bug", &scene.bug.clone(), &BUGS, scene),
        "hardware" => {
            let names: Vec<_> = hardware::all().iter().map(|model| model.name).collect();
            choice(ui, "Chip", "hardware", scene.run.hardware().name, &names, scene);
        }
        "precision" => {
            let names = Format::ALL.map(Format::name);
            choice(ui, "Precision", "precision", &scene.run.precision().name(), &names, scene);
        }
        "mask" => {
            let masks = ["none", "causal", "causal top-left", "window 4,0"];
            choice(ui, "Mask", "mask", tr(ui.ctx(), "choose"), &masks, scene);
        }
        "input" => choice(ui, "Input", "input", tr(ui.ctx(), "choose"), &["toy", "row", "real", "count"], scene),
        "causal" => one_of(ui, "Causal mask", "causal", &["true", "false"], scene),
        "align" => one_of(ui, "Alignment of the diagonal", "align", &["bottom-right", "top-left"], scene),
        "diagonal" => one_of(ui, "Where the diagonal ends", "diagonal", &["whole", "lengths"], scene),
        "bias" => one_of(ui, "Bias", "bias", &["own", "none"], scene),
        "keys" => one_of(ui, "Where K comes from", "keys", &["own", "q"], scene),
        "pack-heads" => one_of(ui, "Query heads as rows", "pack-heads", &["true", "false"], scene),
        "varlen" => one_of(ui, "The batch as one schedule", "varlen", &["true", "false"], scene),
        "splits" => {
            let count = scene.run.splits.and_then(Splits::count).unwrap_or(SPLITS);
            number(ui, "Splits of the keys", "splits", count, scene);
        }
        key => typed(ui, key, scene),
    }
}

/// Width of a name, of a field, and of a number with its buttons.
const NAME: f32 = 112.0;
const FIELD: f32 = 120.0;
const BUTTONS: f32 = 176.0;

/// Controls behind their name; below it where the room is too narrow for both.
fn named(ui: &mut Ui, name: &str, width: f32, add: impl FnOnce(&mut Ui)) {
    let font = egui::TextStyle::Body.resolve(ui.style());
    let of_name = ui.painter().layout_no_wrap(name.to_owned(), font, egui::Color32::PLACEHOLDER).size().x.max(NAME);
    let is_beside = of_name + ui.spacing().item_spacing.x + width <= ui.available_width();
    if !is_beside {
        ui.label(name);
    }
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        if is_beside {
            ui.add_sized([of_name, 28.0], egui::Label::new(name).halign(egui::Align::Min));
        }
        add(ui);
    });
}

/// A choice of the run among a few.
fn one_of(ui: &mut Ui, name: &str, key: &str, values: &[&str], scene: &mut Scene) {
    let now = Choice::by_name(key).and_then(|choice| choice.get(&scene.run)).unwrap_or_default();
    choice(ui, name, key, &now, values, scene);
}

/// A choice of the run that is typed, as a scene writes it. What is refused is told, and changes nothing.
fn typed(ui: &mut Ui, key: &str, scene: &mut Scene) {
    let Some(choice) = Choice::by_name(key) else { return };
    let name = tr(ui.ctx(), title_of(key)).to_owned();
    let id = ui.scope_id().with(("typed", key));
    let now = choice.get(&scene.run).unwrap_or_default();
    let mut text = ui.data(|data| data.get_temp::<String>(id)).unwrap_or_else(|| now.clone());
    named(ui, &name, FIELD, |ui| {
        let border = egui::Frame::new().stroke(Palette::of(ui).hairline()).corner_radius(4.0);
        let field = egui::TextEdit::singleline(&mut text).desired_width(FIELD);
        let edit = border.show(ui, |ui| ui.add(field)).inner;
        edit.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, &name));
        if edit.changed() {
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
        }
        if edit.lost_focus() {
            ui.data_mut(|data| data.remove::<String>(id));
            set(scene, key, text.trim().to_owned());
        }
    });
    if text != now
        && let Err(fault) = choice.set(&mut scene.run.clone(), text.trim())
    {
        ui.label(say(ui.ctx(), &fault));
    }
}

/// What a choice that is typed is called.
fn title_of(key: &str) -> &'static str {
    match key {
        "seed" => "Seed of the input",
        "window" => "Window: left, right",
        "kv-lengths" => "Lengths of the keys",
        "left-padding" => "Padding before the keys",
        "prefix-keys" => "Keys that every query sees",
        "sink-keys" => "Keys that a window does not hide",
        "documents" => "Tokens of each document",
        "scale" => "Scale of the scores",
        "softcap" => "Softcap",
        "alibi" => "Slopes of ALiBi",
        "sinks" => "Logits of the sinks",
        "dropout" => "Rate of dropout",
        "grad" => "Gradient of the output dO",
        "arrival" => "Order in which additions arrive",
        _ => "Seed of dropout",
    }
}

/// Steps of the player: the keys and the strip move it as well.
fn step(ui: &mut Ui, lesson: &OpenLesson, messages: &mut Vec<Message>) {
    let name = tr(ui.ctx(), "Steps done").to_owned();
    named(ui, &name, BUTTONS, |ui| {
        if small(ui, "-", tr(ui.ctx(), "Step back").to_owned()) {
            messages.push(Message::Player(Command::StepBack(Unit::Operation)));
        }
        if let At::Step(n) = lesson.work.scene.step {
            ui.label(egui::RichText::new(n.to_string()).monospace());
        }
        if small(ui, "+", tr(ui.ctx(), "Step forward").to_owned()) {
            messages.push(Message::Player(Command::StepForward(Unit::Operation)));
        }
    });
}

fn set(scene: &mut Scene, key: &str, value: String) {
    let field = Field { line: 0, column: 0, key: key.into(), value };
    let mut changed = scene.clone();
    // A value that the scene refuses changes nothing.
    if changed.set(&field).is_ok() {
        *scene = changed;
    }
}

/// A number to type, with its neighbours, its half and its double a click away.
fn number(ui: &mut Ui, name: &str, key: &str, value: usize, scene: &mut Scene) {
    let name = tr(ui.ctx(), name).to_owned();
    named(ui, &name, BUTTONS, |ui| {
        let mut new = value;
        let half = fill(ui.ctx(), "half of {0}", &[&name]);
        let twice = fill(ui.ctx(), "twice {0}", &[&name]);
        if small(ui, "/ 2", half) {
            new = (value / 2).max(1);
        }
        if small(ui, "-", format!("- {name}")) {
            new = value.saturating_sub(1).max(1);
        }
        let drag = ui.add(egui::DragValue::new(&mut new).range(1..=1_000_000).update_while_editing(false));
        drag.widget_info(|| egui::WidgetInfo::labeled(egui::Role::SpinButton, true, &name));
        if small(ui, "+", format!("+ {name}")) {
            new = value + 1;
        }
        if small(ui, "x 2", twice) {
            new = value * 2;
        }
        if new != value {
            set(scene, key, new.to_string());
        }
    });
}

fn small(ui: &mut Ui, text: &str, title: String) -> bool {
    let button = egui::Button::new(text).min_size(egui::vec2(28.0, 28.0)).frame_when_inactive(true);
    let response = ui.add(button);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &title));
    response.on_hover_text(&title).clicked()
}

fn choice(ui: &mut Ui, name: &str, key: &str, now: &str, names: &[&str], scene: &mut Scene) {
    let name = tr(ui.ctx(), name).to_owned();
    ui.label(&name);
    // A row of buttons, not a menu: all that can be chosen is seen, and Tab reaches it.
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(4.0, 4.0);
        for choice in names {
            let title = match key {
                "bug" => tr(ui.ctx(), in_words(choice)),
                "mask" => tr(ui.ctx(), choice),
                "causal" | "align" | "bias" | "keys" | "pack-heads" | "varlen" => tr(ui.ctx(), of_the_run(choice)),
                _ => choice,
            };
            if ui.add(egui::Button::new(title).selected(*choice == now).frame_when_inactive(true)).clicked() {
                set(scene, key, (*choice).to_owned());
            }
        }
    });
}

/// What a bug does, for those who do not read its name.
fn in_words(bug: &str) -> &'static str {
    match bug {
        "forget-alpha" => "alpha is forgotten",
        "no-max" => "the maximum is not subtracted",
        "no-guard" => "no guard",
        "minus-1000" => "-1000 for hidden keys",
        "zero" => "0 for hidden keys",
        "stuck-max" => "the maximum sticks at 0",
        _ => "no bug",
    }
}

/// What a choice of the run says.
fn of_the_run(value: &str) -> &'static str {
    match value {
        "true" => "yes",
        "false" => "no",
        "own" => "as in the input",
        "none" => "none",
        "q" => "Q in place of K",
        "top-left" => "top-left",
        _ => "bottom-right",
    }
}
