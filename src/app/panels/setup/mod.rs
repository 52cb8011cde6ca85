//! The panel on the left: every choice that makes another run, and what checks the result.

mod fields;
mod masks;
mod said;
mod scores;
mod section;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use eframe::egui::{self, Context, Key, Modifiers, Ui};

use fields::{number, offer, wanted_id};
use section::Section;

use crate::app::ink::draw;
use crate::app::ink::theme::SPACE;
use crate::app::message::Message;
use crate::app::message::window::Side;
use crate::app::panels::check;
use crate::app::panels::panel::{Drawn, Home, Panel};
use crate::app::run::document::Document;
use crate::app::run::settings::Settings;
use crate::app::tongue::words::{fill, tr};
use crate::attention::precision::OFFERED;
use crate::attention::{Format, Input, Mask, Precision, Shape};
use crate::schedule::spec::{KeySource, MOST_SPLITS, RunSpec, Splits};
use crate::schedule::{Arrival, hardware};

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
        show(ui, drawn);
        ui.add_space(8.0);
        ui.separator();
        check::show(ui, drawn.look, drawn.gpu, drawn.messages);
    },
};

/// What a batch in one schedule is called.
const VARLEN: &str = "The batch as one schedule";

/// What splits by the rule are called.
const BY_RULE: &str = "Splits by FlashAttention-2's rule";

/// What an order of arrival by a seed is called.
const SHUFFLED: &str = "Additions arrive in a shuffled order";

/// What pages of a KV cache are called.
const PAGES: &str = "K and V in pages";

/// Keys of a page where pages are first asked for, as in vLLM.
const PAGE: usize = 16;

/// What packed query heads are called.
const PACKED: &str = "Query heads as rows";

/// Which part of the input is run.
const INPUT: Section = Section {
    name: "Input",
    choices: &["First tokens", "Head", "Key/value head", "Batch entry", VARLEN, PACKED],
    is_open: false,
};
const BLOCKS: Section = Section {
    name: "Blocks",
    choices: &["Block rows br", "Block keys bc", "Splits of the keys", BY_RULE, SHUFFLED, PAGES],
    is_open: true,
};
const MASK: Section =
    Section { name: "Mask", choices: &["Causal mask", "Sliding window", "Padding mask", "Other masks"], is_open: true };
const SCORES: Section = Section { name: "Scores", choices: &scores::NAMES, is_open: false };
const PRECISION: Section = Section { name: "Precision", choices: &["Precision"], is_open: false };
const CHIP: Section = Section { name: "Chip", choices: &["Chip"], is_open: false };

const SECTIONS: [&Section; 6] = [&INPUT, &BLOCKS, &MASK, &SCORES, &PRECISION, &CHIP];

/// What a mask hides by its indices, in words.
pub fn mask_in_words(ctx: &Context, mask: &Mask) -> String {
    said::mask(ctx, mask, mask).text
}

/// Every choice, by the name that the palette finds it by.
pub fn known() -> impl Iterator<Item = &'static str> {
    SECTIONS.into_iter().flat_map(|section| section.choices).copied()
}

/// Those that this input and algorithm have.
pub fn names(document: &Document) -> Vec<&'static str> {
    let (input, settings) = (document.source(), document.wanted());
    let shape = input.problem.shape;
    let has = |name: &str| match name {
        "First tokens" => settings.run.has_exact_prefix(&input.problem),
        "Splits of the keys" | BY_RULE => settings.algorithm.has_splits(),
        SHUFFLED => settings.algorithm.depends_on_arrival(),
        PAGES => can_page(&settings.run, input),
        "Head" => shape.heads > 1,
        "Key/value head" => has_groups(&shape) && !settings.run.packs_heads(),
        "Batch entry" => shape.batch > 1 && !settings.run.is_varlen(),
        VARLEN => shape.batch > 1,
        PACKED => can_pack(&settings.run, settings.algorithm.is_backward(), &shape),
        name => scores::has(name, &settings.run, input),
    };
    known().filter(|name| has(name)).collect()
}

fn has_groups(shape: &Shape) -> bool {
    shape.kv_heads < shape.heads && shape.kv_heads > 1
}

/// Heads share keys in a forward pass; what is chosen can be taken back in any.
fn can_pack(run: &RunSpec, is_backward: bool, shape: &Shape) -> bool {
    shape.group() > 1 && (!is_backward || run.packs_heads())
}

