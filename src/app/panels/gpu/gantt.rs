//! Which multiprocessor ran which thread block when: a row for each multiprocessor, with a line for each block that it
//! held at once. A pure view over plain data; the same data leaves as a Perfetto trace.

use std::collections::BTreeMap;

use eframe::egui::{self, Align2, Rect, Sense, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::axes::{note, of_changed_source, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::gpu::recorded::Spans;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number::{self, grouped};
use crate::trace::Timed;

/// Room for the names of multiprocessors.
const NAME: f32 = 56.0;
const AXIS: f32 = 20.0;
/// Height of a line of blocks: at most, and at least.
const HIGH: f32 = 16.0;
const LOW: f32 = 3.0;
/// More blocks than this are not told apart on any screen; the file has them all.
pub const MOST_DRAWN: usize = 20_000;

pub fn show(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, room: f32, messages: &mut Vec<Message>) {
    match gpu.recorded(look.generation) {
        None => {
            let text = "With m and l a kernel also records on which multiprocessor each block ran, and when, where the backend \
                can see it.";
            note(ui, tr(ui.ctx(), text));
            let button = egui::Button::new(tr(ui.ctx(), "Record the blocks").to_owned());
            if ui.add_enabled(gpu.is_ready(), button).clicked() {
                messages.push(Message::Gpu(GpuMessage::Record));
            }
        }
        Some(Err(reason)) => {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why nothing was recorded", &reason);
        }
        Some(Ok(recorded)) => match &recorded.spans {
            None => {
                let text = "This backend cannot see which multiprocessor runs a block: WGSL has no such question. The CUDA \
                    backend records it.";
                let label = note(ui, tr(ui.ctx(), text));
                draw::describe(&label, "why there is no timeline", tr(ui.ctx(), text));
            }
            Some(spans) if spans.blocks.is_empty() => drop(note(ui, tr(ui.ctx(), "No block was recorded."))),
            Some(spans) => {
                of_changed_source(ui, recorded.changed);
                timeline(ui, spans, room, messages);
            }
        },
    }
}

fn timeline(ui: &mut Ui, spans: &Spans, room: f32, messages: &mut Vec<Message>) {
    let chart = Chart::new(spans);
    ui.horizontal_wrapped(|ui| {
        let text = fill(
            ui.ctx(),
            "{0} {0|block|blocks} on {1} {1|multiprocessor|multiprocessors} in {2}",
            &[&grouped(spans.blocks.len() as u64), &chart.lines.len(), &number::time(1e-9 * chart.ns as f64)],
        );
        made_by::mark(ui, MadeBy::Measured);
        note(ui, &text);
        if ui.button(tr(ui.ctx(), "Save the timeline for Perfetto")).clicked() {
            messages.push(Message::Gpu(GpuMessage::SaveTimeline));
        }
    });
    if spans.blocks.len() > MOST_DRAWN {
        note(ui, &fill(ui.ctx(), "The first {0} are drawn; the file has all.", &[&grouped(MOST_DRAWN as u64)]));
    }
    draw_chart(ui, spans, &chart, room - 72.0);
}

/// Where everything stands.
struct Chart {
    zero: u64,
    /// From the first beginning to the last end.
    ns: u64,
    /// For each multiprocessor: the line that it begins on, and how many it has.
    lines: BTreeMap<u32, (usize, usize)>,
    count: usize,
}

impl Chart {
    fn new(spans: &Spans) -> Self {
        let zero = spans.blocks.iter().map(|block| block.begin_ns).min().unwrap_or(0);
        let end = spans.blocks.iter().map(|block| block.end_ns).max().unwrap_or(0);
        let mut lines: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
        for (block, track) in spans.blocks.iter().zip(&spans.tracks) {
            let (_, held) = lines.entry(block.sm).or_default();
            *held = (*held).max(track + 1);
        }
        let mut count = 0;
        for (first, held) in lines.values_mut() {
            (*first, count) = (count, count + *held);
        }
        Self { zero, ns: end.saturating_sub(zero).max(1), lines, count }
    }

    fn rect(&self, area: Rect, line: f32, block: &Timed, track: usize) -> Rect {
        let part = |ns: u64| ns.saturating_sub(self.zero) as f64 / self.ns as f64;
        let x = |ns: u64| area.left() + part(ns) as f32 * area.width();
        let first = self.lines.get(&block.sm).map_or(0, |(first, _)| *first);
        let top = area.top() + (first + track) as f32 * line;
        let right = x(block.end_ns).max(x(block.begin_ns) + 1.0);
        Rect::from_min_max(pos2(x(block.begin_ns), top), pos2(right, top + line))
    }
}

fn draw_chart(ui: &mut Ui, spans: &Spans, chart: &Chart, height: f32) {
    let palette = Palette::of(ui);
    let line = ((height - AXIS) / chart.count as f32).clamp(LOW, HIGH);
    let size = vec2(ui.available_width(), line * chart.count as f32 + AXIS);
    let (whole, response) = ui.allocate_exact_size(size, Sense::hover());
    let area = Rect::from_min_max(whole.min + vec2(NAME, 0.0), whole.max - vec2(2.0 * SPACE, AXIS));
    names(ui, area, line, chart);
    let gap = if line >= 6.0 { 1.0 } else { 0.0 };
    let mut under = None;
    for (at, (block, track)) in spans.blocks.iter().zip(&spans.tracks).enumerate().take(MOST_DRAWN) {
        let rect = chart.rect(area, line, block, *track);
        // Neighbours on a line are told apart by two greys.
        let color = if at % 2 == 0 { palette.done } else { palette.hatch };
        ui.painter().rect_filled(rect.shrink2(vec2(0.0, gap / 2.0)), 0.0, color);
        if response.hover_pos().is_some_and(|pointer| rect.contains(pointer)) {
            under = Some((block, rect));
        }
    }
    ui.painter().rect_stroke(area, 0.0, palette.hairline(), StrokeKind::Outside);
    time_axis(ui, area, chart);
    describe(ui, &response, spans, chart);
    if let Some((block, rect)) = under {
        ui.painter().rect_stroke(rect, 0.0, palette.outline(), StrokeKind::Inside);
        let written = |ns: u64| number::time(1e-9 * ns as f64);
        let took = written(block.end_ns.saturating_sub(block.begin_ns));
        let values: [&dyn std::fmt::Display; 4] =
            [&block.block, &block.sm, &written(block.begin_ns - chart.zero), &took];
        response.on_hover_text_at_pointer(fill(ui.ctx(), "block {0} on SM {1}\nfrom {2}, for {3}", &values));
    }
}

fn names(ui: &Ui, area: Rect, line: f32, chart: &Chart) {
    let palette = Palette::of(ui);
    let mut free = area.top() - 100.0;
    for (sm, (first, held)) in &chart.lines {
        let top = area.top() + *first as f32 * line;
        let middle = top + *held as f32 * line / 2.0;
        ui.painter().line_segment([pos2(area.left(), top), pos2(area.right(), top)], palette.hairline());
        if middle - free >= 14.0 {
            let font = theme::figures(theme::LABEL);
            let at = pos2(area.left() - 6.0, middle);
            ui.painter().text(at, Align2::RIGHT_CENTER, format!("SM {sm}"), font, palette.faint_ink);
            free = middle;
        }
    }
}

fn time_axis(ui: &Ui, area: Rect, chart: &Chart) {
    let palette = Palette::of(ui);
    for (part, align) in [(0.0, Align2::LEFT_TOP), (0.5, Align2::CENTER_TOP), (1.0, Align2::RIGHT_TOP)] {
        let at = pos2(area.left() + part * area.width(), area.bottom() + 4.0);
        let text = number::time(1e-9 * f64::from(part) * chart.ns as f64);
        ui.painter().text(at, align, text, theme::figures(theme::LABEL), palette.faint_ink);
    }
}

/// The whole in words: each multiprocessor with its blocks and how long it was busy.
fn describe(ui: &Ui, response: &egui::Response, spans: &Spans, chart: &Chart) {
    let mut busy: BTreeMap<u32, (usize, u64)> = BTreeMap::new();
    for block in &spans.blocks {
        let (count, ns) = busy.entry(block.sm).or_default();
        *count += 1;
        *ns += block.end_ns.saturating_sub(block.begin_ns);
    }
    let lines = busy.iter().take(16).map(|(sm, (count, ns))| {
        fill(ui.ctx(), "SM {0}: {1} {1|block|blocks}, {2}", &[sm, count, &number::time(1e-9 * *ns as f64)])
    });
    let mut text = lines.collect::<Vec<_>>().join("; ");
    if chart.lines.len() > 16 {
        text.push_str("; ...");
    }
    draw::describe(response, "blocks over multiprocessors", &text);
}
