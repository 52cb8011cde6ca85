//! How wide a side of the window is: as the person has made it, kept over a start, within what the window has room for now.

use std::collections::BTreeMap;

use eframe::egui::accesskit::Action;
use eframe::egui::{self, Id, IdSalt, Rangef, Rect, Ui, containers::panel::PanelState, vec2};

use crate::app::tongue::words::tr;

/// A side whose inner edge can be dragged.
pub struct SizedSide {
    id: &'static str,
    /// What the window has room for.
    range: Rangef,
    /// Until the person gives it one.
    default: f32,
}

impl SizedSide {
    pub fn new(id: &'static str, default: f32, (least, most): (f32, f32)) -> Self {
        let range = Rangef::new(least, most.max(least));
        Self { id, range, default }
    }

    /// The library's panel, as wide as it was made, where the window has the room. A width in the file that is none is none.
    pub fn panel(&self, ui: &Ui, make: fn(&'static str) -> egui::Panel, kept: &BTreeMap<String, f32>) -> egui::Panel {
        let wanted = kept.get(self.id).copied().filter(|width| width.is_finite()).unwrap_or(self.default);
        let width = self.range.clamp(wanted);
        // What the library remembers is what a narrower window had room for.
        let outer_rect = Rect::from_min_size(egui::Pos2::ZERO, vec2(width, 0.0));
        ui.data_mut(|data| data.insert_persisted(self.panel_id(ui), PanelState { outer_rect }));
        let is_movable = self.range.span() > 0.0;
        make(self.id).default_size(width).size_range(self.range).resizable(is_movable)
    }

    /// Keeps what the person has just made of it, by the pointer or by what assists them; and names its edge, which the
    /// library does in English.
    pub fn keep(&self, ui: &Ui, shown: Rect, kept: &mut BTreeMap<String, f32>) {
        let edge = self.panel_id(ui).with("__resize");
        let Some(response) = ui.ctx().read_response(edge) else { return };
        let is_assisted = |input: &egui::InputState| {
            let all = [Action::Increment, Action::Decrement, Action::SetValue];
            all.into_iter().any(|action| input.has_accesskit_action_request(edge, action))
        };
        if response.dragged() || response.drag_stopped() || ui.input(is_assisted) {
            kept.insert(self.id.to_owned(), shown.width().round());
        }
        let name = tr(ui.ctx(), "Width of this side").to_owned();
        ui.ctx().accesskit_node_builder(edge, |node| node.set_label(name));
    }

    fn panel_id(&self, ui: &Ui) -> Id {
        ui.scope_id().with_salt(IdSalt::new(self.id))
    }
}
