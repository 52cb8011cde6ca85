//! Is it right? The stepper and the GPU, each against exact attention in f64.

use eframe::egui::{self, Ui};

use crate::app::ink::draw::{self, value_row};
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::{Palette, SPACE};
use crate::app::message::Message;
use crate::app::panels::far;
use crate::app::panels::parts::withheld;
use crate::app::run::gpu::device::{Gpu, Status};
use crate::app::run::gpu::outcome::Outcome;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::attention::Compared;
use crate::machine::FirstWrong;
use crate::number::{self, grouped, short};
use crate::playback::Command;
use crate::playback::lesson::Distance;
use crate::schedule::Tensor;

pub fn show(ui: &mut Ui, look: Option<&Look<'_>>, gpu: &Gpu, messages: &mut Vec<Message>) {
    let title = draw::title(ui, "Is it right?");
    made_by::beside(ui, &title, MadeBy::Computed);
    let is_backward = matches!(look.and_then(|look| look.check), Some(Check::Gradients { .. }));
    let of = if is_backward {
        "largest errors of gradients against exact f64"
    } else {
        "largest error of O against exact f64"
    };
    draw::caption(ui, of);
    let Some(look) = look else { return };
    if look.question.hides.errors {
        return small(ui, tr(ui.ctx(), withheld::ERRORS));
    }
    stepper(ui, look, messages);
    ui.add_space(SPACE);
    device(ui, look, gpu, messages);
    own(ui, look, messages);
}

/// The results of the run on screen beside exact ones, and the first wrong number of them.
pub fn stepper(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    match look.check.filter(|_| !look.question.hides.errors) {
        None if look.question.hides.errors => small(ui, tr(&ctx, withheld::ERRORS)),
        None => small(ui, tr(&ctx, "comparing ...")),
        Some(Check::NotComputed(why)) => small(ui, &say(&ctx, why)),
        Some(Check::Done { errors, bound, plain, rounding, wrong, .. }) => {
            verdict(ui, "stepper", "error of the stepper", errors.o, bound.o);
            // What is wrong comes before what it is compared with.
            wrong.iter().for_each(|wrong| first_wrong(ui, look, wrong, messages));
            value_row(ui, "plain, same format", &short(*plain), "error of plain attention");
            value_row(ui, "exact, rounded once", &short(*rounding), "error of the exact result, rounded");
            between_visits(ui, look);
            saturated(ui, look);
        }
        Some(Check::Gradients { compared, wrong }) => {
            for Compared { name, error, bound, .. } in compared {
                verdict(ui, name, &fill(&ctx, "error of {0}", &[name]), *error, *bound);
            }
            wrong.iter().for_each(|wrong| first_wrong(ui, look, wrong, messages));
        }
    }
}

/// What the file holds that was computed elsewhere, and the way to its first wrong number.
fn own(ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
    let Some(Some(verdict)) = look.scene.own.get() else { return };
    let (ctx, palette) = (ui.ctx().clone(), Palette::of(ui));
    draw::caption(ui, "what the file says it computed");
    for (told, is_right) in &verdict.told {
        let text = draw::label(&say(&ctx, told)).color(palette.ink);
        ui.label(if *is_right { text } else { text.background_color(palette.trouble_soft) });
    }
    let Some(wrong) = &verdict.wrong else { return };
    small(ui, &fill(&ctx, "First wrong number: {0}.", &[&say(&ctx, &wrong.what)]));
    let scene = look.scene;
    if scene.own_wrong().is_some() {
        if ui.button(tr(&ctx, "Show it on the map")).clicked() {
            messages.push(Message::Distance(Distance::Far));
            messages.extend(far::own::way(scene, wrong));
        }
        return;
    }
    let text = match scene.has_row(wrong) {
        true => "Show head {0} of batch entry {1}",
        false => "Run all tokens of head {0} of batch entry {1}",
    };
    if ui.button(fill(&ctx, text, &[&wrong.head, &wrong.batch])).clicked() {
        let mut settings = scene.settings.clone();
        settings.run.prefix.take_if(|_| !scene.has_row(wrong));
        (settings.run.batch, settings.run.head) = (Some(wrong.batch), Some(wrong.head));
        messages.push(Message::Change(Box::new(settings)));
    }
}

