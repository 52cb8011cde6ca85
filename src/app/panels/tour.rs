//! The first two minutes: one sentence and one button at a time, on the picture itself.

use eframe::egui::{self, Ui};

use crate::app::ink::draw;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::Message;
use crate::app::message::talk::TourMessage;
use crate::app::message::window::Overlay;
use crate::app::panels::traffic;
use crate::app::run::link;
use crate::app::run::scene::FinishedRun;
use crate::app::run::settings::Settings;
use crate::app::run::source::Source;
use crate::app::state::seen::Look;
use crate::app::tongue::words::{fill, say, tr};
use crate::number::{grouped, short, times};
use crate::playback::lesson::{At, BUGS, Distance, Scene, quantity};
use crate::playback::{Command, STEPS_PER_S};
use crate::schedule::{Algorithm, Part, algorithm};

/// Where in the first two minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Ten seconds: two runs of 1024 tokens side by side.
    #[default]
    Race,
    /// Paused before the last rescale.
    Rest,
    /// The six frames of the last tile, once.
    Watch,
    /// The tile before it, whose factor was not seen yet.
    Predict,
    Revealed,
    Forgotten,
    Grid,
    Count,
}

/// The tour, while it is on.
#[derive(Clone, Debug, Default)]
pub struct Tour {
    pub stop: Stop,
    /// The race is on, or over.
    has_begun: bool,
    guess: String,
}

/// How long the race takes.
const RACE_S: f64 = 10.0;

/// The scene that it starts with: the algorithm that everything is held against, at the length at which tiling pays.
pub fn start() -> Scene {
    let mut scene = link::named("count").unwrap_or_default();
    scene.run.algorithm = Some(algorithm::ALL[0].name().into());
    scene.step = At::Step(0);
    scene.view = Distance::Far;
    scene
}

/// One row of a real sentence, before its last rescale.
fn row() -> Scene {
    let mut scene = link::named("real").unwrap_or_default();
    scene.step = At::Operation { is_after: true, name: "scores".into(), tile: Some((3, 3)) };
    scene.view = Distance::Near;
    scene
}

/// The tile that is asked about, and the one that is watched.
const ASKED: (usize, usize) = (3, 2);

/// Just after the first step of this name at the tile that is asked about; where it is missing, nothing moves.
fn asked_after(name: &str, scene: &FinishedRun) -> Vec<Message> {
    let at = At::Operation { is_after: true, name: name.into(), tile: Some(ASKED) };
    at.cursor(scene.schedule()).map(|cursor| Message::Player(Command::SeekTo(cursor))).into_iter().collect()
}

/// The bug that is shown.
const FORGETS: &str = "forget-alpha";

impl Tour {
    /// Goes one stop on; gives what the window has to do for it.
    pub fn next(&mut self, scene: &FinishedRun) -> Vec<Message> {
        let settings = &scene.settings;
        let with_bug = |bug| Message::Change(Box::new(Settings { bug, ..settings.clone() }));
        let (stop, messages) = match self.stop {
            Stop::Race => {
                let calm = [Message::Player(Command::Pause), Message::Player(Command::SetSpeed(1.0))];
                let open = [Message::Open(Source::Scene(Box::new(row()))), Message::Distance(Distance::Near)];
                (Stop::Rest, calm.into_iter().chain(open).collect())
            }
            Stop::Rest => (Stop::Watch, vec![Message::Player(Command::SetSpeed(0.5)), Message::Player(Command::Play)]),
            Stop::Watch => {
                let calm = [Message::Player(Command::Pause), Message::Player(Command::SetSpeed(1.0))];
                (Stop::Predict, calm.into_iter().chain(asked_after("scores", scene)).collect())
            }
            Stop::Predict => (Stop::Revealed, asked_after("accumulate", scene)),
            Stop::Revealed => (Stop::Forgotten, vec![with_bug(FORGETS), Message::Player(Command::End)]),
            Stop::Forgotten => (Stop::Grid, vec![with_bug(BUGS[0]), Message::Distance(Distance::Far)]),
            Stop::Grid => {
                let scene = link::named("count").unwrap_or_default();
                let open = Message::Open(Source::Scene(Box::new(scene)));
                (Stop::Count, vec![open, Message::Distance(Distance::Far), Message::Show(traffic::PANEL.id)])
            }
            Stop::Count => return vec![Message::Tour(TourMessage::Explore)],
        };
        self.stop = stop;
        messages
    }

