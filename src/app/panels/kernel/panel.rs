//! The editor: what runs, the text, and what came of it. It draws and asks; the device's worker compiles.

use eframe::egui::{Button, DragValue, ScrollArea, Ui};

use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::message::kernel::KernelMessage;
use crate::gpu::kernels::Kernel;
use crate::gpu::source::has_blocks;

use super::{KernelEditor, lit, report};
use crate::app::ink::axes::{note, warning};
use crate::app::ink::draw;
use crate::app::ink::listing::WrittenIn;
use crate::app::ink::theme::SPACE;
use crate::app::message::commands;
use crate::app::panels::parts::source::{self, FieldOf, Marks};
use crate::app::panels::parts::withheld;
use crate::app::run::gpu::device::{Gpu, Status, Task};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number;

fn of(kernel: &'static Kernel) -> FieldOf<'static> {
    FieldOf { name: "source of the kernel", file: kernel.file, written_in: WrittenIn::KernelLanguage }
}

impl KernelEditor {
    pub fn show(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, gpu: &Gpu, messages: &mut Vec<Message>) {
        let Some(look) = look else { return };
        if look.hides_lines() {
            ui.label(tr(ui.ctx(), withheld::LINES));
            return;
        }
        let Some(kernel) = self.kernel else {
            let name = look.scene.schedule().algorithm.short_name();
            note(ui, &fill(ui.ctx(), "No GPU kernel of {0} in this version.", &[&name]));
            return;
        };
        self.content(ui, look, gpu, kernel, messages);
    }

    fn content(
        &mut self,
        ui: &mut Ui,
        look: &Look<'_>,
        gpu: &Gpu,
        kernel: &'static Kernel,
        messages: &mut Vec<Message>,
    ) {
        self.state(ui, gpu, kernel);
        self.buttons(ui, gpu, kernel, messages);
        if has_blocks(kernel.file) {
            self.block_sizes(ui, kernel, messages);
        }
        ui.separator();
        let room = ui.available_height();
        let below = (0.24 * room).clamp(40.0, 160.0);
        let last = gpu.sources().last(kernel.file);
        let current = self.text(kernel);
        let is_current = last.is_none_or(|last| last.offer.text.as_deref().unwrap_or(kernel.source) == current);
        let faulty = last.filter(|_| is_current).map_or_else(Vec::new, report::faulty);
        let marks = Marks { lit: lit(current, look.scene.schedule(), look.snapshot), faulty, ..Marks::default() };
        let mut typed = current.to_owned();
        let jump = source::can_jump(ui).then(|| self.jump.take()).flatten();
        source::show(ui, of(kernel), &mut typed, &marks, (jump, (room - below - 3.0 * SPACE).max(60.0)));
        if typed != self.text(kernel) {
            self.keep(kernel, typed);
        }
        ui.separator();
        ScrollArea::vertical().id_salt("kernel report").auto_shrink([false, false]).show(ui, |ui| {
            ui.set_max_width(ui.available_width() - 3.0 * SPACE);
            report::show(ui, look, gpu, (kernel.file, is_current), messages);
        });
    }

    /// Which source the text is, which the device runs, and where the cursor stands.
    fn state(&self, ui: &mut Ui, gpu: &Gpu, kernel: &'static Kernel) {
        let text = self.text(kernel);
        let state = match gpu.sources().of_file(kernel.file) {
            None if text == kernel.source => "as it is in kernels/",
            None => "changed here; the device runs the source of kernels/",
            Some(running) if **running == *text => "changed source, which the device runs",
            Some(_) => "the device runs a changed source, and this text is another",
        };
        let state = tr(ui.ctx(), state).to_owned();
        ui.horizontal_wrapped(|ui| {
            let label = ui.label(draw::label(&format!("kernels/{}: {state}", kernel.file)));
            draw::describe(&label, "state of the source", &state);
            if let Some(line) = source::cursor_line(ui, of(kernel), text) {
                let label = note(ui, &fill(ui.ctx(), "cursor at line {0}", &[&line]));
                draw::describe(&label, "line of the cursor", &line.to_string());
            }
        });
    }

    fn buttons(&self, ui: &mut Ui, gpu: &Gpu, kernel: &'static Kernel, messages: &mut Vec<Message>) {
        let is_changed = self.texts.contains_key(kernel.file) || gpu.sources().of_file(kernel.file).is_some();
        let mut button = |ui: &mut Ui, name: &str, is_enabled: bool, action: Message| {
            let response = ui.add_enabled(is_enabled, Button::new(tr(ui.ctx(), name).to_owned()));
            if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
                messages.push(action);
            }
        };
        ui.horizontal_wrapped(|ui| {
            button(ui, "Compile and run", gpu.is_ready(), Message::Kernel(KernelMessage::CompileAndRun));
            button(ui, "Put back", is_changed && !gpu.is_busy(), Message::Kernel(KernelMessage::PutBack));
            if let Some(underway) = gpu.underway() {
                button(ui, "Stop", !underway.is_cancelled, Message::Gpu(GpuMessage::Cancel));
                let word = match underway.task {
                    _ if underway.is_cancelled => "stopping",
                    Task::Compile => "compiling and running ...",
                    _ => "the device is busy ...",
                };
                note(ui, &format!("{} {}", tr(ui.ctx(), word), number::clock(underway.age.as_secs_f64())));
                ui.request_repaint_after_secs(0.1);
            }
            if let Status::Missing(_) = gpu.status() {
                button(ui, "Look for the device again", true, Message::Gpu(GpuMessage::LookAgain));
            }
        });
        if let Status::Missing(reason) = gpu.status() {
            let text = fill(ui.ctx(), "Nothing can be compiled or run. No GPU: {0}", &[&say(ui.ctx(), reason)]);
            let label = warning(ui, &text);
            draw::describe(&label, "why nothing can be compiled", &text);
        }
    }

    /// Numbers in place of two constants of the text.
    fn block_sizes(&mut self, ui: &mut Ui, kernel: &'static Kernel, messages: &mut Vec<Message>) {
        let (mut br, mut bc) = self.blocks.unwrap_or((kernel.br, kernel.bc));
        ui.horizontal_wrapped(|ui| {
            ui.add(DragValue::new(&mut br).range(8..=256).speed(1).prefix("BR ")).accessible_name("BR");
            ui.add(DragValue::new(&mut bc).range(4..=256).speed(1).prefix("BC ")).accessible_name("BC");
            if ui.button(tr(ui.ctx(), "Set the block sizes")).clicked() {
                messages.push(Message::Kernel(KernelMessage::Blocks(br, bc)));
            }
        });
        self.blocks = Some((br, bc));
        if let Some(reason) = &self.refused {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why the block sizes stay", &reason);
        }
    }
}
