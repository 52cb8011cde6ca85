//! The sides of the window: setup or lesson at the left, the row with its tables at the right. Where the window is narrow
//! they fold, so that the picture keeps its room; a button brings each back.

use eframe::egui::{self, Context, Frame, Margin, Panel, ScrollArea, Ui};

use super::action::{Action, Edge, Side, Tab};
use super::look::Look;
use super::theme::{self, Palette};
use super::window::App;
use super::words::tr;
use super::{check, commands, lesson_panel, near, plot, setup, traffic};

/// Narrower windows begin with a side folded: the right one first.
const ROOM_FOR_RIGHT: f32 = 1000.0;
const ROOM_FOR_LEFT: f32 = 720.0;
/// Of a side that is folded.
const FOLDED: f32 = 32.0;

/// What the person wants of each side; `None` is what the width of the window asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Folds {
    left: Option<bool>,
    right: Option<bool>,
}

impl Folds {
    /// The picture has the whole width.
    pub fn both() -> Self {
        Self { left: Some(true), right: Some(true) }
    }
}

impl App {
    /// Beside a lesson that is followed the left side stays.
    fn is_folded(&self, ctx: &Context, edge: Edge) -> bool {
        let width = ctx.content_rect().width();
        match edge {
            Edge::Left => self.folds.left.unwrap_or(width < ROOM_FOR_LEFT && self.side == Side::Setup),
            Edge::Right => self.folds.right.unwrap_or(width < ROOM_FOR_RIGHT),
        }
    }

    pub(super) fn turn(&mut self, ctx: &Context, edge: Edge) {
        let to = Some(!self.is_folded(ctx, edge));
        match edge {
            Edge::Left => self.folds.left = to,
            Edge::Right => self.folds.right = to,
        }
    }

    /// What was asked for is to be seen.
    pub(super) fn unfold(&mut self, ctx: &Context, edge: Edge) {
        if self.is_folded(ctx, edge) {
            self.turn(ctx, edge);
        }
    }

    pub(super) fn left(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        if self.is_folded(ui.ctx(), Edge::Left) {
            return folded(ui, Edge::Left, actions);
        }
        if self.side == Side::Lesson {
            return self.lesson_panel(ui, frame, actions);
        }
        Panel::left("setup").exact_size(theme::SETUP).frame(frame).resizable(false).show(ui, |ui| {
            ScrollArea::vertical().show(ui, |ui| {
                heads(ui, self.side, actions);
                setup::show(ui, &self.document, self.wanted_setting.take(), actions);
                ui.add_space(8.0);
                ui.separator();
                check::show(ui, look, &self.gpu, actions);
            });
        });
    }

    fn lesson_panel(&mut self, ui: &mut Ui, frame: Frame, actions: &mut Vec<Action>) {
        let width = theme::LESSON.min(ui.available_width() * 0.4);
        Panel::left("lesson").exact_size(width).frame(frame).resizable(false).show(ui, |ui| {
            heads(ui, self.side, actions);
            match &mut self.lesson {
                Some(lesson) => lesson_panel::show(ui, lesson, actions),
                None => {
                    let lessons = &self.store.kept.lessons;
                    ScrollArea::vertical().show(ui, |ui| lesson_panel::contents(ui, lessons, actions));
                }
            }
        });
    }

    pub(super) fn right(&mut self, ui: &mut Ui, look: Option<&Look<'_>>, actions: &mut Vec<Action>) {
        let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::same(12));
        if self.is_folded(ui.ctx(), Edge::Right) {
            return folded(ui, Edge::Right, actions);
        }
        let panel = Panel::right("near").exact_size(theme::NEAR).frame(frame).resizable(false);
        panel.show(ui, |ui| {
            let Some(look) = look else { return };
            let corner = ui.max_rect().right_top() - egui::vec2(20.0, 2.0);
            ScrollArea::vertical().show(ui, |ui| self.row_and_tables(ui, look, actions));
            let place = egui::Rect::from_min_size(corner, egui::vec2(20.0, 20.0));
            ui.scope_builder(egui::UiBuilder::new().max_rect(place), |ui| fold(ui, Edge::Right, ">", actions));
        });
    }

    fn row_and_tables(&mut self, ui: &mut Ui, look: &Look<'_>, actions: &mut Vec<Action>) {
        near::show(ui, look, actions);
        ui.add_space(4.0);
        ui.separator();
        ui.horizontal(|ui| {
            for tab in Tab::ALL {
                if ui.selectable_label(tab == self.tab, tr(ui.ctx(), tab.name())).clicked() {
                    actions.push(Action::Tab(tab));
                }
            }
        });
        match self.tab {
            Tab::Traffic => traffic::show(ui, look),
            Tab::Plot => {
                let scene = self.document.scene().cloned();
                let told = scene.and_then(|scene| self.stage.told(ui.ctx(), &scene, look));
                plot::show(ui, look, told.as_deref());
            }
            Tab::Code => self.code.show(ui, look, &self.gpu, actions),
        }
    }
}

/// Setup or lesson: which of them the left side shows.
fn heads(ui: &mut Ui, side: Side, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        for (of, name) in [(Side::Lesson, "Lesson"), (Side::Setup, "Setup")] {
            let text = tr(ui.ctx(), name).to_owned();
            let response = ui.selectable_label(of == side, text);
            if response.on_hover_text(commands::tooltip(ui.ctx(), &Action::Side(of))).clicked() {
                actions.push(Action::Side(of));
            }
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| fold(ui, Edge::Left, "<", actions));
    });
    ui.add_space(4.0);
}

/// What is left of a side: a button that brings it back.
fn folded(ui: &mut Ui, edge: Edge, actions: &mut Vec<Action>) {
    let frame = Frame::new().fill(Palette::of(ui).panel).inner_margin(Margin::symmetric(4, 8));
    let (panel, sign) = match edge {
        Edge::Left => (Panel::left("left, folded"), ">"),
        Edge::Right => (Panel::right("right, folded"), "<"),
    };
    panel.exact_size(FOLDED).frame(frame).resizable(false).show(ui, |ui| fold(ui, edge, sign, actions));
}

fn fold(ui: &mut Ui, edge: Edge, sign: &str, actions: &mut Vec<Action>) {
    let action = Action::Fold(edge);
    let name = tr(ui.ctx(), edge.name()).to_owned();
    let response = ui.add(egui::Button::new(sign).min_size(egui::vec2(20.0, 20.0)).frame(false));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
    if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
        actions.push(action);
    }
}
