//! m and l of the selected row as the GPU recorded them after every key block, over the stepper's: a plot, and a table
//! with their differences and what the error rule says.

use eframe::egui::{self, Grid, RichText, Stroke, Ui};
use egui_plot::{Line, LineStyle, MarkerShape, PlotPoints, Points};

use crate::app::ink::axes::{self, note, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::run::gpu::device::{Gpu, Task};
use crate::app::run::gpu::recorded::{LONGEST_COMPARED, Pair, Recorded, Stepper};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number::short;
use crate::schedule::{Part, Tiling};

pub fn show(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, room: f32, messages: &mut Vec<Message>) {
    ui.horizontal_wrapped(|ui| {
        let button = egui::Button::new(tr(ui.ctx(), "Record m and l").to_owned());
        if ui.add_enabled(gpu.is_ready(), button).clicked() {
            messages.push(Message::Gpu(GpuMessage::Record));
        }
        if gpu.underway().is_some_and(|underway| underway.task == Task::Record) {
            note(ui, tr(ui.ctx(), "recording, then comparing ..."));
        }
    });
    let own = Tiling { br: look.scene.plan().br, bc: look.scene.plan().bc };
    match gpu.recorded(look.generation) {
        None => {
            let text = "The kernel runs once more and writes down m and l of every row after every key block.";
            note(ui, tr(ui.ctx(), text));
            // Known before anything runs.
            let shape = look.scene.input.problem.shape;
            let blocks =
                gpu.blocks(look.scene).map(|Tiling { br, bc }| Tiling { br: br.min(shape.n_q), bc: bc.min(shape.n_k) });
            if let Some(blocks) = blocks.filter(|blocks| *blocks != own) {
                other_blocks(ui, blocks, own, messages);
            }
        }
        Some(Err(reason)) => {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why nothing was recorded", &reason);
        }
        Some(Ok(recorded)) => {
            axes::of_changed_source(ui, recorded.changed);
            show_recorded(ui, look, recorded, room, messages);
        }
    }
}

/// The two sides step through different blocks, and the way to make them the same.
fn other_blocks(ui: &mut Ui, kernel: Tiling, own: Tiling, messages: &mut Vec<Message>) {
    let text =
        "The kernel's blocks are {0} x {1}, the run's {2} x {3}: m and l stand at other keys, and cannot be compared.";
    let text = fill(ui.ctx(), text, &[&kernel.br, &kernel.bc, &own.br, &own.bc]);
    let label = warning(ui, &text);
    draw::describe(&label, "blocks of the kernel", &text);
    if ui.button(fill(ui.ctx(), "Step through the kernel's blocks: {0} x {1}", &[&kernel.br, &kernel.bc])).clicked() {
        messages.push(Message::Gpu(GpuMessage::UseBlocks(kernel)));
    }
}

fn show_recorded(ui: &mut Ui, look: &Look<'_>, recorded: &Recorded, room: f32, messages: &mut Vec<Message>) {
    let query = look.row().unwrap_or(look.selection.query);
    match &recorded.stepper {
        Stepper::OtherBlocks(own) => {
            let Tiling { br, bc } = recorded.tiling;
            let plan = look.scene.plan();
            other_blocks(ui, Tiling { br: br.min(plan.n_q), bc: bc.min(plan.n_k) }, *own, messages);
        }
        Stepper::TooLong => {
            let text = "Not compared above {0} tokens: the bound needs an exact result after every key block.";
            note(ui, &fill(ui.ctx(), text, &[&LONGEST_COMPARED]));
        }
        Stepper::Same { .. } => score(ui, recorded),
    }
    let pairs = recorded.pairs(query);
    let text = fill(ui.ctx(), "m and l of row {0} after each key block", &[&query]);
    made_by::before(ui, MadeBy::Computed, |ui| draw::caption(ui, &text));
    plot(ui, &recorded.of_row(query), &pairs, room);
    if !pairs.is_empty() {
        table(ui, &pairs);
    }
}

/// All rows in one sentence.
fn score(ui: &mut Ui, recorded: &Recorded) {
    let Some((visits, within)) = recorded.score() else { return };
    let text = fill(ui.ctx(), "All rows: {0} of {1} {1|visit|visits} within the rule", &[&within, &visits]);
    let label = if visits == within { note(ui, &text) } else { warning(ui, &format!("! {text}")) };
    draw::describe(&label, "visits within the rule", &text);
}

fn plot(ui: &mut Ui, recorded: &[(usize, f64, f64)], pairs: &[Pair], room: f32) {
    let palette = Palette::of(ui);
    let last = recorded.iter().map(|(j, ..)| *j).max().unwrap_or(0) as f64;
    let block = tr(ui.ctx(), "key block").to_owned();
    let plot = axes::still(ui, "taps", (room * 0.42).clamp(120.0, 320.0))
        .x_grid_spacer(axes::marks)
        .y_grid_spacer(axes::linear_marks)
        .y_axis_formatter(|mark, _| axes::linear(mark))
        .x_axis_label(draw::label(&block))
        .include_x(-0.2)
        .include_x(last * 1.12 + 0.4)
        .x_axis_formatter(|mark, _| if mark.value.fract() == 0.0 { mark.value.to_string() } else { String::new() });
    let response = plot.show(ui, |plot| {
        for (name, is_m) in [(Part::Max.symbol(), true), (Part::Sum.symbol(), false)] {
            let pick = |m: f64, l: f64| if is_m { m } else { l };
            let finite =
                |points: Vec<[f64; 2]>| -> Vec<[f64; 2]> { points.into_iter().filter(|p| p[1].is_finite()).collect() };
            let own = finite(pairs.iter().map(|pair| [pair.j as f64, pick(pair.stepper.0, pair.stepper.1)]).collect());
            let gpu = finite(recorded.iter().map(|(j, m, l)| [*j as f64, pick(*m, *l)]).collect());
            let style = if is_m { LineStyle::Solid } else { LineStyle::Dashed { length: 8.0 } };
            plot.line(
                Line::new(format!("{name} of the stepper"), own).color(palette.faint_ink).style(style).width(2.0),
            );
            let shape = if is_m { MarkerShape::Circle } else { MarkerShape::Square };
            if let Some([x, y]) = gpu.last().copied() {
                axes::word(plot, [x + 0.06, y], egui::Align2::LEFT_CENTER, name, palette.ink);
            }
            let points: PlotPoints<'_> = gpu.into();
            let marks = Points::new(format!("{name} of the GPU"), points).shape(shape).radius(5.0).filled(false);
            plot.points(marks.color(palette.accent));
        }
    });
    let visits: Vec<String> =
        recorded.iter().map(|(j, m, l)| format!("{j}: m {}, l {}", short(*m), short(*l))).collect();
    draw::describe(&response.response, "m and l of the GPU", &visits.join("; "));
    legend(ui, !pairs.is_empty());
}

/// Lines are the stepper's, marks the GPU's.
fn legend(ui: &mut Ui, has_stepper: bool) {
    let palette = Palette::of(ui);
    let (rect, _) = ui.allocate_exact_size(egui::vec2(ui.available_width(), 18.0), egui::Sense::hover());
    let (painter, y, font) = (ui.painter(), rect.center().y, theme::text(theme::LABEL));
    let mut x = rect.left();
    if has_stepper {
        let line = [egui::pos2(x, y), egui::pos2(x + 20.0, y)];
        painter.line_segment(line, Stroke::new(2.0, palette.faint_ink));
        let text = tr(ui.ctx(), "line: the stepper");
        let place = egui::pos2(x + 26.0, y);
        x = draw::put_text(painter, place, egui::Align2::LEFT_CENTER, text, font.clone(), palette.faint_ink).right()
            + 6.0 * SPACE;
    }
    painter.circle_stroke(egui::pos2(x + 5.0, y), 4.0, Stroke::new(1.5, palette.accent));
    let text = tr(ui.ctx(), "marks: the GPU");
    draw::put_text(painter, egui::pos2(x + 16.0, y), egui::Align2::LEFT_CENTER, text, font, palette.faint_ink);
}

fn table(ui: &mut Ui, pairs: &[Pair]) {
    let palette = Palette::of(ui);
    let words = ["key block", "m, GPU", "m, stepper", "difference", "l, GPU", "l, stepper", "difference", ""];
    Grid::new("taps table").striped(true).spacing([16.0, 2.0]).show(ui, |ui| {
        for word in words {
            ui.label(draw::label(tr(ui.ctx(), word)).color(palette.faint_ink));
        }
        ui.end_row();
        for pair in pairs {
            table_row(ui, pair);
            ui.end_row();
        }
    });
}

fn table_row(ui: &mut Ui, pair: &Pair) {
    let palette = Palette::of(ui);
    let (m, l) = pair.differences();
    let (gpu, own) = (pair.gpu, pair.stepper);
    for text in [pair.j.to_string(), short(gpu.0), short(own.0), short(m), short(gpu.1), short(own.1), short(l)] {
        ui.label(RichText::new(text).size(theme::LABEL).monospace());
    }
    let is_within = pair.is_within();
    let text = tr(ui.ctx(), if is_within { "within the rule" } else { "! not" }).to_owned();
    let shown = draw::label(&text).color(palette.ink);
    let label = ui.label(if is_within { shown } else { shown.background_color(palette.trouble_soft) });
    let bounds = fill(ui.ctx(), "allowed: {0} for m, {1} for l", &[&short(pair.bound.0), &short(pair.bound.1)]);
    let name = fill(ui.ctx(), "recorded after key block {0}", &[&pair.j]);
    let values = [short(gpu.0), short(m), short(gpu.1), short(l)];
    let [gpu_m, m, gpu_l, l] = &values;
    draw::describe(&label, &name, &fill(ui.ctx(), "m {0}, off {1}; l {2}, off {3}: {4}", &[gpu_m, m, gpu_l, l, &text]));
    label.on_hover_text(bounds);
}
