//! What if: a shape, block sizes and a chip, none of which need be here, and what they would come to. Every number is
//! modelled by the clock ([`crate::clock`]) or counted, and says so; what was measured on a device lies over it.

mod controls;
mod roofline;
mod sms;

use eframe::egui::{Context, Key, Modifiers, Ui};

use crate::app::ink::axes::{note, warning};
use crate::app::ink::draw;
use crate::app::ink::made_by::{self, MadeBy};
use crate::app::ink::theme::SPACE;
use crate::app::message::Message;
use crate::app::panels::bytes::HIDDEN;
use crate::app::panels::panel::{Drawn, Home, Panel};
use crate::app::run::gpu::background::Background;
use crate::app::run::gpu::device::Gpu;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::attention::{Mask, Precision, Shape};
use crate::clock::{Answer, NOT_MODELLED, Order, Question};
use crate::number::{self, modelled, modelled_time, percent};
use crate::schedule::spec::RunSpec;
use crate::schedule::{Hardware, Tiling, algorithm, hardware};
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

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
struct Choices {
    /// A name of the program's.
    algorithm: &'static str,
    n_q: usize,
    n_k: usize,
    d: usize,
    heads: usize,
    batch: usize,
    tiling: Tiling,
    splits: usize,
    causal: bool,
    precision: Precision,
    order: Order,
    chip: Hardware,
}

/// The choices, what came of them, and what it is held against.
#[derive(Default)]
pub struct WhatIf {
    choices: Option<Choices>,
    work: Background<Choices, Answer>,
    /// The last answer, while the next is made.
    shown: Option<(Choices, Answer)>,
    pinned: Option<(Choices, Answer)>,
}

impl Choices {
    /// The run on screen, on its chip; of a chip for lessons, on the default one.
    fn of_run(look: &Look<'_>) -> Self {
        let (settings, plan) = (&look.scene.settings, look.scene.plan());
        let shape = look.scene.input.problem.shape;
        let own = settings.algorithm.name();
        let known = algorithm::of_program().find(|known| known.name() == own);
        let chip = settings.run.hardware();
        Self {
            algorithm: known.map_or("flash2", |known| known.name()),
            n_q: plan.n_q,
            n_k: plan.n_k,
            d: plan.d,
            heads: shape.heads,
            batch: shape.batch,
            tiling: Tiling { br: plan.br, bc: plan.bc },
            splits: settings.run.splits(&settings.algorithm),
            causal: look.scene.input.problem.mask.causal,
            // Of f64 no rate is known.
            precision: if plan.precision == Precision::F64 { Precision::F32 } else { plan.precision },
            order: Order::default(),
            chip: if chip.is_unified { Hardware::default() } else { chip },
        }
    }

    /// A size at which a chip is full, where there is no run to begin with.
    fn usual() -> Self {
        Self {
            algorithm: "flash2",
            n_q: 1024,
            n_k: 1024,
            d: 64,
            heads: 16,
            batch: 8,
            tiling: Tiling { br: 128, bc: 128 },
            splits: 1,
            causal: false,
            precision: Precision::F16,
            order: Order::default(),
            chip: hardware::by_name(hardware::DEFAULT).unwrap_or_default(),
        }
    }

    fn question(&self) -> Option<Question> {
        let algorithm = algorithm::by_name(self.algorithm)?.clone();
        let &Self { batch, heads, n_q, n_k, d, .. } = self;
        let shape = Shape { batch, heads, kv_heads: heads, n_q, n_k, d, d_v: d };
        let spec = RunSpec {
            precision: Some(self.precision),
            causal: Some(self.causal),
            splits: algorithm.has_splits().then_some(self.splits),
            ..RunSpec::default()
        };
        let setting = spec.with_blocks(self.tiling).on_shape(&algorithm, &shape, &Mask::default(), 0);
        Some(Question { algorithm, shape, setting, chip: self.chip.clone(), order: self.order })
    }
}

impl WhatIf {
    pub fn is_busy(&self) -> bool {
        self.work.is_busy()
    }

