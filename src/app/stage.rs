//! The stage: the main view (schedule, tile, row, memories, or two runs compared), and what the user chose about it.

use std::sync::Arc;

use eframe::egui::{self, Layout, Rect, Ui, UiBuilder, vec2};

use crate::playback::lesson::Distance;

use super::action::Action;
use super::blocks::Blocks;
use super::breakpoints::Breakpoints;
use super::compare::{self, Compare};
use super::look::Look;
use super::scene::Scene;
use super::stories::{Stories, Told};
use super::texture::Textures;
use super::theme::{self, SPACE};
use super::trail::{Asked, Trail};
use super::words::tr;
use super::{commands, draw, far, grid, needle, pyramid, tile};

/// Every view of a run, with its name.
const DISTANCES: [(Distance, &str); 4] = [
    (Distance::Far, "Far: schedule"),
    (Distance::Middle, "Middle: tile"),
    (Distance::Near, "Near: one row"),
    (Distance::Memory, "Memories"),
];

/// Below this width the names of the views stand closer, and wrap rather than cover each other.
const ROOM_FOR_NAMES: f32 = 680.0;

/// What can be asked of the stage.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// The component of O that the needle shows.
    Component(usize),
    Lens(far::Lens),
    /// How far the view of the memories is zoomed in: 0 shows the largest, 1 the smallest.
    Memory(f32),
    /// Where did this value come from?
    Ask(Asked),
    CloseTrail,
    /// The panel of breakpoints.
    Breakpoints(bool),
    /// The explorer of block sizes.
    Blocks(bool),
}

/// What was chosen, and the stories that were made for it.
#[derive(Default)]
pub struct Stage {
    /// How close the main view stands.
    pub distance: Distance,
    /// In place of the view while it is open.
    pub compare: Compare,
    /// It is looked at from afar: without controls and hints.
    pub is_projected: bool,
    pub component: usize,
    pub lens: far::Lens,
    /// As [`Wish::Memory`].
    memory: f32,
    stories: Stories,
    ghosts: far::Keeper,
    asked: Option<Asked>,
    trail: Option<Trail>,
    breakpoints: Breakpoints,
    blocks: Blocks,
}

impl Stage {
    /// Standing at `distance`, with nothing else chosen.
    pub fn at(distance: Distance) -> Self {
        Self { distance, ..Self::default() }
    }

    /// Moves closer or farther, and away from a comparison.
    pub fn stand_at(&mut self, distance: Distance) {
        self.distance = distance;
        self.compare.is_open = false;
    }

    pub fn carry_out(&mut self, wish: Wish) {
        match wish {
            Wish::Component(component) => self.component = component,
            Wish::Lens(lens) => self.lens = lens,
            Wish::Memory(zoom) => self.memory = zoom,
            Wish::Ask(asked) => self.asked = Some(asked),
            Wish::CloseTrail => self.trail = None,
            Wish::Breakpoints(is_open) => self.breakpoints.is_open = is_open,
            Wish::Blocks(is_open) => self.blocks.is_open = is_open,
        }
    }

    /// Closes the panel that stands over the view, if one does.
    pub fn close_top(&mut self) -> bool {
        let is_open = [&mut self.blocks.is_open, &mut self.breakpoints.is_open].into_iter().find(|is_open| **is_open);
        self.trail.take().is_some() || is_open.map(|is_open| *is_open = false).is_some()
    }

    /// The view itself shows what is in HBM and on chip.
    pub fn shows_memory(&self) -> bool {
        self.distance == Distance::Far || self.compare.is_open
    }

    pub fn is_busy(&self) -> bool {
        self.stories.is_busy() || self.ghosts.is_busy() || self.breakpoints.is_busy() || self.compare.is_busy()
    }

    /// The main view, with what can be chosen about it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        scene: &Arc<Scene>,
        look: &Look<'_>,
        textures: &mut Textures,
        actions: &mut Vec<Action>,
    ) {
        if self.compare.is_open && self.compare.is_bare {
            return self.view(ui, scene, look, textures, actions);
        }
        let is_narrow = ui.available_width() < ROOM_FOR_NAMES;
        if is_narrow {
            ui.scope(|ui| {
                ui.spacing_mut().item_spacing.x = SPACE;
                ui.spacing_mut().button_padding.x = SPACE;
                ui.horizontal_wrapped(|ui| {
                    self.distances(ui, actions);
                    self.blocks_button(ui, actions);
                    self.breakpoints_button(ui, actions);
                });
            });
        } else {
            ui.horizontal(|ui| {
                self.distances(ui, actions);
                ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                    self.breakpoints_button(ui, actions);
                    self.blocks_button(ui, actions);
                });
            });
        }
        ui.add_space(4.0);
        self.on_demand(ui, scene, look, textures, actions);
        self.view(ui, scene, look, textures, actions);
    }

    /// What happens to the row that is looked at; `None` while it is being found out, or where none is on chip.
    pub fn told(&mut self, ctx: &egui::Context, scene: &Arc<Scene>, look: &Look<'_>) -> Option<Arc<Told>> {
        self.stories.get(ctx, scene, look.generation, look.row()?)
    }

    /// The view alone, as it is presented.
    pub fn view(
        &mut self,
        ui: &mut Ui,
        scene: &Arc<Scene>,
        look: &Look<'_>,
        textures: &mut Textures,
        actions: &mut Vec<Action>,
    ) {
        if self.compare.is_open {
            let ghosts = self.ghosts.get(ui.ctx(), scene, look.generation);
            return compare::show(ui, scene, look, ghosts, &mut self.compare, textures, actions);
        }
        match self.distance {
            Distance::Memory => pyramid::show(ui, look, self.memory, actions),
            Distance::Far => {
                let ghosts = self.ghosts.get(ui.ctx(), scene, look.generation);
                far::show(ui, look, self.lens, ghosts.as_deref(), textures, actions);
            }
            Distance::Middle if self.is_projected => tile::show(ui, look, textures, actions),
            Distance::Middle => middle(ui, look, textures, actions),
            Distance::Near => {
                let query = look.row().unwrap_or(look.selection.query);
                let told = self.stories.get(ui.ctx(), scene, look.generation, query);
                needle::show(ui, look, self, told.as_deref(), actions);
            }
        }
    }
}

