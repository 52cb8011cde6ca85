//! The stage: the main view, what chooses it, and what opens the panels on demand.

use eframe::egui::{self, Layout, Ui};

use crate::app::ink::theme::SPACE;
use crate::app::ink::zoom::Glide;
use crate::app::message::{Message, commands};
use crate::app::panels::compare;
use crate::app::panels::list::PANELS;
use crate::app::panels::panel::{Drawn, Home, Panel};
use crate::app::state::view::MainView;
use crate::app::tongue::words::tr;
use crate::playback::lesson::Distance;

/// Below this width the names of the views stand closer, and wrap rather than cover each other.
const ROOM_FOR_NAMES: f32 = 680.0;

/// The main view, with what can be chosen about it.
pub fn show(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if drawn.view.compare.is_open && drawn.view.compare.is_bare {
        return view(ui, drawn);
    }
    names(ui, drawn);
    ui.add_space(4.0);
    view(ui, drawn);
}

/// The names of the views stand on two lines in so narrow a room.
pub fn is_narrow(width: f32) -> bool {
    width < ROOM_FOR_NAMES
}

/// What chooses the main view, and what opens the panels on demand.
pub fn names(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    if is_narrow(ui.available_width()) {
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.x = SPACE;
            ui.spacing_mut().button_padding.x = SPACE;
            ui.horizontal_wrapped(|ui| {
                views(ui, drawn);
                of_home(Home::OnDemand).for_each(|panel| button(ui, panel, drawn));
            });
        });
    } else {
        ui.horizontal(|ui| {
            views(ui, drawn);
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                of_home(Home::OnDemand).rev().for_each(|panel| button(ui, panel, drawn));
            });
        });
    }
}

/// The view alone, as it is presented; for a moment after it has changed, the way from the one before.
pub fn view(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    let Some((wider, closer, part)) = drawn.view.on_the_way(ui.ctx()) else {
        if let Some(panel) = of_home(Home::Main).find(|panel| is_on(panel, drawn.view)) {
            (panel.show)(ui, drawn);
        }
        return;
    };
    let room = ui.available_rect_before_wrap();
    let focus = drawn.view.focus[usize::from(wider == Distance::Middle)].unwrap_or(room);
    let glide = Glide::new(part, focus, room);
    let seen = Message::Distance(if glide.shows_wider { wider } else { closer });
    if let Some(panel) = of_home(Home::Main).find(|panel| panel.opens == seen) {
        glide.draw(ui, room, |ui| (panel.show)(ui, drawn));
    }
}

pub(super) fn of_home(home: Home) -> impl DoubleEndedIterator<Item = &'static Panel> {
    PANELS.into_iter().filter(move |panel| panel.home == home)
}

/// Whether this is the main view.
fn is_on(panel: &Panel, view: &MainView) -> bool {
    match panel.opens {
        Message::Distance(distance) => distance == view.distance && !view.compare.is_open,
        _ => panel.id == compare::PANEL.id && view.compare.is_open,
    }
}

/// The main views, one of which is on.
fn views(ui: &mut Ui, drawn: &mut Drawn<'_>) {
    for panel in of_home(Home::Main) {
        let response = ui.selectable_label(is_on(panel, drawn.view), tr(ui.ctx(), panel.title));
        if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
            drawn.messages.push(panel.opens.clone());
        }
    }
}

/// Opens a panel on demand, or closes it; one that is opened by what it is about has none.
fn button(ui: &mut Ui, panel: &Panel, drawn: &mut Drawn<'_>) {
    let is_open = drawn.view.is_open(panel.id);
    if panel.command.is_empty() {
        return;
    }
    let response = ui.selectable_label(is_open, tr(ui.ctx(), panel.title));
    if response.on_hover_text(commands::tooltip(ui.ctx(), &panel.opens)).clicked() {
        drawn.messages.push(if is_open { Message::Hide(panel.id) } else { panel.opens.clone() });
    }
}
