//! What part of the plane is seen: zooms and moves.

use eframe::egui::{Rect, Ui, Vec2, vec2};

use crate::app::message::Action;
use crate::app::shell::stage::Wish;

/// What part of the plane is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lens {
    /// 1 shows all of it.
    pub zoom: f32,
    /// The part in the middle, from 0 to 1 along both axes.
    pub center: Vec2,
}

impl Default for Lens {
    fn default() -> Self {
        Self { zoom: 1.0, center: vec2(0.5, 0.5) }
    }
}

impl Lens {
    /// The part that is seen, within 0 to 1.
    pub fn seen(self) -> Rect {
        let half = vec2(0.5, 0.5) / self.zoom.max(1.0);
        let center = self.center.clamp(half, vec2(1.0, 1.0) - half);
        Rect::from_center_size(center.to_pos2(), half * 2.0)
    }

    /// Zoomed by `factor`, with the point under `at` (a part of the view) held.
    fn zoomed(self, factor: f32, at: Vec2, most: f32) -> Self {
        let seen = self.seen();
        let held = seen.min + seen.size() * at;
        let zoom = (self.zoom * factor).clamp(1.0, most.max(1.0));
        let size = vec2(1.0, 1.0) / zoom;
        Self { zoom, center: (held - size * at).to_vec2() + size * 0.5 }
    }
}

/// The wheel zooms at the pointer, dragging moves, a double click shows everything.
pub fn steer(ui: &Ui, response: &eframe::egui::Response, rect: Rect, lens: Lens, most: f32, actions: &mut Vec<Action>) {
    let mut wanted = lens;
    if let Some(at) = response.hover_pos() {
        let (scroll, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
        let factor = (scroll / 200.0).exp() * pinch;
        if factor != 1.0 {
            wanted = wanted.zoomed(factor, (at - rect.min) / rect.size(), most);
        }
    }
    if response.dragged() {
        wanted.center -= response.drag_delta() / rect.size() / wanted.zoom;
        wanted.center = wanted.seen().center().to_vec2();
    }
    if response.double_clicked() {
        wanted = Lens::default();
    }
    if wanted != lens {
        actions.push(Action::Stage(Wish::Lens(wanted)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use eframe::egui::pos2;

    #[test]
    fn a_zoom_holds_the_point_under_the_pointer() {
        let at = vec2(0.25, 0.75);
        let lens = Lens::default().zoomed(4.0, at, 100.0);
        let held = lens.seen().min + lens.seen().size() * at;
        assert!((held - pos2(0.25, 0.75)).length() < 1e-6, "{held:?}");
        assert_eq!(lens.zoomed(1e-9, at, 100.0).seen(), Lens::default().seen());
        assert_eq!(Lens::default().zoomed(1e9, at, 8.0).zoom, 8.0);
    }
}