/// Of an O that comes back to be changed: whether it is rounded each time it goes.
fn between_visits(ui: &mut Ui, look: &Look<'_>) {
    let precision = look.scene.plan().precision;
    if look.scene.closed_form.read.get(Tensor::O) == 0 || !precision.format.is_narrow() {
        return;
    }
    let format = precision.of_output();
    let text = match format.is_narrow() {
        true => "O is rounded to {0} at every visit, as the paper stores it.",
        false => "O stays in {0} between visits, as kernels keep it.",
    };
    small(ui, &fill(&ui.ctx().clone(), text, &[&format.name()]));
}

/// How many numbers e4m3 could only hold as its largest.
fn saturated(ui: &mut Ui, look: &Look<'_>) {
    let ctx = ui.ctx().clone();
    for (name, count) in look.scene.run.results().saturated() {
        let text = "! {0} of {1} beyond e4m3: kept as 448";
        let name = if name.is_empty() { tr(&ctx, "a value without a name") } else { name };
        small(ui, &fill(&ctx, text, &[&grouped(*count), &name]));
    }
}

fn verdict(ui: &mut Ui, who: &str, accessible: &str, error: f64, bound: f64) {
    let ctx = ui.ctx().clone();
    let is_right = error <= bound;
    let mark = if is_right { "" } else { "! " };
    let row = value_row(ui, who, &format!("{mark}{}", short(error)), accessible);
    let allowed = "allowed: {0} (by the error of plain attention in the same format, and a floor)";
    row.on_hover_text(fill(&ctx, allowed, &[&short(bound)]));
    if !is_right {
        let palette = Palette::of(ui);
        let text = draw::label(tr(&ctx, "! outside the bound")).color(palette.ink);
        ui.label(text.background_color(palette.trouble_soft));
    }
}

/// The way to the first number that is wrong, which is to be in sight; that number, and what made it so.
fn first_wrong(ui: &mut Ui, look: &Look<'_>, wrong: &FirstWrong, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    let algorithm = &look.scene.schedule().algorithm;
    if let Some(at) = wrong.at() {
        let button = ui.button(fill(&ctx, "Go to step {0}", &[&grouped(at.cursor)]));
        draw::describe(&button, "step of the first wrong number", &at.cursor.to_string());
        if button.clicked() {
            messages.push(Message::Player(Command::SeekTo(at.cursor)));
        }
    }
    small(ui, &fill(&ctx, "First wrong number: {0}.", &[&say(&ctx, &wrong.number.sentence())]));
    small(ui, &fill(&ctx, "Its cause: {0}.", &[&say(&ctx, &wrong.cause(algorithm))]));
}

fn device(ui: &mut Ui, look: &Look<'_>, gpu: &Gpu, messages: &mut Vec<Message>) {
    let ctx = ui.ctx().clone();
    let (text, can_run) = match gpu.status() {
        Status::Looking => (tr(&ctx, "looking for a GPU ...").to_owned(), false),
        Status::Missing(reason) => (fill(&ctx, "No GPU: {0}", &[&say(&ctx, reason)]), false),
        Status::Ready(info) => (fill(&ctx, "GPU: {0} ({1})", &[&info.name, &tr(&ctx, info.kind.name())]), true),
        Status::Running(info) => (fill(&ctx, "running on {0} ...", &[&info.name]), false),
    };
    small(ui, &text);
    let button = ui.add_enabled(can_run, egui::Button::new(tr(&ctx, "Run on the GPU").to_owned()));
    if button.on_disabled_hover_text(&text).clicked() {
        messages.push(Message::RunGpu);
    }
    match gpu.result(look.generation) {
        None => {}
        Some(Err(reason)) => small(ui, &say(&ctx, reason)),
        Some(Ok(outcome)) => result(ui, look, outcome),
    }
}

fn result(ui: &mut Ui, look: &Look<'_>, outcome: &Outcome) {
    if let Some(Check::Done { bound, exact, .. }) = look.check {
        verdict(ui, "GPU", "error of the GPU", outcome.error(&exact.o), bound.o);
    }
    if let Some(file) = outcome.changed {
        small(ui, &fill(&ui.ctx().clone(), "! changed source of {0}", &[&file]));
    }
    let time = outcome.kernel_time.unwrap_or(outcome.wall).as_secs_f64();
    let what = if outcome.kernel_time.is_some() { "kernel time, all heads" } else { "wall time, all heads" };
    value_row(ui, what, &number::time(time), "time of the GPU");
}

fn small(ui: &mut Ui, text: &str) {
    ui.label(draw::label(text));
}