    /// Takes in an answer, and asks for that of what is chosen now.
    fn update(&mut self, ctx: &Context, choices: &Choices) -> Option<Sentence> {
        self.work.update();
        let asked = choices.clone();
        self.work.want(ctx, choices.clone(), move |_| {
            let answer = asked.question().and_then(|question| question.answer());
            answer.ok_or_else(|| "so many thread blocks are too many to list; take larger blocks".into())
        });
        match self.work.get(choices)? {
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
        ui.label(tr(ui.ctx(), HIDDEN));
        return;
    }
    let (look, gpu) = (drawn.look, drawn.gpu);
    let state = drawn.owned.of::<WhatIf>();
    let mut choices = state.choices.clone().unwrap_or_else(Choices::usual);
    ui.add_space(SPACE);
    let head = draw::caption(ui, "No GPU needed: text and data sheet say all of this");
    made_by::beside(ui, &head, MadeBy::Modelled);
    controls::show(ui, &mut choices);
    ui.horizontal_wrapped(|ui| {
        if let Some(look) = look.filter(|_| ui.button(tr(ui.ctx(), "As on screen")).clicked()) {
            choices = Choices::of_run(look);
        }
        if ui.button(tr(ui.ctx(), "Pin as baseline")).clicked() {
            state.pinned = state.shown.clone();
        }
        if state.pinned.is_some() && ui.button(tr(ui.ctx(), "Unpin")).clicked() {
            state.pinned = None;
        }
    });
    let fault = state.update(ui.ctx(), &choices);
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

fn pictures(ui: &mut Ui, choices: &Choices, answer: &Answer, pinned: Option<&Answer>, gpu: &Gpu) {
    ui.add_space(SPACE);
    roofline::show(ui, answer, pinned, gpu);
    if let Some(grid) = answer.main() {
        sms::show(ui, grid, &choices.chip);
    }
    let text = tr(ui.ctx(), NOT_MODELLED).to_owned();
    draw::describe(&note(ui, &text), "what is not modelled", &text);
}

/// A line of the table: its name, and its value in an answer.
type Row = (&'static str, fn(&Context, &Answer) -> Option<String>);

const ROWS: [Row; 11] = [
    ("thread blocks", |_, of| of.main().map(|grid| number::grouped(grid.blocks))),
    ("kept on chip by a block", |_, of| of.main().map(|grid| number::bytes(grid.on_chip.total()))),
    ("blocks on an SM", |ctx, of| {
        let per_sm = of.main()?.per_sm;
        Some(fill(ctx, "{0}, by {1}", &[&per_sm.count, &tr(ctx, per_sm.limit.name())]))
    }),
    ("waves", |_, of| of.main().and_then(|grid| grid.waves).map(modelled)),
    ("slots at work", |_, of| of.main().and_then(|grid| grid.busy).map(percent)),
    ("FLOP per byte", |_, of| Some(modelled(of.intensity()))),
    ("ridge of the chip", |_, of| Some(modelled(of.roofs.ridge()))),
    ("found in L2", |_, of| of.cache.hit_rate().map(percent)),
    ("time at least", |ctx, of| {
        let by = tr(ctx, of.bound.by.name());
        Some(fill(ctx, "{0}, by {1}", &[&modelled_time(of.bound.seconds), &by]))
    }),
    ("if all overlaps", |_, of| of.times.map(|times| modelled_time(times.overlapped))),
    ("if nothing does", |_, of| of.times.map(|times| modelled_time(times.one_by_one))),
];

fn numbers(ui: &mut Ui, answer: &Answer, pinned: Option<&Answer>) {
    let ctx = ui.ctx().clone();
    for (name, of) in ROWS {
        let Some(value) = of(&ctx, answer) else { continue };
        let name = tr(&ctx, name);
        draw::value_row(ui, name, &value, name);
        if let Some(before) = pinned.and_then(|pinned| of(&ctx, pinned)).filter(|before| *before != value) {
            draw::value_row(ui, "  pinned", &before, &fill(&ctx, "{0}, pinned", &[&name]));
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
        let question = Choices::usual().question().expect("flash2 is known");
        let answer = question.answer().expect("it is small");
        assert_eq!(answer.main().map(|grid| grid.blocks), Some(8 * 16 * 8));
        // What a model says has two digits.
        let ctx = Context::default();
        let value = |name| ROWS.iter().find(|(own, _)| *own == name).and_then(|(_, of)| of(&ctx, &answer));
        assert_eq!(value("waves").as_deref(), Some("4.7"));
        assert_eq!(value("FLOP per byte").as_deref(), Some("110"));
        let digits = |text: String| text.chars().filter(|c| c.is_ascii_digit() && *c != '0').count();
        for name in ["time at least", "if all overlaps", "if nothing does", "waves", "ridge of the chip"] {
            assert!(value(name).map(digits).is_some_and(|digits| (1..=2).contains(&digits)), "{name}");
        }
    }
}
