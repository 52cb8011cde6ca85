//! The panel of breakpoints: what to stop at, and running to the next or previous hit. Its keys, F9 to F11, hold only
//! while it is open.

use std::sync::Arc;

use eframe::egui::{self, Context, Key, Modifiers, Ui};

use crate::app::ink::draw;
use crate::app::ink::float::on_demand;
use crate::app::message::Message;
use crate::app::panels::panel::{Home, Panel};
use crate::app::panels::strip::StopsSeen;
use crate::app::run::job::{self, Job};
use crate::app::run::said::place;
use crate::app::run::scene::{Check, FinishedRun};
use crate::app::state::seen::Look;
use crate::app::tongue::words::{say, tr};
use crate::number::{grouped, short};
use crate::playback::Command;
use crate::playback::breakpoint::{Condition, Direction, Hit, search};
use crate::schedule::{Algorithm, Part};
use crate::sentence::Sentence;

pub static PANEL: Panel = Panel {
    id: "breakpoints",
    title: "Breakpoints",
    home: Home::OnDemand,
    group: "Look",
    command: "Breakpoints",
    keys: &[(Modifiers::ALT, Key::Num5)],
    opens: Message::Show("breakpoints"),
    also: "stop when, condition, watch",
    help: "What to stop at, and the way to its next or previous hit.",
    show: |ui, drawn| {
        let Some((scene, look)) = drawn.scene.zip(drawn.look) else { return };
        let breakpoints = drawn.owned.of::<Breakpoints>();
        breakpoints.take(scene, look.generation, drawn.messages);
        if drawn.view.is_seen(PANEL.id) {
            breakpoints.show(ui, scene, look, drawn.messages);
        }
    },
};

/// Operations that can be stopped at.
const OPERATIONS: [&str; 12] = [
    "load",
    "scores",
    "mask",
    "row-max",
    "exponentiate",
    "row-sum",
    "rescale",
    "accumulate",
    "merge-stats",
    "merge-output",
    "normalise",
    "store",
];

/// What is chosen, and the search under way.
pub struct Breakpoints {
    operation: Option<&'static str>,
    tile: Option<(usize, usize)>,
    maximum_rose: bool,
    alpha_below: Option<f64>,
    partly_masked: bool,
    fully_masked: bool,
    over_budget: bool,
    nan: bool,
    error_above: Option<f64>,
    searching: Option<Job<SearchEnded>>,
    said: Option<Sentence>,
    found: FoundStops,
}

/// In which run a search was, what for, and its hit.
type SearchEnded = (u64, Vec<Condition>, Option<Hit>);

/// The hits of searches for the same conditions in the same run.
#[derive(Default)]
struct FoundStops {
    generation: u64,
    conditions: Vec<Condition>,
    cursors: Vec<u64>,
}

impl Default for Breakpoints {
    fn default() -> Self {
        Self {
            operation: None,
            tile: None,
            maximum_rose: true,
            alpha_below: None,
            partly_masked: false,
            fully_masked: false,
            over_budget: false,
            nan: false,
            error_above: None,
            searching: None,
            said: None,
            found: FoundStops::default(),
        }
    }
}

impl Breakpoints {
    pub fn is_busy(&self) -> bool {
        self.searching.is_some()
    }

