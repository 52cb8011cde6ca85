//! The sides of the window: setup or lesson at the left; at the right what was asked for, then the row with its tables, or
//! in their place a workbench, where a text or a kernel is edited. Where the window is narrow they fold, so that the picture keeps its room; a button brings each back.

use eframe::egui::{self, Context, Frame, Margin, Panel, ScrollArea, Ui};

use crate::app::ink::draw;
use crate::app::ink::float::titled;
use crate::app::ink::focus;
use crate::app::ink::theme::{self, Palette};
use crate::app::message::window::{Arrangement, Edge, Side};
use crate::app::message::{Message, commands};
use crate::app::panels::list;
use crate::app::panels::panel::Home;
use crate::app::panels::{bytes, lesson, row_numbers, setup, what_if};
use crate::app::shell::app::App;
use crate::app::shell::side_width::SizedSide;
use crate::app::shell::stage;
use crate::app::state::folds::Folds;
use crate::app::state::seen::Look;
use crate::app::tongue::words::tr;
use crate::playback::lesson::Distance;

/// Narrower windows begin with a side folded: the right one first.
const ROOM_FOR_RIGHT: f32 = 1000.0;
const ROOM_FOR_LEFT: f32 = 720.0;
/// Of the window's width, what each side takes at most: three fifths are the map's.
const MOST_LEFT: f32 = 0.17;
const MOST_RIGHT: f32 = 0.23;
/// Of the window's width, what a workbench takes with what stands at the left: three fifths are the map's.
const MOST_BENCH: f32 = 0.4;
/// Points of a workbench: narrower, no line of a text can be read; less than half of the window in any case.
const LEAST_BENCH: f32 = 360.0;
/// Narrower windows have no room for the setup beside a workbench.
const ROOM_FOR_SETUP: f32 = (LEAST_BENCH + theme::SETUP) / MOST_BENCH;
/// Points of height of a workbench: what is asked for earlier is covered where there is less.
const BENCH_HEIGHT: f32 = 360.0;
/// Of a side that is folded.
const FOLDED: f32 = 32.0;

impl App {
    /// Beside a lesson that is followed the left side stays.
    pub(super) fn is_folded(&self, ctx: &Context, edge: Edge) -> bool {
        let width = ctx.content_rect().width();
        match edge {
            Edge::Left if self.is_setup_crowded(width) => true,
            Edge::Left => self.folds.left.unwrap_or(width < ROOM_FOR_LEFT && self.side == Side::Setup),
            // What is asked for is to be seen.
            Edge::Right if self.view.has_on_demand() => false,
            Edge::Right => self.folds.right.unwrap_or(width < ROOM_FOR_RIGHT),
        }
    }

    /// A workbench has the room of the setup, unless that was asked for since.
    fn is_setup_crowded(&self, width: f32) -> bool {
        self.view.has_workbench() && self.side == Side::Setup && width < ROOM_FOR_SETUP && !self.folds.keeps_setup
    }

    /// Folds a side or shows it; with the right one what was asked for goes.
    pub(super) fn turn(&mut self, ctx: &Context, edge: Edge) {
        let to = Some(!self.is_folded(ctx, edge));
        match edge {
            Edge::Left => {
                self.folds.left = to;
                self.folds.keeps_setup = self.view.has_workbench();
            }
            Edge::Right => {
                self.view.close_all();
                self.folds.right = to;
            }
        }
    }

    /// Puts the sides and the main view where one kind of work has them, and takes away what covers the map.
    pub(super) fn arrange(&mut self, arrangement: Arrangement) {
        let (side, left, right, tab) = match arrangement {
            Arrangement::Study => (Side::Setup, true, false, bytes::PANEL.id),
            Arrangement::Learn => (Side::Lesson, false, true, bytes::PANEL.id),
            Arrangement::Engineer => (Side::Setup, false, false, what_if::PANEL.id),
        };
        self.side = side;
        self.folds = Folds { left: Some(left), right: Some(right), ..Folds::default() };
        self.tab = tab;
        self.view.close_all();
        self.look_from(Distance::Far);
    }

