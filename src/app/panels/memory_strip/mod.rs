//! The memory strip: the tensors in HBM as strips of blocks, the buffers on chip, and what the current step moves.

use eframe::egui::{self, Align2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

use crate::app::ink::draw::{self, fit_text};
use crate::app::ink::theme::{self, Palette, SPACE};
use crate::app::message::Message;
use crate::app::message::lesson::Answer;
use crate::app::panels::memory_strip::budget::{budget_text, budgets, paint_budget};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, tr};
use crate::number::bytes;
use crate::playback::lesson::ClickOn;
use crate::schedule::Tensor;
use crate::schedule::language::{Axis, Role};

pub mod budget;

mod chip;
mod transfer;

pub use transfer::glide;

const LABELS: f32 = 72.0;
const HBM_LINE: f32 = 44.0;
const SRAM_LINE: f32 = 40.0;
/// More blocks than this are a bar.
const MOST_BLOCKS: usize = 48;

/// A tensor in HBM: its blocks, those that hold a result, and the one that the step touches.
struct TensorBlocks {
    tensor: Tensor,
    blocks: usize,
    /// Lines of a block, and of the tensor; the last block may be ragged.
    block_len: usize,
    len: usize,
    filled: f32,
    current: Option<usize>,
    is_moving: bool,
}

pub fn show(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    let palette = Palette::of(ui);
    let (rect, response) =
        ui.allocate_exact_size(vec2(ui.available_width(), theme::MEMORY_STRIP - 16.0), Sense::hover());
    let summary = summary(ui, look);
    let [moved, on_chip, full] = &summary;
    draw::describe(&response, "memory", &fill(ui.ctx(), "{0}; {1}; {2}", &[moved, on_chip, full]));
    response.on_hover_text(summary.join("\n"));
    if !ui.is_rect_visible(rect) || rect.width() < 120.0 {
        return;
    }
    let strips = strips(look);
    let hbm = Rect::from_min_size(rect.min, vec2(rect.width(), HBM_LINE));
    let sram = Rect::from_min_size(pos2(rect.left(), rect.top() + HBM_LINE + 24.0), vec2(rect.width(), SRAM_LINE));
    line_label(ui, hbm, "HBM", palette);
    line_label(ui, sram, "SRAM", palette);
    let places = paint_hbm(ui, hbm, &strips, palette);
    if look.question.asks == Some(ClickOn::Tensor) {
        for (strip, column) in strips.iter().zip(columns(hbm, &strips)) {
            answer(ui, column, strip.tensor, messages);
        }
    }
    let room = Rect::from_min_max(pos2(sram.left() + LABELS, sram.top()), sram.max);
    let budgeted = look.scene.schedule().algorithm.is_budgeted();
    let budgets = if budgeted { budgets(look) } else { Vec::new() };
    let buffers = chip::paint(ui, room, look, &budgets, palette);
    if look.question.asks == Some(ClickOn::Tensor) {
        answers_on_chip(ui, &strips, &buffers, messages);
    }
    let moving = strips.iter().zip(places).find(|(strip, _)| strip.is_moving);
    let moving = moving.map(|(strip, block)| (strip.tensor, block));
    transfer::paint(ui, room, moving, &buffers, look, palette);
    let gauges = Rect::from_min_max(pos2(rect.left() + LABELS, sram.bottom() + SPACE), rect.max);
    paint_budget(ui, gauges, look, palette);
}

fn line_label(ui: &Ui, line: Rect, text: &str, palette: &Palette) {
    let place = Rect::from_min_size(line.min, vec2(LABELS, line.height()));
    fit_text(ui.painter(), place, Align2::LEFT_CENTER, tr(ui.ctx(), text), theme::text(theme::LABEL), palette.ink);
}

/// The tensors that this algorithm moves, in the order of the vocabulary.
fn strips(look: &Look<'_>) -> Vec<TensorBlocks> {
    let (plan, snapshot) = (look.scene.plan(), look.snapshot);
    let total = &look.scene.closed_form;
    let step = snapshot.view.step;
    let algorithm = &look.scene.schedule().algorithm;
    let moves = |tensor| snapshot.moved.read.get(tensor) + snapshot.moved.write.get(tensor) > 0;
    total
        .tensors()
        .into_iter()
        .map(|tensor| {
            let (by_keys, is_input) = algorithm.of_tensor(tensor).map_or((false, false), |of| {
                (!of.axes().has(Axis::I), matches!(of.role, Role::In | Role::Modifier(_)))
            });
            let (rows, cols) = algorithm.size_of(tensor, plan).unwrap_or_default();
            let splits = if by_keys { 1 } else { algorithm.splits_of(tensor, &look.scene.schedule().setting) };
            let place = step.map(|step| if by_keys { step.place.j() } else { step.place.i() });
            // Outputs are written front to back; what is rewritten later was there before.
            let written = snapshot.totals.traffic.write.get(tensor) as f32 / (rows * cols * splits).max(1) as f32;
            TensorBlocks {
                tensor,
                blocks: if by_keys { plan.t_c() } else { plan.t_r() },
                block_len: if by_keys { plan.bc } else { plan.br },
                len: if by_keys { plan.n_k } else { plan.n_q },
                filled: if is_input { 1.0 } else { written.min(1.0) },
                current: place.flatten(),
                is_moving: moves(tensor),
            }
        })
        .collect()
}

