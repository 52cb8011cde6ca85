//! The sweep over N: time and memory of standard attention and flash2, with the point where one was stopped and why.

use eframe::egui::{self, Align2, Grid, RichText, Stroke, Ui};
use egui_plot::{Line, LineStyle, MarkerShape, PlotUi, Points, VLine};

use crate::app::ink::axes::{self, LogAxis, note, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::run::gpu::device::{Gpu, Task};
use crate::app::run::gpu::sweep::{ALGORITHMS, SIZES, Sweep, SweepAsked, SweepPoint, What, default_end};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::gpu::{DeviceInfo, DeviceKind};
use crate::number::{self, bytes, short};

/// `end`: the largest N that was chosen, if one was. `room`: the height of the panel.
pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    gpu: &Gpu,
    info: Option<&DeviceInfo>,
    (end, room): (Option<usize>, f32),
    messages: &mut Vec<Message>,
) {
    let kind = info.map_or(DeviceKind::Other, |info| info.kind);
    let plan = look.scene.plan();
    let end = end.unwrap_or_else(|| default_end(kind));
    let question = SweepAsked { d: plan.d, causal: look.scene.input.problem.mask.causal, end };
    choices(ui, gpu, question, kind, messages);
    let Some((sweep, fault)) = gpu.last_sweep() else {
        let text =
            "Standard attention against flash2 on random numbers, one head: N doubles until one of them is refused.";
        note(ui, tr(ui.ctx(), text));
        return;
    };
    let points = sweep.points();
    if let Some(fault) = fault {
        let fault = say(ui.ctx(), fault);
        let label = warning(ui, &fault);
        draw::describe(&label, "how the sweep ended", &fault);
    }
    if kind == DeviceKind::Software {
        warning(
            ui,
            tr(
                ui.ctx(),
                "A software driver has no memory hierarchy: memory is what a GPU would need, time means nothing.",
            ),
        );
    }
    axes::of_changed_source(ui, sweep.changed);
    axes::of_changed_time(ui, sweep.changed);
    of_what(ui, sweep);
    let height = (room * 0.45).clamp(140.0, 320.0);
    let time = |point: &SweepPoint| match &point.what {
        What::Ran { time, .. } => Some(time.as_secs_f64() * 1e3),
        What::Stopped(_) => None,
    };
    let memory = |point: &SweepPoint| match &point.what {
        What::Ran { device_bytes, .. } => Some(*device_bytes as f64 / f64::from(1 << 20)),
        What::Stopped(_) => None,
    };
    // One above the other where each would be too narrow beside the other.
    let across = if ui.available_width() < theme::ROOM_FOR_TWO { 1 } else { 2 };
    ui.columns(across, |columns| {
        plot(&mut columns[0], "time in ms", "sweep: time", &points, height, time);
        plot(&mut columns[across - 1], "device memory in MiB", "sweep: memory", &points, height, memory);
    });
    legend(ui);
    for point in &points {
        if let What::Stopped(reason) = &point.what {
            warning(
                ui,
                &fill(ui.ctx(), "{0} stops at N {1}: {2}", &[&point.algorithm, &point.n, &say(ui.ctx(), reason)]),
            );
        }
    }
    table(ui, &points);
}

fn choices(ui: &mut Ui, gpu: &Gpu, question: SweepAsked, kind: DeviceKind, messages: &mut Vec<Message>) {
    ui.horizontal_wrapped(|ui| {
        draw::caption(ui, "up to N");
        let combo = egui::ComboBox::from_id_salt("end of the sweep").selected_text(question.end.to_string());
        let response = combo.show_ui(ui, |ui| {
            for n in SIZES {
                if ui.selectable_label(n == question.end, n.to_string()).clicked() {
                    messages.push(Message::Gpu(GpuMessage::SweepEnd(n)));
                }
            }
        });
        let name = fill(ui.ctx(), "Largest N: {0}", &[&question.end]);
        response.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &name));
        let button = egui::Button::new(tr(ui.ctx(), "Sweep over N").to_owned());
        if ui.add_enabled(gpu.is_ready(), button).clicked() {
            messages.push(Message::Gpu(GpuMessage::Sweep(question)));
        }
        if gpu.underway().is_some_and(|underway| underway.task == Task::Sweep) {
            note(ui, tr(ui.ctx(), "sweeping ..."));
        } else if kind == DeviceKind::Software && question.end > default_end(kind) {
            note(ui, tr(ui.ctx(), "slow on a software driver"));
        }
    });
}

fn of_what(ui: &mut Ui, sweep: &Sweep) {
    let SweepAsked { d, causal, .. } = sweep.question;
    let mask = tr(ui.ctx(), if causal { "causal" } else { "no mask" });
    note(
        ui,
        &fill(
            ui.ctx(),
            "One head, d = {0}, f32, {1}; times are medians of three after a first run, or that run where it is long.",
            &[&d, &mask],
        ),
    );
}

/// standard is dashed with squares, flash2 solid with circles.
fn line_of(algorithm: &str) -> (LineStyle, MarkerShape) {
    if algorithm == ALGORITHMS[0] {
        (LineStyle::Dashed { length: 8.0 }, MarkerShape::Square)
    } else {
        (LineStyle::Solid, MarkerShape::Circle)
    }
}

