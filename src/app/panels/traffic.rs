//! The traffic counters: what moved so far and in total, per tensor, beside standard attention and the closed form.

use eframe::egui::{self, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::panels::panel::{Home, Panel};
use crate::app::run::said::{NOT_MODELLED, all_heads, beside_formula, beside_standard, per_tensor};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::machine::Totals;
use crate::number::{bytes, compact, grouped};
use crate::schedule::{Flops, PerTensor, Traffic};

pub static PANEL: Panel = Panel {
    id: "traffic",
    title: "Traffic",
    home: Home::Right,
    group: "Look",
    command: "Traffic",
    keys: &[(Modifiers::ALT, Key::Num1)],
    opens: Message::Show("traffic"),
    also: "bytes, HBM, memory",
    help: "Bytes and FLOPs so far and in all, beside the closed form.",
    show: |ui, drawn| {
        if let Some(look) = drawn.look {
            show(ui, look);
        }
    },
};

/// Letters that a column has room for above it.
const LONGEST_HEAD: usize = 10;
/// Height of a line where there is room; where there is little, it is that of its script.
const LINE: f32 = 18.0;
/// What stands below the table: two bars, and captions of seven lines.
const BELOW: f32 = 146.0;

/// What was read, or what was written.
type Way = fn(&Traffic) -> &PerTensor;

/// One count: at the cursor, at the end, and what the baseline comes to where that is another algorithm.
#[derive(Clone, Copy)]
struct Count {
    now: u64,
    end: u64,
    standard: Option<u64>,
}

fn show(ui: &mut Ui, look: &Look<'_>) {
    let now = &look.snapshot.totals.traffic;
    let end = &look.scene.run.meters().total().traffic;
    let standard = (!look.scene.is_baseline()).then_some(&look.scene.standard);
    let count = |of: &dyn Fn(&Traffic) -> u64| Count { now: of(now), end: of(end), standard: standard.map(of) };
    let ctx = ui.ctx().clone();
    let mut tensors = end.tensors();
    tensors.extend(standard.map(Traffic::tensors).unwrap_or_default());
    tensors.sort();
    tensors.dedup();
    let ways: [(&str, Way); 2] = [("{0} read", |t| &t.read), ("{0} write", |t| &t.write)];
    let mut lines: Vec<(String, Count, Option<String>)> = Vec::new();
    for (way, side) in ways {
        for &tensor in &tensors {
            let count = count(&|traffic: &Traffic| side(traffic).get(tensor));
            if count.end > 0 || count.standard.is_some_and(|standard| standard > 0) {
                lines.push((fill(ui.ctx(), way, &[&tensor.name()]), count, None));
            }
        }
    }
    let of = |name: &str, count: Count, told: Option<String>| (tr(&ctx, name).to_owned(), count, told);
    lines.push(of("HBM bytes", count(&|traffic: &Traffic| traffic.hbm_bytes()), None));
    lines.push(of("SRAM read", count(&|traffic: &Traffic| traffic.sram_read), None));
    lines.push(of("SRAM write", count(&|traffic: &Traffic| traffic.sram_write), None));
    let flops = count(&|traffic: &Traffic| traffic.flops.total());
    lines.push(of("FLOPs", flops, Some(flops_text(&ctx, end.flops))));
    let peak = |totals: &Totals| totals.peak.total();
    let (now, total) = (peak(&look.snapshot.totals), peak(look.scene.run.meters().total()));
    let told = tr(&ctx, "The most bytes that one thread block holds at once: shared memory and registers.");
    let peak = Count { now, end: total, standard: None };
    lines.push(of("peak on chip, B", peak, Some(told.to_owned())));
    // Where the whole table would not fit, its lines stand closer rather than that its end is out of sight.
    // (Whatever is scrolled: what stands above the table is measured from the top of what is scrolled.)
    let room = ui.clip_rect().height() - (ui.cursor().top() - ui.min_rect().top()) - BELOW;
    let script = lines.iter().map(|(name, ..)| theme::readable(name, theme::LABEL)).fold(theme::LABEL, f32::max);
    ui.spacing_mut().item_spacing.y = 0.0;
    ui.spacing_mut().interact_size.y = (room / (lines.len() + 1) as f32).clamp(script, LINE);
    header(ui, standard.map(|_| look.scene.baseline().name()));
    for (name, count, told) in lines {
        let response = line(ui, &name, count);
        if let Some(told) = told {
            response.on_hover_text(told);
        }
    }
    beside(ui, look, end);
}

/// FLOPs by kind, with how they are counted.
fn flops_text(ctx: &egui::Context, flops: Flops) -> String {
    let text = "{0} in matrix products (2 for each multiply-add), {1} {1|exponential|exponentials}, {2} other; \
        counted over every tile that is not skipped. Not modelled: how fast each kind runs.";
    fill(ctx, text, &[&grouped(flops.matmul), &grouped(flops.exp), &grouped(flops.other)])
}

/// `baseline` heads the third column; the bars below say a name that is too long for it.
fn header(ui: &mut Ui, baseline: Option<&str>) {
    let (palette, ctx) = (Palette::of(ui), ui.ctx().clone());
    let baseline = baseline.map_or("", |name| if name.len() <= LONGEST_HEAD { name } else { tr(&ctx, "baseline") });
    let texts = [tr(&ctx, "so far"), tr(&ctx, "in total"), baseline];
    let font = theme::text(theme::LABEL);
    let name = (tr(&ctx, "elements"), palette.faint_ink);
    columns(ui, name, texts, font, palette.faint_ink).on_hover_text(tr(&ctx, NOT_MODELLED));
}

/// A name with its counts; the accessible value reads `now of end`.
fn line(ui: &mut Ui, name: &str, count: Count) -> egui::Response {
    let palette = Palette::of(ui);
    let texts = [Some(count.now), Some(count.end), count.standard].map(|n| n.map_or_else(String::new, compact));
    let texts = texts.each_ref().map(String::as_str);
    let response = columns(ui, (name, palette.ink), texts, theme::figures(theme::LABEL), palette.ink);
    let value = fill(ui.ctx(), "{0} of {1}", &[&grouped(count.now), &grouped(count.end)]);
    draw::describe(&response, name, &value);
    response.on_hover_text(fill(ui.ctx(), "{0}: {1}", &[&name, &value]))
}

/// A name on the left, and three numbers aligned at their last digits; the third column is left out when it is empty.
fn columns(
    ui: &mut Ui,
    (name, name_color): (&str, egui::Color32),
    texts: [&str; 3],
    font: egui::FontId,
    color: egui::Color32,
) -> egui::Response {
    let size = egui::vec2(ui.available_width(), ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let painter = ui.painter();
    let at = |x: f32| egui::pos2(rect.left() + x * rect.width(), rect.center().y);
    draw::put_text(painter, at(0.0), egui::Align2::LEFT_CENTER, name, theme::text(theme::LABEL), name_color);
    for (x, text) in [0.5, 0.75, 1.0].into_iter().zip(texts) {
        draw::put_text(painter, at(x), egui::Align2::RIGHT_CENTER, text, font.clone(), color);
    }
    response
}

fn beside(ui: &mut Ui, look: &Look<'_>, end: &Traffic) {
    let (own, standard) = (end.hbm_bytes(), look.scene.standard.hbm_bytes());
    let (palette, ctx) = (Palette::of(ui), ui.ctx().clone());
    let most = own.max(standard);
    let names = [look.scene.settings.algorithm.short_name(), look.scene.baseline().name()];
    let width = |name: &str| {
        ui.painter().layout_no_wrap(name.to_owned(), theme::text(theme::LABEL), palette.ink).size().x + SPACE
    };
    let room = names.into_iter().map(width).fold(64.0, f32::max).min(0.4 * ui.available_width());
    bar(ui, (names[0], room), own, most, palette.accent, "total bytes").on_hover_text(per_tensor(&ctx, end));
    if !look.scene.is_baseline() {
        bar(ui, (names[1], room), standard, most, palette.done, "total bytes of standard attention")
            .on_hover_text(per_tensor(&ctx, &look.scene.standard));
    }
    ui.label(draw::label(&say(&ctx, &beside_standard(look.scene))));
    let formula = say(&ctx, &beside_formula(end, &look.scene.closed_form));
    let not_modelled = tr(&ctx, NOT_MODELLED);
    ui.label(draw::label(&formula)).on_hover_text(not_modelled);
    if let Some(all) = all_heads(look.scene) {
        let text = say(&ctx, &all);
        draw::describe(&ui.label(draw::label(&text)), "all heads", &text);
    }
    draw::caption(ui, "What is not modelled?").on_hover_text(not_modelled);
}

/// A name with the width that it may take, a bar on the scale of `most`, and the bytes it stands for.
fn bar(
    ui: &mut Ui,
    (name, width): (&str, f32),
    value: u64,
    most: u64,
    color: egui::Color32,
    accessible: &str,
) -> egui::Response {
    let palette = Palette::of(ui);
    let size = egui::vec2(ui.available_width(), ui.spacing().interact_size.y);
    let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
    let painter = ui.painter();
    let place = egui::Rect::from_min_size(rect.min, egui::vec2(width - 4.0, rect.height()));
    let font = theme::text(theme::LABEL);
    draw::fit_text(painter, place, egui::Align2::LEFT_CENTER, name, font, palette.ink);
    let number = bytes(value);
    painter.text(rect.right_center(), egui::Align2::RIGHT_CENTER, &number, theme::figures(theme::LABEL), palette.ink);
    let room = egui::Rect::from_min_max(rect.min + egui::vec2(width, 4.0), rect.max - egui::vec2(80.0, 4.0));
    let size = egui::vec2((room.width() * value as f32 / most.max(1) as f32).max(1.0), room.height());
    painter.rect_filled(egui::Rect::from_min_size(room.min, size), 2.0, color);
    draw::describe(&response, accessible, &number);
    response
}
