//! The panel on the left: every choice that makes another run, and what checks the result.

use std::ops::RangeInclusive;

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::SPACE;
use crate::app::message::Message;
use crate::app::message::window::Side;
use crate::app::panels::check;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::document::Document;
use crate::app::tongue::words::{fill, tr};
use crate::attention::precision::OFFERED;
use crate::attention::{Align, Format, Mask, Precision, Shape};
use crate::schedule::hardware;
use crate::schedule::spec::{MOST_SPLITS, RunSpec, SPLITS};

pub static PANEL: Panel = Panel {
    id: "setup",
    title: "Setup",
    home: Home::Left,
    group: "Look",
    command: "Show the setup",
    keys: &[(Modifiers::ALT, Key::S)],
    opens: Message::Side(Side::Setup),
    also: "settings, options, choices",
    help: "Every choice that makes another run, and whether it is right.",
    show: |ui, drawn| {
        show(ui, drawn.document, drawn.wanted_setting, drawn.messages);
        ui.add_space(8.0);
        ui.separator();
        check::show(ui, drawn.look, drawn.gpu, drawn.messages);
    },
};

/// Every choice, by the name that the palette finds it by.
pub const NAMES: [&str; 12] = [
    "First tokens",
    "Block rows br",
    "Block keys bc",
    "Splits of the keys",
    "Head",
    "Key/value head",
    "Batch entry",
    "Precision",
    "Chip",
    "Causal mask",
    "Sliding window",
    "Padding mask",
];

/// Those that this input and algorithm have.
pub fn names(document: &Document) -> Vec<&'static str> {
    let (input, settings) = (document.source(), document.wanted());
    let shape = input.problem.shape;
    let has = |name: &str| match name {
        "First tokens" => settings.run.has_exact_prefix(&input.problem),
        "Splits of the keys" => settings.algorithm.has_splits(),
        "Head" => shape.heads > 1,
        "Key/value head" => has_groups(&shape),
        "Batch entry" => shape.batch > 1,
        _ => true,
    };
    NAMES.into_iter().filter(|name| has(name)).collect()
}

fn has_groups(shape: &Shape) -> bool {
    shape.kv_heads < shape.heads && shape.kv_heads > 1
}

/// `wanted` is the name of the choice that takes the keyboard.
fn show(ui: &mut Ui, document: &Document, wanted: Option<&'static str>, messages: &mut Vec<Message>) {
    if let Some(name) = wanted {
        ui.data_mut(|data| data.insert_temp(wanted_id(), name));
    }
    choices(ui, document, messages);
    ui.data_mut(|data| data.remove::<&'static str>(wanted_id()));
}

fn wanted_id() -> egui::Id {
    egui::Id::unique("choice that takes the keyboard")
}

fn is_wanted(ui: &Ui, name: &str) -> bool {
    ui.data(|data| data.get_temp::<&'static str>(wanted_id())) == Some(name)
}

/// Gives the keyboard to the choice of this name, if it is the one that is wanted.
fn offer(ui: &Ui, name: &str, response: &egui::Response) {
    if is_wanted(ui, name) {
        response.request_focus();
        response.scroll_to_me(Some(egui::Align::Center));
    }
}

fn choices(ui: &mut Ui, document: &Document, messages: &mut Vec<Message>) {
    let input = document.source();
    let shape = input.problem.shape;
    let mut settings = document.wanted().clone();
    draw::title(ui, "Setup");
    let (n_q, n_k) = settings.run.lengths(&shape);
    draw::caption(ui, &format!("n_q {n_q}, n_k {n_k}, d {}, d_v {}", shape.d, shape.d_v));
    ui.add_space(SPACE);
    if settings.run.has_exact_prefix(&input.problem) {
        prefix(ui, &mut settings.run, shape.n_q);
        ui.add_space(SPACE);
    }
    let (n_q, n_k) = settings.run.lengths(&shape);
    let run = &mut settings.run;
    egui::Grid::new("setup").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
        number(ui, "Block rows br", run.br.get_or_insert(1), 1..=n_q);
        number(ui, "Block keys bc", run.bc.get_or_insert(1), 1..=n_k);
        if settings.algorithm.has_splits() {
            number(ui, "Splits of the keys", run.splits.get_or_insert(SPLITS), 1..=n_k.min(MOST_SPLITS));
        }
        if shape.heads > 1 {
            number(ui, "Head", run.head.get_or_insert(0), 0..=shape.heads - 1);
        }
        if has_groups(&shape) {
            kv_head(ui, run, &shape);
        }
        if shape.batch > 1 {
            number(ui, "Batch entry", run.batch.get_or_insert(0), 0..=shape.batch - 1);
        }
        precision(ui, run);
    });
    formats(ui, run);
    let heads = settings.algorithm.heads(&shape);
    if heads > 1 {
        let head = run.head();
        let first = head - head % heads;
        let text = "The run is of heads {0} to {1}, which share a key/value head; head {2} is drawn.";
        draw::caption(ui, &fill(ui.ctx(), text, &[&first, &(first + heads - 1), &head]));
    }
    // A line of its own: beside the longest name above, that of a chip would leave the panel.
    ui.horizontal(|ui| chip(ui, run));
    ui.add_space(SPACE);
    let own = run.mask(&input.problem.mask, shape.n_k);
    let mut chosen = own.clone();
    mask(ui, &mut chosen, (n_q, n_k), &shape, run.batch());
    if chosen != own {
        run.choose_mask(chosen, input);
        // A prefix is exact only as long as no token sees a later one.
        let is_exact = run.has_exact_prefix(&input.problem);
        run.prefix.take_if(|_| !is_exact);
    }
    settings.clamp(&shape);
    if settings != *document.wanted() {
        messages.push(Message::Change(Box::new(settings)));
    }
}