    fn conditions(&self, scene: &FinishedRun) -> Vec<Condition> {
        let over = self.over_budget.then(|| Condition::OverBudget(scene.settings.hardware()));
        [
            self.operation.map(Condition::Operation),
            self.tile.map(|(i, j)| Condition::Tile(i, j)),
            self.maximum_rose.then_some(Condition::MaximumRose),
            self.alpha_below.map(Condition::AlphaBelow),
            self.partly_masked.then_some(Condition::PartlyMasked),
            self.fully_masked.then_some(Condition::FullyMasked),
            over,
            self.nan.then_some(Condition::NanAppeared),
            self.error_above.map(Condition::ErrorAbove),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What the strip marks.
    pub fn stops(&self, scene: &FinishedRun, generation: u64) -> StopsSeen {
        let conditions = self.conditions(scene);
        let is_known = self.found.generation == generation && self.found.conditions == conditions;
        let found = if is_known { self.found.cursors.clone() } else { Vec::new() };
        let (of_schedule, others): (Vec<_>, Vec<_>) = conditions.into_iter().partition(Condition::is_of_schedule);
        StopsSeen { of_schedule, has_others: !others.is_empty(), found }
    }

    pub fn show(&mut self, ui: &mut Ui, scene: &Arc<FinishedRun>, look: &Look<'_>, messages: &mut Vec<Message>) {
        let ctx = &ui.ctx().clone();
        let pressed = |key| ctx.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::F9) {
            let here = look
                .snapshot
                .view
                .step
                .and_then(|step| OPERATIONS.iter().find(|name| **name == scene.schedule().line(&step).label));
            self.operation = if self.operation.is_some() { None } else { here.copied() };
        }
        let mut wanted = pressed(Key::F10).then_some(Direction::Next);
        if pressed(Key::F11) {
            wanted = Some(Direction::Previous);
        }
        let is_open = on_demand(ui, PANEL.title, |ui| {
            self.choices(ui, look);
            ui.separator();
            ui.horizontal(|ui| {
                if ui.button(tr(ctx, "Previous hit")).on_hover_text("F11").clicked() {
                    wanted = Some(Direction::Previous);
                }
                if ui.button(tr(ctx, "Next hit")).on_hover_text("F10").clicked() {
                    wanted = Some(Direction::Next);
                }
                if let Some(job) = &self.searching {
                    ui.add(egui::ProgressBar::new(job.progress()).desired_width(80.0));
                }
            });
            let said = self.said.as_ref().map_or_else(String::new, |said| say(ctx, said));
            draw::describe(&ui.add(egui::Label::new(&said).wrap()), "breakpoint", &said);
        });
        if let Some(direction) = wanted {
            self.start(ctx, scene, (look.generation, look.snapshot.cursor), direction);
        }
        if !is_open {
            messages.push(Message::Hide(PANEL.id));
        }
    }

    fn choices(&mut self, ui: &mut Ui, look: &Look<'_>) {
        draw::caption(ui, "Stop after the step where");
        let check = |ui: &mut Ui, value: &mut bool, name: &str| {
            let name = tr(ui.ctx(), name).to_owned();
            ui.checkbox(value, name);
        };
        let named = |ui: &mut Ui, value: egui::DragValue<'_>, name: &str| {
            let name = tr(ui.ctx(), name).to_owned();
            ui.add(value).accessible_name(name);
        };
        check(ui, &mut self.maximum_rose, "a row maximum rose");
        ui.horizontal(|ui| {
            optional(ui, &mut self.alpha_below, 0.5, "alpha is below");
            if let Some(limit) = &mut self.alpha_below {
                named(ui, egui::DragValue::new(limit).range(0.0..=1.0).speed(0.01), "limit of alpha");
            }
        });
        ui.horizontal(|ui| {
            optional(ui, &mut self.operation, OPERATIONS[0], "the operation is");
            if let Some(operation) = &mut self.operation {
                let shown = tr(ui.ctx(), operation).to_owned();
                egui::ComboBox::from_id_salt("operation").selected_text(shown).show_ui(ui, |ui| {
                    for name in OPERATIONS {
                        let shown = tr(ui.ctx(), name).to_owned();
                        ui.selectable_value(operation, name, shown);
                    }
                });
            }
        });
        ui.horizontal(|ui| {
            optional(ui, &mut self.tile, look.snapshot.tile().unwrap_or((0, 0)), "the tile is");
            if let Some((i, j)) = &mut self.tile {
                let plan = look.scene.plan();
                named(ui, egui::DragValue::new(i).range(0..=plan.t_r() - 1).prefix("i "), "tile row");
                named(ui, egui::DragValue::new(j).range(0..=plan.t_c() - 1).prefix("j "), "tile column");
            }
        });
        check(ui, &mut self.partly_masked, "the tile is partly masked");
        check(ui, &mut self.fully_masked, "the tile is masked whole");
        check(ui, &mut self.over_budget, "SRAM is over budget");
        check(ui, &mut self.nan, "a NaN appeared");
        ui.horizontal(|ui| {
            optional(ui, &mut self.error_above, first_limit(look), "the error is above")
                .on_hover_text(tr(ui.ctx(), ERROR_SO_FAR));
            if let Some(limit) = &mut self.error_above {
                let speed = *limit * 0.02 + 1e-12;
                let drag = egui::DragValue::new(limit).range(0.0..=f64::MAX).speed(speed);
                named(ui, drag.custom_formatter(|x, _| short(x)), "limit of the error");
            }
        });
    }

