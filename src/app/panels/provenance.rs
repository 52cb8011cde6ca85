//! Where did this number come from? The steps that made a value, each a click away, and the way back.

use std::collections::BTreeMap;
use std::ops::Range;

use eframe::egui::{self, Align2, Rect, ScrollArea, Sense, Ui, vec2};

use crate::app::ink::draw;
use crate::app::ink::float::on_demand;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::view::{PROVENANCE, ValueAsked};
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::run::said::{operation, place};
use crate::app::run::worked::{NumberAt, Worked};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, list, say, tr};
use crate::machine::provenance;
use crate::number::grouped;
use crate::playback::Command;
use crate::playback::lesson::Hides;

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

/// The height of a step, and within that of its numbers.
const LINE: f32 = 42.0;
const OPERANDS: f32 = 16.0;

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
    /// How the steps that were looked at worked it out.
    worked: BTreeMap<u64, Worked>,
}

impl Trail {
    fn of(asked: ValueAsked, look: &Look<'_>) -> Self {
        let at = look.snapshot.cursor;
        let schedule = look.scene.schedule();
        let name = look.snapshot.id(asked.part);
        let steps = name.map_or_else(Vec::new, |name| provenance(schedule, at, name, MOST));
        Self { asked, at, generation: look.generation, steps, worked: BTreeMap::new() }
    }

    /// The steps are those of the run on screen.
    fn is_of(&self, look: &Look<'_>) -> bool {
        self.generation == look.generation
    }

    fn show(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
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
            ScrollArea::vertical().max_height(260.0).show_rows(ui, LINE, self.steps.len(), |ui, range| {
                self.work_out(ui, look, range.clone());
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

    /// The numbers of one more of the steps in sight: each costs two seeks. What a question hides follows from them.
    fn work_out(&mut self, ui: &Ui, look: &Look<'_>, seen: Range<usize>) {
        if look.question.hides != Hides::default() {
            self.worked.clear();
            return;
        }
        let missing = |n: &&u64| !self.worked.contains_key(n);
        if let Some(&n) = self.steps[seen].iter().find(missing) {
            let asked = NumberAt { query: self.asked.query, key: self.asked.key };
            self.worked.insert(n, Worked::of(look.scene, n, asked));
            ui.ctx().request_repaint();
        }
    }

    fn line(&self, ui: &mut Ui, look: &Look<'_>, n: u64, messages: &mut Vec<Message>) {
        let Some(step) = look.scene.schedule().step(n) else { return };
        let schedule = look.scene.schedule();
        let tensor = schedule.facts(&step).tensor.map_or(String::new(), |tensor| format!(" {}", tensor.name()));
        let (place, op) = (say(ui.ctx(), &place(look.scene, &step)), operation(ui.ctx(), schedule, &step));
        let text = fill(ui.ctx(), "step {0}: {1}: {2}{3}", &[&grouped(n + 1), &place, &op, &tensor]);
        ui.allocate_ui(vec2(ui.available_width(), LINE), |ui| {
            if ui.selectable_label(look.snapshot.cursor == n + 1, &text).clicked() {
                messages.push(Message::Player(Command::SeekTo(n + 1)));
            }
            let (place, response) = ui.allocate_exact_size(vec2(ui.available_width(), OPERANDS), Sense::hover());
            let Some(worked) = self.worked.get(&n).filter(|worked| !worked.made.is_empty()) else { return };
            let [read, made] = [&worked.read, &worked.made].map(|all| list(ui.ctx(), all));
            let numbers = if read.is_empty() { made } else { fill(ui.ctx(), "{0} from {1}", &[&made, &read]) };
            let ink = Palette::of(ui).faint_ink;
            let place = Rect::from_min_max(place.min + vec2(16.0, 0.0), place.max);
            draw::fit_text(ui.painter(), place, Align2::LEFT_CENTER, &numbers, theme::text(theme::LABEL), ink);
            draw::describe(&response, &fill(ui.ctx(), "numbers of step {0}", &[&grouped(n + 1)]), &numbers);
            response.on_hover_text(numbers);
        });
    }
}