fn prefix(ui: &mut Ui, run: &mut RunSpec, most: usize) {
    let mut prefix = run.prefix().unwrap_or(most);
    let hint = tr(ui.ctx(), "A prefix of a causal input is exact: no token sees a later one").to_owned();
    draw::caption(ui, "First tokens").on_hover_text(hint);
    ui.spacing_mut().slider_width = 120.0;
    let slider = egui::Slider::new(&mut prefix, 1..=most);
    let response = ui.add(slider).accessible_name(tr(&ui.ctx().clone(), "First tokens"));
    offer(ui, "First tokens", &response);
    if response.changed() {
        run.prefix = Some(if prefix < most { prefix } else { 0 });
    }
}

fn number(ui: &mut Ui, key: &str, value: &mut usize, range: RangeInclusive<usize>) {
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

fn precision(ui: &mut Ui, run: &mut RunSpec) {
    let chosen = run.precision.get_or_insert_default();
    ui.label(tr(ui.ctx(), "Precision"));
    let shown = if chosen.is_whole() { chosen.name() } else { format!("{}, ..", chosen.format.name()).into() };
    let combo = egui::ComboBox::from_id_salt("precision").width(72.0).selected_text(shown);
    let response = combo.show_ui(ui, |ui| {
        for precision in Precision::ALL {
            ui.selectable_value(chosen, precision, precision.name());
        }
    });
    offer(ui, "Precision", &response.response);
    let name = fill(ui.ctx(), "Precision: {0}", &[&chosen.name()]);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
    ui.end_row();
}

/// Formats of single tensors, of accumulators, and the scales of fp8.
fn formats(ui: &mut Ui, run: &mut RunSpec) {
    let chosen = run.precision.get_or_insert_default();
    // f64 keeps everything in f64.
    if *chosen == Precision::F64 {
        return;
    }
    let title = tr(ui.ctx(), "Formats of single tensors").to_owned();
    egui::CollapsingHeader::new(title).id_salt("formats").show(ui, |ui| {
        ui.horizontal_wrapped(|ui| OFFERED.into_iter().for_each(|name| format_of(ui, name, chosen)));
        let scales = tr(ui.ctx(), "A scale for each block of e4m3 inputs").to_owned();
        let mut has_scales = chosen.has_scales();
        let can = chosen.with_scales(true);
        if ui.add_enabled(can.is_ok(), egui::Checkbox::new(&mut has_scales, scales)).changed()
            && let Ok(changed) = chosen.with_scales(has_scales)
        {
            *chosen = changed;
        }
    });
}

fn format_of(ui: &mut Ui, name: &str, chosen: &mut Precision) {
    let mut own = chosen.own(name);
    let shown = own.map_or("-", Format::name);
    ui.label(name);
    let combo = egui::ComboBox::from_id_salt(("format", name)).width(56.0).selected_text(shown);
    let response = combo.show_ui(ui, |ui| {
        ui.selectable_value(&mut own, None, "-");
        for format in Format::ALL.into_iter().filter(|format| *format != Format::F64) {
            ui.selectable_value(&mut own, Some(format), format.name());
        }
    });
    let label = fill(ui.ctx(), "Format of {0}: {1}", &[&name, &shown]);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &label));
    if let Ok(changed) = chosen.with(name, own) {
        *chosen = changed;
    }
}

