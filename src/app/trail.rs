//! Where did this number come from? The steps that made a value, each a click away, and the way back.

use eframe::egui::{self, Context, ScrollArea};

use crate::machine::provenance;
use crate::playback::Command;
use crate::schedule::Part;

use super::action::Action;
use super::draw;
use super::look::Look;
use super::stage::{Wish, on_demand};
use super::words::{self, fill, say};
use crate::number::grouped;
use crate::sentence::Sentence;

/// Steps that are listed; more would be the whole run again.
const MOST: usize = 200;

/// A question about a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// What was clicked, such as `m of row 13`.
    pub what: Sentence,
    /// What it is.
    pub part: Part,
}

impl Asked {
    pub fn wish(what: Sentence, part: Part) -> Action {
        Action::Stage(Wish::Ask(Asked { what, part }))
    }
}

/// An answered question.
pub struct Trail {
    asked: Asked,
    /// The cursor where it was asked; back leads here.
    at: u64,
    generation: u64,
    steps: Vec<u64>,
}

impl Trail {
    pub fn of(asked: Asked, look: &Look<'_>) -> Self {
        let at = look.snapshot.cursor;
        let schedule = look.scene.schedule();
        let name = look.snapshot.id(asked.part);
        let steps = name.map_or_else(Vec::new, |name| provenance(schedule, at, name, MOST));
        Self { asked, at, generation: look.generation, steps }
    }

    /// The steps are those of the run on screen.
    pub fn is_of(&self, look: &Look<'_>) -> bool {
        self.generation == look.generation
    }

    pub fn show(&self, ctx: &Context, look: &Look<'_>, actions: &mut Vec<Action>) {
        let is_open = on_demand(ctx, "Where did this number come from?", 360.0, |ui| {
            let asked = say(ctx, &self.asked.what);
            let what = fill(ctx, "{0}, as it is after step {1}", &[&asked, &grouped(self.at)]);
            let response = ui.label(&what);
            let count = fill(ctx, "{0} {0|step|steps} made it", &[&self.steps.len()]);
            draw::describe(&response, "origin of", &fill(ctx, "{0}: {1}", &[&what, &count]));
            let is_cut = self.steps.len() >= MOST;
            let order = if is_cut {
                "{0}; the latest are listed, latest first. Click one to go there."
            } else {
                "{0}, latest first. Click one to go there."
            };
            draw::caption(ui, &fill(ctx, order, &[&count]));
            ScrollArea::vertical().max_height(260.0).show_rows(ui, 22.0, self.steps.len(), |ui, range| {
                for &n in &self.steps[range] {
                    self.line(ui, look, n, actions);
                }
            });
            ui.add_space(4.0);
            let back = egui::Button::new(fill(ctx, "Back to step {0}", &[&grouped(self.at)]));
            if ui.add_enabled(look.snapshot.cursor != self.at, back).clicked() {
                actions.push(Action::Player(Command::SeekTo(self.at)));
            }
        });
        if !is_open {
            actions.push(Action::Stage(Wish::CloseTrail));
        }
    }

    fn line(&self, ui: &mut egui::Ui, look: &Look<'_>, n: u64, actions: &mut Vec<Action>) {
        let Some(step) = look.scene.schedule().step(n) else { return };
        let schedule = look.scene.schedule();
        let tensor = schedule.facts(&step).tensor.map_or(String::new(), |tensor| format!(" {}", tensor.name()));
        let (place, op) =
            (say(ui.ctx(), &words::place(look.scene, &step)), words::operation(ui.ctx(), schedule, &step));
        let text = fill(ui.ctx(), "step {0}: {1}: {2}{3}", &[&grouped(n + 1), &place, &op, &tensor]);
        if ui.selectable_label(look.snapshot.cursor == n + 1, text).clicked() {
            actions.push(Action::Player(Command::SeekTo(n + 1)));
        }
    }
}
