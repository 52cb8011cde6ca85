//! What a run took: time, memory, and the rates that follow from the closed forms; beside them the roofline.

use eframe::egui::{self, RichText, Ui, vec2};

use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::gpu::{DeviceInfo, DeviceKind};
use crate::schedule::Tiling;

use super::roofline;
use crate::app::ink::axes::{note, of_changed_source, of_changed_time, warning};
use crate::app::ink::draw::{self, value_row};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{self, SPACE};
use crate::app::panels::parts::withheld;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::gpu::outcome::Outcome;
use crate::app::run::gpu::work::Work;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number::{self, bytes, grouped, short};

const NUMBERS: f32 = 280.0;

/// What counts, for the tooltips.
const FLOPS: &str = "FLOPs by the closed form: the two matrix products, 2 for each multiply-add, over every tile that is not \
    skipped, all heads; exponentials are not counted.";
const BYTES: &str = "HBM bytes by the closed form, read and written, all heads: every block as often as the algorithm loads \
    it, with the kernel's blocks. Caches may serve some of them, so that this rate can be above that of a copy.";

pub fn show(
    ui: &mut Ui,
    look: &Look<'_>,
    gpu: &Gpu,
    (info, room): (Option<&DeviceInfo>, f32),
    messages: &mut Vec<Message>,
) {
    let is_software = info.is_some_and(|info| info.kind == DeviceKind::Software);
    if is_software {
        let text = "A software driver: the CPU plays the GPU. Results are right; speed means nothing here.";
        warning(ui, tr(ui.ctx(), text));
        ui.add_space(SPACE);
    }
    let height = (room - if is_software { 72.0 } else { 32.0 }).clamp(200.0, 720.0);
    if ui.available_width() < theme::ROOM_FOR_TWO {
        numbers_and_roofs(ui, look, gpu, is_software, messages);
        ui.add_space(2.0 * SPACE);
        return roofline::show(ui, look, gpu, is_software, height.min(360.0));
    }
    ui.horizontal_top(|ui| {
        ui.allocate_ui_with_layout(vec2(NUMBERS, height), egui::Layout::top_down(egui::Align::Min), |ui| {
            ui.set_width(NUMBERS);
            numbers_and_roofs(ui, look, gpu, is_software, messages);
        });
        ui.add_space(2.0 * SPACE);
        ui.vertical(|ui| roofline::show(ui, look, gpu, is_software, height));
    });
}

fn numbers_and_roofs(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, is_software: bool, messages: &mut Vec<Message>) {
    match gpu.result(look.generation) {
        None => drop(note(ui, tr(ui.ctx(), "Nothing has run on this device for the run on screen."))),
        Some(Err(reason)) => {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why the run gave nothing", &reason);
        }
        Some(Ok(outcome)) => {
            of_changed_source(ui, outcome.changed);
            error(ui, look, outcome);
            numbers(ui, outcome, (is_software, look.question.hides.bytes));
        }
    }
    occupancy(ui, look, gpu);
    ui.add_space(2.0 * SPACE);
    roofs(ui, gpu, messages);
}

/// A number with its mark.
fn made(ui: &mut Ui, by: MadeBy, name: &str, value: &str, accessible: &str) -> egui::Response {
    made_by::line(ui, by, |ui| value_row(ui, name, value, accessible))
}

/// What the kernel will take of a multiprocessor, and how many of its blocks run at once.
fn occupancy(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu) {
    // A refusal is told when the run is asked for.
    let Some(Ok(stages)) = gpu.occupancy(look.scene).filter(|stages| stages.as_ref().is_ok_and(|all| !all.is_empty()))
    else {
        return;
    };
    ui.add_space(2.0 * SPACE);
    draw::caption(ui, "What a launch takes of a multiprocessor");
    for stage in stages {
        let share = number::percent(stage.share());
        let value = fill(ui.ctx(), "{0} {0|block|blocks} at once, {1} of its threads", &[&stage.blocks_per_sm, &share]);
        let name = fill(ui.ctx(), "occupancy of {0}", &[&stage.entry]);
        let row = made(ui, MadeBy::Counted, &stage.entry, &value, &name);
        let waves = stage.waves().map_or_else(|| "-".to_owned(), short);
        row.on_hover_text(fill(
            ui.ctx(),
            "A block has {0} {0|thread|threads}, {1} {1|register|registers} a thread and {2} of shared memory. {3} \
             {3|block|blocks} on {4} {4|multiprocessor|multiprocessors}: {5} {5|wave|waves}.",
            &[&stage.threads, &stage.registers, &bytes(stage.shared_bytes as u64), &stage.blocks, &stage.sms, &waves],
        ));
    }
}

/// How far it is from exact attention, of the head on screen.
fn error(ui: &mut Ui, look: &Look<'_>, outcome: &Outcome) {
    let Some(Check::Done { bound, exact, .. }) = look.check else { return };
    let (error, is_within) = (outcome.error(&exact.o), outcome.error(&exact.o) <= bound.o);
    let mark = if is_within { "" } else { "! " };
    let text = format!("{mark}{}", short(error));
    let row = made(ui, MadeBy::Computed, "largest error", &text, "largest error of the run");
    let verdict = if is_within { "{0}, allowed {1}: within the bound" } else { "{0}, allowed {1}: outside the bound" };
    row.on_hover_text(fill(ui.ctx(), verdict, &[&short(error), &short(bound.o)]));
}

