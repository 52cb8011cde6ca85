//! The top bar: what is open, how it is computed, presenting, the keys, a menu of the rest; below it a message when there
//! is one.

use eframe::egui::containers::menu::MenuButton;
use eframe::egui::{self, Ui};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::talk::TalkMessage;
use crate::app::message::window::Overlay;
use crate::app::message::{Message, commands};
use crate::app::run::document::Document;
use crate::app::run::flows::{CountsAsked, CountsShown};
use crate::app::run::said;
use crate::app::run::settings::Settings;
use crate::app::run::source::{Source, preset_title};
use crate::app::tongue::words::{self, fill, tr};
use crate::attention::Shape;
use crate::attention::input::bundled::CAPTURES;
use crate::attention::input::preset::Preset;
use crate::files::printable;
use crate::schedule::algorithm;

/// Points of width from which the name of the program stands at the left.
const ROOM_FOR_NAME: f32 = 760.0;
/// What is kept for the name of the algorithm with its menu, for the scope, and at least for the input; a button is so wide.
const ALGORITHM: f32 = 136.0;
const SCOPE: f32 = 180.0;
const LEAST_INPUT: f32 = 96.0;
const LEAST_BUTTON: f32 = 28.0;

/// Work shorter than this is not worth a bar.
const PATIENCE_S: f32 = 0.3;

pub fn show(ui: &mut Ui, document: &Document, counts: &CountsShown, messages: &mut Vec<Message>) {
    ui.horizontal_centered(|ui| {
        let room = ui.available_width();
        if room >= ROOM_FOR_NAME {
            ui.label(egui::RichText::new("tilescope").size(16.0).strong());
            ui.add_space(2.0 * SPACE);
        }
        // The scope and the buttons keep their room: the name of the input has what is left.
        let of_input = ui.available_width() - ALGORITHM - SCOPE - buttons(ui);
        input_menu(ui, document, of_input, messages);
        algorithm_menu(ui, document, messages);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let keys = Message::Overlay(Overlay::Keys);
            if named_button(ui, "?", tr(&ui.ctx().clone(), "Keys"), &commands::tooltip(ui.ctx(), &keys)).clicked() {
                messages.push(keys);
            }
            more(ui, messages);
            let present = Message::Talk(TalkMessage::Here);
            let tip = commands::tooltip(ui.ctx(), &present);
            let word = tr(ui.ctx(), "Present").to_owned();
            if named_button(ui, &word, &word, &tip).clicked() {
                messages.push(present);
            }
            waiting(ui, document);
            scope(ui, document, counts, messages);
        });
    });
}

/// Points of the buttons at the right.
fn buttons(ui: &Ui) -> f32 {
    let font = egui::TextStyle::Button.resolve(ui.style());
    let width = |text: &str| {
        ui.painter().layout_no_wrap(tr(ui.ctx(), text).to_owned(), font.clone(), Palette::of(ui).ink).size().x
    };
    let (between, around) = (ui.spacing().item_spacing.x, 2.0 * ui.spacing().button_padding.x);
    width("Present") + width("More") + LEAST_BUTTON + 2.0 * around + 4.0 * between
}

fn input_menu(ui: &mut Ui, document: &Document, room: f32, messages: &mut Vec<Message>) {
    let title = fill(ui.ctx(), "Input: {0}", &[&input_title(ui, document)]);
    let font = egui::TextStyle::Button.resolve(ui.style());
    let wanted = ui.painter().layout_no_wrap(title.clone(), font, Palette::of(ui).ink).size().x;
    let width = (wanted + 2.0 * ui.spacing().button_padding.x + 1.0).min(room.max(LEAST_INPUT));
    let menu = |ui: &mut Ui| {
        ui.set_min_width(280.0);
        let mut entry = |ui: &mut Ui, source: Source| {
            if ui.button(tr(&ui.ctx().clone(), source.title())).clicked() {
                messages.push(Message::Open(source));
                ui.close();
            }
        };
        draw::caption(ui, "Real models");
        (0..CAPTURES.len()).for_each(|index| entry(ui, Source::Bundled(index)));
        ui.separator();
        draw::caption(ui, "Made to show one thing");
        entry(ui, Source::Row);
        entry(ui, Source::Toy);
        Preset::ALL.into_iter().for_each(|preset| entry(ui, Source::Preset(preset)));
        ui.separator();
        let open = Message::Overlay(Overlay::Open);
        let name = tr(ui.ctx(), "Files and random tensors ...").to_owned();
        if ui.button(name).on_hover_text(commands::tooltip(ui.ctx(), &open)).clicked() {
            messages.push(open);
            ui.close();
        }
    };
    let button = egui::Button::new(title.as_str()).truncate();
    let place = egui::vec2(width, ui.available_height());
    let layout = egui::Layout::left_to_right(egui::Align::Center);
    let shown = ui.allocate_ui_with_layout(place, layout, |ui| MenuButton::from_button(button).ui(ui, menu).0);
    let hint = tr(ui.ctx(), "Drop a .safetensors or .npz file here, or q, k and v.npy together");
    shown.inner.on_hover_text(format!("{title}\n{hint}"));
}