    /// What was asked for is to be seen.
    pub(super) fn unfold(&mut self, ctx: &Context, edge: Edge) {
        if self.is_folded(ctx, edge) {
            self.turn(ctx, edge);
        }
    }

    pub(super) fn left(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        self.folds.keeps_setup &= self.view.has_workbench();
        if self.is_folded(ui.ctx(), Edge::Left) {
            return folded(ui, Edge::Left, messages);
        }
        if self.side == Side::Lesson {
            return self.lesson_panel(ui, frame, look, messages);
        }
        let side = sized(ui, "setup", theme::SETUP, MOST_LEFT);
        let panel = side.panel(ui, Panel::left, &self.store.kept.widths).frame(frame);
        let shown = panel.show(ui, |ui| {
            ScrollArea::vertical().show(ui, |ui| {
                heads(ui, self.side, messages);
                (setup::PANEL.show)(ui, &mut self.drawn(look, messages));
                self.wanted_setting = None;
                focus::follow(ui);
            });
        });
        side.keep(ui, shown.response.rect, &mut self.store.kept.widths);
    }

    fn lesson_panel(&mut self, ui: &mut Ui, frame: Frame, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let width = theme::LESSON.min(ui.available_width() * 0.4);
        let side = sized(ui, "lesson", width, MOST_LEFT);
        let panel = side.panel(ui, Panel::left, &self.store.kept.widths).frame(frame);
        let shown = panel.show(ui, |ui| {
            heads(ui, self.side, messages);
            (lesson::PANEL.show)(ui, &mut self.drawn(look, messages));
        });
        side.keep(ui, shown.response.rect, &mut self.store.kept.widths);
    }

    pub(super) fn right(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        if self.is_folded(ui.ctx(), Edge::Right) {
            folded(ui, Edge::Right, messages);
            // They draw nothing, and take in what their workers have found.
            look.into_iter().for_each(|look| self.on_demand(ui, look, messages));
            return;
        }
        if let Some(look) = look.filter(|_| self.view.has_workbench()) {
            return self.workbench(ui, frame, look, messages);
        }
        let side = sized(ui, "near", theme::NEAR, MOST_RIGHT);
        let panel = side.panel(ui, Panel::right, &self.store.kept.widths).frame(frame);
        let shown = panel.show(ui, |ui| {
            let Some(look) = look else { return };
            let corner = ui.max_rect().right_top() - egui::vec2(20.0, 2.0);
            ScrollArea::vertical().show(ui, |ui| {
                self.row_and_tables(ui, look, messages);
                focus::follow(ui);
            });
            let place = egui::Rect::from_min_size(corner, egui::vec2(20.0, 20.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| fold(ui, Edge::Right, ">", messages));
        });
        side.keep(ui, shown.response.rect, &mut self.store.kept.widths);
    }

    fn row_and_tables(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        self.on_demand(ui, look, messages);
        row_numbers::show(ui, look, messages);
        ui.add_space(4.0);
        ui.separator();
        ui.horizontal(|ui| {
            // Five names in one line.
            ui.spacing_mut().button_padding.x = 6.0;
            ui.spacing_mut().item_spacing.x = 2.0;
            for panel in stage::of_home(ui.ctx(), Home::Right) {
                let response = ui.selectable_label(panel.id == self.tab, tr(ui.ctx(), panel.title));
                if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
                    messages.push(panel.opens.clone());
                }
            }
        });
        if let Some(panel) = list::by_id(ui.ctx(), self.tab) {
            (panel.show)(ui, &mut self.drawn(Some(look), messages));
        }
    }

    /// The panels that were asked for, the latest first. What is not seen takes in what its worker has found.
    fn on_demand(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        let seen: Vec<_> = self.view.seen().collect();
        let mut panels: Vec<_> = stage::of_home(ui.ctx(), Home::OnDemand).collect();
        panels.sort_by_key(|panel| seen.iter().position(|id| *id == panel.id));
        for panel in panels {
            (panel.show)(ui, &mut self.drawn(Some(look), messages));
        }
    }

