//! The roofline: how many FLOPs a run did for each byte, against how many it did a second; over it the roofs that were
//! measured on the same device.

use std::sync::Arc;

use eframe::egui::{Align2, Stroke, Ui};
use egui_plot::{Line, MarkerShape, PlotUi, Points};

use crate::app::ink::axes::{self, LogAxis};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::Palette;
use crate::app::panels::parts::withheld;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::gpu::outcome::Outcome;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::attention::Precision;
use crate::gpu::Roofs;
use crate::number::short;

/// A run in the picture.
pub struct Dot {
    pub intensity: f64,
    pub tflops: f64,
    pub name: String,
    /// It is the run on screen.
    is_now: bool,
    /// Its products may have run on tensor cores, whose roof is another.
    is_low: bool,
}

impl Dot {
    pub fn of(outcome: &Outcome, is_now: bool) -> Option<Self> {
        let (n_q, n_k) = outcome.n;
        let n = if n_q == n_k { n_q.to_string() } else { format!("{n_q} x {n_k}") };
        let dot = Self {
            intensity: outcome.work?.intensity(),
            tflops: outcome.flops_per_s()? / 1e12,
            name: format!("{}, N {n}", outcome.algorithm),
            is_now,
            is_low: matches!(outcome.precision, Precision::F16 | Precision::BF16),
        };
        (dot.intensity > 0.0 && dot.intensity.is_finite() && dot.tflops > 0.0).then_some(dot)
    }
}

pub fn show(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, is_software: bool, height: f32) {
    // A run stands by its FLOPs for each byte.
    if look.question.hides.bytes {
        draw::caption(ui, withheld::BYTES);
        return;
    }
    let palette = Palette::of(ui);
    let now = gpu.result(look.generation).and_then(Result::ok);
    let dots: Vec<Dot> = gpu
        .past()
        .iter()
        .filter_map(|outcome| Dot::of(outcome, now.is_some_and(|now| Arc::ptr_eq(now, outcome))))
        .collect();
    let roofs = gpu.roofs().and_then(Result::ok);
    let title = if is_software { "Roofline of a software driver: the method, not a GPU" } else { "Roofline" };
    made_by::before(ui, MadeBy::Measured, |ui| draw::caption(ui, title));
    let ridge = roofs.and_then(Roofs::ridge);
    let x = axes::decades(dots.iter().map(|dot| dot.intensity).chain(ridge).chain([1.0, 100.0])).unwrap_or((0.0, 2.0));
    let peaks = roofs.map(|roofs| [x.0, x.1].map(|log| roofs.at(10f64.powf(log)) / 1e12));
    let y = axes::decades(dots.iter().map(|dot| dot.tflops).chain(peaks.into_iter().flatten())).unwrap_or((-3.0, 1.0));
    // Room above a roof for its name.
    let (y, x) = ((y.0, y.1 + 0.25), (x.0, x.1 + 0.25));
    let intensity = tr(ui.ctx(), "arithmetic intensity, FLOP per byte");
    let plot = axes::plot(
        ui,
        "roofline",
        height,
        LogAxis { title: intensity, name: axes::decade },
        LogAxis { title: "TFLOP/s", name: axes::decade },
    );
    let unknown = tr(ui.ctx(), "roofs: not yet measured").to_owned();
    let names = [tr(ui.ctx(), "copy").to_owned(), tr(ui.ctx(), "f32 multiply-add").to_owned()];
    let response = plot.show(ui, |plot| {
        axes::hold(plot, x, y);
        match roofs {
            Some(roofs) => paint_roofs(plot, roofs, x, &names, palette),
            None => {
                let middle = [(x.0 + x.1) / 2.0, y.1 - 0.1];
                axes::word(plot, middle, Align2::CENTER_TOP, &unknown, palette.faint_ink);
            }
        }
        dots.iter().for_each(|dot| paint_dot(plot, dot, x, palette));
    });
    draw::describe(&response.response, "roofline", &value(ui, &dots, gpu, is_software));
}

/// The slope that copying allows and the height that multiplying and adding allows, whichever is known, with its name.
fn paint_roofs(plot: &mut PlotUi<'_>, roofs: &Roofs, x: (f64, f64), names: &[String; 2], palette: &Palette) {
    let at = |log: f64| [log, (roofs.at(10f64.powf(log)) / 1e12).log10()];
    let corner = roofs.ridge().map(|ridge| at(ridge.log10().clamp(x.0, x.1)));
    let line = [Some(at(x.0)), corner, Some(at(x.1))].into_iter().flatten().filter(|point| point[1].is_finite());
    plot.line(Line::new("roofs", line.collect::<Vec<_>>()).stroke(Stroke::new(2.0, palette.ink)));
    let [left, right] = [at(x.0), at(x.1)];
    if roofs.copy_bytes_per_s.is_some() {
        let place = [left[0] + 0.05, left[1] + 0.35];
        axes::word(plot, place, Align2::LEFT_BOTTOM, &names[0], palette.faint_ink);
    }
    if roofs.fma_flops_per_s.is_some() {
        let place = [right[0] - 0.05, right[1]];
        axes::word(plot, place, Align2::RIGHT_BOTTOM, &names[1], palette.faint_ink);
    }
}

fn paint_dot(plot: &mut PlotUi<'_>, dot: &Dot, x: (f64, f64), palette: &Palette) {
    let at = [dot.intensity.log10(), dot.tflops.log10()];
    let (color, radius) = if dot.is_now { (palette.accent, 6.0) } else { (palette.done, 4.0) };
    let shape = if dot.is_now { MarkerShape::Circle } else { MarkerShape::Diamond };
    plot.points(Points::new(dot.name.clone(), vec![at]).shape(shape).radius(radius).color(color));
    axes::word(plot, [at[0] + 0.03 * (x.1 - x.0), at[1]], Align2::LEFT_CENTER, &dot.name, palette.ink);
}

fn value(ui: &Ui, dots: &[Dot], gpu: &Gpu, is_software: bool) -> String {
    let now = dots.iter().find(|dot| dot.is_now);
    let run = match now {
        Some(_) if is_software => tr(ui.ctx(), "a software driver: no speed worth quoting").to_owned(),
        Some(dot) => {
            fill(ui.ctx(), "{0}: {1} FLOP/B, {2} TFLOP/s", &[&dot.name, &short(dot.intensity), &short(dot.tflops)])
        }
        None => tr(ui.ctx(), "no run").to_owned(),
    };
    let roof = match (gpu.roofs(), now) {
        (Some(Ok(roofs)), Some(dot))
            if !is_software && dot.is_low && roofs.ridge().is_none_or(|at| dot.intensity > at) =>
        {
            tr(ui.ctx(), "the roof of tensor cores is not measured").to_owned()
        }
        (Some(Ok(roofs)), Some(dot)) if !is_software => {
            let share = 100.0 * dot.tflops * 1e12 / roofs.at(dot.intensity);
            fill(ui.ctx(), "{0} % of the roof there", &[&short(share)])
        }
        (Some(Ok(_)), _) => tr(ui.ctx(), "roofs measured").to_owned(),
        _ => tr(ui.ctx(), "roofs: not yet measured").to_owned(),
    };
    format!("{run}; {roof}")
}