    /// Looks on a worker: what the numbers decide needs the run again.
    fn start(
        &mut self,
        ctx: &Context,
        scene: &Arc<FinishedRun>,
        (generation, cursor): (u64, u64),
        direction: Direction,
    ) {
        let conditions = self.conditions(scene);
        if conditions.is_empty() {
            self.said = Some("Choose what to stop at.".into());
            return;
        }
        if let Some(why) = &scene.counted_alone
            && !conditions.iter().all(Condition::is_of_schedule)
        {
            self.said = Some(why.clone());
            return;
        }
        let scene = scene.clone();
        self.said = Some("searching ...".into());
        self.searching = Some(Job::start(ctx, move |signals| {
            let len = scene.schedule().len();
            let hit = search(&scene.run, &scene.input.problem, &conditions, cursor, direction, |done| {
                signals.report(done, len);
                !signals.is_cancelled()
            });
            (generation, conditions, hit)
        }));
    }

    fn take(&mut self, scene: &FinishedRun, generation: u64, messages: &mut Vec<Message>) {
        match job::take(&mut self.searching) {
            // It was for a run that is no longer there.
            Some(Ok((of, ..))) if of != generation => self.said = None,
            Some(Ok((_, conditions, Some(hit)))) => {
                self.said = Some(told(scene, &conditions, &hit));
                messages.push(Message::Player(Command::Pause));
                messages.push(Message::Player(Command::SeekTo(hit.cursor)));
                if self.found.generation != generation || self.found.conditions != conditions {
                    self.found = FoundStops { generation, conditions, cursors: Vec::new() };
                }
                self.found.cursors.push(hit.cursor);
            }
            Some(Ok((_, _, None))) => self.said = Some("no further hit that way".into()),
            Some(Err(fault)) => self.said = Some(fault.into()),
            None => {}
        }
    }
}

/// A hit in words: where it is, and every condition that is met there.
fn told(scene: &FinishedRun, conditions: &[Condition], hit: &Hit) -> Sentence {
    let schedule = scene.schedule();
    let met = hit.met.iter().filter_map(|n| conditions.get(*n)).map(|condition| words(&schedule.algorithm, condition));
    let Some((step, met)) = hit.cursor.checked_sub(1).and_then(|n| schedule.step(n)).zip(Sentence::list(met)) else {
        return Sentence::new("hit at step {0}").with(grouped(hit.cursor));
    };
    Sentence::new("hit at step {0}, {1}: {2}").with(grouped(hit.cursor)).and(place(scene, &step)).and(met)
}

/// A condition that is met, in the names of the text.
fn words(text: &Algorithm, condition: &Condition) -> Sentence {
    match condition {
        Condition::Operation(name) => Sentence::new("the operation is {0}").and(*name),
        Condition::Tile(i, j) => Sentence::new("the tile is (i {0}, j {1})").with(i).with(j),
        Condition::PartlyMasked => "the tile is partly masked".into(),
        Condition::FullyMasked => "the tile is masked whole".into(),
        Condition::OverBudget(hardware) => Sentence::new("SRAM is over the budget of {0}").with(hardware.name),
        Condition::Moves { tensor, is_write: false } => Sentence::new("{0} is loaded").with(tensor.name()),
        Condition::Moves { tensor, is_write: true } => Sentence::new("{0} is stored").with(tensor.name()),
        Condition::MaximumRose => Sentence::new("{0} rises").with(text.called(Part::Max)),
        Condition::AlphaBelow(limit) => {
            Sentence::new("{0} is below {1}").with(text.called(Part::Alpha)).with(short(*limit))
        }
        Condition::NanAppeared => "a NaN appeared".into(),
        Condition::ErrorAbove(limit) => Sentence::new("the error is above {0}").with(short(*limit)),
    }
}

/// A check box that gives a value its first setting, or takes it away.
fn optional<T>(ui: &mut Ui, value: &mut Option<T>, first: T, name: &str) -> egui::Response {
    let mut is_on = value.is_some();
    let response = ui.checkbox(&mut is_on, tr(ui.ctx(), name).to_owned());
    if response.changed() {
        *value = is_on.then_some(first);
    }
    response
}

/// What the error of an unfinished row is.
const ERROR_SO_FAR: &str = "How far the average so far, O / l, of any row of the tile is from the same step carried out \
    in f64: the largest distance of a component, not relative. At the last store of a row it is that row's error; the \
    largest of these stands under \"Is it right?\". A NaN is above every limit.";

/// Half the error that the run ends with, so that there is something to find; a thousandth while that is not known.
fn first_limit(look: &Look<'_>) -> f64 {
    match look.check {
        Some(Check::Done { errors, .. }) if errors.o.is_finite() && errors.o > 0.0 => errors.o / 2.0,
        _ => 1e-3,
    }
}
