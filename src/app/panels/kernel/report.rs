//! What came of the last source: what the compiler said, line by line, or how far the result is from exact attention.

use eframe::egui::{Button, Ui};

use crate::app::ink::axes::{note, warning};
use crate::app::ink::draw;
use crate::app::message::Message;
use crate::app::message::kernel::KernelMessage;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::gpu::outcome::{NO_GRADIENTS, Outcome};
use crate::app::run::gpu::sources::Compiled;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::gpu::SourceError;
use crate::gpu::source::Remark;
use crate::number::{self, short};

/// `is_current`: the text is still the one that was compiled.
pub fn show(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, (file, is_current): (&str, bool), messages: &mut Vec<Message>) {
    let Some(Compiled { offer, result }) = gpu.sources().last(file) else {
        let text = "Compile and run hands this text to the device, and tells how far its result is from exact f64. \
            Nothing is written to kernels/.";
        note(ui, tr(ui.ctx(), text));
        return;
    };
    if !is_current {
        note(ui, tr(ui.ctx(), "The text has changed since: this is of the text before."));
    }
    match result {
        Err(SourceError::Unavailable(reason)) => {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why it was not compiled", &reason);
        }
        Err(SourceError::Compiler(said)) => remarks(ui, said, messages),
        Ok(()) => ran(ui, look, gpu, (file, offer.text.is_some())),
    }
}

/// The lines that a compiler spoke of, of the file itself.
pub fn faulty(compiled: &Compiled) -> Vec<usize> {
    match &compiled.result {
        Err(SourceError::Compiler(said)) => {
            said.iter().filter(|message| message.file.is_none()).filter_map(|message| message.line).collect()
        }
        _ => Vec::new(),
    }
}

fn remarks(ui: &mut Ui, said: &[Remark], messages: &mut Vec<Message>) {
    let text = tr(ui.ctx(), "The compiler refused it; the device keeps the kernel that it had.").to_owned();
    let label = warning(ui, &text);
    draw::describe(&label, "what became of the source", &text);
    for message in said {
        match (&message.file, message.line) {
            (None, Some(line)) => {
                let text = fill(ui.ctx(), "line {0}: {1}", &[&line, &message.text]);
                let button = Button::new(draw::label(&text).monospace()).wrap().frame(false);
                let response = ui.add(button).on_hover_text(tr(ui.ctx(), "Go to this line"));
                if response.clicked() {
                    messages.push(Message::Kernel(KernelMessage::Line(line)));
                }
            }
            (Some(file), line) => {
                let place = line.map_or_else(|| file.clone(), |line| format!("{file}({line})"));
                ui.label(draw::label(&format!("{place}: {}", message.text)).monospace());
            }
            (None, None) => drop(ui.label(draw::label(&message.text).monospace())),
        }
    }
}

/// It compiled: what the run gave.
fn ran(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, (file, is_changed): (&str, bool)) {
    match gpu.result(look.generation) {
        None => drop(note(ui, tr(ui.ctx(), "It compiled. It has not run for the run on screen."))),
        Some(Err(reason)) => {
            let reason = fill(ui.ctx(), "It compiled, but: {0}", &[&say(ui.ctx(), reason)]);
            let label = warning(ui, &reason);
            draw::describe(&label, "what became of the source", &reason);
        }
        Some(Ok(outcome)) if outcome.changed == Some(file).filter(|_| is_changed) => verdict(ui, look, outcome),
        Some(Ok(_)) => drop(note(ui, tr(ui.ctx(), "It compiled. The last result is not of this kernel."))),
    }
}

fn verdict(ui: &mut Ui, look: &Look<'_>, outcome: &Outcome) {
    let whose = match outcome.changed {
        Some(file) => fill(ui.ctx(), "Changed source of {0}", &[&file]),
        None => tr(ui.ctx(), "The source as it is in kernels/").to_owned(),
    };
    let time = number::time(outcome.kernel_time.unwrap_or(outcome.wall).as_secs_f64());
    note(ui, &fill(ui.ctx(), "{0}: it compiled and ran in {1}.", &[&whose, &time]));
    let (bound, exact) = match look.check {
        Some(Check::Done { bound, exact, .. }) => (bound.o, exact),
        Some(Check::NotComputed(why)) => {
            note(ui, &say(ui.ctx(), why));
            return;
        }
        Some(Check::Gradients { .. }) => {
            note(ui, tr(ui.ctx(), NO_GRADIENTS));
            return;
        }
        None => {
            note(ui, tr(ui.ctx(), "comparing ..."));
            return;
        }
    };
    let error = outcome.error(&exact.o);
    // A NaN is within no bound.
    let is_within = error <= bound;
    let verdict = if is_within { "{0}, allowed {1}: within the bound" } else { "{0}, allowed {1}: outside the bound" };
    let value = fill(ui.ctx(), verdict, &[&short(error), &short(bound)]);
    let text = fill(ui.ctx(), "Largest error of O against exact f64: {0}", &[&value]);
    let label = if is_within { note(ui, &text) } else { warning(ui, &format!("! {text}")) };
    draw::describe(&label, "error of this source", &value);
}