    /// The run of `settings` without what the tour did to it; `None` where it did nothing.
    pub fn undone(&self, settings: &Settings) -> Option<Settings> {
        let is_its_own = self.stop == Stop::Forgotten && settings.bug == FORGETS;
        is_its_own.then(|| Settings { bug: BUGS[0], ..settings.clone() })
    }

    /// What starts the race, once both runs are there.
    pub fn begin(&mut self, is_ready: bool, scene: &FinishedRun) -> Vec<Message> {
        if self.stop != Stop::Race || self.has_begun || !is_ready {
            return Vec::new();
        }
        self.has_begun = true;
        let speed = scene.schedule().len() as f64 / (STEPS_PER_S * RACE_S);
        vec![Message::Player(Command::SetSpeed(speed)), Message::Player(Command::Play)]
    }

    /// The last frame was shown, or the person stopped it.
    pub fn is_watched(&self, is_playing: bool) -> bool {
        self.stop == Stop::Watch && !is_playing
    }

    /// The band above the picture.
    pub fn show(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        let ctx = ui.ctx().clone();
        let visits = look.snapshot.all_visits(look.selection.query);
        let of = |j: usize| visits.iter().find(|visit| visit.j == j);
        let (before, asked) = (of(ASKED.1 - 1), of(ASKED.1));
        let old = before.map_or_else(String::new, |visit| short(visit.m));
        let (new, alpha) = asked.map_or_else(Default::default, |visit| (short(visit.m), short(visit.alpha)));
        let (sentence, button) = match self.stop {
            Stop::Race => (raced(&ctx, look), "Look inside"),
            Stop::Rest => (tr(&ctx, REST).to_owned(), "Watch the maximum rise"),
            Stop::Watch => (tr(&ctx, WATCH).to_owned(), "Go on"),
            Stop::Predict => (fill(&ctx, PREDICT, &[&old, &new]), "Reveal"),
            Stop::Revealed => (fill(&ctx, REVEALED, &[&old, &new, &alpha]), "What if alpha is forgotten?"),
            Stop::Forgotten => (tr(&ctx, FORGOTTEN).to_owned(), "Zoom out"),
            Stop::Grid => (tr(&ctx, GRID).to_owned(), "What it saves"),
            Stop::Count => (saved(&ctx, look), ""),
        };
        let label = ui.add(egui::Label::new(egui::RichText::new(&sentence).size(18.0)));
        draw::describe(&label, "tour", &sentence);
        if self.stop == Stop::Count {
            bars(ui, look);
        }
        ui.horizontal(|ui| {
            if self.stop == Stop::Predict {
                let field =
                    egui::TextEdit::singleline(&mut self.guess).desired_width(80.0).hint_text(Part::Alpha.symbol());
                let border = egui::Frame::new().stroke(Palette::of(ui).hairline()).corner_radius(4.0);
                let field = border.show(ui, |ui| ui.add(field.font(theme::figures(16.0)))).inner;
                field.widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "alpha?"));
                if field.lost_focus() && ui.input(|input| input.key_pressed(egui::Key::Enter)) {
                    messages.push(Message::Tour(TourMessage::Next));
                }
            }
            if self.stop == Stop::Revealed && !self.guess.trim().is_empty() {
                let said = verdict(&ctx, self.guess.trim(), asked.map(|visit| visit.alpha));
                draw::describe(&ui.label(&said), "verdict", &said);
            }
            if self.stop == Stop::Count {
                for (word, action) in [
                    ("Start lesson 1", Message::OpenLesson(0)),
                    ("Explore", Message::Tour(TourMessage::Explore)),
                    ("Open my tensors", Message::Tour(TourMessage::Explore)),
                ] {
                    if ui.add(large(tr(&ctx, word), ui)).clicked() {
                        messages.push(action);
                        if word == "Open my tensors" {
                            messages.push(Message::Overlay(Overlay::Open));
                        }
                    }
                }
            } else {
                if ui.add(large(tr(&ctx, button), ui)).clicked() {
                    messages.push(Message::Tour(TourMessage::Next));
                }
                if ui.add(egui::Button::new(tr(&ctx, "Skip")).frame(false)).clicked() {
                    messages.push(Message::Tour(TourMessage::Explore));
                }
            }
        });
    }
}

const RACE: &str = "The same attention over {0} {0|token|tokens}, twice. {1} writes every score to memory and reads it back; \
    {2} keeps them on chip.";
const RACED: &str = "{0} moves {1}x fewer bytes than {2}: no score leaves the chip.";
const REST: &str =
    "This row is a comma in a real sentence, reading four words at a time. Its last tile holds a new maximum.";
