//! The sides of the window: setup or lesson at the left; at the right what was asked for, then the row with its tables.
//! Where the window is narrow they fold, so that the picture keeps its room; a button brings each back.

use eframe::egui::{self, Context, Frame, Margin, Panel, ScrollArea, Ui};

use crate::app::ink::theme::{self, Palette};
use crate::app::message::gpu::GpuMessage;
use crate::app::message::window::{Arrangement, Edge, Side};
use crate::app::message::{Message, commands};
use crate::app::panels::gpu::GpuPanel;
use crate::app::panels::list::{self, PANELS};
use crate::app::panels::panel::Home;
use crate::app::panels::{bytes, lesson, row_numbers, setup, what_if};
use crate::app::shell::app::App;
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
/// Of a side that is folded.
const FOLDED: f32 = 32.0;

impl App {
    /// Beside a lesson that is followed the left side stays.
    fn is_folded(&self, ctx: &Context, edge: Edge) -> bool {
        let width = ctx.content_rect().width();
        match edge {
            Edge::Left => self.folds.left.unwrap_or(width < ROOM_FOR_LEFT && self.side == Side::Setup),
            // What is asked for is to be seen.
            Edge::Right if self.view.has_on_demand() => false,
            Edge::Right => self.folds.right.unwrap_or(width < ROOM_FOR_RIGHT),
        }
    }

    /// Folds a side or shows it; with the right one what was asked for goes.
    pub(super) fn turn(&mut self, ctx: &Context, edge: Edge) {
        let to = Some(!self.is_folded(ctx, edge));
        match edge {
            Edge::Left => self.folds.left = to,
            Edge::Right => {
                self.view.close_all();
                self.folds.right = to;
            }
        }
    }

    /// Puts the sides and the main view where one kind of work has them, and takes away what covers the map.
    pub(super) fn arrange(&mut self, ctx: &Context, arrangement: Arrangement) {
        let (side, left, right, tab) = match arrangement {
            Arrangement::Study => (Side::Setup, true, false, bytes::PANEL.id),
            Arrangement::Learn => (Side::Lesson, false, true, bytes::PANEL.id),
            Arrangement::Engineer => (Side::Setup, false, false, what_if::PANEL.id),
        };
        self.side = side;
        self.folds = Folds { left: Some(left), right: Some(right) };
        self.tab = tab;
        self.view.close_all();
        self.look_from(Distance::Far);
        if self.owned.of::<GpuPanel>().is_open() {
            self.carry_out(ctx, Message::Gpu(GpuMessage::Toggle));
        }
    }

    /// What was asked for is to be seen.
    pub(super) fn unfold(&mut self, ctx: &Context, edge: Edge) {
        if self.is_folded(ctx, edge) {
            self.turn(ctx, edge);
        }
    }

    pub(super) fn left(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        if self.is_folded(ui.ctx(), Edge::Left) {
            return folded(ui, Edge::Left, messages);
        }
        if self.side == Side::Lesson {
            return self.lesson_panel(ui, frame, look, messages);
        }
        sized(Panel::left("setup"), ui, theme::SETUP, MOST_LEFT).frame(frame).show(ui, |ui| {
            ScrollArea::vertical().show(ui, |ui| {
                heads(ui, self.side, messages);
                (setup::PANEL.show)(ui, &mut self.drawn(look, messages));
                self.wanted_setting = None;
            });
        });
        name_of_edge(ui, "setup");
    }

    fn lesson_panel(&mut self, ui: &mut Ui, frame: Frame, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let width = theme::LESSON.min(ui.available_width() * 0.4);
        sized(Panel::left("lesson"), ui, width, MOST_LEFT).frame(frame).show(ui, |ui| {
            heads(ui, self.side, messages);
            (lesson::PANEL.show)(ui, &mut self.drawn(look, messages));
        });
        name_of_edge(ui, "lesson");
    }

    pub(super) fn right(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, messages: &mut Vec<Message>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        if self.is_folded(ui.ctx(), Edge::Right) {
            folded(ui, Edge::Right, messages);
            // They draw nothing, and take in what their workers have found.
            look.into_iter().for_each(|look| self.on_demand(ui, look, messages));
            return;
        }
        let panel = sized(Panel::right("near"), ui, theme::NEAR, MOST_RIGHT).frame(frame);
        panel.show(ui, |ui| {
            let Some(look) = look else { return };
            let corner = ui.max_rect().right_top() - egui::vec2(20.0, 2.0);
            ScrollArea::vertical().show(ui, |ui| self.row_and_tables(ui, look, messages));
            let place = egui::Rect::from_min_size(corner, egui::vec2(20.0, 20.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| fold(ui, Edge::Right, ">", messages));
        });
        name_of_edge(ui, "near");
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
            for panel in PANELS.into_iter().filter(|panel| panel.home == Home::Right) {
                let response = ui.selectable_label(panel.id == self.tab, tr(ui.ctx(), panel.title));
                if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
                    messages.push(panel.opens.clone());
                }
            }
        });
        if let Some(panel) = list::by_id(self.tab) {
            (panel.show)(ui, &mut self.drawn(Some(look), messages));
        }
    }

    /// The panels that were asked for, the latest first.
    fn on_demand(&mut self, ui: &mut Ui, look: &Look<'_>, messages: &mut Vec<Message>) {
        let mut panels: Vec<_> = stage::of_home(Home::OnDemand).collect();
        panels.sort_by_key(|panel| std::cmp::Reverse(self.view.opened_as(panel.id)));
        for panel in panels {
            (panel.show)(ui, &mut self.drawn(Some(look), messages));
        }
    }
}

/// A side of `least` points, that can be widened as long as the map keeps its share of the window.
fn sized(panel: Panel, ui: &Ui, least: f32, most: f32) -> Panel {
    let most = (ui.ctx().content_rect().width() * most).max(least);
    panel.default_size(least).size_range(least..=most).resizable(most > least)
}

/// The library's name of the edge that is dragged is English.
fn name_of_edge(ui: &Ui, panel: &str) {
    let name = tr(ui.ctx(), "Width of this side").to_owned();
    let edge = ui.scope_id().with_salt(egui::IdSalt::new(panel)).with("__resize");
    if ui.ctx().read_response(edge).is_some() {
        ui.ctx().accesskit_node_builder(edge, |node| node.set_label(name));
    }
}

/// Setup or lesson: which of them the left side shows.
fn heads(ui: &mut Ui, side: Side, messages: &mut Vec<Message>) {
    ui.horizontal(|ui| {
        for panel in PANELS.into_iter().filter(|panel| panel.home == Home::Left).rev() {
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
