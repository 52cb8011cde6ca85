//! How far the GPU is from exact attention, place by place, and what is to be expected of the format.

use std::sync::Arc;

use eframe::egui::Ui;

use crate::app::message::Message;
use crate::app::message::gpu::GpuMessage;
use crate::app::run::gpu::outcome::NO_GRADIENTS;
use crate::attention::Precision;
use crate::sentence::Sentence;

use super::{bars, heatmap};
use crate::app::ink::axes::{note, of_changed_source, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::texture::Textures;
use crate::app::ink::theme::SPACE;
use crate::app::run::gpu::comparison::{Bars, ErrorMap};
use crate::app::run::gpu::outcome::Outcome;
use crate::app::run::scene::Check;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};

const FORMATS: [Precision; 3] = [Precision::F32, Precision::F16, Precision::BF16];

/// What workers have made so far.
pub struct Known<'a> {
    pub outcome: Option<Result<&'a Arc<Outcome>, &'a Sentence>>,
    pub map: Option<Result<&'a ErrorMap, &'a Sentence>>,
    pub bars: Option<Result<&'a Bars, &'a Sentence>>,
    pub format: Precision,
    /// Height of the panel.
    pub room: f32,
}

pub fn show(ui: &mut Ui, look: &Look<'_>, known: &Known<'_>, textures: &mut Textures, messages: &mut Vec<Message>) {
    match look.check {
        None => {
            note(ui, tr(ui.ctx(), "comparing ..."));
            return;
        }
        Some(Check::NotComputed(why)) => {
            note(ui, &say(ui.ctx(), why));
            return;
        }
        Some(Check::Gradients { .. }) => {
            note(ui, tr(ui.ctx(), NO_GRADIENTS));
            return;
        }
        Some(Check::Done { .. }) => {}
    }
    let head = "Error of the GPU against exact f64, place by place";
    made_by::before(ui, MadeBy::Computed, |ui| draw::caption(ui, head));
    match (known.outcome, known.map) {
        (None, _) => drop(note(ui, tr(ui.ctx(), "Nothing has run on this device for the run on screen."))),
        (Some(Err(reason)), _) | (_, Some(Err(reason))) => {
            let reason = say(ui.ctx(), reason);
            let label = warning(ui, &reason);
            draw::describe(&label, "why the run gave nothing", &reason);
        }
        (Some(Ok(_)), None) => drop(note(ui, tr(ui.ctx(), "comparing ..."))),
        (Some(Ok(outcome)), Some(Ok(map))) => {
            of_changed_source(ui, outcome.changed);
            heatmap::show(ui, look, (outcome, map, known.room), textures, messages);
        }
    }
    ui.add_space(2.0 * SPACE);
    three_bars(ui, look, known, messages);
}

fn three_bars(ui: &mut Ui, look: &Look<'_>, known: &Known<'_>, messages: &mut Vec<Message>) {
    ui.horizontal_wrapped(|ui| {
        made_by::mark(ui, MadeBy::Computed);
        draw::caption(ui, "What a format costs: three ways to the same head");
        for format in FORMATS {
            let name = fill(ui.ctx(), "bars in {0}", &[&format.name()]);
            let choice = ui.selectable_label(format == known.format, format.name()).accessible_name(name);
            if choice.clicked() {
                messages.push(Message::Gpu(GpuMessage::Format(format)));
            }
        }
    });
    // The GPU's bar belongs to the format that it ran in.
    let is_of_run = known.format == look.scene.settings.run.precision();
    let gpu = known.map.and_then(Result::ok).filter(|_| is_of_run);
    let gpu = gpu.map(|map| if map.nans > 0 { f64::NAN } else { map.largest.map_or(f64::NAN, |(error, _)| error) });
    match known.bars {
        None => drop(note(ui, tr(ui.ctx(), "computing ..."))),
        Some(Err(reason)) => drop(warning(ui, &say(ui.ctx(), reason))),
        Some(Ok(known)) => bars::show(ui, known, gpu),
    }
}