const WATCH: &str = "The maximum rises; one factor alpha shrinks what was summed before; then the new words join.";
const PREDICT: &str =
    "Your turn: one tile earlier the maximum rises from {0} to {1}. By what factor alpha will the old sum shrink?";
const REVEALED: &str = "alpha = exp({0} - {1}) = {2}. The old words count for less, and nothing is read again.";
const FORGOTTEN: &str = "Without alpha the old words keep their weight, and the result misses the exact one.";
const GRID: &str = "The whole schedule: every tile is one visit like this. The arrow keys step through it.";
const COUNT: &str = "At 1024 tokens flash2 moves {0} {0|element|elements}, standard attention {1}.";

/// What to say to a guess of `alpha`.
fn verdict(ctx: &egui::Context, guess: &str, alpha: Option<f64>) -> String {
    // As near as two digits can be read off the picture.
    const WITHIN: f64 = 0.01;
    match (quantity::read(guess, ""), alpha) {
        (Ok(given), Some(alpha)) if (given - alpha).abs() <= WITHIN => fill(ctx, "You said {0}: right.", &[&guess]),
        (Ok(given), Some(alpha)) if (given - 1.0 / alpha).abs() <= WITHIN => {
            fill(ctx, "You said {0}: the inverse. The old sum shrinks, it does not grow.", &[&guess])
        }
        (Ok(_), Some(alpha)) => fill(ctx, "You said {0}: not quite, it is {1}.", &[&guess, &short(alpha)]),
        (Err(why), _) => say(ctx, &why),
        (Ok(_), None) => fill(ctx, "You said {0}.", &[&guess]),
    }
}

/// What is seen, and at the end what it came to.
fn raced(ctx: &egui::Context, look: &Look<'_>) -> String {
    let [own, .., other] = algorithm::ALL.map(Algorithm::name);
    if look.snapshot.cursor < look.scene.schedule().len() {
        return fill(ctx, RACE, &[&grouped(look.scene.plan().n_k as u64), &own, &other]);
    }
    let of = |algorithm: &Algorithm| {
        let settings = Settings { algorithm: algorithm.clone(), ..look.scene.settings.clone() };
        algorithm.closed_form_of(&settings.setting(&look.scene.source)).hbm_bytes() as f64
    };
    let [first, .., last] = *algorithm::ALL;
    fill(ctx, RACED, &[&other, &times(of(first) / of(last)), &own])
}

fn saved(ctx: &egui::Context, look: &Look<'_>) -> String {
    let (own, standard) = (look.scene.closed_form.hbm_elements(), look.scene.standard.hbm_elements());
    fill(ctx, COUNT, &[&grouped(own), &grouped(standard)])
}

fn bars(ui: &mut Ui, look: &Look<'_>) {
    let palette = Palette::of(ui);
    let (own, standard) = (look.scene.closed_form.hbm_elements(), look.scene.standard.hbm_elements());
    let most = own.max(standard).max(1) as f32;
    for (name, elements, color) in
        [("standard", standard, palette.done), (look.scene.settings.algorithm.short_name(), own, palette.accent)]
    {
        let size = egui::vec2(ui.available_width().min(720.0), 24.0);
        let (rect, response) = ui.allocate_exact_size(size, egui::Sense::hover());
        let bar = egui::Rect::from_min_size(
            rect.min + egui::vec2(88.0, 4.0),
            egui::vec2((rect.width() - 200.0) * elements as f32 / most, 16.0),
        );
        let font = theme::text(theme::BODY);
        ui.painter().rect_filled(bar, 2.0, color);
        ui.painter().text(rect.left_center(), egui::Align2::LEFT_CENTER, name, font, palette.ink);
        let at = bar.right_center() + egui::vec2(8.0, 0.0);
        let figures = theme::figures(theme::BODY);
        ui.painter().text(at, egui::Align2::LEFT_CENTER, grouped(elements), figures, palette.ink);
        draw::describe(&response, &fill(ui.ctx(), "elements of {0}", &[&name]), &grouped(elements));
    }
}

fn large<'a>(text: &'a str, ui: &Ui) -> egui::Button<'a> {
    egui::Button::new(egui::RichText::new(text).size(16.0))
        .fill(Palette::of(ui).background)
        .stroke(egui::Stroke::new(1.0, Palette::of(ui).accent))
        .frame_when_inactive(true)
        .min_size(egui::vec2(120.0, 36.0))
}
