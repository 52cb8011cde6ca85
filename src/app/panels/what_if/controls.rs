//! The choices of What-if: sliders for the shape and the blocks, lists for text, chip and order, the figures of a chip of
//! one's own.

use eframe::egui::{ComboBox, DragValue, Slider, Ui};

use crate::app::ink::draw;
use crate::app::panels::what_if::asked::GridAsked;
use crate::app::tongue::words::tr;
use crate::attention::Precision;
use crate::clock::Order;
use crate::schedule::{Hardware, algorithm, hardware};

const CUSTOM: &str = "custom";
/// Sequences, and blocks, at most.
const LONGEST: usize = 1 << 20;
const LARGEST_BLOCK: usize = 1024;

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
    let mut slide = |value: &mut usize, most: usize, name: &str| {
        let slider = Slider::new(value, 1..=most).logarithmic(true).text(draw::label(tr(&ctx, name)));
        ui.add(slider);
    };
    slide(&mut choices.n_q, LONGEST, "queries");
    slide(&mut choices.n_k, LONGEST, "keys");
    slide(&mut choices.d, 256, "width d");
    slide(&mut choices.heads, 256, "heads");
    slide(&mut choices.batch, 256, "sequences");
    slide(&mut choices.tiling.br, LARGEST_BLOCK, "rows of a block");
    slide(&mut choices.tiling.bc, LARGEST_BLOCK, "keys of a block");
    if algorithm::by_name(choices.algorithm).is_some_and(algorithm::Algorithm::has_splits) {
        slide(&mut choices.splits, 256, "splits");
    }
}

fn list(ui: &mut Ui, name: &'static str, chosen: &str, show: impl FnOnce(&mut Ui)) {
    let accessible = tr(ui.ctx(), name).to_owned();
    let response = ComboBox::from_id_salt(name).selected_text(chosen).width(84.0).show_ui(ui, show).response;
    response.on_hover_text(accessible);
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
