//! What if: a shape, block sizes and a chip, none of which need be here, and what they would come to. Every number is
//! modelled by the clock ([`crate::clock`]) or counted, and says so; what was measured on a device lies over it.

mod asked;
mod controls;
mod roofline;
mod sms;

use eframe::egui::{Context, Key, Modifiers, Ui};

use crate::app::ink::axes::{note, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::SPACE;
use crate::app::message::Message;
use crate::app::panels::panel::{Drawn, Home, Panel};
use crate::app::panels::parts::withheld;
use crate::app::panels::what_if::asked::GridAsked;
use crate::app::run::gpu::device::Gpu;
use crate::app::run::latest::Latest;
use crate::app::tongue::words::{fill, say, tr};
use crate::clock::{Modelled, NOT_MODELLED};
use crate::number::{self, modelled, modelled_time, percent};
use crate::sentence::Sentence;

pub static PANEL: Panel = Panel {
    id: "what if",
    title: "What-if",
    home: Home::Right,
    group: "Look",
    command: "What-if",
    keys: &[(Modifiers::ALT, Key::Num4)],
    opens: Message::Show("what if"),
    also: "clock, waves, occupancy, roofline, model, SM, chip",
    help: "Waves over SMs, roofs and a time at best, for any shape and chip; no GPU needed.",
    show: |ui, drawn| show(ui, drawn),
};

/// The choices, what came of them, and what it is held against.
#[derive(Default)]
pub struct WhatIf {
    choices: Option<GridAsked>,
    work: Latest<GridAsked, Modelled>,
    /// The last answer, while the next is made.
    shown: Option<(GridAsked, Modelled)>,
    pinned: Option<(GridAsked, Modelled)>,
}

impl WhatIf {
    pub fn is_busy(&self) -> bool {
        self.work.is_busy()
    }

    /// Takes in an answer, shown or not.
    pub fn update(&mut self) {
        self.work.update();
    }

    /// Asks for what is chosen now; gives why it has no answer.
    fn ask(&mut self, ctx: &Context, choices: &GridAsked) -> Option<Sentence> {
        let asked = choices.clone();
        let answer = self.work.by_worker(ctx, choices.clone(), move |_| {
            let answer = asked.question().and_then(|question| question.answer());
            answer.ok_or_else(|| "so many thread blocks are too many to list; take larger blocks".into())
        });
        match answer? {
            Ok(answer) => {
                if self.shown.as_ref().is_none_or(|(shown, _)| shown != choices) {
                    self.shown = Some((choices.clone(), answer.clone()));
                }
                None
            }
            Err(fault) => Some(fault.clone()),
        }
    }
}

fn show(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if drawn.look.is_some_and(|look| look.question.hides.bytes) {
        ui.label(tr(ui.ctx(), withheld::BYTES));
        return;
    }
    let (look, gpu) = (drawn.look, drawn.gpu);
    let state = drawn.owned.of::<WhatIf>();
    let mut choices = state.choices.clone().unwrap_or_else(GridAsked::usual);
    ui.add_space(SPACE);
    let head = draw::caption(ui, "From text and data sheet, without a GPU");
    made_by::beside(ui, &head, MadeBy::Modelled);
    controls::show(ui, &mut choices);
    ui.horizontal_wrapped(|ui| {
        if let Some(look) = look.filter(|_| ui.button(tr(ui.ctx(), "As on screen")).clicked()) {
            choices = GridAsked::of_run(look);
        }
        if ui.button(tr(ui.ctx(), "Pin as baseline")).clicked() {
            state.pinned = state.shown.clone();
        }
        if state.pinned.is_some() && ui.button(tr(ui.ctx(), "Unpin")).clicked() {
            state.pinned = None;
        }
    });
    let fault = state.ask(ui.ctx(), &choices);
    state.choices = Some(choices.clone());
    ui.separator();
    if let Some(fault) = fault {
        let text = say(ui.ctx(), &fault);
        draw::describe(&warning(ui, &text), "why nothing is modelled", &text);
        return;
    }
    let Some((_, answer)) = &state.shown else { return };
    let pinned = state.pinned.as_ref().map(|(_, answer)| answer);
    numbers(ui, answer, pinned);
    pictures(ui, &choices, answer, pinned, gpu);
}

fn pictures(ui: &mut Ui, choices: &GridAsked, answer: &Modelled, pinned: Option<&Modelled>, gpu: &Gpu) {
    ui.add_space(SPACE);
    roofline::show(ui, answer, pinned, gpu);
    if let Some(grid) = answer.main() {
        sms::show(ui, grid, &choices.chip);
    }
    let text = tr(ui.ctx(), NOT_MODELLED).to_owned();
    draw::describe(&note(ui, &text), "what is not modelled", &text);
}

/// A line of the table: its name, what makes its value, and that in an answer.
type TableRow = (&'static str, MadeBy, fn(&Context, &Modelled) -> Option<String>);

const ROWS: [TableRow; 12] = [
    ("thread blocks", MadeBy::Counted, |_, of| of.main().map(|grid| number::grouped(grid.blocks))),
    ("kept on chip by a block", MadeBy::Counted, |_, of| of.main().map(|grid| number::bytes(grid.on_chip.total()))),
    ("blocks on an SM", MadeBy::Modelled, |ctx, of| {
        let per_sm = of.main()?.per_sm;
        Some(fill(ctx, "{0}, by {1}", &[&per_sm.count, &tr(ctx, per_sm.limit.name())]))
    }),
    ("waves", MadeBy::Modelled, |_, of| of.main().and_then(|grid| grid.waves).map(modelled)),
    ("slots at work", MadeBy::Modelled, |_, of| of.main().and_then(|grid| grid.busy).map(percent)),
    ("FLOP per byte", MadeBy::Counted, |_, of| Some(modelled(of.intensity()))),
    ("ridge of the chip", MadeBy::Modelled, |_, of| Some(modelled(of.roofs.ridge()))),
    ("found in L2", MadeBy::Modelled, |_, of| of.cache.hit_rate().map(percent)),
    ("time at least", MadeBy::Modelled, |ctx, of| {
        let by = tr(ctx, of.bound.by.name());
        Some(fill(ctx, "{0}, by {1}", &[&modelled_time(of.bound.seconds), &by]))
    }),
    ("if all overlaps", MadeBy::Modelled, |_, of| of.times.map(|times| modelled_time(times.overlapped))),
    ("as the text's lanes allow", MadeBy::Modelled, |_, of| of.times.map(|times| modelled_time(times.in_lanes))),
    ("if nothing does", MadeBy::Modelled, |_, of| of.times.map(|times| modelled_time(times.one_by_one))),
];

fn numbers(ui: &mut Ui, answer: &Modelled, pinned: Option<&Modelled>) {
    let ctx = ui.ctx().clone();
    for (name, by, of) in ROWS {
        let Some(value) = of(&ctx, answer) else { continue };
        let name = tr(&ctx, name);
        made_by::line(ui, by, |ui| draw::value_row(ui, name, &value, name));
        if let Some(before) = pinned.and_then(|pinned| of(&ctx, pinned)).filter(|before| *before != value) {
            let accessible = fill(&ctx, "{0}, pinned", &[&name]);
            made_by::line(ui, by, |ui| draw::value_row(ui, "  pinned", &before, &accessible));
        }
    }
    if answer.times.is_none() {
        let text = tr(&ctx, "A block does not fit on an SM of this chip.").to_owned();
        draw::describe(&warning(ui, &text), "what does not fit", &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_begins_with_has_an_answer() {
        let question = GridAsked::usual().question().expect("flash2 is known");
        let answer = question.answer().expect("it is small");
        assert_eq!(answer.main().map(|grid| grid.blocks), Some(8 * 16 * 8));
        // What a model says has two digits.
        let ctx = Context::default();
        let value = |name| ROWS.iter().find(|(own, ..)| *own == name).and_then(|(.., of)| of(&ctx, &answer));
        assert_eq!(value("waves").as_deref(), Some("4.7"));
        assert_eq!(value("FLOP per byte").as_deref(), Some("110"));
        let digits = |text: String| text.chars().filter(|c| c.is_ascii_digit() && *c != '0').count();
        let modelled: Vec<&str> = ROWS.iter().filter(|row| row.1 == MadeBy::Modelled).map(|row| row.0).collect();
        assert!(modelled.len() > 8, "{modelled:?}");
        for name in modelled {
            assert!(value(name).map(digits).is_some_and(|digits| digits <= 2), "{name}");
        }
    }
}