fn plot(
    ui: &mut Ui,
    title: &str,
    name: &str,
    points: &[SweepPoint],
    height: f32,
    value: impl Fn(&SweepPoint) -> Option<f64>,
) {
    let title = tr(ui.ctx(), title).to_owned();
    let log2 = |n: usize| (n as f64).log2();
    let last = points.iter().map(|point| point.n).max().unwrap_or(SIZES[0]).max(4 * SIZES[0]);
    let x = (log2(SIZES[0]) - 0.3, log2(last) + 0.3 * (log2(last) - log2(SIZES[0])));
    let y = axes::decades(points.iter().filter_map(&value)).unwrap_or((-1.0, 1.0));
    // Room for a name at the top.
    let y = (y.0, y.1 + 0.08 * (y.1 - y.0));
    let texts = StopTexts::new(ui, points);
    let palette = Palette::of(ui);
    let axes = [LogAxis { title: "N", name: axes::double }, LogAxis { title: &title, name: axes::decade }];
    let response = axes::plot(ui, name, height, axes[0], axes[1]).show(ui, |plot| {
        axes::hold(plot, x, y);
        for algorithm in ALGORITHMS {
            let of = points.iter().filter(|point| point.algorithm == algorithm);
            let at = of.filter_map(|point| Some([log2(point.n), value(point).filter(|v| *v > 0.0)?.log10()]));
            let at: Vec<[f64; 2]> = at.collect();
            let (style, shape) = line_of(algorithm);
            plot.line(Line::new(algorithm, at.clone()).color(palette.faint_ink).style(style));
            if let Some(end) = at.last() {
                // Names stand apart where values do not.
                let anchor = if algorithm == ALGORITHMS[0] { Align2::LEFT_BOTTOM } else { Align2::LEFT_TOP };
                axes::word(plot, [end[0] + 0.08, end[1]], anchor, algorithm, palette.ink);
            }
            plot.points(Points::new(format!("{algorithm}, measured"), at).shape(shape).radius(4.0).color(palette.ink));
        }
        texts.draw(plot, y.1, palette);
    });
    let ran =
        points.iter().filter_map(|point| Some(format!("{} {}: {}", point.algorithm, point.n, short(value(point)?))));
    draw::describe(&response.response, name, &ran.collect::<Vec<_>>().join("; "));
}

/// Where an algorithm was stopped, in words.
struct StopTexts(Vec<(f64, String)>);

impl StopTexts {
    fn new(ui: &Ui, points: &[SweepPoint]) -> Self {
        let stopped = points.iter().filter(|point| matches!(point.what, What::Stopped(_)));
        let text = |point: &SweepPoint| fill(ui.ctx(), "{0} stops at {1}", &[&point.algorithm, &point.n]);
        Self(stopped.map(|point| ((point.n as f64).log2(), text(point))).collect())
    }

    fn draw(&self, plot: &mut PlotUi<'_>, top: f64, palette: &Palette) {
        for (at, (x, text)) in self.0.iter().enumerate() {
            plot.vline(VLine::new(text.clone(), *x).stroke(Stroke::new(2.0, palette.trouble)));
            let y = top - 0.05 - 0.25 * at as f64;
            axes::word(plot, [*x - 0.06, y], Align2::RIGHT_TOP, text, palette.ink);
        }
    }
}

fn legend(ui: &mut Ui) {
    note(ui, tr(ui.ctx(), "Dashed with squares: standard. Solid with circles: flash2. Both axes are logarithmic."));
}

fn table(ui: &mut Ui, points: &[SweepPoint]) {
    let palette = Palette::of(ui);
    Grid::new("sweep table").striped(true).spacing([16.0, 2.0]).show(ui, |ui| {
        let heads = [
            ("N", None),
            ("algorithm", None),
            ("time", Some(MadeBy::Measured)),
            ("device memory", Some(MadeBy::Counted)),
        ];
        for (word, by) in heads {
            ui.horizontal(|ui| {
                by.into_iter().for_each(|by| _ = made_by::mark(ui, by));
                ui.label(draw::label(tr(ui.ctx(), word)).color(palette.faint_ink));
            });
        }
        ui.end_row();
        for point in points {
            row(ui, point);
            ui.end_row();
        }
    });
}

fn row(ui: &mut Ui, point: &SweepPoint) {
    let palette = Palette::of(ui);
    ui.label(RichText::new(point.n.to_string()).size(theme::LABEL).monospace());
    let label = ui.label(draw::label(point.algorithm));
    let name = fill(ui.ctx(), "{0} at N {1}", &[&point.algorithm, &point.n]);
    match &point.what {
        What::Ran { time, is_kernel_time, device_bytes } => {
            let clock = tr(ui.ctx(), if *is_kernel_time { "kernel" } else { "wall" });
            let time = format!("{}, {clock}", number::time(time.as_secs_f64()));
            let memory = bytes(*device_bytes);
            ui.label(RichText::new(&time).size(theme::LABEL).monospace());
            ui.label(RichText::new(&memory).size(theme::LABEL).monospace());
            draw::describe(&label, &name, &format!("{time}; {memory}"));
        }
        What::Stopped(reason) => {
            let text = draw::label(tr(ui.ctx(), "! stopped")).color(palette.ink);
            ui.label(text.background_color(palette.trouble_soft));
            draw::describe(&label, &name, &format!("! {}", say(ui.ctx(), reason)));
        }
    }
}
