//! The roofline of What-if: the roofs of bytes and of products, that of exponentials as a third; where the grid stands if
//! all of a block overlaps, and what was measured on the device that is here.

use eframe::egui::{Align2, Stroke, Ui};
use egui_plot::{Line, LineStyle, MarkerShape, PlotUi, Points};

use crate::app::ink::axes::{self, LogAxis};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::Palette;
use crate::app::panels::gpu::roofline::Dot;
use crate::app::run::gpu::device::Gpu;
use crate::app::tongue::words::{fill, tr};
use crate::clock::Modelled;
use crate::number::modelled;

const HEIGHT: f32 = 190.0;

/// A point of the model: FLOPs a byte, and TFLOP/s where everything overlaps.
fn point(answer: &Modelled) -> Option<[f64; 2]> {
    let seconds = answer.times?.overlapped;
    let at = [answer.intensity(), answer.matmul / seconds / 1e12];
    at.iter().all(|x| x.is_finite() && *x > 0.0).then_some(at)
}

pub fn show(ui: &mut Ui, answer: &Modelled, pinned: Option<&Modelled>, gpu: &Gpu) {
    let palette = Palette::of(ui);
    made_by::before(ui, MadeBy::Modelled, |ui| draw::caption(ui, "Roofline with exponentials as a third roof"));
    let roofs = answer.roofs;
    let dots: Vec<Dot> = gpu.past().iter().filter_map(|outcome| Dot::of(outcome, false)).collect();
    let here = point(answer);
    let before = pinned.and_then(point);
    let intensities = dots.iter().map(|dot| dot.intensity).chain(here.map(|at| at[0])).chain(before.map(|at| at[0]));
    let x = axes::decades(intensities.chain([1.0, roofs.ridge()])).unwrap_or((0.0, 3.0));
    let (top, exp) = (roofs.matmul_per_s / 1e12, roofs.under_exp(answer.flops_per_exp()) / 1e12);
    let low = roofs.at(10f64.powf(x.0)) / 1e12;
    let heights = dots.iter().map(|dot| dot.tflops).chain(here.map(|at| at[1])).chain(before.map(|at| at[1]));
    let y = axes::decades(heights.chain([low, top, exp])).unwrap_or((0.0, 3.0));
    let (x, y) = ((x.0, x.1 + 0.25), (y.0, y.1 + 0.2));
    let words = ["bytes", "matrix products", "exponentials"].map(|name| tr(ui.ctx(), name).to_owned());
    let axis = |title| LogAxis { title, name: axes::decade };
    let intensity = tr(ui.ctx(), "arithmetic intensity, FLOP per byte");
    let plot = axes::plot(ui, "modelled roofline", HEIGHT, axis(intensity), axis("TFLOP/s"));
    let response = plot.show(ui, |plot| {
        axes::hold(plot, x, y);
        let ridge = roofs.ridge().log10().clamp(x.0, x.1);
        let at = |log: f64| [log, (roofs.at(10f64.powf(log)) / 1e12).log10()];
        plot.line(Line::new("roofs", vec![at(x.0), at(ridge), at(x.1)]).stroke(Stroke::new(2.0, palette.ink)));
        axes::word(plot, [x.0 + 0.05, at(x.0)[1] + 0.3], Align2::LEFT_BOTTOM, &words[0], palette.faint_ink);
        axes::word(plot, [x.1 - 0.05, at(x.1)[1]], Align2::RIGHT_BOTTOM, &words[1], palette.faint_ink);
        if exp.is_finite() && exp > 0.0 {
            let level = exp.log10();
            let line = Line::new("exponentials", vec![[x.0, level], [x.1, level]]);
            plot.line(line.stroke(Stroke::new(1.5, palette.ink)).style(LineStyle::dashed_loose()));
            // At the left, where the slope is far below.
            axes::word(plot, [x.0 + 0.05, level], Align2::LEFT_TOP, &words[2], palette.faint_ink);
        }
        dots.iter()
            .for_each(|dot| mark(plot, &dot.name, [dot.intensity, dot.tflops], MarkerShape::Diamond, palette.done));
        if let Some(before) = before {
            mark(plot, "pinned", before, MarkerShape::Square, palette.faint_ink);
        }
        if let Some(here) = here {
            mark(plot, "modelled", here, MarkerShape::Circle, palette.accent);
        }
    });
    draw::describe(&response.response, "modelled roofline", &told(ui, answer, here, dots.len()));
    if !dots.is_empty() {
        let text = fill(ui.ctx(), "Diamonds: {0} {0|run|runs} measured on this device", &[&dots.len()]);
        made_by::before(ui, MadeBy::Measured, |ui| draw::caption(ui, &text));
    }
}

fn mark(plot: &mut PlotUi<'_>, name: &str, at: [f64; 2], shape: MarkerShape, color: eframe::egui::Color32) {
    let at = at.map(f64::log10);
    plot.points(Points::new(name, vec![at]).shape(shape).radius(5.0).color(color));
}

fn told(ui: &Ui, answer: &Modelled, here: Option<[f64; 2]>, measured: usize) -> String {
    let roofs = fill(
        ui.ctx(),
        "ridge at {0} FLOP/B; products {1}, exponentials {2} TFLOP/s",
        &[
            &modelled(answer.roofs.ridge()),
            &modelled(answer.roofs.matmul_per_s / 1e12),
            &modelled(answer.roofs.under_exp(answer.flops_per_exp()) / 1e12),
        ],
    );
    let at = here.map(|[x, y]| fill(ui.ctx(), "modelled: {0} FLOP/B, {1} TFLOP/s", &[&modelled(x), &modelled(y)]));
    let measured = fill(ui.ctx(), "{0} {0|run|runs} measured", &[&measured]);
    [Some(roofs), at, Some(measured)].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