    /// What takes room to work in, the latest first, as many as the height has room for.
    fn workbench(&mut self, ui: &mut Ui, frame: Frame, look: &Look<'_>, messages: &mut Vec<Message>) {
        let width = ui.ctx().content_rect().width();
        let most = ui.available_width() - (1.0 - MOST_BENCH) * width;
        let least = LEAST_BENCH.min(width / 2.0);
        let side = SizedSide::new("workbench", most, (least, most));
        let panel = side.panel(ui, Panel::right, &self.store.kept.widths).frame(frame);
        let shown = panel.show(ui, |ui| {
            self.on_demand(ui, look, messages);
            self.covered(ui, messages);
            self.view.benches = (ui.available_height() / BENCH_HEIGHT) as usize;
            let seen: Vec<_> = self.view.seen().filter_map(|id| list::by_id(ui.ctx(), id)).collect();
            let gap = 4.0 * theme::SPACE;
            let height = (ui.available_height() + gap) / seen.len().max(1) as f32 - gap;
            for (n, panel) in seen.into_iter().enumerate() {
                if n > 0 {
                    ui.separator();
                }
                let size = egui::vec2(ui.available_width(), height.max(0.0));
                ui.allocate_ui(size, |ui| {
                    ui.push_id(panel.id, |ui| {
                        if !titled(ui, panel.title) {
                            messages.push(Message::Hide(panel.id));
                        }
                        (panel.show)(ui, &mut self.drawn(Some(look), messages));
                    });
                });
            }
        });
        side.keep(ui, shown.response.rect, &mut self.store.kept.widths);
    }

    /// The names of what was asked for and has no room now; each brings it back.
    fn covered(&self, ui: &mut Ui, messages: &mut Vec<Message>) {
        let covered: Vec<_> = self.view.covered().filter_map(|id| list::by_id(ui.ctx(), id)).collect();
        if covered.is_empty() {
            return;
        }
        ui.horizontal_wrapped(|ui| {
            draw::caption(ui, tr(ui.ctx(), "Also open:"));
            for panel in covered {
                if ui.selectable_label(false, tr(ui.ctx(), panel.title)).clicked() {
                    messages.push(Message::Show(panel.id));
                }
            }
        });
    }
}

/// A side of `least` points, that can be widened as long as the map keeps its share of the window.
fn sized(ui: &Ui, id: &'static str, least: f32, most: f32) -> SizedSide {
    SizedSide::new(id, least, (least, ui.ctx().content_rect().width() * most))
}

/// Setup or lesson: which of them the left side shows.
fn heads(ui: &mut Ui, side: Side, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        for panel in stage::of_home(ui.ctx(), Home::Left).rev() {
            let response = ui.selectable_label(panel.opens == Message::Side(side), tr(ui.ctx(), panel.title));
            if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
                messages.push(panel.opens.clone());
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| fold(ui, Edge::Left, "<", messages));
    });
    ui.add_space(4.0);
}

/// What is left of a side: a button that brings it back.
fn folded(ui: &mut Ui, edge: Edge, messages: &mut Vec<Message>) {
    let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(4, 8));
    let (panel, sign) = match edge {
        Edge::Left => (Panel::left("left, folded"), ">"),
        Edge::Right => (Panel::right("right, folded"), "<"),
    };
    panel.exact_size(FOLDED).frame(frame).resizable(false).show(ui, |ui| fold(ui, edge, sign, messages));
}

fn fold(ui: &mut Ui, edge: Edge, sign: &str, messages: &mut Vec<Message>) {
    let action = Message::Fold(edge);
    let name = tr(ui.ctx(), edge.name()).to_owned();
    let response = ui.add(egui::Button::new(sign).min_size(egui::vec2(20.0, 20.0)).frame(false));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
        messages.push(action);
    }
}