/// K and V of the input lie in no pages of its own, and are its own; what is chosen can be taken back.
fn can_page(run: &RunSpec, input: &Input) -> bool {
    run.page_size.is_some() || (input.problem.pages.is_none() && run.keys != Some(KeySource::Q))
}

/// Of a choice that takes the keyboard the section opens.
fn show(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if let Some(name) = drawn.wanted_setting {
        ui.data_mut(|data| data.insert_temp(wanted_id(), name));
        let of = SECTIONS.into_iter().find(|section| section.choices.contains(&name));
        drawn.sections.extend(of.map(|section| (section.name.to_owned(), true)));
    }
    choices(ui, drawn.document, drawn.sections, drawn.messages);
    ui.data_mut(|data| data.remove::<&'static str>(wanted_id()));
}

fn choices(ui: &mut Ui, document: &Document, folds: &mut BTreeMap<String, bool>, messages: &mut Vec<Message>) {
    let input = document.source();
    let shape = input.problem.shape;
    let (mut settings, opened) = (document.wanted().clone(), Settings::for_input(input));
    let ctx = ui.ctx().clone();
    let Shape { n_q, n_k, .. } = settings.run.shape(input);
    draw::caption(ui, &format!("n_q {n_q}, n_k {n_k}, d {}, d_v {}", shape.d, shape.d_v));
    ui.add_space(SPACE);
    let has_prefix = settings.run.has_exact_prefix(&input.problem);
    if has_prefix || shape.heads > 1 || shape.batch > 1 {
        let said = said::input(&ctx, &settings, &opened, &shape);
        INPUT.show(ui, folds, &said, |ui| of_input(ui, &mut settings, input));
    }
    let heads = settings.algorithm.heads(&settings.run.shape(input));
    if heads > 1 {
        let head = settings.run.head();
        let first = head - head % heads;
        let text = "The run is of heads {0} to {1}, which share a key/value head; head {2} is drawn.";
        draw::caption(ui, &fill(&ctx, text, &[&first, &(first + heads - 1), &head]));
    }
    let Shape { n_q, n_k, .. } = settings.run.shape(input);
    let splits = settings.setting(input).splits;
    let said = said::blocks(&ctx, &settings, &opened, splits);
    BLOCKS.show(ui, folds, &said, |ui| {
        blocks(ui, &mut settings, (n_q, n_k), splits);
        if can_page(&settings.run, input) {
            pages(ui, &mut settings.run, n_k);
        }
    });
    let own = settings.run.mask(&input.problem.mask, shape.n_k);
    let mut chosen = own.clone();
    let said = said::mask(&ctx, &own, &opened.run.mask(&input.problem.mask, shape.n_k));
    let batch = settings.run.batch();
    MASK.show(ui, folds, &said, |ui| masks::show(ui, &mut chosen, (n_q, n_k), &shape, batch));
    let run = &mut settings.run;
    if chosen != own {
        run.choose_mask(chosen, input);
        // A prefix is exact only as long as no token sees a later one.
        let is_exact = run.has_exact_prefix(&input.problem);
        run.prefix = run.prefix.filter(|_| is_exact).or(Some(0));
    }
    let said = said::scores(&ctx, &settings, &opened);
    SCORES.show(ui, folds, &said, |ui| scores::show(ui, &mut settings.run, input));
    let said = said::precision(&settings, &opened);
    PRECISION.show(ui, folds, &said, |ui| {
        precision(ui, &mut settings.run);
        formats(ui, &mut settings.run);
    });
    let said = said::chip(&settings, &opened);
    CHIP.show(ui, folds, &said, |ui| chip(ui, &mut settings.run));
    settings.clamp(&shape);
    if settings != *document.wanted() {
        messages.push(Message::Change(Box::new(settings)));
    }
}

fn of_input(ui: &mut Ui, settings: &mut Settings, input: &Input) {
    let (shape, is_backward) = (input.problem.shape, settings.algorithm.is_backward());
    let run = &mut settings.run;
    let heads = if run.packs_heads() { shape.kv_heads } else { shape.heads };
    if run.has_exact_prefix(&input.problem) {
        let least = run.mask(&input.problem.mask, shape.n_k).prefix_keys.clamp(1, shape.n_q);
        prefix(ui, run, least..=shape.n_q);
        ui.add_space(SPACE);
    }
    grid(ui, "of the input", |ui| {
        if heads > 1 {
            number(ui, "Head", run.head.get_or_insert(0), 0..=heads - 1);
        }
        if has_groups(&shape) && !run.packs_heads() {
            kv_head(ui, run, &shape);
        }
        if shape.batch > 1 && !run.is_varlen() {
            number(ui, "Batch entry", run.batch.get_or_insert(0), 0..=shape.batch - 1);
        }
    });
    if shape.batch > 1 {
        one_schedule(ui, run);
    }
    if can_pack(run, is_backward, &shape) {
        packed_heads(ui, run, &shape);
    }
}

/// `splits` is how many there are now.
fn blocks(ui: &mut Ui, settings: &mut Settings, (n_q, n_k): (usize, usize), splits: usize) {
    let (algorithm, run) = (&settings.algorithm, &mut settings.run);
    grid(ui, "blocks", |ui| {
        number(ui, "Block rows br", run.br.get_or_insert(1), 1..=n_q);
        number(ui, "Block keys bc", run.bc.get_or_insert(1), 1..=n_k);
        if algorithm.has_splits() {
            let mut count = splits;
            number(ui, "Splits of the keys", &mut count, 1..=n_k.min(MOST_SPLITS));
            if count != splits {
                run.splits = Some(Splits::Count(count));
            }
        }
    });
    if algorithm.has_splits() {
        let mut is_by_rule = run.splits == Some(Splits::Rule);
        let response = ui.checkbox(&mut is_by_rule, tr(ui.ctx(), BY_RULE).to_owned());
        offer(ui, BY_RULE, &response);
        if response.changed() {
            run.splits = Some(if is_by_rule { Splits::Rule } else { Splits::Count(splits) });
        }
    }
    if algorithm.depends_on_arrival() {
        arrival(ui, run);
    }
}

/// Additions come in the order of the text, or by a seed.
fn arrival(ui: &mut Ui, run: &mut RunSpec) {
    let mut seed = match run.arrival {
        Some(Arrival::Shuffled(seed)) => Some(seed),
        _ => None,
    };
    let mut is_shuffled = seed.is_some();
    let response = ui.checkbox(&mut is_shuffled, tr(ui.ctx(), SHUFFLED).to_owned());
    offer(ui, SHUFFLED, &response);
    if response.changed() {
        seed = is_shuffled.then_some(0);
    }
    if let Some(seed) = &mut seed {
        let name = tr(ui.ctx(), "Seed of the order").to_owned();
        ui.horizontal(|ui| {
            let label = ui.label(&name);
            ui.add(egui::DragValue::new(seed).speed(0.1)).labelled_by(label.id);
        });
    }
    run.arrival = seed.map(Arrival::Shuffled);
}

/// K and V as a KV cache keeps them, in pages of so many keys.
fn pages(ui: &mut Ui, run: &mut RunSpec, n_k: usize) {
    let mut is_paged = run.page_size.is_some();
    let response = ui.checkbox(&mut is_paged, tr(ui.ctx(), PAGES).to_owned());
    offer(ui, PAGES, &response);
    if response.changed() {
        run.page_size = is_paged.then_some(PAGE.min(n_k));
    }
    if let Some(size) = &mut run.page_size {
        grid(ui, "pages", |ui| number(ui, "Keys of a page", size, 1..=n_k.max(*size)));
    }
}

/// Names and numbers in two columns.
fn grid(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui)) {
    egui::Grid::new(id).num_columns(2).spacing([8.0, 8.0]).min_col_width(72.0).show(ui, add);
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

/// The query heads of a group as the rows of one block, or each by itself.
fn packed_heads(ui: &mut Ui, run: &mut RunSpec, shape: &Shape) {
    let mut packs = run.packs_heads();
    let response = ui.checkbox(&mut packs, tr(ui.ctx(), PACKED).to_owned());
    offer(ui, PACKED, &response);
    if packs != run.packs_heads() {
        // What is one head then is a group of them.
        let head = if packs { run.head() / shape.group() } else { run.head() * shape.group() };
        (run.pack_heads, run.head) = (packs.then_some(true), Some(head));
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
    response.response.on_hover_text(hint);
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
