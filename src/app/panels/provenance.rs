//! Where did this number come from? The steps that made a value, each a click away, and the way back.

use eframe::egui::{self, ScrollArea, Ui};

use crate::app::ink::draw;
use crate::app::ink::float::on_demand;
use crate::app::message::Message;
use crate::app::message::view::{PROVENANCE, ValueAsked};
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::run::said::{operation, place};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::machine::provenance;
use crate::number::grouped;
use crate::playback::Command;

pub static PANEL: Panel = Panel {
    id: PROVENANCE,
    title: "Where did this number come from?",
    home: Home::OnDemand,
    group: "Look",
    command: "",
    keys: &[],
    opens: Message::Show(PROVENANCE),
    also: "",
    help: "The steps that made a value, each a click away.",
    show: |ui, drawn| {
        let Some(look) = drawn.look else { return };
        let trail = &mut drawn.owned.of::<Answered>().0;
        if let Some(asked) = drawn.view.asked.take() {
            *trail = Some(Trail::of(asked, look));
        }
        if !drawn.view.is_seen(PANEL.id) {
            return;
        }
        *trail = trail.take().filter(|trail| trail.is_of(look));
        match trail {
            Some(trail) => trail.show(ui, look, drawn.messages),
            None => drawn.messages.push(Message::Hide(PANEL.id)),
        }
    },
};

/// Steps that are listed; more would be the whole run again.
const MOST: usize = 200;

/// The question that was answered last.
#[derive(Default)]
struct Answered(Option<Trail>);

/// An answered question.
struct Trail {
    asked: ValueAsked,
    /// The cursor where it was asked; back leads here.
    at: u64,
    generation: u64,
    steps: Vec<u64>,
}

impl Trail {
    fn of(asked: ValueAsked, look: &Look<'_>) -> Self {
        let at = look.snapshot.cursor;
        let schedule = look.scene.schedule();
        let name = look.snapshot.id(asked.part);
        let steps = name.map_or_else(Vec::new, |name| provenance(schedule, at, name, MOST));
        Self { asked, at, generation: look.generation, steps }
    }

    /// The steps are those of the run on screen.
    fn is_of(&self, look: &Look<'_>) -> bool {
        self.generation == look.generation
    }

    fn show(&self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        let ctx = &ui.ctx().clone();
        let is_open = on_demand(ui, PANEL.title, |ui| {
            // The steps that made a value are named in their order.
            if look.question.hides.steps {
                ui.label(tr(ctx, withheld::LINES));
                return;
            }
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
                    self.line(ui, look, n, messages);
                }
            });
            ui.add_space(4.0);
            let back = egui::Button::new(fill(ctx, "Back to step {0}", &[&grouped(self.at)]));
            if ui.add_enabled(look.snapshot.cursor != self.at, back).clicked() {
                messages.push(Message::Player(Command::SeekTo(self.at)));
            }
        });
        if !is_open {
            messages.push(Message::Hide(PANEL.id));
        }
    }

    fn line(&self, ui: &mut Ui, look: &Look<'_>, n: u64, messages: &mut Vec<Message>) {
        let Some(step) = look.scene.schedule().step(n) else { return };
        let schedule = look.scene.schedule();
        let tensor = schedule.facts(&step).tensor.map_or(String::new(), |tensor| format!(" {}", tensor.name()));
        let (place, op) = (say(ui.ctx(), &place(look.scene, &step)), operation(ui.ctx(), schedule, &step));
        let text = fill(ui.ctx(), "step {0}: {1}: {2}{3}", &[&grouped(n + 1), &place, &op, &tensor]);
        if ui.selectable_label(look.snapshot.cursor == n + 1, text).clicked() {
            messages.push(Message::Player(Command::SeekTo(n + 1)));
        }
    }
}
