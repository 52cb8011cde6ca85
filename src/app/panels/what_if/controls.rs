//! The choices of What-if: sliders for the shape and the blocks, lists for text, chip and order, the figures of a chip of
//! one's own.

use eframe::egui::{ComboBox, DragValue, Role, Slider, Ui, WidgetInfo};

use crate::app::ink::draw;
use crate::app::panels::what_if::asked::GridAsked;
use crate::app::tongue::words::{fill, tr};
use crate::attention::{Precision, Window};
use crate::clock::Order;
use crate::schedule::{Hardware, algorithm, hardware};

const CUSTOM: &str = "custom";
/// Sequences, and blocks, at most.
const LONGEST: usize = 1 << 20;
const LARGEST_BLOCK: usize = 1024;
/// Keys to each side of the diagonal in a window that is opened.
const WINDOW: usize = 128;
const KEY_HEADS: &str = "key/value heads";

pub fn show(ui: &mut Ui, choices: &mut GridAsked) {
    let ctx = ui.ctx().clone();
    ui.horizontal_wrapped(|ui| {
        list(ui, "text of the model", choices.algorithm, |ui| {
            for known in algorithm::of_program() {
                ui.selectable_value(&mut choices.algorithm, known.name(), known.name());
            }
        });
        list(ui, "format of the model", &choices.precision.name(), |ui| {
            for precision in [Precision::F16, Precision::BF16, Precision::F32] {
                ui.selectable_value(&mut choices.precision, precision, precision.name());
            }
        });
        ui.checkbox(&mut choices.causal, tr(&ctx, "causal"));
        window(ui, choices);
    });
    ui.horizontal_wrapped(|ui| {
        list(
            ui,
            "chip of the model",
            if choices.chip.name == CUSTOM { tr(&ctx, CUSTOM) } else { choices.chip.name },
            |ui| {
                // The chip of the lessons has memories of its own kind.
                for model in hardware::all().into_iter().filter(|model| !model.is_unified) {
                    if ui.selectable_label(choices.chip.name == model.name, model.name).clicked() {
                        choices.chip = model;
                    }
                }
                if ui.selectable_label(choices.chip.name == CUSTOM, tr(&ctx, CUSTOM)).clicked() {
                    choices.chip.name = CUSTOM;
                }
            },
        );
        list(ui, "order of the blocks", tr(&ctx, choices.order.name()), |ui| {
            for order in Order::ALL {
                ui.selectable_value(&mut choices.order, order, tr(&ctx, order.name()));
            }
        });
    });
    if choices.chip.name == CUSTOM {
        custom(ui, &mut choices.chip);
    }
    ui.spacing_mut().slider_width = 110.0;
    slide(ui, &mut choices.n_q, LONGEST, "queries");
    slide(ui, &mut choices.n_k, LONGEST, "keys");
    slide(ui, &mut choices.d, 256, "width d");
    slide(ui, &mut choices.heads, 256, "heads");
    key_heads(ui, choices);
    slide(ui, &mut choices.batch, 256, "sequences");
    slide(ui, &mut choices.tiling.br, LARGEST_BLOCK, "rows of a block");
    slide(ui, &mut choices.tiling.bc, LARGEST_BLOCK, "keys of a block");
    if algorithm::by_name(choices.algorithm).is_some_and(algorithm::Algorithm::has_splits) {
        slide(ui, &mut choices.splits, 256, "splits");
    }
}

fn slide(ui: &mut Ui, value: &mut usize, most: usize, name: &str) {
    let text = draw::label(tr(ui.ctx(), name));
    ui.add(Slider::new(value, 1..=most).logarithmic(true).text(text));
}