fn chip(ui: &mut Ui, run: &mut RunSpec) {
    let chosen = run.hardware.get_or_insert_default();
    let hint = tr(ui.ctx(), "Whose budget the buffers are held against. Changes no number of the run.").to_owned();
    ui.label(tr(ui.ctx(), "Chip")).on_hover_text(hint);
    let combo = egui::ComboBox::from_id_salt("chip").width(96.0).selected_text(chosen.name);
    let response = combo.show_ui(ui, |ui| {
        let ctx = ui.ctx().clone();
        for model in hardware::all() {
            let (name, title) = (model.name, model.title);
            ui.selectable_value(chosen, model, name).on_hover_text(tr(&ctx, title));
        }
    });
    offer(ui, "Chip", &response.response);
    let name = fill(ui.ctx(), "Chip: {0}", &[&chosen.name]);
    response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
}

/// The key/value head that the query head reads; another one keeps the place within its group.
fn kv_head(ui: &mut Ui, run: &mut RunSpec, shape: &Shape) {
    let head = run.head();
    let mut kv_head = shape.kv_head(head);
    number(ui, "Key/value head", &mut kv_head, 0..=shape.kv_heads - 1);
    if kv_head != shape.kv_head(head) {
        run.head = Some(kv_head * shape.group() + head % shape.group());
    }
}

/// Every mask that comes from indices, of an input of this shape of which n_q and n_k are run.
fn mask(ui: &mut Ui, mask: &mut Mask, (n_q, n_k): (usize, usize), shape: &Shape, batch: usize) {
    let response = ui.checkbox(&mut mask.causal, tr(ui.ctx(), "Causal mask").to_owned());
    offer(ui, "Causal mask", &response);
    window(ui, mask, n_q.max(n_k));
    padding(ui, mask, n_k, shape, batch);
    let has_diagonal = mask.causal || !mask.window().is_open();
    if has_diagonal && n_q != n_k {
        draw::caption(ui, "Diagonal, since n_q and n_k differ");
        for (align, name) in [
            (Align::BottomRight, "bottom right: the last query sees the last key"),
            (Align::TopLeft, "top left: the first query sees the first key"),
        ] {
            ui.radio_value(&mut mask.align, align, tr(ui.ctx(), name).to_owned());
        }
    }
}

/// Keys a side that a window opens with.
const WINDOW: usize = 4;

/// A sliding window: keys left and right of the diagonal. One as wide as the input hides nothing.
fn window(ui: &mut Ui, mask: &mut Mask, most: usize) {
    let reach = |side: Option<usize>| side.unwrap_or(most).min(most);
    let was_on = [mask.window_left, mask.window_right].into_iter().any(|side| reach(side) < most);
    let mut is_on = was_on;
    let response = ui.checkbox(&mut is_on, tr(ui.ctx(), "Sliding window").to_owned());
    offer(ui, "Sliding window", &response);
    if is_on != was_on {
        let side = if is_on { WINDOW.min(most.saturating_sub(1)) } else { most };
        mask.window_left = Some(side);
        mask.window_right = if mask.causal && is_on { Some(0) } else { Some(side) };
    }
    if !is_on {
        return;
    }
    let [left, right] = [mask.window_left, mask.window_right].map(reach);
    let (mut new_left, mut new_right) = (left, right);
    egui::Grid::new("window").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
        number(ui, "Keys to the left", &mut new_left, 0..=most);
        // To the right a causal mask hides everything already.
        if !mask.causal {
            number(ui, "Keys to the right", &mut new_right, 0..=most);
        }
    });
    if (new_left, new_right) != (left, right) {
        (mask.window_left, mask.window_right) = (Some(new_left), Some(new_right));
    }
}

/// How many keys of the batch entry exist; the others are padding.
fn padding(ui: &mut Ui, mask: &mut Mask, n_k: usize, shape: &Shape, batch: usize) {
    let length = mask.key_lengths.as_ref().and_then(|lengths| lengths.get(batch).copied());
    let length = length.unwrap_or(n_k).min(n_k);
    let mut is_on = length < n_k;
    let response = ui.checkbox(&mut is_on, tr(ui.ctx(), "Padding mask").to_owned());
    offer(ui, "Padding mask", &response);
    let mut new = match (length < n_k, is_on) {
        (false, true) => n_k - n_k.div_ceil(4),
        (true, false) => n_k,
        _ => length,
    };
    if is_on {
        egui::Grid::new("padding").num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, |ui| {
            number(ui, "Keys that exist", &mut new, 0..=n_k);
        });
    }
    if new != length {
        let lengths = mask.key_lengths.get_or_insert_with(|| vec![shape.n_k; shape.batch]);
        // All keys of a prefix are all keys of the whole.
        if let Some(length) = lengths.get_mut(batch) {
            *length = if new == n_k { shape.n_k } else { new };
        }
        mask.key_lengths.take_if(|lengths| lengths.iter().all(|&length| length == shape.n_k));
    }
}