/// Every command, by its group.
fn more(ui: &mut Ui, messages: &mut Vec<Message>) {
    let title = tr(ui.ctx(), "More").to_owned();
    ui.menu_button(title, |ui| {
        let (table, mut group) = (commands::table(ui.ctx()), "");
        for entry in table {
            if entry.group == group {
                continue;
            }
            group = entry.group;
            let title = tr(ui.ctx(), group).to_owned();
            ui.menu_button(title, |ui| {
                ui.set_min_width(240.0);
                for entry in table.iter().filter(|entry| entry.group == group) {
                    let name = tr(ui.ctx(), entry.name).to_owned();
                    let button = egui::Button::new(name).shortcut_text(commands::keys_text(ui.ctx(), entry));
                    let mut response = ui.add(button);
                    if !entry.help.is_empty() {
                        response = response.on_hover_text(tr(ui.ctx(), entry.help));
                    }
                    if response.clicked() {
                        messages.push(entry.message.clone());
                        ui.close();
                    }
                }
            });
        }
    });
}

fn named_button(ui: &mut Ui, text: &str, name: &str, tooltip: &str) -> egui::Response {
    let response = ui.add(egui::Button::new(text).min_size(egui::vec2(LEAST_BUTTON, 28.0))).on_hover_text(tooltip);
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, name));
    response
}

/// The model and layer where the input names them, else its file.
pub fn input_title(ui: &Ui, document: &Document) -> String {
    let input = document.source();
    let about = &input.about;
    let name = match (&about.model, about.layer) {
        // Texts of one layer are told apart by their language.
        (Some(model), Some(layer)) if capture_language(&input.name).is_some() => {
            let words = tr(ui.ctx(), capture_language(&input.name).unwrap_or_default());
            fill(ui.ctx(), "{0}, layer {1}, {2}", &[model, &layer, &words])
        }
        (Some(model), Some(layer)) => fill(ui.ctx(), "{0}, layer {1}", &[model, &layer]),
        _ => match Preset::parse(&input.name) {
            Some(preset) => tr(ui.ctx(), preset_title(preset)).to_owned(),
            None => input.name.clone(),
        },
    };
    let settings = document.wanted();
    let Shape { n_q, n_k, .. } = settings.run.shape(input);
    let short: String = printable(&name).chars().take(48).collect();
    if n_q == n_k {
        fill(ui.ctx(), "{0}, {1} {1|token|tokens}", &[&short, &n_q])
    } else {
        fill(ui.ctx(), "{0}, {1} {1|query|queries}, {2} {2|key|keys}", &[&short, &n_q, &n_k])
    }
}

/// Of a capture that comes with the program, where its name says the language of its text.
fn capture_language(name: &str) -> Option<&'static str> {
    let capture = CAPTURES.iter().find(|capture| capture.file == name)?;
    let languages = [("English", "English text"), ("Chinese", "Chinese text")];
    languages.into_iter().find(|(language, _)| capture.title.ends_with(language)).map(|(_, said)| said)
}

fn algorithm_menu(ui: &mut Ui, document: &Document, messages: &mut Vec<Message>) {
    let wanted = document.wanted();
    let combo = egui::ComboBox::from_id_salt("algorithm")
        .width(112.0)
        .selected_text(wanted.algorithm.short_name())
        .show_ui(ui, |ui| {
            for choice in algorithm::of_program() {
                let response = ui.selectable_label(*choice == wanted.algorithm, choice.name());
                if response.on_hover_text(tr(&ui.ctx().clone(), choice.title())).clicked() {
                    messages.push(Message::Change(Box::new(Settings { algorithm: choice.clone(), ..wanted.clone() })));
                }
            }
        });
    let name = fill(ui.ctx(), "Algorithm: {0}", &[&wanted.algorithm.short_name()]);
    combo.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
}