/// Where each strip stands in its line, with its name.
fn columns(line: Rect, strips: &[TensorBlocks]) -> impl Iterator<Item = Rect> {
    let (room, count) = (line.width() - LABELS, strips.len());
    let gap = 4.0 * SPACE;
    let width = ((room - gap * (count.max(1) - 1) as f32) / count.max(1) as f32).clamp(16.0, 320.0);
    (0..count).map(move |n| {
        let left = line.left() + LABELS + n as f32 * (width + gap);
        Rect::from_min_max(pos2(left, line.top()), pos2(left + width, line.bottom()))
    })
}

/// Gives the place of each strip.
fn paint_hbm(ui: &Ui, line: Rect, strips: &[TensorBlocks], palette: &Palette) -> Vec<Rect> {
    let mut places = Vec::new();
    for (strip, column) in strips.iter().zip(columns(line, strips)) {
        let name = Rect::from_min_size(column.min, vec2(column.width(), 16.0));
        let rows = Rect::from_min_max(pos2(column.left(), column.top() + 18.0), column.max);
        fit_text(ui.painter(), name, Align2::LEFT_CENTER, strip.tensor.name(), theme::text(theme::LABEL), palette.ink);
        places.push(paint_strip(ui, rows, strip, palette));
    }
    places
}

/// What is on chip alone is clicked there: each name of a buffer has its part of it.
fn answers_on_chip(ui: &Ui, strips: &[TensorBlocks], buffers: &[(Vec<String>, Rect)], messages: &mut Vec<Message>) {
    for (names, place) in buffers {
        let width = place.width() / names.len().max(1) as f32;
        for (n, tensor) in names.iter().enumerate().filter_map(|(n, name)| Some((n, Tensor::known(name)?))) {
            if strips.iter().all(|strip| strip.tensor != tensor) {
                let part = Rect::from_min_size(place.min + vec2(n as f32 * width, 0.0), vec2(width, place.height()));
                answer(ui, part, tensor, messages);
            }
        }
    }
}

/// While a lesson asks for a tensor, a click where it is drawn answers.
pub fn answer(ui: &Ui, place: Rect, tensor: Tensor, messages: &mut Vec<Message>) {
    let name = tensor.name();
    let response = ui.interact(place, ui.scope_id().with(("answer", name)), Sense::click());
    draw::describe(&response, &fill(ui.ctx(), "{0}, to be clicked", &[&name]), name);
    if response.on_hover_text(fill(ui.ctx(), "Click to answer with {0}", &[&name])).clicked() {
        messages.push(Message::Answer(Answer::Tensor(tensor)));
    }
}

/// Gives the place of the current block, or of the strip.
fn paint_strip(ui: &Ui, rect: Rect, strip: &TensorBlocks, palette: &Palette) -> Rect {
    let painter = ui.painter();
    let hue = palette.tensor(strip.tensor);
    let block = |n: usize| {
        let x = |line: usize| rect.left() + rect.width() * line.min(strip.len) as f32 / strip.len.max(1) as f32;
        let (start, end) = (n * strip.block_len, (n + 1) * strip.block_len);
        Rect::from_min_max(pos2(x(start), rect.top()), pos2(x(end), rect.bottom()))
    };
    painter.rect_filled(rect, 2.0, palette.empty);
    let full = Rect::from_min_size(rect.min, vec2(rect.width() * strip.filled, rect.height()));
    painter.rect_filled(full, 2.0, palette.pale(hue));
    let current = strip.current.filter(|n| *n < strip.blocks).map(block);
    if let Some(current) = current.filter(|_| strip.is_moving) {
        let wide = Rect::from_center_size(current.center(), current.size().max(vec2(4.0, 0.0)));
        painter.rect_filled(wide, 2.0, hue);
    }
    if strip.blocks <= MOST_BLOCKS {
        for n in 1..strip.blocks {
            painter.vline(block(n).left(), rect.y_range(), Stroke::new(1.0, palette.background));
        }
    }
    if let Some(current) = current.filter(|_| strip.is_moving) {
        painter.rect_stroke(current, 2.0, palette.outline(), StrokeKind::Middle);
    }
    current.unwrap_or(rect)
}

/// What moves, what is on chip, and how full that is.
pub fn summary(ui: &Ui, look: &Look<'_>) -> [String; 3] {
    let ctx = ui.ctx();
    let (read, write) = (look.snapshot.moved.read.bytes(), look.snapshot.moved.write.bytes());
    let moved = match (read, write) {
        (0, 0) => tr(ctx, "this step moves nothing").to_owned(),
        (read, 0) => fill(ctx, "this step reads {0} from HBM", &[&bytes(read)]),
        (_, write) => fill(ctx, "this step writes {0} to HBM", &[&bytes(write)]),
    };
    let buffers: Vec<String> = look
        .snapshot
        .buffers
        .iter()
        .map(|buffer| format!("{} {}", chip::label(ctx, buffer), bytes(buffer.bytes())))
        .collect();
    let budgets: Vec<String> = budgets(look).iter().map(|budget| budget_text(ui, budget)).collect();
    [moved, fill(ctx, "on chip: {0}", &[&buffers.join(", ")]), budgets.join(", ")]
}

/// The strip's frame, for the window.
pub fn frame(ui: &Ui) -> egui::Frame {
    let palette = Palette::of(ui);
    egui::Frame::new().fill(palette.background).inner_margin(egui::Margin::symmetric(12, 8))
}