impl Stage {
    /// The main views, one of which is on.
    fn distances(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        for (distance, name) in DISTANCES {
            let action = Action::Distance(distance);
            let is_here = self.distance == distance && !self.compare.is_open;
            let response = ui.selectable_label(is_here, tr(ui.ctx(), name));
            if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
                actions.push(action);
            }
        }
        let action = Action::Compare(compare::Wish::Open);
        let response = ui.selectable_label(self.compare.is_open, tr(ui.ctx(), "Compare"));
        if response.on_hover_text(commands::tooltip(ui.ctx(), &action)).clicked() {
            actions.push(action);
        }
    }

    fn breakpoints_button(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let is_open = self.breakpoints.is_open;
        if ui.selectable_label(is_open, tr(ui.ctx(), "Breakpoints")).clicked() {
            actions.push(Action::Stage(Wish::Breakpoints(!is_open)));
        }
    }

    fn blocks_button(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let is_open = self.blocks.is_open;
        if ui.selectable_label(is_open, tr(ui.ctx(), "Block sizes")).clicked() {
            actions.push(Action::Stage(Wish::Blocks(!is_open)));
        }
    }

    /// Panels that stand over the view while they are asked for.
    fn on_demand(
        &mut self,
        ui: &Ui,
        scene: &Arc<Scene>,
        look: &Look<'_>,
        textures: &mut Textures,
        actions: &mut Vec<Action>,
    ) {
        if let Some(asked) = self.asked.take() {
            self.trail = Some(Trail::of(asked, look));
        }
        self.trail = self.trail.take().filter(|trail| trail.is_of(look));
        if let Some(trail) = &self.trail {
            trail.show(ui.ctx(), look, actions);
        }
        self.breakpoints.show(ui.ctx(), scene, look, actions);
        self.blocks.show(ui.ctx(), textures, actions);
    }
}

/// The tile, with the schedule as a thumbnail beside it.
fn middle(ui: &mut Ui, look: &Look<'_>, textures: &mut Textures, actions: &mut Vec<Action>) {
    let side = (ui.available_width() * 0.26).clamp(96.0, 320.0);
    let area = ui.available_rect_before_wrap();
    let (left, right) = area.split_left_right_at_x(area.left() + side);
    column(ui, left, &mut |ui| grid::show(ui, look, textures, actions));
    let right = Rect::from_min_max(right.min + vec2(24.0, 0.0), right.max);
    column(ui, right, &mut |ui| tile::show(ui, look, textures, actions));
}

/// A panel on demand, over the stage. Gives whether it stays open.
pub fn on_demand(ctx: &egui::Context, title: &str, width: f32, add: impl FnOnce(&mut Ui)) -> bool {
    let mut is_open = true;
    // The steps below stay in sight and in reach.
    let mut room = ctx.content_rect();
    room.max.y -= theme::TIMELINE.min(room.height() / 2.0);
    let window = egui::Window::new(tr(ctx, title)).id(egui::Id::unique(title)).default_pos(corner(ctx, width));
    let window = window.constrain_to(room);
    window.title_bar(false).resizable(false).default_width(width).show(ctx, |ui| {
        is_open = titled(ui, title);
        add(ui);
    });
    is_open
}

/// The title of a panel with a button that closes it: the library's buttons have English names. Gives whether it stays.
pub fn titled(ui: &mut Ui, title: &str) -> bool {
    let mut is_open = true;
    ui.horizontal(|ui| {
        draw::title(ui, title);
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            let name = tr(ui.ctx(), "Close").to_owned();
            let response = ui.add(egui::Button::new("\u{00d7}").frame(false)).on_hover_text(&name);
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            is_open = !response.clicked();
        });
    });
    is_open
}

/// Where a panel on demand opens: over the right of the stage, below its own button, so that the row stays in sight.
fn corner(ctx: &egui::Context, width: f32) -> egui::Pos2 {
    let right = ctx.content_rect().right_top();
    right + vec2(-(theme::NEAR + width + 32.0), theme::TOP_BAR + theme::MEMORY_STRIP + 40.0)
}

/// A part of the stage that keeps to its place.
pub fn column(ui: &mut Ui, rect: Rect, add: &mut dyn FnMut(&mut Ui)) {
    let builder = UiBuilder::new().max_rect(rect).layout(Layout::top_down(egui::Align::Min));
    ui.scope_builder(builder, |ui| {
        ui.shrink_clip_rect(rect);
        add(ui);
    });
}