/// What the numbers on screen are of, in what room is left.
fn scope(ui: &mut Ui, document: &Document, counts: &CountsShown, messages: &mut Vec<Message>) {
    let Some(scene) = document.scene() else { return };
    let program = document.snapshot().and_then(|snapshot| snapshot.view.program);
    let text = words::say(ui.ctx(), &said::scope(scene, program, counts.is_of_all(scene)));
    let sense = if scene.is_of_all_heads() { egui::Sense::hover() } else { egui::Sense::click() };
    let size = egui::vec2(ui.available_width(), 28.0);
    let (rect, response) = ui.allocate_exact_size(size, sense);
    let (font, ink) = (theme::text(theme::LABEL), Palette::of(ui).faint_ink);
    let place = rect.shrink2(egui::vec2(2.0 * SPACE, 0.0));
    fit_text(ui.painter(), place, egui::Align2::RIGHT_CENTER, &text, font, ink);
    draw::describe(&response, "scope", &text);
    let switch = Message::Counts(CountsAsked::AllHeads);
    let more = if scene.is_of_all_heads() { String::new() } else { commands::tooltip(ui.ctx(), &switch) };
    if response.on_hover_text(format!("{text}\n{more}").trim_end()).clicked() {
        messages.push(switch);
    }
}

fn waiting(ui: &mut Ui, document: &Document) {
    let Some((age, progress)) = document.waiting() else { return };
    let left = PATIENCE_S - age.as_secs_f32();
    if left > 0.0 {
        ui.request_repaint_after_secs(left);
        return;
    }
    ui.request_repaint_after_secs(0.1);
    ui.add(
        egui::ProgressBar::new(progress)
            .desired_width((ui.available_width() / 2.0).min(160.0))
            .text(tr(&ui.ctx().clone(), "computing")),
    );
}

/// A message on one line, with a button that takes it away, and with what mends it where the program knows.
pub fn notice(ui: &mut Ui, text: &str, document: &Document, messages: &mut Vec<Message>) {
    let (id, fill) = ("message", Palette::of(ui).trouble_soft);
    let other = document.read_as_flash_attn();
    let mends = other.as_ref().map(|_| tr(ui.ctx(), "Read as [batch, N, heads, d]"));
    match line(ui, id, fill, ("! ", text), mends) {
        Some(LineAsked::Close) => messages.push(Message::Dismiss),
        Some(LineAsked::Mend) => messages.extend(other.map(|place| Message::Open(Source::Link(Box::new(place))))),
        None => {}
    }
}

/// What was understood of the file, on one line of the colour of the bar above: nothing is wrong.
pub fn understood(ui: &mut Ui, text: &str, messages: &mut Vec<Message>) {
    let (id, fill) = ("what was understood", Palette::of(ui).panel);
    if line(ui, id, fill, ("", text), None).is_some() {
        messages.push(Message::CloseUnderstood);
    }
}

/// What is clicked in a line.
enum LineAsked {
    Close,
    Mend,
}

/// A text on one line after its mark, all of it where the pointer rests, a button for what mends it, and one that takes it
/// away.
fn line(
    ui: &mut Ui,
    id: &'static str,
    fill: egui::Color32,
    (mark, text): (&str, &str),
    mends: Option<&str>,
) -> Option<LineAsked> {
    let frame = egui::Frame::new().fill(fill).inner_margin(egui::Margin::symmetric(12, 4));
    let shown = egui::Panel::top(id).frame(frame).show_separator_line(false).resizable(false).show(ui, |ui| {
        let mut asked = None;
        ui.horizontal(|ui| {
            // The buttons first: the text has what is left.
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if ui.button(tr(&ui.ctx().clone(), "Close")).clicked() {
                    asked = Some(LineAsked::Close);
                }
                if mends.is_some_and(|mends| ui.button(mends).clicked()) {
                    asked = Some(LineAsked::Mend);
                }
                let size = egui::vec2(ui.available_width().max(0.0), 24.0);
                let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
                let text = printable(text);
                let (shown, ink) = (format!("{mark}{text}"), Palette::of(ui).ink);
                fit_text(ui.painter(), rect, egui::Align2::LEFT_CENTER, &shown, theme::text(theme::BODY), ink);
                draw::describe(&response, id, &text);
                response.on_hover_text(text);
            });
        });
        asked
    });
    shown.inner
}
