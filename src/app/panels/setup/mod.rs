//! The panel on the left: every choice that makes another run, and what checks the result.

mod fields;
mod masks;

use std::ops::RangeInclusive;

use eframe::egui::{self, Key, Modifiers, Ui};

use fields::{number, offer, wanted_id};

use crate::app::ink::draw;
use crate::app::ink::theme::SPACE;
use crate::app::message::Message;
use crate::app::message::window::Side;
use crate::app::panels::check;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::document::Document;
use crate::app::tongue::words::{fill, tr};
use crate::attention::precision::OFFERED;
use crate::attention::{Format, Precision, Shape};
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

/// What a batch in one schedule is called.
const VARLEN: &str = "The batch as one schedule";

/// Every choice, by the name that the palette finds it by.
pub const NAMES: [&str; 14] = [
    "First tokens",
    "Block rows br",
    "Block keys bc",
    "Splits of the keys",
    "Head",
    "Key/value head",
    "Batch entry",
    VARLEN,
    "Precision",
    "Chip",
    "Causal mask",
    "Sliding window",
    "Padding mask",
    "Other masks",
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
        "Batch entry" => shape.batch > 1 && !settings.run.is_varlen(),
        VARLEN => shape.batch > 1,
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

fn choices(ui: &mut Ui, document: &Document, messages: &mut Vec<Message>) {
    let input = document.source();
    let shape = input.problem.shape;
    let mut settings = document.wanted().clone();
    draw::title(ui, "Setup");
    let Shape { n_q, n_k, .. } = settings.run.shape(input);
    draw::caption(ui, &format!("n_q {n_q}, n_k {n_k}, d {}, d_v {}", shape.d, shape.d_v));
    ui.add_space(SPACE);
    if settings.run.has_exact_prefix(&input.problem) {
        let least = settings.run.mask(&input.problem.mask, shape.n_k).prefix_keys.clamp(1, shape.n_q);
        prefix(ui, &mut settings.run, least..=shape.n_q);
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
        if shape.batch > 1 && !run.is_varlen() {
            number(ui, "Batch entry", run.batch.get_or_insert(0), 0..=shape.batch - 1);
        }
        precision(ui, run);
    });
    formats(ui, run);
    if shape.batch > 1 {
        one_schedule(ui, run);
    }
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
    masks::show(ui, &mut chosen, (n_q, n_k), &shape, run.batch());
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

/// All sequences of the batch, or one entry of it.
fn one_schedule(ui: &mut Ui, run: &mut RunSpec) {
    let mut is_varlen = run.is_varlen();
    let response = ui.checkbox(&mut is_varlen, tr(ui.ctx(), VARLEN).to_owned());
    offer(ui, VARLEN, &response);
    if is_varlen != run.is_varlen() {
        // There is one batch entry then.
        (run.varlen, run.batch) = (is_varlen.then_some(true), Some(0));
    }
}

fn prefix(ui: &mut Ui, run: &mut RunSpec, range: RangeInclusive<usize>) {
    let most = *range.end();
    let mut prefix = run.prefix().unwrap_or(most);
    let hint = tr(ui.ctx(), "A prefix of a causal input is exact: no token sees a later one").to_owned();
    draw::caption(ui, "First tokens").on_hover_text(hint);
    ui.spacing_mut().slider_width = 120.0;
    let slider = egui::Slider::new(&mut prefix, range);
    let response = ui.add(slider).accessible_name(tr(&ui.ctx().clone(), "First tokens"));
    offer(ui, "First tokens", &response);
    if response.changed() {
        run.prefix = Some(if prefix < most { prefix } else { 0 });
    }
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