fn numbers(ui: &mut Ui, outcome: &Outcome, (is_software, hides_bytes): (bool, bool)) {
    let rate = outcome.flops_per_s();
    if let Some(rate) = rate.filter(|_| !is_software) {
        headline(ui, rate);
    }
    let written = |time: std::time::Duration| number::time(time.as_secs_f64());
    let kernel = outcome.kernel_time.map_or_else(|| tr(ui.ctx(), "no GPU clock").to_owned(), written);
    made(ui, MadeBy::Measured, "kernel time", &kernel, "kernel time");
    let wall = made(ui, MadeBy::Measured, "wall time", &written(outcome.wall), "wall time");
    wall.on_hover_text(tr(ui.ctx(), "From the first byte uploaded to the last byte read back."));
    made(ui, MadeBy::Counted, "launches", &grouped(outcome.launches as u64), "launches");
    made(ui, MadeBy::Counted, "device memory", &bytes(outcome.device_bytes), "device memory");
    let Some(work) = outcome.work else {
        if outcome.changed.is_some() {
            let text = "No FLOPs and bytes: the closed forms count those of the kernel as it is in kernels/.";
            note(ui, tr(ui.ctx(), text));
        }
        of_changed_time(ui, outcome.changed);
        return;
    };
    let Tiling { br, bc } = work.tiling;
    let scope = fill(ui.ctx(), "of all {0} {0|head|heads}, in blocks of {1} x {2}", &[&work.heads, &br, &bc]);
    draw::describe(&draw::caption(ui, &scope), "what the counts are of", &scope);
    let flops = made(ui, MadeBy::Counted, "FLOPs", &grouped(work.flops), "FLOPs of the run");
    flops.on_hover_text(tr(ui.ctx(), FLOPS));
    if hides_bytes {
        note(ui, tr(ui.ctx(), withheld::BYTES));
    } else {
        moved(ui, outcome, &work, is_software);
    }
    if outcome.kernel_time.is_none() && !is_software {
        note(ui, tr(ui.ctx(), "Without a GPU clock the rates are of the wall time, uploads included."));
    }
    let text = match outcome.kernel {
        Some(kernel) => fill(ui.ctx(), "Kernel {0}, blocks of {1} x {2}.", &[&kernel.file, &br, &bc]),
        None => fill(
            ui.ctx(),
            "The backend does not name its kernel: counted with the run's blocks, {0} x {1}.",
            &[&br, &bc],
        ),
    };
    note(ui, &text);
}

/// What was read and written, and the rates of that.
fn moved(ui: &mut Ui, outcome: &Outcome, work: &Work, is_software: bool) {
    let moved = made(ui, MadeBy::Counted, "HBM bytes", &grouped(work.bytes), "HBM bytes of the run");
    moved.on_hover_text(tr(ui.ctx(), BYTES));
    let intensity = format!("{} FLOP/B", short(work.intensity()));
    made(ui, MadeBy::Counted, "arithmetic intensity", &intensity, "arithmetic intensity");
    if let Some(rate) = outcome.bytes_per_s().filter(|_| !is_software) {
        let row = made(ui, MadeBy::Measured, "achieved bandwidth", &number::rate(rate, "B/s"), "achieved bandwidth");
        row.on_hover_text(tr(ui.ctx(), BYTES));
    }
}

/// The rate, large.
fn headline(ui: &mut Ui, rate: f64) {
    let text = number::rate(rate, "FLOP/s");
    let label = made_by::line(ui, MadeBy::Measured, |ui| ui.label(RichText::new(&text).size(theme::TITLE).strong()));
    draw::describe(&label, "rate", &text);
    label.on_hover_text(tr(ui.ctx(), FLOPS));
}

fn roofs(ui: &mut Ui, gpu: &Gpu, messages: &mut Vec<Message>) {
    draw::caption(ui, "Roofs, measured on this device");
    let unknown = tr(ui.ctx(), "not yet measured").to_owned();
    let measured = gpu.roofs();
    let roofs = measured.and_then(Result::ok).copied().unwrap_or_default();
    let copy = roofs.copy_bytes_per_s.map_or(unknown.clone(), |rate| number::rate(rate, "B/s"));
    let fma = roofs.fma_flops_per_s.map_or(unknown, |rate| number::rate(rate, "FLOP/s"));
    let row = made(ui, MadeBy::Measured, "copy", &copy, "copy roof");
    row.on_hover_text(tr(
        ui.ctx(),
        "Bytes read and written per second by a kernel that only copies a buffer of many MiB.",
    ));
    let row = made(ui, MadeBy::Measured, "f32 multiply-add", &fma, "multiply-add roof");
    row.on_hover_text(tr(
        ui.ctx(),
        "A kernel that only multiplies and adds in f32, without tensor cores; 2 FLOPs each.",
    ));
    if let Some(Err(reason)) = measured {
        let reason = say(ui.ctx(), reason);
        let label = warning(ui, &reason);
        draw::describe(&label, "why there are no roofs", &reason);
    }
    let button = egui::Button::new(tr(ui.ctx(), "Measure the roofs").to_owned());
    if ui.add_enabled(gpu.is_ready(), button).clicked() {
        messages.push(Message::Gpu(GpuMessage::MeasureRoofs));
    }
}