/// Keys and values have as many heads as queries, or share them evenly; then those of a group can be packed.
fn key_heads(ui: &mut Ui, choices: &mut GridAsked) {
    let heads = choices.heads;
    choices.kv_heads =
        (1..=choices.kv_heads.min(heads)).rev().find(|shared| heads.is_multiple_of(*shared)).unwrap_or(1);
    ui.horizontal_wrapped(|ui| {
        let name = tr(ui.ctx(), KEY_HEADS).to_owned();
        list(ui, KEY_HEADS, &choices.kv_heads.to_string(), |ui| {
            for shared in (1..=heads).filter(|shared| heads.is_multiple_of(*shared)) {
                ui.selectable_value(&mut choices.kv_heads, shared, shared.to_string());
            }
        });
        draw::caption(ui, &name);
        if choices.can_pack() {
            ui.checkbox(&mut choices.packs_heads, tr(ui.ctx(), "Query heads as rows").to_owned());
        }
    });
}

/// Keys to each side of the diagonal that a query sees.
fn window(ui: &mut Ui, choices: &mut GridAsked) {
    let ctx = ui.ctx().clone();
    let mut is_on = !choices.window.is_open();
    if ui.checkbox(&mut is_on, tr(&ctx, "sliding window")).changed() {
        choices.window = if is_on { Window { left: Some(WINDOW), right: Some(WINDOW) } } else { Window::OPEN };
    }
    if !is_on {
        return;
    }
    let keys = choices.n_k;
    let mut side = |side: &mut Option<usize>, name: &str| {
        let mut keys_seen = side.unwrap_or(keys);
        let drag = DragValue::new(&mut keys_seen).range(0..=LONGEST).speed(1.0);
        if ui.add(drag).accessible_name(tr(&ctx, name)).on_hover_text(tr(&ctx, name)).changed() {
            *side = Some(keys_seen);
        }
    };
    side(&mut choices.window.left, "Keys to the left");
    // To the right a causal mask hides everything already.
    if !choices.causal {
        side(&mut choices.window.right, "Keys to the right");
    }
}

fn list(ui: &mut Ui, name: &'static str, chosen: &str, show: impl FnOnce(&mut Ui)) {
    let name_here = tr(ui.ctx(), name).to_owned();
    let response = ComboBox::from_id_salt(name).selected_text(chosen).width(84.0).show_ui(ui, show).response;
    let told = fill(ui.ctx(), "{0}: {1}", &[&name_here, &chosen]);
    response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, &told));
    response.on_hover_text(name_here);
}

/// The figures of a chip of one's own; it begins as the chip that was chosen before.
fn custom(ui: &mut Ui, chip: &mut Hardware) {
    let ctx = ui.ctx().clone();
    let rate = |ui: &mut Ui, value: &mut f64, unit: f64, suffix: &str, name: &str| {
        let mut shown = *value / unit;
        let drag = DragValue::new(&mut shown).range(0.1..=1e6).speed(1.0).max_decimals(1).suffix(suffix);
        if ui.add(drag).accessible_name(tr(&ctx, name)).on_hover_text(tr(&ctx, name)).changed() {
            *value = shown * unit;
        }
    };
    ui.horizontal_wrapped(|ui| {
        ui.add(DragValue::new(&mut chip.sms).range(1..=4096).suffix(" SM"))
            .accessible_name(tr(&ctx, "SMs of the chip"));
        rate(ui, &mut chip.hbm_bytes_per_s, 1e9, " GB/s", "bandwidth of HBM");
        rate(ui, &mut chip.matmul_flops_per_s, 1e12, " TFLOP/s", "f16 matrix products");
        rate(ui, &mut chip.vector_flops_per_s, 1e12, " TFLOP/s", "f32 operations");
        rate(ui, &mut chip.exp_per_s, 1e9, " Gexp/s", "exponentials");
        let mut mib = chip.l2_bytes >> 20;
        if ui.add(DragValue::new(&mut mib).range(0..=4096).suffix(" MiB")).on_hover_text(tr(&ctx, "L2 cache")).changed()
        {
            chip.l2_bytes = mib << 20;
        }
    });
}
